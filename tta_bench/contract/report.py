"""A check as a table for the terminal, as Markdown to paste, and as data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from tabulate import tabulate

from tta_bench import __version__
from tta_bench.contract.contract import Finding
from tta_bench.plugins import PluginCode

HEADERS = ("rule", "result", "expected", "found")


def is_kept(findings: Sequence[Finding]) -> bool:
    """Return True if no rule is broken."""
    return all(finding.result != "broken" for finding in findings)


def verdict(name: str, findings: Sequence[Finding]) -> str:
    """Return the outcome in one sentence."""
    broken = [finding.rule for finding in findings if finding.result == "broken"]
    kept = sum(finding.result == "kept" for finding in findings)
    return f"{name} breaks {', '.join(broken)}." if broken else f"{name} keeps the contract ({kept} rules)."


def as_table(findings: Sequence[Finding]) -> str:
    """Return the findings as a table for a terminal; what was expected stands where it was not found."""
    rows = [(finding.result, finding.rule, _cell_lines(finding)) for finding in findings]
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def as_markdown(name: str, code: Sequence[PluginCode], findings: Sequence[Finding]) -> str:
    """Return a report to paste: what was tested with which versions, and every finding."""
    plugins = [f"{part.name} {part.version or ''} (sha256 {part.sha256[:12]})".replace("  ", " ") for part in code]
    versions = [f"tta-bench {__version__}", f"torch {version('torch')}", *plugins]
    rows = [(each.rule, each.result, _cell(each.expected), _cell(each.found)) for each in findings]
    table = tabulate(rows, headers=HEADERS, tablefmt="github", disable_numparse=True)
    return f"### `tta-bench check {name}`\n\n{verdict(name, findings)} {', '.join(versions)}.\n\n{table}\n"


def as_data(name: str, code: Sequence[PluginCode], findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the check as plain data."""
    return {
        "name": name,
        "kept": is_kept(findings),
        "plugins": [asdict(part) for part in code],
        "findings": [asdict(finding) for finding in findings],
    }


def _cell_lines(finding: Finding) -> str:
    broken = finding.result == "broken"
    lines = [f"expected: {finding.expected}", f"found: {finding.found}"] if broken else [finding.found]
    return "\n".join(textwrap.fill(line, 84, subsequent_indent="  ") for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
