"""What estimators of every kind have in common."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import check_random_state

from ._earlier import check_version
from ._version import __version__

_Fit = TypeVar("_Fit", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Fit], _Fit]:
    """scikit-learn's checks around `fit`, which then is known to return what it did."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def sampling_rng(random_state, default):
    """Random state of `sample`, whose numbers differ from `fit` with the same seed.

    `default`, the random state of the estimator, stands for None.
    """
    source = check_random_state(default if random_state is None else random_state)
    return np.random.RandomState(source.randint(np.iinfo(np.int32).max))


def seeded(estimator, seed):
    """The estimator with this seed for all its random states, nested ones too."""
    names = [
        name
        for name in estimator.get_params()
        if name == "random_state" or name.endswith("__random_state")
    ]
    return estimator.set_params(**dict.fromkeys(names, seed))


def warn_user(message, category):
    """Warn with the line outside of this package and scikit-learn that led here."""
    frame, level = sys._getframe(1), 2
    while frame is not None and _is_library(frame):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _is_library(frame):
    module = frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in ("skdrift", "sklearn", "contextlib")


def forget(estimator, *private):
    """Leave nothing fitted behind, private attributes of these names included."""
    for name in private:  # first, should this be interrupted as well
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
        check_version(written_by)
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
