"""Outliers by the density of a drifter."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import IRIS, WINE, moons
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter
from skdrift.outlier import DriftOutlierDetector

TRAIN, TEST = moons(400)[:100], moons(400)[100:]


def test_semantics():
    detector = DriftOutlierDetector(contamination=0.13, random_state=0)
    labels = detector.fit_predict(TRAIN)
    assert np.count_nonzero(labels == -1) == 13
    assert_array_equal(detector.predict(TRAIN), labels)
    assert_array_equal(detector.score_samples(TRAIN), detector.training_scores_)
    scores = detector.score_samples(TEST)
    assert_array_equal(scores, detector.drifter_.score_samples(TEST))
    assert_array_equal(detector.decision_function(TEST), scores - detector.offset_)
    assert_array_equal(detector.predict(TEST) == -1, scores < detector.offset_)
    assert_array_equal(detector.predict([[9.0, 9.0]]), [-1])
    copy = pickle.loads(pickle.dumps(detector))
    assert_array_equal(copy.predict(TRAIN), labels)


@pytest.mark.parametrize(
    ("X", "low", "high"),
    # Measured over ten halves: .10, .09 and .10, standard deviations .02, .06 and .05.
    [(moons(300), 0.02, 0.18), (WINE, 0.0, 0.26), (IRIS, 0.0, 0.26)],
    ids=["moons", "wine", "iris"],
)
def test_few_new_rows_are_outliers(X, low, high):
    """Rows that a drifter has seen are far more likely than new ones."""
    order = np.random.default_rng(0).permutation(len(X))
    train, test = X[order[::2]], X[order[1::2]]
    detector = DriftOutlierDetector(random_state=0).fit(train)
    assert low <= np.mean(detector.predict(test) == -1) < high
    of_seen = detector.drifter_.score_samples(train)
    seen = np.mean(detector.drifter_.score_samples(test) < np.percentile(of_seen, 10))
    assert seen > np.mean(detector.predict(test) == -1)


def test_equal_rows_have_equal_scores():
    X = np.repeat(TRAIN[:30], 2, axis=0) * [1.0, 0.0] + 0.0
    detector = DriftOutlierDetector(KernelDensity(), random_state=0).fit(X)
    scores = detector.training_scores_.reshape(30, 2)
    assert_array_equal(scores[:, 0], scores[:, 1])
    assert_array_equal(detector.score_samples(-0.0 - -X), detector.training_scores_)


def test_drifters_see_the_names_of_columns():
    X = pd.DataFrame({"a": TRAIN[:, 0], "b": np.arange(100) % 3})
    drifter = ConservativeDrifter(columns={"b": "discrete"})
    detector = DriftOutlierDetector(drifter, random_state=0).fit(X)
    assert detector.drifter_.columns_[1].kind == "discrete"
    assert_array_equal(detector.feature_names_in_, ["a", "b"])
    assert_array_equal(detector.drifter_.feature_names_in_, ["a", "b"])
    assert detector.predict(X.head(3)).shape == (3,)


def test_seeds_of_parts():
    drifter = make_pipeline(StandardScaler(), ConservativeDrifter(random_state=5))
    first, second = (
        DriftOutlierDetector(drifter, random_state=1).fit(TRAIN) for _ in range(2)
    )
    assert_array_equal(first.training_scores_, second.training_scores_)
    assert drifter[-1].random_state == 5
    assert first.drifter_[-1].random_state != 5


def test_precision():
    X = TRAIN.astype(np.float32)
    detector = DriftOutlierDetector(KernelDensity(), random_state=0).fit(X)
    assert detector.score_samples(X).dtype == np.float32
    # Rows are recognised in any precision.
    assert_array_equal(
        detector.score_samples(X.astype(float)), detector.score_samples(X)
    )


def test_search():
    grid = {"drifter__bandwidth": [0.2, 5.0], "contamination": [0.05, 0.1]}
    search = GridSearchCV(
        DriftOutlierDetector(KernelDensity(), random_state=0),
        grid,
        scoring=lambda detector, X, y=None: detector.score_samples(X).mean(),
        cv=3,
    ).fit(TRAIN)
    assert search.best_params_["drifter__bandwidth"] == 0.2


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"contamination": 0.0}, TRAIN, "'contamination' parameter"),
        ({"contamination": 0.7}, TRAIN, "'contamination' parameter"),
        ({"contamination": "auto"}, TRAIN, "'contamination' parameter"),
        ({"drifter": StandardScaler()}, TRAIN, "'drifter' parameter"),
        ({}, TRAIN[:2], "2 sample.*minimum of 3"),
        ({}, np.full((9, 2), np.nan), "NaN"),
        ({}, pd.DataFrame({"a": [1.0, 2, 3], "b": list("xyz")}), "Column 'b'"),
    ],
)
def test_bad_input_leaves_nothing_fitted(parameters, X, message):
    detector = DriftOutlierDetector(KernelDensity()).fit(TRAIN)
    detector.set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        detector.fit(X)
    left = [name for name in vars(detector) if name.endswith("_") or name == "_own"]
    assert left == [] or "parameter" in message


def test_three_rows_are_enough():
    detector = DriftOutlierDetector(random_state=0).fit(TRAIN[:3])
    assert np.isfinite(detector.score_samples(TEST)).all()
    assert_allclose(detector.offset_, np.percentile(detector.training_scores_, 10))


def test_equal_training_rows_have_the_mean_of_their_scores():
    X = np.random.default_rng(0).standard_normal((40, 2))
    X = np.concatenate([X, X[:20], X[:20]])
    drifter = ConservativeDrifter(tol=10.0, annealing=0)  # ends at once
    detector = DriftOutlierDetector(drifter, random_state=0).fit(X)
    scores = detector.training_scores_
    assert_array_equal(scores[:20], scores[40:60])
    assert_array_equal(scores[:20], scores[60:])
    # Each is near the log-density of a fit to all rows, not a multiple of it.
    fitted = detector.drifter_.score_samples(X)
    assert abs(np.mean(scores[:20] - fitted[:20])) < 1
    assert abs(np.mean(scores[20:40] - fitted[20:40])) < 1
