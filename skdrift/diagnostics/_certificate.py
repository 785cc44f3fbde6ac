"""Both sides of the rate theorems along a fitted flow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from .._theory.bounds import euler_bound, log_target
from .._theory.checks import check_c2, is_c4
from .._theory.coercivity import coercivity_of
from .._theory.density import own_shares
from .._theory.occupancy import pair_distortion
from .._theory.sampling import Estimate, monte_carlo
from .._theory.stein import check_stein, fisher_estimate, stein_terms
from ._entropy import EntropyLedger, ledger_of, moments_of
from ._fitted import fitted_run, run_title

if TYPE_CHECKING:
    from .._drifters._kernel_drifters import KernelDrifter
    from .._typing import Floats, Seed

# Draws of each integral along a flow, and precision of the norms.
_DRAWS = 500
_NORM_RTOL = 1e-3
# Share of the bound of a theorem from which on a term that it lacks is named.
_NEGLIGIBLE = 0.1
# Terms that a theorem does not have, because it assumes that they are 0.
_EXTRA = ("discretisation", "annealing")


class Statement(NamedTuple):
    """An inequality along a flow: a mean over time, and the terms that bound it.

    Attributes
    ----------
    name : str
        Theorem.
    quantity : str
        What is bounded, with its unit.
    value : float
        Left side.
    terms : dict of str to float
        Terms of the right side by name. ``"discretisation"`` and ``"annealing"``, which
        the theorems assume to be 0, are what the run adds to the entropy.
    """

    name: str
    quantity: str
    value: float
    terms: dict[str, float]

    @property
    def bound(self) -> float:
        """Right side, with what the run adds."""
        return float(sum(self.terms.values()))

    @property
    def theorem_bound(self) -> float:
        """Right side as the theorem has it, for one bandwidth and short steps."""
        return float(sum(v for k, v in self.terms.items() if k not in _EXTRA))

    @property
    def holds(self) -> bool:
        """Whether the left side is at most the right side, which is finite."""
        return self.value <= self.bound < np.inf

    @property
    def failing(self) -> list[str]:
        """Names of the terms that take the run out of reach of the theorem.

        ``"initial"`` if the entropy of the start is not known; a term that the theorem
        lacks, if it is more than a tenth of the bound of the theorem.
        """
        if not np.isfinite(self.theorem_bound):
            return ["initial"]
        least = _NEGLIGIBLE * self.theorem_bound
        return [name for name in _EXTRA if abs(self.terms[name]) > least]


class RateCertificate:
    """Certificate of :func:`rate_certificate`.

    Parameters
    ----------
    title : str
        Description of the drifter.
    statements : iterable of Statement
        Inequalities.
    ledger : EntropyLedger
        The entropy, step by step.
    start_entropy : Estimate
        ``H_0 / N`` at the first bandwidth; infinite if the start has no density.
    along : dict of ndarray of shape (n_steps,)
        ``"time"``, ``"step_size"``, ``"own_share"``, ``"pair_rate"``, ``"lipschitz"``
        and ``"speed"`` of every step.
    remarks : list of str
        Assumptions that this run does not satisfy.

    Attributes
    ----------
    title : str
        Description of the drifter.
    statements : dict of Statement
        Inequalities by name.
    ledger : EntropyLedger
        The entropy, step by step.
    start_entropy : Estimate
        The same as the parameter.
    times : ndarray of shape (n_steps,)
        Times of the steps in the units of the theory, 0 for the first.
    reciprocal_share : ndarray of shape (n_steps,)
        Mean share of a particle in the model density at its position before every
        step: the mean reciprocal density times ``K_h(0) / N``.
    distortion : float
        ``Lambda_T``, the integral over the flow of the largest ratio of the
        differences of velocities and positions of two particles.
    euler : float
        Bound of the distance to the flow in continuous time: :func:`euler_bound` with
        the largest constants along the flow; a length in units of ``scale_``.
    remarks : list of str
        Assumptions that this run does not satisfy.
    """

    def __init__(
        self,
        title: str,
        statements: Iterable[Statement],
        ledger: EntropyLedger,
        start_entropy: Estimate,
        along: Mapping[str, Floats],
        remarks: list[str],
    ) -> None:
        self.title = title
        self.statements = {statement.name: statement for statement in statements}
        self.ledger, self.start_entropy = ledger, start_entropy
        self.remarks = remarks
        lasting, steps = along["time"], along["step_size"]
        self.times = np.concatenate(([0.0], np.cumsum(lasting)[:-1]))
        self.reciprocal_share = along["own_share"]
        self.distortion = float(steps @ along["pair_rate"])
        self.euler = euler_bound(
            float(along["lipschitz"].max()),
            float(along["speed"].max()),
            float(steps.max()),
            float(steps.sum()),
        )

    @property
    def holds(self) -> bool:
        """Whether all inequalities hold."""
        return all(statement.holds for statement in self.statements.values())

    @property
    def failing(self) -> list[str]:
        """Names of the terms that take the run out of reach of the theorems."""
        named = [s.failing for s in self.statements.values()]
        return sorted({name for names in named for name in names})

    def stopping_time(self, level: float) -> float:
        """First time at which the particles are more isolated than a level.

        The bounds hold up to that time with a reciprocal density bounded by the level
        (arXiv:2605.22795, Remark 2.4).

        Parameters
        ----------
        level : float
            Largest mean share of a particle in the model density at its position: the
            mean reciprocal density times ``K_h(0) / N``.

        Returns
        -------
        float
            Time in the units of `times`; ``inf`` if the level is never exceeded.
        """
        check_scalar(level, "level", (int, float), min_val=0)
        above = np.flatnonzero(self.reciprocal_share > level)
        return float(self.times[above[0]]) if above.size else np.inf

    def __repr__(self):
        lines = [self.title]
        for s in self.statements.values():
            sign, verdict = ("<=", "holds") if s.holds else (">", "fails")
            lines.append(
                f"{verdict:>8}   {s.name}: {s.quantity} = {s.value:.4g} {sign} "
                f"{s.bound:.4g}"
            )
        return "\n".join(lines)

    def __str__(self):
        title, *lines = repr(self).split("\n")
        parts, space = [title], " " * 11
        for line, s in zip(lines, self.statements.values(), strict=True):
            terms = ", ".join(f"{name} {v:.3g}" for name, v in s.terms.items())
            text = f"The terms of the bound are: {terms}."
            if s.failing and np.isfinite(s.bound):
                text += (
                    f" The theorem has no term for {' and '.join(s.failing)}; its own "
                    f"bound would be {s.theorem_bound:.3g}."
                )
            parts += [line, _filled(text, space)]
        text = (
            f"The entropy of the start, {self.start_entropy.value:.3g} ± "
            f"{self.start_entropy.error:.1g} per particle, changed by "
            f"{self.ledger.total.value:.3g}. The largest mean share of a particle in "
            f"its density was {self.reciprocal_share.max():.3g}. Pairs were separated "
            f"by a factor of at most exp({self.distortion:.3g}), and the flow in "
            f"continuous time is within {self.euler:.3g} of these steps."
        )
        parts.append(_filled(" ".join([text, *self.remarks]), space))
        return "\n".join(parts)


def _filled(text, space):
    return fill(text, 88, initial_indent=space, subsequent_indent=space)


def rate_certificate(
    drifter: KernelDrifter, *, random_state: Seed = 0
) -> RateCertificate:
    """Both sides of the rate theorems along the flow of a fitted drifter.

    For the conservative field the mean of R_N over the time of the flow is bounded by
    the entropy of the start over the time, the self-interaction and the quadrature
    error (arXiv:2605.22795, eq. 23, with measured terms in place of suprema). For the
    leave-one-out displacement field the same is done with Theorem 6.9, and with its
    version for the weighted energy ``int q# |V|^2 / a_q``, which needs no uniform
    bounds of the local scale; ``a_min`` and ``a_max`` of the first are over draws.

    The theorems are about the flow in continuous time at one bandwidth. What the steps
    and the annealing of this run add to the entropy is known exactly
    (:func:`entropy_ledger`), and is added to the bound, so that it applies to any run;
    terms that are not negligible are named. The theorems bound expectations over
    independent starts, and the certificate has the values for one ensemble. The work
    of a step grows with the square of the number of particles: a whole flow takes
    seconds with some hundred particles, and a minute or so with a thousand.

    Parameters
    ----------
    drifter : ConservativeDrifter, SharpDrifter or LaplaceDrifter
        Fitted drifter that took at least one step. With ``start="gaussian"`` the start
        has a density, and its particles are independent, as the theorems assume.
    random_state : int, RandomState instance or None, default=0
        Determines the draws.

    Returns
    -------
    RateCertificate
        The inequalities with all terms, shown by ``print``.

    Raises
    ------
    TypeError
        If `drifter` is of another class.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    ValueError
        If it took no step; if the kernel is not C^2 (conservative field), not a density
        in this dimension, or without sharp companion (displacement field); or if the
        displacement field is not leave-one-out.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.diagnostics import rate_certificate
    >>> drifter = ConservativeDrifter(
    ...     start="gaussian", annealing=0, step_size=0.02, max_iter=25, random_state=0
    ... )
    >>> certificate = rate_certificate(drifter.fit(load_iris().data))
    >>> certificate.holds, certificate.failing
    (True, [])
    """
    run = fitted_run(drifter)
    rng = check_random_state(random_state)
    first = run.ensemble((*run.flow.trajectory, run.flow.particles)[0], _first(run))
    _check_theorem(first)
    measure = _conservative if run.field == "conservative" else _displacement
    changes, rows = [], []
    for moment in moments_of(run):
        changes.append(moment.change(rng))
        rows.append({**_common(moment), **measure(moment, rng)})
    along = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    entropy, remarks = _start_entropy(run, first)
    if run.field == "conservative" and not is_c4(run.kernel):
        remarks.append(
            f"The kernel {run.kernel!r} is not C^4, so that Assumption 2.5 does not "
            "hold; the measured quadrature error does not need it."
        )
    ledger = ledger_of(changes)
    state = _statements_conservative, _statements_displacement
    statements = state[run.field == "displacement"](along, ledger, entropy.value)
    title = run_title("Rate certificate", drifter, first)
    return RateCertificate(title, statements, ledger, entropy, along, remarks)


def _first(run):
    return run.flow.history["bandwidth"][0]


def _check_theorem(ensemble):
    """Raise if no theorem is about a flow of this kind."""
    if ensemble.field == "conservative":
        check_c2(ensemble.kernel, "The rate of conservative drifting")
    check_stein(ensemble)


def _start_entropy(run, first):
    """``H_0 / N``, and in which respect it is not that of the theorems."""
    start = run.flow.start
    try:
        log_f = start.log_density(first.x, run.flow.noise)
    except ValueError as error:
        reason = f"The start has no known density, so the bounds are void: {error}"
        return Estimate(np.inf, np.nan), [reason]
    found = monte_carlo(log_f - log_target(first, first.x))
    if not start.calibrates:
        return found, []
    return found, [
        "Particles of this start are chosen evenly from the rows, not independently: "
        "the entropy of their joint distribution is larger than N times that of one "
        "(start='gaussian' is independent)."
    ]


# -- terms of one moment --------------------------------------------------------------


def _common(moment):
    e, terms = moment.ensemble, moment.jacobian.moments
    unit = e.h**2 if e.field == "conservative" else 1.0
    square = float(np.square(terms.velocity).sum(axis=1).mean())
    return {
        "step_size": moment.step_size,
        "time": moment.step_size * unit,
        "residual": square / unit**2,
        "stein": float(stein_terms(e, e.x, terms).mean()),
        "own_share": float(own_shares(e, terms.model).mean()),
        "speed": np.sqrt(square),
        "lipschitz": moment.jacobian.norm(_NORM_RTOL),
        "pair_rate": pair_distortion(e.x, terms.velocity),
    }


def _conservative(moment, rng):
    e, ratio = moment.ensemble, 0.0
    if not e.leave_one_out:
        share = own_shares(e, moment.jacobian.moments.model).mean()
        ratio = share * e.kernel.slope_at_zero() / e.kernel.profile(np.float64(0.0))
    return {
        "self_interaction": float(e.x.shape[1] * ratio / e.h**2),
        "fisher": fisher_estimate(e, _DRAWS, rng).value,
    }


def _displacement(moment, rng):
    found = coercivity_of(moment.ensemble, _DRAWS, rng)
    names = "mismatch", "weighted_energy", "weighted_mismatch"
    return {
        **{name: getattr(found, name).value for name in names},
        "stein_error": found.stein_error.value,
        "residual_error": found.residual_error.value,
        "least_scale": found.scale_bounds[0],
        "largest_scale": found.scale_bounds[1],
    }


# -- inequalities ---------------------------------------------------------------------


def _means(along):
    """Function that averages over the time of a flow, and that time."""
    total = along["time"].sum()
    return lambda values: float(along["time"] @ values / total), float(total)


def _statements_conservative(along, ledger, entropy):
    mean, time = _means(along)
    # Errors of means over time: their noise averages out, and the bound is smaller.
    fisher = mean(along["fisher"])
    quadrature = abs(mean(along["stein"]) - fisher)
    quadrature += abs(mean(along["residual"]) - fisher)
    terms = {
        "initial": entropy / time,
        "self-interaction": mean(along["self_interaction"]),
        "quadrature": quadrature,
        "discretisation": float(ledger.discretisation.sum() / time),
        "annealing": float(ledger.annealing.sum() / time),
    }
    yield Statement("Theorem 4.5", "mean R_N / h^4", mean(along["residual"]), terms)


def _statements_displacement(along, ledger, entropy):
    mean, time = _means(along)
    low, high = along["least_scale"].min(), along["largest_scale"].max()
    entropies = {
        "initial": entropy / time,
        "quadrature": abs(mean(along["stein_error"])),
        "discretisation": float(ledger.discretisation.sum() / time),
        "annealing": float(ledger.annealing.sum() / time),
    }
    factor = 4 * high**2 / low
    terms = {name: float(factor * value) for name, value in entropies.items()}
    terms["quadrature"] += abs(mean(along["residual_error"]))
    terms["scale mismatch"] = float(
        (2 + 2 * (high / low) ** 2) * mean(along["mismatch"])
    )
    yield Statement("Theorem 6.9", "mean R_N", mean(along["residual"]), terms)
    terms = {name: 2 * value for name, value in entropies.items()}
    terms["scale mismatch"] = mean(along["weighted_mismatch"])
    energy = mean(along["weighted_energy"])
    yield Statement("weighted", "mean of int q# |V|^2 / a_q", energy, terms)
