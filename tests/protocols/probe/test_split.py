from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.config.resolve import resolve
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.experiments.probe import FrozenExperiment
from tta_bench.protocols.fine_tune.split import SplitClips
from tta_bench.protocols.probe.split import open_frozen_split


@pytest.fixture
def root(tmp_path: Path) -> Path:
    settings = SampleSettings(groups=3, test_groups=1, clips=1, frames=4, width=32, height=24)
    return generate_ucf101_sample(tmp_path / "ucf101", settings)


def opened(root: Path, *words: str) -> SplitClips:
    (experiment,) = resolve(("protocol=ucf101_knn", f"data.root={root}", "backbone=videomaev2_vit_tiny", *words))
    assert isinstance(experiment, FrozenExperiment)
    return open_frozen_split(experiment, root.parent / "runs", 1)


def test_all_of_the_training_list_or_shots_of_it(root: Path) -> None:
    whole, few = opened(root), opened(root, "train.shots=1")
    assert (len(whole.train), len(few.train), len(few.test)) == (16, 8, 8)
    assert set(few.train) < set(whole.train)
    assert few.identity != whole.identity


def test_more_shots_than_clips_are_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r"fewer training clips than train\.shots=3"):
        opened(root, "train.shots=3")


def test_a_broken_shot_is_not_left_out(root: Path) -> None:
    for sample in opened(root).train:
        sample.path.write_bytes(b"no video")
    with pytest.raises(UserError, match="8 of the 8 training clips cannot be read"):
        opened(root, "train.shots=1")


def test_one_class_is_nothing_to_tell_apart(tmp_path: Path, root: Path) -> None:
    first = opened(root).train[0].path
    list_file = tmp_path / "list.csv"
    list_file.write_text(f"path,label,split\n{first},a,train\n{opened(root).test[0].path},a,test\n")
    with pytest.raises(UserError, match="fewer than two classes"):
        opened(list_file, "dataset=csv")
