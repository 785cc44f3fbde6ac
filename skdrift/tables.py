"""Tables of mixed columns: data frames to arrays of numbers, exactly, and back."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import check_array
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from ._drifters import ConservativeDrifter
from ._frames import Arrays, library_of

__all__ = ["TableEncoder", "TabularDrifter"]

# Integers up to here are exact as floats.
_LARGEST_INTEGER = 2**53


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode a data frame of mixed columns as numbers that can be decoded.

    Every column becomes one column of floats:

    - real numbers stay as they are;
    - integers, dates and times count their steps from the least value, the step
      being their greatest common divisor;
    - booleans, strings and categories are numbered. Ordered categories (in polars,
      Enum) keep their order. The others are put in the order in which the rest of
      the table varies most along them, so that rows of neighbouring categories are
      alike.

    Missing values of the last kind are one more category. Others are filled with the
    median, and a further column says where, 0 or 1, so that what is missing together
    can be learnt.

    :meth:`inverse_transform` gives back the frame that was encoded, and for any other
    numbers the nearest frame of its kind: categories that occur, integers within the
    observed range.

    Attributes
    ----------
    categories_ : dict
        By the name of a column, its categories in the order of their numbers; a
        missing value is a category.
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
    >>> frame = pd.DataFrame(
    ...     {"size": ["L", "S", "M", "L"], "cost": [9.5, 1.5, 5.0, None]}
    ... )
    >>> encoder = TableEncoder().fit(frame)
    >>> encoder.categories_
    {'size': ['L', 'M', 'S']}
    >>> encoder.transform(frame)
    array([[0. , 9.5, 0. ],
           [2. , 1.5, 0. ],
           [1. , 5. , 0. ],
           [0. , 5. , 1. ]])
    >>> encoder.inverse_transform([[0.2, 7.1, 0.1], [9.0, 2.0, 0.8]])
      size  cost
    0    L   7.1
    1    S   NaN
    """

    def fit(self, X, y=None):
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
        vars(self).pop("_codes", None)  # not fitted, should this fail
        library, read = self._read(X, reset=True)
        codes = [_learn(column) for column in read]
        _sort_categories(codes, read)
        self.categories_ = {
            code.column.name: code.categories
            for code in codes
            if isinstance(code, _Categories)
        }
        self._library, self._codes = library, codes
        return self

    def transform(self, X):
        """Encode a frame.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame with the columns that were fitted.

        Returns
        -------
        ndarray of shape (n_samples, n_codes)
            One column of numbers for each column, and one more where it had missing
            values that are not a category.

        Raises
        ------
        ValueError
            If the columns are others, or hold a category or a missing value that
            they did not hold in `fit`.
        """
        check_is_fitted(self)
        _, read = self._read(X, reset=False)
        codes = []
        for code, column in zip(self._codes, read, strict=True):
            _check_kind(code.column, column)
            codes.append(code.encode(column))
        return np.concatenate(codes, axis=1)

    def inverse_transform(self, X):
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

    def get_feature_names_out(self, input_features=None):
        """Names of the encoded columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of the table, those of `fit` if there were any.

        Returns
        -------
        ndarray of str objects
            For each column its name, then ``missingindicator_<name>`` where it had
            missing values that are not a category.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array(
            [
                prefix + name
                for name, code in zip(names, self._codes, strict=True)
                for prefix in ("", "missingindicator_")[: code.width]
            ],
            dtype=object,
        )

    def _read(self, X, reset):
        """Library of a table, and its columns."""
        library = library_of(X)
        if library is Arrays:
            X = validate_data(
                self, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan"
            )
        else:
            validate_data(self, X, reset=reset, skip_check_array=True)
        return library, library.read(X)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_codes")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


class _Numbers:
    """Code of a column of real numbers, integers or times."""

    def __init__(self, column):
        self.column = column._replace(values=None, missing=None)
        self.width = 1 + bool(column.missing.any())
        values = column.values
        if column.kind == "real":
            if not np.isfinite(values).all():
                raise ValueError(f"The column {column.name!r} has infinite values.")
            self.low, self.step, self.n_steps = 0.0, 1.0, None
        else:
            self.low, self.step, self.n_steps = _steps(column.name, values)
        # A value that occurs, so that the column has no more values than before.
        middle = (len(values) - 1) // 2
        self.fill = np.partition((values - self.low) / self.step, middle)[middle]

    def encode(self, column):
        missing = column.missing
        if missing.any() and self.width == 1:
            raise ValueError(
                f"The column {column.name!r} has missing values, but had none in fit."
            )
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


class _Categories:
    """Code of a column of categories, of which a missing value is one."""

    width = 1

    def __init__(self, column):
        self.column = column._replace(values=None, missing=None)
        present = set(column.values)
        if column.order is None:
            self.categories = sorted(present, key=str)
        else:
            self.categories = [value for value in column.order if value in present]
        if column.missing.any():
            self.categories.append(None)

    def encode(self, column):
        place = {value: i for i, value in enumerate(self.categories)}
        values = np.full(len(column.missing), None)
        values[~column.missing] = column.values
        codes = [place.get(value, -1) for value in values]
        if -1 in codes:
            raise ValueError(
                f"The column {column.name!r} has the value "
                f"{values[codes.index(-1)]!r}, which did not occur in fit."
            )
        return np.array(codes, dtype=np.float64)[:, None]

    def decode(self, numbers):
        codes = np.clip(np.rint(numbers[:, 0]), 0, len(self.categories) - 1)
        found = np.full(len(self.categories), None)
        found[:] = self.categories
        values = found[codes.astype(int)]
        missing = values == None  # noqa: E711
        values[missing] = self.column.marker
        return values.tolist(), missing


def _learn(column):
    if not len(column.values):
        raise ValueError(f"The column {column.name!r} has no values; leave it out.")
    return (_Categories if column.kind == "category" else _Numbers)(column)


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


def _sort_categories(codes, read):
    """Put categories without an order where the rest of the table varies most.

    The order is that of the first principal component of the means of all other
    columns over the categories, categories counting as often as they occur.
    """
    blocks = [
        _indicators(code.encode(r), code) for code, r in zip(codes, read, strict=True)
    ]
    for j, (code, column) in enumerate(zip(codes, read, strict=True)):
        others = blocks[:j] + blocks[j + 1 :]
        if column.kind != "category" or column.order is not None or not others:
            continue
        count = np.asarray(blocks[j].sum(axis=0)).ravel()
        means = (blocks[j].T @ sparse.hstack(others)).toarray() / count[:, None]
        means -= count @ means / count.sum()
        weighted = np.sqrt(count)[:, None] * means
        direction = randomized_svd(weighted, 1, random_state=0)[2][0]
        order = np.argsort(means @ direction, kind="stable")
        code.categories = [code.categories[k] for k in order]


def _indicators(numbers, code):
    """Columns of unit variance for numbers, of zeros and ones for categories."""
    if isinstance(code, _Categories):
        n = len(numbers)
        place = (np.arange(n), numbers[:, 0].astype(int))
        return sparse.csr_array((np.ones(n), place), shape=(n, len(code.categories)))
    spread = numbers.std(axis=0)
    return sparse.csr_array(
        (numbers - numbers.mean(axis=0)) / np.where(spread > 0, spread, 1)
    )


class TabularDrifter(BaseEstimator):
    """Draw rows like those of a data frame of mixed columns.

    A :class:`TableEncoder` turns the frame into numbers, a drifter is fitted to
    these, and what it draws is decoded: a frame of the same library, with the same
    names and types of columns. The drifters round columns of few values to values
    that occur, each as often as in the data (`discrete_features`), so categories,
    booleans and missing values have the frequencies of the data.

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

    def __init__(self, drifter=None):
        self.drifter = drifter

    def fit(self, X, y=None, sample_weight=None):
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
            If the drifter cannot draw.
        ValueError
            If the frame cannot be encoded (see :class:`TableEncoder`), or the drifter
            refuses it.
        """
        vars(self).pop("drifter_", None)  # not fitted, should this fail
        drifter = ConservativeDrifter() if self.drifter is None else clone(self.drifter)
        if not hasattr(drifter, "sample"):
            raise TypeError(
                "The 'drifter' parameter must be an estimator with a method 'sample'; "
                f"got {self.drifter!r}."
            )
        if library_of(X) is Arrays:
            X = validate_data(self, X, dtype="numeric", ensure_all_finite="allow-nan")
        else:
            validate_data(self, X, skip_check_array=True)
        encoder = TableEncoder().set_output(transform="default")
        weight = {} if sample_weight is None else {"sample_weight": sample_weight}
        drifter = drifter.fit(encoder.fit_transform(X), **weight)
        self.encoder_, self.drifter_ = encoder, drifter
        return self

    def sample(self, n_samples=1, random_state=None):
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
        drawn = self.drifter_.sample(n_samples, random_state=random_state)
        return self.encoder_.inverse_transform(drawn)

    def score(self, X, y=None):
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
