"""What single columns are: whole numbers, local times, kinds of missing values."""

import datetime
import pickle
import warnings
from decimal import Decimal

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler
from test_tables import LIBRARIES, assert_same, drifter

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.pipeline import make_drift_pipeline
from skdrift.tables import TableEncoder, TabularDrifter

RNG = np.random.default_rng(0)


def round_trip(frame):
    encoder = TableEncoder()
    return encoder.inverse_transform(encoder.fit_transform(frame))


def mixed(library, **columns):
    """A frame of a real column and others."""
    n = len(next(iter(columns.values())))
    return library.DataFrame({"x": np.random.default_rng(0).normal(size=n), **columns})


def draw(frame, n=None):
    return TabularDrifter(drifter()).fit(frame).sample(n or len(frame))


# -- whole numbers -------------------------------------------------------------------

FLOATS = {
    "pandas": lambda v: pd.DataFrame({"a": v}),
    "pandas single": lambda v: pd.DataFrame({"a": v.astype(np.float32)}),
    "pandas nullable": lambda v: pd.DataFrame({"a": pd.array(v, dtype="Float64")}),
    "polars": lambda v: pl.DataFrame({"a": v}),
    "polars null": lambda v: pl.DataFrame({"a": v}).fill_nan(None),
    "polars single": lambda v: pl.DataFrame({"a": v.astype(np.float32)}),
    "array": lambda v: v[:, None],
}
as_floats = pytest.mark.parametrize("table", FLOATS.values(), ids=FLOATS)


def column(table):
    """First column as floats."""
    if isinstance(table, np.ndarray):
        return table[:, 0]
    if isinstance(table, pl.DataFrame):
        return table["a"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return table["a"].to_numpy(np.float64, na_value=np.nan)


@as_floats
@settings(max_examples=25, deadline=None)
@given(
    values=hnp.arrays(np.int64, st.integers(2, 30), elements=st.integers(-999, 999)),
    step=st.sampled_from([1, 5]),
    share=st.sampled_from([0, 0.3]),
    seed=st.integers(0, 99),
)
def test_whole_floats_are_encoded_as_integers(table, values, step, share, seed):
    rng = np.random.default_rng(seed)
    values = step * values.astype(float)
    values[1:][rng.random(len(values) - 1) < share] = np.nan
    frame = table(values)
    encoder = TableEncoder().fit(frame)
    codes = encoder.transform(frame)
    assert_array_equal(column(encoder.inverse_transform(codes)), values)
    present = np.unique(values[~np.isnan(values)])
    expected = pd.DataFrame({"a": values[~np.isnan(values)].astype(int)})
    assert_array_equal(
        codes[~np.isnan(values), 0],
        TableEncoder().fit_transform(expected)[:, 0],
    )
    drawn = encoder.inverse_transform(rng.normal(0, 1e3, codes.shape))
    assert type(drawn) is type(frame)
    drawn = column(drawn)
    drawn = drawn[~np.isnan(drawn)]
    assert_array_equal(drawn % step, 0)
    assert ((present[0] <= drawn) & (drawn <= present[-1])).all()


@as_floats
def test_ages_with_missing_values_are_drawn_whole(table):
    age = RNG.integers(18, 90, 200).astype(float)
    age[RNG.random(200) < 0.1] = np.nan
    drawn = column(draw(table(age)))
    assert np.isnan(drawn).sum() == np.isnan(age).sum()
    drawn = drawn[~np.isnan(drawn)]
    assert_array_equal(drawn, np.rint(drawn))
    assert drawn.min() >= 18
    assert drawn.max() <= 89


@as_floats
@pytest.mark.parametrize("values", [[1.0, 2.5], [0.0, 2.0**53], [-(2.0**60), 1, 0.5]])
def test_other_floats_are_not(table, values):
    frame = table(np.array(values))
    assert_array_equal(TableEncoder().fit_transform(frame)[:, 0], column(frame))


# -- missing numbers -----------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 200),
    st.integers(1, 200),
    st.integers(0, 9),
    st.sampled_from([float, "Int64", "datetime64[s]", "ordered", "boolean"]),
)
def test_filled_values_have_the_distribution_of_the_others(n, n_missing, seed, kind):
    rng = np.random.default_rng(seed)
    present = (
        rng.normal(size=n)
        if kind is float
        else rng.integers(0, 2 if kind == "boolean" else 50, n)
    )
    missing = rng.permutation(n + n_missing) < n_missing
    values = np.zeros(n + n_missing)
    values[~missing] = present
    series = pd.Series(values).mask(missing)
    if kind == "ordered":
        series = series.astype(pd.CategoricalDtype(np.unique(present), ordered=True))
    elif kind == "boolean":
        series = series.map({0.0: False, 1.0: True}).astype("boolean")
    else:
        series = series.astype(kind)
    frame = pd.DataFrame({"a": series})
    codes, mark = TableEncoder().fit_transform(frame).T
    assert_array_equal(mark, missing)
    filled, others = np.sort(codes[missing]), np.sort(codes[~missing])
    assert np.isin(filled, others).all()
    at = np.unique(others)
    gap = np.searchsorted(filled, at, "right") / n_missing
    gap -= np.searchsorted(others, at, "right") / n
    # Multiples of the golden ratio: the discrepancy of random ones would be a root.
    assert np.abs(gap).max() <= (2 + np.log(n_missing)) / n_missing + 1e-9
    assert_array_equal(TableEncoder().fit_transform(frame)[:, 0], codes)


def test_filled_values_are_those_of_fit():
    encoder = TableEncoder().fit(pd.DataFrame({"a": [5.5, None, 1.5, 9.5, 2.5]}))
    codes = encoder.transform(pd.DataFrame({"a": [np.nan, np.nan, 3.0, np.nan]}))
    assert_array_equal(codes, [[5.5, 1], [1.5, 1], [3, 0], [9.5, 1]])


def test_many_present_values_fill_missing_ones():
    values = np.append(np.sort(RNG.normal(size=50_000)), [np.nan] * 10_000)
    encoder = TableEncoder()
    codes = encoder.fit_transform(pd.DataFrame({"a": values}))[:, 0]
    assert np.isin(codes[50_000:], codes[:50_000]).all()
    levels = np.linspace(0, 1, 101)
    places = np.quantile(np.searchsorted(codes[:50_000], codes[50_000:]), levels)
    assert np.abs(places / 50_000 - levels).max() < 1e-3
    assert len(pickle.dumps(encoder)) < 100_000


# -- times ---------------------------------------------------------------------------

ZONES = ["UTC", "Asia/Kolkata", "Europe/Paris", "America/New_York", "America/Havana"]


def days(n, first="2022-01-01", hour=0):
    stamps = pd.Timestamp(first) + pd.to_timedelta(RNG.integers(0, 730, n), unit="D")
    return pd.Series(stamps).astype("datetime64[us]") + pd.Timedelta(hour, "h")


def zoned(library, stamps, zone):
    if library is pd:
        return stamps.dt.tz_localize(
            zone, np.ones(len(stamps), bool), nonexistent="shift_forward"
        )
    return pl.Series(stamps.tolist()).dt.replace_time_zone(zone, ambiguous="earliest")


@LIBRARIES
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", [0, 9])
def test_dates_of_a_time_zone_are_drawn_at_their_hour(library, zone, hour):
    if zone == "America/Havana" and hour == 0:
        pytest.skip("has no midnight when the clock is put forward")
    frame = mixed(library, t=zoned(library, days(200, hour=hour), zone))
    assert_same(round_trip(frame), frame)
    drawn = draw(frame)
    clock = drawn["t"].dt.hour if library is pd else drawn["t"].dt.hour()
    assert set(clock) == {hour}
    dtypes = [t["t"].dtype for t in (frame, drawn)]
    assert dtypes[0] == dtypes[1]


@LIBRARIES
def test_local_times_that_do_not_follow_are_counted_as_instants(library):
    """Each hour of a day that has 25: the clock shows one twice."""
    stamps = pd.Series(pd.date_range("2023-10-28 22:00", periods=25, freq="h"))
    frame = pd.DataFrame(
        {"t": stamps.dt.tz_localize("UTC").dt.tz_convert("Europe/Paris")}
    )
    if library is pl:
        times = pl.Series(stamps.tolist())
        frame = pl.DataFrame(
            {
                "t": times.dt.replace_time_zone("UTC").dt.convert_time_zone(
                    "Europe/Paris"
                )
            }
        )
    encoder = TableEncoder()
    assert_array_equal(encoder.fit_transform(frame)[:, 0], np.arange(25))
    assert_same(round_trip(frame), frame)


@LIBRARIES
def test_local_times_that_are_skipped_or_twice(library):
    stamps = [f"2023-{d} 02:00" for d in ("03-20", "03-27", "10-30")]
    frame = library.DataFrame(
        {"t": zoned(library, pd.Series(pd.to_datetime(stamps)), "Europe/Paris")}
    )
    encoder = TableEncoder().fit(frame)
    whole = TableEncoder().fit(pd.DataFrame({"t": pd.to_datetime(stamps)}))
    codes = encoder.transform(frame)
    assert_array_equal(
        codes, whole.transform(pd.DataFrame({"t": pd.to_datetime(stamps)}))
    )
    # Steps of weeks: 03-20 + 6 days does not occur; use days.
    more = [*stamps, "2023-03-25 02:00"]
    frame = library.DataFrame(
        {"t": zoned(library, pd.Series(pd.to_datetime(more)), "Europe/Paris")}
    )
    encoder = TableEncoder().fit(frame)
    places = [
        (pd.Timestamp(d) - pd.Timestamp("2023-03-20")).days
        for d in ("2023-03-26", "2023-10-29")
    ]
    drawn = encoder.inverse_transform(np.array(places, float)[:, None])["t"]
    drawn = [t.isoformat() for t in drawn]
    assert drawn == ["2023-03-26T03:00:00+02:00", "2023-10-29T02:00:00+02:00"]


def test_a_day_that_a_zone_skipped():
    """Samoa crossed the date line: it had no 30 December 2011."""
    for library in (pd, pl):
        stamps = pd.Series(pd.to_datetime(["2011-09-01", "2011-09-02", "2012-01-02"]))
        frame = library.DataFrame({"t": zoned(library, stamps, "Pacific/Apia")})
        drawn = TableEncoder().fit(frame).inverse_transform([[120.0], [121.0]])["t"]
        assert [t.isoformat()[:10] for t in drawn] == ["2011-12-31"] * 2


@LIBRARIES
def test_nanoseconds_over_years_are_rounded_to_what_floats_distinguish(library):
    stamps = 1_700_000_000_000_000_000 + RNG.integers(0, 3 * 10**16, 100)
    stamps = np.append(stamps, [stamps.min() + 3 * 10**16, stamps.min()])
    if library is pd:
        column = pd.Series(stamps).astype("datetime64[ns]")
    else:
        column = pl.Series(stamps).cast(pl.Datetime("ns"))
    frame = mixed(library, t=column)
    decoded = round_trip(frame)["t"]
    decoded = decoded.astype("int64") if library is pd else decoded.to_physical()
    error = np.abs(decoded.to_numpy() - stamps)
    assert 0 < error.max() < 10
    drawn = draw(frame)["t"]
    assert drawn.dtype == column.dtype
    assert column.min() <= drawn.min()
    assert drawn.max() <= column.max()


@pytest.mark.parametrize("unit", ["ns", "us"])
def test_days_over_the_whole_range_of_a_type(unit):
    """Differences of more than 2**63 are counted, without an error, in days."""
    day = 86400 * 10 ** {"ns": 9, "us": 6}[unit]
    low = -(2**63) // day + 1
    stamps = day * np.array([low, 0, 5, -low - 1])
    frame = pd.DataFrame({"t": pd.Series(stamps).astype(f"datetime64[{unit}]")})
    assert_array_equal(TableEncoder().fit_transform(frame)[:, 0], stamps // day - low)
    assert_same(round_trip(frame), frame)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=2, max_size=9),
    st.integers(-(2**63) + 1, 2**63 - 1),
)
def test_rounded_times_of_any_range(stamps, other):
    frame = pl.DataFrame({"t": pl.Series(stamps).cast(pl.Datetime("ns"))})
    encoder = TableEncoder().fit(frame)
    decoded = encoder.inverse_transform(encoder.transform(frame))["t"].to_physical()
    span = max(stamps) - min(stamps)
    allowed = 0 if span <= 2**53 else span / 2**53 * 10
    for a, b in zip(decoded.to_list(), stamps, strict=True):
        assert abs(a - b) <= allowed
        assert min(stamps) <= a <= max(stamps)
    # Times outside of the range are numbers in order.
    unseen = pl.DataFrame({"t": pl.Series([other]).cast(pl.Datetime("ns"))})
    code, codes = encoder.transform(unseen)[0, 0], encoder.transform(frame)[:, 0]
    if other < min(stamps):
        assert code < 0
    elif other > max(stamps):
        assert code >= codes.max()


# -- types of Arrow, and others ------------------------------------------------------


def arrow(values, name, *arguments):
    pyarrow = pytest.importorskip("pyarrow")
    make = getattr(pyarrow, name)
    dtype = make() if not arguments else make(*arguments)
    return pd.Series(pd.arrays.ArrowExtensionArray(pyarrow.array(values, type=dtype)))


DATES = [datetime.date(2020, 2, 27 + k) for k in (0, 2, 1)]
CLOCK = [datetime.time(4, k) for k in (5, 0, 9)]
SPANS = [datetime.timedelta(k) for k in (3, 1, 2)]
ARROW = {
    "date32": (DATES, "date32"),
    "date64": (DATES, "date64"),
    "time32": (CLOCK, "time32", "s"),
    "time64": (CLOCK, "time64", "us"),
    "duration": (SPANS, "duration", "ms"),
    "timestamp": (
        [datetime.datetime(2020, 1, k) for k in (3, 9, 2)],
        "timestamp",
        "us",
    ),
    "zoned": (
        [
            datetime.datetime(2020, k, 1, tzinfo=datetime.timezone.utc)
            for k in (3, 9, 2)
        ],
        "timestamp",
        "ns",
        "Europe/Paris",
    ),
    "decimal": ([Decimal("1.25"), Decimal("-0.1"), Decimal("9")], "decimal128", 10, 2),
    "whole decimal": ([Decimal(3), Decimal(-7), Decimal(9)], "decimal128", 38, 0),
    "wide decimal": (
        [Decimal("1.25"), Decimal("-0.1"), Decimal("9")],
        "decimal256",
        50,
        3,
    ),
    "double": ([0.1, 2.5, -3.0], "float64"),
    "single": ([0.5, 2.5, -3.0], "float32"),
    "boolean": ([True, False, True], "bool_"),
    "integer": ([1, 5, 3], "int16"),
    "unsigned": ([1, 5, 3], "uint64"),
    "string": (["a", "b", "c"], "string"),
    "large string": (["a", "b", "c"], "large_string"),
}


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", ARROW)
def test_types_of_arrow(kind, missing):
    values, *dtype = ARROW[kind]
    values = [*values, None] if missing else values
    frame = pd.DataFrame({"a": arrow(values, *dtype), "b": 1.5})
    assert_same(round_trip(frame), frame)
    drawn = TableEncoder().fit(frame)
    drawn = drawn.inverse_transform(
        np.full((2, len(drawn.get_feature_names_out())), 9.0)
    )
    assert drawn["a"].dtype == frame["a"].dtype
    copy = pickle.loads(pickle.dumps(TableEncoder().fit(frame)))
    assert_same(copy.inverse_transform(copy.transform(frame)), frame)


@pytest.mark.parametrize("ordered", [False, True])
def test_dictionaries_of_arrow(ordered):
    pyarrow = pytest.importorskip("pyarrow")
    dtype = pyarrow.dictionary(pyarrow.int32(), pyarrow.string(), ordered)
    array = pyarrow.array(["c", "a", "b", None, "c"]).dictionary_encode()
    frame = pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(array.cast(dtype))})
    encoder = TableEncoder().fit(frame)
    decoded = encoder.inverse_transform(encoder.transform(frame))
    assert decoded["a"].dtype == frame["a"].dtype
    assert decoded["a"].tolist() == frame["a"].tolist()
    assert encoder.categories_["a"] == list("cab" if ordered else "abc")


def test_arrow_dates_of_a_zone_are_drawn_at_midnight():
    pytest.importorskip("pyarrow")
    stamps = zoned(pd, days(200), "Europe/Paris")
    frame = mixed(pd, t=stamps.astype("timestamp[us, tz=Europe/Paris][pyarrow]"))
    drawn = draw(frame)["t"]
    assert drawn.dtype == frame["t"].dtype
    assert (drawn.dt.hour == 0).all()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([b"a"], ["binary"]), ([[1]], ["list_", "int64"]), ([None], ["null"])],
)
def test_types_of_arrow_that_cannot_be_encoded(values, dtype):
    pyarrow = pytest.importorskip("pyarrow")
    name, *inner = dtype
    frame = pd.DataFrame(
        {"a": arrow(values, name, *(getattr(pyarrow, i)() for i in inner))}
    )
    with pytest.raises(
        ValueError, match=r"Column 'a' (has unsupported type|has no values)"
    ):
        TableEncoder().fit(frame)


def wide(values, dtype):
    return pl.DataFrame({"a": pl.Series(values, dtype=dtype)})


def test_further_types_of_polars():
    names = [name for name in ("Int128", "UInt128") if hasattr(pl, name)]
    for dtype in [getattr(pl, name) for name in names]:
        frame = pl.DataFrame({"a": pl.Series([1, 3, None]).cast(dtype)})
        assert_same(round_trip(frame), frame)
        big = pl.DataFrame({"a": pl.Series([2.0**64]).cast(dtype)})
        with pytest.raises(ValueError, match="'a' has integers of"):
            TableEncoder().fit(big)
    prices = [Decimal("9.99"), Decimal("0.50"), None]
    frame = wide(prices, pl.Decimal(8, 2))
    assert_same(round_trip(frame), frame)
    encoder = TableEncoder().fit(frame)
    drawn = encoder.inverse_transform([[1.2345, 0], [1e30, 0], [0, 1]])["a"]
    assert drawn.to_list() == [Decimal("1.23"), Decimal("999999.99"), None]


# -- kinds of missing values ---------------------------------------------------------

NAN = float("nan")


def test_nan_and_null_stay_apart_in_polars():
    for values in ([1.5, NAN, None, 2.5, 3.5], [1.0, None, NAN, None], [NAN, 1.0]):
        for dtype in (pl.Float64, pl.Float32):
            frame = pl.DataFrame({"v": pl.Series(values, dtype=dtype, strict=False)})
            assert_same(round_trip(frame), frame)
    frame = pl.DataFrame({"v": [1.5, None, NAN]})
    names = TableEncoder().fit(frame).get_feature_names_out().tolist()
    assert names == ["v", "missingindicator_v", "missingindicator_v_nan"]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([1.5, 2.5, 7.5, NAN, None]), max_size=20))
def test_any_nan_and_null(values):
    frame = pl.DataFrame({"v": pl.Series([0.5, *values], dtype=pl.Float64)})
    assert_same(round_trip(frame), frame)
    data = np.array([0.0 if v is None else v for v in [0.5, *values]])
    mask = np.array([v is None for v in [0.5, *values]])
    array = pd.arrays.FloatingArray(data, mask)
    frame = pd.DataFrame({"v": array})
    decoded = round_trip(frame)["v"]
    assert [str(v) for v in decoded] == [str(v) for v in frame["v"]]


def test_nan_and_null_stay_apart_in_arrow():
    pyarrow = pytest.importorskip("pyarrow")
    array = pyarrow.array(
        np.array([1.5, NAN, 0.0, 2.5]), mask=np.array([False, False, True, False])
    )
    frame = pd.DataFrame({"v": pd.arrays.ArrowExtensionArray(array)})
    decoded = pyarrow.array(round_trip(frame)["v"].array)
    assert str(decoded) == str(pyarrow.array(frame["v"].array))


def test_missing_objects_stay_apart():
    for missing in ([None, np.nan], [np.nan, pd.NA, None], [pd.NaT, None]):
        for strings in (["a", "b"], ["a", "b", "c"]):
            column = pd.Series([*strings, *missing, missing[-1]], dtype=object)
            frame = pd.DataFrame({"v": column})
            decoded = round_trip(frame)["v"].tolist()
            assert [str(v) for v in decoded] == [str(v) for v in column]
            assert decoded[-1] is missing[-1]


def test_kinds_of_missing_values_that_fit_has_not_seen():
    """They count as the first kind."""
    both = pl.DataFrame({"v": [1.5, None, NAN]})
    for fitted in ([1.5, None], [1.5, NAN]):
        encoder = TableEncoder().fit(pl.DataFrame({"v": pl.Series(fitted)}))
        decoded = encoder.inverse_transform(encoder.transform(both))["v"].to_list()
        assert [str(v) for v in decoded] == ["1.5", str(fitted[1]), str(fitted[1])]
    encoder = TableEncoder().fit(both)
    for part in ([NAN, 1.5], [None, 1.5], [1.5, 2.5]):
        frame = pl.DataFrame({"v": pl.Series(part, dtype=pl.Float64)})
        assert_same(encoder.inverse_transform(encoder.transform(frame)), frame)


def test_both_kinds_are_drawn_as_often_as_they_occur():
    u = RNG.random(300)
    values = [NAN if v < 0.2 else None if v < 0.5 else v for v in u]
    frame = mixed(pl, v=pl.Series(values, dtype=pl.Float64))
    drawn = draw(frame)
    for f in (pl.col("v").is_null().sum(), pl.col("v").is_nan().sum()):
        counts = [table.select(f).item() for table in (frame, drawn)]
        assert abs(counts[0] - counts[1]) <= 10


# -- values that fit has not seen ----------------------------------------------------


def folds_frame(library, rare):
    rng = np.random.default_rng(0)
    n = 90
    x, kind = rng.normal(size=n).tolist(), rng.choice(list("abc"), n).tolist()
    flag, two = [False] * n, rng.choice(["u", "v"], n).tolist()
    age = rng.integers(18, 60, n).tolist()
    if rare == "category":
        kind[0] = "zz"
    elif rare == "second":
        two = ["u"] * n
        two[0] = "v"
    elif rare == "flag":
        flag[0] = True
    elif rare != "none":
        {"x": x, "kind": kind, "two": two, "age": age}[rare][0] = None
    columns = {"x": x, "kind": kind, "two": two, "flag": flag, "age": age}
    return library.DataFrame(columns)


def scores(frame):
    folds = KFold(3, shuffle=True, random_state=0)
    grid = {"drifter__bandwidth": [0.3, 1.0]}
    search = GridSearchCV(TabularDrifter(drifter()), grid, cv=folds).fit(frame)
    return search.cv_results_["mean_test_score"]


@LIBRARIES
@pytest.mark.parametrize(
    "rare", ["category", "second", "flag", "x", "kind", "two", "age"]
)
def test_what_one_fold_has_does_not_void_a_search(library, rare):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        gap = scores(folds_frame(library, rare)) - scores(folds_frame(library, "none"))
    assert np.abs(gap).max() < 0.3


LEVELS = pd.CategoricalDtype(list("abcde"), ordered=True)


def test_encoded_unknown_values():
    fitted = pd.DataFrame(
        {
            "kind": ["p", "q", "r"],
            "two": ["u", "v", "u"],
            "level": pd.Series(["b", "d", "e"], dtype=LEVELS),
            "flag": [True, True, True],
            "x": [0.5, 1.5, 2.5],
        }
    )
    unseen = pd.DataFrame(
        {
            "kind": ["z", None, "q"],
            "two": ["w", None, "v"],
            "level": pd.Series(["a", "c", None], dtype=LEVELS),
            "flag": pd.Series([False, True, None], dtype="boolean"),
            "x": [9.5, None, None],
        }
    )
    encoder = TableEncoder(handle_unknown="ignore").fit(fitted)
    codes = encoder.transform(unseen)
    assert_array_equal(codes[:, :3], [[0, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert_array_equal(codes[[0, 2], 3], [0.5, 1])
    assert_array_equal(codes[:2, 4], [0, 0.5])
    assert_array_equal(codes[:2, 5], [0, 0])
    assert codes[0, 6] == 9.5
    assert np.isin(codes[1:, 6], fitted["x"]).all()
    assert_array_equal(encoder.transform(fitted), TableEncoder().fit_transform(fitted))
    strict = TableEncoder().fit(fitted)
    for name in fitted:
        if name != "x":
            with pytest.raises(
                ValueError, match=f"'{name}' has .*handle_unknown='ignore'"
            ):
                strict.transform(fitted.assign(**{name: unseen[name]}))
    with pytest.raises(ValueError, match=r"'x' has missing .*handle_unknown='ignore'"):
        strict.transform(fitted.assign(x=unseen["x"]))
    with pytest.raises(ValueError, match="'handle_unknown' parameter"):
        TableEncoder(handle_unknown="foo").fit(fitted)
    with pytest.raises(ValueError, match="infinite"):
        encoder.transform(fitted.assign(x=np.inf))


# -- parameters ----------------------------------------------------------------------


def test_parameters_of_the_default_drifter_can_be_set():
    tabular = TabularDrifter()
    unset = {"drifter": None, "rules": None, "random_state": None}
    assert tabular.get_params() == unset
    assert tabular.set_params(drifter__bandwidth=0.5) is tabular
    assert isinstance(tabular.drifter, ConservativeDrifter)
    assert tabular.get_params()["drifter__bandwidth"] == 0.5
    assert clone(tabular).drifter.bandwidth == 0.5
    other = TabularDrifter().set_params(drifter=LaplaceDrifter(), drifter__bandwidth=2)
    assert isinstance(other.drifter, LaplaceDrifter)
    again = tabular.set_params(drifter=None, drifter__max_iter=7).drifter
    assert (again.bandwidth, again.max_iter) == ("rate", 7)
    assert TabularDrifter().set_params(random_state=3).drifter is None
    with pytest.raises(ValueError, match="Invalid parameter 'foo'"):
        TabularDrifter().set_params(drifter__foo=1)
    frame = mixed(pd, kind=list("abc") * 20)
    search = GridSearchCV(TabularDrifter(), {"drifter__bandwidth": [0.5]}, cv=3)
    assert search.fit(frame).best_estimator_.drifter_.bandwidth_ == 0.5


def test_random_state():
    frame = mixed(pd, kind=list("abc") * 20)
    drawn = TabularDrifter(drifter()).fit(frame).sample(9)
    seeded = TabularDrifter(random_state=0).fit(frame)
    assert_same(seeded.sample(9), drawn)
    assert not seeded.sample(9, random_state=1).equals(drawn)
    own = TabularDrifter(ConservativeDrifter(random_state=5), random_state=0).fit(frame)
    assert_same(own.sample(9), drawn)
    assert own.drifter.random_state == 5  # the user's stays as it is
    steps = make_drift_pipeline(StandardScaler(), ConservativeDrifter(max_iter=3))
    draws = [
        TabularDrifter(steps, random_state=2).fit(frame).sample(5) for _ in range(2)
    ]
    assert_same(*draws)
    density = TabularDrifter(KernelDensity(bandwidth=0.1), random_state=0).fit(frame)
    assert_same(density.sample(5), density.sample(5))
    stream = np.random.RandomState(0)
    streamed = TabularDrifter(random_state=stream).fit(frame)
    assert not streamed.sample(5).equals(streamed.sample(5))


# -- warnings ------------------------------------------------------------------------

WARNINGS = {
    "dates": (days(100).dt.strftime("%Y%m%d").astype(int), "'a' .*look like dates"),
    "names": ([f"name {k}" for k in range(40)], "'a' has 40 different categories"),
    "rows": (np.arange(40) + 1, "'a' numbers the rows from 1 to 40"),
    "shuffled rows": (RNG.permutation(40), "'a' numbers the rows from 0 to 39"),
}
SILENT = {
    "amounts": RNG.integers(10_000_000, 30_000_000, 100),
    "one that is no date": [20230101 + k for k in range(25)] + [20231301],
    "few dates": [20230101 + k for k in range(10)],
    "repeated names": [f"name {k // 2}" for k in range(60)],
    "few names": [f"name {k}" for k in range(19)],
    "few rows": np.arange(19),
    "rows twice": np.append(np.arange(40), 3),
    "gaps": np.arange(40) * 2,
    "reals": np.arange(40) + 0.5,
}


@LIBRARIES
@pytest.mark.parametrize("name", WARNINGS)
def test_columns_that_are_not_what_they_look_like(library, name):
    values, message = WARNINGS[name]
    frame = library.DataFrame({"a": list(values)})
    with pytest.warns(UserWarning, match=message) as record:
        TableEncoder().fit(frame)
    assert [w.filename for w in record] == [__file__]
    if name == "dates":  # whole floats too
        frame = library.DataFrame({"a": [None, *map(float, values)]})
        with pytest.warns(UserWarning, match=message):
            TableEncoder().fit(frame)


@LIBRARIES
@pytest.mark.parametrize("name", SILENT)
def test_columns_that_need_no_warning(library, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableEncoder().fit(library.DataFrame({"a": list(SILENT[name])}))
