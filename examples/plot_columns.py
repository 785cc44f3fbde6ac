"""
Columns of real tables
======================

Columns of real tables have zeros, bounds and decimals. The measurements of tumours in
the breast cancer data are never negative, and six of them are exactly 0 in 13 of 569
rows. A drifter learns such laws, and its samples keep them. They are compared with
samples that are the particles as they are, ``columns="free"``, and with those of a
Gaussian mixture.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter
from skdrift.metrics import classifier_two_sample_test

tumours = load_breast_cancer(as_frame=True).data
drifter = ConservativeDrifter(random_state=0).fit(tumours)

# %%
# ``columns_`` says what was found.

for law in drifter.columns_[:8]:
    print(law)

# %%
# What is not known is how the zeros go together, and it is learned as well: a tumour
# without concavity has no concave points.

n = len(tumours)
free = ConservativeDrifter(columns="free", random_state=0).fit(tumours)
scaler = StandardScaler().fit(tumours)
mixture = GaussianMixture(5, random_state=0).fit(scaler.transform(tumours))
samples = {
    "data": tumours.to_numpy(),
    "drawn": drifter.sample(n),
    "columns='free'": free.sample(n),
    "Gaussian mixture": scaler.inverse_transform(mixture.sample(n)[0]),
}
names = list(tumours)
zero = names.index("mean concavity"), names.index("mean concave points")
print(f"\n{'':18}negative  concavity 0  points 0 of these  separable from the data")
for label, rows in samples.items():
    first, second = (rows[:, j] == 0 for j in zero)
    both = np.mean(second[first]) if first.any() else np.nan
    auc = classifier_two_sample_test(rows, samples["data"], random_state=0)
    print(
        f"{label:18}{np.mean((rows < 0).any(axis=1)):8.3f}{np.mean(first):13.3f}"
        f"{both:19.3f}{auc:25.3f}"
    )

# %%
# Laws can be stated where one knows better: here that areas are below 5000, and that
# concavities have no atom.

known = {"mean area": {"bounds": (0, 5000)}, "mean concavity": {"atoms": []}}
stated = ConservativeDrifter(columns=known, random_state=0).fit(tumours)
print(f"\n{stated.columns_[3]}\n{stated.columns_[6]}")

# %%

figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
colours = {"drawn": "tab:red", "columns='free'": "tab:blue"}
for axis, name in zip(axes[:2], ("mean concavity", "area error"), strict=True):
    j = names.index(name)
    bins = np.arange(-15, 76) / 100 * np.quantile(samples["data"][:, j], 0.99)
    axis.hist(samples["data"][:, j], bins, color="0.8", label="data")
    for label, colour in colours.items():
        axis.hist(
            samples[label][:, j], bins, histtype="step", color=colour, label=label
        )
    axis.set(xlabel=name, ylabel="number of rows")
axes[0].legend(frameon=False)
for label, colour in {"data": "0.7", **colours}.items():
    rows = samples[label][:, zero]
    axes[2].scatter(*rows.T, s=9, c=colour, alpha=0.6, label=label)
axes[2].set(xlabel=names[zero[0]], ylabel=names[zero[1]])
axes[2].set(xlim=(-0.06, 0.15), ylim=(-0.025, 0.08))
axes[2].legend(frameon=False)
figure.savefig("columns.png", dpi=120)
print("Saved columns.png")
