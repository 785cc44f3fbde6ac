"""Where a rule of the theory becomes a number, before the flow.

Rules are estimated from the data and from the ensemble that the flow starts from, in
internal units. They draw no number from the stream of the estimator.
"""

import warnings

import numpy as np

from .bandwidth import conservative_rate
from .diagnostics._rules import fit_laws, log_optimum, measure, occupied_radius
from .diagnostics._theory import admissible_step, lipschitz_constant
from .engines._moments import moments
from .fields._kernel import slopes
from .kernels import slope_at_zero

# Rows and particles that constants are estimated from, at most.
_MAX_ROWS = 2000
# Bandwidths at which they are, over that of the field, which is the usual rate: the
# law of the quadrature error is that of a field that varies on a scale of its own.
_SCALES = np.geomspace(0.5, 2.0, 5)
# Particles that integrands and Jacobians are taken at, at most and at least, and how
# many numbers they may cost: a second or two.
_MAX_PROBES = 500
_MIN_PROBES = 64
_NUMBERS = 2e9
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
    if not np.isfinite(slope_at_zero(kernel)):
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
    pilot, d = table.bandwidth(conservative_rate), x.shape[1]
    scales = pilot * _SCALES
    n_samples = _n_probes(x, y, 2 * len(scales) + 1)
    curves = measure(x, y, scales, kernel, weight, pilot, n_samples, rng)
    try:
        laws = fit_laws(scales, *curves, len(x), d)
    except ValueError as error:
        raise ValueError(
            f"bandwidth='balance' cannot be estimated; use 'rate'. {error}"
        ) from None
    # What few rows leave unknown no number of particles resolves.
    n = min(len(start), table.n_samples)
    log_h = log_optimum(laws, n, d)
    if not np.log(scales[0]) <= log_h <= np.log(scales[-1]):
        warnings.warn(
            "The bandwidth where self-interaction and quadrature error balance is not "
            "between half and twice the usual rate, where they were measured (beta = "
            f"{laws.beta:.2g}); the nearer end is taken.",
            UserWarning,
            stacklevel=6,  # who calls fit
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


def lipschitz_steps(table, start, field, kernel, bandwidths):
    """Largest steps that neither fold space nor overshoot, one for each bandwidth.

    ``min(1, 1 / L)`` with L the largest singular value of the Jacobians of the field
    at the start. A field of a wide bandwidth is smooth: its steps need not be as short
    as those of the last.

    Parameters
    ----------
    table : Table
    start : ndarray of shape (n_particles, n_features)
    field : DriftField
    kernel : Kernel
        Of the densities.
    bandwidths : ndarray of shape (n_steps + 1,)
        Schedule.

    Returns
    -------
    ndarray of shape (n_steps,)
    """
    if not field.leave_one_out and not np.isfinite(slope_at_zero(kernel)):
        raise ValueError(
            "step_size='lipschitz' needs the Jacobian of the field at the particles, "
            f"and there is none where the kernel {kernel!r} has a kink. Use a smoother "
            "kernel, self_interaction='leave-one-out', or a number."
        )
    different, place = np.unique(bandwidths[:-1], return_inverse=True)
    size = min(_n_probes(start, table.rows, len(different)), len(start))
    probes = np.sort(np.random.RandomState(0).permutation(len(start))[:size])
    deleted = probes if field.leave_one_out else None
    arguments = field.profiles, slopes(field.profiles)
    x, rows, log_weight = start[probes], table.rows, table.log_weight
    steps = []
    for h in different:
        data = moments(x, rows, log_weight, *arguments, h)
        model = moments(x, start, None, *arguments, h, deleted=deleted)
        steps.append(
            admissible_step(lipschitz_constant(data.jacobian - model.jacobian))
        )
    return np.minimum(1.0, steps)[place]


def _some(rng, rows, *columns):
    """Some of the rows, if there are many, and what belongs to them."""
    chosen = np.sort(rng.permutation(len(rows))[:_MAX_ROWS])
    return tuple(a[chosen] for a in (rows, *columns))


def _n_probes(x, y, n_evaluations):
    affordable = _NUMBERS / ((len(x) + len(y)) * x.shape[1] ** 2 * n_evaluations)
    return int(np.clip(affordable, _MIN_PROBES, _MAX_PROBES))
