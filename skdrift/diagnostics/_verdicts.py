"""The content of a report: quantities of a fitted drifter, judged by the theory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import KDTree
from sklearn.utils import check_random_state

from .._theory.checks import check_c2, check_lipschitz, has_kink, is_c4
from .._theory.density import effective_size, own_errors, own_shares
from .._theory.ensemble import Places
from .._theory.interaction import InteractingJacobian
from .._theory.jacobian import admissible_step, curl, lipschitz_constant
from .._theory.occupancy import local_occupancy
from .._theory.rates import quadrature_error
from .._theory.scales import mismatch_estimate
from .._theory.stein import check_stein, fisher_estimate, stein_terms
from .._theory.velocity import one_step_bound
from ..flow import root_mean_square
from ._fitted import fitted_run, run_title
from ._report import Diagnosis, Quantity

if TYPE_CHECKING:
    from .._drifters._kernel_drifters import KernelDrifter
    from .._typing import ArrayLike

# Largest number of particles at which Jacobians are evaluated, size of that work, and
# smallest number of particles; numbers of draws of the Monte Carlo estimates.
_PROBES = 1000
_PROBE_NUMBERS = 2e9
_MIN_PROBES = 16
_PAIRS = 250  # of draws, each evaluated at three points
_DRAWS = 2000
# Close pairs whose interaction is evaluated, and the precision of its norm.
_CLOSE_PAIRS = 250
_NORM_RTOL = 1e-4
# A step is short if it is at most this share of one over the Lipschitz constant.
_SHORT = 0.1
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

    def __init__(self, ensemble, step_size, tol, stopped_by, history):
        self.ensemble, self.h = ensemble, ensemble.h
        self.step_size, self.tol, self.stopped_by = step_size, tol, stopped_by
        self.history = history
        self.index = _probes(ensemble)
        self.probes = ensemble.particles(self.index)
        self.terms = ensemble.terms(ensemble.particles())
        self.root_residual = root_mean_square(self.terms.velocity)

    @cached_property
    def own_share(self):
        """Mean share of a particle in the model density at its position."""
        return float(own_shares(self.ensemble, self.terms.model).mean())

    @cached_property
    def counts(self):
        return local_occupancy(self.ensemble.x, self.h, radius=self.radius)

    @property
    def radius(self):
        """Approximate length of kernel noise, in bandwidths."""
        return np.sqrt(self.ensemble.x.shape[1])

    @cached_property
    def _moments(self):
        return self.ensemble.moments(self.probes)

    @property
    def moments(self):
        self.ensemble.check_differentiable()
        return self._moments

    @cached_property
    def jacobian(self):
        return self.moments.jacobian

    @cached_property
    def interaction(self):
        """Norm of the Jacobian of the ensemble, over close pairs if there are many."""
        e = self.ensemble
        check_lipschitz(e.bound.profiles)
        # A particle's own term moves with it, so that a kink there does no harm.
        if len(self.index) == len(e.x):
            return InteractingJacobian(e, moments=self._moments).norm(_NORM_RTOL)
        norms = np.linalg.norm(self._moments.jacobian, axis=(1, 2))
        n = min(_CLOSE_PAIRS, len(self.index) // 2)
        first = self.index[np.argsort(norms)[-n:]]
        nearest = KDTree(e.x).query(e.x[first], k=2)[1][:, 1]
        pairs = np.union1d(first, nearest)
        return InteractingJacobian(e, pairs).norm(_NORM_RTOL)

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
    run = fitted_run(drifter, X)
    ensemble = run.ensemble(run.flow.particles, drifter.history_["bandwidth"][-1])
    rest = drifter.step_size_, drifter.tol, drifter.stopped_by_
    case = _Case(ensemble, *rest, drifter.history_)
    title = run_title("Diagnosis", drifter, ensemble)
    kind = case.ensemble.field, case.ensemble.leave_one_out
    entries = [entry for entry in _ENTRIES if entry.belongs_to(*kind)]
    return Diagnosis(title, [entry.judge(case) for entry in entries])


def _probes(ensemble):
    n, d = ensemble.x.shape
    affordable = int(_PROBE_NUMBERS / ((n + len(ensemble.y)) * d**2))
    size = min(n, _PROBES, max(_MIN_PROBES, affordable))
    return np.sort(check_random_state(0).permutation(n)[:size])


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
    leave_one_out: bool | None
    compute: Callable[[_Case], _Finding]

    def belongs_to(self, field, leave_one_out):
        own = leave_one_out if self.leave_one_out is None else self.leave_one_out
        return self.field in (None, field) and own == leave_one_out

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


def _quantity(name, symbol, meaning, field=None, leave_one_out=None):
    """Register the decorated function as a quantity of all fields, or of some."""

    def register(compute):
        kind = field, leave_one_out
        _ENTRIES.append(_Entry(name, symbol, meaning, *kind, compute))
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
        "falls as the densities become smooth on the scale of the kernel"
        + (
            "."
            if is_c4(e.kernel)
            else ", only in proportion to the bandwidth, as the kernel is not C^4 "
            "(Assumption 2.5 does not hold)."
        ),
        float(error * case.h**2),
    )


_STEIN = "Mean over the particles of s_p . V + div V, with all other particles fixed."


@_quantity("Stein drift", "h^2 S_N", _STEIN, field="conservative")
def _stein(case):
    value, error = _stein_drift(case)
    e, factor = case.ensemble, case.h**2
    verdict = (
        "Its mean over the time and the starts of a flow at this bandwidth is at most "
        + ("" if e.leave_one_out else "the mean of the self-interaction plus ")
        + "H_0 / (N T), the entropy of the start over the time; the last value is not "
        "bounded."
    )
    if has_kink(e.kernel) and e.x.shape[1] == 2:
        verdict = (
            "The kernel has a kink: in two columns the variance of this number over "
            "draws of the particles is infinite, and it says little. Use a smoother "
            "kernel."
        )
        return _Finding(factor * value, verdict)
    return _Finding(factor * value, verdict, error and factor * error)


@_quantity("Stein drift", "S_N", _STEIN, field="displacement")
def _stein_of_displacement(case):
    value, error = _stein_drift(case)
    verdict = (
        "Its mean over the time and the starts of a flow at this bandwidth is at most "
        "H#_0 / (N T), the entropy of the start relative to the data, smoothed by the "
        "sharp companion, over the time; the last value is not bounded."
    )
    return _Finding(value, verdict, error)


def _stein_drift(case):
    """Stein drift and its standard error, if it is evaluated at some particles."""
    check_stein(case.ensemble)
    terms = stein_terms(case.ensemble, case.probes.rows, case.moments)
    error = None
    if len(terms) < len(case.ensemble.x):
        error = float(terms.std(ddof=1) / np.sqrt(len(terms)))
    return float(terms.mean()), error


_RATE = (
    "Change of the joint entropy per particle and unit time at these positions, for "
    "infinitesimal steps; its expectation over the starts is exact."
)


@_quantity("entropy rate", "h^2 (I_N - S_N)", _RATE, "conservative", False)
def _full_rate(case):
    value, error = _stein_drift(case)
    value, factor = _self_interaction(case) - case.h**2 * value, case.h**2
    return _entropy_rate(value, error and factor * error)


@_quantity("entropy rate", "-h^2 S_N", _RATE, "conservative", True)
def _conservative_rate(case):
    value, error = _stein_drift(case)
    return _entropy_rate(-value * case.h**2, error and error * case.h**2)


@_quantity("entropy rate", "-S_N", _RATE, "displacement")
def _displacement_rate(case):
    value, error = _stein_drift(case)
    return _entropy_rate(-value, error)


def _entropy_rate(value, error):
    return _Finding(
        value,
        "Negative: the flow lowers the joint entropy."
        if value < 0
        else "Not negative: the flow no longer lowers the joint entropy. Particles at "
        "rest are more regular than independent draws, so this is common at the end.",
        error,
    )


def _self_interaction(case):
    """``h^2 I_N``, in which the normaliser of the kernel cancels."""
    e = case.ensemble
    check_c2(e.kernel, "The self-interaction term")
    ratio = e.kernel.slope_at_zero() / float(e.kernel.profile(np.float64(0.0)))
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
        "The bound of the mean Stein drift contains the mean of this value, which "
        "falls with more particles and with a larger bandwidth.",
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
        f"The counts of neighbours bound it by {bound:.3g} (Proposition 5.2). "
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
        "Every particle has as many neighbours as independent draws whose balls have "
        "enough mass."
        if is_good
        else f"{low:.0%} of the particles have fewer. The bound of the density by "
        "these counts (Proposition 5.2) holds for any count, and is weaker for smaller "
        "ones.",
        threshold=f"at least {wanted:.3g} (Proposition 5.5 for {n} independent "
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
    check_lipschitz(case.ensemble.bound.profiles)
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
    "interacting Lipschitz constant",
    "|DF|",
    "Largest stretch of the map of the whole ensemble, in which every particle moves "
    "the others, per unit step.",
)
def _interacting(case):
    value = case.interaction
    admissible = admissible_step(value)
    is_good = bool(case.step_size <= admissible)
    all_of_them = len(case.index) == len(case.ensemble.x)
    return _Finding(
        value,
        ("It is" if all_of_them else "Over close pairs, a lower bound, it is")
        + " the constant of the Euler bound (appendix A): steps that are short against "
        f"{admissible:.3g} follow the flow in continuous time"
        + ("." if is_good else f"; step_size is {case.step_size:.3g}."),
        threshold=f"at most 1 / step_size = {1 / case.step_size:.3g}",
        is_good=is_good,
        advice="Set step_size to a smaller number, and increase annealing and "
        "max_iter in proportion.",
    )


@_quantity(
    "leave-one-out error",
    "mean(|o_i m_-i|^2)^(1/2) / h",
    "Root mean square difference to the velocity with full self-interaction, exact "
    "from the share o_i that a particle would have in its own density.",
    leave_one_out=True,
)
def _own_error(case):
    value = root_mean_square(own_errors(case.ensemble, case.terms.model))
    return _Finding(
        value / case.h,
        "The bounds compare the leave-one-out velocities with the field of all "
        "particles, and pay this difference.",
    )


@_quantity(
    "range of the theorems",
    "share of steps at the last bandwidth",
    "What the bounds along a flow assume of it: one bandwidth, and short steps.",
)
def _range(case):
    h = case.history["bandwidth"][:-1]
    share = float(np.mean(h == case.h)) if len(h) else 1.0
    flow, ensemble = _statements(case.ensemble)
    broken = _broken_assumptions(case)
    if not broken:
        return _Finding(
            share,
            f"The bandwidth was fixed and steps were short: {flow} apply to this run, "
            "in expectation over starts and up to the error of the steps.",
            is_good=True,
        )
    if broken == [_NOT_C4]:
        return _Finding(
            share,
            "The bandwidth was fixed and steps were short: Theorems 3.1 and 4.1 apply "
            f"to this run, but not Theorem 4.5, because {_NOT_C4}.",
        )
    return _Finding(
        share,
        f"In this run {', '.join(broken)}: {flow} do not apply to it. {ensemble} and "
        "the one-step bound hold for any ensemble. rate_certificate says what "
        "annealing and long steps add to the bounds.",
        threshold="1, with short steps",
    )


_NOT_C4 = "the kernel is not C^4 (Assumption 2.5)"


def _broken_assumptions(case):
    """Assumptions of the bounds along a flow that a run does not satisfy."""
    e, broken = case.ensemble, []
    h, steps = (case.history[key][:-1] for key in ("bandwidth", "step_size"))
    if np.any(h != case.h):
        widest = h[h != case.h][0]
        broken.append(f"the bandwidth changed (from {widest:.3g} to {case.h:.3g})")
    if e.field == "displacement" and not e.leave_one_out:
        broken.append("particles count themselves (section 6 leaves them out)")
    if e.field == "conservative" and has_kink(e.kernel):
        return [*broken, "the kernel has a kink (Assumption 2.1)"]
    if e.field == "conservative" and not is_c4(e.kernel):
        broken.append(_NOT_C4)
    longest = float(np.max(steps, initial=0.0)) * case.interaction
    if longest > _SHORT:
        broken.append(f"steps were long (up to {longest:.2g} / L)")
    return broken


def _statements(ensemble):
    """Theorems about a flow in time, and what holds for an ensemble at one moment."""
    if ensemble.field == "displacement":
        return "Theorems 6.3 and 6.9", "Lemmas 6.1, 6.4, 6.6 and 6.14"
    lemmas = "" if has_kink(ensemble.kernel) else "Lemma 4.3, "
    if is_c4(ensemble.kernel):
        lemmas = "Lemmas 4.3 and 4.4, "
    return "Theorems 3.1, 4.1 and 4.5", f"{lemmas}Proposition 5.2"


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
        "Its square is a term of the upper bound of the mean square velocity "
        "(Theorem 6.9), not a lower bound: the residual velocity, "
        f"{residual:.3g}, may be smaller. It vanishes as the particles come to "
        "represent the data.",
        error,
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
        f"a_q is between {least / case.h**2:.3g} and {most / case.h**2:.3g} h^2 at "
        f"{_DRAWS} draws of the smoothed particles: mismatched scores are followed at "
        "speeds that differ by this factor. It has no bound on all of space, where "
        "a_q grows with the distance from the particles.",
    )
