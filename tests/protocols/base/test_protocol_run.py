from __future__ import annotations

from pathlib import Path

import pytest

from tta_bench.config.prediction_file import resolve_scores
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.protocols import load_protocol
from tta_bench.protocols.base.protocol_run import METHODS, ProtocolRun
from tta_bench.records.schema import Record
from tta_bench.registry import PROTOCOLS


class Least(ProtocolRun):
    """A protocol with the two methods that have no default."""

    def plan(self) -> str:
        """Return the plan."""
        return f"run {self.experiment.protocol.name}"

    def run(self) -> list[Record]:
        """Run nothing."""
        return []


def test_plan_and_run_are_enough(tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft"])
    PROTOCOLS.register_module("Least", module=Least)
    protocol = load_protocol("Least")(experiment, tmp_path, "missing")
    assert (protocol.plan(), protocol.run(), protocol.findings()) == ("run ucf101_ft", [], None)
    with pytest.raises(UserError, match="ucf101_ft has no test part without labels"):
        protocol.submit(tmp_path / "out.csv")


def test_a_protocol_scores_no_files_unless_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "p.csv").touch()
    words = [f"{key}={tmp_path / 'p.csv'}" for key in ("predictions", "labels")]
    with pytest.raises(UserError, match="ucf101_ft scores no prediction files"):
        Least.score_file(resolve_scores(["protocol=ucf101_ft", *words]), tmp_path)


def test_missing_methods_are_named() -> None:
    PROTOCOLS.register_module("Unplanned", module=type("Unplanned", (ProtocolRun,), {"run": Least.run}))
    with pytest.raises(UserError, match=r"protocol component Unplanned lacks plan\(\)\."):
        load_protocol("Unplanned")
    PROTOCOLS.register_module("Nothing", module=type("Nothing", (), {}))
    with pytest.raises(UserError, match=", ".join(rf"{name}\(\)" for name in METHODS)):
        load_protocol("Nothing")
    with pytest.raises(UserError, match="Did you mean 'Pretrain'"):
        load_protocol("Pretran")
