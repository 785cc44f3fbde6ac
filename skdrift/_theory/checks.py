"""Validation of what the functions of the theory receive."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array, check_scalar

from .._data._checks import check_weight
from .._data._numbers import check_numbers


def check_rows(X, name):
    """Points in float64, shape (n, n_features)."""
    check_numbers(X, name)
    return check_array(X, dtype=np.float64, input_name=name)


def check_queries(queries, x):
    """Queries in float64, with as many columns as x."""
    queries = check_rows(queries, "queries")
    if queries.shape[1] != x.shape[1]:
        raise ValueError(
            f"The 'queries' have {queries.shape[1]} columns but X has {x.shape[1]}; "
            "they must be equal."
        )
    return queries


def check_data(Y, sample_weight, n_features):
    """Data in float64 and their log-weights, None if all weights are equal."""
    y = check_rows(Y, "Y")
    if y.shape[1] != n_features:
        raise ValueError(
            f"X has {n_features} columns and Y has {y.shape[1]}; they must be equal, "
            "because particles and data are points of the same space."
        )
    return (y, None) if sample_weight is None else weighted(y, sample_weight)


def weighted(rows, sample_weight):
    """Rows of positive weight and their log-weights, normalised to sum 1."""
    weight = check_weight(sample_weight, rows)
    kept = weight > 0
    log_weight = np.log(weight[kept])
    return rows[kept], log_weight - np.logaddexp.reduce(log_weight)


def check_positive(value, name):
    """A positive finite number as a float."""
    check_scalar(value, name, Real, min_val=0, include_boundaries="neither")
    if not np.isfinite(value):
        raise ValueError(f"The '{name}' must be finite; got {value!r}.")
    return float(value)


def has_kink(kernel):
    """Whether the profile has a kink at 0, and so no second derivative."""
    return not np.isfinite(kernel.slope_at_zero())


def check_c2(kernel, quantity):
    """Raise for a quantity that does not exist if the kernel has a kink."""
    if has_kink(kernel):
        raise ValueError(
            f"{quantity} assumes a C^2 kernel (arXiv:2605.22795, Assumption 2.1), "
            f"which {kernel!r} is not: it has a kink at 0. Use a smoother kernel, such "
            "as its sharp() one, or, for the displacement field, the scale "
            "decomposition."
        )


def check_lipschitz(profiles):
    """Raise for a field that jumps at its points, and has no Lipschitz constant."""
    kernel = profiles.kernel
    if profiles.pull == "slope" and has_kink(kernel):
        raise ValueError(
            f"The kernel {kernel!r} has a kink at 0, so its conservative field jumps "
            "at every point and has no Lipschitz constant (arXiv:2605.22795, "
            "Assumption 2.1 requires C^2). Use a smoother kernel, such as its sharp() "
            "one, or the displacement field."
        )


# Distances at which a curvature shows whether it grows without bound, and the growth
# between them that a finite limit does not have: 1 / r grows a hundredfold.
_NEAR_ZERO = np.array([1e-2, 1e-4])
_GROWTH = 3.0


def is_c4(kernel):
    """Whether a kernel has four continuous derivatives at 0.

    ``k = c_0 + c_2 r^2 + c_4 r^4`` has a finite ``kbb(0)``; a term in ``r^3`` makes it
    grow as ``1 / r``.
    """
    if has_kink(kernel):
        return False
    far, near = np.abs(kernel.curvature_ratio(np.square(_NEAR_ZERO)))
    return bool(near <= _GROWTH * far)


def check_c4(kernel, quantity):
    """Raise for a quantity that does not exist if the kernel is not C^4."""
    check_c2(kernel, quantity)
    if not is_c4(kernel):
        raise ValueError(
            f"{quantity} assumes a C^4 kernel, as it contains fourth derivatives of "
            f"log-densities (arXiv:2605.22795, Remark 2.6), and {kernel!r} has a term "
            "|r|^3 at 0. Use a smoother kernel, such as Matern(nu=2.5) or Gaussian(), "
            "or measure the quadrature_error itself."
        )
