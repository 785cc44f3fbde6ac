"""Generative drifting for scikit-learn."""

from ._drifters import ConservativeDrifter, LaplaceDrifter, SharpDrifter

__all__ = ["ConservativeDrifter", "LaplaceDrifter", "SharpDrifter"]
__version__ = "0.1.0.dev0"
