"""Any finite input: a finite result, or an error of the expected kind."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skdrift import (
    ConservativeDrifter,
    DriftGenerator,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift.impute import DriftImputer
from skdrift.outlier import DriftOutlierDetector
from skdrift.oversampling import DriftOversampler
from skdrift.tables import TabularDrifter

SMALL = {"max_iter": 3, "random_state": 0}
DRIFTERS = {
    "conservative": ConservativeDrifter(**SMALL),
    "matern": ConservativeDrifter(kernel="matern52", **SMALL),
    "leave-one-out": LaplaceDrifter(**SMALL),
    "sharp": SharpDrifter(**SMALL),
    "sinkhorn": SinkhornDrifter(**SMALL),
    "softmax": SoftmaxDrifter(**SMALL),
    "cold": SoftmaxDrifter(temperature=1e-3, **SMALL),
}
# Each of these fits several times.
OTHERS = {
    "generator": DriftGenerator(batch_size=8, **SMALL),
    "detector": DriftOutlierDetector(ConservativeDrifter(**SMALL)),
    "oversampler": DriftOversampler(ConservativeDrifter(**SMALL), random_state=0),
    "imputer": DriftImputer(max_iter=1, random_state=0),
    "table": TabularDrifter(ConservativeDrifter(**SMALL)),
}
VERBS = [
    "sample",
    "transform",
    "velocity",
    "potential",
    "score",
    "score_samples",
    "kde",
    "inverse_transform",
    "sample_conditional",
    "predict",
]
EXPECTED = ValueError, FloatingPointError
SHAPES = ["normal", "integers", "repeated", "outlier", "constant", "equal", "tails"]
EXPONENTS = {np.float32: [-30, -8, 0, 8, 30], np.float64: [-290, -100, 0, 100, 290]}
fuzz = settings(
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failure is reported as it is found
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def tables(draw):
    """Rows of any shape, scale and precision, and a name of each choice."""
    n, d = draw(st.integers(2, 14)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    dtype, shape = (
        draw(st.sampled_from([np.float32, np.float64])),
        draw(st.sampled_from(SHAPES)),
    )
    X = rng.standard_normal((n, d))
    if shape == "integers":
        X = rng.integers(0, 3, (n, d)).astype(float)
    elif shape == "repeated":
        X[n // 2 :] = X[: n - n // 2]
    elif shape == "outlier":
        X[0] *= 1e6
    elif shape == "constant":
        X[:, 0] = 3.0
    elif shape == "equal":
        X[:] = X[0]
    elif shape == "tails":
        X = X**9
    X *= 10.0 ** np.array([draw(st.sampled_from(EXPONENTS[dtype])) for _ in range(d)])
    X += draw(st.sampled_from([0.0, 0.0, 1e3])) * np.abs(X).max(axis=0)
    most = np.finfo(dtype).max / 1e3
    return np.clip(X, -most, most).astype(dtype)


def weights(n):
    extremes = st.sampled_from([0.0, 1e-300, 1e-9, 0.5, 1.0, 2.0, 1000.0, 1e300])
    some = st.lists(extremes, min_size=n, max_size=n).filter(any)
    return st.one_of(st.none(), some.map(np.array))


def far_rows(X):
    """The rows, and rows at any distance."""
    most = float(np.finfo(X.dtype).max)
    with np.errstate(over="ignore"):
        far = [factor * X[:1].astype(float) for factor in (1e3, 1e12, 1e100, 1e308)]
    return np.concatenate([X, *np.clip(far, -most, most).astype(X.dtype)])


def assert_finite_or_refused(call, *arguments, **options):
    """Result of a call, or None where it is refused."""
    try:
        result = call(*arguments, **options)
    except EXPECTED:
        return None
    if not hasattr(result, "fit"):
        assert np.isfinite(np.asarray(result, dtype=float)).all()
    return result


def has_inverse(fitted):
    return not isinstance(fitted, (SinkhornDrifter, SoftmaxDrifter))


def answers(fitted, X):
    for verb in VERBS:
        call = getattr(fitted, "score_samples" if verb == "kde" else verb, None)
        if verb == "kde" and not hasattr(fitted, "velocity"):
            continue
        if call is None or (verb == "inverse_transform" and not has_inverse(fitted)):
            continue
        options = {"method": "kde"} if verb == "kde" else {}
        if verb == "sample":
            assert_finite_or_refused(call, 5)
            continue
        # Each by itself: one row that is refused must not hide the others.
        for rows in (X, *far_rows(X)[len(X) :, None]):
            if verb == "sample_conditional" and X.shape[1] > 1:
                rows = rows.copy()
                rows[:, -1] = np.nan
            assert_finite_or_refused(call, rows, **options)


@pytest.fixture(autouse=True)
def quiet():
    # Warnings that inform are not what this is about; RuntimeWarning stays an error.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.mark.parametrize("name", DRIFTERS)
@settings(fuzz, max_examples=10)
@given(st.data())
def test_drifters(name, data):
    X = data.draw(tables())
    drifter = clone(DRIFTERS[name]).set_params(
        start=data.draw(st.sampled_from(["local", "gaussian"])),
        standardize=data.draw(st.sampled_from([True, True, False])),
        columns=data.draw(st.sampled_from(["auto", "free"])),
    )
    weight = data.draw(weights(len(X)))
    if assert_finite_or_refused(drifter.fit, X, sample_weight=weight) is not None:
        assert np.isfinite(drifter.particles_).all()
        answers(drifter, X)


@pytest.mark.parametrize("name", OTHERS)
@settings(fuzz, max_examples=8)
@given(st.data())
def test_other_estimators(name, data):
    X, estimator = data.draw(tables()), clone(OTHERS[name])
    if name == "oversampler":
        labels = np.arange(len(X)) % 3 == 0
        drawn = assert_finite_or_refused(lambda: estimator.fit_resample(X, labels)[0])
        assert drawn is None or drawn.dtype == X.dtype
        return
    if name == "imputer":
        X[0, 0] = np.nan
    if assert_finite_or_refused(estimator.fit, X) is not None:
        answers(estimator, X)
