"""Over-sampling of frames, arrays of any type and lists; types are kept."""

import builtins
from datetime import datetime, timedelta

import numpy as np
import pandas
import polars
import pytest
from numpy.testing import assert_array_equal
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.oversampling import DriftOversampler
from skdrift.pipeline import make_drift_pipeline
from skdrift.tables import TableEncoder, TabularDrifter

N, N_SMALL = 90, 30
RNG = np.random.default_rng(0)
SMALL = np.arange(N) >= N - N_SMALL
CLASSES = np.where(SMALL, "rare", "common")
WHOLE = RNG.integers(18, 90, N)
REAL = RNG.normal(size=N)
GAP = RNG.random(N) < 0.2
# The rare class has neither "x" nor "w".
TOWN = np.where(SMALL, RNG.choice(["y", "z", "v"], N), RNG.choice(["x", "y", "w"], N))
DAYS = [datetime(2024, 1, 1) + timedelta(days=int(d)) for d in WHOLE]
GAPPED = {"real": np.where(GAP, np.nan, REAL), "town": np.where(GAP, None, TOWN)}


def pandas_frame():
    whole = pandas.Series(WHOLE)
    frame = pandas.DataFrame(
        {
            "int64": WHOLE,
            "uint8": WHOLE.astype(np.uint8),
            "bool": WHOLE > 40,
            "float32": REAL.astype(np.float32),
            "float64 with NaN": GAPPED["real"],
            "Int32": whole.astype("Int32").mask(GAP),
            "Float64": pandas.Series(REAL).astype("Float64").mask(GAP),
            "boolean": (whole > 40).astype("boolean").mask(GAP),
            "object": pandas.Series(TOWN, dtype=object),
            "object with None": pandas.Series(GAPPED["town"], dtype=object),
            "string": pandas.Series(GAPPED["town"], dtype="string"),
            "category": pandas.Categorical(TOWN),
            "ordered": pandas.Categorical(TOWN, [*"xyzvwu"], ordered=True),
            "whole categories": pandas.Categorical(WHOLE % 3),
            "datetime": DAYS,
            "zone": pandas.Series(DAYS).dt.tz_localize("Europe/Rome"),
            "timedelta": pandas.to_timedelta(WHOLE, "D"),
            "never in the rare class": np.where(SMALL, np.nan, REAL),
        }
    )
    return frame.set_axis(np.arange(N) + 1000)


def polars_frame():
    return polars.DataFrame(
        {
            "int64": WHOLE,
            "uint8": polars.Series(WHOLE.tolist(), dtype=polars.UInt8),
            "bool": WHOLE > 40,
            "float32": REAL.astype(np.float32),
            "NaN": GAPPED["real"],
            "null": polars.Series(GAPPED["real"]).fill_nan(None),
            "string": polars.Series(GAPPED["town"].tolist()),
            "category": polars.Series(TOWN.tolist(), dtype=polars.Categorical),
            "enum": polars.Series(TOWN.tolist(), dtype=polars.Enum([*"xyzvwu"])),
            "date": polars.Series(DAYS).cast(polars.Date),
            "datetime": polars.Series(DAYS),
            "never in the rare class": np.where(SMALL, np.nan, REAL),
        }
    )


def resampled(X, y=CLASSES, drifter=None, **parameters):
    return DriftOversampler(drifter, random_state=0, **parameters).fit_resample(X, y)


@pytest.fixture(scope="module")
def from_pandas():
    return resampled(pandas_frame())[0]


@pytest.mark.parametrize("name", pandas_frame().columns)
def test_types_and_values_of_pandas_columns(name, from_pandas):
    given, column = pandas_frame()[name], from_pandas[name]
    assert column.dtype == given.dtype
    pandas.testing.assert_series_equal(column[:N], given.reset_index(drop=True))
    assert_array_equal(from_pandas.index, np.arange(2 * (N - N_SMALL)))
    drawn, rare = column[N:], given[SMALL]
    # As many values are missing as in the class, and the others are like its own.
    assert abs(drawn.isna().mean() - rare.isna().mean()) < 0.15
    if given.dtype.kind in "OUb" or isinstance(given.dtype, pandas.CategoricalDtype):
        assert set(drawn.dropna()) <= set(rare.dropna())
        assert {type(value) for value in drawn} <= {type(value) for value in rare}
    elif given.dtype.kind in "iumM":
        assert drawn.min() >= rare.min()
        assert drawn.max() <= rare.max()


def test_polars_columns():
    frame = polars_frame()
    rows, classes = resampled(frame, polars.Series("label", CLASSES.tolist()))
    assert rows.schema == frame.schema
    assert rows[:N].equals(frame)
    assert classes.dtype == polars.String
    assert classes.name == "label"
    assert classes[N:].to_list() == ["rare"] * (N - 2 * N_SMALL)
    drawn, rare = rows[N:], frame.filter(SMALL)
    for name in ("string", "category", "enum", "bool"):
        assert set(drawn[name].to_list()) <= set(rare[name].to_list())
    for name in ("int64", "uint8", "date", "datetime"):
        assert drawn[name].min() >= rare[name].min()
        assert drawn[name].max() <= rare[name].max()
    assert drawn["null"].null_count() > 0
    assert drawn["NaN"].is_nan().any()
    assert drawn["NaN"].null_count() == 0
    assert drawn["never in the rare class"].is_nan().all()


@pytest.mark.parametrize(
    "dtype", ["int64", "int8", "uint16", "bool", "float16", "float32", "float64"]
)
@pytest.mark.parametrize("missing", [False, True])
def test_arrays_keep_their_type(dtype, missing):
    X = np.column_stack([WHOLE, WHOLE > 40]).astype(dtype)
    if missing and X.dtype.kind != "f":
        pytest.skip("no missing values in this type")
    if missing:
        X[GAP, 0] = np.nan
    rows = resampled(X)[0]
    assert rows.dtype == X.dtype
    assert_array_equal(rows[:N], X)
    assert np.isnan(rows[N:].astype(float)).any() == missing
    assert np.nanmax(rows[N:]) <= np.nanmax(X[SMALL]) + (X.dtype.kind == "f") * 40


def test_an_array_of_floats_is_not_encoded():
    X = np.column_stack([REAL, WHOLE + REAL])
    for table, kind in ((X, ConservativeDrifter), (WHOLE[:, None], TabularDrifter)):
        sampler = DriftOversampler(random_state=0)
        sampler.fit_resample(table, CLASSES)
        assert type(sampler.drifters_["rare"]) is kind
    # A frame of floats gives the same rows.
    frame = pandas.DataFrame(X, columns=["a", "b"])
    assert_array_equal(resampled(frame)[0], resampled(X)[0])


@pytest.mark.parametrize("form", ["array", "list", "strings"])
def test_objects_and_lists(form):
    X = np.empty((N, 3), dtype=object)
    X[:, 0], X[:, 1], X[:, 2] = WHOLE.tolist(), TOWN.tolist(), GAPPED["town"]
    if form == "strings":
        X = X[:, 1:2].astype(str)
    given = X.tolist() if form == "list" else X
    rows, classes = resampled(given, CLASSES.tolist() if form == "list" else CLASSES)
    assert type(rows) is type(classes) is type(given)
    assert np.asarray(rows, dtype=object)[:N].tolist() == X.tolist()
    if form != "list":
        assert rows.dtype == X.dtype
    drawn = np.asarray(rows, dtype=object)[N:]
    for j in range(X.shape[1]):
        values = set(X[SMALL, j].tolist())
        assert set(drawn[:, j].tolist()) <= set(range(18, 90)) | values
        assert {type(v) for v in drawn[:, j].tolist()} <= {type(v) for v in values}


def test_lists_of_numbers():
    X, y = WHOLE[:, None].tolist(), SMALL.tolist()
    rows, classes = resampled(X, y)
    assert rows[:N] == X
    assert {type(row[0]) for row in rows} == {int}
    assert classes[:N] == y
    assert {type(label) for label in classes} == {bool}


def test_objects_without_pandas(monkeypatch):
    import_module = builtins.__import__

    def without_pandas(name, *args):
        if name == "pandas":
            raise ImportError
        return import_module(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    numbers = np.column_stack([REAL, WHOLE]).astype(object)
    assert resampled(numbers)[0].dtype == object
    with pytest.raises(TypeError, match="Install pandas, or encode 'X' as numbers"):
        resampled(TOWN[:, None])


# -- generators --

MIXED = pandas_frame()[["int64", "object with None", "float64 with NaN"]]
GENERATORS = [
    LaplaceDrifter(n_particles=30),
    TabularDrifter(),
    TabularDrifter(LaplaceDrifter()),
    make_drift_pipeline(StandardScaler(), PCA(4), ConservativeDrifter()),
    make_drift_pipeline(TableEncoder(), StandardScaler(), ConservativeDrifter()),
    KernelDensity(bandwidth=0.3),
    GaussianMixture(2),
]


@pytest.mark.parametrize(
    "drifter", GENERATORS, ids=lambda d: f"{type(d).__name__}-{len(str(d))}"
)
def test_every_generator_draws_mixed_frames(drifter):
    sampler = DriftOversampler(drifter, random_state=0)
    rows, classes = sampler.fit_resample(MIXED, CLASSES)
    assert rows.dtypes.equals(MIXED.dtypes)
    assert_array_equal(np.unique(classes, return_counts=True)[1], N - N_SMALL)
    fitted = sampler.drifters_["rare"]
    if isinstance(drifter, TabularDrifter) or "TableEncoder" in str(drifter):
        assert type(fitted) is type(drifter)
        assert not isinstance(getattr(fitted, "drifter_", None), TabularDrifter)
    else:
        assert type(fitted.drifter_) is type(drifter)
    again = DriftOversampler(drifter, random_state=0).fit_resample(MIXED, CLASSES)[0]
    pandas.testing.assert_frame_equal(again, rows)


def test_a_few_samples_of_a_mixture_come_from_all_its_components():
    X = np.vstack(
        [RNG.normal(size=(300, 1)), np.repeat([[-50.0], [50.0]], 100, axis=0)]
    )
    X[300:] += RNG.normal(size=(200, 1))
    y = np.repeat([0, 1], [300, 200])
    rows = resampled(X, y, GaussianMixture(2), sampling_strategy={1: 240})[0]
    assert 10 <= np.sum(rows[500:] > 0) <= 30  # 20 expected, standard deviation 3
    assert len(rows) == 540


# -- classes --

Y = np.repeat([0, 1, 2], [40, 30, 20])
STRATEGIES = [
    ("auto", {1: 10, 2: 20}),
    ("not majority", {1: 10, 2: 20}),
    ("minority", {2: 20}),
    ("not minority", {0: 0, 1: 10}),
    ("all", {0: 0, 1: 10, 2: 20}),
    ({2: 25, 1: 30}, {1: 0, 2: 5}),
    (lambda y: {2: np.sum(y == 0)}, {2: 20}),
]


@pytest.mark.parametrize(("strategy", "numbers"), STRATEGIES)
@pytest.mark.parametrize("names", [None, np.array(["a", "b", "c"])])
def test_strategies(strategy, numbers, names):
    y = Y if names is None else names[Y]
    if names is not None:
        numbers = {str(names[k]): n for k, n in numbers.items()}
        if isinstance(strategy, dict):
            strategy = {str(names[k]): n for k, n in strategy.items()}
        elif callable(strategy):
            strategy = {"c": 40}
    sampler = DriftOversampler(sampling_strategy=strategy, random_state=0)
    classes = sampler.fit_resample(REAL[:, None], y)[1]
    assert type(sampler.sampling_strategy_) is dict
    assert sampler.sampling_strategy_ == numbers
    assert list(sampler.sampling_strategy_) == sorted(numbers)
    assert sampler.drifters_.keys() == {k for k, n in numbers.items() if n}
    for label, n in numbers.items():
        assert np.sum(classes[N:] == label) == n


@pytest.mark.parametrize("strategy", ["auto", "minority", "not minority", "all", 0.9])
def test_strategies_of_imbalanced_learn(strategy):
    utils = pytest.importorskip("imblearn.utils")
    for y in (Y, np.repeat([1, 0, 2], 30), SMALL):
        if isinstance(strategy, float) and len(np.unique(y)) > 2:
            continue
        expected = utils.check_sampling_strategy(strategy, y, "over-sampling")
        sampler = DriftOversampler(sampling_strategy=strategy).fit(REAL[:, None], y)
        assert sampler.sampling_strategy_ == dict(expected)


LABELS = {
    "category": pandas.Series(TOWN[SMALL.argsort()], dtype="category", name="t"),
    "Int64": pandas.Series(Y, dtype="Int64"),
    "boolean": pandas.Series(SMALL, dtype="boolean"),
    "string": pandas.Series(CLASSES, dtype="string"),
    "object": pandas.Series(CLASSES, dtype=object),
    "frame": pandas.DataFrame({"label": Y}),
    "one-hot frame": pandas.get_dummies(pandas.Series(Y)),
    "polars": polars.Series("t", CLASSES.tolist(), dtype=polars.Categorical),
    "polars frame": polars.DataFrame({"t": Y}),
    "bools": SMALL,
    "objects": CLASSES.astype(object),
    "int8": Y.astype(np.int8),
    "list": CLASSES.tolist(),
    "one-hot": np.eye(3, dtype=int)[Y],
    "one-hot list": np.eye(3, dtype=int)[Y].tolist(),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS.keys())
def test_classes_come_back_as_they_were(y):
    classes = resampled(REAL[:, None], y)[1]
    assert type(classes) is type(y)
    if isinstance(y, pandas.Series):
        pandas.testing.assert_series_equal(classes[:N], y)
    elif isinstance(y, pandas.DataFrame):
        pandas.testing.assert_frame_equal(classes[:N], y)
    elif isinstance(y, (polars.Series, polars.DataFrame)):
        assert classes[:N].equals(y)
    else:
        assert np.asarray(classes).dtype == np.asarray(y).dtype
        assert_array_equal(classes[:N], y)
    numbers = np.unique(np.asarray(classes).astype(str), axis=0, return_counts=True)[1]
    assert_array_equal(numbers, numbers[0])


def test_one_hot_classes_give_the_rows_of_plain_ones():
    plain, one_hot = (resampled(REAL[:, None], y) for y in (Y, np.eye(3)[Y]))
    assert_array_equal(one_hot[0], plain[0])
    assert_array_equal(one_hot[1].argmax(axis=1), plain[1])


def test_a_column_of_classes_is_flattened():
    with pytest.warns(UserWarning, match="column-vector y"):
        classes = resampled(REAL[:, None], Y[:, None])[1]
    assert classes.shape == (120,)


# -- tags --


def test_tags():
    tags = get_tags(DriftOversampler())
    assert tags.estimator_type == "sampler"
    assert tags.sampler_tags.sample_indices is False
    assert tags.target_tags.required
    inputs = tags.input_tags
    assert inputs.allow_nan
    assert inputs.categorical
    assert inputs.string
    assert inputs.dataframe
    assert not inputs.sparse


def test_checks_of_imbalanced_learn():
    checks = pytest.importorskip("imblearn.utils.estimator_checks")
    sampler = DriftOversampler(KernelDensity(), random_state=0)
    for estimator, check in checks.estimator_checks_generator(sampler):
        check(estimator)


# -- errors --

SPARSE = pytest.importorskip("scipy.sparse").csr_matrix(REAL[:, None])
BAD = pandas_frame()[["int64"]]
TWICE = pandas.DataFrame(np.column_stack([REAL, REAL]), columns=["a", "a"])
ERRORS = [
    (SPARSE, Y, TypeError, r"'X' is sparse \(csr_matrix\).*X.toarray\(\)"),
    (BAD, SPARSE, TypeError, r"'y' is sparse \(csr_matrix\).*y.toarray\(\)"),
    (BAD, None, ValueError, "requires y to be passed"),
    (BAD, Y[1:], ValueError, "inconsistent numbers of samples"),
    (BAD, np.ones((N, 2), int), ValueError, "row 0 has 2. Pass one column"),
    (BAD, np.eye(3, dtype=int)[Y] * 0, ValueError, "row 0 has 0. Pass one column"),
    (BAD, np.stack([Y, Y], 1), ValueError, r"'y' of shape \(90, 2\)"),
    (BAD, [None, *CLASSES[1:]], ValueError, "1 labels are missing.* row 0. Label"),
    (BAD, np.where(GAP, np.nan, Y), ValueError, "Input y contains NaN"),
    (BAD, [1, *CLASSES[1:].tolist()], TypeError, "must be of one type; got int, str"),
    (BAD, REAL, ValueError, "Unknown label type"),
    (BAD[:0], Y[:0], ValueError, r"shape \(0, 1\)"),
    (BAD[[]], Y, ValueError, r"shape \(90, 0\)"),
    (TWICE, Y, ValueError, "unique.*'a'"),
    (BAD.assign(z=np.inf), Y, ValueError, "Column 'z' has infinite values"),
    (BAD.assign(z=1j), Y, ValueError, "Column 'z' has unsupported type complex"),
    (BAD.assign(z=[[1]] * N), Y, ValueError, "Column 'z' of objects"),
    ([[1.0], [2.0, 3.0]] * 45, Y, ValueError, "its rows differ in length"),
    (np.full((N, 1), np.inf), Y, ValueError, "infinity"),
    (REAL, Y, ValueError, "Expected 2D array, got 1D array"),
]


@pytest.mark.parametrize(("X", "y", "kind", "message"), ERRORS)
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
def test_errors_leave_nothing_fitted(X, y, kind, message, method):
    sampler = DriftOversampler(random_state=0).fit(REAL[:, None], Y)
    with pytest.raises(kind, match=f"(?s){message}"):
        getattr(sampler, method)(X, y)
    assert not [name for name in vars(sampler) if name.endswith("_")]


def test_errors_name_the_class():
    empty = pandas.DataFrame({"a": np.where(SMALL, np.nan, REAL)})
    with pytest.raises(ValueError, match="All values of class 'rare' are missing"):
        resampled(empty)
    with pytest.raises(
        ValueError, match="class 'rare' could be drawn from the 30 that"
    ):
        resampled(REAL[:, None], CLASSES, GaussianMixture(31))

    class Narrow(KernelDensity):
        def sample(self, n_samples=1, random_state=None):
            return np.zeros((n_samples, 1))

    with pytest.raises(
        ValueError, match=r"30 samples of 2 columns; Narrow .*\(30, 1\)"
    ):
        resampled(np.column_stack([REAL, REAL]), CLASSES, Narrow())


@pytest.mark.parametrize(
    ("strategy", "kind", "message"),
    [
        (lambda y: [1], TypeError, r"must return a dict.*got \[1\]"),
        (lambda y: {1: 5}, ValueError, "asks for 5 samples of class 1, which has 30"),
        ("majority", ValueError, "'sampling_strategy' parameter"),
    ],
)
def test_errors_of_strategies(strategy, kind, message):
    with pytest.raises(kind, match=message):
        resampled(REAL[:, None], Y, sampling_strategy=strategy)
