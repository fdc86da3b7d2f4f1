from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.records.some_records import some_predictions, write_success
from tta_bench.cards.suite import SuiteCard
from tta_bench.cards.validation import validate
from tta_bench.config.suite import Planned, planned
from tta_bench.errors import UserError
from tta_bench.experiments.base import Experiment
from tta_bench.experiments.effort import Effort
from tta_bench.protocols.base.in_turn import run_in_turn
from tta_bench.protocols.base.suites import (
    computed_seconds,
    duration,
    finished_records,
    left,
    problems,
    states,
    table,
    works,
)
from tta_bench.records.schema import Record


def card(*parts: dict[str, Any], tier: str = "full") -> SuiteCard:
    return validate(SuiteCard, {"name": "s", "summary": "s", "tier": tier, "parts": list(parts)}, "s.yaml")


FROZEN = {"protocols": ["ucf101_probe", "ucf101_linear", "ucf101_knn"], "backbones": ["resnet50"], "splits": [1, 2]}


def test_computed_times_count_what_is_shared_once() -> None:
    suite = card(FROZEN, {"protocols": ["tta_pretrain"]})
    listed = planned(suite, ["data.roots.ucf101=/d", "data.roots.tiktok_actions=/d"])
    asked = list[str]()

    def size(experiment: Experiment) -> tuple[int, int]:
        asked.append(experiment.backbone.name)
        return 2048, 8

    known = states(listed, suite, [], size)
    assert asked == ["resnet50"]
    rows = table(known, suite)
    assert [row[:5] for row in rows[:2]] == [
        ["ucf101_probe", "resnet50", "resnet50_in1k", "2", "0"],
        ["ucf101_linear", "resnet50", "resnet50_in1k", "2", "0"],
    ]
    assert rows[0][6].startswith("computed: ")
    assert rows[1][5:] == ["little", "the features of a row above serve"]
    assert rows[3][5:] == ["?", "not known"]  # no source counts the clips
    rest = left(known, suite)
    assert (rest.experiments, rest.unknown) == (7, 1)
    encoding = 32.7 * 2 * 13320
    heads = [sum(piece.gmacs for name, piece in (known[i].effort or {}).items() if "heads" in name) for i in (0, 1)]
    read = sum(piece.gigabytes for state in known for piece in (state.effort or {}).values())
    assert rest.seconds == pytest.approx(computed_seconds([Effort(encoding + sum(heads), read)], suite))
    assert str(rest).endswith("and 1 of unknown time")


def test_a_second_of_the_stated_machine() -> None:
    assert computed_seconds([Effort(312e12 * 0.3 / 2e9)], card(FROZEN)) == pytest.approx(1.0)
    assert computed_seconds([Effort(0, 2.0), Effort(0, 4.0)], card(FROZEN)) == pytest.approx(3.0)
    assert (duration(90), duration(600), duration(86_400)) == ("90 s", "10 min", "24.0 h")


def test_records_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    write_success(tmp_path, some_predictions())
    (tmp_path / "half.json").write_text("{")
    assert len(finished_records(tmp_path)) == 1


def test_one_that_cannot_be_had_is_named_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    suite = card({"protocols": ["ucf101_knn"], "backbones": ["mfcc", "resnet18", "egemaps"]}, tier="sample")
    listed = planned(suite, [])
    run = SimpleNamespace(run=lambda: ["record"], findings=lambda: None)
    done = run_in_turn(works(listed, lambda _: run, lambda: "1 left."), wait=False)  # type: ignore[arg-type]
    assert done.records == ["record"]
    assert [name for name, _ in done.failed] == ["[1/3] ucf101_knn, mfcc", "[3/3] ucf101_knn, egemaps"]
    assert "1 left." in capsys.readouterr().err
    (line, other) = problems(listed)
    assert line.startswith("ucf101_knn, mfcc: ")
    assert "'audio'" in other


@pytest.mark.parametrize("keep", [True, False])
def test_features_are_deleted_after_the_last_that_shares_them(keep: bool) -> None:
    suite = card(FROZEN | {"keys": {"features.keep": keep}}, {"protocols": ["hmdb51_knn"]})
    listed = planned(suite, ["data.roots.ucf101=/d", "data.roots.hmdb51=/d"])
    told, tidies = list[str](), list[bool]()

    def start(experiment: Experiment) -> Any:
        name = f"{experiment.protocol.name} {experiment.split}"

        def run() -> list[Record]:
            told.append(name)
            tidies.append(ready.tidies)
            return []

        ready = SimpleNamespace(
            run=run,
            tidy=lambda: told.append(f"tidy after {name}"),
            tidies=True,
            findings=lambda: None,
            experiment=experiment,
            work_dir=Path(),
            resume="missing",
        )
        return ready

    run_in_turn(works(listed, start, lambda: ""), wait=False)
    assert ("tidy after ucf101_knn 2" in told) is not keep
    assert sum("tidy" in word for word in told) == (not keep)
    assert told[:2] == ["ucf101_probe 1", "ucf101_probe 2"]
    assert tidies == [keep] * 6 + [True]  # the last shares with none, and its card says nothing


def test_reasons_that_several_share_are_told_once() -> None:
    error = UserError("no weights.")
    named = [Planned(name, None, error) for name in ("a", "b")]
    assert list(problems([*named, Planned("c", None, UserError("no data."))])) == ["a; b: no weights.", "c: no data."]
