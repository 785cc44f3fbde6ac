"""From rows in data units to distinct rows in internal units, and back."""

from typing import NamedTuple

import numpy as np

from ._columns import free_laws, laws_of
from ._margins import Margin, Margins
from ._warps import warp_of

# Relative weights up to this are no weight: their logarithms would overflow.
_NO_WEIGHT = 1e-290


def are_integers(weight):
    """Whether weights may count: all are integers, and small enough to say so."""
    return bool(weight.max() < 2**53 and np.all(weight % 1 == 0))


def distinct_rows(X, *columns):
    """Merge equal rows and add up what belongs to them.

    A row of weight 2 and the row twice become the very same rows, in the same
    order, so everything computed from it agrees to the last bit.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    *columns : ndarray of shape (n_samples,)
        Numbers to be added up over equal rows.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_features)
        Distinct rows in lexicographic order.
    *sums : ndarray of shape (n_rows,)
    """
    order = _lexicographic(X)
    X = X[order]
    first = np.flatnonzero(np.append(True, np.any(X[1:] != X[:-1], axis=1)))
    return X[first], *(np.add.reduceat(c[order], first) for c in columns)


def _lexicographic(X):
    """Order of rows by their first column, then by the second, and so on."""
    order = np.argsort(X[:, 0], kind="stable")
    first = X[order, 0]
    same = first[1:] == first[:-1]
    # Only rows with the same first value are sorted by others; often there are none.
    tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
    rows = order[tied]
    order[tied] = rows[np.lexsort(X[rows].T[::-1])]
    return order


# Coordinates reach up to this power of the largest number, so that sums of squares are
# far from the ends of the range (compiled sums treat exponents below -1e290 as absent).
_REACH = 0.4


def reach_of(dtype):
    """Largest coordinate in internal units, so that distances have squares."""
    return float(np.finfo(dtype).max) ** _REACH


class Scaling(NamedTuple):
    """Increasing map between data units and internal units, column by column.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_features,)
        Of an affine map.
    warps : dict of int to Warp
        Maps of some columns before it.
    """

    mean: np.ndarray
    scale: np.ndarray
    warps: dict

    def to_internal(self, X):
        return ((self._warped(X) - self.mean) / self.scale).astype(X.dtype, copy=False)

    def within_reach(self, X, name="X", bandwidth=1.0):
        """Internal units of rows whose distances, in bandwidths, have squares.

        Rows so far from the data that these would overflow are an error.
        """
        reach = reach_of(X.dtype) * min(bandwidth, 1.0)
        with np.errstate(over="ignore"):
            Z = self.to_internal(X)
        far = np.abs(Z) > reach
        if far.any():
            i, j = np.argwhere(far)[0]
            double = ", or use float64" if X.dtype == np.float32 else ""
            raise ValueError(
                f"Row {i} of '{name}' has {X[i, j]:.3g} in column {j}, which is more "
                f"than {reach:.1g} times the scale of that column ({self.scale[j]:.3g})"
                f" from the data: squares of distances would overflow in {X.dtype}. "
                f"Correct or drop such rows{double}."
            )
        return Z

    def to_data(self, Z):
        with np.errstate(over="ignore"):
            X = (self.mean + self.scale * Z).astype(Z.dtype, copy=False)
        for j, warp in self.warps.items():
            X[:, j] = warp.backward(X[:, j])
        return X

    def column_to_internal(self, j, x):
        """Internal units of values of column j, in double precision."""
        warp = self.warps.get(j)
        y = x if warp is None else warp.forward(x)
        return (y - self.mean[j]) / self.scale[j]

    def column_to_data(self, j, z):
        """Data units of places in column j, in double precision."""
        warp = self.warps.get(j)
        with np.errstate(over="ignore"):
            y = self.mean[j] + self.scale[j] * z
        return y if warp is None else warp.backward(y)

    def column_slope(self, j, x):
        """Derivatives of internal units by data units at values of column j."""
        warp = self.warps.get(j)
        return (1.0 if warp is None else warp.slope(x)) / self.scale[j]

    def slope(self, X):
        """Derivatives of internal units by data units, one per column or number."""
        slope = 1 / self.scale
        if self.warps:
            slope = np.tile(slope, (len(X), 1))
            for j in self.warps:
                slope[:, j] = self.column_slope(j, X[:, j])
        return slope

    def _warped(self, X):
        if not self.warps:
            return X
        X = X.copy()
        for j, warp in self.warps.items():
            X[:, j] = warp.forward(X[:, j])
        return X


class WeightedRows(NamedTuple):
    """Data as the flow sees them: distinct weighted rows in internal units.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    count : ndarray of shape (n_rows,)
        How many samples each row stands for: its integer weight, or, if not all
        weights are integers, the number of times it was given.
    std : ndarray of shape (n_features,)
        Standard deviation of every column in internal units; 0 where constant.
    n_whole : float, default=None
        Number of samples of which those that the rows stand for are a part.
    """

    rows: np.ndarray
    weight: np.ndarray
    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count
    std: np.ndarray
    n_whole: float | None = None

    @property
    def mean_std(self):
        """Root mean square of the standard deviations of the varying columns."""
        std = self.std[self.std > 0]
        if not len(std):
            return 1.0
        return float(std.max() * np.sqrt(np.mean((std / std.max()) ** 2)))

    def bandwidth(self, rule):
        """Bandwidth of a rule ``rule(n, d)``, d varying columns, in internal units."""
        d = max(np.count_nonzero(self.std), 1)
        return float(self.mean_std * rule(max(self.n_samples, 2.0), int(d)))

    def part(self, place):
        """Some of the rows, each as heavy as it is often chosen."""
        place, times = np.unique(place, return_counts=True)
        return self._replace(
            rows=self.rows[place], weight=times / times.sum(), count=self.count[place]
        )

    def without(self, place):
        """The other rows, with their shares of the weight."""
        kept = np.ones(len(self.rows), dtype=bool)
        kept[place] = False
        weight = self.weight[kept]
        return self._replace(
            rows=self.rows[kept], weight=weight / weight.sum(), count=self.count[kept]
        )

    @property
    def log_weight(self):
        return np.log(self.weight)

    @property
    def n_samples(self):
        """How many samples the rows stand for."""
        return float(self.count.sum()) if self.n_whole is None else self.n_whole


class Whole(NamedTuple):
    """What is known of all rows where some of them stand for all.

    Attributes
    ----------
    n_samples : float
        Number of samples of all rows.
    count : ndarray of shape (n_kept,)
        How many samples each of the kept rows is by itself.
    mean, std, low, high : ndarray of shape (n_features,)
        Moments and extremes of all rows in data units.
    """

    n_samples: float
    count: np.ndarray  # type: ignore[assignment]  # hides tuple.count
    mean: np.ndarray
    std: np.ndarray
    low: np.ndarray
    high: np.ndarray


def weighted_rows(
    X, sample_weight, standardize, columns="free", names=None, whole=None
):
    """Distinct weighted rows, the scaling that leads to them, and laws of columns.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,)
    standardize : bool
        Whether internal units are standard deviations; if not, data units.
    columns : str, dict or sequence, default="free"
        See :func:`laws_of`.
    names : sequence of str, default=None
        Names of the columns.
    whole : Whole, default=None
        Of the rows that `X` is a part of.

    Returns
    -------
    rows : WeightedRows
    scaling : Scaling
    margins : Margins
    """
    # Integers count samples; other weights are relative, on whatever scale.
    if whole is not None:
        count = whole.count
    else:
        count = sample_weight if are_integers(sample_weight) else np.ones(len(X))
    weight = sample_weight / sample_weight.max()
    kept = weight > _NO_WEIGHT
    rows, weight, count = distinct_rows(X[kept], weight[kept], count[kept])
    weight = weight / weight.sum()

    if isinstance(columns, str) and columns == "free":
        laws, values = free_laws(X.shape[1]), {}
    else:
        ends = None if whole is None else (whole.low, whole.high)
        laws = laws_of(rows, weight, count, columns, names, ends)
        values = _values_of_columns(laws, rows, weight)
    warps = {
        j: warp
        for j, column in values.items()
        if (warp := warp_of(laws[j], *column)) is not None
    }
    scaling, std = _scaling(rows, weight, standardize, warps, whole)
    margins = [None] * len(laws)
    for j, column in values.items():
        margins[j] = _margin(laws[j], *column, len(rows), j, scaling)
    n_whole = None if whole is None else whole.n_samples
    weighted = WeightedRows(scaling.to_internal(rows), weight, count, std, n_whole)
    return weighted, scaling, Margins(laws, scaling, tuple(margins))


def _values_of_columns(laws, rows, weight):
    """Distinct values, and their shares, of the columns that have a law."""
    values = {}
    for j, law in enumerate(laws):
        if law.is_kept:
            distinct, place = np.unique(rows[:, j], return_inverse=True)
            values[j] = distinct.astype(np.float64), np.bincount(place, weight)
    return values


def _margin(law, values, shares, n_rows, j, scaling):
    places = scaling.column_to_internal(j, values)
    return Margin(law, values, shares, n_rows, places, scaling.scale[j])


def standard_deviation(deviation, weight):
    """Standard deviation of a column, or of each, by deviations from its mean."""
    # Relative to the largest deviation, so that squares neither over- nor underflow.
    peak = np.abs(deviation).max(axis=0)
    peak = np.where(peak > 0, peak, 1.0)
    return peak * np.sqrt(weight @ np.square(deviation / peak))


def _scaling(rows, weight, standardize, warps, whole):
    """Scaling of rows, and their standard deviations in internal units.

    Those of a column with a warp are the ones of the given rows, all others exact.
    """
    rows = Scaling(0.0, 1.0, warps)._warped(rows.astype(np.float64, copy=False))
    constant = rows.min(axis=0) == rows.max(axis=0)
    mean = np.where(constant, rows[0], weight @ rows)
    std = standard_deviation(rows - mean, weight)
    if whole is not None:
        is_exact = ~np.isin(np.arange(len(mean)), list(warps))
        mean = np.where(is_exact, whole.mean, mean)
        std = np.where(is_exact, whole.std, std)
    scale = np.where(std > 0, std, 1.0) if standardize else np.ones_like(std)
    return Scaling(mean, scale, warps), std / scale
