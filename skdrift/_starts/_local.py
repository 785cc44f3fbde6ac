"""Start from the Gaussians of the neighbourhoods of data rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import gen_batches

from ._choice import choose
from ._interface import Start, log_normal, whitenings

if TYPE_CHECKING:
    from .._data._neighbors import NearestRows
    from .._data._rows import WeightedRows

# Neighbours whose mean and covariance are local: enough for a covariance, few enough
# to follow curves.
_N_NEIGHBORS = 40
# A neighbour counts if it is mutual, that is, if the row is among its own nearest, with
# this many times as many; a few nearest ones always count. Otherwise the rows of a
# large cluster would draw in the rows of a small one.
_MUTUAL = 2
_FEWEST = 6
# From so many rows on, draws are as good after few annealing steps as after many: the
# start is near the data. With fewer rows early stopping ends short flows too soon.
_MANY_ROWS, _FEW_STEPS = 1000, 5
# Rows are displaced by this many distances to their nearest other row. With 1 isolated
# rows are no safer, and draws of 30 and more columns are told from new rows more often.
_MOVED = 0.7
# From this share of the rows on, the neighbours of all are looked up at once: another
# ensemble will need others of them.
_MANY = 0.1
# Numbers of neighbours' coordinates held at a time.
_CHUNK = 2**22


class LocalStart(Start):
    """Mixture of the Gaussians of the neighbourhoods of weighted rows.

    Every draw starts from a data row y with the mean m and covariance C of its
    neighbourhood. With noise b it is ``m + sqrt(1 - b^2) (y - m) + b C^(1/2) e``, e
    standard normal: shrinking towards the local mean makes room for the noise within
    the local covariance (West, *Approximating posterior distributions by mixtures*,
    JRSS B 55, 1993, shrinks towards the mean of all). b = 0 copies rows, b = 1 is a
    draw from the local Gaussian, b > 1 is wider than the neighbourhoods.

    It lies between copies of the rows (one neighbour) and the Gaussian of all the data
    (all are neighbours), and follows clusters, curves and local correlations at the
    scale at which there are data to show them. Neighbours are mutual, so that small
    clusters keep their share.

    Parameters
    ----------
    rows : WeightedRows
        The data.
    neighbors : NearestRows
        Of the same rows.
    """

    calibrates = True

    def __init__(self, rows: WeightedRows, neighbors: NearestRows) -> None:
        self.rows = rows
        self.neighbors = neighbors

    @property
    def annealing(self):
        many = len(self.rows.rows) >= _MANY_ROWS
        return _FEW_STEPS if many else super().annealing

    def anneals_from(self, bandwidth):
        return 2 * bandwidth

    def draw(self, n, random_state):
        rows = self.rows.rows
        chosen = choose(n, self.rows.weight, random_state)
        if n >= len(rows) / 2:
            self.neighbors.look_up(min(_MUTUAL * _N_NEIGHBORS, len(rows)))
        mean, noise, _ = self._gaussians(rows[chosen], chosen, random_state)
        deviation = rows[chosen] - mean

        def with_noise(b):
            kept = np.sqrt(max(0.0, 1 - b * b))
            return (mean + kept * deviation + b * noise).astype(rows.dtype, copy=False)

        return with_noise

    def displaced(self, rows, places, random_state):
        """Rows moved within their neighbourhoods, by about as much as they are apart.

        The noise of a row is .7 times its distance to the nearest other row, relative
        to the spread of its neighbourhood, and 1 at most. Neighbours need not be
        mutual: the noise is short, and those of a row that lies alone hardly ever are.

        Parameters
        ----------
        rows : WeightedRows
            Rows in internal units.
        places : ndarray of shape (n_rows,), dtype int, or None
            Their places among the rows of the start; None if they are others.
        random_state : RandomState
            Source of the noise.

        Returns
        -------
        WeightedRows
            A row that stands for several samples stays where it is.
        """
        x, n = rows.rows, len(self.rows.rows)
        if places is None:
            distance = self.neighbors.distance(x)
        else:
            if len(places) >= n / 2:  # as many as draws of that size look up
                self.neighbors.look_up(min(_MUTUAL * _N_NEIGHBORS, n))
            elif len(places) >= _MANY * n:
                self.neighbors.look_up(min(_N_NEIGHBORS, n))
            distance = self.neighbors.reach(places, 2)
        mean, noise, spread = self._gaussians(x, places, random_state, mutual=False)
        spread = np.where(spread > 0, spread, 1.0)
        b = np.minimum(1, _MOVED * distance / spread)
        b = np.where(rows.count < 2, b, 0)[:, None]
        moved = mean + np.sqrt(1 - b * b) * (x - mean) + b * noise
        return rows._replace(rows=moved.astype(x.dtype, copy=False))

    def _gaussians(self, x, places, random_state, mutual=True):
        """Means, draws around them, and spread, of the neighbourhoods of rows."""
        rows = self.rows.rows
        mean, noise = np.empty((2, *x.shape), rows.dtype)
        spread = np.empty(len(x), rows.dtype)
        step = max(1, _CHUNK // (_N_NEIGHBORS * rows.shape[1]))
        for part in (slice(i, i + step) for i in range(0, len(x), step)):
            known = None if places is None else places[part]
            near, w = self.neighborhoods(x[part], known, mutual)
            mean[part] = np.einsum("nk,nkd->nd", w, rows[near])
            deviation = rows[near] - mean[part, None]
            e = np.sqrt(w) * random_state.standard_normal(w.shape)
            noise[part] = np.einsum("nk,nkd->nd", e, deviation)
            spread[part] = np.sqrt(np.einsum("nk,nkd,nkd->n", w, deviation, deviation))
        return mean, noise, spread

    def neighborhoods(self, x, places=None, mutual=True):
        """Nearest rows of some rows, and their weights.

        Parameters
        ----------
        x : ndarray of shape (n, n_features)
            Rows.
        places : ndarray of shape (n,), dtype int, default=None
            Their places, if they are rows of the start.
        mutual : bool, default=True
            Whether neighbours count only if they are mutual.

        Returns
        -------
        near : ndarray of shape (n, k), dtype int
            Indices of the neighbours.
        share : ndarray of shape (n, k)
            Their weights, of sum 1; 0 for those that are not mutual.
        """
        rows = self.rows.rows
        k = min(_N_NEIGHBORS, len(rows))
        neighbors = self.neighbors
        near = neighbors.indices(x, k) if places is None else neighbors.among(places, k)
        share = self.rows.weight[near]
        if mutual and k < len(rows):  # so few are one neighbourhood
            distance = np.linalg.norm(rows[near] - x[:, None], axis=2)
            closest = np.sort(distance, axis=1)[:, _FEWEST - 1, None]
            reach = neighbors.reach(near, _MUTUAL * k)
            share = np.where(distance <= np.maximum(closest, reach), share, 0)
        return near, share / share.sum(axis=1, keepdims=True)

    def log_density(self, z, noise):
        rows, weight = self.rows.rows, self.rows.weight
        d = rows.shape[1]
        kept = np.sqrt(max(0.0, 1 - noise * noise))
        result = np.full(len(z), -np.inf)
        for part in gen_batches(len(rows), max(1, _CHUNK // (d * (_N_NEIGHBORS + d)))):
            mean, covariance = self._moments(part)
            whitening, log_root_det = whitenings(noise**2 * covariance)
            centres = mean + kept * (rows[part] - mean)
            log_weights = np.log(weight[part])
            for centre, white, root, log_weight in zip(
                centres, whitening, log_root_det, log_weights, strict=True
            ):
                log_p = log_normal((z - centre) @ white, root)
                np.logaddexp(result, log_weight + log_p, out=result)
        return result

    def _moments(self, part):
        """Means and covariances of the neighbourhoods of a slice of the rows."""
        rows = self.rows.rows
        near, share = self.neighborhoods(rows[part], np.arange(len(rows))[part])
        around = rows[near].astype(np.float64, copy=False)
        mean = np.einsum("nk,nkd->nd", share, around)
        deviation = around - mean[:, None]
        return mean, np.einsum("nk,nki,nkj->nij", share, deviation, deviation)
