"""Draws from a kernel density and integrals over it."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state, check_scalar

# Share of the peak below which the integrand of a quadrature is negligible.
_NEGLIGIBLE = 1e-15
# Points per bandwidth of the first of the nested grids, by number of columns, and
# largest number of points of the last one.
_FIRST_GRID = {1: 8.0, 2: 2.0}
_MAX_POINTS = 2**22


def density_draws(particles, kernel, bandwidth, n_samples, random_state):
    """Independent draws of the kernel density: a particle plus kernel noise."""
    n = check_scalar(n_samples, "n_samples", Integral, min_val=2)
    random_state = check_random_state(random_state)
    d = particles.shape[1]
    kernel.log_normalizer(d)  # raises if the kernel is not a density
    centre = particles[random_state.randint(len(particles), size=n)]
    return centre + bandwidth * kernel.noise(n, d, random_state)


def quadrature(function, centres, kernel, bandwidth, rtol):
    """Integral over R or R^2 of a function that vanishes away from the centres.

    The trapezoidal rule in the variable t of ``x = c + l sinh t``, by column: it
    converges faster than any power where the function is smooth, and reaches far tails
    with few points. The spacing is halved until the relative difference of two grids
    is below `rtol`; the result is the integral on the last one, and its difference
    from the one before. The kernel decreases at least as slowly as the function.
    """
    d = centres.shape[1]
    low, high = centres.min(axis=0), centres.max(axis=0)
    centre, length = (low + high) / 2, (high - low) / 2 + bandwidth
    reach = (high - low) / 2 + bandwidth * _reach(kernel, d)
    t_max = np.arcsinh(reach / length)
    n = np.ceil(_FIRST_GRID[d] * t_max * length / bandwidth).astype(int)
    if np.prod(4 * n + 1.0) > _MAX_POINTS:
        raise ValueError(
            f"The points span {np.max((high - low) / bandwidth):.3g} bandwidths, too "
            "many for a quadrature; use fisher_discrepancy, a Monte Carlo estimate."
        )
    value, error = _trapezoidal(function, centre, length, t_max, n), np.inf
    while error > rtol * abs(value) and np.prod(4 * n + 1.0) <= _MAX_POINTS:
        n = 2 * n
        before, value = value, _trapezoidal(function, centre, length, t_max, n)
        error = abs(value - before)
    return float(value), float(error)


def _trapezoidal(function, centre, length, t_max, n):
    axes, weights = [], []
    for c, size, end, intervals in zip(centre, length, t_max, n, strict=True):
        t, step = np.linspace(-end, end, 2 * intervals + 1, retstep=True)
        axes.append(c + size * np.sinh(t))
        weights.append(step * size * np.cosh(t))
    if len(centre) == 1:
        return weights[0] @ function(axes[0][:, None])
    total = 0.0
    rows = max(1, 2**16 // len(axes[1]))
    for i in range(0, len(axes[0]), rows):
        first = axes[0][i : i + rows]
        points = np.stack(np.meshgrid(first, axes[1], indexing="ij"), axis=-1)
        values = function(points.reshape(-1, 2)).reshape(len(first), -1)
        total += weights[0][i : i + rows] @ values @ weights[1]
    return total


def _reach(kernel, d):
    """Distance beyond which the mass of the kernel, over r^2, is negligible.

    Squared differences of two scores fall at least as fast as ``r^-2``.
    """
    r = np.geomspace(1.0, 1e8, 2000)
    log_mass = (d - 2) * np.log(r) + kernel.log_profile(r**2)
    counts = log_mass > log_mass.max() + np.log(_NEGLIGIBLE)
    return float(r[np.flatnonzero(counts)[-1]])
