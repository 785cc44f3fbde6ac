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


def check_c2(kernel, quantity):
    """Raise for a quantity that does not exist if the kernel has a kink."""
    if not np.isfinite(kernel.slope_at_zero()):
        raise ValueError(
            f"{quantity} assumes a C^2 kernel (arXiv:2605.22795, Assumption 2.1), "
            f"which {kernel!r} is not: it has a kink at 0. Use a smoother kernel, such "
            "as its sharp() one, or, for the displacement field, the scale "
            "decomposition."
        )
