"""Number of steps that the drifters need, by the number of annealing steps.

Every drifter (the sharp field is also the conservative field of the Matérn 3/2 kernel)
is fitted to 2048 samples of four distributions in two columns, with several numbers of
annealing steps, from both starts, with and without early stopping. After every other
step the energy distance of 2048 particles to six fresh samples is measured, relative to
the mean distance between two fresh samples. Each line of the table is a mean over the
seeds:

* ``steps``: steps after which the mean ratio stays at most 1.2 (empty: never);
* ``steps_paired``: the same, relative to ``rows``;
* ``final``: ratio at the end, after 60 steps at most, or where the flow stopped;
* ``rows``: ratio of the training data, which is 1 on average;
* ``taken``: steps until the end;
* ``auc``: memorisation AUC at the end;
* ``stopped_by``: why each flow stopped.

    python benchmarks/annealing.py          # all, an hour on one core
    python benchmarks/annealing.py --fields sharp --starts local
"""

import argparse
import warnings
from itertools import chain, product
from pathlib import Path

import numba
import numpy as np
from datasets import checkerboard, ring, thinned
from report import write_as_measured
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from skdrift import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from skdrift._data._neighbors import even_choice

TABLE = Path(__file__).resolve().parent / "results" / "annealing.csv"
N_ROWS = 2048
N_FRESH = 6
N_STEPS = 60
SMALL_ENOUGH = 1.2

FIELDS = {
    "gaussian": lambda **options: ConservativeDrifter(**options),
    "laplace": lambda **options: ConservativeDrifter(kernel="laplace", **options),
    "sharp": lambda **options: SharpDrifter(**options),
    "displacement": lambda **options: LaplaceDrifter(**options),
}


def spirals(n, seed):
    """Two arms of one and a half turns, 0.3 apart, of standard deviation 0.03."""
    rng = np.random.default_rng(seed)
    angle = np.pi * (0.5 + 3 * np.sqrt(rng.random(n)))
    radius = rng.choice([-1, 1], n) * angle / (3.5 * np.pi)
    arm = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return arm + 0.03 * rng.standard_normal((n, 2))


DATA_SETS = {
    "gaussians": ring(8, sd=0.1),
    "checkerboard": checkerboard,
    "moons": thinned(make_moons, noise=0.06),
    "spirals": spirals,
}


@numba.njit(fastmath=True)
def mean_distance(x, y):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            total += np.sqrt((x[i, 0] - y[j, 0]) ** 2 + (x[i, 1] - y[j, 1]) ** 2)
    return total / (len(x) * len(y))


def judge(draw, seed):
    """Function that measures the distance of samples from fresh ones.

    It is the energy distance relative to the mean distance of two fresh samples.
    """
    fresh = draw(N_FRESH * N_ROWS, 1000 + seed)
    within = np.mean([mean_distance(part, part) for part in np.split(fresh, N_FRESH)])
    # The distance of a sample to itself is 0, which leaves 2 E|X - X'| / n.
    scale = 2 * within / (N_ROWS - 1)

    def ratio(x):
        given = even_choice(x / x.std(axis=0), N_ROWS, np.random.RandomState(0))
        x = np.ascontiguousarray(x[given])  # as `sample` returns part of an ensemble
        return (2 * mean_distance(x, fresh) - mean_distance(x, x) - within) / scale

    return ratio


def fitted(field, train, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        drifter = FIELDS[field](
            max_iter=N_STEPS, engine="numba", columns="free", **options
        )
        return drifter.fit(train)


def course(drifter, ratio):
    """Ratio after every other step; the last one stays."""
    ensembles = drifter.trajectory()
    ratios = [ratio(x) for x in (*ensembles[:-1:2], ensembles[-1])]
    return np.append(ratios, np.full(N_STEPS // 2 + 1 - len(ratios), ratios[-1]))


def settled(ratios):
    """Steps after which the ratio stays small, or an empty string."""
    above = np.flatnonzero(ratios > SMALL_ENOUGH)
    steps = 2 * (above[-1] + 1) if len(above) else 0
    return steps if steps <= N_STEPS else ""


def lines(field, start, data, annealings, seeds):
    judges = [judge(DATA_SETS[data], seed) for seed in seeds]
    trains = [DATA_SETS[data](N_ROWS, seed) for seed in seeds]
    rows = np.mean([ratio(train) for ratio, train in zip(judges, trains, strict=True)])
    for annealing in annealings:
        drifters = None
        for early in (True, False):
            if drifters is None or may_differ(drifters, start):
                drifters = [
                    fitted(
                        field,
                        train,
                        start=start,
                        annealing=annealing,
                        early_stopping=early,
                        random_state=seed,
                    )
                    for train, seed in zip(trains, seeds, strict=True)
                ]
                ratios = np.mean([*map(course, drifters, judges)], axis=0)
            yield {
                "field": field,
                "start": start,
                "data": data,
                "annealing": annealing,
                "early_stopping": early,
                "steps": settled(ratios),
                "steps_paired": settled(ratios / rows),
                "final": round(ratios[-1], 3),
                "rows": round(rows, 3),
                "taken": round(np.mean([d.n_iter_ for d in drifters]), 1),
                "auc": round(np.mean([d.memorization_auc_ for d in drifters]), 3),
                "stopped_by": " ".join(d.stopped_by_ for d in drifters),
            }


def may_differ(drifters, start):
    """Whether early stopping may have changed the result."""
    stopped = any(drifter.stopped_by_ == "memorization" for drifter in drifters)
    return start == "local" or stopped


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--fields", nargs="+", default=FIELDS, choices=FIELDS)
    parser.add_argument("--starts", nargs="+", default=["local", "gaussian"])
    parser.add_argument("--data", nargs="+", default=DATA_SETS, choices=DATA_SETS)
    parser.add_argument("--annealing", nargs="+", type=int, default=[0, 5, 10, 20, 40])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    cases = product(options.fields, options.starts, options.data)
    measured = (lines(*case, options.annealing, options.seeds) for case in cases)
    write_as_measured(options.table, chain.from_iterable(measured))


if __name__ == "__main__":
    main()
