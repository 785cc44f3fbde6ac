"""The Jacobian of the whole ensemble, in which every particle moves every other.

With ``V_i = V(x_i; x_1 ... x_N)`` the derivative in a direction u is ``J_i u_i - sum_j
B_ij u_j``: J_i is the Jacobian of the field with all sources in place, and B_ij the
derivative of the model term with respect to its source j,

    B_ij u = A_ij u - AB_ij e (e . u) + NB_ij D_i (e . u),   e = x_j - x_i,

with the pull a, its slope ab and the slope nb of the normaliser, all over ``N Z_i``,
and slopes over h^2. Pairs are summed in blocks, which are kept only if there are few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from sklearn.utils import gen_batches

from .._docstrings import documented
from ..engines._derivatives import profile_values
from .checks import check_lipschitz
from .docs import PARAMETERS
from .ensemble import Ensemble

if TYPE_CHECKING:
    from .._typing import ArrayLike, KernelName
    from ..kernels import Kernel

# Pairs of a block of rows, and pairs up to which blocks are kept between products.
_BLOCK = 2**20
_KEPT = 2**22
# The square of the norm is found once it grows by less than this share; largest number
# of products; share of the largest eigenvalue that is rounding.
_RTOL = 1e-11
_MAX_ITER = 200
_INVARIANT = 1e-13


class _Block(NamedTuple):
    """Coefficients of B_ij for a slice of the rows i."""

    rows: slice
    pull: np.ndarray
    pull_slope: np.ndarray
    slope: np.ndarray


class InteractingJacobian:
    """Derivative of the velocities of some particles with respect to these particles.

    Other particles stay in place, so that its norm is at most that for all.

    Parameters
    ----------
    ensemble : Ensemble
    index : ndarray of int or slice, default=slice(None)
        The particles that move; all by default.
    moments : Terms, default=None
        Moments of data and model at these particles, if they are known.
    """

    def __init__(self, ensemble, index=slice(None), moments=None):
        places = ensemble.particles(index)
        if moments is None:
            moments = ensemble.moments(places)
        self.x = places.rows
        self.ensemble, self.moments = ensemble, moments
        self._own = moments.jacobian
        self._shift = moments.model.displacement
        self._size = max(1, _BLOCK // len(self.x))
        self._kept = list(self._blocks()) if len(self.x) ** 2 <= _KEPT else None

    @property
    def blocks(self):
        return self._blocks() if self._kept is None else self._kept

    def _blocks(self):
        for rows in gen_batches(len(self.x), self._size):
            yield self._block(rows)

    def _block(self, rows):
        e, x = self.ensemble, self.x
        r2 = np.zeros((len(x[rows]), len(x)))
        for a, b in zip(x[rows].T, x.T, strict=True):  # exact for close pairs
            r2 += np.square((b - a[:, None]) / e.h)
        profiles = e.bound.profiles
        share = profiles.log_normalizer(r2) - np.log(len(e.x))
        share = np.exp(share - self.moments.model.log_z[rows, None])
        if e.leave_one_out:
            at = np.arange(len(r2))
            share[at, at + rows.start] = 0
        pull, slope, pull_slope = (share * v for v in profile_values(profiles, r2))
        return _Block(rows, pull, pull_slope / e.h**2, slope / e.h**2)

    def matvec(self, u):
        """Change of all velocities when the particles move by u, shape (n, d)."""
        x, u = self.x, u.reshape(self.x.shape)
        result = np.einsum("nij,nj->ni", self._own, u)
        c = np.einsum("ij,ij->i", x, u)
        for rows, pull, pull_slope, slope in self.blocks:
            along = c - x[rows] @ u.T  # e . u_j
            bent = pull_slope * along
            result[rows] -= pull @ u - bent @ x + bent.sum(axis=1)[:, None] * x[rows]
            pushed = np.einsum("ij,ij->i", slope, along)
            result[rows] -= pushed[:, None] * self._shift[rows]
        return result

    def rmatvec(self, w):
        """Transposed product with w, shape (n, d)."""
        x, w = self.x, w.reshape(self.x.shape)
        result = np.einsum("nij,ni->nj", self._own, w)
        shift = np.einsum("ij,ij->i", w, self._shift)
        for rows, pull, pull_slope, slope in self.blocks:
            along = w[rows] @ x.T - np.einsum("ij,ij->i", w[rows], x[rows])[:, None]
            c = slope * shift[rows, None] - pull_slope * along
            result -= pull.T @ w[rows] + c.sum(axis=0)[:, None] * x - c.T @ x[rows]
        return result

    def dense(self):
        """The matrix, shape (n d, n d)."""
        n, d = self.x.shape
        whole = np.zeros((n, d, n, d))
        at = np.arange(n)
        whole[at, :, at] = self._own
        for rows, pull, pull_slope, slope in self.blocks:
            e = self.x - self.x[rows, None]
            whole[rows] += np.einsum("ij,ija,ijb->iajb", pull_slope, e, e)
            pushed = slope[:, :, None] * e
            whole[rows] -= np.einsum("ia,ijb->iajb", self._shift[rows], pushed)
            for a in range(d):
                whole[rows, a, :, a] -= pull
        return whole.reshape(n * d, n * d)

    def trace(self):
        """Sum of the diagonal."""
        own = np.trace(self._own, axis1=1, axis2=2).sum()
        e = self.ensemble
        if e.leave_one_out:
            return float(own)
        # A particle's own term moves with it.
        profiles, zero = e.bound.profiles, np.zeros(1)
        log_own = profiles.log_normalizer(zero) - np.log(len(e.x))
        share = np.exp(log_own - self.moments.model.log_z)
        pull = profile_values(profiles, zero)[0]
        return float(own - self.x.shape[1] * (share * pull).sum())

    def norm(self, rtol=_RTOL):
        """Largest singular value, by the Lanczos process from a fixed direction."""

        def normal_product(u):
            return self.rmatvec(self.matvec(u))

        start = np.random.RandomState(0).standard_normal(self.x.shape)
        square = 0.0
        for nodes, _ in lanczos(normal_product, start, _MAX_ITER):
            before, square = square, float(nodes[-1])
            if square - before <= rtol * square:
                break
        return float(np.sqrt(max(square, 0.0)))


def lanczos(product, start, n_steps):
    """Eigenvalues and vectors of a symmetric map, restricted to growing spaces.

    The spaces are spanned by `start` and its images. Yields what
    :func:`numpy.linalg.eigh` returns for the tridiagonal matrix of each, until one is
    mapped into itself.
    """
    length = np.linalg.norm(start)
    basis, diagonal, beside = [], [], []
    while length > 0 and len(basis) < n_steps:
        basis.append(start / length)
        start = product(basis[-1])
        diagonal.append(np.vdot(start, basis[-1]))
        for q in (*basis, *basis):  # twice, to be orthogonal to rounding
            start = start - np.vdot(start, q) * q
        matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        nodes, vectors = np.linalg.eigh(matrix)
        yield nodes, vectors
        length = np.linalg.norm(start)
        if length <= _INVARIANT * np.abs(nodes).max():
            return
        beside.append(length)


@documented(PARAMETERS)
def interacting_lipschitz_constant(
    X: ArrayLike,
    Y: ArrayLike,
    bandwidth: float,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: Literal["conservative", "displacement"] = "conservative",
    leave_one_out: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Lipschitz constant of the interacting system at its present positions.

    The largest singular value of the derivative of all N velocities with respect to
    all N particles, a matrix of N d rows that is never formed: the Lanczos process
    needs products of it only. Explicit Euler steps of the ensemble follow its ODE if
    they are short against one over this number (arXiv:2605.22795, appendix A). The
    :func:`lipschitz_constant` of the field with all particles held in place may be
    smaller: two close particles repel each other, and both move.

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
        L per unit step of the displacement, without a unit; divide by
        ``bandwidth ** 2`` for the velocity in score units.

    Raises
    ------
    ValueError
        If the field jumps at the points, which the conservative field of a kernel with
        a kink does, or see :func:`residual_velocity`.

    See Also
    --------
    lipschitz_constant : Of the field that a passive point sees.
    euler_bound : Distance between Euler steps and the ODE.

    Examples
    --------
    Two particles that leave themselves out, and data far wider than the bandwidth:

    >>> from skdrift.diagnostics import interacting_lipschitz_constant
    >>> y = [[-9.0], [0.0], [9.0]]
    >>> x = [[-0.1], [0.1]]
    >>> round(interacting_lipschitz_constant(x, y, 1.0, leave_one_out=True), 4)
    1.0
    """
    ensemble = Ensemble(X, Y, bandwidth, kernel, field, leave_one_out, sample_weight)
    check_lipschitz(ensemble.bound.profiles)
    return InteractingJacobian(ensemble).norm()
