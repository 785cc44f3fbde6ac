"""Spectral engine: kernel sums in few dimensions by nonuniform fast Fourier transform.

A kernel sum is a convolution, hence a product of Fourier transforms: one transform
takes the sources to frequencies, one takes the product with the kernel's spectrum to
the queries. The cost is linear in queries plus sources, not in their product. A kernel
that is not smooth is split (see :mod:`._split`): what is left of it near the origin is
summed over neighbours.

The error of a spectral sum is absolute: relative to the kernel's peak it is the same
everywhere, so in the tails, where the sum itself is small, the ratio ``D`` would be
wrong. The few queries there are summed over their neighbours, or over all sources.
"""

import importlib.util
import logging
import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ._laws import law_of
from ._near import NearSources
from ._numba import NumbaEngine
from ._numpy import NumpyEngine
from ._reduction import Engine, Profiles, Reduction
from ._split import Split, all_near, kernel_and_potential, mixture, splits

_LOGGER = logging.getLogger("skdrift")

_MAX_FEATURES = 3
# Absolute error of a sum, relative to the kernel's peak. Transforms get a tenth of it.
_ERROR = 1e-12
# The same for neighbours, where nothing cancels.
_NEAR_ERROR = 1e-15
# Points of the grid of a transform (16 bytes each), twice as fine as its modes.
_MAX_GRID_POINTS = 2**26
# In a grid so small, points in any order are soon found.
_UNSORTED_GRID_POINTS = 2**20
# A grid so small is made in any case, a larger one if it is cheaper than all pairs.
_SMALL_GRID_POINTS = 2**18
# Time for one point of the grid and for one pair of neighbours, in the same unit.
_POINT_COST, _PAIR_COST = 20.0, 1.0
# Share of all pairs beyond which neighbours are no fewer.
_MAX_NEAR_SHARE = 0.3
# Pairs from which sorting the sources repays itself.
_NEAR_MIN_PAIRS = 2e8
# Queries and sources that are looked at to plan the sums.
_PROBES = 128, 1024


class NufftEngine(Engine):
    """Sums by FINUFFT in up to three columns, for mixtures of Gaussians.

    These are the Gaussian and the Matérn kernels. For the latter, and for
    neighbours in the tails, it needs Numba.

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
        kernel, potential = kernel_and_potential(work.profiles)
        if mixture(kernel, 1.0) is None or mixture(potential, 1.0) is None:
            return "the kernel is not known to be a mixture of Gaussians"
        if len(mixture(potential, 1.0)[0]) > 1 and not_compiled_reason():
            return (
                f"the kernel {kernel!r} needs sums over neighbours, and for these "
                f"{not_compiled_reason()}"
            )
        return None

    def bind(self, sources, log_weights=None):
        """Prepare sources for many reductions; see :class:`NumpyEngine`."""
        return _NufftSources(sources, log_weights, self.tolerance)


def not_compiled_reason():
    """Say why sums cannot be compiled, or return None if they can."""
    reason = NumbaEngine.unavailable_reason()
    if reason is not None:
        return reason
    try:
        import numba  # noqa: F401
    except Exception as error:  # a version of NumPy that it does not support
        return f"the package numba cannot be imported ({error})"
    return None


class _NufftSources:
    def __init__(self, sources, log_weights, tolerance):
        m = len(sources)
        self.given = sources, log_weights
        self.sources = sources.astype(np.float64)
        self.weights = np.full(m, 1 / m) if log_weights is None else np.exp(log_weights)
        columns = np.ascontiguousarray(self.sources.T)  # much faster to search
        self.low, self.high = columns.min(axis=1), columns.max(axis=1)
        self.tolerance = tolerance
        self.compiled = not_compiled_reason() is None

    @cached_property
    def direct(self):
        """The sources, for sums over all of them."""
        engine = NumbaEngine() if self.compiled else NumpyEngine()
        return engine.bind(*self.given)

    @cached_property
    def near(self):
        """The sources, for sums over neighbours."""
        return NearSources(self.sources, self.weights)

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`NumpyEngine`."""
        x = queries.astype(np.float64)
        plan = self._plan(x, profiles, bandwidth)
        if plan is None:
            _LOGGER.info("nufft: the bandwidth does not suit it; all pairs are summed")
            return self.direct.reduce(queries, profiles, bandwidth, deleted)

        peak = math.exp(profiles.log_normalizer(np.zeros(1))[0])
        own = np.zeros(len(x)) if deleted is None else peak * self.weights[deleted]
        z, pulled = self._sums(x, plan)
        z -= own
        sure = z > _ERROR / self.tolerance * peak
        rest = np.flatnonzero(~sure)
        split = all_near(profiles, _NEAR_ERROR)
        if self._repays(x[rest], split.radius * bandwidth):
            plan = plan._replace(split=split)
            z[rest], pulled[rest] = self._near_sums(x[rest], plan)
            z[rest] -= own[rest]
            error = _NEAR_ERROR * np.maximum(peak, own[rest])
            sure[rest] = z[rest] > error / self.tolerance
        z[~sure] = 1
        log_z, displacement = np.log(z), pulled / z[:, None]
        if not sure.all():
            gone = None if deleted is None else deleted[~sure]
            log_z[~sure], displacement[~sure] = self.direct.reduce(
                queries[~sure], profiles, bandwidth, gone
            )
        dtype = queries.dtype
        return Reduction(log_z.astype(dtype), displacement.astype(dtype))

    def _plan(self, x, profiles, h):
        """The cheapest way that memory allows, or None if that is to sum all pairs."""
        r = _some_distances(x, self.sources) / h
        n_pairs = len(x) * len(self.sources)
        worth = max(_SMALL_GRID_POINTS, n_pairs * _PAIR_COST / _POINT_COST)
        max_points = min(worth, _MAX_GRID_POINTS)
        plans = []
        for split in splits(profiles, x.shape[1], _ERROR):
            near_share = np.mean((0 < r) & (r <= split.radius))
            grid = _Grid.enclosing(self.low, self.high, split, h)
            fits = grid.n_points <= max_points and near_share <= _MAX_NEAR_SHARE
            if fits and (self.compiled or split.radius == 0):
                cost = _POINT_COST * grid.n_points + _PAIR_COST * near_share * n_pairs
                plans.append((cost, _Plan(profiles, h, split, grid)))
        return min(plans, key=lambda plan: plan[0])[1] if plans else None

    def _repays(self, x, radius):
        """Whether to look for neighbours, of which not all sources are."""
        if not self.compiled or len(x) * len(self.sources) < _NEAR_MIN_PAIRS:
            return False
        r = _some_distances(x, self.sources)
        return np.mean(r <= radius) <= _MAX_NEAR_SHARE

    def _sums(self, x, plan):
        """``sum_j w_j n(r_j)`` and ``sum_j w_j a(r_j) (y_j - x)`` at every x."""
        z, pulled = np.zeros(len(x)), np.zeros(x.shape)
        held = plan.grid.holds(x) if plan.grid.n_points > 0 else np.zeros(len(x), bool)
        if held.all():
            z, pulled = self._far_sums(x, plan)
        elif held.any():
            z[held], pulled[held] = self._far_sums(x[held], plan)
        if plan.split.radius > 0:
            near_z, near_pulled = self._near_sums(x, plan)
            z += near_z
            pulled += near_pulled
        return z, pulled

    def _near_sums(self, x, plan):
        law = law_of(plan.profiles, plan.bandwidth)
        radius = plan.split.radius * plan.bandwidth
        return self.near.sums(x, law, radius, plan.split.near)

    def _far_sums(self, x, plan):
        import finufft

        grid, h, d = plan.grid, plan.bandwidth, x.shape[1]
        options = {"eps": _ERROR / 10, "upsampfac": 2.0, "dtype": "complex128"}
        if grid.n_points <= _UNSORTED_GRID_POINTS:
            options["spread_sort"] = 0
        else:
            options["maxbatchsize"] = 1  # one grid in memory at a time
        to_modes = finufft.Plan(1, grid.shape, isign=-1, **options)
        to_modes.setpts(*grid.angles(self.sources))
        rho = to_modes.execute(self.weights.astype(np.complex128)).reshape(grid.shape)
        del to_modes

        # A gradient multiplies by i xi. All sums are real: two share one transform.
        xi = [h**2 * component for component in grid.frequencies()]
        modes = np.zeros((1 if d == 1 else 2, *grid.shape), dtype=np.complex128)
        np.multiply(rho, grid.spectrum(plan.split.normalizer, h), out=modes[0])
        rho *= grid.spectrum(plan.split.potential, h)
        modes[0] -= xi[0] * rho
        if d >= 2:
            np.multiply(rho, 1j * xi[1], out=modes[1])
        if d == 3:
            modes[1] -= xi[2] * rho
        del rho
        to_queries = finufft.Plan(2, grid.shape, len(modes), isign=1, **options)
        to_queries.setpts(*grid.angles(x))
        result = to_queries.execute(modes).reshape(len(modes), -1)
        sums = [part for row in result for part in (row.real, row.imag)]
        return sums[0], np.stack(sums[1 : d + 1], axis=1)


class _Plan(NamedTuple):
    """How to sum."""

    profiles: Profiles
    bandwidth: float
    split: Split
    grid: "_Grid"


def _some_distances(x, y):
    x, y = (a[:: -(-len(a) // n)] for a, n in zip((x, y), _PROBES, strict=True))
    return cdist(x, y)


class _Grid:
    """Frequencies ``2 pi m / period`` of a periodic box around the sources."""

    def __init__(self, centre, period, reach, shape):
        self.centre, self.period, self.reach, self.shape = centre, period, reach, shape
        self.n_points = math.prod(shape) * 2 ** len(shape)

    @classmethod
    def enclosing(cls, low, high, split, h):
        """Box with a margin in which the far part dies out, resolving its spectrum."""
        reach = h * split.reach
        period = high - low + 2 * reach
        shape = (0,) * len(low)
        if split.cutoff > 0:
            # Odd: frequencies m and -m come together, and real sums stay real.
            n = 2 * np.ceil(period * split.cutoff / (2 * np.pi * h)) + 1
            shape = tuple(int(k) for k in n)
        return cls((low + high) / 2, period, reach, shape)

    def holds(self, x):
        """Queries that no periodic image of a source is near to."""
        half = (self.period - self.reach) / 2
        inside = np.ones(len(x), dtype=bool)
        for column, middle, distance in zip(x.T, self.centre, half, strict=True):
            inside &= np.abs(column - middle) <= distance
        return inside

    def angles(self, x):
        scale = 2 * np.pi / self.period
        return [
            (column - middle) * factor
            for column, middle, factor in zip(x.T, self.centre, scale, strict=True)
        ]

    def frequencies(self):
        axes = [
            2 * np.pi / p * (np.arange(n) - n // 2)
            for p, n in zip(self.period, self.shape, strict=True)
        ]
        return np.meshgrid(*axes, indexing="ij", sparse=True)

    def spectrum(self, gaussians, h):
        """Weights of the modes in the inverse transform of a sum of Gaussians."""
        t, weight = gaussians
        t = h**2 * t
        first, *others = [
            np.sqrt(4 * np.pi * t / p**2)[:, None] * np.exp(-np.outer(t, xi**2))
            for p, xi in zip(self.period, self.frequencies(), strict=True)
        ]
        product = np.ones((len(t), 1))
        for factor in others:
            product = (product[:, :, None] * factor[:, None, :]).reshape(len(t), -1)
        return ((weight[:, None] * first).T @ product).reshape(self.shape)
