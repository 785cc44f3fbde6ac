"""Choice of an engine, by name or by the work."""

from __future__ import annotations

import math
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

# Where "auto" leaves the engine of a fit: for one that takes less than a third of the
# time, if that saves so many seconds. More than compiling takes, in any case.
_MUCH_LONGER, _SECONDS_THAT_MATTER = 3, 6.0
# "auto" uses the fastest that works; NumPy always does.
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
        ``"auto"`` is the one that would take the least time, by measured costs, of
        those that are available and can do the work; what must be loaded or compiled
        first is included. Dask is never selected automatically.
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


def engine_of_fit(name: EngineName, fitted_by: EngineName, work: Work) -> Engine:
    """Return the engine for work on a fitted flow.

    ``"auto"`` stays with the engine of the fit, so that its numbers do not depend on
    what else the process has done, unless it cannot do this work or another one would
    save much time, whatever its start takes.

    Parameters
    ----------
    name : str
        As in :func:`get_engine`.
    fitted_by : str
        Name of the engine of the fit.
    work : Work
        Work to be done.

    Returns
    -------
    Engine
        With no sources bound yet.
    """
    if name != "auto" or fitted_by not in _ENGINES:
        return get_engine(name, work)
    engine = _ENGINES[fitted_by]
    stays = engine.estimated_seconds(work, starts=False)
    least = min(e.estimated_seconds(work, starts=False) for e in _ENGINES.values())
    if stays > _MUCH_LONGER * least + _SECONDS_THAT_MATTER:
        return get_engine(name, work)
    if _obstacle(engine, work) is not None or trial_error(engine, work) is not None:
        return get_engine(name, work)
    return engine()


def reasons_not_chosen(name: str, chosen: str, work: Work) -> dict[str, str]:
    """Why faster engines were not chosen, by their names, if the name is ``"auto"``.

    Only engines that would take less time are named. Failed trials are left out,
    because they have their own warning.
    """
    if name != "auto":
        return {}
    faster = takewhile(lambda engine: engine.name != chosen, _by_seconds(work))
    reasons = {engine.name: _obstacle(engine, work) for engine in faster}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _by_seconds(work):
    """Engines that may be chosen, the fastest first."""
    seconds = {e: e.estimated_seconds(work) for e in _ENGINES.values()}
    able = [engine for engine in seconds if seconds[engine] < math.inf]
    return sorted(able, key=seconds.__getitem__)


def _first_that_works(work):
    for engine in _by_seconds(work):
        if _obstacle(engine, work) is None:
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
