"""Tables of which some entries are known: their codes, and completed tables."""

from __future__ import annotations

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array

from .._data._checks import ImpossibleEntry
from .._data._frames import Arrays, library_of
from .._data._numbers import check_numbers
from .._estimator import warn_user
from ._codes import check_kind
from ._many import NO_CATEGORY, DonorCode

# Copies of rows that categories are drawn for: as many as frequencies need.
_FEWEST_COPIES = 500


class Known(NamedTuple):
    """What is known of the rows of a table.

    Attributes
    ----------
    columns : list of (Column or None)
        In the order of the encoder; None where nothing is known.
    codes : ndarray of shape (n_rows, n_codes)
        NaN where unknown. No entry is missing, as all are to be drawn.
    """

    columns: list
    codes: np.ndarray

    def only(self, rows):
        """What is known of some of the rows, by their places."""
        columns = [column and at_rows(column, rows) for column in self.columns]
        return Known(columns, self.codes[rows])


def at_rows(column, rows):
    """Some rows of a column, by their places."""
    missing, place = column.missing[rows], np.cumsum(~column.missing) - 1
    present = place[rows][~missing]
    if isinstance(column.values, np.ndarray):
        values = column.values[present]
    else:
        values = [column.values[i] for i in present.tolist()]
    wall = None if column.wall is None else column.wall[present]
    marks = None if column.marks is None else column.marks[rows]
    return column._replace(values=values, missing=missing, wall=wall, marks=marks)


def known_of(encoder, columns, n):
    """What is known of n rows.

    Parameters
    ----------
    encoder : TableEncoder
        Fitted.
    columns : list of (Column or None)
        In the order of the encoder, with missing values where unknown; None where
        nothing is known.
    n : int
        Number of rows.

    Returns
    -------
    Known

    Raises
    ------
    ValueError
        If a column has another type than in `fit`, or a category that did not occur
        there.
    """
    columns = [c if c is not None and len(c.values) else None for c in columns]
    codes = []
    for code, column in zip(encoder._codes, columns, strict=True):
        numbers = np.full((n, code.width), np.nan)
        numbers[:, code.marks] = 0.0
        if column is not None:
            check_kind(code.column, column)
            present = at_rows(column, np.flatnonzero(~column.missing))
            numbers[~column.missing] = code.encode(present._replace(marks=None))
        codes.append(numbers)
    return Known(columns, np.concatenate(codes, axis=1))


def read_given(X, names, library):
    """Columns of a table that may lack some.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
    names : list
        Names of the columns seen in `fit`.
    library : class of :mod:`skdrift._data._frames`
        That of the table seen in `fit`.

    Returns
    -------
    columns : list of (Column or None)
        In the order of `names`; None where there is none.
    n : int
        Number of rows.

    Raises
    ------
    ValueError
        If the table is of another library, or has other columns.
    """
    found = library_of(X)
    if found is not library:
        raise ValueError(
            f"X is {_form(found)}, but fit was called with {_form(library)}. Convert X."
        )
    if library is Arrays:
        check_numbers(X)
        X = check_array(X, dtype="numeric", ensure_all_finite="allow-nan")
        if X.shape[1] != len(names):
            raise ValueError(
                f"X has {X.shape[1]} columns, but must have {len(names)}, with NaN "
                "where entries are unknown."
            )
    else:
        foreign = [name for name in X.columns if name not in names]
        if foreign:
            raise ValueError(
                f"X has the columns {foreign}, which fit did not see. Drop them."
            )
    read = {column.name: column for column in library.read(X)}
    return [read.get(name) for name in names], X.shape[0]


def _form(library):
    return {"Pandas": "a pandas frame", "Polars": "a polars frame"}.get(
        library.__name__, "an array"
    )


def marks_of(encoder):
    """Which of the encoded columns mark missing values."""
    return np.concatenate([code.marks for code in encoder._codes])


def warn_of_donors(encoder, known):
    """Warn if categories are known that do not influence the others."""
    if encoder._donors is None:
        return
    names = [
        code.column.name
        for code, column in zip(encoder._codes, known.columns, strict=True)
        if isinstance(code, DonorCode) and column is not None
    ]
    if names and np.isnan(known.codes).any():
        warn_user(
            f"Known categories of the columns {names} do not influence what is drawn "
            "in other columns, because they have more than twelve categories. Merge "
            "rare ones, or fit to a table in which they are columns of numbers.",
            UserWarning,
        )


@contextmanager
def _naming_entries(encoder, known, copies, is_drawn):
    """Errors about an impossible number have the row and the column of the table.

    The mask `is_drawn` tells which of the encoded columns the numbers are of.
    """
    try:
        yield
    except ImpossibleEntry as error:
        place = np.flatnonzero(is_drawn)[error.column]
        ends = np.cumsum([code.width for code in encoder._codes])
        j, i = np.searchsorted(ends, place, "right"), error.row // copies
        column = known.columns[j]
        value = column.values[np.count_nonzero(~column.missing[:i])]
        raise ValueError(
            f"Row {i} of X has {value!s} in column {column.name!r}, which is "
            f"impossible there ({error.law}). Correct it, mark it as missing, or fit "
            "with another law in the parameter 'columns'."
        ) from error


def _n_copies(encoder, known):
    """Copies of each row that are drawn, so that categories have their frequencies."""
    unknown = np.isnan(known.codes)
    nominal = np.concatenate([code.memberships for code in encoder._codes])
    if not len(unknown) or not unknown[:, nominal].any():
        return 1
    return -(-_FEWEST_COPIES // len(unknown))


def completed(encoder, known, is_drawn, draw, rng):
    """Table of completed rows.

    Parameters
    ----------
    encoder : TableEncoder
    known : Known
    is_drawn : ndarray of shape (n_codes,), dtype bool
        Which encoded columns are drawn.
    draw : callable
        ``draw(codes)``, these columns of copies of the rows without NaN. There are
        equally many copies of every row, next to each other, one of which is used.
    rng : RandomState

    Returns
    -------
    DataFrame or ndarray of shape (n_rows, n_columns)
    """
    copies = _n_copies(encoder, known)
    encoded = np.repeat(known.codes, copies, axis=0)
    with _naming_entries(encoder, known, copies, is_drawn):
        encoded[:, is_drawn] = draw(encoded[:, is_drawn])
    encoded = np.where(np.isnan(encoded), NO_CATEGORY, encoded)
    ends = np.cumsum([code.width for code in encoder._codes])[:-1]
    parts = np.split(encoded, ends, axis=1)
    if encoder._donors is not None:
        parts = encoder._donors.settled_nearby(parts, rng)
    n = len(known.codes)
    chosen = np.arange(n) * copies + rng.randint(copies, size=n)
    columns = []
    for code, numbers, column in zip(encoder._codes, parts, known.columns, strict=True):
        values, missing = code.decode(numbers)
        if isinstance(values, np.ndarray):
            values = values[chosen]
        else:
            values = [values[i] for i in chosen.tolist()]
        values = _with_known(code, column, values)
        none = np.zeros_like(missing[chosen])
        columns.append(encoder._library.write(code.column, values, none))
    names = [code.column.name for code in encoder._codes]
    return encoder._library.frame(names, columns)


def _with_known(code, column, values):
    """Values, with those that are known."""
    if column is None:
        return values
    known = column.wall if code.column.decodes_wall else column.values
    at = np.flatnonzero(~column.missing)
    if isinstance(values, np.ndarray):
        values = values.astype(np.result_type(values, np.asarray(known).dtype))
        values[at] = known
        return values
    for i, value in zip(at.tolist(), known, strict=True):
        values[i] = value
    return values
