"""Time stepping: from a start along a velocity to where it vanishes.

The loop receives a velocity and a schedule of bandwidths. It knows neither
kernels nor how sums are computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._typing import Floats, Velocity
__all__ = ["Flow", "annealing_schedule", "evolve", "given_schedule", "root_mean_square"]


class Flow(NamedTuple):
    """Result of :func:`evolve`.

    Attributes
    ----------
    particles : ndarray of shape (n_particles, n_features)
        Final positions.
    trajectory : tuple of n_steps ndarrays of shape (n_particles, n_features)
        Positions before every step.
    history : dict of ndarray of shape (n_steps + 1,)
        ``"bandwidth"``, ``"residual_velocity"`` (root mean square) and
        ``"step_size"`` at every evaluation; the last one is followed by no step,
        and its step size is 0.
    stopped_by : str
        What ended the loop: ``"tol"``, ``"max_iter"`` or the name of a hazard.
    """

    particles: np.ndarray
    trajectory: tuple
    history: dict
    stopped_by: str


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
        Those of the first steps; `n_steps` of them at most are taken.
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


def root_mean_square(velocity: Floats) -> float:
    """Root mean square length of the rows, the residual velocity ``sqrt(R_N)``.

    Parameters
    ----------
    velocity : ndarray of shape (n_particles, n_features)
        Velocity of every particle.

    Returns
    -------
    float
        In the units of the velocity.
    """
    velocity = velocity.astype(np.float64, copy=False)
    return float(np.sqrt(np.einsum("ij,ij->", velocity, velocity) / len(velocity)))


def _size_of_step(step_size, particles, bandwidth):
    """Step size from there, of a number or a rule."""
    rule = step_size if callable(step_size) else lambda *_: step_size
    return float(rule(particles, bandwidth))


def evolve(
    start: Floats,
    velocity: Velocity,
    bandwidths: Floats,
    step_size: float | Callable[[Floats, float], float],
    tol: float,
    hazards: Mapping[str, Callable[[Floats], bool]] | None = None,
    report: Callable[[int, float, float], object] | None = None,
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
        bandwidth)``, which gives that of the step from there.
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
    x = start
    trajectory: list[Floats] = []
    residuals: list[float] = []
    step_sizes: list[float] = []
    hazards = hazards or {}
    reached = list(hazards)  # before the start there is no step to take back
    n_steps = len(bandwidths) - 1
    n_annealing = np.max(np.nonzero(bandwidths != bandwidths[-1]), initial=-1) + 1
    for t, h in enumerate(bandwidths):
        annealed, stopped_by = t >= n_annealing, ""
        before, reached = reached, [name for name in hazards if hazards[name](x)]
        entered = [name for name in reached if name not in before]
        if entered:
            stopped_by, x = entered[0], trajectory.pop()
            break
        v = velocity(x, h)
        residuals.append(root_mean_square(v))
        if not np.isfinite(residuals[-1]):
            raise FloatingPointError(
                f"The velocity is not finite at step {t}. Use a smaller step_size or a "
                "larger bandwidth."
            )
        if report is not None:
            report(t, h, residuals[-1])
        if t > 0 and annealed and reached:
            stopped_by = reached[0]
        elif annealed and residuals[-1] <= tol * h:
            stopped_by = "tol"
        elif t == n_steps:
            stopped_by = "max_iter"
        if stopped_by:
            break
        trajectory.append(x)
        step_sizes.append(_size_of_step(step_size, x, h))
        x = x + step_sizes[-1] * v
    n_iter = len(trajectory)
    history = {
        "bandwidth": bandwidths[: n_iter + 1].copy(),
        "residual_velocity": np.array(residuals),
        "step_size": np.array([*step_sizes[:n_iter], 0.0]),
    }
    return Flow(x, tuple(trajectory), history, stopped_by)
