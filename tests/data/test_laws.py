import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skdrift import ConservativeDrifter, LaplaceDrifter, SinkhornDrifter
from skdrift._data._grids import grid_of
from skdrift._data._laws import ColumnLaw
from skdrift._data._rows import weighted_rows
from skdrift._data._splines import IncreasingSpline
from skdrift._data._warps import GAP, warp_of

both = pytest.mark.parametrize("cls", [ConservativeDrifter, LaplaceDrifter])


def learned(X, columns="auto", weight=None, names=None):
    """Rows, scaling and margins of columns."""
    X = np.asarray(X, float)
    weight = np.ones(len(X)) if weight is None else weight
    return weighted_rows(X, weight, True, columns, names)


def law(column, **options):
    return learned(np.reshape(column, (-1, 1)), **options)[2].laws[0]


def kinds(X, **options):
    return [law.kind for law in learned(X, **options)[2].laws]


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


# -- laws that are learned -----------------------------------------------------------


def test_columns_whose_values_occur_five_times_on_average_are_discrete():
    expected = ["discrete", "discrete", "continuous", "discrete"]
    assert kinds(mixed_table(300)) == [*expected, "discrete", "discrete"]
    assert law(np.arange(100) // 5).kind == "discrete"
    assert law(np.arange(99) // 5).kind == "continuous"


@pytest.mark.parametrize(("rival", "atoms"), [(1, [151.3]), (9, [151.3]), (11, [])])
def test_inner_atoms_are_twice_as_frequent_as_any_value_that_is_none(rival, atoms):
    # One value occurs 20 times among reals, and 40 integers elsewhere so often each.
    reals = 100 + 100 * np.random.default_rng(0).random(300)
    column = [np.repeat(np.arange(40.0), rival), reals, np.full(20, 151.3)]
    assert_array_equal(law(np.concatenate(column)).atoms, atoms)


def test_repetition_of_whole_rows_is_not_that_of_values():
    X = np.random.default_rng(0).standard_normal((20, 2)) * 100
    for table, kind in ((X, "continuous"), (np.round(X), "discrete")):
        assert kinds(np.repeat(table, 10, axis=0)) == [kind] * 2
        assert kinds(table, weight=np.full(20, 10.0)) == [kind] * 2
        assert kinds(table) == ["continuous"] * 2


@pytest.mark.parametrize("value", [0.0, -999.0, 3.0, 1e6])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_a_value_that_is_frequent_is_an_atom(value, share):
    rng = np.random.default_rng(0)
    x = np.where(np.arange(1000) < 1000 * share, value, 3 + rng.standard_normal(1000))
    found = law(x)
    assert found.kind == "continuous"
    assert_array_equal(found.atoms, [value])
    assert_allclose(found.shares, [share])


def test_an_integer_that_is_frequent_among_others_is_an_atom():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(1000) < 0.3, 0, rng.integers(1, 1000, 1000))
    found = law(x)
    assert found.atoms.tolist() == [0]
    assert found.grid.width == 1
    assert len(law(rng.integers(18, 200, 800)).atoms) == 0


@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 0.1, 0.01, 0.25, 5.0, 1 / 3]))
def test_grids_are_found(seed, step):
    numbers = np.unique(np.random.default_rng(seed).integers(-500, 500, 300))
    grid = grid_of(numbers * step, np.finfo(float).eps)
    assert_allclose(grid.width, step * np.gcd.reduce(numbers - numbers[0]), rtol=1e-9)
    assert_allclose(grid.nearest(numbers * step), numbers * step, atol=1e-9)
    assert grid.holds(numbers * step).all()


def test_decimals_are_the_nearest_floats_and_random_numbers_have_no_grid():
    x = np.round(np.random.default_rng(0).uniform(0, 50, 200), 2)
    assert_array_equal(grid_of(np.unique(x), 2e-16).nearest(x + 0.003), x)
    assert grid_of(np.sort(np.random.default_rng(0).random(50)), 2e-16) is None


@pytest.mark.parametrize("n", [300, 3000])
def test_a_step_is_known_better_than_from_its_roundings(n):
    # In single precision the roundings of one step add up to many steps.
    k = np.unique(np.random.default_rng(0).integers(0, n, n))
    x = ((k - k.mean()) / k.std()).astype(np.float32)
    grid = grid_of(x.astype(np.float64), float(np.finfo(np.float32).eps))
    assert_allclose(grid.width, 1 / k.std(), rtol=1e-7)


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        (lambda rng: rng.lognormal(10, 1.2, 1000), (0, 400), (np.inf, np.inf)),
        (lambda rng: rng.beta(0.5, 0.5, 1000), (0, 0), (1, 1)),
        (lambda rng: 100 * rng.beta(2, 2, 1000), (0, 0), (100, 100)),
        (lambda rng: rng.uniform(5, 6, 1000), (4.99, 5.01), (5.99, 6.01)),
        (lambda rng: -rng.exponential(size=1000), (-np.inf, -np.inf), (0, 0)),
        # Negative numbers are no shares.
        (lambda rng: -75 - rng.standard_normal(1000), (-np.inf, -np.inf), (0, 0)),
        # A bound is a value where no natural one is near: nothing is beyond it.
        (lambda rng: np.linspace(2, 3, 500), (2, 2), (3, 3)),
        (lambda rng: rng.standard_normal(1000), (-np.inf,) * 2, (np.inf,) * 2),
    ],
)
def test_bounds_that_the_values_give_evidence_of(draw, low, high):
    found = law(draw(np.random.default_rng(0)))
    assert low[0] <= found.low <= low[1]
    assert high[0] <= found.high <= high[1]


def test_columns_that_were_scaled_by_their_extremes_have_no_bounds():
    x = np.random.default_rng(0).standard_normal(300)
    found = law((x - x.min()) / np.ptp(x))
    assert (found.low, found.high) == (-np.inf, np.inf)


def test_measurements_that_were_rounded_have_no_atoms():
    rng = np.random.default_rng(0)
    # Most observers round to halves.
    x = np.where(rng.random(400) < 0.7, 0.5, 0.1) * rng.integers(60, 300, 400)
    assert len(law(x.round(1)).atoms) == 0


def test_values_that_fill_gaps_teach_nothing():
    rng = np.random.default_rng(0)
    x, missing = rng.standard_normal(400), np.arange(400) % 8 > 0
    x[missing] = np.tile(x[~missing], 7)
    table = np.column_stack([x, missing, rng.standard_normal(400)])
    assert kinds(table)[0] == "discrete"
    assert kinds(table, columns={0: {"missing": 1}})[0] == "continuous"
    assert kinds(table, columns=[{"missing": -2}, "auto", "auto"])[0] == "continuous"


def test_a_law_says_what_it_is():
    rng = np.random.default_rng(0)
    x = np.where(np.arange(100) < 60, 0.0, np.round(rng.uniform(5, 9, 100), 2))
    frame = pd.DataFrame({"x": x, "y": rng.standard_normal(100), "z": 7.0})
    laws = ConservativeDrifter(random_state=0).fit(frame).columns_
    assert repr(laws[0]).startswith("<column 'x': 0 (60.0%); else between 0 and ")
    assert repr(laws[0]).endswith("in steps of 0.01>")
    assert repr(laws[1]) == "<column 'y': any number>"
    assert repr(laws[2]) == "<column 'z': constant 7>"


# -- laws that are given -------------------------------------------------------------


def test_what_is_given_holds():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(5, 1, (200, 3)), columns=list("abc")).round(1)
    given = {
        "a": {"bounds": (0, 50), "grid": 0.05, "atoms": []},
        1: "free",
        "c": "discrete",
    }
    drifter = ConservativeDrifter(columns=given, random_state=0).fit(frame)
    a, b, c = drifter.columns_
    assert (a.low, a.high, len(a.atoms)) == (0, 50, 0)
    assert_allclose(a.grid.width, 0.05)
    assert (b.kind, c.kind) == ("free", "discrete")
    rows = drifter.sample(300)
    assert_allclose(rows[:, 0] * 20, np.round(rows[:, 0] * 20), atol=1e-9)
    assert not np.isin(rows[:, 1], frame["b"]).any()
    assert np.isin(rows[:, 2], frame["c"]).all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"z": "free"}, "names the column 'z'"),
        ({3: "free"}, "names the column 3"),
        ({True: "free"}, "names the column True"),
        (["free"], "one entry for each of the 3 columns"),
        ({0: "whole"}, "for column 'a'; got 'whole'"),
        ({0: {"step": 1}}, "for column 'a'; got"),
        ({0: {"bounds": (2, 1)}}, "'bounds' of column 'a'"),
        ({0: {"bounds": 3}}, "'bounds' of column 'a'"),
        ({0: {"grid": -1}}, "'grid' of column 'a'"),
        ({0: {"atoms": [np.nan]}}, "'atoms' of column 'a'"),
        ({"a": {"bounds": (0, None)}}, "beyond the bound 0"),
        ({"a": {"bounds": (None, 0.5)}}, "beyond the bound 0.5"),
        ({"b": {"grid": 1}}, "Column 'b' has the value .* no multiple of 1"),
        ({"c": {"atoms": [99]}}, "Column 'c' does not have the value 99"),
    ],
)
def test_what_is_given_must_be_right(columns, message):
    X = np.random.default_rng(0).standard_normal((30, 3))
    drifter = ConservativeDrifter(columns=columns)
    with pytest.raises(ValueError, match=message):
        drifter.fit(pd.DataFrame(X, columns=list("abc")))
    assert not hasattr(drifter, "columns_")


# -- splines -------------------------------------------------------------------------

ascending = st.lists(st.floats(0.01, 5), min_size=1, max_size=12).map(np.cumsum)


@given(ascending, st.integers(0, 2**32 - 1), st.booleans())
def test_splines_increase_and_have_the_inverse_and_slope_they_state(x, seed, limited):
    rng = np.random.default_rng(seed)
    y = np.cumsum(rng.uniform(0.01, 3, len(x)))
    limits = (y[0] - 1, y[-1] + 2) if limited else (-np.inf, np.inf)
    f = IncreasingSpline(x, y, 1.0, *limits)
    q = np.sort(rng.uniform(x[0] - 2, x[-1] + 2, 200))
    values = f(q)
    assert np.all(np.diff(values) >= 0)
    assert_allclose(f(x), y, rtol=1e-9)
    assert_allclose(f.inverse(values), q, atol=1e-6)
    smooth = np.min(np.abs(q[:, None] - x), axis=1) > 1e-3
    q, e = q[smooth], 1e-6
    assert_allclose((f(q + e) - f(q - e)) / (2 * e), f.slope(q), rtol=1e-3, atol=1e-5)
    assert limits[0] <= f(np.array([-1e9]))[0]
    assert f(np.array([1e9]))[0] <= limits[1]


# -- the map -------------------------------------------------------------------------

values = st.lists(
    st.integers(-50, 50).map(float), min_size=1, max_size=6, unique=True
).map(sorted)
seeds = st.integers(0, 2**32 - 1)


def margins_of(values, share):
    """Margins of a discrete column with these values in these proportions."""
    X = np.asarray(values, float)[:, None]
    return learned(X, "discrete", np.asarray(share) * (1 - 2**-30))[2]


@given(values, seeds, st.integers(1, 60))
def test_discrete_columns_keep_order_values_and_proportions(values, seed, n):
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(len(values), 3.0))
    z = 2 * rng.standard_normal((n, 1))
    drawn = margins_of(values, share).matched(z).draw(z)[:, 0]
    assert set(drawn) <= set(values)
    assert np.all(np.diff(drawn[np.argsort(z[:, 0])]) >= 0)
    below = np.mean(drawn[:, None] <= values, axis=0)
    assert_allclose(below, np.cumsum(share), atol=1 / n + 1e-6)


@pytest.mark.parametrize("lower", [48, 49, 50, 51, 52])
def test_particles_that_are_on_values_stay_there(lower):
    # Their proportions are not quite those of the data, and no threshold between
    # them can make up for it.
    rng = np.random.default_rng(0)
    z = np.repeat([-1.0, 1.0], [lower, 100 - lower])
    z += 1e-9 * rng.standard_normal(100)
    drawn = margins_of([0, 1], [0.5, 0.5]).matched(z[:, None]).draw(z[:, None])
    assert_array_equal(drawn[:, 0], z > 0)


def semicontinuous(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return np.where(rng.random(n) < 0.5, 2.0, x)


@given(seeds)
def test_the_map_gives_the_data_their_own_distribution_and_can_be_inverted(seed):
    x = semicontinuous(400, seed)
    rows, _, margins = learned(x[:, None])
    z = np.repeat(rows.rows, rows.count.astype(int), axis=0)
    draws = margins.matched(z)
    column = draws.maps[0]
    drawn = draws.draw(z)[:, 0]
    assert np.mean(drawn == 2) == np.mean(x == 2)
    assert_allclose(np.sort(drawn), np.sort(x), atol=0.6)
    assert_allclose(
        np.quantile(drawn, [0.1, 0.3]), np.quantile(x, [0.1, 0.3]), atol=0.1
    )
    # The derivative is the limit of differences, the inverse leads back.
    q = np.random.default_rng(seed).uniform(-1, 0, 50)
    q = q[column.draw(q) != 2]
    assert_allclose(column.inverse(column.draw(q)), q, atol=1e-6)
    difference = (column.draw(q + 1e-7) - column.draw(q - 1e-7)) / 2e-7
    assert_allclose(np.log(difference), column.log_slope(q), atol=1e-2)
    assert column.inverse(np.array([2.0]))[0] == column.margin.parts[1].place


def test_atoms_stand_apart_in_internal_units():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(1000) < 0.3, -999.0, rng.normal(120, 15, 1000))
    rows, scaling, _ = learned(x[:, None])
    code, rest = rows.rows[0, 0], rows.rows[1:, 0]
    assert 0.4 < rest.std() < 1  # not squeezed by a distant code
    assert 1.5 < (rest.min() - code) / rest.std() < 2.05
    # Numbers beside an atom are no further apart than elsewhere.
    y = np.where(rng.random(1000) < 0.3, 120, rng.normal(120, 15, 1000))
    scaling = learned(y[:, None])[1]
    beside = np.array(
        [[119.98], [119.99], [120], [120.01], [120.02], [130.0], [130.01]]
    )
    steps = np.diff(scaling.to_internal(beside), axis=0)[:, 0]
    assert_allclose(steps[[0, 3]], steps[5], rtol=1e-6)
    assert steps[[1, 2]].min() > 100 * steps[5]
    assert_allclose(scaling.to_data(scaling.to_internal(beside)), beside)
    back = scaling.to_data(scaling.to_internal(x[:, None]))
    assert_allclose(back[:, 0], x)
    near = np.array([[-500.0], [119.0]])
    step = scaling.to_internal(near + 1e-3) - scaling.to_internal(near)
    assert_allclose(step / 1e-3, scaling.slope(near), rtol=1e-6)


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


def semicontinuous_table(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    spend = np.exp(4 + 0.5 * x + 0.8 * rng.standard_normal(n)).round(2)
    spend[rng.random(n) < 1 / (1 + np.exp(-1.5 * x - 0.4))] = 0
    code = np.where(rng.random(n) < 0.3, -999.0, rng.normal(120, 15, n))
    top = np.minimum(np.exp(12 + 0.6 * rng.standard_normal(n)), 3e5)
    middle = np.where(x + rng.standard_normal(n) > 1, 0.0, rng.standard_normal(n))
    return np.column_stack([x, spend, code, top, middle])


@pytest.mark.parametrize("cls", [ConservativeDrifter, LaplaceDrifter, SinkhornDrifter])
def test_atoms_keep_their_shares_and_what_they_go_with(cls):
    X = semicontinuous_table(1000, 0)
    rows = cls(random_state=0).fit(X).sample(1000)
    for j, atom in ((1, 0.0), (2, -999.0), (3, 3e5), (4, 0.0)):
        is_atom, in_data = rows[:, j] == atom, X[:, j] == atom
        share = in_data.mean()
        assert abs(is_atom.mean() - share) < 3 * np.sqrt(share * (1 - share) / 1000)
        for i in set(range(5)) - {j}:
            r, r_data = (
                np.corrcoef(a, b[:, i])[0, 1]
                for a, b in ((is_atom, rows), (in_data, X))
            )
            # The largest of them is .05 to .11 in twelve draws of LaplaceDrifter.
            assert abs(r - r_data) < 0.13, (j, i)
    assert rows[:, 1].min() == 0
    assert_array_equal(rows[:, 1], rows[:, 1].round(2))
    assert not np.any((rows[:, 2] > -999) & (rows[:, 2] < 40))
    assert rows[:, 3].max() == 3e5
    others = rows[rows[:, 1] > 0, 1]
    assert np.isin(others, X[:, 1]).mean() < 0.5  # new amounts, not those that occur


def test_a_frequent_count_is_learned_with_what_it_goes_with():
    """Correlations were off by up to .13 with zeros next to ones."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 2000))
    visits = rng.poisson(np.exp(1.5 + 0.5 * x)) * (rng.random(2000) < 0.6)
    hours = np.where(rng.random(2000) < 0.4, 40, np.clip(np.rint(38 + 12 * y), 1, 99))
    X = np.column_stack([visits, hours, x, y])
    drifter = ConservativeDrifter(random_state=0).fit(X)
    assert [law.kind for law in drifter.columns_[:2]] == ["discrete"] * 2
    assert [law.apart.tolist() for law in drifter.columns_[:2]] == [[0], [40]]
    drawn = drifter.sample(2000, random_state=1)
    for j, value in ((0, 0), (1, 40)):
        shares = [np.mean(rows[:, j] == value) for rows in (X, drawn)]
        assert abs(shares[0] - shares[1]) < 1e-3
        for k in {0, 1, 2, 3} - {j}:
            r = [
                np.corrcoef(rows[:, j] == value, rows[:, k])[0, 1]
                for rows in (X, drawn)
            ]
            assert abs(r[0] - r[1]) < 0.05, (j, k, r)


def test_a_few_draws_have_the_distribution_of_many():
    X = semicontinuous_table(300, 0)
    drifter = ConservativeDrifter(random_state=0).fit(X)
    single = np.vstack([drifter.sample(1, random_state=i) for i in range(300)])
    share = np.mean(X[:, 1] == 0)
    assert abs(np.mean(single[:, 1] == 0) - share) < 3 * np.sqrt(0.25 / 300)
    quantiles = [np.quantile(a[:, 0], [0.25, 0.5, 0.75]) for a in (single, X)]
    assert_allclose(*quantiles, atol=0.25)


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


def test_free_columns_are_what_the_particles_are():
    X = mixed_table(100)
    drifter = ConservativeDrifter(columns="free", random_state=0).fit(X)
    rows = drifter.sample(100)
    assert not np.isin(rows[:, [0, 1, 4]], X[:, [0, 1, 4]]).all()
    assert len(np.unique(rows[:, 1])) == 100
    assert [law.kind for law in drifter.columns_] == ["free"] * 6
    # Neither the particles nor what is carried to them keeps the laws.
    drifter.set_params(columns="auto").fit(X)
    assert len(np.unique(drifter.particles_[:, 1])) == 100


def test_draws_of_a_grid_have_the_shares_of_its_values():
    counts = np.random.default_rng(0).poisson(8, 1000)
    margins = learned(counts[:, None], [{"grid": 1, "atoms": []}])[2]
    z = np.random.default_rng(1).standard_normal((20_000, 1))
    drawn = margins.matched(z).draw(z)
    assert margins.laws[0].kind == "continuous"
    for k in range(1, 17):
        # Particles at a value stand for all numbers that are nearest to it.
        assert abs(np.mean(drawn <= k) - np.mean(counts <= k)) < 0.02


def test_atoms_stand_one_gap_apart_from_each_other_and_from_numbers():
    values = np.array([-999.0, 0.0, 10.0, 11.0, 13.0])
    shares = np.full(5, 0.2)
    found = ColumnLaw("x", "continuous", values[:2], shares[:2], apart=values[:2])
    warp = warp_of(found, values, shares)
    spread = np.std(values[2:])
    # Next to an atom, numbers without values are as wide as half a deviation at most.
    steps = np.array([0.5 + GAP, 0.5 + GAP, 1 / spread, 2 / spread])
    assert_allclose(np.diff(warp.forward(values)), steps * spread)
    assert_allclose(warp.backward(warp.forward(values)), values)
