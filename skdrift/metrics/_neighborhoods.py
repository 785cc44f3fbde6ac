"""Fidelity and diversity measured by neighbourhoods of samples."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_scalar

from .._docstrings import documented
from ._docs import SHARED
from ._samples import check_samples, distance_tiles, nearest_distances

if TYPE_CHECKING:
    from .._typing import ArrayLike


@documented(SHARED)
def density(
    generated: ArrayLike, reference: ArrayLike, *, n_neighbors: int = 5
) -> float:
    """Density of reference neighbourhoods at the generated samples.

    The mean number of neighbourhoods that contain a generated sample, divided by
    `n_neighbors`. The neighbourhood of a reference sample is the closed ball around it
    whose radius is the distance to its `n_neighbors`-th nearest other reference sample.
    The density is about 1 for samples from the data distribution, and 0 for samples
    that miss the data. In many columns, samples concentrated at the centre of the data
    have more than 1. Standardise the columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    {reference}
    {n_neighbors}

    Returns
    -------
    float
        Between 0 and ``n_reference / n_neighbors``.

    Raises
    ------
    {bad_neighborhoods}

    See Also
    --------
    coverage : Share of the data that is reached. Samples that are all in one place can
        have a density of 1.

    References
    ----------
    {naeem}

    Examples
    --------
    >>> from skdrift.metrics import density
    >>> reference = [[0.0], [1.0], [2.0], [10.0]]
    >>> density([[0.5], [1.5]], reference, n_neighbors=1)
    2.0
    >>> density([[20.0], [30.0]], reference, n_neighbors=1)
    0.0
    """
    inside, n_generated = _visits(generated, reference, n_neighbors)
    return float(inside.sum()) / (n_neighbors * n_generated)


@documented(SHARED)
def coverage(
    generated: ArrayLike, reference: ArrayLike, *, n_neighbors: int = 5
) -> float:
    """Share of the reference samples with a generated sample in their neighbourhood.

    The neighbourhood of a reference sample is the closed ball around it whose radius is
    the distance to its `n_neighbors`-th nearest other reference sample. Fresh samples
    from the data distribution, as many as there are reference samples, have a coverage
    of about ``1 - 2**-n_neighbors``. Fewer samples have a smaller coverage, so compare
    values for equal numbers of samples. Samples that collapsed to a part of the data
    have a low coverage. Standardise the columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    {reference}
    {n_neighbors}

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    {bad_neighborhoods}

    See Also
    --------
    density : Whether the generated samples are where the data are dense.

    References
    ----------
    {naeem}

    Examples
    --------
    >>> from skdrift.metrics import coverage
    >>> reference = [[0.0], [1.0], [2.0], [10.0]]
    >>> coverage([[0.5], [1.5]], reference, n_neighbors=1)
    0.75
    """
    inside, _ = _visits(generated, reference, n_neighbors)
    return float(np.mean(inside > 0))


@documented(SHARED)
def precision(
    generated: ArrayLike, reference: ArrayLike, *, n_neighbors: int = 5
) -> float:
    """Share of the generated samples that are in a reference neighbourhood.

    The neighbourhood of a reference sample is the closed ball around it whose radius is
    the distance to its `n_neighbors`-th nearest other reference sample. Unlike
    :func:`density`, one neighbourhood is enough, even that of an outlier. Standardise
    the columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    {reference}
    {n_neighbors}

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    {bad_neighborhoods}

    See Also
    --------
    density : Not misled by the wide neighbourhoods of outliers.
    recall : The same with exchanged roles.

    References
    ----------
    Kynkäänniemi, Karras, Laine, Lehtinen and Aila, *Improved Precision and Recall
    Metric for Assessing Generative Models*, NeurIPS 2019, arXiv:1904.06991, section 2.

    Examples
    --------
    >>> from skdrift.metrics import precision
    >>> reference = [[0.0], [1.0], [2.0], [10.0]]
    >>> precision([[0.5], [20.0]], reference, n_neighbors=1)
    0.5
    """
    X, Y = _checked(generated, reference, n_neighbors)
    return _share_inside(Y, X, n_neighbors)


@documented(SHARED)
def recall(
    generated: ArrayLike, reference: ArrayLike, *, n_neighbors: int = 5
) -> float:
    """Share of the reference samples that are in a neighbourhood of generated samples.

    The :func:`precision` with exchanged roles: neighbourhoods are those of generated
    samples. Standardise the columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Generated samples, more than `n_neighbors`.
    reference : array-like of shape (n_reference, n_features)
        Samples from the distribution of the data.
    n_neighbors : int, default=5
        Number of generated samples in a neighbourhood, not counting its centre.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If an argument is empty or not finite, the numbers of columns differ, or
        `n_neighbors` is not between 1 and ``n_generated - 1``.

    See Also
    --------
    coverage : Not misled by generated outliers, whose neighbourhoods are wide.

    References
    ----------
    Kynkäänniemi, Karras, Laine, Lehtinen and Aila, *Improved Precision and Recall
    Metric for Assessing Generative Models*, NeurIPS 2019, arXiv:1904.06991, section 2.

    Examples
    --------
    >>> from skdrift.metrics import recall
    >>> generated = [[0.0], [1.0], [2.0]]
    >>> recall(generated, [[0.5], [10.0]], n_neighbors=1)
    0.5
    """
    X, Y = _checked(generated, reference, n_neighbors, "generated")
    return _share_inside(X, Y, n_neighbors)


@documented(SHARED)
def alpha_precision(generated: ArrayLike, reference: ArrayLike) -> float:
    r"""Whether generated samples are as central as the data, at all levels.

    For a level α between 0 and 1, let :math:`r_\alpha` be the distance from the mean of
    the reference samples within which the share α of them is (the smallest distance of
    a reference sample that reaches this share), and :math:`P_\alpha` the share of the
    generated samples within the same distance. Samples from the distribution of the
    data have :math:`P_\alpha \approx \alpha`. The result is

    .. math:: 1 - 2 \int_0^1 |P_\alpha - \alpha| \, d\alpha,

    1 for equal curves, and 0 if no generated sample is in the data, or all are at its
    centre. The data are taken as a ball, so a hole in their middle is not noticed.
    Standardise the columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    reference : array-like of shape (n_reference, n_features)
        Samples from the distribution of the data.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    {bad_samples}

    See Also
    --------
    beta_recall : Whether the data are reached, at all levels.

    References
    ----------
    {alaa}

    Examples
    --------
    >>> from skdrift.metrics import alpha_precision
    >>> reference = [[-3.0], [-1.0], [1.0], [3.0]]
    >>> alpha_precision([[10.0], [20.0]], reference)
    0.0
    """
    X, Y = check_samples(generated=generated, reference=reference)
    centre = Y.mean(axis=0)
    levels, radii = (np.sort(_distance_from(centre, rows)) for rows in (X, Y))
    # The means of equal samples may differ by a rounding, not their distances.
    return _integrated(np.searchsorted(levels, radii, "right") / len(X))


@documented(SHARED)
def beta_recall(
    generated: ArrayLike, reference: ArrayLike, *, n_neighbors: int = 5
) -> float:
    r"""Whether the data are reached by the central share of the generated samples.

    For a level β between 0 and 1, the central generated samples are the share β of
    them (rounded up) that is nearest to their mean. Let :math:`R_\beta` be the share of
    the reference samples with a central generated sample in their neighbourhood, the
    closed ball whose radius is the distance to the `n_neighbors`-th nearest other
    reference sample. The result is

    .. math:: 1 - 2 \int_0^1 |R_\beta - \beta| \, d\beta.

    Fresh samples have less than 1, since some neighbourhoods are empty by chance, and
    others are reached from further inside. Compare with their value. Standardise the
    columns first if their units differ.

    Parameters
    ----------
    {generated_sample}
    {reference}
    {n_neighbors}

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    {bad_neighborhoods}

    See Also
    --------
    coverage : The share for the level 1.

    References
    ----------
    {alaa}

    Examples
    --------
    >>> from skdrift.metrics import beta_recall
    >>> reference = [[-3.0], [-1.0], [1.0], [3.0]]
    >>> beta_recall([[50.0], [70.0]], reference, n_neighbors=1)
    0.0
    """
    X, Y = _checked(generated, reference, n_neighbors)
    order = np.argsort(_distance_from(X.mean(axis=0), X), kind="stable")
    # Place of the first central sample that reaches a reference sample.
    first = np.concatenate(
        [
            np.where((near := tile <= radius).any(axis=1), near.argmax(axis=1), len(X))
            for tile, radius in _balls(Y, X[order], n_neighbors)
        ]
    )
    return _integrated(
        np.cumsum(np.bincount(first, minlength=len(X))[: len(X)]) / len(Y)
    )


def _distance_from(centre, rows):
    return np.linalg.norm(rows - centre, axis=1)


def _integrated(curve):
    """One minus twice the area between a step function and the diagonal.

    The function has equally long steps in (0, 1].
    """
    n = len(curve)
    ends = np.arange(n + 1) / n
    below, above = ends[:-1] - curve, ends[1:] - curve
    # The integral of |t| from below to above.
    areas = 0.5 * (above * np.abs(above) - below * np.abs(below))
    return max(0.0, 1 - 2 * float(areas.sum()))


def _visits(generated, reference, k):
    """Number of generated samples in each neighbourhood, and their total number."""
    X, Y = _checked(generated, reference, k)
    counts = [(tile <= radius).sum(axis=1) for tile, radius in _balls(Y, X, k)]
    return np.concatenate(counts), len(X)


def _checked(generated, reference, k, centres="reference"):
    X, Y = check_samples(generated=generated, reference=reference)
    check_scalar(k, "n_neighbors", Integral, min_val=1)
    n = len(Y) if centres == "reference" else len(X)
    if k >= n:
        raise ValueError(
            f"'n_neighbors' must be smaller than the number of samples in '{centres}'; "
            f"got n_neighbors={k} and {n} samples."
        )
    return X, Y


def _share_inside(centres, rows, k):
    """Share of the rows that are in a neighbourhood of one of the centres."""
    inside = [(tile <= radius).any(axis=0) for tile, radius in _balls(centres, rows, k)]
    return float(np.any(inside, axis=0).mean())


def _balls(centres, rows, k):
    """Distances of rows from batches of centres, with the radii of these."""
    # Samples on the border are inside, so that a repeated sample (radius 0) can be
    # reached. The margin is for rounding: a tree and a tile may differ in the last
    # digit.
    radius = nearest_distances(centres, centres, k + 1)[:, None] * (1 + 1e-12)
    for batch, tile in distance_tiles(centres, rows):
        yield tile, radius[batch]
