from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.datasets.open import limited
from tta_bench.data.synthetic.hmdb51 import generate_hmdb51_sample
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.protocols.fine_tune.split import SplitClips, balanced, open_split

SAMPLES = [Sample(str(n), Path(str(n)), n % 3, str(n)) for n in range(40)]
SMALL = SampleSettings(groups=3, test_groups=1, clips=2, frames=5, width=16, height=16)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """UCF101's layout with 8 classes of 6 clips, two thirds of them for training."""
    return generate_ucf101_sample(tmp_path_factory.mktemp("data") / "ucf101", SMALL)


def opened(root: Path, work_dir: Path, *words: str) -> SplitClips:
    (experiment,) = resolve(["protocol=ucf101_ft", f"data.root={root}", *words])
    return open_split(experiment, work_dir, workers=1)  # type: ignore[arg-type]


@given(st.integers(1, 60), st.integers(0, 40))
def test_a_limit_keeps_that_many_in_order_and_more_of_the_same(limit: int, count: int) -> None:
    kept = limited(SAMPLES[:count], limit)
    assert len(kept) == min(limit, count)
    assert [SAMPLES.index(sample) for sample in kept] == sorted(SAMPLES.index(sample) for sample in kept)
    assert set(kept) <= set(limited(SAMPLES[:count], limit + 1))


@given(st.integers(1, 39))
def test_a_balanced_part_has_as_many_of_each_class_and_lies_in_a_larger_one(count: int) -> None:
    kept = balanced(SAMPLES, count)
    counts = [sum(sample.label == label for sample in kept) for label in range(3)]
    assert sum(counts) == count
    assert max(counts) - min(counts) <= 1
    assert set(kept) < set(balanced(SAMPLES, count + 1))


def test_a_split_has_both_lists_and_every_clips_length(root: Path, tmp_path: Path) -> None:
    clips = opened(root, tmp_path)
    assert (len(clips.train), len(clips.test), len(clips.classes)) == (32, 16, 8)
    assert not {sample.group for sample in clips.train} & {sample.group for sample in clips.test}
    assert set(clips.lengths.values()) == {5}
    assert clips.root == root


def test_a_part_of_the_data_has_another_identity(root: Path, tmp_path: Path) -> None:
    whole, part = opened(root, tmp_path), opened(root, tmp_path, "limit=10")
    assert whole.identity != part.identity
    assert (len(part.train), len(part.test)) == (10, 10)


def test_a_short_training_list_has_every_class_and_keeps_the_test_list(root: Path, tmp_path: Path) -> None:
    few, more = (opened(root, tmp_path, f"train.clips={count}") for count in (8, 16))
    assert (len(few.train), len(more.train), len(few.test)) == (8, 16, 16)
    assert set(few.train) < set(more.train)
    assert {sample.label for sample in few.train} == set(range(8))
    with pytest.raises(UserError, match="is more than the 32 clips"):
        opened(root, tmp_path, "train.clips=33")


def test_a_dataset_of_intensities_has_no_lists_of_classes(registry: Path, tmp_path: Path) -> None:
    few = "train_subjects: 2, train_clips: 1, val_subjects: 2, val_clips: 1, test_subjects: 1, test_clips: 1"
    (registry / "datasets").mkdir()
    (registry / "datasets" / "few_reactions.yaml").write_text(
        f"{{_base_: hume_reaction_sample, name: few_reactions, generator: {{{few}, frames: 4, size: 16}}}}"
    )
    (experiment,) = resolve(["protocol=ucf101_ft", "dataset=few_reactions"])
    with pytest.raises(UserError, match="few_reactions has no classes"):
        open_split(experiment, tmp_path, workers=1)  # type: ignore[arg-type]


def test_bytes_are_part_of_the_datas_identity_but_of_a_sample(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    first, same = opened(root, tmp_path), opened(copy, tmp_path)
    assert first.key == same.key
    assert first.standing.contents == same.standing.contents
    one = sorted((copy / "UCF-101").rglob("*.avi"))[3]
    one.write_bytes(one.read_bytes() + b"\0")  # decodes to the same frames
    other = opened(copy, tmp_path)
    assert other.identity == first.identity
    assert len({other.key, first.key}) == len({other.standing.contents, first.standing.contents}) == 2
    sample = SplitClips(root, (), (), (), {}, {}, "generator")
    assert sample.key == "generator"


def test_a_list_of_ones_own_is_not_the_official_one(root: Path, tmp_path: Path) -> None:
    standing = opened(root, tmp_path).standing
    assert standing.official is not None
    assert standing.differs is not None
    assert "16 not official: v_CircleClockwise_g01_c01" in standing.differs
    (foreign,) = resolve(["protocol=ucf101_ft", "dataset=hmdb51", f"data.root={small_hmdb51(tmp_path)}"])
    assert open_split(foreign, tmp_path, workers=1).standing.differs is None  # type: ignore[arg-type]


def small_hmdb51(folder: Path) -> Path:
    """Write a dataset in HMDB51's layout, which is not the protocol's own."""
    settings = SampleSettings(groups=4, test_groups=1, clips=1, frames=5, width=16, height=16)
    return generate_hmdb51_sample(folder / "hmdb51", settings)


def test_clips_that_change_are_named(root: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    clips = opened(copy, tmp_path)
    clips.require_unchanged()
    one, other = (next(sample for sample in part) for part in (clips.test, clips.train))
    before = one.path.stat()
    one.path.write_bytes(other.path.read_bytes()[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(one.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(UserError, match=f"1 clip changed while the run went on: {one.id}"):
        clips.require_unchanged()


def test_a_test_clip_with_the_bytes_of_a_training_clip_is_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(root, tmp_path / "copy")
    clips = opened(copy, tmp_path)
    assert clips.standing.note is None
    clips.test[2].path.write_bytes(clips.train[5].path.read_bytes())
    note = opened(copy, tmp_path).standing.note
    assert note == (
        f"1 of 16 test clips have the bytes of a training clip: {clips.test[2].id} (as {clips.train[5].id})"
    )
    assert "warning: 1 of 16 test clips" in capsys.readouterr().err


def test_a_clip_without_a_file_is_left_out_and_the_split_is_not_standard(root: Path, tmp_path: Path) -> None:
    whole = opened(root, tmp_path)
    copy = shutil.copytree(root, tmp_path / "copy")
    for sample in (whole.test[0], whole.train[3]):
        (copy / sample.path.relative_to(root)).unlink()
    part = opened(copy, tmp_path)
    assert {sample.id for sample in whole.test} - {sample.id for sample in part.test} == {whole.test[0].id}
    assert {sample.id for sample in whole.train} - {sample.id for sample in part.train} == {whole.train[3].id}
    assert part.standing.differs is not None
    assert part.standing.official is not None
    assert part.standing.official.parts["test"].found == len(part.test) == 15
    assert part.identity != whole.identity
