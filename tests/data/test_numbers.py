"""Values that NumPy would turn into numbers without a word."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skdrift import (
    ConservativeDrifter,
    DriftGenerator,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift.impute import DriftImputer
from skdrift.metrics import energy_distance
from skdrift.outlier import DriftOutlierDetector
from skdrift.oversampling import DriftOversampler
from skdrift.pipeline import make_drift_pipeline
from skdrift.tables import TableEncoder, TabularDrifter

X = np.random.default_rng(0).standard_normal((30, 2))
MASKED = np.ma.masked_greater(np.vstack([[1e6, 0], X]), 1e5)
TIMES = X.astype("M8[ms]")
OF_NUMBERS = [
    ConservativeDrifter(max_iter=2),
    LaplaceDrifter(max_iter=2),
    SharpDrifter(max_iter=2),
    SinkhornDrifter(max_iter=2),
    SoftmaxDrifter(max_iter=2),
    DriftGenerator(max_iter=2, batch_size=8),
    DriftOutlierDetector(KernelDensity()),
]
OF_ANY_COLUMNS = [DriftImputer(), TabularDrifter(), TableEncoder(), DriftOversampler()]
NO_NUMBERS = {
    "strings": X.astype(str),
    "bytes": X.astype("S"),
    "objects": X.astype(str).astype(object),
    "lists": X.astype(str).tolist(),
    "dates": TIMES,
    "durations": X.astype("m8[ms]"),
    "date objects": np.full((30, 2), datetime.date(2020, 1, 1), dtype=object),
}


def name(value):
    return type(value).__name__ if hasattr(value, "fit") else None


@pytest.mark.parametrize("estimator", OF_NUMBERS + OF_ANY_COLUMNS, ids=name)
def test_a_mask_is_never_ignored(estimator):
    labels = np.arange(31) % 3 == 0
    fit = (
        estimator.fit_resample if hasattr(estimator, "fit_resample") else estimator.fit
    )
    with pytest.raises(
        ValueError, match=r"'X' is a masked array with 1 masked entries"
    ):
        fit(MASKED, labels)


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("estimator", [*OF_NUMBERS, DriftImputer()], ids=name)
def test_arrays_of_other_values_are_refused(estimator, kind):
    word = "dates or times" if kind[0] == "d" else "strings"
    with pytest.raises(ValueError, match=f"'X' has {word} where numbers are required"):
        estimator.fit(NO_NUMBERS[kind])


@pytest.mark.parametrize("estimator", OF_NUMBERS[:1] + OF_NUMBERS[-2:], ids=name)
@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("kind", ["strings", "dates", "durations"])
def test_columns_of_other_values_are_named(estimator, library, kind):
    frame = library.DataFrame({"a": X[:, 0], "b": NO_NUMBERS[kind][:, 1]})
    word = "strings" if kind == "strings" else "dates or times"
    with pytest.raises(ValueError, match=rf"Column 'b' of .*{word}"):
        estimator.fit(frame)
    both = library.DataFrame({name: NO_NUMBERS[kind][:, 1] for name in "ab"})
    with pytest.raises(ValueError, match=rf"Column 'a' of .*{word}"):
        estimator.fit(both)


@pytest.mark.parametrize(
    "verb",
    [
        "transform",
        "inverse_transform",
        "velocity",
        "score",
        "score_samples",
        "potential",
        "sample_conditional",
    ],
)
def test_verbs_refuse_what_fit_refuses(verb):
    drifter = ConservativeDrifter(random_state=0, max_iter=2).fit(X)
    with pytest.raises(ValueError, match="masked entries"):
        getattr(drifter, verb)(MASKED)
    for values in NO_NUMBERS.values():
        with pytest.raises(ValueError, match="where numbers are required"):
            getattr(drifter, verb)(values)


def test_starts_pipelines_and_metrics():
    with pytest.raises(ValueError, match=r"'start' array must .*masked"):
        ConservativeDrifter(start=MASKED).fit(X)
    with pytest.raises(ValueError, match=r"'start' array must .*strings"):
        ConservativeDrifter(start=X.astype(str)).fit(X)
    with pytest.raises(ValueError, match="masked entries"):
        energy_distance(X, MASKED)
    with pytest.raises(ValueError, match="'X' has dates"):
        make_drift_pipeline(ConservativeDrifter()).fit(TIMES)
    pipeline = make_drift_pipeline(StandardScaler(), LaplaceDrifter())
    for fit in (pipeline.fit, pipeline.fit_transform):
        with pytest.raises(ValueError, match="masked entries"):
            fit(MASKED)


def test_what_stands_for_numbers_is_accepted():
    expected = ConservativeDrifter(random_state=0, max_iter=2).fit(X).particles_
    for same in (
        X.astype(object),
        X.tolist(),
        np.ma.masked_array(X),  # nothing is masked
        pd.DataFrame(X).convert_dtypes(),
        pd.DataFrame(X.astype(object)),
        pl.DataFrame(X),
    ):
        found = ConservativeDrifter(random_state=0, max_iter=2).fit(same).particles_
        assert_array_equal(found, expected)
    flags = pd.DataFrame({"a": X[:, 0] > 0, "b": X[:, 1]})
    assert (
        ConservativeDrifter(random_state=0, max_iter=2).fit(flags).sample(3).size == 6
    )
