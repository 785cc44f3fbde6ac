"""Choice of an engine, by name or by the work."""

from __future__ import annotations

import warnings
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING

from ._cpu._engine import NumbaEngine
from ._dask import DaskEngine
from ._interface import Engine, Work
from ._keops import KeopsEngine
from ._numpy import NumpyEngine
from ._spectral._engine import NufftEngine
from ._trial import trial_error

if TYPE_CHECKING:
    from .._typing import EngineName

# "auto" uses the first that is worth it and works; NumPy always is and does.
_ENGINES: dict[str, type[Engine]] = {
    engine.name: engine
    for engine in (NufftEngine, KeopsEngine, NumbaEngine, NumpyEngine, DaskEngine)
}
ENGINE_NAMES = tuple(_ENGINES)


def get_engine(name: EngineName, work: Work) -> Engine:
    """Return the engine of a name, or the one that suits the work.

    Any engine but NumPy does a tiny reduction first: an engine that is installed may
    still not run.

    Parameters
    ----------
    name : {"auto", "numpy", "numba", "keops", "nufft", "dask"}
        ``"auto"`` is the first of these that is available, can do the work and is
        worth it: NUFFT (Gaussian kernel: up to two columns from 1e8 pairs of query and
        source, three columns from 1e9; Matérn kernels: one column from 1e9, two from
        1e10), KeOps (on a GPU, from 5e9 pairs summed over all steps), Numba (from 3e9
        such pairs), NumPy. Dask is never selected automatically.
    work : Work
        Work to be done.

    Returns
    -------
    Engine
        With no sources bound yet.

    Raises
    ------
    ValueError
        If there is no such engine, it cannot run on this machine, or it cannot do
        this work.
    RuntimeError
        If the engine is installed but fails. With ``"auto"`` this is a warning, and
        the next engine is used.
    """
    if name == "auto":
        return _first_that_works(work)
    if name not in _ENGINES:
        raise ValueError(
            f"The 'engine' parameter must be one of {['auto', *_ENGINES]}; "
            f"got {name!r} instead."
        )
    engine = _ENGINES[name]
    reason = engine.unavailable_reason()
    if reason is not None:
        raise ValueError(
            f"The 'engine' parameter is {name!r}, which is not available here: "
            f"{reason}; or choose engine='auto'."
        )
    reason = engine.unsuitable_reason(work)
    if reason is not None:
        raise ValueError(
            f"The 'engine' parameter is {name!r}, which cannot be used here: {reason}; "
            "choose engine='auto' or another engine."
        )
    error = trial_error(engine, work)
    if error is not None:
        raise RuntimeError(
            f"The 'engine' parameter is {name!r}, which failed: {_in_words(error)}. "
            "Reinstall or upgrade its dependencies, or choose engine='auto'."
        ) from error
    return engine()


def reasons_not_chosen(name: str, chosen: str, work: Work) -> dict[str, str]:
    """Why faster engines were not chosen, by their names, if the name is ``"auto"``.

    Only engines that would be worth it are named. Failed trials are left out, because
    they have their own warning.
    """
    if name != "auto":
        return {}
    faster = takewhile(lambda engine: engine != chosen, _ENGINES)
    wanted = [_ENGINES[name] for name in faster if _ENGINES[name].is_worth_it(work)]
    reasons = {engine.name: _obstacle(engine, work) for engine in wanted}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _first_that_works(work):
    for engine in _ENGINES.values():
        if engine.is_worth_it(work) and _obstacle(engine, work) is None:
            error = trial_error(engine, work)
            if error is None:
                return engine()
            _warn_that_it_fails(engine.name, _in_words(error))


def _obstacle(engine, work):
    return engine.unavailable_reason() or engine.unsuitable_reason(work)


def _in_words(error):
    return f"{type(error).__name__}: {error}".rstrip(".")


@cache
def _warn_that_it_fails(name, reason):
    warnings.warn(
        f"engine='auto' skipped {name!r} because it failed ({reason}). Reinstall or "
        "upgrade its dependencies, or choose another engine by name.",
        UserWarning,
        stacklevel=2,
    )
