"""Arrays of other libraries than NumPy, such as tensors of PyTorch.

Where scikit-learn's array-API dispatch is on, a drifter answers with arrays of the
library, and on the device, that its rows have. It computes with NumPy: rows are
converted where they come in, and results where they leave.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np
from sklearn import config_context, get_config
from sklearn.utils._array_api import get_namespace_and_device

from .._data._numbers import check_detached, check_readable, is_foreign

try:
    from sklearn.utils._array_api import move_to
except ImportError:  # before scikit-learn 1.8
    from sklearn.utils._array_api import _convert_to_numpy
else:

    def _convert_to_numpy(array, xp):
        return move_to(array, xp=np, device="cpu")


_Verb = TypeVar("_Verb", bound=Callable[..., Any])


class ArrayLibrary(NamedTuple):
    """An array library and one of its devices; NumPy by default.

    Attributes
    ----------
    xp : module or None
        Namespace of the array-API standard, None for NumPy.
    device : object
        Device, in the form of the library.
    """

    xp: Any = None
    device: Any = None

    def take(self, array, name):
        """An array of this library as one of NumPy; lists and frames as they are."""
        if self.xp is None:
            # scikit-learn would not see the precision of a tensor.
            return np.asarray(array) if check_readable(array, name) else array
        check_detached(array, name)
        try:
            return _convert_to_numpy(array, self.xp)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(
                f"'{name}' ({self}, {array.dtype}) cannot be converted to NumPy, which "
                f"the drifters compute with: {error}"
            ) from error

    def put(self, result):
        """A copy of an array of NumPy in this library; anything else as it is."""
        if self.xp is None or not isinstance(result, np.ndarray):
            return result
        return self.xp.asarray(result, device=self.device, copy=True)

    def __str__(self):
        if self.xp is None:
            return "NumPy"
        return f"{self.xp.__name__.rpartition('.')[2]} on {self.device}"


def array_library_of(array: Any) -> ArrayLibrary:
    """Library of an array: NumPy, unless dispatch is on and it has another."""
    if not (get_config()["array_api_dispatch"] and is_foreign(array)):
        return ArrayLibrary()
    try:
        xp, _, device = get_namespace_and_device(array)
    except TypeError:  # of no library that follows the standard, such as pyarrow
        return ArrayLibrary()
    return ArrayLibrary(xp, device)


@contextmanager
def in_numpy(**arrays):
    """Compute with NumPy, without dispatch.

    Yields the library of the first array, and all arrays as NumPy has them.
    """
    libraries = [array_library_of(array) for array in arrays.values()]
    pairs = zip(libraries, arrays.items(), strict=True)
    taken = [library.take(array, name) for library, (name, array) in pairs]
    with config_context(array_api_dispatch=False):
        yield libraries[0], *taken


def like_rows(verb: _Verb) -> _Verb:
    """A verb that answers in the library of the rows X, which is that of the fit."""

    @wraps(verb)
    def dispatched(self, X, *args, **kwargs):
        if get_config()["array_api_dispatch"]:
            _check_same_library(self, X, verb.__name__)
        with in_numpy(X=X) as (library, rows):
            result = verb(self, rows, *args, **kwargs)
        return library.put(result)

    return dispatched  # type: ignore[return-value]


def like_fit(verb: _Verb) -> _Verb:
    """A verb that answers in the library of the rows that were fitted."""

    @wraps(verb)
    def dispatched(self, *args, **kwargs):
        library = array_library_of(getattr(self, "particles_", None))
        with config_context(array_api_dispatch=False):
            result = verb(self, *args, **kwargs)
        return library.put(result)

    return dispatched  # type: ignore[return-value]


def _check_same_library(estimator, X, verb):
    if not estimator.__sklearn_is_fitted__():
        return  # which the verb says
    found, fitted = array_library_of(X), array_library_of(estimator.particles_)
    if found != fitted:
        raise ValueError(
            f"Inputs passed to {type(estimator).__name__}.{verb}() must use the same "
            f"namespace and the same device as those passed to fit(). X belongs to "
            f"{found}, and the rows of fit belonged to {fitted}. Convert X, fit the "
            "drifter to rows like X, or turn array_api_dispatch off for results of "
            "NumPy."
        )
