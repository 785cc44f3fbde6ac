"""What estimators of every kind do alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

_Fit = TypeVar("_Fit", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Fit], _Fit]:
    """scikit-learn's checks around `fit`, which then is known to return what it did."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def check_weight(sample_weight, X):
    """Weights of the rows as float64: nonnegative, and not all zero."""
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError(
            "The 'sample_weight' are all zero; at least one must be positive."
        )
    return weight


def own_stream(random_state, default):
    """Generator of `sample`: the same seed in `fit` must not give the same numbers.

    `default`, the estimator's own, stands for None.
    """
    source = check_random_state(default if random_state is None else random_state)
    return np.random.RandomState(source.randint(np.iinfo(np.int32).max))


def forget(estimator):
    """Leave nothing fitted behind."""
    vars(estimator).pop("_fitted", None)  # first, should this be interrupted as well
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
