"""The parameter `columns`: which laws hold of which columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real

import numpy as np

from ._laws import ColumnLaw, law_of

_WORDS = ("auto", "free", "discrete")
# Used by tables.
_MEMBERSHIP = "membership"
_KEYS = ("bounds", "grid", "atoms", "missing")


def laws_of(rows, weight, count, columns="auto", names=None, ends=None):
    """Laws of all columns.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
        Distinct data rows, in data units.
    weight, count : ndarray of shape (n_rows,)
        Weights of sum 1; how many samples each row stands for.
    columns : str, dict or sequence, default="auto"
        What holds: for all columns, by name or index, or one by one. ``"auto"``: learn
        it; ``"free"``: nothing; ``"discrete"``: values that occur; or a dict of any of
        ``"bounds"`` (a pair, None where there is none), ``"grid"`` (a step, or None),
        ``"atoms"`` (values) and ``"missing"`` (the column that is 1 where values of
        this one only fill gaps), where what is not given is learned.
    names : sequence of str, default=None
        Names of the columns.
    ends : pair of ndarrays of shape (n_features,), default=None
        Extremes of the rows that these are a part of.

    Returns
    -------
    tuple of ColumnLaw

    Raises
    ------
    ValueError
        If `columns` names a column that does not exist, has another form, or is
        contradicted by the data.
    """
    d = rows.shape[1]
    names = list(range(d)) if names is None else list(names)
    given = checked_columns(columns, names)
    laws = []
    for j, (name, spec) in enumerate(zip(names, given, strict=True)):
        known = _known(rows, spec)
        share = weight[known] / weight[known].sum()
        law = law_of(name, rows[known, j], share, count[known], spec)
        if ends is not None and known.all():
            law = _reaching(law, ends[0][j], ends[1][j], spec)
        laws.append(law)
    return tuple(laws)


def _reaching(law, low, high, spec):
    """The law with bounds that reach to the extremes of rows that were left out."""
    crossed = [x for x in (low, high) if not law.low <= x <= law.high]
    if not crossed or not law.is_kept or law.kind == "discrete":
        return law
    if not isinstance(spec, str) and "bounds" in spec:
        raise ValueError(
            f"Column {law.name!r} has the value {crossed[0]:.6g}, beyond the bounds "
            f"from {law.low:.6g} to {law.high:.6g} that the 'columns' parameter gives. "
            "Correct or drop such rows, or give a wider bound or None."
        )
    return replace(law, low=min(law.low, low), high=max(law.high, high))


def _known(rows, spec):
    """Mask of the rows whose values of a column are not those of gaps."""
    if isinstance(spec, str) or "missing" not in spec:
        return np.ones(len(rows), dtype=bool)
    known = rows[:, spec["missing"]] < 0.5
    return known if known.any() else ~known


def checked_columns(columns, names):
    """What is given for every column, in order, checked; see :func:`laws_of`."""
    given = _by_column(columns, names)
    return [
        _checked(spec, name, names) for spec, name in zip(given, names, strict=True)
    ]


def free_laws(d):
    """Laws of columns of which nothing holds."""
    return tuple(ColumnLaw(j) for j in range(d))


def _by_column(columns, names):
    """What is given for every column, in order."""
    d = len(names)
    if isinstance(columns, str):
        return [columns] * d
    if isinstance(columns, Mapping):
        given = ["auto"] * d
        for key, spec in columns.items():
            given[_place(key, names)] = spec
        return given
    if isinstance(columns, Sequence) and len(columns) == d:
        return list(columns)
    raise ValueError(
        "The 'columns' parameter must be 'auto', 'free', 'discrete', a dict by column, "
        f"or a list with one entry for each of the {d} columns; got {columns!r}."
    )


def _place(key, names):
    d = len(names)
    if isinstance(key, str) and key in names:
        return names.index(key)
    if isinstance(key, Integral) and not isinstance(key, bool) and -d <= key < d:
        return int(key) % d
    raise ValueError(
        f"The 'columns' parameter names the column {key!r}, which X does not have. Its "
        f"columns are {names if d <= 20 else [*names[:20], '...']}."
    )


def _checked(spec, name, names):
    """What is given for a column, in the only form in which it is used."""
    if isinstance(spec, str) and spec in (*_WORDS, _MEMBERSHIP):
        return spec
    if not isinstance(spec, Mapping) or not {*spec} <= {*_KEYS}:
        raise ValueError(
            f"The 'columns' parameter must give 'auto', 'free', 'discrete' or a dict "
            f"with any of the keys {', '.join(map(repr, _KEYS))} for column {name!r}; "
            f"got {spec!r}."
        )
    for key, is_valid, form in (
        ("bounds", _is_bounds, "a pair (low, high) of numbers or None, low < high"),
        ("grid", _is_grid, "a positive step, 'auto' or None"),
        ("atoms", _is_numbers, "a list of finite numbers"),
    ):
        if key in spec and not is_valid(spec[key]):
            raise ValueError(
                f"The 'columns' parameter must give {key!r} of column {name!r} as "
                f"{form}; got {spec[key]!r}."
            )
    if "missing" in spec:
        return {**spec, "missing": _place(spec["missing"], names)}
    return dict(spec)


def _is_number(x):
    return isinstance(x, Real) and not isinstance(x, bool) and not np.isnan(x)


def _is_bounds(bounds):
    if not isinstance(bounds, Sequence | np.ndarray) or len(bounds) != 2:
        return False
    low, high = bounds
    return (
        all(x is None or _is_number(x) for x in bounds)
        and not isinstance(bounds, str)
        and (low is None or high is None or low < high)
    )


def _is_grid(step):
    if isinstance(step, str):
        return step == "auto"
    return step is None or (_is_number(step) and 0 < step < np.inf)


def _is_numbers(atoms):
    return (
        isinstance(atoms, Sequence | np.ndarray)
        and not isinstance(atoms, str)
        and all(_is_number(x) and np.isfinite(x) for x in atoms)
    )
