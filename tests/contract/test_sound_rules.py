from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tta_bench.cards.catalog import backbone_card
from tta_bench.contract.contract import check_backbone
from tta_bench.contract.report import as_table, is_kept
from tta_bench.registry import register_backbone

pytestmark = pytest.mark.usefixtures("uncompiled_librosa")


@pytest.mark.parametrize("name", ["egemaps", "egemaps_lld", "compare2016", "mfcc", "features/FAUs"])
def test_backbones_of_sound_and_of_files_keep_theirs(name: str) -> None:
    findings = check_backbone(backbone_card(name))
    assert is_kept(findings), as_table(findings)
    assert len(findings) == (1 if "/" in name else 5)


def changing(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    signal *= 0
    return np.ones(2, np.float32)


BROKEN_SOUND: list[tuple[Callable[[], object], str]] = [
    (lambda: lambda signal: np.full(3, np.nan), "finite features"),
    (lambda: lambda signal: signal[: len(signal) // 2], "output shape"),
    (lambda: lambda signal: np.zeros((2, 2, 2)), "output shape"),
    (lambda: lambda signal: np.random.default_rng().random(4), "determinism"),
    (lambda: changing, "input untouched"),
    (lambda: 3, "builds"),
    (lambda: {}["no key"], "builds"),
]


@pytest.mark.parametrize(("made", "rule"), BROKEN_SOUND)
def test_a_broken_backbone_of_sound_is_found(made: Callable[[], object], rule: str) -> None:
    register_backbone("hears", modality="audio")(made)
    assert backbone_card("hears").recipe == "audio"
    findings = check_backbone(backbone_card("hears"))
    assert [to.rule for to in findings if to.result == "broken"] == [rule], as_table(findings)
