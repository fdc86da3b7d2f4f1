"""``tta-bench leaderboard``: write the boards, check them, or print their rows in another form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tta_bench.cli.options import boards_option, load_plugins, plugin_option


@click.command("leaderboard")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a record was edited or a board is stale.")
@boards_option
@click.option(
    "--records",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    help="Folder of records, several times if need be.  [default: records/ beside the boards]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "json", "latex"]),
    default="md",
    show_default=True,
    help="md writes the boards; the others print all rows and write nothing.",
)
@plugin_option
def command(check: bool, boards: Path, records: tuple[Path, ...], form: str, plugins: tuple[Path, ...]) -> None:
    """Render the Markdown leaderboards from records, between the markers; the same records give the same bytes."""
    from tta_bench.errors import CheckFailed, UserError

    load_plugins(plugins)
    folders = records or (boards / "records",)
    missing = [str(folder) for folder in (*folders, boards / "published") if not folder.is_dir()]
    if missing:
        raise UserError(f"there is no folder {' and no '.join(missing)}.", "Say --boards DIR, or --records DIR.")
    if check and form != "md":
        raise UserError("--check compares Markdown boards, so it goes with no other --format.")
    said, problems = _check(folders, boards) if check else _write(folders, boards, form)
    if said and not (check and problems):
        click.echo(said, nl=form == "md")
    if problems:
        raise CheckFailed("\n".join(problems))


def _check(folders: Sequence[Path], boards: Path) -> tuple[str, list[str]]:
    from tta_bench.boards.write import check_boards

    return "every record is as it was written, and every board is up to date", check_boards(folders, boards, boards)


def _write(folders: Sequence[Path], boards: Path, form: str) -> tuple[str, list[str]]:
    """Write the boards and return their names, or return their rows in another form; and the problems of records."""
    from tta_bench.boards.export import WRITERS
    from tta_bench.boards.write import collect_entries, update_boards

    if form == "md":
        paths, problems = update_boards(folders, boards, boards)
        return "\n".join(map(str, paths)), problems
    entries, problems = collect_entries(folders, boards, boards)
    return WRITERS[form](entries), problems
