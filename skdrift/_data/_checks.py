"""Checks of data that estimators and functions share."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import _check_sample_weight, _get_feature_names

from .._estimator import warn_user
from ._numbers import check_readable
from ._rows import are_integers

# Repetitions of a row, on average, beyond which counts may be meant as shares.
_MANY_REPETITIONS = 10

NO_WEIGHT_MESSAGE = "The 'sample_weight' are all zero; at least one must be positive."


def check_weight(sample_weight, X):
    """Weights of the rows as float64: nonnegative, and not all zero."""
    check_readable(sample_weight, "sample_weight")
    weight = _check_sample_weight(
        sample_weight, X, dtype=float, ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError(NO_WEIGHT_MESSAGE)
    return weight


def check_counts(sample_weight, X):
    """Weights as :func:`check_weight`, of which those that do not count have mean 1.

    Integers count repetitions if the smallest is 1. In a table that was counted some
    row nearly always occurs once; weights that are all larger, such as those of a
    survey, would make every sample a copy of another. They are relative, like weights
    that are not all integers.
    """
    weight = check_weight(sample_weight, X)
    positive = weight[weight > 0]
    if not are_integers(positive):
        return weight
    return weight / unit_of_counts(len(positive), positive.min(), positive.sum())


def unit_of_counts(n, least, total):
    """What n positive integers are divided by: 1 if they count, or else their mean."""
    mean = total / n
    if least > 1:
        warn_user(
            f"The 'sample_weight' are integers of at least {least:.0f}. As counts they "
            "would repeat every row, so they are read as relative weights, and X as "
            f"{n} samples. Divide them by their mean to say so, or, if "
            "they are counts, repeat the rows: numpy.repeat(X, sample_weight, axis=0).",
            UserWarning,
        )
        return mean
    if mean > _MANY_REPETITIONS:
        warn_user(
            "The 'sample_weight' are integers, which count repetitions: "
            f"{n} rows of X as {total:.0f} samples, most of which "
            "are copies of another, so that copies among the particles are no fault. "
            "If they are relative weights, such as those of a survey, divide them by "
            "their mean.",
            UserWarning,
        )
    return 1.0


def check_same_names(**tables):
    """Frames that are compared must have the same columns in the same order."""
    check_equal(**{key: _get_feature_names(table) for key, table in tables.items()})


def check_equal(**names):
    """Names of columns, or None, must be the same in the same order."""
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
