"""Reading and writing the columns of pandas frames, polars frames and arrays.

Neither library is imported here: a user who passes a frame has imported its library.
"""

import datetime
import sys
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from . import _arrow

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
    markers : tuple
        Different values that represent missing ones, such as null and NaN.
    marks : ndarray of int of shape (n_rows,) or None
        Place of the marker of each missing value, if there are several markers.
    order : list or None
        Categories in their order, if they have one.
    wall : ndarray of int of shape (n_present,) or None
        Times of a time zone on its local clock.
    wall_is_exact : bool
        Whether the values follow from `wall`.
    decodes_wall : bool
        Whether the values to write are times on the local clock.
    """

    name: object
    kind: str
    values: object
    missing: np.ndarray
    dtype: object
    markers: tuple = ()
    marks: np.ndarray | None = None
    order: list | None = None
    wall: np.ndarray | None = None
    wall_is_exact: bool = False
    decodes_wall: bool = False

    @property
    def marker(self):
        """The first marker."""
        return self.markers[0] if self.markers else None

    def with_wall(self, wall_of, instants_of):
        """The column with times on the local clock."""
        wall = wall_of(self.values, self.dtype)
        exact = np.array_equal(instants_of(wall, self.dtype), self.values)
        return self._replace(wall=wall, wall_is_exact=exact)


def marked(n, **masks):
    """Markers that occur, and the place of each missing value's marker.

    Parameters
    ----------
    n : int
        Number of rows.
    **masks : (object, ndarray of bool)
        A marker, and which values it represents.
    """
    found = [(marker, mask) for marker, mask in masks.values() if mask.any()]
    markers, marks = tuple(marker for marker, _ in found), None
    if len(found) > 1:
        marks = np.zeros(n, dtype=np.int64)
        for place, (_, mask) in enumerate(found):
            marks[mask] = place
    return dict(markers=markers, marks=marks)


class ColumnTable:
    """A table of columns in the form shared by all libraries, in the order given.

    Rules between columns change a frame to such a table before it is encoded.
    """

    def __init__(self, content):
        self.content = list(content)

    @property
    def columns(self):
        """Names of the columns."""
        return [column.name for column in self.content]

    @property
    def shape(self):
        """Numbers of rows and columns."""
        return len(self.content[0].missing), len(self.content)


def written(library, column):
    """A column with its values, in the form of its library."""
    marks = 0 if column.marks is None else column.marks
    places = np.where(column.missing, marks + 1, 0)
    if column.kind == "category":
        present, markers = iter(column.values), column.markers or (None,)
        values = [markers[p - 1] if p else next(present) for p in places.tolist()]
        return library.write(column, values, places)
    values = np.zeros(len(places), dtype=column.values.dtype)
    values[~column.missing] = column.values
    return library.write(column, values, places)


def library_of(X):
    """The class in this module that handles a table."""
    if isinstance(X, ColumnTable):
        return Columns
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


@contextmanager
def naming_columns(X, message):
    """Errors about a frame of unusable columns have the message, with the first name.

    ``{name}`` and ``{error}`` in the message are replaced. Errors about missing values
    in an array say who accepts them here: scikit-learn's advice is for classifiers.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        names, reason = unusable_columns(X), str(error).partition("\n")[0]
        if names:
            text = message.format(name=repr(names[0]), error=reason)
        elif "contains NaN" in reason:
            text = (
                f"{reason} Drop these rows, or fill them with "
                "skdrift.impute.DriftImputer. Data frames with missing values can be "
                "passed to skdrift.tables.TabularDrifter."
            )
        else:
            raise
        raise ValueError(text) from error


def _is_finite(column):
    try:
        values = np.asarray(column)
        if values.dtype.kind == "O" and any(isinstance(v, str) for v in values):
            return False  # digits as well
        return (
            values.dtype.kind not in "MmUS" and np.isfinite(values.astype(float)).all()
        )
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
        present, further = column[~missing], {}
        if isinstance(dtype, pandas.ArrowDtype) and _arrow.handles(dtype):
            return Pandas._read_arrow(name, column)
        if isinstance(dtype, pandas.CategoricalDtype):
            kind, values = "category", present.tolist()
            further["order"] = dtype.categories.tolist() if dtype.ordered else None
        elif types.is_bool_dtype(dtype):
            kind, values = "category", present.tolist()
            further["order"] = [False, True]
        elif types.is_integer_dtype(dtype):
            kind, values = "integer", _int64(name, present)
        elif types.is_float_dtype(dtype):
            kind = "real"
            values, missing, further = Pandas._floats(column, missing)
        elif types.is_datetime64_any_dtype(dtype) or types.is_timedelta64_dtype(dtype):
            kind, values = "time", present.astype("int64").to_numpy()
        elif types.is_string_dtype(dtype) or types.is_object_dtype(dtype):
            kind, values = "category", _strings(name, present.tolist())
            further = _object_markers(column, missing)
        else:
            raise ValueError(f"Column {name!r} has unsupported type {dtype}. {_ADVICE}")
        read = Column(name, kind, values, missing, dtype, **further)
        if isinstance(dtype, pandas.DatetimeTZDtype):
            read = read.with_wall(Pandas._wall, Pandas._instants)
        return read

    @staticmethod
    def _floats(column, missing):
        """Present floats, what is missing, and its markers.

        Nullable columns can hold NaN, a result of 0 / 0, next to NA.
        """
        values = column.to_numpy(np.float64, na_value=np.nan)
        nan, NA = np.isnan(values), Pandas.module().NA
        further = marked(len(column), na=(NA, missing), nan=(np.nan, nan & ~missing))
        return values[~nan], nan, further

    @staticmethod
    def _read_arrow(name, column):
        dtype = column.dtype
        if not _arrow.is_supported(dtype):
            raise ValueError(f"Column {name!r} has unsupported type {dtype}. {_ADVICE}")
        kind, values, null, nan, order = _arrow.read(column)
        further = marked(len(column), na=(None, null), nan=(np.nan, nan))
        read = Column(name, kind, values, null | nan, dtype, order=order, **further)
        if _arrow.zone_of(dtype):
            read = read.with_wall(Pandas._wall, Pandas._instants)
        return read

    @staticmethod
    def write(column, values, missing):
        pandas, dtype = Pandas.module(), column.dtype
        if column.decodes_wall:
            values = Pandas._instants(values, dtype)
        if isinstance(dtype, pandas.ArrowDtype) and _arrow.handles(dtype):
            nan = _has_marker(column, missing, "nan")
            return _arrow.write(dtype, values, (missing > 0) & ~nan, nan)
        if column.kind == "category":
            return pandas.Series(values, dtype=dtype)
        series = pandas.Series(values).astype(dtype)
        if missing.any() and isinstance(dtype, _masked_floats()):
            nan = _has_marker(column, missing, "nan")
            data = np.where(nan, np.nan, values).astype(dtype.type)
            floats = pandas.arrays.FloatingArray(data, (missing > 0) & ~nan)
            return pandas.Series(floats)
        return series.mask(missing > 0) if missing.any() else series

    @staticmethod
    def _wall(instants, dtype):
        """Times on the local clock of a zone."""
        unit, zone = Pandas._unit_and_zone(dtype)
        times = Pandas.module().Series(instants).astype(f"datetime64[{unit}]")
        times = times.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        return times.astype("int64").to_numpy()

    @staticmethod
    def _instants(wall, dtype):
        """Instants of local times: the first of two, or after those that are skipped.

        Inverse of _wall, unless the clock shows a time twice.
        """
        unit, zone = Pandas._unit_and_zone(dtype)
        times = Pandas.module().Series(wall).astype(f"datetime64[{unit}]")
        first = np.ones(len(times), dtype=bool)
        times = times.dt.tz_localize(zone, first, nonexistent="shift_forward")
        return times.dt.tz_convert("UTC").astype("int64").to_numpy()

    @staticmethod
    def _unit_and_zone(dtype):
        if isinstance(dtype, Pandas.module().ArrowDtype):
            return dtype.pyarrow_dtype.unit, _arrow.zone_of(dtype)
        return dtype.unit, dtype.tz

    @staticmethod
    def frame(names, columns):
        return Pandas.module().DataFrame(dict(zip(names, columns, strict=True)))

    @staticmethod
    def with_columns(frame, names, columns):
        numbers = [column.astype(np.float64) for column in columns]
        return frame.assign(**dict(zip(names, numbers, strict=True)))

    @staticmethod
    def aligned(frame, X):
        return frame.set_axis(X.index, axis=0)

    @staticmethod
    def drop(X, j):
        return X.drop(columns=X.columns[j])

    @staticmethod
    def rows(X, kept):
        return X[kept].reset_index(drop=True)

    @staticmethod
    def stacked(tables):
        return Pandas.module().concat(tables, ignore_index=True)


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
        null, order = column.is_null().to_numpy(), None
        nan = np.zeros(len(null), dtype=bool)
        if dtype.is_float():
            nan = column.is_nan().fill_null(False).to_numpy()
        missing = null | nan
        present = column.filter(polars.Series(~missing, dtype=polars.Boolean))
        if dtype == polars.Null:
            kind, values = "category", []
        elif dtype.is_integer():
            _check_int64(name, present)  # NumPy has no integers of 128 bits
            kind, values = "integer", present.cast(polars.Int64).to_numpy()
        elif dtype.is_float() or dtype == polars.Decimal:
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
        further = marked(len(null), null=(None, null), nan=(np.nan, nan))
        read = Column(name, kind, values, missing, dtype, order=order, **further)
        if getattr(dtype, "time_zone", None):
            read = read.with_wall(Polars._wall, Polars._instants)
        return read

    @staticmethod
    def write(column, values, missing):
        polars, dtype = Polars.module(), column.dtype
        if column.decodes_wall:
            values = Polars._instants(values, dtype)
        if column.kind == "category":
            return polars.Series(values, dtype=dtype)
        if dtype == polars.Decimal:
            values = _arrow.decimals(values, dtype.precision or 38, dtype.scale)
            values = [None if m else v for v, m in zip(values, missing, strict=True)]
            return polars.Series(values, dtype=dtype)
        series = polars.Series(values).cast(dtype)
        for place, marker in enumerate(column.markers, 1):
            series = series.scatter(np.flatnonzero(missing == place), marker)
        return series

    @staticmethod
    def _wall(instants, dtype):
        """Times on the local clock of a zone."""
        times = Polars.module().Series(instants).cast(dtype)
        return times.dt.replace_time_zone(None).to_physical().to_numpy()

    @staticmethod
    def _instants(wall, dtype):
        """Instants of local times: the first of two, or after those that are skipped.

        Inverse of _wall, unless the clock shows a time twice.
        """
        polars = Polars.module()
        times = polars.Series(wall).cast(polars.Datetime(dtype.time_unit))

        def localized(times):
            return times.dt.replace_time_zone(
                dtype.time_zone, ambiguous="earliest", non_existent="null"
            )

        # A skipped time is read with the offset of the day before.
        day = datetime.timedelta(days=1)
        zoned = localized(times)
        zoned = zoned.zip_with(
            zoned.is_not_null(),
            (localized(times - day).to_physical().cast(dtype)) + day,
        )
        return zoned.to_physical().to_numpy()

    @staticmethod
    def frame(names, columns):
        return Polars.module().DataFrame(dict(zip(names, columns, strict=True)))

    @staticmethod
    def with_columns(frame, names, columns):
        numbers = [column.astype(np.float64) for column in columns]
        return frame.with_columns(
            **{
                n: Polars.module().Series(c)
                for n, c in zip(names, numbers, strict=True)
            }
        )

    @staticmethod
    def aligned(frame, X):
        return frame

    @staticmethod
    def drop(X, j):
        return X.drop(X.columns[j])

    @staticmethod
    def rows(X, kept):
        return X.filter(Polars.module().Series(kept))

    @staticmethod
    def stacked(tables):
        return Polars.module().concat(tables)


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
            values, order = column.tolist(), [False, True]
            return Column(j, "category", values, missing, dtype, order=order)
        kind = "real" if dtype.kind == "f" else "integer"
        values = column[~missing] if kind == "real" else _int64(j, column)
        return Column(j, kind, values, missing, dtype, (np.nan,))

    @staticmethod
    def write(column, values, missing):
        values = np.asarray(values).astype(column.dtype)
        return np.where(missing > 0, np.nan, values) if missing.any() else values

    @staticmethod
    def frame(names, columns):
        return np.column_stack(columns)

    @staticmethod
    def with_columns(X, names, columns):
        return np.column_stack([X, *columns]).astype(X.dtype)

    @staticmethod
    def aligned(X, other):
        return X

    @staticmethod
    def drop(X, j):
        return np.delete(X, j, axis=1)

    @staticmethod
    def rows(X, kept):
        return X[kept]

    @staticmethod
    def stacked(tables):
        return np.concatenate(tables)


class Columns:
    """Tables of columns in the shared form, of any library."""

    @staticmethod
    def read(X):
        return X.content

    @staticmethod
    def write(column, values, missing):
        gone, marks = missing > 0, None
        if len(column.markers) > 1:
            marks = np.maximum(missing.astype(np.int64) - 1, 0)
        if isinstance(values, np.ndarray):
            present = values[~gone]
        else:
            present = [v for v, g in zip(values, gone.tolist(), strict=True) if not g]
        return column._replace(values=present, missing=gone, marks=marks)

    @staticmethod
    def frame(names, columns):
        return ColumnTable(columns)


def _has_marker(column, missing, text):
    """Which values are missing and have the marker that prints like this."""
    places = [i for i, m in enumerate(column.markers, 1) if str(m) == text]
    return np.isin(missing, places)


def _masked_floats():
    pandas = Pandas.module()
    return pandas.Float64Dtype, pandas.Float32Dtype


def _object_markers(column, missing):
    """Markers of missing objects: NaN, None, NA and NaT are distinct."""
    masks = {}
    rows = np.flatnonzero(missing)
    for row, marker in zip(rows, column[missing].tolist(), strict=True):
        kind = masks.setdefault(str(marker), (marker, np.zeros(len(missing), bool)))
        kind[1][row] = True
    return marked(len(missing), **masks)


def _int64(name, column):
    _check_int64(name, column)
    return np.array(column, dtype=np.int64)


def _check_int64(name, column):
    limits = np.iinfo(np.int64)
    if len(column) and not (
        limits.min <= int(column.min()) and int(column.max()) <= limits.max
    ):
        raise ValueError(
            f"Column {name!r} has integers of 2**63 or more, or below -2**63, which do "
            "not fit in 64 bits. Convert it to floats or drop it."
        )


def _strings(name, values):
    for value in values:
        if not isinstance(value, str):
            raise ValueError(
                f"Column {name!r} of objects must contain strings only; got {value!r} "
                f"of type {type(value).__name__}. {_ADVICE}"
            )
    return values
