"""How rules are kept: changes of variables, and checks of what was drawn.

A change of variables replaces columns of a table before it is encoded, and restores
them after it was decoded. What cannot be changed so is checked only, and rows that
violate it are drawn again (:mod:`._ruled`).
"""

from __future__ import annotations

import functools
import operator
from typing import Any, NamedTuple

import numpy as np

from .._data._frames import Column, written
from .._data._grids import grid_of
from .._data._laws import law_of
from ._codes import NUMBERS, Steps, kinds_of, quantiles, without_values
from ._rules import (
    Circular,
    Computed,
    Inequality,
    ObservedCombinations,
    Satisfies,
    Sum,
    columns_of,
    words_of,
)

# Computed numbers agree with those of the data up to this share of the largest, and
# with integers up to this number.
_TOLERANCE, _SLACK = 1e-9, 1e-6
# Numbers in units of their last decimal fit into integers up to this one.
_LARGEST_UNITS = 2**62
_EPS = float(np.finfo(np.float64).eps)


class View(NamedTuple):
    """A table: its columns by name, and in the form of its library."""

    columns: dict[Any, Column]
    frame: Any


class Missing(NamedTuple):
    """A missing value as a part of a combination."""

    kind: str


class Kept:
    """A rule of a table, which is kept.

    Parameters
    ----------
    rule : Rule
    view : View
        Table that the rule is stated of.
    library : class of :mod:`skdrift._data._frames`

    Attributes
    ----------
    replaced : tuple
        Names of the columns that a change of variables replaces.
    needs : tuple
        Names of the columns that must be restored before.
    """

    replaced: tuple = ()
    needs: tuple = ()

    def __init__(self, rule, view, library):
        self.rule, self._library = rule, library

    def claim(self, plan):
        """Decide which columns to replace, given what other rules replace."""

    def holds(self, view):
        """Mask of the rows that satisfy the rule."""
        return np.ones(len(next(iter(view.columns.values())).missing), dtype=bool)

    def accepts(self, view):
        """Mask of the drawn rows that satisfy the rule and its columns' bounds."""
        return self.holds(view)

    def forward(self, columns):
        """Columns in place of the replaced ones."""
        return []

    def specs(self, given):
        """What holds of these columns, given the same by name for those replaced."""
        return []

    def bound(self, column, given):
        """Keep what is given for a replaced column, if that is possible."""
        if not isinstance(given, str):
            raise ValueError(
                f"The 'columns' parameter gives {given!r} for column {column.name!r}, "
                f"which {words_of(self.rule)} replaces while it is drawn. Give 'auto' "
                "for it, or drop the rule."
            )

    def restore(self, columns):
        """Add the replaced columns to those by name that were decoded."""


class _Rest:
    """Values of a replaced column in rows in which it cannot be restored.

    These are rows in which a column is missing that it is restored from. If there are
    such values, they have a column of their own, which is missing in all other rows.

    Parameters
    ----------
    plan : Plan
    unbound : ndarray of bool of shape (n_rows,)
        Rows in which the column cannot be restored.
    column : Column
    """

    def __init__(self, plan, unbound, column):
        self._exists = bool((unbound & ~column.missing).any())
        self._is_complete = not column.missing.any()
        self._name = plan.new_name(f"{column.name} alone") if self._exists else None

    def forward(self, unbound, column):
        """The column of these values, or none."""
        if not self._exists:
            return []
        present = unbound[~column.missing]
        values, wall = column.values, column.wall
        if column.kind == "category":
            values = [v for v, p in zip(values, present.tolist(), strict=True) if p]
        else:
            values = values[present]
        return [
            column._replace(
                name=self._name,
                values=values,
                missing=column.missing | ~unbound,
                wall=None if wall is None else wall[present],
            )
        ]

    def specs(self, given):
        """What holds of this column."""
        return [given if isinstance(given, str) else "auto"] * self._exists

    def restored(self, columns, numbers):
        """Values of all rows, which are missing, and the places of their markers.

        Parameters
        ----------
        columns : dict
        numbers : callable
            Values of all rows of a column.
        """
        if not self._exists:
            return 0, True, None
        column = self.completed(columns.pop(self._name))
        return numbers(column), column.missing, column.marks

    def completed(self, column):
        """A column without missing values, if the replaced one has none in the data.

        Marks of missing values are drawn, and may disagree in rare rows.
        """
        gone, values = column.missing, column.values
        if not self._is_complete or not gone.any():
            return column
        whole = np.zeros(len(gone), dtype=getattr(values, "dtype", object))
        whole[~gone] = values
        whole[gone] = np.resize(whole[~gone], gone.sum())
        values = whole if isinstance(values, np.ndarray) else whole.tolist()
        return column._replace(values=values, missing=np.zeros_like(gone), marks=None)


class KeptCondition(Kept):
    """A condition on the table, by redraw."""

    def holds(self, view):
        """Mask of the rows that satisfy the rule."""
        n = len(next(iter(view.columns.values())).missing)
        result = self.rule.condition(view.frame)
        found = _read(self._library, result, n, self.rule)
        values = found.values
        if found.kind != "category" or not all(isinstance(v, bool) for v in values):
            raise TypeError(
                f"{words_of(self.rule)} must return one boolean for each row; got "
                f"{result!r}."
            )
        holds = np.ones(n, dtype=bool)
        holds[~found.missing] = values
        return holds


class KeptInequality(Kept):
    """The difference of two columns in place of one of them."""

    def __init__(self, rule, view, library):
        super().__init__(rule, view, library)
        low, high = view.columns[rule.low], view.columns[rule.high]
        for column in (low, high):
            if column.kind == "category":
                raise ValueError(
                    f"{rule!r} compares numbers or times, but column {column.name!r} "
                    f"is of type {column.dtype}. Convert it."
                )
        if "time" in (low.kind, high.kind) and low.dtype != high.dtype:
            raise ValueError(
                f"{rule!r} compares columns of different types, {low.dtype} and "
                f"{high.dtype}. Convert one of them."
            )

    def claim(self, plan):
        """Replace the column of larger values if possible, else the other one."""
        for anchor, derived, sign in (
            (self.rule.low, self.rule.high, 1),
            (self.rule.high, self.rule.low, -1),
        ):
            if plan.is_free(derived) and not plan.depends(anchor, derived):
                self._change(plan, anchor, derived, sign)
                return

    def _change(self, plan, anchor, derived, sign):
        self.needs, self.replaced, self._sign = (anchor,), (derived,), sign
        self.name = plan.new_name(f"{self.rule.high} - {self.rule.low}")
        near, far = plan.columns[anchor], plan.columns[derived]
        self._template = without_values(far)
        self._on_wall = near.wall_is_exact and far.wall_is_exact
        values = far.wall if self._on_wall else far.values
        self._unit, self._grid = _common_unit(near, far._replace(values=values))
        self._rest = _Rest(plan, near.missing, far)
        both = ~near.missing & ~far.missing
        if not both.any():
            raise ValueError(
                f"{self.rule!r} needs rows in which neither column is missing. Drop it."
            )
        gaps = self._difference(self._numbers(near)[both], self._numbers(far)[both])
        if (gaps < 0).any():
            raise ValueError(f"{self.rule!r}: the columns differ by 2**63 or more.")
        self._law = _law(self.name, gaps)
        self._bounds = self._observed_bounds(far)

    def _observed_bounds(self, column, given="auto"):
        """Bounds of the replaced column: the observed range of integers and times."""
        values = column.values
        is_whole = _unit_of(column) == 1
        low, high = (values.min(), values.max()) if is_whole else (-np.inf, np.inf)
        if column.kind in NUMBERS and not (is_whole and given == "auto"):
            law = _law(column.name, values, given)
            low, high = max(low, law.low), min(high, law.high)
        return low, high

    def holds(self, view):
        """Mask of the rows that satisfy the rule."""
        low, high = view.columns[self.rule.low], view.columns[self.rule.high]
        less = np.less if self.rule.strict else np.less_equal
        return low.missing | high.missing | less(_scattered(low), _scattered(high))

    def accepts(self, view):
        """Mask of the drawn rows that satisfy the rule and its columns' bounds."""
        holds = self.holds(view)
        if self.replaced:
            column = view.columns[self.replaced[0]]
            values, (low, high) = _scattered(column), self._bounds
            holds &= column.missing | ((low <= values) & (values <= high))
        return holds

    def forward(self, columns):
        """The difference, where neither column is missing, and what this leaves."""
        near, far = columns[self.needs[0]], columns[self.replaced[0]]
        gaps = self._difference(self._numbers(near), self._numbers(far))
        gone = near.missing | far.missing
        kind = "real" if "real" in (near.kind, far.kind) else far.kind
        difference = without_values(far)._replace(
            name=self.name,
            kind=kind,
            values=gaps[~gone],
            missing=gone,
            marks=far.marks,
            wall_is_exact=False,
        )
        return [difference, *self._rest.forward(near.missing, far)]

    def specs(self, given):
        """No negative differences."""
        given = given[self.replaced[0]]
        given = given if isinstance(given, str) else "auto"
        law, high = self._law, self._law.high
        own = given
        if given == "auto" and law.kind != "discrete" and law.low < 0:
            own = {"bounds": (0, high if np.isfinite(high) else None)}
        return [own, *self._rest.specs(given)]

    def bound(self, column, given):
        """Keep bounds that are given for the replaced column, by redraw."""
        is_bounds = not isinstance(given, str) and given.keys() <= {"bounds"}
        if given == "free":
            self._bounds = -np.inf, np.inf
        elif is_bounds and column.kind in NUMBERS:
            self._bounds = self._observed_bounds(column, given)
        else:
            super().bound(column, given)

    def restore(self, columns):
        """The replaced column, from the difference or from what it left."""
        near = columns[self.needs[0]]
        gaps = self._rest.completed(columns.pop(self.name))
        values = self._snapped(self._numbers(near), _scattered(gaps))
        rest, left, marks = self._rest.restored(columns, self._numbers)
        values = np.where(near.missing, rest, values).astype(values.dtype)
        missing = np.where(near.missing, left, gaps.missing)
        if gaps.marks is not None and marks is not None:
            marks = np.where(near.missing, marks, gaps.marks)
        columns[self.replaced[0]] = self._template._replace(
            values=values[~missing],
            missing=missing,
            marks=gaps.marks if marks is None else marks,
            decodes_wall=self._on_wall,
        )

    def _numbers(self, column):
        """Numbers of all rows, of zoned times on the clock that is used for both."""
        values = column.values
        if column.decodes_wall and not self._on_wall:
            values = self._library._instants(values, column.dtype)
        elif self._on_wall and not column.decodes_wall:
            values = column.wall
            if values is None:
                values = self._library._wall(column.values, column.dtype)
        return _scattered(column._replace(values=values))

    def _difference(self, near, far):
        """Differences that are not negative where the rule holds."""
        if self._unit is None:
            return self._sign * (far.astype(float) - near)
        gaps = self._sign * (_in(self._unit, far) - _in(self._unit, near))
        return gaps / self._unit if _are_real(near, far) else gaps

    def _moved(self, start, gaps, sign):
        """Numbers at differences from others."""
        if self._unit is None:
            return start + sign * gaps
        moved = _in(self._unit, start) + sign * _in(self._unit, gaps)
        return moved / self._unit if _are_real(start, gaps) else moved

    def _snapped(self, near, gaps):
        """Values of the replaced column, on its own grid."""
        moved = self._moved(near, gaps, self._sign)
        if self._grid is None:
            return moved
        unit, steps = self._grid
        if unit == self._unit and steps.step == 1:
            return moved if self._template.kind == "real" else _in(1, moved)
        places = np.rint((_in(unit, moved) - steps.low) / steps.step).astype(np.int64)

        def numbers():
            values = steps.low + steps.step * places
            return values / unit if self._template.kind == "real" else values

        apart = self._sign * (numbers() - near)
        places += self._sign * ((apart < 0) | (self.rule.strict & (apart == 0)))
        return numbers()


class KeptComputed(Kept):
    """No column in place of one that is computed."""

    def __init__(self, rule, view, library):
        super().__init__(rule, view, library)
        if isinstance(rule, Sum):
            self._column, self._of = rule.total, rule.parts
            for name in columns_of(rule):
                column = view.columns[name]
                if column.kind not in NUMBERS:
                    raise ValueError(
                        f"{rule!r} adds numbers, but column {name!r} is of type "
                        f"{column.dtype}. Convert it, or use Computed."
                    )
        else:
            self._column, self._of = rule.column, rule.of
        column = view.columns[self._column]
        self._template, self._kinds = without_values(column), kinds_of(column)
        bound = ~self._any_missing(view.columns)
        has_kinds = column.marks is not None
        self._is_marked = has_kinds or bool((column.missing & bound).any())

    def claim(self, plan):
        """Replace the computed column; no other rule can."""
        if not plan.is_free(self._column):
            plan.refuse(self, self._column)
        for name in self._of:
            if plan.depends(name, self._column):
                plan.refuse(self, name)
        self.replaced, self.needs = (self._column,), tuple(self._of)
        self.name = plan.new_name(f"{self._column} is missing")
        gone = self._any_missing(plan.columns)
        self._rest = _Rest(plan, gone, plan.columns[self._column])

    def holds(self, view):
        """Mask of the rows that satisfy the rule."""
        column = view.columns[self._column]
        result = self._result(view.columns)
        unbound = column.missing | self._any_missing(view.columns)
        values, found = _scattered(column), _scattered(result)
        if column.kind not in NUMBERS:
            return unbound | (~result.missing & (values == found))
        slack = _SLACK
        if column.kind == "real":
            eps = np.finfo(np.float32).eps if _is_single(column.dtype) else 0
            slack = max(_TOLERANCE, 8 * eps) * np.abs(values).max(initial=0)
        return unbound | (~result.missing & (np.abs(values - found) <= slack))

    def forward(self, columns):
        """Marks of missing values, and values where others are missing, if needed."""
        column, marks = columns[self._column], []
        if self._is_marked:
            kinds = np.array(kinds_of(column), dtype=object)
            places = 0 if column.marks is None else column.marks
            words = np.where(column.missing, kinds[places], "present").tolist()
            marks = [_complete(self.name, "category", words)]
        return marks + self._rest.forward(self._any_missing(columns), column)

    def specs(self, given):
        """Marks are categories."""
        given = given[self._column]
        return ["auto"] * self._is_marked + self._rest.specs(given)

    def restore(self, columns):
        """Compute the replaced column where no other is missing."""
        result = self._result(columns)
        unbound = self._any_missing(columns)
        rest, left, marks = self._rest.restored(columns, self._numbers)
        missing = unbound & left
        if self._is_marked:
            words = columns.pop(self.name).values
            places = np.array(
                [self._kinds.index(w) if w in self._kinds else -1 for w in words]
            )
            missing |= ~unbound & (places >= 0)
            marks = np.maximum(places, 0) if len(self._kinds) > 1 else None
        # Rows for which the function returns nothing do not satisfy the rule.
        values = _scattered(result)
        if self._template.kind == "integer":
            values = np.rint(values).astype(np.int64)
        values = np.where(unbound, rest, values).astype(values.dtype)[~missing]
        columns[self._column] = self._template._replace(
            values=values.tolist() if values.dtype == object else values,
            missing=missing,
            marks=marks,
        )

    def _numbers(self, column):
        """Values of all rows; times of a zone are instants."""
        if column.decodes_wall:
            instants = self._library._instants(column.values, column.dtype)
            column = column._replace(values=instants)
        return _scattered(column)

    def _any_missing(self, columns):
        return np.any([columns[name].missing for name in self._of], axis=0)

    def _result(self, columns):
        """What the function returns, as a column like the one of the data."""
        series = [written(self._library, columns[name]) for name in self._of]
        n, target = len(columns[self._of[0]].missing), self._template
        if isinstance(self.rule, Sum):
            result = functools.reduce(operator.add, series)
        else:
            result = self.rule.function(*series)
        found = _read(self._library, result, n, self.rule)
        same = found.kind == target.kind and (
            found.kind != "time" or found.dtype == target.dtype
        )
        if not same and not {found.kind, target.kind} <= {*NUMBERS}:
            raise ValueError(
                f"{words_of(self.rule)} returns values of type {found.dtype}, but "
                f"column {target.name!r} is of type {target.dtype}. Convert them."
            )
        return found


class KeptCombinations(Kept):
    """One column of combinations in place of several columns."""

    def __init__(self, rule, view, library):
        super().__init__(rule, view, library)
        self._templates = [without_values(view.columns[n]) for n in rule.columns]
        self._observed = set(self._combinations(view.columns))

    def claim(self, plan):
        """Replace the columns, unless another rule replaces one of them."""
        if all(plan.is_free(name) for name in self.rule.columns):
            self.replaced = self.rule.columns
            self.name = plan.new_name(" and ".join(map(str, self.rule.columns)))

    def holds(self, view):
        """Mask of the rows that satisfy the rule."""
        found = self._combinations(view.columns)
        return np.array([cells in self._observed for cells in found], dtype=bool)

    def forward(self, columns):
        """The combinations, as categories."""
        return [_complete(self.name, "category", self._combinations(columns))]

    def specs(self, given):
        """Combinations are categories."""
        return ["auto"]

    def restore(self, columns):
        """The parts of the combinations."""
        combined = columns.pop(self.name).values
        for template, cells in zip(
            self._templates, zip(*combined, strict=True), strict=True
        ):
            missing = np.array([isinstance(cell, Missing) for cell in cells])
            kinds = kinds_of(template)
            marks = [
                kinds.index(cell.kind) if isinstance(cell, Missing) else 0
                for cell in cells
            ]
            values = [cell for cell in cells if not isinstance(cell, Missing)]
            if template.kind != "category":
                is_real = template.kind == "real"
                values = np.array(values, dtype=np.float64 if is_real else np.int64)
            columns[template.name] = template._replace(
                values=values,
                missing=missing,
                marks=np.array(marks) if len(kinds) > 1 else None,
            )

    def _combinations(self, columns):
        cells = [_cells(columns[name]) for name in self.rule.columns]
        return list(zip(*cells, strict=True))


class KeptCircle(Kept):
    """A point on a circle in place of a periodic number."""

    def __init__(self, rule, view, library):
        super().__init__(rule, view, library)
        column = view.columns[rule.column]
        if column.kind not in NUMBERS:
            raise ValueError(
                f"{rule!r} is about numbers, but column {rule.column!r} is of type "
                f"{column.dtype}. Convert it."
            )
        self._template = without_values(column)
        self._grid = grid_of(np.unique(column.values.astype(np.float64)), _EPS)

    def claim(self, plan):
        """Replace the column; no other rule can."""
        name = self.rule.column
        if not plan.is_free(name):
            plan.refuse(self, name)
        self.replaced = (name,)
        self.names = [plan.new_name(f"{of} of {name}") for of in ("cosine", "sine")]

    def holds(self, view):
        """Mask of the rows that satisfy the rule: both ends are the same point."""
        column, low = view.columns[self.rule.column], self.rule.low
        values = _scattered(column)
        inside = (low <= values) & (values <= low + self.rule.period)
        return column.missing | inside

    def forward(self, columns):
        """Cosine and sine; missing values are those of the cosine."""
        column = columns[self.rule.column]
        gone, low, period = column.missing, self.rule.low, self.rule.period
        angle = 2 * np.pi * (column.values - low) / period
        sine = np.empty(len(gone))
        sine[~gone] = np.sin(angle)
        sine[gone] = quantiles(np.sort(sine[~gone]), gone.sum())
        cosine = without_values(column)._replace(
            name=self.names[0],
            kind="real",
            values=np.cos(angle),
            missing=gone,
            marks=column.marks,
        )
        return [cosine, _complete(self.names[1], "real", sine)]

    def specs(self, given):
        """Any point of the plane; only its direction counts."""
        return ["free", "free"]

    def restore(self, columns):
        """The number of the direction, on the grid of the column."""
        cosine, sine = (columns.pop(name) for name in self.names)
        low, period = self.rule.low, self.rule.period
        turns = np.arctan2(_scattered(sine), _scattered(cosine)) / (2 * np.pi) % 1.0
        values = low + period * turns
        if self._grid is not None:
            values = self._grid.nearest(values)
        values = np.where(values < low, values + period, values)
        values = np.where(values >= low + period, values - period, values)
        if self._template.kind == "integer":
            values = np.rint(values).astype(np.int64)
        gone = cosine.missing
        columns[self.rule.column] = self._template._replace(
            values=values[~gone],
            missing=gone,
            marks=cosine.marks,
        )


# In the order in which they replace columns: the first ones have no other way.
KINDS = {
    Computed: KeptComputed,
    Sum: KeptComputed,
    Circular: KeptCircle,
    ObservedCombinations: KeptCombinations,
    Inequality: KeptInequality,
    Satisfies: KeptCondition,
}


def _read(library, result, n, rule):
    """A column of what a user's function returned for n rows."""
    length = len(result) if hasattr(result, "__len__") else None
    if length != n or np.ndim(result) != 1:
        raise ValueError(
            f"{words_of(rule)} must return one value for each of the {n} rows; got "
            f"{result!r}."
        )
    return library.read(library.frame(["result"], [result]))[0]


def _complete(name, kind, values):
    """A column without missing values."""
    return Column(name, kind, values, np.zeros(len(values), dtype=bool), None)


def _scattered(column):
    """Values of all rows, with anything in place of missing ones."""
    is_category = column.kind == "category"
    dtype = object if is_category else column.values.dtype
    values = np.zeros(len(column.missing), dtype=dtype)
    values[~column.missing] = column.values
    return values


def _cells(column):
    """Values of a column, or what is missing, as objects."""
    values = column.values
    present = iter(values.tolist() if isinstance(values, np.ndarray) else values)
    kinds = kinds_of(column)
    marks = np.zeros(len(column.missing), int) if column.marks is None else column.marks
    return [
        Missing(kinds[mark]) if gone else next(present)
        for gone, mark in zip(column.missing.tolist(), marks.tolist(), strict=True)
    ]


def _unit_of(column):
    """How many steps of the last decimal are 1, or None without such steps."""
    if column.kind != "real":
        return 1
    values = np.unique(column.values.astype(np.float64))
    if len(values) == 1:
        return 1 if values[0] == np.rint(values[0]) else None
    grid = grid_of(values, _EPS)
    is_decimal = grid is not None and grid.origin % 1 == 0 == grid.step % 1
    return int(grid.per_unit) if is_decimal else None


def _common_unit(near, far):
    """Unit in which differences are integers, and unit and steps of the second column.

    Each is None if there is none.
    """
    units = _unit_of(near), _unit_of(far)
    grid = units[1] and (units[1], Steps.between(_in(units[1], far.values)))
    if None in units:
        return None, grid
    largest = max(np.abs(c.values.astype(float)).max() for c in (near, far))
    unit = max(units)
    return (unit if unit == 1 or largest * unit < _LARGEST_UNITS else None), grid


def _in(unit, values):
    """Numbers as integers, in units."""
    if values.dtype.kind == "f":
        return np.rint(values * unit).astype(np.int64)
    return values.astype(np.int64) * unit


def _are_real(*arrays):
    return any(array.dtype.kind == "f" for array in arrays)


def _is_single(dtype):
    return "float32" in str(dtype).lower()


def _law(name, values, given="auto"):
    """Law of a column of numbers."""
    ones = np.ones(len(values))
    return law_of(name, values.astype(np.float64), ones / len(ones), ones, given)
