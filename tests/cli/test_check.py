from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.contract.broken import BROKEN, README, plugin
from tta_bench.cli import cli
from tta_bench.errors import CheckFailed, UserError


def check(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["check", *map(str, words)])


def test_a_kept_contract_ends_well(tmp_path: Path) -> None:
    done = check("my_net", "--plugin", plugin(tmp_path, README, "my_net"))
    assert done.exit_code == 0, done.output
    assert "my_net keeps the contract" in done.stderr
    assert "1,312 parameters" in done.stdout


def test_a_broken_rule_ends_with_1_and_says_expected_and_found(tmp_path: Path) -> None:
    done = check("broken", "--plugin", plugin(tmp_path, BROKEN["changes its input"][0]))
    assert isinstance(done.exception, CheckFailed)
    assert done.exception.exit_code == 1
    assert "expected: The clip is the same after the forward pass as before." in done.stdout
    assert "found: 3,072 of its 3,072 values were changed in place" in done.stdout


def test_a_plugin_that_fails_to_import_has_broken_a_rule_too(tmp_path: Path) -> None:
    done = check("broken", "--json", "--plugin", plugin(tmp_path, "import torhc"))
    assert isinstance(done.exception, CheckFailed)
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["rule"], finding["result"]) == ("imports", "broken")


def test_markdown_is_a_report_to_paste() -> None:
    text = check("videomaev2_vit_tiny", "--markdown").stdout
    assert text.startswith("### `tta-bench check videomaev2_vit_tiny`\n\nvideomaev2_vit_tiny keeps the contract")
    assert "| parameters on the card | kept " in text


@pytest.mark.parametrize("name", ["resnet5", "ucf101_f", "ucf1o1"])
def test_a_name_without_a_card_is_the_users_mistake(name: str) -> None:
    done = check(name)
    assert isinstance(done.exception, UserError)
    assert "Did you mean '" in str(done.exception)


@pytest.mark.parametrize("name", ["abaw_eri", "hmdb51"])
def test_protocols_and_datasets_are_checked_too(name: str) -> None:
    done = check(name, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["name"] == name
