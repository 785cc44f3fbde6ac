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
    from .._typing import Floats


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
        device = self.device or _gpu_of_torch()
        memory = _HostMemory() if device is None else _TorchMemory(device)
        return _KeopsSources(sources, log_weights, memory)


class _KeopsSources(BoundSources):
    def __init__(self, sources, log_weights, memory):
        super().__init__(sources, log_weights)
        self.memory = memory
        # Distances are translation-invariant; small numbers keep float32 accurate.
        self.centre = sources.mean(axis=0)
        self.dtype = sources.dtype
        self.sources = memory.put(sources - self.centre)
        # Infinite log-weights, of sources that do not count, would make NaNs.
        log_w = np.maximum(self.log_weights, _deleted_log_weight(self.dtype))
        self.log_w = memory.put(log_w.astype(self.dtype).reshape(-1, 1))
        self.labels = memory.put(_exact_labels(np.arange(len(sources)), self.dtype))

    def reduce(self, queries, profiles, bandwidth, deleted=None):
        """Reduce over the sources at every query; see :class:`NumpyEngine`."""
        if deleted is None:
            deleted = np.full(len(queries), -1)
        with _lock_unless_compiled(profiles, self.dtype, queries.shape[1]):
            formula = self._fused_formula(queries, profiles, bandwidth, deleted)
            with _explained():
                shift, z, *pulled = self.memory.get(formula()).T
        # A shift this low stands for a query whose only source is deleted.
        empty = shift < 0.5 * _deleted_log_weight(self.dtype)
        z[empty] = 1
        displacement = np.stack(pulled, axis=1) / z[:, None]
        displacement[empty] = 0
        return Reduction(np.where(empty, -np.inf, shift + np.log(z)), displacement)

    def _fused_formula(self, queries, profiles, bandwidth, deleted):
        """Symbolic ``sum_j exp(log n_j - max) (1, pull_j (y_j - x))``, ready to run."""
        keops, put, dtype = self.memory.keops, self.memory.put, self.dtype
        x = keops.Vi(put((queries - self.centre).astype(dtype, copy=False)))
        difference = keops.Vj(self.sources) - x
        label = keops.Vi(put(_exact_labels(deleted, dtype)))

        def constant(value):
            # A tensor, where a literal would enter the formula's text.
            return keops.Pm(put(np.array([value], dtype=dtype)))

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


class _HostMemory:
    """Arrays of NumPy, which KeOps copies to a GPU by itself."""

    def __init__(self):
        self.keops = _import_keops("numpy")

    def put(self, array):
        return np.ascontiguousarray(array)

    def get(self, array):
        return array


class _TorchMemory:
    """Tensors of PyTorch, which stay where they are."""

    def __init__(self, device):
        import torch

        self.keops = _import_keops("torch")
        self.torch, self.device = torch, device

    def put(self, array):
        return self.torch.tensor(np.ascontiguousarray(array), device=self.device)

    def get(self, tensor):
        return tensor.cpu().numpy()


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


def _exact_labels(index, dtype):
    """Integers as two floating columns, so that float32 tells 2^36 rows apart."""
    return np.stack(np.divmod(index, 4096), axis=1).astype(dtype)


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
