import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm, qmc

from skdrift.engines import NumpyEngine
from skdrift.fields import DriftField, conservative
from skdrift.flow import annealing_schedule, evolve, given_schedule, root_mean_square
from skdrift.kernels import Gaussian


def contraction(x, h):
    return -0.5 * x


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((8, 1, 3, 5), [8, 4, 2, 1, 1, 1]),
        ((8, 1, 3, 3), [8, 4, 2, 1]),
        ((4, 1, 30, 2), [4, 2, 1]),  # squeezed: the last step is at the target
        ((8, 1, 0, 2), [1, 1, 1]),
        ((0.5, 1, 3, 2), [1, 1, 1]),
    ],
)
def test_annealing_schedule(arguments, expected):
    assert_allclose(annealing_schedule(*arguments), expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (([3, 2], 1, 4), [3, 2, 1, 1, 1]),
        (([3, 2, 4], 1, 2), [3, 2, 1]),
        (([], 1, 1), [1, 1]),
    ],
)
def test_given_schedule(arguments, expected):
    assert_allclose(given_schedule(*arguments), expected)


def test_a_schedule_that_comes_back_is_followed_to_its_end():
    bandwidths = given_schedule([2, 1, 2], 1, 9)
    flow = evolve(np.ones((3, 1)), contraction, bandwidths, 1.0, tol=1)
    assert (flow.stopped_by, len(flow.trajectory)) == ("tol", 3)


def test_evolve_takes_euler_steps_and_records_them():
    start = np.array([[4.0, 0.0], [0.0, 4.0]])
    flow = evolve(start, contraction, np.array([2.0, 1.0, 1.0]), 0.5, tol=0)
    assert_allclose(flow.particles, start * 0.75**2)
    assert_allclose(flow.trajectory, [start, start * 0.75])
    assert flow.stopped_by == "max_iter"
    assert_allclose(flow.history["bandwidth"], [2, 1, 1])
    assert_allclose(flow.history["residual_velocity"], [2, 1.5, 1.125])
    assert_allclose(flow.history["step_size"], [0.5, 0.5, 0])


def test_evolve_stops_by_residual_velocity_but_not_before_the_last_bandwidth():
    start = np.ones((3, 1))
    flow = evolve(start, contraction, np.array([2.0, 1.0, 1.0, 1.0]), 1.0, tol=0.3)
    # Residuals 0.5, 0.25, ...: below 0.3 x 2 at once, but h = 1 comes a step later.
    assert (flow.stopped_by, len(flow.trajectory)) == ("tol", 1)
    still = evolve(start, lambda x, h: 0 * x, np.array([1.0, 1.0]), 1.0, tol=0)
    assert (still.stopped_by, len(still.trajectory)) == ("tol", 0)


@pytest.mark.parametrize(("h", "n_steps"), [(10.0, 3), (1.0, 6), (0.1, 9)])
def test_evolve_rests_at_a_residual_velocity_in_bandwidths(h, n_steps):
    # Residuals 2^-(t + 1): the first at most 0.01 h.
    flow = evolve(np.ones((3, 1)), contraction, np.full(30, h), 1.0, tol=0.01)
    assert (flow.stopped_by, len(flow.trajectory)) == ("tol", n_steps)


@pytest.mark.parametrize(
    "copies",
    [
        lambda x: x.max() < 0.2,
        # The guard comes on once the particles no longer copy as their start did.
        lambda x: x.max() == 1 or x.max() < 0.2,
    ],
)
def test_evolve_stops_by_memorization_even_while_annealing(copies):
    flow = evolve(
        np.ones((3, 1)),
        contraction,
        np.geomspace(9, 1, 10),
        1.0,
        0,
        {"memorization": copies},
    )
    # 1, 0.5, 0.25, 0.125: the last step is taken back.
    assert flow.stopped_by == "memorization"
    assert_allclose(flow.particles, 0.25)
    assert_allclose(np.ravel(flow.trajectory), [1] * 3 + [0.5] * 3)
    assert_allclose(flow.history["residual_velocity"], [0.5, 0.25, 0.125])
    assert_allclose(flow.history["bandwidth"], np.geomspace(9, 1, 10)[:3])
    assert_allclose(flow.history["step_size"], [1, 1, 0])


def test_a_start_that_copies_already_is_annealed_all_the_same():
    bandwidths = annealing_schedule(8, 1, 3, 9)
    always = {"memorization": lambda x: True}
    flow = evolve(np.ones((3, 1)), contraction, bandwidths, 1.0, 0, always)
    assert (flow.stopped_by, len(flow.trajectory)) == ("memorization", 3)
    # Nor does it end a flow before its first step.
    flow = evolve(np.ones((3, 1)), contraction, np.ones(9), 1.0, 0, always)
    assert (flow.stopped_by, len(flow.trajectory)) == ("memorization", 1)


def test_evolve_names_the_hazard_that_a_step_led_into():
    hazards = {"small": lambda x: x.max() < 0.2, "far": lambda x: x.max() > 5}
    for velocity, name, end in [
        (contraction, "small", 0.25),
        (lambda x, h: x, "far", 4.0),
    ]:
        flow = evolve(np.ones((3, 1)), velocity, np.ones(10), 1.0, 0, hazards)
        assert flow.stopped_by == name
        assert_allclose(flow.particles, end)


def test_evolve_reports_and_refuses_what_is_not_finite():
    seen = []
    with pytest.raises(FloatingPointError, match=r"not finite at step 1.*step_size"):
        evolve(
            np.ones((2, 1)),
            lambda x, h: np.where(x > 1, np.nan, 1.0),
            np.ones(4),
            1.0,
            tol=0,
            report=lambda *state: seen.append(state),
        )
    assert seen == [(0, 1.0, 1.0)]


def test_root_mean_square_is_over_rows():
    assert root_mean_square(np.array([[3.0, 4.0], [0.0, 0.0]])) == np.sqrt(12.5)


# -- the Gaussian closure, followed over whole runs ----------------------------------


def closure_step(mean, cov, data_mean, data_cov, h, step):
    """One Euler step of the mean and covariance of a Gaussian ensemble.

    Gaussian data and particles make V affine: V(x) = h^2 (A (x - m) - Abar (x - mbar)).
    """
    identity = np.eye(len(mean))
    a = np.linalg.inv(cov + h**2 * identity)
    a_bar = np.linalg.inv(data_cov + h**2 * identity)
    slope = identity + step * h**2 * (a - a_bar)
    return (
        mean + step * h**2 * a_bar @ (data_mean - mean),
        slope @ cov @ slope.T,
    )


@pytest.mark.parametrize("step", [0.25, 1.0])
def test_gaussian_closure_in_one_dimension(step):
    # Means of equal slices stand for the law itself, more closely than their middles:
    # the error of 1000 is below 3e-5 in the mean, 2.5e-4 in the variance.
    density = norm.pdf(norm.ppf(np.arange(1001) / 1000))
    quantiles = -1000 * np.diff(density)[:, None]
    data, x = 1.0 + 0.7 * quantiles, -0.5 + 1.5 * quantiles
    mean, cov = x.mean(axis=0), np.cov(x.T, bias=True).reshape(1, 1)
    data_mean, data_cov = data.mean(axis=0), np.cov(data.T, bias=True).reshape(1, 1)
    field = DriftField(conservative(Gaussian())).bind(NumpyEngine(), data)
    bandwidths = np.append(np.geomspace(2.0, 0.5, 12), np.full(15, 0.5))
    for h in bandwidths:
        x = x + step * field.on_particles(x, h)
        mean, cov = closure_step(mean, cov, data_mean, data_cov, h, step)
        assert_allclose(x.mean(axis=0), mean, atol=1e-4)
        assert_allclose(x.var(axis=0), cov[0], atol=5e-4)
    if step == 1:
        assert_allclose(x.mean(), 1.0, atol=1e-6)
        assert_allclose(x.std(), 0.7, atol=5e-4)


def test_gaussian_closure_with_full_covariances():
    sobol = qmc.Sobol(2, seed=0).random_base2(11)
    normal = norm.ppf(np.clip(sobol, 1e-6, 1 - 1e-6))
    data = normal @ np.array([[1.0, 0.6], [0.0, 0.5]]) + [1.0, -1.0]
    x = normal[:, ::-1] @ np.array([[0.5, -0.3], [0.0, 1.2]])
    mean, cov = x.mean(axis=0), np.cov(x.T, bias=True)
    moments = data.mean(axis=0), np.cov(data.T, bias=True)
    field = DriftField(conservative(Gaussian())).bind(NumpyEngine(), data)
    for h in np.append(np.geomspace(2.0, 0.6, 8), np.full(8, 0.6)):
        x = x + field.on_particles(x, h)
        mean, cov = closure_step(mean, cov, *moments, h, 1.0)
        assert_allclose(x.mean(axis=0), mean, atol=1.5e-3)
        assert_allclose(np.cov(x.T, bias=True), cov, atol=1.2e-2)
