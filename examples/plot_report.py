"""
A report of a generated table
=============================

A table of visits to a clinic has numbers, a date, categories, a flag and missing
values. :class:`~skdrift.reports.QualityReport` says how good a generated table is,
whether it contains copies, and what attacks find out about the training rows. Every
number is compared with its value for fresh data, and with a limit that fresh data
hardly ever exceed.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from skdrift import ConservativeDrifter
from skdrift.reports import QualityReport
from skdrift.tables import TabularDrifter


def visits(n, seed):
    rng = np.random.default_rng(seed)
    age = np.clip(rng.normal(50, 18, n).round(), 18, 95)
    smokes = rng.random(n) < 0.35 - 0.002 * age
    pressure = (105 + 0.4 * age + 8 * smokes + 9 * rng.standard_normal(n)).round()
    severe = pressure + 12 * rng.standard_normal(n) > 140
    days = rng.integers(0, 1000, n)
    table = pd.DataFrame(
        {
            "age": age.astype(int),
            "smokes": smokes,
            "pressure": np.where(rng.random(n) < 0.15, np.nan, pressure),
            "ward": np.where(severe, "heart", rng.choice(["eyes", "skin", "bones"], n)),
            "date": pd.Timestamp("2023-01-01") + pd.to_timedelta(days, unit="D"),
            "cost": np.exp(4 + 0.01 * age + severe + 0.5 * rng.standard_normal(n)),
        }
    )
    table["cost"] = table["cost"].round(2)
    return table


train, test = train_test_split(visits(1000, 0), test_size=0.5, random_state=0)
drifter = TabularDrifter(ConservativeDrifter(random_state=0)).fit(train)
drawn = drifter.sample(len(train), random_state=0)

# %%
# ``target`` is a column that is predicted after training on generated rows, and that an
# attacker wants to know.

report = QualityReport.from_samples(drawn, test, train, target="ward", random_state=0)
print(report.verdict)

# %%
# A generator that copies is as faithful to the data, or more so, but the lower part of
# the picture shows what it does. Here nine of ten rows are training rows. Points in the
# grey area are as good as fresh data.

copies = pd.concat([train[:450], drawn[:50]], ignore_index=True)
copied = QualityReport.from_samples(copies, test, train, target="ward", random_state=0)
print(copied.verdict)

figure, axes = plt.subplots(1, 2, figsize=(11, 6), sharey=True, layout="constrained")
for ax, each, title in zip(axes, (report, copied), ("drawn", "copies"), strict=True):
    each.plot(ax=ax).set_title(title)
figure.savefig("report.png", dpi=120)

# %%
# Bars and outlines agree if the columns have the right distributions.

report.distributions().savefig("distributions.png", dpi=120)

# %%
# The numbers. ``report.to_html("report.html")`` writes a page of all this.

print(report.to_frame().round(3).to_string())
