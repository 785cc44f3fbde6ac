"""What the entropy of leave-one-out displacement drifting controls, and how well."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._docstrings import documented
from .docs import PARAMETERS
from .ensemble import Ensemble
from .sampling import Estimate, monte_carlo
from .scales import decompose_at_draws
from .stein import stein_terms

if TYPE_CHECKING:
    from .._typing import ArrayLike, KernelName, Seed
    from ..kernels import Kernel


class Coercivity(NamedTuple):
    """Integrals over the particles, smoothed by the sharp companion.

    V is the displacement field with all particles, r its scale-mismatch residual.

    Attributes
    ----------
    stein : Estimate
        ``S# = int q# (s#_p . V + div V)``, without a unit.
    energy : Estimate
        ``E# = int q# |V|^2``, a squared length.
    mismatch : Estimate
        ``Gamma^2 = int q# |r|^2``, a squared length.
    weighted_energy : Estimate
        ``int q# |V|^2 / a_q``, without a unit.
    weighted_mismatch : Estimate
        ``int q# |r|^2 / a_q``, without a unit.
    scale_bounds : tuple of float
        Smallest and largest ``a_q`` over the draws.
    stein_error, residual_error : Estimate
        ``S_N - S#`` and ``R_N - E#`` with the leave-one-out S_N and R_N of the
        particles: their absolute values are ``eps_S`` and ``eps_R``.
    """

    stein: Estimate
    energy: Estimate
    mismatch: Estimate
    weighted_energy: Estimate
    weighted_mismatch: Estimate
    scale_bounds: tuple[float, float]
    stein_error: Estimate
    residual_error: Estimate

    @property
    def uniform_bound(self) -> float:
        """Lower bound of S# by E# and the uniform bounds of the scale.

        ``a_min / (4 a_max^2) E# - (1 / (2 a_min) + a_min / (2 a_max^2)) Gamma^2``
        (arXiv:2605.22795, Lemma 6.6). It is void where ``a_max`` is not a bound on all
        of space.
        """
        low, high = self.scale_bounds
        loss = 0.5 / low + 0.5 * low / high**2
        gain = 0.25 * low / high**2
        return gain * self.energy.value - loss * self.mismatch.value

    @property
    def weighted_bound(self) -> float:
        """Lower bound of S# without uniform bounds of the scale.

        ``E_a - sqrt(E_a R_a)`` with the weighted energy and mismatch, by the inequality
        of Cauchy and Schwarz. It implies ``S# >= E_a / 2 - R_a / 2``.
        """
        energy, mismatch = self.weighted_energy.value, self.weighted_mismatch.value
        return float(energy - np.sqrt(energy * mismatch))

    @property
    def weighted_floor(self) -> float:
        """Bound of the root of the weighted energy where S# is not positive.

        ``sqrt(int q# |r|^2 / a_q)``: what the theory guarantees at best, once the
        entropy no longer falls. It is no lower bound of the velocity.
        """
        return float(np.sqrt(self.weighted_mismatch.value))


@documented(PARAMETERS)
def coercivity(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "laplace",
    sample_weight: ArrayLike | None = None,
    n_samples: int = 2000,
    random_state: Seed = None,
) -> Coercivity:
    """Relation between entropy and velocity of leave-one-out displacement drifting.

    The entropy controls the Stein drift of the particles, the velocities are to be
    controlled. Between them are integrals over the particles smoothed by the sharp
    companion (arXiv:2605.22795, eq. 57-59 and Lemma 6.6), where ``S# = int q# (s#_p -
    s#_q) . V`` with ``V = a_q (s#_p - s#_q) + r``.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles, at least 2.
    {Y}
    {bandwidth}
    kernel : str or Kernel, default="laplace"
        Kernel k. It must have a sharp companion that is a density in this dimension.
    {sample_weight}
    {n_samples}
    {random_state}

    Returns
    -------
    Coercivity
        The integrals, estimated by draws, the bounds, and the errors of replacing them
        by sums over the particles.

    Raises
    ------
    ValueError
        See :func:`scale_decomposition` and :func:`fisher_discrepancy`.

    Examples
    --------
    >>> from skdrift.diagnostics import coercivity
    >>> found = coercivity([[0.0], [1.0]], [[1.0], [3.0]], 1.0, random_state=0)
    >>> found.uniform_bound <= found.weighted_bound <= found.stein.value
    True
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, "displacement", True, sample_weight)
    return coercivity_of(ensemble, n_samples, random_state)


def coercivity_of(ensemble, n_samples, random_state):
    """Coercivity of a leave-one-out ensemble in the displacement field."""
    parts = decompose_at_draws(ensemble, n_samples, random_state)
    velocity = parts.mismatch + parts.residual
    mismatch = parts.score_data - parts.score_model
    square, left = (np.einsum("ij,ij->i", v, v) for v in (velocity, parts.residual))
    stein = monte_carlo(np.einsum("ij,ij->i", mismatch, velocity))
    energy = monte_carlo(square)
    moments = ensemble.moments(ensemble.particles())
    s_n = stein_terms(ensemble, ensemble.x, moments).mean()
    r_n = np.square(moments.velocity).sum(axis=1).mean()
    return Coercivity(
        stein,
        energy,
        monte_carlo(left),
        monte_carlo(square / parts.scale_model),
        monte_carlo(left / parts.scale_model),
        parts.bounds,
        Estimate(float(s_n - stein.value), stein.error),
        Estimate(float(r_n - energy.value), energy.error),
    )
