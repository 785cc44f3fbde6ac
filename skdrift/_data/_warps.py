"""Coordinates of single columns in which particles move well: atoms stand apart."""

from __future__ import annotations

import numpy as np

# Distance between an atom and the numbers beside it, in standard deviations of the
# values that are no atoms: so far that particles of one are not taken for the others.
GAP = 1.5
# Numbers without values between an atom and the next value are as wide as this at most.
_EMPTY = 0.5


class Warp:
    """Piecewise linear, strictly increasing map of a column, with jumps at atoms.

    Parameters
    ----------
    x : ndarray of shape (n_knots,)
        Ascending values of the column. Beyond them the slope is 1.
    left, at, right : ndarray of shape (n_knots,)
        Limit of the coordinates from below, the coordinate, and the limit from above.
    """

    def __init__(self, x, left, at, right):
        self._x, self._left, self._at, self._right = x, left, at, right
        # From knot to knot, and beyond the last one.
        self._slopes = np.append((left[1:] - right[:-1]) / np.diff(x), 1.0)

    def forward(self, x):
        """Coordinates of values of the column."""
        k = np.maximum(np.searchsorted(self._x, x, "right") - 1, 0)
        beyond = self._right[k] + (x - self._x[k]) * self._slopes[k]
        below = self._left[0] + (x - self._x[0])
        y = np.where(x < self._x[0], below, beyond)
        return np.where(x == self._x[k], self._at[k], y)

    def backward(self, y):
        """Values of the column at coordinates."""
        k = np.maximum(np.searchsorted(self._left, y, "right") - 1, 0)
        beyond = self._x[k] + np.maximum(y - self._right[k], 0.0) / self._slopes[k]
        return np.where(
            y < self._left[0], self._x[0] + np.minimum(y - self._left[0], 0.0), beyond
        )

    def slope(self, x):
        """Derivative of the coordinates by the values."""
        slopes = np.append(1.0, self._slopes)
        return slopes[np.searchsorted(self._x, x)]


def warp_of(law, values, shares):
    """Warp that sets the atoms of a column apart from its other values, or None.

    The values between two atoms are moved as a whole, so that an atom lies as far from
    the next number on either side as from any other: a code such as -999 does not dwarf
    the numbers beside it, and 0 is told from numbers that are nearly 0.

    Parameters
    ----------
    law : ColumnLaw
    values, shares : ndarray of shape (n_values,)
        Distinct values of the column, ascending, and their shares.

    Returns
    -------
    Warp or None
    """
    is_atom = np.isin(values, law.apart)
    if not is_atom.any() or is_atom.all():
        return None
    spread = _spread(values, shares, is_atom)
    before, after = is_atom[:-1], is_atom[1:]
    steps = np.diff(values)
    steps = np.where(before | after, np.minimum(steps, _EMPTY * spread), steps)
    # Two neighbouring atoms share one gap.
    gap = np.where(before & after, 0.5, 1.0) * GAP * spread
    behind, ahead = np.append(gap * before, 0.0), np.append(0.0, gap * after)
    at = np.append(0.0, np.cumsum(behind[:-1] + steps + ahead[1:]))
    # Values inside a piece are on a line between its ends.
    kept = np.append(True, before | after) | np.append(before | after, True)
    knots = values, at - ahead, at, at + behind
    return Warp(*(knot[kept] for knot in knots))


def _spread(values, shares, is_atom):
    """Standard deviation of the values that are no atoms."""
    rest, share = values[~is_atom], shares[~is_atom]
    deviation = rest - np.average(rest, weights=share)
    # Relative to the largest, so that squares neither over- nor underflow.
    peak = np.abs(deviation).max()
    if peak > 0:
        return peak * np.sqrt(np.average((deviation / peak) ** 2, weights=share))
    return (values[-1] - values[0]) / len(values)
