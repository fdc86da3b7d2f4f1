"""Runs that are killed at random moments, and the same command again: each must end as an undisturbed one does.

``python -m tests.acceptance.kills FOLDER kills COUNT [SEED [KIND]]`` prints a line for each moment, and the counts;
``... FOLDER stops COUNT`` does the same for the signals that ask for a stop, in training.
Every run is a process of its own, forked from one that has imported everything, so that it takes seconds.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

CLIPS = ("train.batch=4", "train.views=1", "eval.segments=1", "eval.crops=1", "runtime.checkpoint_minutes=1e-5")
SMALL = ("weights=none", "clip.size=16", "clip.frames=4", "train.steps=12", "limit=8", *CLIPS)
TIMES = ("created", "heartbeat", "finished", "phases", "environment", "content_sha256")
"""Fields of a record that differ from run to run."""


def jobs(data: Path) -> dict[str, list[str]]:
    """Write small data sets and return the words of each kind of run."""
    from tta_bench.data.synthetic.hume_reaction import ReactionSampleSettings, generate_reaction_sample
    from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample

    sample = SampleSettings(groups=2, test_groups=1, clips=1, frames=12, width=32, height=24)
    generate_ucf101_sample(data / "ucf101", sample)
    generate_ucf101_sample(data / "more", replace(sample, groups=4))  # three groups to train on: one is held out
    people = ReactionSampleSettings(
        train_subjects=3, train_clips=3, val_subjects=3, val_clips=2, test_subjects=2, test_clips=1, frames=8, size=32
    )
    generate_reaction_sample(data / "reactions", people)
    tiny = "backbone=videomaev2_vit_tiny"
    classes = ["protocol=ucf101_ft", f"data.root={data / 'ucf101'}", tiny, *SMALL]
    reactions = ["protocol=abaw_eri", f"data.root={data / 'reactions'}", f"{tiny}+egemaps", "weights=none"]
    reactions += ["clip.size=16", "train.batch=4", "train.steps=6", "runtime.checkpoint_minutes=1e-5"]
    reactions += ["train.width=8", "train.heads=2", "train.layers=1", "clip.cropper=none"]
    clips = ["weights=none", "clip.size=16", "clip.frames=4", "clip.span=8"]
    frozen = [f"data.root={data / 'more'}", tiny, *clips]
    linear = ["protocol=ucf101_linear", *frozen, "linear.points=3", "runtime.workers=0"]
    attentive = ["protocol=ucf101_probe", *frozen, "probe.epochs=2", "probe.batch=4", "runtime.workers=1"]
    return {
        "classes": [*classes, "runtime.workers=0"],
        "frozen, linear": linear,
        "frozen, attentive, 1 loader process": [*attentive, "probe.lrs=1e-3,1e-2", "probe.decays=0.01,0.1"],
        "classes, 1 loader process": [*classes, "runtime.workers=1"],
        "reactions": [*reactions, "runtime.workers=2"],
    }


def start(words: list[str], folder: Path) -> int:
    """Start a run in a process of its own group, with a cache of its own, and return its number."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    os.environ["TTA_BENCH_CACHE"] = str(folder / "cache")
    log = os.open(folder / "log.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        from tta_bench.cli import main

        main(["run", *words, "--work-dir", str(folder / "runs")])
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def state(folder: Path) -> dict[str, str]:
    """Return the digest of each file that a run left, by name: of its content, without times."""
    from tta_bench.engine.training_state import SHA256
    from tta_bench.models.checkpoints.read import read_checkpoint

    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "log.txt"):
        name = str(path.relative_to(folder))
        if path.name == "checkpoint.pt":
            found[name] = str(read_checkpoint(path)[SHA256])
        elif path.parent.name == "records" and path.suffix == ".json":
            record = {key: value for key, value in json.loads(path.read_text()).items() if key not in TIMES}
            found[name] = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
        elif path.suffix in {".npz", ".jsonl", ".npy"} and path.name not in ("index.jsonl", "progress.jsonl"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = ""
    return found


def finished(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def members(group: int) -> list[int]:
    """Return the processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def load() -> None:
    """Import what runs need, so that forked ones begin at once."""
    runs = ("fine_tune", "reaction", "probe")
    for module in ("cli.run", "cli.results", "boards.write", *(f"protocols.{name}.run" for name in runs)):
        importlib.import_module(f"tta_bench.{module}")


def campaign(folder: Path, count: int, seed: int, only: str = "") -> tuple[int, int]:
    """Kill runs at random moments and run them again; return how many ended equal, and how many left nothing over.

    Args:
        folder: An empty folder.
        count: Number of kills.
        seed: Draws the moments.
        only: Beginning of the names of the kinds of runs; empty for all of them.
    """
    draw = random.Random(seed)
    kinds = {kind: words for kind, words in jobs(folder / "data").items() if kind.startswith(only)}
    expected, seconds = {}, {}
    for kind, words in kinds.items():
        whole = folder / f"whole {kind}"
        whole.mkdir()
        begun = time.monotonic()
        assert finished(start(words, whole)) == 0, (whole / "log.txt").read_text()
        seconds[kind], expected[kind] = time.monotonic() - begun, state(whole)
    equal = clean = number = 0
    while number < count:
        kind = list(kinds)[number % len(kinds)]
        trial = folder / f"{number:03d}-{draw.random()}"
        trial.mkdir()
        moment = draw.uniform(0.02, 1.0) * seconds[kind]
        child = start(kinds[kind], trial)
        time.sleep(moment)
        if os.waitpid(child, os.WNOHANG)[0]:
            continue  # it was done before: another moment is drawn
        os.kill(child, signal.SIGKILL)
        finished(child)
        left = state_names(trial)
        code = finished(start(kinds[kind], trial))
        found = state(trial)
        same = code == 0 and {n: d for n, d in found.items() if n in expected[kind]} == expected[kind]
        more = sorted(found.keys() - expected[kind].keys())
        deadline = time.monotonic() + 15
        while members(child) and time.monotonic() < deadline:
            time.sleep(0.2)
        orphans = members(child)
        equal, clean, number = equal + same, clean + (not more and not orphans), number + 1
        print(f"{number} {kind}, killed after {moment:.2f} s of {seconds[kind]:.2f} s ({left}): ", end="")
        print("equal" if same else f"DIFFERENT, exit {code}", *more, *orphans, flush=True)
    return equal, clean


CASES = [
    *((signal.SIGTERM, group, 2) for group in (True, False)),
    *((number, True, 1) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)),
    *((number, False, 1) for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)),
]
"""Signals, whether they go to the whole group, and how often; a second Ctrl-C would interrupt at once."""


def stops(folder: Path, cases: list[tuple[signal.Signals, bool, int]]) -> int:
    """Stop runs in training by signals and run them again; return how many stopped cleanly and ended equal."""
    from tta_bench.models.checkpoints.read import read_checkpoint

    words = jobs(folder / "data")["classes, 1 loader process"]
    words = ["train.steps=40" if word == "train.steps=12" else word for word in words if "checkpoint" not in word]
    whole = folder / "whole"
    whole.mkdir()
    assert finished(start(words, whole)) == 0, (whole / "log.txt").read_text()
    expected, right = state(whole), 0
    for number, group, times in cases:
        trial = folder / f"{number.name} {group} {times}"
        trial.mkdir()
        child = start(words, trial)
        deadline = time.monotonic() + 60
        while not sum(path.read_bytes().count(b"\n") for path in trial.glob("runs/*/metrics.jsonl")):
            time.sleep(0.02)
            assert time.monotonic() < deadline, (trial / "log.txt").read_text()
        begun = time.monotonic()
        for _ in range(times):
            (os.killpg if group else os.kill)(child, number)
            time.sleep(0.01)
        code, seconds = finished(child), time.monotonic() - begun
        (path,) = trial.glob("runs/*/checkpoint.pt")
        (record,) = [json.loads(file.read_text()) for file in trial.glob("runs/records/*.json")]
        step = read_checkpoint(path)["step"]
        again, same = finished(start(words, trial)), state(trial) == expected
        fine = (code, record["status"], again, same) == (128 + number, "cancelled", 0, True) and 0 < step < 40
        right += fine
        print(f"{number.name} to the {'group' if group else 'process'}: exit {code} after {seconds:.1f} s, ", end="")
        print(
            f"record {record['status']}, checkpoint of step {step}; again {'equal' if same else 'DIFFERENT'}",
            flush=True,
        )
    return right


def state_names(folder: Path) -> str:
    """Return how far a run had come: its record's status, and the hidden files that the kill left."""
    status = [json.loads(path.read_text())["status"] for path in folder.glob("runs/records/*.json")]
    hidden = [path.name[:24] for path in folder.rglob(".*")]
    return ", ".join([*status, *hidden]) or "nothing yet"


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    place, what, asked = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    load()
    if what == "stops":
        cases = CASES[:: len(CASES) // asked][:asked]
        done = stops(place, cases)
        print(f"{done} of {len(cases)} stopped cleanly and ended equal")
        sys.exit(done != len(cases))
    chosen = sys.argv[5] if len(sys.argv) > 5 else ""
    same, tidy = campaign(place, asked, int(sys.argv[4]) if len(sys.argv) > 4 else 0, chosen)
    print(f"{same} of {asked} equal, {tidy} of {asked} with nothing left over")
    sys.exit(not same == tidy == asked)
