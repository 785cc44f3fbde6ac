"""Draws from and integrals over a kernel density."""

import numpy as np

# Share of the peak below which the integrand of a quadrature counts as died out.
_DIED_OUT = 1e-15
# Points per bandwidth of the first of the nested grids, by number of columns, and
# how many points the last may have.
_FIRST_GRID = {1: 8.0, 2: 2.0}
_MAX_POINTS = 2**22


def density_draws(particles, kernel, bandwidth, n, random_state):
    """Independent draws of the kernel density: a particle plus kernel noise."""
    d = particles.shape[1]
    kernel.log_normalizer(d)  # raises if there is no such density
    centre = particles[random_state.randint(len(particles), size=n)]
    return centre + bandwidth * kernel.noise(n, d, random_state)


def quadrature(function, centres, kernel, bandwidth, rtol):
    """Integral over R or R^2 of a function that dies out away from the centres.

    The trapezoidal rule in the variable t of ``x = c + l sinh t``, by column: it
    converges faster than any power where the function is smooth, and reaches far
    tails with few points. Grids are halved until two of them agree.

    Parameters
    ----------
    function : callable
        Of points, shape (n, d), values of shape (n,).
    centres : ndarray of shape (n_centres, d)
    kernel : Kernel
        Dies out as the function does.
    bandwidth : float
    rtol : float
        Relative difference of the last two grids that is aimed at.

    Returns
    -------
    value, error : float
        Of the last grid, and its difference from the one before.

    Raises
    ------
    ValueError
        If the centres span too many bandwidths for two grids.
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
            "many for a quadrature; use the Monte Carlo estimate."
        )
    value, error = _trapezoidal(function, centre, length, t_max, n), np.inf
    while error > rtol * abs(value) and np.prod(4 * n + 1.0) <= _MAX_POINTS:
        n = 2 * n
        before, value = value, _trapezoidal(function, centre, length, t_max, n)
        error = abs(value - before)
    return float(value), float(error)


def _trapezoidal(function, centre, length, t_max, n):
    axes, weights = [], []
    for column in range(len(centre)):
        t, step = np.linspace(
            -t_max[column], t_max[column], 2 * n[column] + 1, retstep=True
        )
        axes.append(centre[column] + length[column] * np.sinh(t))
        weights.append(step * length[column] * np.cosh(t))
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
    """Distance at which the mass of the kernel, over r^2, has died out.

    Squared differences of two scores fall at least as fast as ``r^-2``.
    """
    r = np.geomspace(1.0, 1e8, 2000)
    log_mass = (d - 2) * np.log(r) + kernel.log_profile(r**2)
    counts = log_mass > log_mass.max() + np.log(_DIED_OUT)
    return float(r[np.flatnonzero(counts)[-1]])
