"""The scikit-learn contract."""

import subprocess
import sys

import pytest
from sklearn.neighbors import KernelDensity
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdrift import (
    ConservativeDrifter,
    DriftGenerator,
    LaplaceDrifter,
    SharpDrifter,
    SinkhornDrifter,
    SoftmaxDrifter,
)
from skdrift.outlier import DriftOutlierDetector
from skdrift.oversampling import DriftOversampler
from skdrift.tables import TableEncoder, TabularDrifter

# The contract is about arguments, shapes, copies and weights, which a few steps show as
# well as hundreds: one drifter flows to its rest, as by default, the others do not.
FEW = {"max_iter": 5}
INSTANCES = [
    ConservativeDrifter(),
    LaplaceDrifter(**FEW),
    SharpDrifter(**FEW),
    SinkhornDrifter(**FEW),
    ConservativeDrifter(kernel="matern32", self_interaction="leave-one-out", **FEW),
    SoftmaxDrifter(**FEW),
    SoftmaxDrifter(temperature=[0.5, 2.0], **FEW),
    DriftOversampler(),
    DriftOutlierDetector(KernelDensity()),  # each check fits many times
    TableEncoder(),
    TabularDrifter(),
    DriftGenerator(max_iter=5, batch_size=32),
]
EXPECTED_FAILURES = {}  # none, and it should stay so


@parametrize_with_checks(
    INSTANCES, expected_failed_checks=lambda estimator: EXPECTED_FAILURES
)
def test_estimator_checks(estimator, check):
    check(estimator)


# Checks that scikit-learn runs on its own estimators, outside check_estimator.
FURTHER_CHECKS = [
    "check_dataframe_column_names_consistency",
    "check_get_feature_names_out_error",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
    "check_param_validation",
    "check_parameters_default_constructible",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@pytest.mark.parametrize("estimator", INSTANCES[:2], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("name", FURTHER_CHECKS)
def test_further_checks(estimator, name):
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip(f"this version of scikit-learn has no {name}")
    check(type(estimator).__name__, estimator)


def test_import_is_light():
    code = (
        "import sys, sklearn.neighbors\n"
        "before = set(sys.modules)\n"
        "import skdrift\n"
        "added = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(added - {'skdrift', 'sklearn'} - sys.stdlib_module_names))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")
