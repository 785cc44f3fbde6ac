"""Grids: the equal steps that all values of a column are multiples of."""

from typing import NamedTuple

import numpy as np

# Values are multiples of a power of ten up to this many decimals ...
_MOST_DECIMALS = 8
# ... within so many roundings of the type.
_ROUNDINGS = 8
# Fewer distinct values may share a larger step by chance.
_FEWEST_VALUES = 8
# A step that is no decimal number must fit the values this well, in steps.
_TOLERANCE = 1e-6
_MOST_STEPS = 10**5


class Grid(NamedTuple):
    """The numbers ``(origin + step * i) / per_unit`` for integers i.

    Integer `origin` and `step` of decimal grids give the numbers that are nearest to
    the decimals, such as 0.1, not sums of roundings.
    """

    origin: float
    step: float
    per_unit: float = 1.0

    @property
    def width(self):
        """Distance of neighbouring numbers."""
        return self.step / self.per_unit

    def nearest(self, x):
        """Numbers of the grid nearest to x."""
        return self._number(np.rint(self._place(x)))

    def first_from(self, x):
        """Least number of the grid that is not below x."""
        return self._number(np.ceil(self._place(x) - _TOLERANCE))

    def last_to(self, x):
        """Largest number of the grid that is not above x."""
        return self._number(np.floor(self._place(x) + _TOLERANCE))

    def holds(self, x):
        """Which numbers are on the grid, up to rounding."""
        place = self._place(x)
        slack = _TOLERANCE + _ROUNDINGS * np.finfo(x.dtype).eps * np.abs(place)
        return np.abs(place - np.rint(place)) <= slack

    def _place(self, x):
        return (np.asarray(x, np.float64) * self.per_unit - self.origin) / self.step

    def _number(self, place):
        return (self.origin + self.step * place) / self.per_unit


def grid_of(values, precision):
    """The coarsest grid that distinct values are on, or None.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Distinct values, ascending, in float64.
    precision : float
        Machine epsilon of the type that they were given in.

    Returns
    -------
    Grid or None
    """
    if len(values) < 2:
        return None
    return _decimal_grid(values, precision) or _even_grid(values, precision)


def _decimal_grid(values, precision):
    largest = np.abs(values).max()
    for decimals in range(_MOST_DECIMALS + 1):
        per_unit = 10.0**decimals
        # Where roundings are as wide as a step, everything is on the grid.
        if _ROUNDINGS * precision * largest * per_unit > 0.01:
            return None
        numbers = np.rint(values * per_unit)
        slack = _ROUNDINGS * precision * np.abs(values * per_unit)
        if np.all(np.abs(values * per_unit - numbers) <= slack):
            steps = (numbers - numbers[0]).astype(np.int64)
            step = np.gcd.reduce(steps) if len(values) >= _FEWEST_VALUES else 1
            return Grid(float(numbers[0]), float(step), per_unit)
    return None


def _even_grid(values, precision):
    """Multiples of any number, such as thirds or standardised integers."""
    if len(values) < _FEWEST_VALUES:
        return None
    gaps = np.diff(values)
    step = gaps.min()
    n_steps = np.rint((values[-1] - values[0]) / step)
    if not n_steps <= _MOST_STEPS:
        return None
    # The least gap is known to a rounding only; all of them tell it better.
    step = (values[-1] - values[0]) / n_steps
    grid = Grid(float(values[0]), float(step))
    rounding = _ROUNDINGS * precision * np.abs(values).max() / step
    place = grid._place(values)
    fits = np.abs(place - np.rint(place)).max() <= _TOLERANCE + rounding
    return grid if fits and rounding < 0.01 else None
