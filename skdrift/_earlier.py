"""Files that version 0.1 saved: refused by a sentence, not by a missing name.

Fitted estimators of 0.1 name classes in modules that are gone. Whatever loads such a
file asks these modules for the classes, and is told which version to use.
"""

import sys
from types import ModuleType

from ._version import __version__

# Modules whose names a file of 0.1 mentions first.
_MODULES = ("_base", "_frames", "_sinkhorn", "_softmax")


class EarlierVersionError(RuntimeError):
    """A file was saved by a version whose fitted estimators cannot be loaded."""

    def __init__(self, written_by="0.1"):
        super().__init__(
            f"The file was saved by skdrift {written_by}, whose estimators skdrift "
            f"{__version__} cannot load. Load it with skdrift {written_by}, or fit the "
            "estimator again with this version."
        )


def check_version(written_by):
    """Raise EarlierVersionError for a version whose files cannot be loaded."""
    if written_by.startswith("0.1."):
        raise EarlierVersionError(written_by)


class _Gone(ModuleType):
    """Stands for a module of 0.1."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise EarlierVersionError


for _name in _MODULES:
    sys.modules[f"{__package__}.{_name}"] = _Gone(_name)
