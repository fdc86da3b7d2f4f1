"""``tta-bench report``: one page about some runs."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.completion import complete_runs
from tta_bench.cli.options import folder_of_runs, label_words, load_plugins, plugin_option
from tta_bench.utils.files import is_there


@click.command("report")
@click.argument(
    "arguments", nargs=-1, required=True, metavar="RUN|RECORD... [data.root=DIR]", shell_complete=complete_runs
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of the page.  [default: .]",
)
@folder_of_runs("Where the records and logs of the runs are.  [default: beside a study, else runs]", default=None)
@plugin_option
def command(arguments: tuple[str, ...], into: Path, work_dir: Path | None, plugins: tuple[Path, ...]) -> None:
    """Write one HTML file about runs.

    \b
    tta-bench report ucf101_ft__resnet50__split1_seed0__1a2b3c4d
    tta-bench report runs/records/*.json --into report

    The page shows curves, figures of each class, confusion, worst clips, cost and licences, and how to reproduce them.
    A run is named as `tta-bench list runs` prints it, or by its record's file. A scaling study is named by its folder,
    and stands for all of its runs. The page needs no other file. Several runs are compared pair by pair. Frames of the
    worst clips need the data: the embedded sample is at hand, other data are with data.root=DIR.
    """
    from tta_bench.boards.web.studies import members, work_folder
    from tta_bench.errors import UserError
    from tta_bench.results import file_of, report

    load_plugins(plugins)
    named = [argument for argument in arguments if "=" not in argument or is_there(Path(argument))]
    root = label_words(word for word in arguments if word not in named).get("data.root")
    folder = work_dir or work_folder(named)
    records = [file_of(one, folder) for name in named for one in members(name, folder)]
    if not records:
        raise UserError("no run was named.", "`tta-bench list runs` names them.")
    path = into / (f"{records[0].stem}.html" if len(records) == 1 else "report.html")
    into.mkdir(parents=True, exist_ok=True)
    report(*records, into=path, work_dir=folder, data_root=root)
    click.echo(f"{path}: {path.stat().st_size / 1e6:.2f} MB")
