"""Summaries of rows that come in chunks: exact moments, and a bounded sample.

The summaries of two chunks merge to the one of both, however merges are bracketed, so
that chunks may be read one after the other, or in parallel where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import _get_feature_names

from ._checks import NO_WEIGHT_MESSAGE, check_counts, unit_of_counts
from ._frames import naming_columns
from ._numbers import check_numbers
from ._rows import Whole, are_integers, standard_deviation

if TYPE_CHECKING:
    from .._typing import Floats, Table

# Rows that are kept: as many numbers at most, but so many rows in any case, which is
# as many as attract an ensemble.
_MOST_ROWS, _MOST_NUMBERS, _FEWEST_ROWS = 200_000, 2**25, 20_000
# Numbers whose deviations are held at a time.
_BATCH = 2**22
# Rows that wait before a sample is cut to its size again, as a share of that, and
# chunks that wait.
_WAITING_SHARE, _MOST_WAITING = 0.25, 1000

_MESSAGE = (
    "Column {name} must be numeric and finite. Encode, impute or drop it. ({error})"
)


def are_chunks(X: Any) -> bool:
    """Whether `X` is an iterable of chunks and no array-like."""
    if not isinstance(X, Iterable) or isinstance(
        X, (list, tuple, str, bytes, bytearray, memoryview, Mapping, Set)
    ):
        return False
    array_like = "__array__", "__array_interface__", "shape", "dtype"
    return not any(hasattr(X, name) for name in array_like)


def rows_to_keep(d: int, fewest: int = 0) -> int:
    """Size of the sample of rows with so many columns; at least `fewest`."""
    size = min(_MOST_ROWS, max(_FEWEST_ROWS, _MOST_NUMBERS // d))
    return max(size, fewest)


class Moments(NamedTuple):
    """Exact moments of the columns of weighted rows; all float64.

    Attributes
    ----------
    total : float
        Sum of the weights.
    mean, std, low, high : ndarray of shape (n_features,)
        Weighted mean and standard deviation, and extremes, of the rows that have a
        weight. A column is constant if its extremes are equal.
    """

    total: float
    mean: Floats
    std: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, rows, weight):
        """Moments of some rows with positive weights."""
        d = rows.shape[1]
        none = cls(
            0.0, np.zeros(d), np.zeros(d), np.full(d, np.inf), -np.full(d, np.inf)
        )
        step = max(1, _BATCH // d)
        batches = (slice(i, i + step) for i in range(0, len(rows), step))
        return reduce(cls.merge, (cls._of(rows[b], weight[b]) for b in batches), none)

    @classmethod
    def _of(cls, rows, weight):
        rows = rows.astype(np.float64, copy=False)
        total = float(weight.sum())
        share = weight / total
        mean = share @ rows
        low, high = rows.min(axis=0), rows.max(axis=0)
        mean = np.where(low == high, low, mean)
        return cls(total, mean, standard_deviation(rows - mean, share), low, high)

    def merge(self, other):
        """Moments of both sets of rows."""
        if self.total == 0 or other.total == 0:
            return other if self.total == 0 else self
        total = self.total + other.total
        a, b = self.total / total, other.total / total
        shift = other.mean - self.mean
        # Standard deviations rather than their squares, which might overflow.
        within = np.hypot(np.sqrt(a) * self.std, np.sqrt(b) * other.std)
        return Moments(
            total,
            self.mean + b * shift,
            np.hypot(within, np.sqrt(a * b) * shift),
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )


class Sample(NamedTuple):
    """Rows of the smallest priorities, in the order in which they came.

    A priority is an exponential number over the weight, so that a row of weight 2 is
    kept as often as a row that is there twice (Cohen and Kaplan, *Summarizing data
    using bottom-k sketches*, 2007). One row more than the size is kept: it tells which
    share of the rows of a weight have smaller priorities.

    Attributes
    ----------
    size : int
        Number of rows, if there are so many.
    rows : ndarray of shape (n_kept, n_features)
    weight, priority : ndarray of shape (n_kept,)
    """

    size: int
    rows: Floats
    weight: Floats
    priority: Floats

    @classmethod
    def joined(cls, samples):
        """Sample of the rows of several samples, in their order."""
        size, parts = samples[0].size, [sample[1:] for sample in samples]
        arrays = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        return cls(size, *arrays).cut()

    @property
    def is_cut(self):
        return len(self.rows) > self.size

    @property
    def threshold(self):
        """Priority that rows to be kept do not exceed."""
        return self.priority.max() if self.is_cut else np.inf

    def cut(self):
        """Only the rows of the smallest priorities."""
        k = self.size
        if len(self.rows) <= k + 1:
            return self
        return self.only(self.priority <= np.partition(self.priority, k)[k])

    def only(self, kept):
        """Some of the rows."""
        return self._replace(
            rows=self.rows[kept],
            weight=self.weight[kept],
            priority=self.priority[kept],
        )

    def estimate(self):
        """Rows, their own weights, and those with which they stand for all rows."""
        threshold = self.threshold
        kept = self.only(self.priority < threshold)
        # Probability of a smaller priority, given the ones of the other rows.
        share = -np.expm1(-kept.weight * threshold)
        return kept.rows, kept.weight, kept.weight / share


class Summary(NamedTuple):
    """What is known of rows in chunks.

    Attributes
    ----------
    seed : int
        Of the choice of rows.
    first, n_chunks : int
        Index of the first chunk, and the number of them, one after the other.
    names : tuple of str or None
        Names of the columns.
    n_rows, n_weighted : int
        Number of rows, and of those with a weight.
    least, largest : float
        Extremes of the positive weights.
    counts : bool
        Whether all weights are integers.
    moments : Moments
    samples : tuple of Sample
        To be joined.
    """

    seed: int
    first: int
    n_chunks: int
    names: tuple | None
    n_rows: int
    n_weighted: int
    least: float
    largest: float
    counts: bool
    moments: Moments
    samples: tuple

    @classmethod
    def of(
        cls, chunk: Table, weight: Any, index: int, seed: int, fewest: int
    ) -> Summary:
        """Summary of one chunk.

        Parameters
        ----------
        chunk : array-like or frame of shape (n_rows, n_features)
        weight : array-like of shape (n_rows,) or None
        index : int
            Its place among the chunks, on which the choice of rows depends.
        seed : int
            Of the choice.
        fewest : int
            See :func:`rows_to_keep`.

        Returns
        -------
        Summary

        Raises
        ------
        TypeError, ValueError
            If the chunk is not a table of finite numbers; with the index.
        """
        names = _named(index, _get_feature_names, chunk)
        rows, w = checked_chunk(chunk, weight, index)
        n_rows, kept = len(rows), w > 0
        if not kept.all():
            rows, w = rows[kept], w[kept]
        random = np.random.default_rng([seed, index]).standard_exponential(n_rows)
        with np.errstate(over="ignore"):
            priority = random[kept] / w
        sample = Sample(rows_to_keep(rows.shape[1], fewest), rows, w, priority)
        return cls(
            seed,
            index,
            1,
            None if names is None else tuple(names),
            n_rows,
            len(rows),
            w.min(initial=np.inf),
            w.max(initial=0.0),
            not len(w) or are_integers(w),
            Moments.of(rows, w),
            (sample.cut(),),
        )

    @property
    def n_features(self):
        """Number of columns."""
        return len(self.moments.mean)

    @property
    def dtype(self):
        """Precision of the rows; of a joined summary."""
        return self.samples[0].rows.dtype

    def merge(self, other: Summary) -> Summary:
        """Summary of these chunks and of the following ones.

        Parameters
        ----------
        other : Summary
            Of chunks that follow.

        Returns
        -------
        Summary

        Raises
        ------
        ValueError
            If they have other columns.
        """
        _check_columns(self, other)
        # Rows that are not going to be kept need not wait.
        threshold = self.samples[0].threshold
        new = tuple(
            s.only(s.priority <= threshold) if np.isfinite(threshold) else s
            for s in other.samples
        )
        merged = Summary(
            self.seed,
            self.first,
            self.n_chunks + other.n_chunks,
            self.names,
            self.n_rows + other.n_rows,
            self.n_weighted + other.n_weighted,
            min(self.least, other.least),
            max(self.largest, other.largest),
            self.counts and other.counts,
            self.moments.merge(other.moments),
            self.samples + new,
        )
        waiting = sum(len(s.rows) for s in merged.samples[1:])
        many = waiting > _WAITING_SHARE * self.samples[0].size
        return (
            merged.joined() if many or len(merged.samples) > _MOST_WAITING else merged
        )

    def joined(self) -> Summary:
        """The same with a single sample."""
        if len(self.samples) == 1:
            return self
        return self._replace(samples=(Sample.joined(self.samples),))

    @property
    def is_cut(self):
        """Whether rows were left out; of a joined summary."""
        return self.samples[0].is_cut

    def check_uncut(self) -> None:
        """No row may be left out, of a joined summary.

        Raises
        ------
        ValueError
            If one is.
        """
        if self.is_cut:
            raise ValueError(
                f"With batch_size=None all rows of X attract the particles, but only "
                f"{self.samples[0].size} of rows that come in chunks are kept in "
                f"memory; got {self.n_rows} or more. Choose another batch_size, or "
                "pass an array, a memory map or a Dask array."
            )

    def data(self) -> tuple[Floats, Floats, Whole | None]:
        """Kept rows, their weights, and what is known of all rows; of a joined summary.

        Returns
        -------
        X : ndarray of shape (n_kept, n_features)
        sample_weight : ndarray of shape (n_kept,)
        whole : Whole or None
            None if all rows are kept.

        Raises
        ------
        ValueError
            If there are fewer than two rows, or all weights are zero.
        """
        self._check_rows()
        sample = self.samples[0]
        if not sample.is_cut:
            return sample.rows, check_counts(sample.weight, sample.rows), None
        rows, own, weight = sample.estimate()
        unit, m = 1.0, self.moments
        if self.counts:
            unit = unit_of_counts(self.n_weighted, self.least, m.total)
        count = own / unit
        if self.counts and (unit == 1 or self.least == self.largest):
            n_samples = m.total / unit
        else:
            count, n_samples = np.ones(len(own)), float(self.n_weighted)
        return rows, weight, Whole(n_samples, count, m.mean, m.std, m.low, m.high)

    def _check_rows(self):
        if self.n_rows < 2:
            raise ValueError(
                f"Found {self.n_rows} sample(s) in {self.n_chunks} chunk(s) of X while "
                "a minimum of 2 is required."
            )
        if not self.n_weighted:
            raise ValueError(NO_WEIGHT_MESSAGE)
        if not np.isfinite(self.moments.total):
            raise ValueError(
                "The sum of the 'sample_weight' is too large for a number; divide them "
                "by their mean."
            )


def checked_chunk(chunk: Table, weight: Any, index: int) -> tuple[Floats, Floats]:
    """Rows of a chunk in float32 or float64, and their weights, in float64.

    Raises
    ------
    TypeError, ValueError
        With the index of the chunk.
    """
    return _named(index, _checked, chunk, weight)


def _checked(chunk, weight):
    check_numbers(chunk)
    with naming_columns(chunk, _MESSAGE):
        rows = check_array(
            chunk,
            dtype=(np.float64, np.float32),
            ensure_all_finite=False,
            ensure_min_samples=0,
            input_name="chunk",
        )
    if not np.isfinite(rows).all():
        i, j = np.argwhere(~np.isfinite(rows))[0]
        names = _get_feature_names(chunk)
        column = j if names is None else repr(names[j])
        raise ValueError(
            f"Column {column} is {rows[i, j]} in row {i}; numbers must be finite. "
            "Impute or drop such rows."
        )
    if weight is None or not len(rows):
        return rows, np.ones(len(rows))
    return rows, _checked_weight(weight, len(rows))


def _checked_weight(weight, n):
    """Weights of a chunk, which may all be zero."""
    w = check_array(weight, dtype=float, ensure_2d=False, input_name="sample_weight")
    if w.shape != (n,):
        raise ValueError(
            f"The 'sample_weight' have the shape {w.shape}, but the chunk has {n} rows."
        )
    if (w < 0).any():
        raise ValueError(
            f"Negative values in 'sample_weight': {w.min():.6g}; they must be at least "
            "0."
        )
    return w


def _named(index, function, *arguments):
    """The result of a function; its errors begin with the index of the chunk."""
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"Chunk {index} of X: {error}") from error


def _check_columns(first, second):
    """Chunks must have the same columns in the same order."""
    k, d = second.first, first.n_features
    if second.n_features != d:
        raise ValueError(
            f"Chunk {k} of X has {second.n_features} columns, but chunk {first.first} "
            f"has {d}. All chunks must have the same columns."
        )
    if first.names == second.names:
        return
    if first.names is None or second.names is None:
        without = first.first if first.names is None else k
        raise ValueError(
            f"Chunk {without} of X has no names of columns, but others have. Pass data "
            "frames only, or arrays only."
        )
    j = next(j for j in range(d) if first.names[j] != second.names[j])
    raise ValueError(
        f"Column {j} is {second.names[j]!r} in chunk {k} of X, but {first.names[j]!r} "
        f"in chunk {first.first}. Reorder or rename the columns."
    )


def summary_of(
    chunks: Iterable, weights: Any, seed: int, fewest: int, keeps_all: bool = False
) -> Summary:
    """Summary of chunks that are read one after the other.

    Parameters
    ----------
    chunks : iterable of array-likes or frames
    weights : iterable of array-likes or None
        Weights of every chunk.
    seed : int
        Of the choice of rows.
    fewest : int
        See :func:`rows_to_keep`.
    keeps_all : bool, default=False
        Whether it is an error to leave rows out.

    Returns
    -------
    Summary
        Joined.

    Raises
    ------
    ValueError
        If there is no chunk, not as many weights, or a row is left out.
    """
    summary = None
    for index, (chunk, weight) in enumerate(_weighted(chunks, weights)):
        new = Summary.of(chunk, weight, index, seed, fewest)
        summary = new if summary is None else summary.merge(new)
        if keeps_all and summary.n_weighted > summary.samples[0].size:
            summary.joined().check_uncut()
    if summary is None:
        raise ValueError(
            "X is an iterable without any chunk. (An iterator can be read once only.)"
        )
    return summary.joined()


def _weighted(chunks, weights):
    if weights is None:
        yield from ((chunk, None) for chunk in chunks)
        return
    if not are_chunks(weights) and not isinstance(weights, (list, tuple)):
        raise ValueError(
            "With an iterable of chunks as X, the 'sample_weight' must be an iterable "
            "of the weights of every chunk, or None; got "
            f"{type(weights).__name__}."
        )
    try:
        yield from zip(chunks, weights, strict=True)
    except ValueError as error:
        if "zip()" not in str(error):
            raise
        raise ValueError(
            "X and 'sample_weight' must have as many chunks; one ended first."
        ) from error
