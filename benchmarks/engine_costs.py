"""Constants by which ``engine="auto"`` estimates seconds: skdrift/engines/_costs.py.

Numba is held to one thread, and OMP_NUM_THREADS=1 is set for the others: the choice is
between engines, not between machines. A start is that of a new process; "cold" has an
empty folder for compiled code.

Run ``python benchmarks/engine_costs.py``; it takes about a minute.
"""

import os
import subprocess
import sys
import tempfile
import time

os.environ.update(OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import numpy as np

from skdrift.engines import NufftEngine, NumbaEngine, NumpyEngine
from skdrift.fields import conservative
from skdrift.kernels import Gaussian

PROFILES = conservative(Gaussian())
SIZES = 30, 300, 1500, 4000
COLUMNS = 2, 5, 10, 30
FEW_COLUMNS_SIZES = 3000, 10_000, 100_000

START = """
import time, sys
import numpy as np
from skdrift import engines, fields, kernels
x = np.random.default_rng(0).standard_normal((100, 2))
start = time.perf_counter()
engine = getattr(engines, sys.argv[1])()
engine.bind(x).reduce(x, fields.conservative(kernels.Gaussian()), 0.5)
print(time.perf_counter() - start)
"""


def seconds(engine, n, d):
    """Least seconds of a reduction of n queries and sources."""
    x = np.random.default_rng(0).standard_normal((n, d))
    sources = engine().bind(x)
    h, times = 0.3 * d**0.5, []
    for _ in range(3 if n >= 1000 else 20):
        start = time.perf_counter()
        sources.reduce(x, PROFILES, h, np.arange(n))
        times.append(time.perf_counter() - start)
    return min(times)


def fitted(rows, times):
    """Nonnegative coefficients of the least relative errors."""
    from scipy.optimize import nnls

    rows, times = np.array(rows), np.array(times)
    return nnls(rows / times[:, None], np.ones(len(times)))[0]


def start(engine, **environment):
    command = [sys.executable, "-c", START, engine.__name__]
    environment = {**os.environ, **environment}
    return float(subprocess.check_output(command, env=environment, text=True))


def of_pairs(engine):
    """Constants of an engine that visits every pair."""
    seconds(engine, 30, 2)
    cases = [(n, d) for n in SIZES for d in COLUMNS]
    times = [seconds(engine, n, d) for n, d in cases]
    rows = [(1, n * n, n * n * d) for n, d in cases]
    reduction, pair, coordinate = fitted(rows, times)
    return reduction, 0.0, pair, coordinate


def of_points(d):
    """Constants of the spectral engine in d columns."""
    seconds(NufftEngine, 3000, d)
    times = [seconds(NufftEngine, n, d) for n in FEW_COLUMNS_SIZES]
    # A query counts as two points; half of a step of a field.
    rows = [(1, 2 * n) for n in FEW_COLUMNS_SIZES]
    reduction, point = fitted(rows, times)
    return reduction, point, 0.0, 0.0


def starts(engine):
    """Seconds of the first reduction, without and with compiled code on disk."""
    with tempfile.TemporaryDirectory() as folder:
        cold = start(engine, NUMBA_CACHE_DIR=folder)
        return cold, start(engine, NUMBA_CACHE_DIR=folder)


def main():
    print("engine     reduction     point      pair  coordinate    cold  on disk")
    print_line("numpy", of_pairs(NumpyEngine), (0.0, 0.0))
    print_line("numba", of_pairs(NumbaEngine), starts(NumbaEngine))
    if NufftEngine.unavailable_reason() is None:
        begin = starts(NufftEngine)
        for d in (1, 2, 3):
            print_line(f"nufft, {d}", of_points(d), begin)


def print_line(name, constants, begin):
    numbers = "".join(f"{number:11.1e}" for number in constants)
    print(f"{name:9}{numbers}{begin[0]:9.2f}{begin[1]:9.2f}", flush=True)


if __name__ == "__main__":
    main()
