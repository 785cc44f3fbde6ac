"""The map from particles to draws, column by column, that keeps the column laws."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._splines import IncreasingSpline

if TYPE_CHECKING:
    from ._rows import Scaling

# Quantiles at which particles and data are matched: so many at most, one for so many
# rows, and further ones towards the ends down to so many rows beyond. Fewer would leave
# the distributions of columns less exact; more would follow single rows.
_MOST_LEVELS = 256
_ROWS_PER_LEVEL = 8
_ROWS_BEYOND = 2
# Particles this close to an atom, in gaps to the next value, are on it: many may be
# there up to rounding, and no threshold must tell those apart.
_ON_ATOM = 1e-3


class Atom(NamedTuple):
    """A value of positive probability."""

    value: float
    place: float  # in internal units
    room: float  # to the nearest other value, in internal units


class Piece(NamedTuple):
    """The values between two atoms."""

    levels: np.ndarray  # of some quantiles, in the whole column
    quantiles: np.ndarray
    low: float  # bounds or atoms
    high: float


class Margin:
    """Distribution of one column of the data, which draws are to have.

    Parameters
    ----------
    law : ColumnLaw
    values, shares : ndarray of shape (n_values,)
        Distinct values, ascending, and their shares of sum 1.
    n_rows : int
        How many rows the shares are known from.
    places : ndarray of shape (n_values,)
        The values in internal units.
    slope : float
        Largest slope of the map beyond the quantiles, in data units.
    """

    def __init__(self, law, values, shares, n_rows, places, slope):
        self.law, self.slope = law, slope
        is_atom = np.isin(values, law.atoms)
        room = np.diff(places, prepend=-np.inf, append=np.inf)
        room = np.minimum(room[1:], room[:-1])
        self.parts, ends, before = [], [], 0.0
        for run in runs(is_atom):
            first, mass = run[0], shares[run].sum()
            if is_atom[first]:
                part = Atom(values[first], places[first], room[first])
            else:
                low = values[first - 1] if first else law.low
                last = run[-1] + 1
                high = values[last] if last < len(values) else law.high
                levels, quantiles = _quantiles(
                    values[run], shares[run] / mass, round(n_rows * mass), law.grid
                )
                quantiles = np.clip(quantiles, low, high)
                part = Piece(before + mass * levels, quantiles, low, high)
            self.parts.append(part)
            before += mass
            ends.append(before)
        self._ends = np.array(ends[:-1])
        self._atoms = [part for part in self.parts if isinstance(part, Atom)]

    def matched(self, z):
        """Map that takes the distribution of an ensemble to that of the data.

        Parameters
        ----------
        z : ndarray of shape (n_particles,)
            Column of the ensemble, in internal units.

        Returns
        -------
        MarginMap
        """
        z = np.sort(self.settled(z))
        cuts = _cuts(z, self._ends)
        levels = (np.arange(len(z)) + 0.5) / len(z)
        walls = np.concatenate([[-np.inf], cuts, [np.inf]])
        splines = [
            None
            if isinstance(part, Atom)
            else _spline(
                np.clip(np.interp(part.levels, levels, z), *walls[k : k + 2]),
                part,
                self.slope,
            )
            for k, part in enumerate(self.parts)
        ]
        return MarginMap(self, cuts, splines)

    def settled(self, z):
        """The column with particles that are on atoms but for rounding set to them."""
        z = np.array(z, np.float64)
        for atom in self._atoms:
            z[np.abs(z - atom.place) <= _ON_ATOM * atom.room] = atom.place
        return z


class MarginMap(NamedTuple):
    """Increasing map of a column from places of particles to draws.

    Attributes
    ----------
    margin : Margin
    cuts : ndarray of shape (n_parts - 1,)
        Where the parts of the column end, in internal units.
    splines : list
        Map to the values between two atoms; None for an atom.
    """

    margin: Margin
    cuts: np.ndarray
    splines: list

    def draw(self, z):
        """Values of the column.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Places of particles, in internal units.

        Returns
        -------
        ndarray of shape (n,)
            In data units: atoms, or values within the bounds and on the grid.
        """
        x = np.empty(len(z))
        for here, z_here, part, spline in self._parts(z):
            if spline is None:
                x[here] = part.value
            else:
                x[here] = allowed(spline(z_here), part.low, part.high, self.margin.law)
        return x

    def log_slope(self, z):
        """Log of the derivative of the map before values are set on the grid.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Places of particles, in internal units.

        Returns
        -------
        ndarray of shape (n,)
            0 where the map leads to an atom.
        """
        log_slope = np.zeros(len(z))
        for here, z_here, _, spline in self._parts(z):
            if spline is not None:
                with np.errstate(divide="ignore"):
                    log_slope[here] = np.log(spline.slope(z_here))
        return log_slope

    def _parts(self, z):
        z = self.margin.settled(z)
        k = np.searchsorted(self.cuts, z, "right")
        for i, (part, spline) in enumerate(
            zip(self.margin.parts, self.splines, strict=True)
        ):
            here = k == i
            if here.any():
                yield here, z[here], part, spline

    def inverse(self, x):
        """Places of particles that have given values.

        Parameters
        ----------
        x : ndarray of shape (n,)
            Values of the column, in data units.

        Returns
        -------
        ndarray of shape (n,)
            In internal units: of an atom the place of the data; infinite where no
            particle has such a value.
        """
        x = np.asarray(x, np.float64)
        z = np.full(len(x), np.nan)
        for part, spline in zip(self.margin.parts, self.splines, strict=True):
            if spline is None:
                z[x == part.value] = part.place
            else:
                here = (x >= part.low) & (x <= part.high) & np.isnan(z)
                z[here] = spline.inverse(x[here])
        # Atoms lie at the ends of pieces.
        for part in self.margin.parts:
            if isinstance(part, Atom):
                z[x == part.value] = part.place
        return np.where(np.isnan(z), np.inf, z)


def runs(is_atom):
    """Indices of atoms one by one, and of the values between two of them."""
    starts = np.flatnonzero(is_atom[1:] | is_atom[:-1]) + 1
    return np.split(np.arange(len(is_atom)), starts)


def _quantiles(values, shares, n_rows, grid):
    """Levels, denser towards the ends, and the quantiles of values at them."""
    k = int(np.clip(n_rows // _ROWS_PER_LEVEL, 1, _MOST_LEVELS))
    inner = (np.arange(k) + 0.5) / k
    n_outer = max(0, int(np.log2(max(n_rows, 1) / (k * _ROWS_BEYOND))))
    outer = 0.5 / k * 0.5 ** np.arange(n_outer, 0, -1)
    levels = np.concatenate([outer, inner, 1 - outer[::-1]])
    ends = np.cumsum(shares)
    if grid is None:
        return levels, np.interp(levels, ends - shares / 2, values)
    # A value of the grid stands for all numbers that are nearest to it.
    edges = np.column_stack([values - grid.width / 2, values + grid.width / 2])
    ends = np.column_stack([ends - shares, ends])
    return levels, np.interp(levels, ends.ravel(), edges.ravel())


def _cuts(ordered, shares):
    """Numbers that split an ordered column in shares, equal ones kept together."""
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) + 1
    # As many numbers are below a cut as are up to the end of a run of equal ones.
    ends, sought = np.append(0, ends), len(ordered) * shares
    above = np.clip(np.searchsorted(ends, sought), 1, len(ends) - 1)
    low, high = ends[above - 1], ends[above]
    below = np.where(sought - low < high - sought, low, high)
    padded = np.concatenate([[-np.inf], ordered, [np.inf]])
    left, right = padded[below], padded[below + 1]
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(left) | np.isinf(right), right, (left + right) / 2)


def _spline(z, piece, slope):
    """Map of places of particles to the values of a piece, by matching quantiles."""
    x = piece.quantiles
    kept = np.concatenate([[True], (z[1:] > z[:-1]) & (x[1:] > x[:-1])])
    return IncreasingSpline(z[kept], x[kept], slope, piece.low, piece.high)


def allowed(x, low, high, law):
    """Values on the grid, between the atoms or bounds on either side."""
    if law.grid is None:
        return np.clip(x, low, high)
    x = law.grid.nearest(x)
    # An atom is no value of the pieces beside it.
    if low in law.atoms:
        low = law.grid.first_from(low + law.grid.width / 2)
    if high in law.atoms:
        high = law.grid.last_to(high - law.grid.width / 2)
    return np.clip(x, law.grid.first_from(low), law.grid.last_to(high))


class Draws(NamedTuple):
    """Map from particles to rows that keep the laws of their columns.

    Attributes
    ----------
    laws : tuple of ColumnLaw
    scaling : Scaling
        Between data units and internal units.
    maps : tuple of (MarginMap or None)
        Of every column; None where the law is free.
    """

    laws: tuple
    scaling: Scaling
    maps: tuple

    def draw(self, x):
        """Rows in data units, of the shape and type of the particles x."""
        rows = self.scaling.to_data(x)
        for j, column in enumerate(self.maps):
            if column is not None:
                rows[:, j] = column.draw(x[:, j])
        return rows

    def rematched(self, x):
        """The map of another ensemble x of the same flow."""
        maps = [
            column and column.margin.matched(x[:, j])
            for j, column in enumerate(self.maps)
        ]
        return self._replace(maps=tuple(maps))

    def internal(self, x):
        """The same rows in internal units."""
        if all(column is None for column in self.maps):
            return x
        return self.scaling.to_internal(self.draw(x))


class Margins(NamedTuple):
    """Distributions of the columns of the data.

    Attributes
    ----------
    laws : tuple of ColumnLaw
    scaling : Scaling
    margins : tuple of (Margin or None)
        None where the law is free.
    """

    laws: tuple
    scaling: Scaling
    margins: tuple

    @property
    def are_free(self):
        """Whether nothing is known of any column."""
        return all(margin is None for margin in self.margins)

    def matched(self, x):
        """Map that gives an ensemble x the distributions of the columns."""
        maps = [
            margin and margin.matched(x[:, j]) for j, margin in enumerate(self.margins)
        ]
        return Draws(self.laws, self.scaling, tuple(maps))
