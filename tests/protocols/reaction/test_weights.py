from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.kinds import Pretraining
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.reaction import ReactionExperiment
from tta_bench.models.checkpoints.read import save_checkpoint
from tta_bench.protocols.base.weights import Weights
from tta_bench.protocols.reaction.model import ReactionNet
from tta_bench.protocols.reaction.weights import combine, load_net, part_weights

LABELS = st.sampled_from([True, False, None])


def experiment(backbone: str, weights: str) -> ReactionExperiment:
    (found,) = resolve(["protocol=abaw_eri", f"backbone={backbone}", f"weights={weights}"])
    assert isinstance(found, ReactionExperiment)
    return found


def names(backbone: str, weights: str, folder: Path) -> list[str | None]:
    return [part and part.name for part in part_weights(experiment(backbone, weights), folder)]


def weights(name: str, labels: bool | None = False) -> Weights:
    return Weights(name, Path(name), name[0] * 64, Pretraining(data=f"data of {name}", labels=labels))


def net(targets: int = 2) -> ReactionNet:
    return ReactionNet([torch.nn.Identity()], width=3, dropout=0.0, means=[0.5] * targets)


def test_weights_are_for_the_visual_part_or_for_each(tmp_path: Path) -> None:
    file = tmp_path / "a.pth"
    save_checkpoint(file, {"model": {}})
    assert names("resnet50+egemaps", f"{file}", tmp_path) == ["a.pth", None]
    assert names("egemaps+resnet50", f"none+{file}", tmp_path) == [None, "a.pth"]
    assert names("resnet50+egemaps", "none", tmp_path) == [None, None]
    with pytest.raises(UserError, match="egemaps has no weights"):
        names("resnet50+egemaps", f"none+{file}", tmp_path)
    with pytest.raises(UserError, match=r"one encoder, and resnet50\+resnet18 has 2") as caught:
        names("resnet50+resnet18", f"{file}", tmp_path)
    assert "weights=none+none" in str(caught.value.hint)


def test_one_parts_weights_stay_as_they_are() -> None:
    assert combine([None, None]) is None
    assert combine([None, weights("a")]) == weights("a")


@given(LABELS, LABELS)
def test_several_parts_weights_have_one_name_digest_and_origin(first: bool | None, second: bool | None) -> None:
    whole = combine([weights("a", first), None, weights("b", second)])
    assert whole is not None
    assert (whole.name, whole.pretraining.data) == ("a+none+b", "data of a; data of b")
    assert whole.pretraining.labels == (None if None in (first, second) else first or second)
    other = combine([weights("a", first), weights("b", second), None])
    assert other is not None
    assert other.sha256 != whole.sha256


def test_a_trained_network_is_loaded_whole(tmp_path: Path) -> None:
    trained, fresh = net(), net()
    with torch.no_grad():
        trained.missing.fill_(0.25)
    content = {"format": "tta-bench", "targets": ["x", "y"], "backbone": "egemaps", "model": trained.state_dict()}
    found = saved(tmp_path, content)
    load_net(fresh, found, "egemaps")
    assert torch.equal(fresh.missing, trained.missing)
    with pytest.raises(UserError, match="was trained with egemaps, not mfcc"):
        load_net(fresh, found, "mfcc")
    with pytest.raises(UserError, match="does not fit: size mismatch for head") as caught:
        load_net(net(targets=3), found, "egemaps")
    assert "train. and clip. keys" in str(caught.value.hint)
    with pytest.raises(UserError, match="holds no network of intensities"):
        load_net(fresh, saved(tmp_path, {"model": trained.state_dict()}), backbone_card("egemaps").name)


def saved(folder: Path, content: dict[str, object]) -> Weights:
    file = folder / "net.pt"
    save_checkpoint(file, content)
    (found,) = part_weights(experiment("resnet50", str(file)), folder)
    assert found is not None
    return found
