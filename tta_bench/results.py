"""Results from Python: compare, verify and report records, and read the boards. The command line stands on these."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

from tta_bench.errors import BenchError, UserError
from tta_bench.utils.files import is_there

if TYPE_CHECKING:
    from tta_bench.boards.comparison import Comparison, Comparisons
    from tta_bench.boards.flat_rows import FlatRow
    from tta_bench.records.clip_rows import ClipRows
    from tta_bench.records.doubles import Seen
    from tta_bench.records.intensities import Truth
    from tta_bench.records.schema import Record
    from tta_bench.records.verify import Standing

    Named = str | Path | Record
    """A record, its file, or its name as ``tta-bench list runs`` prints it."""


class Places(NamedTuple):
    """Places of what records do not hold themselves."""

    predictions: Path | None = None
    """Folder of predictions that do not lie beside their records."""
    fetch: bool = False
    """Predictions that a record publishes elsewhere are fetched."""
    maintainers: Path | None = None
    """File of the keys that may attest; null for that beside the folder of records, else the suite's."""
    labels: Mapping[str, str] = {}
    """Place of labels that may not be published: ``data.root`` or ``labels``."""


class Rows(NamedTuple):
    """Rows of boards."""

    rows: list[FlatRow]
    """Every row of every section, with the same keys; accuracies are fractions."""
    problems: list[str]
    """Reasons why records were left out."""


@overload
def compare(a: Named, b: Named, /, *, work_dir: str | Path = ..., labels: Mapping[str, str] = ...) -> Comparison: ...
@overload
def compare(
    a: Named, b: Named, c: Named, /, *more: Named, work_dir: str | Path = ..., labels: Mapping[str, str] = ...
) -> Comparisons: ...
def compare(*records: Named, work_dir: str | Path = "runs", labels: Mapping[str, str] = {}) -> Comparison | Comparisons:
    """Return the comparison of records on the clips that they share, as ``tta-bench compare`` does.

    Of more than two all pairs are compared at once, and intervals and p-values hold for all of them.

    Args:
        records: Two or more: records, their files, or their names.
        work_dir: Folder of the runs, where a record's files are looked for.
        labels: Place of labels that may not be published: ``{"data.root": ...}`` or ``{"labels": ...}``.

    Raises:
        UserError: There are fewer than two, or they are not of the same clips.
    """
    from tta_bench.boards.comparison import compare as of_two
    from tta_bench.boards.comparison import compare_several
    from tta_bench.records.store import read_record

    if len(records) < 2:
        raise UserError(f"a comparison is of two records or more, and {len(records)} is given.", "Name another record.")
    files = [file_of(record, work_dir) for record in records]
    truth = labels_for(read_record(files[0]), labels)
    return of_two(files[0], files[1], truth) if len(files) == 2 else compare_several(files, truth)


def verify(
    *records: Named,
    work_dir: str | Path = "runs",
    labels: Mapping[str, str] = {},
    predictions: str | Path | None = None,
) -> dict[str, Standing]:
    """Recompute every figure of records; return the standing of each by its name, as ``tta-bench verify`` says it.

    Args:
        records: Records, their files, or their names; without any, all of the work folder.
        work_dir: Folder of the runs, where a record's files are looked for.
        labels: Place of labels that may not be published: ``{"data.root": ...}`` or ``{"labels": ...}``.
        predictions: Folder of predictions that do not lie beside their records.

    Raises:
        UserError: A record is not there, or the labels do not fit it.
    """
    from tta_bench.records.store import record_files

    files = [file_of(record, work_dir) for record in records] or record_files(Path(work_dir) / "records")
    if not files:
        raise UserError(f"there are no records in {Path(work_dir) / 'records'}.", "Name records, or say work_dir=.")
    places = Places(None if predictions is None else Path(predictions), labels=labels)
    return {file.stem: judge_file(file, places)[0] for file in files}


def report(
    *records: Named, into: str | Path, work_dir: str | Path | None = None, data_root: str | Path | None = None
) -> Path:
    """Write one HTML page about runs, as ``tta-bench report`` does; return its file.

    Args:
        records: Records, their files, or their names; a scaling study stands for all of its runs.
        into: The page's file, or a folder that is there: the page is named after the record in it.
        work_dir: Folder of the runs, with the logs of their trainings; by default that of a study, else ``runs``.
        data_root: Folder of the data, for frames of the worst clips; a sample needs none.

    Raises:
        UserError: No record was named, one is not there, or the folder is not that of its data.
    """
    from tta_bench.boards.web.report import write_report
    from tta_bench.boards.web.studies import members, work_folder
    from tta_bench.boards.web.worst_clips import files_of_clips

    if not records:
        raise UserError("no run was named.", "`tta-bench list runs` names them.")
    paths = [record for record in records if isinstance(record, str | Path)]
    folder = work_folder(paths) if work_dir is None else Path(work_dir)
    named = [members(record, folder) if isinstance(record, str | Path) else [record] for record in records]
    files = [file_of(one, folder) for one in chain.from_iterable(named)]
    page, root = Path(into), data_root and Path(data_root).expanduser()
    if page.is_dir():
        page /= f"{files[0].stem}.html" if len(files) == 1 else "report.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    write_report(files, folder, lambda record: files_of_clips(record, root), page)
    return page


def scores(record: Named, *, work_dir: str | Path = "runs") -> ClipRows:
    """Return the scores of a record clip by clip, from its kept predictions; ``.to_frame()`` makes them a table.

    Args:
        record: A record, its file, or its name.
        work_dir: Folder of the runs, where a record's files are looked for.

    Raises:
        UserError: The record is not there, or its predictions do not lie beside it.
    """
    from tta_bench.records.clip_rows import clip_rows
    from tta_bench.records.files import read_predictions
    from tta_bench.records.store import read_record

    file = file_of(record, work_dir)
    ref = read_record(file).predictions
    if ref is None or not (file.parent / ref.name).is_file():
        raise UserError(
            f"{file.stem} has no predictions beside it.", "`tta-bench run` keeps those of a run in records/."
        )
    return clip_rows(read_predictions(file.parent / ref.name))


def leaderboard(work_dir: str | Path = "runs") -> Rows:
    """Return the rows of the boards that a folder's runs stand on, beside the official ones; nothing is written.

    ``pandas.DataFrame(tta_bench.leaderboard().rows)`` is what ``tta-bench leaderboard --format csv`` prints.

    Args:
        work_dir: Folder of the runs.

    Raises:
        UserError: There are no records in it.
    """
    from tta_bench.boards.collect import collect_entries
    from tta_bench.boards.export import all_boards, records_in
    from tta_bench.boards.flat_rows import flat_rows
    from tta_bench.boards.published import quote_published
    from tta_bench.boards.write import official_folder

    work_dir, official = Path(work_dir), official_folder()
    own = work_dir / "records"
    if not own.is_dir():
        raise UserError(f"there is no folder {own}.", "Say work_dir=, the folder of your runs.")
    quoted = quote_published(official / "published")
    collected = collect_entries([official / "records", own], work_dir / "leaderboards", official)
    rows = list(flat_rows(all_boards(collected, quoted.published, records_in(collected, [own]))))
    names = dict.fromkeys(name for row in rows for name in row)
    return Rows([{name: row.get(name) for name in names} for row in rows], [*quoted.problems, *collected.problems])


def file_of(record: Named, work_dir: str | Path = "runs") -> Path:
    """Return the file of a record that is given by itself, its file, or its name.

    Args:
        record: The record.
        work_dir: Folder of the runs, in which it is looked for before the boards of this place and of the suite.

    Raises:
        UserError: It is not there.
    """
    from tta_bench.boards.write import official_folder
    from tta_bench.records.store import RECORD_FOLDERS, file_stem, find_record

    if isinstance(record, str | Path) and is_there(Path(record)):
        return Path(record)
    name = str(record) if isinstance(record, str | Path) else file_stem(record)
    folders = [Path(work_dir) / "records", Path(work_dir), *RECORD_FOLDERS, official_folder() / "records"]
    return find_record(name, folders)


def judge_file(file: Path, places: Places) -> tuple[Standing, Seen | None]:
    """Return the standing of a record's file, and the record as it is compared with others; None if it is none.

    Args:
        file: The record's file.
        places: Places of what it does not hold itself.
    """
    from tta_bench.records.store import read_record
    from tta_bench.records.verify import Standing

    try:
        record = read_record(file)
        elsewhere = _elsewhere(record, file.parent, places)
    except BenchError as error:
        return Standing("FAILED", "", (error.message,)), None
    return _judge(record, file, elsewhere, places)


def _elsewhere(record: Record, folder: Path, places: Places) -> Path | None:
    """Return the folder of predictions that do not lie beside their record, after fetching them if that is asked."""
    from tta_bench.records.files import fetch_predictions, fetched_folder

    if not places.fetch or record.predictions is None or (folder / record.predictions.name).exists():
        return places.predictions
    elsewhere = places.predictions or fetched_folder()
    fetch_predictions(record.predictions, elsewhere)
    return elsewhere


def _judge(record: Record, file: Path, elsewhere: Path | None, places: Places) -> tuple[Standing, Seen]:
    from tta_bench.boards.write import official_folder
    from tta_bench.records.doubles import Seen, samples_digests
    from tta_bench.records.plausible import check_name
    from tta_bench.records.verify import MAINTAINERS, judge, read_kept

    truth = labels_for(record, places.labels)
    known = (file.parent.parent / MAINTAINERS, official_folder() / MAINTAINERS)
    standing = judge(
        record,
        file.parent,
        elsewhere=elsewhere,
        truth=truth,
        listed=clips_for(record, places.labels),
        maintainers=places.maintainers or next((keys for keys in known if keys.is_file()), None),
    )
    if problem := check_name(record, file):
        standing = standing._replace(word="FAILED", problems=(*standing.problems, problem))
    kept = read_kept(record, file.parent, elsewhere, truth)
    return standing, Seen(file.name, record, samples_digests(kept.predictions, kept.outcomes))


def clips_for(record: Record, given: Mapping[str, str]) -> dict[str, tuple[str, str]] | None:
    """Return class and group of each test clip from a dataset's own folder, where no list of it is official.

    Args:
        record: A record that has its labels.
        given: ``data.root``, the folder.

    Raises:
        UserError: The folder is not that of the dataset, or lacks a part of it.
    """
    from tta_bench.records.official import has_official_list

    dataset = record.identity.dataset.name
    if record.verifiable_with or "data.root" not in given or has_official_list(dataset):
        return None
    from tta_bench.cards.catalog import dataset_card
    from tta_bench.data.datasets.open import open_dataset

    layout = open_dataset(dataset_card(dataset), Path(given["data.root"]).expanduser())
    if not hasattr(layout, "split") or not record.identity.split.isdigit():
        return None
    test = layout.split(int(record.identity.split)).listed("test")
    return {sample.id: (layout.classes[sample.label], sample.group) for sample in test}


def labels_for(record: Record, given: Mapping[str, str]) -> Truth | None:
    """Return the labels that a record was published without; None if it has its own, or their place is not given.

    Raises:
        UserError: The labels do not fit the record.
    """
    from tta_bench.config.resolve import data_root

    if record.verifiable_with is None or not (given or data_root(record.identity.dataset.name, {})):
        return None
    from tta_bench.experiments.kinds import protocol_card
    from tta_bench.protocols import load_protocol  # brings torch

    return load_protocol(protocol_card(record.identity.protocol.name).component).labels(record, given)
