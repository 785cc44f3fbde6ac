import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skdrift import ConservativeDrifter, LaplaceDrifter, SinkhornDrifter, SoftmaxDrifter
from skdrift._data._neighbors import NearestRows
from skdrift._data._rows import WeightedRows
from skdrift.flow import _batches, _fit
from skdrift.flow._batches import Batches, most_near, size_of_batch
from skdrift.flow._memorization import Memorization
from skdrift.flow._stops import root_mean_square
from skdrift.metrics import energy_distance

EACH = pytest.mark.parametrize(
    "cls", [ConservativeDrifter, LaplaceDrifter, SoftmaxDrifter, SinkhornDrifter]
)


def weighted(rows, weight=None, count=None):
    n = len(rows)
    weight = np.full(n, 1 / n) if weight is None else weight / weight.sum()
    return WeightedRows(
        rows, weight, np.ones(n) if count is None else count, rows.std(0)
    )


def batches_of(rows, size):
    return Batches(rows, NearestRows(rows.rows), size)


def normal(n, d, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


# -- choosing rows -------------------------------------------------------------------


def test_rows_are_chosen_in_proportion_to_their_weights():
    rng = np.random.default_rng(0)
    rows = weighted(normal(40, 2), rng.random(40) ** 3 + 0.01, np.arange(40.0))
    batches, random_state = batches_of(rows, 10), np.random.RandomState(0)
    total = np.zeros(40)
    for _ in range(4000):
        part = batches.draw(random_state)
        place = part.count.astype(int)  # the counts tell the rows
        assert_array_equal(part.rows, rows.rows[place])
        assert_allclose(part.weight.sum(), 1)
        total[place] += part.weight
    # The standard error of the mean of 4000 shares of at most .1 is below .0008.
    assert_allclose(total / 4000, rows.weight, atol=0.003)


def test_no_row_is_chosen_twice_where_weights_are_equal():
    part, rest = batches_of(weighted(normal(100, 3)), 30).draw_and_rest(
        np.random.RandomState(0)
    )
    assert len(np.unique(part.rows, axis=0)) == 30
    assert_allclose(part.weight, 1 / 30)
    both = np.concatenate([part.rows, rest.rows])
    assert_array_equal(np.unique(both, axis=0), np.unique(normal(100, 3), axis=0))
    assert_allclose(rest.weight, 1 / 70)


def test_shares_of_regions_vary_less_than_with_independent_choices():
    x = normal(4000, 2)
    batches, random_state = batches_of(weighted(x), 400), np.random.RandomState(0)
    shares = [
        np.mean(batches.draw(random_state).rows.sum(axis=1) > 1) for _ in range(50)
    ]
    share = np.mean(x.sum(axis=1) > 1)
    independent = np.sqrt(share * (1 - share) / 400)
    assert np.std(shares) < 0.6 * independent
    assert abs(np.mean(shares) - share) < 3 * independent / np.sqrt(50)


def test_all_rows_need_no_random_number():
    rows, random_state = weighted(normal(10, 2)), np.random.RandomState(0)
    part, rest = batches_of(rows, None).draw_and_rest(random_state)
    assert part is rows
    assert rest is None
    assert random_state.rand() == np.random.RandomState(0).rand()


@pytest.mark.parametrize(
    ("size", "n_rows", "n_particles", "expected"),
    [
        ("auto", 10_000, 10_000, None),
        ("auto", 20_000, 10_000, None),
        ("auto", 25_000, 10_000, 20_000),
        ("auto", 10**6, 10_000, 20_000),
        ("auto", 10**6, 30_000, 60_000),
        (None, 10**6, 10_000, None),
        (300, 1000, 50, 300),
        (800, 1000, 50, 800),
        (801, 1000, 50, None),
        (10**9, 1000, 50, None),
    ],
)
def test_size_of_a_batch(size, n_rows, n_particles, expected):
    assert size_of_batch(size, n_rows, n_particles) == expected


def test_all_rows_are_near_where_a_tree_finds_them():
    assert most_near(10**7, 8) is None
    assert most_near(10**5, 9) is None
    assert most_near(10**6, 9) == 10**5


# -- flows ---------------------------------------------------------------------------


@EACH
def test_batches_of_all_rows_in_place_change_nothing(cls):
    X = normal(150, 2)
    whole, part = (
        cls(batch_size=size, early_stopping=False, max_iter=30, random_state=0)
        .set_params(tol=1.0)
        .fit(X)
        for size in (None, "auto")
    )
    assert_array_equal(whole.particles_, part.particles_)
    assert_array_equal(
        whole.sample(200, random_state=1), part.sample(200, random_state=1)
    )


@EACH
def test_draws_of_batches_keep_the_spread(cls):
    X = normal(800, 2)
    drifter = cls(n_particles=200, batch_size=500, random_state=0).fit(X)
    assert drifter.flow_.batches.size == 500
    rows = drifter.sample(400, random_state=1)
    assert_allclose(rows.std(axis=0), X.std(axis=0), rtol=0.1)


def test_draws_of_batches_are_as_good():
    """Relative to draws that all rows attract: 0.86 to 1.33, mean 1.02, of eight."""
    ratios = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = rng.gamma(2.0, size=(4500, 2)) @ [[1.0, 0.5], [0.0, 1.0]]
        train, test = X[:1500], X[1500:]
        drifter = ConservativeDrifter(n_particles=200, random_state=0)
        batch, whole = (
            energy_distance(
                clone(drifter)
                .set_params(batch_size=size)
                .fit(train)
                .sample(1500, random_state=1),
                test,
            )
            for size in (400, None)
        )
        ratios.append(batch / whole)
    assert np.mean(ratios) < 1.25


def test_every_ensemble_has_its_own_batch(monkeypatch):
    X = normal(1000, 2)
    drifter = ConservativeDrifter(n_particles=100, batch_size=200, random_state=0)
    drifter.fit(X)
    drawn = []

    def draw(self, random_state):
        drawn.append(original(self, random_state))
        return drawn[-1]

    original = Batches.draw
    monkeypatch.setattr(_batches.Batches, "draw", draw)
    rows = drifter.sample(300, random_state=0)
    assert len(drawn) == 3
    assert all(len(batch.rows) == 200 for batch in drawn)
    assert not np.array_equal(drawn[0].rows, drawn[1].rows)
    # A collapsed ensemble, or one beside the data, would differ by far more.
    assert_allclose(rows.std(axis=0), X.std(axis=0), rtol=0.1)


@EACH
@pytest.mark.parametrize("size", ["auto", None, 60])
def test_the_fitted_ensemble_moved_in_the_field_of_tracers(cls, size):
    X = normal(150, 2)
    flow = cls(batch_size=size, n_particles=80, random_state=0).fit(X).flow_
    x, h = (*flow.trajectory, flow.particles)[0], flow.history["bandwidth"][0]
    v = flow.field_of_tracers(80).advance(x, h, None)[0]
    residual = root_mean_square(v)
    assert_allclose(residual, flow.history["residual_velocity"][0], rtol=1e-10)
    assert (flow.attracting is flow.rows) == (size is None)


def test_only_a_guarded_local_start_displaces_rows():
    X = normal(100, 2)
    for parameters, differ in [
        ({}, True),
        ({"early_stopping": False, "tol": 1.0}, False),
        ({"batch_size": None}, False),
        ({"start": "gaussian"}, False),
        ({"start": X, "n_particles": 100}, False),
    ]:
        drifter = ConservativeDrifter(random_state=0, **parameters).fit(X)
        assert drifter.flow_.batches.differ == differ
    # Most rows have twins: then new samples are copies too.
    drifter = ConservativeDrifter(random_state=0, columns="free")
    twins = np.repeat(normal(30, 2), 3, axis=0)
    assert not drifter.fit(twins).flow_.batches.differ


def test_rows_that_lie_alone_are_not_copied():
    """How near ten draws per row come to five rows far from all others, in distances
    to other rows: .52 to .56, and .24 to .44 if all rows stay in place.
    """
    nearest = {"auto": [], None: []}
    for seed in range(3):
        X = normal(200, 10, seed)
        X[:5] *= 4
        apart = NearestRows(X).distance(X[:5], 2)
        for size, found in nearest.items():
            drifter = ConservativeDrifter(batch_size=size, random_state=0).fit(X)
            rows = drifter.sample(2000, random_state=seed)
            found.append(np.mean(NearestRows(rows).distance(X[:5]) / apart))
    assert np.mean(nearest["auto"]) > 0.45
    assert np.mean(nearest["auto"]) > 1.25 * np.mean(nearest[None])


def test_velocities_are_those_of_all_rows():
    X = normal(1000, 2)
    drifter = ConservativeDrifter(n_particles=100, batch_size=200, random_state=0)
    flow = drifter.fit(X).flow_
    x = normal(5, 2, seed=1)
    field = flow.bound(5, 100).at(flow.scaling.to_internal(x), flow.particles, 0.5)
    whole = ConservativeDrifter(
        n_particles=100, batch_size=None, max_iter=1, random_state=0
    )
    with pytest.warns(UserWarning, match="max_iter"):
        whole.fit(X)
    z = whole.flow_.scaling.to_internal(x)
    expected = whole.flow_.bound(5, 100).at(z, flow.particles, 0.5)
    assert_allclose(field, expected, rtol=1e-12)


# -- neighbours ----------------------------------------------------------------------


def test_copies_are_told_from_new_samples_by_rows_left_over():
    rows = weighted(normal(2000, 10))
    part, rest = batches_of(rows, 500).draw_and_rest(np.random.RandomState(0))
    neighbors = NearestRows(part.rows)
    memorization = Memorization.beside(rest, neighbors)
    new = normal(2000, 10, seed=1)
    assert abs(memorization.auc(new) - 0.5) < 0.03  # the standard error is .01
    assert memorization.auc(part.rows) == 1


def test_starts_from_a_part_of_many_rows(monkeypatch):
    monkeypatch.setattr(_batches, "_MOST_NEAR", 500)
    X = normal(1500, 10)
    drifter = ConservativeDrifter(n_particles=300, random_state=0).fit(X)
    assert len(drifter.flow_.start.rows.rows) == 500
    assert len(drifter.flow_.rows.rows) == 1500
    assert drifter.memorization_auc_ < 0.56
    assert_allclose(drifter.sample(3000, random_state=0).std(axis=0), 1, atol=0.1)


def test_reach_of_many_rows_is_estimated_by_a_part(monkeypatch):
    from skdrift._data import _neighbors

    x = normal(3000, 10)
    exact = NearestRows(x).reach(np.arange(300), 80)
    monkeypatch.setattr(_neighbors, "_ENOUGH_ROWS", 600)
    estimated = NearestRows(x).reach(np.arange(300), 80)
    ratio = estimated / exact
    assert 0.97 < np.median(ratio) < 1.03
    assert np.std(ratio) < 0.05


@pytest.mark.parametrize("size", [0, -1, 2.5, "all"])
def test_bad_batch_sizes(size):
    with pytest.raises(ValueError, match=r"batch_size.*must be"):
        ConservativeDrifter(batch_size=size).fit(normal(10, 2))


def test_repeated_rows_are_samples_of_their_weight():
    """A batch of weighted rows attracts like one of repeated rows."""
    X = normal(400, 2)
    weight = np.where(X[:, 0] > 0, 3, 1)
    drifter = ConservativeDrifter(n_particles=200, batch_size=150, random_state=0)
    share = np.average(X[:, 0] > 0, weights=weight)
    drifter.fit(X, sample_weight=weight)
    drawn = drifter.sample(4000, random_state=0)
    assert abs(np.mean(drawn[:, 0] > 0) - share) < 0.04
    assert drifter.flow_.rows.n_samples == weight.sum()
    assert _fit.size_of_batch(150, 400, 200) == 150
