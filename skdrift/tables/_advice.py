"""Warnings about columns that are probably not what they look like."""

import datetime

import numpy as np

from .._estimator import warn_user

# With fewer rows or distinct values, chance could explain what is found.
_ENOUGH = 20
# Share of different categories from which a column is one of names.
_UNIQUE = 0.95
_FIRST_DATE, _LAST_DATE = 19000101, 21001231


def warn_about(column):
    """Warn about dates stored as integers, identifiers, and names or free text."""
    advice = None
    if column.kind == "category":
        advice = _about_categories(column.values)
    elif column.kind in ("integer", "real"):
        advice = _about_numbers(column.values)
    if advice is not None:
        warn_user(f"Column {column.name!r} {advice}", UserWarning)


def _about_categories(values):
    n, n_unique = len(values), len(set(values))
    if n < _ENOUGH or n_unique < _UNIQUE * n:
        return None
    return (
        f"has {n_unique} different categories in {n} rows, which samples repeat "
        "verbatim. Drop it if it holds names, identifiers or free text; convert it if "
        "it holds numbers or times."
    )


def _about_numbers(values):
    # NaN is not among the values, but a real number need not be whole.
    distinct = np.unique(values).astype(np.float64)
    if len(distinct) < _ENOUGH or not (distinct == np.rint(distinct)).all():
        return None
    if _are_dates(distinct):
        return (
            f"holds integers such as {int(values[0])} that look like dates, but are "
            "sampled as amounts, so that most samples are no dates. Convert it to "
            "dates, as by pandas.to_datetime(column, format='%Y%m%d')."
        )
    if len(distinct) == len(values) == distinct[-1] - distinct[0] + 1:
        return (
            f"numbers the rows from {int(distinct[0])} to {int(distinct[-1])}, but its "
            "samples are not unique. Drop it if it identifies rows."
        )
    return None


def _are_dates(integers):
    """Whether all integers are valid dates YYYYMMDD."""
    if integers[0] < _FIRST_DATE or integers[-1] > _LAST_DATE:
        return False
    try:
        for integer in integers.astype(np.int64).tolist():
            datetime.date(integer // 10000, integer // 100 % 100, integer % 100)
    except ValueError:
        return False
    return True
