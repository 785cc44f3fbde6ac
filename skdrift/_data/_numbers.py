"""Checks of what NumPy would turn into numbers without a word."""

import datetime
import mmap

import numpy as np

from ._frames import Arrays, Columns, Polars, library_of

_TIMES = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    np.datetime64,
    np.timedelta64,
)


def check_mask(X, name="X"):
    """No entry of a masked array may be masked: the numbers below would count.

    Raises
    ------
    ValueError
        With the number of masked entries.
    """
    if np.ma.is_masked(X):
        raise ValueError(
            f"'{name}' is a masked array with {np.ma.count_masked(X)} masked entries, "
            f"whose mask would be ignored. Drop these rows, or pass {name}.filled(nan) "
            "to an estimator that accepts missing values, such as "
            "skdrift.impute.DriftImputer or skdrift.tables.TabularDrifter."
        )


def check_mapped(X, name="X"):
    """The file of a memory-mapped array must not have become shorter than the array.

    Reading beyond its end would end the process without an error.

    Raises
    ------
    ValueError
        With both sizes.
    """
    offset = 0
    while isinstance(X, np.ndarray):
        offset = getattr(X, "offset", offset)  # of a np.memmap
        X = X.base
    if not isinstance(X, mmap.mmap):
        return
    needed = offset - offset % mmap.ALLOCATIONGRANULARITY + len(X)
    if X.size() < needed:
        raise ValueError(
            f"'{name}' is mapped from a file that has shrunk from {needed} to "
            f"{X.size()} bytes since it was opened. Restore the file, or map it again."
        )


def is_foreign(X):
    """Whether `X` is an array of another library than NumPy, such as a tensor."""
    # The libraries have no other method in common.
    return hasattr(X, "__dlpack__") and not isinstance(X, np.ndarray)


def check_detached(X, name="X"):
    """A tensor must not require a gradient, which results could not have.

    Raises
    ------
    ValueError
        With what to pass instead.
    """
    if getattr(X, "requires_grad", False):
        raise ValueError(
            f"'{name}' is a tensor that requires a gradient, but skdrift does not "
            f"differentiate. Pass {name}.detach()."
        )


def check_readable(X, name="X"):
    """NumPy must be able to read an array of another library, such as a tensor.

    Returns
    -------
    bool
        Whether `X` is such an array.

    Raises
    ------
    ValueError
        With the type and device of the array, and what the library says.
    """
    if not is_foreign(X):
        return False
    check_detached(X, name)
    try:
        np.asarray(X)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"'{name}' is an array of the type {type(X).__name__} on the device "
            f"{getattr(X, 'device', None)} that NumPy cannot read ({error}). Move it "
            "to the CPU, in a type that NumPy has, or let a drifter dispatch on it: "
            "sklearn.set_config(array_api_dispatch=True)."
        ) from error
    return True


def check_numbers(X, name="X"):
    """Values must be numbers, and not masked, times, or strings of digits.

    The file of a memory-mapped array must be whole, and an array of another library
    must be one that NumPy can read.

    Raises
    ------
    ValueError
        With the number of masked entries, the sizes of the file, what cannot be read,
        or the kind of the values and the name of a frame's column.
    """
    check_mask(X, name)
    check_mapped(X, name)
    check_readable(X, name)
    library = library_of(X)
    if library is Columns:
        return
    if library is not Arrays:
        for column in X.columns:
            values = X[column]
            if library is Polars:  # whose types have no kind
                values = np.asarray(values)
            _check(values, f"Column {column!r} of '{name}'")
    elif isinstance(X, (list, tuple)):
        _check(np.asarray(X), f"'{name}'")
    else:
        _check(X, f"'{name}'")


def _check(values, what):
    kind = _kind(values)
    if kind is not None:
        raise ValueError(
            f"{what} has {kind} where numbers are required. Convert them to numbers, "
            "or pass a data frame to an estimator that accepts columns of any type, "
            "such as skdrift.tables.TabularDrifter."
        )


def _kind(values):
    """What values are if they are no numbers, in words; None for all others."""
    code = getattr(getattr(values, "dtype", None), "kind", None)
    if code in ("U", "S"):
        return "strings"
    if code in ("M", "m"):
        return "dates or times"
    if code == "O":
        for value in np.asarray(values, dtype=object).ravel():
            if isinstance(value, (str, bytes)):
                return "strings"
            if isinstance(value, _TIMES):
                return "dates or times"
    return None
