"""
Drawing new wines
=================

The wine data of scikit-learn have 178 samples and 13 chemical columns, whose units
differ by a factor of a thousand. One half trains four generators, the other half is
held out; each generator then draws as many samples as were held out.

The table compares the samples with the held-out half: the energy distance measures how
different their distribution is (1 for the training half itself), and the distance to
the closest record whether they are new (1) or copied (0). Both matter: a copy of the
training half has a perfect first number and a second of 0.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.metrics import closest_record_ratio, energy_distance

wine = load_wine()
train, test = train_test_split(wine.data, test_size=0.5, random_state=0)

# %%
# The drifters need no scaling. The two density estimators need a scaler in front, which
# must be inverted by hand after sampling.

scaler = StandardScaler().fit(train)
Z = scaler.transform(train)


kde = GridSearchCV(KernelDensity(), {"bandwidth": np.geomspace(0.05, 3, 25)})
kde = kde.fit(Z).best_estimator_
mixtures = [GaussianMixture(k, random_state=0).fit(Z) for k in range(1, 6)]
mixture = min(mixtures, key=lambda m: m.bic(Z))

n = len(test)
draws = {
    "ConservativeDrifter": ConservativeDrifter(random_state=0).fit(train).sample(n),
    "LaplaceDrifter": LaplaceDrifter(random_state=0).fit(train).sample(n),
    "KernelDensity": scaler.inverse_transform(kde.sample(n, random_state=0)),
    "GaussianMixture": scaler.inverse_transform(mixture.sample(n)[0]),
}

# %%
# Distances are measured on standardised columns.

held_out = scaler.transform(test)
reference = energy_distance(Z, held_out)
print(f"{'':22}{'energy distance':>17}{'closest record':>17}")
for name, rows in {**draws, "training half itself": train}.items():
    rows = scaler.transform(rows)
    energy = energy_distance(rows, held_out) / reference
    print(f"{name:22}{energy:17.2f}{closest_record_ratio(rows, held_out, Z):17.2f}")

# %%
# Two of the thirteen columns show where the differences come from: the density
# estimates blur the three cultivars, the drifters keep them apart.

i, j = (wine.feature_names.index(name) for name in ("flavanoids", "color_intensity"))
figure, axes = plt.subplots(
    1, len(draws), figsize=(13, 3.6), sharex=True, sharey=True, layout="constrained"
)
for axis, (name, rows) in zip(axes, draws.items(), strict=True):
    axis.scatter(test[:, i], test[:, j], s=14, c="0.75", label="held-out wines")
    axis.scatter(rows[:, i], rows[:, j], s=14, c="tab:red", label="generated")
    axis.set(title=name, xlabel="flavanoids")
axes[0].set_ylabel("color intensity")
axes[0].legend(frameon=False, loc="upper right")
figure.savefig("wine.png", dpi=120)
print("Saved wine.png")
