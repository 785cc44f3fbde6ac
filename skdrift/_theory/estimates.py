"""Numbers with their errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A number and its error.

    Attributes
    ----------
    value : float
    error : float
        Standard error of a Monte Carlo estimate, or the difference between the last
        two grids of a quadrature.
    """

    value: float
    error: float


def monte_carlo(values):
    """Mean of independent values, with its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(float(values.mean()), float(error))
