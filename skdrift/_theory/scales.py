"""The displacement field as a score mismatch and a scale mismatch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._docstrings import documented
from ..fields import displacement
from .checks import check_queries
from .docs import PARAMETERS
from .ensemble import Ensemble, Places
from .sampling import Estimate, density_draws, monte_carlo

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats, KernelName, Seed
    from ..kernels import Kernel


class ScaleDecomposition(NamedTuple):
    """Displacement field as a preconditioned score mismatch and a residual.

    Attributes
    ----------
    scale_data, scale_model : ndarray of shape (n_queries,)
        ``a_p`` and ``a_q``, squared lengths; for the Laplace kernel ``h^2`` plus h
        times the kernel-weighted mean radius.
    score_data, score_model : ndarray of shape (n_queries, n_features)
        Scores of data and model, smoothed by the sharp companion: ``s#_p``, ``s#_q``.
    """

    scale_data: np.ndarray
    scale_model: np.ndarray
    score_data: np.ndarray
    score_model: np.ndarray

    @property
    def mismatch(self) -> Floats:
        """Preconditioned score mismatch ``a_q (s#_p - s#_q)``, a displacement."""
        return self.scale_model[:, None] * (self.score_data - self.score_model)

    @property
    def residual(self) -> Floats:
        """Scale-mismatch residual ``(a_p - a_q) s#_p``, a displacement."""
        return (self.scale_data - self.scale_model)[:, None] * self.score_data

    @property
    def alignment_bound(self) -> float:
        """Bound of the length of the residual by the alignment of local shells.

        ``max |a_p - a_q| max |s#_p|``, for the Laplace kernel ``h delta B`` with the
        largest difference delta between the local radii and the largest length B of
        the score, both over the queries (arXiv:2605.22795, Corollary 6.12).
        """
        delta = np.abs(self.scale_data - self.scale_model).max()
        return float(delta * np.linalg.norm(self.score_data, axis=1).max())

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest ``a_q`` over the queries: a_min and a_max.

        On all of space only a lower bound exists, ``h^2`` for the Laplace kernel:
        far from the particles ``a_q`` grows like h times the distance. The uniform
        bounds of arXiv:2605.22795, eq. 60, can hold on a bounded region;
        :func:`coercivity` does without them.
        """
        return float(self.scale_model.min()), float(self.scale_model.max())


@documented(PARAMETERS)
def scale_decomposition(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "laplace",
    sample_weight: ArrayLike | None = None,
    queries: ArrayLike | None = None,
) -> ScaleDecomposition:
    """Split the displacement field into a score mismatch and a scale mismatch.

    Every mean shift is ``m_nu = a_nu s#_nu`` with the score ``s#_nu`` of the sharp
    companion and the scale ``a_nu = h^2 (k# * nu) / (k * nu)`` of unit profiles, so
    that ``V = a_q (s#_p - s#_q) + (a_p - a_q) s#_p`` (arXiv:2605.22795, Lemma 6.1 and
    eq. 53). For the Gaussian kernel ``a = h^2`` everywhere and there is no residual.

    Parameters
    ----------
    X : array-like of shape (n_particles, n_features)
        Particles. No particle is excluded from its own model term.
    {Y}
    {bandwidth}
    kernel : str or Kernel, default="laplace"
        Kernel k. It must have a sharp companion.
    {sample_weight}
    {queries}

    Returns
    -------
    ScaleDecomposition
        Scales and sharp scores of both terms at every point.

    Raises
    ------
    ValueError
        If the kernel has no sharp companion, or see :func:`residual_velocity`.
    NotImplementedError
        If a kernel of your own does not define ``sharp()``.

    Examples
    --------
    >>> from skdrift.diagnostics import scale_decomposition
    >>> parts = scale_decomposition([[0.0], [1.0]], [[0.0], [3.0]], 1.0)
    >>> parts.scale_model.round(4)
    array([1.2689, 1.2689])
    >>> (parts.mismatch + parts.residual).round(4)
    array([[-0.1267],
           [ 0.0758]])
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, "displacement", False, sample_weight)
    x = ensemble.x if queries is None else check_queries(queries, ensemble.x)
    return decompose(ensemble, x)


def decompose(ensemble, x):
    """Scale decomposition at the points x."""
    sources = ensemble.data, ensemble.model
    scales = [scale(side, x, ensemble.kernel, ensemble.h) for side in sources]
    shifts = [term.displacement for term in ensemble.terms(Places(x))]
    scores = [shift / a[:, None] for shift, a in zip(shifts, scales, strict=True)]
    return ScaleDecomposition(*scales, *scores)


def decompose_at_draws(ensemble, n_samples, random_state):
    """Scale decomposition at draws of the particles smoothed by the sharp companion."""
    sharp = ensemble.kernel.sharp()
    x = density_draws(ensemble.x, sharp, ensemble.h, n_samples, random_state)
    return decompose(ensemble, x)


def scale(sources, x, kernel, h):
    """``a_nu = h^2 Z_k# / Z_k`` with unit profiles, nu the data or the particles."""
    log_z, log_z_sharp = (
        sources.reduce(x, displacement(k), h).log_z for k in (kernel, kernel.sharp())
    )
    return h**2 * np.exp(log_z_sharp - log_z)


@documented(PARAMETERS)
def scale_mismatch(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "laplace",
    sample_weight: ArrayLike | None = None,
    n_samples: int = 2000,
    random_state: Seed = None,
) -> Estimate:
    """Mean square of the part of the displacement field that is no score mismatch.

    ``Gamma^2 = int q#_h |(a_p - a_q) s#_p|^2`` (arXiv:2605.22795, eq. 61), by draws
    of the particles smoothed by the sharp companion. For two fixed distributions it
    does not fall as more particles are drawn from them. It is a term of an upper bound
    of the residual velocity (Theorem 6.9), not a lower bound: where the particles come
    to represent the data, it vanishes as the residual velocity does, and faster with
    more particles.

    Parameters
    ----------
    {X}
    {Y}
    {bandwidth}
    kernel : str or Kernel, default="laplace"
        Kernel k. It must have a sharp companion that is a density in this dimension.
    {sample_weight}
    {n_samples}
    {random_state}

    Returns
    -------
    Estimate
        ``Gamma^2`` and its standard error, squared lengths.

    Raises
    ------
    ValueError
        See :func:`scale_decomposition` and :func:`fisher_discrepancy`.

    Examples
    --------
    >>> from skdrift.diagnostics import scale_mismatch
    >>> scale_mismatch([[0.0]], [[1.0]], 1.0, kernel="gaussian", random_state=0)
    Estimate(value=0.0, error=0.0)
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, "displacement", False, sample_weight)
    return mismatch_estimate(ensemble, n_samples, random_state)[0]


def mismatch_estimate(ensemble, n_samples, random_state):
    """Gamma squared, and the decomposition at its draws."""
    parts = decompose_at_draws(ensemble, n_samples, random_state)
    return monte_carlo(np.square(parts.residual).sum(axis=1)), parts
