"""Speed of the engines compared with other packages, as ratios measured in one run.

Calls run in turn, repetition by repetition, and medians are compared, so that other
load on the machine affects all of them. A ratio of 8 means that the peer takes 8 times
as long.

The first table is about the numba engine. Every row is one precision and number of
columns: ``n`` queries against ``n`` sources, Gaussian kernel. Its peers are

* KeOps and NumPy: the same reduction, log normaliser and displacement, by the other
  engines, KeOps on a GPU if it finds one;
* PyTorch: the same in plain dense operations; on a GPU including the copies to and
  from it, as for KeOps;
* KernelDensity: its exact log-density (``score_samples`` with no tolerance);
* gaussian_kde: SciPy's density, always in float64;
* roof: the time that the exponentials (one for each pair) and the fused products and
  sums (two for each pair and column, and two more) take in tight loops that do
  nothing else, as a share of the engine's.

The second table compares the nufft engine, binding included, with the numba engine,
bound before: standard normal queries and sources, default bandwidth. The numba engine
is timed on part of the queries, and its time extrapolated to all of them; on that part,
the largest difference of displacements is given in bandwidths.

Run ``python benchmarks/peers.py``; ``--help`` lists the options.
"""

import argparse
import importlib.util
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy.stats import gaussian_kde
from sklearn.neighbors import KernelDensity

from skdrift.bandwidth import conservative_rate
from skdrift.engines import KeopsEngine, NufftEngine, NumbaEngine, NumpyEngine
from skdrift.engines._cpu import _loops as _compiled
from skdrift.fields import displacement
from skdrift.kernels import Gaussian

TIGHT_LOOP_LENGTH = 2048  # numbers, in the first-level cache
PRODUCTS = 32  # for each of them, in the second loop
# Bytes of the matrices that PyTorch holds at once, and their number.
TORCH_BYTES = 2e9
TORCH_MATRICES = 3
# Pairs to which the numba engine is limited when compared with transforms.
MAX_PAIRS = 4e9
PROFILES = displacement(Gaussian())


def reduction(engine):
    """Peer that evaluates log normaliser and displacement with an engine."""

    def prepare(X, Y, h):
        sources = engine().bind(Y)
        return lambda: sources.reduce(X, PROFILES, h)

    return prepare


def kernel_density(X, Y, h):
    estimator = KernelDensity(bandwidth=h, atol=0, rtol=0).fit(Y)
    return lambda: estimator.score_samples(X)


def scipy_kde(X, Y, h):
    estimator = gaussian_kde(Y.T, bw_method=h)
    return lambda: estimator.evaluate(X.T)


def spectral(X, Y, h):
    """Peer that evaluates it by transforms; binding is part of their work."""
    return lambda: NufftEngine().bind(Y).reduce(X, PROFILES, h)


def torch_dense(device):
    """Peer that evaluates the same in plain PyTorch, from arrays and to arrays."""

    def prepare(X, Y, h):
        import torch

        torch.set_num_threads(os.cpu_count())
        size = int(TORCH_BYTES // (TORCH_MATRICES * len(Y) * Y.itemsize))

        def block(x, y):
            log_k = torch.cdist(x, y).square().div(-2 * h**2)
            log_z = torch.logsumexp(log_k, dim=1) - math.log(len(y))
            return log_z.cpu(), (torch.softmax(log_k, dim=1) @ y - x).cpu()

        def call():
            x, y = (torch.from_numpy(points).to(device) for points in (X, Y))
            log_z, pulled = zip(
                *(block(part, y) for part in x.split(size)), strict=True
            )
            return torch.cat(log_z).numpy(), torch.cat(pulled).numpy()

        return call

    return prepare


def torch_missing(device):
    """Reason why PyTorch cannot run on a device, or None."""
    if importlib.util.find_spec("torch") is None:
        return "the package torch is not installed; run 'pip install torch'"
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        return "torch finds no GPU"
    return None


def available_peers(device, without):
    """Peers by name; prints the reason for each that is missing."""
    peers = {
        "KeOps": (reduction(KeopsEngine), KeopsEngine.unavailable_reason()),
        "NumPy": (reduction(NumpyEngine), None),
        "PyTorch": (torch_dense("cpu"), torch_missing("cpu")),
        "KernelDensity": (kernel_density, None),
        "gaussian_kde": (scipy_kde, None),
    }
    if device == "cuda":
        peers["PyTorch cuda"] = torch_dense("cuda"), torch_missing("cuda")
    for name, (_, reason) in peers.items():
        if reason is not None:
            print(f"skipped {name}: {reason}")
    return {
        name: peer
        for name, (peer, reason) in peers.items()
        if reason is None and name not in without
    }


def medians(calls, repetitions):
    """Median seconds and last result of each call, interleaved.

    The first round only warms up.
    """
    seconds, results = {name: [] for name in calls}, {}
    for repetition in range(repetitions + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            results[name] = call()
            if repetition > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(times)) for name, times in seconds.items()}, results


def tight_loops(dtype):
    """Calls that repeat one exponential, or one fused product and sum."""
    import numba

    _compiled.compile_all()
    exponentials = _compiled._exponentials
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
    """Seconds of the numba engine, of each peer and of the roof."""
    rng = np.random.default_rng(0)
    X, Y = (rng.standard_normal((n, d)).astype(dtype) for _ in range(2))
    h = 0.5 * np.sqrt(d)
    calls = {name: peer(X, Y, h) for name, peer in peers.items()}
    calls["numba"] = reduction(NumbaEngine)(X, Y, h)
    (exponentials, n_exponentials), (products, n_values) = tight_loops(dtype)
    calls.update(exponentials=exponentials, products=products)
    seconds, _ = medians(calls, repetitions)
    exponential = seconds.pop("exponentials") / n_exponentials
    product = seconds.pop("products") / (n_values * PRODUCTS)
    return seconds, n**2 * (exponential + (2 * d + 2) * product)


def measure_spectral(dtype, d, n, repetitions):
    """Seconds of the numba and the nufft engine, and how far they are apart."""
    rng = np.random.default_rng(0)
    X, Y = (rng.standard_normal((n, d)).astype(dtype) for _ in range(2))
    h = conservative_rate(n, d)
    few = X[: int(MAX_PAIRS // n)]
    calls = {
        "numba": reduction(NumbaEngine)(few, Y, h),
        "nufft": spectral(X, Y, h),
    }
    seconds, results = medians(calls, repetitions)
    exact, approximate = (results[name].displacement[: len(few)] for name in calls)
    difference = np.abs(approximate - exact).max() / h
    return seconds["numba"] * n / len(few), seconds["nufft"], difference


def print_row(cells):
    print("".join(f"{cell:>14}" for cell in cells), flush=True)


def print_peers(dtypes, dims, n, repetitions, peers):
    print_row(["dtype", "d", "numba [s]", "Gpair/s", *peers, "roof"])
    for dtype in dtypes:
        for d in dims:
            seconds, roof = measure(getattr(np, dtype), d, n, repetitions, peers)
            own = seconds["numba"]
            row = [dtype, d, f"{own:.4f}", f"{n**2 / own / 1e9:.2f}"]
            row += [f"{seconds[name] / own:.1f}" for name in peers]
            print_row([*row, f"{100 * roof / own:.0f} %"])


def print_spectral(dtypes, n, repetitions):
    reason = NufftEngine.unavailable_reason()
    if reason is not None:
        print(f"skipped nufft: {reason}")
        return
    print_row(["dtype", "d", "nufft [s]", "numba [s]", "ratio", "difference"])
    for dtype in dtypes:
        for d in (1, 2, 3):
            numba, nufft, difference = measure_spectral(dtype, d, n, repetitions)
            row = [f"{nufft:.3f}", f"{numba:.3f}", f"{numba / nufft:.1f}"]
            print_row([dtype, d, *row, f"{difference:.1e}"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000, help="rows, first table")
    parser.add_argument(
        "--n-spectral", type=int, default=1_000_000, help="rows, second table"
    )
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 10, 64])
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--without", nargs="+", default=[], help="peers to leave out")
    parser.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        default="cpu",
        help="cuda adds PyTorch on it",
    )
    arguments = parser.parse_args()
    if importlib.util.find_spec("numba") is None:
        parser.exit(1, f"{NumbaEngine.unavailable_reason()}\n")
    dtypes, repetitions = arguments.dtypes, arguments.repetitions
    peers = available_peers(arguments.device, arguments.without)
    print_peers(dtypes, arguments.dims, arguments.n, repetitions, peers)
    print()
    print_spectral(dtypes, arguments.n_spectral, repetitions)


if __name__ == "__main__":
    main()
