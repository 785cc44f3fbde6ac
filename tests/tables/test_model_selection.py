import numpy as np
import pytest
from problems import moons
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter
from skdrift.model_selection import one_standard_error


def results(bandwidth, scores, name="bandwidth", **others):
    """A search's results; scores of shape (n_candidates, n_splits)."""
    scores = np.asarray(scores, float)
    splits = {f"split{i}_test_score": s for i, s in enumerate(scores.T)}
    return {
        f"param_{name}": np.ma.masked_array(bandwidth),
        "mean_test_score": scores.mean(axis=1),
        "std_test_score": scores.std(axis=1),
        **splits,
        **others,
    }


# Of four splits: the best has mean -1, deviation 0.2 and standard error 0.1.
SPLITS = np.array([-0.2, 0.2, -0.2, 0.2])
MEANS = np.array([-1.5, -1.0, -1.05, -1.09, -1.11])
SCORES = MEANS[:, None] + SPLITS


def test_the_largest_bandwidth_within_one_standard_error():
    assert one_standard_error(results([0.1, 0.2, 0.4, 0.8, 1.6], SCORES)) == 3
    # The order of candidates does not matter, nor whether they are integers.
    assert one_standard_error(results([1, 2, 16, 8, 4], SCORES)) == 2
    assert one_standard_error(results([1, 16, 2, 8, 4], SCORES)) == 1


def test_among_equal_bandwidths_the_best_score():
    other = {"param_kernel": np.array(list("abcde"))}
    assert one_standard_error(results([9, 1, 2, 2, 2], SCORES, **other)) == 2
    assert one_standard_error(results([9, 2, 2, 2, 2], SCORES, **other)) == 1


def test_train_scores_do_not_count_as_splits():
    train = {f"split{i}_train_score": SCORES[:, i] for i in range(4)}
    train |= {"mean_train_score": MEANS, "std_train_score": MEANS}
    # With eight splits the error would be 0.07, and the answer 2.
    assert one_standard_error(results([1, 2, 4, 8, 16], SCORES, **train)) == 3


def test_failed_candidates_are_passed_over():
    scores = SCORES.copy()
    scores[[0, 3]] = np.nan
    assert one_standard_error(results([1, 2, 4, 8, 16], scores)) == 2


def test_the_bandwidth_of_a_step():
    cv_results = results([1, 2, 4, 8, 16], SCORES, "conservativedrifter__bandwidth")
    assert one_standard_error(cv_results) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"param_bandwidth": None}, "one parameter named 'bandwidth'.*'param_other'"),
        ({"param_a__bandwidth": np.ones(5)}, "one parameter named 'bandwidth'"),
        ({"param_bandwidth": np.array(["scott"] * 5)}, "'bandwidth' must be numbers"),
        (
            {"param_bandwidth": np.array([1, 2, 3, 4, "rate"], object)},
            "'bandwidth' must be numbers.*4, 'rate'.*'bandwidth_' of a fit",
        ),
        # Candidates of another grid, without a bandwidth.
        (
            {"param_bandwidth": np.ma.masked_array([1.0, 2, 3, 4, 5], [0, 0, 0, 1, 0])},
            "'bandwidth'",
        ),
        ({"mean_test_score": None}, "single metric"),
        ({"mean_test_score": np.full(5, np.nan)}, "no finite score"),
    ],
)
def test_searches_that_it_cannot_judge(change, message):
    cv_results = results([1, 2, 4, 8, 16], SCORES, param_other=np.arange(5)) | change
    cv_results = {k: v for k, v in cv_results.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        one_standard_error(cv_results)


def test_as_the_refit_of_a_search():
    X = moons(200)
    drifter = ConservativeDrifter(
        start="gaussian", early_stopping=False, random_state=0
    )
    search = GridSearchCV(
        make_pipeline(StandardScaler(), drifter),
        {"conservativedrifter__bandwidth": [0.2, 0.4, 20.0]},
        cv=KFold(3, shuffle=True, random_state=0),
        refit=one_standard_error,
        return_train_score=True,
    ).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert scores[2] < scores[1] - 0.3
    assert search.best_index_ == 1
    assert search.best_estimator_[-1].bandwidth_ == 0.4
