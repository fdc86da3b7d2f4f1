from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from tests.data.clips import barcode, write_video
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media import manifest
from tta_bench.data.media.examine import Examined
from tta_bench.data.media.manifest import Manifest, check_clips, content_of, contents_digest
from tta_bench.errors import UserError
from tta_bench.utils.files import sha256_of
from tta_bench.utils.progress import Bar


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Four clips of 3 to 6 frames."""
    paths = [write_video(tmp_path / f"{n}.avi", frames=3 + n) for n in range(4)]
    return [Sample(f"clip{n}", path, label=n % 2, group=f"g{n}") for n, path in enumerate(paths)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The clips that were decoded, in a list that grows."""
    paths: list[Path] = []
    real: Callable[[Path], Examined] = manifest.examine

    def count(path: Path) -> Examined:
        paths.append(path)
        return real(path)

    monkeypatch.setattr(manifest, "examine", count)
    return paths


def test_every_clip_is_counted(samples: list[Sample], tmp_path: Path) -> None:
    found = check_clips(samples, tmp_path / "cache" / "found.json", workers=2)
    assert found.frames == {"clip0": 3, "clip1": 4, "clip2": 5, "clip3": 6}
    assert found.broken == {}


def test_broken_clips_are_named_with_the_decoders_reason(samples: list[Sample], tmp_path: Path) -> None:
    samples[1].path.write_bytes(b"not a video")
    samples[2].path.unlink()
    samples[3].path.write_bytes(b"")
    for _ in range(2):  # found, and remembered
        found = check_clips(samples, tmp_path / "found.json", workers=2)
        assert found.frames == {"clip0": 3}
        assert set(found.broken) == {"clip1", "clip2", "clip3"}
        assert "Invalid data" in found.broken["clip1"]
        assert "No such file" in found.broken["clip2"]


def test_only_changed_clips_are_decoded_again(samples: list[Sample], tmp_path: Path, decoded: list[Path]) -> None:
    cache = tmp_path / "found.json"
    first = check_clips(samples, cache, workers=2)
    assert len(decoded) == 4
    assert check_clips(samples[:2], cache, workers=2).frames == {"clip0": 3, "clip1": 4}
    assert check_clips(samples, cache, workers=2) == first
    assert len(decoded) == 4
    write_video(samples[2].path, frames=9)
    os.utime(samples[3].path, ns=(1, 1))
    assert check_clips(samples, cache, workers=2).frames == {"clip0": 3, "clip1": 4, "clip2": 9, "clip3": 6}
    assert sorted(decoded[4:]) == [samples[2].path, samples[3].path]


def test_a_changed_frame_in_a_folder_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), barcode(index))
    sample = Sample("frames", folder, 0, "g")
    assert check_clips([sample], tmp_path / "found.json", 1).frames == {"frames": 3}
    (folder / "1.png").write_bytes(b"")
    assert "1.png" in check_clips([sample], tmp_path / "found.json", 1).broken["frames"]


def test_one_file_under_many_names_is_decoded_once(samples: list[Sample], tmp_path: Path, decoded: list[Path]) -> None:
    (tmp_path / "hard.avi").hardlink_to(samples[0].path)
    (tmp_path / "soft.avi").symlink_to(samples[0].path)
    names = [Sample(name, tmp_path / f"{name}.avi", 0, "g") for name in ("0", "hard", "soft")]
    assert check_clips(names, tmp_path / "found.json", 2).frames == {"0": 3, "hard": 3, "soft": 3}
    assert len(decoded) == 1


def test_an_interrupted_pass_continues(
    samples: list[Sample], tmp_path: Path, decoded: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(bar: Bar, steps: int = 1, text: str = "") -> None:
        bar.done += steps
        if bar.done == 2:
            raise KeyboardInterrupt

    cache = tmp_path / "found.json"
    with monkeypatch.context() as patch:
        patch.setattr(Bar, "advance", interrupt)
        with pytest.raises(KeyboardInterrupt):
            check_clips(samples, cache, workers=1)
    kept = set(json.loads(cache.read_text())["clips"])
    assert len(kept) == 2
    decoded.clear()
    assert check_clips(samples, cache, workers=1).frames == {"clip0": 3, "clip1": 4, "clip2": 5, "clip3": 6}
    assert {path.stem for path in decoded} == {f"{n}" for n in range(4) if f"clip{n}" not in kept}
    assert [path.name for path in tmp_path.iterdir() if path.suffix not in (".avi", ".json")] == []


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"clips": {}}', '{"decoder": "another", "clips": {"clip0": [1, 2, 99, ""]}}']
)
def test_a_useless_cache_is_replaced(samples: list[Sample], tmp_path: Path, content: str) -> None:
    cache = tmp_path / "found.json"
    cache.write_text(content)
    assert check_clips(samples, cache, workers=1).frames["clip0"] == 3
    assert len(json.loads(cache.read_text())["clips"]) == 4


def test_identity_is_of_what_is_measured(samples: list[Sample]) -> None:
    found = Manifest({sample.id: 5 for sample in samples}, {})
    identity = found.identity(samples)
    assert identity == found.identity(samples[::-1])
    assert identity == found.identity([replace(sample, path=Path("/elsewhere") / sample.id) for sample in samples])
    assert identity != found.identity(samples[1:])
    assert identity != found.identity([replace(samples[0], label=7), *samples[1:]])
    assert identity != found.identity([replace(samples[0], group="other"), *samples[1:]])
    assert identity != Manifest(found.frames | {"clip2": 6}, {}).identity(samples)
    broken = Manifest({k: v for k, v in found.frames.items() if k != "clip2"}, {"clip2": "reason"})
    assert identity != broken.identity(samples)
    assert broken.identity(samples) == Manifest(broken.frames, {"clip2": "in other words"}).identity(samples)


def test_identity_needs_every_clip(samples: list[Sample]) -> None:
    with pytest.raises(KeyError, match="clip0"):
        Manifest({}, {}).identity(samples)


def test_bytes_size_and_fingerprint_are_found_and_remembered(samples: list[Sample], tmp_path: Path) -> None:
    first = check_clips(samples, tmp_path / "found.json", workers=2)
    assert first.contents == {sample.id: sha256_of(sample.path) for sample in samples}
    assert {(look.width, look.height) for look in first.looks.values()} == {(160, 96)}
    assert {len(look.fingerprint) for look in first.looks.values()} == {128}
    assert check_clips(samples, tmp_path / "found.json", workers=2) == first


def test_a_folder_of_frames_has_the_bytes_of_all_frames_in_order(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "same", "turned")]
    for folder, order in zip(folders, ((2, 9, 10), (2, 9, 10), (10, 9, 2)), strict=True):
        folder.mkdir()
        for number, shown in zip((2, 9, 10), order, strict=True):
            cv2.imwrite(str(folder / f"frame_{number}.png"), barcode(shown))
    one, same, turned = map(content_of, folders)
    assert one == same != turned
    (folders[1] / "notes.txt").write_text("not a frame")
    assert content_of(folders[1]) == same


def test_a_change_of_size_and_time_alone_decodes_nothing(
    samples: list[Sample], tmp_path: Path, decoded: list[Path]
) -> None:
    first = check_clips(samples, tmp_path / "found.json", workers=1)
    decoded.clear()
    for sample in samples:
        os.link(sample.path, sample.path.with_suffix(".more"))  # another name: the state changes, the bytes do not
    again = check_clips(samples, tmp_path / "found.json", workers=1)
    assert (again.contents, again.looks, decoded) == (first.contents, first.looks, [])


def exchange(path: Path, content: bytes) -> None:
    """Write other bytes of the same number, and set the time back."""
    before = path.stat()
    path.write_bytes(content[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_other_bytes_of_the_same_size_and_time_are_noticed(samples: list[Sample], tmp_path: Path) -> None:
    found = check_clips(samples, tmp_path / "found.json", workers=1)
    found.require_unchanged(samples)
    exchange(samples[1].path, samples[2].path.read_bytes())
    with pytest.raises(UserError, match="1 clip changed while the run went on: clip1"):
        found.require_unchanged(samples)
    samples[3].path.unlink()
    with pytest.raises(UserError, match="2 clips changed while the run went on: clip1, clip3"):
        found.require_unchanged(samples)
    again = check_clips(samples, tmp_path / "found.json", workers=1)
    assert again.contents["clip1"] != found.contents["clip1"]
    assert again.contents_identity(["clip0", "clip1"]) != found.contents_identity(["clip1", "clip0"])
    assert again.contents_identity(["clip0", "clip2"]) == found.contents_identity(["clip2", "clip0"])


def test_the_same_bytes_in_a_new_file_are_unchanged(samples: list[Sample], tmp_path: Path) -> None:
    found = check_clips(samples, tmp_path / "found.json", workers=1)
    content = samples[0].path.read_bytes()
    samples[0].path.unlink()
    samples[0].path.write_bytes(content)
    found.require_unchanged(samples)


def test_contents_are_those_of_the_clips_that_can_be_read() -> None:
    found = Manifest({"a": 1}, {"b": "gone"}, contents={"a": "1" * 64})
    assert found.contents_of(["a", "b"]) == {"a": "1" * 64}
    assert found.contents_identity(["a", "b"]) == contents_digest({"b": "", "a": "1" * 64})


@pytest.mark.parametrize("processes", [3, 4])
def test_processes_that_write_one_manifest_lose_nothing(tmp_path: Path, decoded: list[Path], processes: int) -> None:
    lists = [
        [
            Sample(f"clip{n}-{k}", write_video(tmp_path / f"{n}-{k}.avi", frames=3 + k), label=0, group="g")
            for k in range(3)
        ]
        for n in range(processes)
    ]
    cache = tmp_path / "manifests" / "found.json"
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=check_clips, args=(own, cache, 1)) for own in lists]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * processes
    found = check_clips([sample for own in lists for sample in own], cache, workers=1)
    assert found.frames == {f"clip{n}-{k}": 3 + k for n in range(processes) for k in range(3)}
    assert not decoded  # here: all of it stood in the file
