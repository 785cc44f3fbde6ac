"""Compiled code on disk: whether it is there, and what to do if it is of no use."""

import os
import sys
from contextlib import suppress
from pathlib import Path

_PACKAGE = Path(__file__).parent


def is_on_disk():
    """Whether the sums have probably been compiled for this Python before.

    Numba is not imported for it, as that is slow.

    If the file turns out to be of another version they are compiled once more. Its time
    does not tell: a source that is installed anew is newer, but may be the same.
    """
    version = "".join(map(str, sys.version_info[:2]))
    pattern = f"_loops.reduce_rows-*.py{version}*.nbi"
    return any(any(folder.glob(pattern)) for folder in _folders())


class ForgivingCache:
    """A cache of Numba that no file stands in the way of.

    Code that cannot be read, because its files are damaged or of another version, is
    compiled again, and code that cannot be written is kept in memory.

    Parameters
    ----------
    cache : object
        Cache of a function of Numba.
    """

    def __init__(self, cache):
        self._cache = cache

    def __getattr__(self, name):
        return getattr(self._cache, name)

    def load_overload(self, *arguments):
        """Compiled code, or None if it must be compiled."""
        try:
            return self._cache.load_overload(*arguments)
        except Exception:  # of files that are not its own pickle raises all kinds
            with suppress(Exception):
                self._cache.flush()
            return None

    def save_overload(self, *arguments):
        """Write compiled code, if that is possible."""
        with suppress(Exception):
            self._cache.save_overload(*arguments)


def _folders():
    """Folders that Numba would look in, the ones it prefers first."""
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given).glob("_cpu_*")
    # Beside the source, or where this is not writable in a folder of the user.
    beside = _PACKAGE / "__pycache__"
    return [beside, *_user_folder().glob("_cpu_*")]


def _user_folder():
    home = Path(os.path.expanduser("~"))
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "numba"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")
        return Path(local) / "numba" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME", home / ".cache")) / "numba"
