"""Columns of many unordered categories: two numbers each, drawn with a donor's row."""

import pickle
from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from problems import WINE
from scipy.spatial.distance import cdist
from sklearn.mixture import GaussianMixture
from tables.test_tables import LIBRARIES, assert_same, drifter

from skdrift._data._neighbors import NearestRows
from skdrift.metrics import membership_inference
from skdrift.pipeline import make_drift_pipeline
from skdrift.tables import TableEncoder, TabularDrifter
from skdrift.tables._many import _brier_scores, _exchanged, _is_alone, _share


def towns(n, k=60, seed=0):
    """Streets of towns of five regions; incomes depend on the town, heights do not."""
    fixed = np.random.default_rng(1)
    town_of, region_of = fixed.integers(0, k // 2, k), fixed.integers(0, 5, k // 2)
    income_of = fixed.standard_normal(k // 2)
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, k + 1)
    street = rng.choice(k, n, p=share / share.sum())
    town = town_of[street]
    region = np.where(rng.random(n) < 0.9, region_of[town], rng.integers(0, 5, n))
    return pd.DataFrame(
        {
            "street": [f"s{i:03d}" for i in street],
            "income": income_of[town] + 0.3 * rng.standard_normal(n),
            "town": [f"t{i:03d}" for i in town],
            "height": rng.standard_normal(n),
            "region": np.array(list("ABCDE"))[region],
        }
    )


def in_library(frame, library):
    if library is pd:
        return frame
    values = frame.astype(object).where(frame.notna(), None).to_dict("list")
    return pl.DataFrame(values)


def distance(first, second, names):
    """Total variation between the joint frequencies of two frames of equal length."""
    counts = [frame.groupby(names).size() for frame in (first, second)]
    return counts[0].sub(counts[1], fill_value=0).abs().sum() / 2 / len(first)


# -- encode, decode ------------------------------------------------------------------


@LIBRARIES
def test_decoding_undoes_encoding(library):
    frame, other = (in_library(towns(300, seed=s), library) for s in (0, 1))
    other = other[:40]
    encoder = TableEncoder().fit(frame)
    for part in (frame, frame[7:30], frame[:1]):
        part = part if library is pl else part.reset_index(drop=True)
        assert_same(encoder.inverse_transform(encoder.transform(part)), part)
    known = TableEncoder().fit(in_library(towns(3000), library))
    assert_same(known.inverse_transform(known.transform(other)), other)


def test_two_encoded_columns():
    encoder = TableEncoder()
    codes = encoder.fit_transform(towns(400))
    names = encoder.get_feature_names_out().tolist()
    assert names[:4] == ["street", "street_check", "income", "town"]
    assert codes.shape == (400, 2 + 1 + 2 + 1 + 5)
    # A dozen categories still have a column each.
    for k, width in [(12, 12), (13, 2)]:
        few = pd.DataFrame({"kind": [f"k{i:02d}" for i in range(k)] * 3})
        assert TableEncoder().fit_transform(few).shape[1] == width
    ordered = pd.Categorical(list("abcdefghijklmn"), ordered=True)
    assert TableEncoder().fit_transform(pd.DataFrame({"o": ordered})).shape[1] == 1


def test_numbers_of_no_category_have_donors():
    frame = towns(400)
    encoder = TableEncoder()
    codes = encoder.fit_transform(frame)
    for change in (0.4, 1e-3, -1e6):
        codes[0, :2] += change
        drawn = encoder.inverse_transform(codes)
        rest = ["income", "height", "region"]
        assert_same(drawn[rest], frame[rest])
        assert sorted(drawn["street"]) == sorted(frame["street"])
        assert (drawn["street"] != frame["street"]).any()
        assert_same(encoder.inverse_transform(codes), drawn)  # the same numbers


@LIBRARIES
def test_missing_values_are_one_more_category(library):
    frame = towns(600)
    frame["street"] = frame["street"].mask(frame["region"] == "A", None)
    frame = in_library(frame.astype({"street": object}), library)
    encoder = TableEncoder()
    codes = encoder.fit_transform(frame)
    assert len(encoder.get_feature_names_out()) == codes.shape[1] == 11
    decoded = encoder.inverse_transform(codes)
    drawn = TabularDrifter(drifter()).fit(frame).sample(600)
    if library is pl:
        assert decoded.equals(frame)
        drawn = pd.DataFrame(drawn.to_dict(as_series=False))
        frame = pd.DataFrame(frame.to_dict(as_series=False))
    missing = [f["street"].isna() for f in (frame, drawn)]
    assert missing[0].sum() == missing[1].sum()
    assert np.mean(missing[1] == (drawn["region"] == "A")) > 0.98


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("s999", "'street' has the category 's999', which did not occur in fit"),
        (None, "'street' has missing values, but had none in fit"),
    ],
)
def test_categories_that_did_not_occur(value, message):
    frame = towns(300)
    encoder = TableEncoder().fit(frame)
    frame.loc[3, "street"] = value
    with pytest.raises(ValueError, match=message):
        encoder.transform(frame)
    with pytest.raises(ValueError, match="'street' is of type int64"):
        encoder.transform(frame.assign(street=1))


# -- drawn ---------------------------------------------------------------------------


@LIBRARIES
def test_frequencies_are_those_of_the_data(library):
    frame = in_library(towns(500), library)
    fitted = TabularDrifter(drifter()).fit(frame)
    drawn = fitted.sample(500)
    for name in ("street", "town", "region"):
        assert sorted(drawn[name].to_list()) == sorted(frame[name].to_list())
    # Numbers of rows that are no multiple: up to rounding in the first column.
    drawn = fitted.sample(1234)
    counts = [pd.Series(f["street"].to_list()).value_counts() for f in (frame, drawn)]
    assert (counts[1] - counts[0] * 1234 / 500).abs().max() < 1


def test_joint_frequencies():
    """Measured: .09, .08 and .04; of fresh data .18, .13 and .17."""
    frame, fresh = towns(1000), towns(1000, seed=5)
    drawn = TabularDrifter(drifter()).fit(frame).sample(1000, random_state=0)
    cuts = frame["income"].quantile([0.2, 0.4, 0.6, 0.8])
    for f in (frame, drawn, fresh):
        f["fifth"] = np.searchsorted(cuts, f["income"])
    assert distance(drawn, frame, ["street", "town"]) == 0
    for names in (["street", "fifth"], ["town", "fifth"], ["street", "region"]):
        assert distance(drawn, frame, names) < distance(fresh, frame, names)


def test_means_of_categories_are_as_near_as_those_of_fresh_data():
    """Measured: the largest error of a town is 1.06 times that of fresh data."""
    errors = []
    for seed in range(0, 60, 10):
        frame, fresh = towns(1000, seed=seed), towns(1000, seed=seed + 5)
        drawn = TabularDrifter(drifter()).fit(frame).sample(1000, random_state=0)
        common = frame["town"].value_counts() > 20
        mean = frame.groupby("town")["income"].mean()
        others = (f.groupby("town")["income"].mean() for f in (drawn, fresh))
        errors.append([(other - mean).abs()[common].max() for other in others])
    of_drawn, of_fresh = np.mean(errors, axis=0)
    assert of_drawn < 1.2 * of_fresh


def test_one_informative_column_among_many():
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 20, 600)
    columns = {f"x{j}": rng.standard_normal(600) for j in range(8)}
    columns["x0"] = kind + 0.2 * columns["x0"]
    frame = pd.DataFrame({"kind": [f"k{i:02d}" for i in kind], **columns})
    drawn = TabularDrifter(drifter()).fit(frame).sample(600, random_state=0)
    number = drawn["kind"].str[1:].astype(int)
    assert np.corrcoef(number, drawn["x0"])[0, 1] > 0.98


def test_drawn_rows_are_no_nearer_than_needed():
    """Measured: .97 of the distance of fresh rows; .2 if matched in place."""
    rng = np.random.default_rng(0)

    def sample():
        kind = [f"k{i:02d}" for i in rng.integers(0, 40, 1000)]
        x, y = rng.standard_normal((2, 1000))
        return pd.DataFrame({"kind": kind, "x": x, "y": y})

    def nearest(rows):
        distances = []
        for kind, group in rows.groupby("kind"):
            others = frame.loc[frame["kind"] == kind, ["x", "y"]].to_numpy()
            gaps = group[["x", "y"]].to_numpy()[:, None] - others
            distances.extend(np.linalg.norm(gaps, axis=2).min(axis=1))
        return np.median(distances)

    frame = sample()
    drawn = TabularDrifter(drifter()).fit(frame).sample(1000, random_state=0)
    assert nearest(drawn) > 0.8 * nearest(sample())


def codes_of_wine(kind, rng):
    """Wines with codes that tell nothing of them, or every other time their cell."""
    X = WINE[:, :8]
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    cell = cdist(z[:, :3], z[rng.choice(len(z), 20, replace=False), :3]).argmin(axis=1)
    chance = rng.integers(20, size=len(z))
    related = (rng.random(len(z)) < 0.5) & (kind == "half")
    frame = pd.DataFrame(X).add_prefix("x")
    frame["code"] = [f"c{i}" for i in np.where(related, cell, chance)]
    return frame.sample(frac=1, random_state=0)


@pytest.mark.parametrize("kind", ["unrelated", "half"])
def test_codes_do_not_give_their_rows_away(kind):
    """Measured: .56 and .65, without the codes .59; with eight donors .82 and .75."""
    found = []
    for seed in range(4):
        frame = codes_of_wine(kind, np.random.default_rng(seed))
        train, test = frame[:89], frame[89:]
        drawn = TabularDrifter(random_state=seed).fit(train).sample(445, seed)
        found.append(
            [
                membership_inference(
                    drawn[names], test=test[names], train=train[names], random_state=0
                ).auc.value
                for names in (list(frame), list(frame)[:-1])
            ]
        )
    with_codes, without = np.mean(found, axis=0)
    assert with_codes < without + 0.1


def test_share_of_rows_that_donate():
    rng = np.random.default_rng(0)
    rows, ones = rng.standard_normal((500, 2)), np.ones(500)
    cell = np.floor(rows * 2).astype(int) @ [1, 100]
    half = (rows[:, :1] > 0).astype(int)
    assert _share(rows, rng.integers(0, 30, (500, 1)), ones) == 1
    assert _share(rows, np.unique(cell, return_inverse=True)[1][:, None], ones) == 0
    assert _share(rows[:8], half[:8], ones[:8]) == 0
    wide = _share(rows, np.where(rng.random((500, 1)) < 0.1, half, 1 - half), ones)
    assert 0 <= wide < 0.5


def test_as_many_rows_donate_as_hide_one_and_no_more():
    rng = np.random.default_rng(0)
    side = rng.integers(0, 2, (2000, 1))
    rows = side + 1e-3 * rng.standard_normal((2000, 1))
    # A thousand rows have the same category: every number of them tells it.
    assert _share(rows, side, np.ones(2000)) == 64 / 1999


def test_categories_are_exchanged_with_near_rows():
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.repeat([0.0, 10.0], 40))[:, None]
    rows += rng.random((80, 1))
    donors = np.tile(rng.permutation(80)[:60], 50)
    places = _exchanged(donors, rows, rng)
    distinct = np.unique(donors)
    for donor in distinct:
        distance = np.abs(rows[distinct, 0] - rows[donor, 0])
        near = distinct[np.argsort(distance)[:16]]
        # Every one of them, in one of 50 draws, but with a chance of 4 %.
        found = np.unique(places[donors == donor])
        assert np.isin(found, near).all()
        assert len(found) >= 11
    assert _exchanged(donors[:0], rows, rng).size == 0
    assert _exchanged(donors[:1], rows, rng) == donors[:1]


@pytest.mark.parametrize("seed", [0, 2])
def test_cities_stay_in_their_countries(seed):
    """Of many cities, some of them rare, and few countries."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, 201)
    city = rng.choice(200, 600, p=share / share.sum())
    table = pd.DataFrame(rng.standard_normal((600, 3))).add_prefix("x")
    table["x0"] += city % 5
    table["city"] = [f"city {c}" for c in city]
    table["country"] = [f"country {c % 5}" for c in city]
    drawn = TabularDrifter(random_state=seed).fit(table).sample(600, seed)
    cities = drawn["city"].str.split().str[1].astype(int)
    countries = drawn["country"].str.split().str[1].astype(int)
    assert np.mean(cities % 5 == countries) > 0.97  # 0.99 and more in four tables


def test_brier_scores_of_neighbors():
    """The loop over neighbours and pairs of them; weights count as repetitions."""
    rng = np.random.default_rng(0)
    rows, places = rng.standard_normal((40, 2)), rng.integers(0, 4, (40, 2))
    counts, weight = np.array([2, 5, 39]), rng.uniform(0.1, 1.0, 40)
    scores = _brier_scores(rows, places, weight, counts)
    for i, k in np.ndindex(40, 3):
        near = np.argsort(cdist(rows[i : i + 1], rows)[0])[1 : counts[k] + 1]
        w, expected = weight[near], 0.0
        pairs = [*combinations(range(counts[k]), 2)]
        for place in places.T:
            own = w @ (place[near] == place[i]) / w.sum()
            same = sum(
                w[a] * w[b] * (place[near[a]] == place[near[b]]) for a, b in pairs
            )
            expected += 2 * own - same / sum(w[a] * w[b] for a, b in pairs)
        assert scores[i, k] == pytest.approx(expected, abs=1e-12)


def test_rows_that_are_alone_among_their_neighbors():
    rng = np.random.default_rng(1)
    rows, places = rng.standard_normal((60, 2)), rng.integers(0, 9, (60, 2))
    near = np.argsort(cdist(rows, rows), axis=1)[:, 1:9]
    expected = [not (places[near[i]] == places[i]).any() for i in range(60)]
    alone = _is_alone(np.arange(60), NearestRows(rows), places, 8)
    assert_array_equal(alone, expected)
    assert 0 < alone.sum() < 60
    few = NearestRows(rows[:8])
    assert not _is_alone(np.arange(8), few, places[:8], 8).any()


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Paris"])
def test_dates_of_a_zone_beside_many_categories(zone):
    frame = towns(400)
    frame["day"] = pd.date_range("2024-01-01", periods=400, tz=zone)
    frame["stay"] = pd.to_timedelta(np.arange(400) % 9, unit="D")
    drawn = TabularDrifter(drifter()).fit(frame).sample(400, random_state=0)
    assert sorted(drawn["street"]) == sorted(frame["street"])
    assert (drawn["day"] == drawn["day"].dt.normalize()).all()
    assert drawn["day"].dtype == frame["day"].dtype


def test_categories_only():
    frame = towns(400)[["street", "town"]]
    fitted = TabularDrifter(drifter()).fit(frame)
    drawn = fitted.sample(400, random_state=0)
    assert distance(drawn, frame, ["street", "town"]) == 0
    few = [fitted.sample(20, random_state=s) for s in (0, 0, 1)]
    assert_same(few[0], few[1])
    assert not few[0].equals(few[2])
    assert few[0]["street"].nunique() > 5  # not the first rows of the data


def test_weights():
    frame = towns(400)
    weight = np.where(frame["region"] == "A", 0.0, 1.0)
    weight[frame["street"] == "s000"] *= 3
    fitted = TabularDrifter(drifter()).fit(frame, sample_weight=weight)
    drawn = fitted.sample(400, random_state=0)
    assert set(drawn["street"]) <= set(frame["street"][weight > 0])
    share = weight[frame["street"] == "s000"].sum() / weight.sum()
    assert abs((drawn["street"] == "s000").sum() - 400 * share) < 1
    with pytest.raises(ValueError, match="zero"):
        fitted.fit(frame, sample_weight=np.zeros(400))


def test_pickle_score_and_other_estimators():
    frame = towns(300)
    fitted = TabularDrifter(drifter()).fit(frame)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_same(copy.sample(5, random_state=0), fitted.sample(5, random_state=0))
    assert np.isfinite(fitted.score(frame[:50]))
    assert fitted.drifter_.n_features_in_ == 7  # without the numbers of streets, towns
    drawn = TabularDrifter(GaussianMixture(3, random_state=0)).fit(frame).sample(300)
    assert sorted(drawn["street"]) == sorted(frame["street"])


@LIBRARIES
def test_encoder_as_the_first_step_of_a_pipeline(library):
    frame = in_library(towns(500), library)
    drawn = make_drift_pipeline(TableEncoder(), drifter()).fit(frame).sample(500)
    counts = [pd.Series(f["street"].to_list()).value_counts() for f in (frame, drawn)]
    assert set(counts[1].index) <= set(counts[0].index)
    assert counts[0].sub(counts[1], fill_value=0).abs().sum() / 2 / 500 < 0.1


def test_hundreds_of_categories_are_not_hundreds_of_columns():
    """80 seconds and 0.7 GB with a column for each."""
    rng = np.random.default_rng(0)
    code = rng.permutation(np.r_[np.arange(612), rng.integers(0, 612, 1388)])
    x, y = rng.standard_normal((2, 2000))
    frame = pd.DataFrame({"code": code.astype(str), "x": x, "y": y})
    fitted = TabularDrifter(drifter()).fit(frame)
    assert fitted.drifter_.n_features_in_ == 2
    drawn = fitted.sample(2000)
    assert sorted(drawn["code"]) == sorted(frame["code"])
