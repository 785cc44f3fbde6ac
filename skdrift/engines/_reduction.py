"""What every engine computes, and how partial results combine.

For a query x and sources y_j with weights w_j, a normaliser profile n and a
pull profile a of the scaled distance r_j = |x - y_j| / h,

    log Z(x) = log sum_j w_j n(r_j)
    D(x)     = sum_j w_j a(r_j) (y_j - x) / sum_j w_j n(r_j).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Profiles(NamedTuple):
    """The two profiles of a reduction, as functions of the squared scaled distance.

    Attributes
    ----------
    log_normalizer : callable
        ``log n(r)`` of ``r ** 2``.
    pull : callable or None
        ``a(r) / n(r)`` of ``r ** 2``; None where the two profiles are equal.
    """

    log_normalizer: Callable
    pull: Callable | None = None


class Work(NamedTuple):
    """How much is to be reduced, for the choice of an engine.

    Attributes
    ----------
    n_queries, n_sources, n_features : int
        Sizes of one reduction (of both terms of a field together).
    n_steps : int
        How many times it will be done.
    profiles : Profiles
        What is to be summed.
    dtype : dtype
        Precision of the rows.
    """

    n_queries: int
    n_sources: int
    n_features: int
    n_steps: int
    profiles: Profiles
    dtype: np.dtype = np.dtype(np.float64)


class Engine:
    """Defaults of what an engine says of itself.

    An engine has a `name`, and ``bind(sources, log_weights)``, which returns an
    object with ``reduce(queries, profiles, bandwidth, deleted)``.
    """

    @staticmethod
    def unavailable_reason() -> str | None:
        """Say why the engine cannot run on this machine, or return None."""
        return None

    @staticmethod
    def unsuitable_reason(work: Work) -> str | None:
        """Say why the engine cannot do this work, or return None."""
        return None


class Reduction(NamedTuple):
    """Result of a reduction over one set of sources.

    Attributes
    ----------
    log_z : ndarray of shape (n_queries,)
        Log normaliser; ``-inf`` where no source is left.
    displacement : ndarray of shape (n_queries, n_features)
        Pull D, a length in the units of the queries; 0 where no source is left.
    """

    log_z: np.ndarray
    displacement: np.ndarray


def equal_log_weights(n):
    """Log-weights of n sources that weigh the same, adding up to 1."""
    return np.full(n, -np.log(n))


def merge(first: Reduction, second: Reduction) -> Reduction:
    """Combine the reductions over two disjoint sets of sources, exactly.

    The operation is associative and commutative (up to rounding), so tiles,
    batches, shards and machines all combine with it.

    Parameters
    ----------
    first, second : Reduction
        Results for the same queries, profiles and bandwidth. The weights of the
        two sets count on one common scale.

    Returns
    -------
    Reduction
        The reduction over the union of the two sets.
    """
    log_z = np.logaddexp(first.log_z, second.log_z)
    shift = np.where(np.isneginf(log_z), 0, log_z)  # -inf only if both sets are empty
    displacement = (
        np.exp(first.log_z - shift)[:, None] * first.displacement
        + np.exp(second.log_z - shift)[:, None] * second.displacement
    )
    return Reduction(log_z, displacement)
