"""The paths of particles during a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from .._docstrings import documented
from ._common import (
    DRAWN,
    OTHER,
    SHARED,
    check_data,
    check_drifter,
    checked_names,
    column_indices,
    marker_area,
    names_of,
    new_axes,
)

if TYPE_CHECKING:
    from .._typing import Axes, Estimator, Floats, Seed, Self, Table


@documented(SHARED)
@dataclass(kw_only=True, eq=False, repr=False)
class TrajectoryDisplay:
    """Paths of particles from start to end, in two columns.

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
    {axes_and_figure}
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

    trajectory: Floats
    X: Floats | None
    feature_names: Sequence[str]

    @classmethod
    @documented(SHARED)
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
        """Draw the trajectory of a fitted drifter.

        Parameters
        ----------
        {drifter}
        X : array-like of shape (n_samples, n_features), default=None
            Data to be drawn below the paths.
        features : tuple of two int or str, default=(0, 1)
            Columns of the picture, by index or name.
        n_paths : int or None, default=100
            Number of particles, which are chosen at random. All if None, or if there
            are fewer.
        random_state : int, RandomState instance or None, default=0
            Seed of the choice.
        {ax}
        {to_plot}

        Returns
        -------
        TrajectoryDisplay

        Raises
        ------
        TypeError
            If the estimator has no method ``trajectory``.
        ValueError
            If `n_paths` is not positive, or if `features` or the columns of `X` do not
            match the columns that the drifter was fitted to.
        """
        check_drifter(cls, estimator, "trajectory")
        names = checked_names(names_of(estimator, X), estimator.n_features_in_)
        plane = column_indices(features, names, 2)
        trajectory = estimator.trajectory()[:, :, plane]
        if n_paths is not None:
            check_scalar(n_paths, "n_paths", Integral, min_val=1)
            order = check_random_state(random_state).permutation(trajectory.shape[1])
            trajectory = trajectory[:, order[:n_paths]]
        if X is not None:
            X = check_data(X, len(names))[:, plane]
        return cls(
            trajectory=trajectory, X=X, feature_names=[names[j] for j in plane]
        ).plot(ax=ax, **kwargs)

    @documented(SHARED)
    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the paths.

        Parameters
        ----------
        {ax}
        **kwargs
            Passed to :class:`matplotlib.collections.LineCollection`.

        Returns
        -------
        TrajectoryDisplay
            This display, with the artists as attributes.
        """
        self.ax_, self.figure_ = ax, _ = new_axes(self, ax)
        from matplotlib.collections import LineCollection

        self.data_ = None
        if self.X is not None:
            area = marker_area(len(self.X))
            self.data_ = ax.scatter(*self.X.T, s=area, c="0.75", lw=0, label="data")
        lines = {"colors": DRAWN, "linewidths": 0.7, "alpha": 0.5, **kwargs}
        paths = np.swapaxes(self.trajectory, 0, 1)
        self.paths_ = ax.add_collection(LineCollection(list(paths), **lines))
        area = marker_area(paths.shape[0])
        self.starts_ = ax.scatter(
            *self.trajectory[0].T,
            s=area,
            facecolors="white",
            edgecolors=OTHER,
            linewidths=0.9,
            zorder=3,
            label="start",
        )
        self.ends_ = ax.scatter(
            *self.trajectory[-1].T, s=area, c=DRAWN, lw=0, zorder=4, label="end"
        )
        ax.set(xlabel=self.feature_names[0], ylabel=self.feature_names[1])
        ax.autoscale_view()
        ax.legend(loc="best")
        return self
