"""Building a fitted flow: data, start, schedule, calibration, evolution."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .._data._mixture import LocalMixture
from .._data._neighbors import NearestRows
from .._data._rows import weighted_rows
from .._starts import LocalStart, make_start
from ..engines import get_engine
from ..engines._choice import reasons_not_chosen
from ._batches import Batches, most_near, size_of_batch
from ._calibration import FULL_FLOWS, MAX_FLOWS, calibrate, calibrate_by_part
from ._fitted import FittedFlow, bind, work_of
from ._loop import drift, step_at
from ._map import carry
from ._memorization import Memorization, probes
from ._schedules import schedule_of
from ._stops import Rest, root_mean_square, runs_away

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._data._rows import Scaling, WeightedRows, Whole
    from .._typing import Annealing, Columns, EngineName, Floats
    from .._typing import Start as StartParameter
    from ..engines import BoundSources
    from ..fields import BoundField
    from ..kernels import Kernel
    from ._progress import FitProgress

# Default number of particles: the number of samples, between these bounds. Leaving
# itself out starves the repulsion of few particles, and they spread in many columns or
# jump onto rows: on wine no noise of the start led to a good end with one each.
_MIN_PARTICLES = 64
_MAX_PARTICLES = 10_000
_PARTICLES_PER_SAMPLE = {False: 1, True: 2}  # by leave-one-out
# The noise of the start is calibrated with so many of the particles, if there are so
# many times more: with fewer to save, the flow of all at the end costs more than it
# spares.
_CALIBRATION_PARTICLES, _TIMES_CALIBRATION = 1000, 4
# Flows of a fit, until calibrated, and one for the draws, and steps of each of them
# after the annealing (the median of 140 fits).
_FLOWS_EXPECTED, _STEPS_EXPECTED = 3, 8
# Fresh tracers that show how faithful tracers are: their spread is then known within a
# few per cent.
_PROBE_TRACERS = 200


class Recipe(NamedTuple):
    """What distinguishes one drifter from another.

    Attributes
    ----------
    field : object
        Drifting field, not bound to data (see :mod:`skdrift.fields`).
    kernel : Kernel
        Kernel of the density estimates that the field compares.
    bandwidth : callable
        ``bandwidth(rows, ensemble)``, the final bandwidth in internal units, of the
        data (WeightedRows) and of a function that gives the ensemble that the flow
        starts from, by its noise.
    step_size : callable
        ``step_size(bound_field)``: a step size, or a function of particles and
        bandwidth that gives it.
    """

    field: Any
    kernel: Kernel
    bandwidth: Callable[[WeightedRows, Callable[[float], Floats]], float]
    step_size: Callable[[BoundField], float | Callable[[Floats, float], float]]


class FlowParameters(NamedTuple):
    """Parameters that all flows share, whatever their recipe; see the drifters."""

    n_particles: int | None
    batch_size: int | Literal["auto"] | None
    start: StartParameter
    standardize: bool
    columns: Columns
    annealing: Annealing
    max_iter: int
    tol: float
    early_stopping: bool
    engine: EngineName


def fit_flow(
    X: Floats,
    sample_weight: Floats,
    recipe: Recipe,
    parameters: FlowParameters,
    random_state: np.random.RandomState,
    progress: FitProgress,
    names: Sequence[str] | None = None,
    whole: Whole | None = None,
    elsewhere: Callable[[Scaling], BoundSources] | None = None,
) -> tuple[FittedFlow, BoundField]:
    """Evolve an ensemble until it is distributed like the data.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Data.
    sample_weight : ndarray of shape (n_samples,)
        Their weights.
    recipe : Recipe
        Field, kernel and rules.
    parameters : FlowParameters
        The rest.
    random_state : RandomState
        Source of the start; that of the checkpoint.
    progress : FitProgress
        Receives reports, and has the checkpoint.
    names : sequence of str, default=None
        Names of the columns.
    whole : Whole, default=None
        What is known of all rows, if `X` is a part that stands for them.
    elsewhere : callable, default=None
        ``elsewhere(scaling)``, sources of the sums over all rows, if they attract the
        ensemble of the fit.

    Returns
    -------
    flow : FittedFlow
        The fitted flow.
    field : BoundField
        Its field, bound to the data.
    """
    p = parameters
    rows, scaling, margins = weighted_rows(
        X, sample_weight, p.standardize, p.columns, names, whole
    )
    check_units(rows)
    progress.checkpoint.begin(rows, scaling)
    neighbors = NearestRows(rows.rows)
    start, memorization = _near(p.start, rows, scaling, neighbors, random_state)
    n = _n_particles(p.n_particles, start, rows, recipe.field.leave_one_out)
    is_guarded = p.early_stopping and memorization.is_defined
    batches = _batches(rows, neighbors, p.batch_size, n, is_guarded and start)
    batch = batches.draw(random_state)
    ensemble = start.ensemble(n, random_state)
    bandwidth = recipe.bandwidth(rows, ensemble)
    schedule = schedule_of(p.annealing, bandwidth, start, p.max_iter)

    n_annealing = Rest(schedule, p.tol).n_annealing
    attracting = batch, rows.n_samples, elsewhere and elsewhere(scaling)
    field = _bound_field(recipe.field, attracting, n, n_annealing, p.engine, progress)
    step_size = recipe.step_size(field)
    evolution = _Evolution(field, schedule, step_size, p.tol, rows, progress)

    def drawn(x):
        return margins.matched(x).internal(probes(x))

    copies = _Copies(memorization, drawn, is_guarded)
    noise, flow, auc = evolution.calibrated(start, ensemble, n, copies)
    last = flow.history["bandwidth"][-1]
    fitted = FittedFlow(
        rows=rows,
        scaling=scaling,
        draws=margins.matched(flow.particles),
        density=LocalMixture(rows, neighbors, scaling, margins.laws),
        field=recipe.field,
        kernel=recipe.kernel,
        start=start,
        noise=noise,
        bandwidth=bandwidth,
        step_size=step_at(step_size, flow.particles, last),
        history=flow.history,
        trajectory=flow.trajectory,
        particles=flow.particles,
        stopped_by=flow.stopped_by,
        memorization_auc=auc,
        engine=p.engine,
        fitted_by=field.engine.name,
        batches=batches,
        attracting=batch,
    )
    return fitted, field


def _bound_field(field, attracting, n, n_annealing, engine, progress):
    """The field of rows that stand for so many samples, on an engine."""
    rows, n_samples, sources = attracting
    # The draws after it count, as the engine of the fit serves them.
    n_steps = _FLOWS_EXPECTED * (n_annealing + _STEPS_EXPECTED)
    work = work_of(field, rows, n, n + len(rows.rows), n_steps)
    began_with = progress.checkpoint.engine_for(engine)
    bound = bind(field, rows, get_engine(began_with, work), n_samples, sources)
    name = bound.engine.name
    reasons = partial(reasons_not_chosen, engine, name, work)
    progress.engine_chosen(name, work, len(rows.rows), reasons)
    return bound


def _near(start, rows, scaling, neighbors, random_state):
    """What depends on neighbours: the start, and whether particles are copies."""
    size = most_near(*rows.rows.shape)
    near, rest = Batches(rows, neighbors, size).draw_and_rest(random_state)
    if rest is None:
        memorization = Memorization.within(rows, neighbors)
    else:  # a part of the rows are farther apart than new samples are from them
        neighbors = NearestRows(near.rows)
        memorization = Memorization.beside(rest, neighbors)
    return make_start(start, near, scaling, neighbors), memorization


def _batches(rows, neighbors, batch_size, n, start):
    """What ensembles of n particles see: displaced rows, if a local start is given."""
    displaces = isinstance(start, LocalStart) and batch_size is not None
    size = size_of_batch(batch_size, len(rows.rows), n)
    return Batches(rows, neighbors, size, start if displaces else None)


def check_units(rows):
    """Squares of distances must neither over- nor underflow."""
    limit = np.finfo(rows.rows.dtype).max ** 0.25
    if not 1 / limit < rows.mean_std < limit:
        raise ValueError(
            f"The columns of X have a standard deviation of {rows.mean_std:.2g}, "
            f"too far from 1 for standardize=False in {rows.rows.dtype}; change "
            "the units or use standardize=True."
        )


def _n_particles(n, start, rows, leave_one_out):
    """Size of the ensemble; None stands for the default."""
    if start.size is not None:
        if n is not None and n != start.size:
            raise ValueError(
                f"The 'start' parameter has {start.size} rows but 'n_particles' is "
                f"{n}; make them equal or leave n_particles=None."
            )
        n = start.size
    elif n is None:
        n = _PARTICLES_PER_SAMPLE[leave_one_out] * rows.n_samples
        n = int(np.clip(n, _MIN_PARTICLES, _MAX_PARTICLES))
    if leave_one_out and n < 2:
        raise ValueError(
            "The 'n_particles' must be at least 2, as every particle leaves itself "
            f"out; got {n}."
        )
    return n


class _Evolution:
    """Flows along one field that differ in their start."""

    def __init__(self, field, schedule, step_size, tol, rows, progress):
        self.field, self.schedule = field, schedule
        self.step_size, self.tol = step_size, tol
        self.rows, self.progress = rows, progress

    def calibrated(self, start, ensemble, n, copies):
        """Noise of the start, flow from there, its AUC; no copies if guarded."""
        calibrates = copies.are_guarded and start.calibrates
        if not calibrates:
            with self.progress.fit(1):
                flow = self._flow(ensemble(1.0), copies, None)
            return 1.0, flow, copies.auc(flow.particles)

        def evolve_from(noise, step=1):
            return self._flow(ensemble(noise)[::step], copies, noise)

        def auc(flow):
            return copies.auc(flow.particles)

        times = n // _CALIBRATION_PARTICLES
        if times < _TIMES_CALIBRATION:
            with self.progress.fit(MAX_FLOWS):
                return calibrate(evolve_from, auc)
        part = partial(evolve_from, step=times)
        with self.progress.fit(FULL_FLOWS * (MAX_FLOWS + 1)):
            return calibrate_by_part(part, evolve_from, auc)

    def _flow(self, x, copies, noise):
        hazards = {"divergence": runs_away(self.rows, x), **copies.hazards()}
        task = self.progress.flow(self.field, len(self.schedule), noise)
        with task as (advance, report):
            return drift(
                x, advance, self.schedule, self.step_size, self.tol, hazards, report
            )


class _Copies(NamedTuple):
    """Whether particles copy the data, and whether a flow is guarded against it."""

    memorization: Memorization
    drawn: Callable[[Floats], Floats]
    are_guarded: bool

    def auc(self, particles):
        return self.memorization.auc(self.drawn(particles))

    def hazards(self):
        if not self.are_guarded:
            return {}
        return {"memorization": self.memorization.guard(self.drawn)}


class TracerProbe:
    """Spread of fresh tracers at the end of a flow, found out when it is asked for.

    Parameters
    ----------
    seed : int
        Of the tracers.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._spread: float | None = None

    def spread(self, flow: FittedFlow) -> float:
        """Spread of the tracers over that of the particles.

        Parameters
        ----------
        flow : FittedFlow
            The same in every call.

        Returns
        -------
        float
        """
        if self._spread is None:
            self._spread = self._measured(flow)
        return self._spread

    def _measured(self, flow):
        n = min(_PROBE_TRACERS, len(flow.particles))
        z = flow.start.draw(n, np.random.RandomState(self._seed))(flow.noise)
        ends = carry(z, flow.field_of_tracers(n), flow.steps)
        spread, reference = (
            root_mean_square(x - x.mean(axis=0)) for x in (ends, flow.particles)
        )
        return spread / reference if reference > 0 else 1.0
