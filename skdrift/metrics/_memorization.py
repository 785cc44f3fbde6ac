"""Whether generated rows are new, or copies of training rows."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_scalar

from ._samples import check_samples, nearest_distances

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def closest_record_ratio(
    generated: ArrayLike, test: ArrayLike, train: ArrayLike
) -> float:
    """Distance to the closest training row: generated rows over held-out rows.

    The ratio of the two medians. New rows of the law of the data have 1; copies of
    the training rows have 0; far above 1 the rows miss the data. Standardise the
    columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Rows drawn from a generator that was fitted to `train`.
    test : array-like of shape (n_test, n_features)
        Rows of the same law as `train` that the generator has not seen.
    train : array-like of shape (n_train, n_features)
        Rows that the generator was fitted to.

    Returns
    -------
    float
        About 1 for new rows, 0 for copies.

    Raises
    ------
    ValueError
        If half of the held-out rows coincide with training rows: the ratio is
        then not defined. If a sample is empty or not finite, or the columns differ
        in number.

    References
    ----------
    Platzer and Reutterer, *Holdout-Based Empirical Assessment of Mixed-Type
    Synthetic Data*, Frontiers in Big Data 4 (2021).

    Examples
    --------
    >>> from skdrift.metrics import closest_record_ratio
    >>> closest_record_ratio([[0.25], [1.25]], [[0.5], [1.5]], [[0.0], [1.0]])
    0.5
    """
    generated, test, train = check_samples(generated=generated, test=test, train=train)
    drawn, fresh = median_record_distances(generated, test, train)
    if fresh == 0:
        raise ValueError(
            "At least half of the 'test' rows coincide with rows of 'train', so the "
            "ratio is not defined. memorization_auc is."
        )
    return drawn / fresh


def memorization_auc(
    generated: ArrayLike, *, test: ArrayLike, train: ArrayLike
) -> float:
    """Probability that a generated row is closer to the training rows than a new one.

    ``P(d(generated, train) < d(test, train))``, with the distance d to the closest
    training row, and ties counted half. New rows of the law of the data have 0.5,
    copies of the training rows 1, rows that miss the data 0. Standardise the columns
    first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Rows drawn from a generator that was fitted to `train`.
    test : array-like of shape (n_test, n_features)
        Rows of the same law as `train` that the generator has not seen.
    train : array-like of shape (n_train, n_features)
        Rows that the generator was fitted to. Both are keywords, as an exchange of
        the two would go unnoticed.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a sample is empty or not finite, or the columns differ in number.

    References
    ----------
    Meehan, Chaudhuri and Dasgupta, *A Non-Parametric Test to Detect Data-Copying in
    Generative Models*, AISTATS 2020, arXiv:2004.05675, section 3: the statistic of
    their test over the whole space.

    Examples
    --------
    >>> from skdrift.metrics import memorization_auc
    >>> train, test = [[0.0], [1.0]], [[0.5], [1.5]]
    >>> memorization_auc([[0.25], [1.5]], test=test, train=train)
    0.75
    >>> memorization_auc(train, test=test, train=train)
    1.0
    """
    generated, test, train = check_samples(generated=generated, test=test, train=train)
    return auc_of_distances(
        nearest_distances(generated, train), nearest_distances(test, train)
    )


def near_copy_share(
    generated: ArrayLike, train: ArrayLike, *, quantile: float = 0.05
) -> float:
    """Share of the generated rows that nearly coincide with a training row.

    A row counts if it is as close to a training row as the closest pairs of training
    rows are to one another: at or below the quantile of the distances of training
    rows to their nearest other training row. New rows of the law of the data have
    about `quantile`, copies of the training rows 1. Standardise the columns first if
    their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Rows drawn from a generator that was fitted to `train`.
    train : array-like of shape (n_train, n_features)
        Rows that the generator was fitted to, at least two.
    quantile : float, default=0.05
        Share of the training rows that count as near copies of others. If more of
        them are repeated, only exact copies count.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a sample is not finite, there is no generated row or less than two training
        rows, the columns differ in number, or `quantile` is not between 0 and 1.

    See Also
    --------
    memorization_auc : Copying on the whole, rather than of some rows.

    Examples
    --------
    >>> from skdrift.metrics import near_copy_share
    >>> train = [[0.0], [1.0], [3.0], [6.0]]
    >>> near_copy_share([[0.5], [4.5], [3.2], [8.0]], train)
    0.5
    """
    generated, train = check_samples(generated=generated, train=train)
    check_scalar(quantile, "quantile", Real, min_val=0, max_val=1)
    if len(train) < 2:
        raise ValueError("'train' must have at least two rows; got 1.")
    within = nearest_distances(train, train, 2)
    # An actual distance, not one interpolated between repeated and other rows.
    threshold = np.quantile(within, quantile, method="inverted_cdf")
    return float(np.mean(nearest_distances(generated, train) <= threshold))


def median_record_distances(generated, test, train):
    """Median distance to the closest training row, of generated and of test rows."""
    return (
        float(np.median(nearest_distances(generated, train))),
        float(np.median(nearest_distances(test, train))),
    )


def auc_of_distances(drawn, fresh):
    """Probability that a distance of the first kind is less than one of the second."""
    fresh = np.sort(fresh)
    not_closer = np.searchsorted(fresh, drawn, "left")
    not_farther = np.searchsorted(fresh, drawn, "right")
    return 1 - float(np.mean(not_closer + not_farther)) / (2 * len(fresh))
