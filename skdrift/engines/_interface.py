"""The interface of the engines: their reduction, and how partial results combine.

For a query x and sources y_j with weights w_j, a normaliser profile n and a
pull profile a of the scaled distance r_j = |x - y_j| / h,

    log Z(x) = log sum_j w_j n(r_j)
    D(x)     = sum_j w_j a(r_j) (y_j - x) / sum_j w_j n(r_j).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..kernels import Kernel
from ._derivatives import Moments, Slopes, sum_moments

if TYPE_CHECKING:
    from .._typing import Array, Floats, NDArray


@dataclass(frozen=True)
class Profiles:
    """The two profiles of a reduction: normaliser n and pull a.

    Parameters
    ----------
    kernel : Kernel
        The kernel k, which is the normaliser.
    pull : {"value", "slope"}, default="value"
        Whether the pull is the kernel itself, ``a = k``, or its slope, ``a = kb``.

    Raises
    ------
    TypeError
        If `kernel` is not a :class:`skdrift.kernels.Kernel`.
    ValueError
        If `pull` is neither ``"value"`` nor ``"slope"``.

    See Also
    --------
    skdrift.fields.conservative : Profiles of a kernel density gradient.
    skdrift.fields.displacement : Profiles of a mean shift.

    Examples
    --------
    >>> from skdrift.engines import Profiles
    >>> from skdrift.kernels import Matern
    >>> round(float(Profiles(Matern(), "slope").ratio(4.0)), 4)
    0.3333
    """

    kernel: Kernel
    pull: Literal["value", "slope"] = "value"

    def __post_init__(self) -> None:
        """Check the two fields."""
        if not isinstance(self.kernel, Kernel):
            raise TypeError(
                "Profiles belong to a skdrift.kernels.Kernel, as in "
                f"skdrift.fields.conservative(kernel); got {self.kernel!r} instead."
            )
        if self.pull not in ("value", "slope"):
            raise ValueError(
                f"The 'pull' of profiles must be 'value' or 'slope'; got {self.pull!r}."
            )

    def log_normalizer(self, r2: Array) -> Array:
        """Log of the normaliser, ``log n(r)``.

        Parameters
        ----------
        r2 : array
            Squared scaled distances.

        Returns
        -------
        array
            ``log k(r)``, of the same shape.
        """
        return self.kernel.log_profile(r2)

    def ratio(self, r2: Array) -> Array:
        """Pull over normaliser, ``a(r) / n(r)``.

        Parameters
        ----------
        r2 : array
            Squared scaled distances.

        Returns
        -------
        array
            1, or :meth:`skdrift.kernels.Kernel.slope_ratio`; of the same shape.
        """
        if self.pull == "value":
            return np.ones_like(r2)
        return self.kernel.slope_ratio(r2)

    @property
    def slopes(self) -> Slopes:
        """Slopes of both profiles over the normaliser, for Jacobians."""
        kernel = self.kernel
        if self.pull == "value":
            return Slopes(kernel.slope_ratio, kernel.slope_ratio)
        return Slopes(kernel.slope_ratio, kernel.curvature_ratio)

    @property
    def potential(self) -> Kernel | None:
        """Kernel whose slope is the pull; None if it is not known.

        The displacement D is h^2 times the gradient of the sum of this kernel over the
        sources, divided by Z.
        """
        if self.pull == "slope":
            return self.kernel
        try:
            return self.kernel.sharp()
        except NotImplementedError:
            return None


class Work(NamedTuple):
    """How much is to be reduced, for the choice of an engine.

    Attributes
    ----------
    n_queries, n_sources, n_features : int
        Sizes of one reduction (of both terms of a field together).
    n_steps : int
        How many times it will be done.
    profiles : Profiles
        Profiles that are summed.
    dtype : dtype
        Precision of the rows.
    """

    n_queries: int
    n_sources: int
    n_features: int
    n_steps: int
    profiles: Profiles
    dtype: np.dtype = np.dtype(np.float64)

    @property
    def n_pairs(self) -> int:
        """Number of pairs of one reduction."""
        return self.n_queries * self.n_sources


class BoundSources:
    """Sources that an engine has prepared for many reductions.

    A subclass defines :meth:`reduce`.

    Parameters
    ----------
    rows : ndarray of shape (n_sources, n_features), float32 or float64
        Rows that are summed over.
    log_weights : ndarray of shape (n_sources,), default=None
        Log-weights; None stands for ``1 / n_sources`` each.

    Attributes
    ----------
    rows : ndarray of shape (n_sources, n_features)
        The given rows.
    log_weights : ndarray of shape (n_sources,)
        The log-weights, in the given precision.
    """

    def __init__(self, rows: Floats, log_weights: Floats | None = None) -> None:
        if log_weights is None:
            log_weights = equal_log_weights(len(rows))
        self.rows, self.log_weights = rows, log_weights

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return len(self.rows)

    def reduce(
        self,
        queries: Floats,
        profiles: Profiles,
        bandwidth: float,
        deleted: NDArray[np.integer[Any]] | None = None,
    ) -> Reduction:
        """Reduce over the sources at every query.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, n_features)
            Points x.
        profiles : Profiles
            Normaliser and pull.
        bandwidth : float
            The kernel's scale h, in the units of the sources.
        deleted : ndarray of shape (n_queries,), dtype int, default=None
            For each query the index of one source to leave out, -1 for none.

        Returns
        -------
        Reduction
            Log normaliser and displacement, in the precision of the queries.
        """
        raise NotImplementedError(f"{type(self).__name__} must define reduce()")

    def moments(
        self,
        queries: Floats,
        profiles: Profiles,
        bandwidth: float,
        deleted: NDArray[np.integer[Any]] | None = None,
    ) -> Moments:
        """Reduce with the sums that the derivative of the displacement needs.

        The base class sums with NumPy, in float64.

        Parameters
        ----------
        queries : ndarray of shape (n_queries, n_features)
            Points x.
        profiles : Profiles
            Normaliser and pull.
        bandwidth : float
            The kernel's scale h, in the units of the sources.
        deleted : ndarray of shape (n_queries,), dtype int, default=None
            For each query the index of one source to leave out, -1 for none.

        Returns
        -------
        Moments
            Its `jacobian` is the derivative of its `displacement`.
        """
        weighted = self.rows, self.log_weights
        return sum_moments(queries, *weighted, profiles, bandwidth, deleted)


class Engine:
    """Base class of the engines.

    An engine has a `name` and defines :meth:`bind`. The static methods tell whether it
    can run on this machine, whether it can do a piece of work, and how long that would
    take: ``engine="auto"`` chooses the fastest.

    Attributes
    ----------
    name : str
        Name that the parameter `engine` of estimators accepts.
    needs_trial : bool
        Whether it is tried on two points before it is chosen: an engine that is
        installed may still not run.
    """

    name: str
    needs_trial: bool = True

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> BoundSources:
        """Prepare sources for many reductions.

        Parameters
        ----------
        sources : ndarray of shape (n_sources, n_features), float32 or float64
            Rows that are summed over.
        log_weights : ndarray of shape (n_sources,), default=None
            Log-weights; None stands for ``1 / n_sources`` each.

        Returns
        -------
        BoundSources
            The sources, with the method ``reduce``.
        """
        raise NotImplementedError(f"{type(self).__name__} must define bind(sources)")

    def place(self, array: Array) -> Array:
        """Put points where the sums run, so that several of them find them there.

        Of placed points, which :meth:`bind` and :meth:`BoundSources.reduce` accept,
        the results are placed too: arrays of another library, with its operators.

        Parameters
        ----------
        array : ndarray or placed array
            Points.

        Returns
        -------
        array
            The points. In the base class, as they are.
        """
        return array

    def fetch(self, array: Array) -> Floats:
        """Get what was placed, or a result, as an array of NumPy.

        Parameters
        ----------
        array : ndarray or placed array
            Points, or a part of a :class:`Reduction`.

        Returns
        -------
        ndarray
            The same numbers. In the base class, the array.
        """
        return array

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
            Work to be done.

        Returns
        -------
        str or None
            The obstacle, or None if the engine can do it.
        """
        return None

    @staticmethod
    def estimated_seconds(work: Work, starts: bool = True) -> float:
        """Estimate how long a piece of work would take.

        Parameters
        ----------
        work : Work
            Work to be done.
        starts : bool, default=True
            Whether to count what the engine has yet to import, load or compile in this
            process.

        Returns
        -------
        float
            Seconds on one core. Infinite, in the base class: the engine is used by
            name only.
        """
        return np.inf


class Reduction(NamedTuple):
    """Result of a reduction over one set of sources.

    Attributes
    ----------
    log_z : ndarray of shape (n_queries,)
        Log normaliser; ``-inf`` where no source is left.
    displacement : ndarray of shape (n_queries, n_features)
        Displacement D, a length in the units of the queries; 0 where no source is left.
    """

    log_z: np.ndarray
    displacement: np.ndarray


def equal_log_weights(n):
    """Log-weights of n sources of the same weight, adding up to 1."""
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
