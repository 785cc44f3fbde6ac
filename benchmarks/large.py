"""Quality of draws of large data, by the sizes of ensembles and of batches.

A drifter is fitted to the training rows of five distributions, with several numbers of
particles, and of rows that attract them (``batch_size``), and draws as many rows.
20,000 of them are compared with as many test rows by the energy distance, as a multiple
of the mean of ten further samples, and by the area under the ROC curve of boosted trees
that separate them (C2ST; .5 is best). The first line of each set shows a further
sample. AUC is the memorisation AUC, .5 for new samples. The seconds are of the
processor, all threads.

    python benchmarks/large.py                      # 20,000 rows
    python benchmarks/large.py --rows 100000 --particles 1000 10000 --batches auto
"""

import argparse
import time
import warnings

import numpy as np
from datasets import SYNTHETIC, standardised
from sklearn.datasets import make_moons
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, cross_val_score

from skdrift import ConservativeDrifter
from skdrift.metrics import energy_distance, memorization_auc

MOST_COMPARED, N_FRESH = 20_000, 10


def clusters(n, seed, d=10):
    """Five Gaussians, of standard deviation 1 in a box of 20."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).uniform(-10, 10, (5, d))
    return centres[rng.integers(0, 5, n)] + rng.normal(size=(n, d))


def curve(n, seed, d=12):
    """A curve, and two further directions of which one is skewed, with noise."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, 3 * np.pi, n)
    places = [np.cos(t), np.sin(t), t / 5, np.cos(2 * t)]
    places += [rng.normal(size=n), rng.exponential(size=n)]
    directions = np.random.default_rng(3).normal(size=(6, d))
    return np.column_stack(places) @ directions + 0.1 * rng.normal(size=(n, d))


def moons(n, seed):
    return make_moons(n, noise=0.05, random_state=seed)[0]


DATA_SETS = {
    "clusters": clusters,
    "curve": curve,
    "moons": moons,
    "swiss_roll": SYNTHETIC["swiss_roll"],
    "heavy_tails": SYNTHETIC["heavy_tails"],
}


def separable(rows, test):
    """Area under the ROC curve of boosted trees that separate rows from test data."""
    labels = np.repeat([1, 0], [len(rows), len(test)])
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    trees = HistGradientBoostingClassifier(random_state=0)
    both = np.concatenate([rows, test]).round(9)
    return cross_val_score(trees, both, labels, cv=folds, scoring="roc_auc").mean()


def compared(rows):
    order = np.random.default_rng(0).permutation(len(rows))
    return rows[order[:MOST_COMPARED]]


def measure(train, test, scale, **parameters):
    """One line: quality and seconds of the draws of one drifter."""
    start = time.process_time()
    drifter = ConservativeDrifter(random_state=0, **parameters).fit(train)
    fitted = time.process_time()
    rows = drifter.sample(len(train))
    drawn = time.process_time()
    auc = memorization_auc(rows[:4000], test=test[:4000], train=train)
    rows = compared(rows)
    return (
        energy_distance(rows, test) / scale,
        separable(rows, test),
        auc,
        drifter.n_iter_,
        fitted - start,
        drawn - fitted,
    )


def batch_size(text):
    if text == "all":
        return None
    return text if text == "auto" else int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--particles", type=int, nargs="+", default=[2000])
    parser.add_argument(
        "--batches", type=batch_size, nargs="+", default=[2000, 4000, 8000, None]
    )
    parser.add_argument("--data", nargs="+", default=list(DATA_SETS))
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(
        f"{'':12}{'particles':>10}{'batch':>8}{'energy':>8}{'C2ST':>7}{'AUC':>7}",
        end="",
    )
    print(f"{'steps':>7}{'fit [s]':>9}{'draw [s]':>9}")
    for name in options.data:
        n = options.rows
        parts = np.split(
            DATA_SETS[name](2 * n + N_FRESH * MOST_COMPARED, 1),
            [n, 2 * n],
        )
        train, test, fresh = standardised(*parts)
        test, fresh = compared(test), np.split(fresh, N_FRESH)
        energies = [energy_distance(rows, test) for rows in fresh]
        scale = np.mean(energies)
        line = f"{name:12}{'fresh':>18}{energies[0] / scale:8.2f}"
        line += f"{separable(fresh[0], test):7.3f}"
        print(line, flush=True)
        for n_particles in options.particles:
            for size in options.batches:
                energy, c2st, auc, steps, fit, draw = measure(
                    train, test, scale, n_particles=n_particles, batch_size=size
                )
                print(f"{'':12}{n_particles:10}{size or 'all':>8}{energy:8.2f}", end="")
                print(
                    f"{c2st:7.3f}{auc:7.3f}{steps:7}{fit:9.1f}{draw:9.1f}", flush=True
                )


if __name__ == "__main__":
    main()
