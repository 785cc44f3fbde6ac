"""The documentation names everything that is public, and its links lead somewhere."""

import inspect
import re
from pathlib import Path

import pytest
from inventory import (
    is_described_by_base,
    own_members,
    public_modules,
    public_objects,
    public_paths,
)
from numpydoc.validate import validate

ROOT = Path(__file__).parents[2]
API = (ROOT / "doc" / "reference" / "api.rst").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", public_modules(), ids=lambda m: m.__name__)
def test_public_modules_say_what_is_public(module):
    assert module.__doc__
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
    ours = {
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert ours <= set(module.__all__)


# What numpydoc checks, but for what follows.
SKIPPED = {
    "ES01",  # a summary may say it all
    "SA01",  # not everything has a relative
    "GL01",  # ruff says where a summary begins, and numpydoc 1.8 otherwise
    "EX01",  # methods are shown in the example of their class
    "SS05",  # takes nouns with an s at the end for verbs in the third person
    "RT02",  # scikit-learn's way to say that fit returns self
}
# An override says in a line what is its own; the rest is described by the base.
SKIPPED_IN_OVERRIDES = {"PR01", "RT01"}


@pytest.mark.parametrize("path", public_paths())
def test_docstrings_are_complete(path):
    skipped = set(SKIPPED)
    if is_described_by_base(path):
        skipped |= SKIPPED_IN_OVERRIDES
    target = public_objects().get(path)
    if inspect.isclass(target) and issubclass(target, tuple):
        skipped.add("PR01")  # the fields of a named tuple are attributes
    errors = [error for error in validate(path)["errors"] if error[0] not in skipped]
    assert errors == []


def pages(text):
    """Classes that have a page of their own: those of a table with a toctree."""
    found, module = set(), ""
    for block in re.split(r"\n(?=\.\. )", text):
        if match := re.match(r"\.\. currentmodule:: (\S+)", block):
            module = match[1]
        if ":toctree: generated" in block:
            found |= {f"{module}.{name}" for name in re.findall(r"\n   (\w+)", block)}
    return found


def documented(text):
    """Paths that a page of API reference shows: objects and members of classes."""
    found = pages(text)
    # The template of such a page shows all members.
    found |= {f"{path}.{m}" for path in pages(text) for m in own_members(path)}
    module = ""
    for block in re.split(r"\n(?=\.\. )", text):
        if match := re.match(r"\.\. currentmodule:: (\S+)", block):
            module = match[1]
        if match := re.match(r"\.\. auto(?:class|function):: (\w+)", block):
            path = f"{module}.{match[1]}"
            found.add(path)
            if members := re.search(r":members: (.+)", block):
                found |= {f"{path}.{name.strip()}" for name in members[1].split(",")}
    return found


def missing(text):
    wanted = {path for path in public_paths() if not is_described_by_base(path)}
    return sorted(wanted - documented(text))


def test_everything_public_is_in_the_api_reference():
    assert missing(API) == []


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ("   DriftGenerator\n", "skdrift.DriftGenerator"),
        (".. autofunction:: merge\n", "skdrift.engines.merge"),
        (", ratio", "skdrift.plotting.MemorizationDisplay.ratio"),
    ],
)
def test_what_is_left_out_of_the_api_reference_is_noticed(line, lost):
    assert line in API
    assert lost in missing(API.replace(line, "\n"))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_between_files_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if ":" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_of_the_readme_does_what_it_says():
    (code,) = re.findall(r"```python\n(.+?)```", README, flags=re.DOTALL)
    names = {}
    exec(code, names)
    table, new, setosa = (names[name] for name in ("table", "new", "setosa"))
    assert len(new) == 200
    assert new.dtypes.equals(table.dtypes)
    assert new.isna().sum()["sepal width (cm)"] == 20  # the share of the table
    assert (setosa["species"] == "setosa").all()


def test_the_numbers_of_the_readme_are_those_of_the_benchmark():
    path = ROOT / "doc" / "method" / "quality.inc"
    measured = re.findall(
        r'   "(\w+)", "(.+)", "(.+)", "(.+)", "(.+)", "(.+ to .+)"',
        path.read_text(encoding="utf-8"),
    )
    by_name = {name: numbers for name, *numbers in measured}
    rows = re.findall(r"\| (.+) \| (.+) \| (.+) \| (.+ to .+) \| (.+) \|", README)
    assert len(rows) == 5
    for label, c2st, covered, auc, inside in rows:
        match = re.search("bootstrap|[A-Z][A-Za-z]+", label)
        count, passed, *numbers = by_name[match[0]]
        assert numbers == [c2st, covered, auc]
        assert inside == f"{passed} of {count}"
