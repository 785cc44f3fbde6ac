"""The content of a report: quantities of a fitted drifter, judged by the theory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data._numbers import check_numbers
from .._drifters._kernel_drifters import KernelDrifter
from .._theory.checks import check_c2
from .._theory.density import effective_size
from .._theory.ensemble import Ensemble, Places
from .._theory.jacobian import admissible_step, curl, lipschitz_constant
from .._theory.occupancy import local_occupancy
from .._theory.rates import quadrature_error
from .._theory.scales import mismatch_estimate
from .._theory.stein import check_stein, fisher_estimate, stein_terms
from .._theory.velocity import one_step_bound
from ..flow import root_mean_square
from ._report import Diagnosis, Quantity

if TYPE_CHECKING:
    from .._typing import ArrayLike

# Largest number of particles at which Jacobians are evaluated, size of that work, and
# smallest number of particles; numbers of draws of the Monte Carlo estimates.
_PROBES = 1000
_PROBE_NUMBERS = 2e9
_MIN_PROBES = 16
_PAIRS = 250  # of draws, each evaluated at three points
_DRAWS = 2000
# Rules of thumb where the theory has an unknown constant: share of a particle in its
# own density, ratio of the squared velocities between and at the particles, and
# number of sources that nearly every particle should see.
_LARGEST_OWN_SHARE = 0.1
_LARGEST_FISHER_RATIO = 4.0
_LEAST_SOURCES = 2.0
_LOW_QUANTILE = 0.05
# Antisymmetric part of a Jacobian, relative to the Jacobian, that rounding explains.
_NO_CURL = 1e-6
# Probability with which independent particles have the wanted number of neighbours.
_CONFIDENCE = 0.95

_RESUME = (
    "If the residual velocity in history_ still falls, increase max_iter; otherwise "
    "reduce step_size or use more particles."
)
# Advice for particles that still move, by the reason why the flow ended.
_REST = {
    "tol": _RESUME,
    "max_iter": _RESUME,
    "memorization": "The flow was ended before it copied the data; with a larger "
    "bandwidth the particles may come closer to rest.",
    "divergence": "The particles ran away: use a larger bandwidth, more particles or "
    "a smaller step_size.",
}
_WIDER = "Use a larger bandwidth or more particles."


class _Case:
    """Data from which the quantities of a report are computed, in internal units."""

    def __init__(self, ensemble, step_size, tol, stopped_by):
        self.ensemble, self.h = ensemble, ensemble.h
        self.step_size, self.tol, self.stopped_by = step_size, tol, stopped_by
        self.probes = ensemble.particles(_probes(ensemble))
        terms = ensemble.terms(ensemble.particles())
        self.root_residual = root_mean_square(terms.velocity)
        self._log_z_model = terms.model.log_z

    @cached_property
    def own_share(self):
        """Mean share of a particle in the model density at its position."""
        kernel, n = self.ensemble.kernel, len(self.ensemble.x)
        log_own = float(kernel.log_profile(np.zeros(1))[0]) - np.log(n)
        return float(np.exp(log_own - self._log_z_model).mean())

    @cached_property
    def counts(self):
        return local_occupancy(self.ensemble.x, self.h, radius=self.radius)

    @property
    def radius(self):
        """Approximate length of kernel noise, in bandwidths."""
        return np.sqrt(self.ensemble.x.shape[1])

    @cached_property
    def moments(self):
        self.ensemble.check_differentiable()
        return self.ensemble.moments(self.probes)

    @cached_property
    def jacobian(self):
        return self.moments.jacobian

    @cached_property
    def mismatch(self):
        return mismatch_estimate(self.ensemble, _DRAWS, 0)

    def check_full(self, quantity):
        """Raise if particles leave themselves out, so that there is no quantity."""
        if self.ensemble.leave_one_out:
            raise ValueError(
                f"Every particle leaves itself out of the model, so there is no "
                f"{quantity}."
            )


def diagnose(drifter: KernelDrifter, X: ArrayLike | None = None) -> Diagnosis:
    """Report how far a fitted drifter is from the guarantees of the theory, and why.

    The quantities belong to the final particles at the bandwidth at the end of the
    flow, ``history_["bandwidth"][-1]``; if the flow was ended before it copied the
    data, this may be larger than ``bandwidth_``. Units are internal: lengths are in
    standard deviations of the columns (``scale_``), and most are given in bandwidths.
    Sums run over all particles. Jacobians are evaluated at no more than 1,000
    particles, fewer in many columns, and integrals are estimated by 2,000 draws, which
    are always the same.

    Parameters
    ----------
    drifter : ConservativeDrifter, SharpDrifter or LaplaceDrifter
        Fitted drifter.
    X : array-like of shape (n_samples, n_features), default=None
        Data to compare the particles with, in data units, such as held-out rows; None
        for the data of the fit.

    Returns
    -------
    Diagnosis
        For each quantity its meaning, value, threshold, verdict and advice, shown by
        ``print``. A quantity whose assumptions fail is listed with the reason.

    Raises
    ------
    TypeError
        If `drifter` is of another class.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If X is not valid.

    References
    ----------
    Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
    Non-Conservative Drifting Models*, arXiv:2605.22795.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.diagnostics import diagnose
    >>> drifter = ConservativeDrifter(random_state=0).fit(load_wine().data[:, :2])
    >>> report = diagnose(drifter)
    >>> report["curl"].state
    'ok'
    """
    if not isinstance(drifter, KernelDrifter):
        raise TypeError(
            "The 'drifter' must be a ConservativeDrifter, SharpDrifter or "
            f"LaplaceDrifter; got {drifter!r}."
        )
    check_is_fitted(drifter)
    case = _case(drifter, X)
    title = _title(type(drifter).__name__, case.ensemble)
    field = case.ensemble.field
    entries = [entry for entry in _ENTRIES if entry.field in (None, field)]
    return Diagnosis(title, [entry.judge(case) for entry in entries])


def _case(drifter, X):
    """Case of a fitted drifter: the only place that reads its attributes."""
    flow, field = drifter.flow_, drifter.flow_.field
    rows, weight = flow.rows.rows, flow.rows.weight
    if X is not None:
        check_numbers(X)
        X = validate_data(drifter, X, dtype=rows.dtype, reset=False)
        rows, weight = flow.scaling.within_reach(X), None
    kernel = drifter.kernel_
    is_displacement = field.profiles.pull == "value" and not kernel.is_own_slope
    ensemble = Ensemble(
        flow.particles,
        rows,
        drifter.history_["bandwidth"][-1],
        kernel,
        "displacement" if is_displacement else "conservative",
        field.leave_one_out,
        weight,
        drifter.engine_,
    )
    return _Case(ensemble, drifter.step_size_, drifter.tol, drifter.stopped_by_)


def _probes(ensemble):
    n, d = ensemble.x.shape
    affordable = int(_PROBE_NUMBERS / ((n + len(ensemble.y)) * d**2))
    size = min(n, _PROBES, max(_MIN_PROBES, affordable))
    return np.sort(check_random_state(0).permutation(n)[:size])


def _title(name, ensemble):
    own = "leave-one-out" if ensemble.leave_one_out else "full self-interaction"
    return (
        f"Diagnosis of {name}: {len(ensemble.x)} particles, {len(ensemble.y)} distinct "
        f"rows, {ensemble.x.shape[1]} columns, {ensemble.kernel!r}, {own}, bandwidth "
        f"h = {ensemble.h:.4g}"
    )


class _Finding(NamedTuple):
    """Value of a quantity and what it means for the fit."""

    value: float
    verdict: str
    error: float | None = None
    threshold: str = ""
    is_good: bool | None = None
    advice: str = ""


class _Entry(NamedTuple):
    """A quantity before it is computed."""

    name: str
    symbol: str
    meaning: str
    field: str | None
    compute: Callable[[_Case], _Finding]

    def judge(self, case):
        try:
            found = self.compute(case)
        except (ValueError, NotImplementedError) as error:
            found, state = _Finding(None, str(error)), "not defined"
        else:
            state = {True: "ok", False: "watch", None: "note"}[found.is_good]
        return Quantity(
            self.name,
            self.symbol,
            found.value,
            found.error,
            found.threshold,
            state,
            self.meaning,
            found.verdict,
            "" if found.is_good else found.advice,
        )


# In the order of the report.
_ENTRIES: list[_Entry] = []


def _quantity(name, symbol, meaning, field=None):
    """Register the decorated function as a quantity of both fields, or of one."""

    def register(compute):
        _ENTRIES.append(_Entry(name, symbol, meaning, field, compute))
        return compute

    return register


@_quantity(
    "residual velocity",
    "sqrt(R_N) / h",
    "Root mean square velocity of the particles, in bandwidths per step.",
)
def _residual(case):
    value = case.root_residual / case.h
    is_good = bool(value <= case.tol)
    bound = one_step_bound(case.root_residual**2, case.step_size)
    rest = "The particles are at rest" if is_good else "The particles still move"
    return _Finding(
        value,
        f"{rest}: one more step moves their distribution by at most {bound:.3g} in the "
        "2-Wasserstein distance, in units of scale_.",
        threshold=f"at most {case.tol:.3g} (tol)",
        is_good=is_good,
        advice=_REST[case.stopped_by],
    )


@_quantity(
    "Fisher discrepancy",
    "h sqrt(F_N)",
    "Root mean square velocity over the model density, not only at the particles, in "
    "bandwidths per step.",
    field="conservative",
)
def _fisher(case):
    estimate = fisher_estimate(case.ensemble, _DRAWS, 0)
    value, error = _root(estimate, case.h)
    at_rest = max(case.root_residual / case.h, case.tol)
    limit = np.sqrt(_LARGEST_FISHER_RATIO) * at_rest
    is_good = bool(value <= limit)
    return _Finding(
        value,
        "The two smoothed densities agree as well between the particles as at the "
        "particles."
        if is_good
        else "The two smoothed densities differ more between the particles than at the "
        "particles: there are too few particles to represent their density.",
        error,
        f"at most {limit:.3g} (twice the residual velocity or tol; rule of thumb)",
        is_good,
        _WIDER,
    )


def _root(estimate, factor):
    """Root of a mean square, times a factor, and its error."""
    root = np.sqrt(estimate.value)
    error = 0.0 if root == 0 else estimate.error / (2 * root)
    return float(factor * root), float(factor * error)


@_quantity(
    "Fisher discrepancy",
    "h sqrt(F#_N)",
    "Root mean square difference of the scores smoothed by the sharp companion.",
    field="displacement",
)
def _sharp_fisher(case):
    value, error = _root(fisher_estimate(case.ensemble.sharp(), _DRAWS, 0), case.h)
    return _Finding(
        value,
        "The scores of data and model, smoothed by the sharp companion, differ by "
        f"{value:.3g} per bandwidth.",
        error,
    )


@_quantity(
    "quadrature error",
    "h^2 (|S_N - F_N| + |R_N - F_N|)",
    "Error of averaging over the particles instead of over the model density.",
    field="conservative",
)
def _quadrature(case):
    case.check_full("average of its own density to compare with")
    e = case.ensemble
    weight = None if e.log_weights is None else np.exp(e.log_weights)
    n = max(2, min(len(case.probes.rows), _PAIRS))
    options = {"kernel": e.kernel, "sample_weight": weight, "n_samples": n}
    found = quadrature_error(e.x, e.y, e.h, random_state=0, **options)
    error = np.hypot(found.stein.error, found.residual.error)
    return _Finding(
        found.total * case.h**2,
        "It is added to the bound of the residual velocity by the Stein drift. It "
        "falls as the densities become smooth on the scale of the kernel.",
        float(error * case.h**2),
    )


@_quantity(
    "Stein drift",
    "h^2 S_N",
    "Rate at which the flow lowers the joint entropy per particle.",
)
def _stein(case):
    e = case.ensemble
    check_stein(e)
    terms = stein_terms(e, case.probes.rows, case.moments)
    if e.field == "conservative":
        terms = terms * case.h**2
    error = None
    if len(terms) < len(e.x):
        error = float(terms.std(ddof=1) / np.sqrt(len(terms)))
    value = float(terms.mean())
    if e.leave_one_out:
        verdict = (
            "Positive: the flow lowers the joint entropy."
            if value > 0
            else "Not positive: the flow does not lower the joint entropy any more."
        )
        return _Finding(value, verdict, error)
    level = _self_interaction(case)
    return _Finding(
        value,
        "It has fallen to the self-interaction: of the two terms of its bound, only "
        "the second is left."
        if value <= level
        else "It is above the self-interaction: the flow still lowers the joint "
        "entropy, and more steps help.",
        error,
        f"down to h^2 I_N = {level:.3g}",
    )


def _self_interaction(case):
    """``h^2 I_N``, in which the normaliser of the kernel cancels."""
    e = case.ensemble
    check_c2(e.kernel, "The self-interaction term")
    ratio = e.kernel.slope_at_zero() / float(e.kernel.profile(0.0))
    return float(e.x.shape[1] * ratio * case.own_share)


@_quantity(
    "self-interaction",
    "h^2 I_N",
    "Rate at which the particles' own terms raise the joint entropy.",
    field="conservative",
)
def _self(case):
    case.check_full("self-interaction term (arXiv:2605.22795, eq. 56)")
    return _Finding(
        _self_interaction(case),
        "The Stein drift cannot be certified below this value, which falls with more "
        "particles and with a larger bandwidth.",
    )


@_quantity(
    "own share",
    "K_h(0) / N mean(1 / q_h)",
    "Mean share of a particle in the model density at its position, the reciprocal "
    "density without its unit.",
)
def _own_share(case):
    case.check_full("own share in its density")
    value, kernel = case.own_share, case.ensemble.kernel
    fall = float(kernel.profile(0.0) / kernel.profile(case.radius))
    bound = min(1.0, fall * float(np.mean(1 / case.counts)))
    is_good = bool(value <= _LARGEST_OWN_SHARE)
    return _Finding(
        value,
        f"The counts of neighbours bound it by {bound:.3g}. "
        + (
            "Every density is an average over many particles."
            if is_good
            else "Much of the model density at a particle is its own kernel, so the "
            "particles are repelled too little."
        ),
        threshold=f"at most {_LARGEST_OWN_SHARE} (rule of thumb)",
        is_good=is_good,
        advice=_WIDER,
    )


@_quantity(
    "occupancy",
    "min count",
    "Smallest number of particles within sqrt(d) bandwidths of a particle, itself "
    "included.",
)
def _occupancy(case):
    n, counts = len(case.ensemble.x), case.counts
    # By Chernoff's bound, for balls of the least mass that reaches this confidence.
    wanted = 1 + 4 * np.log(n / (1 - _CONFIDENCE))
    least = int(counts.min())
    is_good = bool(least >= wanted)
    low = np.mean(counts < wanted)
    return _Finding(
        float(least),
        "Every particle has enough neighbours to keep its density from vanishing."
        if is_good
        else f"{low:.0%} of the particles have fewer, and the bounds of the theory do "
        "not hold for them.",
        threshold=f"at least {wanted:.3g} (Chernoff's bound for {n} independent "
        f"particles with probability {_CONFIDENCE})",
        is_good=is_good,
        advice=_WIDER,
    )


@_quantity(
    "data in sight",
    "5 % quantile of the effective sample size",
    "Effective number of data rows that attract a particle.",
)
def _data_size(case):
    e = case.ensemble
    sizes = effective_size(e.data, Places(case.probes.rows), e.kernel, e.h)
    return _size(
        sizes,
        "data rows",
        "Particles are attracted by single rows and may copy them. Use a larger "
        "bandwidth.",
    )


@_quantity(
    "particles in sight",
    "5 % quantile of the effective sample size",
    "Effective number of particles that repel a particle.",
)
def _model_size(case):
    e = case.ensemble
    sizes = effective_size(e.model, case.probes, e.kernel, e.h)
    return _size(sizes, "particles", _WIDER)


def _size(sizes, of_what, advice):
    low, median = np.quantile(sizes, (_LOW_QUANTILE, 0.5))
    return _Finding(
        float(low),
        f"For half of the particles it is {median:.3g} {of_what} or more.",
        threshold=f"at least {_LEAST_SOURCES:g} (rule of thumb)",
        is_good=bool(low >= _LEAST_SOURCES),
        advice=advice,
    )


@_quantity(
    "Lipschitz constant",
    "max |grad V|",
    "Largest stretch of the field around the particles per unit step.",
)
def _lipschitz(case):
    value = lipschitz_constant(case.jacobian)
    admissible = admissible_step(value)
    is_good = bool(case.step_size <= admissible)
    return _Finding(
        value,
        f"Steps up to {admissible:.3g} are one-to-one around the particles"
        + ("." if is_good else f", but step_size is {case.step_size:.3g}."),
        threshold=f"at most 1 / step_size = {1 / case.step_size:.3g}",
        is_good=is_good,
        advice="Set step_size to a smaller number (the rule 'lipschitz' evaluates "
        "fewer particles), and increase annealing and max_iter in proportion.",
    )


@_quantity(
    "curl",
    "|J - J^T| / (2 |J|)",
    "Antisymmetric part of the Jacobian, relative to the Jacobian.",
)
def _curl(case):
    norms = np.linalg.norm(case.jacobian, axis=(1, 2))
    # Half of the curl squared is the antisymmetric part's share of the Jacobian's.
    turning = root_mean_square(curl(case.jacobian)[:, None]) / np.sqrt(2)
    value = float(turning / max(root_mean_square(norms[:, None]), np.finfo(float).tiny))
    is_good = value <= _NO_CURL
    return _Finding(
        value,
        "The field is a gradient."
        if is_good
        else "The field is not a gradient: the particles circulate, and the flow does "
        "not descend a density ratio.",
        threshold="0",
        is_good=is_good,
        advice="Use SharpDrifter, whose field is a gradient.",
    )


@_quantity(
    "scale mismatch",
    "Gamma / h",
    "Part of the displacement field that is not a mismatch of scores, in bandwidths "
    "per step.",
    field="displacement",
)
def _mismatch(case):
    estimate, _ = case.mismatch
    value, error = _root(estimate, 1 / case.h)
    residual = case.root_residual / case.h
    return _Finding(
        value,
        "The theory does not guarantee a residual velocity below this value; it is "
        f"{residual:.3g}.",
        error,
        "0",
        bool(value <= max(residual, case.tol)),
        "More particles do not remove it. Use SharpDrifter, whose field has no scale "
        "mismatch.",
    )


@_quantity(
    "preconditioner",
    "a_max / a_min",
    "Range of the local scale that multiplies the score mismatch.",
    field="displacement",
)
def _preconditioner(case):
    _, parts = case.mismatch
    least, most = parts.bounds
    return _Finding(
        most / least,
        f"a_q is between {least / case.h**2:.3g} and {most / case.h**2:.3g} h^2 at the "
        "particles: mismatched scores are followed at speeds that differ by this "
        "factor.",
    )
