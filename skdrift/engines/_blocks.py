"""Dask collections as data: summaries of their blocks, and sums where the blocks are.

Nothing but a summary reaches this process. Tasks are made of the graph of the
collection, so that the cluster computes again what a lost worker had. Which rows a
summary keeps depends on the index of a block and not on who summarises it. Sums are
merged worker by worker, so that only their rounding depends on where blocks lie.
"""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import numpy as np

from .._data._chunks import Summary, checked_chunk
from . import _dask
from ._dask import (
    DaskEngine,
    _current_client,
    _DaskSources,
    _is_in_task,
    _Shard,
    _watched,
    _Workers,
    _WorkersLost,
)
from ._derivatives import merge_moments
from ._interface import merge

if TYPE_CHECKING:
    from .._data._rows import Scaling

# Summaries that one task merges.
_FAN_IN = 4
# Seconds between two looks at whether there are workers left.
_POLL = 1.0


def is_dask(X: Any) -> bool:
    """Whether `X` is a Dask collection; without importing Dask."""
    dask = sys.modules.get("dask")
    return dask is not None and dask.is_dask_collection(X)


class Blocks:
    """Blocks of rows of a Dask array or frame, and of their weights.

    Parameters
    ----------
    X : dask array of shape (n_samples, n_features) or dask dataframe
        Sizes of blocks may be unknown.
    sample_weight : dask array or series, array-like or None
        Weights of the rows.

    Raises
    ------
    TypeError, ValueError
        If `X` is no table, or the weights are not in as many blocks.
    """

    def __init__(self, X: Any, sample_weight: Any = None) -> None:
        if not hasattr(X, "to_delayed") or not hasattr(X, "ndim"):
            raise TypeError(
                "X is a Dask collection but neither an array nor a dataframe: "
                f"{type(X).__name__}. Convert it by to_dataframe() or, if it fits in "
                "memory, compute() it."
            )
        if X.ndim != 2:
            raise ValueError(
                "Expected a 2D Dask array or a dataframe as X; got "
                f"{X.ndim} dimension(s). Reshape it: X[:, None] is a single column."
            )
        self._rows = _row_blocks(X)
        self._weights = [None] * len(self._rows)
        if sample_weight is not None:
            self._weights = _weight_blocks(sample_weight, X, len(self._rows))

    def summary(self, seed: int, fewest: int) -> Summary:
        """Summary of all blocks, merged in a tree where they are.

        Parameters
        ----------
        seed : int
            Of the choice of rows.
        fewest : int
            See :func:`skdrift._data._chunks.rows_to_keep`.

        Returns
        -------
        Summary
            Joined.

        Raises
        ------
        TypeError, ValueError
            If a block is not a table of finite numbers, or has other columns.
        RuntimeError
            If there are no workers, or workers are lost again and again.
        """
        from dask import delayed

        summarize, merge_some = delayed(Summary.of), delayed(_merged)
        parts = [
            summarize(rows, weight, index, seed, fewest)
            for index, (rows, weight) in enumerate(self._blocks)
        ]
        while len(parts) > 1:
            starts = range(0, len(parts), _FAN_IN)
            parts = [merge_some(parts[i : i + _FAN_IN]) for i in starts]
        return _computed(parts[0]).joined()

    def bind(self, scaling: Scaling, summary: Summary) -> BlockSources:
        """Sources of sums over all rows, in internal units, which stay on the workers.

        Parameters
        ----------
        scaling : Scaling
            Between data units and internal units.
        summary : Summary
            Of the same blocks.

        Returns
        -------
        BlockSources

        Raises
        ------
        ValueError
            If there is no client of a cluster.
        """
        from dask import delayed

        reason = DaskEngine.unavailable_reason()
        if reason is not None:
            raise ValueError(
                "With batch_size=None all rows of a Dask collection attract the "
                f"particles, on the workers of a cluster, but {reason}; or choose "
                "batch_size='auto'."
            )
        make = delayed(_shard_of)
        units = scaling, float(np.log(summary.moments.total)), summary.dtype
        shards = [
            make(rows, weight, index, *units)
            for index, (rows, weight) in enumerate(self._blocks)
        ]
        return BlockSources(shards, summary.n_weighted)

    @property
    def _blocks(self):
        return zip(self._rows, self._weights, strict=True)


def _row_blocks(X):
    if not hasattr(X, "chunks"):
        return list(X.to_delayed())
    if len(X.chunks[1]) > 1:
        if np.isnan(X.shape[1]):
            raise ValueError(
                "X is a Dask array in several blocks of columns of unknown width; call "
                "X.compute_chunk_sizes() before."
            )
        X = X.rechunk({1: -1})
    return list(X.to_delayed().ravel())


def _weight_blocks(weight, X, n_blocks):
    """Weights in the blocks of the rows."""
    lengths = X.chunks[0] if hasattr(X, "chunks") else (np.nan,) * n_blocks
    is_known = not np.isnan(lengths).any()
    if not is_dask(weight):
        weight = np.asarray(weight)
        if not is_known:
            raise ValueError(
                "The 'sample_weight' of a Dask collection of unknown block sizes must "
                "be a Dask array or series in the same blocks."
            )
        if weight.shape != (sum(lengths),):
            raise ValueError(
                f"The 'sample_weight' have the shape {weight.shape}, but X has "
                f"{sum(lengths)} rows."
            )
        return np.split(weight, np.cumsum(lengths)[:-1])
    if getattr(weight, "ndim", 0) != 1:
        raise ValueError("The 'sample_weight' must be a one-dimensional Dask array.")
    if is_known and hasattr(weight, "chunks") and not np.isnan(weight.shape[0]):
        if weight.shape[0] != sum(lengths):
            raise ValueError(
                f"The 'sample_weight' have {weight.shape[0]} entries, but X has "
                f"{sum(lengths)} rows."
            )
        weight = weight.rechunk((lengths,))
    blocks = list(np.ravel(weight.to_delayed()))
    if len(blocks) != n_blocks:
        raise ValueError(
            f"The 'sample_weight' have {len(blocks)} blocks, but X has {n_blocks}; "
            "they must be in the same blocks."
        )
    return blocks


# -- in tasks --------------------------------------------------------------------------


def _merged(summaries):
    merged = summaries[0]
    for summary in summaries[1:]:
        merged = merged.merge(summary)
    return merged.joined()


def _shard_of(block, weight, index, scaling, log_total, dtype):
    """Rows of a block as sources of sums; None if there are none."""
    rows, w = checked_chunk(block, weight, index)
    kept = w > 0
    if not kept.any():
        return None
    rows = scaling.to_internal(rows[kept].astype(dtype, copy=False))
    return _Shard(rows, np.log(w[kept]) - log_total, 0, None)


class _Shards:
    """Several shards on one worker, whose sums are merged in their order."""

    def __init__(self, shards):
        self._shards = [shard for shard in shards if shard is not None]

    @property
    def is_empty(self):
        return not self._shards

    def reduce(self, *arguments):
        return self._merged("reduce", merge, arguments)

    def moments(self, *arguments):
        return self._merged("moments", merge_moments, arguments)

    def _merged(self, method, merge_two, arguments):
        first, *others = (getattr(shard, method)(*arguments) for shard in self._shards)
        for other in others:
            first = merge_two(first, other)
        return first

    def __sizeof__(self):
        return sum(map(sys.getsizeof, self._shards))  # for dask


def _is_empty(shards):
    return shards.is_empty


# -- in the client ---------------------------------------------------------------------


class BlockSources(_DaskSources):
    """Sources that workers make of the blocks of a Dask collection.

    A worker keeps the shards of the blocks that it made, in one task that the cluster
    can repeat elsewhere.

    Parameters
    ----------
    shards : list of Delayed
        Shards or None, one for every block.
    n_sources : int
        Number of their rows.
    """

    n_sources: int = 0  # the rows are not here

    def __init__(self, shards: list, n_sources: int) -> None:
        self.n_sources = n_sources
        self.engine = DaskEngine()
        self._blocks = shards
        self._groups: list | None = None
        self._shards = None, []

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over all rows; see :class:`skdrift.engines.BoundSources`."""
        return self._in_attempts(queries, profiles, bandwidth, deleted)

    def moments(self, queries, profiles, bandwidth, deleted=None):
        """Moments of all rows; see :class:`skdrift.engines.BoundSources`."""
        sums = "moments", merge_moments
        return self._in_attempts(queries, profiles, bandwidth, deleted, sums)

    def _shards_on(self, workers):
        if self._shards[0] is not workers:
            if self._groups is None:
                self._groups = self._grouped(workers.client)
            _wait(workers.client, self._groups)
            who_has = workers.client.who_has(self._groups)
            if not all(who_has.get(group.key) for group in self._groups):
                for group in self._groups:
                    if group.status == "error":
                        group.result()
                raise _WorkersLost("a worker ended that had rows")
            where = [who_has[group.key][0] for group in self._groups]
            self._shards = workers, list(zip(where, self._groups, strict=True))
        return self._shards[1]

    def _grouped(self, client):
        """Futures of the shards of every worker.

        Tasks may run anywhere: one that is to run on a worker that has left would wait
        for it, even if others come.
        """
        shards = client.compute(self._blocks)
        _wait(client, shards)
        for shard in shards:
            if shard.status == "error":
                shard.result()
        who_has = client.who_has(shards)
        together: dict = {}
        for shard in shards:
            where = who_has.get(shard.key) or ("",)
            together.setdefault(where[0], []).append(shard)
        groups = [client.submit(_Shards, g, pure=False) for g in together.values()]
        _wait(client, groups)
        empty = client.gather([client.submit(_is_empty, g, pure=False) for g in groups])
        return [g for g, nothing in zip(groups, empty, strict=True) if not nothing]


def _computed(delayed):
    """Result of a task, of the cluster if there is one."""
    import dask

    client = _client()
    if client is None:
        return dask.compute(delayed)[0]
    from distributed import KilledWorker

    try:
        with _watched(client, CancelledError):
            _Workers(client)  # waits for workers, and checks that they have skdrift
            future = client.compute(delayed)
            _wait(client, [future])
            return future.result()
    except (KilledWorker, _WorkersLost) as error:
        raise RuntimeError(
            f"Workers of the dask cluster were lost again and again ({error}). Their "
            "logs may tell why; too little memory is a frequent cause: make smaller "
            "blocks, or give the workers more."
        ) from error


def _client():
    """Client of a cluster, or None if there is none."""
    if "distributed" not in sys.modules:
        return None
    if _is_in_task():
        raise RuntimeError(
            "X is a Dask collection, but fit runs in a task of a dask cluster, where "
            "it would wait for its own worker. Call fit in the client."
        )
    client = _current_client()
    if client is not None and client.asynchronous:
        raise RuntimeError(
            "The dask client is asynchronous; start one without asynchronous=True."
        )
    return client


def _wait(client, futures):
    """Wait until tasks are done, but not for ever if there is no worker."""
    from distributed import wait

    last_seen = time.monotonic()
    while True:
        try:
            wait(futures, timeout=_POLL)
            return
        except (TimeoutError, asyncio.TimeoutError):
            if client.nthreads():
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > _dask._PATIENCE:
                raise RuntimeError(
                    "The dask cluster has had no worker for "
                    f"{_dask._PATIENCE} seconds; start workers and call fit again."
                ) from None
