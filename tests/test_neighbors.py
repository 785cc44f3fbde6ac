import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from skdrift._neighbors import NearestRows

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
def test_a_row_is_nearest_to_itself_at_no_distance(d):
    # Exactly, as ties with the twins of rows depend on it, in any batch of queries.
    rows = 0.11 + 0.37 * np.random.default_rng(0).standard_normal((200, d))
    near = NearestRows(rows)
    for x in (rows, rows[:7], rows[5:6]):
        assert_array_equal(near.distance(x), np.zeros(len(x)))
    assert_array_equal(near.indices(rows, 1)[:, 0], np.arange(200))
