"""A lock between the processes of a user, on a file of their own."""

from __future__ import annotations

import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds that a process waits for others: some compilations of ten seconds each.
_PATIENCE = 600.0
_PAUSE = 0.1


def lock_of_keops() -> str:
    """Path of the lock, beside what KeOps compiles: no folder that others write to."""
    folder = os.environ.get("KEOPS_CACHE_FOLDER")
    folder = folder or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(folder, f"skdrift-keops-{os.getuid()}.lock")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let one process of the user at a time do what follows.

    Where no lock is possible, as in a folder that cannot be written, there is none.

    Raises
    ------
    RuntimeError
        If the file of the lock is not the user's own, or another process holds the
        lock for ten minutes.
    """
    try:
        import fcntl
    except ImportError:  # not a POSIX system
        yield
        return
    path = lock_of_keops()
    descriptor = _opened(path)
    if descriptor is None:
        yield
        return
    try:
        _wait(fcntl, descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _opened(path):
    """Descriptor of the file, which is never written; None if it cannot be there."""
    flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if not os.path.lexists(path):
            return None
        raise _foreign(path) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid():
        os.close(descriptor)
        raise _foreign(path)
    return descriptor


def _foreign(path):
    return RuntimeError(
        f"The lock of KeOps must be a file of your own, and {path!r} is something else "
        "(a link, a folder, or another user's). Delete it, or set the environment "
        "variable KEOPS_CACHE_FOLDER to a folder of your own."
    )


def _wait(fcntl, descriptor, path):
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"Another process has held the lock {path!r}, under which KeOps "
                    f"compiles, for {_PATIENCE:.0f} seconds. End that process, or set "
                    "the environment variable KEOPS_CACHE_FOLDER to another folder."
                ) from None
        except OSError:  # a file system without locks
            return
        time.sleep(_PAUSE)
