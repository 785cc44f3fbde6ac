"""What estimators of every kind have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import check_random_state

from ._version import __version__

_Fit = TypeVar("_Fit", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Fit], _Fit]:
    """scikit-learn's checks around `fit`, which then is known to return what it did."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


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


class VersionedStateMixin:
    """Saves the version of skdrift in the state, and warns where another loads it.

    scikit-learn's base class does so for estimators of its own alone. Fitted
    attributes are not stable between versions: loaded by another, a drifter may fail,
    or draw something else.
    """

    def __getstate__(self):
        return {**super().__getstate__(), "_skdrift_version": __version__}

    def __setstate__(self, state):
        state = dict(state)
        written_by = state.pop("_skdrift_version", "unknown")
        if written_by != __version__:
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=f"{type(self).__name__} of skdrift",
                    current_sklearn_version=__version__,
                    original_sklearn_version=written_by,
                ),
                stacklevel=2,
            )
        super().__setstate__(state)
