"""Densities from incomplete rows, by drawing their unknown entries again and again."""

from __future__ import annotations

import numpy as np

from ._mixture import LocalMixture
from ._neighbors import NearestRows
from ._rows import weighted_rows

# Rounds in which the shape of the mixture is chosen: the first completed rows have
# hardly any dependence between columns.
_SELECTIONS = 2


def mixture_of_incomplete(
    X, sample_weight, columns, n_rounds, random_state, settle
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

    Returns
    -------
    LocalMixture
    """
    rows = settle(_filled(X, random_state))
    shape = None
    for i in range(n_rounds + 1):
        weight = sample_weight * random_state.standard_exponential(len(X))
        data, scaling, margins = weighted_rows(rows, weight, True, columns)
        mixture = LocalMixture(data, NearestRows(data.rows), scaling, margins.laws)
        if i >= _SELECTIONS:
            mixture.shape = shape
        shape = mixture.shape
        if i < n_rounds:
            rows = settle(mixture.conditionals.draw(X, random_state).rows)
    return mixture


def _filled(X, random_state):
    """Rows with unknown entries replaced by known ones of the same column."""
    rows = X.copy()
    for column in rows.T:
        unknown = np.isnan(column)
        column[unknown] = random_state.choice(column[~unknown], unknown.sum())
    return rows
