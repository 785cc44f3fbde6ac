"""Pictures of fitted drifters and of what they draw.

Displays in scikit-learn's style: ``from_estimator`` and ``from_samples`` compute and
draw, ``plot`` draws again, into given axes if need be, and the artists are
attributes that end with an underscore. Matplotlib is needed, but not imported before
the first picture.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array, check_random_state, check_scalar
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from .._data._frames import unusable_columns
from ..metrics._memorization import auc_of_distances
from ..metrics._samples import check_samples, nearest_distances
from ..metrics._scorer import draw
from ..tables import TabularDrifter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from .._typing import Estimator, Floats, Seed, Table

__all__ = [
    "ConvergenceDisplay",
    "MemorizationDisplay",
    "SampleDisplay",
    "TrajectoryDisplay",
    "VelocityFieldDisplay",
]

# Told apart by all common kinds of colour vision, and by lightness in print (Okabe and
# Ito, Color Universal Design, 2008).
_DATA = "0.55"
_DRAWN = "#0072B2"
_OTHER = "#D55E00"
_ARROWS = "0.3"


# -- what the displays share -----------------------------------------------------------


def _new_axes(display, ax):
    check_matplotlib_support(f"{type(display).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax, ax.figure


def _check_drifter(cls, estimator, *needed):
    check_matplotlib_support(f"{cls.__name__}.from_estimator")
    for name in needed:
        if not hasattr(type(estimator), name):
            raise TypeError(
                f"{cls.__name__} needs an estimator with a method '{name}'; "
                f"{type(estimator).__name__} has none."
            )
    check_is_fitted(estimator)


def _feature_names(names, n_features):
    if names is None:
        return [f"column {j}" for j in range(n_features)]
    names = [str(name) for name in names]
    if len(names) != n_features:
        raise ValueError(
            f"The 'feature_names' must be {n_features}, one for every column; got "
            f"{len(names)}."
        )
    return names


def _names_of(estimator, X):
    """Names of the columns, of the estimator or else of X; None if neither has any."""
    seen = getattr(estimator, "feature_names_in_", None)
    given = getattr(X, "columns", None)
    if seen is not None and given is not None and list(seen) != list(given):
        raise ValueError(
            f"The columns of the data are {list(given)}; they must be those that the "
            f"estimator was fitted to, in the same order: {list(seen)}."
        )
    return seen if seen is not None else given


def _column_indices(features, names, n_chosen=None):
    """Indices of columns that are given by index or name."""
    features = [features] if np.ndim(features) == 0 else list(features)
    d = len(names)
    chosen = []
    for feature in features:
        if isinstance(feature, str) and feature in names:
            chosen.append(names.index(feature))
        elif isinstance(feature, Integral) and -d <= feature < d:
            chosen.append(int(feature) % d)
        else:
            raise ValueError(
                f"The 'features' parameter has {feature!r}, which is neither an index "
                f"between {-d} and {d - 1} nor one of the names {names}."
            )
    if len(set(chosen)) < len(chosen) or not chosen:
        raise ValueError(
            "The 'features' parameter must be distinct columns, at least one; got "
            f"{features!r}."
        )
    if n_chosen is not None and len(chosen) != n_chosen:
        raise ValueError(
            f"The 'features' parameter must be {n_chosen} columns; got {features!r}."
        )
    return chosen


def _check_rows(X, n_features, name="X"):
    X = check_array(X, dtype=np.float64, input_name=name)
    if X.shape[1] != n_features:
        raise ValueError(
            f"'{name}' has {X.shape[1]} columns but the drifter was fitted to "
            f"{n_features}; they must be equal."
        )
    return X


def _container_like(X):
    """What makes rows a frame, if X is one: a drifter expects the names it has seen."""
    if hasattr(X, "iloc"):
        return lambda rows: type(X)(rows, columns=X.columns)
    if hasattr(X, "columns"):
        return lambda rows: type(X)(rows, schema=list(X.columns))
    return lambda rows: rows


def _marker_area(n):
    """Area of a marker, in points squared, such that n of them are a cloud."""
    return float(np.clip(4000 / max(n, 1), 3, 18))


# -- the flow ------------------------------------------------------------------------


class VelocityFieldDisplay:
    """Final drifting field in the plane of two columns.

    Arrows show the velocity, over filled contours of the potential whose gradient it
    is: it is positive where there are too few particles. Where the drifter has no
    potential the contours are the speed. It is recommended to use
    :meth:`from_estimator`.

    Parameters
    ----------
    grid : tuple of two ndarrays, of shape (n,)
        Coordinates of the grid in the two columns.
    velocity : ndarray of shape (n, n, 2)
        Velocity at ``(grid[0][j], grid[1][i])``, its components in the two columns.
    background : ndarray of shape (n, n)
        Potential at the same places, in squared bandwidths, which is the log of the
        densities' ratio, data over particles; or the length of `velocity`, in
        bandwidths.
    background_name : {"potential", "speed"}
        Which of the two.
    X : ndarray of shape (n_samples, 2)
        Data.
    particles : ndarray of shape (n_particles, 2)
        Particles.
    feature_names : list of two str
        Names of the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the field.
    figure_ : matplotlib Figure
        Figure containing the axes.
    quiver_ : matplotlib Quiver
        The arrows.
    contours_ : matplotlib QuadContourSet
        The filled contours.
    colorbar_ : matplotlib Colorbar
        Of the contours.
    data_, particles_ : matplotlib PathCollection
        The points.

    See Also
    --------
    TrajectoryDisplay : The paths that the particles took.

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

    def __init__(
        self,
        *,
        grid: tuple[Floats, Floats],
        velocity: Floats,
        background: Floats,
        background_name: Literal["potential", "speed"],
        X: Floats,
        particles: Floats,
        feature_names: Sequence[str],
    ) -> None:
        self.grid = grid
        self.velocity = velocity
        self.background = background
        self.background_name = background_name
        self.X = X
        self.particles = particles
        self.feature_names = feature_names

    @classmethod
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
        """Evaluate the field on a grid, and draw it.

        Parameters
        ----------
        estimator : object
            A fitted drifter.
        X : array-like of shape (n_samples, n_features)
            Data: the grid covers them and the particles.
        features : tuple of two int or str, default=(0, 1)
            Columns of the plane, by index or name.
        reference : array-like of shape (n_features,), default=None
            Where the plane is: values of the other columns, in data units. None takes
            the medians of `X`.
        grid_resolution : int, default=73
            Points of the grid along either column.
        margin : float, default=0.1
            How far the grid goes beyond the points, as a share of their range.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs
            Of :meth:`plot`.

        Returns
        -------
        VelocityFieldDisplay

        Raises
        ------
        TypeError
            If the estimator has no field.
        ValueError
            If `features`, `reference` or the columns of `X` do not fit the drifter.
        """
        _check_drifter(cls, estimator, "velocity")
        d = estimator.n_features_in_
        check_scalar(grid_resolution, "grid_resolution", Integral, min_val=2)
        check_scalar(margin, "margin", Real, min_val=0)
        names = _feature_names(_names_of(estimator, X), d)
        if d < 2:
            raise ValueError(
                f"{cls.__name__} needs at least two columns; the drifter was fitted to "
                "one."
            )
        plane = _column_indices(features, names, 2)
        as_given, X = _container_like(X), _check_rows(X, d)
        points = np.vstack([X, estimator.particles_])[:, plane]
        low, high = points.min(axis=0), points.max(axis=0)
        room = margin * np.where(high > low, high - low, 1.0)
        grid = tuple(np.linspace(low - room, high + room, grid_resolution).T)
        rows = cls._plane_rows(grid, plane, _check_reference(reference, X))
        rows = as_given(rows)

        shape = (grid_resolution, grid_resolution)
        velocity = np.asarray(estimator.velocity(rows), float)[:, plane]
        name: Literal["potential", "speed"]
        if hasattr(estimator, "potential"):
            name = "potential"
            background = estimator.potential(rows) / estimator.bandwidth_**2
        else:
            name, unit = "speed", estimator.bandwidth_ * estimator.scale_[plane]
            background = np.linalg.norm(velocity / unit, axis=1)
        return cls(
            grid=grid,
            velocity=velocity.reshape(*shape, 2),
            background=background.reshape(shape),
            background_name=name,
            X=X[:, plane],
            particles=estimator.particles_[:, plane],
            feature_names=[names[j] for j in plane],
        ).plot(ax=ax, **kwargs)

    @staticmethod
    def _plane_rows(grid, plane, reference):
        a, b = np.meshgrid(*grid)
        rows = np.tile(reference, (a.size, 1))
        rows[:, plane] = np.column_stack([a.ravel(), b.ravel()])
        return rows

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
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        arrow_step : int, default=4
            Every so many points of the grid have an arrow.
        levels : int, default=10
            About how many filled levels, at round numbers. Beyond the range of nine
            tenths of the grid the outermost colour stays.
        cmap : str or matplotlib Colormap, default=None
            Colours; None takes a diverging map for a potential, a sequential one for a
            speed.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.quiver`.

        Returns
        -------
        VelocityFieldDisplay
            This display, with the artists as attributes.
        """
        check_scalar(arrow_step, "arrow_step", Integral, min_val=1)
        check_scalar(levels, "levels", Integral, min_val=1)
        self.ax_, self.figure_ = ax, figure = _new_axes(self, ax)
        signed = self.background_name == "potential"
        self.contours_ = ax.contourf(
            *self.grid,
            self.background,
            levels=_round_levels(self.background, levels, signed),
            cmap=cmap
            or (_pale("PuOr_r", 0.2, 0.8) if signed else _pale("Greys", 0, 0.5)),
            extend="both" if signed else "max",
        )
        self.colorbar_ = figure.colorbar(self.contours_, ax=ax)
        self.colorbar_.set_label(
            "potential (positive: too few particles)"
            if signed
            else "speed, in bandwidths"
        )
        self.colorbar_.outline.set_visible(False)
        self.data_ = ax.scatter(
            *self.X.T, s=_marker_area(len(self.X)), c="k", lw=0, zorder=2, label="data"
        )
        self.particles_ = ax.scatter(
            *self.particles.T,
            s=_marker_area(len(self.particles)),
            c=_DRAWN,
            lw=0,
            zorder=2,
            label="particles",
        )
        every = slice((len(self.grid[0]) - 1) % arrow_step // 2, None, arrow_step)
        self.quiver_ = ax.quiver(
            self.grid[0][every],
            self.grid[1][every],
            self.velocity[every, every, 0],
            self.velocity[every, every, 1],
            **{"angles": "xy", "color": _ARROWS, "width": 0.0025, **kwargs},
        )
        ax.set(
            xlabel=self.feature_names[0],
            ylabel=self.feature_names[1],
            xlim=self.grid[0][[0, -1]],
            ylim=self.grid[1][[0, -1]],
        )
        ax.legend(loc="upper right")
        return self


def _round_levels(values, n, signed):
    from matplotlib.ticker import MaxNLocator

    limit = float(np.quantile(np.abs(values), 0.9)) or 1.0
    locator = MaxNLocator(n, symmetric=signed, min_n_ticks=1)
    return locator.tick_values(-limit if signed else 0, limit)


def _pale(name, low, high):
    """Part of a colour map on which arrows and points can be seen."""
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
            f"every column; got {reference!r}."
        )
    return reference


class TrajectoryDisplay:
    """Paths of particles from their start to their end, in two columns.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    trajectory : ndarray of shape (n_steps + 1, n_paths, 2)
        Positions before every step and at the end.
    X : ndarray of shape (n_samples, 2) or None
        Data, drawn below the paths.
    feature_names : list of two str
        Names of the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the paths.
    figure_ : matplotlib Figure
        Figure containing the axes.
    paths_ : matplotlib LineCollection
        One line for every particle.
    starts_, ends_ : matplotlib PathCollection
        First and last positions.
    data_ : matplotlib PathCollection or None
        The data.

    See Also
    --------
    VelocityFieldDisplay : The field at the end of the paths.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.plotting import TrajectoryDisplay
    >>> X, _ = make_moons(200, noise=0.06, random_state=0)
    >>> drifter = ConservativeDrifter(start="gaussian", random_state=0).fit(X)
    >>> display = TrajectoryDisplay.from_estimator(drifter, X, n_paths=50)
    >>> len(display.paths_.get_segments())
    50
    """

    def __init__(
        self, *, trajectory: Floats, X: Floats | None, feature_names: Sequence[str]
    ) -> None:
        self.trajectory = trajectory
        self.X = X
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Table = None,
        *,
        features: Sequence[int | str] = (0, 1),
        n_paths: int | None = 100,
        random_state: Seed = 0,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Take paths from a fitted drifter, and draw them.

        Parameters
        ----------
        estimator : object
            A fitted drifter.
        X : array-like of shape (n_samples, n_features), default=None
            Data to be drawn below the paths.
        features : tuple of two int or str, default=(0, 1)
            Columns of the picture, by index or name.
        n_paths : int or None, default=100
            How many particles, chosen at random; None or more than there are: all.
        random_state : int, RandomState instance or None, default=0
            Source of the choice.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs
            Of :meth:`plot`.

        Returns
        -------
        TrajectoryDisplay

        Raises
        ------
        TypeError
            If the estimator has no trajectory.
        ValueError
            If `features`, `n_paths` or the columns of `X` do not fit the drifter.
        """
        _check_drifter(cls, estimator, "trajectory")
        names = _feature_names(_names_of(estimator, X), estimator.n_features_in_)
        plane = _column_indices(features, names, 2)
        trajectory = estimator.trajectory()[:, :, plane]
        if n_paths is not None:
            check_scalar(n_paths, "n_paths", Integral, min_val=1)
            order = check_random_state(random_state).permutation(trajectory.shape[1])
            trajectory = trajectory[:, order[:n_paths]]
        if X is not None:
            X = _check_rows(X, len(names))[:, plane]
        return cls(
            trajectory=trajectory, X=X, feature_names=[names[j] for j in plane]
        ).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the paths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs
            Of :class:`matplotlib.collections.LineCollection`.

        Returns
        -------
        TrajectoryDisplay
            This display, with the artists as attributes.
        """
        self.ax_, self.figure_ = ax, _ = _new_axes(self, ax)
        from matplotlib.collections import LineCollection

        self.data_ = None
        if self.X is not None:
            area = _marker_area(len(self.X))
            self.data_ = ax.scatter(*self.X.T, s=area, c="0.75", lw=0, label="data")
        lines = {"colors": _DRAWN, "linewidths": 0.7, "alpha": 0.5, **kwargs}
        paths = np.swapaxes(self.trajectory, 0, 1)
        self.paths_ = ax.add_collection(LineCollection(list(paths), **lines))
        n = paths.shape[0]
        self.starts_ = ax.scatter(
            *self.trajectory[0].T,
            s=_marker_area(n),
            facecolors="white",
            edgecolors=_OTHER,
            linewidths=0.9,
            zorder=3,
            label="start",
        )
        self.ends_ = ax.scatter(
            *self.trajectory[-1].T,
            s=_marker_area(n),
            c=_DRAWN,
            lw=0,
            zorder=4,
            label="end",
        )
        ax.set(xlabel=self.feature_names[0], ylabel=self.feature_names[1])
        ax.autoscale_view()
        ax.legend(loc="best")
        return self


class ConvergenceDisplay:
    """How a fit came to rest: residual velocity and bandwidth against the step.

    It is recommended to use :meth:`from_estimator`.

    Parameters
    ----------
    residual_velocity : ndarray of shape (n_steps + 1,)
        Root mean square velocity of the particles, in bandwidths of that step.
    bandwidth : ndarray of shape (n_steps + 1,)
        Bandwidth of that step, in final bandwidths.
    tol : float
        Tolerance, in bandwidths.
    stopped_by : {"tol", "memorization", "max_iter", "divergence"}
        What ended the flow.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure containing the axes.
    residual_line_, bandwidth_line_ : matplotlib Line2D
        The curves.
    tol_line_ : matplotlib Line2D or None
        The tolerance, if it is not 0.
    stop_ : matplotlib Line2D
        Marks the last step.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.plotting import ConvergenceDisplay
    >>> X, _ = make_moons(200, noise=0.06, random_state=0)
    >>> drifter = ConservativeDrifter(random_state=0).fit(X)
    >>> display = ConvergenceDisplay.from_estimator(drifter)
    >>> len(display.residual_velocity) == drifter.n_iter_ + 1
    True
    """

    def __init__(
        self,
        *,
        residual_velocity: Floats,
        bandwidth: Floats,
        tol: float,
        stopped_by: str,
    ) -> None:
        self.residual_velocity = residual_velocity
        self.bandwidth = bandwidth
        self.tol = tol
        self.stopped_by = stopped_by

    @classmethod
    def from_estimator(
        cls, estimator: Estimator, *, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Take the history of a fitted drifter, and draw it.

        Parameters
        ----------
        estimator : object
            A fitted drifter.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs
            Of :meth:`plot`.

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        TypeError
            If the estimator is no drifter.
        """
        _check_drifter(cls, estimator, "trajectory")
        history = estimator.history_
        return cls(
            residual_velocity=history["residual_velocity"] / history["bandwidth"],
            bandwidth=history["bandwidth"] / estimator.bandwidth_,
            tol=estimator.tol,
            stopped_by=estimator.stopped_by_,
        ).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.plot`, for the residual velocity.

        Returns
        -------
        ConvergenceDisplay
            This display, with the artists as attributes.
        """
        self.ax_, self.figure_ = ax, _ = _new_axes(self, ax)
        steps = np.arange(len(self.residual_velocity))
        (self.bandwidth_line_,) = ax.plot(
            steps, self.bandwidth, c=_DATA, label="bandwidth / final bandwidth"
        )
        line = {"color": _DRAWN, "label": "residual velocity / bandwidth", **kwargs}
        (self.residual_line_,) = ax.plot(steps, self.residual_velocity, **line)
        self.tol_line_ = None
        if self.tol > 0:
            style = {"c": _OTHER, "ls": "--", "lw": 1.2}
            self.tol_line_ = ax.axhline(self.tol, label=f"tol = {self.tol:g}", **style)
        (self.stop_,) = ax.plot(
            steps[-1:],
            self.residual_velocity[-1:],
            "o",
            c=self.residual_line_.get_color(),
        )
        ax.set(xlabel="step", yscale="log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_title(
            f"stopped by {self.stopped_by} after {steps[-1]} steps",
            loc="left",
            fontsize="medium",
        )
        ax.legend(loc="best")
        return self


# -- the draws -----------------------------------------------------------------------


class SampleDisplay:
    """Drawn rows beside data: histograms, a scatter plot, or both for every pair.

    It is recommended to use :meth:`from_estimator` or :meth:`from_samples`.

    Parameters
    ----------
    generated : ndarray of shape (n_generated, n_features)
        Drawn rows.
    reference : ndarray of shape (n_reference, n_features)
        Data.
    feature_names : list of n_features str
        Names of the columns.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of shape (n_features, n_features)
        Axes with the picture; of more than two columns all of them, None above the
        diagonal.
    figure_ : matplotlib Figure
        Figure containing the axes.
    histograms_ : list of tuple of two matplotlib StepPatch
        Of the reference and the drawn rows, for every column that has a histogram.
    scatters_ : list of tuple of two matplotlib PathCollection
        Of the reference and the drawn rows, for every pair of columns.

    See Also
    --------
    MemorizationDisplay : Whether the drawn rows are new.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.plotting import SampleDisplay
    >>> X = load_wine(as_frame=True).data
    >>> drifter = ConservativeDrifter(random_state=0).fit(X)
    >>> display = SampleDisplay.from_estimator(
    ...     drifter, X, features=["alcohol", "flavanoids", "proline"], random_state=0
    ... )
    >>> len(display.histograms_), len(display.scatters_)
    (3, 3)
    """

    def __init__(
        self, *, generated: Floats, reference: Floats, feature_names: Sequence[str]
    ) -> None:
        self.generated = generated
        self.reference = reference
        self.feature_names = feature_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Table,
        *,
        n_samples: int | None = None,
        features: Sequence[int | str] | None = None,
        random_state: Seed = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw rows from a fitted generator, and show them beside data.

        Parameters
        ----------
        estimator : object
            A fitted estimator with a method ``sample``: a drifter,
            ``KernelDensity``,
            ``GaussianMixture``, or a pipeline that ends in one.
        X : array-like of shape (n_reference, n_features)
            Data to compare with, training rows or better held-out ones. Of a frame
            and a ``TabularDrifter``, columns of complete numbers are shown.
        n_samples : int or None, default=None
            Number of rows to draw; None takes as many as `X` has.
        features : list of int or str, default=None
            Columns of the picture, by index or name; None takes the first four.
        random_state : int, RandomState instance or None, default=None
            Source of the draw.
        ax : matplotlib Axes or array of them, default=None
            See :meth:`plot`.
        **kwargs
            Of :meth:`plot`.

        Returns
        -------
        SampleDisplay

        Raises
        ------
        TypeError
            If the estimator has no method ``sample``.
        ValueError
            If `n_samples` is not positive, or `features` are not columns.
        """
        generated, X, names = _draw_for(cls, estimator, X, n_samples, random_state)
        return cls.from_samples(
            generated, X, features=features, feature_names=names, ax=ax, **kwargs
        )

    @classmethod
    def from_samples(
        cls,
        generated: Table,
        reference: Table,
        *,
        features: Sequence[int | str] | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Show drawn rows beside data.

        Parameters
        ----------
        generated : array-like of shape (n_generated, n_features)
            Drawn rows.
        reference : array-like of shape (n_reference, n_features)
            Data.
        features : list of int or str, default=None
            Columns of the picture, by index or name; None takes the first four.
        feature_names : list of n_features str, default=None
            Names of the columns; None takes those of `reference`.
        ax : matplotlib Axes or array of them, default=None
            See :meth:`plot`.
        **kwargs
            Of :meth:`plot`.

        Returns
        -------
        SampleDisplay

        Raises
        ------
        ValueError
            If a sample is empty or not finite, the columns differ in number, or
            `features` are not columns.
        """
        check_matplotlib_support(f"{cls.__name__}.from_samples")
        if feature_names is None:
            feature_names = getattr(reference, "columns", None)
        generated, reference = check_samples(generated=generated, reference=reference)
        names = _feature_names(feature_names, reference.shape[1])
        if features is None:
            features = range(min(len(names), 4))
        chosen = _column_indices(features, names)
        return cls(
            generated=generated[:, chosen],
            reference=reference[:, chosen],
            feature_names=[names[j] for j in chosen],
        ).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, bins: int = 20, **kwargs: Any) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes or array of shape (n_features, n_features), default=None
            One column or two: axes to draw into. More: an array of axes, or axes
            whose place is divided. None makes a new figure.
        bins : int, default=20
            Bins of a histogram; both samples share them.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.scatter`, for the drawn rows.

        Returns
        -------
        SampleDisplay
            This display, with the artists as attributes.

        Raises
        ------
        ValueError
            If `ax` is an array of another shape.
        """
        check_scalar(bins, "bins", Integral, min_val=1)
        self.histograms_: list[Any] = []
        self.scatters_: list[Any] = []
        d = len(self.feature_names)
        if d > 2:
            return self._plot_pairs(ax, bins, kwargs)
        self.ax_, self.figure_ = ax, _ = _new_axes(self, ax)
        if d == 1:
            self._plot_column(ax, 0, bins)
            ax.set(xlabel=self.feature_names[0], ylabel="density")
        else:
            self._plot_pair(ax, 0, 1, kwargs)
            ax.set(xlabel=self.feature_names[0], ylabel=self.feature_names[1])
        ax.legend(loc="best")
        return self

    def _plot_pairs(self, ax, bins, kwargs):
        d = len(self.feature_names)
        self.ax_, self.figure_ = axes, figure = _grid_of_axes(self, ax, d)
        figure.align_ylabels(axes[1:, 0])
        for i, j in np.ndindex(d, d):
            if j > i:
                axes[i, j].remove()
                axes[i, j] = None
                continue
            if i == j:
                self._plot_column(axes[i, i], i, bins)
                axes[i, i].set_yticks([])
            else:
                self._plot_pair(axes[i, j], j, i, kwargs)
            if i == d - 1:
                axes[i, j].set_xlabel(self.feature_names[j])
            if j == 0 and i > 0:
                axes[i, j].set_ylabel(self.feature_names[i])
        handles, labels = axes[1, 0].get_legend_handles_labels()
        legend = axes[0, 0].legend(
            handles, labels, loc="upper left", bbox_to_anchor=(1.05, 1)
        )
        legend.set_in_layout(False)  # it would push the second column away
        return self

    def _plot_column(self, ax, j, bins):
        both = np.concatenate([self.reference[:, j], self.generated[:, j]])
        edges = np.histogram_bin_edges(both, bins)
        patches = [
            ax.stairs(np.histogram(rows[:, j], edges, density=True)[0], edges, **style)
            for rows, style in (
                (self.reference, {"fill": True, "color": "0.8", "label": "data"}),
                (self.generated, {"color": _DRAWN, "lw": 1.5, "label": "drawn"}),
            )
        ]
        self.histograms_.append(tuple(patches))

    def _plot_pair(self, ax, i, j, kwargs):
        points = [
            ax.scatter(rows[:, i], rows[:, j], **style)
            for rows, style in (
                (self.reference, self._style(self.reference, _DATA, "data")),
                (self.generated, self._style(self.generated, _DRAWN, "drawn") | kwargs),
            )
        ]
        self.scatters_.append(tuple(points))

    def _style(self, rows, color, label):
        area = _marker_area(len(rows) * (len(self.feature_names) - 1))
        return {"s": area, "color": color, "lw": 0, "alpha": 0.8, "label": label}


def _grid_of_axes(display, ax, d):
    """Axes of a pair plot, sharing scales, as an array of shape (d, d)."""
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        axes = np.array(ax, dtype=object)
        if axes.shape != (d, d):
            raise ValueError(
                f"The 'ax' parameter must be axes or an array of them of shape "
                f"({d}, {d}); got shape {axes.shape}."
            )
        return axes, axes[0, 0].figure
    if ax is None:
        place = plt.figure(figsize=(1.9 * d, 1.9 * d), layout="constrained")
    else:
        if ax.get_subplotspec() is None:
            raise ValueError(
                "The 'ax' parameter is axes without a place in a grid that could be "
                "divided; make them by plt.subplots, or give an array of axes."
            )
        ax.set_axis_off()
        place = ax.figure.add_subfigure(ax.get_subplotspec())
    axes = place.subplots(d, d, sharex="col", squeeze=False)
    for i in range(1, d):
        for j in range(1, i):
            axes[i, j].sharey(axes[i, 0])
            axes[i, j].tick_params(labelleft=False)
    return axes, place.figure


def _is_mixed(estimator, X):
    return isinstance(estimator, TabularDrifter) and hasattr(X, "columns")


def _draw_for(cls, estimator, X, n_samples, random_state):
    """Rows from a generator, checked rows to compare with, and their names."""
    check_matplotlib_support(f"{cls.__name__}.from_estimator")
    if n_samples is not None:
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
    names = _names_of(estimator, X)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    if _is_mixed(estimator, X):  # only numbers have places
        lost = unusable_columns(X)
        names = [name for name in names if name not in lost]
        rows = draw(estimator, n_samples or len(X), seed)[names]
        return rows, check_array(X[names], dtype=np.float64, input_name="X"), names
    X = check_array(X, dtype=np.float64, input_name="X")
    return draw(estimator, n_samples or len(X), seed), X, names


class MemorizationDisplay:
    """Distances to the closest training row: of drawn rows and of new ones.

    If the drawn rows are new the two histograms agree; if they are copies of training
    rows theirs is at 0. It is recommended to use :meth:`from_estimator` or
    :meth:`from_samples`.

    Parameters
    ----------
    generated_distance : ndarray of shape (n_generated,)
        Distances of the drawn rows to their closest training rows.
    reference_distance : ndarray of shape (n_reference,)
        The same of rows that are new for certain.
    reference_name : str
        Which ones.

    Attributes
    ----------
    auc : float
        Probability that a drawn row is closer than a new one: about 0.5 if drawn rows
        are new, 1 for copies (:func:`skdrift.metrics.memorization_auc`).
    ratio : float
        Median distance of the drawn rows over that of the new ones: about 1 if drawn
        rows are new, 0 for copies (:func:`skdrift.metrics.closest_record_ratio`); nan
        if the latter is 0.
    ax_ : matplotlib Axes
        Axes with the histograms.
    figure_ : matplotlib Figure
        Figure containing the axes.
    reference_, generated_ : matplotlib StepPatch
        The histograms.

    See Also
    --------
    SampleDisplay : Whether the drawn rows are distributed like the data.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.plotting import MemorizationDisplay
    >>> train, test = train_test_split(load_wine().data, test_size=0.5, random_state=0)
    >>> drifter = ConservativeDrifter(random_state=0).fit(train)
    >>> display = MemorizationDisplay.from_estimator(
    ...     drifter, train, test=test, random_state=0
    ... )
    >>> 0.4 < display.auc < 0.6
    True
    """

    def __init__(
        self,
        *,
        generated_distance: Floats,
        reference_distance: Floats,
        reference_name: str,
    ) -> None:
        self.generated_distance = generated_distance
        self.reference_distance = reference_distance
        self.reference_name = reference_name

    @property
    def auc(self) -> float:
        """Probability that a drawn row is closer than a new one."""
        return auc_of_distances(self.generated_distance, self.reference_distance)

    @property
    def ratio(self) -> float:
        """Median distance of the drawn rows over that of the new ones."""
        fresh = np.median(self.reference_distance)
        if fresh == 0:
            return float("nan")
        return float(np.median(self.generated_distance) / fresh)

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        train: Table,
        *,
        test: Table | None = None,
        n_samples: int | None = None,
        standardize: bool = True,
        random_state: Seed = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw rows from a fitted generator, and compare distances.

        Parameters
        ----------
        estimator : object
            A fitted estimator with a method ``sample``, see
            :meth:`SampleDisplay.from_estimator`.
        train : array-like of shape (n_train, n_features)
            Rows that it was fitted to.
        test : array-like of shape (n_test, n_features), default=None
            Rows of the same law that it has not seen. None compares with the training
            rows themselves, each without itself.
        n_samples : int or None, default=None
            Number of rows to draw; None takes as many as `train` has.
        standardize : bool, default=True
            Whether distances are in standard deviations of the columns of `train`.
        random_state : int, RandomState instance or None, default=None
            Source of the draw.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs
            Of :meth:`plot`.

        Returns
        -------
        MemorizationDisplay

        Raises
        ------
        TypeError
            If the estimator has no method ``sample``.
        ValueError
            If `n_samples` is not positive, or as in :meth:`from_samples`.
        """
        generated, train, names = _draw_for(
            cls, estimator, train, n_samples, random_state
        )
        if test is not None and _is_mixed(estimator, test):
            test = test[names]
        return cls.from_samples(
            generated, train=train, test=test, standardize=standardize, ax=ax, **kwargs
        )

    @classmethod
    def from_samples(
        cls,
        generated: Table,
        *,
        train: Table,
        test: Table | None = None,
        standardize: bool = True,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Compare distances of rows that were drawn.

        Parameters
        ----------
        generated : array-like of shape (n_generated, n_features)
            Drawn rows.
        train : array-like of shape (n_train, n_features)
            Rows that the generator was fitted to.
        test : array-like of shape (n_test, n_features), default=None
            Rows of the same law that it has not seen. None compares with the training
            rows themselves, each without itself.
        standardize : bool, default=True
            Whether distances are in standard deviations of the columns of `train`.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        **kwargs
            Of :meth:`plot`.

        Returns
        -------
        MemorizationDisplay

        Raises
        ------
        ValueError
            If a sample is empty or not finite, the columns differ in number, or there
            is one training row and no held-out one.
        """
        check_matplotlib_support(f"{cls.__name__}.from_samples")
        given = {"generated": generated, "train": train}
        generated, train, *tests = check_samples(
            **given if test is None else given | {"test": test}
        )
        if standardize:
            scale = StandardScaler().fit(train).transform
            generated, train, *tests = map(scale, (generated, train, *tests))
        if tests:
            name, reference = "held-out rows", nearest_distances(tests[0], train)
        elif len(train) < 2:
            raise ValueError(
                "'train' must have at least two rows where 'test' is None; got 1."
            )
        else:
            name = "training rows, without themselves"
            reference = nearest_distances(train, train, 2)
        return cls(
            generated_distance=nearest_distances(generated, train),
            reference_distance=reference,
            reference_name=name,
        ).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, bins: int = 20, **kwargs: Any) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        bins : int, default=20
            Bins from 0 to the 99 per cent quantile; both samples share them, and the
            last one holds all that is beyond.
        **kwargs
            Of :meth:`matplotlib.axes.Axes.stairs`, for the drawn rows.

        Returns
        -------
        MemorizationDisplay
            This display, with the artists as attributes.
        """
        check_scalar(bins, "bins", Integral, min_val=1)
        self.ax_, self.figure_ = ax, _ = _new_axes(self, ax)
        both = np.concatenate([self.generated_distance, self.reference_distance])
        edges = np.linspace(0, np.quantile(both, 0.99) or 1.0, bins + 1)

        def shares(distance):
            counts = np.histogram(np.minimum(distance, edges[-1]), edges)[0]
            return counts / len(distance)

        self.reference_ = ax.stairs(
            shares(self.reference_distance),
            edges,
            fill=True,
            color="0.8",
            label=self.reference_name,
        )
        drawn = {
            "color": _DRAWN,
            "lw": 1.5,
            "label": f"drawn rows: AUC {self.auc:.2f}, ratio {self.ratio:.2f}",
        }
        self.generated_ = ax.stairs(
            shares(self.generated_distance), edges, **drawn | kwargs
        )
        ax.set(xlabel="distance to the closest training row", ylabel="share of rows")
        top = max(s.get_data().values.max() for s in (self.reference_, self.generated_))
        ax.set(xlim=(0, edges[-1]), ylim=(0, 1.3 * top))  # room for the legend
        ax.legend(loc="best")
        return self
