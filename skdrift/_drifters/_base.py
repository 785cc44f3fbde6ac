"""The family base of the drifters: parameters, validation, public verbs."""

from __future__ import annotations

import os
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.base import (
    BaseEstimator,
    DensityMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import (
    _check_n_features,
    check_is_fitted,
    validate_data,
)

from .._data._checks import columns_mask
from .._data._numbers import check_numbers
from .._estimator import (
    VersionedStateMixin,
    fit_context,
    forget,
    sampling_rng,
    warn_user,
)
from ..engines import ENGINE_NAMES
from ..flow._checkpoint import checkpoint_of
from ..flow._fit import FlowParameters, Recipe, TracerProbe, fit_flow
from ..flow._progress import CallbackSupportMixin, FitProgress, step_printer
from ..flow._stops import CALMER
from ._arrays import in_numpy, like_fit, like_rows
from ._data import further_data, given_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from .._typing import (
        Annealing,
        Columns,
        Data,
        EngineName,
        Floats,
        Path,
        Rows,
        Seed,
        Start,
        StepSize,
    )

# Beyond this factor of the spread of fresh tracers `transform` warns.
_UNFAITHFUL = 1.25


class BaseDrifter(
    OneToOneFeatureMixin,
    TransformerMixin,
    DensityMixin,
    CallbackSupportMixin,
    VersionedStateMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """Base of the drifters: everything but their recipe."""

    _parameter_constraints = {
        "n_particles": [Interval(Integral, 1, None, closed="left"), None],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
            None,
        ],
        "start": [StrOptions({"local", "gaussian"}), "array-like", callable],
        "standardize": ["boolean"],
        "columns": [StrOptions({"auto", "free", "discrete"}), dict, list, tuple],
        "annealing": [
            StrOptions({"auto"}),
            Interval(Integral, 0, None, closed="left"),
            "array-like",
        ],
        "step_size": [Interval(Real, 0, np.inf, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "engine": [StrOptions({"auto", *ENGINE_NAMES})],
        "random_state": ["random_state"],
        "checkpoint": [str, os.PathLike, None],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def __init__(
        self,
        *,
        n_particles: int | None,
        batch_size: int | Literal["auto"] | None,
        start: Start,
        standardize: bool,
        columns: Columns,
        annealing: Annealing,
        step_size: StepSize,
        max_iter: int,
        tol: float,
        early_stopping: bool,
        engine: EngineName,
        random_state: Seed,
        checkpoint: Path,
        verbose: int,
    ) -> None:
        self.n_particles = n_particles
        self.batch_size = batch_size
        self.start = start
        self.standardize = standardize
        self.columns = columns
        self.annealing = annealing
        self.step_size = step_size
        self.max_iter = max_iter
        self.tol = tol
        self.early_stopping = early_stopping
        self.engine = engine
        self.random_state = random_state
        self.checkpoint = checkpoint
        self.verbose = verbose

    @abstractmethod
    def recipe(self) -> Recipe:
        """What distinguishes this drifter from others.

        Returns
        -------
        Recipe
            Field, kernel of the densities, and rules of bandwidth and step size.
        """

    # -- fit ---------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Data, y: object = None, sample_weight: Data | None = None) -> Self:
        """Evolve an ensemble of particles until it is distributed like the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), iterable or Dask collection
            Data, at least two rows, in any units. Or an iterable of chunks of them,
            such as a generator of arrays or frames, or a Dask array or dataframe,
            whose rows stay where they are. Of these at most 200,000 rows are kept,
            chosen at random, with the exact moments of all; if there are no more, the
            result is that for an array (see :doc:`/method/large`). With scikit-learn's
            array-API dispatch, results for a tensor are tensors on its device (see
            :doc:`/method/sampling`).
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights; with an iterable as `X`, an iterable of the weights of
            each chunk, and with a Dask collection, one in the same blocks. If all are
            integers and the smallest but 0 is 1, they count: weight 2 is the row twice,
            weight 0 is no row. Otherwise only their ratios matter, and the data are as
            many samples as there are rows. A warning tells if the integers are all
            above 1, which would repeat every row, or count more than ten repetitions on
            average.

        Returns
        -------
        self : object
            The fitted drifter.

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, such as strings, dates, masked
            entries of a masked array, or a tensor that requires a gradient, the engine
            asked for is not available, or the checkpoint is damaged or of another fit.
            The estimator is then not fitted. Errors in chunks name their index.
        TypeError
            If `X` is sparse, or a Dask collection that is no table.
        RuntimeError
            If the engine asked for is installed but does not work, or a cluster with
            the rows of `X` has no workers or loses them again and again.
        FloatingPointError
            If the velocity of the particles is not finite.
        """
        try:
            return self._fit_to(given_data, X, sample_weight)
        except BaseException:
            forget(self, "_tracers", "_summary")
            raise

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Add a chunk of rows to the data, and fit anew to all of them.

        The drifter keeps a summary of the rows: exact means, standard deviations and
        extremes of the columns, and up to 200,000 of the rows, chosen at random (see
        :doc:`/method/large`). With an integer `random_state`, calls with some chunks
        give what `fit` gives for an iterable of them. Each call evolves an ensemble,
        so for many chunks `fit` is much faster.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Further rows, with the columns of those before. At the first call, at least
            two rows.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, as in :meth:`fit`, where all chunks are read together.

        Returns
        -------
        self : object
            The fitted drifter.

        Raises
        ------
        TypeError, ValueError
            If the input or a parameter is invalid. An earlier fit is left as it was.
        RuntimeError
            If the engine asked for is installed but does not work.
        FloatingPointError
            If the velocity of the particles is not finite.

        Warns
        -----
        UserWarning
            If the drifter was fitted to an array, of which it has no summary. It is
            then fitted to the given rows alone.
        """
        before = self.__dict__.copy()
        try:
            return self._fit_to(further_data, X, sample_weight)
        except BaseException:
            self.__dict__ = before
            raise

    def _fit_to(self, read, X, sample_weight):
        """Fit to the data that ``read(self, X, sample_weight)`` gives."""
        with (
            in_numpy(X=X, sample_weight=sample_weight) as (library, *given),
            checkpoint_of(self) as checkpoint,
        ):
            return self._fitted(read(self, *given), checkpoint, library)

    def _fitted(self, data, checkpoint, library):
        parameters = FlowParameters(*(getattr(self, p) for p in FlowParameters._fields))
        flow, field = fit_flow(
            data.X,
            data.sample_weight,
            self.recipe(),
            parameters,
            checkpoint.random_state,
            FitProgress(self, self._init_callback_context, checkpoint),
            getattr(self, "feature_names_in_", None),
            data.whole,
            data.elsewhere,
        )
        positions = flow.scaling.to_data
        self.engine_ = field.engine.name
        self.kernel_ = flow.kernel
        self.bandwidth_ = flow.bandwidth
        self.step_size_ = flow.step_size
        self.scale_ = library.put(flow.scaling.scale)
        self.columns_ = flow.draws.laws
        self.start_ = library.put(positions((*flow.trajectory, flow.particles)[0]))
        self.particles_ = library.put(positions(flow.particles))
        self.history_ = flow.history
        self.n_iter_ = flow.n_iter
        self.residual_velocity_ = float(flow.history["residual_velocity"][-1])
        self.stopped_by_ = flow.stopped_by
        self.start_noise_ = flow.noise
        self.memorization_auc_ = flow.memorization_auc
        seed = checkpoint.random_state.randint(np.iinfo(np.int32).max)
        self._tracers = TracerProbe(seed)
        self._summary = data.summary
        self.flow_ = flow
        self._warn_if_not_converged()
        return self

    def _warn_if_not_converged(self):
        if self.stopped_by_ == "max_iter":
            warn_user(
                f"The particles still drift after max_iter={self.max_iter} steps: the "
                "residual velocity is "
                f"{self.residual_velocity_ / self.bandwidth_:.2g} bandwidths per step, "
                f"above tol={self.tol}. If it still falls (see history_), raise "
                "max_iter; if not, reduce step_size or use more particles.",
                ConvergenceWarning,
            )
        elif self.stopped_by_ == "divergence":
            warn_user(
                f"The particles ran away from the data after step {self.n_iter_}, "
                f"where the flow was ended. {CALMER}",
                ConvergenceWarning,
            )

    def _flow(self):
        """The fitted flow, with the engine that the parameter names now."""
        check_is_fitted(self)
        return self.flow_._replace(engine=self.engine)

    @property
    def tracer_spread_(self) -> float:
        """How spread out fresh tracers end; see the attributes of the class."""
        flow = self._flow()
        return self._tracers.spread(flow)

    # -- verbs of a fitted drifter -------------------------------------------------

    @like_fit
    def sample(self, n_samples: int = 1, random_state: Seed = None) -> Rows:
        """Draw new rows by evolving fresh ensembles through the fitted schedule.

        The rows are not the fitted particles, and their order carries no
        information: they are exchangeable. Whole ensembles, of the size of
        ``particles_`` to one and a half times that, are evolved even for a few rows,
        so that their distribution hardly depends on `n_samples`; draw many rows at
        once rather than a few many times. The returned rows are spread evenly over the
        ensemble, so that means and shares of regions vary less than with independent
        draws.

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
            frame that `set_output` asked for. With array-API dispatch, an array of the
            library and on the device of the rows that were fitted.

        Raises
        ------
        TypeError, ValueError
            If `n_samples` is not a positive integer.
        FloatingPointError
            If the velocity of a fresh ensemble is not finite.
        """
        flow = self._flow()
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        random_state = sampling_rng(random_state, self.random_state)
        rows = flow.draw(n_samples, random_state, lambda what: step_printer(self, what))
        return _wrap_data_with_container("transform", rows, rows, self)

    @like_rows
    def sample_conditional(self, X: ArrayLike, random_state: Seed = None) -> Rows:
        """Draw the unknown entries of rows given the known ones.

        The distribution is that of ``score_samples(X, given=...)``: the mixture of
        local Gaussians, whose conditional distributions are known in closed form, with
        the laws of columns. A row without known entries is drawn as by :meth:`sample`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in data units with NaN where an entry is unknown, in any pattern.
            Repeat a row for several draws.
        random_state : int, RandomState instance or None, default=None
            As in :meth:`sample`.

        Returns
        -------
        array-like of shape (n_samples, n_features)
            Complete rows in the order of `X`, with its known entries: an ndarray, or
            the data frame that `set_output` asked for.

        Raises
        ------
        ValueError
            If a known entry is infinite, or impossible under the law of its column.
        FloatingPointError
            If a drawn entry is not finite.

        Warns
        -----
        UserWarning
            With the number of rows whose known entries are far from all data. They are
            drawn as if they were those of the nearest data row.

        Notes
        -----
        Draws do not interact. See :doc:`/method/conditional` for the ensemble with a
        velocity of the unknown entries only, which was measured and is less accurate.
        """
        flow = self._flow()
        check_numbers(X)
        X = validate_data(
            self,
            X,
            dtype=flow.rows.rows.dtype,
            reset=False,
            ensure_all_finite="allow-nan",
        )
        random_state = sampling_rng(random_state, self.random_state)
        rows, is_far = flow.draw_given(X, random_state)
        if is_far.any():
            warn_user(
                f"Of {len(X)} rows, {is_far.sum()} have known entries far from all "
                "data. They were drawn as if these were the known entries of the "
                "nearest data row.",
                UserWarning,
            )
        return _wrap_data_with_container("transform", rows, rows, self)

    @like_fit
    def trajectory(self) -> Floats:
        """Positions of the particles before every step, and at the end.

        Returns
        -------
        ndarray of shape (`n_iter_` + 1, n_particles, n_features)
            In data units, computed anew in every call: the first is ``start_``, the
            last ``particles_``.
        """
        return self._flow().positions()

    @like_rows
    def transform(self, X: ArrayLike) -> Rows:
        """Carry rows through the fitted flow as passive tracers.

        Every row moves in the field of the data and the fitted particles, step by
        step, without acting on them or on other rows. Rows of ``start_`` are particles
        themselves and end in ``particles_``. Other rows stand for further particles of
        the same distribution: they count in part in the normalisers of both densities,
        in their place. ``tracer_spread_`` measures how well they keep together; to draw
        new rows, use :meth:`sample`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows in data units.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows at the end of the flow.

        Raises
        ------
        ValueError
            If a row is so far from the data that squares of distances overflow.
        FloatingPointError
            If a result is not finite.

        Warns
        -----
        UserWarning
            If the spread of fresh tracers is off by more than a quarter.
        """
        X = self._checked_rows(X)
        if not 1 / _UNFAITHFUL <= self.tracer_spread_ <= _UNFAITHFUL:
            warn_user(
                f"Tracers end {self.tracer_spread_:.2g} times as spread out as the "
                "particles, so that transformed rows are not distributed like the data "
                "(see tracer_spread_). Draw new rows by sample(), or fit with "
                "self_interaction='full', a larger bandwidth or more particles.",
                UserWarning,
            )
        return self._flow().carry(X)

    @like_rows
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
        ValueError
            If a row is so far from the data that squares of distances overflow.
        FloatingPointError
            If a result is not finite.

        Warns
        -----
        ConvergenceWarning
            With the number of rows without an origin, or with several: a long step
            need not be one-to-one, and never is where the field jumps (the gradient of
            a kernel with a kink, ``ConservativeDrifter(kernel="laplace")``). It is no
            error, as rows do not interact: the others are right.
        """
        flow = self._flow()
        # Without names of columns: the result of transform may have none.
        check_numbers(X)
        X = check_array(X, dtype=flow.rows.rows.dtype, input_name="X")
        _check_n_features(self, X, reset=False)
        rows, origin = flow.carry_back(X)
        if origin is not None:
            _warn_of_origins(origin)
        return rows

    @like_rows
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

        Raises
        ------
        ValueError
            If a row is so far from the data that squares of distances overflow.
        FloatingPointError
            If a result is not finite.
        """
        X = self._checked_rows(X)
        return self._flow().velocity(X)

    @like_rows
    def score_samples(
        self,
        X: ArrayLike,
        method: Literal["mixture", "kde", "flow"] = "mixture",
        given: Sequence[int | str] | None = None,
    ) -> Floats:
        """Log-density of the fitted model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points in data units.
        method : {"mixture", "kde", "flow"}, default="mixture"
            ``"mixture"``: the density that is nearest to that of :meth:`sample`, a
            mixture of the Gaussians of neighbourhoods of the data, like the ``"local"``
            start, which keeps the laws of columns. Neighbours, shrinking and noise are
            those of the largest cross-validated likelihood; they are found at the first
            call, in up to a few seconds. ``"kde"``: the density of the theory, the
            kernel density of the particles; the bandwidth is ``bandwidth_``, in every
            column a multiple of ``scale_``. ``"flow"``: the density of the rows of the
            start distribution that :meth:`transform` carried through the flow, by
            change of variables along :meth:`inverse_transform`; the start must be
            ``"local"`` or ``"gaussian"``. Where its draws lie on a plane, as with more
            columns than rows in a neighbourhood, they count with noise in every column.
        given : sequence of int or str, default=None
            Columns, by position or name. The result is then the log-density of the
            others given these, which :meth:`sample_conditional` draws from; with
            ``"mixture"`` only.

        Returns
        -------
        ndarray of shape (n_samples,)
            Log-density with respect to the data units. With ``"mixture"``, an atom of a
            column has its probability, and the probability of a value of a discrete
            column is spread over the numbers nearest to it (so that of an integer is
            its probability). With the others, of rows before the laws of columns apply;
            with ``"flow"``, ``-inf`` where no origin was found.

        Raises
        ------
        ValueError
            If `method` is none of these; if `given` has another method or names a
            column that does not exist, or an entry in such a column is impossible under
            its law; with ``"kde"``, if the kernel has no finite integral in this
            dimension; with ``"kde"`` or ``"flow"``, if a row is so far from the
            data that squares of distances overflow; or with ``"flow"``, if the start
            distribution has no density that is known, or all rows of the data are
            equal.
        TypeError
            With ``"flow"``, if the field states no Jacobian.

        Warns
        -----
        ConvergenceWarning
            See :meth:`inverse_transform`. Where a row has several origins, the density
            is that of one of them, a lower bound.
        """
        if method not in ("mixture", "kde", "flow"):
            raise ValueError(
                "The 'method' must be 'mixture', 'kde' or 'flow'; got "
                f"{method!r} instead."
            )
        X = self._checked_rows(X)
        if given is not None:
            if method != "mixture":
                raise ValueError(
                    f"With 'given', the 'method' must be 'mixture'; got {method!r}."
                )
            names = getattr(self, "feature_names_in_", np.arange(X.shape[1]))
            mask = columns_mask(given, list(names))
            return self._flow().density.conditionals.log_density(X, mask)
        if method == "mixture":
            return self._flow().density.log_density(X)
        if method == "kde":
            return self._flow().log_density(X)
        log_density, origin = self._flow().log_density_of_map(X)
        _warn_of_origins(origin)
        return log_density

    @like_rows
    def score(self, X: ArrayLike, y: object = None) -> float:
        """Minus the residual velocity of held-out rows towards the fitted particles.

        This is the root mean square velocity of the rows of `X` in a field that uses
        the fitted particles as data: the rows would hardly move if the particles were
        distributed like them. Two numbers are added: the ratio to the velocity towards
        the training rows, at the worst of four bandwidths, and the velocity in
        bandwidths, at the largest. The first tells candidates apart, the second detects
        rows of another distribution.

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
            as far from the held-out rows as the training rows are. Copies reach about
            the same (-1.1 with 60 rows), so also look at ``memorization_auc_``.
        """
        X = self._checked_rows(X)
        return self._flow().score(X)

    def _checked_rows(self, X):
        """Rows like those of `fit`, in data units."""
        check_is_fitted(self)
        dtype = self.flow_.rows.rows.dtype
        check_numbers(X)
        return validate_data(self, X, dtype=dtype, reset=False)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "flow_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.array_api_support = True
        return tags


def _warn_of_origins(origin):
    """Warn where tracers have no origin, or several."""
    lost = np.count_nonzero(~origin.is_found)
    folded = np.count_nonzero(origin.is_found & origin.is_folded)
    if lost or folded:
        warn_user(
            f"Of {len(origin.rows)} rows, {lost} have no origin that was found (the "
            f"rows given for them end nearby), and {folded} more than one: a step is "
            "too long to be one-to-one there. Fit with a smaller step_size, and "
            "more annealing steps in proportion.",
            ConvergenceWarning,
        )
