"""Start from one Gaussian with the mean and covariance of all the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._interface import Start, log_normal, whitenings

if TYPE_CHECKING:
    from .._data._rows import WeightedRows


def _overview(n, d):
    """Bandwidth at which every particle sees all the data."""
    return 1.5 * np.sqrt(d / 2)


class WideStart(Start):
    """Start that may be far from the data: annealing begins at their scale.

    Parameters
    ----------
    rows : WeightedRows
        The data.
    """

    def __init__(self, rows: WeightedRows) -> None:
        self.rows = rows

    def anneals_from(self, bandwidth):
        return max(2 * bandwidth, self.rows.bandwidth(_overview))


class GaussianStart(WideStart):
    """The Gaussian with the mean and covariance of the weighted rows."""

    def draw(self, n, random_state):
        rows, weight = self.rows.rows, self.rows.weight
        rows_64 = rows.astype(np.float64, copy=False)
        mean = weight @ rows_64
        root = np.sqrt(weight)[:, None] * (rows_64 - mean)
        if rows.shape[1] < len(rows):
            root = _symmetric_square_root(root.T @ root)
        noise = random_state.standard_normal((n, len(root)))
        drawn = (mean + noise @ root).astype(rows.dtype)
        return lambda _: drawn

    def log_density(self, z, noise):
        rows, weight = self.rows.rows.astype(np.float64, copy=False), self.rows.weight
        mean = weight @ rows
        deviation = rows - mean
        covariance = (weight[:, None] * deviation).T @ deviation
        whitening, log_root_det = whitenings(covariance[None])
        return log_normal((z - mean) @ whitening[0], log_root_det[0])


def _symmetric_square_root(matrix):
    eigenvalues, vectors = np.linalg.eigh(matrix)
    # Rounding noise around zero would be magnified by the square root.
    floor = len(matrix) * np.finfo(matrix.dtype).eps * eigenvalues[-1]
    eigenvalues[eigenvalues < floor] = 0
    return (vectors * np.sqrt(eigenvalues)) @ vectors.T
