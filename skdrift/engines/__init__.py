"""Engines: several ways to compute one reduction.

An engine binds a set of sources once and then answers many reductions over it
(see :mod:`skdrift.engines._reduction` for what a reduction is). A new engine is
one file with a class of the same shape as :class:`NumpyEngine`, and one line in
``_ENGINES`` below.
"""

import ctypes
from functools import cache

from ._keops import KeopsEngine
from ._nufft import NufftEngine
from ._numba import NumbaEngine
from ._numpy import NumpyEngine
from ._reduction import Engine, Profiles, Reduction, Work, merge

__all__ = [
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
]

# In the order in which "auto" asks them.
_ENGINES = {
    engine.name: engine
    for engine in (NufftEngine, KeopsEngine, NumbaEngine, NumpyEngine)
}
ENGINE_NAMES = tuple(_ENGINES)

# Pairs of one step from which sums are left to transforms, by number of columns. In
# one and two they are faster from 1e7 on; below a few seconds, all pairs are exact. In
# three columns their grid alone costs as much as 1e8 pairs.
_NUFFT_MIN_PAIRS = {1: 1e8, 2: 1e8, 3: 5e8}
# Pairs, summed over steps, from which compiled code repays its compilation, which
# takes as long as NumPy needs for about as many on two cores; KeOps on a GPU only, as
# on a CPU it is no faster than NumPy.
_KEOPS_MIN_PAIRS = 5e9
_NUMBA_MIN_PAIRS = 3e9


def get_engine(name, work):
    """Return the engine that a name stands for; the one place where it is chosen.

    Parameters
    ----------
    name : {"auto", "numpy", "numba", "keops", "nufft"}
        With ``"auto"`` the first of these that the machine has, that can do the work,
        and that is worth it: NUFFT (up to two columns from 1e8 pairs of query and
        source, three columns from 5e8), KeOps (on a GPU, from 5e9 pairs summed over
        all steps), Numba (from 3e9 such pairs), NumPy.
    work : Work
        What is to be done.

    Returns
    -------
    Engine

    Raises
    ------
    ValueError
        If there is no such engine, it cannot run on this machine, or it cannot do
        this work.
    """
    if name == "auto":
        name = next(engine for engine in _ENGINES if _is_worth_it(engine, work))
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
    return engine()


def _is_worth_it(name, work):
    pairs = work.n_queries * work.n_sources
    if name == "nufft":
        worth = pairs >= _NUFFT_MIN_PAIRS.get(work.n_features, float("inf"))
    elif name == "keops":
        worth = pairs * work.n_steps >= _KEOPS_MIN_PAIRS and _gpu_count() > 0
    elif name == "numba":
        worth = pairs * work.n_steps >= _NUMBA_MIN_PAIRS
    else:
        return True
    engine = _ENGINES[name]
    return worth and not (engine.unavailable_reason() or engine.unsuitable_reason(work))


@cache
def _gpu_count():
    """Number of CUDA devices, from the driver itself: importing KeOps is slow."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
