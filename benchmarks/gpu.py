"""Checks and speed of the sums on a GPU, in one run of a few minutes.

Checks, each with its largest error, and an exit status of 1 if one is too large:

* the KeOps engine, with its arrays in PyTorch on the device and as it takes arrays of
  NumPy, against the NumPy engine in float64: Gaussian and Laplace kernel, value and
  slope, weights and deleted sources, float64 and float32;
* a fit and its draws with ``engine="keops"`` against ``engine="numpy"``.

Then the table: seconds of a Gaussian reduction, the median of five, in float32, by

* ours: the KeOps engine with its sources on the device, queries and results copied;
* NumPy arrays: the same, everything copied in every call;
* dense: the same in plain PyTorch (:mod:`peers`), up to 100,000 rows;
* numba: the compiled engine on the CPU, up to 100,000 rows.

And of a step of a flow, as many particles as rows:

* velocity: both sums, from particles of NumPy to velocities of NumPy;
* copies: the part of it that copies particles to the device, and as many numbers back.

Without a GPU everything runs on the CPU, with few rows: that the script works.

    python benchmarks/gpu.py
"""

import argparse
import sys
from functools import partial
from itertools import product
from statistics import median
from time import perf_counter

import numpy as np
from peers import torch_dense, torch_missing

from skdrift import ConservativeDrifter
from skdrift.bandwidth import conservative_rate
from skdrift.engines import KeopsEngine, NumbaEngine, NumpyEngine, Profiles
from skdrift.fields import DriftField, conservative
from skdrift.kernels import Gaussian, Matern

LARGEST_ERROR = {np.float64: 1e-11, np.float32: 1e-4}
MOST_DENSE = 100_000
REPETITIONS = 5


class HostKeops(KeopsEngine):
    """KeOps with arrays of NumPy, also where PyTorch finds a GPU."""

    def _memory(self):
        from skdrift.engines import _keops

        return _keops._HostMemory()


def errors_of_sums(engine, dtype):
    """Largest errors of the log normaliser and the displacement, by case."""
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=(2, 700, 3)).astype(dtype)
    log_weights = np.log(rng.dirichlet(np.ones(700))).astype(dtype)
    deleted = np.where(rng.random(700) < 0.5, rng.integers(0, 700, 700), -1)
    for kernel, pull in product((Gaussian(), Matern(0.5)), ("value", "slope")):
        profiles = Profiles(kernel, pull)
        found = engine.bind(y, log_weights).reduce(x, profiles, 0.5, deleted)
        exact = NumpyEngine().bind(y.astype(float), log_weights.astype(float))
        expected = exact.reduce(x.astype(float), profiles, 0.5, deleted)
        error = max(
            np.max(np.abs(a - b) / (1 + np.abs(b)))
            for a, b in zip(found, expected, strict=True)
        )
        yield f"{kernel}, {pull}", error


def error_of_fit():
    X = np.random.default_rng(0).normal(size=(400, 3))
    draws = [
        ConservativeDrifter(engine=engine, random_state=0).fit(X).sample(400)
        for engine in ("keops", "numpy")
    ]
    return np.max(np.abs(draws[0] - draws[1]))


def check(device):
    """Print the checks; return whether all passed."""
    passed = True

    def report(what, error, largest):
        nonlocal passed
        passed &= bool(error <= largest)
        verdict = "" if error <= largest else f", more than {largest:.0e}"
        print(f"{what:50} error {error:.1e}{verdict}", flush=True)

    engines = {f"on {device}": KeopsEngine(device), "NumPy arrays": HostKeops()}
    for (where, engine), dtype in product(engines.items(), LARGEST_ERROR):
        for what, error in errors_of_sums(engine, dtype):
            name = f"{where}, {np.dtype(dtype)}, {what}"
            report(name, error, LARGEST_ERROR[dtype])
    report("fit and draws, float64", error_of_fit(), 1e-8)
    return passed


def seconds(call):
    call()  # compiles
    times = []
    for _ in range(REPETITIONS):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return median(times)


def print_table(device, sizes, columns):
    names = "ours", "NumPy arrays", "dense", "numba"
    print(f"\n{'columns':>8}{'rows':>9}" + "".join(f"{name:>14}" for name in names))
    profiles = Profiles(Gaussian())
    for d, n in product(columns, sizes):
        rng = np.random.default_rng(0)
        Y, X = rng.normal(size=(2, n, d)).astype(np.float32)
        h = conservative_rate(n, d)

        def reduction(engine, X=X, Y=Y, h=h):
            sources = engine.bind(Y)
            return lambda: sources.reduce(X, profiles, h)

        calls = [reduction(KeopsEngine(device)), reduction(HostKeops())]
        if n <= MOST_DENSE:
            calls += [torch_dense(device)(X, Y, h), reduction(NumbaEngine())]
        times = "".join(f"{seconds(call):14.5f}" for call in calls)
        print(f"{d:8}{n:9}{times}", flush=True)


def print_steps(device, sizes, columns):
    names = "velocity", "copies"
    print(f"\n{'columns':>8}{'rows':>9}" + "".join(f"{name:>14}" for name in names))
    engine, field = KeopsEngine(device), DriftField(conservative(Gaussian()))
    for d, n in product(columns, sizes):
        Y, X = np.random.default_rng(0).normal(size=(2, n, d)).astype(np.float32)
        bound, h = field.bind(engine, Y), conservative_rate(n, d)
        velocity = seconds(partial(bound.on_particles, X, h))
        copies = seconds(lambda X=X: engine.fetch(engine.place(X)))
        print(f"{d:8}{n:9}{velocity:14.5f}{copies:14.5f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--columns", type=int, nargs="+", default=[2, 10, 64])
    parser.add_argument("--rows", type=int, nargs="+")
    options = parser.parse_args()
    if (reason := torch_missing("cpu")) is not None:
        sys.exit(reason)
    device = "cpu" if torch_missing("cuda") else "cuda"
    if device == "cpu":
        print("No GPU is found: everything runs on the CPU.")
    passed = check(device)
    few, many = [2000], [10_000, 100_000, 1_000_000]
    sizes = options.rows or (few if device == "cpu" else many)
    print_table(device, sizes, options.columns)
    print_steps(device, sizes, options.columns)
    sys.exit(not passed)


if __name__ == "__main__":
    main()
