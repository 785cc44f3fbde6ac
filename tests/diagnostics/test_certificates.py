"""Entropy ledgers and rate certificates of fitted flows, against definitions."""

import itertools
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import LAPLACE, PROFILES, jacobian_of_ensemble, velocities_of_ensemble
from problems import WINE_3D as WINE
from scipy.integrate import quad
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skdrift import (
    ConservativeDrifter,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
)
from skdrift._theory import ledger as ledger_module
from skdrift._theory.bounds import log_target
from skdrift._theory.ensemble import Ensemble
from skdrift._theory.interaction import InteractingJacobian
from skdrift._theory.ledger import log_abs_det, step_change
from skdrift.diagnostics import (
    coercivity,
    entropy_balance,
    entropy_ledger,
    fisher_discrepancy,
    interacting_lipschitz_constant,
    pair_distortion,
    rate_certificate,
    reciprocal_density,
    residual_velocity,
    self_interaction,
    stein_drift,
)
from skdrift.kernels import Gaussian

IRIS = load_iris().data[:, :3]
SHORT = {
    "start": "gaussian",
    "annealing": 0,
    "step_size": 0.02,
    "max_iter": 12,
    "early_stopping": False,
    "random_state": 0,
}


def fitted(estimator, X=IRIS, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator(**options).fit(X)


# -- one step -------------------------------------------------------------------------

CASES = [
    (kernel, field, alone)
    for kernel, field, alone in itertools.product(
        PROFILES, ("conservative", "displacement"), (False, True)
    )
    if kernel is not LAPLACE or field == "displacement"
]


def log_density(kernel, field, x, y, w, h):
    """Of the data, smoothed by the kernel or by a sharp companion found numerically."""

    value, d = PROFILES[kernel][0], x.shape[1]

    def moment(power, start=0.0):
        def integrand(s):
            return s**power * float(value(s * s))

        return quad(integrand, start, np.inf, epsabs=1e-13, limit=200)[0]

    r = np.linalg.norm(y - x[:, None], axis=2) / h
    if field == "conservative":
        profile, mass = value(r**2), moment(d - 1)
    else:  # int_r^inf s k(s) ds, whose integral follows by parts
        tails = [moment(1, start) for start in r.ravel()]
        profile, mass = np.reshape(tails, r.shape), moment(d + 1) / d
    area = {1: 2, 2: 2 * np.pi, 3: 4 * np.pi}[d]
    return np.log(profile @ (w / w.sum()) / (area * mass * h**d))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_change_of_the_entropy_over_a_step(case, d):
    rng = np.random.default_rng(d)
    x, y, w = rng.standard_normal((6, d)), rng.standard_normal((5, d)), rng.random(5)
    kernel, field, alone = case
    h, step = 0.9, 0.4
    now, then = (Ensemble(x, y, g, kernel, field, alone, w) for g in (h, 0.7))
    velocity = velocities_of_ensemble(x, y, w, h, *case)
    after = x + step * velocity
    log_targets = log_target(now, x), log_target(now, after), log_target(then, after)
    found = step_change(InteractingJacobian(now), log_targets, step, None)
    matrix = np.eye(6 * d) + step * jacobian_of_ensemble(x, y, w, h, *case)
    log_det = np.log(np.abs(np.linalg.det(matrix)))
    assert_allclose(found.volume.value, -log_det / 6, rtol=1e-8)
    assert found.volume.error == 0

    options = kernel, field
    before = log_density(*options, x, y, w, h)
    moved = log_density(*options, after, y, w, h)
    assert_allclose(found.target, -np.mean(moved - before), rtol=1e-7)
    annealed = log_density(*options, after, y, w, 0.7)
    assert_allclose(found.annealing, -np.mean(annealed - moved), rtol=1e-7)
    # First order, by a step that is nearly nothing.
    small = 1e-4
    forth, back = (
        np.linalg.slogdet(np.eye(6 * d) + s * jacobian_of_ensemble(x, y, w, h, *case))[
            1
        ]
        + log_target(now, x + s * velocity).sum()
        for s in (small, -small)
    )
    assert_allclose(found.balance, -step * (forth - back) / (12 * small), rtol=1e-6)


# The theory has no balance of the displacement field with full self-interaction.
@pytest.mark.parametrize(
    ("field", "alone"),
    [("conservative", False), ("conservative", True), ("displacement", True)],
)
def test_first_order_is_the_entropy_balance(field, alone):
    rng = np.random.default_rng(0)
    x, y, w = rng.standard_normal((8, 2)), rng.standard_normal((5, 2)), rng.random(5)
    kernel = "matern52" if field == "conservative" else "laplace"
    ensemble = Ensemble(x, y, 0.8, kernel, field, alone, w)
    options = {"kernel": kernel, "field": field, "leave_one_out": alone}
    balance = entropy_balance(x, y, 0.8, sample_weight=w, **options)
    unit = 0.8**2 if field == "conservative" else 1.0
    zeros = 3 * (np.zeros(8),)
    found = step_change(InteractingJacobian(ensemble), zeros, 0.3, None).balance
    assert_allclose(found, 0.3 * unit * balance, rtol=1e-10)


def test_entropy_of_a_pair_that_stays_normal():
    # One row of data at 0 and two particles that leave themselves out: the velocity of
    # each is minus the other. The joint distribution stays normal, H is a formula.
    h, later, step = 1.3, 0.9, 0.7
    mean, sd = np.array([0.4, 0.4]), 0.8
    moved = np.array([[1.0, -step], [-step, 1.0]])

    def entropy(mean, covariance, scale):
        spread = (np.trace(covariance) + mean @ mean) / scale**2
        return (spread - 2 - np.linalg.slogdet(covariance / scale**2)[1]) / 2

    exact = entropy(moved @ mean, sd**2 * moved @ moved.T, later)
    exact -= entropy(mean, sd**2 * np.eye(2), h)
    node, weight = np.polynomial.hermite_e.hermegauss(5)
    weight = weight / weight.sum()
    total = 0.0
    for i, j in itertools.product(range(5), repeat=2):
        x = (mean + sd * node[[i, j]])[:, None]
        now, then = (
            Ensemble(x, [[0.0]], g, "gaussian", leave_one_out=True) for g in (h, later)
        )
        after = x - step * x[::-1]
        logs = log_target(now, x), log_target(now, after), log_target(then, after)
        change = step_change(InteractingJacobian(now), logs, step, None)
        per_particle = change.volume.value + change.target + change.annealing
        total += weight[i] * weight[j] * 2 * per_particle
    assert_allclose(total, exact, rtol=1e-10)


@pytest.mark.parametrize("step", [0.02, 1.0])
def test_estimated_determinants(monkeypatch, step):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((60, 2)), rng.standard_normal((40, 2))
    jacobian = InteractingJacobian(Ensemble(x, y, 0.6, "gaussian"))
    exact = log_abs_det(jacobian, step, None)
    monkeypatch.setattr(ledger_module, "_MAX_DENSE", 0)
    seeds = range(12)
    found = [log_abs_det(jacobian, step, np.random.RandomState(s)) for s in seeds]
    values, errors = np.array(found).T
    # The first order is exact, so that errors are of second order in the step.
    assert np.abs(values.mean() - exact.value) < 4 * errors.mean() / np.sqrt(12)
    assert 0.4 < values.std(ddof=1) / np.sqrt(np.mean(errors**2)) < 2
    assert errors.mean() < (2e-3 if step < 1 else 4)
    again = log_abs_det(jacobian, step, np.random.RandomState(3))
    assert again == found[3]


# -- flows ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 60])
@pytest.mark.parametrize("estimator", [ConservativeDrifter, LaplaceDrifter])
def test_ledger_of_a_flow(estimator, batch_size):
    options = {"n_particles": 30, "max_iter": 4, "random_state": 0}
    drifter = fitted(estimator, start="gaussian", batch_size=batch_size, **options)
    found, flow = entropy_ledger(drifter), drifter.flow_
    kernel = _named(Gaussian()) if estimator is ConservativeDrifter else LAPLACE
    case = kernel, drifter_field(drifter), flow.field.leave_one_out
    y, w = flow.attracting.rows, flow.attracting.weight
    assert len(y) == (batch_size or len(flow.rows.rows))
    h, size = drifter.history_["bandwidth"], drifter.history_["step_size"]
    log_det = 0.0
    for t, x in enumerate(flow.trajectory):
        matrix = np.eye(x.size) + size[t] * jacobian_of_ensemble(x, y, w, h[t], *case)
        log_det += np.linalg.slogdet(matrix)[1]
    ends = (flow.trajectory[0], h[0]), (flow.particles, h[-1])
    first, last = (log_density(*case[:2], x, y, w, g).mean() for x, g in ends)
    assert_allclose(found.total.value, -log_det / 30 - last + first, rtol=1e-6)
    assert found.total.error == 0
    assert len(found.change) == drifter.n_iter_
    assert_allclose(
        found.discretisation + found.balance, found.volume + found.target, atol=1e-12
    )


def drifter_field(drifter):
    return "displacement" if isinstance(drifter, LaplaceDrifter) else "conservative"


def test_short_steps_follow_the_balance():
    options = {**SHORT, "step_size": 0.001, "max_iter": 2}
    drifter = fitted(ConservativeDrifter, **options)
    ledger, flow = entropy_ledger(drifter), drifter.flow_
    h, w = drifter.bandwidth_, flow.rows.weight
    balance = entropy_balance(flow.trajectory[0], flow.rows.rows, h, sample_weight=w)
    assert_allclose(ledger.balance[0], 0.001 * h**2 * balance, rtol=1e-8)
    assert_allclose(ledger.change[0], ledger.balance[0], rtol=1e-2)
    assert np.all(ledger.annealing == 0)


def test_conservative_certificate_has_the_terms_of_the_functions():
    drifter = fitted(ConservativeDrifter, **SHORT)
    found, flow = rate_certificate(drifter), drifter.flow_
    y, w, h = flow.rows.rows, flow.rows.weight, drifter.bandwidth_
    time = 0.02 * h**2 * 12
    options = {"sample_weight": w}
    path = flow.trajectory
    residual = np.mean([residual_velocity(x, y, h, **options) for x in path]) / h**4
    stein = np.array([stein_drift(x, y, h, **options) for x in path])
    own = np.mean([self_interaction(x, h) for x in path])
    statement = found.statements["Theorem 4.5"]
    assert_allclose(statement.value, residual, rtol=1e-8)
    assert_allclose(statement.terms["self-interaction"], own, rtol=1e-8)
    ledger = entropy_ledger(drifter)
    # S_N = I_N minus the first order of the change of the entropy, at all times.
    assert_allclose(stein.mean(), own - ledger.balance.sum() / time, rtol=1e-8)
    assert_allclose(
        statement.terms["discretisation"], ledger.discretisation.sum() / time
    )
    assert statement.terms["annealing"] == 0
    rng = np.random.RandomState(0)
    fisher = np.array(
        [
            fisher_discrepancy(
                x, y, h, n_samples=20_000, random_state=rng, **options
            ).value
            for x in path[::4]
        ]
    )
    squares = np.array([residual_velocity(x, y, h, **options) for x in path[::4]])
    expected = abs(np.mean(stein[::4] - fisher)) + abs(np.mean(squares / h**4 - fisher))
    # By 500 draws at each of 12 times in the certificate, and at other times.
    assert_allclose(statement.terms["quadrature"], expected, rtol=0.3)
    entropy = found.start_entropy
    assert_allclose(statement.terms["initial"], entropy.value / time)
    log_f = flow.start.log_density(path[0], flow.noise)
    log_p = log_density(_named(Gaussian()), "conservative", path[0], y, w, h)
    assert_allclose(entropy.value, np.mean(log_f - log_p), rtol=1e-6)
    assert found.holds
    assert found.failing == []
    assert found.remarks == []
    peak = np.exp(Gaussian().log_normalizer(3)) / h**3
    shares = [peak / len(x) * reciprocal_density(x, h) for x in path]
    assert_allclose(found.reciprocal_share, shares, rtol=1e-8)
    rates = [pair_distortion(x, _velocity(x, y, w, h)) for x in path]
    assert_allclose(found.distortion, 0.02 * np.sum(rates), rtol=1e-8)
    lipschitz = max(interacting_lipschitz_constant(x, y, h, **options) for x in path)
    assert 0 < found.euler < 2 * np.expm1(lipschitz * 0.24)


def _named(kernel):
    return next(k for k in PROFILES if repr(k) == repr(kernel))


def _velocity(x, y, w, h):
    return velocities_of_ensemble(x, y, w, h, _named(Gaussian()), "conservative", False)


def test_displacement_certificate_has_the_terms_of_the_functions():
    drifter = fitted(LaplaceDrifter, n_particles=60, **{**SHORT, "max_iter": 3})
    found, flow = rate_certificate(drifter), drifter.flow_
    y, w, h = flow.rows.rows, flow.rows.weight, drifter.bandwidth_
    many = [
        coercivity(x, y, h, sample_weight=w, n_samples=20_000, random_state=1)
        for x in flow.trajectory
    ]
    weighted, theorem = found.statements["weighted"], found.statements["Theorem 6.9"]

    def mean(name):
        return abs(np.mean([getattr(part, name).value for part in many]))

    # By 500 draws in the certificate.
    assert_allclose(weighted.value, mean("weighted_energy"), rtol=0.2)
    assert_allclose(
        weighted.terms["scale mismatch"], mean("weighted_mismatch"), rtol=0.3
    )
    assert_allclose(weighted.terms["quadrature"], 2 * mean("stein_error"), rtol=0.2)
    assert_allclose(weighted.terms["initial"], 2 * found.start_entropy.value / 0.06)
    options = {"kernel": "laplace", "field": "displacement", "leave_one_out": True}
    residual = np.mean(
        [
            residual_velocity(x, y, h, sample_weight=w, **options)
            for x in flow.trajectory
        ]
    )
    assert_allclose(theorem.value, residual, rtol=1e-8)
    # a_max^2 / a_min is within the range of the draws.
    factor = theorem.terms["initial"] / (found.start_entropy.value / 0.06)
    bounds = np.array([part.scale_bounds for part in many])
    assert h**2 < factor / 4 < bounds[:, 1].max() ** 2 / bounds[:, 0].min()
    assert found.holds
    assert found.failing == []


@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (ConservativeDrifter, {}),
        (
            ConservativeDrifter,
            {"self_interaction": "leave-one-out", "n_particles": 300},
        ),
        (ConservativeDrifter, {"kernel": "rational_quadratic"}),
        (SharpDrifter, {}),
        (LaplaceDrifter, {"n_particles": 150}),
    ],
)
def test_certificates_hold_for_short_steps_and_for_default_ones(estimator, options):
    short = rate_certificate(fitted(estimator, WINE, **{**SHORT, **options}))
    assert short.holds
    assert short.failing == []
    usual = fitted(estimator, WINE, start="gaussian", random_state=0, **options)
    usual = rate_certificate(usual)
    assert usual.holds
    assert "annealing" in usual.failing
    for certificate in (short, usual):
        assert all(name in str(certificate) for name in certificate.statements)
        assert "nan" not in str(certificate)
        assert repr(certificate).startswith(certificate.title)
    assert "has no term for" in " ".join(str(usual).split())


def test_starts_that_are_not_independent_or_have_no_density():
    local = fitted(ConservativeDrifter, **{**SHORT, "start": "local"})
    found = rate_certificate(local)
    assert "not independently" in found.remarks[0]
    given = fitted(ConservativeDrifter, **{**SHORT, "start": IRIS + 0.1})
    found = rate_certificate(given)
    assert not found.holds
    assert found.failing == ["initial"]
    assert "no known density" in str(found)
    assert np.isinf(found.statements["Theorem 4.5"].bound)


def test_stopping_time():
    found = rate_certificate(fitted(ConservativeDrifter, **SHORT))
    shares = found.reciprocal_share
    assert found.stopping_time(shares.max()) == np.inf
    assert found.stopping_time(0.0) == 0
    # The particles start out wider than the data, and gather.
    level = (shares.max() + shares.min()) / 2
    first = np.flatnonzero(shares > level)[0]
    assert found.stopping_time(level) == found.times[first]
    with pytest.raises(ValueError, match="level"):
        found.stopping_time(-1.0)


# -- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize("function", [entropy_ledger, rate_certificate])
def test_errors_of_both(function):
    with pytest.raises(TypeError, match="'drifter' must be"):
        function(fitted(SinkhornDrifter, random_state=0, max_iter=2))
    with pytest.raises(NotFittedError):
        function(ConservativeDrifter())
    rest = fitted(
        ConservativeDrifter, start=IRIS, annealing=0, columns="free", random_state=0
    )
    assert rest.n_iter_ == 0
    with pytest.raises(ValueError, match="no trajectory"):
        function(rest)
    kinked = fitted(ConservativeDrifter, kernel="laplace", random_state=0)
    with pytest.raises(ValueError, match=r"Assumption 2\.1"):
        function(kinked)


def test_no_theorem_is_about_the_full_displacement_field():
    full = fitted(LaplaceDrifter, self_interaction="full", random_state=0)
    assert np.isfinite(entropy_ledger(full).change).all()
    with pytest.raises(ValueError, match=r"eq\. 55"):
        rate_certificate(full)
