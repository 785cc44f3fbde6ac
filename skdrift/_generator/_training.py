"""Training by drifting: classes, targets, steps, evaluations."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, gen_batches

from .._data._margins import Margins
from .._data._neighbors import NearestRows
from .._data._rows import Scaling, WeightedRows, weighted_rows
from .._drifters import ConservativeDrifter
from .._estimator import warn_user
from .._starts import GaussianStart
from .._starts._choice import resampled
from ..bandwidth import conservative_rate, laplace_rate
from ..engines import get_engine
from ..flow import root_mean_square
from ..flow._fit import check_units
from ..flow._fitted import bind, work_of
from ..flow._memorization import LARGEST_AUC, Memorization
from ..flow._schedules import n_annealing, schedule_of
from ..metrics import energy_distance
from ._learner import Average, new_learner, outputs_of, update

if TYPE_CHECKING:
    from .._drifters._base import BaseDrifter
    from .._typing import Estimator
    from ..fields import BoundField

# Wider bandwidths of the default field, that every few steps return to: narrow ones do
# not move mass between clusters.
_WIDER_BANDWIDTHS = 4
# Steps towards a Gaussian: a regressor that has learned nothing puts all rows in one
# place, where particles do not drift apart.
_START_STEPS = 20
_EVALUATE_EVERY = 25
# Nothing is left to learn after so many evaluations that brought draws no nearer to the
# data, if they are nearer than so much of the data's own sampling error. Farther off,
# training may rest for long and then go on, most of all with small batches.
_PATIENCE = 4
_NEAR_ENOUGH = 0.25
_MAX_HELD_OUT = 1000
# Rows generated to be judged by, or rounded together.
_MIN_ENSEMBLE = 64
_MAX_ENSEMBLE = 10_000
_MATCHED_TOGETHER = 2048
# Rows of one forward pass; some hundred hidden units take 100 MB.
_CHUNK = 2**15


class TrainingParameters(NamedTuple):
    """Parameters of the generator; see :class:`~skdrift.DriftGenerator`."""

    generator: Estimator | None
    field: BaseDrifter | None
    latent_dim: int | None
    max_iter: int
    batch_size: int
    queue_size: int
    step_size: float
    validation_fraction: float
    early_stopping: bool


class ClassRows(NamedTuple):
    """Rows that drift by themselves; without labels there is one class."""

    share: float
    rows: WeightedRows
    scaling: Scaling
    margins: Margins
    bandwidths: np.ndarray  # one cycle, the widest first


class Target(NamedTuple):
    """Field and held-out rows of one class, in internal units."""

    index: int  # type: ignore[assignment]  # hides tuple.index
    field: BoundField
    held_out: np.ndarray


class State(NamedTuple):
    """State from which training continues."""

    learner: Any
    average: Average
    latent_dim: int
    random_state: np.random.RandomState
    queues: list
    drifter: BaseDrifter
    classes: list
    codes: np.ndarray  # of the classes, one-hot; empty if there is only one
    units: np.ndarray  # of the regressor's outputs in each class: 0 where constant
    pooled: tuple  # rows and scaling of all classes together
    ensembles: list  # rows drawn for each class, in data units

    def copy(self):
        """A copy that can be trained without a trace here."""
        return self._replace(
            learner=deepcopy(self.learner),
            average=deepcopy(self.average),
            random_state=deepcopy(self.random_state),
            queues=list(self.queues),
        )

    def inputs(self, index):
        """Noise, and the codes of the classes of these indices."""
        noise = self.random_state.standard_normal((len(index), self.latent_dim))
        return np.hstack([noise, self.codes[index]]).astype(np.float32)

    def draw(self, learner, k, n):
        """Rows of class k, in data units."""
        c = self.classes[k]
        # Columns are mapped by the ranks within an ensemble.
        m = n if c.margins.are_free else max(n, _MATCHED_TOGETHER)
        drawn = self.internal_rows(learner, k, m).astype(c.rows.rows.dtype)
        return c.margins.matched(drawn).draw(drawn)[:n]

    def internal_rows(self, learner, k, n):
        """Rows of class k, in internal units."""
        drawn = np.empty((n, self.units.shape[1]), np.float32)
        for chunk in gen_batches(n, _CHUNK):
            inputs = self.inputs(np.full(chunk.stop - chunk.start, k))
            drawn[chunk] = self.units[k] * outputs_of(learner, inputs)
        return drawn


class Evaluation(NamedTuple):
    """Quality after some steps."""

    n_steps: int
    energy_distance: float
    memorization_auc: float
    learner: Any
    ensembles: list


class Trained(NamedTuple):
    """Result of training."""

    state: State
    targets: list
    steps: np.ndarray  # bandwidth and residual velocity of every step that is kept
    evaluations: list
    stopped_by: str


# -- before the first step -----------------------------------------------------------


def new_state(X, weight, parts, labels, parameters, random_state, names=None):
    """State before the first step, which has learned a Gaussian.

    The parts are masks of the rows of every class; the labels are None without classes.
    """
    drifter, recipe = _drifter_and_recipe(parameters.field)
    if parameters.batch_size < 2 * len(parts):
        raise ValueError(
            f"The 'batch_size' must be at least 2 for each of the {len(parts)} "
            f"classes; got {parameters.batch_size}."
        )
    n_particles = (parameters.batch_size + parameters.queue_size) // len(parts)
    classes = []
    for k, part in enumerate(parts):
        rows, scaling, margins = weighted_rows(
            X[part], weight[part], drifter.standardize, drifter.columns, names
        )
        if labels is not None and rows.n_samples < 2:
            raise ValueError(
                f"Class {labels[k]!r} of y has only one row; at least two are "
                "required. Leave the class out, or merge it with another."
            )
        check_units(_in_single_precision(rows))
        share = weight[part].sum() / weight.sum()
        bandwidths = _ladder(drifter.annealing, recipe, rows, n_particles)
        classes.append(ClassRows(share, rows, scaling, margins, bandwidths))
    random_state = check_random_state(random_state)
    seed = random_state.randint(np.iinfo(np.int32).max)
    state = State(
        new_learner(parameters.generator, parameters.batch_size, seed),
        Average(),
        parameters.latent_dim or X.shape[1],
        np.random.RandomState(seed),
        [np.empty((0, X.shape[1]), np.float32) for _ in classes],
        drifter,
        classes,
        np.eye(len(parts))[:, : len(parts) if len(parts) > 1 else 0],
        np.array([c.rows.std for c in classes], np.float32),
        weighted_rows(X, weight, drifter.standardize)[:2],
        [],
    )
    _learn_gaussian(state, parameters.batch_size)
    return state


def _drifter_and_recipe(field):
    """Drifter that the parameter `field` stands for, and its recipe."""
    if field is None:
        drifter = ConservativeDrifter(annealing=_WIDER_BANDWIDTHS)
        return drifter, drifter.recipe()._replace(bandwidth=_narrow_bandwidth)
    drifter = clone(field)
    drifter._validate_params()
    return drifter, drifter.recipe()


def _narrow_bandwidth(rows, ensemble):
    """Rate of conservative drifting, or a smaller one where rows are dense enough."""
    return rows.bandwidth(lambda n, d: min(conservative_rate(n, d), laplace_rate(n, d)))


def _ladder(annealing, recipe, rows, n_particles):
    """Bandwidths of an annealing, the widest first."""
    # From the scale of all the data: the generator starts with a Gaussian.
    start = GaussianStart(rows)

    def ensemble(noise):  # always the same
        return start.draw(n_particles, np.random.RandomState(0))(noise)

    bandwidth = recipe.bandwidth(rows, ensemble)
    n_steps = max(n_annealing(annealing, start), 1)
    return schedule_of(annealing, bandwidth, start, n_steps)


def _learn_gaussian(state, batch_size):
    d = state.units.shape[1]
    directions = np.eye(state.latent_dim, d)
    if state.latent_dim < d:
        directions = state.random_state.standard_normal((state.latent_dim, d))
        directions /= np.linalg.norm(directions, axis=0)
    index = np.arange(batch_size) % len(state.classes)
    for _ in range(_START_STEPS):
        inputs = state.inputs(index)
        targets = inputs[:, : state.latent_dim] @ directions.astype(np.float32)
        update(state.learner, inputs, targets)


# -- targets -------------------------------------------------------------------------


def targets_of(state, parts, X, weight, parameters):
    """Fields of the classes that have rows here."""
    targets = []
    field, drifter = state.drifter.recipe().field, state.drifter
    for k, part in enumerate(parts):
        if not part.any():
            continue
        rows, own, _ = weighted_rows(X[part], weight[part], drifter.standardize)
        # In the units of the first call.
        internal = state.classes[k].scaling.to_internal(own.to_data(rows.rows))
        rows = rows._replace(rows=internal, std=state.classes[k].rows.std)
        rows, fraction = _in_single_precision(rows), parameters.validation_fraction
        rows, held_out = _hold_out(rows, fraction, state.random_state)
        n = parameters.batch_size + parameters.queue_size
        work = work_of(field, rows, n, n + len(rows.rows), parameters.max_iter)
        engine = get_engine(drifter.engine, work)
        bound = bind(field, rows, engine, rows.n_samples)
        targets.append(Target(k, bound, held_out))
    return targets


def _in_single_precision(rows):
    """The rows that batches drift to, whose noise is far above the rounding."""
    return rows._replace(rows=rows.rows.astype(np.float32))


def _hold_out(rows, fraction, random_state):
    """The data without a part of their samples, and rows that stand for that part.

    If the part is nothing or all, these are rows of the data, which remain whole.
    """
    count = rows.count.astype(np.int64)
    held = random_state.binomial(count, fraction)
    kept = held < count
    if not held.any() or not kept.any():
        return rows, _representatives(rows.rows, rows.weight, count, random_state)
    held_weight = rows.weight * held / count
    weight = (rows.weight - held_weight)[kept]
    weight, left = weight / weight.sum(), (count - held)[kept]
    rest = WeightedRows(rows.rows[kept], weight, left, rows.std)
    return rest, _representatives(rows.rows, held_weight, held, random_state)


def _representatives(rows, weight, count, random_state):
    """As many rows as are counted, but not too many."""
    n = int(min(count.sum(), _MAX_HELD_OUT))
    no_noise = np.zeros(rows.shape[1])
    return resampled(n, rows, weight / weight.sum(), no_noise, random_state)


# -- training ------------------------------------------------------------------------


def train(state, targets, n_steps, parameters, report=None, n_before=0):
    """Train a state in place, with evaluations, until it ends or begins to copy.

    Where new rows do not differ from copies, it ends when draws are near the data and
    come no nearer. Without a number of steps it is one cycle of bandwidths, without a
    guard. `report` is called with every evaluation, and with the bandwidth and residual
    velocity of the step before it; `n_before` is the number of earlier steps.
    """
    batch = _Batches(targets, parameters, len(state.classes))
    evaluate, near_enough = _evaluation(state, targets)
    guarded = n_steps is not None and parameters.early_stopping
    n_steps = n_steps or max(len(c.bandwidths) for c in state.classes)
    steps, evaluations, kept, n_kept, stopped_by = [], [], None, 0, "max_iter"
    for t in range(n_steps):
        steps.append(batch.step(state, t))
        if (t + 1) % _EVALUATE_EVERY and t + 1 < n_steps:
            continue
        now = evaluate(state, n_before + t + 1)
        if report is not None:
            report(now, *steps[-1])
        if guarded and near_enough is None and now.memorization_auc >= LARGEST_AUC:
            stopped_by = "memorization"
            if kept is None:  # there is nothing to go back to
                evaluations.append(now)
                _warn_of_little_spread(now)
            else:
                state = kept
            break
        evaluations.append(now)
        if not guarded:
            continue
        nearest = min(evaluations, key=lambda e: e.energy_distance)
        if near_enough is None or now is nearest:
            kept, n_kept = state.copy(), len(evaluations)
        elif (
            len(evaluations) - n_kept >= _PATIENCE
            and nearest.energy_distance <= near_enough
        ):
            stopped_by, state = "convergence", kept
            del evaluations[n_kept:]
            break
    steps = np.array(steps[: evaluations[-1].n_steps - n_before])
    state = state._replace(ensembles=evaluations[-1].ensembles)
    return Trained(state, targets, steps, evaluations, stopped_by)


class _Batches:
    """Training steps: batches in which all classes have a part."""

    def __init__(self, targets, parameters, n_classes):
        self.targets, self.step_size = targets, parameters.step_size
        index = np.array([target.index for target in targets])
        self.index = index[np.arange(parameters.batch_size) % len(index)]
        self.queue_size = parameters.queue_size // n_classes
        self.states = [None] * len(targets)

    def step(self, state, t):
        """One regression towards frozen targets: its bandwidth, residual velocity."""
        inputs = state.inputs(self.index)
        units = state.units[self.index]
        x = units * outputs_of(state.learner, inputs)
        v, used = np.empty_like(x), []
        for k, target in enumerate(self.targets):
            members = slice(k, None, len(self.targets))
            own = x[members]
            crowd = np.concatenate([own, state.queues[target.index]])
            bandwidths = state.classes[target.index].bandwidths
            h = bandwidths[t % len(bandwidths)]
            velocity, self.states[k] = target.field.advance(crowd, h, self.states[k])
            used.append(h)
            v[members] = velocity[: len(own)]
            state.queues[target.index] = crowd[: self.queue_size]
        residual = root_mean_square(v)
        if not np.isfinite(residual):
            raise FloatingPointError(
                f"The velocity is not finite at step {t}. Use a smaller step_size or a "
                "larger bandwidth."
            )
        x += self.step_size * v
        update(state.learner, inputs, x / np.where(units > 0, units, 1))
        state.average.update(state.learner)
        return float(np.mean(used)), residual


def _warn_of_little_spread(evaluation):
    warn_user(
        f"After {evaluation.n_steps} steps the rows are nearer to the data than new "
        f"ones would be (memorisation AUC {evaluation.memorization_auc:.2f}), and "
        "training was ended. So early they are too little spread rather than copies: "
        "use a field with self_interaction='leave-one-out', a larger batch_size, or "
        "early_stopping=False.",
        ConvergenceWarning,
    )


def _evaluation(state, targets):
    """Function that evaluates a state, with the same noise in every call.

    Also the energy distance at which draws are near enough; None unless most rows of
    the data have a twin, so that new rows do not differ from copies.
    """
    share = np.array([state.classes[target.index].share for target in targets])
    rows, scaling = state.pooled
    near = NearestRows(rows.rows)
    memorization = Memorization.within(rows, near)
    n_rows = np.clip(rows.n_samples, _MIN_ENSEMBLE, _MAX_ENSEMBLE)
    seed = state.random_state.randint(np.iinfo(np.int32).max)
    near_enough = None
    if not memorization.is_defined:
        errors = [_sampling_error(target.held_out) for target in targets]
        near_enough = _NEAR_ENOUGH * (share @ errors) / share.sum()

    def compared(state, learner, target):
        k, n = target.index, len(target.held_out)
        if near_enough is None:
            return state.internal_rows(learner, k, n)
        # They decide when training ends: as they are drawn, and many, against noise.
        c = state.classes[k]
        n = max(n, round(c.share * _MATCHED_TOGETHER))
        return c.scaling.to_internal(state.draw(learner, k, n))

    def evaluate(state, n_steps):
        learner = state.average.of(state.learner)
        state = state._replace(random_state=np.random.RandomState(seed))
        distances = [
            energy_distance(compared(state, learner, t), t.held_out) for t in targets
        ]
        distance = share @ distances / share.sum()
        ensembles = [
            state.draw(learner, k, max(2, round(c.share * n_rows)))
            for k, c in enumerate(state.classes)
        ]
        auc = memorization.auc(scaling.to_internal(np.concatenate(ensembles)))
        return Evaluation(n_steps, distance, auc, learner, ensembles)

    return evaluate, near_enough


def _sampling_error(rows):
    """Mean energy distance of so many independent rows from their distribution."""
    # The V-statistic's own bias: the mean distance of two rows, over their number.
    return cdist(rows, rows).mean() / len(rows)


def batch_residuals(state, learner, batch_size, n_batches, random_state):
    """Mean square velocities of fresh batches at the final bandwidths."""
    state = state._replace(random_state=random_state)
    field, engine = state.drifter.recipe().field, state.drifter.engine
    n = batch_size // len(state.classes)
    squares = np.zeros(n_batches)
    for k, c in enumerate(state.classes):
        rows = _in_single_precision(c.rows)
        work = work_of(field, rows, n, n + len(rows.rows), n_batches)
        data = rows.rows, rows.log_weight, rows.n_samples
        bound = field.bind(get_engine(engine, work), *data)
        for i in range(n_batches):
            x = state.internal_rows(learner, k, n)
            residual = root_mean_square(bound.on_particles(x, c.bandwidths[-1]))
            squares[i] += c.share * residual**2
    return squares


def residual_velocity(trained):
    """Root mean square velocity of fresh rows at the final bandwidths."""
    state, evaluation = trained.state, trained.evaluations[-1]
    square, share = 0.0, 0.0
    for target in trained.targets:
        c = state.classes[target.index]
        n = len(evaluation.ensembles[target.index])
        x = state.internal_rows(evaluation.learner, target.index, n)
        residual = root_mean_square(target.field.on_particles(x, c.bandwidths[-1]))
        square, share = square + c.share * residual**2, share + c.share
    return float(np.sqrt(square / share))
