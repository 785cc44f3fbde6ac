"""Every public signature is annotated; mypy, in CI, says whether rightly."""

import inspect
import subprocess
import sys
from typing import get_args

import pytest
from inventory import own_members, public_objects


def public_functions():
    """Functions, constructors and methods by their public path."""
    found = {}
    for path, value in public_objects().items():
        if not inspect.isclass(value):
            found[path] = value
            continue
        if "__init__" in vars(value):
            found[f"{path}.__init__"] = value.__init__
        for name in own_members(path):
            found[f"{path}.{name}"] = plain_function(value, name)
    return found


def plain_function(cls, name):
    """What a property, or a method of any kind, calls."""
    value = inspect.getattr_static(cls, name)
    if isinstance(value, property):
        return value.fget
    # Of class and static methods, and of those that are there on a condition.
    return getattr(value, "__func__", getattr(value, "fn", value))


FUNCTIONS = public_functions()


def test_nothing_is_left_out():
    assert {
        "skdrift.ConservativeDrifter.fit",
        "skdrift.ConservativeDrifter.__init__",
        "skdrift.pipeline.DriftPipeline.fit_transform",
        "skdrift.plotting.SampleDisplay.from_samples",
        "skdrift.plotting.MemorizationDisplay.auc",
        "skdrift.engines.KeopsEngine.unavailable_reason",
        "skdrift.kernels.Matern.sharp",
        "skdrift.metrics.energy_distance",
        "skdrift.flow.FittedFlow.draw",
    } <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_and_result_has_a_type(name):
    signature = inspect.signature(inspect.unwrap(FUNCTIONS[name]))
    parameters = [p for p in signature.parameters.values() if p.name != "self"]
    parameters = [p for p in parameters if p.name != "cls"]
    assert [p.name for p in parameters if p.annotation is p.empty] == []
    assert signature.return_annotation is not signature.empty


def test_types_cost_nothing():
    code = (
        "import sys, skdrift, pkgutil, importlib\n"
        "for m in pkgutil.iter_modules(skdrift.__path__, 'skdrift.'):\n"
        "    if m.name != 'skdrift._typing': importlib.import_module(m.name)\n"
        "print('skdrift._typing' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout.strip(), run.stderr) == ("False", "")


def test_names_that_are_allowed_are_those_that_exist():
    from skdrift import _typing
    from skdrift.engines import ENGINE_NAMES
    from skdrift.kernels import KERNEL_NAMES

    assert set(get_args(_typing.KernelName)) == set(KERNEL_NAMES)
    assert set(get_args(_typing.EngineName)) == {"auto", *ENGINE_NAMES}
