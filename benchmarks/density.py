"""Held-out log-likelihoods of the default density and of other estimators.

For every data set and split (see ``quality.py``), estimators are fitted to the training
rows, and the mean log-density of the test rows is printed, in nats per row. Columns are
standardised by the training rows.

Where columns are discrete, other densities have no limit, and probabilities cannot be
compared with them. So in the sets ``ROUNDED_SETS`` a column with fewer distinct values
than half the rows gets uniform noise, as wide as the smallest gap between two values,
for all estimators. No value can then be mistaken for another, and the mean log-density
is a lower bound of the mean log-probability of the values, per gap. Constant columns
are dropped. The set semi_continuous, with atoms beside other values, is left out.

* ConservativeDrifter: ``score_samples``;
* kde: the kernel density of the particles, ``method="kde"``;
* KernelDensity with a cross-validated bandwidth;
* GaussianMixture: components and covariances by BIC;
* NSF, with ``--flow``: a neural spline flow by zuko and PyTorch, which must be
  installed, of three transforms with networks of two layers of 64. A fifth of the
  training rows stops the training: its best epoch counts, and 30 without a better one
  end it.

The last columns are the gain over the better of KernelDensity and GaussianMixture, and
the mean log-density of draws minus that of test rows, with its standard error. Run
``python benchmarks/density.py``.
"""

import argparse
import time
import warnings

import numpy as np
from datasets import REAL, SYNTHETIC, split_of
from deep_generators import SplineFlow
from joblib import Parallel, delayed
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter

# With counts, flags and rounded numbers.
ROUNDED_SETS = "mixed", "gridded", "digits", "iris", "diabetes"
SETS = [name for name in (*SYNTHETIC, *REAL) if name != "semi_continuous"]
NAMES = ["ConservativeDrifter", "kde", "KernelDensity", "GaussianMixture"]


def dequantized(train, test, seed):
    """Rows whose repeated values are spread evenly, up to halves of the least gap."""
    rows = np.concatenate([train, test])
    rng = np.random.default_rng(seed)
    columns = []
    for column in rows.T:
        values = np.unique(column.round(9))
        if len(values) < len(rows) / 2:
            gap = np.diff(values).min(initial=np.inf)
            column = column + gap * rng.uniform(-0.5, 0.5, len(rows))
        columns.append(column)
    rows = np.column_stack(columns)
    return np.split(rows[:, np.isfinite(rows).all(axis=0)], [len(train)])


def kernel_density(train):
    """Kernel density with a cross-validated bandwidth."""
    bandwidths = {"bandwidth": np.geomspace(0.02, 2, 25)}
    return GridSearchCV(KernelDensity(), bandwidths).fit(train).best_estimator_


def gaussian_mixture(train):
    """Gaussian mixture chosen by the Bayesian information criterion."""
    mixtures = [
        GaussianMixture(k, covariance_type=kind, random_state=0).fit(train)
        for k in range(1, 11)
        for kind in ("full", "tied", "diag", "spherical")
    ]
    return min(mixtures, key=lambda mixture: mixture.bic(train))


def measure(name, split, with_flow):
    """Mean log-densities of test rows, and what draws have more, with its error."""
    warnings.simplefilter("ignore")
    train, test, _ = split_of(name, split)
    if name in ROUNDED_SETS:
        train, test = dequantized(train, test, split)
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    drifter = ConservativeDrifter(random_state=split).fit(train)
    drawn = drifter.sample(len(test), random_state=split)
    start = time.perf_counter()
    of_test = drifter.score_samples(test)
    seconds = time.perf_counter() - start
    of_drawn = drifter.score_samples(drawn)
    error = np.sqrt(of_test.var() / len(test) + of_drawn.var() / len(drawn))
    others = [kernel_density(train), gaussian_mixture(train)]
    if with_flow:
        others.append(SplineFlow(train, split))
    log_p = [of_test.mean(), drifter.score_samples(test, method="kde").mean()]
    log_p += [other.score_samples(test).mean() for other in others]
    return [of_drawn.mean() - of_test.mean(), error, seconds, *log_p]


def main():
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--data", nargs="+", default=SETS)
    parser.add_argument("--flow", action="store_true", help="NSF as well")
    arguments = parser.parse_args()
    cells = [(n, s) for n in arguments.data for s in range(arguments.splits)]
    rows = Parallel(n_jobs=-1, return_as="generator")(
        delayed(measure)(*cell, arguments.flow) for cell in cells
    )
    names = [*NAMES, *["NSF"] * arguments.flow]
    print(f"{'':16}" + "".join(f"{n[:12]:>13}" for n in (*names, "gain", "draws", "s")))
    gains, near = {}, {}
    for name in arguments.data:
        own = np.array([next(rows) for _ in range(arguments.splits)])
        excess, error, seconds, *mean = own.mean(axis=0)
        gains[name] = mean[0] - max(mean[2], mean[3])
        near[name] = abs(excess) < max(0.3, 3 * error)
        print(
            f"{name:16}"
            + "".join(f"{value:13.2f}" for value in mean)
            + f"{gains[name]:+13.2f}{excess:+7.2f}±{error:4.2f}{seconds:13.1f}",
            flush=True,
        )
    gain = np.array([*gains.values()])
    real = np.mean([gains[name] for name in gains if name in REAL])
    print(
        f"at most .05 below the better of two: {np.mean(gain > -0.05):.0%} of the sets"
    )
    print(f"worst {gain.min():+.2f}; mean gain on real tables {real:+.2f}")
    print(f"draws as likely as test rows: {np.mean([*near.values()]):.0%} of the sets")


if __name__ == "__main__":
    main()
