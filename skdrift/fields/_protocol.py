"""A field that has its data, and the difference of the two terms it consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._docstrings import documented
from ..engines import Engine, Moments, Reduction

if TYPE_CHECKING:
    from .._typing import Floats, NDArray


_SHARED = {
    "on_particles": """
        Parameters
        ----------
        particles : ndarray of shape (n_particles, n_features)
            Particles, which repel one another.
        bandwidth : float
            The kernel's scale h.
        """,
    "at_queries": """
        Parameters
        ----------
        queries : ndarray of shape (n_queries, n_features)
            Points.
        particles : ndarray of shape (n_particles, n_features)
            Particles, which repel the points.
        bandwidth : float
            The kernel's scale h.
        """,
    "state": """
        state : object, default=None
            State that the step before returned; None at the first step.
        """,
}


class Terms(NamedTuple):
    """Sums over the data and over the particles, whose difference is a field."""

    data: Reduction | Moments
    model: Reduction | Moments

    @property
    def velocity(self) -> Floats:
        """Displacement of the data minus displacement of the model."""
        return self.data.displacement - self.model.displacement

    @property
    def jacobian(self) -> Floats:
        """Derivative of the velocity, if the terms are moments."""
        return self.data.jacobian - self.model.jacobian  # type: ignore[union-attr]


class BoundField:
    """Base class of a field that has its data and an engine.

    A subclass defines :meth:`on_particles` and :meth:`at`, and may define the rest:
    :meth:`advance` and :meth:`advance_tracers` if steps depend on one another,
    :meth:`of_tracers` if points that stand for further particles have a velocity of
    their own, :meth:`linearized` for maps backwards and densities.

    Attributes
    ----------
    engine : Engine
        Engine of all sums.
    leave_one_out : bool
        Whether a particle is left out of its own model term.
    state_type : type or None
        Named tuple of arrays and numbers that :meth:`advance` returns as the state for
        the next step, which checkpoints store; None if there is no state.
    """

    engine: Engine
    leave_one_out: bool = False
    state_type: type | None = None

    def own(self, n: int, index: Any = slice(None)) -> NDArray[np.integer[Any]] | None:
        """Sources that particles delete from their own model terms.

        Parameters
        ----------
        n : int
            Number of particles.
        index : slice or ndarray of int, default=slice(None)
            Which of the particles; all by default.

        Returns
        -------
        ndarray of shape (n_chosen,), dtype int, or None
            Index of each particle's own source; None without leave-one-out.
        """
        return np.arange(n)[index] if self.leave_one_out else None

    @documented(_SHARED)
    def on_particles(self, particles: Floats, bandwidth: float) -> Floats:
        """Velocity of every particle.

        {on_particles}

        Returns
        -------
        ndarray of shape (n_particles, n_features)
            Displacements.
        """
        raise NotImplementedError(f"{type(self).__name__} must define on_particles()")

    @documented(_SHARED)
    def at(self, queries: Floats, particles: Floats, bandwidth: float) -> Floats:
        """Velocity of points that are no particles.

        {at_queries}

        Returns
        -------
        ndarray of shape (n_queries, n_features)
            Displacements.
        """
        raise NotImplementedError(f"{type(self).__name__} must define at()")

    @documented(_SHARED)
    def advance(
        self, particles: Floats, bandwidth: float, state: Any = None
    ) -> tuple[Floats, Any]:
        """Velocity of every particle, and the state for the next step.

        {on_particles}
        {state}

        Returns
        -------
        velocity : ndarray of shape (n_particles, n_features)
            Displacements.
        state : object
            None in the base class: steps do not depend on one another.
        """
        return self.on_particles(particles, bandwidth), None

    @documented(_SHARED)
    def of_tracers(
        self, queries: Floats, particles: Floats, bandwidth: float
    ) -> Floats:
        """Velocity of points that stand for further particles, but repel none.

        {at_queries}

        Returns
        -------
        ndarray of shape (n_queries, n_features)
            Displacements; the same as :meth:`at` in the base class.
        """
        return self.at(queries, particles, bandwidth)

    @documented(_SHARED)
    def advance_tracers(
        self, queries: Floats, particles: Floats, bandwidth: float, state: Any = None
    ) -> tuple[Floats, Any]:
        """Velocity of tracers, and the state for the next step.

        {at_queries}
        {state}

        Returns
        -------
        velocity : ndarray of shape (n_queries, n_features)
            Displacements.
        state : object
            None in the base class.
        """
        return self.of_tracers(queries, particles, bandwidth), None

    @documented(_SHARED)
    def linearized(
        self, queries: Floats, particles: Floats, bandwidth: float
    ) -> tuple[Floats, Floats]:
        """Velocity of tracers and its Jacobian.

        {at_queries}

        Returns
        -------
        velocity : ndarray of shape (n_queries, n_features)
            Displacements.
        jacobian : ndarray of shape (n_queries, n_features, n_features)
            Rows by component of the velocity.

        Raises
        ------
        TypeError
            In the base class, which has no Jacobian.
        """
        raise TypeError(
            "This flow has no inverse here, as its field states no Jacobian. The "
            "fields of ConservativeDrifter, SharpDrifter and LaplaceDrifter do."
        )


class Field:
    """What the fields of this module have in common before they have data.

    Attributes
    ----------
    accepts_bound_data : bool
        Whether :meth:`bind` accepts :class:`skdrift.engines.BoundSources` as data: the
        field needs no more of the data than sums over them.
    """

    accepts_bound_data = False
    _bound: type

    def bind(
        self,
        engine: Engine,
        data: Floats,
        log_weights: Floats | None = None,
        n_samples: float | None = None,
    ) -> BoundField:
        """Field between a data set and any ensemble.

        Parameters
        ----------
        engine : Engine
            An engine of :mod:`skdrift.engines`.
        data : ndarray of shape (n_data, n_features) or BoundSources
            Rows that attract, or, with ``accepts_bound_data``, sources that an engine
            has bound already, with their log-weights.
        log_weights : ndarray of shape (n_data,), default=None
            Log-weights of the data, exponentials summing to 1; None for equal ones.
        n_samples : float, default=None
            Number of samples that the rows stand for, on which only the softmax field
            depends; None for `n_data`.

        Returns
        -------
        BoundField
            The velocity of every particle, ``on_particles(particles, bandwidth)``, of
            points that are no particles, ``at(queries, particles, bandwidth)``, and of
            points that stand for further particles,
            ``of_tracers(queries, particles, bandwidth)``.
        """
        return self._bound(self, engine, data, log_weights, n_samples)
