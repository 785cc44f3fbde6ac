"""Rate certificates of the drifters on every data set of the benchmarks.

Each drifter is fitted to at most 250 training rows from a Gaussian start, once with
short steps at a fixed bandwidth, as the theorems assume, and once with its default
annealing and step size. Each line of the table is an inequality of
:func:`skdrift.diagnostics.rate_certificate` in the units of the theory, multiplied by
the square of the bandwidth for the conservative fields, so that sets are comparable:

* ``value``, ``bound``: its two sides, with what steps and annealing add;
* ``theorem``: the bound without these;
* ``initial`` to ``annealing``: the terms of the bound;
* ``holds``, ``failing``: whether it holds, and which terms the theorem lacks;
* ``seconds``: CPU seconds of the certificate.

    OMP_NUM_THREADS=1 python benchmarks/certificates.py     # about half an hour
    OMP_NUM_THREADS=1 python benchmarks/certificates.py --data wine
"""

import argparse
import time
import warnings
from pathlib import Path

from datasets import DATA_SETS, split_of, standardised
from report import write_as_measured

from skdrift import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from skdrift.diagnostics import rate_certificate

TABLE = Path(__file__).resolve().parent / "results" / "certificates.csv"
MAX_ROWS = 250
DRIFTERS = (ConservativeDrifter, SharpDrifter, LaplaceDrifter)
RUNS = {
    "short": {"annealing": 0, "step_size": 0.02, "max_iter": 10},
    "default": {"max_iter": 25},
}
TERMS = (
    "initial",
    "self-interaction",
    "quadrature",
    "scale mismatch",
    "discretisation",
    "annealing",
)


def lines(data):
    train, _, _ = split_of(data, 0)
    (train,) = standardised(train[:MAX_ROWS])
    for make in DRIFTERS:
        for run, options in RUNS.items():
            drifter = make(
                start="gaussian",
                columns="free",
                n_particles=len(train),
                early_stopping=False,
                random_state=0,
                **options,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                drifter.fit(train)
            begin = time.process_time()
            certificate = rate_certificate(drifter)
            seconds = time.process_time() - begin
            yield from table_lines(data, drifter, run, certificate, seconds)


def table_lines(data, drifter, run, certificate, seconds):
    unit = 1.0 if isinstance(drifter, LaplaceDrifter) else drifter.bandwidth_**2
    for name, statement in certificate.statements.items():
        numbers = {
            "value": statement.value,
            "bound": statement.bound,
            "theorem": statement.theorem_bound,
            **{term: statement.terms.get(term) for term in TERMS},
        }
        yield {
            "data": data,
            "columns": drifter.n_features_in_,
            "drifter": type(drifter).__name__,
            "run": run,
            "inequality": name,
            **{
                key: "" if value is None else f"{unit * value:.3g}"
                for key, value in numbers.items()
            },
            "holds": statement.holds,
            "failing": " ".join(statement.failing),
            "seconds": round(seconds, 1),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=DATA_SETS, nargs="*", default=DATA_SETS)
    parser.add_argument("--table", type=Path, default=TABLE)
    chosen = parser.parse_args()
    found = (line for data in chosen.data for line in lines(data))
    write_as_measured(chosen.table, found)


if __name__ == "__main__":
    main()
