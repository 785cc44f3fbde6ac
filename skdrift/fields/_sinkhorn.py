"""Field of the Sinkhorn divergence: barycentric maps of two entropic plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._estimator import warn_user
from ..engines._interface import equal_log_weights
from ..kernels import Gaussian
from ._kernel import displacement
from ._protocol import BoundField, Field, Terms

if TYPE_CHECKING:
    from ..engines import BoundSources, Reduction


class Potentials(NamedTuple):
    """Potentials of both plans, in units of the temperature, at one bandwidth."""

    u: np.ndarray  # of the plan of the particles with themselves
    v: np.ndarray  # of the plan of the particles with the data
    bandwidth: float


class _Plan(NamedTuple):
    """Barycentric map of a plan: its sources, and their pull on the particles."""

    sources: BoundSources
    reduction: Reduction
    error: float


class BoundSinkhornField(BoundField):
    """Sinkhorn field that has its data."""

    state_type = Potentials

    def __init__(self, field, engine, data, log_weights, n_samples):
        self.field = field
        self.engine = engine
        self.data = data
        self.log_w = log_weights
        if log_weights is None:
            self.log_w = equal_log_weights(len(data))
        self.has_warned = False

    def advance(self, particles, bandwidth, state):
        """Velocity of every particle, and the potentials for the next call."""
        data, model, potentials = self._plans(particles, bandwidth, state)
        return Terms(data.reduction, model.reduction).velocity, potentials

    def on_particles(self, particles, bandwidth):
        """Velocity of every particle, from potentials that are 0."""
        return self.advance(particles, bandwidth, None)[0]

    def at(self, queries, particles, bandwidth):
        """Velocity of points by the potentials of the particles."""
        return self.advance_tracers(queries, particles, bandwidth, None)[0]

    def advance_tracers(self, queries, particles, bandwidth, state):
        """Velocity of points, and the potentials for the next call."""
        *plans, potentials = self._plans(particles, bandwidth, state)
        profiles = self.field.profiles
        terms = (plan.sources.reduce(queries, profiles, bandwidth) for plan in plans)
        return Terms(*terms).velocity, potentials

    def _plans(self, x, h, potentials):
        """Plans of the particles with the data and with themselves, and potentials.

        The iterations start from given potentials, unless the bandwidth has grown or
        the number of particles has changed: then another flow begins.
        """
        u, v = np.zeros(len(x)), np.zeros(len(self.data))
        if potentials and len(potentials.u) == len(x) and h <= potentials.bandwidth:
            u, v = potentials.u, potentials.v
        v, data = self._iterate(self._data_sweep, v, x, h)
        u, model = self._iterate(self._model_sweep, u, x, h)
        error = max(data.error, model.error)
        if error > self.field.tol and not self.has_warned:
            self.has_warned = True
            self._warn(error, h)
        return data, model, Potentials(u, v, h)

    def _iterate(self, sweep, potential, x, h):
        for left in reversed(range(self.field.max_iter + 1)):
            plan, improved = sweep(potential, x, h)
            if not (left and plan.error > self.field.tol):
                return potential, plan
            potential = improved

    def _data_sweep(self, v, x, h):
        """Alternating half-steps: ``v`` such that the columns sum to the weights."""
        data = self.engine.bind(self.data, self.log_w + v)
        there = data.reduce(x, self.field.profiles, h)
        model = self.engine.bind(x, equal_log_weights(len(x)) - there.log_z)
        back = model.reduce(self.data, self.field.profiles, h)
        return _Plan(data, there, _error(self.log_w, v + back.log_z)), -back.log_z

    def _model_sweep(self, u, x, h):
        """The mean of both potentials, as they are one, converges much faster."""
        log_a = equal_log_weights(len(x))
        model = self.engine.bind(x, log_a + u)
        there = model.reduce(x, self.field.profiles, h)
        plan = _Plan(model, there, _error(log_a, u + there.log_z))
        return plan, (u - there.log_z) / 2

    def _warn(self, error, h):
        warn_user(
            f"Sinkhorn's algorithm was ended after {self.field.max_iter} iterations at "
            f"the bandwidth {h:.3g}, where the marginal error of a transport plan was "
            f"{error:.2g} in total variation, above {self.field.tol:.2g}. Raise the "
            "temperature (epsilon), the number of iterations (sinkhorn_max_iter) or "
            "the tolerance (sinkhorn_tol).",
            ConvergenceWarning,
        )


def _error(log_weights, log_excess):
    """Total variation between weights and ``weights * exp(log_excess)``."""
    # No column holds more than the whole mass: rounding could say so, and overflow.
    log_excess = np.minimum(log_excess, -log_weights)
    return float(0.5 * np.exp(log_weights) @ np.abs(np.expm1(log_excess)))


class SinkhornField(Field):
    """Field whose weights are transport plans: what it is, before it has data.

    ``V(x_i) = RowNorm(P_xy) Y - RowNorm(P_xx) X``, where P_xy is the entropic optimal
    plan between the particles and the data, P_xx that between the particles and
    themselves, for the cost ``|x - y|^2 / 2`` at temperature ``h^2``. It is minus the
    gradient of their Sinkhorn divergence with respect to ``x_i``, times the number of
    particles, and the divergence vanishes only where the two distributions agree
    (Turan and Ovsjanikov, arXiv:2603.09936; He et al., arXiv:2603.12366).

    The plans are ``w_i w_j exp(u_i + v_j - |x_i - y_j|^2 / (2 h^2))``. A half-step of
    Sinkhorn's algorithm, ``u = -log Z`` with log-weights ``log w + v``, and the
    barycentric map are the reduction of the Gaussian mean shift: without a single
    iteration the field is that mean shift. The potentials u and v, in units of the
    temperature, carry over from one step of a flow to the next. Points that are no
    particles move by the potentials of the particles. The first call that does not
    reach `tol` issues a ConvergenceWarning.

    Parameters
    ----------
    tol : float, default=2e-4
        Iterations end once the column marginal of a plan, whose rows are exact, is
        this near to the weights, in total variation: half the sum of the absolute
        differences, the share of mass that is in the wrong place.
    max_iter : int, default=500
        Largest number of iterations for one plan in one call.

    Attributes
    ----------
    profiles : Profiles
        Those of :func:`displacement` for the Gaussian.
    leave_one_out : bool
        False: the plan of the particles with themselves has a diagonal.

    See Also
    --------
    DriftField : Fields of one kernel, the mean shift among them.

    Examples
    --------
    Both particles are nearest to the row 1, but a plan moves one of them to 2:

    >>> import numpy as np
    >>> from skdrift.engines import NumpyEngine
    >>> from skdrift.fields import DriftField, SinkhornField, displacement
    >>> from skdrift.kernels import Gaussian
    >>> data, particles = np.array([[1.0], [2.0]]), np.array([[-2.0], [-1.0]])
    >>> for field in (DriftField(displacement(Gaussian())), SinkhornField()):
    ...     v = field.bind(NumpyEngine(), data).on_particles(particles, 0.3)
    ...     print((particles + v).round(2).ravel())
    [1. 1.]
    [1. 2.]
    """

    leave_one_out = False
    _bound = BoundSinkhornField
    relative_cost = 7  # a few iterations each for two plans, as measured

    def __init__(self, tol: float = 2e-4, max_iter: int = 500) -> None:
        self.tol = tol
        self.max_iter = max_iter
        self.profiles = displacement(Gaussian())
