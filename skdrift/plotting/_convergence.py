"""Residual velocity and bandwidth during a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._docstrings import documented
from ._common import DATA, DRAWN, OTHER, SHARED, check_drifter, new_axes

if TYPE_CHECKING:
    from .._typing import Axes, Estimator, Floats, Self


@documented(SHARED)
@dataclass(kw_only=True, eq=False, repr=False)
class ConvergenceDisplay:
    """Convergence of a fit: residual velocity and bandwidth against the step.

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
        Why the flow stopped.

    Attributes
    ----------
    {axes_and_figure}
    residual_line_, bandwidth_line_ : matplotlib Line2D
        The curves.
    tol_line_ : matplotlib Line2D or None
        The tolerance, if it is not 0.
    stop_ : matplotlib Line2D
        Marker of the last step.

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

    residual_velocity: Floats
    bandwidth: Floats
    tol: float
    stopped_by: str

    @classmethod
    @documented(SHARED)
    def from_estimator(
        cls, estimator: Estimator, *, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw the history of a fitted drifter.

        Parameters
        ----------
        {drifter}
        {ax}
        {to_plot}

        Returns
        -------
        ConvergenceDisplay

        Raises
        ------
        TypeError
            If the estimator is not a drifter.
        """
        check_drifter(cls, estimator, "trajectory")
        history = estimator.history_
        return cls(
            residual_velocity=history["residual_velocity"] / history["bandwidth"],
            bandwidth=history["bandwidth"] / estimator.bandwidth_,
            tol=estimator.tol,
            stopped_by=estimator.stopped_by_,
        ).plot(ax=ax, **kwargs)

    @documented(SHARED)
    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        {ax}
        **kwargs
            Passed to :meth:`matplotlib.axes.Axes.plot`, for the residual velocity.

        Returns
        -------
        ConvergenceDisplay
            This display, with the artists as attributes.
        """
        self.ax_, self.figure_ = ax, _ = new_axes(self, ax)
        steps = np.arange(len(self.residual_velocity))
        (self.bandwidth_line_,) = ax.plot(
            steps, self.bandwidth, c=DATA, label="bandwidth / final bandwidth"
        )
        line = {"color": DRAWN, "label": "residual velocity / bandwidth", **kwargs}
        (self.residual_line_,) = ax.plot(steps, self.residual_velocity, **line)
        self.tol_line_ = None
        if self.tol > 0:
            style = {"c": OTHER, "ls": "--", "lw": 1.2}
            self.tol_line_ = ax.axhline(self.tol, label=f"tol = {self.tol:g}", **style)
        color = self.residual_line_.get_color()
        (self.stop_,) = ax.plot(steps[-1:], self.residual_velocity[-1:], "o", c=color)
        ax.set(xlabel="step", yscale="log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        title = f"stopped by {self.stopped_by} after {steps[-1]} steps"
        ax.set_title(title, loc="left", fontsize="medium")
        ax.legend(loc="best")
        return self
