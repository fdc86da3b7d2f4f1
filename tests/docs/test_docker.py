"""The Dockerfiles: what they copy is there, their Python is one that CI tests, and they name no address."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tta_bench.cards.files import read_yaml

REPOSITORY = Path(__file__).parents[2]
FILES = sorted((REPOSITORY / "docker").glob("*.Dockerfile"))


def test_there_is_one_for_each_kind_of_machine() -> None:
    assert [path.name for path in FILES] == ["cpu.Dockerfile", "cuda.Dockerfile"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_dockerfile_names_is_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    copied = [source for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for source in line.split()[:-1]]
    assert {"pyproject.toml", "tta_bench", "registry", "leaderboards"} <= set(copied)
    assert [source for source in copied if not (REPOSITORY / source).exists()] == []
    workflow = read_yaml((REPOSITORY / ".github" / "workflows" / "tests.yml").read_text(), "tests.yml")
    (python,) = re.findall(r"^FROM python:([\d.]+)-slim$", text, re.MULTILINE)
    assert python in workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert "://" not in text
    assert f"docker build -f docker/{path.name}" in (REPOSITORY / "docs" / "install.md").read_text(encoding="utf-8")
