"""Generators that the benchmarks compare.

A generator is a function of the training rows, the number of rows to draw and the seed.

Of the packages, arfpy 0.1.1 calls np.in1d, which NumPy 2.4 has removed; here it gets
np.isin instead. utrees 0.3.0 (unmasking trees) calls the method _validate_data, which
estimators of scikit-learn 1.9 do not have, so that it fails and is not included.
ForestDiffusion takes 10 to 90 s on 1000 rows of up to ten columns, 25 s on average,
already with the cheaper flow that is used here.
"""

import warnings

import numpy as np
from deep_generators import (
    conditional_gan,
    gaussian_copula,
    spline_flow,
    variational_autoencoder,
    vine_copula,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skdrift import ConservativeDrifter, LaplaceDrifter


def standardised(draw):
    """Give a generator columns of unit variance, and return samples in data units."""

    def draw_in_data_units(train, n, seed):
        scaler = StandardScaler().fit(train)
        return scaler.inverse_transform(draw(scaler.transform(train), n, seed))

    return draw_in_data_units


def drifter(cls, **parameters):
    """Generator based on a drifter, with default parameters where none are given."""

    def draw(train, n, seed):
        fitted = cls(random_state=seed, **parameters).fit(train)
        return fitted.sample(n, random_state=seed)

    return draw


def start_only(train, n, seed):
    """Draw from the start of ConservativeDrifter, as if it had no flow.

    The noise of the start is calibrated, and columns are treated, as in the default.
    A single step moves the particles by less than 1e-8 standard deviations.
    """
    draw = drifter(ConservativeDrifter, annealing=0, max_iter=1, step_size=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return draw(train, n, seed)


@standardised
def kernel_density(train, n, seed):
    """Draw from KernelDensity, its bandwidth by 5-fold cross-validation."""
    # Narrow enough for thin data.
    grid = {"bandwidth": np.geomspace(0.01, 3, 25)}
    search = GridSearchCV(KernelDensity(), grid, cv=5).fit(train)
    return search.best_estimator_.sample(n, random_state=seed)


@standardised
def gaussian_mixture(train, n, seed):
    """Draw from GaussianMixture, components and covariance by BIC."""
    candidates = [
        GaussianMixture(k, covariance_type=c, random_state=seed).fit(train)
        for k in range(1, 11)
        for c in ("full", "tied", "diag", "spherical")
    ]
    best = min(candidates, key=lambda mixture: mixture.bic(train))
    best.random_state = seed
    return best.sample(n)[0]


@standardised
def bayesian_mixture(train, n, seed):
    mixture = BayesianGaussianMixture(n_components=20, max_iter=500, random_state=seed)
    return mixture.fit(train).sample(n)[0]


def bootstrap(train, n, seed):
    return np.random.default_rng(seed).choice(train, n)


@standardised
def noisy_copies(train, n, seed):
    """Training data plus noise of a tenth of the standard deviations."""
    rng = np.random.default_rng(seed)
    return rng.choice(train, n) + 0.1 * rng.standard_normal((n, train.shape[1]))


@standardised
def smote(train, n, seed, n_neighbors=5):
    """Draw between a row and one of its nearest, as SMOTE does within one class.

    There are no classes here, so that all rows are of one.
    """
    rng = np.random.default_rng(seed)
    search = NearestNeighbors(n_neighbors=n_neighbors).fit(train)
    neighbors = search.kneighbors(return_distance=False)  # of a row without itself
    first = rng.integers(len(train), size=n)
    second = neighbors[first, rng.integers(n_neighbors, size=n)]
    return train[first] + rng.random((n, 1)) * (train[second] - train[first])


def random_forest(train, n, seed):
    """Draw from adversarial random forests."""
    if not hasattr(np, "in1d"):  # arfpy 0.1.1 calls what NumPy 2.4 has removed
        np.in1d = np.isin  # noqa: NPY201
    from arfpy import arf
    from pandas import DataFrame

    np.random.seed(seed)  # noqa: NPY002 - all that forge draws from
    forest = arf.arf(DataFrame(train), verbose=False, random_state=seed)
    forest.forde()
    return forest.forge(n).to_numpy(float)


def forest_flow(train, n, seed):
    """Draw from ForestDiffusion's flow, with fewer steps and duplicates to be cheap."""
    from ForestDiffusion import ForestDiffusionModel

    np.random.seed(seed)  # noqa: NPY002 - all that generate draws from
    model = ForestDiffusionModel(
        train.copy(), n_t=20, duplicate_K=50, n_jobs=1, seed=seed
    )
    return model.generate(batch_size=n)


@standardised
def flow_matching(train, n, seed, steps=4000, batch=256, width=128, stages=100):
    """Draw along the velocity of a small network, trained by flow matching."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    rows, d = torch.tensor(train, dtype=torch.float32), train.shape[1]
    network = nn.Sequential(
        *(nn.Linear(d + 1, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()),
        *(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, d)),
    )

    def velocity(x, when):
        return network(torch.cat([x, when.expand(len(x), 1)], dim=1))

    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        end = rows[torch.randint(len(rows), (batch,))]
        start, when = torch.randn(batch, d), torch.rand(batch, 1)
        error = velocity(start + when * (end - start), when) - (end - start)
        adam.zero_grad()
        (error**2).mean().backward()
        adam.step()
        schedule.step()
    x = torch.randn(n, d)
    with torch.no_grad():  # midpoints
        for when in torch.arange(stages) / stages:
            half = x + velocity(x, when) / (2 * stages)
            x = x + velocity(half, when + 0.5 / stages) / stages
    return x.double().numpy()


FRESH = "fresh"
# Parts of another generator, which do not compete with it for ranks.
PARTS = ("start_only",)
GENERATORS = {
    "ConservativeDrifter": drifter(ConservativeDrifter),
    "LaplaceDrifter": drifter(LaplaceDrifter),
    "start_only": start_only,
    "KernelDensity": kernel_density,
    "GaussianMixture": gaussian_mixture,
    "BayesianMixture": bayesian_mixture,
    "gaussian_copula": gaussian_copula,
    "vine_copula": vine_copula,
    "CTGAN": conditional_gan,
    "TVAE": variational_autoencoder,
    "spline_flow": spline_flow,
    "flow_matching": flow_matching,
    "arfpy": random_forest,
    "ForestDiffusion": forest_flow,
    "SMOTE": smote,
    "noisy_copies": noisy_copies,
    "bootstrap": bootstrap,
    FRESH: None,
}
