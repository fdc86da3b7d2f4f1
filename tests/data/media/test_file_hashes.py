from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tta_bench.data.datasets.hume_reaction import ListedReaction
from tta_bench.data.media import file_hashes
from tta_bench.data.media.file_hashes import content_digest, content_digests, reaction_contents
from tta_bench.errors import UserError


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The paths that are hashed from now on."""
    paths: list[Path] = []

    def watched(path: Path) -> str:
        paths.append(path)
        return content_digest(path)

    monkeypatch.setattr(file_hashes, "content_digest", watched)
    return paths


def test_only_new_and_changed_files_are_read(tmp_path: Path, hashed: list[Path]) -> None:
    files = [tmp_path / name for name in "abc"]
    for file in files:
        file.write_bytes(file.name.encode())
    digests = content_digests(files, tmp_path / "cache.json")
    assert digests == {file: hashlib.sha256(file.name.encode()).hexdigest() for file in files}
    assert sorted(hashed) == files
    hashed.clear()
    assert content_digests(files[::-1], tmp_path / "cache.json") == digests
    assert hashed == []
    files[1].write_bytes(b"other")
    os.utime(files[2], ns=(1, 1))
    assert content_digests(files, tmp_path / "cache.json")[files[1]] == hashlib.sha256(b"other").hexdigest()
    assert sorted(hashed) == files[1:]


def test_a_folder_is_its_files_names_and_bytes(tmp_path: Path) -> None:
    for name, content in (("one/1.jpg", "x"), ("same/1.jpg", "x"), ("renamed/2.jpg", "x"), ("other/1.jpg", "y")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content)
    one, same, renamed, other = (content_digest(tmp_path / name) for name in ("one", "same", "renamed", "other"))
    assert one == same
    assert len({one, renamed, other}) == 3


def test_results_are_kept_when_a_later_file_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hashed: list[Path]
) -> None:
    monkeypatch.setattr(file_hashes, "THREADS", 1)
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    watched = file_hashes.content_digest

    def failing(path: Path) -> str:
        if path.name == "b":
            raise OSError(5, "Input/output error", str(path))
        return watched(path)

    with monkeypatch.context() as patch:
        patch.setattr(file_hashes, "content_digest", failing)
        with pytest.raises(UserError, match=r"b cannot be read: Input/output error"):
            content_digests([tmp_path / "a", tmp_path / "b"], tmp_path / "cache.json")
    assert content_digests([tmp_path / "a"], tmp_path / "cache.json")
    assert hashed == [tmp_path / "a"]


def test_a_reaction_has_the_bytes_of_its_picture_and_its_sound(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "b.wav", "c.wav"):
        (tmp_path / name).write_text(name)

    def clip(id: str, video: str | None, audio: str | None) -> ListedReaction:
        files = [tmp_path / name if name else None for name in (video, audio)]
        return ListedReaction(id, *files, None, None)

    clips = [clip("a", "a.mp4", "a.mp4"), clip("b", "b.mp4", "b.wav"), clip("c", None, "c.wav"), clip("d", None, None)]
    found = reaction_contents(clips, tmp_path / "cache.json")
    assert found["a"] == content_digest(tmp_path / "a.mp4")
    assert found["c"] == content_digest(tmp_path / "c.wav")
    assert set(found) == {"a", "b", "c"}
    (tmp_path / "b.wav").write_text("x.wav")
    again = reaction_contents(clips, tmp_path / "cache.json")
    assert {id for id in found if found[id] != again[id]} == {"b"}


def test_other_bytes_of_the_same_size_and_time_are_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = file.stat()
    first = content_digests([file], tmp_path / "cache.json")[file]
    file.write_text("two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert content_digests([file], tmp_path / "cache.json")[file] != first
