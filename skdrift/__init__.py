"""Generative drifting for scikit-learn."""

from ._drifters import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from ._softmax import SoftmaxDrifter

__all__ = ["ConservativeDrifter", "LaplaceDrifter", "SharpDrifter", "SoftmaxDrifter"]
__version__ = "0.1.0.dev0"
