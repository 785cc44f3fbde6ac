"""Columns of pandas frames that are stored by Arrow.

Integers and booleans behave like those of pandas; other types are read and written
here. pyarrow is not imported: a frame with such columns has imported it.
"""

import decimal
import sys

import numpy as np


def decimals(values, precision, scale):
    """Decimals nearest to the values, within what the precision allows."""
    context = decimal.Context(prec=2 * precision + 400)
    step = decimal.Decimal(1).scaleb(-scale)
    largest = (decimal.Decimal(10) ** precision - 1).scaleb(-scale)
    values = map(decimal.Decimal, np.asarray(values).tolist())
    nearest = (value.quantize(step, context=context) for value in values)
    return [min(max(value, -largest), largest) for value in nearest]


def handles(dtype):
    """Whether columns of an Arrow type are read and written by this module."""
    types, arrow = _module().types, dtype.pyarrow_dtype
    return not (types.is_integer(arrow) or types.is_boolean(arrow))


def is_supported(dtype):
    """Whether columns of an Arrow type can be read."""
    types, arrow = _module().types, dtype.pyarrow_dtype
    tests = types.is_null, types.is_dictionary, types.is_floating, types.is_decimal
    return any(test(arrow) for test in tests) or _is_time(arrow) or _is_string(arrow)


def zone_of(dtype):
    """Time zone of an Arrow type, or None."""
    return getattr(dtype.pyarrow_dtype, "tz", None)


def read(column):
    """Kind, present values, which are null, which are NaN, and order of categories."""
    types, arrow = _module().types, column.dtype.pyarrow_dtype
    values = _module().array(column.array)
    null = values.is_null().to_numpy(zero_copy_only=False)
    nan, order = np.zeros(len(null), dtype=bool), None
    if types.is_null(arrow):
        return "category", [], null, nan, None
    if types.is_dictionary(arrow) or _is_string(arrow):
        if getattr(arrow, "ordered", False):
            order = _dictionary(values).to_pylist()
        return "category", values.drop_null().to_pylist(), null, nan, order
    if _is_time(arrow):
        integers = values.drop_null().cast(_integer(arrow))
        return "time", integers.to_numpy().astype(np.int64), null, nan, None
    if types.is_decimal(arrow):
        floats = np.array([float(v) for v in values.drop_null().to_pylist()])
        return "real", floats, null, nan, None
    floats = values.to_numpy(zero_copy_only=False).astype(np.float64)
    nan = np.isnan(floats) & ~null
    return "real", floats[~(null | nan)], null, nan, None


def write(dtype, values, null, nan):
    """Column of an Arrow type."""
    pyarrow, pandas, arrow = _module(), sys.modules["pandas"], dtype.pyarrow_dtype
    if pyarrow.types.is_dictionary(arrow) or _is_string(arrow):
        array = pyarrow.array(values, type=arrow).cast(arrow)  # keeps the order
    elif pyarrow.types.is_decimal(arrow):
        values = decimals(values, arrow.precision, arrow.scale)
        array = pyarrow.array(values, type=arrow, mask=null)
    elif pyarrow.types.is_floating(arrow):
        values = np.where(nan, np.nan, values).astype(arrow.to_pandas_dtype())
        array = pyarrow.array(values, type=arrow, mask=null)
    else:
        integers = pyarrow.array(np.asarray(values, dtype=np.int64), mask=null)
        array = integers.cast(_integer(arrow)).cast(arrow)
    return pandas.Series(pandas.arrays.ArrowExtensionArray(array))


def _module():
    return sys.modules["pyarrow"]


def _is_time(arrow):
    types = _module().types
    return types.is_temporal(arrow) and not types.is_interval(arrow)


def _is_string(arrow):
    types = _module().types
    names = "is_string", "is_large_string", "is_string_view"
    return any(getattr(types, name)(arrow) for name in names if hasattr(types, name))


def _integer(arrow):
    """Integers that store times of an Arrow type."""
    return getattr(_module(), f"int{arrow.bit_width}")()


def _dictionary(values):
    """Categories of a column in their order."""
    if isinstance(values, _module().ChunkedArray):
        return values.unify_dictionaries().chunk(0).dictionary
    return values.dictionary
