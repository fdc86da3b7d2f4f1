from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.experiments.ranges import DISTINCT, Decay, Ratio, Seed, Share, require_heads, require_order


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Seed, [0, 2**32 - 1], [-1, 2**32]),
        (Share, [1, 1e-9], [0, 1.1]),
        (Decay, [0, 0.99], [1, -0.1]),
        (Ratio, [1], [0]),
    ],
)
def test_ranges_have_their_ends(kind: object, good: list[float], bad: list[float]) -> None:
    adapter: TypeAdapter[float] = TypeAdapter(kind)
    for value in good:
        assert adapter.validate_python(value) == value
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


BEYOND = """
seed=-1 seed=4294967296 seed=3,3 split=1,1 train.lr=0 train.lr=1e300 train.betas=0.9,1 train.betas=-0.1,0.9
train.batch=0 train.batch=99999999999 train.views=-1 train.warmup=1 train.augment.area=0.9,0.1 train.augment.ratio=0,1
train.augment.flip=2 train.dropout=1 limit=-5 train.weight_decay=-1 train.layer_decay=0 train.clip_grad=0 train.mixup=-1
eval.segments=0 eval.crops=2 clip.span=0 clip.size=100000 clip.frames=0 clip.stride=-2 runtime.workers=-1
runtime.micro_batch=0 runtime.micro_batch=-4 runtime.checkpoint_minutes=0 train.clips=0
"""


@pytest.mark.parametrize("word", BEYOND.split())
def test_a_value_out_of_range_is_refused_by_its_key(word: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(["protocol=ucf101_ft", word])
    section = word.partition("=")[0].rpartition(".")[0]
    assert word.partition("=")[0].split(".")[-1] in error.value.message
    assert error.value.message.startswith(section)


@pytest.mark.parametrize(
    ("protocol", "word"),
    [
        ("tta_pretrain", "train.decoder.heads=7"),
        ("tta_pretrain", "train.scales=0.5,1.5"),
        ("tta_pretrain", "train.mask.encoder=1"),
        ("abaw_eri", "train.heads=0"),
        ("abaw_eri", "train.layers=0"),
        ("tta_scaling", "study.sizes=64,64"),
        ("tta_scaling", "study.seeds=-1"),
        ("ucf101_ft", "train.steps=null"),
    ],
)
def test_so_are_those_of_other_protocols(protocol: str, word: str) -> None:
    words = (f"protocol={protocol}", word, *(["train.epochs=null"] if "steps" in word else []))
    with pytest.raises(UserError, match=word.partition(".")[0]):
        resolve(words)


def test_pairs_and_heads_are_checked() -> None:
    require_order("area", (1, 1))
    with pytest.raises(ValueError, match="the least stands first"):
        require_order("area", (2, 1))
    require_heads(12, 4)
    with pytest.raises(ValueError, match="no multiple of heads=5"):
        require_heads(12, 5)
    adapter: TypeAdapter[tuple[int, ...]] = TypeAdapter(tuple[int, ...], config=None)
    assert adapter.validate_python([1, 2]) == (1, 2)
    with pytest.raises(ValueError, match="1 is there more than once"):
        DISTINCT.func((1, 1))  # type: ignore[call-arg]
