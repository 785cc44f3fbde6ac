"""When to stop: before the particles copy the data."""

import numpy as np
from scipy.spatial import KDTree
from sklearn.metrics import pairwise_distances_chunked

# Rows and particles that are looked at; more would not sharpen the median.
_MAX_PROBES = 2000
# Mebibytes of distances at a time; more is not faster.
_DISTANCE_MEMORY = 16
# Up to this many columns a tree finds neighbours faster than products do.
_TREE_MAX_FEATURES = 8


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
        self._rows = rows
        self._tree = KDTree(rows) if rows.shape[1] <= _TREE_MAX_FEATURES else None
        self.reference = 0.0
        if len(rows) > 1:
            probes = _every(rows)
            to_other = self._distances(rows[probes], 2)
            to_other[count[probes] >= 2] = 0
            self.reference = _weighted_median(to_other, count[probes])

    def _distances(self, x, k):
        """Distance of every x to its k-th nearest row."""
        if self._tree is not None:
            return self._tree.query(x, [k])[0][:, 0]
        # A copy, as a view of its column would keep the whole chunk alive.
        chunks = pairwise_distances_chunked(
            x,
            self._rows,
            reduce_func=lambda d, _: np.partition(d, k - 1)[:, k - 1].copy(),
            working_memory=_DISTANCE_MEMORY,
        )
        return np.concatenate(list(chunks))

    def ratio(self, particles):
        """Median distance of a particle to its nearest row, over the reference."""
        median = float(np.median(self._distances(particles[_every(particles)], 1)))
        return median / self.reference if self.reference > 0 else np.inf

    def __call__(self, particles, annealed=True):
        """Whether the particles are as close to the data as the data to themselves.

        While the bandwidth still falls they must be clearly closer, and in one or
        two columns it is never the case: there the rows of any dense cloud are near
        one another, whatever its law.
        """
        if annealed:
            return self.ratio(particles) <= 1
        return particles.shape[1] > 2 and self.ratio(particles) <= 0.95


def _every(rows):
    return slice(None, None, -(-len(rows) // _MAX_PROBES))


def _weighted_median(values, weight):
    order = np.argsort(values)
    cumulative = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(cumulative, cumulative[-1] / 2)])
