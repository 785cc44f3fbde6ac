"""Attacks on the samples of generators: what they tell about the training rows.

A table is cut in random halves, standardised by the training half; synthetic sets are
1000 rows to train and 1000 held out. Every generator draws one and ten rows for each
training row. The attacks are those of :mod:`skdrift.metrics`, on candidates of which
one half are training rows:

* AUC, TPR: membership_inference by the distance to the nearest draw; area under the ROC
  curve, and share of training rows found with 1 % false positives. 0.5 and 0.01 if the
  draws tell nothing;
* cal: the same area, calibrated by the distance to other real rows;
* dens: the same area, by the ratio of the densities of draws and real rows;
* in, out: median distance to the nearest draw, of the 5 % most isolated training rows
  and held-out rows; equal if isolated training rows are not given away;
* mem: memorization_auc of one draw, for comparison: 0.5 for new samples.

The table shows means over the splits. Run ``python benchmarks/privacy.py``; about ten
minutes on one core. ``--csv FILE`` writes a line for every split.
"""

import argparse
import csv
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from datasets import DATA_SETS, split_of
from generators import FRESH, GENERATORS
from sklearn.preprocessing import StandardScaler

from skdrift.metrics import membership_inference, memorization_auc
from skdrift.metrics._attacks import isolated_distances, real_distances
from skdrift.metrics._samples import nearest_distances

DATA = ("breast_cancer", "diabetes", "wine", "digits", "mixed", "heavy_tails")
CHOSEN = (
    "ConservativeDrifter",
    "KernelDensity",
    "GaussianMixture",
    "SMOTE",
    "bootstrap",
)
ATTACKS = {"AUC": "nearest", "cal": "calibrated", "dens": "density"}
KEYS = ("AUC", "TPR", "cal", "dens", "in", "out", "mem")


def attacked(rows, test, train, split):
    """Values of all attacks on some samples."""
    risks = {
        key: membership_inference(
            rows, test=test, train=train, attack=attack, random_state=split
        )
        for key, attack in ATTACKS.items()
    }
    both = np.concatenate([train, test])
    is_member = np.repeat([True, False], [len(train), len(test)])
    inside, outside = isolated_distances(
        real_distances(both), nearest_distances(both, rows), is_member
    )
    line = {key: risk.auc.value for key, risk in risks.items()}
    line |= {"TPR": risks["AUC"].tpr.value}
    line |= {"in": np.median(inside), "out": np.median(outside)}
    return line | {"mem": memorization_auc(rows, test=test, train=train)}


def measure(name, generator, n_draws, split):
    """One line: a split of a data set, a generator and a number of draws per row."""
    train, test, _ = split_of(name, split)
    line = {"data": name, "generator": generator, "draws": n_draws, "split": split}
    rows = GENERATORS[generator](train, n_draws * len(train), split)
    scale = StandardScaler().fit(train).transform
    return line | attacked(scale(rows), scale(test), scale(train), split)


def mean_of(lines, *cell):
    chosen = [line for line in lines if (*line.values(),)[:3] == cell]
    return {key: np.mean([line[key] for line in chosen]) for key in KEYS}


def arguments_of_command():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [name for name in GENERATORS if name != FRESH]
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=DATA)
    parser.add_argument("--generators", nargs="+", choices=names, default=CHOSEN)
    parser.add_argument("--draws", nargs="+", type=int, default=[1, 10])
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--csv", type=Path, help="file to write every split to")
    return parser.parse_args()


def main():
    """Measure and print a line for every data set, generator and number of draws."""
    warnings.simplefilter("ignore")  # convergence of mixtures
    arguments = arguments_of_command()
    print(f"{'data':14} {'generator':20} draws{''.join(f'{k:>7}' for k in KEYS)}")
    lines = []
    for cell in product(arguments.data, arguments.generators, arguments.draws):
        lines += [measure(*cell, split) for split in range(arguments.splits)]
        mean = mean_of(lines, *cell)
        values = "".join(f"{mean[key]:7.2f}" for key in KEYS)
        print(f"{cell[0]:14} {cell[1]:20} {cell[2]:5}{values}", flush=True)
    if arguments.csv is not None:
        with open(arguments.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, lines[0])
            writer.writeheader()
            writer.writerows(lines)


if __name__ == "__main__":
    main()
