import importlib
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import Parallel, cpu_count, delayed
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Sech, brute_force
from problems import weighted_sources

from skdrift.engines import NumpyEngine
from skdrift.engines._cpu import _engine as module
from skdrift.engines._cpu import _loops as _compiled
from skdrift.engines._cpu._cache import is_on_disk
from skdrift.engines._cpu._engine import NumbaEngine
from skdrift.fields import conservative, displacement
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic

numba = pytest.importorskip("numba")

FIELDS = {"conservative": conservative, "displacement": displacement}
KERNELS = [
    Gaussian(),
    Matern(nu=0.5),
    Matern(nu=1.5),
    Matern(nu=2.5),
    Matern(nu=6.5),
    RationalQuadratic(),
    RationalQuadratic(alpha=0.7),
    RationalQuadratic(alpha=3.3).sharp().sharp(),
]
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
DIMENSIONS = [1, 2, 3, 8, 9, 13, 64]


def make_problem(d, dtype=np.float64, n=41, m=330, seed=0):
    return (a.astype(dtype) for a in weighted_sources(d, n, m, seed))


def assert_reduces(x, y, kernel, h, field, log_w=None, deleted=None):
    dtype = x.dtype.type
    result = NumbaEngine().bind(y, log_w).reduce(x, FIELDS[field](kernel), h, deleted)
    log_z, pulled = brute_force(x, y, kernel, h, field, log_w, deleted)
    assert result.log_z.dtype == result.displacement.dtype == dtype
    tolerance = TOLERANCE[dtype]
    assert_allclose(result.log_z, log_z, rtol=tolerance, atol=tolerance)
    scale = max(h, np.abs(pulled).max(initial=0)) if dtype == np.float64 else h
    assert_allclose(result.displacement, pulled, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("d", [2, 9, 64])
@pytest.mark.parametrize("field", FIELDS)
def test_against_numpy_engine(field, d):
    x, y, log_w = make_problem(d, n=200, m=3000)
    for kernel in KERNELS:
        profiles, h = FIELDS[field](kernel), 0.6 * np.sqrt(d)
        result = NumbaEngine().bind(y, log_w).reduce(x, profiles, h)
        expected = NumpyEngine().bind(y, log_w).reduce(x, profiles, h)
        assert_allclose(result.log_z, expected.log_z, atol=1e-10)
        # The other engine's distance of coincident points is 0 to 1e-8 only.
        assert_allclose(result.displacement, expected.displacement, atol=1e-7 * h)


@settings(max_examples=60, deadline=None)
@given(
    d=st.integers(1, 30),
    n=st.integers(1, 9),
    m=st.integers(1, 9),
    kernel=st.sampled_from(KERNELS),
    field=st.sampled_from(sorted(FIELDS)),
    log_h=st.floats(-3, 3),
    shift=st.floats(-100, 100),
    dtype=st.sampled_from(sorted(TOLERANCE, key=str)),
    seed=st.integers(0, 2**16),
)
def test_any_shape_bandwidth_and_origin(
    d, n, m, kernel, field, log_h, shift, dtype, seed
):
    rng = np.random.default_rng(seed)
    x = (shift + rng.standard_normal((n, d))).astype(dtype)
    y = (shift + rng.standard_normal((m, d))).astype(dtype)
    deleted = rng.integers(0, m, n) if m > 1 else None
    assert_reduces(x, y, kernel, np.exp(log_h), field, deleted=deleted)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 500])
@pytest.mark.parametrize("m", [1, 31, 32, 33, 2049, 5000])
def test_every_shape_of_blocks_and_tasks(n, m):
    for d in (2, 30):
        x, y, log_w = make_problem(d, n=n, m=max(n, m))
        x, y, log_w = x, y[:m], log_w[:m]
        profiles, gone = displacement(Matern()), np.arange(n) % m
        for deleted in (None, gone) if m > 1 else (None,):
            result = NumbaEngine().bind(y, log_w).reduce(x, profiles, 2.0, deleted)
            expected = NumpyEngine().bind(y, log_w).reduce(x, profiles, 2.0, deleted)
            assert_allclose(result.log_z, expected.log_z, atol=1e-11)
            assert_allclose(result.displacement, expected.displacement, atol=1e-10)


def test_no_queries():
    x, y, _ = make_problem(3)
    result = NumbaEngine().bind(y).reduce(x[:0], displacement(Gaussian()), 1.0)
    assert result.log_z.shape == (0,)
    assert result.displacement.shape == (0, 3)


# -- extremes ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("d", [2, 30])
def test_tails(d, field, dtype):
    x, y, log_w = make_problem(d, dtype)
    for distance in (10, 1e3, 1e6):
        far = x.copy()
        far[:, 0] += dtype(distance)
        for kernel in KERNELS:
            with np.errstate(over="ignore"):
                profiles = FIELDS[field](kernel)
                result = NumbaEngine().bind(y, log_w).reduce(far, profiles, 0.5)
                log_z, pulled = brute_force(far, y, kernel, 0.5, field, log_w)
            tolerance = TOLERANCE[dtype]
            assert_allclose(result.log_z, log_z, rtol=tolerance, atol=tolerance)
            # Far away the weights hang on differences of exponents this large.
            exponents = 1e-14 * np.abs(log_z).max() * distance
            length = 0.5 + np.linalg.norm(pulled, axis=1).max()
            assert_allclose(
                result.displacement, pulled, rtol=0, atol=tolerance * length + exponents
            )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("h", [1e-15, 1e-9, 1e-3, 1e4, 1e9, 1e15])
def test_tiny_and_huge_bandwidth(h, field, dtype):
    for d in (2, 30):
        x, y, log_w = make_problem(d, dtype)
        for kernel in (Gaussian(), Matern(nu=0.5), Matern(), RationalQuadratic()):
            profiles = FIELDS[field](kernel)
            result = NumbaEngine().bind(y, log_w).reduce(x, profiles, h)
            log_z, pulled = brute_force(x, y, kernel, h, field, log_w)
            assert np.all(np.isfinite(result.displacement))
            tolerance = 1e-5 if dtype == np.float32 else 1e-11
            assert_allclose(result.log_z, log_z, rtol=tolerance, atol=tolerance)
            # A bandwidth above 1 only makes the weights equal.
            assert_allclose(
                result.displacement,
                pulled,
                rtol=tolerance,
                atol=tolerance * max(1, np.abs(pulled).max()),
            )


def test_far_queries_and_near_ones_together_in_single_precision():
    x, y, log_w = make_problem(2, np.float32)
    x[::3] += np.float32(60)
    for kernel in (Gaussian(), Matern(nu=0.5), Matern(nu=2.5)):
        for field in FIELDS:
            deleted = np.arange(len(x))
            assert_reduces(x, y, kernel, 0.5, field, log_w, deleted)


def test_an_outlier_costs_no_digits():
    x, y, _ = make_problem(30, np.float32)
    y[0] += 1e4
    deleted = np.arange(len(x))
    deleted[0] = 1
    assert_reduces(x[1:], y, Gaussian(), 3.0, "displacement", deleted=deleted[1:])


# -- elementary functions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "least", "tolerance"),
    [(np.float32, -126, 3e-7), (np.float64, -1022, 1e-15)],
)
def test_exponential_and_logarithm(dtype, least, tolerance):
    _compiled.compile_all()

    @numba.njit
    def evaluate(t, v, power, log):
        for j in range(t.size):
            power[j], log[j] = _compiled._exp2(t[j]), _compiled._log2(v[j])

    t = np.linspace(least + 1, 20, 100_001).astype(dtype)
    v = np.geomspace(1, 1e30, 100_001).astype(dtype)
    power, log = np.empty_like(t), np.empty_like(v)
    evaluate(t, v, power, log)
    assert_allclose(power, np.exp2(t.astype(np.longdouble)).astype(float), tolerance)
    expected = np.log2(v.astype(np.longdouble)).astype(float)
    assert_allclose(log, expected, rtol=tolerance, atol=tolerance)
    below = np.array([least - 1, 10 * least, np.finfo(dtype).min, 0], dtype)
    evaluate(below, v, power, log)
    assert_array_equal(power[:4], [0, 0, 0, 1])


# -- a user's kernel -----------------------------------------------------------------


class Student(Kernel):
    """Compiles: arithmetic, powers, a parameter."""

    def __init__(self, dof=3.0):
        self.dof = dof

    def log_profile(self, r2):
        return -0.5 * (self.dof + 1) * np.log1p(r2 / self.dof)

    def slope_ratio(self, r2):
        return (self.dof + 1) * (self.dof + r2) ** -1


class Helped(Kernel):
    """Does not compile: a method of its own."""

    def log_profile(self, r2):
        return self._half(r2)

    def slope_ratio(self, r2):
        return 1.0 + 0.0 * r2

    def _half(self, r2):
        return -0.5 * r2


class HelpedToo(Helped):
    """Another kernel that does not compile."""


class Steeper(Gaussian):
    """Compiles, and must not be taken for its base class."""

    def log_profile(self, r2):
        return -2.0 * r2

    def slope_ratio(self, r2):
        return 0.0 * r2 + 4.0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_users_kernel_is_compiled(dtype):
    # Each class, field and precision is a compilation; instances share theirs. One
    # class goes through all of them. That methods can be compiled does not depend on
    # the precision of the sums around them, and this field calls both of them.
    one = [(Student(), field) for field in FIELDS]
    others = [(Student(dof=1.5), "conservative")]
    if dtype == np.float64:
        others += [(Sech(), "conservative"), (Steeper(), "conservative")]
    for kernel, field in one + others:
        for d in (2, 30):
            x, y, log_w = make_problem(d, dtype)
            assert_reduces(x, y, kernel, 2.0, field, log_w, np.arange(len(x)))


def test_what_cannot_be_compiled_warns_once_and_is_left_to_numpy(recwarn):
    x, y, log_w = make_problem(3)
    for profiles in (
        displacement(Helped()),
        conservative(Helped()),
        displacement(HelpedToo()),
        conservative(HelpedToo()),
    ):
        expected = NumpyEngine().bind(y, log_w).reduce(x, profiles, 0.7, np.arange(41))
        for _ in range(3):
            result = (
                NumbaEngine().bind(y, log_w).reduce(x, profiles, 0.7, np.arange(41))
            )
            assert_array_equal(result.log_z, expected.log_z)
            assert_array_equal(result.displacement, expected.displacement)
    messages = [str(w.message) for w in recwarn if w.category is UserWarning]
    assert len(messages) == len(set(messages)) == 2
    assert all("numpy engine evaluates it instead" in text for text in messages)


# -- threads, processes, cache -------------------------------------------------------


def reduce_some(seed, d=2):
    x, y, log_w = make_problem(d, n=900, m=1300, seed=seed)
    return NumbaEngine().bind(y, log_w).reduce(x, conservative(Matern()), 1.5)


@pytest.fixture
def one_thread():
    available = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(available)


@pytest.mark.parametrize("d", [2, 30])
def test_from_several_threads(d):
    expected = [reduce_some(seed, d) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda seed: reduce_some(seed, d), range(8)))
    for result, reference in zip(results, expected, strict=True):
        assert_array_equal(result.log_z, reference.log_z)
        assert_array_equal(result.displacement, reference.displacement)


def test_respects_the_number_of_threads(monkeypatch, one_thread):
    alone = reduce_some(0)
    with monkeypatch.context() as context:
        context.setattr(_compiled, "ThreadPoolExecutor", None)  # not to be used
        reduce_some(0)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert_array_equal(reduce_some(0).displacement, alone.displacement)


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_in_joblib_processes(backend):
    expected = reduce_some(0)
    results = Parallel(2, backend=backend)(delayed(reduce_some)(0) for _ in range(2))
    for result in results:
        assert_allclose(result.displacement, expected.displacement, rtol=1e-13)


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


REDUCE = """
import numpy as np
from skdrift.engines._cpu._engine import NumbaEngine
from skdrift.fields import displacement
from skdrift.kernels import Gaussian
x = np.zeros((10, 2))
result = NumbaEngine().bind(x).reduce(x, displacement(Gaussian()), 1.0)
assert abs(result.log_z).max() < 1e-14
from skdrift.engines._cpu import _loops as _compiled
print(sum(_compiled.reduce_rows.stats.cache_hits.values()))
"""


DIGEST = """
import hashlib
X = np.random.default_rng(0).normal(size=(178, 13))
result = NumbaEngine().bind(X).reduce(X + 1, displacement(Gaussian()), 1.0)
numbers = result.log_z.tobytes() + result.displacement.tobytes()
print(hashlib.sha1(numbers).hexdigest())
"""


@pytest.mark.parametrize("drifter", ["ConservativeDrifter", "LaplaceDrifter"])
def test_small_work_does_not_import_it(drifter):
    result = run(
        f"import sys, numpy, skdrift; skdrift.{drifter}(max_iter=1, tol=9)"
        ".fit(numpy.eye(9, 2)); print('numba' in sys.modules)"
    )
    assert result.stdout.strip().endswith("False")


def test_importing_is_lazy():
    result = run(
        "import skdrift, skdrift.engines._cpu._engine, sys\n"
        "print('numba' in sys.modules)"
    )
    assert (result.stdout, result.stderr) == ("False\n", "")


def test_the_compilation_is_kept_and_processes_may_compile_at_once(tmp_path):
    def reduce_once(_):
        return run(REDUCE + DIGEST, NUMBA_CACHE_DIR=str(tmp_path))

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(reduce_once, range(2))
    third = reduce_once(2)
    assert [p.stderr for p in (first, second, third)] == ["", "", ""]
    hits, digests = zip(
        *(p.stdout.split() for p in (first, second, third)), strict=True
    )
    assert hits[2] == "1"
    assert {*hits} == {"0", "1"}
    # The same last bits, whether code was compiled or loaded.
    assert len({*digests}) == 1


def test_it_is_known_whether_code_is_on_disk(tmp_path, monkeypatch):
    reduce_some(0)
    assert is_on_disk()  # beside the package, or in the user's folder
    source = Path(_compiled.__file__)
    changed = source.stat().st_mtime
    try:
        os.utime(source)  # as by an installation of the same version
        assert is_on_disk()
    finally:
        os.utime(source, (changed, changed))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not is_on_disk()


@pytest.fixture
def small_function(tmp_path, monkeypatch):
    """Compile a small function as the loops are, and give the folder of its cache."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    (tmp_path / "module.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("module").double
    yield tmp_path, lambda: _compiled._njit(function, {"cache": True})
    del sys.modules["module"]


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [b"", b"garbage", "half"])
def test_damaged_code_is_compiled_again(small_function, suffix, damage):
    folder, function = small_function
    assert function()(3) == 6
    (file,) = folder.rglob(f"*.{suffix}")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage == "half" else damage)
    again = function()
    assert again(3) == 6
    assert sum(again.stats.cache_hits.values()) == 0
    healed = function()
    assert healed(3) == 6
    assert sum(healed.stats.cache_hits.values()) == 1


def test_code_that_cannot_be_written_is_kept_in_memory(small_function, monkeypatch):
    folder, function = small_function
    compiled = function()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", full)
    assert compiled(3) == 6
    assert compiled(4) == 8
    assert list(folder.rglob("*.nb?")) == []


@pytest.mark.filterwarnings("error")
def test_without_a_place_for_the_cache(small_function, monkeypatch):
    folder, function = small_function
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    compiled = function()
    assert compiled(3) == 6
    assert sum(compiled.stats.cache_hits.values()) == 0
    assert list(folder.rglob("*.nb?")) == []


def test_says_what_to_install(monkeypatch):
    assert NumbaEngine.unavailable_reason() is None
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    assert "pip install numba" in NumbaEngine.unavailable_reason()


# -- jobs beside one another ---------------------------------------------------------


def test_callers_share_the_threads(monkeypatch):
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", 4)
    shares = _compiled._Shares()
    with shares.share(2) as first, shares.share(4) as second, shares.share(4) as third:
        assert (first, second, third) == (2, 2, 1)
    assert shares.in_use == 0
    with pytest.raises(KeyboardInterrupt), shares.share(4):
        raise KeyboardInterrupt
    with shares.share(4) as all_of_them:
        assert all_of_them == 4


def test_jobs_in_threads_do_not_multiply_threads(monkeypatch):
    n_cores, n_jobs = 4, 3
    monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", n_cores)
    monkeypatch.setattr(numba, "get_num_threads", lambda: n_cores)
    lock, running, most = threading.Lock(), [], []

    def task(q):
        with lock:
            running.append(q)
            most.append(len(running))
        time.sleep(0.001)
        with lock:
            running.remove(q)

    def job(_):
        for _ in range(5):
            _compiled.in_threads(task, 2048, 2048)

    Parallel(n_jobs, backend="threading")(delayed(job)(i) for i in range(n_jobs))
    # The first one takes all cores until its sum is done. It was 12 before.
    assert max(most) <= n_cores + n_jobs - 1
    assert _compiled._shares.in_use == 0


def test_jobs_in_threads_have_the_same_sums():
    x, y, log_w = make_problem(3, n=1200, m=1500)
    bound = NumbaEngine().bind(y, log_w)
    profiles = displacement(Gaussian())
    alone = bound.reduce(x, profiles, 0.5)
    jobs = [delayed(bound.reduce)(x, profiles, 0.5) for _ in range(6)]
    for result in Parallel(3, backend="threading")(jobs):
        assert_array_equal(result.log_z, alone.log_z)
        assert_array_equal(result.displacement, alone.displacement)


def test_jobs_in_processes_do_not_multiply_threads():
    n_threads = Parallel(2, backend="loky")(
        delayed(numba.get_num_threads)() for _ in "ab"
    )
    assert sum(n_threads) <= max(2, cpu_count())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_does_not_inherit_threads_in_use():
    with _compiled._shares.share(1):
        pid = os.fork()
        if pid == 0:
            os._exit(_compiled._shares.in_use)
        assert os.waitpid(pid, 0)[1] == 0
