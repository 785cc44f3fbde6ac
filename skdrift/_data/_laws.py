"""Column laws: what holds of the values of a single column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ._grids import Grid, grid_of

# A column is discrete if each of its values occurs this often on average.
OCCURRENCES = 5
# An atom is a value that occurs this often, in this share of the samples ...
_FEWEST, _SMALLEST_SHARE = 6, 0.01
# ... this many times as often as neighbours on its grid lead to expect, and between
# other values so many times as often as any that is no atom, since round numbers are
# frequent in measurements. More atoms than these are such round numbers.
_TIMES_EXPECTED, _TIMES_A_RIVAL, _MOST_ON_GRID = 10, 2, 4
# In a discrete column, this many times as often as values near it, in this share.
_TIMES_NEAR, _LARGE_SHARE = 3, 0.25
# Distinct values on either side of a value that tell how often to expect it.
_NEIGHBORS = 5
# What is left beside the atoms is continuous if it is this share of the samples, and
# fills at most this share of its grid.
_LEFT_SHARE, _LARGEST_FILL = 0.02, 0.1
# Samples that tell the shape of a tail, of which there are four square roots.
_FEWEST_IN_TAIL = 20
# The density does not vanish at an end if the index of a generalised Pareto tail is
# below this, by so much over the root of their number; -1 is that of a uniform one.
_SHORT_TAIL, _DOUBT = -0.5, 2.0


@dataclass(frozen=True, repr=False, eq=False)
class ColumnLaw:
    """What holds of a column, and of all that is drawn for it.

    Attributes
    ----------
    name : object
        Name or number of the column.
    kind : {"free", "membership", "discrete", "continuous"}
        ``"free"``: nothing is known, nothing is changed. ``"membership"``: 1 for
        rows of a category and 0 for others; draws are any numbers, from which
        categories follow. ``"discrete"``: a draw is one of the atoms.
        ``"continuous"``: it is one of the atoms or anything else within bounds and
        grid.
    atoms : ndarray of shape (n_atoms,)
        Values of positive probability, ascending.
    shares : ndarray of shape (n_atoms,)
        Their probabilities.
    low, high : float
        Bounds that no draw crosses; infinite if there are none.
    grid : Grid or None
        Grid that draws other than atoms are on.
    apart : ndarray of shape (n_apart,)
        Atoms that are far more frequent than values beside them, and are set apart from
        these while particles move.
    """

    name: Any
    kind: str = "free"
    atoms: np.ndarray = field(default_factory=lambda: np.empty(0))
    shares: np.ndarray = field(default_factory=lambda: np.empty(0))
    low: float = -np.inf
    high: float = np.inf
    grid: Grid | None = None
    apart: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __repr__(self):
        return f"<column {self.name!r}: {self.describe()}>"

    @property
    def is_kept(self) -> bool:
        """Whether draws keep a law."""
        return self.kind not in ("free", "membership")

    def describe(self) -> str:
        """The law in words."""
        if not self.is_kept:
            return self.kind
        if self.kind == "discrete":
            return _words_of_atoms(self.atoms, self.shares)
        words = []
        if len(self.atoms):
            words.append(f"{_words_of_atoms(self.atoms, self.shares)}; else")
        words.append(_words_of_bounds(self.low, self.high))
        if self.grid is not None:
            words.append(f"in steps of {self.grid.width:.6g}")
        return " ".join(words)


def _words_of_atoms(atoms, shares):
    if len(atoms) == 1 and shares[0] > 1 - 1e-9:
        return f"constant {atoms[0]:.6g}"
    shown = [
        f"{atom:.6g} ({share:.1%})"
        for atom, share in zip(atoms[:4], shares[:4], strict=True)
    ]
    more = len(atoms) - len(shown)
    return ", ".join(shown) + (f" and {more} more values" if more else "")


def _words_of_bounds(low, high):
    if np.isfinite(low) and np.isfinite(high):
        return f"between {low:.6g} and {high:.6g}"
    if np.isfinite(low):
        return f"at least {low:.6g}"
    return f"at most {high:.6g}" if np.isfinite(high) else "any number"


class _Values:
    """Distinct values of a column, with their shares and how often they occur."""

    def __init__(self, column, weight, count):
        self.values, place = np.unique(column, return_inverse=True)
        self.shares = np.bincount(place, weight)
        # Whole rows may be repeated for other reasons than that values are.
        largest = 2 ** np.finfo(column.dtype).nmant
        is_integral = np.all(column == np.round(column)) and (
            np.abs(column).max() < largest
        )
        self.counts = (
            np.bincount(place, count) if is_integral else np.bincount(place)
        ).astype(float)
        self.occurrences = np.bincount(place, count)
        self.precision = float(np.finfo(column.dtype).eps)
        self.values = self.values.astype(np.float64)
        self.n = self.counts.sum()

    def only(self, kept):
        """The same with some of the values only."""
        part = object.__new__(_Values)
        part.precision, part.n = self.precision, self.n
        for name in ("values", "shares", "counts", "occurrences"):
            setattr(part, name, getattr(self, name)[kept])
        return part


def law_of(name, column, weight, count, given):
    """Law of a column, learned from its values where it is not given.

    Parameters
    ----------
    name : object
        Name or number of the column.
    column, weight, count : ndarray of shape (n_rows,)
        Its values, their weights of sum 1, and how many samples each stands for.
    given : str or dict
        See :func:`skdrift._data._columns.laws_of`.

    Returns
    -------
    ColumnLaw

    Raises
    ------
    ValueError
        If the values contradict what is given.
    """
    if given in ("free", "membership"):
        return ColumnLaw(name, given)
    sample = _Values(column, weight, count)
    if len(sample.values) == 1 or given == "discrete":
        return _discrete(name, sample)
    given = {} if isinstance(given, str) else given
    is_atom = _atoms(name, sample, given)
    rest = sample.only(~is_atom)
    grid = _grid(name, rest, given)
    low, high = _bounds(name, sample, rest, grid, given)
    learns = "atoms" not in given and "grid" not in given
    if not len(rest.values) or (learns and _is_discrete(sample, rest)):
        return _discrete(name, sample)
    atoms = sample.only(is_atom)
    return ColumnLaw(
        name, "continuous", atoms.values, atoms.shares, low, high, grid, atoms.values
    )


def _discrete(name, sample):
    values, apart = sample.values, sample.values[_stand_apart(sample)]
    low, high = values[0], values[-1]
    return ColumnLaw(name, "discrete", values, sample.shares, low, high, apart=apart)


def _stand_apart(sample):
    """Which values of a discrete column are far more frequent than those near them."""
    counts = np.pad(sample.occurrences, _NEIGHBORS)
    near = sliding_window_view(counts, 2 * _NEIGHBORS + 1)
    rival = np.delete(near, _NEIGHBORS, axis=1).max(axis=1)
    fewest = max(_FEWEST, _LARGE_SHARE * sample.occurrences.sum())
    return sample.occurrences >= np.maximum(_TIMES_NEAR * rival, fewest)


def _is_discrete(sample, rest):
    """Whether values repeat, and not only those of some atoms."""
    if sample.n < OCCURRENCES * len(sample.values):
        return False
    k, n_rest = len(rest.values), rest.counts.sum()
    if k < 2 or n_rest < _LEFT_SHARE * sample.n or n_rest >= OCCURRENCES * k:
        return True
    grid = grid_of(rest.values, rest.precision)
    if grid is None:
        return False
    n_nodes = 1 + (rest.values[-1] - rest.values[0]) / grid.width
    return k > _LARGEST_FILL * n_nodes


def _atoms(name, sample, given):
    """Which values are atoms."""
    if "atoms" in given:
        atoms = np.asarray(given["atoms"], float)
        if not np.isin(atoms, sample.values).all():
            missing = atoms[~np.isin(atoms, sample.values)][0]
            raise ValueError(
                f"Column {name!r} does not have the value {missing:.6g}, which the "
                "'columns' parameter gives as an atom. Name values that occur."
            )
        return np.isin(sample.values, atoms)
    return _stand_out(sample)


def _stand_out(sample):
    """Which values are more frequent than their neighbours and round numbers are."""
    fewest = max(_FEWEST, _SMALLEST_SHARE * sample.occurrences.sum())
    candidates = np.flatnonzero(sample.occurrences >= fewest)
    is_atom = np.zeros(len(sample.values), dtype=bool)
    if not candidates.size:
        return is_atom
    grid = grid_of(np.delete(sample.values, candidates), sample.precision)
    for i in candidates:
        is_atom[i] = sample.occurrences[i] >= _unexpected(sample, i, grid)
    # At either end no value is expected to be frequent, round or not.
    inner = slice(1, -1)
    rival = sample.occurrences[~is_atom].max(initial=0)
    is_atom[inner] &= sample.occurrences[inner] >= _TIMES_A_RIVAL * rival
    if grid is not None and is_atom.sum() > _MOST_ON_GRID:
        is_atom[:] = False
    return is_atom


def _unexpected(sample, i, grid):
    """How often a value must occur not to be like its neighbours."""
    last = min(len(sample.values), i + _NEIGHBORS + 1)
    near = np.arange(max(0, i - _NEIGHBORS), last)
    near = near[near != i]
    if not near.size:
        return _FEWEST
    # The median resists further atoms among the neighbours.
    usual = np.median(sample.occurrences[near])
    if grid is None:  # beyond 1, whole rows repeat
        return _FEWEST * usual
    # Where the grid is filled sparsely, most of its numbers never occur.
    span = sample.values[near.max()] - sample.values[near.min()]
    n_nodes = max(span / grid.width, len(near))
    return _TIMES_EXPECTED * (1 + usual * min(1.0, len(near) / n_nodes))


def _grid(name, rest, given):
    """Grid of the values that are no atoms."""
    step = given.get("grid", "auto")
    if step is None:
        return None
    if isinstance(step, str):
        return grid_of(rest.values, rest.precision)
    grid = _grid_of_step(float(step))
    holds = grid.holds(rest.values)
    if not holds.all():
        raise ValueError(
            f"Column {name!r} has the value {rest.values[~holds][0]:.6g}, which is no "
            f"multiple of {step:.6g}, the grid that the 'columns' parameter gives. "
            "Round the column, or give another grid or None."
        )
    return grid


def _grid_of_step(step):
    for per_unit in 10.0 ** np.arange(9):
        if abs(step * per_unit - round(step * per_unit)) < 1e-9 * step * per_unit:
            return Grid(0.0, float(round(step * per_unit)), float(per_unit))
    return Grid(0.0, step)


def _bounds(name, sample, rest, grid, given):
    """Bounds of all that is drawn."""
    least, largest = sample.values[0], sample.values[-1]
    low, high = given.get("bounds", (None, None))
    for bound, is_crossed in (
        (low, low is not None and least < low),
        (high, high is not None and largest > high),
    ):
        if is_crossed:
            worst = least if bound is low else largest
            raise ValueError(
                f"Column {name!r} has the value {worst:.6g}, beyond the bound "
                f"{bound:.6g} that the 'columns' parameter gives. Correct or drop such "
                "rows, or give a wider bound or None."
            )
    if "bounds" in given:
        return (
            -np.inf if low is None else float(low),
            np.inf if high is None else float(high),
        )
    if not len(rest.values):
        return least, largest
    ends = least, largest, *sample.occurrences[[0, -1]]
    if ends == (0, 1, 1, 1):  # scaled by its extremes, which are no bounds
        return -np.inf, np.inf
    low = -_upper_bound(_mirrored(sample), _mirrored(rest))
    shares = (1.0, 100.0) if least >= 0 else ()  # the latter in per cent
    return float(low + 0.0), float(_upper_bound(sample, rest, shares))


def _mirrored(sample):
    mirrored = sample.only(slice(None, None, -1))
    mirrored.values = -mirrored.values
    return mirrored


def _upper_bound(sample, rest, usual=()):
    """Upper bound that values give evidence of; infinite if they do not."""
    largest = sample.values[-1]
    if largest > rest.values[-1]:  # the largest value is an atom
        return largest
    natural = [0.0] if largest <= 0 else []
    natural += [bound for bound in usual if bound / 2 < largest <= bound]
    bound = min(natural, default=np.inf)
    is_short, spacing = _tail(rest)
    return largest if is_short and largest + spacing < bound else bound


def _tail(rest):
    """Whether the density ends abruptly, and how far values lie apart there.

    The index of a generalised Pareto distribution of excesses, by the method of moments
    (Hosking and Wallis, Technometrics 29, 1987): negative where they are bounded, -1 if
    they are uniform.
    """
    sample = np.repeat(rest.values, np.maximum(rest.occurrences, 1).astype(int))
    m = min(int(4 * np.sqrt(len(sample))), len(sample) // 2)
    if m < _FEWEST_IN_TAIL:
        return False, 0.0
    excess = sample[-m:] - sample[-m - 1]
    longest = excess[-1]
    if not longest > 0:
        return True, 0.0
    mean, variance = (excess / longest).mean(), (excess / longest).var()
    index = 0.5 * (1 - mean**2 / max(variance, 1e-300))
    return index < _SHORT_TAIL - _DOUBT / np.sqrt(m), longest / m
