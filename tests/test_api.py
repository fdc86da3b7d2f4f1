from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tta_bench
from tests.contract.broken import BROKEN, README, plugin
from tta_bench.api import register_instance, words
from tta_bench.config.overrides import parse
from tta_bench.errors import UserError

QUICK = {"limit": 16, "train": {"steps": 2}, "eval": {"segments": 1, "crops": 1}}


def net(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv3d(3, 8, 3, stride=4), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten())


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, tta_bench\n"
        "assert 'run' in tta_bench.__all__\n"
        "sys.exit([m for m in ('torch', 'mmengine', 'pydantic', 'yaml') if m in sys.modules] or None)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there() -> None:
    assert all(getattr(tta_bench, name) is not None for name in tta_bench.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = tta_bench.nothing


def test_keys_and_values_become_the_words_of_the_command_line() -> None:
    given = {"split": [1, 2], "train": {"epochs": None, "lr": 1e-5, "augment": {"area": (0.5, 1.0)}}, "limit": 3}
    found = list(words(given))
    assert found == ["split=1,2", "train.epochs=null", "train.lr=1e-05", "train.augment.area=0.5,1.0", "limit=3"]
    assert parse(found)["train.lr"] == 1e-5
    assert parse(found)["train.augment.area"] == [0.5, 1.0]


def test_a_plugin_file_runs_and_stands_in_its_record(tmp_path: Path) -> None:
    path = plugin(tmp_path, README, "my_net")
    (record,) = tta_bench.run("ucf101_ft", "my_net", plugins=[path], work_dir=tmp_path / "runs", **QUICK)
    assert (record.status, record.identity.backbone, record.n_scored) == ("success", "my_net", 16)
    assert [(to.name, to.version) for to in record.environment.plugins] == [("my_net.py", None)]
    assert {file.suffixes[-2] for file in (tmp_path / "runs" / "records").glob("*.png")} == {".curves", ".confusion"}
    assert tta_bench.load_records(tmp_path / "runs") == tta_bench.load_records(tmp_path / "runs/records") == [record]


def test_a_module_runs_as_it_is_and_is_not_changed(tmp_path: Path) -> None:
    module = net()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    card = {"name": "mine", "frames": 4, "size": 32}
    (record,) = tta_bench.run("ucf101_ft", module, card=card, work_dir=tmp_path, **QUICK, runtime={"plots": False})
    assert not list(tmp_path.rglob("*.png"))
    assert record.identity.backbone.startswith("mine-")
    assert record.environment.plugins[0].name == "torch.nn.modules.container.Sequential"
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    (again,) = tta_bench.run("ucf101_ft", net(), card=card, work_dir=tmp_path, **QUICK)
    assert again == record  # the same module is the same experiment, which is not run twice


def test_other_weights_are_another_module() -> None:
    card = {"frames": 4, "size": 32}
    assert register_instance(net(0), card) == register_instance(net(0), card)
    assert register_instance(net(0), card) != register_instance(net(1), card)


@pytest.mark.parametrize(
    ("card", "message"),
    [({"size": 8}, "frames and size are needed"), ({"frames": 8, "size": 8, "sise": 1}, "sise: unknown key")],
)
def test_a_module_needs_a_valid_card(card: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tta_bench.run("ucf101_ft", net(), card=card)


def test_a_name_has_its_own_card() -> None:
    with pytest.raises(UserError, match="card= describes a module"):
        tta_bench.run("ucf101_ft", "resnet50", card={"frames": 8})


def test_a_broken_plugin_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    path = plugin(tmp_path, BROKEN["draws at random"][0])
    with pytest.raises(UserError, match="determinism: expected: The same clip gives the same features"):
        tta_bench.run("ucf101_ft", "broken", plugins=[path], work_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder"):
        tta_bench.load_records(tmp_path / "nothing")


NET = nn.Sequential(nn.Conv3d(3, 8, 3, stride=4), nn.AdaptiveAvgPool3d(1), nn.Flatten())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"resume": "allways"}, "Did you mean 'always'"),
        ({"resume": None}, "unknown value of resume 'None'"),
        ({"backbone": nn.Flatten}, "is the class Flatten, not a module"),
        ({"backbone": torch.zeros(3)}, "takes a name or a torch.nn.Module, and a Tensor was given"),
        ({"backbone": {"name": "x"}}, "and a dict was given"),
        ({"backbone": nn.LazyLinear(3), "card": {"frames": 4}}, "LazyLinear has lazy layers, and weight has no shape"),
        (
            {"backbone": nn.Sequential(nn.Flatten(), nn.LazyConv3d(3, 1)), "card": {"frames": 4}},
            "1.weight has no shape",
        ),
        ({"backbone": NET, "card": "x"}, "card= takes a dict"),
        ({"seed": np.zeros((2, 2), int)}, "seed= takes a number, .* and a list was given"),
        ({"seed": {1, 2}}, "a set was given"),
        ({"seed": []}, "seed is empty"),
        ({"seed": [1, 1]}, "1 is there more than once"),
        ({"seed": True}, "a whole number was expected"),
        ({"train": {"lr": float("nan")}}, "a number was expected"),
        ({"limit": 8.5}, "a whole number was expected"),
        ({"data": {"root": object()}}, "a object was given"),
        ({"work_dir": 3}, "work_dir= takes a path, and a int was given"),
    ],
)
def test_what_python_gives_is_checked_like_words(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        tta_bench.run("ucf101_ft", **{"backbone": "resnet18", **given})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1, 2]), "1,2"),
        (range(3), "0,1,2"),
        (np.int64(7), "7"),
        (np.float32(0.5), "0.5"),
        (torch.tensor([3, 4]), "3,4"),
        (Path("a/b"), "a/b"),
        ((1,), "1"),
        (np.bool_(True), "true"),
    ],
)
def test_arrays_ranges_and_paths_are_values(value: object, text: str) -> None:
    assert list(words({"key": value})) == [f"key={text}"]


def test_the_package_lists_what_it_offers() -> None:
    names = {"run", "load_records", "register_backbone", "compare", "leaderboard", "verify", "report"}
    assert names <= set(dir(tta_bench))
    assert not {"config", "annotations"} & set(dir(tta_bench))
