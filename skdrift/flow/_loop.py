"""Time stepping: from a start along a velocity to where it vanishes.

The loop receives a velocity and a schedule of bandwidths. It knows neither
kernels nor how sums are computed.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._stops import CALMER, Rest, root_mean_square

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .._typing import Floats, Velocity

    Advance = Callable[[Floats, float, Any], tuple[Floats, Any]]
    Hazards = Mapping[str, Callable[[Floats], bool]]
    Report = Callable[[int, float, float], object]


class Flow(NamedTuple):
    """Result of :func:`evolve`.

    Attributes
    ----------
    particles : ndarray of shape (n_particles, n_features)
        Final positions.
    trajectory : tuple of n_steps ndarrays of shape (n_particles, n_features)
        Positions before every step.
    history : dict of ndarray of shape (n_steps + 1,)
        ``"bandwidth"``, ``"residual_velocity"`` (root mean square) and ``"step_size"``
        at every evaluation; no step follows the last one, whose step size is 0.
    stopped_by : str
        What ended the loop: ``"tol"``, ``"max_iter"`` or the name of a hazard.
    """

    particles: np.ndarray
    trajectory: tuple
    history: dict
    stopped_by: str


def evolve(
    start: Floats,
    velocity: Velocity,
    bandwidths: Floats,
    step_size: float | Callable[[Floats, float], float],
    tol: float,
    hazards: Hazards | None = None,
    report: Report | None = None,
) -> Flow:
    """Move particles along a velocity by explicit Euler steps.

    Parameters
    ----------
    start : ndarray of shape (n_particles, n_features)
        Initial positions.
    velocity : callable
        ``velocity(particles, bandwidth)``, a displacement per unit step.
    bandwidths : ndarray of shape (n_steps + 1,)
        Schedule.
    step_size : float or callable
        Fraction of the displacement taken per step, or ``step_size(particles,
        bandwidth)``, the fraction for the step from there.
    tol : float
        Stop once the residual velocity is at most `tol` times the final bandwidth,
        but not before that bandwidth is reached.
    hazards : dict of str to callable, default=None
        Further reasons to stop: ``reached(particles)`` by name. A step that leads into
        one is taken back. One that the start has reached already ends the flow only
        if it is still there at the final bandwidth, and nothing is taken back.
    report : callable, default=None
        Called with ``(step, bandwidth, residual_velocity)``.

    Returns
    -------
    Flow
        Where the particles are, the way there, and what ended it.

    Raises
    ------
    FloatingPointError
        If the velocity is not finite.
    """

    def advance(x, h, state):
        return velocity(x, h), state

    return drift(start, advance, bandwidths, step_size, tol, hazards, report)


def drift(
    start: Floats,
    advance: Advance,
    bandwidths: Floats,
    step_size: float | Callable[[Floats, float], float],
    tol: float,
    hazards: Hazards | None = None,
    report: Report | None = None,
) -> Flow:
    """:func:`evolve` along ``advance(particles, bandwidth, state)``.

    It returns the velocity and the state for the next step; the first state is None.
    """

    def size_of_step(t, x, h):
        return step_at(step_size, x, h)

    path: list[_Evaluation] = []
    rest, hazards = Rest(bandwidths, tol), hazards or {}
    x, stopped_by, _ = _euler(
        start, advance, bandwidths, size_of_step, hazards, rest, report, path
    )
    history = {
        "bandwidth": bandwidths[: len(path)].copy(),
        "residual_velocity": np.array([e.residual for e in path]),
        "step_size": np.array([*(e.step_size for e in path[:-1]), 0.0]),
    }
    return Flow(x, tuple(e.particles for e in path[:-1]), history, stopped_by)


def follow(
    start: Floats,
    advance: Advance,
    steps: Sequence[tuple[float, float]],
    hazards: Hazards,
    report: Report | None = None,
) -> tuple[Floats, str, int]:
    """Take given steps (bandwidth, step size), whatever the residual velocity.

    Returns the particles after the last step, or before the one that led into a hazard,
    the name of the hazard, or an empty string, and the index of that step. Other
    parameters are as for :func:`drift`.
    """
    bandwidths, sizes = zip(*steps, strict=True) if steps else ((), ())

    def size_of_step(t, x, h):
        return sizes[t]

    def rest(*_):
        return ""

    path: deque = deque(maxlen=1)
    return _euler(start, advance, bandwidths, size_of_step, hazards, rest, report, path)


def step_at(step_size, particles, bandwidth):
    """Size of the step from these particles, given as a number or a rule."""
    if callable(step_size):
        return float(step_size(particles, bandwidth))
    return float(step_size)


class _Evaluation(NamedTuple):
    """An evaluation of the field, and the step that follows it."""

    particles: np.ndarray
    residual: float
    step_size: float


def _euler(
    x, advance, bandwidths: Iterable[float], size_of_step, hazards, rest, report, path
):
    """Explicit Euler steps: final positions, what ended them, and at which step.

    `path` receives every evaluation; the last one is not followed by a step, unless
    all steps were given.
    """
    state, t = None, -1
    reached = [name for name in hazards if hazards[name](x)]
    for t, h in enumerate(bandwidths):
        v, state = advance(x, h, state)
        residual = root_mean_square(v)
        if not np.isfinite(residual):
            what = f"The velocity is not finite at step {t}."
            raise FloatingPointError(f"{what} {CALMER}")
        if report is not None:
            report(t, h, residual)
        stopped_by = rest(t, h, residual, reached)
        step = 0.0 if stopped_by else size_of_step(t, x, h)
        path.append(_Evaluation(x, residual, step))
        if stopped_by:
            return x, stopped_by, t
        x = x + step * v
        before, reached = reached, [name for name in hazards if hazards[name](x)]
        entered = [name for name in reached if name not in before]
        if entered:
            return path[-1].particles, entered[0], t
    return x, "", t
