"""What the suite promises of its fine-tuning: the published recipe, UCF101 and HMDB51, any backbone and any weights."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conformance import test_encoder, test_finetune_recipe
from tests.conformance.figures import official_figures
from tests.models.checkpoints import test_load
from tests.warm import Program, tta_bench
from tta_bench.engine.schedule import learning_rate, scaled
from tta_bench.models.backbones.videomae import VideoMAEV2
from tta_bench.models.checkpoints.load import load_classifier
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.models.classifier import Classifier
from tta_bench.records.schema import Record
from tta_bench.records.store import load_records

pytestmark = pytest.mark.acceptance
REPOSITORY = Path(__file__).parents[2]


def relative(ours: Any, official: Any) -> float:
    """Return the largest difference, as a share of the official figure."""
    ours, official = np.asarray(ours, float), np.asarray(official, float)
    return float(np.max(np.abs(ours - official) / np.abs(official)))


@pytest.mark.long  # the same tests stand in the quick ones
def test_1_every_step_of_the_recipe_equals_the_official_codes_figures() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "not acceptance", "tests/conformance"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    print(f"\nconformance: {done.stdout.splitlines()[-1]}")


@pytest.mark.parametrize("label", test_encoder.CASES)
def test_1_encoder_and_gradients_agree_to_four_digits(label: str) -> None:
    maker, case = test_encoder.MAKER, test_encoder.CASES[label]
    official = official_figures("encoder")
    classifier = Classifier(VideoMAEV2(**case), case["width"], maker["CLASSES"])
    test_encoder.fill_with_official_names(classifier)
    ours = maker["figures"](classifier, maker["make_clip"](case))
    norms = dict(zip((name.removeprefix("backbone.") for name in ours["names"]), ours["norms"], strict=True))
    gradients = relative([norms[name] for name in official[f"{label}/names"]], official[f"{label}/norms"])
    logits = official[f"{label}/logits"]
    output = float(np.linalg.norm(ours["logits"] - logits) / np.linalg.norm(logits))
    print(f"\n{label}: output {output:.1e}, largest gradient norm {gradients:.1e} (at most 1e-4, relative)")
    assert max(output, gradients) <= 1e-4


def test_1_learning_rates_of_whole_schedules_agree_to_six_digits() -> None:
    official = official_figures("finetune_recipe")
    for name, s in test_finetune_recipe.GIVEN.SCHEDULES.items():
        steps, warmup = s["epochs"] * s["per_epoch"], s["warmup"] * s["per_epoch"]
        base, minimum = scaled(s["lr"], s["batch"]), scaled(s["min_lr"], s["batch"])
        ours = np.array([learning_rate(step, base, minimum, warmup, steps) for step in range(steps)])
        theirs = official[f"lr_{name}"]
        started = theirs > 0  # the first step of a warm-up has rate 0, here and there
        assert np.array_equal(ours > 0, started)
        difference = relative(ours[started], theirs[started])
        print(f"\n{name}: {steps:,} learning rates, largest difference {difference:.1e} (at most 1e-6, relative)")
        assert difference <= 1e-6


@pytest.mark.parametrize("form", test_load.FINE_TUNED)
def test_2_every_accepted_format_gives_bit_identical_outputs(form: str, tmp_path: Path) -> None:
    source, tested = test_load.make(seed=1), test_load.make(seed=7)
    torch.save(test_load.FINE_TUNED[form](source), tmp_path / "a.pth")
    report = load_classifier(tested, read_checkpoint(tmp_path / "a.pth"))
    clip = torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(2))
    assert torch.equal(tested(clip), source(clip))
    print(f"\n{form}: {report.loaded} tensors, outputs equal bit for bit")


FEW = ("train.steps=12", "eval.segments=1", "eval.crops=1")
HMDB51 = ("run", "protocol=hmdb51_ft", "split=1,2,3")


def trained_steps(work_dir: Path) -> dict[str, int]:
    """Return how many training steps of each split there are."""
    lines = {path.parent.name: len(path.read_text().splitlines()) for path in work_dir.glob("*/metrics.jsonl")}
    return {re.findall(r"-split(\d)-", name)[0]: count for name, count in sorted(lines.items())}


def left_behind(work_dir: Path) -> dict[str, int]:
    """Return when each file of the trainings and records was last written."""
    files = [*work_dir.glob("*/checkpoint.pt"), *work_dir.glob("*/metrics.jsonl"), *work_dir.glob("records/*")]
    return {str(path): path.stat().st_mtime_ns for path in files}


@pytest.mark.parametrize(
    ("recipe", "least"),
    [pytest.param((), 0.6, id="whole", marks=pytest.mark.long), pytest.param(FEW, 0.0, id="few steps")],
)
def test_3_three_splits_their_mean_and_nothing_twice(recipe: tuple[str, ...], least: float, tmp_path: Path) -> None:
    words = (*HMDB51, *recipe, "--work-dir", str(tmp_path))
    process = Program(*words)
    deadline = time.monotonic() + 600
    while trained_steps(tmp_path).get("2", 0) < 3 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    stopped = trained_steps(tmp_path)
    assert set(stopped) == {"1", "2"}
    first = {path: when for path, when in left_behind(tmp_path).items() if "split1" in path}

    begun = time.monotonic()
    out, err = tta_bench(*words)
    print(f"\nstopped in split 2 after step {stopped['2']}, continued in {time.monotonic() - begun:.0f} s:\n{out}")
    assert err.count("done before") == 1
    assert first.items() <= left_behind(tmp_path).items()
    assert set(trained_steps(tmp_path).values()) == {stopped["1"]}
    records = load_records(tmp_path / "records")
    assert [(record.identity.split, record.status, record.n_scored) for record in records] == [
        (split, "success", 64) for split in "123"
    ]
    mean = sum(record.metrics["top1"].value for record in records) / 3
    assert mean >= least
    assert all(record.metrics["top1_unleaked"].n == 32 for record in records)
    assert re.search(rf"^\| mean +\| 1, 2, 3 / 0 +\| none +\| {mean:.2%} ", out, re.MULTILINE), out

    before = left_behind(tmp_path)
    out, err = tta_bench(*words, "--resume", "missing")
    assert err.count("done before") == 3
    assert "train " not in err
    assert left_behind(tmp_path) == before
    assert f"{mean:.2%}" in out
    print("the same command again: no training")


SHORT = ("train.steps=4", "eval.segments=1", "eval.crops=1")


@pytest.mark.parametrize("name", ["mmaction2/slowonly_r50", "mmaction2/x3d_s", "mmaction2/tsm_r50", "timm/resnet18"])
def test_4_other_backbones_finish_on_the_sample(name: str, tmp_path: Path) -> None:
    begun = time.monotonic()
    tta_bench("run", "protocol=ucf101_ft", f"backbone={name}", *SHORT, "--work-dir", str(tmp_path))
    record: Record
    (record,) = load_records(tmp_path / "records")
    assert (record.status, record.identity.backbone, record.n_scored) == ("success", name, record.n_expected)
    assert record.cost is not None
    print(f"\n{name}: {record.cost.parameters:,} parameters, {time.monotonic() - begun:.0f} s")


class Touches:
    """Creates a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("phase", ["all", "test"])
def test_5_a_checkpoint_that_would_run_code_is_refused(phase: str, tmp_path: Path) -> None:
    torch.save({"model": {}, "args": Touches(tmp_path / "created")}, tmp_path / "bad.pth")
    words = ("run", "protocol=ucf101_ft", f"weights={tmp_path / 'bad.pth'}", f"phase={phase}")
    _, err = tta_bench(*words, "--work-dir", str(tmp_path / "runs"), code=2)
    assert "bad.pth is refused: unpickling it would use" in err
    assert not (tmp_path / "created").exists()
    print(f"\n{err.splitlines()[-2]}")


def test_5_the_same_file_does_harm_where_it_is_simply_unpickled(tmp_path: Path) -> None:
    """Otherwise the test above would show nothing."""
    torch.save({"args": Touches(tmp_path / "created")}, tmp_path / "bad.pth")
    program = f"import torch; torch.load({str(tmp_path / 'bad.pth')!r}, weights_only=False)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert (tmp_path / "created").exists()
