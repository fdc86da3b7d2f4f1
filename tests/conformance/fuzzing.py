"""Fuzzing of the command line: inputs drawn and damaged by a seeded generator, run through click's runner, and judged.

python -m tests.conformance.fuzzing 10000 200     # trials in one process, trials as processes; prints the counts
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from click.testing import CliRunner
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.data.clips import write_video
from tests.records.some_records import some_predictions, write_success
from tta_bench import api
from tta_bench.api import forget_plugins
from tta_bench.cards import files
from tta_bench.cli import main
from tta_bench.config.overrides import known_keys
from tta_bench.errors import UserError
from tta_bench.protocols import load_protocol
from tta_bench.records.store import content_sha256

CODES = {0, 1, 2, 3}
SECONDS = 10
"""Longest time of a trial."""
PLAIN = """
0 -1 010 1e3 1e999 nan inf -inf null none None true yes ~ ' " [ ] { } [1 {a: {b: [[ , 1,,2 0-2 1:30 0x10 1_000 %s %n
$(id) `id` ; | & > < \\ / // ../ ../../etc/passwd /dev/null /dev/zero . .. ~root -- - -m + = == : ;; ! * ? # @ é 字 😀 ½
٣ 4294967296 99999999999999999999 1e-400 0.9,1.5 auto all val test sample full cpu cuda:99 ucf101_ft abaw_eri
resnet50 timm/x hf/x features/x +resnet50 resnet50+ resnet50+egemaps !!python/object:os.system
"""
NASTY = [
    *PLAIN.split(),
    *("", " ", "\t", "\n", "a b", "9" * 5000, "[" * 500, "a" * 5000),
    *("\u202e", "\x1b[31m", "\x00", "\ud800"),
]
"""Words that are wrong almost everywhere."""
KINDS = {"words": 40, "cards": 25, "scores": 12, "records": 12, "lists": 5, "checkpoints": 4, "videos": 2}
"""Kinds of trials, and their share in a hundred."""


class Hang(BaseException):
    """A trial that takes too long."""


@dataclass
class Outcome:
    """Counts over trials, and what should not have been."""

    codes: Counter[str] = field(default_factory=Counter)
    unforeseen: dict[str, str] = field(default_factory=dict)
    """An error that was not foreseen, with its first trial."""
    wrong: list[str] = field(default_factory=list)
    """Trials with a traceback on the screen, another exit code, or a hang."""


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Return bytes that were cut, overwritten, doubled or exchanged at a few places."""
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(content) + 1), draw.randint(1, 40)
        new = draw.choice([b"", bytes(length), draw.randbytes(length), draw.choice(NASTY).encode("utf-8", "replace")])
        how = draw.randrange(4)
        if how == 0:
            content = content[:at] + new + content[at + length :]
        elif how == 1:
            content = content[:at]
        elif how == 2:
            content = content[:at] + content[at : at + length] * draw.randint(2, 50) + content[at + length :]
        else:
            content = content[:at] + new + content[at:]
    return content


def damaged_lines(text: str, draw: random.Random) -> bytes:
    """Return a text whose lines, or the values in them, were exchanged, in an encoding that may be another one."""
    lines = text.splitlines()
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(lines)) if lines else 0
        how = draw.randrange(6)
        if not lines or how == 0:
            lines.insert(at, draw.choice(NASTY))
        elif how == 1:
            lines.insert(at, lines[draw.randrange(len(lines))])
        elif how == 2:
            del lines[at]
        else:
            parts = re.split(r"([,: ]+)", lines[at])
            parts[draw.randrange(len(parts))] = draw.choice(NASTY)
            lines[at] = "".join(parts)
    encoding = draw.choice(["utf-8"] * 9 + ["utf-16", "latin-1"])
    return "\n".join(lines).encode(encoding, "replace")


def sealed(body: bytes) -> bytes:
    """Return a record's text with the digest that it should have, where it is JSON: anybody can compute one."""
    try:
        data = json.loads(body)
        return json.dumps(data | {"content_sha256": content_sha256(data)}).encode()
    except (ValueError, TypeError, AttributeError, RecursionError, UserError):
        return body


class Fuzzer:
    """Trials in a folder of one's own.

    Args:
        folder: Where inputs are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "registry/backbones").mkdir(parents=True)
        (folder / "registry/datasets").mkdir()
        (folder / "registry/protocols").mkdir()
        (folder / "work").mkdir()
        shipped = files.registry_folders()[0]
        self.cards = [(path.relative_to(shipped), path.read_text()) for path in sorted(shipped.rglob("*.yaml"))]
        self.keys = known_keys()
        self.record = write_success(folder / "work/records", some_predictions(), keep_predictions=True)
        write_video(folder / "good.mp4", 12)
        self.video = (folder / "good.mp4").read_bytes()
        self.outcome = Outcome()

    def words(self, draw: random.Random) -> list[str]:
        """Return the words of a run, few of them as they should be."""
        words = [f"protocol={draw.choice(['ucf101_ft', 'hmdb51_ft', 'abaw_eri', 'tta_pretrain', 'tta_scaling'])}"]
        for _ in range(draw.randint(0, 4)):
            key = draw.choice(self.keys) if draw.random() < 0.8 else draw.choice(NASTY)
            value = draw.choice(NASTY) if draw.random() < 0.7 else str(draw.choice([1, 2, 0.5, 16, "0,1", "null"]))
            words.append(f"{key}{'=' if draw.random() < 0.97 else ''}{value}")
        draw.shuffle(words)
        return ["run", *[word for word in words if not word.startswith("-")], "--dry-run"]

    def cards_trial(self, draw: random.Random) -> list[str]:
        """Return words that read a damaged card."""
        path, text = draw.choice(self.cards)
        group = path.parts[0]
        if group == "weights":
            group = "backbones"
        (self.folder / "registry" / group).mkdir(exist_ok=True)
        body = damaged(text.encode(), draw) if draw.random() < 0.4 else damaged_lines(text, draw)
        body = re.sub(rb"(?m)^name:.*$", b"name: mine", body, count=1) if draw.random() < 0.8 else body
        for old in (self.folder / "registry").rglob("*.yaml"):
            old.unlink()
        (self.folder / "registry" / group / "mine.yaml").write_bytes(body)
        files.forget_folders()
        if group == "suites":
            return draw.choice([["suite", "mine", "--dry-run"], ["show", "mine"], ["list"]])
        key = {"backbones": "backbone", "datasets": "dataset", "protocols": "protocol"}[group]
        words = ["protocol=ucf101_ft", f"{key}=mine"] if key != "protocol" else ["protocol=mine"]
        return draw.choice([["run", *words, "--dry-run"], ["run", *words, "--dry-run"], ["show", "mine"], ["list"]])

    def scores(self, draw: random.Random) -> list[str]:
        """Return words that score a damaged file."""
        classes = ["walk", "run", "jump", "sit", "stand", "wave"]
        ids = [f"v_{number:02d}" for number in range(12)]
        table = np.random.default_rng(draw.randrange(99)).normal(size=(12, 6)).round(3)
        labels = "id,label\n" + "".join(f"{id},{classes[n % 6]}\n" for n, id in enumerate(ids))
        text = ",".join(["id", *classes]) + "\n"
        text += "".join(",".join([id, *map(str, row)]) + "\n" for id, row in zip(ids, table, strict=True))
        suffix = draw.choice(["csv", "csv", "npz"])
        file, truth = self.folder / f"scores.{suffix}", self.folder / "labels.csv"
        if suffix == "npz":
            np.savez(file, ids=np.array(ids), scores=table, classes=np.array(classes))
            file.write_bytes(damaged(file.read_bytes(), draw))
        else:
            file.write_bytes(damaged_lines(text, draw))
        truth.write_bytes(damaged_lines(labels, draw) if draw.random() < 0.3 else labels.encode())
        words = [f"predictions={file}", f"labels={truth}", "backbone=mine"]
        return ["eval", draw.choice(["protocol=ucf101_ft", "protocol=abaw_eri"]), *words]

    def records(self, draw: random.Random) -> list[str]:
        """Return words that read a damaged record, or damaged files beside it."""
        folder = self.folder / "damaged/records"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for path in self.record.parent.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        victim = draw.choice(sorted(folder.iterdir()))
        body = victim.read_bytes()
        if victim.suffix == ".json" and draw.random() < 0.7:
            body = sealed(damaged_lines(json.dumps(json.loads(body), indent=1), draw))
        else:
            body = damaged(body, draw)
        victim.write_bytes(body)
        record = folder / self.record.name
        return draw.choice(
            [
                ["verify", str(record)],
                ["list", "runs", "--work-dir", str(folder.parent)],
                ["compare", str(record), str(self.record)],
                ["reproduce", str(record)],
            ]
        )

    def lists(self, draw: random.Random) -> list[str]:
        """Return words that read a damaged list of videos."""
        (self.folder / "clips").mkdir(exist_ok=True)
        for name in "abcd":
            (self.folder / f"clips/{name}.mp4").write_bytes(self.video)
        rows = [f"{name}.mp4,{label},{split}" for name, label, split in zip("abcd", "xyxy", "tTtT", strict=True)]
        text = "path,label,split\n" + "\n".join(rows).replace(",t", ",train").replace(",T", ",test")
        file = self.folder / f"clips/list.{draw.choice(['csv', 'txt'])}"
        file.write_bytes(damaged_lines(text, draw))
        dataset = draw.choice(["csv", "videos"])
        return ["data", "verify", dataset, f"data.root={file}", "runtime.workers=1", *self.somewhere()]

    def checkpoints(self, draw: random.Random) -> list[str]:
        """Return words that read damaged weights."""
        import torch

        file = self.folder / f"w.{draw.choice(['pth', 'pt', 'safetensors', 'ckpt'])}"
        torch.save(
            {"model": {"patch_embed.proj.weight": torch.zeros(4, 3, 2, 4, 4), "head.bias": torch.zeros(3)}}, file
        )
        file.write_bytes(damaged(file.read_bytes(), draw))
        return ["weights", "export", str(file), str(self.folder / "out.pth"), *self.somewhere()]

    def videos(self, draw: random.Random) -> list[str]:
        """Return words that decode a damaged video."""
        folder = self.folder / "videos"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / f"{draw.getrandbits(40)}.mp4").write_bytes(damaged(self.video, draw))
        return ["data", "verify", "videos", f"data.root={folder}", "runtime.workers=1", *self.somewhere()]

    def somewhere(self) -> list[str]:
        """Return the option for a work folder of its own."""
        return ["--work-dir", str(self.folder / "work")]

    def trial(self, kind: str, number: int) -> None:
        """Run one trial in this process, and count how it ended."""
        words = self.made(kind, random.Random(number))
        done, begun = CliRunner(), time.monotonic()
        code: int | str
        with done.isolation() as (out, err, _), limit(SECONDS):
            try:
                main(words)
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
            except Hang:
                code = "hang"
            except BaseException as error:
                code = f"{type(error).__name__} came out"
            printed = out.getvalue().decode("utf-8", "replace") + err.getvalue().decode("utf-8", "replace")
        self.judge(kind, number, words, code, printed, time.monotonic() - begun)
        forget_plugins()

    def made(self, kind: str, draw: random.Random) -> list[str]:
        """Return the words of a trial of a kind, its inputs written."""
        make: Callable[[random.Random], list[str]] = getattr(self, "cards_trial" if kind == "cards" else kind)
        return [word.encode("utf-8", "replace").decode() for word in make(draw)]

    def process(self, kind: str, number: int) -> None:
        """Run one trial as a process, and count how it ended; the time it takes to start does not count."""
        words = [word.replace("\x00", "") for word in self.made(kind, random.Random(number))]
        if kind == "words":
            words = ["run", "zzz=1", *words[1:]]  # refused, not run
        try:
            line = [sys.executable, "-m", "tta_bench", *words]
            done = subprocess.run(line, capture_output=True, timeout=SECONDS * 12, stdin=subprocess.DEVNULL)
            code: int | str = done.returncode
            printed = (done.stdout + done.stderr).decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            code, printed = "hang", ""
        self.judge(f"{kind} as a process", number, words, code, printed, 0)

    def judge(self, kind: str, number: int, words: list[str], code: int | str, printed: str, seconds: float) -> None:
        """Count a trial, and keep it if it ended as none may."""
        self.outcome.codes[f"{kind}: {code}"] += 1
        trial = f"{kind} {number}: {' '.join(words)[:300]!r}"
        if code not in CODES or "Traceback (most recent call last)" in printed or seconds > SECONDS:
            self.outcome.wrong.append(f"{trial}: code {code}, {seconds:.1f} s: {printed[-300:]!r}")
        if (found := re.search(r"error: unexpected (.*)", printed)) is not None:
            self.outcome.unforeseen.setdefault(re.sub(r"[\d'\"].*", "", found[1])[:80], f"{trial}: {found[1][:200]}")


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raise `Hang` where a block takes longer."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class _Plan:
    """An experiment that is resolved and not begun: what comes after is no input of a user."""

    def __init__(self, experiment: Any) -> None:
        self.experiment = experiment

    def prepare(self) -> None:
        """Return no training that processes could share."""

    def plan(self) -> str:
        """Return a plan."""
        return "plan"


def fuzz(folder: Path, trials: int, processes: int, begin: int = 0, **changes: Any) -> Outcome:
    """Run trials of every kind in their shares, each with a number drawn by hypothesis, and return how they ended.

    Args:
        folder: An empty folder.
        trials: Number in this process.
        processes: Number as processes.
        begin: Seed.
        changes: Shares of kinds, in place of the usual ones.
    """
    load_protocol("FineTune")  # torch takes seconds to import, which are no trial's
    fuzzer = Fuzzer(folder)
    before = os.environ.get("TTA_BENCH_REGISTRY")
    os.environ["TTA_BENCH_REGISTRY"] = str(folder / "registry")
    shares = KINDS | changes
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    start, api.start = api.start, lambda experiment, *_: _Plan(experiment)  # type: ignore[assignment, misc, return-value]
    try:
        for kind, share in shares.items():
            for run, count in ((fuzzer.trial, trials), (fuzzer.process, processes)):
                drawn(run, kind, count * share // sum(shares.values()), begin)
    finally:
        api.start = start  # type: ignore[misc]
        os.environ.pop("TTA_BENCH_REGISTRY")
        if before is not None:
            os.environ["TTA_BENCH_REGISTRY"] = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
    return fuzzer.outcome


def drawn(run: Callable[[str, int], None], kind: str, count: int, begin: int) -> None:
    """Run a trial of a kind for each of as many numbers, which hypothesis draws from a seed."""
    if not count:
        return
    plain = settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))

    @seed(begin)
    @plain
    @given(st.integers(0, 2**40))
    def each(number: int) -> None:
        run(kind, number)

    each()


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]] or [10_000, 200]
    with tempfile.TemporaryDirectory() as place:
        os.environ["TTA_BENCH_CACHE"] = f"{place}/cache"
        os.environ["TTA_BENCH_CONFIG"] = f"{place}/no.yaml"
        Path(place, "fuzz").mkdir()
        found = fuzz(Path(place, "fuzz"), asked[0], asked[1] if len(asked) > 1 else 0)
    for name, times in sorted(found.codes.items()):
        print(f"{name}: {times}")
    total = sum(found.codes.values())
    print(f"{total} trials; {len(found.wrong)} wrong; {len(found.unforeseen)} kinds of unforeseen errors")
    for line in [*found.wrong, *found.unforeseen.values()]:
        print(line)
