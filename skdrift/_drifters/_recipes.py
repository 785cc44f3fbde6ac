"""Recipes of the fields of one kernel, from the parameters that name them."""

from __future__ import annotations

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._theory.rules import LipschitzStep
from ..bandwidth import scott, silverman
from ..fields import DriftField
from ..flow._fit import Recipe


def bandwidth_constraint(*rules):
    """Constraint of a bandwidth: a rule of every field, one of its own, or a number."""
    names = StrOptions({"rate", "scott", "silverman", *rules})
    return [names, Interval(Real, 0, np.inf, closed="neither")]


def kernel_recipe(drifter, profiles, density_kernel, rate, **rules):
    """Recipe of a drifter along the field of one kernel.

    Parameters
    ----------
    drifter : KernelDrifter
        Its bandwidth, step size and self-interaction are read.
    profiles : Profiles
        Of the field.
    density_kernel : Kernel
        Of the density estimates that it compares.
    rate : callable
        ``rate(n, d)``, the rule of the bandwidth "rate".
    **rules : callables
        Further rules by name, as in :class:`Recipe`.

    Returns
    -------
    Recipe
    """
    field = DriftField(profiles, drifter.self_interaction == "leave-one-out")
    return Recipe(
        field,
        density_kernel,
        bandwidth_rule(drifter.bandwidth, rate, **rules),
        step_rule(drifter.step_size),
    )


def bandwidth_rule(bandwidth, rate, **rules):
    """Rule that a bandwidth, given as a number or a name, stands for."""
    if not isinstance(bandwidth, str):
        return lambda rows, ensemble: float(bandwidth)
    rates = {"rate": rate, "scott": scott, "silverman": silverman}
    if bandwidth in rates:
        return lambda rows, ensemble: rows.bandwidth(rates[bandwidth])
    return rules[bandwidth]


def step_rule(step_size):
    """Rule that a step size, given as a number or "lipschitz", stands for."""
    return LipschitzStep if step_size == "lipschitz" else lambda field: step_size
