"""Generative drifting for scikit-learn."""

from ._drifters import (
    ConservativeDrifter,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from ._generator import DriftGenerator
from ._version import __version__ as __version__

__all__ = [
    "ConservativeDrifter",
    "DriftGenerator",
    "LaplaceDrifter",
    "SharpDrifter",
    "SinkhornDrifter",
    "SoftmaxDrifter",
]
