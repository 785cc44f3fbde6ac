"""Jacobians of the velocity, and the steps that they allow."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils import check_scalar

from .._docstrings import documented
from .checks import check_queries
from .docs import PARAMETERS
from .ensemble import Ensemble, Places

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats, KernelName
    from ..kernels import Kernel


@documented(PARAMETERS)
def field_jacobian(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    leave_one_out: bool = False,
    sample_weight: ArrayLike | None = None,
    queries: ArrayLike | None = None,
) -> Floats:
    """Jacobian of the velocity, with all particles held in place.

    Parameters
    ----------
    {X}
    {Y}
    {bandwidth}
    {smooth_kernel}
    {field}
    leave_one_out : bool, default=False
        Whether a particle is excluded from its own model term. No particle is excluded
        for `queries`.
    {sample_weight}
    {queries}

    Returns
    -------
    ndarray of shape (n_queries, n_features, n_features)
        One row for each component of the velocity. The velocity is a displacement, so
        the Jacobian has no unit. A source that coincides with the point contributes 0
        where the kernel has a kink and the derivative is infinite.

    Raises
    ------
    ValueError
        If the kernel has a kink at the position of the particle itself, or see
        :func:`residual_velocity`.

    Examples
    --------
    >>> from skdrift.diagnostics import field_jacobian
    >>> field_jacobian([[0.0], [1.0]], [[0.0], [1.0]], 1.0).tolist()
    [[[0.0]], [[0.0]]]
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    if queries is None:
        ensemble.check_differentiable()
        places = ensemble.particles()
    else:
        places = Places(check_queries(queries, ensemble.x))
    return ensemble.moments(places).jacobian


@documented(PARAMETERS)
def lipschitz_constant(jacobian: ArrayLike) -> float:
    """Largest singular value of the Jacobians of a field.

    It estimates the Lipschitz constant L of the field from below, at the points of the
    Jacobians. This is the field that a passive point sees, with all particles held in
    place; Euler steps of the particles themselves follow their ODE if they are short
    against the :func:`interacting_lipschitz_constant`, which may be larger.

    Parameters
    ----------
    {jacobian}

    Returns
    -------
    float
        L per unit step.

    Examples
    --------
    >>> from skdrift.diagnostics import lipschitz_constant
    >>> lipschitz_constant([[[0.0, -2.0], [1.0, 0.0]]])
    2.0
    """
    return float(np.linalg.norm(_check_jacobian(jacobian), 2, axis=(1, 2)).max())


def admissible_step(lipschitz: float) -> float:
    """Largest step size for which an explicit step is one-to-one.

    ``eta L <= 1`` (arXiv:2605.22795, section 4.3, with the constant 1): below it the
    map ``x + eta V(x)`` neither folds space nor overshoots. With the constant of the
    interacting system, the same holds for the map of the whole ensemble.

    Parameters
    ----------
    lipschitz : float
        L, from :func:`lipschitz_constant` or :func:`interacting_lipschitz_constant`.

    Returns
    -------
    float
        ``1 / L``, as a multiple of the displacement V; ``inf`` if L is 0.

    Examples
    --------
    >>> from skdrift.diagnostics import admissible_step
    >>> admissible_step(4.0)
    0.25
    """
    lipschitz = check_scalar(lipschitz, "lipschitz", Real, min_val=0)
    return np.inf if lipschitz == 0 else 1 / lipschitz


@documented(PARAMETERS)
def curl(jacobian: ArrayLike) -> Floats:
    """Rotation of a field, by the antisymmetric part of its Jacobian.

    The Frobenius norm ``|J - J^T| / sqrt(2)``, in two columns the absolute value of the
    scalar curl. It vanishes where the field is a gradient.

    Parameters
    ----------
    {jacobian}

    Returns
    -------
    ndarray of shape (n_points,)
        Nonnegative; 0 where the field is a gradient.

    Examples
    --------
    >>> from skdrift.diagnostics import curl
    >>> curl([[[0.0, -1.0], [1.0, 0.0]]]).round(12)
    array([2.])
    """
    jacobian = _check_jacobian(jacobian)
    twice = jacobian - jacobian.transpose(0, 2, 1)
    return np.linalg.norm(twice, axis=(1, 2)) / np.sqrt(2)


def _check_jacobian(jacobian):
    jacobian = np.asarray(jacobian, dtype=np.float64)
    if (
        jacobian.ndim != 3
        or jacobian.shape[1] != jacobian.shape[2]
        or not len(jacobian)
    ):
        raise ValueError(
            "The 'jacobian' must have shape (n_points, n_features, n_features), with "
            f"at least one point; got {jacobian.shape}."
        )
    return jacobian
