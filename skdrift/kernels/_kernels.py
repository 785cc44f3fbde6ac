"""Radial kernels and the ladder that connects them.

A kernel is a profile ``k(r)`` of the scaled distance ``r = |x - y| / h``. Two
neighbours belong to it: its *sharp companion* ``k#(r) = int_r^inf s k(s) ds``,
whose gradient is the pull of ``k``, and its *slope* ``kb(r) = -k'(r) / r``, the
pull of the gradient of ``k`` itself; ``(k#)b = k``. The Gaussian is the only
kernel that is its own neighbour, which is why its mean shift is a gradient.

Every engine works in the log domain, so a kernel states two functions of the
*squared* scaled distance, written with NumPy functions only:

* ``log_profile(r2)``: ``log k(r)``;
* ``pull(r2)``: ``kb(r) / k(r) = -(d log k / dr) / r``.

Everything else follows from these two; derivatives of fields need the slope of the
slope as well, ``curvature(r2)``.
"""

from __future__ import annotations

from math import factorial
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln, hyp0f1, kve, logsumexp
from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import Array, Floats, KernelName

__all__ = [
    "Gaussian",
    "Kernel",
    "Matern",
    "RationalQuadratic",
    "get_kernel",
    "slope_at_zero",
]


class Kernel(BaseEstimator):
    """Base class of the radial kernels; subclass it to write one of your own.

    A subclass defines :meth:`log_profile` and :meth:`pull`, both elementwise and
    written with arithmetic, powers and the NumPy functions abs, sqrt, square, exp,
    expm1, log, log1p, tanh, sin, cos and arctan, so that every engine can evaluate
    them. Parameters go through ``__init__`` unchanged, as in any
    scikit-learn estimator; this makes them tunable as ``kernel__<name>``.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.kernels import Kernel
    >>> class Logistic(Kernel):
    ...     "k(r) = 1 / (2 cosh(r))."
    ...     def log_profile(self, r2):
    ...         r = np.sqrt(r2)
    ...         return -r - np.log1p(np.exp(-2.0 * r))
    ...     def pull(self, r2):
    ...         r = np.sqrt(r2)
    ...         return np.tanh(r) / r
    >>> round(float(Logistic().slope(0.5)), 4)
    0.4098
    """

    def log_profile(self, r2: Array) -> Array:
        """Log of the kernel profile, ``log k(r)``.

        Parameters
        ----------
        r2 : array
            Squared scaled distances ``|x - y|^2 / h^2``.

        Returns
        -------
        array
            ``log k(r)``, of the same shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define log_profile(r2)")

    def pull(self, r2: Array) -> Array:
        """Slope over value, ``kb(r) / k(r)``.

        Parameters
        ----------
        r2 : array
            Squared scaled distances ``|x - y|^2 / h^2``.

        Returns
        -------
        array
            ``-(d log k / dr) / r``, of the same shape. It may be infinite or
            undefined at ``r = 0``: a coincident point pulls in no direction, and
            the engines count its pull as 0.
        """
        raise NotImplementedError(f"{type(self).__name__} must define pull(r2)")

    def profile(self, r: Array) -> Array:
        """Kernel profile ``k(r)``, not normalised.

        Parameters
        ----------
        r : array
            Scaled distances ``|x - y| / h``.

        Returns
        -------
        array
            ``k(r)``, of the same shape.
        """
        return np.exp(self.log_profile(np.square(r)))

    def slope(self, r: Array) -> Array:
        """Slope ``kb(r) = -k'(r) / r``.

        Parameters
        ----------
        r : array
            Scaled distances ``|x - y| / h``.

        Returns
        -------
        array
            ``kb(r)``, of the same shape.
        """
        return self.profile(r) * self.pull(np.square(r))

    def curvature(self, r2: Array) -> Array:
        """Slope of the slope over value, ``kbb(r) / k(r)``.

        Jacobians of fields consist of it. The base class differentiates :meth:`pull`
        numerically, by five points, to about 1e-9 for profiles that vary on the unit
        scale.

        Parameters
        ----------
        r2 : array
            Squared scaled distances ``|x - y|^2 / h^2``.

        Returns
        -------
        array
            ``-(d kb / dr) / (r k)``, of the same shape. At ``r = 0`` it may be
            infinite or undefined, as :meth:`pull`.
        """
        # kbb = k (pull^2 - 2 d pull / d r2); steps are short against r and against 1.
        step = 2e-3 * r2 / np.maximum(1.0, np.sqrt(r2))
        near = self.pull(r2 + step) - self.pull(r2 - step)
        far = self.pull(r2 + 2 * step) - self.pull(r2 - 2 * step)
        return np.square(self.pull(r2)) - (8 * near - far) / (6 * step)

    def sharp(self) -> Kernel:
        """Sharp companion ``k#(r) = int_r^inf s k(s) ds``, as a kernel.

        Returns
        -------
        Kernel
            The kernel whose slope is the profile of this one.
        """
        raise NotImplementedError(
            f"{type(self).__name__} states no sharp companion; define sharp()"
        )

    def gaussian_mixture(self, least: float) -> tuple[Floats, Floats] | None:
        """Gaussians that add up to the kernel, where it is such a mixture.

        Spectral sums need it: they take the Gaussians of the mixture to frequencies
        and leave what the narrowest would add to sums over neighbours.

        Parameters
        ----------
        least : float
            Smallest ``t`` that is wanted.

        Returns
        -------
        t, weight : ndarray of shape (n_gaussians,) or None
            ``k(r) = sum weight exp(-r^2 / (4 t))``, for all r where Gaussians of
            `t` below `least` have died out; None if the kernel is no such sum.
        """
        return None

    def log_normalizer(self, n_features: int) -> float:
        """Log of the constant that makes ``c k(|z|)`` a density in R^d.

        The base class integrates the profile numerically (relative error below
        1e-8 for profiles that vary on the unit scale).

        Parameters
        ----------
        n_features : int
            The dimension d.

        Returns
        -------
        float
            ``log c_d``.

        Raises
        ------
        ValueError
            If the profile has no finite integral in this dimension.
        """
        log_r, log_f = self._log_radial_mass(n_features)
        log_step = np.log(log_r[1] - log_r[0])
        return float(-_log_sphere_area(n_features) - log_step - logsumexp(log_f))

    def _log_radial_mass(self, n_features):
        """Even grid of log r, and the log of ``r^d k(r)`` on it."""
        # With r = e^u the integrand e^(d u) k(e^u) is smooth and decays on both
        # sides, where the trapezoidal rule converges faster than any power.
        u = np.linspace(-60.0, 60.0, 48_001)
        with np.errstate(over="ignore"):
            log_f = n_features * u + self.log_profile(np.exp(2.0 * u))
        if not log_f[-1] < log_f.max() - 25.0:
            raise self._not_integrable(n_features)
        return u, log_f

    def spectrum(self, u: ArrayLike, n_features: int) -> Floats:
        """Fourier transform of the normalised unit-scale kernel in R^d.

        The characteristic function of the density ``c_d k(|z|)``, which depends on
        the length of the frequency only. For bandwidth h evaluate it at ``h |xi|``.

        The base class transforms the profile numerically (Hankel transform, absolute
        error below 1e-8), up to the frequency that its grid resolves: about 30 for
        exponential tails, less for heavier ones.

        Parameters
        ----------
        u : array-like
            Lengths of frequencies, nonnegative.
        n_features : int
            The dimension d.

        Returns
        -------
        ndarray
            Of the shape of `u`; 1 at ``u = 0``.

        Raises
        ------
        ValueError
            If the profile has no finite integral in this dimension.
        NotImplementedError
            If a frequency is too high for the numerical transform.
        """
        u = np.asarray(u, dtype=np.float64)
        log_r, log_f = self._log_radial_mass(n_features)
        seen = log_f > log_f.max() - 25.0
        r, f = np.exp(log_r[seen]), np.exp(log_f[seen] - log_f.max())
        # Waves must not turn faster than the grid where there is mass.
        highest = 3.0 / (r[-1] * (log_r[1] - log_r[0]))
        if np.any(u > highest):
            raise NotImplementedError(
                f"The spectrum of {self!r} is known numerically up to frequencies of "
                f"{highest:.3g} per bandwidth; got {np.max(u):.3g}. Define spectrum() "
                "for higher ones."
            )
        # 0F1 is the mean of a wave over the sphere of radius r.
        half = 0.5 * n_features
        values = [f @ hyp0f1(half, -0.25 * (v * r) ** 2) for v in u.ravel()]
        return np.reshape(values, u.shape) / f.sum()

    def laplacian_at_zero(self, n_features: int) -> float:
        """Laplacian at the origin of the normalised unit-scale kernel.

        For bandwidth h multiply by ``h ** -(d + 2)``.

        Parameters
        ----------
        n_features : int
            The dimension d.

        Returns
        -------
        float
            ``-d c_d kb(0)``; ``-inf`` for a kernel with a kink at the origin.
        """
        amplitude = np.exp(self.log_normalizer(n_features))
        return -n_features * amplitude * slope_at_zero(self)

    def _not_integrable(self, n_features):
        return ValueError(
            f"The kernel {self!r} has no finite integral in {n_features} dimensions, "
            "so it defines no density there; use one with lighter tails."
        )


def slope_at_zero(kernel: Kernel) -> float:
    """Slope ``kb(0)`` of a kernel.

    Parameters
    ----------
    kernel : Kernel
        Kernel k.

    Returns
    -------
    float
        Infinite for a kernel with a kink at the origin.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = float(kernel.slope(np.float64(0.0)))
        if np.isnan(slope):  # 0 / 0 as it is written, with a finite limit
            slope = float(kernel.slope(np.float64(1e-4)))
    return slope


def _log_sphere_area(d):
    """Log surface area of the unit sphere in R^d."""
    return np.log(2.0) + 0.5 * d * np.log(np.pi) - gammaln(0.5 * d)


class Gaussian(Kernel):
    """Gaussian kernel ``k(r) = exp(-r^2 / 2)``, its own companion and slope.

    Examples
    --------
    >>> from skdrift.kernels import Gaussian
    >>> round(float(Gaussian().profile(1.0)), 4)
    0.6065
    """

    def log_profile(self, r2: Array) -> Array:
        """Log profile ``-r^2 / 2``; see :meth:`Kernel.log_profile`."""
        return -0.5 * r2

    def pull(self, r2: Array) -> Array:
        """Constant 1; see :meth:`Kernel.pull`."""
        return 0.0 * r2 + 1.0

    def curvature(self, r2: Array) -> Array:
        """Constant 1; see :meth:`Kernel.curvature`."""
        return 0.0 * r2 + 1.0

    def sharp(self) -> Kernel:
        """Return the kernel itself; see :meth:`Kernel.sharp`."""
        return self

    def gaussian_mixture(self, least: float) -> tuple[Floats, Floats]:
        """One Gaussian; see :meth:`Kernel.gaussian_mixture`."""
        return np.array([0.5]), np.array([1.0])

    def log_normalizer(self, n_features: int) -> float:
        """Closed form; see :meth:`Kernel.log_normalizer`."""
        return -0.5 * n_features * np.log(2.0 * np.pi)

    def spectrum(self, u: ArrayLike, n_features: int) -> Floats:
        """``exp(-u^2 / 2)``; see :meth:`Kernel.spectrum`."""
        return np.exp(-0.5 * np.square(u))


class Matern(Kernel):
    """Matérn kernel of half-integer order, in its plain scaling.

    With ``p = nu - 1/2`` the profile is ``theta_p(r) exp(-r)``, theta_p the
    reverse Bessel polynomial: ``exp(-r)`` (the Laplace kernel), ``(1 + r)
    exp(-r)``, ``(3 + 3 r + r^2) exp(-r)``, and so on. In this scaling each is
    exactly the sharp companion of the one before (Franz et al., *Drifting
    Fields are not Conservative*, arXiv:2604.06333).

    Parameters
    ----------
    nu : float, default=1.5
        Order: 0.5, 1.5, 2.5, ... The profile is ``2 nu - 1`` times
        differentiable at the origin.

    Examples
    --------
    >>> from skdrift.kernels import Matern
    >>> laplace = Matern(nu=0.5)
    >>> laplace.sharp()
    Matern()
    >>> float(laplace.sharp().slope(2.0) / laplace.profile(2.0))
    1.0
    """

    def __init__(self, nu: float = 1.5) -> None:
        self.nu = nu

    def log_profile(self, r2: Array) -> Array:
        """Log profile ``log theta_p(r) - r``; see :meth:`Kernel.log_profile`."""
        p, r = self._order(), np.sqrt(r2)
        return -r if p == 0 else np.log(_horner(_reverse_bessel(p), r)) - r

    def pull(self, r2: Array) -> Array:
        """Ratio ``theta_(p-1)(r) / theta_p(r)``; see :meth:`Kernel.pull`."""
        p, r = self._order(), np.sqrt(r2)
        if p == 0:
            return 1.0 / r
        return _horner(_reverse_bessel(p - 1), r) / _horner(_reverse_bessel(p), r)

    def curvature(self, r2: Array) -> Array:
        """Ratio ``theta_(p-2)(r) / theta_p(r)``; see :meth:`Kernel.curvature`.

        With ``theta_(-n-1) = theta_n / r^(2 n + 1)`` below order zero.
        """
        p, r = self._order(), np.sqrt(r2)
        rung = p - 2 if p >= 2 else 1 - p
        ratio = _horner(_reverse_bessel(rung), r) / _horner(_reverse_bessel(p), r)
        return ratio if p >= 2 else ratio / r ** (2 * rung + 1)

    def sharp(self) -> Kernel:
        """Return the Matérn kernel one order up; see :meth:`Kernel.sharp`."""
        return Matern(nu=self.nu + 1)

    def log_normalizer(self, n_features: int) -> float:
        """Closed form; see :meth:`Kernel.log_normalizer`."""
        coefficients = _reverse_bessel(self._order())
        powers = np.arange(len(coefficients))[::-1]
        log_moments = gammaln(n_features + powers) + np.log(coefficients)
        return float(-_log_sphere_area(n_features) - logsumexp(log_moments))

    def spectrum(self, u: ArrayLike, n_features: int) -> Floats:
        """``(1 + u^2)^-(nu + d/2)``; see :meth:`Kernel.spectrum`."""
        self._order()
        return np.exp(-(self.nu + 0.5 * n_features) * np.log1p(np.square(u)))

    def gaussian_mixture(self, least: float) -> tuple[Floats, Floats]:
        """Density proportional to ``t^(nu-1) exp(-t)``.

        See :meth:`Kernel.gaussian_mixture`. The trapezoidal rule in log t is exact to
        rounding, as the integrand dies out at both ends.
        """
        step = 0.25 / (1 + self.nu / 8)
        log_t = np.arange(np.log(least), np.log(40.0 + 2 * self.nu), step)
        t = np.exp(log_t)
        log_weight = self.nu * log_t - t - gammaln(self.nu) + self.log_profile(0.0)
        return t, step * np.exp(log_weight)

    def _order(self):
        if not (isinstance(self.nu, Real) and self.nu in np.arange(0.5, 50)):
            raise ValueError(
                "The 'nu' parameter of Matern must be 0.5, 1.5, 2.5, ... 49.5; "
                f"got {self.nu!r} instead."
            )
        return int(self.nu)


def _reverse_bessel(p):
    """Coefficients of the reverse Bessel polynomial theta_p, highest power first."""
    return [
        float(factorial(p + k) // (factorial(p - k) * factorial(k) * 2**k))
        for k in range(p + 1)
    ]


def _horner(coefficients, r):
    value = 0.0 * r + coefficients[0]
    for c in coefficients[1:]:
        value = value * r + c
    return value


class RationalQuadratic(Kernel):
    """Rational quadratic kernel ``k(r) = (1 + r^2 / (2 alpha)) ^ -alpha``.

    A scale mixture of Gaussians with heavy tails. It is a density in R^d only
    for ``alpha > d / 2``, and has a sharp companion only for ``alpha > 1``; the
    drifting fields exist for every ``alpha > 0``.

    Parameters
    ----------
    alpha : float, default=2.0
        Tail exponent; the Gaussian is the limit of large `alpha`.

    Examples
    --------
    >>> from skdrift.kernels import RationalQuadratic
    >>> round(float(RationalQuadratic(alpha=2.0).profile(2.0)), 4)
    0.25
    """

    def __init__(self, alpha: float = 2.0) -> None:
        self.alpha = alpha

    def log_profile(self, r2: Array) -> Array:
        """Log profile ``-alpha log(1 + r^2/(2 alpha))``."""
        self._check_alpha()
        return (
            -self._power() * np.log1p(r2 / (2.0 * self.alpha)) + self._log_amplitude()
        )

    def pull(self, r2: Array) -> Array:
        """Ratio ``1 / (1 + r^2/(2 alpha))``; see :meth:`Kernel.pull`."""
        self._check_alpha()
        return (self._power() / self.alpha) / (1.0 + r2 / (2.0 * self.alpha))

    def curvature(self, r2: Array) -> Array:
        """Closed form ``(1 + 1/alpha) pull^2``; see :meth:`Kernel.curvature`."""
        return (1.0 + 1.0 / self._power()) * np.square(self.pull(r2))

    def sharp(self) -> Kernel:
        """Return ``alpha/(alpha-1) (1 + r^2/(2 alpha))^(1-alpha)`` as a kernel."""
        return _RationalQuadraticSharp(alpha=self.alpha, steps=1)

    def log_normalizer(self, n_features: int) -> float:
        """Closed form; see :meth:`Kernel.log_normalizer`."""
        excess = self._excess(n_features)
        return float(
            -self._log_amplitude()
            - 0.5 * n_features * np.log(2.0 * np.pi * self.alpha)
            - gammaln(excess)
            + gammaln(self._power())
        )

    def spectrum(self, u: ArrayLike, n_features: int) -> Floats:
        """``z^e K_e(z) / (2^(e-1) Gamma(e))``; see :meth:`Kernel.spectrum`.

        With ``e = alpha - d/2`` and ``z = sqrt(2 alpha) u``, K_e the modified Bessel
        function of the second kind.
        """
        z = np.sqrt(2.0 * self.alpha) * np.asarray(u, dtype=np.float64)
        return _matern_correlation(self._excess(n_features), z)

    def _excess(self, n_features):
        """How much the power exceeds that of the heaviest tails with an integral."""
        self._check_alpha()
        excess = self._power() - 0.5 * n_features
        if excess <= 0:
            raise self._not_integrable(n_features)
        return excess

    def _power(self):
        return float(self.alpha)

    def _log_amplitude(self):
        return 0.0

    def _check_alpha(self):
        if not (isinstance(self.alpha, Real) and 0 < self.alpha < np.inf):
            raise ValueError(
                f"The 'alpha' parameter of {type(self).__name__} must be a positive "
                f"number; got {self.alpha!r} instead."
            )


# Bessel functions of higher orders overflow; their expansion errs by 4e-9 at most.
_MAX_BESSEL_ORDER = 50


def _matern_correlation(order, z):
    """``2^(1-e) z^e K_e(z) / Gamma(e)`` of order e, 1 at z = 0."""
    if order > _MAX_BESSEL_ORDER:
        return _matern_correlation_of_large_order(order, z)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scaled = kve(order, z)
        log_value = order * np.log(0.5 * z) - gammaln(order) + np.log(2 * scaled) - z
    # Where K_e overflows z is so small that the value is 1 to rounding.
    return np.where(np.isinf(scaled), 1.0, np.exp(log_value))


def _matern_correlation_of_large_order(order, z):
    # Debye's expansion (DLMF 10.41.4), over its value at z = 0.
    s = np.hypot(1.0, z / order)
    t = (z / order) ** 2 / (1 + s)  # s - 1, to all digits
    log_leading = order * (np.log1p(0.5 * t) - t) - 0.5 * np.log(s)
    return np.exp(log_leading) * _debye(1 / s, order) / _debye(1.0, order)


def _debye(p, order):
    u1 = (3 * p - 5 * p**3) / 24
    u2 = (81 * p**2 - 462 * p**4 + 385 * p**6) / 1152
    u3 = (30375 * p**3 - 369603 * p**5 + 765765 * p**7 - 425425 * p**9) / 414720
    return 1 - u1 / order + u2 / order**2 - u3 / order**3


class _RationalQuadraticSharp(RationalQuadratic):
    """The rational quadratic kernel `steps` rungs up the ladder."""

    def __init__(self, alpha=2.0, steps=1):
        super().__init__(alpha)
        self.steps = steps

    def sharp(self):
        return _RationalQuadraticSharp(alpha=self.alpha, steps=self.steps + 1)

    def _power(self):
        return float(self.alpha - self.steps)

    def _log_amplitude(self):
        # Each rung integrates s (1 + s^2/(2a))^-b and gains a factor a / (b - 1).
        rungs = self.alpha - np.arange(1, self.steps + 1)
        return float(np.sum(np.log(self.alpha / rungs)))

    def _check_alpha(self):
        if not self.alpha > self.steps:
            raise ValueError(
                f"RationalQuadratic(alpha={self.alpha!r}) has no sharp companion "
                f"{self.steps} step(s) up: the integral diverges unless alpha > "
                f"{self.steps}."
            )


_BY_NAME = {
    "gaussian": Gaussian(),
    "laplace": Matern(nu=0.5),
    "matern32": Matern(nu=1.5),
    "matern52": Matern(nu=2.5),
    "rational_quadratic": RationalQuadratic(),
}

KERNEL_NAMES = tuple(_BY_NAME)


def get_kernel(kernel: KernelName | Kernel) -> Kernel:
    """Return the kernel that a name stands for, or the kernel itself.

    Parameters
    ----------
    kernel : str or Kernel
        One of ``"gaussian"``, ``"laplace"``, ``"matern32"``, ``"matern52"``,
        ``"rational_quadratic"``, or a :class:`Kernel`.

    Returns
    -------
    Kernel
        A given kernel is returned as it is.

    Raises
    ------
    ValueError
        If the name is unknown or `kernel` is neither a name nor a kernel.

    Examples
    --------
    >>> from skdrift.kernels import get_kernel
    >>> get_kernel("matern52")
    Matern(nu=2.5)
    """
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, str) and kernel in _BY_NAME:
        return _BY_NAME[kernel]
    raise ValueError(
        f"The 'kernel' must be one of {sorted(_BY_NAME)} or a skdrift.kernels.Kernel; "
        f"got {kernel!r} instead."
    )
