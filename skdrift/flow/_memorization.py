"""Memorisation: whether particles copy the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._data._neighbors import NearestRows
    from .._data._rows import WeightedRows
    from .._typing import Floats

# Rows and particles that are looked at; more would not sharpen the probability.
_MAX_PROBES = 2000
_ROUNDING = 1e-6  # of distances
# Fresh samples have an area of one half; a flow stops at this one.
LARGEST_AUC = 0.55


class Memorization:
    """Whether particles lie closer to the data than the data to themselves.

    New samples of the distribution of the data lie as far from their nearest data
    row as the rows lie from one another (leave-one-out). Particles that are closer
    have begun to copy. The statistic is the memorisation AUC, the probability that a
    particle is closer than a row, ties counting half: one half for new samples, 1 for
    copies (compare :func:`skdrift.metrics.memorization_auc`).

    Parameters
    ----------
    distance : ndarray of shape (n_probes,)
        Distances of data from their nearest row.
    weight : ndarray of shape (n_probes,)
        Their weights.
    neighbors : NearestRows
        Of the rows.

    Attributes
    ----------
    is_defined : bool
        False if most samples have a twin: then new samples would be copies too.
    """

    def __init__(
        self, distance: Floats, weight: Floats, neighbors: NearestRows
    ) -> None:
        self._neighbors = neighbors
        order = np.argsort(distance)
        self._reference = distance[order]
        cumulative = np.cumsum(weight[order])
        self._below = np.append(0.0, cumulative / cumulative[-1])
        self.is_defined = bool(
            self._reference[np.searchsorted(self._below[1:], 0.5)] > 0
        )

    @classmethod
    def within(cls, data: WeightedRows, neighbors: NearestRows) -> Memorization:
        """Distances of rows from one another.

        Parameters
        ----------
        data : WeightedRows
            Distinct rows. A row that stands for two or more samples has a twin at
            distance 0.
        neighbors : NearestRows
            Of the same rows.

        Returns
        -------
        Memorization
        """
        probes = _every(len(data.rows))
        distance = np.zeros(len(data.count[probes]))
        if len(data.rows) > 1:
            distance = neighbors.distance(data.rows[probes], 2)
        distance[data.count[probes] >= 2] = 0
        return cls(distance, data.weight[probes], neighbors)

    @classmethod
    def beside(cls, data: WeightedRows, neighbors: NearestRows) -> Memorization:
        """Distances of rows from others.

        Parameters
        ----------
        data : WeightedRows
            Rows that are not among the others.
        neighbors : NearestRows
            Of the others.

        Returns
        -------
        Memorization
        """
        probes = _every(len(data.rows))
        distance = neighbors.distance(data.rows[probes])
        return cls(distance, data.weight[probes], neighbors)

    def auc(self, particles: Floats) -> float:
        """Probability that a particle is closer to the data than a row is.

        Parameters
        ----------
        particles : ndarray of shape (n_particles, n_features)
            In the units of the rows.

        Returns
        -------
        float
            One half for new samples, 1 for copies.
        """
        return self._auc(self._neighbors.distance(probes(particles)))

    def guard(
        self, drawn: Callable[[Floats], Floats] | None = None
    ) -> Callable[[Floats], bool]:
        """Whether the AUC reaches ``LARGEST_AUC``, for an ensemble that moves.

        The answer is the one that :meth:`auc` would give. Distances are looked up
        only where it depends on them: a particle that has moved by r is nearer to the
        data by r at most.

        Parameters
        ----------
        drawn : callable, default=None
            ``drawn(particles)``, the rows that :meth:`auc` is of; None for the
            particles themselves.

        Returns
        -------
        callable
            ``guard(particles)``, to be called with the same particles on their way.
        """
        return _Guard(self, drawn or probes, self._neighbors.following())

    def _auc(self, distance):
        below = [
            self._below[np.searchsorted(self._reference, distance, side)]
            for side in ("left", "right")
        ]
        return float(1 - np.mean(below))


class _Guard:
    """Whether particles on their way copy the data."""

    def __init__(self, memorization, drawn, distance):
        self._memorization = memorization
        self._drawn, self._distance = drawn, distance
        self._at, self._known = None, None

    def __call__(self, particles):
        x = probes(self._drawn(particles))
        if self._at is not None and self._at.shape == x.shape:
            moved = np.linalg.norm(x - self._at, axis=1)
            if self._auc((1 - _ROUNDING) * self._known - moved) < LARGEST_AUC:
                return False
        self._at, self._known = x, self._distance(x)
        return self._auc(self._known) >= LARGEST_AUC

    def _auc(self, distance):
        return self._memorization._auc(distance)


def probes(particles: Floats) -> Floats:
    """Those of the particles that are looked at, evenly many in their order."""
    return particles[_every(len(particles))]


def _every(n):
    return slice(None, None, -(-n // _MAX_PROBES))
