"""The fitted flow as a map: Jacobians, its inverse, the density that it carries."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from oracles import Sech, jacobian
from problems import IRIS, WINE, moons
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm, qmc
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning

from skdrift import ConservativeDrifter, LaplaceDrifter, SharpDrifter
from skdrift._data._neighbors import NearestRows
from skdrift._data._rows import WeightedRows
from skdrift._starts import GaussianStart, LocalStart
from skdrift._starts._interface import SINGULAR_BLUR
from skdrift.engines import NumpyEngine, Profiles
from skdrift.engines._derivatives import merge_moments
from skdrift.fields import BoundField, DriftField, conservative, displacement
from skdrift.flow import root_mean_square
from skdrift.flow._map import Step, carry, carry_back
from skdrift.kernels import Gaussian, Kernel, Matern, RationalQuadratic
from skdrift.metrics import energy_distance

KERNELS = [
    Gaussian(),
    Matern(nu=0.5),
    Matern(nu=1.5),
    Matern(nu=2.5),
    Matern(nu=3.5),
    RationalQuadratic(alpha=2.5),
    RationalQuadratic(alpha=4.5).sharp(),
    Sech(),
]
PROFILES = [make(k) for k in KERNELS for make in (conservative, displacement)]
RADII = np.array([1e-3, 0.05, 0.4, 1.0, 2.7, 6.0])
H = 0.7
MOONS = moons(150)


# -- curvature -----------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_curvature_is_the_slope_of_the_slope(kernel):
    r, e = RADII[1:], 1e-5
    derivative = (kernel.slope(r + e) - kernel.slope(r - e)) / (2 * e)
    expected = -derivative / (r * kernel.profile(r))
    assert_allclose(kernel.curvature_ratio(r**2), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kernel", KERNELS[:-1], ids=repr)
def test_the_base_class_differentiates_as_accurately_as_it_says(kernel):
    r2 = RADII[1:] ** 2
    assert_allclose(
        Kernel.curvature_ratio(kernel, r2), kernel.curvature_ratio(r2), rtol=1e-9
    )
    # Near 0 what counts is the curvature times r^2.
    near = RADII[0] ** 2
    assert_allclose(
        near * Kernel.curvature_ratio(kernel, near),
        near * kernel.curvature_ratio(near),
        atol=1e-12,
    )


@pytest.mark.parametrize("kernel", KERNELS[1:5], ids=repr)
def test_curvature_goes_up_the_ladder(kernel):
    twice_up = kernel.sharp().sharp()
    ratio = kernel.profile(RADII) / twice_up.profile(RADII)
    assert_allclose(twice_up.curvature_ratio(RADII**2), ratio, rtol=1e-11)


# -- sums for the Jacobian -----------------------------------------------------------


def clouds(d, m=15, n=5):
    rng = np.random.default_rng(d)
    weights = rng.uniform(0.1, 1, m)
    log_weights = np.log(weights / weights.sum())
    return 2 * rng.standard_normal((n, d)), rng.standard_normal((m, d)), log_weights


@pytest.mark.parametrize("d", [1, 2, 3, 4])
@pytest.mark.parametrize("profiles", PROFILES)
def test_jacobian_of_the_pull_by_finite_differences(profiles, d):
    x, y, log_weights = clouds(d)
    bound = NumpyEngine().bind(y, log_weights)
    for deleted in (None, np.array([3, -1, 0, 14, 3])):
        result = bound.moments(x, profiles, H, deleted)
        expected = bound.reduce(x, profiles, H, deleted)
        assert_allclose(result.log_z, expected.log_z, rtol=1e-12)
        assert_allclose(result.displacement, expected.displacement, atol=1e-12)
        for i, row in enumerate(x):
            gone = None if deleted is None else deleted[i : i + 1]

            def pull(z, gone=gone):
                return bound.reduce(z[None], profiles, H, gone).displacement[0]

            numerical = jacobian(pull, row)
            size = np.abs(numerical).max()
            assert_allclose(result.jacobian[i], numerical, rtol=0, atol=1e-6 * size)


def test_minus_one_deletes_nothing():
    x, y, log_weights = clouds(2)
    profiles, none = conservative(Matern(nu=1.5)), np.full(len(x), -1)
    bound = NumpyEngine().bind(y, log_weights)
    for some, all_of_them in [
        (bound.reduce(x, profiles, H, none), bound.reduce(x, profiles, H)),
        (bound.moments(x, profiles, H, none), bound.moments(x, profiles, H)),
    ]:
        for a, b in zip(some, all_of_them, strict=True):
            assert_array_equal(a, b)


def test_the_gaussian_jacobian_is_the_covariance_of_the_weights():
    x, y, log_weights = clouds(3)
    bound = NumpyEngine().bind(y, log_weights)
    result = bound.moments(x, displacement(Gaussian()), H)
    for row, found in zip(x, result.jacobian, strict=True):
        w = np.exp(log_weights - ((y - row) ** 2).sum(axis=1) / (2 * H**2))
        expected = np.cov(y.T, aweights=w, bias=True) / H**2 - np.eye(3)
        assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("profiles", [PROFILES[2], PROFILES[5], PROFILES[-2]])
def test_moments_merge_and_tiles_do_not_matter(profiles):
    x, y, log_weights = clouds(3, m=400, n=70)
    deleted = np.arange(-1, 69)
    bind = NumpyEngine().bind
    whole = bind(y, log_weights).moments(x, profiles, H, deleted)
    with config_context(working_memory=1e-2):  # 72 differences at a time
        tiled = bind(y, log_weights).moments(x, profiles, H, deleted)
    in_parts = merge_moments(
        bind(y[:100], log_weights[:100]).moments(x, profiles, H, deleted),
        bind(y[100:], log_weights[100:]).moments(x, profiles, H),
    )
    for a, b, c in zip(whole, tiled, in_parts, strict=True):
        assert_allclose(b, a, rtol=1e-9, atol=1e-12)
        assert_allclose(c, a, rtol=1e-9, atol=1e-12)


def test_no_source_is_left():
    x, y = np.zeros((1, 2)), np.ones((1, 2))
    profiles = displacement(Matern(nu=1.5))
    bound = NumpyEngine().bind(y)
    one = bound.moments(x, profiles, H, np.zeros(1, int))
    assert np.isneginf(one.log_z)
    assert_array_equal(one.jacobian, np.zeros((1, 2, 2)))
    both = merge_moments(one, bound.moments(x, profiles, H))
    assert_allclose(both.displacement, np.ones((1, 2)))


@pytest.mark.parametrize("kernel", [Gaussian(), Matern(nu=2.5), Sech()], ids=repr)
def test_jacobian_at_a_source(kernel):
    # Where the slope ratio of Sech is written as 0 / 0.
    _, y, _ = clouds(2)
    profiles = conservative(kernel)
    bound = NumpyEngine().bind(y)
    found = bound.moments(y[:3], profiles, H).jacobian
    for row, j in zip(y, found, strict=False):
        expected = jacobian(
            lambda z: bound.reduce(z[None], profiles, H).displacement[0], row, 1e-6
        )
        assert_allclose(j, expected, atol=1e-5)


def test_far_from_all_sources_nothing_underflows():
    x, y, _ = clouds(2)
    profiles = displacement(Gaussian())
    result = NumpyEngine().bind(y).moments(100 + x, profiles, H)
    assert np.exp(result.log_z).max() == 0
    assert np.isfinite(result.jacobian).all()


@pytest.mark.parametrize("profiles", PROFILES)
def test_jacobian_of_the_tracers(profiles):
    x, data, log_weights = clouds(2)
    particles = 0.5 + clouds(2, n=12)[0]
    field = DriftField(profiles).bind(NumpyEngine(), data, log_weights)
    v, j = field.linearized(x, particles, H)
    assert_allclose(v, field.of_tracers(x, particles, H), atol=1e-12)
    for row, found in zip(x, j, strict=True):
        expected = jacobian(lambda z: field.of_tracers(z[None], particles, H)[0], row)
        assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_profiles_need_a_kernel():
    with pytest.raises(TypeError, match=r"conservative\(kernel\)"):
        Profiles(lambda r2: -r2)


# -- the velocity of tracers ---------------------------------------------------------


@pytest.mark.parametrize(
    ("leave_one_out", "in_data", "in_model"), [(False, 0.25, 0.5), (True, 0.5, 0.25)]
)
def test_tracers_count_in_their_own_place(leave_one_out, in_data, in_model):
    data, particles, z = np.array([[1.0]]), np.array([[-1.0], [3.0]]), np.zeros((1, 1))
    profiles = displacement(Gaussian())
    field = DriftField(profiles, leave_one_out).bind(NumpyEngine(), data)
    k1, k3 = np.exp(-0.5), np.exp(-4.5)

    def velocity(in_data, in_model):
        pull = k1 / (k1 + in_data / 2)
        push = (-k1 + 3 * k3) / 2 / ((k1 + k3) / 2 + in_model / 2)
        return pull - push

    equal = velocity(0.25, 0.25)
    more = velocity(in_data, in_model) - equal
    expected = equal + equal**2 / (equal**2 + 0.03 * more**2) * more
    assert_allclose(field.of_tracers(z, particles, 1.0), [[expected]], rtol=1e-14)


def test_far_tracers_stay_where_they_are():
    field = DriftField(conservative(Gaussian())).bind(NumpyEngine(), MOONS)
    far = np.array([[90.0, -70.0]])
    assert_array_equal(field.of_tracers(far, MOONS[:20], 0.5), np.zeros((1, 2)))


# -- a flow backwards, in closed form ------------------------------------------------


class Ripple(BoundField):
    """``V(z) = a sin(z)`` in one column: one-to-one for steps below ``1 / |a|``."""

    def __init__(self, amplitude):
        self.amplitude = amplitude

    def at(self, z, particles, h):
        return self.amplitude * np.sin(z)

    def linearized(self, z, particles, h):
        return self.at(z, particles, h), self.amplitude * np.cos(z)[:, :, None]


class Squash(Ripple):
    """``z + V(z) = tanh(z)``: nothing comes from beyond 1."""

    def at(self, z, particles, h):
        return np.tanh(z) - z

    def linearized(self, z, particles, h):
        return self.at(z, particles, h), -(np.tanh(z) ** 2)[:, :, None]


def steps_of(n, size=1.0):
    return [Step(1.0, size, np.zeros((1, 1)))] * n


def test_a_one_to_one_flow_is_inverted():
    z = np.linspace(-7, 7, 301)[:, None]
    field, steps = Ripple(0.9), steps_of(4)
    origin = carry_back(carry(z, field, steps), field, steps)
    assert origin.is_found.all()
    assert not origin.is_folded.any()
    assert_allclose(origin.rows, z, atol=1e-9)
    expected, x = np.zeros(len(z)), z
    for step in steps:
        expected += np.log(1 + 0.9 * np.cos(x[:, 0]))
        x = carry(x, field, [step])
    assert_allclose(origin.log_det, expected, atol=1e-8)


def test_folds_and_gaps_are_noticed():
    x = np.linspace(-3, 3, 61)[:, None]
    field, steps = Ripple(-1.5), steps_of(1)
    origin = carry_back(x, field, steps)
    # The fold: |z| < arccos(2/3) is turned round.
    turned = np.abs(origin.rows[:, 0]) < np.arccos(2 / 3)
    assert_array_equal(origin.is_folded, turned)
    assert turned.any()
    assert_allclose(carry(origin.rows, field, steps), x, atol=1e-10)

    origin = carry_back(np.array([[0.5], [1.5]]), Squash(0), steps)
    assert_array_equal(origin.is_found, [True, False])
    assert_allclose(origin.rows[0], np.arctanh(0.5))
    assert_allclose(np.tanh(origin.rows[1]), 1, atol=0.1)


def test_a_field_without_jacobian():
    class Constant(BoundField):
        def at(self, z, particles, h):
            return np.ones_like(z)

    assert_array_equal(carry(np.zeros((1, 1)), Constant(), steps_of(3)), [[3.0]])
    with pytest.raises(TypeError, match="flow has no inverse here"):
        carry_back(np.zeros((1, 1)), Constant(), steps_of(3))


def test_gaussian_closure_of_the_map():
    """Gaussian data and particles make every step affine."""
    sobol = qmc.Sobol(2, seed=0).random_base2(11)
    normal = norm.ppf(np.clip(sobol, 1e-6, 1 - 1e-6))
    data = normal @ np.array([[1.0, 0.6], [0.0, 0.5]]) + [1.0, -1.0]
    x = normal[:, ::-1] @ np.array([[0.5, -0.3], [0.0, 1.2]])
    field = DriftField(conservative(Gaussian())).bind(NumpyEngine(), data)
    data_precision = np.linalg.inv(np.cov(data.T, bias=True) + np.eye(2))
    z = tracer = 0.4 * x[:40]
    steps, log_det = [], 0.0
    for _ in range(5):
        steps.append(Step(1.0, 1.0, x))
        precision = np.linalg.inv(np.cov(x.T, bias=True) + np.eye(2))
        z = (
            z
            - (z - data.mean(axis=0)) @ data_precision
            + (z - x.mean(axis=0)) @ precision
        )
        log_det += np.linalg.slogdet(np.eye(2) - data_precision + precision)[1]
        x = x + field.on_particles(x, 1.0)
    ends = carry(tracer, field, steps)
    assert_allclose(ends, z, atol=0.03)
    origin = carry_back(ends, field, steps)
    assert_allclose(origin.rows, tracer, atol=1e-10)
    assert_allclose(origin.log_det, log_det, atol=0.03)


# -- densities of starts -------------------------------------------------------------


def weighted(rows, weight):
    return WeightedRows(rows, weight, np.ones(len(rows)), rows.std(axis=0))


def local(rows, weight):
    return LocalStart(weighted(rows, weight), NearestRows(rows))


def test_density_of_the_gaussian_start():
    z, rows, log_weights = clouds(3)
    weight = np.exp(log_weights)
    mean, cov = weight @ rows, np.cov(rows.T, aweights=weight, bias=True)
    assert_allclose(
        GaussianStart(weighted(rows, weight)).log_density(z, 1.0),
        multivariate_normal(mean, cov).logpdf(z),
    )


@pytest.mark.parametrize("noise", [0.4, 1.0, 1.3])
def test_density_of_the_local_start(noise):
    rng = np.random.default_rng(0)
    rows, z = rng.standard_normal((90, 2)), rng.standard_normal((7, 2))
    weight = rng.uniform(0.2, 1, 90)
    weight /= weight.sum()
    density = np.zeros(7)
    distance = cdist(rows, rows)
    reach = np.sort(distance, axis=1)[:, 44]  # 80, but half of the rows at most
    for y, w, far in zip(rows, weight, distance, strict=True):
        near = np.argsort(far)[:40]
        mutual = far[near] <= reach[near]
        mutual[:6] = True
        near = near[mutual]
        share = weight[near] / weight[near].sum()
        mean = share @ rows[near]
        cov = noise**2 * np.cov(rows[near].T, aweights=share, bias=True)
        centre = mean + np.sqrt(max(0, 1 - noise**2)) * (y - mean)
        density += w * multivariate_normal(centre, cov).pdf(z)
    found = local(rows, weight).log_density(z, noise)
    assert_allclose(found, np.log(density), rtol=1e-10)


def blurred(covariance):
    d = len(covariance)
    return covariance + SINGULAR_BLUR * np.trace(covariance) / d * np.eye(d)


@pytest.mark.parametrize("d", [40, 3])
def test_density_of_a_start_on_a_plane_is_blurred(d):
    """Fewer rows than columns, or a column that is the sum of others."""
    rng = np.random.default_rng(0)
    rows, weight = rng.standard_normal((30, d)), np.full(30, 1 / 30)
    rows[:, 2] = rows[:, 0] + rows[:, 1]
    z = rng.standard_normal((7, d))
    # So few rows are one neighbourhood, and at noise 1 all draws are of its Gaussian.
    cov = blurred(np.cov(rows.T, bias=True))
    expected = multivariate_normal(rows.mean(axis=0), cov).logpdf(z)
    assert_allclose(local(rows, weight).log_density(z, 1.0), expected, rtol=1e-9)
    found = GaussianStart(weighted(rows, weight)).log_density(z, 1.0)
    assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(("n", "noise"), [(30, 0.5), (120, 0.5), (120, 1.2)])
def test_density_of_a_blurred_start_integrates_to_one(n, noise):
    """By importance sampling in 40 columns, from somewhat wider draws."""
    rng, d = np.random.default_rng(0), 40
    rows = rng.standard_normal((n, d)) * np.geomspace(1, 0.1, d)
    weight = np.full(n, 1 / n)
    start = local(rows, weight)
    mean, cov = start._moments(slice(0, n))
    centres = mean + np.sqrt(max(0, 1 - noise**2)) * (rows - mean)
    wider = [
        multivariate_normal(m, 1.15 * noise**2 * blurred(c))
        for m, c in zip(centres, cov, strict=True)
    ]
    counts = rng.multinomial(4000, weight)
    z = np.concatenate(
        [
            q.rvs(count, random_state=rng).reshape(count, d)
            for q, count in zip(wider, counts, strict=True)
        ]
    )
    log_q = logsumexp([q.logpdf(z) for q in wider], axis=0, b=1 / n)
    ratio = np.exp(start.log_density(z, noise) - log_q)
    error = ratio.std() / np.sqrt(len(z))
    assert error < 0.02
    assert abs(ratio.mean() - 1) < 4 * error


# -- transform and back --------------------------------------------------------------

DRIFTERS = [
    ConservativeDrifter(random_state=0),
    ConservativeDrifter(kernel="laplace", random_state=0),
    ConservativeDrifter(self_interaction="leave-one-out", random_state=0),
    SharpDrifter(start="gaussian", random_state=0),
    LaplaceDrifter(random_state=0),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("drifter", DRIFTERS)
def test_the_start_is_carried_to_the_particles_exactly(drifter, dtype):
    drifter.fit(WINE[:, :4].astype(dtype))
    start, particles = drifter.start_, drifter.particles_
    assert_array_equal(drifter.transform(start[::-1]), particles[::-1])
    assert_array_equal(drifter.inverse_transform(particles[::-1]), start[::-1])
    mixed = np.concatenate([start[:2], start[:2] + 0.01 * drifter.scale_])
    ends = drifter.transform(mixed.astype(dtype))
    assert_array_equal(ends[:2], particles[:2])
    assert np.all(ends[2:] != particles[:2])
    assert ends.dtype == drifter.inverse_transform(ends).dtype == dtype


def fresh_start(drifter, X, n=60):
    """Rows of the start law that are no particles."""
    return clone(drifter).set_params(random_state=1).fit(X).start_[:n]


@pytest.mark.parametrize("drifter", DRIFTERS[:1] + DRIFTERS[3:])
@pytest.mark.parametrize("X", [MOONS, WINE], ids=["moons", "wine"])
def test_there_and_back(drifter, X):
    drifter.fit(X)
    Z = fresh_start(drifter, X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ends = drifter.transform(Z)
        back = drifter.inverse_transform(ends)
    counts = [n for w in caught for n in re.findall(r"\d+", str(w.message))[1:]]
    warned = sum(map(int, counts))
    assert warned <= 2  # only in wine, by steps of the Gaussian field
    off = np.abs((back - Z) / drifter.scale_).max(axis=1)
    assert np.count_nonzero(off > 1e-9) <= warned
    # Wherever they come from, that is where they go; data rows have an origin, too.
    for rows in (ends, X[:30]):
        again = drifter.transform(drifter.inverse_transform(rows))
        assert_allclose(again / drifter.scale_, rows / drifter.scale_, atol=1e-9)


def test_there_and_back_in_single_precision():
    X = IRIS.astype(np.float32)
    drifter = SharpDrifter(random_state=0).fit(X)
    Z = (drifter.start_ + 0.02).astype(np.float32)
    back = drifter.inverse_transform(drifter.transform(Z))
    assert_allclose(back / drifter.scale_, Z / drifter.scale_, rtol=0, atol=1e-3)
    assert np.median(np.abs(back - Z)) < 1e-5


def test_rows_do_not_depend_on_those_beside_them():
    drifter = SharpDrifter(max_iter=3, tol=1, random_state=0).fit(MOONS[:50])
    with config_context(working_memory=1e-3):  # four rows at a time
        in_parts = drifter.inverse_transform(MOONS[:10])
    assert_allclose(in_parts, drifter.inverse_transform(MOONS[:10]), atol=1e-9)


def test_a_user_kernel_is_inverted():
    drifter = ConservativeDrifter(kernel=Sech(), random_state=0).fit(MOONS)
    Z = drifter.start_[:40] + 0.01
    assert_allclose(drifter.inverse_transform(drifter.transform(Z)), Z, atol=1e-8)


def test_steps_that_are_too_long_are_reported():
    drifter = ConservativeDrifter(
        step_size=1.9,
        bandwidth=0.15,
        annealing=0,
        max_iter=20,
        early_stopping=False,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="still drift"):
        drifter.fit(MOONS)
    says = r"Of 150 rows, [1-9]\d* have no .*, and [1-9]\d* more.* smaller step_size"
    with pytest.warns(ConvergenceWarning, match=says) as caught:
        rows = drifter.inverse_transform(MOONS)
    assert caught[0].filename == __file__
    assert np.isfinite(rows).all()
    with pytest.warns(ConvergenceWarning, match=says) as caught:
        log_density = drifter.score_samples(MOONS, method="flow")
    assert caught[0].filename == __file__
    lost = int(re.findall(r"\d+", str(caught[0].message))[1])
    assert np.count_nonzero(np.isneginf(log_density)) == lost
    assert np.isfinite(log_density[~np.isneginf(log_density)]).all()


def test_inverse_transform_takes_what_transform_gives():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(WINE[:, :3], columns=list("abc"))
    drifter = SharpDrifter(random_state=0).set_output(transform="pandas").fit(frame)
    ends = drifter.transform(frame)
    rows = drifter.inverse_transform(ends)
    assert type(rows) is np.ndarray
    assert_array_equal(drifter.inverse_transform(ends.to_numpy()), rows)
    with pytest.raises(ValueError, match="2 features, but SharpDrifter is expecting 3"):
        drifter.inverse_transform(WINE[:, :2])
    with pytest.raises(ValueError, match="NaN"):
        drifter.inverse_transform([[np.nan, 0.0, 0.0]])


# -- density of the flow -------------------------------------------------------------


@pytest.mark.parametrize("start", ["gaussian", "local"])
def test_density_is_that_of_the_start_changed_by_the_map(start):
    X = MOONS * [1.0, 50.0]
    drifter = ConservativeDrifter(start=start, random_state=0).fit(X)
    Z = drifter.start_[:6] + 0.05 * drifter.scale_
    if start == "gaussian":
        log_p = multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True)).logpdf(Z)
    else:
        rows = (X - X.mean(axis=0)) / X.std(axis=0)
        weight = np.full(len(X), 1 / len(X))
        z = (Z - X.mean(axis=0)) / X.std(axis=0)
        log_p = local(rows, weight).log_density(z, drifter.start_noise_)
        log_p -= np.log(X.std(axis=0)).sum()
    for z, expected in zip(Z, log_p, strict=True):
        j = jacobian(lambda x: drifter.transform(x[None])[0], z, 1e-6)
        found = drifter.score_samples(drifter.transform(z[None]), method="flow")
        assert_allclose(found, expected - np.linalg.slogdet(j)[1], atol=1e-5)


def test_density_integrates_to_one():
    drifter = ConservativeDrifter(
        start="gaussian", bandwidth=0.6, n_particles=64, max_iter=12, random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        drifter.fit(MOONS[:80])
    low, high, n = np.array([-3.0, -2.5]), np.array([4.0, 3.0]), 80
    axes = [np.linspace(a, b, n) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    density = np.exp(drifter.score_samples(grid, method="flow"))
    cell = np.prod((high - low) / (n - 1))
    assert_allclose(density.sum() * cell, 1, atol=0.01)


def test_density_of_gaussian_data_is_gaussian():
    X = 3 + 2 * norm.ppf((np.arange(600) + 0.5) / 600)[:, None]
    drifter = ConservativeDrifter(
        start="gaussian", n_particles=3000, bandwidth=1.0, max_iter=8, random_state=0
    )
    drifter.fit(X)
    x = np.linspace(0, 6, 9)[:, None]
    found = drifter.score_samples(x, method="flow")
    assert_allclose(found, norm(3, 2).logpdf(x[:, 0]), atol=0.1)


def test_the_mixture_is_the_default():
    drifter = SharpDrifter(random_state=0).fit(MOONS)
    default = drifter.score_samples(MOONS)
    assert_array_equal(default, drifter.score_samples(MOONS, method="mixture"))
    assert not np.allclose(default, drifter.score_samples(MOONS, method="kde"))
    assert not np.allclose(default, drifter.score_samples(MOONS, method="flow"))
    with pytest.raises(ValueError, match=r"'method' must be 'mixture'.*; got 'map'"):
        drifter.score_samples(MOONS, method="map")


@pytest.mark.parametrize(
    ("start", "kind"), [(MOONS[:70], "array"), (lambda n, rng: MOONS[:n], "callable")]
)
def test_a_start_that_only_draws_has_no_density(start, kind):
    drifter = ConservativeDrifter(start=start, n_particles=70).fit(MOONS)
    with pytest.raises(ValueError, match=f"'start' {kind} gives draws only"):
        drifter.score_samples(MOONS, method="flow")


@pytest.mark.parametrize("start", ["gaussian", "local"])
def test_density_of_any_columns(start):
    """Collinear, constant and discrete columns, and more columns than neighbours."""
    rng = np.random.default_rng(0)
    few = [MOONS, MOONS.sum(axis=1), np.ones(150), rng.integers(0, 3, 150)]
    for X in (np.column_stack(few), rng.standard_normal((60, 45))):
        drifter = ConservativeDrifter(start=start, random_state=0).fit(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            log_p = drifter.score_samples(X[:5], method="flow")
            far = drifter.score_samples(X[:5] + 5 * X.std(), method="flow")
        assert np.isfinite(log_p).all()
        assert (far < log_p).all()


def test_equal_rows_have_no_density_by_the_flow():
    drifter = ConservativeDrifter(random_state=0).fit(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"all rows of the data are equal.*'mixture'"):
        drifter.score_samples(np.ones((1, 2)), method="flow")


# -- how faithful tracers are --------------------------------------------------------


class Passive(BoundField):
    """Tracers as points that do not count themselves."""

    def __init__(self, field):
        self.at = field.at


@pytest.mark.parametrize(
    ("data", "n"), [(load_wine, 178), (load_breast_cancer, 400), (load_digits, 300)]
)
def test_tracers_keep_to_the_particles_in_many_columns(data, n):
    X = data().data[:n]
    drifter = ConservativeDrifter(random_state=0).fit(X)
    flow, scaling = drifter.flow_, drifter.flow_.scaling
    particles = flow.particles
    z = flow.start.draw(n, np.random.RandomState(1))(flow.noise)
    ends = scaling.to_internal(drifter.transform(scaling.to_data(z)))
    spread = root_mean_square(ends - ends.mean(axis=0))
    spread /= root_mean_square(particles - particles.mean(axis=0))
    assert 0.9 < spread < 1.2
    assert_allclose(drifter.tracer_spread_, spread, atol=0.12)
    field = flow.bound(n, n, flow.n_iter)
    passive = carry(z, Passive(field), flow.steps)
    distance, before = (energy_distance(x, particles) for x in (ends, passive))
    assert distance < 0.6 * before


def test_transform_says_when_tracers_are_not_faithful():
    # Too narrow a bandwidth for so many columns: particles jump onto rows.
    drifter = ConservativeDrifter(
        self_interaction="leave-one-out",
        bandwidth=0.8,
        columns="free",
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning):
        drifter.fit(WINE)
    assert drifter.tracer_spread_ < 0.8
    with pytest.warns(UserWarning, match=r"tracer_spread_.*sample\(\)") as caught:
        drifter.transform(WINE[:3])
    assert caught[0].filename == __file__


def test_tracers_of_constant_data():
    drifter = ConservativeDrifter().fit(np.ones((5, 2)))
    assert drifter.tracer_spread_ == 1
    assert_array_equal(drifter.inverse_transform(np.ones((5, 2))), np.ones((5, 2)))
