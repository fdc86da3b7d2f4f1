from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.data.clips import write_video
from tta_bench.cli.data import located
from tta_bench.cli.data_copies import attested_clips, listed_pairs, lost_clips


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    """A folder of four clips for each side, of two classes."""
    for number, side in enumerate(("train", "test")):
        for name in ("pour", "stir"):
            (tmp_path / "kitchen" / side / name).mkdir(parents=True)
            for clip in range(2):
                path = tmp_path / "kitchen" / side / name / f"{clip}.mp4"
                write_video(path, 12 + 8 * number + 4 * clip, "libx264", crf="18")
    return tmp_path / "kitchen"


def attest(command, root: Path, file: Path, *words: str) -> Done:
    done: Done = command(
        *("data", "attest", "folder", f"data.root={root}", "--into", file, "--work-dir", file.parent / "runs"), *words
    )
    assert done.code == 0, done.err
    return done


def test_two_copies_are_told_apart_clip_by_clip(command, kitchen: Path, tmp_path: Path) -> None:
    said = attest(command, kitchen, tmp_path / "a.manifest").out
    assert "train: {clips: 4, sha256: " in said
    write_video(kitchen / "train" / "pour" / "0.mp4", 12, "libx264", crf="38")
    write_video(kitchen / "test" / "stir" / "1.mp4", 33, "libx264", rotation=90)
    attest(command, kitchen, tmp_path / "b.manifest")
    same = command("data", "compare", tmp_path / "a.manifest", tmp_path / "a.manifest")
    assert (same.code, "same bytes" in same.out) == (0, True)
    done = command("data", "compare", tmp_path / "a.manifest", tmp_path / "b.manifest")
    assert done.code == 1
    assert "  same pictures: train/pour/0.mp4" in done.out
    assert "  other: test/stir/1.mp4" in done.out
    assert "1 of 8 clips is not the same in the two copies" in done.err
    told = json.loads(command("data", "compare", tmp_path / "a.manifest", tmp_path / "b.manifest", "--json").out)
    assert told["counts"] == {"same bytes": 6, "same pictures": 1, "other": 1}
    (kitchen / "train" / "pour" / "1.mp4").unlink()
    attest(command, kitchen, tmp_path / "c.manifest")
    fewer = command("data", "compare", tmp_path / "b.manifest", tmp_path / "c.manifest")
    assert (fewer.code, "  only in the first: train/pour/1.mp4" in fewer.out) == (1, True)


def test_a_manifest_names_no_place(command, kitchen: Path, tmp_path: Path) -> None:
    attest(command, kitchen, tmp_path / "a.manifest", "--digests-only")
    text = (tmp_path / "a.manifest").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["clips"] == {}
    attest(command, kitchen, tmp_path / "b.manifest")
    assert json.loads(text)["contents"] == json.loads((tmp_path / "b.manifest").read_text())["contents"]
    done = command("data", "compare", tmp_path / "a.manifest", tmp_path / "b.manifest")
    assert (done.code, "has digests only" in done.err) == (2, True)


def test_manifests_of_two_datasets_or_none_are_refused(command, kitchen: Path, tmp_path: Path) -> None:
    attest(command, kitchen, tmp_path / "a.manifest")
    text = (tmp_path / "a.manifest").read_text()
    (tmp_path / "b.manifest").write_text(text.replace('"dataset":"folder"', '"dataset":"mine"'))
    (tmp_path / "c.manifest").write_text(text.replace('"dataset":"folder"', '"dataset":"\\u001b[2J"'))
    (tmp_path / "d.manifest").write_text(text.replace("train/pour/0.mp4", "train/\\u001b[2Jpour"))
    strange = command("data", "compare", tmp_path / "a.manifest", tmp_path / "d.manifest")
    assert "only in the second: train/?[2Jpour" in strange.out
    assert "\x1b" not in strange.out + command("data", "compare", *[tmp_path / "c.manifest"] * 2).err
    for file, said in (("b.manifest", "is of folder, and"), ("none", "No such file"), ("runs", "cannot be read")):
        done = command("data", "compare", tmp_path / "a.manifest", tmp_path / file)
        assert (done.code, said in done.err) == (2, True), done.err


FEW_VIDEOS = "groups: 2, test_groups: 1, clips: 1, frames: 4, width: 32, height: 24"
FEW_REACTIONS = "train_subjects: 2, train_clips: 1, val_subjects: 2, val_clips: 1, test_subjects: 1, test_clips: 1"
FEW = {
    "ucf101_sample": FEW_VIDEOS,
    "tiktok_actions_sample": FEW_VIDEOS,
    "hume_reaction_sample": f"{FEW_REACTIONS}, frames: 4, size: 16",
}


@pytest.mark.parametrize("base", FEW)
def test_every_kind_of_dataset_can_be_attested(command, base: str, registry: Path, tmp_path: Path) -> None:
    (registry / "datasets").mkdir()
    (registry / "datasets" / "few.yaml").write_text(f"{{_base_: {base}, name: few, generator: {{{FEW[base]}}}}}")
    done = command("data", "attest", "few", "--into", tmp_path / "a", "--work-dir", tmp_path / "runs")
    assert done.code == 0, done.err
    assert "not as the card states\n  train: {clips: " in done.out
    layout, root, workers = located("few", ())
    pairs = listed_pairs(layout)
    assert not any(lost_clips(layout)[1].values())
    assert sum(map(len, pairs[1].values())) == len(attested_clips(layout, "few", root, tmp_path / "runs", workers))
    assert f"contents {json.loads((tmp_path / 'a').read_text())['contents']['1']}" in done.out
