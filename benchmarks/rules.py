"""Rules of the theory compared with the defaults: bandwidth and step size.

Every drifter is fitted to moons and eight Gaussians (1000 samples) and to the halves of
two tables, with every rule of its bandwidth and step size. It draws as many samples as
there are test samples. Columns are standardised by the training data. Each line of the
table shows means over the seeds:

* ``h``: ``bandwidth_``, in standard deviations;
* ``step``: mean step size;
* ``energy``, ``sliced``: energy distance and sliced Wasserstein distance to the test
  data, relative to fresh data (ten further draws, or the training half of a table): 1
  is best;
* ``auc``: memorisation AUC, 0.5 for new samples, 1 for copies;
* ``steps``, ``seconds``: of the fit, in CPU seconds;
* ``stopped_by``: why each flow stopped.

    python benchmarks/rules.py                  # some ten minutes on one core
    python benchmarks/rules.py --data wine
    python benchmarks/rules.py --constants      # constants of the power laws

With ``--constants`` it prints the constants of :func:`rate_constants` instead, between
the start and the data: with the field at its own bandwidth, and at the bandwidth of the
default rate.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from datasets import N_ROWS, SYNTHETIC, split_of, standardised
from report import write_as_measured
from sklearn.exceptions import ConvergenceWarning

from skdrift import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from skdrift.diagnostics import rate_constants
from skdrift.metrics import (
    energy_distance,
    memorization_auc,
    sliced_wasserstein_distance,
)

TABLE = Path(__file__).resolve().parent / "results" / "rules.csv"
DATA_SETS = ("moons", "gaussians", "wine", "breast_cancer")
N_FRESH = 10
CASES = [
    (ConservativeDrifter, "rate", 1.0),
    (ConservativeDrifter, "scott", 1.0),
    (ConservativeDrifter, "balance", 1.0),
    (ConservativeDrifter, "rate", "lipschitz"),
    (ConservativeDrifter, "balance", "lipschitz"),
    (SharpDrifter, "rate", 1.0),
    (SharpDrifter, "scott", 1.0),
    (SharpDrifter, "balance", 1.0),
    (SharpDrifter, "rate", "lipschitz"),
    (LaplaceDrifter, "rate", 1.0),
    (LaplaceDrifter, "scott", 1.0),
    (LaplaceDrifter, "occupancy", 1.0),
    (LaplaceDrifter, "rate", "lipschitz"),
]


def distances(rows, test):
    return np.array(
        [
            energy_distance(rows, test),
            sliced_wasserstein_distance(rows, test, random_state=0),
        ]
    )


def split(data, seed):
    """Training and test rows, and distances of fresh rows to the test rows."""
    train, test, fresh = split_of(data, seed)
    fresh = [fresh]
    if data in SYNTHETIC:
        fresh = np.split(SYNTHETIC[data](N_FRESH * N_ROWS, 100 + seed), N_FRESH)
    train, test, *fresh = standardised(train, test, *fresh)
    return train, test, np.mean([distances(rows, test) for rows in fresh], axis=0)


def fitted(drifter, bandwidth, step_size, train, seed):
    drifter = drifter(
        bandwidth=bandwidth,
        step_size=step_size,
        columns="free",
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        begin = time.process_time()
        drifter.fit(train)
    return drifter, time.process_time() - begin


def line(data, case, splits):
    reached, fresh, rest, stopped_by = [], [], [], []
    for seed, (train, test, of_fresh) in enumerate(splits):
        drifter, seconds = fitted(*case, train, seed)
        rows = drifter.sample(len(test))
        reached.append(distances(rows, test))
        fresh.append(of_fresh)
        steps = drifter.history_["step_size"][:-1]
        auc = memorization_auc(rows, test=test, train=train)
        step = steps.mean() if len(steps) else np.nan  # stopped before the first
        rest.append((drifter.bandwidth_, step, auc, drifter.n_iter_, seconds))
        stopped_by.append(drifter.stopped_by_)
    energy, sliced = np.mean(reached, axis=0) / np.mean(fresh, axis=0)
    h, step, auc, n_steps, seconds = np.mean(rest, axis=0)
    return {
        "data": data,
        "drifter": case[0].__name__,
        "bandwidth": case[1],
        "step_size": case[2],
        "h": round(h, 3),
        "step": "" if np.isnan(step) else round(step, 3),
        "energy": round(energy, 2),
        "sliced": round(sliced, 2),
        "auc": round(auc, 3),
        "steps": round(n_steps, 1),
        "seconds": round(seconds, 2),
        "stopped_by": " ".join(stopped_by),
    }


def constants(data, splits):
    """Constants of the rates between starts and data, in the range of the rule."""
    for seed, (train, _, _) in enumerate(splits):
        drifter, _ = fitted(ConservativeDrifter, "rate", 1.0, train, seed)
        h = drifter.bandwidth_
        for field_bandwidth in (None, h):
            found = rate_constants(
                drifter.start_,
                train,
                h * np.geomspace(0.5, 2, 5),
                field_bandwidth=field_bandwidth,
                random_state=seed,
            )
            field = "own" if field_bandwidth is None else "rate"
            yield {
                "data": data,
                "seed": seed,
                "field_bandwidth": field,
                "rate": round(h, 3),
                **{
                    name: f"{getattr(found, name).value:.3g} ± "
                    f"{getattr(found, name).error:.1g}"
                    for name in ("A", "B", "beta", "slope", "bandwidth")
                },
            }


def lines(options):
    for data in options.data:
        splits = [split(data, seed) for seed in range(options.seeds)]
        if options.constants:
            yield from constants(data, splits)
        else:
            for case in CASES:
                yield line(data, case, splits)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", default=DATA_SETS, choices=DATA_SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--constants", action="store_true")
    parser.add_argument("--table", type=Path, default=None)
    options = parser.parse_args()
    name = "rules_constants.csv" if options.constants else TABLE.name
    table = options.table or TABLE.with_name(name)
    write_as_measured(table, lines(options))


if __name__ == "__main__":
    main()
