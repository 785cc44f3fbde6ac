"""
Sampling a table of mixed columns
=================================

The iris data are extended to a table with a column of every kind: four lengths, one of
them with missing values, the species as a category, the petal length in three ordered
classes, a count and a flag. :class:`~skdrift.tables.TabularDrifter` generates samples
of this table.

Their usefulness is measured on held-out flowers: one classifier is trained on generated
samples, and another on the same number of real ones. The figure compares columns of the
samples with those of the data, individually and in pairs.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

from skdrift import ConservativeDrifter
from skdrift.metrics import train_on_synthetic_score
from skdrift.tables import Inequality, TabularDrifter

iris = load_iris(as_frame=True)
rng = np.random.default_rng(0)
frame = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)"))
frame["species"] = pd.Categorical(iris.target_names[iris.target])
frame["petals"] = pd.cut(
    frame["petal length"], [0, 2, 4.8, 9], labels=["short", "middle", "long"]
)
frame["visitors"] = rng.poisson(frame["petal width"] * 4)
frame["wild"] = rng.random(150) < np.where(iris.target == 0, 0.2, 0.7)
# Broad sepals were often not measured.
gone = rng.random(150) < np.where(frame["sepal width"] > 3, 0.4, 0.05)
frame["sepal width"] = frame["sepal width"].mask(gone)
print(frame.sample(5, random_state=0).to_string(), end="\n\n")

# %%
# The label is a column like any other. Petals are longer than wide, in every sample.

train, test = train_test_split(frame, test_size=0.4, random_state=0)
longer = Inequality("petal width", "petal length", strict=True)
drifter = TabularDrifter(ConservativeDrifter(random_state=0), rules=[longer])
drifter.fit(train)

# %%
# Samples are a frame with the same names and types.

drawn = drifter.sample(len(train))
print(drawn.head().to_string(), end="\n\n")
print("same types:", drawn.dtypes.equals(frame.dtypes))
print("wider than long:", (drawn["petal width"] >= drawn["petal length"]).sum())
print("samples that are in the table:", len(drawn.merge(frame)))
score = train_on_synthetic_score(drawn, train, test, target="species", random_state=0)
print(f"accuracy after training on samples, relative to real data: {score:.2f}")

# %%
# The frequencies agree with the data, and so does the dependence on the species.

drawn = TabularDrifter(ConservativeDrifter(random_state=0)).fit(frame).sample(150)
figure, axes = plt.subplots(2, 4, figsize=(13, 6), layout="constrained")
tables = {"data": (frame, "0.6"), "drawn": (drawn, "tab:red")}


def bars(axis, title, heights):
    for shift, (label, (table, colour)) in zip(
        (-0.2, 0.2), tables.items(), strict=True
    ):
        height = heights(table)
        axis.bar(np.arange(len(height)) + shift, height, 0.4, color=colour, label=label)
    labels = [str(value) for value in height.index]
    every = -(-len(labels) // 6)  # more would overlap
    axis.set_xticks(np.arange(len(labels))[::every], labels[::every])
    axis.set_title(title)


def counts(name):
    return lambda table: table[name].value_counts().sort_index()


def means(of):
    return lambda table: of(table).groupby(table["species"], observed=True).mean()


for axis, name in zip(axes[0], ("species", "petals", "wild", "visitors"), strict=True):
    bars(axis, name, counts(name))
bars(axes[1, 0], "visitors, mean", means(lambda table: table["visitors"]))
missing = means(lambda table: table["sepal width"].isna())
bars(axes[1, 1], "sepal width missing, share", missing)
for axis, name in zip(axes[1, 2:], ("sepal width", "petal width"), strict=True):
    for label, (table, colour) in tables.items():
        axis.scatter(table[name], table["petal length"], s=12, c=colour, label=label)
    axis.set(xlabel=name, ylabel="petal length")
axes[0, 3].legend(frameon=False, loc="upper right")
figure.savefig("table.png", dpi=120)
print("Saved table.png")
