"""What estimators of every kind do alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, _get_feature_names

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


def check_same_names(**tables):
    """Frames that are compared must have the same columns in the same order."""
    names = {key: _get_feature_names(table) for key, table in tables.items()}
    named = [(key, list(found)) for key, found in names.items() if found is not None]
    for key, found in named[1:]:
        first, expected = named[0]
        if len(found) == len(expected) and found != expected:
            j = next(j for j in range(len(found)) if found[j] != expected[j])
            raise ValueError(
                f"The columns of '{key}' and '{first}' must have the same names in the "
                f"same order; column {j} is {found[j]!r} in one and {expected[j]!r} in "
                "the other. Reorder or rename them."
            )


def own_stream(random_state, default):
    """Generator of `sample`: the same seed in `fit` must not give the same numbers.

    `default`, the estimator's own, stands for None.
    """
    source = check_random_state(default if random_state is None else random_state)
    return np.random.RandomState(source.randint(np.iinfo(np.int32).max))


def forget(estimator, *private):
    """Leave nothing fitted behind, private attributes of these names included."""
    for name in ("_fitted", *private):  # first, should this be interrupted as well
        vars(estimator).pop(name, None)
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
