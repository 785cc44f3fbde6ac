"""Fidelity and diversity by the neighbourhoods of reference rows."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_scalar

from ._samples import check_samples, distance_tiles, nearest_distances

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def density(
    generated: ArrayLike, reference: ArrayLike, *, n_neighbors: int = 5
) -> float:
    """How many neighbourhoods of reference rows a generated row lies in.

    The neighbourhood of a reference row is the closed ball that reaches to its
    `n_neighbors`-th nearest other reference row. The count is divided by
    `n_neighbors`: rows of the law of the data have about 1, rows that miss the data
    0. In many columns, rows that keep to the middle of the data have more than 1.
    Standardise the columns first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Generated rows.
    reference : array-like of shape (n_reference, n_features)
        Rows of the law of the data, more than `n_neighbors`.
    n_neighbors : int, default=5
        Reference rows in a neighbourhood, its own row not counted.

    Returns
    -------
    float
        0 or more; at most ``n_reference / n_neighbors``.

    Raises
    ------
    ValueError
        If a sample is empty or not finite, the columns differ in number, or
        `n_neighbors` is not between 1 and ``n_reference - 1``.

    See Also
    --------
    coverage : What part of the data is reached; rows in one place can have a
        density of 1.

    References
    ----------
    Naeem et al., *Reliable Fidelity and Diversity Metrics for Generative Models*,
    ICML 2020, arXiv:2002.09797, section 3.

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


def coverage(
    generated: ArrayLike, reference: ArrayLike, *, n_neighbors: int = 5
) -> float:
    """Share of the reference rows that have a generated row in their neighbourhood.

    The neighbourhood of a reference row is the closed ball that reaches to its
    `n_neighbors`-th nearest other reference row. As many fresh rows of the law of
    the data as there are reference rows cover ``1 - 2**-n_neighbors`` of them,
    approximately; fewer rows cover less, so compare values of equal numbers of rows.
    Rows collapsed to a part of the data have a low coverage. Standardise the columns
    first if their units differ.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Generated rows.
    reference : array-like of shape (n_reference, n_features)
        Rows of the law of the data, more than `n_neighbors`.
    n_neighbors : int, default=5
        Reference rows in a neighbourhood, its own row not counted.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If a sample is empty or not finite, the columns differ in number, or
        `n_neighbors` is not between 1 and ``n_reference - 1``.

    See Also
    --------
    density : Whether the generated rows are where the data are dense.

    References
    ----------
    Naeem et al., *Reliable Fidelity and Diversity Metrics for Generative Models*,
    ICML 2020, arXiv:2002.09797, section 3.

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
    """Number of generated rows in each neighbourhood, and of generated rows."""
    X, Y = check_samples(generated=generated, reference=reference)
    check_scalar(k, "n_neighbors", Integral, min_val=1)
    if k >= len(Y):
        raise ValueError(
            f"'n_neighbors' must be smaller than the number of reference rows; got "
            f"n_neighbors={k} and {len(Y)} rows."
        )
    # Rows on the border are inside, which makes a repeated row (radius 0) reachable.
    # The margin is for rounding: a tree and a tile may differ in the last digit.
    radius = nearest_distances(Y, Y, k + 1)[:, None] * (1 + 1e-12)
    tiles = distance_tiles(Y, X)
    counts = [(tile <= radius[batch]).sum(axis=1) for batch, tile in tiles]
    return np.concatenate(counts), len(X)
