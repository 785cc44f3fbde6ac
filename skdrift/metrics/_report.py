"""Table of all metrics for one generator, and for fresh data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, resample

from .._docstrings import documented
from ._docs import SHARED
from ._memorization import median_record_distances, memorization_auc, near_copy_share
from ._neighborhoods import coverage, density
from ._samples import check_samples
from ._two_sample import (
    classifier_two_sample_test,
    energy_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
    wasserstein_distance,
)
from ._utility import train_scores

if TYPE_CHECKING:
    from .._typing import ArrayLike, Seed

# The exact distance takes cubic time, for every draw and for fresh data.
_MAX_TRANSPORT_ROWS = 1000


@documented(SHARED)
def sample_quality_report(
    generated: ArrayLike | Sequence[ArrayLike],
    test: ArrayLike,
    train: ArrayLike,
    *,
    target: int | None = None,
    standardize: bool = True,
    random_state: Seed = None,
) -> Any:
    """Table of all metrics of a generator, and of their values for fresh data.

    Metrics of fidelity compare the generated samples with `test`. Metrics of
    memorisation compare the distances of generated and `test` samples to `train`. The
    values for fresh data are computed in the same way, with the training samples in
    place of the generated ones for fidelity, and the test samples for memorisation.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features), or list of such
        Samples from a generator that was fitted to `train`, or several draws of
        samples. Draw as many as there are training samples: fidelity is measured for
        equal numbers of generated and training samples, and excess ones are dropped at
        random.
    {test}
    {train}
    target : int or None, default=None
        Index of a column to be predicted from the others, after training on generated
        and on training samples. It adds a row for :func:`train_on_synthetic_score`.
    standardize : bool, default=True
        Whether to divide the columns by the standard deviations of `train`.
    random_state : int, RandomState instance or None, default=None
        Seed of all random numbers: dropped samples, projections, folds.

    Returns
    -------
    pandas.DataFrame of shape (10, 5), or (11, 5) with a target
        One row for each metric, by name, with the columns

        - ``"generated"``: mean over the draws;
        - ``"std"``: standard deviation over the draws, NaN for a single draw;
        - ``"fresh"``: value for fresh data;
        - ``"ratio"``: ``"generated"`` over ``"fresh"``, 1 if as good as fresh data, NaN
          if the latter is 0;
        - ``"better"``: ``"lower"``, ``"higher"``, or ``"fresh"`` if values above the
          one of fresh data are as bad as values below.

        ``"maximum_mean_discrepancy"`` is the biased estimate, since ratios of the
        unbiased one are meaningless. ``"wasserstein_distance"`` uses at most 1000
        samples. ``"closest_record_ratio"`` is NaN where it is not defined.
        ``"train_on_synthetic_score"`` is the held-out score itself; its ratio is the
        value that the function of that name returns.

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If an argument is not finite or has fewer than 6 samples, or the numbers of
        columns differ.

    See Also
    --------
    make_sample_scorer : A single metric as a score in cross-validation.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.metrics import sample_quality_report
    >>> train, test = train_test_split(load_wine().data, test_size=0.5, random_state=0)
    >>> drifter = ConservativeDrifter(random_state=0).fit(train)
    >>> report = sample_quality_report(drifter.sample(89), test, train, random_state=0)
    >>> bool(0.9 < report.loc["energy_distance", "ratio"] < 1.3)
    True
    """
    pandas = _import_pandas()
    draws, test, train = _check_report_samples(generated, test, train)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    # In data units, since standardised labels would not be labels.
    utility = {} if target is None else _utility(draws, test, train, target, seed)
    if standardize:
        scaler = StandardScaler().fit(train)
        *draws, test, train = map(scaler.transform, (*draws, test, train))
    table = _fidelity(draws, test, train, seed) | _memorization(draws, test, train)
    table |= utility
    columns = ["generated", "std", "fresh", "ratio", "better"]
    return pandas.DataFrame.from_dict(table, orient="index", columns=columns)


def _import_pandas():
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "sample_quality_report returns a pandas.DataFrame, and pandas is not "
            "installed. Install it by: pip install pandas."
        ) from error
    return pandas


def _check_report_samples(generated, test, train):
    several = isinstance(generated, list | tuple | np.ndarray) and len(generated) > 0
    if several and np.ndim(generated[0]) == 2:
        named = {f"generated[{i}]": draw for i, draw in enumerate(generated)}
    else:
        named = {"generated": generated}
    # Six samples for the metrics' defaults of five neighbours and five folds.
    checked = check_samples(**named, test=test, train=train, min_rows=6)
    return checked[:-2], *checked[-2:]


def _fidelity(draws, test, train, seed):
    n = min(len(train), *map(len, draws))
    *draws, train = (_part(rows, n, seed) for rows in (*draws, train))
    few = min(n, len(test), _MAX_TRANSPORT_ROWS)
    few_test = _part(test, few, seed)
    metrics = {
        "energy_distance": ("lower", lambda X: energy_distance(X, test)),
        "maximum_mean_discrepancy": (
            "lower",
            lambda X: maximum_mean_discrepancy(X, test, unbiased=False),
        ),
        "sliced_wasserstein_distance": (
            "lower",
            lambda X: sliced_wasserstein_distance(X, test, random_state=seed),
        ),
        "wasserstein_distance": (
            "lower",
            lambda X: wasserstein_distance(X[:few], few_test),
        ),
        "classifier_two_sample_test": (
            "lower",
            lambda X: classifier_two_sample_test(X, test, random_state=seed),
        ),
        "density": ("fresh", lambda X: density(X, test)),
        "coverage": ("higher", lambda X: coverage(X, test)),
    }
    return _rows(metrics, draws, train)


def _memorization(draws, test, train):
    metrics = {
        "closest_record_ratio": ("fresh", lambda X: _record_ratio(X, test, train)),
        "memorization_auc": (
            "fresh",
            lambda X: memorization_auc(X, test=test, train=train),
        ),
        "near_copy_share": ("lower", lambda X: near_copy_share(X, train)),
    }
    return _rows(metrics, draws, test)


def _utility(draws, test, train, target, seed):
    n = min(len(train), *map(len, draws))
    *draws, train = (_part(rows, n, seed) for rows in (*draws, train))
    values, fresh = train_scores(draws, train, test, target, None, None, seed)
    return {"train_on_synthetic_score": _row(values, fresh, "higher")}


def _rows(metrics, draws, fresh_rows):
    return {
        name: _row([metric(draw) for draw in draws], metric(fresh_rows), better)
        for name, (better, metric) in metrics.items()
    }


def _row(values, fresh, better):
    std = np.std(values, ddof=1) if len(values) > 1 else np.nan
    ratio = np.mean(values) / fresh if fresh != 0 else np.nan
    return np.mean(values), std, fresh, ratio, better


def _part(rows, n, seed):
    """Random n of the rows, in random order, since tables are often sorted by class."""
    return resample(rows, n_samples=n, replace=False, random_state=seed)


def _record_ratio(generated, test, train):
    drawn, fresh = median_record_distances(generated, test, train)
    return drawn / fresh if fresh > 0 else np.nan
