"""Fields of one kernel: two reductions of one pair of profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..engines import BoundSources, Moments, Profiles, Reduction, merge
from ..engines._derivatives import merge_moments
from ..kernels import Kernel
from ._protocol import BoundField, Field, Terms

if TYPE_CHECKING:
    pass

# Shares of a source in its own place that a tracer adds to the normalisers of data and
# model, by leave-one-out. A particle counts 1 or 0 in the normaliser of the model. A
# tracer does not repel particles, so it must be repelled more: it counts less than a
# particle, or more in the normaliser of the data. With both shares positive, a tracer
# far from all sources stays where it is, and has an origin. Of the pairs that were
# tried, these kept tracers closest to particles, on five sets of data of 2 to 64
# columns.
_OWN_SHARES = {False: (0.25, 0.5), True: (0.5, 0.25)}
# Where the field vanishes tracers must not move, so they need equal shares there. The
# difference that unequal ones make is added in full where the square of the velocity is
# well above this multiple of its own square, and not at all where the velocity is 0.
# From 0.1 on tracers are less faithful in many columns; the smaller it is, the more the
# velocity bends where it nearly vanishes.
_EQUAL_SHARE = 0.25
_SOFTNESS = 0.03


def conservative(kernel: Kernel) -> Profiles:
    """Profiles of the kernel density gradient: ``V = h^2 grad log(p_h / q_h)``.

    A gradient field for every kernel (Balasubramanian, arXiv:2605.22795, section 1).
    The sharp-normalised field of Franz et al. (arXiv:2604.06333) is the conservative
    field of the sharp companion ``kernel.sharp()``.

    Parameters
    ----------
    kernel : Kernel
        The kernel k of the density estimates.

    Returns
    -------
    Profiles
        Normaliser k, pull ``kb = -k'/r``.
    """
    return Profiles(kernel, "value" if kernel.is_own_slope else "slope")


def displacement(kernel: Kernel) -> Profiles:
    """Profiles of the mean shift: ``V`` is a difference of weighted mean offsets.

    The original drifting field (Deng et al., arXiv:2602.04770, eq. 8-12). It is a
    gradient field only for the Gaussian kernel, where it equals :func:`conservative`.

    Parameters
    ----------
    kernel : Kernel
        The kernel k that weights the mean.

    Returns
    -------
    Profiles
        Normaliser k, pull k.
    """
    return Profiles(kernel, "value")


class BoundDriftField(BoundField):
    """Field of two profiles between a data set and any ensemble."""

    def __init__(self, field, engine, data, log_weights=None, n_samples=None):
        self.profiles = field.profiles
        self.leave_one_out = field.leave_one_out
        self.engine = engine
        is_bound = isinstance(data, BoundSources)
        self.data = data if is_bound else engine.bind(data, log_weights)
        # Bound data may be those of another engine, which expects arrays of NumPy.
        self._is_of_engine = not is_bound

    def terms(self, queries, particles, bandwidth, deleted=None):
        """Reductions over data and particles; `deleted` is one particle per query."""
        model = self.engine.bind(particles)
        return Terms(
            self.data.reduce(queries, self.profiles, bandwidth),
            model.reduce(queries, self.profiles, bandwidth, deleted),
        )

    def moments(self, queries, particles, bandwidth, deleted=None):
        """Moments over data and particles, in float64; see :meth:`terms`."""
        model = self.engine.bind(particles)
        return Terms(
            self.data.moments(queries, self.profiles, bandwidth),
            model.moments(queries, self.profiles, bandwidth, deleted),
        )

    def on_particles(self, particles, bandwidth):
        x, own = self._placed(particles), self.own(len(particles))
        return self.engine.fetch(self.terms(x, x, bandwidth, own).velocity)

    def at(self, queries, particles, bandwidth):
        x, y = self._placed(queries), self._placed(particles)
        return self.engine.fetch(self.terms(x, y, bandwidth).velocity)

    def _placed(self, points):
        return self.engine.place(points) if self._is_of_engine else points

    def of_tracers(self, queries, particles, bandwidth):
        """Velocity of points that stand for further particles, but repel none."""
        terms = self.terms(queries, particles, bandwidth)
        none = np.zeros_like(terms.model.displacement)

        def with_own(shares):
            own = self._own_terms(queries, len(particles), shares)
            pairs = zip(terms, own, strict=True)
            return Terms(*(merge(term, Reduction(z, none)) for term, z in pairs))

        equal, unequal = map(with_own, self._shares)
        return _added(equal.velocity, unequal.velocity - equal.velocity)

    def linearized(self, queries, particles, bandwidth):
        """Velocity of tracers and its Jacobian, shape (n_queries, d, d), in float64."""
        terms = self.moments(queries, particles, bandwidth)
        # The own terms move along with the tracer: they have no derivative.
        none = [np.zeros_like(a) for a in terms.model[1:]]

        def with_own(shares):
            own = self._own_terms(queries, len(particles), shares)
            pairs = zip(terms, own, strict=True)
            return Terms(*(merge_moments(term, Moments(z, *none)) for term, z in pairs))

        equal, unequal = map(with_own, self._shares)
        v, c = equal.velocity, unequal.velocity - equal.velocity
        slopes = equal.jacobian, unequal.jacobian - equal.jacobian
        return _added(v, c), _slope_of_added(v, c, *slopes)

    @property
    def _shares(self):
        """Equal shares in the normalisers of data and model, and unequal ones."""
        return (_EQUAL_SHARE, _EQUAL_SHARE), _OWN_SHARES[self.leave_one_out]

    def _own_terms(self, queries, n_particles, shares):
        """Logs of the terms that a tracer adds to the normalisers of data and model."""
        log_n = float(self.profiles.log_normalizer(np.zeros(1))[0])
        return (
            np.full(len(queries), log_n + np.log(share / n_particles), queries.dtype)
            for share in shares
        )

    def log_ratio(self, queries, particles, bandwidth):
        """Log of the normalisers' ratio, data over particles, shape (n_queries,)."""
        terms = self.terms(queries, particles, bandwidth)
        return terms.data.log_z - terms.model.log_z


def _added(v, c):
    """Sum of a velocity and a correction, which vanishes with the velocity."""
    n, _, total = _weights(v, c)
    return v + (n / total)[:, None] * c


def _slope_of_added(v, c, v_slope, c_slope):
    """Jacobian of `_added`, from the Jacobians of both."""
    n, m, total = _weights(v, c)
    # The gradient of n / (n + m).
    n_slope = 2 * np.einsum("ij,ijk->ik", v, v_slope) / total[:, None]
    m_slope = 2 * _SOFTNESS * np.einsum("ij,ijk->ik", c, c_slope) / total[:, None]
    gradient = (m / total)[:, None] * n_slope - (n / total)[:, None] * m_slope
    outer = c[:, :, None] * gradient[:, None, :]
    return v_slope + (n / total)[:, None, None] * c_slope + outer


def _weights(v, c):
    """Squares of a velocity and a correction, and their sum, or 1 where it is 0."""
    n = np.einsum("ij,ij->i", v, v)
    m = _SOFTNESS * np.einsum("ij,ij->i", c, c)
    # Below the smallest number of full precision both count as 0.
    vanishes = n + m < np.finfo(n.dtype).tiny
    n, m = np.where(vanishes, 0, n), np.where(vanishes, 0, m)
    return n, m, np.where(vanishes, 1, n + m).astype(n.dtype)


class DriftField(Field):
    """Field of two profiles, before it has data.

    Bound to data, it also gives the Jacobian of the velocity of tracers,
    ``linearized(queries, particles, bandwidth)``.

    Parameters
    ----------
    profiles : Profiles
        From :func:`conservative` or :func:`displacement`.
    leave_one_out : bool, default=False
        Whether a particle is left out of its own model term. Otherwise it counts in
        the normaliser (its pull is 0).
    """

    relative_cost = 1
    accepts_bound_data = True
    _bound = BoundDriftField

    def __init__(self, profiles: Profiles, leave_one_out: bool = False) -> None:
        self.profiles = profiles
        self.leave_one_out = leave_one_out
