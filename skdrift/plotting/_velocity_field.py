"""The final velocity in the plane of two columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils import check_scalar

from .._docstrings import documented
from ._common import (
    ARROWS,
    DRAWN,
    SHARED,
    check_data,
    check_drifter,
    checked_names,
    column_indices,
    container_like,
    marker_area,
    names_of,
    new_axes,
)

if TYPE_CHECKING:
    from .._typing import ArrayLike, Axes, Estimator, Floats, Self, Table


@documented(SHARED)
@dataclass(kw_only=True, eq=False, repr=False)
class VelocityFieldDisplay:
    """Final velocity field in the plane of two columns.

    Arrows show the velocity, over filled contours of the potential whose gradient it
    is: the potential is positive where there are too few particles. If the drifter has
    no potential, the contours show the speed. It is recommended to use
    :meth:`from_estimator`.

    Parameters
    ----------
    grid : tuple of two ndarrays, of shape (n,)
        Coordinates of the grid in the two columns.
    velocity : ndarray of shape (n, n, 2)
        Velocity at ``(grid[0][j], grid[1][i])``, its components in the two columns.
    background : ndarray of shape (n, n)
        Values at the same points. The potential in squared bandwidths, which is the
        log of the ratio of the densities of data and particles, or the length of
        `velocity` in bandwidths.
    background_name : {"potential", "speed"}
        Which of the two `background` is.
    X : ndarray of shape (n_samples, 2)
        Data.
    particles : ndarray of shape (n_particles, 2)
        Particles.
    feature_names : list of two str
        Names of the columns.

    Attributes
    ----------
    {axes_and_figure}
    quiver_ : matplotlib Quiver
        The arrows.
    contours_ : matplotlib QuadContourSet
        The filled contours.
    colorbar_ : matplotlib Colorbar
        Colorbar of the contours.
    data_, particles_ : matplotlib PathCollection
        The points.

    See Also
    --------
    TrajectoryDisplay : Paths of the particles during the fit.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.plotting import VelocityFieldDisplay
    >>> X, _ = make_moons(200, noise=0.06, random_state=0)
    >>> drifter = ConservativeDrifter(random_state=0).fit(X)
    >>> display = VelocityFieldDisplay.from_estimator(drifter, X)
    >>> display.velocity.shape
    (73, 73, 2)
    """

    grid: tuple[Floats, Floats]
    velocity: Floats
    background: Floats
    background_name: Literal["potential", "speed"]
    X: Floats
    particles: Floats
    feature_names: Sequence[str]

    @classmethod
    @documented(SHARED)
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Table,
        *,
        features: Sequence[int | str] = (0, 1),
        reference: ArrayLike | None = None,
        grid_resolution: int = 73,
        margin: float = 0.1,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Evaluate the velocity on a grid, and draw it.

        Parameters
        ----------
        {drifter}
        X : array-like of shape (n_samples, n_features)
            Data. The grid covers them and the particles.
        features : tuple of two int or str, default=(0, 1)
            Columns of the plane, by index or name.
        reference : array-like of shape (n_features,), default=None
            Point of the plane, in data units: it sets the values of the other columns.
            If None, the medians of `X`.
        grid_resolution : int, default=73
            Number of grid points in each of the two columns.
        margin : float, default=0.1
            Extent of the grid beyond the points, relative to their range.
        {ax}
        {to_plot}

        Returns
        -------
        VelocityFieldDisplay

        Raises
        ------
        TypeError
            If the estimator has no method ``velocity``.
        ValueError
            If `features`, `reference` or the columns of `X` do not match the columns
            that the drifter was fitted to.
        """
        check_drifter(cls, estimator, "velocity")
        d = estimator.n_features_in_
        check_scalar(grid_resolution, "grid_resolution", Integral, min_val=2)
        check_scalar(margin, "margin", Real, min_val=0)
        names = checked_names(names_of(estimator, X), d)
        if d < 2:
            raise ValueError(
                f"{cls.__name__} needs at least two columns; the drifter was fitted to "
                "one."
            )
        plane = column_indices(features, names, 2)
        as_given, X = container_like(X), check_data(X, d)
        flow = estimator.flow_  # whose arrays are those of NumPy, whatever was fitted
        particles = flow.scaling.to_data(flow.particles)[:, plane]
        grid = _grid(X[:, plane], particles, margin, grid_resolution)
        points = np.tile(_check_reference(reference, X), (grid_resolution**2, 1))
        points[:, plane] = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, 2)
        points = as_given(points)
        shape = (grid_resolution, grid_resolution)
        velocity = np.asarray(estimator.velocity(points), float)[:, plane]
        background, name = _background(estimator, points, velocity, plane)
        return cls(
            grid=grid,
            velocity=velocity.reshape(*shape, 2),
            background=background.reshape(shape),
            background_name=name,
            X=X[:, plane],
            particles=particles,
            feature_names=[names[j] for j in plane],
        ).plot(ax=ax, **kwargs)

    @documented(SHARED)
    def plot(
        self,
        ax: Axes | None = None,
        *,
        arrow_step: int = 4,
        levels: int = 10,
        cmap: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the field.

        Parameters
        ----------
        {ax}
        arrow_step : int, default=4
            Distance between arrows, in grid points.
        levels : int, default=10
            Approximate number of filled levels, which are at round numbers. They cover
            the smallest 90 % of the absolute values; the outermost color is used for
            the rest.
        cmap : str or matplotlib Colormap, default=None
            Colors. If None, a diverging map for a potential and a sequential one for a
            speed.
        **kwargs
            Passed to :meth:`matplotlib.axes.Axes.quiver`.

        Returns
        -------
        VelocityFieldDisplay
            This display, with the artists as attributes.
        """
        check_scalar(arrow_step, "arrow_step", Integral, min_val=1)
        check_scalar(levels, "levels", Integral, min_val=1)
        self.ax_, self.figure_ = ax, _ = new_axes(self, ax)
        self._plot_background(levels, cmap)
        self.data_ = self._plot_points(self.X, "k", "data")
        self.particles_ = self._plot_points(self.particles, DRAWN, "particles")
        every = slice((len(self.grid[0]) - 1) % arrow_step // 2, None, arrow_step)
        self.quiver_ = ax.quiver(
            self.grid[0][every],
            self.grid[1][every],
            self.velocity[every, every, 0],
            self.velocity[every, every, 1],
            **{"angles": "xy", "color": ARROWS, "width": 0.0025, **kwargs},
        )
        ax.set(
            xlabel=self.feature_names[0],
            ylabel=self.feature_names[1],
            xlim=self.grid[0][[0, -1]],
            ylim=self.grid[1][[0, -1]],
        )
        ax.legend(loc="upper right")
        return self

    def _plot_background(self, levels, cmap):
        signed = self.background_name == "potential"
        if cmap is None:
            cmap = _pale("PuOr_r", 0.2, 0.8) if signed else _pale("Greys", 0, 0.5)
        self.contours_ = self.ax_.contourf(
            *self.grid,
            self.background,
            levels=_round_levels(self.background, levels, signed),
            cmap=cmap,
            extend="both" if signed else "max",
        )
        label = "potential (positive: too few particles)"
        self.colorbar_ = self.figure_.colorbar(self.contours_, ax=self.ax_)
        self.colorbar_.set_label(label if signed else "speed, in bandwidths")
        self.colorbar_.outline.set_visible(False)

    def _plot_points(self, points, color, label):
        area = marker_area(len(points))
        return self.ax_.scatter(*points.T, s=area, c=color, lw=0, zorder=2, label=label)


def _grid(X, particles, margin, n):
    """Coordinates of a grid around the points, in each of the two columns."""
    points = np.vstack([X, particles])
    low, high = points.min(axis=0), points.max(axis=0)
    room = margin * np.where(high > low, high - low, 1.0)
    return tuple(np.linspace(low - room, high + room, n).T)


def _background(estimator, points, velocity, plane):
    """Potential or else speed at the points, and which of the two."""
    if hasattr(estimator, "potential"):
        return estimator.potential(points) / estimator.bandwidth_**2, "potential"
    unit = estimator.bandwidth_ * estimator.flow_.scaling.scale[plane]
    return np.linalg.norm(velocity / unit, axis=1), "speed"


def _round_levels(values, n, signed):
    from matplotlib.ticker import MaxNLocator

    limit = float(np.quantile(np.abs(values), 0.9)) or 1.0
    locator = MaxNLocator(n, symmetric=signed, min_n_ticks=1)
    return locator.tick_values(-limit if signed else 0, limit)


def _pale(name, low, high):
    """Part of a colormap on which arrows and points are visible."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    colors = matplotlib.colormaps[name](np.linspace(low, high, 256))
    return LinearSegmentedColormap.from_list(f"pale {name}", colors)


def _check_reference(reference, X):
    if reference is None:
        return np.median(X, axis=0)
    reference = np.asarray(reference, dtype=np.float64)
    if reference.shape != (X.shape[1],) or not np.isfinite(reference).all():
        raise ValueError(
            f"The 'reference' parameter must be {X.shape[1]} finite numbers, one for "
            f"each column; got {reference!r}."
        )
    return reference
