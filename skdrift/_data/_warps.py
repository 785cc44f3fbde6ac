"""Coordinates of single columns in which particles move well: atoms stand apart."""

from __future__ import annotations

import numpy as np

# Distance of an atom from what is next to it, in standard deviations of the values
# that are no atoms: so far that particles of one are not taken for those of the other.
GAP = 1.5


class Warp:
    """Piecewise linear, strictly increasing map of a column.

    Parameters
    ----------
    x, y : ndarray of shape (n_knots,)
        Ascending values of the column, and the coordinates of these; beyond them the
        slope is 1.
    """

    def __init__(self, x, y):
        self._x, self._y = x, y

    def forward(self, x):
        """Coordinates of values of the column."""
        return _interpolated(x, self._x, self._y)

    def backward(self, y):
        """Values of the column at coordinates."""
        return _interpolated(y, self._y, self._x)

    def slope(self, x):
        """Derivative of the coordinates by the values."""
        slopes = np.diff(self._y) / np.diff(self._x)
        return np.concatenate([[1.0], slopes, [1.0]])[np.searchsorted(self._x, x)]


def _interpolated(x, xs, ys):
    beyond = np.minimum(x - xs[0], 0.0) + np.maximum(x - xs[-1], 0.0)
    return np.interp(x, xs, ys) + beyond


def warp_of(law, values, shares):
    """Warp that sets the atoms of a column apart from its other values, or None.

    The values between two atoms are moved as a whole, so that an atom lies as far from
    the next value on either side as from any other: a code such as -999 does not dwarf
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
    rest, share = values[~is_atom], shares[~is_atom]
    deviation = rest - np.average(rest, weights=share)
    # Relative to the largest, so that squares neither over- nor underflow.
    peak = np.abs(deviation).max()
    if peak > 0:
        spread = peak * np.sqrt(np.average((deviation / peak) ** 2, weights=share))
    else:
        spread = (values[-1] - values[0]) / len(values)
    # Steps from value to value, those next to an atom of one gap.
    steps = np.where(is_atom[1:] | is_atom[:-1], GAP * spread, np.diff(values))
    y = np.append(0.0, np.cumsum(steps))
    # Values inside a piece are on a line between its ends.
    end = np.append(True, is_atom[1:] | is_atom[:-1]) | np.append(
        is_atom[1:] | is_atom[:-1], True
    )
    return Warp(values[end], y[end])
