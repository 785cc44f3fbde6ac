"""Metrics of columns and pairs of mixed tables, and their code for distances."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import ks_2samp, pearsonr

from skdrift.metrics import (
    column_shapes,
    energy_distance,
    pair_trends,
    sample_quality_report,
    support_violations,
)
from skdrift.metrics._tables import _MAX_CATEGORIES, comparable

LIBRARIES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
every_library = pytest.mark.parametrize("frame", LIBRARIES.values(), ids=LIBRARIES)


def mixed(n, seed, frame=pd.DataFrame):
    """Numbers, a date, booleans and strings, all dependent; some are missing."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(n)
    day = (100 * (3 + z + rng.standard_normal(n))).astype(int).tolist()
    size = np.round(z + 0.5 * rng.standard_normal(n), 1).tolist()
    town = np.where(z + rng.standard_normal(n) > 0.5, "Lund", "Graz").tolist()
    gone = (rng.random((2, n)) < 0.2).tolist()
    start = datetime.datetime(2020, 1, 1)
    return frame(
        {
            "size": [None if g else x for g, x in zip(gone[0], size, strict=True)],
            "count": rng.poisson(np.exp(0.5 * z)).tolist(),
            "since": [start + datetime.timedelta(days=d) for d in day],
            "member": (z > 0).tolist(),
            "town": [None if g else x for g, x in zip(gone[1], town, strict=True)],
        }
    )


# -- columns --


@every_library
def test_shapes_against_their_definitions(frame):
    drawn, real = mixed(80, 0, frame), mixed(60, 1, frame)
    shapes = column_shapes(drawn, real)
    assert [*shapes.index] == ["size", "count", "since", "member", "town"]
    kinds = ["number", "number", "time", "category", "category"]
    assert [*shapes["kind"]] == kinds
    drawn, real = (pd.DataFrame(X.to_dict(**as_lists(X))) for X in (drawn, real))
    for name in ("size", "count", "since"):
        x, y = (X[name].dropna() for X in (drawn, real))
        if name == "since":
            x, y = x.astype("int64"), y.astype("int64")
        assert_allclose(shapes.loc[name, "shape"], 1 - ks_2samp(x, y).statistic)
    for name in ("member", "town"):
        shares = [X[name].dropna().value_counts(normalize=True) for X in (drawn, real)]
        gap = shares[0].sub(shares[1], fill_value=0).abs().sum() / 2
        assert_allclose(shapes.loc[name, "shape"], 1 - gap)
    assert_allclose(shapes["missing"], drawn.isna().mean())
    assert_allclose(shapes["missing_reference"], real.isna().mean())


def as_lists(X):
    return {"orient": "list"} if isinstance(X, pd.DataFrame) else {"as_series": False}


def test_shapes_of_equal_and_of_disjoint_columns():
    real = mixed(50, 0)
    assert_array_equal(column_shapes(real, real)["shape"], 1)
    other = real.assign(count=real["count"] + 1000, town="Nice")
    shapes = column_shapes(other, real)["shape"]
    assert shapes["count"] == shapes["town"] == 0


def test_shapes_of_arrays():
    X, Y = np.random.default_rng(0).standard_normal((2, 40, 3))
    expected = [1 - ks_2samp(X[:, j], Y[:, j]).statistic for j in range(3)]
    assert_allclose(column_shapes(X, Y)["shape"], expected)


# -- pairs --


def brute_force_contingency(x, y, u, v):
    """One minus the total variation of two tables, counted pair by pair."""
    first, second = ([*zip(a, b, strict=True)] for a, b in ((x, y), (u, v)))
    pairs = {*first, *second}
    gaps = [
        abs(first.count(p) / len(first) - second.count(p) / len(second)) for p in pairs
    ]
    return 1 - sum(gaps) / 2


@every_library
def test_trends_against_their_definitions(frame):
    drawn, real = mixed(80, 0, frame), mixed(60, 1, frame)
    trends = pair_trends(drawn, real)
    assert len(trends) == 10
    drawn, real = (pd.DataFrame(X.to_dict(**as_lists(X))) for X in (drawn, real))
    correlations = []
    for X in (drawn, real):
        both = X[["size", "since"]].dropna()
        correlations.append(pearsonr(both["size"], both["since"].astype("int64"))[0])
    expected = 1 - abs(correlations[0] - correlations[1]) / 2
    assert_allclose(trends.loc[("size", "since"), "trend"], expected)
    assert trends.loc[("size", "since"), "kind"] == "correlation"

    def category(X):
        return X["town"].fillna("missing").tolist()

    expected = brute_force_contingency(
        drawn["member"], category(drawn), real["member"], category(real)
    )
    assert_allclose(trends.loc[("member", "town"), "trend"], expected)
    edges = np.linspace(real["count"].min(), real["count"].max(), 11)
    bins = [np.digitize(X["count"], edges).tolist() for X in (drawn, real)]
    expected = brute_force_contingency(
        bins[0], category(drawn), bins[1], category(real)
    )
    assert_allclose(trends.loc[("count", "town"), "trend"], expected)
    assert trends.loc[("count", "town"), "kind"] == "contingency"


def test_trends_of_constant_columns():
    X = np.random.default_rng(0).standard_normal((30, 2))
    constant = X * [1, 0] + [0, 0.1]
    assert np.isnan(pair_trends(constant, X)["trend"]).all()
    assert np.isnan(pair_trends(X, constant)["trend"]).all()


# -- support --


def test_violations_one_by_one():
    train = pd.DataFrame(
        {
            "price": [0.25, 1.5, 9.75, 4.0],
            "count": [1, 2, 5, 9],
            "town": ["Graz", "Lund", None, "Graz"],
            "member": pd.array([True, True, True, True], dtype="boolean"),
        }
    )
    drawn = pd.DataFrame(
        {
            "price": [0.25, 1.125, 9.8, None],
            "count": [3, 0, 10, 9],
            "town": ["Nice", None, "Graz", "Lund"],
            "member": pd.array([True, False, None, True], dtype="boolean"),
        }
    )
    found = support_violations(drawn, train)
    expected = {
        "price": [0.25, 0.25, 0.25, 0.75],
        "count": [0, 0.5, 0, 0.5],
        "town": [0.25, 0, 0, 0.25],
        "member": [0.5, 0, 0, 0.5],
        "any column": [1, 0.5, 0.25, 1],
    }
    assert_allclose(found, [*expected.values()])
    assert [*found.index] == [*expected]
    assert (support_violations(train, train) == 0).all(axis=None)


# -- the code for distances --


def test_categories_are_as_far_as_numbers():
    table = pd.DataFrame({"x": [0.0, 2.0, 0.0], "c": ["a", "a", "b"]})
    codes = comparable("table", table=table)[0]
    scale = np.std([0, 2, 0])
    assert_allclose(np.linalg.norm(codes[0] - codes[1]), 2 / scale)
    assert_allclose(np.linalg.norm(codes[0] - codes[2]), np.sqrt(2))


def test_missing_values_in_distances():
    table = pd.DataFrame({"x": [1.0, 3.0, None], "c": ["a", None, "a"]})
    codes = comparable("table", table=table)[0]
    assert_array_equal(codes[:, :2], [[-1, 0], [1, 0], [0, 1]])
    assert_array_equal(codes[:, 2:], [[1, 0], [0, 1], [1, 0]])


def test_rare_categories_share_a_column():
    n = _MAX_CATEGORIES + 10
    names = [f"c{i}" for i in range(n) for _ in range(n - i)]
    codes = comparable("table", table=pd.DataFrame({"c": names, "x": 1.0}))[0]
    assert codes.shape[1] == _MAX_CATEGORIES + 1
    assert_array_equal(codes[:, :-1].sum(axis=1), 1)
    shared = sum(n - i for i in range(_MAX_CATEGORIES - 1, n))
    counts = [n - i for i in range(_MAX_CATEGORIES - 1)]
    assert_array_equal(sorted(codes[:, :-1].sum(axis=0)), sorted([*counts, shared]))


def test_numbers_are_the_same_with_and_without_other_columns():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 30, 2)) * [1, 100]
    plain = comparable("Y", X=X, Y=Y)
    frames = [pd.DataFrame(Z, columns=["a", "b"]).assign(c="same") for Z in (X, Y)]
    coded = comparable("Y", X=frames[0], Y=frames[1])
    for of_array, of_frame in zip(plain, coded, strict=True):
        assert_allclose(of_frame[:, :2], of_array)
    assert_allclose(energy_distance(*coded), energy_distance(*plain))


@every_library
def test_report_of_mixed_frames(frame):
    train, test, fresh = (mixed(120, seed, frame) for seed in range(3))
    report = sample_quality_report(fresh, test, train, target="member", random_state=0)
    assert report["generated"].notna().all()
    assert 0.4 < report.loc["memorization_auc", "generated"] < 0.6
    assert 0.8 < report.loc["train_on_synthetic_score", "ratio"] < 1.2
    copies = sample_quality_report(train, test, train, random_state=0)
    assert copies.loc["memorization_auc", "generated"] > 0.9
    draws = sample_quality_report([fresh, train], test, train, random_state=0)
    assert_allclose(
        draws["generated"][:-3],
        (report["generated"][:-4] + copies["generated"][:-3]) / 2,
    )


def test_both_libraries_agree():
    reports = [
        sample_quality_report(
            *(mixed(60, seed, frame) for seed in range(3)), random_state=0
        )
        for frame in LIBRARIES.values()
    ]
    pd.testing.assert_frame_equal(*reports)


# -- bad input --

BAD = {
    r"'generated' must have the same columns .* lacks \['town'\]": lambda X: X[
        ["size", "count", "since", "member"]
    ],
    r"'generated' .* has \['extra'\] besides": lambda X: X.assign(extra=1),
    r"column 0 is 'count' in one and 'size'": lambda X: X[
        ["count", "size", "since", "member", "town"]
    ],
    r"Column 'count' must have the same type .*'generated'": lambda X: X.assign(
        count=X["count"].astype(str)
    ),
    r"Column 'since' must have the same type .*'generated'": lambda X: X.assign(
        since=X["since"].dt.tz_localize("UTC")
    ),
    r"Column 'size' of 'generated' has no values": lambda X: X.assign(size=np.nan),
    r"Column 'count' of 'generated' has infinite": lambda X: X.assign(count=np.inf),
    r"frames of one library.*'generated': 'list'": lambda X: X["count"].tolist(),
    r"'generated' must have at least": lambda X: X[:0],
}


@pytest.mark.parametrize("message", BAD)
@pytest.mark.parametrize("metric", [column_shapes, pair_trends, support_violations])
def test_bad_tables(metric, message):
    real = mixed(20, 0)
    with pytest.raises(ValueError, match=message):
        metric(BAD[message](real), real)


@pytest.mark.parametrize("message", BAD)
def test_report_of_bad_tables(message):
    real = mixed(20, 0)
    with pytest.raises(ValueError, match=message):
        sample_quality_report(BAD[message](real), real, real)


def test_report_of_a_target_that_is_not_there():
    real = mixed(20, 0)
    with pytest.raises(ValueError, match=r"'target' parameter .* got 'income'"):
        sample_quality_report(real, real, real, target="income")
    with pytest.raises(ValueError, match="'town' has missing values in 'train'"):
        sample_quality_report(real, real, real, target="town")


# -- the definitions of other packages --


def test_shapes_and_trends_are_those_of_sdmetrics():
    pytest.importorskip("sdmetrics")
    from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
    from sdmetrics.single_column import KSComplement, TVComplement

    drawn, real = mixed(300, 0), mixed(200, 1)
    shapes, trends = column_shapes(drawn, real)["shape"], pair_trends(drawn, real)
    for name in ("size", "count", "since"):
        assert_allclose(shapes[name], KSComplement.compute(real[name], drawn[name]))
    for name in ("member", "town"):
        expected = TVComplement.compute(real[name], drawn[name])
        assert_allclose(shapes[name], expected, atol=1e-6)
    names = ["size", "since"]
    expected = CorrelationSimilarity.compute(real[names], drawn[names])
    assert_allclose(trends.loc[(*names,), "trend"], expected)
    names = ["member", "town"]
    expected = ContingencySimilarity.compute(real[names], drawn[names])
    assert_allclose(trends.loc[(*names,), "trend"], expected)
    names = ["count", "member"]
    expected = ContingencySimilarity.compute(
        real[names].copy(), drawn[names].copy(), continuous_column_names=["count"]
    )
    assert_allclose(trends.loc[(*names,), "trend"], expected)
