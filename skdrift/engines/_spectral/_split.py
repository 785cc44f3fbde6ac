"""A kernel in two parts: a smooth one for a grid, the rest for near neighbours.

A kernel that is a mixture of Gaussians ``exp(-r^2 / (4 t))`` splits at some t: the wide
ones are smooth, so that few frequencies hold their sum, and the rest of the kernel
dies out within a few widths of the narrowest of them. It is the idea of Ewald's sums.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

# Scaled distances and frequencies at which the profiles are looked at.
_DISTANCES = np.geomspace(1e-6, 1e4, 1200)
_FREQUENCIES = np.geomspace(1e-3, 1e7, 1200)
_MAX_DEGREE = 50


class Split(NamedTuple):
    """Far part of a normaliser and of the potential of its pull, in bandwidths.

    Attributes
    ----------
    normalizer, potential : tuple of two ndarrays
        ``t`` and weight of the Gaussians of the far parts; none if all is near.
    radius : float
        Distance from which on the far part is the whole kernel; 0 if it always is.
    reach : float
        Distance beyond which the far part has died out.
    cutoff : float
        Frequency beyond which it has.
    near : tuple of two ndarrays
        Far parts of the normaliser and of the pull within the radius, as polynomials
        of ``2 r^2 / radius^2 - 1``, highest power first.
    """

    normalizer: tuple
    potential: tuple
    radius: float
    reach: float
    cutoff: float
    near: tuple


def is_mixture(profiles):
    """Whether kernel and potential are known to be mixtures of Gaussians."""
    kernels = profiles.kernel, profiles.potential
    return all(k is not None and k.gaussian_mixture(1.0) is not None for k in kernels)


def is_smooth(profiles):
    """Whether the kernel is one Gaussian, which needs no neighbours."""
    gaussians = profiles.kernel.gaussian_mixture(1.0)
    return gaussians is not None and len(gaussians[0]) == 1


def splits(profiles, d, error):
    """Ways to split, from no neighbours (if the kernel is smooth) to nothing else.

    For a kernel that is a mixture of Gaussians, in d columns, up to an error of the
    profiles relative to the peak of the normaliser.
    """
    kernel = profiles.kernel
    key = type(kernel), repr(kernel), profiles.pull
    return _splits(key, _Hidden((profiles,)), d, error)


class _Hidden(tuple):
    """Arguments that a cache does not look at."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0


@lru_cache
def _splits(key, hidden, d, error):
    (profiles,) = hidden
    kernel, potential = profiles.kernel, profiles.potential
    least = [1.0] if is_smooth(profiles) else 4.0 ** np.arange(-10, 3)
    mixtures = [[k.gaussian_mixture(t) for k in (kernel, potential)] for t in least]
    found = [_split(profiles, *mixture, d, error) for mixture in mixtures]
    return [*found, all_near(profiles, error)]


def all_near(profiles, error):
    """No far part: neighbours are all at which a profile is not negligible."""
    n, ra = _profiles_at(profiles, _DISTANCES)
    radius = _last((n > error * n[0]) | (ra > error * n[0]), _DISTANCES)
    none = np.empty(0), np.empty(0)
    return Split(none, none, radius, 0.0, 0.0, none)


def _split(profiles, normalizer, potential, d, error):
    n, ra = _profiles_at(profiles, _DISTANCES)
    allowed = error * n[0]
    far_n = _gaussians(normalizer, _DISTANCES**2)
    far_ra = _DISTANCES * _gaussians(_slope(potential), _DISTANCES**2)
    differs = (abs(n - far_n) > allowed) | (abs(ra - far_ra) > allowed)
    radius = _last(differs, _DISTANCES)
    near = np.empty(0), np.empty(0)
    if radius > 0:
        near = tuple(
            _polynomial(lambda r2, g=g: _gaussians(g, r2), radius, small)
            for g, small in (
                (normalizer, allowed / 10),
                (_slope(potential), allowed / (10 * radius)),
            )
        )
    return Split(
        normalizer,
        potential,
        radius,
        _last((far_n > allowed) | (far_ra > allowed), _DISTANCES),
        max(_cutoff(normalizer, d, allowed), _cutoff(potential, d, allowed)),
        near,
    )


def _profiles_at(profiles, r):
    """Normaliser, and r times the pull."""
    n = np.exp(profiles.log_normalizer(r**2))
    return n, r * n * profiles.ratio(r**2)


def _gaussians(mixture, r2):
    t, weight = mixture
    return np.exp(-np.multiply.outer(r2, 0.25 / t)) @ weight


def _slope(mixture):
    """The mixture of the kernel's slope, ``-k'(r) / r``."""
    t, weight = mixture
    return t, weight / (2 * t)


def _last(condition, grid):
    """First point of the grid beyond all where a condition holds; 0 if nowhere."""
    where = np.flatnonzero(condition)
    return float(grid[min(where[-1] + 1, len(grid) - 1)]) if len(where) else 0.0


def _cutoff(mixture, d, allowed):
    """Frequency beyond which neither the sum nor its gradient has anything left."""
    t, weight = mixture
    u = _FREQUENCIES
    peaks = weight * (4 * np.pi * t) ** (d / 2)
    spectrum = np.exp(-np.multiply.outer(u**2, t)) @ peaks
    shell = spectrum * (1 + u) * u**d  # u^(d-1) du = u^d dlog(u); a gradient has one u
    area = 2 * np.pi ** (d / 2) / math.gamma(d / 2) / (2 * np.pi) ** d
    tail = np.cumsum(shell[::-1])[::-1] * area * math.log(u[1] / u[0])
    return _last(tail > allowed, u)


def _polynomial(function, radius, allowed):
    """Coefficients of a function of r^2 on [0, radius^2], highest power first."""

    def scaled(v):
        return function(0.5 * radius**2 * (v + 1))

    series = chebyshev.chebinterpolate(scaled, _MAX_DEGREE)
    # Terms that are rounding errors would be multiplied in the change of basis.
    rounding = 2e-15 * abs(series).max()
    degree = np.flatnonzero(abs(series) > max(allowed, rounding))[-1]
    return chebyshev.cheb2poly(series[: degree + 1])[::-1].copy()
