"""Verbs of a drifter in any order: what a fit has found stays until the next one."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skdrift import (
    ConservativeDrifter,
    LaplaceDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)

CLASSES = [ConservativeDrifter, LaplaceDrifter, SinkhornDrifter, SoftmaxDrifter]
DATA = [np.random.default_rng(k).standard_normal((20, 2 + k)) for k in range(2)]
VALUES = {
    "max_iter": [2, 3],
    "n_particles": [10, None],
    "start": ["local", "gaussian"],
    "standardize": [True, False],
    "tol": [0.0, 0.1],
    "random_state": [0, 1],
}


def found_by(drifter, X):
    """What the verbs return after a fit, by name."""
    return {
        "particles": drifter.particles_,
        "draws": drifter.sample(5, random_state=3),
        "score": drifter.score(X),
        "density": drifter.score_samples(X, method="kde"),
        "velocity": drifter.velocity(X),
        "ends": drifter.transform(drifter.start_),
    }


class Verbs(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.expected = self.X = None

    @initialize(cls=st.sampled_from(CLASSES))
    def begin(self, cls):
        self.drifter = cls(max_iter=2, random_state=0, engine="numpy")

    @rule(X=st.sampled_from(DATA))
    def fit(self, X):
        assert self.drifter.fit(X) is self.drifter
        # Nothing is left of an earlier fit.
        fresh = clone(self.drifter).fit(X)
        self.X, self.expected = X, found_by(fresh, X)
        assert vars(fresh).keys() == vars(self.drifter).keys()
        assert_array_equal(
            self.drifter.transform(self.drifter.start_), fresh.particles_
        )

    @rule()
    def fail(self):
        X = DATA[0].copy()
        X[3, 1] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            self.drifter.fit(X)
        self.expected = None

    @rule(data=st.data(), name=st.sampled_from(list(VALUES)))
    def set_parameter(self, data, name):
        value = data.draw(st.sampled_from(VALUES[name]))
        self.drifter.set_params(**{name: value})
        assert self.drifter.get_params()[name] == value

    @rule()
    def pickle(self):
        self.drifter = pickle.loads(pickle.dumps(self.drifter))

    @rule()
    def clone(self):
        cloned = clone(self.drifter)
        assert cloned.get_params() == self.drifter.get_params()
        with pytest.raises(NotFittedError):
            cloned.sample()

    @precondition(lambda self: self.expected is None)
    @rule()
    def not_fitted(self):
        for verb in ("sample", "trajectory"):
            with pytest.raises(NotFittedError):
                getattr(self.drifter, verb)()

    @precondition(lambda self: self.expected is not None)
    @rule()
    def look(self):
        found = found_by(self.drifter, self.X)
        for name, value in self.expected.items():
            assert_array_equal(found[name], value, name)


def test_verbs_in_any_order():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", UserWarning)
        run_state_machine_as_test(
            Verbs,
            settings=settings(
                derandomize=True,
                deadline=None,
                database=None,
                max_examples=20,
                stateful_step_count=12,
                phases=[Phase.generate, Phase.shrink],
            ),
        )
