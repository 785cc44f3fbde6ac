"""Data, particles, kernel and field of a diagnosis, validated once."""

from typing import NamedTuple

import numpy as np

from ..engines import Work, get_engine
from ..engines._derivatives import moments
from ..fields import conservative, displacement
from ..fields._kernel import slopes
from ..kernels import Gaussian, Kernel, RationalQuadratic, get_kernel, slope_at_zero
from .checks import check_bandwidth, check_data, check_rows

_FIELDS = {"conservative": conservative, "displacement": displacement}


class Places(NamedTuple):
    """Points at which a field is evaluated.

    Attributes
    ----------
    rows : ndarray of shape (n_places, n_features)
    deleted : ndarray of shape (n_places,), dtype int, or None
        Index of the particle that is excluded at each point, with leave-one-out.
    """

    rows: np.ndarray
    deleted: np.ndarray | None = None


class Ensemble:
    """Particles in the field between data and themselves, in float64.

    Parameters
    ----------
    X, Y : array-like of shape (n_particles, n_features), (n_data, n_features)
        Particles and data.
    bandwidth : float
    kernel : str or Kernel
    field : {"conservative", "displacement"}
    leave_one_out : bool
    sample_weight : array-like of shape (n_data,) or None
    engine : str
        Preferred engine; another one is used for work that it cannot do.
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
        self.h = check_bandwidth(bandwidth)
        self.kernel = get_kernel(kernel)
        self.field = field
        self.leave_one_out = leave_one_out
        self.engine = engine
        self.profiles = _FIELDS[field](self.kernel)
        if leave_one_out and len(self.x) < 2:
            raise ValueError(
                "Leave-one-out requires at least 2 particles, because each particle is "
                "excluded from its own model term; X has 1 row. Add particles or use "
                "leave_one_out=False."
            )

    def particles(self, index=None):
        """Places of all particles, or of the particles of an index."""
        index = np.arange(len(self.x)) if index is None else index
        return Places(self.x[index], index if self.leave_one_out else None)

    def velocity(self, places):
        """Velocity, a displacement, shape (n_places, n_features)."""
        data = self.reduce_data(places, self.profiles)
        model = self.reduce_model(places, self.profiles)
        return data.displacement - model.displacement

    def reduce_data(self, places, profiles):
        return reduce(
            places.rows,
            self.y,
            profiles,
            self.h,
            log_weights=self.log_weights,
            engine=self.engine,
        )

    def reduce_model(self, places, profiles):
        return reduce(
            places.rows,
            self.x,
            profiles,
            self.h,
            deleted=places.deleted,
            engine=self.engine,
        )

    def moments(self, places):
        """Moments of data and model, from which Jacobians are computed."""
        arguments = self.profiles, slopes(self.profiles), self.h
        return (
            moments(places.rows, self.y, self.log_weights, *arguments),
            moments(places.rows, self.x, None, *arguments, deleted=places.deleted),
        )

    def jacobian(self, places):
        """Jacobian of the velocity, shape (n_places, d, d), rows by component."""
        data, model = self.moments(places)
        return data.jacobian - model.jacobian

    def check_differentiable(self):
        """Raise if the field has no Jacobian at its particles."""
        if not self.leave_one_out and not np.isfinite(slope_at_zero(self.kernel)):
            raise ValueError(
                f"The kernel {self.kernel!r} is not C^2 (it has a kink at 0), so its "
                "field has no Jacobian at the position of a particle that counts "
                "itself. Use leave_one_out=True, or a smoother kernel such as its "
                "sharp() one."
            )


def reduce(
    queries,
    sources,
    profiles,
    bandwidth,
    *,
    log_weights=None,
    deleted=None,
    engine="auto",
):
    """One reduction by the preferred engine, or by the one that suits the work."""
    shape = len(queries), len(sources), queries.shape[1]
    work = Work(*shape, 1, profiles, queries.dtype)
    chosen = _preferred(engine, work)
    bound = chosen.bind(sources, log_weights)
    return bound.reduce(queries, profiles, bandwidth, deleted)


def _preferred(engine, work):
    try:
        return get_engine(engine, work)
    except ValueError:  # it cannot do this work
        return get_engine("auto", work)


class _Square(Kernel):
    """Square of any kernel, made of that kernel, so that only NumPy evaluates it."""

    def __init__(self, kernel):
        self.kernel = kernel

    def log_profile(self, r2):
        return 2.0 * self.kernel.log_profile(r2)

    def pull(self, r2):
        return 2.0 * self.kernel.pull(r2)


def log_square_sum(queries, sources, log_weights, kernel, bandwidth, deleted, engine):
    """Log of the sum of squares of weights and kernels, shape (n_queries,)."""
    if type(kernel) is Gaussian:
        squared, bandwidth = kernel, bandwidth / np.sqrt(2)
    elif type(kernel) is RationalQuadratic:
        squared, bandwidth = RationalQuadratic(2 * kernel.alpha), bandwidth / np.sqrt(2)
    else:
        squared, engine = _Square(kernel), "numpy"
    return reduce(
        queries,
        sources,
        displacement(squared),
        bandwidth,
        log_weights=2 * log_weights,
        deleted=deleted,
        engine=engine,
    ).log_z
