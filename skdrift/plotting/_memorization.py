"""Distances of generated samples to the training samples."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_scalar
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._docstrings import documented
from ..metrics._memorization import auc_of_distances
from ..metrics._samples import nearest_distances
from ..metrics._tables import comparable
from ._common import DATA_FILL, DRAWN, SHARED, draw_for, new_axes

if TYPE_CHECKING:
    from .._typing import Axes, Estimator, Floats, Seed, Self, Table

_SHARED = SHARED | {
    "train": """
        train : array-like or DataFrame of shape (n_train, n_features)
            Samples that the generator was fitted to. Frames may have columns of any
            type and missing values, which count in distances as in
            :func:`skdrift.metrics.sample_quality_report`.
        """,
    "test": """
        test : array-like or DataFrame of shape (n_test, n_features), default=None
            Samples from the same distribution that the generator has not seen. If
            None, every training sample is compared with the other training samples.
        """,
    "standardize": """
        standardize : bool, default=True
            Whether numbers are divided by their standard deviations in `train`.
        """,
}


@documented(_SHARED)
@dataclass(kw_only=True, eq=False, repr=False)
class MemorizationDisplay:
    """Distances to the closest training sample, of generated and of new samples.

    The two histograms agree if the generated samples are new. Copies of training
    samples have the distance 0. It is recommended to use :meth:`from_estimator` or
    :meth:`from_samples`.

    Parameters
    ----------
    generated_distance : ndarray of shape (n_generated,)
        Distances of the generated samples to their closest training samples.
    reference_distance : ndarray of shape (n_reference,)
        Distances of samples that are known to be new.
    reference_name : str
        Name of these samples in the legend.

    Attributes
    ----------
    auc : float
        Probability that a generated sample is closer than a new one: about 0.5 for new
        samples, 1 for copies (:func:`skdrift.metrics.memorization_auc`).
    ratio : float
        Median distance of the generated samples over the median distance of the new
        ones: about 1 for new samples, 0 for copies
        (:func:`skdrift.metrics.closest_record_ratio`). NaN if the latter is 0.
    {axes_and_figure}
    reference_, generated_ : matplotlib StepPatch
        The histograms.

    See Also
    --------
    SampleDisplay : Whether the generated samples are distributed like the data.

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

    generated_distance: Floats
    reference_distance: Floats
    reference_name: str

    @property
    def auc(self) -> float:
        """Probability that a generated sample is closer than a new one."""
        return auc_of_distances(self.generated_distance, self.reference_distance)

    @property
    def ratio(self) -> float:
        """Median distance of generated samples over the median of new ones."""
        fresh = np.median(self.reference_distance)
        if fresh == 0:
            return float("nan")
        return float(np.median(self.generated_distance) / fresh)

    @classmethod
    @documented(_SHARED)
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
        """Draw samples from a fitted generator, and compare distances.

        Parameters
        ----------
        estimator : object
            A fitted estimator with a method ``sample``, see
            :meth:`SampleDisplay.from_estimator`.
        {train}
        {test}
        {n_samples}
        {standardize}
        {random_state}
        {ax}
        {to_plot}

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
        generated, train, _ = draw_for(cls, estimator, train, n_samples, random_state)
        return cls.from_samples(
            generated, train=train, test=test, standardize=standardize, ax=ax, **kwargs
        )

    @classmethod
    @documented(_SHARED)
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
        """Compare distances of generated samples.

        Parameters
        ----------
        generated : array-like or DataFrame of shape (n_generated, n_features)
            Generated samples.
        {train}
        {test}
        {standardize}
        {ax}
        {to_plot}

        Returns
        -------
        MemorizationDisplay

        Raises
        ------
        ValueError
            If an array is empty or not finite, if the columns differ, if a column has
            no values, or if there is only one training sample and `test` is None.
        """
        check_matplotlib_support(f"{cls.__name__}.from_samples")
        given = {"generated": generated, "train": train}
        given |= {} if test is None else {"test": test}
        generated, train, *tests = comparable("train", standardize=standardize, **given)
        if tests:
            name, reference = "held-out rows", nearest_distances(tests[0], train)
        elif len(train) < 2:
            raise ValueError(
                "'train' must have at least two samples if 'test' is None; got 1."
            )
        else:
            name = "training rows, without themselves"
            reference = nearest_distances(train, train, 2)
        return cls(
            generated_distance=nearest_distances(generated, train),
            reference_distance=reference,
            reference_name=name,
        ).plot(ax=ax, **kwargs)

    @documented(_SHARED)
    def plot(self, ax: Axes | None = None, *, bins: int = 20, **kwargs: Any) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        {ax}
        bins : int, default=20
            Number of bins between 0 and the 99 % quantile, the same for both
            histograms. The last bin includes all larger distances.
        **kwargs
            Passed to :meth:`matplotlib.axes.Axes.stairs`, for the generated samples.

        Returns
        -------
        MemorizationDisplay
            This display, with the artists as attributes.
        """
        check_scalar(bins, "bins", Integral, min_val=1)
        self.ax_, self.figure_ = ax, _ = new_axes(self, ax)
        both = np.concatenate([self.generated_distance, self.reference_distance])
        edges = np.linspace(0, np.quantile(both, 0.99) or 1.0, bins + 1)

        def stairs(distance, **style):
            counts = np.histogram(np.minimum(distance, edges[-1]), edges)[0]
            return ax.stairs(counts / len(distance), edges, **style)

        self.reference_ = stairs(
            self.reference_distance,
            fill=True,
            color=DATA_FILL,
            label=self.reference_name,
        )
        label = f"drawn rows: AUC {self.auc:.2f}, ratio {self.ratio:.2f}"
        style = {"color": DRAWN, "lw": 1.5, "label": label} | kwargs
        self.generated_ = stairs(self.generated_distance, **style)
        ax.set(xlabel="distance to the closest training row", ylabel="share of rows")
        top = max(s.get_data().values.max() for s in (self.reference_, self.generated_))
        ax.set(xlim=(0, edges[-1]), ylim=(0, 1.3 * top))  # room for the legend
        ax.legend(loc="best")
        return self
