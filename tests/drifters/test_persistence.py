"""Saved and loaded: the same numbers elsewhere, and another version noticed."""

import copy
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.preprocessing import StandardScaler

import skdrift
from skdrift import (
    ConservativeDrifter,
    DriftGenerator,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
    _estimator,
)
from skdrift._earlier import EarlierVersionError
from skdrift._estimator import VersionedStateMixin
from skdrift.kernels import Kernel
from skdrift.oversampling import DriftOversampler
from skdrift.pipeline import make_drift_pipeline
from skdrift.tables import TableEncoder, TabularDrifter

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(
    species=np.array(["setosa", "versicolor", "virginica"])[y], large=X[:, 0] > 6
)
ESTIMATORS = {
    "conservative": ConservativeDrifter(random_state=0),
    "laplace": LaplaceDrifter(random_state=0),
    "sharp": SharpDrifter(kernel="gaussian", random_state=0),
    "sinkhorn": SinkhornDrifter(random_state=0),
    "softmax": SoftmaxDrifter(random_state=0),
    "state": ConservativeDrifter(random_state=np.random.RandomState(0)),
    "rows as start": ConservativeDrifter(start=X[:40], random_state=0),
    "generator": DriftGenerator(max_iter=30, random_state=0),
    "pipeline": make_drift_pipeline(StandardScaler(), SharpDrifter(random_state=0)),
    "numbers": TabularDrifter(ConservativeDrifter(random_state=0)),
    "table": TabularDrifter(ConservativeDrifter(random_state=0)),
    "encoder": TableEncoder(),
    "oversampler": DriftOversampler(random_state=0),
}
named = pytest.mark.parametrize("name", ESTIMATORS)


def fit(name):
    estimator = clone(ESTIMATORS[name])
    if name == "oversampler":
        estimator.fit_resample(X[:-5], y[:-5])
        return estimator
    if name == "generator":
        return estimator.fit(X, y)
    return estimator.fit(FRAME if name in ("table", "encoder") else X)


@pytest.fixture(scope="module")
def fitted():
    return {name: fit(name) for name in ESTIMATORS}


def answers(estimator):
    """What a fitted estimator says, bit by bit."""
    if isinstance(estimator, DriftOversampler):
        return [answers(drifter) for drifter in estimator.drifters_.values()]
    if isinstance(estimator, TableEncoder):
        codes = estimator.transform(FRAME)
        return [codes.tolist(), estimator.inverse_transform(codes).to_numpy().tolist()]
    found = [np.asarray(estimator.sample(7, random_state=0)).tolist()]
    if hasattr(estimator, "score_samples"):
        found.append(estimator.score_samples(X).tolist())
    return found


# -- another process -----------------------------------------------------------------

ELSEWHERE = """
import joblib, pickle, sys
folder, tests = sys.argv[1:]
loaded = {}
for library in pickle, joblib:
    with open(f"{folder}/{library.__name__}", "rb") as file:
        loaded[library.__name__] = library.load(file)
sys.path.insert(0, tests)
from test_persistence import answers
found = {
    library: {name: answers(estimator) for name, estimator in fitted.items()}
    for library, fitted in loaded.items()
}
with open(f"{folder}/found", "wb") as file:
    pickle.dump(found, file)
"""


def test_the_same_numbers_in_another_process(fitted, tmp_path):
    libraries = pickle, joblib
    for library in libraries:
        with (tmp_path / library.__name__).open("wb") as file:
            library.dump(fitted, file)
    run = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stderr) == (0, "")
    found = pickle.loads((tmp_path / "found").read_bytes())
    for name, estimator in fitted.items():
        expected = answers(estimator)
        for library in libraries:
            assert found[library.__name__][name] == expected, (library, name)


# -- skops ---------------------------------------------------------------------------


# Of the network of scikit-learn, and of the columns of the frame.
OTHER_TYPES = {
    "generator": {"sklearn.neural_network._stochastic_optimizers.AdamOptimizer"},
    "numbers": {"numpy.dtype"},
    "table": {"numpy.dtype", "pandas.StringDtype"},
    "encoder": {"numpy.dtype", "pandas.StringDtype"},
}


@named
def test_skops_needs_no_trust_but_in_this_package(name, fitted):
    skops_io = pytest.importorskip("skops.io")
    saved = skops_io.dumps(fitted[name])
    untrusted = skops_io.get_untrusted_types(data=saved)
    others = {found for found in untrusted if not found.startswith("skdrift.")}
    assert others <= OTHER_TYPES.get(name, set())
    assert answers(skops_io.loads(saved, trusted=untrusted)) == answers(fitted[name])


def test_skops_loads_nothing_that_is_not_trusted(fitted):
    skops_io = pytest.importorskip("skops.io")
    with pytest.raises(skops_io.exceptions.UntrustedTypesFoundException):
        skops_io.loads(skops_io.dumps(fitted["conservative"]))


# -- versions ------------------------------------------------------------------------


def estimator_classes(base=BaseEstimator):
    for cls in base.__subclasses__():
        yield from estimator_classes(cls)
        if cls.__module__.startswith("skdrift") and not issubclass(cls, Kernel):
            yield cls


def test_every_estimator_saves_the_version():
    classes = set(estimator_classes())
    assert {type(estimator) for estimator in ESTIMATORS.values()} <= classes
    assert {c for c in classes if not issubclass(c, VersionedStateMixin)} == set()


@named
def test_another_version_is_warned_of(name, fitted, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(_estimator, "__version__", "0.0.7")
        saved = pickle.dumps(fitted[name])
    with pytest.warns(InconsistentVersionWarning) as caught:
        loaded = pickle.loads(saved)
    message = str(caught[-1].message)  # the outermost is restored last
    assert f"{type(loaded).__name__} of skdrift from version 0.0.7" in message
    assert f"using version {skdrift.__version__}." in message
    assert caught[-1].message.original_sklearn_version == "0.0.7"
    assert answers(loaded) == answers(fitted[name])


@named
def test_the_same_version_is_not(name, fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for again in (
            pickle.loads(pickle.dumps(fitted[name])),
            copy.deepcopy(fitted[name]),
        ):
            assert vars(again).keys() == vars(fitted[name]).keys()
            clone(again)


def test_a_state_without_a_version_is_of_another_one(fitted):
    state = fitted["conservative"].__getstate__()
    del state["_skdrift_version"]
    before = dict(state)
    with pytest.warns(InconsistentVersionWarning, match="from version unknown"):
        ConservativeDrifter().__setstate__(state)
    assert state.keys() == before.keys()


# Written by 0.1.0.dev0 itself.
SAVED_BY_0_1 = sorted((Path(__file__).parent / "saved_by_0_1").glob("*.pickle"))


@pytest.mark.parametrize("path", SAVED_BY_0_1, ids=lambda path: path.stem)
def test_files_of_0_1_name_the_version_that_loads_them(path):
    with pytest.raises(EarlierVersionError, match=r"Load it with skdrift 0\.1"):
        pickle.loads(path.read_bytes())


def test_there_are_files_of_0_1():
    assert len(SAVED_BY_0_1) == 9


def test_modules_of_0_1_answer_questions_that_are_not_about_classes():
    for name in ("_base", "_frames"):
        assert not hasattr(sys.modules[f"skdrift.{name}"], "__file__")
    with pytest.raises(AttributeError):
        skdrift._generator.anything  # noqa: B018
