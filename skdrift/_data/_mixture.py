"""Mixture of local Gaussians: the density of draws, with the laws of columns."""

from __future__ import annotations

from functools import cached_property, partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, logsumexp
from sklearn import get_config
from sklearn.utils import gen_batches

from ._cells import HALF_LOG_2_PI, Column
from ._conditionals import Conditionals
from ._covariance import shrunk_covariance
from ._neighbors import NearestRows
from ._rows import reach_of, standard_deviation

# Candidates: neighbours of a row, shares of the shrinking, and noise.
_NEIGHBORS = (40, 10, 20, 80, 160, 320)
_SHRINKING = (0.15, 0.03, 0.4, 0.8)
_NOISE = (0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.92, 1.0)
_COARSE_NOISE = (0.4, 0.65, 0.92)
# Rows that candidates are compared on, in folds that are left out in turn.
_FOLDS, _COMPARED = 5, 250
# Of so many at most.
_MOST_ROWS = 2000
# Fewer rows do not tell candidates apart.
_FEWEST_ROWS = 10
# Components that are evaluated at a row: more with few columns, where more are near, or
# with few rows, and fewer with many columns, where each takes long.
_NEAR, _TIMES_NEIGHBORS, _FEWEST_NEAR = 128, 3, 8
_FEW_COLUMNS, _MANY_COLUMNS, _FEW_ROWS = 3, 80, 2000
# The share of the Gaussian of all rows is found in so many steps; less is none.
_EM_STEPS, _LEAST_SHARE = 50, 1e-3
# Numbers of the covariances of all components that are kept.
_MOST_KEPT = 2**23
# Work of a candidate, which limits the rows compared.
_MOST_WORK = 1e7
# Variances below this, relative to the whole column, are rounding.
_LEAST_VARIANCE = 1e-8
# Places are limited so that their squares do not overflow.
_FARTHEST, _LARGEST = 1e100, 1e300
# Columns that are whitened together, where there are several times as many.
_BLOCK, _TIMES_BLOCK = 40, 2
# From internal units and back, numbers change by so many roundings.
_ROUNDINGS = 100
# Share of the background that atoms have.
_ATOMS_IN_BACKGROUND = 0.9


class Shape(NamedTuple):
    """What distinguishes one mixture of local Gaussians from another.

    Attributes
    ----------
    n_neighbors : int
        Rows whose mean and covariance are local.
    shrinking : float
        Share of the covariance of all rows, scaled to the local one, in the covariance
        of a component.
    noise : float
        As in :class:`skdrift._starts._local.LocalStart`.
    is_full : bool
        Whether the covariance of all rows has correlations.
    gaussian : float
        Share of one more component: the Gaussian of all rows.
    """

    n_neighbors: int
    shrinking: float
    noise: float
    is_full: bool
    gaussian: float = 0.0


class LocalMixture:
    """Density of weighted rows: Gaussians of neighbourhoods, with laws of columns.

    A component belongs to a data row y. With the mean m and covariance C of its
    neighbourhood its mean is ``m + sqrt(1 - b^2) (y - m)`` and its covariance
    ``b^2 ((1 - r) C + r c S)``; S is the covariance of all rows, or its diagonal, and
    ``c = tr(S^-1 C) / d`` (Vincent and Bengio, *Manifold Parzen windows*, NeurIPS 2003,
    have ``C + constant``). Columns count one after the other, each given those before
    it, so that atoms, grids and bounds have exact probabilities under every component
    (:mod:`skdrift._data._cells`). Only components near a row are evaluated.

    A background of one part in n + 1, n the number of samples, is a product of Cauchy
    densities of the columns: any row has a finite log-density.

    Parameters
    ----------
    rows : WeightedRows
    neighbors : NearestRows
        Of the same rows.
    scaling : Scaling
    laws : tuple of ColumnLaw
    observed : ndarray of shape (n_rows, n_features), default=None
        Which entries of completed rows were observed, 1 or 0; None for all. In
        conditional draws of a column, rows count where it was.
    """

    def __init__(self, rows, neighbors, scaling, laws, observed=None):
        self._rows, self.neighbors = rows, neighbors
        self._scaling, self.laws = scaling, laws
        self.observed = None if observed is None else observed[:, self.varying]

    def __getstate__(self):
        # What is computed from the rows takes longer to read than to compute.
        kept = "_rows", "neighbors", "_scaling", "laws", "shape", "observed"
        return {name: value for name, value in vars(self).items() if name in kept}

    @cached_property
    def shape(self):
        """The shape of the largest cross-validated likelihood."""
        n, d = len(self._rows.rows), len(self.varying)
        default = Shape(min(_NEIGHBORS[0], n), 0.4, 0.9, False)
        if n < _FEWEST_ROWS or not d:
            return default
        folds = list(self._folds())
        best = default
        candidates = {
            "n_neighbors": [k for k in _NEIGHBORS if k <= 0.8 * n],
            "is_full": [False, True],
            "shrinking": _SHRINKING,
        }
        if d > _MANY_COLUMNS:  # each takes long
            candidates = {"shrinking": _SHRINKING[:2]}
        for name, values in candidates.items():
            shapes = [best._replace(**{name: value}) for value in values]
            found = [self._best_noise(shape, _COARSE_NOISE, folds) for shape in shapes]
            best = max(found, key=lambda pair: pair[0])[1] if found else best
        best = self._best_noise(best, _NOISE, folds)[1]
        return best._replace(gaussian=self._best_share(best, folds))

    def log_density(self, X):
        """Log-density of rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            In data units.

        Returns
        -------
        ndarray of shape (n_samples,)
            With respect to data units in columns of numbers, and to the number of
            values in columns and at atoms that have a probability.
        """
        dtype, X = X.dtype, X.astype(np.float64, copy=False)
        shape, components = self.shape, self._all
        d = max(len(self.varying), 1)
        per_row = self._n_near(shape.n_neighbors) * d * 8 * 6
        size = int(max(1, get_config()["working_memory"] * 2**20 // per_row))
        result = np.empty(len(X))
        for part in gen_batches(len(X), size):
            values = _values(self.columns, X[part][:, self.varying])
            log_p = self._log_p(
                X[part], values, components, [shape.noise], shape.gaussian
            )
            result[part] = log_p[0]
        return result.astype(dtype, copy=False)

    # -- components, for conditional distributions -------------------------------------

    @cached_property
    def conditionals(self):
        """Distribution of unknown columns given known ones."""
        return Conditionals(self)

    @property
    def n_components(self):
        """Number of components; the last one is the Gaussian of all rows."""
        return self._n_local + 1

    @property
    def _n_local(self):
        """Number of local components: none if the Gaussian has all the weight."""
        return len(self._rows.rows) if self.shape.gaussian < 1 else 0

    @property
    def log_weight(self):
        """Logs of their weights."""
        share = self.shape.gaussian
        with np.errstate(divide="ignore"):
            local = (1 - share) * self._rows.weight[: self._n_local]
            return np.log(np.append(local, share))

    def gaussians(self, i):
        """Means and covariances of the components i, in internal units.

        Parameters
        ----------
        i : ndarray of int, of any shape

        Returns
        -------
        mean : ndarray of shape (i.shape, n_varying)
        covariance : ndarray of shape (i.shape, n_varying, n_varying)
        """
        if self._are_kept:
            mean, covariance = self._all_gaussians
            return mean[i], covariance[i]
        i, place = np.unique(i, return_inverse=True)
        mean, covariance = self._made_gaussians(i)
        return mean[place], covariance[place]

    @property
    def _are_kept(self):
        """Whether the covariances of all components are few enough to be kept."""
        return self.n_components * len(self.varying) ** 2 <= _MOST_KEPT

    @cached_property
    def _all_gaussians(self):
        batches = gen_batches(self.n_components, self._batch_size)
        made = [self._made_gaussians(np.arange(b.start, b.stop)) for b in batches]
        return tuple(np.concatenate(parts) for parts in zip(*made, strict=True))

    @property
    def _batch_size(self):
        """Number of components that are made at once."""
        numbers = 4 * self.shape.n_neighbors * len(self.varying)
        return int(max(1, get_config()["working_memory"] * 2**17 // numbers))

    def _made_gaussians(self, i):
        """Means and covariances of the components i, ascending."""
        n, shape = self._n_local, self.shape
        local = i[i < n]
        mean, covariance = self._all.moments(local)
        whitening, places = self._units[shape.is_full]
        kept = np.sqrt(max(0.0, 1 - shape.noise**2))
        mean = mean + kept * (places[local] - mean)
        coloring = np.linalg.inv(whitening)
        covariance = shape.noise**2 * (coloring.T @ covariance @ coloring)
        mean = mean @ coloring
        if len(local) < len(i):
            mean = np.append(mean, [self._rows.weight @ self.z], axis=0)
            covariance = np.append(covariance, [self._covariance(True)], axis=0)
        return mean, covariance

    @cached_property
    def _all(self):
        rows = np.arange(len(self._rows.rows))
        return self._components_of(rows, self.shape, self.neighbors)

    # -- selection ---------------------------------------------------------------------

    def _folds(self):
        """Rows that are left out, the others, and the nearest of these."""
        n, d = len(self._rows.rows), len(self.varying)
        order = np.random.RandomState(0).permutation(n)[:_MOST_ROWS]
        affordable = _MOST_WORK / (self._n_near(_NEIGHBORS[0]) * d * max(d, 32))
        compared = int(np.clip(affordable, 25, _COMPARED)) // _FOLDS
        for fold in range(_FOLDS):
            out = order[fold::_FOLDS]
            kept = np.sort(np.setdiff1d(order, out, assume_unique=True))
            out = np.sort(out[:compared])
            X = self.data[out]
            values = _values(self._columns, X[:, self.varying])
            neighbors = NearestRows(self._rows.rows[kept])
            neighbors.look_up(min(len(kept), max(_NEIGHBORS)))
            yield out, kept, neighbors, X, values

    def _best_noise(self, shape, noises, folds):
        """Mean log-likelihood of rows left out, and the shape with the best noise."""
        total = np.zeros(len(noises))
        for out, kept, neighbors, X, values in folds:
            components = self._components_of(kept, shape, neighbors)
            log_p = self._log_p(X, values, components, noises)
            total += log_p @ self._rows.count[out]
        best = int(np.argmax(total))
        return total[best], shape._replace(noise=noises[best])

    def _best_share(self, shape, folds):
        """Share of the Gaussian of all rows that makes rows left out most likely."""
        log_ratio, count = [], []
        for out, kept, neighbors, X, values in folds:
            components = self._components_of(kept, shape, neighbors)
            local = self._local(X, values, components, [shape.noise])[0]
            log_ratio.append(self._gaussian(values) - local)
            count.append(self._rows.count[out])
        ratio, count = np.concatenate(log_ratio), np.concatenate(count)
        share = 0.5
        for _ in range(_EM_STEPS):
            posterior = expit(logit(share) + ratio)
            share = float(np.average(posterior, weights=count))
        return min(share, 1 - _LEAST_SHARE) if share >= _LEAST_SHARE else 0.0

    # -- components --------------------------------------------------------------------

    @cached_property
    def varying(self):
        return np.flatnonzero(self._rows.std > 0)

    @cached_property
    def z(self):
        return self._rows.rows[:, self.varying].astype(np.float64)

    @cached_property
    def data(self):
        """The rows in data units, with exact values of atoms and bounds."""
        rows = self._rows.rows
        X = self._scaling.to_data(rows.astype(np.float64))
        scale = self._scaling.scale * _ROUNDINGS * np.finfo(rows.dtype).eps
        for j, law in enumerate(self.laws):
            known = np.unique([*law.atoms, law.low, law.high])
            known = known[np.isfinite(known)]
            if len(known):
                X[:, j] = _snapped(X[:, j], known, scale[j])
        return X

    @cached_property
    def columns(self):
        """Laws of the varying columns, their parts as probable as frequent."""
        if all(column.is_plain for column in self._columns):
            return self._columns
        centre, variance = self.marginals
        s, weight = np.sqrt(variance), np.exp(self.log_weight)
        least = 0.5 / self._rows.n_samples
        return [
            column
            if column.is_plain
            else column.calibrated(
                self.data[:, j],
                self._rows.weight,
                least,
                (centre[:, k], s[:, k], weight),
            )
            for k, (j, column) in enumerate(
                zip(self.varying, self._columns, strict=True)
            )
        ]

    @cached_property
    def _columns(self):
        """Laws of the varying columns, with ends of parts half way between values."""
        return [
            Column(
                self.laws[j],
                np.unique(self.data[:, j]),
                partial(_forward, self._scaling, j),
                partial(self._scaling.column_slope, j),
                partial(self._scaling.column_to_data, j),
            )
            for j in self.varying
        ]

    @cached_property
    def marginals(self):
        """Means and variances of all components by column, in internal units."""
        if self._are_kept:
            mean, covariance = self._all_gaussians
            return mean, np.einsum("nii->ni", covariance)
        b, d = self.shape.noise, len(self.varying)
        whitening, places = self._units[self.shape.is_full]
        coloring = np.linalg.inv(whitening)
        mean, variance = np.empty((2, self.n_components, d))
        mean[-1], variance[-1] = (
            self._rows.weight @ self.z,
            self._rows.std[self.varying],
        )
        variance[-1] **= 2
        kept = np.sqrt(max(0.0, 1 - b * b))
        for part in gen_batches(self._n_local, self._batch_size):
            i = np.arange(part.start, part.stop)
            centre, factor, scale = self._all.factors(i)
            mean[i] = (centre + kept * (places[i] - centre)) @ coloring
            variance[i] = np.square(factor @ coloring).sum(axis=1)
            variance[i] += scale[:, None] * np.square(coloring).sum(axis=0)
            variance[i] *= b * b
        return mean, variance

    @cached_property
    def _units(self):
        """Units in which all rows have the covariance 1, without and with correlations.

        Pairs of a matrix that rows are multiplied by and the places of all rows. The
        matrix is triangular: columns, each given those before it, change their scale
        only.
        """
        kinds = (False, True) if len(self.varying) else (False,)
        whitenings = [
            np.linalg.inv(np.linalg.cholesky(self._covariance(is_full))).T
            for is_full in kinds
        ]
        return [(whitening, self.z @ whitening) for whitening in whitenings]

    def _covariance(self, is_full):
        """Covariance of all rows, which can be inverted."""
        z, weight = self.z, self._rows.weight
        if is_full:
            return shrunk_covariance(z, weight, self._rows.count)
        return np.diag(weight @ np.square(z - weight @ z))

    def _components_of(self, kept, shape, neighbors):
        """Components of the rows that are kept, of which the neighbours are known."""
        whitening, places = self._units[shape.is_full]
        rows = places[kept], self._rows.weight[kept]
        return _Components(*rows, neighbors, shape, whitening)

    # -- densities ---------------------------------------------------------------------

    def _log_p(self, X, values, components, noises, gaussian=0.0):
        """Log-density of mixture, share of a Gaussian and background, by noise."""
        share = 1 / (self._rows.n_samples + 1)
        local = self._local(X, values, components, noises)
        if gaussian:
            log_p = np.log(gaussian) + self._gaussian(values)
            local = np.logaddexp(np.log1p(-gaussian) + local, log_p)
        local[:, ~self._are_possible(X, values)] = -np.inf
        local += np.log1p(-share)
        return np.logaddexp(local, np.log(share) + self._background(X, values))

    def _are_possible(self, X, values):
        """Which rows are possible under the laws of columns."""
        possible = np.ones(len(X), dtype=bool)
        for j in np.flatnonzero(self._rows.std == 0):
            possible &= X[:, j] == self.data[0, j]
        for column in values:
            possible &= column.log_unit > -np.inf
        return possible

    def _n_near(self, n_neighbors):
        """Number of components that are evaluated at a row."""
        n, d = len(self._rows.rows), max(len(self.varying), 1)
        if d <= _FEW_COLUMNS or (n <= _FEW_ROWS and d <= _MANY_COLUMNS):
            return max(_NEAR, _TIMES_NEIGHBORS * n_neighbors)
        return max(_FEWEST_NEAR, int(_NEAR * min(1.0, _MANY_COLUMNS / d)))

    def _local(self, X, values, components, noises):
        """Log-density of the mixture, by noise, shape (n_noises, n_samples)."""
        n_near = min(self._n_near(components.n_neighbors), components.n)
        if not values:
            return np.zeros((len(noises), len(X)))
        z = np.column_stack([column.z for column in values])
        internal = np.zeros((len(X), len(self._rows.std)), self._rows.rows.dtype)
        reach = reach_of(internal.dtype)
        internal[:, self.varying] = np.clip(z, -reach, reach)
        near = components.neighbors.indices(internal, n_near)
        return components.log_p(z, near, values, noises)

    def _gaussian(self, values):
        """Log-density of the Gaussian of all rows."""
        whitening, places = self._units[True]
        z = np.column_stack([column.z for column in values])
        white = z @ whitening - self._rows.weight @ places
        s, none = 1 / np.diag(whitening), np.zeros((1, len(values)))
        rows = np.arange(len(z))
        of = np.zeros_like(rows)
        return _terms(values, rows, of, white, none, s[None], [1.0])[0]

    def _background(self, X, values):
        """Log-density of independent columns with heavy tails, and their atoms."""
        log_p, weight = np.zeros(len(X)), self._rows.weight
        units = dict(zip(self.varying.tolist(), values, strict=True))
        for j, law in enumerate(self.laws):
            column = self.data[:, j]
            atoms, shares, unit = law.atoms, law.shares, 0.0
            if j in units:
                unit = units[j].log_unit
            else:
                atoms, shares = column[:1], np.ones(1)
            mean = weight @ column
            scale = standard_deviation(column - mean, weight) or 1.0
            shares = _ATOMS_IN_BACKGROUND * shares
            with np.errstate(over="ignore"):
                far = np.minimum(np.abs(X[:, j] - mean) / scale, _LARGEST)
            rest = np.log(np.pi * scale) + 2 * np.log(np.hypot(1, far))
            p = np.log1p(-shares.sum()) - rest
            for atom, share in zip(atoms, shares, strict=True):
                p = np.where(X[:, j] == atom, np.log(share) + unit, p)
            log_p += p
        return log_p


class _Components:
    """Components of some rows, made where they are needed.

    Places are in units in which the covariance of all rows is 1.
    """

    def __init__(self, places, weight, neighbors, shape, whitening):
        self.n, self.n_neighbors = len(places), min(shape.n_neighbors, len(places))
        self._places, self._weight = places, weight / weight.sum()
        self.neighbors, self._shape, self._whitening = neighbors, shape, whitening

    def moments(self, i):
        """Means and covariances of the components i without noise."""
        mean, factor, scale = self.factors(i)
        covariance = np.matmul(factor.transpose(0, 2, 1), factor)
        covariance += scale[:, None, None] * np.eye(mean.shape[1])
        return mean, covariance

    def _made(self, i):
        """Means, and whitenings of the covariances, of the components i."""
        mean, factor, scale = self.factors(i)
        return mean, _Whitenings(factor, scale)

    def factors(self, i):
        """Means m, and factors F and scales s of the covariances ``F' F + s``."""
        near = self.neighbors.among(i, self.n_neighbors)
        share = self._weight[near] / self._weight[near].sum(axis=1, keepdims=True)
        around = self._places[near]
        mean = np.einsum("nk,nkd->nd", share, around)
        d, r = around.shape[2], self._shape.shrinking
        factor = np.sqrt((1 - r) * share)[:, :, None] * (around - mean[:, None])
        scale = r / (1 - r) / d * np.einsum("nkd,nkd->n", factor, factor)
        return mean, factor, np.maximum(scale, _LEAST_VARIANCE)

    def log_p(self, z, near, values, noises):
        """Log-density of the mixture at rows, by noise."""
        n, k = near.shape
        terms = np.empty((len(noises), n * k))
        pairs = np.argsort(near, axis=None, kind="stable")
        component = near.ravel()[pairs]
        needed, first = np.unique(component, return_index=True)
        ends = np.append(first, len(pairs))
        d, places = z.shape[1], z @ self._whitening
        size = max(1, int(2**24 // (d * (min(d, _BLOCK) + 3 * self.n_neighbors))))
        for part in gen_batches(len(needed), size):
            mean, whitenings = self._made(needed[part])
            here = slice(ends[part.start], ends[part.stop])
            starts = ends[part.start : part.stop + 1] - ends[part.start]
            rows = pairs[here] // k
            own = self._places[needed[part]] - mean
            shift = whitenings.white(slice(None), own[:, None])[:, 0]
            white = np.empty((len(rows), d))
            for i, (a, b) in enumerate(pairwise(starts)):
                white[a:b] = whitenings.white(i, places[rows[a:b]] - mean[i])
            of = np.repeat(np.arange(len(mean)), np.diff(starts))
            s = whitenings.deviations / np.diag(self._whitening)
            terms[:, pairs[here]] = _terms(values, rows, of, white, shift, s, noises)
            terms[:, pairs[here]] += np.log(self._weight[needed[part]])[of]
        return logsumexp(terms.reshape(len(noises), n, k), axis=2)


class _Whitenings:
    """Whitenings of covariances ``F' F + scale``, of few rows F.

    Columns are whitened in blocks, each given those before it. What is known of the
    coefficients of the rows F from the columns before has a covariance P that starts at
    1 (a Kalman filter), so that the work is in proportion to the number of columns
    where there are fewer rows than columns.

    Parameters
    ----------
    factor : ndarray of shape (n, n_rows, n_columns)
    scale : ndarray of shape (n,)

    Attributes
    ----------
    deviations : ndarray of shape (n, n_columns)
        Standard deviation of every column given those before it.
    """

    def __init__(self, factor, scale):
        n, k, d = factor.shape
        self.deviations, self._blocks = np.empty((n, d)), []
        P = np.eye(k)
        for columns in gen_batches(d, d if d <= _TIMES_BLOCK * _BLOCK else _BLOCK):
            f = factor[:, :, columns]
            g = P @ f if columns.start else f
            V = f.transpose(0, 2, 1) @ g + scale[:, None, None] * np.eye(f.shape[2])
            root = np.linalg.cholesky(V)
            self.deviations[:, columns] = np.einsum("nii->ni", root)
            whitening, gain = np.linalg.inv(root).transpose(0, 2, 1), None
            if columns.stop < d:
                gain = g @ whitening
                P = P - gain @ gain.transpose(0, 2, 1)
            self._blocks.append((columns, f, whitening, gain))

    def white(self, i, x):
        """Deviations x from the mean i, in units in which they are standard normal."""
        parts, known = [], 0.0
        for columns, f, whitening, gain in self._blocks:
            rest = x[..., columns]
            if columns.start:
                rest = rest - known @ f[i]
            parts.append(rest @ whitening[i])
            if gain is not None:
                known = known + parts[-1] @ gain[i].swapaxes(-1, -2)
        return np.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]


def _terms(values, rows, of, white, shift, s, noises):
    """Log-densities of pairs of a row and a component, by noise."""
    point = np.array([column.are_points for column in values])
    units = np.sum([c.log_unit for c in values if c.are_points], axis=0)
    n_points = np.count_nonzero(point)
    log_s = np.log(s[:, point]).sum(axis=1) + n_points * HALF_LOG_2_PI
    b = np.asarray(noises)[:, None, None]
    e = (white - np.sqrt(np.maximum(0.0, 1 - b * b)) * shift[of]) / b
    plain = e if point.all() else e[:, :, point]
    terms = -0.5 * np.einsum("tij,tij->ti", plain, plain) - log_s[of]
    terms -= n_points * np.log(b[:, 0])
    if point.any():
        terms += units[rows]
    for j in np.flatnonzero(~point):
        deviation = (b[:, 0] * s[of, j]).ravel()
        log_p = values[j].log_p(np.tile(rows, len(b)), e[:, :, j].ravel(), deviation)
        terms += log_p.reshape(terms.shape)
    return terms


def _values(columns, X):
    """Values of columns of rows."""
    return [column.at(x) for column, x in zip(columns, X.T, strict=True)]


def _snapped(column, known, tolerance):
    """The column with values that are known ones but for rounding set to them."""
    nearest = known[np.searchsorted(0.5 * (known[1:] + known[:-1]), column)]
    close = np.abs(column - nearest) <= tolerance + 1e-12 * np.abs(nearest)
    return np.where(close, nearest, column)


def _forward(scaling, j, x):
    with np.errstate(over="ignore"):
        return np.clip(scaling.column_to_internal(j, x), -_FARTHEST, _FARTHEST)
