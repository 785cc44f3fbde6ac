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


@pytest.mark.parametrize("kernel", LADDERS, ids=repr)
def test_curvature_is_the_slope_of_the_slope(kernel):
    h = 1e-5
    derivative = (kernel.slope(RADII + h) - kernel.slope(RADII - h)) / (2 * h)
    curvature = kernel.curvature_ratio(RADII**2) * kernel.profile(RADII)
    assert_allclose(curvature, -derivative / RADII, rtol=1e-6)


@pytest.mark.parametrize("kernel", LADDERS, ids=repr)
@pytest.mark.parametrize("d", [1, 3])
def test_lengths_of_noise_have_the_density_of_the_kernel(kernel, d):
    def mass(a, b):
        return quad(lambda r: r ** (d - 1) * kernel.profile(r), a, b, epsabs=1e-12)[0]

    z = kernel.noise(20_000, d, np.random.RandomState(0))
    length = np.linalg.norm(z, axis=1)
    below = [mass(0, r) / mass(0, np.inf) for r in RADII]
    drawn = [np.mean(length <= r) for r in RADII]
    # Five standard errors of a share of one half.
    assert_allclose(drawn, below, atol=5 * 0.5 / np.sqrt(len(z)))
    direction = z / length[:, None]
    assert_allclose(direction.T @ direction / len(z), np.eye(d) / d, atol=0.012)


@pytest.mark.parametrize("kernel", [Gaussian(), RationalQuadratic(4.5)], ids=repr)
def test_squares_of_kernels(kernel):
    square, factor = kernel.squared()
    assert_allclose(square.profile(factor * RADII), kernel.profile(RADII) ** 2)


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


class Steeper(Gaussian):
    def log_profile(self, r2):
        return -2.0 * r2

    def slope_ratio(self, r2):
        return 0.0 * r2 + 4.0


class SteepMatern(Matern):
    """Another profile, with one closed form of its own."""

    def log_profile(self, r2):
        return super().log_profile(4.0 * r2)

    def slope_ratio(self, r2):
        return 4.0 * super().slope_ratio(4.0 * r2)

    def sharp(self):
        return SteepMatern(self.nu + 1)


def test_closed_forms_belong_to_the_profile_they_were_written_for():
    steeper = Steeper()
    assert not steeper.is_own_slope
    assert steeper.gaussian_mixture(1.0) is None
    assert steeper.squared() is None
    assert steeper.compiled_form(1.0, slope=True) is None
    assert_allclose(steeper.curvature_ratio(RADII), 16.0)
    assert_allclose(steeper.log_normalizer(2), np.log(2 / np.pi), atol=1e-8)
    assert_allclose(steeper.spectrum([1.0, 2.0], 1), np.exp([-1 / 8, -1 / 2]))
    assert_allclose(steeper.noise(40_000, 1, np.random.RandomState(0)).std(), 0.5, 0.02)
    with pytest.raises(NotImplementedError, match=r"Steeper .* define sharp\(\)"):
        steeper.sharp()
    assert SteepMatern(0.5).sharp().nu == 1.5
    assert SteepMatern(0.5).compiled_form(1.0, slope=False) is None


def test_a_subclass_of_the_same_profile_keeps_its_closed_forms():
    class Named(Gaussian):
        """The Gaussian under another name."""

    assert Named().is_own_slope
    assert Named().log_normalizer(3) == Gaussian().log_normalizer(3)
    assert Named().compiled_form(0.5, slope=False) == Gaussian().compiled_form(
        0.5, slope=False
    )


@pytest.mark.parametrize("kernel", [KERNELS[0], KERNELS[-1]], ids=repr)
def test_squares(kernel):
    square, factor = kernel.squared()
    assert_allclose(square.profile(factor * RADII), kernel.profile(RADII) ** 2)


def test_other_squares_are_not_known():
    assert Matern().squared() is None
    assert RationalQuadratic(alpha=4.5).sharp().squared() is None


def test_the_former_name_of_a_method_is_named_in_the_error():
    class Old(Kernel):
        def log_profile(self, r2):
            return -r2

        def pull(self, r2):
            return 2.0 + 0.0 * r2

    with pytest.raises(NotImplementedError, match=r"slope_ratio.*called pull.*0\.2"):
        Old().slope(1.0)
