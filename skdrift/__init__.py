"""Generative drifting for scikit-learn."""

from ._drifters import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from ._sinkhorn import SinkhornDrifter

__all__ = ["ConservativeDrifter", "LaplaceDrifter", "SharpDrifter", "SinkhornDrifter"]
__version__ = "0.1.0.dev0"
