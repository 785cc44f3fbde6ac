"""Compiled CPU engine: exact sums over all pairs, in vector instructions.

Distances are sums of squared differences, in any number of columns: free of
cancellation, whatever the kernel, and about as fast as a matrix product. The loops
themselves are in :mod:`._loops`.
"""

from __future__ import annotations

import importlib.util
import os
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from joblib import cpu_count

from .._costs import COUNTED_OF_COMPILATION, NUMBA
from .._interface import BoundSources, Engine, Reduction, Work
from .._numpy import NumpyEngine
from . import _loops
from ._cache import is_on_disk
from ._loops import ABSENT, GROUP, LOG2_E, THREADING_MIN_PAIRS, in_threads
from ._profiles import compile_profiles

if TYPE_CHECKING:
    from ..._typing import Floats

# Bytes of one block of sources, and its bounds in sources.
_BLOCK_BYTES = 2**17
_BLOCK_SOURCES = 512, 2048
# Scaled distances above this and polynomials of higher order may leave float32.
_SINGLE_MAX_REACH = 1e14
_SINGLE_MAX_ORDER = 3
# The exponent has a relative error: so far from all sources float32 is too coarse.
_SINGLE_MIN_LOG2 = -32
_LN_2 = 0.6931471805599453


class NumbaEngine(Engine):
    """Exact sums in vectorised loops, compiled once and kept on disk.

    The number of threads is ``numba.get_num_threads()``, less those that other sums of
    the process use at the time; the result does not depend on it. In float32, queries
    far from all sources are summed in float64, because their weights are not accurate
    otherwise.
    """

    name = "numba"

    @staticmethod
    def unavailable_reason() -> str | None:
        """Say why the engine cannot run here, or return None if it can."""
        if importlib.util.find_spec("numba") is None:
            return "the package numba is not installed; run 'pip install numba'"
        return None

    @staticmethod
    def estimated_seconds(work: Work, starts: bool = True) -> float:
        """Seconds of all pairs, and of the start if the code is not loaded yet.

        What has to be compiled counts in part, because later processes load it.
        """
        seconds = NUMBA.seconds(work)
        if work.n_pairs >= THREADING_MIN_PAIRS:
            seconds /= _n_threads()
        if not starts or _loops.is_compiled(work.dtype):
            return seconds
        if is_on_disk():
            return seconds + NUMBA.on_disk
        return seconds + COUNTED_OF_COMPILATION * NUMBA.cold

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> BoundSources:
        """Prepare sources for many reductions; see :class:`Engine`."""
        return _NumbaSources(sources, log_weights)


class _NumbaSources(BoundSources):
    def __init__(self, sources, log_weights):
        super().__init__(sources, log_weights)
        self.sources = np.ascontiguousarray(sources)
        # Relative to the largest, so that equal weights are exactly 0.
        top = np.max(self.log_weights)
        self.offset = float(top) if np.isfinite(top) else 0.0
        log2_weights = (self.log_weights.astype(np.float64) - self.offset) * LOG2_E
        self.absent, self.floor = map(sources.dtype.type, ABSENT[sources.dtype])
        self.log2_weights = np.maximum(log2_weights, self.absent).astype(sources.dtype)

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`NumpyEngine`."""
        _loops.compile_all()
        compiled = compile_profiles(profiles, bandwidth)
        if compiled is None:
            return self._numpy.reduce(queries, profiles, bandwidth, deleted)
        queries = np.asarray(queries, dtype=self.sources.dtype)
        if self._needs_double(queries, compiled, bandwidth):
            result = self._in_double(queries, profiles, bandwidth, deleted)
            return Reduction(*result)
        log2_z, displacement = self._reduce(queries, compiled, deleted)
        log_z = log2_z * _LN_2 + (self.offset + compiled.form.log_amplitude)
        far = np.flatnonzero(log2_z < _SINGLE_MIN_LOG2)
        if queries.dtype == np.float32 and far.size > 0:
            gone = None if deleted is None else np.asarray(deleted)[far]
            log_z[far], displacement[far] = self._in_double(
                queries[far], profiles, bandwidth, gone
            )
        dtype = queries.dtype
        return Reduction(log_z.astype(dtype), displacement.astype(dtype))

    @cached_property
    def centre(self):
        return self.sources.mean(axis=0)

    @cached_property
    def reach(self):
        """Largest distance of a source from the centre."""
        return _reach(self.sources - self.centre)

    @cached_property
    def _numpy(self):
        return NumpyEngine().bind(self.sources, self.log_weights)

    @cached_property
    def _double(self):
        sources = self.sources.astype(np.float64)
        return _NumbaSources(sources, self.log_weights)

    def _in_double(self, queries, profiles, bandwidth, deleted):
        queries = queries.astype(np.float64)
        result = self._double.reduce(queries, profiles, bandwidth, deleted)
        return (a.astype(self.sources.dtype) for a in result)

    def _needs_double(self, queries, compiled, bandwidth):
        """Whether float32 would leave its range."""
        if queries.dtype == np.float64:
            return False
        reach = _reach(queries.astype(np.float64) - self.centre) + self.reach
        return (
            compiled.order > _SINGLE_MAX_ORDER
            or reach > _SINGLE_MAX_REACH * bandwidth
            or not 1 / _SINGLE_MAX_REACH < bandwidth < _SINGLE_MAX_REACH
        )

    @cached_property
    def _blocks(self):
        """Sources as (block, column, source), an even number of columns."""
        m, d = self.sources.shape
        d += d % 2
        size = _BLOCK_BYTES // (self.sources.itemsize * d)
        size = int(np.clip(size, *_BLOCK_SOURCES))
        n_blocks = -(-m // size)
        size = 32 * -(-m // (32 * n_blocks))  # equal blocks of whole vectors
        blocks = _padded(self.sources, n_blocks * size, d)
        log_w = np.full(n_blocks * size, self.absent)
        log_w[:m] = self.log2_weights
        blocks = blocks.reshape(n_blocks, size, d).transpose(0, 2, 1)
        return np.ascontiguousarray(blocks), log_w.reshape(n_blocks, size)

    def _reduce(self, queries, compiled, deleted):
        n, d = queries.shape
        blocks, log_w = self._blocks
        rows = GROUP * -(-n // GROUP)
        x = _padded(queries, rows, blocks.shape[1])
        gone = np.full(rows, -1, dtype=np.int64)
        if deleted is not None:
            gone[:n] = deleted
        log2_z, displacement = np.empty(rows), np.empty(x.shape)
        constants = self.absent, self.floor, compiled.numbers(x.dtype), *compiled.user
        reduce_rows = _loops.reduce_rows
        if compiled.user[0] is not None:
            reduce_rows = _loops.of_user(reduce_rows)

        def task(q):
            results = log2_z[q], displacement[q]
            reduce_rows(x[q], blocks, log_w, gone[q], *constants, *results)

        in_threads(task, rows, len(self.sources))
        return log2_z[:n], displacement[:n, :d]


def _n_threads():
    """Threads that the sums will have; Numba need not be imported for it."""
    return int(os.environ.get("NUMBA_NUM_THREADS") or cpu_count())


def _reach(points):
    return np.sqrt(np.einsum("ij,ij->i", points, points).max(initial=0))


def _padded(points, rows, columns):
    result = np.zeros((rows, columns), dtype=points.dtype)
    result[: len(points), : points.shape[1]] = points
    return result
