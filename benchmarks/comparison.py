"""Comparison with other generators: how good, how private, how long.

Tables are cut in halves (``datasets.py``). Every generator draws ten rows for each
training row. Printed are means over the data sets and splits:

* C2ST: area under the ROC curve of a forest that separates drawn and held-out rows, as
  many of each; .5 is best;
* coverage and energy of as many draws as held-out rows, relative to the training rows
  in their place: 1 is as good as new data;
* attack: area under the ROC curve of an attacker who takes rows near a draw for
  training rows, .5 if the draws tell nothing, and ``TPR``, the share of training rows
  found with 1 % false positives;
* isolated: median distance to the nearest draw, of the 5 % most isolated training rows
  over that of held-out rows; 1 if they are not given away;
* seconds to train and draw, on one core.

Lines that a CSV has are not measured again. Run ``python benchmarks/comparison.py``;
packages that are not installed are skipped (see ``deep_generators.py``).
"""

import argparse
import csv
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from datasets import split_of
from generators import FRESH, GENERATORS
from joblib import Parallel, delayed
from quality import available, classifier_test
from sklearn.preprocessing import StandardScaler

from skdrift.metrics import (
    coverage,
    energy_distance,
    isolated_row_ratio,
    membership_inference,
)

DATA = ("wine", "breast_cancer", "diabetes", "houses", "heavy_tails", "moons")
CHOSEN = [
    name
    for name in GENERATORS
    if name not in {FRESH, "start_only", "LaplaceDrifter", "noisy_copies"}
]
TABLE = Path(__file__).parent / "results" / "comparison.csv"
CELL = ("data", "generator", "split")
KEYS = ("C2ST", "coverage", "energy", "attack", "TPR", "isolated", "seconds")
DRAWS = 10


def measure(name, generator, split):
    """One line: a data set, a generator and a split."""
    warnings.simplefilter("ignore")  # convergence of mixtures and networks
    train, test, _ = split_of(name, split)
    start = time.perf_counter()
    try:
        rows = GENERATORS[generator](train, DRAWS * len(train), split)
    except Exception as error:
        return name, generator, split, repr(error)
    seconds = time.perf_counter() - start
    if not np.isfinite(rows).all():
        return name, generator, split, "samples are not finite"
    scale = StandardScaler().fit(train).transform
    train, test, rows = (scale(x).round(9) for x in (train, test, rows))
    some = np.random.default_rng(split).choice(rows, len(test), replace=False)
    attack = membership_inference(rows, test=test, train=train, random_state=split)
    isolated = isolated_row_ratio(rows, test=test, train=train, random_state=split)
    values = (
        classifier_test(name, some, test, split)["C2ST"],
        coverage(some, test) / coverage(train, test),
        energy_distance(some, test) / energy_distance(train, test),
        attack.auc.value,
        attack.tpr.value,
        isolated.value,
        seconds,
    )
    return name, generator, split, *values


def read(path):
    """Values by cell."""
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))
    return {
        (line["data"], line["generator"], int(line["split"])): [
            float(line[key]) for key in KEYS
        ]
        for line in lines
    }


def run(cells, path, n_jobs):
    """Measure cells, each a line of the CSV as soon as it is finished."""
    if not path.exists():
        path.write_text(",".join((*CELL, *KEYS)) + "\n")
    parallel = Parallel(n_jobs, return_as="generator_unordered", batch_size=1)
    for line in parallel(delayed(measure)(*cell) for cell in cells):
        if isinstance(line[3], str):
            print(*line, flush=True)
            continue
        with open(path, "a", newline="") as file:
            values = [f"{value:.5g}" for value in line[3:]]
            csv.writer(file).writerow([*line[:3], *values])
        print(*line[:3], *values, flush=True)


def main():
    """Measure what is missing, and print the means of every generator."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", nargs="+", default=DATA)
    parser.add_argument("--generators", nargs="+", default=CHOSEN, choices=CHOSEN)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--csv", type=Path, default=TABLE, help=f"default: {TABLE}")
    parser.add_argument("--jobs", type=int, default=-1, help="processes, as in joblib")
    arguments = parser.parse_args()
    names = available(arguments.data), available(arguments.generators)
    known = read(arguments.csv)
    cells = product(*names, range(arguments.splits))
    run([cell for cell in cells if cell not in known], arguments.csv, arguments.jobs)

    lines = read(arguments.csv)
    print(f"{'':20} sets{''.join(f'{key:>9}' for key in KEYS)}")
    for generator in CHOSEN:
        mine = {c: v for c, v in lines.items() if c[1] == generator}
        if mine:
            means = "".join(f"{value:9.2f}" for value in np.mean([*mine.values()], 0))
            print(f"{generator:20} {len({c[0] for c in mine}):4}{means}")


if __name__ == "__main__":
    main()
