"""``tta-bench run``: run a protocol."""

from __future__ import annotations

from pathlib import Path

import click

from tta_bench.cli.completion import complete_words
from tta_bench.cli.documents import echo_json, json_option
from tta_bench.cli.options import plugin_option, set_voice, voice_options, work_dir_option
from tta_bench.utils.printable import counted


@click.command("run")
@click.argument("words", nargs=-1, metavar="KEY=VALUE...", shell_complete=complete_words)
@click.option("--dry-run", is_flag=True, help="Check everything, print the plan, and stop.")
@click.option(
    "--resume",
    type=click.Choice(["missing", "never", "always"]),
    default="missing",
    show_default=True,
    help="missing: skip what is done, go on with what is not. never: start anew. always: go on, and test again.",
)
@work_dir_option
@click.option(
    "--submission",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With eval.split=test: write the outputs for the unlabelled part here, in the challenge's form.",
)
@click.option("--wait", is_flag=True, help="Wait for what another process trains in this folder; else leave it out.")
@click.option(
    "--shard", metavar="I/N", help="Only every N-th experiment, from the I-th on (slurm: as the array task says)."
)
@plugin_option
@voice_options
@json_option("Print the records as one JSON document.")
def command(
    words: tuple[str, ...],
    dry_run: bool,
    resume: str,
    work_dir: Path,
    submission: Path | None,
    wait: bool,
    shard: str | None,
    plugins: tuple[Path, ...],
    quiet: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Run a protocol: fine-tune, test, record, and show the board.

    \b
    The embedded sample, minutes on a laptop; then UCF101 itself, split 1:
    tta-bench run protocol=ucf101_ft
    tta-bench run protocol=ucf101_ft data.root=/data/ucf101
    Several runs; a backbone of your own:
    tta-bench run protocol=ucf101_ft backbone=resnet18,resnet50 seed=0,1,2
    tta-bench run protocol=ucf101_ft backbone=my_net --plugin my_net.py
    The same model, tested on clips played backwards:
    tta-bench run protocol=ucf101_ft eval.control=reversed
    Intensities of a reaction, from sight and sound:
    tta-bench run protocol=abaw_eri backbone=resnet50+egemaps

    Keys: protocol, backbone, dataset, weights, phase, split, seed, tier, precision, limit, and the dotted keys of the
    sections clip, train, eval, data and runtime; `tta-bench show PROTOCOL --keys` prints all, with values and types.
    """
    from tta_bench import api

    voice = set_voice(quiet, verbose)
    experiments = api.experiments(words, plugins)  # wrong words are answered before torch is loaded

    from tta_bench.errors import UserError
    from tta_bench.protocols.base.jobs import launch, launcher_of

    kind, settings = launcher_of(words)
    from tta_bench.cli.results import print_findings, print_results
    from tta_bench.utils.progress import console

    if experiments[0].tier == "sample" and not any(word.startswith(("dataset=", "tier=")) for word in words):
        console.print(
            f"No data root is configured, so this runs on the embedded sample {experiments[0].dataset.name}. "
            f"Its numbers say that the machinery works, not how good a backbone is.",
            style="yellow",
        )
    if shard is not None:
        from tta_bench.protocols.base.in_turn import shard as part_of

        whole, experiments = experiments, part_of(experiments, shard)
        console.print(f"shard {shard}: {len(experiments)} of {counted(len(whole), 'experiment')}.", style="dim")
    if dry_run:
        from tta_bench.protocols.base.launch import plan_shared

        plans = (plan_shared(api.start(experiment, work_dir, resume)) for experiment in experiments)
        if as_json:
            echo_json([{"plan": plan} for plan in plans])
        else:
            for plan in plans:
                click.echo(plan)
        return
    if kind != "none":
        if shard is not None or submission is not None:
            raise UserError("launcher= shares the experiments itself: leave out --shard and --submission.")
        for experiment in experiments:
            api.start(experiment, work_dir, resume)  # what is wrong is said here, before anything waits in a queue
        options = ["--work-dir", str(work_dir.resolve()), "--resume", resume, *(["--wait"] if wait else []), *voice]
        options += [text for plugin in plugins for text in ("--plugin", str(plugin.resolve()))]
        launch(kind, settings, words, options, len(experiments), work_dir)
        if kind == "slurm":
            return
        resume = "missing"  # all is done: what follows reads the records
    if submission is not None:
        api.submit(experiments, submission, work_dir, resume)
        return
    done = api.run_in_turn(experiments, work_dir, resume, wait)
    if console.quiet and done.failure is None:
        return  # of several processes the first one speaks, and writes the boards
    if done.findings:
        print_findings(done.findings, work_dir, as_json)
    elif done.records or (as_json and done.failure is None):
        print_results(done.records, work_dir, as_json)
    if done.failure is not None:
        raise done.failure
