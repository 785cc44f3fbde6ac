"""Fits to chunks: what an array gives, bit for bit, as long as all rows are kept."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import moons
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skdrift import (
    ConservativeDrifter,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift._data import _chunks

EACH = pytest.mark.parametrize(
    "cls",
    [
        ConservativeDrifter,
        LaplaceDrifter,
        SharpDrifter,
        SinkhornDrifter,
        SoftmaxDrifter,
    ],
)
X = np.column_stack([moons(300), np.repeat([0.0, 1.0, 2.5], 100)])
CHUNKS = np.split(X, [80, 81, 200])
# The engine that "auto" chooses depends on what the process has loaded before.
QUICK = {"max_iter": 5, "n_particles": 64, "engine": "numpy"}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def keep(monkeypatch):
    """Set the number of rows that are kept."""

    def keep(n):
        monkeypatch.setattr(_chunks, "_MOST_ROWS", n)
        monkeypatch.setattr(_chunks, "_FEWEST_ROWS", 1)

    return keep


def assert_same_fits(a, b):
    assert_array_equal(a.particles_, b.particles_)
    assert_array_equal(a.sample(20, random_state=1), b.sample(20, random_state=1))
    assert a.particles_.dtype == b.particles_.dtype
    assert a.bandwidth_ == b.bandwidth_
    assert a.memorization_auc_ == b.memorization_auc_
    assert a.tracer_spread_ == b.tracer_spread_
    assert repr(a.columns_) == repr(b.columns_)


# -- all rows are kept -----------------------------------------------------------------


@EACH
def test_chunks_and_parts_give_what_the_array_gives(cls):
    whole = cls(random_state=0, **QUICK).fit(X)
    chunked = cls(random_state=0, **QUICK).fit(iter(CHUNKS))
    partial = cls(random_state=0, **QUICK)
    for chunk in CHUNKS:
        assert partial.partial_fit(chunk) is partial
    for other in (chunked, partial):
        assert_same_fits(whole, other)
        assert other.n_features_in_ == 3
        assert not hasattr(other, "feature_names_in_")


@pytest.mark.parametrize("seed", [np.random.RandomState, lambda _: None])
def test_the_random_stream_is_not_disturbed(seed):
    def fitted(data):
        np.random.seed(3)  # noqa: NPY002  # None stands for this one
        return ConservativeDrifter(random_state=seed(5), **QUICK).fit(data)

    assert_array_equal(fitted(X).particles_, fitted(iter(CHUNKS)).particles_)


@pytest.mark.parametrize("scale", [1, 0.3])
def test_weights_of_chunks(scale):
    w = scale * (np.arange(300) % 4)
    weights = np.split(w, [80, 81, 200])
    drifter = ConservativeDrifter(random_state=0, **QUICK)
    whole = clone(drifter).fit(X, sample_weight=w)
    assert_same_fits(whole, clone(drifter).fit(iter(CHUNKS), sample_weight=weights))
    partial = clone(drifter)
    for chunk, weight in zip(CHUNKS, weights, strict=True):
        partial.partial_fit(chunk, sample_weight=weight)
    assert_same_fits(whole, partial)


def test_precision_is_the_one_of_the_chunks():
    drifter = ConservativeDrifter(random_state=0, **QUICK)
    rows = X.astype(np.float32)
    chunked = clone(drifter).fit(iter(np.split(rows, 3)))
    assert chunked.particles_.dtype == np.float32
    assert_same_fits(clone(drifter).fit(rows), chunked)
    integers = (10 * X).astype(int)
    assert_same_fits(
        clone(drifter).fit(integers), clone(drifter).fit(iter(np.split(integers, 3)))
    )


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_their_names(library):
    frames = pytest.importorskip(library)
    chunks = [frames.DataFrame(dict(zip("abc", c.T, strict=True))) for c in CHUNKS]
    drifter = ConservativeDrifter(random_state=0, **QUICK)
    chunked, partial = clone(drifter).fit(iter(chunks)), clone(drifter)
    for chunk in chunks:
        partial.partial_fit(chunk)
    for fitted in (chunked, partial):
        assert_array_equal(fitted.feature_names_in_, list("abc"))
        fitted.score_samples(chunks[0])
    assert_same_fits(chunked, partial)
    start = frames.DataFrame(dict(zip("acb", X[:20].T, strict=True)))
    with pytest.raises(ValueError, match="column 1 is 'b' in one and 'c' in"):
        ConservativeDrifter(start=start).fit(iter(chunks))
    with pytest.raises(ValueError, match="feature names should match"):
        partial.partial_fit(start)
    assert_same_fits(chunked, partial)  # as it was
    assert not hasattr(
        clone(drifter).fit(chunks[0]).fit(iter(CHUNKS)), "feature_names_in_"
    )


# -- more rows than are kept -----------------------------------------------------------


@EACH
def test_a_part_stands_for_all(cls, keep):
    keep(150)
    drifter = cls(random_state=0, max_iter=5, columns="free", engine="numpy")
    part = clone(drifter).fit(iter(CHUNKS))
    whole = clone(drifter).fit(X)
    assert len(part.flow_.rows.rows) == 150
    assert part.flow_.rows.n_samples == 300
    assert len(part.particles_) == len(whole.particles_)
    assert_allclose(part.bandwidth_, whole.bandwidth_, rtol=1e-12)
    assert_allclose(part.scale_, X.std(axis=0), rtol=1e-12)
    assert_allclose(part.flow_.scaling.mean, X.mean(axis=0), atol=1e-14)
    # Within the standard errors of 150 of the rows.
    assert_allclose(part.sample(600).mean(axis=0), X.mean(axis=0), atol=0.25)
    partial = clone(drifter)
    for chunk in CHUNKS:
        partial.partial_fit(chunk)
    assert_same_fits(part, partial)


def test_partial_fit_goes_on_after_fit_and_after_pickling(keep):
    keep(150)
    drifter = ConservativeDrifter(random_state=0, **QUICK)
    whole = clone(drifter).fit(iter(CHUNKS))
    partial = pickle.loads(pickle.dumps(clone(drifter).fit(iter(CHUNKS[:2]))))
    for chunk in CHUNKS[2:]:
        partial.partial_fit(chunk)
    assert_same_fits(whole, partial)


def test_partial_fit_after_an_array_starts_anew_with_a_warning():
    drifter = ConservativeDrifter(random_state=0, **QUICK).fit(iter(CHUNKS)).fit(X)
    with pytest.warns(UserWarning, match="starts anew"):
        drifter.partial_fit(X[:, :2])
    again = ConservativeDrifter(random_state=0, **QUICK).fit(X[:, :2])
    assert_same_fits(drifter, again)


def test_bounds_reach_to_rows_that_were_left_out(keep):
    keep(400)
    rng = np.random.default_rng(0)
    x = rng.uniform(3, 5, (4000, 2))
    drifter = ConservativeDrifter(random_state=0, **QUICK).fit(iter(np.split(x, 8)))
    for law, column in zip(drifter.columns_, x.T, strict=True):
        assert law.low == column.min()
        assert law.high == column.max()
    given = ConservativeDrifter(columns={0: {"bounds": (3.1, None)}}, **QUICK)
    with pytest.raises(ValueError, match=r"Column 0 has the value 3\.0.*bound"):
        given.fit(iter(np.split(x, 8)))
    # The rows that cross a bound may all have been left out.
    x[:, 0] = np.append(rng.uniform(3.1, 5, 3999), 3.01)
    with pytest.raises(ValueError, match=r"Column 0 has the value 3\.01, beyond"):
        given.set_params(random_state=0).fit(iter(np.split(x, 8)))


def test_columns_that_are_nearly_constant(keep):
    keep(20)
    x = np.random.default_rng(0).normal(size=(400, 2))
    x[:, 1] = 0.0
    x[7, 1] = 1.0
    for columns in ("free", "auto"):
        drifter = ConservativeDrifter(columns=columns, random_state=0, **QUICK)
        drifter.fit(iter(np.split(x, 4)))
        assert_allclose(drifter.scale_[1], x[:, 1].std())
        assert np.isfinite(drifter.sample(5)).all()


@pytest.mark.parametrize(
    ("parameters", "n_kept"),
    [
        ({"batch_size": 200}, 200),
        ({"n_particles": 120}, 240),
        ({"start": X[:110]}, 220),
        ({"batch_size": 10, "n_particles": 120}, 100),
    ],
)
def test_as_many_rows_are_kept_as_are_needed(keep, parameters, n_kept):
    keep(100)
    drifter = ConservativeDrifter(max_iter=1, **parameters).fit(iter(CHUNKS))
    assert drifter._summary.samples[0].size == n_kept


def test_all_rows_cannot_attract_if_they_are_not_kept(keep):
    drifter = ConservativeDrifter(batch_size=None, random_state=0, **QUICK)
    assert_same_fits(clone(drifter).fit(iter(CHUNKS)), clone(drifter).fit(X))
    keep(150)
    read = []
    with pytest.raises(ValueError, match=r"batch_size=None.*150 .*Choose another"):
        drifter.fit(read.append(k) or chunk for k, chunk in enumerate(CHUNKS))
    assert read == [0, 1, 2]  # the last one is not read
    drifter.partial_fit(CHUNKS[0])
    with pytest.raises(ValueError, match=r"batch_size=None.*150"):
        drifter.partial_fit(X)
    assert drifter.flow_.rows.n_samples == 80


# -- bad input -------------------------------------------------------------------------


def test_a_failed_fit_leaves_nothing_and_a_failed_partial_fit_all():
    drifter = ConservativeDrifter(random_state=0, **QUICK).fit(iter(CHUNKS))
    before = pickle.dumps(drifter)
    bad = X[:10].copy()
    bad[3, 1] = np.nan
    for rows, message in [
        (bad, "Chunk 4 of X: Column 1 is nan in row 3"),
        (X[:, :2], "X has 2 features, but ConservativeDrifter is expecting 3"),
        (X.astype(str), "strings"),
    ]:
        with pytest.raises(ValueError, match=message):
            drifter.partial_fit(rows)
        assert pickle.dumps(drifter) == before
    with pytest.raises(ValueError, match="Chunk 1 of X: Column 1 is nan in row 3"):
        drifter.fit(iter([X, bad]))
    with pytest.raises(NotFittedError):
        drifter.sample()
    assert not hasattr(drifter, "_summary")
    with pytest.raises(ValueError, match=r"1 sample\(s\) in 1 chunk"):
        drifter.partial_fit(X[:1])
    assert not hasattr(drifter, "n_features_in_")


def test_partial_fit_accepts_one_chunk():
    with pytest.raises(TypeError, match=r"accepts one chunk.*got list_iterator"):
        ConservativeDrifter().partial_fit(iter(CHUNKS))


def test_weights_of_an_array_do_not_belong_to_chunks():
    with pytest.raises(ValueError, match="iterable of the weights of every chunk"):
        ConservativeDrifter().fit(iter(CHUNKS), sample_weight=np.ones(300))


def test_a_memory_map_whose_file_has_shrunk(tmp_path):
    path = tmp_path / "rows"
    X.tofile(path)
    rows = np.memmap(path, np.float64, mode="r", shape=X.shape)
    drifter = ConservativeDrifter(random_state=0, **QUICK)
    assert_same_fits(
        clone(drifter).fit(np.asarray(X)), clone(drifter).fit(iter([rows]))
    )
    later = np.memmap(path, np.float64, "r", 4800, (100, 3))
    drifter.fit(later)
    with open(path, "r+b") as file:
        file.truncate(7100)
        with pytest.raises(ValueError, match="has shrunk from 7200 to 7100 bytes"):
            drifter.fit(later)
        file.truncate(100)
    for data in (rows, rows[::2], iter([rows[:50], rows[50:]])):
        with pytest.raises(ValueError, match="has shrunk from 7200 to 100 bytes"):
            drifter.fit(data)
