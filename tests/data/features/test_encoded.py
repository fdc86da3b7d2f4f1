from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.protocols.probe.some_features import TOKENS, WIDTH, WINDOWS, some_clips, some_samples
from tta_bench.data.features.encoded import EncodedClips, TokenReader, WindowBatch, WindowRule, missing
from tta_bench.data.features.store import FeatureStore
from tta_bench.errors import UserError
from tta_bench.experiments.base import ResolvedClip

CLIP = ResolvedClip(span=8, frames=4, stride=2, size=16)


def test_tokens_from_memory_and_from_disk_are_the_same(tmp_path: Path) -> None:
    samples = some_samples()
    clips, ids = some_clips(tmp_path, samples), [sample.id for sample in samples]
    order = [
        WindowBatch(np.array([4, 0, 7]), np.array([0, 1, 1])),
        WindowBatch(np.array([1]), np.array([0])),
        WindowBatch(np.array([2, 2]), np.array([0, 1])),
    ]
    memory, disk = (list(TokenReader(clips, ids, room).batches(order)) for room in (10**9, 0))
    assert [batch.shape for batch in memory] == [(3, TOKENS, WIDTH), (1, TOKENS, WIDTH), (2, TOKENS, WIDTH)]
    assert all(torch.equal(one, other) for one, other in zip(memory, disk, strict=True))
    assert not list(TokenReader(clips, ids, 0).batches([]))


def test_a_reader_knows_its_size(tmp_path: Path) -> None:
    samples = some_samples()
    reader = TokenReader(some_clips(tmp_path, samples), [sample.id for sample in samples], 0)
    assert reader.shape == (WINDOWS, TOKENS, WIDTH)
    assert reader.bytes == 2 * len(samples) * WINDOWS * TOKENS * WIDTH


def test_archives_are_read_like_files_of_the_cache(tmp_path: Path) -> None:
    tokens = np.arange(2 * 3 * 2, dtype=np.float16).reshape(2, 3, 2)
    np.savez(tmp_path / "clip.npz", allow_pickle=False, tokens=tokens)
    clips = EncodedClips({"tokens": {"clip": tmp_path / "clip.npz"}})
    assert np.array_equal(clips.read("tokens", "clip"), tokens)
    assert np.array_equal(clips.window("tokens", "clip", 1), tokens[1])


@pytest.mark.parametrize("name", ["clip.npy", "clip.npz"])
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"nothing")
    clips = EncodedClips({"pooled": {"clip": tmp_path / name}})
    with pytest.raises(UserError, match=name):
        clips.read("pooled", "clip")
    with pytest.raises(UserError, match=name):
        clips.window("pooled", "clip", 0)


def test_batches_are_of_the_same_clips_whatever_is_there(tmp_path: Path) -> None:
    samples = some_samples(1, 5, 1)
    contents = {sample.path: f"{number}{'0' * 63}" for number, sample in enumerate(samples)}
    store = FeatureStore(tmp_path, {})
    whole = missing(samples, contents, {"pooled": store}, 2)
    assert [len(batch) for batch in whole] == [2, 2, 1]
    store.write(contents[whole[0][0].path], np.zeros((2, 3), np.float16))
    assert missing(samples[::-1], contents, {"pooled": store}, 2) == whole
    store.write(contents[whole[0][1].path], np.zeros((2, 3), np.float16))
    assert missing(samples, contents, {"pooled": store}, 2) == whole[1:]


def test_clips_of_one_content_are_encoded_once(tmp_path: Path) -> None:
    samples = some_samples(1, 3, 1)
    contents = dict.fromkeys((sample.path for sample in samples), "a" * 64)
    assert missing(samples, contents, {"pooled": FeatureStore(tmp_path, {})}) == [[samples[0]]]


def test_the_seed_counts_only_where_frames_are_shuffled() -> None:
    plain = [WindowRule(CLIP, 2, "none", seed).identity() for seed in (0, 1)]
    shuffled = [WindowRule(CLIP, 2, "shuffled", seed).identity() for seed in (0, 1)]
    assert plain[0] == plain[1] != shuffled[0] != shuffled[1]
