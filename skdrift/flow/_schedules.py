"""Bandwidths of a flow, from the first evaluation of the field to the last."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._starts import Start
    from .._typing import Annealing, Floats


def annealing_schedule(
    initial: float, final: float, n_annealing: int, n_steps: int
) -> Floats:
    """Bandwidths that fall exponentially, then stay.

    ``sigma(t) = initial * exp(-r t)`` down to `final` (Turan and Ovsjanikov,
    arXiv:2603.09936), the rate r such that `final` is reached after
    `n_annealing` steps, or `n_steps` if that is less.

    Parameters
    ----------
    initial, final : float
        First and last bandwidth; constant at `final` if that is the larger one.
    n_annealing : int
        Number of steps taken above `final`.
    n_steps : int
        Total number of steps.

    Returns
    -------
    ndarray of shape (n_steps + 1,)
        Bandwidth of every evaluation of the field.

    Examples
    --------
    >>> from skdrift.flow import annealing_schedule
    >>> annealing_schedule(8.0, 1.0, n_annealing=3, n_steps=5)
    array([8., 4., 2., 1., 1., 1.])
    """
    bandwidths = np.full(n_steps + 1, float(final))
    n_annealing = min(n_annealing, n_steps)
    if initial > final:
        bandwidths[:n_annealing] = np.geomspace(initial, final, n_annealing + 1)[:-1]
    return bandwidths


def given_schedule(bandwidths: Floats, final: float, n_steps: int) -> Floats:
    """Given bandwidths, then the final one.

    Parameters
    ----------
    bandwidths : ndarray of shape (n_given,)
        Bandwidths of the first steps, of which at most `n_steps` are used.
    final : float
        Bandwidth of all later steps.
    n_steps : int
        Total number of steps.

    Returns
    -------
    ndarray of shape (n_steps + 1,)
        Bandwidth of every evaluation of the field.
    """
    bandwidths = bandwidths[:n_steps]
    return np.append(bandwidths, np.full(n_steps + 1 - len(bandwidths), float(final)))


def n_annealing(annealing: Annealing, start: Start) -> int:
    """Number of annealing steps that the parameter of an estimator stands for."""
    if isinstance(annealing, str):  # "auto"
        return start.annealing
    if isinstance(annealing, Integral):
        return int(annealing)
    return int(np.size(annealing))


def schedule_of(
    annealing: Annealing, bandwidth: float, start: Start, max_iter: int
) -> Floats:
    """Schedule that the parameter of an estimator stands for, in internal units.

    The parameter is the number of steps from the bandwidth at which the start begins,
    "auto" for as many as the start needs, or multiples of the final bandwidth.
    """
    if isinstance(annealing, Integral | str):
        initial, n = start.anneals_from(bandwidth), n_annealing(annealing, start)
        return annealing_schedule(initial, bandwidth, n, max_iter)
    try:
        multiples = np.asarray(annealing, dtype=np.float64)
    except (TypeError, ValueError):
        multiples = np.array(np.nan)
    if multiples.ndim != 1 or not np.all((multiples > 0) & (multiples < np.inf)):
        raise ValueError(
            "The 'annealing' parameter must be a number of steps or a 1-D array of "
            f"positive multiples of the final bandwidth; got {annealing!r}."
        )
    return given_schedule(bandwidth * multiples, bandwidth, max_iter)
