from __future__ import annotations

import pytest

from tta_bench.cards.catalog import backbone_card
from tta_bench.config.resolve import resolve
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.effort import Counts, attentive_effort, effort, encoding_name, gmacs_of, official_counts
from tta_bench.experiments.probe import AttentiveExperiment, FrozenExperiment


def asked(*words: str) -> Experiment:
    (experiment,) = resolve(["data.root=/data", *words])
    return experiment


def test_a_fine_tune_is_three_passes_a_view_and_its_test() -> None:
    experiment = asked("protocol=ucf101_ft", "train.epochs=2")
    assert official_counts(experiment) == (9537, 3783)
    (work,) = (effort(experiment, Counts(10, 4)) or {}).values()
    assert work.gmacs == pytest.approx(180.34 * (3 * 2 * 10 * 2 + 4 * 15))
    (work,) = (effort(asked("protocol=ucf101_ft", "train.steps=5", "train.batch=8"), Counts(10, 0)) or {}).values()
    assert work.gmacs == pytest.approx(180.34 * 3 * 5 * 8 * 2)


def test_protocols_and_splits_of_a_backbone_share_one_encoding() -> None:
    found = [asked(f"protocol=ucf101_{head}", f"split={split}") for head in ("knn", "linear") for split in (1, 2)]
    assert len({name for one in found for name in effort(one, Counts(9, 1)) or {}}) == 1
    others = [asked("protocol=ucf101_knn", word) for word in ("weights=none", "encode.windows=3", "clip.span=32")]
    assert len({encoding_name(one) for one in (*found, *others) if isinstance(one, FrozenExperiment)}) == 4
    seeds = [asked("protocol=ucf101_knn", "weights=none", f"seed={seed}") for seed in (0, 1)]
    assert len({encoding_name(one) for one in seeds if isinstance(one, FrozenExperiment)}) == 2


def test_a_grid_of_heads_reads_the_tokens_in_each_pass() -> None:
    one = asked("protocol=ucf101_probe")
    deep = asked("protocol=ucf101_probe", "probe.blocks=4")
    assert isinstance(one, AttentiveExperiment)
    assert isinstance(deep, AttentiveExperiment)
    work, more = (attentive_effort(probe, Counts(9537, 3783), 768, 1568) for probe in (one, deep))
    assert work.gigabytes == pytest.approx(2 * 768 * 1568 * (20 * 1.8 * 9537 + 2 * 3783) / 1e9)
    assert work.gigabytes == more.gigabytes
    assert more.gmacs > 100 * work.gmacs


def test_what_a_card_does_not_say_is_not_known() -> None:
    assert gmacs_of(backbone_card("egemaps"), 16, 224) is None
    assert gmacs_of(backbone_card("resnet50+egemaps"), 16, 224) == pytest.approx(2 * 32.7)
    assert official_counts(asked("protocol=tta_pretrain")) is None
    assert official_counts(asked("protocol=abaw_eri")) == Counts(15_806, 4_657)  # tested on the validation part
    assert effort(asked("protocol=tta_pretrain"), Counts(1, 1)) is None
