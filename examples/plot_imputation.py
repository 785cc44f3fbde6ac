"""
Missing values: what a regression on imputed tables finds
=========================================================

An outcome depends on two columns, one of which is missing in 30 % of the rows, more
often where the outcome is large. Whether it is missing depends on known values only: it
is missing at random. We want the coefficient of that column, which is 1, and a
confidence interval that covers it 95 times in 100.

* Complete cases: large outcomes are rare among them, and the coefficient is too small.
* The mean of nearest neighbours has too little noise, and the coefficient is too large.
* ``IterativeImputer`` draws from linear regressions, but the columns depend on each
  other by a curve.
* One draw for each missing value does not tell how uncertain it is: intervals are too
  short.
* Several tables of ``DriftImputer`` are analysed one by one, and the estimates are
  pooled by Rubin's rules: the variance of an estimate is the mean of its variances plus
  (1 + 1/m) times the variance between the m tables.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import t
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from skdrift.impute import DriftImputer

n, m, n_repeats, truth = 250, 5, 10, 1.0


def table(rng):
    """Rows of w, x and y, and the same with gaps in x."""
    w = rng.standard_normal(n)
    x = 0.7 * w + 0.9 * (w**2 - 1) + 0.7 * rng.standard_normal(n)
    y = x + 0.5 * w + rng.standard_normal(n)
    gaps = np.column_stack([w, x, y])
    is_missing = rng.random(n) < 0.75 / (1 + np.exp(-3 * y))
    gaps[is_missing, 1] = np.nan
    return np.column_stack([w, x, y]), gaps


def coefficient(rows):
    """Coefficient of x in a regression of y on w and x, and its variance."""
    X, y = np.column_stack([np.ones(len(rows)), rows[:, :2]]), rows[:, 2]
    inverse = np.linalg.inv(X.T @ X)
    b = inverse @ X.T @ y
    s2 = np.sum((y - X @ b) ** 2) / (len(rows) - 3)
    return b[2], s2 * inverse[2, 2], len(rows) - 3


def pooled(tables):
    """Rubin's rules: the estimate, its variance and degrees of freedom."""
    b, variance, _ = np.transpose([coefficient(rows) for rows in tables])
    within, between = variance.mean(), (1 + 1 / len(b)) * b.var(ddof=1)
    freedom = (len(b) - 1) * (1 + within / between) ** 2
    return b.mean(), within + between, freedom


def estimates(seed):
    """Estimates by all methods, on one simulated table."""
    complete, gaps = table(np.random.default_rng(seed))
    chained = IterativeImputer(sample_posterior=True, random_state=seed)
    tables = DriftImputer(n_imputations=m, random_state=seed).fit(gaps).impute(gaps)
    return {
        "no value missing": coefficient(complete),
        "complete cases": coefficient(gaps[~np.isnan(gaps[:, 1])]),
        "KNNImputer": coefficient(KNNImputer().fit_transform(gaps)),
        "IterativeImputer, one draw": coefficient(chained.fit_transform(gaps)),
        "DriftImputer, one draw": coefficient(tables[0]),
        f"DriftImputer, {m} pooled": pooled(tables),
    }


# %%
# Fifteen simulated tables.

results = [estimates(seed) for seed in range(n_repeats)]
print(f"{'':28}{'mean':>8}{'bias':>8}{'sd':>8}{'covered':>9}{'width':>8}")
figure, axes = plt.subplots(1, 6, figsize=(13, 3.8), sharey=True, layout="constrained")
for axis, name in zip(axes, results[0], strict=True):
    b, variance, freedom = np.transpose([result[name] for result in results])
    half = t.ppf(0.975, freedom) * np.sqrt(variance)
    covered = np.abs(b - truth) <= half
    print(
        f"{name:28}{b.mean():8.3f}{b.mean() - truth:+8.3f}{b.std(ddof=1):8.3f}"
        f"{covered.mean():9.2f}{2 * half.mean():8.3f}"
    )
    for i in range(n_repeats):
        colour = "C0" if covered[i] else "C3"
        axis.errorbar(i, b[i], half[i], fmt="o", ms=3, color=colour, lw=1.2)
    axis.axhline(truth, color="0.3", lw=0.8)
    axis.axhline(b.mean(), color="C1", lw=1.2, ls="--")
    axis.set(title=f"{name}\n{covered.mean():.0%} cover 1", xticks=[])
    axis.title.set_fontsize(9)
axes[0].set(ylabel="coefficient of x, 95 % intervals")
figure.savefig("imputation.png", dpi=120)
print("Saved imputation.png")
