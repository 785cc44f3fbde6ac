"""The joint entropy along a fitted flow, step by step."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from .._theory.bounds import log_target
from .._theory.checks import check_lipschitz
from .._theory.interaction import InteractingJacobian
from .._theory.ledger import step_change
from .._theory.sampling import Estimate
from ._fitted import fitted_run

if TYPE_CHECKING:
    from .._drifters._kernel_drifters import KernelDrifter
    from .._typing import Floats, Seed


class EntropyLedger(NamedTuple):
    """Change of the joint entropy per particle over every step, by its terms.

    Arrays have the shape (n_steps,).

    Attributes
    ----------
    volume : ndarray
        ``-log |det DF| / N``, F the map of the whole ensemble.
    target : ndarray
        Minus the mean change of the log-density of the smoothed data, at the bandwidth
        of the step.
    annealing : ndarray
        Minus the mean change of that log-density by the change of the bandwidth.
    balance : ndarray
        `volume` and `target` to first order in the step: the entropy balance times
        the time of the step.
    error : ndarray
        Standard errors of `volume`; 0 where the determinant is computed exactly.
    """

    volume: np.ndarray
    target: np.ndarray
    annealing: np.ndarray
    balance: np.ndarray
    error: np.ndarray

    @property
    def change(self) -> Floats:
        """Change of the entropy over every step."""
        return self.volume + self.target + self.annealing

    @property
    def discretisation(self) -> Floats:
        """Change over every step at a fixed bandwidth, beyond first order."""
        return self.volume + self.target - self.balance

    @property
    def total(self) -> Estimate:
        """Change of the entropy over all steps, and its standard error."""
        return Estimate(
            float(self.change.sum()), float(np.sqrt(np.square(self.error).sum()))
        )


def entropy_ledger(drifter: KernelDrifter, *, random_state: Seed = 0) -> EntropyLedger:
    """Account for the joint entropy along a fitted flow, exactly for its steps.

    H is the entropy of all particles relative to independent draws of the data,
    smoothed by the kernel (by its sharp companion for the displacement field). Over a
    step with the map F of the ensemble, and a bandwidth that may change, H changes by
    the expectation of ``-log |det DF| - sum_i [log p'(x_i') - log p(x_i)]``; the ledger
    has these numbers for the ensemble of the fit. No step is assumed to be short. For
    short steps they agree with :func:`entropy_balance`, the derivative in the theory.

    The determinant is computed for up to 2,500 coordinates, and estimated from random
    directions beyond.

    Parameters
    ----------
    drifter : ConservativeDrifter, SharpDrifter or LaplaceDrifter
        Fitted drifter that took at least one step.
    random_state : int, RandomState instance or None, default=0
        Determines the random directions.

    Returns
    -------
    EntropyLedger
        Terms of every step, per particle. Negative changes bring the distribution of
        the particles closer to independent draws of the data.

    Raises
    ------
    TypeError
        If `drifter` is of another class.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If it took no step, the field jumps at the points, or the kernel is no density
        in this dimension.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.diagnostics import entropy_ledger
    >>> X = load_iris().data
    >>> drifter = ConservativeDrifter(start="gaussian", random_state=0).fit(X)
    >>> ledger = entropy_ledger(drifter)
    >>> bool(ledger.change[0] < 0)  # towards the data
    True
    """
    rng = check_random_state(random_state)
    moments = moments_of(fitted_run(drifter))
    return ledger_of([moment.change(rng) for moment in moments])


def ledger_of(changes):
    """Ledger of the changes over all steps."""
    volume, target, annealing, balance = zip(*changes, strict=True)
    value, error = np.array(volume).T
    return EntropyLedger(value, *map(np.array, (target, annealing, balance)), error)


def moments_of(run):
    """Moments of a flow that a step followed, one after another."""
    flow = run.flow
    if not flow.n_iter:
        raise ValueError(
            "The flow of this drifter took no step, so it has no trajectory. Fit with "
            "another start, a smaller tol or a larger max_iter."
        )
    check_lipschitz(flow.field.profiles)
    h, size = (flow.history[key] for key in ("bandwidth", "step_size"))
    positions = (*flow.trajectory, flow.particles)
    for t in range(flow.n_iter):
        now = then = run.ensemble(positions[t], h[t])
        if h[t + 1] != h[t]:
            then = run.ensemble(positions[t], h[t + 1])
        yield Moment(now, then, positions[t + 1].astype(np.float64), float(size[t]))


class Moment:
    """An ensemble of a flow before a step.

    Parameters
    ----------
    ensemble, next_ensemble : Ensemble
        At the bandwidth of the step, and at the next one.
    after : ndarray of shape (n_particles, n_features)
        Positions after the step.
    step_size : float
    """

    def __init__(self, ensemble, next_ensemble, after, step_size):
        self.ensemble, self.next = ensemble, next_ensemble
        self.after, self.step_size = after, step_size

    @cached_property
    def jacobian(self):
        """Derivative of the map of the ensemble."""
        return InteractingJacobian(self.ensemble)

    def change(self, rng):
        """Terms of the change of the entropy."""
        before = log_target(self.ensemble, self.ensemble.x)
        after = annealed = log_target(self.ensemble, self.after)
        if self.next is not self.ensemble:
            annealed = log_target(self.next, self.after)
        log_targets = before, after, annealed
        return step_change(self.jacobian, log_targets, self.step_size, rng)
