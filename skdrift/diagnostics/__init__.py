"""Finite-particle theory of drifting: plain functions and one report.

Particles X move in the field between data Y and themselves, ``V = D_data - D_model``
(see :mod:`skdrift.fields`). The functions accept arrays in one unit of length and
return float64; :func:`diagnose` applies them to a fitted drifter. All follow
Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795.

Velocities, Jacobians and the residual velocity R_N are in displacement units. The Stein
drift, the Fisher discrepancy and the self-interaction term of the conservative field
are in score units, ``V / h^2``; the guide has a table of all units. No matrix of
particles by data is ever formed; sums of more than 1e8 pairs may be computed by the
spectral engine, within its precision.
"""

from .._theory.bounds import (
    RateBound,
    euler_bound,
    least_ball_mass,
    rate_bound,
    start_entropy,
)
from .._theory.coercivity import Coercivity, coercivity
from .._theory.density import (
    effective_sample_size,
    leave_one_out_denominator,
    leave_one_out_denominator_bound,
    reciprocal_density,
    reciprocal_density_bound,
    self_interaction,
)
from .._theory.interaction import interacting_lipschitz_constant
from .._theory.jacobian import admissible_step, curl, field_jacobian, lipschitz_constant
from .._theory.occupancy import (
    Occupancy,
    local_occupancy,
    occupancy_bandwidth,
    occupancy_probability,
    pair_distortion,
    propagated_occupancy,
)
from .._theory.rates import (
    QuadratureError,
    RateConstants,
    optimal_bandwidth,
    quadrature_error,
    rate_constants,
)
from .._theory.sampling import Estimate
from .._theory.scales import ScaleDecomposition, scale_decomposition, scale_mismatch
from .._theory.smoothness import QuadratureConstants, quadrature_constants
from .._theory.stein import (
    entropy_balance,
    fisher_discrepancy,
    fisher_quadrature,
    stein_drift,
)
from .._theory.velocity import circulation, one_step_bound, residual_velocity
from ._certificate import RateCertificate, Statement, rate_certificate
from ._entropy import EntropyLedger, entropy_ledger
from ._report import Diagnosis, Quantity
from ._verdicts import diagnose

__all__ = [
    "Coercivity",
    "Diagnosis",
    "EntropyLedger",
    "Estimate",
    "Occupancy",
    "QuadratureConstants",
    "QuadratureError",
    "Quantity",
    "RateBound",
    "RateCertificate",
    "RateConstants",
    "ScaleDecomposition",
    "Statement",
    "admissible_step",
    "circulation",
    "coercivity",
    "curl",
    "diagnose",
    "effective_sample_size",
    "entropy_balance",
    "entropy_ledger",
    "euler_bound",
    "field_jacobian",
    "fisher_discrepancy",
    "fisher_quadrature",
    "interacting_lipschitz_constant",
    "least_ball_mass",
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
    "quadrature_constants",
    "quadrature_error",
    "rate_bound",
    "rate_certificate",
    "rate_constants",
    "reciprocal_density",
    "reciprocal_density_bound",
    "residual_velocity",
    "scale_decomposition",
    "scale_mismatch",
    "self_interaction",
    "start_entropy",
    "stein_drift",
]
