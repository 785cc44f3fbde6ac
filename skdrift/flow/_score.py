"""Score of an ensemble by rows that it has not seen."""

import numpy as np

from ..bandwidth import conservative_rate
from ..engines import Work
from ..fields import DriftField, conservative
from ..kernels import Matern
from ._stops import root_mean_square

# Bandwidths of the score, in conservative rates.
_SCORE_BANDWIDTHS = (1, 2, 4, 8)


def residual_score(z, particles, rows, engine_for):
    """Minus the residual velocity of samples towards particles, relative to the data.

    See :meth:`skdrift.ConservativeDrifter.score`. The samples z, in the internal units
    of `rows`, were not fitted; the particles are the ensemble that is judged, which was
    fitted to `rows`.
    """
    std = np.where(rows.std > 0, rows.std, 1).astype(z.dtype)
    h = rows.bandwidth(conservative_rate) / rows.mean_std
    towards_particles = _residuals(z / std, particles / std, None, h, engine_for)
    towards_rows = _residuals(z / std, rows.rows / std, rows.log_weight, h, engine_for)
    relative = np.max(towards_particles / towards_rows)
    return -float(relative + towards_particles[-1] / (_SCORE_BANDWIDTHS[-1] * h))


def _residuals(z, data, log_weight, h, engine_for):
    """Residual velocities of rows that leave themselves out, at four bandwidths."""
    profiles = conservative(Matern(0.5))
    n_sources = len(z) + len(data)
    work = Work(len(z), n_sources, z.shape[1], 4, profiles, z.dtype)
    field = DriftField(profiles, leave_one_out=True).bind(
        engine_for(work), data, log_weight
    )
    velocities = (field.on_particles(z, c * h) for c in _SCORE_BANDWIDTHS)
    residuals = [root_mean_square(v) for v in velocities]
    return np.maximum(residuals, h * np.finfo(z.dtype).eps)  # never 0 / 0
