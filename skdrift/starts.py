"""Where particles start: ensembles of independent, identically distributed rows.

A collapsed start is stuck: with data at -a and +a and every particle at 0 the
velocity vanishes. So every start overlaps the data and has their spread.
"""

import numpy as np

# Noise of a resampled start, in standard deviations of a column.
RESAMPLING_NOISE = 0.5


def matched_gaussian(n, rows, weight, random_state):
    """Draw from the Gaussian with the mean and covariance of weighted rows.

    Parameters
    ----------
    n : int
        Number of draws.
    rows : ndarray of shape (n_rows, n_features)
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    random_state : RandomState

    Returns
    -------
    ndarray of shape (n, n_features)
        In the precision of `rows`.
    """
    rows_64 = rows.astype(np.float64, copy=False)
    mean = weight @ rows_64
    root = np.sqrt(weight)[:, None] * (rows_64 - mean)
    if rows.shape[1] < len(rows):
        root = _symmetric_square_root(root.T @ root)
    noise = random_state.standard_normal((n, len(root)))
    return (mean + noise @ root).astype(rows.dtype)


def _symmetric_square_root(matrix):
    eigenvalues, vectors = np.linalg.eigh(matrix)
    # Rounding noise around zero would be magnified by the square root.
    floor = len(matrix) * np.finfo(matrix.dtype).eps * eigenvalues[-1]
    eigenvalues[eigenvalues < floor] = 0
    return (vectors * np.sqrt(eigenvalues)) @ vectors.T


def resampled(n, rows, weight, noise, random_state):
    """Draw rows by weight, each as equally often as possible, and add noise.

    Parameters
    ----------
    n : int
        Number of draws.
    rows : ndarray of shape (n_rows, n_features)
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    noise : ndarray of shape (n_features,)
        Standard deviation of the noise in every column.
    random_state : RandomState

    Returns
    -------
    ndarray of shape (n, n_features)
        In the precision of `rows`.
    """
    # Systematic resampling: one uniform number, equally spaced quantiles.
    quantiles = (np.arange(n) + random_state.uniform()) / n
    chosen = np.searchsorted(np.cumsum(weight), quantiles)
    chosen = random_state.permutation(np.minimum(chosen, len(rows) - 1))
    jitter = noise * random_state.standard_normal((n, rows.shape[1]))
    return (rows[chosen] + jitter).astype(rows.dtype)
