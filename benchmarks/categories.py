"""Columns of many categories: a donor for each drawn row, or a column of 0 and 1 each.

Tables of 1500 rows have a column of many codes, with frequencies as in Zipf's law, that
go with numbers or with other categories. As many rows are drawn by TabularDrifter, with
donors (its default) and with a column of 0 and 1 for each code. Printed are means over
the seeds:

* joint: the frequencies of the codes with another category, or with the fifths of a
  number, as the total variation from those of 200,000 rows; the first column is that of
  1500 new rows of the distribution;
* attack: area under the ROC curve of an attacker who takes the rows nearest to a draw,
  of which there are five for each row, for rows of the table; .5 if they tell nothing;
* seconds of CPU time to fit and draw.

Run ``python benchmarks/categories.py``; about six minutes on one core.
"""

import argparse
import time
import warnings
from unittest.mock import patch

import numpy as np
import pandas as pd

from skdrift.metrics import membership_inference
from skdrift.tables import TabularDrifter, _many

N_ROWS, N_TRUE, DRAWS = 1500, 200_000, 5
# Up to how many categories a column has one of 0 and 1 for each.
WAYS = {"donors": _many.FEW, "0 and 1": 10**6}


def zipf(k, n, rng):
    """Codes with frequencies in proportion to 1, 1/2, 1/3, ..."""
    share = 1 / np.arange(1, k + 1)
    return rng.choice(k, n, p=share / share.sum())


def frame(numbers, **categories):
    table = pd.DataFrame(numbers).add_prefix("x")
    for name, values in categories.items():
        table[name] = [f"{name} {value}" for value in values]
    return table


def spreads(n, rng):
    """Codes that differ in the standard deviation of a number."""
    code = zipf(60, n, rng)
    z = rng.standard_normal((n, 4))
    z[:, 0] *= np.geomspace(0.1, 2, 60)[code * 7 % 60]
    return frame(z, code=code)


def shifts(n, rng):
    """Codes on which the means of two of eight numbers depend, and a category."""
    code = zipf(50, n, rng)
    z = rng.standard_normal((n, 8))
    z[:, 0] += 2 * np.sin(code)
    z[:, 1] += 2 * np.cos(3 * code)
    group = np.where(rng.random(n) < 0.5, code % 4, rng.integers(4, size=n))
    return frame(z, code=code, group=group)


def cities(n, rng):
    """Four codes in each of sixty cities, a number that depends on the city."""
    code = zipf(240, n, rng)
    city = code % 60
    z = rng.standard_normal((n, 4))
    z[:, 0] += np.sin(city)
    return frame(z, code=code, city=city)


def regions(n, rng):
    """Forty codes in each of five regions, of which there are few."""
    code = zipf(200, n, rng)
    z = rng.standard_normal((n, 4))
    z[:, 0] += code % 5
    return frame(z, code=code, region=code % 5)


def places(n, rng):
    """Codes at places of a plane, and nothing else."""
    code = zipf(300, n, rng)
    place = np.random.default_rng(0).uniform(-3, 3, (300, 2))
    return frame(place[code] + 0.2 * rng.standard_normal((n, 2)), code=code)


def unrelated(n, rng):
    """Codes that depend on nothing."""
    return frame(rng.standard_normal((n, 8)), code=rng.integers(30, size=n))


TABLES = {
    "60 codes, spreads of a number": (spreads, "x0"),
    "50 codes, 2 of 8 numbers depend": (shifts, "x0"),
    "the same, with a category": (shifts, "group"),
    "240 codes in 60 cities": (cities, "city"),
    "200 codes in 5 regions": (regions, "region"),
    "300 codes at places": (places, "x0"),
    "30 codes that depend on nothing": (unrelated, "x0"),
}


def joint(table, column, edges):
    """Frequencies of the codes with another column, in fifths if it has numbers."""
    other = table[column]
    if edges is not None:
        other = np.searchsorted(edges, other)
    return table.groupby(["code", other]).size() / len(table)


def total_variation(a, b):
    return 0.5 * a.sub(b, fill_value=0).abs().sum()


def drawn(train, n, seed, few):
    """Rows, and seconds to fit and draw."""
    start = time.process_time()
    with patch.object(_many, "FEW", few):
        rows = TabularDrifter(random_state=seed).fit(train).sample(n, seed)
    return rows, time.process_time() - start


def measured(make, column, seed):
    """Joint frequencies, attack and seconds of one seed, for both ways."""
    rng = np.random.default_rng(seed)
    train, test, fresh = (make(N_ROWS, rng) for _ in range(3))
    truth = make(N_TRUE, rng)
    is_number = truth[column].dtype.kind == "f"
    edges = truth[column].quantile([0.2, 0.4, 0.6, 0.8]) if is_number else None
    true = joint(truth, column, edges)
    of_fresh = total_variation(joint(fresh, column, edges), true)
    values = []
    for few in WAYS.values():
        rows, seconds = drawn(train, DRAWS * N_ROWS, seed, few)
        some = rows.sample(N_ROWS, random_state=seed)
        of_some = total_variation(joint(some, column, edges), true)
        attack = membership_inference(rows, test=test, train=train, random_state=seed)
        values.append((of_fresh, of_some, attack.auc.value, seconds))
    return values


def main():
    """Measure and print a line for every table and way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # advice on codes
    print(f"{'':34}{'':14}{'fresh':>8}{'joint':>8}{'attack':>8}{'seconds':>9}")
    for title, (make, column) in TABLES.items():
        cells = [measured(make, column, seed) for seed in range(arguments.seeds)]
        for way, means in zip(WAYS, np.mean(cells, axis=0), strict=True):
            fresh, distance, attack, seconds = means
            print(
                f"{title:34}{way:14}{fresh:8.3f}{distance:8.3f}{attack:8.2f}"
                f"{seconds:9.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
