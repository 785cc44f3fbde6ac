"""Change of the joint entropy over one explicit step, exactly.

The map F of the whole ensemble, ``F(x) = x + eta V(x)``, carries the joint density f of
the particles to one with ``log f'(F(x)) = log f(x) - log |det DF(x)|``. Relative to the
product of a density p the entropy therefore changes by the expectation of ``-log |det
DF| - sum_i [log p'(x_i') - log p(x_i)]``, for steps of any size, and a p' that differs
from p because the bandwidth does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .interaction import lanczos
from .sampling import Estimate, monte_carlo
from .scales import scale

# Rows of the largest matrix whose determinant is computed.
_MAX_DENSE = 2500
# Random directions of the estimate beyond, and products that each may take.
_N_PROBES = 8
_MAX_LANCZOS = 40
_RTOL = 1e-8


class StepChange(NamedTuple):
    """Terms of the change of the entropy per particle over one step.

    Attributes
    ----------
    volume : Estimate
        ``-log |det DF| / N``.
    target : float
        ``-mean(log p(x') - log p(x))`` at the bandwidth of the step.
    annealing : float
        ``-mean(log p'(x') - log p(x'))``, as the bandwidth changes.
    balance : float
        First order of `volume` and `target` in the step: ``eta`` times their slope.
    """

    volume: Estimate
    target: float
    annealing: float
    balance: float


def step_change(jacobian, log_targets, step_size, random_state):
    """Terms of one step.

    Parameters
    ----------
    jacobian : InteractingJacobian
        Of all particles before the step.
    log_targets : tuple of three ndarrays of shape (N,)
        ``log p(x)``, ``log p(x')`` and ``log p'(x')``.
    step_size : float
    random_state : RandomState
        Source of random directions.

    Returns
    -------
    StepChange
    """
    n = len(jacobian.x)
    before, after, annealed = log_targets
    volume = log_abs_det(jacobian, step_size, random_state)
    return StepChange(
        Estimate(-volume.value / n, volume.error / n),
        -float(np.mean(after - before)),
        -float(np.mean(annealed - after)),
        -step_size * slope(jacobian) / n,
    )


def slope(jacobian):
    """``tr DV + sum_i grad log p(x_i) . V(x_i)``, of an ensemble at its positions."""
    ensemble, terms = jacobian.ensemble, jacobian.moments
    if ensemble.field == "conservative":
        score = terms.data.displacement / ensemble.h**2
    else:
        a = scale(ensemble.data, jacobian.x, ensemble.kernel, ensemble.h)
        score = terms.data.displacement / a[:, None]
    along = np.einsum("ij,ij->", score, terms.velocity)
    return float(jacobian.trace() + along)


def log_abs_det(jacobian, step_size, random_state):
    """``log |det(I + step_size J)|``, exact for small ensembles, or estimated.

    The estimate is half the trace of ``log(M^T M)``, M the matrix, by quadrature of
    Gauss for its quadratic form in random signs, from the Lanczos process. Its part of
    first order, whose trace is known, is replaced by that trace.
    """
    size = jacobian.x.size
    if size <= _MAX_DENSE:
        matrix = np.eye(size) + step_size * jacobian.dense()
        return Estimate(float(np.linalg.slogdet(matrix)[1]), 0.0)

    def normal_product(u):
        v = u + step_size * jacobian.matvec(u)
        return v + step_size * jacobian.rmatvec(v)

    rest = []
    for _ in range(_N_PROBES):
        z = random_state.choice([-1.0, 1.0], jacobian.x.shape)
        first = step_size * np.vdot(z, jacobian.matvec(z))
        rest.append(_half_log_form(normal_product, z) - first)
    value, error = monte_carlo(np.array(rest))
    return Estimate(value + step_size * jacobian.trace(), error)


def _half_log_form(product, z):
    """``z^T log(A) z / 2`` of a positive definite A, by the Lanczos process."""
    value = np.inf
    for nodes, vectors in lanczos(product, z, _MAX_LANCZOS):
        nodes = np.maximum(nodes, np.finfo(float).tiny)
        before, value = value, 0.5 * z.size * (vectors[0] ** 2 @ np.log(nodes))
        if abs(value - before) <= _RTOL * abs(value):
            break
    return float(value)
