"""Checks of data that estimators and functions share."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import _check_sample_weight, _get_feature_names


def check_weight(sample_weight, X):
    """Weights of the rows as float64: nonnegative, and not all zero."""
    weight = _check_sample_weight(
        sample_weight, X, dtype=float, ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError(
            "The 'sample_weight' are all zero; at least one must be positive."
        )
    return weight


def check_same_names(**tables):
    """Frames that are compared must have the same columns in the same order."""
    names = {key: _get_feature_names(table) for key, table in tables.items()}
    named = [(key, list(found)) for key, found in names.items() if found is not None]
    for key, found in named[1:]:
        first, expected = named[0]
        if len(found) == len(expected) and found != expected:
            j = next(j for j in range(len(found)) if found[j] != expected[j])
            raise ValueError(
                f"The columns of '{key}' and '{first}' must have the same names in the "
                f"same order; column {j} is {found[j]!r} in one and {expected[j]!r} in "
                "the other. Reorder or rename them."
            )


def columns_mask(given, names):
    """Mask of columns that are given by position or name."""
    mask = np.zeros(len(names), dtype=bool)
    if isinstance(given, str) or not np.iterable(given):
        raise ValueError(
            f"The 'given' parameter must be a list of columns; got {given!r}."
        )
    for key in given:
        place = names.index(key) if isinstance(key, str) and key in names else key
        is_place = isinstance(place, Integral) and not isinstance(place, bool)
        if not is_place or not -len(names) <= place < len(names):
            raise ValueError(
                f"The 'given' parameter names the column {key!r}, which X does not "
                f"have. Its columns are {names if len(names) <= 20 else names[:20]}."
            )
        mask[place] = True
    return mask


class ImpossibleEntry(ValueError):
    """A known number of a row is impossible under the law of its column."""

    row: int
    column: int
    law: str

    @classmethod
    def of(cls, row, column, value, law):
        """The error of a row and a column, by their places."""
        error = cls(
            f"Row {row} of X has {value:.6g} in column {law.name!r}, which is "
            f"impossible there ({law.describe()}). Correct it, set it to NaN, or fit "
            "with another law in the 'columns' parameter."
        )
        error.row, error.column, error.law = row, column, law.describe()
        return error
