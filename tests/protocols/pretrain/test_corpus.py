from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.data.clips import write_video
from tta_bench.cards.catalog import dataset_card
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.protocols.pretrain.corpus import CorpusClips, all_clips, open_corpus


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten videos of 5 to 14 frames, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(10):
        write_video(folder / f"{number}.mp4", 5 + number)
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def opened(root: Path, work_dir: Path, *words: str, broken: float = 0.9) -> CorpusClips:
    (experiment,) = resolve(
        ["protocol=tta_pretrain", "dataset=videos", f"data.root={root}", f"train.broken={broken}", *words]
    )
    return open_corpus(experiment, work_dir, workers=0)  # type: ignore[arg-type]


def test_readable_clips_are_kept_and_the_others_named(root: Path, tmp_path: Path) -> None:
    corpus = opened(root, tmp_path)
    assert {clip.id: corpus.lengths[clip.id] for clip in corpus.clips} == {f"{n}.mp4": 5 + n for n in range(10)}
    assert set(corpus.excluded) == {"broken.mp4"}
    with pytest.raises(UserError, match=r"1 of the 11 clips cannot be read \(9.1%\), and train.broken allows 5.0%"):
        opened(root, tmp_path, broken=0.05)


def test_parts_are_nested_and_have_identities_of_their_own(root: Path, tmp_path: Path) -> None:
    parts = [opened(root, tmp_path, f"train.clips={count}") for count in (3, 6)]
    few, more = ({clip.id for clip in part.clips} | set(part.excluded) for part in parts)
    assert (len(few), len(more)) == (3, 6)
    assert few < more
    assert len({part.identity for part in [*parts, opened(root, tmp_path)]}) == 3
    assert len(opened(root, tmp_path, "limit=4").clips) in (3, 4)
    with pytest.raises(UserError, match="a part of 12 clips was asked for, and the corpus has 11"):
        opened(root, tmp_path, "train.clips=12")


def test_how_videos_were_prepared_is_part_of_a_corpus_identity(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    found = [opened(copy, tmp_path).identity]
    assert found == [opened(root, tmp_path).identity]
    for text in ('{"size": 256, "key_frames": 16}', '{"size": 128, "key_frames": 16}'):
        (copy / "prepared.json").write_text(text)
        found.append(opened(copy, tmp_path).identity)
    assert len(set(found)) == 3
    (copy / "prepared.json").write_text('{"key_frames": 16,\n "size": 256}')
    assert opened(copy, tmp_path).identity == found[1]
    (copy / "prepared.json").write_text('{"size"')
    with pytest.raises(UserError, match="prepared.json states how the videos were prepared, and cannot be read"):
        opened(copy, tmp_path)


def test_a_dataset_with_classes_is_no_corpus(tmp_path: Path) -> None:
    (tmp_path / "train" / "wave").mkdir(parents=True)
    (tmp_path / "test" / "wave").mkdir(parents=True)
    for part in ("train", "test"):
        (tmp_path / part / "wave" / f"{part}.mp4").touch()
    with pytest.raises(UserError, match="folder is no corpus to pre-train on") as caught:
        all_clips(dataset_card("folder"), tmp_path)
    assert "'videos'" in str(caught.value.hint)


def test_bytes_are_part_of_a_corpus_identity_and_a_change_is_named(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    first, again = opened(root, tmp_path), opened(copy, tmp_path)
    assert first.key == again.key != first.identity
    again.require_unchanged()
    (copy / "3.mp4").write_bytes((copy / "3.mp4").read_bytes() + b"\0")
    with pytest.raises(UserError, match="1 clip changed while the run went on: 3.mp4"):
        again.require_unchanged()
    changed = opened(copy, tmp_path)
    assert (changed.identity, changed.key != first.key) == (first.identity, True)
    assert changed.standing.official is None


def test_a_corpus_is_counted_where_only_its_count_is_published(root: Path, tmp_path: Path) -> None:
    hashtag = tmp_path / "tiktok" / "dance"
    hashtag.mkdir(parents=True)
    shutil.copyfile(root / "3.mp4", hashtag / "1.mp4")
    (experiment,) = resolve(["protocol=tta_pretrain", f"data.root={tmp_path / 'tiktok'}"])
    standing = open_corpus(experiment, tmp_path, workers=0).standing  # type: ignore[arg-type]
    assert standing.differs is not None
    assert "1 train clips, and 283,582 are official (only counts are known)" in standing.differs
