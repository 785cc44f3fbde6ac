"""What single values of a column count for in a density: points and cells."""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtr
from scipy.stats import truncnorm

from ._grids import grid_of
from ._margins import allowed, runs

HALF_LOG_2_PI = 0.5 * np.log(2 * np.pi)
# Beyond so many standard deviations, a Gaussian need not be cut off.
_FAR = 9.0
# Farther than this, in standard deviations, intervals are rounding.
_LOST = 1e8
# So many Gaussians tell the quantiles of a column.
_MOST_GAUSSIANS = 500
# Steps that find a quantile within 1e-12 of the range.
_BISECTIONS = 40
# Intervals narrower than this, in standard deviations, count by their middle.
_NARROW = 1e-5
# A discrete column may have all numbers of its grid if it has this share of them.
_FILLED = 0.3


class Part(NamedTuple):
    """Values of a column that are alike: those of a cell, or of a piece.

    Attributes
    ----------
    least, largest : float
        Ends of the values, in data units: equal for an atom.
    low, high : float
        Ends of the places that are drawn as these values, in internal units.
    first, last : float
        Ends of the values in internal units, for pieces.
    is_cell : bool
    """

    least: float
    largest: float
    low: float
    high: float
    first: float
    last: float
    is_cell: bool


class Column:
    """Probabilities of the values of one column whose places are Gaussian.

    Values with a probability are cells: all places that are drawn as this value. Other
    values form pieces between cells and bounds; such a value has the density of a
    Gaussian that is cut off at the ends of its piece, times the probability of the
    places that are drawn as a value of the piece. So all integrates to 1. The
    probability of a value of a discrete column is spread evenly over the numbers that
    are nearest to it: per data unit, which compares with densities, and is the
    probability itself for integers.

    Parameters
    ----------
    law : ColumnLaw
    values : ndarray of shape (n_values,)
        Distinct values of the data, ascending, in data units.
    forward, slope, backward : callable
        From data units to internal units, its derivative, and its inverse.
    """

    def __init__(self, law, values, forward, slope, backward):
        self._law, self._values = law, values
        self._forward, self._slope, self._backward = forward, slope, backward
        if law.kind in ("discrete", "membership"):
            parts = _cells(_nodes(values), forward)
        else:
            parts = _parts(law, values, forward)
        self._parts = list(parts)

    @property
    def is_plain(self):
        """Whether there is but one part."""
        return len(self._parts) == 1

    def at(self, x):
        """The values, ready for :meth:`Values.log_p`.

        Parameters
        ----------
        x : ndarray of shape (n,)
            In data units.

        Returns
        -------
        Values
        """
        place = self._part_of(x)
        ends = np.array([part[:6] for part in self._parts])[place]
        is_cell = np.array([part.is_cell for part in self._parts])[place]
        width = ends[:, 1] - ends[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            log_unit = np.where(is_cell, -np.log(width), np.log(self._slope(x)))
        log_unit[is_cell & (width == 0)] = 0.0  # a probability
        log_unit[place < 0] = -np.inf
        return Values(self._forward(x), *ends[:, 2:].T, is_cell, log_unit)

    def _part_of(self, x):
        """Places of the parts of values, -1 for impossible ones."""
        place = np.full(len(x), -1)
        for k, part in enumerate(self._parts):
            inside = (x >= part.least) & (x <= part.largest)
            # A value between two cells belongs to the first, an atom is of no piece.
            place[inside & ((place < 0) | (part.least == part.largest))] = k
        return place

    def calibrated(self, x, weight, least, gaussians):
        """The column with parts that are as probable as they are frequent.

        Parameters
        ----------
        x, weight : ndarray of shape (n_rows,)
            Values of the data, and their weights of sum 1.
        least : float
            Probability of parts without values.
        gaussians : tuple of ndarrays of shape (n_components,)
            Means, standard deviations and weights of the Gaussians of places.

        Returns
        -------
        Column
        """
        n = len(self._parts)
        shares = np.bincount(self._part_of(x), weight, minlength=n)
        shares = np.maximum(shares, least)
        cuts = _quantiles_of(gaussians, np.cumsum(shares / shares.sum())[:-1])
        ends = np.concatenate([[-np.inf], cuts, [np.inf]])
        column = copy(self)
        column._parts = [
            part._replace(low=low, high=high)
            for part, low, high in zip(self._parts, ends[:-1], ends[1:], strict=True)
        ]
        return column

    def draw(self, z, mean, s, level):
        """Values at places that were drawn from Gaussians, and the places of these.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Places.
        mean, s : ndarray of shape (n,)
            Means and standard deviations of the Gaussians.
        level : ndarray of shape (n,)
            Levels, uniform in (0, 1), of places that are drawn again.

        Returns
        -------
        x, z : ndarray of shape (n,)
            In data units and in internal units.
        """
        if self._law.kind == "membership":
            return self._backward(z), z
        k = np.searchsorted([part.high for part in self._parts[:-1]], z, "right")
        x, z = np.empty(len(z)), z.copy()
        for i in np.unique(k):
            at, part = np.flatnonzero(k == i), self._parts[i]
            if part.is_cell:
                x[at] = self._nearest(0.5 * (part.least + part.largest))
                z[at] = self._forward(x[at])
                continue
            out = at[(z[at] < part.first) | (z[at] > part.last)]
            a, b = ((end - mean[out]) / s[out] for end in (part.first, part.last))
            z[out] = mean[out] + s[out] * truncnorm.ppf(level[out], a, b)
            x[at] = allowed(self._backward(z[at]), part.least, part.largest, self._law)
        return x, z

    def _nearest(self, x):
        return self._values[np.abs(self._values - x).argmin()]


class Values(NamedTuple):
    """Values of a column: their places, cells or pieces, and units.

    Attributes
    ----------
    z : ndarray of shape (n,)
        Places in internal units.
    low, high, first, last : ndarray of shape (n,)
        As in :class:`Part`.
    is_cell : ndarray of shape (n,)
    log_unit : ndarray of shape (n,)
        Added to what is computed in internal units; ``-inf`` for impossible values.
    """

    z: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first: np.ndarray
    last: np.ndarray
    is_cell: np.ndarray
    log_unit: np.ndarray

    @property
    def are_points(self):
        """Whether none is a cell or near an end."""
        ends = (self.low, self.high, self.first, self.last)
        return not self.is_cell.any() and not any(
            np.isfinite(end).any() for end in ends
        )

    def log_p(self, at, e, s):
        """Log-density or log-probability under Gaussians, in data units.

        Parameters
        ----------
        at : ndarray of int of shape (n_pairs,)
            Which value.
        e : ndarray of shape (n_pairs,)
            Deviations of their places from the means, in standard deviations.
        s : ndarray of shape (n_pairs,)
            Standard deviations, in internal units.

        Returns
        -------
        ndarray of shape (n_pairs,)
        """
        e = np.clip(e, -_LOST, _LOST)
        log_p = -0.5 * e * e - HALF_LOG_2_PI - np.log(s)
        log_p -= self._log_share(self.first, self.last, at, e, s)
        log_p[self.is_cell[at]] = 0.0
        log_p += self._log_share(self.low, self.high, at, e, s)
        unit = self.log_unit[at]
        log_p[np.isneginf(unit)] = 0.0  # of impossible values nothing else matters
        return log_p + unit

    def _log_share(self, low, high, at, e, s):
        """Log-probability of the places between two ends."""
        below = e + (low[at] - self.z[at]) / s
        above = e + (high[at] - self.z[at]) / s
        share = np.zeros(len(at))
        cut = np.flatnonzero((below > -_FAR) | (above < _FAR))
        share[cut] = log_interval(below[cut], above[cut])
        return share


def log_interval(a, b):
    """Log of the standard normal probabilities between a and b, a <= b."""
    flip = a + b > 0  # to the lower tail, where the logarithms are exact
    a, b = np.where(flip, -b, a), np.where(flip, -a, b)
    upper = log_ndtr(b)
    width, middle = b - a, 0.5 * (a + b)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        wide = upper + np.log1p(-np.exp(log_ndtr(a) - upper))
        narrow = np.log(width) - 0.5 * middle * middle - HALF_LOG_2_PI
    return np.where(width * (1 + np.abs(middle)) < _NARROW, narrow, wide)


def _quantiles_of(gaussians, levels):
    """Quantiles of a mixture of Gaussians, by bisection."""
    mean, s, weight = _thinned(*gaussians)
    low = np.full(len(levels), (mean - _FAR * s).min())
    high = np.full(len(levels), (mean + _FAR * s).max())
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = weight @ ndtr((middle - mean[:, None]) / s[:, None]) < levels
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def _thinned(mean, s, weight):
    """Fewer Gaussians of a column with the same distribution, evenly by their means."""
    if len(mean) <= _MOST_GAUSSIANS:
        return mean, s, weight
    order = np.argsort(mean, kind="stable")
    ends = np.cumsum(weight[order])
    levels = (np.arange(_MOST_GAUSSIANS) + 0.5) / _MOST_GAUSSIANS * ends[-1]
    kept = order[np.searchsorted(ends, levels)]
    return mean[kept], s[kept], np.full(len(kept), 1 / len(kept))


def _nodes(values):
    """Values that a discrete column may have: all of its grid, if it has many."""
    grid = grid_of(values, np.finfo(float).eps) if len(values) > 1 else None
    if grid is None:
        return values
    n_nodes = round((values[-1] - values[0]) / grid.width) + 1
    if len(values) < _FILLED * n_nodes:
        return values
    return grid.nearest(values[0] + grid.width * np.arange(n_nodes))


def _cells(nodes, forward):
    """Cells of a discrete column; the outer ones are as wide on either side."""
    middle = 0.5 * (nodes[1:] + nodes[:-1])
    ends = np.concatenate(
        [2 * nodes[:1] - middle[:1], middle, 2 * nodes[-1:] - middle[-1:]]
    )
    places = np.concatenate([[-np.inf], forward(middle), [np.inf]])
    for cell in zip(ends[:-1], ends[1:], places[:-1], places[1:], strict=True):
        yield Part(*cell, -np.inf, np.inf, True)


def _parts(law, values, forward):
    """Atoms of a column and the pieces between them, ascending."""
    is_atom = np.isin(values, law.atoms)
    places = forward(values)
    cuts = np.concatenate([[-np.inf], 0.5 * (places[1:] + places[:-1]), [np.inf]])
    # A bound that is but the extreme value of the data is not certain.
    low = law.low if law.low < values[0] else -np.inf
    high = law.high if law.high > values[-1] else np.inf
    ends = np.concatenate([[low], values, [high]])
    for run in runs(is_atom):
        i, j = run[0], run[-1] + 1
        if is_atom[i]:
            yield Part(values[i], values[i], cuts[i], cuts[j], -np.inf, np.inf, True)
            continue
        least, largest = ends[i], ends[j + 1]
        # Atoms are no values of the piece.
        inner = np.array([least, largest])
        inner = np.where(np.isinf(inner), inner, np.nextafter(inner, inner[::-1]))
        yield Part(least, largest, cuts[i], cuts[j], *forward(inner), False)
