"""Fits to Dask arrays and frames, whose rows stay on the workers."""

import os

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skdrift import (
    ConservativeDrifter,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift._data import _chunks
from skdrift._data._rows import Scaling
from skdrift.engines import NumpyEngine, _blocks, _dask
from skdrift.engines._blocks import Blocks, is_dask
from skdrift.fields import conservative
from skdrift.kernels import Gaussian

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

pytestmark = [
    pytest.mark.usefixtures("no_work_is_small"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X = np.random.default_rng(1).standard_normal((900, 3)) * [1.0, 5.0, 0.1]
START = np.random.default_rng(2).standard_normal((40, 3)) * [1.0, 5.0, 0.1]
QUICK = {"max_iter": 4, "n_particles": 64, "random_state": 0, "engine": "numpy"}
# Of all rows, without neighbours.
ALL = {
    "batch_size": None,
    "start": START,
    "early_stopping": False,
    "annealing": 2,
    "columns": "free",
    "max_iter": 6,
    "random_state": 0,
}


@pytest.fixture
def keep(monkeypatch):
    """Set the number of rows that are kept."""

    def keep(n):
        monkeypatch.setattr(_chunks, "_MOST_ROWS", n)
        monkeypatch.setattr(_chunks, "_FEWEST_ROWS", 1)

    return keep


def of_unknown_sizes(rows):
    """Blocks of 100, 0 and 100 rows, and so on; Dask does not know."""
    blocks = da.from_array(rows, chunks=(100, rows.shape[1]))
    nothing = da.zeros((7, rows.shape[1]), chunks=(7, -1), dtype=rows.dtype)
    parts = [part for block in blocks.partitions for part in (block, nothing)]
    return da.concatenate([part[part[:, 2] != 0] for part in parts])


# -- all rows are kept -----------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        da.from_array(X, chunks=(200, 3)),
        da.from_array(X, chunks=(250, 2)),
        da.from_array(X, chunks=-1),
        of_unknown_sizes(X),
        da.from_array(X.astype(np.float32), chunks=(200, 3)),
    ],
    ids=["rows", "rows and columns", "one", "unknown", "float32"],
)
@pytest.mark.parametrize("batch_size", ["auto", None])
def test_an_array_is_its_numpy_array(client, rows, batch_size):
    drifter = ConservativeDrifter(batch_size=batch_size, **QUICK)
    here = drifter.fit(rows.compute()).particles_
    there = drifter.fit(rows).particles_
    assert_array_equal(there, here)
    assert there.dtype == here.dtype


def test_without_a_cluster(monkeypatch):
    monkeypatch.setattr(_blocks, "_current_client", lambda: None)
    rows = da.from_array(X, chunks=(200, 3))
    drifter = ConservativeDrifter(**QUICK)
    assert_array_equal(drifter.fit(rows).particles_, drifter.fit(X).particles_)


def test_nothing_but_the_summary_is_gathered(client, monkeypatch, keep):
    keep(50)
    sizes = []
    original = _blocks._computed

    def computed(delayed):
        sizes.append(original(delayed))
        return sizes[-1]

    monkeypatch.setattr(_blocks, "_computed", computed)
    monkeypatch.setattr(da.Array, "__array__", None)
    monkeypatch.setattr(da.Array, "compute", None)
    ConservativeDrifter(**QUICK).fit(da.from_array(X, chunks=(100, 2)))
    (summary,) = sizes
    assert summary.n_rows == 900
    assert sum(len(s.rows) for s in summary.samples) == 2 * 64 + 1


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize(
    "given",
    [
        lambda w: w,
        lambda w: da.from_array(w, chunks=200),
        lambda w: da.from_array(w, chunks=450),
    ],
    ids=["array", "same blocks", "other blocks"],
)
def test_weights(client, scale, given):
    w = scale * (np.arange(900) % 4)
    rows = da.from_array(X, chunks=(200, 3))
    drifter = ConservativeDrifter(**QUICK)
    there = drifter.fit(rows, sample_weight=given(w)).particles_
    assert_array_equal(there, drifter.fit(X, sample_weight=w).particles_)


def test_a_frame_keeps_its_names(client):
    frames = pytest.importorskip("dask.dataframe", reason="needs pyarrow")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abc"))
    blocks = frames.from_pandas(frame, npartitions=3)
    drifter = ConservativeDrifter(**QUICK)
    here = drifter.fit(frame).particles_
    assert_array_equal(drifter.fit(blocks).particles_, here)
    assert_array_equal(drifter.feature_names_in_, list("abc"))
    weighted = drifter.fit(blocks[["a", "b"]], sample_weight=blocks["c"] ** 2)
    expected = weighted.particles_
    drifter.fit(frame[["a", "b"]], sample_weight=frame["c"] ** 2)
    assert_array_equal(drifter.particles_, expected)


# -- more rows than are kept -----------------------------------------------------------


def test_the_rows_that_are_kept_do_not_depend_on_who_summarises(client, keep):
    keep(50)
    rows = da.from_array(X, chunks=(100, 3))
    drifter = ConservativeDrifter(**QUICK)
    there = drifter.fit(rows).particles_
    assert drifter.flow_.rows.n_samples == 900
    assert len(drifter.flow_.rows.rows) == 2 * 64
    assert_allclose(drifter.scale_, X.std(axis=0), rtol=1e-12)
    # In another order of merges, the moments differ by rounding.
    here = drifter.fit(iter(np.split(X, 9)))
    assert_allclose(here.particles_, there, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("cls", "parameters"),
    [
        (ConservativeDrifter, {}),
        (ConservativeDrifter, {"step_size": "lipschitz"}),
        (SharpDrifter, {}),
        (LaplaceDrifter, {"self_interaction": "leave-one-out", "engine": "dask"}),
    ],
)
def test_all_rows_attract_where_they_are(client, keep, cls, parameters):
    drifter = cls(**ALL, **parameters)
    w = np.arange(900) % 4 * 1.5
    expected = [drifter.fit(X, sample_weight=s).particles_ for s in (None, w)]
    keep(50)
    rows = da.from_array(X, chunks=(200, 2))
    for weight, particles in zip((None, w), expected, strict=True):
        drifter.fit(rows, sample_weight=weight)
        assert len(drifter.flow_.rows.rows) == 50
        assert_allclose(drifter.particles_, particles, rtol=1e-10, atol=1e-10)


def test_all_rows_attract_in_float32_and_with_empty_blocks(client, keep):
    rows = X.astype(np.float32)
    drifter = ConservativeDrifter(**ALL)
    expected = drifter.fit(rows).particles_
    keep(50)
    there = drifter.fit(of_unknown_sizes(rows)).particles_
    assert there.dtype == np.float32
    assert_allclose(there, expected, rtol=1e-4, atol=1e-4)


def test_draws_after_a_fit_to_all_rows_need_no_cluster(start_client, keep):
    keep(200)
    with start_client(2):
        drifter = ConservativeDrifter(**ALL).fit(da.from_array(X, chunks=(200, 3)))
    rows = drifter.sample(200, random_state=0)
    assert_allclose(rows.mean(axis=0), X.mean(axis=0), atol=3 / np.sqrt(40))


@pytest.mark.parametrize("cls", [SinkhornDrifter, SoftmaxDrifter])
def test_fields_that_need_the_rows_themselves(client, keep, cls):
    keep(50)
    with pytest.raises(ValueError, match=rf"{cls.__name__} needs all rows .* 900 rows"):
        cls(batch_size=None).fit(da.from_array(X, chunks=(200, 3)))


def test_all_rows_cannot_attract_without_a_cluster(keep, monkeypatch):
    keep(50)
    for module in (_blocks, _dask):
        monkeypatch.setattr(module, "_current_client", lambda: None)
    with pytest.raises(ValueError, match=r"batch_size=None.*no dask client is running"):
        ConservativeDrifter(**ALL).fit(da.from_array(X, chunks=(200, 3)))


# -- bad input -------------------------------------------------------------------------


def with_value(value, row):
    rows = X.copy()
    rows[row, 1] = value
    return da.from_array(rows, chunks=(200, 3))


@pytest.mark.parametrize(
    ("rows", "weight", "kind", "message"),
    [
        (with_value(np.nan, 450), None, ValueError, "Chunk 2 of X: Column 1 .* row 50"),
        (with_value(np.inf, 0), None, ValueError, "Chunk 0 of X: Column 1 is inf"),
        (da.zeros(9, chunks=3), None, ValueError, r"2D.*got 1 dim"),
        (da.zeros((9, 2, 2), chunks=3), None, ValueError, r"2D.*got 3 dim"),
        (da.zeros((1, 2)), None, ValueError, r"1 sample\(s\)"),
        (da.zeros((0, 2)), None, ValueError, r"0 sample\(s\)"),
        (da.from_array(X.astype(str)), None, ValueError, "Chunk 0 of X: .*strings"),
        (da.from_array(X), np.ones(7), ValueError, r"shape \(7,\), but X has 900"),
        (da.from_array(X), da.ones(7), ValueError, "7 entries, but X has 900"),
        (da.from_array(X), da.ones((900, 2)), ValueError, "one-dimensional"),
        (da.from_array(X), -da.ones(900), ValueError, "Chunk 0 of X: Negative"),
        (of_unknown_sizes(X), np.ones(900), ValueError, "unknown block sizes"),
        (of_unknown_sizes(X), da.ones(900), ValueError, "1 blocks, but X has 18"),
    ],
)
def test_bad_input(client, rows, weight, kind, message):
    with pytest.raises(kind, match=message):
        ConservativeDrifter().fit(rows, sample_weight=weight)


def test_blocks_that_are_not_what_dask_knows_of_them(client):
    rows = da.from_array(X, chunks=(300, 3))
    wrong = rows.map_blocks(
        lambda block, block_id: block[:, : 3 - (block_id[0] == 1)],
        dtype=float,
        meta=np.empty((0, 3)),
    )
    with pytest.raises(ValueError, match="Chunk 1 of X has 2 columns, but chunk 0 has"):
        ConservativeDrifter().fit(wrong)


def test_collections_that_are_no_tables(client):
    bag = pytest.importorskip("dask.bag").from_sequence([1, 2])
    with pytest.raises(TypeError, match="neither an array nor a dataframe: Bag"):
        ConservativeDrifter().fit(bag)
    with pytest.raises(TypeError, match="partial_fit accepts one chunk"):
        ConservativeDrifter().partial_fit(da.from_array(X))
    assert not is_dask(X)


def test_a_cluster_without_workers(monkeypatch, start_client):
    monkeypatch.setattr(_dask, "_PATIENCE", 0.1)
    with start_client(0), pytest.raises(RuntimeError, match=r"had no worker for 0\.1"):
        ConservativeDrifter().fit(da.from_array(X))


def test_a_cluster_whose_workers_leave(monkeypatch, start_client):
    monkeypatch.setattr(_dask, "_PATIENCE", 0.2)
    monkeypatch.setattr(_blocks, "_POLL", 0.1)

    def leave(block):
        worker = distributed.get_worker()
        worker.loop.add_callback(worker.close, nanny=False, executor_wait=False)
        return block

    with start_client(1):
        rows = da.from_array(X, chunks=(300, 3)).map_blocks(leave, dtype=float)
        with pytest.raises(RuntimeError, match=r"no worker for|lost again and again"):
            ConservativeDrifter().fit(rows)


def test_in_a_task_of_the_cluster(client):
    def fit():
        try:
            ConservativeDrifter().fit(da.from_array(X))
        except RuntimeError as error:
            return str(error)

    assert "runs in a task" in client.submit(fit, pure=False).result()


# -- processes -------------------------------------------------------------------------


def deadly(seed, path):
    """Rows of a block; ends the process that finds a file, once."""
    try:
        os.remove(path)
    except FileNotFoundError:
        return np.random.default_rng(seed).standard_normal((500, 2))
    os._exit(1)


class Deadly(Gaussian):
    """Ends the process in which it finds a file, once."""

    def __init__(self, path=None):
        self.path = path

    def log_profile(self, r2):
        if self.path is not None and os.path.exists(self.path):
            os.remove(self.path)
            os._exit(1)
        return super().log_profile(r2)


@pytest.fixture(scope="module")
def processes():
    with distributed.Client(
        n_workers=3, threads_per_worker=1, dashboard_address=":0", set_as_default=False
    ) as client:
        yield client


@pytest.fixture
def bomb(tmp_path):
    """A file that some process finds, once."""
    return tmp_path / "bomb"


@pytest.fixture
def deadly_rows(bomb):
    from dask import delayed

    make = delayed(deadly, pure=True)
    return da.concatenate(
        [da.from_delayed(make(k, str(bomb)), (500, 2), float) for k in range(6)]
    )


def test_a_worker_that_dies_while_it_summarises(processes, bomb, deadly_rows):
    drifter = ConservativeDrifter(**QUICK)
    expected = drifter.fit(deadly_rows.compute(scheduler="synchronous")).particles_
    with processes.as_current():
        bomb.touch()
        there = drifter.fit(deadly_rows).particles_
    assert not bomb.exists()
    assert_array_equal(there, expected)


@pytest.mark.parametrize("when", ["while it makes sources", "while it sums"])
def test_a_worker_that_dies_(processes, bomb, deadly_rows, when):
    rows = deadly_rows.compute(scheduler="synchronous")
    x, profiles = rows[:50] + 0.1, conservative(Gaussian())
    expected = NumpyEngine().bind(rows).reduce(x, profiles, 0.5)
    with processes.as_current():
        blocks = Blocks(deadly_rows)
        units = Scaling(np.zeros(2), np.ones(2), {})
        sources = blocks.bind(units, blocks.summary(0, 0))
        if when == "while it sums":
            sources.reduce(x, profiles, 0.5)
            profiles = conservative(Deadly(str(bomb)))
        bomb.touch()
        result = sources.reduce(x, profiles, 0.5)
    assert not bomb.exists()
    assert_allclose(result.log_z, expected.log_z, atol=1e-11)
    assert_allclose(result.displacement, expected.displacement, atol=1e-11)
