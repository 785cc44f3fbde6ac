"""
Detecting anomalies with the density
====================================

``score_samples`` of a fitted drifter is a log-density: samples with a low value are
unlike the data. Here one class of a table is considered normal. Half of it trains the
estimators; the other half has to be separated from the other classes, which the
estimators have not seen. The figure shows the ROC AUC over ten random halves.

The density of a drifter is the kernel density of its particles. As these are
distributed like the data, it should perform about as well as a kernel density of the
data. Anomaly detection is therefore no reason to prefer a drifter, but it comes for
free with a drifter that is fitted for sampling.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter

problems = {
    "malignant among benign": (*load_breast_cancer(return_X_y=True), 1),
    "other wines among grignolino": (*load_wine(return_X_y=True), 1),
    "other digits among eights": (*load_digits(return_X_y=True), 8),
}


def detectors(seed):
    bandwidths = {"bandwidth": np.geomspace(0.2, 3, 10)}
    return {
        "ConservativeDrifter": ConservativeDrifter(random_state=seed),
        "KernelDensity": GridSearchCV(KernelDensity(), bandwidths),
        "IsolationForest": IsolationForest(random_state=seed),
    }


# %%
# Columns are standardised by the normal training data. The 64 pixels of the digits are
# first reduced to ten principal components. The bandwidth of the kernel density is
# chosen by cross-validation on the training data.

aucs = {}
for problem, (X, y, normal) in problems.items():
    for seed in range(10):
        train, held_out = train_test_split(
            X[y == normal], test_size=0.5, random_state=seed
        )
        reduce = [PCA(10, random_state=0)] if X.shape[1] > 30 else []
        scaler = make_pipeline(*reduce, StandardScaler()).fit(train)
        rows = scaler.transform(np.vstack([held_out, X[y != normal]]))
        is_normal = np.arange(len(rows)) < len(held_out)
        for name, detector in detectors(seed).items():
            detector.fit(scaler.transform(train))
            detector = getattr(detector, "best_estimator_", detector)
            auc = roc_auc_score(is_normal, detector.score_samples(rows))
            aucs.setdefault(problem, {}).setdefault(name, []).append(auc)

names = list(detectors(0))
print(f"{'ROC AUC':30}", *(f"{name:>22}" for name in names))
for problem, by_name in aucs.items():
    cells = (f"{np.mean(v):.3f} ± {np.std(v):.3f}" for v in by_name.values())
    print(f"{problem:30}", *(f"{cell:>22}" for cell in cells))

# %%
# Every dot is one random half.

figure, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
colors = dict(zip(names, ["#0072B2", "#D55E00", "0.55"], strict=True))
for i, (_, by_name) in enumerate(aucs.items()):
    for j, (name, values) in enumerate(by_name.items()):
        label = name if i == 0 else None
        place = np.full(len(values), i + 0.22 * (j - 1))
        ax.scatter(values, place, s=16, color=colors[name], lw=0, label=label)
        ax.scatter(np.mean(values), place[0], s=160, marker="|", color=colors[name])
ax.set(yticks=range(len(aucs)), yticklabels=aucs, xlabel="ROC AUC")
ax.invert_yaxis()
ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
figure.savefig("anomaly.png", dpi=120)
print("Saved anomaly.png")

# %%
# None of the three is the best throughout. On the first two tables the drifter and the
# forest are better than the kernel density, by .01 in AUC; on the digits the kernel
# density is better than the drifter by .04, and than the forest by .09.
