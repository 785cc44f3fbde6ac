"""Table of all metrics for one generator, and for fresh data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state, resample

from .._data._frames import Arrays, library_of
from .._docstrings import documented
from ._columns import import_pandas
from ._docs import SHARED
from ._memorization import median_record_distances, memorization_auc, near_copy_share
from ._neighborhoods import alpha_precision, beta_recall, coverage, density
from ._samples import check_samples
from ._tables import comparable
from ._two_sample import (
    classifier_two_sample_test,
    energy_distance,
    maximum_mean_discrepancy,
    sliced_wasserstein_distance,
    wasserstein_distance,
)
from ._utility import train_scores

if TYPE_CHECKING:
    from .._typing import Seed, Table

# The exact distance needs cubic time, for every draw and for fresh data.
_MAX_TRANSPORT_ROWS = 1000


@documented(SHARED)
def sample_quality_report(
    generated: Table | Sequence[Table],
    test: Table,
    train: Table,
    *,
    target: int | str | None = None,
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
    generated : array-like or DataFrame of shape (n_generated, n_columns), or list
        Samples from a generator that was fitted to `train`, or several draws of
        samples. Draw as many as there are training samples: fidelity is measured for
        equal numbers of generated and training samples, and excess ones are dropped at
        random.
    test : array-like or DataFrame of shape (n_test, n_columns)
        Samples from the same distribution as `train` that the generator has not seen.
    train : array-like or DataFrame of shape (n_train, n_columns)
        Samples that the generator was fitted to. Tables of finite numbers are arrays or
        frames. If there are columns of other types or missing values, all tables are
        frames of one library. In distances a category then counts like a number:
        different categories are as far apart as numbers that differ by 1.4 standard
        deviations. Missing numbers are at the mean, and marked in a further column.
    target : int, str or None, default=None
        Column to be predicted from the others, after training on generated and on
        training samples: an index, or a name in a frame. It adds a row for
        :func:`train_on_synthetic_score`.
    standardize : bool, default=True
        Whether to divide numbers by their standard deviations in `train`.
    random_state : int, RandomState instance or None, default=None
        Seed of all random numbers: dropped samples, projections, folds.

    Returns
    -------
    pandas.DataFrame of shape (12, 5), or (13, 5) with a target
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
        If an argument has fewer than 6 samples, an array is not finite, or the columns
        differ in name, order or type, or one has no values or infinite ones.

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
    pandas = import_pandas("sample_quality_report")
    draws = _named_draws(generated)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    # Six samples for the metrics' defaults of five neighbours and five folds.
    *coded, test_codes, train_codes = comparable(
        "train", standardize=standardize, min_rows=6, **draws, test=test, train=train
    )
    table = _fidelity(coded, test_codes, train_codes, seed)
    table |= _memorization(coded, test_codes, train_codes)
    if target is not None:  # in data units: standardised labels would not be labels
        table |= _utility(draws, test, train, target, seed)
    columns = ["generated", "std", "fresh", "ratio", "better"]
    return pandas.DataFrame.from_dict(table, orient="index", columns=columns)


def _named_draws(generated):
    several = isinstance(generated, list | tuple | np.ndarray) and len(generated) > 0
    if several and np.ndim(generated[0]) == 2:
        return {f"generated[{i}]": draw for i, draw in enumerate(generated)}
    return {"generated": generated}


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
        "alpha_precision": ("higher", lambda X: alpha_precision(X, test)),
        "beta_recall": ("higher", lambda X: beta_recall(X, test)),
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
    draws = list(draws.values())
    libraries = {library_of(rows) for rows in (*draws, test, train)}
    if len(libraries) > 1 or Arrays in libraries:
        named = {f"generated[{i}]": rows for i, rows in enumerate(draws)}
        *draws, test, train = check_samples(**named, test=test, train=train)
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
