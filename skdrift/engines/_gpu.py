"""GPUs of this machine."""

import ctypes
from functools import cache


@cache
def gpu_count():
    """Number of CUDA devices, from the driver itself: importing KeOps is slow."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
