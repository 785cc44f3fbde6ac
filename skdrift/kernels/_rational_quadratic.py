"""The rational quadratic kernel and its sharp companions."""

from __future__ import annotations

from math import sqrt
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln, kve

from ._base import CompiledForm, Kernel

if TYPE_CHECKING:
    from .._typing import Array, ArrayLike, Floats


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
        log_ratio = -self._power() * np.log1p(r2 / (2.0 * self.alpha))
        return log_ratio + self._log_amplitude()

    def slope_ratio(self, r2: Array) -> Array:
        """Ratio ``1 / (1 + r^2/(2 alpha))``; see :meth:`Kernel.slope_ratio`."""
        self._check_alpha()
        return (self._power() / self.alpha) / (1.0 + r2 / (2.0 * self.alpha))

    def curvature_ratio(self, r2: Array) -> Array:
        """Closed form ``(1 + 1/alpha) ratio^2``; see :meth:`Kernel.curvature_ratio`."""
        return (1.0 + 1.0 / self._power()) * np.square(self.slope_ratio(r2))

    def sharp(self) -> Kernel:
        """Return ``alpha/(alpha-1) (1 + r^2/(2 alpha))^(1-alpha)`` as a kernel."""
        return _RationalQuadraticSharp(alpha=self.alpha, steps=1)

    def squared(self) -> tuple[Kernel, float] | None:
        """Kernel of twice the exponent, and ``sqrt(2)``; see :meth:`Kernel.squared`."""
        return RationalQuadratic(2 * self.alpha), sqrt(2.0)

    def compiled_form(self, bandwidth: float, slope: bool) -> CompiledForm:
        """Power of ``1 + r^2/(2 alpha)``; see :meth:`Kernel.compiled_form`."""
        factor = float(self.slope_ratio(0.0))
        return CompiledForm(
            "rational",
            0.5 / (self.alpha * bandwidth**2),
            factor * self.alpha,
            pull_kind="reciprocal" if slope else "same",
            pull=(factor,),
            log_amplitude=float(self.log_profile(0.0)),
        )

    def noise(
        self, n: int, n_features: int, random_state: np.random.RandomState
    ) -> Floats:
        """Draws of a multivariate t distribution; see :meth:`Kernel.noise`.

        It is a mixture of Gaussians by their scale.
        """
        direction = random_state.standard_normal((n, n_features))
        freedom = 2 * self._power() - n_features
        scale = random_state.chisquare(freedom, n) / (2 * self.alpha)
        return direction / np.sqrt(scale)[:, None]

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
        """Excess of the power over ``d / 2``, where the integral diverges."""
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

    def squared(self):
        return None

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
