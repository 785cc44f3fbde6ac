"""What a field is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .._typing import Floats


class BoundField:
    """A field that has its data."""

    def on_particles(self, particles: Floats, bandwidth: float) -> Floats:
        raise NotImplementedError

    def at(self, queries: Floats, particles: Floats, bandwidth: float) -> Floats:
        raise NotImplementedError

    def advance(self, particles, bandwidth, state):
        return self.on_particles(particles, bandwidth), None

    def of_tracers(self, queries, particles, bandwidth):
        return self.at(queries, particles, bandwidth)

    def advance_tracers(self, queries, particles, bandwidth, state):
        return self.of_tracers(queries, particles, bandwidth), None

    def linearized(self, queries, particles, bandwidth):
        raise TypeError(
            "This flow has no inverse here, as its field states no Jacobian. Those of "
            "ConservativeDrifter, SharpDrifter and LaplaceDrifter do."
        )


class Terms(NamedTuple):
    data: object
    model: object

    @property
    def velocity(self):
        return self.data.displacement - self.model.displacement
