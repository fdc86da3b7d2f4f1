"""``tta-bench features``: a frozen backbone's features of a folder of videos, for use elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.options import plugin_option, work_dir_option
from tta_bench.utils.printable import counted

PROTOCOL = "ucf101_knn"
"""Protocol whose windows are encoded where none is named."""


@click.command("features")
@click.argument("words", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--into", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
@work_dir_option
@plugin_option
def command(words: tuple[str, ...], into: Path, work_dir: Path, plugins: tuple[Path, ...]) -> None:
    """Encode videos with a frozen backbone, as NPZ archives.

    \b
    tta-bench features backbone=resnet50 dataset=videos data.root=films --into f
    tta-bench features protocol=hmdb51_probe data.root=/data/hmdb51 --into f

    Each video has an archive, and all have a manifest. The windows are those of the protocol (ucf101_knn if none is
    named); a probe protocol also writes the tokens. Videos are those of the dataset, whatever split they are in;
    dataset=videos takes any folder or list. What is in the cache is not encoded again, so that an interrupted call
    resumes. `run ... features.root=DIR` trains on the export. A video that cannot be decoded is named, the others go
    on, and the exit code is 1.
    """
    from tta_bench import api
    from tta_bench.errors import CheckFailed, UserError
    from tta_bench.experiments.probe import FrozenExperiment

    named = words if any(word.startswith("protocol=") for word in words) else (f"protocol={PROTOCOL}", *words)
    experiment, *more = api.experiments(named, plugins)
    if more or not isinstance(experiment, FrozenExperiment):
        raise UserError(
            "features are of one backbone, by the windows of a frozen protocol.",
            "Say one seed, and a protocol such as ucf101_knn or ucf101_probe.",
        )

    from tta_bench.protocols import load_protocol
    from tta_bench.protocols.probe.exported import export
    from tta_bench.protocols.probe.run import Frozen

    load_protocol(experiment.protocol.component)
    run = api.start(experiment, work_dir, "missing")
    assert isinstance(run, Frozen)
    written, broken = export(experiment, run.encoder, run.kinds, work_dir, into)
    click.echo(f"{into}: features of {counted(written, 'video')} ({' and '.join(run.kinds)}), and manifest.json")
    for name, reason in broken.items():
        click.echo(f"left out, unreadable: {name}: {reason}", err=True)
    if broken:
        raise CheckFailed(f"{len(broken):,} of {counted(written + len(broken), 'video')} could not be read.")
