"""Checks of samples, and distances in tiles, used by all metrics."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn import get_config
from sklearn.utils import check_array, gen_batches

from .._data._checks import check_same_names
from .._data._frames import naming_columns
from .._data._neighbors import TREE_MAX_FEATURES, NearestRows
from .._data._numbers import check_numbers

# Sums over tiles that fit in the cache are up to twice as fast.
_TILE_MEBIBYTES = 1


def check_samples(*, min_rows=1, **samples):
    """Arrays of float64 with equal numbers of columns, in the order of the keywords."""
    check_same_names(**samples)
    checked = {name: _numbers(name, rows) for name, rows in samples.items()}
    widths = {name: rows.shape[1] for name, rows in checked.items()}
    if len(set(widths.values())) > 1:
        raise ValueError(
            "All arguments must have the same columns; got these numbers of columns: "
            f"{widths}."
        )
    for name, rows in checked.items():
        if len(rows) < min_rows:
            raise ValueError(
                f"'{name}' must have at least {min_rows} sample(s); got {len(rows)}."
            )
    return list(checked.values())


def _numbers(name, rows):
    message = (
        f"Column {{name}} of '{name}' has values that are no finite numbers. Fit a "
        "skdrift.tables.TableEncoder to the training table, and pass all tables as its "
        "transform returns them."
    )
    with naming_columns(rows, message):
        check_numbers(rows, name)
        return check_array(
            rows, dtype=np.float64, input_name=name, ensure_min_samples=0
        )


def distance_tiles(X, Y):
    """Batches of rows of X, as slices, with their distances from all rows of Y.

    Differences are computed column by column. Products of matrices would be faster, but
    the distance of equal rows would not be 0.
    """
    mebibytes = min(get_config()["working_memory"], _TILE_MEBIBYTES)
    rows = max(1, int(mebibytes * 2**20 // (8 * len(Y))))
    for batch in gen_batches(len(X), rows):
        yield batch, cdist(X[batch], Y)


def nearest_distances(queries, rows, k=1):
    """Distance of every query to its k-th nearest row."""
    if rows.shape[1] <= TREE_MAX_FEATURES:
        return NearestRows(rows).distance(queries, k)
    # NearestRows would use products of matrices here, which are inaccurate for data
    # far from 0.
    tiles = distance_tiles(queries, rows)
    return np.concatenate([np.partition(tile, k - 1)[:, k - 1] for _, tile in tiles])
