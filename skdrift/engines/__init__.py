"""Engines: several ways to compute one reduction.

An engine binds a set of sources once and then answers many reductions over it (see
:class:`Reduction`). A new engine is one file with a subclass of :class:`Engine`, and
one line in ``_ENGINES``.
"""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from . import _keops
from ._cpu._engine import NumbaEngine
from ._dask import DaskEngine
from ._interface import Engine, Profiles, Reduction, Work, merge
from ._keops import KeopsEngine
from ._numpy import NumpyEngine
from ._spectral._engine import NufftEngine
from ._spectral._split import is_smooth

if TYPE_CHECKING:
    from .._typing import EngineName
    from ..engines._interface import BindingEngine

__all__ = [
    "DaskEngine",
    "Engine",
    "KeopsEngine",
    "NufftEngine",
    "NumbaEngine",
    "NumpyEngine",
    "Profiles",
    "Reduction",
    "Work",
    "get_engine",
    "merge",
    "passed_over",
]

# In the order in which "auto" asks them. NumPy never declines: what follows it is only
# taken by name, as a client may be running for other work.
_ENGINES = {
    engine.name: engine
    for engine in (NufftEngine, KeopsEngine, NumbaEngine, NumpyEngine, DaskEngine)
}
ENGINE_NAMES = tuple(_ENGINES)

# Pairs of one step from which sums are left to transforms, by number of columns; below
# a few seconds, all pairs are exact. A kernel with a kink needs neighbours besides.
_NUFFT_MIN_PAIRS = {1: 1e8, 2: 1e8, 3: 1e9}
_NUFFT_MIN_PAIRS_WITH_NEIGHBOURS = {1: 1e9, 2: 1e10}
# Pairs, summed over steps, from which compiled code repays its compilation, which
# takes as long as NumPy needs for about as many on two cores; KeOps on a GPU only, as
# on a CPU it is no faster than NumPy.
_KEOPS_MIN_PAIRS = 5e9
_NUMBA_MIN_PAIRS = 3e9


def get_engine(name: EngineName, work: Work) -> BindingEngine:
    """Return the engine that a name stands for; the one place where it is chosen.

    Any engine but NumPy makes a tiny reduction first: one that is installed may still
    not run, and what it compiles for that it would compile anyway.

    Parameters
    ----------
    name : {"auto", "numpy", "numba", "keops", "nufft", "dask"}
        With ``"auto"`` the first of these that the machine has, that can do the work,
        and that is worth it: NUFFT (Gaussian kernel: up to two columns from 1e8 pairs
        of query and source, three columns from 1e9; Matérn kernels: one column from
        1e9, two from 1e10), KeOps (on a GPU, from 5e9 pairs summed over
        all steps), Numba (from 3e9 such pairs), NumPy. Never dask, whoever runs a
        client.
    work : Work
        What is to be done.

    Returns
    -------
    Engine
        With nothing bound to it yet.

    Raises
    ------
    ValueError
        If there is no such engine, it cannot run on this machine, or it cannot do
        this work.
    RuntimeError
        If the engine is there but fails. With ``"auto"`` that is a warning, and the
        next one is taken.
    """
    if name == "auto":
        return _first_that_works(work)
    if name not in _ENGINES:
        raise ValueError(
            f"The 'engine' parameter must be one of {['auto', *_ENGINES]}; "
            f"got {name!r} instead."
        )
    engine = _ENGINES[name]
    reason = engine.unavailable_reason()
    if reason is not None:
        raise ValueError(
            f"The 'engine' parameter is {name!r}, which is not available here: "
            f"{reason}; or choose engine='auto'."
        )
    reason = engine.unsuitable_reason(work)
    if reason is not None:
        raise ValueError(
            f"The 'engine' parameter is {name!r}, which cannot be used here: {reason}; "
            "choose engine='auto', 'numpy', 'numba' or 'keops'."
        )
    error = _first_error(engine, work)
    if error is not None:
        raise RuntimeError(
            f"The 'engine' parameter is {name!r}, which fails: {_in_words(error)}. "
            "Repair or upgrade what it needs, or choose engine='auto'."
        ) from error
    return engine()


def passed_over(chosen: str, work: Work) -> dict[str, str]:
    """Say why ``"auto"`` did not choose a faster engine.

    Parameters
    ----------
    chosen : str
        Name of the engine that it chose.
    work : Work
        What is to be done.

    Returns
    -------
    dict of str
        What each faster engine lacks, by its name.
    """
    faster = takewhile(lambda name: name != chosen, _ENGINES)
    wanted = [name for name in faster if _is_worth_it(name, work)]
    reasons = {name: _obstacle(name, work) for name in wanted}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _first_that_works(work):
    for name, engine in _ENGINES.items():
        if _is_worth_it(name, work) and _obstacle(name, work) is None:
            error = _first_error(engine, work)
            if error is None:
                return engine()
            _warn_that_it_fails(name, _in_words(error))


def _is_worth_it(name, work):
    pairs = work.n_queries * work.n_sources
    if name == "nufft":
        return pairs >= _nufft_min_pairs(work)
    if name == "keops":
        return pairs * work.n_steps >= _KEOPS_MIN_PAIRS and _keops.gpu_count() > 0
    if name == "numba":
        return pairs * work.n_steps >= _NUMBA_MIN_PAIRS
    return True


def _nufft_min_pairs(work):
    # By the kernel alone: whether Numba is there takes long to find out.
    smooth = is_smooth(work.profiles)
    least = _NUFFT_MIN_PAIRS if smooth else _NUFFT_MIN_PAIRS_WITH_NEIGHBOURS
    return least.get(work.n_features, float("inf"))


def _obstacle(name, work):
    engine = _ENGINES[name]
    return engine.unavailable_reason() or engine.unsuitable_reason(work)


def _first_error(engine, work):
    """Error of a first reduction, of two points, or None.

    It runs in a thread of its own: Ctrl-C would leave a package half imported, or be
    lost in a compilation.
    """
    if engine is NumpyEngine:
        return None  # always works: an error would be the kernel's own
    points = np.eye(2, work.n_features, dtype=work.dtype)

    def first():
        engine().bind(points).reduce(points, work.profiles, 1.0, np.arange(2))

    thread = ThreadPoolExecutor(1)
    try:
        thread.submit(first).result()
    except Exception as error:  # broken installations raise all kinds
        return error
    finally:
        thread.shutdown(wait=False)
    return None


def _in_words(error):
    return f"{type(error).__name__}: {error}".rstrip(".")


@cache
def _warn_that_it_fails(name, reason):
    warnings.warn(
        f"engine='auto' goes on without {name!r}, which fails: {reason}. Repair or "
        "upgrade what it needs, or choose another engine by name.",
        UserWarning,
        stacklevel=2,
    )
