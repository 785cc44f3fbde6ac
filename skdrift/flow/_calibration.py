"""Calibration: how much noise a start needs so that the flow does not copy."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._loop import Flow

# Fresh samples have an area of one half. The target leans to the data by less than
# its standard error on a few hundred rows: fidelity gains more there than novelty
# loses.
_TARGET_AUC = 0.52
_AUC_TOLERANCE = 0.015
# Much wider noise would blur what the flow has no steps to sharpen; less would leave
# no way to be new in five and more independent columns.
NOISE_BOUNDS = (0.15, 1.5)
MAX_FLOWS = 5
# The AUC of all particles, less that of a thousand of 5000 (0.014, the mean of twelve
# flows on four sets), and flows of all of them.
_NEARER = 0.015
FULL_FLOWS = 2


def is_calibrated(noise: float, auc: float) -> bool:
    """Whether an AUC is near enough to the target, or no more noise may be added."""
    error = auc - _TARGET_AUC
    return abs(error) <= _AUC_TOLERANCE or (error > 0 and noise == NOISE_BOUNDS[1])


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
    (low, high), noise = NOISE_BOUNDS, 1.0
    error_low = error_high = None
    best = np.inf
    for _ in range(MAX_FLOWS):
        flow = evolve_from(noise)
        reached = auc(flow)
        error = reached - _TARGET_AUC
        if abs(error) < best:
            best, found = abs(error), (noise, flow, reached)
        if is_calibrated(noise, reached):
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


def calibrate_by_part(
    evolve_part: Callable[[float], Flow],
    evolve_from: Callable[[float], Flow],
    auc: Callable[[Flow], float],
) -> tuple[float, Flow, float]:
    """:func:`calibrate`, with a part of the particles as far as possible.

    A part ends a little farther from the data than all particles from a start of the
    same noise. If all of them miss the target therefore, the search is repeated once
    with the difference that they show.

    Parameters
    ----------
    evolve_part, evolve_from : callable
        ``evolve_from(noise)``, the flow of the part, and of all particles.
    auc : callable
        ``auc(flow)``, the memorisation AUC of its particles.

    Returns
    -------
    noise, flow, auc : float, Flow, float
        As for :func:`calibrate`; the flow is that of all particles.
    """
    evolve_part = cache(evolve_part)
    nearer, tried = _NEARER, []

    def expected_auc(flow):
        return auc(flow) + nearer

    for _ in range(FULL_FLOWS):
        noise, _, expected = calibrate(evolve_part, expected_auc)
        flow = evolve_from(noise)
        reached = auc(flow)
        tried.append((noise, flow, reached))
        if is_calibrated(noise, reached):
            break
        nearer += reached - expected
    return min(tried, key=lambda found: abs(found[2] - _TARGET_AUC))
