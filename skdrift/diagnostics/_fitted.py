"""What the reports read of a fitted drifter: the only place that does."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from .._data._numbers import check_numbers
from .._drifters._kernel_drifters import KernelDrifter
from .._theory.ensemble import Ensemble


class FittedRun(NamedTuple):
    """A flow and what its ensembles have in common, in internal units.

    Attributes
    ----------
    flow : FittedFlow
    kernel : Kernel
        Kernel of the field.
    field : {"conservative", "displacement"}
    rows, weight : ndarray
        Data as the fitted ensemble saw them, or others; and their weights or None.
    engine : str
    """

    flow: Any
    kernel: Any
    field: str
    rows: np.ndarray
    weight: np.ndarray | None
    engine: str

    def ensemble(self, particles: np.ndarray, bandwidth: float) -> Ensemble:
        """Particles of the flow at some time, in the field at some bandwidth."""
        return Ensemble(
            particles,
            self.rows,
            bandwidth,
            self.kernel,
            self.field,
            self.flow.field.leave_one_out,
            self.weight,
            self.engine,
        )


def fitted_run(drifter, X=None):
    """Run of a fitted drifter, with its own data or others in data units."""
    if not isinstance(drifter, KernelDrifter):
        raise TypeError(
            "The 'drifter' must be a ConservativeDrifter, SharpDrifter or "
            f"LaplaceDrifter; got {drifter!r}."
        )
    check_is_fitted(drifter)
    flow, kernel = drifter.flow_, drifter.kernel_
    rows, weight = flow.attracting.rows, flow.attracting.weight
    if X is not None:
        check_numbers(X)
        X = validate_data(drifter, X, dtype=rows.dtype, reset=False)
        rows, weight = flow.scaling.within_reach(X), None
    pull = flow.field.profiles.pull
    is_displacement = pull == "value" and not kernel.is_own_slope
    field = "displacement" if is_displacement else "conservative"
    return FittedRun(flow, kernel, field, rows, weight, drifter.engine_)


def run_title(what, drifter, ensemble):
    """First line of a report."""
    own = "leave-one-out" if ensemble.leave_one_out else "full self-interaction"
    return (
        f"{what} of {type(drifter).__name__}: {len(ensemble.x)} particles, "
        f"{len(ensemble.y)} distinct rows, {ensemble.x.shape[1]} columns, "
        f"{ensemble.kernel!r}, {own}, bandwidth h = {ensemble.h:.4g}"
    )
