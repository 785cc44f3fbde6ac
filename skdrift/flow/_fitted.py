"""The fitted flow as an object, apart from the estimator that made it."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._data._margins import Draws
from .._data._mixture import LocalMixture
from .._data._neighbors import even_choice
from .._data._rows import Scaling, WeightedRows
from .._estimator import warn_user
from .._starts import Start
from ..engines import Engine, Work
from ..engines._choice import engine_of_fit
from ..fields import displacement
from ..kernels import Kernel
from . import _map
from ._batches import Batches
from ._loop import follow
from ._map import Origin, Step
from ._score import residual_score
from ._stops import CALMER, runs_away

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._typing import EngineName, Floats
    from ..fields import BoundField


def work_of(field, rows, n_queries, n_sources, n_steps):
    """Work of so many evaluations of a field, for the choice of an engine."""
    n_steps = int(field.relative_cost * n_steps)
    d, dtype = rows.rows.shape[1], rows.rows.dtype
    return Work(n_queries, n_sources, d, n_steps, field.profiles, dtype)


def bind(field, rows, engine, n_samples, sources=None):
    """The field of rows, or of bound sources, that stand for so many samples."""
    if sources is not None:
        return field.bind(engine, sources, None, n_samples)
    return field.bind(engine, rows.rows, rows.log_weight, n_samples)


class FittedFlow(NamedTuple):
    """A flow from its start to particles that are distributed like the data.

    It holds all that a fitted drifter needs to answer, and no parameter of it. Methods
    receive and return rows in data units; attributes are in internal units, in which
    lengths count standard deviations of the columns (``scaling.scale``).

    Attributes
    ----------
    rows : WeightedRows
        The data, or of many chunks a part that stands for them: distinct rows, their
        weights and counts.
    scaling : Scaling
        Between data units and internal units.
    draws : Draws
        From particles to rows that keep the laws of the columns.
    density : LocalMixture
        Of the draws, approximately.
    field : object
        Drifting field, not bound to data (see :mod:`skdrift.fields`).
    kernel : Kernel
        Kernel of the density estimates.
    start : Start
        Distribution that particles start from.
    noise : float
        Noise of the start.
    bandwidth : float
        Final bandwidth of the schedule.
    step_size : float
        Size of a step from the final ensemble.
    history : dict of ndarray of shape (n_iter + 1,)
        Bandwidth, residual velocity and step size of every evaluation of the field.
    trajectory : tuple of n_iter ndarrays of shape (n_particles, n_features)
        Particles before every step.
    particles : ndarray of shape (n_particles, n_features)
        Final ensemble.
    stopped_by : str
        What ended the flow.
    memorization_auc : float
        Memorisation AUC of the final ensemble.
    engine : str
        Name of the engine for further sums.
    fitted_by : str
        Name of the engine that the fit used.
    batches : Batches
        Rows that attract ensembles.
    attracting : WeightedRows
        Those that attracted the fitted ensemble, and attract tracers.
    """

    rows: WeightedRows
    scaling: Scaling
    draws: Draws
    density: LocalMixture
    field: Any
    kernel: Kernel
    start: Start
    noise: float
    bandwidth: float
    step_size: float
    history: dict
    trajectory: tuple
    particles: np.ndarray
    stopped_by: str
    memorization_auc: float
    engine: EngineName
    fitted_by: EngineName
    batches: Batches
    attracting: WeightedRows

    @property
    def n_iter(self) -> int:
        """Number of steps that were taken."""
        return len(self.trajectory)

    @property
    def steps(self) -> list[Step]:
        """Steps that were taken, first to last."""
        given = zip(self._sizes(), self.trajectory, strict=True)
        return [Step(h, size, particles) for (h, size), particles in given]

    def bound(self, n_queries: int, n_particles: int, n_steps: int = 1) -> BoundField:
        """Bind the field to the data, on the engine that suits the work.

        Parameters
        ----------
        n_queries, n_particles : int
            Number of points and of particles in one evaluation.
        n_steps : int, default=1
            Number of evaluations.

        Returns
        -------
        BoundField
            Answers in internal units.
        """
        return self._bound_to(self.rows, n_queries, n_particles, n_steps)

    def _bound_to(self, rows, n_queries, n_particles, n_steps):
        n_sources = n_particles + len(rows.rows)
        work = work_of(self.field, rows, n_queries, n_sources, n_steps)
        return bind(self.field, rows, self._engine_for(work), self.rows.n_samples)

    def _engine_for(self, work: Work) -> Engine:
        """Engine of further sums: with ``"auto"`` the one of the fit, if it suits."""
        return engine_of_fit(self.engine, self.fitted_by, work)

    def draw(
        self,
        n: int,
        random_state: np.random.RandomState,
        reports: Callable[[str], Any] | None = None,
    ) -> Floats:
        """Draw new rows by evolving fresh ensembles through the steps.

        Parameters
        ----------
        n : int
            Number of rows, at least 1.
        random_state : RandomState
            Source of the starts.
        reports : callable, default=None
            ``reports(what)``, the report of the steps of one ensemble, or None.

        Returns
        -------
        ndarray of shape (n, n_features)
            New rows in random order.

        Raises
        ------
        FloatingPointError
            If the velocity of a fresh ensemble is not finite.
        """
        n_ensembles = max(1, round(n / len(self.particles)))
        size = max(len(self.particles), -(-n // n_ensembles))
        ensembles = []
        fields = self._new_fields(n_ensembles, size, random_state)
        for i, field in enumerate(fields, 1):
            report = reports and reports(f" ensemble {i} of {n_ensembles},")
            ensembles.append(self._fresh_ensemble(field, size, random_state, report))
        rows = _finite(np.concatenate(ensembles), "drawn rows")
        places = self.scaling.to_internal(rows)
        return rows[even_choice(places, n, random_state)]

    def draw_given(
        self, X: Floats, random_state: np.random.RandomState
    ) -> tuple[Floats, Floats]:
        """Draw the unknown entries of rows given the known ones.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Rows in data units, NaN where unknown. A row without known entries is drawn
            as by :meth:`draw`.
        random_state : RandomState
            Source of the draws.

        Returns
        -------
        rows : ndarray of shape (n, n_features)
            Complete rows, with the known entries of `X`.
        is_far : ndarray of shape (n,), dtype bool
            Whether there are no data near what is known of a row.

        Raises
        ------
        ValueError
            If a known entry is impossible under the law of its column.
        """
        unknown = np.isnan(X).all(axis=1)
        rows, is_far = X.copy(), np.zeros(len(X), dtype=bool)
        if not unknown.all():
            given = self.density.conditionals.draw(X[~unknown], random_state)
            rows[~unknown], is_far[~unknown] = given
        if unknown.any():
            rows[unknown] = self.draw(int(unknown.sum()), random_state)
        return _finite(rows, "drawn rows"), is_far

    def _new_fields(self, n_ensembles, size, random_state):
        """The field of every new ensemble."""
        sizes = size, size, n_ensembles * self.n_iter
        if not self.batches.differ:
            yield from repeat(self.bound(*sizes), n_ensembles)
            return
        for _ in range(n_ensembles):
            yield self._bound_to(self.batches.draw(random_state), *sizes)

    def _fresh_ensemble(self, field, n, random_state, report):
        x = self.start.draw(n, random_state)(self.noise)
        hazards = {"divergence": runs_away(self.rows, x)}
        x, stopped_by, last = follow(
            x, field.advance, list(self._sizes()), hazards, report
        )
        if stopped_by:
            warn_user(
                f"A fresh ensemble ran away from the data after step {last} of "
                f"{self.n_iter}, where its flow was ended. {CALMER}",
                ConvergenceWarning,
            )
        return self.draws.rematched(x).draw(x)

    def _sizes(self):
        """Pairs (bandwidth, step size) of the steps."""
        h, size = self.history["bandwidth"], self.history["step_size"]
        return zip(h[:-1].tolist(), size[:-1].tolist(), strict=True)

    def positions(self) -> Floats:
        """Particles before every step, and at the end.

        Returns
        -------
        ndarray of shape (n_iter + 1, n_particles, n_features)
            In data units.
        """
        positions = (*self.trajectory, self.particles)
        return np.stack([self.scaling.to_data(x) for x in positions])

    def carry(self, X: Floats) -> Floats:
        """Carry rows through the flow as passive tracers.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows in data units. Starting positions of particles end exactly where the
            particles do.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows at the end of the flow.
        """
        before, after = self._ends()

        def forwards(z):
            return _map.carry(z, self.field_of_tracers(len(z)), self.steps)

        return self._matched(X, before, after, forwards)

    def carry_back(self, X: Floats) -> tuple[Floats, Origin | None]:
        """Find the rows that :meth:`carry` takes to given ones.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows in data units.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Where they come from.
        origin : Origin or None
            What is known of those that are not particles; None if all are.
        """
        before, after = self._ends()
        found = []

        def backwards(z):
            found.append(self.origin(z))
            return found[0].rows

        rows = self._matched(X, after, before, backwards)
        return rows, found[0] if found else None

    def origin(self, z: Floats) -> Origin:
        """Find where tracers come from.

        Parameters
        ----------
        z : ndarray of shape (n_tracers, n_features)
            Positions at the end of the flow, in internal units.

        Returns
        -------
        Origin
            Where each tracer started, and whether it did.

        Raises
        ------
        TypeError
            If the field states no Jacobian.
        """
        return _map.carry_back(z, self.field_of_tracers(len(z)), self.steps)

    def field_of_tracers(self, n: int) -> BoundField:
        """Bind the field of the fitted ensemble, for so many tracers.

        Parameters
        ----------
        n : int
            Number of tracers.

        Returns
        -------
        BoundField
            Answers in internal units.
        """
        sizes = n, len(self.particles), self.n_iter
        return self._bound_to(self.attracting, *sizes)

    def _ends(self):
        """First and last positions of the particles, in data units."""
        first = (*self.trajectory, self.particles)[0]
        return self.scaling.to_data(first), self.scaling.to_data(self.particles)

    def _matched(self, X, before, after, move):
        """Rows at the other end of the flow, where those of particles are known.

        The field of a particle without itself is not the field of its neighbourhood,
        so that no sum over all particles gives its path.
        """
        place = {row.tobytes(): i for i, row in enumerate(before + 0.0)}  # no -0.0
        particle = np.array([place.get(row.tobytes(), -1) for row in X + 0.0])
        rows = after[particle]
        others = np.flatnonzero(particle < 0)
        if others.size:
            z = move(self._within_reach(X)[others])
            with np.errstate(over="ignore"):
                rows[others] = self.scaling.to_data(z)
        return _finite(rows, "carried rows")

    def _within_reach(self, X):
        return self.scaling.within_reach(X, bandwidth=self.bandwidth)

    def velocity(self, X: Floats) -> Floats:
        """Final drifting field between the data and the particles.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Points in data units.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Displacement per unit step, in data units.
        """
        z = self._within_reach(X)
        field = self.bound(len(z), len(self.particles))
        v = field.at(z, self.particles, self.bandwidth)
        v = (v / self.scaling.slope(X)).astype(v.dtype, copy=False)
        return _finite(v, "velocity")

    def potential(self, X: Floats) -> Floats:
        """Scalar potential of the final field, if it is a gradient.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Points in data units.

        Returns
        -------
        ndarray of shape (n_samples,)
            See :meth:`skdrift.ConservativeDrifter.potential`.
        """
        z = self._within_reach(X)
        field: Any = self.bound(len(z), len(self.particles))
        log_ratio = field.log_ratio(z, self.particles, self.bandwidth)
        return _finite(self.bandwidth**2 * log_ratio, "potential")

    def log_density(self, X: Floats) -> Floats:
        """Log of the kernel density of the particles at the final bandwidth.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Points in data units.

        Returns
        -------
        ndarray of shape (n_samples,)
            With respect to the data units.

        Raises
        ------
        ValueError
            If the kernel has no finite integral in this dimension.
        """
        z = self._within_reach(X)
        d, profiles = z.shape[1], displacement(self.kernel)
        log_constant = self.kernel.log_normalizer(d) - d * np.log(self.bandwidth)
        log_constant = log_constant + self._log_slope(X)
        work = Work(len(z), len(self.particles), d, 1, profiles, z.dtype)
        sources = self._engine_for(work).bind(self.particles)
        log_p = sources.reduce(z, profiles, self.bandwidth).log_z + log_constant
        return _finite(log_p.astype(z.dtype, copy=False), "log-density")

    def log_density_of_map(self, X: Floats) -> tuple[Floats, Origin]:
        """Log-density that the flow carries from its start, by change of variables.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Points in data units.

        Returns
        -------
        log_density : ndarray of shape (n_samples,)
            With respect to the data units; ``-inf`` where no origin was found.
        origin : Origin
            Where the points come from.

        Raises
        ------
        ValueError
            If the start has no density, or none that is known.
        TypeError
            If the field states no Jacobian.
        """
        z = self._within_reach(X)
        # A start without a density is found out before the flow is reversed.
        self.start.log_density(z[:1].astype(np.float64), self.noise)
        origin = self.origin(z)
        log_p = self.start.log_density(origin.rows, self.noise)
        log_p = log_p - origin.log_det + self._log_slope(X)
        _finite(log_p[origin.is_found], "log-density")
        log_p[~origin.is_found] = -np.inf
        return log_p.astype(z.dtype, copy=False), origin

    def _log_slope(self, X):
        return np.log(self.scaling.slope(X)).sum(axis=-1)

    def score(self, X: Floats) -> float:
        """Minus the residual velocity of held-out rows towards the particles.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Held-out rows in data units.

        Returns
        -------
        float
            See :meth:`skdrift.ConservativeDrifter.score`.
        """
        z = self._within_reach(X)
        drawn = self.draws.internal(self.particles)
        score = residual_score(z, drawn, self.rows, self._engine_for)
        return float(_finite(np.array([score]), "score")[0])


def _finite(values, what):
    """The values, unless some are not finite."""
    lost = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if lost.any():
        raise FloatingPointError(
            f"Of {len(values)} results ({what}), {lost.sum()} are not finite. Drop "
            f"rows that are very far from the data. {CALMER}"
        )
    return values
