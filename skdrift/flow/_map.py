"""The fitted flow as a map: forwards, backwards, and what it does to volume.

A tracer is a point that the flow carries as it carries particles, but that pushes
neither these nor other tracers. Step t moves it by ``T_t(z) = z + eta V_t(z)``, V_t the
field between the data and the particles before that step, so every tracer has a path
of its own: the composition of the steps is a map of space.

The map has an inverse where every step is one-to-one, which a step that is long
enough is not: it folds space where ``det(I + eta grad V_t)`` is negative. Where it has,
a density is carried along by ``log p(T(z)) = log p(z) - log |det(I + eta grad V)|``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches

if TYPE_CHECKING:
    from .._typing import Floats
    from ..fields._protocol import BoundField

# Newton's method ends at corrections of this many bandwidths: the next one would be
# of the order of its square.
_TOLERANCE = 1e-8
_MAX_NEWTON = 40
# A step shorter than this share of Newton's is no descent.
_LEAST_SHARE = 1e-3
# Parts of a step that are inverted one after the other, where the whole is too much.
_STAGES = 16
# Square matrices that are alive at once for every tracer.
_MATRICES = 8


class Step(NamedTuple):
    """One Euler step of the ensemble."""

    bandwidth: float
    size: float  # fraction of the velocity
    particles: np.ndarray  # before the step, shape (n_particles, n_features)


class Origin(NamedTuple):
    """Where tracers come from.

    Attributes
    ----------
    rows : ndarray of shape (n_tracers, n_features), float64
        Positions before the first step. Where there are none, those of a point that
        ends nearby.
    log_det : ndarray of shape (n_tracers,)
        Log of the factor by which the whole flow stretches volume there.
    is_found : ndarray of shape (n_tracers,), dtype bool
        Whether the flow leads from `rows` to the tracers.
    is_folded : ndarray of shape (n_tracers,), dtype bool
        Whether a step reverses orientation there: then others lead there as well.
    """

    rows: np.ndarray
    log_det: np.ndarray
    is_found: np.ndarray
    is_folded: np.ndarray


def carry(z: Floats, field: BoundField, steps: Iterable[Step]) -> Floats:
    """Carry tracers through all steps of a flow, shape (n_tracers, n_features)."""
    state = None
    for h, size, particles in steps:
        v, state = field.advance_tracers(z, particles, h, state)
        z = z + size * v
    return z


def carry_back(z: Floats, field: BoundField, steps: Sequence[Step]) -> Origin:
    """Find where tracers were before all steps of a flow, by Newton's method.

    A field without Jacobian raises TypeError.
    """
    n, d = z.shape
    budget = get_config()["working_memory"] * 2**20
    batch = int(np.clip(budget // (8 * _MATRICES * d * d), 1, max(n, 1)))
    origin = Origin(z.astype(float), np.zeros(n), np.ones(n, bool), np.zeros(n, bool))
    for part in gen_batches(n, batch):
        for step in reversed(steps):
            found = _step_back(origin.rows[part], field, step)
            origin.rows[part] = found.rows
            origin.log_det[part] += found.log_det
            origin.is_found[part] &= found.is_found
            origin.is_folded[part] |= found.is_folded
    return origin


def _step_back(target, field, step):
    """Origin of points before one step."""

    def linearized(z):
        return field.linearized(z, step.particles, step.bandwidth)

    tolerance = _TOLERANCE * step.bandwidth
    found = _newton(target, target, linearized, step.size, tolerance)
    lost = np.flatnonzero(~found.is_found)
    if not lost.size:
        return found
    # From no step at all to the whole, along which the solution moves continuously.
    z = target[lost]
    for size in step.size * np.arange(1, _STAGES + 1) / _STAGES:
        again = _newton(target[lost], z, linearized, size, tolerance)
        z = again.rows
    for whole, piece in zip(found, again, strict=True):
        whole[lost[again.is_found]] = piece[again.is_found]
    return found


def _newton(target, guess, linearized, size, tolerance):
    """Solve ``z + size V(z) = target`` by damped steps, all rows at once."""
    n, d = target.shape
    rows, direction = guess.copy(), np.zeros((n, d))
    share, before = np.ones(n), np.full(n, np.inf)
    log_det, is_found, is_folded = np.zeros(n), np.zeros(n, bool), np.zeros(n, bool)
    # Where rounding is all that is left of the error, it does not descend.
    rounding = 8 * np.finfo(np.float64).eps * np.abs(target).max(axis=1)
    at = np.arange(n)
    for _ in range(_MAX_NEWTON):
        z = rows[at] + share[at, None] * direction[at]
        v, jacobian = linearized(z)
        error = z + size * v - target[at]
        length = np.sqrt(np.einsum("ij,ij->i", error, error))
        descends = length <= (1 - 1e-4 * share[at]) * before[at]
        better = (descends | (length <= rounding[at])) & np.isfinite(length)
        better &= np.isfinite(jacobian).all(axis=(1, 2))

        new = at[better]
        slope = np.eye(d) + size * jacobian[better]
        sign, log_abs_det = np.linalg.slogdet(slope)
        slope[sign == 0] = np.eye(d)  # a step of the fixed-point iteration instead
        rows[new], before[new], share[new] = z[better], length[better], 1.0
        direction[new] = -np.linalg.solve(slope, error[better][:, :, None])[:, :, 0]
        share[at[~better]] /= 2

        reach = np.abs(direction[new]).max(axis=1)
        done = (reach <= tolerance + rounding[new]) & (sign != 0)
        found = new[done]
        rows[found] += direction[found]
        log_det[found], is_folded[found] = log_abs_det[done], sign[done] < 0
        is_found[found] = True
        at = at[(share[at] >= _LEAST_SHARE) & ~is_found[at]]
        if not at.size:
            break
    return Origin(rows, log_det, is_found, is_folded)
