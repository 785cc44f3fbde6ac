"""Both sides of the bounds of the theory, from their constants."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import gammaln
from sklearn.utils import check_array, check_scalar

from .._docstrings import documented
from .checks import check_positive
from .docs import PARAMETERS
from .ensemble import Ensemble, Places
from .rates import optimal_bandwidth
from .sampling import Estimate, monte_carlo

if TYPE_CHECKING:
    from .._typing import ArrayLike, KernelName
    from ..kernels import Kernel


class RateBound(NamedTuple):
    """Bound of the mean square velocity, by its terms.

    Attributes
    ----------
    initial : float
        ``H_0 / (N T)``, the entropy of the start over the time.
    self_interaction : float
        ``A / (N h^(d+2))``.
    quadrature : float
        ``B h^(2-beta)``.
    bandwidth : float
        The bandwidth h.
    """

    initial: float
    self_interaction: float
    quadrature: float
    bandwidth: float

    @property
    def total(self) -> float:
        """Sum of the three terms, 1 over a squared length."""
        return self.initial + self.self_interaction + self.quadrature

    @property
    def root(self) -> float:
        """Root of the sum, a velocity in score units."""
        return float(np.sqrt(self.total))


def rate_bound(
    A: float,
    B: float,
    beta: float,
    n_particles: int,
    n_features: int,
    *,
    bandwidth: float | None = None,
    entropy: float = 0.0,
    time: float = np.inf,
) -> RateBound:
    """Bound of the mean square velocity of conservative drifting.

    The mean of R_N in score units over the time T and the starts is at most ``H_0 / (N
    T) + A / (N h^(d+2)) + B h^(2-beta)`` (arXiv:2605.22795, eq. 25; eq. 23 with beta =
    0). Without a bandwidth it is the one that makes the bound smallest,
    :func:`optimal_bandwidth`, where the last two terms add up to ``(d+4-beta) / (d+2) B
    h^(2-beta)`` (eq. 27).

    Parameters
    ----------
    A : float
        Bound of ``-Lap K(0) (1/N) sum_i 1/q_h(x_i)`` over the flow, with the Laplacian
        of the unit-scale kernel. See :func:`reciprocal_density`.
    B : float
        Bound of ``(mu_2 / 2) (L_S + L_R) h^beta``. See :func:`quadrature_constants`.
    beta : float
        Growth of the quadrature constants as h decreases, below 2.
    n_particles : int
        Number N.
    n_features : int
        The dimension d.
    bandwidth : float, default=None
        Bandwidth h; None for the optimal one.
    entropy : float, default=0.0
        Entropy of the start per particle, ``H_0 / N``: see :func:`start_entropy`.
    time : float, default=np.inf
        Time T in score units, in which a step eta of the displacement lasts ``eta
        h^2``.

    Returns
    -------
    RateBound
        The terms, in score units.

    Raises
    ------
    ValueError
        If a number is out of range; see :func:`optimal_bandwidth`.

    Examples
    --------
    >>> from skdrift.diagnostics import rate_bound
    >>> bound = rate_bound(1.0, 1.0, 0.0, n_particles=1000, n_features=2)
    >>> round(bound.bandwidth, 4), round(bound.total, 4)
    (0.355, 0.189)
    """
    best = optimal_bandwidth(A, B, beta, n_particles, n_features)
    h = best if bandwidth is None else check_positive(bandwidth, "bandwidth")
    entropy = check_scalar(entropy, "entropy", Real, min_val=0)
    time = check_scalar(time, "time", Real, min_val=0, include_boundaries="neither")
    return RateBound(
        float(entropy / time),
        float(A / (n_particles * h ** (n_features + 2))),
        float(B * h ** (2 - beta)),
        h,
    )


@documented(PARAMETERS)
def start_entropy(
    X: ArrayLike,
    log_density: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    sample_weight: ArrayLike | None = None,
) -> Estimate:
    """Entropy per particle of independent draws, relative to the smoothed data.

    ``H_0 / N = KL(f_0 | p_h)`` for N independent draws of a density ``f_0``
    (arXiv:2605.22795, Remark 4.8), by the mean of ``log f_0 - log p_h`` over draws.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Independent draws of the start.
    log_density : array-like of shape (n_particles,)
        ``log f_0`` at the draws.
    {Y}
    {bandwidth}
    kernel : str or Kernel, default="gaussian"
        Kernel k. It must be a density in this dimension, or its sharp companion for
        the displacement field.
    field : {"conservative", "displacement"}, default="conservative"
        Whether the data are smoothed by the kernel or by its sharp companion.
    {sample_weight}

    Returns
    -------
    Estimate
        ``H_0 / N`` and its standard error; the expectation is not negative.

    Raises
    ------
    ValueError
        If the lengths differ, or see :func:`fisher_discrepancy`.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.stats import norm
    >>> from skdrift.diagnostics import start_entropy
    >>> x = np.random.default_rng(0).standard_normal((1000, 1))
    >>> found = start_entropy(x + 1, norm.logpdf(x[:, 0]), [[0.0]], 1.0)
    >>> abs(found.value - 0.5) < 3 * found.error  # half of the squared distance
    True
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, sample_weight=sample_weight)
    log_f = check_array(log_density, ensure_2d=False, dtype=np.float64)
    if log_f.shape != (len(ensemble.x),):
        raise ValueError(
            f"The 'log_density' must have one number for each of the {len(ensemble.x)} "
            f"rows of X; got the shape {log_f.shape}."
        )
    return monte_carlo(log_f - log_target(ensemble, ensemble.x))


def log_target(ensemble, x):
    """Log-density of the smoothed data that the entropy is relative to, at rows x."""
    target = ensemble if ensemble.field == "conservative" else ensemble.sharp()
    d = ensemble.x.shape[1]
    log_constant = target.kernel.log_normalizer(d) - d * np.log(target.h)
    return target.log_data(Places(x)) + log_constant


def euler_bound(
    lipschitz: float,
    speed: float,
    step_size: float,
    time: float,
    *,
    regression_error: float = 0.0,
) -> float:
    """Bound of the distance between Euler steps and the flow in continuous time.

    ``(exp(L T) - 1) (eta M / 2 + eps / (eta L))``, by Gronwall's inequality, in the
    root mean square over the particles (arXiv:2605.22795, appendix A, whose constant
    is derived in the guide): positions differ by no more than this at any time up to T,
    where L and M bound the system between them.

    Parameters
    ----------
    lipschitz : float
        L, of the interacting system: :func:`interacting_lipschitz_constant`.
    speed : float
        M, the largest root mean square velocity: ``sqrt(R_N)``.
    step_size : float
        The step eta, positive.
    time : float
        T, the sum of the steps.
    regression_error : float, default=0.0
        Root mean square distance eps by which a step misses its target, such as the
        regression of a generator.

    Returns
    -------
    float
        A length; ``inf`` where the exponential is too large for a float.

    Raises
    ------
    ValueError
        If a number is negative or not finite.

    Examples
    --------
    >>> from skdrift.diagnostics import euler_bound
    >>> round(euler_bound(0.5, speed=0.2, step_size=0.1, time=2.0), 4)
    0.0172
    """
    numbers = {"lipschitz": lipschitz, "speed": speed, "time": time}
    for name, value in {**numbers, "regression_error": regression_error}.items():
        check_scalar(value, name, Real, min_val=0)
        if not np.isfinite(value):
            raise ValueError(f"The '{name}' must be finite; got {value!r}.")
    eta = check_positive(step_size, "step_size")
    with np.errstate(over="ignore"):
        growth = np.expm1(lipschitz * time)
    # (exp(L T) - 1) / L, which is T for L = 0.
    slope = growth / lipschitz if lipschitz else time
    first = 0.5 * eta * speed * growth if speed else 0.0
    return float(first + (regression_error * slope / eta if regression_error else 0.0))


def least_ball_mass(
    density: float,
    bandwidth: float,
    n_features: int,
    *,
    thickness: float = 1.0,
    radius: float = 1.0,
) -> float:
    """Least probability of a ball, for a density that is bounded below.

    ``m_0 = rho theta w_d (r_0 h)^d``, with the volume ``w_d`` of the unit ball, if the
    density is at least rho on a set, and the ball of radius ``r_0 h`` around any of its
    points has at least the share theta of its volume in the set (arXiv:2605.22795,
    Remark 5.4). For particles that move, the radius is that of the start:
    ``r_0 exp(-Lambda_T)`` (Corollary 5.9), or r_0 over the factor of
    :func:`pair_distortion`.

    Parameters
    ----------
    density : float
        Lower bound rho of the density.
    bandwidth : float
        Bandwidth h.
    n_features : int
        The dimension d.
    thickness : float, default=1.0
        Share theta, in (0, 1]: ``2 ** -d`` for boxes whose sides are at least as long
        as the radius of the ball.
    radius : float, default=1.0
        Radius r_0 of the ball, in bandwidths.

    Returns
    -------
    float
        The mass m_0 of :func:`occupancy_probability`.

    Raises
    ------
    ValueError
        If a number is out of range, or no distribution has so much mass in a ball.

    Examples
    --------
    The uniform distribution on a square, at its corners:

    >>> from skdrift.diagnostics import least_ball_mass
    >>> round(least_ball_mass(1.0, 0.1, 2, thickness=0.25), 4)
    0.0079
    """
    density, h = (
        check_positive(density, "density"),
        check_positive(bandwidth, "bandwidth"),
    )
    d = check_scalar(n_features, "n_features", Integral, min_val=1)
    radius = check_positive(radius, "radius")
    check_scalar(thickness, "thickness", Real)
    if not 0 < thickness <= 1:
        raise ValueError(f"The 'thickness' must be in (0, 1]; got {thickness!r}.")
    log_volume = 0.5 * d * np.log(np.pi) - gammaln(0.5 * d + 1)
    mass = density * thickness * np.exp(log_volume + d * np.log(radius * h))
    if mass > 1:
        raise ValueError(
            f"A ball would have the probability {mass:.3g}, above 1. The density is "
            "not bounded below by 'density' on a set of this 'thickness'; use a "
            "smaller bandwidth or radius."
        )
    return float(mass)
