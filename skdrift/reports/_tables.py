"""Tables of a report: real and generated rows, and what is known of their distances."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .._data._neighbors import Neighbors
from ..metrics._samples import nearest_distances
from ..metrics._tables import coded, samples_of, shared_columns

# Of more rows, so many random ones are looked at; distances need quadratic time.
_MOST_ROWS = 10_000
# Nearest real rows that are known: among so many, one is in any random half.
_N_NEAREST = 32
_FEWEST_ROWS = 10


class Tables:
    """Generated rows, and real ones of which some are training rows.

    Parameters
    ----------
    generated, test, train : array-like or DataFrame of shape (n_rows, n_columns)
    rng : RandomState
        Chooses rows, if there are very many.

    Attributes
    ----------
    columns : list of SharedColumn
        With the parts ``"real"`` and ``"generated"``.
    codes : dict of ndarray of shape (n_rows, n_codes)
        Numbers for distances, of the same two parts.
    is_train : ndarray of bool of shape (n_real,)
    """

    def __init__(self, generated, test, train, rng):
        columns = shared_columns(train=train, test=test, generated=generated)
        sizes = samples_of(columns)
        for key, n in sizes.items():
            if n < _FEWEST_ROWS:
                raise ValueError(
                    f"'{key}' must have at least {_FEWEST_ROWS} rows; got {n}."
                )
        kept = {
            key: np.sort(rng.permutation(n)[:_MOST_ROWS]) for key, n in sizes.items()
        }
        self.columns = [_pooled(column, kept) for column in columns]
        self.codes = coded(self.columns, "real")
        self.is_train = np.repeat([True, False], [len(kept[k]) for k in sizes][:2])

    @property
    def names(self):
        """Names of the columns."""
        return [column.name for column in self.columns]

    def pair(self, key, first, reference):
        """Columns of some rows of a table, and of other real rows."""
        return [
            column._replace(
                parts={
                    "first": column.parts[key][first],
                    "reference": column.parts["real"][reference],
                }
            )
            for column in self.columns
        ]

    @cached_property
    def _near(self):
        """Places and distances of the nearest other real rows, for both tables."""
        real = self.codes["real"]
        k = min(_N_NEAREST, len(real) - 1)
        search = Neighbors(real, n_neighbors=k + 1)
        near = {}
        for key, rows in self.codes.items():
            places = search.kneighbors(rows, return_distance=False)
            # Products of matrices lose the distance 0 of equal rows.
            distance = np.array(
                [np.linalg.norm(rows - real[p], axis=1) for p in places.T]
            ).T
            if key == "real":  # a row is not near itself
                distance[places == np.arange(len(rows))[:, None]] = np.inf
            order = np.argsort(distance, axis=1, kind="stable")[:, :k]
            near[key] = (
                np.take_along_axis(places, order, axis=1),
                np.take_along_axis(distance, order, axis=1),
            )
        return near

    def to_nearest(self, key, among):
        """Distances of a table's rows to the nearest of some real rows, not itself."""
        places, distance = self._near[key]
        inside = among[places]
        first = inside.argmax(axis=1)
        # Of very few rows none may be near: the farthest known one is nearer.
        first[~inside.any(axis=1)] = places.shape[1] - 1
        return distance[np.arange(len(distance)), first]

    @cached_property
    def isolation(self):
        """Distances of real rows to the nearest other real row."""
        return self._near["real"][1][:, 0]

    @cached_property
    def to_generated(self):
        """Distances of real rows to the nearest generated row."""
        return nearest_distances(self.codes["real"], self.codes["generated"])


def _pooled(column, kept):
    train, test, generated = (
        column.parts[key][kept[key]] for key in ("train", "test", "generated")
    )
    real = np.concatenate([train, test])
    return column._replace(parts={"real": real, "generated": generated})
