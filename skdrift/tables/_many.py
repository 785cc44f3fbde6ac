"""Columns of many unordered categories: drawn along with the row of a donor.

A column of 0 and 1 for each of hundreds of categories costs minutes and tells the
drifter little. Instead the other columns are drawn without it, every row of the data
donates its categories as often as its weight says, and drawn rows and donors are
matched by an optimal transport in the other columns. Several such columns have the same
donor, so they depend on each other as in the data.
"""

from __future__ import annotations

import zlib
from functools import cached_property

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.utils import gen_batches

from .._data._neighbors import NearestRows
from ._codes import (
    _check_none_missing,
    _chosen,
    _places,
    _raise_unknown,
    code_of,
    kinds_of,
    without_values,
)

# Up to this number of categories have a column of 0 and 1 for each.
FEW = 12
# Numbers of a drawn row that stand for no category.
NO_CATEGORY = -1.0
# Numbers this close to those of a category stand for it.
_CLOSE = 1e-6
# Number of rows that are matched at once; the time is cubic in it.
_BATCH = 1000
# A row is matched at the place of one of so many nearest rows, or more (_share): the
# nearest donor of every row would be nearer than new data are, a copy of the donor.
_NEIGHBORS = 8
# How many neighbours is judged by so many rows, among at most so many, and with so many
# distances at a time.
_JUDGES, _JUDGED = 1000, 100_000
# This part of what near rows tell about categories may be lost for more donors.
_LOST = 0.05
_COORDINATES = 10**6
# Among more neighbours than these, a category does not point at its row.
_FOLLOWED = 64
# Rows whose categories no neighbour has exchange them with so many nearest ones.
_EXCHANGED = 16
_TINY = np.finfo(float).tiny
# Weight of directions in which the means of the categories do not differ.
_UNRELATED = 0.3
# Within categories, columns are not taken to vary less than this (in variances).
_LEAST_WITHIN = 0.02


def code_for(column):
    """Code for a column; a :class:`DonorCode` for many unordered categories."""
    if column.kind == "category" and column.order is None:
        categories = set(column.values)
        if len(categories) > FEW:
            return DonorCode(column, sorted(categories, key=str))
    return code_of(column)


class DonorCode:
    """Code of a column of many unordered categories: two numbers for each.

    The first is its place, the second a check: a permutation of the places, so that
    numbers that were rounded one by one do not pass for a category. Every kind of
    missing values is one more category. Numbers of no category are replaced by those of
    a donor (:class:`Donors`) before they are decoded.
    """

    width = 2

    def __init__(self, column, categories):
        self.column, self.categories = without_values(column), categories
        self._kinds = kinds_of(column) if column.missing.any() else []
        self.n_places = len(categories) + len(self._kinds)
        self.memberships = self.marks = np.zeros(self.width, dtype=bool)

    def names(self, name):
        """Names of the encoded columns."""
        return [name, f"{name}_check"]

    def specs(self, given, place):
        """What holds of the encoded columns, if a drifter sees them."""
        return ["free"] * self.width

    def encode(self, column, ignore=False):
        """Array of shape (n_rows, width)."""
        places = np.empty(len(column.missing), dtype=np.int64)
        places[~column.missing] = found = _places(column, self.categories)
        if not ignore and (found < 0).any():
            _raise_unknown(column, np.argmin(found))
        if not self._kinds and not ignore:
            _check_none_missing(column)
        # Another frame may have other kinds; unknown ones count as the first.
        kinds = [
            self._kinds.index(kind) if kind in self._kinds else 0
            for kind in kinds_of(column)
        ]
        marks = np.zeros(len(places), int) if column.marks is None else column.marks
        places[column.missing] = (
            len(self.categories) + np.array(kinds)[marks[column.missing]]
            if self._kinds
            else -1
        )
        return np.where(
            places[:, None] < 0, NO_CATEGORY, self.numbers(np.maximum(places, 0))
        )

    def decode(self, numbers):
        """Values, and 0, or one more than the place of the marker of a missing one."""
        places = self.nearest(numbers)
        missing = np.maximum(places - len(self.categories) + 1, 0)
        return _chosen(self.column, self.categories, places, missing), missing

    def numbers(self, places):
        """Numbers of the categories in these places."""
        check = np.random.RandomState(0).permutation(self.n_places)
        return np.column_stack([places, check[places]]).astype(np.float64)

    def nearest(self, numbers):
        """Places that the first numbers are closest to."""
        return np.clip(np.rint(numbers[:, 0]), 0, self.n_places - 1).astype(np.int64)

    def is_exact(self, numbers):
        """Which rows are the numbers of a category."""
        return (np.abs(numbers - self.numbers(self.nearest(numbers))) <= _CLOSE).all(1)


def drift(codes):
    """Which codes a drifter needs: all but those of donors, if there are others."""
    donated = np.array([isinstance(code, DonorCode) for code in codes])
    return ~donated | donated.all()


def drifting(codes):
    """Mask of the encoded columns that a drifter needs."""
    return np.repeat(drift(codes), [code.width for code in codes])


def donors_of(codes, columns):
    """Donors among the rows of a table, or None if no column needs them."""
    if not any(isinstance(code, DonorCode) for code in codes):
        return None
    pairs = zip(codes, columns, strict=True)
    return Donors(codes, [code.encode(column) for code, column in pairs])


class Donors:
    """Rows of the data, which pass their categories on to drawn rows.

    Rows are compared in the codes of the other columns, in units of standard
    deviations. Directions in which the means of the categories differ count by the
    ratio of the standard deviation between categories to that within them, since few
    of many columns may depend on the categories.

    Parameters
    ----------
    codes : list
        Codes of all columns.
    parts : list of ndarray of shape (n_rows, width)
        Encoded columns.
    weight : ndarray of shape (n_rows,), default=None
        Weights of the rows; by default, all are equal.
    """

    def __init__(self, codes, parts, weight=None):
        self._codes, self._parts = codes, parts
        self._many = [j for j, code in enumerate(codes) if isinstance(code, DonorCode)]
        self._others = [j for j in range(len(codes)) if j not in self._many]
        rows = np.concatenate([parts[j] for j in self._compared], axis=1)
        weight = np.ones(len(rows)) if weight is None else np.asarray(weight, float)
        self._weight = weight = weight / weight.max()
        self._mean = np.average(rows, 0, weight)
        std = np.sqrt(np.average(np.square(rows - self._mean), 0, weight))
        self._scale = np.where(std > 0, std, 1.0)
        standard = (rows - self._mean) / self._scale
        self._places = np.column_stack([codes[j].nearest(parts[j]) for j in self._many])
        self._metric = _metric(standard, self._places.T, weight)
        self._rows = standard @ self._metric
        self._nearest = NearestRows(self._rows)
        # Rows are split into batches along the direction in which they differ most.
        scatter = np.cov(self._rows, rowvar=False, aweights=weight, ddof=0)
        self._axis = np.linalg.eigh(np.atleast_2d(scatter))[1][:, -1]

    @cached_property
    def _share(self):
        return _share(self._rows, self._places, self._weight)

    @property
    def _compared(self):
        return self._others or self._many

    def weighted(self, weight):
        """The same donors with other weights."""
        return Donors(self._codes, self._parts, weight)

    def settled(self, parts):
        """Encoded columns with numbers of categories in all columns of many.

        Encoded rows stay as they are; other rows are a whole ensemble with donors.
        """
        if all(self._codes[j].is_exact(parts[j]).all() for j in self._many):
            return parts
        seed = zlib.crc32(np.concatenate(parts, axis=1).tobytes())
        drawn = [
            parts[j] if j in self._many else _decoded(self._codes[j], parts[j])
            for j in self._compared
        ]
        rng = np.random.default_rng(seed)
        places = self._places[self._matched(np.concatenate(drawn, axis=1), rng)]
        parts = list(parts)
        for j, place in zip(self._many, places.T, strict=True):
            parts[j] = self._codes[j].numbers(place)
        return parts

    def settled_nearby(self, parts, rng):
        """Encoded columns where rows without a category have that of a near donor.

        Unlike :meth:`settled`, rows are no ensemble: a donor may be used for many.
        """
        parts = list(parts)
        unknown = {j: ~self._codes[j].is_exact(parts[j]) for j in self._many}
        at = np.flatnonzero(np.any([*unknown.values()], axis=0))
        if not at.size:
            return parts
        drawn = [_decoded(self._codes[j], parts[j][at]) for j in self._others]
        places = self._places[self._near(np.concatenate(drawn, axis=1), rng)]
        for j, place in zip(self._many, places.T, strict=True):
            numbers = parts[j].copy()
            numbers[at] = np.where(
                unknown[j][at, None], self._codes[j].numbers(place), numbers[at]
            )
            parts[j] = numbers
        return parts

    def _near(self, drawn, rng):
        """One of the nearest donors of every row, by their weights.

        Rows that miss a category are no donors, unless all do.
        """
        sizes = [len(self._codes[j].categories) for j in self._many]
        is_whole = (self._places < sizes).all(axis=1)
        weight = np.where(is_whole | ~is_whole.any(), self._weight, 0.0)
        rows = ((drawn - self._mean) / self._scale) @ self._metric
        k = _count(self._share, len(self._rows))
        donors = np.empty(len(rows), dtype=np.int64)
        for batch in gen_batches(len(rows), _BATCH):
            distance = cdist(rows[batch], self._rows, "sqeuclidean")
            distance[:, weight == 0] = np.inf
            near = np.argpartition(distance, k - 1, axis=1)[:, :k]
            ends = np.cumsum(weight[near], axis=1)
            level = rng.random_sample((len(near), 1)) * ends[:, -1:]
            place = np.minimum((ends <= level).sum(axis=1), k - 1)
            donors[batch] = near[np.arange(len(near)), place]
        return donors

    def _matched(self, drawn, rng):
        """Donors of drawn rows at the least total squared distance, in batches."""
        rows = ((drawn - self._mean) / self._scale) @ self._metric
        n, donors = len(rows), self._chosen(len(rows), rng)
        # Categories that no neighbour has may as well be those of other such rows.
        k, at = _count(self._share, len(self._rows)), donors.copy()
        alone = _is_alone(donors, self._nearest, self._places, k)
        at[alone] = _exchanged(donors[alone], self._rows, rng)
        ends = np.arange(1, -(-n // _BATCH)) * n // -(-n // _BATCH)
        matched = np.empty(n, dtype=np.int64)
        # In a random order first, because equal rows keep their order.
        order, mixed = rng.permutation(n), rng.permutation(n)
        order = order[np.argsort(rows[order] @ self._axis, kind="stable")]
        mixed = mixed[np.argsort(self._rows[at[mixed]] @ self._axis, kind="stable")]
        for batch, own in zip(
            np.split(order, ends), np.split(mixed, ends), strict=True
        ):
            places = _neighbors(rows[batch], _count(self._share, n), rng)
            cost = cdist(places, self._rows[at[own]], "sqeuclidean")
            matched[batch] = donors[own[linear_sum_assignment(cost)[1]]]
        return matched

    def _chosen(self, n, rng):
        """Donors of n rows, each as often as its weight says, up to rounding.

        So are the categories of the first column and the pairs of the first two.
        """
        order = rng.permutation(len(self._weight))
        order = order[np.lexsort(self._places[order].T[::-1])]
        share = np.cumsum(self._weight[order])
        sought = (np.arange(n) + rng.uniform(0.01, 0.99)) / n * share[-1]
        return order[np.searchsorted(share, sought, "right")]


def _neighbors(rows, k, rng):
    """For each row one of its k nearest rows, which may be itself, at random."""
    k = min(k, len(rows))
    nearest = np.argpartition(cdist(rows, rows, "sqeuclidean"), k - 1, axis=1)
    return rows[nearest[np.arange(len(rows)), rng.integers(k, size=len(rows))]]


def _count(share, n):
    """Number of nearest rows, of n rows, that a donor is chosen from."""
    return min(max(_NEIGHBORS, round(share * n)), n)


def _share(rows, places, weight):
    """Share of the rows near a row that have its law of categories.

    A category drawn with a place near its own row gives that row away, so many rows
    should donate: the largest number, up to those that hide a row, whose Brier score
    for the categories of other rows has lost little of its gain over the law of all
    rows. It is 0 for the least number, and 1 if no gain is significant: the categories
    do not depend on the other columns.
    """
    kept = np.random.RandomState(0).permutation(len(rows))[:_JUDGED]
    counts = _NEIGHBORS * 2 ** np.arange((_FOLLOWED // _NEIGHBORS).bit_length())
    counts = np.append(counts[counts <= len(kept) // 2], len(kept) - 1)
    if counts[0] < _NEIGHBORS:
        return 0.0
    scores = _brier_scores(rows[kept], places[kept], weight[kept], counts)
    gain = scores - scores[:, -1:]  # over the law of all rows
    mean = gain.mean(axis=0)
    best = mean.argmax()
    if mean[best] <= 2 * gain[:, best].std() / np.sqrt(len(gain)):
        return 1.0
    enough = np.flatnonzero(mean >= (1 - _LOST) * mean[best])[-1]
    return counts[enough] / counts[-1] if enough else 0.0


def _is_alone(donors, nearest, places, k):
    """Which donors have no category in common with any of their k nearest rows.

    Their categories cannot be told from the other columns: by the estimate of Good and
    Turing, a new row is as likely to have one that its neighbours lack as rows are to
    be alone. Drawn in its place, such a category would point at its row. Among many
    neighbours it does not, and none is looked up.
    """
    if k > _FOLLOWED or len(places) <= k:
        return np.zeros(len(donors), dtype=bool)
    near = nearest.among(donors, k + 1)
    equal = (places[near] == places[donors][:, None]).any(axis=2)
    return ~(equal & (near != donors[:, None])).any(axis=1)


def _exchanged(donors, rows, rng):
    """The donors, each in the place of a random one of its nearest among them.

    Of few, so that what the categories of a region have in common is kept.
    """
    distinct, own = np.unique(donors, return_inverse=True)
    if not distinct.size:
        return donors
    k = min(_EXCHANGED, len(distinct))
    near = NearestRows(rows[distinct]).among(own, k)
    return distinct[near[np.arange(len(own)), rng.integers(k, size=len(own))]]


def _brier_scores(rows, places, weight, counts):
    """Brier scores, for up to _JUDGES rows, of the law among numbers of nearest others.

    2 p(own category) - sum_c p(c)^2, where the square is estimated without bias, by
    pairs of neighbours with the same category: a drawn row has one donor, so few
    neighbours are no worse than many for their chance. Sums over the columns. The last
    of the numbers is that of all others.
    """
    n = min(len(rows), _JUDGES)
    scores = np.zeros((n, len(counts)))
    # Neighbours in order up to rings between one number of them and the next.
    ring = np.searchsorted(counts, np.arange(counts[-1]), "right")
    for one in gen_batches(n, max(1, _COORDINATES // len(rows))):
        distance = cdist(rows[one], rows, "sqeuclidean")
        own = np.arange(n)[one, None]
        np.put_along_axis(distance, own, np.inf, axis=1)
        near = np.argpartition(distance, counts - 1, axis=1)[:, :-1]
        w = weight[near]
        squares = _within(ring, w**2, 0 * near, 1)[..., 0]
        total = _within(ring, w, 0 * near, 1)[..., 0]
        pairs = total**2 - squares
        for place in places.T:
            mass = _within(ring, w, place[near], place.max() + 1)
            same = np.square(mass).sum(axis=2) - squares
            mine = np.take_along_axis(mass, place[own][:, None], axis=2)[..., 0]
            # Weights may be too small for the sum of their products, or 0.
            scores[one] += 2 * mine / np.maximum(total, _TINY)
            scores[one] -= np.clip(same, 0, pairs) / np.maximum(pairs, _TINY)
    return scores


def _within(ring, weight, values, n_values):
    """Sums of weights up to each ring, shape (n_rows, n_rings, n_values)."""
    shape = len(values), ring[-1] + 1, n_values
    cell = np.ravel_multi_index((np.arange(len(values))[:, None], ring, values), shape)
    sums = np.bincount(cell.ravel(), weight.ravel(), np.prod(shape)).reshape(shape)
    return np.cumsum(sums, axis=1)


def _metric(rows, places, weight):
    """Matrix that rows are multiplied by before their distances are computed."""
    blocks = [_UNRELATED * np.eye(rows.shape[1])]
    for place in places:
        total = np.bincount(place, weight)
        sums = [np.bincount(place, weight * column) for column in rows.T]
        mean = (np.array(sums) / np.where(total > 0, total, 1.0)).T
        share = total / total.sum()
        within = np.average(np.square(rows - mean[place]), 0, weight)
        # Without bias: means of few rows differ by chance. n rows have this weight.
        n = weight.sum() ** 2 / np.square(weight).sum()
        k = np.count_nonzero(total)
        within = within * (n / max(n - k, 1))
        between = np.maximum(share @ np.square(mean) - within * k / n, 0)
        chance = within / np.maximum(n * share, 1e-9)[:, None]
        mean = mean * np.divide(
            between, between + chance, out=np.zeros_like(mean), where=between > 0
        )
        deviation = np.sqrt(np.maximum(within, _LEAST_WITHIN))
        _, ratio, axes = np.linalg.svd(
            np.sqrt(share)[:, None] * mean / deviation, full_matrices=False
        )
        blocks.append(axes.T * ratio / deviation[:, None])
    return np.concatenate(blocks, axis=1)


def _decoded(code, numbers):
    """Numbers of the values that numbers are decoded to."""
    values, missing = code.decode(numbers)
    kinds, missing = missing, missing > 0
    if isinstance(values, np.ndarray):
        values = values[~missing]
    else:
        values = [v for v, m in zip(values, missing.tolist(), strict=True) if not m]
    marks = np.maximum(kinds.astype(int) - 1, 0)
    # Times that are counted on the local clock are decoded to it.
    column = code.column._replace(values=values, missing=missing, wall=values)
    return code.encode(column._replace(marks=marks))
