"""The notebooks of the documentation, run from their first cell to the last in an empty folder."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

pytestmark = pytest.mark.acceptance

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
PROGRESS = ["checking", "train", "test", "train", "test"]
"""What the cell that runs two seeds says of its progress: a line each."""
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code), "notebooks are kept without outputs"
    started = time.monotonic()
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    seconds = time.monotonic() - started
    print(f"\n{path.stem}: {len(code)} cells in {seconds:.1f} s")
    assert all(cell.execution_count for cell in code)
    said = [
        output["data"]["text/plain"] for cell in code for output in cell.outputs if output.output_type == "display_data"
    ]
    assert not any("\x1b" in text for text in said)
    if path.stem == "own_backbone":
        titles = [text.split()[1] for text in said if re.match(r"20\S+Z ", text)]
        assert [title for title in titles if title != "making"] == PROGRESS  # the sample's videos are made once
