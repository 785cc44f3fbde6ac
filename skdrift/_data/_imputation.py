"""Densities from incomplete rows, by drawing their unknown entries again and again."""

from __future__ import annotations

import numpy as np

from ._conditionals import PROPOSED
from ._mixture import LocalMixture, Shape
from ._neighbors import NearestRows
from ._rows import distinct_rows, weighted_rows

# Rounds in which the mixture is the Gaussian of all rows. Where hardly a row has a
# known entry, local Gaussians would only confirm what was drawn before.
_GAUSSIAN_ROUNDS = 10
# Components that are proposed for a row: fewer than for rows that are given out.
_PROPOSED = PROPOSED // 2
_GAUSSIAN = Shape(40, 0.4, 0.9, False, gaussian=1.0)


def mixture_of_incomplete(
    X, sample_weight, columns, n_rounds, random_state, settle, shape=None
):
    """Local mixture of incomplete rows, one draw from what is possible.

    Data augmentation (Tanner and Wong, JASA 82, 1987): a mixture is fitted to completed
    rows, and their unknown entries are drawn from it given the known ones, in turn. The
    rows have random weights in every round (the Bayesian bootstrap; Rubin, Annals of
    Statistics 9, 1981), so that mixtures of independent calls differ as much as the
    distribution is uncertain.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where unknown; every column has a known entry.
    sample_weight : ndarray of shape (n_samples,)
    columns : str, dict or sequence
        Laws of the columns.
    n_rounds : int
        How often unknown entries are drawn.
    random_state : RandomState
    settle : callable
        ``settle(rows)``, completed rows of which categories are settled.
    shape : Shape, default=None
        Shape of the mixture, if it was chosen before.

    Returns
    -------
    LocalMixture
    """
    rows = settle(_filled(X, random_state))
    for i in range(_GAUSSIAN_ROUNDS + n_rounds + 1):
        weight = sample_weight * random_state.standard_exponential(len(X))
        data, scaling, margins = weighted_rows(rows, weight, True, columns)
        mixture = LocalMixture(
            data,
            NearestRows(data.rows),
            scaling,
            margins.laws,
            _observed(X, rows, weight),
        )
        if i < _GAUSSIAN_ROUNDS:
            mixture.shape = _GAUSSIAN
        elif shape is not None:
            mixture.shape = shape
        shape = shape if i < _GAUSSIAN_ROUNDS else mixture.shape
        if i < _GAUSSIAN_ROUNDS + n_rounds:
            draws = mixture.conditionals.draw(X, random_state, _PROPOSED)
            rows = settle(draws.rows)
    return mixture


def _observed(X, rows, weight):
    """Which entries of the distinct completed rows were observed, as 1 or 0."""
    kept = weight > 0
    observed = ~np.isnan(X[kept])
    _, *counts = distinct_rows(rows[kept], *observed.T.astype(float))
    return np.minimum(np.column_stack(counts), 1.0)


def _filled(X, random_state):
    """Rows with unknown entries replaced by known ones of the same column."""
    rows = X.copy()
    for column in rows.T:
        unknown = np.isnan(column)
        column[unknown] = random_state.choice(column[~unknown], unknown.sum())
    return rows
