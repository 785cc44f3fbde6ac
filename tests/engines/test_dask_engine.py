import asyncio
import logging
import os
import pickle
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from oracles import brute_force
from problems import weighted_sources as make_problem

from skdrift import ConservativeDrifter, LaplaceDrifter, SinkhornDrifter, SoftmaxDrifter
from skdrift.engines import (
    DaskEngine,
    KeopsEngine,
    NufftEngine,
    NumbaEngine,
    NumpyEngine,
    Work,
    _dask,
    get_engine,
)
from skdrift.engines._cpu._profiles import compile_profiles
from skdrift.fields import DriftField, conservative, displacement
from skdrift.kernels import Gaussian, Matern, get_kernel

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.usefixtures("no_work_is_small")

FIELDS = {"conservative": conservative, "displacement": displacement}
NAMES = ["gaussian", "laplace", "matern32", "matern52", "rational_quadratic"]
GAUSSIAN = displacement(Gaussian())
ENGINE_HERE = _dask._engine_here.__wrapped__  # without its cache
SIZES = _dask._MIN_PAIRS, _dask._MIN_SHARD_ROWS


@pytest.fixture
def real_sizes(no_work_is_small, monkeypatch):
    """Small work stays small after all."""
    monkeypatch.setattr(_dask, "_MIN_PAIRS", SIZES[0])
    monkeypatch.setattr(_dask, "_MIN_SHARD_ROWS", SIZES[1])


@pytest.fixture
def sent(client, monkeypatch):
    """Numbers of rows of all that is sent to the workers, in order."""
    rows = []
    scatter = client.scatter

    def counted(pieces, **options):
        rows.append(sum(map(len, pieces)))
        return scatter(pieces, **options)

    monkeypatch.setattr(client, "scatter", counted)
    return rows


# -- the sums ------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    d=st.integers(1, 5),
    n=st.integers(1, 9),
    m=st.integers(1, 9),
    log_h=st.floats(-3, 3),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 2**16),
)
def test_any_shape_with_fewer_sources_than_workers_or_not(
    client, d, n, m, log_h, shift, seed
):
    rng = np.random.default_rng(seed)
    x, y = shift + rng.standard_normal((n, d)), shift + rng.standard_normal((m, d))
    deleted = rng.integers(0, m, n) if m > 1 else None
    result = (
        DaskEngine().bind(y).reduce(x, displacement(Matern()), np.exp(log_h), deleted)
    )
    log_z, pulled = brute_force(
        x, y, Matern(), np.exp(log_h), "displacement", deleted=deleted
    )
    assert_allclose(result.log_z, log_z, rtol=1e-8, atol=1e-8)
    assert_allclose(result.displacement, pulled, rtol=1e-6, atol=1e-8)


def test_a_deleted_source_is_deleted_in_its_shard_only(client):
    x, y, log_w = make_problem(2, n=70)
    # Every source, then sources of all shards in any order, some twice, some none.
    mixed = np.random.default_rng(0).integers(-1, 70, 70)
    for deleted in (np.arange(70), mixed):
        result = DaskEngine().bind(y, log_w).reduce(x, GAUSSIAN, 0.3, deleted)
        whole = NumpyEngine().bind(y, log_w).reduce(x, GAUSSIAN, 0.3, deleted)
        assert_allclose(result.log_z, whole.log_z, rtol=1e-12, atol=1e-12)
        assert_allclose(result.displacement, whole.displacement, atol=1e-12)


# -- what is sent, and what is kept --------------------------------------------------


def test_particles_are_sent_once_per_step_and_the_data_once(client, sent):
    x, y, _ = make_problem(2)
    field = DriftField(GAUSSIAN, leave_one_out=True).bind(DaskEngine(), y)
    reference = DriftField(GAUSSIAN, leave_one_out=True).bind(NumpyEngine(), y)
    for step in range(4):
        z = x + 0.1 * step
        v = field.on_particles(z, 0.5)
        assert_allclose(v, reference.on_particles(z, 0.5), atol=1e-12)
    # Data, particles, the indices that they leave out; then particles only.
    assert sent == [70, 40, 40, 40, 40, 40]


def test_queries_that_changed_in_place_are_sent_again(client, sent):
    x, y, _ = make_problem(2)
    bound = DaskEngine().bind(y)
    for shift in (0.0, 1.0):
        x += shift
        result = bound.reduce(x, GAUSSIAN, 0.5)
        expected = NumpyEngine().bind(y).reduce(x, GAUSSIAN, 0.5)
        assert_allclose(result.displacement, expected.displacement, atol=1e-12)
    assert sent == [70, 40, 40]


def test_queries_in_another_precision_are_others(client):
    x, _, _ = make_problem(2)
    x = x.astype(np.float32).astype(np.float64)
    engine = DaskEngine()
    for dtype in (np.float64, np.float32, np.float64):
        result = engine.bind(x.astype(dtype)).reduce(x.astype(dtype), GAUSSIAN, 0.5)
        assert result.displacement.dtype == dtype


def test_a_shard_is_bound_once(client, monkeypatch):
    class Counting(NumpyEngine):
        sizes = []

        def bind(self, sources, log_weights=None):
            self.sizes.append(len(sources))
            return super().bind(sources, log_weights)

    monkeypatch.setattr(_dask, "_engine_here", lambda: Counting)
    x, y, _ = make_problem(2)
    bound = DaskEngine().bind(y)
    for step in range(3):
        bound.reduce(x + step, GAUSSIAN, 1.0)
    assert sorted(Counting.sizes) == [23, 23, 24]


def test_nothing_stays_on_the_workers(start_client):
    def n_tasks(dask_scheduler):
        return len(dask_scheduler.tasks)

    x, y, log_w = make_problem(2)
    with start_client(2) as client:
        engine = DaskEngine()
        bound = engine.bind(y, log_w)
        bound.reduce(x, GAUSSIAN, 1.0)
        assert client.run_on_scheduler(n_tasks) > 0
        del bound, engine
        deadline = time.monotonic() + 10
        while client.run_on_scheduler(n_tasks) > 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.usefixtures("real_sizes")
def test_small_work_stays_here(client, sent):
    x, y, _ = make_problem(2, n=2000, m=1200)
    few = DaskEngine().bind(y[:900]).reduce(x, GAUSSIAN, 1.0)  # sources
    expected = NumpyEngine().bind(y[:900]).reduce(x, GAUSSIAN, 1.0)
    assert_array_equal(few.displacement, expected.displacement)
    DaskEngine().bind(y).reduce(x, GAUSSIAN, 1.0)  # pairs
    assert sent == []


@pytest.mark.usefixtures("real_sizes")
def test_large_work_goes_to_the_workers_in_few_pieces(client, sent):
    x, y, _ = make_problem(2, n=1200, m=2600)
    bound = DaskEngine().bind(y)
    result = bound.reduce(x, GAUSSIAN, 1.0)
    assert sent == [2600, 1200]
    assert len(bound._shards[1]) == 2  # three would have less than a thousand rows
    expected = NumpyEngine().bind(y).reduce(x, GAUSSIAN, 1.0)
    assert_allclose(result.displacement, expected.displacement, atol=1e-12)


def test_a_shard_travels_without_what_its_engine_keeps():
    _, y, log_w = make_problem(3)
    shard = _dask._Shard(y, log_w, 0, 70)
    assert shard.bound is not None
    copy = pickle.loads(pickle.dumps(shard))
    assert "bound" not in vars(copy)
    assert_array_equal(copy.sources, y)
    assert sys.getsizeof(shard) >= y.nbytes + log_w.nbytes


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "kernel", [*map(get_kernel, NAMES), get_kernel("rational_quadratic").sharp()]
)
def test_profiles_are_compiled_elsewhere_as_they_are_here(field, kernel):
    profiles = FIELDS[field](kernel)
    there = pickle.loads(pickle.dumps(profiles))
    assert compile_profiles(there, 0.7) == compile_profiles(profiles, 0.7) is not None


# -- the engine of a worker ----------------------------------------------------------


def test_compiled_code_has_the_threads_of_its_worker(client, monkeypatch):
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(_dask, "_engine_here", lambda: NumbaEngine)

    def threads():
        before = numba.get_num_threads()
        with _dask._threads_of_worker():
            inside = numba.get_num_threads()
        return before, inside, numba.get_num_threads()

    before, inside, after = client.submit(threads, pure=False).result()
    assert (inside, before) == (1, after)


@pytest.mark.parametrize(
    ("gpus", "failing", "expected"),
    [
        (1, (), KeopsEngine),
        (0, (), NumbaEngine),
        (1, (KeopsEngine,), NumbaEngine),
        (0, (NumbaEngine,), NumpyEngine),
    ],
)
def test_a_worker_takes_the_fastest_engine_that_works(
    monkeypatch, caplog, gpus, failing, expected
):
    class Bound:
        def reduce(self, *arguments):
            pass

    def fail(self, sources, log_weights=None):
        raise OSError("broken")

    monkeypatch.setattr(_dask._gpu, "gpu_count", lambda: gpus)
    for engine in (KeopsEngine, NumbaEngine):
        monkeypatch.setattr(engine, "unavailable_reason", staticmethod(lambda: None))
        bind = fail if engine in failing else lambda *_: Bound()
        monkeypatch.setattr(engine, "bind", bind)
    with caplog.at_level(logging.WARNING, "skdrift"):
        assert ENGINE_HERE() is expected
    assert [engine.name in caplog.text for engine in failing] == [True] * len(failing)


# -- losses --------------------------------------------------------------------------


def test_a_lost_worker_is_made_up_for(caplog, start_client):
    x, y, log_w = make_problem(2)
    expected = NumpyEngine().bind(y, log_w).reduce(x, GAUSSIAN, 0.5, np.arange(40))
    with start_client(2) as client:
        bound = DaskEngine().bind(y, log_w)
        bound.reduce(x, GAUSSIAN, 0.5)
        worker = client.cluster.workers[0]
        client.sync(worker.close, nanny=False, executor_wait=False)
        with caplog.at_level(logging.WARNING, "skdrift"):
            result = bound.reduce(x, GAUSSIAN, 0.5, np.arange(40))
        assert len(bound._shards[1]) == 1
    assert_allclose(result.log_z, expected.log_z, atol=1e-12)
    assert_allclose(result.displacement, expected.displacement, atol=1e-12)
    assert "the reduction is computed again" in caplog.text


def test_losses_again_and_again_are_an_error(client, monkeypatch):
    x, y, _ = make_problem(2)
    attempts = []

    def lose(*_, **__):
        attempts.append(1)
        raise OSError("connection lost")

    monkeypatch.setattr(client, "scatter", lose)
    with pytest.raises(RuntimeError, match=r"each of 3 attempts .*connection lost"):
        DaskEngine().bind(y).reduce(x, GAUSSIAN, 1.0)
    assert len(attempts) == 3


class Raising(Gaussian):
    def log_profile(self, r2):
        raise KeyError("of the kernel")


def test_an_error_of_the_kernel_is_no_loss(client, caplog):
    x, y, _ = make_problem(2)
    with pytest.raises(KeyError, match="of the kernel"):
        DaskEngine().bind(y).reduce(x, displacement(Raising()), 1.0)
    assert "computed again" not in caplog.text


def test_a_cluster_without_workers_says_so(monkeypatch, start_client):
    x, y, _ = make_problem(2)
    monkeypatch.setattr(_dask, "_PATIENCE", 0.1)
    with start_client(0), pytest.raises(RuntimeError, match=r"had no worker for 0\.1"):
        DaskEngine().bind(y).reduce(x, GAUSSIAN, 1.0)


def test_workers_that_cannot_import_skdrift(client, monkeypatch):
    def run(function, name):
        raise ModuleNotFoundError(f"No module named {name.split('.')[0]!r}")

    x, y, _ = make_problem(2)
    monkeypatch.setattr(client, "run", run)
    with pytest.raises(RuntimeError, match=r"No module named 'skdrift'.*install"):
        DaskEngine().bind(y).reduce(x, GAUSSIAN, 1.0)


def test_a_closed_client_says_so(start_client):
    x, y, _ = make_problem(2)
    bound = DaskEngine().bind(y)
    with start_client(1):
        bound.reduce(x, GAUSSIAN, 1.0)
    with pytest.raises(RuntimeError, match=r"client was closed.*start one.*call again"):
        bound.reduce(x + 1, GAUSSIAN, 1.0)


# -- choice --------------------------------------------------------------------------


@pytest.mark.usefixtures("real_sizes")
def test_auto_does_not_choose_it_whoever_runs_a_client(client, monkeypatch):
    for engine in (KeopsEngine, NufftEngine, NumbaEngine):
        monkeypatch.setattr(engine, "unavailable_reason", staticmethod(lambda: "none"))
    work = Work(10**6, 10**6, 9, 100, GAUSSIAN)
    assert DaskEngine.unavailable_reason() is None
    assert get_engine("auto", work).name == "numpy"
    assert get_engine("dask", work).name == "dask"


def test_a_task_of_the_cluster_cannot_use_it(client):
    reason = client.submit(DaskEngine.unavailable_reason, pure=False).result()
    assert "in a task of a dask cluster" in reason


def test_an_asynchronous_client_is_none():
    async def reason():
        options = {"processes": False, "dashboard_address": ":0", "n_workers": 0}
        async with distributed.Client(asynchronous=True, **options):
            return DaskEngine.unavailable_reason()

    assert "asynchronous" in asyncio.run(reason())


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(_dask.importlib.util, "find_spec", lambda name: None)
    assert "pip install dask[distributed]" in DaskEngine.unavailable_reason()


def test_without_a_client_and_without_importing_dask():
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from skdrift import ConservativeDrifter\n"
        "X = np.random.default_rng(0).standard_normal((30, 2))\n"
        "ConservativeDrifter(random_state=0).fit(X)\n"
        "assert 'distributed' not in sys.modules\n"
        "drifter = ConservativeDrifter(engine='dask')\n"
        "try:\n"
        "    drifter.fit(X)\n"
        "except ValueError as error:\n"
        "    print(error, hasattr(drifter, 'particles_'))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "no dask client is running; start one" in run.stdout
    assert run.stdout.endswith("False\n")
    assert run.stderr == ""


# -- estimators ----------------------------------------------------------------------

X = np.random.default_rng(1).standard_normal((60, 3)) @ np.diag([1.0, 5.0, 0.1])
QUICK = {"annealing": 1, "max_iter": 2, "early_stopping": False, "random_state": 0}


def drifter(engine, kind=ConservativeDrifter, **parameters):
    return kind(engine=engine, start="gaussian", **QUICK, **parameters)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (ConservativeDrifter, {"kernel": "matern32"}),
        (LaplaceDrifter, {}),
        (SinkhornDrifter, {"sinkhorn_max_iter": 2}),
        (SoftmaxDrifter, {}),
    ],
)
def test_estimators_give_what_they_give_by_numpy(client, kind, parameters):
    weight = np.arange(60) % 5 + 0.5
    here, there = (
        drifter(engine, kind, **parameters).fit(X, sample_weight=weight)
        for engine in ("numpy", "dask")
    )
    assert there.engine_ == "dask"
    assert_allclose(there.particles_, here.particles_, rtol=1e-9, atol=1e-9)
    assert_allclose(there.sample(5), here.sample(5), rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_all_verbs_after_the_cluster_has_changed(client, start_client):
    reference = drifter("numpy").fit(X)
    with start_client(2):
        fitted = drifter("dask").fit(X)
    stored = pickle.dumps(fitted)
    assert b"distributed" not in stored
    fitted = pickle.loads(stored)  # the client now is the one of the fixture
    for verb in ("transform", "velocity", "score_samples", "score"):
        expected = getattr(reference, verb)(X[:7] + 0.01)
        result = getattr(fitted, verb)(X[:7] + 0.01)
        assert_allclose(result, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_dask_array_is_its_numpy_array(client):
    array = pytest.importorskip("dask.array")
    rows = array.from_array(X, chunks=(20, 2))
    some = rows[array.from_array(X[:, 0] > -9, chunks=20)]  # of unknown shape
    weight = np.arange(60) % 5 + 0.5
    expected = drifter("numpy").fit(X, sample_weight=weight)
    for given_rows in (rows, some):
        fitted = drifter("numpy").fit(
            given_rows, sample_weight=array.from_array(weight, chunks=20)
        )
        assert_array_equal(fitted.particles_, expected.particles_)
        assert_array_equal(fitted.score_samples(given_rows), expected.score_samples(X))


# -- processes -----------------------------------------------------------------------


class Deadly(Gaussian):
    """Ends the process in which it finds a file, once."""

    def __init__(self, path=None):
        self.path = path

    def log_profile(self, r2):
        if self.path is not None:
            try:
                os.remove(self.path)
            except FileNotFoundError:
                pass
            else:
                os._exit(1)
        return super().log_profile(r2)


@pytest.mark.usefixtures("real_sizes")
def test_two_processes_one_of_which_dies_at_work(tmp_path, caplog):
    x, y, log_w = make_problem(3, n=1500, m=2100)
    deleted = np.arange(1500)
    reference = NumpyEngine().bind(y, log_w)
    with distributed.Client(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as client:
        bound = DaskEngine().bind(y, log_w)
        result = bound.reduce(x, conservative(Matern()), 0.5, deleted)
        expected = reference.reduce(x, conservative(Matern()), 0.5, deleted)
        assert_allclose(result.log_z, expected.log_z, atol=1e-11)
        assert_allclose(result.displacement, expected.displacement, atol=1e-11)
        assert all(array.flags.writeable for array in result)
        assert {address for address, _ in bound._shards[1]} == set(client.nthreads())

        (tmp_path / "bomb").touch()
        deadly = displacement(Deadly(str(tmp_path / "bomb")))
        with caplog.at_level(logging.WARNING, "skdrift"):
            result = bound.reduce(x, deadly, 0.5, deleted)
        expected = reference.reduce(x, GAUSSIAN, 0.5, deleted)
        assert_allclose(result.displacement, expected.displacement, atol=1e-11)
        assert "computed again" in caplog.text
