"""
Four generators with the same interface
=======================================

Drifters follow the interface of scikit-learn's density estimators, with ``fit``,
``sample`` and ``score_samples``, and they work with ``cross_val_score``. The same loop
runs over a kernel density, a Gaussian mixture and two drifters; the only difference is
that the mixture's ``sample`` also returns the components.

The bandwidth of the kernel density is chosen by cross-validation, and the number of
components of the mixture by BIC. The drifters use default parameters.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    train_test_split,
)
from sklearn.neighbors import KernelDensity

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.metrics import energy_distance, make_sample_scorer, memorization_auc
from skdrift.plotting import SampleDisplay

X, _ = make_moons(800, noise=0.06, random_state=0)
train, test = train_test_split(X, test_size=0.5, random_state=0)
mixtures = [GaussianMixture(k, random_state=0).fit(train) for k in range(1, 16)]
grid = {"bandwidth": np.geomspace(0.02, 0.5, 20).round(3).tolist()}
estimators = [
    GridSearchCV(KernelDensity(), grid).fit(train).best_estimator_,
    min(mixtures, key=lambda mixture: mixture.bic(train)),
    ConservativeDrifter(random_state=0),
    LaplaceDrifter(random_state=0),
]
print(*estimators, sep="\n")

# %%
# Samples are compared with held-out data by the energy distance, and with the training
# data by the memorisation AUC (0.5 for new samples, 1 for copies). As ``score`` of a
# drifter is not a likelihood, ``cross_val_score`` uses minus the energy distance.

scoring = make_sample_scorer(energy_distance, n_draws=5)
folds = KFold(3, shuffle=True, random_state=0)
n = len(test)
figure, axes = plt.subplots(
    1, 4, figsize=(14, 3.6), sharex=True, sharey=True, layout="constrained"
)
print(f"{'':22}{'energy':>9}{'AUC':>7}{'log-density':>13}{'cross-validated':>20}")
for ax, estimator in zip(axes, estimators, strict=True):
    estimator.fit(train)
    rows = estimator.sample(5 * n)
    rows = rows[0] if isinstance(rows, tuple) else rows
    energy = energy_distance(rows, test)
    auc = memorization_auc(rows, test=test, train=train)
    density = estimator.score_samples(test).mean()
    scores = cross_val_score(estimator, train, scoring=scoring, cv=folds)
    name = type(estimator).__name__
    print(
        f"{name:22}{energy:9.4f}{auc:7.2f}{density:13.2f}"
        f"{scores.mean():11.4f} ± {scores.std():.4f}"
    )
    # Not the first n: the samples of a mixture are sorted by component.
    SampleDisplay.from_samples(rows[::5], test, ax=ax)
    ax.set_title(name)
print(f"{'the training data':22}{energy_distance(train, test):9.4f}{1:7.2f}")
figure.savefig("compare.png", dpi=120)
print("Saved compare.png")

# %%
# The densities of the drifters are lower than the others at held-out data, although
# their samples are equally close to the distribution. They are kernel densities of the
# particles at ``bandwidth_``, where the two smoothed densities, of the data and of the
# particles, are made to agree: the particles themselves are sharper. If only a
# likelihood is needed, the kernel density and the mixture are the better choice.
