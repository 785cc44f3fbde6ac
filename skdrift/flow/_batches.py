"""What ensembles see of the data: parts of many rows, isolated ones redrawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from .._data._neighbors import TREE_MAX_FEATURES
from .._starts._choice import choose

if TYPE_CHECKING:
    from .._data._neighbors import NearestRows
    from .._data._rows import WeightedRows
    from .._starts import LocalStart
    from ._memorization import Memorization

# Rows that attract an ensemble by default, and for each of its particles if these are
# more: with one per particle draws are as good as with all rows.
_MOST_ROWS, _PER_PARTICLE = 20_000, 2
# A larger part of the rows is all of them: it would save little.
_LARGEST_PART = 0.8
# Rows among which neighbours are looked for, where trees do not find them fast.
_MOST_NEAR = 100_000
# Share of the rows that count as isolated: the more, the farther draws stay from them,
# and the less sparse regions keep their shape.
_ISOLATED = 0.3


class Isolated(NamedTuple):
    """Rows far from all others, in whose place each ensemble sees another one.

    The particle nearest to such a row has no other data near, and would become a copy
    of it in every ensemble, which the mean over all particles does not show. So an
    ensemble is attracted by draws from the Gaussians of their neighbourhoods instead.

    Attributes
    ----------
    start : LocalStart
        Where neighbourhoods are known.
    reach : float
        Rows whose nearest other row is farther away are isolated.
    """

    start: LocalStart
    reach: float

    @classmethod
    def among(cls, start: LocalStart, memorization: Memorization) -> Isolated:
        """The rows whose nearest neighbours are farthest.

        Parameters
        ----------
        start : LocalStart
            Where neighbourhoods are known.
        memorization : Memorization
            Knows distances of rows from one another.

        Returns
        -------
        Isolated
        """
        return cls(start, memorization.distance_within(1 - _ISOLATED))

    def redrawn(
        self,
        rows: WeightedRows,
        places: np.ndarray | None,
        random_state: np.random.RandomState,
    ) -> WeightedRows:
        """Rows with others in place of the isolated ones.

        Parameters
        ----------
        rows : WeightedRows
            The rows that an ensemble would see.
        places : ndarray of shape (n_rows,), dtype int, or None
            Their places among the rows of the start; None if they are others.
        random_state : RandomState
            Source of the others.

        Returns
        -------
        WeightedRows
        """
        x, neighbors = rows.rows, self.start.neighbors
        if places is None:
            distance = neighbors.distance(x)
        else:
            distance = neighbors.reach(places, 2)
        # A row that stands for several samples is not alone.
        far = np.flatnonzero((distance > self.reach) & (rows.count < 2))
        places = None if places is None else places[far]
        x = x.copy()
        x[far] = self.start.redrawn(x[far], places, random_state)
        return rows._replace(rows=x)


class Batches:
    """Parts of weighted rows, as even as the rows lie.

    Rows are chosen by systematic resampling along the leaves of a tree, in which near
    rows follow each other, so that means and shares of regions vary less than with
    independent choices.

    Parameters
    ----------
    rows : WeightedRows
        All the data.
    neighbors : NearestRows
        Of the same rows.
    size : int or None
        Rows that are chosen, some of them more than once where weights differ; None
        for all.
    isolated : Isolated or None, default=None
        Rows in whose place there are others; None for none.
    """

    def __init__(
        self,
        rows: WeightedRows,
        neighbors: NearestRows,
        size: int | None,
        isolated: Isolated | None = None,
    ) -> None:
        self._rows, self._neighbors, self._size = rows, neighbors, size
        self._isolated = isolated

    def draw(self, random_state: np.random.RandomState) -> WeightedRows:
        """Choose a part; no random number is used where all rows are as they are."""
        part, places = self._rows, np.arange(len(self._rows.rows))
        if self._size is not None:
            places = np.unique(chosen := self._chosen(random_state))
            part = self._rows.part(chosen)
        if self._isolated is None:
            return part
        knows_all = self._isolated.start.rows is self._rows
        return self._isolated.redrawn(part, places if knows_all else None, random_state)

    def draw_and_rest(
        self, random_state: np.random.RandomState
    ) -> tuple[WeightedRows, WeightedRows | None]:
        """Choose a part, and tell which rows are left over; None for no rows."""
        if self._size is None:
            return self._rows, None
        chosen = self._chosen(random_state)
        return self._rows.part(chosen), self._rows.without(chosen)

    def _chosen(self, random_state):
        order = self._neighbors.order
        return order[choose(self._size, self._rows.weight[order], random_state)]


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
