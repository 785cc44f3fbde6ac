"""Reports of generated tables: how good they are, and what they give away.

:class:`QualityReport` compares a generated table with held-out rows, column by column,
pair by pair and row by row, looks for copies, and attacks it. Every number is compared
with its values for fresh data, which other splits of the real rows provide.
"""

from ._quality import QualityReport

__all__ = ["QualityReport"]
