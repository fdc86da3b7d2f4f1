from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tta_bench.data.overlap import search
from tta_bench.data.overlap.search import candidates
from tta_bench.data.overlap.traces import CROPS, RATE, VALUES, Trace, mirrored


def some_trace(seed: int, seconds: int = 5) -> Trace:
    """A trace of pictures that have nothing in common."""
    rows = np.random.default_rng(seed).normal(size=(seconds * RATE, len(CROPS), VALUES))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    return Trace(np.arange(len(rows), dtype=np.float32) / RATE, rows.astype(np.float16))


def later(trace: Trace, seconds: int) -> Trace:
    return Trace(trace.times[: -seconds * RATE], trace.described[seconds * RATE :])


@pytest.mark.parametrize("shift", [1, 2])
def test_a_part_of_a_clip_is_found_at_its_shift(shift: int) -> None:
    first = {f"a{seed}": some_trace(seed) for seed in range(4)}
    [found] = candidates(first, {"b": later(first["a2"], shift), "c": some_trace(9)})
    assert (found.a, found.b, found.shift, found.mirrored) == ("a2", "b", shift, False)
    assert found.pictures == (5 - shift) * RATE


def test_a_cropped_and_a_mirrored_one_are_found() -> None:
    trace = some_trace(1)
    turned = Trace(trace.times, np.asarray(mirrored(trace.described)))
    cropped = Trace(trace.times, np.roll(trace.described, -2, axis=1))
    found = candidates({"a": trace}, {"turned": turned, "cropped": cropped})
    assert {(pair.b, pair.mirrored) for pair in found} == {("turned", True), ("cropped", False)}


@pytest.mark.parametrize(("shift", "found"), [(2, 1), (3, 0)])
def test_long_clips_must_share_two_and_a_half_seconds(shift: int, found: int) -> None:
    whole, other = some_trace(1), some_trace(2)
    tail = whole.described[shift * RATE :]
    mixed = Trace(whole.times, np.concatenate([tail, other.described[: shift * RATE]]))
    assert len(candidates({"a": whole}, {"b": mixed})) == found


def test_within_one_corpus_a_clip_is_not_its_own_copy() -> None:
    trace = some_trace(1)
    found = candidates({"a": trace, "b": later(trace, 1), "c": some_trace(2)})
    assert [(pair.a, pair.b, pair.shift) for pair in found] == [("a", "b", 1)]


def test_a_few_pictures_are_no_copy_of_a_long_clip_but_of_a_short_one() -> None:
    trace, other = some_trace(1), some_trace(2)
    mixed = Trace(other.times, np.concatenate([trace.described[:4], other.described[4:]]))
    assert candidates({"a": trace}, {"b": mixed}) == []
    short = Trace(trace.times[:4], trace.described[:4])
    assert [pair.pictures for pair in candidates({"a": trace}, {"b": short})] == [4]
    empty = Trace(trace.times[:0], trace.described[:0])
    assert candidates({"a": empty}, {"b": short}) == []


def test_more_pairs_than_are_compared_at_once_take_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {f"a{seed}": some_trace(seed, 20) for seed in range(20)}
    second = {f"b{seed}": later(first[f"a{seed}"], 1 + seed) for seed in range(10)}
    whole = candidates(first, second)
    assert len(whole) == 10
    monkeypatch.setattr(search, "_PAIRS", 2**12)
    pictures = [sum(len(trace.times) for trace in side.values()) for side in (first, second)]
    tracemalloc.start()
    assert candidates(first, second) == whole
    assert tracemalloc.get_traced_memory()[1] < 4 * pictures[0] * pictures[1]  # of all pairs at once
    tracemalloc.stop()
