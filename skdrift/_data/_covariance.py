"""Covariance of all rows, shrunk so that rows left out are as likely as can be."""

from __future__ import annotations

import numpy as np

# Candidates: shares of the diagonal. The least keeps the inverse accurate.
_SHARES = np.geomspace(1e-6, 1.0, 31)
# Numbers of the samples that are compared; more would hardly change the choice.
_MOST_NUMBERS = 500_000
# A sample that weighs more than this counts as if it weighed this.
_LARGEST_WEIGHT = 0.5


def shrunk_covariance(z, weight, count):
    """Covariance of weighted rows, shrunk towards a multiple of the identity.

    It is ``(1 - a) S + a mu I``, with the sample covariance S and the mean ``mu`` of
    its diagonal. The share a makes the samples most likely under the Gaussian of the
    others, with the mean of all of them. Leaving out a sample changes S by a matrix of
    rank one, so that all these likelihoods follow from the eigenvectors of S (compare
    Theiler, *The incredible shrinking covariance estimator*, Proc. SPIE 8391, 2012).

    Parameters
    ----------
    z : ndarray of shape (n_rows, n_columns)
    weight : ndarray of shape (n_rows,)
        Of sum 1.
    count : ndarray of shape (n_rows,)
        Number of samples that each row stands for.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
    """
    deviation = z - weight @ z
    S = (weight * deviation.T) @ deviation
    d = len(S)
    mu = np.trace(S) / d
    part = slice(None, None, -(-z.size // _MOST_NUMBERS))
    log_p = _log_likelihoods(S, mu, deviation[part], weight[part], count[part])
    share = _SHARES[np.argmax(log_p)]
    return (1 - share) * S + share * mu * np.eye(d)


def _log_likelihoods(S, mu, deviation, weight, count):
    """Mean log-density of samples under the Gaussian of the others, by share.

    Without a sample x of weight w, S is ``(S - w x x') / (1 - w)``. With
    ``b = (1 - a) / (1 - w)``, ``G = b S + a mu I`` and
    ``r = x' G^-1 x``, the shrunk covariance ``G - b w x x'`` has the determinant
    ``|G| (1 - b w r)``, and its inverse the quadratic form ``r / (1 - b w r)`` at x.
    """
    variances, axes = np.linalg.eigh(S)
    squares = np.square(deviation @ axes)
    w = np.minimum(weight / count, _LARGEST_WEIGHT)
    result = np.empty(len(_SHARES))
    for i, a in enumerate(_SHARES):
        b = (1 - a) / (1 - w)
        G = b[:, None] * np.maximum(variances, 0.0) + a * mu
        r = np.sum(squares / G, axis=1)
        rest = np.maximum(1 - b * w * r, np.finfo(float).tiny)
        log_p = -0.5 * (np.log(G).sum(axis=1) + np.log(rest) + r / rest)
        result[i] = weight @ log_p
    return result
