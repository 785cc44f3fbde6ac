"""What is missing, broken or interrupted: the errors, and what goes on without it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose
from problems import moons
from sklearn.exceptions import NotFittedError

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.engines import (
    KeopsEngine,
    NufftEngine,
    NumbaEngine,
    NumpyEngine,
    Work,
    get_engine,
)
from skdrift.engines._choice import reasons_not_chosen
from skdrift.engines._cpu import _loops
from skdrift.engines._cpu._loops import in_threads
from skdrift.fields import displacement
from skdrift.kernels import Gaussian

X = moons(300)
PACKAGES = {"numba": "numba", "nufft": "finufft", "keops": "pykeops"}


def needs(engine):
    reason = str(engine.unavailable_reason())
    return pytest.mark.skipif(engine.unavailable_reason() is not None, reason=reason)


@pytest.fixture
def prefer(monkeypatch):
    """Make one engine the fastest for any work."""

    def prefer(name):
        for engine in (NumbaEngine, NufftEngine, KeopsEngine):
            seconds = 0 if engine.name == name else np.inf
            monkeypatch.setattr(
                engine,
                "estimated_seconds",
                staticmethod(lambda work, starts=True, seconds=seconds: seconds),
            )

    return prefer


# -- missing packages ----------------------------------------------------------------


@pytest.fixture
def remove(monkeypatch):
    """Hide a package; gives the list of those that were asked for."""
    find, asked = importlib.util.find_spec, []

    def remove(package):
        def find_spec(name, *arguments):
            asked.append(name)
            return None if name == package else find(name, *arguments)

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        return asked

    return remove


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PACKAGES)
def test_auto_goes_on_without_a_package_and_says_so_if_asked(
    name, remove, prefer, capsys
):
    prefer(name)
    asked = remove(PACKAGES[name])
    drifter = ConservativeDrifter(random_state=0, verbose=1).fit(X)
    assert PACKAGES[name] in asked
    assert drifter.engine_ == "numpy"
    assert drifter.sample(3).shape == (3, 2)
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("[ConservativeDrifter] engine numpy, 300 particles")
    assert f"; not {name}: the package {PACKAGES[name]} is not installed" in line


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_asked_for_by_name_is_an_error(name, remove):
    asked = remove(PACKAGES[name])
    message = rf"'engine' parameter is '{name}'.*pip install {PACKAGES[name]}.*'auto'"
    with pytest.raises(ValueError, match=message):
        ConservativeDrifter(engine=name).fit(X)
    assert PACKAGES[name] in asked


def test_only_faster_engines_that_would_be_worth_it_are_named(remove, monkeypatch):
    profiles = displacement(Gaussian())
    monkeypatch.setattr(_loops, "is_compiled", lambda dtype: False)
    remove("numba")
    assert reasons_not_chosen("auto", "numpy", Work(10, 10, 9, 2, profiles)) == {}
    large = Work(10**6, 10**6, 9, 100, profiles)
    assert reasons_not_chosen("auto", "numpy", large).keys() == {"numba"}
    assert reasons_not_chosen("auto", "numba", large) == {}


# -- broken installations ------------------------------------------------------------

# Prints the outcome of one fit on the engine and of two on "auto", which prefers it.
FITS = """
import json, sys, warnings
import numpy as np
from skdrift import ConservativeDrifter
from skdrift.engines import KeopsEngine, NufftEngine, NumbaEngine

name = sys.argv[1]
for engine in (KeopsEngine, NufftEngine, NumbaEngine):
    seconds = 0 if engine.name == name else np.inf
    engine.estimated_seconds = staticmethod(lambda *work, s=seconds, starts=1: s)
X = np.random.default_rng(0).standard_normal((30, 2))

def fit(engine):
    drifter = ConservativeDrifter(engine=engine, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            drifter.fit(X).sample(3)
        except Exception as error:
            return type(error).__name__, str(error)
    messages = [str(w.message) for w in caught if w.category is UserWarning]
    return drifter.engine_, messages

print(json.dumps([fit(name), fit("auto"), fit("auto")]))
"""


def fits(name, **environment):
    run = subprocess.run(
        [sys.executable, "-c", FITS, name],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    return json.loads(run.stdout.splitlines()[-1])


def assert_explains(name, outcomes, reason):
    (kind, message), (chosen, warned), again = outcomes
    assert kind == "RuntimeError"
    assert f"'engine' parameter is '{name}', which failed: " in message
    assert reason in message
    assert "engine='auto'" in message
    assert chosen == "numpy"
    assert len(warned) == 1
    assert f"engine='auto' skipped '{name}' because it failed (" in warned[0]
    assert reason in warned[0]
    assert again == ["numpy", []]


@pytest.mark.parametrize("name", ["numba", "nufft"])
def test_a_package_that_cannot_be_imported(name, tmp_path):
    (tmp_path / PACKAGES[name]).mkdir()
    reason = "needs NumPy 1.26 or less"
    code = f"raise ImportError({reason!r})"
    (tmp_path / PACKAGES[name] / "__init__.py").write_text(code)
    outcomes = fits(name, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    assert_explains(name, outcomes, f"ImportError: {reason}")


@pytest.fixture
def keops_home(tmp_path):
    """Environment in which KeOps keeps its files in a folder of its own."""
    folder = tmp_path / "keops"
    folder.mkdir()
    # Before version 2.2.3 KeOps knows nothing but the home directory.
    return folder, {"HOME": str(folder), "KEOPS_CACHE_FOLDER": str(folder / "cache")}


@needs(KeopsEngine)
def test_a_compiler_that_does_not_work(keops_home):
    folder, environment = keops_home
    compiler = folder / "compiler"
    compiler.write_text("#!/bin/sh\nexit 1\n")
    compiler.chmod(0o755)
    outcomes = fits("keops", CXX=str(compiler), **environment)
    assert_explains("keops", outcomes, "the C++ compiler")


@needs(KeopsEngine)
@pytest.mark.parametrize("damage", ["garbage\n", ""])
def test_a_damaged_keops_cache(keops_home, damage):
    folder, environment = keops_home
    code = "import pykeops.numpy"
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
    )
    caches = list(folder.rglob("*_cache.pkl"))
    assert caches
    for file in caches:
        file.write_text(damage)
    outcomes = fits("keops", **environment)
    assert_explains("keops", outcomes, "cache folder may be damaged (delete it")


@needs(KeopsEngine)
def test_a_keops_cache_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.touch()
    outcomes = fits("keops", HOME=str(file), KEOPS_CACHE_FOLDER=str(file / "cache"))
    assert_explains("keops", outcomes, "not writable")


def test_without_a_compiler():
    (kind, message), *auto = fits("keops", PATH="", CXX="")
    assert kind == "ValueError"
    assert "'engine' parameter is 'keops', which is not available" in message
    assert "install g++" in message
    assert auto == [["numpy", []]] * 2


def test_what_an_engine_needs_at_first_is_done_in_a_thread(monkeypatch):
    # Ctrl-C reaches the main thread only; there it would break imports.
    threads, bind = [], NumpyEngine().bind

    def watch(self, sources, log_weights=None):
        threads.append(threading.current_thread())
        return bind(sources, log_weights)

    monkeypatch.setattr(NumbaEngine, "unavailable_reason", staticmethod(lambda: None))
    monkeypatch.setattr(NumbaEngine, "bind", watch)
    work = Work(10**3, 10**3, 9, 100, displacement(Gaussian()), np.float32)
    get_engine("numba", work)
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


# -- Ctrl-C --------------------------------------------------------------------------

ENGINES = [
    NumpyEngine,
    pytest.param(NumbaEngine, marks=needs(NumbaEngine)),
    pytest.param(NufftEngine, marks=needs(NufftEngine)),
]


def interrupt_reductions(monkeypatch, engine, after):
    """Press Ctrl-C in a reduction, after so many others."""
    sources = type(engine().bind(np.eye(2)))
    reduce, calls = sources.reduce, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) > after:
            raise KeyboardInterrupt
        return reduce(*arguments)

    monkeypatch.setattr(sources, "reduce", interrupted)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupted_fit_is_no_fit_and_can_be_repeated(monkeypatch, engine):
    drifter = ConservativeDrifter(engine=engine.name, random_state=0).fit(X)
    particles = drifter.particles_
    with monkeypatch.context() as context:
        interrupt_reductions(context, engine, after=8)
        with pytest.raises(KeyboardInterrupt):
            drifter.fit(X)
    with pytest.raises(NotFittedError):
        drifter.sample()
    assert [name for name in vars(drifter) if name.endswith("_")] == []
    assert_allclose(drifter.fit(X).particles_, particles, atol=1e-9)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupted_sample_changes_nothing(monkeypatch, engine):
    drifter = LaplaceDrifter(kernel="gaussian", engine=engine.name, random_state=0)
    drifter.fit(X)
    before, rows = dict(vars(drifter)), drifter.sample(20)
    with monkeypatch.context() as context:
        interrupt_reductions(context, engine, after=8)
        with pytest.raises(KeyboardInterrupt):
            drifter.sample(20)
    assert vars(drifter).keys() == before.keys()
    assert all(vars(drifter)[name] is value for name, value in before.items())
    assert_allclose(drifter.sample(20), rows, atol=1e-9)


def test_ctrl_c_does_not_wait_for_the_tasks_in_the_queue(monkeypatch):
    numba = pytest.importorskip("numba")
    submit, started = ThreadPoolExecutor.submit, []

    def interrupted(pool, task, q):
        if q.start >= 5000 * 128:
            raise KeyboardInterrupt
        return submit(pool, task, q)

    def task(q):
        started.append(q)
        time.sleep(0.01)

    monkeypatch.setattr(numba, "get_num_threads", lambda: 2)
    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        in_threads(task, rows=10_000 * 128, n_sources=1000)
    assert len(started) < 2500


# Fits until it is interrupted, then once more.
INTERRUPTED = """
import signal, threading, time
import numpy as np
from skdrift import ConservativeDrifter

# A shell has its background jobs ignore Ctrl-C, and their children inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
X = np.random.default_rng(0).standard_normal((600, 2))
drifter = ConservativeDrifter(engine="numba", random_state=0).fit(X)
endless = {"max_iter": 20_000, "tol": 0, "early_stopping": False, "verbose": 1}
try:
    ConservativeDrifter(engine="numba", **endless).fit(X)
except KeyboardInterrupt:
    print("interrupted")
busy, _ = time.process_time(), time.sleep(0.5)
print("at rest" if time.process_time() - busy < 0.25 else "busy")
print(threading.active_count(), "thread")
again = ConservativeDrifter(engine="numba", random_state=0).fit(X)
print(np.array_equal(again.particles_, drifter.particles_))
"""


@needs(NumbaEngine)
@pytest.mark.skipif(os.name != "posix", reason="signals are sent as on POSIX")
def test_ctrl_c_in_a_running_fit():
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True
    )
    with process:
        for line in process.stdout:
            if "step 2," in line:
                process.send_signal(signal.SIGINT)
                break
        lines = process.stdout.read().splitlines()
    assert lines[-4:] == ["interrupted", "at rest", "1 thread", "True"]
