"""Discovery of a package's modules, so that no table of them is kept by hand."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules


def import_submodules(package: str) -> list[str]:
    """Import every module directly inside a package and return their dotted names, sorted."""
    names = sorted(f"{package}.{module.name}" for module in iter_modules(import_module(package).__path__))
    for name in names:
        import_module(name)
    return names
