import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import Sech
from scipy.integrate import quad
from sklearn.base import clone

from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic, get_kernel

KERNELS = [
    Gaussian(),
    Matern(nu=0.5),
    Matern(nu=1.5),
    Matern(nu=2.5),
    RationalQuadratic(alpha=4.5),
]
LADDERS = [*KERNELS, Matern(nu=3.5), RationalQuadratic(alpha=4.5).sharp()]
RADII = np.array([0.05, 0.4, 1.0, 2.7, 6.0])


@pytest.mark.parametrize(
    ("kernel", "profile"),
    [
        (Gaussian(), lambda r: np.exp(-(r**2) / 2)),
        (Matern(nu=0.5), lambda r: np.exp(-r)),
        (Matern(nu=1.5), lambda r: (1 + r) * np.exp(-r)),
        (Matern(nu=2.5), lambda r: (3 + 3 * r + r**2) * np.exp(-r)),
        (RationalQuadratic(alpha=4.5), lambda r: (1 + r**2 / 9) ** -4.5),
        (
            RationalQuadratic(alpha=4.5).sharp(),
            lambda r: 4.5 / 3.5 * (1 + r**2 / 9) ** -3.5,
        ),
    ],
)
def test_profiles_are_the_stated_functions(kernel, profile):
    assert_allclose(kernel.profile(RADII), profile(RADII), rtol=1e-13)


@pytest.mark.parametrize("kernel", LADDERS, ids=repr)
def test_slope_is_minus_derivative_over_r(kernel):
    h = 1e-5
    derivative = (kernel.profile(RADII + h) - kernel.profile(RADII - h)) / (2 * h)
    assert_allclose(kernel.slope(RADII), -derivative / RADII, rtol=1e-6)


@pytest.mark.parametrize("kernel", LADDERS, ids=repr)
def test_slope_of_the_sharp_companion_is_the_kernel(kernel):
    assert_allclose(kernel.sharp().slope(RADII), kernel.profile(RADII), rtol=1e-12)


@pytest.mark.parametrize("kernel", LADDERS, ids=repr)
def test_sharp_companion_is_the_tail_integral(kernel):
    for r in RADII:
        integral, _ = quad(lambda s: s * kernel.profile(s), r, np.inf, epsabs=1e-13)
        assert_allclose(kernel.sharp().profile(r), integral, rtol=1e-7)


def test_gaussian_is_its_own_companion():
    assert Gaussian().sharp().profile(1.3) == Gaussian().profile(1.3)


@pytest.mark.parametrize("kernel", LADDERS, ids=repr)
@pytest.mark.parametrize("d", [1, 2, 5, 6])
def test_closed_form_normalizer_agrees_with_numerical_integration(kernel, d):
    numerical = Kernel.log_normalizer(kernel, d)
    assert_allclose(kernel.log_normalizer(d), numerical, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS[:4], ids=repr)
def test_normalizer_in_many_dimensions(kernel):
    assert_allclose(
        kernel.log_normalizer(300), Kernel.log_normalizer(kernel, 300), rtol=1e-9
    )


@pytest.mark.parametrize("kernel", KERNELS[:1] + KERNELS[2:], ids=repr)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_laplacian_at_zero(kernel, d):
    # Of a radial function: d times its second derivative along one axis.
    e = 1e-3
    second = 2 * (kernel.profile(e) - kernel.profile(0.0)) / e**2
    expected = d * np.exp(kernel.log_normalizer(d)) * second
    assert_allclose(kernel.laplacian_at_zero(d), expected, rtol=2e-3)


def test_laplacian_at_zero_of_gaussian_and_laplace():
    assert_allclose(Gaussian().laplacian_at_zero(3), -3 * (2 * np.pi) ** -1.5)
    assert Matern(nu=0.5).laplacian_at_zero(2) == -np.inf


def test_rational_quadratic_approaches_the_gaussian():
    wide = RationalQuadratic(alpha=1e7)
    assert_allclose(wide.profile(RADII), Gaussian().profile(RADII), rtol=1e-4)


def test_heavy_tails_have_no_normalizer():
    with pytest.raises(ValueError, match=r"no finite integral in 4 dimensions"):
        RationalQuadratic(alpha=2.0).log_normalizer(4)
    with pytest.raises(ValueError, match="no finite integral"):
        Kernel.log_normalizer(RationalQuadratic(alpha=2.0), 5)


def test_bad_parameters():
    with pytest.raises(ValueError, match=r"'nu' parameter .* got 1 instead"):
        Matern(nu=1).profile(1.0)
    with pytest.raises(ValueError, match=r"'alpha' parameter .* got -1"):
        RationalQuadratic(alpha=-1).profile(1.0)
    with pytest.raises(ValueError, match="no sharp companion"):
        RationalQuadratic(alpha=1.0).sharp().profile(1.0)
    with pytest.raises(ValueError, match="'kernel' must be one of"):
        get_kernel("gauss")


def test_a_kernel_of_ones_own():
    kernel = clone(Sech())
    assert_allclose(kernel.profile(RADII), 0.5 / np.cosh(RADII))
    # The integral of sech over the line is pi.
    assert_allclose(np.exp(kernel.log_normalizer(1)), 2 / np.pi, rtol=1e-8)
    # The pull is written as 0 / 0 at the origin; its limit there is 1.
    assert_allclose(kernel.laplacian_at_zero(1), -1 / np.pi, rtol=1e-7)
    with pytest.raises(NotImplementedError, match=r"define sharp\(\)"):
        kernel.sharp()
    with pytest.raises(NotImplementedError, match="must define log_profile"):
        Kernel().profile(1.0)


def test_kernels_are_parameter_holders():
    assert RationalQuadratic(alpha=3.0).get_params() == {"alpha": 3.0}
    assert repr(get_kernel("matern52")) == "Matern(nu=2.5)"
