"""Numbers at the ends of their range: a right result, or an error that names them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from skdrift import (
    ConservativeDrifter,
    DriftGenerator,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)

DRIFTERS = [
    ConservativeDrifter(),
    ConservativeDrifter(kernel="matern52"),
    LaplaceDrifter(),
    SharpDrifter(),
    SinkhornDrifter(),
    SoftmaxDrifter(),
]
VERBS = ["transform", "velocity", "score_samples", "kde", "score", "potential"]


def answer(drifter, verb, rows):
    if verb == "kde":
        return drifter.score_samples(rows, method="kde")
    return getattr(drifter, verb)(rows)


# -- far away ------------------------------------------------------------------------


@pytest.mark.parametrize("drifter", DRIFTERS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_rows_at_any_distance_have_a_finite_answer_or_are_named(drifter, dtype, engine):
    X = np.random.default_rng(0).standard_normal((50, 3)).astype(dtype)
    drifter = clone(drifter).set_params(random_state=0, max_iter=3, engine=engine)
    drifter.fit(X)
    # Beyond 2.5e15 and 3.5e123 bandwidths.
    last, first = {np.float32: (14, 17), np.float64: (122, 126)}[dtype]
    far = {np.float32: (3, 8, last, first, 30, 38), np.float64: (3, 100, last, first)}
    for exponent in (*far[dtype], *((160, 300) if dtype == np.float64 else ())):
        rows = np.vstack([X[:1], np.full((1, 3), float(f"1e{exponent}"), dtype)])
        for verb in VERBS:
            if not hasattr(drifter, verb) and verb != "kde":
                continue
            if exponent < first or verb == "score_samples":
                assert np.isfinite(answer(drifter, verb, rows)).all(), verb
            else:
                with pytest.raises(ValueError, match=r"Row 1 of 'X' has 1e\+"):
                    answer(drifter, verb, rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "cls", [ConservativeDrifter, LaplaceDrifter, SharpDrifter, SoftmaxDrifter]
)
def test_rows_far_from_all_data_stay_where_they_are(cls, dtype):
    X = np.random.default_rng(0).standard_normal((50, 3)).astype(dtype)
    drifter = cls(random_state=0, max_iter=3).fit(X)
    rows = np.full((1, 3), 1e12, dtype)
    assert_allclose(drifter.transform(rows), rows, rtol=1e-6)


def test_single_precision_names_the_column_and_the_way_out():
    X = 1e-20 * np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    drifter = ConservativeDrifter(random_state=0, max_iter=3).fit(X)
    message = r"Row 0 of 'X' has 1e\+20 in column 0.*overflow in float32.*use float64"
    for verb in ("transform", "inverse_transform", "velocity", "score", "potential"):
        with pytest.raises(ValueError, match=message):
            getattr(drifter, verb)(np.full((1, 3), 1e20, np.float32))
    generator = DriftGenerator(max_iter=3, random_state=0).fit(X)
    with pytest.raises(ValueError, match=message):
        generator.score(np.full((9, 3), 1e20, np.float32))


@pytest.mark.parametrize("drifter", DRIFTERS, ids=repr)
@pytest.mark.parametrize("form", ["array", "callable"])
def test_a_start_out_of_reach_is_named(drifter, form):
    X = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    far = 1e25 * X
    only = np.zeros(7)
    only[0] = 1
    start = far if form == "array" else lambda n, random_state: np.resize(far, (n, 3))
    drifter = clone(drifter).set_params(start=start, random_state=0)
    with pytest.raises(ValueError, match=r"of 'start' has .* in column 0"):
        drifter.fit(X, sample_weight=only)


# -- results that are not finite -----------------------------------------------------


@pytest.mark.parametrize("verb", ["velocity", "transform", "potential", "sample"])
def test_no_result_that_is_not_finite_comes_out(verb, monkeypatch):
    X = np.random.default_rng(0).standard_normal((50, 3))
    drifter = ConservativeDrifter(random_state=0, max_iter=3, engine="numpy").fit(X)
    to_data = type(drifter.flow_.scaling).to_data
    field = type(drifter.flow_.bound(1, 1))
    monkeypatch.setattr(
        type(drifter.flow_.scaling), "to_data", lambda s, z: np.nan * to_data(s, z)
    )
    monkeypatch.setattr(type(drifter.flow_.draws), "draw", lambda s, x: np.nan * x)
    for name in ("at", "log_ratio"):
        monkeypatch.setattr(field, name, lambda s, z, x, h: np.full_like(z, np.nan))
    with pytest.raises(FloatingPointError, match=r"not finite.*temperature"):
        drifter.sample(3) if verb == "sample" else answer(drifter, verb, X)
