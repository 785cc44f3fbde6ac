"""A report as HTML, readable with light and with dark backgrounds."""

from __future__ import annotations

from functools import partial
from html import escape

from ._pictures import svg

TITLES = {
    "columns": "Columns: are the distributions alike?",
    "pairs": "Pairs: do columns depend on each other alike?",
    "rows": "Rows: can whole rows be told from real ones?",
    "utility": "Utility: does training on generated rows do as well?",
    "support": "Support: are there values that the training data lack?",
    "memorization": "Memorisation: are rows copies of training rows?",
    "privacy": "Privacy: do attacks find out about training rows?",
}
# The page names both schemes, so that the browser chooses text and background.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Quality of a generated table</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem; }}
</style>
</head>
<body>
<h1>Quality of a generated table</h1>
{body}
</body>
</html>
"""
_STYLE = """<style>
.skdrift-report table { border-collapse: collapse; margin: 0.5rem 0; }
.skdrift-report th, .skdrift-report td { padding: 0.15rem 0.7rem; text-align: right;
  border-bottom: 1px solid rgba(128, 128, 128, 0.4); color: inherit; background: none; }
.skdrift-report th:first-child, .skdrift-report td:first-child { text-align: left; }
.skdrift-report tr.worse td { font-weight: bold; }
.skdrift-report .verdict { border-left: 4px solid #0072B2; padding: 0.3rem 0.8rem; }
.skdrift-report .verdict.worse { border-color: #D55E00; }
.skdrift-report svg { max-width: 100%; height: auto; }
</style>
"""
_MOST_PAIRS = 20


def page(body):
    """A whole page."""
    return _PAGE.format(body=body)


def section(report):
    """The report as a part of a page."""
    worse = (
        "worse" if (report.summary["verdict"] == "worse than fresh data").any() else ""
    )
    parts = [
        f'{_STYLE}<div class="skdrift-report">',
        f'<p class="verdict {worse}"><strong>{escape(report.verdict)}</strong></p>',
        svg(report.plot),
    ]
    for group, title in TITLES.items():
        if group in report.summary.index.get_level_values(0):
            parts += [f"<h2>{title}</h2>", *_group(report, group)]
    return "\n".join([*parts, "</div>\n"])


def _group(report, group):
    yield _table(report.summary.loc[group])
    if group == "columns":
        yield svg(partial(report.plot, "columns"))
        yield svg(report.distributions)
        yield _details("All columns", report.columns)
    elif group == "pairs":
        yield svg(partial(report.plot, "pairs"))
        gap = report.pairs["fresh"] - report.pairs["trend"]
        lowest = gap.sort_values(ascending=False, kind="stable").index[:_MOST_PAIRS]
        yield _details("Pairs that deviate most", report.pairs.loc[lowest])
    else:
        yield svg(partial(report.plot, group))


def _details(title, table):
    return f"<details><summary>{title}</summary>{_table(table)}</details>"


def _table(table):
    head = "".join(f"<th>{escape(str(name))}</th>" for name in ("", *table.columns))
    lines = [
        _line(name, row) for name, row in zip(table.index, _rows(table), strict=True)
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _rows(table):
    return table.itertuples(index=False, name=None)


def _line(name, row):
    name = " – ".join(map(str, name)) if isinstance(name, tuple) else str(name)
    cells = "".join(f"<td>{escape(_text(value))}</td>" for value in (name, *row))
    worse = ' class="worse"' if "worse than fresh data" in row else ""
    return f"<tr{worse}>{cells}</tr>"


def _text(value):
    return value if isinstance(value, str) else f"{value:.3f}"
