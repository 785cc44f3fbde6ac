"""Counts of neighbours, what they guarantee, and the bandwidth that provides them.

All follow Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795, sections 5 and 6.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist
from sklearn.utils import check_array, check_scalar

from .._data._checks import check_counts
from .._data._neighbors import TREE_MAX_FEATURES, Neighbors
from .._data._rows import weighted_rows
from .._docstrings import documented
from .checks import check_positive, check_rows
from .docs import PARAMETERS

if TYPE_CHECKING:
    from .._typing import ArrayLike, NDArray

# Rows for which neighbours are counted, at most.
_MAX_CENTRES = 2000
# Coordinates of neighbours held at a time.
_CHUNK = 2**22
# Entries of a tile of pairwise distances; the whole matrix is never formed.
_TILE = 2**18


@documented(PARAMETERS)
def local_occupancy(
    X: ArrayLike, bandwidth: float, *, radius: float = 1.0
) -> NDArray[np.integer[Any]]:
    """Number of particles around every particle.

    It counts the particles within ``radius * bandwidth``, the particle itself included
    (arXiv:2605.22795, eq. 29).

    Parameters
    ----------
    {X}
    {bandwidth}
    {radius}

    Returns
    -------
    ndarray of shape (n_particles,), dtype int
        Number of particles in the ball around each particle, its centre included.

    Examples
    --------
    >>> from skdrift.diagnostics import local_occupancy
    >>> local_occupancy([[0.0], [0.5], [3.0]], 1.0)
    array([2, 2, 1])
    """
    x, h = check_rows(X, "X"), check_positive(bandwidth, "bandwidth")
    radius = check_scalar(
        radius, "radius", Real, min_val=0, include_boundaries="neither"
    )
    counts = KDTree(x).query_ball_point(x, radius * h, workers=-1, return_length=True)
    return counts.astype(np.int64)


class Occupancy(NamedTuple):
    """Number of neighbours that all particles have, with its probability.

    Attributes
    ----------
    count : float
        ``1 + (N - 1) m0 / 2``, the particle itself included.
    probability : float
        Lower bound ``1 - N exp(-(N - 1) m0 / 8)``, or 0 where it is negative.
    """

    count: float  # type: ignore[assignment]  # hides tuple.count
    probability: float


def occupancy_probability(n_particles: int, mass: float) -> Occupancy:
    """Number of neighbours that each of many independent particles has.

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
        Lower bound of all counts, and the probability with which it holds.

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


def pair_distortion(before: ArrayLike, after: ArrayLike) -> float:
    """Largest factor by which a flow increases the distance of two particles.

    ``max_{i, j} |x'_i - x'_j| / |x_i - x_j|``. If the velocities of any two particles
    differ by at most L(t) times their distance, it is at most the exponential of the
    integral of L (arXiv:2605.22795, Lemma 5.7); for explicit steps of size eta at most
    the product of ``1 + eta L``.

    Parameters
    ----------
    before : array-like of shape (n_particles, n_features)
        Particles at one time, at least 2 of them distinct.
    after : array-like of shape (n_particles, n_features)
        The same particles, in the same order, at a later time.

    Returns
    -------
    float
        Below 1 if all distances decrease, 0 if all particles end at the same point.

    Raises
    ------
    ValueError
        If the shapes differ, a number is not finite, all particles coincide before, or
        two particles that coincided before do not coincide after, which no Lipschitz
        field does.

    See Also
    --------
    propagated_occupancy : Neighbours that remain at the later time.

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
            "All particles coincide in 'before', so no pair has a distance to compare "
            "with. At least 2 distinct particles are required."
        )
    tile = max(1, _TILE // len(before))
    return max(
        _largest_ratio(before[i : i + tile], before[i:], after[i : i + tile], after[i:])
        for i in range(0, len(before), tile)
    )


def _largest_ratio(before, others_before, after, others_after):
    """Largest ratio of the distances of pairs, 0 for pairs that coincide."""
    first, second = cdist(before, others_before), cdist(after, others_after)
    if np.any((first == 0) & (second > 0)):
        raise ValueError(
            "Two particles coincide in 'before' but not in 'after', so the ratio of "
            "their distances is not defined. Rows must be in the same order."
        )
    with np.errstate(over="ignore"):
        ratio = np.divide(second, first, out=np.zeros_like(first), where=first > 0)
    if not np.all(np.isfinite(ratio)):
        raise ValueError(
            "A ratio of distances is too large for a float: two particles nearly "
            "coincide in 'before' and are far from each other in 'after'."
        )
    return float(ratio.max())


@documented(PARAMETERS)
def propagated_occupancy(
    X: ArrayLike, bandwidth: float, distortion: float, *, radius: float = 1.0
) -> NDArray[np.integer]:
    """Lower bound of the numbers of neighbours at a later time.

    It counts the particles within ``radius * bandwidth / distortion`` at the start. A
    flow that increases no distance by more than the factor `distortion` keeps all of
    them within ``radius * bandwidth``, so that a particle has at least as many
    neighbours later: with ``c N h^d`` of them at the start, the reciprocal density is
    bounded at every later time (arXiv:2605.22795, Proposition 5.8, with
    ``exp(Lambda_T)`` for the factor).

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles at the start.
    bandwidth : float
        Bandwidth h of the kernel at the later time, in the units of X.
    distortion : float
        Largest factor by which a distance increases until then: from
        :func:`pair_distortion`, or the exponential of the integral of a Lipschitz
        constant of the field.
    radius : float, default=1.0
        Radius r0 of the ball at the later time, in bandwidths.

    Returns
    -------
    ndarray of shape (n_particles,), dtype int
        At most the :func:`local_occupancy` of the later particles, each particle
        itself included. It can replace their counts in
        :func:`reciprocal_density_bound` and :func:`leave_one_out_denominator_bound`.

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
    distortion = check_positive(distortion, "distortion")
    radius = check_positive(radius, "radius")
    return local_occupancy(X, bandwidth, radius=radius / distortion)


def occupancy_bandwidth(
    X: ArrayLike, *, sample_weight: ArrayLike | None = None, share: float = 0.95
) -> float:
    """Smallest bandwidth at which the balls around rows contain enough other rows.

    Leave-one-out densities are bounded below where the ball of radius h around every
    particle contains of the order of ``log N`` others (arXiv:2605.22795, Lemma 6.14 and
    section 6.6). Therefore h is the distance within which a given share of the rows
    have that many neighbours. Equal rows count, but at least one neighbour must differ.
    The share is not 1, because no distribution with tails has neighbours near all of
    its draws (Assumption 5.3 requires a least mass of every ball), and the largest
    distance would depend on a single outlier.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows, at least 2. With more than 2,000 rows, neighbours are counted for 2,000
        of them.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative weights. If all are integers and the smallest but 0 is 1, a 2 is
        equivalent to the row twice.
    share : float, default=0.95
        Share of the rows that have enough neighbours, in (0, 1].

    Returns
    -------
    float
        Bandwidth in the units of X.

    Raises
    ------
    ValueError
        If there are fewer than 2 rows, or all are equal.

    Examples
    --------
    >>> from skdrift.diagnostics import occupancy_bandwidth
    >>> occupancy_bandwidth([[0.0], [1.0], [2.0], [3.0]])  # log 4: two neighbours
    2.0
    """
    x = check_array(X, dtype=np.float64, ensure_min_samples=2, input_name="X")
    check_scalar(share, "share", Real)
    if not 0 < share <= 1:
        raise ValueError(f"The 'share' must be in (0, 1]; got {share!r}.")
    data, *_ = weighted_rows(x, check_counts(sample_weight, x), False)
    with np.errstate(over="ignore"):
        radius = occupied_radius(data, share)
    if not 0 < radius < np.inf:
        raise ValueError(
            "The squared distances between the rows of X are too small or too large "
            "for a float; use other units."
        )
    return radius


def occupied_radius(data, share):
    """Radius at which the balls around a share of the rows hold ``log N`` others."""
    n, rows = data.n_samples, data.rows.astype(np.float64, copy=False)
    if len(rows) < 2:
        raise ValueError(
            "All rows are equal, so balls of any radius contain all of them. Give the "
            "bandwidth as a number."
        )
    mass = n * data.weight
    centres = np.arange(len(rows))
    if len(rows) > _MAX_CENTRES:
        order = np.random.RandomState(0).permutation(len(rows))
        centres = np.sort(order[:_MAX_CENTRES])
    radius = _radii(rows, mass, centres, np.log(n))
    order = np.argsort(radius)
    below = np.cumsum(mass[centres][order])
    # Rounding must not add a row beyond the share.
    enough = np.searchsorted(below, share * below[-1] * (1 - 1e-12))
    return float(radius[order][enough])


def _radii(rows, mass, centres, wanted):
    """Distance from every centre within which the others have the wanted mass."""
    algorithm = "kd_tree" if rows.shape[1] <= TREE_MAX_FEATURES else "brute"
    near = Neighbors(rows, algorithm=algorithm)
    radius, at = np.empty(len(centres)), np.arange(len(centres))
    k = min(len(rows), int(np.ceil(wanted)) + 1)
    while at.size:
        step, missed = max(1, _CHUNK // (k * rows.shape[1])), []
        for some in (at[i : i + step] for i in range(0, len(at), step)):
            here = centres[some]
            place = near.kneighbors(rows[here], k, return_distance=False)
            # Computed again, because by matrix products equal rows would not be at 0.
            distance = np.linalg.norm(rows[place] - rows[here, None], axis=2)
            others = np.where(place == here[:, None], mass[place] - 1, mass[place])
            held = np.cumsum(np.maximum(others, 0), axis=1)
            reached = (held >= wanted) & (distance > 0)
            if k == len(rows):
                reached[:, -1] = True  # there are no more neighbours
            done = reached.any(axis=1)
            radius[some[done]] = distance[done, reached[done].argmax(axis=1)]
            missed.append(some[~done])
        at, k = np.concatenate(missed), min(len(rows), 2 * k)
    return radius
