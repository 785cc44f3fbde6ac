"""The family base: validation, the loop's parts put together, the public verbs."""

from __future__ import annotations

import warnings
from abc import ABCMeta, abstractmethod
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from sklearn.base import (
    BaseEstimator,
    DensityMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    clone,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import (
    _check_n_features,
    check_is_fitted,
    validate_data,
)

from .._data._checks import check_same_names, check_weight
from .._data._columns import DiscreteColumns
from .._data._frames import unusable_columns
from .._data._neighbors import NearestRows, even_choice
from .._data._rows import Scaling, Table, make_table
from .._estimator import VersionedStateMixin, fit_context, forget, own_stream
from .._starts import _draws as starts
from .._starts._densities import (
    SingularLawError,
    local_gaussian_log_density,
    matched_gaussian_log_density,
)
from .._theory.rules import LipschitzStep
from ..bandwidth import scott, silverman
from ..engines import ENGINE_NAMES, Work, get_engine, passed_over
from ..fields import DriftField, displacement
from ..flow import _map as tracers
from ..flow import annealing_schedule, evolve, given_schedule, root_mean_square
from ..flow._loop import _size_of_step
from ..flow._memorization import LARGEST_AUC, MAX_FLOWS, Memorization, calibrate
from ..flow._progress import CallbackSupportMixin, StepPrinter, as_tasks
from ..flow._score import residual_score
from ..kernels import KERNEL_NAMES, Kernel, get_kernel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from .._typing import (
        Annealing,
        BandwidthRule,
        DiscreteFeatures,
        EngineName,
        Floats,
        KernelName,
        Rows,
        Seed,
        SelfInteraction,
        Start,
        StepSize,
    )

# Default number of particles: that of the samples, between these bounds. Leaving
# oneself out starves the repulsion of few particles, and they spread in many columns
# or jump onto rows: on wine no noise of the start led to a good end with one each.
_MIN_PARTICLES = 64
_MAX_PARTICLES = 10_000
_PARTICLES_PER_SAMPLE = {False: 1, True: 2}  # by leave-one-out
# Particles this many times as spread out as the data, or as their start, run away: in
# 100 flows on 23 sets of data those that did not were at most 1.32 times as spread out.
_RUNAWAY_SPREAD = 1.5
_CALMER = (
    "Use a larger bandwidth, more particles, a smaller step_size or, where there is a "
    "choice, self_interaction='full'."
)
# Fresh tracers that tell in `fit` how faithful tracers are: their spread is then known
# within a few per cent. Beyond this factor `transform` warns.
_PROBE_TRACERS = 200
_UNFAITHFUL = 1.25


def _overview(n, d):
    """Bandwidth at which every particle sees the whole of the data."""
    return 1.5 * np.sqrt(d / 2)


class _Fitted(NamedTuple):
    """State of a fitted flow, in internal units."""

    table: Table
    scaling: Scaling
    particles: np.ndarray
    trajectory: tuple
    start: object
    field: object
    discrete: DiscreteColumns


def _draw_start(start, n, table, scaling, random_state, neighbors):
    """Independent draws from the start distribution, as a function of their noise.

    Only the local start has noise to choose; the others are what they are.
    """
    if _is_local(start):
        return starts.local_gaussian(
            n, table.rows, table.weight, random_state, neighbors
        ).rows
    rows = _fixed_start(start, n, table, scaling, random_state)
    return lambda noise: rows


def _fitted_start(start, n, table, scaling, random_state, neighbors):
    """The ensemble that `fit` evolves, in internal units, by its noise."""
    if _is_array(start):
        rows = scaling.to_internal(start)
        return lambda noise: rows
    return _draw_start(start, n, table, scaling, random_state, neighbors)


def _fixed_start(start, n, table, scaling, random_state):
    if _is_array(start):
        # A smoothed bootstrap of the rows the user gave.
        rows = scaling.to_internal(start)
        noise = rows.std(axis=0) * scott(max(len(rows), 2), rows.shape[1])
        weight = np.full(len(rows), 1 / len(rows))
        return starts.resampled(n, rows, weight, noise, random_state)
    if callable(start):
        rows = _check_rows_of_start(start(n, random_state), "callable", table)
        if len(rows) != n:
            raise ValueError(
                f"The 'start' callable returned {len(rows)} rows for n_samples={n}; "
                "it must return n_samples rows."
            )
        return scaling.to_internal(rows)
    return starts.matched_gaussian(n, table.rows, table.weight, random_state)


def _as_drawn(x, scaling, discrete):
    """Particles as `sample` would give them out, in internal units."""
    if not discrete.columns:
        return x
    return scaling.to_internal(discrete.round(scaling.to_data(x)))


def _runs_away(table, start):
    """Test of whether particles left the data that they started from behind."""
    mean = table.weight @ table.rows

    def spread(x):
        return root_mean_square(x - mean)

    limit = _RUNAWAY_SPREAD * max(np.linalg.norm(table.std) or 1.0, spread(start))
    return lambda x: spread(x) > limit


def _is_local(start):
    return isinstance(start, str) and start == "local"


def _check_annealing(annealing):
    try:
        multiples = np.asarray(annealing, dtype=np.float64)
    except (TypeError, ValueError):
        multiples = np.array(np.nan)
    if multiples.ndim != 1 or not np.all((multiples > 0) & (multiples < np.inf)):
        raise ValueError(
            "The 'annealing' parameter must be a number of steps or a 1-D array of "
            f"positive multiples of the final bandwidth; got {annealing!r}."
        )
    return multiples


def _is_array(start):
    return not (isinstance(start, str) or callable(start))


def _check_start(start, table):
    """The start as it is, or, if it is an array, its rows."""
    return _check_rows_of_start(start, "array", table) if _is_array(start) else start


def _check_rows_of_start(start, kind, table):
    try:
        rows = check_array(start, dtype=table.rows.dtype, input_name="start")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The 'start' {kind} must give a 2-D array of finite numbers: {error}"
        ) from error
    if rows.shape[1] != table.rows.shape[1]:
        raise ValueError(
            f"The 'start' {kind} has {rows.shape[1]} columns but X has "
            f"{table.rows.shape[1]}; they must be equal."
        )
    return rows


class BaseDrifter(
    OneToOneFeatureMixin,
    TransformerMixin,
    DensityMixin,
    CallbackSupportMixin,
    VersionedStateMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Base of the drifters: everything but the field and its bandwidth."""

    _parameter_constraints = {
        "n_particles": [Interval(Integral, 1, None, closed="left"), None],
        "start": [StrOptions({"local", "gaussian"}), "array-like", callable],
        "standardize": ["boolean"],
        "discrete_features": [StrOptions({"auto"}), "boolean", "array-like"],
        "annealing": [Interval(Integral, 0, None, closed="left"), "array-like"],
        "step_size": [Interval(Real, 0, np.inf, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "engine": [StrOptions({"auto", *ENGINE_NAMES})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def __init__(
        self,
        *,
        n_particles: int | None,
        start: Start,
        standardize: bool,
        discrete_features: DiscreteFeatures,
        annealing: Annealing,
        step_size: StepSize,
        max_iter: int,
        tol: float,
        early_stopping: bool,
        engine: EngineName,
        random_state: Seed,
        verbose: int,
    ) -> None:
        self.n_particles = n_particles
        self.start = start
        self.standardize = standardize
        self.discrete_features = discrete_features
        self.annealing = annealing
        self.step_size = step_size
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.engine = engine
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def _density_kernel(self):
        """Kernel of the density estimates that the field compares."""

    @abstractmethod
    def _field(self, kernel):
        """Field of that kernel, not bound to data (see :mod:`skdrift.fields`)."""

    @abstractmethod
    def _final_bandwidth(self, table, start):
        """Bandwidth that the annealing ends at, in internal units.

        `start` gives the ensemble that the flow starts from, by its noise.
        """

    def _step_rule(self, table, field, kernel):
        """Step size, or a function of particles and bandwidth that gives it."""
        return self.step_size

    # -- fit ---------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Evolve an ensemble of particles until it is distributed like the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, at least two rows, in any units.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights. If all are integers they count: weight 2 is the row
            twice, weight 0 is no row. Otherwise only their ratios matter, and the
            data are as many samples as there are rows.

        Returns
        -------
        self : object
            The fitted drifter.

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, or the engine asked for is not
            available. The estimator is then not fitted.
        RuntimeError
            If the engine asked for is installed but does not work.
        FloatingPointError
            If the velocity of the particles is not finite.
        """
        try:
            return self._fit(X, sample_weight)
        except BaseException:
            forget(self)
            raise

    def _fit(self, X, sample_weight):
        X = self._checked_table(X)
        table, scaling, discrete = make_table(
            X,
            check_weight(sample_weight, X),
            self.standardize,
            self.discrete_features,
        )
        self._check_units(table)
        kernel = self._density_kernel()
        field = self._field(kernel)
        random_state = check_random_state(self.random_state)
        law = _check_start(self.start, table)
        n = self._check_n_particles(law, table, field.leave_one_out)
        m, neighbors = len(table.rows), NearestRows(table.rows)
        start = _fitted_start(law, n, table, scaling, random_state, neighbors)
        bandwidth = self._final_bandwidth(table, start)
        schedule = self._schedule(table, bandwidth)
        step_size = self._step_rule(table, field, kernel)
        work = self._work(table, field, n, n + m, len(schedule) - 1)
        bound = self._bind(field, table, work)
        if self.verbose:
            self._report_choice(bound.engine.name, work, m)
        memorization = Memorization(table.rows, table.weight, table.count, neighbors)

        def auc(x):
            return memorization.auc(_as_drawn(x, scaling, discrete))

        guarded = self.early_stopping and memorization.is_defined
        noise, flow, reached = self._evolve(
            start, bound, schedule, step_size, auc, guarded, table
        )

        self.engine_ = bound.engine.name
        self.kernel_ = kernel
        self.bandwidth_ = bandwidth
        self.step_size_ = _size_of_step(
            step_size, flow.particles, flow.history["bandwidth"][-1]
        )
        self.scale_ = scaling.scale
        self.start_ = scaling.to_data((*flow.trajectory, flow.particles)[0])
        self.particles_ = scaling.to_data(flow.particles)
        self.history_ = flow.history
        self.n_iter_ = len(flow.trajectory)
        self.residual_velocity_ = float(flow.history["residual_velocity"][-1])
        self.stopped_by_ = flow.stopped_by
        self.start_noise_ = noise
        self.memorization_auc_ = reached
        self._fitted = _Fitted(
            table,
            scaling,
            flow.particles,
            flow.trajectory,
            law,
            field,
            discrete,
        )
        self.tracer_spread_ = self._measure_tracers(bound, random_state, neighbors)
        self._warn_if_not_converged()
        return self

    def _checked_table(self, X):
        if _is_array(self.start):
            check_same_names(start=self.start, X=X)
        try:
            return validate_data(
                self, X, dtype=(np.float64, np.float32), ensure_min_samples=2
            )
        except (TypeError, ValueError) as error:
            names = unusable_columns(X)
            if not names:
                raise
            raise ValueError(
                f"The column {names[0]!r} of X is not one of finite numbers: encode "
                "it, impute what is missing or leave it out, or take "
                "skdrift.tables.TabularDrifter, which takes columns of any type and "
                f"missing values. ({error})"
            ) from error

    def _measure_tracers(self, field, random_state, neighbors):
        """Spread of fresh tracers at the end of the flow over that of the particles."""
        table, scaling, particles, *_ = self._fitted
        n = min(_PROBE_TRACERS, len(particles))
        law = self._fitted.start
        start = _draw_start(law, n, table, scaling, random_state, neighbors)
        z = start(self.start_noise_)
        ends = tracers.carry(z, field, self._tracer_steps())
        spread, reference = (
            root_mean_square(x - x.mean(axis=0)) for x in (ends, particles)
        )
        return spread / reference if reference > 0 else 1.0

    def _warn_if_not_converged(self):
        if self.stopped_by_ == "max_iter":
            message = (
                f"The particles still drift after max_iter={self.max_iter} steps: the "
                "residual velocity is "
                f"{self.residual_velocity_ / self.bandwidth_:.2g} bandwidths per step, "
                f"above tol={self.tol}. If it still falls (see history_), raise "
                "max_iter; if not, reduce step_size or take more particles."
            )
        elif self.stopped_by_ == "divergence":
            message = (
                f"The particles ran away from the data after step {self.n_iter_}, "
                f"where the flow was ended. {_CALMER}"
            )
        else:
            return
        warnings.warn(message, ConvergenceWarning, stacklevel=5)  # who calls fit

    def _evolve(self, start, field, schedule, step_size, auc, guarded, table):
        """Noise of the start, flow from there, its AUC; no copies if guarded."""
        guard = {"memorization": lambda x: auc(x) >= LARGEST_AUC} if guarded else {}
        calibrated = guarded and _is_local(self.start)
        fit_task = self._init_callback_context(
            max_subtasks=MAX_FLOWS if calibrated else 1
        ).call_on_fit_task_begin(estimator=self)

        def evolve_from(noise):
            if self.verbose and _is_local(self.start):
                print(f"[{type(self).__name__}] start noise {noise:.3g}")
            x = start(noise)
            task = fit_task.subcontext(task_name="flow", max_subtasks=len(schedule))
            task.call_on_fit_task_begin(estimator=self)
            flow = evolve(
                x,
                as_tasks(field.on_particles, task, self),
                schedule,
                step_size,
                self.tol,
                {"divergence": _runs_away(table, x), **guard},
                self._printer(),
            )
            task.call_on_fit_task_end(estimator=self)
            return flow

        if calibrated:
            found = calibrate(evolve_from, lambda flow: auc(flow.particles))
        else:
            flow = evolve_from(1.0)
            found = 1.0, flow, auc(flow.particles)
        fit_task.call_on_fit_task_end(estimator=self)
        return found

    def _schedule(self, table, bandwidth):
        """Bandwidth of every step, in internal units."""
        if not isinstance(self.annealing, Integral):
            multiples = _check_annealing(self.annealing)
            return given_schedule(bandwidth * multiples, bandwidth, self.max_iter)
        initial = 2 * bandwidth
        if not _is_local(self.start):
            initial = max(initial, table.bandwidth(_overview))
        return annealing_schedule(initial, bandwidth, self.annealing, self.max_iter)

    def _check_units(self, table):
        """Squares of distances must neither over- nor underflow."""
        limit = np.finfo(table.rows.dtype).max ** 0.25
        if not 1 / limit < table.mean_std < limit:
            raise ValueError(
                f"The columns of X have a standard deviation of {table.mean_std:.2g}, "
                f"too far from 1 for standardize=False in {table.rows.dtype}; change "
                "the units or take standardize=True."
            )

    def _work(self, table, field, n_queries, n_sources, n_steps):
        d, dtype = table.rows.shape[1], table.rows.dtype
        n_steps = int(field.relative_cost * n_steps)
        return Work(n_queries, n_sources, d, n_steps, field.profiles, dtype)

    def _bind(self, field, table, work):
        """The field of the data, on the engine that suits the work."""
        return field.bind(get_engine(self.engine, work), table.rows, table.log_weight)

    def _fitted_field(self, n_queries, n_particles, n_steps):
        table, field = self._fitted.table, self._fitted.field
        n_sources = n_particles + len(table.rows)
        work = self._work(table, field, n_queries, n_sources, n_steps)
        return self._bind(field, table, work)

    def _report_choice(self, engine, work, n_rows):
        lacking = passed_over(engine, work) if self.engine == "auto" else {}
        print(
            f"[{type(self).__name__}] engine {engine}, {work.n_queries} particles, "
            f"{n_rows} distinct rows, {work.n_features} columns",
            *(f"not {name}: {reason}" for name, reason in lacking.items()),
            sep="; ",
        )

    def _printer(self, what=""):
        return StepPrinter(f"[{type(self).__name__}]{what}") if self.verbose else None

    # -- starts ------------------------------------------------------------------

    def _check_n_particles(self, start, table, leave_one_out):
        n = self.n_particles
        if _is_array(start):
            n_rows = len(start)
            if n is not None and n != n_rows:
                raise ValueError(
                    f"The 'start' parameter has {n_rows} rows but 'n_particles' is "
                    f"{n}; make them equal or leave n_particles=None."
                )
            n = n_rows
        elif n is None:
            n = _PARTICLES_PER_SAMPLE[leave_one_out] * table.n_samples
            n = int(np.clip(n, _MIN_PARTICLES, _MAX_PARTICLES))
        if leave_one_out and n < 2:
            raise ValueError(
                "The 'n_particles' must be at least 2, as every particle leaves itself "
                f"out; got {n}."
            )
        return n

    # -- what a fitted drifter does ------------------------------------------------

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> Rows:
        """Draw new rows by evolving fresh ensembles through the fitted schedule.

        The rows are not the fitted particles, and their order carries no
        information: they are exchangeable. Whole ensembles, of the size of
        ``particles_`` to one and a half times that, are evolved even for a few rows,
        so that their law hardly depends on `n_samples`; draw many rows at once
        rather than a few many times. Those that are given out are spread evenly over
        where the ensemble lies, so that means and shares of regions vary less than
        those of independent draws.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least 1.
        random_state : int, RandomState instance or None, default=None
            Source of the start. None falls back on the `random_state` of the
            estimator: if that is an int, every call gives the same rows.

        Returns
        -------
        array-like of shape (n_samples, n_features)
            New rows in the units and precision of the data: an ndarray, or the data
            frame that `set_output` asked for.

        Raises
        ------
        TypeError, ValueError
            If `n_samples` is not a positive integer.
        FloatingPointError
            If the velocity of a fresh ensemble is not finite.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        random_state = own_stream(random_state, self.random_state)

        n_particles = len(self._fitted.particles)
        n_ensembles = max(1, round(n_samples / n_particles))
        n = max(n_particles, -(-n_samples // n_ensembles))
        field = self._fitted_field(n, n, n_ensembles * self.n_iter_)
        neighbors = NearestRows(self._fitted.table.rows)
        ensembles = []
        for i in range(1, n_ensembles + 1):
            report = self._printer(f" ensemble {i} of {n_ensembles},")
            ensembles.append(
                self._fresh_ensemble(field, n, random_state, neighbors, report)
            )
        rows = np.concatenate(ensembles)
        places = self._fitted.scaling.to_internal(rows)
        rows = rows[even_choice(places, n_samples, random_state)]
        return _wrap_data_with_container("transform", rows, rows, self)

    def _fresh_ensemble(self, field, n, random_state, neighbors, report):
        """Rows of one more ensemble, in data units."""
        table, scaling = self._fitted.table, self._fitted.scaling
        start = _draw_start(
            self._fitted.start, n, table, scaling, random_state, neighbors
        )
        x = self._evolve_through(field.on_particles, start(self.start_noise_), report)
        return self._fitted.discrete.round(scaling.to_data(x))

    def _evolve_through(self, velocity, x, report):
        """Follow the fitted schedule, whatever the residual velocity."""
        runs_away = _runs_away(self._fitted.table, x)
        for t, (h, step) in enumerate(self._fitted_steps()):
            v = velocity(x, h)
            if report is not None:
                report(t, h, root_mean_square(v))
            before, x = x, x + step * v
            if not np.isfinite(x).all():
                raise FloatingPointError(f"A fresh ensemble diverged. {_CALMER}")
            if runs_away(x):
                warnings.warn(
                    f"A fresh ensemble ran away from the data after step {t} of "
                    f"{self.n_iter_}, where its flow was ended. {_CALMER}",
                    ConvergenceWarning,
                    stacklevel=4,
                )
                return before
        return x

    def _fitted_steps(self):
        """Pairs (bandwidth, step size) of the steps that `fit` took."""
        h, step = self.history_["bandwidth"], self.history_["step_size"]
        return zip(h[:-1].tolist(), step[:-1].tolist(), strict=True)

    def trajectory(self) -> Floats:
        """Positions of the particles before every step, and at the end.

        Returns
        -------
        ndarray of shape (`n_iter_` + 1, n_particles, n_features)
            In data units, computed anew in every call: the first is ``start_``, the
            last ``particles_``.
        """
        check_is_fitted(self)
        fitted = self._fitted
        positions = (*fitted.trajectory, fitted.particles)
        return np.stack([fitted.scaling.to_data(x) for x in positions])

    def transform(self, X: ArrayLike) -> Rows:
        """Carry rows through the fitted flow as passive tracers.

        Every row moves in the field of the data and the fitted particles, step by
        step, without acting on them or on other rows. Rows of ``start_`` are particles
        themselves and end in ``particles_``. Others stand for further particles of the
        same law: they count in part in the normalisers of both densities, in their
        place. ``tracer_spread_`` says how well they keep together; to draw new rows,
        use :meth:`sample`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in data units.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows at the end of the flow.

        Warns
        -----
        UserWarning
            If the spread of fresh tracers is off by more than a quarter.
        """
        X = self._check_data_rows(X)
        self._warn_if_unfaithful()
        return self._carried(X, self.start_, self.particles_, self._forwards)

    def inverse_transform(self, X: ArrayLike) -> Floats:
        """Find the rows that :meth:`transform` carries to given ones.

        The steps of the flow are solved for where they start, the last one first, by
        Newton's method with the Jacobian of the field. That takes 20 to 90 times
        as long as :meth:`transform`, and in many columns d in proportion to d^2.

        With the three drifters at their defaults, on four sets of data of 2 to 30
        columns, ``inverse_transform(transform(Z))`` was Z within 2e-12 ``scale_`` in
        every coordinate, but for up to 2 % of the rows, which a warning counted, and
        one row of 200 that came from two places and was not counted. Each that was
        found is an origin all the same: transformed again, it ends where Z does. With
        data in float32 the median difference was 3e-6, the largest 3e-4; up to 2 % of
        the rows differed by more where :class:`ConservativeDrifter` contracts.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in data units, such as data rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Rows of the start distribution's space. For a row that no origin was found
            of, that of a point that ends nearby.

        Raises
        ------
        TypeError
            If the field states no Jacobian.

        Warns
        -----
        ConvergenceWarning
            With the number of rows without an origin, or with several: a long step
            need not be one-to-one, and never is where the field jumps (the gradient of
            a kernel with a kink, ``ConservativeDrifter(kernel="laplace")``). It is no
            error, as rows do not interact: the others are right.
        """
        check_is_fitted(self)
        # By no names of columns: what transform gives may have none.
        X = check_array(X, dtype=self._fitted.table.rows.dtype, input_name="X")
        _check_n_features(self, X, reset=False)
        return self._carried(X, self.particles_, self.start_, self._backwards)

    def _carried(self, X, before, after, carry):
        """Rows at the other end of the flow, where particles are known by name.

        The field of a particle without itself is not that of its neighbourhood, so
        that no sum over all particles gives its path.
        """
        place = {row.tobytes(): i for i, row in enumerate(before + 0.0)}  # no -0.0
        particle = np.array([place.get(row.tobytes(), -1) for row in X + 0.0])
        rows = after[particle]
        others = np.flatnonzero(particle < 0)
        if others.size:
            scaling = self._fitted.scaling
            z = carry(scaling.to_internal(X[others]))
            rows[others] = scaling.to_data(z)
        return rows

    def _forwards(self, z):
        return tracers.carry(z, self._tracer_field(len(z)), self._tracer_steps())

    def _backwards(self, z):
        return self._origin(z, stacklevel=5).rows  # who calls inverse_transform

    def _tracer_field(self, n):
        return self._fitted_field(n, len(self._fitted.particles), self.n_iter_)

    def _tracer_steps(self):
        steps = zip(self._fitted_steps(), self._fitted.trajectory, strict=True)
        return [tracers.Step(h, size, particles) for (h, size), particles in steps]

    def _warn_if_unfaithful(self):
        if not 1 / _UNFAITHFUL <= self.tracer_spread_ <= _UNFAITHFUL:
            warnings.warn(
                f"Tracers end {self.tracer_spread_:.2g} times as spread out as the "
                "particles, so that transformed rows are not distributed like the data "
                "(see tracer_spread_). Draw new rows by sample(), or fit with "
                "self_interaction='full', a larger bandwidth or more particles.",
                UserWarning,
                stacklevel=4,  # past set_output, who calls transform
            )

    def _origin(self, z, stacklevel):
        """Origins of tracers, and a warning where they are not what they should be."""
        origin = tracers.carry_back(z, self._tracer_field(len(z)), self._tracer_steps())
        lost = np.count_nonzero(~origin.is_found)
        folded = np.count_nonzero(origin.is_found & origin.is_folded)
        if lost or folded:
            warnings.warn(
                f"Of {len(z)} rows, {lost} have no origin that was found (the rows "
                f"given for them end nearby), and {folded} more than one: a step is "
                "too long to be one-to-one there. Fit with a smaller step_size, and "
                "more annealing steps in proportion.",
                ConvergenceWarning,
                stacklevel=stacklevel,
            )
        return origin

    def velocity(self, X: ArrayLike) -> Floats:
        """Final drifting field at given points.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points in data units.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Displacement per unit step, in data units, between the data and the
            fitted particles at ``bandwidth_``. All particles count, also with
            leave-one-out and at a particle's own place.
        """
        z = self._check_rows(X)
        particles = self._fitted.particles
        field = self._fitted_field(len(z), len(particles), 1)
        v = field.at(z, particles, self.bandwidth_)
        return (self._fitted.scaling.scale * v).astype(v.dtype, copy=False)

    def score_samples(
        self, X: ArrayLike, method: Literal["kde", "flow"] = "kde"
    ) -> Floats:
        """Log-density of the fitted model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points in data units.
        method : {"kde", "flow"}, default="kde"
            ``"kde"``: the kernel density of the particles, comparable with
            ``sklearn.neighbors.KernelDensity.score_samples``; the bandwidth is
            ``bandwidth_``, in every column a multiple of ``scale_``. ``"flow"``: the
            density of the rows of the start distribution that :meth:`transform` carried
            through the flow, by change of variables along :meth:`inverse_transform`;
            the start must be ``"local"`` or ``"gaussian"``.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-density with respect to the data units, of rows before discrete columns
            are rounded. With ``"flow"``, ``-inf`` where no origin was found.

        Raises
        ------
        ValueError
            If `method` is neither; if the kernel has no finite integral in this
            dimension; or if the start distribution has no density that is known.
        TypeError
            With ``"flow"``, if the field states no Jacobian.

        Warns
        -----
        ConvergenceWarning
            See :meth:`inverse_transform`. Where a row has several origins, the density
            is that of one of them, a lower bound.
        """
        if method not in ("kde", "flow"):
            raise ValueError(
                f"The 'method' must be 'kde' or 'flow'; got {method!r} instead."
            )
        z = self._check_rows(X)
        if method == "kde":
            return self._kernel_density(z)
        self._check_start_has_density()
        self._start_density(z[:1].astype(np.float64))  # it may be singular: say so soon
        origin = self._origin(z, stacklevel=3)
        return self._flow_density(origin).astype(z.dtype, copy=False)

    def _flow_density(self, origin):
        log_volume = np.log(self._fitted.scaling.scale).sum()
        log_p = self._start_density(origin.rows) - origin.log_det - log_volume
        log_p[~origin.is_found] = -np.inf
        return log_p

    def _kernel_density(self, z):
        _, scaling, particles, *_ = self._fitted
        d = self.n_features_in_
        log_volume = d * np.log(self.bandwidth_) + np.log(scaling.scale).sum()
        log_constant = float(self.kernel_.log_normalizer(d) - log_volume)
        profiles = displacement(self.kernel_)
        work = Work(len(z), len(particles), d, 1, profiles, z.dtype)
        density = (
            get_engine(self.engine, work)
            .bind(particles)
            .reduce(z, profiles, self.bandwidth_)
        )
        return density.log_z + log_constant

    def score(self, X: ArrayLike, y: object = None) -> float:
        """Minus the residual velocity of held-out rows towards the fitted particles.

        The root-mean-square velocity of the rows of `X` in the field that takes the
        fitted particles for the data: the rows would hardly move if the particles
        were distributed like them. It counts over that towards the training rows, at
        the worst of four bandwidths, and in bandwidths, at the largest. The first
        tells candidates apart, the second rows of another law.

        Field, bandwidths and units are a reference common to all candidates of a
        search: the gradient of Laplace densities, leave-one-out, at 1, 2, 4 and 8
        conservative rates of the training data, on standardised columns. Its pull is
        bounded and its spectrum falls slowly, so that outliers count little and the
        widest bandwidths still see fine structure.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Held-out rows in data units; with fewer than a hundred, noise decides.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        float
            Dimensionless, at most 0; greater is better. At about -1 the particles are
            as far from the held-out rows as the training rows are, which copies reach
            as well: look at ``memorization_auc_`` beside it.
        """
        z = self._check_rows(X)
        table, scaling = self._fitted.table, self._fitted.scaling
        particles = _as_drawn(self._fitted.particles, scaling, self._fitted.discrete)
        return residual_score(z, particles, table, self.engine)

    def _check_start_has_density(self):
        start = self._fitted.start
        if isinstance(start, str):
            return
        kind = "callable" if callable(start) else "array"
        raise ValueError(
            f"The density of the flow needs that of its start, and the 'start' {kind} "
            "gives draws only; fit with start='gaussian' or start='local', or take "
            "method='kde'."
        )

    def _start_density(self, z):
        """Log-density of the start, in internal units."""
        table = self._fitted.table
        try:
            if _is_local(self._fitted.start):
                return local_gaussian_log_density(
                    z, table.rows, table.weight, self.start_noise_
                )
            return matched_gaussian_log_density(z, table.rows, table.weight)
        except SingularLawError as error:
            raise ValueError(self._why_singular(error)) from None

    def _why_singular(self, error):
        if _is_local(self._fitted.start):
            return (
                "The density of the flow needs that of its start, which has none: the "
                f"covariances of {error} neighbourhoods of 40 rows are singular, "
                "because of discrete columns or more than about 30 columns. Fit with "
                "start='gaussian', or take method='kde'."
            )
        return (
            "The density of the flow needs that of its start, which has none: the "
            "covariance of the data is singular. Leave out columns that are constant "
            "or linear combinations of others, or take method='kde'."
        )

    def _check_rows(self, X):
        X = self._check_data_rows(X)
        return self._fitted.scaling.to_internal(X)

    def _check_data_rows(self, X):
        check_is_fitted(self)
        dtype = self._fitted.table.rows.dtype
        return validate_data(self, X, dtype=dtype, reset=False)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_fitted")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def bandwidth_constraint(*rules):
    """What a bandwidth may be: a rule of every field, one of its own, or a number."""
    names = StrOptions({"rate", "scott", "silverman", *rules})
    return [names, Interval(Real, 0, np.inf, closed="neither")]


class KernelDrifter(BaseDrifter):
    """Base of the drifters of one field for every kernel."""

    _parameter_constraints = {
        **BaseDrifter._parameter_constraints,
        "kernel": [StrOptions(set(KERNEL_NAMES)), Kernel],
        "bandwidth": bandwidth_constraint(),
        "step_size": [
            StrOptions({"lipschitz"}),
            Interval(Real, 0, np.inf, closed="neither"),
        ],
        "self_interaction": [StrOptions({"full", "leave-one-out"})],
    }

    @abstractmethod
    def __init__(
        self,
        *,
        kernel: KernelName | Kernel,
        bandwidth: BandwidthRule | Literal["balance", "occupancy"] | float,
        self_interaction: SelfInteraction,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.self_interaction = self_interaction

    @abstractmethod
    def _profiles(self, kernel):
        """Normaliser and pull of the field."""

    @abstractmethod
    def _rate(self, n, d):
        """Bandwidth at which the theory of the field converges fastest."""

    def _density_kernel(self):
        return clone(get_kernel(self.kernel))

    def _field(self, kernel):
        leave_one_out = self.self_interaction == "leave-one-out"
        return DriftField(self._profiles(kernel), leave_one_out)

    def _final_bandwidth(self, table, start):
        if not isinstance(self.bandwidth, str):
            return float(self.bandwidth)
        return self._bandwidth_rules(table, start)[self.bandwidth]()

    def _bandwidth_rules(self, table, start):
        """Bandwidth by the name of its rule, to be called."""
        laws = {"rate": self._rate, "scott": scott, "silverman": silverman}
        return {name: partial(table.bandwidth, law) for name, law in laws.items()}

    def _step_rule(self, table, field, kernel):
        if self.step_size == "lipschitz":
            return LipschitzStep(table, field, kernel)
        return self.step_size
