"""Quality of generated samples: fidelity to the law, and memorisation of rows."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn import get_config
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, gen_batches

__all__ = ["closest_record_ratio", "energy_distance"]


def energy_distance(X, Y):
    """Squared energy distance ``2 E|X - Y| - E|X - X'| - E|Y - Y'|`` of two samples.

    The V-statistic: means over all pairs, those of a row with itself included, so
    that it is never negative. Standardise the columns first if their units differ.

    Parameters
    ----------
    X : array-like of shape (n_samples_X, n_features)
        First sample.
    Y : array-like of shape (n_samples_Y, n_features)
        Second sample.

    Returns
    -------
    float
        In the units of the data; 0 for equal samples.

    References
    ----------
    Székely and Rizzo, *Energy statistics: a class of statistics based on
    distances*, J. Statistical Planning and Inference 143 (2013), eq. 6.1.

    Examples
    --------
    >>> from skdrift.metrics import energy_distance
    >>> energy_distance([[0.0], [1.0]], [[2.0], [3.0]])
    3.0
    """
    X, Y = _check_samples(X=X, Y=Y)
    return 2 * _mean_distance(X, Y) - _mean_distance(X, X) - _mean_distance(Y, Y)


def closest_record_ratio(generated, held_out, train):
    """Distance to the closest training row: generated rows over held-out rows.

    The ratio of the two medians. New rows of the law of the data have 1; copies of
    the training rows have 0; far above 1 the rows miss the data.

    Parameters
    ----------
    generated : array-like of shape (n_generated, n_features)
        Rows drawn from a generator that was fitted to `train`.
    held_out : array-like of shape (n_held_out, n_features)
        Rows of the same law as `train` that the generator has not seen.
    train : array-like of shape (n_train, n_features)
        Rows that the generator was fitted to.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If half of the held-out rows coincide with training rows: the ratio is
        then not defined.

    Examples
    --------
    >>> from skdrift.metrics import closest_record_ratio
    >>> closest_record_ratio([[0.25], [1.25]], [[0.5], [1.5]], [[0.0], [1.0]])
    0.5
    """
    generated, held_out, train = _check_samples(
        generated=generated, held_out=held_out, train=train
    )
    neighbors = NearestNeighbors(n_neighbors=1).fit(train)
    fresh = float(np.median(neighbors.kneighbors(held_out)[0]))
    if fresh == 0:
        raise ValueError(
            "At least half of the 'held_out' rows coincide with rows of 'train', so "
            "the ratio is not defined."
        )
    return float(np.median(neighbors.kneighbors(generated)[0])) / fresh


def _check_samples(**samples):
    checked = [
        check_array(S, dtype=np.float64, input_name=n) for n, S in samples.items()
    ]
    widths = {name: S.shape[1] for name, S in zip(samples, checked, strict=True)}
    if len(set(widths.values())) > 1:
        raise ValueError(
            f"The samples must have the same columns; got widths {widths}."
        )
    return checked


def _mean_distance(X, Y):
    rows = max(1, int(get_config()["working_memory"] * 2**20 // (8 * len(Y))))
    total = sum(cdist(X[batch], Y).sum() for batch in gen_batches(len(X), rows))
    return float(total) / (len(X) * len(Y))
