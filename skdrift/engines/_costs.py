"""Seconds that work takes on an engine, by constants that were measured.

``python benchmarks/engine_costs.py`` measures them anew. What counts is their ratios:
on a faster machine all shrink together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ._interface import Work


class Cost(NamedTuple):
    """Seconds on one core, for the Gaussian kernel in float64.

    Attributes
    ----------
    reduction : float
        Of any reduction, however small.
    point : float
        For each query and each source of it.
    pair, coordinate : float
        For each pair, and for each pair and column.
    cold, on_disk : float
        Once: to compile, or to import and load what was compiled before.
    """

    reduction: float
    point: float
    pair: float
    coordinate: float
    cold: float = 0.0
    on_disk: float = 0.0

    def seconds(self, work: Work) -> float:
        """Seconds of the work without the start.

        Parameters
        ----------
        work : Work
            Work to be done; a step is taken for two reductions.

        Returns
        -------
        float
        """
        n_points = 2 * work.n_queries + work.n_sources
        per_pair = self.pair + self.coordinate * work.n_features
        step = 2 * self.reduction + self.point * n_points + per_pair * work.n_pairs
        return work.n_steps * step


NUMPY = Cost(1.1e-4, 0.0, 6.0e-9, 0.14e-9)
NUMBA = Cost(5e-5, 0.0, 0.9e-9, 0.15e-9, cold=7.1, on_disk=0.55)
# By number of columns; smooth kernels.
NUFFT = {
    1: Cost(1.8e-3, 1.3e-7, 0.0, 0.0, cold=9.3, on_disk=0.9),
    2: Cost(5.3e-3, 3.3e-7, 0.0, 0.0, cold=9.3, on_disk=0.9),
    3: Cost(1e-2, 3.5e-6, 0.0, 0.0, cold=9.3, on_disk=0.9),
}
# An estimate: no GPU has been measured.
KEOPS_ON_GPU = Cost(1e-3, 1e-8, 1e-11, 0.0, cold=20.0, on_disk=5.0)
# Compilation is for good: every later process gains, so that this one counts a part.
COUNTED_OF_COMPILATION = 0.25
