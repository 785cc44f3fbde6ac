"""Columns whose values repeat: rows drawn for them take values that occur."""

from numbers import Integral

import numpy as np

# A column is discrete if each of its values occurs this often on average.
OCCURRENCES = 5
# Particles this close to a value, in gaps between values, are on it: many may be there
# up to rounding, and no threshold must tell those apart.
_ON_VALUE = 1e-3
_BOOLS = (bool, np.bool_)


class DiscreteColumns:
    """Monotone rounding of columns to the values and frequencies of the data.

    Particles move in continuous space. Where the data have few values, the order of
    an ensemble is kept, and its lowest share takes the lowest value, and so on, in the
    proportions of the data: the monotone transport of one column.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Distinct data rows, in data units.
    weight, count : ndarray of shape (n_rows,)
        Weights of sum 1; how many samples each row stands for.
    features : {"auto"}, bool or array-like
        Which columns: those whose values repeat, all, none, a mask or indices.
    """

    def __init__(self, rows, weight, count, features):
        self.columns = _chosen(rows, count, features)
        self._values, self._shares = [], []
        for j in self.columns:
            values, place = np.unique(rows[:, j], return_inverse=True)
            self._values.append(values)
            # The last threshold would be infinite, and rounding could miss it.
            self._shares.append(np.cumsum(np.bincount(place, weight))[:-1])

    def round(self, rows):
        """Rows of a whole ensemble, rounded."""
        rows = rows.copy()
        for j, values, shares in zip(
            self.columns, self._values, self._shares, strict=True
        ):
            column = _settled(rows[:, j], values)
            rows[:, j] = values[np.searchsorted(_cuts(column, shares), column, "right")]
        return rows


def _cuts(column, shares):
    """Least numbers above each share of the column, equal numbers kept together."""
    ordered = np.sort(column)
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
    # As many numbers are below a cut as are up to the end of a run of equal ones.
    ends, sought = np.append(0, ends), len(column) * shares
    above = np.clip(np.searchsorted(ends, sought), 1, len(ends) - 1)
    low, high = ends[above - 1], ends[above]
    below = np.where(sought - low < high - sought, low, high)
    return np.append(ordered, np.inf)[below]


def _settled(column, values):
    """The column with numbers that are values but for rounding set to them."""
    if len(values) == 1:
        return column
    above = np.clip(np.searchsorted(values, column), 1, len(values) - 1)
    low, high = values[above - 1], values[above]
    nearest = np.where(column - low < high - column, low, high)
    on_value = np.abs(column - nearest) <= _ON_VALUE * (high - low)
    return np.where(on_value, nearest, column)


def _chosen(rows, count, features):
    """Indices of the discrete columns, ascending."""
    d = rows.shape[1]
    if isinstance(features, str):
        return [j for j in range(d) if _repeats(rows[:, j], count)]
    if isinstance(features, _BOOLS):
        return list(range(d)) if features else []
    features = np.asarray(features)
    if features.dtype == object and all(isinstance(j, _BOOLS) for j in features.flat):
        features = features.astype(bool)
    if features.dtype == bool and features.shape == (d,):
        return np.flatnonzero(features).tolist()
    if (
        features.ndim != 1
        or features.dtype == bool
        or not all(isinstance(j, Integral) and -d <= j < d for j in features.tolist())
    ):
        raise ValueError(
            "The 'discrete_features' parameter must be 'auto', a bool, a mask of "
            f"shape ({d},) or indices of columns between {-d} and {d - 1}; got "
            f"{features!r}."
        )
    return sorted({int(j) % d for j in features})


def _repeats(column, count):
    """Whether the values of a column repeat by themselves, not with whole rows."""
    n_values = len(np.unique(column))
    if n_values == 1:
        return False
    # Beyond their precision all floats are integers.
    largest = 2 ** np.finfo(column.dtype).nmant
    integral = np.all(column == np.round(column)) and np.abs(column).max() < largest
    n = count.sum() if integral else len(column)
    return n >= OCCURRENCES * n_values
