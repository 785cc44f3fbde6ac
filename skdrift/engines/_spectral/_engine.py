"""Spectral engine: kernel sums in few dimensions by nonuniform fast Fourier transform.

A kernel sum is a convolution, hence a product of Fourier transforms: one transform
goes from the sources to frequencies, one from the product with the kernel's spectrum to
the queries. The cost is linear in queries plus sources, not in their product. A kernel
that is not smooth is split (see :mod:`._split`): the remainder near the origin is
summed over neighbours.

The error of a spectral sum is absolute: relative to the kernel's peak it is the same
everywhere, so in the tails, where the sum itself is small, the ratio ``D`` would be
wrong. The few queries there are summed over their neighbours, or over all sources.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import sys
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from .._costs import NUFFT
from .._cpu._engine import NumbaEngine
from .._cpu._profiles import compile_profiles
from .._interface import BoundSources, Engine, Profiles, Reduction, Work
from .._numpy import NumpyEngine
from ._near import NearSources
from ._split import Split, all_near, is_mixture, is_smooth, splits

if TYPE_CHECKING:
    from ..._typing import Floats

_LOGGER = logging.getLogger("skdrift")

_MAX_FEATURES = 3
# Pairs of one step from which sums are left to transforms, by number of columns; below
# a few seconds, all pairs are exact. A kernel with a kink also needs neighbours.
_MIN_PAIRS = {1: 1e8, 2: 1e8, 3: 1e9}
_MIN_PAIRS_WITH_NEIGHBOURS = {1: 1e9, 2: 1e10}
_LEAST_VERSION = 2, 5  # has grids of any fineness
# Absolute error of a sum, relative to the kernel's peak, from each of its causes: the
# transforms, the cut of the spectrum, the period, the split; and from all of them.
_ERROR, _TOTAL_ERROR = 1e-13, 5e-13
# The same for neighbours, where nothing cancels.
_NEAR_ERROR = 1e-15
# Relative tolerance and fineness of the grid of a transform, by number of columns. In
# three the size of the grid matters most; there the error is as small as in the others
# except at the highest frequencies, where the spectrum is negligible.
_TRANSFORM = {1: (1e-13, 2.0), 2: (1e-13, 2.0), 3: (1e-12, 1.5)}
# Points of the grid of a transform (16 bytes each).
_MAX_GRID_POINTS = 2**26
# Numbers of modes of the sources that are kept (16 bytes each).
_MAX_KEPT_MODES = 2**22
# Numbers in the factors of a spectrum, of all Gaussians that are added at a time.
_MAX_FACTORS = 2**22
# Up to this size of a grid, sorting the points does not repay itself.
_UNSORTED_GRID_POINTS = 2**20
# Up to so many points one thread does a transform: more would wait for one another,
# which takes 10 times as long where other programs run.
_ONE_THREAD_POINTS = 50_000
# Nanoseconds on two cores: for a point of the grid in all transforms, for a pair of
# neighbours, and for any pair by the compiled engine.
_GRID_COST, _NEAR_COST, _PAIR_COST = 60.0, 5.0, 0.4
# A plan of at most this cost is accepted even if all pairs would cost less.
_MIN_COST = 2e7
# Pairs from which sorting the sources repays itself.
_NEAR_MIN_PAIRS = 2e8
# Largest numbers of queries and sources from which the sums are planned.
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

    def __init__(self, tolerance: float = 1e-6) -> None:
        self.tolerance = tolerance

    @staticmethod
    def unavailable_reason() -> str | None:
        """Say why the engine cannot run here, or return None if it can."""
        if importlib.util.find_spec("finufft") is None:
            return "the package finufft is not installed; run 'pip install finufft'"
        return None

    @staticmethod
    def unsuitable_reason(work: Work) -> str | None:
        """Say why the engine cannot do this work, or return None."""
        d = work.n_features
        if d > _MAX_FEATURES:
            return f"it works in at most {_MAX_FEATURES} columns, and the data have {d}"
        if not is_mixture(work.profiles):
            return "the kernel is not known to be a mixture of Gaussians"
        reason = None if is_smooth(work.profiles) else not_compiled_reason()
        if reason is None:
            return None
        return (
            f"the kernel {work.profiles.kernel!r} needs sums over neighbours, and for "
            f"these {reason}"
        )

    @staticmethod
    def estimated_seconds(work: Work, starts: bool = True) -> float:
        """Seconds in few columns; infinite where so few pairs are better exact."""
        # By the kernel alone: to find out whether Numba works is slow.
        smooth = is_smooth(work.profiles)
        least = _MIN_PAIRS if smooth else _MIN_PAIRS_WITH_NEIGHBOURS
        if work.n_pairs < least.get(work.n_features, math.inf):
            return math.inf
        cost = NUFFT[work.n_features]
        starts = starts and "finufft" not in sys.modules
        return cost.seconds(work) + starts * cost.on_disk

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> BoundSources:
        """Prepare sources for many reductions; see :class:`Engine`."""
        return _NufftSources(sources, log_weights, self.tolerance)


def _import_finufft():
    import finufft

    if tuple(map(int, finufft.__version__.split(".")[:2])) < _LEAST_VERSION:
        least = ".".join(map(str, _LEAST_VERSION))
        raise ImportError(
            f"finufft {finufft.__version__} is older than {least}; run "
            "'pip install --upgrade finufft'"
        )
    return finufft


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


class _NufftSources(BoundSources):
    def __init__(self, sources, log_weights, tolerance):
        super().__init__(sources, log_weights)
        self.plan_transform = _import_finufft().Plan  # fails here if it is broken
        self.sources = sources.astype(np.float64)
        log_weights = self.log_weights.astype(np.float64)
        self.log_total = logsumexp(log_weights)
        self.weights = np.exp(log_weights - self.log_total)
        columns = np.ascontiguousarray(self.sources.T)  # much faster to search
        self.low, self.high = columns.min(axis=1), columns.max(axis=1)
        self.tolerance = tolerance
        self.compiled = not_compiled_reason() is None
        self.modes = {}  # of the sources, by grid

    @cached_property
    def direct(self):
        """The sources, for sums over all of them."""
        engine = NumbaEngine() if self.compiled else NumpyEngine()
        return engine.bind(self.rows, self.log_weights)

    @cached_property
    def near(self):
        """The sources, for sums over neighbours."""
        return NearSources(self.sources, self.weights)

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`NumpyEngine`."""
        x = queries.astype(np.float64)
        plan = self._plan(x, profiles, bandwidth) if len(x) > 0 else None
        if plan is None:
            _LOGGER.info("nufft: unsuitable bandwidth; all pairs are summed")
            return self.direct.reduce(queries, profiles, bandwidth, deleted)

        peak = math.exp(profiles.log_normalizer(np.zeros(1))[0])
        own, own_pulled = self._deleted_terms(x, plan, peak, deleted)
        z, pulled = self._sums(x, plan)
        z -= own
        pulled -= own_pulled
        sure = self._is_sure(z, pulled, _TOTAL_ERROR * peak, bandwidth)
        rest = np.flatnonzero(~sure)
        split = all_near(profiles, _NEAR_ERROR)
        if self._repays(x[rest], split.radius * bandwidth):
            plan = plan._replace(split=split)
            z[rest], pulled[rest] = self._near_sums(x[rest], plan)
            z[rest] -= own[rest]
            pulled[rest] -= own_pulled[rest]
            error = _NEAR_ERROR * np.maximum(peak, own[rest])
            sure[rest] = self._is_sure(z[rest], pulled[rest], error, bandwidth)
        z[~sure] = 1
        log_z, displacement = np.log(z) + self.log_total, pulled / z[:, None]
        if not sure.all():
            gone = None if deleted is None else deleted[~sure]
            log_z[~sure], displacement[~sure] = self.direct.reduce(
                queries[~sure], profiles, bandwidth, gone
            )
        dtype = queries.dtype
        return Reduction(log_z.astype(dtype), displacement.astype(dtype))

    def _deleted_terms(self, x, plan, peak, deleted):
        """Summands of the deleted sources, most of which are where their query is."""
        own, pulled = np.zeros(len(x)), np.zeros(x.shape)
        if deleted is None:
            return own, pulled
        own = np.where(deleted < 0, 0.0, peak * self.weights[deleted])
        offset = self.sources[deleted] - x
        r2 = np.einsum("ij,ij->i", offset, offset) / plan.bandwidth**2
        apart = np.flatnonzero((deleted >= 0) & (r2 > 0))
        if len(apart) > 0:
            r2 = r2[apart]
            own[apart] *= np.exp(plan.profiles.log_normalizer(r2)) / peak
            ratio = plan.profiles.ratio(r2)
            pulled[apart] = (own[apart] * ratio)[:, None] * offset[apart]
        return own, pulled

    def _is_sure(self, z, pulled, error, h):
        """Whether both ``log z`` and ``pulled / z`` are within the tolerance."""
        # An error e of both sums makes one of (e + |D| e) / z in the ratio D.
        size = np.sqrt(np.einsum("ij,ij->i", pulled, pulled)) / h
        return z * self.tolerance > error * (1 + size / np.maximum(z, error))

    def _plan(self, x, profiles, h):
        """The cheapest way that memory allows, or None if that is to sum all pairs."""
        n_pairs = len(x) * len(self.sources)
        least_cost, best = max(_MIN_COST, n_pairs * _PAIR_COST), None
        r = _some_distances(x, self.sources)
        for split in splits(profiles, x.shape[1], _ERROR):
            grid = _Grid.enclosing(self.low, self.high, split, h)
            n_near = _share_within(split.radius * h, r) * n_pairs
            cost = _GRID_COST * grid.n_points + _NEAR_COST * n_near
            possible = split.radius == 0 or self.compiled
            if possible and grid.n_points <= _MAX_GRID_POINTS and cost <= least_cost:
                least_cost, best = cost, _Plan(profiles, h, split, grid)
        return best

    def _repays(self, x, radius):
        """Whether to look for neighbours instead of summing over all sources."""
        if not self.compiled or len(x) * len(self.sources) < _NEAR_MIN_PAIRS:
            return False
        share = _share_within(radius, _some_distances(x, self.sources))
        return _NEAR_COST * share <= _PAIR_COST

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
        compiled = compile_profiles(plan.profiles, plan.bandwidth)
        radius = plan.split.radius * plan.bandwidth
        return self.near.sums(x, compiled, radius, plan.split.near)

    def _far_sums(self, x, plan):
        grid, h, d = plan.grid, plan.bandwidth, x.shape[1]
        eps, fineness = _TRANSFORM[d]
        options = {"eps": eps, "upsampfac": fineness, "dtype": "complex128"}
        if grid.n_points <= _UNSORTED_GRID_POINTS:
            options["spread_sort"] = 0
            if max(len(x), len(self.sources)) <= _ONE_THREAD_POINTS:
                options["nthreads"] = 1
        else:
            options["maxbatchsize"] = 1  # one grid in memory at a time
        rho = self._modes(grid, options)

        # A gradient multiplies by i xi. All sums are real: two share one transform, and
        # in units of h their size does not depend on the units of the data.
        xi = [h * component for component in grid.frequencies()]
        modes = np.zeros((1 if d == 1 else 2, *grid.shape), dtype=np.complex128)
        np.multiply(rho, grid.spectrum(plan.split.normalizer, h), out=modes[0])
        rho *= grid.spectrum(plan.split.potential, h)
        modes[0] -= xi[0] * rho
        if d >= 2:
            np.multiply(rho, 1j * xi[1], out=modes[1])
        if d == 3:
            modes[1] -= xi[2] * rho
        del rho
        to_queries = self.plan_transform(2, grid.shape, len(modes), isign=1, **options)
        to_queries.setpts(*grid.angles(x))
        result = to_queries.execute(modes).reshape(len(modes), -1)
        sums = [part for row in result for part in (row.real, row.imag)]
        return sums[0], h * np.stack(sums[1 : d + 1], axis=1)

    def _modes(self, grid, options):
        """Modes of the sources, for the caller to change.

        They are kept if they are small: ensembles that are drawn one after the other
        pass through the same bandwidths.
        """
        key = grid.shape, tuple(grid.period)
        if key in self.modes:
            return self.modes[key].copy()
        to_modes = self.plan_transform(1, grid.shape, isign=-1, **options)
        to_modes.setpts(*grid.angles(self.sources))
        rho = to_modes.execute(self.weights.astype(np.complex128)).reshape(grid.shape)
        if sum(kept.size for kept in self.modes.values()) + rho.size <= _MAX_KEPT_MODES:
            self.modes[key] = rho.copy()
        return rho


class _Plan(NamedTuple):
    """How to sum."""

    profiles: Profiles
    bandwidth: float
    split: Split
    grid: _Grid


def _some_distances(x, y):
    x, y = (a[:: -(-len(a) // n)] for a, n in zip((x, y), _PROBES, strict=True))
    return cdist(x, y)


def _share_within(radius, r):
    # A point is no neighbour of itself: there is only one such pair.
    return np.mean((r > 0) & (r <= radius))


class _Grid:
    """Frequencies ``2 pi m / period`` of a periodic box around the sources."""

    def __init__(self, centre, period, reach, shape):
        self.centre, self.period, self.reach, self.shape = centre, period, reach, shape
        _, fineness = _TRANSFORM[len(shape)]
        self.n_points = math.prod(map(float, shape)) * fineness ** len(shape)

    @classmethod
    def enclosing(cls, low, high, split, h):
        """Box with a margin in which the far part decays, resolving its spectrum."""
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
        axes = list(zip(self.period, self.frequencies(), strict=True))
        # As many Gaussians at a time as keep their factors small.
        rows, columns = self.shape[0], math.prod(self.shape[1:])
        step = max(1, _MAX_FACTORS // max(rows, columns))
        result = np.zeros((rows, columns))
        for i in range(0, len(gaussians[0]), step):
            t, weight = (values[i : i + step] for values in gaussians)
            first, *others = [
                np.sqrt(4 * np.pi * h**2 * t / p**2)[:, None]
                * np.exp(-np.outer(h**2 * t, xi**2))
                for p, xi in axes
            ]
            product = np.ones((len(t), 1))
            for factor in others:
                product = product[:, :, None] * factor[:, None, :]
                product = product.reshape(len(t), -1)
            result += (weight[:, None] * first).T @ product
        return result.reshape(self.shape)
