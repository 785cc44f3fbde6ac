"""Generative drifting for scikit-learn."""

from ._drifters import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from ._generator import DriftGenerator

__all__ = ["ConservativeDrifter", "DriftGenerator", "LaplaceDrifter", "SharpDrifter"]
__version__ = "0.1.0.dev0"
