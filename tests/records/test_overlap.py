from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.records.some_records import DIGEST, some_predictions, write_success
from tta_bench.errors import UserError
from tta_bench.records.overlap import FOLDER, Overlap, list_digest, read_findings_file
from tta_bench.records.store import read_record
from tta_bench.records.verify import judge
from tta_bench.utils.files import sha256_of

PREDICTIONS = some_predictions()


def findings(file: Path, overlapping: list[str]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    document = {"corpora": ["k400", "ucf101"], "clips": [9, 96], "overlapping": overlapping}
    file.write_text(json.dumps(document))
    return file


def verified(tmp_path: Path, recorded: int, of: int = 96, place: str = FOLDER) -> tuple[str, ...]:
    """The problems of a record that says a number of near-duplicates, beside findings of 3 of its clips."""
    file = findings(tmp_path / place / "found.json", [*PREDICTIONS.ids[:3].tolist(), "elsewhere"])
    overlap = Overlap(corpus="k400", clips=recorded, of=of, sha256=sha256_of(file))
    path = write_success(tmp_path / "records", PREDICTIONS, overlap=overlap)
    assert read_record(path).overlap == overlap
    return judge(read_record(path), path.parent).problems


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n")), unique=True))
def test_a_list_has_a_digest_in_any_order(names: list[str]) -> None:
    assert list_digest(names) == list_digest(reversed(names)) != list_digest([*names, "another", "more"])


@pytest.mark.parametrize(("recorded", "wrong"), [(3, False), (2, True), (0, True), (96, True)])
def test_verify_counts_again_where_the_findings_are_at_hand(recorded: int, wrong: bool, tmp_path: Path) -> None:
    said = f"overlap: {recorded} near-duplicates are recorded, and found.json has 3 of the test list"
    assert [problem for problem in verified(tmp_path, recorded) if "overlap" in problem] == [said] * wrong
    assert not verified(tmp_path / "away", recorded, place="elsewhere")


def test_another_number_of_test_clips_is_found_without_the_findings(tmp_path: Path) -> None:
    assert verified(tmp_path, 3, of=97, place="elsewhere") == ("overlap: it counts 97 test clips, and the record 96",)


def test_more_copies_than_clips_are_no_part_of_a_record() -> None:
    with pytest.raises(ValidationError, match="4 near-duplicates of 3 test clips"):
        Overlap(corpus="k400", clips=4, of=3, sha256=DIGEST)


@pytest.mark.parametrize(
    ("content", "said"), [("{", "cannot be read"), ("[]", "holds no findings"), ("{}", "holds .*: is missing; clips")]
)
def test_a_file_of_something_else_is_named(content: str, said: str, tmp_path: Path) -> None:
    (file := tmp_path / "found.json").write_text(content)
    with pytest.raises(UserError, match=rf"found\.json {said}"):
        read_findings_file(file)
    with pytest.raises(UserError, match="No such file"):
        read_findings_file(tmp_path / "nowhere.json")
