"""Dense NumPy engine: the reference, always available."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches

from .._threads import one_blas_thread
from ._costs import NUMPY
from ._interface import BoundSources, Engine, Reduction, Work, merge

if TYPE_CHECKING:
    from .._typing import Floats

# Up to this many columns the squared distance is summed column by column, free
# of cancellation; above it a matrix product is faster.
_DIFFERENCE_MAX_FEATURES = 4
# Tiles of this many pairs stay in a core's cache. Larger temporaries may also go
# back to the system after every use: sums took up to 1.9 times as long with 2**17.
_TILE_PAIRS = 2**15
_TILE_SOURCES = 1024
# Buffers of the size of a tile that are alive at once.
_TILE_BUFFERS = 6


class NumpyEngine(Engine):
    """Tiles of broadcasting and BLAS, in the precision of the sources.

    Tiles of pairs stay below scikit-learn's ``working_memory`` setting;
    other than these and the result there are copies of the sources and the queries.
    """

    name = "numpy"
    needs_trial = False  # it always runs: an error would be the kernel's own

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> BoundSources:
        """Prepare sources for many reductions; see :class:`Engine`."""
        return _NumpySources(sources, log_weights)

    @staticmethod
    def estimated_seconds(work: Work, starts: bool = True) -> float:
        """Seconds of all pairs; there is nothing to start."""
        return NUMPY.seconds(work)


class _NumpySources(BoundSources):
    def __init__(self, sources, log_weights):
        super().__init__(sources, log_weights)
        self.log_w = self.log_weights.astype(sources.dtype, copy=False)
        self.by_products = sources.shape[1] > _DIFFERENCE_MAX_FEATURES
        # Products lose digits in proportion to |y|: centre the sources, and take
        # distances from products in float64 in any precision.
        centres = self.by_products or sources.dtype == np.float64
        self.centre = sources.mean(axis=0) if centres else 0
        self.sources = np.ascontiguousarray(sources - self.centre)
        if self.by_products:
            self.sources_64 = self.sources.astype(np.float64, copy=False)
            self.square_norms = np.einsum("ij,ij->i", self.sources_64, self.sources_64)
        else:
            self.columns = np.ascontiguousarray(self.sources.T)

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        n, d = queries.shape
        queries = np.ascontiguousarray(queries - self.centre, dtype=self.sources.dtype)
        log_z = np.empty(n, dtype=queries.dtype)
        displacement = np.empty((n, d), dtype=queries.dtype)
        rows, columns = self._tile_shape()
        with one_blas_thread():
            for q in gen_batches(n, rows):
                gone = None if deleted is None else deleted[q]
                tiles = (
                    self._reduce_tile(queries[q], tile, profiles, bandwidth, gone)
                    for tile in gen_batches(len(self.sources), columns)
                )
                log_z[q], displacement[q] = reduce(merge, tiles)
        return Reduction(log_z, displacement)

    def _tile_shape(self):
        budget = get_config()["working_memory"] * 2**20
        pairs = int(budget // (_TILE_BUFFERS * self.sources.itemsize))
        pairs = max(1, min(pairs, _TILE_PAIRS))
        columns = min(len(self.sources), _TILE_SOURCES, pairs)
        return max(1, pairs // columns), columns

    def _reduce_tile(self, x, tile, profiles, bandwidth, deleted):
        y = self.sources[tile]
        r2 = self._square_distances(x, tile)
        r2 *= bandwidth**-2
        log_k = profiles.log_normalizer(r2)
        log_k += self.log_w[tile]
        if deleted is not None:
            local = deleted - tile.start
            row = np.flatnonzero((0 <= local) & (local < len(y)))
            log_k[row, local[row]] = -np.inf
        shift = log_k.max(axis=1)
        shift[np.isneginf(shift)] = 0  # every source of this tile is deleted
        log_k -= shift[:, None]
        k = np.exp(log_k, out=log_k)
        z = k.sum(axis=1)
        if profiles.pull == "value":
            pulled = z
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = profiles.ratio(r2)
                if not np.all(np.isfinite(profiles.ratio(np.zeros(1)))):
                    ratio = np.where(r2 == 0, 0, ratio)  # coincident: pulls nowhere
            k *= ratio
            pulled = k.sum(axis=1)
        with np.errstate(divide="ignore"):
            log_z = np.log(z) + shift
        # A new array: pulled may be z itself, which is 0 where no source is left.
        z = np.where(z == 0, 1, z)
        return Reduction(log_z, (k @ y - x * pulled[:, None]) / z[:, None])

    def _square_distances(self, x, tile):
        if not self.by_products:
            columns = self.columns[:, tile]
            r2 = np.subtract(x[:, :1], columns[0])
            r2 *= r2
            for k in range(1, len(columns)):
                difference = np.subtract(x[:, k : k + 1], columns[k])
                difference *= difference
                r2 += difference
            return r2
        x = x.astype(np.float64, copy=False)
        xx = np.einsum("ij,ij->i", x, x)[:, None]
        yy = self.square_norms[tile]
        r2 = x @ (-2.0 * self.sources_64[tile]).T
        r2 += xx
        r2 += yy
        # Below the rounding error of the products two points are coincident.
        r2[r2 < 4 * np.finfo(np.float64).eps * (xx + yy)] = 0
        return r2.astype(self.sources.dtype, copy=False)
