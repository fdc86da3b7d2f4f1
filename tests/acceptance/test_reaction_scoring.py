"""What the suite promises of scored reactions: the challenge's own measure, any team's file, figures with a source."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from tta_bench.boards.published import read_published
from tta_bench.cli import main
from tta_bench.data.datasets.hume_reaction import EMOTIONS
from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings, plan, write_table
from tta_bench.metrics.pearson import mean_pearson, pearson
from tta_bench.protocols.reaction.challenge_files import write_outputs

pytestmark = pytest.mark.acceptance
COMMITTED = Path(__file__).parents[2] / "leaderboards"
SOURCED = {
    ("val", "0.2840"), ("test", "0.2801"), ("val", "0.2488"), ("val", "0.1087"), ("val", "0.0583"), ("test", "0.4080"),
    ("test", "0.4380"), ("val", "0.4429"), ("test", "0.4547"), ("val", "0.455"), ("not stated", "0.3968"),
    ("test", "0.3879"), ("not stated", "0.3254"),
}  # fmt: skip
"""Part and figure of what others reported, as far as a source was read."""
RECALLED = ("0.4734", "0.458", "0.523", "0.4046", "0.3667", "0.1830", "0.0741", "0.0552")
"""Figures that are quoted here and there, and for which no source was found."""
VAL = [clip for clip in plan(ReactionSampleSettings()) if clip.part == "val"]
TARGETS = np.array([clip.targets for clip in VAL])
OUTPUTS = (TARGETS + np.random.default_rng(0).normal(0, 0.4, TARGETS.shape)).astype(np.float32)


def official(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The measure of MuSe 2022's Reaction task: the mean over the emotions of scipy's r over all clips of a split."""
    return float(np.mean([pearsonr(outputs[:, i], targets[:, i])[0] for i in range(targets.shape[1])]))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """ABAW5's table of made-up clips, with subjects."""
    write_table(tmp_path / "data_info.csv", list(plan(ReactionSampleSettings())))
    return tmp_path / "data_info.csv"


@pytest.fixture
def team(tmp_path: Path) -> Path:
    write_outputs(tmp_path / "team.csv", [clip.id for clip in VAL], OUTPUTS, EMOTIONS)
    return tmp_path / "team.csv"


def test_1_the_metric_is_scipys_and_the_challenges() -> None:
    draw, worst, defined = np.random.default_rng(0), 0.0, 0
    cases = [(int(draw.integers(3, 400)), int(draw.integers(1, 9))) for _ in range(300)] + [(4657, 7)] * 3
    for n, k in cases:
        targets = draw.random((n, k)) * (draw.random((n, k)) > 0.3)
        outputs = draw.normal(0, 10 ** draw.uniform(-4, 2), (n, k)) + draw.uniform(0, 1) * targets
        if draw.random() < 0.2:
            outputs[:, 0] = outputs[0, 0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = np.array([pearsonr(outputs[:, i], targets[:, i])[0] for i in range(k)])
            whole = official(outputs, targets)
        ours = pearson(outputs, targets)
        finite = np.isfinite(theirs)
        assert np.array_equal(np.isfinite(ours), finite)
        worst = max([worst, *np.abs(ours[finite] - theirs[finite])])
        if np.isfinite(whole):
            defined += 1
            worst = max(worst, abs(mean_pearson(ours) - whole))
    print(f"\n{len(cases)} cases, the official formula defined in {defined}: largest difference {worst:.1e}")
    assert worst < 1e-9
    assert 100 < defined < len(cases)


def test_1_a_challenge_file_gets_the_official_score(table: Path, team: Path, tmp_path: Path) -> None:
    words = ("eval", "protocol=abaw_eri", f"predictions={team}", f"labels={table}", "--json")
    command = [sys.executable, "-m", "tta_bench", *words, "--work-dir", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(done.stdout)
    found = record["metrics"]["pearson"]
    expected = official(OUTPUTS.astype(np.float64), TARGETS)
    print(f"\n{found['value']:.4f} [{found['low']:.4f}, {found['high']:.4f}], official formula {expected:.4f}")
    assert found["value"] == pytest.approx(expected, abs=1e-7)
    assert found["low"] < found["value"] < found["high"]
    assert (found["n"], found["n_groups"]) == (len(VAL), len({clip.subject for clip in VAL}))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "runs" / "records").iterdir())
    assert not any(clip.subject.encode() in kept for clip in VAL)


def in_process(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """Run the command line, and return its exit code and all that it said."""
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0), "".join(capsys.readouterr())
    return 0, "".join(capsys.readouterr())


Lines = list[list[str]]


def without(place: int) -> Callable[[Lines], object]:
    return lambda lines: [line.pop(place) for line in lines]


BAD_FILES: list[tuple[str, Callable[[Lines], object], str]] = [
    ("missing ids", lambda lines: lines.__delitem__(slice(1, 3)), f"2 missing: {VAL[0].id}, {VAL[1].id}"),
    ("a duplicate id", lambda lines: lines.append(lines[1]), f"1 repeated: {VAL[0].id}"),
    ("an unknown id", lambda lines: lines.append(["[99999]", *lines[1][1:]]), "1 not of this split: 99999"),
    ("a missing column", without(3), "1 columns are missing: Anxiety"),
    ("an unknown column", lambda lines: [line.append("Joy") for line in lines], "1 columns are unknown: Joy"),
    ("NaN", lambda lines: lines[4].__setitem__(2, "nan"), f"1 rows: {VAL[3].id} (Amusement is nan)"),
    ("an empty file", lambda lines: lines.clear(), "team.csv is empty"),
    ("only a first line", lambda lines: lines.__delitem__(slice(1, None)), "team.csv is empty"),
]
BAD_LABELS: list[tuple[str, Callable[[Lines], object], str]] = [
    ("labels outside 0 to 1", lambda lines: lines[-20].__setitem__(2, "1.5"), "outside 0 to 1 in 1 rows"),
    ("a label missing", lambda lines: lines[-20].__setitem__(2, ""), "empty or NaN values in 1 rows"),
    ("a missing label column", without(4), "1 columns are missing: Anxiety"),
    ("an empty labels file", lambda lines: lines.clear(), "data_info.csv is empty"),
]


@pytest.mark.parametrize(
    ("which", "spoil", "said"),
    [("team", *case[1:]) for case in BAD_FILES] + [("table", *case[1:]) for case in BAD_LABELS],
    ids=[case[0] for case in BAD_FILES + BAD_LABELS],
)
def test_a_bad_file_is_named_and_gets_no_score(
    team: Path,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    which: str,
    spoil: Callable[[Lines], object],
    said: str,
) -> None:
    path = {"team": team, "table": table}[which]
    lines = [line.split(",") for line in path.read_text().splitlines()]
    spoil(lines)
    path.write_text("\n".join(map(",".join, lines)))
    words = ("eval", "protocol=abaw_eri", f"predictions={team}", f"labels={table}", "--work-dir", tmp_path / "runs")
    code, out = in_process(capsys, *words)
    print(f"\nexit {code}: {out.strip()}")
    assert code == 2
    assert said in " ".join(out.split())
    assert not (tmp_path / "runs" / "records").exists()


def test_any_order_and_ids_without_brackets_are_read_rightly(
    team: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line.split(",") for line in team.read_text().splitlines()]
    turned = [lines[0][::-1], *([cell.strip("[]") for cell in line[::-1]] for line in lines[:0:-1])]
    (tmp_path / "turned.csv").write_text("\n".join(map(",".join, turned)))
    figures = set()
    for path in (team, tmp_path / "turned.csv"):
        words = ("eval", "protocol=abaw_eri", f"predictions={path}", f"labels={table}", "--json")
        code, out = in_process(capsys, *words, "--work-dir", tmp_path / "runs")
        assert code == 0, out
        metric = re.search(r'"pearson": \{[^}]*\}', out)
        assert metric
        figures.add(metric.group())
    assert len(figures) == 1


def test_4_the_board_has_every_sourced_figure_and_no_other() -> None:
    text = (COMMITTED / "abaw_eri.md").read_text(encoding="utf-8")
    published = read_published(COMMITTED / "published")["abaw_eri"]
    found = {(row.split, row.value) for row in published.rows}
    assert found >= SOURCED
    assert {row.split for row in published.rows} == {"val", "test", "not stated"}
    lines = [line for line in text.splitlines() if line.startswith("|")]
    for row in published.rows:
        assert row.source
        assert any(f" {row.value} | {row.split} " in " ".join(line.split()) for line in lines), row
    assert "as their authors report it" in text
    assert not any(figure in text for figure in RECALLED)
    print(f"\n{len(published.rows)} figures on the board, each with val or test and its source")
