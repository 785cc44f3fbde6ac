import logging
import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.engines import NufftEngine, NumbaEngine, NumpyEngine
from skdrift.engines._spectral import _engine as _nufft
from skdrift.engines._spectral._split import splits
from skdrift.fields import conservative, displacement
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic

pytest.importorskip("finufft")
pytest.importorskip("numba")

MIXTURES = [Gaussian(), Matern(nu=0.5), Matern(nu=1.5), Matern(nu=4.5)]


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5, 9.5])
@pytest.mark.parametrize("least", [1e-4, 0.01, 1.0])
def test_mixture_is_the_kernel_where_narrower_gaussians_have_died_out(nu, least):
    kernel = Matern(nu=nu)
    t, weight = kernel.gaussian_mixture(least)
    assert t.min() >= least * (1 - 1e-12)
    assert weight.min() > 0
    r = np.sqrt(4 * least * 36) + np.linspace(0, 30, 50)
    mixture = np.exp(-(r[:, None] ** 2) / (4 * t)) @ weight
    peak = kernel.profile(0.0)
    assert_allclose(mixture / peak, kernel.profile(r) / peak, rtol=0, atol=1e-14)
    if nu >= 1.5:  # where the Laplacian exists, moments are known: k(0) - k(r) ~ r^2
        t, weight = kernel.gaussian_mixture(1e-12)
        assert_allclose(weight.sum(), peak, rtol=1e-9)


@pytest.mark.parametrize("field", [conservative, displacement])
@pytest.mark.parametrize("kernel", MIXTURES, ids=repr)
def test_split_leaves_nothing_beyond_its_radius(kernel, field):
    profiles, error = field(kernel), 1e-10
    r = np.geomspace(1e-3, 100, 500)
    n = np.exp(profiles.log_normalizer(r**2))
    a = n * profiles.ratio(r**2)
    peak = float(np.exp(profiles.log_normalizer(0.0)))
    for split in splits(profiles, 2, error):
        beyond = r >= split.radius
        for profile, scale, (t, weight) in (
            (n, 1, split.normalizer),
            (a, r, (split.potential[0], split.potential[1] / (2 * split.potential[0]))),
        ):
            far = np.exp(-(r[:, None] ** 2) / (4 * t)) @ weight
            assert_allclose((scale * (profile - far))[beyond], 0, atol=error * peak)
        if split.near[0].size:
            v = 2 * r[~beyond] ** 2 / split.radius**2 - 1
            polynomial = np.polyval(split.near[1], v)
            assert_allclose(
                split.radius * polynomial,
                split.radius * far[~beyond],
                rtol=1e-12,
                atol=error * peak,
            )


def problem(d, m=1500):
    rng = np.random.default_rng(d)
    y = rng.standard_normal((m, d)) * [1.0, 3.0, 0.5][:d] + 7
    far = 7 + 12 * rng.standard_normal((20, d))
    return np.concatenate([y[:200] + 0.1, far]), y, np.log(rng.dirichlet(np.ones(m)))


@pytest.mark.parametrize("field", [conservative, displacement])
@pytest.mark.parametrize("kernel", MIXTURES, ids=repr)
@pytest.mark.parametrize(("d", "h"), [(1, 0.05), (2, 0.3), (2, 0.03), (3, 1.0)])
def test_every_query_is_within_the_tolerance(kernel, field, d, h, monkeypatch):
    monkeypatch.setattr(_nufft, "_MIN_COST", 1e12)
    monkeypatch.setattr(_nufft, "_MAX_GRID_POINTS", 2**21)
    x, y, log_w = problem(d)
    profiles = field(kernel)
    own = np.arange(0, len(y), 3)
    some = np.where(own % 2, own, -1)  # -1 leaves none out
    cases = (x, None), (y[own], own), (y[own], some)
    exact = [
        NumpyEngine().bind(y, log_w).reduce(queries, profiles, h, deleted)
        for queries, deleted in cases
    ]
    for near_cost, tolerance in product([1, 1e4], [1e-4, 1e-8]):
        monkeypatch.setattr(_nufft, "_NEAR_COST", near_cost)
        bound = NufftEngine(tolerance).bind(y, log_w)
        for (queries, deleted), expected in zip(cases, exact, strict=True):
            result = bound.reduce(queries, profiles, h, deleted)
            assert_allclose(result.log_z, expected.log_z, rtol=0, atol=tolerance)
            assert_allclose(
                result.displacement, expected.displacement, rtol=0, atol=tolerance * h
            )


@given(
    d=st.integers(1, 3),
    m=st.integers(1, 60),
    spread=st.floats(1e-6, 1e6),
    ratio=st.floats(1e-3, 1e3),
    nu=st.sampled_from([0.5, 1.5]),
    seed=st.integers(0, 10),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_and_scale(d, m, spread, ratio, nu, seed):
    rng = np.random.default_rng(seed)
    y = spread * (rng.standard_normal((m, d)) + 3)
    y[: m // 3] = y[0]  # coincident
    x = np.concatenate([y[:5], spread * 5 * rng.standard_normal((4, d))])
    for profiles in (conservative(Gaussian()), displacement(Matern(nu=nu))):
        h = ratio * spread
        exact = NumpyEngine().bind(y).reduce(x, profiles, h)
        result = NufftEngine().bind(y).reduce(x, profiles, h)
        assert_allclose(result.log_z, exact.log_z, rtol=0, atol=1e-6)
        assert_allclose(result.displacement / h, exact.displacement / h, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_units_do_not_matter(d, unit, monkeypatch):
    monkeypatch.setattr(_nufft, "_MIN_COST", 1e12)
    monkeypatch.setattr(_nufft, "_NEAR_COST", 1e4)
    x, y, log_w = problem(d)
    for profiles in (conservative(Gaussian()), displacement(Matern(nu=1.5))):
        expected = NufftEngine().bind(y, log_w).reduce(x, profiles, 0.8)
        bound = NufftEngine().bind(unit * y, log_w)
        result = bound.reduce(unit * x, profiles, unit * 0.8)
        assert_allclose(result.log_z, expected.log_z, rtol=0, atol=1e-7)
        assert_allclose(
            result.displacement / unit, expected.displacement, rtol=0, atol=1e-7
        )


def test_memory_of_a_long_grid():
    split = splits(displacement(Matern(nu=0.5)), 1, 1e-13)[3]
    grid = _nufft._Grid(np.zeros(1), np.full(1, 1e6), 1.0, (2**20 + 1,))
    tracemalloc.start()
    grid.spectrum(split.normalizer, 1.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(split.normalizer[0]) > 30
    assert peak < 200e6  # all Gaussians at once are 500 MB


def test_weights_need_not_add_up_to_one():
    x, y, log_w = problem(2)
    profiles = displacement(Matern(nu=0.5))
    plain = NufftEngine().bind(y, log_w).reduce(x, profiles, 0.3)
    heavy = NufftEngine().bind(y, log_w + 1000).reduce(x, profiles, 0.3)
    assert_allclose(heavy.log_z - 1000, plain.log_z, atol=1e-9)
    assert_allclose(heavy.displacement, plain.displacement, atol=1e-9)


def count_direct(bound, monkeypatch):
    direct, seen = bound.direct.reduce, []

    def watch(queries, *arguments):
        seen.append(len(queries))
        return direct(queries, *arguments)

    monkeypatch.setattr(bound.direct, "reduce", watch)
    return seen


@pytest.mark.parametrize("kernel", MIXTURES, ids=repr)
def test_most_queries_are_not_summed_over_all_sources(kernel, monkeypatch):
    monkeypatch.setattr(_nufft, "_MIN_COST", 1e12)
    x, y, _ = problem(2)
    bound = NufftEngine().bind(y)
    seen = count_direct(bound, monkeypatch)
    bound.reduce(x, conservative(kernel), 0.3)
    assert sum(seen) <= 20  # those far outside


def test_queries_in_the_tails_are_summed_over_neighbours(monkeypatch):
    _, y, log_w = problem(2)
    bound = NufftEngine(1e-7).bind(y, log_w)
    seen = count_direct(bound, monkeypatch)
    deleted = np.arange(len(y))
    profiles = displacement(Matern(nu=0.5))
    bound.reduce(y, profiles, 0.02, deleted)
    alone = sum(seen)
    monkeypatch.setattr(_nufft, "_NEAR_MIN_PAIRS", 0)
    seen.clear()
    result = bound.reduce(y, profiles, 0.02, deleted)
    assert sum(seen) < 0.5 * alone
    exact = NumpyEngine().bind(y, log_w).reduce(y, profiles, 0.02, deleted)
    assert_allclose(result.log_z, exact.log_z, atol=1e-7)
    assert_allclose(result.displacement, exact.displacement, atol=0.02 * 1e-7)


def test_a_grid_that_is_too_large_is_not_made(monkeypatch, caplog):
    x, y, _ = problem(2)
    profiles = conservative(Gaussian())
    monkeypatch.setattr(_nufft, "_MAX_GRID_POINTS", 1000)
    monkeypatch.setattr(_nufft, "_MIN_COST", 0)
    exact = NumpyEngine().bind(y).reduce(x, profiles, 0.5)
    with caplog.at_level(logging.INFO, logger="skdrift"):
        result = NufftEngine().bind(y).reduce(x, profiles, 0.5)
    assert "all pairs" in caplog.text
    assert_allclose(result.displacement, exact.displacement, atol=1e-12)


def test_a_small_bandwidth_needs_neighbours_only(monkeypatch):
    x, y, _ = problem(2)
    monkeypatch.setattr(_nufft._NufftSources, "_far_sums", None)
    profiles = conservative(Gaussian())
    exact = NumpyEngine().bind(y).reduce(x, profiles, 1e-3)
    result = NufftEngine().bind(y).reduce(x, profiles, 1e-3)
    assert_allclose(result.displacement, exact.displacement, atol=1e-9)


def test_without_numba_the_gaussian_is_left(monkeypatch):
    monkeypatch.setattr(NumbaEngine, "unavailable_reason", lambda: "no numba")
    x, y, _ = problem(2)
    for h in (0.3, 1e-3):
        result = NufftEngine().bind(y).reduce(x, conservative(Gaussian()), h)
        exact = NumpyEngine().bind(y).reduce(x, conservative(Gaussian()), h)
        assert_allclose(result.displacement, exact.displacement, atol=h * 1e-6)
    ConservativeDrifter(engine="nufft", max_iter=1).fit(y)
    with pytest.raises(ValueError, match="and for these no numba"):
        LaplaceDrifter(engine="nufft").fit(y)


def test_an_old_finufft_is_refused(monkeypatch):
    monkeypatch.setattr("finufft.__version__", "2.4.1")
    with pytest.raises(RuntimeError, match=r"finufft 2\.4\.1 is older than 2\.5"):
        ConservativeDrifter(engine="nufft").fit(np.zeros((5, 2)) + np.eye(5, 2))


@pytest.mark.parametrize("kernel", [Gaussian(), Matern(nu=0.5)], ids=repr)
def test_float32_stays_float32(kernel):
    x, y, log_w = (a.astype(np.float32) for a in problem(2))
    profiles = conservative(kernel)
    result = NufftEngine().bind(y, log_w).reduce(x, profiles, 0.3)
    assert result.log_z.dtype == result.displacement.dtype == np.float32
    x, y, log_w = (a.astype(np.float64) for a in (x, y, log_w))
    exact = NumpyEngine().bind(y, log_w).reduce(x, profiles, 0.3)
    assert_allclose(result.displacement, exact.displacement, rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "drifter", [ConservativeDrifter(), LaplaceDrifter(max_iter=50)], ids=repr
)
def test_a_whole_fit(drifter):
    X = np.random.default_rng(0).gamma(2.0, size=(300, 2))
    exact, spectral = (
        clone(drifter).set_params(engine=engine, random_state=0).fit(X)
        for engine in ("numpy", "nufft")
    )
    assert spectral.engine_ == "nufft"
    assert_allclose(spectral.particles_, exact.particles_, atol=1e-4)
    assert_allclose(spectral.sample(50), exact.sample(50), atol=1e-4)
    assert_allclose(spectral.score_samples(X), exact.score_samples(X), atol=1e-5)


class Unknown(Kernel):
    def log_profile(self, r2):
        return -(r2**2)

    def slope_ratio(self, r2):
        return 4 * r2


@pytest.mark.parametrize(
    ("drifter", "d", "message"),
    [
        (ConservativeDrifter(), 4, "at most 3 columns, and the data have 4"),
        (ConservativeDrifter(kernel=RationalQuadratic()), 2, "not known to be a"),
        (LaplaceDrifter(kernel=Unknown()), 2, "not known to be a"),
    ],
)
def test_what_it_cannot_do_is_refused_with_alternatives(drifter, d, message):
    X = np.random.default_rng(0).standard_normal((30, d))
    with pytest.raises(ValueError, match=f"'nufft'.*{message}.*engine='auto'"):
        drifter.set_params(engine="nufft").fit(X)


def test_modes_of_the_sources_are_kept_unchanged():
    y = np.random.default_rng(0).standard_normal((3000, 2))
    x, profiles = y[:500], conservative(Gaussian())
    bound = NufftEngine().bind(y)
    first = [bound.reduce(x, profiles, h) for h in (0.3, 0.5)]
    plans, transform = [], bound.plan_transform

    def watched(kind, *arguments, **options):
        plans.append(kind)
        return transform(kind, *arguments, **options)

    bound.plan_transform = watched
    again = [bound.reduce(x, profiles, h) for h in (0.3, 0.5)]
    assert plans == [2, 2]
    for one, other in zip(first, again, strict=True):
        assert_array_equal(one.displacement, other.displacement)
        assert_array_equal(one.log_z, other.log_z)
