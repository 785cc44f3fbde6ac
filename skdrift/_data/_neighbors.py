"""Neighbours: nearest data rows, and choices that are even over where rows lie."""

from functools import cached_property

import numpy as np
from scipy.spatial import KDTree
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from .._threads import threads_for_neighbors

# Up to this many columns a tree finds neighbours faster than products do.
TREE_MAX_FEATURES = 8
# Rows, and neighbours among them, that are enough to tell how far neighbours are.
_ENOUGH_ROWS, _ENOUGH_NEAR = 20_000, 16
_MANY_ROWS = 100_000
# Queries from which threads repay themselves in a tree.
_MANY_QUERIES = 5000
# Rows near a moving point that are looked at instead of all, numbers of coordinates
# of these held at a time, and rounding of distances.
_FOLLOWED = 48
_CHUNK = 2**20
_ROUNDING = 1e-6


class Neighbors:
    """scikit-learn's NearestNeighbors of rows; among few rows it takes one thread."""

    def __init__(self, rows, **parameters):
        self._search = NearestNeighbors(**parameters).fit(rows)
        self._n_values = rows.size

    def kneighbors(self, x, k=None, return_distance=True):
        """Distances, unless they are not wanted, and places of the k nearest rows."""
        with threads_for_neighbors(len(x) * self._n_values):
            return self._search.kneighbors(x, k, return_distance)


class NearestRows:
    """Nearest of a set of rows, shape (n_rows, n_features)."""

    def __init__(self, rows):
        self._rows = rows

    def __getstate__(self):
        # A tree is built again faster than it is read.
        return {"_rows": self._rows}

    @cached_property
    def _reach(self):
        """Distances that are known, by the number of neighbours."""
        return {}

    @cached_property
    def _parts(self):
        return {}

    @cached_property
    def _known(self):
        return np.empty((len(self._rows), 0), int)

    @cached_property
    def _tree(self):
        # Of many rows a tree of medians takes more than twice as long to build.
        few = len(self._rows) < _MANY_ROWS
        return KDTree(self._rows, compact_nodes=few, balanced_tree=few)

    @property
    def order(self):
        """Places of all rows such that rows that follow each other are near."""
        return self._tree.indices

    @cached_property
    def _products(self):
        return Neighbors(self._rows, algorithm="brute")

    def distance(self, x, k=1):
        """Distance of every row of `x` to its k-th nearest row, shape (len(x),)."""
        if self._rows.shape[1] <= TREE_MAX_FEATURES:
            return self._tree.query(x, [k], workers=_n_workers(x))[0][:, 0]
        place = self._products.kneighbors(x, k, return_distance=False)[:, -1]
        # Anew: by products of matrices equal rows would not be at 0.
        return np.linalg.norm(x - self._rows[place], axis=1)

    def reach(self, places, k):
        """Distance of rows to their k-th nearest, themselves counted; k half at most.

        It is computed once, for the rows that are needed: a small ensemble has few
        neighbours among many rows. Of many rows it is an estimate, the distance to a
        nearer one of a part of them.
        """
        k = min(k, len(self._rows) // 2)
        known = self._reach.setdefault(k, np.full(len(self._rows), np.nan))
        new = np.unique(places[np.isnan(known[places])])
        if new.size:
            known[new] = self._far_away(new, k)
        return known[places]

    def _far_away(self, places, k):
        x = self._rows[places]
        if k <= self._known.shape[1]:
            return np.linalg.norm(x - self._rows[self._known[places, k - 1]], axis=1)
        every = min(len(self._rows) // _ENOUGH_ROWS, k // _ENOUGH_NEAR)
        if every < 2:
            return self.distance(x, k)
        return self._part(every).distance(x, round(k / every))

    def _part(self, every):
        """Every so many of the rows."""
        if every not in self._parts:
            self._parts[every] = NearestRows(self._rows[::every])
        return self._parts[every]

    def indices(self, x, k):
        """Places of the k nearest rows, ascending, shape (len(x), k)."""
        if k == len(self._rows) or not len(x):
            return np.broadcast_to(np.arange(k), (len(x), k))
        # By distance their order would depend on rounding.
        return np.sort(self._nearest(x, k), axis=1)

    def among(self, places, k):
        """:meth:`indices` of some of the rows themselves."""
        if k <= self._known.shape[1]:
            return np.sort(self._known[places, :k], axis=1)
        return self.indices(self._rows[places], k)

    def look_up(self, k):
        """Find the k nearest of every row at once, for later questions about rows."""
        if k > self._known.shape[1]:
            self._known = self._nearest(self._rows, k)

    def _nearest(self, x, k):
        """Places of the k nearest rows, the nearest first."""
        if self._rows.shape[1] <= TREE_MAX_FEATURES:
            return self._tree.query(x, k, workers=_n_workers(x))[1].reshape(len(x), k)
        return self._products.kneighbors(x, k, return_distance=False)

    def following(self):
        """``distance(x)`` of points that move little from one call to the next.

        Returns a function of their places, shape (n_points, n_features), in the same
        order in every call.
        """
        few = len(self._rows) <= 2 * _FOLLOWED
        if few or self._rows.shape[1] <= TREE_MAX_FEATURES:
            return self.distance  # as fast
        return _Following(self._rows, self._products)


class _Following:
    """Distances of moving points to the nearest of the rows.

    Some rows near every point are known, and how far the next ones were. A point that
    has moved by less than the gap to these still has its nearest row among those.
    """

    def __init__(self, rows, products):
        self._rows, self._products = rows, products
        self._at = None

    def __call__(self, x):
        if self._at is None or self._at.shape != x.shape:
            n = len(x)
            self._at, self._beyond = np.array(x), np.empty(n)
            self._near = np.empty((n, _FOLLOWED), int)
            return self._look_up(x, np.arange(n))
        distance = self._to_nearest(x, self._near)
        moved = np.linalg.norm(x - self._at, axis=1)
        lost = np.flatnonzero(distance >= (1 - _ROUNDING) * self._beyond - moved)
        if lost.size:
            distance[lost] = self._look_up(x[lost], lost)
        return distance

    def _look_up(self, x, points):
        beyond, near = self._products.kneighbors(x, _FOLLOWED + 1)
        self._at[points], self._near[points] = x, near[:, :-1]
        self._beyond[points] = beyond[:, -1]
        return self._to_nearest(x, near[:, :1])

    def _to_nearest(self, x, near):
        distance = np.empty(len(x), x.dtype)
        for part in gen_batches(len(x), max(1, _CHUNK // (near.shape[1] * x.shape[1]))):
            offset = self._rows[near[part]] - x[part, None]
            square = np.einsum("ijk,ijk->ij", offset, offset)
            nearest = offset[np.arange(len(offset)), square.argmin(axis=1)]
            distance[part] = np.linalg.norm(nearest, axis=1)
        return distance


def _n_workers(x):
    return -1 if len(x) >= _MANY_QUERIES else 1


def even_choice(rows, n, random_state):
    """Places of n of the rows, as evenly as the rows lie, in random order.

    Every row is as likely as any other. The leaves of a tree of medians are an order in
    which near rows follow each other; every (n_rows / n)-th of it, from a random one
    on, is a sample whose means and shares of regions vary less than with independent
    choices. The rows are in units in which distances count.
    """
    if n == len(rows):
        return random_state.permutation(n)
    step = len(rows) / n
    position = ((np.arange(n) + random_state.random_sample()) * step).astype(int)
    position = np.minimum(position, len(rows) - 1)  # rounding may reach the end
    return random_state.permutation(KDTree(rows, leafsize=1).indices[position])
