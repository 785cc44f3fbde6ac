"""Checkpoints: what a fit has computed, in a file that is never half written.

Everything in a fit but the velocities of its particles is quick to find again, and the
same every time. A checkpoint therefore records velocities alone: resumed, a fit begins
anew with the same random state and receives the recorded velocities instead of
computing them. What the particles did, all hazards and the calibration follow from
them. Digests of the places that the velocities belong to prove that it is the same fit.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from hashlib import blake2b
from numbers import Number
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from .._estimator import warn_user
from .._version import __version__
from ..engines import ENGINE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._data._rows import Scaling, WeightedRows
    from .._typing import EngineName, Floats
    from ..fields import BoundField
    from ._loop import Advance

_FORMAT = 1
# Seconds between two writes, and as a multiple of those that the last one took: at most
# a twentieth of a fit is spent on them.
_SECONDS, _TIMES_WRITING = 10.0, 20
# Parameters that change no number of a fit, and one that is compared by itself.
_NOT_COMPARED = {"checkpoint", "verbose", "random_state"}


class NoCheckpoint:
    """Nothing is recorded: the default, which costs nothing.

    Attributes
    ----------
    random_state : RandomState
        Source of all draws of the fit.
    """

    def __init__(self, random_state: Any) -> None:
        self.random_state = check_random_state(random_state)

    def begin(self, rows: WeightedRows, scaling: Scaling) -> None:
        """The fit is of these data, and about to draw its first random number."""

    def engine_for(self, name: EngineName) -> EngineName:
        """Name of the engine that the fit began with, where it is to be chosen."""
        return name

    def recording(self, field: BoundField) -> Advance:
        """Velocity of the next flow of the fit, and the state for its next step."""
        return field.advance


class _Step(NamedTuple):
    place: bytes  # digest of particles and bandwidth
    velocity: np.ndarray
    state: Any = None  # kept of the last step alone


class Checkpoint(NoCheckpoint):
    """Record of the velocities of a fit, in memory and in a file.

    Parameters
    ----------
    path : str or os.PathLike
        The file; read if there is one.
    about : dict of str to str
        Drifter, parameters and versions, which must be the same to go on.
    random_state : int, RandomState instance or None
        Parameter of the drifter.

    Raises
    ------
    ValueError
        If the folder cannot be written to, or the file is damaged or of another fit.
    """

    def __init__(self, path: Any, about: dict[str, str], random_state: Any) -> None:
        self.path = os.path.abspath(path)
        self._about = about
        _try_folder(self.path)
        self._seen = _identity(self.path)
        self._saved = None if self._seen is None else _read(self.path)
        if self._saved is not None and random_state is None:
            # The draws that others make from the global source are left alone.
            random_state = deepcopy(check_random_state(None))
        super().__init__(random_state)
        self._flows: list[list[_Step]] = []
        self._engine: str | None = None
        self._n_flows, self._has_warned = 0, False
        self._due = monotonic() + _SECONDS

    def begin(self, rows: WeightedRows, scaling: Scaling) -> None:
        # All that velocities depend on, but for the places that have their own digests.
        arrays = rows.rows, rows.weight, rows.count, scaling.mean, scaling.scale
        self._about["data"] = _digest(*arrays).hex()
        if self._saved is None:
            self._draws_from = self.random_state.get_state(legacy=False)
            return
        note, arrays = self._saved
        self._compare(note["about"])
        self._draws_from = note["draws_from"]
        self.random_state.set_state(self._draws_from)
        self._engine = note["engine"]
        self._flows = _steps(arrays, note["flows"])
        self._saved = None

    def _compare(self, written):
        different = [
            "of other data" if name == "data" else f"with {name}={then} (now {now})"
            for name, now in self._about.items()
            if now != (then := written.get(name))
        ]
        if different:
            raise self._error(f"was written by a fit {', '.join(different)}")

    def engine_for(self, name: EngineName) -> EngineName:
        # What is fastest may have changed, but engines differ in their rounding.
        began: Any = self._engine if self._engine in ENGINE_NAMES else None
        return name if name != "auto" or began is None else began

    def _error(self, what):
        return ValueError(
            f"The checkpoint {self.path!r} {what}. Give the same data, parameters and "
            "versions again, delete the file to begin anew, or choose another path."
        )

    def recording(self, field: BoundField) -> Advance:
        self._engine = field.engine.name
        self._n_flows += 1
        if self._n_flows > len(self._flows):
            self._flows.append([])
        return _Recorder(self, field, self._n_flows - 1)

    # -- the file --------------------------------------------------------------------

    def write_if_due(self) -> None:
        """Write what is recorded, unless that was done a moment ago."""
        if monotonic() >= self._due:
            self.write()

    def write(self) -> None:
        """Write what is recorded; a failure is a warning, once."""
        if not any(self._flows):
            return
        began = monotonic()
        try:
            if self._is_anothers():
                raise OSError("another fit has written it meanwhile")
            self._seen = _replace(self.path, self._members())
        except OSError as error:
            if not self._has_warned:
                self._has_warned = True
                warn_user(
                    f"The checkpoint {self.path!r} was not written ({error}). The fit "
                    "goes on; a file that was written earlier is as it was.",
                    UserWarning,
                )
        took = monotonic() - began
        self._due = monotonic() + max(_SECONDS, _TIMES_WRITING * took)

    def remove(self) -> None:
        """Remove the file, as the fit is complete."""
        if self._seen is not None and not self._is_anothers():
            with suppress(OSError):
                os.unlink(self.path)

    def _is_anothers(self):
        return _identity(self.path) not in (None, self._seen)

    def _members(self):
        note = {
            "about": self._about,
            "draws_from": self._draws_from,
            "engine": self._engine,
            "flows": [len(flow) for flow in self._flows],
        }
        text = json.dumps(note, default=lambda array: array.tolist())
        members = {"note": np.frombuffer(text.encode(), np.uint8)}
        for i, flow in enumerate(self._flows):
            for t, step in enumerate(flow):
                members[f"place_{i}_{t}"] = np.frombuffer(step.place, np.uint8)
                members[f"velocity_{i}_{t}"] = step.velocity
        if flow:
            for j, part in enumerate(flow[-1].state or ()):
                members[f"state_{j}"] = np.asarray(part)
        return members


class _Recorder:
    """``field.advance`` of one flow, which is told what has been computed before."""

    def __init__(self, checkpoint, field, index):
        self._checkpoint, self._field = checkpoint, field
        self._index, self._t = index, 0
        self._flow = checkpoint._flows[index]

    def __call__(self, x, h, state):
        place = _digest(x, np.float64(h))
        t, self._t = self._t, self._t + 1
        if t < len(self._flow):
            return self._recorded(place, x, t)
        velocity, state = self._field.advance(x, h, state)
        if state is not None and self._field.state_type is None:
            raise TypeError(
                "With 'checkpoint', a field whose steps depend on one another must "
                f"have a state_type; {type(self._field).__name__} has none."
            )
        self._flow.append(_Step(place, velocity, state))
        if t:
            self._flow[t - 1] = self._flow[t - 1]._replace(state=None)
        self._checkpoint.write_if_due()
        return velocity, state

    def _recorded(self, place, x, t):
        step = self._flow[t]
        if step.place != place or step.velocity.shape != x.shape:
            raise self._checkpoint._error(
                f"differs from this fit in step {t} of flow {self._index}: it was "
                "written by another machine or other versions of packages"
            )
        state = step.state
        if state is not None:
            state = self._field.state_type(*state)
        return step.velocity, state


@contextmanager
def checkpoint_of(estimator: Any) -> Iterator[NoCheckpoint]:
    """Checkpoint of a fit of an estimator, as its parameters say.

    The file is removed once the fit is complete. If the fit is interrupted, all that
    has been computed is written.

    Parameters
    ----------
    estimator : BaseDrifter
        With parameters `checkpoint` and `random_state`.

    Yields
    ------
    NoCheckpoint
    """
    random_state = estimator.random_state
    if estimator.checkpoint is None:
        yield NoCheckpoint(random_state)
        return
    about = {
        "format": str(_FORMAT),
        "skdrift": __version__,
        "drifter": _name(type(estimator)),
        "random_state": _random_source(random_state),
    }
    for name, value in estimator.get_params(deep=False).items():
        if name not in _NOT_COMPARED:
            about[name] = _described(value)
    checkpoint = Checkpoint(estimator.checkpoint, about, random_state)
    try:
        yield checkpoint
    except (KeyboardInterrupt, SystemExit):
        checkpoint.write()
        raise
    checkpoint.remove()


def _random_source(random_state):
    """A seed, or the kind of source: where that stands is stored, not compared."""
    if isinstance(random_state, np.random.RandomState):
        return f"RandomState({random_state.get_state(legacy=False)['bit_generator']})"
    return repr(random_state if random_state is None else int(random_state))


def _described(value):
    """The value of a parameter in words that are the same in every process."""
    if value is None or isinstance(value, str | Number):
        return repr(value.item() if isinstance(value, np.generic) else value)
    if hasattr(value, "get_params"):
        return _name(type(value)) + _described(value.get_params())
    if isinstance(value, Mapping):
        parts = [f"{_described(k)}: {_described(v)}" for k, v in value.items()]
        return "{" + ", ".join(sorted(parts)) + "}"
    if callable(value):
        return _name(value if hasattr(value, "__qualname__") else type(value))
    if isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value):
        return "[" + ", ".join(map(_described, value)) + "]"
    array = np.asarray(value)
    if array.dtype == object:
        return f"{_name(type(value))} of shape {array.shape}"
    return f"array {array.shape} {_digest(array).hex()[:8]}"


def _name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def _digest(*arrays: Floats | np.floating[Any]) -> bytes:
    digest = blake2b(digest_size=16)
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


# -- files ---------------------------------------------------------------------------


def _identity(path):
    """What tells a file from another one in its place; None without a file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _temporary(path):
    """Beginning and end of the names of files that are to be put in place of a path."""
    return f".{os.path.basename(path)}.", ".checkpoint"


def _try_folder(path):
    """See that a file can be written, and remove what a killed fit may have left."""
    folder, (before, after) = os.path.dirname(path), _temporary(path)
    try:
        if os.path.isdir(path):
            raise IsADirectoryError("it is a folder")
        for name in os.listdir(folder):
            if name.startswith(before) and name.endswith(after):
                os.unlink(os.path.join(folder, name))
        with tempfile.NamedTemporaryFile(prefix=before, suffix=after, dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"The 'checkpoint' parameter is {path!r}, which cannot be written "
            f"({error}). Choose a file in a folder that exists and is yours to write."
        ) from error


def _replace(path, members):
    """Write a file beside the path, then put it in its place at once; its identity."""
    folder, (before, after) = os.path.dirname(path), _temporary(path)
    number, temporary = tempfile.mkstemp(prefix=before, suffix=after, dir=folder)
    try:
        with open(number, "wb") as file:
            np.savez(file, **members)
            file.flush()
            os.fsync(file.fileno())
        identity = _identity(temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    with suppress(OSError):  # where folders are no files
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
    return identity


def _read(path):
    """Note and arrays of a file; every member is read, and so its checksum seen."""
    try:
        if not os.path.isfile(path):
            raise ValueError("it is no file")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        note = json.loads(arrays.pop("note").tobytes())
        _steps(arrays, note["flows"])
        about, _, _ = note["about"], note["draws_from"], note["engine"]
        if not isinstance(about, dict):
            raise ValueError("its note is of another form")
        return note, arrays
    except Exception as error:  # a damaged archive may raise about anything
        raise ValueError(
            f"The checkpoint {path!r} is damaged, or no checkpoint of skdrift "
            f"({type(error).__name__}: {error}). Delete it to begin anew, or choose "
            "another path."
        ) from error


def _steps(arrays, lengths):
    """Recorded steps of every flow; the last one has the state."""
    flows = [
        [
            _Step(arrays[f"place_{i}_{t}"].tobytes(), arrays[f"velocity_{i}_{t}"])
            for t in range(n)
        ]
        for i, n in enumerate(lengths)
    ]
    state = [arrays[f"state_{j}"] for j in range(len(arrays)) if f"state_{j}" in arrays]
    if state:
        state = tuple(a.item() if a.ndim == 0 else a for a in state)
        flows[-1][-1] = flows[-1][-1]._replace(state=state)
    return flows
