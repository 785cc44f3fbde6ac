"""Spectra of kernels, and the decay of single waves that follows from them."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import Sech
from scipy.integrate import quad
from scipy.special import gammaln, j0

from skdrift import ConservativeDrifter
from skdrift.engines import NumpyEngine
from skdrift.fields import DriftField, SinkhornField, conservative, displacement
from skdrift.flow import annealing_schedule
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic, get_kernel
from skdrift.spectral import decay_rate, mode_amplitudes, resolution_time

KERNELS = [
    Gaussian(),
    Matern(nu=0.5),
    Matern(nu=1.5),
    Matern(nu=3.5),
    RationalQuadratic(alpha=4.5),
    RationalQuadratic(alpha=5.5).sharp(),
]
U = np.array([0.0, 0.1, 0.7, 1.0, 2.5, 6.0])


# -- spectra ---------------------------------------------------------------------------

# Mean of exp(i u.z) over the sphere of radius r in R^d, and the weight of that sphere.
WAVES = {1: np.cos, 2: j0, 3: lambda t: np.sinc(t / np.pi)}


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_spectrum_is_the_fourier_transform_of_the_density(kernel, d):
    def integral(wave):
        def integrand(r):
            return wave(r) * r ** (d - 1) * kernel.profile(r)

        pieces = np.append(np.linspace(0, 40, 41), 400)  # tails up to r^-8
        return sum(
            quad(integrand, a, b, epsabs=1e-12, limit=400)[0]
            for a, b in pairwise(pieces)
        )

    mass = integral(lambda r: 1.0)
    expected = [integral(lambda r, u=u: WAVES[d](u * r)) / mass for u in U]
    assert_allclose(kernel.spectrum(U, d), expected, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS[:4], ids=repr)
@pytest.mark.parametrize("d", [1, 2, 5, 10])
def test_closed_forms_agree_with_the_numerical_spectrum(kernel, d):
    u = np.array([[0.0, 0.3], [2.0, 15.0]])
    assert_allclose(kernel.spectrum(u, d), Kernel.spectrum(kernel, u, d), atol=1e-10)


def test_numerical_spectrum_of_a_kernel_of_ones_own():
    u = np.linspace(0, 12, 7)
    assert_allclose(Sech().spectrum(u, 1), 1 / np.cosh(np.pi * u / 2), atol=1e-10)
    with pytest.raises(NotImplementedError, match=r"up to frequencies of .* Define"):
        Sech().spectrum([1.0, 1e4], 1)
    with pytest.raises(ValueError, match="no finite integral in 4 dimensions"):
        Kernel.spectrum(RationalQuadratic(alpha=2.0), 1.0, 4)


@pytest.mark.parametrize("order", [0.02, 0.5, 3.0, 49.9, 50.1, 200.0, 3e4])
def test_rational_quadratic_spectrum_is_a_gamma_mixture_of_gaussians(order):
    kernel, d = RationalQuadratic(alpha=order + 1.5), 3
    u = np.array([1e-3, 0.2, 1.0, 3.0])
    # k is the mean of exp(-s r^2 / (2 alpha)), s a Gamma variable.
    log_s = np.linspace(-50 / min(order, order**0.5), 12, 400_001)
    log_density = order * log_s - np.exp(log_s) * order
    log_density += order * np.log(order) - gammaln(order)
    density = np.exp(log_density) * (log_s[1] - log_s[0])
    with np.errstate(over="ignore"):
        half = 0.5 * kernel.alpha * np.exp(-log_s) / order
        expected = [density @ np.exp(-(v**2) * half) for v in u]
    assert_allclose(kernel.spectrum(u, d), expected, rtol=5e-9)


def test_spectrum_at_the_ends():
    for kernel in [*KERNELS, RationalQuadratic(alpha=1e12), RationalQuadratic(0.51)]:
        with np.errstate(all="raise", under="ignore"):
            assert kernel.spectrum(0.0, 1) == 1
            assert 0 <= kernel.spectrum(1e6, 1) < 1e-5
    assert_allclose(
        RationalQuadratic(alpha=1e10).spectrum(U, 2), np.exp(-(U**2) / 2), rtol=1e-7
    )
    with pytest.raises(ValueError, match="no finite integral in 4 dimensions"):
        RationalQuadratic(alpha=2.0).spectrum(1.0, 4)
    with pytest.raises(ValueError, match="no finite integral in 2 dimensions"):
        RationalQuadratic(alpha=2.0).sharp().spectrum(1.0, 2)
    with pytest.raises(ValueError, match="'nu' parameter"):
        Matern(nu=1).spectrum(1.0, 2)


# -- rates -----------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3, 10])
@pytest.mark.parametrize(
    ("kernel", "field", "rate"),
    [
        ("gaussian", "conservative", lambda u, d: u**2 * np.exp(-(u**2) / 2)),
        ("gaussian", "displacement", lambda u, d: u**2 * np.exp(-(u**2) / 2)),
        ("gaussian", "sharp", lambda u, d: u**2 * np.exp(-(u**2) / 2)),
        (
            "laplace",
            "displacement",
            lambda u, d: (d + 1) * u**2 * (1 + u**2) ** (-(d + 3) / 2),
        ),
        ("laplace", "sharp", lambda u, d: u**2 * (1 + u**2) ** (-(d + 3) / 2)),
        ("laplace", "conservative", lambda u, d: u**2 * (1 + u**2) ** (-(d + 1) / 2)),
    ],
)
def test_rates_are_the_published_ones(kernel, field, rate, d):
    frequency, bandwidth = np.array([[0.0], [0.5], [3.0]]), np.array([0.1, 2.0])
    found = decay_rate(frequency, bandwidth, kernel=kernel, field=field, n_features=d)
    assert_allclose(found, rate(frequency * bandwidth, d), rtol=1e-12)


FIELDS = {
    "conservative": conservative,
    "displacement": displacement,
    "sharp": lambda kernel: conservative(kernel.sharp()),
}


# Without the gradient of the Laplace kernel: its kink shows the grid (see below).
@pytest.mark.parametrize(
    ("kernel", "field"),
    [
        (Gaussian(), "conservative"),
        (Matern(0.5), "displacement"),
        (Matern(0.5), "sharp"),
        (Matern(1.5), "conservative"),
        (Matern(1.5), "displacement"),
        (Matern(1.5), "sharp"),
    ],
)
@pytest.mark.parametrize("h", [0.7, 2.0])
def test_rate_is_the_response_of_the_field_in_two_columns(kernel, field, h):
    # A flat grid of particles, moved by a small wave along the first column. The
    # field answers with a wave of the opposite sign, lambda times as high.
    n, height, n_images = 24, 1e-4, 5
    spacing = 2 * np.pi / n
    first = spacing * np.arange(-n_images * n, (n_images + 1) * n)
    second = spacing * np.arange(-100, 101)
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), -1).reshape(-1, 2)
    wave = height * np.sin(grid[:, :1])
    particles = grid + wave * [1, 0]
    bound = DriftField(FIELDS[field](kernel)).bind(
        NumpyEngine(), grid + 0.5 * spacing * np.array([1, 1])
    )
    queried = (grid[:, 1] == 0) & (0 <= grid[:, 0]) & (grid[:, 0] < 2 * np.pi - 1e-9)
    queries = np.ascontiguousarray(particles[queried])
    assert len(queries) == n
    velocity = bound.at(queries, particles, h)[:, 0]
    wave = wave[queried, 0]
    rate = decay_rate(1.0, h, kernel=kernel, field=field, n_features=2)
    assert_allclose(-(wave @ velocity) / (wave @ wave), rate, rtol=0.01)


# -- waves in a flow -------------------------------------------------------------------


def flow_of_a_wave(profiles, bandwidths, n, height, step_size):
    """Amplitudes of the wave exp(i x) of n particles on the line, all periods alike.

    The particles sit at the quantiles of the density 1 + height cos(x) on a circle of
    one wave, the data evenly on it; the field sees both with their periodic images.
    """
    period = 2 * np.pi
    quantiles = period * (np.arange(n) + 0.5) / n
    x = quantiles
    for _ in range(50):
        x = quantiles - height * np.sin(x)
    n_images = int(np.ceil(16 * max(bandwidths) / period))
    shifts = period * np.arange(-n_images, n_images + 1)

    def with_images(x):
        return np.add.outer(shifts, x).reshape(-1, 1)

    data = with_images(quantiles + 0.3 * period / n)
    bound = DriftField(profiles).bind(NumpyEngine(), data)
    amplitudes = [np.abs(np.mean(np.exp(-1j * x)))]
    for h in bandwidths:
        x = x + step_size * bound.at(x[:, None], with_images(x), h)[:, 0]
        amplitudes.append(np.abs(np.mean(np.exp(-1j * x))))
    assert_allclose(amplitudes[0], height / 2, rtol=1e-3)
    return np.array(amplitudes) / amplitudes[0]


# Number of particles, height of the wave, step size and the errors allowed, of the
# starting amplitude and of the amplitude while it is above 0.05. Where the kernel has a
# kink, particles notice a wave only that moves them by several spacings of its sources.
WAVE_CASES = [
    ("gaussian", "conservative", 128, 0.05, 1.0, 0.002, 0.01),
    ("laplace", "displacement", 128, 0.05, 1.0, 0.002, 0.01),
    ("laplace", "sharp", 128, 0.05, 1.0, 0.002, 0.01),
    ("laplace", "conservative", 400, 0.2, 0.25, 0.02, 0.1),
]
SCHEDULES = {
    "0.5": np.full(8, 0.5),
    "1": np.full(8, 1.0),
    "2": np.full(8, 2.0),
    "4": np.full(8, 4.0),
    "annealed": annealing_schedule(4.0, 0.25, 12, 16)[:-1],
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    ("kernel", "field", "n", "height", "step_size", "of_start", "relative"), WAVE_CASES
)
def test_waves_decay_as_predicted(
    kernel, field, n, height, step_size, of_start, relative, schedule
):
    bandwidths = SCHEDULES[schedule]
    profiles = FIELDS[field](get_kernel(kernel))
    measured = flow_of_a_wave(profiles, bandwidths, n, height, step_size)
    predicted = mode_amplitudes(
        [1.0], bandwidths, step_size, kernel=kernel, field=field
    )[:, 0]
    assert_allclose(measured, predicted, atol=of_start)
    seen = predicted > 0.05
    assert_allclose(measured[seen], predicted[seen], rtol=relative)


def test_the_bottleneck_of_the_gaussian_and_its_cures():
    stuck = flow_of_a_wave(conservative(Gaussian()), np.full(30, 4.0), 128, 0.05, 1.0)
    assert stuck[-1] > 0.8
    schedule = annealing_schedule(4.0, 0.25, 20, 30)[:-1]
    annealed = flow_of_a_wave(conservative(Gaussian()), schedule, 128, 0.05, 1.0)
    assert annealed[-1] < 0.001
    laplace = flow_of_a_wave(displacement(Matern(0.5)), np.full(30, 4.0), 128, 0.05, 1)
    assert laplace[-1] < 0.05


# -- predictions -----------------------------------------------------------------------


def test_amplitudes_are_products_of_euler_factors():
    frequency, h, step = np.array([0.0, 1.0, 3.0]), [2.0, 1.0, 0.5], [1.0, 0.5, 2.0]
    options = {"kernel": "laplace", "field": "sharp", "n_features": 3}
    found = mode_amplitudes(frequency, h, step, **options)
    assert_allclose(found[:2], [np.ones(3), 1 - decay_rate(frequency, 2.0, **options)])
    factors = [
        1 - eta * decay_rate(frequency, b, **options)
        for b, eta in zip(h, step, strict=True)
    ]
    assert_allclose(found[3], np.prod(factors, axis=0))
    assert mode_amplitudes([1.0], []).tolist() == [[1.0]]


def test_amplitudes_along_the_schedule_of_a_drifter():
    rows = np.random.default_rng(0).standard_normal((80, 2))
    history = ConservativeDrifter(start="gaussian", random_state=0).fit(rows).history_
    found = mode_amplitudes(
        [1.0, 4.0], history["bandwidth"][:-1], history["step_size"][:-1], n_features=2
    )
    assert found.shape == (len(history["bandwidth"]), 2)
    assert np.all(np.diff(found, axis=0) < 0)


@pytest.mark.parametrize(
    ("kernel", "field"),
    [("gaussian", "conservative"), ("laplace", "displacement"), ("laplace", "sharp")],
)
@pytest.mark.parametrize("initial", [None, 3.0])
def test_resolution_time_is_that_of_small_steps(kernel, field, initial):
    frequency, h, step, factor = np.array([0.5, 2.0, 6.0]), 0.4, 1e-3, 0.3
    options = {"kernel": kernel, "field": field, "n_features": 2}
    times = resolution_time(
        frequency, h, factor=factor, initial_bandwidth=initial, **options
    )
    for xi, time in zip(frequency, times, strict=True):
        n_steps = round(time / step)
        schedule = np.full(n_steps, h)
        if initial is not None:
            schedule = annealing_schedule(initial, h, n_steps, n_steps)[:-1]
        amplitudes = mode_amplitudes([xi], schedule, step, **options)
        assert_allclose(amplitudes[-1], factor, rtol=2e-3)


def test_annealing_resolves_every_scale_in_the_same_time():
    # Closed form of the integral of lambda over log h, and its limit 1.
    xi, h0, h = np.array([1.0, 4.0, 16.0, 64.0]), 20.0, 1 / 400
    integral = np.exp(-((xi * h) ** 2) / 2) - np.exp(-((xi * h0) ** 2) / 2)
    times = resolution_time(xi, h, factor=0.1, initial_bandwidth=h0)
    assert_allclose(times, np.log(10) * np.log(h0 / h) / integral, rtol=1e-9)
    rate = np.log(h0 / h) / times  # a wave decays by exp(-1/r), whatever its frequency
    assert_allclose(rate, 1 / np.log(10), rtol=0.015)
    # Matérn kernels: int u (1 + u^2)^-s du
    times = resolution_time(
        xi, h, factor=0.1, initial_bandwidth=h0, kernel="laplace", field="displacement"
    )
    integral = 1 / (1 + (xi * h) ** 2) - 1 / (1 + (xi * h0) ** 2)
    assert_allclose(times, np.log(10) * np.log(h0 / h) / integral, rtol=1e-9)


def test_at_a_constant_bandwidth_the_gaussian_takes_exponentially_long():
    times = resolution_time([4.0, 8.0, 100.0], 1.0)
    assert_allclose(times[1] / times[0], np.exp(24) / 4)
    assert times[2] == np.inf
    slow = resolution_time([1e3, 1e4], 1.0, kernel="laplace", field="displacement")
    assert_allclose(slow[1] / slow[0], 100, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: decay_rate(-1.0, 1.0), "'frequency' must be finite and nonnegative"),
        (lambda: decay_rate(np.nan, 1.0), "'frequency' must be finite"),
        (lambda: decay_rate("low", 1.0), "'frequency' must be finite"),
        (lambda: decay_rate(1.0, 0.0), "'bandwidth' must be finite and positive"),
        (lambda: decay_rate(1.0, 1.0, field="drift"), "'field' must be .* 'drift'"),
        (lambda: decay_rate(1.0, 1.0, kernel="flat"), "'kernel' must be one of"),
        (lambda: decay_rate(1.0, 1.0, n_features=0), "n_features"),
        (lambda: decay_rate(1e200, 1.0), "not finite: .* reaches 1e\\+200"),
        (
            lambda: decay_rate(1, 1, kernel="rational_quadratic", n_features=4),
            "no finite integral in 4",
        ),
        (lambda: mode_amplitudes(1.0, [1.0]), "'frequency' must be a 1-D array"),
        (lambda: mode_amplitudes([1.0], 1.0), "'bandwidths' must be a 1-D array"),
        (lambda: mode_amplitudes([1.0], [1.0, -1.0]), "'bandwidths' must be finite"),
        (lambda: mode_amplitudes([1.0], [1.0], 0), "'step_size' must be finite"),
        (lambda: mode_amplitudes([1.0], [1.0], [1, 1]), "each of the 1 bandwidths"),
        (lambda: resolution_time(0.0, 1.0), "'frequency' must be finite and positive"),
        (lambda: resolution_time(1.0, [1.0, 2.0]), "'bandwidth' must be one number"),
        (lambda: resolution_time(1.0, 1.0, factor=1.0), "'factor' must be between"),
        (
            lambda: resolution_time(1.0, 1.0, initial_bandwidth=0.5),
            "'initial_bandwidth' must be larger",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_kernels_without_a_companion_have_no_rate_of_its_field():
    assert_allclose(decay_rate(1.0, 1.0, kernel=Sech()), 1 / np.cosh(np.pi / 2))
    with pytest.raises(NotImplementedError, match=r"define sharp\(\)"):
        decay_rate(1.0, 1.0, kernel=Sech(), field="sharp")


# -- plans ----------------------------------------------------------------------------


def rate_on_a_circle(h, m, n=128):
    """Decay of ``cos(m x)``, by plans between densities on a grid of the circle."""
    x = np.arange(n) * 2 * np.pi / n
    offset = x - x[:, None] + 2 * np.pi * np.arange(-6, 7)[:, None, None]
    k = np.exp(-(offset**2) / (2 * h**2))
    shift, kernel = (k * offset).sum(axis=0), k.sum(axis=0)
    small, even = 1e-6, np.full(n, 1 / n)
    q = even * (1 + small * np.cos(m * x))
    there, back, own = np.ones(n), np.ones(n), np.ones(n)
    for _ in range(2000):
        there = 1 / (kernel @ (back * even))
        back = 1 / (kernel @ (there * q))
        own = np.sqrt(own / (kernel @ (own * q)))
    maps = (shift @ w / (kernel @ w) for w in (back * even, own * q))
    flux = np.fft.fft(n * q * np.subtract(*maps))
    divergence = np.fft.ifft(1j * np.fft.fftfreq(n, 1 / n) * flux).real
    return 2 * np.mean(divergence * np.cos(m * x)) / small


@pytest.mark.parametrize(("h", "m"), [(0.5, 1), (0.5, 2), (0.5, 4), (0.3, 5)])
def test_rate_of_plans_on_a_circle(h, m):
    # Measured: within 2e-9.
    assert_allclose(decay_rate(m, h, field="sinkhorn"), rate_on_a_circle(h, m), 1e-7)


def test_rate_of_the_sinkhorn_field():
    # Particles that are displaced by a wave, far from the ends of their row.
    x = np.arange(-96, 97)[:, None] * 0.125
    wave = np.sin(2.5 * x)
    field = SinkhornField(tol=1e-11, max_iter=5000).bind(NumpyEngine(), x)
    middle = np.abs(x[:, 0]) < 4
    v = field.on_particles(x + 1e-4 * wave * np.exp(-((x / 8) ** 8)), 0.6)[middle]
    found = -(v * wave[middle]).sum() / (1e-4 * np.square(wave[middle]).sum())
    # Measured: 2e-4, from the ends.
    assert_allclose(found, decay_rate(2.5, 0.6, field="sinkhorn"), rtol=2e-3)


def test_rates_of_plans_in_the_limits():
    u = np.array([0.0, 1e-8, 1e-3, 3.0, 50.0, 1e5, 1e200])
    rate = decay_rate(u, 1.0, field="sinkhorn", n_features=3)
    assert_allclose(rate[:3], 1, rtol=1e-6)
    assert_allclose(rate[3], 4.5 / np.sinh(4.5), rtol=1e-14)
    assert np.all(rate[4:] < 1e-300)
    assert np.all(np.diff(rate[1:5]) <= 0)
    factors = mode_amplitudes([0.1], [1.0, 1.0], field="sinkhorn")
    assert_allclose(factors[:, 0], [1, 0, 0], atol=1e-4)
    assert resolution_time([0.1], 1.0, field="sinkhorn") < 5
    with pytest.raises(ValueError, match="Use kernel='gaussian'"):
        decay_rate(1.0, 1.0, kernel="laplace", field="sinkhorn")
