"""Tables of mixed columns: read, compared column by column, and coded for distances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import StandardScaler

from .._data._frames import Arrays, library_of, unusable_columns
from ._samples import check_samples

# Categories with a column each, in distances; rarer ones share one column.
_MAX_CATEGORIES = 50


class SharedColumn(NamedTuple):
    """A column of several tables.

    Attributes
    ----------
    name : object
    kind : {"number", "time", "category"}
    parts : dict of ndarray of shape (n_rows,)
        By the names of the tables: floats with NaN where values are missing (times in
        the unit of their type), or for categories the place in `categories`, and -1
        where values are missing.
    categories : list
        Those of the first table come first, by their names.
    """

    name: object
    kind: str
    parts: dict
    categories: list


def shared_columns(**tables):
    """Columns of tables, which must agree in names, order and kinds.

    Raises
    ------
    ValueError
        If they do not, a table is empty, or a column has no values or infinite ones,
        with the names of the table and the column.
    """
    columns = {key: library.read(X) for key, (library, X) in _read(tables).items()}
    first, *others = columns
    names = [column.name for column in columns[first]]
    for other in others:
        _check_names(first, names, other, [column.name for column in columns[other]])
    return [
        _shared(name, {key: read[j] for key, read in columns.items()})
        for j, name in enumerate(names)
    ]


def samples_of(columns):
    """Names of the tables, with their numbers of rows."""
    return {key: len(part) for key, part in columns[0].parts.items()}


def _read(tables):
    """Tables with their libraries. Arrays are checked like the samples of a metric."""
    libraries = {key: library_of(X) for key, X in tables.items()}
    if len(set(libraries.values())) > 1:
        types = {key: type(X).__name__ for key, X in tables.items()}
        mixed = {key: unusable_columns(X) for key, X in tables.items()}
        key, name = next(((k, n[0]) for k, n in mixed.items() if n), (None, None))
        why = (
            f"Column {name!r} of '{key}' is not one of finite numbers. " if key else ""
        )
        raise ValueError(
            f"{why}Tables that are compared must be frames of one library, or all be "
            f"encoded by a skdrift.tables.TableEncoder fitted to one; got {types}."
        )
    if Arrays in libraries.values():
        tables = dict(zip(tables, check_samples(**tables), strict=True))
    for key, X in tables.items():
        if not len(X):
            raise ValueError(f"'{key}' must have at least 1 sample(s); got 0.")
    return {key: (libraries[key], X) for key, X in tables.items()}


def _check_names(first, expected, other, found):
    if found == expected:
        return
    lost = [name for name in expected if name not in found]
    new = [name for name in found if name not in expected]
    if lost or new:
        parts = [f"lacks {lost}"] * bool(lost) + [f"has {new} besides"] * bool(new)
        raise ValueError(
            f"'{other}' must have the same columns as '{first}'; it "
            f"{' and '.join(parts)}."
        )
    j = next(j for j in range(len(found)) if found[j] != expected[j])
    raise ValueError(
        f"The columns of '{other}' and '{first}' must have the same names in the same "
        f"order; column {j} is {found[j]!r} in one and {expected[j]!r} in the other. "
        "Reorder them."
    )


_KINDS = {"real": "number", "integer": "number"}


def _shared(name, columns):
    kinds = {key: _KINDS.get(c.kind, c.kind) for key, c in columns.items()}
    first, kind = next(iter(kinds.items()))
    for key, column in columns.items():
        if column.missing.all():
            raise ValueError(
                f"Column {name!r} of '{key}' has no values: all of them are missing. "
                "Drop the column from all tables."
            )
        # Times have no common unit; of other kinds it does not matter.
        unlike = kind == "time" and column.dtype != columns[first].dtype
        if kinds[key] != kind or unlike:
            raise ValueError(
                f"Column {name!r} must have the same type in all tables; it is of "
                f"{columns[first].dtype} in '{first}', and of {column.dtype} in "
                f"'{key}'. Convert one of them."
            )
    if kind == "category":
        known = {}
        for column in columns.values():
            for value in sorted(set(column.values) - known.keys(), key=str):
                known[value] = len(known)
        parts = {key: _places(column, known) for key, column in columns.items()}
        return SharedColumn(name, kind, parts, list(known))
    parts = {key: _floats(name, key, column) for key, column in columns.items()}
    return SharedColumn(name, kind, parts, [])


def _places(column, known):
    places = np.full(len(column.missing), -1)
    places[~column.missing] = [known[value] for value in column.values]
    return places


def _floats(name, key, column):
    floats = np.full(len(column.missing), np.nan)
    floats[~column.missing] = column.values
    if np.isinf(floats).any():
        raise ValueError(
            f"Column {name!r} of '{key}' has infinite values. Set them to missing, or "
            "drop these rows."
        )
    return floats


def is_missing(column, key):
    """Which values of a table are missing in a column."""
    part = column.parts[key]
    return part < 0 if column.kind == "category" else np.isnan(part)


def comparable(by, *, standardize=True, min_rows=1, **tables):
    """Arrays whose distances compare the rows of tables, in the order of the keywords.

    Numbers and times are divided by their standard deviations in one of the tables. A
    category is coded by 0 and 1 in a column of its own, so that two rows that differ in
    it are as far apart as rows whose numbers differ by the square root of 2. Missing
    numbers are at the mean, with a column of 0 and 1 that marks them; missing
    categories are one more category. Of more than 50 categories, all but the 49 most
    frequent ones share a column.

    Parameters
    ----------
    by : str
        Name of the table that gives the standard deviations.
    standardize : bool, default=True
        If false, numbers are not divided.
    min_rows : int, default=1
    **tables : array-likes or frames
        Numeric ones may be mixed; other frames must be of one library.

    Returns
    -------
    list of ndarray of shape (n_rows, n_codes)
    """
    if not any(unusable_columns(X) for X in tables.values()):
        arrays = check_samples(min_rows=min_rows, **tables)
        if standardize:
            scale = StandardScaler().fit(arrays[list(tables).index(by)]).transform
            arrays = [scale(rows) for rows in arrays]
        return arrays
    columns = shared_columns(**{by: tables[by], **tables})
    for key, n in samples_of(columns).items():
        if n < min_rows:
            raise ValueError(
                f"'{key}' must have at least {min_rows} sample(s); got {n}."
            )
    codes = coded(columns, by, standardize)
    return [codes[key] for key in tables]


def coded(columns, by, standardize=True):
    """Columns of numbers that code tables, by the names of the tables."""
    parts = {key: [] for key in columns[0].parts}
    for column in columns:
        if column.kind == "category":
            codes = _one_hot(column, by)
        else:
            codes = _scaled(column, by, standardize)
        for key, code in codes.items():
            parts[key].append(code)
    return {key: np.concatenate(part, axis=1) for key, part in parts.items()}


def _scaled(column, by, standardize):
    known = column.parts[by]
    scaler = StandardScaler(with_std=standardize).fit(known[:, None])
    marked = any(np.isnan(part).any() for part in column.parts.values())
    codes = {}
    for key, part in column.parts.items():
        scaled = scaler.transform(part[:, None])
        missing = np.isnan(scaled)
        scaled[missing] = 0.0
        codes[key] = np.hstack([scaled, missing]) if marked else scaled
    return codes


def _one_hot(column, by):
    known = column.parts[by]
    n = len(column.categories) + 1  # the last for missing ones, at place -1
    counts = np.bincount(known % n, minlength=n)
    if not any((part < 0).any() for part in column.parts.values()):
        n -= 1
    place = np.arange(len(counts))
    if n > _MAX_CATEGORIES:
        order = np.argsort(-counts, kind="stable")
        place[order] = np.minimum(np.arange(len(counts)), _MAX_CATEGORIES - 1)
        n = _MAX_CATEGORIES
    return {key: np.eye(n)[place[part]] for key, part in column.parts.items()}
