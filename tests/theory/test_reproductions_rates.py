"""The finite-particle theorems as measured numbers: the joint entropy, and the rate."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skdrift.diagnostics import entropy_balance, self_interaction, stein_drift
from skdrift.engines import NumpyEngine
from skdrift.fields import conservative
from skdrift.kernels import Gaussian
from skdrift.spectral import decay_rate

# -- joint entropy of two particles on a line -----------------------------------------

ROWS = np.array([-1.2, -1.0, 0.6, 0.9, 1.4])
EVEN = np.full(5, 0.2)
H, MEAN, DEVIATION = 1.0, 2.5, 0.8
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
both = pytest.mark.parametrize("leave_one_out", [False, True])


def score_and_log_density(x, y, w):
    k = w * np.exp(-((x[..., None] - y) ** 2) / (2 * H**2))
    z = k.sum(axis=-1)
    return (k * (y - x[..., None])).sum(axis=-1) / (H**2 * z), np.log(
        z / (H * np.sqrt(2 * np.pi))
    )


def velocity(x, y, w, leave_one_out):
    offset = x[:, ::-1] - x
    k = np.exp(-(offset**2) / (2 * H**2))
    share = 1 if leave_one_out else k / (1 + k)
    return score_and_log_density(x, y, w)[0] - share * offset / H**2


def pairs_of(node, weight):
    i, j = np.triu_indices(len(node))
    orders = np.where(i == j, 1, 2)
    return np.column_stack((node[i], node[j])), orders * weight[i] * weight[j]


def gaussian_pairs(n):
    node, weight = np.polynomial.hermite_e.hermegauss(n)
    return pairs_of(MEAN + DEVIATION * node, weight / weight.sum())


def flow(start, y, w, leave_one_out, dt, n_steps):
    """Positions and log-determinants of the flow's Jacobian, from positions alone."""
    moves = [k * 2e-3 * e for e in np.eye(2) for k, _ in STENCIL]
    x = np.concatenate([start, *(start + move for move in moves)])
    positions, log_dets = [], []
    for _ in range(n_steps + 1):
        here, *moved = np.split(x, 9)
        columns = [
            sum(c * m for (_, c), m in zip(STENCIL, four, strict=True)) / 2e-3
            for four in (moved[:4], moved[4:])
        ]
        positions.append(here)
        log_dets.append(np.linalg.slogdet(np.stack(columns, axis=2))[1])
        k1 = velocity(x, y, w, leave_one_out)
        k2 = velocity(x + dt / 2 * k1, y, w, leave_one_out)
        k3 = velocity(x + dt / 2 * k2, y, w, leave_one_out)
        k4 = velocity(x + dt * k3, y, w, leave_one_out)
        x = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.array(positions), np.array(log_dets)


def entropy(start, weights, positions, log_dets, y, w):
    """H: mean of the log of the joint density over the product of p_h."""
    log_start = -((start - MEAN) ** 2) / (2 * DEVIATION**2)
    log_start -= np.log(DEVIATION * np.sqrt(2 * np.pi))
    log_p = score_and_log_density(positions, y, w)[1].sum(axis=2)
    return (log_start.sum(axis=1) - log_dets - log_p) @ weights


@both
def test_joint_entropy_identity(leave_one_out):
    dt, n_steps = 0.01, 120
    start, weights = gaussian_pairs(10)
    positions, log_dets = flow(start, ROWS, EVEN, leave_one_out, dt, n_steps)
    per_particle = entropy(start, weights, positions, log_dets, ROWS, EVEN) / 2
    largest = np.abs(np.gradient(per_particle, dt)).max()
    for t in (2, 30, 60, 90, 118):
        change = sum(-c * per_particle[t - k] for k, c in STENCIL) / dt
        mean = sum(
            weight
            * entropy_balance(x[:, None], ROWS[:, None], H, leave_one_out=leave_one_out)
            for x, weight in zip(positions[t], weights, strict=True)
        )
        # Measured: at most 3e-8.
        assert abs(change - mean) < 1e-6 * largest


def test_entropy_of_a_flow_that_stays_gaussian():
    # Normal data, by a rule of Gauss and Hermite, and leave-one-out: the velocity of
    # the pair is linear, and its law Gaussian. H is then a formula.
    node, weight = np.polynomial.hermite_e.hermegauss(60)
    node, weight = 0.7 * node, weight / weight.sum()
    variance = 0.7**2 + H**2
    dt, n_steps = 0.01, 100
    start, weights = gaussian_pairs(20)
    positions, log_dets = flow(start, node, weight, True, dt, n_steps)
    found = entropy(start, weights, positions, log_dets, node, weight)
    pair = np.array([[1.0, -1.0], [-1.0, 1.0]]) / H**2 - np.eye(2) / variance
    rates, axes = np.linalg.eigh(pair)
    expected = []
    for t in dt * np.arange(n_steps + 1):
        growth = axes * np.exp(rates * t) @ axes.T
        mean, covariance = growth @ [MEAN, MEAN], DEVIATION**2 * growth @ growth.T
        log_det = np.linalg.slogdet(covariance / variance)[1]
        spread = (np.trace(covariance) + mean @ mean) / variance
        expected.append((spread - 2 - log_det) / 2)
    assert_allclose(found, expected, rtol=1e-7)


@both
def test_stein_drift_and_self_interaction_balance_where_entropy_is_least(leave_one_out):
    # The law of two independent draws of p_h has H = 0, so dH/dt = 0.
    node = np.linspace(-8, 8, 41)
    weight = np.exp(score_and_log_density(node, ROWS, EVEN)[1])
    pairs, weights = pairs_of(node, weight / weight.sum())
    s = i = 0.0
    for x, weight in zip(pairs[:, :, None], weights, strict=True):
        s += weight * stein_drift(x, ROWS[:, None], H, leave_one_out=leave_one_out)
        i += 0 if leave_one_out else weight * self_interaction(x, H)
    assert leave_one_out or i > 0.7
    assert_allclose(s, i, rtol=1e-9, atol=1e-9)


# -- residual velocity against the number of particles --------------------------------

# Data on a circle of length 2 pi in every column, of density (1 + cos(x) / 2) / 2 pi:
# smooth, without edges or tails. The start are independent draws of p_h, so that H = 0.
LENGTH, WAVE, TIME = 2 * np.pi, 0.5, 3.0
# Numbers of particles and of starts, and the longest time to average over.
CASES = {
    1: ({32: 160, 512: 64}, TIME),
    2: ({64: 100, 1024: 16}, None),
    3: ({128: 32, 2048: 4}, None),
}


def draws(n, d, h, rng):
    x = rng.uniform(0, LENGTH, 4 * n * d)
    x = x[rng.uniform(0, 1 + WAVE, len(x)) < 1 + WAVE * np.cos(x)][: n * d]
    return x.reshape(n, d) + h * rng.standard_normal((n, d))


def velocity_and_interaction(x, h):
    x = x % LENGTH
    images = x
    for column in np.eye(x.shape[1]) * LENGTH:
        at = images @ column / LENGTH
        low, high = images[at < 4.5 * h], images[at > LENGTH - 4.5 * h]
        images = np.concatenate((images, low + column, high - column))
    model = NumpyEngine().bind(images).reduce(x, conservative(Gaussian()), h)
    wave = WAVE * np.exp(-(h**2) / 2)
    score = -wave * np.sin(x) / (1 + wave * np.cos(x))
    own_share = np.exp(-model.log_z) / len(images)
    return score - model.displacement / h**2, x.shape[1] * own_share.mean() / h**2


def follow(x, h, times):
    """I_N of the start, and means of R_N over some times."""
    t, seen, squares, interaction = 0.0, [], [], None
    while t < times[-1] + 0.5 * h**2:
        v, i_n = velocity_and_interaction(x, h)
        interaction = interaction or i_n
        seen.append(t)
        squares.append(np.mean((v**2).sum(axis=1)))
        step = min(0.25 * (t + h**2), 1.5 * h**2)
        x, t = x + step * v, t + step
    area = np.append(0, np.cumsum(np.diff(seen) * np.add(squares[1:], squares[:-1])))
    return interaction, *(np.interp(T, seen, area / 2) / T for T in times)


def linear(n, d, h, times):
    """The same of waves of the amplitude 1 / sqrt(n) that decay each by itself."""
    axis = np.arange(-int(8 / h), int(8 / h) + 1)
    xi2 = sum(np.square(g) for g in np.meshgrid(*d * [axis], sparse=True)).ravel()
    xi2 = xi2[xi2 > 0]
    rate = decay_rate(np.sqrt(xi2), h) / h**2
    at_start = xi2 * np.exp(-(h**2) * xi2) / n
    interaction = d * (2 * np.pi) ** (d / 2) / (n * h ** (d + 2))
    return interaction, *(
        at_start @ (-np.expm1(-2 * rate * T) / (2 * rate * T)) for T in times
    )


def exponent(n, squares):
    return -np.polyfit(np.log(n), np.log(squares) / 2, 1)[0]


@pytest.mark.parametrize("d", [1, 2, 3])
def test_root_rates(d):
    rng = np.random.default_rng(0)
    starts, time = CASES[d]
    found, expected = [], []
    for n, n_starts in starts.items():
        h = 1.75 * n ** (-1 / (d + 4))
        times = [h**2] if time is None else [h**2, time]
        runs = [follow(draws(n, d, h, rng), h, times) for _ in range(n_starts)]
        found.append(np.mean(runs, axis=0))
        expected.append(linear(n, d, h, times))
    # Measured over five seeds: within 0.14. No constant is fitted.
    assert_allclose(np.sqrt(np.divide(found, expected)), 1, atol=0.2)
    # I_N and R_N over the time h^2 have the exponent of the bound, R_N over a fixed
    # time one that is twice as large. Over five seeds the exponents vary by a tenth.
    rates = [exponent(list(starts), squares) for squares in np.transpose(found)]
    theory = np.array([1, 1, 2])[: len(rates)] / (d + 4)
    assert_allclose(rates, theory, rtol=0.25)


def test_tails_slow_the_self_interaction_down():
    # Normal data in three columns: 1 / q_h is not bounded. Measured over eight
    # seeds: 0.34 to 0.51 of the exponent of the rate.
    rng, squares, numbers = np.random.default_rng(0), [], [128, 512, 2048]
    for n in numbers:
        h = n ** (-1 / 7)
        x = np.sqrt(1 + h**2) * rng.standard_normal((2, n, 3))
        squares.append(np.mean([self_interaction(cloud, h) for cloud in x]))
    assert 0 < exponent(numbers, squares) * 7 < 0.65
