"""Fidelity and diversity measured by neighbourhoods of reference samples."""

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


def _visits(generated, reference, k):
    """Number of generated samples in each neighbourhood, and their total number."""
    X, Y = check_samples(generated=generated, reference=reference)
    check_scalar(k, "n_neighbors", Integral, min_val=1)
    if k >= len(Y):
        raise ValueError(
            "'n_neighbors' must be smaller than the number of samples in 'reference'; "
            f"got n_neighbors={k} and {len(Y)} samples."
        )
    # Samples on the border are inside, so that a repeated sample (radius 0) can be
    # reached. The margin is for rounding: a tree and a tile may differ in the last
    # digit.
    radius = nearest_distances(Y, Y, k + 1)[:, None] * (1 + 1e-12)
    tiles = distance_tiles(Y, X)
    counts = [(tile <= radius[batch]).sum(axis=1) for batch, tile in tiles]
    return np.concatenate(counts), len(X)
