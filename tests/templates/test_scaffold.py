from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.errors import UserError
from tta_bench.templates.scaffold import PLACEHOLDER, TEMPLATES, renamed, write_package


@pytest.mark.parametrize("kind", ["backbone", "dataset", "protocol"])
def test_every_file_of_a_template_is_written_under_the_new_name(tmp_path: Path, kind: str) -> None:
    written = write_package(kind, "brand_new", tmp_path)
    files = [path for path in (TEMPLATES / kind).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(written) == len(files)
    assert tmp_path / "brand_new/brand_new/__init__.py" in written
    assert tmp_path / "brand_new/tests/test_brand_new.py" in written
    assert not [path for path in written if PLACEHOLDER in path.read_text() or "my-plugin" in path.read_text()]


@given(st.sampled_from(["net", "my_net", "_net", "a_b_c"]))
def test_both_spellings_of_the_placeholder_are_replaced(name: str) -> None:
    text = renamed("import my_plugin  # tta-bench-my-plugin", name)
    assert text == f"import {name}  # tta-bench-{name.replace('_', '-').strip('-')}"


def test_nothing_is_written_over(tmp_path: Path) -> None:
    write_package("backbone", "mine", tmp_path)
    with pytest.raises(UserError, match="is there already"):
        write_package("backbone", "mine", tmp_path)


def test_mypy_holds_the_packages_to_the_suites_contract() -> None:
    config = tomllib.loads((TEMPLATES.parents[1] / "pyproject.toml").read_text())["tool"]["mypy"]
    assert config["strict"]
    assert config["packages"] == ["tta_bench"]
    for file in TEMPLATES.rglob("*.py"):
        left_out = any(re.search(pattern, f"/{file.relative_to(TEMPLATES.parent)}") for pattern in config["exclude"])
        assert left_out == ("tests" in file.parent.parts)
