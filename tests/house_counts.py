"""Count what reads badly in a package: riddling docstrings, parameters called ``to``, one name for several things.

python tests/house_counts.py [FOLDER of a package]
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import tta_bench

RIDDLE = re.compile(r"(Return |Yield |Say |Print )?(what|which|how|where|who|whether)\b", re.IGNORECASE)
PACKAGE = Path(tta_bench.__file__).parent
Place = tuple[Path, int, str]


def trees(package: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Yield every module of a package, templates aside, with its syntax tree."""
    for path in sorted(package.rglob("*.py")):
        if "templates" not in path.relative_to(package).parts[:-1]:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def docstrings(package: Path) -> list[Place]:
    """Return every docstring of a module, class, function or field, with its place."""
    found = []
    for path, tree in trees(package):
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            for item in body if isinstance(body, list) else []:
                value = getattr(item, "value", None) if isinstance(item, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found.append((path, item.lineno, value.value))
    return found


def riddles(package: Path) -> list[Place]:
    """Return the docstrings that begin with a question word, or with Return and a question word."""
    return [(path, line, text) for path, line, text in docstrings(package) if RIDDLE.match(text)]


def parameters_called(package: Path, name: str) -> list[Place]:
    """Return the functions with a parameter or a local variable of a name."""
    found = []
    for path, tree in trees(package):
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            local = [
                each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            ]
            if name in [argument.arg for argument in arguments] + local:
                found.append((path, node.lineno, node.name))
    return found


def shared_names(package: Path) -> dict[str, list[str]]:
    """Return the public classes, types and constants that several modules define, each with these modules."""
    homes: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees(package):
        for node in tree.body:
            names: list[str] = []
            if isinstance(node, ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            for name in names:
                if not name.startswith("_") and name[0].isupper():
                    homes[name].append(path.relative_to(package).as_posix())
    return {name: places for name, places in sorted(homes.items()) if len(places) > 1}


def main() -> None:
    """Print the counts of a package."""
    package = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    bad = riddles(package)
    print(f"docstrings that begin with what, which, how or where: {len(bad)} of {len(docstrings(package))}")
    for path, line, text in bad:
        print(f"  {path.relative_to(package)}:{line}: {text.splitlines()[0][:90]}")
    for name in ("to", "found", "place", "what", "own"):
        print(f"functions with a parameter or variable called '{name}': {len(parameters_called(package, name))}")
    shared = shared_names(package)
    print(f"names that several modules define: {len(shared)}")
    for name, places in shared.items():
        print(f"  {name}: {', '.join(places)}")


if __name__ == "__main__":
    main()
