"""What the flow asks of the distribution that particles start from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._typing import Floats

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

    @abstractmethod
    def anneals_from(self, bandwidth: float) -> float:
        """First bandwidth of an annealing that ends at `bandwidth`."""

    @abstractmethod
    def log_density(self, z: Floats, noise: float) -> Floats:
        """Log-density of draws of this noise at float64 rows; or a ValueError."""


def whitenings(covariances):
    """Matrices that whiten covariances, and half the log-determinants.

    Parameters
    ----------
    covariances : ndarray of shape (n, n_features, n_features)

    Returns
    -------
    whitening : ndarray of shape (n, n_features, n_features)
    log_root_det : ndarray of shape (n,)
    n_singular : int
        Number of singular covariances, whose whitening is not finite.
    """
    eigenvalues, vectors = np.linalg.eigh(covariances)
    d = covariances.shape[1]
    least = d * np.finfo(np.float64).eps * eigenvalues[:, -1]
    n_singular = np.count_nonzero(eigenvalues[:, 0] <= least)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_root_dets = 0.5 * np.log(eigenvalues).sum(axis=1)
        whitening = vectors / np.sqrt(eigenvalues)[:, None, :]
    return whitening, log_root_dets, n_singular


def log_normal(white, log_root_det):
    """Log-density of a Gaussian at whitened deviations."""
    d = white.shape[1]
    square = np.einsum("ij,ij->i", white, white)
    return -0.5 * (square + d * _LOG_2_PI) - log_root_det
