import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from oracles import Sech, brute_force
from problems import weighted_sources as make_problem
from sklearn import config_context

from skdrift import engines
from skdrift.engines import (
    KeopsEngine,
    NufftEngine,
    NumbaEngine,
    NumpyEngine,
    Reduction,
    Work,
    get_engine,
    merge,
)
from skdrift.fields import conservative, displacement
from skdrift.kernels import Kernel, Matern, get_kernel

FIELDS = {"conservative": conservative, "displacement": displacement}
NAMES = ["gaussian", "laplace", "matern32", "matern52", "rational_quadratic"]

needs_keops = pytest.mark.skipif(
    KeopsEngine.unavailable_reason() is not None,
    reason=str(KeopsEngine.unavailable_reason()),
)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d", [1, 2, 4, 5, 13])
@pytest.mark.parametrize("loo", [False, True])
def test_numpy_engine_against_brute_force(name, field, d, loo):
    x, y, log_w = make_problem(d)
    deleted = np.arange(len(x)) if loo else None
    kernel, h = get_kernel(name), 0.4 * np.sqrt(d)
    profiles = FIELDS[field](kernel)
    result = NumpyEngine().bind(y, log_w).reduce(x, profiles, h, deleted)
    log_z, pulled = brute_force(x, y, kernel, h, field, log_w, deleted)
    # 1e-7: through products, the distance of coincident points is 0 to 1e-8 only,
    # and the Laplace profile has a kink there.
    assert_allclose(result.log_z, log_z, rtol=1e-10, atol=1e-10)
    assert_allclose(result.displacement, pulled, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("d", [2, 13])
def test_float32_stays_float32_and_accurate(name, d):
    x, y, log_w = (a.astype(np.float32) for a in make_problem(d))
    kernel, h = get_kernel(name), 0.4 * np.sqrt(d)
    result = NumpyEngine().bind(y, log_w).reduce(x, conservative(kernel), h)
    log_z, pulled = brute_force(x, y, kernel, h, "conservative", log_w)
    assert result.log_z.dtype == result.displacement.dtype == np.float32
    assert_allclose(result.log_z, log_z, atol=2e-5)
    assert_allclose(result.displacement, pulled, atol=1e-5 * h)


@settings(max_examples=40, deadline=None)
@given(
    d=st.integers(1, 7),
    n=st.integers(1, 9),
    m=st.integers(1, 9),
    log_h=st.floats(-3, 3),
    shift=st.floats(-100, 100),
    seed=st.integers(0, 2**16),
)
def test_numpy_engine_on_any_shape_bandwidth_and_origin(d, n, m, log_h, shift, seed):
    rng = np.random.default_rng(seed)
    x = shift + rng.standard_normal((n, d))
    y = shift + rng.standard_normal((m, d))
    h = np.exp(log_h)
    result = NumpyEngine().bind(y).reduce(x, displacement(Matern(nu=1.5)), h)
    log_z, pulled = brute_force(x, y, Matern(nu=1.5), h, "displacement")
    assert_allclose(result.log_z, log_z, rtol=1e-8, atol=1e-8)
    assert_allclose(result.displacement, pulled, rtol=1e-6, atol=1e-8)


def test_default_weights_are_equal():
    x, y, _ = make_problem(3)
    profiles = displacement(get_kernel("gaussian"))
    default = NumpyEngine().bind(y).reduce(x, profiles, 1.0)
    equal = NumpyEngine().bind(y, np.full(70, -np.log(70.0))).reduce(x, profiles, 1.0)
    assert_allclose(default.displacement, equal.displacement, rtol=1e-14)
    assert_allclose(default.log_z, equal.log_z, atol=1e-14)


@pytest.mark.parametrize("deleted", [None, np.arange(40)])
def test_small_working_memory_changes_nothing(deleted):
    x, y, log_w = make_problem(6)
    profiles = conservative(get_kernel("laplace"))
    whole = NumpyEngine().bind(y, log_w).reduce(x, profiles, 1.0, deleted)
    with config_context(working_memory=0.001):  # tiles of 21 pairs
        tiled = NumpyEngine().bind(y, log_w).reduce(x, profiles, 1.0, deleted)
    assert_allclose(tiled.log_z, whole.log_z, rtol=1e-12)
    assert_allclose(tiled.displacement, whole.displacement, atol=1e-13)


def test_log_domain_far_from_all_sources():
    y = np.array([[0.0, 0.0], [1.0, 0.0]])
    x = np.array([[1e4, 0.0]])
    result = NumpyEngine().bind(y).reduce(x, displacement(get_kernel("gaussian")), 0.1)
    assert_allclose(result.displacement, [[1.0 - 1e4, 0.0]])
    assert_allclose(result.log_z, -0.5 * ((1e4 - 1) / 0.1) ** 2 - np.log(2))


@pytest.mark.parametrize("d", [2, 6])
def test_coincident_points_pull_nowhere(d):
    # Unit directions: two distinct sources at the same distance balance, the
    # coincident one adds nothing but its normaliser.
    y = np.zeros((3, d))
    y[1, 0], y[2, 0] = 1.0, -1.0
    profiles = conservative(get_kernel("laplace"))
    centre = NumpyEngine().bind(y).reduce(y[:1], profiles, 1.0)
    assert_allclose(centre.displacement, 0, atol=1e-12)
    two = NumpyEngine().bind(y[:2]).reduce(y[:1], profiles, 1.0)
    e = np.exp(-1)
    assert_allclose(two.displacement[0, 0], e / (1 + e), rtol=1e-7)


@pytest.mark.parametrize("engine", [NumpyEngine, NumbaEngine, NufftEngine])
def test_deleting_the_only_source_leaves_nothing(engine):
    if engine.unavailable_reason():
        pytest.skip(engine.unavailable_reason())
    x = np.array([[7.0, 3.0]])
    profiles = displacement(get_kernel("gaussian"))
    result = engine().bind(x).reduce(x, profiles, 1.0, np.array([0]))
    assert result.log_z[0] == -np.inf
    assert_allclose(result.displacement, 0)


# -- merging -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", FIELDS)
def test_shards_merge_to_the_whole_in_any_order(name, field):
    x, y, log_w = make_problem(3)
    profiles = FIELDS[field](get_kernel(name))
    h = 0.3

    def shard(rows):
        return NumpyEngine().bind(y[rows], log_w[rows]).reduce(x, profiles, h)

    a, b, c = (shard(slice(i, j)) for i, j in [(0, 5), (5, 40), (40, 70)])
    whole = NumpyEngine().bind(y, log_w).reduce(x, profiles, h)
    for merged in (merge(merge(a, b), c), merge(a, merge(b, c)), merge(c, merge(b, a))):
        assert_allclose(merged.log_z, whole.log_z, rtol=1e-12, atol=1e-12)
        assert_allclose(merged.displacement, whole.displacement, atol=1e-12)


def test_merging_with_nothing_changes_nothing():
    x, y, _ = make_problem(2)
    full = NumpyEngine().bind(y).reduce(x, displacement(get_kernel("gaussian")), 0.5)
    empty = Reduction(np.full(40, -np.inf), np.zeros((40, 2)))
    merged = merge(full, empty)
    assert_allclose(merged.log_z, full.log_z)
    assert_allclose(merged.displacement, full.displacement)
    assert np.all(merge(empty, empty).log_z == -np.inf)
    assert_allclose(merge(empty, empty).displacement, 0)


# -- KeOps ---------------------------------------------------------------------------


class Student(Kernel):
    """A user's kernel: powers, in-place arithmetic, a pull that is a constant / x."""

    def log_profile(self, r2):
        base = 1 + r2**1.0 / 3
        base *= 2.0
        return -1.5 * np.log(base) + 0.0 * r2**3

    def pull(self, r2):
        return (1 + r2 / 3) ** -1


class Cone(Kernel):
    """A kernel whose pull is written as a plain number: k = exp(-r^2)."""

    def log_profile(self, r2):
        return -(r2**1)

    def pull(self, r2):
        return 2.0


@needs_keops
@pytest.mark.parametrize(
    ("kernel", "field", "dtype", "tolerance"),
    [
        (get_kernel("gaussian"), "conservative", np.float64, 1e-12),
        (get_kernel("laplace"), "conservative", np.float32, 2e-5),
        (get_kernel("matern52"), "conservative", np.float64, 1e-12),
        (Sech(), "conservative", np.float64, 1e-12),
        (Student(), "conservative", np.float64, 1e-12),
        (Cone(), "conservative", np.float64, 1e-12),
    ],
)
def test_keops_engine_against_numpy(kernel, field, dtype, tolerance):
    x, y, log_w = (a.astype(dtype) for a in make_problem(3))
    profiles = FIELDS[field](kernel)
    numpy, keops = NumpyEngine().bind(y, log_w), KeopsEngine().bind(y, log_w)
    for h in (0.02, 0.5, 3.0):
        for deleted in (None, np.arange(len(x))):
            expected = numpy.reduce(x, profiles, h, deleted)
            result = keops.reduce(x, profiles, h, deleted)
            assert result.displacement.dtype == dtype
            assert_allclose(
                result.log_z, expected.log_z, rtol=tolerance, atol=tolerance
            )
            assert_allclose(result.displacement, expected.displacement, atol=tolerance)


@needs_keops
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keops_on_tensors_of_torch(dtype):
    pytest.importorskip("torch")
    x, y, log_w = (a.astype(dtype) for a in make_problem(3))
    profiles, deleted = conservative(get_kernel("gaussian")), np.arange(len(x))
    numpy, torch = (
        engine.bind(y, log_w) for engine in (KeopsEngine(), KeopsEngine("cpu"))
    )
    for gone in (None, deleted):
        expected = numpy.reduce(x, profiles, 0.5, gone)
        result = torch.reduce(x, profiles, 0.5, gone)
        assert type(result.displacement) is np.ndarray
        assert result.displacement.dtype == dtype
        assert_allclose(result.log_z, expected.log_z, rtol=1e-6)
        assert_allclose(result.displacement, expected.displacement, atol=1e-6)


@needs_keops
def test_keops_compiles_once_whatever_the_sizes_and_numbers(monkeypatch):
    def no_more(*_, **__):
        raise AssertionError("KeOps compiles")

    x, y, log_w = make_problem(3)
    profiles = conservative(get_kernel("gaussian"))
    KeopsEngine().bind(y, log_w).reduce(x, profiles, 0.5)
    loader = sys.modules["pykeops.common.keops_io.LoadKeOps"]
    monkeypatch.setattr(loader, "get_keops_dll", no_more)
    with pytest.raises(RuntimeError, match="KeOps compiles"):  # 11 columns are new
        KeopsEngine().bind(np.zeros((2, 11))).reduce(np.zeros((2, 11)), profiles, 0.5)
    for n, m, h in [(1, 70, 0.1), (40, 1, 2.0), (1, 1, 0.7), (7, 9, 1e-3)]:
        bound = KeopsEngine().bind(y[:m], log_w[:m])
        result = bound.reduce(x[:n], profiles, h, np.full(n, -1))
        expected = NumpyEngine().bind(y[:m], log_w[:m]).reduce(x[:n], profiles, h)
        assert_allclose(result.displacement, expected.displacement, atol=1e-11)
        assert_allclose(result.log_z, expected.log_z, rtol=1e-10, atol=1e-11)


@needs_keops
def test_keops_deleting_the_only_source():
    x = np.full((1, 3), 7.0)
    profiles = conservative(get_kernel("gaussian"))
    result = KeopsEngine().bind(x).reduce(x, profiles, 1.0, np.array([0]))
    assert result.log_z[0] == -np.inf
    assert_allclose(result.displacement, 0)


@needs_keops
def test_keops_says_which_function_it_cannot_translate():
    class Odd(Kernel):
        def log_profile(self, r2):
            return -np.cbrt(r2)

    x = np.zeros((2, 3))
    with pytest.raises(TypeError, match=r"numpy\.cbrt.*engine='numpy'"):
        KeopsEngine().bind(x).reduce(x, displacement(Odd()), 1.0)


@needs_keops
def test_keops_is_quiet():
    code = (
        "import numpy as np; from skdrift import ConservativeDrifter\n"
        "X = np.random.default_rng(0).standard_normal((30, 3))\n"
        "ConservativeDrifter(engine='keops', random_state=0).fit(X).sample(3)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# -- choice --------------------------------------------------------------------------

GAUSSIAN, LAPLACE, SECH = map(
    displacement, (get_kernel("gaussian"), get_kernel("laplace"), Sech())
)


@pytest.mark.parametrize(
    ("work", "gpus", "missing", "expected"),
    [
        (Work(10**3, 10**3, 9, 100, GAUSSIAN), 1, (), "numpy"),
        (Work(10**6, 10**6, 9, 100, GAUSSIAN), 0, (), "numba"),
        (Work(10**6, 10**6, 9, 100, GAUSSIAN), 0, ("numba",), "numpy"),
        (Work(10**6, 10**6, 9, 100, GAUSSIAN), 1, (), "keops"),
        (Work(10**6, 10**6, 9, 100, GAUSSIAN), 1, ("keops",), "numba"),
        (Work(10**4, 10**4, 2, 100, GAUSSIAN), 1, (), "nufft"),
        (Work(10**4, 10**4, 2, 1, GAUSSIAN), 0, ("nufft",), "numpy"),
        (Work(10**4, 10**4, 3, 1, GAUSSIAN), 0, (), "numpy"),
        (Work(10**5, 10**5, 3, 1, GAUSSIAN), 0, (), "nufft"),
        (Work(10**5, 10**5, 2, 100, SECH), 1, (), "keops"),
        (Work(10**4, 10**5, 1, 1, LAPLACE), 0, (), "nufft"),
        (Work(10**4, 10**5, 2, 100, LAPLACE), 0, (), "numba"),
        (Work(10**5, 10**5, 2, 100, LAPLACE), 0, (), "nufft"),
        (Work(10**6, 10**6, 3, 100, LAPLACE), 0, (), "numba"),
    ],
)
def test_auto_chooses_by_the_work(monkeypatch, work, gpus, missing, expected):
    monkeypatch.setattr(engines._keops, "gpu_count", lambda: gpus)
    monkeypatch.setattr(engines, "_first_error", lambda engine, work: None)
    for engine in (KeopsEngine, NufftEngine, NumbaEngine):
        reason = "not there" if engine.name in missing else None
        monkeypatch.setattr(
            engine, "unavailable_reason", staticmethod(lambda reason=reason: reason)
        )
    assert get_engine("auto", work).name == expected
