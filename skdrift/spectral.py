"""Rate at which drifting removes a difference of a given frequency.

Linearised about a flat density, a difference between the particles and the data that
oscillates like ``exp(i xi x)`` decays like ``exp(-lambda t)``. In displacement units
``lambda = u^2 Khat(u)`` with ``u = h |xi|``, Khat the spectrum of the normalised kernel
whose density gradient the field follows (Turan and Ovsjanikov, *Generative Drifting is
Secretly Score Matching*, arXiv:2603.09936). For waves longer than the bandwidth lambda
grows like ``u^2``; for shorter ones it depends on the spectrum. Exponential annealing
brings every wave to the bandwidth at which it decays fastest.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils import check_scalar

from ._docstrings import documented
from .kernels import Kernel, get_kernel

if TYPE_CHECKING:
    from ._typing import ArrayLike, KernelName, NDArray

__all__ = ["decay_rate", "mode_amplitudes", "resolution_time"]

FieldName = Literal["conservative", "displacement", "sharp", "sinkhorn"]
# Nodes of the quadrature over the logarithms of the bandwidths of an annealing.
_N_NODES = 256
_PARAMETERS = {
    "kernel_and_field": """
        kernel : str or Kernel, default="gaussian"
            Kernel k: a name of :func:`skdrift.kernels.get_kernel` or a kernel.
        field : str, default="conservative"
            ``"conservative"``, ``"displacement"`` or ``"sharp"``, the field of the
            kernel as in ConservativeDrifter, LaplaceDrifter and SharpDrifter; or
            ``"sinkhorn"``, the field of SinkhornDrifter, with the Gaussian kernel.
        n_features : int, default=1
            The dimension d.
    """,
}


@documented(_PARAMETERS)
def decay_rate(
    frequency: ArrayLike,
    bandwidth: ArrayLike,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: FieldName = "conservative",
    n_features: int = 1,
) -> NDArray[np.float64]:
    """Rate lambda at which a wave in the density of the particles decays.

    ``lambda = c u^2 Khat(u)``, ``u = bandwidth * frequency``, where Khat is the
    spectrum of the kernel itself for the conservative field, and of its sharp companion
    k# for the displacement and the sharp field. The factor c is 1, except for the
    displacement field, which divides by the density of k instead of k#: there it is
    ``int k# / int k``. For the Sinkhorn field ``lambda = (u^2 / 2) / sinh(u^2 / 2)``:
    plans see the mass at all distances, so that long waves decay at the rate 1.

    Parameters
    ----------
    frequency : array-like
        Length of the angular frequency xi, nonnegative, in radians per unit of length.
    bandwidth : array-like
        Bandwidth h of the kernel, positive, in units of length. Broadcasts with
        `frequency`.
    {kernel_and_field}

    Returns
    -------
    ndarray
        Rates per unit of time, the time in which a particle moves by its velocity, a
        displacement: per step of size 1.

    Raises
    ------
    ValueError
        If a parameter is invalid, or a required kernel has no finite integral.
    NotImplementedError
        If the field requires the sharp companion and the kernel does not define it.

    References
    ----------
    Turan and Ovsjanikov, *Generative Drifting is Secretly Score Matching*,
    arXiv:2603.09936 (Gaussian and Laplace displacement).

    Examples
    --------
    A wave with about the length of the bandwidth, and one with a quarter of it:

    >>> from skdrift.spectral import decay_rate
    >>> decay_rate([1, 4], bandwidth=1.0).round(4)
    array([0.6065, 0.0054])
    >>> decay_rate([1, 4], 1.0, kernel="laplace", field="displacement").round(4)
    array([0.5   , 0.1107])
    """
    frequency = _check("frequency", frequency, zero=True)
    u = frequency * _check("bandwidth", bandwidth)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    kernel = get_kernel(kernel)
    if field == "sinkhorn":
        return _sinkhorn_rate(u, kernel)
    kernel, gain = _density_kernel(kernel, field, n_features)
    with np.errstate(over="ignore", invalid="ignore"):
        rate = gain * u**2 * kernel.spectrum(u, n_features)
    if not np.all(np.isfinite(rate)):
        raise ValueError(
            "The decay rate is not finite: 'frequency' times 'bandwidth' reaches "
            f"{np.max(u):.3g}. Use smaller values."
        )
    return rate


@documented(_PARAMETERS)
def mode_amplitudes(
    frequency: ArrayLike,
    bandwidths: ArrayLike,
    step_size: ArrayLike = 1.0,
    *,
    kernel: KernelName | Kernel = "gaussian",
    field: FieldName = "conservative",
    n_features: int = 1,
) -> NDArray[np.float64]:
    """Amplitudes of waves along a flow, relative to their start.

    Every explicit Euler step multiplies the amplitude by ``1 - step_size * lambda``.
    This is the linear prediction for many particles whose distribution is close to data
    of a flat density.

    Parameters
    ----------
    frequency : array-like of shape (n_frequencies,)
        Lengths of angular frequencies, nonnegative.
    bandwidths : array-like of shape (n_steps,)
        Bandwidth of every step, positive, such as ``history_["bandwidth"][:-1]`` of
        a drifter.
    step_size : float or array-like of shape (n_steps,), default=1.0
        Step size as a multiple of the velocity, positive.
    {kernel_and_field}

    Returns
    -------
    ndarray of shape (n_steps + 1, n_frequencies)
        Amplitudes, 1 before the first step. Negative values are waves of opposite sign.

    Raises
    ------
    ValueError, NotImplementedError
        As :func:`decay_rate`, and if a shape is wrong.

    See Also
    --------
    skdrift.flow.annealing_schedule : Exponential annealing.

    Examples
    --------
    >>> from skdrift.spectral import mode_amplitudes
    >>> mode_amplitudes([1, 4], [1.0, 0.5, 0.25]).round(3)
    array([[1.   , 1.   ],
           [0.393, 0.995],
           [0.307, 0.456],
           [0.288, 0.179]])
    """
    frequency = _check("frequency", frequency, zero=True, n_dims=1)
    bandwidths = _check("bandwidths", bandwidths, n_dims=1)
    step_size = _check("step_size", step_size)
    if step_size.shape not in ((), bandwidths.shape):
        raise ValueError(
            f"The 'step_size' must be one number or one for each of the "
            f"{len(bandwidths)} bandwidths; got the shape {step_size.shape}."
        )
    rates = decay_rate(
        frequency,
        bandwidths[:, None],
        kernel=kernel,
        field=field,
        n_features=n_features,
    )
    factors = 1 - np.broadcast_to(step_size, bandwidths.shape)[:, None] * rates
    start = np.ones((1, len(frequency)))
    return np.cumprod(np.vstack([start, factors]), axis=0, dtype=np.float64)


@documented(_PARAMETERS)
def resolution_time(
    frequency: ArrayLike,
    bandwidth: ArrayLike,
    *,
    factor: float = 0.01,
    initial_bandwidth: float | None = None,
    kernel: KernelName | Kernel = "gaussian",
    field: FieldName = "conservative",
    n_features: int = 1,
) -> NDArray[np.float64]:
    """Time until a wave has decayed to a fraction of its amplitude.

    At a constant bandwidth it is ``log(1/factor) / lambda``. When the bandwidth is
    annealed from h_0 to h in the time T, ``h(t) = h_0 exp(-r t)`` with
    ``r = log(h_0/h) / T``, a wave decays by ``exp(-I/r)`` with ``I = int lambda dh/h``
    from h to h_0; the result is the time T for which this equals `factor`. For the
    Gaussian kernel I is 1 for every wave between the two scales, so that the time
    grows only with the logarithm of the frequency; at a constant bandwidth it grows
    like the exponential of its square.

    Parameters
    ----------
    frequency : array-like
        Lengths of angular frequencies, positive.
    bandwidth : float
        Constant bandwidth h, or the bandwidth at the end of the annealing.
    factor : float, default=0.01
        Fraction of the amplitude that remains, between 0 and 1.
    initial_bandwidth : float, default=None
        Bandwidth at the start of exponential annealing, larger than `bandwidth`; None
        for a constant bandwidth.
    {kernel_and_field}

    Returns
    -------
    ndarray
        Times, of the shape of `frequency`; infinite where the rate is 0 in floating
        point. Divide by the step size for the number of steps; at large rates somewhat
        fewer Euler steps are enough (see :func:`mode_amplitudes`).

    Raises
    ------
    ValueError, NotImplementedError
        As :func:`decay_rate`, and if `factor` or `initial_bandwidth` is out of range.

    References
    ----------
    Turan and Ovsjanikov, *Generative Drifting is Secretly Score Matching*,
    arXiv:2603.09936 (annealing).

    Examples
    --------
    A wave with the length of the bandwidth and two shorter ones, at that bandwidth and
    with annealing from four times to a 64th of it:

    >>> from skdrift.spectral import resolution_time
    >>> resolution_time([1, 4, 5], 1.0).astype(int)
    array([    7,   857, 49429])
    >>> resolution_time([1, 4, 5], 1 / 64, initial_bandwidth=4.0).astype(int)
    array([25, 25, 25])
    """
    frequency = _check("frequency", frequency)
    bandwidth = _check("bandwidth", bandwidth, n_dims=0)
    factor = _check("factor", factor, n_dims=0)
    if factor >= 1:
        raise ValueError(f"The 'factor' must be between 0 and 1; got {factor}.")
    options: Any = {"kernel": kernel, "field": field, "n_features": n_features}
    if initial_bandwidth is None:
        rate = decay_rate(frequency, bandwidth, **options)
    else:
        initial = _check("initial_bandwidth", initial_bandwidth, n_dims=0)
        rate = _mean_rate(frequency, bandwidth, initial, options)
    with np.errstate(divide="ignore"):
        return -np.log(factor) / rate


def _mean_rate(frequency, bandwidth, initial, options):
    """Mean rate over the bandwidths of an exponential annealing."""
    if initial <= bandwidth:
        raise ValueError(
            "The 'initial_bandwidth' must be larger than 'bandwidth', at which the "
            f"annealing ends; got {initial} and {bandwidth}."
        )
    nodes, weights = np.polynomial.legendre.leggauss(_N_NODES)
    h = bandwidth * (initial / bandwidth) ** (0.5 * (1 + nodes))
    return decay_rate(frequency[..., None], h, **options) @ (0.5 * weights)


def _sinkhorn_rate(u, kernel):
    """Rate of the Sinkhorn field: linear response of both plans to a wave."""
    if not kernel.is_own_slope:
        raise ValueError(
            "The field 'sinkhorn' has the Gaussian kernel, because its cost is the "
            f"squared distance; got kernel={kernel!r}. Use kernel='gaussian'."
        )
    with np.errstate(over="ignore"):
        t = 0.5 * np.square(u)
    # t / sinh(t), without overflow, and 1 at t = 0.
    far = np.exp(-t) / np.where(t > 0, -np.expm1(-2 * t), 1.0)
    return np.where(t > 0, 2 * np.minimum(t, np.finfo(float).max / 4) * far, 1.0)


def _density_kernel(kernel, field, d):
    """Kernel of the densities that the linearised field compares, and the factor c."""
    if field == "conservative":
        return kernel, 1.0
    if field == "sharp":
        return kernel.sharp(), 1.0
    if field == "displacement":
        sharp = kernel.sharp()
        return sharp, np.exp(kernel.log_normalizer(d) - sharp.log_normalizer(d))
    raise ValueError(
        "The 'field' must be 'conservative', 'displacement', 'sharp' or 'sinkhorn'; "
        f"got {field!r} instead."
    )


def _check(name, value, zero=False, n_dims=None):
    """Positive (or nonnegative) finite numbers in float64, with n_dims axes."""
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if not np.all((numbers >= 0 if zero else numbers > 0) & (numbers < np.inf)):
        kind = "nonnegative" if zero else "positive"
        raise ValueError(f"The '{name}' must be finite and {kind}; got {value!r}.")
    if n_dims is not None and numbers.ndim != n_dims:
        shape = "one number" if n_dims == 0 else "a 1-D array"
        raise ValueError(
            f"The '{name}' must be {shape}; got an array of shape {numbers.shape}."
        )
    return numbers
