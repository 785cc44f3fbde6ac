"""Constants of the rates, measured, and the bandwidth that balances them.

The bounds of Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795, hold with constants A, B and an
exponent beta that depend on data and particles.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils import check_array, check_random_state, check_scalar

from .._docstrings import documented
from ..kernels import Kernel, get_kernel
from .checks import check_c2, check_positive
from .density import self_interaction
from .docs import PARAMETERS
from .ensemble import Ensemble, Places
from .sampling import Estimate
from .stein import stein_terms

if TYPE_CHECKING:
    from .._typing import ArrayLike, KernelName, Seed

# Quadrature errors up to this multiple of d / h^2, the divergence of a kernel's score,
# are rounding errors.
_ROUNDING = 1e-10


class QuadratureError(NamedTuple):
    """Means over the particles minus means over the model density.

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


@documented(PARAMETERS)
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
    """Error of replacing averages over space by averages over the particles.

    The entropy bounds the Stein drift S_N, a mean over the particles. The Fisher
    discrepancy F_N is the mean of kernel averages around the particles, ``F_N = (1/N)
    sum_i E g(x_i + h Z)`` with ``g = s_p . V + div V``, and also with ``g = |V|^2``,
    whose mean over the particles is R_N (here in score units). For an even kernel of
    second moment ``mu_2 = int |z|^2 K(z) dz``
    (:meth:`~skdrift.kernels.Kernel.second_moment`) each differs by at most
    ``(mu_2 h^2 / 2) sup |Hess g|`` (arXiv:2605.22795, Lemma 4.4), if the kernel is C^4.
    For a kernel that is only C^2, such as Matérn 3/2, g has a kink at every point, and
    the error is of the order of h. Draws come in pairs ``x_i + h z`` and ``x_i - h z``,
    so that the noise has no first-order term.

    Parameters
    ----------
    {X}
    {Y}
    bandwidth : float
        Scale h of the average, in the units of X.
    {smooth_density_kernel}
    {sample_weight}
    field_bandwidth : float, default=None
        Scale of the densities that V compares; None for the same h. If it is fixed, g
        stays the same while h varies, and the error shows how smooth g is.
    n_samples : int, default=2000
        Number of pairs of draws, at least 2, spread evenly over the particles, or over
        a subset of the particles if there are fewer pairs.
    {random_state}

    Returns
    -------
    QuadratureError
        Errors in score units, 1 over a squared length.

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
    h = check_positive(bandwidth, "bandwidth")
    g = _check_field_bandwidth(field_bandwidth)
    ensemble = _smooth_ensemble(X, Y, h if g is None else g, kernel, sample_weight)
    pairs = _Pairs(ensemble, n_samples, check_random_state(random_state))
    return pairs.error(ensemble, pairs.at_particles(ensemble), h)


def _check_field_bandwidth(value):
    return None if value is None else check_positive(value, "field_bandwidth")


def _smooth_ensemble(X, Y, bandwidth, kernel, sample_weight):
    kernel = get_kernel(kernel)
    check_c2(kernel, "The quadrature error")
    return Ensemble(X, Y, bandwidth, kernel, sample_weight=sample_weight)


class _Pairs:
    """Particles and pairs of opposite directions, the same ones at every scale."""

    def __init__(self, ensemble, n_samples, random_state):
        n = check_scalar(n_samples, "n_samples", Integral, min_val=2)
        size, d = ensemble.x.shape
        ensemble.kernel.log_normalizer(d)  # raises if the kernel is not a density
        index = np.resize(random_state.permutation(size), n)
        self._x = ensemble.x[index]
        self._noise = ensemble.kernel.noise(n, d, random_state)

    def at_particles(self, ensemble):
        """Both integrands g at the particles, shape (2, n_samples)."""
        return integrands(ensemble, self._x)

    def error(self, ensemble, at_particles, h):
        """Quadrature error of averages of scale h."""
        pairs = (self._x + s * self._noise for s in (h, -h))
        ahead, behind = (integrands(ensemble, x) for x in pairs)
        differences = at_particles - (ahead + behind) / 2
        means = differences.mean(axis=1)
        errors = differences.std(axis=1, ddof=1) / np.sqrt(differences.shape[1])
        return QuadratureError(*map(Estimate, means.tolist(), errors.tolist()))


def integrands(ensemble, x):
    """``s_p . V + div V`` and ``|V|^2`` in score units, shape (2, n)."""
    moments = ensemble.moments(Places(x))
    velocity = moments.velocity / ensemble.h**2
    stein = stein_terms(ensemble, x, moments)
    return np.stack((stein, np.einsum("ij,ij->i", velocity, velocity)))


class RateConstants(NamedTuple):
    """Power laws ``A / (N h^(d+2))`` and ``B h^(2-beta)``, fitted to measured curves.

    Attributes
    ----------
    A, B, beta : Estimate
        Constants of the power laws, with standard errors over independent splits.
    slope : Estimate
        Measured exponent of h in the self-interaction; the power law has ``-(d+2)``.
    bandwidth : Estimate
        Minimum of the sum of the two power laws, see :func:`optimal_bandwidth`; ``inf``
        if beta is 2 or more. The error is ``inf`` if beta is 2 or more in a split.
    bandwidths : ndarray of shape (n_bandwidths,)
        Bandwidths of the measurements.
    self_interaction, quadrature_error : ndarray of shape (n_bandwidths,)
        Measured values, in score units.
    """

    A: Estimate
    B: Estimate
    beta: Estimate
    slope: Estimate
    bandwidth: Estimate
    bandwidths: np.ndarray
    self_interaction: np.ndarray
    quadrature_error: np.ndarray


@documented(PARAMETERS)
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
    """Measure the constants of the rate of conservative drifting.

    ``R_N <~ H_0 / (N T) + A / (N h^(d+2)) + B h^(2-beta)`` (arXiv:2605.22795, eq. 25):
    the entropy of the start over time, the self-interaction :func:`self_interaction`,
    and the :func:`quadrature_error`. A line fitted to the logarithm of the quadrature
    error has the slope ``2 - beta``; A is the geometric mean of ``I_N N h^(d+2)``.

    The power law of the self-interaction assumes many neighbours within h; compare
    `slope`. The power law of the quadrature error assumes ``beta < 2``, a field that
    varies on scales larger than h. The field between ensembles of finite size at their
    own bandwidth hardly ever does; with a `field_bandwidth`, the field is smooth on
    that scale: beta tends to 0 as h decreases if the kernel is C^4, and to 1 if it is
    only C^2, such as Matérn 3/2, which is outside Assumption 2.5. For these kernels
    the quadrature error is still a power of h, but not by Lemma 4.4.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles, at least ``2 n_splits``.
    Y : array-like of shape (n_data, n_features)
        Data, at least ``2 n_splits`` rows.
    bandwidths : array-like of shape (n_bandwidths,)
        At least 3 bandwidths, in the units of X.
    {smooth_density_kernel}
    {sample_weight}
    field_bandwidth : float, default=None
        See :func:`quadrature_error`.
    n_splits : int, default=4
        Number of disjoint parts of X and Y, at least 2, for the standard errors: the
        standard deviation over the parts, divided by the root of their number.
    n_samples : int, default=500
        Number of pairs of draws for each quadrature error.
    random_state : int, RandomState instance or None, default=None
        Determines the splits and the draws.

    Returns
    -------
    RateConstants
        Constants for all particles and data, with standard errors from the splits.

    Raises
    ------
    ValueError
        If there are too few rows or bandwidths; if the quadrature error is 0, for
        example because all points coincide; if A or B is too large for a float, as in
        hundreds of columns; or see :func:`quadrature_error`.

    Examples
    --------
    Two Gaussian distributions, whose scores differ by a linear function:

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
    g = _check_field_bandwidth(field_bandwidth)
    n_splits = check_scalar(n_splits, "n_splits", Integral, min_val=2)
    ensemble = _smooth_ensemble(X, Y, h[0] if g is None else g, kernel, sample_weight)
    x, y = ensemble.x, ensemble.y
    weight = None if sample_weight is None else np.exp(ensemble.log_weights)
    for name, rows in (("X", x), ("Y", y)):
        if len(rows) < 2 * n_splits:
            raise ValueError(
                f"{name} has {len(rows)} rows (of positive weight), too few for "
                f"n_splits={n_splits} parts of at least 2 rows. Use more rows or fewer "
                "splits."
            )
    random_state = check_random_state(random_state)

    def measured(i, j):
        part = None if weight is None else weight[j]
        curves = measure(x[i], y[j], h, ensemble.kernel, part, g, n_samples, rng())
        return curves, fit_rates(h, *curves, len(x[i]), x.shape[1])

    def rng():
        return np.random.RandomState(random_state.randint(np.iinfo(np.int32).max))

    everything = slice(None)
    curves, whole = measured(everything, everything)
    parts = [np.array_split(random_state.permutation(len(z)), n_splits) for z in (x, y)]
    splits = [measured(i, j)[1] for i, j in zip(*parts, strict=True)]
    numbers = [_numbers(fit, len(x), x.shape[1]) for fit in (whole, *splits)]
    a, b, beta, slope, bandwidth = _estimates(numbers)
    return RateConstants(a, b, beta, slope, bandwidth, h, *curves)


def _check_bandwidths(bandwidths):
    h = check_array(bandwidths, ensure_2d=False, dtype=float, input_name="bandwidths")
    if h.ndim != 1 or len(np.unique(h)) < 3 or h.min() <= 0:
        raise ValueError(
            "The 'bandwidths' must be at least 3 different positive numbers, because a "
            f"power law is fitted to them; got {bandwidths!r}."
        )
    return h


class RateFit(NamedTuple):
    """Power laws of one ensemble: logarithms of A and B, beta and the slope."""

    log_a: float
    log_b: float
    beta: float
    slope: float


def measure(x, y, bandwidths, kernel, weight, field_bandwidth, n_samples, rng):
    """Self-interaction and quadrature error at every bandwidth."""
    own = np.array([self_interaction(x, h, kernel=kernel) for h in bandwidths])
    fields = bandwidths if field_bandwidth is None else [field_bandwidth]
    ensembles = [Ensemble(x, y, g, kernel, sample_weight=weight) for g in fields]
    pairs = _Pairs(ensembles[0], n_samples, rng)
    means = [pairs.at_particles(ensemble) for ensemble in ensembles]
    if field_bandwidth is not None:
        ensembles, means = ensembles * len(bandwidths), means * len(bandwidths)
    cases = zip(ensembles, means, bandwidths, strict=True)
    return own, np.array([pairs.error(*case).total for case in cases])


def fit_rates(bandwidths, own, quadrature, n_particles, n_features):
    """Fit the power laws to the curves."""
    rounding = _ROUNDING * n_features / np.square(bandwidths)
    if not np.all(quadrature > rounding):
        raise ValueError(
            "There is no quadrature error to fit a power law to: the velocity is the "
            "same everywhere. Particles and data are the same points, or all points "
            "coincide, or no point has neighbours at these bandwidths."
        )
    log_h, power = np.log(bandwidths), n_features + 2
    rise, log_b = np.polyfit(log_h, np.log(quadrature), 1)
    slope = np.polyfit(log_h, np.log(own), 1)[0]
    log_a = np.mean(np.log(own) + np.log(n_particles) + power * log_h)
    return RateFit(float(log_a), float(log_b), float(2 - rise), float(slope))


def _numbers(fit, n, d):
    """A, B, beta, slope and the bandwidth for n particles."""
    with np.errstate(over="ignore"):
        a, b = np.exp(fit.log_a), np.exp(fit.log_b)
    if not (np.isfinite(a) and np.isfinite(b)):
        raise ValueError(
            f"The constants A = exp({fit.log_a:.4g}) and B = exp({fit.log_b:.4g}) for "
            f"{d} columns are too large for a float; use other units."
        )
    log_h = log_optimum(fit, n, d)
    return a, b, fit.beta, fit.slope, np.exp(log_h)


def _estimates(numbers):
    """First value of every number, with its standard error from the other values."""
    for values in zip(*numbers, strict=True):
        splits = np.array(values[1:])
        spread = splits.std(ddof=1) if np.isfinite(splits).all() else np.inf
        yield Estimate(float(values[0]), float(spread / np.sqrt(len(splits))))


def log_optimum(fit, n, d):
    """Logarithm of the bandwidth that minimises the sum of the two power laws."""
    if fit.beta >= 2:
        return np.inf
    log_ratio = np.log((d + 2) / ((2 - fit.beta) * n)) + fit.log_a - fit.log_b
    return log_ratio / (d + 4 - fit.beta)


def optimal_bandwidth(
    A: float, B: float, beta: float, n_particles: int, n_features: int
) -> float:
    """Bandwidth that balances self-interaction and quadrature error.

    ``h* = ((d+2) A / ((2-beta) B N))^(1/(d+4-beta))`` minimises ``A / (N h^(d+2)) + B
    h^(2-beta)`` (arXiv:2605.22795, eq. 26).

    Parameters
    ----------
    A, B : float
        Positive constants.
    beta : float
        Growth of the quadrature constants, below 2; from 2 on, the error vanishes at
        no bandwidth.
    n_particles : int
        Number N.
    n_features : int
        The dimension d.

    Returns
    -------
    float
        Bandwidth in the unit of length of A and B.

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
            "The 'beta' must be finite and below 2, because otherwise no bandwidth is "
            f"optimal; got {beta}. If the quadrature error falls as the bandwidth "
            "grows, the field varies on the scale of the kernel: use more particles."
        )
    n = check_scalar(n_particles, "n_particles", Integral, min_val=1)
    d = check_scalar(n_features, "n_features", Integral, min_val=1)
    fit = RateFit(np.log(A), np.log(B), beta, slope=-(d + 2.0))
    return float(np.exp(log_optimum(fit, n, d)))
