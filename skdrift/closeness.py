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
    count : ndarray of shape (n_rows,)
        How many samples each row stands for.

    Attributes
    ----------
    reference : float
        Median over the samples of the distance to the nearest other sample; 0 if
        most samples have a twin, and then nothing counts as close.
    """

    def __init__(self, rows, count):
        self._neighbors = NearestNeighbors(n_neighbors=1).fit(rows)
        self.reference = 0.0
        if len(rows) > 1:
            probes = _every(rows)
            distances, _ = self._neighbors.kneighbors(rows[probes], n_neighbors=2)
            to_other = np.where(count[probes] >= 2, 0.0, distances[:, 1])
            self.reference = _weighted_median(to_other, count[probes])

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
