"""
The curl of a drifting field
============================

A field with a potential has no curl. Three fields attract the same particles to the
same data here: the displacement field of the Laplace kernel, used by
:class:`~skdrift.LaplaceDrifter`, the field of the Gaussian kernel, and the sharp
Laplace field of :class:`~skdrift.SharpDrifter`, which is the gradient field of the
Matérn kernel of order 3/2. At the points their arrows look similar. Only the first has
a curl, and a formula gives its size everywhere. After Remark 6.11 of Balasubramanian,
*Finite-Particle Convergence Rates for Conservative and Non-Conservative Drifting
Models*, arXiv:2605.22795.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skdrift.diagnostics import field_jacobian, scale_decomposition
from skdrift.engines import NumpyEngine
from skdrift.fields import DriftField, conservative, displacement
from skdrift.kernels import Gaussian, Matern

rng = np.random.default_rng(0)
data, _ = make_moons(300, noise=0.08, random_state=0)
particles = (0.5, 0.25) + rng.standard_normal((300, 2)) * (0.45, 0.9)
h = 0.3
axes_of_grid = np.linspace(-1.6, 2.6, 141), np.linspace(-1.7, 2.2, 131)
grid = np.stack(np.meshgrid(*axes_of_grid), axis=-1)
points = grid.reshape(-1, 2)
laplace = Matern(nu=0.5)

# %%
# The curl of the velocity, ``dV_2 / dx_1 - dV_1 / dx_2``, including its sign, is a
# difference of two entries of the Jacobian. A displacement divided by a length has no
# unit.

cases = {
    "Laplace, displacement": (laplace, displacement, "displacement"),
    "Gaussian": (Gaussian(), conservative, "conservative"),
    "sharp Laplace": (laplace.sharp(), conservative, "conservative"),
}
velocities, curls = {}, {}
for name, (kernel, profiles, field) in cases.items():
    bound = DriftField(profiles(kernel)).bind(NumpyEngine(), data)
    velocities[name] = bound.at(points, particles, h).reshape(grid.shape)
    jacobian = field_jacobian(
        particles, data, h, kernel=kernel, field=field, queries=points
    )
    curls[name] = (jacobian[:, 1, 0] - jacobian[:, 0, 1]).reshape(grid.shape[:2])
    size = np.abs(jacobian).max()
    print(f"{name:22} largest |curl| {np.abs(curls[name]).max():.1e}, entry {size:.2f}")

# %%
# A Laplace mean shift is a score times a local scale, ``m = a s#``, and a score has no
# curl: ``curl V = grad a_p x s#_p - grad a_q x s#_q``. The gradient of the scale is ``a
# (s# - s)``, with the score s of the Laplace kernel itself. The formula contains no
# second derivative and is independent of the Jacobian above.

parts = scale_decomposition(particles, data, h, queries=points)


def cross(u, v):
    return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]


def turning(sources, scale, sharp_score):
    bound = NumpyEngine().bind(sources)
    score = bound.reduce(points, conservative(laplace), h).displacement / h**2
    return cross(scale[:, None] * (sharp_score - score), sharp_score)


of_data = turning(data, parts.scale_data, parts.score_data)
of_model = turning(particles, parts.scale_model, parts.score_model)
formula = (of_data - of_model).reshape(grid.shape[:2])
largest = np.abs(formula).max()
difference = np.abs(formula - curls["Laplace, displacement"]).max()
print(
    f"Formula and Jacobian differ by at most {difference / largest:.1e} of the largest"
)
print(f"Largest part of the data {np.abs(of_data).max():.2f}, ", end="")
print(f"of the particles {np.abs(of_model).max():.2f}")

# %%
# All three maps use the same colour scale. The lines over the first are contours of the
# formula, at a third and two thirds of that scale, dashed where it is negative. Each
# follows one shade of the colours, which are computed from the Jacobian: the two agree
# to 5e-14 of the largest curl. This is 0.96, compared with entries of the Jacobian of
# at most 1.64, so the rotation can be as strong as anything else in the field. The curl
# is large at the edge of the point sets and next to the arcs, where data and particles
# have different sources nearby. The other two fields have a curl of 6e-15 at most,
# which is rounding error.

limit = np.quantile(np.abs(formula), 0.99)
figure, axes = plt.subplots(
    1, 3, figsize=(14, 4.9), sharex=True, sharey=True, layout="constrained"
)
for axis, (name, velocity) in zip(axes, velocities.items(), strict=True):
    image = axis.pcolormesh(
        *axes_of_grid, curls[name], cmap="RdBu_r", vmin=-limit, vmax=limit
    )
    axis.streamplot(
        *axes_of_grid,
        velocity[..., 0],
        velocity[..., 1],
        color="0.35",
        linewidth=0.6,
        arrowsize=0.7,
    )
    axis.scatter(*data.T, s=5, c="tab:green", label="data")
    axis.scatter(*particles.T, s=5, c="tab:orange", label="particles")
    axis.set_title(f"{name}\nlargest |curl| {np.abs(curls[name]).max():.1e}")
    axis.set(
        aspect="equal", xlim=axes_of_grid[0][[0, -1]], ylim=axes_of_grid[1][[0, -1]]
    )
levels = limit * np.array([-2, -1, 1, 2]) / 3
axes[0].contour(*axes_of_grid, formula, levels=levels, colors="k", linewidths=1)
axes[2].legend(loc="lower right", markerscale=2)
figure.colorbar(image, ax=axes, label="curl of the velocity", extend="both", shrink=0.9)
figure.savefig("curl.png", dpi=120)
print("Saved curl.png")
