import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist

from skdrift import ConservativeDrifter
from skdrift._data._neighbors import NearestRows
from skdrift._data._rows import WeightedRows
from skdrift.flow import _calibration as calibration
from skdrift.flow import _fit
from skdrift.flow._calibration import calibrate, calibrate_by_part
from skdrift.flow._memorization import LARGEST_AUC, Memorization
from skdrift.metrics import memorization_auc


def memorization(rows, weight=None, count=None):
    n = len(rows)
    weight = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    count = np.ones(n) if count is None else count
    data = WeightedRows(rows, weight, count, rows.std(axis=0))
    return Memorization.within(data, NearestRows(rows))


def leave_one_out_distances(rows):
    return (cdist(rows, rows) + np.diag(np.full(len(rows), np.inf))).min(axis=1)


# -- the statistic -------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 20])
def test_auc_against_its_definition(d):
    rng = np.random.default_rng(0)
    rows, particles = rng.standard_normal((101, d)), rng.standard_normal((51, d))
    weight = rng.uniform(0.1, 3, 101)
    among, nearest = leave_one_out_distances(rows), cdist(particles, rows).min(axis=1)
    closer = np.mean(nearest[:, None] < among, axis=0)
    expected = np.average(closer, weights=weight)
    assert_allclose(memorization(rows, weight).auc(particles), expected, rtol=1e-12)


def test_ties_count_half():
    rows = np.array([[0.0], [1.0], [3.0], [7.0]])  # 1, 1, 2 and 4 from the others
    particles = np.array([[-1.0], [5.0], [12.0], [3.5]])  # 1, 2, 5, 0.5 from the rows
    expected = np.mean([(1 + 1 + 0.5 + 0.5) / 4, (1 + 0.5) / 4, 0, 1])
    assert_allclose(memorization(rows).auc(particles), expected)


def test_it_is_the_metric_with_fresh_rows_as_far_as_the_data_are_from_themselves():
    rng = np.random.default_rng(0)
    rows, particles = rng.integers(0, 9, (2, 80, 3)).astype(float)  # with many ties
    rows = np.unique(rows, axis=0)
    # A further column: row i moved by its distance to the others has it to the rows.
    lifted = np.column_stack([rows, leave_one_out_distances(rows)])
    train, generated = (np.pad(a, [(0, 0), (0, 1)]) for a in (rows, particles))
    expected = memorization_auc(generated, test=lifted, train=train)
    assert 0.5 < expected < 0.9
    assert_allclose(memorization(rows).auc(particles), expected, rtol=1e-12)


@pytest.mark.parametrize("d", [3, 20])
def test_fresh_rows_are_as_close_as_the_data_copies_closer_and_others_farther(d):
    rows, fresh = np.random.default_rng(0).standard_normal((2, 2000, d))
    rule = memorization(rows)
    assert_allclose(rule.auc(fresh), 0.5, atol=0.02)  # 0.496 and 0.493
    assert rule.auc(rows) == 1
    assert rule.auc(rows + 1e-3 * fresh) > 0.99
    assert rule.auc(9 * fresh) < 0.01


@pytest.mark.parametrize("d", [1, 20])
def test_counts_are_repeated_rows(d):
    rows = (np.arange(10.0) ** 2)[:, None] * np.linspace(0.3, 1, d)
    assert memorization(rows).is_defined
    # A row that counts twice has a twin at distance 0, and copies of it are ties.
    for n_twins, is_defined in ((3, True), (7, False)):
        count = np.where(np.arange(10) < n_twins, 2.0, 1.0)
        rule = memorization(rows, count, count)
        assert rule.is_defined is is_defined
        share = 2 * n_twins / count.sum()
        assert_allclose(rule.auc(rows), 1 - share / 2)


@pytest.mark.parametrize("d", [6, 12])
def test_fresh_rows_of_a_table_with_many_twins(d):
    def draw(seed):
        rng = np.random.default_rng(seed)
        return 0.7 * (rng.random((600, d)) < np.linspace(0.05, 0.3, d)) - 0.1

    X, fresh = draw(0), draw(1)
    rows, count = np.unique(X, axis=0, return_counts=True)
    rule = memorization(rows, count, count)
    # A third and more of the fresh rows coincide with rows, as the rows with others.
    assert_allclose(rule.auc(fresh), 0.5, atol=0.03)


def test_a_single_distinct_row():
    rule = memorization(np.zeros((1, 3)), count=np.array([7.0]))
    assert not rule.is_defined
    assert rule.auc(np.zeros((4, 3))) == 0.5


def test_distances_are_never_all_in_memory():
    rows = np.random.default_rng(0).standard_normal((20_000, 10))
    tracemalloc.start()
    memorization(rows).auc(rows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 80e6  # 2000 x 20,000 distances are 320 MB


# -- particles on their way ----------------------------------------------------------


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("speed", [0.02, 0.2])
def test_the_guard_answers_as_the_auc_at_every_step(d, speed):
    rows, x, to = np.random.default_rng(0).standard_normal((3, 3000, d))
    to[::3] = rows[::3]  # a third become copies
    rule = memorization(rows)
    guard, plain = rule.guard(), []
    while np.abs(to - x).max() > 0.1:
        x = x + speed * (to - x)
        plain.append(rule.auc(x) >= LARGEST_AUC)
        assert guard(x) is plain[-1]
    assert speed > 0.1 or not plain[0]
    assert plain[-1]


def test_the_guard_looks_up_what_it_cannot_tell_otherwise(monkeypatch):
    rows, x = np.random.default_rng(0).standard_normal((2, 500, 12))
    rule, asked = memorization(rows), []
    distance = NearestRows.distance
    monkeypatch.setattr(NearestRows, "following", lambda self: watched)

    def watched(x):
        asked.append(x)
        return distance(rule._neighbors, x)

    guard = rule.guard(lambda particles: 3 * particles)
    assert [guard(x), guard(1.01 * x), guard(x)] == [False, False, False]
    assert len(asked) == 1
    assert guard(rows / 3)
    assert len(asked) == 2
    assert guard(rows / 3)
    assert not guard(5 * rows)


# -- the noise that prevents it ------------------------------------------------------

TARGET, TOLERANCE = calibration._TARGET_AUC, calibration._AUC_TOLERANCE
LOW, HIGH = calibration.NOISE_BOUNDS


def search(auc):
    tried = []

    def evolve_from(noise):
        tried.append(noise)
        return noise

    noise, flow, reached = calibrate(evolve_from, auc)
    assert reached == auc(flow)
    assert flow == noise
    return noise, tried


@pytest.mark.parametrize("at", [0.25, 0.4, 0.7, 1.0, 1.1])
@pytest.mark.parametrize("slope", [0.6, 1.5, 4.0])
def test_calibrate_finds_the_noise_of_new_samples(at, slope):
    def auc(noise):
        return TARGET + 0.4 * np.tanh(slope * (at - noise))

    noise, tried = search(auc)
    assert abs(auc(noise) - TARGET) <= TOLERANCE
    assert abs(noise - at) < 0.1
    # It goes on until it is near enough, and no further.
    assert len(tried) <= 5
    assert all(abs(auc(b) - TARGET) > TOLERANCE for b in tried[:-1])


@pytest.mark.parametrize("slope", [0.5, 5.0])
def test_calibrate_stays_within_bounds(slope):
    noise, tried = search(lambda noise: 0.99 - 0.1 * np.tanh(slope * noise))
    assert noise == max(tried) == HIGH
    noise, tried = search(lambda noise: 0.2 - 0.1 * np.tanh(slope * noise))
    assert noise == min(tried) < 2 * LOW
    assert LOW <= noise
    assert len(tried) <= 5


def test_calibrate_returns_the_nearest_of_those_it_tried():
    def auc(noise):
        return TARGET + 0.3 if noise < 0.6 else TARGET - 0.1  # none is at the target

    noise, tried = search(auc)
    assert len(tried) == 5
    assert noise >= 0.6


@pytest.mark.parametrize("jump", [0.17, 0.6])
def test_the_last_one_tried_may_not_be_the_nearest(jump):
    def auc(noise):
        return TARGET + (0.3 if noise < jump else -0.1 - 0.1 * noise)

    noise, tried = search(auc)
    errors = [abs(auc(b) - TARGET) for b in tried]
    assert abs(auc(noise) - TARGET) == min(errors) < errors[-1]


@pytest.mark.parametrize("nearer", [-0.03, 0.0, 0.015, 0.05])
@pytest.mark.parametrize("at", [0.4, 0.8, 1.2])
def test_a_part_of_the_particles_finds_the_noise_of_all(at, nearer):
    of_part, of_all = [], []

    def auc(noise):
        return TARGET + 0.4 * np.tanh(at - noise)

    def evolve_part(noise):
        of_part.append(noise)
        return auc(noise) - nearer

    def evolve_from(noise):
        of_all.append(noise)
        return auc(noise)

    noise, flow, reached = calibrate_by_part(evolve_part, evolve_from, lambda f: f)
    assert flow == reached == auc(noise)
    assert abs(reached - TARGET) <= TOLERANCE
    assert len(of_all) <= 2
    assert len(of_part) == len(set(of_part))
    # A second flow of all is needed only where the first misses.
    assert abs(auc(of_all[0]) - TARGET) > TOLERANCE or len(of_all) == 1


def test_a_part_that_misleads_leaves_the_better_of_two_flows():
    found = calibrate_by_part(
        lambda noise: TARGET - 1e-3 * noise,
        lambda noise: 0.9 - 0.2 * noise,
        lambda f: f,
    )
    assert found[0] == HIGH


def test_many_particles_are_calibrated_by_a_part(monkeypatch):
    monkeypatch.setattr(_fit, "_CALIBRATION_PARTICLES", 50)
    X = np.random.default_rng(0).standard_normal((210, 2))
    sizes, drift = [], _fit.drift

    def watched(x, *arguments):
        sizes.append(len(x))
        return drift(x, *arguments)

    monkeypatch.setattr(_fit, "drift", watched)
    drifter = ConservativeDrifter(random_state=0).fit(X)
    assert len(drifter.particles_) == 210
    assert set(sizes) == {53, 210}  # every fourth
    assert sizes[0] == 53
    assert sizes[-1] == 210
    sizes.clear()
    ConservativeDrifter(random_state=0).fit(X[:190])
    assert set(sizes) == {190}


def test_the_flow_does_not_stop_at_what_calibrate_looks_for():
    assert LARGEST_AUC > TARGET + TOLERANCE
