"""
What copying looks like
=======================

A generator can be perfect in fidelity and useless all the same: if it gives out the
rows that it was fitted to. Half of the wine table trains three drifters. One has its
defaults. The others have smaller bandwidths and no guard, so that their particles
settle on training rows.

How far is a drawn row from its closest training row? As far as a held-out row, if it is
new. The histograms compare the two, and two numbers sum them up: the memorisation AUC
(0.5 for new rows, 1 for copies) and the ratio of the medians (1 and 0).
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter
from skdrift.metrics import energy_distance, near_copy_share
from skdrift.plotting import MemorizationDisplay, SampleDisplay

wine = load_wine(as_frame=True).data
train, test = train_test_split(wine, test_size=0.5, random_state=0)


def without_guard(bandwidth):
    return ConservativeDrifter(
        bandwidth=bandwidth, early_stopping=False, random_state=0
    )


drifters = {
    "defaults": ConservativeDrifter(random_state=0),
    "bandwidth 1.5, no guard": without_guard(1.5),
    "bandwidth 0.3, no guard": without_guard(0.3),
}

# %%
# In two of the thirteen columns, one could take all three draws for new wines, or the
# first two at least. The distances in all columns tell them apart.

columns = ["flavanoids", "color_intensity"]
figure, axes = plt.subplots(2, 3, figsize=(13.5, 8), layout="constrained")
displays = {}
for column, (name, drifter) in zip(axes.T, drifters.items(), strict=True):
    drifter.fit(train)
    displays[name] = MemorizationDisplay.from_estimator(
        drifter, train, test=test, random_state=1, ax=column[0]
    )
    SampleDisplay.from_estimator(
        drifter, test, features=columns, random_state=1, ax=column[1]
    )
    column[0].set_title(name, loc="left")
figure.savefig("memorization.png", dpi=120)
print("The picture is in memorization.png")

# %%
# The energy distance to the held-out rows is in units of that of the training rows. It
# does not notice the second drifter: copies of training rows are as near to the law as
# training rows are. (It does notice the third, whose particles fall into too few rows.)
# Read it together with the measures of memorisation. One of them comes with every fit
# and needs no held-out rows: ``memorization_auc_``, in the last column.

scaler = StandardScaler().fit(train)
z, z_test = scaler.transform(train), scaler.transform(test)
reference = energy_distance(z, z_test)
print(
    f"{'':26}{'energy':>8}{'AUC':>8}{'ratio':>8}{'near copies':>13}{'AUC in fit':>12}"
)
for name, drifter in drifters.items():
    rows = drifter.sample(len(test), random_state=1)
    rows = (rows - scaler.mean_) / scaler.scale_
    energy = energy_distance(rows, z_test) / reference
    shown = displays[name]
    print(
        f"{name:26}{energy:8.2f}{shown.auc:8.2f}{shown.ratio:8.2f}"
        f"{near_copy_share(rows, z):13.2f}{drifter.memorization_auc_:12.2f}"
    )
