"""Over-sampling of a rare class: drifters, random repetition, SMOTE and class weights.

Half of the data, drawn at random ten times, are resampled and train a classifier; the
balanced accuracy and the average precision are measured on the other half, which keeps
its imbalance. Needs imbalanced-learn.
"""

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift.oversampling import DriftOversampler

N_SPLITS = 10


def cancer(seed):
    """All benign samples, and 60 malignant ones at random."""
    X, y = load_breast_cancer(return_X_y=True)
    malignant = np.random.RandomState(seed).permutation(np.flatnonzero(y == 0))[:60]
    rows = np.append(np.flatnonzero(y == 1), malignant)
    return X[rows], 1 - y[rows]


def synthetic(seed):
    """The same 2000 samples for every seed, a twentieth of them rare."""
    return make_classification(
        2000,
        n_features=8,
        n_informative=5,
        n_redundant=1,
        weights=[0.95],
        random_state=0,
    )


class AsTheyAre:
    """No over-sampling."""

    def fit_resample(self, X, y):
        """Return the data unchanged."""
        return X, y


def samplers(seed):
    return {
        "as they are": AsTheyAre(),
        "random": RandomOverSampler(random_state=seed),
        "SMOTE": SMOTE(random_state=seed),
        "DriftOversampler": DriftOversampler(random_state=seed),
    }


def classifiers(seed, class_weight=None):
    logistic = LogisticRegression(max_iter=1000, class_weight=class_weight)
    forest = RandomForestClassifier(random_state=seed, class_weight=class_weight)
    neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier())
    return {
        "logistic": make_pipeline(StandardScaler(), logistic),
        "forest": forest,
        **({} if class_weight else {"neighbours": neighbours}),
    }


def score(classifier, train, test):
    classifier.fit(*train)
    X, y = test
    rank = classifier.predict_proba(X)[:, 1]
    return (
        balanced_accuracy_score(y, classifier.predict(X)),
        average_precision_score(y, rank),
    )


def measure(problem):
    scores = {}
    for seed in range(N_SPLITS):
        X, y = problem(seed)
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.5, stratify=y, random_state=seed
        )
        train, test = (X_train, y_train), (X_test, y_test)
        candidates = {
            (name, way): (classifier, sampler.fit_resample(*train))
            for way, sampler in samplers(seed).items()
            for name, classifier in classifiers(seed).items()
        }
        for name, classifier in classifiers(seed, "balanced").items():
            candidates[name, "class weights"] = classifier, train
        for key, (classifier, rows) in candidates.items():
            scores.setdefault(key, []).append(score(classifier, rows, test))
    return scores


if __name__ == "__main__":
    for problem in (cancer, synthetic):
        print(problem.__name__, np.bincount(problem(0)[1]))
        for (classifier, way), values in sorted(measure(problem).items()):
            mean, error = np.mean(values, 0), np.std(values, 0) / np.sqrt(N_SPLITS)
            print(
                f"{classifier:12}{way:18}balanced accuracy {mean[0]:.3f} ± "
                f"{error[0]:.3f}, average precision {mean[1]:.3f} ± {error[1]:.3f}"
            )
