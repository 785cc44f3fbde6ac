"""Tables of mixed columns: data frames to arrays of numbers, exactly, and back."""

from ._tables import (
    TableEncoder,
    TabularDrifter,
)

__all__ = [
    "TableEncoder",
    "TabularDrifter",
]
