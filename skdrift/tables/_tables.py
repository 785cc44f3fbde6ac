"""Tables of mixed columns: data frames to arrays of numbers, exactly, and back."""

from __future__ import annotations

from collections import Counter
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import check_array, check_scalar, gen_batches
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from .._data._columns import OCCURRENCES
from .._data._frames import Arrays, library_of
from .._drifters import ConservativeDrifter
from .._estimator import VersionedStateMixin, forget
from ..metrics._draw import draw

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from .._typing import Estimator, Rows, Seed, Table

__all__ = ["TableEncoder", "TabularDrifter"]

# Integers up to here are exact as floats.
_LARGEST_INTEGER = 2**53
# Rows whose categories are assigned at once.
_BATCH = 1000


class TableEncoder(TransformerMixin, VersionedStateMixin, BaseEstimator):
    """Encode a data frame of mixed columns as numbers that can be decoded.

    - Real numbers stay as they are.
    - Integers, dates and times count their steps from the least value, the step
      being their greatest common divisor.
    - Booleans, ordered categories (in polars, Enum) and strings or categories of two
      values are numbered.
    - Other strings and categories become a column of 0 and 1 for each value.
    - Missing values are filled by the median, in the last case by 0, and one more
      column says where, 0 or 1, so that what is missing together can be learnt.

    :meth:`inverse_transform` gives back the frame that was encoded, and for other
    numbers a frame like it, with categories that occur and integers within the
    observed range. The numbers of the last kind count as memberships between 0 and 1:
    a category is given to as many rows as its memberships add up to, and to those of
    the largest in total. So decode a whole ensemble at once.

    Attributes
    ----------
    categories_ : dict
        By the name of a column, its categories in the order of their numbers.
    n_features_in_ : int
        Number of columns of the frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    TabularDrifter : An encoder and a drifter in one.

    Notes
    -----
    pandas and polars frames are encoded, and arrays of numbers, like frames whose
    columns are all of one type. Neither library need be installed. The index of a
    pandas frame is not kept.

    Examples
    --------
    >>> import pandas as pd
    >>> from skdrift.tables import TableEncoder
    >>> frame = pd.DataFrame({"size": ["L", "S", "M"], "cost": [9.5, 1.5, None]})
    >>> encoder = TableEncoder().fit(frame)
    >>> encoder.get_feature_names_out().tolist()
    ['size_L', 'size_M', 'size_S', 'cost', 'missingindicator_cost']
    >>> encoder.transform(frame)
    array([[1. , 0. , 0. , 9.5, 0. ],
           [0. , 0. , 1. , 1.5, 0. ],
           [0. , 1. , 0. , 1.5, 1. ]])
    >>> drawn = [[0.6, 0.3, 0.1, 7.1, 0.2], [0.0, 0.3, 0.7, 2.0, 0.8]]
    >>> encoder.inverse_transform(drawn)
      size  cost
    0    L   7.1
    1    S   NaN
    """

    def fit(self, X: Table, y: object = None) -> Self:
        """Learn the columns of a frame.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame of pandas or polars, or numbers.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            If a name occurs twice, or a column has no values, infinite ones, ones
            that cannot be encoded, or integers that are not exact as floats.
        """
        try:
            return self._fit(X)
        except BaseException:
            forget(self, "_codes", "_library")
            raise

    def _fit(self, X):
        library, X = _validated(self, X, reset=True)
        codes = [_learn(column) for column in library.read(X)]
        self.categories_ = {
            code.column.name: code.categories
            for code in codes
            if code.column.kind == "category"
        }
        self._library, self._codes = library, codes
        return self

    def transform(self, X: Table) -> Rows:
        """Encode a frame.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame with the columns that were fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_codes)
            Numbers; ``get_feature_names_out`` says of what.

        Raises
        ------
        ValueError
            If the columns are others, or hold a category or a missing value that
            they did not hold in `fit`.
        """
        check_is_fitted(self)
        library, X = _validated(self, X, reset=False)
        codes = []
        for code, column in zip(self._codes, library.read(X), strict=True):
            _check_kind(code.column, column)
            codes.append(code.encode(column))
        return np.concatenate(codes, axis=1)

    def inverse_transform(self, X: ArrayLike) -> Rows:
        """Decode numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_codes)
            Encoded rows, or others like them.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features)
            What was fitted: the same library, names, order and types of columns.

        Raises
        ------
        ValueError
            If `X` is not finite or has not `n_codes` columns.
        """
        check_is_fitted(self)
        X = check_array(X, dtype=np.float64, input_name="X")
        ends = np.cumsum([code.width for code in self._codes])
        if X.shape[1] != ends[-1]:
            raise ValueError(
                f"X has {X.shape[1]} columns, but {type(self).__name__} encodes the "
                f"table in {ends[-1]}."
            )
        columns = [
            self._library.write(code.column, *code.decode(numbers))
            for code, numbers in zip(
                self._codes, np.split(X, ends[:-1], axis=1), strict=True
            )
        ]
        return self._library.frame([c.column.name for c in self._codes], columns)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Names of the encoded columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of the table, those of `fit` if there were any.

        Returns
        -------
        ndarray of str objects
            For each column its name, or ``<name>_<category>`` for each of its
            categories; then ``missingindicator_<name>`` if it had missing values.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array(
            [
                encoded
                for name, code in zip(names, self._codes, strict=True)
                for encoded in code.names(name)
            ],
            dtype=object,
        )

    def _marks(self, name):
        """What the codes say about each of their columns."""
        return np.concatenate([getattr(code, name) for code in self._codes])

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_codes")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def _validated(estimator, X, reset):
    """Library of a table with the right columns, and the table."""
    library = library_of(X)
    if library is Arrays:
        finite = "allow-nan"
        return library, validate_data(
            estimator, X, reset=reset, dtype="numeric", ensure_all_finite=finite
        )
    twice = [name for name, count in Counter(X.columns).items() if count > 1]
    if twice:
        raise ValueError(f"The columns {twice} occur more than once; rename them.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return library, X


class _Numbers:
    """Code of a column of real numbers, integers or times."""

    def __init__(self, column):
        self.column = _kept(column)
        self.width = 1 + bool(column.missing.any())
        values = column.values
        _check_finite(column)
        if column.kind == "real":
            self.low, self.step, self.n_steps = 0.0, 1.0, None
        else:
            self.low, self.step, self.n_steps = _steps(column.name, values)
        few = OCCURRENCES * len(np.unique(values)) <= len(values)
        self.repeats = np.array([few, True])[: self.width]
        self.memberships = np.zeros(self.width, dtype=bool)
        # A value that occurs, so that the column has no more values than before.
        middle = (len(values) - 1) // 2
        self.fill = np.partition((values - self.low) / self.step, middle)[middle]

    def names(self, name):
        return [name, f"missingindicator_{name}"][: self.width]

    def encode(self, column):
        missing = column.missing
        _check_finite(column)
        if self.width == 1:
            _check_none_missing(column)
        numbers = np.full((len(missing), self.width), 0.0)
        numbers[:, 0] = self.fill
        numbers[~missing, 0] = (column.values - self.low) / self.step
        if self.width == 2:
            numbers[:, 1] = missing
        return numbers

    def decode(self, numbers):
        values = numbers[:, 0]
        if self.n_steps is not None:
            steps = np.clip(np.rint(values), 0, self.n_steps).astype(np.int64)
            values = self.low + self.step * steps
        # The second column, or none.
        return values, (numbers[:, 1:] >= 0.5).any(axis=1)


class _Ordered:
    """Code of a column of two categories, or of more in order: their numbers."""

    def __init__(self, column, categories):
        self.column, self.categories = _kept(column), categories
        self.numbers = _Numbers(self._numbered(column))
        self.width = self.numbers.width
        self.memberships = self.numbers.memberships
        self.repeats = ~self.memberships

    def names(self, name):
        return self.numbers.names(name)

    def encode(self, column):
        return self.numbers.encode(self._numbered(column))

    def decode(self, numbers):
        places, missing = self.numbers.decode(numbers)
        return _chosen(self.column, self.categories, places, missing), missing

    def _numbered(self, column):
        return column._replace(kind="integer", values=_places(column, self.categories))


class _Nominal:
    """Code of a column of categories without order: a column of 0 and 1 for each.

    One more for missing values. Of numbers between 0 and 1, memberships, decoding
    makes categories that occur as often as these say.
    """

    def __init__(self, column, categories):
        self.column, self.categories = _kept(column), categories
        self.width = len(categories) + bool(column.missing.any())
        self.memberships = np.ones(self.width, dtype=bool)
        self.repeats = ~self.memberships  # not to be rounded one by one

    def names(self, name):
        names = [f"{name}_{category}" for category in self.categories]
        return [*names, f"missingindicator_{name}"][: self.width]

    def encode(self, column):
        places = np.full(len(column.missing), len(self.categories))
        places[~column.missing] = _places(column, self.categories)
        if self.width == len(self.categories):
            _check_none_missing(column)
        return np.eye(self.width)[places]

    def decode(self, numbers):
        places = _assigned(numbers)
        missing = places == len(self.categories)
        return _chosen(self.column, self.categories, places, missing), missing


def _kept(column):
    return column._replace(values=None, missing=None)


def _places(column, categories):
    place = {category: i for i, category in enumerate(categories)}
    places = [place.get(value) for value in column.values]
    if None in places:
        raise ValueError(
            f"The column {column.name!r} has the category "
            f"{column.values[places.index(None)]!r}, which did not occur in fit."
        )
    return np.array(places, dtype=np.int64)


def _chosen(column, categories, places, missing):
    return [
        column.marker if gone else categories[place]
        for place, gone in zip(places.tolist(), missing.tolist(), strict=True)
    ]


def _check_finite(column):
    if not np.isfinite(column.values).all():
        raise ValueError(f"The column {column.name!r} has infinite values.")


def _check_none_missing(column):
    if column.missing.any():
        raise ValueError(
            f"The column {column.name!r} has missing values, but had none in fit."
        )


def _assigned(memberships):
    """Categories of a whole ensemble, each as often as its memberships add up to.

    The assignment of the largest total membership. Rows of one membership 1 keep
    their category. Cubic in the rows, therefore in batches, which hand on what is
    left of their sums.
    """
    n, k = memberships.shape
    places, left = np.empty(n, dtype=np.int64), np.zeros(k)
    for batch in gen_batches(n, _BATCH):
        rows = memberships[batch]
        due = np.maximum(rows.sum(axis=0) + left, 0)
        due = due * (len(rows) / due.sum()) if due.any() else np.full(k, len(rows) / k)
        count = np.floor(due).astype(np.int64)
        largest = np.argsort(count - due, kind="stable")
        count[largest[: len(rows) - count.sum()]] += 1
        left = due - count
        labels = np.repeat(np.arange(k), count)
        places[batch] = labels[linear_sum_assignment(-rows[:, labels])[1]]
    return places


def _learn(column):
    if not len(column.values):
        raise ValueError(f"The column {column.name!r} has no values; leave it out.")
    if column.kind != "category":
        return _Numbers(column)
    present = set(column.values)
    if column.order is not None:
        return _Ordered(column, [value for value in column.order if value in present])
    categories = sorted(present, key=str)
    return (_Ordered if len(categories) <= 2 else _Nominal)(column, categories)


def _steps(name, values):
    """Least integer, greatest common step, and number of steps to the largest."""
    low, high = int(values.min()), int(values.max())
    # A larger range would overflow.
    step = int(np.gcd.reduce(values - low)) or 1 if high - low < 2**63 else 1
    n_steps = (high - low) // step
    if n_steps > _LARGEST_INTEGER:
        raise ValueError(
            f"The column {name!r} has integers between {low} and {high}, more than "
            f"2**53 steps of {step}, which floats do not tell apart. Round it, leave "
            "it out, or make it a string."
        )
    return low, step, n_steps


def _check_kind(fitted, column):
    """Numbers may be integers or not; times are in the unit of their type."""
    kinds = {fitted.kind, column.kind}
    if kinds == {"time"}:
        same = fitted.dtype == column.dtype
    else:
        same = len(kinds) == 1 or kinds == {"integer", "real"}
    if not same:
        raise ValueError(
            f"The column {column.name!r} is of type {column.dtype}, but was of type "
            f"{fitted.dtype} in fit; convert it."
        )


class TabularDrifter(VersionedStateMixin, BaseEstimator):
    """Draw rows like those of a data frame of mixed columns.

    A :class:`TableEncoder` turns the frame into numbers, a drifter is fitted to
    these, and what it draws is decoded: a frame of the same library, with the same
    names and types of columns. Categories, booleans and missing values are as frequent
    as in the data: the drifter rounds columns of few values to values that occur
    (``discrete_features="auto"`` is set to the columns in question), and memberships
    of categories are shifted to the mean of the data before they are decoded.

    For labelled rows leave the label in the frame, as a column like the others.

    Parameters
    ----------
    drifter : estimator, default=None
        Drifter, or another estimator with ``sample(n_samples, random_state)``. None
        stands for :class:`~skdrift.ConservativeDrifter`.

    Attributes
    ----------
    encoder_ : TableEncoder
        Fitted encoder.
    drifter_ : estimator
        Drifter fitted to the encoded rows.
    n_features_in_ : int
        Number of columns of the frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    skdrift.pipeline.make_drift_pipeline : More steps between encoder and drifter.
    skdrift.metrics.train_on_synthetic_score : What drawn rows are worth for training.

    Notes
    -----
    A string that occurs in the data may be drawn as it is: leave names, identifiers
    and free text out.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.tables import TabularDrifter
    >>> iris = load_iris(as_frame=True)
    >>> frame = iris.data.assign(species=iris.target_names[iris.target])
    >>> drifter = TabularDrifter(ConservativeDrifter(random_state=0)).fit(frame)
    >>> drawn = drifter.sample(300)
    >>> bool((drawn.dtypes == frame.dtypes).all())
    True
    >>> sorted(drawn["species"].value_counts().tolist())
    [100, 100, 100]
    """

    def __init__(self, drifter: Estimator | None = None) -> None:
        self.drifter = drifter

    def fit(
        self, X: Table, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit encoder and drifter to a frame.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame of pandas or polars, or numbers.
        y : None
            Ignored: a label is a column of `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Given to the drifter. The encoder is the same for all weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If the drifter has no method `sample`.
        ValueError
            If the frame cannot be encoded (see :class:`TableEncoder`), or the drifter
            refuses it.
        """
        try:
            return self._fit(X, sample_weight)
        except BaseException:
            forget(self, "_n_rows", "_mean")
            raise

    def _fit(self, X, sample_weight):
        drifter = ConservativeDrifter() if self.drifter is None else self.drifter
        if not hasattr(drifter, "sample"):
            raise TypeError(
                "The 'drifter' parameter must be an estimator with a method 'sample'; "
                f"got {self.drifter!r}."
            )
        drifter = clone(drifter)
        _, X = _validated(self, X, reset=True)
        encoder = TableEncoder().set_output(transform="default")
        codes = encoder.fit_transform(X)
        if drifter.get_params(deep=False).get("discrete_features") == "auto":
            drifter.set_params(discrete_features=encoder._marks("repeats"))
        weight = {}
        if sample_weight is not None:
            weight["sample_weight"] = sample_weight = np.asarray(sample_weight)
        drifter = drifter.fit(codes, **weight)
        self._n_rows, self._mean = len(codes), np.average(codes, 0, sample_weight)
        self.encoder_, self.drifter_ = encoder, drifter
        return self

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> Rows:
        """Draw new rows.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows, at least 1.
        random_state : int, RandomState instance or None, default=None
            Given to the drifter.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features)
            A frame like that of `fit`.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        # Drifters evolve as many rows in any case, and few rows say little about how
        # frequent their categories are.
        n = max(n_samples, self._n_rows)
        drawn = np.array(draw(self.drifter_, n, random_state))
        shift = self._mean - drawn.mean(axis=0)
        drawn += np.where(self.encoder_._marks("memberships"), shift, 0.0)
        return self.encoder_.inverse_transform(drawn)[:n_samples]

    def score(self, X: Table, y: object = None) -> float:
        """Score of the drifter on other rows, encoded.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Held-out rows, with the columns that were fitted.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        float
            What the drifter returns; greater is better.
        """
        check_is_fitted(self)
        return self.drifter_.score(self.encoder_.transform(X))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "drifter_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
