"""Where a rule of the theory becomes a number, before the flow.

Rules are estimated from the data and from the ensemble that the flow starts from, in
internal units. They draw no number from the stream of the estimator.
"""

import warnings

import numpy as np

from ..bandwidth import conservative_rate
from ..engines import NumpyEngine
from .quantities import admissible_step, lipschitz_constant
from .rates import fit_laws, log_optimum, measure, occupied_radius

# Rows and particles that constants are estimated from, at most.
_MAX_ROWS = 2000
# Bandwidths at which they are, over that of the field, which is the usual rate: the
# law of the quadrature error is that of a field that varies on a scale of its own.
_SCALES = np.geomspace(0.5, 2.0, 5)
# Particles that Jacobians are taken at, at most and at least, and how many numbers
# those of one bandwidth may cost: some hundredths of a second, but for many columns.
_MAX_PROBES = 250
_MIN_PROBES = 16
_PROBE_NUMBERS = 5e7
# Share of the rows that have neighbours within the bandwidth: nearly all.
_OCCUPIED = 0.95


def balanced_bandwidth(table, start, kernel, leave_one_out):
    """Bandwidth where self-interaction and quadrature error balance.

    That of :func:`skdrift.diagnostics.optimal_bandwidth`, with constants measured
    between half and twice the usual rate, where it has to be.

    Parameters
    ----------
    table : Table
    start : ndarray of shape (n_particles, n_features)
        Independent draws of the law that the flow starts from.
    kernel : Kernel
        Of the densities.
    leave_one_out : bool
        Whether particles leave themselves out.

    Returns
    -------
    float
    """
    if not np.isfinite(kernel.slope_at_zero()):
        raise ValueError(
            "bandwidth='balance' assumes a C^2 kernel (arXiv:2605.22795, Assumption "
            f"2.1), which {kernel!r} is not: it has a kink at 0. Use a smoother "
            "kernel, SharpDrifter, or bandwidth='rate'."
        )
    if leave_one_out:
        raise ValueError(
            "bandwidth='balance' weighs the self-interaction of the particles against "
            "the quadrature error, and self_interaction='leave-one-out' has none. Use "
            "'full', or bandwidth='rate'."
        )
    rng = np.random.RandomState(0)
    x, (y, weight) = _some(rng, start)[0], _some(rng, table.rows, table.weight)
    # Constant columns are no dimensions, as for the usual rate.
    varying = table.std > 0 if table.std.any() else slice(None)
    x, y = x[:, varying], y[:, varying]
    pilot, d = table.bandwidth(conservative_rate), x.shape[1]
    scales = pilot * _SCALES
    try:
        curves = measure(x, y, scales, kernel, weight, pilot, _n_probes(x, y), rng)
        laws = fit_laws(scales, *curves, len(x), d)
    except ValueError as error:
        raise ValueError(
            f"bandwidth='balance' cannot be estimated; use 'rate'. {error}"
        ) from None
    # What few rows leave unknown no number of particles resolves.
    n = min(len(start), table.n_samples)
    log_h = log_optimum(laws.log_a, laws.log_b, laws.beta, n, d)
    if not np.log(scales[0]) <= log_h <= np.log(scales[-1]):
        warnings.warn(
            "bandwidth='balance': self-interaction and quadrature error do not balance "
            "between half and twice the usual rate, where they were measured (beta = "
            f"{laws.beta:.2g}); the nearer end is taken.",
            UserWarning,
            stacklevel=7,  # who calls fit
        )
    return float(np.exp(np.clip(log_h, *np.log(scales[[0, -1]]))))


def occupied_bandwidth(table):
    """Bandwidth of :func:`skdrift.diagnostics.occupancy_bandwidth`.

    Parameters
    ----------
    table : Table

    Returns
    -------
    float
    """
    try:
        return occupied_radius(table, _OCCUPIED)
    except ValueError as error:
        raise ValueError(
            f"bandwidth='occupancy' cannot be estimated: {error}"
        ) from None


class LipschitzStep:
    """Largest step that neither folds space nor overshoots at the particles seen.

    ``min(1, 1 / L)`` with L the largest singular value of the Jacobians of the field
    at some particles, those it has when the step is taken: at one bandwidth the field
    of particles that have come to stand for the data is much smoother than that of
    their start, and that of particles that run away less. Between the particles, and
    at those not looked at, the field may stretch more.

    Parameters
    ----------
    table : Table
    field : DriftField
    kernel : Kernel
        Of the densities.
    """

    def __init__(self, table, field, kernel):
        self._alone = field.leave_one_out
        # A mean shift is 0 at its source and smooth but there, as far as others see.
        is_lipschitz = self._alone and field.profiles.pull == "value"
        if not is_lipschitz and not np.isfinite(kernel.slope_at_zero()):
            raise ValueError(
                "step_size='lipschitz' needs a field with a Lipschitz constant, and "
                f"that of the kernel {kernel!r}, which has a kink at 0, jumps where "
                "points are. Use a smoother kernel, the displacement field "
                "(LaplaceDrifter) with leave-one-out, or a number."
            )
        self._data = table.rows, table.log_weight
        self._profiles = field.profiles

    def __call__(self, particles, bandwidth):
        size = min(_n_probes(particles, self._data[0]), len(particles))
        probes = np.sort(np.random.RandomState(0).permutation(len(particles))[:size])
        arguments = particles[probes], self._profiles, bandwidth
        deleted = probes if self._alone else None
        bind = NumpyEngine().bind
        data = bind(*self._data).moments(*arguments)
        model = bind(particles).moments(*arguments, deleted)
        lipschitz = lipschitz_constant(data.jacobian - model.jacobian)
        return min(1.0, admissible_step(lipschitz))


def _some(rng, rows, *columns):
    """Some of the rows, if there are many, and what belongs to them."""
    chosen = np.sort(rng.permutation(len(rows))[:_MAX_ROWS])
    return tuple(a[chosen] for a in (rows, *columns))


def _n_probes(x, y):
    affordable = _PROBE_NUMBERS / ((len(x) + len(y)) * x.shape[1] ** 2)
    return int(np.clip(affordable, _MIN_PROBES, _MAX_PROBES))
