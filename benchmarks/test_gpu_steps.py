"""Steps of ViT-B on a CUDA device in bfloat16 beside the peers', turn by turn; ours as they stand, and compiled.

TTA_BENCH_DEVICE=cuda TTA_BENCH_CLIPS=16 pytest -s benchmarks/test_gpu_steps.py
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch

from benchmarks.interleaved import Turns, as_table, interleaved
from benchmarks.official_pretraining import OFFICIAL, checkout, official_step
from benchmarks.peers import absent, say_absent
from benchmarks.steps import CLIPS, CONTENDERS, DEVICE, OURS, ours
from benchmarks.test_pretrain_step import our_step, some_clips

COMPILED = f"{OURS}, compiled"
ROUNDS = 10

pytestmark = pytest.mark.skipif(DEVICE.type != "cuda", reason="TTA_BENCH_DEVICE is not a CUDA device")


def measured(steps: Mapping[str, Callable[[str], object]]) -> Turns:
    """Return what steps took, each until the device has done it, after some that make and load kernels."""
    calls = {name: partial(waited, partial(step, "bf16")) for name, step in steps.items()}
    interleaved(calls, 2)
    return interleaved(calls, ROUNDS)


def waited(call: Callable[[], object]) -> None:
    """Call, and wait for the device."""
    call()
    torch.cuda.synchronize(DEVICE)


def test_fine_tuning_beside_its_peers() -> None:
    print(f"\nfine-tune step of ViT-B, {CLIPS} clips of 16 x 224, bf16, {torch.cuda.get_device_name(DEVICE)}:")
    say_absent(tuple(CONTENDERS))
    steps = {name: make() for name, make in CONTENDERS.items() if name not in absent()}
    turns = measured({**steps, COMPILED: ours(lambda model: model.compile(dynamic=False))})
    print(as_table(turns, OURS), as_table(turns, COMPILED), sep="\n")


def test_pretraining_beside_the_official_code() -> None:
    folder = checkout()
    if folder is None:
        pytest.skip(f"{OFFICIAL}: not measured (no VideoMAEv2 in TTA_BENCH_PEERS)")
    clips = some_clips().to(DEVICE)
    print(f"\npre-training step of ViT-B, {len(clips)} clips of 16 x 224, bf16, {torch.cuda.get_device_name(DEVICE)}:")
    compiled = our_step(clips, lambda model: model.compile(dynamic=False))
    turns = measured({OURS: our_step(clips), OFFICIAL: official_step(folder, clips), COMPILED: compiled})
    print(as_table(turns, OURS), as_table(turns, COMPILED), sep="\n")
