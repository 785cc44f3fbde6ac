"""What the project says of itself, in setup.cfg and beside it."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "setup.cfg").exists():
    pytest.skip("needs the source tree", allow_module_level=True)


def declared():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    return setup


def lines(text):
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def required(setup, extra):
    """Requirements of an extra, those of the extras that it names among them."""
    own = lines(setup["options.extras_require"][extra])
    named = [re.fullmatch(r"skdrift\[(.*)\]", line) for line in own]
    others = [name for match in named if match for name in match[1].split(",")]
    rest = [line for line, match in zip(own, named, strict=True) if not match]
    return rest + [line for other in others for line in required(setup, other)]


def test_the_lowest_versions_are_those_that_are_declared():
    setup = declared()
    core = lines(setup["options"]["install_requires"])
    declarations = core + required(setup, "test")
    pins = [re.sub(r"(\[.*\])?>=", "==", line) for line in declarations]
    assert lines((ROOT / ".ci" / "lowest.txt").read_text()) == sorted(pins)


def test_all_is_what_may_be_installed_besides_the_core():
    setup = declared()
    optional = {"POT", "finufft", "matplotlib", "pandas", "polars"}
    found = {line.split(">=")[0] for line in required(setup, "all")}
    assert found == {"dask[distributed]", *optional}


def test_one_version_everywhere():
    import skdrift

    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {skdrift.__version__}\n" in citation
