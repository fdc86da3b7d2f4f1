from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done
from tests.records.some_records import some_identity, some_predictions, some_record, write_success
from tta_bench.records.status import now
from tta_bench.records.store import write_record


def test_runs_are_listed_with_how_they_went(tmp_path: Path, command: Callable[..., Done]) -> None:
    folder = tmp_path / "records"
    write_success(folder, some_predictions())
    write_record(some_record(identity=some_identity(seed=1)), folder)
    write_record(some_record(identity=some_identity(seed=2), heartbeat=now()), folder)
    write_record(some_record(identity=some_identity(seed=3), status="error", cause="NaN loss at step 12"), folder)
    (folder / "half.json").write_text('{"schema_version": 1,')
    done = command("list", "runs", "--work-dir", tmp_path)
    lines = {line.split()[0]: line for line in done.out.splitlines()[1:]}
    half, success, killed, alive, failed = lines.values()
    assert done.code == 0
    assert "cannot be read as JSON" in half
    assert "success, top1 " in success
    assert "killed; last heard of at 2026-11-22T10:00:30Z" in killed
    assert "started, not finished" in alive
    assert "error: NaN loss at step 12" in failed
    assert len(command("list", "runs", "*seed1*", "--work-dir", tmp_path).out.splitlines()) == 2


@pytest.mark.parametrize("words", ["show", "verify", "reproduce", "compare"])
def test_a_name_that_is_listed_is_taken_by_other_commands(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Done]
) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        write_success(Path("runs/records"), some_predictions(salt=str(seed)), identity=some_identity(seed=seed))
    names = [line.split()[0] for line in command("list", "runs").out.splitlines()[1:]]
    assert len(names) == 2
    for given in [names] if words == "compare" else [[name] for name in names]:
        done = command(*words.split(), *given)
        assert done.code == 0, done.err
        assert done.out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["runs", "nothing"], "nothing is called nothing. `tta-bench list runs` prints all."),
        (["backbones", "resnext*"], "tta-bench list backbones 'timm/resnext*'"),
        (["zzz*"], "tta-bench list backbones 'timm/zzz*'"),
        (["weights", "x?"], "`tta-bench list weights` prints all."),
    ],
)
def test_nothing_of_a_name_is_exit_code_1_and_a_hint(
    words: list[str], hint: str, tmp_path: Path, command: Callable[..., Done]
) -> None:
    done = command("list", *words, "--work-dir", tmp_path)
    assert (done.code, hint in done.err) == (1, True)
    assert command("list", "runs", "--work-dir", tmp_path).code == 0


def test_a_word_that_is_no_group_is_looked_for_everywhere(command: Callable[..., Done]) -> None:
    done = command("list", "hmdb")
    assert done.code == 0
    assert {"datasets", "protocols", "weights"} == {line for line in done.out.splitlines() if not line.startswith(" ")}
    assert command("list", "datasetz").code == 2
    assert "features/<any>" in command("list", "backbones", "feat*").out


def test_models_of_timm_are_listed_where_they_are_asked_for(command: Callable[..., Done]) -> None:
    assert "timm/resnext50_32x4d" in command("list", "backbones", "timm/resnext50*").out
    assert command("list", "backbones", "timm/nothing_of_it*").code == 1
