"""The density of draws: a mixture of local Gaussians with the laws of columns."""

import pickle
import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from problems import IRIS, WINE, moons
from scipy.integrate import trapezoid
from scipy.special import logsumexp
from scipy.stats import cauchy, multivariate_normal, norm
from sklearn.datasets import load_breast_cancer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter
from skdrift._data._cells import log_interval
from skdrift._data._covariance import shrunk_covariance
from skdrift._data._mixture import LocalMixture, Shape, _Whitenings
from skdrift._data._neighbors import NearestRows
from skdrift._data._rows import weighted_rows


def mixture(X, columns="auto", weight=None, shape=None):
    X = np.asarray(X, float)
    weight = np.ones(len(X)) if weight is None else weight
    rows, scaling, margins = weighted_rows(X, weight, True, columns)
    found = LocalMixture(rows, NearestRows(rows.rows), scaling, margins.laws)
    if shape is not None:
        found.shape = shape
    return found


SHAPE = Shape(n_neighbors=20, shrinking=0.15, noise=0.8, is_full=False)


# -- formulas ------------------------------------------------------------------------


@given(st.floats(-30, 30), st.floats(-8, 2).map(lambda exponent: float(10.0**exponent)))
def test_probabilities_of_intervals(a, width):
    found = log_interval(np.array([a]), np.array([a + width]))[0]
    near, far = sorted([abs(a), abs(a + width)])
    if a < 0 < a + width:
        expected = np.log1p(-norm.sf(-a) - norm.sf(a + width))
    else:  # in the lower tail, by differences of logarithms
        low, high = norm.logcdf(-far), norm.logcdf(-near)
        expected = high + np.log(-np.expm1(low - high)) if high > low else found
    if width > 1e-4:
        assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    else:
        middle = norm.logpdf(a + width / 2) + np.log(width)
        assert_allclose(found, middle, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("is_full", [False, True])
def test_the_mixture_is_its_formula(is_full):
    X = WINE[:60, [0, 2, 5]]
    weight = np.random.default_rng(0).uniform(0.5, 2, 60)
    shape = Shape(15, 0.3, 0.7, is_full)
    found = mixture(X, "free", weight, shape).log_density(X + 0.1)
    z = (X - np.average(X, axis=0, weights=weight)) / np.sqrt(
        np.average((X - np.average(X, 0, weight)) ** 2, 0, weight)
    )
    scale = np.sqrt(np.average((X - np.average(X, 0, weight)) ** 2, 0, weight))
    w = weight / weight.sum()
    S = np.cov(z, rowvar=False, aweights=weight, ddof=0)
    if is_full:
        S = shrunk_covariance(z, w, np.ones(60))
    else:
        S = np.diag(np.diag(S))
    terms = []
    for i in range(60):
        near = np.argsort(np.linalg.norm(z - z[i], axis=1))[:15]
        mean = np.average(z[near], 0, w[near])
        C = np.cov(z[near], rowvar=False, aweights=w[near], ddof=0)
        local = 0.7 * C + 0.3 * np.trace(np.linalg.solve(S, C)) / 3 * S
        centre = mean + np.sqrt(1 - 0.7**2) * (z[i] - mean)
        normal = multivariate_normal(centre, 0.7**2 * local)
        terms.append(np.log(w[i]) + normal.logpdf(z + 0.1 / scale))
    expected = logsumexp(terms, axis=0) - np.log(scale).sum()
    background = np.sum(cauchy.logpdf(X + 0.1, np.average(X, 0, weight), scale), axis=1)
    expected = np.logaddexp(np.log(60 / 61) + expected, background - np.log(61))
    assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(("k", "d"), [(15, 200), (40, 7), (90, 130), (1, 81)])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_blocks_whiten_like_the_dense_covariance(k, d, scale):
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((3, k, d)) * np.geomspace(1, 0.01, k)[:, None]
    found = _Whitenings(factor, np.array([1.0, 2.0, 3.0]) * scale)
    x = rng.standard_normal((3, 5, d))
    white = found.white(slice(None), x)
    for i in range(3):
        root = np.linalg.cholesky(factor[i].T @ factor[i] + (i + 1) * scale * np.eye(d))
        expected = np.linalg.solve(root, x[i].T).T
        assert_allclose(found.deviations[i], np.diag(root), rtol=1e-8)
        # The condition number is up to 1e8, and rounding depends on the BLAS.
        assert_allclose(white[i], expected, rtol=1e-8, atol=1e-7 * abs(expected).max())
        assert_array_equal(found.white(i, x[i]), white[i])


def zero_inflated(rng, n):
    return np.where(rng.random(n) < 0.4, 0, np.exp(rng.standard_normal(n)))


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.standard_normal(n),
        zero_inflated,
        lambda rng, n: rng.beta(0.5, 0.5, n),
        lambda rng, n: np.where(rng.random(n) < 0.3, -999, rng.normal(120, 15, n)),
        lambda rng, n: np.minimum(rng.exponential(size=n), 1.5),
    ],
)
def test_one_column_integrates_to_one(draw):
    X = draw(np.random.default_rng(0), 100)[:, None]
    found = mixture(X, shape=SHAPE)
    atoms = found.laws[0].atoms
    rest = X[~np.isin(X, atoms)]
    reach = 40 * X.std()
    x = np.linspace(X.min() - reach, X.max() + reach, 20_001)
    # Narrow components, and steps at bounds and atoms, need more points.
    near = np.linspace(-0.05, 0.05, 41) * rest.std()
    steps = np.array([*atoms, 0.0, 1.0])
    steps = np.concatenate([np.nextafter(steps, -np.inf), np.nextafter(steps, np.inf)])
    small = np.geomspace(1e-9, 0.1, 2000)
    near = (rest[:, None] + near).ravel()
    x = np.unique(np.concatenate([x, near, steps, small, 1 - small]))
    x = x[~np.isin(x, atoms)]
    total = trapezoid(np.exp(found.log_density(x[:, None])), x)
    if len(atoms):
        total += np.exp(found.log_density(atoms[:, None])).sum()
    # The background has one part in 101, of which some is beyond.
    assert_allclose(total, 1, atol=2e-3)


def test_discrete_columns_sum_to_one_jointly():
    rng = np.random.default_rng(0)
    x = rng.poisson(3, 120)
    X = np.column_stack(
        [x, 0.1 * rng.binomial(4, 0.1 + 0.02 * x), rng.random(120) < 0.3]
    )
    found = mixture(X, shape=SHAPE)
    values = [np.unique(column) for column in X.T]
    values[0] = np.arange(x.min(), x.max() + 1)
    table = np.array(list(product(*values)))
    total = np.exp(found.log_density(table)).sum() * 0.1  # the second is per unit
    assert_allclose(total, 1, atol=0.01)
    # What goes together is learned: few where the first column is small.
    p = np.exp(found.log_density(table))
    means = [
        np.average(table[here, 1], weights=p[here])
        for here in (table[:, 0] == 1, table[:, 0] == 6)
    ]
    assert means[1] - means[0] > 0.02


def test_two_columns_with_an_atom_integrate_to_one():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(120)
    X = np.column_stack([x, np.where(x + rng.standard_normal(120) < 0, 0, np.exp(x))])
    found = mixture(X, shape=SHAPE)
    assert_array_equal(found.laws[1].atoms, [0])
    first, second = np.linspace(-9, 9, 181), np.geomspace(1e-5, 60, 250)
    grid = np.array(list(product(first, second)))
    density = np.exp(found.log_density(grid)).reshape(181, 250)
    inner = trapezoid(density, second, axis=1)
    atom = np.exp(found.log_density(np.column_stack([first, np.zeros(181)])))
    assert_allclose(trapezoid(inner + atom, first), 1, atol=0.01)
    share = trapezoid(atom, first)
    assert_allclose(share, np.mean(X[:, 1] == 0), atol=0.03)


# -- through the public interface ----------------------------------------------------


def halves(X, seed=0):
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = X[order[::2]], X[order[1::2]]
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def kernel_density(train):
    bandwidths = {"bandwidth": np.geomspace(0.02, 2, 20)}
    return GridSearchCV(KernelDensity(), bandwidths).fit(train).best_estimator_


def gaussian_mixture(train):
    mixtures = [
        GaussianMixture(k, covariance_type=c, reg_covar=1e-4, random_state=0).fit(train)
        for k in range(1, 8)
        for c in ("full", "diag")
    ]
    return min(mixtures, key=lambda m: m.bic(train))


@pytest.mark.parametrize(
    ("X", "gain"),
    [
        (moons(1000), 0.01),  # measured: .04
        (WINE, 0.6),  # 1.1
        (load_breast_cancer().data, 1),  # 2.0
    ],
    ids=["moons", "wine", "breast_cancer"],
)
def test_held_out_rows_are_more_likely_than_by_other_estimators(X, gain):
    train, test = halves(X)
    log_p = ConservativeDrifter(random_state=0).fit(train).score_samples(test).mean()
    for other in (kernel_density(train), gaussian_mixture(train)):
        assert log_p > other.score_samples(test).mean() + gain


def test_draws_are_as_likely_as_held_out_rows():
    """No density that copies or blurs the data passes."""
    train, test = moons(2000).reshape(2, 1000, 2)
    drifter = ConservativeDrifter(random_state=0).fit(train)
    draws = drifter.sample(1000, random_state=1)

    def excess(log_density):
        log_p = [log_density(rows) for rows in (draws, test)]
        error = np.sqrt(sum(p.var() / len(p) for p in log_p))
        return (log_p[0].mean() - log_p[1].mean()) / error

    assert abs(excess(drifter.score_samples)) < 3
    held_out = drifter.score_samples(test).mean()
    for bandwidth in (0.01, 1.0):
        other = KernelDensity(bandwidth=bandwidth).fit(train)
        assert other.score_samples(test).mean() < held_out - 0.3


def test_weights_are_repeated_rows():
    X, weight = IRIS[:40], np.arange(40) % 3 + 1
    weighted = ConservativeDrifter(random_state=0).fit(X, sample_weight=weight)
    repeated = ConservativeDrifter(random_state=0).fit(np.repeat(X, weight, axis=0))
    assert_array_equal(weighted.score_samples(IRIS), repeated.score_samples(IRIS))


def test_weights_are_repeated_rows_in_many_columns():
    X = np.random.default_rng(0).standard_normal((30, 100))
    X[:, :5] = np.maximum(X[:, :5], 0)
    weight = np.arange(30) % 3 + 1.0
    # The number of samples is the sum of the weights, as `fit` counts them.
    weighted = mixture(X, "auto", weight, SHAPE).log_density(X + 0.1)
    repeated = mixture(np.repeat(X, weight.astype(int), axis=0), "auto", None, SHAPE)
    # Bounds at extreme values are found through the rounding of internal units.
    assert_allclose(weighted, repeated.log_density(X + 0.1), rtol=1e-12)


@pytest.mark.parametrize(
    ("X", "columns"),
    [
        (WINE, "auto"),
        (np.random.default_rng(0).exponential(size=(150, 3)), "auto"),
        (np.random.default_rng(0).standard_normal((60, 100)), "free"),
    ],
    ids=["wine", "bounded", "many columns"],
)
def test_gradients_are_finite_differences(X, columns):
    """The density is smooth: differences of two lengths agree, and add up."""
    found, scale = mixture(X, columns), X.std(axis=0)
    rng = np.random.default_rng(0)
    for x in X[:4] + 0.1 * scale:
        direction = scale * rng.standard_normal(X.shape[1])
        direction *= 0.5 / np.linalg.norm(direction / scale)

        def along(t, x=x, direction=direction):
            return found.log_density(x + np.multiply.outer(t, direction))

        nodes, weights = np.polynomial.legendre.leggauss(40)
        t = 0.25 * (nodes + 1)
        long, short = ((along(t + h) - along(t - h)) / (2 * h) for h in (2e-4, 1e-4))
        # Errors are in proportion to h^2, so that these are three times as small.
        assert_allclose(short, long, rtol=1e-4, atol=1e-4 * abs(long).max())
        total = 0.25 * weights @ (4 * short - long) / 3
        assert_allclose(total, np.diff(along([0.0, 0.5]))[0], rtol=1e-3, atol=1e-3)


def test_units_change_the_density_by_a_constant():
    X = np.random.default_rng(0).standard_normal((150, 3)) ** 2
    units = np.array([1e-3, 1.0, 1e4])
    plain, scaled = (ConservativeDrifter(random_state=0).fit(Z) for Z in (X, X * units))
    shift = np.log(units).sum()
    expected = plain.score_samples(X) - shift
    assert_allclose(scaled.score_samples(X * units), expected, rtol=1e-6, atol=1e-6)


def test_any_finite_row_has_a_finite_density():
    rng = np.random.default_rng(0)
    X = np.column_stack([zero_inflated(rng, 90), rng.poisson(2, 90), rng.random(90)])
    drifter = ConservativeDrifter(random_state=0).fit(X)
    far = np.array([[1e300] * 3, [-1e300, 7, 0.5], [-1.0, 2.5, 3.0], [1e308] * 3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_p = drifter.score_samples(far)
    assert np.isfinite(log_p).all()
    assert log_p.max() < drifter.score_samples(X).min()


@pytest.mark.parametrize(
    "X",
    [
        np.ones((5, 2)),
        np.random.default_rng(0).standard_normal((2, 3)),
        np.random.default_rng(0).standard_normal((12, 100)),
        np.repeat(np.random.default_rng(0).standard_normal((4, 2)), 9, axis=0),
        np.column_stack([np.arange(30.0), np.full(30, 7.0), np.arange(30) * 2.0]),
    ],
    ids=["constant", "two rows", "many columns", "four rows repeated", "collinear"],
)
def test_degenerate_data(X):
    drifter = ConservativeDrifter(random_state=0).fit(X)
    inside, outside = drifter.score_samples(X), drifter.score_samples(X + 9)
    assert np.isfinite(inside).all()
    assert np.isfinite(outside).all()
    assert outside.mean() < inside.mean() - 1


def test_rows_that_are_all_equal_are_certain():
    drifter = ConservativeDrifter(random_state=0).fit(np.ones((5, 2)))
    certain, other = drifter.score_samples([[1.0, 1.0], [1.0, 1.5]])
    # The mixture has 5 / 6; nine tenths of the background are at each of the two atoms.
    assert_allclose(certain, np.log(5 / 6 + 0.81 / 6), rtol=1e-12)
    assert other < np.log(1 / 6)


@pytest.mark.parametrize("n", [2, 3, 12])
@pytest.mark.parametrize("d", [1, 3, 100])
def test_fewer_rows_than_neighbours(n, d):
    X = np.random.default_rng(0).standard_normal((n, d))
    found = mixture(X, "free")
    assert found.shape.n_neighbors <= n
    far = np.array([[1e300] * d, [-1e300] * d, [1e308] * d, [9.0] * d])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_p = found.log_density(np.concatenate([X, far]))
    assert np.isfinite(log_p).all()
    assert log_p[n:].max() < log_p[:n].min()


def test_single_precision_has_the_same_density():
    X = WINE + np.random.default_rng(0).uniform(0, 1e-3, WINE.shape)
    single = ConservativeDrifter(random_state=0).fit(X.astype(np.float32))
    double = ConservativeDrifter(random_state=0).fit(X)
    for drifter in (single, double):
        drifter.flow_.density.shape = SHAPE
    expected = double.score_samples(X)
    assert_allclose(single.score_samples(X), expected, rtol=1e-3, atol=1e-3)


def test_precision_and_pickles():
    X = WINE.astype(np.float32)
    drifter = ConservativeDrifter(random_state=0).fit(X)
    fresh = pickle.loads(pickle.dumps(drifter))
    log_p = drifter.score_samples(X)
    assert log_p.dtype == np.float32
    copy = pickle.loads(pickle.dumps(drifter))
    for other in (fresh, copy):
        assert_array_equal(other.score_samples(X), log_p)
    assert len(pickle.dumps(copy)) < len(pickle.dumps(fresh)) + 500
