"""Tables that keep rules: changed before they are encoded, restored and redrawn."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from .._data._columns import checked_columns
from .._data._frames import ColumnTable, written
from .._estimator import warn_user
from ._codes import check_kind, without_values
from ._given import at_rows
from ._kept import KINDS, View
from ._rules import Rule, columns_of, words_of

# Below the first share of accepted rows there is a warning, below the other an error.
_FEW, _HOPELESS = 0.5, 0.01
# Rows with known entries are drawn so often until they satisfy the rules.
_MOST_REDRAWS = 50
# With fewer rows, an error could be chance.
_ENOUGH = 1000
# So many more rows are drawn than are expected to be needed, up to so many ensembles.
_RESERVE, _MOST = 1.2, 10

# Types of values, by the kind of their column.
_TYPES = {"real": np.float64, "integer": np.int64, "time": np.int64}


def checked_rules(rules):
    """The rules as a list."""
    if isinstance(rules, str) or not isinstance(rules, Sequence):
        raise TypeError(
            f"The 'rules' parameter must be a list of rules or None; got {rules!r}."
        )
    for rule in rules:
        if not isinstance(rule, Rule):
            raise TypeError(
                "The 'rules' parameter must hold rules of skdrift.tables, such as "
                f"Inequality('start', 'end'); got {rule!r}."
            )
    return list(rules)


class Plan:
    """Which rules replace which columns.

    Attributes
    ----------
    columns : dict
        Columns of the table, by name.
    changes : list of Kept
        Rules that replace columns.
    """

    def __init__(self, columns):
        self.columns, self.changes = columns, []
        self._names = {str(name) for name in columns}

    def is_free(self, name):
        """Whether no rule replaces a column."""
        return self._replacing(name) is None

    def depends(self, name, other):
        """Whether a column is restored from another, or is the same."""
        change = self._replacing(name)
        needs = () if change is None else change.needs
        return name == other or any(self.depends(need, other) for need in needs)

    def new_name(self, name):
        """A name that no column has."""
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name

    def refuse(self, kept, name):
        """Raise, since a column is replaced by another rule already."""
        other = words_of(self._replacing(name).rule)
        raise ValueError(
            f"{words_of(kept.rule)} contradicts {other}: both determine column "
            f"{name!r}. Drop one of them."
        )

    def ordered(self):
        """Changes in an order in which they can be undone."""
        left, ordered = list(self.changes), []
        while left:
            waiting = {name for change in left for name in change.replaced}
            ready = [c for c in left if waiting.isdisjoint(c.needs)]
            ordered += ready
            left = [change for change in left if change not in ready]
        return ordered

    def _replacing(self, name):
        return next((c for c in self.changes if name in c.replaced), None)


class RuledTable:
    """Rules of a table, and the table of other columns that is encoded.

    Parameters
    ----------
    rules : list of Rule
    X : DataFrame or ndarray
        Table that satisfies the rules.
    library : class of :mod:`skdrift._data._frames`

    Raises
    ------
    ValueError
        If the rules name columns that do not exist or have the wrong type, contradict
        one another, or are violated.
    """

    def __init__(self, rules, X, library):
        self._library = library
        columns = library.read(X)
        view = View({column.name: column for column in columns}, X)
        self._columns = [without_values(column) for column in columns]
        for rule in rules:
            _check_columns(rule, view)
        self._kept = [KINDS[type(rule)](rule, view, library) for rule in rules]
        for kept in self._kept:
            _check_holds(kept, view)
        self._changes = self._planned(view)
        self._replaced = {name for c in self._changes for name in c.replaced}

    def _planned(self, view):
        plan, order = Plan(view.columns), list(KINDS)
        for kept in sorted(self._kept, key=lambda kept: order.index(type(kept.rule))):
            kept.claim(plan)
            if kept.replaced:
                plan.changes.append(kept)
        return plan.ordered()

    def changed(self, X):
        """The table that is encoded.

        Parameters
        ----------
        X : DataFrame or ndarray
            Table with the columns of the fitted one. It may violate the rules.

        Returns
        -------
        ColumnTable
        """
        columns = self._library.read(X)
        for fitted, column in zip(self._columns, columns, strict=True):
            check_kind(fitted, column)
        return ColumnTable(self.forward(columns))

    def forward(self, columns):
        """Columns after the change of variables.

        Parameters
        ----------
        columns : list of Column
            In the order of the table.

        Returns
        -------
        list of Column
            Those that no rule replaces, and then the new ones.
        """
        by_name = {column.name: column for column in columns}
        kept = [c for name, c in by_name.items() if name not in self._replaced]
        return kept + [new for c in self._changes for new in c.forward(by_name)]

    def backward(self, columns):
        """Columns of the original table, from those after the change of variables.

        Parameters
        ----------
        columns : list of Column

        Returns
        -------
        list of Column
        """
        by_name = {column.name: column for column in columns}
        for change in self._changes:
            change.restore(by_name)
        return [by_name[column.name] for column in self._columns]

    def restored(self, table):
        """Table of the library, from one that was decoded."""
        columns = self.backward(table.content)
        series = [written(self._library, column) for column in columns]
        return self._library.frame([column.name for column in columns], series)

    def specs(self, given, X):
        """What holds of the columns that are encoded, in their order.

        Parameters
        ----------
        given : str, dict or sequence
            The same for the original columns.
        X : DataFrame or ndarray
            The table of the fit.
        """
        names = [column.name for column in self._columns]
        given = dict(zip(names, checked_columns(given, names), strict=True))
        for column in self._library.read(X):
            for change in self._changes:
                if column.name in change.replaced:
                    change.bound(column, given[column.name])
        specs = [given[name] for name in names if name not in self._replaced]
        return specs + [spec for c in self._changes for spec in c.specs(given)]

    def draw(self, n_samples, n, random_state, numbers, decoded):
        """Rows that satisfy all rules.

        Parameters
        ----------
        n_samples : int
            Number of rows.
        n : int
            Number of rows that are drawn at once.
        random_state : int, RandomState instance or None
        numbers : callable
            Encoded rows, given their number and a random state.
        decoded : callable
            Decoded table, given these.

        Returns
        -------
        DataFrame or ndarray

        Raises
        ------
        ValueError
            If fewer than one in a hundred rows satisfy the rules.

        Warns
        -----
        UserWarning
            If fewer than half of the rows do.
        """
        tables, n_found, n_drawn, least = [], 0, 0, n
        n_by_rule = np.zeros(len(self._kept))
        while n_found < n_samples:
            encoded = numbers(n, random_state)
            table = self.restored(decoded(encoded))
            accepted = self._accepted(table)
            n_by_rule += accepted.sum(axis=1)
            n_drawn += n
            tables.append(self._library.rows(table, accepted.all(axis=0)))
            n_found += int(accepted.all(axis=0).sum())
            rate = n_found / n_drawn
            if n_drawn >= _ENOUGH and rate < _HOPELESS:
                raise ValueError(self._message(n_by_rule / n_drawn, rate, "give up"))
            needed = int(_RESERVE * (n_samples - n_found) / max(rate, _HOPELESS))
            n = min(max(needed, least), _MOST * least)
            # Other rows, which depend on the random state of the first ones.
            random_state = zlib.crc32(encoded.tobytes())
        if rate < _FEW:
            warn_user(self._message(n_by_rule / n_drawn, rate, "go on"), UserWarning)
        stacked = self._library.stacked(tables)
        return self._library.rows(stacked, np.arange(n_found) < n_samples)

    def given(self, columns, n):
        """Columns after the change of variables, of what is known of n rows.

        Parameters
        ----------
        columns : list of (Column or None)
            In the order of the table, with missing values where unknown; None where
            nothing is known.
        n : int

        Returns
        -------
        list of Column
            Those of which something may be known.

        Raises
        ------
        ValueError
            If a replaced column is known where another that it depends on is not.
        """
        columns = [
            _unknown(fitted, n) if column is None or not len(column.values) else column
            for fitted, column in zip(self._columns, columns, strict=True)
        ]
        for fitted, column in zip(self._columns, columns, strict=True):
            check_kind(fitted, column)
        by_name = {column.name: column for column in columns}
        kept = [c for name, c in by_name.items() if name not in self._replaced]
        for change in self._changes:
            is_known = _known_together(change, by_name)
            if is_known.any():
                kept += [_known_at(new, is_known) for new in change.forward(by_name)]
        return kept

    def complete(self, draw, n):
        """Rows of which some entries are known, that satisfy all rules.

        Parameters
        ----------
        draw : callable
            Decoded table of some of n rows, given their places.
        n : int

        Returns
        -------
        DataFrame or ndarray

        Raises
        ------
        ValueError
            If rows do not satisfy the rules, however often they are drawn.
        """
        columns, rows, n_violated = None, np.arange(n), 0
        for _ in range(_MOST_REDRAWS):
            drawn = self.backward(draw(rows).content)
            columns = drawn if columns is None else _merged(columns, drawn, rows)
            series = [written(self._library, column) for column in columns]
            names = [column.name for column in columns]
            table = self._library.frame(names, series)
            accepted = self._accepted(table)
            n_violated = n_violated + ~accepted
            rows = np.flatnonzero(~accepted.all(axis=0))
            if not len(rows):
                return table
        rule = self._kept[int(np.argmax(n_violated[:, rows[0]]))].rule
        raise ValueError(
            f"Row {rows[0]} of X, and {len(rows) - 1} more, do not satisfy "
            f"{words_of(rule)}, although their unknown entries were drawn "
            f"{_MOST_REDRAWS} times. What is known of them makes it hardly possible: "
            "correct or drop it."
        )

    def _accepted(self, table):
        """Which rows of a drawn table each rule accepts."""
        columns = self._library.read(table)
        view = View({column.name: column for column in columns}, table)
        return np.array([kept.accepts(view) for kept in self._kept])

    def _message(self, rates, rate, end):
        worst = int(np.argmin(rates))
        return (
            f"Only {rate:.1%} of the drawn rows satisfy all rules, and "
            f"{rates[worst]:.1%} satisfy {words_of(self._kept[worst].rule)}. "
            + {
                "go on": "The others were drawn again, so sampling takes longer, and "
                "the rows are distributed as those drawn under the condition.",
                "give up": "State the rule in another way (differences, sums and "
                "combinations are kept by construction), or drop it.",
            }[end]
        )


def _unknown(fitted, n):
    """A column of which nothing is known."""
    values = [] if fitted.kind == "category" else np.empty(0, _TYPES[fitted.kind])
    return fitted._replace(values=values, missing=np.ones(n, dtype=bool), marks=None)


def _known_together(change, columns):
    """Where a replaced column, and all that it depends on, are known."""
    names = [*change.replaced, *change.needs]
    known = np.array([~columns[name].missing for name in names])
    together = known.all(axis=0)
    alone = known[: len(change.replaced)].any(axis=0) & ~together
    if alone.any():
        i = int(np.argmax(alone))
        there = [
            name for name, is_known in zip(names, known[:, i], strict=True) if is_known
        ]
        gone = [
            name
            for name, is_known in zip(names, known[:, i], strict=True)
            if not is_known
        ]
        raise ValueError(
            f"Row {i} of X has a value in {there} but none in {gone}. With "
            f"{words_of(change.rule)}, all of these must be known, or "
            f"{list(change.replaced)} unknown."
        )
    return together


def _known_at(column, is_known):
    """The column with missing values where it is not known."""
    n = len(is_known)
    kept = np.where(is_known & ~column.missing, np.arange(n), -1)
    present = at_rows(column, kept[kept >= 0])
    return present._replace(missing=kept < 0, marks=None)


def _merged(columns, drawn, rows):
    """Complete columns with other values in some rows."""
    return [_with_values(*pair, rows) for pair in zip(columns, drawn, strict=True)]


def _with_values(column, drawn, rows):
    if isinstance(column.values, np.ndarray):
        values = column.values.copy()
        values[rows] = drawn.values
        return column._replace(values=values)
    values = list(column.values)
    for i, value in zip(rows.tolist(), drawn.values, strict=True):
        values[i] = value
    return column._replace(values=values)


def _check_columns(rule, view):
    for name in columns_of(rule):
        if name not in view.columns:
            names = list(view.columns)
            names = names if len(names) <= 20 else [*names[:20], "..."]
            raise ValueError(
                f"{rule!r} names the column {name!r}, which X does not have. Its "
                f"columns are {names}."
            )


def _check_holds(kept, view):
    violated = np.flatnonzero(~kept.holds(view))
    if len(violated):
        n = len(violated)
        raise ValueError(
            f"{words_of(kept.rule)} is violated in {n} row{'s' if n > 1 else ''} of X, "
            f"first in row {violated[0]} (counted from 0). Correct or drop "
            f"{'these rows' if n > 1 else 'this row'}, or drop the rule."
        )
