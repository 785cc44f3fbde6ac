"""Drawing from tables of mixed columns."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from .._drifters import ConservativeDrifter
from .._estimator import VersionedStateMixin, forget, sampling_rng, seeded
from ..metrics._draw import draw
from ._encoder import TableEncoder, memberships_of, validated
from ._given import (
    completed,
    known_of,
    read_given,
    warn_of_donors,
)
from ._many import NO_CATEGORY, drifting
from ._ruled import RuledTable, checked_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from .._typing import Estimator, Rows, Seed, Table
    from ._rules import Rule


class TabularDrifter(VersionedStateMixin, BaseEstimator):
    """Draw samples from the distribution of a data frame of mixed columns.

    A :class:`TableEncoder` encodes the frame as numbers, a drifter is fitted to them,
    and its samples are decoded to a frame of the same library, with the same names and
    types of columns. Categories, booleans and missing values are as frequent as in the
    data. To this end, columns of numbers keep the laws that the drifter learns or that
    its parameter ``columns`` gives, by the names of the columns of the frame, and
    memberships of categories are shifted to the mean of the data before they are
    decoded. The drifter does not see columns of more than twelve unordered categories:
    a drawn row has the categories of a row of the data that is similar in the other
    columns, and each row of the data is used as often as its weight requires.

    To draw labelled samples, keep the label in the frame as a column like the others.

    Parameters
    ----------
    drifter : estimator, default=None
        Drifter, or another estimator with ``sample(n_samples, random_state)``. If
        None, :class:`~skdrift.ConservativeDrifter`. Setting one of its parameters, as
        in ``set_params(drifter__bandwidth=0.5)``, replaces None by that drifter.
    rules : list of rules, default=None
        Rules that hold in every row, of the data and of the samples: any of
        :class:`Inequality`, :class:`Sum`, :class:`Computed`,
        :class:`ObservedCombinations`, :class:`Satisfies` and :class:`Circular`.
    random_state : int, RandomState instance or None, default=None
        Replaces the `random_state` of the drifter, unless it is None.

    Attributes
    ----------
    encoder_ : TableEncoder
        Fitted encoder. If there are rules, its columns are those that are drawn, such
        as the difference of two columns in place of one of them.
    drifter_ : estimator
        Drifter fitted to the encoded frame, without the columns of more than twelve
        unordered categories, unless there are no others.
    columns_ : tuple
        Laws of the encoded columns of numbers, in the units of the frame, as in
        ``ConservativeDrifter.columns_``. Only if the drifter has them.
    n_features_in_ : int
        Number of columns of the frame.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    skdrift.pipeline.make_drift_pipeline : More steps between encoder and drifter.
    skdrift.metrics.train_on_synthetic_score : Value of the samples for training.

    Notes
    -----
    Strings of the data are drawn verbatim. Drop names, identifiers and free text.

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

    def __init__(
        self,
        drifter: Estimator | None = None,
        *,
        rules: Sequence[Rule] | None = None,
        random_state: Seed = None,
    ) -> None:
        self.drifter = drifter
        self.rules = rules
        self.random_state = random_state

    def set_params(self, **params: object) -> Self:
        """Set parameters, by names such as ``drifter__bandwidth`` those of the drifter.

        Parameters
        ----------
        **params : dict
            Parameters by name. If `drifter` is None, a parameter of the drifter is set
            in a new :class:`~skdrift.ConservativeDrifter`, which replaces None.

        Returns
        -------
        self : object
            The estimator.
        """
        nested = any(name.startswith("drifter__") for name in params)
        if nested and params.get("drifter", self.drifter) is None:
            params = {**params, "drifter": ConservativeDrifter()}
        return super().set_params(**params)

    def fit(
        self, X: Table, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit encoder and drifter to a frame.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Frame of pandas or polars, or array of numbers.
        y : None
            Ignored. A label is a column of `X`.
        sample_weight : array-like of shape (n_samples,), default=None
            Passed to the drifter. They are also the frequencies at which rows of the
            data are used for columns of more than twelve unordered categories.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError
            If the drifter has no method ``sample``, or `rules` is not a list of rules.
        ValueError
            If the frame cannot be encoded (see :class:`TableEncoder`), the drifter
            cannot be fitted to it, or it violates a rule.
        """
        try:
            return self._fit(X, sample_weight)
        except BaseException:
            forget(self, "_n_rows", "_mean", "_rules", "_names", "_library")
            raise

    def _fit(self, X, sample_weight):
        drifter = ConservativeDrifter() if self.drifter is None else self.drifter
        if not hasattr(drifter, "sample"):
            raise TypeError(
                "The 'drifter' parameter must be an estimator with a method 'sample'; "
                f"got {self.drifter!r}."
            )
        drifter = clone(drifter)
        if self.random_state is not None:
            drifter = seeded(drifter, self.random_state)
        library, X = validated(self, X, reset=True)
        rules = None
        if self.rules is not None and (given := checked_rules(self.rules)):
            rules = RuledTable(given, X, library)
        # A category or missing value in held-out samples only must not stop a search.
        encoder = TableEncoder(handle_unknown="ignore")
        encoder.set_output(transform="default")
        table = X if rules is None else rules.changed(X)
        codes = encoder.fit_transform(table)
        drifts = drifting(encoder._codes)
        codes = np.compress(drifts, codes, axis=1)
        columns = drifter.get_params(deep=False).get("columns")
        if columns is not None:
            columns = columns if rules is None else rules.specs(columns, X)
            drifter.set_params(columns=encoder._column_specs(columns, table))
        weight = {}
        if sample_weight is not None:
            weight["sample_weight"] = sample_weight = np.asarray(sample_weight)
        drifter = drifter.fit(codes, **weight)
        if sample_weight is not None and encoder._donors is not None:
            encoder._donors = encoder._donors.weighted(sample_weight)
        self._n_rows, self._mean = len(codes), np.average(codes, 0, sample_weight)
        self.encoder_, self.drifter_, self._rules = encoder, drifter, rules
        self._names = [column.name for column in library.read(X)]
        self._library = library
        if hasattr(drifter, "columns_"):
            self.columns_ = encoder._laws(drifter.columns_)
        return self

    def sample(self, n_samples: int = 1, random_state: Seed = None) -> Rows:
        """Draw new samples.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples, at least 1.
        random_state : int, RandomState instance or None, default=None
            Passed to the drifter. If None, its own, or the one of this estimator.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features)
            Table of the same form as the one seen in `fit`.

        Raises
        ------
        ValueError
            If fewer than 1 % of the drawn rows satisfy the rules.

        Warns
        -----
        UserWarning
            If fewer than half of them do. The others are drawn again.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        # Drifters evolve this many particles in any case, and the frequencies of the
        # categories need a large ensemble.
        n = max(n_samples, self._n_rows)
        if random_state is None:
            random_state = self.random_state
        decoded = self.encoder_.inverse_transform
        if self._rules is None:
            return decoded(self._numbers(n, random_state))[:n_samples]
        return self._rules.draw(n_samples, n, random_state, self._numbers, decoded)

    def _numbers(self, n, random_state):
        """Encoded rows, without categories of donors."""
        drifts = drifting(self.encoder_._codes)
        drawn = np.array(draw(self.drifter_, n, random_state))
        shift = self._mean - drawn.mean(axis=0)
        memberships = memberships_of(self.encoder_)[drifts]
        encoded = np.full((n, len(drifts)), NO_CATEGORY)
        encoded[:, drifts] = drawn + np.where(memberships, shift, 0.0)
        return encoded

    def sample_conditional(self, X: Table, random_state: Seed = None) -> Rows:
        """Draw the unknown entries of rows given the known ones.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_known)
            Rows with missing values where an entry is unknown, in any pattern. Columns
            of a frame of which nothing is known may be left out. Repeat a row for
            several draws.
        random_state : int, RandomState instance or None, default=None
            As in :meth:`sample`.

        Returns
        -------
        DataFrame or ndarray of shape (n_samples, n_features)
            Complete rows in the order of `X`, with its known entries, in the form of
            the table seen in `fit`. No entry is missing.

        Raises
        ------
        TypeError
            If the drifter has no method ``sample_conditional``.
        ValueError
            If `X` has another column or type than the table seen in `fit`, a category
            that did not occur there, or a number that is impossible in its column; or
            if rules cannot be kept: a column that a rule determines must be known
            together with those that it depends on, or unknown.

        Warns
        -----
        UserWarning
            With the number of rows whose known entries are far from all data (see
            ``ConservativeDrifter.sample_conditional``), or if categories of a column of
            more than twelve of them are known: they do not influence other columns.
        """
        check_is_fitted(self)
        if not hasattr(self.drifter_, "sample_conditional"):
            raise TypeError(
                f"The drifter {self.drifter_!r} has no method 'sample_conditional'. "
                "Use one of skdrift, or a DriftPipeline that ends in one."
            )
        encoder, rules = self.encoder_, self._rules
        columns, n = read_given(X, self._names, self._library)
        if rules is not None:
            given = {column.name: column for column in rules.given(columns, n)}
            columns = [given.get(code.column.name) for code in encoder._codes]
        known = known_of(encoder, columns, n)
        warn_of_donors(encoder, known)
        default = self.random_state
        if default is None:
            default = getattr(self.drifter_, "random_state", None)
        rng = sampling_rng(random_state, default)
        if rules is None:
            return self._completed(known, rng)
        return rules.complete(lambda rows: self._completed(known.only(rows), rng), n)

    def _completed(self, known, rng):
        """Table that is encoded, with unknown entries drawn."""
        drifts = drifting(self.encoder_._codes)

        def draw(codes):
            return np.asarray(self.drifter_.sample_conditional(codes, rng))

        return completed(self.encoder_, known, drifts, draw, rng)

    def score(self, X: Table, y: object = None) -> float:
        """Score of the drifter on encoded held-out samples.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Held-out samples, with the columns seen in `fit`. Categories and missing
            values that did not occur in `fit` are encoded as by
            ``TableEncoder(handle_unknown="ignore")``.
        y : None
            Ignored, present for API consistency.

        Returns
        -------
        float
            Score of the drifter. Greater is better.
        """
        check_is_fitted(self)
        if self._rules is not None:
            _, X = validated(self, X, reset=False)
            X = self._rules.changed(X)
        encoded = self.encoder_.transform(X)
        drifts = drifting(self.encoder_._codes)
        return self.drifter_.score(np.compress(drifts, encoded, axis=1))

    def __sklearn_is_fitted__(self):
        return hasattr(self, "drifter_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
