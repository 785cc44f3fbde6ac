"""Fits to data that are never in the memory of one process: time and memory.

The data are five Gaussians in 10 columns. ``iterable`` fits to chunks of 100,000 rows
that are made one after the other; ``dask`` to the same rows as a Dask array, made by
two worker processes of one thread and 2 GB each on this machine; ``all`` does so with
``batch_size=None``, where all rows attract the particles; ``scaling`` compares the sums
over all rows, kept by the workers, of one and of two of them. Each part runs in a
process of its own, whose peak of resident memory is printed, with the load of the
machine.

    python benchmarks/chunks.py                      # iterable, dask and scaling
    python benchmarks/chunks.py --parts all --rows 1000000
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np

from skdrift import ConservativeDrifter
from skdrift.bandwidth import conservative_rate
from skdrift.fields import conservative
from skdrift.kernels import Gaussian

N_COLUMNS, CHUNK = 10, 100_000
CENTRES = np.random.default_rng(7).uniform(-10, 10, (5, N_COLUMNS))
PARTICLES, REPEATS = 2000, 5
PARTS = "iterable", "dask", "all", "scaling"


def clusters(n, seed):
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 5, n)] + rng.normal(size=(n, N_COLUMNS))


def lazy_clusters(n):
    """The same rows as a Dask array, made where they are needed."""
    import dask.array as da
    from dask import delayed

    make = delayed(clusters)
    return da.concatenate(
        [
            da.from_delayed(make(CHUNK, i), (CHUNK, N_COLUMNS), float)
            for i in range(n // CHUNK)
        ]
    )


def start(n_workers):
    from distributed import Client

    return Client(
        n_workers=n_workers,
        threads_per_worker=1,
        memory_limit="2GB",
        dashboard_address=":0",
    )


def peak():
    """Peak of resident memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def fit(X, **parameters):
    drifter = ConservativeDrifter(random_state=0, **parameters)
    began = time.perf_counter()
    drifter.fit(X)
    return drifter, time.perf_counter() - began


def report(what, n, seconds, drifter, workers=()):
    others = ", ".join(f"{mb:.0f}" for mb in workers)
    print(
        f"{what}: {n} rows, {seconds:.0f} s, peak {peak():.0f} MB"
        + (f" (workers {others})" if others else "")
        + f"; {len(drifter.flow_.rows.rows)} rows kept, bandwidth "
        f"{drifter.bandwidth_:.3f}, AUC {drifter.memorization_auc_:.3f}"
    )


def iterable(n):
    drifter, seconds = fit(clusters(CHUNK, i) for i in range(n // CHUNK))
    report("iterable", n, seconds, drifter)


def dask(n, **parameters):
    with start(2) as client:
        drifter, seconds = fit(lazy_clusters(n), **parameters)
        report("dask", n, seconds, drifter, client.run(peak).values())


def all_rows(n):
    dask(n, batch_size=None, n_particles=PARTICLES)


def scaling(n):
    """Seconds of one reduction over all rows with one worker and with two."""
    from skdrift.engines._blocks import Blocks

    x = clusters(PARTICLES, 10**6)
    h = conservative_rate(n, N_COLUMNS)
    seconds, work = [], []
    for n_workers in (1, 2):
        with start(n_workers) as client:
            blocks = Blocks(lazy_clusters(n))
            summary = blocks.summary(0, 0)
            sources = blocks.bind(Identity(), summary)
            sources.reduce(x, conservative(Gaussian()), h)  # makes and binds them
            times, before = [], sum(client.run(time.process_time).values())
            for i in range(REPEATS):
                began = time.perf_counter()
                sources.reduce(x + i * 1e-3, conservative(Gaussian()), h)
                times.append(time.perf_counter() - began)
            work.append(sum(client.run(time.process_time).values()) - before)
        seconds.append(statistics.median(times))
    one, two = seconds
    print(
        f"scaling: {n} rows, {PARTICLES} particles, {one:.2f} s with one worker, "
        f"{two:.2f} s with two: efficiency {one / two / 2:.0%}; of processor time "
        f"{work[0] / REPEATS:.2f} s and {work[1] / REPEATS:.2f} s: "
        f"{work[0] / work[1]:.0%}"
    )


class Identity:
    """Units of the data."""

    @staticmethod
    def to_internal(X):
        """The same."""
        return X


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10**7)
    parser.add_argument("--parts", nargs="+", choices=PARTS)
    options = parser.parse_args()
    parts = options.parts or ("iterable", "dask", "scaling")
    if len(parts) > 1:
        for part in parts:
            command = [sys.executable, __file__, "--parts", part]
            subprocess.run([*command, "--rows", str(options.rows)], check=True)
        return
    warnings.simplefilter("ignore")
    run = {"iterable": iterable, "dask": dask, "all": all_rows, "scaling": scaling}
    run[parts[0]](options.rows)
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", flush=True)


if __name__ == "__main__":
    main()
