"""What the flow asks of the distribution that particles start from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._typing import Floats

# Variance of the blur of singular covariances, in mean variances of columns. Draws with
# such noise are as good: energy distances and AUCs differ by at most .02.
SINGULAR_BLUR = 0.03
# Eigenvalues below this, relative to the largest, are rounding.
_LEAST_EIGENVALUE = 1e-12
_LOG_2_PI = np.log(2 * np.pi)


class Start(ABC):
    """Distribution of independent, identically distributed starting positions.

    A collapsed start is stuck: with data at -a and +a and every particle at 0 the
    velocity vanishes. So every start overlaps the data and has their spread. All
    lengths are in internal units.

    Attributes
    ----------
    calibrates : bool
        Whether its draws have a noise that `fit` chooses. The draws of other starts
        do not depend on the noise.
    size : int or None
        Number of particles that it fixes.
    """

    calibrates = False
    size: int | None = None

    @abstractmethod
    def draw(
        self, n: int, random_state: np.random.RandomState
    ) -> Callable[[float], Floats]:
        """N independent draws, as a function of their noise."""

    def ensemble(
        self, n: int, random_state: np.random.RandomState
    ) -> Callable[[float], Floats]:
        """The ensemble that `fit` evolves, as a function of its noise."""
        return self.draw(n, random_state)

    @property
    def annealing(self) -> int:
        """Default number of annealing steps."""
        return 20

    @abstractmethod
    def anneals_from(self, bandwidth: float) -> float:
        """First bandwidth of an annealing that ends at `bandwidth`."""

    @abstractmethod
    def log_density(self, z: Floats, noise: float) -> Floats:
        """Log-density of draws of this noise at float64 rows; or a ValueError."""


def whitenings(covariances):
    """Matrices that whiten covariances, and half the log-determinants.

    A singular covariance, of draws on a plane that have no density, is blurred: it
    becomes the one of the draws with independent noise in every column, whose variance
    is a share of the mean variance of the columns.

    Parameters
    ----------
    covariances : ndarray of shape (n, n_features, n_features)

    Returns
    -------
    whitening : ndarray of shape (n, n_features, n_features)
    log_root_det : ndarray of shape (n,)

    Raises
    ------
    ValueError
        If a covariance is zero.
    """
    eigenvalues, vectors = np.linalg.eigh(covariances)
    largest = eigenvalues[:, -1:]
    if not (largest > 0).all():
        raise ValueError(
            "The density of the flow requires the density of its start, which does not "
            "exist: all rows of the data are equal. Use method='mixture'."
        )
    is_singular = eigenvalues[:, 0] <= _LEAST_EIGENVALUE * largest[:, 0]
    blur = SINGULAR_BLUR * eigenvalues.mean(axis=1) * is_singular
    eigenvalues = eigenvalues + blur[:, None]
    log_root_dets = 0.5 * np.log(eigenvalues).sum(axis=1)
    return vectors / np.sqrt(eigenvalues)[:, None, :], log_root_dets


def log_normal(white, log_root_det):
    """Log-density of a Gaussian at whitened deviations."""
    d = white.shape[1]
    square = np.einsum("ij,ij->i", white, white)
    return -0.5 * (square + d * _LOG_2_PI) - log_root_det
