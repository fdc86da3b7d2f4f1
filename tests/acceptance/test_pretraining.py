"""What the suite promises of its pre-training: the official masks, loss and gradients, and one command to the next."""

from __future__ import annotations

import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conformance import test_pretraining as conformance
from tests.conformance.figures import official_figures
from tests.warm import Program, tta_bench
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.protocols.pretrain.masking import draw_masks
from tta_bench.records.schema import Record
from tta_bench.records.store import read_record

pytestmark = pytest.mark.acceptance
SEEDS = (0, 1, 2)
STEPS = 20
"""Steps of the pre-training that is stopped."""
LABELLED = ("train.clips=32", "train.steps=160")
"""A small labelled list, and a short fine-tune."""


def run(work_dir: Path, *words: str) -> tuple[Path, Record]:
    """Run a job and return its record and the record's file."""
    before = set(work_dir.glob("records/*.json"))
    tta_bench("run", "tier=sample", *words, "--work-dir", str(work_dir))
    (path,) = set(work_dir.glob("records/*.json")) - before
    return path, read_record(path)


def checkpoint(work_dir: Path) -> Path:
    (path,) = work_dir.glob("tta_pretrain-*/checkpoint.pt")
    return path


def logged(work_dir: Path) -> int:
    """Return how many steps a pre-training has taken."""
    return sum(len(path.read_text().splitlines()) for path in work_dir.glob("tta_pretrain-*/metrics.jsonl"))


def test_1_a_step_of_vit_b_is_the_official_one() -> None:
    official = official_figures("pretraining")
    masks = draw_masks((8, 14, 14), 0.9, 0.5, 100, np.random.default_rng(0))
    counts = {masks.visible.shape[1], masks.decoded.shape[1], *masks.counted.sum(1).tolist()}
    ours = conformance.our_step(official, "base")
    differences = {
        "targets": conformance.distance(ours.targets, official["base/targets"]),
        "loss": abs(ours.loss / float(official["base/loss"]) - 1),
        "gradients": float(np.abs(ours.norms / official["base/norms"] - 1).max()),
    }
    print(f"\nViT-B: {int(official['parameters']):,} parameters; tokens seen, decoded, in the loss: {sorted(counts)}")
    print("relative differences: " + ", ".join(f"{name} {value:.1e}" for name, value in differences.items()))
    assert counts == {160, 784, 704}
    assert int(official["parameters"]) == 94_210_944
    assert max(differences.values()) < 1e-4


@pytest.mark.parametrize("index", range(len(conformance.GIVEN.CELLS)))
def test_1_the_four_cell_maps_are_the_official_ones(index: int) -> None:
    conformance.test_the_four_maps_of_running_cells_equal_the_official_ones(official_figures("pretraining"), index)


@pytest.mark.long
def test_2_pretraining_then_a_fine_tune_beside_one_from_scratch(tmp_path: Path) -> None:
    verdicts = []
    for seed in SEEDS:
        begun = time.monotonic()
        _, pretrained = run(tmp_path, "protocol=tta_pretrain", f"seed={seed}")
        seconds = time.monotonic() - begun
        (name,) = (path.name for path in tmp_path.glob(f"tta_pretrain-*-seed{seed}-*"))
        job = ("protocol=ucf101_ft", *LABELLED, f"seed={seed}")
        tuned_file, tuned = run(tmp_path, *job, f"weights={name}")
        scratch_file, scratch = run(tmp_path, *job)
        said, _ = tta_bench("compare", tuned_file, scratch_file)
        print(f"\nseed {seed}: pre-trained in {seconds:.0f} s to loss {pretrained.metrics['loss'].value:.3f}\n{said}")
        verdicts.append(said.splitlines()[-1])
        assert tuned.identity.weights is not None
        assert tuned.identity.weights.name == name
        assert tuned.identity.weights.pretraining is not None
        seen = tuned.identity.weights.pretraining
        assert (seen.data, seen.labels, seen.clips) == ("tiktok_actions_sample", False, 160)
        assert seen.steps == pretrained.resolved["train"]["steps"]  # type: ignore[index, call-overload]
        assert scratch.identity.weights is None
        assert tuned.resolved["train"] == scratch.resolved["train"]
        assert tuned.identity.run_key != scratch.identity.run_key
        assert (tmp_path / name / "restored.png").stat().st_size > 10_000
    assert all(re.fullmatch(r"The two (differ|cannot be told apart) at 95 %\.", verdict) for verdict in verdicts)


def test_a_stopped_pretraining_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    job = ("run", "protocol=tta_pretrain", "tier=sample", f"train.steps={STEPS}", "train.clips=32")
    tta_bench(*job, "--work-dir", str(tmp_path / "whole"))
    stopped = Program(*job, "--work-dir", str(tmp_path / "cut"))
    while not logged(tmp_path / "cut") and stopped.poll() is None:
        time.sleep(0.02)
    stopped.send_signal(signal.SIGTERM)
    stopped.communicate(timeout=60)
    reached = read_checkpoint(checkpoint(tmp_path / "cut"))["step"]
    assert 0 < reached < STEPS
    tta_bench(*job, "--work-dir", str(tmp_path / "cut"))
    whole, cut = (read_checkpoint(checkpoint(tmp_path / name))["model"] for name in ("whole", "cut"))
    print(f"\nstopped after step {reached} of {STEPS}, and gone on with to the same weights")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


@pytest.mark.long
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_model_learns_the_same_to_the_last_digits(tmp_path: Path) -> None:
    weights = []
    for compiled in ("false", "true"):
        begun = time.monotonic()
        run(tmp_path / compiled, "protocol=tta_pretrain", "train.steps=8", f"runtime.compile={compiled}")
        print(f"\nruntime.compile={compiled}: 8 steps in {time.monotonic() - begun:.0f} s")
        weights.append(read_checkpoint(checkpoint(tmp_path / compiled))["model"])
    assert set(weights[0]) == set(weights[1])
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-3, atol=1e-4, msg=name)
    assert any(not torch.equal(weights[1][name], tensor) for name, tensor in weights[0].items()), "it was not compiled"
