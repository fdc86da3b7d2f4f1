from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tta_bench.config.resolve import resolve
from tta_bench.data.datasets.corpus import Clip
from tta_bench.experiments.pretrain import PretrainExperiment
from tta_bench.protocols.pretrain.corpus import CorpusClips
from tta_bench.protocols.pretrain.report import final_loss, pretrain_run_info


def experiment(*words: str) -> PretrainExperiment:
    (found,) = resolve(["protocol=tta_pretrain", *words])
    assert isinstance(found, PretrainExperiment)
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.floats(0, 9), min_size=1, max_size=60))
def test_the_loss_is_the_mean_of_the_last_tenth(tmp_path: Path, losses: list[float]) -> None:
    lines = [{"step": step, "loss": loss, "grad_norm": 1.0, "lr": 0.1} for step, loss in enumerate(losses)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    recipe = experiment("train.batch=4", "train.views=2").train
    metric = final_loss(tmp_path / "metrics.jsonl", recipe, corpus=10)
    steps = max(1, round(len(losses) / 10))
    assert metric.value == pytest.approx(fmean(losses[-steps:]))
    assert (metric.n, metric.n_groups) == (steps * 4 * 2, min(steps * 4, 10))
    assert (metric.low, metric.high) == (None, None)


def test_every_readable_clip_counts_as_scored() -> None:
    clips = tuple(Clip(str(number), Path()) for number in range(5))
    info = pretrain_run_info(experiment("clip.frames=8"), CorpusClips(clips, {}, {"7": "cut short"}, "d" * 64))
    assert (info.expected, info.excluded) == (5, ("7",))
    assert info.input is not None
    assert info.input.frames == 8
