"""Draws of some columns given others: the law of the mixture, and its oracles."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import IRIS, moons
from scipy.integrate import trapezoid
from scipy.stats import multivariate_normal, norm

from skdrift import ConservativeDrifter, LaplaceDrifter, SinkhornDrifter
from skdrift._data._mixture import LocalMixture, Shape
from skdrift._data._neighbors import NearestRows
from skdrift._data._rows import weighted_rows

SHAPE = Shape(n_neighbors=20, shrinking=0.15, noise=0.8, is_full=True, gaussian=0.2)


def mixture(X, columns="auto", weight=None, shape=SHAPE):
    X = np.asarray(X, float)
    weight = np.ones(len(X)) if weight is None else weight
    rows, scaling, margins = weighted_rows(X, weight, True, columns)
    found = LocalMixture(rows, NearestRows(rows.rows), scaling, margins.laws)
    found.shape = shape
    return found


def drawn(found, X, seed=0):
    rng = np.random.RandomState(seed)
    return found.conditionals.draw(np.asarray(X, float), rng)


def correlated(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d))


def mixed(n, seed=0):
    """A number, one with zeros that depends on it, and three values."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    positive = np.exp(a + 0.3 * rng.normal(size=n))
    kind = rng.integers(0, 3, n)
    return np.column_stack([a, np.where(rng.random(n) < 0.3, 0, positive), kind])


def fitted(X, **parameters):
    return ConservativeDrifter(random_state=0, annealing=0, tol=1e3, **parameters).fit(
        X
    )


# -- formulas ------------------------------------------------------------------------


def test_components_are_those_of_the_density():
    X = correlated(60, 3)
    found = mixture(X, "free")
    i = np.arange(found.n_components)
    mean, covariance = found.gaussians(i)
    terms = [
        w + multivariate_normal(m, C).logpdf((X - X.mean(0)) / X.std(0))
        for w, m, C in zip(found.log_weight, mean, covariance, strict=True)
    ]
    log_p = np.logaddexp.reduce(terms) - np.log(X.std(0)).sum()
    # But for the background.
    assert_allclose(found.log_density(X), log_p, atol=0.1)
    assert_allclose(np.exp(found.log_weight).sum(), 1)


def conditional_moments(found, z, n_known):
    """Mean and covariance of the other columns given the first ones, by brute force."""
    mean, C = found.gaussians(np.arange(found.n_components))
    o, u = slice(None, n_known), slice(n_known, None)
    weight = np.array(
        [
            np.exp(w) * multivariate_normal(m[o], V[o, o]).pdf(z)
            for w, m, V in zip(found.log_weight, mean, C, strict=True)
        ]
    )
    weight /= weight.sum()
    gain = [V[u, o] @ np.linalg.inv(V[o, o]) for V in C]
    means = [m[u] + g @ (z - m[o]) for m, g in zip(mean, gain, strict=True)]
    inner = [V[u, u] - g @ V[o, u] for V, g in zip(C, gain, strict=True)]
    centre = weight @ means
    spread = np.einsum("n,ni,nj->ij", weight, means - centre, means - centre)
    return centre, spread + np.einsum("n,nij->ij", weight, inner)


@pytest.mark.parametrize("n_proposed", [64, 10_000])
def test_draws_have_the_moments_of_the_formula(n_proposed):
    X = correlated(150, 4)
    X = (X - X.mean(0)) / X.std(0)
    found, n = mixture(X, "free"), 20_000
    z = X[7, :2] + 0.2
    mean, covariance = conditional_moments(found, z, 2)
    given, rng = np.tile([*z, np.nan, np.nan], (n, 1)), np.random.RandomState(0)
    rows = found.conditionals.draw(given, rng, n_proposed).rows[:, 2:]
    error = np.sqrt(np.diag(covariance) / n)
    assert np.all(np.abs(rows.mean(axis=0) - mean) < 4 * error)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.all(np.abs(np.cov(rows.T) - covariance) < 4 * np.sqrt(2 / n) * scale)


@pytest.mark.parametrize("d", [2, 5])
def test_gaussian_data(d):
    rng = np.random.default_rng(d)
    S = np.cov(rng.normal(size=(2 * d, d)).T)
    X = rng.multivariate_normal(np.zeros(d), S, 2000)
    o, u = slice(None, d // 2), slice(d // 2, None)
    x, n = np.sqrt(np.diag(S))[o], 2000
    gain = S[u, o] @ np.linalg.inv(S[o, o])
    mean, covariance = gain @ x, S[u, u] - gain @ S[o, u]
    given = np.full((n, d), np.nan)
    given[:, o] = x
    rows = fitted(X).sample_conditional(given)[:, u]
    scale = np.sqrt(np.diag(covariance))
    # What a regression on as many rows leaves uncertain, and the noise of the draws.
    unknown = ((1 + x @ np.linalg.inv(S[o, o]) @ x) / len(X)) ** 0.5
    bound = (3 * unknown + 3 / n**0.5 + 0.02) * scale
    assert np.all(np.abs(rows.mean(axis=0) - mean) < bound)
    error = 3 * (2 / n) ** 0.5 + 3 * (2 / len(X)) ** 0.5 + 0.02
    bound = error * np.outer(scale, scale)
    assert np.all(np.abs(np.cov(rows.T) - covariance) < bound)


# -- density of some columns given others ----------------------------------------------


def test_conditional_density_integrates_to_one_and_is_that_of_draws():
    drifter, n = fitted(mixed(200)), 20_000
    x = np.linspace(1e-6, 30, 4001)
    rows = drifter.sample_conditional(np.tile([0.5, np.nan, np.nan], (n, 1)))
    total = 0.0
    for kind in range(3):
        grid = np.column_stack([np.full_like(x, 0.5), x, np.full_like(x, kind)])
        p = trapezoid(np.exp(drifter.score_samples(grid, given=[0])), x)
        p_atom = np.exp(drifter.score_samples([[0.5, 0, kind]], given=[0]))[0]
        total += p + p_atom
        here = rows[:, 2] == kind
        for share, expected in (
            (np.mean(here & (rows[:, 1] > 0)), p),
            (np.mean(here & (rows[:, 1] == 0)), p_atom),
        ):
            assert abs(share - expected) < 4 * np.sqrt(expected / n)
    assert_allclose(total, 1, atol=1e-4)


def test_conditional_density_is_a_ratio():
    X = correlated(200, 2)
    drifter = fitted(X, columns="free")
    x = np.linspace(-40, 40, 8001)
    grid = np.column_stack([np.full_like(x, X[3, 0]), x])
    joint = drifter.score_samples(grid)
    expected = joint - np.log(trapezoid(np.exp(joint), x))
    near = expected > -4  # where the background does not count
    log_p = drifter.score_samples(grid, given=[0])
    assert_allclose(log_p[near], expected[near], atol=0.05)


def test_density_given_all_or_none():
    X = correlated(100, 3)
    drifter = fitted(X)
    assert_allclose(drifter.score_samples(X, given=[0, 1, 2]), 0, atol=1e-12)
    none = drifter.score_samples(X, given=[])
    assert_allclose(none, drifter.score_samples(X), atol=0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [([3], "names the column 3"), (["a"], "names the column 'a'"), ("a", "a list")],
)
def test_given_columns_that_do_not_exist(given, message):
    drifter = fitted(correlated(50, 3))
    with pytest.raises(ValueError, match=message):
        drifter.score_samples(np.zeros((1, 3)), given=given)
    with pytest.raises(ValueError, match="must be 'mixture'"):
        drifter.score_samples(np.zeros((1, 3)), method="kde", given=[0])


# -- draws ---------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [ConservativeDrifter, LaplaceDrifter, SinkhornDrifter])
def test_known_entries_stay(cls):
    rng = np.random.default_rng(0)
    X = np.where(rng.random(IRIS.shape) < 0.4, np.nan, IRIS)
    X[0], X[1] = np.nan, IRIS[1]
    rows = cls(random_state=0, annealing=0, tol=1e3).fit(IRIS).sample_conditional(X)
    known = ~np.isnan(X)
    assert_array_equal(rows[known], X[known])
    assert np.isfinite(rows).all()
    assert_array_equal(rows[1], IRIS[1])
    # The laws of columns hold: decimals of one digit.
    assert_allclose(rows * 10, np.rint(rows * 10), atol=1e-9)


def test_draws_depend_on_what_is_known():
    drifter = fitted(moons(1000))
    x = drifter.sample_conditional(np.tile([-1.0, np.nan], (500, 1)))[:, 1]
    # The upper moon ends there, the lower one has not begun.
    assert 0 < np.median(x) < 0.4
    assert (x > -0.5).all()


def test_one_known_value_of_many_equal_ones():
    # Rows with the same known value are equally likely, wherever they are in the data.
    rng = np.random.default_rng(0)
    flag = rng.integers(0, 2, 2000)
    X = np.column_stack([flag, rng.normal(3.0 * flag, 1)])
    x = fitted(X).sample_conditional(np.tile([1.0, np.nan], (2000, 1)))[:, 1]
    assert abs(x.mean() - 3) < 0.1
    assert abs(x.std() - 1) < 0.07


def test_weights_equal_repetition():
    X, weight = correlated(40, 3), np.arange(40) % 3
    given = np.where(np.random.default_rng(0).random(X.shape) < 0.5, np.nan, X)
    first = drawn(mixture(X, weight=weight.astype(float)), given).rows
    second = drawn(mixture(np.repeat(X, weight, axis=0)), given).rows
    assert_allclose(first, second, atol=1e-9)


def test_draws_are_reproducible_and_new():
    drifter = fitted(IRIS)
    X = np.tile([5.0, np.nan, np.nan, np.nan], (20, 1))
    first = drifter.sample_conditional(X)
    assert_array_equal(first, drifter.sample_conditional(X))
    assert_array_equal(
        drifter.sample_conditional(X, 3), drifter.sample_conditional(X, 3)
    )
    assert len(np.unique(first, axis=0)) > 15


def test_single_precision_and_frames():
    pandas = pytest.importorskip("pandas")
    drifter = fitted(IRIS.astype(np.float32))
    given = np.array([[5, np.nan, 1.5, np.nan]], np.float32)
    assert drifter.sample_conditional(given).dtype == np.float32
    frame = pandas.DataFrame(IRIS, columns=list("abcd"))
    drifter = fitted(frame).set_output(transform="pandas")
    rows = drifter.sample_conditional(pandas.DataFrame(given, columns=list("abcd")))
    assert list(rows.columns) == list("abcd")
    assert rows["a"][0] == 5
    assert_allclose(
        drifter.score_samples(frame, given=["a"]),
        drifter.score_samples(frame, given=[0]),
    )


def test_far_conditions_have_the_nearest_rows():
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    drifter = fitted(np.column_stack([a, a + 0.1 * rng.normal(size=500)]))
    X = np.array([[0.0, np.nan], [1e3, np.nan], [1e30, np.nan]])
    with pytest.warns(UserWarning, match="Of 3 rows, 2 have known entries far"):
        rows = drifter.sample_conditional(X)
    assert_array_equal(rows[:, 0], X[:, 0])
    assert np.all(np.abs(rows[1:, 1] - a.max()) < 1)


def test_held_out_rows_are_not_far():
    train, test = IRIS[::2], IRIS[1::2].copy()
    test[:, 2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(train).sample_conditional(test)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan, -1, np.nan], r"Row 1 of X has -1 in column 1, .*at least 0"),
        ([np.nan, np.nan, 7], r"Row 1 of X has 7 in column 2"),
        ([np.inf, np.nan, 1], "infinity"),
    ],
)
def test_impossible_entries(row, message):
    with pytest.raises(ValueError, match=message):
        fitted(mixed(300)).sample_conditional([[0, 0, np.nan], row])


def test_constant_columns():
    X = np.column_stack([correlated(50, 2), np.full(50, 4.0)])
    drifter = fitted(X)
    rows = drifter.sample_conditional([[np.nan, 0.0, np.nan]])
    assert rows[0, 2] == 4
    with pytest.raises(ValueError, match="constant 4"):
        drifter.sample_conditional([[np.nan, 0.0, 5.0]])


def test_all_rows_equal_and_few_rows():
    drifter = fitted(np.ones((5, 2)))
    assert_array_equal(drifter.sample_conditional([[1, np.nan]]), [[1, 1]])
    rows = fitted(correlated(3, 2)).sample_conditional([[0.0, np.nan]])
    assert np.isfinite(rows).all()


def test_bounds_are_kept():
    # Bounds that are given, beyond the data, cut the Gaussians off.
    x = np.abs(np.random.default_rng(0).normal(size=(300, 1))) * [1, 0.5]
    drifter = fitted(x + 0.01, columns=[{"bounds": (0, None)}] * 2)
    rows = drifter.sample_conditional(np.tile([0.02, np.nan], (2000, 1)))
    assert rows.min() >= 0
    assert np.mean(rows[:, 1] == 0) == 0


def test_shares_of_values_given_a_number():
    # P(1 | x) = Phi(2 x)
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    X = np.column_stack([x, x + 0.5 * rng.normal(size=2000) > 0]).astype(float)
    drifter, n = fitted(X), 4000
    for at in (-0.5, 0.0, 0.5):
        drawn = drifter.sample_conditional(np.tile([at, np.nan], (n, 1)))[:, 1]
        assert abs(drawn.mean() - norm.cdf(2 * at)) < 0.06
