"""Profiles as numbers for the compiled loops of :mod:`._loops`."""

import warnings
from collections import namedtuple
from functools import cache
from typing import NamedTuple

import numpy as np

from ...kernels._base import CompiledForm
from ._loops import (
    GAUSSIAN,
    LOG2_E,
    MATERN,
    POLYNOMIAL,
    RATIONAL,
    RECIPROCAL,
    SAME,
    USER,
)

_FAMILIES = {"gaussian": GAUSSIAN, "matern": MATERN, "rational": RATIONAL, "user": USER}
_PULLS = {"same": SAME, "polynomial": POLYNOMIAL, "reciprocal": RECIPROCAL}


class CompiledProfiles(NamedTuple):
    """Two profiles as numbers for the compiled code.

    The normaliser is ``P(u) 2^t``, with an exponent t that is at most the log2-weight
    of the source. The shift of the log domain applies to 2^t alone: at any distance
    that matters the polynomial P is far from an overflow. For a user's kernel, of the
    family "user", there are its compiled log-profile and slope ratio, and parameters.
    """

    form: CompiledForm
    user: tuple = (None, None, None)

    @property
    def order(self):
        return len(self.form.normalizer) - 1

    def numbers(self, dtype):
        form = self.form
        return (
            _FAMILIES[form.family],
            dtype.type(form.scale),
            dtype.type(form.rate),
            np.array(form.normalizer, dtype),
            _PULLS[form.pull_kind],
            np.array(form.pull, dtype),
        )


def compile_profiles(profiles, bandwidth):
    """Compiled profiles, or None if they cannot be compiled."""
    kernel, slope = profiles.kernel, profiles.pull == "slope"
    form = kernel.compiled_form(bandwidth, slope)
    if form is not None:
        return CompiledProfiles(form)
    parameters = kernel.get_params(deep=False)
    types = tuple(map(_type_of, parameters.values()))
    methods = _compiled_methods(type(kernel), slope, tuple(parameters), types)
    if methods is None:
        return None
    log_profile, slope_ratio, self_type = methods
    form = CompiledForm(
        "user", bandwidth**-2, LOG2_E, pull_kind="reciprocal" if slope else "same"
    )
    return CompiledProfiles(form, (log_profile, slope_ratio, self_type(**parameters)))


def _type_of(value):
    import numba

    try:
        return numba.typeof(value)
    except ValueError:
        return None


@cache
def _compiled_methods(kernel_type, slope, names, types):
    """Compile a user's methods; return None, after one warning, if that fails.

    In the compiled methods a tuple of the parameters, with their names, stands
    for `self`.
    """
    import numba

    def compiled(method):
        function = numba.njit(error_model="numpy")(method)
        signature = numba.types.NamedTuple(types, self_type), numba.float64
        function.compile(signature)
        result = function.overloads[signature].signature.return_type
        if not isinstance(result, (numba.types.Float, numba.types.Integer)):
            raise TypeError(f"{method.__name__} returns {result}")
        return function

    self_type = namedtuple("Parameters", names)
    try:
        log_profile = compiled(kernel_type.log_profile)
        slope_ratio = compiled(kernel_type.slope_ratio) if slope else None
    except Exception as error:  # Numba raises many kinds
        _warn_not_compiled(f"{kernel_type.__name__} ({type(error).__name__})")
        return None
    return log_profile, slope_ratio, self_type


@cache
def _warn_not_compiled(what):
    warnings.warn(
        f"The numba engine cannot compile {what}; the numpy engine evaluates it "
        "instead.",
        UserWarning,
        stacklevel=2,
    )
