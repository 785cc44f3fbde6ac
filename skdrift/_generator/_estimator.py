"""One-step generator: a regressor that learns to take the steps of the flow at once."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_consistent_length, check_scalar, column_or_1d
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data._checks import check_counts
from .._data._numbers import check_numbers
from .._drifters._base import BaseDrifter
from .._estimator import VersionedStateMixin, fit_context, forget, sampling_rng
from .._theory.sampling import Estimate, monte_carlo
from ..engines import get_engine
from ..flow._score import residual_score
from ._training import (
    TrainingParameters,
    batch_residuals,
    new_state,
    residual_velocity,
    targets_of,
    train,
)

if TYPE_CHECKING:
    from .._typing import ArrayLike, Estimator, Floats, Seed, Self


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
        Any regressor of several outputs with ``partial_fit``, called once per step, or
        with a ``warm_start`` parameter, whose ``fit`` is. It is cloned, and its outputs
        are standardised columns. None stands for an ``MLPRegressor`` with two hidden
        layers of 128. The weights of this class are averaged over the last steps.
    field : drifter or None, default=None
        Unfitted drifter whose kernel, bandwidth, self-interaction, standardisation,
        discrete columns and engine are used. Its annealing is one cycle of
        bandwidths, which training repeats: wide ones balance distant clusters, narrow
        ones shape each. None stands for the field of :class:`ConservativeDrifter`, its
        bandwidth the smaller of :func:`~skdrift.bandwidth.conservative_rate` and
        :func:`~skdrift.bandwidth.laplace_rate`, and four wider ones.
    latent_dim : int or None, default=None
        Number of latent variables; None stands for one per column.
    max_iter : int, default=2000
        Largest number of training steps.
    batch_size : int, default=1024
        Rows that are generated in one step, at least 2. With classes, each has an
        equal part, at least 2 as well.
    queue_size : int, default=0
        Number of rows of earlier steps that also repel the rows of a step. With them,
        small batches repel more evenly.
    step_size : float, default=1.0
        Fraction of the velocity that the targets are away.
    validation_fraction : float, default=0.0
        Share of the rows that are not trained on, for ``history_``.
    early_stopping : bool, default=True
        Guard against copying the data: every 25 steps `fit` looks at the memorisation
        AUC (see ``memorization_auc_``), and at 0.55 goes back 25 steps and ends. If
        most rows are duplicated, new rows are copies too. `fit` then ends when the
        energy distance of drawn rows to the data is below a quarter of the data's
        sampling error and has not decreased for 100 steps, and goes back to the
        smallest. Held-out rows, which the distance is to if there are any, are seldom
        so near. Without effect on :meth:`partial_fit`.
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
        others: about 0.5 for new samples, 1 for copies. Without meaning if most rows
        are duplicated.
    n_iter_ : int
        Number of training steps, without those that `fit` went back.
    stopped_by_ : {"max_iter", "memorization", "convergence"}
        What ended the last training: the number of steps, or one of the two rules of
        ``early_stopping``.
    history_ : dict of ndarray
        ``"bandwidth"`` (mean over the classes) and ``"residual_velocity"`` of every
        step, shape (`n_iter_`,). Of every evaluation, each 25 steps and at the end:
        ``"n_steps"`` before it, ``"memorization_auc"``, and ``"energy_distance"``
        between held-out rows (up to 1000 of a class; rows of the data, if none are
        held out) and as many generated ones, in the units of ``bandwidth_``, its mean
        over the classes. If most rows are duplicated, the generated rows are drawn as
        by :meth:`sample`, 2048 in all or more.
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
            Nonnegative weights. If all are integers and the smallest but 0 is 1, they
            count: weight 2 is the row twice, weight 0 is no row. Otherwise only their
            ratios matter. Warnings are those of :meth:`ConservativeDrifter.fit`.

        Returns
        -------
        self : object
            The fitted generator.

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, `y` is continuous, a class has
            only one row, the regressor cannot be updated, or the requested engine
            is not available. The estimator is then not fitted.
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
        columns, classes and their shares are kept from its rows.

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
        state = self._fitted.copy()
        self._train(state, self._parts(y, weight), X, weight, None, self.history_)
        return self

    def _start(self, X, y, sample_weight, n_steps):
        try:
            X, y, weight = self._check_data(X, y, sample_weight, reset=True)
            self.classes_ = None if y is None else np.unique(y[weight > 0])
            parts = self._parts(y, weight)
            labels = None if y is None else self.classes_.tolist()
            parameters, seed = self._parameters(), self.random_state
            names = getattr(self, "feature_names_in_", None)
            state = new_state(X, weight, parts, labels, parameters, seed, names)
            self.latent_dim_ = state.latent_dim
            self._train(state, parts, X, weight, n_steps, {})
        except BaseException:
            forget(self, "_fitted")
            raise
        return self

    def _check_data(self, X, y, sample_weight, reset):
        check_numbers(X)
        X = validate_data(
            self, X, dtype=(np.float64, np.float32), ensure_min_samples=2, reset=reset
        )
        weight = check_counts(sample_weight, X)
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

    def _parameters(self):
        values = (getattr(self, name) for name in TrainingParameters._fields)
        return TrainingParameters(*values)

    def _train(self, state, parts, X, weight, n_steps, history):
        """Train, by one cycle if no number of steps is given, and conclude."""
        parameters = self._parameters()
        targets = targets_of(state, parts, X, weight, parameters)
        report = self._report if self.verbose else None
        n_before = len(history.get("bandwidth", ()))
        trained = train(state, targets, n_steps, parameters, report, n_before)
        last = trained.evaluations[-1]
        bandwidths = np.array([c.bandwidths[-1] for c in state.classes])
        self.bandwidth_ = float(bandwidths[0]) if self.classes_ is None else bandwidths
        self.residual_velocity_ = residual_velocity(trained)
        self.memorization_auc_ = last.memorization_auc
        self.generator_ = last.learner
        self.n_iter_ = last.n_steps
        self.stopped_by_ = trained.stopped_by
        self.history_ = _extended(history, trained)
        self._fitted = trained.state

    def _report(self, evaluation, bandwidth, residual):
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
        random_state = sampling_rng(random_state, self.random_state)
        state = self._fitted._replace(random_state=random_state)
        index = self._class_index(y, n_samples, state.random_state)
        data = state.pooled[0].rows
        rows = np.empty((n_samples, data.shape[1]), data.dtype)
        for k in np.unique(index):
            members = index == k
            rows[members] = state.draw(self.generator_, k, members.sum())
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
        data, scaling = state.pooled
        check_numbers(X)
        X = validate_data(self, X, dtype=data.rows.dtype, reset=False)
        engine_for = partial(get_engine, state.drifter.engine)
        if y is None or self.classes_ is None:
            rows = scaling.within_reach(X)
            drawn = scaling.to_internal(np.concatenate(state.ensembles))
            return residual_score(rows, drawn, data, engine_for)
        y = self._check_y(y, X)
        self._check_seen(y)
        total = 0.0
        classes = zip(self.classes_, state.classes, state.ensembles, strict=True)
        for label, c, drawn in classes:
            if np.any(y == label):
                rows = c.scaling.within_reach(X[y == label])
                drawn = c.scaling.to_internal(drawn)
                score = residual_score(rows, drawn, c.rows, engine_for)
                total += np.mean(y == label) * score
        return float(total)

    def one_step_bound(self, n_batches: int = 8, random_state: Seed = None) -> Estimate:
        """Bound of how far one more drift step moves the generated distribution.

        ``step_size * sqrt(R_N)``, with the mean square velocity R_N of the rows of
        fresh batches at ``bandwidth_``, towards all rows of the data. The distribution
        of a batch that learns its targets exactly moves by no more than this in the
        2-Wasserstein distance (Balasubramanian, arXiv:2605.22795, Remark 4.6); the root
        mean square error of the regression adds to it.

        Parameters
        ----------
        n_batches : int, default=8
            Number of batches of ``batch_size`` rows, at least 2.
        random_state : int, RandomState instance or None, default=None
            Source of the noise, as in :meth:`sample`.

        Returns
        -------
        Estimate
            The bound, for the mean of R_N over the batches (over classes by their
            shares), and its standard error, in the units of ``bandwidth_``.

        Raises
        ------
        ValueError
            If `n_batches` is less than 2.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skdrift import DriftGenerator
        >>> generator = DriftGenerator(max_iter=50, random_state=0)
        >>> generator = generator.fit(load_iris().data)
        >>> generator.one_step_bound(random_state=0).value < 0.5
        True
        """
        check_is_fitted(self)
        n = check_scalar(n_batches, "n_batches", Integral, min_val=2)
        rng = sampling_rng(random_state, self.random_state)
        batches = self._fitted, self.generator_, self.batch_size
        square, error = monte_carlo(batch_residuals(*batches, n, rng))
        root = np.sqrt(square)
        spread = error / (2 * root) if root > 0 else 0.0
        return Estimate(float(self.step_size * root), float(self.step_size * spread))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_fitted")


def _extended(history, trained):
    """The history with the steps and evaluations of one more training."""
    new = {"bandwidth": trained.steps[:, 0], "residual_velocity": trained.steps[:, 1]}
    for key in ("n_steps", "energy_distance", "memorization_auc"):
        new[key] = np.array([getattr(e, key) for e in trained.evaluations])
    if history:
        new = {key: np.append(history[key], new[key]) for key in new}
    return new
