"""What all engines must keep: the oracle's numbers, deletion, weights, merging."""

import numpy as np
from numpy.testing import assert_allclose
from oracles import brute_force
from problems import weighted_sources

from skdrift.engines import NumpyEngine, Reduction, merge
from skdrift.fields import displacement
from skdrift.kernels import Gaussian


def problem(d, dtype, n=41, m=330, seed=0):
    return (a.astype(dtype) for a in weighted_sources(d, n, m, seed))


def assert_equal_up_to(rounding, result, expected):
    assert_allclose(result.log_z, expected.log_z, rtol=rounding, atol=rounding)
    assert_allclose(
        result.displacement, expected.displacement, rtol=rounding, atol=rounding
    )


def test_against_brute_force(engine_and_sum):
    engine, one = engine_and_sum
    kernel, field, dtype = one
    for d in engine.columns:
        x, y, log_w = problem(d, dtype, n=21)
        for h in engine.bandwidths(d):
            of_log_z, of_d = engine.tolerance(dtype, h, d)
            for weights in (None, log_w):
                for deleted in (None, np.arange(len(x))):
                    result = engine.bind(y, weights).reduce(x, one.profiles, h, deleted)
                    log_z, pulled = brute_force(
                        x, y, kernel, h, field, weights, deleted
                    )
                    assert result.log_z.dtype == result.displacement.dtype == dtype
                    assert_allclose(result.log_z, log_z, *of_log_z)
                    assert_allclose(result.displacement, pulled, *of_d)


# -- deletion ------------------------------------------------------------------------


def test_a_deleted_source_counts_as_if_it_were_not_there(engine):
    for one in engine.sums:
        for d in engine.few:
            x, y, log_w = problem(d, one.dtype)
            deleted = np.array([0, 17, 329])
            result = engine.bind(y, log_w).reduce(x[:3], one.profiles, 0.5, deleted)
            for i, gone in enumerate(deleted):
                rest = engine.bind(np.delete(y, gone, axis=0), np.delete(log_w, gone))
                alone = rest.reduce(x[i : i + 1], one.profiles, 0.5)
                of_query = Reduction(*(a[i : i + 1] for a in result))
                assert_equal_up_to(2 * engine.rounding[one.dtype], of_query, alone)


def test_a_source_is_deleted_in_every_block(engine):
    # Blocks, tiles and shards have 512 to 2048 sources: their ends and others.
    m = 5000
    deleted = np.concatenate([np.arange(0, m, 499), [511, 512, 1023, 1024, 2047, 2048]])
    for one in engine.sums:
        for d in engine.few:
            _, y, log_w = problem(d, one.dtype, m=m)
            x, h = y[deleted], 0.3 * np.sqrt(d)
            result = engine.bind(y, log_w).reduce(x, one.profiles, h, deleted)
            log_z, pulled = brute_force(
                x, y, one.kernel, h, one.field, log_w.astype(float), deleted
            )
            of_log_z, of_d = engine.tolerance(one.dtype, h, d)
            assert_allclose(result.log_z, log_z, *of_log_z)
            assert_allclose(result.displacement, pulled, *of_d)


def test_minus_one_deletes_nothing(engine):
    for one in engine.sums:
        for d in engine.few:
            x, y, log_w = problem(d, one.dtype)
            bound = engine.bind(y, log_w)
            some = bound.reduce(x, one.profiles, 0.5, np.full(len(x), -1))
            every = bound.reduce(x, one.profiles, 0.5)
            assert_equal_up_to(engine.rounding[one.dtype], some, every)


def test_deleting_the_only_source_leaves_nothing(engine):
    for one in engine.sums:
        for d in engine.few:
            x = np.full((1, d), 7, one.dtype)
            x[0, 0] = 3
            result = engine.bind(x).reduce(x, one.profiles, 1.0, np.array([0]))
            assert result.log_z[0] == -np.inf
            assert_allclose(result.displacement, 0)


# -- weights -------------------------------------------------------------------------


def test_default_weights_are_equal(engine):
    for one in engine.sums:
        x, y, _ = problem(engine.few[0], one.dtype)
        default = engine.bind(y).reduce(x, one.profiles, 1.0)
        equal = engine.bind(y, np.full(330, -np.log(330.0)))
        assert_equal_up_to(1e-14, equal.reduce(x, one.profiles, 1.0), default)


def test_weight_two_is_the_row_twice(engine):
    counts = np.random.default_rng(1).integers(1, 4, 330)
    for one in engine.sums:
        for d in engine.few:
            x, y, _ = problem(d, one.dtype)
            log_w = np.log(counts / counts.sum()).astype(one.dtype)
            weighted = engine.bind(y, log_w).reduce(x, one.profiles, 1.0)
            repeated = engine.bind(np.repeat(y, counts, axis=0))
            assert_equal_up_to(
                2 * engine.rounding[one.dtype],
                weighted,
                repeated.reduce(x, one.profiles, 1.0),
            )


def test_sources_of_weight_zero_do_not_count(engine):
    for one in engine.sums:
        for d in engine.few:
            x, y, _ = problem(d, one.dtype)
            # For dask, all of two of three shards.
            absent = np.arange(330) < 220
            log_w = np.where(absent, -np.inf, -np.log(110)).astype(one.dtype)
            some = engine.bind(y, log_w).reduce(x, one.profiles, 1.0)
            rest = engine.bind(y[220:]).reduce(x, one.profiles, 1.0)
            assert_equal_up_to(engine.rounding[one.dtype], some, rest)
            if engine.allows_no_weight:
                none = engine.bind(y, np.full_like(log_w, -np.inf))
                none = none.reduce(x, one.profiles, 1.0)
                assert np.all(none.log_z == -np.inf)
                assert np.all(none.displacement == 0)


# -- merging -------------------------------------------------------------------------


def test_shards_merge_to_the_whole_in_any_order(engine):
    for one in engine.sums:
        x, y, log_w = problem(3, one.dtype)

        def shard(i, j, one=one, x=x, y=y, log_w=log_w):
            return engine.bind(y[i:j], log_w[i:j]).reduce(x, one.profiles, 0.3)

        a, b, c = shard(0, 5), shard(5, 140), shard(140, 330)
        for merged in (
            merge(merge(a, b), c),
            merge(a, merge(b, c)),
            merge(c, merge(b, a)),
        ):
            assert_equal_up_to(engine.rounding[one.dtype], merged, shard(0, 330))


# -- places --------------------------------------------------------------------------


def test_coincident_points_pull_nowhere(engine):
    # Two distinct sources at the same distance balance, the coincident one adds
    # nothing but its normaliser.
    for one in engine.sums:
        rounding = max(1e-12, engine.rounding[one.dtype])
        for d in engine.few:
            y = np.zeros((3, d), one.dtype)
            y[1, 0], y[2, 0] = 1.0, -1.0
            centre = engine.bind(y).reduce(y[:1], one.profiles, 1.0)
            assert_allclose(centre.displacement, 0, atol=rounding)
            two = engine.bind(y[:2]).reduce(y[:1], one.profiles, 1.0)
            _, pulled = brute_force(y[:1], y[:2], one.kernel, 1.0, one.field)
            rtol = 1e-7 if one.dtype == np.float64 else 1e-6
            assert_allclose(two.displacement[0, 0], pulled[0, 0], rtol + rounding)
            same = engine.bind(y[:1]).reduce(y[:1], one.profiles, 1.0)
            assert_allclose(same.displacement, 0)
            peak = float(one.kernel.log_profile(np.float64(0.0)))
            assert_allclose(same.log_z, peak, rtol=rounding, atol=rounding)


def test_the_origin_does_not_matter(engine):
    for one in engine.sums:
        if one.dtype == np.float32:
            continue
        for d in engine.few:
            # Multiples of 2^-10 below 2^21: the shift does not round.
            x, y, log_w = problem(d, np.float64)
            x, y = (np.round(a * 2**10) / 2**10 for a in (x, y))
            here = engine.bind(y, log_w).reduce(x, one.profiles, 0.5)
            there = engine.bind(y + 2**20, log_w).reduce(x + 2**20, one.profiles, 0.5)
            assert_equal_up_to(10 * engine.rounding[np.float64], there, here)


def test_log_domain_far_from_all_sources(engine):
    for d in engine.few:
        x, y = np.zeros((1, d)), np.zeros((2, d))
        x[0, 0], y[1, 0] = 1e4, 1.0
        result = engine.bind(y).reduce(x, displacement(Gaussian()), 0.1)
        assert_allclose(result.displacement, y[1:] - x)
        assert_allclose(result.log_z, -0.5 * ((1e4 - 1) / 0.1) ** 2 - np.log(2))


# -- moments -------------------------------------------------------------------------


def test_moments_are_a_reduction_and_its_derivative(engine):
    for one in engine.sums:
        for d in engine.few:
            x, y, log_w = problem(d, one.dtype)
            bound = engine.bind(y, log_w)
            assert bound.rows is y
            assert bound.log_weights is log_w
            reference = NumpyEngine().bind(y, log_w)
            # At a source the distance is 0 to rounding only.
            x = x + one.dtype(0.01)
            for deleted in (None, np.arange(len(x))):
                moments = bound.moments(x, one.profiles, 0.5, deleted)
                result = bound.reduce(x, one.profiles, 0.5, deleted)
                assert_equal_up_to(10 * engine.rounding[one.dtype], result, moments)
                expected = reference.moments(x, one.profiles, 0.5, deleted)
                assert_allclose(moments.jacobian, expected.jacobian, rtol=1e-12)
