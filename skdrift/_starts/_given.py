"""Starts that the user gives: rows, or a function that draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array

from .._data._numbers import check_numbers
from ..bandwidth import scott
from ._choice import resampled
from ._gaussian import WideStart

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._data._rows import Scaling, WeightedRows


class GivenRows(WideStart):
    """Rows that `fit` starts from; further draws are a smoothed bootstrap of them.

    Parameters
    ----------
    given : array-like of shape (n_particles, n_features)
        In data units.
    rows : WeightedRows
        The data.
    scaling : Scaling
        From data units to internal units.
    """

    def __init__(self, given: Any, rows: WeightedRows, scaling: Scaling) -> None:
        super().__init__(rows)
        given = _checked(given, "array", rows)
        self.given = scaling.within_reach(given, "start")
        self.size = len(self.given)

    def ensemble(self, n, random_state):
        return lambda _: self.given

    def draw(self, n, random_state):
        noise = self.given.std(axis=0) * scott(max(self.size, 2), self.given.shape[1])
        weight = np.full(self.size, 1 / self.size)
        drawn = resampled(n, self.given, weight, noise, random_state)
        return lambda _: drawn

    def log_density(self, z, noise):
        raise _draws_only("array")


class CallableStart(WideStart):
    """A function of the number of rows and the random state.

    Parameters
    ----------
    function : callable
        ``function(n, random_state)``, n rows in data units.
    rows : WeightedRows
        The data.
    scaling : Scaling
        From data units to internal units.
    """

    def __init__(
        self, function: Callable, rows: WeightedRows, scaling: Scaling
    ) -> None:
        super().__init__(rows)
        self.function, self.scaling = function, scaling

    def draw(self, n, random_state):
        given = _checked(self.function(n, random_state), "callable", self.rows)
        if len(given) != n:
            raise ValueError(
                f"The 'start' callable returned {len(given)} rows for n_samples={n}; "
                "it must return n_samples rows."
            )
        drawn = self.scaling.within_reach(given, "start")
        return lambda _: drawn

    def log_density(self, z, noise):
        raise _draws_only("callable")


def _checked(given, kind, rows):
    """Finite rows of as many columns as the data, in their precision."""
    try:
        check_numbers(given, "start")
        checked = check_array(given, dtype=rows.rows.dtype, input_name="start")
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The 'start' {kind} must give a 2-D array of finite numbers: {error}"
        ) from error
    if checked.shape[1] != rows.rows.shape[1]:
        raise ValueError(
            f"The 'start' {kind} has {checked.shape[1]} columns but X has "
            f"{rows.rows.shape[1]}; they must be equal."
        )
    return checked


def _draws_only(kind):
    return ValueError(
        "The density of the flow requires the density of its start, and the 'start' "
        f"{kind} gives draws only; fit with start='gaussian' or start='local', or use "
        "method='kde'."
    )
