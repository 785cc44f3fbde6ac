"""Radial kernels and the ladder that connects them.

A kernel is a profile ``k(r)`` of the scaled distance ``r = |x - y| / h``. Two
neighbours belong to it: its *sharp companion* ``k#(r) = int_r^inf s k(s) ds``,
whose slope is k, and its *slope* ``kb(r) = -k'(r) / r``, which is the pull of the
gradient of k; ``(k#)b = k``. The Gaussian is the only kernel that is its own
neighbour, which is why its mean shift is a gradient.

Every engine works in the log domain, so a kernel consists of two functions of
the *squared* scaled distance, written with NumPy functions only:

* ``log_profile(r2)``: ``log k(r)``;
* ``slope_ratio(r2)``: ``kb(r) / k(r) = -(d log k / dr) / r``.

Everything else follows from these two, numerically or in closed form.
"""

from ._base import Kernel
from ._gaussian import Gaussian
from ._matern import Matern
from ._names import KERNEL_NAMES as KERNEL_NAMES
from ._names import get_kernel
from ._rational_quadratic import RationalQuadratic

__all__ = ["Gaussian", "Kernel", "Matern", "RationalQuadratic", "get_kernel"]
