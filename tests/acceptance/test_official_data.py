"""What is promised of copies: each of these ends not standard, or not seen before, with its reason in the record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.some_copies import hume_folder, own_ucf101, partial_ucf101, whole_ucf101
from tta_bench.records.schema import Record
from tta_bench.records.store import load_records

pytestmark = pytest.mark.acceptance
SMALL = ("backbone=videomaev2_vit_tiny", "weights=none", "clip.size=32", "train.steps=1", "train.batch=4")


def run(work_dir: Path, *words: str) -> tuple[Record, list[str]]:
    """Run the program; return its only record, and the lines that it printed."""
    command = [sys.executable, "-m", "tta_bench", "run", *words, "--work-dir", str(work_dir), "runtime.workers=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    [record] = load_records(work_dir / "records")
    return record, done.stdout.splitlines()


def plan(work_dir: Path, *words: str) -> str:
    """Return the plan of a run."""
    command = [sys.executable, "-m", "tta_bench", "run", *words, "--dry-run", "--work-dir", str(work_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def is_set_aside(record: Record, printed: list[str], *reasons: str) -> None:
    """Check that a record is not standard, and that it and the last line say why."""
    data = record.identity.dataset
    assert not record.identity.standard
    assert data.differs is not None
    assert data.contents_sha256 is not None
    assert printed[-1] == f"not standard: {data.differs}."
    for reason in reasons:
        assert reason in data.differs


def test_1_a_folder_called_ucf_101_with_a_list_of_ones_own_is_set_aside(tmp_path: Path) -> None:
    words = ("protocol=ucf101_ft", f"data.root={own_ucf101(tmp_path / 'mine')}", *SMALL)
    record, printed = run(tmp_path / "runs", *words)
    is_set_aside(
        record, printed, "0 of 3,783 official test clips", "3,783 missing", "12 not official: ", "4c70da2bcce0"
    )
    assert record.identity.dataset.official is not None
    assert len(record.identity.dataset.official.parts["test"].others) == 12


def test_2_a_partial_download_is_counted_and_named(tmp_path: Path, shared: Path) -> None:
    root = partial_ucf101(tmp_path / "partial", shared, test=12, classes=6)
    said = plan(tmp_path / "runs", "protocol=ucf101_ft", f"data.root={root}", *SMALL)
    assert "official" in said
    assert "missing: v_" in said
    record, printed = run(tmp_path / "runs", "protocol=ucf101_ft", f"data.root={root}", *SMALL)
    is_set_aside(record, printed, " of 3,783 official test clips", " missing: v_ApplyEyeMakeup_g0", "4c70da2bcce0")


def test_3_eleven_clips_are_not_hume_reaction(tmp_path: Path) -> None:
    root = hume_folder(tmp_path / "hume")
    small = ("backbone=resnet50", "weights=none", "clip.size=32", "clip.frames=2", "clip.cropper=centre")
    words = ("protocol=abaw_eri", f"data.root={root}", *small, "train.steps=1", "train.batch=2")
    record, printed = run(tmp_path / "runs", *words)
    is_set_aside(record, printed, "4 val clips, of which the card states nothing", "2,222 subjects")


def test_4_official_names_of_other_pictures_were_not_seen_before(tmp_path: Path, shared: Path) -> None:
    root = whole_ucf101(tmp_path / "names", shared)
    said = plan(tmp_path / "runs", "protocol=ucf101_ft", f"data.root={root}", *SMALL)
    assert "yes, by ids and labels; contents not seen before" in " ".join(said.split())
    assert "test clips have the bytes of a training clip" in said


def test_5_a_manifest_is_attested_and_compared(tmp_path: Path) -> None:
    root = own_ucf101(tmp_path / "mine")
    for name in ("one", "two"):
        words = ["attest", "ucf101", f"data.root={root}", "--into", f"{name}.manifest"]
        done = subprocess.run(
            [sys.executable, "-m", "tta_bench", "data", *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        clips = sorted((root / "UCF-101").rglob("*.avi"))
        clips[0].write_bytes(clips[-1].read_bytes())
    words = ["compare", "one.manifest", "two.manifest", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "tta_bench", "data", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["counts"] == {"same bytes": 39, "other": 1}
