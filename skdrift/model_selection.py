"""Selection of a bandwidth by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["one_standard_error"]


def one_standard_error(cv_results: Mapping[str, Any]) -> int:
    """Select the largest bandwidth within one standard error of the best score.

    Scores of neighbouring bandwidths differ by less than their standard error. Among
    models that are as good as the best one, the largest bandwidth gives the smoothest
    model, with the least memorisation. Pass this function as the `refit` parameter of
    ``GridSearchCV`` or a similar search.

    Parameters
    ----------
    cv_results : dict of ndarrays
        The ``cv_results_`` of a search over a numerical parameter named ``bandwidth``
        (in a pipeline, ``<step>__bandwidth``) and any other parameters.

    Returns
    -------
    int
        Index of the selected candidate.

    Raises
    ------
    ValueError
        If there is no such parameter or more than one, a value is not a number, the
        search had several metrics, or no candidate has a finite score.

    References
    ----------
    Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*,
    section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.model_selection import one_standard_error
    >>> search = GridSearchCV(
    ...     ConservativeDrifter(random_state=0),
    ...     {"bandwidth": [0.5, 1, 2, 4]},
    ...     cv=KFold(5, shuffle=True, random_state=0),
    ...     refit=one_standard_error,
    ... ).fit(load_wine().data)
    >>> search.best_params_["bandwidth"] >= 1
    True
    """
    bandwidth = _bandwidths(cv_results)
    if "mean_test_score" not in cv_results:
        raise ValueError(
            "The 'cv_results' have no 'mean_test_score'. one_standard_error requires a "
            "search with a single metric."
        )
    mean = np.asarray(cv_results["mean_test_score"], dtype=float)
    if not np.isfinite(mean).any():
        raise ValueError(
            "The 'cv_results' have no finite score: every fit failed, or its score is "
            "NaN. Run the search with error_score='raise' to see why."
        )
    best = np.nanargmax(mean)
    n_splits = sum(
        name.startswith("split") and name.endswith("_test_score") for name in cv_results
    )
    error = cv_results["std_test_score"][best] / np.sqrt(n_splits)
    good = mean >= mean[best] - error
    # Candidates of equal bandwidth are ranked by their score.
    return int(max(np.flatnonzero(good), key=lambda i: (bandwidth[i], mean[i])))


def _bandwidths(cv_results):
    names = [
        name
        for name in cv_results
        if name.startswith("param_")
        and name.removeprefix("param_").split("__")[-1] == "bandwidth"
    ]
    if len(names) != 1:
        raise ValueError(
            "The search must vary one parameter named 'bandwidth'; got "
            f"{sorted(n for n in cv_results if n.startswith('param_'))}."
        )
    values = cv_results[names[0]]
    try:
        if np.ma.is_masked(values):
            raise TypeError("some candidates have no bandwidth")
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The values of {names[0].removeprefix('param_')!r} must be numbers, one "
            f"for each candidate; got {list(values)}. To compare a rule such as 'rate' "
            "with them, pass its number: the 'bandwidth_' of a fit to the same data."
        ) from error
