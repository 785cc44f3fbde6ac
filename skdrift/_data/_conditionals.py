"""Draws of some columns of a row given the others, from a mixture of Gaussians."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import logsumexp
from scipy.stats import chi2
from sklearn import get_config
from sklearn.utils import gen_batches

from ._cells import Values
from ._checks import ImpossibleEntry

if TYPE_CHECKING:
    from ._mixture import LocalMixture

# Components that are proposed for a row, one of which is chosen: so many, and fewer
# in more columns than these, where each takes long.
PROPOSED, _FEWEST_PROPOSED, _MANY_COLUMNS = 64, 8, 80
# Proposals do not see correlations, and are this many times as wide, in variances, so
# that no component is missed that would be likely if they did.
_WIDENED = 1.5
# Components that count in the density of some columns given others.
_EVALUATED = 512
# Known numbers are far from the data if no component proposed has them within this
# quantile.
_FAR = 1e-9
# Places of rows that nearest ones are sought of.
_FARTHEST = 1e3
# Share that counts for a row of which no unknown column is observed.
_LEAST_SHARE = 1e-3
# Numbers per pair of a row and a component that are alive at once, in matrices.
_MATRICES = 4


class Draws(NamedTuple):
    """Completed rows.

    Attributes
    ----------
    rows : ndarray of shape (n_samples, n_features)
        In data units.
    is_far : ndarray of shape (n_samples,), dtype bool
        Whether there are no data near what is known of a row.
    """

    rows: np.ndarray
    is_far: np.ndarray


class Conditionals:
    """Distribution of unknown columns given known ones, under a local mixture.

    Given the known columns o of a row, component i has the probability
    ``w_i N_i(o) / sum_j w_j N_j(o)``, and under it the unknown columns are Gaussian
    with a mean that is linear in o. Columns are drawn one after the other, each given
    all before it, with the laws of columns (:mod:`skdrift._data._cells`): the same
    factors as in the density. Components are chosen by sampling importance resampling
    (Rubin, 1987): proposed by a density without correlations, which is cheap for all of
    them, and resampled by the ratio of the densities.

    Parameters
    ----------
    mixture : LocalMixture
    """

    def __init__(self, mixture: LocalMixture) -> None:
        self._mixture = mixture

    def draw(self, X, random_state, n_proposed=PROPOSED):
        """Complete rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            In data units, NaN where unknown.
        random_state : RandomState
        n_proposed : int, default=64
            Components that are proposed for each row, in up to 80 columns. The
            distribution is exact in the limit of many.

        Returns
        -------
        Draws

        Raises
        ------
        ValueError
            If a known value is impossible under the law of its column.
        """
        known = ~np.isnan(X)
        rows = np.where(known, X, self._mixture.data[0])  # constant columns are known
        varying = self._mixture.varying
        given = self._given(rows, known)
        drawn, is_far = self._completed(given, random_state, n_proposed)
        far = np.flatnonzero(is_far)
        if far.size:
            nearest = self._nearest(given.only(far))
            drawn[far], _ = self._completed(nearest, random_state, n_proposed)
        rows[:, varying] = np.where(given.is_known, rows[:, varying], drawn)
        return Draws(np.where(known, X, rows).astype(X.dtype, copy=False), is_far)

    def log_density(self, X, given):
        """Log-density of columns given others.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Complete rows in data units.
        given : ndarray of shape (n_features,), dtype bool
            Which columns are given.

        Returns
        -------
        ndarray of shape (n_samples,)
            In the units of ``LocalMixture.log_density``.

        Raises
        ------
        ValueError
            If a given value is impossible under the law of its column.
        """
        mixture = self._mixture
        rows = self._given(X, np.broadcast_to(given, X.shape))
        constant = np.setdiff1d(np.arange(X.shape[1]), mixture.varying)
        wrong = (X[:, constant] != mixture.data[0, constant]).any(axis=1)
        result, d = np.zeros(len(X)), len(mixture.varying)
        if d:
            k = min(mixture.n_components, _EVALUATED)
            per_row = k * d * (d + 8) * _MATRICES + 4 * mixture.n_components
            for part in gen_batches(len(X), self._batch(per_row)):
                result[part] = self._log_density_part(rows.only(part), k)
        result[wrong] = -np.inf
        return result.astype(X.dtype, copy=False)

    def _log_density_part(self, given, k):
        # The same components for all values of the other columns, so that the
        # density integrates to 1.
        log_q = self._log_proposal(given)
        n = log_q.shape[1]
        i = np.argpartition(log_q, n - k, axis=1)[:, n - k :]
        whole = given._replace(is_known=np.ones_like(given.is_known))
        pairs = _Pairs(whole, _order(given.is_known), i, *self._mixture.gaussians(i))
        log_w = self._mixture.log_weight[i]
        of_all = logsumexp(log_w + pairs.log_p(whole.is_known), axis=1)
        return of_all - logsumexp(log_w + pairs.log_p(given.is_known), axis=1)

    def _given(self, rows, known):
        """What is known of rows, which must be possible."""
        mixture = self._mixture
        given = _Given.of(
            rows[:, mixture.varying].astype(np.float64),
            known[:, mixture.varying],
            mixture.columns,
        )
        possible = np.ones(rows.shape, dtype=bool)
        constant = np.setdiff1d(np.arange(rows.shape[1]), mixture.varying)
        possible[:, constant] = rows[:, constant] == mixture.data[0, constant]
        for j, values in zip(mixture.varying, given.values, strict=True):
            possible[:, j] = values.log_unit > -np.inf
        wrong = np.argwhere(known & ~possible)
        if len(wrong):
            i, j = wrong[0]
            law = mixture.laws[j]
            raise ImpossibleEntry.of(i, j, rows[i, j], law)
        return given

    def _nearest(self, given):
        """The data row that is nearest to what is known, in its place."""
        rows, known = self._mixture.z, given.is_known
        # Squares of larger numbers would not tell rows apart.
        z = np.clip(given.z, -_FARTHEST, _FARTHEST)
        result = np.empty_like(z)
        for part in gen_batches(len(z), self._batch(len(rows))):
            distance = _weighted_squares(z[part], known[part], rows, np.ones_like(rows))
            result[part] = self._mixture.data[:, self._mixture.varying][
                distance.argmin(axis=1)
            ]
        return _Given.of(np.where(known, result, given.x), known, given.columns)

    def _batch(self, numbers_per_row):
        budget = get_config()["working_memory"] * 2**20 / 8
        return int(max(1, budget // max(numbers_per_row, 1)))

    def _completed(self, given, random_state, n_proposed):
        """Rows, and which are far, of the varying columns."""
        d = given.z.shape[1]
        drawn, is_far = given.x.copy(), np.zeros(len(given.x), dtype=bool)
        if not d:
            return drawn, is_far
        n = self._mixture.n_components
        n_proposed = n_proposed * min(1.0, _MANY_COLUMNS / d)
        n_proposed = int(min(n, max(_FEWEST_PROPOSED, n_proposed)))
        per_row = n_proposed * d * (d + 8) * _MATRICES + 4 * n
        for part in gen_batches(len(drawn), self._batch(per_row)):
            drawn[part], is_far[part] = self._completed_part(
                given.only(part), n_proposed, random_state
            )
        return drawn, is_far

    def _completed_part(self, given, n_proposed, random_state):
        i, log_ratio = self._proposed(given, n_proposed, random_state)
        order = _order(given.is_known)
        pairs = _Pairs(given, order, i, *self._mixture.gaussians(i))
        log_ratio += self._mixture.log_weight[i] + pairs.log_p(given.is_known)
        share = np.exp(log_ratio - log_ratio.max(axis=1, keepdims=True))
        chosen = _chosen(share, random_state.random_sample((len(i), 1)))[:, 0]
        return pairs.drawn(chosen, random_state), pairs.are_far

    def _proposed(self, given, n_proposed, random_state):
        """Components proposed for rows, and logs of what densities are multiplied by.

        These are the inverses of the proposal densities, or, if all components are
        proposed, the shares of the unknown columns that are observed in their rows.
        """
        n, log_share = self._mixture.n_components, self._log_observed(given)
        if n_proposed == n:
            return np.broadcast_to(np.arange(n), log_share.shape), log_share
        log_q = self._log_proposal(given)
        log_share += log_q
        share = np.exp(log_share - log_share.max(axis=1, keepdims=True))
        u = random_state.random_sample((len(share), n_proposed))
        i = _chosen(share, u)
        return i, -np.take_along_axis(log_q, i, axis=1)

    def _log_observed(self, given):
        """Logs of shares of unknown columns that the rows of components tell about."""
        observed = self._mixture.observed
        if observed is None:
            return np.zeros((len(given.z), self._mixture.n_components))
        observed = observed[: self._mixture.n_components - 1]
        observed = np.append(observed, np.ones((1, observed.shape[1])), axis=0)
        unknown = ~given.is_known
        share = unknown @ observed.T / np.maximum(unknown.sum(axis=1), 1)[:, None]
        return np.log(np.maximum(share, _LEAST_SHARE))

    def _log_proposal(self, given):
        """Log-densities of what is known under components without correlations."""
        centre, variance = self._mixture.marginals
        variance = _WIDENED * variance
        return self._mixture.log_weight - 0.5 * (
            _weighted_squares(given.z, given.is_known, centre, 1 / variance)
            + given.is_known @ np.log(variance).T
        )


class _Given(NamedTuple):
    """What is known of rows: values of columns, their places, and which are known."""

    x: np.ndarray
    is_known: np.ndarray
    columns: list
    values: list
    z: np.ndarray

    @classmethod
    def of(cls, x, is_known, columns):
        """What is known of rows x, in data units."""
        values = [column.at(x[:, j]) for j, column in enumerate(columns)]
        z = np.column_stack([v.z for v in values]) if values else np.empty(x.shape)
        return cls(x, is_known, columns, values, z)

    def only(self, rows):
        """The same of some of the rows."""
        values = [Values(*(a[rows] for a in v)) for v in self.values]
        x, is_known, z = self.x[rows], self.is_known[rows], self.z[rows]
        return _Given(x, is_known, self.columns, values, z)


class _Pairs:
    """Pairs of rows and components: densities of what is known, and draws of the rest.

    The columns of every row are put in an order that begins with those known. With the
    Cholesky factor L of the covariance in this order, and e the deviations from the
    centre in units of L, a column given all before it is Gaussian with the mean
    ``c_p + sum_{q < p} L_pq e_q`` and the standard deviation ``L_pp``.
    """

    def __init__(self, given, order, i, centre, covariance):
        self._given, self._order = given, order
        self._n_known = given.is_known.sum(axis=1)
        n, order = len(order), order[:, None, :]
        L = covariance[
            np.arange(n)[:, None, None, None],
            np.arange(i.shape[1])[:, None, None],
            order[..., :, None],
            order[..., None, :],
        ]
        self._L = np.linalg.cholesky(L)
        self._centre = np.take_along_axis(centre, order, axis=2)
        z = np.take_along_axis(given.z, self._order, axis=1)[:, None]
        self._e = np.zeros(self._centre.shape)
        for p in range(int(self._n_known.max(initial=0))):
            mean = np.einsum("nkq,nkq->nk", self._L[:, :, p, :p], self._e[:, :, :p])
            e = (z[..., p] - self._centre[..., p] - mean) / self._L[:, :, p, p]
            self._e[..., p] = np.where(self._n_known[:, None] > p, e, 0.0)

    @property
    def _s(self):
        return np.einsum("nkpp->nkp", self._L)

    def log_p(self, is_meant):
        """Log-densities of known columns, shape (n_rows, n_components).

        The mask `is_meant`, of shape (n_rows, n_columns), selects columns that precede
        the others in the order.
        """
        n, k, _ = self._e.shape
        s, log_p = self._s, np.zeros((n, k))
        place, of_component = np.argsort(self._order, axis=1), np.arange(k)
        for j, values in enumerate(self._given.values):
            at = np.flatnonzero(is_meant[:, j])
            pairs = at[:, None], of_component, place[at, j][:, None]
            e, s_j = self._e[pairs], s[pairs]
            rows = np.repeat(at, k)
            log_p[at] += values.log_p(rows, e.ravel(), s_j.ravel()).reshape(e.shape)
        return log_p

    @property
    def are_far(self):
        """Which rows have no component near what is known, discrete columns apart."""
        point = np.array([not v.is_cell.any() for v in self._given.values])
        counts = point[self._order].astype(bool)
        counts &= np.arange(counts.shape[1]) < self._n_known[:, None]
        square = np.einsum("nkp,np->nk", self._e**2, counts).min(axis=1)
        return square > chi2.isf(_FAR, np.maximum(counts.sum(axis=1), 1))

    def drawn(self, chosen, random_state):
        """Values of all columns, each row under its chosen component."""
        given = self._given
        n, d = given.z.shape
        row = np.arange(n)
        L, e = self._L[row, chosen], self._e[row, chosen]
        centre, x = self._centre[row, chosen], given.x.copy()
        noise, level = (
            random_state.standard_normal((n, d)),
            random_state.random_sample((n, d)),
        )
        for p in range(int(self._n_known.min(initial=d)), d):
            at = np.flatnonzero(self._n_known <= p)
            mean = centre[at, p] + np.einsum("nq,nq->n", L[at, p, :p], e[at, :p])
            s, j = L[at, p, p], self._order[at, p]
            z = mean + s * noise[at, p]
            for column in np.unique(j):
                here = np.flatnonzero(j == column)
                x[at[here], column], z[here] = given.columns[column].draw(
                    z[here], mean[here], s[here], level[at[here], p]
                )
            e[at, p] = (z - mean) / s
        return x


def _order(is_known):
    """Columns of every row, those that are known first."""
    return np.argsort(~is_known, axis=1, kind="stable")


def _weighted_squares(z, is_known, centre, weight):
    """Sums over known columns of weighted squared differences, by row and centre."""
    z = np.where(is_known, z, 0.0)
    return (
        (z * z) @ weight.T
        - 2 * z @ (weight * centre).T
        + is_known @ (weight * centre**2).T
    )


def _chosen(share, u):
    """Index of one of the shares of every row for every level u in [0, 1)."""
    n, k = share.shape
    ends = np.cumsum(share, axis=1)
    ends = ends / ends[:, -1:] + np.arange(n)[:, None]
    i = np.searchsorted(ends.ravel(), (u + np.arange(n)[:, None]).ravel(), "right")
    return np.minimum(i.reshape(u.shape) - k * np.arange(n)[:, None], k - 1)
