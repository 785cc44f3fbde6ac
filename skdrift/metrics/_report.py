"""All metrics of one generator in a table, beside those of fresh data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, resample

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
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from .._typing import Seed

# The exact distance takes cubic time, twice for every draw.
_MAX_TRANSPORT_ROWS = 1000


def sample_quality_report(
    generated: ArrayLike | Sequence[ArrayLike],
    test: ArrayLike,
    train: ArrayLike,
    *,
    target: int | None = None,
    standardize: bool = True,
    random_state: Seed = None,
) -> Any:
    """Table of all metrics of a generator, beside their values for fresh data.

    Fidelity compares the drawn rows with the `test` rows, memorisation compares their
    distances to the `train` rows with those of the `test` rows. What fresh data have
    is measured on the same rows: in fidelity the training rows take the place of the
    drawn ones, in memorisation the test rows do.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features), or list of such
        Rows drawn from a generator that was fitted to `train`, or several draws.
        Draw as many rows as there are training rows: fidelity is measured on equal
        numbers of drawn and of training rows, and the surplus of either is left out
        at random.
    test : array-like of shape (n_test, n_features)
        Rows of the same law as `train` that the generator has not seen.
    train : array-like of shape (n_train, n_features)
        Rows that the generator was fitted to.
    target : int or None, default=None
        Index of a column to be predicted from the others, after training on drawn
        and on training rows (see :func:`train_on_synthetic_score`): one row more.
    standardize : bool, default=True
        Whether distances are measured in standard deviations of the columns of
        `train`. If not, in data units.
    random_state : int, RandomState instance or None, default=None
        Source of everything random: rows left out, projections, folds.

    Returns
    -------
    pandas.DataFrame of shape (10, 5), or (11, 5) with a target
        One row for each metric, by name, with the columns

        - ``"generated"``: mean over the draws;
        - ``"std"``: standard deviation over the draws, NaN for one draw;
        - ``"fresh"``: the value that fresh data have;
        - ``"ratio"``: generated over fresh, 1 is as good as fresh data; NaN if fresh
          is 0;
        - ``"better"``: ``"lower"``, ``"higher"``, or ``"fresh"`` where values above
          the fresh one are as bad as values below.

        ``"maximum_mean_discrepancy"`` is the biased estimate, as an unbiased one has
        no ratio. ``"wasserstein_distance"`` is of at most 1000 rows.
        ``"closest_record_ratio"`` is NaN where it is not defined.
        ``"train_on_synthetic_score"`` is the held-out score itself; its ratio is what
        the function of that name returns.

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If a sample is not finite or has less than 6 rows, or the columns differ in
        number.

    See Also
    --------
    make_sample_scorer : A single metric, in cross-validation.

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
    # In data units, where labels are what they are.
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
            "sample_quality_report returns a pandas.DataFrame; pip install pandas."
        ) from error
    return pandas


def _check_report_samples(generated, test, train):
    several = isinstance(generated, list | tuple | np.ndarray) and len(generated) > 0
    if several and np.ndim(generated[0]) == 2:
        named = {f"generated[{i}]": draw for i, draw in enumerate(generated)}
    else:
        named = {"generated": generated}
    # Six rows: five neighbours and five folds are the metrics' defaults.
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
    """Some n of the rows, in random order: tables are often sorted by class."""
    return resample(rows, n_samples=n, replace=False, random_state=seed)


def _record_ratio(generated, test, train):
    drawn, fresh = median_record_distances(generated, test, train)
    return drawn / fresh if fresh > 0 else np.nan
