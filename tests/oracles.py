"""Slow, plain float64 references, written from the definitions."""

import numpy as np

from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic


class Sech(Kernel):
    """A user's kernel, k = 1 / (2 cosh r): logarithms, and 0 / 0 at the origin."""

    def log_profile(self, r2):
        r = np.sqrt(r2)
        return -r - np.log1p(np.exp(-2 * r))

    def slope_ratio(self, r2):
        r = np.sqrt(r2)
        return np.tanh(r) / r


def brute_force(x, y, kernel, bandwidth, field, log_weights=None, deleted=None):
    """``(log Z, D)`` at every row of x, one pair at a time."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    w = np.full(len(y), 1 / len(y)) if log_weights is None else np.exp(log_weights)
    log_z, displacement = [], []
    for i, query in enumerate(x):
        keep = np.ones(len(y), bool)
        if deleted is not None:
            keep[deleted[i]] = False
        offset = y[keep] - query
        r = np.linalg.norm(offset, axis=1) / bandwidth
        with np.errstate(divide="ignore", invalid="ignore"):
            # Relative to the nearest source, so that far queries do not underflow.
            log_n = kernel.log_profile(r**2)
            ratio = np.ones_like(r)
            if field == "conservative":
                ratio *= kernel.slope_ratio(r**2)
        ratio[r == 0] = 0
        n = w[keep] * np.exp(log_n - log_n.max())
        log_z.append(np.log(n.sum()) + log_n.max())
        displacement.append((n * ratio) @ offset / n.sum())
    return np.array(log_z), np.array(displacement)


def gradient(function, x, step=1e-5):
    """Central differences of a scalar function of one point."""
    steps = step * np.eye(len(x))
    return np.array([(function(x + e) - function(x - e)) / (2 * step) for e in steps])


def jacobian(field, x, step=1e-5):
    """Central differences of a vector field at one point, rows by component."""
    steps = step * np.eye(len(x))
    return np.array([(field(x + e) - field(x - e)) / (2 * step) for e in steps]).T


LAPLACE = Matern(0.5)
# Profile and slope of kernels; r2 may be complex.
PROFILES = {
    Gaussian(): 2 * [lambda r2: np.exp(-r2 / 2)],
    Matern(1.5): [
        lambda r2: (1 + np.sqrt(r2)) * np.exp(-np.sqrt(r2)),
        lambda r2: np.exp(-np.sqrt(r2)),
    ],
    Matern(2.5): [
        lambda r2: (3 + 3 * np.sqrt(r2) + r2) * np.exp(-np.sqrt(r2)),
        lambda r2: (1 + np.sqrt(r2)) * np.exp(-np.sqrt(r2)),
    ],
    RationalQuadratic(3.0): [
        lambda r2: (1 + r2 / 6) ** -3,
        lambda r2: (1 + r2 / 6) ** -4,
    ],
    LAPLACE: [lambda r2: np.exp(-np.sqrt(r2)), None],
}


def velocities_of_ensemble(z, y, w, h, kernel, field, alone):
    """Displacements of particles z, which may be complex, by the definitions."""
    value, slope = PROFILES[kernel]
    pull = value if field == "displacement" else slope

    def shift(at, sources, weight):
        offset = sources - at
        r2 = (offset**2).sum(axis=1) / h**2
        # A square root has no derivative at 0, where the offset vanishes anyway.
        r2 = np.where(r2 == 0, 0, r2)
        return (weight * pull(r2)) @ offset / (weight @ value(r2))

    rows = []
    for i, at in enumerate(z):
        others = np.delete(z, i, axis=0)
        of_data = shift(at, y, w)
        if alone:
            rows.append(of_data - shift(at, others, np.ones(len(others))))
            continue
        offset = others - at
        r2 = (offset**2).sum(axis=1) / h**2
        own = value(np.zeros(1))[0]
        rows.append(of_data - pull(r2) @ offset / (value(r2).sum() + own))
    return np.array(rows)


def jacobian_of_ensemble(x, *arguments):
    """Derivative of all velocities by all particles, by complex steps."""
    columns = []
    for k in range(x.size):
        moved = x.astype(complex).ravel()
        moved[k] += 1e-30j
        v = velocities_of_ensemble(moved.reshape(x.shape), *arguments)
        columns.append(v.imag.ravel() / 1e-30)
    return np.array(columns).T
