"""The sharp-normalised field and its potential."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import WINE_3D as WINE
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skdrift import ConservativeDrifter, SharpDrifter
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic


@pytest.mark.parametrize(
    ("kernel", "companion"),
    [
        ("laplace", "matern32"),
        (Matern(1.5), "matern52"),
        ("gaussian", "gaussian"),
        (RationalQuadratic(3.0), RationalQuadratic(3.0).sharp()),
    ],
)
def test_it_is_the_conservative_drifter_of_the_companion(kernel, companion):
    sharp = SharpDrifter(kernel=kernel, random_state=0).fit(WINE)
    conservative = ConservativeDrifter(kernel=companion, random_state=0).fit(WINE)
    assert_array_equal(sharp.particles_, conservative.particles_)
    assert_array_equal(sharp.velocity(WINE[:9]), conservative.velocity(WINE[:9]))
    assert_array_equal(sharp.score_samples(WINE), conservative.score_samples(WINE))


@pytest.mark.parametrize(
    "drifter",
    [
        ConservativeDrifter(),
        ConservativeDrifter(kernel="laplace", self_interaction="leave-one-out"),
        SharpDrifter(),
        SharpDrifter(kernel="matern32", standardize=False, bandwidth=50.0),
    ],
)
def test_the_velocity_is_the_gradient_of_the_potential(drifter):
    drifter.set_params(random_state=0).fit(WINE)
    steps = 1e-4 * drifter.bandwidth_ * np.diag(drifter.scale_)
    for x in WINE[:60:7] + 0.3 * drifter.scale_:
        above, below = (drifter.potential(x + sign * steps) for sign in (1, -1))
        gradient = (above - below) / (2 * np.diag(steps))
        assert_allclose(
            drifter.scale_**2 * gradient,
            drifter.velocity([x])[0],
            atol=1e-7 * drifter.bandwidth_ * drifter.scale_.max(),
        )


def test_an_optimiser_of_the_potential_ends_where_the_flow_does():
    # Few rows, and particles all around: the potential has tops among them.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((9, 2))
    drifter = SharpDrifter(
        start=2 * rng.standard_normal((60, 2)),
        max_iter=1,
        bandwidth=0.4,
        standardize=False,
        early_stopping=False,
    )
    with pytest.warns(ConvergenceWarning, match="still drift"):
        drifter.fit(X)
    x = X + 0.1
    for t in range(200):  # 134 are enough
        if t == 5:
            starts = x
        x = x + drifter.velocity(x)
    assert_allclose(drifter.velocity(x), 0, atol=1e-9)
    assert np.linalg.norm(starts - x, axis=1).max() > 0.1
    for start, end in zip(starts, x, strict=True):
        found = minimize(
            lambda z: -drifter.potential([z])[0],
            start,
            jac=lambda z: -drifter.velocity([z])[0],
            tol=1e-10,
        )
        assert_allclose(found.x, end, atol=1e-4)


def test_a_kernel_without_companion_is_refused():
    class Quartic(Kernel):
        def log_profile(self, r2):
            return -(r2**2)

        def slope_ratio(self, r2):
            return 4 * r2

    with pytest.raises(NotImplementedError, match="define sharp"):
        SharpDrifter(kernel=Quartic()).fit(WINE)
    with pytest.raises(ValueError, match="no sharp companion"):
        SharpDrifter(kernel=RationalQuadratic(0.8)).fit(WINE)
    assert isinstance(SharpDrifter(kernel="gaussian").fit(WINE).kernel_, Gaussian)
