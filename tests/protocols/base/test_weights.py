"""Weights that an experiment names, and those that cannot be used: one message, nothing trained or executed."""

from __future__ import annotations

import hashlib
import os
import pickle  # noqa: TID251 - makes what must not be read
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from tta_bench.cards.catalog import backbone_card, weights_card
from tta_bench.cli import cli
from tta_bench.config.resolve import resolve
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.models.backbones.timm_images import TimmBackbone
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.checkpoints.read import save_checkpoint
from tta_bench.protocols.base.weights import find_weights
from tta_bench.records.store import load_records
from tta_bench.utils.files import sha256_of
from tta_bench.utils.paths import cache_folder

SMALL = ("backbone=videomaev2_vit_tiny", "train.batch=4", "train.steps=1", "eval.segments=1", "eval.crops=1")
SMALL += ("clip.size=16", "clip.frames=4", "runtime.workers=0")
TINY: dict[str, Any] = backbone_card("videomaev2_vit_tiny").arguments


def experiment(weights: str, backbone: str = "videomaev2_vit_b") -> Experiment:
    return resolve(["protocol=ucf101_ft", f"weights={weights}", f"backbone={backbone}"])[0]


def test_none_is_a_random_start(tmp_path: Path) -> None:
    assert find_weights(experiment("none"), tmp_path) is None


def test_a_file_is_known_by_its_name_and_digest(tmp_path: Path) -> None:
    file = tmp_path / "my weights.pth"
    file.write_bytes(b"abc")
    found = find_weights(experiment(str(file)), tmp_path)
    assert found is not None
    assert (found.path, found.sha256) == (file, hashlib.sha256(b"abc").hexdigest())
    assert "/" not in found.name


def test_a_run_is_known_by_the_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "some-run").mkdir()
    (tmp_path / "some-run/checkpoint.pt").write_bytes(b"abc")
    for choice in ("some-run", str(tmp_path / "some-run")):
        found = find_weights(experiment(choice), tmp_path)
        assert found is not None
        assert (found.name, found.path) == ("some-run", tmp_path / "some-run/checkpoint.pt")


def test_a_typo_names_the_nearest_card_or_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'tiktokactions_vit_b'"):
        find_weights(experiment("tiktokaction_vit_b"), tmp_path)


def test_weights_that_are_not_here_say_where_to_get_them(tmp_path: Path) -> None:
    card = weights_card("tiktokactions_vit_b")
    assert not (cache_folder() / "weights" / card.file).exists()
    with pytest.raises(UserError) as error:
        find_weights(experiment(card.name), tmp_path)
    assert card.address in str(error.value)
    assert f"tta-bench weights fetch {card.name}" in str(error.value)
    assert "weights=none" in str(error.value)


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fit videomaev2_vit_b, not resnet50"):
        find_weights(experiment("tiktokactions_vit_b", "resnet50"), tmp_path)


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"").hexdigest()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset in UCF101's layout."""
    return generate_ucf101_sample(
        tmp_path_factory.mktemp("data") / "ucf101",
        SampleSettings(groups=2, test_groups=1, clips=1, frames=12, width=32, height=24),
    )


def encoder(**changes: Any) -> dict[str, torch.Tensor]:
    return VideoMAEV2(size=16, frames=4, **(TINY | changes)).state_dict()


class Touches:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def truncated(folder: Path) -> Path:
    save_checkpoint(folder / "whole.pth", {"model": encoder()})
    content = (folder / "whole.pth").read_bytes()
    (folder / "bad.pth").write_bytes(content[: len(content) // 2])
    return folder / "bad.pth"


def web_page(folder: Path) -> Path:
    (folder / "bad.pth").write_text("<!DOCTYPE html><html><title>Sign in</title></html>")
    return folder / "bad.pth"


def another_size(folder: Path) -> Path:
    save_checkpoint(folder / "bad.pth", {"model": encoder(width=32, mlp_width=128)})
    return folder / "bad.pth"


def deeper(folder: Path) -> Path:
    save_checkpoint(folder / "bad.pth", {"model": encoder(depth=5)})
    return folder / "bad.pth"


def another_architecture(folder: Path) -> Path:
    save_checkpoint(folder / "bad.pth", {"state_dict": TimmBackbone("resnet10t").encoder.state_dict()})
    return folder / "bad.pth"


def no_parameters(folder: Path) -> Path:
    save_checkpoint(folder / "bad.pth", {"epoch": 3})
    return folder / "bad.pth"


def malicious(folder: Path) -> Path:
    torch.save({"model": encoder(), "args": Touches(folder / "created")}, folder / "bad.pth")
    return folder / "bad.pth"


def malicious_old_pickle(folder: Path) -> Path:
    (folder / "bad.pth").write_bytes(pickle.dumps({"model": Touches(folder / "created")}))
    return folder / "bad.pth"


CASES = {
    truncated: r"bytes\) is damaged or cut short",
    web_page: r"bytes\) is a web page, not a checkpoint",
    another_size: r"of another shape \(.*\(32, .*expected \(64, ",
    deeper: r"that the backbone does not have \(blocks\.3\.",
    another_architecture: r"does not fit VideoMAEV2: 0 tensors fit, \d+ missing \(patch_embed\.proj\.weight",
    no_parameters: r"does not fit VideoMAEV2: 0 tensors fit",
    malicious: r"is refused: unpickling it would use '(os|posix)\.mkdir'",
    malicious_old_pickle: r"is refused",
}


@pytest.mark.parametrize("phase", ["all", "test"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_weights_that_cannot_be_used(root: Path, tmp_path: Path, case: Any, phase: str) -> None:
    path, work_dir = case(tmp_path), tmp_path / "runs"
    words = [f"weights={path}", f"phase={phase}", *SMALL, "--work-dir", str(work_dir)]
    with pytest.raises(UserError) as caught:
        cli.main(["run", "protocol=ucf101_ft", f"data.root={root}", *words], standalone_mode=False)
    assert caught.value.exit_code == 2
    assert str(path) in caught.value.message
    assert re.search(CASES[case], caught.value.message), caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "created").exists()
    left = {entry.name for entry in work_dir.iterdir()} if work_dir.is_dir() else set()
    assert left <= {"manifests"}  # nothing, where the file was refused before a clip was decoded


def test_weights_without_their_head_can_be_fine_tuned_and_not_tested(root: Path, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "a.pth", {"model": encoder()})
    words = ["run", "protocol=ucf101_ft", f"data.root={root}", f"weights={tmp_path / 'a.pth'}", *SMALL]
    words += ["--work-dir", str(tmp_path / "runs")]
    with pytest.raises(UserError, match="has no classifier: it can be fine-tuned, not tested"):
        cli.main([*words, "phase=test"], standalone_mode=False)
    cli.main(words, standalone_mode=False)
    (record,) = load_records(tmp_path / "runs" / "records")
    assert record.identity.weights is not None
    assert record.identity.weights.name == "a.pth"


def test_a_head_for_other_classes_is_not_tested(root: Path, tmp_path: Path) -> None:
    head = {"head.weight": torch.zeros(101, 64), "head.bias": torch.zeros(101)}
    save_checkpoint(tmp_path / "a.pth", {"model": encoder() | head})
    words = ["run", "protocol=ucf101_ft", f"data.root={root}", f"weights={tmp_path / 'a.pth'}", *SMALL]
    with pytest.raises(UserError, match=r"a\.pth tells 101 classes apart .*, the dataset has 8"):
        cli.main([*words, "phase=test", "--work-dir", str(tmp_path / "runs")], standalone_mode=False)
