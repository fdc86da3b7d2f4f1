"""What is promised of copies: each of these ends not standard, or not seen before, with its reason in the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.acceptance.some_copies import hume_folder, own_ucf101, partial_ucf101, whole_ucf101
from tta_bench.cli import cli
from tta_bench.errors import BenchError
from tta_bench.records.schema import Record
from tta_bench.records.store import load_records

pytestmark = pytest.mark.acceptance
SMALL = ("backbone=videomaev2_vit_tiny", "weights=none", "clip.size=32", "train.steps=1", "train.batch=4")


def command(*words: object) -> tuple[int, str]:
    """Run the program in this process; return its exit code and what it printed on stdout."""
    done = CliRunner().invoke(cli, [*map(str, words)])
    if done.exception is not None and not isinstance(done.exception, SystemExit | BenchError):
        raise done.exception
    return getattr(done.exception, "exit_code", done.exit_code), done.stdout


def run(work_dir: Path, *words: str) -> tuple[Record, list[str]]:
    """Run an experiment; return its only record, and the lines that it printed."""
    code, said = command("run", *words, "--work-dir", work_dir, "runtime.workers=0")
    assert code == 0, said
    [record] = load_records(work_dir / "records")
    return record, said.splitlines()


def plan(work_dir: Path, *words: str) -> str:
    """Return the plan of a run."""
    code, said = command("run", *words, "--dry-run", "--work-dir", work_dir, "runtime.workers=0")
    assert code == 0, said
    return " ".join(said.split())


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


def test_2b_listed_clips_without_a_file_are_counted_and_named_and_the_board_says_so(
    tmp_path: Path, shared: Path
) -> None:
    root = whole_ucf101(tmp_path / "names", shared)
    tested = sorted({path.stem: path for path in root.rglob("v_*_g01_c0*.avi")}.values())
    for path in tested[:12]:
        path.unlink()
    said = plan(tmp_path / "runs", "protocol=ucf101_ft", f"data.root={root}", *SMALL)
    assert f"3,771 of 3,783 official test clips; 12 missing: {tested[0].stem}, " in said
    assert "where 4c70da2bcce0 is official" in said
    for path in root.rglob("v_*.avi"):
        if path.parent.name not in ("Archery", "Basketball") or not path.stem.endswith("c01"):
            path.unlink()
    record, printed = run(tmp_path / "runs", "protocol=ucf101_ft", f"data.root={root}", *SMALL)
    is_set_aside(record, printed, f"{record.n_scored:,} of 3,783 official test clips", " missing: v_ApplyEyeMakeup_g01")
    assert record.identity.dataset.official is not None
    assert record.identity.dataset.official.parts["test"].expected == 3783
    measured, _, aside = (tmp_path / "runs" / "leaderboards" / "ucf101_ft.md").read_text().partition("## Not standard")
    assert "videomaev2_vit_tiny" not in measured
    assert f"| {record.n_scored:,} of 3,783 " in aside
    assert "not the official ucf101: " in aside


def test_3_eleven_clips_are_not_hume_reaction(tmp_path: Path) -> None:
    root = hume_folder(tmp_path / "hume")
    small = ("backbone=resnet50", "weights=none", "clip.size=32", "clip.frames=2", "clip.cropper=centre")
    words = ("protocol=abaw_eri", f"data.root={root}", *small, "train.steps=1", "train.batch=2")
    record, printed = run(tmp_path / "runs", *words)
    is_set_aside(record, printed, "7 train clips, and 15,806 are official", "4 val clips, and 4,657 are official")


def test_4_official_names_of_other_pictures_were_not_seen_before(tmp_path: Path, shared: Path) -> None:
    root = whole_ucf101(tmp_path / "names", shared)
    said = plan(tmp_path / "runs", "protocol=ucf101_ft", f"data.root={root}", *SMALL)
    assert "yes, by ids and labels; contents not seen before" in said
    assert "test clips have the bytes of a training clip" in said


def test_5_a_manifest_is_attested_and_compared(tmp_path: Path) -> None:
    root = own_ucf101(tmp_path / "mine")
    files = [tmp_path / f"{name}.manifest" for name in ("one", "two")]
    for file in files:
        code, said = command(
            "data", "attest", "ucf101", f"data.root={root}", "--into", file, "--work-dir", tmp_path / "w"
        )
        assert code == 0, said
        assert "propose it as leaderboards/manifests/ucf101-YOURNAME.json, with --digests-only" in said
        clips = sorted((root / "UCF-101").rglob("*.avi"))
        clips[0].write_bytes(clips[-1].read_bytes())
    code, said = command("data", "compare", *files, "--json")
    assert code == 1
    assert json.loads(said)["counts"] == {"same bytes": 39, "other": 1}
