from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skdrift._data._neighbors import NearestRows, even_choice
from skdrift._data._rows import distinct_rows

each_method = pytest.mark.parametrize("d", [2, 20])  # a tree, products of matrices


@each_method
@pytest.mark.parametrize("k", [1, 2, 7, 60])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_distances_and_places_against_all_pairs(d, k, dtype):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((60, d)).astype(dtype)
    x = rng.standard_normal((25, d)).astype(dtype)
    every = cdist(x, rows)
    near = NearestRows(rows)
    assert_allclose(near.distance(x, k), np.sort(every)[:, k - 1], rtol=2e-6)
    places = near.indices(x, k)
    assert places.shape == (25, k)
    assert_array_equal(np.sort(places), np.sort(np.argsort(every)[:, :k]))


@each_method
@pytest.mark.parametrize("k", [60, 20])
def test_neighbours_that_were_looked_up(d, k):
    rows = np.random.default_rng(0).standard_normal((60, d))
    near, known, places = NearestRows(rows), NearestRows(rows), np.array([7, 3, 50])
    known.look_up(k)
    for n in (1, 5, 20, 60):  # also more than were looked up
        expected = near.indices(rows[places], n)
        assert_array_equal(near.among(places, n), expected)
        assert_array_equal(known.among(places, n), expected)
    for n in (2, 20, 30):
        expected = np.sort(cdist(rows[places], rows))[:, n - 1]
        assert_allclose(known.reach(places, n), expected)


@each_method
def test_a_row_is_nearest_to_itself_at_no_distance(d):
    # Exactly, as ties with the twins of rows depend on it, in any batch of queries.
    rows = 0.11 + 0.37 * np.random.default_rng(0).standard_normal((200, d))
    near = NearestRows(rows)
    for x in (rows, rows[:7], rows[5:6]):
        assert_array_equal(near.distance(x), np.zeros(len(x)))
    assert_array_equal(near.indices(rows, 1)[:, 0], np.arange(200))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d"), [(60, 20), (900, 3), (900, 12), (900, 40)])
def test_distances_of_points_that_move(n, d, dtype):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((n, d)).astype(dtype)
    near = NearestRows(rows)
    following = near.following()
    x = rng.standard_normal((50, d)).astype(dtype)
    for step in (0, 0.01, 0.03, 0.1, 0.3, 3, 0.1):  # small ones, and beyond the known
        x = x + (step * rng.standard_normal(x.shape)).astype(dtype)
        assert_allclose(following(x), near.distance(x), rtol=1e-12)
    assert_array_equal(following(rows[:50]), np.zeros(50))
    assert_allclose(following(x[:7]), near.distance(x[:7]), rtol=1e-12)


def test_points_that_hardly_move_are_not_looked_up_again(monkeypatch):
    rng = np.random.default_rng(0)
    near, x = NearestRows(rng.standard_normal((900, 12))), np.zeros((50, 12))
    following, looked_up = near.following(), []
    kneighbors = near._products.kneighbors

    def watched(x, *arguments):
        looked_up.append(len(x))
        return kneighbors(x, *arguments)

    monkeypatch.setattr(near._products, "kneighbors", watched)
    for _ in range(5):
        x = x + 0.01 * rng.standard_normal(x.shape)
        following(x)
    assert looked_up == [50]


def test_even_choice_takes_every_row_alike():
    rows = np.random.default_rng(0).standard_normal((30, 2))
    random_state = np.random.RandomState(0)
    taken = np.zeros(30)
    for _ in range(3000):
        chosen = even_choice(rows, 10, random_state)
        assert len(set(chosen)) == 10
        taken[chosen] += 1
    assert_allclose(taken / 3000, 1 / 3, atol=0.04)  # 4.6 standard errors


def test_even_choice_of_all_is_a_permutation():
    rows = np.zeros((5, 1))  # also where no order tells them apart
    assert_array_equal(
        np.sort(even_choice(rows, 5, np.random.RandomState(0))), range(5)
    )
    assert len(set(even_choice(rows, 3, np.random.RandomState(0)))) == 3


@pytest.mark.parametrize(("d", "gain"), [(1, 40), (2, 30), (6, 1.4)])
def test_means_of_even_choices_vary_less(d, gain):
    # Variance of independent choices without replacement over that of even ones:
    # measured 82, 67 and 1.9 at least.
    rows = np.random.default_rng(0).standard_normal((2000, d))
    random_state = np.random.RandomState(0)
    means = [
        rows[even_choice(rows, 500, random_state)].mean(axis=0) for _ in range(200)
    ]
    independent = rows.var(axis=0, ddof=1) / 500 * (1 - 500 / 2000)
    assert np.all(independent / np.var(means, axis=0, ddof=1) > gain)


# -- distinct rows -------------------------------------------------------------------


@given(st.lists(st.tuples(*3 * [st.sampled_from([-1.5, -0.0, 0.0, 2.0])]), min_size=1))
def test_distinct_rows_are_in_lexicographic_order(rows):
    X = np.array(rows)
    found, count = distinct_rows(X, np.ones(len(X)))
    expected = Counter(tuple(row + 0.0) for row in X)
    assert [tuple(row) for row in found] == sorted(expected)
    assert_array_equal(count, [expected[row] for row in sorted(expected)])
