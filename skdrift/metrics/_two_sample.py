"""Distances between the laws of two samples."""

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

from ._samples import check_samples, distance_tiles

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._typing import Estimator, Seed

# Widths of the default kernels over the median distance. One width at the median sees
# differences of location best, and nearly misses correlations and changes of scale.
_KERNEL_WIDTHS = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
# Rows that the median distance is taken over; more would not sharpen it.
_MAX_MEDIAN_ROWS = 1000
# The assignment takes time cubic in the rows: about ten seconds for this many.
_MAX_TRANSPORT_ROWS = 5000


def energy_distance(generated: ArrayLike, reference: ArrayLike) -> float:
    """Squared energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` of two samples.

    The V-statistic: means over all pairs, those of a row with itself included, so
    that it is never negative. Samples of one law have a positive distance, smaller
    the more rows they have: compare values of equal numbers of rows. Standardise the
    columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        First sample.
    reference : array-like of shape (n_reference, n_features)
        Second sample; the order of the two does not matter.

    Returns
    -------
    float
        In the units of the data; 0 for equal samples.

    Raises
    ------
    ValueError
        If a sample is empty or not finite, or the columns differ in number.

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


def maximum_mean_discrepancy(
    generated: ArrayLike,
    reference: ArrayLike,
    *,
    bandwidth: float | ArrayLike | None = None,
    unbiased: bool = True,
) -> float:
    """Squared maximum mean discrepancy (MMD) of two samples, Gaussian kernel.

    ``E k(X, X') + E k(Y, Y') - 2 E k(X, Y)`` with ``k(x, y)`` the mean of
    ``exp(-|x - y|^2 / (2 h^2))`` over one or several bandwidths h. Standardise the
    columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        First sample.
    reference : array-like of shape (n_reference, n_features)
        Second sample.
    bandwidth : float, array-like of shape (n_bandwidths,) or None, default=None
        Bandwidths in the units of the data. None takes 1/4, 1/2, 1, 2 and 4 times
        the median of the non-zero distances between reference rows (1 if there is
        none). They do not depend on the generated rows, so that the values of
        several generators can be compared; in return, the order of the two samples
        matters.
    unbiased : bool, default=True
        Whether pairs of a row with itself are left out. The mean over samples of one
        law is then 0, and single values may be negative. If not, the V-statistic: it
        is never negative, and only equal samples have 0.

    Returns
    -------
    float
        At most 2, without units.

    Raises
    ------
    ValueError
        If a sample is not finite or empty (has less than two rows, if unbiased), the
        columns differ in number, or a bandwidth is not positive.

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
    X, Y = check_samples(
        generated=generated, reference=reference, min_rows=2 if unbiased else 1
    )
    bandwidths = _check_bandwidth(bandwidth, Y)
    cross = _mean_kernel(X, Y, bandwidths)
    own = [_mean_kernel(sample, sample, bandwidths) for sample in (X, Y)]
    if not unbiased:
        return max(0.0, sum(own) - 2 * cross)
    # A row with itself has the kernel 1, in n of n^2 pairs.
    own = [(len(S) * m - 1) / (len(S) - 1) for S, m in zip((X, Y), own, strict=True)]
    return sum(own) - 2 * cross


def sliced_wasserstein_distance(
    generated: ArrayLike,
    reference: ArrayLike,
    *,
    n_projections: int = 100,
    random_state: Seed = None,
) -> float:
    """Sliced 2-Wasserstein distance of two samples.

    The root mean square, over random directions, of the exact 2-Wasserstein distance
    of the samples projected on the direction. It takes time ``n log n`` in the rows.
    With one column it is the 2-Wasserstein distance itself. Standardise the columns
    first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        First sample.
    reference : array-like of shape (n_reference, n_features)
        Second sample; the order of the two does not matter.
    n_projections : int, default=100
        Number of directions.
    random_state : int, RandomState instance or None, default=None
        Source of the directions. Pass an int to compare generators on the same ones.

    Returns
    -------
    float
        In the units of the data; 0 for equal samples.

    Raises
    ------
    ValueError
        If a sample is empty or not finite, the columns differ in number, or
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
    """2-Wasserstein distance of two samples, exact.

    The square root of the smallest mean squared distance between rows that are
    matched one to one. Time is cubic in the rows, and the distances of all pairs are
    in memory at once. Standardise the columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        First sample, at most 5000 rows.
    reference : array-like of shape (n_reference, n_features)
        Second sample, at most 5000 rows; the order of the two does not matter.
        Numbers of rows that differ need the package POT.

    Returns
    -------
    float
        In the units of the data; 0 for equal samples.

    Raises
    ------
    ValueError
        If a sample is empty, not finite or too large, the columns differ in number,
        or the numbers of rows differ and POT is not installed.

    See Also
    --------
    sliced_wasserstein_distance : For more rows, and for numbers of rows that differ.

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
            "wasserstein_distance solves a transport problem of at most "
            f"{_MAX_TRANSPORT_ROWS} rows; got {len(X)} rows in 'generated' and "
            f"{len(Y)} in 'reference'. Pass a random part of the rows, the same number "
            "for all generators, or use sliced_wasserstein_distance."
        )
    return float(np.sqrt(_transport_cost(cdist(X, Y, "sqeuclidean"))))


def classifier_two_sample_test(
    generated: ArrayLike,
    reference: ArrayLike,
    *,
    classifier: Estimator | None = None,
    cv: int = 5,
    random_state: Seed = None,
) -> float:
    """How well a classifier tells generated rows from reference rows.

    The area under the ROC curve on held-out folds, averaged: the probability that a
    generated row is scored as more generated than a reference row. 0.5 says that
    the classifier sees no difference, 1 that it tells every row. Unlike the accuracy
    it does not depend on how many rows of each there are, and needs no threshold.

    Clearly below 0.5, the two samples share rows: the classifier has seen a row with
    one label and is asked about its twin with the other.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Generated rows.
    reference : array-like of shape (n_reference, n_features)
        Rows of the law of the data. Some hundred rows of each are needed to see
        differences that are not obvious.
    classifier : classifier or None, default=None
        Any scikit-learn classifier; it is cloned. None takes
        ``HistGradientBoostingClassifier``, to which the units
        of the columns do not matter. It tells continuous values from rounded ones: a
        column of integers gives a generator away that does not round.
    cv : int, default=5
        Number of folds, stratified and shuffled.
    random_state : int, RandomState instance or None, default=None
        Source of the folds, and of the default classifier.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a sample is not finite or has less than `cv` rows, the columns differ in
        number, `classifier` is not a classifier, or `cv` is below 2.

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
            "'bandwidth' must be a positive finite number, several of them, or None; "
            f"got {bandwidth!r}."
        )
    return checked


def _median_distance(rows):
    distances = pdist(rows[:: -(-len(rows) // _MAX_MEDIAN_ROWS)])
    distances = distances[distances > 0]
    return float(np.median(distances)) if len(distances) else 1.0


def _mean_kernel(X, Y, bandwidths):
    # In units of the widest, so that squares of tiny bandwidths do not vanish.
    widest = bandwidths.max()
    factors = -0.5 * (widest / bandwidths) ** 2
    total = 0.0
    for _, tile in distance_tiles(X, Y):
        squared = (tile / widest) ** 2
        total += sum(np.exp(factor * squared).sum() for factor in factors)
    return float(total) / (len(X) * len(Y) * len(bandwidths))


def _monotone_plan(n, m):
    """Mass that goes from the i-th smallest of n values to the j-th smallest of m."""
    # In units of 1 / (n m) every cumulative mass is an integer: no rounding.
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
            f"'generated' has {n} rows and 'reference' {m}; different numbers of rows "
            "need the package POT (pip install POT). Draw as many rows as the "
            "reference has, or use sliced_wasserstein_distance."
        ) from error
    return ot.emd2([], [], cost, numItermax=10**8)


def _check_classifier(classifier, n_rows, seed):
    if classifier is None:
        # With the default of 20 rows per leaf, few rows would not allow a single
        # split, and every generator would look perfect.
        leaf = min(20, 1 + n_rows // 10)
        return HistGradientBoostingClassifier(min_samples_leaf=leaf, random_state=seed)
    if not is_classifier(classifier):
        raise ValueError(
            f"'classifier' must be a scikit-learn classifier or None; got "
            f"{classifier!r}."
        )
    return classifier
