"""Compiled CPU engine: exact sums over all pairs, in vector instructions.

Sources are stored one coordinate per row, in blocks that stay in the cache, over
which queries pass in groups of four. Distances are sums of squared differences, in
any number of columns: free of cancellation, whatever the kernel, and about as fast
as a matrix product. Each step of the weighting is one short loop that LLVM turns
into vector instructions, with an exponential and a logarithm of its own because
the library's are scalar calls.

Numba is imported at first use: the functions below are plain Python until
:func:`_compile` replaces them by their compiled versions. They serve every kernel of
the library, so that there is one compilation for each precision, kept on disk.
"""

import importlib.util
import threading
import warnings
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from ..kernels import (
    Gaussian,
    Kernel,
    Matern,
    RationalQuadratic,
    _RationalQuadraticSharp,
    _reverse_bessel,
)
from ._numpy import NumpyEngine
from ._reduction import Engine, Reduction

# Bytes of one block of sources, and its bounds in sources.
_BLOCK_BYTES = 2**17
_BLOCK_SOURCES = 512, 2048
# Queries that pass over a block together; their loads of it are shared.
_GROUP = 4
# Queries of one task, at most. Fewer pairs than below do not repay a thread.
_TASK_ROWS = 128
_THREADING_MIN_PAIRS = 2**16
# Log2-weight of a source that is absent (deleted, or of weight 0), and the least
# shift. The gap makes the exponential of an absent source exactly 0.
_ABSENT = {np.dtype(np.float32): (-1e37, -1e35), np.dtype(np.float64): (-1e300, -1e290)}
# Scaled distances above this and polynomials of higher order may leave float32.
_SINGLE_MAX_REACH = 1e14
_SINGLE_MAX_ORDER = 3
# The exponent has a relative error: so far from all sources float32 is too coarse.
_SINGLE_MIN_LOG2 = -32
_LOG2_E = 1.4426950408889634
_LN_2 = 0.6931471805599453


class NumbaEngine(Engine):
    """Exact sums in vectorised loops, compiled once and kept on disk.

    Uses as many threads as ``numba.get_num_threads()`` says; the result does not
    depend on that number. In float32, queries far from all sources are summed in
    float64, where alone their weights are accurate.
    """

    name = "numba"

    @staticmethod
    def unavailable_reason():
        """Say why the engine cannot run here, or return None if it can."""
        if importlib.util.find_spec("numba") is None:
            return "the package numba is not installed; run 'pip install numba'"
        return None

    def bind(self, sources, log_weights=None):
        """Prepare sources for many reductions; see :class:`NumpyEngine`."""
        return _NumbaSources(sources, log_weights)


class _NumbaSources:
    def __init__(self, sources, log_weights):
        self.sources = np.ascontiguousarray(sources)
        if log_weights is None:
            log_weights = np.full(len(sources), -np.log(len(sources)))
        self.log_weights = log_weights
        # Relative to the largest, so that equal weights are exactly 0.
        top = np.max(log_weights)
        self.offset = float(top) if np.isfinite(top) else 0.0
        log2_weights = (log_weights.astype(np.float64) - self.offset) * _LOG2_E
        self.absent, self.floor = map(sources.dtype.type, _ABSENT[sources.dtype])
        self.log2_weights = np.maximum(log2_weights, self.absent).astype(sources.dtype)

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`NumpyEngine`."""
        _compile()
        law = _law(profiles, bandwidth)
        if law is None:
            return self._numpy.reduce(queries, profiles, bandwidth, deleted)
        queries = np.asarray(queries, dtype=self.sources.dtype)
        if self._needs_double(queries, law, bandwidth):
            result = self._in_double(queries, profiles, bandwidth, deleted)
            return Reduction(*result)
        log2_z, displacement = self._reduce(queries, law, deleted)
        log_z = log2_z * _LN_2 + (self.offset + law.log_amplitude)
        far = np.flatnonzero(log2_z < _SINGLE_MIN_LOG2)
        if queries.dtype == np.float32 and far.size > 0:
            gone = None if deleted is None else np.asarray(deleted)[far]
            log_z[far], displacement[far] = self._in_double(
                queries[far], profiles, bandwidth, gone
            )
        dtype = queries.dtype
        return Reduction(log_z.astype(dtype), displacement.astype(dtype))

    @cached_property
    def centre(self):
        return self.sources.mean(axis=0)

    @cached_property
    def reach(self):
        """Largest distance of a source from the centre."""
        return _reach(self.sources - self.centre)

    @cached_property
    def _numpy(self):
        return NumpyEngine().bind(self.sources, self.log_weights)

    @cached_property
    def _double(self):
        sources = self.sources.astype(np.float64)
        return _NumbaSources(sources, self.log_weights)

    def _in_double(self, queries, profiles, bandwidth, deleted):
        queries = queries.astype(np.float64)
        result = self._double.reduce(queries, profiles, bandwidth, deleted)
        return (a.astype(self.sources.dtype) for a in result)

    def _needs_double(self, queries, law, bandwidth):
        """Whether float32 would leave its range."""
        if queries.dtype == np.float64:
            return False
        reach = _reach(queries.astype(np.float64) - self.centre) + self.reach
        return (
            law.order > _SINGLE_MAX_ORDER
            or reach > _SINGLE_MAX_REACH * bandwidth
            or not 1 / _SINGLE_MAX_REACH < bandwidth < _SINGLE_MAX_REACH
        )

    @cached_property
    def _blocks(self):
        """Sources as (block, column, source), an even number of columns."""
        m, d = self.sources.shape
        d += d % 2
        size = _BLOCK_BYTES // (self.sources.itemsize * d)
        size = int(np.clip(size, *_BLOCK_SOURCES))
        n_blocks = -(-m // size)
        size = 32 * -(-m // (32 * n_blocks))  # equal blocks of whole vectors
        blocks = _padded(self.sources, n_blocks * size, d)
        log_w = np.full(n_blocks * size, self.absent)
        log_w[:m] = self.log2_weights
        blocks = blocks.reshape(n_blocks, size, d).transpose(0, 2, 1)
        return np.ascontiguousarray(blocks), log_w.reshape(n_blocks, size)

    def _reduce(self, queries, law, deleted):
        n, d = queries.shape
        blocks, log_w = self._blocks
        rows = _GROUP * -(-n // _GROUP)
        x = _padded(queries, rows, blocks.shape[1])
        gone = np.full(rows, -1, dtype=np.int64)
        if deleted is not None:
            gone[:n] = deleted
        log2_z, displacement = np.empty(rows), np.empty(x.shape)
        kernel = law.numbers(x.dtype)
        reduce_rows = _reduce_rows if law.user[0] is None else _reduce_rows_of_user()

        def task(q):
            reduce_rows(
                x[q],
                blocks,
                log_w,
                gone[q],
                self.absent,
                self.floor,
                *kernel,
                *law.user,
                log2_z[q],
                displacement[q],
            )

        _in_threads(task, rows, len(self.sources))
        return log2_z[:n], displacement[:n, :d]


def _reach(points):
    return np.sqrt(np.einsum("ij,ij->i", points, points).max(initial=0))


def _padded(points, rows, columns):
    result = np.zeros((rows, columns), dtype=points.dtype)
    result[: len(points), : points.shape[1]] = points
    return result


def _in_threads(task, rows, n_sources):
    """Run a task on slices of the rows, each of which it owns.

    Plain threads around code that releases the GIL: they nest in other threads
    and survive a fork, which a parallel region of Numba does not everywhere.
    """
    import numba

    n_threads = numba.get_num_threads()
    if rows * n_sources < _THREADING_MIN_PAIRS:
        n_threads = 1
    # A few tasks for each thread level out what else the machine does.
    size = min(_TASK_ROWS, _GROUP * (1 + rows // (4 * _GROUP * n_threads)))
    slices = [slice(i, min(i + size, rows)) for i in range(0, rows, size)]
    if n_threads == 1:
        for q in slices:
            task(q)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(task, slices))


# -- kernels -------------------------------------------------------------------------

_GAUSSIAN, _MATERN, _RATIONAL, _USER = range(4)
_SAME, _POLYNOMIAL, _RECIPROCAL = range(3)


class _Law(NamedTuple):
    """Two profiles as numbers for the compiled code.

    The normaliser is ``P(u) 2^t``, with an exponent t that is at most the
    source's log2-weight. The shift of the log domain applies to 2^t alone: at any
    distance that matters the polynomial P is far from an overflow.
    """

    family: int
    scale: float  # of the squared distance
    rate: float  # of t in its variable
    normalizer: tuple = (1.0,)  # coefficients of P
    pull_kind: int = _SAME
    pull: tuple = (1.0,)  # coefficients, or the one factor of 1 / u
    log_amplitude: float = 0.0
    user: tuple = (None, None, None)  # log-profile, pull, parameters

    @property
    def order(self):
        return len(self.normalizer) - 1

    def numbers(self, dtype):
        return (
            self.family,
            dtype.type(self.scale),
            dtype.type(self.rate),
            np.array(self.normalizer, dtype),
            self.pull_kind,
            np.array(self.pull, dtype),
        )


def _law(profiles, bandwidth):
    """Law of the profiles, or None if they cannot be compiled."""
    kernel = getattr(profiles.log_normalizer, "__self__", None)
    pulls = profiles.pull is not None
    if (
        not isinstance(kernel, Kernel)
        or profiles.log_normalizer != kernel.log_profile
        or (pulls and profiles.pull != kernel.pull)
    ):
        _warn_not_compiled("profiles that are not the methods of one Kernel")
        return None
    if type(kernel) is Gaussian:
        return _Law(_GAUSSIAN, 0.5 * _LOG2_E / bandwidth**2, 1.0)
    if type(kernel) is Matern:
        return _matern_law(kernel, pulls, bandwidth)
    if type(kernel) in (RationalQuadratic, _RationalQuadraticSharp):
        return _rational_law(kernel, pulls, bandwidth)
    return _user_law(kernel, pulls, bandwidth)


def _matern_law(kernel, pulls, bandwidth):
    p = kernel._order()
    law = _Law(_MATERN, bandwidth**-2, _LOG2_E, normalizer=tuple(_reverse_bessel(p)))
    if not pulls:
        return law
    if p == 0:
        return law._replace(pull_kind=_RECIPROCAL)
    return law._replace(pull_kind=_POLYNOMIAL, pull=tuple(_reverse_bessel(p - 1)))


def _rational_law(kernel, pulls, bandwidth):
    factor = float(kernel.pull(0.0))
    return _Law(
        _RATIONAL,
        0.5 / (kernel.alpha * bandwidth**2),
        factor * kernel.alpha,
        pull_kind=_RECIPROCAL if pulls else _SAME,
        pull=(factor,),
        log_amplitude=float(kernel.log_profile(0.0)),
    )


def _user_law(kernel, pulls, bandwidth):
    parameters = kernel.get_params(deep=False)
    types = tuple(map(_type_of, parameters.values()))
    methods = _compiled_methods(type(kernel), pulls, tuple(parameters), types)
    if methods is None:
        return None
    log_profile, pull, self_type = methods
    return _Law(
        _USER,
        bandwidth**-2,
        _LOG2_E,
        pull_kind=_RECIPROCAL if pulls else _SAME,
        user=(log_profile, pull, self_type(**parameters)),
    )


def _type_of(value):
    import numba

    try:
        return numba.typeof(value)
    except ValueError:
        return None


@cache
def _compiled_methods(kernel_type, pulls, names, types):
    """Compile a user's methods; return None, after one warning, if that fails.

    In the compiled methods a tuple of the parameters, with their names, stands
    for `self`.
    """
    import numba

    def compiled(method):
        function = numba.njit(error_model="numpy")(method)
        signature = numba.types.NamedTuple(types, self_type), numba.float64
        function.compile(signature)
        result = function.overloads[signature].signature.return_type
        if not isinstance(result, (numba.types.Float, numba.types.Integer)):
            raise TypeError(f"{method.__name__} returns {result}")
        return function

    self_type = namedtuple("Parameters", names)
    try:
        log_profile = compiled(kernel_type.log_profile)
        pull = compiled(kernel_type.pull) if pulls else None
    except Exception as error:  # Numba raises many kinds
        _warn_not_compiled(f"{kernel_type.__name__} ({type(error).__name__})")
        return None
    return log_profile, pull, self_type


@cache
def _warn_not_compiled(what):
    warnings.warn(
        f"The numba engine cannot compile {what}; the numpy engine evaluates it "
        "instead.",
        UserWarning,
        stacklevel=2,
    )


# -- compiled code: plain Python until it is first used ------------------------------

# Sums may be reordered, and there are no NaNs; infinities are not ruled out.
_FAST = {"reassoc", "contract", "arcp", "nsz", "nnan"}
_to_compile = []


def _jit(**options):
    def register(function):
        _to_compile.append((function, options))
        return function

    return register


@_jit(fastmath=_FAST)
def _square_distances(y, x, r2):
    """Squared distances of a group of queries x to a block y, by column pairs."""
    r2_0, r2_1, r2_2, r2_3 = r2[0], r2[1], r2[2], r2[3]
    for c in range(0, len(y), 2):
        b = c + 1
        y_a, y_b = y[c], y[b]
        x_0a, x_1a, x_2a, x_3a = x[0, c], x[1, c], x[2, c], x[3, c]
        x_0b, x_1b, x_2b, x_3b = x[0, b], x[1, b], x[2, b], x[3, b]
        if c == 0:
            for j in range(y_a.size):
                r2_0[j] = (y_a[j] - x_0a) ** 2 + (y_b[j] - x_0b) ** 2
                r2_1[j] = (y_a[j] - x_1a) ** 2 + (y_b[j] - x_1b) ** 2
                r2_2[j] = (y_a[j] - x_2a) ** 2 + (y_b[j] - x_2b) ** 2
                r2_3[j] = (y_a[j] - x_3a) ** 2 + (y_b[j] - x_3b) ** 2
        else:
            for j in range(y_a.size):
                r2_0[j] += (y_a[j] - x_0a) ** 2 + (y_b[j] - x_0b) ** 2
                r2_1[j] += (y_a[j] - x_1a) ** 2 + (y_b[j] - x_1b) ** 2
                r2_2[j] += (y_a[j] - x_2a) ** 2 + (y_b[j] - x_2b) ** 2
                r2_3[j] += (y_a[j] - x_3a) ** 2 + (y_b[j] - x_3b) ** 2


@_jit(fastmath=_FAST)
def _add_offsets(y, x, weights, total):
    """Add the weighted sums of y - x for a group of queries to total."""
    zero = weights.dtype.type(0)
    w_0, w_1, w_2, w_3 = weights[0], weights[1], weights[2], weights[3]
    for c in range(0, len(y), 2):
        b = c + 1
        y_a, y_b = y[c], y[b]
        x_0a, x_1a, x_2a, x_3a = x[0, c], x[1, c], x[2, c], x[3, c]
        x_0b, x_1b, x_2b, x_3b = x[0, b], x[1, b], x[2, b], x[3, b]
        s_0a = s_1a = s_2a = s_3a = s_0b = s_1b = s_2b = s_3b = zero
        for j in range(y_a.size):
            s_0a += w_0[j] * (y_a[j] - x_0a)
            s_1a += w_1[j] * (y_a[j] - x_1a)
            s_2a += w_2[j] * (y_a[j] - x_2a)
            s_3a += w_3[j] * (y_a[j] - x_3a)
            s_0b += w_0[j] * (y_b[j] - x_0b)
            s_1b += w_1[j] * (y_b[j] - x_1b)
            s_2b += w_2[j] * (y_b[j] - x_2b)
            s_3b += w_3[j] * (y_b[j] - x_3b)
        for q, s_a, s_b in (
            (0, s_0a, s_0b),
            (1, s_1a, s_1b),
            (2, s_2a, s_2b),
            (3, s_3a, s_3b),
        ):
            total[q, c] += s_a
            total[q, b] += s_b


@_jit(fastmath=_FAST)
def _exponents(r2, log_w, family, scale, rate, t, u):
    """Log2 of the exponential part into t, the polynomials' variable into u."""
    one = t.dtype.type(1)
    top = log_w.dtype.type(-np.inf)
    if family == _GAUSSIAN:
        for j in range(t.size):
            t[j] = log_w[j] - scale * r2[j]
            top = _maximum(top, t[j])
    elif family == _MATERN:
        for j in range(t.size):
            u[j] = np.sqrt(scale * r2[j])
            t[j] = log_w[j] - rate * u[j]
            top = _maximum(top, t[j])
    else:
        for j in range(t.size):
            u[j] = one + scale * r2[j]
            t[j] = log_w[j] - rate * _log2(u[j])
            top = _maximum(top, t[j])
    return top


@_jit()
def _user_exponents(r2, log_w, scale, rate, log_profile, kernel, t, u):
    top = log_w.dtype.type(-np.inf)
    for j in range(t.size):
        u[j] = scale * r2[j]
        t[j] = log_w[j] + rate * log_profile(kernel, u[j])
        top = max(top, t[j])
    return top


@_jit(fastmath=_FAST)
def _exponentials(t, shift, e):
    z = t.dtype.type(0)
    for j in range(t.size):
        e[j] = _exp2(t[j] - shift)
        z += e[j]
    return z


@_jit(fastmath=_FAST)
def _polynomial(coefficients, u, p):
    # One pass for each coefficient: their number is not known to the compiler.
    first = coefficients[0]
    for j in range(u.size):
        p[j] = first
    for k in range(1, coefficients.size):
        following = coefficients[k]
        for j in range(u.size):
            p[j] = p[j] * u[j] + following


@_jit(fastmath=_FAST)
def _dot(e, p):
    z = e.dtype.type(0)
    for j in range(e.size):
        z += e[j] * p[j]
    return z


@_jit(fastmath=_FAST)
def _divide(e, factor, u):
    # A coincident point, with u = 0, must stay finite: its offset is 0.
    least = np.finfo(u.dtype).tiny
    for j in range(e.size):
        e[j] *= factor / _maximum(u[j], least)


@_jit()
def _user_pull(e, kernel, pull, u):
    for j in range(e.size):
        e[j] = e[j] * pull(kernel, u[j]) if u[j] > 0 else 0


@_jit()
def _weigh(
    r2,
    log_w,
    shift,
    family,
    scale,
    rate,
    normalizer,
    pull_kind,
    pull,
    user_log_profile,
    user_pull,
    user_kernel,
    t,
    u,
):
    """Turn squared distances into the weights of the pull, in place.

    Returns the new shift of the log domain and the sum of the normaliser.
    """
    if user_log_profile is None:
        top = _exponents(r2, log_w, family, scale, rate, t, u)
    else:
        top = _user_exponents(
            r2, log_w, scale, rate, user_log_profile, user_kernel, t, u
        )
    shift = max(shift, top)
    e = r2
    z = _exponentials(t, shift, e)
    if normalizer.size > 1:
        _polynomial(normalizer, u, t)
        z = _dot(e, t)
    if pull_kind == _POLYNOMIAL:
        _polynomial(pull, u, t)
    if pull_kind == _POLYNOMIAL or normalizer.size > 1:
        e *= t
    if pull_kind == _RECIPROCAL:
        if user_pull is None:
            _divide(e, pull[0], u)
        else:
            _user_pull(e, user_kernel, user_pull, u)
    return shift, z


@_jit(cache=True, nogil=True)
def _reduce_rows(
    x,
    blocks,
    log_w,
    deleted,
    absent,
    floor,
    family,
    scale,
    rate,
    normalizer,
    pull_kind,
    pull,
    user_log_profile,
    user_pull,
    user_kernel,
    log2_z,
    displacement,
):
    """Reduce over all blocks at every query, by groups of four."""
    n = len(x)
    size = log_w.shape[1]
    weights = np.empty((_GROUP, size), x.dtype)
    t, u = np.empty(size, x.dtype), np.empty(size, x.dtype)
    shift, z = np.full(n, floor), np.zeros(n)
    displacement[:] = 0
    for b in range(len(blocks)):
        y = blocks[b]
        block_log_w = log_w[b].copy()  # a deleted source is absent for a moment
        for i in range(0, n, _GROUP):
            _square_distances(y, x[i : i + _GROUP], weights)
            for q in range(_GROUP):
                gone = deleted[i + q] - b * size
                deletes = 0 <= gone < size
                if deletes:
                    kept = block_log_w[gone]
                    block_log_w[gone] = absent
                top, z_block = _weigh(
                    weights[q],
                    block_log_w,
                    shift[i + q],
                    family,
                    scale,
                    rate,
                    normalizer,
                    pull_kind,
                    pull,
                    user_log_profile,
                    user_pull,
                    user_kernel,
                    t,
                    u,
                )
                if deletes:
                    block_log_w[gone] = kept
                if top > shift[i + q]:
                    factor = np.exp2(np.float64(shift[i + q]) - np.float64(top))
                    shift[i + q] = top
                    z[i + q] *= factor
                    displacement[i + q] *= factor
                z[i + q] += z_block
            _add_offsets(y, x[i : i + _GROUP], weights, displacement[i : i + _GROUP])
    for i in range(n):
        log2_z[i] = shift[i] + np.log2(z[i])
        if z[i] > 0:
            displacement[i] /= z[i]


# -- elementary functions ------------------------------------------------------------

# 2^t is 2^round(t), added to the exponent's bits, times a polynomial of the rest in
# [-1/2, 1/2]. The polynomials 1 + f (a_1 + f (a_2 + ...)) minimise the relative
# error: 9e-8 and 2e-16. Adding 1.5 * 2^23 (2^52) rounds, and leaves the integer in
# the lowest bits. The least argument has exponent bits 0: its result is exactly 0.
_ROUND_32, _LEAST_32, _ONE_32 = np.float32(1.5 * 2**23), np.float32(-127), np.float32(1)
_ROUND_64, _LEAST_64 = 1.5 * 2**52, -1023.0
_A1, _A2, _A3, _A4, _A5 = np.array(
    [
        0.6931469775984712,
        0.2402224208491928,
        0.05550733744244565,
        0.009671512660561687,
        0.0013264726899045016,
    ],
    dtype=np.float32,
)
_B1, _B2, _B3, _B4, _B5, _B6, _B7, _B8, _B9, _B10 = (
    0.6931471805599492,
    0.240226506959091,
    0.055504108664481806,
    0.009618129107983117,
    0.0013333558225802388,
    0.00015403529994274651,
    1.5252659426631095e-05,
    1.3215653578723607e-06,
    1.0208323178312527e-07,
    7.0381826084418465e-09,
)
# log2(v), v >= 1, is the exponent of v plus 2 / ln(2) artanh(s), s = (m-1)/(m+1), of
# the mantissa m in [sqrt(1/2), sqrt(2)]: an odd series in s, with s^2 below 0.03.
_HALF_ROOT_BITS_32 = np.float32(0.5**0.5).view(np.int32)
_HALF_ROOT_BITS_64 = np.float64(0.5**0.5).view(np.int64)
_C1, _C3, _C5, _C7, _C9 = (np.float32(2 * _LOG2_E / k) for k in range(1, 10, 2))
_D1, _D3, _D5, _D7, _D9, _D11, _D13, _D15, _D17, _D19, _D21 = (
    2 * _LOG2_E / k for k in range(1, 22, 2)
)


def _maximum(a, b):
    """Larger of two numbers that are not NaN, for the compiled code."""


def _exp2(t):
    """2^t, for the compiled code."""


def _log2(v):
    """Log2 of v >= 1, for the compiled code."""


def _exp2_32(t):
    t = t if t > _LEAST_32 else _LEAST_32
    rounded = t + _ROUND_32
    f = t - (rounded - _ROUND_32)
    p = f * (_A1 + f * (_A2 + f * (_A3 + f * (_A4 + f * _A5)))) + _ONE_32
    exponent = np.float32(rounded).view(np.int32) << np.int32(23)
    return np.int32(np.float32(p).view(np.int32) + exponent).view(np.float32)


def _exp2_64(t):
    t = t if t > _LEAST_64 else _LEAST_64
    rounded = t + _ROUND_64
    f = t - (rounded - _ROUND_64)
    p = _B6 + f * (_B7 + f * (_B8 + f * (_B9 + f * _B10)))
    p = f * (_B1 + f * (_B2 + f * (_B3 + f * (_B4 + f * (_B5 + f * p))))) + 1.0
    exponent = np.float64(rounded).view(np.int64) << np.int64(52)
    return np.int64(np.float64(p).view(np.int64) + exponent).view(np.float64)


def _log2_32(v):
    bits = np.float32(v).view(np.int32)
    exponent = np.int32((bits - _HALF_ROOT_BITS_32) >> np.int32(23))
    m = np.int32(bits - (exponent << np.int32(23))).view(np.float32)
    s = (m - _ONE_32) / (m + _ONE_32)
    w = s * s
    series = _C1 + w * (_C3 + w * (_C5 + w * (_C7 + w * _C9)))
    return np.float32(exponent) + s * series


def _log2_64(v):
    bits = np.float64(v).view(np.int64)
    exponent = (bits - _HALF_ROOT_BITS_64) >> np.int64(52)
    m = np.int64(bits - (exponent << np.int64(52))).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    w = s * s
    series = _D11 + w * (_D13 + w * (_D15 + w * (_D17 + w * (_D19 + w * _D21))))
    series = _D1 + w * (_D3 + w * (_D5 + w * (_D7 + w * (_D9 + w * series))))
    return np.float64(np.int32(exponent)) + s * series


@cache
def _reduce_rows_of_user():
    """Like _reduce_rows, not kept on disk: the user's code may change."""
    import numba

    return numba.njit(nogil=True, error_model="numpy")(_reduce_rows.py_func)


_compile_lock = threading.Lock()


def _compile():
    """Replace the functions marked by ``_jit`` by compiled ones, once."""
    with _compile_lock:
        if _to_compile:
            _define_elementary_functions()
        while _to_compile:
            function, options = _to_compile.pop()
            globals()[function.__name__] = _njit(function, options)


def _njit(function, options):
    import numba

    try:
        return numba.njit(error_model="numpy", **options)(function)
    except RuntimeError:  # no directory for the cache is writable
        return numba.njit(error_model="numpy", **{**options, "cache": False})(function)


def _define_elementary_functions():
    import numba
    from llvmlite import ir
    from numba.extending import intrinsic, overload

    # No flag may reorder the sums that round; products and sums may be fused.
    options = {"fastmath": {"contract"}, "error_model": "numpy"}

    @overload(_exp2, jit_options=options)
    def exp2(t):
        return _exp2_32 if t == numba.float32 else _exp2_64

    @overload(_log2, jit_options=options)
    def log2(v):
        return _log2_32 if v == numba.float32 else _log2_64

    @intrinsic
    def maximum(context, a, b):
        # Comparisons are not recognised as a reduction, this operation is.

        def generate(context, builder, signature, arguments):
            kind = arguments[0].type
            function = builder.module.declare_intrinsic(
                "llvm.maxnum", [kind], ir.FunctionType(kind, [kind, kind])
            )
            return builder.call(function, arguments, fastmath=("nnan", "nsz"))

        return a(a, b), generate

    overload(_maximum, jit_options=options)(lambda a, b: lambda a, b: maximum(a, b))
