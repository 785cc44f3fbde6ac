"""Classes balanced by drawn rows."""

import numpy as np
import pandas
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import load_wine, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.mixture import GaussianMixture

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.metrics import energy_distance
from skdrift.oversampling import DriftOversampler

X, Y = load_wine(return_X_y=True)
NAMES = np.array(["barolo", "grignolino", "barbera"])


@pytest.mark.parametrize("y", [Y, NAMES[Y], Y == 1], ids=["int", "str", "bool"])
def test_small_classes_are_brought_up_to_the_largest(y):
    X_resampled, y_resampled = DriftOversampler(random_state=0).fit_resample(X, y)
    assert_array_equal(X_resampled[: len(X)], X)
    assert_array_equal(y_resampled[: len(X)], y)
    assert y_resampled.dtype == y.dtype
    _, before = np.unique(y, return_counts=True)
    _, after = np.unique(y_resampled, return_counts=True)
    assert_array_equal(after, before.max())
    assert len(X_resampled) == len(y_resampled) == after.sum()


def test_the_new_rows_are_draws_from_a_drifter_of_their_class():
    sampler = DriftOversampler(random_state=0)
    X_resampled, y_resampled = sampler.fit_resample(X, Y)
    assert sampler.sampling_strategy_ == {0: 12, 2: 23}
    for label, n in sampler.sampling_strategy_.items():
        drifter = sampler.drifters_[label]
        new = X_resampled[len(X) :][y_resampled[len(X) :] == label]
        drawn = {tuple(row) for row in drifter.sample((Y == label).sum()).tolist()}
        assert {tuple(row) for row in new.tolist()} <= drawn
        assert len(np.unique(new, axis=0)) == n
        refitted = ConservativeDrifter(random_state=drifter.random_state)
        refitted.fit(X[Y == label])
        assert_array_equal(refitted.particles_, drifter.particles_)
    # They are like their own class and unlike the others, in standard deviations.
    Z, std = X_resampled / X.std(axis=0), X.std(axis=0)
    for label in (0, 2):
        new = Z[len(X) :][y_resampled[len(X) :] == label]
        distance = [energy_distance(new, X[Y == k] / std) for k in range(3)]
        assert np.argmin(distance) == label
        assert sorted(distance)[1] > 6 * min(distance)  # 13 or more


def test_random_states():
    first = DriftOversampler(random_state=0).fit_resample(X, Y)[0]
    assert_array_equal(DriftOversampler(random_state=0).fit_resample(X, Y)[0], first)
    other = DriftOversampler(random_state=1).fit_resample(X, Y)[0]
    assert not np.array_equal(other, first)


@pytest.mark.parametrize(
    ("strategy", "y", "counts"),
    [
        ("auto", Y, [71, 71, 71]),
        ({0: 59, 2: 100}, Y, [59, 71, 100]),
        ({}, Y, [59, 71, 48]),
        (0.9, Y == 2, [130, 117]),
        (1.0, Y != 2, [130, 130]),
    ],
)
def test_sampling_strategies(strategy, y, counts):
    sampler = DriftOversampler(sampling_strategy=strategy, random_state=0)
    assert_array_equal(np.bincount(sampler.fit_resample(X, y)[1]), counts)


@pytest.mark.parametrize(
    ("strategy", "y", "message"),
    [
        (0.5, Y, "float if 'y' has two classes; got 3"),
        (0.1, Y == 2, "asks for 13 samples of class True, which has 48"),
        ({0: 58}, Y, "asks for 58 samples of class 0, which has 59"),
        ({0: 60.5}, Y, "asks for 60.5 samples of class 0"),
        ({7: 60}, Y, "class 7, which is not in 'y'"),
        ("majority", Y, "'sampling_strategy' parameter"),
        (["minority"], Y, "'sampling_strategy' parameter"),
        (lambda y: {7: 60}, Y, "class 7, which is not in 'y'"),
        (1.5, Y == 2, "'sampling_strategy' parameter"),
        ("auto", np.zeros(len(Y)), "one class"),
        ("auto", X[:, 0], "Unknown label type: continuous"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_resample"])
def test_errors(strategy, y, message, method):
    sampler = DriftOversampler(sampling_strategy=strategy)
    with pytest.raises(ValueError, match=message):
        getattr(sampler, method)(X, y)


def test_a_class_of_one_row():
    rows, y = X[:72], np.append(np.zeros(71, int), 1)
    sampler = DriftOversampler(random_state=0)
    sampler.fit_resample(X, np.minimum(Y, 1))
    with pytest.raises(ValueError, match="Class 1 has 1 sample"):
        sampler.fit_resample(rows, y)
    assert not [name for name in vars(sampler) if name.endswith("_")]
    # It may be left out.
    sampler = DriftOversampler(sampling_strategy={0: 80}, random_state=0)
    assert_array_equal(np.bincount(sampler.fit_resample(rows, y)[1]), [80, 1])


@pytest.mark.parametrize("n", [2, 3, 10])
def test_tiny_classes(n):
    rows, y = np.vstack([X[Y == 1], X[Y == 2][:n]]), np.repeat([0, 1], [71, n])
    X_resampled, y_resampled = DriftOversampler(random_state=0).fit_resample(rows, y)
    assert_array_equal(np.bincount(y_resampled), [71, 71])
    assert np.isfinite(X_resampled).all()


def test_frames_stay_frames():
    data = load_wine(as_frame=True)
    data.frame.index += 1000
    frame, y = data.frame[data.feature_names], data.frame["target"].astype("category")
    X_resampled, y_resampled = DriftOversampler(random_state=0).fit_resample(frame, y)
    assert isinstance(X_resampled, pandas.DataFrame)
    assert list(X_resampled.columns) == data.feature_names
    assert y_resampled.dtype == y.dtype
    assert y_resampled.name == "target"
    assert_array_equal(X_resampled.index, np.arange(3 * 71))
    resampled = X_resampled.to_numpy()
    assert_array_equal(resampled[: len(X)], X)
    assert_array_equal(y_resampled[: len(X)], Y)
    # Columns of whole numbers stay whole in frames.
    whole = (X == np.rint(X)).all(axis=0)
    assert whole.any()
    assert_array_equal(resampled[:, whole], np.rint(resampled[:, whole]))


def test_precision_is_kept():
    rows = DriftOversampler(random_state=0).fit_resample(X.astype(np.float32), Y)[0]
    assert rows.dtype == np.float32


@pytest.mark.parametrize(
    "drifter",
    [LaplaceDrifter(n_particles=70), GaussianMixture()],
    ids=lambda drifter: type(drifter).__name__,
)
def test_other_generators(drifter):
    sampler = DriftOversampler(drifter, random_state=0)
    X_resampled, y_resampled = sampler.fit_resample(X, Y)
    assert_array_equal(np.bincount(y_resampled), [71, 71, 71])
    assert type(sampler.drifters_[0]) is type(drifter)
    assert not hasattr(drifter, "n_features_in_")  # it was cloned
    assert np.isfinite(X_resampled).all()


def test_a_generator_without_seed_or_with_wrong_interface():
    class Mean(BaseEstimator):
        def fit(self, X):
            self.mean_ = X.mean(axis=0)
            return self

        def sample(self, n):
            return np.tile(self.mean_, (n, 1))

    rows = DriftOversampler(Mean()).fit_resample(X, Y)[0]
    assert_array_equal(rows[len(X)], X[Y == 0].mean(axis=0))
    with pytest.raises(ValueError, match="'drifter' parameter"):
        DriftOversampler(LogisticRegression()).fit_resample(X, Y)


def test_a_classifier_finds_more_of_a_rare_class():
    X, y = make_classification(
        1500,
        n_features=8,
        n_informative=5,
        weights=[0.95],
        flip_y=0.01,
        random_state=0,
    )
    train, test = slice(None, None, 2), slice(1, None, 2)

    def score(rows, classes):
        classifier = LogisticRegression().fit(rows, classes)
        return balanced_accuracy_score(y[test], classifier.predict(X[test]))

    resampled = DriftOversampler(random_state=0).fit_resample(X[train], y[train])
    assert score(*resampled) > score(X[train], y[train]) + 0.1  # 0.15


@pytest.mark.parametrize("missing", [None, np.nan], ids=str)
def test_missing_objects_are_drawn_as_they_were_given(missing):
    X = np.empty((60, 2), dtype=object)
    X[:, 0] = np.random.default_rng(0).standard_normal(60).tolist()
    X[:, 1] = ["a", "b", missing] * 20
    y = np.repeat([0, 1], [40, 20])
    drawn = DriftOversampler(random_state=0).fit_resample(X, y)[0][60:, 1]
    gone = [value for value in drawn if not isinstance(value, str)]
    assert len(gone) > 2
    for value in gone:
        assert value is None if missing is None else np.isnan(value)
