"""Over-sampling of a rare class: drifters, SMOTE, smoothed repetition, class weights.

Average precision of boosted trees and of a logistic regression on the folds of a
stratified 4-fold cross-validation; only training folds are resampled. Three of the six
data sets are mixed tables with strings, categories, integers and missing values. Needs
imbalanced-learn (the numbers in the documentation: 0.14.2) and pandas.

Exits with status 1 if DriftOversampler is worse than no resampling or than SMOTE by
more than two standard errors for some data set and classifier, or is not better than
both in the mean over all.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # folds run in parallel instead

import sys
import warnings

import imblearn
import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from joblib import Parallel, delayed
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skdrift.oversampling import DriftOversampler

N_FOLDS = 4
WAYS = ["none", "weights", "random", "SMOTE", "drift"]
CLASSIFIERS = ["trees", "logistic"]


# -- data --


def cancer():
    """All benign samples, and 60 malignant ones at random."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    malignant = np.random.RandomState(0).permutation(np.flatnonzero(y == 0))[:60]
    rows = np.append(np.flatnonzero(y == 1), malignant)
    return X.iloc[rows], 1 - y.to_numpy()[rows]


def digits():
    """Eights against all other digits: 64 columns of 17 values."""
    X, y = load_digits(return_X_y=True, as_frame=True)
    return X, (y.to_numpy() == 8).astype(int)


def synthetic():
    """A twentieth of the samples is rare, in several clusters."""
    X, y = make_classification(
        2000,
        n_features=8,
        n_informative=5,
        n_redundant=1,
        weights=[0.95],
        random_state=0,
    )
    return pd.DataFrame(X).add_prefix("x"), y


def with_rarest(score, rng, share):
    """Labels: the largest share of a score with logistic noise."""
    score = score + rng.logistic(size=len(score))
    return (score > np.quantile(score, 1 - share)).astype(int)


def loans(n=2000):
    """Defaults: debt that outgrows income, by job, with missing incomes."""
    rng = np.random.default_rng(1)
    job = rng.choice(["clerk", "farmer", "nurse", "self-employed", "student"], n)
    level = pd.Series(job).map(
        {
            "clerk": 0.2,
            "farmer": -0.3,
            "nurse": 0.1,
            "self-employed": 0.5,
            "student": -1,
        }
    )
    age = np.where(job == "student", rng.integers(18, 30, n), rng.integers(21, 75, n))
    income = np.exp(10 + level + 0.4 * rng.normal(size=n)).round(-2)
    debt = np.exp(9 + 0.5 * level + 0.8 * rng.normal(size=n)).round(-2)
    late = rng.poisson(0.4 + 0.8 * (rng.random(n) < 0.2), n)
    y = with_rarest(
        2 * np.log(debt / income)
        + 0.9 * late
        + 1.2 * (job == "self-employed")
        - 0.04 * (age - 40),
        rng,
        0.06,
    )
    X = pd.DataFrame(
        {
            "age": age,
            "job": job,
            "income": np.where(rng.random(n) < 0.15, np.nan, income),
            "debt": debt,
            "late": late,
            "home": pd.Categorical(rng.choice(["owned", "rented"], n)),
        }
    )
    return X, y


def machines(n=2000):
    """Failures of machines: heat and wear interact, by model and site."""
    rng = np.random.default_rng(2)
    model = rng.choice(
        ["A10", "A20", "B1", "B2", "C"], n, p=[0.3, 0.3, 0.2, 0.15, 0.05]
    )
    hours = rng.gamma(2, 1500, n).astype(int)
    heat = 60 + 8 * rng.normal(size=n) + 6 * np.isin(model, ["B1", "B2"])
    speed = 1500 + 150 * rng.normal(size=n) - 8 * (heat - 60)
    serviced = rng.random(n) < 0.4
    y = with_rarest(
        0.25 * np.maximum(heat - 66, 0)
        + 0.0006 * hours * ~serviced
        + 1.5 * np.isin(model, ["C", "B2"])
        - 0.004 * (speed - 1500),
        rng,
        0.05,
    )
    X = pd.DataFrame(
        {
            "model": pd.Categorical(model),
            "site": rng.choice(["north", "south", "west"], n),
            "hours": hours,
            "heat": np.where(rng.random(n) < 0.1, np.nan, heat.round(1)),
            "speed": speed.round().astype(int),
            "serviced": serviced,
        }
    )
    return X, y


def visits(n=2000):
    """Customers that buy: counts, amounts with many zeros, and a channel."""
    rng = np.random.default_rng(3)
    interest = rng.normal(size=n)
    channel = rng.choice(["mail", "search", "shop", "social"], n)
    pages = rng.poisson(np.exp(1 + 0.5 * interest))
    spent = np.where(
        rng.random(n) < 1 / (1 + np.exp(-interest)), np.exp(3 + rng.normal(size=n)), 0
    ).round(2)
    days = rng.geometric(0.05, n)
    y = with_rarest(
        1.5 * interest
        + 0.5 * np.log1p(spent)
        - 0.03 * days
        + 1.5 * ((channel == "mail") & (spent > 0)),
        rng,
        0.08,
    )
    X = pd.DataFrame(
        {
            "pages": pages,
            "spent": spent,
            "days": days,
            "channel": np.where(rng.random(n) < 0.05, None, channel),
            "rating": np.where(
                rng.random(n) < 0.5, np.nan, np.clip((3 + interest).round(), 1, 5)
            ),
        }
    )
    return X, y


DATA = [cancer, digits, synthetic, loans, machines, visits]


# -- resampling and classifiers --


def is_category(X):
    """Mask of the columns that are no numbers."""
    return np.array([dtype.kind not in "iuf" for dtype in X.dtypes])


def imputed(X):
    """A table without missing values, as SMOTENC needs it."""
    X = X.copy()
    for name, category in zip(X.columns, is_category(X), strict=True):
        column = X[name].astype(object) if category else X[name]
        X[name] = column.fillna("missing" if category else column.median())
    return X


def resampled(way, X, y):
    """Training data after over-sampling."""
    categories = is_category(X)
    if way in ("none", "weights"):
        return X, y
    if way == "drift":
        return DriftOversampler(random_state=0).fit_resample(X, y)
    if way == "random":
        # The smoothed bootstrap is not defined for strings; they are repeated only.
        shrinkage = None if categories.any() else 1
        return RandomOverSampler(shrinkage=shrinkage, random_state=0).fit_resample(X, y)
    if not categories.any():
        return SMOTE(random_state=0).fit_resample(X, y)
    numbers = np.flatnonzero(categories).tolist()
    return SMOTENC(numbers, random_state=0).fit_resample(imputed(X), y)


def classifiers(X, class_weight=None):
    """Boosted trees and a logistic regression for tables like this one."""
    categories = list(X.columns[is_category(X)])
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    one_hot = OneHotEncoder(handle_unknown="ignore")
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    trees = HistGradientBoostingClassifier(
        max_iter=60,
        categorical_features=range(len(categories)),
        class_weight=class_weight,
        random_state=0,
    )
    return {
        "trees": make_pipeline(
            make_column_transformer((ordinal, categories), remainder="passthrough"),
            trees,
        ),
        "logistic": make_pipeline(
            make_column_transformer((one_hot, categories), remainder=numbers),
            LogisticRegression(max_iter=2000, class_weight=class_weight),
        ),
    }


def average_precisions(problem, fold):
    """Scores of one fold, by classifier and way of resampling."""
    warnings.filterwarnings("ignore", category=FutureWarning)
    X, y = problem()
    splits = StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(X, y)
    train, test = list(splits)[fold]
    scores = {}
    for way in WAYS:
        rows, classes = resampled(way, X.iloc[train], y[train])
        held_out = imputed(X.iloc[test]) if way == "SMOTE" else X.iloc[test]
        weight = "balanced" if way == "weights" else None
        for name, classifier in classifiers(X, weight).items():
            rank = classifier.fit(rows, classes).predict_proba(held_out)[:, 1]
            scores[name, way] = average_precision_score(y[test], rank)
    return scores


# -- report --


def print_line(title, cells):
    print(f"{title:24}" + "".join(f"{cell:>16}" for cell in cells))


def print_mean(title, scores):
    """Print means over data sets and classifiers, and leads with errors over folds."""
    means = {way: np.mean(scores[way]) for way in WAYS}
    print_line(title, [f"{means[way]:.3f}" for way in WAYS])
    for way in WAYS[:-1]:
        leads = np.mean(np.subtract(scores["drift"], scores[way]), axis=0)
        error = leads.std(ddof=1) / np.sqrt(N_FOLDS)
        print(f"  drift - {way}: {leads.mean():+.3f} ± {error:.3f}")
    return means


def main():
    """Print the table; return whether DriftOversampler is nowhere worse."""
    tasks = [(problem, fold) for problem in DATA for fold in range(N_FOLDS)]
    found = Parallel(n_jobs=2)(delayed(average_precisions)(*task) for task in tasks)
    print(f"average precision, imbalanced-learn {imblearn.__version__}")
    print_line("", WAYS)
    scores, worse = {}, []
    for i, problem in enumerate(DATA):
        folds = found[i * N_FOLDS : (i + 1) * N_FOLDS]
        for name in CLASSIFIERS:
            title = f"{problem.__name__}, {name}"
            values = {way: np.array([f[name, way] for f in folds]) for way in WAYS}
            errors = {
                way: v.std(ddof=1) / np.sqrt(N_FOLDS) for way, v in values.items()
            }
            print_line(
                title, [f"{values[w].mean():.3f} ± {errors[w]:.3f}" for w in WAYS]
            )
            for way in WAYS:
                scores.setdefault((name, way), []).append(values[way])
            for way in ("none", "SMOTE"):
                # Folds are paired. With four of them, two errors are little evidence:
                # one line in 14 is worse by as much if there is no difference.
                leads = values["drift"] - values[way]
                error = leads.std(ddof=1) / np.sqrt(N_FOLDS)
                if leads.mean() < -2 * error:
                    worse.append(f"{title}: {leads.mean():+.3f} ± {error:.3f} to {way}")
    for name in CLASSIFIERS:
        print_mean(f"mean, {name}", {way: scores[name, way] for way in WAYS})
    means = print_mean(
        "mean", {way: [v for n in CLASSIFIERS for v in scores[n, way]] for way in WAYS}
    )
    better = means["drift"] > max(means["none"], means["SMOTE"])
    print(
        "drift worse by more than two standard errors:",
        *(worse or ["nowhere"]),
        sep="\n  ",
    )
    print("drift", "is" if better else "is not", "the best of none, SMOTE and drift")
    return better and not worse


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
