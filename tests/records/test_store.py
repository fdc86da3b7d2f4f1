from __future__ import annotations

import json
import os
import re
import stat
from multiprocessing import get_context
from pathlib import Path

import pytest

from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.errors import UserError
from tta_bench.records.store import (
    content_sha256,
    find_record,
    load_records,
    read_record,
    record_name,
    write_atomic,
    write_record,
)
from tta_bench.records.verify import verify_record


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = write_record(some_record(), tmp_path)
    read = read_record(path)
    assert read == some_record(content_sha256=read.content_sha256)
    assert write_record(read, tmp_path) == path
    assert path.name.startswith("ucf101_ft__videomaev2_vit_b__split1_seed0__")
    assert path.read_text().endswith("}\n")
    assert list(json.loads(path.read_text())) == sorted(json.loads(path.read_text()))


def test_names_stay_in_the_folder_and_apart(tmp_path: Path) -> None:
    identities = [
        some_identity(),
        some_identity(seed=1),
        some_identity(split="2"),
        some_identity(control="frozen"),
        some_identity(backbone="timm/resnet50"),
        some_identity(backbone="timm-resnet50"),
    ]
    paths = [write_record(some_record(identity=identity), tmp_path) for identity in identities]
    assert len(set(paths)) == len(identities)
    assert {path.parent for path in paths} == {tmp_path}
    assert [record_name(read_record(path).identity) for path in paths] == [path.stem for path in paths]
    assert len(load_records(tmp_path)) == len(identities)


def test_the_same_experiment_again_takes_the_place_of_the_first(tmp_path: Path) -> None:
    write_record(some_record(), tmp_path)
    write_record(some_record(status="error", cause="NaN at step 3"), tmp_path)
    (record,) = load_records(tmp_path)
    assert record.status == "error"


def test_a_changed_digit_is_noticed(tmp_path: Path) -> None:
    """Each of them, also the last of a number, with which it may be the same number as before."""
    path = write_success(tmp_path, some_predictions())
    text = path.read_text()
    assert re.search(r"0\.\d{16}", text)
    for digit in re.finditer(r"\d", text):
        path.write_text(f"{text[: digit.start()]}{(int(digit[0]) + 1) % 10}{text[digit.end() :]}")
        with pytest.raises(UserError, match=path.name):
            read_record(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be read as JSON"),
        ('{"schema_version": 1, "origin": "ru', "cannot be read as JSON"),
        ("[]", "no schema_version"),
        ('{"results": {"acc": 0.5}}', "no schema_version"),
        ('{"schema_version": 2}', "schema 2, and this version knows 1"),
        ('{"schema_version": 1}', "changed after it was written"),
        ("\x00\xff", "cannot be read as JSON"),
    ],
)
def test_what_is_no_record_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "foreign.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=reason) as caught:
        load_records(tmp_path)
    assert "foreign.json" in str(caught.value)


def test_a_record_with_a_right_digest_must_still_be_valid(tmp_path: Path) -> None:
    path = write_record(some_record(), tmp_path)
    data = json.loads(path.read_text()) | {"host": "here"}
    path.write_text(json.dumps(data | {"content_sha256": content_sha256(data)}))
    with pytest.raises(UserError, match="host: Extra inputs"):
        read_record(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_are_readable_by_whom_the_user_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomic(tmp_path / "new" / "file", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new" / "file").stat().st_mode) == 0o644


def write_many(folder: Path, process: int) -> None:
    """Write the one record that all processes write, and one of this process's own, again and again."""
    for turn in range(3):
        write_success(folder, some_predictions(salt=f"{process} {turn}"), keep_predictions=True)
        write_success(folder, some_predictions(salt=f"{process}"), identity=some_identity(seed=process + 1))


def test_four_processes_at_once_leave_valid_records(tmp_path: Path) -> None:
    context = get_context("spawn")
    processes = [context.Process(target=write_many, args=(tmp_path, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    records = load_records(tmp_path)
    assert sorted(record.identity.seed for record in records) == list(range(5))
    assert [verify_record(record, tmp_path).problems for record in records] == [[]] * 5
    assert not list(tmp_path.glob(".*"))


def test_a_record_is_found_by_its_path_or_its_name(tmp_path: Path) -> None:
    path = write_record(some_record(), tmp_path / "runs")
    (tmp_path / "runs" / f"{path.stem}.attestation.json").write_text("{}")
    folders = (tmp_path / "runs", tmp_path / "boards")
    assert [find_record(word, folders) for word in (str(path), path.stem, path.name)] == [path] * 3
    with pytest.raises(UserError, match="no record of that name") as caught:
        find_record(path.stem[:-1], folders)
    assert path.stem in caught.value.hint
    with pytest.raises(UserError, match="there is no file"):
        find_record("gone", (tmp_path / "none",))


@pytest.mark.parametrize("change", ['"seed": 0,"seed": 0,', '"seed": "\\u001b[2J",', '"seed": NaN,'])
def test_what_no_record_says_is_named_in_one_line(tmp_path: Path, change: str) -> None:
    path = write_record(some_record(), tmp_path)
    path.write_text(path.read_text().replace('"seed": 0,', change))
    with pytest.raises(UserError, match="cannot be read as JSON, or was changed") as caught:
        read_record(path)
    assert len(caught.value.message.splitlines()) == 1


@pytest.mark.parametrize("moment", ["2026-99-99T10:00:00Z", "2026-02-30T10:00:00Z", "2026-01-01T25:00:00Z"])
def test_a_time_that_no_clock_shows_is_refused(tmp_path: Path, moment: str) -> None:
    path = write_record(some_record(), tmp_path)
    data = json.loads(path.read_text()) | {"heartbeat": moment}
    path.write_text(json.dumps(data | {"content_sha256": content_sha256(data)}))
    with pytest.raises(UserError, match="is no valid record: heartbeat"):
        read_record(path)


def test_controls_have_names_of_their_own(tmp_path: Path) -> None:
    path = write_success(tmp_path, some_predictions(), identity=some_identity(control="reversed"))
    assert "_reversed__" in path.name
