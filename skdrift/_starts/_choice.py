"""Rows chosen by weight, as evenly as possible."""

import numpy as np


def choose(n, weight, random_state):
    """Indices of n rows, each as equally often as its weight allows."""
    # Systematic resampling: one uniform number, equally spaced quantiles.
    quantiles = (np.arange(n) + random_state.uniform()) / n
    chosen = np.searchsorted(np.cumsum(weight), quantiles)
    return random_state.permutation(np.minimum(chosen, len(weight) - 1))


def resampled(n, rows, weight, noise, random_state):
    """Draw rows by weight, each as equally often as possible, and add noise.

    Parameters
    ----------
    n : int
        Number of draws.
    rows : ndarray of shape (n_rows, n_features)
        Rows to draw from.
    weight : ndarray of shape (n_rows,)
        Sums to 1.
    noise : ndarray of shape (n_features,)
        Standard deviation of the noise in every column.
    random_state : RandomState
        Source of the draws.

    Returns
    -------
    ndarray of shape (n, n_features)
        In the precision of `rows`.
    """
    chosen = choose(n, weight, random_state)
    jitter = noise * random_state.standard_normal((n, rows.shape[1]))
    return (rows[chosen] + jitter).astype(rows.dtype)
