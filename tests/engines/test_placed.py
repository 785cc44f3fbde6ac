"""Points that are placed where KeOps sums: tensors of PyTorch, here on the CPU."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import WINE_3D, clouds, weighted_sources

from skdrift import ConservativeDrifter
from skdrift.engines import (
    KeopsEngine,
    NufftEngine,
    NumbaEngine,
    NumpyEngine,
    _keops,
)
from skdrift.fields import DriftField, conservative
from skdrift.kernels import Gaussian

torch = pytest.importorskip("torch")
if KeopsEngine.unavailable_reason() is not None:
    pytest.skip(KeopsEngine.unavailable_reason(), allow_module_level=True)

PROFILES = conservative(Gaussian())
assert_close = partial(assert_allclose, rtol=1e-12, atol=1e-12)


@pytest.fixture
def torch_has_a_device(monkeypatch):
    """KeOps by name keeps tensors of PyTorch, as it does with a GPU."""
    monkeypatch.setattr(_keops, "_gpu_of_torch", lambda: "cpu")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("deletes", [False, True])
def test_sums_of_placed_points_are_placed(weighted, deletes):
    x, y, log_w = weighted_sources(3)
    log_w = log_w if weighted else None
    deleted = np.where(np.arange(len(x)) % 3, -1, np.arange(len(x)))
    given = PROFILES, 0.5, deleted if deletes else None
    expected = NumpyEngine().bind(y, log_w).reduce(x, *given)
    engine = KeopsEngine("cpu")
    for sources in (y, engine.place(y)):
        result = engine.bind(sources, log_w).reduce(engine.place(x), *given)
        for found, numbers in zip(result, expected, strict=True):
            assert type(found) is torch.Tensor
            assert found.dtype is torch.float64
            assert_close(engine.fetch(found), numbers)


def test_the_only_source_deleted():
    engine = KeopsEngine("cpu")
    x = engine.place(np.array([[3.0, 7.0, 7.0]]))
    result = engine.bind(x).reduce(x, PROFILES, 1.0, np.array([0]))
    assert engine.fetch(result.log_z) == [-np.inf]
    assert not engine.fetch(result.displacement).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_placing_and_fetching_change_nothing(dtype):
    points = np.random.default_rng(0).normal(size=(5, 4)).astype(dtype)[::2, ::-1]
    for engine in (KeopsEngine("cpu"), KeopsEngine(), NumpyEngine()):
        fetched = engine.fetch(engine.place(engine.place(points)))
        assert type(fetched) is np.ndarray
        assert fetched.dtype == dtype
        assert_array_equal(fetched, points)
    for engine in (NumpyEngine(), NumbaEngine(), NufftEngine()):
        assert engine.place(points) is engine.fetch(points) is points


def test_what_is_placed_is_a_copy():
    points = np.ones((2, 3))
    placed = KeopsEngine("cpu").place(points)
    placed *= 2
    assert_array_equal(points, 1)


@pytest.mark.parametrize("alone", [False, True])
def test_a_velocity_crosses_over_twice(alone, monkeypatch):
    data, particles, queries = clouds(3)
    crossings = []
    put, get = _keops._TorchMemory.put, _keops._TorchMemory.get

    def counting(move, self, array):
        if isinstance(array, np.ndarray) or move is get:
            crossings.append(tuple(array.shape))
        return move(self, array)

    def fetching(self, array):
        crossings.append(tuple(array.shape))
        return array.numpy()

    field = DriftField(PROFILES, leave_one_out=alone)
    bound, reference = (
        field.bind(engine, data) for engine in (KeopsEngine("cpu"), NumpyEngine())
    )
    monkeypatch.setattr(_keops._TorchMemory, "put", lambda *a: counting(put, *a))
    monkeypatch.setattr(_keops._TorchMemory, "get", lambda *a: counting(get, *a))
    monkeypatch.setattr(KeopsEngine, "fetch", fetching)
    velocity = bound.on_particles(particles, 0.7)
    assert type(velocity) is np.ndarray
    assert_close(velocity, reference.on_particles(particles, 0.7))
    own = [(12,)] if alone else []  # the numbers of the particles
    assert crossings == [(12, 3), *own, (12, 3)]
    crossings.clear()
    assert_close(
        bound.at(queries, particles, 0.7), reference.at(queries, particles, 0.7)
    )
    assert crossings == [(6, 3), (12, 3), (6, 3)]


def test_data_of_another_engine_see_arrays_of_numpy():
    data, particles, queries = clouds(3)
    bound = DriftField(PROFILES).bind(KeopsEngine("cpu"), NumpyEngine().bind(data))
    reference = DriftField(PROFILES).bind(NumpyEngine(), data)
    assert_close(
        bound.on_particles(particles, 0.7), reference.on_particles(particles, 0.7)
    )
    assert_close(
        bound.at(queries, particles, 0.7), reference.at(queries, particles, 0.7)
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("self_interaction", ["full", "leave-one-out"])
def test_fits_are_those_of_numpy(self_interaction, torch_has_a_device):
    drifters = [
        ConservativeDrifter(
            engine=engine,
            self_interaction=self_interaction,
            max_iter=25,
            random_state=0,
        ).fit(WINE_3D)
        for engine in ("keops", "numpy")
    ]
    found, expected = drifters
    assert found.engine_ == "keops"
    assert found.stopped_by_ == expected.stopped_by_
    for name, numbers in expected.history_.items():
        assert_close(found.history_[name], numbers)
    scale = expected.scale_
    assert_close(found.particles_ / scale, expected.particles_ / scale)
    assert_close(found.sample(50) / scale, expected.sample(50) / scale)
    rows = WINE_3D[:20]
    assert_close(found.velocity(rows) / scale, expected.velocity(rows) / scale)
    assert_close(found.transform(rows) / scale, expected.transform(rows) / scale)
    assert_close(found.score(rows), expected.score(rows), rtol=1e-9)
