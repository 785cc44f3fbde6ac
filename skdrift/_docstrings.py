"""Parameters that several docstrings share, written once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from textwrap import dedent, indent
from typing import TypeVar

_Documented = TypeVar("_Documented")

# A line that holds nothing but a name in braces. Other braces, such as those of
# {"full", "leave-one-out"}, are left alone.
_PLACEHOLDER = re.compile(r"^([ \t]*)\{([A-Za-z_]\w*)\}[ \t]*$", re.MULTILINE)


def documented(
    fragments: Mapping[str, str] | None = None, /, **more: str
) -> Callable[[_Documented], _Documented]:
    """Decorator that replaces the placeholders in a docstring by fragments of text.

    A placeholder is the name of a fragment in braces, alone on a line. The fragment
    replaces that line, at its indentation; its own uniform indentation and blank lines
    at both ends are removed. A fragment is usually one block of numpydoc for a
    parameter. Those that the docstring does not mention are ignored, and `more` have
    priority over `fragments`. A placeholder without a fragment raises KeyError. Without
    docstrings, as with ``python -OO``, nothing happens.

    >>> from skdrift._docstrings import documented
    >>> shared = {"seed": "random_state : int. Seed of the draws."}
    >>> @documented(shared)
    ... def draw(random_state):
    ...     "{seed}"
    >>> draw.__doc__
    'random_state : int. Seed of the draws.'
    """
    known = {**(fragments or {}), **more}

    def decorate(target: _Documented) -> _Documented:
        if target.__doc__ is not None:
            name = getattr(target, "__qualname__", repr(target))
            target.__doc__ = _filled(target.__doc__, known, name)
        return target

    return decorate


def _filled(docstring, fragments, name):
    def fragment(placeholder):
        margin, key = placeholder.groups()
        if key not in fragments:
            raise KeyError(
                f"The docstring of {name} has the placeholder {{{key}}}, but the "
                f"fragments are {sorted(fragments)}. Add the fragment or correct the "
                "name."
            )
        return indent(dedent(fragments[key]).strip("\n"), margin)

    return _PLACEHOLDER.sub(fragment, docstring)
