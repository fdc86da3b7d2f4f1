"""From a name to findings: load what is asked for, then test it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tta_bench.cards.catalog import backbone_card
from tta_bench.cards.families import with_timm_defaults
from tta_bench.contract.contract import Finding, check_backbone
from tta_bench.errors import UserError
from tta_bench.plugins import PluginCode, import_installed, installed
from tta_bench.registry import load_files


def check(name: str, files: Sequence[Path] = ()) -> tuple[tuple[PluginCode, ...], list[Finding]]:
    """Test a backbone against the contract; return the code from outside that it is, and what was found.

    Args:
        name: Name of a backbone card, of the suite's, of an installed plug-in's or of a file's.
        files: Plug-in files.

    Raises:
        UserError: There is no such backbone, and no plug-in that should have brought it.
    """
    try:
        code = load_files(files)
        code = (*code, installed()[name].code) if import_installed(name) else code
    except UserError as error:
        return (), [Finding("imports", "broken", "The plug-in is imported without an error.", error.message)]
    try:
        card = with_timm_defaults(backbone_card(name))
    except UserError as error:
        if not code:
            raise
        return code, [Finding("card", "broken", f"A valid card of a backbone called '{name}'.", error.message)]
    loaded = Finding("card", "kept", f"A valid card of a backbone called '{name}'.", card.summary)
    return code, [loaded, *check_backbone(card)]
