from __future__ import annotations

from pathlib import Path

from tests.boards.some_rows import THREE, entries, entry
from tests.records.some_intensities import some_intensities, write_reaction
from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.boards.board import Board, Table
from tta_bench.boards.markdown import BEGIN, END, as_markdown
from tta_bench.boards.own_data import BoardKey
from tta_bench.boards.published import Published, Reported
from tta_bench.boards.rows import Entry
from tta_bench.boards.sections import make_board
from tta_bench.boards.standing import aside
from tta_bench.cards.kinds import Tier
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.records.files import read_outcomes
from tta_bench.records.identity import DatasetRef, WeightsRef
from tta_bench.records.schema import Cost
from tta_bench.records.store import read_record, write_record

GOLDEN = Path(__file__).parent / "golden.md"
K400 = WeightsRef.model_validate(
    {"name": "videomae_k400", "sha256": "0" * 64, "pretraining": {"data": "Kinetics-400", "labels": False}}
)
PUBLISHED = Published(
    figure="top-1 %",
    note="As reported.",
    rows=(
        Reported(
            method="VideoMAE",
            year=2022,
            backbone="ViT-B",
            pretraining="Kinetics-400",
            labels=False,
            value="96.1",
            source="README",
            link="https://arxiv.org/abs/2203.12602",
        ),
        Reported(
            method="C3D", year=2015, pretraining="Sports-1M", labels=True, value="83.1", split="1", source="README"
        ),
    ),
)


def success(folder: Path, accuracy: float, record: dict[str, object] | None = None, **identity: object) -> Path:
    reverse = identity.get("control") == "reversed"
    predictions = some_predictions(accuracy, split=str(identity.get("split", "1")), reverse=reverse)
    return write_success(folder, predictions, identity=some_identity(**{"dataset": THREE} | identity), **(record or {}))


def some_entries(folder: Path) -> list[Entry]:
    """Return records of every kind that a board knows."""
    for split in "123":
        success(folder, 0.9, split=split, weights=K400)
        success(folder, 0.88, split=split, backbone="timm/resnet50", precision="bf16")
        success(folder, 0.4, split=split, backbone="tuned_net", track="tuned")
    success(folder, 0.95, {"cost": None, "input": None}, backbone="only_split_1")
    success(folder, 0.2, weights=K400, control="frozen")
    success(folder, 0.3, weights=K400, control="reversed")
    outside = {"origin": "scored", "environment": None, "cost": None, "input": None, "phases": ()}
    success(folder, 0.6, outside, backbone="from_outside", precision=None)
    given = ("protocol=ucf101_ft", "data.root=<data.root>", "eval.segments=2")
    success(folder, 0.85, {"given": given}, standard=False, backbone="fewer_views")
    cause = "NaN loss at step 12 | <!-- END GENERATED --> `x` [y](z)"
    write_record(some_record(identity=some_identity(backbone="unlucky"), status="error", cause=cause), folder)
    return read_entries(folder)


def read_entries(folder: Path) -> list[Entry]:
    entries = []
    for path in sorted(folder.glob("*.json")):
        record = read_record(path)
        outcomes = read_outcomes(folder / record.outcomes.name) if record.outcomes else None
        link = f"records/{path.name}"
        entries.append(Entry(record, link, outcomes, word="arithmetic", aside=aside(record, own=False)))
    return entries


def board_of(entries: list[Entry], published: Published | None = None) -> Board:
    return make_board(BoardKey("ucf101_ft", "full"), entries, published)


def render_board(protocol: str, tier: Tier, entries: list[Entry], published: Published | None = None) -> str:
    return as_markdown(make_board(BoardKey(protocol, tier), entries, published))


def test_golden_board(tmp_path: Path) -> None:
    assert render_board("ucf101_ft", "full", some_entries(tmp_path), PUBLISHED) == GOLDEN.read_text()


def test_order_of_the_records_does_not_matter(tmp_path: Path) -> None:
    entries = some_entries(tmp_path)
    boards = {
        render_board("ucf101_ft", "full", order, PUBLISHED)
        for order in (entries, entries[::-1], entries[5:] + entries[:5])
    }
    assert len(boards) == 1


def test_few_groups_are_marked(tmp_path: Path) -> None:
    write_success(tmp_path, some_predictions(groups=16))
    board = render_board("ucf101_ft", "sample", read_entries(tmp_path))
    assert " † " in board
    assert "† Fewer than 20 groups" in board
    assert "embedded sample" in board


def test_an_empty_board_says_so() -> None:
    board = render_board("ucf101_ft", "full", [])
    assert "Nothing yet." in board
    assert board.startswith(BEGIN)
    assert board.endswith(END + "\n")


def test_markers_are_there_once_whatever_records_say(tmp_path: Path) -> None:
    board = render_board("ucf101_ft", "full", some_entries(tmp_path))
    assert board.count(END) == 1
    assert board.count(BEGIN) == 1


def test_unknown_cost_is_said_to_be_unknown(tmp_path: Path) -> None:
    cost = Cost(parameters=None, gmacs_per_view=None, views=15)
    write_success(tmp_path, some_predictions(), cost=cost)
    assert "| ? x 15 " in render_board("ucf101_ft", "full", read_entries(tmp_path)).replace("|          ? x", "| ? x")


def test_a_board_shows_r_with_four_decimals_and_every_emotion(tmp_path: Path) -> None:
    runs = entries(tmp_path, 0.5, 3.0)
    board = render_board("abaw_eri", "full", runs)
    metric = runs[0].record.metrics["pearson"]
    assert f"{metric.value:.4f} | {metric.low:.4f} to {metric.high:.4f}" in " ".join(board.split()).replace("  ", " ")
    emotions = board.split("### Emotion by emotion")[1].split("###")[0]
    assert all(f"{runs[0].record.per_class[name]:.4f}" in emotions for name in EMOTIONS)
    assert "mean r" in board
    assert "top-1" not in board
    assert not any(mark in board for mark in "‡§")


def test_a_board_says_what_is_a_bound_and_what_is_hidden(tmp_path: Path) -> None:
    board = render_board("abaw_eri", "full", entries(tmp_path, 0.5, hidden=True, known=False))
    assert "‡ §" in board
    assert "at least this wide" in board
    assert "verifiable with the data only" in " ".join(board.split())


def test_an_undefined_r_is_shown_as_such(tmp_path: Path) -> None:
    predictions = some_intensities()
    predictions.outputs[:, 0] = 0.5
    board = render_board("abaw_eri", "full", [entry(write_reaction(tmp_path, predictions))])
    assert board.split("### Emotion by emotion")[1].count("undefined |") == 1


def test_a_board_is_a_value_of_typed_cells(tmp_path: Path) -> None:
    board = board_of(some_entries(tmp_path), PUBLISHED)
    keys = ["measured", "controls", "scored", "not_standard", "left_out", "reported"]
    assert [section.key for section in board.sections] == keys
    (table,) = board.ranked()
    columns = [column.key for column in table.columns]
    assert columns[:5] == ["rank", "backbone", "score", "interval", "verified"]
    assert {"clips", "groups", "track", "splits"} <= set(columns)
    first = dict(zip(columns, table.rows[0], strict=True))
    assert (first["clips"].words, first["groups"].words, first["verified"].words) == ("288", "72", "arithmetic")
    (circumstances,) = (part for _, part in board.tables() if part.continues)
    listed = dict(zip([column.key for column in circumstances.columns], circumstances.rows[0], strict=True))
    assert (listed["version"].words, listed["numerics"].words, listed["date"].words) == ("1", "-", "2026-11-22")


def test_what_is_not_standard_says_what_differs(tmp_path: Path) -> None:
    (section,) = (part for part in board_of(some_entries(tmp_path)).sections if part.key == "not_standard")
    table = section.parts[1]
    assert isinstance(table, Table)
    assert "changed: eval.segments=2" in [cell.words for cell in table.rows[0]]


def test_validation_and_test_figures_are_never_in_one_table(tmp_path: Path) -> None:
    for part in ("val", "test"):
        dataset = DatasetRef(name="hume_reaction", manifest_sha256="0" * 64, splits=(part,))
        write_reaction(tmp_path, some_intensities(), split=part, dataset=dataset, backbone=f"of_{part}")
    rows = tuple(
        Reported(method=f"by {n}", year=2023, value=".4", split=split, source="x")
        for n, split in enumerate(("val", "test", "Validation", "not stated"))
    )
    reported = Published(figure="mean r", note="n", rows=rows)
    runs = [entry(path) for path in sorted(tmp_path.glob("*.json"))]
    board = make_board(BoardKey("abaw_eri", "full"), runs, reported)
    tables = [(section.key, table) for section, table in board.tables() if not table.continues]
    titles = [(key, table.title, len(table.rows)) for key, table in tables]
    assert titles == [
        *(("measured", "Validation", 1), ("measured", "Test", 1)),
        *(("reported", "Validation", 2), ("reported", "Test", 1), ("reported", "Other splits", 1)),
    ]


def test_replaced_runs_are_folded_and_their_links_say_which_they_are(tmp_path: Path) -> None:
    runs = []
    for hour in (11, 12):
        for control in ("none", "frozen"):
            identity, finished = some_identity(control=control), f"2026-11-22T{hour}:00:00Z"
            write_success(tmp_path / f"{hour}", some_predictions(0.9), identity=identity, finished=finished)
        runs += read_entries(tmp_path / f"{hour}")
    page = as_markdown(board_of(runs))
    folded = page.split("<details><summary>replaced by a newer run (2)</summary>")[1].split("</details>")[0]
    assert "[1/0][" in folded
    assert "[1/0 frozen][" in folded
