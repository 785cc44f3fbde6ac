"""Rules between columns: what a user states of a table. :mod:`._kept` keeps them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np


class Rule:
    """What holds in every row of a table."""


@dataclass(frozen=True)
class Inequality(Rule):
    """The values of one column are at most those of another.

    The columns hold numbers, or times of the same type. The rule binds in rows where
    neither is missing. It is satisfied by construction: the difference of the columns
    is drawn instead of `high`, with the distribution that it has in the data, and then
    added to `low`. Chains, such as ``Inequality("a", "b")`` and
    ``Inequality("b", "c")``, are possible.

    Parameters
    ----------
    low : str or int
        Name of the column of smaller values. Columns of arrays are numbered.
    high : str or int
        Name of the column of larger values.
    strict : bool, default=False
        Whether equal values violate the rule.

    Examples
    --------
    >>> from skdrift.tables import Inequality
    >>> Inequality("start", "end")
    Inequality(low='start', high='end', strict=False)
    """

    low: Hashable
    high: Hashable
    strict: bool = False

    def __post_init__(self) -> None:
        _check_different(self, (self.low, self.high))
        if not isinstance(self.strict, bool | np.bool_):
            raise TypeError(
                f"The 'strict' parameter of Inequality must be a bool; got "
                f"{self.strict!r}."
            )


@dataclass(frozen=True)
class Computed(Rule):
    """A column is a function of others.

    The rule is satisfied by construction: the column is not drawn but computed from the
    drawn values of the others. It binds in rows where no value is missing.

    Parameters
    ----------
    column : str or int
        Name of the column that is computed. Columns of arrays are numbered.
    function : callable
        Called with one column for each name in `of`: Series of the frame's library, or
        arrays. Returns as many values, of the type of `column`; numbers are converted.
        They need to agree with the data up to rounding only. A function of a module,
        such as ``operator.mul``, can be pickled, a lambda cannot.
    of : sequence of str or int
        Names of the columns that are passed.

    Examples
    --------
    >>> import operator
    >>> from skdrift.tables import Computed
    >>> Computed("total", operator.mul, of=["quantity", "price"]).of
    ('quantity', 'price')
    """

    column: Hashable
    function: Callable[..., Any]
    of: Sequence[Hashable]

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", _names(self, "of", self.of))
        _check_different(self, (self.column, *self.of))
        if not callable(self.function):
            raise TypeError(
                f"The 'function' parameter of Computed must be callable; got "
                f"{self.function!r}."
            )


@dataclass(frozen=True)
class Sum(Rule):
    """A column of numbers is the sum of others.

    The rule is satisfied by construction: the total is not drawn but computed from the
    drawn parts, exactly for integers. It binds in rows where no value is missing. Parts
    may be negative.

    Parameters
    ----------
    parts : sequence of str or int
        Names of at least two columns. Columns of arrays are numbered.
    total : str or int
        Name of the column of their sum.

    Examples
    --------
    >>> from skdrift.tables import Sum
    >>> Sum(["net", "tax"], "gross")
    Sum(parts=('net', 'tax'), total='gross')
    """

    parts: Sequence[Hashable]
    total: Hashable

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _names(self, "parts", self.parts, 2))
        _check_different(self, (*self.parts, self.total))


@dataclass(frozen=True)
class ObservedCombinations(Rule):
    """Only combinations of values that occur in the data are drawn.

    The columns hold categories, or numbers or times with few distinct values. Missing
    values count as values. The rule is satisfied by construction: the combinations are
    drawn as the categories of one column. (Other columns can then depend on the
    combination, which has fewer rows than each of the categories, only in so far as
    :class:`TabularDrifter` learns from that many categories.)

    Parameters
    ----------
    columns : sequence of str or int
        Names of at least two columns. Columns of arrays are numbered.

    Examples
    --------
    >>> from skdrift.tables import ObservedCombinations
    >>> ObservedCombinations(["state", "town"])
    ObservedCombinations(columns=('state', 'town'))
    """

    columns: Sequence[Hashable]

    def __post_init__(self) -> None:
        names = _names(self, "columns", self.columns, 2)
        object.__setattr__(self, "columns", names)
        _check_different(self, names)


@dataclass(frozen=True)
class Satisfies(Rule):
    """A condition on the table holds in every row.

    Rows that violate the condition are drawn again. There is a warning if it is more
    than half of them, and an error if it is almost all.

    Parameters
    ----------
    condition : callable
        Called with a frame or array like the data. Returns one boolean for each row.
        Rows of which it is missing satisfy the condition. A function that is defined in
        a module can be pickled, a lambda cannot.
    name : str, default=None
        How messages call the rule.

    Examples
    --------
    An implication is a disjunction:

    >>> from skdrift.tables import Satisfies
    >>> adults_smoke = Satisfies(
    ...     lambda frame: ~frame["smoker"] | (frame["age"] >= 15), name="adults smoke"
    ... )
    """

    condition: Callable[[Any], Any]
    name: str | None = None

    def __post_init__(self) -> None:
        if not callable(self.condition):
            raise TypeError(
                f"The 'condition' parameter of Satisfies must be callable; got "
                f"{self.condition!r}."
            )


@dataclass(frozen=True)
class Circular(Rule):
    """A column of numbers is periodic: an hour, an angle, a day of the year.

    The column is drawn as a point on a circle, so that its ends are neighbours, and is
    converted back to a number of at least `low` and less than ``low + period``.

    Parameters
    ----------
    column : str or int
        Name of the column. Columns of arrays are numbered.
    period : float
        Length of the period.
    low : float, default=0
        Least value.

    Examples
    --------
    >>> from skdrift.tables import Circular
    >>> rules = [Circular("hour", 24), Circular("longitude", 360, low=-180)]
    """

    column: Hashable
    period: float
    low: float = 0

    def __post_init__(self) -> None:
        for name, least in (("period", 0), ("low", -np.inf)):
            value = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not is_number or not least < value < np.inf:
                form = "a positive number" if name == "period" else "a finite number"
                raise ValueError(
                    f"The {name!r} parameter of Circular must be {form}; got {value!r}."
                )


def columns_of(rule):
    """Names of the columns that a rule is about, as far as it states them."""
    match rule:
        case Inequality():
            return rule.low, rule.high
        case Computed():
            return rule.column, *rule.of
        case Sum():
            return *rule.parts, rule.total
        case ObservedCombinations():
            return rule.columns
        case Circular():
            return (rule.column,)
    return ()


def words_of(rule):
    """How messages call a rule."""
    if isinstance(rule, Satisfies) and rule.name is not None:
        return f"Satisfies({rule.name!r})"
    return repr(rule)


def _names(rule, parameter, names, fewest=1):
    """Names of columns as a tuple."""
    if isinstance(names, str | bytes) or not isinstance(names, Sequence | np.ndarray):
        raise TypeError(
            f"The {parameter!r} parameter of {type(rule).__name__} must be a list of "
            f"column names; got {names!r}."
        )
    if len(names) < fewest:
        raise ValueError(
            f"The {parameter!r} parameter of {type(rule).__name__} must name at least "
            f"{fewest} column{'s' if fewest > 1 else ''}; got {list(names)!r}."
        )
    return tuple(names)


def _check_different(rule, names):
    if len(set(names)) < len(names):
        raise ValueError(
            f"{type(rule).__name__} must name different columns; got {list(names)!r}."
        )
