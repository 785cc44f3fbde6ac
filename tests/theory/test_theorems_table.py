"""The table of theorems in the guide is complete, and names what exists."""

import re
from pathlib import Path

import numpy as np
import pytest

import skdrift.diagnostics
from skdrift.diagnostics import field_jacobian

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "doc" / "theory" / "theorems.rst"
# As numbered in the paper.
STATEMENTS = {
    "Assumption": [
        "2.1",
        "2.2",
        "2.3",
        "2.5",
        "5.1",
        "5.3",
        "5.6",
        "6.2",
        "6.5",
        "6.7",
    ],
    "Theorem": ["3.1", "4.1", "4.5", "6.3", "6.9"],
    "Lemma": ["4.3", "4.4", "5.7", "6.1", "6.4", "6.6", "6.13", "6.14"],
    "Proposition": ["5.2", "5.5", "5.8"],
    "Corollary": ["4.7", "5.9", "6.12"],
    "Remark": ["2.4", "2.6", "3.2", "4.2", "4.6", "4.8", "5.4", "6.8", "6.10", "6.11"],
}


@pytest.fixture(scope="module")
def rows():
    if not PAGE.exists():
        pytest.skip("The documentation is not here.")
    text = PAGE.read_text(encoding="utf-8").split("Every numbered statement\n")[1]
    return re.split(r"\n   \* - ", text)[2:]


def test_every_statement_has_a_row(rows):
    heads = [row.split("\n")[0] for row in rows]
    for kind, numbers in STATEMENTS.items():
        for number in numbers:
            named = re.compile(rf"{kind}s? {re.escape(number)}\b(?!\.)")
            assert sum(bool(named.match(head)) for head in heads) == 1, (kind, number)


def test_rows_name_what_exists(rows):
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    for row in rows:
        computed, checked = re.split(r"\n     -", row)[1:3]
        for name in re.findall(r":func:`(\w+)`", computed):
            assert name in skdrift.diagnostics.__all__
        for name in re.findall(r"``(test_\w+)``", checked):
            assert f"def {name}(" in tests, name
        assert (
            ":func:" in computed
            or ":meth:" in computed
            or "`test" in checked
            or ("no computable content" in computed)
        ), row


def test_divergence_of_the_laplace_field_jumps_at_points():
    # What Lemma 6.13 assumes, bounded second derivatives of div V, fails there.
    x, y = np.array([[0.0], [1.0], [2.5]]), np.array([[-0.5], [0.7]])

    def divergence(at, kernel):
        options = {"kernel": kernel, "field": "displacement"}
        return field_jacobian(x, y, 1.0, queries=[[at]], **options)[0, 0, 0]

    for point in (1.0, 0.7):
        jump, smooth = (
            divergence(point + 1e-7, kernel) - divergence(point - 1e-7, kernel)
            for kernel in ("laplace", "gaussian")
        )
        assert abs(jump) > 0.02
        assert abs(smooth) < 1e-5
