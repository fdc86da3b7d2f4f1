from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from mmengine.logging.history_buffer import HistoryBuffer

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.opaque import Opaque
from tta_bench.models.checkpoints.read import read_checkpoint, read_outline, save_checkpoint

WEIGHTS = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2, dtype=torch.bfloat16)}


class Creates:
    """Unpickling it would call a function with a path: the way a malicious checkpoint works."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def save(path: Path, content: object, **options: object) -> Path:
    torch.save(content, path, **options)
    return path


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_every_kind_of_file_gives_the_same_tensors(tmp_path):
    safetensors.torch.save_file(WEIGHTS, tmp_path / "a.safetensors")
    save(tmp_path / "zip.pth", WEIGHTS)
    save(tmp_path / "legacy.pth", WEIGHTS, _use_new_zipfile_serialization=False)
    for name in ("a.safetensors", "zip.pth", "legacy.pth"):
        raw = read_checkpoint(tmp_path / name)
        assert same(raw, WEIGHTS)
        assert raw.path == tmp_path / name


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, monkeypatch, zipped):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # which some people set for good
    target = tmp_path / "created"
    file = save(
        tmp_path / "bad.pth",
        {"model": WEIGHTS, "args": Creates(os.mkdir, str(target))},
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(UserError) as error:
        read_checkpoint(file)
    assert not target.exists()
    assert str(file) in error.value.message
    assert f"'{os.mkdir.__module__}.mkdir'" in error.value.message
    assert "safetensors" in error.value.hint


def test_the_file_really_would_have_run_code(tmp_path):
    target = tmp_path / "created"
    file = save(tmp_path / "bad.pth", {"args": Creates(os.mkdir, str(target))})
    torch.load(file, weights_only=False)  # noqa: TID251 - our own file, to show that the test above tests something
    assert target.is_dir()


def test_getattr_is_let_through_but_gives_nothing(tmp_path):
    target = tmp_path / "created"
    method = Creates(getattr, HistoryBuffer, "min")
    raw = read_checkpoint(save(tmp_path / "a.pth", {"model": WEIGHTS, "method": method}))
    assert type(raw["method"]) is Opaque
    assert not vars(raw["method"])

    class Calls(Creates):
        def __call__(self): ...

    calls = Creates(Calls(getattr, HistoryBuffer, "min"), str(target))
    with pytest.raises(UserError, match="is refused: Trying to call reduce for unrecognized function"):
        read_checkpoint(save(tmp_path / "b.pth", {"model": WEIGHTS, "calls": calls}))


def test_what_training_scripts_store_beside_the_parameters_is_not_built(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    content = {
        "model": WEIGHTS,
        "args": argparse.Namespace(lr=1e-3, model="vit_base_patch16_224"),
        "epoch": np.int64(3),
        "meta": {"best": np.float32(0.5), "seed": 0},
        "message_hub": {"log_scalars": {"train/loss": buffer}, "runtime_info": {"eta": np.float64(1.5)}},
        "curve": np.arange(3.0),
    }
    for zipped in (True, False):
        raw = read_checkpoint(save(tmp_path / "a.pth", content, _use_new_zipfile_serialization=zipped))
        assert same(raw["model"], WEIGHTS)
        assert raw["meta"]["seed"] == 0
        unread = [
            raw["args"],
            raw["epoch"],
            raw["curve"],
            raw["meta"]["best"],
            *raw["message_hub"]["log_scalars"].values(),
        ]
        assert {type(value) for value in unread} == {Opaque}
        assert not any(vars(value) for value in unread)


def test_the_allowance_ends_with_the_load(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    read_checkpoint(save(tmp_path / "a.pth", WEIGHTS))
    assert set(torch.serialization.get_safe_globals()) == before
    assert not any(Opaque in entry for entry in before if isinstance(entry, tuple))


def test_damaged_and_foreign_files_get_one_message(tmp_path):
    whole = save(tmp_path / "whole.pth", {"w": torch.ones(1000)}).read_bytes()
    legacy = save(tmp_path / "legacy.pth", {"w": torch.ones(1000)}, _use_new_zipfile_serialization=False).read_bytes()
    safe = safetensors.torch.save({"w": torch.ones(1000)})
    cases = {
        "cut.pth": (whole[:2000], "damaged or cut short"),
        "cut_legacy.pth": (legacy[:900], "damaged or cut short"),
        "cut.safetensors": (safe[:2000], "damaged or cut short"),
        "page.pth": (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        "pointer.pth": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        "empty.pth": (b"", "is empty"),
        "text.pth": (b"hello world, hello", "not a checkpoint: it starts with b'hello world, hel'"),
        "short.pth": (b"hi", "not a checkpoint"),
    }
    for name, (content, found) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as error:
            read_checkpoint(tmp_path / name)
        assert str(tmp_path / name) in error.value.message
        assert found in error.value.message, name
        assert f"{len(content):,} bytes" in error.value.message
        assert "Expected a PyTorch checkpoint" in error.value.hint


def test_no_file_a_folder_and_a_file_without_a_dictionary(tmp_path):
    with pytest.raises(UserError, match=r"none\.pth does not exist"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(UserError, match="is a folder"):
        read_checkpoint(tmp_path)
    with pytest.raises(UserError, match=r"list\.pth holds a list"):
        read_checkpoint(save(tmp_path / "list.pth", [torch.ones(1)]))


def test_the_digest_is_compared_before_anything_is_unpickled(tmp_path):
    file = save(tmp_path / "a.pth", WEIGHTS)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert same(read_checkpoint(file, sha256=digest.upper()), WEIGHTS)
    bad = save(tmp_path / "bad.pth", {"args": Creates(os.mkdir, str(tmp_path / "created"))})
    with pytest.raises(UserError) as error:
        read_checkpoint(bad, sha256=digest)
    assert digest in error.value.message
    assert hashlib.sha256(bad.read_bytes()).hexdigest() in error.value.message


def test_an_outline_is_a_checkpoint_without_its_values(tmp_path):
    file = save(tmp_path / "a.pth", {"model": WEIGHTS, "step": 3})
    outline = read_outline(file)
    assert outline["step"] == 3
    for name, value in WEIGHTS.items():
        assert outline["model"][name].is_meta
        assert (outline["model"][name].shape, outline["model"][name].dtype) == (value.shape, value.dtype)


def test_an_outline_takes_no_memory_for_the_values(tmp_path):
    file = save(tmp_path / "a.pth", {"model": {"w": torch.zeros(64_000_000)}})
    code = (
        "import sys; from tta_bench.engine.device import peak_memory_of_process as most\n"
        "from tta_bench.models.checkpoints.read import read_outline\n"
        "before = most(); read_outline(sys.argv[1]); print(most() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 64e6  # the values are 256e6 bytes


def test_an_outline_is_refused_where_the_checkpoint_is(tmp_path):
    good = save(tmp_path / "a.pth", {"model": WEIGHTS})
    cut = tmp_path / "cut.pth"
    cut.write_bytes(good.read_bytes()[:-100])
    for file in (
        cut,
        tmp_path / "none.pth",
        save(tmp_path / "list.pth", [1]),
        save(tmp_path / "code.pth", {"a": print}),
    ):
        with pytest.raises(UserError):
            read_outline(file)


def test_saving_replaces_the_file_whole_or_not_at_all(tmp_path):
    file = tmp_path / "new" / "a.pth"
    save_checkpoint(file, {"model": WEIGHTS, "step": 1})
    assert same(read_checkpoint(file)["model"], WEIGHTS)
    before = file.read_bytes()

    class Refuses:
        def __reduce__(self):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(file, {"model": WEIGHTS, "step": Refuses()})
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["a.pth"]
