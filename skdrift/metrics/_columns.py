"""Columns and pairs of columns of generated tables, next to real ones."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from .._data._grids import grid_of
from .._docstrings import documented
from ._docs import SHARED
from ._tables import is_missing, shared_columns

if TYPE_CHECKING:
    from .._typing import Table

# Bins of a number that is paired with a category.
_N_BINS = 10
_SHARED = SHARED | {
    "tables": """
        generated : array-like or DataFrame of shape (n_generated, n_columns)
            Generated samples.
        reference : array-like or DataFrame of shape (n_reference, n_columns)
            Real samples. Both are arrays of finite numbers, or frames of pandas or
            polars, with columns of any type and missing values.
        """,
    "bad_tables": """
        ImportError
            If pandas is not installed.
        ValueError
            If the columns differ in name, order or type, or one has no values or
            infinite ones.
        """,
    "sdmetrics": """
        DataCebo, Inc., *SDMetrics*, version 0.32: the metrics of these names.
        """,
}


@documented(_SHARED)
def column_shapes(generated: Table, reference: Table) -> Any:
    """Compare the distribution of every column.

    Parameters
    ----------
    {tables}

    Returns
    -------
    pandas.DataFrame of shape (n_columns, 4)
        One row for each column, with the columns

        - ``"kind"``: ``"number"``, ``"time"`` or ``"category"`` (booleans as well);
        - ``"shape"``: 1 minus the Kolmogorov-Smirnov distance, the largest difference
          of the distribution functions, or for categories 1 minus the total variation
          distance, half the sum of the differences of their shares. Missing values are
          left out. It is 1 for equal distributions;
        - ``"missing"`` and ``"missing_reference"``: shares of missing values.

    Raises
    ------
    {bad_tables}

    See Also
    --------
    pair_trends : Dependence between columns.

    References
    ----------
    {sdmetrics}

    Examples
    --------
    >>> import pandas as pd
    >>> from skdrift.metrics import column_shapes
    >>> real = pd.DataFrame({"size": [1.0, 2.0, None, 4.0], "kind": list("aabb")})
    >>> drawn = pd.DataFrame({"size": [1.0, 2.0, 3.0, 3.5], "kind": list("aaac")})
    >>> column_shapes(drawn, real).round(2)
              kind  shape  missing  missing_reference
    size    number   0.67      0.0               0.25
    kind  category   0.50      0.0               0.00
    """
    pandas = import_pandas("column_shapes")
    columns = shared_columns(reference=reference, generated=generated)
    rows = {
        column.name: (
            column.kind,
            shape_of(column, "generated", "reference"),
            float(is_missing(column, "generated").mean()),
            float(is_missing(column, "reference").mean()),
        )
        for column in columns
    }
    names = ["kind", "shape", "missing", "missing_reference"]
    return pandas.DataFrame.from_dict(rows, orient="index", columns=names)


@documented(_SHARED)
def pair_trends(generated: Table, reference: Table) -> Any:
    """Compare the dependence between every two columns.

    Parameters
    ----------
    {tables}

    Returns
    -------
    pandas.DataFrame of shape (n_columns * (n_columns - 1) / 2, 2)
        One row for each pair, with its two names as the index, and the columns

        - ``"kind"``: ``"correlation"`` for two columns of numbers or times, and
          ``"contingency"`` if at least one has categories;
        - ``"trend"``: 1 minus half the difference of the correlation coefficients
          (Pearson's, of rows without missing values), or 1 minus the total variation
          distance of the shares of all pairs of values. There, missing values are
          values of their own, and numbers are those of ten equally wide bins between
          the extreme values of `reference`; numbers outside have two further bins. NaN
          if a column of numbers is constant.

    Raises
    ------
    {bad_tables}

    See Also
    --------
    column_shapes : Distributions of single columns.

    References
    ----------
    {sdmetrics}

    Examples
    --------
    >>> import pandas as pd
    >>> from skdrift.metrics import pair_trends
    >>> real = pd.DataFrame({"x": [1, 2, 3, 4], "y": [1, 2, 3, 4], "z": list("aabb")})
    >>> drawn = real.assign(y=[4, 3, 2, 1])
    >>> pair_trends(drawn, real)["trend"].tolist()
    [0.0, 1.0, 0.0]
    """
    pandas = import_pandas("pair_trends")
    columns = shared_columns(reference=reference, generated=generated)
    names, rows = [], []
    for first, second in combinations(columns, 2):
        names.append((first.name, second.name))
        kind = "contingency" if has_categories(first, second) else "correlation"
        rows.append((kind, trend_of(first, second, "generated", "reference")))
    index = pandas.MultiIndex.from_tuples(names, names=["first", "second"])
    return pandas.DataFrame(rows, index=index, columns=["kind", "trend"])


@documented(_SHARED)
def support_violations(generated: Table, train: Table) -> Any:
    """Find values that do not occur in the training data.

    Parameters
    ----------
    generated : array-like or DataFrame of shape (n_generated, n_columns)
        Generated samples.
    train : array-like or DataFrame of shape (n_train, n_columns)
        Samples that the generator was fitted to. Both are arrays of finite numbers, or
        frames of pandas or polars, with columns of any type and missing values.

    Returns
    -------
    pandas.DataFrame of shape (n_columns + 1, 4)
        Shares of generated rows: one row for each column, and last ``"any column"``,
        with the columns

        - ``"unknown"``: a category that is not in `train`, or a missing value where
          `train` has none;
        - ``"outside"``: a number or time below the least or above the largest one;
        - ``"off_grid"``: a number or time that is not a multiple of the step of which
          all values of `train` are multiples, such as one with more decimals;
        - ``"any"``: any of these.

    Raises
    ------
    {bad_tables}

    Examples
    --------
    >>> import pandas as pd
    >>> from skdrift.metrics import support_violations
    >>> train = pd.DataFrame({"price": [0.5, 1.25, 9.75], "kind": list("abb")})
    >>> drawn = pd.DataFrame({"price": [0.5, 1.123, 9.8], "kind": list("abc")})
    >>> support_violations(drawn, train)["any"].round(2).to_dict()
    {'price': 0.67, 'kind': 0.33, 'any column': 0.67}
    """
    pandas = import_pandas("support_violations")
    columns = shared_columns(train=train, generated=generated)
    faults = {c.name: faults_of(c, "generated", "train") for c in columns}
    faults["any column"] = np.any(list(faults.values()), axis=0)
    rows = {name: [*f.mean(axis=1), f.any(axis=0).mean()] for name, f in faults.items()}
    names = ["unknown", "outside", "off_grid", "any"]
    return pandas.DataFrame.from_dict(rows, orient="index", columns=names)


def import_pandas(function):
    """The package pandas, for a function that returns a frame."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{function} returns a pandas.DataFrame, and pandas is not installed. "
            "Install it by: pip install pandas."
        ) from error
    return pandas


def shape_of(column, key, reference):
    """One minus the distance of the distributions of a column in two tables."""
    first, second = (
        column.parts[table][~is_missing(column, table)] for table in (key, reference)
    )
    if column.kind == "category":
        return _overlap(first, second)
    values = np.concatenate([first, second])
    levels = [
        np.searchsorted(np.sort(x), values, "right") / len(x) for x in (first, second)
    ]
    return 1 - float(np.abs(levels[0] - levels[1]).max())


def has_categories(*columns):
    """Whether a column is one of categories."""
    return any(column.kind == "category" for column in columns)


def trend_of(first, second, key, reference):
    """One minus the difference of the dependence of two columns in two tables."""
    if has_categories(first, second):
        codes = (_binned(column, key, reference) for column in (first, second))
        return _contingency_trend(*codes)
    correlations = [
        _correlation(first.parts[table], second.parts[table])
        for table in (key, reference)
    ]
    return 1 - 0.5 * abs(correlations[0] - correlations[1])


def _contingency_trend(first, second):
    """Similarity of two tables of shares, given codes of two columns in two tables."""
    n = 1 + max(codes.max() for codes in second)
    return _overlap(*(a * n + b for a, b in zip(first, second, strict=True)))


def _overlap(*codes):
    """One minus the total variation distance of codes in two tables."""
    n = 1 + max(code.max() for code in codes)
    shares = [np.bincount(code, minlength=n) / len(code) for code in codes]
    return 1 - 0.5 * float(np.abs(shares[0] - shares[1]).sum())


def _binned(column, key, reference):
    """Codes of the values of a column in two tables, from 0 on, 0 for missing ones."""
    parts = [column.parts[table] for table in (key, reference)]
    if column.kind == "category":
        return [part + 1 for part in parts]
    edges = np.histogram_bin_edges(parts[1][~np.isnan(parts[1])], _N_BINS)
    return [np.where(np.isnan(x), 0, 1 + np.digitize(x, edges)) for x in parts]


def _correlation(x, y):
    both = ~(np.isnan(x) | np.isnan(y))
    x, y = x[both], y[both]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))


def faults_of(column, key, train):
    """Which rows have an unknown, an outer or an off-grid value, shape (3, n_rows)."""
    values, known = column.parts[key], column.parts[train]
    faults = np.zeros((3, len(values)), dtype=bool)
    gone = is_missing(column, key)
    faults[0] = gone & (not is_missing(column, train).any())
    if column.kind == "category":
        faults[0] |= ~gone & ~np.isin(values, known)
        return faults
    known = np.unique(known[~np.isnan(known)])
    faults[1] = (values < known[0]) | (values > known[-1])
    grid = grid_of(known, np.finfo(np.float64).eps)
    if grid is not None:
        faults[2] = ~gone & ~grid.holds(values)
    return faults
