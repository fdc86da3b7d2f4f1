from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.boards.test_sections import some_entries
from tests.boards.web.test_build import HOSTILE, Links
from tests.boards.web.test_training_folder import write_log
from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards.web import report
from tta_bench.boards.web.report import MOST_OPEN, write_report
from tta_bench.errors import UserError
from tta_bench.records.store import read_record, write_record


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [
        write_success(tmp_path, some_predictions(share), keep_predictions=True, identity=some_identity(backbone=name))
        for name, share in (("good_net", 0.95), ("bad_net", 0.2))
    ]


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


@pytest.mark.parametrize(("count", "told"), [(1, False), (2, False), (4, True)])
def test_too_many_runs_to_compare_say_so(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch, count: int, told: bool
) -> None:
    monkeypatch.setattr(report, "MOST_PAIRS", 3)
    write_report([files[index % 2] for index in range(count)], tmp_path, lambda record: {}, tmp_path / "report.html")
    content = (tmp_path / "report.html").read_text()
    assert ("shown of at most 3 runs" in content) == told
    assert ("Side by side" in content) == (1 < count <= 3)


def written(files: list[Path], work: Path) -> str:
    write_report(files, work, lambda record: {}, work / "report.html")
    return (work / "report.html").read_text()


def test_the_score_stands_with_interval_and_chance(tmp_path: Path, files: list[Path]) -> None:
    near = write_success(tmp_path, some_predictions(0.1), identity=some_identity(backbone="near_chance"))
    good, bad = (written([file], tmp_path) for file in (files[0], near))
    assert "95 % interval" in good
    assert "; chance is 12.50" in good
    assert "never left it" not in good
    assert "never left it" in bad


def test_a_reaction_has_emotions_on_an_axis_with_a_middle(tmp_path: Path) -> None:
    content = written([write_reaction(tmp_path, some_intensities())], tmp_path)
    assert "<h2>Emotions</h2>" in content
    assert content.count('class="bar signed"') == 7
    assert "-1 to 1" in content


@pytest.mark.parametrize("steps", [0, 7])
def test_a_run_that_is_not_finished_says_how_far_it_is(tmp_path: Path, steps: int) -> None:
    file = write_record(some_record(), tmp_path)
    if steps:
        write_log(tmp_path, "ucf101_ft-videomaev2_vit_b-split1-seed0-01234567", file.stem, steps)
    content = written([file], tmp_path)
    assert "<strong>not finished</strong>: killed; last heard of" in content
    assert ("step 7 of 10" in content) == bool(steps)
    assert ("<polyline" in content) == bool(steps)
    assert "No curves" in content or steps


def test_a_record_that_does_not_stand_is_shown_and_stops_no_report(tmp_path: Path, files: list[Path]) -> None:
    record = read_record(files[0])
    assert record.metrics["top1"].low is not None
    metric = record.metrics["top1"].model_copy(update={"value": 0.999, "high": 1.0})
    forged = write_record(
        record.model_copy(update={"metrics": {**record.metrics, "top1": metric}}), tmp_path / "forged"
    )
    for ref in (record.outcomes, record.predictions):
        assert ref is not None
        (tmp_path / "forged" / ref.name).write_bytes((tmp_path / ref.name).read_bytes())
    content = written([forged, files[1]], tmp_path)
    assert "Verified: <strong>FAILED</strong>, its figures do not follow" in content


def test_clips_without_frames_say_what_is_missing(tmp_path: Path, files: list[Path]) -> None:
    content = written(files[:1], tmp_path)
    assert "taken for" in content
    assert "No frames: the data are not at hand. data.root=DIR" in content


@pytest.mark.parametrize("count", [MOST_OPEN, MOST_OPEN + 1])
def test_of_many_runs_each_opens_by_a_click(tmp_path: Path, files: list[Path], count: int) -> None:
    content = written([files[index % 2] for index in range(count)], tmp_path)
    assert content.count('<details class="run">') == (count if count > MOST_OPEN else 0)
    assert content.count("<h2>Licences and papers</h2>") == count
    assert content.count("data:image/svg+xml;base64,") == 1


@pytest.mark.parametrize(("room", "matrices"), [(0, 0), (9_000, 1)])
def test_what_has_no_room_is_left_out_and_said(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch, room: int, matrices: int
) -> None:
    assert written(files, tmp_path).count('class="matrix"') == 2
    monkeypatch.setattr(report, "ROOM", room)
    content = written(files, tmp_path)
    assert content.count('class="matrix"') == matrices
    assert "Left out, so that this file stays small: " in content


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("count", [1, 2])
def test_text_of_a_record_is_text(tmp_path: Path, text: str, count: int) -> None:
    many = [{"given": (text,), "identity": some_identity(seed=seed)} for seed in range(count)]
    content = written([write_success(tmp_path, some_predictions(), **fields) for fields in many], tmp_path)
    tags = Links(content).tags
    assert [attributes for tag, attributes in tags if tag == "script"] == [{}]
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
    assert "alert(1)" in content or "alert" not in text


@pytest.mark.parametrize(("room", "shown"), [(0, 0), (50, 1), (2_000_000, 2)])
def test_pictures_of_a_pre_training_take_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, shown: int
) -> None:
    monkeypatch.setattr(report, "ROOM", room)
    monkeypatch.setattr(report, "restored", lambda *_: ["data:image/png;base64,cGljdHVyZQ=="])
    started = [write_record(some_record(identity=some_identity(seed=seed)), tmp_path) for seed in (0, 1)]
    content = written(started, tmp_path)
    assert content.count("data:image/png") == shown
    assert content.count("restored. A report of fewer runs") == 2 - shown
