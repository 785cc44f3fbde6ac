"""Pipelines that draw rows."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from problems import WINE as ALL_WINE
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)

from skdrift import ConservativeDrifter, LaplaceDrifter
from skdrift.metrics import energy_distance, make_sample_scorer
from skdrift.pipeline import DriftPipeline, make_drift_pipeline

WINE = ALL_WINE[:, :4]
NAMES = ["alcohol", "malic_acid", "ash", "alcalinity"]


def drifter(**parameters):
    return ConservativeDrifter(random_state=0, **parameters)


def test_draws_are_those_of_the_drifter_taken_back():
    pipeline = make_drift_pipeline(StandardScaler(), PCA(2), drifter()).fit(WINE)
    assert [name for name, _ in pipeline.steps] == [
        "standardscaler",
        "pca",
        "conservativedrifter",
    ]
    scaler, pca = StandardScaler().fit(WINE), PCA(2)
    drawn = drifter().fit(pca.fit_transform(scaler.transform(WINE))).sample(20)
    expected = scaler.inverse_transform(pca.inverse_transform(drawn))
    assert_allclose(pipeline.sample(20), expected, rtol=1e-12)
    # After a PCA the rows lie in its plane.
    z = scaler.transform(pipeline.sample(20, random_state=1))
    assert_allclose(pca.inverse_transform(pca.transform(z)), z, atol=1e-10)


def test_an_affine_step_changes_nothing_for_a_drifter_that_standardises():
    # Bounds and grids may be seen in one unit and not in another.
    free = partial(drifter, columns="free")
    pipeline = make_drift_pipeline(MinMaxScaler((-3, 9)), free()).fit(WINE)
    assert_allclose(pipeline.sample(50), free().fit(WINE).sample(50), rtol=1e-6)


@pytest.mark.parametrize("empty", ["passthrough", None])
def test_steps_that_do_nothing(empty):
    steps = [("a", empty), ("scaler", StandardScaler()), ("b", empty)]
    pipeline = DriftPipeline([*steps, ("drifter", drifter())]).fit(WINE)
    plain = make_drift_pipeline(StandardScaler(), drifter()).fit(WINE)
    assert_array_equal(pipeline.sample(9), plain.sample(9))
    alone = DriftPipeline([("a", empty), ("drifter", drifter())]).fit(WINE)
    assert_array_equal(alone.sample(9), drifter().fit(WINE).sample(9))


def test_nested_pipelines():
    inner = make_pipeline(StandardScaler(), PCA(2))
    nested = make_drift_pipeline(inner, drifter()).fit(WINE)
    flat = make_drift_pipeline(StandardScaler(), PCA(2), drifter()).fit(WINE)
    assert_array_equal(nested.sample(9), flat.sample(9))


def test_the_rest_is_that_of_a_pipeline():
    steps = [("scaler", PowerTransformer()), ("drifter", drifter())]
    ours, plain = DriftPipeline(steps).fit(WINE), Pipeline(steps).fit(WINE)
    for method in ("transform", "score_samples"):
        expected = getattr(plain, method)(WINE[:9])
        assert_array_equal(getattr(ours, method)(WINE[:9]), expected)
    assert ours.score(WINE) == plain.score(WINE)
    assert_array_equal(DriftPipeline(steps).fit_transform(WINE), plain.transform(WINE))


def test_clone_and_pickle():
    pipeline = make_drift_pipeline(StandardScaler(), drifter())
    copy = clone(pipeline).set_params(conservativedrifter__bandwidth=0.5)
    assert pipeline["conservativedrifter"].bandwidth == "rate"
    copy = pickle.loads(pickle.dumps(copy.fit(WINE)))
    assert copy["conservativedrifter"].bandwidth_ == 0.5
    assert_array_equal(copy.sample(5), copy.sample(5))
    with pytest.raises(NotFittedError):
        pipeline.sample()


def test_memory(tmp_path):
    cached = make_drift_pipeline(StandardScaler(), drifter(), memory=str(tmp_path))
    plain = make_drift_pipeline(StandardScaler(), drifter()).fit(WINE)
    for _ in range(2):
        assert_array_equal(cached.fit(WINE).sample(5), plain.sample(5))


def test_grid_search():
    folds = KFold(3, shuffle=True, random_state=0)
    pipeline = make_drift_pipeline(StandardScaler(), PCA(), drifter())
    # Whole spaces compare by draws: two of four components lose half of the law.
    search = GridSearchCV(
        pipeline,
        {"pca__n_components": [1, 4]},
        scoring=make_sample_scorer(energy_distance),
        cv=folds,
    ).fit(WINE)
    assert search.best_params_ == {"pca__n_components": 4}
    assert search.best_estimator_.sample(7, random_state=1).shape == (7, 4)
    search = GridSearchCV(
        pipeline, {"conservativedrifter__bandwidth": [0.5, 50.0]}, cv=folds
    ).fit(WINE)
    assert search.best_estimator_.sample(7).shape == (7, 4)


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize(
    "steps", [(), (StandardScaler(),), (StandardScaler(), PCA(2)), ("passthrough",)]
)
def test_set_output(library, steps):
    frame = library.DataFrame(dict(zip(NAMES, WINE.T, strict=True)))
    name = library.__name__
    named = [
        (f"s{j}", clone(s) if s != "passthrough" else s) for j, s in enumerate(steps)
    ]
    pipeline = DriftPipeline([*named, ("drifter", drifter())])
    plain = clone(pipeline).fit(frame).sample(8)
    assert isinstance(plain, np.ndarray)
    drawn = pipeline.set_output(transform=name).fit(frame).sample(8)
    assert isinstance(drawn, library.DataFrame)
    assert list(drawn.columns) == NAMES
    assert_allclose(drawn.to_numpy(), plain, rtol=1e-10)


@pytest.mark.parametrize("library", [pd, pl])
def test_drifters_draw_the_frames_that_were_asked_for(library):
    frame = library.DataFrame(dict(zip(NAMES, WINE.T, strict=True)))
    fitted = drifter().fit(frame)
    plain = fitted.sample(8)
    drawn = fitted.set_output(transform=library.__name__).sample(8)
    assert isinstance(drawn, library.DataFrame)
    assert list(drawn.columns) == NAMES
    assert_array_equal(drawn.to_numpy(), plain)
    with sklearn.config_context(transform_output=library.__name__):
        unnamed = drifter().fit(WINE).sample(3)
    assert list(unnamed.columns) == ["x0", "x1", "x2", "x3"]


def test_sample_weight():
    free = partial(drifter, columns="free")
    weight = np.arange(len(WINE)) % 3
    unscaled = free().fit(WINE, sample_weight=weight).sample(9)
    steps = MinMaxScaler(), free()
    by_name = make_drift_pipeline(*steps).fit(
        WINE, conservativedrifter__sample_weight=weight
    )
    assert_allclose(by_name.sample(9), unscaled, rtol=1e-6)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_drift_pipeline(
            MinMaxScaler(), free().set_fit_request(sample_weight=True)
        ).fit(WINE, sample_weight=weight)
        assert_array_equal(routed.sample(9), by_name.sample(9))
        fold = KFold(2, shuffle=True, random_state=0)
        # By default scikit-learn's search would route the weights to `score` as well.
        scoring = make_sample_scorer(energy_distance)
        search = GridSearchCV(routed, {"verbose": [False]}, scoring=scoring, cv=fold)
        best = search.fit(WINE, sample_weight=weight).best_estimator_
        assert_array_equal(best.sample(9), by_name.sample(9))


class Recorder(StandardScaler):
    fits = 0

    def fit(self, X, y=None, sample_weight=None):
        Recorder.fits += 1
        return super().fit(X, y, sample_weight)


class OneWay(FunctionTransformer):
    """A transformer that once had an inverse."""

    inverse_transform = property()


@pytest.mark.parametrize(
    "step",
    [
        OneWay(),
        FunctionTransformer(np.log),
        make_pipeline(StandardScaler(), OneWay()),  # has one only if all steps do
    ],
)
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_steps_without_inverse_are_refused_before_anything_is_fitted(step, method):
    pipeline = DriftPipeline(
        [("first", Recorder()), ("culprit", step), ("drifter", drifter())]
    )
    Recorder.fits = 0
    with pytest.raises(TypeError, match=f"'culprit' .{type(step).__name__}.*inverse"):
        getattr(pipeline, method)(WINE)
    assert Recorder.fits == 0


def test_a_function_with_its_inverse():
    logs = FunctionTransformer(np.log, np.exp)
    drawn = make_drift_pipeline(logs, drifter()).fit(WINE).sample(500)
    assert drawn.min() > 0
    identity = make_drift_pipeline(FunctionTransformer(), drifter()).fit(WINE)
    assert_array_equal(identity.sample(5), drifter().fit(WINE).sample(5))


def test_the_last_step_must_draw():
    with pytest.raises(TypeError, match=r"'pca' \(PCA\) has no method 'sample'"):
        make_drift_pipeline(StandardScaler(), PCA()).fit(WINE)
    with pytest.raises(ValueError, match="pipeline is empty"):
        DriftPipeline([]).fit(WINE)
    assert not hasattr(DriftPipeline([]), "fit_transform")
    fitted = make_drift_pipeline(StandardScaler(), drifter()).fit(WINE)
    fitted.steps[0] = ("one way", OneWay())
    with pytest.raises(TypeError, match="'one way'"):
        fitted.sample()


def test_other_estimators_that_draw():
    density = make_drift_pipeline(StandardScaler(), KernelDensity()).fit(WINE)
    assert density.sample(3, random_state=0).shape == (3, 4)
    assert not hasattr(density, "fit_transform")
    laplace = make_drift_pipeline(StandardScaler(), LaplaceDrifter(random_state=0))
    assert laplace.fit(WINE).sample(3).shape == (3, 4)
    with pytest.raises(TypeError, match="random_state"):
        make_drift_pipeline(GaussianMixture()).fit(WINE).sample()
