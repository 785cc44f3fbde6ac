"""Rules of the theory: constants against closed forms, and rules as parameters."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import WINE as ALL_WINE
from problems import moons
from scipy.integrate import quad
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdrift import ConservativeDrifter, DriftGenerator, LaplaceDrifter, SharpDrifter
from skdrift._theory import occupancy, rates
from skdrift.diagnostics import (
    admissible_step,
    field_jacobian,
    fisher_quadrature,
    interacting_lipschitz_constant,
    lipschitz_constant,
    occupancy_bandwidth,
    optimal_bandwidth,
    quadrature_error,
    rate_constants,
    residual_velocity,
    self_interaction,
    stein_drift,
)
from skdrift.kernels import Gaussian, Matern, RationalQuadratic

MOONS = StandardScaler().fit_transform(moons(300, noise=0.1))
WINE = StandardScaler().fit_transform(ALL_WINE[:, :6])


def quantiles(n, sd=1.0):
    """Particles so regular that only the bandwidth counts."""
    return sd * norm.ppf((np.arange(n) + 0.5) / n)[:, None]


# -- quadrature error -----------------------------------------------------------------


@pytest.mark.parametrize("kernel", [Gaussian(), Matern(2.5), RationalQuadratic(4.0)])
def test_quadrature_error_is_the_difference_of_the_published_means(kernel):
    rng = np.random.default_rng(0)
    x, y, w = rng.standard_normal((9, 1)), rng.standard_normal((7, 1)), np.arange(1, 8)
    h, options = 0.8, {"kernel": kernel, "sample_weight": w}
    fisher = fisher_quadrature(x, y, h, **options).value
    stein = stein_drift(x, y, h, **options) - fisher
    residual = residual_velocity(x, y, h, **options) / h**4 - fisher
    error = quadrature_error(x, y, h, n_samples=90_000, random_state=0, **options)
    for found, expected in zip(error, (stein, residual), strict=True):
        # The largest of 6 deviations was 1.6 standard errors.
        assert abs(found.value - expected) < 4 * found.error
        assert found.error < 0.05 * abs(expected)
    assert_allclose(error.total, abs(error.stein.value) + abs(error.residual.value))


def test_average_of_a_fixed_field_is_that_of_the_formulas():
    # One particle, two data: everything by hand, in float64.
    x0, y, g, h = 0.3, np.array([-1.0, 2.0]), 0.9, 0.5

    def integrands(x):
        k = np.exp(-((x - y) ** 2) / (2 * g**2))
        a = k / k.sum()
        s_p, s_q = a @ (y - x) / g**2, (x0 - x) / g**2
        ds_p = a @ (y - x) ** 2 / g**4 - 1 / g**2 - s_p**2
        v = s_p - s_q
        return np.array([s_p * v + ds_p + 1 / g**2, v**2])

    for i in range(2):
        mean = quad(
            lambda z, i=i: integrands(x0 + h * z)[i] * norm.pdf(z), -9, 9, epsabs=1e-12
        )[0]
        expected = integrands(x0)[i] - mean
        found = quadrature_error(
            [[x0]], y[:, None], h, field_bandwidth=g, n_samples=40_000, random_state=1
        )[i]
        assert abs(found.value - expected) < 4 * found.error
        assert found.error < 0.02 * abs(expected)


def parabolas(g, sd=2.0, mean=1.0):
    """Particles in one place, data of a Gaussian density, the curvatures of both g.

    The model is the kernel, the data density another Gaussian, so that V is a line.
    """
    y = np.linspace(-12, 14, 400)[:, None]
    p = sd**2 + g**2
    slope = 1 / g**2 - 1 / p  # of V
    return (
        np.zeros((8, 1)),
        y,
        norm.pdf(y[:, 0], mean, sd),
        (-2 * slope / p, 2 * slope**2),
    )


def test_quadrature_error_reaches_the_bound_of_the_hessian():
    # The Hessian of a parabola is the same everywhere: the bound is the error.
    g, h = 1.0, 0.3
    x, y, w, curvatures = parabolas(g)
    error = quadrature_error(
        x, y, h, sample_weight=w, field_bandwidth=g, n_samples=20_000, random_state=0
    )
    for found, curvature in zip(error, curvatures, strict=True):
        assert abs(found.value + curvature * h**2 / 2) < 4 * found.error
        assert found.error < 0.02 * abs(found.value)


def test_no_field_no_error():
    x = np.random.default_rng(0).standard_normal((20, 2))
    assert quadrature_error(x, x, 0.5, random_state=0).total < 1e-9
    assert quadrature_error(np.ones((5, 2)), np.ones((4, 2)), 1.0).total < 1e-12


def test_weight_two_is_the_row_twice():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 12, 2))
    w = np.arange(12) % 2 + 1
    options = {"n_samples": 50, "random_state": 0}
    once = quadrature_error(x, y, 0.7, sample_weight=w, **options)
    twice = quadrature_error(x, np.repeat(y, w, axis=0), 0.7, **options)
    assert_allclose(once, twice, rtol=1e-9)


# -- constants ------------------------------------------------------------------------


def test_constants_of_parabolas_are_the_closed_forms():
    g, h = 1.0, np.array([0.2, 0.5, 1.0])
    x, y, w, curvatures = parabolas(g)
    found = rate_constants(
        x, y, h, sample_weight=w, field_bandwidth=g, n_samples=5000, random_state=0
    )
    # The same directions at every scale: a parabola is one power, without noise.
    assert abs(found.beta.value) < 1e-9
    assert_allclose(found.B.value, np.abs(curvatures).sum() / 2, rtol=0.08)  # 4 errors
    # All particles in one place: I_N = 1 / (N h^2), A the geometric mean of h.
    assert_allclose(found.A.value, np.exp(np.log(h).mean()), rtol=1e-10)
    assert_allclose(found.slope.value, -2, rtol=1e-10)
    best = optimal_bandwidth(*(e.value for e in found[:3]), 8, 1)
    assert_allclose(found.bandwidth.value, best, rtol=1e-10)


def test_smooth_fields_of_samples_have_beta_near_zero():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((800, 2)), 1.5 * rng.standard_normal((800, 2)) + 1
    h = np.geomspace(0.1, 0.4, 4)
    found = rate_constants(x, y, h, field_bandwidth=1.0, random_state=0)
    assert abs(found.beta.value) < 0.2  # measured 0.02
    a = [self_interaction(x, b) * len(x) * b**4 for b in h]
    assert_allclose(found.A.value, np.exp(np.mean(np.log(a))), rtol=1e-10)


def test_constant_of_the_self_interaction_by_brute_force():
    x = np.random.default_rng(0).random((50, 2))
    h = np.array([0.2, 0.3, 0.5])
    mean_inverse = [
        np.mean(1 / np.mean(norm.pdf(cdist(x, x), scale=b) / np.sqrt(2 * np.pi) / b, 1))
        for b in h
    ]
    expected = 2 / (2 * np.pi) * np.exp(np.mean(np.log(mean_inverse)))
    found = rate_constants(x, x + 0.3, h, field_bandwidth=0.5, random_state=0)
    assert_allclose(found.A.value, expected, rtol=1e-10)


def test_self_interaction_of_clouds_with_known_densities():
    # Gaussian particles at a wide bandwidth: E 1 / q_h = sqrt(2 pi) (1 + h^2) / h.
    x = quantiles(2000)
    for h in (1.0, 1.5):
        expected = (1 + h**2) / (len(x) * h**4)
        assert_allclose(self_interaction(x, h), expected, rtol=0.02)  # measured 0.008
    # A segment of length 3, but for its ends: 1 / q = 3, A = 3 / sqrt(2 pi).
    x = np.linspace(0, 3, 3000)[:, None]
    a = self_interaction(x, 0.02) * len(x) * 0.02**3
    assert_allclose(a, 3 / np.sqrt(2 * np.pi), rtol=0.02)  # measured 0.008


@pytest.mark.parametrize(("d", "n"), [(1, 2000), (2, 3000), (3, 3000)])
def test_self_interaction_falls_by_its_power_where_neighbours_are_many(d, n):
    # Uniform on a cube, h at most a sixth of its side, 50 particles within 2 h.
    x = np.random.default_rng(d).random((n, d))
    h = np.geomspace(0.08, 0.16, 4)
    slope = np.polyfit(np.log(h), np.log([self_interaction(x, b) for b in h]), 1)[0]
    assert_allclose(slope, -(d + 2), rtol=0.25)  # measured 0.05, 0.08, 0.13


def test_constants_do_not_depend_on_the_unit():
    rng = np.random.default_rng(0)
    x, y, h = (
        rng.standard_normal((60, 2)),
        rng.gamma(2.0, size=(60, 2)),
        [0.4, 0.6, 0.9],
    )
    one = rate_constants(x, y, h, field_bandwidth=0.6, random_state=0)
    c = 1e3
    many = rate_constants(
        c * x, c * y, c * np.array(h), field_bandwidth=0.6 * c, random_state=0
    )
    powers = {"A": 2, "B": one.beta.value - 4, "beta": 0, "slope": 0, "bandwidth": 1}
    for name, power in powers.items():
        found, expected = getattr(many, name).value, getattr(one, name).value
        assert_allclose(found, c**power * expected, rtol=1e-6)


def test_standard_errors_cover_what_repetition_gives():
    h = [0.5, 0.7, 1.0]
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x, y = rng.standard_normal((200, 2)), 2 * rng.standard_normal((200, 2))
        found.append(rate_constants(x, y, h, field_bandwidth=0.7, random_state=seed))
    for name in ("A", "B", "beta"):
        values, errors = np.array([getattr(c, name) for c in found]).T
        assert 0.4 < np.sqrt(np.mean(errors**2)) / values.std(ddof=1) < 2.5, name


def test_a_field_at_its_own_bandwidth_is_outside_the_rates():
    # Two samples of one law differ on the scale of the kernel: beta beyond 2.
    halves = np.split(MOONS, 2)
    h = np.geomspace(0.2, 0.8, 4)
    own = rate_constants(*halves, h, random_state=0)
    assert own.beta.value > 3  # measured 6
    assert own.bandwidth.value == np.inf
    fixed = rate_constants(*halves, h, field_bandwidth=0.4, random_state=0)
    assert fixed.beta.value < 2
    assert np.isfinite(fixed.bandwidth.value)


def test_optimal_bandwidth_is_the_least_of_the_sum():
    a, b, n, d = 0.7, 3.0, 500, 3
    for beta in (-0.5, 0.0, 1.0, 1.7):
        h = optimal_bandwidth(a, b, beta, n, d)

        def bound(h, beta=beta):
            return a / (n * h ** (d + 2)) + b * h ** (2 - beta)

        assert bound(h) < min(bound(h * 1.01), bound(h / 1.01))


# -- occupancy ------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 0.95, 1.0])
@pytest.mark.parametrize("d", [1, 3, 12])
def test_occupancy_is_the_distance_to_enough_neighbours(share, d):
    x = np.random.default_rng(d).standard_normal((120, d))
    wanted = int(np.ceil(np.log(120)))
    radius = np.sort(np.sort(cdist(x, x), axis=1)[:, wanted])
    expected = radius[int(np.ceil(share * 120)) - 1]
    assert_allclose(occupancy_bandwidth(x, share=share), expected, rtol=1e-12)


def test_occupancy_counts_weights():
    x = np.random.default_rng(0).standard_normal((40, 2))
    w = np.arange(40) % 3
    once = occupancy_bandwidth(x, sample_weight=w)
    assert_allclose(once, occupancy_bandwidth(np.repeat(x, w, axis=0)))
    assert_allclose(
        occupancy_bandwidth(x, sample_weight=np.full(40, 0.7)), occupancy_bandwidth(x)
    )
    # Weights that are no counts: the mass of neighbours, by brute force.
    w = np.random.default_rng(1).gamma(0.5, size=40)
    mass, distance = 40 * w / w.sum(), cdist(x, x)
    radius = []
    for i in range(40):
        order = np.argsort(distance[i])[1:]
        held = max(mass[i] - 1, 0) + np.cumsum(mass[order])
        radius.append(distance[i][order][np.argmax(held >= np.log(40))])
    order = np.argsort(radius)
    enough = np.argmax(np.cumsum(mass[order]) >= 0.95 * 40)
    expected = np.array(radius)[order][enough]
    assert_allclose(occupancy_bandwidth(x, sample_weight=w), expected)


def test_equal_rows_are_neighbours_but_not_the_only_ones():
    x = np.repeat(np.arange(6.0) ** 2, 20)[:, None]
    # 19 twins are enough, the nearest other place is 1 to 9 away.
    assert occupancy_bandwidth(x) == 9.0
    assert fitted(LaplaceDrifter, x, bandwidth="occupancy", columns="free")


def test_occupancy_of_many_rows_by_some_of_them():
    x = np.random.default_rng(0).standard_normal((6000, 2))
    wanted = int(np.ceil(np.log(6000)))
    radius = occupancy._radii(x, np.ones(6000), np.arange(6000), wanted)
    assert_allclose(occupancy_bandwidth(x), np.quantile(radius, 0.95), rtol=0.15)


# -- rules as parameters --------------------------------------------------------------

RULES = {
    ConservativeDrifter: ["rate", "scott", "silverman", "balance"],
    SharpDrifter: ["rate", "scott", "silverman", "balance"],
    LaplaceDrifter: ["rate", "scott", "silverman", "occupancy"],
}


def fitted(cls, X=MOONS, sample_weight=None, **options):
    options = {"max_iter": 4, "annealing": 2, "random_state": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cls(**options).fit(X, sample_weight=sample_weight)


@pytest.mark.parametrize("cls", RULES)
def test_rules_are_searched_over(cls):
    grid = {"bandwidth": RULES[cls], "step_size": [1.0, "lipschitz"]}
    search = GridSearchCV(
        cls(max_iter=3, random_state=0), grid, cv=2, error_score="raise"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(MOONS[:120])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = clone(search.best_estimator_)
    assert best.get_params()["bandwidth"] in RULES[cls]
    assert best.set_params(bandwidth=RULES[cls][-1]).bandwidth == RULES[cls][-1]


@pytest.mark.parametrize("X", [MOONS, WINE], ids=["moons", "wine"])
@pytest.mark.parametrize("cls", [ConservativeDrifter, SharpDrifter])
def test_balance_is_near_the_rate_and_deterministic(cls, X):
    rate = fitted(cls, X).bandwidth_
    found = fitted(cls, X, bandwidth="balance").bandwidth_
    assert 0.5 * rate <= found <= 2 * rate
    assert found != rate
    assert found == fitted(cls, X, bandwidth="balance").bandwidth_
    other = fitted(cls, X, bandwidth="balance", random_state=1).bandwidth_
    assert_allclose(other, found, rtol=0.4)  # .48 to .66 with six seeds on moons


def test_balance_is_the_optimum_of_the_constants():
    # The same computation through the public functions, of all rows and one start.
    drifter = fitted(ConservativeDrifter, bandwidth="balance", start="gaussian")
    z, x = (
        (rows - MOONS.mean(axis=0)) / drifter.scale_ for rows in (MOONS, drifter.start_)
    )
    pilot = fitted(ConservativeDrifter).bandwidth_
    constants = rate_constants(
        x,
        z,
        pilot * np.geomspace(0.5, 2, 5),
        field_bandwidth=pilot,
        n_samples=2000,
        random_state=0,
    )
    expected = optimal_bandwidth(*(e.value for e in constants[:3]), 300, 2)
    assert_allclose(drifter.bandwidth_, expected, rtol=0.05)  # measured 0.01


def test_balance_beyond_what_was_measured_warns(monkeypatch):
    beyond = rates.RateFit(log_a=0.0, log_b=0.0, beta=2.5, slope=-4.0)
    monkeypatch.setattr("skdrift._theory.rules.fit_rates", lambda *arguments: beyond)
    drifter = ConservativeDrifter(bandwidth="balance", random_state=0)
    with pytest.warns(UserWarning, match=r"beta = 2.5.*nearer end") as record:
        drifter.fit(MOONS)
    assert record[0].filename == __file__
    assert_allclose(drifter.bandwidth_, 2 * fitted(ConservativeDrifter).bandwidth_)


def test_more_rows_balance_at_a_smaller_bandwidth():
    found = []
    for n in (100, 1600):
        X = moons(n, noise=0.1)
        found.append(fitted(ConservativeDrifter, X, bandwidth="balance").bandwidth_)
    assert found[1] < found[0]


def test_occupancy_rule_is_that_of_the_diagnostics():
    drifter = fitted(LaplaceDrifter, 3 * WINE + 1, bandwidth="occupancy")
    assert_allclose(drifter.bandwidth_, occupancy_bandwidth(WINE), rtol=1e-9)
    data = fitted(LaplaceDrifter, 3 * WINE, bandwidth="occupancy", standardize=False)
    assert_allclose(data.bandwidth_, 3 * occupancy_bandwidth(WINE), rtol=1e-9)


@pytest.mark.parametrize(
    ("cls", "rule"), [(ConservativeDrifter, "balance"), (LaplaceDrifter, "occupancy")]
)
def test_rules_respect_weights(cls, rule):
    w = np.arange(len(MOONS)) % 3
    once = fitted(cls, MOONS, w, bandwidth=rule)
    twice = fitted(cls, np.repeat(MOONS, w, axis=0), bandwidth=rule)
    assert once.bandwidth_ == twice.bandwidth_
    assert once.bandwidth_ != fitted(cls, bandwidth=rule).bandwidth_


def test_rules_do_not_touch_the_stream_of_the_start():
    plain = fitted(ConservativeDrifter, early_stopping=False)
    ruled = fitted(
        ConservativeDrifter,
        bandwidth="balance",
        step_size="lipschitz",
        early_stopping=False,
    )
    assert_array_equal(plain.start_, ruled.start_)


STEPS = [
    (ConservativeDrifter, {}, "conservative", "gaussian"),
    (SharpDrifter, {"bandwidth": 0.1}, "conservative", "matern32"),
    (LaplaceDrifter, {"bandwidth": 0.2}, "displacement", "laplace"),
]


@pytest.mark.parametrize(("cls", "options", "field", "kernel"), STEPS)
def test_lipschitz_steps_are_those_of_the_jacobians(cls, options, field, kernel):
    # A start far from the data, all particles looked at: L is beyond 1.
    options = {
        "start": 3 * MOONS[::2],
        "annealing": [3.0, 1.0],
        "bandwidth": 0.4,
        "early_stopping": False,
        "standardize": False,
    } | options
    drifter = fitted(cls, step_size="lipschitz", **options)
    steps = drifter.history_["step_size"]
    h = drifter.history_["bandwidth"]
    for step, x, b in zip(steps[:-1], drifter.trajectory(), h, strict=False):
        leave = drifter.self_interaction != "full"
        options = {"kernel": kernel, "field": field, "leave_one_out": leave}
        frozen = lipschitz_constant(field_jacobian(x, MOONS, b, **options))
        interacting = interacting_lipschitz_constant(x, MOONS, b, **options)
        expected = min(1.0, admissible_step(max(frozen, interacting)))
        assert_allclose(step, expected, rtol=1e-3)
    assert steps[-1] == 0
    assert 0 < steps[:-1].min() < 1
    assert 0 < drifter.step_size_ <= 1


def test_step_size_is_fitted_and_followed():
    number = fitted(ConservativeDrifter, step_size=0.3)
    assert number.step_size_ == 0.3
    options = {"bandwidth": 0.1, "start": "gaussian", "max_iter": 30, "annealing": 0}
    ruled = fitted(ConservativeDrifter, step_size="lipschitz", **options)
    x = ruled.trajectory()
    moved = np.linalg.norm(np.diff(x, axis=0) / ruled.scale_, axis=2)
    steps = ruled.history_["step_size"][:-1]
    assert steps.min() < 0.5
    expected = steps * ruled.history_["residual_velocity"][:-1]
    assert_allclose(np.sqrt(np.mean(moved**2, axis=1)), expected, rtol=1e-9)
    assert np.isfinite(ruled.sample(20)).all()
    assert np.isfinite(ruled.transform(MOONS)).all()


def test_a_generator_takes_the_rules_of_its_drifter():
    learner = DriftGenerator(
        field=ConservativeDrifter(bandwidth="balance", annealing=2),
        max_iter=3,
        batch_size=64,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(learner.fit(MOONS).sample(5)).all()


@parametrize_with_checks(
    [
        ConservativeDrifter(bandwidth="balance", step_size="lipschitz", max_iter=5),
        LaplaceDrifter(bandwidth="occupancy", step_size="lipschitz", max_iter=5),
    ]
)
def test_estimator_checks(estimator, check):
    check(estimator)


# -- bad input ------------------------------------------------------------------------


def test_kernels_with_a_kink_are_refused():
    for compute in (
        lambda: quadrature_error(MOONS, MOONS, 1.0, kernel="laplace"),
        lambda: rate_constants(MOONS, MOONS, [1.0, 2.0, 3.0], kernel="laplace"),
    ):
        with pytest.raises(ValueError, match=r"assumes a C\^2 kernel.*Assumption 2.1"):
            compute()


@pytest.mark.parametrize(
    ("cls", "options", "match"),
    [
        (ConservativeDrifter, {"kernel": "laplace"}, r"C\^2 kernel.*SharpDrifter"),
        (
            ConservativeDrifter,
            {"self_interaction": "leave-one-out"},
            "has no self-interaction",
        ),
        (LaplaceDrifter, {}, "'bandwidth' parameter of LaplaceDrifter must be"),
    ],
)
def test_balance_says_which_assumption_fails(cls, options, match):
    with pytest.raises(ValueError, match=match):
        cls(bandwidth="balance", **options).fit(MOONS)


def test_other_rules_that_do_not_apply():
    with pytest.raises(ValueError, match="'bandwidth' parameter of Conservative"):
        ConservativeDrifter(bandwidth="occupancy").fit(MOONS)
    with pytest.raises(ValueError, match=r"'step_size' parameter of .* must be"):
        ConservativeDrifter(step_size="rate").fit(MOONS)
    for interaction in ("full", "leave-one-out"):
        # The conservative field jumps at data rows too.
        drifter = ConservativeDrifter(
            kernel="laplace", step_size="lipschitz", self_interaction=interaction
        )
        with pytest.raises(ValueError, match=r"'lipschitz'.*LaplaceDrifter"):
            drifter.fit(MOONS)
    heavy = ConservativeDrifter(kernel="rational_quadratic", bandwidth="balance")
    with pytest.raises(ValueError, match=r"'balance' cannot .*'rate'.* 6 dimensions"):
        heavy.fit(np.random.default_rng(0).standard_normal((50, 6)))
    with pytest.raises(ValueError, match=r"'occupancy' cannot be .* rows are equal"):
        LaplaceDrifter(bandwidth="occupancy").fit(np.ones((30, 2)))
    with pytest.raises(ValueError, match=r"'balance' cannot be estimated"):
        ConservativeDrifter(bandwidth="balance").fit(np.ones((30, 2)))
    drifter = ConservativeDrifter(bandwidth="balance", start=np.ones((30, 2)))
    with pytest.raises(ValueError, match=r"'balance' cannot be estimated"):
        drifter.fit(np.ones((30, 2)))
    assert not [name for name in vars(drifter) if name.endswith("_")]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"bandwidths": [1.0, 2.0]}, "'bandwidths' must be at least 3"),
        ({"bandwidths": [1.0, 1.0, 1.0]}, "'bandwidths' must be at least 3"),
        ({"bandwidths": [0.0, 1.0, 2.0]}, "'bandwidths' must be at least 3"),
        ({"bandwidths": [1.0, 2.0, np.nan]}, "bandwidths"),
        ({"X": MOONS[:7]}, "X has 7 rows .* too few for n_splits=4"),
        ({"Y": MOONS[:7]}, "Y has 7 rows"),
        ({"Y": MOONS[:, :1]}, "columns"),
        ({"sample_weight": np.r_[np.ones(5), np.zeros(295)]}, "Y has 5 rows"),
        ({"X": np.ones((9, 2)), "Y": np.ones((9, 2))}, "no quadrature error"),
        ({"X": MOONS, "Y": MOONS}, "no quadrature error"),
        ({"field_bandwidth": 0.0}, "field_bandwidth == 0.0, must be > 0"),
        ({"n_splits": 1}, "n_splits"),
        ({"n_samples": 1}, "n_samples"),
    ],
)
def test_constants_refuse(options, match):
    arguments = {"X": 2 * MOONS, "Y": MOONS, "bandwidths": [0.5, 1.0, 2.0]} | options
    with pytest.raises(ValueError, match=match):
        rate_constants(**arguments)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((0.0, 1.0, 0.0, 10, 2), "A"),
        ((1.0, np.inf, 0.0, 10, 2), "constant B must be finite"),
        ((1.0, 1.0, 2.0, 10, 2), "'beta' must be finite and below 2"),
        ((1.0, 1.0, np.nan, 10, 2), "'beta' must be finite and below 2"),
        ((1.0, 1.0, 0.0, 0, 2), "n_particles"),
    ],
)
def test_optimal_bandwidth_refuses(arguments, match):
    with pytest.raises(ValueError, match=match):
        optimal_bandwidth(*arguments)


def test_occupancy_refuses():
    with pytest.raises(ValueError, match="minimum of 2"):
        occupancy_bandwidth([[0.0]])
    with pytest.raises(ValueError, match="rows are equal"):
        occupancy_bandwidth(np.ones((9, 2)))
    with pytest.raises(ValueError, match="share"):
        occupancy_bandwidth(MOONS, share=0.0)
    assert occupancy_bandwidth([[0.0], [2.0]]) == 2.0


def test_constant_columns_do_not_change_the_balance():
    X = np.random.default_rng(0).standard_normal((200, 3))
    wide = np.column_stack((X, np.ones((200, 4))))
    h, same = (
        ConservativeDrifter(bandwidth="balance", random_state=0, max_iter=1)
        .fit(rows)
        .bandwidth_
        for rows in (X, wide)
    )
    assert_allclose(same, h, rtol=1e-6)


def test_generator_balances_the_particles_that_repel():
    def widest(batch_size):
        generator = DriftGenerator(
            field=ConservativeDrifter(bandwidth="balance"),
            batch_size=batch_size,
            max_iter=1,
            random_state=0,
        )
        return generator.fit(MOONS)._fitted.classes[0].bandwidths[-1]

    assert widest(32) > 1.2 * widest(1024)  # measured: 1.48


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1, np.nan])
def test_shares_that_are_none(share):
    with pytest.raises(ValueError, match=r"'share' must be in \(0, 1\]"):
        occupancy_bandwidth(MOONS, share=share)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_units_beyond_floats(unit):
    with pytest.raises(ValueError, match="use other units"):
        occupancy_bandwidth(MOONS * unit)


def test_no_best_bandwidth_without_a_beta():
    for beta in (-np.inf, np.nan, 2.0):
        with pytest.raises(ValueError, match="'beta' must be finite and below 2"):
            optimal_bandwidth(1.0, 1.0, beta, 1000, 2)
