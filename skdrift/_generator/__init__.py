"""The one-step generator."""

from ._estimator import DriftGenerator

__all__ = ["DriftGenerator"]
