"""Rules of the theory for the parameters of an estimator, before the flow.

Rules are estimated from the data and from the ensemble at the start of the flow, in
internal units. They do not use the random numbers of the estimator.
"""

from typing import NamedTuple

import numpy as np

from .._estimator import warn_user
from ..bandwidth import conservative_rate
from ..fields import BoundField
from .checks import has_kink
from .ensemble import Places
from .interaction import InteractingJacobian
from .jacobian import admissible_step, lipschitz_constant
from .occupancy import occupied_radius
from .rates import fit_rates, log_optimum, measure

# Rows and particles from which constants are estimated, at most.
_MAX_ROWS = 2000
# Bandwidths of the measurements, as multiples of the bandwidth of the field, which is
# the usual rate: the power law of the quadrature error belongs to a field that varies
# on a scale of its own.
_SCALES = np.geomspace(0.5, 2.0, 5)
# Largest and smallest number of particles at which Jacobians are evaluated, and the
# size of the work at one bandwidth: some hundredths of a second, except in many
# columns.
_MAX_PROBES = 250
_MIN_PROBES = 16
_PROBE_NUMBERS = 5e7
# Precision of the norm of a Jacobian of all probes.
_NORM_RTOL = 1e-6
# Share of the rows that have neighbours within the bandwidth.
_OCCUPIED = 0.95


def balanced_bandwidth(data, start, kernel, leave_one_out):
    """Bandwidth that balances self-interaction and quadrature error.

    It is :func:`skdrift.diagnostics.optimal_bandwidth` for the weighted rows `data`,
    independent draws of the start, shape (n_particles, n_features), and the kernel of
    the densities. Constants are measured between half and twice the usual rate, and
    the bandwidth is restricted to that range.
    """
    if has_kink(kernel):
        raise ValueError(
            "bandwidth='balance' assumes a C^2 kernel (arXiv:2605.22795, Assumption "
            f"2.1), which {kernel!r} is not: it has a kink at 0. Use a smoother "
            "kernel, SharpDrifter, or bandwidth='rate'."
        )
    if leave_one_out:
        raise ValueError(
            "bandwidth='balance' balances the self-interaction of the particles and "
            "the quadrature error, and self_interaction='leave-one-out' has no "
            "self-interaction. Use self_interaction='full', or bandwidth='rate'."
        )
    rng = np.random.RandomState(0)
    x, (y, weight) = _some(rng, start)[0], _some(rng, data.rows, data.weight)
    # Constant columns are not counted as dimensions, as in the usual rate.
    varying = data.std > 0 if data.std.any() else slice(None)
    x, y = x[:, varying], y[:, varying]
    pilot, d = data.bandwidth(conservative_rate), x.shape[1]
    n_probes = _n_probes(x, len(y))
    scales = pilot * _SCALES
    try:
        curves = measure(x, y, scales, kernel, weight, pilot, n_probes, rng)
        fit = fit_rates(scales, *curves, len(x), d)
    except ValueError as error:
        raise ValueError(
            f"bandwidth='balance' cannot be estimated; use 'rate'. {error}"
        ) from None
    # More particles than samples do not add information.
    n = min(len(start), data.n_samples)
    log_h = log_optimum(fit, n, d)
    if not np.log(scales[0]) <= log_h <= np.log(scales[-1]):
        warn_user(
            "bandwidth='balance': self-interaction and quadrature error do not balance "
            "between half and twice the usual rate, where they were measured (beta = "
            f"{fit.beta:.2g}); the nearer end is used.",
            UserWarning,
        )
    return float(np.exp(np.clip(log_h, *np.log(scales[[0, -1]]))))


def occupied_bandwidth(data):
    """Bandwidth of :func:`skdrift.diagnostics.occupancy_bandwidth` of weighted rows."""
    try:
        return occupied_radius(data, _OCCUPIED)
    except ValueError as error:
        raise ValueError(
            f"bandwidth='occupancy' cannot be estimated: {error}"
        ) from None


class LipschitzStep:
    """Largest step that neither folds space nor overshoots at the particles.

    ``min(1, 1 / L)`` with L the larger of two constants at some of the particles of
    the current step: the largest singular value of the Jacobians of the field, which a
    passive point sees, and that of the Jacobian of these particles as one system, in
    which they move one another. The step depends on the particles and not only on the
    bandwidth: the field of particles that represent the data is much smoother than the
    field of their start, and the field of particles that run away is less smooth. The
    field may stretch more between the particles, and at particles where no Jacobian
    was evaluated.
    """

    def __init__(self, field):
        kernel, pull = field.profiles.kernel, field.profiles.pull
        # A mean shift is 0 at its source and smooth elsewhere.
        is_lipschitz = field.leave_one_out and pull == "value"
        if not is_lipschitz and has_kink(kernel):
            raise ValueError(
                "step_size='lipschitz' requires a field with a Lipschitz constant. The "
                f"kernel {kernel!r} has a kink at 0, so its field jumps at the points. "
                "Use a smoother kernel, the displacement field (LaplaceDrifter) with "
                "leave-one-out, or a number."
            )
        self.field = field

    def __call__(self, particles, bandwidth):
        n = len(particles)
        size = min(_n_probes(particles, self.field.data.n_sources), n)
        probes = np.sort(np.random.RandomState(0).permutation(n)[:size])
        own = self.field.own(n, probes)
        terms = self.field.moments(particles[probes], particles, bandwidth, own)
        system = _System(particles.astype(np.float64), bandwidth, self.field)
        interacting = InteractingJacobian(system, probes, terms).norm(_NORM_RTOL)
        lipschitz = max(lipschitz_constant(terms.jacobian), interacting)
        return min(1.0, admissible_step(lipschitz))


class _System(NamedTuple):
    """Particles in a bound field, as :class:`InteractingJacobian` expects them."""

    x: np.ndarray
    h: float
    bound: BoundField

    @property
    def leave_one_out(self):
        return self.bound.leave_one_out

    def particles(self, index):
        return Places(self.x[index], self.bound.own(len(self.x), index))


def _some(rng, rows, *columns):
    """Some of the rows, if there are many, and the same entries of the columns."""
    chosen = np.sort(rng.permutation(len(rows))[:_MAX_ROWS])
    return tuple(a[chosen] for a in (rows, *columns))


def _n_probes(x, n_sources):
    affordable = _PROBE_NUMBERS / ((len(x) + n_sources) * x.shape[1] ** 2)
    return int(np.clip(affordable, _MIN_PROBES, _MAX_PROBES))
