"""The house: floors, size and names of modules, tests that mirror them, plain docstrings."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import tta_bench
from tests.house_counts import parameters_called, riddles

FLOORS = [
    {"cli"},
    {"api", "results", "templates"},
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
TESTS = Path(__file__).parent
CROSSING = {"acceptance", "benchmarks", "conformance", "docs"}
"""Folders of tests of the whole, which mirror no module."""


def modules() -> list[Path]:
    """Return every module of the package, without the packages that `new` writes."""
    inside = [path.relative_to(PACKAGE) for path in sorted(PACKAGE.rglob("*.py"))]
    return [path for path in inside if path.parts[0] != "templates" or len(path.parts) == 2]


def room_of(module: str) -> str | None:
    """Return the room of ``tta_bench.room.more``; None for the package itself and other packages."""
    first, _, rest = module.partition(".")
    return rest.split(".")[0] if first == "tta_bench" and rest else None


def imported(node: ast.AST) -> list[str]:
    """Return the dotted names that an import statement may import: modules, and what is taken from them."""
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def imports() -> list[tuple[Path, str, str]]:
    """Return (file, its room, imported room) for every import of the suite in the suite."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        room, *rest = path.relative_to(PACKAGE).with_suffix("").parts
        if room == "templates" and "tests" in rest:
            continue  # tests of the packages that `new` writes
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found += [(path, room, target) for target in filter(None, map(room_of, imported(node)))]
    return found


def quoted_floors() -> str:
    """Return the floors as CONTRIBUTING quotes them, top first."""
    return " → ".join(", ".join(sorted(rooms)) for rooms in FLOORS)


def test_every_room_has_a_floor() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    assert rooms - DOORS == set(FLOOR)
    assert len(FLOORS) <= 10


def test_imports_only_go_down() -> None:
    public = set(tta_bench.__all__) | {"__version__"}  # what the package itself offers
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {target}"
        for path, room, target in imports()
        if room not in {target, *DOORS} and target not in public and FLOOR[room] <= FLOOR[target]
    ]
    assert not wrong


def test_contributing_quotes_the_floors() -> None:
    text = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert quoted_floors() in " ".join(text.replace("`", "").split())


def test_few_modules_stand_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 7


def test_modules_are_neither_long_nor_crumbs() -> None:
    lines = {path: len((PACKAGE / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert not {str(path): count for path, count in lines.items() if count > 300}
    crumbs = {str(path): count for path, count in lines.items() if count < 40 and path.stem not in DOORS}
    assert not crumbs


def test_no_module_imports_itself_through_others() -> None:
    dotted = {
        ".".join(("tta_bench", *path.with_suffix("").parts)).removesuffix(".__init__"): path for path in modules()
    }
    graph = {
        name: {
            target
            for node in ast.parse((PACKAGE / path).read_text(encoding="utf-8")).body
            for target in imported(node)
            if target in dotted and target != name and target != "tta_bench"
        }
        for name, path in dotted.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_experiments_import_no_torch() -> None:
    program = (
        "import sys; from tta_bench import experiments; from tta_bench.plugins import import_submodules\n"
        "import_submodules(experiments.__name__)\n"
        "sys.exit([name for name in ('torch', 'mmengine', 'cv2', 'av') if name in sys.modules] or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_module_has_a_test_of_its_name() -> None:
    named = [path for path in modules() if path.stem not in DOORS]
    missing = [str(path) for path in named if not (TESTS / path.parent / f"test_{path.name}").is_file()]
    assert not missing


def test_every_test_is_named_after_a_module() -> None:
    known = set(modules())
    strangers = [
        str(path)
        for path in (file.relative_to(TESTS) for file in sorted(TESTS.rglob("test_*.py")))
        if path.parts[0] not in {*CROSSING, "test_house.py", "test_workflows.py"}
        and path.with_name(path.name.removeprefix("test_")) not in known
        and not (PACKAGE / path.parent / path.stem.removeprefix("test_")).is_dir()
    ]
    assert not strangers


def test_docstrings_begin_with_their_noun() -> None:
    found = riddles(PACKAGE)
    assert not [f"{path.relative_to(PACKAGE)}:{line}: {text.splitlines()[0]}" for path, line, text in found]


def test_nothing_is_called_to() -> None:
    found = parameters_called(PACKAGE, "to")
    assert not [f"{path.relative_to(PACKAGE)}:{line}: {name}" for path, line, name in found]
