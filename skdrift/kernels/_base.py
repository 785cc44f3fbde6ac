"""Base class of the kernels: two functions, and all that follows from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import gammaln, hyp0f1, logsumexp
from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from .._typing import Array, ArrayLike, Floats

LOG2_E = 1.4426950408889634

# Log of the radius at which the distribution of radii of a kernel is tabulated.
_LOG_RADII = np.linspace(-30.0, 30.0, 60_001)

# What a kernel may state in closed form, for one profile.
_CLOSED_FORMS = {
    "is_own_slope",
    "curvature_ratio",
    "slope_at_zero",
    "sharp",
    "gaussian_mixture",
    "log_normalizer",
    "spectrum",
    "laplacian_at_zero",
    "noise",
    "squared",
    "compiled_form",
}


class CompiledForm(NamedTuple):
    """A profile and a pull as numbers for compiled loops.

    The profile is ``exp(log_amplitude) P(u) 2^t`` of the squared distance d2, with

    * ``t = -scale d2`` ("gaussian"),
    * ``u = sqrt(scale d2)`` and ``t = -rate u`` ("matern"),
    * ``u = 1 + scale d2`` and ``t = -rate log2(u)`` ("rational").

    The `normalizer` are the coefficients of P, highest power first. The pull is the
    same ("same"), or has another polynomial in place of P ("polynomial"), or is the
    profile times a factor over u ("reciprocal"); `pull` has the coefficients of that
    polynomial, or the factor.
    """

    family: Literal["gaussian", "matern", "rational"]
    scale: float
    rate: float
    normalizer: tuple[float, ...] = (1.0,)
    pull_kind: Literal["same", "polynomial", "reciprocal"] = "same"
    pull: tuple[float, ...] = (1.0,)
    log_amplitude: float = 0.0


class Kernel(BaseEstimator):
    """Base class of the radial kernels; subclass it to write your own.

    A subclass defines :meth:`log_profile` and :meth:`slope_ratio`, both elementwise
    and written with arithmetic, powers and the NumPy functions abs, sqrt, square, exp,
    expm1, log, log1p, tanh, sin, cos and arctan, so that every engine can evaluate
    them. Parameters are stored by ``__init__`` unchanged, as in any scikit-learn
    estimator; this makes them tunable as ``kernel__<name>``.

    All other methods have numerical defaults, or say that they do not know, and may be
    replaced by closed forms. A closed form belongs to the profile it was written for:
    a subclass that defines `log_profile` or `slope_ratio` gets the defaults of this
    class for all closed forms that it does not define itself.

    Attributes
    ----------
    is_own_slope : bool
        Whether ``kb = k``, which is true of the Gaussian only.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.kernels import Kernel
    >>> class Logistic(Kernel):
    ...     "k(r) = 1 / (2 cosh(r))."
    ...     def log_profile(self, r2):
    ...         r = np.sqrt(r2)
    ...         return -r - np.log1p(np.exp(-2.0 * r))
    ...     def slope_ratio(self, r2):
    ...         r = np.sqrt(r2)
    ...         return np.tanh(r) / r
    >>> round(float(Logistic().slope(0.5)), 4)
    0.4098
    """

    is_own_slope: bool = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        own = vars(cls).keys()
        if own & {"log_profile", "slope_ratio"}:
            for name in _CLOSED_FORMS - own:
                setattr(cls, name, vars(Kernel)[name])

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

    def slope_ratio(self, r2: Array) -> Array:
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
        message = f"{type(self).__name__} must define slope_ratio(r2)"
        if hasattr(self, "pull"):
            message += ", which was called pull(r2) before version 0.2: rename it"
        raise NotImplementedError(message)

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
        return self.profile(r) * self.slope_ratio(np.square(r))

    def curvature_ratio(self, r2: Array) -> Array:
        """Slope of the slope over value, ``kbb(r) / k(r)``.

        Jacobians of fields need it. The base class differentiates :meth:`slope_ratio`
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
            infinite or undefined, like :meth:`slope_ratio`.
        """
        # kbb = k (ratio^2 - 2 d ratio / d r2); steps are short against r and against 1.
        step = 2e-3 * r2 / np.maximum(1.0, np.sqrt(r2))
        near = self.slope_ratio(r2 + step) - self.slope_ratio(r2 - step)
        far = self.slope_ratio(r2 + 2 * step) - self.slope_ratio(r2 - 2 * step)
        return np.square(self.slope_ratio(r2)) - (8 * near - far) / (6 * step)

    def slope_at_zero(self) -> float:
        """Slope ``kb(0)`` at the origin.

        Returns
        -------
        float
            Infinite for a kernel with a kink at the origin.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = float(self.slope(np.float64(0.0)))
            if np.isnan(slope):  # 0 / 0 as it is written, with a finite limit
                slope = float(self.slope(np.float64(1e-4)))
        return slope

    def sharp(self) -> Kernel:
        """Sharp companion ``k#(r) = int_r^inf s k(s) ds``, as a kernel.

        Returns
        -------
        Kernel
            The kernel whose slope is the profile of this one.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no sharp companion; define sharp()"
        )

    def squared(self) -> tuple[Kernel, float] | None:
        """Square of the kernel, where it is a known kernel of another scale.

        Returns
        -------
        kernel, factor : Kernel and float, or None
            ``k(r)^2 = kernel(factor r)``; None if no such kernel is known.
        """
        return None

    def gaussian_mixture(self, least: float) -> tuple[Floats, Floats] | None:
        """Gaussians that add up to the kernel, if it is such a mixture.

        Spectral sums need it: they transform the Gaussians of the mixture to
        frequencies and leave the contribution of the narrowest to sums over neighbours.

        Parameters
        ----------
        least : float
            Smallest ``t`` that is wanted.

        Returns
        -------
        t, weight : ndarray of shape (n_gaussians,) or None
            ``k(r) = sum weight exp(-r^2 / (4 t))``, for all r where Gaussians of
            `t` below `least` are negligible; None if the kernel is no such sum.
        """
        return None

    def compiled_form(self, bandwidth: float, slope: bool) -> CompiledForm | None:
        """Numbers by which compiled loops evaluate the kernel.

        Parameters
        ----------
        bandwidth : float
            The kernel's scale h.
        slope : bool
            Whether the pull is the slope, and not the kernel itself.

        Returns
        -------
        CompiledForm or None
            None if the kernel has no such form: then its methods are compiled.
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
        return float(-log_sphere_area(n_features) - log_step - logsumexp(log_f))

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
        error below 1e-8), up to the highest frequency that its grid resolves: about 30
        for exponential tails, less for heavier ones.

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
        return -n_features * amplitude * self.slope_at_zero()

    def second_moment(self, n_features: int) -> float:
        """Second moment of the normalised unit-scale kernel in R^d.

        ``mu_2 = int |z|^2 c_d k(|z|) dz``, the mean square length of its
        :meth:`noise`. For bandwidth h multiply by ``h ** 2``.

        Parameters
        ----------
        n_features : int
            The dimension d.

        Returns
        -------
        float
            ``mu_2``: d for the Gaussian.

        Raises
        ------
        ValueError
            If the second moment is infinite.
        """
        # The integral of r^2 k over R^d is that of k over R^(d+2), up to the areas.
        log_ratio = self.log_normalizer(n_features) - self.log_normalizer(
            n_features + 2
        )
        return float(n_features / (2 * np.pi) * np.exp(log_ratio))

    def noise(
        self, n: int, n_features: int, random_state: np.random.RandomState
    ) -> Floats:
        """Random draws of the density proportional to ``k(|z|)`` in R^d.

        The base class inverts a tabulated distribution of the radius.

        Parameters
        ----------
        n : int
            Number of draws.
        n_features : int
            The dimension d.
        random_state : RandomState
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n, n_features)
            Draws of the unit-scale kernel; for bandwidth h multiply by h.
        """
        direction = random_state.standard_normal((n, n_features))
        log_mass = n_features * _LOG_RADII + self.log_profile(np.exp(2 * _LOG_RADII))
        mass = np.exp(log_mass - log_mass.max())
        below = np.cumsum(mass) - 0.5 * mass
        below /= below[-1]
        uniform = random_state.random_sample(n)
        return with_length(direction, np.exp(np.interp(uniform, below, _LOG_RADII)))

    def _not_integrable(self, n_features):
        return ValueError(
            f"The kernel {self!r} has no finite integral in {n_features} dimensions, "
            "so it defines no density there; use a kernel with lighter tails."
        )


def log_sphere_area(d):
    """Log surface area of the unit sphere in R^d."""
    return np.log(2.0) + 0.5 * d * np.log(np.pi) - gammaln(0.5 * d)


def with_length(directions, length):
    """Vectors of given directions and lengths, one in each row."""
    return directions * (length / np.linalg.norm(directions, axis=1))[:, None]
