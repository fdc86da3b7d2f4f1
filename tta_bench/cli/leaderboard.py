"""``tta-bench leaderboard``: write the boards, or check them."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("leaderboard")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a record was edited or a board is stale.")
@click.option(
    "--boards",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("leaderboards"),
    show_default=True,
    help="Where the boards are, with published/ beside them.",
)
@click.option(
    "--records",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    help="Folder of records, several times if need be.  [default: records/ beside the boards]",
)
def command(check: bool, boards: Path, records: tuple[Path, ...]) -> None:
    """Render the Markdown leaderboards from records, between the markers; the same records give the same bytes."""
    from tta_bench.boards.write import check_boards, update_boards
    from tta_bench.errors import CheckFailed, UserError

    folders = records or (boards / "records",)
    missing = [str(folder) for folder in (*folders, boards / "published") if not folder.is_dir()]
    if missing:
        raise UserError(f"there is no folder {' and no '.join(missing)}.", "Say --boards DIR, or --records DIR.")
    if check:
        problems = check_boards(folders, boards, boards / "published")
    else:
        paths, problems = update_boards(folders, boards, boards / "published")
        click.echo("\n".join(map(str, paths)))
    if problems:
        raise CheckFailed("\n".join(problems))
    if check:
        click.echo("every record is as it was written, and every board is up to date")
