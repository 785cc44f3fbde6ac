"""Data frames of mixed columns, encoded as arrays of numbers that can be decoded."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from .._data._columns import checked_columns
from .._data._frames import Arrays, Columns, library_of
from .._data._numbers import check_numbers
from .._estimator import VersionedStateMixin, fit_context, forget
from ._advice import warn_about
from ._codes import NUMBERS, check_given, check_kind
from ._many import code_for, donors_of, drift, drifting

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from .._typing import Rows, Table


class TableEncoder(TransformerMixin, VersionedStateMixin, BaseEstimator):
    """Encode a data frame of mixed columns as numbers that can be decoded.

    - Real numbers are not changed, unless all of them are whole, as in a column of
      integers with missing values. Then they are encoded as integers.
    - Integers, dates and times are counted in steps from the smallest value. The step
      is the greatest common divisor of the differences. Times with a time zone are
      counted on its local clock if that gives a larger step, as for dates at midnight.
    - Booleans, ordered categories (Enum in polars) and strings or categories of two
      values are numbered.
    - Other strings and categories of up to twelve values are encoded as one column of
      0 and 1 for each value. More values are numbered in two columns: the number of the
      value, and a check number, which tells encoded rows from other numbers.
    - A column with missing values has one more column of 0 and 1 that marks them, so
      that values missing together can be learnt. The missing values are filled by
      quantiles of the others at evenly spread levels, so that the filled column has
      their distribution, or by 0 in a column for each value. If two kinds of missing
      values occur, such as null and NaN, one more column marks the second kind. Among
      more than twelve categories, missing values are further categories.

    :meth:`inverse_transform` recovers the frame that was encoded. From other numbers
    it makes a frame of the same form, with categories that occur in the data and
    integers within the observed range. Numbers for unordered categories are used as
    memberships between 0 and 1: each category is assigned to as many rows as its
    memberships add up to, such that the total membership is largest. Unless all numbers
    of columns of more than twelve categories are those of encoded rows, these columns
    are decoded to the categories of rows seen in `fit` whose other columns are similar;
    each of these rows is used equally often. Therefore decode all samples at once.

    Parameters
    ----------
    handle_unknown : {"error", "ignore"}, default="error"
        What :meth:`transform` does with a category, or a missing value, in a column
        where `fit` saw none. If "ignore", an unknown category belongs to none of the
        known ones (0 in all columns). In a numbered column it is placed between its
        neighbours, or in the middle if it has no place in the order. Missing values
        are filled as above, without a mark.

    Attributes
    ----------
    categories_ : dict
        Categories of each column, by its name, in the order of their numbers.
    n_features_in_ : int
        Number of columns of the frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    TabularDrifter : Encoder and drifter in one estimator.

    Notes
    -----
    The input is a pandas or polars frame, or an array of numbers, which is treated
    like a frame whose columns have one type. Neither library is required. The index of
    a pandas frame is not kept.

    Columns of pandas may be stored by Arrow. Decimal columns are encoded as real
    numbers, which are exact up to 15 digits. Times that need more than :math:`2^{53}`
    steps, such as nanoseconds over more than 104 days, are rounded to the smallest
    power of ten of their unit that floats can distinguish; then
    :meth:`inverse_transform` recovers them only up to this rounding. Local times that
    the clock skips are moved forward, and of those that it shows twice the first is
    used.

    A warning is given for integers that look like dates (20240131), integers that
    number the rows, and columns of categories that are almost all different.

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
           [0. , 1. , 0. , 9.5, 1. ]])
    >>> drawn = [[0.6, 0.3, 0.1, 7.1, 0.2], [0.0, 0.3, 0.7, 2.0, 0.8]]
    >>> encoder.inverse_transform(drawn)
      size  cost
    0    L   7.1
    1    S   NaN
    """

    _parameter_constraints: dict = {
        "handle_unknown": [StrOptions({"error", "ignore"})],
    }

    def __init__(self, *, handle_unknown: str = "error") -> None:
        self.handle_unknown = handle_unknown

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Table, y: object = None) -> Self:
        """Learn the columns of a frame.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame of pandas or polars, or array of numbers.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        self : object
            The fitted encoder.

        Raises
        ------
        ValueError
            If a column name occurs twice, or a column has no values, infinite values,
            values of an unsupported type, or integers that are not exact as floats.

        Warns
        -----
        UserWarning
            If a column looks like dates, row numbers or identifiers.
        """
        try:
            return self._fit(X)
        except BaseException:
            forget(self, "_codes", "_donors", "_library")
            raise

    def _fit(self, X):
        library, X = validated(self, X, reset=True)
        columns = library.read(X)
        codes = [code_for(column) for column in columns]
        for column in columns:
            warn_about(column)
        self.categories_ = {
            code.column.name: code.categories
            for code in codes
            if code.column.kind == "category"
        }
        self._donors = donors_of(codes, columns)
        self._library, self._codes = library, codes
        return self

    def transform(self, X: Table) -> Rows:
        """Encode a frame.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame with the columns seen in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_codes)
            Encoded columns, named by :meth:`get_feature_names_out`.

        Raises
        ------
        ValueError
            If the columns differ from those seen in `fit`, or, unless
            `handle_unknown` is "ignore", have a category or missing values that did
            not occur in `fit`.
        """
        check_is_fitted(self)
        library, X = validated(self, X, reset=False)
        codes = []
        for code, column in zip(self._codes, library.read(X), strict=True):
            check_kind(code.column, column)
            codes.append(code.encode(column, self.handle_unknown == "ignore"))
        return np.concatenate(codes, axis=1)

    def inverse_transform(self, X: ArrayLike) -> Rows:
        """Decode numbers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_codes)
            Encoded samples, or samples like them.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features)
            Table with the library, names, order and types of columns seen in `fit`.

        Raises
        ------
        ValueError
            If `X` is not finite or does not have `n_codes` columns.
        """
        check_is_fitted(self)
        with np.errstate(invalid="ignore"):  # the sum of huge numbers is not finite
            X = check_array(X, dtype=np.float64, input_name="X")
        ends = np.cumsum([code.width for code in self._codes])
        if X.shape[1] != ends[-1]:
            raise ValueError(
                f"X has {X.shape[1]} columns, but the encoded table has {ends[-1]}. "
                "Pass the columns that transform returns."
            )
        parts = np.split(X, ends[:-1], axis=1)
        if self._donors is not None:
            parts = self._donors.settled(parts)
        columns = [
            self._library.write(code.column, *code.decode(numbers))
            for code, numbers in zip(self._codes, parts, strict=True)
        ]
        return self._library.frame([c.column.name for c in self._codes], columns)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Names of the encoded columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of the table. They must equal the names seen in `fit`,
            if there were any.

        Returns
        -------
        ndarray of str objects
            For each column its name, or ``<name>_<category>`` for each of its
            categories, and ``missingindicator_<name>`` if it had missing values. A
            second kind of them has its own column, ``missingindicator_<name>_<kind>``.
            For more than twelve categories, ``<name>`` and ``<name>_check``.
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

    def _column_specs(self, columns, X):
        """What holds of the columns that drift, given what holds of those of X."""
        names = [code.column.name for code in self._codes]
        given = checked_columns(columns, names)
        if not all(isinstance(of_column, str) for of_column in given):
            for column, of_column in zip(self._library.read(X), given, strict=True):
                check_given(column, of_column)
        specs = []
        for code, of_column, kept in zip(
            self._codes, given, drift(self._codes), strict=True
        ):
            specs += code.specs(of_column, len(specs)) if kept else []
        return specs

    def _laws(self, laws):
        """Laws of the columns of numbers, given those of the columns that drift."""
        places = np.flatnonzero(drifting(self._codes))
        by_place = dict(zip(places.tolist(), laws, strict=True))
        starts = np.cumsum([0, *(code.width for code in self._codes[:-1])])
        return tuple(
            code.law(by_place[start])
            for start, code in zip(starts.tolist(), self._codes, strict=True)
            if code.column.kind in NUMBERS
        )

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_codes")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags


def validated(estimator, X, reset):
    """Library of a table, and the table, with its columns checked."""
    library = library_of(X)
    if library is Arrays:
        check_numbers(X)
        return library, validate_data(
            estimator, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan"
        )
    if library is Columns:  # of a table that was checked
        if reset:
            estimator.n_features_in_ = len(X.columns)
            if all(isinstance(name, str) for name in X.columns):
                estimator.feature_names_in_ = np.array(X.columns, dtype=object)
        return library, X
    twice = [name for name, count in Counter(X.columns).items() if count > 1]
    if twice:
        raise ValueError(
            f"Column names must be unique; {twice} occur more than once. Rename them."
        )
    if reset and not len(X):
        raise ValueError("X has no rows. Pass a table with at least one.")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return library, X


def memberships_of(encoder):
    """Which of the encoded columns are memberships of categories."""
    return np.concatenate([code.memberships for code in encoder._codes])
