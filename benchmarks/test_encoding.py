"""Encoding of clips' windows by a small frozen backbone, beside their decoding alone; one loader process."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from benchmarks.interleaved import as_shares, interleaved, share
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

    def decode() -> None:
        for _ in loading.test_loader(rule.clips(samples, lengths), loading.batches_of(CLIPS, 1), 1, False):
            pass

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

    encode()
    assert kept == [sample.id for sample in samples]
    turns = interleaved({"encoding": encode, "decoding alone": decode}, rounds=5)
    print(f"\n{CLIPS} clips of {WINDOWS} windows, {SMALL}, a loader process beside it, {os.cpu_count()} cores:")
    print(as_shares(turns, "encoding"))
    assert share(turns, "decoding alone", "encoding").wall >= 0.9
