from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.cards import catalog
from tta_bench.cards.catalog import backbone_card, dataset_card, weights_card
from tta_bench.cards.files import card_files
from tta_bench.config.describe import cards_called
from tta_bench.errors import UserError
from tta_bench.experiments.kinds import protocol_card


@pytest.mark.parametrize("group", catalog.GROUPS)
def test_every_shipped_card_is_valid_and_called_like_its_file(group: str) -> None:
    for name in card_files(group):
        card = cards_called(name)[group]
        assert card.name == name
        assert len(card.summary) < 110


def test_cards_name_cards_and_components_that_exist() -> None:
    from tta_bench.registry import BACKBONES, DATASETS, PROTOCOLS

    for name in card_files("protocols"):
        protocol = protocol_card(name)
        assert PROTOCOLS.get(protocol.component)
        for tier in (protocol.full, protocol.sample):
            assert dataset_card(tier.dataset)
            assert backbone_card(tier.backbone)
    for name in card_files("backbones"):
        backbone = backbone_card(name)
        assert BACKBONES.get(backbone.component)
        assert backbone.weights in {"none", *card_files("weights")}
    for name in card_files("weights"):
        assert backbone_card(weights_card(name).backbone)
    for name in card_files("datasets"):
        assert DATASETS.get(dataset_card(name).component)


def test_locked_keys_are_real_keys() -> None:
    from tta_bench.config.overrides import known_keys

    for name in card_files("protocols"):
        assert set(protocol_card(name).locked) <= set(known_keys())


def test_the_published_recipe_stands_on_the_card() -> None:
    recipe = protocol_card("ucf101_ft").full.recipes["vit"]
    assert (recipe.batch, recipe.views, recipe.epochs, recipe.lr, recipe.min_lr) == (128, 2, 100, 5e-4, 1e-5)
    assert (recipe.layer_decay, recipe.drop_path, recipe.dropout, recipe.init_scale) == (0.7, 0.2, 0.5, 0.001)
    assert (recipe.mixup, recipe.cutmix, recipe.smoothing, recipe.weight_decay) == (0.8, 1.0, 0.1, 0.05)
    assert recipe.augment.rand_augment == "rand-m7-n4-mstd0.5-inc1"
    assert (recipe.augment.flip, recipe.augment.erase, recipe.betas) == (0.5, 0.25, (0.9, 0.999))


GOOD = "name: mine\nsummary: my net\ncomponent: TimmBackbone\nframes: 8\nsize: 64\nrecipe: cnn\n"


def test_a_card_of_ones_own_is_found(registry: Path) -> None:
    (registry / "backbones/mine.yaml").write_text(GOOD)
    assert backbone_card("mine").size == 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "sise: 3\n", "line 7, sise: unknown key. Did you mean 'size'?"),
        (GOOD.replace("64", "big"), "line 5, size: a whole number was expected"),
        (GOOD.replace("name: mine", "name: other"), "called 'other' and its file 'mine'"),
        ("- 1\n", "is not a card: a list was found"),
    ],
)
def test_a_wrong_card_is_refused_by_name(registry: Path, text: str, message: str) -> None:
    (registry / "backbones/mine.yaml").write_text(text)
    with pytest.raises(UserError, match="mine") as error:
        backbone_card("mine")
    assert message in str(error.value)


def test_two_cards_of_one_name_are_an_error(registry: Path) -> None:
    (registry / "backbones/resnet50.yaml").write_text(GOOD)
    with pytest.raises(UserError, match="two cards are called 'resnet50'"):
        backbone_card("resnet50")


def test_a_card_may_stand_on_another(registry: Path) -> None:
    (registry / "backbones/mine.yaml").write_text(GOOD)
    (registry / "backbones/mine_large.yaml").write_text("_base_: mine\nname: mine_large\nsize: 128\n")
    assert backbone_card("mine_large") == backbone_card("mine").model_copy(update={"name": "mine_large", "size": 128})


def test_a_family_card_stands_for_its_members() -> None:
    card = backbone_card("timm/resnet18")
    assert card.name == "timm/resnet18"
    assert card.arguments == {"name": "resnet18"}


def test_an_unknown_card_names_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean 'videomaev2_vit_b'"):
        backbone_card("videomaev2_vitb")
