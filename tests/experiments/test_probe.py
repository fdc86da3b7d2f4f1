from __future__ import annotations

import pytest
from pydantic import ValidationError

from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.probe import AttentiveExperiment, AttentiveSettings, FrozenExperiment, LinearSettings

PROTOCOLS = [f"{data}_{head}" for data in ("ucf101", "hmdb51") for head in ("knn", "linear", "probe")]


def experiment(*words: str) -> FrozenExperiment:
    (found,) = resolve(words)
    assert isinstance(found, FrozenExperiment)
    return found


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("tier", ["sample", "full"])
def test_each_card_resolves_at_both_tiers(name: str, tier: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = [f"data.root={tmp_path_factory.mktemp('data')}"] if tier == "full" else []
    found = experiment(f"protocol={name}", *root)
    assert (found.tier, found.standard, found.track, found.encode.windows) == (tier, True, "fixed", 2)


def test_the_attentive_grid_has_ten_heads_and_the_samples_four() -> None:
    card = experiment("protocol=ucf101_probe").protocol
    grids = [card.tier(tier).probe for tier in ("full", "sample")]  # type: ignore[attr-defined]
    assert [(len(grid.grid()), grid.epochs) for grid in grids] == [(10, 20), (4, 10)]
    assert (grids[0].batch, grids[0].blocks) == (256, 1)


def test_the_grid_of_c_is_dinov2s() -> None:
    values = [point["C"] for point in LinearSettings().grid()]
    assert (len(values), values[0]) == (45, 1e-6)
    assert values[-1] == pytest.approx(1e5)
    assert values[1] / values[0] == pytest.approx(values[-1] / values[-2])


@pytest.mark.parametrize("word", ["probe.blocks=4", "encode.windows=1", "train.shots=5", "clip.span=30"])
def test_what_is_measured_is_locked(word: str) -> None:
    assert not experiment("protocol=ucf101_probe", word).standard


def test_another_grid_is_tuned_and_keeping_features_is_neither() -> None:
    assert experiment("protocol=ucf101_probe", "probe.lrs=1e-3").track == "tuned"
    kept, dropped = (experiment("protocol=ucf101_knn", f"features.keep={word}") for word in ("true", "false"))
    assert dropped.track == "fixed"
    assert kept.training_identity("data", None, "fp32") == dropped.training_identity("data", None, "fp32")
    assert kept.settings() == dropped.settings()


def test_a_folder_of_features_is_in_no_record() -> None:
    assert "features" not in experiment("protocol=ucf101_knn", "features.root=/somewhere").settings()


def test_the_backbones_kind_makes_no_difference() -> None:
    vit, cnn = (experiment("protocol=ucf101_probe", f"backbone={name}") for name in ("videomaev2_vit_tiny", "resnet18"))
    assert isinstance(vit, AttentiveExperiment)
    assert isinstance(cnn, AttentiveExperiment)
    assert vit.probe == cnn.probe


@pytest.mark.parametrize("lrs", [[], [0.0], [1e-3, 1e-3], [-1.0]])
def test_a_grid_has_different_rates_above_zero(lrs: list[float]) -> None:
    with pytest.raises(ValidationError):
        AttentiveSettings(lrs=tuple(lrs), decays=(0.1,), epochs=1, batch=1)


def test_a_wrong_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"probe\.lr"):
        experiment("protocol=ucf101_probe", "probe.lr=1")
