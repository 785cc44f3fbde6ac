"""Memorisation: when particles copy the data, and how much noise prevents it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .._data._neighbors import NearestRows
    from .._typing import Floats
    from . import Flow
__all__ = ["Memorization", "calibrate"]

# Rows and particles that are looked at; more would not sharpen the probability.
_MAX_PROBES = 2000
# Fresh samples have an area of one half. The target leans to the data by less than
# its standard error on a few hundred rows: fidelity gains more there than novelty
# loses.
_TARGET_AUC = 0.52
_AUC_TOLERANCE = 0.015
# The flow stops at this one.
LARGEST_AUC = 0.55
# Much wider noise would blur what the flow has no steps to sharpen; less would leave
# no way to be new in five and more independent columns.
_NOISE_BOUNDS = (0.15, 1.5)
MAX_FLOWS = 5


class Memorization:
    """Whether particles lie closer to the data than the data to themselves.

    New samples of the law that produced the data lie as far from their nearest data
    row as the rows lie from one another (leave-one-out). Particles that are closer
    have begun to copy. The statistic is the memorisation AUC, the probability that a
    particle is closer than a row, ties counting half: one half for new samples, 1 for
    copies (compare :func:`skdrift.metrics.memorization_auc`).

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Distinct data rows.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, of sum 1.
    count : ndarray of shape (n_rows,)
        How many samples each row stands for: two or more have a twin at distance 0.
    neighbors : NearestRows
        Of the same rows.

    Attributes
    ----------
    is_defined : bool
        False if most samples have a twin: then new samples would be copies too.
    """

    def __init__(
        self, rows: Floats, weight: Floats, count: NDArray[Any], neighbors: NearestRows
    ) -> None:
        self._neighbors = neighbors
        probes = _every(rows)
        distance = (
            neighbors.distance(rows[probes], 2)
            if len(rows) > 1
            else np.zeros(len(rows))
        )
        distance[count[probes] >= 2] = 0
        order = np.argsort(distance)
        self._reference = distance[order]
        cumulative = np.cumsum(weight[probes][order])
        self._below = np.append(0.0, cumulative / cumulative[-1])
        self.is_defined = bool(
            self._reference[np.searchsorted(self._below[1:], 0.5)] > 0
        )

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
        distance = self._neighbors.distance(particles[_every(particles)])
        below = [
            self._below[np.searchsorted(self._reference, distance, side)]
            for side in ("left", "right")
        ]
        return float(1 - np.mean(below))


def calibrate(
    evolve_from: Callable[[float], Flow], auc: Callable[[Flow], float]
) -> tuple[float, Flow, float]:
    """Find the noise of a start from which the flow ends neither near nor far.

    The memorisation AUC of the particles falls as the noise of their start grows; a
    few steps of false position find the noise at which it is that of new samples.

    Parameters
    ----------
    evolve_from : callable
        ``evolve_from(noise)``, the flow from a start of this noise.
    auc : callable
        ``auc(flow)``, the memorisation AUC of its particles.

    Returns
    -------
    noise : float
        The noise of the start.
    flow : Flow
        Of all that were tried, the one whose AUC is nearest to the target.
    auc : float
        Of its particles.
    """
    (low, high), noise = _NOISE_BOUNDS, 1.0
    error_low = error_high = None
    best = np.inf
    for _ in range(MAX_FLOWS):
        flow = evolve_from(noise)
        reached = auc(flow)
        error = reached - _TARGET_AUC
        if abs(error) < best:
            best, found = abs(error), (noise, flow, reached)
        if best <= _AUC_TOLERANCE or (error > 0 and noise == _NOISE_BOUNDS[1]):
            break
        if error > 0:
            low, error_low = noise, error
        else:
            high, error_high = noise, error
        if error_high is None:
            noise = high
        elif error_low is None:
            noise = float(np.sqrt(low * high))
        else:
            share = error_low / (error_low - error_high)
            noise = low + (high - low) * float(np.clip(share, 0.1, 0.9))
    return found


def _every(rows):
    return slice(None, None, -(-len(rows) // _MAX_PROBES))
