"""Time stepping: from a start along a velocity to where it vanishes.

The loop receives a velocity and a schedule of bandwidths. It knows neither
kernels nor how sums are computed.
"""

from ._loop import (
    Flow,
    annealing_schedule,
    evolve,
    given_schedule,
    root_mean_square,
)

__all__ = [
    "Flow",
    "annealing_schedule",
    "evolve",
    "given_schedule",
    "root_mean_square",
]
