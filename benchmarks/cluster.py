"""One step of a field with the dask engine, compared with the engines of one process.

A *step* is the velocity of n particles towards n standard normal samples in 10 columns,
in float64, with the Gaussian kernel at the default bandwidth: two reductions of n^2
pairs. The cluster has as many worker processes of one thread as there are cores, all on
this machine, so the difference from Numba with as many threads is the cost of
communication. Sending is the time of a first step with few queries: data and particles
are sent and bound, and hardly a pair is summed.

Engines run in turn, and medians are printed; NumPy's times are extrapolated from a part
of the particles where that is not all of them. The smallest n is just above the number
of pairs from which the dask engine uses its workers.

Run ``python benchmarks/cluster.py``; ``--quick`` uses small n only, to try it. It
writes ``benchmarks/results/cluster.csv``; ``--quick`` does not.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import numpy as np
from distributed import Client
from report import write_csv

from skdrift.bandwidth import conservative_rate
from skdrift.engines import DaskEngine, NumbaEngine, NumpyEngine
from skdrift.fields import DriftField, conservative
from skdrift.kernels import Gaussian

N_COLUMNS = 10
# Number of particles and rows, and of steps.
SIZES = ((2000, 15), (20_000, 9), (100_000, 1))
MAX_NUMPY_PAIRS = 2e8
TABLE = Path(__file__).resolve().parent / "results" / "cluster.csv"


def timed(call, *arguments):
    start = time.perf_counter()
    result = call(*arguments)
    return time.perf_counter() - start, result


def seconds_per_step(n, n_steps):
    """Row of the table."""
    rows, particles = np.random.default_rng(0).standard_normal((2, n, N_COLUMNS))
    h = conservative_rate(n, N_COLUMNS)
    few = min(n, int(MAX_NUMPY_PAIRS // n))
    numpy, numba, dask = (
        DriftField(conservative(Gaussian())).bind(engine(), rows)
        for engine in (NumpyEngine, NumbaEngine, DaskEngine)
    )
    # The data, the particles, and one query more than this process computes itself.
    first, _ = timed(dask.at, particles[: int(3e6 // n) + 1], particles, h)
    seconds = {"numba": [], "dask": []}
    for step in range(n_steps):
        x = particles + 1e-3 * step
        results = {}
        for name, field in (("numba", numba), ("dask", dask)):
            elapsed, results[name] = timed(field.on_particles, x, h)
            seconds[name].append(elapsed)
    part, v = timed(numpy.at, x[:few], x, h)
    return {
        "n": n,
        "numpy": part * n / few,
        **{name: statistics.median(times) for name, times in seconds.items()},
        "dask_sending": first,
        "difference": max(
            float(np.abs(v - result[:few]).max() / h) for result in results.values()
        ),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small n, no CSV")
    arguments = parser.parse_args()
    table = []
    with Client(n_workers=os.cpu_count(), threads_per_worker=1, dashboard_address=":0"):
        seconds_per_step(2000, 1)  # compilation, and imports of the workers
        for n, n_steps in SIZES[: 1 if arguments.quick else None]:
            table.append(seconds_per_step(n, n_steps))
            row = {name: f"{value:.3g}" for name, value in table[-1].items()}
            print(*(f"{name} {value}" for name, value in row.items()), sep=", ")
    if not arguments.quick:
        write_csv(TABLE, table)


if __name__ == "__main__":
    main()
