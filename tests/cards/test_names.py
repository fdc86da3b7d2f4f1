from __future__ import annotations

import subprocess
import sys

import pytest

from tta_bench.cards import catalog, names
from tta_bench.cards.files import FOLDERS, card_files


@pytest.mark.parametrize("group", FOLDERS)
def test_every_card_file_has_a_name_and_a_summary(group: str) -> None:
    found = names.summaries(group)
    assert set(card_files(group)) <= set(found)
    assert all(found.values())
    assert set(card_files(group)) <= set(names.names(group))


def test_a_card_made_in_code_is_told_from_one_that_is_a_file() -> None:
    card = catalog.backbone_card("resnet18").model_copy(update={"name": "made_here"})
    names.add("backbones", card, subprocess)
    try:
        assert names.added("backbones", "made_here")[0] is card
        assert names.summaries("backbones")["made_here"] == card.summary
        assert names.added("backbones", "resnet18") == (None, None)
    finally:
        names.forget_added()
    assert names.added("backbones", "made_here") == (None, None)


def test_names_load_no_pydantic() -> None:
    program = (
        "import sys; from tta_bench.cards import names; names.summaries('backbones'); "
        "assert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
