"""How fast the particles move, and whether they circulate."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils import check_scalar

from .._docstrings import documented
from ..flow import root_mean_square
from .checks import check_rows
from .docs import PARAMETERS
from .ensemble import Ensemble

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats, KernelName
    from ..kernels import Kernel


@documented(PARAMETERS)
def residual_velocity(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    leave_one_out: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean square velocity of the particles.

    ``R_N = (1/N) sum_i |V(x_i)|^2`` (arXiv:2605.22795, eq. 19; eq. 48 for the
    displacement field), with V a displacement. For the velocity in score units divide
    by ``bandwidth ** 4``.

    Parameters
    ----------
    {X}
    {Y}
    {bandwidth}
    {kernel}
    {field}
    {leave_one_out}
    {sample_weight}

    Returns
    -------
    float
        R_N, a squared length.

    Raises
    ------
    ValueError
        If X and Y have different numbers of columns, a number is not finite, no weight
        is positive, or X has only one particle with leave-one-out.

    Examples
    --------
    >>> from skdrift.diagnostics import residual_velocity
    >>> residual_velocity([[0.0], [1.0]], [[0.0], [1.0]], 0.5)
    0.0
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    return root_mean_square(ensemble.terms(ensemble.particles()).velocity) ** 2


def one_step_bound(residual: float, step_size: float) -> float:
    """Bound of how far one more step moves the distribution of the particles.

    ``W_2 <= eta sqrt(R_N)``, by coupling every particle with the point that it moves
    to (arXiv:2605.22795, Remark 4.6).

    Parameters
    ----------
    residual : float
        R_N, from :func:`residual_velocity`.
    step_size : float
        The step eta, as a multiple of the displacement V.

    Returns
    -------
    float
        Bound of the 2-Wasserstein distance between the distributions before and after
        the step, a length.

    Examples
    --------
    >>> from skdrift.diagnostics import one_step_bound
    >>> one_step_bound(0.04, step_size=0.5)
    0.1
    """
    residual = check_scalar(residual, "residual", Real, min_val=0)
    step_size = check_scalar(step_size, "step_size", Real, min_val=0)
    return float(step_size * np.sqrt(residual))


def circulation(
    velocity: Callable[[Floats], ArrayLike], loop: ArrayLike, *, n_nodes: int = 8
) -> float:
    """Integral of a field around a closed polygon.

    ``oint V . dl``, by Gauss-Legendre quadrature on every edge. It is 0 around every
    loop if and only if the field is a gradient.

    Parameters
    ----------
    velocity : callable
        Function of points of shape (n, n_features) that returns vectors of the same
        shape, such as the method `velocity` of a drifter.
    loop : array-like of shape (n_vertices, n_features)
        Vertices in order, at least 3; the last one is joined to the first.
    n_nodes : int, default=8
        Number of points per edge.

    Returns
    -------
    float
        A squared length.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.diagnostics import circulation
    >>> square = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> round(circulation(lambda x: x @ np.array([[0, 1], [-1, 0]]), square), 12)
    2.0
    """
    loop = check_rows(loop, "loop")
    if len(loop) < 3:
        raise ValueError(
            f"The 'loop' must have at least 3 vertices to be closed; got {len(loop)}."
        )
    edge = np.roll(loop, -1, axis=0) - loop
    node, weight = np.polynomial.legendre.leggauss(n_nodes)
    points = loop[:, None] + (node[:, None] + 1) / 2 * edge[:, None]
    v = np.asarray(velocity(points.reshape(-1, loop.shape[1])), dtype=np.float64)
    return float(np.einsum("eni,ei,n->", v.reshape(points.shape), edge, weight) / 2)
