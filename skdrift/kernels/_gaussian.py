"""The Gaussian kernel."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from ._base import LOG2_E, CompiledForm, Kernel

if TYPE_CHECKING:
    from .._typing import Array, ArrayLike, Floats


class Gaussian(Kernel):
    """Gaussian kernel ``k(r) = exp(-r^2 / 2)``, its own companion and slope.

    Examples
    --------
    >>> from skdrift.kernels import Gaussian
    >>> round(float(Gaussian().profile(1.0)), 4)
    0.6065
    """

    is_own_slope = True

    def log_profile(self, r2: Array) -> Array:
        """Log profile ``-r^2 / 2``; see :meth:`Kernel.log_profile`."""
        return -0.5 * r2

    def slope_ratio(self, r2: Array) -> Array:
        """Constant 1; see :meth:`Kernel.slope_ratio`."""
        return 0.0 * r2 + 1.0

    def curvature_ratio(self, r2: Array) -> Array:
        """Constant 1; see :meth:`Kernel.curvature_ratio`."""
        return 0.0 * r2 + 1.0

    def sharp(self) -> Kernel:
        """Return the kernel itself; see :meth:`Kernel.sharp`."""
        return self

    def squared(self) -> tuple[Kernel, float]:
        """Return the kernel itself and ``sqrt(2)``; see :meth:`Kernel.squared`."""
        return self, sqrt(2.0)

    def gaussian_mixture(self, least: float) -> tuple[Floats, Floats]:
        """One Gaussian; see :meth:`Kernel.gaussian_mixture`."""
        return np.array([0.5]), np.array([1.0])

    def compiled_form(self, bandwidth: float, slope: bool) -> CompiledForm:
        """Exponential of the squared distance; see :meth:`Kernel.compiled_form`."""
        return CompiledForm("gaussian", 0.5 * LOG2_E / bandwidth**2, 1.0)

    def log_normalizer(self, n_features: int) -> float:
        """Closed form; see :meth:`Kernel.log_normalizer`."""
        return -0.5 * n_features * np.log(2.0 * np.pi)

    def spectrum(self, u: ArrayLike, n_features: int) -> Floats:
        """``exp(-u^2 / 2)``; see :meth:`Kernel.spectrum`."""
        return np.exp(-0.5 * np.square(u))

    def noise(
        self, n: int, n_features: int, random_state: np.random.RandomState
    ) -> Floats:
        """Draws of the normal distribution; see :meth:`Kernel.noise`."""
        return random_state.standard_normal((n, n_features))
