"""Speed of the numba engine beside its peers, as ratios measured in one run.

Every row is one precision and number of columns: ``n`` queries against ``n``
sources, Gaussian kernel. The peers take turns with the engine, repetition by
repetition, and medians are compared, so that whatever else the machine does falls
on all of them:

* KeOps (CPU) and NumPy: the same reduction, log normaliser and displacement, by the
  other engines;
* KernelDensity: its exact log-density (``score_samples`` with no tolerance);
* gaussian_kde: SciPy's density, always in float64;
* roof: the time that the exponentials (one for each pair) and the fused products and
  sums (two for each pair and column, and two more) take in tight loops that do
  nothing else, as a share of the engine's.

A ratio of 8 means that the peer takes 8 times as long. Run
``python benchmarks/peers.py``; ``--help`` lists the options.
"""

import argparse
import importlib.util
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.stats import gaussian_kde
from sklearn.neighbors import KernelDensity

from skdrift.engines import KeopsEngine, NumpyEngine, _numba
from skdrift.engines._numba import NumbaEngine
from skdrift.fields import displacement
from skdrift.kernels import Gaussian

TIGHT_LOOP_LENGTH = 2048  # numbers, in the first-level cache
PRODUCTS = 32  # for each of them, in the second loop


def reduction(engine):
    """Peer that evaluates log normaliser and displacement with an engine."""

    def prepare(X, Y, h):
        sources = engine().bind(Y)
        return lambda: sources.reduce(X, displacement(Gaussian()), h)

    return prepare


def kernel_density(X, Y, h):
    estimator = KernelDensity(bandwidth=h, atol=0, rtol=0).fit(Y)
    return lambda: estimator.score_samples(X)


def scipy_kde(X, Y, h):
    estimator = gaussian_kde(Y.T, bw_method=h)
    return lambda: estimator.evaluate(X.T)


def available_peers(without):
    """Peers by name; says of each that is missing why."""
    peers = {
        "NumPy": reduction(NumpyEngine),
        "KernelDensity": kernel_density,
        "gaussian_kde": scipy_kde,
    }
    reason = KeopsEngine.unavailable_reason()
    if reason is None:
        peers = {"KeOps": reduction(KeopsEngine), **peers}
    else:
        print(f"KeOps is left out: {reason}")
    return {name: peer for name, peer in peers.items() if name not in without}


def medians(calls, repetitions):
    """Median seconds of each call, interleaved; the first round only warms up."""
    seconds = {name: [] for name in calls}
    for repetition in range(repetitions + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if repetition > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(times)) for name, times in seconds.items()}


def tight_loops(dtype):
    """Calls that do one exponential, or one fused product and sum, very often."""
    import numba

    _numba._compile()
    exponentials = _numba._exponentials
    n_threads = numba.get_num_threads()
    zero = dtype(0)

    @numba.njit(nogil=True)
    def exponential_loop(t, e, rounds):
        for _ in range(rounds):
            exponentials(t, zero, e)

    # Four chains: one alone would wait for itself.
    @numba.njit(nogil=True, fastmath={"contract"})
    def product_loop(t, e, rounds):
        for k in range(rounds):
            c = t[k % t.size]
            for j in range(t.size):
                x = t[j]
                p, q, r, s = x, x + c, c, x * c
                for _ in range(PRODUCTS // 4):
                    p, q, r, s = p * x + c, q * x + c, r * c + x, s * c + x
                e[j] = p * q + r * s

    def call(loop, rounds):
        def run(_):
            t = np.linspace(-1, 0, TIGHT_LOOP_LENGTH).astype(dtype)
            loop(t, np.empty_like(t), rounds)

        def threads():
            with ThreadPoolExecutor(n_threads) as pool:
                list(pool.map(run, range(n_threads)))

        return threads, rounds * n_threads * TIGHT_LOOP_LENGTH

    return call(exponential_loop, 20_000), call(product_loop, 4_000)


def measure(dtype, d, n, repetitions, peers):
    """Seconds of the engine, of each peer and of the roof."""
    rng = np.random.default_rng(0)
    X, Y = (rng.standard_normal((n, d)).astype(dtype) for _ in range(2))
    h = 0.5 * np.sqrt(d)
    calls = {name: peer(X, Y, h) for name, peer in peers.items()}
    calls["numba"] = reduction(NumbaEngine)(X, Y, h)
    (exponentials, n_exponentials), (products, n_values) = tight_loops(dtype)
    calls.update(exponentials=exponentials, products=products)
    seconds = medians(calls, repetitions)
    exponential = seconds.pop("exponentials") / n_exponentials
    product = seconds.pop("products") / (n_values * PRODUCTS)
    return seconds, n**2 * (exponential + (2 * d + 2) * product)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000, help="queries and sources")
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 10, 64])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--without", nargs="+", default=[], help="peers to leave out")
    arguments = parser.parse_args()
    if importlib.util.find_spec("numba") is None:
        parser.exit(1, f"{NumbaEngine.unavailable_reason()}\n")
    peers = available_peers(arguments.without)
    columns = ["dtype", "d", "numba [s]", "Gpair/s", *peers, "roof"]
    print("".join(f"{column:>14}" for column in columns))
    for dtype in arguments.dtypes:
        for d in arguments.dims:
            seconds, roof = measure(
                getattr(np, dtype), d, arguments.n, arguments.repetitions, peers
            )
            own = seconds["numba"]
            row = [dtype, str(d), f"{own:.4f}", f"{arguments.n**2 / own / 1e9:.2f}"]
            row += [f"{seconds[name] / own:.1f}" for name in peers]
            row += [f"{100 * roof / own:.0f} %"]
            print("".join(f"{cell:>14}" for cell in row), flush=True)


if __name__ == "__main__":
    main()
