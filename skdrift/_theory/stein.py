"""Stein drift, Fisher discrepancy and the balance of the joint entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from .._docstrings import documented
from .checks import has_kink
from .density import self_interaction
from .docs import PARAMETERS
from .ensemble import Ensemble, Places
from .sampling import Estimate, density_draws, monte_carlo, quadrature
from .scales import scale

if TYPE_CHECKING:
    from .._typing import ArrayLike, KernelName, Seed
    from ..kernels import Kernel


@documented(PARAMETERS)
def stein_drift(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    leave_one_out: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Empirical Stein drift: the part of the change of entropy that the field makes.

    ``S_N = (1/N) sum_i [ s_p(x_i) . V(x_i) + div V(x_i) ]`` with the model density
    frozen (arXiv:2605.22795, Theorem 4.1). With leave-one-out its expectation is the
    rate at which the flow lowers the joint entropy per particle; with full
    self-interaction that rate is ``S_N - I_N``, see :func:`entropy_balance`. The theory
    bounds the mean of S_N over time and over the starts, not a single value.

    For the conservative field, V and the score ``s_p = grad log p_h`` are in score
    units. For the displacement field (eq. 55), V is a displacement and ``s_p`` the
    score of the sharp companion; it must be leave-one-out, as in the theory.

    Parameters
    ----------
    {X}
    {Y}
    {bandwidth}
    {stein_kernel}
    {stein_field}
    {leave_one_out}
    {sample_weight}

    Returns
    -------
    float
        S_N: for the conservative field 1 over a squared length, for the displacement
        field a number without a unit. It may be negative.

    Raises
    ------
    ValueError
        If the kernel has a kink at the position of the particle itself, or, in one
        column, anywhere in a conservative field; if the displacement field is not
        leave-one-out; or see :func:`residual_velocity`.

    Notes
    -----
    The conservative field of a kernel with a kink, such as the Laplace kernel, jumps at
    every point. In one column its divergence has mass there, which no particle sees:
    the sum over the particles is not an estimate of the integral, and is refused. In
    two columns the divergence grows like ``1 / r`` near a point: the mean exists, but
    the variance over draws is infinite, so that a single value says little. From three
    columns on the variance is finite.

    Examples
    --------
    >>> from skdrift.diagnostics import stein_drift
    >>> round(stein_drift([[-1.0], [1.0]], [[0.0]], 1.0), 4)
    0.3416
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    return _mean_stein(ensemble)


def _mean_stein(ensemble):
    check_stein(ensemble)
    moments = ensemble.moments(ensemble.particles())
    return float(stein_terms(ensemble, ensemble.x, moments).mean())


def check_stein(ensemble):
    """Raise if the Stein drift of the particles is not defined."""
    if ensemble.field == "displacement" and not ensemble.leave_one_out:
        raise ValueError(
            "The Stein drift of the displacement field is defined leave-one-out "
            "(arXiv:2605.22795, eq. 55). Use leave_one_out=True, or the conservative "
            "field."
        )
    ensemble.check_differentiable()
    kernel, d = ensemble.kernel, ensemble.x.shape[1]
    if ensemble.field == "conservative" and d == 1 and has_kink(kernel):
        raise ValueError(
            f"In one column the conservative field of {kernel!r}, which has a kink at "
            "0, jumps at every point, and its Stein drift has terms there that no sum "
            "over particles sees (arXiv:2605.22795, Assumption 2.1 requires C^2). Use "
            "a smoother kernel, such as its sharp() one, or the displacement field."
        )


def stein_terms(ensemble, x, moments):
    """Summands of the Stein drift at the points x, from the moments there."""
    velocity = moments.velocity
    divergence = np.trace(moments.jacobian, axis1=1, axis2=2)
    if ensemble.field == "displacement":
        a = scale(ensemble.data, x, ensemble.kernel, ensemble.h)
        score = moments.data.displacement / a[:, None]
        return np.einsum("ij,ij->i", score, velocity) + divergence
    score = moments.data.score
    return (np.einsum("ij,ij->i", score, velocity) + divergence) / ensemble.h**2


@documented(PARAMETERS)
def fisher_discrepancy(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    sample_weight: ArrayLike | None = None,
    n_samples: int = 2000,
    random_state: Seed = None,
) -> Estimate:
    """Smoothed Fisher discrepancy, estimated by draws from the model density.

    ``F_N = int q_h |V|^2`` with ``V = grad log(p_h / q_h)`` in score units, which is
    also ``int q_h (s_p . V + div V)`` if the kernel is C^2 (arXiv:2605.22795, eq. 15).
    A draw is a particle plus kernel noise.

    Parameters
    ----------
    {X}
    {Y}
    {bandwidth}
    {density_kernel}
    {sample_weight}
    {n_samples}
    {random_state}

    Returns
    -------
    Estimate
        F_N and its standard error, 1 over a squared length.

    Raises
    ------
    ValueError
        If the kernel has no finite integral in this dimension, or see
        :func:`residual_velocity`.

    Examples
    --------
    >>> from skdrift.diagnostics import fisher_discrepancy
    >>> fisher_discrepancy([[0.0]], [[1.0]], 1.0, random_state=0).value
    1.0
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, sample_weight=sample_weight)
    return fisher_estimate(ensemble, n_samples, random_state)


def fisher_estimate(ensemble, n_samples, random_state):
    """Fisher discrepancy of an ensemble, by draws."""
    h = ensemble.h
    x = density_draws(ensemble.x, ensemble.kernel, h, n_samples, random_state)
    velocity = ensemble.terms(Places(x)).velocity / h**2
    return monte_carlo(np.einsum("ij,ij->i", velocity, velocity))


@documented(PARAMETERS)
def fisher_quadrature(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    sample_weight: ArrayLike | None = None,
    rtol: float = 1e-8,
) -> Estimate:
    """Smoothed Fisher discrepancy in one or two columns, by quadrature.

    The integral of :func:`fisher_discrepancy`, on nested grids.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles, with 1 or 2 columns.
    {Y}
    {bandwidth}
    kernel : str or Kernel, default="gaussian"
        Kernel k. It must be a density in this dimension. Kernels that are not smooth
        at 0 converge slowly; check the error.
    {sample_weight}
    rtol : float, default=1e-8
        Target of the relative error; the grids have at most about four million points.

    Returns
    -------
    Estimate
        F_N and the difference between the last two grids, 1 over a squared length.

    Raises
    ------
    ValueError
        If there are more than two columns, the points span too many bandwidths, or
        see :func:`fisher_discrepancy`.

    Examples
    --------
    >>> from skdrift.diagnostics import fisher_quadrature
    >>> round(fisher_quadrature([[0.0]], [[1.0]], 1.0).value, 8)
    1.0
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, sample_weight=sample_weight)
    d = ensemble.x.shape[1]
    if d > 2:
        raise ValueError(
            f"Quadrature requires one or two columns; X has {d}. Use "
            "fisher_discrepancy."
        )
    h, kernel = ensemble.h, ensemble.kernel
    log_constant = kernel.log_normalizer(d) - d * np.log(h)

    def integrand(x):
        terms = ensemble.terms(Places(x))
        square = np.square(terms.velocity / h**2).sum(axis=1)
        return np.exp(terms.model.log_z + log_constant) * square

    centres = np.concatenate((ensemble.x, ensemble.y))
    return Estimate(*quadrature(integrand, centres, kernel, h, rtol))


@documented(PARAMETERS)
def entropy_balance(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    leave_one_out: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Expected change of the joint entropy per particle and unit time.

    ``-S_N + I_N`` for the conservative field; ``-S_N`` with leave-one-out, where the
    velocity of a particle does not depend on its own position in the model
    (arXiv:2605.22795, eq. 11; eq. 56). Its expectation over the starts is the
    derivative of H / N, for a fixed bandwidth and infinitesimal steps;
    :func:`entropy_ledger` has the change over the steps that a drifter made.

    Parameters
    ----------
    {X}
    {Y}
    {bandwidth}
    {stein_kernel}
    {stein_field}
    {leave_one_out}
    {sample_weight}

    Returns
    -------
    float
        In the units of :func:`stein_drift`. If it is negative, the flow brings the
        distribution of the particles closer to independent draws of the smoothed data.
        It may be positive: with full self-interaction, particles that have come to
        rest are more regular than independent draws, and the entropy rises again.

    Raises
    ------
    ValueError
        See :func:`stein_drift` and :func:`self_interaction`.

    Examples
    --------
    >>> from skdrift.diagnostics import entropy_balance
    >>> entropy_balance([[0.0]], [[3.0]], 1.0)  # attraction to the data alone
    -8.0
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    drift = _mean_stein(ensemble)
    if leave_one_out:
        return -drift
    return self_interaction(X, bandwidth, kernel=kernel) - drift
