"""Code from outside the suite: plug-in files, and packages that declare plug-ins. Found without importing them.

A package declares a plug-in in the entry-point group ``tta_bench.plugins``: the entry's name is the card's, its value
the module that registers it. Cards that a package ships stand in its folder ``cards``, in the registry's own layout.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from tta_bench.errors import UserError

ENTRY_POINTS = "tta_bench.plugins"
"""The entry-point group in which packages declare plug-ins."""


MODULE_PREFIX = "tta_bench_plugin_"
"""Start of the module name of every plug-in file."""


@dataclass(frozen=True)
class PluginCode:
    """Identity of a plug-in's code, which its numbers depend on."""

    name: str
    """Name of the package or file."""
    version: str | None
    """Version of the package; None for a file."""
    sha256: str
    """Digest of the file, or of all of the package's Python files."""


class PluginError(UserError):
    """A plug-in that cannot be imported, or does not bring what it declares."""


@dataclass(frozen=True)
class Installed:
    """A plug-in that an installed package declares."""

    entry: EntryPoint
    package: str
    version: str
    summary: str
    place: Path | None
    """Folder of the package, or the file of a module that is no package; None if neither can be found."""

    @property
    def cards(self) -> Path | None:
        """The folder of cards that the package ships, if it does."""
        folder = self.place / "cards" if self.place is not None else None
        return folder if folder is not None and folder.is_dir() else None

    @property
    def origin(self) -> str:
        """Package, version and place, for messages."""
        return f"{self.place} ({self.package} {self.version})"

    @property
    def code(self) -> PluginCode:
        """The code that is imported for it."""
        if self.place is None:
            raise PluginError(f"plug-in '{self.entry.name}' of {self.package}: {self.entry.module} is not there.")
        return PluginCode(self.package, self.version, code_digest(self.place))


@cache
def installed() -> dict[str, Installed]:
    """Return the plug-ins that installed packages declare, by name; reads metadata and imports nothing.

    Raises:
        UserError: Two packages declare one name; says where both are.
    """
    found: dict[str, Installed] = {}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        assert entry.dist is not None
        metadata = entry.dist.metadata
        summary = (metadata.get_all("Summary") or ["A plug-in"])[0]
        plugin = Installed(entry, metadata["Name"], metadata["Version"], summary, _place(entry.module))
        if entry.name in found:
            other = found[entry.name].origin
            raise UserError(f"two plug-ins are called '{entry.name}': {other} and {plugin.origin}.", "Uninstall one.")
        found[entry.name] = plugin
    return found


def import_installed(name: str) -> bool:
    """Import the installed plug-in of a name; return False if there is none.

    Raises:
        PluginError: It fails to import.
    """
    plugin = installed().get(name)
    if plugin is not None:
        _importing(plugin.origin, lambda: importlib.import_module(plugin.entry.module))
    return plugin is not None


def import_file(path: Path) -> ModuleType:
    """Return the module made from a plug-in file, which is imported once.

    Raises:
        PluginError: There is no such file, or it fails to import; says where in it.
    """
    path = path.expanduser().resolve()
    if not path.is_file() or path.suffix != ".py":
        raise PluginError(f"plug-in {path}: expected a Python file, found {_found(path)}.")
    name = f"{MODULE_PREFIX}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path, loader=SourceFileLoader(name, str(path)))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = module_from_spec(spec)
        try:
            _importing(str(path), lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
        except UserError:
            del sys.modules[name]
            raise
    return sys.modules[name]


def import_submodules(package: str, module: str | None = None) -> None:
    """Import every module directly inside a package, so that no table of them is kept by hand.

    Args:
        package: Dotted name of the package.
        module: Import the module of this name in each folder inside the package instead, where there is one.
    """
    for found in sorted(
        iter_modules(importlib.import_module(package).__path__, f"{package}."), key=lambda info: info.name
    ):
        if module is None:
            importlib.import_module(found.name)
        elif found.ispkg and find_spec(f"{found.name}.{module}") is not None:
            importlib.import_module(f"{found.name}.{module}")


def forget_files() -> None:
    """Forget the modules of plug-in files, so that they are imported anew, and read installed packages anew."""
    for name in [name for name in sys.modules if name.startswith(MODULE_PREFIX)]:
        del sys.modules[name]
    installed.cache_clear()


def code_of_file(path: Path) -> PluginCode:
    """Return the identity of a plug-in file, or of the installed plug-in that it belongs to."""
    path = path.resolve()
    for plugin in installed().values():
        if plugin.place is not None and path.is_relative_to(plugin.place):
            return plugin.code
    code = path.parent if path.name == "__init__.py" else path
    return PluginCode(code.name, None, code_digest(code))


def code_digest(path: Path) -> str:
    """Return the sha256 of a file; of a folder, that of the sha256 lines of its Python files, sorted by path."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*.py") if "__pycache__" not in file.parts)
    lines = [f"{code_digest(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_of(thing: Any) -> Path | None:
    """Return the source file that a function or class comes from; None for what was typed into a session."""
    try:
        path = Path(inspect.getfile(thing))
    except (TypeError, OSError):
        return None
    return path if path.is_file() else None


def is_own(thing: Any) -> bool:
    """Return True if a function or class is the suite's own, and not a plug-in's."""
    return str(getattr(thing, "__module__", "")).split(".")[0] == __name__.split(".")[0]


def _place(module: str) -> Path | None:
    """Return a top-level package's folder or module's file; finding what is below one would import it."""
    try:
        spec = find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.origin else None


def _importing(origin: str, load: Callable[[], object]) -> None:
    """Run an import and turn whatever it raises into an error that says where, keeping the suite's own errors."""
    try:
        load()
    except UserError as error:
        raise UserError(f"plug-in {origin}: {error.message}", error.hint) from error
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"plug-in {origin} fails to import: {type(error).__name__}: {error}{_line(error, origin)}.",
            _missing(error),
        ) from error


def _missing(error: BaseException) -> str:
    """Return the way out for an import of a module that is not there; empty for any other error."""
    if not isinstance(error, ModuleNotFoundError):
        return ""
    if (error.name or "").partition(".")[0] == "transformers":
        return "pip install 'tta-bench[hf]'"
    return "A plug-in file cannot import files beside it; for that, make a package: tta-bench new backbone NAME."


def _line(error: BaseException, origin: str) -> str:
    """Return the line of the plug-in's own code that raised an error, as text for its message."""
    if isinstance(error, SyntaxError):
        return ""  # says so itself
    path = origin.partition(" (")[0]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(path)]
    return f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""


def _found(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return f"a {path.suffix or 'nameless'} file" if path.exists() else "nothing there"
