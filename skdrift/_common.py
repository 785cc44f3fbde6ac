"""What estimators of every kind do alike."""

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight


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
