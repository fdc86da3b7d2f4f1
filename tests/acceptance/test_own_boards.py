"""What is promised of boards for data of one's own: merged, ranked, and exported from anywhere, wheel included."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.some_copies import LOOK, encode
from tests.acceptance.test_plugins import REPOSITORY, install, python
from tests.boards.test_latex import DOCUMENT
from tests.warm import tta_bench
from tta_bench.data.synthetic.ucf101 import CLASSES

pytestmark = pytest.mark.acceptance
SMALL = ("weights=none", "clip.size=32", "clip.frames=4", "train.batch=8")
MACHINES = {"a": ("timm/test_resnet", "train.steps=2"), "b": ("videomaev2_vit_tiny", "train.steps=60")}


def kitchen(root: Path) -> Path:
    """Write videos of one's own, three classes to train and to test on, as files of a real codec."""
    for name in CLASSES[:3]:
        for clip in range(12):
            path = root / ("test" if clip < 6 else "train") / name / f"{name}_{clip:02d}.avi"
            encode(path, name, clip // LOOK.clips + 1, clip % LOOK.clips + 1)
    return root


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the work folders of two machines, each with runs of one backbone on a copy of the videos."""
    folder = tmp_path_factory.mktemp("machines")
    for machine, (backbone, steps) in MACHINES.items():
        root = kitchen(folder / machine / "videos")
        words = ("protocol=ucf101_ft", "dataset=folder", f"data.root={root}", "dataset.name=kitchen", "seed=0,1")
        work = folder / machine / "runs"
        tta_bench("run", *words, f"backbone={backbone}", steps, *SMALL, "runtime.workers=0", "--work-dir", work)
    return folder


def merged(machines: Path) -> tuple[str | Path, ...]:
    return ("--records", machines / "a" / "runs", "--records", machines / "b" / "runs")


def test_4_two_work_folders_are_merged_into_one_ranked_board(machines: Path, tmp_path: Path) -> None:
    out, _ = tta_bench("leaderboard", *merged(machines), cwd=tmp_path)
    (board,) = (tmp_path / line for line in out.splitlines() if "/own/" in line)
    text = board.read_text()
    print(text)
    measured = text.partition("## Measured")[2]
    rows = [line for line in measured.splitlines() if "[1/0]" in line]
    assert "# kitchen: ucf101_ft on one's own data" in text
    for backbone, _ in MACHINES.values():
        (row,) = (line for line in rows if f" {backbone} " in line)
        assert "[1/1]" in row
        assert row.split("|")[1].strip() in ("1", "2", "1 to 2")
    assert "Reported by others" not in text
    assert "Not standard" not in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_4_its_latex_is_a_page(machines: Path, tmp_path: Path) -> None:
    table, _ = tta_bench("leaderboard", *merged(machines), "--format", "latex", cwd=tmp_path)
    document = DOCUMENT.replace("{article}", "[landscape]{article}\\usepackage[margin=1cm]{geometry}")
    (tmp_path / "kitchen.tex").write_text(document % table, encoding="utf-8")
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "kitchen.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    print(tmp_path / "kitchen.pdf")


def test_4_exports_are_the_same_from_a_checkout_and_from_the_wheel_in_an_empty_folder(
    machines: Path, tmp_path: Path
) -> None:
    pytest.importorskip("hatchling", reason="building the wheel needs hatchling")
    site, empty, beside = (tmp_path / name for name in ("site", "empty", "beside"))
    empty.mkdir()
    beside.mkdir()
    words = ("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, REPOSITORY)
    python("-m", "pip", *words, site=site, cwd=tmp_path)
    install(site, next(tmp_path.glob("tta_bench-*.whl")))
    said = {}
    for form in ("csv", "json", "latex"):
        wanted = ("leaderboard", *merged(machines), "--format", form)
        said[form] = python("-m", "tta_bench", *wanted, site=site, cwd=empty)
        assert said[form] == "".join(tta_bench(*wanted, cwd=beside))
    rows = json.loads(said["json"])
    assert sorted(row["backbone"] for row in rows) == sorted(backbone for backbone, _ in MACHINES.values())
    assert {row["dataset"] for row in rows} == {"kitchen"}
    assert len(list(csv.DictReader(io.StringIO(said["csv"])))) == len(rows)
    assert not list(empty.iterdir())
