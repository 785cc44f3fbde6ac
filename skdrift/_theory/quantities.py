"""The quantities of the finite-particle theory, as functions of arrays.

All follow Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from scipy.spatial import KDTree
from sklearn.utils import check_random_state, check_scalar

from ..fields import conservative, displacement
from ..flow import root_mean_square
from ..kernels import get_kernel
from .ensemble import (
    Ensemble,
    Places,
    check_bandwidth,
    check_rows,
    log_square_sum,
    not_c2,
    reduce,
    weighted,
)
from .sampling import density_draws, quadrature

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from .._typing import Floats, KernelName, Seed
    from ..kernels import Kernel


class Estimate(NamedTuple):
    """A number and how far it may be off.

    Attributes
    ----------
    value : float
    error : float
        Standard error of a Monte Carlo estimate; difference of the last two grids of
        a quadrature.
    """

    value: float
    error: float


def residual_velocity(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    leave_one_out: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean square velocity of the particles.

    ``R_N = (1/N) sum_i |V(x_i)|^2`` (arXiv:2605.22795, eq. 19; eq. 48 for the
    displacement field), with V a displacement. For the velocity in score units divide
    by ``bandwidth ** 4``.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k: a name of :func:`skdrift.kernels.get_kernel` or a kernel.
    field : {"conservative", "displacement"}, default="conservative"
        ``h^2 grad log(p_h / q_h)``, or the difference of two mean shifts.
    leave_one_out : bool, default=False
        Whether a particle leaves itself out of the model term.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.

    Returns
    -------
    float
        R_N, a squared length.

    Raises
    ------
    ValueError
        If X and Y differ in their columns, a number is not finite, no weight is
        positive, or leave-one-out leaves nothing.

    Examples
    --------
    >>> from skdrift.diagnostics import residual_velocity
    >>> residual_velocity([[0.0], [1.0]], [[0.0], [1.0]], 0.5)
    0.0
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    return root_mean_square(ensemble.velocity(ensemble.particles())) ** 2


def one_step_bound(residual: float, step_size: float) -> float:
    """How far one more step can move the law of the particles.

    ``W_2 <= eta sqrt(R_N)``, by the coupling of every particle with where it goes
    (arXiv:2605.22795, Remark 4.6).

    Parameters
    ----------
    residual : float
        R_N, from :func:`residual_velocity`.
    step_size : float
        The step eta, as a multiple of the displacement V.

    Returns
    -------
    float
        Bound of the 2-Wasserstein distance between the laws before and after, a
        length.

    Examples
    --------
    >>> from skdrift.diagnostics import one_step_bound
    >>> one_step_bound(0.04, step_size=0.5)
    0.1
    """
    residual = check_scalar(residual, "residual", Real, min_val=0)
    step_size = check_scalar(step_size, "step_size", Real, min_val=0)
    return float(step_size * np.sqrt(residual))


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
    """Empirical Stein drift: the rate at which the flow lowers the joint entropy.

    ``S_N = (1/N) sum_i [ s_p(x_i) . V(x_i) + div V(x_i) ]`` with the model density
    frozen (arXiv:2605.22795, Theorem 4.1). For the conservative field V and the score
    ``s_p = grad log p_h`` are in score units. For the displacement field (eq. 55) V is
    a displacement and ``s_p`` the score of the sharp companion; it must be
    leave-one-out, as the theory is.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k, C^2 unless leave-one-out.
    field : {"conservative", "displacement"}, default="conservative"
        See :func:`residual_velocity`.
    leave_one_out : bool, default=False
        Whether a particle leaves itself out of the model term.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.

    Returns
    -------
    float
        S_N: for the conservative field 1 over a squared length, for the displacement
        field a number. It may be negative.

    Raises
    ------
    ValueError
        If the kernel has a kink at the place of the particle itself; for a
        displacement field that is not leave-one-out; or see
        :func:`residual_velocity`.

    Examples
    --------
    >>> from skdrift.diagnostics import stein_drift
    >>> round(stein_drift([[-1.0], [1.0]], [[0.0]], 1.0), 4)
    0.3416
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    places = ensemble.particles()
    terms = stein_terms(ensemble, places, lambda: ensemble.moments(places))
    return float(terms.mean())


def stein_terms(ensemble, places, moments):
    """Summands of the Stein drift, one for each place, by what gives its moments."""
    h = ensemble.h
    if ensemble.field == "displacement" and places.count_themselves:
        raise ValueError(
            "The Stein drift of the displacement field is defined leave-one-out "
            "(arXiv:2605.22795, eq. 55). Use leave_one_out=True, or the conservative "
            "field."
        )
    data, model = moments()
    velocity = data.displacement - model.displacement
    divergence = np.trace(data.jacobian - model.jacobian, axis1=1, axis2=2)
    if ensemble.field == "displacement":
        score = data.displacement / _scale(ensemble, places.rows, data=True)[:, None]
        return np.einsum("ij,ij->i", score, velocity) + divergence
    return (np.einsum("ij,ij->i", data.score, velocity) + divergence) / h**2


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
    """Smoothed Fisher discrepancy, by draws of the model density.

    ``F_N = int q_h |V|^2`` with ``V = grad log(p_h / q_h)`` in score units, which is
    also ``int q_h (s_p . V + div V)`` if the kernel is C^2 (arXiv:2605.22795, eq. 15).
    A draw is a particle plus kernel noise.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k, a density in this dimension.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.
    n_samples : int, default=2000
        Number of draws, at least 2.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

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
    """Fisher discrepancy of an ensemble by draws."""
    h = ensemble.h
    x = _draws(ensemble, ensemble.kernel, n_samples, random_state)
    velocity = ensemble.velocity(Places(x)) / h**2
    return _mean(np.einsum("ij,ij->i", velocity, velocity))


def _draws(ensemble, kernel, n_samples, random_state):
    check_scalar(n_samples, "n_samples", Integral, min_val=2)
    random_state = check_random_state(random_state)
    return density_draws(ensemble.x, kernel, ensemble.h, n_samples, random_state)


def _mean(values):
    return Estimate(
        float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    )


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
        Particles, of 1 or 2 columns.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k, a density in this dimension. Kernels that are not smooth at 0
        converge slowly; look at the error.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.
    rtol : float, default=1e-8
        Relative error that is aimed at, with at most some four million points.

    Returns
    -------
    Estimate
        F_N and the difference of the last two grids, 1 over a squared length.

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
            f"Quadrature is for one or two columns; X has {d}. Use fisher_discrepancy."
        )
    h, kernel = ensemble.h, ensemble.kernel
    log_constant = kernel.log_normalizer(d) - d * np.log(h)
    profiles = conservative(kernel)

    def integrand(x):
        data = ensemble.reduce_data(Places(x), profiles)
        model = ensemble.reduce_model(Places(x), profiles)
        velocity = (data.displacement - model.displacement) / h**2
        return np.exp(model.log_z + log_constant) * np.square(velocity).sum(axis=1)

    centres = np.concatenate((ensemble.x, ensemble.y))
    return Estimate(*quadrature(integrand, centres, kernel, h, rtol))


def self_interaction(
    X: ArrayLike, bandwidth: float, *, kernel: KernelName | Kernel = "gaussian"
) -> float:
    """What the particles' own terms add to the joint entropy per unit time.

    ``I_N = -(Lap K_h(0) / N) (1/N) sum_i 1 / q_h(x_i)`` (arXiv:2605.22795, eq. 11),
    in score units. It falls as particles or bandwidth grow, and is absent under
    leave-one-out.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    bandwidth : float
        The kernel's scale h.
    kernel : str or Kernel, default="gaussian"
        Kernel k, C^2 and a density in this dimension.

    Returns
    -------
    float
        I_N, 1 over a squared length.

    Raises
    ------
    ValueError
        If the kernel is not C^2 or has no finite integral in this dimension.

    Examples
    --------
    >>> from skdrift.diagnostics import self_interaction
    >>> self_interaction([[0.0, 0.0]], 0.5)  # a particle alone: d / h^2
    8.0
    """
    x, h, kernel = check_rows(X, "X"), check_bandwidth(bandwidth), get_kernel(kernel)
    if not np.isfinite(kernel.slope_at_zero()):
        raise not_c2(kernel, "The self-interaction term")
    # The normaliser cancels between the Laplacian and the density.
    log_inverse = -reduce(x, x, displacement(kernel), h).log_z - np.log(len(x))
    inverse = _finite_exp(log_inverse).mean()
    return float(x.shape[1] * kernel.slope_at_zero() * inverse / h**2)


def reciprocal_density(
    X: ArrayLike, bandwidth: float, *, kernel: KernelName | Kernel = "gaussian"
) -> float:
    """Mean of the reciprocal model density at the particles.

    ``(1/N) sum_i 1 / q_h(x_i)``, which must stay bounded for the rates to hold
    (arXiv:2605.22795, eq. 7 and 8).

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    bandwidth : float
        The kernel's scale h.
    kernel : str or Kernel, default="gaussian"
        Kernel k, a density in this dimension.

    Returns
    -------
    float
        A volume.

    Raises
    ------
    ValueError
        If the kernel has no finite integral in this dimension, or the result is
        too large for a float.

    Examples
    --------
    >>> from skdrift.diagnostics import reciprocal_density
    >>> round(reciprocal_density([[0.0]], 1.0) ** 2, 4)  # sqrt(2 pi)
    6.2832
    """
    x, h, kernel = check_rows(X, "X"), check_bandwidth(bandwidth), get_kernel(kernel)
    d = x.shape[1]
    log_constant = kernel.log_normalizer(d) - d * np.log(h)
    log_q = reduce(x, x, displacement(kernel), h).log_z + log_constant
    return float(_finite_exp(-log_q).mean())


def _finite_exp(log_value):
    if log_value.max() > np.log(np.finfo(np.float64).max) - np.log(len(log_value)):
        raise ValueError(
            "The reciprocal density is too large for a float: with this bandwidth and "
            "number of columns the density vanishes. Use a larger bandwidth, or other "
            "units."
        )
    return np.exp(log_value)


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

    ``-S_N + I_N`` for the conservative field; ``-S_N`` under leave-one-out, where a
    particle's velocity does not depend on its own place in the model
    (arXiv:2605.22795, eq. 11; eq. 56).

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k, C^2 and a density in this dimension.
    field : {"conservative", "displacement"}, default="conservative"
        See :func:`stein_drift`; the displacement field must be leave-one-out.
    leave_one_out : bool, default=False
        Whether a particle leaves itself out of the model term.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.

    Returns
    -------
    float
        In the units of :func:`stein_drift`. Negative: the flow brings the law of the
        particles nearer to that of the data.

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
    drift = stein_drift(
        X,
        Y,
        bandwidth,
        kernel=kernel,
        field=field,
        leave_one_out=leave_one_out,
        sample_weight=sample_weight,
    )
    if leave_one_out:
        return -drift
    return self_interaction(X, bandwidth, kernel=kernel) - drift


def local_occupancy(
    X: ArrayLike, bandwidth: float, *, radius: float = 1.0
) -> NDArray[np.integer[Any]]:
    """Number of particles around every particle.

    Those within ``radius * bandwidth``, itself included (arXiv:2605.22795, eq. 29).

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    bandwidth : float
        The kernel's scale h.
    radius : float, default=1.0
        Radius r0 of the ball, in bandwidths.

    Returns
    -------
    ndarray of shape (n_particles,), dtype int
        Numbers of particles in the ball, its centre among them.

    Examples
    --------
    >>> from skdrift.diagnostics import local_occupancy
    >>> local_occupancy([[0.0], [0.5], [3.0]], 1.0)
    array([2, 2, 1])
    """
    x, h = check_rows(X, "X"), check_bandwidth(bandwidth)
    radius = check_scalar(
        radius, "radius", Real, min_val=0, include_boundaries="neither"
    )
    counts = KDTree(x).query_ball_point(x, radius * h, workers=-1, return_length=True)
    return counts.astype(np.int64)


def reciprocal_density_bound(
    counts: ArrayLike,
    bandwidth: float,
    n_features: int,
    *,
    kernel: KernelName | Kernel = "gaussian",
    radius: float = 1.0,
) -> float:
    """Bound of the mean reciprocal density by counts of neighbours.

    ``q_h(x_i) >= kappa count_i / (N h^d)`` where the normalised kernel is at least
    ``kappa`` within `radius`, so that the mean of ``1 / q_h`` is at most
    ``(N h^d / kappa) mean_i(1 / count_i)``. With the smallest count for all it is
    ``1 / (kappa c)`` of arXiv:2605.22795, Proposition 5.2.

    Parameters
    ----------
    counts : array-like of shape (n_particles,)
        From :func:`local_occupancy`, with the same radius.
    bandwidth : float
        The kernel's scale h.
    n_features : int
        The dimension d.
    kernel : str or Kernel, default="gaussian"
        Kernel k, a density in this dimension.
    radius : float, default=1.0
        Radius r0 of the ball, in bandwidths.

    Returns
    -------
    float
        At least :func:`reciprocal_density`, a volume.

    Raises
    ------
    ValueError
        If a count is below 1 (every particle counts itself), or the kernel has no
        finite integral in this dimension.

    Examples
    --------
    >>> from skdrift.diagnostics import reciprocal_density_bound
    >>> round(reciprocal_density_bound([2, 2], 1.0, n_features=1), 4)
    4.1327
    """
    counts = np.asarray(counts)
    if counts.ndim != 1 or not counts.size or not np.all(counts >= 1):
        raise ValueError(
            "The 'counts' must be a 1-D array of at least 1 each, as every particle "
            f"counts itself; got {counts!r}."
        )
    h, kernel = check_bandwidth(bandwidth), get_kernel(kernel)
    # Not every kernel of a user's falls with the distance.
    least = kernel.log_profile(np.square(np.linspace(0, radius, 1001))).min()
    log_kappa = least + kernel.log_normalizer(n_features)
    log_volume = np.log(len(counts)) + n_features * np.log(h) - log_kappa
    return float(_finite_exp(log_volume - np.log(counts)).mean())


class Occupancy(NamedTuple):
    """Number of neighbours that all particles have, with a probability.

    Attributes
    ----------
    count : float
        ``1 + (N - 1) m0 / 2``, the particle itself included.
    probability : float
        At least ``1 - N exp(-(N - 1) m0 / 8)``; 0 where that says nothing.
    """

    count: float  # type: ignore[assignment]  # hides tuple.count
    probability: float


def occupancy_probability(n_particles: int, mass: float) -> Occupancy:
    """Number of neighbours that independent particles have, all of them.

    If the ball around every particle has at least the probability m0, ``P(min_i
    count_i >= 1 + (N - 1) m0 / 2) >= 1 - N exp(-(N - 1) m0 / 8)``, by Chernoff's
    bound (arXiv:2605.22795, Proposition 5.5).

    Parameters
    ----------
    n_particles : int
        Number N of independent draws.
    mass : float
        Least probability m0 of a ball, between 0 and 1.

    Returns
    -------
    Occupancy
        Smallest count that is expected, and with what probability.

    Examples
    --------
    >>> from skdrift.diagnostics import occupancy_probability
    >>> count, probability = occupancy_probability(1001, mass=0.1)
    >>> count, round(probability, 4)
    (51.0, 0.9963)
    """
    n = check_scalar(n_particles, "n_particles", Integral, min_val=1)
    mass = check_scalar(mass, "mass", Real, min_val=0, max_val=1)
    probability = 1 - n * np.exp(-(n - 1) * mass / 8)
    return Occupancy(1 + (n - 1) * mass / 2, float(max(probability, 0.0)))


def effective_sample_size(
    X: ArrayLike,
    sources: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    sample_weight: ArrayLike | None = None,
    leave_one_out: bool = False,
) -> Floats:
    """How many sources a point really sees.

    ``1 / sum_j a_j^2`` with the softmax weights ``a_j = w_j k(r_j) / sum_l w_l
    k(r_l)``: 1 if it sees only one source, their number if all alike.

    Parameters
    ----------
    X : array-like of shape (n_queries, n_features)
        Points, such as the particles.
    sources : array-like of shape (n_sources, n_features)
        Data, or the particles.
    bandwidth : float
        The kernel's scale h.
    kernel : str or Kernel, default="gaussian"
        Kernel k that weighs.
    sample_weight : array-like of shape (n_sources,), default=None
        Nonnegative weights of the sources; only their ratios matter.
    leave_one_out : bool, default=False
        Whether row i of X leaves out source i.

    Returns
    -------
    ndarray of shape (n_queries,)
        Between 1 and the number of sources.

    Raises
    ------
    ValueError
        If leave-one-out is asked for of sources that are not as many as the queries,
        and at least 2, or that have weights; or see :func:`residual_velocity`.

    Examples
    --------
    >>> from skdrift.diagnostics import effective_sample_size
    >>> effective_sample_size([[0.0]], [[-1.0], [1.0], [9.0]], 1.0).round(4)
    array([2.])
    """
    paired = np.shape(X)[:1] == np.shape(sources)[:1]
    if leave_one_out and (sample_weight is not None or not paired):
        raise ValueError(
            "With leave_one_out=True row i of X is source i, and all weigh the same; "
            f"got X of shape {np.shape(X)}, sources of shape {np.shape(sources)} and "
            f"sample_weight={sample_weight!r}."
        )
    ensemble = Ensemble(sources, X, bandwidth, kernel, "displacement", leave_one_out)
    x, sources, log_weights = ensemble.y, ensemble.x, None
    if sample_weight is not None:
        sources, log_weights = weighted(sources, sample_weight)
    index = np.arange(len(x)) if leave_one_out else None
    return effective_size(x, sources, log_weights, ensemble.kernel, ensemble.h, index)


def effective_size(x, sources, log_weights, kernel, h, deleted, engine="auto"):
    """Effective sample sizes of arrays that were checked."""
    if log_weights is None:
        log_weights = np.full(len(sources), -np.log(len(sources)))
    log_z = reduce(
        x,
        sources,
        displacement(kernel),
        h,
        log_weights=log_weights,
        deleted=deleted,
        engine=engine,
    ).log_z
    log_z2 = log_square_sum(x, sources, log_weights, kernel, h, deleted, engine)
    return np.exp(2 * log_z - log_z2)


class ScaleDecomposition(NamedTuple):
    """Displacement field as a preconditioned score mismatch and a residual.

    Attributes
    ----------
    scale_data, scale_model : ndarray of shape (n_queries,)
        ``a_p`` and ``a_q``, squared lengths; for the Laplace kernel ``h^2`` plus h
        times the kernel-weighted mean radius.
    score_data, score_model : ndarray of shape (n_queries, n_features)
        Scores of data and model, smoothed by the sharp companion: ``s#_p``,
        ``s#_q``.
    """

    scale_data: np.ndarray
    scale_model: np.ndarray
    score_data: np.ndarray
    score_model: np.ndarray

    @property
    def mismatch(self) -> Floats:
        """Preconditioned score mismatch ``a_q (s#_p - s#_q)``, a displacement."""
        return self.scale_model[:, None] * (self.score_data - self.score_model)

    @property
    def residual(self) -> Floats:
        """Scale-mismatch residual ``(a_p - a_q) s#_p``, a displacement."""
        return (self.scale_data - self.scale_model)[:, None] * self.score_data

    @property
    def alignment_bound(self) -> float:
        """Bound of the residual's length by how far local shells are aligned.

        ``max |a_p - a_q| max |s#_p|``, for the Laplace kernel ``h delta B`` with the
        largest difference delta of the local radii and the largest length B of the
        score, here of the queries (arXiv:2605.22795, Corollary 6.12).
        """
        delta = np.abs(self.scale_data - self.scale_model).max()
        return float(delta * np.linalg.norm(self.score_data, axis=1).max())

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest ``a_q``: a_min and a_max."""
        return float(self.scale_model.min()), float(self.scale_model.max())


def scale_decomposition(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "laplace",
    sample_weight: ArrayLike | None = None,
    queries: ArrayLike | None = None,
) -> ScaleDecomposition:
    """Split the displacement field into a score mismatch and a scale mismatch.

    Every mean shift is ``m_nu = a_nu s#_nu`` with the score ``s#_nu`` of the sharp
    companion and the scale ``a_nu = h^2 (k# * nu) / (k * nu)`` of unit profiles, so
    that ``V = a_q (s#_p - s#_q) + (a_p - a_q) s#_p`` (arXiv:2605.22795, Lemma 6.1
    and eq. 53). For the Gaussian ``a = h^2`` everywhere, and no residual.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles; all count, also in their own places.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="laplace"
        Kernel k, with a sharp companion.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.
    queries : array-like of shape (n_queries, n_features), default=None
        Where to split; None for the particles.

    Returns
    -------
    ScaleDecomposition
        Scales and sharp scores of both terms at every point.

    Raises
    ------
    ValueError
        If the kernel has no sharp companion, or see :func:`residual_velocity`.
    NotImplementedError
        If a kernel of your own states none.

    Examples
    --------
    >>> from skdrift.diagnostics import scale_decomposition
    >>> parts = scale_decomposition([[0.0], [1.0]], [[0.0], [3.0]], 1.0)
    >>> parts.scale_model.round(4)
    array([1.2689, 1.2689])
    >>> (parts.mismatch + parts.residual).round(4)
    array([[-0.1267],
           [ 0.0758]])
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, "displacement", False, sample_weight)
    x = ensemble.x if queries is None else check_queries(queries, ensemble.x)
    return decompose(ensemble, x)


def check_queries(queries, x):
    """Queries in float64, of as many columns as x."""
    queries = check_rows(queries, "queries")
    if queries.shape[1] != x.shape[1]:
        raise ValueError(
            f"The 'queries' have {queries.shape[1]} columns but X has {x.shape[1]}; "
            "they must be equal."
        )
    return queries


def decompose(ensemble, x):
    """Scale decomposition at rows x."""
    scales = [_scale(ensemble, x, data) for data in (True, False)]
    pulls = (
        ensemble.reduce_data(Places(x), ensemble.profiles).displacement,
        ensemble.reduce_model(Places(x), ensemble.profiles).displacement,
    )
    scores = [pull / a[:, None] for pull, a in zip(pulls, scales, strict=True)]
    return ScaleDecomposition(*scales, *scores)


def _scale(ensemble, x, data):
    """``a_nu = h^2 Z_k# / Z_k`` with unit profiles, of data or model."""
    reduction = ensemble.reduce_data if data else ensemble.reduce_model
    kernel = ensemble.kernel
    log_z, log_z_sharp = (
        reduction(Places(x), displacement(k)).log_z for k in (kernel, kernel.sharp())
    )
    return ensemble.h**2 * np.exp(log_z_sharp - log_z)


def scale_mismatch(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "laplace",
    sample_weight: ArrayLike | None = None,
    n_samples: int = 2000,
    random_state: Seed = None,
) -> Estimate:
    """Residual of the displacement field that no number of particles removes.

    ``Gamma^2 = int q#_h |(a_p - a_q) s#_p|^2`` (arXiv:2605.22795, eq. 61), by draws
    of the particles smoothed by the sharp companion.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="laplace"
        Kernel k, with a sharp companion that is a density in this dimension.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.
    n_samples : int, default=2000
        Number of draws, at least 2.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    Estimate
        ``Gamma^2`` and its standard error, squared lengths.

    Raises
    ------
    ValueError
        See :func:`scale_decomposition` and :func:`fisher_discrepancy`.

    Examples
    --------
    >>> from skdrift.diagnostics import scale_mismatch
    >>> scale_mismatch([[0.0]], [[1.0]], 1.0, kernel="gaussian", random_state=0)
    Estimate(value=0.0, error=0.0)
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, "displacement", False, sample_weight)
    return mismatch_estimate(ensemble, n_samples, random_state)[0]


def mismatch_estimate(ensemble, n_samples, random_state):
    """Gamma squared, and the decomposition at its draws."""
    x = _draws(ensemble, ensemble.kernel.sharp(), n_samples, random_state)
    parts = decompose(ensemble, x)
    return _mean(np.square(parts.residual).sum(axis=1)), parts


def field_jacobian(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    leave_one_out: bool = False,
    sample_weight: ArrayLike | None = None,
    queries: ArrayLike | None = None,
) -> Floats:
    """Jacobian of the velocity, with all particles held where they are.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        The kernel's scale h, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k, C^2 unless leave-one-out.
    field : {"conservative", "displacement"}, default="conservative"
        See :func:`residual_velocity`.
    leave_one_out : bool, default=False
        Whether a particle leaves itself out of the model term. No query does.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.
    queries : array-like of shape (n_queries, n_features), default=None
        Where; None for the particles.

    Returns
    -------
    ndarray of shape (n_queries, n_features, n_features)
        Rows by component of the velocity, a displacement: a pure number. A point on
        a source of a kernel with a kink counts 0 where the derivative is infinite.

    Raises
    ------
    ValueError
        If the kernel has a kink at the place of the particle itself, or see
        :func:`residual_velocity`.

    Examples
    --------
    >>> from skdrift.diagnostics import field_jacobian
    >>> field_jacobian([[0.0], [1.0]], [[0.0], [1.0]], 1.0).tolist()
    [[[0.0]], [[0.0]]]
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    if queries is None:
        return ensemble.jacobian(ensemble.particles())
    return ensemble.jacobian(Places(check_queries(queries, ensemble.x)))


def lipschitz_constant(jacobian: ArrayLike) -> float:
    """Largest singular value of the Jacobians of a field.

    An estimate of its Lipschitz constant L from below, by the points that the
    Jacobians belong to.

    Parameters
    ----------
    jacobian : array-like of shape (n_points, n_features, n_features)
        From :func:`field_jacobian`.

    Returns
    -------
    float
        L per unit step.

    Examples
    --------
    >>> from skdrift.diagnostics import lipschitz_constant
    >>> lipschitz_constant([[[0.0, -2.0], [1.0, 0.0]]])
    2.0
    """
    return float(np.linalg.norm(_check_jacobian(jacobian), 2, axis=(1, 2)).max())


def admissible_step(lipschitz: float) -> float:
    """Step size up to which an explicit step is one-to-one.

    ``eta L <= 1`` (arXiv:2605.22795, section 4.3, with the constant 1): below it the
    map ``x + eta V(x)`` neither folds space nor overshoots.

    Parameters
    ----------
    lipschitz : float
        L, from :func:`lipschitz_constant`.

    Returns
    -------
    float
        ``1 / L``, as a multiple of the displacement V; ``inf`` if L is 0.

    Examples
    --------
    >>> from skdrift.diagnostics import admissible_step
    >>> admissible_step(4.0)
    0.25
    """
    lipschitz = check_scalar(lipschitz, "lipschitz", Real, min_val=0)
    return np.inf if lipschitz == 0 else 1 / lipschitz


def curl(jacobian: ArrayLike) -> Floats:
    """Rotation of a field: the Frobenius norm of what is not symmetric.

    ``|J - J^T| / sqrt(2)``, in two columns the absolute value of the scalar curl. It
    vanishes where the field is a gradient.

    Parameters
    ----------
    jacobian : array-like of shape (n_points, n_features, n_features)
        From :func:`field_jacobian`.

    Returns
    -------
    ndarray of shape (n_points,)
        Not negative; 0 where the field is a gradient.

    Examples
    --------
    >>> from skdrift.diagnostics import curl
    >>> curl([[[0.0, -1.0], [1.0, 0.0]]]).round(12)
    array([2.])
    """
    jacobian = _check_jacobian(jacobian)
    twice = jacobian - jacobian.transpose(0, 2, 1)
    return np.linalg.norm(twice, axis=(1, 2)) / np.sqrt(2)


def _check_jacobian(jacobian):
    jacobian = np.asarray(jacobian, dtype=np.float64)
    if (
        jacobian.ndim != 3
        or jacobian.shape[1] != jacobian.shape[2]
        or not len(jacobian)
    ):
        raise ValueError(
            "The 'jacobian' must have shape (n_points, n_features, n_features), with "
            f"at least one point; got {jacobian.shape}."
        )
    return jacobian


def circulation(
    velocity: Callable[[Floats], ArrayLike], loop: ArrayLike, *, n_nodes: int = 8
) -> float:
    """Integral of a field around a closed polygon.

    ``oint V . dl``, by Gauss-Legendre on every edge. It is 0 around every loop if,
    and only if, the field is a gradient.

    Parameters
    ----------
    velocity : callable
        Of points, shape (n, n_features), vectors of the same shape; such as the
        method `velocity` of a drifter.
    loop : array-like of shape (n_vertices, n_features)
        Vertices in order, at least 3; the last is joined to the first.
    n_nodes : int, default=8
        Number of points per edge.

    Returns
    -------
    float
        A squared length.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.diagnostics import circulation
    >>> square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> round(circulation(lambda x: x @ np.array([[0, 1], [-1, 0]]), square), 12)
    2.0
    """
    loop = check_rows(loop, "loop")
    if len(loop) < 3:
        raise ValueError(
            f"The 'loop' must have at least 3 vertices to be closed; got {len(loop)}."
        )
    edge = np.roll(loop, -1, axis=0) - loop
    node, weight = np.polynomial.legendre.leggauss(n_nodes)
    points = loop[:, None] + (node[:, None] + 1) / 2 * edge[:, None]
    v = np.asarray(velocity(points.reshape(-1, loop.shape[1])), dtype=np.float64)
    return float(np.einsum("eni,ei,n->", v.reshape(points.shape), edge, weight) / 2)
