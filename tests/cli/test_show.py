from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.cli.conftest import Done
from tests.contract.broken import README, plugin


def test_a_card_is_shown_as_yaml_or_json(command: Callable[..., Done]) -> None:
    shown = yaml.safe_load(command("show", "hmdb51_ft").out)
    assert json.loads(command("show", "hmdb51_ft", "--json").out) == {"protocols": shown}
    assert (shown["kind"], shown["component"], shown["views"]["full"]) == ("protocol", "FineTune", 30)


def test_joined_backbones_and_plugins_are_shown_too(tmp_path: Path, command: Callable[..., Done]) -> None:
    assert "Fusion" in command("show", "resnet50+egemaps").out
    done = command("show", "my_net", "--plugin", plugin(tmp_path, README, "my_net"))
    assert yaml.safe_load(done.out)["frames"] == 8


def test_an_unknown_name_gets_the_nearest(command: Callable[..., Done]) -> None:
    done = command("show", "hmdb51_tf")
    assert done.code == 2
    assert "Did you mean 'hmdb51_ft'?" in done.err


def test_keys_are_shown_with_value_type_lock_and_help(command: Callable[..., Done]) -> None:
    head, _, *lines = command("show", "ucf101_ft", "--keys").out.splitlines()
    assert head.split() == ["key", "value", "type", "locked", "help"]
    rows = {line.split()[0]: line for line in lines}
    assert {"train.lr", "runtime.workers", "data.root", "registry.path", "limit", "phase", "precision"} <= rows.keys()
    assert "locked" in rows["eval.segments"]
    assert json.loads(command("show", "abaw_eri", "--keys", "--json").out)[0]["key"] == "protocol"
    assert command("show", "resnet50", "--keys").code == 2
