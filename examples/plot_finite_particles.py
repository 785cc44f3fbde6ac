"""
Paths with and without a potential
==================================

The data are a thin horizontal cluster, and the particles start in a thin vertical one,
both centred at the origin. The same particles follow two fields: the gradient of
Gaussian kernel densities, and the displacement field of the Laplace kernel with
leave-one-out. The first has a potential: its curl is 0, and it does no work along a
closed loop. The second has none, and its paths turn more. After figure 1 of
Balasubramanian, *Finite-Particle Convergence Rates for Conservative and
Non-Conservative Drifting Models*, arXiv:2605.22795.
"""

import matplotlib.pyplot as plt
import numpy as np

from skdrift.diagnostics import circulation, curl, field_jacobian
from skdrift.engines import NumpyEngine
from skdrift.fields import DriftField, conservative, displacement
from skdrift.flow import evolve
from skdrift.kernels import Gaussian, Matern

rng = np.random.default_rng(0)
data = rng.standard_normal((300, 2)) * (1.5, 0.15)
start = rng.standard_normal((300, 2)) * (0.15, 1.5)
start[:4] = [(0.15, 1.6), (-0.2, 0.9), (0.2, -0.8), (-0.1, -1.7)]
h, step_size, n_steps = 0.5, 0.05, 400

# %%
# Both fields use the same loop, in displacement units.

cases = {
    "Gaussian, conservative": (Gaussian(), conservative, "conservative", False),
    "Laplace, displacement": (Matern(0.5), displacement, "displacement", True),
}


def turning(path):
    """Total angle by which a path turns, in turns, ignoring steps that do not move."""
    step = np.diff(path, axis=0)
    step = step[np.linalg.norm(step, axis=1) > 1e-4 * h]
    angle = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
    return np.abs(np.diff(angle)).sum() / (2 * np.pi)


# %%
# The circulation is measured along a circle in the upper right quadrant, in the field
# at the start.

t = np.linspace(0, 2 * np.pi, 200, endpoint=False)
loop = np.array([0.7, 0.7]) + 0.5 * np.column_stack((np.cos(t), np.sin(t)))

figure, axes = plt.subplots(
    1, 2, figsize=(10.5, 6), sharex=True, sharey=True, layout="constrained"
)
for axis, (name, (kernel, profiles, field, leave_one_out)) in zip(
    axes, cases.items(), strict=True
):
    bound = DriftField(profiles(kernel), leave_one_out).bind(NumpyEngine(), data)
    bandwidths = np.full(n_steps + 1, h)
    flow = evolve(start, bound.on_particles, bandwidths, step_size, tol=0.0)
    paths = np.array([*flow.trajectory, flow.particles])[:, :4]
    options = dict(kernel=kernel, field=field, queries=loop)
    spin = curl(field_jacobian(start, data, h, **options)).max()
    work = circulation(lambda x, bound=bound: bound.at(x, start, h), loop)
    bend = np.mean([turning(paths[:, i]) for i in range(4)])
    print(f"{name}: curl {spin:.1e}, circulation {work:.1e}, {bend:.2f} turns per path")
    axis.scatter(*data.T, s=6, c="0.8", label="data")
    axis.scatter(*start.T, s=6, c="tab:blue", alpha=0.25, label="start")
    axis.scatter(*flow.particles.T, s=6, c="tab:orange", alpha=0.6, label="end")
    axis.plot(*loop.T, ":", c="0.5", lw=1)
    for i in range(4):
        axis.plot(*paths[:, i].T, lw=1.6)
        axis.plot(*paths[0, i], "k.", ms=6)
    axis.set(aspect="equal", xlim=(-5, 5), ylim=(-4.5, 4.5))
    axis.set_title(
        f"{name}\nlargest curl on the dotted loop {spin:.1e}, circulation {work:.1e}\n"
        f"a path turns {bend:.2f} times on average"
    )
axes[0].legend(frameon=False, loc="upper right")
figure.savefig("finite_particles.png", dpi=120)
print("Saved finite_particles.png")
