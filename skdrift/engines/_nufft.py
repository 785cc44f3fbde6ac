"""Spectral engine: kernel sums in few dimensions by nonuniform fast Fourier transform.

A kernel sum is a convolution, hence a product of Fourier transforms: one transform
takes the sources to frequencies, one takes the product with the kernel's spectrum to
the queries. The cost is linear in queries plus sources, not in their product.

The error of a spectral sum is absolute: relative to the kernel's peak it is the same
everywhere, so in the tails, where the sum itself is small, the ratio ``D`` would be
wrong. The few queries there are computed directly.
"""

import importlib.util
import logging
import math

import numpy as np

from ._numpy import NumpyEngine
from ._reduction import Engine, Reduction

_LOGGER = logging.getLogger("skdrift")

_MAX_FEATURES = 3
# Absolute error of the transforms and of every cut, relative to the kernel's peak.
_ABSOLUTE_ERROR = 1e-13
# Modes beyond which the grid would not fit a small machine's memory: the fine grid
# of a transform is 2^d times larger, in complex double precision.
_MAX_MODES = 2**22


class NufftEngine(Engine):
    """Sums by FINUFFT in up to three columns, for kernels with a spectrum.

    Parameters
    ----------
    tolerance : float, default=1e-6
        Largest error of ``log Z``, and of ``D`` in bandwidths, at any query. Queries
        where the spectral sum cannot promise it are computed directly.
    """

    name = "nufft"

    def __init__(self, tolerance=1e-6):
        self.tolerance = tolerance

    @staticmethod
    def unavailable_reason():
        """Say why the engine cannot run here, or return None if it can."""
        if importlib.util.find_spec("finufft") is None:
            return "the package finufft is not installed; run 'pip install finufft'"
        return None

    @staticmethod
    def unsuitable_reason(work):
        """Say why the engine cannot do this work, or return None."""
        d = work.n_features
        if d > _MAX_FEATURES:
            return f"it works in at most {_MAX_FEATURES} columns, and the data have {d}"
        for kernel in _value_and_potential(work.profiles):
            if kernel is None or kernel.log_spectrum(np.zeros(1), d) is None:
                return "the spectrum of the kernel is not known"
            if math.isinf(_cutoff_frequency(kernel, d)):
                return f"the spectrum of the kernel {kernel!r} decays too slowly"
        return None

    def bind(self, sources, log_weights=None):
        """Prepare sources for many reductions; see :class:`NumpyEngine`."""
        return _NufftSources(sources, log_weights, self.tolerance)


class _NufftSources:
    def __init__(self, sources, log_weights, tolerance):
        self.direct = NumpyEngine().bind(sources, log_weights)
        self.sources = sources.astype(np.float64)
        m = len(sources)
        self.weights = np.full(m, 1 / m) if log_weights is None else np.exp(log_weights)
        self.low, self.high = self.sources.min(axis=0), self.sources.max(axis=0)
        self.tolerance = tolerance

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`NumpyEngine`."""
        kernel, potential = _value_and_potential(profiles)
        grid = _Grid.enclosing(self.low, self.high, kernel, potential, bandwidth)
        if grid.n_modes > _MAX_MODES:
            _LOGGER.info("nufft: a grid of %d modes is too large", grid.n_modes)
            return self.direct.reduce(queries, profiles, bandwidth, deleted)

        x = queries.astype(np.float64)
        log_z = np.full(len(x), -np.inf)
        displacement = np.zeros_like(x)
        near = np.flatnonzero(grid.holds(x))
        peak = math.exp(kernel.log_profile(np.zeros(1))[0])
        z, pulled = self._spectral_sums(x[near], kernel, potential, grid, bandwidth)
        if deleted is not None:
            z -= self.weights[deleted[near]] * peak
        sure = z > _ABSOLUTE_ERROR / self.tolerance * peak
        log_z[near[sure]] = np.log(z[sure])
        displacement[near[sure]] = pulled[sure] / z[sure, None]

        rest = np.ones(len(x), bool)
        rest[near[sure]] = False
        if rest.any():
            gone = None if deleted is None else deleted[rest]
            log_z[rest], displacement[rest] = self.direct.reduce(
                queries[rest], profiles, bandwidth, gone
            )
        dtype = queries.dtype
        return Reduction(log_z.astype(dtype), displacement.astype(dtype))

    def _spectral_sums(self, x, kernel, potential, grid, h):
        """``sum_j w_j n(r_j)`` and ``sum_j w_j a(r_j) (y_j - x)`` at every x."""
        import finufft

        d = x.shape[1]
        options = {"eps": _ABSOLUTE_ERROR / 10, "dtype": "complex128"}
        to_modes = finufft.Plan(1, grid.shape, isign=-1, **options)
        to_modes.setpts(*grid.angles(self.sources))
        rho = to_modes.execute(self.weights.astype(np.complex128))

        xi = grid.frequencies()
        u2 = h**2 * sum(component**2 for component in xi)
        value = rho * grid.cell(h) * np.exp(kernel.log_spectrum(u2, d))
        pull = value
        if potential is not kernel:
            pull = rho * grid.cell(h) * np.exp(potential.log_spectrum(u2, d))
        sums = [value] + [h**2 * 1j * component * pull for component in xi]
        # All sums are real, so two of them share one complex transform.
        if len(sums) % 2:
            sums.append(np.zeros_like(value))
        pairs = np.stack(
            [a + 1j * b for a, b in zip(sums[::2], sums[1::2], strict=True)]
        )
        to_queries = finufft.Plan(2, grid.shape, len(pairs), isign=1, **options)
        to_queries.setpts(*grid.angles(x))
        result = to_queries.execute(pairs).reshape(len(pairs), -1)
        real = np.stack([result.real, result.imag], axis=1).reshape(-1, len(x))
        return real[0], real[1 : d + 1].T


def _value_and_potential(profiles):
    """Kernel of the normaliser, and the one whose gradient is the pull.

    The pull of a profile is h^2 times the gradient of the sum of its companion: of
    the sharp one for the kernel itself, of the kernel for its slope.
    """
    kernel = getattr(profiles.log_normalizer, "__self__", None)
    if profiles.pull is not None or kernel is None:
        return kernel, kernel
    try:
        return kernel, kernel.sharp()
    except NotImplementedError:
        return kernel, None


class _Grid:
    """Frequencies ``2 pi m / period`` of a periodic box around the sources."""

    def __init__(self, centre, period, reach, shape):
        self.centre, self.period, self.reach, self.shape = centre, period, reach, shape
        self.n_modes = math.prod(shape)

    @classmethod
    def enclosing(cls, low, high, kernel, potential, h):
        """Box with a margin in which a kernel dies out, resolving its spectrum."""
        d = len(low)
        reach = h * max(_support(kernel), _support(potential))
        cutoff = max(_cutoff_frequency(k, d) for k in (kernel, potential)) / h
        period = high - low + 2 * reach
        # Odd: frequencies m and -m come together, and real sums stay real.
        shape = tuple(2 * math.ceil(p * cutoff / (2 * np.pi)) + 1 for p in period)
        return cls((low + high) / 2, period, reach, shape)

    def holds(self, x):
        """Queries that no periodic image of a source is near to."""
        return np.all(np.abs(x - self.centre) <= (self.period - self.reach) / 2, axis=1)

    def angles(self, x):
        theta = 2 * np.pi * (x - self.centre) / self.period
        return [np.ascontiguousarray(column) for column in theta.T]

    def frequencies(self):
        axes = [
            2 * np.pi / p * (np.arange(n) - n // 2)
            for p, n in zip(self.period, self.shape, strict=True)
        ]
        return np.meshgrid(*axes, indexing="ij", sparse=True)

    def cell(self, h):
        """Weight of one mode in the inverse transform of a kernel of scale h."""
        return math.prod(h / p for p in self.period)


def _support(kernel):
    """Scaled distance beyond which a profile is below the absolute error."""
    r = np.geomspace(1.0, 1e3, 2000)
    log_k = kernel.log_profile(r**2) - kernel.log_profile(np.zeros(1))
    return float(r[np.argmax(log_k < math.log(_ABSOLUTE_ERROR))])


def _cutoff_frequency(kernel, d):
    """Scaled frequency that leaves the gradient the absolute error; inf if none."""
    u = np.geomspace(1e-2, 1e5, 20_000)
    # |grad| has one factor of u more than the value, and u^(d-1) du is the shell.
    shell = np.exp(kernel.log_spectrum(u**2, d)) * u ** (d + 1)  # du = u dlog u
    area = 2 * np.pi ** (d / 2) / math.gamma(d / 2) / (2 * np.pi) ** d
    tail = np.cumsum(shell[::-1])[::-1] * area * math.log(u[1] / u[0])
    small = tail < _ABSOLUTE_ERROR * np.exp(kernel.log_profile(np.zeros(1)))
    return float(u[np.argmax(small)]) if small[-1] else math.inf
