"""Checks, column names, docstring fragments and colours shared by the displays."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_random_state, check_scalar
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from .._data._numbers import check_numbers
from ..metrics._draw import draw
from ..tables import TabularDrifter

# Distinguishable with all common kinds of colour vision, and by lightness in print
# (Okabe and Ito, Color Universal Design, 2008).
DATA = "0.55"
DRAWN = "#0072B2"
OTHER = "#D55E00"
ARROWS = "0.3"
DATA_FILL = "0.8"

SHARED = {
    "drifter": """
        estimator : object
            A fitted drifter.
        """,
    "n_samples": """
        n_samples : int or None, default=None
            Number of samples to draw. If None, as many as there are data.
        """,
    "random_state": """
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.
        """,
    "ax": """
        ax : matplotlib Axes, default=None
            Axes to draw into. If None, a new figure is created.
        """,
    "to_plot": """
        **kwargs
            Passed to :meth:`plot`.
        """,
    "axes_and_figure": """
        ax_ : matplotlib Axes
            Axes of the picture.
        figure_ : matplotlib Figure
            Figure containing the axes.
        """,
}


def new_axes(display, ax):
    """The given axes or new ones, and their figure."""
    check_matplotlib_support(f"{type(display).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(layout="constrained")
    return ax, ax.figure


def check_drifter(cls, estimator, method):
    """Check that the estimator is fitted and has the method that a display needs."""
    check_matplotlib_support(f"{cls.__name__}.from_estimator")
    if not hasattr(type(estimator), method):
        raise TypeError(
            f"{cls.__name__} needs an estimator with a method '{method}'; "
            f"{type(estimator).__name__} has none."
        )
    check_is_fitted(estimator)


def checked_names(names, n_features):
    """Names of the columns as strings, or default ones."""
    if names is None:
        return [f"column {j}" for j in range(n_features)]
    names = [str(name) for name in names]
    if len(names) != n_features:
        raise ValueError(
            f"The 'feature_names' must be {n_features} names, one for each column; "
            f"got {len(names)}."
        )
    return names


def names_of(estimator, X):
    """Column names seen by the estimator, or else the names in X; None without any."""
    seen = getattr(estimator, "feature_names_in_", None)
    given = getattr(X, "columns", None)
    if seen is not None and given is not None and list(seen) != list(given):
        raise ValueError(
            f"The columns of the data are {list(given)}, but the estimator was fitted "
            f"to {list(seen)}. Pass the same columns in the same order."
        )
    return seen if seen is not None else given


def column_indices(features, names, n_chosen=None):
    """Indices of columns that are given by index or name."""
    features = [features] if np.ndim(features) == 0 else list(features)
    d = len(names)
    chosen = []
    for feature in features:
        if isinstance(feature, str) and feature in names:
            chosen.append(names.index(feature))
        elif isinstance(feature, Integral) and -d <= feature < d:
            chosen.append(int(feature) % d)
        else:
            raise ValueError(
                f"The 'features' parameter has {feature!r}, which is neither an index "
                f"between {-d} and {d - 1} nor one of the names {names}."
            )
    if len(set(chosen)) < len(chosen) or not chosen:
        raise ValueError(
            "The 'features' parameter must be distinct columns, at least one; got "
            f"{features!r}."
        )
    if n_chosen is not None and len(chosen) != n_chosen:
        raise ValueError(
            f"The 'features' parameter must be {n_chosen} columns; got {features!r}."
        )
    return chosen


def check_data(X, n_features):
    """X as float64 with as many columns as the drifter was fitted to."""
    check_numbers(X)
    X = check_array(X, dtype=np.float64, input_name="X")
    if X.shape[1] != n_features:
        raise ValueError(
            f"'X' has {X.shape[1]} columns but the drifter was fitted to {n_features}. "
            "Pass the same columns as in fit."
        )
    return X


def container_like(X):
    """Function that turns arrays into frames like X, if X is a frame.

    A drifter that was fitted to a frame expects the names of its columns.
    """
    if hasattr(X, "iloc"):
        return lambda rows: type(X)(rows, columns=X.columns)
    if hasattr(X, "columns"):
        return lambda rows: type(X)(rows, schema=list(X.columns))
    return lambda rows: rows


def marker_area(n):
    """Area of a marker, in points squared, such that n of them form a cloud."""
    return float(np.clip(4000 / max(n, 1), 3, 18))


def draw_for(cls, estimator, X, n_samples, random_state):
    """Draws from a generator, checked data to compare with, and column names.

    Frames of any columns stay what they are, for a generator of such frames.
    """
    check_matplotlib_support(f"{cls.__name__}.from_estimator")
    if n_samples is not None:
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
    names = names_of(estimator, X)
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    if not isinstance(estimator, TabularDrifter) or not hasattr(X, "columns"):
        check_numbers(X)
        X = check_array(X, dtype=np.float64, input_name="X")
    return draw(estimator, n_samples or len(X), seed), X, names
