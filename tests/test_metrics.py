import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from scipy.stats import energy_distance as scipy_energy_distance
from sklearn import config_context

from skdrift.metrics import closest_record_ratio, energy_distance


def test_energy_distance_against_its_definition():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((30, 4)), 1 + rng.standard_normal((50, 4))
    expected = 2 * cdist(X, Y).mean() - cdist(X, X).mean() - cdist(Y, Y).mean()
    assert_allclose(energy_distance(X, Y), expected)
    with config_context(working_memory=0.01):
        assert_allclose(energy_distance(X, Y), expected)


def test_energy_distance_against_scipy_in_one_dimension():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal(20), rng.exponential(size=30)
    expected = scipy_energy_distance(x, y) ** 2
    assert_allclose(energy_distance(x[:, None], y[:, None]), expected)


def test_energy_distance_of_equal_samples_is_zero():
    X = np.random.default_rng(0).standard_normal((20, 3))
    assert_allclose(energy_distance(X, X[::-1]), 0, atol=1e-12)


def test_closest_record_ratio_of_copies_and_of_fresh_rows():
    rng = np.random.default_rng(0)
    train, held_out, fresh = rng.standard_normal((3, 1000, 2))
    assert closest_record_ratio(train[:50], held_out, train) == 0
    assert_allclose(closest_record_ratio(fresh, held_out, train), 1, atol=0.1)


def test_bad_input():
    X = np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"widths \{'X': 2, 'Y': 1\}"):
        energy_distance(X, X[:, :1])
    with pytest.raises(ValueError, match="NaN"):
        energy_distance(X, np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="not defined"):
        closest_record_ratio(X, X, X)
