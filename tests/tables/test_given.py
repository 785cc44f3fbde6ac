"""Tables of which some entries are known: conditional draws, and filled gaps."""

import operator
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import IRIS, WINE
from scipy.stats import norm
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdrift import ConservativeDrifter
from skdrift._data._imputation import mixture_of_incomplete
from skdrift.impute import DriftImputer
from skdrift.pipeline import make_drift_pipeline
from skdrift.tables import (
    Circular,
    Computed,
    Inequality,
    ObservedCombinations,
    Satisfies,
    TabularDrifter,
)

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")


def quick():
    return ConservativeDrifter(random_state=0, annealing=0, tol=1e3)


def table(n=300, seed=0):
    """A frame with a column of every kind that depends on the first one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    kind = np.where(x + 0.5 * rng.normal(size=n) > 0.3, "a", "b")
    kind[rng.random(n) < 0.2] = "c"
    return pandas.DataFrame(
        {
            "x": x,
            "spent": np.where(rng.random(n) < 0.4, 0, np.exp(x)),
            "count": rng.poisson(np.exp(0.5 * x) + 1),
            "kind": kind,
            "flag": x > 0,
            "when": pandas.Timestamp("2020-01-01")
            + pandas.to_timedelta((30 * x).round(), unit="D"),
            "town": [f"t{i}" for i in np.clip(5 * x + 15, 0, 30).astype(int)],
        }
    )


def with_gaps(frame, share=0.3, seed=0):
    """The frame with entries missing, and which ones."""
    gone = np.random.default_rng(seed).random(frame.shape) < share
    frame = frame.astype({"count": "Int64", "flag": "boolean"})
    for column, missing in zip(frame, gone.T, strict=True):
        frame[column] = frame[column].mask(missing)
    return frame, gone


def assert_known_entries(filled, frame, gone):
    for column, missing in zip(frame, gone.T, strict=True):
        found = filled[column].to_numpy()[~missing]
        assert_array_equal(found, frame[column].to_numpy()[~missing])


@pytest.fixture(scope="module")
def drifter():
    return TabularDrifter(quick()).fit(table())


# -- conditional draws ---------------------------------------------------------------


def test_every_row_comes_back_complete(drifter):
    frame, gone = with_gaps(table()[:100])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # towns have no influence
        rows = drifter.sample_conditional(frame)
    assert rows.dtypes.equals(table().dtypes)
    assert not rows.isna().any(axis=None)
    assert_known_entries(rows, table()[:100], gone)
    assert set(rows["town"]) <= {f"t{i}" for i in range(31)}
    assert (rows["count"] >= 0).all()
    assert np.mean(rows["spent"] == 0) > 0.3


def test_polars_frames():
    drifter = TabularDrifter(quick()).fit(polars.from_pandas(table()))
    rows = drifter.sample_conditional(polars.DataFrame({"kind": ["a", None] * 20}))
    assert rows["kind"][0] == "a"
    assert rows.null_count().sum_horizontal()[0] == 0
    assert rows.columns == list(table().columns)


def test_columns_may_lack(drifter):
    frame = table(2000)
    rows = drifter.sample_conditional(pandas.DataFrame({"x": [1.0] * 500}))
    near = frame[np.abs(frame["x"] - 1) < 0.2]
    assert list(rows.columns) == list(frame.columns)
    assert (rows["x"] == 1).all()
    # Some per cent are of the Gaussian of all rows, which knows no threshold.
    assert np.mean(rows["flag"]) > 0.95
    assert abs(np.mean(rows["kind"] == "a") - np.mean(near["kind"] == "a")) < 0.12
    assert abs(np.mean(rows["spent"] == 0) - 0.4) < 0.12
    assert abs(np.mean(rows["count"]) - np.mean(near["count"])) < 0.5
    days = (rows["when"] - pandas.Timestamp("2020-01-01")).dt.days
    assert abs(days.mean() - 30) < 4


def test_draws_given_a_category():
    # The parts of the data with the category, not the densest of them.
    frame = table(800)[["x", "kind", "flag", "count"]]
    drifter = TabularDrifter(quick()).fit(frame)
    frame = frame[frame["kind"] == "a"]
    rows = drifter.sample_conditional(pandas.DataFrame({"kind": ["a"] * 500}))
    assert abs(rows["x"].mean() - frame["x"].mean()) < 0.2
    assert abs(rows["x"].std() - frame["x"].std()) < 0.15


def test_single_rows_have_the_frequencies_of_many():
    drifter = TabularDrifter(quick()).fit(table()[["x", "kind"]])
    one = pandas.DataFrame({"x": [0.3]})
    kinds = [drifter.sample_conditional(one, i)["kind"][0] for i in range(100)]
    many = drifter.sample_conditional(pandas.DataFrame({"x": [0.3] * 1000}))["kind"]
    share = np.mean(many == "a")
    assert abs(np.mean(np.array(kinds) == "a") - share) < 4 * 0.05


def test_known_donors_are_kept_with_a_warning(drifter):
    frame = pandas.DataFrame({"town": ["t3", None], "x": [None, 1.0]})
    with pytest.warns(UserWarning, match=r"\['town'\] do not influence"):
        rows = drifter.sample_conditional(frame)
    assert rows["town"][0] == "t3"
    # That of a row nearby.
    assert abs(int(rows["town"][1][1:]) - 20) <= 5


def test_arrays():
    drifter = TabularDrifter(quick()).fit(IRIS)
    rows = drifter.sample_conditional([[5.1, np.nan, 1.4, np.nan]])
    assert_array_equal(rows[0, [0, 2]], [5.1, 1.4])
    assert np.isfinite(rows).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": ["u"]}, "Column 'x' is of type"),
        ({"kind": ["z"]}, "Column 'kind' has the category 'z'"),
        ({"colour": [1]}, r"the columns \['colour'\], which fit did not see"),
        ({"spent": [1.0, -3.0]}, "Row 1 of X has -3.0 in column 'spent'"),
        ({"x": [np.inf]}, "Column 'x' has infinite values"),
    ],
)
def test_impossible_conditions(drifter, given, message):
    with pytest.raises(ValueError, match=message):
        drifter.sample_conditional(pandas.DataFrame(given))


def test_conditions_of_another_form(drifter):
    with pytest.raises(ValueError, match="X is a polars frame, but fit"):
        drifter.sample_conditional(polars.DataFrame({"x": [1.0]}))
    other = TabularDrifter(GaussianMixture()).fit(table()[["x", "count"]])
    with pytest.raises(TypeError, match="no method 'sample_conditional'"):
        other.sample_conditional(pandas.DataFrame({"x": [1.0]}))


# -- with rules ----------------------------------------------------------------------


def ruled_table(n=300):
    rng = np.random.default_rng(0)
    place, amount = rng.integers(0, 4, n), rng.integers(1, 6, n)
    start = pandas.Timestamp("2023-01-01") + pandas.to_timedelta(
        rng.integers(0, 700, n), unit="D"
    )
    age = rng.integers(5, 80, n)
    return pandas.DataFrame(
        {
            "start": start,
            "end": start + pandas.to_timedelta(rng.geometric(0.3, n) - 1, unit="D"),
            "amount": amount,
            "price": (price := rng.choice([2.5, 4.0, 9.99], n)),
            "total": amount * price,
            "state": [f"S{i}" for i in place],
            "city": [f"C{i}" for i in 2 * place + rng.integers(0, 2, n)],
            "hour": rng.integers(0, 24, n),
            "age": age,
            "smokes": (rng.random(n) < 0.3) & (age >= 15),
        }
    )


RULES = [
    Inequality("start", "end"),
    Computed("total", operator.mul, of=["amount", "price"]),
    ObservedCombinations(["state", "city"]),
    Circular("hour", 24),
    Satisfies(lambda frame: ~frame["smokes"] | (frame["age"] >= 15), name="age"),
]


@pytest.fixture(scope="module")
def ruled():
    return TabularDrifter(quick(), rules=RULES).fit(ruled_table())


def assert_rules(rows):
    assert (rows["end"] >= rows["start"]).all()
    assert_array_equal(rows["total"], rows["amount"] * rows["price"])
    pairs = set(zip(rows["state"], rows["city"], strict=True))
    known = ruled_table()
    assert pairs <= set(zip(known["state"], known["city"], strict=True))
    assert rows["hour"].between(0, 23).all()
    assert (~rows["smokes"] | (rows["age"] >= 15)).all()


def test_rules_hold_in_conditional_draws(ruled):
    frame = ruled_table()[:120].astype(
        {"amount": "Int64", "age": "Int64", "hour": "Int64", "smokes": "boolean"}
    )
    gone = np.random.default_rng(0).random(frame.shape) < 0.4
    place = {name: j for j, name in enumerate(frame)}
    # What a rule determines is known only where all that it depends on is.
    gone[:, place["end"]] |= gone[:, place["start"]]
    gone[:, place["total"]] |= gone[:, place["amount"]] | gone[:, place["price"]]
    gone[:, place["city"]] = gone[:, place["state"]]
    for column, missing in zip(frame, gone.T, strict=True):
        frame[column] = frame[column].mask(missing)
    rows = ruled.sample_conditional(frame)
    assert_rules(rows)
    assert_known_entries(rows, ruled_table()[:120], gone)
    assert not rows.isna().any(axis=None)


def test_conditions_that_rules_restrict(ruled):
    rows = ruled.sample_conditional(pandas.DataFrame({"smokes": [True] * 50}))
    assert rows["smokes"].all()
    assert_rules(rows)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"end": pandas.to_datetime(["2023-05-01"])},
            r"\['end'\] but none in \['start",
        ),
        ({"city": ["C1"]}, r"\['city'\] but none in \['state'\]"),
        ({"smokes": [True], "age": [10]}, "do not satisfy Satisfies"),
    ],
)
def test_conditions_against_rules(ruled, given, message):
    with pytest.raises(ValueError, match=message):
        ruled.sample_conditional(pandas.DataFrame(given))


# -- pipelines -----------------------------------------------------------------------


def test_pipelines_of_columnwise_steps():
    X = np.where(np.random.default_rng(0).random(IRIS.shape) < 0.4, np.nan, IRIS)
    pipeline = make_drift_pipeline(PowerTransformer(), StandardScaler(), quick())
    rows = pipeline.fit(IRIS).sample_conditional(X)
    known = ~np.isnan(X)
    assert_array_equal(rows[known], X[known])
    assert np.isfinite(rows).all()
    frame = pandas.DataFrame(IRIS, columns=list("abcd"))
    pipeline = clone(pipeline).set_output(transform="pandas").fit(frame)
    rows = pipeline.sample_conditional(frame.mask(~known))
    assert_array_equal(rows.to_numpy()[known], IRIS[known])


def test_pipelines_of_other_steps():
    pipeline = make_drift_pipeline(PCA(2), quick()).fit(IRIS)
    with pytest.raises(TypeError, match=r"Step 'pca' \(PCA\) does not pass on"):
        pipeline.sample_conditional(np.where(IRIS > 5, np.nan, IRIS))
    other = make_drift_pipeline(StandardScaler(), GaussianMixture())
    assert not hasattr(other.fit(IRIS), "sample_conditional")


# -- imputer -------------------------------------------------------------------------


@parametrize_with_checks([DriftImputer(max_iter=1)])
def test_common_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def imputed():
    frame, gone = with_gaps(table(250), 0.2)
    frame.index = [f"row {i}" for i in range(len(frame))]
    imputer = DriftImputer(random_state=0, max_iter=2).fit(frame)
    return imputer, frame, gone


def test_frames_are_filled(imputed):
    imputer, frame, gone = imputed
    filled = imputer.transform(frame)
    assert filled.dtypes.equals(frame.dtypes)
    assert filled.index.equals(frame.index)
    assert not filled.isna().any(axis=None)
    assert_known_entries(filled, table(250), gone)
    x, spent = gone[:, 0], gone[:, 1]
    truth = table(250)
    error = np.abs(filled["x"].to_numpy() - truth["x"])[x]
    assert error.mean() < 0.7 * np.abs(truth["x"]).mean()
    assert 0.2 < np.mean(filled["spent"][spent] == 0) < 0.6
    # Those whose number is known to be positive are flagged.
    flags = filled["flag"].to_numpy(dtype=bool)
    clear = (np.abs(truth["x"]) > 0.5) & ~x
    assert np.mean(flags[clear] == truth["flag"][clear]) > 0.9


def test_polars_frames_are_filled():
    frame = polars.from_pandas(with_gaps(table(100), 0.2)[0])
    filled = DriftImputer(random_state=0, max_iter=1).fit_transform(frame)
    assert filled.schema == frame.schema
    assert filled.null_count().sum_horizontal()[0] == 0


def test_distributions_are_kept():
    # Means and the nearest rows would lower variance and raise correlation.
    rng = np.random.default_rng(0)
    X = rng.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], 600)
    gone = rng.random(600) < 0.4
    incomplete = X.copy()
    incomplete[gone, 1] = np.nan
    filled = DriftImputer(random_state=0).fit_transform(incomplete)
    assert abs(filled[gone, 1].std() - X[gone, 1].std()) < 0.1
    correlation = np.corrcoef(filled[gone].T)[0, 1]
    assert abs(correlation - np.corrcoef(X[gone].T)[0, 1]) < 0.1


def test_missing_at_random_is_corrected():
    # Large values are missing more often, as the other column tells.
    rng = np.random.default_rng(0)
    a = rng.normal(size=800)
    X = np.column_stack([a, a + 0.5 * rng.normal(size=800)])
    gone = rng.random(800) < norm.cdf(2 * a)
    truth = X[:, 1].mean()
    X[gone, 1] = np.nan
    filled = DriftImputer(random_state=0).fit_transform(X)
    assert np.nanmean(X[:, 1]) < truth - 0.7
    assert abs(filled[:, 1].mean() - truth) < 0.2


def test_tables_of_many_columns():
    # Their neighbours are found otherwise.
    X = np.where(np.random.default_rng(0).random(WINE.shape) < 0.2, np.nan, WINE)
    filled = DriftImputer(random_state=0, max_iter=1).fit_transform(X)
    known = ~np.isnan(X)
    assert_array_equal(filled[known], X[known])
    error = (
        np.abs(filled - WINE)[~known] / np.broadcast_to(WINE.std(0), X.shape)[~known]
    )
    assert error.mean() < 0.95  # 1.1 if drawn from all values of their column


def test_several_imputations_differ_and_repeat():
    X = np.where(np.random.default_rng(0).random(IRIS.shape) < 0.2, np.nan, IRIS)
    imputer = DriftImputer(n_imputations=3, max_iter=2, random_state=0).fit(X)
    tables = imputer.impute(X)
    assert len(tables) == 3
    gone = np.isnan(X)
    assert np.mean(tables[0][gone] == tables[1][gone]) < 0.5
    assert_array_equal(tables[0], imputer.transform(X))
    for first, again in zip(tables, imputer.impute(X), strict=True):
        assert_array_equal(first, again)
    assert not np.array_equal(imputer.impute(X, random_state=1)[0], tables[0])
    loaded = pickle.loads(pickle.dumps(imputer))
    assert_array_equal(loaded.transform(X), tables[0])


def test_indicators_and_names():
    X = IRIS.copy()
    X[::3, 1] = np.nan
    imputer = DriftImputer(add_indicator=True, max_iter=1, random_state=0).fit(X)
    filled = imputer.transform(X)
    assert_array_equal(imputer.indicator_features_, [1])
    assert_array_equal(filled[:, 4], np.isnan(X[:, 1]))
    assert imputer.get_feature_names_out().tolist() == [
        *("x0", "x1", "x2", "x3"),
        "missingindicator_x1",
    ]
    frame = pandas.DataFrame(X, columns=list("abcd"))
    imputer = clone(imputer).set_output(transform="pandas").fit(frame)
    assert imputer.transform(frame).columns.tolist() == [
        *"abcd",
        "missingindicator_b",
    ]


def test_rows_without_known_values_and_complete_ones():
    X = IRIS.copy()
    X[3] = np.nan
    imputer = DriftImputer(max_iter=1, random_state=0).fit(X)
    filled = imputer.transform(X)
    assert np.isfinite(filled).all()
    assert_array_equal(imputer.transform(IRIS), IRIS)


def test_laws_of_columns_can_be_stated():
    X = np.abs(np.random.default_rng(0).normal(size=(200, 2))) + 1e-3
    X[::2, 1] = np.nan
    spec = {1: {"bounds": (0, 1.5)}}
    with pytest.raises(ValueError, match=r"beyond the bound 1\.5"):
        DriftImputer(columns=spec).fit(X)
    spec = {1: {"bounds": (0, 10)}}
    filled = DriftImputer(columns=spec, random_state=0).fit_transform(X)
    assert filled.min() >= 0


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pandas.DataFrame({"a": [1.0, 2.0], "b": [None, None]}), "Column 'b' has no"),
        (np.array([[1, np.nan], [2, np.nan]]), "Column 1 has no values"),
        (np.array([[1.0, 2.0]]), "at least 2 are required"),
        (np.array([[1.0, np.inf], [1, 2]]), "infinity"),
    ],
)
def test_data_that_cannot_be_imputed(X, message):
    imputer = DriftImputer()
    with pytest.raises(ValueError, match=message):
        imputer.fit(X)
    assert not [name for name in vars(imputer) if name.endswith("_")]


def test_weights():
    # Rows of no weight teach nothing.
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=300), np.repeat([0.0, 100.0], 150)])
    X[:, 1] += rng.normal(size=300)
    X[10:40, 1] = np.nan
    weight = np.repeat([1.0, 0.0], 150)
    filled = DriftImputer(random_state=0).fit(X, sample_weight=weight).transform(X)
    assert np.abs(filled[10:40, 1]).max() < 20
    assert_allclose(filled[:10], X[:10])


def test_completed_rows_have_weights_of_the_bayesian_bootstrap():
    X = np.random.default_rng(0).standard_normal((400, 2))

    def weights(seed):
        rng = np.random.RandomState(seed)
        mixture = mixture_of_incomplete(X, np.ones(400), "free", 1, rng, lambda x: x)
        return 400 * mixture._rows.weight

    one, other = weights(0), weights(1)
    # Exponential: the mean and the standard deviation are 1; and independent.
    assert_allclose([one.std(), other.std()], 1, atol=0.2)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.15


def test_every_table_of_an_imputation_has_a_mixture_of_its_own():
    X = np.random.default_rng(0).standard_normal((30, 2))
    X[::3, 1] = np.nan
    imputer = DriftImputer(n_imputations=3, max_iter=1, random_state=0).fit(X)
    tables = imputer.impute(X, random_state=0)
    imputer._mixtures = imputer._mixtures[:1] * 3
    of_one = imputer.impute(X, random_state=0)
    assert_array_equal(tables[0], of_one[0])
    for k in (1, 2):
        assert (tables[k][::3, 1] != of_one[k][::3, 1]).all()
