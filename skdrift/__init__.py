"""Generative drifting for scikit-learn."""

from ._drifters import ConservativeDrifter, LaplaceDrifter

__all__ = ["ConservativeDrifter", "LaplaceDrifter"]
__version__ = "0.1.0.dev0"
