"""Growth of the time of reductions and of the time and memory of fits with the data.

A *reduction* uses the Gaussian kernel at the default bandwidth, with standard normal
queries and as many sources, in float64. Engines that visit every pair are timed on as
many queries as make 2e8 pairs, and extrapolated if these are not all; the difference is
the largest from NumPy's displacement over some hundred queries, in bandwidths. The
nufft engine's time includes binding.

A *fit* is of a default drifter to five clusters. Its peak is the resident memory above
the imports: it includes the data and whatever the chosen engine loads.

Every size is measured in a separate process. An exponent of 2 between one n and the
next means that ten times the data take a hundred times as long.

Run ``python benchmarks/scaling.py``; ``--quick`` uses small n only, to try it, and
``--fits`` measures fits anew and keeps the reductions. It writes
``benchmarks/results/scaling.csv`` and a picture; ``--quick`` writes a picture only if
``--picture`` is given.
"""

import argparse
import csv
import importlib.util
import math
import multiprocessing
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from peers import medians, reduction, spectral
from report import write_csv
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning

from skdrift import ConservativeDrifter
from skdrift.bandwidth import conservative_rate
from skdrift.engines import KeopsEngine, NufftEngine, NumbaEngine, NumpyEngine, Work
from skdrift.fields import conservative
from skdrift.kernels import Gaussian

ENGINES = (NumpyEngine, NumbaEngine, KeopsEngine, NufftEngine)
COLUMNS = (1, 2, 3, 10)
SIZES = (1000, 10_000, 100_000, 1_000_000)
# Columns and rows.
FITS = (
    *((2, n) for n in SIZES),
    *((10, n) for n in SIZES),
    *((64, n) for n in SIZES[:3]),
)
QUICK_MAX_ROWS = 10_000
MAX_PAIRS = 2e8
COMPARED_QUERIES = 200
REPETITIONS = 3
FIT_LIMIT = 1800  # seconds, after which a fit is stopped
ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "benchmarks" / "results" / "scaling.csv"
PICTURE = ROOT / "doc" / "images" / "scaling.png"


# -- measuring -----------------------------------------------------------------------


def isolated(function, *arguments, limit=None):
    """Result of a function in a new process, which is killed at the time limit.

    This process stays small: the peak of a new one begins at that of its parent.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply_async(function, arguments)
        result.wait(limit)
        if result.ready():
            # A process that has used KeOps writes its cache on exit. Killing it then
            # would leave a truncated file that breaks every later process.
            pool.close()
            pool.join()
        return result.get(0)


def calls_of_engines(d, n, h):
    """Calls to time, by engine, for the engines that support the computation."""
    x, y = np.random.default_rng(0).standard_normal((2, n, d))
    few = x[: int(MAX_PAIRS // n)]
    work = Work(n, n, d, 1, conservative(Gaussian()))
    able = [
        engine
        for engine in ENGINES
        if not (engine.unavailable_reason() or engine.unsuitable_reason(work))
    ]
    calls = {engine.name: reduction(engine)(few, y, h) for engine in able}
    if NufftEngine in able:
        calls[NufftEngine.name] = spectral(x, y, h)
    return calls


def reduce_by_engines(d, n):
    """Rows of the table, one for each engine."""
    h = conservative_rate(n, d)
    seconds, results = medians(calls_of_engines(d, n, h), REPETITIONS)
    exact = results["numpy"].displacement[:COMPARED_QUERIES]
    rows = []
    for engine, (_, displacement) in results.items():
        share = len(displacement) / n
        difference = np.abs(displacement[:COMPARED_QUERIES] - exact).max() / h
        rows.append(
            {
                "d": d,
                "n": n,
                "engine": engine,
                "seconds": seconds[engine] / share,
                "extrapolated": share < 1,
                "difference": float(difference),
            }
        )
    return rows


def reductions(max_rows):
    for d in COLUMNS:
        for n in SIZES:
            if n <= max_rows:
                yield from isolated(reduce_by_engines, d, n)


def peak_mib():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def fit(d, n):
    """Time, memory and outcome of one fit."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    before = peak_mib()
    X, _ = make_blobs(n, d, centers=5, random_state=0)
    drifter = ConservativeDrifter(random_state=0)
    start = time.perf_counter()
    drifter.fit(X)
    return {
        "engine": drifter.engine_,
        "seconds": time.perf_counter() - start,
        "particles": len(drifter.particles_),
        "peak_mib": peak_mib() - before,
        "steps": drifter.n_iter_,
        "stopped_by": drifter.stopped_by_,
    }


def compile_for_fits():
    """So that no fit waits for compilation."""
    X = np.random.default_rng(0).normal(size=(300, 2))
    for engine in (NumbaEngine, NufftEngine):
        if not engine.unavailable_reason():
            ConservativeDrifter(engine=engine.name).fit(X)


def fits(max_rows):
    isolated(compile_for_fits)
    for d, n in FITS:
        if n > max_rows:
            continue
        row = {"d": d, "n": n}
        try:
            yield row | isolated(fit, d, n, limit=FIT_LIMIT)
        except multiprocessing.TimeoutError:
            print(f"{row}: stopped after {FIT_LIMIT} s")


# -- output --------------------------------------------------------------------------


def known_reductions():
    """Reductions that were measured before."""
    with TABLE.open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["measurement"] == "reduction"]
    for row in rows:
        row |= {"d": int(row["d"]), "n": int(row["n"])}
        row |= {"seconds": float(row["seconds"])}
        row |= {"extrapolated": row["extrapolated"] == "True"}
    return rows


def with_exponents(rows, measurement, *series):
    """Add the growth since the row before of the same series."""
    last = {}
    for row in rows:
        key = tuple(row[name] for name in series)
        exponent = None
        if key in last:
            n, seconds = (row[name] / last[key][name] for name in ("n", "seconds"))
            exponent = math.log(seconds) / math.log(n)
        last[key] = row
        yield {"measurement": measurement, **row, "exponent": exponent}


def as_text(value):
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def printed(rows):
    """List of the rows, each of which is printed as soon as it is measured."""
    kept = []
    for row in rows:
        if not kept:
            print("".join(f"{name:>13}" for name in row))
        print("".join(f"{as_text(value):>13}" for value in row.values()), flush=True)
        kept.append(row)
    print()
    return kept


# -- drawing -------------------------------------------------------------------------

COLOURS = {engine.name: f"C{k}" for k, engine in enumerate(ENGINES)}
GUIDE = {"color": "0.6", "linestyle": ":", "zorder": 0}


def draw_guides(axes, rows):
    """Lines of slope 1 and 2 from below the fastest of the smallest rows."""
    low, high = min(row["n"] for row in rows), max(row["n"] for row in rows)
    least = min(row["seconds"] for row in rows if row["n"] == low) / 3
    for power, label in ((1, "n"), (2, "n²")):
        end = least * (high / low) ** power
        axes.plot([low, high], [least, end], **GUIDE)
        axes.annotate(
            label, (high, end), (3, 0), textcoords="offset points", va="center"
        )


def draw_series(axes, rows, marker="o", **line):
    """A line, its points in the colours of their engines, hollow if extrapolated."""
    axes.plot([r["n"] for r in rows], [r["seconds"] for r in rows], zorder=1, **line)
    for row in rows:
        colour = COLOURS[row["engine"]]
        face = "white" if row.get("extrapolated") else colour
        axes.plot(row["n"], row["seconds"], marker, color=colour, mfc=face)


def draw_reductions(axes, rows):
    for engine, colour in COLOURS.items():
        series = [row for row in rows if row["engine"] == engine]
        draw_series(axes, series, color=colour)
    d = rows[0]["d"]
    axes.set(
        title=f"reduction, {d} column{'s' * (d > 1)}", xlabel="queries = sources, n"
    )
    draw_guides(axes, rows)


def draw_fits(axes, rows):
    for d, marker in zip(dict.fromkeys(row["d"] for row in rows), "os^", strict=False):
        series = [row for row in rows if row["d"] == d]
        draw_series(axes, series, marker, color="0.4")
        axes.plot([], [], marker, color="0.4", label=f"{d} columns")
    axes.set(title="whole fit", xlabel="rows, n")
    axes.legend(loc="upper left", frameon=False)
    draw_guides(axes, rows)


def draw_legend(axes):
    for engine, colour in COLOURS.items():
        axes.plot([], [], "o-", color=colour, label=engine)
    axes.plot([], [], "o", color="0.3", mfc="white", label="extrapolated")
    axes.plot([], [], label="slope of n, n²", **GUIDE)
    axes.legend(loc="center", frameon=False)
    axes.set_axis_off()


def draw(reduction_rows, fit_rows, path):
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
    *by_columns, of_fits, of_legend = panels.flat
    for axes in (*by_columns, of_fits):
        axes.set(xscale="log", yscale="log", ylabel="seconds")
        axes.margins(x=0.1)
    for d, axes in zip(COLUMNS, by_columns, strict=True):
        draw_reductions(axes, [row for row in reduction_rows if row["d"] == d])
    draw_fits(of_fits, fit_rows)
    draw_legend(of_legend)
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small n, no CSV")
    parser.add_argument("--fits", action="store_true", help="only fits")
    parser.add_argument("--picture", type=Path, help=f"default: {PICTURE}")
    arguments = parser.parse_args()
    max_rows = QUICK_MAX_ROWS if arguments.quick else max(SIZES)
    picture = arguments.picture or (None if arguments.quick else PICTURE)
    for engine in ENGINES:
        reason = engine.unavailable_reason()
        if reason is not None:
            print(f"skipped {engine.name}: {reason}")

    if arguments.fits:
        reduction_rows = known_reductions()
    else:
        rows = with_exponents(reductions(max_rows), "reduction", "d", "engine")
        reduction_rows = printed(rows)
    fit_rows = printed(with_exponents(fits(max_rows), "fit", "d"))
    if not arguments.quick:
        write_csv(TABLE, reduction_rows + fit_rows)
    if picture is not None and importlib.util.find_spec("matplotlib") is not None:
        draw(reduction_rows, fit_rows, picture)


if __name__ == "__main__":
    main()
