"""Over-sampling of classes, with the interface of imbalanced-learn."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from ._docstrings import documented
from ._drifters import ConservativeDrifter
from ._estimator import VersionedStateMixin, forget
from .metrics._draw import draw

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from ._typing import Estimator, Rows, Seed, Table

__all__ = ["DriftOversampler"]

_SHARED = {
    "X": """
        X : array-like of shape (n_samples, n_features)
            Training data.
        """,
    "y": """
        y : array-like of shape (n_samples,)
            Classes of the samples.
        """,
}


class DriftOversampler(OneToOneFeatureMixin, VersionedStateMixin, BaseEstimator):
    """Over-sample small classes with samples from drifters fitted to each class.

    The interface is the one of samplers in imbalanced-learn, which is not required. Use
    it as a step of an ``imblearn.pipeline.Pipeline`` before a classifier, where it is
    applied in `fit` only. Resample training data only: a score on generated samples
    does not measure the performance on real ones.

    Parameters
    ----------
    drifter : object, default=None
        Generator with methods ``fit`` and ``sample``, cloned for every class. If None,
        ``ConservativeDrifter()``.
    sampling_strategy : "auto", float or dict, default="auto"
        Number of samples of each class after resampling. ``"auto"``: as many as in the
        largest class. A float, for two classes only: size of the smaller class relative
        to the larger one. A dict: the number by class; other classes are not changed.
    random_state : int, RandomState instance or None, default=None
        Seed of the fits and draws.

    Attributes
    ----------
    sampling_strategy_ : dict
        Number of samples to draw, for every class that needs some.
    drifters_ : dict
        The generators fitted by :meth:`fit_resample`, by class.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    skdrift.ConservativeDrifter : The default generator.

    References
    ----------
    Lemaître, Nogueira and Aridas, *Imbalanced-learn: A Python Toolbox to Tackle the
    Curse of Imbalanced Datasets in Machine Learning*, JMLR 18 (2017): the interface.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from skdrift.oversampling import DriftOversampler
    >>> X, y = load_wine(return_X_y=True)
    >>> np.bincount(y)
    array([59, 71, 48])
    >>> X_resampled, y_resampled = DriftOversampler(random_state=0).fit_resample(X, y)
    >>> np.bincount(y_resampled)
    array([71, 71, 71])
    """

    _parameter_constraints = {
        "drifter": [HasMethods(["fit", "sample"]), None],
        "sampling_strategy": [
            StrOptions({"auto"}),
            Interval(Real, 0, 1, closed="right"),
            dict,
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        drifter: Estimator | None = None,
        *,
        sampling_strategy: Literal["auto"] | float | Mapping[Any, int] = "auto",
        random_state: Seed = None,
    ) -> None:
        self.drifter = drifter
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state

    @documented(_SHARED)
    def fit(self, X: Table, y: ArrayLike) -> Self:
        """Check the input and compute the number of samples to draw.

        Parameters
        ----------
        {X}
        {y}

        Returns
        -------
        self : object
            The sampler. Only :meth:`fit_resample` draws.

        Raises
        ------
        ValueError
            As in :meth:`fit_resample`.
        """
        self._check(X, y)
        return self

    @documented(_SHARED)
    def fit_resample(self, X: Table, y: ArrayLike) -> tuple[Rows, Rows]:
        """Append generated samples of small classes.

        Parameters
        ----------
        {X}
        {y}

        Returns
        -------
        X_resampled : ndarray or DataFrame of shape (n_resampled, n_features)
            The original samples followed by the generated ones, class by class. A
            pandas frame with a new index if `X` is one, otherwise an array.
        y_resampled : ndarray or Series of shape (n_resampled,)
            Classes of the samples. A pandas series if `y` is one.

        Raises
        ------
        ValueError
            If the input or a parameter is invalid, `sampling_strategy` asks for fewer
            samples than a class has, `y` has only one class, or a class that needs more
            samples has only one.
        """
        try:
            return self._fit_resample(X, y)
        except BaseException:
            forget(self)
            raise

    def _fit_resample(self, X, y):
        rows, classes = self._check(X, y)
        random_state = check_random_state(self.random_state)
        self.drifters_, drawn, labels = {}, [rows[:0]], [classes[:0]]
        for label, n in self.sampling_strategy_.items():
            of_class = classes == label
            seed = random_state.randint(np.iinfo(np.int32).max)
            drifter = self._fit_drifter(rows[of_class], label, seed)
            drawn.append(draw(drifter, n, seed))
            labels.append(np.repeat(classes[of_class][:1], n))
            self.drifters_[label] = drifter
        return _append(X, rows, np.vstack(drawn)), _append(
            y, classes, np.concatenate(labels)
        )

    def _check(self, X, y):
        self._validate_params()
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.sampling_strategy_ = _numbers_to_draw(y, self.sampling_strategy)
        return X, y

    def _fit_drifter(self, rows, label, seed):
        if len(rows) < 2:
            raise ValueError(
                f"Class {label!r} has 1 sample, but at least 2 are required to draw "
                "more. Add samples of this class, or exclude it by passing a dict as "
                "'sampling_strategy'."
            )
        drifter = ConservativeDrifter() if self.drifter is None else clone(self.drifter)
        if "random_state" in drifter.get_params():
            drifter.set_params(random_state=seed)
        return drifter.fit(rows)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def _numbers_to_draw(y, strategy):
    """Number of samples to draw, for each class that needs some."""
    labels, counts = np.unique(y, return_counts=True)
    labels, counts = labels.tolist(), counts.tolist()
    has = dict(zip(labels, counts, strict=True))
    if len(has) == 1:
        raise ValueError(
            f"'y' must have at least two classes; got one class, {labels[0]!r}."
        )
    if isinstance(strategy, dict):
        wanted = strategy
    elif strategy == "auto":
        wanted = dict.fromkeys(labels, max(counts))
    else:
        if len(labels) != 2:
            raise ValueError(
                "The 'sampling_strategy' parameter can be a float if 'y' has two "
                f"classes; got {len(labels)} classes. Use 'auto' or a dict."
            )
        small = min(labels, key=has.get)
        wanted = {small: int(strategy * max(counts))}
    for label, n in wanted.items():
        if label not in has:
            raise ValueError(
                f"The 'sampling_strategy' parameter has class {label!r}, which is not "
                f"in 'y'. Its classes are {labels}."
            )
        if not isinstance(n, Integral) or n < has[label]:
            raise ValueError(
                f"The 'sampling_strategy' parameter asks for {n!r} samples of class "
                f"{label!r}, which has {has[label]}. Pass an integer that is not "
                "smaller."
            )
    return {label: int(n - has[label]) for label, n in wanted.items() if n > has[label]}


def _append(original, checked, drawn):
    """Original rows followed by drawn ones, in a pandas container if given in one."""
    if not hasattr(original, "iloc"):
        return np.concatenate([checked, drawn])
    import pandas

    if original.ndim == 2:
        drawn = type(original)(drawn, columns=original.columns)
    else:
        drawn = type(original)(drawn, name=original.name, dtype=original.dtype)
    return pandas.concat([original, drawn], ignore_index=True)
