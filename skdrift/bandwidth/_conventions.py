"""Conversions between conventions for the scale of a kernel."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

# The number b of a convention is ``c h ** p``: by name (c, p), for d columns.
_LAWS = {
    "sigma": lambda d: (1.0, 1),
    "gamma": lambda d: (0.5, -2),
    "epsilon": lambda d: (2.0, 2),
    "temperature": lambda d: (1.0, 1),
    "temperature_sqrt_d": lambda d: (d**-0.5, 1),
    "length_scale_matern12": lambda d: (1.0, 1),
    "length_scale_matern32": lambda d: (3**0.5, 1),
    "length_scale_matern52": lambda d: (5**0.5, 1),
}


def bandwidth_from(
    value: ArrayLike, convention: str, n_features: int | None = None
) -> float | Floats:
    """Bandwidth h of a kernel whose scale is given in another convention.

    Kernels up to a factor, of the distance r = ``|x - y|`` in d columns, b the number
    that is given:

    ====================== ============================ ============= =================
    `convention`           kernel                       h             used by
    ====================== ============================ ============= =================
    sigma                  exp(-r^2 / (2 b^2))          b             Gaussian kernel
                                                                      here; ``RBF`` of
                                                                      scikit-learn
    gamma                  exp(-b r^2)                  1 / sqrt(2 b) ``rbf_kernel`` of
                                                                      scikit-learn
    epsilon                exp(-r^2 / b)                sqrt(b / 2)   diffusion maps;
                                                                      entropic transport
                                                                      at the cost r^2
    temperature            exp(-r / b)                  b             Laplace kernel
                                                                      here; drifting in
                                                                      the plane
    temperature_sqrt_d     exp(-r / (b sqrt(d)))        b sqrt(d)     drifting of
                                                                      features
    length_scale_matern12  exp(-r / b)                  b             ``Matern`` of
                                                                      scikit-learn
    length_scale_matern32  (1 + s) exp(-s),             b / sqrt(3)   the same
                           s = sqrt(3) r / b
    length_scale_matern52  (1 + s + s^2 / 3) exp(-s),   b / sqrt(5)   the same
                           s = sqrt(5) r / b
    ====================== ============================ ============= =================

    Where entropic transport has the cost ``r^2 / 2``, epsilon is ``h^2``: give twice
    that epsilon. The Laplacian kernel of scikit-learn is one of the sum of absolute
    differences, and has no bandwidth here. The result is a length in the units of r;
    drifters take bandwidths in standard deviations unless ``standardize=False``.

    Parameters
    ----------
    value : float or array-like
        The number b, positive.
    convention : str
        What b means, one of the names in the table.
    n_features : int, default=None
        Number of columns d, which only ``"temperature_sqrt_d"`` needs.

    Returns
    -------
    float or ndarray of the shape of `value`
        Bandwidth h, a length.

    Raises
    ------
    ValueError
        If there is no such convention, a number is not positive and finite, or
        `n_features` is missing or less than 1.

    See Also
    --------
    bandwidth_to : The way back.

    References
    ----------
    Deng et al., *Generative Modeling via Drifting*, arXiv:2602.04770, eq. 12 and 22.
    They scale features such that their mean distance is ``sqrt(d)``; that of
    standardised independent columns is near ``sqrt(2 d)``.

    Examples
    --------
    >>> from skdrift.conventions import bandwidth_from
    >>> bandwidth_from(0.5, "gamma")
    1.0
    >>> bandwidth_from([0.02, 0.05, 0.2], "temperature_sqrt_d", n_features=16)
    array([0.08, 0.2 , 0.8 ])
    """
    b = _positive(value, "value")
    c, p = _law(convention, n_features)
    return _as_given((b / c) ** (1 / p))


def bandwidth_to(
    bandwidth: ArrayLike, convention: str, n_features: int | None = None
) -> float | Floats:
    """Number that stands for a bandwidth in another convention.

    Parameters
    ----------
    bandwidth : float or array-like
        Bandwidth h, positive.
    convention : str
        One of the names in the table of :func:`bandwidth_from`.
    n_features : int, default=None
        Number of columns d, which only ``"temperature_sqrt_d"`` needs.

    Returns
    -------
    float or ndarray of the shape of `bandwidth`
        The number b of that convention.

    Raises
    ------
    ValueError
        As :func:`bandwidth_from`.

    See Also
    --------
    bandwidth_from : The table, and the way back.

    Examples
    --------
    >>> from skdrift.conventions import bandwidth_to
    >>> bandwidth_to(0.5, "gamma")
    2.0
    """
    h = _positive(bandwidth, "bandwidth")
    c, p = _law(convention, n_features)
    return _as_given(c * h**p)


def _law(convention, n_features):
    if not (isinstance(convention, str) and convention in _LAWS):
        raise ValueError(
            f"The 'convention' must be one of {sorted(_LAWS)}; got {convention!r}."
        )
    if convention == "temperature_sqrt_d" and not (
        isinstance(n_features, Integral) and n_features >= 1
    ):
        raise ValueError(
            "The convention 'temperature_sqrt_d' needs the number of columns; give "
            f"'n_features', an int of at least 1, instead of {n_features!r}."
        )
    return _LAWS[convention](n_features)


def _positive(value, name):
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if not np.all((numbers > 0) & (numbers < np.inf)):
        raise ValueError(
            f"The '{name}' must be positive and finite numbers; got {value!r}."
        )
    return numbers


def _as_given(numbers):
    return numbers if np.ndim(numbers) else float(numbers)
