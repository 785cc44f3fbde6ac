"""Data, particles, kernel and field of a diagnosis, validated once."""

from copy import copy
from typing import NamedTuple

import numpy as np

from ..fields import DriftField, conservative, displacement
from ..kernels import get_kernel
from .checks import check_data, check_positive, check_rows, has_kink
from .sums import EngineByWork

_FIELDS = {"conservative": conservative, "displacement": displacement}


class Places(NamedTuple):
    """Points at which a field is evaluated, and the particle that each excludes."""

    rows: np.ndarray
    deleted: np.ndarray | None = None


class Ensemble:
    """Particles X in the field between data Y and themselves, in float64.

    It validates its arrays and evaluates one bound field. Its `data` and `model` are
    the sources of the two terms. The engine is used for all sums that it can do.
    """

    def __init__(
        self,
        X,
        Y,
        bandwidth,
        kernel,
        field="conservative",
        leave_one_out=False,
        sample_weight=None,
        engine="auto",
    ):
        if field not in _FIELDS:
            raise ValueError(
                f"The 'field' must be one of {sorted(_FIELDS)}; got {field!r} instead."
            )
        self.x = check_rows(X, "X")
        self.y, self.log_weights = check_data(Y, sample_weight, self.x.shape[1])
        self.h = check_positive(bandwidth, "bandwidth")
        self.kernel = get_kernel(kernel)
        self.field = field
        self.leave_one_out = leave_one_out
        self.engine = EngineByWork(engine)
        self._bind()
        if leave_one_out and len(self.x) < 2:
            raise ValueError(
                "Leave-one-out requires at least 2 particles, because each particle is "
                "excluded from its own model term; X has 1 row. Add particles or use "
                "leave_one_out=False."
            )

    def _bind(self):
        drift = DriftField(_FIELDS[self.field](self.kernel), self.leave_one_out)
        self.bound = drift.bind(self.engine, self.y, self.log_weights)

    def sharp(self):
        """The same points in the conservative field of the sharp companion."""
        other = copy(self)
        other.kernel, other.field = self.kernel.sharp(), "conservative"
        other.leave_one_out = False
        other._bind()
        return other

    @property
    def data(self):
        return self.bound.data

    @property
    def model(self):
        return self.engine.bind(self.x)

    def particles(self, index=slice(None)):
        """Places of all particles, or of the particles of an index."""
        return Places(self.x[index], self.bound.own(len(self.x), index))

    def terms(self, places):
        """Reductions over data and model, whose difference is the velocity."""
        return self.bound.terms(places.rows, self.x, self.h, places.deleted)

    def log_data(self, places):
        """Log of the weighted mean of the profile over the data."""
        profiles = self.bound.profiles
        return self.data.reduce(places.rows, profiles, self.h).log_z

    def moments(self, places):
        """Moments of data and model, from which Jacobians are computed."""
        return self.bound.moments(places.rows, self.x, self.h, places.deleted)

    def check_differentiable(self):
        """Raise if the field has no Jacobian at its particles."""
        if not self.leave_one_out and has_kink(self.kernel):
            raise ValueError(
                f"The kernel {self.kernel!r} is not C^2 (it has a kink at 0), so its "
                "field has no Jacobian at the position of a particle that counts "
                "itself. Use leave_one_out=True, or a smoother kernel such as its "
                "sharp() one."
            )
