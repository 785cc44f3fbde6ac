"""Finite-particle theory of drifting, computed: plain functions and one report.

Particles X move in the field between data Y and themselves, ``V = D_data - D_model``
(see :mod:`skdrift.fields`). The functions take arrays in one unit of length and return
float64; :func:`diagnose` applies them to a fitted drifter. All follow Balasubramanian,
*Finite-Particle Convergence Rates for Conservative and Non-Conservative Drifting
Models*, arXiv:2605.22795.

Velocities, Jacobians and the residual velocity R_N are those of displacements. The
Stein drift, the Fisher discrepancy and the self-interaction term of the conservative
field are in score units, ``V / h^2``. No matrix of particles by data is ever formed;
sums of more than 1e8 pairs may be left to the spectral engine, within its precision.
"""

from .._theory.occupancy import (
    leave_one_out_denominator,
    leave_one_out_denominator_bound,
    pair_distortion,
    propagated_occupancy,
)
from .._theory.quantities import (
    Estimate,
    Occupancy,
    ScaleDecomposition,
    admissible_step,
    circulation,
    curl,
    effective_sample_size,
    entropy_balance,
    field_jacobian,
    fisher_discrepancy,
    fisher_quadrature,
    lipschitz_constant,
    local_occupancy,
    occupancy_probability,
    one_step_bound,
    reciprocal_density,
    reciprocal_density_bound,
    residual_velocity,
    scale_decomposition,
    scale_mismatch,
    self_interaction,
    stein_drift,
)
from .._theory.rates import (
    QuadratureError,
    RateConstants,
    occupancy_bandwidth,
    optimal_bandwidth,
    quadrature_error,
    rate_constants,
)
from ._report import Diagnosis, Quantity, diagnose

__all__ = [
    "Diagnosis",
    "Estimate",
    "Occupancy",
    "QuadratureError",
    "Quantity",
    "RateConstants",
    "ScaleDecomposition",
    "admissible_step",
    "circulation",
    "curl",
    "diagnose",
    "effective_sample_size",
    "entropy_balance",
    "field_jacobian",
    "fisher_discrepancy",
    "fisher_quadrature",
    "leave_one_out_denominator",
    "leave_one_out_denominator_bound",
    "lipschitz_constant",
    "local_occupancy",
    "occupancy_bandwidth",
    "occupancy_probability",
    "one_step_bound",
    "optimal_bandwidth",
    "pair_distortion",
    "propagated_occupancy",
    "quadrature_error",
    "rate_constants",
    "reciprocal_density",
    "reciprocal_density_bound",
    "residual_velocity",
    "scale_decomposition",
    "scale_mismatch",
    "self_interaction",
    "stein_drift",
]
