"""Train on generated rows, test on real ones."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_wine
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter
from skdrift.metrics import sample_quality_report, train_on_synthetic_score
from skdrift.tables import TabularDrifter

WINE = np.column_stack(load_wine(return_X_y=True))
TRAIN, TEST = train_test_split(WINE, test_size=0.5, random_state=0)
DRAWN = ConservativeDrifter(random_state=0).fit(TRAIN).sample(89)


def linear_table(n, seed, noise=0.1):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    y = X @ [1.0, -2.0, 0.5] + noise * rng.standard_normal(n)
    return np.column_stack([X[:, 0], y, X[:, 1:]])


def mixed(n, seed):
    rng = np.random.default_rng(seed)
    kind = rng.choice(["a", "b", "c"], n)
    x = rng.standard_normal(n) + 3 * (kind == "b")
    gone = rng.random(n) < 0.2
    label = np.where((kind == "a") | (x > 2), "yes", "no")
    z = np.where(gone, None, rng.standard_normal(n)).astype(float)
    return pd.DataFrame({"kind": kind, "x": x, "z": z, "label": label})


def test_it_is_the_ratio_of_the_two_scores():
    train, test, drawn = linear_table(80, 0), linear_table(200, 1), linear_table(60, 2)
    drawn[:, 1] += drawn[:, 0]  # a wrong law

    def held_out(rows):
        columns = [0, 2, 3]
        fitted = LinearRegression().fit(rows[:, columns], rows[:, 1])
        return r2_score(test[:, 1], fitted.predict(test[:, columns]))

    for target in (1, -3):
        score = train_on_synthetic_score(
            drawn, train, test, target=target, estimator=LinearRegression()
        )
        assert_allclose(score, held_out(drawn) / held_out(train))
    assert score < 0.9
    frames = [pd.DataFrame(rows, columns=list("abcd")) for rows in (drawn, train, test)]
    named = train_on_synthetic_score(*frames, target="b", estimator=LinearRegression())
    assert_allclose(named, score)


def test_copies_fresh_rows_and_shuffled_labels():
    def score(rows):
        return train_on_synthetic_score(rows, TRAIN, TEST, target=-1, random_state=0)

    assert score(TRAIN) == 1
    assert 0.82 < score(DRAWN) < 1.1  # with six seeds 0.87 to 0.97
    shuffled = TRAIN.copy()
    shuffled[:, -1] = np.random.default_rng(0).permutation(shuffled[:, -1])
    assert score(shuffled) < 0.8


def test_scoring():
    def score(rows, scoring, estimator):
        return train_on_synthetic_score(
            rows, TRAIN, TEST, target=-1, estimator=estimator, scoring=scoring
        )

    model = make_pipeline(StandardScaler(), LogisticRegression())
    few = TRAIN[TRAIN[:, -1] < 2]  # one of the labels is never drawn
    # The accuracy misses the share of that label, the balanced accuracy a third.
    share = np.mean(TEST[:, -1] == 2)
    assert_allclose(score(few, None, model), 1 - share, atol=0.05)
    assert_allclose(score(few, "balanced_accuracy", model), 2 / 3, atol=0.05)
    assert score(few, "accuracy", model) == score(few, None, model)
    with pytest.raises(ValueError, match="score after training on 'train' is -"):
        score(DRAWN, "neg_log_loss", model)
    constant = DummyClassifier(strategy="most_frequent")
    assert score(DRAWN, "balanced_accuracy", constant) == 1


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
@pytest.mark.parametrize("target", ["label", "x"])
def test_mixed_frames(library, target):
    frames = [mixed(300, seed) for seed in range(3)]
    train, test, fresh = frames
    noise = train.assign(
        **{target: train[target].sample(frac=1, random_state=0).values}
    )
    if library is pl:
        train, test, fresh, noise = (
            pl.DataFrame({name: column.to_list() for name, column in frame.items()})
            for frame in (train, test, fresh, noise)
        )
    scores = [
        train_on_synthetic_score(rows, train, test, target=target, random_state=0)
        for rows in (fresh, noise)
    ]
    assert 0.9 < scores[0] < 1.1
    assert scores[1] < 0.8


def test_drawn_tables_train_nearly_as_well():
    train, test = mixed(400, 0), mixed(400, 1)
    drawn = TabularDrifter(ConservativeDrifter(random_state=0)).fit(train).sample(400)
    score = train_on_synthetic_score(drawn, train, test, target="label", random_state=0)
    assert 0.9 < score < 1.05


def test_classes_are_told_from_amounts():
    """The default estimator classifies what a regressor could not tell."""
    default = train_on_synthetic_score(DRAWN, TRAIN, TEST, target=-1, random_state=3)
    seed = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    trees = HistGradientBoostingClassifier(min_samples_leaf=9, random_state=seed)
    explicit = train_on_synthetic_score(
        DRAWN, TRAIN, TEST, target=-1, estimator=trees, random_state=3
    )
    assert default == explicit
    amounts = [np.round(100 * linear_table(300, seed)) for seed in range(3)]
    assert 0.9 < train_on_synthetic_score(*amounts, target=1, random_state=0) < 1.1


def test_errors():
    score = train_on_synthetic_score
    with pytest.raises(ValueError, match=r"'target' parameter must be .* got 14"):
        score(DRAWN, TRAIN, TEST, target=14)
    with pytest.raises(ValueError, match=r"'target' parameter must be .* got 'class'"):
        score(DRAWN, TRAIN, TEST, target="class")
    with pytest.raises(ValueError, match="same columns"):
        score(DRAWN[:, 1:], TRAIN, TEST, target=0)
    with pytest.raises(ValueError, match="frames of one library"):
        score(pd.DataFrame(DRAWN), TRAIN, TEST, target=-1)
    with pytest.raises(ValueError, match=r"labels in 'generated\[0\]' .* such as 0.1"):
        score(DRAWN + 0.1 * (np.arange(14) == 13), TRAIN, TEST, target=-1)
    frame = mixed(50, 0)
    with pytest.raises(ValueError, match=r"'generated\[0\]' has \['x'"):
        score(frame[["x", "kind", "z", "label"]], frame, frame, target="x")
    with pytest.raises(ValueError, match="'z' has missing values in 'train'"):
        score(frame, frame, frame, target="z")
    unrelated = np.random.default_rng(0).standard_normal((3, 50, 2))
    with pytest.raises(ValueError, match="cannot be predicted"):
        score(*unrelated, target=0, estimator=LinearRegression())


def test_in_the_report():
    draws = [DRAWN, ConservativeDrifter(random_state=1).fit(TRAIN).sample(89)]
    report = sample_quality_report(draws, TEST, TRAIN, target=-1, random_state=0)
    plain = sample_quality_report(draws, TEST, TRAIN, random_state=0)
    pd.testing.assert_frame_equal(report.iloc[:-1], plain)
    row = report.loc["train_on_synthetic_score"]
    assert 0.9 < row["ratio"] < 1.1
    assert_allclose(row["ratio"], row["generated"] / row["fresh"])
    assert row["better"] == "higher"
