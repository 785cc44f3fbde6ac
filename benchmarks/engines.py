"""Time one reduction (log Z and D, Gaussian kernel, default bandwidth) per engine.

Standard normal data and queries. Engines that visit every pair are timed on as many
queries as they manage in some seconds, and extrapolated; the ratio is to NumPy, and
the error the largest difference from it on those queries, in bandwidths.

Run ``python benchmarks/engines.py --n 10000 100000 1000000 --d 1 2 3``.
"""

import argparse
import time

import numpy as np

from skdrift.bandwidth import conservative_rate
from skdrift.engines import KeopsEngine, NufftEngine, NumpyEngine, Work
from skdrift.fields import conservative
from skdrift.kernels import Gaussian

# Pairs of query and source to which the exact engines are limited.
MAX_PAIRS = 1e9


def timed(sources, queries, profiles, h):
    """Median time of three calls, after one that compiles, and the result."""
    sources.reduce(queries[:100], profiles, h)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        result = sources.reduce(queries, profiles, h)
        times.append(time.perf_counter() - begin)
    return np.median(times), result


def main():
    """Print one line for every size, number of columns and engine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--d", type=int, nargs="+", default=[1, 2, 3, 10])
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    arguments = parser.parse_args()
    profiles = conservative(Gaussian())
    print(f"{'d':>3} {'n':>9} {'engine':8} {'seconds':>10} {'ratio':>9} {'error':>9}")
    for d in arguments.d:
        for n in arguments.n:
            rng = np.random.default_rng(0)
            x, y = rng.standard_normal((2, n, d)).astype(arguments.dtype)
            h = conservative_rate(n, d)
            few = min(n, int(MAX_PAIRS // n))
            reference, exact = None, None
            for engine in (NumpyEngine(), KeopsEngine(), NufftEngine()):
                reason = engine.unavailable_reason() or engine.unsuitable_reason(
                    Work(n, n, d, 1, profiles)
                )
                if reason:
                    print(f"{d:3} {n:9} {engine.name:8} {reason}")
                    continue
                queries = x if engine.name == "nufft" else x[:few]
                seconds, result = timed(engine.bind(y), queries, profiles, h)
                seconds *= n / len(queries)
                if reference is None:
                    reference, exact = seconds, result
                error = np.abs(result.displacement[:few] - exact.displacement).max() / h
                print(
                    f"{d:3} {n:9} {engine.name:8} {seconds:10.3f} "
                    f"{reference / seconds:9.2f} {error:9.1e}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
