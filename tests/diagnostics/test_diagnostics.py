"""The finite-particle quantities against the published formulas, and the report."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Sech
from problems import WINE_3D as WINE
from scipy.integrate import quad
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.exceptions import NotFittedError

from skdrift import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from skdrift._theory.ensemble import Ensemble, Places
from skdrift.diagnostics import (
    admissible_step,
    circulation,
    curl,
    diagnose,
    effective_sample_size,
    entropy_balance,
    field_jacobian,
    fisher_discrepancy,
    fisher_quadrature,
    lipschitz_constant,
    local_occupancy,
    occupancy_probability,
    one_step_bound,
    quadrature_error,
    reciprocal_density,
    reciprocal_density_bound,
    residual_velocity,
    scale_decomposition,
    scale_mismatch,
    self_interaction,
    stein_drift,
)
from skdrift.flow._stops import root_mean_square
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic

# k, its slope and the slope of that, as they are published; r2 may be complex.
FORMULAS = {
    Gaussian: (3 * [lambda r2: np.exp(-r2 / 2)]),
    Matern: [
        lambda r2: (3 + 3 * np.sqrt(r2) + r2) * np.exp(-np.sqrt(r2)),
        lambda r2: (1 + np.sqrt(r2)) * np.exp(-np.sqrt(r2)),
        lambda r2: np.exp(-np.sqrt(r2)),
    ],
    RationalQuadratic: [
        lambda r2: (1 + r2 / 8) ** -4,
        lambda r2: (1 + r2 / 8) ** -5,
        lambda r2: 1.25 * (1 + r2 / 8) ** -6,
    ],
}
SMOOTH = [Gaussian(), Matern(2.5), RationalQuadratic(4.0)]
H = 0.7
smooth = pytest.mark.parametrize("kernel", SMOOTH, ids=str)


def clouds(d, n=11, m=9, seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((n, d)), 0.4 + 1.3 * rng.standard_normal((m, d))
    return x, y, rng.uniform(0.2, 2.0, m)


def density_and_score(kernel, x, sources, weight=None):
    """Sum of weights and kernels, its score and divergence of that, at rows x."""
    k, slope, curvature = FORMULAS[type(kernel)]
    w = np.ones(len(sources)) if weight is None else weight
    w = w / w.sum()
    offset = sources[None] - x[:, None]
    r2 = (offset**2).sum(axis=2) / H**2
    z = k(r2) @ w
    score = np.einsum("qs,qsd->qd", w * slope(r2), offset) / (H**2 * z[:, None])
    bending = (w * (curvature(r2) * r2 - x.shape[1] * slope(r2))).sum(axis=1)
    divergence = bending / (H**2 * z) - (score**2).sum(axis=1)
    return z, score, divergence


def divergence_of_particle(kernel, x, y, w, i, leave_one_out):
    """Of the velocity of particle i as it moves with its own term: complex steps."""
    total = 0.0
    for column in range(x.shape[1]):
        moved = x.astype(complex)
        moved[i, column] += 1e-30j
        others = np.delete(moved, i, axis=0) if leave_one_out else moved
        s_p = density_and_score(kernel, moved[[i]], y.astype(complex), w)[1]
        s_q = density_and_score(kernel, moved[[i]], others)[1]
        total += (s_p - s_q)[0, column].imag / 1e-30
    return total


# -- entropy --------------------------------------------------------------------------


@smooth
@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_moving_a_particle_moves_its_density(kernel, d, leave_one_out):
    x, y, w = clouds(d)
    arguments = dict(kernel=kernel, leave_one_out=leave_one_out, sample_weight=w)
    frozen = np.trace(field_jacobian(x, y, H, **arguments), axis1=1, axis2=2) / H**2
    moving = np.array(
        [divergence_of_particle(kernel, x, y, w, i, leave_one_out) for i in range(11)]
    )
    own = 0.0
    if not leave_one_out:
        constant = np.exp(kernel.log_normalizer(d)) / H**d
        q = constant * density_and_score(kernel, x, x)[0]
        own = kernel.laplacian_at_zero(d) / H ** (d + 2) / (len(x) * q)
        assert_allclose(self_interaction(x, H, kernel=kernel), -own.mean(), rtol=1e-8)
    assert_allclose(moving, frozen + own, rtol=1e-8, atol=1e-9)

    # d/dt of the joint entropy is minus what the whole divergence and s_p.V add up to.
    s_p = density_and_score(kernel, x, y, w)[1]
    velocity = np.array(
        [
            s_p[i]
            - density_and_score(
                kernel, x[[i]], np.delete(x, i, axis=0) if leave_one_out else x
            )[1][0]
            for i in range(11)
        ]
    )
    change = -np.mean((s_p * velocity).sum(axis=1) + moving)
    assert_allclose(entropy_balance(x, y, H, **arguments), change, rtol=1e-8)
    assert_allclose(
        residual_velocity(x, y, H, **arguments) / H**4,
        np.mean((velocity**2).sum(axis=1)),
        rtol=1e-10,
    )


@smooth
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_stein_drift(kernel, d):
    x, y, w = clouds(d)
    _, s_p, div_p = density_and_score(kernel, x, y, w)
    _, s_q, div_q = density_and_score(kernel, x, x)
    expected = np.mean((s_p * (s_p - s_q)).sum(axis=1) + div_p - div_q)
    found = stein_drift(x, y, H, kernel=kernel, sample_weight=w)
    assert_allclose(found, expected, rtol=1e-8)


def test_stein_drift_of_the_displacement_field():
    # Equation 55, with the derivative of the mean shift by finite differences.
    x, y, w = clouds(2)

    def mean_shift(at, sources, weight):
        r = np.linalg.norm(sources - at, axis=1)
        k = weight * np.exp(-r / H)
        return k @ (sources - at) / k.sum()

    def sharp_score(at):
        r = np.linalg.norm(y - at, axis=1)
        k = w * np.exp(-r / H)
        return k @ (y - at) / (H**2 * (1 + r / H) @ k)

    terms = []
    for i, at in enumerate(x):
        others = np.delete(x, i, axis=0)

        def v(z, others=others):
            return mean_shift(z, y, w) - mean_shift(z, others, np.ones(len(others)))

        steps = 1e-5 * np.eye(2)
        divergence = sum((v(at + e) - v(at - e))[c] / 2e-5 for c, e in enumerate(steps))
        terms.append(sharp_score(at) @ v(at) + divergence)
    found = stein_drift(
        x,
        y,
        H,
        kernel="laplace",
        field="displacement",
        leave_one_out=True,
        sample_weight=w,
    )
    assert_allclose(found, np.mean(terms), rtol=1e-7)
    options = dict(kernel="laplace", field="displacement", leave_one_out=True)
    assert entropy_balance(x, y, H, sample_weight=w, **options) == -found


def grid(d, reach, step):
    axis = np.arange(-reach, reach + step / 2, step)
    return np.stack(np.meshgrid(*d * [axis], indexing="ij"), axis=-1).reshape(-1, d)


@smooth
@pytest.mark.parametrize("d", [1, 2])
def test_stein_identity(kernel, d):
    # int q (s_p . V + div V) = int q |V|^2. In 2-D the grid is as fine as a kernel
    # with a fifth derivative that jumps needs.
    x, y, w = clouds(d, n=5, m=4)
    found = fisher_quadrature(x, y, H, kernel=kernel, sample_weight=w)
    step = {1: H / 100, 2: H / (16 if kernel == SMOOTH[1] else 8)}[d]
    stein = 0.0
    reach = 12 if kernel == SMOOTH[0] else {1: 40 * H, 2: 30 * H}[d]
    points = grid(d, reach, step)
    for part in np.array_split(points, max(1, len(points) // 50_000)):
        _, s_p, div_p = density_and_score(kernel, part, y, w)
        q, s_q, div_q = density_and_score(kernel, part, x)
        stein += q @ ((s_p * (s_p - s_q)).sum(axis=1) + div_p - div_q)
    stein *= np.exp(kernel.log_normalizer(d)) * (step / H) ** d
    assert_allclose(found.value, stein, rtol=1e-8)
    assert found.error < 1e-7 * found.value


@pytest.mark.parametrize("kernel", [*SMOOTH, Matern(0.5), Matern(1.5)], ids=str)
@pytest.mark.parametrize("d", [1, 2])
def test_monte_carlo_agrees_with_quadrature(kernel, d):
    x, y, w = clouds(d)
    exact = fisher_quadrature(x, y, H, kernel=kernel, sample_weight=w, rtol=1e-4)
    drawn = fisher_discrepancy(
        x, y, H, kernel=kernel, sample_weight=w, n_samples=20_000, random_state=0
    )
    assert abs(drawn.value - exact.value) < 3 * drawn.error
    assert drawn.error < 0.05 * drawn.value


def test_fisher_of_two_gaussians():
    # One particle and one row: V is the offset over h^2, everywhere.
    found = fisher_quadrature([[0.0, 1.0]], [[3.0, 5.0]], 2.0)
    assert_allclose(found.value, 25 / 2.0**4, rtol=1e-10)


@pytest.mark.parametrize(
    "kernel",
    [*SMOOTH, Matern(0.5), Matern(1.5), RationalQuadratic(6.0).sharp(), Sech()],
    ids=str,
)
@pytest.mark.parametrize("d", [1, 3])
def test_kernel_noise(kernel, d):
    z = kernel.noise(40_000, d, np.random.RandomState(0))
    radii = np.linalg.norm(z, axis=1)

    def mean(power):
        def radial(r):
            return r ** (d - 1 + power) * float(kernel.profile(np.float64(r)))

        return quad(radial, 1e-12, np.inf, limit=200)[0]

    for power in (1, 2):
        sample = radii**power
        error = sample.std() / np.sqrt(len(sample))
        assert abs(sample.mean() - mean(power) / mean(0)) < 3.5 * error
    assert_allclose(z.mean(axis=0), 0, atol=4 * z.std() / 200)


# -- densities and counts -------------------------------------------------------------


@smooth
@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("radius", [0.5, 2.0])
def test_reciprocal_density_and_its_bound(kernel, d, radius):
    x = clouds(d, n=300)[0]
    constant = np.exp(kernel.log_normalizer(d)) / H**d
    q = constant * density_and_score(kernel, x, x)[0]
    mean = reciprocal_density(x, H, kernel=kernel)
    assert_allclose(mean, np.mean(1 / q), rtol=1e-10)
    counts = local_occupancy(x, H, radius=radius)
    assert_array_equal(counts, (cdist(x, x) <= radius * H).sum(axis=1))
    bound = reciprocal_density_bound(counts, H, d, kernel=kernel, radius=radius)
    kappa = np.exp(kernel.log_normalizer(d)) * kernel.profile(radius)
    published = 1 / (kappa * counts.min() / (len(x) * H**d))
    assert mean <= bound <= published * (1 + 1e-12)
    assert bound >= 1.05 * mean


def test_the_bound_holds_for_kernels_that_rise():
    class Ring(Kernel):
        def log_profile(self, r2):
            return np.log(0.1 + r2) - r2

        def slope_ratio(self, r2):
            return 2 - 2 / (0.1 + r2)

    x = np.zeros((4, 1))
    bound = reciprocal_density_bound([4] * 4, 1.0, 1, kernel=Ring(), radius=1.0)
    assert_allclose(bound, reciprocal_density(x, 1.0, kernel=Ring()))


def test_chernoff_bound_of_independent_draws():
    # Uniform on a circle of length 1: balls of radius 0.08 have the mass 0.16.
    n, runs = 400, 200
    count, probability = occupancy_probability(n, 0.16)
    assert_allclose(count, 1 + 399 * 0.16 / 2)
    assert_allclose(probability, 1 - n * np.exp(-399 * 0.16 / 8))
    rng = np.random.default_rng(0)
    met = 0
    for _ in range(runs):
        u = rng.random(n)
        gap = np.abs(u[:, None] - u)
        met += (np.minimum(gap, 1 - gap) <= 0.08).sum(axis=1).min() >= count
    assert met / runs >= probability > 0.8
    assert occupancy_probability(10, 0.01).probability == 0
    assert occupancy_probability(2000, 0.1).probability > 0.99


@pytest.mark.parametrize("kernel", [*SMOOTH, Matern(0.5)], ids=str)
def test_effective_sample_size(kernel):
    x, y, w = clouds(3)
    a = w * kernel.profile(cdist(x, y) / H)
    expected = a.sum(axis=1) ** 2 / (a**2).sum(axis=1)
    found = effective_sample_size(x, y, H, kernel=kernel, sample_weight=w)
    assert_allclose(found, expected, rtol=1e-10)
    a = kernel.profile(cdist(x, x) / H)
    np.fill_diagonal(a, 0)
    expected = a.sum(axis=1) ** 2 / (a**2).sum(axis=1)
    found = effective_sample_size(x, x, H, kernel=kernel, leave_one_out=True)
    assert_allclose(found, expected, rtol=1e-10)
    alike = effective_sample_size([[0.0]], np.ones((5, 1)), H, kernel=kernel)
    assert_allclose(alike, 5)


def test_a_far_point_sees_one_source():
    # Far from everything exp underflows, the weights do not.
    assert_allclose(effective_sample_size([[1e3]], [[0.0], [1.0]], 0.1), 1)


# -- the displacement field -----------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_scale_decomposition_of_the_laplace_field(d):
    x, y, w = clouds(d)
    parts = scale_decomposition(x, y, H, sample_weight=w)

    def terms(sources, weight):
        r = cdist(x, sources)
        k = weight * np.exp(-r / H)
        offset = sources[None] - x[:, None]
        shift = np.einsum("qs,qsd->qd", k, offset) / k.sum(axis=1)[:, None]
        sharp = (k * (1 + r / H)).sum(axis=1)
        score = np.einsum("qs,qsd->qd", k, offset) / (H**2 * sharp)[:, None]
        return shift, H**2 + H * (k * r).sum(axis=1) / k.sum(axis=1), score

    m_p, a_p, s_p = terms(y, w)
    m_q, a_q, s_q = terms(x, np.ones(len(x)))
    assert_allclose(parts.scale_data, a_p, rtol=1e-10)
    assert_allclose(parts.scale_model, a_q, rtol=1e-10)
    assert_allclose(parts.score_data, s_p, rtol=1e-10, atol=1e-12)
    assert_allclose(parts.score_model, s_q, rtol=1e-10, atol=1e-12)
    assert_allclose(parts.mismatch + parts.residual, m_p - m_q, rtol=1e-8, atol=1e-12)
    assert parts.bounds == (parts.scale_model.min(), parts.scale_model.max())
    bound = np.abs(a_p - a_q).max() * np.linalg.norm(s_p, axis=1).max()
    assert_allclose(parts.alignment_bound, bound, rtol=1e-10)
    lengths = np.linalg.norm(parts.residual, axis=1)
    assert np.all(lengths <= bound * (1 + 1e-12))


@pytest.mark.parametrize("kernel", [*SMOOTH, Matern(0.5)], ids=str)
def test_curl_formula(kernel):
    # curl V = grad a_p x s#_p - grad a_q x s#_q; the gradients are a_nu times
    # differences of the scores of k# and k.
    x, y, w = clouds(2)
    queries = x + 0.1
    arguments = dict(kernel=kernel, sample_weight=w, queries=queries)
    jacobian = field_jacobian(x, y, H, field="displacement", **arguments)
    parts = scale_decomposition(x, y, H, **arguments)

    def grad_log_z(sources, weight):
        offset = sources[None] - queries[:, None]
        r = np.linalg.norm(offset, axis=2) / H
        k, slope = weight * kernel.profile(r), weight * kernel.slope(r)
        return np.einsum("qs,qsd->qd", slope, offset) / (H**2 * k.sum(axis=1))[:, None]

    def term(scale, score, sources, weight):
        gradient = scale[:, None] * (score - grad_log_z(sources, weight))
        return gradient[:, 0] * score[:, 1] - gradient[:, 1] * score[:, 0]

    expected = term(parts.scale_data, parts.score_data, y, w) - term(
        parts.scale_model, parts.score_model, x, np.ones(len(x))
    )
    assert_allclose(
        jacobian[:, 1, 0] - jacobian[:, 0, 1], expected, rtol=1e-8, atol=1e-13
    )
    assert_allclose(curl(jacobian), np.abs(expected), rtol=1e-8, atol=1e-13)
    if kernel == SMOOTH[0]:
        assert_allclose(parts.residual, 0, atol=1e-14)
    else:
        assert np.abs(expected).max() > 1e-3


def test_scale_mismatch_agrees_with_an_integral():
    x, y, w = clouds(1)
    found = scale_mismatch(x, y, H, sample_weight=w, n_samples=20_000, random_state=0)
    points = grid(1, 40.0, 0.005)
    parts = scale_decomposition(x, y, H, sample_weight=w, queries=points)
    r = cdist(points, x) / H
    q = np.mean((1 + r) * np.exp(-r), axis=1) / (4 * H)
    assert_allclose(q.sum() * 0.005, 1, rtol=1e-6)
    exact = q @ parts.residual[:, 0] ** 2 * 0.005
    assert abs(found.value - exact) < 3 * found.error
    assert found.error < 0.05 * exact


# -- derivatives ----------------------------------------------------------------------


def test_circulation_is_the_integral_of_the_curl():
    x, y, _ = clouds(2)
    low, side = np.array([0.13, -0.21]), 0.05
    square = low + side * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])

    def velocity(points, kernel="matern52", field="displacement"):
        return Ensemble(x, y, H, kernel, field).terms(Places(points)).velocity

    node, weight = np.polynomial.legendre.leggauss(8)
    u, v = np.meshgrid((node + 1) / 2, (node + 1) / 2)
    jacobian = field_jacobian(
        x,
        y,
        H,
        kernel="matern52",
        field="displacement",
        queries=low + side * np.column_stack((u.ravel(), v.ravel())),
    )
    rotation = jacobian[:, 1, 0] - jacobian[:, 0, 1]
    expected = np.outer(weight, weight).ravel() @ rotation * side**2 / 4
    assert_allclose(circulation(velocity, square), expected, rtol=1e-8)
    assert_allclose(circulation(velocity, square[::-1]), -expected, rtol=1e-8)
    assert abs(expected) > 1e-6
    wide = 3 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    around = circulation(
        lambda p: velocity(p, "gaussian", "conservative"), wide, n_nodes=60
    )
    assert abs(around) < 1e-12


@pytest.mark.parametrize("field", ["conservative", "displacement"])
@smooth
def test_lipschitz_constant_by_finite_differences(field, kernel):
    x, y, w = clouds(2)
    arguments = dict(kernel=kernel, field=field, sample_weight=w)
    jacobian = field_jacobian(x, y, H, **arguments)
    ensemble = Ensemble(x, y, H, kernel, field, False, w)

    def velocity(points):
        return ensemble.terms(Places(points)).velocity

    steps = 1e-5 * np.eye(2)
    numerical = np.stack(
        [(velocity(x + e) - velocity(x - e)) / 2e-5 for e in steps], axis=2
    )
    assert_allclose(jacobian, numerical, atol=1e-8)
    largest = lipschitz_constant(jacobian)
    assert_allclose(largest, max(np.linalg.svd(j)[1][0] for j in numerical), rtol=1e-7)
    assert_allclose(admissible_step(largest), 1 / largest)
    assert admissible_step(0.0) == np.inf


def test_one_step_moves_the_law_by_no_more_than_the_bound():
    x, y, _ = clouds(2, n=60)
    moved = x + 0.8 * Ensemble(x, y, H, "gaussian").terms(Places(x)).velocity
    cost = cdist(x, moved, "sqeuclidean")
    distance = np.sqrt(cost[linear_sum_assignment(cost)].mean())
    bound = one_step_bound(residual_velocity(x, y, H), 0.8)
    assert 0.5 * bound < distance <= bound * (1 + 1e-12)


# -- weights, units, sizes, errors ----------------------------------------------------

WEIGHTED = [
    (residual_velocity, {}),
    (residual_velocity, {"field": "displacement", "kernel": "laplace"}),
    (stein_drift, {}),
    (entropy_balance, {"leave_one_out": True}),
    (fisher_discrepancy, {"random_state": 0}),
    (fisher_quadrature, {}),
    (scale_mismatch, {"random_state": 0}),
    (lambda *a, **k: field_jacobian(*a, **k), {}),
    (lambda *a, **k: np.concatenate(scale_decomposition(*a, **k)[2:]), {}),
]


@pytest.mark.parametrize(("function", "options"), WEIGHTED)
def test_weight_two_is_the_row_twice(function, options):
    x, y, _ = clouds(2)
    weight = np.arange(len(y)) % 3
    twice = function(x, np.repeat(y, weight, axis=0), H, **options)
    found = function(x, y, H, sample_weight=5 * weight, **options)
    # The difference of two grids is no number to compare.
    if function is fisher_quadrature:
        found, twice = found.value, twice.value
    assert_allclose(found, twice, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_results_are_in_float64(dtype):
    x = np.arange(6).reshape(3, 2).astype(dtype)
    y = x[::-1] + 1
    assert stein_drift(x, y, 2) == stein_drift(x.astype(float), y.astype(float), 2.0)
    assert field_jacobian(x, y, 2.0).dtype == np.float64
    assert effective_sample_size(x, y, 2.0).dtype == np.float64


def test_coincident_points_have_defined_values():
    x = np.zeros((4, 2))
    assert residual_velocity(x, x, H) == 0
    assert_allclose(self_interaction(x, H), 2 / (4 * H**2))
    assert_array_equal(local_occupancy(x, H), 4)
    assert_allclose(effective_sample_size(x, x, H), 4)
    assert_allclose(stein_drift(x, x, H), 0, atol=1e-12)
    assert fisher_quadrature(x, x, H).value == 0
    assert fisher_discrepancy(x, x, H, random_state=0) == (0, 0)
    jacobian = field_jacobian(
        x, x, H, kernel="laplace", leave_one_out=True, field="displacement"
    )
    assert np.isfinite(jacobian).all()
    parts = scale_decomposition(x, x, H)
    assert_allclose(parts.scale_model, H**2)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda x, y: stein_drift(x, y, H, kernel="laplace"), "not C.2"),
        (lambda x, y: self_interaction(x, H, kernel="laplace"), "not: it has a kink"),
        (lambda x, y: entropy_balance(x, y, H, kernel="laplace"), "not C.2"),
        (lambda x, y: field_jacobian(x, y, H, kernel="laplace"), "leave_one_out=True"),
        (lambda x, y: stein_drift(x, y, H, field="displacement"), "leave-one-out"),
        (lambda x, y: residual_velocity(x, y[:, :1], H), "2 columns and Y has 1"),
        (lambda x, y: residual_velocity(x, y, 0.0), "bandwidth"),
        (lambda x, y: residual_velocity(x, y, np.inf), "must be finite"),
        (lambda x, y: residual_velocity(x, y, H, field="sharp"), "'field' must be"),
        (lambda x, y: residual_velocity(x[:1], y, H, leave_one_out=True), "2 part"),
        (lambda x, y: residual_velocity(x[:0], y, H), "0 sample"),
        (lambda x, y: residual_velocity(x * np.nan, y, H), "NaN"),
        (
            lambda x, y: residual_velocity(x, y, H, sample_weight=np.zeros(9)),
            "zero",
        ),
        (
            lambda x, y: fisher_discrepancy(x, y, H, kernel=RationalQuadratic(1.0)),
            "no finite integral",
        ),
        (
            lambda x, y: reciprocal_density(x, H, kernel=RationalQuadratic(1.0)),
            "no finite integral",
        ),
        (lambda x, y: fisher_discrepancy(x, y, H, n_samples=1), "n_samples"),
        (lambda x, y: fisher_quadrature(*clouds(3)[:2], H), "fisher_discrepancy"),
        (lambda x, y: fisher_quadrature(x, y, 1e-5), "too many for a quadrature"),
        (
            lambda x, y: scale_decomposition(x, y, H, kernel=RationalQuadratic(0.5)),
            "no sharp companion",
        ),
        (lambda x, y: scale_decomposition(x, y, H, queries=[[1.0]]), "'queries' have"),
        (lambda x, y: local_occupancy(x, H, radius=0.0), "radius"),
        (lambda x, y: reciprocal_density_bound([0, 2], H, 2), "at least 1 each"),
        (lambda x, y: reciprocal_density(np.eye(200), 100.0), "too large"),
        (lambda x, y: effective_sample_size(x, y, H, leave_one_out=True), "is source"),
        (lambda x, y: lipschitz_constant(np.eye(2)), "n_points"),
        (lambda x, y: curl(np.ones((2, 3, 2))), "n_points"),
        (lambda x, y: circulation(lambda p: p, x[:2]), "at least 3"),
        (lambda x, y: occupancy_probability(10, 1.5), "mass"),
        (lambda x, y: one_step_bound(-1.0, 1.0), "residual"),
    ],
)
def test_errors(call, match):
    x, y, _ = clouds(2)
    with pytest.raises(ValueError, match=match):
        call(x, y)


def test_no_matrix_of_all_pairs():
    x, y, _ = clouds(2, n=4000, m=4000)
    for call in (
        lambda: residual_velocity(x, y, 0.3),
        lambda: self_interaction(x, 0.3),
        lambda: local_occupancy(x, 0.3),
        lambda: effective_sample_size(x, y, 0.3),
        lambda: scale_decomposition(x, y, 0.3),
        lambda: field_jacobian(x, y, 0.3, queries=x[:500]),
    ):
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 30e6  # that matrix has 128e6 bytes


# -- the report -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def conservative():
    return ConservativeDrifter(random_state=0).fit(WINE)


def test_report_says_what_the_functions_say(conservative):
    report = diagnose(conservative)
    h, x = conservative.history_["bandwidth"][-1], conservative.flow_.particles
    y, w = conservative.flow_.attracting[:2]
    values = {name: q.value for name, q in report.quantities.items()}
    assert_allclose(
        values["residual velocity"], conservative.residual_velocity_ / h, rtol=1e-10
    )
    arguments = (x, y, h)
    assert_allclose(
        values["Stein drift"], h**2 * stein_drift(*arguments, sample_weight=w)
    )
    assert_allclose(values["self-interaction"], h**2 * self_interaction(x, h))
    fisher = fisher_discrepancy(*arguments, sample_weight=w, random_state=0)
    assert_allclose(values["Fisher discrepancy"], h * np.sqrt(fisher.value))
    error = quadrature_error(
        *arguments, sample_weight=w, n_samples=len(x), random_state=0
    )
    assert_allclose(values["quadrature error"], h**2 * error.total)
    peak = np.exp(Gaussian().log_normalizer(3)) / h**3
    assert_allclose(values["own share"], peak / len(x) * reciprocal_density(x, h))
    jacobian = field_jacobian(*arguments, sample_weight=w)
    assert_allclose(values["Lipschitz constant"], lipschitz_constant(jacobian))
    assert values["occupancy"] == local_occupancy(x, h, radius=np.sqrt(3)).min()
    sizes = effective_sample_size(*arguments, sample_weight=w)
    assert_allclose(values["data in sight"], np.quantile(sizes, 0.05))
    assert report["curl"].state == "ok"


def test_report_in_words_html_and_as_a_table(conservative):
    report = diagnose(conservative)
    for text in (str(report), repr(report), report._repr_html_()):
        assert all(name in text for name in report.quantities)
        assert "nan" not in text
    assert "178 particles" in report.title
    frame = report.to_frame()
    assert list(frame.index) == list(report.quantities)
    assert frame.loc["residual velocity", "state"] == "watch"
    assert conservative.stopped_by_ == "memorization"
    assert "ended before" in frame.loc["residual velocity", "advice"]
    with pytest.raises(KeyError, match="no quantity 'vorticity'"):
        report["vorticity"]


def test_report_of_the_laplace_field():
    drifter = LaplaceDrifter(random_state=0).fit(WINE)
    report = diagnose(drifter)
    assert report["curl"].value > 0.05
    assert "SharpDrifter" in report["curl"].advice
    assert report["scale mismatch"].value > 0
    assert report["own share"].state == "not defined"
    assert "leaves itself out" in report["own share"].verdict
    assert "self-interaction" not in report.quantities


def test_report_of_a_gradient_with_a_kink():
    drifter = ConservativeDrifter(kernel="laplace", random_state=0).fit(WINE)
    report = diagnose(drifter)
    for name in ("self-interaction", "Stein drift", "Lipschitz constant", "curl"):
        assert report[name].state == "not defined"
        assert report[name].value is None
        assert "kink" in report[name].verdict
    sharp = diagnose(SharpDrifter(random_state=0).fit(WINE))
    assert {q.state for q in sharp.quantities.values()} <= {"ok", "watch", "note"}


def test_a_worse_fit_is_told_from_a_better_one(conservative):
    few = ConservativeDrifter(
        bandwidth=0.1, max_iter=1, annealing=0, random_state=0, step_size=5.0
    )
    with pytest.warns(Warning, match="drift|ran away"):
        few.fit(WINE)
    report = diagnose(few)
    for name in ("own share", "data in sight", "Lipschitz constant"):
        assert report[name].state == "watch"
        assert report[name].advice
    wide = ConservativeDrifter(bandwidth=3.0, random_state=0, early_stopping=False)
    report = diagnose(wide.fit(WINE))
    assert report["residual velocity"].state == "ok"
    assert report["own share"].state == "ok"
    assert report["residual velocity"].advice == ""


def test_report_on_other_rows(conservative):
    own = diagnose(conservative, WINE)
    h, flow = conservative.history_["bandwidth"][-1], conservative.flow_
    v = flow.bound(178, 178).on_particles(flow.particles, h)
    assert_allclose(own["residual velocity"].value, root_mean_square(v) / h)
    in_place = ConservativeDrifter(batch_size=None, random_state=0).fit(WINE)
    assert_allclose(
        diagnose(in_place, WINE)["residual velocity"].value,
        diagnose(in_place)["residual velocity"].value,
    )
    shifted = diagnose(conservative, WINE + WINE.std(axis=0))
    assert shifted["residual velocity"].value > 2 * own["residual velocity"].value
    with pytest.raises(ValueError, match="features"):
        diagnose(conservative, WINE[:, :2])


def test_report_needs_a_fitted_drifter():
    with pytest.raises(NotFittedError):
        diagnose(ConservativeDrifter())
    with pytest.raises(TypeError, match="'drifter' must be"):
        diagnose("gaussian")


def test_report_in_many_columns():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 40))
    drifter = ConservativeDrifter(random_state=0, max_iter=1, early_stopping=False)
    with pytest.warns(Warning, match="still drift"):
        drifter.fit(X)
    assert "nan" not in str(diagnose(drifter))
