from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.engine.line import line_step, line_training, pairs
from tta_bench.cards.catalog import backbone_card
from tta_bench.engine.device import Machine, OutOfMemory
from tta_bench.engine.memory import StepMemory
from tta_bench.engine.training import Training
from tta_bench.errors import UserError
from tta_bench.protocols.base import room

GB = 10**9


def memory_is(monkeypatch: pytest.MonkeyPatch, total: int | None, free: int | None) -> None:
    monkeypatch.setattr(room, "total_memory", lambda _: total)
    monkeypatch.setattr(room, "free_memory", lambda _: free)


def training(micro_batch: int, auto: bool = True, workers: int = 0) -> Training:
    """The training of a line with a micro-batch."""
    step = line_step(micro_batch, Machine(torch.device("cpu"), "fp32", workers))
    step.settings = replace(step.settings, micro_batch_is_auto=auto)
    return line_training(step)


def fits(micro_batch: int, memory: StepMemory, auto: bool = True, loaders: int = 0) -> bool:
    try:
        room.require_fit(training(micro_batch, auto), memory, loaders)
    except OutOfMemory:
        return False
    return True


@pytest.mark.parametrize(("total", "most"), [(24, 8), (48, 16), (6, 2)])
def test_an_auto_micro_batch_follows_from_the_total_alone(
    monkeypatch: pytest.MonkeyPatch, total: int, most: int
) -> None:
    cuts = []
    for free in (total, total - 1):
        memory_is(monkeypatch, total * GB, free * GB)
        cuts.append(next(clips for clips in (16, 8, 4, 2) if fits(clips, StepMemory(GB // 100, GB))))
    assert cuts == [most, most]


def test_what_loaders_hold_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_is(monkeypatch, 20 * GB, 20 * GB)
    assert fits(4, StepMemory(GB, GB))
    assert not fits(4, StepMemory(GB, GB), loaders=4 * GB)


def test_a_micro_batch_that_was_asked_for_may_take_all(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_is(monkeypatch, 10 * GB, 10 * GB)
    assert fits(8, StepMemory(GB, GB), auto=False)
    with pytest.raises(OutOfMemory, match=r"12 clips at once need 13\.0 GB, and a process may take 10\.0 GB") as error:
        room.require_fit(training(12, auto=False), StepMemory(GB, GB), 0)
    assert error.value.hint == "Try runtime.micro_batch=6."


@pytest.mark.parametrize(("clips", "free"), [(4, 3), (8, 7)])
def test_too_little_free_memory_refuses(monkeypatch: pytest.MonkeyPatch, clips: int, free: int) -> None:
    memory_is(monkeypatch, 100 * GB, free * GB)
    with pytest.raises(UserError, match=rf"has 100\.0 GB, but only {free}\.0 GB are free") as error:
        room.require_fit(training(clips), StepMemory(GB, GB), 0)
    assert not isinstance(error.value, OutOfMemory)  # a smaller one would be another cut


def test_a_system_that_says_nothing_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    memory_is(monkeypatch, None, None)
    assert fits(16, StepMemory(GB, 1000 * GB))
    room.require_fixed(training(2))


def test_a_network_that_cannot_be_trained_here_is_refused_before_the_first_clip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room, "fixed_bytes", lambda *_: 2 * GB)  # of which the process has .9 already
    memory_is(monkeypatch, 4 * GB, GB)
    with pytest.raises(UserError, match=r"needs 2\.0 GB before the first clip .* 1\.0 GB are free of 4\.0 GB"):
        room.require_fixed(training(2))
    memory_is(monkeypatch, 4 * GB, 12 * GB // 10)
    room.require_fixed(training(2))


@pytest.mark.parametrize(("fixed", "total"), [(13, 25), (7, 13)])
def test_a_network_that_takes_most_of_the_memory_is_said_before_it_is_taken(
    fixed: int, total: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(room, "fixed_bytes", lambda *_: fixed * GB)
    room._say_once.cache_clear()
    memory_is(monkeypatch, 2 * fixed * GB, total * GB)
    room.require_fixed(training(2))
    assert capsys.readouterr().err == ""
    memory_is(monkeypatch, total * GB, total * GB)
    for _ in range(3):  # of which every trial of a micro-batch does one
        room.require_fixed(training(2))
    said = " ".join(capsys.readouterr().err.split())
    assert said == f"memory: training this backbone takes {fixed}.0 GB before the first clip, of {total}.0 GB in all"


@pytest.mark.parametrize(("micro_batch", "gradients"), [(8, 2), (4, 2), (2, 3)])
def test_gradients_of_all_sums_that_are_held_at_once_count(
    micro_batch: int, gradients: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(room, "fixed_bytes", lambda *given: asked.append(given[3]) or 2 * GB)
    memory_is(monkeypatch, 8 * GB, 8 * GB)
    of_eight = training(micro_batch)
    monkeypatch.setattr(type(of_eight), "batch", property(lambda _: 8))
    room.require_fixed(of_eight)
    assert asked[0] == gradients
    assert asked[1:] == [2]


@pytest.mark.parametrize(("kept", "refused"), [(GB // 2, False), (2 * GB, True)])
def test_frames_that_loaders_keep_count_beside_what_is_free_and_not_for_the_cut(
    kept: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = training(4)
    monkeypatch.setattr(one.clips, "kept_bytes", kept, raising=False)
    memory_is(monkeypatch, 100 * GB, 5 * GB)
    if refused:
        with pytest.raises(UserError, match=r"only 5\.0 GB are free"):
            room.require_fit(one, StepMemory(GB, GB), 0)
    else:
        room.require_fit(one, StepMemory(GB, GB), 0)
    memory_is(monkeypatch, 14 * GB, 14 * GB)
    room.require_fit(one, StepMemory(GB, GB), 0)


def test_a_pair_of_clips_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = room.measured(training(4), pairs(2))
    assert 0 < taken.per_clip < 1000
    assert taken.fixed > 0


@pytest.mark.parametrize(("workers", "parts"), [(0, 0), (3, 6)])
def test_loaders_hold_some_parts_each(workers: int, parts: int) -> None:
    assert room.loaders_bytes(pairs(2), training(4, workers=workers)) == parts * 4 * 2 * 4


@pytest.mark.parametrize(("millions", "free"), [(1012, 3.3), (300, 1.3), (86, 0.2)])
def test_weights_that_do_not_fit_are_refused_before_the_network_is_built(
    monkeypatch: pytest.MonkeyPatch, millions: int, free: float
) -> None:
    memory_is(monkeypatch, 4 * GB, int(free * GB))
    card = backbone_card("videomaev2_vit_g").model_copy(update={"parameters": millions * 10**6})
    with pytest.raises(UserError, match=rf"alone take .* GB, and {free} GB are free of 4\.0 GB"):
        room.require_weights(card)
    room.require_weights(card.model_copy(update={"parameters": millions * 10**5}))
    room.require_weights(card.model_copy(update={"parameters": None}))
