from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.broken import plugin
from tta_bench.api import check
from tta_bench.contract.report import as_table, is_kept
from tta_bench.registry import DATASETS

PROTOCOL = """
from tta_bench import PROTOCOLS
from tta_bench.protocols.base.protocol_run import ProtocolRun

@PROTOCOLS.register_module()
class Mine({base}):
{body}
"""
WHOLE = "    def plan(self): return ''\n    def run(self): return []\n"
CARD = "_base_: ucf101_ft\nname: mine\ncomponent: Mine\n"


def checked(folder: Path, code: str, card: str) -> dict[str, tuple[str, str]]:
    """Check the plug-in ``mine`` and return result and finding of each rule."""
    file = plugin(folder, code, "mine")
    file.with_suffix(".yaml").write_text(card)
    _, findings = check("mine", [file])
    return {finding.rule: (finding.result, finding.found) for finding in findings}


def test_a_protocol_with_two_methods_keeps_the_contract(tmp_path: Path) -> None:
    found = checked(tmp_path, PROTOCOL.format(base="ProtocolRun", body=WHOLE), CARD)
    assert {result for result, _ in found.values()} == {"kept"}, found


@pytest.mark.parametrize(
    ("base", "body", "card", "rule", "message"),
    [
        ("ProtocolRun", "    def plan(self): return ''\n", CARD, "methods", "protocol component Mine lacks run()."),
        ("object", WHOLE, CARD, "methods", "lacks findings(), submit(), score_file(), labels()"),
        ("ProtocolRun", WHOLE + "    def __init__(self, experiment): ...\n", CARD, "arguments", "too many positional"),
        ("ProtocolRun", WHOLE, CARD + "full: {dataset: ucf1o1}\n", "named cards", "unknown dataset 'ucf1o1'"),
        ("ProtocolRun", WHOLE, CARD + "locked: [eval.corps]\n", "locked keys", "unknown: eval.corps"),
        ("ProtocolRun", WHOLE, CARD + "sample: {clip: {size: 50, frames: 3}}\n", "resolves", "frames"),
    ],
)
def test_a_broken_protocol_is_caught_with_its_own_message(
    tmp_path: Path, base: str, body: str, card: str, rule: str, message: str
) -> None:
    result, found = checked(tmp_path, PROTOCOL.format(base=base, body=body), card)[rule]
    assert result == "broken"
    assert message in found


DATASET = """
from tta_bench import DATASETS
from tta_bench.data.datasets.layout import Layout

@DATASETS.register_module()
class Mine(Layout):
    def __init__(self, root, lists="lists"): ...
"""
DATASET_CARD = "name: mine\nsummary: s\ncomponent: Mine\ngroup: none\n"


@pytest.mark.parametrize(
    ("card", "rule", "result", "message"),
    [
        ("arguments: {lists: here}", "takes arguments", "kept", "root, lists"),
        ("arguments: {listen: here}", "takes arguments", "broken", "unexpected keyword argument 'listen'"),
        ("sample: ucf101_sampel", "stand in", "broken", "unknown dataset 'ucf101_sampel'"),
        ("sample: ucf101_sample", "stand in", "kept", "ucf101_sample"),
        ("licence: none", "opens", "not claimed", "no data root is configured"),
    ],
)
def test_a_datasets_card_is_held_to_its_class(tmp_path: Path, card: str, rule: str, result: str, message: str) -> None:
    found = checked(tmp_path, DATASET, f"{DATASET_CARD}{card}\n")
    assert found[rule][0] == result
    assert message in found[rule][1]


def test_a_configured_folder_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTA_BENCH_DATA", str(tmp_path))
    try:
        _, findings = check("ucf101")
    finally:
        monkeypatch.undo()
    assert DATASETS.get("UCF101")
    assert not is_kept(findings), as_table(findings)
    assert [finding.rule for finding in findings if finding.result == "broken"] == ["opens"]
