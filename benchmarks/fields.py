"""All fields on the same six problems: quality, copying, steps and seconds.

Every line is the mean over the seeds of one estimator with default parameters on one
problem: four data sets of 2048 samples in two columns, drawn anew for every seed, and
two real tables, cut in halves anew. Columns are standardised by the training data
before anything is measured:

* energy: energy distance of the samples to test data, relative to fresh data (mean of
  twenty draws; the training half for real data); 1 is best;
* C2ST: area under the ROC curve of gradient boosting trained to separate samples from
  test data; 0.5 is best;
* coverage, relative to fresh data; 1 is best;
* AUC: memorization_auc, 0.5 for new samples and 1 for copies;
* steps of the fitted flow, and CPU seconds, of all threads, to fit and to draw as many
  samples as there are test samples: these hardly depend on the load of the machine.
  With ``--engine numba``, compilation is not included.

The one-step generator has a benchmark of its own, ``one_step.py``.

``python benchmarks/fields.py`` takes some minutes on two cores and writes a CSV. With
``--released SECONDS`` it then runs the released algorithm (Deng et al.,
arXiv:2602.04770, Algorithm 2) on the four data sets in two columns: a network is
trained with PyTorch for 2000 steps or this many CPU seconds. The script reports how
long it took until the samples were as good as those of the conservative drifter,
relative to the time of the drifter.

``python benchmarks/fields.py --transport`` measures nothing but the transport fields of
``transport.py``, which are not part of the library, beside two that are: with 500
samples from the local and the Gaussian start, and with 800 from a distant start.
"""

import argparse
import itertools
import time
import warnings
from pathlib import Path

import numpy as np
import transport
from datasets import SYNTHETIC, split_of, standardised
from quality import classifier_test
from report import csv_table, write_csv
from sklearn.base import clone

from skdrift import (
    ConservativeDrifter,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift.metrics import coverage, energy_distance, memorization_auc

TABLE = Path(__file__).resolve().parent / "results" / "fields.csv"
N_ROWS, N_FRESH = 2048, 20
ESTIMATORS = {
    "ConservativeDrifter": ConservativeDrifter(),
    "Conservative, matern32, loo": ConservativeDrifter(
        kernel="matern32", self_interaction="leave-one-out"
    ),
    "Conservative, laplace": ConservativeDrifter(kernel="laplace"),
    "SharpDrifter": SharpDrifter(),
    "LaplaceDrifter": LaplaceDrifter(),
    "SinkhornDrifter": SinkhornDrifter(),
    "SoftmaxDrifter": SoftmaxDrifter(),
}
KEYS = ("energy", "C2ST", "coverage", "AUC", "steps", "seconds")


def spirals(n, seed):
    """Two arms of one and a half turns."""
    rng = np.random.default_rng(seed)
    angle = 3 * np.pi * np.sqrt(rng.random(n))
    arm = rng.choice([-1, 1], n)
    curve = np.column_stack([np.cos(angle), np.sin(angle)]) * (arm * angle)[:, None]
    return curve + 0.3 * rng.standard_normal((n, 2))


PLANE = {
    "moons": SYNTHETIC["moons"],
    "gaussians": SYNTHETIC["gaussians"],
    "checkerboard": SYNTHETIC["checkerboard"],
    "spirals": spirals,
}
PROBLEMS = (*PLANE, "wine", "breast_cancer")


def problem(name, seed, n_rows=N_ROWS):
    """Standardised training data, test data and draws of fresh data."""
    if name in PLANE:
        train, test, *fresh = np.split(
            PLANE[name]((2 + N_FRESH) * n_rows, seed), 2 + N_FRESH
        )
    else:
        train, test, fresh = split_of(name, seed)
        fresh = [fresh]
    train, test, *fresh = standardised(train, test, *fresh)
    return train, test, fresh


def measure(name, estimator, seed, n_rows=N_ROWS):
    """The line of one estimator, problem and seed."""
    train, test, fresh = problem(name, seed, n_rows)
    estimator = clone(estimator).set_params(random_state=seed)
    start = time.process_time()
    rows = estimator.fit(train).sample(len(test), random_state=seed)
    seconds = time.process_time() - start
    return {
        "energy": energy_distance(rows, test)
        / np.mean([energy_distance(f, test) for f in fresh]),
        "C2ST": classifier_test(name, rows, test, seed)["C2ST"],
        "coverage": coverage(rows, test)
        / np.mean([coverage(f, test) for f in fresh[:5]]),
        "AUC": memorization_auc(rows, test=test, train=train),
        "steps": estimator.n_iter_,
        "seconds": seconds,
    }


def measured(names, estimators, engine, n_seeds):
    for name, label in itertools.product(names, estimators):
        estimator = clone(ESTIMATORS[label]).set_params(engine=engine)
        rows = problem(name, n_seeds)[0][:100]
        clone(estimator).fit(rows).sample()  # compiles the loops
        lines = [measure(name, estimator, seed) for seed in range(n_seeds)]
        mean = {key: float(np.mean([line[key] for line in lines])) for key in KEYS}
        values = "".join(f"{mean[key]:>10.3g}" for key in KEYS)
        print(f"{name:<14}{label:<28}{values}", flush=True)
        yield {"problem": name, "estimator": label} | mean | {"of_seeds": lines}


TITLES = {
    "energy": (
        "Energy distance, relative to fresh data (1 is best)",
        ".2f",
    ),
    "C2ST": (
        "Classifier two-sample test, area under the ROC curve (0.5 is best)",
        ".2f",
    ),
    "coverage": ("Coverage, relative to fresh data (1 is best)", ".2f"),
    "AUC": ("Memorisation AUC (0.5 for new samples, 1 for copies)", ".2f"),
    "steps": ("Steps of the fitted flow", ".0f"),
    "seconds": ("CPU seconds to fit and sample", ".2g"),
}


def restructured(lines):
    """Tables of the results in reStructuredText."""
    cells = {(line["problem"], line["estimator"]): line for line in lines}
    problems, labels = (
        list(dict.fromkeys(names)) for names in zip(*cells, strict=True)
    )
    header = ["estimator", *problems]

    def row(label, key, form):
        values = [float(cells[name, label][key]) for name in problems]
        return [label, *(f"{value:{form}}" for value in values)]

    return "\n".join(
        csv_table(title, header, [row(label, key, form) for label in labels])
        for key, (title, form) in TITLES.items()
    )


# -- the released algorithm ------------------------------------------------------------


def released_steps(train, seed, n_steps=2000, batch=1024, width=256, tau=0.3):
    """Rows drawn by the network after every step of its training."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    data = torch.tensor(train, dtype=torch.float32)
    network = nn.Sequential(
        *(nn.Linear(32, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()),
        *(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2)),
    )
    adam = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(n_steps):
        x = network(torch.randn(batch, 32))
        with torch.no_grad():
            y = data[torch.randint(len(data), (batch,))]
            target = x + _released_drift(torch, x, y, tau)
        adam.zero_grad()
        ((x - target) ** 2).mean().backward()
        adam.step()
        with torch.no_grad():
            yield lambda: network(torch.randn(N_ROWS, 32)).double().numpy()


def _released_drift(torch, x, y, tau):
    """Algorithm 2 of arXiv:2602.04770, for one temperature."""
    distance = torch.cdist(x, torch.cat([x, y]))
    distance[:, : len(x)].fill_diagonal_(float("inf"))
    logits = -distance / tau
    a = torch.sqrt(logits.softmax(dim=1) * logits.softmax(dim=0))
    negative, positive = a[:, : len(x)], a[:, len(x) :]
    pull = (positive * negative.sum(dim=1, keepdim=True)) @ y
    push = (negative * positive.sum(dim=1, keepdim=True)) @ x
    return pull - push


def time_to(energy, name, seed, limit, every=20):
    """Seconds until the network reaches an energy multiple, and its best multiple."""
    train, test, fresh = problem(name, seed)
    of_fresh = np.mean([energy_distance(f, test) for f in fresh])
    best, spent, start = np.inf, 0.0, time.process_time()
    for step, draw in enumerate(released_steps(train, seed), start=1):
        if step % every:
            continue
        spent += time.process_time() - start
        best = min(best, energy_distance(draw(), test) / of_fresh)
        if best <= energy or spent > limit:
            break
        start = time.process_time()  # exclude the evaluation
    return (spent if best <= energy else np.inf), best, step, spent


def compare_with_released(lines, limit):
    for line in lines:
        if line["estimator"] != "ConservativeDrifter" or line["problem"] not in PLANE:
            continue
        for seed, ours in enumerate(line["of_seeds"]):
            seconds, best, steps, spent = time_to(
                max(ours["energy"], 1.2), line["problem"], seed, limit
            )
            factor = spent / ours["seconds"]
            reached = f"{factor:.0f} times the seconds"
            if not np.isfinite(seconds):
                reached = f"not reached in {reached} (best {best:.2f})"
            print(
                f"{line['problem']:<14}seed {seed}, to {max(ours['energy'], 1.2):.2f}: "
                f"{steps} steps, {spent:.0f} s, {reached}",
                flush=True,
            )


# -- transport fields ------------------------------------------------------------------


def measure_transport(names, engine, n_seeds, n_rows=500, columns=(2, 10, 30)):
    """Print the means over seeds of all transport fields, from three starts."""
    for label, estimator in transport.FIELDS.items():
        estimator = clone(estimator).set_params(engine=engine)
        clone(estimator).fit(problem(names[0], n_seeds)[0][:100]).sample()  # compiles
        for name, start in itertools.product(names, ("local", "gaussian")):
            estimator.set_params(start=start)
            lines = [measure(name, estimator, seed, n_rows) for seed in range(n_seeds)]
            _print_means(f"{name}, {start}", label, lines)
        for d in columns:
            lines = [transport.from_afar(estimator, d, seed) for seed in range(n_seeds)]
            _print_means(f"{d} columns, afar", label, lines)


def _print_means(where, label, lines):
    means = (f"{key} {np.mean([line[key] for line in lines]):.3g}" for key in lines[0])
    print(f"{where:<24}{label:<22}{'  '.join(means)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=PROBLEMS)
    parser.add_argument("--estimators", nargs="+", choices=ESTIMATORS)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--transport", action="store_true")
    parser.add_argument("--released", type=float, metavar="SECONDS")
    parser.add_argument(
        "--csv", type=Path, help=f"default: {TABLE}, if all is measured"
    )
    parser.add_argument("--table", type=Path, help="file to write reStructuredText to")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.transport:
        return measure_transport(arguments.problems, arguments.engine, arguments.seeds)
    print(f"{'problem':<14}{'estimator':<28}{''.join(f'{key:>10}' for key in KEYS)}")
    lines = [
        *measured(
            arguments.problems,
            arguments.estimators or ESTIMATORS,
            arguments.engine,
            arguments.seeds,
        )
    ]
    path = arguments.csv
    if arguments.problems == PROBLEMS and arguments.estimators is None:
        path = path or TABLE
    if path is not None:
        columns = ("problem", "estimator", *KEYS)
        write_csv(path, [{key: line[key] for key in columns} for line in lines])
    if arguments.table is not None:
        arguments.table.write_text(restructured(lines))
    if arguments.released is not None:
        compare_with_released(lines, arguments.released)


if __name__ == "__main__":
    main()
