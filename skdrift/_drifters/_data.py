"""Data of a fit: an array or frame, chunks, or a Dask collection."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import _get_feature_names, validate_data

from .._data._checks import check_counts, check_equal, check_same_names
from .._data._chunks import Summary, are_chunks, summary_of
from .._data._frames import naming_columns
from .._data._numbers import check_numbers
from .._estimator import warn_user
from ..engines._blocks import Blocks, is_dask
from ..flow._batches import fewest_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._data._rows import Scaling, Whole
    from .._typing import Floats
    from ..engines import BoundSources


class FitData(NamedTuple):
    """What a flow is fitted to.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_features)
        Rows, all or those that stand for all.
    sample_weight : ndarray of shape (n_rows,)
    whole : Whole or None
        What is known of all rows, if `X` is a part of them.
    elsewhere : callable or None
        Sources of sums over all rows, by the scaling, if they are to attract.
    summary : Summary or None
        Of rows in chunks, to which others may be added.
    """

    X: Floats
    sample_weight: Floats
    whole: Whole | None = None
    elsewhere: Callable[[Scaling], BoundSources] | None = None
    summary: Summary | None = None


def given_data(drifter: Any, X: Any, sample_weight: Any) -> FitData:
    """Data of `fit`, checked; the drifter learns their columns."""
    if is_dask(X):
        return _of_blocks(drifter, Blocks(X, sample_weight))
    if are_chunks(X):
        summary = summary_of(
            X,
            sample_weight,
            _seed(drifter),
            _fewest(drifter),
            drifter.batch_size is None,
        )
        _learn_columns(drifter, summary)
        return _of_summary(summary)
    X = _checked_array(drifter, X)
    return FitData(X, check_counts(sample_weight, X))


def further_data(drifter: Any, X: Any, sample_weight: Any) -> FitData:
    """Data of `partial_fit`: a further chunk, and all before."""
    if is_dask(X) or are_chunks(X):
        raise TypeError(
            "partial_fit accepts one chunk, an array or data frame; got "
            f"{type(X).__name__}. Pass it to fit, or its chunks one by one."
        )
    before = getattr(drifter, "_summary", None)
    if before is None and drifter.__sklearn_is_fitted__():
        warn_user(
            "The drifter was fitted to an array, of which it keeps no summary that "
            "rows could be added to: partial_fit starts anew with the given rows. Call "
            "it from the first rows on, or fit an iterable of chunks: iter([X]).",
            UserWarning,
        )
    validate_data(drifter, X, reset=before is None, skip_check_array=True)
    index = 0 if before is None else before.n_chunks
    seed = _seed(drifter) if before is None else before.seed
    summary = Summary.of(X, sample_weight, index, seed, _fewest(drifter))
    if before is None:
        _learn_columns(drifter, summary)
    else:  # validate_data warned if the names are missing
        summary = before.merge(summary._replace(names=before.names)).joined()
    if drifter.batch_size is None:
        summary.check_uncut()
    return _of_summary(summary)


def _of_summary(summary):
    return FitData(*summary.data(), None, summary)


def _of_blocks(drifter, blocks):
    summary = blocks.summary(_seed(drifter), _fewest(drifter))
    _learn_columns(drifter, summary)
    data = _of_summary(summary)
    if drifter.batch_size is not None or data.whole is None:
        return data
    if not getattr(drifter.recipe().field, "accepts_bound_data", False):
        raise ValueError(
            f"{type(drifter).__name__} needs all rows in memory with batch_size=None, "
            f"but the Dask collection has {summary.n_rows} rows. Choose another "
            "batch_size, or compute() the collection if it fits in memory."
        )
    return data._replace(elsewhere=partial(blocks.bind, summary=summary))


def _seed(drifter):
    """Seed for the choice of rows; the random stream of the fit stays as it is."""
    random_state = deepcopy(check_random_state(drifter.random_state))
    return int(random_state.randint(np.iinfo(np.int32).max))


def _fewest(drifter):
    n = drifter.n_particles
    if n is None and _has_given_start(drifter):
        n = len(drifter.start)
    return fewest_rows(drifter.batch_size, n)


def _learn_columns(drifter, summary):
    if summary.names is None:
        vars(drifter).pop("feature_names_in_", None)
    else:
        drifter.feature_names_in_ = np.asarray(summary.names, dtype=object)
    drifter.n_features_in_ = summary.n_features
    if _has_given_start(drifter):
        check_equal(start=_get_feature_names(drifter.start), X=summary.names)


def _has_given_start(drifter):
    return not (isinstance(drifter.start, str) or callable(drifter.start))


def _checked_array(drifter, X):
    if _has_given_start(drifter):
        check_same_names(start=drifter.start, X=X)
    message = (
        "Column {name} of X must be numeric and finite. Encode, impute or drop it, "
        "or use skdrift.tables.TabularDrifter, which accepts columns of any type "
        "and missing values. ({error})"
    )
    check_numbers(X)
    with naming_columns(X, message):
        return validate_data(
            drifter, X, dtype=(np.float64, np.float32), ensure_min_samples=2
        )
