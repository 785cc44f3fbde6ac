"""The released drifting algorithm, against its matrices."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from problems import IRIS, clouds, moons
from problems import WINE_3D as WINE
from scipy.stats import special_ortho_group
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from skdrift import LaplaceDrifter, SoftmaxDrifter
from skdrift.bandwidth import laplace_rate
from skdrift.conventions import bandwidth_from
from skdrift.engines import NumbaEngine, NumpyEngine
from skdrift.fields import SoftmaxField
from skdrift.kernels import Matern
from skdrift.metrics import energy_distance

TAU = 0.6

needs_numba = pytest.mark.skipif(
    NumbaEngine.unavailable_reason() is not None, reason="needs numba"
)


def softmax(logits, axis):
    e = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def published(x, y, tau):
    """Algorithm 2 with its masked logits deleted; velocity, P and Q."""
    targets = np.concatenate([x, y])
    distance = np.linalg.norm(x[:, None] - targets, axis=2)
    distance[np.arange(len(x)), np.arange(len(x))] = np.inf
    logits = -distance / tau
    a = np.sqrt(softmax(logits, 1) * softmax(logits, 0))
    a_model, a_data = a[:, : len(x)], a[:, len(x) :]
    q, p = a_model.sum(axis=1, keepdims=True), a_data.sum(axis=1, keepdims=True)
    return (a_data * q) @ y - (a_model * p) @ x, p[:, 0], q[:, 0]


def make_field(data, ratios=(1.0,), **options):
    return SoftmaxField(ratios).bind(NumpyEngine(), data, **options)


@pytest.mark.parametrize("tau", [0.05, TAU, 20.0])
@pytest.mark.parametrize(("n", "m"), [(12, 15), (40, 7), (2, 1), (3, 50)])
@pytest.mark.parametrize("d", [1, 2, 6])
def test_it_is_the_published_algorithm(d, n, m, tau):
    data, particles, _ = clouds(d, n=n, m=m)
    v = make_field(data).on_particles(particles, tau)
    # Through products, the distance of points is within 1e-8 in six columns.
    assert_allclose(v, published(particles, data, tau)[0], rtol=1e-7, atol=1e-12)


def test_it_is_many_tiles_as_well():
    data, particles, _ = clouds(2, n=700, m=1500)
    v = make_field(data).on_particles(particles, 0.1)
    assert_allclose(v, published(particles, data, 0.1)[0], atol=1e-12)


def test_no_matrix_is_held():
    data, particles, _ = clouds(2, n=2000, m=2000)
    field = make_field(data)
    with config_context(working_memory=1):
        tracemalloc.start()
        field.on_particles(particles, TAU)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 3e6  # a matrix has 3.2e7 bytes


@pytest.mark.parametrize(
    "engine", [NumpyEngine(), pytest.param(NumbaEngine(), marks=needs_numba)]
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("ratios", [(1.0,), (1.0, 4.0)])
def test_engines_agree(engine, dtype, ratios):
    data, particles, queries = (a.astype(dtype) for a in clouds(3, n=80, m=60))
    exact = make_field(data.astype(np.float64), ratios)
    field = SoftmaxField(ratios).bind(engine, data)
    tolerance = 1e-12 if dtype == np.float64 else 2e-6
    for v, expected in [
        (field.on_particles(particles, TAU), exact.on_particles(particles, TAU)),
        (field.at(queries, particles, TAU), exact.at(queries, particles, TAU)),
    ]:
        assert v.dtype == dtype
        assert_allclose(v, expected, atol=tolerance)


# -- points that are no particles ----------------------------------------------------


def of_further_points(data, particles, queries, tau):
    """Velocity of points by whole matrices, and the largest mean of K over c."""
    n = len(particles)
    x = np.concatenate([particles, data])

    def kernel(a, b):
        return np.exp(-np.linalg.norm(a[:, None] - b, axis=2) / tau)

    seen = kernel(particles, x)
    seen[np.arange(n), np.arange(n)] = 0
    k, columns = kernel(queries, x), seen.sum(axis=0)
    a = k / np.sqrt(k.sum(axis=1, keepdims=True) * columns)
    offset, sums, means, largest = x - queries[:, None], [], [], 0
    for part in (slice(n, None), slice(n)):
        total = a[:, part].sum(axis=1)
        mean = (a * k / columns)[:, part].sum(axis=1) / total
        sums.append(total / np.sqrt(np.maximum(mean, 1)))
        to_part = np.einsum("ij,ijk->ik", a[:, part], offset[:, part])
        means.append(to_part / total[:, None])
        largest = max(largest, mean.max())
    gain = sums[0] * sums[1]
    return gain[:, None] * (means[0] - means[1]), largest


@pytest.mark.parametrize(("tau", "exceeds"), [(0.2, True), (TAU, True), (3.0, False)])
def test_a_further_point_is_a_row_beside_those_of_the_particles(tau, exceeds):
    data, particles, queries = clouds(2)
    v = make_field(data).at(queries, particles, tau)
    expected, largest = of_further_points(data, particles, queries, tau)
    assert (largest > 1) == exceeds
    assert_allclose(v, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("tau", [1e-3, 0.03, 0.2])
def test_no_further_point_has_a_larger_gain_than_a_particle_can(tau):
    data, particles, queries = clouds(9, n=17, m=60)
    x = np.concatenate([data, particles + 1e-6, queries])
    v = make_field(data).at(x, particles, tau)
    largest_offset = 2 * np.abs(np.concatenate([data, particles, queries])).max()
    assert np.isfinite(v).all()
    assert np.abs(v).max() <= np.sqrt(17 * 60) / 2 * largest_offset
    # Rows that no particle sees stay where they are.
    if tau < 0.01:
        assert np.abs(v[:60]).max() < 1e-12


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("d", [2, 9])
@pytest.mark.parametrize("tau", [1e-3, 1e-2, 0.1])
def test_rows_far_from_all_particles_stay_near_the_data(tau, d, dtype):
    X = np.random.default_rng(0).standard_normal((60, d)).astype(dtype)
    drifter = SoftmaxDrifter(
        temperature=tau, n_particles=17, random_state=0, max_iter=25
    ).fit(X)
    # Without the bound they went to 1e149, or were NaN.
    assert np.abs(drifter.velocity(X)).max() < 10
    assert np.abs(drifter.transform(X)).max() < 10


@pytest.mark.parametrize("ratios", [(1.0,), (1.0, 3.0)])
def test_further_points_do_not_see_one_another(ratios):
    data, particles, queries = clouds(2)
    field = make_field(data, ratios)
    together = field.at(queries, particles, TAU)
    alone = [field.at(x[None], particles, TAU)[0] for x in queries]
    assert_allclose(together, alone, atol=1e-15)


@pytest.mark.parametrize("ratios", [(1.0,), (1.0, 2.0)])
def test_among_many_particles_one_more_makes_no_difference(ratios):
    differences = []
    for n in (100, 400, 1600):
        data, particles, _ = clouds(2, n=n, m=500)
        field = make_field(data, ratios)
        v = field.on_particles(particles, TAU)
        gap = field.at(particles, particles, TAU) - v
        differences.append(np.linalg.norm(gap) / np.linalg.norm(v))
    assert differences[0] > 2.5 * differences[1] > 6 * differences[2]
    assert differences[2] < 0.02


# -- symmetries ----------------------------------------------------------------------


@pytest.mark.parametrize("ratios", [(1.0,), (1.0, 3.0)])
def test_motions_and_scalings_carry_over(ratios):
    data, particles, queries = clouds(3)
    rotation = special_ortho_group.rvs(3, random_state=0)
    shift, c = np.array([3.0, -1.0, 2.0]), 2.5

    def velocities(move, h):
        field = make_field(move(data), ratios)
        x = move(particles)
        return np.concatenate([field.on_particles(x, h), field.at(move(queries), x, h)])

    v = velocities(lambda z: z, TAU)
    moved = velocities(lambda z: z @ rotation.T + shift, TAU)
    assert_allclose(moved, v @ rotation.T, rtol=1e-9)
    assert_allclose(velocities(lambda z: c * z, c * TAU), c * v, rtol=1e-9)


def test_the_order_of_particles_and_rows_does_not_matter():
    data, particles, _ = clouds(2)
    order = np.random.default_rng(1).permutation(len(particles))
    v = make_field(data).on_particles(particles, TAU)
    permuted = make_field(data[::-1]).on_particles(particles[order], TAU)
    assert_allclose(permuted, v[order], atol=1e-15)


def test_mirror_images_move_in_opposite_directions():
    data, particles, _ = clouds(2)
    v = make_field(data).on_particles(particles, TAU)
    assert_allclose(make_field(-data).on_particles(-particles, TAU), -v, atol=1e-15)


def test_targets_pull_alike_whether_data_or_particles():
    # Two particles, and the data a mirror image of either about the other.
    particles, data = np.array([[0.0], [1.0]]), np.array([[-1.0], [2.0]])
    v = make_field(data).on_particles(particles, TAU)
    assert_allclose(v[0], -v[1], atol=1e-15)
    assert v[0] < -0.1


def test_equal_clouds_nearly_cancel():
    # The deleted particle is missing among the model's targets, not among the data.
    size = []
    for n in (50, 200, 800):
        data, _, _ = clouds(2, m=n)
        v = make_field(data).on_particles(data.copy(), TAU)
        size.append(np.sqrt(np.mean(v**2)))
    assert size[0] > 2.3 * size[1] > 2.3**2 * size[2] > 0


def test_it_is_not_antisymmetric():
    data, particles, queries = clouds(2)
    v = make_field(data).at(queries, particles, TAU)
    swapped = make_field(particles).at(queries, data, TAU)
    assert np.abs(v + swapped).max() > 0.1 * np.abs(v).max()


# -- weights -------------------------------------------------------------------------


@pytest.mark.parametrize("ratios", [(1.0,), (0.5, 2.0)])
def test_weights_are_repeated_rows(ratios):
    data, particles, queries = clouds(2, m=5)
    counts = np.array([2, 1, 3, 1, 4])
    repeated = make_field(np.repeat(data, counts, axis=0), ratios)
    weighted = make_field(
        data, ratios, log_weights=np.log(counts / 11), n_samples=counts.sum()
    )
    assert_allclose(
        weighted.on_particles(particles, TAU),
        repeated.on_particles(particles, TAU),
        atol=1e-14,
    )
    assert_allclose(
        weighted.at(queries, particles, TAU),
        repeated.at(queries, particles, TAU),
        atol=1e-14,
    )


def test_equal_weights_are_no_weights():
    data, particles, _ = clouds(2)
    given = make_field(data, log_weights=np.full(len(data), -np.log(len(data))))
    v = make_field(data).on_particles(particles, TAU)
    assert_allclose(given.on_particles(particles, TAU), v, atol=1e-15)


def test_the_number_of_samples_is_in_the_gain_alone():
    data, particles, _ = clouds(2)
    v = make_field(data).on_particles(particles, TAU)
    twice = make_field(data, n_samples=2 * len(data)).on_particles(particles, TAU)
    ratio = twice / v
    assert_allclose(ratio[:, 0], ratio[:, 1], rtol=1e-10)
    # c / (row with c times the data) against 1 / row
    assert np.all((1 < ratio) & (ratio < 2))


# -- the gain ------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(300, 150), (200, 200), (80, 400)])
def test_the_gain_where_particles_lie_like_the_data(n, m):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((n, 2)), rng.standard_normal((m, 2))
    _, p, q = published(x, y, 1.0)
    assert abs(np.median(p * q) - m / (n + m)) < 0.05
    assert np.mean(p * q) <= (n + m) / (4 * n)


def test_far_particles_stay():
    data, particles, _ = clouds(2)
    v = []
    for distance in (5.0, 10.0, 1e4):
        x = np.concatenate([particles, [[distance, 0.0]]])
        v.append(np.abs(make_field(data).on_particles(x, 0.2)[-1]).max())
    assert 1e-4 > v[0] > 1e6 * v[1] > 0
    assert v[2] == 0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_underflows_is_finite(dtype):
    data, particles, _ = (a.astype(dtype) for a in clouds(2))
    field = make_field(data + dtype(1e6), (1.0, 2.0))
    assert_array_equal(field.on_particles(particles, 1e-2), 0)
    assert_array_equal(field.at(data, particles, 1e-2), 0)


# -- several temperatures ------------------------------------------------------------


def test_several_temperatures_are_the_normalised_sum_but_for_a_factor():
    data, particles, _ = clouds(3)
    ratios = (1.0, 2.5, 10.0)
    v = make_field(data, ratios).on_particles(particles, TAU)
    fields = [published(particles, data, r * TAU)[0] for r in ratios]
    rms = [np.sqrt(np.mean(f**2)) for f in fields]
    normalised = sum(f / r for f, r in zip(fields, rms, strict=True))
    assert_allclose(v, normalised * np.prod(rms) ** (1 / 3) / 3, rtol=1e-10)


def test_a_temperature_twice_is_the_temperature():
    data, particles, queries = clouds(2)
    one, two = make_field(data), make_field(data, (1.0, 1.0))
    for name, x in (("on_particles", ()), ("at", (queries,))):
        v = getattr(one, name)(*x, particles, TAU)
        assert_allclose(getattr(two, name)(*x, particles, TAU), v, rtol=1e-12)


def test_the_sum_of_temperatures_vanishes_with_its_terms():
    data, particles, _ = clouds(2, n=400, m=200)
    field = make_field(data, (1.0, 3.0))
    start = np.sqrt(np.mean(field.on_particles(particles, TAU) ** 2))
    x = particles
    for _ in range(60):
        x = x + 2 * field.on_particles(x, TAU)
    assert np.sqrt(np.mean(field.on_particles(x, TAU) ** 2)) < 0.03 * start


# -- the estimator -------------------------------------------------------------------


def test_the_fitted_field_is_the_published_one():
    drifter = SoftmaxDrifter(
        temperature=0.7, standardize=False, annealing=0, max_iter=1, step_size=1.5
    )
    X = np.random.default_rng(0).standard_normal((30, 2))
    start = X[:10] + 1.0
    with pytest.warns(ConvergenceWarning, match="still drift"):
        drifter.set_params(start=start, early_stopping=False).fit(X)
    moved = start + 1.5 * published(start, X, 0.7)[0]
    assert_allclose(drifter.particles_, moved, atol=1e-13)
    v = published(moved, X, 0.7)[0]
    expected = np.sqrt(np.mean(np.sum(v**2, axis=1)))
    assert_allclose(drifter.residual_velocity_, expected, rtol=1e-10)


def test_a_weight_of_two_is_the_row_twice():
    weight = np.random.default_rng(0).integers(0, 3, len(WINE))
    drifter = SoftmaxDrifter(random_state=0)
    weighted = drifter.fit(WINE, sample_weight=weight).particles_
    repeated = drifter.fit(np.repeat(WINE, weight, axis=0)).particles_
    assert_allclose(weighted, repeated, rtol=1e-12)


def test_temperatures_and_their_order():
    def fit(temperature):
        drifter = SoftmaxDrifter(temperature=temperature, early_stopping=False)
        return drifter.set_params(random_state=0).fit(WINE[::2])

    several, sorted_ = fit([4.0, 1.0, 2.0]), fit(np.array([1.0, 2.0, 4.0]))
    assert several.bandwidth_ == sorted_.bandwidth_ == 1.0
    assert several.stopped_by_ == "tol"
    assert_array_equal(several.particles_, sorted_.particles_)
    one, list_of_one = fit(1.0), fit([1.0])
    assert_array_equal(one.particles_, list_of_one.particles_)
    assert np.abs(one.particles_ - several.particles_).max() > 0.01


def test_annealing_lowers_all_temperatures_together():
    X = np.random.default_rng(0).standard_normal((40, 2))
    options = {"start": X[:20] + 0.5, "max_iter": 1, "standardize": False}
    options |= {"early_stopping": False, "step_size": 1.0}
    annealed = SoftmaxDrifter(temperature=[0.2, 0.6], annealing=[3.0], **options)
    with pytest.warns(ConvergenceWarning, match="still drift"):
        annealed.fit(X)
    assert_allclose(annealed.history_["bandwidth"], [0.6, 0.2])
    field = make_field(X, (0.6, 1.8))
    x = options["start"]
    assert_allclose(annealed.particles_, x + field.on_particles(x, 1.0), atol=1e-13)


def test_rate_is_that_of_the_laplace_drifter():
    softmax_, laplace = (
        cls(random_state=0).fit(WINE) for cls in (SoftmaxDrifter, LaplaceDrifter)
    )
    assert softmax_.bandwidth_ == laplace.bandwidth_
    assert_allclose(softmax_.bandwidth_, laplace_rate(len(WINE), 3))
    assert softmax_.kernel_.nu == Matern(0.5).nu


def test_the_temperature_of_other_conventions():
    tau = bandwidth_from([0.2, 0.5], "temperature_sqrt_d", n_features=3)
    drifter = SoftmaxDrifter(temperature=tau, random_state=0).fit(WINE)
    assert_allclose(drifter.bandwidth_, 0.2 * np.sqrt(3))


@pytest.mark.parametrize("temperature", ["rate", [0.3, 1.0]])
def test_samples_are_as_near_to_new_rows_as_the_data(temperature):
    X = moons(8000, noise=0.05)
    X = np.random.default_rng(0).choice(X, 600, replace=False)
    train, test = X[:200], X[200:]
    drifter = SoftmaxDrifter(temperature=temperature, random_state=0).fit(train)
    assert drifter.stopped_by_ in ("tol", "memorization")
    rows = drifter.sample(400, random_state=1)
    start = LaplaceDrifter(random_state=0, start="gaussian", max_iter=1, annealing=0)
    with pytest.warns(ConvergenceWarning, match="still drift"):
        start.fit(train)
    distance = energy_distance(rows, test)
    assert distance < 2 * energy_distance(train, test)
    assert distance < 0.2 * energy_distance(start.start_, test)


def test_transform_velocity_and_scores():
    train, test = train_test_split(IRIS, random_state=0)
    drifter = SoftmaxDrifter(temperature=[1.0, 3.0], random_state=0).fit(train)
    v = drifter.velocity(test)
    assert v.shape == test.shape
    assert np.linalg.norm(v / drifter.scale_, axis=1).max() < drifter.bandwidth_
    carried = drifter.transform(test)
    assert_allclose(carried[:5], drifter.transform(test[:5]), rtol=1e-9)
    assert drifter.score(test) > drifter.score(test + 2 * train.std(axis=0))
    inside, outside = drifter.score_samples(test), drifter.score_samples(test + 9)
    assert inside.min() > outside.max()


@pytest.mark.parametrize(
    "temperature",
    [0.0, -1.0, np.inf, np.nan, [], [1.0, 0.0], [1.0, np.nan], [[1.0]], "scott", None],
)
def test_other_temperatures_are_refused(temperature):
    drifter = SoftmaxDrifter(temperature=temperature)
    with pytest.raises(ValueError, match="'temperature' parameter"):
        drifter.fit(WINE)
    assert not hasattr(drifter, "particles_")
