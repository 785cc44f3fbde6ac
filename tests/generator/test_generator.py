"""The one-step generator: its training step, its classes, its contract."""

import pickle
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_iris, load_wine
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPRegressor

from skdrift import ConservativeDrifter, DriftGenerator, LaplaceDrifter, SharpDrifter
from skdrift._data._rows import weighted_rows
from skdrift._estimator import sampling_rng
from skdrift._generator import _training
from skdrift._generator._learner import Average
from skdrift.metrics import energy_distance

IRIS, SPECIES = load_iris(return_X_y=True)


class Recorder(RegressorMixin, BaseEstimator):
    """Gives the same map of its inputs for ever, and keeps what it is told."""

    told = []  # shared, as estimators are cloned

    def predict(self, X):
        first = X[:, :2] + np.float32(0.3) * np.sin(X[:, 1:2])
        return first + (X[:, 2:] @ np.arange(X.shape[1] - 2.0)[:, None])

    def fit(self, X, y):
        return self.partial_fit(X, y)

    def partial_fit(self, X, y):
        self.told.append((X, y))
        return self


class Affine(RegressorMixin, BaseEstimator):
    """The exact regression of a Gaussian: least squares, from scratch every time."""

    def fit(self, X, y):
        return self.partial_fit(X, y)

    def partial_fit(self, X, y):
        self.map_ = np.linalg.lstsq(self._features(X), y, rcond=None)[0]
        return self

    def predict(self, X):
        return self._features(X) @ self.map_

    def _features(self, X):
        return np.column_stack([np.ones(len(X)), X.astype(np.float64)])


def small(**params):
    return DriftGenerator(
        **{"max_iter": 10, "batch_size": 64, "random_state": 0, **params}
    )


def recorded_steps(generator, X, y=None, sample_weight=None):
    """Inputs and targets of the steps after those towards a Gaussian."""
    Recorder.told.clear()
    generator.set_params(generator=Recorder())
    generator.fit(X, y, sample_weight)
    return deepcopy(Recorder.told[_training._START_STEPS :])


def gaussian_pull(x, sources, weight, h):
    """Mean shift of the Gaussian kernel, from its formula."""
    r2 = ((x[:, None] - sources) ** 2).sum(axis=2)
    k = weight * np.exp(-r2 / (2 * h**2))
    return k @ sources / k.sum(axis=1, keepdims=True) - x


def displacement_loo_pull(x, h):
    """Mean shift of the Laplace kernel, every point without itself."""
    k = np.exp(-np.sqrt(((x[:, None] - x) ** 2).sum(axis=2)) / h)
    np.fill_diagonal(k, 0)
    return k @ x / k.sum(axis=1, keepdims=True) - x


# -- the training step ---------------------------------------------------------------


@pytest.mark.parametrize("step_size", [1.0, 0.3])
def test_targets_are_rows_after_a_frozen_step(step_size):
    weight = np.arange(1.0, 8.0).repeat(10) / 3
    X = IRIS[:70, :2]
    generator = small(
        field=ConservativeDrifter(bandwidth=0.5, annealing=[4.0, 2.0]),
        step_size=step_size,
        max_iter=6,
    )
    mean = weight @ X / weight.sum()
    std = np.sqrt(weight @ (X - mean) ** 2 / weight.sum())
    data = (X - mean) / std
    steps = recorded_steps(generator, X, sample_weight=weight)
    assert len(steps) == 6
    residuals = []
    for t, (z, target) in enumerate(steps):
        h = [2.0, 1.0, 0.5][t % 3]
        x = Recorder().predict(z).astype(np.float64)
        v = gaussian_pull(x, data, weight, h) - gaussian_pull(x, x, 1.0, h)
        assert_allclose(target, x + step_size * v, atol=3e-5)
        residuals.append(np.sqrt((v**2).sum(axis=1).mean()))
    assert_allclose(generator.history_["residual_velocity"], residuals, rtol=1e-5)
    assert_allclose(generator.history_["bandwidth"], [2.0, 1.0, 0.5] * 2)
    assert generator.bandwidth_ == 0.5


def test_a_queue_repels_without_being_moved():
    generator = small(
        field=ConservativeDrifter(bandwidth=0.6, annealing=0), queue_size=100
    )
    data = (IRIS[:, :2] - IRIS[:, :2].mean(axis=0)) / IRIS[:, :2].std(axis=0)
    steps = recorded_steps(generator, IRIS[:, :2])
    crowd = np.empty((0, 2))
    for z, target in steps:
        x = Recorder().predict(z).astype(np.float64)
        crowd = np.concatenate([x, crowd])
        v = gaussian_pull(x, data, 1.0, 0.6) - gaussian_pull(x, crowd, 1.0, 0.6)
        assert target.shape == (64, 2)
        assert_allclose(target, x + v, atol=3e-5)
        crowd = crowd[:100]


def test_any_drifter_lends_its_field():
    field = LaplaceDrifter(bandwidth=0.7, annealing=0, standardize=False)
    steps = recorded_steps(small(field=field), IRIS[:, :2])
    centre = IRIS[:, :2].mean(axis=0)
    unit = IRIS[:, :2].std(axis=0)
    data = IRIS[:, :2] - centre
    for z, target in steps[:3]:
        x = Recorder().predict(z).astype(np.float64) * unit
        k = np.exp(-np.sqrt(((x[:, None] - data) ** 2).sum(axis=2)) / 0.7)
        attraction = k @ data / k.sum(axis=1, keepdims=True) - x
        v = attraction - displacement_loo_pull(x, 0.7)
        assert_allclose(target * unit, x + v, atol=3e-5)


def test_every_class_drifts_to_its_own_rows():
    generator = small(
        field=ConservativeDrifter(bandwidth=0.6, annealing=0), batch_size=63
    )
    steps = recorded_steps(generator, IRIS[:, :2], SPECIES)
    for z, target in steps[:3]:
        assert_array_equal(z[:, 2:].sum(axis=0), [21, 21, 21])
        for k in range(3):
            rows = IRIS[SPECIES == k, :2]
            data = (rows - rows.mean(axis=0)) / rows.std(axis=0)
            mine = z[:, 2 + k] == 1
            x = Recorder().predict(z[mine]).astype(np.float64)
            v = gaussian_pull(x, data, 1.0, 0.6) - gaussian_pull(x, x, 1.0, 0.6)
            assert_allclose(target[mine], x + v, atol=3e-5)


def test_gaussians_close():
    # Data of a Gaussian and an affine generator: V is affine, so that regression is
    # exact and mean and covariance follow their ordinary differential equation, whose
    # explicit Euler steps these are.
    rng = np.random.default_rng(0)
    root = np.array([[1.0, 0.0], [0.6, 0.8]])
    X = rng.standard_normal((2000, 2)) @ root.T
    X = (X - X.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(X.T))).T
    X = X @ root.T + [3.0, -1.0]
    h = 2.0
    generator = DriftGenerator(
        generator=Affine(),
        field=ConservativeDrifter(bandwidth=h, annealing=0, standardize=False),
        max_iter=1,
        batch_size=2000,
        random_state=0,
    )
    C_data = np.cov(X.T)
    A_data = np.linalg.inv(C_data + h**2 * np.eye(2))
    start = np.diag(X.var(axis=0))  # the Gaussian that it begins with
    A = np.linalg.inv(start + h**2 * np.eye(2))
    step = np.eye(2) + h**2 * (A - A_data)
    drawn = generator.fit(X).sample(100_000)
    assert_allclose(np.cov(drawn.T), step @ start @ step.T, atol=0.05)
    drawn = generator.set_params(max_iter=30).fit(X).sample(100_000)
    assert np.abs(C_data - start).max() > 0.5
    assert_allclose(np.cov(drawn.T), C_data, atol=0.06)
    assert_allclose(drawn.mean(axis=0), [3, -1], atol=0.05)


# -- what it learns ------------------------------------------------------------------


def ring_of_gaussians(n, rng):
    angle = 2 * np.pi * rng.integers(0, 8, n) / 8
    centre = 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    return centre + 0.1 * rng.standard_normal((n, 2))


def test_it_learns_a_ring_of_gaussians():
    rng = np.random.default_rng(0)
    X, fresh = (ring_of_gaussians(n, rng) for n in (1000, 1000))
    generator = DriftGenerator(max_iter=150, batch_size=512, random_state=0).fit(X)
    gaussian = rng.multivariate_normal(X.mean(axis=0), np.cov(X.T), 1000)
    distance = energy_distance(generator.sample(1000), X)
    assert distance < 0.1 * energy_distance(gaussian, X)
    history = generator.history_["energy_distance"]
    assert_array_equal(generator.history_["n_steps"], np.arange(25, 151, 25))
    assert history[-1] < history[0]
    assert generator.score(fresh) > small(max_iter=1).fit(X).score(fresh)
    assert generator.memorization_auc_ < 0.6


def test_classes_are_drawn_as_asked():
    y = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
    generator = DriftGenerator(max_iter=60, batch_size=256, random_state=0).fit(IRIS, y)
    asked = np.repeat(["virginica", "setosa"], 300)
    drawn = generator.sample(600, y=asked)
    for label in ("virginica", "setosa"):
        rows = drawn[asked == label]
        own, others = IRIS[y == label], IRIS[y != label]
        assert_allclose(rows.mean(axis=0), own.mean(axis=0), atol=0.2)
        assert energy_distance(rows, own) < 0.1 * energy_distance(rows, others)
    assert_array_equal(
        generator.sample(5, y="setosa"), generator.sample(5, y=["setosa"] * 5)
    )
    by_class = [generator.score(IRIS[k : k + 50], y[k : k + 50]) for k in (0, 50, 100)]
    assert_allclose(generator.score(IRIS, y), np.mean(by_class))
    assert generator.bandwidth_.shape == (3,)


def test_classes_are_drawn_as_often_as_they_occur():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 1)) + np.repeat([0.0, 100.0], 30)[:, None]
    y = np.repeat([7, 3], 30)
    weight = np.repeat([1.0, 3.0], 30)
    generator = small(generator=Affine()).fit(X, y, weight)
    assert_allclose((generator.sample(4000) > 50).mean(), 0.75, atol=0.03)
    assert_array_equal(generator.classes_, [3, 7])


def test_columns_keep_their_values_units_and_precision():
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [
            1e6 + 1e3 * rng.standard_normal(200),
            np.full(200, 2.5),
            rng.random(200) < 0.3,
        ]
    )
    generator = DriftGenerator(max_iter=30, batch_size=128, random_state=0).fit(X)
    drawn = generator.sample(3)
    assert_array_equal(drawn[:, 1], 2.5)
    drawn = generator.sample(1000)
    assert set(drawn[:, 2]) == {0, 1}
    assert_allclose(drawn.mean(axis=0), X.mean(axis=0), rtol=1e-3, atol=0.05)
    assert drawn.dtype == np.float64
    assert small().fit(X.astype(np.float32)).sample().dtype == np.float32


def test_many_rows_are_drawn_in_chunks(monkeypatch):
    generator = small().fit(IRIS, SPECIES)
    whole = generator.sample(301)
    seen = []
    predict = generator.generator_.predict
    monkeypatch.setattr(_training, "_CHUNK", 50)
    monkeypatch.setattr(
        generator.generator_, "predict", lambda z: seen.append(len(z)) or predict(z)
    )
    assert_allclose(generator.sample(301), whole, rtol=1e-5)
    assert max(seen) == 50


# -- regressors ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "regressor",
    [
        MLPRegressor(hidden_layer_sizes=(8,), batch_size=64),
        MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=200, tol=1e-2),
        MultiOutputRegressor(SGDRegressor()),
        Affine(),
    ],
)
def test_regressors_that_can_be_updated(regressor):
    generator = small(generator=regressor).fit(IRIS)
    assert type(generator.generator_) is type(regressor)
    assert not hasattr(regressor, "n_features_in_")
    drawn = generator.sample(200)
    assert np.all(np.abs(drawn.mean(axis=0) - IRIS.mean(axis=0)) < IRIS.std(axis=0))


def test_one_column():
    X = IRIS[:, :1]
    for regressor in (None, SGDRegressor(), GradientBoostingRegressor(n_estimators=3)):
        drawn = small(generator=regressor).fit(X).sample(300)
        assert drawn.shape == (300, 1)
        assert abs(drawn.mean() - X.mean()) < X.std()


def test_a_regressor_that_starts_anew_is_refused():
    with pytest.raises(ValueError, match="partial_fit, or with a warm_start parameter"):
        small(generator=LinearRegression()).fit(IRIS)


def test_the_network_is_averaged_over_its_last_steps():
    # With the weights t^8 of polynomial decay, against their recursion.
    average = Average()
    network = MLPRegressor(hidden_layer_sizes=(3,), batch_size=10, random_state=0)
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(40):
        network.partial_fit(*rng.standard_normal((2, 10, 2)))
        average.update(network)
        seen.append(network.coefs_[0].copy())
    t = np.arange(1, 41)
    weight = np.array([np.prod(t[k] + np.arange(8.0)) for k in range(40)])
    expected = np.tensordot(weight / weight.sum(), seen, 1)
    averaged = average.of(network)
    assert_allclose(averaged.coefs_[0], expected, rtol=1e-10)
    assert_array_equal(network.coefs_[0], seen[-1])


def test_a_torch_module_behind_partial_fit():
    torch = pytest.importorskip("torch")

    class TorchRegressor(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            vars(self).pop("module_", None)
            return self.partial_fit(X, y)

        def partial_fit(self, X, y):
            if not hasattr(self, "module_"):
                torch.manual_seed(0)
                self.module_ = torch.nn.Sequential(
                    *(torch.nn.Linear(X.shape[1], 64), torch.nn.ReLU()),
                    *(torch.nn.Linear(64, 64), torch.nn.ReLU()),
                    torch.nn.Linear(64, y.shape[1]),
                )
                self.optimizer_ = torch.optim.Adam(self.module_.parameters(), 5e-3)
            X, y = torch.as_tensor(X), torch.as_tensor(y)
            for rows in torch.arange(len(X)).split(64):
                self.optimizer_.zero_grad()
                loss = ((self.module_(X[rows]) - y[rows]) ** 2).mean()
                loss.backward()
                self.optimizer_.step()
            return self

        def predict(self, X):
            with torch.no_grad():
                return self.module_(torch.as_tensor(X)).numpy()

    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 2)) + np.repeat([[0.0], [6.0]], 300, axis=0)
    generator = DriftGenerator(
        generator=TorchRegressor(), max_iter=100, batch_size=256, random_state=0
    ).fit(X)
    gaussian = rng.multivariate_normal(X.mean(axis=0), np.cov(X.T), 600)
    reached = energy_distance(generator.sample(600), X)
    assert reached < 0.25 * energy_distance(gaussian, X)
    generator.partial_fit(X)
    assert generator.n_iter_ == 105


# -- partial_fit ---------------------------------------------------------------------


def test_partial_fit_goes_on():
    rng = np.random.default_rng(0)
    X = ring_of_gaussians(800, rng)
    generator = small(batch_size=256)
    for part in range(12):
        generator.partial_fit(X[part % 2 :: 2])
    assert generator.n_iter_ == 60
    assert len(generator.history_["residual_velocity"]) == 60
    assert_array_equal(generator.history_["n_steps"], np.arange(5, 61, 5))
    start = small(batch_size=256).partial_fit(X[::2])
    assert generator.score(X) > start.score(X)


def test_partial_fit_keeps_the_units_of_its_first_call():
    field = ConservativeDrifter(columns="free")
    generator = small(generator=Affine(), field=field).partial_fit(IRIS)
    for _ in range(5):
        generator.partial_fit(IRIS + 3)
    drawn = generator.sample(2000)
    assert_allclose(drawn.mean(axis=0), IRIS.mean(axis=0) + 3, atol=0.4)


def test_partial_fit_leaves_a_fitted_generator_alone_if_it_fails():
    generator = small().partial_fit(IRIS, SPECIES)
    before = generator.sample(5)
    for X, y, match in (
        (IRIS, None, "if and only if"),
        (IRIS, SPECIES + 1, r"not seen: \[3\]"),
        (IRIS[:, :3], SPECIES, "3 features"),
    ):
        with pytest.raises(ValueError, match=match):
            generator.partial_fit(X, y)
    generator.set_params(step_size=1e38)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises((FloatingPointError, ValueError)),
    ):
        generator.partial_fit(1e8 * IRIS, SPECIES)
    generator.set_params(step_size=1.0)
    assert_array_equal(generator.sample(5), before)
    assert generator.n_iter_ == 5
    generator.partial_fit(IRIS[:100], SPECIES[:100])  # a class that is not there
    assert np.isfinite(generator.sample(20, y=2)).all()
    with pytest.raises(ValueError, match="if and only if"):
        small().partial_fit(IRIS).partial_fit(IRIS, SPECIES)


# -- contract ------------------------------------------------------------------------


def test_it_is_reproducible_and_can_be_stored():
    generator = small().fit(IRIS, SPECIES)
    drawn = generator.sample(9)
    assert_array_equal(small().fit(IRIS, SPECIES).sample(9), drawn)
    assert_array_equal(generator.sample(9), drawn)
    assert np.any(generator.sample(9, random_state=1) != drawn)
    restored = pickle.loads(pickle.dumps(generator))
    assert_array_equal(restored.sample(9), drawn)
    restored.partial_fit(IRIS, SPECIES)
    assert np.any(restored.sample(9) != drawn)
    assert_array_equal(generator.sample(9), drawn)


def test_a_weight_of_two_is_the_row_twice():
    weight = np.arange(150) % 3
    first = small().fit(IRIS, SPECIES, weight)
    second = small().fit(IRIS.repeat(weight, axis=0), SPECIES.repeat(weight))
    assert_array_equal(first.sample(20), second.sample(20))


def test_held_out_rows_are_not_trained_on():
    X = np.arange(400.0)[:, None]
    table = weighted_rows(X, np.ones(400), True)[0]
    rest, held = _training._hold_out(table, 0.25, np.random.RandomState(0))
    assert len(rest.rows) + len(held) == 400
    assert 70 < len(held) < 130
    assert_array_equal(np.sort(np.r_[rest.rows, held], axis=0), table.rows)
    assert_allclose(rest.weight.sum(), 1)
    # Without them, distances are those to the data.
    generator = small(max_iter=1, validation_fraction=0.3).fit(X)
    assert generator.history_["energy_distance"] > 0


def test_it_stops_before_it_copies():
    X = load_wine().data[::2]
    params = {"max_iter": 400, "batch_size": 128}
    generator = small(**params).fit(X)
    assert generator.stopped_by_ == "memorization"
    assert generator.memorization_auc_ < 0.55
    assert generator.n_iter_ % 25 == 0
    assert generator.history_["n_steps"][-1] == generator.n_iter_
    assert len(generator.history_["bandwidth"]) == generator.n_iter_
    longer = small(early_stopping=False, **params).fit(X)
    assert (longer.stopped_by_, longer.n_iter_) == ("max_iter", 400)
    assert longer.memorization_auc_ > 0.6
    # What it went back to is what fewer steps lead to.
    shorter = small(**{**params, "max_iter": generator.n_iter_}).fit(X)
    assert_array_equal(shorter.sample(9), generator.sample(9))


def flags(rng):
    """Two columns of 0 and 1, which differ in a tenth of the rows."""
    first = rng.integers(0, 2, 200)
    return np.column_stack([first, first ^ (rng.random(200) < 0.1)]).astype(float)


def test_it_ends_where_duplicated_rows_are_learned():
    X = flags(np.random.default_rng(0))
    params = {"batch_size": 256, "random_state": 2}
    generator = small(max_iter=800, **params).fit(X)
    assert generator.stopped_by_ == "convergence"
    assert 100 <= generator.n_iter_ <= 600
    history = generator.history_
    assert_array_equal(history["n_steps"], np.arange(25, generator.n_iter_ + 1, 25))
    assert len(history["bandwidth"]) == generator.n_iter_
    # It went back to the nearest, and that is well within the error of the data.
    assert np.argmin(history["energy_distance"]) == len(history["n_steps"]) - 1
    error = cdist(X / X.std(axis=0), X / X.std(axis=0)).mean() / len(X)
    assert history["energy_distance"][-1] < 0.25 * error
    assert history["energy_distance"][0] > 0.8 * error

    def off(drawn):  # in the share of rows that differ; measured 0.015, at first 0.075
        return abs(np.mean(drawn[:, 0] != drawn[:, 1]) - np.mean(X[:, 0] != X[:, 1]))

    assert off(generator.sample(4000)) < 0.03
    assert off(small(max_iter=25, **params).fit(X).sample(4000)) > 0.05


def test_a_rest_far_from_duplicated_rows_is_not_the_end():
    # No progress in five evaluations, as the columns are drawn as one; then it learns.
    generator = small(batch_size=256, max_iter=175)
    generator.fit(flags(np.random.default_rng(0)))
    distance = generator.history_["energy_distance"]
    assert np.argmin(distance[:5]) == 0
    assert distance[-1] < 0.9 * distance[0]
    assert (generator.stopped_by_, generator.n_iter_) == ("max_iter", 175)


def test_constant_rows_are_learned_at_once():
    generator = small(max_iter=500).fit(np.full((40, 2), 3.0))
    assert (generator.stopped_by_, generator.n_iter_) == ("convergence", 25)
    assert_array_equal(generator.sample(5), 3.0)


def test_copies_of_duplicated_rows_do_not_end_it():
    # Draws are 0 or one of the other numbers: an AUC of 0.7 for rows that are right.
    X = np.r_[np.zeros(60), np.arange(1, 41)][:, None]
    generator = small(max_iter=50).fit(X)
    assert generator.memorization_auc_ > 0.55
    assert (generator.stopped_by_, generator.n_iter_) == ("max_iter", 50)


def test_it_is_selected_by_score():
    search = GridSearchCV(
        small(batch_size=256), {"max_iter": [1, 120]}, cv=2, error_score="raise"
    )
    X = ring_of_gaussians(600, np.random.default_rng(0))
    search.fit(X, np.arange(600) % 2)
    assert search.best_params_ == {"max_iter": 120}


def test_frames_and_verbose(capsys):
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    generator = small(verbose=1).fit(frame, pd.Series(SPECIES, dtype="category"))
    assert "step 10, residual velocity" in capsys.readouterr().out
    assert_array_equal(generator.feature_names_in_, list("abcd"))
    assert generator.sample(2, y=1).shape == (2, 4)


@pytest.mark.parametrize(
    ("params", "y", "match"),
    [
        ({"latent_dim": 0}, None, "latent_dim"),
        ({"batch_size": 1}, None, "batch_size"),
        ({"batch_size": 5}, SPECIES, "at least 2 for each of the 3 classes"),
        ({"validation_fraction": 1.0}, None, "validation_fraction"),
        ({"field": "gaussian"}, None, "field"),
        ({"field": ConservativeDrifter(bandwidth=-1)}, None, "bandwidth"),
        ({"generator": object()}, None, "generator"),
        ({}, IRIS[:, 0], "class labels or None; got continuous"),
        ({}, np.r_[SPECIES[:-1], 9], "only one row"),
        ({}, SPECIES[:-1], "inconsistent"),
    ],
)
def test_errors_of_fit(params, y, match):
    generator = small(**params)
    with pytest.raises(ValueError, match=match):
        generator.fit(IRIS, y)
    assert not [name for name in vars(generator) if name.endswith("_")]


def test_a_failed_fit_forgets_the_last():
    generator = small().fit(IRIS)
    with pytest.raises(ValueError, match="continuous"):
        generator.fit(IRIS, IRIS[:, 0])
    with pytest.raises(Exception, match="not fitted"):
        generator.sample()


@pytest.mark.parametrize(
    ("n_samples", "y", "match"),
    [
        (0, None, "n_samples"),
        (2, 5, r"not seen: \[5\]"),
        (2, [0, 1, 2], "n_samples=2 labels; got 3"),
    ],
)
def test_errors_of_sample(n_samples, y, match):
    generator = small(max_iter=1).fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match=match):
        generator.sample(n_samples, y=y)
    with pytest.raises(ValueError, match="without classes"):
        small(max_iter=1).fit(IRIS).sample(2, y=1)


@pytest.mark.parametrize("field", [SharpDrifter(), ConservativeDrifter(annealing=0)])
def test_fields_with_their_defaults(field):
    generator = small(field=field, latent_dim=2).fit(IRIS)
    assert generator.latent_dim_ == 2
    assert np.isfinite(generator.sample(50)).all()
    assert generator.residual_velocity_ > 0
    n_ladder = np.unique(generator.history_["bandwidth"]).size
    assert n_ladder == (10 if field.annealing else 1)


# -- one more step ---------------------------------------------------------------------


@pytest.mark.parametrize("labelled", [False, True])
def test_one_step_bound(labelled):
    generator = DriftGenerator(
        generator=Recorder(),
        field=ConservativeDrifter(bandwidth=0.8, annealing=0),
        batch_size=60,
        max_iter=2,
        step_size=0.5,
        early_stopping=False,
        random_state=0,
    )
    columns = IRIS[:, :2]
    generator.fit(columns, SPECIES if labelled else None)
    found = generator.one_step_bound(n_batches=3, random_state=7)
    state = generator._fitted._replace(random_state=sampling_rng(7, None))
    squares, distances = np.zeros(3), []
    for k, c in enumerate(state.classes):
        n = 60 // len(state.classes)
        data, weight = c.rows.rows, c.rows.weight
        for i in range(3):
            x = state.internal_rows(generator.generator_, k, n).astype(float)

            def mean_of(sources, w, x=x):
                share = w * np.exp(-cdist(x, sources, "sqeuclidean") / (2 * 0.8**2))
                return share @ sources / share.sum(axis=1, keepdims=True)

            v = mean_of(data, weight) - mean_of(x, np.ones(n))
            squares[i] += c.share * np.square(v).sum(axis=1).mean()
            # The exact transport distance of the batch, before and after the step.
            cost = cdist(x, x + 0.5 * v, "sqeuclidean")
            distances.append(cost[linear_sum_assignment(cost)].mean())
    # In single precision.
    assert_allclose(found.value, 0.5 * np.sqrt(squares.mean()), rtol=1e-4)
    error = squares.std(ddof=1) / np.sqrt(3)
    assert_allclose(found.error, 0.5 * error / (2 * np.sqrt(squares.mean())), rtol=1e-2)
    if not labelled:
        assert 0.3 * found.value < np.sqrt(np.mean(distances)) <= found.value * 1.001
    again = generator.one_step_bound(n_batches=3, random_state=7)
    assert again == found
    with pytest.raises(ValueError, match="n_batches"):
        generator.one_step_bound(n_batches=1)
