"""
Densities: held-out likelihood and anomalies
============================================

``score_samples`` of a fitted drifter is a log-density, like those of ``KernelDensity``
and ``GaussianMixture``, and can replace them. Six problems compare them: one class of a
table is normal, and half of its rows train. How likely are the held-out rows? And how
well does the density tell them from the other classes, which no estimator has seen?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter
from skdrift.outlier import DriftOutlierDetector

problems = {
    "malignant among benign": (*load_breast_cancer(return_X_y=True), 1),
    "benign among malignant": (*load_breast_cancer(return_X_y=True), 0),
    "other wines among grignolino": (*load_wine(return_X_y=True), 1),
    "other irises among virginica": (*load_iris(return_X_y=True), 2),
    "other digits among eights": (*load_digits(return_X_y=True), 8),
    "other digits among threes": (*load_digits(return_X_y=True), 3),
}


def gaussian_mixture(rows):
    candidates = [
        GaussianMixture(k, reg_covar=1e-4, random_state=0).fit(rows)
        for k in range(1, 6)
    ]
    return min(candidates, key=lambda mixture: mixture.bic(rows))


def fitted(rows, seed):
    """All estimators with a method `score_samples`, densities first."""
    search = GridSearchCV(KernelDensity(), {"bandwidth": np.geomspace(0.1, 3, 15)})
    return {
        "ConservativeDrifter": ConservativeDrifter(random_state=seed).fit(rows),
        "KernelDensity": search.fit(rows).best_estimator_,
        "GaussianMixture": gaussian_mixture(rows),
        "IsolationForest": IsolationForest(random_state=seed).fit(rows),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=True).fit(rows),
    }


def detectors(seed):
    """Detectors of outliers with a threshold: 10 % of the training rows are beyond."""
    return {
        "DriftOutlierDetector": DriftOutlierDetector(random_state=seed),
        "IsolationForest": IsolationForest(contamination=0.1, random_state=seed),
        "LocalOutlierFactor": LocalOutlierFactor(contamination=0.1, novelty=True),
    }


# %%
# Columns are standardised by the training rows. The 64 pixels of the digits are first
# reduced to ten principal components.

aucs, gains, outliers = {}, {}, {}
for problem, (X, y, normal) in problems.items():
    for seed in range(5):
        train, held_out = train_test_split(
            X[y == normal], test_size=0.5, random_state=seed
        )
        reduce = [PCA(10, random_state=0)] if X.shape[1] > 30 else []
        scaler = make_pipeline(*reduce, StandardScaler()).fit(train)
        train, held_out, others = map(
            scaler.transform, (train, held_out, X[y != normal])
        )
        is_normal = np.repeat([1, 0], [len(held_out), len(others)])
        for name, model in fitted(train, seed).items():
            scores = [model.score_samples(rows) for rows in (held_out, others)]
            auc = roc_auc_score(is_normal, np.concatenate(scores))
            aucs.setdefault(name, {}).setdefault(problem, []).append(auc)
            gains.setdefault(name, {}).setdefault(problem, []).append(scores[0].mean())
        for name, detector in detectors(seed).items():
            detector.fit(train)
            shares = [
                np.mean(detector.predict(rows) < 0) for rows in (held_out, others)
            ]
            outliers.setdefault(name, []).append(shares)

names = list(aucs)
densities = names[:3]
print(f"{'held-out log-density':30}", *(f"{name:>20}" for name in densities))
for problem in problems:
    cells = (f"{np.mean(gains[name][problem]):20.2f}" for name in densities)
    print(f"{problem:30}", *cells)
print(f"\n{'ROC AUC':30}", *(f"{name:>20}" for name in names))
for problem in problems:
    cells = (f"{np.mean(aucs[name][problem]):20.3f}" for name in names)
    print(f"{problem:30}", *cells)
means = [np.mean([*aucs[name].values()]) for name in names]
print(f"{'mean':30}", *(f"{mean:20.3f}" for mean in means))

# %%
# A detector also needs a threshold. Here 10 % of the training rows are beyond it: how
# many are beyond it of the rows that nobody has seen, in mean over the problems?

print(f"\n{'outliers among':24}{'normal rows':>12}{'other classes':>15}")
for name, shares in outliers.items():
    of_normal, of_others = np.mean(shares, axis=0)
    print(f"{name:24}{of_normal:12.3f}{of_others:15.3f}")

# %%
# Dots are means over five random halves.

figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
colors = ["#0072B2", "#D55E00", "#009E73", "0.3", "0.65"]
for j, (name, color) in enumerate(zip(names, colors, strict=True)):
    values = [np.mean(aucs[name][problem]) for problem in problems]
    place = np.arange(len(problems)) + 0.14 * (j - 2)
    ax.scatter(values, place, s=36, color=color, label=name)
ax.set(yticks=range(len(problems)), yticklabels=problems, xlabel="ROC AUC")
ax.invert_yaxis()
ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
figure.savefig("anomaly.png", dpi=120)
print("Saved anomaly.png")
