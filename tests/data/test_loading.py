from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.data.clips import HEIGHT, WIDTH, as_sent, read_barcode, write_repeated, write_video
from tta_bench.config.resolve import resolve
from tta_bench.data import loading
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.media import seek
from tta_bench.data.media.decode import count_frames, read_frames
from tta_bench.data.step_order import StepBatches
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip
from tta_bench.experiments.fine_tune import Augmentation, EvalSettings, TrainSettings

CLIP = ResolvedClip(span=12, frames=4, stride=3, size=32)
TRAIN = TrainSettings(batch=2, views=2, steps=4, lr=1.0, augment=Augmentation(rand_augment="rand-m7-n4-mstd0.5-inc1"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("clips")
    paths = [write_video(folder / f"{k}.avi", frames=20 + 5 * k) for k in range(3)]
    return [Sample(path.stem, path, label, path.stem) for label, path in enumerate(paths)]


def lengths(samples: list[Sample]) -> dict[str, int]:
    return {sample.id: count_frames(sample.path) for sample in samples}


def batches(samples: list[Sample], workers: int, first: int = 0) -> Iterator[dict[str, torch.Tensor]]:
    clips = loading.TrainClips(samples, lengths(samples), CLIP, TRAIN, seed=0)
    yield from loading.train_loader(clips, StepBatches(len(samples), 2, first, 4, seed=0), workers, pin=False)  # type: ignore[misc]


def test_batches_are_uint8_views_with_boxes_and_labels(samples: list[Sample]) -> None:
    batch = next(batches(samples, 0))
    assert batch["clips"].shape == (2, 2, 4, 32, 32, 3)
    assert batch["clips"].dtype == torch.uint8
    assert batch["boxes"].shape == (2, 2, 1, 4)
    assert batch["label"].dtype == torch.int64
    assert not torch.equal(batch["clips"][:, 0], batch["clips"][:, 1])


@pytest.mark.parametrize(("workers", "first"), [(2, 0), (0, 2), (2, 3)])
def test_batches_are_the_same_with_workers_and_from_any_step_on(
    samples: list[Sample], workers: int, first: int
) -> None:
    expected, found = list(batches(samples, 0))[first:], list(batches(samples, workers, first))
    assert len(found) == 4 - first
    for one, other in zip(expected, found, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_epochs_differ(samples: list[Sample]) -> None:
    clips = loading.TrainClips(samples, lengths(samples), CLIP, TRAIN, seed=0)
    assert not torch.equal(clips[0, 0]["clips"], clips[1, 0]["clips"])


def test_test_views_come_in_the_lists_order_from_one_decode(samples: list[Sample]) -> None:
    rule = EvalSettings(segments=2, crops=3)
    clips = loading.TestClips(samples, lengths(samples), CLIP, rule, seed=0)
    found = list(loading.test_loader(clips, loading.batches_of(len(clips), 2), 0, pin=False))
    assert [index for batch in found for index in batch["index"]] == [0, 1, 2]  # type: ignore[attr-defined]
    assert found[0]["clips"].shape == (2, 6, 4, 32, 32, 3)


def test_controls_change_the_order_of_frames_only(samples: list[Sample]) -> None:
    def views(control: str) -> torch.Tensor:
        rule = EvalSettings.model_validate({"segments": 1, "crops": 1, "control": control})
        return loading.TestClips(samples, lengths(samples), CLIP, rule, seed=0)[0]["clips"]

    plain = views("none")
    assert torch.equal(views("reversed"), plain.flip(1))
    assert all(torch.equal(frame, views("frozen")[0, 0]) for frame in views("frozen")[0])
    assert sorted(frame.sum().item() for frame in views("shuffled")[0]) == sorted(f.sum().item() for f in plain[0])


def test_uniform_clips_are_spread_over_the_video(tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.avi", frames=80)
    clip = CLIP.model_copy(update={"sampling": "uniform", "size": HEIGHT})
    plain = Augmentation(area=(1, 1), ratio=(WIDTH / HEIGHT, WIDTH / HEIGHT), flip=0, erase=0)
    train = TRAIN.model_copy(update={"views": 1, "augment": plain})
    one = [Sample("long", video, 0, "long")]
    trained = loading.TrainClips(one, {"long": 80}, clip, train, seed=0)

    def indices(frames: torch.Tensor) -> list[int]:
        return [read_barcode(cv2.resize(frame.numpy(), (WIDTH, HEIGHT))) for frame in frames]

    drawn = [indices(trained[epoch, 0]["clips"][0]) for epoch in range(3)]
    assert len({tuple(draw) for draw in drawn}) == 3
    assert all(20 * k <= index < 20 * (k + 1) for draw in drawn for k, index in enumerate(draw))
    tested = loading.TestClips(one, {"long": 80}, clip, EvalSettings(segments=1, crops=1), seed=0)
    middles = read_frames(video, [10, 30, 50, 70])
    assert np.array_equal(tested[0]["clips"][0].numpy(), middles[:, :, (WIDTH - HEIGHT) // 2 : (WIDTH + HEIGHT) // 2])


def test_sampling_is_chosen_for_fine_tuning_and_dense_is_as_if_unsaid() -> None:
    plain, dense, uniform = (
        resolve(["protocol=ucf101_ft", *words])[0]
        for words in ((), ("clip.sampling=dense",), ("clip.sampling=uniform",))
    )
    assert plain.settings() == dense.settings()
    assert plain.training_identity("data", None, "fp32") == dense.training_identity("data", None, "fp32")
    assert plain.training_identity("data", None, "fp32") != uniform.training_identity("data", None, "fp32")
    assert (plain.standard, dense.standard, uniform.standard) == (True, False, False)
    assert str(uniform.clip) == "8 frames, spread over the video, 32 pixels"  # type: ignore[attr-defined]
    assert str(plain.clip) == "8 frames, every 5th, 32 pixels"  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"unknown key 'clip\.sampling'"):
        resolve(["protocol=tta_pretrain", "clip.sampling=uniform"])


def test_workers_start_after_opencv_has_used_its_threads() -> None:
    program = (
        "import cv2, numpy as np\n"
        "from torch.utils.data import DataLoader\n"
        "from tta_bench.data.loading import worker_options\n"
        "cv2.setNumThreads(4)\n"
        "cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (31, 31), 0)\n"
        "print(len(list(DataLoader([1, 2, 3], **worker_options(2)))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "3\n", done.stderr


@given(st.integers(1, 64), st.integers(1, 20 * 10**9))
def test_what_is_in_flight_is_bounded(workers: int, size: int) -> None:
    left, ahead = loading.in_flight(workers, size)
    assert 1 <= left <= workers
    assert left * ahead * size <= loading.IN_FLIGHT_BYTES or (left, ahead) == (1, 1)
    assert (left, ahead) == (workers, 2) or workers * 2 * size > loading.IN_FLIGHT_BYTES


def test_samples_of_a_long_video_are_sought_and_those_that_counting_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece, times = write_video(tmp_path / "piece.mp4", 100, "libx264", g="50", bf="2"), 40
    sample = Sample("long", write_repeated(tmp_path / "long.mp4", piece, times), 0, "g")
    train = loading.TrainClips([sample], {"long": 100 * times}, CLIP, TRAIN, seed=0)
    tested = loading.TestClips([sample], {"long": 100 * times}, CLIP, EvalSettings(segments=3, crops=3), 0)
    with monkeypatch.context() as patch:
        patch.setattr(
            loading, "read_counted_frames", lambda path, indices, _, change: read_frames(path, indices, change)
        )
        counted = [train[0, 0]["clips"], train[1, 0]["clips"], tested[0]["clips"]]
    monkeypatch.setattr(seek, "read_frames", None)
    for item, expected in zip((train[0, 0], train[1, 0], tested[0]), counted, strict=True):
        assert torch.equal(item["clips"], expected)
    assert train.source(0) == sample.path


START = ["forkserver", pytest.param("spawn", marks=[pytest.mark.acceptance, pytest.mark.long])]


@pytest.mark.parametrize("method", START)
def test_processes_that_are_not_forked_make_the_same_batches(samples: list[Sample], method: str) -> None:
    """Start methods of Windows, macOS and Python 3.14: the data set and all that the loader is given are pickled."""
    clips = loading.TrainClips(samples, lengths(samples), CLIP, TRAIN, seed=0)
    loader = loading.train_loader(clips, StepBatches(len(samples), 2, 0, 2, seed=0), 1, pin=False)
    loader.multiprocessing_context = method
    found = [batch["clips"] for batch in loader]
    expected = [batch["clips"] for batch, _ in zip(batches(samples, 0), range(2), strict=False)]
    assert len(found) == 2
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_all_that_a_loader_of_test_clips_is_given_can_be_pickled(samples: list[Sample]) -> None:
    evaluation = EvalSettings(segments=2, crops=1)
    loader = loading.test_loader(loading.TestClips(samples, lengths(samples), CLIP, evaluation, 0), 2, 1, pin=False)
    dataset, begin = as_sent((loader.dataset, loader.worker_init_fn))
    assert begin is loading.quiet_worker
    assert torch.equal(dataset[1]["clips"], loader.dataset[1]["clips"])


TALL = """
import sys
from pathlib import Path
from tests.data.test_loading import CLIP
from tta_bench.data import loading
from tta_bench.data.datasets.layout import Sample
from tta_bench.experiments.fine_tune import EvalSettings

def peak():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

clip = CLIP.model_copy(update={"span": 16, "frames": 16, "stride": 1, "size": 224})
rule = EvalSettings(segments=5, crops=3)
clips = loading.TestClips([Sample("4k", Path(sys.argv[1]), 0, "4k")], {"4k": 20}, clip, rule, seed=0)
before = peak()
assert clips[0]["clips"].shape == (15, 16, 224, 224, 3)
print(peak() - before)
"""


@pytest.mark.acceptance
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's peak memory there")
def test_a_4k_video_costs_a_test_item_little_more_than_its_short_side(tmp_path: Path) -> None:
    video = tmp_path / "4k.mp4"
    with av.open(video, "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "bf": "2", "refs": "4"})
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuv420p"
        for k in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((2160, 3840, 3), 10 * k, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    told = subprocess.run([sys.executable, "-c", TALL, video], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    print(f"peak of a 5 x 3 test item of 3840 x 2160 pixels: {float(told.stdout):.0f} MB above the loader's")
    assert float(told.stdout) < 400
