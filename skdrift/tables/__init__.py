"""Tables of mixed columns: data frames encoded as numbers, and decoded again."""

from ._drifter import TabularDrifter
from ._encoder import TableEncoder

__all__ = [
    "TableEncoder",
    "TabularDrifter",
]
