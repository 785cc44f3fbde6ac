"""Codes of single columns: numbers for their values, and back."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils import gen_batches

# Integers up to this one are exact as floats.
_LARGEST_INTEGER = 2**53
# Number of rows whose categories are assigned at once.
_BATCH = 1000


def code_of(column):
    """Code for a column, learnt from its values."""
    if not len(column.values):
        raise ValueError(f"Column {column.name!r} has no values. Drop it.")
    if column.kind != "category":
        return NumericCode(column)
    present = set(column.values)
    if column.order is not None:
        order = [value for value in column.order if value in present]
        return OrderedCode(column, order)
    categories = sorted(present, key=str)
    return (OrderedCode if len(categories) <= 2 else NominalCode)(column, categories)


class NumericCode:
    """Code of a column of real numbers, integers or times."""

    def __init__(self, column):
        self.column = _without_values(column)
        self.width = 1 + bool(column.missing.any())
        values = column.values
        _check_finite(column)
        if column.kind == "real":
            self.low, self.step, self.n_steps = 0.0, 1.0, None
        else:
            self.low, self.step, self.n_steps = _steps(column.name, values)
        self.repeats = np.array([False, True])[: self.width]
        self.memberships = np.zeros(self.width, dtype=bool)
        # A value that occurs, so that filling does not add one.
        middle = (len(values) - 1) // 2
        self.fill = np.partition((values - self.low) / self.step, middle)[middle]

    def names(self, name):
        """Names of the encoded columns."""
        return [name, f"missingindicator_{name}"][: self.width]

    def specs(self, given):
        """What holds of the encoded columns, given what holds of this one."""
        return [_in_steps(given, self.low, self.step), "discrete"][: self.width]

    def encode(self, column):
        """Array of shape (n_rows, width)."""
        missing = column.missing
        _check_finite(column)
        if self.width == 1:
            _check_none_missing(column)
        numbers = np.full((len(missing), self.width), 0.0)
        numbers[:, 0] = self.fill
        numbers[~missing, 0] = (column.values - self.low) / self.step
        if self.width == 2:
            numbers[:, 1] = missing
        return numbers

    def decode(self, numbers):
        """Values, and which of them are missing."""
        values = numbers[:, 0]
        if self.n_steps is not None:
            steps = np.clip(np.rint(values), 0, self.n_steps).astype(np.int64)
            values = self.low + self.step * steps
        # Without a second column, none is missing.
        return values, (numbers[:, 1:] >= 0.5).any(axis=1)


class OrderedCode:
    """Code of a column of two categories, or of ordered ones: their numbers."""

    def __init__(self, column, categories):
        self.column, self.categories = _without_values(column), categories
        self.numbers = NumericCode(self._numbered(column))
        self.width = self.numbers.width
        self.memberships = self.numbers.memberships
        self.repeats = ~self.memberships

    def names(self, name):
        """Names of the encoded columns."""
        return self.numbers.names(name)

    def specs(self, given):
        """What holds of the encoded columns."""
        return ["free" if given == "free" else "discrete"] * self.width

    def encode(self, column):
        """Array of shape (n_rows, width)."""
        return self.numbers.encode(self._numbered(column))

    def decode(self, numbers):
        """Values, and which of them are missing."""
        places, missing = self.numbers.decode(numbers)
        return _chosen(self.column, self.categories, places, missing), missing

    def _numbered(self, column):
        return column._replace(kind="integer", values=_places(column, self.categories))


class NominalCode:
    """Code of a column of unordered categories: a column of 0 and 1 for each.

    Missing values have one more column. The encoded numbers are memberships between 0
    and 1. Decoding assigns every category as often as its memberships add up to.
    """

    def __init__(self, column, categories):
        self.column, self.categories = _without_values(column), categories
        self.width = len(categories) + bool(column.missing.any())
        self.memberships = np.ones(self.width, dtype=bool)
        self.repeats = ~self.memberships  # not to be rounded one by one

    def names(self, name):
        """Names of the encoded columns."""
        names = [f"{name}_{category}" for category in self.categories]
        return [*names, f"missingindicator_{name}"][: self.width]

    def specs(self, given):
        """What holds of the encoded columns: memberships are any numbers."""
        return ["free"] * self.width

    def encode(self, column):
        """Array of shape (n_rows, width)."""
        places = np.full(len(column.missing), len(self.categories))
        places[~column.missing] = _places(column, self.categories)
        if self.width == len(self.categories):
            _check_none_missing(column)
        return np.eye(self.width)[places]

    def decode(self, numbers):
        """Values, and which of them are missing."""
        places = assigned(numbers)
        missing = places == len(self.categories)
        return _chosen(self.column, self.categories, places, missing), missing


def _in_steps(given, low, step):
    """What is given for a column, in steps from its least value."""
    if isinstance(given, str):
        return given
    bounds = [b if b is None else (b - low) / step for b in given.get("bounds", ())]
    grid = given.get("grid")
    scaled = {
        "bounds": tuple(bounds),
        "grid": grid if grid is None or isinstance(grid, str) else grid / step,
        "atoms": [(atom - low) / step for atom in given.get("atoms", ())],
    }
    return {key: scaled[key] for key in given}


def assigned(memberships):
    """Categories of a whole ensemble, each as often as its memberships add up to.

    The assignment has the largest total membership. A row with a membership of 1 keeps
    its category. The time is cubic in the number of rows, so they are assigned in
    batches, and each batch passes the remainder of its sums on to the next one.
    """
    n, k = memberships.shape
    places, left = np.empty(n, dtype=np.int64), np.zeros(k)
    for batch in gen_batches(n, _BATCH):
        rows = memberships[batch]
        due = np.maximum(rows.sum(axis=0) + left, 0)
        due = due * (len(rows) / due.sum()) if due.any() else np.full(k, len(rows) / k)
        count = np.floor(due).astype(np.int64)
        largest = np.argsort(count - due, kind="stable")
        count[largest[: len(rows) - count.sum()]] += 1
        left = due - count
        labels = np.repeat(np.arange(k), count)
        places[batch] = labels[linear_sum_assignment(-rows[:, labels])[1]]
    return places


def check_kind(fitted, column):
    """Check that a column has the kind of the fitted one.

    Integers and real numbers are interchangeable. Times must have the same type, since
    it determines their unit.
    """
    kinds = {fitted.kind, column.kind}
    if kinds == {"time"}:
        same = fitted.dtype == column.dtype
    else:
        same = len(kinds) == 1 or kinds == {"integer", "real"}
    if not same:
        raise ValueError(
            f"Column {column.name!r} is of type {column.dtype}, but was of type "
            f"{fitted.dtype} in fit. Convert it."
        )


def _without_values(column):
    return column._replace(values=None, missing=None)


def _steps(name, values):
    """Least integer, greatest common step, and number of steps to the largest."""
    low, high = int(values.min()), int(values.max())
    # With a larger range the differences would overflow.
    step = int(np.gcd.reduce(values - low)) or 1 if high - low < 2**63 else 1
    n_steps = (high - low) // step
    if n_steps > _LARGEST_INTEGER:
        raise ValueError(
            f"Column {name!r} has integers between {low} and {high}, more than 2**53 "
            f"steps of {step}, which floats cannot represent exactly. Round it, drop "
            "it, or convert it to strings."
        )
    return low, step, n_steps


def _places(column, categories):
    place = {category: i for i, category in enumerate(categories)}
    places = [place.get(value) for value in column.values]
    if None in places:
        raise ValueError(
            f"Column {column.name!r} has the category "
            f"{column.values[places.index(None)]!r}, which did not occur in fit. "
            "Replace it, or fit to data that include it."
        )
    return np.array(places, dtype=np.int64)


def _chosen(column, categories, places, missing):
    return [
        column.marker if gone else categories[place]
        for place, gone in zip(places.tolist(), missing.tolist(), strict=True)
    ]


def _check_finite(column):
    if not np.isfinite(column.values).all():
        raise ValueError(
            f"Column {column.name!r} has infinite values. Replace them, or mark them "
            "as missing."
        )


def _check_none_missing(column):
    if column.missing.any():
        raise ValueError(
            f"Column {column.name!r} has missing values, but had none in fit. Impute "
            "them, or fit to data with missing values."
        )
