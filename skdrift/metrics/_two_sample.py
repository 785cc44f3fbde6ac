"""Distances between the distributions of two sets of samples."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.utils import check_random_state, check_scalar

from .._docstrings import documented
from .._threads import threads_for_trees
from ._docs import SHARED
from ._samples import check_samples, distance_tiles

if TYPE_CHECKING:
    from .._typing import ArrayLike, Estimator, Seed

# Widths of the default kernels over the median distance. A single width at the median
# is most sensitive to location, and almost insensitive to correlation and scale.
_KERNEL_WIDTHS = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
# Samples used for the median distance; more would not change it noticeably.
_MAX_MEDIAN_ROWS = 1000
# The assignment needs cubic time: about ten seconds for this many samples.
_MAX_TRANSPORT_ROWS = 5000


@documented(SHARED)
def energy_distance(generated: ArrayLike, reference: ArrayLike) -> float:
    """Squared energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|``.

    The V-statistic: the means are over all pairs, including each sample with itself, so
    that the distance is never negative. Samples from the same distribution have a
    positive distance that decreases with their number, so compare values for equal
    numbers of samples. Standardise the columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    {reference_sample}

    Returns
    -------
    float
        Distance in the units of the data, 0 for equal samples.

    Raises
    ------
    {bad_samples}

    References
    ----------
    Székely and Rizzo, *Energy statistics: a class of statistics based on
    distances*, J. Statistical Planning and Inference 143 (2013), eq. 6.1.

    Examples
    --------
    >>> from skdrift.metrics import energy_distance
    >>> energy_distance([[0.0], [1.0]], [[2.0], [3.0]])
    3.0
    """
    X, Y = check_samples(generated=generated, reference=reference)
    squared = 2 * _mean_distance(X, Y) - _mean_distance(X, X) - _mean_distance(Y, Y)
    return max(0.0, squared)


@documented(SHARED)
def maximum_mean_discrepancy(
    generated: ArrayLike,
    reference: ArrayLike,
    *,
    bandwidth: float | ArrayLike | None = None,
    unbiased: bool = True,
) -> float:
    """Squared maximum mean discrepancy (MMD) with a Gaussian kernel.

    ``E k(X, X') + E k(Y, Y') - 2 E k(X, Y)``, where ``k(x, y)`` is the mean of
    ``exp(-|x - y|^2 / (2 h^2))`` over one or several bandwidths h. Standardise the
    columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    reference : array-like of shape (n_reference, n_features)
        Samples to compare with.
    bandwidth : float, array-like of shape (n_bandwidths,) or None, default=None
        Bandwidths in the units of the data. If None, 1/4, 1/2, 1, 2 and 4 times the
        median of the non-zero distances between reference samples (1 if there are
        none). These do not depend on the generated samples, so that values of several
        generators can be compared, but the arguments are not interchangeable.
    unbiased : bool, default=True
        Whether to exclude pairs of a sample with itself. The expected value for samples
        from the same distribution is then 0, and single values can be negative. If
        False, the V-statistic, which is never negative, and 0 only for equal samples.

    Returns
    -------
    float
        Squared discrepancy, at most 2, without units.

    Raises
    ------
    ValueError
        If an argument is not finite or empty (has fewer than two samples, if
        unbiased), the numbers of columns differ, or a bandwidth is not positive.

    References
    ----------
    Gretton et al., *A Kernel Two-Sample Test*, J. Machine Learning Research 13
    (2012), lemma 6.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.metrics import maximum_mean_discrepancy
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.standard_normal((2, 500, 3))
    >>> round(maximum_mean_discrepancy(X, Y), 3)
    0.0
    >>> round(maximum_mean_discrepancy(X + 1, Y), 3)
    0.13
    """
    least = 2 if unbiased else 1
    X, Y = check_samples(generated=generated, reference=reference, min_rows=least)
    bandwidths = _check_bandwidth(bandwidth, Y)
    cross = _mean_kernel(X, Y, bandwidths)
    own = [_mean_kernel(sample, sample, bandwidths) for sample in (X, Y)]
    if not unbiased:
        return max(0.0, sum(own) - 2 * cross)
    # The kernel of a sample with itself is 1, in n of n^2 pairs.
    own = [(len(S) * m - 1) / (len(S) - 1) for S, m in zip((X, Y), own, strict=True)]
    return sum(own) - 2 * cross


@documented(SHARED)
def sliced_wasserstein_distance(
    generated: ArrayLike,
    reference: ArrayLike,
    *,
    n_projections: int = 100,
    random_state: Seed = None,
) -> float:
    """Sliced 2-Wasserstein distance.

    The root mean square, over random directions, of the exact 2-Wasserstein distance of
    the samples projected onto the direction. The time is ``n log n`` in the number of
    samples. With one column it is the 2-Wasserstein distance itself. Standardise the
    columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    {reference_sample}
    n_projections : int, default=100
        Number of directions.
    random_state : int, RandomState instance or None, default=None
        Seed of the directions. Pass an int to compare generators on the same ones.

    Returns
    -------
    float
        Distance in the units of the data, 0 for equal samples.

    Raises
    ------
    ValueError
        If an argument is empty or not finite, the numbers of columns differ, or
        `n_projections` is not positive.

    References
    ----------
    Bonneel et al., *Sliced and Radon Wasserstein Barycenters of Measures*, J.
    Mathematical Imaging and Vision 51 (2015), section 3.

    Examples
    --------
    >>> from skdrift.metrics import sliced_wasserstein_distance
    >>> sliced_wasserstein_distance([[0.0], [1.0]], [[2.0], [3.0]])
    2.0
    """
    X, Y = check_samples(generated=generated, reference=reference)
    check_scalar(n_projections, "n_projections", Integral, min_val=1)
    rng = check_random_state(random_state)
    directions = rng.standard_normal((n_projections, X.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    i, j, mass = _monotone_plan(len(X), len(Y))
    squared = [mass @ (np.sort(X @ u)[i] - np.sort(Y @ u)[j]) ** 2 for u in directions]
    return float(np.sqrt(np.mean(squared)))


def wasserstein_distance(generated: ArrayLike, reference: ArrayLike) -> float:
    """Exact 2-Wasserstein distance.

    The square root of the smallest mean squared distance between samples matched one to
    one. The time is cubic in the number of samples, and the distances of all pairs are
    kept in memory. Standardise the columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Generated samples, at most 5000.
    reference : array-like of shape (n_reference, n_features)
        Samples to compare with, at most 5000. The two arguments are interchangeable.
        Different numbers of samples require the package POT.

    Returns
    -------
    float
        Distance in the units of the data, 0 for equal samples.

    Raises
    ------
    ValueError
        If an argument is empty, not finite or too large, the numbers of columns
        differ, or the numbers of samples differ and POT is not installed.

    See Also
    --------
    sliced_wasserstein_distance : For more samples, and for different numbers of them.

    References
    ----------
    Peyré and Cuturi, *Computational Optimal Transport* (2019), proposition 2.1.

    Examples
    --------
    >>> from skdrift.metrics import wasserstein_distance
    >>> wasserstein_distance([[0.0, 0.0], [1.0, 0.0]], [[5.0, 3.0], [4.0, 3.0]])
    5.0
    """
    X, Y = check_samples(generated=generated, reference=reference)
    if max(len(X), len(Y)) > _MAX_TRANSPORT_ROWS:
        raise ValueError(
            f"wasserstein_distance uses at most {_MAX_TRANSPORT_ROWS} samples; got "
            f"{len(X)} samples in 'generated' and {len(Y)} in 'reference'. Pass random "
            "subsets, of the same size for all generators, or use "
            "sliced_wasserstein_distance."
        )
    return float(np.sqrt(_transport_cost(cdist(X, Y, "sqeuclidean"))))


@documented(SHARED)
def classifier_two_sample_test(
    generated: ArrayLike,
    reference: ArrayLike,
    *,
    classifier: Estimator | None = None,
    cv: int = 5,
    random_state: Seed = None,
) -> float:
    """Area under the ROC curve of a classifier of generated and reference samples.

    The mean over held-out folds of the probability that the classifier scores a
    generated sample higher than a reference sample. It is 0.5 if the classifier cannot
    distinguish them, and 1 if it distinguishes all of them. Unlike the accuracy it does
    not depend on the proportion of generated samples, and needs no threshold.

    A value clearly below 0.5 means that the arguments have samples in common: the
    classifier was trained on a sample with one label and predicts its duplicate with
    the other label.

    Parameters
    ----------
    {generated_sample}
    reference : array-like of shape (n_reference, n_features)
        Samples from the distribution of the data. To detect small differences, several
        hundred samples of each are needed.
    classifier : classifier or None, default=None
        Any scikit-learn classifier. It is cloned. If None,
        ``HistGradientBoostingClassifier``, which does not depend on the units of the
        columns. It detects rounded values, so a generator that does not round a column
        of integers is recognised by it.
    cv : int, default=5
        Number of folds, stratified and shuffled.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds, and of the default classifier.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is not finite or has fewer than `cv` samples, the numbers of
        columns differ, `classifier` is not a classifier, or `cv` is below 2.

    References
    ----------
    Lopez-Paz and Oquab, *Revisiting Classifier Two-Sample Tests*, ICLR 2017,
    arXiv:1610.06545, section 3 (with the accuracy).

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.metrics import classifier_two_sample_test
    >>> rng = np.random.default_rng(0)
    >>> X, Y = rng.standard_normal((2, 200, 2))
    >>> abs(classifier_two_sample_test(X, Y, random_state=0) - 0.5) < 0.1
    True
    >>> classifier_two_sample_test(X + 3, Y, random_state=0) > 0.9
    True
    """
    check_scalar(cv, "cv", Integral, min_val=2)
    X, Y = check_samples(generated=generated, reference=reference, min_rows=cv)
    rows = np.concatenate([X, Y])
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    with threads_for_trees(rows.size):
        scores = cross_val_score(
            _check_classifier(classifier, len(rows), seed),
            rows,
            np.repeat([1, 0], [len(X), len(Y)]),
            scoring="roc_auc",
            cv=StratifiedKFold(cv, shuffle=True, random_state=seed),
            error_score="raise",
        )
    return float(scores.mean())


def _mean_distance(X, Y):
    total = sum(tile.sum() for _, tile in distance_tiles(X, Y))
    return float(total) / (len(X) * len(Y))


def _check_bandwidth(bandwidth, reference):
    if bandwidth is None:
        return _KERNEL_WIDTHS * _median_distance(reference)
    checked = np.atleast_1d(np.asarray(bandwidth, dtype=np.float64))
    if checked.ndim > 1 or not np.all((checked > 0) & (checked < np.inf)):
        raise ValueError(
            "'bandwidth' must be a positive finite number, an array of them, or None; "
            f"got {bandwidth!r}."
        )
    return checked


def _median_distance(rows):
    distances = pdist(rows[:: -(-len(rows) // _MAX_MEDIAN_ROWS)])
    distances = distances[distances > 0]
    return float(np.median(distances)) if len(distances) else 1.0


def _mean_kernel(X, Y, bandwidths):
    # In units of the widest, so that squares of tiny bandwidths do not underflow.
    widest = bandwidths.max()
    factors = -0.5 * (widest / bandwidths) ** 2
    total = 0.0
    for _, tile in distance_tiles(X, Y):
        squared = (tile / widest) ** 2
        total += sum(np.exp(factor * squared).sum() for factor in factors)
    return float(total) / (len(X) * len(Y) * len(bandwidths))


def _monotone_plan(n, m):
    """Optimal plan between n and m sorted values: indices i and j, and mass moved."""
    # Cumulative masses in units of 1 / (n m) are integers, so there is no rounding.
    levels = np.union1d(m * np.arange(1, n + 1), n * np.arange(1, m + 1))
    mass = np.diff(levels, prepend=0) / (n * m)
    return (levels - 1) // m, (levels - 1) // n, mass


def _transport_cost(cost):
    n, m = cost.shape
    if n == m:
        return cost[linear_sum_assignment(cost)].mean()
    try:
        import ot
    except ImportError as error:
        raise ValueError(
            f"'generated' has {n} samples and 'reference' {m}. Different numbers "
            "require the package POT (pip install POT). Draw as many samples as there "
            "are in 'reference', or use sliced_wasserstein_distance."
        ) from error
    return ot.emd2([], [], cost, numItermax=10**8)


def _check_classifier(classifier, n_rows, seed):
    if classifier is None:
        # With the default of 20 samples in a leaf, small data would not allow a single
        # split, and every generator would appear perfect.
        leaf = min(20, 1 + n_rows // 10)
        return HistGradientBoostingClassifier(min_samples_leaf=leaf, random_state=seed)
    if not is_classifier(classifier):
        raise ValueError(
            f"'classifier' must be a scikit-learn classifier or None; got "
            f"{classifier!r}."
        )
    return classifier
