"""What every engine computes, and how partial results combine.

For a query x and sources y_j with weights w_j, a normaliser profile n and a
pull profile a of the scaled distance r_j = |x - y_j| / h,

    log Z(x) = log sum_j w_j n(r_j)
    D(x)     = sum_j w_j a(r_j) (y_j - x) / sum_j w_j n(r_j).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._typing import Floats


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

    An engine has a `name` and defines :meth:`bind`.
    """

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> Sources:
        """Prepare sources for many reductions.

        Parameters
        ----------
        sources : ndarray of shape (n_sources, n_features), float32 or float64
            Rows that are summed over.
        log_weights : ndarray of shape (n_sources,), default=None
            Log-weights; None stands for ``1 / n_sources`` each.

        Returns
        -------
        object
            Has ``reduce(queries, profiles, bandwidth, deleted=None)``, which gives a
            :class:`Reduction`; ``deleted`` has for each query the index of one source
            to leave out.
        """
        raise NotImplementedError(f"{type(self).__name__} must define bind(sources)")

    @staticmethod
    def unavailable_reason() -> str | None:
        """Say why the engine cannot run on this machine.

        Returns
        -------
        str or None
            What is missing, or None if it can run.
        """
        return None

    @staticmethod
    def unsuitable_reason(work: Work) -> str | None:
        """Say why the engine cannot do a piece of work.

        Parameters
        ----------
        work : Work
            What is to be done.

        Returns
        -------
        str or None
            What is in the way, or None if it can do it.
        """
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


class Sources(Protocol):
    """What an engine makes of sources: it reduces over them at any queries."""

    def reduce(
        self,
        queries: Floats,
        profiles: Profiles,
        bandwidth: float,
        deleted: NDArray[np.integer[Any]] | None = None,
    ) -> Reduction: ...


class BindingEngine(Protocol):
    """What fields ask of an engine."""

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> Sources: ...
