from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.records.some_intensities import some_intensities, some_truth, write_reaction
from tests.records.some_official import listed_predictions, official_list
from tests.records.some_records import (
    some_environment,
    some_identity,
    some_predictions,
    some_record,
    write_success,
)
from tta_bench.boards.replaced import Replacement
from tta_bench.boards.standing import word_of
from tta_bench.boards.submission import LARGEST_PREDICTIONS, Named, submit
from tta_bench.boards.write import check_boards, update_boards
from tta_bench.errors import BenchError, CheckFailed, UserError
from tta_bench.experiments.base import protocol_hash
from tta_bench.experiments.kinds import protocol_card
from tta_bench.records.files import fetched_folder
from tta_bench.records.identity import ProtocolRef
from tta_bench.records.predictions import collect
from tta_bench.records.store import read_record, write_record

CARD = protocol_card("ucf101_ft")
PRESENT = ProtocolRef(name="ucf101_ft", version=CARD.version, sha256=protocol_hash(CARD), score="top1")
CLEAN = some_environment().model_copy(update={"commit": "a" * 40, "dirty": False})
OURS = some_identity(protocol=PRESENT)


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    folder = tmp_path / "leaderboards"
    (folder / "published").mkdir(parents=True)
    (folder / "records").mkdir()
    return folder


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_record_comes_with_its_files_and_a_board(boards: Path, tmp_path: Path) -> None:
    path = write_success(tmp_path / "runs", some_predictions(), keep_predictions=True, identity=OURS, environment=CLEAN)
    ((target, kept_out),), replaced, written = submit([path], boards)
    assert (target, replaced, kept_out) == (boards / "records" / path.name, [], None)
    assert files(boards / "records") == files(tmp_path / "runs")
    assert written == [boards / "ucf101_ft.md"]
    assert check_boards([boards / "records"], boards, boards) == []
    assert submit([path], boards).replaced == []


def test_a_second_run_of_the_experiment_takes_the_place_of_the_first(boards: Path, tmp_path: Path) -> None:
    for salt in "ab":
        path = write_success(
            *(tmp_path / salt, some_predictions(salt=salt)),
            keep_predictions=True,
            identity=OURS,
            environment=CLEAN,
            finished=f"2026-11-22T11:00:0{ord(salt) - ord('a')}Z",
        )
        done = submit([path], boards)
    first = read_record(tmp_path / "a" / path.name)
    assert done.replaced == [Replacement(record=path.stem, sha256=first.content_sha256, by=path.stem)]
    assert files(boards / "records") == files(tmp_path / "b")
    with pytest.raises(UserError, match="a later run of 2026-11-22T11:00:01Z is there"):
        submit([tmp_path / "a" / path.name], boards)


def test_a_run_of_another_party_stands_beside_and_replaces_nothing(boards: Path, tmp_path: Path) -> None:
    ours, theirs = (
        write_success(
            *(tmp_path / who, some_predictions(salt=who)), identity=OURS, environment=CLEAN, finished=f"{day}T11:00:00Z"
        )
        for who, day in (("we", "2026-11-22"), ("they", "2026-11-23"))
    )
    submit([ours], boards)
    done = submit([theirs], boards, named=Named(party="other-lab"))
    assert done.replaced == []
    assert done.records[0].path.name == ours.name.replace(".json", "__other-lab.json")
    assert read_record(done.records[0].path).party == "other-lab"
    board = (boards / "ucf101_ft.md").read_text()
    assert board.count("| videomaev2_vit_b ") > board.count("| videomaev2_vit_b (other-lab)") > 0
    assert "Without a row" not in board
    assert check_boards([boards / "records"], boards, boards) == []
    assert len(list((boards / "records").glob("*.json"))) == 2


def test_an_older_version_of_the_experiment_leaves_the_folder(boards: Path, tmp_path: Path) -> None:
    older = write_success(
        boards / "records",
        some_predictions(salt="older"),
        keep_predictions=True,
        identity=OURS.model_copy(update={"run_key": "b" * 64}),
        environment=CLEAN,
        finished="2026-11-21T11:00:00Z",
    )
    newer = write_success(tmp_path / "runs", some_predictions(), identity=OURS, environment=CLEAN)
    assert [(line.record, line.by) for line in submit([newer], boards).replaced] == [(older.stem, newer.stem)]
    assert files(boards / "records") == files(tmp_path / "runs")
    assert check_boards([boards / "records"], boards, boards) == []


def test_large_predictions_stay_out_of_git(boards: Path, tmp_path: Path) -> None:
    n, draw = 400, np.random.default_rng(0)
    classes = [f"class{k}" for k in range(200)]
    large = collect(
        [f"v{k}" for k in range(n)],
        draw.random((n, 200)),
        [k % 200 for k in range(n)],
        [f"g{k // 4}" for k in range(n)],
        classes,
    )
    path = write_success(tmp_path / "runs", large, keep_predictions=True, identity=OURS, environment=CLEAN)
    (kept,) = (tmp_path / "runs").glob("*.predictions.*")
    assert kept.stat().st_size > LARGEST_PREDICTIONS
    (put,), _, _ = submit([path], boards)
    assert put.kept_out == kept.name
    assert len(files(boards / "records")) == 2
    assert check_boards([boards / "records"], boards, boards) == []


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"environment": CLEAN.model_copy(update={"dirty": True})}, UserError, "differs from commit aaaaaaa"),
        ({"identity": some_identity()}, UserError, r"measured by version 1 of ucf101_ft \(00000000\)"),
        ({"identity": some_identity(protocol=PRESENT.model_copy(update={"version": 9}))}, UserError, "version 9"),
        ({"identity": some_identity(protocol=PRESENT.model_copy(update={"name": "mine"}))}, UserError, "unknown"),
        ({"n_expected": 97, "n_scored": 97}, CheckFailed, "samples: 97 were expected, 96 are there"),
    ],
)
def test_what_nobody_could_check_is_refused(
    boards: Path, tmp_path: Path, changes: dict[str, object], kind: type[BenchError], message: str
) -> None:
    good = write_success(tmp_path / "good", some_predictions(), identity=OURS, environment=CLEAN)
    bad = write_success(tmp_path / "bad", some_predictions(), **({"identity": OURS, "environment": CLEAN} | changes))
    if "n_expected" in changes:
        record = read_record(bad)
        bad = write_record(record.model_copy(update=changes), tmp_path / "bad")
    with pytest.raises(kind, match=message):
        submit([good, bad], boards)
    assert files(boards / "records") == []


def test_an_unfinished_run_is_refused(boards: Path, tmp_path: Path) -> None:
    path = write_record(some_record(identity=OURS, environment=CLEAN), tmp_path)
    with pytest.raises(UserError, match="cannot be submitted: killed; last heard of"):
        submit([path], boards)


def test_a_record_without_its_outcomes_is_refused(boards: Path, tmp_path: Path) -> None:
    path = write_success(tmp_path / "runs", some_predictions(), identity=OURS, environment=CLEAN)
    next((tmp_path / "runs").glob("*.npz")).unlink()
    with pytest.raises(CheckFailed, match="nothing was recomputed"):
        submit([path], boards)


def test_a_record_without_labels_is_checked_with_them_and_goes_in_without(boards: Path, tmp_path: Path) -> None:
    card = protocol_card("abaw_eri")
    present = ProtocolRef(name="abaw_eri", version=card.version, sha256=protocol_hash(card), score="pearson")
    truth = some_truth(400, 12)  # its predictions are larger than those that outcomes stand for
    path = write_reaction(tmp_path / "runs", some_intensities(truth=truth), hidden=True, protocol=present)
    record = read_record(path).model_copy(update={"environment": CLEAN})
    write_record(record, path.parent)
    with pytest.raises(UserError, match="were not recomputed"):
        submit([path], boards)
    with pytest.raises(CheckFailed, match="4,000 samples.*800 not of this split"):
        submit([path], boards, lambda _: some_truth(400, 10))
    ((_, kept_out),), *_ = submit([path], boards, lambda _: truth)
    assert kept_out is None
    assert record.predictions is not None
    assert (boards / "records" / record.predictions.name).stat().st_size > LARGEST_PREDICTIONS
    assert files(boards / "records") == sorted([path.name, record.predictions.name])


def as_files(boards: Path) -> dict[str, bytes]:
    return {str(path.relative_to(boards)): path.read_bytes() for path in sorted(boards.rglob("*")) if path.is_file()}


OTHERS = some_identity(protocol=PRESENT, backbone="resnet50")


@pytest.mark.parametrize("content", ["predictions", "outcomes"])
def test_a_record_writes_only_files_of_its_own_name(boards: Path, tmp_path: Path, content: str) -> None:
    """The name of another record's file, or of the record itself, would take its place."""
    victim = write_success(tmp_path / "runs", some_predictions(), identity=OURS, environment=CLEAN)
    submit([victim], boards)
    before = as_files(boards)
    evil = write_success(
        *(tmp_path / "evil", some_predictions(salt="x")), keep_predictions=True, identity=OTHERS, environment=CLEAN
    )
    record = read_record(evil)
    ref = getattr(record, content)
    for name in (victim.name, next((boards / "records").glob("*.npz")).name):
        (tmp_path / "evil" / ref.name).rename(tmp_path / "evil" / name)
        write_record(record.model_copy(update={content: ref.model_copy(update={"name": name})}), tmp_path / "evil")
        with pytest.raises(CheckFailed, match="is no file of this record's"):
            submit([evil], boards)
        (tmp_path / "evil" / name).rename(tmp_path / "evil" / ref.name)
    assert as_files(boards) == before


def test_all_or_none_is_written(boards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_success(tmp_path / "a", some_predictions(), identity=OURS, environment=CLEAN)
    submit([first], boards)
    (boards / "records" / "torn.json").write_text("{")
    before = as_files(boards)
    second = write_success(tmp_path / "b", some_predictions(salt="b"), identity=OTHERS, environment=CLEAN)
    with pytest.raises(BenchError, match="torn.json is no record"):
        submit([second], boards)
    assert as_files(boards) == before
    (boards / "records" / "torn.json").unlink()
    before = as_files(boards)
    monkeypatch.setattr("tta_bench.boards.submission.update_boards", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        submit([second], boards)
    assert as_files(boards) == before


def test_what_is_not_standard_or_ones_own_data_is_refused(boards: Path, tmp_path: Path) -> None:
    loose = OURS.model_copy(update={"standard": False})
    path = write_success(tmp_path / "a", some_predictions(), identity=loose, environment=CLEAN)
    with pytest.raises(UserError, match="is not standard"):
        submit([path], boards)
    assert submit([path], boards, named=Named(not_standard=True)).boards
    own = OURS.dataset.model_copy(update={"name": "folder"})
    identity = some_identity(protocol=PRESENT, dataset=own, standard=False)
    path = write_success(tmp_path / "b", some_predictions(salt="own"), identity=identity, environment=CLEAN)
    with pytest.raises(UserError, match="was measured on folder"):
        submit([path], boards, named=Named(not_standard=True))


def test_doubles_are_refused(boards: Path, tmp_path: Path) -> None:
    path = write_success(tmp_path / "a", some_predictions(), keep_predictions=True, identity=OURS, environment=CLEAN)
    submit([path], boards)
    copy = write_success(
        *(tmp_path / "b", some_predictions()), keep_predictions=True, identity=OTHERS, environment=CLEAN
    )
    with pytest.raises(CheckFailed, match="are the same predictions under two names"):
        submit([copy], boards)
    with pytest.raises(CheckFailed, match="are two records of one run"):
        submit([path], boards, named=Named(party="other-lab"))


def test_what_is_named_at_submission_stands_in_the_record(boards: Path, tmp_path: Path) -> None:
    path = write_success(tmp_path / "a", some_predictions(), keep_predictions=True, identity=OURS, environment=CLEAN)
    address = "https://example.org/predictions.npz"
    code = f"https://example.org/net@{'a' * 40}"
    (put,), *_ = submit([path], boards, named=Named("lab", code, address))
    record = read_record(put.path)
    assert record.predictions is not None
    assert record.plugin_code is not None
    assert (record.predictions.address, record.plugin_code.commit) == (address, "a" * 40)
    for wrong in (Named(code="https://example.org/net"), Named(predictions_at="http://example.org/p.npz")):
        with pytest.raises(UserError, match="is no"):
            submit([path], boards, named=wrong)


def test_published_predictions_rank_where_they_were_fetched_and_are_arithmetic_elsewhere(
    boards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full list is too large for git, so a board finds it where `verify --fetch` puts it."""
    monkeypatch.setattr("tta_bench.boards.collect.word_of", word_of)  # these labels are official
    card = protocol_card("hmdb51_ft")
    identity = some_identity(
        protocol=ProtocolRef(name=card.name, version=card.version, sha256=protocol_hash(card), score="top1"),
        dataset=OURS.dataset.model_copy(update={"name": "hmdb51"}),
    )
    predictions = listed_predictions(official_list("hmdb51"), 0.7, dataset="hmdb51")
    path = write_success(tmp_path / "a", predictions, keep_predictions=True, identity=identity, environment=CLEAN)
    submission = submit([path], boards, named=Named(predictions_at="https://example.org/predictions.npz"))
    (put,), _, (board,) = submission
    assert put.kept_out is not None
    assert not (boards / "records" / put.kept_out).exists()
    measured, _, rest = board.read_text().partition("## Not standard")
    assert "rescored" in measured
    assert not rest
    assert check_boards([boards / "records"], boards, boards) == []
    fetched = fetched_folder() / put.kept_out
    for content in (b"another file", None):
        fetched.unlink()
        if content is not None:
            fetched.write_bytes(content)
        assert any("hmdb51_ft.md: stale" in problem for problem in check_boards([boards / "records"], boards, boards))
        update_boards([boards / "records"], boards, boards)
        assert "its figures rest on no more than: arithmetic" in board.read_text()
        fetched.write_bytes((path.parent / put.kept_out).read_bytes())
        update_boards([boards / "records"], boards, boards)
