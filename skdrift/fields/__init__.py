"""Drifting fields: the attraction of the data minus the repulsion of the particles.

Every velocity is ``V(x) = D_data(x) - D_model(x)``, both sums over sources that an
engine computes (see :mod:`skdrift.engines`). V is a displacement, a length in the
units of the data: a step of size 1 moves a particle by V.

Without data a field has the `profiles` of its sums and their `relative_cost`, by which
an engine is chosen, and a flag whether particles are `leave_one_out`. Its method
``bind(engine, data, log_weights, n_samples)`` gives it the data, once, and returns a
:class:`BoundField`, which answers ``on_particles(particles, bandwidth)``, the velocity
of every particle, and ``at(queries, particles, bandwidth)``, the velocity of points
that are no particles.
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
