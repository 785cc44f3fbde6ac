"""KeOps engine: compiled map-reduce on the GPU, or on the CPU without one.

KeOps compiles one shared library per formula, dimension and precision, in about
ten seconds, and keeps it on disk. To compile as little as possible there is one
fused formula for both terms of the field (leave-one-out or not), and every
number that may vary is an argument of it, never part of its text.
"""

from __future__ import annotations

import importlib.util
import operator
import os
import shutil
from contextlib import contextmanager
from functools import cache, reduce
from typing import TYPE_CHECKING, Literal

import numpy as np

from . import _gpu
from ._costs import KEOPS_ON_GPU, NUMPY
from ._interface import BoundSources, Engine, Reduction, Work
from ._lock import one_at_a_time

if TYPE_CHECKING:
    from .._typing import Array, Floats


class KeopsEngine(Engine):
    """Fused reductions by KeOps, quiet and imported at first use.

    Parameters
    ----------
    device : {"cuda", "cpu"}, default=None
        Where PyTorch keeps the sources between reductions. None stands for the GPU, if
        there is one that PyTorch can use; otherwise arrays belong to NumPy, and KeOps
        itself copies them to a GPU, if there is one, in every reduction.
    """

    name = "keops"

    def __init__(self, device: Literal["cuda", "cpu"] | None = None) -> None:
        self.device = device

    @staticmethod
    def unavailable_reason() -> str | None:
        """Say why the engine cannot run here, or return None if it can."""
        if importlib.util.find_spec("pykeops") is None:
            return "the package pykeops is not installed; run 'pip install pykeops'"
        if shutil.which(os.environ.get("CXX") or "g++") is None:
            return (
                "no C++ compiler was found, which KeOps needs; install g++ or point "
                "the environment variable CXX to a compiler"
            )
        return None

    @staticmethod
    def estimated_seconds(work: Work, starts: bool = True) -> float:
        """On a GPU only: on a CPU it is no faster than NumPy."""
        seconds = KEOPS_ON_GPU.seconds(work) + starts * KEOPS_ON_GPU.on_disk
        # No search for a GPU where it would not matter.
        if seconds > NUMPY.seconds(work) or _gpu.gpu_count() == 0:
            return np.inf
        return seconds

    def bind(self, sources: Floats, log_weights: Floats | None = None) -> BoundSources:
        """Prepare sources for many reductions; see :class:`Engine`."""
        return _KeopsSources(sources, log_weights, self._memory())

    def place(self, array: Array) -> Array:
        """Put an array where PyTorch keeps the sources; see :class:`Engine`."""
        return self._memory().put(array)

    def fetch(self, array: Array) -> Floats:
        """Get an array from there; see :class:`Engine`."""
        return array if isinstance(array, np.ndarray) else array.cpu().numpy()

    def _memory(self):
        device = self.device or _gpu_of_torch()
        return _HostMemory() if device is None else _TorchMemory(device)


class _KeopsSources(BoundSources):
    def __init__(self, sources, log_weights, memory):
        super().__init__(sources, log_weights)
        self.memory = memory
        sources, m = memory.put(sources), len(sources)
        self.dtype = memory.dtype_of(sources)
        # Distances are translation-invariant; small numbers keep float32 accurate.
        self.centre = sources.mean(0)
        self.sources = sources - self.centre
        if log_weights is None:
            self.log_w = memory.full((m, 1), -np.log(m), self.dtype)
        else:  # infinite ones, of sources that do not count, would make NaNs
            log_w = np.maximum(log_weights, _deleted_log_weight(self.dtype))
            self.log_w = memory.put(log_w.astype(self.dtype).reshape(-1, 1))
        self.labels = memory.labels(memory.arange(m), self.dtype)

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`NumpyEngine`."""
        memory, x = self.memory, self.memory.put(queries)
        x = memory.cast(x - self.centre, self.dtype)
        if deleted is None:
            deleted = memory.full((len(x),), -1, np.int64)
        labels = memory.labels(memory.put(deleted), self.dtype)
        with _lock_unless_compiled(profiles, self.dtype, x.shape[1]):
            formula = self._fused_formula(x, profiles, bandwidth, labels)
            with _explained():
                sums = formula()
        shift, z, pulled = sums[:, 0], sums[:, 1], sums[:, 2:]
        # A shift this low stands for a query whose only source is deleted.
        empty = shift < 0.5 * _deleted_log_weight(self.dtype)
        z[empty] = 1
        log_z, displacement = shift + memory.xp.log(z), pulled / z[:, None]
        log_z[empty], displacement[empty] = -np.inf, 0
        if isinstance(queries, np.ndarray):
            return Reduction(memory.get(log_z), memory.get(displacement))
        return Reduction(log_z, displacement)

    def _fused_formula(self, x, profiles, bandwidth, labels):
        """Symbolic ``sum_j exp(log n_j - max) (1, pull_j (y_j - x))``, ready to run."""
        keops, dtype = self.memory.keops, self.dtype
        difference = keops.Vj(self.sources) - keops.Vi(x)
        label = keops.Vi(labels)

        def constant(value):
            # A tensor, where a literal would enter the formula's text.
            return keops.Pm(self.memory.full((1,), value, dtype))

        r2 = (difference**2).sum(-1) * constant(bandwidth**-2)
        other = ((label - keops.Vj(self.labels)) ** 2).sum(-1).sign()  # 0: deleted
        symbol = _Symbol(r2, constant)
        gone = constant(_deleted_log_weight(dtype)) * (constant(1.0) - other)
        log_k = _lazy(profiles.log_normalizer(symbol), constant)
        log_k = log_k + keops.Vj(self.log_w) + gone
        weight = other
        if profiles.pull == "slope":
            # Moved away from r = 0, where the slope may be infinite or undefined; the
            # difference that it multiplies is 0 there.
            apart = _Symbol(r2 + (constant(1.0) - r2.sign()), constant)
            weight = other * _lazy(profiles.ratio(apart), constant)
        terms = keops.LazyTensor.concat(other, weight * difference)
        return lambda: log_k.reduction("Max_SumShiftExpWeight", other=terms, axis=1)


class _Memory:
    """Where arrays are kept between reductions, in a library that KeOps reads."""

    def labels(self, index, dtype):
        """Integers as two floating columns, so that float32 tells 2^36 rows apart."""
        return self.cast(self.xp.stack((index // 4096, index % 4096), 1), dtype)


class _HostMemory(_Memory):
    """Arrays of NumPy, which KeOps copies to a GPU by itself."""

    def __init__(self):
        self.keops, self.xp = _import_keops("numpy"), np
        self.full, self.arange = np.full, np.arange

    def put(self, array):
        return np.ascontiguousarray(array)

    def get(self, array):
        return array

    def cast(self, array, dtype):
        return array.astype(dtype, copy=False)

    def dtype_of(self, array):
        return array.dtype


class _TorchMemory(_Memory):
    """Tensors of PyTorch, which stay where they are."""

    def __init__(self, device):
        import torch

        self.keops = _import_keops("torch")
        self.xp, self.device = torch, device

    def put(self, array):
        if isinstance(array, np.ndarray):
            array = self.xp.tensor(np.ascontiguousarray(array), device=self.device)
        return array.contiguous()

    def get(self, tensor):
        return tensor.cpu().numpy()

    def full(self, shape, value, dtype):
        options = dict(dtype=self._own(dtype), device=self.device)
        return self.xp.full(shape, value, **options)

    def arange(self, n):
        return self.xp.arange(n, device=self.device)

    def cast(self, tensor, dtype):
        return tensor.to(self._own(dtype))

    def dtype_of(self, tensor):
        return np.dtype(str(tensor.dtype).removeprefix("torch."))

    def _own(self, dtype):
        return getattr(self.xp, np.dtype(dtype).name)


@contextmanager
def _explained():
    try:
        yield
    except Exception as error:  # a damaged cache or compiler raises all kinds
        raise RuntimeError(
            f"KeOps failed ({type(error).__name__}: {error}). Its cache folder may be "
            "damaged (delete it: ~/.cache/keops<version>, or the folder in the "
            "environment variable KEOPS_CACHE_FOLDER) or not writable, or the C++ "
            "compiler or the Python headers do not work (pykeops.test_numpy_bindings() "
            "shows the compiler's messages)."
        ) from error


def _deleted_log_weight(dtype):
    """Finite stand-in for log 0: far below any log-weight, and safe to subtract."""
    return -0.25 * float(np.finfo(dtype).max)


@cache
def _gpu_of_torch():
    """Name of the GPU's memory in PyTorch, or None."""
    if _gpu.gpu_count() == 0 or importlib.util.find_spec("torch") is None:
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else None


def _import_keops(arrays):
    # Both are read at import, by the two packages that KeOps consists of.
    os.environ.setdefault("PYKEOPS_VERBOSE", "0")
    os.environ.setdefault("KEOPS_VERBOSE", "0")
    with _explained():
        return importlib.import_module(f"pykeops.{arrays}")


_compiled: set = set()


@contextmanager
def _lock_unless_compiled(profiles, dtype, n_features):
    """Let one process at a time compile: KeOps itself has no lock on its cache."""
    key = (repr(profiles.kernel), profiles.pull, str(dtype), n_features)
    if key in _compiled:
        yield
        return
    with one_at_a_time():
        yield
    _compiled.add(key)


# -- NumPy functions on KeOps symbols ------------------------------------------------


def _lazy(value, constant):
    return value.lazy if isinstance(value, _Symbol) else constant(float(value))


_UFUNCS = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.negative: operator.neg,
    np.absolute: lambda a: a.abs(),
    np.sqrt: lambda a: a.sqrt(),
    np.square: lambda a: a * a,
    np.reciprocal: lambda a: a.inv(),
    np.exp: lambda a: a.exp(),
    np.log: lambda a: a.log(),
    np.log1p: lambda a, one: (one + a).log(),
    np.expm1: lambda a, one: a.exp() - one,
    np.tanh: lambda a, one: one - (one + one) / ((a + a).exp() + one),
    np.sin: lambda a: a.sin(),
    np.cos: lambda a: a.cos(),
    np.arctan: lambda a: a.atan(),
}
_NEEDS_ONE = {np.log1p, np.expm1, np.tanh}


def _power(base, exponent):
    """A power of a nonnegative base, through products where it can be."""
    if exponent in range(1, 9):
        return reduce(operator.mul, [base] * int(exponent))
    return np.exp(exponent * np.log(base))


class _Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A KeOps tensor that NumPy functions apply to.

    It lets one definition of a kernel, in NumPy, serve every engine.
    """

    def __init__(self, lazy, constant):
        self.lazy = lazy
        self.constant = constant

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        # The only keyword is `out`, of an in-place operator: a new symbol will do.
        if method != "__call__" or kwargs.keys() - {"out"}:
            return NotImplemented
        if ufunc is np.power:
            result = _lazy(_power(*inputs), self.constant)
        elif ufunc in _UFUNCS:
            arguments = [_lazy(a, self.constant) for a in inputs]
            if ufunc in _NEEDS_ONE:
                arguments.append(self.constant(1.0))
            result = _UFUNCS[ufunc](*arguments)
        else:
            raise TypeError(
                f"The kernel uses numpy.{ufunc.__name__}, which the KeOps engine "
                "cannot translate; choose engine='numpy'."
            )
        return _Symbol(result, self.constant)
