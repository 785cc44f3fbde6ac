"""Over-sampling of classes, with the interface of imbalanced-learn."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._tags import InputTags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d, validate_data

from ._data._numbers import check_mask
from ._docstrings import documented
from ._drifters import ConservativeDrifter
from ._estimator import VersionedStateMixin, forget, seeded
from .metrics._draw import draw
from .tables import TableEncoder, TabularDrifter

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from ._typing import Estimator, Rows, Seed, Table

__all__ = ["DriftOversampler"]

_SHARED = {
    "X": """
        X : array-like or DataFrame of shape (n_samples, n_features)
            Training data. Frames of pandas and polars may have columns of numbers,
            booleans, strings, categories, dates and times, and missing values.
        """,
    "y": """
        y : array-like, Series or DataFrame of shape (n_samples,)
            Classes of the samples, or one column of 0 and 1 for each class
            (one-hot), which are named 0, 1, ... in `sampling_strategy`.
        """,
}
_NAMED = ("auto", "all", "minority", "not majority", "not minority")


class DriftOversampler(OneToOneFeatureMixin, VersionedStateMixin, BaseEstimator):
    """Over-sample small classes with samples from drifters fitted to each class.

    The interface is the one of samplers in imbalanced-learn, which is not required. Use
    it as a step of an ``imblearn.pipeline.Pipeline`` before a classifier, where it is
    applied in `fit` only. Resample training data only: a score on generated samples
    does not measure the performance on real ones.

    The samples have the types of columns of the data: integers, booleans, categories,
    strings and dates stay what they are, and values are missing as often as in their
    class. To this end, a :class:`~skdrift.tables.TabularDrifter` around `drifter` is
    fitted to each class of a frame, and of an array that has missing values or does not
    consist of floats. Arrays of finite floats are passed to `drifter` itself.

    Parameters
    ----------
    drifter : object, default=None
        Generator with methods ``fit`` and ``sample``, cloned for every class. If None,
        ``ConservativeDrifter()``. A ``TabularDrifter``, or a pipeline that begins with
        a ``TableEncoder``, is used as it is.
    sampling_strategy : str, float, dict or callable, default="auto"
        Number of samples of each class after resampling.

        - A string says which classes get as many samples as the largest one has:
          ``"minority"`` (the smallest class), ``"not minority"``, ``"not majority"``
          or ``"all"``. ``"auto"`` is ``"not majority"``.
        - A float, for two classes only: size of the smaller class relative to the
          larger one.
        - A dict: the number by class. Other classes are not changed.
        - A callable gets the array of classes and returns such a dict.
    random_state : int, RandomState instance or None, default=None
        Seed of the fits and draws. It replaces the random states of `drifter`.

    Attributes
    ----------
    sampling_strategy_ : dict
        Number of samples to draw, for every class that `sampling_strategy` selects.
    drifters_ : dict
        The generators fitted by :meth:`fit_resample`, by class, for classes with
        samples to draw. Columns that have no value in a class are not part of its
        generator; they have none in the drawn samples either.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if they are all strings.

    See Also
    --------
    skdrift.ConservativeDrifter : The default generator.
    skdrift.tables.TabularDrifter : Generator of frames of mixed columns.

    Notes
    -----
    Arrays and lists of objects or strings are read as frames of pandas, which must be
    installed for them.

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

    A frame of mixed columns:

    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"age": rng.integers(18, 90, 100)})
    >>> X["town"] = pd.Categorical(rng.choice(["Lund", "Graz", "Nice"], 100))
    >>> y = np.repeat(["stays", "leaves"], [80, 20])
    >>> X_resampled, _ = DriftOversampler(random_state=0).fit_resample(X, y)
    >>> len(X_resampled), bool((X_resampled.dtypes == X.dtypes).all())
    (160, True)
    """

    _sampling_type = "over-sampling"  # as imbalanced-learn calls it

    _parameter_constraints = {
        "drifter": [HasMethods(["fit", "sample"]), None],
        "sampling_strategy": [
            StrOptions(set(_NAMED)),
            Interval(Real, 0, 1, closed="right"),
            Mapping,
            callable,
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        drifter: Estimator | None = None,
        *,
        sampling_strategy: (
            Literal["auto", "all", "minority", "not majority", "not minority"]
            | float
            | Mapping[Any, int]
            | Callable[[Any], Mapping[Any, int]]
        ) = "auto",
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
        TypeError
            As in :meth:`fit_resample`.
        ValueError
            As in :meth:`fit_resample`.
        """
        try:
            self._check(X, y)
        except BaseException:
            forget(self)
            raise
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
        X_resampled : ndarray, DataFrame or list of shape (n_resampled, n_features)
            The original samples followed by the generated ones, class by class. A
            frame of the same library and types of columns if `X` is a frame (of pandas:
            with a new index), a list if it is a list, otherwise an array of the same
            type.
        y_resampled : ndarray, Series, DataFrame or list of shape (n_resampled,)
            Classes of the samples, in the same form as `y`.

        Raises
        ------
        TypeError
            If `X` or `y` is sparse, or `X` has objects or strings and pandas is not
            installed.
        ValueError
            If the input or a parameter is invalid, `sampling_strategy` asks for fewer
            samples than a class has, `y` has only one class, a class that needs more
            samples has only one, or the generator cannot be fitted to a class.
        """
        try:
            return self._fit_resample(X, y)
        except BaseException:
            forget(self)
            raise

    def _fit_resample(self, X, y):
        table, classes = self._check(X, y)
        random_state = check_random_state(self.random_state)
        self.drifters_, drawn, rows = {}, [], [np.arange(len(classes))]
        for label, n in self.sampling_strategy_.items():
            if n == 0:
                continue
            of_class = np.flatnonzero(classes == label)
            seed = random_state.randint(np.iinfo(np.int32).max)
            drifter, new = self._drawn(_taken(table, of_class), n, label, seed)
            self.drifters_[label] = drifter
            drawn.append(new)
            rows.append(np.repeat(of_class[0], n))
        if _library(y) is None and not (isinstance(y, list) and np.ndim(y[0])):
            y = classes.tolist() if isinstance(y, list) else _labels(y)
        return _stacked(X, drawn), _renumbered(_taken(y, np.concatenate(rows)))

    def _check(self, X, y):
        self._validate_params()
        if issparse(X):
            raise TypeError(
                f"'X' is sparse ({type(X).__name__}), but {type(self).__name__} "
                "requires dense data. Convert it with X.toarray()."
            )
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        table = self._table(X)
        classes = _classes(_labels(y))
        check_consistent_length(table, classes)
        self.sampling_strategy_ = _numbers_to_draw(classes, self.sampling_strategy)
        return table, classes

    def _table(self, X):
        """`X` as a frame or an array that a generator can be fitted to."""
        check_mask(X)
        if _library(X) is None:
            table = _framed(validate_data(self, _array(X), dtype=None, **_FINITE))
        else:
            table = X
            validate_data(self, table, skip_check_array=True)
            if 0 in table.shape:
                raise ValueError(
                    f"'X' must have rows and columns; got a frame of shape {X.shape}."
                )
        if not _is_plain(table) and _is_encoded(self.drifter):
            kept = ~_empty_columns(table)
            if kept.any():
                TableEncoder().fit(_columns(table, kept))
        return table

    def _drawn(self, rows, n, label, seed):
        """Generator fitted to the rows of a class, and a table of its samples."""
        if len(rows) < 2:
            raise ValueError(
                f"Class {label!r} has 1 sample, but at least 2 are required to draw "
                "more. Add samples of this class, or exclude it by passing a dict as "
                "'sampling_strategy'."
            )
        kept = ~_empty_columns(rows)
        if not kept.any():
            raise ValueError(
                f"All values of class {label!r} are missing, so that none can be "
                "drawn. Exclude it by passing a dict as 'sampling_strategy'."
            )
        drifter = _generator(self.drifter, _is_plain(rows), seed)
        try:
            drifter = drifter.fit(_columns(rows, kept))
            drawn = _drawn_rows(drifter, n, len(rows), seed)
        except ValueError as error:
            raise ValueError(
                f"No samples of class {label!r} could be drawn from the {len(rows)} "
                f"that it has: {error}"
            ) from error
        if np.shape(drawn) != (n, np.count_nonzero(kept)):
            raise ValueError(
                f"The 'drifter' parameter must draw {n} samples of "
                f"{np.count_nonzero(kept)} columns; {type(drifter).__name__} returned "
                f"an array of shape {np.shape(drawn)}."
            )
        return drifter, _filled(_taken(rows, np.zeros(n, dtype=int)), drawn, kept)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        known = {tag.name: getattr(tags, tag.name) for tag in fields(tags)}
        inputs = tags.input_tags
        known["input_tags"] = _FrameTags(
            **{tag.name: getattr(inputs, tag.name) for tag in fields(inputs)}
        )
        tags = _SamplerTags(**known)
        tags.estimator_type = "sampler"
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


# -- what imbalanced-learn asks of a sampler -------------------------------------------


@dataclass(slots=True)
class _SampleTags:
    """As ``imblearn.utils.SamplerTags``."""

    sample_indices: bool = False


@dataclass(slots=True)
class _FrameTags(InputTags):
    """As ``imblearn.utils.InputTags``."""

    dataframe: bool = True


@dataclass(slots=True)
class _SamplerTags(Tags):
    """As ``imblearn.utils.Tags``."""

    sampler_tags: _SampleTags | None = field(default_factory=_SampleTags)


# -- classes ---------------------------------------------------------------------------


def _labels(y):
    """Labels as an array of one column, or of one column for each class."""
    if issparse(y):
        raise TypeError(
            f"'y' is sparse ({type(y).__name__}), but must be dense. Convert it with "
            "y.toarray()."
        )
    labels = np.asarray(y)
    if labels.dtype.kind in "US" and isinstance(y, (list, tuple)):
        labels = np.array(y, dtype=object)  # strings only, or of several types
    if labels.ndim == 2 and labels.shape[1] == 1 and _library(y) is not None:
        labels = labels[:, 0]
    if labels.ndim != 2 or labels.shape[1] == 1:
        labels = column_or_1d(labels, warn=True)
    if labels.dtype != object:
        return check_array(labels, ensure_2d=False, dtype=None, input_name="y")
    missing = [i for i, label in enumerate(labels.flat) if _is_missing(label)]
    if missing:
        raise ValueError(
            f"Input y contains NaN or None: {len(missing)} labels are missing, the "
            f"first one in row {missing[0]}. Label these samples or drop them."
        )
    types = {type(label) for label in labels.flat}
    if len(types) > 1 and any(issubclass(found, str) for found in types):
        names = sorted(found.__name__ for found in types)
        raise TypeError(
            f"The labels in 'y' must be of one type; got {', '.join(names)}. Convert "
            "them to strings."
        )
    return labels if types <= {str} else np.array(labels.tolist())


def _is_missing(label):
    return label is None or type(label).__name__ == "NAType" or label != label


def _classes(labels):
    """Class of each sample: its label, or the number of its column if one-hot."""
    check_classification_targets(labels)
    kind = type_of_target(labels)
    if labels.ndim == 1:
        return labels
    if kind != "multilabel-indicator":
        raise ValueError(
            "Multilabel and multioutput targets are not supported; got 'y' of shape "
            f"{labels.shape}. Pass one column of classes."
        )
    sums = labels.sum(axis=1)
    if np.any(sums != 1):
        row = int(np.flatnonzero(sums != 1)[0])
        raise ValueError(
            "Multilabel and multioutput targets are not supported: each row of a 'y' "
            f"of several columns must have a single 1; row {row} has {int(sums[row])}. "
            "Pass one column of classes."
        )
    return labels.argmax(axis=1)


def _numbers_to_draw(classes, strategy):
    """Number of samples to draw, for each class that the strategy selects."""
    labels, counts = np.unique(classes, return_counts=True)
    labels, counts = labels.tolist(), counts.tolist()
    has = dict(zip(labels, counts, strict=True))
    if len(has) == 1:
        raise ValueError(
            f"'y' must have at least two classes; got one class, {labels[0]!r}."
        )
    if isinstance(strategy, str):
        # Of classes that are equally large or small, the first one counts.
        left_out = {
            "all": [],
            "not minority": [min(labels, key=has.get)],
            "minority": set(labels) - {min(labels, key=has.get)},
        }.get(strategy, [max(labels, key=has.get)])
        wanted = {label: max(counts) for label in labels if label not in left_out}
    elif isinstance(strategy, Mapping):
        wanted = strategy
    elif callable(strategy):
        wanted = strategy(classes)
        if not isinstance(wanted, Mapping):
            raise TypeError(
                "The 'sampling_strategy' parameter must return a dict of numbers by "
                f"class if it is a callable; got {wanted!r}."
            )
    else:
        if len(labels) != 2:
            raise ValueError(
                "The 'sampling_strategy' parameter can be a float if 'y' has two "
                f"classes; got {len(labels)} classes. Use 'auto' or a dict."
            )
        largest = max(labels, key=has.get)
        wanted = {label: int(strategy * has[largest]) for label in labels}
        del wanted[largest]
    _check_wanted(wanted, has)
    return {label: int(wanted[label] - has[label]) for label in has if label in wanted}


def _check_wanted(wanted, has):
    for label, n in wanted.items():
        if label not in has:
            raise ValueError(
                f"The 'sampling_strategy' parameter has class {label!r}, which is not "
                f"in 'y'. Its classes are {list(has)}."
            )
        if not isinstance(n, Integral) or n < has[label]:
            raise ValueError(
                f"The 'sampling_strategy' parameter asks for {n!r} samples of class "
                f"{label!r}, which has {has[label]}. Pass an integer that is not "
                "smaller."
            )


# -- generators ------------------------------------------------------------------------


def _reads_tables(drifter):
    """Whether a generator accepts frames of mixed columns."""
    while isinstance(drifter, Pipeline) and len(drifter.steps):
        drifter = drifter.steps[0][1]
    tags = getattr(drifter, "__sklearn_tags__", None)
    return tags is not None and tags().input_tags.categorical


def _is_encoded(drifter):
    """Whether a TabularDrifter encodes tables for this generator."""
    return isinstance(drifter, TabularDrifter) or not _reads_tables(drifter)


def _generator(drifter, plain, seed):
    """Unfitted generator for the rows of one class."""
    drifter = ConservativeDrifter() if drifter is None else clone(drifter)
    if not plain and not _reads_tables(drifter):
        drifter = TabularDrifter(drifter)
    if isinstance(drifter, TabularDrifter) and drifter.drifter is None:
        drifter.set_params(drifter=ConservativeDrifter())
    return seeded(drifter, seed)


def _drawn_rows(drifter, n, n_rows, seed):
    """Samples of a generator that was fitted to `n_rows` rows."""
    # As many as the data at least, as TabularDrifter draws in any case. Mixtures sort
    # theirs by component, so that the first n would be of the first components.
    n_drawn = max(n, n_rows)
    drawn = draw(drifter, n_drawn, seed)
    if n_drawn == n:
        return drawn
    return _taken(drawn, np.random.RandomState(seed).permutation(n_drawn)[:n])


# -- tables: arrays, and frames of pandas and polars -----------------------------------

_FINITE = {"ensure_all_finite": "allow-nan"}


def _library(table):
    """The library of a frame or a series; None for others."""
    for name in ("pandas", "polars"):
        # Who passes a frame has imported its library.
        library = sys.modules.get(name)
        if library is not None and isinstance(
            table, (library.DataFrame, library.Series)
        ):
            return library
    return None


def _is_pandas(table):
    return hasattr(table, "iloc")


def _array(X):
    """`X` as an array, of objects if its values are of different types."""
    if not isinstance(X, (list, tuple)):
        return X
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError(
            "'X' must be a table, but its rows differ in length. Pass rows of the same "
            "number of values."
        ) from error
    return np.array(X, dtype=object) if array.dtype.kind in "US" else array


def _framed(array):
    """A frame for an array of objects, strings or times; others as they are."""
    if array.dtype.kind in "biuf":
        return array
    try:
        import pandas
    except ImportError:
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            raise TypeError(
                f"'X' is an array of type {array.dtype}, which only pandas can read. "
                "Install pandas, or encode 'X' as numbers."
            ) from None
    if array.dtype.kind in "mM":
        return pandas.DataFrame(array)
    # Each column gets a type of its own, in which integers may be missing.
    return pandas.DataFrame(array.astype(object)).convert_dtypes()


def _is_plain(table):
    """Whether a table is an array of finite floats."""
    return (
        isinstance(table, np.ndarray)
        and table.dtype.kind == "f"
        and bool(np.isfinite(table).all())
    )


def _taken(table, rows):
    """Rows of a table, by number."""
    if isinstance(table, list):
        return [table[i] for i in rows.tolist()]
    return table.iloc[rows] if _is_pandas(table) else table[rows]


def _columns(table, kept):
    """Columns of a table, by a mask."""
    if kept.all():
        return table
    if _is_pandas(table):
        return table.loc[:, kept]
    if isinstance(table, np.ndarray):
        return table[:, kept]
    return table[:, np.flatnonzero(kept).tolist()]


def _empty_columns(table):
    """Mask of the columns without any value."""
    if _is_pandas(table):
        return table.isna().to_numpy().all(axis=0)
    if isinstance(table, np.ndarray):
        if table.dtype.kind != "f":
            return np.zeros(table.shape[1], dtype=bool)
        return np.isnan(table).all(axis=0)
    return np.array(
        [
            bool(
                (column.fill_nan(None) if column.dtype.is_float() else column)
                .is_null()
                .all()
            )
            for column in table.get_columns()
        ]
    )


def _filled(table, drawn, kept):
    """A table in which drawn columns replace its own, in the types of its own."""
    if isinstance(table, np.ndarray):
        table[:, kept] = drawn
        return table
    if not _is_pandas(table):
        schema = {name: table.schema[name] for name in drawn.columns}
        return table.with_columns(drawn.cast(schema).get_columns())
    table, drawn = table.reset_index(drop=True), drawn.reset_index(drop=True)
    for j, column in zip(np.flatnonzero(kept), drawn.columns, strict=True):
        # As a series: from an array of objects, pandas would infer another type.
        table.isetitem(j, drawn[column].astype(table.dtypes.iloc[j]))
    return table


def _stacked(original, drawn):
    """Original rows followed by drawn ones, in the form of the original."""
    library = _library(original)
    if library is not None and _is_pandas(original):
        return library.concat([original, *drawn], ignore_index=True)
    if library is not None:
        return library.concat([original, *drawn])
    array = np.asarray(_array(original))
    if array.dtype == object:
        drawn = [_objects(rows, array) for rows in drawn]
    drawn = [np.asarray(rows).astype(array.dtype) for rows in drawn]
    stacked = np.concatenate([array, *drawn])
    return stacked.tolist() if isinstance(original, list) else stacked


def _objects(drawn, array):
    """Drawn rows as objects of the same types as in the columns of an array."""
    objects = np.array(drawn, dtype=object)
    for given, column in zip(array.T, objects.T, strict=True):
        missing = np.array([_is_missing(value) for value in column], dtype=bool)
        column[missing] = next(filter(_is_missing, given), None)
        types = {type(value) for value in given if not _is_missing(value)}
        if len(types) == 1 and types <= {bool, float, int, str}:
            column[~missing] = list(map(*types, column[~missing]))
    return objects


def _renumbered(labels):
    return labels.reset_index(drop=True) if _is_pandas(labels) else labels
