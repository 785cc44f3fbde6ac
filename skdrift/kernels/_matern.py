"""The Matérn kernels of half-integer order, the Laplace kernel among them."""

from __future__ import annotations

from math import factorial
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln, logsumexp

from ._base import LOG2_E, CompiledForm, Kernel, log_sphere_area, with_length

if TYPE_CHECKING:
    from .._typing import Array, ArrayLike, Floats


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

    def slope_ratio(self, r2: Array) -> Array:
        """Ratio ``theta_(p-1)(r) / theta_p(r)``; see :meth:`Kernel.slope_ratio`."""
        p, r = self._order(), np.sqrt(r2)
        if p == 0:
            return 1.0 / r
        return _horner(_reverse_bessel(p - 1), r) / _horner(_reverse_bessel(p), r)

    def curvature_ratio(self, r2: Array) -> Array:
        """Ratio ``theta_(p-2)(r) / theta_p(r)``; see :meth:`Kernel.curvature_ratio`.

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
        return float(-log_sphere_area(n_features) - logsumexp(log_moments))

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

    def compiled_form(self, bandwidth: float, slope: bool) -> CompiledForm:
        """Polynomials times an exponential; see :meth:`Kernel.compiled_form`."""
        p = self._order()
        form = CompiledForm(
            "matern", bandwidth**-2, LOG2_E, normalizer=tuple(_reverse_bessel(p))
        )
        if not slope:
            return form
        if p == 0:
            return form._replace(pull_kind="reciprocal")
        return form._replace(pull_kind="polynomial", pull=tuple(_reverse_bessel(p - 1)))

    def noise(
        self, n: int, n_features: int, random_state: np.random.RandomState
    ) -> Floats:
        """Draws of a radius with the density ``r^(d-1) theta_p(r) exp(-r)``.

        This is a mixture of Gamma distributions, one for each power of r; see
        :meth:`Kernel.noise`.
        """
        direction = random_state.standard_normal((n, n_features))
        coefficients = np.array(_reverse_bessel(self._order())[::-1])
        shapes = n_features + np.arange(len(coefficients))
        log_mass = np.log(coefficients) + gammaln(shapes)
        mass = np.exp(log_mass - log_mass.max())
        chosen = random_state.choice(len(mass), size=n, p=mass / mass.sum())
        return with_length(direction, random_state.gamma(shapes[chosen]))

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
