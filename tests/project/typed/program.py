"""A program of a user, which mypy checks and nobody runs.

What is marked as an error must be one: an ignore that is not needed is reported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

from skdrift import ConservativeDrifter, DriftGenerator, LaplaceDrifter, SinkhornDrifter
from skdrift.bandwidth import scott
from skdrift.diagnostics import Diagnosis, diagnose
from skdrift.engines import NumpyEngine, Reduction
from skdrift.fields import DriftField, displacement
from skdrift.kernels import Gaussian, Kernel, Matern
from skdrift.metrics import energy_distance, sample_quality_report
from skdrift.plotting import SampleDisplay
from skdrift.spectral import decay_rate
from skdrift.tables import Inequality, TabularDrifter

X = np.random.default_rng(0).normal(size=(50, 2))
rows: NDArray[np.floating[Any]]

# A fit is of the class that was fitted, and chains.
drifter = ConservativeDrifter(kernel=Matern(1.5), bandwidth=0.4, random_state=0).fit(X)
assert_type(drifter, ConservativeDrifter)
assert_type(LaplaceDrifter(start=X).fit(X.tolist()), LaplaceDrifter)
assert_type(TabularDrifter(drifter).fit(X), TabularDrifter)
assert_type(TabularDrifter(rules=[Inequality(0, 1)]).fit(X), TabularDrifter)
assert_type(DriftGenerator(field=drifter).fit(X).score(X), float)

# Frames as well as arrays are drawn; what has one type only says so.
drawn = drifter.sample(10, random_state=np.random.RandomState(0))
drawn.to_numpy()
rows = drifter.velocity(drawn)
rows = drifter.score_samples([[0.0, 1.0]], method="flow")
rows = drifter.potential(X)
assert_type(drifter.score(drawn), float)
assert_type(scott(100, 2), float)
assert_type(energy_distance(drawn, X), float)
assert_type(diagnose(drifter), Diagnosis)
sample_quality_report([X, X], X, X, target=-1)
decay_rate([1.0, 2.0], 0.5, kernel="laplace", field="sharp")
SampleDisplay.from_samples(X, X, features=["a", 1]).plot(bins=7).figure_.savefig("a")


def start(n: int, random_state: np.random.RandomState) -> NDArray[np.float64]:
    return random_state.standard_normal((n, 2))


SinkhornDrifter(start=start, annealing=[4.0, 2.0], epsilon=0.1, engine="numba")


class Cauchy(Kernel):
    def log_profile(self, r2: Any) -> Any:
        return -np.log1p(r2)

    def slope_ratio(self, r2: Any) -> Any:
        return 2 / (1 + r2)


sources = NumpyEngine().bind(X)
assert_type(sources.reduce(X, displacement(Cauchy()), 0.5), Reduction)
field = DriftField(displacement(Gaussian())).bind(NumpyEngine(), X)
rows = field.on_particles(X, 0.5)

# Mistakes are found.
ConservativeDrifter(kernel="gausian")  # type: ignore[arg-type]
ConservativeDrifter(bandwidth="scot")  # type: ignore[arg-type]
ConservativeDrifter(engine="cuda")  # type: ignore[arg-type]
ConservativeDrifter("laplace")  # type: ignore[call-arg]
ConservativeDrifter(band_width=0.4)  # type: ignore[call-arg]
drifter.sample("ten")  # type: ignore[arg-type]
drifter.score_samples(X, method="kd")  # type: ignore[arg-type]
rows = drifter.score(X)  # type: ignore[assignment]
