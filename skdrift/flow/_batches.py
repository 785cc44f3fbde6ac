"""What ensembles see of the data: parts of many rows, displaced for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from .._data._neighbors import TREE_MAX_FEATURES
from .._starts._choice import choose

if TYPE_CHECKING:
    from .._data._neighbors import NearestRows
    from .._data._rows import WeightedRows
    from .._starts import LocalStart

# Rows that attract an ensemble by default, and for each of its particles if these are
# more: with one per particle draws are as good as with all rows.
_MOST_ROWS, _PER_PARTICLE = 20_000, 2
# A larger part of the rows is all of them: it would save little.
_LARGEST_PART = 0.8
# Rows among which neighbours are looked for, where trees do not find them fast.
_MOST_NEAR = 100_000


class Batches:
    """What ensembles see of weighted rows: all of them or parts, displaced or not.

    Parts are as even as the rows lie: rows are chosen by systematic resampling along
    the leaves of a tree, in which near rows follow each other, so that means and shares
    of regions vary less than with independent choices.

    Rows are displaced, anew for every ensemble, by about as much as they are apart.
    Otherwise the particle nearest to a row that lies alone would end on it in every
    ensemble, which the mean over all particles hardly shows.

    Parameters
    ----------
    rows : WeightedRows
        All the data.
    neighbors : NearestRows
        Of the same rows.
    size : int or None
        Rows that are chosen, some of them more than once where weights differ; None
        for all.
    start : LocalStart or None, default=None
        Of some or all of the rows, which displaces them; None to keep them in place.
    """

    def __init__(
        self,
        rows: WeightedRows,
        neighbors: NearestRows,
        size: int | None,
        start: LocalStart | None = None,
    ) -> None:
        self.rows, self.size = rows, size
        self._neighbors, self._start = neighbors, start

    @property
    def differ(self) -> bool:
        """Whether ensembles see different rows."""
        return self.size is not None or self._start is not None

    def draw(self, random_state: np.random.RandomState) -> WeightedRows:
        """Rows for one ensemble; no random number is used for all rows in place."""
        part, places = self.rows, np.arange(len(self.rows.rows))
        if self.size is not None:
            chosen = self._chosen(random_state)
            part, places = self.rows.part(chosen), np.unique(chosen)
        if self._start is None:
            return part
        known = places if self._start.rows is self.rows else None
        return self._start.displaced(part, known, random_state)

    def draw_and_rest(
        self, random_state: np.random.RandomState
    ) -> tuple[WeightedRows, WeightedRows | None]:
        """Choose a part, and tell which rows are left over; None for no rows."""
        if self.size is None:
            return self.rows, None
        chosen = self._chosen(random_state)
        return self.rows.part(chosen), self.rows.without(chosen)

    def _chosen(self, random_state):
        order = self._neighbors.order
        return order[choose(self.size, self.rows.weight[order], random_state)]


def size_of_batch(
    batch_size: int | Literal["auto"] | None, n_rows: int, n_particles: int
) -> int | None:
    """Size of a batch that the parameter of an estimator stands for; None for all.

    Parameters
    ----------
    batch_size : int, "auto" or None
        The parameter.
    n_rows : int
        Distinct rows of the data.
    n_particles : int
        Size of the ensemble.

    Returns
    -------
    int or None
    """
    if isinstance(batch_size, str):  # "auto"
        batch_size = max(_MOST_ROWS, _PER_PARTICLE * n_particles)
    return _part_of(n_rows, batch_size)


def fewest_rows(batch_size: int | str | None, n_particles: int | None) -> int:
    """Rows that must be kept so that as many attract an ensemble as is asked for."""
    if isinstance(batch_size, str):  # "auto"
        return _PER_PARTICLE * (n_particles or 0)
    return batch_size or 0


def most_near(n_rows: int, n_features: int) -> int | None:
    """Rows among which neighbours are looked for; None for all."""
    is_fast = n_features <= TREE_MAX_FEATURES
    return None if is_fast else _part_of(n_rows, _MOST_NEAR)


def _part_of(n_rows, size):
    return None if size is None or size > _LARGEST_PART * n_rows else size
