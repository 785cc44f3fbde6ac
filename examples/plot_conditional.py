"""
Conditional distributions: densities and draws of the rest of a row
===================================================================

A fitted drifter knows the joint distribution of the columns, and so the distribution of
some given the others: ``score_samples(X, given=...)`` is its log-density, and
``sample_conditional`` draws from it. On two moons, the second column has one or
two branches for a value of the first. In a table, the condition is a category: what
do wines of one kind look like?
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine, make_moons

from skdrift import ConservativeDrifter
from skdrift.tables import TabularDrifter

moons = make_moons(1000, noise=0.08, random_state=0)[0]
drifter = ConservativeDrifter(random_state=0).fit(moons)

# %%
# Rows with NaN are completed. A row is repeated for several draws.

conditions = (-0.75, 0.5, 1.2)
draws, densities = [], []
grid = np.linspace(-1, 1.5, 400)
for x in conditions:
    gaps = np.tile([x, np.nan], (2000, 1))
    draws.append(drifter.sample_conditional(gaps, random_state=0)[:, 1])
    rows = np.column_stack([np.full(len(grid), x), grid])
    densities.append(np.exp(drifter.score_samples(rows, given=[0])))
    total = densities[-1].sum() * (grid[1] - grid[0])
    print(f"x = {x:5.2f}: the density integrates to {total:.3f}")

# %%
# In a table with a column of labels, the label can be the condition. The rows that are
# passed decide on the shares of the classes: here as many of each kind of wine.

wine = load_wine(as_frame=True)
names = ["alcohol", "color_intensity", "flavanoids", "proline"]
table = wine.data[names].assign(kind=[f"kind {k}" for k in wine.target])
tables = TabularDrifter(random_state=0).fit(table)
kinds = sorted(set(table["kind"]))
balanced = pd.DataFrame({"kind": np.repeat(kinds, 200)})
drawn = tables.sample_conditional(balanced)
print("\nmeans of the data, and of draws given the kind")
both = {"data": table, "drawn": drawn}
means = {label: rows.groupby("kind").mean() for label, rows in both.items()}
print(
    pd.concat(means, axis=1)[[(label, n) for n in names for label in both]].round(2).T
)

# %%

figure, axes = plt.subplots(1, 3, figsize=(13, 3.9), layout="constrained")
axes[0].scatter(*moons.T, s=5, c="0.7")
for x, own, colour in zip(conditions, draws, ("C0", "C1", "C2"), strict=True):
    axes[0].axvline(x, color=colour, lw=0.8)
    axes[0].scatter(np.full(60, x), own[:60], s=12, color=colour)
axes[0].set(title="two moons and draws at three x", xlabel="x", ylabel="y")
for x, own, p, colour in zip(
    conditions, draws, densities, ("C0", "C1", "C2"), strict=True
):
    axes[1].hist(own, 80, density=True, color=colour, alpha=0.3, range=(-1, 1.5))
    axes[1].plot(grid, p, color=colour, label=f"x = {x}")
axes[1].set(title="histograms of draws, density", xlabel="y given x")
axes[1].legend(frameon=False)
for kind, colour in zip(kinds, ("C3", "C4", "C5"), strict=True):
    for rows, marker, size in ((table, "o", 14), (drawn, "x", 10)):
        own = rows[rows["kind"] == kind]
        axes[2].scatter(
            own["flavanoids"],
            own["color_intensity"],
            s=size,
            marker=marker,
            color=colour,
            alpha=0.9 if marker == "o" else 0.35,
            label=kind if marker == "o" else None,
        )
axes[2].set(title="wines (o), draws given the kind (x)")
axes[2].set(xlabel="flavanoids", ylabel="color intensity")
axes[2].legend(frameon=False)
figure.savefig("conditional.png", dpi=120)
print("Saved conditional.png")
