"""Smooth increasing functions of one variable with a closed inverse."""

from __future__ import annotations

import numpy as np


class IncreasingSpline:
    """Increasing rational quadratic spline through given points.

    Between two knots the function is a ratio of two quadratic polynomials (Gregory and
    Delbourgo, IMA J. Numer. Anal. 2, 1982), whose slope is continuous and whose inverse
    is the root of one. Slopes at the knots are the harmonic means of Fritsch and
    Butland (SIAM J. Sci. Stat. Comput. 5, 1984). Beyond the outer knots it is a line,
    or bends towards a limit that it does not reach.

    Parameters
    ----------
    x, y : ndarray of shape (n_knots,)
        Knots, strictly increasing; one at least.
    slope : float
        Slope of a single knot, and largest slope beyond the outer knots.
    low, high : float
        Limits on either side; infinite if there are none.
    """

    def __init__(self, x, y, slope, low, high):
        self.x, self.y = x, y
        self.low, self.high = min(low, y[0]), max(high, y[-1])
        if len(x) > 1:
            self.secants = np.diff(y) / np.diff(x)
            self.slopes = _slopes(np.diff(x), self.secants, slope)
        else:
            self.secants, self.slopes = np.empty(0), np.array([slope])

    def __call__(self, x):
        """Values of the function, of the same shape as x."""
        y = np.empty_like(x)
        below, above = x < self.x[0], x >= self.x[-1]
        y[below] = self._beyond(x[below], 0, self.low)
        y[above] = self._beyond(x[above], -1, self.high)
        inside = ~(below | above)
        if inside.any():
            k, t = self._place(x[inside])
            s, d0, d1 = self.secants[k], self.slopes[k], self.slopes[k + 1]
            top = s * t**2 + d0 * t * (1 - t)
            bottom = s + (d0 + d1 - 2 * s) * t * (1 - t)
            y[inside] = self.y[k] + (self.y[k + 1] - self.y[k]) * (top / bottom)
        return y

    def slope(self, x):
        """Derivative, of the same shape as x."""
        slope = np.empty_like(x)
        below, above = x < self.x[0], x >= self.x[-1]
        slope[below] = self._slope_beyond(x[below], 0, self.low)
        slope[above] = self._slope_beyond(x[above], -1, self.high)
        inside = ~(below | above)
        if inside.any():
            k, t = self._place(x[inside])
            s, d0, d1 = self.secants[k], self.slopes[k], self.slopes[k + 1]
            top = s**2 * (d1 * t**2 + 2 * s * t * (1 - t) + d0 * (1 - t) ** 2)
            slope[inside] = top / (s + (d0 + d1 - 2 * s) * t * (1 - t)) ** 2
        return slope

    def inverse(self, y):
        """Where the function has given values; infinite beyond its limits."""
        x = np.empty_like(y)
        below, above = y < self.y[0], y >= self.y[-1]
        x[below] = self._inverse_beyond(y[below], 0, self.low)
        x[above] = self._inverse_beyond(y[above], -1, self.high)
        inside = ~(below | above)
        if inside.any():
            k = np.searchsorted(self.y, y[inside], "right") - 1
            s, d0, d1 = self.secants[k], self.slopes[k], self.slopes[k + 1]
            share = (y[inside] - self.y[k]) / (self.y[k + 1] - self.y[k])
            curved = share * (d0 + d1 - 2 * s)
            a, b, c = s - d0 + curved, d0 - curved, -s * share
            t = 2 * c / (-b - np.sqrt(np.maximum(b**2 - 4 * a * c, 0.0)))
            x[inside] = self.x[k] + t * (self.x[k + 1] - self.x[k])
        return x

    def _place(self, x):
        k = np.searchsorted(self.x, x, "right") - 1
        return k, (x - self.x[k]) / (self.x[k + 1] - self.x[k])

    def _beyond(self, x, end, limit):
        y, slope, room = self._end(end, limit)
        way = slope * (x - self.x[end])
        if room == 0:
            return np.full_like(x, y)
        return y + (way if np.isinf(room) else -room * np.expm1(-way / room))

    def _slope_beyond(self, x, end, limit):
        _, slope, room = self._end(end, limit)
        if room == 0:
            return np.zeros_like(x)
        way = slope * (x - self.x[end])
        return slope * (1.0 if np.isinf(room) else np.exp(-way / room))

    def _inverse_beyond(self, y, end, limit):
        y_end, slope, room = self._end(end, limit)
        way = y - y_end
        if room == 0:
            return np.where(way == 0, self.x[end], np.copysign(np.inf, way))
        with np.errstate(divide="ignore", invalid="ignore"):
            if not np.isinf(room):
                way = -room * np.log1p(-np.minimum(way / room, 1.0))
            return self.x[end] + way / slope

    def _end(self, end, limit):
        """Value and slope at an outer knot, and the signed room beyond it."""
        return self.y[end], self.slopes[end], limit - self.y[end]


def _slopes(widths, secants, largest):
    """Slopes at the knots that keep the function increasing."""
    outer = np.minimum(secants[[0, -1]], largest)
    w0 = 2 * widths[1:] + widths[:-1]
    w1 = widths[1:] + 2 * widths[:-1]
    inner = (w0 + w1) / (w0 / secants[:-1] + w1 / secants[1:])
    return np.concatenate([outer[:1], inner, outer[1:]])
