"""Sums of a reduction and of its derivative, for Jacobians.

With slopes ``pb(r) = -p'(r) / r`` of the profiles, ``grad p(r) = pb(r) (y - x) / h^2``
and the displacement D of :mod:`._interface` has the derivative

    grad D = M - A I - D S^T,
    A = sum_j w_j a(r_j) / Z
    S = sum_j w_j nb(r_j) (y_j - x) / (h^2 Z) = grad log Z
    M = sum_j w_j ab(r_j) (y_j - x) (y_j - x)^T / (h^2 Z).

All are averages with the weights of Z, so they merge as D does.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches

# Numbers in the differences of a tile: they stay in the cache.
_TILE_NUMBERS = 2**16
# Arrays of that size that are alive at once.
_TILE_BUFFERS = 6
# Distance at which a function stands for its limit, where it is written as 0 / 0.
_NEARLY_ZERO = 1e-8


class Slopes(NamedTuple):
    """``nb(r) / n(r)`` and ``ab(r) / n(r)``, as functions of ``r ** 2``."""

    normalizer: Callable
    pull: Callable


class Moments(NamedTuple):
    """A reduction with the further sums that its derivative needs.

    Attributes
    ----------
    log_z : ndarray of shape (n_queries,)
        Log normaliser; ``-inf`` where no source is left, and all else is 0.
    displacement : ndarray of shape (n_queries, n_features)
        Displacement D.
    pulled : ndarray of shape (n_queries,)
        A, the mean of the pull profile.
    score : ndarray of shape (n_queries, n_features)
        S, the gradient of ``log_z``.
    square : ndarray of shape (n_queries, n_features, n_features)
        M, the second moment.
    """

    log_z: np.ndarray
    displacement: np.ndarray
    pulled: np.ndarray
    score: np.ndarray
    square: np.ndarray

    @property
    def jacobian(self) -> np.ndarray:
        """Derivative of D, shape (n_queries, d, d), rows by component of D."""
        identity = np.eye(self.score.shape[1])
        outer = self.displacement[:, :, None] * self.score[:, None, :]
        return self.square - self.pulled[:, None, None] * identity - outer


def merge_moments(first, second):
    """Combine the moments over two disjoint sets of sources, as `merge` does."""
    log_z = np.logaddexp(first.log_z, second.log_z)
    shift = np.where(np.isneginf(log_z), 0, log_z)
    shares = np.exp(first.log_z - shift), np.exp(second.log_z - shift)
    pairs = zip(first[1:], second[1:], strict=True)
    return Moments(log_z, *(_weighted(shares, pair) for pair in pairs))


def _weighted(shares, pair):
    axes = (slice(None),) + (None,) * (pair[0].ndim - 1)
    return shares[0][axes] * pair[0] + shares[1][axes] * pair[1]


def sum_moments(queries, sources, log_weights, profiles, bandwidth, deleted=None):
    """Moments by NumPy, in float64; see :meth:`BoundSources.moments`.

    Next to the result they need the memory of a tile of differences, which stays below
    scikit-learn's ``working_memory``.
    """
    x, y = (points.astype(np.float64, copy=False) for points in (queries, sources))
    values_at = _profile_functions(profiles)
    n, d = x.shape
    rows, columns = _tile_shape(len(y), d)
    result = Moments(*(np.empty((n,) + (d,) * k) for k in (0, 1, 0, 1, 2)))
    for q in gen_batches(n, rows):
        gone = None if deleted is None else deleted[q]
        part = None
        for s in gen_batches(len(y), columns):
            difference = (y[s].T - x[q, :, None]) / bandwidth
            r2 = np.einsum("qds,qds->qs", difference, difference)
            log_n = profiles.log_normalizer(r2) + log_weights[s]
            if gone is not None:
                here = np.flatnonzero((s.start <= gone) & (gone < s.stop))
                log_n[here, gone[here] - s.start] = -np.inf
            tile = _tile(difference, log_n, values_at(r2), bandwidth)
            part = tile if part is None else merge_moments(part, tile)
        for whole, piece in zip(result, part, strict=True):
            whole[q] = piece
    return result


def _tile_shape(n_sources, d):
    budget = get_config()["working_memory"] * 2**20 / (8 * _TILE_BUFFERS)
    pairs = max(1, int(min(budget, _TILE_NUMBERS) // d))
    columns = min(n_sources, pairs)
    return pairs // columns, columns


def profile_values(profiles, r2):
    """Pull, slope of the normaliser and slope of the pull, over the normaliser.

    At coincident points they are 0 where there is no limit.
    """
    return _profile_functions(profiles)(r2)


def _profile_functions(profiles):
    functions = (profiles.ratio, *profiles.slopes)
    at_zero = [_at_zero(function) for function in functions]
    return lambda r2: _values(functions, at_zero, r2)


def _at_zero(function):
    """Value that counts for a coincident point: 0 where there is no limit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.squeeze(function(np.zeros(1))))
        if np.isnan(value):
            value = float(np.squeeze(function(np.array([_NEARLY_ZERO**2]))))
    return value if np.isfinite(value) else 0.0


def _values(functions, at_zero, r2):
    coincident = r2 == 0
    if not coincident.any():
        return [function(r2) for function in functions]
    apart = np.where(coincident, 1.0, r2)
    return [
        np.where(coincident, limit, function(apart))
        for function, limit in zip(functions, at_zero, strict=True)
    ]


def _tile(difference, log_n, values, bandwidth):
    """Moments of a tile; differences (query, column, source) in bandwidths."""
    shift = log_n.max(axis=1)
    shift[np.isneginf(shift)] = 0  # every source of this tile is deleted
    n = np.exp(log_n - shift[:, None])
    z = n.sum(axis=1)
    with np.errstate(divide="ignore"):
        log_z = np.log(z) + shift
    n /= np.where(z == 0, 1, z)[:, None]
    pull, slope, pull_slope = ((n * value)[:, :, None] for value in values)
    weighted = difference * pull_slope.transpose(0, 2, 1)
    return Moments(
        log_z,
        bandwidth * np.matmul(difference, pull)[:, :, 0],
        pull.sum(axis=(1, 2)),
        np.matmul(difference, slope)[:, :, 0] / bandwidth,
        np.matmul(weighted, difference.transpose(0, 2, 1)),
    )
