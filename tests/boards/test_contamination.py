from __future__ import annotations

import pytest

from tests.records.some_records import some_identity, some_record
from tta_bench.boards.board import Text
from tta_bench.boards.contamination import MARK, Related, marked, related, unseen
from tta_bench.boards.rows import Entry
from tta_bench.cards.kinds import Pretraining
from tta_bench.records.identity import DatasetRef, WeightsRef
from tta_bench.records.schema import Record


def record(data: str | None, dataset: str = "ucf101") -> Record:
    known = None if data is None else Pretraining(data=data, labels=None)
    weights = WeightsRef(name="w", sha256="0" * 64, pretraining=known)
    return some_record(
        identity=some_identity(weights=weights, dataset=DatasetRef(name=dataset, manifest_sha256=None, splits=("1",)))
    )


@pytest.mark.parametrize(
    ("data", "dataset", "found"),
    [
        ("Kinetics-400", "ucf101", "yes"),
        ("Kinetics-710, distilled from ViT-g (UnlabeledHybrid, then Kinetics-710)", "hmdb51", "yes"),
        ("K400", "hmdb51", "yes"),
        ("UCF-101", "ucf101", "yes"),
        ("tiktok_actions, and before it: hmdb51", "hmdb51", "yes"),
        ("ImageNet-1k", "ucf101", "no"),
        ("TikTokActions", "ucf101", "no"),
        ("Kinetics-400", "hume_reaction", "no"),
        (None, "ucf101", "not known"),
    ],
)
def test_data_that_share_their_source_are_known_by_name(data: str | None, dataset: str, found: Related) -> None:
    asked = record(data, dataset)
    assert related(asked) == found
    assert (MARK in marked(Text("words"), asked).words) == (found == "yes")
    assert marked(Text("words"), asked).data("seen") == {"seen": "words"}


def test_what_is_not_known_is_not_unseen() -> None:
    records = [record("Kinetics-400"), record(None), record("ImageNet-1k"), some_record()]
    entries = [Entry(one, str(index), None) for index, one in enumerate(records)]
    assert [entry.link for entry in unseen({"board": entries})["board"]] == ["2", "3"]
