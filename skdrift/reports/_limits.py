"""How far values of fresh data vary, and which values are worse."""

from __future__ import annotations

import numpy as np

# Where all values but one are equal, the one is at most 15 standard deviations away.
_LEAST_OF_ALL = 0.3


def excess(values, fresh, better, resolution):
    """By how much values are worse than those of fresh data, and the largest excess.

    All is in standard deviations of the fresh values. The last result is the largest
    excess of any metric in any of the fresh values, each compared with the others. So
    fresh data exceed it in about one of ``n_splits + 1`` reports, however many metrics
    there are.

    Parameters
    ----------
    values : ndarray of shape (n_metrics,)
    fresh : ndarray of shape (n_splits, n_metrics)
        NaN in `values` and `fresh` is not compared.
    better : sequence of {"lower", "higher", "fresh"}
    resolution : float or ndarray of shape (n_metrics,)
        Least standard deviations: shares change by one row.

    Returns
    -------
    worse : ndarray of shape (n_metrics,)
    largest : float
    mean, scale : ndarray of shape (n_metrics,)
        Of the fresh values.
    """
    others = [np.delete(fresh, i, axis=0) for i in range(len(fresh))]
    least = np.fmax(resolution, _LEAST_OF_ALL * fresh.std(axis=0, ddof=1))
    largest = max(
        np.nan_to_num(_excess(row, rest, better, least)[0]).max(initial=0.0)
        for row, rest in zip(fresh, others, strict=True)
    )
    worse, mean, scale = _excess(values, fresh, better, resolution)
    return worse, largest, mean, scale


def _excess(values, fresh, better, resolution):
    mean, scale = fresh.mean(axis=0), fresh.std(axis=0, ddof=1)
    # Values that never differ still do so by roundings, or by a row.
    scale = np.maximum(scale, np.maximum(resolution, 1e-9 * np.abs(mean)))
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (values - mean) / scale  # NaN, not compared, if all are 0
    better = np.asarray(better)
    worse = np.where(better == "lower", z, np.where(better == "higher", -z, np.abs(z)))
    return worse, mean, scale


def limits(mean, scale, largest, better, values):
    """The value from which on a metric is worse than for fresh data."""
    above = (np.asarray(better) == "lower") | (
        (np.asarray(better) == "fresh") & ~(values < mean)
    )
    return mean + np.where(above, 1, -1) * largest * scale
