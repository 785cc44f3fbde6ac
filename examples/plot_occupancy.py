"""
How many neighbours a particle has
==================================

A density that is a mean of kernels is bounded from below at every particle that has
neighbours, and so are the denominators of a drifting field. A lower bound for the
number of neighbours can be proven for independent particles, and for later ones if the
flow does not separate them. The example compares the bounds with counts. After sections
5 and 6.5 of Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from skdrift.diagnostics import (
    leave_one_out_denominator,
    leave_one_out_denominator_bound,
    local_occupancy,
    occupancy_probability,
    pair_distortion,
    propagated_occupancy,
    reciprocal_density,
    reciprocal_density_bound,
)
from skdrift.engines import NumpyEngine
from skdrift.fields import DriftField, conservative
from skdrift.flow import evolve
from skdrift.kernels import Gaussian

rng = np.random.default_rng(0)
n_runs, sizes = 200, 2 ** np.arange(6, 12)

# %%
# Independent points in the unit square, and balls of one bandwidth, r0 = 1. The ball
# with the smallest mass is the one in a corner, a quarter of a disc: :math:`m_0 = \pi
# h^2/4`. With :math:`h = c \sqrt{\log N / N}` the proven probability is close to
# :math:`1 - N^{1 - \pi c^2/32}`, which is meaningful for c > 3.2 only. Indeed at c = 1
# nothing is proven, and the count falls short in 5 to 26 of 100 runs. At c = 4 it is
# proven with probability 0.93 to 0.99 and never fell short: the smallest count of 200
# runs is 1.4 to 1.6 times the proven one, because few points lie in corners. At the
# larger bandwidth :math:`N^{-1/6}` the proof requires about a thousand points, and the
# count fell short twice, with 64 points.

bandwidths = {
    "$h = (\\log N / N)^{1/2}$": lambda n: np.sqrt(np.log(n) / n),
    "$h = 4 (\\log N / N)^{1/2}$": lambda n: 4 * np.sqrt(np.log(n) / n),
    "$h = N^{-1/6}$": lambda n: n ** (-1 / 6),
}


def one_size(n, h):
    """Smallest counts with their proven bounds, reciprocal densities with theirs."""
    proven = occupancy_probability(n, np.pi * h**2 / 4)
    clouds = [rng.random((n, 2)) for _ in range(n_runs)]
    least = np.array([local_occupancy(x, h).min() for x in clouds])
    mean = np.mean([reciprocal_density(x, h) for x in clouds[:10]])
    by_least, by_proven = (
        np.mean([reciprocal_density_bound(np.full(n, c), h, 2) for c in counts])
        for counts in (least[:10], [proven.count])
    )
    return least, *proven, np.mean(least >= proven.count), mean, by_least, by_proven


found = {}
for name, rule in bandwidths.items():
    n_s = [n for n in sizes if rule(n) <= 1]  # larger balls leave the square
    found[name] = n_s, [one_size(n, rule(n)) for n in n_s]
    print(name)
    for n, row in zip(n_s, found[name][1], strict=True):
        least, count, proven, observed, mean, by_least, by_proven = row
        print(
            f"  N = {n:4}: least counts {least.min():3} to {least.max():3}, "
            f"proven {count:5.1f} with probability {proven:.3f}, observed "
            f"{observed:.3f}; mean 1/q {mean:.2f}, "
            f"bounds {by_least:.1f} and {by_proven:.1f}"
        )

# %%
# The same counts bound the mean reciprocal density, by the smallest observed count and
# by the proven one. At c = 4 it decreases from 4.9 to 1.7, towards the value 1 of the
# distribution itself, and the bounds are 12 to 14 and 26. The rates require that these
# bounds do not grow with N. For the denominators of a leave-one-out Laplace field in
# the same square, bounded by counts too, the smallest is 0.090, and 0.018 is
# guaranteed.

x = rng.random((2048, 2))
h = 4 * np.sqrt(np.log(2048) / 2048)
z = leave_one_out_denominator(x, h)
z_bound = leave_one_out_denominator_bound(local_occupancy(x, h))
print(f"least denominator {z.min():.4f}, proven by counts {z_bound.min():.4f}")

# %%
# A flow from a square to a rectangle twice as wide. The factor by which it has moved a
# pair apart determines how much smaller the balls at the start are that have to contain
# points. The smallest count decreases from 412 to 217, and 75 are guaranteed, with a
# factor of 2.3. The theory multiplies the factors of single time steps, as if the worst
# pair were always the same: this gives 3.3, and 36 neighbours.

h, radius, step_size = 0.5, 2.0, 0.1
start, data = rng.random((500, 2)), rng.random((500, 2)) * (2.0, 0.8)
field = DriftField(conservative(Gaussian())).bind(NumpyEngine(), data)
flow = evolve(start, field.on_particles, np.full(61, h), step_size, tol=0.0)
particles = [*flow.trajectory, flow.particles]
counts = [local_occupancy(x, h, radius=radius).min() for x in particles]
factors = np.array([pair_distortion(start, x) for x in particles])
steps = [pair_distortion(*pair) for pair in pairwise(particles)]
products = np.cumprod([1.0, *steps])
for t in (0, 10, 30, 60):
    print(
        f"time {step_size * t:.0f}: least count {counts[t]}, pairs moved apart by at "
        f"most {factors[t]:.2f}, by single steps {products[t]:.2f}"
    )


def sure(factor):
    return propagated_occupancy(start, h, factor, radius=radius).min()


by_factor = [sure(f) for f in factors]
by_product = [sure(f) for f in products]
print(f"at the end proven {by_factor[-1]}, by single steps {by_product[-1]}")

# %%
# Points and bars are observed, lines are proven.

figure, axes = plt.subplots(2, 2, figsize=(12, 9), layout="constrained")
(top_left, top_right), (low_left, low_right) = axes
colours = ("tab:red", "tab:blue", "tab:green")
shifts = (0.94, 1.0, 1.06)  # of points that would hide each other
for (name, (n_s, rows)), c, shift in zip(found.items(), colours, shifts, strict=True):
    least, count, proven, observed, mean, by_least, by_proven = zip(*rows, strict=True)
    median, low, high = np.quantile(least, (0.5, 0, 1), axis=1)
    beside = np.array(n_s) * shift
    top_left.errorbar(
        beside,
        median,
        (median - low, high - median),
        fmt="o",
        c=c,
        capsize=3,
        label=name,
    )
    top_left.plot(n_s, count, c=c)
    top_right.plot(beside, observed, "o", c=c, label=name)
    top_right.plot(n_s, proven, c=c)
    low_left.plot(beside, mean, "o", c=c, label=name)
    low_left.plot(n_s, by_least, "--", c=c)
    low_left.plot(n_s, by_proven, c=c)
top_left.set(
    title="Smallest count, 200 point sets\nline: $1 + (N - 1)\\, m_0 / 2$",
    ylabel="particles within one bandwidth",
    yscale="log",
    ylim=(0.8, 900),
)
top_right.set(
    title="Probability of a smallest count above that line\n"
    "line: $1 - N \\exp(-(N - 1)\\, m_0 / 8)$, 0 where negative",
    ylabel="probability",
)
low_left.set(
    title="Mean reciprocal density\n"
    "line: bound by the proven count, dashed: by the least one",
    ylabel="mean of $1 / q_h$, 1 for the square",
    yscale="log",
    ylim=(0.9, 70),
)
for axis in (top_left, top_right, low_left):
    axis.set(xlabel="N", xscale="log")
top_left.legend(frameon=False, loc="upper left")
time = step_size * np.arange(len(particles))
low_right.plot(time, counts, "k.", label="observed")
low_right.plot(time, by_factor, c="tab:purple", label="by the distortion so far")
low_right.plot(
    time, by_product, "--", c="tab:purple", label="by the product over single steps"
)
low_right.set(
    title="Smallest count along a flow\nlines: guaranteed by the start",
    xlabel="time, steps times their size",
    ylabel="particles within two bandwidths",
    ylim=(0, None),
)
low_right.legend(frameon=False)
figure.savefig("occupancy.png", dpi=110)
print("Saved occupancy.png")
