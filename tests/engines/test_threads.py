"""Small work takes one thread of BLAS or OpenMP, and leaves their number as it was."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPRegressor
from threadpoolctl import ThreadpoolController, threadpool_limits

from skdrift import DriftGenerator
from skdrift._data._neighbors import NearestRows
from skdrift._threads import (
    _let_others_control,
    one_blas_thread,
    threads_for_neighbors,
    threads_for_trees,
)
from skdrift.engines import NumpyEngine
from skdrift.fields import conservative
from skdrift.kernels import Gaussian
from skdrift.metrics import classifier_two_sample_test, train_on_synthetic_score

X = np.random.default_rng(0).standard_normal((60, 12))


def n_threads(user_api):
    """The largest number of threads of the libraries with this interface.

    But of OpenMP that of scikit-learn, if it has its own: KeOps may bring another.
    """
    pools = ThreadpoolController().select(user_api=user_api).info()
    own = [pool for pool in pools if "scikit_learn" in pool["filepath"]]
    return max(pool["num_threads"] for pool in own or pools)


@pytest.fixture(autouse=True)
def _two_threads():
    before = threadpool_limits(2)  # not as a context, which keeps other threads out
    _let_others_control()
    yield
    now = n_threads("blas"), n_threads("openmp")
    before.restore_original_limits()
    _let_others_control()
    assert now == (2, 2)


class Watched:
    """Notes the threads at every call of a method."""

    def __init__(self, monkeypatch, owner, name, user_api):
        self.numbers, method = [], getattr(owner, name)

        def noting(*args, **kwargs):
            self.numbers.append(n_threads(user_api))
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, noting)


def test_sums_of_numpy(monkeypatch):
    seen = Watched(monkeypatch, Gaussian, "log_profile", "blas")
    NumpyEngine().bind(X).reduce(X, conservative(Gaussian()), 1.0)
    assert {*seen.numbers} == {1}
    assert n_threads("blas") == 2


@pytest.mark.filterwarnings("ignore:After 2 steps")
def test_steps_of_a_network(monkeypatch):
    seen = Watched(monkeypatch, MLPRegressor, "partial_fit", "blas")
    DriftGenerator(max_iter=2, random_state=0).fit(X)
    assert {*seen.numbers} == {1}


@pytest.mark.parametrize(
    "judge",
    [
        lambda estimator: classifier_two_sample_test(
            X, X[::-1] + 1, classifier=estimator, random_state=0
        ),
        lambda estimator: train_on_synthetic_score(
            X, test=X, train=X, target=0, estimator=estimator
        ),
    ],
)
def test_trees_of_few_rows(judge, monkeypatch):
    seen = [
        Watched(monkeypatch, trees, "fit", "openmp")
        for trees in (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
    ]
    judge(None)
    assert {*seen[0].numbers, *seen[1].numbers} == {1}


def test_neighbors_of_few_rows(monkeypatch):
    seen = Watched(monkeypatch, NearestNeighbors, "kneighbors", "openmp")
    NearestRows(X).indices(X, 3)
    assert {*seen.numbers} == {1}


def test_many_rows_take_all_threads():
    for context in (threads_for_trees(10**7), threads_for_neighbors(10**12)):
        with context:
            assert n_threads("openmp") == 2


def test_nested_contexts_and_errors():
    with one_blas_thread():
        with pytest.raises(KeyError), one_blas_thread():
            raise KeyError
        assert n_threads("blas") == 1
    assert n_threads("blas") == 2


def test_threads_that_overlap_leave_the_number_as_it_was():
    """The first to enter leaves first; the second one may not keep what it found."""
    entered, inside, left = (Barrier(2, timeout=30) for _ in range(3))

    def first():
        with one_blas_thread():
            entered.wait()
            inside.wait()
        left.wait()

    def second():
        entered.wait()
        with one_blas_thread():
            inside.wait()
            left.wait()
            return n_threads("blas")

    for _ in range(20):
        with ThreadPoolExecutor(2) as pool:
            pool.submit(first)
            assert pool.submit(second).result(timeout=60) == 1
        assert n_threads("blas") == 2


def test_many_threads_at_once():
    engine, field = NumpyEngine(), conservative(Gaussian())
    expected = engine.bind(X).reduce(X, field, 1.0).log_z

    def sums(_):
        return engine.bind(X).reduce(X, field, 1.0).log_z

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(sums, range(200)):
            np.testing.assert_array_equal(found, expected)
    assert n_threads("blas") == 2


def test_in_the_context_of_a_user():
    with threadpool_limits(3):
        with one_blas_thread():
            assert n_threads("blas") == 1
        assert n_threads("blas") == 3
