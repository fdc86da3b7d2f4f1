from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.boards.some_rows import Folder, entry
from tests.records.some_intensities import reaction_identity, some_intensities, write_reaction
from tests.records.some_records import some_predictions, some_record, write_success
from tta_bench.boards.errata import Erratum
from tta_bench.boards.rows import Entry, Row, Sections, row_key, sort_into_sections
from tta_bench.records.identity import DatasetRef, ProtocolRef
from tta_bench.records.store import read_record


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def reasons(sections: Sections) -> list[str]:
    return [reason for _, reason in sections.left_out]


def test_what_sets_rows_apart(folder: Folder) -> None:
    weights = {"name": "w", "sha256": None, "pretraining": None}
    changes: list[dict[str, object]] = [
        {},
        {"backbone": "other"},
        {"track": "tuned"},
        {"precision": "bf16"},
        {"weights": weights},
        {"weights": weights | {"sha256": "1" * 64}},
    ]
    entries = [folder.entry(some_predictions(), **change) for change in changes]
    entries.append(folder.entry(some_predictions(), {"resolved": {"train": {"lr": 1.0}}}, seed=1))
    same = {"train": {"lr": 5e-4}, "runtime": {"workers": 9}}
    entries.append(folder.entry(some_predictions(), {"resolved": same}, seed=2))
    rows = sort_into_sections(entries).measured
    assert sorted(len(row.entries) for row in rows) == [1, 1, 1, 1, 1, 1, 2]


def test_what_stands_apart(folder: Folder) -> None:
    sections = sort_into_sections(
        [
            folder.entry(some_predictions()),
            folder.entry(some_predictions(), control="frozen"),
            folder.entry(some_predictions(), {"origin": "scored", "environment": None}, precision=None),
            folder.entry(some_predictions(), standard=False),
            Entry(some_record(status="error", cause="NaN at step 3"), "error.json", None),
            Entry(some_record(heartbeat="2026-11-22T10:58:00Z"), "lives.json", None),
            Entry(some_record(), "was_killed.json", None),
        ]
    )
    counts = [len(part) for part in (sections.measured, sections.controls, sections.scored, sections.not_standard)]
    assert counts == [1, 1, 1, 1]
    assert reasons(sections) == [
        "error: NaN at step 3",
        "started, not finished; last heard of at 2026-11-22T10:58:00Z",
        "killed; last heard of at 2026-11-22T10:00:30Z",
    ]


def test_errata_take_a_record_off_the_board(folder: Folder) -> None:
    entry = folder.entry(some_predictions())
    withdrawn = Erratum(record="a", reason="decoder dropped frames")
    superseded = Erratum(record="b", superseded_by="c", reason="wrong list")
    entries = [
        Entry(entry.record, place, entry.outcomes, erratum)
        for place, erratum in (("a", withdrawn), ("b", superseded), ("c", None))
    ]
    sections = sort_into_sections(entries)
    assert [row.entries for row in sections.measured] == [(entries[2],)]
    assert reasons(sections) == ["withdrawn: decoder dropped frames", "superseded by c: wrong list"]


def test_only_the_newest_protocol_version_is_ranked(folder: Folder) -> None:
    old, new = (ProtocolRef(name="ucf101_ft", version=v, sha256="0" * 64, score="top1") for v in (1, 2))
    sections = sort_into_sections([folder.entry(some_predictions(), protocol=protocol) for protocol in (old, new)])
    assert [row.first.identity.protocol.version for row in sections.measured] == [2]
    assert reasons(sections) == ["measured by version 1 of the protocol (top1), now 2 (top1)"]


@pytest.mark.parametrize("other", [{"split": "x"}, {"groups": 23}])
def test_other_samples_than_most_are_left_out(folder: Folder, other: dict[str, object]) -> None:
    most = [folder.entry(some_predictions(), backbone=name) for name in "ab"]
    odd = folder.entry(some_predictions(0.7, **other), backbone="odd")  # type: ignore[arg-type]
    sections = sort_into_sections([odd, *most])
    assert len(sections.measured) == 2
    assert reasons(sections) == ["scored on other data than the rest of this board"]


def test_another_manifest_is_left_out_unless_scores_came_from_outside(folder: Folder) -> None:
    changed, unknown = (DatasetRef(name="ucf101", manifest_sha256=m, splits=("1",)) for m in ("1" * 64, None))
    most = [folder.entry(some_predictions(), backbone=name) for name in "ab"]
    odd = folder.entry(some_predictions(), backbone="odd", dataset=changed)
    outside = folder.entry(some_predictions(), {"origin": "scored"}, backbone="outside", dataset=unknown)
    sections = sort_into_sections([odd, outside, *most])
    assert (len(sections.measured), len(sections.scored), len(sections.left_out)) == (2, 1, 1)


def test_the_newer_of_two_runs_of_one_experiment_counts(folder: Folder) -> None:
    times = ("2026-11-22T11:00:00Z", "2026-11-22T09:00:00Z")
    keys = ("a" * 64, "b" * 64)
    entries = []
    for finished, key, accuracy in zip(times, keys, (0.9, 0.2), strict=True):
        entry = folder.entry(some_predictions(accuracy), {"finished": finished})
        identity = entry.record.identity.model_copy(update={"run_key": key})
        entries.append(Entry(entry.record.model_copy(update={"identity": identity}), key, entry.outcomes))
    sections = sort_into_sections(entries)
    assert [row.first.finished for row in sections.measured] == [times[0]]
    assert reasons(sections) == ["replaced by a newer run"]


def test_outcomes_are_sorted_before_they_are_compared() -> None:
    outcomes = some_predictions().outcomes()
    turned = type(outcomes)(**{n: v[::-1] if isinstance(v, np.ndarray) else v for n, v in vars(outcomes).items()})
    assert Entry(some_record(), "a", outcomes).samples == Entry(some_record(), "b", turned).samples


def test_a_row_stands_for_one_part(tmp_path: Path) -> None:
    identity = reaction_identity()
    assert (identity.split, identity.dataset.splits) == ("val", ("val",))
    assert Row((entry(write_reaction(tmp_path, some_intensities())),)).missing == []


def test_a_standard_run_of_before_the_locked_norm_batch_has_the_same_row(tmp_path: Path) -> None:
    before = read_record(write_success(tmp_path, some_predictions()))
    train = {**before.resolved["train"], "norm_batch": 16}  # type: ignore[dict-item]
    now = before.model_copy(update={"resolved": {**before.resolved, "train": train}})
    assert row_key(now) == row_key(before)
    changed = now.model_copy(update={"identity": now.identity.model_copy(update={"standard": False})})
    assert row_key(changed) != row_key(before)
