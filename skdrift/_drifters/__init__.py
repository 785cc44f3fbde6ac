"""The drifters: thin estimators over a fitted flow."""

from ._kernel_drifters import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from ._sinkhorn import SinkhornDrifter
from ._softmax import SoftmaxDrifter

__all__ = [
    "ConservativeDrifter",
    "LaplaceDrifter",
    "SharpDrifter",
    "SinkhornDrifter",
    "SoftmaxDrifter",
]
