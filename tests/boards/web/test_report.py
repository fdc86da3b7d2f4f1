from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.boards.test_sections import some_entries
from tests.records.some_records import some_identity, some_predictions, write_success
from tta_bench.boards.web.report import MOST_PAIRS, log_of, pairs, write_report
from tta_bench.errors import UserError
from tta_bench.records.store import read_record


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write_success(tmp_path, some_predictions(share), keep_predictions=True, identity=some_identity(backbone=name))
        for name, share in (("good_net", 0.95), ("bad_net", 0.2))
    ]


def write_log(work: Path, folder: str) -> None:
    (work / folder).mkdir(parents=True)
    lines = [{"step": step, "loss": 2.0 - step / 10, "grad_norm": 1.0, "lr": 0.1} for step in range(10)]
    (work / folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_one_file_holds_everything(tmp_path: Path, files: list[Path]) -> None:
    write_log(tmp_path, "ucf101_ft-good_net-split1-seed0-01234567")
    write_report(files, tmp_path, lambda record: {}, tmp_path / "report.html")
    content = (tmp_path / "report.html").read_text()

    class Fetched(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            address = given.get("src") or (given.get("href") if tag == "link" else None)
            assert address is None or address.startswith("data:")

    Fetched().feed(content)
    assert content.count("<polyline") == 3
    assert "no trainings of this name" in content
    assert content.count('class="matrix"') == 2
    assert "Side by side" in content


def test_pairs_are_signed_and_say_if_they_are_apart(files: list[Path]) -> None:
    table = pairs(files)
    assert table[0][0]["words"] == ""
    assert table[0][1]["words"].startswith("+")
    assert table[1][0]["words"].startswith("-")
    assert table[0][1]["apart"] is table[1][0]["apart"] is True


def test_a_log_that_might_be_another_run_is_none(tmp_path: Path, files: list[Path]) -> None:
    record = read_record(files[0])
    for digest in ("01234567", "89abcdef"):
        write_log(tmp_path, f"ucf101_ft-good_net-split1-seed0-{digest}")
    steps, words = log_of(record, tmp_path)
    assert steps == []
    assert words.startswith("No curves: 2 trainings")


def test_a_failed_run_has_a_report(tmp_path: Path) -> None:
    some_entries(tmp_path)
    (file,) = tmp_path.glob("*unlucky*.json")
    write_report([file], tmp_path, lambda record: {}, tmp_path / "report.html")
    content = (tmp_path / "report.html").read_text()
    assert "This run ended as <strong>error</strong>" in content
    assert "[y](z)" in content
    assert "<!-- END" not in content


def test_data_that_are_not_the_record_s_are_named(tmp_path: Path, files: list[Path]) -> None:
    def absent(record: object) -> dict[str, Path]:
        raise UserError("no data there.")

    write_report(files[:1], tmp_path, absent, tmp_path / "report.html")
    assert "No clips: no data there." in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(("count", "told"), [(1, False), (2, False), (MOST_PAIRS + 1, True)])
def test_too_many_runs_to_compare_say_so(tmp_path: Path, files: list[Path], count: int, told: bool) -> None:
    write_report([files[index % 2] for index in range(count)], tmp_path, lambda record: {}, tmp_path / "report.html")
    content = (tmp_path / "report.html").read_text()
    assert (f"shown of at most {MOST_PAIRS} runs" in content) == told
    assert ("Side by side" in content) == (1 < count <= MOST_PAIRS)
