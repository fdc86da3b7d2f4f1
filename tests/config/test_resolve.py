from __future__ import annotations

import os
from pathlib import Path

import pytest

from tta_bench.config.overrides import known_keys, parse
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.fine_tune import FineTuneCard
from tta_bench.experiments.pretrain import PretrainCard
from tta_bench.experiments.reaction import ReactionExperiment

UCF = "protocol=ucf101_ft"


def one(*words: str) -> Experiment:
    (experiment,) = resolve((UCF, *words))
    return experiment


def test_nothing_configured_means_the_embedded_sample() -> None:
    experiment = one()
    assert (experiment.tier, experiment.dataset.name, experiment.root) == ("sample", "ucf101_sample", None)
    assert (experiment.backbone.name, experiment.weights) == ("videomaev2_vit_tiny", "none")
    assert (experiment.standard, experiment.track) == (True, "fixed")


def test_a_data_root_means_the_full_dataset(tmp_path: Path) -> None:
    experiment = one(f"data.root={tmp_path}")
    assert (experiment.tier, experiment.dataset.name, experiment.root) == ("full", "ucf101", tmp_path)
    assert (experiment.backbone.name, experiment.weights) == ("videomaev2_vit_b", "tiktokactions_vit_b")
    assert experiment.clip.model_dump() == {"span": 64, "frames": 16, "stride": 4, "size": 224}


def test_a_data_root_comes_from_the_config_file_and_before_that_from_the_words(tmp_path: Path) -> None:
    Path(os.environ["TTA_BENCH_CONFIG"]).write_text("data: {roots: {ucf101: /from/file}}")
    assert one().root == Path("/from/file")
    assert one("data.roots.ucf101=/from/words").root == Path("/from/words")
    assert one("tier=sample").root is None


def test_a_folder_of_datasets_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_DATA", "/data")
        assert one().root == Path("/data/ucf101")


def test_splits_and_seeds_multiply(tmp_path: Path) -> None:
    experiments = resolve((UCF, f"data.root={tmp_path}", "split=1,2,3", "seed=0,1"))
    assert [(e.split, e.seed) for e in experiments] == [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)]


def test_values_are_never_evaluated() -> None:
    assert parse(["train.lr=1e-3", "limit=7", "weights=1"]) == {"train.lr": 1e-3, "limit": 7, "weights": "1"}
    with pytest.raises(UserError, match="a number was expected"):
        parse(["train.lr=!!python/object/apply:os.getcwd []"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("train.epoch=3", "Did you mean 'train.epochs'"),
        ("epochs=3", "Did you mean 'train.epochs'"),
        ("backbone=resnet5", "Did you mean 'resnet50'"),
        ("dataset=ucf102", "Did you mean 'ucf101'"),
        ("phase=tset", "Did you mean 'test'"),
        ("eval.control=reverse", "Did you mean 'reversed'"),
        ("split=4", "unknown split of ucf101_sample '4'"),
        ("train.lr=fast", "train.lr=fast: a number was expected"),
        ("train.lr=-1", "train.lr=-1.0: must be above 0"),
        ("seed=x", "seed=x: a whole number was expected"),
        ("limit=0", "limit=0: must be above 0"),
        ("dataset=folder", "no data root is configured"),
        ("tier=full", "no data root is configured"),
        ("data.roots.ucf11=/x", "unknown dataset 'ucf11'"),
        ("verbose", "'verbose' is not key=value"),
    ],
)
def test_a_wrong_word_gets_one_clear_answer(word: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        one(word)
    assert message in str(error.value)
    assert error.value.exit_code == 2


def test_a_key_given_twice_is_an_error() -> None:
    with pytest.raises(UserError, match="given twice"):
        one("seed=1", "seed=2")


def test_a_protocol_must_be_named() -> None:
    with pytest.raises(UserError, match="no protocol"):
        resolve(["seed=1"])
    with pytest.raises(UserError, match="Did you mean 'ucf101_ft'"):
        resolve(["protocol=ucf101"])


@pytest.mark.parametrize(
    ("words", "standard", "track"),
    [
        ((), True, "fixed"),
        (("seed=5", "runtime.workers=3", "precision=bf16"), True, "fixed"),
        (("eval.segments=1",), False, "fixed"),
        (("clip.span=20",), False, "fixed"),
        (("limit=10",), False, "fixed"),
        (("train.lr=1e-3",), True, "tuned"),
        (("clip.frames=4",), True, "tuned"),
    ],
)
def test_changing_what_is_measured_is_said(words: tuple[str, ...], standard: bool, track: str) -> None:
    experiment = one(*words)
    assert (experiment.standard, experiment.track) == (standard, track)


def test_epochs_that_are_asked_for_replace_the_recipes_steps() -> None:
    train = one("train.epochs=3").train
    assert (train.epochs, train.steps) == (3, None)


def test_an_input_size_is_rounded_up_to_what_the_backbone_takes() -> None:
    assert one("backbone=resnet50").clip.size == 32
    assert one("backbone=resnet50", "clip.size=50").clip.size == 64
    assert one("backbone=videomaev2_vit_g").clip.model_dump() == {"span": 40, "frames": 16, "stride": 2, "size": 42}


def test_a_protocols_size_is_a_wish_and_the_users_an_order(registry: Path) -> None:
    card = "name: mine\nsummary: my net\ncomponent: TimmBackbone\nframes: 8\nsize: 64\nrecipe: cnn\n"
    (registry / "backbones/mine.yaml").write_text(card)
    assert one("backbone=mine").clip.size == 64
    with pytest.raises(UserError, match="takes clips of 64 pixels only, and 48 were asked for"):
        one("backbone=mine", "clip.size=48")


def test_a_length_that_the_backbone_does_not_take_is_refused() -> None:
    assert one("clip.frames=4").clip.frames == 4
    assert one("backbone=resnet50", "clip.frames=3").clip.frames == 3
    with pytest.raises(UserError, match="takes clips of a multiple of 2 frames, and 5 were asked for"):
        one("clip.frames=5")


def test_identity_depends_on_what_changes_the_result_only() -> None:
    def keys(*words: str) -> tuple[str, str]:
        experiment = one(*words)
        training = experiment.training_identity("data", None, "fp32")
        return training, experiment.run_key(training)

    same = keys()
    for word in ("runtime.workers=3", "runtime.micro_batch=4", "runtime.checkpoint_minutes=1", "phase=all"):
        assert keys(word) == same
    for word in ("seed=1", "train.lr=1e-3", "backbone=resnet50", "limit=9"):
        assert keys(word)[0] != same[0]
    frozen = keys("eval.control=frozen")
    assert frozen[0] == same[0]  # the same weights are tested
    assert frozen[1] != same[1]


def test_the_keys_a_user_may_give_are_these() -> None:
    assert "train.augment.flip" in known_keys()
    assert len(known_keys()) == len(set(known_keys()))


def test_each_kind_of_protocol_has_its_own_keys() -> None:
    assert "train.mask.encoder" in known_keys(PretrainCard)
    assert "train.mask.encoder" not in known_keys(FineTuneCard)
    with pytest.raises(UserError, match=r"unknown key 'eval\.crops'"):
        resolve(["protocol=tta_pretrain", "eval.crops=1"])


def test_a_protocol_without_a_recipe_for_a_backbone_says_which_it_has() -> None:
    with pytest.raises(UserError, match="tta_pretrain has no recipe for resnet50, which trains as 'cnn'"):
        resolve(["protocol=tta_pretrain", "backbone=resnet50", "dataset=ucf101_sample"])


def test_joined_backbones_are_shown_what_the_first_visual_one_wants() -> None:
    (found,) = resolve(["protocol=abaw_eri", "backbone=resnet50+efficientnet_b0", "dataset=ucf101_sample"])
    assert isinstance(found, ReactionExperiment)
    assert [part.name for part in found.backbone.parts] == ["resnet50", "efficientnet_b0"]
    assert (found.backbone.recipe, found.clip.frames, found.clip.size) == ("cnn", 2, 48)


def test_parts_that_want_different_clips_are_refused() -> None:
    with pytest.raises(UserError, match="want different clips"):
        resolve(["protocol=abaw_eri", "backbone=resnet50+videomaev2_vit_tiny", "dataset=ucf101_sample", "clip.size=36"])


def test_pretraining_starts_anew_unless_weights_are_named(tmp_path: Path) -> None:
    (found,) = resolve(
        ["protocol=tta_pretrain", "dataset=folder", f"data.root={tmp_path}", "backbone=videomaev2_vit_b"]
    )
    assert (found.tier, found.weights) == ("full", "none")


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (("dataset=folder",), "my kitchen"),
        (("dataset=folder", "dataset.name=Cooking, 2026"), "Cooking, 2026"),
        (("dataset=csv", "dataset.name=007"), "007"),
        ((), None),
    ],
)
def test_data_of_ones_own_have_a_name_for_a_reader(tmp_path: Path, words: tuple[str, ...], title: str | None) -> None:
    (tmp_path / "my kitchen").mkdir()
    found = one(f"data.root={tmp_path / 'my kitchen'}", *words)
    assert found.title == title
    assert found.run_key("") == one(f"data.root={tmp_path}", *words[:1]).run_key("")


@pytest.mark.parametrize("name", ["/home/me/x", "a\\b", " ", "x" * 81, "a\nb"])
def test_a_name_of_data_is_no_path_and_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"dataset\.name"):
        one("dataset=folder", f"data.root={tmp_path}", f"dataset.name={name}")
