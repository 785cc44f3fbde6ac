"""The quantities of a fitted drifter, and what they say, in one report."""

from __future__ import annotations

from functools import cached_property
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._drifters._base import KernelDrifter
from .._theory.ensemble import Ensemble, not_c2
from .._theory.quantities import (
    admissible_step,
    curl,
    effective_size,
    fisher_estimate,
    lipschitz_constant,
    local_occupancy,
    mismatch_estimate,
    one_step_bound,
    root_mean_square,
    stein_terms,
)
from .._theory.rates import quadrature_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

# Particles whose Jacobians are looked at, at most, and how many numbers they may cost;
# draws of a Monte Carlo estimate.
_PROBES = 1000
_PROBE_NUMBERS = 2e9
_MIN_PROBES = 16
_PAIRS = 250  # of draws, each at three places
_DRAWS = 2000
# Rules of thumb, where the theory has a constant that is not known: share of a particle
# in its own density, ratio of the squared velocities between and at the particles, and
# number of sources that nearly every particle should see.
_LARGEST_OWN_SHARE = 0.1
_LARGEST_FISHER_RATIO = 4.0
_LEAST_SOURCES = 2.0
_LOW_QUANTILE = 0.05
# Antisymmetric part of a Jacobian, relative to it, that rounding explains.
_NO_CURL = 1e-6
# Probability with which independent particles would have so many neighbours.
_CONFIDENCE = 0.95

_RESUME = (
    "If the residual velocity in history_ still falls, raise max_iter; if not, reduce "
    "step_size or take more particles."
)
_REST = {
    "tol": _RESUME,
    "max_iter": _RESUME,
    "memorization": "The flow was ended before it copied the data; at a larger "
    "bandwidth it may come nearer to rest.",
    "divergence": "The particles ran away: take a larger bandwidth, more particles or "
    "a smaller step_size.",
}
_WIDER = "Take a larger bandwidth or more particles."


class Quantity(NamedTuple):
    """One line of a report.

    Attributes
    ----------
    name : str
    symbol : str
        Formula, with its unit.
    value : float or None
        None where the quantity is not defined.
    error : float or None
        Standard error of an estimate; None for exact sums.
    threshold : str
        What the theory, or a rule of thumb, asks for.
    state : {"ok", "watch", "note", "not defined"}
        ``"note"`` where there is no threshold.
    meaning : str
        What the quantity is.
    verdict : str
        What its value says, or why it is not defined.
    advice : str
        What to change; empty if nothing.
    """

    name: str
    symbol: str
    value: float | None
    error: float | None
    threshold: str
    state: str
    meaning: str
    verdict: str
    advice: str


class Diagnosis:
    """Report of :func:`diagnose`.

    Parameters
    ----------
    title : str
        What was diagnosed.
    quantities : list of Quantity
        In the order in which they are shown.

    Attributes
    ----------
    title : str
        What was diagnosed.
    quantities : dict of Quantity
        By name.
    """

    def __init__(self, title: str, quantities: Iterable[Quantity]) -> None:
        self.title = title
        self.quantities = {quantity.name: quantity for quantity in quantities}

    def __getitem__(self, name: str) -> Quantity:
        if name not in self.quantities:
            raise KeyError(
                f"The diagnosis has no quantity {name!r}; it has "
                f"{sorted(self.quantities)}."
            )
        return self.quantities[name]

    def to_frame(self) -> Any:
        """Report as a table.

        Returns
        -------
        pandas.DataFrame
            A row per quantity, indexed by its name; NaN where a number is missing.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas as pd

        frame = pd.DataFrame(self.quantities.values(), columns=Quantity._fields)
        return frame.astype({"value": float, "error": float}).set_index("name")

    def __repr__(self):
        return "\n".join([self.title, *map(_line, self.quantities.values())])

    def __str__(self):
        parts = [self.title]
        for q in self.quantities.values():
            text = " ".join(filter(None, (q.meaning, q.verdict, q.advice)))
            indent = " " * 14
            parts.append(_line(q))
            parts.append(
                fill(text, 88, initial_indent=indent, subsequent_indent=indent)
            )
        return "\n".join(parts)

    def _repr_html_(self):
        head = ("", "quantity", "value", "wanted", "what it says")
        rows = [
            (
                q.state,
                f"{q.name}<br><code>{escape(q.symbol)}</code>",
                escape(_number(q)),
                escape(q.threshold),
                escape(" ".join(filter(None, (q.verdict, q.advice)))),
            )
            for q in self.quantities.values()
        ]
        cells = "".join(
            "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        header = "".join(f"<th>{name}</th>" for name in head)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{header}</tr>"
            f"</thead><tbody>{cells}</tbody></table>"
        )


def _line(q):
    wanted = f" (wanted: {q.threshold})" if q.threshold else ""
    return f"{q.state:>11}   {q.name}: {q.symbol} = {_number(q)}{wanted}"


def _number(q):
    if q.value is None:
        return "-"
    error = "" if q.error is None else f" ± {q.error:.1g}"
    return f"{q.value:.4g}{error}"


class _Case:
    """What the quantities of a report are computed from, in internal units."""

    def __init__(self, ensemble, step_size, tol, stopped_by):
        self.ensemble, self.h = ensemble, ensemble.h
        self.step_size, self.tol, self.stopped_by = step_size, tol, stopped_by
        self.probes = ensemble.particles(_probes(ensemble))
        places = ensemble.particles()
        data = ensemble.reduce_data(places, ensemble.profiles)
        model = ensemble.reduce_model(places, ensemble.profiles)
        self.root_residual = root_mean_square(data.displacement - model.displacement)
        self._log_z_model = model.log_z

    @cached_property
    def own_share(self):
        """Mean share of a particle in the model density at its place, if it counts."""
        kernel, n = self.ensemble.kernel, len(self.ensemble.x)
        log_own = float(kernel.log_profile(np.zeros(1))[0]) - np.log(n)
        return float(np.exp(log_own - self._log_z_model).mean())

    @cached_property
    def counts(self):
        return local_occupancy(self.ensemble.x, self.h, radius=self.radius)

    @property
    def radius(self):
        """In bandwidths, about the length of kernel noise."""
        return np.sqrt(self.ensemble.x.shape[1])

    @cached_property
    def moments(self):
        return self.ensemble.moments(self.probes)

    @cached_property
    def jacobian(self):
        data, model = self.moments
        return data.jacobian - model.jacobian

    @cached_property
    def mismatch(self):
        return mismatch_estimate(self.ensemble, _DRAWS, 0)


def diagnose(drifter: KernelDrifter, X: ArrayLike | None = None) -> Diagnosis:
    """Say how far a fitted drifter is from what the theory promises, and why.

    Quantities are those of the final particles at the bandwidth that the flow ended
    with, ``history_["bandwidth"][-1]``; if it was ended before it copied the data, that
    may be larger than ``bandwidth_``. Units are internal: lengths count standard
    deviations of the columns (``scale_``), and most are given in bandwidths. Sums run
    over all particles; Jacobians are those of at most 1,000 particles, fewer in many
    columns, and integrals are estimated by 2,000 draws, always the same ones.

    Parameters
    ----------
    drifter : ConservativeDrifter, SharpDrifter or LaplaceDrifter
        Fitted.
    X : array-like of shape (n_samples, n_features), default=None
        Rows in data units that stand for the data, such as held-out ones; None for
        those that the drifter was fitted to.

    Returns
    -------
    Diagnosis
        Printed, it says of each quantity what it means, what is wanted, and what to
        change. A quantity whose assumptions fail is listed with the reason.

    Raises
    ------
    TypeError
        If `drifter` is not one of these.
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
    return Diagnosis(_title(drifter, case), _quantities(case))


def _case(drifter, X):
    table, field = drifter._fitted.table, drifter._fitted.field
    rows, weight = table.rows, table.weight
    if X is not None:
        rows, weight = drifter._check_rows(X), None
    kernel = drifter.kernel_
    is_displacement = field.profiles.pull == "value" and not kernel.is_own_slope
    ensemble = Ensemble(
        drifter._fitted.particles,
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


def _title(drifter, case):
    e = case.ensemble
    own = "leave-one-out" if e.leave_one_out else "full self-interaction"
    return (
        f"Diagnosis of {type(drifter).__name__}: {len(e.x)} particles, {len(e.y)} "
        f"distinct rows, {e.x.shape[1]} columns, {e.kernel!r}, {own}, "
        f"bandwidth h = {e.h:.4g}"
    )


def _quantities(case):
    if case.ensemble.field == "conservative":
        named = [*_COMMON, _FISHER, _QUADRATURE, _STEIN, _SELF, *_PARTICLES]
        named += _JACOBIANS
    else:
        named = [*_COMMON, _SHARP_FISHER, _STEIN, *_PARTICLES, *_JACOBIANS, *_SCALES]
    return [_quantity(part, case) for part in named]


class _Part(NamedTuple):
    """A quantity before it is computed."""

    name: str
    symbol: str
    meaning: str
    compute: object


class _Found(NamedTuple):
    value: float
    error: float | None
    threshold: str
    is_good: bool | None
    verdict: str
    advice: str = ""


def _quantity(part, case):
    try:
        found = part.compute(case)
    except (ValueError, NotImplementedError) as error:
        return Quantity(
            *part[:2], None, None, "", "not defined", part.meaning, str(error), ""
        )
    state = {True: "ok", False: "watch", None: "note"}[found.is_good]
    return Quantity(
        *part[:2],
        found.value,
        found.error,
        found.threshold,
        state,
        part.meaning,
        found.verdict,
        "" if found.is_good else found.advice,
    )


# -- quantities -----------------------------------------------------------------------


def _residual(case):
    value = case.root_residual / case.h
    is_good = bool(value <= case.tol)
    bound = one_step_bound(case.root_residual**2, case.step_size)
    rest = "The particles are at rest" if is_good else "The particles still move"
    return _Found(
        value,
        None,
        f"at most {case.tol:.3g} (tol)",
        is_good,
        f"{rest}: one more step moves their law by at most {bound:.3g} in the "
        "2-Wasserstein distance, in units of scale_.",
        _REST[case.stopped_by],
    )


def _fisher(case):
    estimate = fisher_estimate(case.ensemble, _DRAWS, 0)
    value, error = _root(estimate, case.h)
    at_rest = max(case.root_residual / case.h, case.tol)
    limit = np.sqrt(_LARGEST_FISHER_RATIO) * at_rest
    is_good = bool(value <= limit)
    return _Found(
        value,
        error,
        f"at most {limit:.3g} (twice the residual velocity or tol; rule of thumb)",
        is_good,
        "The two smoothed densities agree between the particles as they do at them."
        if is_good
        else "Between the particles the two smoothed densities differ more than at "
        "them: the particles are too few to stand for their density.",
        _WIDER,
    )


def _root(estimate, factor):
    """Root of a mean square, times a factor, and its error."""
    root = np.sqrt(estimate.value)
    error = 0.0 if root == 0 else estimate.error / (2 * root)
    return float(factor * root), float(factor * error)


def _sharp_fisher(case):
    e = case.ensemble
    smooth = Ensemble(e.x, e.y, e.h, e.kernel.sharp(), engine=e.engine)
    smooth.log_weights = e.log_weights
    value, error = _root(fisher_estimate(smooth, _DRAWS, 0), case.h)
    return _Found(
        value,
        error,
        "",
        None,
        "The scores of data and model, smoothed by the sharp companion, differ by "
        f"{value:.3g} per bandwidth.",
    )


def _quadrature(case):
    _check_full(case, "no average of its own density to compare with")
    e = case.ensemble
    weight = None if e.log_weights is None else np.exp(e.log_weights)
    size = max(2, min(len(case.probes.rows), _PAIRS))
    found = quadrature_error(
        e.x,
        e.y,
        e.h,
        kernel=e.kernel,
        sample_weight=weight,
        n_samples=size,
        random_state=0,
    )
    error = np.hypot(found.stein.error, found.residual.error)
    return _Found(
        found.total * case.h**2,
        float(error * case.h**2),
        "",
        None,
        "Adds to what the Stein drift says of the residual velocity; it falls where "
        "the densities become smooth on the scale of the kernel.",
    )


def _stein(case):
    e = case.ensemble
    terms = stein_terms(e, case.probes, lambda: case.moments)
    if e.field == "conservative":
        terms = terms * case.h**2
    error = None
    if len(terms) < len(e.x):
        error = float(terms.std(ddof=1) / np.sqrt(len(terms)))
    value = float(terms.mean())
    if e.leave_one_out:
        is_good, verdict = (
            None,
            (
                "Positive: the flow lowers the joint entropy."
                if value > 0
                else "Not positive: the flow does not lower the joint entropy any more."
            ),
        )
        return _Found(value, error, "", is_good, verdict)
    level = _self_interaction(case)
    is_down = value <= level
    return _Found(
        value,
        error,
        f"down to h^2 I_N = {level:.3g}",
        None,
        "It has come down to the self-interaction, the level that the theory bounds "
        "it by: of its two terms only the second is left."
        if is_down
        else "It is above the self-interaction: the flow still lowers the joint "
        "entropy, and more steps pay.",
    )


def _self_interaction(case):
    """``h^2 I_N``, in which the kernel's normaliser cancels."""
    e = case.ensemble
    slope = e.kernel.slope_at_zero()
    if not np.isfinite(slope):
        raise not_c2(e.kernel, "The self-interaction term")
    ratio = slope / float(e.kernel.profile(0.0))
    return float(e.x.shape[1] * ratio * case.own_share)


def _self(case):
    _check_full(case, "no self-interaction term (arXiv:2605.22795, eq. 56)")
    return _Found(
        _self_interaction(case),
        None,
        "",
        None,
        "The Stein drift cannot be certified below it; it falls with more particles "
        "and with a larger bandwidth.",
    )


def _check_full(case, what):
    if case.ensemble.leave_one_out:
        raise ValueError(f"Every particle leaves itself out, so there is {what}.")


def _own_share(case):
    _check_full(case, "no own share in its density")
    value, kernel = case.own_share, case.ensemble.kernel
    fall = float(kernel.profile(0.0) / kernel.profile(case.radius))
    bound = min(1.0, fall * float(np.mean(1 / case.counts)))
    is_good = bool(value <= _LARGEST_OWN_SHARE)
    return _Found(
        value,
        None,
        f"at most {_LARGEST_OWN_SHARE} (rule of thumb)",
        is_good,
        f"The counts of neighbours bound it by {bound:.3g}. "
        + (
            "Every density is made by many particles."
            if is_good
            else "Particles largely see themselves in the model density, and are "
            "repelled too little."
        ),
        _WIDER,
    )


def _occupancy(case):
    n, counts = len(case.ensemble.x), case.counts
    # The count that Chernoff's bound gives independent draws with this confidence.
    wanted = 1 + 4 * np.log(n / (1 - _CONFIDENCE))
    least = int(counts.min())
    is_good = bool(least >= wanted)
    low = np.mean(counts < wanted)
    return _Found(
        float(least),
        None,
        f"at least {wanted:.3g} (what balls that hold so for {n} independent "
        f"particles with probability {_CONFIDENCE} contain)",
        is_good,
        "Every particle has the neighbours that keep its density from vanishing."
        if is_good
        else f"{low:.0%} of the particles have fewer, and the bounds of the theory "
        "do not hold at them.",
        _WIDER,
    )


def _data_size(case):
    e, places = case.ensemble, case.probes
    sizes = effective_size(
        places.rows, e.y, e.log_weights, e.kernel, e.h, None, e.engine
    )
    return _size(
        sizes,
        "data rows",
        "Particles are drawn onto single rows, and may copy them. Take a larger "
        "bandwidth.",
    )


def _model_size(case):
    e, places = case.ensemble, case.probes
    sizes = effective_size(
        places.rows, e.x, None, e.kernel, e.h, places.deleted, e.engine
    )
    return _size(sizes, "particles", _WIDER)


def _size(sizes, of_what, advice):
    low, median = np.quantile(sizes, (_LOW_QUANTILE, 0.5))
    return _Found(
        float(low),
        None,
        f"at least {_LEAST_SOURCES:g} (rule of thumb)",
        bool(low >= _LEAST_SOURCES),
        f"Half of the particles see {median:.3g} {of_what} or more.",
        advice,
    )


def _lipschitz(case):
    value = lipschitz_constant(case.jacobian)
    admissible = admissible_step(value)
    is_good = bool(case.step_size <= admissible)
    return _Found(
        value,
        None,
        f"at most 1 / step_size = {1 / case.step_size:.3g}",
        is_good,
        f"Steps up to {admissible:.3g} are one-to-one around the particles"
        + ("." if is_good else f", and step_size is {case.step_size:.3g}."),
        "Reduce step_size, to a number (the rule 'lipschitz' sees fewer particles), "
        "and raise annealing and max_iter in proportion.",
    )


def _curl(case):
    norms = np.linalg.norm(case.jacobian, axis=(1, 2))
    # Half of the curl squared is the antisymmetric part's share of the Jacobian's.
    turning = root_mean_square(curl(case.jacobian)[:, None]) / np.sqrt(2)
    value = float(turning / max(root_mean_square(norms[:, None]), np.finfo(float).tiny))
    if value <= _NO_CURL:
        return _Found(value, None, "0", True, "The field is a gradient.")
    return _Found(
        value,
        None,
        "0",
        False,
        "The field is no gradient: particles circulate, and no density ratio is "
        "descended.",
        "Take SharpDrifter, whose field is a gradient.",
    )


def _mismatch(case):
    estimate, _ = case.mismatch
    value, error = _root(estimate, 1 / case.h)
    residual = case.root_residual / case.h
    return _Found(
        value,
        error,
        "0",
        bool(value <= max(residual, case.tol)),
        f"The theory promises no residual velocity below this; it is {residual:.3g}.",
        "More particles do not remove it; take SharpDrifter, whose field has none.",
    )


def _preconditioner(case):
    _, parts = case.mismatch
    least, most = parts.bounds
    return _Found(
        most / least,
        None,
        "",
        None,
        f"a_q is between {least / case.h**2:.3g} and {most / case.h**2:.3g} h^2 where "
        "particles are: mismatched scores are followed at speeds that differ so much.",
    )


_COMMON = [
    _Part(
        "residual velocity",
        "sqrt(R_N) / h",
        "Root mean square velocity of the particles, in bandwidths per step.",
        _residual,
    )
]
_FISHER = _Part(
    "Fisher discrepancy",
    "h sqrt(F_N)",
    "Root mean square velocity over the model density, not only at the particles, in "
    "bandwidths per step.",
    _fisher,
)
_SHARP_FISHER = _Part(
    "Fisher discrepancy",
    "h sqrt(F#_N)",
    "Root mean square difference of the scores smoothed by the sharp companion.",
    _sharp_fisher,
)
_QUADRATURE = _Part(
    "quadrature error",
    "h^2 (|S_N - F_N| + |R_N - F_N|)",
    "What is lost by evaluating at the particles instead of averaging over the model "
    "density.",
    _quadrature,
)
_STEIN = _Part(
    "Stein drift",
    "h^2 S_N",
    "Rate at which the flow lowers the joint entropy per particle.",
    _stein,
)
_SELF = _Part(
    "self-interaction",
    "h^2 I_N",
    "Rate at which the particles' own terms raise the joint entropy.",
    _self,
)
_PARTICLES = [
    _Part(
        "own share",
        "K_h(0) / N mean(1 / q_h)",
        "Mean share of a particle in the model density at its place, the reciprocal "
        "density without its unit.",
        _own_share,
    ),
    _Part(
        "occupancy",
        "min count",
        "Least number of particles within sqrt(d) bandwidths of one, itself included.",
        _occupancy,
    ),
    _Part(
        "data in sight",
        "5 % quantile of the effective sample size",
        "Number of data rows that a particle really sees.",
        _data_size,
    ),
    _Part(
        "particles in sight",
        "5 % quantile of the effective sample size",
        "Number of particles that a particle really sees.",
        _model_size,
    ),
]
_JACOBIANS = [
    _Part(
        "Lipschitz constant",
        "max |grad V|",
        "Largest stretch of the field around the particles per unit step.",
        _lipschitz,
    ),
    _Part(
        "curl",
        "|J - J^T| / (2 |J|)",
        "Antisymmetric part of the Jacobian, relative to it.",
        _curl,
    ),
]
_SCALES = [
    _Part(
        "scale mismatch",
        "Gamma / h",
        "Part of the displacement field that is no mismatch of scores, in bandwidths "
        "per step.",
        _mismatch,
    ),
    _Part(
        "preconditioner",
        "a_max / a_min",
        "Range of the local scale that multiplies the score mismatch.",
        _preconditioner,
    ),
]
