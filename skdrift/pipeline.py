"""Pipelines of transformers and a drifter whose samples are transformed back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ._data._numbers import check_mask, check_numbers, is_foreign
from ._docstrings import documented
from ._drifters._arrays import array_library_of
from ._estimator import VersionedStateMixin

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._typing import Estimator, Rows, Seed, Self, Table

__all__ = ["DriftPipeline", "make_drift_pipeline"]

_SHARED = {
    "memory": """
        memory : str or object with the joblib.Memory interface, default=None
            Cache of the fitted transformers.
        """,
    "verbose": """
        verbose : bool, default=False
            Whether to print the time that each step needs to fit.
        """,
    "X": """
        X : array-like or frame of shape (n_samples, n_features)
            Data, as required by the first step.
        """,
    "y": """
        y : None
            Passed to every step. Drifters ignore it.
        """,
}


def _is_transformer(step):
    return step is not None and step != "passthrough"


def _has_inverse(step):
    # Without an inverse_func, its inverse_transform is the identity.
    if isinstance(step, FunctionTransformer) and step.func is not None:
        return step.inverse_func is not None
    return hasattr(step, "inverse_transform")


def _final_transforms(pipeline):
    return bool(pipeline.steps) and hasattr(pipeline.steps[-1][1], "transform")


def _final_completes(pipeline):
    return bool(pipeline.steps) and hasattr(pipeline[-1], "sample_conditional")


def _transformed(name, step, X):
    """Rows with NaN, transformed by a step that works column by column."""
    unknown = np.isnan(np.asarray(X, dtype=np.float64))
    try:
        Z = step.transform(X)
        keeps = np.array_equal(np.isnan(np.asarray(Z, dtype=np.float64)), unknown)
    except ValueError as error:
        raise TypeError(_needs_columns(name, step, f" ({error})")) from error
    if not keeps:
        raise TypeError(_needs_columns(name, step))
    return Z


def _needs_columns(name, step, reason=""):
    return (
        f"Step {name!r} ({type(step).__name__}) does not pass on unknown entries "
        "(NaN): conditional draws need transformers that work column by column, such "
        f"as scalers. Fit the drifter without it.{reason}"
    )


@documented(_SHARED)
class DriftPipeline(VersionedStateMixin, Pipeline):
    """Pipeline that ends in a drifter and draws samples in the units of its input.

    A ``sklearn.pipeline.Pipeline`` with one more method: :meth:`sample` draws from the
    last step and applies the ``inverse_transform`` of the other steps in reverse order.
    The samples can be no better than these inverses: with a ``PCA`` they lie in the
    subspace of the components that it keeps.

    All other methods are inherited, and work in the transformed space:
    ``score_samples`` is a log-density of the transformed samples, without the change of
    volume by the transformers, and ``score`` compares transformed samples. Use neither
    to compare pipelines with different transformers, but their samples
    (:func:`skdrift.metrics.make_sample_scorer`).

    Parameters
    ----------
    steps : list of tuple
        Pairs (name, estimator). All but the last are transformers with an
        ``inverse_transform``, ``"passthrough"`` or None. The last one is a drifter or
        another estimator with ``sample(n_samples, random_state)``.
    transform_input : list of str, default=None
        As in ``sklearn.pipeline.Pipeline``.
    {memory}
    {verbose}

    See Also
    --------
    make_drift_pipeline : Pipeline with automatic names of the steps.

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

    @documented(_SHARED)
    def fit(self, X: Table, y: object = None, **params: Any) -> Self:
        """Fit the steps one after the other.

        Parameters
        ----------
        {X}
        {y}
        **params : dict
            Parameters of a step, as ``<step>__<parameter>``, or with metadata routing
            those that the steps request.

        Returns
        -------
        self : object
            The fitted pipeline.

        Raises
        ------
        TypeError
            If a step has no ``inverse_transform`` or the last one no ``sample``. This
            is checked before anything is fitted.
        ValueError
            If `X` is a masked array with masked entries, which most steps would ignore.
        """
        self._check_steps()
        check_mask(X)
        return super().fit(X, y, **params)

    @available_if(_final_transforms)
    @documented(_SHARED)
    def fit_transform(self, X: Table, y: object = None, **params: Any) -> Rows:
        """Fit the steps, and transform with all of them.

        Parameters
        ----------
        {X}
        {y}
        **params : dict
            As in :meth:`fit`.

        Returns
        -------
        array-like of shape (n_samples, n_transformed_features)
            The samples at the end of the flow, in the transformed space.

        Raises
        ------
        TypeError
            As in :meth:`fit`.
        """
        self._check_steps()
        check_mask(X)
        return super().fit_transform(X, y, **params)

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> Rows:
        """Draw samples from the last step and transform them back.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples, at least 1.
        random_state : int, RandomState instance or None, default=None
            Passed to the ``sample`` method of the last step.

        Returns
        -------
        array-like of shape (n_samples, n_features)
            New samples in the units of the input, as returned by the
            ``inverse_transform`` of the first step. A data frame with the names of the
            input if ``set_output`` of the pipeline asks for frames.

        Raises
        ------
        TypeError
            If a step has no ``inverse_transform`` or the last one no ``sample``.
        """
        check_is_fitted(self)
        self._check_steps()
        return self._back(self[-1].sample(n_samples, random_state=random_state))

    @available_if(_final_completes)
    def sample_conditional(self, X: ArrayLike, random_state: Seed = None) -> Rows:
        """Draw the unknown entries of rows given the known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows with NaN where an entry is unknown.
        random_state : int, RandomState instance or None, default=None
            Passed to the last step.

        Returns
        -------
        array-like of shape (n_samples, n_features)
            Complete rows with the known entries of `X`.

        Raises
        ------
        TypeError
            If a step does not transform column by column, and pass on NaN, as
            scikit-learn's scalers do; or as in :meth:`sample`.
        """
        check_is_fitted(self)
        self._check_steps()
        library = array_library_of(X)
        given = library.take(X, "X")
        check_numbers(given)
        given = check_array(given, dtype=np.float64, ensure_all_finite="allow-nan")
        Z = X
        for name, step in self.steps[:-1]:
            if _is_transformer(step):
                Z = _transformed(name, step, Z)
        rows = self._back(self[-1].sample_conditional(Z, random_state=random_state))
        # The way there and back may round.
        known = ~np.isnan(given)
        drawn = array_library_of(rows).take(rows, "rows")
        exact = np.where(known, given, np.asarray(drawn))
        if isinstance(drawn, np.ndarray):
            return library.put(exact.astype(drawn.dtype, copy=False))
        return type(rows)(dict(zip(rows.columns, exact.T, strict=True)))

    def _back(self, drawn):
        """Draws of the last step in the units of the input."""
        steps = [step for _, step in self.steps[:-1] if _is_transformer(step)]
        if not steps:
            return drawn
        rows = drawn if is_foreign(drawn) else np.asarray(drawn)
        for step in reversed(steps):
            rows = step.inverse_transform(rows)
        if isinstance(drawn, np.ndarray) or not isinstance(rows, np.ndarray):
            return rows
        default = [f"x{j}" for j in range(rows.shape[1])]
        names = getattr(steps[0], "feature_names_in_", default)
        return type(drawn)(dict(zip(names, rows.T, strict=True)))

    def _check_steps(self):
        if not self.steps:
            raise ValueError("The pipeline is empty. It must end in a drifter.")
        for name, step in self.steps[:-1]:
            if _is_transformer(step) and not _has_inverse(step):
                raise TypeError(
                    f"Step {name!r} ({type(step).__name__}) has no inverse_transform, "
                    "which is needed to transform samples back. Apply it before the "
                    "pipeline, or use a transformer that has one (for a "
                    "FunctionTransformer, pass inverse_func)."
                )
        name, last = self.steps[-1]
        if not hasattr(last, "sample"):
            raise TypeError(
                f"The last step {name!r} ({type(last).__name__}) has no method "
                "'sample'. A DriftPipeline must end in a drifter."
            )


@documented(_SHARED)
def make_drift_pipeline(
    *steps: Estimator, memory: Any = None, verbose: bool = False
) -> DriftPipeline:
    """Build a :class:`DriftPipeline` with steps named after their classes.

    Parameters
    ----------
    *steps : estimators
        Transformers with an ``inverse_transform``, followed by a drifter.
    {memory}
    {verbose}

    Returns
    -------
    DriftPipeline
        The unfitted pipeline.

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
