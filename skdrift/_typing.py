"""Types of the public signatures: for type checkers, never imported by the library."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes as Axes
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import NDArray as NDArray
from typing_extensions import Self as Self

Floats: TypeAlias = NDArray[np.floating[Any]]  # float32 or float64
# What a kernel is evaluated at: a number, or an array of NumPy, PyTorch or KeOps.
Array: TypeAlias = Any
# Array-like, or a frame of pandas or polars, of which neither need be installed.
Table: TypeAlias = Any
# Array-like, frame, iterable of chunks of these, or a Dask array or dataframe.
Data: TypeAlias = Any
# Array, or the frame that set_output specifies.
Rows: TypeAlias = Any
# Whatever follows scikit-learn's interface.
Estimator: TypeAlias = Any

Seed: TypeAlias = int | np.random.RandomState | None
Path: TypeAlias = str | os.PathLike[str] | None
Start: TypeAlias = (
    Literal["local", "gaussian"]
    | ArrayLike
    | Callable[[int, np.random.RandomState], ArrayLike]
)
# What holds of a column: "auto", "free", "discrete" or bounds, grid and atoms.
Columns: TypeAlias = (
    Literal["auto", "free", "discrete"]
    | Mapping[str | int, str | Mapping[str, Any]]
    | Sequence[str | Mapping[str, Any]]
)
Annealing: TypeAlias = str | int | ArrayLike
BandwidthRule: TypeAlias = Literal["rate", "scott", "silverman"]
SelfInteraction: TypeAlias = Literal["full", "leave-one-out"]
KernelName: TypeAlias = Literal[
    "gaussian", "laplace", "matern32", "matern52", "rational_quadratic"
]
EngineName: TypeAlias = Literal["auto", "numpy", "numba", "keops", "nufft", "dask"]
StepSize: TypeAlias = float | Literal["lipschitz"]
Velocity: TypeAlias = Callable[[Floats, float], Floats]
