r"""
The joint entropy of all particles
==================================

N particles that start at random have a joint distribution. The finite-particle theory
follows its entropy H, relative to independent draws from the data's density
:math:`p_h`: along the conservative field, in score units,

.. math:: \frac{d}{dt}\frac HN = \mathbb E[-S_N + I_N],

where the Stein drift decreases the entropy, and the self-interaction of the particles
increases it. The latter is absent with leave-one-out (Balasubramanian, *Finite-Particle
Convergence Rates for Conservative and Non-Conservative Drifting Models*,
arXiv:2605.22795, eq. 11). With two particles on a line, H can be computed from its
definition.
"""

import matplotlib.pyplot as plt
import numpy as np

from skdrift.diagnostics import self_interaction, stein_drift
from skdrift.engines import NumpyEngine
from skdrift.fields import conservative
from skdrift.kernels import Gaussian

data, h = np.array([-1.2, -1.0, 0.6, 0.9, 1.4]), 1.0
mean, deviation = 2.5, 0.8
KERNEL = Gaussian()
PROFILES = conservative(KERNEL)

# %%
# The two particles are independent at first, drawn from one Gaussian next to the data.
# A Gauss-Hermite rule has nodes for the pair, each of which starts a flow. The
# repulsion of two particles is written out, for many pairs at a time, with shape
# (n_pairs, 2).


def data_term(x):
    """Score and log-density of the data at every particle."""
    model = NumpyEngine().bind(data[:, None]).reduce(x.reshape(-1, 1), PROFILES, h)
    log_p = model.log_z + KERNEL.log_normalizer(1) - np.log(h)
    return model.displacement.reshape(x.shape) / h**2, log_p.reshape(x.shape)


def velocity(x, leave_one_out):
    offset = x[:, ::-1] - x  # to the other particle
    k = np.exp(-(offset**2) / (2 * h**2))
    share = 1.0 if leave_one_out else k / (1 + k)
    return data_term(x)[0] - share * offset / h**2


def runge_kutta(x, dt, leave_one_out):
    k1 = velocity(x, leave_one_out)
    k2 = velocity(x + dt / 2 * k1, leave_one_out)
    k3 = velocity(x + dt / 2 * k2, leave_one_out)
    k4 = velocity(x + dt * k3, leave_one_out)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def pairs_of(node, weight):
    """Two independent draws, shape (n_pairs, 2), and weights; in one order only."""
    i, j = np.triu_indices(len(node))
    orders = np.where(i == j, 1, 2)
    return np.column_stack((node[i], node[j])), orders * weight[i] * weight[j]


# %%
# The flow carries the joint density along, divided by the determinant of its Jacobian.
# The determinant is computed from the positions of neighbouring flows, by differences
# of fourth order, so that H uses only positions: no divergence, and none of the terms
# of the identity.

EPSILON = 2e-3
STENCIL = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}


def flow(start, dt, n_steps, leave_one_out):
    """Positions and log-determinants at every time."""
    moves = [k * EPSILON * column for column in np.eye(2) for k in STENCIL]
    x = np.concatenate([start, *(start + move for move in moves)])
    positions, log_dets = [], []
    for _ in range(n_steps + 1):
        here, *moved = np.split(x, 1 + len(moves))
        jacobian = [
            sum(c * m for c, m in zip(STENCIL.values(), four, strict=True)) / EPSILON
            for four in (moved[:4], moved[4:])
        ]
        positions.append(here)
        log_dets.append(np.linalg.slogdet(np.stack(jacobian, axis=1))[1])
        x = runge_kutta(x, dt, leave_one_out)
    return np.array(positions), np.array(log_dets)


def entropy(start, weights, positions, log_dets):
    """H / N at every time."""
    z = (start - mean) / deviation
    log_start = (-(z**2) / 2 - np.log(deviation * np.sqrt(2 * np.pi))).sum(axis=1)
    log_p = np.array([data_term(x)[1].sum(axis=1) for x in positions])
    return (log_start - log_dets - log_p) @ weights / 2


def derivative(values, dt):
    """Derivative by differences of fourth order; two values fewer at either end."""
    near, far = values[3:-1] - values[1:-3], values[4:] - values[:-4]
    return (8 * near - far) / (12 * dt)


# %%
# The right-hand side is computed by the library: the mean of
# :func:`~skdrift.diagnostics.stein_drift` and
# :func:`~skdrift.diagnostics.self_interaction` over all pairs.


def terms(pairs, weights, leave_one_out):
    """Means of S_N and I_N."""
    options = dict(leave_one_out=leave_one_out)
    s, i = 0.0, 0.0
    for x, w in zip(pairs[:, :, None], weights, strict=True):
        s += w * stein_drift(x, data[:, None], h, **options)
        i += 0.0 if leave_one_out else w * self_interaction(x, h)
    return s, i


dt, n_steps, every = 0.004, 300, 15
node, weight = np.polynomial.hermite_e.hermegauss(20)
start, weights = pairs_of(mean + deviation * node, weight / weight.sum())
times = dt * np.arange(n_steps + 1)
figure, axes = plt.subplots(
    2, 2, figsize=(11, 7), sharex=True, sharey="row", layout="constrained"
)
for (top, bottom), leave_one_out in zip(axes.T, (False, True), strict=True):
    positions, log_dets = flow(start, dt, n_steps, leave_one_out)
    h_n = entropy(start, weights, positions, log_dets)
    slope = derivative(h_n, dt)[::every]
    looked_at = np.arange(2, n_steps - 1)[::every]
    s, i = np.array([terms(positions[t], weights, leave_one_out) for t in looked_at]).T
    error = np.abs(slope - (i - s)).max() / np.abs(slope).max()
    name = "leave-one-out" if leave_one_out else "full self-interaction"
    print(f"{name}: dH/dt and the two terms differ by {error:.1e} of the largest slope")
    print(f"  H/N from {h_n[0]:.3f} by {h_n.min():.3f} to {h_n[-1]:.3f}")
    seen = times[looked_at]
    span = seen[-1] - seen[0]
    mean_s, mean_i = (np.trapezoid(term, seen) / span for term in (s, i))
    bound = h_n[looked_at[0]] / span + mean_i
    print(f"  mean of S_N {mean_s:.3f}, bounded in theory by {bound:.3f}")
    top.plot(times, h_n, c="tab:blue")
    top.set_title(name)
    bottom.axhline(0, c="0.8", lw=1)
    bottom.plot(seen, -s, c="tab:green", lw=5, alpha=0.4, label=r"$-E\,S_N$")
    bottom.plot(seen, i, c="tab:red", label=r"$E\,I_N$")
    bottom.plot(seen, i - s, c="k", label=r"$E\,[-S_N+I_N]$")
    bottom.plot(seen, slope, "o", c="tab:blue", ms=4, label="$d(H/N)/dt$")
    bottom.set_xlabel("time, in score units")
axes[0, 0].set_ylabel("$H/N$")
axes[1, 0].set_ylabel("rate of change")
axes[1, 0].legend(frameon=False, loc="upper left")
figure.savefig("entropy_identity.png", dpi=120)

# %%
# The slope of H and the two terms agree to 3e-10 of the largest slope. The start is
# next to the data, and at first both flows move it there and decrease the entropy. Then
# the particles interact. In the full field the two come to rest at positions that
# hardly depend on where they started: the distribution of the pair becomes ever
# narrower, the self-interaction outweighs the Stein drift, and the entropy increases.
# With leave-one-out there is no such term, but one particle repels the other more
# strongly the farther away it is. The Stein drift itself becomes negative, and the two
# diverge.
#
# As entropies are not negative, the identity bounds the mean of :math:`S_N` over a time
# T by :math:`H_0/NT` and the mean of :math:`I_N`, which is the theorem behind the
# rates. The bound is sharp for particles that start as independent draws of
# :math:`p_h`: there H has its minimum 0, its derivative vanishes, and the two terms are
# equal. The trapezoidal rule on a line confirms this.

node = np.linspace(-8, 8, 81)
weight = np.exp(data_term(node)[1])
pairs, weights = pairs_of(node, weight / weight.sum())
for leave_one_out in (False, True):
    print("S_N {:.8f}, I_N {:.8f}".format(*terms(pairs, weights, leave_one_out)))
print("Saved entropy_identity.png")
