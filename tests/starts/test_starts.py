import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skdrift import ConservativeDrifter
from skdrift._data._neighbors import NearestRows
from skdrift._data._rows import Scaling, WeightedRows
from skdrift._starts import GaussianStart, LocalStart
from skdrift._starts._given import GivenRows


def weighted(rows, weight=None):
    weight = np.full(len(rows), 1 / len(rows)) if weight is None else weight
    return WeightedRows(rows, weight, np.ones(len(rows)), rows.std(axis=0))


def local(rows, weight=None):
    return LocalStart(weighted(rows, weight), NearestRows(rows))


def draw(rows, n, b, weight=None):
    return local(rows, weight).draw(n, np.random.RandomState(0))(b)


def gaussian(rows, n, weight=None):
    start = GaussianStart(weighted(rows, weight))
    return start.draw(n, np.random.RandomState(0))(1.0)


def moments(rows, weight):
    mean = weight @ rows
    return mean, (weight[:, None] * (rows - mean)).T @ (rows - mean)


@pytest.mark.parametrize("d", [3, 12])  # fewer and more columns than rows
def test_gaussian_start_matches_mean_and_covariance(d):
    X, weight = np.random.default_rng(0).standard_normal((9, d)), np.arange(1, 10) / 45
    rows = gaussian(X, 200_000, weight)
    mean, covariance = moments(X, weight)
    assert_allclose(rows.mean(axis=0), mean, atol=0.02)
    assert_allclose(np.cov(rows.T), covariance, atol=0.03)


@pytest.mark.parametrize("d", [3, 12])
def test_gaussian_start_keeps_to_the_line_of_collinear_columns(d):
    direction = np.random.default_rng(1).standard_normal(d)
    direction /= np.linalg.norm(direction)
    X = np.outer(np.random.default_rng(0).standard_normal(30), direction)
    rows = gaussian(X, 100)
    beside = rows - np.outer(rows @ direction, direction)
    # A root of the rounding of a variance would be 1e-8.
    assert np.abs(beside).max() < 1e-13
    assert_allclose((rows @ direction).std(), (X @ direction).std(), rtol=0.3)


@pytest.mark.parametrize("d", [2, 12])
def test_local_start_without_noise_is_the_rows(d):
    rows = np.random.default_rng(0).standard_normal((50, d))
    drawn = draw(rows, 100, 0)
    # Each twice: as equally often as possible.
    assert_allclose(
        drawn[np.lexsort(drawn.T)], np.repeat(rows[np.lexsort(rows.T)], 2, axis=0)
    )


@pytest.mark.parametrize("n_rows", [12, 30])
def test_if_all_rows_are_neighbours_it_is_the_matched_gaussian(n_rows):
    rng = np.random.default_rng(0)
    rows, weight = rng.standard_normal((n_rows, 3)), rng.dirichlet(np.ones(n_rows))
    drawn = draw(rows, 100_000, 1, weight)
    mean, covariance = moments(rows, weight)
    assert_allclose(drawn.mean(axis=0), mean, atol=0.02)
    assert_allclose(np.cov(drawn.T), covariance, atol=0.02)
    # Gaussian, not only of its moments: no heavier tails.
    z = (drawn[:, 0] - mean[0]) / np.sqrt(covariance[0, 0])
    assert_allclose(np.mean(z**4), 3, atol=0.1)


@pytest.mark.parametrize(
    ("b", "margin"),
    # Measured: 0.3 %, 2 % and 9 % short, as neighbourhoods of outer rows lie inwards.
    [(0.3, 0.01), (0.7, 0.04), (1.0, 0.12)],
)
def test_the_local_start_nearly_keeps_mean_and_covariance(b, margin):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((2000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    mean, covariance = moments(rows, np.full(2000, 1 / 2000))
    drawn = draw(rows, 40_000, b)
    assert_allclose(drawn.mean(axis=0), mean, atol=0.02)
    assert_allclose(np.cov(drawn.T), covariance, rtol=margin)


def test_more_noise_is_farther_from_the_rows():
    rows = np.random.default_rng(0).standard_normal((400, 2))
    gaps = [
        np.median(
            np.linalg.norm(draw(rows, 400, b)[:, None] - rows, axis=2).min(axis=1)
        )
        for b in (0.0, 0.1, 0.3, 1.0, 2.0)
    ]
    assert np.all(np.diff(gaps) > 0)


@pytest.mark.parametrize("b", [0.5, 1.0])
def test_thin_clusters_stay_thin_clusters(b):
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [5, 0], [0, 5], [5, 5], [2, 3]])
    rows = np.repeat(centres, 60, axis=0) + 0.02 * rng.standard_normal((300, 2))
    drawn = draw(rows, 3000, b)
    to_centre = np.linalg.norm(drawn[:, None] - centres, axis=2)
    assert to_centre.min(axis=1).max() < 5 * 0.02
    assert_array_equal(np.bincount(to_centre.argmin(axis=1)), 600)


def test_heavy_rows_are_drawn_more_often():
    rows = np.random.default_rng(0).standard_normal((200, 2))
    weight = np.where(rows[:, 0] > 0, 9.0, 1.0)
    drawn = draw(rows, 1000, 0.1, weight / weight.sum())
    expected = np.average(rows[:, 0] > 0, weights=weight)
    assert_allclose(np.mean(drawn[:, 0] > 0), expected, atol=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("d", [2, 12])
def test_starts_keep_the_precision(dtype, d):
    rows = np.random.default_rng(0).standard_normal((50, d)).astype(dtype)
    for b in (0, 0.5, 1, 1.5):
        assert draw(rows, 70, b).dtype == dtype
    assert gaussian(rows, 70).dtype == dtype


@pytest.mark.parametrize("n_small", [10, 25, 35])
def test_small_clusters_keep_their_share(n_small):
    # Of 40 neighbours of theirs the rest are in the large cluster; counted, they would
    # leave a share of .4 to .8 of the true one.
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 2)) * (0.1, 1.0)
    rows[:n_small, 0] += 5
    for noise in (0.3, 1.0):
        share = np.mean(draw(rows, 3000, noise)[:, 0] > 2.5)
        assert abs(share - n_small / 300) < 0.002
    drifter = ConservativeDrifter(random_state=0).fit(rows)
    assert abs(np.mean(drifter.sample(300)[:, 0] > 2.5) - n_small / 300) < 0.01


def test_neighbours_are_mutual_or_the_nearest():
    rng = np.random.default_rng(0)
    rows = np.vstack((rng.standard_normal((200, 2)), [[9.0, 9.0]]))
    near, share = local(rows).neighborhoods(rows, np.arange(len(rows)))
    distance = cdist(rows, rows)
    reach = np.sort(distance, axis=1)[:, 79]
    for i in range(201):
        nearest = np.argsort(distance[i])[:40]
        counts = distance[i, nearest] <= reach[nearest]
        counts[:6] = True
        assert set(near[i, share[i] > 0]) == set(nearest[counts])
    assert_allclose(share.sum(axis=1), 1)
    assert np.count_nonzero(share[200]) == 6  # the outlier is a stranger to all


def test_neighbourhoods_of_other_rows_are_those_of_their_places():
    rows = np.random.default_rng(0).standard_normal((100, 3))
    start, places = local(rows), np.arange(0, 100, 7)
    for found, expected in zip(
        start.neighborhoods(rows[places]),
        start.neighborhoods(rows[places], places),
        strict=True,
    ):
        assert_array_equal(found, expected)


# -- displaced rows -----------------------------------------------------------------


def displaced(start, seed=0):
    places = np.arange(len(start.rows.rows))
    return start.displaced(start.rows, places, np.random.RandomState(seed)).rows


@pytest.mark.parametrize("d", [2, 12])
def test_rows_are_displaced_by_as_much_as_they_are_apart(d):
    rows = np.random.default_rng(0).standard_normal((90, d))
    rows[0] = 9.0
    start = local(rows)
    near = np.argsort(cdist(rows, rows), axis=1)[:, :40]
    mean = rows[near].mean(axis=1)
    spread = np.sqrt(rows[near].var(axis=1).sum(axis=1))
    apart = np.sort(cdist(rows, rows), axis=1)[:, 1]
    b = np.minimum(1, 0.7 * apart / spread)[:, None]
    assert b[0] == 1  # it is farther from all than they are spread
    draws = np.array([displaced(start, seed) for seed in range(3000)])
    centre = mean + np.sqrt(1 - b**2) * (rows - mean)
    length = b[:, 0] * spread
    error = np.abs(draws.mean(axis=0) - centre).max(axis=1) / length
    assert error.max() < 0.08  # four standard errors of 3000
    moved = np.sqrt(np.mean(np.sum((draws - centre) ** 2, axis=2), axis=0))
    assert_allclose(moved, length, rtol=0.08)


def test_rows_of_several_samples_stay():
    rows = np.random.default_rng(0).standard_normal((50, 2))
    count = np.where(np.arange(50) < 20, 2.0, 1.0)
    start = local(rows)
    start.rows = start.rows._replace(count=count)
    moved = displaced(start)
    assert_allclose(moved[:20], rows[:20], rtol=1e-14)
    assert np.all(moved[20:] != rows[20:])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_displaced_rows_keep_the_precision(dtype):
    start = local(np.random.default_rng(0).standard_normal((50, 2)).astype(dtype))
    assert displaced(start).dtype == dtype


# -- given rows ----------------------------------------------------------------------


@pytest.mark.parametrize("n_given", [40, 600])
def test_draws_of_given_rows_are_a_smoothed_bootstrap(n_given):
    given = np.random.default_rng(0).standard_normal((n_given, 2)) * [1, 100] + [0, 7]
    given[:, 1] += given[:, 0]
    scaling = Scaling(np.zeros(2), np.ones(2), {})
    start = GivenRows(given, weighted(given), scaling)
    assert_array_equal(start.ensemble(n_given, None)(0.3), given)
    drawn = start.draw(40 * n_given, np.random.RandomState(0))(0.3)
    # Each row 40 times, with independent noise of n^(-1/6) standard deviations.
    noise = given.std(axis=0) * n_given ** (-1 / 6)
    expected = np.cov(given.T, bias=True) + np.diag(noise**2)
    gap = drawn.mean(axis=0) - given.mean(axis=0)
    assert np.all(np.abs(gap) < 5 * noise / np.sqrt(len(drawn)))
    error = 6 * np.diag(expected) / np.sqrt(len(drawn))
    assert np.all(np.abs(np.cov(drawn.T) - expected) < np.sqrt(np.outer(error, error)))
