"""Engines: several ways to compute one reduction.

An engine binds a set of sources once and then answers many reductions over it
(see :mod:`skdrift.engines._reduction` for what a reduction is). A new engine is
one file with a class of the same shape as :class:`NumpyEngine`, and one line in
``_ENGINES`` below.
"""

import ctypes
from functools import cache

from ._keops import KeopsEngine
from ._numpy import NumpyEngine
from ._reduction import Profiles, Reduction, merge

__all__ = ["KeopsEngine", "NumpyEngine", "Profiles", "Reduction", "get_engine", "merge"]

_ENGINES = {engine.name: engine for engine in (NumpyEngine, KeopsEngine)}
ENGINE_NAMES = tuple(_ENGINES)

# Pairs, summed over steps, from which a GPU repays the compilation: NumPy needs
# about as many seconds for them on two cores. Without a GPU NumPy is the faster.
_KEOPS_MIN_PAIRS = 5e9


def get_engine(name, n_pairs):
    """Return the engine that a name stands for; the one place where it is chosen.

    Parameters
    ----------
    name : {"auto", "numpy", "keops"}
        With ``"auto"``, KeOps if it is available, there is a GPU, and the work
        repays the compilation (from 5e9 pairs); NumPy otherwise.
    n_pairs : float
        Pairs of query and source to be evaluated, summed over all steps.

    Returns
    -------
    object
        An engine, with a ``name`` and a method ``bind(sources, log_weights)``.

    Raises
    ------
    ValueError
        If there is no such engine, or it cannot run on this machine.
    """
    if name not in {"auto", *_ENGINES}:
        raise ValueError(
            f"The 'engine' parameter must be one of {['auto', *_ENGINES]}; "
            f"got {name!r} instead."
        )
    if name == "auto":
        repays = n_pairs >= _KEOPS_MIN_PAIRS and _gpu_count() > 0
        available = repays and KeopsEngine.unavailable_reason() is None
        name = "keops" if available else "numpy"
    reason = _ENGINES[name].unavailable_reason()
    if reason is not None:
        raise ValueError(
            f"The 'engine' parameter is {name!r}, which is not available here: "
            f"{reason}; or choose engine='auto'."
        )
    return _ENGINES[name]()


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
