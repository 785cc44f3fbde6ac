import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from skdrift.closeness import ClosestRecord


@pytest.mark.parametrize("d", [2, 20])
def test_ratio_against_its_definition(d):
    rng = np.random.default_rng(0)
    rows, particles = rng.standard_normal((101, d)), rng.standard_normal((51, d))
    among = cdist(rows, rows) + np.diag(np.full(101, np.inf))
    rule = ClosestRecord(rows, np.ones(101))
    assert_allclose(rule.reference, np.median(among.min(axis=1)), rtol=1e-6)
    nearest = np.median(cdist(particles, rows).min(axis=1))
    assert_allclose(rule.ratio(particles), nearest / rule.reference, rtol=1e-6)


@pytest.mark.parametrize("d", [3, 20])
def test_fresh_rows_are_as_close_as_the_data_and_copies_closer(d):
    rows, fresh = np.random.default_rng(0).standard_normal((2, 5000, d))
    rule = ClosestRecord(rows, np.ones(5000))
    assert_allclose(rule.ratio(fresh), 1, atol=0.03)
    assert rule(rows + 0.5 * (fresh - rows) * 1e-3)
    assert not rule(2 * fresh)


def test_counts_are_repeated_rows():
    rows = np.arange(10.0)[:, None] ** 2
    once = np.ones(10)
    assert ClosestRecord(rows, once).reference > 0
    # A row that counts twice has a twin at distance 0; if most do, nothing is close.
    twins = ClosestRecord(rows, np.where(np.arange(10) < 5, 2.0, 1.0))
    assert twins.reference == 0
    assert not twins(rows)


def test_annealing_needs_more_than_two_columns_and_a_margin():
    rng = np.random.default_rng(0)
    for d, expected in ((2, False), (3, True)):
        rows = rng.standard_normal((500, d))
        rule = ClosestRecord(rows, np.ones(500))
        assert rule(rows, annealed=True)
        assert rule(rows, annealed=False) is expected
    fresh = rng.standard_normal((5000, 3))
    shrunk = fresh * 0.98 / rule.ratio(fresh)
    assert 0.95 < rule.ratio(shrunk) < 1
    assert rule(shrunk)
    assert not rule(shrunk, annealed=False)


def test_a_single_distinct_row():
    rule = ClosestRecord(np.zeros((1, 3)), np.array([7.0]))
    assert not rule(np.zeros((4, 3)))


def test_distances_are_never_all_in_memory():
    rows = np.random.default_rng(0).standard_normal((20_000, 10))
    tracemalloc.start()
    ClosestRecord(rows, np.ones(len(rows))).ratio(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80e6  # 2000 x 20,000 distances are 320 MB
