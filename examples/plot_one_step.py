"""
Sampling in one pass
====================

A drifter evolves an ensemble every time it is sampled. A one-step generator is trained
once: a network maps noise to samples, the samples drift towards the data, and the
network learns where they moved. It then generates a million samples in about a second.

Here it learns two spirals and, with the arm as a class, each of them separately.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from skdrift import DriftGenerator
from skdrift.metrics import energy_distance

rng = np.random.default_rng(0)


def spirals(n):
    angle = 3 * np.pi * np.sqrt(rng.uniform(0.02, 1, n))
    arm = rng.choice([-1, 1], n)
    rows = (arm * angle / 3 * [np.cos(angle), np.sin(angle)]).T
    return rows + 0.08 * rng.standard_normal((n, 2)), arm


X, arm = spirals(2048)
generator = DriftGenerator(max_iter=1000, random_state=0).fit(X)

start = time.perf_counter()
many = generator.sample(10**6)
print(f"10^6 samples in {time.perf_counter() - start:.1f} s")

# %%
# Held-out data measure how close the samples are to the distribution.

test, _ = spirals(2048)
drawn = generator.sample(2048)
print(f"energy distance of samples to fresh data:   {energy_distance(drawn, test):.4f}")
print(f"energy distance of the data to fresh data:  {energy_distance(X, test):.4f}")
print(f"memorisation AUC (0.5 new, 1 copies):       {generator.memorization_auc_:.2f}")

# %%
# With classes, the generator draws the requested class.

conditional = DriftGenerator(max_iter=600, random_state=0).fit(X, arm)

figure, axes = plt.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
axes[0].scatter(*X.T, s=2, c="0.4")
axes[0].set(title="data")
axes[1].hist2d(*many.T, bins=200, cmap="Greys", vmax=200)
axes[1].set(title="a million samples")
for label, colour in ((-1, "tab:blue"), (1, "tab:red")):
    axes[2].scatter(*conditional.sample(1000, y=label).T, s=2, c=colour)
axes[2].set(title="samples by class")
history = generator.history_
axes[3].semilogy(history["n_steps"], history["energy_distance"])
axes[3].set(title="energy distance to the data", xlabel="training step")
figure.savefig("one_step.png", dpi=120)
print("Saved one_step.png")
