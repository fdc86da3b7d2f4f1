from __future__ import annotations

import json

from click.testing import CliRunner

from tta_bench.cli import cli


def test_the_doctor_says_what_there_is_and_how_to_get_the_rest() -> None:
    done = CliRunner().invoke(cli, ["doctor", "--json"])
    found = {finding["part"]: finding for finding in json.loads(done.output)}
    for part in ("python", "torch", "mmengine", "mmcv", "mmaction.models", "av", "decoder", "cpu", "disk"):
        assert found[part]["ok"], found[part]
    assert not found["ucf101"]["ok"]
    assert "TTA_BENCH_DATA" in found["ucf101"]["remedy"]
    assert found["ucf101_sample"]["ok"]
