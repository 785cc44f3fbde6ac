"""Transformers in front of a drifter, undone when it draws rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._estimator import VersionedStateMixin

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._typing import Estimator, Rows, Seed, Table

__all__ = ["DriftPipeline", "make_drift_pipeline"]


def _is_transformer(step):
    return step is not None and step != "passthrough"


def _has_inverse(step):
    # Without an inverse_func its inverse would be the identity.
    if isinstance(step, FunctionTransformer) and step.func is not None:
        return step.inverse_func is not None
    return hasattr(step, "inverse_transform")


def _final_transforms(pipeline):
    return bool(pipeline.steps) and hasattr(pipeline.steps[-1][1], "transform")


class DriftPipeline(VersionedStateMixin, Pipeline):
    """Pipeline that ends in a drifter and draws rows in the units of its input.

    A ``sklearn.pipeline.Pipeline`` with one more method: :meth:`sample` draws
    from the last step and takes the rows back through the other steps, in reverse
    order. So all other steps need an ``inverse_transform``, and the drawn rows are
    as good as these are: after a ``PCA`` they lie in the
    plane that it kept.

    Everything else is that of a pipeline, and in the space that the last step sees:
    ``score_samples`` is a density of the transformed rows, without the volume that
    the transformers change, and ``score`` compares there too. Neither compares
    pipelines with different transformers; drawn rows do
    (:func:`skdrift.metrics.make_sample_scorer`).

    Parameters
    ----------
    steps : list of tuple
        Pairs (name, estimator). All but the last are transformers with an
        ``inverse_transform``, ``"passthrough"`` or None; the last one is a drifter,
        or another estimator with ``sample(n_samples, random_state)``.
    transform_input : list of str, default=None
        As in ``sklearn.pipeline.Pipeline``.
    memory : str or object with the joblib.Memory interface, default=None
        Cache of the fitted transformers.
    verbose : bool, default=False
        Whether to print how long each step takes to fit.

    See Also
    --------
    make_drift_pipeline : The same without names.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.pipeline import DriftPipeline
    >>> X = load_digits(n_class=2).data
    >>> steps = [("pca", PCA(5)), ("drifter", ConservativeDrifter(random_state=0))]
    >>> DriftPipeline(steps).fit(X).sample(3).shape
    (3, 64)
    """

    def fit(self, X: Table, y: object = None, **params: Any) -> Self:
        """Fit the steps one after the other.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            What the first step takes.
        y : None
            Ignored by drifters; given to every step.
        **params : dict
            For a step, as ``<step>__<parameter>``; with metadata routing, what the
            steps request.

        Returns
        -------
        self : object
            The fitted pipeline.

        Raises
        ------
        TypeError
            If a step cannot be undone, or the last one cannot draw. Nothing has been
            fitted then.
        """
        self._check_steps()
        return super().fit(X, y, **params)

    @available_if(_final_transforms)
    def fit_transform(self, X: Table, y: object = None, **params: Any) -> Rows:
        """Fit the steps, and transform with all of them.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            What the first step takes.
        y : None
            Ignored by drifters; given to every step.
        **params : dict
            As in :meth:`fit`.

        Returns
        -------
        array-like of shape (n_samples, n_transformed_features)
            The rows at the end of the flow, in the transformed space.

        Raises
        ------
        TypeError
            As :meth:`fit` does.
        """
        self._check_steps()
        return super().fit_transform(X, y, **params)

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> Rows:
        """Draw rows from the last step and take them back through the others.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least 1.
        random_state : int, RandomState instance or None, default=None
            Given to the ``sample`` of the last step.

        Returns
        -------
        array-like of shape (n_samples, n_features)
            New rows in the units of the input: what the ``inverse_transform`` of the
            first step returns. A data frame with the names of the input if the
            pipeline was told so by ``set_output``.

        Raises
        ------
        TypeError
            If a step cannot be undone, or the last one cannot draw.
        """
        check_is_fitted(self)
        self._check_steps()
        drawn = self.steps[-1][1].sample(n_samples, random_state=random_state)
        steps = [step for _, step in self.steps[:-1] if _is_transformer(step)]
        if not steps:
            return drawn
        rows = np.asarray(drawn)
        for step in reversed(steps):
            rows = step.inverse_transform(rows)
        if isinstance(drawn, np.ndarray) or not isinstance(rows, np.ndarray):
            return rows
        return type(drawn)(dict(zip(_input_names(steps[0], rows), rows.T, strict=True)))

    def _check_steps(self):
        if not self.steps:
            raise ValueError("The pipeline is empty: it must end in a drifter.")
        for name, step in self.steps[:-1]:
            if _is_transformer(step) and not _has_inverse(step):
                raise TypeError(
                    f"The step {name!r} ({type(step).__name__}) has no "
                    "inverse_transform, so drawn rows could not be taken back through "
                    "it. Apply it before the pipeline, or use a transformer that has "
                    "one (of a FunctionTransformer, give the inverse_func)."
                )
        name, last = self.steps[-1]
        if not hasattr(last, "sample"):
            raise TypeError(
                f"The last step {name!r} ({type(last).__name__}) has no method "
                "'sample'; a DriftPipeline must end in a drifter."
            )


def _input_names(step, rows):
    default = [f"x{j}" for j in range(rows.shape[1])]
    return getattr(step, "feature_names_in_", default)


def make_drift_pipeline(
    *steps: Estimator, memory: Any = None, verbose: bool = False
) -> DriftPipeline:
    """Build a :class:`DriftPipeline` whose steps are named by their classes.

    Parameters
    ----------
    *steps : estimators
        Transformers with an ``inverse_transform``, then a drifter.
    memory : str or object with the joblib.Memory interface, default=None
        Cache of the fitted transformers.
    verbose : bool, default=False
        Whether to print how long each step takes to fit.

    Returns
    -------
    DriftPipeline
        Not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.pipeline import make_drift_pipeline
    >>> X = load_wine().data
    >>> drifter = ConservativeDrifter(random_state=0)
    >>> pipeline = make_drift_pipeline(StandardScaler(), PCA(5), drifter).fit(X)
    >>> pipeline.sample(2).shape
    (2, 13)
    """
    return DriftPipeline(make_pipeline(*steps).steps, memory=memory, verbose=verbose)
