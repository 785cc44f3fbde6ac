"""Detection of outliers by the density of a drifter."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.model_selection import KFold
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import (
    _get_feature_names,
    check_is_fitted,
    validate_data,
)

from ._data._frames import naming_columns
from ._data._numbers import check_numbers
from ._docstrings import documented
from ._drifters import ConservativeDrifter
from ._estimator import VersionedStateMixin, fit_context, forget, seeded

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from ._typing import Estimator, Floats, Seed

__all__ = ["DriftOutlierDetector"]

# Parts of the training rows that are scored by a fit to the other parts.
_FOLDS = 5
# With fewer rows, a fit without one of them is not possible.
_FEWEST_ROWS = 3

_SHARED = {
    "X": """
        X : array-like of shape (n_samples, n_features)
            Rows of finite numbers, in any units.
        """,
}


class DriftOutlierDetector(OutlierMixin, VersionedStateMixin, BaseEstimator):
    """Outliers are rows whose density, by a drifter, is low.

    The interface is the one of outlier detectors in scikit-learn. A row is an outlier
    if its log-density (:meth:`skdrift.ConservativeDrifter.score_samples`) is below that
    of a share `contamination` of the training rows.

    The density of a training row is the one by a drifter that was fitted to other rows,
    in five folds: by a drifter that has seen the row it would be too high, and far too
    many new rows would be outliers. With ``contamination=0.1``, 7 to 15 % of new rows
    like the training rows were outliers on eleven sets of data, 10 % in mean, and 13 to
    69 % without the folds. Every `fit` therefore fits six drifters, and
    :meth:`score_samples` has the scores from the folds for rows that are equal to
    training rows, so that ``fit_predict(X)`` and ``fit(X).predict(X)`` agree.

    Parameters
    ----------
    drifter : object, default=None
        Estimator with methods ``fit`` and ``score_samples``, which is cloned. If None,
        ``ConservativeDrifter()``.
    contamination : float, default=0.1
        Share of the training rows that are outliers, above 0 and at most 0.5.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds and fits. It replaces the random states of `drifter`.

    Attributes
    ----------
    drifter_ : object
        The drifter fitted to all rows.
    training_scores_ : ndarray of shape (n_samples,)
        Scores of the training rows, in their order.
    offset_ : float
        Score below which a row is an outlier.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    skdrift.ConservativeDrifter.score_samples : The log-density.
    sklearn.ensemble.IsolationForest : Outliers are easy to isolate by random trees.
    sklearn.neighbors.LocalOutlierFactor : Outliers are far from their neighbours.

    Notes
    -----
    Columns with values that repeat are treated as in
    :meth:`~skdrift.ConservativeDrifter.score_samples`: scores are logarithms of
    probabilities at these values and of densities elsewhere.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skdrift.outlier import DriftOutlierDetector
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> benign, malignant = X[y == 1], X[y == 0]
    >>> detector = DriftOutlierDetector(random_state=0).fit(benign[:200])
    >>> bool((detector.predict(benign[200:]) == -1).mean() < 0.15)
    True
    >>> bool((detector.predict(malignant) == -1).mean() > 0.8)
    True
    """

    _parameter_constraints = {
        "drifter": [HasMethods(["fit", "score_samples"]), None],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        drifter: Estimator | None = None,
        *,
        contamination: float = 0.1,
        random_state: Seed = None,
    ) -> None:
        self.drifter = drifter
        self.contamination = contamination
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    @documented(_SHARED)
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit drifters, and find the score below which rows are outliers.

        Parameters
        ----------
        {X}
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        self : object
            The fitted detector.

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, or there are fewer than three rows.
            The detector is then not fitted.
        """
        try:
            return self._fit(X)
        except BaseException:
            forget(self, "_own")
            raise

    def _fit(self, X):
        dtype = np.float64, np.float32
        rows, table = self._checked(X, dtype=dtype, ensure_min_samples=_FEWEST_ROWS)
        random_state = check_random_state(self.random_state)
        drifter = ConservativeDrifter() if self.drifter is None else clone(self.drifter)
        drifter = seeded(drifter, random_state.randint(np.iinfo(np.int32).max))
        scores = np.empty(len(rows), rows.dtype)
        folds = KFold(min(_FOLDS, len(rows)), shuffle=True, random_state=random_state)
        for others, fold in folds.split(rows):
            fitted = clone(drifter).fit(_safe_indexing(table, others))
            scores[fold] = fitted.score_samples(_safe_indexing(table, fold))
        # Equal rows, which may be in different folds, get the mean of their scores.
        _, which = np.unique(rows, axis=0, return_inverse=True)
        which = which.ravel()
        mean = np.bincount(which, scores) / np.bincount(which)
        self.training_scores_ = mean[which].astype(rows.dtype)
        self._own = dict(zip(_keys(rows), self.training_scores_, strict=True))
        self.offset_ = float(
            np.percentile(self.training_scores_, 100 * self.contamination)
        )
        self.drifter_ = drifter.fit(table)
        return self

    def _checked(self, X, **checks):
        """Rows as an array, and in the form for drifters, which may know names."""
        message = (
            "Column {name} of X must be numeric and finite. Encode, impute or drop it. "
            "({error})"
        )
        check_numbers(X)
        with naming_columns(X, message):
            rows = validate_data(self, X, **checks)
        return rows, rows if _get_feature_names(X) is None else X

    @documented(_SHARED)
    def score_samples(self, X: ArrayLike) -> Floats:
        """Log-density of rows; of training rows, from the folds.

        Parameters
        ----------
        {X}

        Returns
        -------
        ndarray of shape (n_samples,)
            Lower is more unusual.
        """
        check_is_fitted(self)
        rows, table = self._checked(X, dtype=self.training_scores_.dtype, reset=False)
        scores = self.drifter_.score_samples(table)
        own = [*map(self._own.get, _keys(rows), scores)]
        return np.array(own, dtype=rows.dtype)

    @documented(_SHARED)
    def decision_function(self, X: ArrayLike) -> Floats:
        """Scores minus ``offset_``: negative for outliers.

        Parameters
        ----------
        {X}

        Returns
        -------
        ndarray of shape (n_samples,)
            Lower is more unusual.
        """
        return self.score_samples(X) - self.offset_

    @documented(_SHARED)
    def predict(self, X: ArrayLike) -> Floats:
        """Tell outliers from inliers.

        Parameters
        ----------
        {X}

        Returns
        -------
        ndarray of int of shape (n_samples,)
            -1 for outliers, 1 for inliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)


def _keys(rows):
    """Rows as keys of a dict: equal rows have equal keys."""
    return [row.tobytes() for row in rows + 0.0]  # no -0.0
