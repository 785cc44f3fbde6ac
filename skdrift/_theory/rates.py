"""What the rates leave to be measured: their constants, and the rules made of them.

The bounds of Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795, hold with constants A, B and an
exponent beta that depend on data and particles.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_random_state, check_scalar

from .._data._checks import check_weight
from .._data._neighbors import TREE_MAX_FEATURES
from .._data._rows import make_table
from ..kernels import get_kernel
from .ensemble import Ensemble, Places, check_bandwidth, not_c2
from .quantities import Estimate, self_interaction, stein_terms

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import KernelName, Seed
    from ..kernels import Kernel

# Rows around which neighbours are counted, at most.
_MAX_CENTRES = 2000
# Numbers of neighbours' coordinates held at a time.
_CHUNK = 2**22
# Quadrature errors up to this many times d / h^2, the divergence of a kernel's score,
# are rounding.
_ROUNDING = 1e-10


class QuadratureError(NamedTuple):
    """Means at the particles less those over the model density.

    Attributes
    ----------
    stein : Estimate
        ``S_N - F_N``, with its standard error.
    residual : Estimate
        ``R_N - F_N``, with its standard error.
    """

    stein: Estimate
    residual: Estimate

    @property
    def total(self) -> float:
        """``|S_N - F_N| + |R_N - F_N|``, by which ``R_N`` may exceed ``S_N``."""
        return abs(self.stein.value) + abs(self.residual.value)


def quadrature_error(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    sample_weight: ArrayLike | None = None,
    field_bandwidth: float | None = None,
    n_samples: int = 2000,
    random_state: Seed = None,
) -> QuadratureError:
    """Error of evaluating at the particles what the theory averages over space.

    The entropy bounds the Stein drift S_N, a mean over the particles. The Fisher
    discrepancy F_N is the same mean of kernel averages around them, ``F_N = (1/N)
    sum_i E g(x_i + h Z)`` with ``g = s_p . V + div V``, and also with ``g = |V|^2``,
    whose mean over the particles is R_N (here in score units). For an even kernel of
    second moment ``mu_2`` each differs by at most ``(mu_2 h^2 / 2) sup |Hess g|``
    (arXiv:2605.22795, Lemma 4.4). Draws come in pairs ``x_i + h z`` and ``x_i - h z``,
    which leaves no term of first order to the noise.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles.
    Y : array-like of shape (n_data, n_features)
        Data.
    bandwidth : float
        Scale h of the average, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k, C^2 and a density in this dimension.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.
    field_bandwidth : float, default=None
        Scale of the densities that V compares; None for the same h. A fixed one keeps
        g as it is while h varies, so that the error shows how smooth g is.
    n_samples : int, default=2000
        Number of pairs of draws, at least 2, spread evenly over the particles; with
        fewer than there are particles, over some of them.
    random_state : int, RandomState instance or None, default=None
        Source of the draws.

    Returns
    -------
    QuadratureError
        In score units, 1 over a squared length.

    Raises
    ------
    ValueError
        If the kernel is not C^2 or has no finite integral in this dimension, or see
        :func:`residual_velocity`.

    Examples
    --------
    >>> from skdrift.diagnostics import quadrature_error
    >>> error = quadrature_error([[0.0]], [[1.0]], 1.0, random_state=0)
    >>> error.total < 1e-12  # V = 1 everywhere
    True
    """
    h = check_bandwidth(bandwidth)
    g = h if field_bandwidth is None else _check_field_bandwidth(field_bandwidth)
    ensemble = _smooth_ensemble(X, Y, g, kernel, sample_weight)
    pairs = _Pairs(ensemble, n_samples, check_random_state(random_state))
    return pairs.error(ensemble, pairs.at_particles(ensemble), h)


def _check_field_bandwidth(value):
    try:
        return check_bandwidth(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"The 'field_bandwidth' is a bandwidth: {error}") from None


def _smooth_ensemble(X, Y, bandwidth, kernel, sample_weight):
    kernel = get_kernel(kernel)
    if not np.isfinite(kernel.slope_at_zero()):
        raise not_c2(kernel, "The quadrature error")
    return Ensemble(X, Y, bandwidth, kernel, sample_weight=sample_weight)


class _Pairs:
    """Particles, and directions to either side of them, the same at every scale."""

    def __init__(self, ensemble, n_samples, random_state):
        n = check_scalar(n_samples, "n_samples", Integral, min_val=2)
        size, d = ensemble.x.shape
        ensemble.kernel.log_normalizer(d)  # raises if there is no such law
        index = np.resize(random_state.permutation(size), n)
        self._x = ensemble.x[index]
        self._noise = ensemble.kernel.noise(n, d, random_state)

    def at_particles(self, ensemble):
        """Both integrands g at the particles, shape (2, n_samples)."""
        return _integrands(ensemble, self._x)

    def error(self, ensemble, at_particles, h):
        """Quadrature error of averages of scale h."""
        ahead, behind = (
            _integrands(ensemble, self._x + s * self._noise) for s in (h, -h)
        )
        differences = at_particles - (ahead + behind) / 2
        means = differences.mean(axis=1)
        errors = differences.std(axis=1, ddof=1) / np.sqrt(differences.shape[1])
        return QuadratureError(*map(Estimate, means.tolist(), errors.tolist()))


def _integrands(ensemble, x):
    """``s_p . V + div V`` and ``|V|^2`` in score units, shape (2, n)."""
    places = Places(x)
    data, model = moments = ensemble.moments(places)
    velocity = (data.displacement - model.displacement) / ensemble.h**2
    stein = stein_terms(ensemble, places, lambda: moments)
    return np.stack((stein, np.einsum("ij,ij->i", velocity, velocity)))


class RateConstants(NamedTuple):
    """Laws ``A / (N h^(d+2))`` and ``B h^(2-beta)``, fitted to measured curves.

    Attributes
    ----------
    A, B, beta : Estimate
        Constants of the laws, with standard errors over independent splits.
    slope : Estimate
        Power of h by which the self-interaction really varies; ``-(d+2)`` by its law.
    bandwidth : Estimate
        Where the sum of the two laws is least, :func:`optimal_bandwidth`; ``inf`` if
        beta is 2 or more, and the error is ``inf`` if that is so in a split.
    bandwidths : ndarray of shape (n_bandwidths,)
        Where they were measured.
    self_interaction, quadrature_error : ndarray of shape (n_bandwidths,)
        What was measured there, in score units.
    """

    A: Estimate
    B: Estimate
    beta: Estimate
    slope: Estimate
    bandwidth: Estimate
    bandwidths: np.ndarray
    self_interaction: np.ndarray
    quadrature_error: np.ndarray


def rate_constants(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidths: ArrayLike,
    *,
    kernel: KernelName | Kernel = "gaussian",
    sample_weight: ArrayLike | None = None,
    field_bandwidth: float | None = None,
    n_splits: int = 4,
    n_samples: int = 500,
    random_state: Seed = None,
) -> RateConstants:
    """Constants of the rate of conservative drifting, measured.

    ``R_N <~ H_0 / (N T) + A / (N h^(d+2)) + B h^(2-beta)`` (arXiv:2605.22795, eq. 25):
    the entropy of the start over time, the self-interaction :func:`self_interaction`,
    and the :func:`quadrature_error`. A line fitted to the logarithm of the last has
    the slope ``2 - beta``; A is the geometric mean of ``I_N N h^(d+2)``.

    The law of the self-interaction assumes many neighbours within h; compare `slope`.
    That of the quadrature error assumes ``beta < 2``, a field that varies on scales
    beyond h: between ensembles of finite size at their own bandwidth it hardly ever
    does. Given a `field_bandwidth`, the field is smooth on that scale.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles, at least ``2 n_splits``.
    Y : array-like of shape (n_data, n_features)
        Data, at least ``2 n_splits`` rows.
    bandwidths : array-like of shape (n_bandwidths,)
        At least 3, in the units of X and Y.
    kernel : str or Kernel, default="gaussian"
        Kernel k, C^2 and a density in this dimension.
    sample_weight : array-like of shape (n_data,), default=None
        Nonnegative weights of the data; only their ratios matter.
    field_bandwidth : float, default=None
        See :func:`quadrature_error`.
    n_splits : int, default=4
        Disjoint parts of X and Y, at least 2, that are measured as well. Standard
        errors are the standard deviation of what they give over the root of their
        number.
    n_samples : int, default=500
        Number of pairs of draws of every quadrature error.
    random_state : int, RandomState instance or None, default=None
        Source of splits and draws.

    Returns
    -------
    RateConstants
        The constants of all particles and data, with standard errors by the splits.

    Raises
    ------
    ValueError
        If there are too few rows or bandwidths; if there is no error at all, as when
        all points coincide; if A or B is too large for a float, as in hundreds of
        columns; or see :func:`quadrature_error`.

    Examples
    --------
    Two Gaussian laws, whose scores differ by a line:

    >>> import numpy as np
    >>> from skdrift.diagnostics import rate_constants
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((2, 300, 2))
    >>> constants = rate_constants(
    ...     x, 2 * y, [0.1, 0.2, 0.4], field_bandwidth=1.0, random_state=0
    ... )
    >>> abs(constants.beta.value) < 0.2
    True
    """
    h = _check_bandwidths(bandwidths)
    g = None if field_bandwidth is None else _check_field_bandwidth(field_bandwidth)
    n_splits = check_scalar(n_splits, "n_splits", Integral, min_val=2)
    ensemble = _smooth_ensemble(X, Y, h[0] if g is None else g, kernel, sample_weight)
    x, y = ensemble.x, ensemble.y
    weight = None if sample_weight is None else np.exp(ensemble.log_weights)
    for name, rows in (("X", x), ("Y", y)):
        if len(rows) < 2 * n_splits:
            raise ValueError(
                f"{name} has {len(rows)} rows (of positive weight), too few for "
                f"n_splits={n_splits} parts of at least 2; give more rows or fewer "
                "splits."
            )
    random_state = check_random_state(random_state)

    def laws(i, j):
        part = None if weight is None else weight[j]
        curves = measure(x[i], y[j], h, ensemble.kernel, part, g, n_samples, rng())
        return curves, fit_laws(h, *curves, len(x[i]), x.shape[1])

    def rng():
        return np.random.RandomState(random_state.randint(np.iinfo(np.int32).max))

    everything = slice(None)
    curves, whole = laws(everything, everything)
    splits = [
        laws(i, j)[1]
        for i, j in zip(
            *(
                np.array_split(random_state.permutation(len(z)), n_splits)
                for z in (x, y)
            ),
            strict=True,
        )
    ]
    numbers = [_numbers(law, len(x), x.shape[1]) for law in (whole, *splits)]
    a, b, beta, slope, bandwidth = _estimates(numbers)
    return RateConstants(a, b, beta, slope, bandwidth, h, *curves)


def _check_bandwidths(bandwidths):
    h = check_array(
        bandwidths, ensure_2d=False, dtype=np.float64, input_name="bandwidths"
    )
    if h.ndim != 1 or len(np.unique(h)) < 3 or h.min() <= 0:
        raise ValueError(
            "The 'bandwidths' must be at least 3 different positive numbers, as a law "
            f"is fitted to them; got {bandwidths!r}."
        )
    return h


class Laws(NamedTuple):
    """Laws of one ensemble, by their logarithms."""

    log_a: float
    log_b: float
    beta: float
    slope: float


def measure(x, y, bandwidths, kernel, weight, field_bandwidth, n_samples, rng):
    """Self-interaction and quadrature error at every bandwidth."""
    own = np.array([self_interaction(x, h, kernel=kernel) for h in bandwidths])
    ensembles = [
        Ensemble(x, y, g, kernel, sample_weight=weight)
        for g in (bandwidths if field_bandwidth is None else [field_bandwidth])
    ]
    pairs = _Pairs(ensembles[0], n_samples, rng)
    means = [pairs.at_particles(ensemble) for ensemble in ensembles]
    if field_bandwidth is not None:
        ensembles, means = ensembles * len(bandwidths), means * len(bandwidths)
    cases = zip(ensembles, means, bandwidths, strict=True)
    return own, np.array([pairs.error(*case).total for case in cases])


def fit_laws(bandwidths, own, quadrature, n_particles, n_features):
    """Fit the laws to the curves."""
    rounding = _ROUNDING * n_features / np.square(bandwidths)
    if not np.all(quadrature > rounding):
        raise ValueError(
            "There is no quadrature error to fit a law to: the velocity is the same "
            "everywhere, as it is where particles and data are the same points, or all "
            "of them one, or the bandwidths are too small for any neighbours."
        )
    log_h, power = np.log(bandwidths), n_features + 2
    rise, log_b = np.polyfit(log_h, np.log(quadrature), 1)
    slope = np.polyfit(log_h, np.log(own), 1)[0]
    log_a = np.mean(np.log(own) + np.log(n_particles) + power * log_h)
    return Laws(float(log_a), float(log_b), float(2 - rise), float(slope))


def _numbers(law, n, d):
    """A, B, beta, slope and the bandwidth for n particles."""
    with np.errstate(over="ignore"):
        a, b = np.exp(law.log_a), np.exp(law.log_b)
    if not (np.isfinite(a) and np.isfinite(b)):
        raise ValueError(
            f"The constants A = exp({law.log_a:.4g}) and B = exp({law.log_b:.4g}) of "
            f"{d} columns are too large for a float; use other units."
        )
    log_h = log_optimum(law.log_a, law.log_b, law.beta, n, d)
    return a, b, law.beta, law.slope, np.exp(log_h)


def _estimates(numbers):
    """The first of every number, and its standard error by the others."""
    for values in zip(*numbers, strict=True):
        splits = np.array(values[1:])
        spread = splits.std(ddof=1) if np.isfinite(splits).all() else np.inf
        yield Estimate(float(values[0]), float(spread / np.sqrt(len(splits))))


def log_optimum(log_a, log_b, beta, n, d):
    """Log of the bandwidth where the sum of two laws is least."""
    if beta >= 2:
        return np.inf
    log_ratio = np.log((d + 2) / ((2 - beta) * n)) + log_a - log_b
    return log_ratio / (d + 4 - beta)


def optimal_bandwidth(
    A: float, B: float, beta: float, n_particles: int, n_features: int
) -> float:
    """Bandwidth that balances self-interaction and quadrature error.

    ``h* = ((d+2) A / ((2-beta) B N))^(1/(d+4-beta))``, where ``A / (N h^(d+2)) + B
    h^(2-beta)`` is least (arXiv:2605.22795, eq. 26).

    Parameters
    ----------
    A, B : float
        Positive constants.
    beta : float
        Growth of the quadrature constants, below 2: from there on no bandwidth lets
        the error vanish.
    n_particles : int
        Number N.
    n_features : int
        The dimension d.

    Returns
    -------
    float
        In the unit of length of A and B.

    Raises
    ------
    ValueError
        If A or B is not positive, or beta is not below 2.

    Examples
    --------
    >>> from skdrift.diagnostics import optimal_bandwidth
    >>> round(optimal_bandwidth(1.0, 1.0, 0.0, n_particles=1000, n_features=2), 4)
    0.355
    """
    for name, value in (("A", A), ("B", B)):
        value = check_scalar(value, name, Real, min_val=0, include_boundaries="neither")
        if not np.isfinite(value):
            raise ValueError(f"The constant {name} must be finite; got {value!r}.")
    beta = check_scalar(beta, "beta", Real)
    if not -np.inf < beta < 2:
        raise ValueError(
            "The 'beta' must be finite and below 2, as no bandwidth is best otherwise; "
            f"got {beta}. A quadrature error that falls as the bandwidth grows is that "
            "of a field that varies on the scale of the kernel: take more particles."
        )
    n = check_scalar(n_particles, "n_particles", Integral, min_val=1)
    d = check_scalar(n_features, "n_features", Integral, min_val=1)
    return float(np.exp(log_optimum(np.log(A), np.log(B), beta, n, d)))


def occupancy_bandwidth(
    X: ArrayLike, *, sample_weight: ArrayLike | None = None, share: float = 0.95
) -> float:
    """Smallest bandwidth at which balls around rows hold enough others.

    Leave-one-out densities are bounded below where the ball of radius h around every
    particle holds in the order of ``log N`` others (arXiv:2605.22795, Lemma 6.14 and
    section 6.6). So h is the distance to as many neighbours, at a share of the rows.
    Equal rows count, but one that differs has to be among the neighbours. No law with
    tails has neighbours near all of its draws (Assumption 5.3 asks for a least mass of
    every ball), and the largest such distance is that of one outlier.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows, at least 2. With more than 2,000, neighbours are those of 2,000 of them.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative weights. Integers count: weight 2 is the row twice.
    share : float, default=0.95
        Share of the rows that have enough neighbours, in (0, 1].

    Returns
    -------
    float
        In the units of X.

    Raises
    ------
    ValueError
        If there are fewer than two rows, or all are equal.

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
    table, *_ = make_table(x, check_weight(sample_weight, x), False)
    with np.errstate(over="ignore"):
        radius = occupied_radius(table, share)
    if not 0 < radius < np.inf:
        raise ValueError(
            "The distances of X are too small or too large for their squares to be "
            "floats; use other units."
        )
    return radius


def occupied_radius(table, share):
    """Radius at which balls around a share of a table's rows hold ``log N`` others."""
    n, rows = table.n_samples, table.rows.astype(np.float64, copy=False)
    if len(rows) < 2:
        raise ValueError(
            "All rows are equal, so that balls of any radius hold all others; give the "
            "bandwidth as a number."
        )
    mass = n * table.weight
    centres = np.arange(len(rows))
    if len(rows) > _MAX_CENTRES:
        order = np.random.RandomState(0).permutation(len(rows))
        centres = np.sort(order[:_MAX_CENTRES])
    radius = _radii(rows, mass, centres, np.log(n))
    order = np.argsort(radius)
    below = np.cumsum(mass[centres][order])
    # Rounding must not ask for a row beyond the share.
    enough = np.searchsorted(below, share * below[-1] * (1 - 1e-12))
    return float(radius[order][enough])


def _radii(rows, mass, centres, wanted):
    """Distance of every centre at which others of the wanted mass are reached."""
    algorithm = "kd_tree" if rows.shape[1] <= TREE_MAX_FEATURES else "brute"
    near = NearestNeighbors(algorithm=algorithm).fit(rows)
    radius, at = np.empty(len(centres)), np.arange(len(centres))
    k = min(len(rows), int(np.ceil(wanted)) + 1)
    while at.size:
        step, missed = max(1, _CHUNK // (k * rows.shape[1])), []
        for some in (at[i : i + step] for i in range(0, len(at), step)):
            here = centres[some]
            place = near.kneighbors(rows[here], k, return_distance=False)
            # Anew: by products of matrices equal rows would not be at 0.
            distance = np.linalg.norm(rows[place] - rows[here, None], axis=2)
            others = np.where(place == here[:, None], mass[place] - 1, mass[place])
            held = np.cumsum(np.maximum(others, 0), axis=1)
            reached = (held >= wanted) & (distance > 0)
            if k == len(rows):
                reached[:, -1] = True  # there are no more
            done = reached.any(axis=1)
            radius[some[done]] = distance[done, reached[done].argmax(axis=1)]
            missed.append(some[~done])
        at, k = np.concatenate(missed), min(len(rows), 2 * k)
    return radius
