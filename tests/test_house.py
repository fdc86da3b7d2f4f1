"""The house has floors: imports only go down, from cli, then boards, protocols and plugins, and so on to errors."""

from __future__ import annotations

import ast
from pathlib import Path

import tta_bench

FLOORS = [
    {"cli"},
    {"api", "templates"},
    {"protocols", "boards", "contract"},
    {"engine", "records"},
    {"config", "data", "models"},
    {"experiments", "metrics"},
    {"registry"},
    {"cards"},
    {"plugins", "utils"},
    {"errors"},
]
FLOOR = {room: -depth for depth, rooms in enumerate(FLOORS) for room in rooms}
DOORS = {"__init__", "__main__"}
"""The package and the program of its name: they open onto the rooms."""
PACKAGE = Path(tta_bench.__file__).parent


def room_of(module: str) -> str | None:
    """Return the room of ``tta_bench.room.more``; None for the package itself and other packages."""
    first, _, rest = module.partition(".")
    return rest.split(".")[0] if first == "tta_bench" and rest else None


def imports() -> list[tuple[Path, str, str]]:
    """Return (file, its room, imported room) for every import of the suite in the suite."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module] + [
                    f"{node.module}.{alias.name}" for alias in node.names if node.module == "tta_bench"
                ]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            for target in filter(None, map(room_of, modules)):
                found.append((path, room, target))
    return found


def test_every_room_has_a_floor() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert rooms - DOORS == set(FLOOR)


def test_imports_only_go_down() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {target}"
        for path, room, target in imports()
        if room not in {target, *DOORS} and target in FLOOR and FLOOR[room] <= FLOOR[target]
    ]
    assert not wrong


def test_modules_stay_small() -> None:
    long = {str(path): n for path in PACKAGE.rglob("*.py") if (n := len(path.read_text().splitlines())) > 300}
    assert not long
