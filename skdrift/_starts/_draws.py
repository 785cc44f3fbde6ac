"""Where particles start: ensembles of independent, identically distributed rows.

A collapsed start is stuck: with data at -a and +a and every particle at 0 the
velocity vanishes. So every start overlaps the data and has their spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._data._neighbors import NearestRows

if TYPE_CHECKING:
    from .._typing import Floats
__all__ = ["LocalGaussian", "local_gaussian", "matched_gaussian", "resampled"]

# Neighbours whose mean and covariance are local: enough for a covariance, few enough
# to follow curves.
_N_NEIGHBORS = 40
# A neighbour counts if it is mutual, if the row is among its own nearest, so many times
# as many; a few nearest ones always do. Rows of a small cluster are strangers to those
# of a large one, which would draw them in.
_MUTUAL = 2
_FEWEST = 6
# Numbers of neighbours' coordinates held at a time.
_CHUNK = 2**22


def matched_gaussian(
    n: int, rows: Floats, weight: Floats, random_state: np.random.RandomState
) -> Floats:
    """Draw from the Gaussian with the mean and covariance of weighted rows.

    Parameters
    ----------
    n : int
        Number of draws.
    rows : ndarray of shape (n_rows, n_features)
        Rows to draw from.
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    random_state : RandomState
        Source of the draws.

    Returns
    -------
    ndarray of shape (n, n_features)
        In the precision of `rows`.
    """
    rows_64 = rows.astype(np.float64, copy=False)
    mean = weight @ rows_64
    root = np.sqrt(weight)[:, None] * (rows_64 - mean)
    if rows.shape[1] < len(rows):
        root = _symmetric_square_root(root.T @ root)
    noise = random_state.standard_normal((n, len(root)))
    return (mean + noise @ root).astype(rows.dtype)


def _symmetric_square_root(matrix):
    eigenvalues, vectors = np.linalg.eigh(matrix)
    # Rounding noise around zero would be magnified by the square root.
    floor = len(matrix) * np.finfo(matrix.dtype).eps * eigenvalues[-1]
    eigenvalues[eigenvalues < floor] = 0
    return (vectors * np.sqrt(eigenvalues)) @ vectors.T


class LocalGaussian(NamedTuple):
    """Rows drawn from Gaussians around data rows, their noise still to be chosen.

    Every draw starts from a data row y with the mean m and covariance C of its
    neighbourhood. With noise b it is ``m + sqrt(1 - b^2) (y - m) + b C^(1/2) e``, e
    standard normal: shrinking towards the local mean makes room for the noise within
    the local covariance (West, *Approximating posterior distributions by mixtures*,
    JRSS B 55, 1993, shrinks towards the mean of all). b = 0 copies rows, b = 1 is a
    draw from the local Gaussian, b > 1 is wider than the neighbourhoods.

    Attributes
    ----------
    mean, deviation, noise : ndarray of shape (n, n_features)
        m, ``y - m`` and ``C^(1/2) e``.
    """

    mean: np.ndarray
    deviation: np.ndarray
    noise: np.ndarray

    def rows(self, b: float) -> Floats:
        """Rows with a noise that has been chosen.

        Parameters
        ----------
        b : float
            Noise, at least 0.

        Returns
        -------
        ndarray of shape (n, n_features)
            The draws, the same ones for every noise.
        """
        kept = np.sqrt(max(0.0, 1 - b * b))
        rows = self.mean + kept * self.deviation + b * self.noise
        return rows.astype(self.mean.dtype, copy=False)


def local_gaussian(
    n: int,
    rows: Floats,
    weight: Floats,
    random_state: np.random.RandomState,
    neighbors: NearestRows | None = None,
) -> LocalGaussian:
    """Draw from the Gaussians of the neighbourhoods of weighted rows.

    Between copies of the rows (one neighbour) and the Gaussian of all the data (all
    are neighbours): it follows clusters, curves and local correlations at the scale
    at which there are data to show them. Neighbours are mutual, so that small clusters
    keep their share.

    Parameters
    ----------
    n : int
        Number of draws.
    rows : ndarray of shape (n_rows, n_features)
        Distinct rows.
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    random_state : RandomState
        Source of the draws.
    neighbors : NearestRows, default=None
        Of the same rows, if it is there already.

    Returns
    -------
    LocalGaussian
        Draws whose noise is still to be chosen.
    """
    neighbors = neighbors or NearestRows(rows)
    chosen = _choose(n, weight, random_state)
    mean, noise = np.empty((2, n, rows.shape[1]), rows.dtype)
    step = max(1, _CHUNK // (_N_NEIGHBORS * rows.shape[1]))
    for part in (slice(i, i + step) for i in range(0, n, step)):
        near, w = _neighborhoods(rows[chosen[part]], rows, weight, neighbors)
        mean[part] = np.einsum("nk,nkd->nd", w, rows[near])
        e = np.sqrt(w) * random_state.standard_normal(w.shape)
        noise[part] = np.einsum("nk,nkd->nd", e, rows[near] - mean[part, None])
    return LocalGaussian(mean, rows[chosen] - mean, noise)


def _neighborhoods(x, rows, weight, neighbors):
    """Nearest of the rows to some of them, if they are mutual.

    Parameters
    ----------
    x : ndarray of shape (n, n_features)
        Some of the rows.
    rows : ndarray of shape (n_rows, n_features)
        Distinct rows.
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    neighbors : NearestRows
        Of the same rows.

    Returns
    -------
    near : ndarray of shape (n, k), dtype int
        Places of the neighbours.
    share : ndarray of shape (n, k)
        Their weights, of sum 1; 0 for those that are not mutual.
    """
    k = min(_N_NEIGHBORS, len(rows))
    near = neighbors.indices(x, k)
    share = weight[near]
    if k < len(rows):  # so few are one neighbourhood
        distance = np.linalg.norm(rows[near] - x[:, None], axis=2)
        closest = np.sort(distance, axis=1)[:, _FEWEST - 1, None]
        reach = neighbors.reach(near, _MUTUAL * k)
        share = np.where(distance <= np.maximum(closest, reach), share, 0)
    return near, share / share.sum(axis=1, keepdims=True)


def resampled(
    n: int,
    rows: Floats,
    weight: Floats,
    noise: Floats,
    random_state: np.random.RandomState,
) -> Floats:
    """Draw rows by weight, each as equally often as possible, and add noise.

    Parameters
    ----------
    n : int
        Number of draws.
    rows : ndarray of shape (n_rows, n_features)
        Rows to draw from.
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    noise : ndarray of shape (n_features,)
        Standard deviation of the noise in every column.
    random_state : RandomState
        Source of the draws.

    Returns
    -------
    ndarray of shape (n, n_features)
        In the precision of `rows`.
    """
    chosen = _choose(n, weight, random_state)
    jitter = noise * random_state.standard_normal((n, rows.shape[1]))
    return (rows[chosen] + jitter).astype(rows.dtype)


def _choose(n, weight, random_state):
    """Places of n rows, each as equally often as its weight allows."""
    # Systematic resampling: one uniform number, equally spaced quantiles.
    quantiles = (np.arange(n) + random_state.uniform()) / n
    chosen = np.searchsorted(np.cumsum(weight), quantiles)
    return random_state.permutation(np.minimum(chosen, len(weight) - 1))
