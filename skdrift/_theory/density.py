"""Densities of the particles at the particles, and how many sources make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._docstrings import documented
from ..fields import displacement
from ..kernels import Kernel, get_kernel
from .checks import check_c2, check_positive, check_rows, weighted
from .docs import PARAMETERS
from .ensemble import Ensemble, Places
from .sums import EngineByWork, log_square_sum

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats, KernelName


@documented(PARAMETERS)
def self_interaction(
    X: ArrayLike, bandwidth: float, *, kernel: KernelName | Kernel = "gaussian"
) -> float:
    """Contribution of the particles' own terms to the joint entropy per unit time.

    ``I_N = -(Lap K_h(0) / N) (1/N) sum_i 1 / q_h(x_i)`` (arXiv:2605.22795, eq. 11),
    in score units. It falls as the number of particles or the bandwidth grows, and is
    absent with leave-one-out.

    Parameters
    ----------
    {X}
    {bandwidth}
    {smooth_density_kernel}

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
    >>> self_interaction([[0.0, 0.0]], 0.5)  # a single particle: d / h^2
    8.0
    """
    x, kernel = check_rows(X, "X"), get_kernel(kernel)
    h = check_positive(bandwidth, "bandwidth")
    check_c2(kernel, "The self-interaction term")
    # The normaliser cancels between the Laplacian and the density.
    log_inverse = -_log_z(x, kernel, h) - np.log(len(x))
    inverse = _finite_exp(log_inverse).mean()
    return float(x.shape[1] * kernel.slope_at_zero() * inverse / h**2)


@documented(PARAMETERS)
def reciprocal_density(
    X: ArrayLike, bandwidth: float, *, kernel: KernelName | Kernel = "gaussian"
) -> float:
    """Mean of the reciprocal model density at the particles.

    ``(1/N) sum_i 1 / q_h(x_i)``, which must stay bounded for the rates to hold
    (arXiv:2605.22795, eq. 7 and 8).

    Parameters
    ----------
    {X}
    {bandwidth}
    {density_kernel}

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
    x, kernel = check_rows(X, "X"), get_kernel(kernel)
    h = check_positive(bandwidth, "bandwidth")
    d = x.shape[1]
    log_constant = kernel.log_normalizer(d) - d * np.log(h)
    log_q = _log_z(x, kernel, h) + log_constant
    return float(_finite_exp(-log_q).mean())


def _log_z(x, kernel, h):
    """Logarithm of the kernel mean over all points, at every point."""
    return EngineByWork().bind(x).reduce(x, displacement(kernel), h).log_z


def _finite_exp(log_value):
    if log_value.max() > np.log(np.finfo(np.float64).max) - np.log(len(log_value)):
        raise ValueError(
            "The reciprocal density is too large for a float: with this bandwidth and "
            "number of columns the density vanishes. Use a larger bandwidth or other "
            "units."
        )
    return np.exp(log_value)


def own_shares(ensemble, model):
    """Share of every particle in the model density at its position, shape (N,).

    `model` is the reduction over the particles, with or without the particle itself.
    """
    log_own = float(ensemble.kernel.log_profile(np.zeros(1))[0])
    log_own -= np.log(len(ensemble.x))
    log_z = model.log_z
    if ensemble.leave_one_out:
        log_z = np.logaddexp(log_z, log_own)
    return np.exp(log_own - log_z)


def own_errors(ensemble, model):
    """Leave-one-out model terms minus the terms of all particles, shape (N, d).

    A particle does not pull itself, so that counting it only adds to the normaliser:
    ``m_q = (1 - o) m_-i``, with the own share o.
    """
    return own_shares(ensemble, model)[:, None] * model.displacement


@documented(PARAMETERS)
def reciprocal_density_bound(
    counts: ArrayLike,
    bandwidth: float,
    n_features: int,
    *,
    kernel: KernelName | Kernel = "gaussian",
    radius: float = 1.0,
) -> float:
    """Bound of the mean reciprocal density from counts of neighbours.

    ``q_h(x_i) >= kappa count_i / (N h^d)`` where the normalised kernel is at least
    ``kappa`` within `radius`, so that the mean of ``1 / q_h`` is at most
    ``(N h^d / kappa) mean_i(1 / count_i)``. With the smallest count for all particles
    it is ``1 / (kappa c)`` of arXiv:2605.22795, Proposition 5.2.

    Parameters
    ----------
    counts : array-like of shape (n_particles,)
        Numbers of neighbours, from :func:`local_occupancy` with the same radius.
    bandwidth : float
        Bandwidth h of the kernel.
    n_features : int
        The dimension d.
    {density_kernel}
    {radius}

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
    h, kernel = check_positive(bandwidth, "bandwidth"), get_kernel(kernel)
    log_kappa = _least_log_profile(kernel, radius) + kernel.log_normalizer(n_features)
    log_volume = np.log(len(counts)) + n_features * np.log(h) - log_kappa
    return float(_finite_exp(log_volume - np.log(counts)).mean())


def _least_log_profile(kernel, radius):
    # On a grid, because a user's kernel need not decrease with the distance.
    return kernel.log_profile(np.square(np.linspace(0, radius, 1001))).min()


@documented(PARAMETERS)
def leave_one_out_denominator(
    X: ArrayLike, bandwidth: float, *, kernel: KernelName | Kernel = "laplace"
) -> Floats:
    """Kernel mean of the other particles, the denominator of their mean shift.

    ``Z_i = (1 / (N - 1)) sum_{j != i} k(|x_i - x_j| / h)`` with the profile k as it is
    written, not normalised to a density (arXiv:2605.22795, section 6). Where it is
    small, a leave-one-out velocity depends on a few distant particles.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles, at least 2.
    {bandwidth}
    {laplace_kernel}

    Returns
    -------
    ndarray of shape (n_particles,)
        Between 0 and 1 for the kernels that have a name, except for Matérn 5/2 with
        ``k(0) = 3``.

    Raises
    ------
    ValueError
        If there are fewer than 2 particles, a number is not finite, or the bandwidth
        is not positive.

    See Also
    --------
    leave_one_out_denominator_bound : Lower bound from counts of neighbours.

    Examples
    --------
    >>> from skdrift.diagnostics import leave_one_out_denominator
    >>> leave_one_out_denominator([[0.0], [1.0]], 1.0).round(4)
    array([0.3679, 0.3679])
    """
    ensemble = Ensemble(X, X, bandwidth, kernel, "displacement", leave_one_out=True)
    (x, deleted), h = ensemble.particles(), ensemble.h
    log_z = ensemble.model.reduce(x, ensemble.bound.profiles, h, deleted).log_z
    # The weights are 1/N although one source is deleted.
    return np.exp(log_z) * len(x) / (len(x) - 1)


@documented(PARAMETERS)
def leave_one_out_denominator_bound(
    counts: ArrayLike, *, kernel: KernelName | Kernel = "laplace", radius: float = 1.0
) -> Floats:
    """Lower bound of the leave-one-out denominators from counts of neighbours.

    ``Z_i >= (count_i - 1) / (N - 1) min_{r <= r0} k(r)``, as all neighbours other than
    the particle itself are within r0 bandwidths; for the Laplace kernel the minimum is
    ``exp(-r0)``. With ``count_i - 1 >= c N h^d`` it is at least ``c exp(-r0) h^d``
    (arXiv:2605.22795, Lemma 6.14). It is attained where all neighbours are at the
    distance ``r0 h`` and all others infinitely far.

    Parameters
    ----------
    counts : array-like of shape (n_particles,)
        Numbers of neighbours, the particle itself included, from
        :func:`local_occupancy` with the same radius.
    {laplace_kernel}
    {radius}

    Returns
    -------
    ndarray of shape (n_particles,)
        At most :func:`leave_one_out_denominator`; 0 for a particle without neighbours.

    Raises
    ------
    ValueError
        If there are fewer than 2 counts, one is below 1 or above their number, or the
        radius is not positive and finite.

    Examples
    --------
    >>> from skdrift.diagnostics import leave_one_out_denominator_bound
    >>> leave_one_out_denominator_bound([2, 3, 2], radius=1.0).round(4)
    array([0.1839, 0.3679, 0.1839])
    """
    counts = np.asarray(counts)
    if (
        counts.ndim != 1
        or len(counts) < 2
        or not np.all((counts >= 1) & (counts <= len(counts)))
    ):
        raise ValueError(
            "The 'counts' must be a 1-D array with one count for each of at least 2 "
            "particles, between 1, because every particle counts itself, and their "
            f"number; got {counts!r}."
        )
    radius = check_positive(radius, "radius")
    least = np.exp(_least_log_profile(get_kernel(kernel), radius))
    return least * (counts - 1) / (len(counts) - 1)


@documented(PARAMETERS)
def effective_sample_size(
    X: ArrayLike,
    sources: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    sample_weight: ArrayLike | None = None,
    leave_one_out: bool = False,
) -> Floats:
    """Effective number of sources in the average at a point.

    ``1 / sum_j a_j^2`` with the softmax weights ``a_j = w_j k(r_j) / sum_l w_l
    k(r_l)``: 1 if one source has all the weight, the number of sources if all have the
    same.

    Parameters
    ----------
    X : array-like of shape (n_queries, n_features)
        Points, such as the particles.
    sources : array-like of shape (n_sources, n_features)
        Data, or the particles.
    {bandwidth}
    {kernel}
    sample_weight : array-like of shape (n_sources,), default=None
        Nonnegative weights of the sources; only their ratios matter.
    leave_one_out : bool, default=False
        Whether source i is excluded for row i of X.

    Returns
    -------
    ndarray of shape (n_queries,)
        Between 1 and the number of sources.

    Raises
    ------
    ValueError
        If, with leave-one-out, the numbers of sources and queries differ, there are
        fewer than 2, or the sources have weights; or see :func:`residual_velocity`.

    Examples
    --------
    >>> from skdrift.diagnostics import effective_sample_size
    >>> effective_sample_size([[0.0]], [[-1.0], [1.0], [9.0]], 1.0).round(4)
    array([2.])
    """
    paired = np.shape(X)[:1] == np.shape(sources)[:1]
    if leave_one_out and (sample_weight is not None or not paired):
        raise ValueError(
            "With leave_one_out=True, row i of X is source i and all sources have the "
            f"same weight; got X of shape {np.shape(X)}, sources of shape "
            f"{np.shape(sources)} and sample_weight={sample_weight!r}."
        )
    ensemble = Ensemble(sources, X, bandwidth, kernel, "displacement", leave_one_out)
    bound, own = ensemble.model, ensemble.bound.own(len(ensemble.y))
    if sample_weight is not None:
        bound = EngineByWork().bind(*weighted(ensemble.x, sample_weight))
    return effective_size(bound, Places(ensemble.y, own), ensemble.kernel, ensemble.h)


def effective_size(sources, places, kernel, h):
    """Effective sample sizes of bound sources."""
    x, deleted = places
    log_z = sources.reduce(x, displacement(kernel), h, deleted).log_z
    log_z2 = log_square_sum(sources, x, kernel, h, deleted)
    return np.exp(2 * log_z - log_z2)
