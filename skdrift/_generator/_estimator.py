"""One-step generator: a regressor that learns to take the steps of the flow at once."""

from __future__ import annotations

import warnings
from copy import deepcopy
from numbers import Integral, Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils import (
    check_consistent_length,
    check_random_state,
    check_scalar,
    column_or_1d,
    gen_batches,
)
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)

from .._data._checks import check_weight
from .._data._columns import DiscreteColumns
from .._data._neighbors import NearestRows
from .._data._rows import Scaling, Table, make_table
from .._drifters import ConservativeDrifter
from .._drifters._base import BaseDrifter
from .._estimator import VersionedStateMixin, fit_context, forget, own_stream
from .._starts import _draws as starts
from ..bandwidth import conservative_rate, laplace_rate
from ..flow import root_mean_square
from ..flow._memorization import LARGEST_AUC, Memorization
from ..flow._score import residual_score
from ..metrics import energy_distance

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from .._typing import Estimator, Floats, Seed

# Wider bandwidths of the default field, that every few steps return to: narrow ones do
# not move mass between clusters.
_WIDER_BANDWIDTHS = 4
# Steps towards a Gaussian: a regressor that knows nothing puts all rows in one place,
# where particles do not drift apart.
_START_STEPS = 20
# Weights are averaged over about the last eighth of the steps: the later the heavier.
_AVERAGE_POWER = 8
_EVALUATE_EVERY = 25
_MAX_HELD_OUT = 1000
# Rows generated to be judged by, or rounded together.
_MIN_ENSEMBLE = 64
_MAX_ENSEMBLE = 10_000
_ROUNDED_TOGETHER = 2048
# Rows of one forward pass; some hundred hidden units take 100 MB.
_CHUNK = 2**15


class _NarrowDrifter(ConservativeDrifter):
    """Conservative field, of a smaller bandwidth where rows are dense enough for it."""

    def __init__(self):
        super().__init__(annealing=_WIDER_BANDWIDTHS)

    def _rate(self, n, d):
        return min(conservative_rate(n, d), laplace_rate(n, d))


class _Class(NamedTuple):
    """Rows that drift by themselves; without labels there is one class."""

    share: float
    table: Table
    scaling: Scaling
    discrete: DiscreteColumns
    bandwidths: np.ndarray  # one cycle, the widest first


class _Target(NamedTuple):
    """What one class is trained towards, in internal units."""

    index: int  # type: ignore[assignment]  # hides tuple.index
    field: object
    held_out: np.ndarray


class _Fitted(NamedTuple):
    """State from which `partial_fit` goes on."""

    learner: BaseEstimator
    average: _Average
    latent_dim: int
    random_state: np.random.RandomState
    queues: list
    drifter: BaseDrifter
    classes: list
    codes: np.ndarray  # of the classes, one-hot; empty if there is only one
    units: np.ndarray  # of the regressor's outputs in each class: 0 where constant
    pooled: tuple  # table and scaling of all classes together
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


class _Evaluation(NamedTuple):
    """What is known after some steps."""

    n_steps: int
    energy_distance: float
    memorization_auc: float
    learner: BaseEstimator
    ensembles: list


class _Average:
    """Running average of a network's weights, in place of a falling learning rate.

    The weights of step t count about ``t ** 8``: polynomial-decay averaging, without
    a horizon (Shamir and Zhang, *Stochastic Gradient Descent for Non-smooth
    Optimization*, ICML 2013, section 4). Only scikit-learn's networks are averaged.
    """

    def __init__(self):
        self._n_updates = 0
        self._mean = []

    def update(self, learner):
        weights = _weights(learner)
        if not self._mean:
            self._mean = [w.astype(np.float64) for w in weights]
        rate = (1 + _AVERAGE_POWER) / (1 + _AVERAGE_POWER + self._n_updates)
        self._n_updates += 1
        for mean, w in zip(self._mean, weights, strict=True):
            mean += rate * (w - mean)

    def of(self, learner):
        """A copy of the regressor with the averaged weights."""
        averaged = deepcopy(learner)
        for w, mean in zip(_weights(averaged), self._mean, strict=True):
            w[...] = mean
        return averaged


def _weights(learner):
    if not isinstance(learner, MLPRegressor):
        return []
    return [*learner.coefs_, *learner.intercepts_]


def _check_learner(generator):
    """The regressor, such that it can be updated."""
    if hasattr(generator, "partial_fit"):
        return generator
    if "warm_start" in generator.get_params():
        return generator.set_params(warm_start=True)
    raise ValueError(
        "The 'generator' parameter must be a regressor with partial_fit, or with a "
        f"warm_start parameter; got {generator!r}, which can only be fitted from "
        "scratch. Take sklearn.neural_network.MLPRegressor, or wrap your own."
    )


def _update(learner, inputs, outputs):
    outputs = outputs[:, 0] if outputs.shape[1] == 1 else outputs
    if hasattr(learner, "partial_fit"):
        learner.partial_fit(inputs, outputs)
    else:
        learner.fit(inputs, outputs)


def _warn_of_little_spread(evaluation):
    warnings.warn(
        f"After {evaluation.n_steps} steps the rows are nearer to the data than new "
        f"ones would be (memorisation AUC {evaluation.memorization_auc:.2f}), and "
        "training was ended. So early they are too little spread rather than copies: "
        "take a field with self_interaction='leave-one-out', a larger batch_size, or "
        "early_stopping=False.",
        ConvergenceWarning,
        stacklevel=6,  # who calls fit
    )


def _ladder(drifter, table, n_particles):
    """Bandwidths of the drifter's annealing, the widest first."""
    if isinstance(drifter.annealing, Integral):
        n_wider = drifter.annealing
    else:
        n_wider = np.size(drifter.annealing)
    # From the scale of all the data: the generator starts with a Gaussian.
    one_cycle = clone(drifter)
    one_cycle.start, one_cycle.max_iter = "gaussian", max(n_wider, 1)
    bandwidth = drifter._final_bandwidth(table, _gaussian_start(table, n_particles))
    return one_cycle._schedule(table, bandwidth)


def _gaussian_start(table, n):
    """Ensemble of n particles, whatever the noise, always the same."""
    rng = np.random.RandomState(0)
    return lambda noise: starts.matched_gaussian(n, table.rows, table.weight, rng)


def _in_single_precision(table):
    """The table that batches drift to, whose noise is far above the rounding."""
    return table._replace(rows=table.rows.astype(np.float32))


def _hold_out(table, fraction, random_state):
    """The table without a part of its samples, and rows that stand for that part.

    If the part is nothing or all, these are rows of the table, which remains whole.
    """
    count = table.count.astype(np.int64)
    held = random_state.binomial(count, fraction)
    kept = held < count
    if not held.any() or not kept.any():
        return table, _representatives(table.rows, table.weight, count, random_state)
    held_weight = table.weight * held / count
    weight = (table.weight - held_weight)[kept]
    rest = Table(
        table.rows[kept], weight / weight.sum(), (count - held)[kept], table.std
    )
    return rest, _representatives(table.rows, held_weight, held, random_state)


def _representatives(rows, weight, count, random_state):
    """As many rows as are counted, but not too many."""
    n = int(min(count.sum(), _MAX_HELD_OUT))
    no_noise = np.zeros(rows.shape[1])
    return starts.resampled(n, rows, weight / weight.sum(), no_noise, random_state)


def _outputs(learner, inputs):
    """What the regressor gives, always as a table."""
    rows = np.asarray(learner.predict(inputs), np.float32).reshape(len(inputs), -1)
    if not np.isfinite(rows).all():
        raise FloatingPointError(
            "The rows that the generator gives are not finite. Use a smaller step_size "
            "or a generator with a smaller learning rate."
        )
    return rows


class DriftGenerator(DensityMixin, VersionedStateMixin, BaseEstimator):
    """A regressor from noise to rows, trained by drifting: new rows in one pass.

    A generator f maps latent noise z, standard normal, to rows. Every training step
    draws fresh noise, lets the rows ``x = f(z)`` drift one step, and makes one update
    of the regression of f(z) towards the frozen targets ``x + step_size V(x)``. A
    regressor that learned them exactly would take the step of the particle flow; where
    V vanishes, f is at rest. Unlike a drifter, which evolves an ensemble whenever it
    is sampled, it then draws rows at the speed of ``predict``.

    Parameters
    ----------
    generator : regressor or None, default=None
        Any regressor of several outputs with ``partial_fit``, called once per step,
        or with a ``warm_start`` parameter, whose ``fit`` is. It is cloned, and sees
        standardised columns. None takes a
        ``MLPRegressor`` with two hidden layers of 128.
        The weights of this class are averaged over the last steps.
    field : drifter or None, default=None
        Unfitted drifter whose kernel, bandwidth, self-interaction, standardisation,
        discrete columns and engine are used. Its annealing is one cycle of
        bandwidths, which training repeats: wide ones balance distant clusters, narrow
        ones shape each. None takes the field of :class:`ConservativeDrifter`, its
        bandwidth the smaller of :func:`~skdrift.bandwidth.conservative_rate` and
        :func:`~skdrift.bandwidth.laplace_rate`, and four wider ones.
    latent_dim : int or None, default=None
        Number of latent variables; None takes one per column.
    max_iter : int, default=2000
        Largest number of training steps.
    batch_size : int, default=1024
        Rows that are generated in one step, at least 2. With classes, each has an
        equal part, at least 2 as well.
    queue_size : int, default=0
        Rows of earlier steps that repel those of a step as well. They are what the
        generator gave a few steps ago, and make small batches repel more evenly.
    step_size : float, default=1.0
        Fraction of the velocity that the targets are away.
    validation_fraction : float, default=0.0
        Share of the rows that are not trained on, for ``history_``.
    early_stopping : bool, default=True
        Guard against copying the data: every 25 steps `fit` looks at the memorisation
        AUC (see ``memorization_auc_``), and at 0.55 goes back 25 steps and ends.
        Without effect on :meth:`partial_fit`, and if most rows have an equal twin.
    random_state : int, RandomState instance or None, default=None
        Source of noise and held-out rows, of the generator unless it has its own, and
        by default of :meth:`sample`.
    verbose : int, default=0
        Print the state of training every 25 steps.

    Attributes
    ----------
    generator_ : regressor
        Maps latent noise, followed by one-hot codes if there are classes, to
        standardised rows.
    classes_ : ndarray of shape (n_classes,) or None
        Labels; None if `fit` had no y.
    latent_dim_ : int
        Number of latent variables.
    bandwidth_ : float or ndarray of shape (n_classes,)
        Final bandwidth, of every class if there are any, in standard deviations of
        the columns (data units if the field has ``standardize=False``).
    residual_velocity_ : float
        Root mean square velocity, at ``bandwidth_``, of fresh rows, as many as the
        data (64 to 10,000), in the same units.
    memorization_auc_ : float
        Probability that such a row is nearer to the data than a data row is to the
        others: about 0.5 for new samples, 1 for copies. It says nothing, and is 0,
        where most rows have an equal twin.
    n_iter_ : int
        Number of training steps.
    stopped_by_ : {"max_iter", "memorization"}
        What ended the last training.
    history_ : dict of ndarray
        ``"bandwidth"`` (mean over the classes) and ``"residual_velocity"`` of every
        step, shape (`n_iter_`,). Of every evaluation, each 25 steps and at the end:
        ``"n_steps"`` before it, ``"memorization_auc"``, and ``"energy_distance"``
        between held-out rows (up to 1000 of a class; those of the data, if none are
        held out) and as many generated ones, in the units of ``bandwidth_``, its mean
        over the classes.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    ConservativeDrifter : The particle flow itself, more faithful and slower to sample.

    References
    ----------
    Deng et al., *Generative Modeling via Drifting*, arXiv:2602.04770, section 3.
    Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
    Non-Conservative Drifting Models*, arXiv:2605.22795, appendix A.
    Turan and Ovsjanikov, *Generative Drifting is Secretly Score Matching*,
    arXiv:2603.09936 (targets are frozen: a step in the field as it stands).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdrift import DriftGenerator
    >>> X, y = load_iris(return_X_y=True)
    >>> generator = DriftGenerator(max_iter=100, random_state=0).fit(X, y)
    >>> generator.sample(1000, y=2).shape
    (1000, 4)
    """

    _parameter_constraints = {
        "generator": [HasMethods(["fit", "predict", "get_params"]), None],
        "field": [BaseDrifter, None],
        "latent_dim": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "queue_size": [Interval(Integral, 0, None, closed="left")],
        "step_size": [Interval(Real, 0, np.inf, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        generator: Estimator | None = None,
        field: BaseDrifter | None = None,
        latent_dim: int | None = None,
        max_iter: int = 2000,
        batch_size: int = 1024,
        queue_size: int = 0,
        step_size: float = 1.0,
        validation_fraction: float = 0.0,
        early_stopping: bool = True,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.generator = generator
        self.field = field
        self.latent_dim = latent_dim
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.queue_size = queue_size
        self.step_size = step_size
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.random_state = random_state
        self.verbose = verbose

    # -- training ----------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train a new generator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, at least two rows, in any units.
        y : array-like of shape (n_samples,), default=None
            Class labels. With them the generator is told which class to draw, and
            each class drifts to its own rows, of which it needs two.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights. If all are integers they count: weight 2 is the row
            twice, weight 0 is no row. Otherwise only their ratios matter.

        Returns
        -------
        self : object
            The fitted generator.

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, `y` is continuous, a class has
            only one row, the regressor cannot be updated, or the engine asked for is
            not available. The estimator is then not fitted.
        FloatingPointError
            If generated rows or their velocities are not finite.
        """
        return self._start(X, y, sample_weight, self.max_iter)

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on with training, towards these rows, by one cycle of bandwidths.

        The first call is `fit` with that number of steps; units, values of discrete
        columns, classes and their shares remain those of its rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Some hundred rows or more: they are the data of these steps.
        y : array-like of shape (n_samples,), default=None
            Class labels, if the first call had them. Its classes are all there are;
            those that are lacking here are not trained.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights, as in `fit`.

        Returns
        -------
        self : object
            The fitted generator.

        Raises
        ------
        ValueError
            As `fit`; also if `y` has unseen classes. The generator of earlier calls
            is then as before.
        FloatingPointError
            If generated rows or their velocities are not finite.
        """
        if not hasattr(self, "_fitted"):
            return self._start(X, y, sample_weight, None)
        X, y, weight = self._check_data(X, y, sample_weight, reset=False)
        if (y is None) != (self.classes_ is None):
            raise ValueError(
                "The 'y' of partial_fit must be given if and only if it was given in "
                f"the first call; got y={y!r}."
            )
        if y is not None:
            self._check_seen(y[weight > 0])
        parts = self._parts(y, weight)
        self._train(self._fitted.copy(), parts, X, weight, None, self.history_)
        return self

    def _start(self, X, y, sample_weight, n_steps):
        try:
            X, y, weight = self._check_data(X, y, sample_weight, reset=True)
            self.classes_ = None if y is None else np.unique(y[weight > 0])
            parts = self._parts(y, weight)
            state = self._new_state(X, weight, parts)
            self._train(state, parts, X, weight, n_steps, {})
        except BaseException:
            forget(self)
            raise
        return self

    def _check_data(self, X, y, sample_weight, reset):
        X = validate_data(
            self,
            X,
            dtype=(np.float64, np.float32),
            ensure_min_samples=2,
            reset=reset,
        )
        weight = check_weight(sample_weight, X)
        return X, None if y is None else self._check_y(y, X), weight

    def _check_y(self, y, X):
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"The 'y' must be class labels or None; got {kind} values. To draw "
                "rows together with a continuous y, make it a column of X."
            )
        return y

    def _parts(self, y, weight):
        """Rows of every class, as masks."""
        if self.classes_ is None:
            return [weight > 0]
        return [(y == label) & (weight > 0) for label in self.classes_]

    def _new_state(self, X, weight, parts):
        drifter = _NarrowDrifter() if self.field is None else clone(self.field)
        drifter._validate_params()
        if self.batch_size < 2 * len(parts):
            raise ValueError(
                f"The 'batch_size' must be at least 2 for each of the {len(parts)} "
                f"classes; got {self.batch_size}."
            )
        classes = []
        for k, part in enumerate(parts):
            table, scaling, discrete = make_table(
                X[part], weight[part], drifter.standardize, drifter.discrete_features
            )
            if self.classes_ is not None and table.n_samples < 2:
                raise ValueError(
                    f"Class {self.classes_.tolist()[k]!r} of y has only one row; it "
                    "takes at least two. Leave the class out, or merge it with another."
                )
            drifter._check_units(_in_single_precision(table))
            share = weight[part].sum() / weight.sum()
            n_particles = (self.batch_size + self.queue_size) // len(parts)
            bandwidths = _ladder(drifter, table, n_particles)
            classes.append(_Class(share, table, scaling, discrete, bandwidths))
        random_state = check_random_state(self.random_state)
        seed = random_state.randint(np.iinfo(np.int32).max)
        self.latent_dim_ = self.latent_dim or X.shape[1]
        state = _Fitted(
            self._new_learner(seed),
            _Average(),
            self.latent_dim_,
            np.random.RandomState(seed),
            [np.empty((0, X.shape[1]), np.float32) for _ in classes],
            drifter,
            classes,
            np.eye(len(parts))[:, : len(parts) if len(parts) > 1 else 0],
            np.array([c.table.std for c in classes], np.float32),
            make_table(X, weight, drifter.standardize, False)[:2],
            [],
        )
        self._learn_gaussian(state)
        return state

    def _new_learner(self, seed):
        if self.generator is None:
            # No shuffling and no penalty, as every batch is fresh.
            return MLPRegressor(
                hidden_layer_sizes=(128, 128),
                learning_rate_init=5e-3,
                batch_size=min(128, self.batch_size),
                shuffle=False,
                alpha=0,
                random_state=seed,
            )
        learner = _check_learner(clone(self.generator))
        if learner.get_params().get("random_state", seed) is None:
            learner.set_params(random_state=seed)
        return learner

    def _learn_gaussian(self, state):
        d = state.units.shape[1]
        directions = np.eye(self.latent_dim_, d)
        if self.latent_dim_ < d:
            directions = state.random_state.standard_normal((self.latent_dim_, d))
            directions /= np.linalg.norm(directions, axis=0)
        index = np.arange(self.batch_size) % len(state.classes)
        for _ in range(_START_STEPS):
            inputs = state.inputs(index)
            targets = inputs[:, : self.latent_dim_] @ directions.astype(np.float32)
            _update(state.learner, inputs, targets)

    def _targets(self, state, parts, X, weight):
        """Fields of the classes that have rows here."""
        targets = []
        for k, part in enumerate(parts):
            if not part.any():
                continue
            standardize = state.drifter.standardize
            table, own, _ = make_table(X[part], weight[part], standardize, False)
            # In the units of the first call.
            rows = state.classes[k].scaling.to_internal(own.to_data(table.rows))
            table = table._replace(rows=rows, std=state.classes[k].table.std)
            table, held_out = _hold_out(
                _in_single_precision(table),
                self.validation_fraction,
                state.random_state,
            )
            field = state.drifter._field(state.drifter._density_kernel())
            n = self.batch_size + self.queue_size
            work = state.drifter._work(
                table, field, n, n + len(table.rows), self.max_iter
            )
            bound = state.drifter._bind(field, table, work)
            targets.append(_Target(k, bound, held_out))
        return targets

    def _train(self, state, parts, X, weight, n_steps, history):
        """Train in place, or one cycle if no number of steps is given."""
        targets = self._targets(state, parts, X, weight)
        index = np.array([target.index for target in targets])
        index = index[np.arange(self.batch_size) % len(index)]
        evaluate = self._evaluation(state, targets)
        guarded = n_steps is not None and self.early_stopping
        n_steps = n_steps or max(len(c.bandwidths) for c in state.classes)
        n_before = len(history.get("bandwidth", ()))
        steps, evaluations, kept, stopped_by = [], [], None, "max_iter"
        for t in range(n_steps):
            steps.append(self._step(state, targets, index, t))
            if (t + 1) % _EVALUATE_EVERY and t + 1 < n_steps:
                continue
            now = evaluate(state, n_before + t + 1)
            if self.verbose:
                self._report(now, steps[-1])
            if guarded and now.memorization_auc >= LARGEST_AUC:
                stopped_by = "memorization"
                if kept is None:  # there is nothing to go back to
                    evaluations.append(now)
                    _warn_of_little_spread(now)
                else:
                    state = kept
                break
            evaluations.append(now)
            kept = state.copy() if guarded else None
        steps = np.array(steps[: evaluations[-1].n_steps - n_before])
        self._conclude(state, targets, evaluations[-1])
        self.n_iter_ = evaluations[-1].n_steps
        self.stopped_by_ = stopped_by
        new = {"bandwidth": steps[:, 0], "residual_velocity": steps[:, 1]}
        for key in ("n_steps", "energy_distance", "memorization_auc"):
            new[key] = np.array([getattr(e, key) for e in evaluations])
        if history:
            new = {key: np.append(history[key], new[key]) for key in new}
        self.history_ = new

    def _step(self, state, targets, index, t):
        """One regression towards frozen targets: its bandwidth, residual velocity."""
        inputs = state.inputs(index)
        units = state.units[index]
        x = units * _outputs(state.learner, inputs)
        v = np.empty_like(x)
        used = []
        for k, target in enumerate(targets):
            members = slice(k, None, len(targets))
            own = x[members]
            crowd = np.concatenate([own, state.queues[target.index]])
            bandwidths = state.classes[target.index].bandwidths
            used.append(bandwidths[t % len(bandwidths)])
            v[members] = target.field.on_particles(crowd, used[-1])[: len(own)]
            size = self.queue_size // len(state.classes)
            state.queues[target.index] = crowd[:size]
        residual = root_mean_square(v)
        if not np.isfinite(residual):
            raise FloatingPointError(
                f"The velocity is not finite at step {t}. Use a smaller step_size or a "
                "larger bandwidth."
            )
        x += self.step_size * v
        _update(state.learner, inputs, x / np.where(units > 0, units, 1))
        state.average.update(state.learner)
        return float(np.mean(used)), residual

    def _evaluation(self, state, targets):
        """What is known of a state, as a function of it, for the same noise always."""
        share = np.array([state.classes[target.index].share for target in targets])
        table, scaling = state.pooled
        memorization = Memorization(
            table.rows, table.weight, table.count, NearestRows(table.rows)
        )
        n_rows = np.clip(table.n_samples, _MIN_ENSEMBLE, _MAX_ENSEMBLE)
        seed = state.random_state.randint(np.iinfo(np.int32).max)

        def evaluate(state, n_steps):
            learner = state.average.of(state.learner)
            state = state._replace(random_state=np.random.RandomState(seed))
            distances = [
                energy_distance(
                    self._internal_rows(state, learner, t.index, len(t.held_out)),
                    t.held_out,
                )
                for t in targets
            ]
            distance = share @ distances / share.sum()
            ensembles = [
                self._draw(state, learner, k, max(2, round(c.share * n_rows)))
                for k, c in enumerate(state.classes)
            ]
            auc = memorization.auc(scaling.to_internal(np.concatenate(ensembles)))
            return _Evaluation(n_steps, distance, auc, learner, ensembles)

        return evaluate

    def _conclude(self, state, targets, evaluation):
        """Fitted attributes that training does not need."""
        square, share = 0.0, 0.0
        for target in targets:
            c = state.classes[target.index]
            n = len(evaluation.ensembles[target.index])
            x = self._internal_rows(state, evaluation.learner, target.index, n)
            residual = root_mean_square(target.field.on_particles(x, c.bandwidths[-1]))
            square, share = square + c.share * residual**2, share + c.share
        bandwidths = np.array([c.bandwidths[-1] for c in state.classes])
        self.bandwidth_ = float(bandwidths[0]) if self.classes_ is None else bandwidths
        self.residual_velocity_ = float(np.sqrt(square / share))
        self.memorization_auc_ = evaluation.memorization_auc
        self.generator_ = evaluation.learner
        self._fitted = state._replace(ensembles=evaluation.ensembles)

    def _report(self, evaluation, step):
        bandwidth, residual = step
        print(
            f"[{type(self).__name__}] step {evaluation.n_steps}, residual velocity "
            f"{residual / bandwidth:.3g} bandwidths, energy distance "
            f"{evaluation.energy_distance:.3g}, memorisation AUC "
            f"{evaluation.memorization_auc:.2f}"
        )

    # -- what a fitted generator does ----------------------------------------------

    def sample(
        self, n_samples: int = 1, random_state: Seed = None, y: ArrayLike | None = None
    ) -> Floats:
        """Draw new rows by one pass of the generator.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least 1.
        random_state : int, RandomState instance or None, default=None
            Source of the noise. None falls back on the `random_state` of the
            estimator: if that is an int, every call gives the same rows.
        y : label or array-like of shape (n_samples,), default=None
            Class of all rows, or of each, if `fit` had classes. None draws classes as
            often as they occur in the data.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            New rows in the units and precision of the data.

        Raises
        ------
        TypeError, ValueError
            If `n_samples` is not a positive integer, or `y` has unseen classes or
            another length.
        FloatingPointError
            If the generator gives rows that are not finite.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        random_state = own_stream(random_state, self.random_state)
        state = self._fitted._replace(random_state=random_state)
        index = self._class_index(y, n_samples, state.random_state)
        table = state.pooled[0]
        rows = np.empty((n_samples, table.rows.shape[1]), table.rows.dtype)
        for k in np.unique(index):
            members = index == k
            rows[members] = self._draw(state, self.generator_, k, members.sum())
        return rows

    def _class_index(self, y, n_samples, random_state):
        """Place of every row's class."""
        if y is None:
            shares = np.array([c.share for c in self._fitted.classes])
            return random_state.choice(len(shares), n_samples, p=shares / shares.sum())
        if self.classes_ is None:
            raise ValueError(
                "The 'y' must be None, as the generator was fitted without classes; "
                "pass y to fit."
            )
        labels = np.full(n_samples, y) if np.ndim(y) == 0 else column_or_1d(y)
        if len(labels) != n_samples:
            raise ValueError(
                f"The 'y' must be one label or n_samples={n_samples} labels; got "
                f"{len(labels)}."
            )
        self._check_seen(labels)
        return np.searchsorted(self.classes_, labels)

    def _check_seen(self, y):
        unseen = np.setdiff1d(y, self.classes_)
        if len(unseen):
            raise ValueError(
                f"The 'y' has classes that fit has not seen: {unseen.tolist()}. It saw "
                f"{self.classes_.tolist()}."
            )

    def _draw(self, state, learner, k, n):
        """Rows of one class, in data units."""
        c = state.classes[k]
        # Few rows would take few values: rounding is by the ranks within an ensemble.
        m = max(n, _ROUNDED_TOGETHER) if c.discrete.columns else n
        drawn = self._internal_rows(state, learner, k, m).astype(c.table.rows.dtype)
        return c.discrete.round(c.scaling.to_data(drawn))[:n]

    def _internal_rows(self, state, learner, k, n):
        """Rows of one class, in internal units."""
        drawn = np.empty((n, state.units.shape[1]), np.float32)
        for chunk in gen_batches(n, _CHUNK):
            inputs = state.inputs(np.full(chunk.stop - chunk.start, k))
            drawn[chunk] = state.units[k] * _outputs(learner, inputs)
        return drawn

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Minus the residual velocity of held-out rows towards generated rows.

        The score of the drifters (see :meth:`ConservativeDrifter.score`), with as many
        generated rows as there are data (64 to 10,000) in place of their particles.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Held-out rows in data units; with fewer than a hundred, noise decides.
        y : array-like of shape (n_samples,), default=None
            Class labels: the mean over the rows of the scores of their classes. If
            None, or if `fit` had no classes, the score of all rows together.

        Returns
        -------
        float
            Dimensionless, at most 0; greater is better. At about -1 the generated rows
            are as far from the held-out rows as the training rows are.

        Raises
        ------
        ValueError
            If `X` or `y` does not suit the data.
        """
        check_is_fitted(self)
        state = self._fitted
        table, scaling = state.pooled
        X = validate_data(self, X, dtype=table.rows.dtype, reset=False)
        engine = state.drifter.engine
        if y is None or self.classes_ is None:
            rows = scaling.to_internal(X)
            drawn = scaling.to_internal(np.concatenate(state.ensembles))
            return residual_score(rows, drawn, table, engine)
        y = self._check_y(y, X)
        self._check_seen(y)
        total = 0.0
        for label, c, drawn in zip(
            self.classes_, state.classes, state.ensembles, strict=True
        ):
            if np.any(y == label):
                rows = c.scaling.to_internal(X[y == label])
                score = residual_score(
                    rows, c.scaling.to_internal(drawn), c.table, engine
                )
                total += np.mean(y == label) * score
        return float(total)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_fitted")
