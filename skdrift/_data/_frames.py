"""Reading and writing the columns of pandas frames, polars frames and arrays.

Neither library is imported here: a user who passes a frame has imported its library.
"""

import sys
from typing import NamedTuple

import numpy as np

_ADVICE = (
    "Convert it to numbers, booleans, strings, categories, dates or times (for a "
    "pandas frame, convert_dtypes() may be enough), or drop it."
)


class Column(NamedTuple):
    """A column in the form shared by all libraries.

    Attributes
    ----------
    name : object
    kind : {"real", "integer", "time", "category"}
    values : list or ndarray of shape (n_present,)
        The values that are not missing: floats, integers (for times, in the unit of
        the type), or hashable objects.
    missing : ndarray of bool of shape (n_rows,)
    dtype : object
        Type of the column in its library.
    marker : object
        Value that represents a missing one.
    order : list or None
        Categories in their order, if they have one.
    """

    name: object
    kind: str
    values: object
    missing: np.ndarray
    dtype: object
    marker: object = None
    order: list | None = None


def library_of(X):
    """The class in this module that handles a table."""
    for library in (Pandas, Polars):
        module = library.module()
        if module is not None and isinstance(X, module.DataFrame):
            return library
    return Arrays


def unusable_columns(X):
    """Names of the columns of a frame that are not finite numbers."""
    if library_of(X) is Arrays:
        return []
    return [name for name in X.columns if not _is_finite(X[name])]


def _is_finite(column):
    try:
        values = np.asarray(column)
        return values.dtype.kind not in "Mm" and np.isfinite(values.astype(float)).all()
    except (TypeError, ValueError):
        return False


class Pandas:
    """Frames of pandas."""

    @staticmethod
    def module():
        return sys.modules.get("pandas")

    @staticmethod
    def read(X):
        return [Pandas._read_column(name, column) for name, column in X.items()]

    @staticmethod
    def _read_column(name, column):
        pandas, dtype = Pandas.module(), column.dtype
        types, missing = pandas.api.types, column.isna().to_numpy()
        present, marker, order = column[~missing], None, None
        if isinstance(dtype, pandas.CategoricalDtype):
            kind, values = "category", present.tolist()
            order = dtype.categories.tolist() if dtype.ordered else None
        elif types.is_bool_dtype(dtype):
            kind, values, order = "category", present.tolist(), [False, True]
        elif types.is_integer_dtype(dtype):
            kind, values = "integer", _int64(name, present)
        elif types.is_float_dtype(dtype):
            kind, values = "real", present.to_numpy(np.float64)
        elif types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
            kind, values = "time", present.astype("int64").to_numpy()
        elif types.is_string_dtype(dtype) or types.is_object_dtype(dtype):
            kind, values = "category", _strings(name, present.tolist())
            # NaN, None and NA are distinct; keep the one that was used.
            marker = column[missing].iloc[0] if missing.any() else None
        else:
            raise ValueError(f"Column {name!r} has unsupported type {dtype}. {_ADVICE}")
        return Column(name, kind, values, missing, dtype, marker, order)

    @staticmethod
    def write(column, values, missing):
        pandas = Pandas.module()
        if column.kind == "category":
            return pandas.Series(values, dtype=column.dtype)
        series = pandas.Series(values).astype(column.dtype)
        return series.mask(missing) if missing.any() else series

    @staticmethod
    def frame(names, columns):
        return Pandas.module().DataFrame(dict(zip(names, columns, strict=True)))

    @staticmethod
    def drop(X, j):
        return X.drop(columns=X.columns[j])


class Polars:
    """Frames of polars."""

    @staticmethod
    def module():
        return sys.modules.get("polars")

    @staticmethod
    def read(X):
        return [Polars._read_column(column) for column in X.get_columns()]

    @staticmethod
    def _read_column(column):
        polars, name, dtype = Polars.module(), column.name, column.dtype
        missing, marker, order = column.is_null(), None, None
        if dtype.is_float():
            marker = None if missing.any() else np.nan
            missing = missing | column.is_nan().fill_null(True)
        present = column.filter(~missing)
        if dtype == polars.Null:
            kind, values = "category", []
        elif dtype.is_integer():
            kind, values = "integer", _int64(name, present)
        elif dtype.is_float():
            kind, values = "real", present.cast(polars.Float64).to_numpy()
        elif dtype.is_temporal():
            kind, values = "time", present.to_physical().cast(polars.Int64).to_numpy()
        elif dtype == polars.Boolean:
            kind, values, order = "category", present.to_list(), [False, True]
        elif dtype == polars.Enum:
            kind, values = "category", present.to_list()
            order = dtype.categories.to_list()
        elif dtype in (polars.String, polars.Categorical):
            kind, values = "category", present.to_list()
        else:
            raise ValueError(f"Column {name!r} has unsupported type {dtype}. {_ADVICE}")
        return Column(name, kind, values, missing.to_numpy(), dtype, marker, order)

    @staticmethod
    def write(column, values, missing):
        polars = Polars.module()
        if column.kind == "category":
            return polars.Series(values, dtype=column.dtype)
        series = polars.Series(values).cast(column.dtype)
        return series.scatter(np.flatnonzero(missing), column.marker)

    @staticmethod
    def frame(names, columns):
        return Polars.module().DataFrame(dict(zip(names, columns, strict=True)))

    @staticmethod
    def drop(X, j):
        return X.drop(X.columns[j])


class Arrays:
    """Arrays, treated as frames whose columns have one type."""

    @staticmethod
    def read(X):
        return [Arrays._read_column(j, column) for j, column in enumerate(X.T)]

    @staticmethod
    def _read_column(j, column):
        dtype = column.dtype
        missing = np.isnan(column) if dtype.kind == "f" else np.zeros(len(column), bool)
        if dtype.kind == "b":
            return Column(
                j, "category", column.tolist(), missing, dtype, None, [False, True]
            )
        kind = "real" if dtype.kind == "f" else "integer"
        values = column[~missing] if kind == "real" else _int64(j, column)
        return Column(j, kind, values, missing, dtype)

    @staticmethod
    def write(column, values, missing):
        values = np.asarray(values).astype(column.dtype)
        return np.where(missing, np.nan, values) if missing.any() else values

    @staticmethod
    def frame(names, columns):
        return np.column_stack(columns)

    @staticmethod
    def drop(X, j):
        return np.delete(X, j, axis=1)


def _int64(name, column):
    if len(column) and int(column.max()) > np.iinfo(np.int64).max:
        raise ValueError(
            f"Column {name!r} has integers of 2**63 or more, which do not fit in 64 "
            "bits. Convert it to floats or drop it."
        )
    return np.array(column, dtype=np.int64)


def _strings(name, values):
    for value in values:
        if not isinstance(value, str):
            raise ValueError(
                f"Column {name!r} of objects must contain strings only; got {value!r} "
                f"of type {type(value).__name__}. {_ADVICE}"
            )
    return values
