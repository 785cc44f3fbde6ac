"""What a field is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .._typing import Floats


class BoundField(Protocol):
    """A field that has its data."""

    def on_particles(self, particles: Floats, bandwidth: float) -> Floats: ...

    def at(self, queries: Floats, particles: Floats, bandwidth: float) -> Floats: ...
