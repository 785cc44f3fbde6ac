"""Threads of the libraries below, where they cost more than they bring.

BLAS and OpenMP start a thread for each core, and all of them wait for each other in
loops. In small work that brings next to nothing, and if another process has one of the
cores every piece of it waits for a thread that does not run: drifters took three to ten
times as long then, and boosted trees a hundred times.
"""

from contextlib import nullcontext
from functools import cache
from threading import Lock

import threadpoolctl


def one_blas_thread():
    """A context in which matrices are multiplied in one thread."""
    return _one_thread("blas") if _blas_is_by_openmp() else _one_thread_of_the_process


def threads_for_trees(n_values):
    """A context in which trees of few values are boosted in one thread."""
    return nullcontext() if n_values >= 10**6 else _one_thread("openmp")


def threads_for_neighbors(n_products):
    """A context in which few products of pairs of rows are taken in one thread."""
    return nullcontext() if n_products >= 3 * 10**8 else _one_thread("openmp")


class _OneThreadOfTheProcess:
    """One thread of BLAS where their number is one of the process.

    Of the threads that are in this context at the same time, the last one restores the
    number that the first one found.
    """

    def __init__(self):
        self._lock, self._inside, self._limit = Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if not self._inside:
                self._limit = _one_thread("blas")
                _let_others_control()
            self._inside += 1

    def __exit__(self, *_):
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()
                _let_others_control()


_one_thread_of_the_process = _OneThreadOfTheProcess()


def _one_thread(user_api):
    return _pools(user_api).limit(limits=1, user_api=user_api)


def _let_others_control():
    # From threadpoolctl 3.8 on, only the thread that set a number may change it.
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(openblas, "clear_controlling_thread"):
        openblas.clear_controlling_thread(force=True)


@cache
def _blas_is_by_openmp():
    """Whether the number of threads of BLAS is one of the calling thread."""
    pools = _pools("blas").info()
    return {pool.get("threading_layer") for pool in pools} == {"openmp"}


@cache
def _pools(user_api):
    return threadpoolctl.ThreadpoolController().select(user_api=user_api)
