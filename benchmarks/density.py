"""Held-out log-likelihoods of the default density and of other estimators.

For every data set and split (see ``quality.py``), estimators are fitted to the training
rows, and the mean log-density of the test rows is printed, in nats per row. Columns are
standardised by the training rows. Sets with atoms or discrete columns are left out:
there other densities have no limit, and probabilities cannot be compared with them.

* ConservativeDrifter: ``score_samples``;
* kde: the kernel density of the particles, ``method="kde"``;
* KernelDensity with a cross-validated bandwidth;
* GaussianMixture: components and covariances by BIC.

The last columns are the gain over the better of the last two, and the mean log-density
of draws minus that of test rows, with its standard error. Run
``python benchmarks/density.py``; it takes ten minutes on two cores.
"""

import argparse
import time
import warnings

import numpy as np
from datasets import REAL, SYNTHETIC, split_of
from joblib import Parallel, delayed
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter

# With zeros, counts or flags.
MIXED = "mixed", "semi_continuous", "gridded", "digits", "iris", "diabetes"
SETS = [name for name in (*SYNTHETIC, *REAL) if name not in MIXED]
NAMES = "ConservativeDrifter", "kde", "KernelDensity", "GaussianMixture"


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


def measure(name, split):
    """Mean log-densities of test rows, and what draws have more, with its error."""
    warnings.simplefilter("ignore")
    train, test, _ = split_of(name, split)
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    drifter = ConservativeDrifter(random_state=split).fit(train)
    drawn = drifter.sample(len(test), random_state=split)
    start = time.perf_counter()
    of_test = drifter.score_samples(test)
    seconds = time.perf_counter() - start
    of_drawn = drifter.score_samples(drawn)
    error = np.sqrt(of_test.var() / len(test) + of_drawn.var() / len(drawn))
    others = kernel_density(train), gaussian_mixture(train)
    log_p = [of_test.mean(), drifter.score_samples(test, method="kde").mean()]
    log_p += [other.score_samples(test).mean() for other in others]
    return [*log_p, of_drawn.mean() - of_test.mean(), error, seconds]


def main():
    """Measure all and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--data", nargs="+", default=SETS)
    arguments = parser.parse_args()
    cells = [(n, s) for n in arguments.data for s in range(arguments.splits)]
    rows = Parallel(n_jobs=-1)(delayed(measure)(*cell) for cell in cells)
    print(f"{'':16}" + "".join(f"{n[:12]:>13}" for n in (*NAMES, "gain", "draws", "s")))
    gains, near = {}, {}
    for name in arguments.data:
        own = np.array(
            [r for cell, r in zip(cells, rows, strict=True) if cell[0] == name]
        )
        mean = own.mean(axis=0)
        gains[name] = mean[0] - max(mean[2], mean[3])
        excess, error = mean[4], own[:, 5].mean()
        near[name] = abs(excess) < max(0.3, 3 * error)
        print(
            f"{name:16}"
            + "".join(f"{value:13.2f}" for value in mean[:4])
            + f"{gains[name]:+13.2f}{excess:+7.2f}±{error:4.2f}{mean[6]:13.1f}",
            flush=True,
        )
    gain = np.array([*gains.values()])
    real = np.mean([gains[name] for name in arguments.data if name in REAL])
    print(
        f"at most .05 below the better of two: {np.mean(gain > -0.05):.0%} of the sets"
    )
    print(f"worst {gain.min():+.2f}; mean gain on real tables {real:+.2f}")
    print(f"draws as likely as test rows: {np.mean([*near.values()]):.0%} of the sets")


if __name__ == "__main__":
    main()
