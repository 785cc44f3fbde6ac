"""Time stepping: from a start along a velocity to where it vanishes.

:func:`evolve` receives a velocity and a schedule of bandwidths. It depends
neither on kernels nor on how sums are computed. :class:`FittedFlow` is the result of a
fit as an object: the attribute ``flow_`` of every fitted drifter.
"""

from ._fit import Recipe
from ._fitted import FittedFlow
from ._loop import Flow, evolve
from ._schedules import annealing_schedule, given_schedule
from ._stops import root_mean_square

__all__ = [
    "FittedFlow",
    "Flow",
    "Recipe",
    "annealing_schedule",
    "evolve",
    "given_schedule",
    "root_mean_square",
]
