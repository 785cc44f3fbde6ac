"""What every metric needs: checked samples, and distances in tiles."""

import numpy as np
from scipy.spatial.distance import cdist
from sklearn import get_config
from sklearn.utils import check_array, gen_batches

from .._data._checks import check_same_names
from .._data._neighbors import TREE_MAX_FEATURES, NearestRows

# Tiles that stay in the cache make sums over them up to twice as fast.
_TILE_MEBIBYTES = 1


def check_samples(*, min_rows=1, **samples):
    """Samples as float64 arrays of equal width, in the order they were named."""
    check_same_names(**samples)
    checked = {
        name: check_array(rows, dtype=np.float64, input_name=name, ensure_min_samples=0)
        for name, rows in samples.items()
    }
    widths = {name: rows.shape[1] for name, rows in checked.items()}
    if len(set(widths.values())) > 1:
        raise ValueError(
            "All samples must have the same columns; got these numbers of columns: "
            f"{widths}."
        )
    for name, rows in checked.items():
        if len(rows) < min_rows:
            raise ValueError(
                f"'{name}' must have at least {min_rows} row(s); got {len(rows)}."
            )
    return list(checked.values())


def distance_tiles(X, Y):
    """Batches of rows of X, as slices, with their distances from all rows of Y.

    Differences are taken column by column: products of matrices would be faster, but
    equal rows would not be at distance 0.
    """
    mebibytes = min(get_config()["working_memory"], _TILE_MEBIBYTES)
    rows = max(1, int(mebibytes * 2**20 // (8 * len(Y))))
    for batch in gen_batches(len(X), rows):
        yield batch, cdist(X[batch], Y)


def nearest_distances(queries, rows, k=1):
    """Distance of every query to its k-th nearest row."""
    if rows.shape[1] <= TREE_MAX_FEATURES:
        return NearestRows(rows).distance(queries, k)
    # Products of matrices, as there, may be wrong in data units far from 0.
    tiles = distance_tiles(queries, rows)
    return np.concatenate([np.partition(tile, k - 1)[:, k - 1] for _, tile in tiles])
