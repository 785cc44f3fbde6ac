"""What tests and doctests share."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _no_figures_left_open():
    # A doctest that draws keeps its figures, and pyplot warns of the twenty-first.
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
