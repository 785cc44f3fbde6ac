"""Compiled sums over pairs, in vector instructions.

Sources are stored one coordinate per row, in blocks that stay in the cache, over
which queries pass in groups of four. Each step of the weighting is one short loop
that LLVM turns into vector instructions, with an exponential and a logarithm of its
own because the library's are scalar calls.

Numba is imported at first use: the functions below are plain Python until
:func:`compile_all` replaces them by their compiled versions. They serve every kernel of
the library, so that there is one compilation for each precision, kept on disk.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache

import numpy as np

from ...kernels._base import LOG2_E
from ._cache import ForgivingCache

# Queries that pass over a block together; their loads of it are shared.
GROUP = 4
GAUSSIAN, MATERN, RATIONAL, USER = range(4)
SAME, POLYNOMIAL, RECIPROCAL = range(3)
# Log2-weight of a source that is absent (deleted, or of weight 0), and the least
# shift. The gap makes the exponential of an absent source exactly 0.
ABSENT = {np.dtype(np.float32): (-1e37, -1e35), np.dtype(np.float64): (-1e300, -1e290)}
# Queries of one task, at most. Fewer pairs than below do not repay a thread.
_TASK_ROWS = 128
THREADING_MIN_PAIRS = 2**20

# Sums may be reordered, and there are no NaNs; infinities are not ruled out.
_FAST = {"reassoc", "contract", "arcp", "nsz", "nnan"}
_to_compile: list = []


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
    if family == GAUSSIAN:
        for j in range(t.size):
            t[j] = log_w[j] - scale * r2[j]
            top = _maximum(top, t[j])
    elif family == MATERN:
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
    # Passes over few coefficients: their number is not known to the compiler.
    first = coefficients[0]
    for j in range(u.size):
        p[j] = first
    rest = 1 + (coefficients.size - 1) % 4
    for k in range(1, rest):
        following = coefficients[k]
        for j in range(u.size):
            p[j] = p[j] * u[j] + following
    for k in range(rest, coefficients.size, 4):
        a, b = coefficients[k], coefficients[k + 1]
        c, d = coefficients[k + 2], coefficients[k + 3]
        for j in range(u.size):
            p[j] = (((p[j] * u[j] + a) * u[j] + b) * u[j] + c) * u[j] + d


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
def _weigh(r2, log_w, shift, profiles, user_log_profile, user_pull, user_kernel, t, u):
    """Turn squared distances into the weights of the pull, in place.

    Returns the new shift of the log domain and the sum of the normaliser.
    """
    family, scale, rate, normalizer, pull_kind, pull = profiles
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
    if pull_kind == POLYNOMIAL:
        _polynomial(pull, u, t)
    if pull_kind == POLYNOMIAL or normalizer.size > 1:
        e *= t
    if pull_kind == RECIPROCAL:
        if user_pull is None:
            _divide(e, pull[0], u)
        else:
            _user_pull(e, user_kernel, user_pull, u)
    return shift, z


@_jit(cache=True, nogil=True)
def reduce_rows(
    x,
    blocks,
    log_w,
    deleted,
    absent,
    floor,
    profiles,
    user_log_profile,
    user_pull,
    user_kernel,
    log2_z,
    displacement,
):
    """Reduce over all blocks at every query, by groups of four."""
    n = len(x)
    size = log_w.shape[1]
    weights = np.empty((GROUP, size), x.dtype)
    t, u = np.empty(size, x.dtype), np.empty(size, x.dtype)
    shift, z = np.full(n, floor), np.zeros(n)
    displacement[:] = 0
    for b in range(len(blocks)):
        y = blocks[b]
        block_log_w = log_w[b].copy()  # a deleted source is absent for a moment
        for i in range(0, n, GROUP):
            _square_distances(y, x[i : i + GROUP], weights)
            for q in range(GROUP):
                gone = deleted[i + q] - b * size
                deletes = 0 <= gone < size
                if deletes:
                    kept = block_log_w[gone]
                    block_log_w[gone] = absent
                top, z_block = _weigh(
                    weights[q],
                    block_log_w,
                    shift[i + q],
                    profiles,
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
            _add_offsets(y, x[i : i + GROUP], weights, displacement[i : i + GROUP])
    for i in range(n):
        log2_z[i] = shift[i] + np.log2(z[i])
        if z[i] > 0:
            displacement[i] /= z[i]


@_jit()
def _boxes_near(x, low, high, radius2, candidates):
    """Those of the candidate boxes that are within a radius of the box of x."""
    x_low, x_high = x[0].copy(), x[0].copy()
    for q in range(1, len(x)):
        x_low = np.minimum(x_low, x[q])
        x_high = np.maximum(x_high, x[q])
    near = np.empty_like(candidates)
    n_near = 0
    for b in candidates:
        gap2 = 0.0
        for c in range(x_low.size):
            gap = max(x_low[c] - high[b, c], low[b, c] - x_high[c], 0.0)
            gap2 += gap * gap
        if gap2 <= radius2:
            near[n_near] = b
            n_near += 1
    return near[:n_near]


@_jit(fastmath=_FAST)
def _keep_near(r2, radius2, absent, log_w, w, near_log_w, near_w, v):
    """Weights of the sources within the radius; v runs from -1 to 1 there."""
    for j in range(r2.size):
        near = r2[j] <= radius2
        near_log_w[j] = log_w[j] if near else absent
        near_w[j] = w[j] if near else 0.0
        v[j] = 2.0 * r2[j] / radius2 - 1.0 if near else 1.0


@_jit(fastmath=_FAST)
def _subtract_product(e, w, p):
    for j in range(e.size):
        e[j] -= w[j] * p[j]


@_jit(cache=True, nogil=True)
def sum_near(
    x,
    blocks,
    log_w,
    w,
    low,
    high,
    radius2,
    absent,
    profiles,
    user_log_profile,
    user_pull,
    user_kernel,
    far_normalizer,
    far_pull,
    z,
    pulled,
):
    """Sum the profiles minus polynomials (if any) over the sources within a radius.

    In double precision and without a shift of the log domain: far sources are not
    needed, and near ones do not underflow.
    """
    n = len(x)
    size = log_w.shape[1]
    weights = np.empty((GROUP, size))
    t, u, v, p = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    near_log_w, near_w = np.empty(size), np.empty(size)
    z[:] = 0
    pulled[:] = 0
    near_blocks = _boxes_near(x, low, high, radius2, np.arange(len(blocks)))
    for i in range(0, n, GROUP):
        group = x[i : i + GROUP]
        for b in _boxes_near(group, low, high, radius2, near_blocks):
            _square_distances(blocks[b], group, weights)
            for q in range(GROUP):
                e = weights[q]
                _keep_near(e, radius2, absent, log_w[b], w[b], near_log_w, near_w, v)
                shift, z_block = _weigh(
                    e,
                    near_log_w,
                    0.0,
                    profiles,
                    user_log_profile,
                    user_pull,
                    user_kernel,
                    t,
                    u,
                )
                if shift > 0:  # of a user's kernel
                    z_block *= np.exp2(shift)
                    e *= np.exp2(shift)
                if far_normalizer.size > 0:
                    _polynomial(far_normalizer, v, p)
                    z_block -= _dot(near_w, p)
                    _polynomial(far_pull, v, p)
                    _subtract_product(e, near_w, p)
                z[i + q] += z_block
            _add_offsets(blocks[b], group, weights, pulled[i : i + GROUP])


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
_C1, _C3, _C5, _C7, _C9 = (np.float32(2 * LOG2_E / k) for k in range(1, 10, 2))
_D1, _D3, _D5, _D7, _D9, _D11, _D13, _D15, _D17, _D19, _D21 = (
    2 * LOG2_E / k for k in range(1, 22, 2)
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
def of_user(function):
    """Like a compiled function, not kept on disk: the user's code may change."""
    import numba

    return numba.njit(nogil=True, error_model="numpy")(function.py_func)


def is_compiled(dtype):
    """Whether the sums in a precision are ready in this process."""
    signatures = getattr(reduce_rows, "signatures", ())
    return any(str(types[0].dtype) == dtype.name for types in signatures)


_compile_lock = threading.Lock()


def compile_all():
    """Replace the functions marked by ``_jit`` by compiled ones, once."""
    with _compile_lock:
        if _to_compile:
            _define_elementary_functions()
        while _to_compile:
            function, options = _to_compile[-1]
            globals()[function.__name__] = _njit(function, options)
            _to_compile.pop()  # not before: an interruption must not lose it


def _njit(function, options):
    import numba

    options = {"error_model": "numpy", **options}
    if not options.pop("cache", False):
        # In line wherever it is called: a call would reach another copy of the machine
        # code in the process that compiled it than in those that load it from disk,
        # with other products and sums fused, and other last bits.
        return numba.njit(forceinline=True, **options)(function)
    compiled = numba.njit(**options)(function)
    with suppress(RuntimeError):  # no directory for the cache is writable
        compiled.enable_caching()
        compiled._cache = ForgivingCache(compiled._cache)
    return compiled


def _define_elementary_functions():
    import numba
    from llvmlite import ir
    from numba.extending import intrinsic, overload

    # No flag may reorder the sums that round; products and sums may be fused.
    options = {"fastmath": {"contract"}, "error_model": "numpy", "forceinline": True}

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


def in_threads(task, rows, n_sources, task_rows=_TASK_ROWS):
    """Run a task on slices of the rows, each of which it owns.

    Plain threads around code that releases the GIL: they nest in other threads
    and survive a fork, which a parallel region of Numba does not everywhere.
    """
    import numba

    is_small = rows * n_sources < THREADING_MIN_PAIRS
    with _shares.share(1 if is_small else numba.get_num_threads()) as n_threads:
        _run(task, rows, task_rows, n_threads)


class _Shares:
    """Threads of the sums of a process, shared by callers in threads of their own.

    Jobs of joblib in threads would otherwise start as many each as there are cores.
    """

    def __init__(self):
        self.in_use, self._lock = 0, threading.Lock()

    @contextmanager
    def share(self, n_wanted):
        """As many threads as are wanted and free, or the caller's own."""
        import numba

        with self._lock:
            free = numba.config.NUMBA_NUM_THREADS - self.in_use
            n_threads = max(1, min(n_wanted, free))
            self.in_use += n_threads
        try:
            yield n_threads
        finally:
            with self._lock:
                self.in_use -= n_threads


_shares = _Shares()
if hasattr(os, "register_at_fork"):  # none of the threads is in the child
    os.register_at_fork(after_in_child=lambda: _shares.__init__())  # type: ignore[misc]


def _run(task, rows, task_rows, n_threads):
    # A few tasks for each thread even out the other load of the machine.
    size = min(task_rows, GROUP * (1 + rows // (4 * GROUP * n_threads)))
    slices = [slice(i, min(i + size, rows)) for i in range(0, rows, size)]
    if n_threads == 1:
        for q in slices:
            task(q)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            list(pool.map(task, slices))
        except BaseException:  # Ctrl-C does not wait for the tasks in the queue
            pool.shutdown(wait=False, cancel_futures=True)
            raise
