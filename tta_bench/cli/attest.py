"""``tta-bench attest``: measure somebody's record again, and sign that it stands."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tta_bench.cli.options import RecordFile, folder_of_runs, plugin_option

if TYPE_CHECKING:
    from tta_bench.records.attest import Attested, Statement
    from tta_bench.records.schema import Record


@click.command("attest")
@click.argument("record_file", type=RecordFile(), metavar="RECORD")
@click.argument("words", nargs=-1, metavar="[KEY=VALUE...]")
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("~/.ssh/id_ed25519"),
    show_default=True,
    help="SSH key that signs.",
)
@click.option(
    "--word",
    type=click.Choice(["retested", "rerun"]),
    default="retested",
    show_default=True,
    help="retested: the test phase from the run's checkpoint; rerun: the training too.",
)
@click.option(
    "--checkpoint",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The run's checkpoint.  [default: that of the run's folder in the work folder]",
)
@folder_of_runs("Where the run's folder is; a rerun goes to attested/ in it.")
@plugin_option
def command(
    record_file: Path,
    words: tuple[str, ...],
    key: Path,
    word: Attested,
    checkpoint: Path | None,
    work_dir: Path,
    plugins: tuple[Path, ...],
) -> None:
    """Test or train again, and sign that a record's figures hold.

    \b
    tta-bench attest NAME data.root=/data/ucf101 --key ~/.ssh/id_ed25519
    tta-bench attest NAME data.root=/data/ucf101 --word rerun

    The result is NAME.attestation.json beside the record: digests of the record and its data, the word, version and
    date, signed by ssh-keygen. Nothing is signed if predictions differ from the recorded ones, or, trained again, if
    the 95 % interval of the paired difference leaves out 0. What this proves stands in docs/trust.md.
    """
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.records.attest import attest
    from tta_bench.records.signatures import require_keygen
    from tta_bench.records.store import read_record
    from tta_bench.records.verify import judge_files
    from tta_bench.results import labels_for

    require_keygen()
    key = key.expanduser()
    if not key.is_file():
        raise UserError(f"there is no key {key}.", "Say --key FILE, or make one: ssh-keygen -t ed25519 -f FILE")
    record = read_record(record_file)
    if record.status != "success":
        raise UserError(f"{record_file.name} has no figure to attest: its status is {record.status}.")
    if record.origin == "scored":
        raise UserError("this record was scored from a file: there is no model to test.", "`tta-bench verify` does it.")
    roots = {name: value for name, _, value in (given.partition("=") for given in words) if name == "data.root"}
    standing = judge_files(record, record_file.parent, truth=labels_for(record, roots))
    if standing.word == "FAILED":
        raise CheckFailed(f"{record_file.name} is not what it says: {'; '.join(standing.problems)}")
    if word == "retested":
        statement = _retest(record, record_file, words, checkpoint, work_dir, plugins)
    else:
        statement = _rerun(record, record_file, words, work_dir, plugins, roots)
    file = attest(record, record_file, statement, key)
    click.echo(f"{word}: signed with {key.name}")
    click.echo(file)


def _retest(
    record: Record,
    record_file: Path,
    words: Sequence[str],
    checkpoint: Path | None,
    work_dir: Path,
    plugins: Sequence[Path],
) -> Statement:
    """Run the test phase from a run's checkpoint, and return the statement that it gave the recorded predictions."""
    from tta_bench import __version__, api
    from tta_bench.errors import UserError
    from tta_bench.records.attest import largest_difference, statement_of
    from tta_bench.records.files import read_predictions
    from tta_bench.records.reproduce import run_words
    from tta_bench.utils.files import sha256_of

    if record.predictions is None or not (record_file.parent / record.predictions.name).is_file():
        raise UserError(
            f"the predictions of {record_file.name} are not beside it, so there is nothing to compare with.",
            "Put them there, or say --word rerun.",
        )
    (experiment,) = api.experiments(run_words(record, words), plugins)
    with tempfile.TemporaryDirectory() as scratch:
        ready: Any = api.start(experiment, Path(scratch), "always")
        prepared = getattr(ready, "prepared", None)
        if prepared is None:
            raise UserError(f"{record.identity.protocol.name} keeps no checkpoint to test.", "Say --word rerun.")
        _check_same_experiment(record, prepared.identity)
        sha256 = None
        if not prepared.is_test_only:
            source = checkpoint or work_dir / prepared.folder.name / "checkpoint.pt"
            if not source.is_file():
                raise UserError(f"there is no checkpoint {source}.", "Say --checkpoint FILE, or --work-dir DIR.")
            _check_checkpoint(source, prepared)
            prepared.folder.mkdir(parents=True, exist_ok=True)
            (prepared.folder / "checkpoint.pt").symlink_to(source.resolve())
            sha256 = sha256_of(source)
        (again,) = ready.run()
        folder = Path(scratch) / "records"
        difference = largest_difference(
            read_predictions(record_file.parent / record.predictions.name),
            read_predictions(folder / again.predictions.name),
        )
    click.echo(f"the test phase gave the recorded predictions; the largest difference of a score is {difference:.2g}")
    return statement_of(
        record, "retested", __version__, checkpoint_sha256=sha256, largest_difference=float(f"{difference:.6f}")
    )


def _rerun(
    record: Record,
    record_file: Path,
    words: Sequence[str],
    work_dir: Path,
    plugins: Sequence[Path],
    roots: dict[str, str],
) -> Statement:
    """Train and test again, and return the statement that the difference is within chance."""
    from tta_bench import __version__, api
    from tta_bench.boards.comparison import compare
    from tta_bench.errors import CheckFailed
    from tta_bench.records.attest import statement_of
    from tta_bench.records.reproduce import run_words
    from tta_bench.records.store import record_name
    from tta_bench.results import labels_for

    folder = work_dir / "attested"
    (again,) = api.run_all(api.experiments(run_words(record, words), plugins), folder, "missing")
    _check_same_experiment(record, again.identity)
    other = folder / "records" / f"{record_name(again.identity)}.json"
    compared = compare(record_file, other, labels_for(record, roots))
    low, high = compared.difference.low, compared.difference.high
    said = f"{compared.metric} {compared.a:.4f} recorded, {compared.b:.4f} again, difference {low:.4f} to {high:.4f}"
    if not low <= 0 <= high:
        raise CheckFailed(f"the training gave another result than the record's: {said}.", "Nothing was attested.")
    click.echo(said)
    return statement_of(record, "rerun", __version__)


def _check_same_experiment(record: Record, identity: Any) -> None:
    """Check that what is run here is what the record says.

    Raises:
        CheckFailed: Data, or anything else of the experiment, is another; says what.
    """
    from tta_bench.errors import CheckFailed

    ours, theirs = record.identity.model_dump(mode="json"), identity.model_dump(mode="json")
    if ours["dataset"]["manifest_sha256"] != theirs["dataset"]["manifest_sha256"]:
        raise CheckFailed(
            f"the data here are not the record's: their digest is {theirs['dataset']['manifest_sha256'][:12]}, and the "
            f"record says {str(ours['dataset']['manifest_sha256'])[:12]}.",
            "Nothing was attested.",
        )
    if identity.run_key != record.identity.run_key:
        raise CheckFailed(
            f"this is another experiment than the record's: its run key is {identity.run_key[:8]}, and the record's "
            f"{record.identity.run_key[:8]}.",
            "Its key does not follow from its settings here, or the code differs. Nothing was attested.",
        )


def _check_checkpoint(source: Path, prepared: Any) -> None:
    """Check that a checkpoint is of a run's training, at its end.

    Raises:
        CheckFailed: It is not.
    """
    from tta_bench.errors import CheckFailed
    from tta_bench.models.checkpoints.read import read_checkpoint

    content = read_checkpoint(source)
    if content.get("training") != prepared.training or content.get("step") != prepared.steps:
        raise CheckFailed(
            f"{source} is not the checkpoint of this run: it is of the training {str(content.get('training'))[:8]}, "
            f"step {content.get('step')}, and {prepared.training[:8]}, step {prepared.steps}, was expected."
        )
