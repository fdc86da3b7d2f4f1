"""Writing a new plug-in package from one of the templates, which are whole packages called ``my_plugin``."""

from __future__ import annotations

import keyword
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import tta_bench
from tta_bench.errors import UserError

Kind = Literal["backbone", "dataset", "protocol"]
TEMPLATES = Path(tta_bench.__file__).parent / "templates"
PLACEHOLDER = "my_plugin"


def write_package(kind: Kind, name: str, parent: Path) -> list[Path]:
    """Write a plug-in package into ``<parent>/<name>`` and return its files.

    Raises:
        UserError: The name is no Python name or is taken by an installed module, or the folder is there already.
    """
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise UserError(f"'{name}' is no name for a package: letters, digits and _ were expected, no digit first.")
    folder = parent / name
    if folder.exists():
        raise UserError(f"{folder} is there already.", "Choose another name, or remove it.")
    if find_spec(name) is not None:
        raise UserError(f"a module called '{name}' is installed, and a package of that name would hide it.")
    template = TEMPLATES / kind
    sources = [path for path in sorted(template.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return [_write(path, folder / renamed(path.relative_to(template).as_posix(), name), name) for path in sources]


def renamed(text: str, name: str) -> str:
    """Return a text with the placeholder's spellings replaced by a name's."""
    dashed = name.replace("_", "-").strip("-")
    return text.replace(PLACEHOLDER, name).replace(PLACEHOLDER.replace("_", "-"), dashed)


def _write(source: Path, target: Path, name: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(renamed(source.read_text(encoding="utf-8"), name), encoding="utf-8")
    return target
