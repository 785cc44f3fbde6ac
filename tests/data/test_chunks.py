"""Summaries of chunks: exact moments, a uniform sample, and errors that say where."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2

from skdrift._data import _chunks
from skdrift._data._chunks import (
    Moments,
    Summary,
    are_chunks,
    rows_to_keep,
    summary_of,
)


@pytest.fixture
def keep(monkeypatch):
    """Set the number of rows that are kept."""

    def keep(n):
        monkeypatch.setattr(_chunks, "_MOST_ROWS", n)
        monkeypatch.setattr(_chunks, "_FEWEST_ROWS", 1)

    return keep


def summaries(chunks, weights=None, seed=0):
    weights = [None] * len(chunks) if weights is None else weights
    pairs = enumerate(zip(chunks, weights, strict=True))
    return [Summary.of(chunk, w, k, seed, 0) for k, (chunk, w) in pairs]


def bracketed(parts, rng):
    """Merge neighbours at random places until one is left."""
    while len(parts) > 1:
        k = rng.integers(len(parts) - 1)
        parts[k : k + 2] = [parts[k].merge(parts[k + 1])]
    return parts[0].joined()


# -- moments ---------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    d=st.integers(1, 4),
    log_scale=st.integers(-140, 140),
    shift=st.sampled_from([0.0, 1.0, 1e4]),
    seed=st.integers(0, 2**16),
)
def test_moments_are_those_of_all_rows(sizes, d, log_scale, shift, seed):
    rng = np.random.default_rng(seed)
    n, scale = sum(sizes), 10.0**log_scale
    X = scale * (shift + rng.standard_normal((n, d)))
    X[:, 0] = 3.0 * scale
    w = rng.integers(0, 4, n) * rng.choice([1.0, 0.37])
    edges = np.cumsum(sizes)[:-1]
    merged = bracketed(summaries(np.split(X, edges), np.split(w, edges)), rng)
    m, kept = merged.moments, w > 0
    assert (merged.n_rows, merged.n_weighted) == (n, kept.sum())
    assert_allclose(m.total, w.sum(), rtol=1e-12)
    if not kept.any():
        return
    mean = np.average(X, weights=w, axis=0)
    # Relative to the scale: squares of it would overflow.
    std = scale * np.sqrt(np.average(((X - mean) / scale) ** 2, weights=w, axis=0))
    tolerance = 1e-12 * scale * (1 + shift)
    assert_allclose(m.mean, mean, rtol=0, atol=tolerance)
    assert_allclose(m.std, std, rtol=0, atol=tolerance)
    assert_array_equal(m.low, X[kept].min(axis=0))
    assert_array_equal(m.high, X[kept].max(axis=0))
    assert m.std[0] == 0
    assert m.mean[0] == 3.0 * scale


def test_moments_of_a_long_chunk_are_merged_as_well(monkeypatch):
    X = np.random.default_rng(0).standard_normal((1000, 3))
    whole = Moments.of(X, np.ones(1000))
    monkeypatch.setattr(_chunks, "_BATCH", 60)
    for a, b in zip(whole, Moments.of(X, np.ones(1000)), strict=True):
        assert_allclose(a, b, rtol=1e-12, atol=1e-14)


# -- the sample ------------------------------------------------------------------------


def test_the_sample_does_not_depend_on_brackets(keep):
    keep(25)
    rng = np.random.default_rng(0)
    chunks = np.split(rng.standard_normal((300, 2)), np.cumsum([40, 3, 0, 90, 1, 60]))
    weights = [rng.random(len(chunk)) for chunk in chunks]
    results = [
        bracketed(summaries(chunks, weights), np.random.default_rng(seed)).samples[0]
        for seed in range(8)
    ]
    results.append(
        reduce(Summary.merge, summaries(chunks, weights)).joined().samples[0]
    )
    for result in results:
        assert len(result.rows) == 26  # one more tells the share of the others
        for a, b in zip(result[1:], results[0][1:], strict=True):
            assert_array_equal(a, b)


def test_rows_stay_in_order_and_as_they_are_while_they_are_few():
    X = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    rows, weight, whole = summary_of(iter(np.split(X, 5)), None, 0, 0).data()
    assert_array_equal(rows, X)
    assert_array_equal(weight, np.ones(50))
    assert rows.dtype == np.float32
    assert whole is None


def test_every_row_is_as_likely_as_any_other(keep):
    keep(20)
    X = np.arange(100.0)[:, None]
    times = np.zeros(100)
    for seed in range(500):
        rows, weight, whole = summary_of(
            iter(np.split(X, [10, 11, 70])), None, seed, 0
        ).data()
        times[rows[:, 0].astype(int)] += 1
        assert_allclose(weight, weight[0], rtol=1e-12)
        assert whole.n_samples == 100
    assert times.sum() == 500 * 20
    expected = 100.0  # of variance 80, as rows are not chosen twice
    statistic = np.sum((times - expected) ** 2) / 80 * 99 / 100
    assert chi2.sf(statistic, 99) > 0.01
    assert chi2.cdf(statistic, 99) > 0.01


def test_weights_of_the_sample_are_unbiased(keep):
    keep(30)
    rng = np.random.default_rng(1)
    X, w = np.arange(100.0)[:, None], rng.random(100) ** 4 + 1e-3
    totals = np.zeros(100)
    n_draws = 400
    for seed in range(n_draws):
        rows, weight, _ = summary_of(
            iter(np.split(X, 4)), iter(np.split(w, 4)), seed, 0
        ).data()
        np.add.at(totals, rows[:, 0].astype(int), weight)
    # The heavy rows are in nearly every sample, with hardly more than their weight.
    heavy = w > 0.2
    assert_allclose(totals[heavy] / n_draws, w[heavy], rtol=0.15)
    assert_allclose(totals.sum() / n_draws, w.sum(), rtol=0.02)


def test_weights_count_as_repetitions_do(keep):
    """Shares of the rows in samples of a table and of the same with rows repeated."""
    keep(40)
    X = np.arange(60.0)[:, None]
    w = np.array([1, 2, 5] * 20)
    repeated = np.repeat(X, w, axis=0)
    shares = np.zeros((2, 3))
    for seed in range(300):
        for i, (rows, weights) in enumerate(
            [(X, iter(np.split(w, 3))), (repeated, None)]
        ):
            sums = summary_of(iter(np.array_split(rows, 3)), weights, seed, 0)
            kept, weight, whole = sums.data()
            assert whole.n_samples == w.sum()
            kind = kept[:, 0].astype(int) % 3
            shares[i] += np.bincount(kind, weight, 3) / weight.sum()
            counts = np.array([1, 2, 5])[kind] if i == 0 else np.ones(len(kept))
            assert_array_equal(whole.count, counts)
    assert_allclose(shares / 300, [np.array([1, 2, 5]) / 8] * 2, atol=0.015)


def test_relative_weights_count_rows(keep):
    keep(10)
    X = np.random.default_rng(0).standard_normal((50, 2))
    _, _, whole = summary_of(iter([X]), iter([np.full(50, 0.5)]), 0, 0).data()
    assert whole.n_samples == 50
    w = np.where(np.arange(50) % 2, 3, 7)
    with pytest.warns(UserWarning, match="at least 3"):
        _, _, whole = summary_of(iter([X]), iter([w]), 0, 0).data()
    assert whole.n_samples == 50
    assert_array_equal(whole.count, 1)


def test_rows_of_no_weight_are_not_kept(keep):
    keep(10)
    X = np.arange(40.0)[:, None]
    rows, _, whole = summary_of(
        iter(np.split(X, 2)), iter(np.split(np.arange(40) % 2, 2)), 0, 0
    ).data()
    assert np.all(rows % 2 == 1)
    assert whole.n_samples == 20
    assert whole.low == 1


@pytest.mark.parametrize(
    ("d", "fewest", "expected"),
    [
        (1, 0, 200_000),
        (160, 0, 200_000),
        (320, 0, 2**25 // 320),
        (10**4, 0, 20_000),
        (1, 300_000, 300_000),
    ],
)
def test_how_many_rows_are_kept(d, fewest, expected):
    assert rows_to_keep(d, fewest) == expected


def test_many_small_chunks_wait_together(keep, monkeypatch):
    keep(50)
    monkeypatch.setattr(_chunks, "_MOST_WAITING", 7)
    X = np.random.default_rng(0).standard_normal((400, 2))
    parts = summaries(np.split(X, 400))
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
        assert len(merged.samples) <= 8
        assert sum(len(s.rows) for s in merged.samples) <= 65
    again = bracketed(parts, np.random.default_rng(0))
    assert_array_equal(merged.joined().samples[0].rows, again.samples[0].rows)


# -- what chunks are -------------------------------------------------------------------


def test_what_is_an_iterable_of_chunks():
    X = np.zeros((3, 2))

    class Loader:
        def __iter__(self):
            return iter([X])

    for chunks in (iter([X]), (x for x in [X]), Loader(), map(np.copy, [X])):
        assert are_chunks(chunks)
    for array in (X, [X], (X,), [[1.0]], "ab", b"ab", {"a": X}, {1}, 3, None):
        assert not are_chunks(array)
    assert not are_chunks(np.ma.array(X))
    assert not are_chunks(memoryview(X))


def test_frames_are_no_chunks_but_their_readers_are(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 5.0]})
    assert not are_chunks(frame)
    frame.to_csv(tmp_path / "a.csv", index=False)
    with pandas.read_csv(tmp_path / "a.csv", chunksize=2) as reader:
        assert are_chunks(reader)
        summary = summary_of(reader, None, 0, 0)
    assert summary.names == ("a", "b")
    assert_array_equal(summary.data()[0], frame)


# -- bad chunks ------------------------------------------------------------------------

GOOD = np.random.default_rng(0).standard_normal((5, 3))


def with_value(value):
    X = GOOD.copy()
    X[2, 1] = value
    return X


@pytest.mark.parametrize(
    ("chunk", "kind", "message"),
    [
        (GOOD[:, :2], ValueError, "Chunk 1 of X has 2 columns, but chunk 0 has 3"),
        (GOOD[0], ValueError, "Chunk 1 of X: Expected 2D array"),
        (with_value(np.nan), ValueError, "Chunk 1 of X: Column 1 is nan in row 2"),
        (with_value(-np.inf), ValueError, "Chunk 1 of X: Column 1 is -inf in row 2"),
        (GOOD.astype(str), ValueError, "Chunk 1 of X: .* has strings"),
        (np.full((2, 3), "2026-01-01", "M8[D]"), ValueError, "Chunk 1 .*dates"),
        (np.ma.array(GOOD, mask=GOOD > 0), ValueError, "Chunk 1 .*masked"),
        (GOOD + 1j, ValueError, "Chunk 1 of X: Complex data"),
        (None, ValueError, "Chunk 1 of X"),
    ],
)
def test_bad_chunks(chunk, kind, message):
    with pytest.raises(kind, match=message):
        summary_of(iter([GOOD, chunk]), None, 0, 0)


def test_bad_sparse_chunk():
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match=r"Chunk 0 of X: .*[Ss]parse"):
        summary_of(iter([csr_array(GOOD)]), None, 0, 0)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_bad_frames(library):
    frames = pytest.importorskip(library)

    def frame(a, b, names="ab"):
        return frames.DataFrame(dict(zip(names, (a, b), strict=True)))

    good = frame([1.0, 2.0], [3.0, 4.0])
    for bad, message in [
        (frame([1.0], [2.0], "ba"), "Column 0 is 'b' in chunk 1 of X, but 'a' in"),
        (frame([1.0], [2.0], "ac"), "Column 1 is 'c' in chunk 1 of X, but 'b' in"),
        (frame([1.0], ["x"]), "Chunk 1 of X: Column 'b'"),
        (frame([1.0, np.nan], [2.0, 2.0]), r"Chunk 1 of X: Column 'a' is nan in row 1"),
        (np.ones((2, 2)), "Chunk 1 of X has no names of columns"),
    ]:
        with pytest.raises(ValueError, match=message):
            summary_of(iter([good, bad]), None, 0, 0)
    assert summary_of(iter([good, good[:0], good]), None, 0, 0).n_rows == 4


def test_empty_chunks_are_skipped_but_not_all():
    summary = summary_of(iter([GOOD[:0], GOOD, GOOD[:0]]), None, 0, 0)
    assert_array_equal(summary.data()[0], GOOD)
    with pytest.raises(ValueError, match="without any chunk"):
        summary_of(iter([]), None, 0, 0)
    with pytest.raises(
        ValueError, match=r"0 sample\(s\) in 2 chunk\(s\).*minimum of 2"
    ):
        summary_of(iter([GOOD[:0], GOOD[:0]]), None, 0, 0).data()
    with pytest.raises(ValueError, match=r"Chunk 0 .*0 feature"):
        summary_of(iter([GOOD[:, :0]]), None, 0, 0)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(10), "must be an iterable of the weights of every chunk"),
        (iter([np.ones(5)]), "as many chunks"),
        (iter([np.ones(5), np.ones(4)]), r"Chunk 1 of X: .*sample_weight"),
        (iter([np.ones(5), np.full(5, -1.0)]), "Chunk 1 of X: .*[Nn]egative"),
        (iter([np.ones(5), np.full(5, np.nan)]), "Chunk 1 of X: .*NaN"),
        (iter([np.zeros(5), np.zeros(5)]), "all zero"),
        (iter([np.full(5, 1e308), np.full(5, 1e308)]), "too large"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        summary_of(iter([GOOD, GOOD]), weights, 0, 0).data()


def test_errors_of_the_iterable_are_its_own():
    def broken():
        yield GOOD
        raise ValueError("disk on fire")

    for weights in (None, iter([None, None])):
        with pytest.raises(ValueError, match=r"^disk on fire$"):
            summary_of(broken(), weights, 0, 0)


def test_columns_of_the_same_width_but_other_precision():
    X = summary_of(iter([GOOD.astype(np.float32), GOOD]), None, 0, 0).data()[0]
    assert_array_equal(X, np.concatenate([GOOD.astype(np.float32), GOOD]))
