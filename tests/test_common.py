"""The scikit-learn contract."""

import inspect
import subprocess
import sys

import pytest
from numpydoc.validate import validate
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
from skdrift.oversampling import DriftOversampler
from skdrift.tables import TableEncoder, TabularDrifter

INSTANCES = [
    ConservativeDrifter(),
    LaplaceDrifter(),
    SharpDrifter(),
    SinkhornDrifter(),
    ConservativeDrifter(kernel="matern32", self_interaction="leave-one-out"),
    SoftmaxDrifter(),
    SoftmaxDrifter(temperature=[0.5, 2.0]),
    DriftOversampler(),
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


def public_objects():
    import skdrift.bandwidth
    import skdrift.conventions
    import skdrift.fields
    import skdrift.flow
    import skdrift.kernels
    import skdrift.metrics
    import skdrift.model_selection
    import skdrift.oversampling
    import skdrift.pipeline
    import skdrift.plotting
    import skdrift.spectral
    import skdrift.tables
    import skdrift.tracers

    modules = [
        skdrift.bandwidth,
        skdrift.conventions,
        skdrift.engines,
        skdrift.fields,
        skdrift.flow,
        skdrift.kernels,
        skdrift.metrics,
        skdrift.model_selection,
        skdrift.oversampling,
        skdrift.plotting,
        skdrift.spectral,
        skdrift.tracers,
        skdrift.pipeline,
        skdrift.tables,
    ]
    classes = {f"skdrift.{name}": getattr(skdrift, name) for name in skdrift.__all__}
    names = set(classes)
    for module in modules:
        for name, value in vars(module).items():
            if inspect.isroutine(value) or inspect.isclass(value):
                if value.__module__ == module.__name__ and not name.startswith("_"):
                    names.add(f"{module.__name__}.{name}")
                    if inspect.isclass(value):
                        classes[f"{module.__name__}.{name}"] = value
    for path, cls in classes.items():
        # A method is described where it is first defined.
        for name, _ in inspect.getmembers(cls, inspect.isroutine):
            homes = [c for c in cls.__mro__ if name in vars(c)]
            is_ours = homes and homes[-1].__module__.startswith("skdrift")
            if not name.startswith("_") and is_ours and homes[0] is homes[-1]:
                names.add(f"{path}.{name}")
    return sorted(names)


# Errors of numpydoc that concern content: missing or unknown parameters and
# returns, missing summaries and types.
CONTENT_ERRORS = {"GL08", "SS01", "PR01", "PR02", "PR03", "PR04", "PR07", "RT01"}


@pytest.mark.parametrize("name", public_objects())
def test_docstrings_are_complete(name):
    errors = [code for code, _ in validate(name)["errors"] if code in CONTENT_ERRORS]
    module, attribute = name.rsplit(".", 1)
    target = getattr(sys.modules.get(module), attribute, None)
    if inspect.isclass(target) and issubclass(target, tuple):
        # The fields of a named tuple are documented as attributes.
        errors = [code for code in errors if code != "PR01"]
    assert errors == []


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
