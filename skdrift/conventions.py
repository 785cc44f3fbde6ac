"""Conventions for the scale of a kernel, and conversions between them.

In this library the scale of every kernel is its bandwidth h, a length: profiles are
functions of ``|x - y| / h``. Papers and packages write the same kernels with other
numbers, which this table brings together. Distances are Euclidean.
"""

from .bandwidth._conventions import bandwidth_from, bandwidth_to

__all__ = ["bandwidth_from", "bandwidth_to"]
