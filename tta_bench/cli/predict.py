"""``tta-bench predict``: a finished run's classes, or intensities, for any videos."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.options import plugin_option, work_dir_option
from tta_bench.utils.printable import counted

if TYPE_CHECKING:
    from tta_bench.protocols.predict import Predictor
    from tta_bench.protocols.predict_reactions import ReactionPredictor, Scored


@click.command("predict")
@click.argument("run")
@click.argument("arguments", nargs=-1, required=True, metavar="VIDEO... [KEY=VALUE...]")
@click.option(
    "--top", type=click.IntRange(1), help="Classes of each video or window: 5; of a reaction, all its intensities."
)
@click.option(
    "--every", type=click.FloatRange(0.04), help="Score a window every so many seconds, not the video as a whole."
)
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@work_dir_option
@plugin_option
def command(
    run: str,
    arguments: tuple[str, ...],
    top: int | None,
    every: float | None,
    form: str,
    work_dir: Path,
    plugins: tuple[Path, ...],
) -> None:
    """Print classes or intensities of videos, by a finished run.

    These are the most probable classes, or the intensities of a reaction, by its model.

    \b
    tta-bench predict ucf101_knn-resnet50-split1-seed0-1a2b3c4d holiday.mp4
    tta-bench predict runs/records/RECORD.json *.mp4 --top 1 --format csv
    tta-bench predict RUN match.mp4 --every 2 --format json

    RUN is a run's folder in the work folder, or its record's name or file (of a reaction, only these two). A video as a
    whole is scored by the views that the protocol tests with; a window of --every has the model's frames, of a reaction
    12 seconds with their sound. Keys such as weights=FILE or runtime.device=cpu go before those of the run. A video
    that cannot be decoded is named, the others go on, and the exit code is 1.
    """
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.registry import load_files

    words = [word for word in arguments if "=" in word and not Path(word).exists()]
    videos = [Path(word) for word in arguments if word not in words]
    if absent := [str(path) for path in videos if not path.exists()]:
        raise UserError(f"there is no video {', '.join(absent)}.")
    if not videos:
        raise UserError("no video was named.", "tta-bench predict RUN VIDEO...")
    code = load_files(plugins)

    from tta_bench.data.media.container import UnreadableVideo
    from tta_bench.protocols.predict import Finder

    predictor = Finder(run, work_dir, words, code).predictor()
    rows: list[dict[str, Any]] = []
    broken: list[str] = []
    for video in videos:
        try:
            rows += scored(predictor, video, top, every)
        except UnreadableVideo as error:
            broken.append(f"{video}: {error.reason}")
    click.echo(printed(rows, form))
    for line in broken:
        click.echo(f"left out, unreadable: {line}", err=True)
    if broken:
        raise CheckFailed(f"{len(broken):,} of {counted(len(videos), 'video')} could not be read.")


def scored(
    predictor: Predictor | ReactionPredictor, video: Path, top: int | None, every: float | None
) -> list[dict[str, Any]]:
    """Return a row for each of the most probable classes of a video, or of each of its windows; or its intensities.

    Raises:
        UnreadableVideo: It cannot be decoded.
    """
    from tta_bench.protocols.predict import Predictor
    from tta_bench.protocols.predict_reactions import Scored

    if every is not None:
        found: Iterable[Scored] = predictor.along(video, every)
    else:
        found = [Scored(None, None, predictor.whole(video))]
    kind, figure = ("class", "probability") if isinstance(predictor, Predictor) else ("emotion", "intensity")
    most = top or (5 if isinstance(predictor, Predictor) else len(predictor.classes))
    return [
        {
            "video": str(video),
            "start": None if window.start is None else round(window.start, 3),
            "end": None if window.end is None else round(window.end, 3),
            "rank": rank,
            kind: predictor.classes[index],
            figure: float(window.scores[index]),
        }
        for window in found
        for rank, index in enumerate((-window.scores).argsort(kind="stable")[:most], start=1)
    ]


def printed(rows: Sequence[dict[str, Any]], form: str) -> str:
    """Return rows as a table, as CSV or as JSON."""
    if form == "json":
        return json.dumps(rows, indent=2, ensure_ascii=False)
    kind, figure = ("emotion", "intensity") if rows and "emotion" in rows[0] else ("class", "probability")
    columns = ["video", "start", "end", "rank", kind, figure]
    if form == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().rstrip("\n")
    from tabulate import tabulate

    shown = [name for name in columns if name not in ("start", "end") or any(row[name] is not None for row in rows)]
    return tabulate([[row[name] for name in shown] for row in rows], shown, tablefmt="github", floatfmt=".4f")
