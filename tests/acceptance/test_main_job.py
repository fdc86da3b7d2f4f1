"""What the suite promises of its main job, checked end to end: real processes, real files, real signals."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.warm import Program, tta_bench
from tta_bench.data.media.decode import count_frames, read_frames
from tta_bench.data.synthetic.ucf101 import SampleSettings, generate_ucf101_sample
from tta_bench.models.checkpoints.read import read_checkpoint
from tta_bench.records.schema import Record
from tta_bench.records.store import load_records

pytestmark = pytest.mark.acceptance
REPOSITORY = Path(__file__).parents[2]
JOB = ("run", "protocol=ucf101_ft")


def run(work_dir: Path, *words: str) -> Record:
    tta_bench(*JOB, *words, "--work-dir", str(work_dir))
    return max(load_records(work_dir / "records"), key=lambda record: record.created)


def weights(work_dir: Path) -> dict[str, torch.Tensor]:
    (path,) = work_dir.glob("*/checkpoint.pt")
    model: dict[str, torch.Tensor] = read_checkpoint(path)["model"]
    return model


def assert_equal_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def quoted() -> dict[str, float]:
    """The figures that the README quotes, by control."""
    text = (REPOSITORY / "README.md").read_text()
    return {
        name: float(value) for name, value in re.findall(r"^\| .*?`(none|frozen|reversed)`.*?\| ([\d.]+) %", text, re.M)
    }


@pytest.mark.alone
def test_1_the_main_job_learns_motion_in_under_two_minutes(work_dir: Path, quoted: dict[str, float]) -> None:
    begun = time.monotonic()
    subprocess.run([sys.executable, "-m", "tta_bench", *JOB, "--work-dir", str(work_dir)], check=True, timeout=900)
    seconds = time.monotonic() - begun
    (moving,) = load_records(work_dir / "records")
    frozen = run(work_dir, "eval.control=frozen")
    backwards = run(work_dir, "eval.control=reversed")
    measured = {
        "none": moving.metrics["top1"].value,
        "frozen": frozen.metrics["top1"].value,
        "reversed": backwards.metrics["top1_reversed"].value,
    }
    print(f"\nmain job: {seconds:.0f} s; " + ", ".join(f"{name} {value:.2%}" for name, value in measured.items()))
    assert seconds < 120
    assert measured["none"] >= 0.75
    assert measured["frozen"] <= 0.2
    assert measured["reversed"] >= 0.6
    assert not [phase for record in (frozen, backwards) for phase in record.phases if phase.name == "train"]
    assert quoted.keys() == measured.keys()
    for name, value in measured.items():
        assert value == pytest.approx(quoted[name] / 100, abs=0.08), "the README quotes something else"


def test_1_a_network_that_sees_no_motion_stays_low(tmp_path: Path) -> None:
    record = run(tmp_path, "backbone=resnet50")
    print(f"\nresnet50: {record.metrics['top1'].value:.2%}")
    assert record.metrics["top1"].value <= 0.5


@pytest.fixture(scope="module")
def full_layout(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole of UCF101's layout: the official lists, and a few small clips linked under all 13,320 names."""
    root = tmp_path_factory.mktemp("full")
    sample = generate_ucf101_sample(
        root / "clips", SampleSettings(groups=2, test_groups=1, clips=1, frames=20, width=32, height=24)
    )
    clips = sorted(sample.glob("UCF-101/*/*.avi"))
    official = shared / "ucf101/ucfTrainTestlist"
    (root / "ucf101").mkdir()
    (root / "ucf101/ucfTrainTestlist").symlink_to(official)
    for list_file in sorted(official.glob("t*list0*.txt")):
        for line in list_file.read_text().split("\n"):
            if line.strip():
                path = root / "ucf101/UCF-101" / line.split()[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                if not path.exists():
                    path.hardlink_to(clips[hash_of(path.stem) % len(clips)])
    return root / "ucf101"


def hash_of(name: str) -> int:
    return sum(name.encode())


def test_4_the_full_layout_is_walked_and_trained_on(full_layout: Path, tmp_path: Path) -> None:
    assert len(list(full_layout.glob("UCF-101/*/*.avi"))) == 13_320
    words = ("backbone=videomaev2_vit_tiny", "train.batch=8", "train.steps=3", "eval.segments=1", "eval.crops=1")
    expected = {1: (9_537, 3_783), 2: (9_586, 3_734), 3: (9_624, 3_696)}
    begun = time.monotonic()
    record = run(tmp_path, f"data.root={full_layout}", *words)
    print(f"\nfull layout: split 1 walked, trained and tested in {time.monotonic() - begun:.0f} s")
    assert record.identity.tier == "full"
    assert not record.identity.standard
    assert (record.n_expected, record.n_scored) == (expected[1][1], expected[1][1])
    for split, (train, test) in expected.items():
        plan, _ = tta_bench(
            *JOB, f"data.root={full_layout}", *words, f"split={split}", "--dry-run", "--work-dir", str(tmp_path)
        )
        assert f"{train:,} training and {test:,} test clips" in plan


STEPS = 16
SHORT = (f"train.steps={STEPS}", "eval.segments=1", "eval.crops=1")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    run(folder, *SHORT)
    return folder


def metrics_lines(work_dir: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in work_dir.glob("*/metrics.jsonl"))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_5_a_stopped_run_goes_on_to_the_same_weights(uninterrupted: Path, tmp_path: Path, stop: signal.Signals) -> None:
    process = Program(*JOB, *SHORT, "runtime.workers=2", "--work-dir", str(tmp_path))
    deadline = time.monotonic() + 120
    while metrics_lines(tmp_path) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(stop)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + stop, err
    assert f"stopped by {stop.name} after step" in err
    assert "Traceback" not in err
    (path,) = tmp_path.glob("*/checkpoint.pt")
    done = read_checkpoint(path)["step"]
    (record,) = load_records(tmp_path / "records")
    assert record.status == "cancelled"
    assert 0 < done < STEPS
    record = run(tmp_path, *SHORT)
    assert record.status == "success"
    assert metrics_lines(tmp_path) == STEPS
    print(f"\nstopped by {stop.name} after step {done}, continued: same weights, bit for bit")
    assert_equal_weights(uninterrupted, tmp_path)


@pytest.mark.parametrize("workers", [0, 2])
def test_5_another_number_of_workers_gives_the_same_weights(uninterrupted: Path, tmp_path: Path, workers: int) -> None:
    run(tmp_path, *SHORT, f"runtime.workers={workers}")
    print(f"\n{workers} workers: same weights, bit for bit")
    assert_equal_weights(uninterrupted, tmp_path)


def test_6_the_real_clips_decode_to_their_frames(shared: Path) -> None:
    import av

    counts = {}
    for path in sorted((shared / "clips").iterdir()):
        with av.open(str(path)) as container:
            plain = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        counts[path.name] = count_frames(path)
        order = np.random.default_rng(0).permutation(len(plain))
        assert all(np.array_equal(frame, plain[k]) for frame, k in zip(read_frames(path, order), order, strict=True))
    print(f"\n{counts}: every frame equals a plain sequential decode")
    assert sorted(counts.values()) == [57, 164, 168, 280]
