from __future__ import annotations

from pathlib import Path

import pytest

from tests.records.some_official import listed_predictions, official_identity, official_list
from tests.records.some_records import write_success
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.copies import copies_in_words
from tta_bench.boards.export import all_boards
from tta_bench.boards.markdown import as_markdown
from tta_bench.boards.rows import Entry
from tta_bench.data.media.attested_files import AttestedManifest, write_attested
from tta_bench.records.store import read_record

OURS, THEIRS, OTHER = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of boards: three runs on UCF101, two of them on one copy, and one run on a part of it."""
    boards = tmp_path_factory.mktemp("boards")
    pairs = official_list()
    copies = {"resnet18": OURS, "resnet50": OURS, "timm/vit": THEIRS}
    for number, (backbone, contents) in enumerate(copies.items()):
        predictions = listed_predictions(pairs, 0.5 + number / 10, backbone)
        identity = official_identity(backbone, contents)
        write_success(boards / "records", predictions, keep_predictions=True, identity=identity)
    part = official_identity("partial", OTHER, found=3771)
    write_success(boards / "records", listed_predictions(pairs[12:], 0.99), keep_predictions=True, identity=part)
    (boards / "published").mkdir()
    return boards


def attest(boards: Path, *contents: str) -> None:
    """Leave attested manifests of copies, and no others, among the boards."""
    for file in (boards / "manifests").glob("*.json"):
        file.unlink()
    (boards / "manifests").mkdir(exist_ok=True)
    for number, sha256 in enumerate(contents):
        manifest = AttestedManifest(dataset="ucf101", parts={}, contents={1: sha256})
        write_attested(manifest, boards / "manifests" / f"{number}.json")


def page(boards: Path) -> str:
    collected = collect_entries([boards / "records"], boards, boards)
    assert not collected.problems
    (board,) = all_boards(collected, {})
    return " ".join(as_markdown(board).split())


def test_a_board_says_that_its_rows_rest_on_different_copies_and_which_of_them_nobody_has_seen(recorded: Path) -> None:
    attest(recorded)
    said = page(recorded)
    assert "These rows rest on 2 different copies of the data" in said
    assert "Contents not seen before" in said
    assert "has the bytes of the data of resnet18, resnet50, timm/vit." in said
    assert "The board's copy" not in said


def test_the_boards_copy_is_the_one_that_most_attested_manifests_share_whoever_submitted_first(recorded: Path) -> None:
    attest(recorded, THEIRS, OURS, THEIRS)
    said = page(recorded)
    shared = f"split 1, contents {THEIRS[:12]}, which 2 of 3 attested manifests share"
    assert f"{shared}; on another copy: resnet18, resnet50." in said
    assert "not seen before" not in said
    attest(recorded, THEIRS, OURS)
    assert "The board's copy" not in page(recorded)  # shared by as many
    attest(recorded, THEIRS)
    said = page(recorded)
    assert "which 1 of 1 attested manifests share; on another copy: resnet18, resnet50." in said
    assert "has the bytes of the data of resnet18, resnet50." in said


def test_a_partial_copy_is_set_aside_with_the_official_number_beside_its_clips(recorded: Path) -> None:
    measured, _, aside = page(recorded).partition("## Not standard")
    assert "partial" not in measured
    assert "3,771 of 3,783 " in aside
    assert "not the official ucf101: 3,771 of 3,783 official test clips" in aside


def test_a_manifest_that_is_none_is_named_and_stops_no_board(recorded: Path) -> None:
    attest(recorded, OURS)
    (recorded / "manifests" / "bad.json").write_text("[1]")
    collected = collect_entries([recorded / "records"], recorded, recorded)
    assert [problem.partition("bad.json")[2][:15] for problem in collected.problems] == [" is no manifest"]
    assert len(all_boards(collected, {})) == 1


def test_splits_of_one_copy_have_other_bytes_and_are_no_other_copies(recorded: Path) -> None:
    first, *_ = (read_record(file) for file in sorted((recorded / "records").glob("*.json")))
    runs = []
    for split, contents in (("1", OURS), ("2", THEIRS)):
        data = first.identity.dataset.model_copy(update={"contents_sha256": contents})
        identity = first.identity.model_copy(update={"split": split, "dataset": data})
        runs.append(Entry(first.model_copy(update={"identity": identity}), f"{split}.json", None, attested=True))
    assert list(copies_in_words(runs)) == []
