"""Bounds of the theory from their constants, and the constants, against formulas."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal, norm

from skdrift._theory.sampling import density_draws
from skdrift.diagnostics import (
    coercivity,
    euler_bound,
    fisher_quadrature,
    interacting_lipschitz_constant,
    least_ball_mass,
    occupancy_probability,
    optimal_bandwidth,
    pair_distortion,
    quadrature_constants,
    quadrature_error,
    rate_bound,
    reciprocal_density,
    reciprocal_density_bound,
    residual_velocity,
    start_entropy,
    stein_drift,
)
from skdrift.engines import NumpyEngine
from skdrift.fields import DriftField, conservative, displacement
from skdrift.flow import evolve
from skdrift.kernels import Gaussian, Matern, RationalQuadratic

LAPLACE = Matern(0.5)

# -- the rate -------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("beta", [-0.5, 0.0, 1.2])
def test_rate_bound(d, beta):
    a, b, n = 0.7, 2.3, 400

    def last_two(h):
        return a / (n * h ** (d + 2)) + b * h ** (2 - beta)

    best = rate_bound(a, b, beta, n, d)
    least = minimize_scalar(last_two, bracket=(0.1, 0.5, 2.0), tol=1e-12)
    assert_allclose(best.total, least.fun, rtol=1e-9)
    assert best.bandwidth == optimal_bandwidth(a, b, beta, n, d)
    at_best = (d + 4 - beta) / (d + 2) * b * best.bandwidth ** (2 - beta)
    assert_allclose(best.total, at_best, rtol=1e-12)  # equation 27
    given = rate_bound(a, b, beta, n, d, bandwidth=0.4, entropy=1.5, time=3.0)
    assert_allclose(given.total, 0.5 + last_two(0.4), rtol=1e-12)
    assert_allclose(given.root**2, given.total)
    assert given.initial == 0.5
    # The root rate in N.
    ratio = rate_bound(a, b, beta, 16 * n, d).root / best.root
    assert_allclose(ratio, 16 ** (-(2 - beta) / (2 * (d + 4 - beta))), rtol=1e-12)


def test_entropy_of_a_normal_start():
    rng = np.random.default_rng(0)
    mean, covariance = np.array([0.5, -1.0]), np.array([[1.0, 0.4], [0.4, 0.6]])
    x = rng.multivariate_normal(mean, covariance, size=4000)
    log_f = multivariate_normal(mean, covariance).logpdf(x)
    # One row of data: the target is N(y, h^2 I).
    y, h = np.array([[0.2, 0.1]]), 0.9
    found = start_entropy(x, log_f, y, h)
    offset = mean - y[0]
    spread = (np.trace(covariance) + offset @ offset) / h**2
    exact = (spread - 2 - np.linalg.slogdet(covariance / h**2)[1]) / 2
    assert abs(found.value - exact) < 4 * found.error
    assert found.error < 0.05 * exact


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_entropy_is_relative_to_the_density_of_the_field(d, weighted):
    rng = np.random.default_rng(d)
    x, y, h = rng.standard_normal((9, d)), rng.standard_normal((5, d)), 0.7
    w = rng.uniform(0.5, 2, 5) if weighted else np.ones(5)
    r = np.linalg.norm(y - x[:, None], axis=2) / h

    def mean_log(profile):
        # The constant by an integral of its own.
        radial = quad(lambda s: s ** (d - 1) * profile(s), 0, np.inf)[0]
        area = {1: 2, 2: 2 * np.pi, 3: 4 * np.pi}[d]
        return np.log(profile(r) @ (w / w.sum()) / (area * radial * h**d)).mean()

    options = {"kernel": "laplace", "sample_weight": w if weighted else None}
    found = start_entropy(x, np.zeros(9), y, h, **options).value
    assert_allclose(found, -mean_log(lambda s: np.exp(-s)), rtol=1e-8)
    found = start_entropy(x, np.zeros(9), y, h, field="displacement", **options)
    assert_allclose(found.value, -mean_log(lambda s: (1 + s) * np.exp(-s)), rtol=1e-8)


# -- Euler steps ----------------------------------------------------------------------


def test_euler_bound_in_closed_form():
    # x' = x: exact solution e^t, steps (1 + eta)^n, speed at most e.
    for eta in (0.1, 0.01):
        error = np.e - (1 + eta) ** round(1 / eta)
        bound = euler_bound(1.0, np.e, eta, 1.0)
        assert error <= bound
        assert_allclose(bound, (np.e - 1) * np.e * eta / 2)
    assert euler_bound(0.0, 1.0, 0.1, 5.0) == 0
    assert_allclose(euler_bound(0.0, 1.0, 0.1, 5.0, regression_error=0.02), 1.0)
    assert_allclose(
        euler_bound(2.0, 0.0, 0.1, 1.0, regression_error=0.02),
        (np.exp(2) - 1) * 0.02 / 0.2,
    )
    assert euler_bound(1e6, 1.0, 0.1, 1.0) == np.inf


@pytest.mark.parametrize("name", ["conservative", "displacement"])
def test_euler_steps_of_an_ensemble_stay_within_the_bound(name):
    rng = np.random.default_rng(0)
    x, y, h, time = rng.standard_normal((12, 2)), rng.standard_normal((9, 2)), 0.8, 0.4
    options = {"kernel": "matern32", "field": name, "leave_one_out": True}
    profiles = {"conservative": conservative, "displacement": displacement}[name]
    field = DriftField(profiles(Matern(1.5)), True).bind(NumpyEngine(), y)

    def steps(n):
        flow = evolve(x, field.on_particles, np.full(n + 1, h), time / n, tol=0.0)
        return [*flow.trajectory, flow.particles]

    fine, coarse = steps(1024)[::256], steps(4)
    lipschitz = max(interacting_lipschitz_constant(z, y, h, **options) for z in fine)
    speed = max(np.sqrt(residual_velocity(z, y, h, **options)) for z in fine)
    error = max(
        np.sqrt(np.square(a - b).sum(axis=1).mean())
        for a, b in zip(fine, coarse, strict=True)
    )
    bound = euler_bound(1.02 * lipschitz, 1.02 * speed, time / 4, time)
    # Measured: 0.05 and 0.06 of the bound.
    assert 0.01 * bound < error < bound


# -- mass of balls --------------------------------------------------------------------


def test_mass_of_a_ball_in_the_corner_of_a_box():
    for d, volume in ((1, 2), (2, np.pi), (3, 4 * np.pi / 3)):
        mass = least_ball_mass(1.0, 0.2, d, thickness=0.5**d, radius=1.5)
        assert_allclose(mass, volume * 0.3**d / 2**d)
    rng = np.random.default_rng(0)
    inside = np.linalg.norm(rng.random((100_000, 2)), axis=1) <= 0.3
    expected = least_ball_mass(1.0, 0.2, 2, thickness=0.25, radius=1.5)
    assert abs(inside.mean() - expected) < 4 * inside.std() / np.sqrt(100_000)


def test_independent_starts_keep_their_neighbours_along_a_flow():
    # Corollary 5.9: independent draws, and the distortion of the flow.
    n, h, d = 3000, 0.6, 2
    rng = np.random.default_rng(0)
    y = rng.random((400, 2)) * (1.2, 0.9)
    field = DriftField(conservative(Gaussian())).bind(NumpyEngine(), y)
    x = rng.random((n, d))
    flow = evolve(x, field.on_particles, np.full(6, h), 0.05, tol=0.0)
    growth = 1.0
    for z in flow.trajectory:
        # L_t of Assumption 5.6, the largest ratio of velocities to distances.
        growth *= np.exp(0.05 * pair_distortion(z, field.on_particles(z, h)))
    assert pair_distortion(x, flow.particles) <= growth
    mass = least_ball_mass(1.0, h, d, thickness=0.25, radius=1 / growth)
    count, probability = occupancy_probability(n, mass)
    assert probability > 0.99
    bound = reciprocal_density_bound([count], h, d) * n
    for z in [*flow.trajectory, flow.particles]:
        assert reciprocal_density(z, h) <= bound


# -- quadrature smoothness ------------------------------------------------------------

SLOPES = {
    Gaussian(): 3 * [lambda r2: np.exp(-r2 / 2)],
    RationalQuadratic(4.0): [
        lambda r2: (1 + r2 / 8) ** -4,
        lambda r2: (1 + r2 / 8) ** -5,
        lambda r2: 1.25 * (1 + r2 / 8) ** -6,
    ],
}


def integrands(kernel, x, particles, data, w, h):
    """``s_p . V + div V`` and ``|V|^2`` in extended precision."""
    k, slope, curvature = SLOPES[kernel]
    terms = []
    for sources, weight in ((data, w), (particles, np.ones(len(particles)))):
        offset = (sources - x[:, None]).astype(np.longdouble)
        r2 = (offset**2).sum(axis=2) / h**2
        z = k(r2) @ weight
        score = np.einsum("qs,qsd->qd", weight * slope(r2), offset)
        score /= h**2 * z[:, None]
        bend = (weight * (curvature(r2) * r2 - x.shape[1] * slope(r2))).sum(axis=1)
        terms.append((score, bend / (h**2 * z) - (score**2).sum(axis=1)))
    (s_p, div_p), (s_q, div_q) = terms
    v = s_p - s_q
    return np.array([(s_p * v).sum(axis=1) + div_p - div_q, (v**2).sum(axis=1)])


@pytest.mark.parametrize("kernel", list(SLOPES), ids=str)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_quadrature_constants(kernel, d):
    rng = np.random.default_rng(d)
    x, y, w = rng.standard_normal((6, d)), rng.standard_normal((5, d)), rng.random(5)
    h = 0.9
    queries = rng.standard_normal((4, d))
    step = np.longdouble(1e-3)
    stencil = {-2: -1, -1: 16, 0: -30, 1: 16, 2: -1}

    def along(u):
        total = 0
        for j, c in stencil.items():
            at = queries.astype(np.longdouble) + j * step * u
            total = total + c * integrands(kernel, at, x, y, w, h)
        return (total / (12 * step**2)).astype(float)

    axes = np.eye(d)
    straight = [along(e) for e in axes]
    hessian = np.empty((2, 4, d, d))
    for i in range(d):
        for j in range(d):
            both = along(axes[i] + axes[j]) if i != j else 4 * straight[i]
            hessian[:, :, i, j] = (both - straight[i] - straight[j]) / 2
    expected = np.linalg.norm(hessian, 2, axis=(2, 3)).max(axis=1)
    found = quadrature_constants(
        x, y, h, kernel=kernel, sample_weight=w, queries=queries
    )
    assert_allclose((found.stein, found.residual), expected, rtol=1e-7)
    mu = kernel.second_moment(d)
    assert_allclose(found.bound, mu * h**2 / 2 * expected.sum(), rtol=1e-7)


def test_lemma_of_the_quadrature_error():
    # Both integrands are parabolas, where the bound is attained.
    y, h = np.linspace(-12, 14, 400)[:, None], 1.0
    w = norm.pdf(y[:, 0], 1.0, 2.0)
    x = np.zeros((1, 1))
    found = quadrature_constants(x, y, h, sample_weight=w, random_state=0)
    p = 2.0**2 + h**2
    slope = 1 / h**2 - 1 / p
    assert_allclose((found.stein, found.residual), (2 * slope / p, 2 * slope**2), 1e-6)
    fisher = fisher_quadrature(x, y, h, sample_weight=w).value
    errors = (
        stein_drift(x, y, h, sample_weight=w) - fisher,
        residual_velocity(x, y, h, sample_weight=w) / h**4 - fisher,
    )
    assert_allclose(np.abs(errors).sum(), found.bound, rtol=1e-6)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 80, 2))
    for kernel in ("gaussian", "matern52"):
        options = {"kernel": kernel, "random_state": 0, "n_samples": 80}
        bound = quadrature_constants(x, 2 * y, 0.8, **options).bound
        assert quadrature_error(x, 2 * y, 0.8, **options).total < bound
    with pytest.raises(ValueError, match=r"C\^4 kernel.*2\.6"):
        quadrature_constants(x, y, 0.8, kernel="matern32")
    with pytest.raises(ValueError, match="kink"):
        quadrature_constants(x, y, 0.8, kernel="laplace")


# -- coercivity -----------------------------------------------------------------------

# Profile, and the sharp companion.
SHARP = {
    LAPLACE: (lambda r: np.exp(-r), lambda r: (1 + r) * np.exp(-r)),
    Matern(1.5): (
        lambda r: (1 + r) * np.exp(-r),
        lambda r: (3 + 3 * r + r**2) * np.exp(-r),
    ),
    Gaussian(): 2 * (lambda r: np.exp(-(r**2) / 2),),
    RationalQuadratic(4.0): (
        lambda r: (1 + r**2 / 8) ** -4,
        lambda r: 4 / 3 * (1 + r**2 / 8) ** -3,
    ),
}


def parts_of(kernel, at, particles, data, w, h):
    """a_p, a_q, s_p, s_q, m_p, m_q from the definitions."""
    value, sharp = SHARP[kernel]
    found = []
    for sources, weight in ((data, w), (particles, np.ones(len(particles)))):
        offset = sources - at[:, None]
        r = np.linalg.norm(offset, axis=2) / h
        k, s = weight * value(r), weight * sharp(r)
        pulled = np.einsum("qs,qsd->qd", k, offset)
        a = h**2 * s.sum(axis=1) / k.sum(axis=1)
        score = pulled / (h**2 * s.sum(axis=1))[:, None]
        found.append((a, score, pulled / k.sum(axis=1)[:, None]))
    return [side[i] for i in range(3) for side in found]


@pytest.mark.parametrize("kernel", list(SHARP), ids=str)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_coercivity_is_the_mean_of_the_published_integrands(kernel, d):
    rng = np.random.default_rng(d)
    x, y, w = (
        rng.standard_normal((7, d)),
        1 + rng.standard_normal((6, d)),
        rng.random(6),
    )
    h = 0.8
    found = coercivity(
        x, y, h, kernel=kernel, sample_weight=w, n_samples=300, random_state=4
    )
    at = density_draws(x, kernel.sharp(), h, 300, 4)
    a_p, a_q, s_p, s_q, m_p, m_q = parts_of(kernel, at, x, y, w, h)
    v, r = m_p - m_q, (a_p - a_q)[:, None] * s_p
    square, left = (v**2).sum(axis=1), (r**2).sum(axis=1)
    expected = (
        np.mean(((s_p - s_q) * v).sum(axis=1)),
        square.mean(),
        left.mean(),
        np.mean(square / a_q),
        np.mean(left / a_q),
    )
    assert_allclose([e.value for e in found[:5]], expected, rtol=1e-8, atol=1e-14)
    low, high = a_q.min(), a_q.max()
    assert_allclose(found.scale_bounds, (low, high), rtol=1e-10)
    options = {"kernel": kernel, "field": "displacement", "leave_one_out": True}
    s_n = stein_drift(x, y, h, sample_weight=w, **options)
    r_n = residual_velocity(x, y, h, sample_weight=w, **options)
    assert_allclose(found.stein_error.value, s_n - expected[0], rtol=1e-7)
    assert_allclose(found.residual_error.value, r_n - expected[1], rtol=1e-7)
    # Both lower bounds, and the weaker consequences of the second.
    s, energy, mismatch = expected[0], expected[3], expected[4]
    assert found.uniform_bound <= s * (1 + 1e-10)
    assert found.weighted_bound <= s * (1 + 1e-10)
    assert energy / 2 - mismatch / 2 <= found.weighted_bound * (1 + 1e-10)
    assert energy / 4 - mismatch <= energy / 2 - mismatch / 2
    uniform = low / (4 * high**2) * expected[1]
    uniform -= (1 / (2 * low) + low / (2 * high**2)) * expected[2]
    assert_allclose(found.uniform_bound, uniform, rtol=1e-8)
    assert_allclose(found.weighted_floor**2, mismatch, atol=1e-14)
    if isinstance(kernel, Gaussian):
        assert mismatch < 1e-25  # V is h^2 times the score mismatch


@pytest.mark.parametrize("kernel", list(SHARP), ids=str)
def test_sharp_stein_identity(kernel):
    # int q# (s#_p . V + div V) = int q# (s#_p - s#_q) . V, on a line.
    rng = np.random.default_rng(0)
    x, y, w = rng.standard_normal((4, 1)), 1 + rng.standard_normal((3, 1)), np.ones(3)
    h = 0.8
    sharp = SHARP[kernel][1]
    mass = 2 * quad(sharp, 0, np.inf)[0] * h
    kinks = np.sort(np.concatenate((x, y))[:, 0])
    reach = 15 if isinstance(kernel, Gaussian) else 60
    ends = np.array([kinks[0] - reach, *kinks, kinks[-1] + reach])

    def at(points):
        _, _, s_p, s_q, m_p, m_q = parts_of(kernel, points, x, y, w, h)
        q = sharp(np.abs(points - x.T) / h).mean(axis=1) / mass
        return q, s_p[:, 0], s_q[:, 0], (m_p - m_q)[:, 0]

    node, weight = np.polynomial.legendre.leggauss(200)
    by_parts = by_definition = 0.0
    for low, high in pairwise(ends):
        points = ((low + high) / 2 + (high - low) / 2 * node)[:, None]
        q, s_p, s_q, v = at(points)
        step = 1e-4 * (high - low) / 60
        moved = [at(points + k * step)[3] for k in (-2, -1, 1, 2)]
        div = (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * step)
        scaled = (high - low) / 2 * weight
        by_parts += scaled @ (q * (s_p - s_q) * v)
        by_definition += scaled @ (q * (s_p * v + div))
    # Power-law tails are cut off.
    rtol = 1e-6 if isinstance(kernel, RationalQuadratic) else 1e-8
    assert_allclose(by_definition, by_parts, rtol=rtol)
    found = coercivity(x, y, h, kernel=kernel, n_samples=20_000, random_state=0)
    assert abs(found.stein.value - by_parts) < 4 * found.stein.error


# -- bad input ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: rate_bound(1, 1, 2.0, 10, 1), "below 2"),
        (lambda: rate_bound(1, 1, 0, 10, 1, bandwidth=-1.0), "bandwidth"),
        (lambda: rate_bound(1, 1, 0, 10, 1, entropy=-1.0), "entropy"),
        (lambda: rate_bound(1, 1, 0, 10, 1, time=0.0), "time"),
        (lambda: start_entropy([[0.0], [1.0]], [0.0], [[0.0]], 1.0), "2 rows of X"),
        (lambda: euler_bound(-1.0, 1.0, 0.1, 1.0), "lipschitz"),
        (lambda: euler_bound(1.0, np.inf, 0.1, 1.0), "'speed' must be finite"),
        (lambda: euler_bound(1.0, 1.0, 0.0, 1.0), "step_size"),
        (lambda: least_ball_mass(1.0, 2.0, 2), "above 1"),
        (lambda: least_ball_mass(1.0, 0.1, 2, thickness=1.5), "thickness"),
        (lambda: least_ball_mass(0.0, 0.1, 2), "density"),
        (lambda: coercivity([[0.0]], [[0.0]], 1.0), "at least 2 particles"),
        (
            lambda: coercivity(
                [[0.0], [1.0]], [[0.0]], 1.0, kernel=RationalQuadratic(0.5)
            ),
            "no sharp companion",
        ),
    ],
)
def test_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call()
