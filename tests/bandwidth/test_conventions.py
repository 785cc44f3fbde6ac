"""One bandwidth for the scales that others write."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.gaussian_process.kernels import RBF
from sklearn.gaussian_process.kernels import Matern as SklearnMatern
from sklearn.metrics.pairwise import rbf_kernel

from skdrift.conventions import bandwidth_from, bandwidth_to
from skdrift.kernels import Gaussian, Matern

D = 3
X = np.random.default_rng(0).standard_normal((9, D))
R = np.linalg.norm(X[:, None] - X, axis=2)

# The kernel of every convention as it is written elsewhere, and this library's.
CONVENTIONS = {
    "sigma": (lambda b: RBF(length_scale=b)(X), Gaussian()),
    "gamma": (lambda b: rbf_kernel(X, gamma=b), Gaussian()),
    "epsilon": (lambda b: np.exp(-(R**2) / b), Gaussian()),
    "temperature": (lambda b: np.exp(-R / b), Matern(0.5)),
    "temperature_sqrt_d": (lambda b: np.exp(-R / (b * np.sqrt(D))), Matern(0.5)),
    "length_scale_matern12": (lambda b: SklearnMatern(b, nu=0.5)(X), Matern(0.5)),
    "length_scale_matern32": (lambda b: SklearnMatern(b, nu=1.5)(X), Matern(1.5)),
    "length_scale_matern52": (lambda b: SklearnMatern(b, nu=2.5)(X), Matern(2.5)),
}


@pytest.mark.parametrize("value", [0.3, 2.0])
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_kernels_are_the_same(convention, value):
    theirs, kernel = CONVENTIONS[convention]
    h = bandwidth_from(value, convention, n_features=D)
    ours = kernel.profile(R / h) / kernel.profile(0.0)
    assert_allclose(ours, theirs(value), rtol=1e-10, atol=1e-14)
    assert type(h) is float
    assert_allclose(bandwidth_to(h, convention, n_features=D), value, rtol=1e-14)


def test_several_at_once():
    h = bandwidth_from([0.02, 0.05, 0.2], "temperature_sqrt_d", n_features=4)
    assert_allclose(h, [0.04, 0.1, 0.4])
    assert_allclose(bandwidth_to([1.0, 2.0], "gamma"), [0.5, 0.125])


@pytest.mark.parametrize("convert", [bandwidth_from, bandwidth_to])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, "bandwidth"), "'convention' must be one of .*; got 'bandwidth'"),
        ((1.0, None), "'convention' must be one of"),
        ((1.0, "temperature_sqrt_d"), "'n_features', an int of at least 1"),
        ((1.0, "temperature_sqrt_d", 0), "instead of 0"),
        ((1.0, "temperature_sqrt_d", 2.5), "instead of 2.5"),
        ((0.0, "gamma"), "must be positive and finite numbers; got 0.0"),
        (([1.0, np.inf], "gamma"), "must be positive and finite"),
        ((np.nan, "sigma"), "must be positive and finite"),
        (("wide", "sigma"), "got 'wide'"),
    ],
)
def test_what_means_nothing_is_refused(convert, arguments, message):
    with pytest.raises(ValueError, match=message):
        convert(*arguments)
