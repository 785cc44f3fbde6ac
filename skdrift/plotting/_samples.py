"""Generated samples next to data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._data._frames import unusable_columns
from .._docstrings import documented
from ..metrics._samples import check_samples
from ..metrics._tables import shared_columns
from ._common import (
    DATA,
    DATA_FILL,
    DRAWN,
    SHARED,
    checked_names,
    column_indices,
    draw_for,
    marker_area,
    new_axes,
)

if TYPE_CHECKING:
    from .._typing import Axes, Estimator, Floats, Seed, Self, Table

# Points of a category lie within so much of its place.
_SPREAD = 0.3

_SHARED = SHARED | {
    "features": """
        features : list of int or str, default=None
            Columns of the picture, by index or name. If None, the first four.
        """,
    "ax_or_array": """
        ax : matplotlib Axes or array of them, default=None
            See :meth:`plot`.
        """,
}


@dataclass(kw_only=True, eq=False, repr=False)
class SampleDisplay:
    """Generated samples and data: histograms, a scatter plot, or a pair plot.

    It is recommended to use :meth:`from_estimator` or :meth:`from_samples`.

    Parameters
    ----------
    generated : ndarray of shape (n_generated, n_features)
        Generated samples.
    reference : ndarray of shape (n_reference, n_features)
        Data.
    feature_names : list of n_features str
        Names of the columns.
    labels : dict, default={}
        Labels of the values 0, 1, 2, ... of columns of categories, by their names.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of shape (n_features, n_features)
        Axes of the picture. An array for more than two columns, with None above the
        diagonal.
    figure_ : matplotlib Figure
        Figure containing the axes.
    histograms_ : list of tuple of two matplotlib StepPatch
        Histograms of data and generated samples, for every column that has one.
    scatters_ : list of tuple of two matplotlib PathCollection
        Points of data and generated samples, for every pair of columns.

    See Also
    --------
    MemorizationDisplay : Whether the generated samples are new.

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

    generated: Floats
    reference: Floats
    feature_names: Sequence[str]
    labels: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    @documented(_SHARED)
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
        """Draw samples from a fitted generator, and plot them with data.

        Parameters
        ----------
        estimator : object
            A fitted estimator with a method ``sample``: a drifter, ``KernelDensity``,
            ``GaussianMixture``, or a pipeline that ends in one.
        X : array-like or DataFrame of shape (n_reference, n_features)
            Data to compare with, preferably held out. For a ``TabularDrifter``, a frame
            of any columns.
        {n_samples}
        {features}
        {random_state}
        {ax_or_array}
        {to_plot}

        Returns
        -------
        SampleDisplay

        Raises
        ------
        TypeError
            If the estimator has no method ``sample``.
        ValueError
            If `n_samples` is not positive, or `features` are not columns of `X`.
        """
        generated, X, names = draw_for(cls, estimator, X, n_samples, random_state)
        return cls.from_samples(
            generated, X, features=features, feature_names=names, ax=ax, **kwargs
        )

    @classmethod
    @documented(_SHARED)
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
        """Plot generated samples with data.

        Parameters
        ----------
        generated : array-like or DataFrame of shape (n_generated, n_features)
            Generated samples.
        reference : array-like or DataFrame of shape (n_reference, n_features)
            Data. Frames may have columns of any type: categories are shown by bars, and
            by shifting points at random around their place; missing categories are one
            more category, and other missing values are not shown.
        {features}
        feature_names : list of n_features str, default=None
            Names of the columns. If None, those of `reference`.
        {ax_or_array}
        {to_plot}

        Returns
        -------
        SampleDisplay

        Raises
        ------
        ValueError
            If `generated` or `reference` is empty or not finite, if their columns
            differ, if a column has no values, or if `features` are not columns.
        """
        check_matplotlib_support(f"{cls.__name__}.from_samples")
        if feature_names is None:
            feature_names = getattr(reference, "columns", None)
        generated, reference, labels = _numbers(generated, reference)
        names = checked_names(feature_names, reference.shape[1])
        if features is None:
            features = range(min(len(names), 4))
        chosen = column_indices(features, names)
        return cls(
            generated=generated[:, chosen],
            reference=reference[:, chosen],
            feature_names=[names[j] for j in chosen],
            labels={names[j]: labels[j] for j in chosen if j in labels},
        ).plot(ax=ax, **kwargs)

    def plot(self, ax: Axes | None = None, *, bins: int = 20, **kwargs: Any) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes or array of shape (n_features, n_features), default=None
            For one or two columns, axes to draw into. For more columns, an array of
            axes, or axes that are replaced by a grid. If None, a new figure is created.
        bins : int, default=20
            Number of bins of a histogram, the same for data and generated samples.
        **kwargs
            Passed to :meth:`matplotlib.axes.Axes.scatter`, for the generated samples.

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
        self.ax_, self.figure_ = ax, _ = new_axes(self, ax)
        if d == 1:
            self._plot_column(ax, 0, bins)
            self._label(ax.xaxis, 0)
            ax.set(ylabel="share" if self._has_labels(0) else "density")
        else:
            self._plot_pair(ax, 0, 1, kwargs)
            self._label(ax.xaxis, 0)
            self._label(ax.yaxis, 1)
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
                self._label(axes[i, j].xaxis, j)
            if j == 0 and i > 0:
                self._label(axes[i, j].yaxis, i)
        handles, labels = axes[1, 0].get_legend_handles_labels()
        legend = axes[0, 0].legend(
            handles, labels, loc="upper left", bbox_to_anchor=(1.05, 1)
        )
        legend.set_in_layout(False)  # it would push the second column away
        return self

    def _plot_column(self, ax, j, bins):
        both = np.concatenate([self.reference[:, j], self.generated[:, j]])
        edges = np.histogram_bin_edges(both[~np.isnan(both)], bins)
        if self._has_labels(j):
            edges = np.arange(len(self.labels[self.feature_names[j]]) + 1) - 0.5
        patches = [
            ax.stairs(np.histogram(X[:, j], edges, density=True)[0], edges, **style)
            for X, style in (
                (self.reference, {"fill": True, "color": DATA_FILL, "label": "data"}),
                (self.generated, {"color": DRAWN, "lw": 1.5, "label": "drawn"}),
            )
        ]
        self.histograms_.append(tuple(patches))

    def _plot_pair(self, ax, i, j, kwargs):
        points = [
            ax.scatter(self._spread(X, i), self._spread(X, j), **style)
            for X, style in (
                (self.reference, self._style(self.reference, DATA, "data")),
                (self.generated, self._style(self.generated, DRAWN, "drawn") | kwargs),
            )
        ]
        self.scatters_.append(tuple(points))

    def _has_labels(self, j):
        return self.feature_names[j] in self.labels

    def _label(self, axis, j):
        name = self.feature_names[j]
        axis.set_label_text(name)
        if self._has_labels(j):
            vertical = axis.axis_name == "x" and sum(map(len, self.labels[name])) > 12
            labels = self.labels[name]
            axis.set_ticks(range(len(labels)), labels, rotation=90 * vertical)

    def _spread(self, X, j):
        """Values of a column, categories shifted so that points do not cover others."""
        if not self._has_labels(j):
            return X[:, j]
        shift = np.random.default_rng(j).uniform(-_SPREAD, _SPREAD, len(X))
        return X[:, j] + shift

    def _style(self, X, color, label):
        area = marker_area(len(X) * (len(self.feature_names) - 1))
        return {"s": area, "color": color, "lw": 0, "alpha": 0.8, "label": label}


def _numbers(generated, reference):
    """Both tables as floats, and labels of the categories by the places of columns."""
    if not (unusable_columns(generated) or unusable_columns(reference)):
        return *check_samples(generated=generated, reference=reference), {}
    columns = shared_columns(reference=reference, generated=generated)
    arrays, labels = {"generated": [], "reference": []}, {}
    for j, column in enumerate(columns):
        n = len(column.categories)
        if column.kind == "category":
            labels[j] = [str(category) for category in column.categories]
            if any((part < 0).any() for part in column.parts.values()):
                labels[j].append("missing")
        for key, part in column.parts.items():
            is_missing = (part < 0) & (column.kind == "category")
            arrays[key].append(np.where(is_missing, n, part).astype(np.float64))
    return *(np.column_stack(parts) for parts in arrays.values()), labels


def _grid_of_axes(display, ax, d):
    """Axes of a pair plot with shared scales, as an array of shape (d, d)."""
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        axes = np.array(ax, dtype=object)
        if axes.shape != (d, d):
            raise ValueError(
                "The 'ax' parameter must be axes or an array of axes of shape "
                f"({d}, {d}); got shape {axes.shape}."
            )
        return axes, axes[0, 0].figure
    if ax is None:
        place = plt.figure(figsize=(1.9 * d, 1.9 * d), layout="constrained")
    else:
        if ax.get_subplotspec() is None:
            raise ValueError(
                "The 'ax' parameter must be axes with a place in a grid, which can be "
                "divided. Create them with plt.subplots, or pass an array of axes."
            )
        ax.set_axis_off()
        place = ax.figure.add_subfigure(ax.get_subplotspec())
    axes = place.subplots(d, d, sharex="col", squeeze=False)
    for i in range(1, d):
        for j in range(1, i):
            axes[i, j].sharey(axes[i, 0])
            axes[i, j].tick_params(labelleft=False)
    return axes, place.figure
