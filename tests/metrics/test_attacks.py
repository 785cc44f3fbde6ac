"""Attacks on generated samples, against brute force and known laws."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift.metrics import (
    attribute_disclosure,
    isolated_row_ratio,
    membership_inference,
    memorization_auc,
    privacy_report,
    shadow_membership_inference,
)
from skdrift.metrics._attacks import _Gaussians, _halves, log_ratio, recognised


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def risk_of(generated, test, train, **options):
    options = {"standardize": False, "random_state": 0} | options
    return membership_inference(generated, test=test, train=train, **options)


def labels(train, test):
    return np.repeat([1, 0], [len(train), len(test)])


# -- membership --


@pytest.mark.parametrize("d", [2, 12])
def test_nearest_draw_against_brute_force(d):
    generated, test, train = normal(60, d), normal(40, d, seed=1), normal(50, d, seed=2)
    train[:20] = generated[:20] + 0.1
    score = -cdist(np.vstack([train, test]), generated).min(axis=1)
    risk = risk_of(generated, test, train, max_false_positives=0.1)
    assert_allclose(risk.auc.value, roc_auc_score(labels(train, test), score))
    rates = roc_curve(labels(train, test), score, drop_intermediate=False)[:2]
    assert_allclose(risk.tpr.value, rates[1][rates[0] <= 0.1 + 1e-12].max())
    swapped = memorization_auc(train, test=test, train=generated)
    assert_allclose(risk.auc.value, swapped)


def test_calibration_against_brute_force():
    generated, test, train = normal(60, 3), normal(40, 3, seed=1), normal(50, 3, seed=2)
    both = np.vstack([train, test])
    drawn = cdist(both, generated).min(axis=1)
    among = cdist(both, both) + np.diag(np.full(len(both), np.inf))
    expected = roc_auc_score(labels(train, test), np.log(among.min(axis=1) / drawn))
    risk = risk_of(generated, test, train, attack="calibrated")
    assert_allclose(risk.auc.value, expected)
    reference = normal(70, 3, seed=3)
    score = np.log(cdist(both, reference).min(axis=1) / drawn)
    risk = risk_of(generated, test, train, attack="calibrated", reference=reference)
    assert_allclose(risk.auc.value, roc_auc_score(labels(train, test), score))


def test_densities_against_scikit_learn():
    generated, test, train = normal(60, 3), normal(40, 3, seed=1), normal(50, 3, seed=2)
    reference, both = normal(70, 3, seed=3), np.vstack([train, test])
    for density in (KernelDensity(bandwidth="scott"), GaussianMixture(random_state=0)):
        fits = [type(density)(**density.get_params()) for _ in range(2)]
        drawn, real = (
            fit.fit(rows).score_samples(both)
            for fit, rows in zip(fits, (generated, reference), strict=True)
        )
        expected = roc_auc_score(labels(train, test), drawn - real)
        options = {"attack": "density", "reference": reference}
        risk = risk_of(generated, test, train, density=density, **options)
        assert_allclose(risk.auc.value, expected)
        if isinstance(density, KernelDensity):
            assert_allclose(risk, risk_of(generated, test, train, **options))


def test_gaussians_are_a_kernel_density():
    X, Y = normal(2, 50, 9)
    expected = KernelDensity(bandwidth="scott").fit(X).score_samples(Y)
    assert_allclose(_Gaussians().fit(X).score_samples(Y), expected)


@pytest.mark.parametrize(
    ("attack", "least"), [("nearest", 1), ("calibrated", 1), ("density", 0.8)]
)
def test_fresh_samples_and_copies(attack, least):
    train, test, fresh = normal(3, 300, 4)
    risk = risk_of(fresh, test, train, attack=attack)
    # Three standard deviations of the area, sqrt(601 / (12 * 300 * 300)).
    assert abs(risk.auc.value - 0.5) < 0.07
    assert risk.auc.low < risk.auc.value < risk.auc.high
    assert 0 <= risk.tpr.low <= risk.tpr.value < 0.08
    copies = risk_of(train, test, train, attack=attack)
    assert copies.auc.value >= least
    half = np.concatenate([train[:150], fresh[:150]])
    half = risk_of(half, test, train, attack=attack)
    assert risk.auc.value < half.auc.value < copies.auc.value


def test_known_area_of_noisy_copies():
    # In one column, candidates far from all draws but their own: the distance to the
    # draw of a member is |noise|, and half the gap at least for others.
    train = 10.0 * np.arange(100)[:, None]
    noise = normal(100, 1) * 1.0
    test = train + 10 / 3
    distance = norm.rvs(size=10**5, random_state=0)
    others = norm.rvs(loc=10 / 3, size=10**5, random_state=1)
    expected = np.mean(np.abs(distance) < np.abs(others))
    risk = risk_of(train + noise, test, train)
    assert abs(risk.auc.value - expected) < 0.02
    assert risk.auc.low < expected < risk.auc.high


def test_true_positives_at_few_false_ones():
    members, others = np.array([0.1, 0.5, 0.9, 0.95]), np.arange(100) / 100
    assert recognised(members, others, 0.01) == 0
    assert recognised(members, others, 0.1) == 0.5
    assert recognised(members, others, 1.0) == 1
    assert recognised(members, np.array([0.6]), 0.01) == 0.5


def test_log_ratios_of_equal_distances_are_zero():
    real, drawn = np.array([0.0, 1.0, 0.0, 2.0]), np.array([0.0, 1.0, 3.0, 0.0])
    assert_array_equal(log_ratio(real, drawn), [0, 0, -np.inf, np.inf])


def test_intervals_cover():
    found = 0
    for seed in range(40):
        train, test = normal(60, 1, seed=seed), normal(60, 1, seed=100 + seed)
        # The nearest draw is 0: members are N(0, 1) and others N(0, 2²) away from it.
        risk = risk_of(np.zeros((1, 1)), 2 * test, train, random_state=seed)
        # P(|x| < 2 |y|) = 2 arctan(2) / π.
        found += risk.auc.low < 2 * np.arctan(2) / np.pi < risk.auc.high
    assert found >= 34


def test_units_do_not_matter():
    units = [1e-3, 1e3]
    X, Y, Z = normal(3, 60, 2)
    plain = risk_of(X, Y, Z, standardize=True)
    assert_allclose(risk_of(X * units, Y * units, Z * units, standardize=True), plain)


# -- shadow models --


def test_halves_come_in_pairs():
    halves = _halves(11, 6, np.random.RandomState(0))
    assert halves.shape == (6, 11)
    assert_array_equal(halves.sum(axis=0), 3)
    assert_array_equal(halves[::2], ~halves[1::2])


class Constant:
    """A generator that learns nothing."""

    def fit(self, X, y=None):
        self.n_columns_ = X.shape[1]
        return self

    def get_params(self, deep=True):
        return {}

    def sample(self, n_samples, random_state):
        rng = np.random.default_rng(random_state)
        return rng.standard_normal((n_samples, self.n_columns_))


def test_shadow_models_of_copies_and_of_strangers():
    X = normal(80, 3)
    guessing = shadow_membership_inference(Constant(), X, random_state=0)
    assert guessing.auc.low < 0.5 < guessing.auc.high
    copying = make_pipeline(StandardScaler(), KernelDensity(bandwidth=0.01))
    found = shadow_membership_inference(copying, X, n_samples=400, random_state=0)
    assert found.auc.value > 0.97
    assert found.tpr.value > 0.8
    some = shadow_membership_inference(copying, X, n_samples=40, random_state=0)
    assert guessing.auc.high < some.auc.value < found.auc.value


def test_shadow_models_help_the_attacker():
    """Distances alone tell less than distances next to those of other fits."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 3)) * np.exp(2 * rng.standard_normal((80, 1)))
    generator = KernelDensity(bandwidth=0.3)
    shadow = shadow_membership_inference(
        generator, X, standardize=False, random_state=0
    )
    train, test = X[:40], X[40:]
    drawn = generator.fit(train).sample(40, random_state=0)
    assert shadow.auc.value > risk_of(drawn, test, train).auc.value


# -- isolated rows --


def test_isolated_rows_against_brute_force():
    generated, test, train = normal(60, 3), normal(41, 3, seed=1), normal(59, 3, seed=2)
    both = np.vstack([train, test])
    among = cdist(both, both) + np.diag(np.full(len(both), np.inf))
    isolation, drawn = among.min(axis=1), cdist(both, generated).min(axis=1)
    medians = []
    for rows, n in ((slice(0, 59), 6), (slice(59, 100), 4)):
        far = np.argsort(isolation[rows])[-n:]
        medians.append(np.median(drawn[rows][far]))
    found = isolated_row_ratio(
        generated, test=test, train=train, share=0.1, standardize=False
    )
    assert_allclose(found.value, medians[0] / medians[1])


def test_isolated_rows_that_are_copied():
    train, test, fresh = normal(3, 400, 3)
    found = isolated_row_ratio(fresh, test=test, train=train, random_state=0)
    assert found.low < 1 < found.high
    far = np.linalg.norm(train, axis=1) > 2.5
    leaking = np.concatenate([fresh, train[far]])
    found = isolated_row_ratio(leaking, test=test, train=train, random_state=0)
    assert found.high < 0.5


# -- secrets --


def brute_force_guess(known, secret, drawn_known, drawn_secret):
    near = cdist(known, drawn_known).argmin(axis=1)
    return drawn_secret[near] == secret


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_secrets_against_brute_force(frame):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3, 70, 2))
    secrets = np.where(X[:, :, 0] + rng.standard_normal((3, 70)) > 0, "yes", "no")
    secrets[0, :30], X[0, :30] = secrets[2, :30], X[2, :30]
    generated, test, train = (
        frame({"a": x[:, 0].tolist(), "b": x[:, 1].tolist(), "s": s.tolist()})
        for x, s in zip(X, secrets, strict=True)
    )
    found = attribute_disclosure(
        generated, test=test, train=train, secret="s", random_state=0
    )
    scale = X[2].std(axis=0)
    shares = [
        brute_force_guess(X[i] / scale, secrets[i], X[0] / scale, secrets[0]).mean()
        for i in (2, 1)
    ]
    assert_allclose([found.train.value, found.test.value], shares)
    assert_allclose(found.risk.value, (shares[0] - shares[1]) / (1 - shares[1]))
    assert found.risk.low < found.risk.value < found.risk.high


def test_guesses_of_numbers():
    train = np.column_stack([np.arange(10.0), np.arange(10.0)])
    test = train + np.array([0.4, 0.0])
    width = np.std(np.arange(10))
    moved = train + np.array([0, 0.04 * width])
    found = attribute_disclosure(moved, test=test, train=train, secret=1)
    assert found.train.value == found.test.value == 1
    assert found.risk.value == 0
    found = attribute_disclosure(
        moved, test=test, train=train, secret=-1, tolerance=0.03
    )
    assert found.train.value == 0
    # The median of three draws, of which one is wrong.
    three = np.concatenate([moved, train, train + np.array([0.01, 5])])
    options = {"secret": 1, "n_neighbors": 3}
    found = attribute_disclosure(three, test=test, train=train, **options)
    assert found.train.value == 1


def test_what_columns_tell_about_each_other_is_no_leak():
    x = normal(3, 300, 1)
    tables = np.concatenate([x, x + 0.01 * normal(3, 300, 1, seed=1)], axis=2)
    generated, test, train = tables
    found = attribute_disclosure(
        generated, test=test, train=train, secret=1, random_state=0
    )
    assert found.test.value > 0.8
    assert found.risk.low < 0 < found.risk.high


# -- the table of all --


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_report_agrees_with_the_attacks(frame):
    rng = np.random.default_rng(0)
    tables = [
        frame(
            {
                "x": rng.standard_normal(60).tolist(),
                "c": rng.choice(["a", "b", None], 60).tolist(),
                "n": rng.integers(5, size=60).tolist(),
            }
        )
        for _ in range(3)
    ]
    generated, test, train = tables
    report = privacy_report(generated, test, train, secret="c", random_state=0)
    assert report.shape == (8, 4)
    assert report.notna().all(axis=None)
    assert (report["low"] <= report["value"]).all()
    assert (report["value"] <= report["high"]).all()
    risk = risk_of(generated, test, train, standardize=True)
    assert report.loc["nearest_auc", "value"] == risk.auc.value
    assert report.loc["nearest_tpr", "value"] == risk.tpr.value
    found = isolated_row_ratio(generated, test=test, train=train)
    assert report.loc["isolated_row_ratio", "value"] == found.value
    leak = attribute_disclosure(generated, test=test, train=train, secret="c")
    assert report.loc["attribute_risk", "value"] == leak.risk.value
    assert len(privacy_report(generated, test, train)) == 7


# -- bad input --

X, FRAME = normal(20, 2), pd.DataFrame({"a": [1.0, 2.0], "c": ["x", "y"]})
BAD = [
    (lambda: risk_of(X, X, X, attack="none"), "'attack' parameter must be .* 'none'"),
    (lambda: risk_of(X, X[:1], X), "'test' must have at least two"),
    (lambda: risk_of(X, X, X[:, :1]), "same columns"),
    (lambda: risk_of(np.nan * X, X, X), "generated contains NaN"),
    (lambda: risk_of(X, X, X, max_false_positives=2), "max_false_positives == 2"),
    (lambda: risk_of(FRAME, FRAME, FRAME[["c", "a"]]), "column 0"),
    (
        lambda: attribute_disclosure(X, test=X, train=X, secret="b"),
        "'secret' parameter must be .* got 'b'",
    ),
    (
        lambda: attribute_disclosure(X[:, :1], test=X[:, :1], train=X[:, :1], secret=0),
        "another column than the 'secret'",
    ),
    (
        lambda: attribute_disclosure(X, test=X, train=X, secret=0, n_neighbors=0),
        "n_neighbors == 0",
    ),
    (lambda: isolated_row_ratio(X, test=X, train=X, share=2), "share == 2"),
    (
        lambda: shadow_membership_inference(Constant(), X[:3]),
        "'X' must have at least 4",
    ),
    (lambda: shadow_membership_inference(Constant(), X, n_shadows=5), "must be even"),
    (lambda: shadow_membership_inference(Constant(), X, n_shadows=2), "n_shadows == 2"),
    (lambda: shadow_membership_inference(Constant(), X, n_samples=0), "n_samples == 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[m for _, m in BAD])
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_shadow_models_need_a_generator():
    with pytest.raises(TypeError, match="must have a method 'sample'"):
        shadow_membership_inference(StandardScaler(), X)
