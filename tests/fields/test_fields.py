"""Identities that the fields must satisfy, by finite differences and in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from oracles import gradient, jacobian
from problems import clouds
from scipy.stats import special_ortho_group

from skdrift.engines import NumpyEngine, Profiles
from skdrift.fields import DriftField, conservative, displacement
from skdrift.kernels import Gaussian, Matern, RationalQuadratic

SMOOTH = [Gaussian(), Matern(nu=1.5), Matern(nu=2.5), RationalQuadratic(alpha=2.5)]
ALL = [*SMOOTH, Matern(nu=0.5)]
H = 0.7


def make_field(profiles, data, leave_one_out=False, log_weights=None):
    return DriftField(profiles, leave_one_out).bind(NumpyEngine(), data, log_weights)


def log_density(kernel, sources, h, x):
    """Log of the kernel density estimate, from its definition."""
    r = np.linalg.norm(sources - x, axis=1) / h
    log_c = kernel.log_normalizer(len(x)) - len(x) * np.log(h)
    return np.log(np.mean(kernel.profile(r))) + log_c


@pytest.mark.parametrize("kernel", ALL, ids=repr)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_conservative_field_is_the_gradient_of_the_log_density_ratio(kernel, d):
    data, particles, queries = clouds(d)
    v = make_field(conservative(kernel), data).at(queries, particles, H)

    def log_ratio(x):
        p, q = (log_density(kernel, s, H, x) for s in (data, particles))
        return H**2 * (p - q)

    assert_allclose(v, [gradient(log_ratio, x) for x in queries], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kernel", ALL, ids=repr)
def test_sharp_field_is_the_conservative_field_of_the_companion(kernel):
    data, particles, queries = clouds(3)
    sharp = kernel.sharp()
    by_definition = Profiles(
        sharp.log_profile,
        lambda r2: np.exp(kernel.log_profile(r2) - sharp.log_profile(r2)),
    )
    v = make_field(by_definition, data).at(queries, particles, H)
    companion = make_field(conservative(sharp), data).at(queries, particles, H)
    assert_allclose(v, companion, rtol=1e-10, atol=1e-12)


def test_the_gaussian_displacement_is_conservative():
    data, particles, queries = clouds(4)
    mean_shift = make_field(displacement(Gaussian()), data).at(queries, particles, H)
    # Through the slope, which the library itself skips for the Gaussian.
    by_slope = Profiles(Gaussian().log_profile, Gaussian().pull)
    gradient_field = make_field(by_slope, data).at(queries, particles, H)
    assert_allclose(mean_shift, gradient_field, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kernel", ALL, ids=repr)
@pytest.mark.parametrize("d", [2, 3])
def test_conservative_fields_have_no_curl(kernel, d):
    data, particles, queries = clouds(d)
    field = make_field(conservative(kernel), data)
    for x in queries:
        j = jacobian(lambda z: field.at(z[None], particles, H)[0], x)
        assert_allclose(j, j.T, atol=1e-7)


def laplace_scale(sources, h, x):
    """``a(x) = h^2 + h rbar(x)`` of the Laplace mean shift, m = a grad log k# * nu."""
    r = np.linalg.norm(sources - x, axis=1)
    w = np.exp(-r / h)
    return h**2 + h * (w @ r) / w.sum()


def test_laplace_displacement_is_a_scaled_sharp_score():
    data, _, queries = clouds(2)
    sharp = Matern(nu=1.5)
    mean_shift = (
        NumpyEngine().bind(data).reduce(queries, displacement(Matern(nu=0.5)), H)
    )
    score = np.array(
        [gradient(lambda z: log_density(sharp, data, H, z), x) for x in queries]
    )
    scale = np.array([laplace_scale(data, H, x) for x in queries])
    assert_allclose(mean_shift.displacement, scale[:, None] * score, rtol=1e-6)


def test_curl_of_the_laplace_displacement():
    data, particles, queries = clouds(2)
    field = make_field(displacement(Matern(nu=0.5)), data)

    def term(sources, x):
        """grad a x s#, in two dimensions."""
        a = gradient(lambda z: laplace_scale(sources, H, z), x)
        s = gradient(lambda z: log_density(Matern(nu=1.5), sources, H, z), x)
        return a[0] * s[1] - a[1] * s[0]

    for x in queries:
        j = jacobian(lambda z: field.at(z[None], particles, H)[0], x)
        curl = j[1, 0] - j[0, 1]
        assert_allclose(curl, term(data, x) - term(particles, x), rtol=1e-4, atol=1e-8)
        assert abs(curl) > 1e-4


# -- symmetries ----------------------------------------------------------------------

FIELDS = [conservative(k) for k in ALL] + [displacement(k) for k in ALL[1:]]


@pytest.mark.parametrize("profiles", FIELDS)
def test_equal_clouds_cancel(profiles):
    data, _, _ = clouds(3)
    v = make_field(profiles, data).on_particles(data.copy(), H)
    assert_allclose(v, 0, atol=1e-14)


@pytest.mark.parametrize("profiles", FIELDS)
def test_swapping_data_and_particles_flips_the_sign(profiles):
    data, particles, queries = clouds(3)
    v = make_field(profiles, data).at(queries, particles, H)
    swapped = make_field(profiles, particles).at(queries, data, H)
    assert_allclose(v, -swapped, atol=1e-13)


@pytest.mark.parametrize("leave_one_out", [False, True])
@pytest.mark.parametrize("profiles", FIELDS)
def test_motions_and_scalings_carry_over(profiles, leave_one_out):
    data, particles, _ = clouds(3)
    rotation = special_ortho_group.rvs(3, random_state=0)
    shift, c = np.array([3.0, -1.0, 2.0]), 2.5

    def velocity(move, h):
        field = make_field(profiles, move(data), leave_one_out=leave_one_out)
        return field.on_particles(move(particles), h)

    v = velocity(lambda z: z, H)
    assert_allclose(velocity(lambda z: z @ rotation.T + shift, H), v @ rotation.T, 1e-8)
    assert_allclose(velocity(lambda z: c * z, c * H), c * v, rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(1, 4), min_size=5, max_size=5))
def test_weights_are_repeated_rows(counts):
    rng = np.random.default_rng(1)
    data, particles = rng.standard_normal((5, 2)), rng.standard_normal((4, 2))
    log_w = np.log(np.array(counts) / sum(counts))
    profiles = conservative(Matern(nu=1.5))
    weighted = make_field(profiles, data, log_weights=log_w)
    repeated = make_field(profiles, np.repeat(data, counts, axis=0))
    assert_allclose(
        weighted.on_particles(particles, H),
        repeated.on_particles(particles, H),
        atol=1e-13,
    )


@pytest.mark.parametrize("profiles", FIELDS)
def test_leave_one_out_is_the_ensemble_without_the_particle(profiles):
    data, particles, _ = clouds(2)
    field = make_field(profiles, data, leave_one_out=True)
    v = field.on_particles(particles, H)
    for i, x in enumerate(particles):
        others = np.delete(particles, i, axis=0)
        assert_allclose(v[i], field.at(x[None], others, H)[0], atol=1e-13)


def test_full_self_term_enters_the_normaliser_only():
    data, particles, _ = clouds(2, n=2)
    v = make_field(displacement(Gaussian()), data).on_particles(particles, H)
    attraction = NumpyEngine().bind(data).reduce(particles, displacement(Gaussian()), H)
    offset = particles[1] - particles[0]
    k = np.exp(-(offset @ offset) / (2 * H**2))
    expected = attraction.displacement[0] - k * offset / (1 + k)
    assert_allclose(v[0], expected, rtol=1e-12)


def test_a_collapsed_start_is_stuck():
    data = np.array([[-1.0], [1.0]])
    field = make_field(conservative(Gaussian()), data)
    assert_allclose(field.on_particles(np.zeros((5, 1)), H), 0, atol=1e-15)
    assert abs(field.at(np.array([[0.3]]), np.zeros((5, 1)), H)[0, 0]) > 0.1
