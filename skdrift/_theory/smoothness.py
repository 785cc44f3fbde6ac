"""Constants of quadrature regularity: how curved the integrands are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from .._docstrings import documented
from ..kernels import get_kernel
from .checks import check_c4, check_queries
from .docs import PARAMETERS
from .ensemble import Ensemble
from .rates import integrands
from .sampling import density_draws

if TYPE_CHECKING:
    from .._typing import ArrayLike, KernelName, Seed
    from ..kernels import Kernel

# Length of the steps of the differences, in bandwidths, and their weights: errors of
# fourth order and of rounding are near 1e-9 there.
_STEP = 0.01
_STENCIL = {-2: -1 / 12, -1: 4 / 3, 0: -5 / 2, 1: 4 / 3, 2: -1 / 12}


class QuadratureConstants(NamedTuple):
    """Largest curvatures of the two integrands, and the bound that follows.

    Attributes
    ----------
    stein, residual : float
        ``L_S`` and ``L_R``, in score units, 1 over the fourth power of a length.
    second_moment : float
        ``mu_2`` of the unit-scale kernel.
    bandwidth : float
        The bandwidth h.
    """

    stein: float
    residual: float
    second_moment: float
    bandwidth: float

    @property
    def bound(self) -> float:
        """``(mu_2 h^2 / 2) (L_S + L_R)``, 1 over a squared length."""
        factor = 0.5 * self.second_moment * self.bandwidth**2
        return factor * (self.stein + self.residual)


@documented(PARAMETERS)
def quadrature_constants(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    sample_weight: ArrayLike | None = None,
    queries: ArrayLike | None = None,
    n_samples: int = 500,
    random_state: Seed = None,
) -> QuadratureConstants:
    """Constants of the assumption of quadrature smoothness.

    ``L_S = sup |Hess(s_p . V + div V)|`` and ``L_R = sup |Hess |V|^2|`` in the operator
    norm (arXiv:2605.22795, Assumption 2.5), which bound the errors of replacing
    averages over space by averages over the particles (Lemma 4.4). The largest values
    over finitely many points bound the suprema from below; :func:`quadrature_error`
    is the error itself.

    Parameters
    ----------
    {X}
    {Y}
    {bandwidth}
    kernel : str or Kernel, default="gaussian"
        Kernel k. It must be C^4, and a density in this dimension.
    {sample_weight}
    queries : array-like of shape (n_queries, n_features), default=None
        Points of evaluation; None for the particles, up to `n_samples` of them, and as
        many draws of their density.
    n_samples : int, default=500
        Number of particles and of draws. Each is evaluated at ``2 d (d + 1) + 1``
        positions.
    {random_state}

    Returns
    -------
    QuadratureConstants
        The constants and the bound of ``|S_N - F_N| + |R_N - F_N|``.

    Raises
    ------
    ValueError
        If the kernel is not C^4, or see :func:`fisher_discrepancy`.

    Examples
    --------
    >>> from skdrift.diagnostics import quadrature_constants
    >>> found = quadrature_constants([[0.0]], [[1.0]], 1.0, random_state=0)
    >>> found.bound < 1e-8  # V = 1 everywhere
    True
    """
    kernel = get_kernel(kernel)
    check_c4(kernel, "Quadrature smoothness")
    ensemble = Ensemble(X, Y, bandwidth, kernel, sample_weight=sample_weight)
    d = ensemble.x.shape[1]
    if queries is None:
        rng = check_random_state(random_state)
        draws = density_draws(ensemble.x, kernel, ensemble.h, n_samples, rng)
        some = rng.permutation(len(ensemble.x))[:n_samples]
        x = np.concatenate((ensemble.x[some], draws))
    else:
        x = check_queries(queries, ensemble.x)
    stein, residual = (
        float(np.abs(np.linalg.eigvalsh(h)).max()) for h in _hessians(ensemble, x)
    )
    return QuadratureConstants(stein, residual, kernel.second_moment(d), ensemble.h)


def _hessians(ensemble, x):
    """Hessians of both integrands at rows x, shape (2, n, d, d)."""
    d, at = x.shape[1], integrands(ensemble, x)
    curved = {}
    for i in range(d):
        for j in range(i + 1):
            direction = np.zeros(d)
            direction[[i, j]] = 1.0
            curved[i, j] = _second_derivative(ensemble, x, at, direction)
    hessian = np.empty((2, len(x), d, d))
    for (i, j), along_both in curved.items():
        if i == j:
            hessian[:, :, i, i] = along_both
        else:
            mixed = (along_both - curved[i, i] - curved[j, j]) / 2
            hessian[:, :, i, j] = hessian[:, :, j, i] = mixed
    return hessian


def _second_derivative(ensemble, x, at, direction):
    step = _STEP * ensemble.h
    total = _STENCIL[0] * at
    for k, weight in _STENCIL.items():
        if k:
            total = total + weight * integrands(ensemble, x + k * step * direction)
    return total / step**2
