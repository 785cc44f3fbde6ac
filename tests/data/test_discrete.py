import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift._data._columns import DiscreteColumns
from skdrift._data._rows import weighted_rows

both = pytest.mark.parametrize("cls", [ConservativeDrifter, LaplaceDrifter])


def discrete(X, features="auto", weight=None):
    X = np.asarray(X, float)
    weight = np.ones(len(X)) if weight is None else weight
    return weighted_rows(X, weight, True, features)[2]


def one_column(values, share):
    """A column with these values in these proportions."""
    values = np.asarray(values, float)[:, None]
    return DiscreteColumns(values, np.asarray(share), np.ones(len(values)), True)


# -- which columns -------------------------------------------------------------------


def mixed_table(n, seed=0):
    """Binary, integer, continuous, constant, few levels, and mostly zero."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return np.column_stack(
        [
            rng.random(n) < 0.3,
            rng.poisson(3 + (x > 0)),
            x,
            np.full(n, 2.5),
            np.digitize(x, [-1, 0.5]) * 0.1,
            np.where(rng.random(n) < 0.9, 0, 50 + 7 * rng.integers(0, 4, n)),
        ]
    )


def test_columns_whose_values_occur_five_times_on_average():
    assert discrete(mixed_table(300)).columns == [0, 1, 4, 5]
    assert discrete(np.arange(100)[:, None] // 5).columns == [0]
    assert discrete(np.arange(99)[:, None] // 5).columns == []


def test_repetition_of_whole_rows_is_not_that_of_values():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 2)) * 100
    for table, expected in ((X, []), (np.round(X), [0, 1])):
        assert discrete(np.repeat(table, 10, axis=0)).columns == expected
        assert discrete(table, weight=np.full(20, 10.0)).columns == expected
        assert discrete(table).columns == []


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (True, [0, 1, 2]),
        (np.True_, [0, 1, 2]),
        (False, []),
        ([], []),
        ([2, 0], [0, 2]),
        (np.array([-1, 2, 1]), [1, 2]),
        ([False, True, False], [1]),
        (np.array([True, False, True]), [0, 2]),
    ],
)
def test_columns_that_are_named(features, expected):
    X = np.random.default_rng(0).standard_normal((9, 3))
    assert discrete(X, features).columns == expected
    drifter = ConservativeDrifter(discrete_features=features, random_state=0).fit(X)
    occurs = np.all(np.isin(drifter.sample(50), X), axis=0)
    assert np.flatnonzero(occurs).tolist() == expected


@pytest.mark.parametrize(
    "features",
    ["all", None, 1, 0.5, [3], [-4], [0.0, 1.0], ["a"], [[0, 1]], [True], [True] * 4],
)
def test_columns_that_there_are_not(features):
    X = np.random.default_rng(0).standard_normal((9, 3))
    with pytest.raises(ValueError, match="'discrete_features' parameter"):
        ConservativeDrifter(discrete_features=features).fit(X)


# -- rounding ------------------------------------------------------------------------

values = st.lists(
    st.integers(-50, 50).map(float), min_size=1, max_size=6, unique=True
).map(sorted)
seeds = st.integers(0, 2**32 - 1)


@given(values, seeds, st.integers(1, 60))
def test_rounding_keeps_order_values_and_proportions(values, seed, n):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(len(values)))
    x = 30 * rng.standard_normal(n)
    rounded = one_column(values, share).round(x[:, None])[:, 0]
    assert set(rounded) <= set(values)
    assert np.all(np.diff(rounded[np.argsort(x)]) >= 0)
    # The proportions of all lower values, within one particle.
    below = np.mean(rounded[:, None] <= values, axis=0)
    assert_allclose(below, np.cumsum(share), atol=1 / n + 1e-12)


@given(values, seeds, st.integers(1, 60))
def test_rounding_changes_nothing_that_is_rounded(values, seed, n):
    rng = np.random.default_rng(seed)
    rule = one_column(values, rng.dirichlet(np.ones(len(values))))
    rounded = rule.round(30 * rng.standard_normal((n, 1)))
    assert_array_equal(rule.round(rounded), rounded)


@pytest.mark.parametrize("lower", [48, 49, 50, 51, 52])
def test_particles_that_are_on_values_stay_there(lower):
    # Their proportions are not quite those of the data, and no threshold between
    # them can make up for it.
    x = np.repeat([0.0, 1.0], [lower, 100 - lower])[:, None]
    assert_array_equal(one_column([0, 1], [0.5, 0.5]).round(x), x)


@pytest.mark.parametrize("share", [0.95, 0.97, 0.99])
def test_zeros_with_rounding_noise_stay_zeros(share):
    rng = np.random.default_rng(0)
    x = np.append(1e-9 * rng.standard_normal(970), rng.uniform(60, 80, 30))
    rounded = one_column([0, 50, 100], [share, *[(1 - share) / 2] * 2]).round(
        x[:, None]
    )
    assert np.all(rounded[:970] == 0)


def test_other_columns_are_left_alone():
    X = mixed_table(300)
    x = np.random.default_rng(1).standard_normal((40, 6))
    before = x.copy()
    rounded = discrete(X).round(x)
    assert_array_equal(x, before)
    assert_array_equal(rounded[:, 2:4], x[:, 2:4])


# -- through the public interface ----------------------------------------------------


@both
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_mixed_table_gives_values_that_occur_as_often_as_they_do(cls, dtype):
    X = mixed_table(300).astype(dtype)
    rows = cls(random_state=0).fit(X).sample(900)
    assert rows.dtype == dtype
    for j in (0, 1, 3, 4, 5):
        values = np.unique(X[:, j])
        assert np.isin(rows[:, j], values).all()
        shares = [np.mean(a[:, j, None] == values, axis=0) for a in (rows, X)]
        assert_allclose(*shares, atol=0.02)
    assert np.isin(rows[:, 2], X[:, 2]).mean() < 0.01
    # Together, not column by column: the level tells the sign of the third.
    means = [[a[a[:, 4] == v, 2].mean() for v in np.unique(X[:, 4])] for a in (rows, X)]
    assert_allclose(*means, atol=0.15)


@both
@pytest.mark.parametrize("bandwidth", ["rate", 0.1])
def test_proportions_do_not_depend_on_the_number_of_particles(cls, bandwidth):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(500)
    X = np.column_stack([x, rng.random(500) < 0.3, rng.integers(0, 3, 500)])
    rows = cls(n_particles=64, bandwidth=bandwidth, random_state=0).fit(X).sample(1000)
    for j in (1, 2):
        values = np.unique(X[:, j])
        shares = [np.mean(a[:, j, None] == values, axis=0) for a in (rows, X)]
        assert_allclose(*shares, atol=0.04)


def test_weights_are_proportions():
    X = np.repeat([[0.0], [1.0], [2.0]], 100, axis=0)
    X = np.column_stack([X, np.random.default_rng(0).standard_normal(300)])
    weight = np.array([1.0, 2.0, 7.0])[X[:, 0].astype(int)]
    rows = ConservativeDrifter(random_state=0).fit(X, sample_weight=weight).sample(1000)
    shares = np.bincount(rows[:, 0].astype(int)) / 1000
    assert_allclose(shares, [0.1, 0.2, 0.7], atol=0.01)


def test_without_discrete_features_values_are_new():
    X = mixed_table(100)
    drifter = ConservativeDrifter(discrete_features=False, random_state=0).fit(X)
    rows = drifter.sample(100)
    assert not np.isin(rows[:, [0, 1, 4]], X[:, [0, 1, 4]]).all()
    assert len(np.unique(rows[:, 1])) == 100
    # Neither the particles nor what is carried to them is rounded.
    drifter.set_params(discrete_features="auto").fit(X)
    assert len(np.unique(drifter.particles_[:, 1])) == 100


def test_a_mask_of_objects_is_a_mask():
    X = np.random.default_rng(0).standard_normal((30, 3))
    table = (X, np.full(30, 1 / 30), np.ones(30))
    mask = np.array([False, False, True], dtype=object)
    assert DiscreteColumns(*table, mask).columns == [2]
