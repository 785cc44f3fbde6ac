"""What counts of neighbours guarantee: denominators, and occupancy at later times.

All follow Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795, sections 5.3 and 6.5.
"""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.utils import check_scalar

from ..fields import displacement
from ..kernels import get_kernel
from .ensemble import check_bandwidth, check_rows, reduce
from .quantities import local_occupancy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .._typing import Floats, KernelName
    from ..kernels import Kernel

# Numbers of a tile of pairs, so that no matrix of all of them is formed.
_TILE = 2**18


def leave_one_out_denominator(
    X: ArrayLike, bandwidth: float, *, kernel: KernelName | Kernel = "laplace"
) -> Floats:
    """Kernel mean of the other particles, the denominator of their mean shift.

    ``Z_i = (1 / (N - 1)) sum_{j != i} k(|x_i - x_j| / h)`` with the profile k as it is
    written, not normalised to a density (arXiv:2605.22795, section 6). Where it is
    small a leave-one-out velocity hangs on a few far particles.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles, at least 2.
    bandwidth : float
        The kernel's scale h, in the units of X.
    kernel : str or Kernel, default="laplace"
        Kernel k.

    Returns
    -------
    ndarray of shape (n_particles,)
        For the kernels of a name, but Matérn 5/2 with ``k(0) = 3``, between 0 and 1.

    Raises
    ------
    ValueError
        If there are fewer than 2 particles, a number is not finite, or the bandwidth
        is not positive.

    See Also
    --------
    leave_one_out_denominator_bound : What neighbours guarantee of it.

    Examples
    --------
    >>> from skdrift.diagnostics import leave_one_out_denominator
    >>> leave_one_out_denominator([[0.0], [1.0]], 1.0).round(4)
    array([0.3679, 0.3679])
    """
    x, h = check_rows(X, "X"), check_bandwidth(bandwidth)
    if len(x) < 2:
        raise ValueError(
            "The denominator leaves out the particle itself: X has 1 row, and nothing "
            "is left. Give at least 2 particles."
        )
    profiles = displacement(get_kernel(kernel))
    # The reduction of a deleted source has weights 1/N.
    log_z = reduce(x, x, profiles, h, deleted=np.arange(len(x))).log_z
    return np.exp(log_z) * len(x) / (len(x) - 1)


def leave_one_out_denominator_bound(
    counts: ArrayLike,
    *,
    kernel: KernelName | Kernel = "laplace",
    radius: float = 1.0,
) -> Floats:
    """Bound of the leave-one-out denominators by counts of neighbours.

    ``Z_i >= (count_i - 1) / (N - 1) min_{r <= r0} k(r)``, as all neighbours but the
    particle itself are within r0 bandwidths; for the Laplace kernel the minimum is
    ``exp(-r0)``. With ``count_i - 1 >= c N h^d`` it is at least ``c exp(-r0) h^d``
    (arXiv:2605.22795, Lemma 6.14). It is attained where all neighbours are at the
    distance ``r0 h`` and all others infinitely far.

    Parameters
    ----------
    counts : array-like of shape (n_particles,)
        From :func:`local_occupancy`, with the same radius; the particle itself
        included.
    kernel : str or Kernel, default="laplace"
        Kernel k.
    radius : float, default=1.0
        Radius r0 of the ball, in bandwidths.

    Returns
    -------
    ndarray of shape (n_particles,)
        At most :func:`leave_one_out_denominator`; 0 for a particle without
        neighbours.

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
            "The 'counts' must be a 1-D array, one for each of at least 2 particles, "
            "between 1, as every particle counts itself, and their number; got "
            f"{counts!r}."
        )
    radii = np.linspace(0, _positive(radius, "radius"), 1001)
    # Not every kernel of a user's falls with the distance.
    least = np.exp(get_kernel(kernel).log_profile(np.square(radii)).min())
    return least * (counts - 1) / (len(counts) - 1)


def pair_distortion(before: ArrayLike, after: ArrayLike) -> float:
    """Largest factor by which a flow moves two particles apart.

    ``max_{i, j} |x'_i - x'_j| / |x_i - x_j|``. If the velocities of any two particles
    differ by at most L(t) times their distance, it is at most the exponential of the
    integral of L (arXiv:2605.22795, Lemma 5.7); for explicit steps of size eta at most
    the product of ``1 + eta L``.

    Parameters
    ----------
    before : array-like of shape (n_particles, n_features)
        Particles at one time, at least 2 different places.
    after : array-like of shape (n_particles, n_features)
        The same particles, in the same order, at a later time.

    Returns
    -------
    float
        Below 1 if all pairs come nearer to each other, 0 if they end in one place.

    Raises
    ------
    ValueError
        If the shapes differ, a number is not finite, all particles are in one place,
        or two that were in one place are not any more: no Lipschitz field does that.

    See Also
    --------
    propagated_occupancy : Neighbours that are left at the later time.

    Examples
    --------
    >>> from skdrift.diagnostics import pair_distortion
    >>> pair_distortion([[0.0], [1.0], [4.0]], [[0.0], [2.0], [4.0]])
    2.0
    """
    before, after = check_rows(before, "before"), check_rows(after, "after")
    if before.shape != after.shape:
        raise ValueError(
            "'before' and 'after' must be the same particles at two times; got the "
            f"shapes {before.shape} and {after.shape}."
        )
    if np.all(before == before[0]):
        raise ValueError(
            "All particles are in one place 'before', so that no pair has a distance "
            "to compare with. Give particles in at least 2 places."
        )
    tile = max(1, _TILE // len(before))
    return max(
        _largest_ratio(before[i : i + tile], before[i:], after[i : i + tile], after[i:])
        for i in range(0, len(before), tile)
    )


def _largest_ratio(before, others_before, after, others_after):
    """Largest ratio of the distances of pairs, 0 where there is none to compare."""
    first, second = cdist(before, others_before), cdist(after, others_after)
    if np.any((first == 0) & (second > 0)):
        raise ValueError(
            "Two particles that were in one place 'before' are not 'after': no factor "
            "says how far they were moved apart. Rows must be in the same order."
        )
    with np.errstate(over="ignore"):
        ratio = np.divide(second, first, out=np.zeros_like(first), where=first > 0)
    if not np.all(np.isfinite(ratio)):
        raise ValueError(
            "A ratio of distances is too large for a float: two particles were nearly "
            "in one place 'before', and far from each other 'after'."
        )
    return float(ratio.max())


def propagated_occupancy(
    X: ArrayLike, bandwidth: float, distortion: float, *, radius: float = 1.0
) -> NDArray[np.integer]:
    """Neighbours that particles are sure to have at a later time.

    The number of particles within ``radius * bandwidth / distortion`` now. A flow that
    moves no pair apart by more than the factor `distortion` leaves all of these within
    ``radius * bandwidth`` then, so that a particle has no fewer neighbours: with ``c N
    h^d`` of them at the start the reciprocal density is bounded at every later time
    (arXiv:2605.22795, Proposition 5.8, with ``exp(Lambda_T)`` for the factor).

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles at the start.
    bandwidth : float
        The kernel's scale h at the later time, in the units of X.
    distortion : float
        Largest factor by which a pair is moved apart until then: from
        :func:`pair_distortion`, or the exponential of the integral of a Lipschitz
        constant of the field.
    radius : float, default=1.0
        Radius r0 of the ball at the later time, in bandwidths.

    Returns
    -------
    ndarray of shape (n_particles,), dtype int
        At most the :func:`local_occupancy` of the later particles, each itself
        included; as good as their counts for :func:`reciprocal_density_bound` and
        :func:`leave_one_out_denominator_bound`.

    Raises
    ------
    ValueError
        If a number is not positive and finite.

    Examples
    --------
    >>> from skdrift.diagnostics import local_occupancy, propagated_occupancy
    >>> start = [[0.0], [0.4], [0.8]]
    >>> later = [[0.0], [0.8], [1.6]]
    >>> propagated_occupancy(start, 1.0, distortion=2.0)
    array([2, 3, 2])
    >>> local_occupancy(later, 1.0)
    array([2, 3, 2])
    """
    distortion = _positive(distortion, "distortion")
    return local_occupancy(
        X, bandwidth, radius=_positive(radius, "radius") / distortion
    )


def _positive(value, name):
    check_scalar(value, name, Real, min_val=0, include_boundaries="neither")
    if not np.isfinite(value):
        raise ValueError(f"The '{name}' must be finite; got {value!r}.")
    return float(value)
