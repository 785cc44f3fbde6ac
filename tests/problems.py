"""Data sets and sums that several test modules work on."""

import numpy as np
from sklearn.datasets import load_iris, load_wine, make_moons

IRIS = load_iris().data
WINE = load_wine().data
WINE_3D = WINE[:, :3]


def moons(n, noise=0.06, random_state=0):
    """Two interleaved half circles in the plane."""
    return make_moons(n, noise=noise, random_state=random_state)[0]


def clouds(d, seed=0, n=12, m=15):
    """Standard normal data, particles shifted by 0.5, and queries that spread more."""
    rng = np.random.default_rng(seed)
    data, particles = rng.standard_normal((m, d)), 0.5 + rng.standard_normal((n, d))
    return data, particles, 2 * rng.standard_normal((6, d))


def weighted_sources(d, n=40, m=70, seed=0):
    """Queries, half of them at sources, the sources, and their log-weights."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((m, d))
    x = np.concatenate([y[: n // 2], rng.standard_normal((n - n // 2, d))])
    return x, y, np.log(rng.dirichlet(np.ones(m)))
