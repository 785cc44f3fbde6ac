"""Kernels by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._base import Kernel
from ._gaussian import Gaussian
from ._matern import Matern
from ._rational_quadratic import RationalQuadratic

if TYPE_CHECKING:
    from .._typing import KernelName

_BY_NAME = {
    "gaussian": Gaussian(),
    "laplace": Matern(nu=0.5),
    "matern32": Matern(nu=1.5),
    "matern52": Matern(nu=2.5),
    "rational_quadratic": RationalQuadratic(),
}

KERNEL_NAMES = tuple(_BY_NAME)


def get_kernel(kernel: KernelName | Kernel) -> Kernel:
    """Return the kernel of a name, or the given kernel.

    Parameters
    ----------
    kernel : str or Kernel
        One of ``"gaussian"``, ``"laplace"``, ``"matern32"``, ``"matern52"``,
        ``"rational_quadratic"``, or a :class:`Kernel`.

    Returns
    -------
    Kernel
        A given kernel is returned as it is.

    Raises
    ------
    ValueError
        If `kernel` is neither the name of a kernel nor a kernel.

    Examples
    --------
    >>> from skdrift.kernels import get_kernel
    >>> get_kernel("matern52")
    Matern(nu=2.5)
    """
    if isinstance(kernel, Kernel):
        return kernel
    if isinstance(kernel, str) and kernel in _BY_NAME:
        return _BY_NAME[kernel]
    raise ValueError(
        f"The 'kernel' must be one of {sorted(_BY_NAME)} or a skdrift.kernels.Kernel; "
        f"got {kernel!r} instead."
    )
