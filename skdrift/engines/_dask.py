"""Dask engine: sources in shards on the workers of a cluster, partial results merged.

Reductions over disjoint sets of sources merge exactly and in any order, so a shard on
another machine is one more tile. An array leaves this process once, in one piece per
worker. Pieces of sources are the shards; of the pieces of queries, every worker fetches
the missing ones from other workers. Results are merged in a tree, on the workers, and
one result comes back.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache, cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..kernels import Gaussian
from . import _gpu
from ._cpu._engine import NumbaEngine
from ._interface import BoundSources, Engine, Profiles, Work, merge
from ._keops import KeopsEngine
from ._numpy import NumpyEngine
from ._trial import trial_error

if TYPE_CHECKING:
    from .._typing import Floats

_LOGGER = logging.getLogger("skdrift")

# A reduction of fewer pairs costs less than its messages, and a shard of fewer rows
# less than one more result to merge.
_MIN_PAIRS = 3e6
_MIN_SHARD_ROWS = 1000
# Arrays that workers keep as queries: two kinds of queries, and indices to delete.
_MAX_KEPT = 3
# Attempts at one reduction when workers are lost.
_MAX_ATTEMPTS = 3
# Seconds to wait until there is a worker.
_PATIENCE = 30

# Broken and late connections.
_NOT_IN_TIME = OSError, asyncio.TimeoutError

_HOW_TO_START = (
    "start one, 'from dask.distributed import Client; client = Client(address)', or "
    "Client() for workers on this machine"
)


class DaskEngine(Engine):
    """Sums by the workers of the dask cluster of the current client.

    Sources are split evenly among the workers, which bind their shards once, by the
    first of KeOps (on a GPU), Numba (in as many threads as the worker has) and NumPy
    that works there. Reductions of fewer than 3e6 pairs, or over fewer than 1000
    sources, are computed by NumPy in this process, which is faster than the messages.

    If a worker is lost, its shards are sent to the remaining workers.

    Raises
    ------
    RuntimeError
        In a reduction, if the client was closed, if the cluster has no worker, if the
        workers cannot import skdrift, or if workers are lost in every attempt.

    See Also
    --------
    merge : Combine the results of two shards.

    Examples
    --------
    >>> import numpy as np
    >>> from dask.distributed import Client
    >>> from skdrift import ConservativeDrifter
    >>> X = np.random.default_rng(0).standard_normal((300, 5))
    >>> with Client(processes=False, dashboard_address=":0"):
    ...     drifter = ConservativeDrifter(engine="dask", random_state=0).fit(X)
    >>> drifter.engine_
    'dask'
    """

    name = "dask"

    def __init__(self) -> None:
        self._kept_workers = None

    @staticmethod
    def unavailable_reason() -> str | None:
        """Say why the engine cannot run here, or return None if it can."""
        if importlib.util.find_spec("distributed") is None:
            return (
                "the package distributed is not installed; run "
                "'pip install dask[distributed]'"
            )
        if _is_in_task():
            return "in a task of a dask cluster it would wait for its own worker"
        client = _current_client()
        if client is None:
            return f"no dask client is running; {_HOW_TO_START}"
        if client.asynchronous:
            return (
                "the dask client is asynchronous; start one without asynchronous=True"
            )
        return None

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> BoundSources:
        """Prepare sources for many reductions; see :class:`Engine`."""
        return _DaskSources(self, sources, log_weights)

    def _workers(self):
        """Workers that keep the arrays."""
        if self._kept_workers is None:
            self._kept_workers = _Workers(_current_client())
        return self._kept_workers


class _DaskSources(BoundSources):
    def __init__(self, engine, sources, log_weights):
        super().__init__(sources, log_weights)
        self.engine = engine
        self._is_weighted = log_weights is not None
        self._shards = None, []

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`Engine`."""
        arguments = queries, profiles, bandwidth, deleted
        m = len(self.rows)
        if m < _MIN_SHARD_ROWS or len(queries) * m < _MIN_PAIRS:
            return self._here.reduce(*arguments)
        return self._in_attempts(*arguments)

    def _in_attempts(self, *arguments):
        for _ in range(_MAX_ATTEMPTS):
            try:
                return self._by_workers(*arguments)
            except _WorkersLost as error:
                lost = error
                self.engine._kept_workers = None
                _LOGGER.warning(
                    "Workers were lost; the reduction is computed again: %s", lost
                )
        raise RuntimeError(
            f"Workers of the dask cluster were lost in each of {_MAX_ATTEMPTS} "
            f"attempts of one reduction ({lost}). Their logs may tell why; too little "
            "memory is a frequent cause. Repair the cluster, or choose another engine."
        ) from lost

    @cached_property
    def _here(self):
        return NumpyEngine().bind(self.rows, self.log_weights)

    def _by_workers(
        self, queries, profiles, bandwidth, deleted, sums=("reduce", merge)
    ):
        from distributed import KilledWorker

        workers = self.engine._workers()
        with _watched(workers.client, CancelledError, KilledWorker):
            shards = self._shards_on(workers)
            queries = workers.keep(queries).futures
            gone = None if deleted is None else workers.keep(deleted).futures
            arguments = queries, profiles, bandwidth, gone
            method, merge_two = sums
            parts = [
                workers.submit(where, _sums_of_shard, shard, method, *arguments)
                for where, shard in shards
            ]
            where = [where for where, _ in shards]
            return _merge_all(workers, parts, where, merge_two)

    def _shards_on(self, workers):
        """Pairs of a worker and its shard, made for these workers at first use."""
        if self._shards[0] is not workers:
            rows = workers.find(self.rows) or workers.put(self.rows)
            self._shards = workers, list(self._make_shards(workers, rows))
        return self._shards[1]

    def _make_shards(self, workers, rows):
        m = len(self.rows)
        weights = [None] * len(rows.futures)
        if self._is_weighted:
            weights = workers.put(self.log_weights).futures
        for where, start, *arrays in zip(
            rows.workers, rows.starts, rows.futures, weights, strict=True
        ):
            yield where, workers.submit(where, _Shard, *arrays, start, m)


def _merge_all(workers, parts, where, merge_two):
    """Merge neighbours until one result is left."""
    while len(parts) > 1:
        pairs = zip(parts[::2], parts[1::2], where[::2], strict=False)
        merged = [workers.submit(w, merge_two, a, b) for a, b, w in pairs]
        parts = merged + parts[2 * len(merged) :]
        where = where[::2]
    return parts[0].result()


# -- on the workers --------------------------------------------------------------------


class _Shard:
    """Part of the sources, bound at first use in the process where it is."""

    def __init__(self, sources, log_weights, start, n_sources):
        if log_weights is None:
            log_weights = np.full(len(sources), -np.log(n_sources))
        self.sources = sources
        self.log_weights = log_weights
        self.start = start

    @cached_property
    def bound(self):
        return _engine_here()().bind(self.sources, self.log_weights)

    def reduce(self, queries, profiles, bandwidth, deleted):
        if deleted is not None:
            local = deleted - self.start
            is_here = (0 <= local) & (local < len(self.sources))
            deleted = np.where(is_here, local, -1)
        return self.bound.reduce(queries, profiles, bandwidth, deleted)

    def moments(self, *arguments):
        return self.bound.moments(*arguments)

    def __getstate__(self):
        # Bound sources may be on a GPU; another worker binds its own.
        return {name: value for name, value in vars(self).items() if name != "bound"}

    def __sizeof__(self):
        return self.sources.nbytes + self.log_weights.nbytes  # for dask


def _sums_of_shard(shard, method, queries, profiles, bandwidth, deleted):
    """Sums over a shard; queries and indices to delete come in pieces."""
    queries = np.concatenate(queries)
    if deleted is not None:
        deleted = np.concatenate(deleted)
    with _threads_of_worker():
        return getattr(shard, method)(queries, profiles, bandwidth, deleted)


@cache
def _engine_here():
    """Class of the fastest exact engine that works in this process."""
    fast = [KeopsEngine] if _gpu.gpu_count() > 0 else []
    for engine in (*fast, NumbaEngine):
        if engine.unavailable_reason() is None:
            error = trial_error(engine, Work(2, 2, 2, 1, Profiles(Gaussian())))
            if error is None:
                return engine
            _LOGGER.warning("A worker skipped %s: %r.", engine.name, error)
    return NumpyEngine


@contextmanager
def _threads_of_worker():
    """Give compiled code the threads of this worker, not all of the machine."""
    if _engine_here() is not NumbaEngine:
        yield
        return
    import numba
    from distributed import get_worker

    before = numba.get_num_threads()
    most = numba.config.NUMBA_NUM_THREADS
    numba.set_num_threads(min(get_worker().state.nthreads, most))
    try:
        yield
    finally:
        numba.set_num_threads(before)


# -- the cluster -----------------------------------------------------------------------


class _WorkersLost(Exception):
    """The workers no longer have the arrays that were sent to them."""


class _Pieces(NamedTuple):
    """An array in pieces, in order: the first row of each, and where it is."""

    futures: list
    starts: list
    workers: list


class _Workers:
    """Workers of a client, and the arrays that they keep as queries."""

    def __init__(self, client):
        if client is None:
            raise RuntimeError(f"No dask client is running any more; {_HOW_TO_START}.")
        self.client = client
        self._wait()
        self.n = self._count()
        self._kept = []

    def _wait(self):
        try:
            with _watched(self.client, *_NOT_IN_TIME):
                self.client.wait_for_workers(1, timeout=_PATIENCE)
        except _WorkersLost as error:
            raise RuntimeError(
                f"The dask cluster had no worker for {_PATIENCE} seconds; start "
                "workers (an adaptive cluster needs at least one at all times), and "
                "wait for them with client.wait_for_workers(n)."
            ) from error

    def _count(self):
        """Number of workers, after a check that all of them can import this module.

        A worker that cannot would end without an error message.
        """
        try:
            with _watched(self.client, *_NOT_IN_TIME):
                self.client.run_on_scheduler(importlib.import_module, __name__)
                return len(self.client.run(importlib.import_module, __name__))
        except ImportError as error:
            raise RuntimeError(
                "The scheduler or a worker of the dask cluster cannot import skdrift "
                f"or a dependency ({error}); install the versions of this process "
                "there, or choose another engine."
            ) from error

    def put(self, array):
        """Send an array in one piece per worker, or fewer if they would be small."""
        n_pieces = min(self.n, max(1, len(array) // _MIN_SHARD_ROWS))
        edges = [len(array) * k // n_pieces for k in range(n_pieces + 1)]
        pieces = [array[i:j] for i, j in pairwise(edges)]
        with _watched(self.client, CancelledError, KeyError, *_NOT_IN_TIME):
            futures = self.client.scatter(pieces, hash=False)
            who_has = self.client.who_has(futures)
        if not all(who_has[future.key] for future in futures):
            raise _WorkersLost("a worker ended while it was sent an array")
        where = [who_has[future.key][0] for future in futures]
        return _Pieces(futures, edges[:-1], where)

    def find(self, array):
        """Pieces of an array that the workers keep, or None.

        It is compared by content: the caller may have changed it in place.
        """
        for known, pieces in self._kept:
            if known.dtype == array.dtype and np.array_equal(known, array):
                return pieces
        return None

    def keep(self, array):
        """Pieces of an array that will be needed again, sent if they are not there."""
        pieces = self.find(array)
        if pieces is None:
            known = array.copy()
            pieces = self.put(known)
            self._kept.append((known, pieces))
        # The array that was used last is dropped last.
        self._kept.sort(key=lambda kept: kept[1] is pieces)
        del self._kept[:-_MAX_KEPT]
        return pieces

    def submit(self, where, function, *arguments):
        return self.client.submit(
            function, *arguments, workers=[where], allow_other_workers=True, pure=False
        )


@contextmanager
def _watched(client, *signs):
    """Tell errors of the cluster from errors of the work; some mean lost workers."""
    try:
        yield
    except Exception as error:
        if client.status != "running":
            raise RuntimeError(
                "The dask client was closed, or lost its scheduler, in a reduction. To "
                f"continue, {_HOW_TO_START}, and call again; or choose another engine."
            ) from error
        if isinstance(error, signs):
            raise _WorkersLost(f"{type(error).__name__}: {error}") from error
        raise


def _current_client():
    import distributed

    try:
        return distributed.Client.current()
    except ValueError:
        return None


def _is_in_task():
    import distributed

    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True
