"""Behaviour of the estimators through their public interface."""

import datetime
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import brute_force
from problems import IRIS, WINE, moons
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.bandwidth import conservative_rate
from skdrift.engines import KeopsEngine, NumbaEngine
from skdrift.flow import _fit
from skdrift.flow._calibration import NOISE_BOUNDS
from skdrift.kernels import Matern, RationalQuadratic
from skdrift.metrics import closest_record_ratio, energy_distance

DRIFTERS = [ConservativeDrifter, LaplaceDrifter]
both = pytest.mark.parametrize("cls", DRIFTERS)


@pytest.fixture(scope="module", params=DRIFTERS)
def fitted(request):
    return request.param(random_state=0).fit(WINE)


# -- fit -----------------------------------------------------------------------------


def test_fitted_attributes(fitted):
    n, d = fitted.particles_.shape
    assert d == 13
    assert fitted.start_.shape == (n, d)
    assert n == 178 * (2 if isinstance(fitted, LaplaceDrifter) else 1)
    assert fitted.engine_ in {"numpy", "numba"}
    assert fitted.stopped_by_ in {"tol", "memorization"}
    assert NOISE_BOUNDS[0] <= fitted.start_noise_ <= NOISE_BOUNDS[1]
    assert 0 <= fitted.memorization_auc_ <= 1
    for values in fitted.history_.values():
        assert values.shape == (fitted.n_iter_ + 1,)
    assert fitted.residual_velocity_ == fitted.history_["residual_velocity"][-1]
    assert np.all(fitted.history_["bandwidth"] >= fitted.bandwidth_)
    assert_allclose(fitted.scale_, WINE.std(axis=0))


def test_default_bandwidths_are_the_rates_of_the_theory():
    n, d = WINE.shape
    h = ConservativeDrifter(random_state=0).fit(WINE).bandwidth_
    assert_allclose(h, np.sqrt(d / 2) * n ** (-1 / (d + 4)))
    h = LaplaceDrifter(random_state=0).fit(WINE).bandwidth_
    assert_allclose(h, 2 * np.sqrt(d / 2) * (np.log(n) / n) ** (1 / d))


def test_bandwidth_rules_follow_the_scale_of_the_data():
    X = moons(200, noise=0.1) * [100, 1]
    for rule in ("rate", "scott", "silverman"):
        h = ConservativeDrifter(bandwidth=rule, random_state=0).fit(X).bandwidth_
        raw = ConservativeDrifter(
            bandwidth=rule, standardize=False, random_state=0
        ).fit(X)
        assert_allclose(raw.bandwidth_, h * np.sqrt(np.mean(X.var(axis=0))))
    assert_allclose(h, (200 * 4 / 4) ** (-1 / 6))
    assert ConservativeDrifter(bandwidth=0.3).fit(X).bandwidth_ == 0.3


def test_residual_velocity_is_that_of_the_final_particles():
    drifter = ConservativeDrifter(
        columns="free", early_stopping=False, random_state=0
    ).fit(WINE)
    v = drifter.velocity(drifter.particles_) / drifter.scale_
    rms = np.sqrt(np.mean(np.sum(v**2, axis=1)))
    assert_allclose(drifter.residual_velocity_, rms, rtol=1e-9)


@pytest.mark.parametrize("kernel", ["laplace", "matern32", RationalQuadratic(alpha=9)])
@pytest.mark.parametrize("self_interaction", ["full", "leave-one-out"])
@both
def test_every_kernel_and_self_interaction(cls, kernel, self_interaction):
    X = IRIS
    drifter = cls(kernel=kernel, self_interaction=self_interaction, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rows = drifter.fit(X).sample(200)
    assert np.isfinite(rows).all()
    spread = rows.std(axis=0) / X.std(axis=0)
    assert np.all((spread > 0.6) & (spread < 1.5)), spread


def test_columns_of_any_scale_need_no_scaler():
    units = 10.0 ** np.arange(-6, 7)
    drifter = ConservativeDrifter(columns="free", random_state=0)
    plain = clone(drifter).fit(WINE)
    other = clone(drifter).fit(WINE * units + 5 * units)
    expected = plain.sample(50) * units + 5 * units
    assert_allclose(other.sample(50), expected, rtol=1e-6)
    shift = np.log(units).sum()
    scores = other.score_samples((WINE + 5) * units)
    assert_allclose(scores, plain.score_samples(WINE) - shift, rtol=1e-6)


def test_max_iter_warns_and_says_how_far_it_is():
    drifter = ConservativeDrifter(max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=3 steps.*residual velocity"):
        drifter.fit(WINE)
    assert drifter.stopped_by_ == "max_iter"
    assert drifter.n_iter_ == 3
    # The annealing is squeezed: the last bandwidth is the target.
    assert drifter.bandwidth_ == drifter.history_["bandwidth"][-1]


def test_tol_stops_the_flow():
    X = moons(300)
    drifter = ConservativeDrifter(
        annealing=5, early_stopping=False, tol=0.02, random_state=0
    ).fit(X)
    assert drifter.stopped_by_ == "tol"
    ratio = drifter.history_["residual_velocity"] / drifter.bandwidth_
    assert ratio[-1] <= 0.02
    assert ratio[-2] > 0.02 or drifter.n_iter_ == 5


def test_annealing_by_default():
    for start, n, expected in (
        ("local", 999, 20),
        ("local", 1000, 5),
        ("gaussian", 1000, 20),
    ):
        X = np.random.default_rng(0).normal(size=(n, 1))
        drifter = ConservativeDrifter(
            start=start, n_particles=64, early_stopping=False, random_state=0
        )
        bandwidth = drifter.fit(X).history_["bandwidth"]
        assert np.count_nonzero(bandwidth > drifter.bandwidth_) == expected


def test_early_stopping_prevents_copies():
    train, test = train_test_split(WINE, test_size=0.5, random_state=0)
    scaler = StandardScaler().fit(train)

    def dcr(early_stopping):
        drifter = ConservativeDrifter(early_stopping=early_stopping, random_state=0)
        rows = drifter.fit(train).sample(len(test))
        return closest_record_ratio(*map(scaler.transform, (rows, test, train)))

    assert dcr(False) < 0.75
    assert dcr(True) > 0.9  # 0.70 and 1.0


def test_verbose_prints_the_engine_and_every_step(capsys):
    drifter = ConservativeDrifter(start="gaussian", verbose=1, random_state=0).fit(WINE)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == drifter.n_iter_ + 2
    numbers = "178 particles, 178 distinct rows, 13 columns"
    assert lines[0] == f"[ConservativeDrifter] engine {drifter.engine_}, {numbers}"
    assert lines[1].startswith("[ConservativeDrifter] step 0, bandwidth 3.82")
    # Every flow that the noise of a local start is chosen from.
    drifter.set_params(start="local").fit(WINE)
    lines = capsys.readouterr().out.splitlines()
    assert 1 < sum(" step 0, " in line for line in lines) <= 5
    assert len(lines) > drifter.n_iter_ + 2
    ConservativeDrifter(random_state=0).fit(WINE).sample(2)
    assert capsys.readouterr().out == ""


# -- starts --------------------------------------------------------------------------


def test_start_from_rows():
    X = moons(200)
    start = np.random.default_rng(0).uniform(-1, 1, (90, 2))
    drifter = ConservativeDrifter(start=start, random_state=0).fit(X)
    assert_allclose(drifter.start_, start)
    assert drifter.particles_.shape == (90, 2)
    rows = drifter.sample(90, random_state=1)
    gaps = np.linalg.norm(rows[:, None] - drifter.particles_, axis=2).min(axis=1)
    assert np.all(gaps > 1e-9)


def test_start_from_a_callable():
    def start(n, random_state):
        return random_state.uniform(-1, 1, (n, 2))

    X = moons(200)
    drifter = ConservativeDrifter(start=start, random_state=0).fit(X)
    assert np.abs(drifter.start_).max() <= 1
    assert drifter.sample(7).shape == (7, 2)


# -- sample --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 177, 178, 179, 500, 1000])
def test_sample_gives_n_new_rows(fitted, n):
    rows = fitted.sample(n, random_state=0)
    assert rows.shape == (n, 13)
    assert np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) == n
    gaps = np.abs(rows[:, None] - fitted.particles_).max(axis=2)
    assert gaps.min() > 1e-6


def test_sample_is_reproducible(fitted):
    rows = fitted.sample(5, random_state=3)
    assert_array_equal(fitted.sample(5, random_state=3), rows)
    assert not (fitted.sample(5, random_state=4) == rows).all(axis=1).any()
    assert_array_equal(fitted.sample(5), fitted.sample(5))  # the estimator's seed
    rng = np.random.RandomState(0)
    again = fitted.sample(5, random_state=rng)
    assert not (fitted.sample(5, rng) == again).all(axis=1).any()


def test_sample_without_any_seed_is_new_every_time():
    drifter = ConservativeDrifter().fit(WINE)
    assert not (drifter.sample(4) == drifter.sample(4)).all(axis=1).any()


def test_sample_with_the_seed_of_fit_is_not_the_fitted_ensemble():
    drifter = ConservativeDrifter(random_state=0).fit(WINE)
    assert_array_equal(drifter.particles_, clone(drifter).fit(WINE).particles_)
    rows = drifter.sample(178, random_state=0)
    assert not (rows == drifter.particles_).all(axis=1).any()


def test_sampled_rows_are_exchangeable():
    # Over many draws of two ensembles at once, no position differs from any other:
    # the means of the first and of the last rows agree with the overall mean.
    X = np.random.default_rng(0).standard_normal((20, 1))
    drifter = ConservativeDrifter(n_particles=8, random_state=0).fit(X)
    draws = np.array([drifter.sample(16, random_state=i)[:, 0] for i in range(400)])
    standard_error = draws.std() / np.sqrt(400)
    deviation = np.abs(draws.mean(axis=0) - draws.mean()) / standard_error
    assert deviation.max() < 4
    # Rows of one ensemble repel one another; which rows share one is hidden.
    correlation = np.corrcoef(draws.T)[np.triu_indices(16, 1)]
    assert correlation.std() < 1.5 / np.sqrt(400)


def test_a_few_rows_have_the_law_of_many():
    X = moons(300)
    drifter = ConservativeDrifter(random_state=0).fit(X)
    singles = np.concatenate([drifter.sample(1, random_state=i) for i in range(150)])
    many = drifter.sample(1200, random_state=0)
    # Fresh halves of the data are 0.01 apart at these sizes.
    assert energy_distance(singles, many) < 0.03


# -- weights -------------------------------------------------------------------------


@both
def test_weights_are_repeated_rows_to_the_last_bit(cls):
    rng = np.random.default_rng(0)
    X, weight = WINE[:60], rng.integers(0, 4, 60)
    weighted = cls(random_state=0).fit(X, sample_weight=weight)
    order = rng.permutation(np.repeat(np.arange(60), weight))
    repeated = cls(random_state=0).fit(X[order])
    assert weighted.bandwidth_ == repeated.bandwidth_
    assert_array_equal(weighted.particles_, repeated.particles_)
    assert_array_equal(weighted.sample(20), repeated.sample(20))
    assert_array_equal(weighted.transform(X), repeated.transform(X))
    assert_array_equal(weighted.score_samples(X), repeated.score_samples(X))


@pytest.mark.parametrize("start", ["gaussian", "local"])
@pytest.mark.parametrize("scale", [1 / 178, 0.7, 1e300, 1e-300])
def test_weights_that_do_not_count_are_relative(start, scale):
    weight = np.random.default_rng(0).uniform(1, 9, 178)
    drifter = ConservativeDrifter(start=start, random_state=0)
    plain = clone(drifter).fit(WINE, sample_weight=weight)
    scaled = clone(drifter).fit(WINE, sample_weight=scale * weight)
    assert plain.particles_.shape == scaled.particles_.shape == (178, 13)
    assert_allclose(scaled.particles_, plain.particles_, rtol=1e-6)


@pytest.mark.parametrize("weight", [2, 10, 1000, "survey"])
def test_integers_that_would_repeat_every_row_are_relative(weight):
    X, fresh = np.random.default_rng(0).standard_normal((2, 300, 3))
    if weight == "survey":
        weight = np.random.default_rng(1).integers(50, 2000, 300)
    weight = np.broadcast_to(weight, 300)
    drifter = ConservativeDrifter(random_state=0)
    plain = clone(drifter).fit(X, sample_weight=weight / weight.mean())
    with pytest.warns(UserWarning, match=rf"at least {weight.min()}\. .*numpy\.repeat"):
        drifter.fit(X, sample_weight=weight)
    assert_array_equal(drifter.particles_, plain.particles_)
    assert drifter.flow_.rows.n_samples == 300
    assert drifter.stopped_by_ == "memorization"
    # As counts, these medians were 0.67, 0.55, 0.42 and 0.41 of those of fresh rows.
    near = [np.median(cdist(x, X).min(axis=1)) for x in (drifter.sample(300), fresh)]
    assert near[0] > 0.8 * near[1]


@pytest.mark.parametrize("rest", [0, 1])
def test_counts_that_may_be_shares_are_warned_of(rest):
    X = np.random.default_rng(0).standard_normal((40, 2))
    weight = np.r_[1, rest, np.full(38, 12)]
    with pytest.warns(UserWarning, match=r"rows of X as 45[78] samples.*their mean"):
        weighted = ConservativeDrifter(random_state=0).fit(X, sample_weight=weight)
    repeated = ConservativeDrifter(random_state=0).fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.particles_, repeated.particles_, rtol=1e-9)


@pytest.mark.parametrize("weight", [np.arange(60) % 5, np.ones(60), np.r_[[9] * 59, 1]])
def test_plain_counts_are_not_warned_of(weight):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        ConservativeDrifter(random_state=0, max_iter=2).fit(WINE[:60], None, weight)


def test_weights_of_any_size_beside_one_another():
    weight = np.append(np.ones(170), np.full(8, 5e-324))
    drifter = ConservativeDrifter(random_state=0).fit(WINE, sample_weight=weight)
    assert np.isfinite(drifter.sample(3)).all()
    assert np.isfinite(drifter.score(WINE))


def test_heavy_rows_attract_more_particles():
    X = make_moons(400, noise=0.05, random_state=0)
    weight = np.where(X[1] == 0, 9.0, 1.0)
    drifter = ConservativeDrifter(random_state=0).fit(X[0], sample_weight=weight)
    rows = drifter.sample(1000)
    upper = np.linalg.norm(rows - [0, 0], axis=1) < np.linalg.norm(
        rows - [1, 0.5], axis=1
    )
    reference = np.linalg.norm(X[0], axis=1) < np.linalg.norm(X[0] - [1, 0.5], axis=1)
    assert_allclose(upper.mean(), np.average(reference, weights=weight), atol=0.06)


# -- transform, velocity -------------------------------------------------------------


def test_transform_carries_the_start_to_the_particles():
    for kernel in ("gaussian", Matern(nu=1.5)):
        drifter = ConservativeDrifter(kernel=kernel, random_state=0).fit(WINE)
        assert_allclose(
            drifter.transform(drifter.start_), drifter.particles_, rtol=1e-9
        )


def test_transformed_rows_do_not_interact():
    X = moons(300)
    drifter = LaplaceDrifter(random_state=0).fit(X)
    rows = np.random.default_rng(0).standard_normal((20, 2))
    together = drifter.transform(rows)
    apart = np.concatenate([drifter.transform(row[None]) for row in rows])
    assert_allclose(together, apart, rtol=1e-9, atol=1e-12)


def test_transform_makes_start_noise_look_like_the_data():
    X = moons(1000)
    drifter = ConservativeDrifter(start="gaussian", random_state=0).fit(X)
    rng = np.random.default_rng(1)
    noise = rng.multivariate_normal(X.mean(axis=0), np.cov(X.T), 1000)
    before, after = (energy_distance(Z, X) for Z in (noise, drifter.transform(noise)))
    assert after < 0.1 * before  # 0.003 and 0.06


def test_velocity_points_from_the_particles_to_the_data():
    X = moons(200) * [1, 100]
    away = X + np.array([0.5, -50])
    drifter = ConservativeDrifter(start=away, step_size=1e-9, max_iter=1, tol=0)
    with pytest.warns(ConvergenceWarning):
        drifter.set_params(early_stopping=False).fit(X)
    v = drifter.velocity(X)
    assert v.shape == X.shape
    assert np.all(v.mean(axis=0) * [-1, 1] > [0.1, 10])
    balanced = drifter.set_params(start=X).fit(X).velocity(X)
    assert_allclose(balanced, 0, atol=1e-6)


# -- scores --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "name"), [("gaussian", "gaussian"), ("laplace", "exponential")]
)
@pytest.mark.parametrize("d", [1, 3])
def test_score_samples_is_the_kernel_density_of_the_particles(kernel, name, d):
    X = WINE[:, :d]
    drifter = ConservativeDrifter(
        kernel=kernel, bandwidth=0.8, standardize=False, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        drifter.fit(X)
    density = KernelDensity(kernel=name, bandwidth=0.8).fit(drifter.particles_)
    found = drifter.score_samples(X, method="kde")
    assert_allclose(found, density.score_samples(X), rtol=1e-9)


@both
def test_density_integrates_to_one_in_data_units(cls):
    X = 100 + 30 * np.random.default_rng(0).standard_normal((80, 1))
    drifter = cls(random_state=0).fit(X)
    grid = np.linspace(-200, 400, 20_001)[:, None]
    density = np.exp(drifter.score_samples(grid, method="kde"))
    assert_allclose(density.sum() * 0.03, 1, rtol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_score_against_its_definition(weighted):
    rng = np.random.default_rng(0)
    X, z = rng.standard_normal((2, 40, 3)) * [1, 10, 100]
    weight = rng.uniform(0.2, 2, 40) if weighted else np.ones(40)
    drifter = ConservativeDrifter(columns="free", random_state=0)
    drifter.fit(X, sample_weight=weight)
    std = np.sqrt(np.average((X - weight @ X / weight.sum()) ** 2, 0, weight))

    def residual(data, h, log_weights=None):
        velocity = [
            brute_force(z / std, y / std, Matern(0.5), h, "conservative", *rest)[1]
            for y, *rest in ((data, log_weights), (z, None, range(40)))
        ]
        return np.linalg.norm(velocity[0] - velocity[1])

    log_weights = np.log(weight / weight.sum())
    bandwidths = conservative_rate(40, 3) * np.array([1, 2, 4, 8])
    ratios = [
        residual(drifter.particles_, h) / residual(X, h, log_weights)
        for h in bandwidths
    ]
    wide = residual(drifter.particles_, bandwidths[-1]) / np.sqrt(40) / bandwidths[-1]
    assert_allclose(drifter.score(z), -max(ratios) - wide, rtol=1e-9)


def test_score_of_copies_is_near_minus_one():
    train, test = moons(300).reshape(2, 150, 2)
    assert -1.08 < score_of(train, train, test) < -1  # -1.056
    # Many fresh rows are better than copies, rows that are elsewhere are worse.
    fresh = moons(3000, random_state=1)
    assert score_of(fresh, train, test) > -0.8  # -0.63
    mean = train.mean(axis=0)
    for elsewhere in (train + np.array([0.3, 0]), mean + 1.5 * (train - mean)):
        assert score_of(elsewhere, train, test) < -2  # -3.9 and -4.9


def score_of(particles, train, test, **parameters):
    """Score of a model with these particles, which do not move."""
    drifter = ConservativeDrifter(
        columns="free",
        start=particles,
        max_iter=1,
        tol=1e9,
        annealing=0,
        early_stopping=False,
    )
    drifter.set_params(**parameters).fit(train)
    assert_allclose(drifter.particles_, particles, rtol=1e-12)
    return drifter.score(test)


@both
def test_score_of_rows_of_another_law_is_lower(cls):
    train, test = moons(600).reshape(2, 300, 2)
    drifter = cls(random_state=0).fit(train)
    scores = [drifter.score(test + shift) for shift in (0, 0.5, 1, 2)]
    assert np.all(np.diff(scores) < -0.03), scores


def test_score_prefers_a_bandwidth_that_resolves_the_data():
    train, test = moons(600).reshape(2, 300, 2)
    drifter = ConservativeDrifter(
        start="gaussian", early_stopping=False, random_state=0
    )
    good, wide = (
        drifter.set_params(bandwidth=h).fit(train).score(test) for h in (0.2, 5.0)
    )
    assert good > -1.1 > -2 > wide  # -0.99 and -2.6


def test_score_does_not_depend_on_units():
    train, test = moons(300).reshape(2, 150, 2)
    units = np.array([1e-3, 1e4])
    drifter = ConservativeDrifter(random_state=0)
    score = drifter.fit(train).score(test)
    assert_allclose(drifter.fit(train * units).score(test * units), score, rtol=1e-6)
    # Distances of the flow may be raw, those of the score are standardised.
    args = (train[:90] * units, train * units, test * units)
    assert_allclose(score_of(*args, standardize=False), score_of(*args), rtol=1e-9)


def test_score_is_hardly_changed_by_an_outlier():
    train, test = moons(600).reshape(2, 300, 2)
    score = score_of(train[::2], train, test)
    for outlier in (10.0, 1e6):
        far = test.copy()
        far[0] = outlier
        assert abs(score_of(train[::2], train, far) - score) < 0.02  # 0.005


@both
def test_score_is_finite_for_few_or_repeated_rows(cls):
    X = moons(200)
    drifter = cls(random_state=0).fit(np.repeat(X[:100], 2, axis=0))
    for rows in (X[100:], X[100:101], X[:1], np.tile(X[0], (5, 1)), np.repeat(X, 2, 0)):
        score = drifter.score(rows)
        assert isinstance(score, float)
        assert -np.inf < score <= 0


def test_score_of_every_engine():
    X = moons(300)
    drifter = ConservativeDrifter(random_state=0).fit(X[:150])
    score = drifter.set_params(engine="numpy").score(X[150:])
    if NumbaEngine.unavailable_reason() is None:
        assert_allclose(drifter.set_params(engine="numba").score(X[150:]), score)


def test_score_has_one_reference_for_all_candidates():
    train, test = train_test_split(WINE, random_state=0)
    particles = ConservativeDrifter(random_state=0).fit(train).particles_
    # Candidates that end with the same particles score the same.
    frozen = [
        cls(start=particles, bandwidth=h, max_iter=1, step_size=1e-12, tol=1e9)
        for cls in DRIFTERS
        for h in (0.1, 10.0)
    ]
    scores = [candidate.fit(train).score(test) for candidate in frozen]
    assert_allclose(scores, scores[0], rtol=1e-6)


def test_grid_search_over_the_bandwidth():
    X = moons(300)
    grid = {"bandwidth": [0.02, 0.3, 20.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(ConservativeDrifter(random_state=0), grid, cv=3).fit(X)
    assert search.best_params_["bandwidth"] != 20.0
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.sample(3).shape == (3, 2)


def test_grid_search_over_a_kernel_parameter():
    grid = {"kernel__alpha": [2.0, 8.0]}
    drifter = ConservativeDrifter(kernel=RationalQuadratic(), random_state=0)
    search = GridSearchCV(drifter, grid, cv=2).fit(IRIS)
    assert search.best_params_["kernel__alpha"] in (2.0, 8.0)


def test_last_step_of_a_pipeline():
    pipeline = make_pipeline(PCA(2), ConservativeDrifter(random_state=0))
    pipeline.fit(IRIS)
    assert pipeline[-1].sample(4).shape == (4, 2)
    assert pipeline.score(IRIS) <= 0
    assert pipeline.set_params(conservativedrifter__bandwidth=0.5)


def test_parameters_set_after_fit_do_not_change_the_fitted_flow():
    drifter = ConservativeDrifter(random_state=0).fit(WINE)
    rows, density = drifter.sample(4), drifter.score_samples(WINE)
    drifter.set_params(kernel="laplace", self_interaction="leave-one-out", bandwidth=9)
    drifter.set_params(start="gaussian", standardize=False, step_size=0.1)
    assert_array_equal(drifter.sample(4), rows)
    assert_array_equal(drifter.score_samples(WINE), density)
    with pytest.raises(ValueError, match="'engine' parameter must be one of"):
        drifter.set_params(engine="cuda").sample(4)


# -- unusual data --------------------------------------------------------------------


@both
def test_constant_columns_come_back_constant(cls):
    X = np.column_stack([WINE[:, 0], np.full(178, 0.1), WINE[:, 1], np.zeros(178)])
    drifter = cls(random_state=0).fit(X)
    for rows in (drifter.sample(300), drifter.particles_):
        assert np.all(rows[:, 1] == 0.1)
        assert np.all(rows[:, 3] == 0)
    without = cls(random_state=0).fit(WINE[:, :2])
    assert drifter.bandwidth_ == without.bandwidth_
    assert np.isfinite(drifter.score_samples(X)).all()


@pytest.mark.parametrize("start", ["gaussian", "local"])
@both
def test_equal_rows_give_equal_rows(cls, start):
    X = np.tile([1.0, -2.5, 1e9], (7, 1))
    drifter = cls(start=start, random_state=0).fit(X)
    assert_array_equal(drifter.sample(3), X[:3])
    assert_array_equal(drifter.transform(X), X)
    assert np.isfinite(drifter.score(X))
    assert np.isfinite(drifter.score_samples(X)).all()


@both
def test_two_rows_and_more_columns_than_rows(cls):
    X = np.random.default_rng(0).standard_normal((6, 50))
    for rows in (X, X[:2]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            drifter = cls(random_state=0).fit(rows)
        drawn = drifter.sample(10)
        assert np.isfinite(drawn).all()
        assert np.abs(drawn).max() < 10


@both
def test_many_duplicates(cls):
    X = np.random.default_rng(0).integers(0, 3, (500, 2)).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rows = cls(random_state=0).fit(X).sample(500)
    assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=0.1)
    assert_allclose(rows.std(axis=0), X.std(axis=0), rtol=0.25)


@both
@pytest.mark.parametrize("factor", [1e-150, 1e150])
def test_extreme_units(cls, factor):
    X = WINE[:, :3]
    rows = cls(random_state=1).fit(X * factor).sample(50) / factor
    assert_allclose(rows, cls(random_state=1).fit(X).sample(50), rtol=1e-6)


@both
@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_units_too_extreme_for_raw_distances(cls, factor):
    drifter = cls(standardize=False)
    with pytest.raises(ValueError, match="too far from 1 for standardize=False"):
        drifter.fit(WINE[:, :3] * factor)


@pytest.mark.parametrize(
    ("drifter", "law"),
    [
        (ConservativeDrifter(step_size=5.0, start="gaussian"), "standard_normal"),
        # One more particle in the tail would be a fixed point with the self-term only.
        (LaplaceDrifter(batch_size=None), "standard_cauchy"),
        (LaplaceDrifter(start="gaussian"), "standard_cauchy"),
    ],
)
def test_a_flow_that_runs_away_ends_before(drifter, law):
    X = getattr(np.random.RandomState(0), law)((150, 2))
    drifter = clone(drifter).set_params(random_state=1)
    with pytest.warns(ConvergenceWarning, match="ran away.*step_size"):
        drifter.fit(X)
    assert drifter.stopped_by_ == "divergence"
    spread, at_start, of_data = (
        np.sqrt(np.mean(((Z - X.mean(axis=0)) / X.std(axis=0)) ** 2))
        for Z in (drifter.particles_, drifter.start_, X)
    )
    assert spread <= 1.5 * max(at_start, of_data)


def test_annealing_by_given_multiples():
    drifter = ConservativeDrifter(annealing=[4, 2.5], random_state=0).fit(WINE)
    multiples = drifter.history_["bandwidth"] / drifter.bandwidth_
    assert_allclose(multiples, [4, 2.5] + [1] * (len(multiples) - 2))
    for wrong in ([1, -2], [[1, 2]], [np.nan], ["a"], [[1], [1, 2]]):
        with pytest.raises(ValueError, match="'annealing' parameter"):
            drifter.set_params(annealing=wrong).fit(WINE)


def test_a_fresh_ensemble_that_runs_away_ends_before():
    drifter = ConservativeDrifter(random_state=0).fit(WINE)
    drifter.history_["step_size"] *= 9
    with pytest.warns(ConvergenceWarning, match="fresh ensemble ran away") as caught:
        Z = drifter.sample(len(WINE))
    assert caught[0].filename == __file__
    assert np.linalg.norm(Z.std(axis=0) / WINE.std(axis=0)) < 1.5 * np.sqrt(13)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_queries_that_do_not_fit_the_fitted_precision():
    drifter = ConservativeDrifter(random_state=0).fit(WINE[:, :2].astype(np.float32))
    with pytest.raises(ValueError, match="too large for dtype"):
        drifter.transform([[1e39, 0.0]])


def test_float32_stays_float32(fitted):
    drifter = clone(fitted).fit(WINE.astype(np.float32))
    rows = drifter.sample(20)
    for array in (
        rows,
        drifter.particles_,
        drifter.start_,
        drifter.transform(WINE[:5]),
        drifter.velocity(WINE[:5]),
        drifter.score_samples(WINE[:5]),
    ):
        assert array.dtype == np.float32
    spread = drifter.particles_.std(axis=0) / fitted.particles_.std(axis=0)
    assert_allclose(spread, 1, atol=0.2)


# -- persistence ---------------------------------------------------------------------


def test_pickle_and_joblib(fitted, tmp_path):
    rows = fitted.sample(4, random_state=0)
    for copy in (pickle.loads(pickle.dumps(fitted)), _joblib(fitted, tmp_path)):
        assert_array_equal(copy.sample(4, random_state=0), rows)
        assert_array_equal(copy.score_samples(WINE), fitted.score_samples(WINE))


def _joblib(estimator, folder):
    joblib.dump(estimator, folder / "drifter.joblib")
    return joblib.load(folder / "drifter.joblib")


# -- bad input -----------------------------------------------------------------------

NAN, INF = WINE[:9].copy(), WINE[:9].copy()
NAN[3, 2], INF[0, 0] = np.nan, np.inf


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.empty((0, 3)), "0 sample"),
        (np.empty((5, 0)), "0 feature"),
        (WINE[:, 0], "Reshape your data"),
        (NAN, r"contains NaN\. .*DriftImputer"),
        (INF, "contains infinity"),
        ([["a", "b"], ["c", "d"]], "has strings where numbers are required"),
        (WINE[:1], "1 sample"),
        (WINE[None, :3], "dim 3"),
    ],
)
@both
def test_bad_data(cls, X, message):
    drifter = cls()
    with pytest.raises(ValueError, match=message):
        drifter.fit(X)
    with pytest.raises(NotFittedError):
        drifter.sample()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bandwidth": 0}, "'bandwidth' parameter"),
        ({"bandwidth": -1.0}, "'bandwidth' parameter"),
        ({"bandwidth": np.nan}, "'bandwidth' parameter"),
        ({"bandwidth": np.inf}, "'bandwidth' parameter"),
        ({"bandwidth": "scot"}, "'bandwidth' parameter .*'scott'"),
        ({"kernel": "gauss"}, "'kernel' parameter .*'gaussian'"),
        ({"kernel": np.exp}, "'kernel' parameter"),
        ({"kernel": Matern(nu=1.0)}, "'nu' parameter"),
        ({"engine": "cuda"}, "'engine' parameter .*'keops'"),
        ({"n_particles": 0}, "'n_particles' parameter"),
        ({"n_particles": 1.5}, "'n_particles' parameter"),
        ({"self_interaction": "none"}, "'self_interaction' parameter"),
        ({"step_size": 0}, "'step_size' parameter"),
        ({"max_iter": 0}, "'max_iter' parameter"),
        ({"tol": -1}, "'tol' parameter"),
        ({"annealing": -1}, "'annealing' parameter"),
        ({"start": "noise"}, "'start' parameter"),
        ({"start": np.zeros((5, 2))}, "'start' array has 2 columns but X has 13"),
        ({"start": NAN}, "'start' array .* contains NaN"),
        ({"start": [0.0, 0.0]}, "'start' array .* 1D array"),
        ({"start": lambda n, random_state: None}, "'start' callable"),
        (
            {"start": WINE[:5], "n_particles": 6},
            "'start' parameter has 5 rows but 'n_particles' is 6",
        ),
        (
            {"start": lambda n, random_state: WINE[:3]},
            "'start' callable returned 3 rows for n_samples=",
        ),
        ({"n_particles": 1, "self_interaction": "leave-one-out"}, "at least 2"),
        ({"random_state": "seed"}, "'random_state' parameter"),
    ],
)
@both
def test_bad_parameters(cls, parameters, message):
    drifter = cls(**parameters)
    with pytest.raises(ValueError, match=message):
        drifter.fit(WINE)
    with pytest.raises(NotFittedError):
        drifter.score_samples(WINE)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(178), "all zero|all-zero|zero"),
        (-np.ones(178), "[Nn]egative"),
        (np.ones(3), "sample_weight.shape"),
        (np.full(178, np.nan), "NaN"),
    ],
)
@both
def test_bad_weights(cls, weight, message):
    with pytest.raises(ValueError, match=message):
        cls().fit(WINE, sample_weight=weight)


@pytest.mark.parametrize(
    ("n_samples", "error"),
    [(0, ValueError), (-3, ValueError), (2.5, TypeError), ("3", TypeError)],
)
def test_bad_n_samples(fitted, n_samples, error):
    with pytest.raises(error, match="n_samples"):
        fitted.sample(n_samples)


@pytest.mark.parametrize(
    "method", ["transform", "score", "score_samples", "velocity", "sample"]
)
@both
def test_unfitted_use(cls, method):
    arguments = () if method == "sample" else (WINE,)
    with pytest.raises(NotFittedError):
        getattr(cls(), method)(*arguments)


@pytest.mark.parametrize("method", ["transform", "score", "score_samples", "velocity"])
def test_wrong_number_of_columns(fitted, method):
    with pytest.raises(ValueError, match=r"X has 5 features.*expecting 13"):
        getattr(fitted, method)(WINE[:, :5])


def test_engine_that_is_not_available(monkeypatch):
    monkeypatch.setattr(
        KeopsEngine, "unavailable_reason", staticmethod(lambda: "no C++ compiler")
    )
    drifter = ConservativeDrifter(engine="keops")
    with pytest.raises(ValueError, match=r"'engine' parameter is 'keops'.*no C\+\+"):
        drifter.fit(WINE)
    with pytest.raises(NotFittedError):
        drifter.sample()


def test_kernel_that_is_no_density_still_drifts():
    drifter = ConservativeDrifter(kernel="rational_quadratic", random_state=0).fit(WINE)
    assert np.isfinite(drifter.sample(5)).all()
    assert np.isfinite(drifter.score_samples(WINE)).all()
    with pytest.raises(ValueError, match="no finite integral in 13 dimensions"):
        drifter.score_samples(WINE, method="kde")


@pytest.mark.parametrize("error", [KeyboardInterrupt, FloatingPointError])
def test_a_failing_fit_leaves_nothing_half_fitted(monkeypatch, error):
    drifter = ConservativeDrifter(random_state=0).fit(WINE)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(_fit, "drift", fail)
    with pytest.raises(error):
        drifter.fit(WINE[:, :4])
    with pytest.raises(NotFittedError):
        drifter.sample()
    assert [name for name in vars(drifter) if name.endswith("_")] == []
    monkeypatch.undo()
    assert drifter.fit(WINE[:, :4]).sample().shape == (1, 4)


# -- quality, at fixed seeds ---------------------------------------------------------


def test_moons_are_drawn_as_well_as_a_fresh_half():
    X = moons(2000)
    train, test = train_test_split(X, test_size=0.5, random_state=0)
    rows = ConservativeDrifter(random_state=0).fit(train).sample(len(test))
    ratio = energy_distance(rows, test) / energy_distance(train, test)
    assert ratio < 1.2
    assert 0.75 < closest_record_ratio(rows, test, train) < 1.3


def test_wine_is_drawn_better_than_by_kernel_density():
    train, test = train_test_split(WINE, test_size=0.5, random_state=0)
    scaler = StandardScaler().fit(train)
    search = GridSearchCV(KernelDensity(), {"bandwidth": np.geomspace(0.1, 2, 12)})
    density = search.fit(scaler.transform(train)).best_estimator_
    other = density.sample(len(test), random_state=0)
    held_out = scaler.transform(test)
    for cls in DRIFTERS:
        rows = scaler.transform(cls(random_state=0).fit(train).sample(len(test)))
        assert energy_distance(rows, held_out) < energy_distance(other, held_out)


def draw_thin_crescents(n, rng):
    return moons(n, noise=0.02, random_state=rng)


def draw_moons(n, rng):
    return moons(n, random_state=rng)


def draw_thin_clusters(n, rng):
    angle = 2.0 * rng.randint(0, 5, n)
    centre = 3 * np.column_stack([np.cos(angle), np.sin(angle)])
    return centre + 0.05 * rng.standard_normal((n, 2))


def draw_correlated(n, rng):
    mixing = np.random.RandomState(9).standard_normal((2, 8))
    return rng.standard_normal((n, 2)) @ mixing + 0.1 * rng.standard_normal((n, 8))


def draw_wine(n, rng):
    return rng.permutation(WINE)


@both
@pytest.mark.parametrize(
    "draw",
    [draw_moons, draw_thin_crescents, draw_thin_clusters, draw_correlated, draw_wine],
)
def test_default_samples_are_new_rows_of_the_law_of_the_data(cls, draw):
    X = draw(600, np.random.RandomState(0))
    train, test = train_test_split(X, test_size=0.5, random_state=0)
    drifter = cls(random_state=0).fit(train)
    assert 0.48 < drifter.memorization_auc_ < 0.58
    scaler = StandardScaler().fit(train)
    rows, test, train = map(scaler.transform, (drifter.sample(1000), test, train))
    assert 0.8 < closest_record_ratio(rows, test, train) < 1.25  # 0.82 to 1.03
    distance = energy_distance(rows, test) / energy_distance(train, test)
    assert distance < 1.6  # 0.9 to 1.33


@both
def test_without_early_stopping_the_noise_is_that_of_the_neighbourhood(cls):
    drifter = cls(early_stopping=False, random_state=0).fit(WINE)
    assert drifter.start_noise_ == 1


def test_independent_columns_leave_room_for_new_rows():
    # The start alone is nearer to the rows than new rows would be, unless it is wide.
    X = np.random.RandomState(100).standard_normal((400, 6))
    drifter = ConservativeDrifter(random_state=0).fit(X)
    assert drifter.memorization_auc_ < 0.57  # 0.55; 0.63 at the noise of the data
    assert drifter.start_noise_ > 1


def test_score_sees_what_is_drawn_of_discrete_columns():
    rng = np.random.default_rng(0)
    train, test = (rng.integers(2, size=(200, 3)).astype(float) for _ in range(2))
    assert ConservativeDrifter(random_state=0).fit(train).score(test) > -1.3  # -1.05


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_with_unusable_columns_name_them(frame):
    good = {"a": [1.0, 2.0, 4.0, 3.0], "b": [0.0, 1.0, 0.0, 2.0]}
    day, time = datetime.date(2026, 1, 1), datetime.time(9, 30)
    columns = [
        ("strings", ["x", "y", "z", "x"]),
        ("NaN", [1.0, np.nan, 2.0, 3.0]),
        ("dates or times", [day] * 4),
        ("dates or times", [time] * 4),
        ("dates or times", [datetime.datetime.combine(day, time)] * 4),
    ]
    for received, column in columns:
        message = rf"Column 'c' of '?X'? .*{received}"
        with pytest.raises(ValueError, match=message) as caught:
            ConservativeDrifter().fit(frame({**good, "c": column}))
        # What to do is said once.
        assert str(caught.value).count("TabularDrifter") == 1
    turned = frame({"b": good["b"], "a": good["a"]})
    with pytest.raises(ValueError, match="'X' and 'start' must have the same names"):
        ConservativeDrifter(start=turned).fit(frame(good))
