"""Further transport fields, which were measured and are not part of the library.

* A Sinkhorn field whose plan of the particles with themselves has no diagonal.
* A Sinkhorn field with two ensembles, halves of the particles that are drawn anew at
  every step: a particle is repelled by the mean of the particles of the other half that
  it is coupled with (as in training with two batches, Han et al., arXiv:2605.11755).
* The gradient of the sliced Wasserstein distance: in every direction, the optimal
  transport of the projections is known by sorting them. The directions are drawn anew
  at every step, or stay the same.

``python benchmarks/fields.py --transport`` compares them with fields of the library.
"""

import time

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skdrift import ConservativeDrifter, SinkhornDrifter
from skdrift.fields import BoundField, SinkhornField, displacement
from skdrift.fields._sinkhorn import BoundSinkhornField, _error, _Plan
from skdrift.kernels import Gaussian
from skdrift.metrics import energy_distance, memorization_auc

# -- Sinkhorn fields with other self-transport -----------------------------------------


class BoundMaskedField(BoundSinkhornField):
    """The plan of the particles with themselves has no diagonal."""

    def _model_sweep(self, u, x, h):
        log_a = np.full(len(x), -np.log(len(x)))
        model = self.engine.bind(x, log_a + u)
        there = model.reduce(x, self.field.profiles, h, np.arange(len(x)))
        plan = _Plan(model, there, _error(log_a, u + there.log_z))
        return plan, (u - there.log_z) / 2


class MaskedField(SinkhornField):
    """The field before it has data."""

    _bound = BoundMaskedField


class BoundTwoEnsemblesField(BoundSinkhornField):
    """Two halves of the particles, which are drawn anew at every step.

    Halves that stay the same move apart: at a high temperature, a step of size 1
    doubles the difference of their means. The state is the potentials of the data and
    the number of steps, which seeds the draw.
    """

    def advance(self, particles, bandwidth, state):
        """Velocity of every particle, and the state for the next call."""
        v, bandwidth_before, step = state or (None, np.inf, 0)
        if v is None or bandwidth > bandwidth_before:
            v = np.zeros(len(self.data))
        v, data = self._iterate(self._data_sweep, v, particles, bandwidth)
        order = np.random.default_rng(step).permutation(len(particles))
        halves = np.array_split(order, 2)
        repulsion = self._between(*(particles[half] for half in halves), bandwidth)
        velocity = data.reduction.displacement.copy()
        velocity[order] -= np.concatenate(repulsion)
        return velocity, (v, bandwidth, step + 1)

    def _between(self, first, second, h):
        """Barycentric maps of the plan between both halves."""
        log_a, log_b = (-np.log(len(x)) * np.ones(len(x)) for x in (first, second))
        v = np.zeros(len(second))
        for left in reversed(range(self.field.max_iter + 1)):
            there = self.engine.bind(second, log_b + v).reduce(
                first, self.field.profiles, h
            )
            back = self.engine.bind(first, log_a - there.log_z).reduce(
                second, self.field.profiles, h
            )
            if not left or _error(log_b, v + back.log_z) <= self.field.tol:
                return there.displacement, back.displacement
            v = -back.log_z


class TwoEnsemblesField(SinkhornField):
    """The field before it has data."""

    _bound = BoundTwoEnsemblesField


class OtherSinkhornDrifter(SinkhornDrifter):
    """SinkhornDrifter along one of these fields."""

    field = SinkhornField

    def recipe(self):
        """Recipe of SinkhornDrifter with this field."""
        field = self.field(self.sinkhorn_tol, self.sinkhorn_max_iter)
        return super().recipe()._replace(field=field)


class MaskedDrifter(OtherSinkhornDrifter):
    """Self-transport without a diagonal."""

    field = MaskedField


class TwoEnsemblesDrifter(OtherSinkhornDrifter):
    """Self-transport between two halves."""

    field = TwoEnsemblesField


# -- sliced transport ------------------------------------------------------------------


def directions(n_directions, d, seed=0):
    """Orthonormal bases, one below the other: at least so many directions."""
    rng = np.random.default_rng(seed)
    n_bases = -(-n_directions // d)
    bases = [np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(n_bases)]
    return np.concatenate(bases)


class BoundSlicedField(BoundField):
    """V(x) = d times the mean over directions of the transport of the projections.

    In every direction the particle of rank i moves to the mean of the data between the
    quantiles i/n and (i+1)/n. The factor d makes the mean of the velocities the
    difference of the means.
    """

    def __init__(self, field, engine, data, log_weights, n_samples):
        self.field, self.engine = field, engine
        self.data, self.log_weights = data, log_weights
        self._project(0)

    def _project(self, step):
        """Directions of a step, and the quantiles of the data along them."""
        data, log_weights = self.data, self.log_weights
        n_directions, d = self.field.n_directions, data.shape[1]
        self.directions = directions(n_directions, d, step)
        projections = data @ self.directions.T
        order = np.argsort(projections, axis=0)
        weights = np.full(len(data), 1 / len(data))
        if log_weights is not None:
            weights = np.exp(log_weights)
        mass = np.cumsum(weights[order], axis=0)
        values = np.take_along_axis(projections, order, axis=0) * weights[order]
        zero = np.zeros((1, len(self.directions)))
        # Integral of the quantile function, linear between these points.
        self.levels = np.concatenate([zero, mass / mass[-1]])
        self.integral = np.concatenate([zero, np.cumsum(values, axis=0)])

    def advance(self, particles, bandwidth, state):
        """The state is the number of steps, which seeds the directions."""
        step = state or 0
        if self.field.are_redrawn:
            self._project(step)
        return self.on_particles(particles, bandwidth), step + 1

    def on_particles(self, particles, bandwidth):
        """Velocity of every particle."""
        projections = particles @ self.directions.T
        order = np.argsort(projections, axis=0)
        moves = np.empty_like(projections)
        np.put_along_axis(moves, order, self._targets(len(particles)), axis=0)
        return self._mean(moves - projections)

    def at(self, queries, particles, bandwidth):
        """Velocity of points, between those of the particles in every direction."""
        ordered = np.sort(particles @ self.directions.T, axis=0)
        projections = queries @ self.directions.T
        targets = self._targets(len(particles))
        moves = [
            np.interp(*columns)
            for columns in zip(projections.T, ordered.T, targets.T, strict=True)
        ]
        return self._mean(np.column_stack(moves) - projections)

    def _targets(self, n):
        grid = np.linspace(0, 1, n + 1)
        pairs = zip(self.levels.T, self.integral.T, strict=True)
        return n * np.column_stack([np.diff(np.interp(grid, *pair)) for pair in pairs])

    def _mean(self, moves):
        d = self.directions.shape[1]
        return d / len(self.directions) * moves @ self.directions


class SlicedField:
    """The field before it has data; `profiles` only serve to choose an engine."""

    leave_one_out = False
    relative_cost = 1

    def __init__(self, n_directions=16, are_redrawn=True):
        self.n_directions, self.are_redrawn = n_directions, are_redrawn
        self.profiles = displacement(Gaussian())

    def bind(self, engine, data, log_weights=None, n_samples=None):
        """Bind the field to data; no sum is computed by the engine."""
        return BoundSlicedField(self, engine, data, log_weights, n_samples)


class SlicedDrifter(SinkhornDrifter):
    """Drifting along the sliced Wasserstein distance.

    The bandwidth only scales `tol`, and is that of the kernel density.
    """

    n_directions, are_redrawn = 16, True

    def recipe(self):
        """Recipe of SinkhornDrifter with this field."""
        field = SlicedField(self.n_directions, self.are_redrawn)
        return super().recipe()._replace(field=field)


class FixedSlicedDrifter(SlicedDrifter):
    """Always the same directions, four times as many."""

    n_directions, are_redrawn = 64, False


# Iterations that do not converge are cut, and flows that never rest.
FIELDS = {
    "start only": ConservativeDrifter(annealing=0, max_iter=1, step_size=1e-9),
    "ConservativeDrifter": ConservativeDrifter(),
    "SinkhornDrifter": SinkhornDrifter(),
    "no diagonal": MaskedDrifter(max_iter=60, sinkhorn_max_iter=100),
    "two halves": TwoEnsemblesDrifter(max_iter=60, step_size=0.3),
    "sliced, redrawn": SlicedDrifter(annealing=0),
    "sliced, fixed": FixedSlicedDrifter(annealing=0),
}

# -- a distant start -------------------------------------------------------------------

SHARES = (0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05)


def clusters(d, n, seed):
    """Rows of eight clusters of width 0.1 and unequal shares, and their centres.

    The root mean square of the differences of the centres is 2.
    """
    centres = np.random.default_rng(d).standard_normal((8, d))
    differences = centres[:, None] - centres
    centres *= 2 / np.sqrt(np.sum(differences**2, axis=-1).mean())
    rng = np.random.default_rng([d, seed])
    rows = centres[rng.choice(8, n, p=SHARES)] + 0.1 * rng.standard_normal((n, d))
    return rows, centres


def from_afar(drifter, d, seed, n=800, n_fresh=10):
    """Energy multiple, error of the shares, steps and seconds from a distant start."""
    (train, centres), (test, _) = (clusters(d, n, 2 * seed + k) for k in range(2))
    fresh = [clusters(d, n, 1000 + k)[0] for k in range(n_fresh)]

    def start(n, random_state):
        return 4 + 0.1 * check_random_state(random_state).standard_normal((n, d))

    drifter = clone(drifter).set_params(start=start, columns="free", random_state=seed)
    seconds = time.process_time()
    rows = drifter.fit(train).sample(n, random_state=seed)
    seconds = time.process_time() - seconds
    shares = [np.bincount(_nearest(x, centres), minlength=8) / n for x in (rows, train)]
    return {
        "energy": energy_distance(rows, test)
        / np.mean([energy_distance(x, test) for x in fresh]),
        "shares": 0.5 * np.abs(shares[0] - shares[1]).sum(),
        "AUC": memorization_auc(rows, test=test, train=train),
        "steps": drifter.n_iter_,
        "seconds": seconds,
    }


def _nearest(rows, centres):
    return np.argmin(((rows[:, None] - centres) ** 2).sum(axis=-1), axis=1)
