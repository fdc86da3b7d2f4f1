from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.cards.catalog import weights_card
from tta_bench.cards.files import card_files
from tta_bench.cards.kinds import Expected
from tta_bench.cli.results import print_expected
from tta_bench.records.expected import compared
from tta_bench.records.identity import WeightsRef
from tta_bench.records.schema import Metric, Record
from tta_bench.records.store import read_record

NAME = "tiktokactions_vit_b_ucf101"


def released_record(
    folder: Path, top1: float, weights: str = NAME, phase: str = "phase=test", **identity: Any
) -> Record:
    written = read_record(write_success(folder, some_predictions()))
    pretraining = weights_card(NAME).pretraining
    given = WeightsRef(name=weights, sha256="0" * 64, pretraining=pretraining)
    ident = some_identity(split="1").model_copy(update={"weights": given, "tier": "full", "control": "none"} | identity)
    metrics = {"top1": Metric(value=top1, low=None, high=None, n=100, n_groups=10)}
    return written.model_copy(update={"identity": ident, "metrics": metrics, "given": (phase, f"weights={weights}")})


@pytest.mark.parametrize(
    ("top1", "place"), [(0.953, "in the"), (0.943, "in the"), (0.94, "below the"), (0.97, "above the")]
)
def test_a_test_of_released_weights_says_where_its_figure_lies(
    tmp_path: Path, top1: float, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_expected([released_record(tmp_path, top1)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("expected top1 95.30 % [94.30, 96.30] on split 1, found ")
    assert lines[-2].endswith(f"{place} interval.")
    assert f"found {top1:.2%}".replace("%", " %") in lines[-2]
    assert "2402.08875" in lines[-1]
    print_expected([released_record(tmp_path, top1)], aside=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "change",
    [{"split": "2"}, {"tier": "sample"}, {"control": "reversed"}, {"weights_": "none"}, {"phase": "phase=all"}],
)
def test_another_split_tier_control_or_training_is_compared_with_nothing(
    tmp_path: Path, change: dict[str, str]
) -> None:
    words = {"weights": change.pop("weights_", NAME), "phase": change.pop("phase", "phase=test")}
    assert compared(released_record(tmp_path, 0.953, **words, **change)) is None


def test_every_figure_on_a_card_is_of_a_protocol_and_of_its_backbones_weights() -> None:
    stated = [card for name in card_files("weights") if (card := weights_card(name)).expected is not None]
    assert {card.name for card in stated} >= {NAME, "tiktokactions_vit_b_hmdb51", "mmaction2_c3d_ucf101"}
    for card in stated:
        assert card.expected is not None
        assert card.expected.protocol in card_files("protocols")
        assert card.pretraining.labels
    with pytest.raises(ValueError, match=r"value 0\.5 is not between"):
        Expected(protocol="ucf101_ft", split=1, metric="top1", value=0.5, low=0.6, high=0.7, source="a page")
