"""
What copying looks like
=======================

A generator can have perfect fidelity and still be useless, if it reproduces the data it
was fitted to. Here half of the wine data trains three drifters. The first has default
parameters. The others have smaller bandwidths and no early stopping, so that their
particles settle on the training data.

If a sample is new, it is as far from its closest training sample as held-out data are.
The histograms compare these distances, and two numbers summarise them: the memorisation
AUC (0.5 for new samples, 1 for copies) and the ratio of the medians (1 and 0).
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
# In two of the thirteen columns, all three sets of samples, or at least the first two,
# could pass for new wines. The distances in all columns reveal the difference.

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
print("Saved memorization.png")

# %%
# The energy distance to the held-out data is relative to the training data. It does not
# detect the second drifter: copies of the training data are as close to the
# distribution as the training data are. (It does detect the third, whose particles
# collapse onto too few points.) Read it together with the memorisation metrics. One of
# them comes with every fit and needs no held-out data: ``memorization_auc_``, in the
# last column.

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
