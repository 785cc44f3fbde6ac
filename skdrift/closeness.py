"""When to stop: before the particles copy the data."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

# Rows and particles that are looked at; more would not sharpen the median.
_MAX_PROBES = 2000


class ClosestRecord:
    """Compare distances particle-to-data with distances within the data.

    New samples of the law that produced the data lie as far from their nearest
    data row as the rows lie from one another (leave-one-out). Particles that are
    closer have begun to copy.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Distinct data rows.
    weight : ndarray of shape (n_rows,)

    Attributes
    ----------
    reference : float
        Weighted median distance of a row to its nearest other row.
    """

    def __init__(self, rows, weight):
        self._neighbors = NearestNeighbors(n_neighbors=1).fit(rows)
        self.reference = 0.0
        if len(rows) > 1:
            probes = _every(rows)
            distances, _ = self._neighbors.kneighbors(rows[probes], n_neighbors=2)
            self.reference = _weighted_median(distances[:, 1], weight[probes])

    def ratio(self, particles):
        """Median distance of a particle to its nearest row, over the reference."""
        distances, _ = self._neighbors.kneighbors(particles[_every(particles)])
        median = float(np.median(distances))
        return median / self.reference if self.reference > 0 else np.inf

    def __call__(self, particles):
        """Whether the particles are as close to the data as the data to themselves."""
        return self.ratio(particles) <= 1


def _every(rows):
    return slice(None, None, -(-len(rows) // _MAX_PROBES))


def _weighted_median(values, weight):
    order = np.argsort(values)
    cumulative = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(cumulative, cumulative[-1] / 2)])
