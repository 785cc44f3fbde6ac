"""Every public signature is annotated; mypy, in CI, says whether rightly."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
from typing import get_args

import pytest

import skdrift


def public_modules():
    yield skdrift
    for module in pkgutil.iter_modules(skdrift.__path__, "skdrift."):
        if not module.name.rpartition(".")[2].startswith("_"):
            yield importlib.import_module(module.name)


def is_from(value, module="skdrift"):
    return (getattr(value, "__module__", None) or "").startswith(module)


def functions_of(cls):
    """What a class defines publicly, its constructor, and what is inherited of ours."""
    for base in cls.__mro__:
        if not is_from(base) or base.__name__.startswith("_"):
            continue
        for name, value in vars(base).items():
            if name != "__init__" and name.startswith("_"):
                continue
            if isinstance(value, property):
                value = value.fget
            # Of class and static methods, and of those that are there on a condition.
            value = getattr(value, "__func__", getattr(value, "fn", value))
            if inspect.isfunction(value) and is_from(value):
                yield f"{base.__module__}.{base.__name__}.{name}", value


def public_functions():
    found = {}
    for module in public_modules():
        own = [n for n, v in vars(module).items() if is_from(v, module.__name__)]
        for name in getattr(module, "__all__", own):
            value = getattr(module, name)
            if name.startswith("_"):
                continue
            if inspect.isclass(value):
                found |= functions_of(value)
            elif inspect.isfunction(value):
                found[f"{value.__module__}.{value.__name__}"] = value
    return dict(sorted(found.items()))


FUNCTIONS = public_functions()


def test_nothing_is_left_out():
    assert {
        "skdrift._base.BaseDrifter.fit",
        "skdrift._drifters.ConservativeDrifter.__init__",
        "skdrift.pipeline.DriftPipeline.fit_transform",
        "skdrift.plotting.SampleDisplay.from_samples",
        "skdrift.plotting.MemorizationDisplay.auc",
        "skdrift.engines._keops.KeopsEngine.unavailable_reason",
        "skdrift.kernels.Matern.sharp",
        "skdrift.metrics._two_sample.energy_distance",
        "skdrift.starts.LocalGaussian.rows",
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
