"""Engines: several ways to compute one reduction.

An engine binds a set of sources once and then answers many reductions over it (see
:class:`Reduction`). A new engine is one file with subclasses of :class:`Engine` and
:class:`BoundSources`, and one line in the table of ``skdrift/engines/_choice.py``.
"""

from ._choice import ENGINE_NAMES as ENGINE_NAMES
from ._choice import get_engine
from ._cpu._engine import NumbaEngine
from ._dask import DaskEngine
from ._derivatives import Moments
from ._interface import BoundSources, Engine, Profiles, Reduction, Work, merge
from ._keops import KeopsEngine
from ._numpy import NumpyEngine
from ._spectral._engine import NufftEngine

__all__ = [
    "BoundSources",
    "DaskEngine",
    "Engine",
    "KeopsEngine",
    "Moments",
    "NufftEngine",
    "NumbaEngine",
    "NumpyEngine",
    "Profiles",
    "Reduction",
    "Work",
    "get_engine",
    "merge",
]
