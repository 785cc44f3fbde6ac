"""Seconds of complete fits and draws, by the default engine.

Five clusters, default parameters. Every case is a process of its own, which first does
the same on 300 rows, twice: the lines "first" and "second" show what a new process
costs when the compiled code is on disk. That code is then loaded by a third fit. The
seconds of the processor, of all threads, tell more than those on the wall where other
programs run.

Run ``python benchmarks/fit_times.py``; ``--engine numpy`` for another engine, and
``--repeat 3`` for medians.
"""

import argparse
import subprocess
import sys
import time
import warnings
from statistics import median

from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

# Rows, columns, draws.
CASES = (
    (300, 5, 300),
    (2000, 10, 2000),
    (5000, 10, 5000),
    (10_000, 10, 10_000),
    (100_000, 2, 100_000),
)


def fit_and_draw(n, d, draws, engine):
    """Seconds on the wall and of the processor, of a fit and of its draws."""
    from skdrift import ConservativeDrifter

    X, _ = make_blobs(n, d, centers=5, random_state=0)
    times = [clocks()]
    drifter = ConservativeDrifter(engine=engine, random_state=0).fit(X)
    times.append(clocks())
    drifter.sample(draws)
    times.append(clocks())
    (wall_0, cpu_0), (wall_1, cpu_1), (wall_2, cpu_2) = times
    return (
        drifter.engine_,
        wall_1 - wall_0,
        wall_2 - wall_1,
        cpu_1 - cpu_0,
        cpu_2 - cpu_1,
    )


def clocks():
    return time.perf_counter(), time.process_time()


def measure(n, d, draws, engine):
    """Print the lines of one process."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for what in ("first", "second"):
        print_line(f"300 x {d}, {what}", *fit_and_draw(300, d, 300, engine))
    fit_and_draw(300, d, 300, "numba")
    print_line(f"{n} x {d}", *fit_and_draw(n, d, draws, engine))


def print_line(what, engine, *seconds):
    print(what, engine, *(f"{s:.3f}" for s in seconds), sep=";", flush=True)


def in_new_processes(case, engine, repeat):
    """Medians of the lines that new processes print."""
    command = [sys.executable, __file__, "--engine", engine]
    command += ["--case", *map(str, case)]
    runs = []
    for _ in range(repeat):
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append([line.split(";") for line in run.stdout.splitlines()])
    for lines in zip(*runs, strict=True):
        seconds = zip(*(line[2:] for line in lines), strict=True)
        yield *lines[0][:2], *(median(map(float, values)) for values in seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument(
        "--case", type=int, nargs=3, metavar=("ROWS", "COLUMNS", "DRAWS")
    )
    options = parser.parse_args()
    if options.case:
        measure(*options.case, options.engine)
        return
    print(f"{'':24}{'engine':>8}{'fit':>9}{'draw':>9}{'fit cpu':>9}{'draw cpu':>9}")
    for case in CASES:
        for what, engine, *seconds in in_new_processes(
            case, options.engine, options.repeat
        ):
            numbers = "".join(f"{s:9.2f}" for s in seconds)
            print(f"{what:24}{engine:>8}{numbers}", flush=True)


if __name__ == "__main__":
    main()
