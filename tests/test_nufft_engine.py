import logging

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.engines import NufftEngine, NumpyEngine
from skdrift.fields import conservative, displacement
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic

pytest.importorskip("finufft")

SPECTRAL = [Gaussian(), Matern(nu=4.5)]


@pytest.mark.parametrize("kernel", [Gaussian(), Matern(nu=0.5), Matern(nu=2.5)])
def test_spectrum_is_the_fourier_transform(kernel):
    for u in (0.0, 0.7, 2.0):
        integral, _ = quad(lambda r, u=u: kernel.profile(r) * np.cos(u * r), 0, 60)
        spectrum = np.exp(kernel.log_spectrum(np.float64(u**2), 1))
        assert_allclose(spectrum, 2 * integral, rtol=1e-7)
    for d in (2, 3):  # the value at 0 is the integral over R^d
        at_0 = kernel.log_spectrum(np.float64(0.0), d)
        assert_allclose(at_0, -kernel.log_normalizer(d))


def problem(d, m=1500):
    rng = np.random.default_rng(d)
    y = rng.standard_normal((m, d)) * [1.0, 3.0, 0.5][:d] + 7
    far = 7 + 12 * rng.standard_normal((20, d))
    return np.concatenate([y[:200] + 0.1, far]), y, np.log(rng.dirichlet(np.ones(m)))


@pytest.mark.parametrize("field", [conservative, displacement])
@pytest.mark.parametrize("kernel", SPECTRAL, ids=repr)
@pytest.mark.parametrize(("d", "h"), [(1, 0.05), (2, 0.3), (3, 0.6)])
def test_every_query_is_within_the_tolerance(kernel, field, d, h):
    x, y, log_w = problem(d)
    profiles = field(kernel)
    for tolerance in (1e-4, 1e-8):
        bound = NufftEngine(tolerance).bind(y, log_w)
        for queries, deleted in ((x, None), (y, np.arange(len(y)))):
            exact = NumpyEngine().bind(y, log_w).reduce(queries, profiles, h, deleted)
            result = bound.reduce(queries, profiles, h, deleted)
            assert_allclose(result.log_z, exact.log_z, rtol=0, atol=tolerance)
            assert_allclose(
                result.displacement, exact.displacement, rtol=0, atol=tolerance * h
            )


def test_most_queries_are_spectral(monkeypatch):
    x, y, _ = problem(2)
    bound = NufftEngine().bind(y)
    direct, seen = bound.direct.reduce, []

    def watch(queries, *arguments):
        seen.append(len(queries))
        return direct(queries, *arguments)

    monkeypatch.setattr(bound.direct, "reduce", watch)
    bound.reduce(x, conservative(Gaussian()), 0.3)
    assert 1 <= sum(seen) <= 30  # those far outside


def test_a_grid_that_is_too_large_is_computed_directly(caplog):
    x, y, _ = problem(2)
    profiles = conservative(Gaussian())
    with caplog.at_level(logging.INFO, logger="skdrift"):
        result = NufftEngine().bind(y).reduce(x, profiles, 1e-4)
    assert "too large" in caplog.text
    exact = NumpyEngine().bind(y).reduce(x, profiles, 1e-4)
    assert_allclose(result.displacement, exact.displacement)


def test_float32_stays_float32():
    x, y, _ = (a.astype(np.float32) for a in problem(2))
    result = NufftEngine().bind(y).reduce(x, conservative(Gaussian()), 0.3)
    exact = NumpyEngine().bind(y).reduce(x, conservative(Gaussian()), 0.3)
    assert result.log_z.dtype == result.displacement.dtype == np.float32
    assert_allclose(result.displacement, exact.displacement, atol=1e-5)


def test_a_whole_fit():
    X = np.random.default_rng(0).standard_normal((300, 2)) ** 3
    exact, spectral = (
        ConservativeDrifter(engine=engine, random_state=0).fit(X)
        for engine in ("numpy", "nufft")
    )
    assert spectral.engine_ == "nufft"
    assert_allclose(spectral.particles_, exact.particles_, atol=1e-4)
    assert_allclose(spectral.sample(50), exact.sample(50), atol=1e-4)
    assert_allclose(spectral.score_samples(X), exact.score_samples(X), atol=1e-5)


class Unknown(Kernel):
    def log_profile(self, r2):
        return -(r2**2)

    def pull(self, r2):
        return 4 * r2


@pytest.mark.parametrize(
    ("drifter", "d", "message"),
    [
        (ConservativeDrifter(), 4, "at most 3 columns, and the data have 4"),
        (LaplaceDrifter(), 2, "decays too slowly"),
        (ConservativeDrifter(kernel="matern32"), 2, "decays too slowly"),
        (ConservativeDrifter(kernel=RationalQuadratic()), 2, "is not known"),
        (ConservativeDrifter(kernel=Unknown()), 2, "is not known"),
    ],
)
def test_what_it_cannot_do_is_refused_with_alternatives(drifter, d, message):
    X = np.random.default_rng(0).standard_normal((30, d))
    with pytest.raises(ValueError, match=f"'nufft'.*{message}.*engine='auto'"):
        drifter.set_params(engine="nufft").fit(X)
