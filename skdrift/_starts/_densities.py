"""Log-densities of the laws that :mod:`.starts` draws from."""

import numpy as np
from sklearn.utils import gen_batches

from .._data._neighbors import NearestRows
from ._draws import _CHUNK, _N_NEIGHBORS, _neighborhoods

_LOG_2_PI = np.log(2 * np.pi)


class SingularLawError(ValueError):
    """A covariance of the law is singular: it has no density."""


def matched_gaussian_log_density(z, rows, weight):
    """Log-density of the Gaussian with the mean and covariance of weighted rows.

    Parameters
    ----------
    z : ndarray of shape (n, n_features), float64
    rows : ndarray of shape (n_rows, n_features)
    weight : ndarray of shape (n_rows,)
        Sums to 1.

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    SingularLawError
        If the covariance is singular.
    """
    rows = rows.astype(np.float64, copy=False)
    mean = weight @ rows
    deviation = rows - mean
    covariance = (weight[:, None] * deviation).T @ deviation
    whitening, log_root_det = _whitenings(covariance[None])
    return _log_normal((z - mean) @ whitening[0], log_root_det[0])


def local_gaussian_log_density(z, rows, weight, noise):
    """Log-density of the mixture that a local start is drawn from.

    Row j, with the mean m_j and covariance C_j of its neighbourhood, stands for the
    Gaussian with mean ``m_j + sqrt(1 - b^2) (y_j - m_j)`` and covariance ``b^2 C_j``,
    b the noise (see :class:`~skdrift.starts.LocalGaussian`).

    Parameters
    ----------
    z : ndarray of shape (n, n_features), float64
    rows : ndarray of shape (n_rows, n_features)
        Distinct rows.
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    noise : float

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    SingularLawError
        If the covariance of a neighbourhood is singular.
    """
    neighbors = NearestRows(rows)
    d = rows.shape[1]
    kept = np.sqrt(max(0.0, 1 - noise * noise))
    result = np.full(len(z), -np.inf)
    for part in gen_batches(len(rows), max(1, _CHUNK // (d * (_N_NEIGHBORS + d)))):
        near, share = _neighborhoods(rows[part], rows, weight, neighbors)
        around = rows[near].astype(np.float64, copy=False)
        mean = np.einsum("nk,nkd->nd", share, around)
        deviation = around - mean[:, None]
        covariance = np.einsum("nk,nki,nkj->nij", share, deviation, deviation)
        whitenings, log_root_dets = _whitenings(noise**2 * covariance)
        centres = mean + kept * (rows[part] - mean)
        log_weights = np.log(weight[part])
        for centre, whitening, log_root_det, log_weight in zip(
            centres, whitenings, log_root_dets, log_weights, strict=True
        ):
            log_p = _log_normal((z - centre) @ whitening, log_root_det)
            np.logaddexp(result, log_weight + log_p, out=result)
    return result


def _whitenings(covariances):
    """Matrices that whiten, and half the log-determinants, of covariances."""
    eigenvalues, vectors = np.linalg.eigh(covariances)
    d = covariances.shape[1]
    least = d * np.finfo(np.float64).eps * eigenvalues[:, -1]
    singular = np.count_nonzero(eigenvalues[:, 0] <= least)
    if singular:
        raise SingularLawError(f"{singular} of {len(covariances)}")
    log_root_dets = 0.5 * np.log(eigenvalues).sum(axis=1)
    return vectors / np.sqrt(eigenvalues)[:, None, :], log_root_dets


def _log_normal(white, log_root_det):
    d = white.shape[1]
    square = np.einsum("ij,ij->i", white, white)
    return -0.5 * (square + d * _LOG_2_PI) - log_root_det
