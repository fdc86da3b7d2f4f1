"""``tta-bench leaderboard``: write the boards, check them, or print their rows in another form."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from tta_bench.cli.options import load_plugins, plugin_option
from tta_bench.utils.threads import one_matrix_thread

CHECKOUT = Path("leaderboards")
"""The boards of a checkout of the suite, seen from its root."""
WORK = Path("runs")
"""The usual work folder."""


class Place(NamedTuple):
    """Folders that a call is about."""

    records: tuple[Path, ...]
    """Folders of records."""
    boards: Path
    """Folder of the boards."""
    official: Path
    """Folder of ``published/``, ``errata.yaml`` and ``replaced.yaml``."""
    own: tuple[Path, ...] = ()
    """Those of ``records`` that are of one's own: an export leaves boards without any of them out."""


@contextmanager
def kept() -> Iterator[None]:
    """Look for no garbage inside, and multiply matrices on one thread, unless the user says another number.

    Records and modules stay to the end, and are looked through again and again else.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        with one_matrix_thread():
            yield
    finally:
        if enabled:
            gc.enable()


@click.command("leaderboard")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a record was edited or a board is stale.")
@click.option(
    "--boards",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the boards are, with records/, published/ and errata.yaml.  [default: leaderboards, in a checkout]",
)
@click.option(
    "--work-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of your own runs, whose boards stand beside the official rows.  [default: runs]",
)
@click.option(
    "--records",
    type=click.Path(file_okay=False, path_type=Path),
    multiple=True,
    help="Folder of records, or a work folder; several are merged.  [default: records/ of either]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "csv", "json", "latex"]),
    default="md",
    show_default=True,
    help="md writes the boards; the others print all rows of all sections and write nothing.",
)
@click.option(
    "--unseen",
    is_flag=True,
    help="With another --format: only rows whose weights are known to share no source with the test clips.",
)
@click.option(
    "--since",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Write nothing; print the rows of the records that DIR, the boards as they were before, has not.",
)
@click.option(
    "--html",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write web pages instead: they need no server, and fetch nothing.",
)
@plugin_option
@kept()
def command(
    check: bool,
    boards: Path | None,
    work_dir: Path | None,
    records: tuple[Path, ...],
    form: str,
    unseen: bool,
    since: Path | None,
    html: Path | None,
    plugins: tuple[Path, ...],
) -> None:
    """Render the leaderboards from records.

    \b
    tta-bench leaderboard --format latex            tables of your own runs
    tta-bench leaderboard --records A --records B   runs of two machines
    tta-bench leaderboard --html pages              pages for a browser
    tta-bench leaderboard --check                   are the boards up to date?
    tta-bench leaderboard --since ../leaderboards   rows that this checkout adds

    The same records give the same bytes. In a checkout of the suite it writes and checks its boards; elsewhere, and for
    the other forms, it reads the work folder, with the official rows beside yours. Data of your own have a board for
    each dataset, without other rows.
    """
    from tta_bench.boards.escape import plain
    from tta_bench.errors import CheckFailed, UserError

    load_plugins(plugins)
    if check + (since is not None) + (form != "md") + (html is not None) > 1:
        raise UserError("--check, --since, --html and another --format are four works: say one of them.")
    if unseen and form == "md":
        raise UserError("--unseen prints rows, and writes no boards.", "Say --format csv, json or latex.")
    place = find_place(boards, work_dir, records, form)
    missing = [str(folder) for folder in (*place.records, place.official / "published") if not folder.is_dir()]
    if missing:
        raise UserError(
            f"there is no folder {' and no '.join(missing)}.", "Say --work-dir DIR, --records DIR, or --boards DIR."
        )
    if since is not None:
        said, problems = _news(place, since)
    elif html is not None:
        said, problems = _pages(place, html)
    else:
        said, problems = _check(place) if check else _write(place, form, unseen)
    if said and not (check and problems):
        click.echo(said, nl=form == "md" and not said.endswith("\n"))
    if problems:
        raise CheckFailed("\n".join(map(plain, problems)))


def find_place(boards: Path | None, work_dir: Path | None, records: Sequence[Path], form: str) -> Place:
    """Return the folders that the options name.

    Args:
        boards: A folder of boards.
        work_dir: A work folder.
        records: Folders of records, or work folders.
        form: Form of the output.
    """
    from tta_bench.boards.write import official_folder

    given = tuple(folder / "records" if (folder / "records").is_dir() else folder for folder in records)
    if boards is None and work_dir is None and not given:
        in_checkout = (CHECKOUT / "published").is_dir()
        boards = CHECKOUT if in_checkout and (form == "md" or not (WORK / "records").is_dir()) else None
    if boards is not None:
        official = boards if (boards / "published").is_dir() else official_folder()
        return Place(given or (boards / "records",), boards, official)
    folder, official = work_dir or WORK, official_folder()
    own = given or (folder / "records",)
    return Place(given or (official / "records", *own), folder / "leaderboards", official, own)


def _check(place: Place) -> tuple[str, list[str]]:
    from tta_bench.boards.write import check_boards

    problems = check_boards(place.records, place.boards, place.official)
    return "every record is as it was written, and every board is up to date", problems


def _news(place: Place, since: Path) -> tuple[str, list[str]]:
    """Return the rows of the records that an earlier state of the boards has not, among their neighbours."""
    from tta_bench.boards.collect import collect_entries
    from tta_bench.boards.export import all_boards
    from tta_bench.boards.neighbours import rows_of
    from tta_bench.boards.published import quote_published
    from tta_bench.records.store import record_files

    before = {path.name: path.read_bytes() for path in record_files(since / "records")}
    after = [path for folder in place.records for path in record_files(folder)]
    names = {path.stem for path in after if before.get(path.name) != path.read_bytes()}
    collected = collect_entries(place.records, place.boards, place.official)
    boards = all_boards(collected, quote_published(place.official / "published").published)
    shown = [f"{board.title}\n\n{rows}\n" for board in boards if (rows := rows_of(board, names))]
    return "\n".join(shown) or "no row is new or changed", collected.problems


def _pages(place: Place, folder: Path) -> tuple[str, list[str]]:
    """Write web pages and return the first one's name; and the problems of records."""
    from tta_bench.boards.collect import collect_entries
    from tta_bench.boards.published import quote_published
    from tta_bench.boards.web.build import write_site

    quoted = quote_published(place.official / "published")
    collected = collect_entries(place.records, place.boards, place.official)
    written = write_site(collected, quoted.published, place.boards, folder)
    problems = [*quoted.problems, *collected.problems]
    return f"{folder / 'index.html'} and {len(written) - 1:,} more files", problems


def _write(place: Place, form: str, unseen: bool) -> tuple[str, list[str]]:
    """Write the boards and return their names, or return their rows in another form; and the problems of records."""
    from tta_bench.boards.collect import collect_entries
    from tta_bench.boards.export import WRITERS, all_boards, records_in
    from tta_bench.boards.published import quote_published
    from tta_bench.boards.write import update_boards

    if form == "md":
        paths, problems = update_boards(place.records, place.boards, place.official)
        return "\n".join(map(str, paths)), problems
    quoted = quote_published(place.official / "published")
    collected = collect_entries(place.records, place.boards, place.official)
    if unseen:
        from tta_bench.boards.contamination import unseen as left

        collected = collected._replace(entries=left(collected.entries))
    only = records_in(collected, place.own) if place.own else None
    boards = all_boards(collected, quoted.published, only)
    return WRITERS[form](boards), [*quoted.problems, *collected.problems]
