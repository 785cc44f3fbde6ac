"""Generative drifting for scikit-learn."""

from ._drifters import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from ._generator import DriftGenerator
from ._sinkhorn import SinkhornDrifter
from ._softmax import SoftmaxDrifter

__all__ = [
    "ConservativeDrifter",
    "DriftGenerator",
    "LaplaceDrifter",
    "SharpDrifter",
    "SinkhornDrifter",
    "SoftmaxDrifter",
]
__version__ = "0.1.0.dev0"
