"""The levels of the library: a room imports those below it only."""

import ast
from pathlib import Path

import pytest

import skdrift

PACKAGE = Path(skdrift.__file__).parent
# From the highest to the lowest; rooms of one line do not import one another.
LEVELS = [
    {"__init__"},
    {"reports"},
    {"plotting"},
    {"pipeline", "oversampling", "outlier", "impute", "model_selection"},
    {"tables"},
    {"diagnostics", "spectral"},
    {"_generator"},
    {"_drifters"},
    {"_theory"},
    {"flow"},
    {"fields"},
    {"_starts"},
    {"engines"},
    {"kernels", "conventions"},
    {"bandwidth"},
    {"metrics"},
    {"_data"},
    {"_estimator"},
    {"_earlier", "_docstrings"},
    {"_version", "_typing", "_threads"},
]
LEVEL = {room: i for i, rooms in enumerate(LEVELS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Rooms that a file imports when it is run, not for type checkers only."""
    package = ("skdrift", *path.relative_to(PACKAGE).parts[:-1])
    for node in run_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = [*base, *(node.module or "").split(".")]
            for name in node.names:
                parts = [part for part in (*target, name.name) if part]
                if len(parts) > 1 and parts[1] in LEVEL:
                    yield parts[1]


def run_nodes(node):
    for child in ast.iter_child_nodes(node):
        test = getattr(child, "test", None)
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from run_nodes(child)


def test_every_room_has_a_level():
    assert {room_of(path) for path in FILES} == LEVEL.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    own = LEVEL[room_of(path)]
    for room in imported_rooms(path):
        assert room == room_of(path) or LEVEL[room] > own, room


def test_absolute_imports_do_not_hide_any():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            elif isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            assert not any(module.split(".")[0] == "skdrift" for module in modules)


def lines_of_code(node, source):
    """Lines of a function or class without its docstrings, comments and blanks."""
    documented = set()
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(part):
            first = part.body[0]
            documented |= set(range(first.lineno, first.end_lineno + 1))
    return sum(
        line.strip() != "" and not line.strip().startswith("#")
        for number, line in enumerate(source[node.lineno - 1 : node.end_lineno])
        if number + node.lineno not in documented
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_functions_and_classes_are_of_a_size_to_be_read(path):
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert lines_of_code(node, text.split("\n")) <= 60, node.name
        elif isinstance(node, ast.ClassDef):
            assert lines_of_code(node, text.split("\n")) <= 400, node.name
