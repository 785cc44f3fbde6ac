"""Fits that are interrupted and continued: the same to the last bit."""

import errno
import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from problems import IRIS, WINE
from sklearn.base import clone
from sklearn.utils import check_random_state

from skdrift import (
    ConservativeDrifter,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift.flow import _checkpoint
from skdrift.kernels import RationalQuadratic
from skdrift.tables import TabularDrifter

ATTRIBUTES = (
    "particles_ start_ bandwidth_ scale_ residual_velocity_ step_size_ n_iter_ "
    "stopped_by_ start_noise_ memorization_auc_ tracer_spread_ engine_"
).split()


def assert_same_fit(one, other):
    for name in ATTRIBUTES:
        assert_array_equal(getattr(one, name), getattr(other, name), name)
    assert one.history_.keys() == other.history_.keys()
    for name in one.history_:
        assert_array_equal(one.history_[name], other.history_[name], name)
    assert_array_equal(one.trajectory(), other.trajectory())
    assert_array_equal(one.sample(30, 1), other.sample(30, 1))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.checkpoint"


class Computed:
    """Counts the velocities that are computed, and interrupts before one of them."""

    def __init__(self, field, monkeypatch):
        self.n, self.last, self.error = 0, np.inf, KeyboardInterrupt
        advance = field.advance

        def counted(bound, *arguments):
            if self.n == self.last:
                raise self.error
            self.n += 1
            return advance(bound, *arguments)

        monkeypatch.setattr(field, "advance", counted)


@pytest.fixture
def computed(monkeypatch):
    from skdrift.fields._protocol import BoundField

    return Computed(BoundField, monkeypatch)


def interrupted(drifter, X, computed, after, error=KeyboardInterrupt, **arguments):
    """Fit until so many velocities are computed."""
    computed.n, computed.last, computed.error = 0, after, error
    with pytest.raises(error):
        drifter.fit(X, **arguments)
    assert not hasattr(drifter, "particles_")
    computed.n, computed.last = 0, np.inf
    return drifter


def n_velocities(drifter, X, computed):
    computed.n = 0
    return drifter.fit(X), computed.n


# -- the same result -----------------------------------------------------------------


def test_an_interrupted_fit_continues_wherever_it_stopped(path, computed):
    X = WINE[:, :4]
    whole, total = n_velocities(ConservativeDrifter(random_state=0), X, computed)
    assert total > whole.n_iter_ + 1  # several flows
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    for after in range(1, total, 7):
        interrupted(drifter, X, computed, after)
        assert path.exists()
        drifter.fit(X)
        assert computed.n == total - after  # none of them twice
        assert not path.exists()
        assert_same_fit(drifter, whole)


def test_a_fit_may_be_interrupted_many_times(path, computed):
    whole, total = n_velocities(ConservativeDrifter(random_state=0), WINE, computed)
    times = (total - 1) // 6
    for _ in range(times):
        drifter = ConservativeDrifter(random_state=0, checkpoint=str(path))
        interrupted(drifter, WINE, computed, 6)
    drifter.fit(WINE)
    assert computed.n == total - 6 * times
    assert_same_fit(drifter, whole)


def test_nothing_is_recorded_before_the_first_velocity(path, computed):
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, WINE, computed, 0)
    assert not path.exists()


@pytest.mark.parametrize(
    "drifter",
    [
        LaplaceDrifter(annealing=[3.0, 2.0]),
        SharpDrifter(start="gaussian", step_size="lipschitz", max_iter=12),
        SoftmaxDrifter(temperature=[0.5, 2.0], max_iter=15),
        ConservativeDrifter(kernel=RationalQuadratic(2.0), self_interaction="full"),
        ConservativeDrifter(start=IRIS[::2] + 0.3, engine="numpy"),
        ConservativeDrifter(
            columns={0: "free", 1: {"bounds": (0, None)}}, bandwidth="balance"
        ),
        ConservativeDrifter(early_stopping=False, batch_size=50),
    ],
    ids=lambda drifter: type(drifter).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_kind_of_drifter_continues(drifter, path, computed):
    drifter = clone(drifter).set_params(random_state=3)
    whole, total = n_velocities(clone(drifter), IRIS, computed)
    drifter.set_params(checkpoint=path)
    for after in (total // 3, total - 1):
        interrupted(clone(drifter), IRIS, computed, after)
        assert_same_fit(clone(drifter).fit(IRIS), whole)


def test_potentials_of_plans_are_part_of_the_state(path, monkeypatch):
    from skdrift.fields._sinkhorn import BoundSinkhornField

    computed = Computed(BoundSinkhornField, monkeypatch)
    whole, total = n_velocities(SinkhornDrifter(random_state=0), IRIS, computed)
    drifter = SinkhornDrifter(random_state=0, checkpoint=path)
    for after in (1, total // 2):
        interrupted(drifter, IRIS, computed, after)
        assert_same_fit(drifter.fit(IRIS), whole)


def test_a_calibration_by_part_continues(path, computed):
    X = np.random.default_rng(0).standard_normal((300, 1))
    arguments = {"n_particles": 4100, "random_state": 0}
    whole = ConservativeDrifter(**arguments).fit(X)
    total = computed.n
    drifter = ConservativeDrifter(**arguments, checkpoint=path)
    for after in (total // 4, total - 3):
        interrupted(drifter, X, computed, after)
        assert drifter.fit(X).n_iter_ == whole.n_iter_
        assert_array_equal(drifter.particles_, whole.particles_)
        assert_array_equal(drifter.sample(9, 0), whole.sample(9, 0))


def test_single_precision_and_names_of_columns(path, computed):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(IRIS.astype(np.float32), columns=list("abcd"))
    whole = ConservativeDrifter(random_state=0).fit(frame)
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, frame, computed, 8).fit(frame)
    assert drifter.particles_.dtype == np.float32
    assert_same_fit(drifter.set_output(transform="default"), whole)


def test_the_particles_leave_the_place_of_a_nested_drifter(path, computed):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(IRIS[:, :2], columns=["a", "b"]).assign(kind=list("abc") * 50)
    whole = TabularDrifter(ConservativeDrifter(random_state=0)).fit(frame)
    nested = TabularDrifter(ConservativeDrifter(random_state=0, checkpoint=path))
    computed.last = computed.n + 7
    with pytest.raises(KeyboardInterrupt):
        nested.fit(frame)
    computed.last = np.inf
    assert path.exists()
    drawn = nested.fit(frame).sample(20, random_state=0)
    assert drawn.equals(whole.sample(20, random_state=0))
    assert not path.exists()


def test_callbacks_may_interrupt_and_see_all_steps(path):
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 is the first")
    whole = ConservativeDrifter(random_state=0).fit(IRIS)
    counted = InterruptAt(None)
    ConservativeDrifter(random_state=0).set_callbacks(counted).fit(IRIS)
    for step in (2, counted.n - 3):
        drifter = ConservativeDrifter(random_state=0, checkpoint=path)
        with pytest.raises(KeyboardInterrupt):
            drifter.set_callbacks(InterruptAt(step)).fit(IRIS)
        follower = InterruptAt(None)
        assert_same_fit(drifter.set_callbacks(follower).fit(IRIS), whole)
        assert follower.n == counted.n


class InterruptAt:
    """A callback that interrupts at the end of a step."""

    max_propagation_depth = None

    def __init__(self, step):
        self.step, self.n = step, 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if context.task_name == "step":
            if self.n == self.step:
                raise KeyboardInterrupt
            self.n += 1


# -- the random state ----------------------------------------------------------------


def test_an_instance_ends_where_it_does_without_interruption(path, computed):
    rng = np.random.RandomState(5)
    rng.standard_normal()  # leaves half a pair behind
    whole = ConservativeDrifter(random_state=pickle.loads(pickle.dumps(rng)))
    whole.fit(IRIS)
    drifter = ConservativeDrifter(random_state=rng, checkpoint=path)
    interrupted(drifter, IRIS, computed, 9).fit(IRIS)
    drawn, expected = (d.random_state.standard_normal(5) for d in (drifter, whole))
    assert_array_equal(drawn, expected)
    assert_array_equal(drifter.particles_, whole.particles_)


def test_another_instance_continues_where_the_first_was(path, computed):
    whole = ConservativeDrifter(random_state=np.random.RandomState(5)).fit(IRIS)
    first = ConservativeDrifter(random_state=np.random.RandomState(5), checkpoint=path)
    interrupted(first, IRIS, computed, 9)
    other = np.random.RandomState(np.random.PCG64(1))
    with pytest.raises(ValueError, match=r"RandomState\(MT19937\) \(now .*PCG64"):
        first.set_params(random_state=other).fit(IRIS)
    other = np.random.RandomState(99)
    drifter = first.set_params(random_state=other).fit(IRIS)
    assert_array_equal(drifter.particles_, whole.particles_)


def test_the_global_source_is_left_alone(path, computed):
    source = check_random_state(None)
    began = source.get_state()
    whole = ConservativeDrifter().fit(IRIS)
    source.set_state(began)
    drifter = interrupted(ConservativeDrifter(checkpoint=path), IRIS, computed, 9)
    source.standard_normal(3)
    now = source.get_state()
    drifter.fit(IRIS)
    assert_array_equal(drifter.particles_, whole.particles_)
    for part, before in zip(source.get_state(), now, strict=True):
        assert_array_equal(part, before)


# -- the process is killed -----------------------------------------------------------

KILLED = """
import os, signal, sys
import numpy as np
from skdrift import ConservativeDrifter
from skdrift.flow import _checkpoint
from sklearn.datasets import load_wine

_checkpoint._SECONDS = _checkpoint._TIMES_WRITING = 0
call, left = _checkpoint._Recorder.__call__, [int(sys.argv[2])]

def killing(recorder, x, h, state):
    result = call(recorder, x, h, state)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

_checkpoint._Recorder.__call__ = killing
drifter = ConservativeDrifter(random_state=0, engine="numpy", checkpoint=sys.argv[1])
drifter.fit(load_wine().data)
"""


# Continued in a process as fresh as the killed one, as users do: what a process has
# done before (threads, libraries) may change the last bits of its sums.
CONTINUED = """
import sys
sys.path[:0] = sys.argv[3:]
from sklearn.base import clone
from skdrift import ConservativeDrifter
from skdrift.fields._protocol import BoundField
from test_checkpoint import WINE, assert_same_fit

advance, computed = BoundField.advance, []

def counted(*arguments):
    computed.append(1)
    return advance(*arguments)

BoundField.advance = counted
whole = ConservativeDrifter(random_state=0, engine="numpy").fit(WINE)
total = len(computed)
drifter = clone(whole).set_params(checkpoint=sys.argv[1]).fit(WINE)
assert len(computed) == 2 * total - int(sys.argv[2]), (len(computed), total)
assert_same_fit(drifter, whole)
"""


@pytest.mark.parametrize("step", [3, 17])
def test_a_killed_process_leaves_all_but_the_last_step(path, step):
    arguments = [str(path), str(step), *sys.path]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    subprocess.run([sys.executable, "-c", CONTINUED, *arguments], check=True)
    assert not list(path.parent.iterdir())


def test_what_a_killed_write_left_is_removed(path):
    left = path.parent / ".fit.checkpoint.abc.checkpoint"
    others = path.parent / ".other.checkpoint.abc.checkpoint"
    left.write_bytes(b"half"), others.write_bytes(b"half")
    ConservativeDrifter(checkpoint=path, max_iter=60).fit(IRIS)
    assert [p.name for p in path.parent.iterdir()] == [others.name]


# -- files ---------------------------------------------------------------------------


@pytest.fixture
def always(monkeypatch):
    """Every step is written."""
    monkeypatch.setattr(_checkpoint, "_SECONDS", 0)
    monkeypatch.setattr(_checkpoint, "_TIMES_WRITING", 0)


def test_files_are_private_and_whole_at_every_moment(path, always, monkeypatch):
    replace, seen = os.replace, []

    def looking(temporary, target):
        names = {p.name for p in path.parent.iterdir()}
        assert names == {Path(temporary).name} | ({path.name} if seen else set())
        assert Path(temporary).stat().st_mode & 0o777 == 0o600
        assert _checkpoint._read(temporary)
        replace(temporary, target)
        assert path.stat().st_mode & 0o777 == 0o600
        seen.append(target)

    monkeypatch.setattr(os, "replace", looking)
    drifter = ConservativeDrifter(random_state=0, checkpoint=path).fit(IRIS)
    assert len(seen) > drifter.n_iter_
    assert not list(path.parent.iterdir())


def test_slow_files_are_written_less_often(path, always, monkeypatch, computed):
    clock, replace, writes = [0.0], os.replace, []
    monkeypatch.setattr(_checkpoint, "_TIMES_WRITING", 20)
    monkeypatch.setattr(_checkpoint, "monotonic", lambda: clock[0])

    def slow(*paths):
        replace(*paths)
        clock[0] += 1.0  # a second for every file
        writes.append(computed.n)

    monkeypatch.setattr(os, "replace", slow)
    call = _checkpoint._Recorder.__call__

    def timed(*arguments):
        clock[0] += 5.0  # and five for every step
        return call(*arguments)

    monkeypatch.setattr(_checkpoint._Recorder, "__call__", timed)
    ConservativeDrifter(random_state=0, checkpoint=path).fit(IRIS)
    assert writes == list(range(1, computed.n + 1, 4))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_is_a_warning_and_loses_nothing(
    path, always, monkeypatch, computed, number
):
    whole = ConservativeDrifter(random_state=0).fit(IRIS)
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, IRIS, computed, 7)
    before = path.read_bytes()

    def failing(*paths):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", failing)
    with pytest.warns(UserWarning, match=os.strerror(number)) as warned:
        interrupted(drifter, IRIS, computed, 5)
    assert len(warned) == 1
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    monkeypatch.undo()
    assert_same_fit(drifter.fit(IRIS), whole)


def test_a_disk_that_is_full_in_the_middle_of_a_file(path, always):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.warns(UserWarning, match="was not written.*File too large"):
            drifter.fit(IRIS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(path.parent.iterdir())
    assert_same_fit(drifter, ConservativeDrifter(random_state=0).fit(IRIS))


def test_an_interruption_in_the_middle_of_a_file(path, always, monkeypatch):
    whole = ConservativeDrifter(random_state=0).fit(IRIS)
    savez, n = np.savez, [0]

    def interrupting(file, **members):
        n[0] += 1
        if n[0] == 4:
            file.write(b"half")
            raise KeyboardInterrupt
        savez(file, **members)

    monkeypatch.setattr(np, "savez", interrupting)
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    with pytest.raises(KeyboardInterrupt):
        drifter.fit(IRIS)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert_same_fit(drifter.fit(IRIS), whole)


def test_another_fit_with_the_same_path_is_noticed(path, always, monkeypatch):
    replace = os.replace

    def meanwhile(*paths):
        replace(*paths)
        path.write_bytes(b"of another fit")
        monkeypatch.setattr(os, "replace", replace)

    monkeypatch.setattr(os, "replace", meanwhile)
    with pytest.warns(UserWarning, match="another fit has written it") as warned:
        ConservativeDrifter(random_state=1, checkpoint=path).fit(IRIS)
    assert len(warned) == 1
    assert path.read_bytes() == b"of another fit"


def test_other_errors_leave_the_last_file(path, always, computed):
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, IRIS, computed, 7, MemoryError)
    drifter.fit(IRIS)
    interrupted(drifter, IRIS, computed, 7, SystemExit)
    assert_same_fit(drifter.fit(IRIS), ConservativeDrifter(random_state=0).fit(IRIS))


# -- files that do not fit -----------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"tol": 1e-3}, r"with tol=0\.005 \(now 0\.001\)"),
        ({"kernel": "laplace"}, r"kernel='gaussian' \(now 'laplace'\)"),
        ({"kernel": RationalQuadratic(3.0)}, r"\(now .*RationalQuadratic.*3\.0"),
        ({"start": IRIS[:150]}, r"start='local' \(now array \(150, 4\)"),
        ({"start": lambda n, rng: rng.normal(n)}, r"start='local' \(now .*lambda"),
        ({"columns": [{"grid": 0.1}, *3 * ["auto"]]}, r"\(now \[\{'grid': 0\.1\}, 'a"),
        ({"random_state": 1}, r"random_state=0 \(now 1\)"),
        ({"random_state": None}, r"random_state=0 \(now None\)"),
        ({"engine": "numpy", "max_iter": 9}, r"engine='auto' \(now.*, with max_iter="),
    ],
)
def test_another_parameter_is_an_error_that_names_it(path, computed, parameters, what):
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, IRIS, computed, 7)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=f"fit.checkpoint' was written by.*{what}"):
        drifter.set_params(**parameters).fit(IRIS)
    assert path.read_bytes() == before


def test_other_data_and_weights_are_an_error(path, computed):
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, IRIS, computed, 7)
    changed = IRIS.copy()
    changed[17, 2] += 1e-9
    weight = np.ones(len(IRIS))
    weight[3] = 2
    for data in ([changed], [IRIS[1:]], [IRIS.astype(np.float32)], [WINE]):
        with pytest.raises(ValueError, match="was written by a fit of other data"):
            drifter.fit(*data)
    with pytest.raises(ValueError, match="of other data"):
        drifter.fit(IRIS, sample_weight=weight)
    # The order of the rows has never mattered.
    assert_same_fit(drifter.fit(IRIS[::-1]), clone(drifter).fit(IRIS))


def test_other_drifters_and_versions_are_an_error(path, computed, monkeypatch):
    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, IRIS, computed, 7)
    with pytest.raises(ValueError, match=r"with drifter=.*Conservative.*now .*Laplace"):
        LaplaceDrifter(random_state=0, checkpoint=path).fit(IRIS)
    monkeypatch.setattr(_checkpoint, "__version__", "9.9")
    with pytest.raises(ValueError, match=r"skdrift=.*now 9\.9"):
        drifter.fit(IRIS)


def test_numbers_that_differ_by_rounding_are_an_error(path, computed, monkeypatch):
    from skdrift._starts._local import LocalStart

    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    interrupted(drifter, IRIS, computed, 7)
    draw = LocalStart.draw

    def rounded(*arguments):
        moved = draw(*arguments)
        return lambda noise: moved(noise) * (1 + 1e-15)

    monkeypatch.setattr(LocalStart, "draw", rounded)
    with pytest.raises(ValueError, match=r"differs from this fit in step 0 of flow 0"):
        drifter.fit(IRIS)


def test_a_start_may_be_a_function_with_any_name(path, computed):
    class Shifted:
        def __call__(self, n, random_state):
            return random_state.standard_normal((n, 4))

    drifter = ConservativeDrifter(start=Shifted(), random_state=0, checkpoint=path)
    whole = clone(drifter).fit(IRIS)
    interrupted(drifter, IRIS, computed, 4)
    assert_same_fit(drifter.set_params(start=Shifted()).fit(IRIS), whole)


def test_damaged_files_are_errors_or_harmless(path, computed):
    drifter = ConservativeDrifter(
        n_particles=8, start="gaussian", max_iter=6, tol=10.0, random_state=0
    )
    X = IRIS[:20, :2]
    particles = drifter.fit(X).particles_
    drifter.set_params(checkpoint=path)
    interrupted(drifter, X, computed, 2)
    whole = path.read_bytes()
    for end in [*range(0, len(whole) - 1, 97), len(whole) - 1]:
        path.write_bytes(whole[:end])
        with pytest.raises(ValueError, match=r"fit.checkpoint' is damaged"):
            drifter.fit(X)
    n_errors = 0
    for place in range(0, len(whole), 29):
        changed = bytearray(whole)
        changed[place] ^= 0x55
        path.write_bytes(changed)
        try:
            assert_array_equal(drifter.fit(X).particles_, particles)
        except ValueError as error:
            assert "fit.checkpoint'" in str(error)  # noqa: PT017
            n_errors += 1
    assert n_errors > 100


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18)])
def test_files_that_are_no_checkpoints_are_errors(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"fit.checkpoint' is damaged, or no check"):
        ConservativeDrifter(checkpoint=path).fit(IRIS)
    assert path.read_bytes() == content


def test_no_pickle_is_read(path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(path) + ".bomb",)

    np.savez(path.open("wb"), note=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        ConservativeDrifter(checkpoint=path).fit(IRIS)
    np.save(path.open("wb"), np.zeros(3))
    with pytest.raises(ValueError, match="damaged"):
        ConservativeDrifter(checkpoint=path).fit(IRIS)
    assert not os.path.exists(str(path) + ".bomb")


def test_folders_must_exist_and_be_writable(tmp_path, monkeypatch):
    for path in (tmp_path, tmp_path / "none" / "fit", "", "/proc/fit"):
        drifter = ConservativeDrifter(checkpoint=path)
        with pytest.raises(ValueError, match=r"'checkpoint' parameter is .*Choose a"):
            drifter.fit(IRIS)
        assert not hasattr(drifter, "particles_")
    with pytest.raises(ValueError, match="checkpoint"):
        ConservativeDrifter(checkpoint=3).fit(IRIS)
    tmp_path.chmod(0o500)
    if not os.access(tmp_path, os.W_OK):  # not the superuser
        with pytest.raises(ValueError, match="Permission denied"):
            ConservativeDrifter(checkpoint=tmp_path / "fit").fit(IRIS)
    tmp_path.chmod(0o700)


def test_states_without_a_type_are_an_error(path):
    from skdrift.fields import SinkhornField
    from skdrift.fields._sinkhorn import BoundSinkhornField

    class Bound(BoundSinkhornField):
        state_type = None

    class Field(SinkhornField):
        _bound = Bound

    class Drifter(SinkhornDrifter):
        def recipe(self):
            return super().recipe()._replace(field=Field())

    Drifter(random_state=0).fit(IRIS)
    with pytest.raises(TypeError, match="must have a state_type; Bound has none"):
        Drifter(random_state=0, checkpoint=path).fit(IRIS)


# -- estimators ----------------------------------------------------------------------


def test_the_engine_of_the_interrupted_fit_goes_on(path, computed, monkeypatch):
    from skdrift.flow import _fit

    drifter = ConservativeDrifter(random_state=0, checkpoint=path)
    get_engine, asked = _fit.get_engine, []

    def choosing(name, work):
        asked.append(name)
        return get_engine("numpy" if name == "auto" else name, work)

    monkeypatch.setattr(_fit, "get_engine", choosing)
    interrupted(drifter, IRIS, computed, 4)
    drifter.fit(IRIS)
    assert asked == ["auto", "numpy"]
    assert drifter.flow_.engine == "auto"


def test_it_is_a_parameter_like_others(path):
    drifter = ConservativeDrifter(checkpoint=path, random_state=0)
    assert clone(drifter).get_params()["checkpoint"] == path
    loaded = pickle.loads(pickle.dumps(drifter.fit(IRIS)))
    assert loaded.checkpoint == path
    assert_same_fit(loaded, drifter)
    assert_same_fit(loaded.fit(IRIS), drifter)


def test_a_relative_path_belongs_to_the_folder_where_fit_began(
    tmp_path, monkeypatch, computed
):
    monkeypatch.chdir(tmp_path)
    drifter = ConservativeDrifter(checkpoint="fit", random_state=0)
    interrupted(drifter, IRIS, computed, 4)
    assert (tmp_path / "fit").exists()
    drifter.fit(IRIS)
    assert not (tmp_path / "fit").exists()
