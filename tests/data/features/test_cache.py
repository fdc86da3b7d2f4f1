from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tta_bench.data.features.cache import NO_FILE, Features, extract
from tta_bench.errors import RunFailed, UserError


class Letters:
    """Take the bytes of a file, and leave a line in a log for each time it was asked."""

    def __init__(self, log: Path, **identity: Any) -> None:
        self.log, self.about = log, identity

    def __call__(self, path: Path) -> tuple[NDArray[Any] | None, dict[str, int]]:
        with self.log.open("a") as stream:
            stream.write(f"{os.getpid()} {path.name}\n")
        text = path.read_bytes()
        if text == b"kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == b"wrong":
            raise UserError("what is wrong", "the way out")
        return (
            (np.frombuffer(text, np.uint8)[:, None], {"letters": len(text)}) if text != b"none" else (None, {"none": 1})
        )

    def identity(self) -> dict[str, Any]:
        return {"what": "letters"} | self.about


@pytest.fixture
def clips(tmp_path: Path) -> dict[str, Path | None]:
    paths: dict[str, Path | None] = {}
    for name, text in {"a": "alpha", "b": "beta", "c": "none", "d": "alpha"}.items():
        (path := tmp_path / f"{name}.mp4").write_text(text)
        paths[name] = path
    return paths | {"e": None}


def asked(log: Path) -> list[str]:
    return sorted(line.split()[1] for line in log.read_text().splitlines()) if log.exists() else []


def values(features: Features) -> dict[str, list[int] | None]:
    found = {id: features.read(id) for id in features.files}
    return {id: None if array is None else array[:, 0].tolist() for id, array in found.items()}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_clip_is_done_once_and_then_reused(
    clips: dict[str, Path | None], tmp_path: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    first = extract(clips, Letters(log), tmp_path / "cache", workers, "taking letters")
    alpha = list(b"alpha")
    assert values(first) == {"a": alpha, "b": list(b"beta"), "c": None, "d": alpha, "e": None}
    assert list(first.files) == list(clips)
    assert first.notes == {
        "a": {"letters": 5},
        "b": {"letters": 4},
        "c": {"none": 1},
        "d": {"letters": 5},
        "e": {NO_FILE: 1},
    }
    assert first.totals() == {"letters": (14, 3), NO_FILE: (1, 1), "none": (1, 1)}
    assert (first.made, first.reused) == (4, 0)
    assert len(asked(log)) == 3, "clips with the same bytes are done once"
    assert len({line.split()[0] for line in log.read_text().splitlines()} - {str(os.getpid())}) <= workers
    second = extract(clips, Letters(log), tmp_path / "cache", workers, "taking letters")
    assert (second.made, second.reused) == (0, 4)
    assert (second.files, second.notes) == (first.files, first.notes)
    assert len(asked(log)) == 3
    assert "taking letters: 5 clips: 4 reused, 0 made; letters: 3 clips (14)" in capsys.readouterr().err


def test_a_clip_is_known_by_its_bytes_and_not_by_its_name(clips: dict[str, Path | None], tmp_path: Path) -> None:
    log = tmp_path / "log"
    extract(clips, Letters(log), tmp_path / "cache", 0, "letters")
    (moved := tmp_path / "moved.avi").write_text("beta")
    (changed := tmp_path / "b.mp4").write_text("gamma")
    found = extract({"x": moved, "b": changed}, Letters(log), tmp_path / "cache", 0, "letters")
    assert (found.made, found.reused) == (1, 1)
    assert values(found) == {"x": list(b"beta"), "b": list(b"gamma")}


def test_other_settings_are_other_values(clips: dict[str, Path | None], tmp_path: Path) -> None:
    log = tmp_path / "log"
    extract(clips, Letters(log, size=1), tmp_path / "cache", 0, "letters")
    other = extract(clips, Letters(log, size=2), tmp_path / "cache", 0, "letters")
    assert (other.made, other.reused) == (4, 0)
    (one, two) = sorted((tmp_path / "cache").glob("*/identity.json"))
    assert {json.loads(path.read_text())["size"] for path in (one, two)} == {1, 2}


def test_what_was_cut_off_is_done_again(clips: dict[str, Path | None], tmp_path: Path) -> None:
    log, cache = tmp_path / "log", tmp_path / "cache"
    first = extract(clips, Letters(log), cache, 0, "letters")
    (index,) = cache.glob("*/index.jsonl")
    index.write_text(index.read_text()[:-20])  # the last line breaks off
    file = first.files["b"]
    assert file is not None
    file.write_bytes(file.read_bytes()[:-2])
    again = extract(clips, Letters(log), cache, 0, "letters")
    assert again.made >= 2
    assert values(again) == {"a": list(b"alpha"), "b": list(b"beta"), "c": None, "d": list(b"alpha"), "e": None}
    assert extract(clips, Letters(log), cache, 0, "letters").made == 0


def test_a_killed_worker_is_told_and_what_was_done_is_kept(tmp_path: Path) -> None:
    sources: dict[str, Path | None] = {}
    for number in range(8):
        (path := tmp_path / f"{number}.mp4").write_text(f"text {number}")
        sources[str(number)] = path
    (path := tmp_path / "8.mp4").write_text("kill")
    log = tmp_path / "log"
    with pytest.raises(RunFailed, match=r"a worker process died .* of 9 clips"):
        extract(sources | {"8": path}, Letters(log), tmp_path / "cache", 2, "letters")
    path.write_text("alive")
    found = extract(sources | {"8": path}, Letters(log), tmp_path / "cache", 2, "letters")
    assert found.made + found.reused == 9
    assert values(found)["8"] == list(b"alive")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_users_mistake_in_a_worker_stays_one(tmp_path: Path, workers: int) -> None:
    (path := tmp_path / "a.mp4").write_text("wrong")
    with pytest.raises(UserError, match="what is wrong") as error:
        extract({"a": path}, Letters(tmp_path / "log"), tmp_path / "cache", workers, "letters")
    assert error.value.hint == "the way out"


def test_a_folder_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    class Names(Letters):
        def __call__(self, path: Path) -> tuple[NDArray[Any] | None, dict[str, int]]:
            return np.array([[len(file.name)] for file in path.iterdir()]), {}

    def made(folders: Mapping[str, Path]) -> int:
        return extract(folders, Names(tmp_path / "log"), tmp_path / "cache", 0, "names").made

    folder = tmp_path / "clip"
    folder.mkdir()
    (folder / "1.jpg").write_text("one")
    assert made({"a": folder}) == 1
    assert made({"a": folder}) == 0
    (folder / "2.jpg").write_text("two")
    assert made({"a": folder}) == 1


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.mp4 cannot be read"):
        extract({"a": tmp_path / "gone.mp4"}, Letters(tmp_path / "log"), tmp_path / "cache", 0, "letters")


def test_clips_with_different_numbers_of_features_are_told(tmp_path: Path) -> None:
    sources: dict[str, Path | None] = {}
    for name, width in (("a", 3), ("b", 3), ("c", 4), ("d", 0)):
        (path := tmp_path / name).write_text("x" * width or "none")
        sources[name] = path

    class Rows(Letters):
        def __call__(self, path: Path) -> tuple[NDArray[Any] | None, dict[str, int]]:
            values, notes = super().__call__(path)
            return (None if values is None else values.T), notes

    for _ in range(2):  # made, and found in the cache
        with pytest.raises(UserError, match=r"numbers of features: 3 for 2 clips \(a, b\); 4 for 1 clip \(c\)"):
            extract(sources, Rows(tmp_path / "log"), tmp_path / "cache", 0, "letters")


def test_a_full_disk_is_told_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources: dict[str, Path | None] = {}
    for number in range(3):
        (path := tmp_path / str(number)).write_text(f"{number}")
        sources[str(number)] = path
    usage = shutil.disk_usage(tmp_path)._replace(free=200)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: usage)
        with pytest.raises(UserError, match=r"needs about .* GB") as error:
            extract(sources, Letters(tmp_path / "log"), tmp_path / "cache", 0, "letters")
    assert "TTA_BENCH_CACHE" in error.value.hint
    assert extract(sources, Letters(tmp_path / "log"), tmp_path / "cache", 0, "letters").reused == 1


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("then", ["exchanged", "gone"])
def test_values_of_a_clip_that_is_exchanged_meanwhile_are_not_kept(tmp_path: Path, workers: int, then: str) -> None:
    """Same size and time, other bytes: filed under the old digest, they would be another clip's for ever."""
    clip, kept = tmp_path / "a.mp4", tmp_path / "kept.mp4"
    clip.write_bytes(b"alpha")
    kept.write_bytes(b"alpha")
    sources: dict[str, Path | None] = {"a": clip}

    class Exchanged(Letters):
        def __call__(self, path: Path) -> tuple[NDArray[Any] | None, dict[str, int]]:
            before = path.stat()
            time.sleep(0.02)  # a clock of files ticks every few milliseconds
            path.write_bytes(b"omega")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            found = super().__call__(path)
            if then == "gone":
                path.unlink()
            return found

    with pytest.raises(UserError, match="1 clip changed while the run went on: a"):
        extract(sources, Exchanged(tmp_path / "log"), tmp_path / "cache", workers, "letters")
    kept.replace(clip)
    found = extract(sources, Letters(tmp_path / "log"), tmp_path / "cache", workers, "letters")
    assert (values(found), found.made) == ({"a": list(b"alpha")}, 1)


def test_a_new_name_or_owner_of_a_clip_meanwhile_is_no_change(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"alpha")

    class Linked(Letters):
        def __call__(self, path: Path) -> tuple[NDArray[Any] | None, dict[str, int]]:
            time.sleep(0.02)
            os.link(path, tmp_path / "b.mp4")
            return super().__call__(path)

    assert extract({"a": clip}, Linked(tmp_path / "log"), tmp_path / "cache", 0, "letters").made == 1
