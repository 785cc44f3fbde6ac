"""Mixed tables: encoded and decoded exactly, and drawn."""

import datetime
import pickle

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linear_sum_assignment
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity

from skdrift import ConservativeDrifter
from skdrift.pipeline import make_drift_pipeline
from skdrift.tables import TableEncoder, TabularDrifter
from skdrift.tables._codes import assigned

LIBRARIES = pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])


def assert_same(frame, expected):
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    else:
        polars.testing.assert_frame_equal(
            frame, expected, check_exact=True, categorical_as_str=True
        )


def drifter(**parameters):
    return ConservativeDrifter(random_state=0, **parameters)


# -- encode, decode ------------------------------------------------------------------


def integers(draw, n):
    """Up to 2**53 steps, anywhere."""
    step = draw(st.sampled_from([1, 7, 1000]))
    low = draw(st.integers(-(2**63), 2**63 - 1 - step * 2**53))
    steps = draw(st.lists(st.integers(0, 2**53), min_size=n, max_size=n))
    return [low + step * k for k in steps]


def reals(width):
    return st.floats(allow_nan=False, allow_infinity=False, width=width)


STRINGS = st.text("abc√ ", max_size=3)
TIMES = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1))


def lists(elements):
    return lambda draw, n: draw(st.lists(elements, min_size=n, max_size=n))


# Values, type without and with missing values in pandas, type in polars.
KINDS = {
    "float": (lists(reals(64)), "float64", "Float64", pl.Float64),
    "single": (lists(reals(32)), "float32", "float32", pl.Float32),
    "integer": (integers, "int64", "Int64", pl.Int64),
    "byte": (lists(st.integers(0, 255)), "uint8", "UInt8", pl.UInt8),
    "boolean": (lists(st.booleans()), "bool", "boolean", pl.Boolean),
    "string": (lists(STRINGS), "string", "string", pl.String),
    "object": (lists(STRINGS), object, object, pl.String),
    "category": (lists(STRINGS), "category", "category", pl.Categorical),
    "time": (lists(TIMES), "datetime64[us]", "datetime64[us]", pl.Datetime("us")),
    "zoned": (
        lists(TIMES),
        "datetime64[us, UTC]",
        "datetime64[us, UTC]",
        pl.Datetime("us", "UTC"),
    ),
    "span": (
        lists(st.timedeltas(datetime.timedelta(0), datetime.timedelta(9999))),
        "timedelta64[us]",
        "timedelta64[us]",
        pl.Duration("us"),
    ),
}


@st.composite
def frames(draw, library):
    n = draw(st.integers(1, 12))
    kinds = draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=5))
    columns = {}
    for j, kind in enumerate(kinds):
        values, plain, nullable, dtype = KINDS[kind]
        values = values(draw, n)
        missing = draw(hnp.arrays(bool, n))
        missing[0] = False
        values = [None if m else v for v, m in zip(values, missing, strict=True)]
        if library is pd:
            dtype = nullable if missing.any() else plain
            if kind == "zoned":
                column = pd.Series(values, dtype="datetime64[us]").dt.tz_localize("UTC")
            else:
                column = pd.Series(values, dtype=dtype)
        else:
            column = pl.Series(values, dtype=dtype, strict=False)
        columns[f"{kind} {j}"] = column
    return library.DataFrame(columns)


@LIBRARIES
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_decoding_undoes_encoding(library, data):
    frame = data.draw(frames(library))
    encoder = TableEncoder().fit(frame)
    codes = encoder.transform(frame)
    assert np.isfinite(codes).all()
    assert codes.shape[1] == len(encoder.get_feature_names_out())
    assert_same(encoder.inverse_transform(codes), frame)
    # Rows of it too, without the others; pandas numbers rows anew.
    part = frame[: len(frame) // 2 + 1]
    assert_same(encoder.inverse_transform(encoder.transform(part)), part)


@settings(max_examples=50, deadline=None)
@example(np.array([[-30.0], [63672196.0]], np.float32))  # the difference is no float32
@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int32, bool]),
        hnp.array_shapes(min_dims=2, max_dims=2),
    ).filter(lambda X: np.isfinite(X).all())
)
def test_arrays(X):
    encoder = TableEncoder()
    decoded = encoder.inverse_transform(encoder.fit_transform(X))
    assert_array_equal(decoded, X)
    assert decoded.dtype == X.dtype


@LIBRARIES
def test_further_types(library):
    days = [datetime.date(2020, 2, 27 + k) for k in (0, 2, 1)]
    clock = [datetime.time(4, k) for k in (5, 0, 9)]
    if library is pd:
        zoned = pd.Series(pd.date_range("2020-10-25", periods=3, freq="h", tz="UTC"))
        frame = pd.DataFrame(
            {
                "half": np.array([0.1, 2, 3], np.float16),
                "nanoseconds": pd.to_datetime([1, 3, 2], unit="ns"),
                "zoned": zoned.dt.tz_convert("Europe/Berlin").mask(
                    [False, True, False]
                ),
                "span": pd.to_timedelta([1, 9, None], unit="h"),
                "codes": pd.Categorical([5, 1, None], categories=[9, 5, 1]),
                "spans": pd.cut([1, 5, 9], [0, 3, 6, 9]),
            }
        )
    else:
        levels = pl.Enum(["low", "middle", "high"])
        frame = pl.DataFrame(
            {
                "day": [None, *days[1:]],
                "clock": clock,
                "level": pl.Series(["high", None, "low"], dtype=levels),
                "zoned": pl.Series([datetime.datetime(2020, 7, 1), None, None]).cast(
                    pl.Datetime("ns", "Europe/Berlin")
                ),
                "span": [datetime.timedelta(k) for k in (3, 1, 2)],
            }
        )
    encoder = TableEncoder()
    decoded = encoder.inverse_transform(encoder.fit_transform(frame))
    assert_same(decoded, frame)


def test_each_missing_object_is_put_back():
    missing = [None, np.nan, pd.NA]
    frame = pd.DataFrame(
        {str(m): pd.Series(["a", m, "b"], dtype=object) for m in missing}
    )
    encoder = TableEncoder()
    decoded = encoder.inverse_transform(encoder.fit_transform(frame))
    assert [decoded[str(m)][1] is m for m in missing] == [True] * 3
    nan = pl.DataFrame({"nan": [1.0, np.nan], "null": [None, 2.0]})
    assert_same(encoder.inverse_transform(encoder.fit_transform(nan)), nan)


def test_categories_and_their_types():
    sizes = pd.CategoricalDtype(["S", "M", "L", "XL"], ordered=True)
    frame = pd.DataFrame(
        {
            "size": pd.Series(["L", "S", "M", None], dtype=sizes),
            "level": pd.Categorical([3, 1, 2, 3], categories=[3, 2, 1, 0]),
            "flag": [True, False, True, True],
        }
    )
    encoder = TableEncoder()
    codes = encoder.fit_transform(frame)
    assert encoder.categories_ == {
        "size": ["S", "M", "L"],
        "level": [1, 2, 3],
        "flag": [False, True],
    }
    expected = [[2, 0, 0, 0, 1, 1], [0, 0, 1, 0, 0, 0], [1, 0, 0, 1, 0, 1]]
    assert_array_equal(codes[:3], expected)
    assert_same(encoder.inverse_transform(codes), frame)


def test_numbers_are_decoded_within_what_was_observed():
    times = [datetime.datetime(2024, 1, day) for day in (1, 3, 9)]
    frame = pl.DataFrame({"price": [150, 100, 300], "day": times, "x": [0.5, 1.0, 2.0]})
    encoder = TableEncoder().fit(frame)
    drawn = encoder.inverse_transform([[-5.0, 2.6, -9.25], [99.0, 1.4, 1e9]])
    assert drawn["price"].to_list() == [100, 300]  # steps of 50
    assert [t.day for t in drawn["day"]] == [7, 3]  # steps of two days
    assert drawn["x"].to_list() == [-9.25, 1e9]  # real numbers have no bounds


def test_integers_of_any_size_if_their_steps_are_few():
    wide = [-(2**63), 2**63 - 1]
    frame = pd.DataFrame({"a": [0, 2**60 + 1], "b": 5, "c": True, "d": wide})
    encoder = TableEncoder()
    assert encoder.fit_transform(frame).tolist() == [[0, 0, 0, 0], [1, 0, 0, 1]]
    assert_same(encoder.inverse_transform([[0, 0, 0, 0], [1, 0, 0, 1]]), frame)
    numbered = pd.DataFrame(np.eye(2))  # columns without names
    assert_same(encoder.inverse_transform(encoder.fit_transform(numbered)), numbered)


@LIBRARIES
def test_the_encoder_gives_the_frames_it_was_asked_for(library):
    frame = library.DataFrame({"kind": ["a", "b", "c"], "x": [None, 1.0, 2.0]})
    names = ["kind_a", "kind_b", "kind_c", "x", "missingindicator_x"]
    encoder = TableEncoder().set_output(transform=library.__name__)
    codes = encoder.fit_transform(frame)
    assert isinstance(codes, library.DataFrame)
    assert list(codes.columns) == names
    assert_same(encoder.inverse_transform(codes), frame)


# -- memberships ---------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(3, 6))
def test_assignment_by_memberships(seed, n, k):
    """The linear programme written down: counts as the sums, the best total."""
    memberships = np.random.default_rng(seed).dirichlet(np.full(k, 0.5), n)
    places = assigned(memberships)
    count = np.bincount(places, minlength=k)
    due = memberships.sum(axis=0)
    assert np.abs(count - due).max() < 1
    total = memberships[np.arange(n), places].sum()
    cost = np.repeat(memberships, count, axis=1)
    rows, best = linear_sum_assignment(cost, maximize=True)
    assert_allclose(total, cost[rows, best].sum())
    # No exchange of two rows is better.
    gain = memberships[:, places]
    own = np.diag(gain)
    assert (gain + gain.T <= own[:, None] + own + 1e-12).all()


def test_assignment_of_many_rows():
    rng = np.random.default_rng(0)
    memberships = rng.dirichlet([0.5, 0.4, 0.099, 0.001], 10_000)
    count = np.bincount(assigned(memberships), minlength=4)
    assert np.abs(count - memberships.sum(axis=0)).max() < 1
    certain = np.eye(4)[rng.choice(4, 10_000)]
    for rows in (certain, certain[np.argsort(certain[:, 0])]):
        assert_array_equal(np.eye(4)[assigned(rows)], rows)
    assert_array_equal(np.bincount(assigned(np.zeros((8, 4)))), [2, 2, 2, 2])


# -- errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"\['a'\] occur more than once"),
        (pd.DataFrame({"a": [None, None]}), "'a' has no values"),
        (pd.DataFrame({"a": [np.nan, np.nan]}), "'a' has no values"),
        (pl.DataFrame({"a": [None, None]}), "'a' has no values"),
        (pd.DataFrame({"a": []}), "X has no rows"),
        (pl.DataFrame({"a": []}), "X has no rows"),
        (pd.DataFrame({"a": [1.0, np.inf]}), "'a' has infinite values"),
        (pd.DataFrame({"a": ["b", 1]}), "must contain strings only; got 1 of type int"),
        (pd.DataFrame({"a": [{}, "b"]}), "strings only; got {} of type dict"),
        (pd.DataFrame({"a": [1j]}), "'a' has unsupported type complex128"),
        (
            pd.DataFrame({"a": pd.period_range("2020", periods=2)}),
            "unsupported type period",
        ),
        (pl.DataFrame({"a": [[1], [2]]}), "unsupported type List"),
        (pd.DataFrame({"a": [0, 1, 2**60]}), "floats cannot represent"),
        (pd.DataFrame({"a": [-(2**63), 0, 2**63 - 1]}), "floats cannot represent"),
        (pl.DataFrame({"a": [0, 1, 2**60]}), "Drop it if it identifies rows"),
        (pl.DataFrame({"a": [2**63]}, schema={"a": pl.UInt64}), "'a' has integers of"),
    ],
)
def test_frames_that_cannot_be_encoded(frame, message):
    encoder = TableEncoder().fit(pd.DataFrame({"b": [1.0]}))
    with pytest.raises(ValueError, match=message):
        encoder.fit(frame)
    with pytest.raises(NotFittedError):
        encoder.inverse_transform([[0.0]])
    assert vars(encoder) == {"handle_unknown": "error"}


def test_a_fit_that_fails_leaves_nothing():
    frame = pd.DataFrame({"a": [0.0, 1.0, 3.0, 4.0], "b": list("xxyy")})
    drifter = TabularDrifter(ConservativeDrifter(random_state=0)).fit(frame)
    with pytest.raises(ValueError, match="'c' has no values"):
        drifter.fit(frame.assign(c=np.nan))
    assert list(vars(drifter)) == ["drifter", "rules", "random_state"]


def test_other_generators_draw_tables():
    frame = pd.DataFrame({"a": np.arange(40.0) ** 2, "b": list("xy") * 20})
    drawn = TabularDrifter(GaussianMixture(2, random_state=0)).fit(frame).sample(10)
    assert list(drawn.columns) == ["a", "b"]
    assert set(drawn["b"]) == {"x", "y"}
    with pytest.raises(TypeError, match=r"'drifter' parameter .* got 'foo'"):
        TabularDrifter("foo").fit(frame)


def test_rare_categories_draw_rows_of_their_own():
    # 15 rows that no other is near to; by 40 neighbours a quarter was drawn elsewhere.
    rng = np.random.default_rng(0)
    rare = np.arange(115) < 15
    frame = pd.DataFrame(
        {
            "x": rng.standard_normal(115) + 6 * rare,
            "y": rng.standard_normal(115),
            "kind": np.where(rare, "rare", "usual"),
        }
    )
    drifter = TabularDrifter(ConservativeDrifter(random_state=0)).fit(frame)
    drawn = drifter.sample(500, random_state=0)
    assert abs(np.mean(drawn["kind"] == "rare") - 15 / 115) < 0.01
    assert np.mean((drawn["x"] > 3) == (drawn["kind"] == "rare")) > 0.99


FITTED = pd.DataFrame(
    {
        "kind": ["a", "b", "c"],
        "flag": [True, False, True],
        "x": [1.0, 2.0, 3.0],
        "t": pd.to_datetime(["2020", "2021", "2022"]),
    }
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": ["a", "z", "c"]}, "'kind' has the category 'z'"),
        ({"kind": ["a", None, "c"]}, "'kind' has missing values"),
        ({"flag": pd.array([True, None, True], "boolean")}, "'flag' has missing"),
        ({"x": [1.0, None, 3.0]}, "'x' has missing values"),
        ({"x": [1.0, np.inf, 3.0]}, "'x' has infinite values"),
        ({"x": ["1", "2", "3"]}, "'x' is of type .* but was of type float64"),
        ({"t": [1, 2, 3]}, "'t' is of type int64"),
        ({"t": FITTED["t"].astype("datetime64[s]")}, "'t' is of type datetime64.s"),
        ({"kind": [1, 2, 3]}, "'kind' is of type int64"),
    ],
)
def test_frames_of_another_kind(change, message):
    encoder = TableEncoder().fit(FITTED.assign(t=FITTED["t"].astype("datetime64[ns]")))
    with pytest.raises(ValueError, match=message):
        encoder.transform(
            FITTED.assign(**{"t": FITTED["t"].astype("datetime64[ns]")} | change)
        )


def test_frames_with_other_columns():
    encoder = TableEncoder().fit(FITTED)
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(FITTED.rename(columns={"x": "y"}))
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(FITTED[["flag", "kind", "x", "t"]])
    with pytest.raises(ValueError, match=r"has 5 columns.* has 6"):
        encoder.inverse_transform(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="NaN"):
        encoder.inverse_transform(np.full((2, 6), np.nan))


def test_integers_may_come_as_reals():
    encoder = TableEncoder().fit(FITTED.assign(x=[1, 2, 4]))
    assert_array_equal(encoder.transform(FITTED)[:, 4], [0, 1, 2])


# -- draws ---------------------------------------------------------------------------

SHARES = np.array([0.45, 0.25, 0.15, 0.1, 0.05])
PLACES = np.array([[-2, -2], [2, 2], [-2, 2], [2, -2], [0, 0]])


def mixed_frame(n, seed=0):
    """A nominal column that decides on others, counts, and values missing together."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(5, n, p=SHARES)
    x = PLACES[kind] + rng.standard_normal((n, 2))
    flag = rng.random(n) < 1 / (1 + np.exp(-x[:, 0]))
    gone = rng.random(n) < np.where(flag, 0.4, 0.05)
    grades = pd.CategoricalDtype(["low", "middle", "high"], ordered=True)
    return pd.DataFrame(
        {
            "x": x[:, 0],
            "y": x[:, 1].astype(np.float32),
            "kind": np.array(["oak", "ash", "elm", "yew", "fir"])[kind],
            "grade": pd.cut(
                x[:, 1], [-np.inf, -1, 1, np.inf], labels=grades.categories
            ),
            "count": rng.poisson(np.exp(0.4 * x[:, 1] + 1)),
            "price": 5 * rng.integers(20, 400, n),
            "flag": flag,
            "income": np.where(gone, np.nan, rng.exponential(1, n)),
            "children": pd.array(
                np.where(gone, None, rng.poisson(2, n)), dtype="Int64"
            ),
            "since": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        }
    )


@pytest.fixture(scope="module")
def drawn_table():
    frame = mixed_frame(1000)
    return frame, TabularDrifter(drifter()).fit(frame).sample(1000)


def test_draws_are_frames_like_the_data(drawn_table):
    frame, drawn = drawn_table
    pd.testing.assert_series_equal(drawn.dtypes, frame.dtypes)
    assert set(drawn["kind"]) == set(frame["kind"])
    for name in ("count", "price", "children", "since"):
        assert drawn[name].min() >= frame[name].min()
        assert drawn[name].max() <= frame[name].max()
    assert (drawn["price"] % 5 == 0).all()
    assert drawn["since"].equals(drawn["since"].dt.normalize())
    assert len(drawn.merge(frame)) == 0  # no copies


def test_random_numbers():
    fitted = TabularDrifter(drifter()).fit(mixed_frame(100))
    pd.testing.assert_frame_equal(fitted.sample(5), fitted.sample(5))
    assert not fitted.sample(5, random_state=1).equals(fitted.sample(5))
    assert len(fitted.sample()) == 1
    with pytest.raises(ValueError, match="n_samples == 0"):
        fitted.sample(0)


@pytest.mark.parametrize("name", ["kind", "grade", "flag", "count"])
def test_frequencies(drawn_table, name):
    frame, drawn = drawn_table
    shares = [f[name].value_counts(normalize=True) for f in (frame, drawn)]
    assert shares[0].sub(shares[1], fill_value=0).abs().sum() / 2 < 0.01


def test_dependence_of_numbers_on_categories(drawn_table):
    frame, drawn = drawn_table
    fresh = mixed_frame(1000, seed=1)
    for category in ("kind", "grade", "flag"):
        for name in ("x", "y", "count"):
            means, drawn_means, fresh_means = (
                f.groupby(category, observed=True)[name].mean()
                for f in (frame, drawn, fresh)
            )
            weight = frame[category].value_counts(normalize=True)

            def error(other, means=means, weight=weight, name=name):
                square = (weight * (other - means) ** 2).sum()
                return np.sqrt(square) / frame[name].std()

            assert error(drawn_means) < 0.12, (category, name, error(fresh_means))
    # Categories on one another.
    tables = [
        pd.crosstab(f["kind"], f["grade"], normalize=True) for f in (frame, drawn)
    ]
    assert np.abs(tables[0] - tables[1]).to_numpy().sum() / 2 < 0.06


def test_missing_values_are_as_frequent_and_together(drawn_table):
    frame, drawn = drawn_table
    for flag in (False, True):
        rates = [
            f.loc[f["flag"] == flag, ["income", "children"]].isna().mean()
            for f in (frame, drawn)
        ]
        assert_allclose(rates[0], rates[1], atol=0.04)
    both = drawn["income"].isna() == drawn["children"].isna()
    assert both.mean() > 0.99


def test_a_table_of_categories_alone():
    frame = mixed_frame(300)[["kind", "flag", "grade"]]
    drawn = TabularDrifter(drifter()).fit(frame).sample(300)
    for name in frame:
        assert drawn[name].value_counts().equals(frame[name].value_counts())


def test_few_rows_of_ordered_categories():
    """Each value less than five times: still as often as in the data."""
    rng = np.random.default_rng(0)
    months = pd.CategoricalDtype(list("jfmasond"), ordered=True)
    frame = pd.DataFrame({"x": rng.standard_normal(30)})
    frame["month"] = pd.Series(rng.choice(list("jjjjmmsdoan"), 30), dtype=months)
    drawn = TabularDrifter(drifter(n_particles=300)).fit(frame).sample(300)
    counts = [f["month"].value_counts(sort=False) for f in (frame, drawn)]
    assert (np.abs(10 * counts[0] - counts[1]) <= 1).all()


def test_a_rare_category_and_few_values_observed():
    frame = mixed_frame(300)[["x", "kind"]]
    frame["kind"] = frame["kind"].where(frame.index != 7, "palm")
    # Nine in ten missing: the few values must not be drawn as they are.
    frame["z"] = frame["x"].where(frame.index % 10 == 0)
    drawn = TabularDrifter(drifter()).fit(frame).sample(300)
    assert (drawn["kind"] == "palm").sum() == 1
    assert drawn["z"].notna().sum() == 30
    assert not drawn["z"].dropna().isin(frame["z"]).any()
    assert drawn["x"].corr(drawn["z"]) > 0.9


def test_the_same_rows_from_both_libraries():
    frame = mixed_frame(200)[["x", "kind", "flag", "income", "count"]]
    drawn = TabularDrifter(drifter()).fit(frame).sample(50)
    other = pl.DataFrame({name: column.to_list() for name, column in frame.items()})
    other = other.with_columns(pl.col("income").fill_nan(None))
    drawn_other = TabularDrifter(drifter()).fit(other).sample(50)
    assert isinstance(drawn_other, pl.DataFrame)
    assert drawn_other.schema == other.schema
    for name in frame:
        expected = [None if pd.isna(v) else v for v in drawn[name].tolist()]
        assert drawn_other[name].to_list() == expected


def test_laws_of_columns_have_their_names_and_units():
    rng = np.random.default_rng(0)
    frame = mixed_frame(300)[["kind"]].assign(
        age=rng.integers(18, 80, 300),
        price=rng.uniform(1, 9, 300).round(2),
        visits=np.where(rng.random(300) < 0.6, 0, 5.0 * rng.integers(4, 400, 300)),
    )
    frame["visits"] = frame["visits"].mask(np.arange(300) % 7 == 0)
    stated = {"price": {"bounds": (0, 20)}, "age": {"atoms": [18]}, "kind": "free"}
    fitted = TabularDrifter(drifter(columns=stated)).fit(frame)
    age, price, visits = fitted.columns_
    assert repr(age).startswith("<column 'age': 18 (")
    assert repr(age).endswith("else between 18 and 79 in steps of 1>")
    assert repr(price) == "<column 'price': between 0 and 20 in steps of 0.01>"
    assert (visits.name, visits.atoms.tolist(), visits.grid.width) == ("visits", [0], 5)
    assert visits.low == 0
    drawn = fitted.sample(300)
    assert drawn["visits"].dropna().mod(5).eq(0).all()
    assert abs((drawn["visits"] == 0).sum() - (frame["visits"] == 0).sum()) <= 2


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"kind": {"atoms": [1]}}, "for column 'kind', which does not hold numbers"),
        ({"when": {"bounds": (0, 1)}}, "for column 'when', which does not hold numb"),
        ({"x": {"bounds": (9, None)}}, "Column 'x' has the value -?[0-9.]+, beyond"),
        ({"count": {"grid": 0.7}}, "Column 'count' has the value .* multiple of 0.7"),
        ({"count": {"atoms": [-5]}}, "Column 'count' does not have the value -5"),
        ({"price": "free"}, "names the column 'price', which X does not have"),
        ({"x": {"missing": "count"}}, "gives 'missing' for column 'x'. Tables know"),
    ],
)
def test_laws_that_the_table_contradicts(columns, message):
    frame = mixed_frame(100)[["x", "kind", "count"]]
    frame["when"] = pd.date_range("2024-01-01", periods=100)
    fitted = TabularDrifter(drifter(columns=columns))
    with pytest.raises(ValueError, match=message):
        fitted.fit(frame)
    assert not hasattr(fitted, "columns_")


def test_a_labelled_table():
    iris = load_iris(as_frame=True)
    frame = iris.data.assign(species=iris.target_names[iris.target])
    drawn = TabularDrifter(drifter()).fit(frame).sample(300)
    assert drawn["species"].value_counts().to_dict() == {
        name: 100 for name in iris.target_names
    }
    means = [f.groupby("species").mean() for f in (frame, drawn)]
    assert (np.abs(means[0] - means[1]) < 0.15).all(axis=None)


def test_parameters_clone_pickle_and_search():
    frame = mixed_frame(150)[["x", "kind", "count"]]
    tabular = TabularDrifter(drifter())
    assert tabular.get_params()["drifter__bandwidth"] == "rate"
    copy = clone(tabular).set_params(drifter__bandwidth=0.7)
    copy = pickle.loads(pickle.dumps(copy.fit(frame)))
    assert copy.drifter_.bandwidth_ == 0.7
    assert copy.feature_names_in_.tolist() == ["x", "kind", "count"]
    assert_same(copy.sample(4), copy.sample(4))
    search = GridSearchCV(tabular, {"drifter__bandwidth": [0.5, 50.0]}, cv=3)
    search.fit(frame)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.sample(2).shape == (2, 3)
    assert tabular.drifter.columns == "auto"  # the user's stays as it is
    assert TabularDrifter().fit(frame).drifter_.kernel == "gaussian"


def test_weights():
    frame = mixed_frame(200)[["x", "kind"]]
    weight = np.where(frame["kind"] == "oak", 1, 0)
    drawn = TabularDrifter(drifter()).fit(frame, sample_weight=weight).sample(100)
    assert (drawn["kind"] == "oak").all()


def test_score_is_that_of_the_encoded_rows():
    frame, held_out = mixed_frame(200), mixed_frame(200, seed=1)
    fitted = TabularDrifter(drifter()).fit(frame)
    score = fitted.drifter_.score(fitted.encoder_.transform(held_out))
    assert fitted.score(held_out) == score
    assert fitted.score(held_out.assign(x=held_out["x"] + 5)) < score


def test_other_estimators_that_draw():
    frame = mixed_frame(300)[["kind", "flag"]]
    drawn = TabularDrifter(KernelDensity(bandwidth=0.05)).fit(frame).sample(300)
    shares = [f["kind"].value_counts(normalize=True) for f in (frame, drawn)]
    assert np.abs(shares[0] - shares[1]).sum() / 2 < 0.1
    with pytest.raises(TypeError, match="'drifter' parameter"):
        TabularDrifter(TableEncoder()).fit(frame)


def test_nothing_half_fitted_is_left():
    tabular = TabularDrifter(drifter()).fit(mixed_frame(50))
    with pytest.raises(ValueError, match="zero"):
        tabular.fit(mixed_frame(50), sample_weight=np.zeros(50))
    with pytest.raises(NotFittedError):
        tabular.sample()


@LIBRARIES
def test_encoder_as_the_first_step_of_a_pipeline(library):
    frame = mixed_frame(200)[["x", "kind", "flag", "count"]]
    frame = library.DataFrame({name: c.to_list() for name, c in frame.items()})
    pipeline = make_drift_pipeline(TableEncoder(), drifter())
    plain = pipeline.fit(frame).sample(200)
    assert isinstance(plain, library.DataFrame)
    assert list(plain.columns) == list(frame.columns)
    counts = [
        dict(zip(*np.unique(f["kind"].to_numpy(), return_counts=True), strict=True))
        for f in (frame, plain)
    ]
    assert counts[0] == counts[1]
    drawn = pipeline.set_output(transform=library.__name__).fit(frame).sample(200)
    assert_same(drawn, plain)
