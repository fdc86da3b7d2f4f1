from __future__ import annotations

from pathlib import Path

import torch

from tests.contract.broken import BROKEN, plugin
from tta_bench.contract.check import check
from tta_bench.contract.contract import Finding
from tta_bench.contract.report import as_data, as_markdown, as_table, is_kept, verdict
from tta_bench.plugins import PluginCode

KEPT = Finding("builds", "kept", "It is built.", "Net")
OPEN = Finding("golden output", "not claimed", "The features on the card.", "none")
BAD = Finding("determinism", "broken", "The same | again.", "they differ\nby 1")


def test_a_verdict_counts_what_is_kept_or_names_what_is_broken() -> None:
    assert is_kept([KEPT, OPEN])
    assert verdict("net", [KEPT, OPEN]) == "net keeps the contract (1 rules)."
    assert not is_kept([KEPT, BAD])
    assert verdict("net", [KEPT, BAD]) == "net breaks determinism."


def test_the_table_says_what_was_expected_only_where_it_was_not_found() -> None:
    lines = as_table([KEPT, BAD]).splitlines()
    assert lines[0].split() == ["kept", "builds", "Net"]
    assert "expected: The same | again." in lines[1]
    assert "found: they differ" in lines[2]


def test_a_cell_of_markdown_is_one_line_without_bars() -> None:
    (line,) = [line for line in as_markdown("net", (), [BAD]).splitlines() if line.startswith("| determinism")]
    assert "The same \\| again." in line
    assert "they differ by 1" in line


def test_the_data_are_plain() -> None:
    data = as_data("net", [PluginCode("net.py", None, "0" * 64)], [BAD])
    assert (data["name"], data["kept"]) == ("net", False)
    assert data["plugins"] == [{"name": "net.py", "version": None, "sha256": "0" * 64}]
    assert data["findings"][0]["rule"] == "determinism"


def test_the_report_says_what_was_tested_and_what_is_wrong(tmp_path: Path) -> None:
    source, rule, _ = BROKEN["changes its input"]
    code, findings = check("broken", [plugin(tmp_path, source)])
    text = as_markdown("broken", code, findings)
    assert verdict("broken", findings) in text
    assert "broken.py (sha256 " in text
    assert f"torch {torch.__version__.partition('+')[0]}" in text
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {rule} ")]
    assert "| broken " in line
    assert "changed in place" in line
