import inspect
import pickle
import sys
import warnings
from functools import partial
from itertools import permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog
from scipy.spatial.distance import cdist, pdist
from scipy.stats import energy_distance as scipy_energy_distance
from scipy.stats import norm
from sklearn import config_context
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_validate,
    train_test_split,
)
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

import skdrift.metrics
from skdrift import ConservativeDrifter
from skdrift.metrics import (
    alpha_precision,
    beta_recall,
    classifier_two_sample_test,
    closest_record_ratio,
    coverage,
    density,
    energy_distance,
    make_sample_scorer,
    maximum_mean_discrepancy,
    memorization_auc,
    near_copy_share,
    precision,
    recall,
    sample_quality_report,
    sliced_wasserstein_distance,
    wasserstein_distance,
)

sliced = partial(sliced_wasserstein_distance, random_state=0)
biased_mmd = partial(maximum_mean_discrepancy, unbiased=False)
# With a bandwidth of its own the kernel does not depend on the reference.
symmetric_mmd = partial(biased_mmd, bandwidth=1.0)
c2st = partial(classifier_two_sample_test, random_state=0)
logistic_c2st = partial(c2st, classifier=LogisticRegression())
DISTANCES = {
    "energy": energy_distance,
    "mmd": symmetric_mmd,
    "sliced": sliced,
    "wasserstein": wasserstein_distance,
}
TWO_SAMPLE = DISTANCES | {
    "unbiased_mmd": maximum_mean_discrepancy,
    "c2st": logistic_c2st,
    "density": density,
    "coverage": coverage,
    "precision": precision,
    "recall": recall,
    "alpha_precision": alpha_precision,
    "beta_recall": beta_recall,
}
MEMORIZATION = {
    "closest_record_ratio": lambda X, Y: closest_record_ratio(X, 2 * Y - Y.min(0), Y),
    "memorization_auc": lambda X, Y: memorization_auc(X, test=Y, train=Y),
    "near_copy_share": near_copy_share,
}
every_distance = pytest.mark.parametrize("metric", DISTANCES.values(), ids=DISTANCES)
every_two_sample = pytest.mark.parametrize(
    "metric", TWO_SAMPLE.values(), ids=TWO_SAMPLE
)
every_metric = pytest.mark.parametrize(
    "metric",
    [*TWO_SAMPLE.values(), *MEMORIZATION.values()],
    ids=[*TWO_SAMPLE, *MEMORIZATION],
)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def two_samples(draw, equal_rows=True):
    """Integers over 8, so that rows repeat, columns are constant and sums exact."""
    n, m, d = (draw(st.integers(low, 8)) for low in (2, 2, 1))
    cells = st.lists(st.integers(-80, 80), min_size=d, max_size=d)
    X, Y = (
        draw(st.lists(cells, min_size=rows, max_size=rows))
        for rows in (n, n if equal_rows else m)
    )
    return np.array(X) / 8, np.array(Y) / 8


# --- two samples, against definitions and closed forms


def test_energy_distance_against_its_definition():
    X, Y = normal(30, 4), 1 + normal(50, 4, seed=1)
    expected = 2 * cdist(X, Y).mean() - cdist(X, X).mean() - cdist(Y, Y).mean()
    assert_allclose(energy_distance(X, Y), expected)
    with config_context(working_memory=0.001):
        assert_allclose(energy_distance(X, Y), expected)


def test_energy_distance_against_scipy_in_one_dimension():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(20), rng.exponential(size=30)
    expected = scipy_energy_distance(x, y) ** 2
    assert_allclose(energy_distance(x[:, None], y[:, None]), expected)


def test_energy_distance_of_gaussians():
    def mean_absolute(mean, std):
        z = mean / std
        return 2 * std * norm.pdf(z) + mean * (2 * norm.cdf(z) - 1)

    expected = (
        2 * mean_absolute(1, np.sqrt(5))
        - mean_absolute(0, np.sqrt(2))
        - mean_absolute(0, np.sqrt(8))
    )
    X, Y = normal(3000, 1), 1 + 2 * normal(3000, 1, seed=1)
    assert_allclose(energy_distance(X, Y), expected, rtol=0.05)


def brute_force_mmd(X, Y, bandwidths, unbiased):
    def kernels(A, B):
        r = cdist(A, B)
        return np.mean([np.exp(-((r / h) ** 2) / 2) for h in bandwidths], axis=0)

    def own(A):
        K = kernels(A, A)
        return K[~np.eye(len(A), dtype=bool)].mean() if unbiased else K.mean()

    return own(X) + own(Y) - 2 * kernels(X, Y).mean()


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("bandwidth", [0.7, [0.3, 1.0, 5.0], None])
def test_mmd_against_its_definition(bandwidth, unbiased):
    X, Y = normal(20, 3), 1 + normal(30, 3, seed=1)
    bandwidths = np.atleast_1d(bandwidth)
    if bandwidth is None:
        bandwidths = np.median(pdist(Y)) * np.array([0.25, 0.5, 1, 2, 4])
    expected = brute_force_mmd(X, Y, bandwidths, unbiased)
    value = maximum_mean_discrepancy(X, Y, bandwidth=bandwidth, unbiased=unbiased)
    assert_allclose(value, expected)


def test_mmd_of_gaussians():
    h, d, std, shift = 0.8, 3, 1.5, 0.6

    def mean_kernel(variance, distance2):
        total = h**2 + variance
        return (h**2 / total) ** (d / 2) * np.exp(-distance2 / (2 * total))

    expected = (
        mean_kernel(2, 0)
        + mean_kernel(2 * std**2, 0)
        - 2 * mean_kernel(1 + std**2, d * shift**2)
    )
    X, Y = shift + std * normal(2000, d), normal(2000, d, seed=1)
    assert_allclose(
        maximum_mean_discrepancy(X, Y, bandwidth=h), expected, rtol=0.1, atol=0
    )


def test_unbiased_mmd_has_mean_zero_for_one_law():
    samples = normal(200, 2, 40, 3)
    unbiased = [maximum_mean_discrepancy(X, Y, bandwidth=1) for X, Y in samples]
    error = np.std(unbiased) / np.sqrt(len(unbiased))
    assert abs(np.mean(unbiased)) < 3 * error
    assert np.min(unbiased) < 0
    assert np.mean([symmetric_mmd(X, Y) for X, Y in samples]) > 10 * error


def test_default_bandwidth_of_mmd_depends_on_the_reference_alone():
    X, Y = normal(2500, 2), normal(2500, 2, seed=1)
    wide, tight = maximum_mean_discrepancy(30 * X, Y), maximum_mean_discrepancy(X, Y)
    assert wide > 0.5 > 0.01 > abs(tight)
    # Every third row is as good as all.
    median = np.median(pdist(Y))
    bandwidths = median * np.array([0.25, 0.5, 1, 2, 4])
    given_ones = maximum_mean_discrepancy(30 * X, Y, bandwidth=bandwidths)
    assert_allclose(wide, given_ones, rtol=0.02)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_wasserstein_against_all_permutations(n):
    X, Y = normal(n, 3), normal(n, 3, seed=1)
    squared = cdist(X, Y) ** 2
    best = min(squared[np.arange(n), order].mean() for order in permutations(range(n)))
    assert_allclose(wasserstein_distance(X, Y), np.sqrt(best))


def test_wasserstein_of_gaussians():
    # Between Gaussians of commuting covariances: distance of means and of roots.
    std, shift = np.array([2.0, 0.5]), np.array([1.0, -1.0])
    X, Y = shift + std * normal(1500, 2), normal(1500, 2, seed=1)
    expected = np.sqrt(np.sum(shift**2) + np.sum((std - 1) ** 2))
    assert_allclose(wasserstein_distance(X, Y), expected, rtol=0.05)


@pytest.mark.parametrize(("n", "m"), [(7, 7), (4, 6), (1, 5), (9, 3)])
def test_sliced_wasserstein_in_one_dimension_against_a_linear_program(n, m):
    X, Y = normal(n, 1), 2 * normal(m, 1, seed=1)
    rows = np.kron(np.eye(n), np.ones(m))
    columns = np.kron(np.ones(n), np.eye(m))
    plan = linprog(
        (cdist(X, Y) ** 2).ravel(),
        A_eq=np.concatenate([rows, columns]),
        b_eq=np.concatenate([np.full(n, 1 / n), np.full(m, 1 / m)]),
    )
    assert_allclose(sliced(X, Y), np.sqrt(plan.fun))


def test_sliced_wasserstein_is_exact_in_one_dimension():
    x, y = normal(300, 1), np.random.default_rng(1).exponential(size=(300, 1))
    assert_allclose(sliced(x, y, n_projections=1), wasserstein_distance(x, y))


def test_sliced_wasserstein_of_shifted_rows():
    X, shift = normal(10, 5), np.array([1.0, 0, 2, 0, 0])
    expected = np.linalg.norm(shift) / np.sqrt(5)
    assert_allclose(sliced(X + shift, X, n_projections=5000), expected, rtol=0.03)


def test_sliced_wasserstein_is_a_lower_bound_and_reproducible():
    X, Y = normal(50, 3), 1 + normal(50, 3, seed=1)
    assert sliced(X, Y) < wasserstein_distance(X, Y)
    assert sliced(X, Y) == sliced(X, Y)
    assert sliced_wasserstein_distance(X, Y, random_state=1) != sliced(X, Y)


@pytest.mark.parametrize("metric", [energy_distance, symmetric_mmd, sliced])
def test_repeating_all_rows_changes_nothing(metric):
    X, Y = normal(6, 2), normal(4, 2, seed=1)
    expected = metric(X, Y)
    assert_allclose(metric(np.repeat(X, 2, axis=0), np.tile(Y, (3, 1))), expected)


def test_wasserstein_of_different_numbers_of_rows_needs_pot(monkeypatch):
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(ValueError, match=r"'generated' has 3 samples.*pip install POT"):
        wasserstein_distance(np.zeros((3, 1)), np.zeros((2, 1)))


def test_wasserstein_of_different_numbers_of_rows_with_pot():
    pytest.importorskip("ot")
    X, Y = normal(6, 2), normal(4, 2, seed=1)
    repeated = wasserstein_distance(np.repeat(X, 2, axis=0), np.tile(Y, (3, 1)))
    assert_allclose(wasserstein_distance(X, Y), repeated)


# --- properties of distances


@every_distance
@settings(max_examples=40, deadline=None)
@given(samples=two_samples())
def test_distances_are_symmetric_and_not_negative(metric, samples):
    X, Y = samples
    assert metric(X, Y) >= 0
    assert_allclose(metric(X, Y), metric(Y, X), atol=1e-12)


@every_distance
@settings(max_examples=40, deadline=None)
@given(samples=two_samples(), random=st.randoms())
def test_distances_vanish_for_equal_samples_alone(metric, samples, random):
    X, Y = samples
    shuffled = X[random.sample(range(len(X)), len(X))]
    assert_allclose(metric(X, shuffled), 0, atol=1e-12)
    if sorted(X.tolist()) != sorted(Y.tolist()):
        assert metric(X, Y) > 1e-6


@every_distance
def test_rounding_makes_no_distance_negative(metric):
    samples = normal(30, 12, 3)
    assert min(metric(X, X[::-1]) for X in samples) >= 0


@pytest.mark.parametrize("metric", [energy_distance, symmetric_mmd, sliced])
@settings(max_examples=30, deadline=None)
@given(samples=two_samples(equal_rows=False))
def test_different_numbers_of_rows(metric, samples):
    X, Y = samples
    assert metric(X, Y) >= 0
    assert_allclose(metric(X, Y), metric(Y, X), atol=1e-12)


@every_metric
def test_the_order_of_rows_does_not_matter(metric):
    if metric is logistic_c2st:
        pytest.skip("the folds depend on the order")
    X, Y = normal(20, 2), normal(20, 2, seed=1)
    assert_allclose(metric(X[::-1], np.roll(Y, 3, axis=0)), metric(X, Y))


@every_metric
def test_a_shift_of_both_samples_changes_nothing(metric):
    X, Y = normal(20, 2), normal(20, 2, seed=1)
    assert_allclose(metric(X + 16.0, Y + 16.0), metric(X, Y), rtol=1e-6)


@pytest.mark.parametrize(
    ("metric", "degree"),
    [
        (energy_distance, 1),
        (sliced, 1),
        (wasserstein_distance, 1),
        (biased_mmd, 0),
        (c2st, 0),
        (density, 0),
        (coverage, 0),
        (MEMORIZATION["memorization_auc"], 0),
        (near_copy_share, 0),
    ],
)
def test_units_of_the_values(metric, degree):
    X, Y = normal(25, 2), normal(25, 2, seed=1)
    assert_allclose(metric(8 * X, 8 * Y), 8**degree * metric(X, Y))


@every_metric
def test_constant_columns_count_for_nothing(metric):
    X, Y = normal(20, 2), normal(20, 2, seed=1)
    if metric is sliced:
        # Directions have another column; the mean over them shrinks by 2 / 3.
        metric = partial(sliced_wasserstein_distance, n_projections=2000)
        ratio = metric(with_constant(X), with_constant(Y), random_state=0) / metric(
            X, Y, random_state=0
        )
        assert_allclose(ratio, np.sqrt(2 / 3), rtol=0.03)
    else:
        assert_allclose(metric(with_constant(X), with_constant(Y)), metric(X, Y))


def with_constant(X):
    return np.column_stack([X, np.full(len(X), 7.0)])


@every_two_sample
def test_samples_of_one_repeated_row_have_a_value(metric):
    one = np.full((8, 2), 3.0)
    same, other = metric(one, one), metric(one + 1, one)
    assert np.isfinite([same, other]).all()
    if metric in DISTANCES.values():
        assert same == 0 < other


@every_metric
def test_single_precision(metric):
    X, Y = (normal(20, 3, seed=s).astype(np.float32) for s in (0, 1))
    value = metric(X, Y)
    assert isinstance(value, float)
    # The rows that are made of Y in the test itself round in single precision.
    assert_allclose(value, metric(X.astype(float), Y.astype(float)), rtol=1e-5)


# --- classifier


def test_classifier_sees_no_difference_in_one_law():
    values = [c2st(X, Y) for X, Y in normal(3, 2, 150, 3)]
    assert_allclose(values, 0.5, atol=0.1)


def test_classifier_sees_a_wrong_correlation():
    X, Y = normal(300, 2), normal(300, 2, seed=1)
    X[:, 1] = 0.8 * X[:, 0] + 0.6 * X[:, 1]
    assert c2st(X, Y) > 0.65
    # ... which no linear classifier can.
    assert_allclose(logistic_c2st(X, Y), 0.5, atol=0.1)


def test_classifier_against_the_probability_that_it_estimates():
    # The best score of two normals one apart is the coordinate itself.
    X, Y = 1 + normal(3000, 1), normal(1500, 1, seed=1)
    assert_allclose(logistic_c2st(X, Y), norm.cdf(1 / np.sqrt(2)), atol=0.02)


@pytest.mark.parametrize(
    "classifier", [SVC(), make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_any_classifier_is_accepted(classifier):
    X = normal(40, 2)
    assert c2st(X + 5, X, classifier=classifier) > 0.99
    assert not hasattr(classifier, "classes_")


def test_default_classifier_is_not_blind_on_few_rows():
    assert c2st(3 + normal(12, 2), normal(12, 2, seed=1)) > 0.8


def test_shared_rows_show_as_values_below_one_half():
    X = normal(100, 2)
    assert c2st(X, X) < 0.4


def test_classifier_test_is_reproducible():
    X, Y = normal(2, 60, 2)
    assert c2st(X, Y) == c2st(X, Y)


# --- neighbourhoods


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("k", [1, 3])
def test_density_and_coverage_against_their_definitions(d, k):
    X, Y = 0.8 * normal(15, d), normal(20, d, seed=1)
    inside = np.zeros((len(Y), len(X)), dtype=bool)
    for i, y in enumerate(Y):
        others = np.delete(Y, i, axis=0)
        radius = np.sort(np.linalg.norm(others - y, axis=1))[k - 1]
        inside[i] = np.linalg.norm(X - y, axis=1) <= radius
    assert_allclose(density(X, Y, n_neighbors=k), inside.sum() / (k * len(X)))
    assert_allclose(coverage(X, Y, n_neighbors=k), inside.any(axis=1).mean())
    with config_context(working_memory=1e-4):
        assert_allclose(coverage(X, Y, n_neighbors=k), inside.any(axis=1).mean())


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_against_their_definitions(d, k):
    X, Y = 0.8 * normal(15, d), normal(20, d, seed=1)

    def share_inside(rows, centres):
        radius = np.sort(cdist(centres, centres), axis=1)[:, k]
        return (cdist(rows, centres) <= radius).any(axis=1).mean()

    assert_allclose(precision(X, Y, n_neighbors=k), share_inside(X, Y))
    assert_allclose(recall(X, Y, n_neighbors=k), share_inside(Y, X))
    with config_context(working_memory=1e-4):
        assert_allclose(precision(X, Y, n_neighbors=k), share_inside(X, Y))


def test_alpha_precision_against_its_definition():
    X, Y = 0.8 * normal(15, 3), normal(20, 3, seed=1)
    r, s = (np.linalg.norm(Z - Y.mean(axis=0), axis=1) for Z in (X, Y))
    levels = (np.arange(200_000) + 0.5) / 200_000
    radii = np.quantile(s, levels, method="inverted_cdf")
    curve = (r[:, None] <= np.unique(radii)).mean(axis=0)
    curve = curve[np.searchsorted(np.unique(radii), radii)]
    expected = 1 - 2 * np.abs(curve - levels).mean()
    assert_allclose(alpha_precision(X, Y), expected, atol=1e-5)


def test_alpha_precision_of_extremes():
    Y = normal(4000, 3)
    assert alpha_precision(Y, Y) > 0.999
    assert alpha_precision(normal(4000, 3, seed=1), Y) > 0.95
    assert alpha_precision(Y + 100, Y) == 0
    assert alpha_precision(0 * Y + Y.mean(axis=0), Y) == 0
    # Radii twice as large in one column: P is 2 Φ(Φ⁻¹((1 + α) / 2) / 2) - 1.
    levels = (np.arange(10**5) + 0.5) / 10**5
    curve = 2 * norm.cdf(norm.ppf((1 + levels) / 2) / 2) - 1
    expected = 1 - 2 * np.abs(curve - levels).mean()
    wide = alpha_precision(2 * normal(4000, 1, seed=1), normal(4000, 1))
    assert_allclose(wide, expected, atol=0.03)


@pytest.mark.parametrize("k", [1, 3])
def test_beta_recall_against_its_definition(k):
    X, Y = 0.8 * normal(15, 3), normal(20, 3, seed=1)
    central = X[np.argsort(np.linalg.norm(X - X.mean(axis=0), axis=1))]
    radius = np.sort(cdist(Y, Y), axis=1)[:, k]
    levels = (np.arange(30_000) + 0.5) / 30_000
    curve = [
        (cdist(Y, central[: int(np.ceil(level * 15))]) <= radius[:, None])
        .any(axis=1)
        .mean()
        for level in np.arange(1, 16) / 15
    ]
    curve = np.repeat(curve, 2000)
    expected = 1 - 2 * np.abs(curve - levels).mean()
    assert_allclose(beta_recall(X, Y, n_neighbors=k), expected, atol=1e-6)


def test_beta_recall_of_extremes():
    Y, X = normal(2000, 3), normal(2000, 3, seed=1)
    assert beta_recall(Y + 100, Y) == 0
    collapsed = beta_recall(0.01 * X, Y)
    assert collapsed < 0.2 < 0.4 < beta_recall(X, Y)


def test_neighbourhoods_are_those_of_prdc():
    prdc = pytest.importorskip("prdc")
    X, Y = 0.9 * normal(150, 4), normal(100, 4, seed=1)
    for k in (1, 5):
        expected = prdc.compute_prdc(Y, X, nearest_k=k)
        for metric in (precision, recall, density, coverage):
            found = metric(X, Y, n_neighbors=k)
            assert_allclose(found, expected[metric.__name__])


@pytest.mark.parametrize("n_neighbors", [1, 2, 5])
def test_density_and_coverage_of_fresh_rows(n_neighbors):
    X, Y = normal(2, 3000, 3)
    assert_allclose(density(X, Y, n_neighbors=n_neighbors), 1, atol=0.05)
    expected = 1 - 0.5**n_neighbors
    assert_allclose(coverage(X, Y, n_neighbors=n_neighbors), expected, atol=0.02)


@pytest.mark.parametrize("d", [2, 8, 12])
def test_density_and_coverage_of_the_reference_itself(d):
    # Each ball holds its own row and its neighbours, the farthest on the border.
    Y = normal(50, d)
    assert density(Y, Y) == pytest.approx(6 / 5)
    assert coverage(Y, Y) == 1


def test_neighbourhoods_of_repeated_rows():
    Y = np.repeat([[0.0], [1.0], [2.0]], 10, axis=0)
    assert coverage([[1.0], [2.0], [2.5]], Y) == pytest.approx(2 / 3)
    assert density([[1.0], [2.5]], Y) == 1


def test_collapsed_rows_cover_little():
    Y = normal(500, 2)
    collapsed = 0.01 * normal(500, 2, seed=1)
    assert coverage(collapsed, Y) < 0.05
    assert_allclose(density(collapsed, Y), 1, atol=0.2)
    assert coverage(Y + 100, Y) == density(Y + 100, Y) == 0


def test_density_of_the_middle_of_many_columns_is_above_one():
    assert density(0.1 * normal(100, 12), normal(300, 12, seed=1)) > 3


# --- memorisation


def brute_force_distances(rows, train):
    return np.array([np.linalg.norm(train - row, axis=1).min() for row in rows])


@pytest.mark.parametrize("d", [1, 3, 12])
def test_memorisation_against_its_definitions(d):
    generated, test, train = normal(11, d), normal(13, d, seed=1), normal(17, d, seed=2)
    generated[:3] = train[:3]
    test[:2] = train[:2]
    drawn, fresh = (brute_force_distances(rows, train) for rows in (generated, test))
    wins = [(a < b) + 0.5 * (a == b) for a in drawn for b in fresh]
    auc = memorization_auc(generated, test=test, train=train)
    assert_allclose(auc, np.mean(wins))
    ratio = closest_record_ratio(generated, test, train)
    assert_allclose(ratio, np.median(drawn) / np.median(fresh))
    within = [
        brute_force_distances(row[None], np.delete(train, i, axis=0))[0]
        for i, row in enumerate(train)
    ]
    near = drawn <= np.sort(within)[4]  # 5 of 17 are the smallest share above 1/4
    assert_allclose(near_copy_share(generated, train, quantile=0.25), near.mean())


@settings(max_examples=40, deadline=None)
@given(samples=two_samples(equal_rows=False))
def test_memorisation_is_antisymmetric(samples):
    X, Y = samples
    train = np.zeros((1, X.shape[1]))
    there = memorization_auc(X, test=Y, train=train)
    back = memorization_auc(Y, test=X, train=train)
    assert 0 <= there <= 1
    assert_allclose(there + back, 1)


@pytest.mark.parametrize("d", [2, 20])
def test_copies_and_fresh_rows(d):
    train, test, fresh = normal(3, 1000, d)
    copies = train[:50] + 1e-9
    assert closest_record_ratio(copies, test, train) < 1e-6
    assert memorization_auc(copies, test=test, train=train) == 1
    assert near_copy_share(copies, train) == 1
    assert_allclose(closest_record_ratio(fresh, test, train), 1, atol=0.1)
    assert_allclose(memorization_auc(fresh, test=test, train=train), 0.5, atol=0.05)
    assert_allclose(near_copy_share(fresh, train), 0.05, atol=0.02)
    far = fresh + 100
    assert memorization_auc(far, test=test, train=train) == 0
    assert near_copy_share(far, train) == 0


def test_near_copies_of_repeated_rows_are_exact_ones():
    train = np.array([[0.0], [0.0], [1.0], [3.0], [7.0]])
    rows = [[0.0], [1.0], [1.001], [5.0]]
    assert near_copy_share(rows, train) == 0.5
    assert near_copy_share(rows, train, quantile=0.35) == 0.5
    assert near_copy_share(rows, train, quantile=0.45) == 0.75


def test_memorisation_of_whole_numbers():
    train, test, generated = np.random.default_rng(0).integers(5, size=(3, 500, 2))
    assert memorization_auc(generated, test=test, train=train) == 0.5
    assert near_copy_share(generated, train) == 1


# --- bad input


@every_metric
def test_bad_samples(metric):
    X = normal(20, 2)
    with pytest.raises(ValueError, match=r"same columns.*'generated': 1.*: 2"):
        metric(X[:, :1], X)
    with pytest.raises(ValueError, match="generated contains NaN"):
        metric(np.full((20, 2), np.nan), X)
    with pytest.raises(ValueError, match="generated contains infinity"):
        metric(np.full((20, 2), np.inf), X)
    with pytest.raises(ValueError, match=r"'generated' must have at least . sample"):
        metric(X[:0], X)
    with pytest.raises(ValueError, match="2D array"):
        metric(X[:, 0], X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X: maximum_mean_discrepancy(X, X[:1]), "'reference' .* least 2 sample"),
        (lambda X: biased_mmd(X, X, bandwidth=0.0), "'bandwidth' must be .*got 0.0"),
        (lambda X: biased_mmd(X, X, bandwidth=[1, np.inf]), "'bandwidth' must be"),
        (lambda X: biased_mmd(X, X, bandwidth=[[1.0]]), "'bandwidth' must be"),
        (lambda X: sliced(X, X, n_projections=0), "n_projections == 0"),
        (lambda X: wasserstein_distance(np.zeros((5001, 2)), X), "got 5001 samples in"),
        (lambda X: c2st(X[:4], X), "'generated' must have at least 5 sample"),
        (lambda X: c2st(X, X, cv=1), "cv == 1"),
        (lambda X: c2st(X, X, classifier=KernelDensity()), "'classifier' must be"),
        (lambda X: density(X, X[:5]), "'n_neighbors' must be smaller.*n_neighbors=5"),
        (lambda X: coverage(X, X, n_neighbors=0), "n_neighbors == 0"),
        (lambda X: closest_record_ratio(X, X, X), "not defined"),
        (lambda X: near_copy_share(X, X[:1]), "'train' must have at least two samples"),
        (lambda X: near_copy_share(X, X, quantile=1.5), "quantile == 1.5"),
    ],
)
def test_bad_parameters(call, message):
    with pytest.raises(ValueError, match=message):
        call(normal(6, 2))


def test_training_and_test_rows_cannot_be_confused():
    X = normal(6, 2)
    with pytest.raises(TypeError, match="positional"):
        memorization_auc(X, X, X)


# --- report


FIDELITY = [
    "energy_distance",
    "maximum_mean_discrepancy",
    "sliced_wasserstein_distance",
    "wasserstein_distance",
    "classifier_two_sample_test",
    "density",
    "coverage",
    "alpha_precision",
    "beta_recall",
]
REPORTED = [*FIDELITY, *MEMORIZATION]
UNITS = np.array([1e-3, 1.0, 1e3])


def table_rows(n, seed):
    """Correlated columns in units that differ by a million."""
    mixing = np.array([[1.0, 0.8, 0.0], [0.0, 0.6, 0.0], [0.0, 0.0, 1.0]])
    return np.random.default_rng(seed).standard_normal((n, 3)) @ mixing * UNITS


@pytest.fixture(scope="module")
def halves():
    return table_rows(200, 1), table_rows(200, 2)


# Mean ratios of fresh rows over five tables lie within these of 1. Over eight groups
# of five tables, the largest deviations were 0.41, 0.29, 0.19, 0.07, 0.04, 0.02, 0.01,
# 0.03, 0.04, 0.05, 0.05 and 0.66.
LARGEST = [0.6, 0.5, 0.3, 0.1, 0.1, 0.05, 0.03, 0.06, 0.06, 0.08, 0.08, 0.9]
MARGINS = dict(zip(REPORTED, LARGEST, strict=True))


def test_report_of_fresh_rows():
    rng = np.random.default_rng(0)
    tables = [[table_rows(200, rng) for _ in range(4)] for _ in range(5)]
    reports = [
        sample_quality_report(draws, test, train, random_state=0)
        for *draws, test, train in tables
    ]
    deviation = (pd.concat(reports).groupby(level=0)["ratio"].mean() - 1).abs()
    assert (deviation[REPORTED] < pd.Series(MARGINS)).all(), deviation


def test_columns_of_the_report(halves):
    test, train = halves
    draws = [table_rows(200, seed) for seed in (3, 4)]
    report = sample_quality_report(draws, test, train, random_state=0)
    assert [*report.index] == REPORTED
    assert [*report] == ["generated", "std", "fresh", "ratio", "better"]
    assert (report["std"] > 0).all()
    assert_allclose(report["ratio"], report["generated"] / report["fresh"])
    assert report.loc["memorization_auc", "fresh"] == 0.5
    assert report.loc["closest_record_ratio", "fresh"] == 1
    better = ["lower"] * 5 + ["fresh"] + ["higher"] * 3 + ["fresh", "fresh", "lower"]
    assert [*report["better"]] == better


def test_report_has_no_ratio_to_zero(halves):
    test, _ = halves
    report = sample_quality_report(table_rows(200, 3), test, test, random_state=0)
    for name in ("energy_distance", "wasserstein_distance"):
        assert report.loc[name, "generated"] > 0 == report.loc[name, "fresh"]
        assert np.isnan(report.loc[name, "ratio"])


def test_report_of_copies(halves):
    test, train = halves
    report = sample_quality_report(train, test, train, random_state=0)
    assert_allclose(report.loc[FIDELITY, "ratio"], 1)
    generated = report["generated"]
    assert generated["memorization_auc"] == generated["near_copy_share"] == 1
    assert generated["closest_record_ratio"] == 0
    assert report["std"].isna().all()


def test_report_of_collapsed_rows(halves):
    test, train = halves
    collapsed = train.mean(axis=0) + 0.05 * table_rows(200, 3)
    ratio = sample_quality_report(collapsed, test, train, random_state=0)["ratio"]
    assert ratio["coverage"] < 0.3
    assert (ratio[FIDELITY[:5]] > 1.5).all()


def test_report_agrees_with_the_metrics(halves):
    test, train = halves
    rows = table_rows(200, 3)
    report = sample_quality_report(rows, test, train, random_state=0)["generated"]
    scaled = StandardScaler().fit(train).transform
    X, Y, Z = scaled(rows), scaled(test), scaled(train)
    assert_allclose(report["energy_distance"], energy_distance(X, Y))
    assert_allclose(report["maximum_mean_discrepancy"], biased_mmd(X, Y))
    assert_allclose(report["wasserstein_distance"], wasserstein_distance(X, Y))
    assert_allclose(report["density"], density(X, Y))
    assert_allclose(report["coverage"], coverage(X, Y))
    assert_allclose(report["closest_record_ratio"], closest_record_ratio(X, Y, Z))
    auc = memorization_auc(X, test=Y, train=Z)
    assert_allclose(report["memorization_auc"], auc)
    assert_allclose(report["near_copy_share"], near_copy_share(X, Z))


def test_report_over_draws_is_the_mean_of_reports(halves):
    test, train = (rows[:60] for rows in halves)
    draws = np.stack([table_rows(60, seed) for seed in (3, 4)])
    report = sample_quality_report(draws, test, train, random_state=0)
    values = np.transpose(
        [
            sample_quality_report(draw, test, train, random_state=0)["generated"]
            for draw in draws
        ]
    )
    assert_allclose(report["generated"], values.mean(axis=1))
    assert_allclose(report["std"], values.std(axis=1, ddof=1))


def test_report_in_other_units(halves):
    test, train = (rows[:60] for rows in halves)
    rows, units = table_rows(60, 3), np.array([8.0, 0.25, 1.0])
    expected = sample_quality_report(rows, test, train, random_state=0)
    report = sample_quality_report(
        rows * units, test * units, train * units, random_state=0
    )
    pd.testing.assert_frame_equal(report, expected)
    raw = sample_quality_report(rows, test, train, standardize=False, random_state=0)
    assert raw.loc["wasserstein_distance", "generated"] > 100
    assert expected.loc["wasserstein_distance", "generated"] < 2


@pytest.mark.parametrize("sizes", [(30, 80, 50), (90, 40, 50), (6, 6, 6)])
def test_report_of_different_numbers_of_rows(sizes):
    generated, test, train = (table_rows(n, seed) for seed, n in enumerate(sizes))
    report = sample_quality_report([generated], test, train, random_state=0)
    assert np.isfinite(report["generated"]).all()


def test_report_compares_equal_numbers_of_rows(halves):
    # Ten rows are far from the data by chance, and as far as ten training rows.
    test, train = halves
    draws = [table_rows(10, seed) for seed in range(12)]
    report = sample_quality_report(draws, test, train, random_state=0)
    names = ["energy_distance", "sliced_wasserstein_distance", "coverage"]
    assert report.loc["coverage", "fresh"] < 0.5
    assert ((report.loc[names, "ratio"] - 1).abs() < 0.5).all(), report


def test_report_of_data_frames_and_whole_numbers():
    pl = pytest.importorskip("polars")
    generated, test, train = np.random.default_rng(0).integers(4, size=(3, 60, 3))
    generated[:, 2] = test[:, 2] = train[:, 2] = 7
    names = ["a", "b", "c"]
    report = sample_quality_report(
        [pd.DataFrame(generated, columns=names), pl.DataFrame(generated, names)],
        pd.DataFrame(test, columns=names),
        train,
        random_state=0,
    )
    assert np.isnan(report.loc["closest_record_ratio", "generated"])
    assert report.drop("closest_record_ratio").notna().all(axis=None)
    assert (report["std"].drop("closest_record_ratio") == 0).all()


def test_report_of_bad_input(halves, monkeypatch):
    test, train = halves
    with pytest.raises(ValueError, match=r"generated\[1\] contains NaN"):
        sample_quality_report([test, np.nan * test], test, train)
    with pytest.raises(ValueError, match="'test' must have at least 6"):
        sample_quality_report(test, test[:5], train)
    with pytest.raises(ValueError, match="same columns"):
        sample_quality_report(test[:, :2], test, train)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        sample_quality_report(test, test, train)


# --- scorers


FOLDS = KFold(3, shuffle=True, random_state=0)


@pytest.fixture(scope="module")
def wine():
    return load_wine().data


def kde_pipeline(bandwidth=0.5):
    return make_pipeline(StandardScaler(), KernelDensity(bandwidth=bandwidth))


def test_scorer_is_minus_the_distance_of_a_draw(wine):
    train, test = train_test_split(wine, random_state=0)
    drifter = ConservativeDrifter(random_state=0).fit(train)
    score = make_sample_scorer(energy_distance, standardize=False)(drifter, test)
    assert isinstance(score, float)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    rows = drifter.sample(len(test), random_state=seed)
    assert score == -energy_distance(rows, test)
    scaled = StandardScaler().fit(test).transform
    score = make_sample_scorer(energy_distance)(drifter, test)
    assert_allclose(score, -energy_distance(scaled(rows), scaled(test)))
    score = make_sample_scorer(coverage, n_neighbors=2)(drifter, test)
    assert score == coverage(scaled(rows), scaled(test), n_neighbors=2)


def test_scorer_of_several_draws(wine):
    drifter = ConservativeDrifter(random_state=0).fit(wine)
    drawn = []

    def record(generated, reference):
        drawn.append(generated)
        return len(drawn)

    scorer = make_sample_scorer(record, greater_is_better=True, n_draws=3, n_samples=11)
    assert scorer(drifter, wine) == 2
    assert [len(rows) for rows in drawn] == [11] * 3
    assert not np.array_equal(drawn[0], drawn[1])
    scorer(drifter, wine)
    assert_array_equal(drawn[0], drawn[3])


def test_search_over_the_bandwidth_of_a_drifter(wine):
    search = GridSearchCV(
        ConservativeDrifter(random_state=0),
        {"bandwidth": [2.0, 20.0]},
        scoring=make_sample_scorer(energy_distance),
        cv=FOLDS,
        error_score="raise",
    ).fit(wine)
    assert search.best_params_ == {"bandwidth": 2.0}
    assert search.score(wine) > -0.2


@pytest.mark.parametrize(
    "metric",
    [
        energy_distance,
        maximum_mean_discrepancy,
        sliced_wasserstein_distance,
        wasserstein_distance,
        coverage,
        classifier_two_sample_test,
    ],
)
def test_search_refuses_a_blurred_density(metric, wine):
    search = GridSearchCV(
        kde_pipeline(),
        {"kerneldensity__bandwidth": [0.3, 5.0]},
        scoring=make_sample_scorer(metric),
        cv=FOLDS,
        error_score="raise",
    ).fit(wine)
    assert search.best_params_ == {"kerneldensity__bandwidth": 0.3}


def test_scorer_does_not_see_copies_and_the_report_does(wine):
    train, test = train_test_split(wine, test_size=0.5, random_state=0)
    scorer = make_sample_scorer(energy_distance, n_draws=5)
    copies, blurred = (kde_pipeline(h).fit(train) for h in (1e-6, 0.6))
    assert scorer(copies, test) > scorer(blurred, test)
    rows = copies[:-1].inverse_transform(copies[-1].sample(89, random_state=0))
    report = sample_quality_report(rows, test, train, random_state=0)
    assert report.loc["memorization_auc", "generated"] == 1


def test_scorer_draws_from_mixtures(wine):
    scorer = make_sample_scorer(energy_distance, n_draws=2)
    mixture = GaussianMixture(2, random_state=5).fit(wine)
    assert scorer(mixture, wine) == scorer(mixture, wine)
    assert mixture.random_state == 5
    one, two = (
        make_sample_scorer(energy_distance, random_state=seed)(mixture, wine)
        for seed in (0, 1)
    )
    assert one != two
    assert scorer(make_pipeline(mixture), wine) == scorer(mixture, wine)


def test_scorer_takes_rows_back_through_a_pipeline(wine):
    scorer = make_sample_scorer(energy_distance)
    assert scorer(kde_pipeline().fit(wine), wine) > -0.5


def test_several_scorers_data_frames_and_pickles(wine):
    frame = pd.DataFrame(wine, columns=load_wine().feature_names)
    scoring = {
        "energy": make_sample_scorer(energy_distance),
        "sliced": make_sample_scorer(sliced_wasserstein_distance),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = (
            cross_validate(kde_pipeline(), frame, scoring=s, cv=FOLDS)
            for s in (scoring, pickle.loads(pickle.dumps(scoring)))
        )
    for name in ("test_energy", "test_sliced"):
        assert (first[name] < 0).all()
        assert_array_equal(first[name], second[name])
    assert repr(scoring["energy"]) == "make_sample_scorer(energy_distance)"
    assert "partial" in repr(make_sample_scorer(sliced, greater_is_better=False))


def test_scorer_of_a_generator_that_diverges(wine):
    class Diverged:
        def sample(self, n, random_state=None):
            return np.full((n, 13), np.nan)

    with pytest.raises(ValueError, match="generated contains NaN"):
        make_sample_scorer(energy_distance)(Diverged(), wine)


@pytest.mark.parametrize(
    "metric", [memorization_auc, closest_record_ratio, near_copy_share]
)
def test_scorers_have_no_training_rows(metric):
    with pytest.raises(ValueError, match=f"{metric.__name__} requires the training"):
        make_sample_scorer(metric, greater_is_better=False)


@pytest.mark.parametrize("metric", [density, sliced, lambda generated, reference: 0.0])
def test_direction_of_an_unknown_metric(metric):
    with pytest.raises(ValueError, match="pass greater_is_better=True or False"):
        make_sample_scorer(metric)


def test_bad_parameters_of_scorers(wine):
    with pytest.raises(ValueError, match="n_draws == 0"):
        make_sample_scorer(energy_distance, n_draws=0)
    with pytest.raises(ValueError, match="n_samples == 0"):
        make_sample_scorer(energy_distance, n_samples=0)
    scorer = make_sample_scorer(energy_distance)
    with pytest.raises(TypeError, match="'sample'; PolynomialFeatures has none"):
        scorer(PolynomialFeatures().fit(wine), wine)


# --- frames


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_with_other_columns_are_not_compared(frame):
    rows = {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 7.0]}
    first, turned = frame(rows), frame({"b": rows["b"], "a": rows["a"]})
    with pytest.raises(ValueError, match=r"'reference'.* column 0 is 'b'.* 'a'"):
        energy_distance(first, turned)
    assert energy_distance(first, np.column_stack(list(rows.values()))) == 0


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("values", [["a", "b", "a"], [0.5, None, 1.0]])
def test_frames_of_other_than_numbers_name_the_encoder(frame, values):
    mixed = frame({"x": [1.0, 2.0, 3.0], "c": values})
    for arguments in ((mixed, np.ones((3, 2))), (np.ones((3, 2)), mixed)):
        with pytest.raises(ValueError, match=r"Column 'c' of .*TableEncoder to the tr"):
            energy_distance(*arguments)
    report = skdrift.metrics.sample_quality_report
    with pytest.raises(ValueError, match=r"Column 'c' of 'test'.*TableEncoder"):
        report(np.ones((9, 2)), mixed, np.ones((9, 2)))


# --- documentation


@pytest.mark.parametrize("name", skdrift.metrics.__all__)
def test_docstrings_state_errors_and_examples(name):
    doc = inspect.getdoc(getattr(skdrift.metrics, name))
    assert "Raises\n------" in doc
    assert "Examples\n--------" in doc
