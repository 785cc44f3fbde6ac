"""The form of a report: its quantities, in words, HTML and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from textwrap import fill
from typing import Any, NamedTuple


class Quantity(NamedTuple):
    """One line of a report.

    Attributes
    ----------
    name : str
    symbol : str
        Formula, with its unit.
    value : float or None
        None where the quantity is not defined.
    error : float or None
        Standard error of an estimate; None for exact sums.
    threshold : str
        Value required by the theory or by a rule of thumb.
    state : {"ok", "watch", "note", "not defined"}
        ``"note"`` if there is no threshold.
    meaning : str
        Definition of the quantity.
    verdict : str
        Interpretation of the value, or the reason why it is not defined.
    advice : str
        Parameters to change; empty if none.
    """

    name: str
    symbol: str
    value: float | None
    error: float | None
    threshold: str
    state: str
    meaning: str
    verdict: str
    advice: str


class Diagnosis:
    """Report of :func:`diagnose`.

    Parameters
    ----------
    title : str
        Description of the drifter.
    quantities : list of Quantity
        Quantities, in the order in which they are shown.

    Attributes
    ----------
    title : str
        Description of the drifter.
    quantities : dict of Quantity
        Quantities by name.
    """

    def __init__(self, title: str, quantities: Iterable[Quantity]) -> None:
        self.title = title
        self.quantities = {quantity.name: quantity for quantity in quantities}

    def __getitem__(self, name: str) -> Quantity:
        if name not in self.quantities:
            raise KeyError(
                f"The diagnosis has no quantity {name!r}; it has "
                f"{sorted(self.quantities)}."
            )
        return self.quantities[name]

    def to_frame(self) -> Any:
        """Report as a table.

        Returns
        -------
        pandas.DataFrame
            One row for each quantity, indexed by name; NaN for missing numbers.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        import pandas as pd

        frame = pd.DataFrame(self.quantities.values(), columns=Quantity._fields)
        return frame.astype({"value": float, "error": float}).set_index("name")

    def __repr__(self):
        return "\n".join([self.title, *map(_line, self.quantities.values())])

    def __str__(self):
        parts, space = [self.title], " " * 14
        for q in self.quantities.values():
            text = " ".join(filter(None, (q.meaning, q.verdict, q.advice)))
            text = fill(text, 88, initial_indent=space, subsequent_indent=space)
            parts += [_line(q), text]
        return "\n".join(parts)

    def _repr_html_(self):
        head = ("", "quantity", "value", "wanted", "verdict")
        rows = [
            (
                q.state,
                f"{q.name}<br><code>{escape(q.symbol)}</code>",
                escape(_number(q)),
                escape(q.threshold),
                escape(" ".join(filter(None, (q.verdict, q.advice)))),
            )
            for q in self.quantities.values()
        ]
        lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
        cells = "".join(f"<tr>{line}</tr>" for line in lines)
        header = "".join(f"<th>{name}</th>" for name in head)
        return (
            f"<table><caption>{escape(self.title)}</caption><thead><tr>{header}</tr>"
            f"</thead><tbody>{cells}</tbody></table>"
        )


def _line(q):
    wanted = f" (wanted: {q.threshold})" if q.threshold else ""
    return f"{q.state:>11}   {q.name}: {q.symbol} = {_number(q)}{wanted}"


def _number(q):
    if q.value is None:
        return "-"
    error = "" if q.error is None else f" ± {q.error:.1g}"
    return f"{q.value:.4g}{error}"
