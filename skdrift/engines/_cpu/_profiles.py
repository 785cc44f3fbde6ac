"""Profiles as numbers for the compiled code of :mod:`._compiled`."""

import warnings
from collections import namedtuple
from functools import cache
from typing import NamedTuple

import numpy as np

from ...kernels import Gaussian, Kernel, Matern, RationalQuadratic
from ...kernels._kernels import _RationalQuadraticSharp, _reverse_bessel
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


class Law(NamedTuple):
    """Two profiles as numbers for the compiled code.

    The normaliser is ``P(u) 2^t``, with an exponent t that is at most the
    source's log2-weight. The shift of the log domain applies to 2^t alone: at any
    distance that matters the polynomial P is far from an overflow.
    """

    family: int
    scale: float  # of the squared distance
    rate: float  # of t in its variable
    normalizer: tuple = (1.0,)  # coefficients of P
    pull_kind: int = SAME
    pull: tuple = (1.0,)  # coefficients, or the one factor of 1 / u
    log_amplitude: float = 0.0
    user: tuple = (None, None, None)  # log-profile, pull, parameters

    @property
    def order(self):
        return len(self.normalizer) - 1

    def numbers(self, dtype):
        return (
            self.family,
            dtype.type(self.scale),
            dtype.type(self.rate),
            np.array(self.normalizer, dtype),
            self.pull_kind,
            np.array(self.pull, dtype),
        )


def law_of(profiles, bandwidth):
    """Law of the profiles, or None if they cannot be compiled."""
    kernel = getattr(profiles.log_normalizer, "__self__", None)
    pulls = profiles.pull is not None
    if (
        not isinstance(kernel, Kernel)
        or profiles.log_normalizer != kernel.log_profile
        or (pulls and profiles.pull != kernel.pull)
    ):
        _warn_not_compiled("profiles that are not the methods of one Kernel")
        return None
    if type(kernel) is Gaussian:
        return Law(GAUSSIAN, 0.5 * LOG2_E / bandwidth**2, 1.0)
    if type(kernel) is Matern:
        return _matern_law(kernel, pulls, bandwidth)
    if type(kernel) in (RationalQuadratic, _RationalQuadraticSharp):
        return _rational_law(kernel, pulls, bandwidth)
    return _user_law(kernel, pulls, bandwidth)


def _matern_law(kernel, pulls, bandwidth):
    p = kernel._order()
    law = Law(MATERN, bandwidth**-2, LOG2_E, normalizer=tuple(_reverse_bessel(p)))
    if not pulls:
        return law
    if p == 0:
        return law._replace(pull_kind=RECIPROCAL)
    return law._replace(pull_kind=POLYNOMIAL, pull=tuple(_reverse_bessel(p - 1)))


def _rational_law(kernel, pulls, bandwidth):
    factor = float(kernel.pull(0.0))
    return Law(
        RATIONAL,
        0.5 / (kernel.alpha * bandwidth**2),
        factor * kernel.alpha,
        pull_kind=RECIPROCAL if pulls else SAME,
        pull=(factor,),
        log_amplitude=float(kernel.log_profile(0.0)),
    )


def _user_law(kernel, pulls, bandwidth):
    parameters = kernel.get_params(deep=False)
    types = tuple(map(_type_of, parameters.values()))
    methods = _compiled_methods(type(kernel), pulls, tuple(parameters), types)
    if methods is None:
        return None
    log_profile, pull, self_type = methods
    return Law(
        USER,
        bandwidth**-2,
        LOG2_E,
        pull_kind=RECIPROCAL if pulls else SAME,
        user=(log_profile, pull, self_type(**parameters)),
    )


def _type_of(value):
    import numba

    try:
        return numba.typeof(value)
    except ValueError:
        return None


@cache
def _compiled_methods(kernel_type, pulls, names, types):
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
        pull = compiled(kernel_type.pull) if pulls else None
    except Exception as error:  # Numba raises many kinds
        _warn_not_compiled(f"{kernel_type.__name__} ({type(error).__name__})")
        return None
    return log_profile, pull, self_type


@cache
def _warn_not_compiled(what):
    warnings.warn(
        f"The numba engine cannot compile {what}; the numpy engine evaluates it "
        "instead.",
        UserWarning,
        stacklevel=2,
    )
