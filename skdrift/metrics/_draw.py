"""Drawing from drifters, other estimators and pipelines that end in one."""

from __future__ import annotations

from copy import copy
from inspect import signature

from sklearn.pipeline import Pipeline


def draw(estimator, n_samples, seed):
    """Samples from an estimator with a method ``sample``, in its input units."""
    if isinstance(estimator, Pipeline):
        drawn = draw(estimator[-1], n_samples, seed)
        return estimator[:-1].inverse_transform(drawn)
    if not hasattr(estimator, "sample"):
        raise TypeError(
            "The estimator must have a method 'sample'; "
            f"{type(estimator).__name__} has none."
        )
    if "random_state" in signature(estimator.sample).parameters:
        return estimator.sample(n_samples, random_state=seed)
    # A mixture model uses its own random_state, and returns the components as well.
    estimator = copy(estimator)
    estimator.random_state = seed
    drawn = estimator.sample(n_samples)
    return drawn[0] if isinstance(drawn, tuple) else drawn
