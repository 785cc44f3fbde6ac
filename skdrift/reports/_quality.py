"""The report of a generated table."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from ..metrics._columns import has_categories, import_pandas
from ..metrics._tables import is_missing
from ..metrics._utility import place_of
from ._html import page, section
from ._limits import excess, limits
from ._pictures import draw_group, picture_axes
from ._tables import Tables
from ._values import METRICS, SHARES, Meter

if TYPE_CHECKING:
    from .._typing import Axes, Seed, Self, Table

AS_GOOD, WORSE = "as good as fresh data", "worse than fresh data"


@dataclass(kw_only=True, eq=False, repr=False)
class QualityReport:
    """Report of a generated table: its quality, copies, and what it gives away.

    Use :meth:`from_samples`. In a notebook the report shows itself; :meth:`to_html`
    writes it to a file, with a picture for every group of metrics.

    Parameters
    ----------
    summary : pandas.DataFrame
        One row for each metric, by group and name, with the columns

        - ``"generated"``: value of the generated table;
        - ``"fresh"``: value for fresh data, the mean over the splits; for copies and
          attacks, the value if nothing is copied or given away;
        - ``"limit"``: where values begin that are worse than those of fresh data;
        - ``"better"``: ``"lower"``, ``"higher"``, or ``"fresh"`` if deviations of
          either sign are bad;
        - ``"verdict"``: ``"as good as fresh data"`` or ``"worse than fresh data"``.
    columns : pandas.DataFrame of shape (n_columns, 8)
        One row for each column: ``"kind"`` and ``"shape"``, as in
        :func:`~skdrift.metrics.column_shapes`, with ``"fresh"``, ``"limit"`` and
        ``"verdict"`` as above; ``"missing"`` and ``"missing_fresh"``, the shares of
        missing values; and ``"violations"``, the share of rows whose value does not
        occur in the training data (:func:`~skdrift.metrics.support_violations`).
    pairs : pandas.DataFrame of shape (n_pairs, 5)
        One row for each pair of columns: ``"kind"`` and ``"trend"``, as in
        :func:`~skdrift.metrics.pair_trends`, with ``"fresh"``, ``"limit"`` and
        ``"verdict"``.
    tables : object
        The rows, for histograms.

    Attributes
    ----------
    verdict : str
        One sentence.

    See Also
    --------
    skdrift.metrics.sample_quality_report : Metrics of rows, for several draws.
    skdrift.metrics.privacy_report : Attacks with intervals.

    Notes
    -----
    Fresh data are real rows. Training and held-out rows together are split anew,
    `n_splits` times, into as many rows of either kind, and everything is measured
    again.

    - *columns*, *pairs*, *rows*, *utility*: the training rows of the split are compared
      with its held-out rows, as the generated rows are with the actual held-out rows;
      *support*: the held-out rows with the training rows.
    - *memorization*, *privacy*: the generated rows stay. If they do not depend on the
      training rows more than on the held-out rows, it does not matter which of them
      were training rows, and the actual split is like any other. So samples that are
      far from all real rows cannot hide copies.

    A metric is worse if it deviates from the mean over the splits by more than any
    metric does in any of the splits, in standard deviations over the splits (those of
    the other splits, for a split). So among 20 reports of fresh data about one has any
    metric that is called worse, with 19 splits. The limits of columns and of pairs are
    found in the same way, among columns and among pairs.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from skdrift import ConservativeDrifter
    >>> from skdrift.reports import QualityReport
    >>> wine = load_wine(as_frame=True).frame
    >>> train, test = train_test_split(wine, test_size=0.5, random_state=0)
    >>> report = QualityReport.from_samples(train, test, train, random_state=0)
    >>> report.verdict[:56]
    'Worse than fresh data: exact_copy_share, near_copy_share'
    """

    summary: Any
    columns: Any
    pairs: Any
    tables: Tables

    @classmethod
    def from_samples(
        cls,
        generated: Table,
        test: Table,
        train: Table,
        *,
        target: int | str | None = None,
        n_splits: int = 19,
        max_rows: int = 1000,
        random_state: Seed = None,
    ) -> Self:
        """Measure a generated table.

        Parameters
        ----------
        generated : array-like or DataFrame of shape (n_generated, n_columns)
            Generated samples. Draw as many as there are training samples, or more:
            attacks are stronger then.
        test : array-like or DataFrame of shape (n_test, n_columns)
            Samples from the same distribution as `train` that the generator has not
            seen, best as many.
        train : array-like or DataFrame of shape (n_train, n_columns)
            Samples that the generator was fitted to. All tables are arrays of finite
            numbers, or frames of pandas or polars with numbers, booleans, strings,
            categories, dates, times and missing values, of at least 10 rows.
        target : int or str, default=None
            Column to be predicted from the others after training on generated samples
            (*utility*), and to be guessed by an attacker who knows the others: an
            index, or a name in a frame. If None, both are left out.
        n_splits : int, default=19
            Number of splits that show how metrics of fresh data vary, at least 3.
        max_rows : int, default=1000
            Number of random rows for metrics of *rows* and *utility*, whose time is
            quadratic or long. Other metrics use at most 10000 rows.
        random_state : int, RandomState instance or None, default=None
            Seed of splits, random rows and classifiers.

        Returns
        -------
        QualityReport

        Raises
        ------
        ImportError
            If pandas is not installed.
        ValueError
            If the columns differ in name, order or type, or one has no values or
            infinite ones, an array is not finite, a table has fewer than 10 rows,
            `target` is no column, or `n_splits` or `max_rows` is too small.
        """
        import_pandas("QualityReport")
        check_scalar(n_splits, "n_splits", Integral, min_val=3)
        check_scalar(max_rows, "max_rows", Integral, min_val=10)
        rng = check_random_state(random_state)
        tables = Tables(generated, test, train, rng)
        place = None if target is None else place_of(target, tables.names)
        meter = Meter(tables, place, max_rows, rng)
        values = meter.generated()
        fresh = [meter.fresh() for _ in range(n_splits)]
        resolution = 1 / max(10, min(map(len, tables.codes.values())))
        summary = _summary(values, fresh, meter.no_leak(), resolution)
        return cls(
            summary=summary,
            columns=_columns(tables, values, fresh, resolution),
            pairs=_pairs(tables, values, fresh, resolution),
            tables=tables,
        )

    @property
    def verdict(self) -> str:
        """Which metrics are worse than for fresh data, in one sentence."""
        worse = self.summary["verdict"] == WORSE
        if not worse.any():
            return "As good as fresh data."
        names = [name for _, name in self.summary.index[worse]]
        return f"Worse than fresh data: {', '.join(names)}."

    def to_frame(self) -> Any:
        """The numbers of all metrics.

        Returns
        -------
        pandas.DataFrame of shape (n_metrics, 5)
            A copy of `summary`.
        """
        return self.summary.copy()

    def to_html(self, path: str | Path | None = None) -> str:
        """Write the report as a page that needs no other file and no network.

        Parameters
        ----------
        path : str or path, default=None
            File to write to. If None, nothing is written.

        Returns
        -------
        str
            The page.
        """
        text = page(self._repr_html_())
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def plot(self, group: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the picture of a group of metrics.

        Parameters
        ----------
        group : str, default=None
            ``"columns"``: shapes of the columns, and those of fresh data;
            ``"pairs"``: trends of all pairs; another group of `summary`, or None for
            all: how much worse its metrics are, in units such that fresh data are at 0
            and the limit is at 1.
        ax : matplotlib Axes, default=None
            Axes to draw into. If None, a new figure is created.

        Returns
        -------
        matplotlib Axes
            Axes of the picture.

        Raises
        ------
        ValueError
            If there is no such group.
        """
        groups = [*dict.fromkeys(self.summary.index.get_level_values(0))]
        if group is not None and group not in groups:
            raise ValueError(
                f"The 'group' parameter must be None or one of {groups}; got {group!r}."
            )
        return draw_group(self, group, picture_axes(self, group, ax))

    def distributions(self, features: list[int | str] | None = None) -> Any:
        """Draw histograms of the columns, of generated and of real rows.

        Parameters
        ----------
        features : list of int or str, default=None
            Columns, by index or name. If None, the 12 whose shapes deviate most from
            those of fresh data.

        Returns
        -------
        matplotlib Figure
            One axes for each column.

        Raises
        ------
        ValueError
            If `features` are not columns.
        """
        from ._pictures import draw_distributions

        names = self.tables.names
        if features is None:
            gap = (self.columns["fresh"] - self.columns["shape"]).to_numpy()
            places = np.sort(np.argsort(-gap, kind="stable")[:12])
        else:
            places = [place_of(name, names, "features") for name in features]
        return draw_distributions([self.tables.columns[j] for j in places])

    def __repr__(self) -> str:
        return f"<QualityReport: {self.verdict}>"

    def _repr_html_(self) -> str:
        return section(self)


def _summary(values, fresh, no_leak, resolution):
    import pandas

    metrics = [m for m in METRICS if np.isfinite(values.metrics.get(m.name, np.nan))]
    names = [m.name for m in metrics]
    better = [m.better for m in metrics]
    found = np.array([values.metrics[name] for name in names])
    splits = np.array([[of.metrics.get(n, np.nan) for n in names] for of in fresh])
    splits[~np.isfinite(splits)] = np.nan
    least = np.where(np.isin(names, [*SHARES]), resolution, 0.0)
    worse, largest, mean, scale = excess(found, splits, better, least)
    table = pandas.DataFrame(
        {
            "generated": found,
            "fresh": [no_leak.get(n, m) for n, m in zip(names, mean, strict=True)],
            "limit": limits(mean, scale, largest, better, found),
            "better": better,
            "verdict": _verdicts(worse, largest),
        },
        index=pandas.MultiIndex.from_tuples(
            [m[:2] for m in metrics], names=["group", "metric"]
        ),
    )
    table.attrs["excess"] = (worse / largest).tolist()
    return table


def _verdicts(worse, largest):
    return [
        "" if np.isnan(z) else WORSE if z > largest else AS_GOOD for z in worse.tolist()
    ]


def _columns(tables, values, fresh, resolution):
    import pandas

    splits = np.array([of.shapes for of in fresh])
    missing = {
        key: [float(is_missing(c, key).mean()) for c in tables.columns]
        for key in ("generated", "real")
    }
    return pandas.DataFrame(
        {
            "kind": [column.kind for column in tables.columns],
            **_judged("shape", values.shapes, splits, resolution),
            "missing": missing["generated"],
            "missing_fresh": missing["real"],
            "violations": values.faults,
        },
        index=pandas.Index(tables.names, tupleize_cols=False),
    )


def _pairs(tables, values, fresh, resolution):
    import pandas

    pairs = [*combinations(tables.columns, 2)]
    splits = np.array([of.trends for of in fresh])
    kinds = ["contingency" if has_categories(*p) else "correlation" for p in pairs]
    return pandas.DataFrame(
        {"kind": kinds, **_judged("trend", values.trends, splits, resolution)},
        index=pandas.MultiIndex.from_tuples(
            [(a.name, b.name) for a, b in pairs], names=["first", "second"]
        )
        if pairs
        else None,
    )


def _judged(name, values, fresh, resolution):
    better = ["higher"] * len(values)
    worse, largest, mean, scale = excess(values, fresh, better, resolution)
    return {
        name: values,
        "fresh": mean,
        "limit": limits(mean, scale, largest, better, values),
        "verdict": _verdicts(worse, largest),
    }
