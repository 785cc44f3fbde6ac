"""Docstrings are filled in with shared fragments."""

import inspect
import subprocess
import sys

import pytest

from skdrift._docstrings import documented

SHARED = {
    "X": """
        X : array-like
            Particles.

            Many of them.
    """,
    "mode": 'mode : {"a", "b"}, default="a"\n    Mode.',
    "unused": "unused : int",
}
EXPECTED = """Summary with {braces}.

Parameters
----------
X : array-like
    Particles.

    Many of them.
mode : {"a", "b"}, default="a"
    Mode.
own : {"c"}
    Own parameter."""


def test_fragments_replace_lines_at_their_indentation():
    @documented(SHARED)
    def function():
        """Summary with {braces}.

        Parameters
        ----------
        {X}
        {mode}
        own : {"c"}
            Own parameter.
        """

    @documented(SHARED)
    class Class:
        __doc__ = function.__doc__

        @documented(SHARED)
        def method(self):
            """Summary with {braces}.

            Parameters
            ----------
            {X}
            {mode}
            own : {"c"}
                Own parameter.
            """

    for target in (function, Class, Class.method):
        assert inspect.getdoc(target) == EXPECTED


def test_own_fragments_have_priority():
    @documented(SHARED, X="X : int")
    def function():
        """Summary.

        {X}
        """

    assert inspect.getdoc(function) == "Summary.\n\nX : int"


def test_unknown_placeholders_are_errors():
    def function():
        """{Y}."""

    assert documented(SHARED)(function).__doc__ == "{Y}."
    function.__doc__ = "{Y}"
    with pytest.raises(KeyError, match=r"function has the placeholder \{Y\}.*'X'"):
        documented(SHARED)(function)


def test_without_docstrings_nothing_happens():
    code = (
        "from skdrift._docstrings import documented\n"
        "@documented()\n"
        "def function():\n"
        "    '''{X}'''\n"
        "assert function.__doc__ is None, function.__doc__\n"
        "print('done')"
    )
    command = [sys.executable, "-OO", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.stdout.strip(), run.stderr) == ("done", "")
