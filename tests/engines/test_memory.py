"""Sums in bounded memory: the process may not have more."""

import subprocess
import sys

import pytest

# A matrix of all pairs would have 320 MB.
SCRIPT = """
import resource, sys
import numpy as np
from skdrift.engines import NumpyEngine, Profiles
from skdrift.engines._cpu._engine import NumbaEngine
from skdrift.fields import conservative
from skdrift.kernels import Matern

engine = {"numpy": NumpyEngine, "numba": NumbaEngine}[sys.argv[1]]()
n_queries, n_sources, d = 800, 50_000, 2
rng = np.random.default_rng(0)
y, x = rng.standard_normal((n_sources, d)), rng.standard_normal((n_queries, d))
profiles = conservative(Matern(1.5))
# Libraries are loaded, code is compiled.
engine.bind(y[:50]).reduce(x[:50], profiles, 0.5)
engine.bind(y[:50]).moments(x[:50], profiles, 0.5)

with open("/proc/self/statm") as file:
    pages = int(file.read().split()[0])
more = int(sys.argv[2]) * 2**20
limit = pages * resource.getpagesize() + more
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    np.ones(2 * more // 8)
except MemoryError:
    pass
else:
    raise SystemExit("the limit is not kept")
sources = engine.bind(y)
found = sources.reduce(x, profiles, 0.5)
derivative = sources.moments(x[:100], profiles, 0.5)
assert np.isfinite(found.displacement).all()
np.testing.assert_allclose(derivative.displacement, found.displacement[:100], atol=1e-9)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of Linux")
@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_neither_all_pairs_nor_many_copies_are_in_memory(engine):
    # Rows are 0.8 MB, tiles of moments 32 MB.
    command = [sys.executable, "-c", SCRIPT, engine, "96"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
