"""What SDMetrics, another package, says about drawn tables."""

import numpy as np
import pandas as pd
import pytest

from skdrift import ConservativeDrifter
from skdrift.metrics import column_shapes, pair_trends
from skdrift.tables import TabularDrifter

sdmetrics_reports = pytest.importorskip("sdmetrics.reports.single_table")
TYPES = {
    "age": "numerical",
    "income": "numerical",
    "since": "datetime",
    "member": "boolean",
    "town": "categorical",
}
METADATA = {"columns": {name: {"sdtype": kind} for name, kind in TYPES.items()}}


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    z, n = rng.standard_normal(300), 300
    days = (500 + 100 * z + 50 * rng.standard_normal(n)).astype(int)
    table = pd.DataFrame(
        {
            "age": np.clip((45 + 15 * z).round(), 18, 90).astype(int),
            "income": np.exp(10 + 0.5 * z + 0.5 * rng.standard_normal(n)).round(2),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(days, unit="D"),
            "member": z + rng.standard_normal(n) > 0,
            "town": rng.choice(["Graz", "Lund", "Nice"], n),
        }
    )
    table.loc[rng.random(n) < 0.1, ["income", "town"]] = None
    drifter = TabularDrifter(ConservativeDrifter(random_state=0)).fit(table)
    return table, drifter.sample(n, random_state=0)


def test_drawn_tables_are_valid(tables):
    """Values within the ranges and categories of the data, and the same columns."""
    report = sdmetrics_reports.DiagnosticReport()
    report.generate(*tables, METADATA, verbose=False)
    assert report.get_score() == 1


def test_the_report_of_sdmetrics_agrees(tables):
    table, drawn = tables
    report = sdmetrics_reports.QualityReport()
    report.generate(*tables, METADATA, verbose=False)
    found = report.get_details("Column Shapes").set_index("Column")["Score"]
    shapes = column_shapes(drawn, table)["shape"]
    np.testing.assert_allclose(shapes, found[shapes.index], atol=1e-6)
    pairs = report.get_details("Column Pair Trends")
    found = pairs.set_index(["Column 1", "Column 2"])["Score"]
    found = found.dropna()  # it leaves out pairs that hardly depend on each other
    trends = pair_trends(drawn, table)
    numbers = found.index.intersection(trends.index[trends["kind"] == "correlation"])
    assert len(numbers) >= 2
    np.testing.assert_allclose(trends["trend"][numbers], found[numbers])
    # There the largest value and missing ones share a bin.
    np.testing.assert_allclose(trends["trend"][found.index], found, atol=0.05)
