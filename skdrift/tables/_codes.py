"""Codes of single columns: numbers for their values, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.utils import gen_batches

from .._data._grids import Grid
from .._data._laws import law_of

# Kinds of columns that have laws.
NUMBERS = "real", "integer"
# Integers up to this one are exact as floats.
_LARGEST_INTEGER = 2**53
# Missing values are filled by the quantiles of these levels: multiples of the golden
# ratio modulo 1, which are evenly spread, however many there are.
_GOLDEN = 0.6180339887498949
# Number of present values that are kept to fill missing ones.
_KEPT = 10_000
# Number of rows whose categories are assigned at once.
_BATCH = 1000


def code_of(column):
    """Code for a column, learnt from its values."""
    if not len(column.values):
        raise ValueError(f"Column {column.name!r} has no values. Drop it.")
    code = _code_of_values(column)
    return code if column.marks is None else MarkedCode(code)


def _code_of_values(column):
    if column.kind != "category":
        return NumericCode(column)
    present = set(column.values)
    if column.order is not None:
        order = [value for value in column.order if value in present]
        return OrderedCode(column, order)
    categories = sorted(present, key=str)
    return (OrderedCode if len(categories) <= 2 else NominalCode)(column, categories)


class Steps(NamedTuple):
    """Integers as numbers of steps from the least one."""

    low: int
    step: int
    n_steps: int

    @classmethod
    def between(cls, values):
        """Steps as wide as possible, such that all values are whole numbers of them."""
        low, high = int(values.min()), int(values.max())
        step = int(np.gcd.reduce(_above(values, low))) or 1
        return cls(low, step, (high - low) // step)

    @property
    def are_exact(self):
        """Whether floats distinguish all numbers of steps."""
        return self.n_steps <= _LARGEST_INTEGER

    def rounded(self):
        """Steps that floats distinguish: the least power of ten that is wide enough."""
        step, span = 1, self.step * self.n_steps
        while span // step > _LARGEST_INTEGER:
            step *= 10
        return Steps(self.low, step, span // step)

    def encode(self, values):
        """Numbers of steps."""
        if values.dtype.kind == "f":
            return (values.astype(np.float64) - self.low) / self.step
        below = values < self.low
        distance = _above(values, self.low)
        distance = np.where(below, -distance, distance)
        whole, rest = np.divmod(distance, np.uint64(self.step))
        return np.where(below, -1.0, 1.0) * (whole + rest / self.step)

    def decode(self, numbers):
        """Integers, after rounding to numbers of steps between 0 and the largest."""
        steps = np.clip(np.rint(numbers), 0, self.n_steps).astype(np.uint64)
        values = np.uint64(self.low % 2**64) + np.uint64(self.step) * steps
        return values.view(np.int64)


class NumericCode:
    """Code of a column of real numbers, integers or times.

    Real numbers that are all whole are encoded as integers. The times of a time zone
    are counted on its local clock if the steps are larger, as for days between which
    the clock is changed.
    """

    def __init__(self, column):
        _check_finite(column)
        self.steps, decodes_wall = _steps(column)
        self.column = without_values(column)._replace(decodes_wall=decodes_wall)
        self.width = 1 + bool(column.missing.any())
        self.memberships = np.zeros(self.width, dtype=bool)
        self.marks = np.arange(self.width) > 0
        self.present = _spread(np.sort(self._numbers(column)))

    def names(self, name):
        """Names of the encoded columns."""
        return [name, f"missingindicator_{name}"][: self.width]

    def specs(self, given, place):
        """What holds of the encoded columns, the first of which is in this place."""
        if self.width == 2 and given not in ("free", "discrete"):
            # Values that fill gaps repeat those that are known.
            given = {} if given == "auto" else given
            given = {**given, "missing": place + 1}
        return [_in_steps(given, self.steps), "discrete"][: self.width]

    def law(self, law):
        """Law of the column, given that of its first encoded column."""
        law = replace(law, name=self.column.name)
        return law if self.steps is None else _from_steps(law, self.steps)

    def encode(self, column, ignore=False):
        """Array of shape (n_rows, width)."""
        missing = column.missing
        _check_finite(column)
        if self.width == 1 and not ignore:
            _check_none_missing(column)
        numbers = np.empty((len(missing), self.width))
        numbers[missing, 0] = quantiles(self.present, missing.sum())
        numbers[~missing, 0] = self._numbers(column)
        if self.width == 2:
            numbers[:, 1] = missing
        return numbers

    def decode(self, numbers):
        """Values, and which of them are missing."""
        values = numbers[:, 0]
        if self.steps is not None:
            values = self.steps.decode(values)
        # Without a second column, none is missing.
        return values, (numbers[:, 1:] >= 0.5).any(axis=1)

    def _numbers(self, column):
        values = column.wall if self.column.decodes_wall else column.values
        return values if self.steps is None else self.steps.encode(values)


class OrderedCode:
    """Code of a column of two categories, or of ordered ones: their numbers."""

    def __init__(self, column, categories):
        self.column, self.categories = without_values(column), categories
        self.numbers = NumericCode(self._numbered(column))
        self.width = self.numbers.width
        self.memberships = self.numbers.memberships
        self.marks = self.numbers.marks

    def names(self, name):
        """Names of the encoded columns."""
        return self.numbers.names(name)

    def specs(self, given, place):
        """What holds of the encoded columns."""
        return ["free" if given == "free" else "discrete"] * self.width

    def encode(self, column, ignore=False):
        """Array of shape (n_rows, width)."""
        return self.numbers.encode(self._numbered(column, ignore), ignore)

    def decode(self, numbers):
        """Values, and which of them are missing."""
        places, missing = self.numbers.decode(numbers)
        return _chosen(self.column, self.categories, places, missing), missing

    def _numbered(self, column, ignore=False):
        places = _places(column, self.categories)
        unknown = np.flatnonzero(places < 0)
        if len(unknown) and not ignore:
            _raise_unknown(column, unknown[0])
        if len(unknown):
            places = places.astype(np.float64)
            places[unknown] = [self._between(column.values[i]) for i in unknown]
        return column._replace(kind="integer", values=places)

    def _between(self, category):
        """Number for an unknown category: between its neighbours, or in the middle."""
        largest, order = len(self.categories) - 1, self.column.order or []
        if category not in order:
            return largest / 2
        before = set(order[: order.index(category)])
        return np.clip(len(before.intersection(self.categories)) - 0.5, 0, largest)


class NominalCode:
    """Code of a column of unordered categories: a column of 0 and 1 for each.

    Missing values have one more column. The encoded numbers are memberships between 0
    and 1. Decoding assigns every category as often as its memberships add up to.
    """

    def __init__(self, column, categories):
        self.column, self.categories = without_values(column), categories
        self.width = len(categories) + bool(column.missing.any())
        self.memberships = np.ones(self.width, dtype=bool)
        self.marks = np.arange(self.width) >= len(categories)

    def names(self, name):
        """Names of the encoded columns."""
        names = [f"{name}_{category}" for category in self.categories]
        return [*names, f"missingindicator_{name}"][: self.width]

    def specs(self, given, place):
        """What holds of the encoded columns."""
        return ["membership"] * self.width

    def encode(self, column, ignore=False):
        """Array of shape (n_rows, width)."""
        places = np.full(len(column.missing), len(self.categories))
        places[~column.missing] = found = _places(column, self.categories)
        if not ignore:
            if (found < 0).any():
                _raise_unknown(column, np.argmin(found))
            if self.width == len(self.categories):
                _check_none_missing(column)
        # What is unknown belongs to no category.
        return (places[:, None] == np.arange(self.width)).astype(np.float64)

    def decode(self, numbers):
        """Values, and which of them are missing."""
        places = assigned(numbers)
        missing = places == len(self.categories)
        return _chosen(self.column, self.categories, places, missing), missing


class MarkedCode:
    """Code of a column with several kinds of missing values, such as null and NaN.

    One more column for each kind but the first marks the values of that kind.
    """

    def __init__(self, code):
        self.code, self.column = code, code.column
        self._kinds = kinds_of(self.column)
        n_marks = len(self._kinds) - 1
        self.width = code.width + n_marks
        self.memberships = np.append(code.memberships, np.zeros(n_marks, dtype=bool))
        self.marks = np.append(code.marks, np.ones(n_marks, dtype=bool))

    @property
    def categories(self):
        """Categories in the order of their numbers."""
        return self.code.categories

    def names(self, name):
        """Names of the encoded columns."""
        marks = [f"missingindicator_{name}_{kind}" for kind in self._kinds[1:]]
        return [*self.code.names(name), *marks]

    def specs(self, given, place):
        """What holds of the encoded columns: marks are 0 or 1."""
        n_marks = self.width - self.code.width
        return [*self.code.specs(given, place), *["discrete"] * n_marks]

    def law(self, law):
        """Law of the column, given that of its first encoded column."""
        return self.code.law(law)

    def encode(self, column, ignore=False):
        """Array of shape (n_rows, width)."""
        # Another frame may have other kinds; unknown ones count as the first.
        kinds = kinds_of(column)
        places = np.zeros(len(column.missing), dtype=np.int64)
        places = places if column.marks is None else column.marks
        kind = np.where(column.missing, np.array(kinds)[places], "")
        marks = kind[:, None] == np.array(self._kinds[1:])
        return np.column_stack([self.code.encode(column, ignore), marks])

    def decode(self, numbers):
        """Values, and 0, or one more than the place of the marker of a missing one."""
        values, missing = self.code.decode(numbers[:, : self.code.width])
        marks = numbers[:, self.code.width :]
        kind = np.where((marks >= 0.5).any(axis=1), marks.argmax(axis=1) + 1, 0)
        missing = np.where(missing, kind + 1, 0)
        if self.column.kind == "category":
            for i in np.flatnonzero(missing > 1):
                values[i] = self.column.markers[missing[i] - 1]
        return values, missing


def _in_steps(given, steps):
    """What is given for a column, in steps from its least value."""
    if isinstance(given, str) or steps is None:
        return given
    low, step, _ = steps
    bounds = [b if b is None else (b - low) / step for b in given.get("bounds", ())]
    grid = given.get("grid")
    scaled = {
        **given,
        "bounds": tuple(bounds),
        "grid": grid if grid is None or isinstance(grid, str) else grid / step,
        "atoms": [(atom - low) / step for atom in given.get("atoms", ())],
    }
    return {key: scaled[key] for key in given}


def _from_steps(law, steps):
    """Law of a column, given that of its steps."""
    low, step, n_steps = steps

    def value(number):
        return low + step * number

    grid = law.grid and Grid(
        value(law.grid.origin / law.grid.per_unit), step * law.grid.width
    )
    # Other steps are not decoded.
    ends = value(max(law.low, 0)), value(min(law.high, n_steps))
    atoms, apart = value(law.atoms), value(law.apart)
    return replace(law, atoms=atoms, apart=apart, low=ends[0], high=ends[1], grid=grid)


def check_given(column, given):
    """Check what is given for a column of a frame, in its own units and name."""
    if isinstance(given, str):
        return
    if column.kind not in NUMBERS:
        raise ValueError(
            f"The 'columns' parameter gives {given!r} for column {column.name!r}, "
            "which does not hold numbers. Give 'auto', 'free' or 'discrete'."
        )
    if "missing" in given:
        raise ValueError(
            f"The 'columns' parameter gives 'missing' for column {column.name!r}. "
            "Tables know their missing values: mark them in the column."
        )
    values = np.asarray(column.values, dtype=np.float64)
    ones = np.ones(len(values))
    law_of(column.name, values, ones / len(values), ones, given)


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


def without_values(column):
    return column._replace(values=None, missing=None, marks=None, wall=None)


def _above(values, low):
    """Differences of integers to the least one, which may exceed the signed ones."""
    return values.astype(np.uint64) - np.uint64(low % 2**64)


def _steps(column):
    """Steps of a column, and whether they are counted on the local clock.

    The steps are None for real numbers.
    """
    values = column.values
    if column.kind == "real":
        values = values.astype(np.float64)
        whole = (values == np.rint(values)) & (np.abs(values) < _LARGEST_INTEGER)
        steps = Steps.between(values.astype(np.int64)) if whole.all() else None
        return (steps if steps and steps.are_exact else None), False
    steps = Steps.between(values)
    if column.kind == "integer":
        if not steps.are_exact:
            _raise_too_many_steps(column, steps)
        return steps, False
    on_wall = column.wall_is_exact and Steps.between(column.wall)
    decodes_wall = bool(on_wall) and on_wall.step > steps.step
    steps = on_wall if decodes_wall else steps
    return (steps if steps.are_exact else steps.rounded()), decodes_wall


def _raise_too_many_steps(column, steps):
    high = steps.low + steps.step * steps.n_steps
    raise ValueError(
        f"Column {column.name!r} has integers between {steps.low} and {high}, more "
        f"than 2**53 steps of {steps.step}, which floats cannot represent exactly. "
        "Drop it if it identifies rows. If it is an amount, round it to multiples of a "
        "larger number, or convert it to floats."
    )


def _spread(ordered):
    """Ordered numbers, or as many of them as are kept, evenly spread."""
    kept = min(len(ordered), _KEPT)
    return ordered[(2 * np.arange(kept) + 1) * len(ordered) // (2 * kept)]


def quantiles(ordered, n):
    """N numbers with the distribution of others; equal ones would be an atom."""
    levels = np.arange(1, n + 1) * _GOLDEN % 1
    return ordered[(levels * len(ordered)).astype(np.int64)]


def _places(column, categories):
    """Places of the values among the categories, and -1 for unknown ones."""
    place = {category: i for i, category in enumerate(categories)}
    places = [place.get(value, -1) for value in column.values]
    return np.array(places, dtype=np.int64)


def _raise_unknown(column, row):
    raise ValueError(
        f"Column {column.name!r} has the category {column.values[row]!r}, which did "
        "not occur in fit. Replace it, fit to data that include it, or use "
        "handle_unknown='ignore'."
    )


def kinds_of(column):
    """Names of the kinds of missing values of a column."""
    return [str(marker) for marker in column.markers] or ["missing"]


def _chosen(column, categories, places, missing):
    """Categories, or markers: missing is 0, or one more than the place of a marker."""
    markers = column.markers or (column.marker,)
    return [
        markers[gone - 1] if gone else categories[place]
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
            "them, fit to data with missing values, or use handle_unknown='ignore'."
        )
