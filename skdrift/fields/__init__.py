"""Drifting fields: the pull of the data minus the pull of the particles.

Every velocity is ``V(x) = D_data(x) - D_model(x)``, both sums over sources that an
engine computes (see :mod:`skdrift.engines`). V is a displacement, a length in the
units of the data: a step of size 1 moves a particle by V.

A field states what it is without data: the `profiles` of its sums and their
`relative_cost`, by which an engine is chosen, and whether particles are
`leave_one_out`. ``bind(engine, data,
log_weights)`` gives it the data, once. What comes back answers
``on_particles(particles, bandwidth)``, the velocity of every particle, and
``at(queries, particles, bandwidth)``, that of points that are none; and, if the field
tells them apart, ``of_tracers`` and ``linearized`` (see :class:`DriftField`).
"""

from ._kernel import DriftField, conservative, displacement
from ._protocol import BoundField
from ._sinkhorn import SinkhornField
from ._softmax import SoftmaxField

__all__ = [
    "BoundField",
    "DriftField",
    "SinkhornField",
    "SoftmaxField",
    "conservative",
    "displacement",
]
