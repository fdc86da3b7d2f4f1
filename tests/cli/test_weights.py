from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.cli.conftest import Done
from tta_bench.config.resolve import resolve
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import read_checkpoint, save_checkpoint
from tta_bench.protocols.base.weights import find_weights

BLOCKED = """
import sys
def refuse(event, _):
    if event.startswith("socket."):
        raise SystemExit(f"it did {event}")
sys.addaudithook(refuse)
from tta_bench.cli import main
try:
    main(sys.argv[1:])
finally:
    print("torch" in sys.modules)
"""


def tta_bench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that cannot make a socket."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, *words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_offline_is_answered_without_a_socket_and_without_torch() -> None:
    done = tta_bench("weights", "fetch", "videomae_vit_b_k400", TTA_BENCH_OFFLINE="1")
    assert done.returncode == 2
    assert "TTA_BENCH_OFFLINE is set" in done.stderr
    assert "https://huggingface.co/MCG-NJU/videomae-base/" in done.stderr
    assert "CC-BY-NC" in done.stderr
    assert done.stdout.strip() == "False"


def test_weights_that_are_there_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Done]
) -> None:
    file = tmp_path / "weights" / "videomae-base.safetensors"
    file.parent.mkdir()
    file.write_text("mine")
    with monkeypatch.context() as patch:
        patch.setenv("TTA_BENCH_CACHE", str(tmp_path))
        done = command("weights", "fetch", "videomae_vit_b_k400")
    assert done.code == 0
    assert f"is there already: {file} (4 bytes)" in done.out
    assert file.read_text() == "mine"


def test_a_misspelt_name_gets_the_nearest(command: Callable[..., Done]) -> None:
    done = command("weights", "fetch", "videomae_vit_b_k4000")
    assert done.code == 2
    assert "Did you mean 'videomae_vit_b_k400'?" in done.err


def test_a_run_without_its_weights_says_how_to_get_them(tmp_path: Path) -> None:
    (experiment,) = resolve(["protocol=ucf101_ft", "backbone=videomaev2_vit_b", "weights=tiktokactions_vit_b"])
    with pytest.raises(UserError, match="`tta-bench weights fetch tiktokactions_vit_b` gets them"):
        find_weights(experiment, tmp_path)


def test_weights_are_exported_and_a_misspelt_run_gets_the_nearest(tmp_path: Path, command: Callable[..., Done]) -> None:
    tensors = {"encoder.patch_embed.proj.weight": torch.ones(2), "decoder.norm.weight": torch.ones(2)}
    save_checkpoint(tmp_path / "pretraining-1/checkpoint.pt", {"model": tensors})
    words = ("weights", "export", "--work-dir", tmp_path)
    done = command(*words, "pretraining-1", tmp_path / "encoder.pth")
    assert done.code == 0, done.err
    assert "an encoder without a head, 1 tensors under the official names" in done.out
    assert read_checkpoint(tmp_path / "encoder.pth")["model"].keys() == {"patch_embed.proj.weight"}
    done = command(*words, "pretraining-2", tmp_path / "encoder2.pth")
    assert done.code == 2
    assert "pretraining-2 is neither a file nor a run" in done.err
    assert "Did you mean 'pretraining-1'?" in done.err


def test_a_file_that_a_browser_must_get_is_said_with_its_page_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Done]
) -> None:
    monkeypatch.setenv("TTA_BENCH_CACHE", str(tmp_path))
    done = command("weights", "fetch", "tiktokactions_vit_b_ucf101")
    assert done.code == 2
    assert "cannot be fetched" in done.err
    assert "/tree/main/vit_b_tiktokactions_ft_k400_ft_ucf101_1_e99_ft30 with a browser" in done.err
    assert str(tmp_path / "weights" / "tiktokactions_vit_b_ucf101.pth") in done.err
