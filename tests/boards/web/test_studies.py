from __future__ import annotations

import json
from pathlib import Path

import pytest

from tta_bench.boards.web.studies import FIGURES, TABLE, members, read_table, studies_of, work_folder
from tta_bench.errors import UserError
from tta_bench.protocols.scaling import run

TEXT = """# study: net on corpus

Each size is pre-trained for 2 steps.

| clips | top-1 |
|---:|---:|
| 16 | 12.50 |
| 32 | 13.50 |

One seed.

Curve: not identifiable.
"""


@pytest.fixture(params=["one judge", "two judges"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    folder = tmp_path / "tta_scaling-net-01234567"
    folder.mkdir()
    one, two = ({"points": [{"record": name}]} for name in ("first", "second"))
    both = {"points": [*one["points"], *two["points"]]}
    (folder / FIGURES).write_text(json.dumps(both if request.param == "one judge" else {"a": one, "b": two}))
    (folder / TABLE).write_text(TEXT if request.param == "one judge" else f"{TEXT}\n{TEXT}")
    (folder / "curve.svg").write_text("<svg/>")
    return folder


def test_a_study_stands_for_the_records_of_its_points(study: Path, tmp_path: Path) -> None:
    assert members(study.name, tmp_path) == members(study, Path("elsewhere")) == ["first", "second"]
    assert members("a_record", tmp_path) == ["a_record"]


def test_studies_of_two_work_folders_are_no_one_page(study: Path, tmp_path: Path) -> None:
    assert work_folder([study, "a_record", study]) == tmp_path
    assert work_folder(["a_record"]) == Path("runs")
    (tmp_path / "other" / "study").mkdir(parents=True)
    (tmp_path / "other" / "study" / FIGURES).write_text("{}")
    with pytest.raises(UserError, match="several work folders"):
        work_folder([study, tmp_path / "other" / "study"])


@pytest.mark.parametrize(("names", "shown"), [(["first", "second", "third"], 1), (["first"], 0), ([], 0)])
def test_a_study_is_shown_with_all_of_its_runs_alone(study: Path, tmp_path: Path, names: list[str], shown: int) -> None:
    assert len(studies_of(names, tmp_path)) == shown


def test_its_table_is_read(study: Path, tmp_path: Path) -> None:
    [shown] = studies_of(["first", "second"], tmp_path)
    for part in shown.parts:
        assert part.title == "study: net on corpus"
        assert part.before == ("Each size is pre-trained for 2 steps.",)
        assert part.head == ("clips", "top-1")
        assert part.rows == (("16", "12.50"), ("32", "13.50"))
        assert part.after == ("One seed.", "Curve: not identifiable.")
    assert shown.pictures == ("data:image/svg+xml;base64,PHN2Zy8+",)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"points": 3}', '{"a": {"points": [{}]}}', "null"])
def test_another_file_is_no_study(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / FIGURES).write_text(text)
    assert studies_of(["a"], tmp_path) == []


def test_files_are_called_as_a_study_calls_them() -> None:
    assert (TABLE, FIGURES) == (run.TABLE, run.FIGURES)
    assert list(read_table("no heading")) == []
