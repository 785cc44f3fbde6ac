"""Data, particles, kernel and field of a diagnosis, checked once."""

from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array, check_scalar

from .._data._checks import check_weight
from ..engines import NumpyEngine, Work, get_engine
from ..fields import conservative, displacement
from ..kernels import Kernel, get_kernel

_FIELDS = {"conservative": conservative, "displacement": displacement}


class Places(NamedTuple):
    """Where to evaluate a field.

    Attributes
    ----------
    rows : ndarray of shape (n_places, n_features)
    deleted : ndarray of shape (n_places,), dtype int, or None
        Particle that each leaves out, under leave-one-out.
    count_themselves : bool
        Whether they are particles that do not.
    """

    rows: np.ndarray
    deleted: np.ndarray | None = None
    count_themselves: bool = False


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
        Engine that is preferred, where it can do the work.
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
        self.y, self.log_weights = _check_data(Y, sample_weight, self.x.shape[1])
        self.h = check_bandwidth(bandwidth)
        self.kernel = get_kernel(kernel)
        self.field = field
        self.leave_one_out = leave_one_out
        self.engine = engine
        self.profiles = _FIELDS[field](self.kernel)
        if leave_one_out and len(self.x) < 2:
            raise ValueError(
                "Leave-one-out needs at least 2 particles: X has 1 row, and nothing "
                "is left of the model. Give more particles or leave_one_out=False."
            )

    def particles(self, index=None):
        """Places of particles, all or those of an index."""
        index = np.arange(len(self.x)) if index is None else index
        if self.leave_one_out:
            return Places(self.x[index], index)
        return Places(self.x[index], count_themselves=True)

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
        """Moments of data and model, whose Jacobians make that of the field."""
        self._check_differentiable(places)
        arguments = places.rows, self.profiles, self.h
        bind = NumpyEngine().bind
        return (
            bind(self.y, self.log_weights).moments(*arguments),
            bind(self.x).moments(*arguments, places.deleted),
        )

    def jacobian(self, places):
        """Jacobian of the velocity, shape (n_places, d, d), rows by component."""
        data, model = self.moments(places)
        return data.jacobian - model.jacobian

    def _check_differentiable(self, places):
        if places.count_themselves and not np.isfinite(self.kernel.slope_at_zero()):
            raise ValueError(
                f"The kernel {self.kernel!r} is not C^2 (it has a kink at 0), so its "
                "field has no Jacobian at the place of a particle that counts itself. "
                "Use leave_one_out=True, or a smoother kernel such as its sharp() one."
            )


def not_c2(kernel, quantity):
    """Error that says that the kernel has a kink."""
    return ValueError(
        f"{quantity} assumes a C^2 kernel (arXiv:2605.22795, Assumption 2.1), which "
        f"{kernel!r} is not: it has a kink at 0. Use a smoother kernel, such as its "
        "sharp() one, or, with the displacement field, the scale decomposition."
    )


def check_rows(X, name):
    return check_array(X, dtype=np.float64, input_name=name)


def check_bandwidth(bandwidth):
    h = check_scalar(
        bandwidth, "bandwidth", Real, min_val=0, include_boundaries="neither"
    )
    if not np.isfinite(h):
        raise ValueError(f"The 'bandwidth' must be finite; got {bandwidth!r}.")
    return float(h)


def _check_data(Y, sample_weight, d):
    y = check_rows(Y, "Y")
    if y.shape[1] != d:
        raise ValueError(
            f"X has {d} columns and Y has {y.shape[1]}; they must be equal: particles "
            "and data live in one space."
        )
    return (y, None) if sample_weight is None else weighted(y, sample_weight)


def weighted(rows, sample_weight):
    """Rows of positive weight, and their log-weights, adding up to 1."""
    weight = check_weight(sample_weight, rows)
    kept = weight > 0
    log_weight = np.log(weight[kept])
    return rows[kept], log_weight - np.logaddexp.reduce(log_weight)


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
    """The square of a kernel, which only NumPy evaluates: it is made of another one."""

    def __init__(self, kernel):
        self.kernel = kernel

    def log_profile(self, r2):
        return 2.0 * self.kernel.log_profile(r2)

    def slope_ratio(self, r2):
        return 2.0 * self.kernel.slope_ratio(r2)


def log_square_sum(queries, sources, log_weights, kernel, bandwidth, deleted, engine):
    """Log of the sum of squares of weights and kernels, shape (n_queries,)."""
    known = kernel.squared()
    if known is None:
        squared, factor, engine = _Square(kernel), 1.0, "numpy"
    else:
        squared, factor = known
    return reduce(
        queries,
        sources,
        displacement(squared),
        bandwidth / factor,
        log_weights=2 * log_weights,
        deleted=deleted,
        engine=engine,
    ).log_z
