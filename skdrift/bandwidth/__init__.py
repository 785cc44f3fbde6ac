"""Bandwidth rules, per unit standard deviation of the data."""

from ._rates import conservative_rate, laplace_rate, scott, silverman

__all__ = ["conservative_rate", "laplace_rate", "scott", "silverman"]
