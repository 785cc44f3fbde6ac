"""Nearest data rows, by a tree or by products of matrices."""

from functools import cached_property

import numpy as np
from scipy.spatial import KDTree
from sklearn.neighbors import NearestNeighbors

# Up to this many columns a tree finds neighbours faster than products do.
TREE_MAX_FEATURES = 8


class NearestRows:
    """Nearest of a set of rows.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    """

    def __init__(self, rows):
        self._rows = rows

    @cached_property
    def _tree(self):
        return KDTree(self._rows)

    @cached_property
    def _products(self):
        return NearestNeighbors(algorithm="brute").fit(self._rows)

    def distance(self, x, k=1):
        """Distance of every row of `x` to its k-th nearest row, shape (len(x),)."""
        if self._rows.shape[1] <= TREE_MAX_FEATURES:
            return self._tree.query(x, [k])[0][:, 0]
        place = self._products.kneighbors(x, k, return_distance=False)[:, -1]
        # Anew: by products of matrices equal rows would not be at 0.
        return np.linalg.norm(x - self._rows[place], axis=1)

    def indices(self, x, k):
        """Places of the k nearest rows, ascending, shape (len(x), k)."""
        if k == len(self._rows):
            return np.broadcast_to(np.arange(k), (len(x), k))
        if self._rows.shape[1] <= TREE_MAX_FEATURES:
            place = self._tree.query(x, k, workers=-1)[1].reshape(len(x), k)
        else:
            place = self._products.kneighbors(x, k, return_distance=False)
        # By distance their order would depend on rounding.
        return np.sort(place, axis=1)
