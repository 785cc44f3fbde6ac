"""Exact sums over the sources within a radius, by the compiled code."""

import math

import numpy as np

from .._cpu import _loops
from .._cpu._loops import ABSENT, GROUP, in_threads

# Rows of one tile: the fewer, the closer together they are.
_TILE_SOURCES = 128
_TILE_QUERIES = 64
_ABSENT, _ = ABSENT[np.dtype(np.float64)]
_NO_POLYNOMIALS = np.empty(0), np.empty(0)


class NearSources:
    """Sources in float64 in tiles of close neighbours: whole tiles can be left out."""

    def __init__(self, sources, weights):
        order = _tiles(sources, _TILE_SOURCES)
        tiles = sources[order % len(sources)]
        self._low, self._high = _padded(tiles.min(axis=1)), _padded(tiles.max(axis=1))
        self._blocks = np.ascontiguousarray(_padded(tiles).transpose(0, 2, 1))
        self._weights = np.where(order < len(sources), weights[order % len(sources)], 0)
        with np.errstate(divide="ignore"):
            self._log2_weights = np.maximum(np.log2(self._weights), _ABSENT)
        self._n = len(sources)

    def sums(self, queries, compiled, radius, far=_NO_POLYNOMIALS):
        """``sum_j w_j n(r_j)`` and ``sum_j w_j a(r_j) (y_j - x)`` within a radius.

        For queries in float64 and compiled profiles. `far` are coefficients, highest
        first, of two polynomials to subtract from the profiles within the radius, in
        the variable ``2 |x - y|^2 / radius^2 - 1``.
        """
        _loops.compile_all()
        n, d = queries.shape
        order = _tiles(queries, _TILE_QUERIES).ravel()
        x = _padded(queries[order % n])
        z, pulled = np.empty(len(x)), np.empty(x.shape)
        sum_near = _loops.sum_near
        if compiled.user[0] is not None:
            sum_near = _loops.of_user(sum_near)
        amplitude = math.exp(compiled.form.log_amplitude)
        far = [polynomial / amplitude for polynomial in far]

        def task(q):
            sum_near(
                x[q],
                self._blocks,
                self._log2_weights,
                self._weights,
                self._low,
                self._high,
                radius**2,
                _ABSENT,
                compiled.numbers(x.dtype),
                *compiled.user,
                *far,
                z[q],
                pulled[q],
            )

        in_threads(task, len(x), self._n, _TILE_QUERIES)
        back = np.empty(n, dtype=np.intp)
        kept = np.flatnonzero(order < n)
        back[order[kept]] = kept
        return amplitude * z[back], amplitude * pulled[back, :d]


def _tiles(points, size):
    """Order of the points in tiles of equal size, each of close neighbours.

    Slabs of equal counts along the first column, each of them in slabs along the
    second, and so on (the packing of Leutenegger et al., *STR: a simple and efficient
    algorithm for R-tree packing*, 1997). Numbers from len(points) on only fill up:
    modulo len(points) they are points.
    """
    n, d = points.shape
    slabs = math.ceil((n / size) ** (1 / d))
    size = GROUP * math.ceil(n / slabs**d / GROUP)
    order = np.arange(size * slabs**d).reshape(1, -1)
    for column in points.T:
        along = np.argsort(column[order % n], axis=1)
        order = np.take_along_axis(order, along, axis=1)
        order = order.reshape(len(order) * slabs, -1)
    return order


def _padded(points):
    """An even number of columns, for the compiled code."""
    if points.shape[-1] % 2:
        points = np.concatenate([points, np.zeros_like(points[..., :1])], axis=-1)
    return np.ascontiguousarray(points)
