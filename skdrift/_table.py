"""From rows in data units to distinct rows in internal units, and back."""

from typing import NamedTuple

import numpy as np


def distinct_rows(X, weight):
    """Merge equal rows and add up their weights.

    A row of weight 2 and the row twice become the very same table, in the same
    order, so everything computed from it agrees to the last bit.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,)
        Nonnegative, not all zero. Rows of weight zero are dropped.

    Returns
    -------
    rows : ndarray of shape (n_rows, n_features)
        Distinct rows in lexicographic order.
    weight : ndarray of shape (n_rows,)
    """
    X, weight = X[weight > 0], weight[weight > 0]
    order = np.lexsort(X.T[::-1])
    X = X[order]
    is_first = np.append(True, np.any(X[1:] != X[:-1], axis=1))
    return X[is_first], np.add.reduceat(weight[order], np.flatnonzero(is_first))


class Scaling(NamedTuple):
    """Affine map between data units and internal units, column by column."""

    mean: np.ndarray
    scale: np.ndarray

    def to_internal(self, X):
        return ((X - self.mean) / self.scale).astype(X.dtype, copy=False)

    def to_data(self, Z):
        return (self.mean + self.scale * Z).astype(Z.dtype, copy=False)


class Table(NamedTuple):
    """Data as the flow sees them: distinct weighted rows in internal units.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    n_samples : float
        How many samples the rows stand for: their total weight, but no less than
        their number, so that weights may be normalised.
    std : ndarray of shape (n_features,)
        Standard deviation of every column in internal units; 0 where constant.
    """

    rows: np.ndarray
    weight: np.ndarray
    n_samples: float
    std: np.ndarray

    @property
    def mean_std(self):
        """Root mean square of the standard deviations of the varying columns."""
        std = self.std[self.std > 0]
        return float(np.sqrt(np.mean(std**2))) if len(std) else 1.0

    def bandwidth(self, rule):
        """Bandwidth of a rule ``rule(n, d)``, d varying columns, in internal units."""
        d = max(np.count_nonzero(self.std), 1)
        return float(self.mean_std * rule(max(self.n_samples, 2.0), int(d)))

    @property
    def log_weight(self):
        return np.log(self.weight)

    @property
    def count(self):
        """How many samples each row stands for."""
        return self.weight * self.n_samples


def make_table(X, sample_weight, standardize):
    """Build the table and the scaling that leads to it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,)
    standardize : bool
        Whether internal units are standard deviations; if not, data units.

    Returns
    -------
    table : Table
    scaling : Scaling
    """
    rows, weight = distinct_rows(X, sample_weight)
    n_samples = float(max(weight.sum(), len(rows)))
    weight = weight / weight.sum()

    rows_64 = rows.astype(np.float64, copy=False)
    constant = rows_64.min(axis=0) == rows_64.max(axis=0)
    mean = np.where(constant, rows_64[0], weight @ rows_64)
    # Relative to the largest deviation, so that squares neither over- nor underflow.
    deviation = rows_64 - mean
    peak = np.where(constant, 1.0, np.abs(deviation).max(axis=0))
    std = peak * np.sqrt(weight @ np.square(deviation / peak))
    scale = np.where(std > 0, std, 1.0) if standardize else np.ones_like(std)

    scaling = Scaling(mean, scale)
    table = Table(scaling.to_internal(rows), weight, n_samples, std / scale)
    return table, scaling
