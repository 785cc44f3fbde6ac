import math
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

from skdrift import ConservativeDrifter
from skdrift.engines import (
    BoundSources,
    Engine,
    KeopsEngine,
    NufftEngine,
    NumbaEngine,
    NumpyEngine,
    Profiles,
    Reduction,
    Work,
    _choice,
    _gpu,
    get_engine,
    merge,
)
from skdrift.engines._choice import engine_of_fit
from skdrift.engines._cpu import _engine as _numba
from skdrift.engines._cpu import _loops
from skdrift.fields import conservative, displacement
from skdrift.kernels import Kernel, Matern, get_kernel

FIELDS = {"conservative": conservative, "displacement": displacement}
NAMES = ["gaussian", "laplace", "matern32", "matern52", "rational_quadratic"]

needs_keops = pytest.mark.skipif(
    KeopsEngine.unavailable_reason() is not None,
    reason=str(KeopsEngine.unavailable_reason()),
)


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


@pytest.mark.parametrize("deleted", [None, np.arange(40)])
def test_small_working_memory_changes_nothing(deleted):
    x, y, log_w = make_problem(6)
    profiles = conservative(get_kernel("laplace"))
    whole = NumpyEngine().bind(y, log_w).reduce(x, profiles, 1.0, deleted)
    with config_context(working_memory=0.001):  # tiles of 21 pairs
        tiled = NumpyEngine().bind(y, log_w).reduce(x, profiles, 1.0, deleted)
    assert_allclose(tiled.log_z, whole.log_z, rtol=1e-12)
    assert_allclose(tiled.displacement, whole.displacement, atol=1e-13)


# -- merging -------------------------------------------------------------------------


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
        (Work(1500, 1500, 9, 100, GAUSSIAN), 1, (), "numba"),
        (Work(300, 300, 9, 100, GAUSSIAN), 1, (), "numpy"),
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
    monkeypatch.setattr(_gpu, "gpu_count", lambda: gpus)
    monkeypatch.setattr(_choice, "trial_error", lambda engine, work: None)
    for engine in (KeopsEngine, NufftEngine, NumbaEngine):
        reason = "not there" if engine.name in missing else None
        monkeypatch.setattr(
            engine, "unavailable_reason", staticmethod(lambda reason=reason: reason)
        )
    monkeypatch.setattr(_numba, "is_on_disk", lambda: True)
    monkeypatch.setattr(_numba, "_n_threads", lambda: 1)
    monkeypatch.setattr(_loops, "is_compiled", lambda dtype: False)
    assert get_engine("auto", work).name == expected


def test_compiled_sums_share_the_threads(monkeypatch):
    large, small = (Work(n, n, 9, 10, GAUSSIAN) for n in (10**4, 10**3))
    seconds = {}
    for n in (1, 4):
        monkeypatch.setenv("NUMBA_NUM_THREADS", str(n))
        seconds[n] = [
            NumbaEngine.estimated_seconds(work, starts=False) for work in (large, small)
        ]
    assert seconds[4] == [seconds[1][0] / 4, seconds[1][1]]


@pytest.mark.parametrize(
    ("n", "cold", "on_disk", "loaded"),
    [
        (10, "numpy", "numpy", "numba"),
        (300, "numpy", "numpy", "numba"),
        (1500, "numpy", "numba", "numba"),
        (3000, "numba", "numba", "numba"),
    ],
)
def test_auto_counts_what_has_to_be_compiled_or_loaded(
    monkeypatch, n, cold, on_disk, loaded
):
    work = Work(n, n, 9, 100, GAUSSIAN)
    monkeypatch.setattr(_choice, "trial_error", lambda engine, work: None)
    monkeypatch.setattr(NumbaEngine, "unavailable_reason", staticmethod(lambda: None))
    monkeypatch.setattr(_numba, "is_on_disk", lambda: False)
    monkeypatch.setattr(_loops, "is_compiled", lambda dtype: False)
    assert get_engine("auto", work).name == cold
    monkeypatch.setattr(_numba, "is_on_disk", lambda: True)
    assert get_engine("auto", work).name == on_disk
    monkeypatch.setattr(_loops, "is_compiled", lambda dtype: dtype == work.dtype)
    assert get_engine("auto", work).name == loaded
    single = work._replace(dtype=np.dtype(np.float32))
    assert get_engine("auto", single).name == on_disk


def test_the_engine_of_a_fit_serves_it_afterwards(monkeypatch):
    monkeypatch.setattr(_choice, "trial_error", lambda engine, work: None)
    for engine in (NufftEngine, NumbaEngine):
        monkeypatch.setattr(engine, "unavailable_reason", staticmethod(lambda: None))

    def chosen(name, fitted_by, n):
        return engine_of_fit(name, fitted_by, Work(n, n, 9, 20, GAUSSIAN)).name

    for loaded in (False, True):
        monkeypatch.setattr(_loops, "is_compiled", lambda dtype, is_it=loaded: is_it)
        assert chosen("auto", "numba", 10) == "numba"
        assert chosen("auto", "numpy", 1000) == "numpy"
        # Too slow, or not able.
        assert chosen("auto", "numpy", 10**5) == "numba"
        assert chosen("auto", "nufft", 10**5) == "numba"
        assert chosen("numpy", "numba", 10**5) == "numpy"
        # Of an engine that is no name of the parameter.
        assert chosen("auto", "sharded", 10**5) == "numba"


def test_a_drifter_goes_on_with_the_engine_of_its_fit(monkeypatch):
    X = np.random.default_rng(0).standard_normal((60, 2))
    seconds = {}

    def estimate(name):
        return staticmethod(lambda work, starts=True: seconds.get(name, math.inf))

    for engine in (NumbaEngine, NufftEngine, KeopsEngine):
        monkeypatch.setattr(engine, "estimated_seconds", estimate(engine.name))
    drifter = ConservativeDrifter(random_state=0).fit(X)
    assert drifter.engine_ == "numpy"
    seconds["numba"] = 0
    used, bind = [], NumpyEngine.bind

    def watched(self, *arguments):
        used.append("numpy")
        return bind(self, *arguments)

    monkeypatch.setattr(NumpyEngine, "bind", watched)
    verbs = {"sample": (3,), "transform": (X,), "score": (X,)}
    for verb, arguments in verbs.items():
        used.clear()
        getattr(drifter, verb)(*arguments)
        assert used
    assert ConservativeDrifter(random_state=0).fit(X).engine_ == "numba"


def test_an_engine_that_does_not_say_so_is_never_chosen():
    class Mine(Engine):
        name = "mine"

    work = Work(10**6, 10**6, 9, 100, GAUSSIAN)
    assert Mine.unavailable_reason() is Mine.unsuitable_reason(work) is None
    assert Mine.estimated_seconds(work) == np.inf
    with pytest.raises(NotImplementedError, match=r"Mine must define bind"):
        Mine().bind(np.eye(2))
    with pytest.raises(NotImplementedError, match=r"BoundSources must define reduce"):
        BoundSources(np.eye(2)).reduce(np.eye(2), GAUSSIAN, 1.0)


# -- profiles ------------------------------------------------------------------------


def test_profiles_need_a_kernel_and_one_of_two_pulls():
    kernel = Matern()
    with pytest.raises(TypeError, match=r"skdrift\.kernels\.Kernel.*got <bound method"):
        Profiles(kernel.log_profile)
    with pytest.raises(ValueError, match=r"'value' or 'slope'; got 'both'"):
        Profiles(kernel, "both")


def test_the_potential_of_a_pull():
    kernel = Matern()
    assert conservative(kernel).potential is kernel
    assert displacement(Matern(0.5)).potential.nu == 1.5
    assert displacement(Sech()).potential is None
