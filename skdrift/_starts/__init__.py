"""Distributions that particles start from, as objects."""

from ._gaussian import GaussianStart
from ._given import CallableStart, GivenRows
from ._interface import Start
from ._local import LocalStart

__all__ = [
    "CallableStart",
    "GaussianStart",
    "GivenRows",
    "LocalStart",
    "Start",
    "make_start",
]


def make_start(start, rows, scaling, neighbors):
    """Start that the parameter of an estimator stands for.

    Parameters
    ----------
    start : {"local", "gaussian"}, array-like or callable
    rows : WeightedRows
        The data.
    scaling : Scaling
        From data units to internal units.
    neighbors : NearestRows
        Of the same rows.

    Returns
    -------
    Start

    Raises
    ------
    ValueError
        If given rows are not finite, or do not have the columns of the data.
    """
    if callable(start):
        return CallableStart(start, rows, scaling)
    if not isinstance(start, str):
        return GivenRows(start, rows, scaling)
    return {
        "local": lambda: LocalStart(rows, neighbors),
        "gaussian": lambda: GaussianStart(rows),
    }[start]()
