"""Value of generated samples for training."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state

from .._data._frames import Arrays, library_of
from .._threads import threads_for_trees
from ._samples import check_samples

if TYPE_CHECKING:
    from .._typing import Estimator, Seed, Table

# A numeric target with at most this many values is treated as classes.
_MAX_CLASSES = 20
# Columns of more categories are split by the order of their names.
_MAX_CATEGORIES = 255


def train_on_synthetic_score(
    generated: Table,
    train: Table,
    test: Table,
    *,
    target: int | str,
    estimator: Estimator | None = None,
    scoring: str | Callable[..., float] | None = None,
    random_state: Seed = None,
) -> float:
    """Ratio of the held-out scores after training on generated and on real samples.

    An estimator is fitted to predict one column from the others, once to the generated
    and once to the training samples, and scored on the `test` samples. A ratio of 1
    means that generated samples are as useful for training as real ones. Copies of the
    training samples also have a ratio of 1, so compute a metric of memorisation as
    well.

    Parameters
    ----------
    generated : array-like or DataFrame of shape (n_generated, n_columns)
        Samples from a generator that was fitted to `train`, including the target as a
        column. For a fair comparison, draw as many as there are training samples.
    train : array-like or DataFrame of shape (n_train, n_columns)
        Samples that the generator was fitted to.
    test : array-like or DataFrame of shape (n_test, n_columns)
        Samples from the same distribution as `train` that the generator has not seen.
    target : int or str
        Column to predict: an index, or a name in a pandas or polars frame.
    estimator : classifier, regressor or None, default=None
        Estimator, which is cloned, and fitted to the other columns, as a frame if they
        are given in one. If None, gradient-boosted trees with native support for
        categories: ``HistGradientBoostingClassifier`` if the target is not numeric or
        has at most 20 values in `train`, otherwise ``HistGradientBoostingRegressor``.
    scoring : str, callable or None, default=None
        Score, as in ``cross_val_score``. If None, the score of the estimator, which is
        the accuracy or R² by default.
    random_state : int, RandomState instance or None, default=None
        Seed of the default estimator.

    Returns
    -------
    float
        Ratio, above 0 if the generated samples are useful at all. Greater is better.

    Raises
    ------
    ValueError
        If there is no such column, the columns differ, an array is not finite, the
        target has missing values or, for a classifier, labels that are not in `train`,
        or the score after training on real samples is not positive, so that the ratio
        is meaningless.

    References
    ----------
    Esteban, Hyland and Rätsch, *Real-valued (Medical) Time Series Generation with
    Recurrent Conditional GANs*, arXiv:1706.02633, section 4.2 ("train on synthetic,
    test on real").

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.metrics import train_on_synthetic_score
    >>> table = np.column_stack(load_wine(return_X_y=True))  # the cultivar is last
    >>> train, test = train_test_split(table, test_size=0.5, random_state=0)
    >>> rows = ConservativeDrifter(random_state=0).fit(train).sample(89)
    >>> score = train_on_synthetic_score(rows, train, test, target=-1, random_state=0)
    >>> 0.8 < score < 1.1
    True
    """
    drawn, real = train_scores(
        [generated], train, test, target, estimator, scoring, random_state
    )
    if not real > 0:
        raise ValueError(
            f"The score after training on 'train' is {real:.3g}, but must be positive "
            f"for a ratio: {target!r} cannot be predicted by this estimator. Pass "
            "another target, estimator or scoring."
        )
    return drawn[0] / real


def train_scores(draws, train, test, target, estimator, scoring, random_state):
    """Held-out scores after training on each of the draws, and on real samples."""
    samples = {"train": train, "test": test}
    samples |= {f"generated[{i}]": rows for i, rows in enumerate(draws)}
    tables = _tables(samples, target)
    if estimator is None:
        seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
        estimator = _default_estimator(tables["train"], seed)
        X = {name: _matrix(table, tables["train"]) for name, table in tables.items()}
    else:
        X = {name: table.X for name, table in tables.items()}
    if is_classifier(estimator):
        _check_labels(tables, target)
    scorer = check_scoring(estimator, scoring=scoring)

    def score(name):
        y = tables[name].y
        with threads_for_trees(len(y) * len(tables[name].columns)):
            fitted = clone(estimator).fit(X[name], y)
            return float(scorer(fitted, X["test"], tables["test"].y))

    train_score = score("train")
    return [score(name) for name in list(tables)[2:]], train_score


class _Table(NamedTuple):
    """A table without its target, as given and as a list of columns, and the target."""

    X: object
    columns: list
    y: np.ndarray
    is_numeric: bool


def _tables(samples, target):
    libraries = {library_of(X) for X in samples.values()}
    if len(libraries) > 1:
        raise ValueError(
            "All arguments must be frames of one library, or arrays; got "
            f"{ {name: type(X).__name__ for name, X in samples.items()} }."
        )
    library = libraries.pop()
    if library is Arrays:
        samples = dict(zip(samples, check_samples(**samples), strict=True))
    columns = {name: library.read(X) for name, X in samples.items()}
    names = [column.name for column in columns["train"]]
    for sample, read in columns.items():
        if [column.name for column in read] != names:
            raise ValueError(
                f"All arguments must have the same columns; {sample!r} has "
                f"{[column.name for column in read]}, 'train' has {names}."
            )
    j = place_of(target, names)
    return {key: _table(library, X, columns[key], j, key) for key, X in samples.items()}


def place_of(column, names, parameter="target"):
    """Index of a column. Names have priority over indices."""
    if column in names:
        return names.index(column)
    if isinstance(column, Integral) and -len(names) <= column < len(names):
        return int(column) % len(names)
    raise ValueError(
        f"The '{parameter}' parameter must be one of the columns {names} or an index; "
        f"got {column!r}."
    )


def _table(library, X, columns, j, sample):
    columns = list(columns)
    target = columns.pop(j)
    if target.missing.any():
        raise ValueError(
            f"The target {target.name!r} has missing values in {sample!r}. Drop these "
            "samples, or fill the values."
        )
    y, is_numeric = np.asarray(target.values), target.kind != "category"
    return _Table(library.drop(X, j), columns, y, is_numeric)


def _matrix(table, train):
    """Columns as numbers. Categories are numbered as in `train`; new ones are NaN."""
    X = np.full((len(table.y), len(table.columns)), np.nan)
    for j, (column, known) in enumerate(zip(table.columns, train.columns, strict=True)):
        values = column.values
        if known.kind == "category":
            places = {v: i for i, v in enumerate(sorted(set(known.values), key=str))}
            values = [places.get(value, np.nan) for value in values]
        X[~column.missing, j] = values
    return X


def _default_estimator(train, seed):
    # As in the classifier two-sample test, small data must allow a split.
    parameters = {
        "min_samples_leaf": min(20, 1 + len(train.y) // 10),
        "categorical_features": [
            column.kind == "category" and len(set(column.values)) <= _MAX_CATEGORIES
            for column in train.columns
        ],
        "random_state": seed,
    }
    if train.is_numeric and len(np.unique(train.y)) > _MAX_CLASSES:
        return HistGradientBoostingRegressor(**parameters)
    return HistGradientBoostingClassifier(**parameters)


def _check_labels(tables, target):
    known = set(tables["train"].y.tolist())
    for name, table in tables.items():
        unknown = set(table.y.tolist()) - known
        if unknown:
            raise ValueError(
                f"The target {target!r} has labels in {name!r} that are not in "
                f"'train', such as {unknown.pop()!r}. Round them (with "
                "columns='discrete', drifters do), or use a regressor."
            )
