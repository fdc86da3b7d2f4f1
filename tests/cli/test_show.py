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
