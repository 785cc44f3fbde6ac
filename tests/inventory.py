"""What of the package is public: the one place that finds it."""

import importlib
import inspect
import pkgutil

import skdrift


def public_modules():
    """Modules without an underscore in their path, the package among them."""
    paths = ["skdrift"] + [
        found.name for found in pkgutil.walk_packages(skdrift.__path__, "skdrift.")
    ]
    is_public = [not any(part.startswith("_") for part in p.split(".")) for p in paths]
    return [
        importlib.import_module(path)
        for path, public in zip(paths, is_public, strict=True)
        if public
    ]


def public_objects():
    """Functions and classes by their public path, as ``__all__`` names them."""
    return {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in public_modules()
        for name in module.__all__
    }


def own_members(path):
    """Public methods and properties of a class that this package defines.

    A dict: "method" or "property", by name.
    """
    module, name = path.rsplit(".", 1)
    cls = getattr(importlib.import_module(module), name)
    return {
        member: "property" if isinstance(value, property) else "method"
        for base in reversed(cls.__mro__)
        if base.__module__.startswith("skdrift")
        for member, value in vars(base).items()
        if not member.startswith("_") and _is_own(value)
    }


def _is_own(value):
    if isinstance(value, property):
        return True
    # Not the requests for metadata, which scikit-learn adds to its estimators.
    is_method = inspect.isroutine(value) or hasattr(value, "fn")
    return is_method and str(getattr(value, "__module__", "")).startswith("skdrift")


def public_paths():
    """Dotted paths of all public objects and of the members of the classes."""
    paths = set()
    for path, value in public_objects().items():
        paths.add(path)
        if inspect.isclass(value):
            paths.update(f"{path}.{member}" for member in own_members(path))
    return sorted(paths)


def is_described_by_base(path):
    """Whether a member is one of a public base class too, and described there."""
    home, _, member = path.rpartition(".")
    objects = public_objects()
    cls = objects.get(home)
    return inspect.isclass(cls) and any(
        inspect.isclass(base)
        and issubclass(cls, base)
        and base is not cls
        and member in own_members(base_path)
        for base_path, base in objects.items()
    )
