"""Scorers for cross-validation that compare drawn with held-out samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, check_scalar

from ._draw import draw
from ._memorization import closest_record_ratio, memorization_auc, near_copy_share
from ._neighborhoods import coverage
from ._samples import check_samples
from ._two_sample import (
    classifier_two_sample_test,
    energy_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
    wasserstein_distance,
)

if TYPE_CHECKING:
    from .._typing import Seed

_GREATER_IS_BETTER = {
    classifier_two_sample_test: False,
    coverage: True,
    energy_distance: False,
    maximum_mean_discrepancy: False,
    sliced_wasserstein_distance: False,
    wasserstein_distance: False,
}
_NEED_TRAINING_ROWS = {closest_record_ratio, memorization_auc, near_copy_share}


def make_sample_scorer(
    metric: Callable[..., float],
    *,
    greater_is_better: bool | None = None,
    n_samples: int | None = None,
    n_draws: int = 1,
    standardize: bool = True,
    random_state: Seed = 0,
    **kwargs: Any,
) -> Callable[..., float]:
    """Make a scorer that draws samples and compares them with held-out samples.

    Pass it as ``scoring`` to ``GridSearchCV``, ``cross_validate`` and similar
    functions. It scores every estimator with a method ``sample``: drifters,
    ``KernelDensity``, ``GaussianMixture``, and pipelines that end in one of them, whose
    samples are transformed back to data units.

    A scorer sees the held-out samples only. Metrics of memorisation require the
    training samples as well. Compute them for the selected estimator, since a good
    score does not exclude copies.

    Parameters
    ----------
    metric : callable
        ``metric(generated, reference, **kwargs)``, which returns a float.
    greater_is_better : bool or None, default=None
        Whether a greater value of the metric is better. If not, the score is minus the
        value. None can be used for the metrics of this module that have a direction.
    n_samples : int or None, default=None
        Number of samples in a draw. If None, as many as are held out.
    n_draws : int, default=1
        Number of independent draws. The score is the mean over them.
    standardize : bool, default=True
        Whether to divide the columns by the standard deviations of the held-out
        samples.
    random_state : int, RandomState instance or None, default=0
        Seed of the draws, and of a metric with a parameter `random_state`. With an int,
        all candidates of a search are scored with the same random numbers.
    **kwargs
        Passed to the metric.

    Returns
    -------
    callable
        ``scorer(estimator, X, y=None)``, which returns a float. Greater is better.

    Raises
    ------
    ValueError
        If the metric requires training samples, its direction is not known, or
        `n_samples` or `n_draws` is not positive.

    See Also
    --------
    sample_quality_report : All metrics of the samples from one generator.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.metrics import energy_distance, make_sample_scorer
    >>> search = GridSearchCV(
    ...     ConservativeDrifter(start="gaussian", random_state=0),
    ...     {"bandwidth": [0.5, 5.0]},
    ...     scoring=make_sample_scorer(energy_distance),
    ...     cv=KFold(3, shuffle=True, random_state=0),
    ... ).fit(load_iris().data)
    >>> search.best_params_
    {'bandwidth': 0.5}
    """
    if metric in _NEED_TRAINING_ROWS:
        raise ValueError(
            f"{_name(metric)} requires the training samples, which are not passed to a "
            "scorer. Call it, or sample_quality_report, with samples from the selected "
            "estimator."
        )
    if greater_is_better is None:
        if metric not in _GREATER_IS_BETTER:
            raise ValueError(
                f"Whether a greater {_name(metric)} is better is not known; pass "
                "greater_is_better=True or False."
            )
        greater_is_better = _GREATER_IS_BETTER[metric]
    check_scalar(n_draws, "n_draws", Integral, min_val=1)
    if n_samples is not None:
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
    return _SampleScorer(
        metric, greater_is_better, n_samples, n_draws, standardize, random_state, kwargs
    )


@dataclass(repr=False)
class _SampleScorer:
    metric: Callable
    greater_is_better: bool
    n_samples: int | None
    n_draws: int
    standardize: bool
    random_state: object
    kwargs: dict

    def __repr__(self):
        return f"make_sample_scorer({_name(self.metric)})"

    def __call__(self, estimator, X, y=None):
        rng = check_random_state(self.random_state)
        seeds = rng.randint(np.iinfo(np.int32).max, size=self.n_draws)
        value = float(np.mean([self._value(estimator, X, int(s)) for s in seeds]))
        return value if self.greater_is_better else -value

    def _value(self, estimator, X, seed):
        rows = draw(estimator, self.n_samples or len(X), seed)
        rows, X = check_samples(generated=rows, reference=X)
        if self.standardize:
            scaler = StandardScaler().fit(X)
            rows, X = scaler.transform(rows), scaler.transform(X)
        kwargs = self.kwargs
        if "random_state" in signature(self.metric).parameters:
            kwargs = {"random_state": seed} | kwargs
        return self.metric(rows, X, **kwargs)


def _name(metric):
    return getattr(metric, "__name__", repr(metric))
