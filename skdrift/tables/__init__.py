"""Tables of mixed columns: data frames encoded as numbers, and decoded again."""

from ._drifter import TabularDrifter
from ._encoder import TableEncoder
from ._rules import (
    Circular,
    Computed,
    Inequality,
    ObservedCombinations,
    Satisfies,
    Sum,
)

__all__ = [
    "Circular",
    "Computed",
    "Inequality",
    "ObservedCombinations",
    "Satisfies",
    "Sum",
    "TableEncoder",
    "TabularDrifter",
]
