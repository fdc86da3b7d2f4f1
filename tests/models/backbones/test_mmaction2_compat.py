"""The bridges work, and each is still needed: a test that fails here with 'no longer' means a bridge can go."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tta_bench.errors import UserError
from tta_bench.models.backbones import mmaction2_compat
from tta_bench.models.backbones.mmaction2_compat import bridge_multimodal, import_mmaction

USE = """
from tta_bench.models.backbones.mmaction2_compat import import_mmaction
import_mmaction()
from mmaction.registry import MODELS
print(MODELS.get("mmaction.ResNet3dSlowOnly").__name__, MODELS.get("mmaction.VisionTransformer").__name__)
"""


def python(code: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees the packages in a folder first."""
    start = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    return subprocess.run([sys.executable, "-W", "default", "-c", start + code], capture_output=True, text=True)


@pytest.fixture(scope="module")
def new_transformers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty package that says it is a new Hugging Face transformers."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "transformers").mkdir()
    (folder / "transformers" / "__init__.py").write_text("")
    (folder / "transformers-5.23.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: transformers\nVersion: 5.23.0\n"
    (folder / "transformers-5.23.0.dist-info" / "METADATA").write_text(metadata)
    return folder


def test_mmactions_models_can_be_built_beside_a_new_transformers_and_the_one_warning_is_not_shown(new_transformers):
    done = python(USE, new_transformers)
    assert done.stdout.split() == ["ResNet3dSlowOnly", "VisionTransformer"], done.stderr
    assert "MultiScaleDeformableAttention" not in done.stderr


def test_only_a_new_transformers_is_bridged(monkeypatch):
    stubbed = []
    monkeypatch.setattr(mmaction2_compat, "_stub", stubbed.append)
    for version in ("4.55.4", "4.56.0", "5.23.0"):
        monkeypatch.setattr(mmaction2_compat.metadata, "version", lambda _, version=version: version)
        bridge_multimodal()
    assert stubbed == ["mmaction.models.multimodal"] * 2


def test_the_localizers_bridge_is_still_needed():
    package = Path(importlib.util.find_spec("mmaction").submodule_search_locations[0]) / "models/localizers"
    imported = (package / "__init__.py").read_text(encoding="utf-8")
    assert "from .drn.drn import DRN" in imported, "bridge_localizers is no longer needed"
    assert not (package / "drn" / "drn.py").exists(), "bridge_localizers is no longer needed"


def test_the_multimodal_bridge_is_still_needed():
    package = Path(importlib.util.find_spec("mmaction").submodule_search_locations[0])
    sources = sorted((package / "models" / "multimodal").rglob("*.py"))
    imported = {
        alias.name
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "transformers.modeling_utils"
        for alias in node.names
    }
    assert "apply_chunking_to_forward" in imported, "bridge_multimodal is no longer needed"


def test_without_mmaction_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="MMAction2 is not installed") as error:
        import_mmaction()
    assert "--no-deps mmaction2" in error.value.hint
