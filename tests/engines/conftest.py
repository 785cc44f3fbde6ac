"""The engines, and for each of them the sums of the contract that all must keep."""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from oracles import Sech

from skdrift.engines import (
    DaskEngine,
    KeopsEngine,
    NufftEngine,
    NumbaEngine,
    NumpyEngine,
    _dask,
)
from skdrift.fields import conservative, displacement
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic, get_kernel

FIELDS = {"conservative": conservative, "displacement": displacement}
NAMES = ["gaussian", "laplace", "matern32", "matern52", "rational_quadratic"]
DTYPES = np.float32, np.float64


class Student(Kernel):
    """A user's kernel: powers, in-place arithmetic, a ratio that is a constant / x."""

    def log_profile(self, r2):
        base = 1 + r2**1.0 / 3
        base *= 2.0
        return -1.5 * np.log(base) + 0.0 * r2**3

    def slope_ratio(self, r2):
        return (1 + r2 / 3) ** -1


class Cone(Kernel):
    """A kernel whose slope ratio is written as a plain number: k = exp(-r^2)."""

    def log_profile(self, r2):
        return -(r2**1)

    def slope_ratio(self, r2):
        return 2.0


class Sum(NamedTuple):
    """A kernel, a field and a precision."""

    kernel: Kernel
    field: str
    dtype: type

    @property
    def profiles(self):
        return FIELDS[self.field](self.kernel)


class Case(NamedTuple):
    """An engine, what it sums in the contract, and how exact it is.

    `tolerance` gives, for a precision, a bandwidth and a number of columns, the
    relative and the absolute tolerance of log Z and of D against the oracle;
    `rounding` is the difference of two ways to add up the same sum. `columns` are
    those of the test against the oracle, `few` of the others.
    """

    engine: type
    sums: list
    columns: tuple
    few: tuple
    bandwidths: Callable
    tolerance: Callable
    rounding: dict
    allows_no_weight: bool = True

    def bind(self, *arguments):
        return self.engine().bind(*arguments)


def sums(kernels, fields=FIELDS, dtypes=DTYPES):
    return [Sum(*s) for s in product(kernels, fields, dtypes)]


KERNELS = [
    *map(get_kernel, NAMES),
    Matern(nu=6.5),
    RationalQuadratic(alpha=0.7),
    RationalQuadratic(alpha=3.3).sharp().sharp(),
]


def numpy_tolerance(dtype, h, d):
    if dtype == np.float32:
        return (1e-7, 2e-5), (1e-7, 1e-5 * h)
    if d <= 4:
        return (1e-12, 1e-12), (1e-12, 1e-12)
    # 1e-7: through products, the distance of coincident points is 0 to 1e-8 only,
    # and the Laplace profile has a kink there.
    return (1e-10, 1e-10), (1e-7, 1e-9)


def numba_tolerance(dtype, h, d):
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    return (tolerance, tolerance), (0, tolerance * h)


def keops_tolerance(dtype, h, d):
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    return (tolerance, tolerance), (1e-7, tolerance)


def nufft_tolerance(dtype, h, d):
    if dtype == np.float32:
        return (1e-6, 1e-6), (1e-6, 1e-6)
    return (0, 1e-6), (0, 1e-6 * h)


CASES = {
    "numpy": Case(
        NumpyEngine,
        sums([*KERNELS, Sech()]),
        (1, 2, 4, 5, 13),
        (2, 6),
        lambda d: [0.4 * np.sqrt(d)],
        numpy_tolerance,
        {np.float32: 2e-5, np.float64: 1e-12},
    ),
    "numba": Case(
        NumbaEngine,
        sums(KERNELS),
        (1, 2, 3, 8, 9, 13, 64),
        (2, 30),
        lambda d: [0.5 * np.sqrt(d)],
        numba_tolerance,
        {np.float32: 1e-5, np.float64: 1e-12},
    ),
    # One compilation for each sum: no more of them than needed, in 3 columns only.
    "keops": Case(
        KeopsEngine,
        [
            Sum(Gaussian(), "conservative", np.float64),
            Sum(get_kernel("laplace"), "conservative", np.float32),
            Sum(get_kernel("matern52"), "conservative", np.float64),
            Sum(Sech(), "conservative", np.float64),
            Sum(Student(), "conservative", np.float64),
            Sum(Cone(), "conservative", np.float64),
        ],
        (3,),
        (3,),
        lambda d: [0.02, 0.5, 3.0],
        keops_tolerance,
        {np.float32: 2e-5, np.float64: 1e-11},
        allows_no_weight=False,
    ),
    "nufft": Case(
        NufftEngine,
        sums([Gaussian(), Matern(nu=0.5), Matern(nu=1.5)]),
        (1, 2, 3),
        (2,),
        lambda d: [0.3],
        nufft_tolerance,
        {np.float32: 2e-6, np.float64: 2e-6},
        allows_no_weight=False,
    ),
    "dask": Case(
        DaskEngine,
        # It sends kernels to NumPy: one without parameters, one with, and a user's.
        sums([Gaussian(), Matern(nu=0.5), Sech()]),
        (2, 13),
        (2,),
        lambda d: [0.4 * np.sqrt(d)],
        numpy_tolerance,
        {np.float32: 2e-5, np.float64: 1e-12},
    ),
}


@pytest.fixture(scope="session")
def start_client():
    """Start a dask cluster of so many workers in threads, and its client."""
    distributed = pytest.importorskip("distributed")

    def start(n_workers, **options):
        return distributed.Client(
            n_workers=n_workers,
            processes=False,
            threads_per_worker=1,
            dashboard_address=":0",
            **options,
        )

    return start


@pytest.fixture(scope="module")
def client(start_client):
    # Three: a merge of two results, and one that is left over.
    with start_client(3) as client:
        yield client


@pytest.fixture
def no_work_is_small(monkeypatch):
    """Have the workers compute whatever the size, by NumPy."""
    monkeypatch.setattr(_dask, "_MIN_PAIRS", 0)
    monkeypatch.setattr(_dask, "_MIN_SHARD_ROWS", 1)
    monkeypatch.setattr(_dask, "_engine_here", lambda: NumpyEngine)


@pytest.fixture(params=CASES)
def engine(request):
    """Case of every engine that this machine has."""
    return available(request, request.param)


SUMS = [(name, one) for name, case in CASES.items() for one in case.sums]


@pytest.fixture(
    params=SUMS,
    ids=[f"{n}-{s.kernel!r}-{s.field}-{s.dtype.__name__}" for n, s in SUMS],
)
def engine_and_sum(request):
    """Every sum of every engine that this machine has."""
    name, one = request.param
    return available(request, name), one


def available(request, name):
    if name == "dask":
        request.getfixturevalue("client")
        request.getfixturevalue("no_work_is_small")
    reason = CASES[name].engine.unavailable_reason()
    if reason is not None:
        pytest.skip(reason)
    return CASES[name]
