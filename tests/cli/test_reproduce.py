from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Done
from tests.records.some_records import some_environment, some_identity, some_predictions, write_success
from tta_bench.records.schema import Plugin

Command = Callable[..., Done]


def test_it_prints_the_commands(tmp_path: Path, command: Command) -> None:
    plugin = Plugin(name="my_net.py", version=None, sha256="a" * 64)
    environment = some_environment().model_copy(update={"plugins": (plugin,)})
    path = write_success(tmp_path, some_predictions(), environment=environment)
    out = command("reproduce", path, "data.root=/data/ucf101").out
    assert "# needs the plug-in my_net.py" in out
    assert "pip install tta-bench==0.1.0 torch==2.15.0" in out
    assert out.splitlines()[-1] == (
        "tta-bench run protocol=ucf101_ft backbone=videomaev2_vit_b weights=none dataset=ucf101 tier=full seed=0 "
        "precision=fp32 split=1 data.root=/data/ucf101 --plugin my_net.py"
    )


def test_a_scored_file_cannot_be_run(tmp_path: Path, command: Command) -> None:
    path = write_success(tmp_path, some_predictions(), identity=some_identity(precision=None), origin="scored")
    done = command("reproduce", path, "--run")
    assert (done.code, "there is nothing to run" in done.err) == (2, True)
