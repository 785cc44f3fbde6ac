"""What a fit and its draws tell while they run, and where the particles went."""

import re
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import WINE
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skdrift import ConservativeDrifter, LaplaceDrifter

STEP = re.compile(
    r"step (\d+), bandwidth ([\d.e-]+), residual velocity [\d.e-]+ bandwidths, "
    r"[\d.e-]+ s$"
)


def test_every_step_of_fit_is_printed_with_its_time(capsys):
    drifter = LaplaceDrifter(start="gaussian", verbose=1, random_state=0).fit(WINE)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert all(line.startswith("[LaplaceDrifter] step ") for line in lines)
    steps = [STEP.search(line).groups() for line in lines]
    assert [int(t) for t, _ in steps] == list(range(drifter.n_iter_ + 1))
    printed = [float(h) for _, h in steps]
    assert_allclose(printed, drifter.history_["bandwidth"], rtol=1e-3)


def test_sample_prints_the_steps_of_every_ensemble(capsys):
    drifter = ConservativeDrifter(random_state=0).fit(WINE)
    rows = drifter.sample(400)
    assert capsys.readouterr().out == ""
    assert_array_equal(drifter.set_params(verbose=1).sample(400), rows)
    lines = capsys.readouterr().out.splitlines()
    told = [(i, t) for i in (1, 2) for t in range(drifter.n_iter_)]
    assert len(lines) == len(told)
    for line, (i, t) in zip(lines, told, strict=True):
        start = f"[ConservativeDrifter] ensemble {i} of 2, step {t}, "
        assert line.startswith(start)
        assert STEP.search(line)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_trajectory_is_the_flow(dtype):
    X = WINE[:, :3].astype(dtype)
    drifter = ConservativeDrifter(random_state=0).fit(X)
    trajectory = drifter.trajectory()
    assert trajectory.shape == (drifter.n_iter_ + 1, 178, 3)
    assert trajectory.dtype == dtype
    assert_array_equal(trajectory[0], drifter.start_)
    assert_array_equal(trajectory[-1], drifter.particles_)
    # Its steps have the residual velocity of the history, in units of the columns.
    steps = np.diff(trajectory.astype(np.float64), axis=0) / drifter.scale_
    length = np.sqrt((steps**2).sum(axis=2).mean(axis=1))
    assert_allclose(length, drifter.history_["residual_velocity"][:-1], rtol=1e-3)
    with pytest.raises(NotFittedError):
        ConservativeDrifter().trajectory()


# -- callbacks -----------------------------------------------------------------------


class Recorder:
    """A callback that follows every estimator of a fit."""

    max_propagation_depth = None

    def __init__(self):
        self.tasks = []

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append((type(estimator).__name__, context.task_name, "begin"))

    def on_fit_task_end(self, estimator, context):
        self.tasks.append((type(estimator).__name__, context.task_name, "end"))
        assert len(context._children_map) <= context.max_subtasks


@pytest.fixture
def recorder():
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 is the first")
    return Recorder()


@pytest.mark.parametrize("start", ["gaussian", "local"])
def test_callbacks_see_every_flow_and_step(recorder, start):
    drifter = ConservativeDrifter(start=start, random_state=0)
    particles = drifter.fit(WINE).particles_
    drifter.set_callbacks(recorder).fit(WINE)
    assert_array_equal(drifter.particles_, particles)
    assert (recorder.tasks[0], recorder.tasks[-1]) == ("setup", "teardown")
    tasks = [task[1:] for task in recorder.tasks[1:-1]]
    assert (tasks[0], tasks[-1]) == (("fit", "begin"), ("fit", "end"))
    flows, steps = tasks.count(("flow", "end")), tasks.count(("step", "end"))
    assert flows == tasks.count(("flow", "begin"))
    assert steps == tasks.count(("step", "begin"))
    if start == "gaussian":
        assert (flows, steps) == (1, drifter.n_iter_ + 1)
    else:
        assert 1 < flows <= 5
        assert steps > drifter.n_iter_ + 1


def test_callbacks_of_a_search_reach_the_drifters(recorder):
    search = GridSearchCV(ConservativeDrifter(random_state=0), {"max_iter": [30]}, cv=2)
    search.set_callbacks(recorder).fit(WINE)
    fits = recorder.tasks.count(("ConservativeDrifter", "fit", "end"))
    assert fits == 3  # two folds and the refit
    assert ("ConservativeDrifter", "step", "end") in recorder.tasks


def test_a_failed_fit_ends_its_callbacks_and_leaves_nothing(recorder, monkeypatch):
    def interrupt(estimator, context):
        if context.task_name == "step":
            raise KeyboardInterrupt

    monkeypatch.setattr(recorder, "on_fit_task_end", interrupt)
    drifter = ConservativeDrifter().set_callbacks(recorder)
    before = set(vars(drifter))
    with pytest.raises(KeyboardInterrupt):
        drifter.fit(WINE)
    assert recorder.tasks[-1] == "teardown"
    assert set(vars(drifter)) == before


# As before scikit-learn 1.9, as far as skdrift can see.
WITHOUT_CALLBACKS = """
import sys
import sklearn.ensemble, sklearn.model_selection, sklearn.neighbors
import sklearn.neural_network
from sklearn.datasets import load_wine
callback = sys.modules.get("sklearn.callback")
sys.modules["sklearn.callback"] = None
from skdrift import ConservativeDrifter
sys.modules["sklearn.callback"] = callback
drifter = ConservativeDrifter(random_state=0).fit(load_wine().data)
print(drifter.particles_.shape, hasattr(drifter, "set_callbacks"))
"""


def test_versions_without_callbacks():
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_CALLBACKS], capture_output=True, text=True
    )
    assert run.stdout.strip() == "(178, 13) False", run.stderr
