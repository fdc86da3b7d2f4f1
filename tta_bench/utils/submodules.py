"""Discovery of a package's modules, so that no table of them is kept by hand."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules


def import_submodules(package: str, module: str | None = None) -> None:
    """Import every module directly inside a package.

    Args:
        package: Dotted name of the package.
        module: Import the module of this name in each folder inside the package instead, where there is one.
    """
    for name in sorted(found.name for found in iter_modules(import_module(package).__path__, f"{package}.")):
        if module is None:
            import_module(name)
        elif find_spec(f"{name}.{module}") is not None:
            import_module(f"{name}.{module}")
