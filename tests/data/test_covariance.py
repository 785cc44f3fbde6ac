"""Covariance shrunk by the likelihood of samples left out."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.covariance import OAS

from skdrift._data._covariance import _SHARES, _log_likelihoods, shrunk_covariance


def rows_and_weights(n, d, seed):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, d)) @ rng.standard_normal((d, d))
    count = rng.integers(1, 4, n).astype(float)
    return z, count / count.sum(), count


def with_correlation(n, d, correlation, seed=0):
    C = np.full((d, d), correlation)
    np.fill_diagonal(C, 1.0)
    z = np.random.default_rng(seed).multivariate_normal(np.zeros(d), C, n)
    return z, np.full(n, 1 / n), np.ones(n), C


@pytest.mark.parametrize("place", [5, 20, 30])
def test_likelihoods_are_those_of_samples_left_out(place):
    z, w, count = rows_and_weights(12, 4, seed=0)
    deviation = z - w @ z
    S = (w * deviation.T) @ deviation
    mu, a, v = np.trace(S) / 4, _SHARES[place], 1 / count.sum()
    expected = 0.0
    for x, weight in zip(deviation, w, strict=True):
        C = (1 - a) * (S - v * np.outer(x, x)) / (1 - v) + a * mu * np.eye(4)
        log_p = multivariate_normal(np.zeros(4), C).logpdf(x)
        expected += weight * (log_p + 2 * np.log(2 * np.pi))
    found = _log_likelihoods(S, mu, deviation, w, count)[place]
    assert found == pytest.approx(expected, rel=1e-12)


def test_strong_correlations_are_kept():
    z, w, count, C = with_correlation(200, 2, 0.995)
    found = shrunk_covariance(z, w, count)
    rest = found[1, 1] - found[0, 1] ** 2 / found[0, 0]
    assert rest == pytest.approx(C[1, 1] - C[0, 1] ** 2, rel=0.2)
    # The usual shrinking leaves four times as much.
    oas = OAS().fit(z).covariance_
    assert oas[1, 1] - oas[0, 1] ** 2 / oas[0, 0] > 0.03


def test_few_rows_of_many_columns_have_a_covariance():
    z, w, count, C = with_correlation(20, 40, 0.0)
    found = shrunk_covariance(z, w, count)
    assert np.linalg.eigvalsh(found).min() > 0.1
    assert np.linalg.norm(found - C) < 0.5 * np.linalg.norm(np.cov(z.T) - C)


def test_weights_equal_repetition():
    z, w, count = rows_and_weights(30, 3, seed=1)
    repeated = np.repeat(z, count.astype(int), axis=0)
    n = len(repeated)
    expected = shrunk_covariance(repeated, np.full(n, 1 / n), np.ones(n))
    np.testing.assert_allclose(shrunk_covariance(z, w, count), expected, rtol=1e-12)
