"""The one-step generator."""

from .._earlier import EarlierVersionError
from ._estimator import DriftGenerator

__all__ = ["DriftGenerator"]


def __getattr__(name):
    if name in ("_Average", "_Class", "_Fitted"):  # of files that 0.1 saved
        raise EarlierVersionError
    raise AttributeError(name)
