"""Imputation of missing values by draws from their conditional distribution."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from ._data._checks import check_weight
from ._data._frames import Arrays, library_of
from ._data._imputation import mixture_of_incomplete
from ._data._numbers import check_numbers
from ._estimator import (
    VersionedStateMixin,
    fit_context,
    forget,
    sampling_rng,
    warn_user,
)
from .tables import TableEncoder
from .tables._codes import assigned
from .tables._encoder import validated
from .tables._given import completed, known_of, marks_of, read_given
from .tables._many import drifting

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from ._typing import Columns, Rows, Seed, Table

__all__ = ["DriftImputer"]


class DriftImputer(
    OneToOneFeatureMixin, TransformerMixin, VersionedStateMixin, BaseEstimator
):
    """Fill missing values with draws from their distribution given the known ones.

    Filled tables are distributed like complete ones, so that variances, correlations
    and quantiles are not distorted, as they are by means or nearest neighbours. It is
    fitted to incomplete rows: missing values are drawn, and the distribution is
    estimated from the completed rows, several times in turn. The distribution is the
    mixture of local Gaussians of :meth:`skdrift.ConservativeDrifter.score_samples`,
    with the laws of the columns: zeros, integers, bounds and categories are kept.

    The draws are right if values are missing at random: if whether one is missing
    depends on known values only.

    Parameters
    ----------
    n_imputations : int, default=1
        Number of models that are fitted, each to rows with random weights (the Bayesian
        bootstrap), and of completed tables that :meth:`impute` returns. They differ as
        much as missing values are uncertain, for Rubin's rules.
    max_iter : int, default=4
        How often missing values are drawn and a distribution estimated, for each model,
        after ten times with a single Gaussian.
    columns : {"auto", "free", "discrete"}, dict or list, default="auto"
        Laws of columns of numbers, as in :class:`~skdrift.ConservativeDrifter`, by
        name or position.
    add_indicator : bool, default=False
        Whether :meth:`transform` appends a column of 0 and 1 for every column that had
        missing values in `fit`.
    random_state : int, RandomState instance or None, default=None
        Source of the draws of `fit` and, unless they have their own, of the other
        methods. If it is an int, every call gives the same draws.

    Attributes
    ----------
    n_iter_ : int
        Rounds of each model, `max_iter`.
    indicator_features_ : ndarray of shape (n_incomplete,), dtype int
        Columns that had missing values in `fit`.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    skdrift.ConservativeDrifter.sample_conditional : Draws given some columns.
    skdrift.tables.TabularDrifter : Tables in which missing values are drawn as such.

    References
    ----------
    Tanner and Wong, *The calculation of posterior distributions by data augmentation*,
    JASA 82, 1987. Rubin, *Multiple imputation for nonresponse in surveys*, 1987.

    Examples
    --------
    >>> import numpy as np
    >>> from skdrift.impute import DriftImputer
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=200)
    >>> X = np.column_stack([x, x + 0.1 * rng.normal(size=200)])
    >>> X[::4, 1] = np.nan
    >>> filled = DriftImputer(random_state=0).fit_transform(X)
    >>> bool(np.std(filled[::4, 1] - x[::4]) < 0.2)
    True
    """

    _parameter_constraints: dict = {
        "n_imputations": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "columns": [StrOptions({"auto", "free", "discrete"}), dict, list, tuple],
        "add_indicator": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        n_imputations: int = 1,
        max_iter: int = 4,
        columns: Columns = "auto",
        add_indicator: bool = False,
        random_state: Seed = None,
    ) -> None:
        self.n_imputations = n_imputations
        self.max_iter = max_iter
        self.columns = columns
        self.add_indicator = add_indicator
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Table, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Estimate the distribution of incomplete rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame of pandas or polars with columns of any type, or numbers; at least two
            rows.
        y : None
            Ignored, present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights.

        Returns
        -------
        self : object
            The fitted imputer.

        Raises
        ------
        ValueError
            If a column has no known value, or the input is invalid otherwise.
        """
        try:
            return self._fit(X, sample_weight)
        except BaseException:
            forget(self, "_encoder", "_mixtures", "_is_drawn")
            raise

    def _fit(self, X, sample_weight):
        _, X = self._validated(X, reset=True)
        if len(X) < 2:
            raise ValueError(
                f"Found {len(X)} sample in X, but at least 2 are required."
            )
        weight = check_weight(sample_weight, np.empty((len(X), 0)))
        encoder = TableEncoder().fit(X)
        known = self._known(encoder, X)
        missing = [_missing(column, len(X)) for column in known.columns]
        is_drawn = drifting(encoder._codes) & ~marks_of(encoder)
        specs = _specs(encoder, self.columns, X, is_drawn)
        settle = _settled_by(encoder, is_drawn)
        rng = check_random_state(self.random_state)
        mixtures, shape = [], None
        for _ in range(self.n_imputations):
            mixtures.append(
                mixture_of_incomplete(
                    known.codes[:, is_drawn],
                    weight,
                    specs,
                    self.max_iter,
                    rng,
                    settle,
                    shape,
                )
            )
            shape = mixtures[0].shape
        self._mixtures = mixtures
        self.indicator_features_ = np.flatnonzero([m.any() for m in missing])
        self.n_iter_ = self.max_iter
        self._encoder, self._is_drawn = encoder, is_drawn
        return self

    def transform(self, X: Table) -> Rows:
        """Fill missing values by draws from the first model.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows with the columns seen in `fit`. The draws of a row depend on those
            before it through the random numbers only.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features_out)
            The table with its known values unchanged, in the form in which it was
            passed; with `add_indicator`, further columns of 0 and 1.

        Raises
        ------
        ValueError
            If the columns or their types differ from `fit`, a category did not occur
            there, or a number is impossible under the law of its column.

        Warns
        -----
        UserWarning
            With the number of rows whose known values are far from all data; they are
            filled as if they were the nearest data row.
        """
        return self._filled(X, self.random_state, 1)[0]

    def impute(self, X: Table, random_state: Seed = None) -> list[Rows]:
        """Fill missing values several times, by draws from every model.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            As in :meth:`transform`.
        random_state : int, RandomState instance or None, default=None
            Source of the draws. If None, `random_state` of the imputer.

        Returns
        -------
        list of `n_imputations` DataFrames or ndarrays
            Tables as :meth:`transform` returns them.

        Raises
        ------
        ValueError
            As in :meth:`transform`.
        """
        return self._filled(X, random_state, self.n_imputations)

    def _filled(self, X, random_state, n):
        check_is_fitted(self)
        _, X = self._validated(X, reset=False)
        known = self._known(self._encoder, X)
        rng = sampling_rng(random_state, self.random_state)
        tables = [self._drawn(known, mixture, rng) for mixture in self._mixtures[:n]]
        library = self._encoder._library
        marks = [_missing(known.columns[j], len(X)) for j in self.indicator_features_]
        if self.add_indicator:
            names = self._indicator_names(self._names())
            tables = [library.with_columns(t, names, marks) for t in tables]
        return [library.aligned(table, X) for table in tables]

    @staticmethod
    def _known(encoder, X):
        names = [code.column.name for code in encoder._codes]
        return known_of(encoder, *read_given(X, names, encoder._library))

    def _drawn(self, known, mixture, rng):
        """A completed table."""
        n = len(known.codes)

        def draw(codes):
            draws = mixture.conditionals.draw(codes, rng)
            if draws.is_far.any():
                n_far = -(-draws.is_far.sum() * n // len(codes))
                warn_user(
                    f"Of {n} rows, {n_far} have known values far from all data. They "
                    "were filled as if these were the known values of the nearest data "
                    "row.",
                    UserWarning,
                )
            return draws.rows

        return completed(self._encoder, known, self._is_drawn, draw, rng)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> NDArray[np.object_]:
        """Names of the columns that :meth:`transform` returns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of the table. They must equal the names seen in `fit`,
            if there were any.

        Returns
        -------
        ndarray of str objects
            Those names and, with `add_indicator`, ``missingindicator_<name>``.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        further = self._indicator_names(names) if self.add_indicator else []
        return np.concatenate([names, np.array(further, dtype=object)])

    def _names(self):
        return [code.column.name for code in self._encoder._codes]

    def _indicator_names(self, names):
        return [f"missingindicator_{names[j]}" for j in self.indicator_features_]

    def _validated(self, X, reset):
        """Library of a table, and the table; numbers are floats."""
        library = library_of(X)
        if library is not Arrays:
            return validated(self, X, reset)
        check_numbers(X)
        return library, validate_data(
            self,
            X,
            reset=reset,
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan",
        )

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_mixtures")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = True
        return tags


def _missing(column, n):
    """Which values of a column are missing; None has none that is known."""
    return np.ones(n, dtype=bool) if column is None else column.missing


def _specs(encoder, columns, X, is_drawn):
    """What holds of the encoded columns that are drawn."""
    specs = encoder._column_specs(columns, X)
    is_drawn = is_drawn[drifting(encoder._codes)]
    return [
        _without_gaps(spec) for spec, kept in zip(specs, is_drawn, strict=True) if kept
    ]


def _without_gaps(spec):
    """What holds of a column whose gaps are not filled by the encoder."""
    if isinstance(spec, str):
        return spec
    return {key: value for key, value in spec.items() if key != "missing"} or "auto"


def _settled_by(encoder, is_drawn):
    """Function that gives drawn codes the numbers of categories."""
    ends = np.cumsum([0, *(code.width for code in encoder._codes)])
    place = np.cumsum(is_drawn) - 1
    groups = [
        place[np.arange(start, stop)[is_drawn[start:stop]]]
        for code, start, stop in zip(encoder._codes, ends[:-1], ends[1:], strict=True)
        if code.memberships.any()
    ]

    def settle(rows):
        for group in groups:
            rows[:, group] = np.eye(len(group))[assigned(rows[:, group])]
        return rows

    return settle
