"""The drifting algorithm as released: geometric means of row and column softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..kernels import Matern
from ._kernel import displacement
from ._protocol import BoundField, Field, Terms

if TYPE_CHECKING:
    from .._typing import Floats


class _BoundSoftmaxField(BoundField):
    def __init__(self, field, engine, data, log_weights, n_samples):
        self.profiles = field.profiles
        self.leave_one_out = field.leave_one_out
        self.ratios = field.ratios
        self.engine = engine
        self.rows = data
        log_n = np.log(len(data) if n_samples is None else n_samples)
        equal = np.full(len(data), -np.log(len(data)))
        self.log_counts = (equal if log_weights is None else log_weights) + log_n
        self.data = engine.bind(data, self.log_counts)
        self.log_samples = log_n

    def on_particles(self, particles, bandwidth):
        columns = [_Columns(self, particles, r * bandwidth) for r in self.ratios]
        velocities = [c.on_particles() for c in columns]
        return _combined(velocities, velocities)

    def at(self, queries, particles, bandwidth):
        columns = [_Columns(self, particles, r * bandwidth) for r in self.ratios]
        velocities = [c.velocity(queries) for c in columns]
        if len(columns) == 1:
            return velocities[0]
        return _combined(velocities, [c.on_particles() for c in columns])


class _Columns:
    """Column sums of an ensemble at one bandwidth, and what follows from them.

    `log_seen` has the log sum over the other particles: of the row of a particle and,
    as K is symmetric, of its column. `model` and `data` are the particles and the data,
    bound with their columns normalised.
    """

    def __init__(self, field, particles, bandwidth):
        self.field, self.particles, self.bandwidth = field, particles, bandwidth
        n, bind = len(particles), field.engine.bind
        self.own = field.own(n)
        self.counted = bind(particles, np.zeros(n))
        self.log_seen = self._reduce(self.counted, particles, self.own).log_z
        log_seen_data = self._reduce(self.counted, field.rows).log_z
        self.model = bind(particles, -0.5 * self.log_seen)
        self.data = bind(field.rows, field.log_counts - 0.5 * log_seen_data)
        self.log_columns = self.log_seen, log_seen_data

    def on_particles(self):
        terms, log_gain = self._terms(self.particles, self.log_seen, self.own)
        return self._velocity(terms, log_gain)

    def velocity(self, queries):
        log_model = self._reduce(self.counted, queries).log_z
        terms, log_gain = self._terms(queries, log_model, None)
        return self._velocity(terms, log_gain + self._log_excess(queries, terms))

    def _terms(self, x, log_model, deleted):
        """Sums over the data and the particles, and the log of the gain."""
        log_data = self._reduce(self.field.data, x).log_z.astype(np.float64)
        log_row = np.logaddexp(log_data, log_model)
        terms = Terms(self._reduce(self.data, x), self._reduce(self.model, x, deleted))
        # Each sum is divided by the root of its row as well.
        log_gain = terms.data.log_z.astype(np.float64) + terms.model.log_z - log_row
        return terms, log_gain

    def _velocity(self, terms, log_gain):
        # The largest gain that a particle can have: (sum_j A_ij)^2 is at most the row
        # sum of K_ij / c_j <= 1. Only rounding at huge distances exceeds it.
        log_most = 0.5 * (np.log(len(self.particles)) + self.field.log_samples)
        gain = np.exp(np.minimum(log_gain, log_most - np.log(2)))
        return gain.astype(terms.velocity.dtype)[:, None] * terms.velocity

    def _log_excess(self, queries, terms):
        """Log of a factor at most 1, for points whose K_ij exceed the sums of columns.

        The column sum of a target contains every particle that sees it, but not a
        query. Where no particle is near, a query would be divided by next to nothing.
        """
        seen_model, seen_data = self.log_columns
        log_excess = np.zeros(len(queries))
        for rows, log_w, term in (
            (self.field.rows, self.field.log_counts - 1.5 * seen_data, terms.data),
            (self.particles, -1.5 * seen_model, terms.model),
        ):
            # K^2 is the Laplace kernel of half the bandwidth.
            squares = self._reduce(
                self.field.engine.bind(rows, log_w), queries, None, 0.5
            )
            mean = squares.log_z.astype(np.float64) - term.log_z
            log_excess -= 0.5 * np.maximum(mean, 0.0)
        return log_excess

    def _reduce(self, sources, queries, deleted=None, share=1.0):
        bandwidth = share * self.bandwidth
        return sources.reduce(queries, self.field.profiles, bandwidth, deleted)


def _combined(velocities, of_ensemble):
    """Mean of velocities that are brought to the geometric mean of their sizes."""
    if len(velocities) == 1:
        return velocities[0]
    rms = np.array([_rms(v) for v in of_ensemble])
    moving = rms > 0
    common = np.exp(np.log(rms[moving]).mean()) if moving.any() else 0.0
    factors = np.divide(common, rms, out=np.zeros_like(rms), where=moving) / len(rms)
    # Python's floats keep the velocities in their precision.
    return sum(f * v for f, v in zip(factors.tolist(), velocities, strict=True))


def _rms(velocity):
    """Root mean square over all rows and coordinates (eq. 25)."""
    return float(np.sqrt(np.mean(np.square(velocity, dtype=np.float64))))


class SoftmaxField(Field):
    """Field of the drifting algorithm as it was released.

    Targets of a particle are the other particles and the data rows; it is deleted among
    its own. Rows and columns of the Laplace kernel ``K_ij = exp(-|x_i - t_j| / h)`` are
    normalised together, ``A_ij = K_ij / sqrt(r_i c_j)``, r its sums over all targets
    and c those over the particles. With P and Q the sums of A over the data and over
    the other particles, ``C+`` and ``C-`` its weighted means of the two,

        ``V_i = P_i Q_i (C+_i - C-_i)``.

    That is a difference of mean shifts to which targets contribute less the more
    particles see them, times a gain. Sums are not means: the gain is about
    ``M / (N + M)`` where N particles lie like M samples, its mean is at most
    ``(N + M) / (4 N)``, and it vanishes for particles far from all targets. V does not
    vanish exactly where particles and data are the same points, as a particle is
    deleted on one side only, and is not antisymmetric in the two.

    Fields of several bandwidths are divided by their root mean squares, over all
    particles and coordinates, and added up. Such a sum has no unit and never decays:
    with steps of any fixed size the particles would never come to rest.
    Here it is divided by the number of bandwidths and multiplied by the geometric mean
    of the root mean squares. That changes the clock of the flow and not its paths,
    makes the sum a displacement that decays with the fields, and leaves a single one
    as it is.

    The sums depend on the number of samples that the data rows stand for: a row counts
    that many times its weight. A point that is no particle is a row of its own: its row
    sum is over all particles and data, column sums and root mean squares are the ones
    of the ensemble, and points do not act on one another. At the position of a particle
    the result differs, because that particle is a target of the point.

    For a particle ``K_ij <= c_j``, which bounds the gain by ``sqrt(N M) / 2``. For
    other points it need not hold: where no particle is near, c_j is next to nothing.
    There P and Q are divided by the root of the mean of ``K_ij / c_j``, with weights A,
    wherever that mean is above 1. Then the bound holds for all points, and those that
    no particle sees stay where they are.

    Parameters
    ----------
    ratios : sequence of float, default=(1.0,)
        Bandwidths, or temperatures, as multiples of the given one.

    References
    ----------
    Deng et al., *Generative Modeling via Drifting*, arXiv:2602.04770, Algorithm 2,
    and eq. 23-25 for several temperatures.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.engines import NumpyEngine
    >>> from skdrift.fields import SoftmaxField
    >>> data, particles = np.array([[1.0], [2.0]]), np.array([[0.0], [0.5]])
    >>> field = SoftmaxField().bind(NumpyEngine(), data)
    >>> field.on_particles(particles, 1.0).round(3)
    array([[0.369],
           [0.737]])
    """

    profiles = displacement(Matern(nu=0.5))
    leave_one_out = True
    _bound = _BoundSoftmaxField

    def __init__(self, ratios: Sequence[float] | Floats = (1.0,)) -> None:
        self.ratios = ratios
        self.relative_cost = 2.5 * len(ratios)
