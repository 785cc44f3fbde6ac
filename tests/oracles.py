"""Slow, plain float64 references, written from the definitions."""

import numpy as np

from skdrift.kernels import Kernel


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
