"""Fields of one kernel: two reductions of one pair of profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..engines import Profiles, Reduction, merge
from ..engines._derivatives import Moments, Slopes, merge_moments, moments
from ..kernels import Kernel

if TYPE_CHECKING:
    from .._typing import Floats
    from ..engines._interface import BindingEngine
    from ..fields._protocol import BoundField

# Shares of a source in its own place that a tracer adds to the normalisers of data and
# of model, by leave-one-out. It stands for a particle, which counts 1 or 0 in that of
# the model, but pushes none: close to a particle only the tracer steps back, so that it
# has to be repelled more, hence counts less there than the particle, or more in that of
# the data. As both count, a tracer far from all stays where it is, and has an origin.
# Among the pairs of shares that were tried these kept tracers closest to particles, on
# five sets of data of 2 to 64 columns.
_OWN_SHARES = {False: (0.25, 0.5), True: (0.5, 0.25)}


def conservative(kernel: Kernel) -> Profiles:
    """Profiles of the kernel density gradient: ``V = h^2 grad log(p_h / q_h)``.

    A true gradient field for every kernel (Balasubramanian, arXiv:2605.22795,
    section 1). The sharp-normalised field of Franz et al. (arXiv:2604.06333) is
    the conservative field of the sharp companion ``kernel.sharp()``.

    Parameters
    ----------
    kernel : Kernel
        The kernel k of the density estimates.

    Returns
    -------
    Profiles
        Normaliser k, pull ``kb = -k'/r``.
    """
    if kernel.is_own_slope:
        return displacement(kernel)  # the one kernel that is its own slope
    return Profiles(kernel.log_profile, kernel.slope_ratio)


def displacement(kernel: Kernel) -> Profiles:
    """Profiles of the mean shift: ``V`` is a difference of weighted mean offsets.

    The original drifting field (Deng et al., arXiv:2602.04770, eq. 8-12). It is a
    gradient field only for the Gaussian kernel, where it equals
    :func:`conservative`.

    Parameters
    ----------
    kernel : Kernel
        The kernel k that weights the mean.

    Returns
    -------
    Profiles
        Normaliser k, pull k.
    """
    return Profiles(kernel.log_profile)


def slopes(profiles):
    """Slopes of the profiles of a kernel, for Jacobians.

    Parameters
    ----------
    profiles : Profiles
        From :func:`conservative` or :func:`displacement`.

    Returns
    -------
    Slopes

    Raises
    ------
    TypeError
        If the profiles are not those of one :class:`~skdrift.kernels.Kernel`.
    """
    kernel = getattr(profiles.log_normalizer, "__self__", None)
    if not isinstance(kernel, Kernel):
        raise TypeError(
            "The Jacobian of a field needs slopes of its profiles, which only those of "
            "skdrift.fields.conservative(kernel) and displacement(kernel) have; got "
            f"{profiles!r}."
        )
    return Slopes(
        kernel.slope_ratio,
        kernel.slope_ratio if profiles.pull is None else kernel.curvature_ratio,
    )


class DriftField:
    """Field of two profiles: what it is, before it has data.

    Parameters
    ----------
    profiles : Profiles
        From :func:`conservative` or :func:`displacement`.
    leave_one_out : bool, default=False
        Whether a particle leaves itself out of the model term. If not, it counts
        in the normaliser (its pull is 0).
    """

    relative_cost = 1

    def __init__(self, profiles: Profiles, leave_one_out: bool = False) -> None:
        self.profiles = profiles
        self.leave_one_out = leave_one_out

    def bind(
        self, engine: BindingEngine, data: Floats, log_weights: Floats | None = None
    ) -> BoundField:
        """Field between a data set and any ensemble.

        Parameters
        ----------
        engine : object
            An engine of :mod:`skdrift.engines`.
        data : ndarray of shape (n_data, n_features)
            Bound once, for the life of the field.
        log_weights : ndarray of shape (n_data,), default=None
            Log-weights of the data, exponentials summing to 1; None for equal ones.

        Returns
        -------
        object
            Has ``on_particles(particles, bandwidth)``, the velocity of every particle,
            and ``at(queries, particles, bandwidth)``, that of points that are none,
            both of the shape of their first argument. Points that stand for further
            particles have the velocity ``of_tracers(queries, particles, bandwidth)``,
            and ``linearized(queries, particles, bandwidth)``, this and its Jacobian.
        """
        return _BoundDriftField(self, engine, data, log_weights)


class _BoundDriftField:
    def __init__(self, field, engine, data, log_weights):
        self.profiles = field.profiles
        self.leave_one_out = field.leave_one_out
        self.engine = engine
        self.data = engine.bind(data, log_weights)
        self.rows, self.log_weights = data, log_weights

    def on_particles(self, particles, bandwidth):
        deleted = np.arange(len(particles)) if self.leave_one_out else None
        return self._velocity(particles, particles, bandwidth, deleted)

    def at(self, queries, particles, bandwidth):
        return self._velocity(queries, particles, bandwidth, None)

    def of_tracers(self, queries, particles, bandwidth):
        """Velocity of points that stand for further particles, but push none."""
        attraction = self.data.reduce(queries, self.profiles, bandwidth)
        repulsion = self.engine.bind(particles).reduce(
            queries, self.profiles, bandwidth
        )
        none = np.zeros_like(repulsion.displacement)
        of_data, of_model = self._own_terms(queries, len(particles))
        attraction = merge(attraction, Reduction(of_data, none))
        repulsion = merge(repulsion, Reduction(of_model, none))
        return attraction.displacement - repulsion.displacement

    def linearized(self, queries, particles, bandwidth):
        """Velocity of tracers and its Jacobian, shape (n_queries, d, d), in float64."""
        arguments = self.profiles, slopes(self.profiles), bandwidth
        attraction = moments(queries, self.rows, self.log_weights, *arguments)
        repulsion = moments(queries, particles, None, *arguments)
        # The own terms move along with the tracer: they have no derivative.
        none = [np.zeros_like(a) for a in repulsion[1:]]
        of_data, of_model = self._own_terms(queries, len(particles))
        attraction = merge_moments(attraction, Moments(of_data, *none))
        repulsion = merge_moments(repulsion, Moments(of_model, *none))
        return (
            attraction.displacement - repulsion.displacement,
            attraction.jacobian - repulsion.jacobian,
        )

    def _own_terms(self, queries, n_particles):
        """Logs of what a tracer adds to the normalisers of data and model."""
        log_n = float(self.profiles.log_normalizer(np.zeros(1))[0])
        return (
            np.full(len(queries), log_n + np.log(share / n_particles), queries.dtype)
            for share in _OWN_SHARES[self.leave_one_out]
        )

    def log_ratio(self, queries, particles, bandwidth):
        """Log of the normalisers' ratio, data over particles, shape (n_queries,)."""
        data = self.data.reduce(queries, self.profiles, bandwidth)
        model = self.engine.bind(particles).reduce(queries, self.profiles, bandwidth)
        return data.log_z - model.log_z

    def _velocity(self, queries, particles, bandwidth, deleted):
        attraction = self.data.reduce(queries, self.profiles, bandwidth)
        repulsion = self.engine.bind(particles).reduce(
            queries, self.profiles, bandwidth, deleted
        )
        return attraction.displacement - repulsion.displacement
