"""Whether generated samples are new, or copies of training samples."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_scalar

from .._docstrings import documented
from ._docs import SHARED
from ._samples import check_samples, nearest_distances

if TYPE_CHECKING:
    from .._typing import ArrayLike


@documented(SHARED)
def closest_record_ratio(
    generated: ArrayLike, test: ArrayLike, train: ArrayLike
) -> float:
    """Ratio of the distances of generated and held-out samples to the training set.

    The median distance of generated samples to the closest training sample, divided by
    the median distance of held-out samples. About 1 for new samples from the data
    distribution, and 0 for copies of the training samples; a value far above 1 means
    that the samples miss the data. Standardise the columns first if their units differ.

    Parameters
    ----------
    {generated}
    {test}
    {train}

    Returns
    -------
    float
        About 1 for new samples, 0 for copies.

    Raises
    ------
    ValueError
        If at least half of the held-out samples coincide with training samples, so
        that the ratio is not defined; if an argument is empty or not finite, or the
        numbers of columns differ.

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
            "At least half of the samples in 'test' coincide with samples in 'train', "
            "so the ratio is not defined. Use memorization_auc."
        )
    return drawn / fresh


@documented(SHARED)
def memorization_auc(
    generated: ArrayLike, *, test: ArrayLike, train: ArrayLike
) -> float:
    """Probability that a generated sample is closer to the training set than a new one.

    ``P(d(generated, train) < d(test, train))``, where d is the distance to the closest
    training sample, and ties count one half. The value is 0.5 for new samples from the
    data distribution, 1 for copies of the training samples, and 0 for samples that miss
    the data. Standardise the columns first if their units differ.

    `test` and `train` are keyword-only, since exchanging them would not raise an error.

    Parameters
    ----------
    {generated}
    {test}
    {train}

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    {bad_samples}

    References
    ----------
    Meehan, Chaudhuri and Dasgupta, *A Non-Parametric Test to Detect Data-Copying in
    Generative Models*, AISTATS 2020, arXiv:2004.05675, section 3: the statistic of
    their test for the whole space.

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
    return auc_of_distances(*(nearest_distances(X, train) for X in (generated, test)))


@documented(SHARED)
def near_copy_share(
    generated: ArrayLike, train: ArrayLike, *, quantile: float = 0.05
) -> float:
    """Share of the generated samples that nearly coincide with a training sample.

    A sample is a near copy if its distance to the closest training sample is not larger
    than a quantile of the distances between training samples and their nearest other
    training sample. The share is about `quantile` for new samples from the data
    distribution, and 1 for copies of the training samples. Standardise the columns
    first if their units differ.

    Parameters
    ----------
    {generated}
    train : array-like of shape (n_train, n_features)
        Samples that the generator was fitted to, at least two.
    quantile : float, default=0.05
        Share of the training samples that count as near copies of others. If a larger
        share of them is repeated, only exact copies count.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is not finite, there are no generated samples or fewer than two
        training samples, the numbers of columns differ, or `quantile` is not between 0
        and 1.

    See Also
    --------
    memorization_auc : Copying of the whole set rather than of single samples.

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
        raise ValueError("'train' must have at least two samples; got 1.")
    within = nearest_distances(train, train, 2)
    return share_of_near(nearest_distances(generated, train), within, quantile)


def share_of_near(distance, within, quantile=0.05):
    """Share of the distances up to a quantile of those within the training samples."""
    # An observed distance, not interpolated between repeated and other samples.
    threshold = np.quantile(within, quantile, method="inverted_cdf")
    return float(np.mean(distance <= threshold))


def median_record_distances(generated, test, train):
    """Median distances of generated and test samples to the closest training sample."""
    return [float(np.median(nearest_distances(X, train))) for X in (generated, test)]


def auc_of_distances(drawn, fresh):
    """Probability that a distance in `drawn` is less than one in `fresh`."""
    fresh = np.sort(fresh)
    not_closer = np.searchsorted(fresh, drawn, "left")
    not_farther = np.searchsorted(fresh, drawn, "right")
    return 1 - float(np.mean(not_closer + not_farther)) / (2 * len(fresh))
