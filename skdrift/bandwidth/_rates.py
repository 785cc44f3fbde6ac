"""Bandwidth rules, per unit standard deviation of the data.

Every rule is a function of the number of samples n (or their total weight) and the
number of columns d, and returns a multiple of the standard deviation of a column.
"""

from __future__ import annotations

import math

from .._docstrings import documented

__all__ = ["conservative_rate", "laplace_rate", "scott", "silverman"]

_SHARED = {
    "sizes_and_multiple": """
        Parameters
        ----------
        n : float
            Number of samples, at least 2.
        d : int
            Number of columns, at least 1.

        Returns
        -------
        float
            Bandwidth as a multiple of the standard deviation of a column.
        """
}


@documented(_SHARED)
def conservative_rate(n: float, d: int) -> float:
    """Rate of conservative drifting, ``sqrt(d/2) n^(-1/(d+4))``.

    The exponent is the one of Balasubramanian, arXiv:2605.22795, eq. 26 with
    ``beta = 0``. The constant lets the bandwidth grow with distances, which are about
    ``sqrt(2 d)``; it was chosen by sample quality on real data.

    {sizes_and_multiple}

    Examples
    --------
    >>> from skdrift.bandwidth import conservative_rate
    >>> round(conservative_rate(1000, 2), 4)
    0.3162
    """
    return math.sqrt(d / 2) * n ** (-1 / (d + 4))


@documented(_SHARED)
def laplace_rate(n: float, d: int) -> float:
    """Rate of Laplace drifting, ``2 sqrt(d/2) (log(n) / n)^(1/d)``.

    The scale at which every ball contains points, arXiv:2605.22795, section 6. With
    smaller constants leave-one-out ensembles spread beyond the data on real tables.

    {sizes_and_multiple}

    Examples
    --------
    >>> from skdrift.bandwidth import laplace_rate
    >>> round(laplace_rate(1000, 2), 4)
    0.1662
    """
    return 2 * math.sqrt(d / 2) * (math.log(n) / n) ** (1 / d)


@documented(_SHARED)
def scott(n: float, d: int) -> float:
    """Scott's rule ``n^(-1/(d+4))`` (*Multivariate Density Estimation*, eq. 6.42).

    {sizes_and_multiple}
    """
    return n ** (-1 / (d + 4))


@documented(_SHARED)
def silverman(n: float, d: int) -> float:
    """Silverman's rule ``(n (d+2)/4)^(-1/(d+4))`` (*Density Estimation*, eq. 4.14).

    {sizes_and_multiple}
    """
    return (n * (d + 2) / 4) ** (-1 / (d + 4))
