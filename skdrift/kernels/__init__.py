"""Radial kernels and the ladder that connects them."""

from ._kernels import (
    KERNEL_NAMES as KERNEL_NAMES,
)
from ._kernels import (
    Gaussian,
    Kernel,
    Matern,
    RationalQuadratic,
    get_kernel,
    slope_at_zero,
)

__all__ = [
    "Gaussian",
    "Kernel",
    "Matern",
    "RationalQuadratic",
    "get_kernel",
    "slope_at_zero",
]
