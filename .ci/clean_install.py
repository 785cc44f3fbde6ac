"""Try the wheel where nothing else is installed: run by the Python it is in.

The core must work there, typed, without its tests, and bring no package that neither it
nor its requirements ask for.
"""

import importlib.metadata as metadata
import time
import warnings
from importlib.resources import files

# Of pip, as no requirement of the core reads requirements.
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name

CORE = {"joblib", "numba", "numpy", "pykeops", "scikit-learn", "scipy", "threadpoolctl"}
TOOLS = {"pip", "setuptools"}


def requirements(name):
    """What a package needs without any extra."""
    found = [Requirement(line) for line in metadata.requires(name) or []]
    return {
        canonicalize_name(requirement.name)
        for requirement in found
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }


def with_their_own(names):
    """These packages and all that they need in turn."""
    new, known = set(names), set()
    while new:
        known |= new
        new = set().union(*map(requirements, new)) - known
    return known


installed = {canonicalize_name(d.metadata["Name"]) for d in metadata.distributions()}
assert requirements("skdrift") == CORE, requirements("skdrift")
assert installed - TOOLS == {"skdrift"} | with_their_own(CORE), sorted(installed)

contents = {str(path) for path in metadata.files("skdrift")}
assert "skdrift/py.typed" in contents
assert any(path.endswith("licenses/LICENSE") for path in contents), sorted(contents)
assert {path.split("/")[0].partition("-")[0] for path in contents} == {"skdrift"}

warnings.simplefilter("error")
from sklearn.datasets import load_iris, make_blobs  # noqa: E402

import skdrift  # noqa: E402

assert (files(skdrift) / "py.typed").is_file()
assert "site-packages" in skdrift.__file__, skdrift.__file__
X = load_iris().data
rows = skdrift.ConservativeDrifter(random_state=0).fit(X).sample(10)
assert rows.shape == (10, 4)

# The first large fit compiles, and the draws go on with the compiled code.
X = make_blobs(3000, 10, centers=5, random_state=0)[0]
drifter = skdrift.ConservativeDrifter(random_state=0).fit(X)
assert drifter.engine_ == "numba", drifter.engine_
assert drifter.sample(10).shape == (10, 10)
start = time.perf_counter()
small = skdrift.ConservativeDrifter(random_state=0).fit(X[:500])
print(f"500 x 10: {time.perf_counter() - start:.2f} s by {small.engine_}")
assert small.engine_ == "numba", small.engine_
print(f"skdrift {skdrift.__version__} works beside {sorted(with_their_own(CORE))}")
