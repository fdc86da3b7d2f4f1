from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.heads import check_classes, find_head, said_classes

CLASSES = ["ApplyEyeMakeup", "Archery", "Bowling"]


@pytest.mark.parametrize(
    "name", ["head", "fc", "head.fc", "classifier", "cls_head.fc_cls", "model.fc", "classifier.1", "anything.else"]
)
@pytest.mark.parametrize("pixels", [(), (1, 1, 1)])
def test_a_linear_layer_of_the_right_shape_is_the_classifier(name: str, pixels: tuple[int, ...]) -> None:
    left = {f"{name}.weight": torch.ones(3, 4, *pixels), f"{name}.bias": torch.ones(3), "n_averaged": torch.tensor(3)}
    head = find_head(left, 3, 4, "w.pth")
    assert (head.name, head.weight.shape, head.names) == (name, (3, 4), (f"{name}.weight", f"{name}.bias"))


def test_of_two_the_one_that_is_called_so_is_taken_and_one_without_a_bias_has_zeros() -> None:
    left = {"aux.weight": torch.zeros(3, 4), "aux.bias": torch.zeros(3), "deep.inside.fc.weight": torch.ones(3, 4)}
    head = find_head(left, 3, 4, "w.pth")
    assert head.name == "deep.inside.fc"
    assert head.bias.tolist() == [0, 0, 0]


def test_none_and_another_number_of_classes_are_refused() -> None:
    with pytest.raises(UserError, match=r"tells 51 classes apart \(fc \(51, 4\)\), the dataset has 3"):
        find_head({"fc.weight": torch.ones(51, 4), "fc.bias": torch.ones(51)}, 3, 4, "w.pth")
    with pytest.raises(UserError, match="has no classifier"):
        find_head({"neck.weight": torch.ones(7, 4)}, 3, 4, "w.pth")


SAID = [
    {"classes": CLASSES},
    {"meta": {"CLASSES": tuple(CLASSES)}},
    {"meta": {"dataset_meta": {"classes": CLASSES}}},
    {"hyper_parameters": {"class_to_idx": {name: index for index, name in enumerate(CLASSES)}}},
    {"config": {"id2label": {str(index): name for index, name in enumerate(CLASSES)}}},
]


@pytest.mark.parametrize("raw", SAID)
def test_classes_are_found_where_projects_keep_them(raw: dict[str, object]) -> None:
    assert said_classes(raw, None) == CLASSES
    check_classes(raw, None, ["apply eye makeup", "archery", "Bowling"], "w.pth")
    with pytest.raises(UserError, match=r"another order: class 0 is ApplyEyeMakeup there and Archery here"):
        check_classes(raw, None, ["Archery", "ApplyEyeMakeup", "Bowling"], "w.pth")
    with pytest.raises(UserError, match=r"only there: Bowling; only here: Golf"):
        check_classes(raw, None, ["ApplyEyeMakeup", "Archery", "Golf"], "w.pth")


def test_settings_beside_a_file_count_and_names_that_say_nothing_do_not(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    assert said_classes({}, file) is None
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "walk", "1": "run"}}))
    assert said_classes({}, file) == ["walk", "run"]
    for settings in ("{", "[]", json.dumps({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}})):
        (tmp_path / "config.json").write_text(settings)
        assert said_classes({}, file) is None
    assert said_classes({"classes": 101, "labels": [1, 2]}, None) is None
