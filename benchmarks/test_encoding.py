"""Encoding of clips' windows by a small frozen backbone, beside decoding alone and the backbone alone.

A loader process decodes while the backbone computes, with one thread, so that each has a core. What these allow is the
slower of the two by the clock, for they overlap, and the sum of both in processor time. The second holds on a machine
that others use too; the first is held to only where the load was below one core before it began.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.interleaved import Turn, as_shares, interleaved, share
from benchmarks.videos import ucf101_like
from tests.data.clips import link
from tta_bench.cards.catalog import backbone_card
from tta_bench.data import loading
from tta_bench.data.datasets.layout import Sample
from tta_bench.data.features.encoded import WindowRule, encode_clips
from tta_bench.data.media.decode import count_frames
from tta_bench.engine.device import Machine
from tta_bench.experiments.base import ResolvedClip
from tta_bench.protocols.probe.encoder import Encoder

CLIPS, WINDOWS = 24, 4
SMALL = "videomaev2_vit_tiny"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_encoding_keeps_pace_with_decoding(tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.avi" for number in range(CLIPS)]
    video = tmp_path / "video.avi"
    video.write_bytes(ucf101_like(tmp_path).read_bytes())
    link(video, names)
    samples = [Sample(name.stem, name, 0, name.stem) for name in names]
    lengths = dict.fromkeys((sample.id for sample in samples), count_frames(video))
    rule = WindowRule(ResolvedClip(span=64, frames=8, stride=8, size=48), WINDOWS)
    encoder = Encoder(backbone_card(SMALL), rule.clip, None, 0, Machine(torch.device("cpu"), "fp32"))
    kept: list[str] = []
    clips = rule.clips(samples, lengths)
    loaded = [clips[number]["clips"][None] for number in range(CLIPS)]

    def decode() -> None:
        for _ in loading.test_loader(clips, loading.batches_of(CLIPS, 1), 1, False):
            pass

    def compute() -> None:
        for windows in loaded:
            encoder.encode(windows, ("pooled",))

    def encode() -> None:
        encode_clips(
            [[sample] for sample in samples],
            rule,
            lengths,
            lambda windows: encoder.encode(windows, ("pooled",)),
            lambda sample, made: kept.append(sample.id),
            1,
            False,
            "encoding",
        )

    busy = os.getloadavg()[0]
    encode()
    assert kept == [sample.id for sample in samples]
    turns = interleaved({"encoding": encode, "decoding alone": decode, "backbone alone": compute}, rounds=5)
    allowed = [
        Turn(max(decoded.wall, computed.wall), decoded.processor + computed.processor)
        for decoded, computed in zip(turns["decoding alone"], turns["backbone alone"], strict=True)
    ]
    found = share({**turns, "allowed": allowed}, "allowed", "encoding")
    print(f"\n{CLIPS} clips of {WINDOWS} windows, {SMALL}, a loader process beside it, a load of {busy:.1f} before:")
    print(as_shares(turns, "encoding"))
    print(f"of the pace that both allow: {found.wall:.2f} ({found.processor:.2f} in processor time)")
    assert found.processor >= 0.9
    assert found.wall >= 0.9 or busy >= 1
