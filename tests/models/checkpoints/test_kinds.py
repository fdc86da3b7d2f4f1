from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.kinds import kind_of, parts_of, weights_in, whole_kind_of
from tta_bench.models.checkpoints.read import checkpoint_digest, read_checkpoint

WEIGHTS = {"a.weight": torch.arange(4.0), "b.weight": torch.ones(3)}


def script(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


def traced(path: Path) -> None:
    torch.jit.save(torch.jit.trace(nn.Sequential(nn.Conv2d(1, 1, 1)), torch.ones(1, 1, 2, 2)), path)


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("weights/model.pth", b"abc")


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", b"\x00" * 1_000_000)
        file.writestr("archive/data/0", b"\x00" * 50_000_000)


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "TorchScript": (script, "is a TorchScript program"),
    "a traced network": (traced, "is a TorchScript program"),
    "NPZ": (lambda path: np.savez(path.open("wb"), a=np.ones(2)), "is an NPZ file of NumPy arrays (a.npy)"),
    "NPY": (lambda path: np.save(path.open("wb"), np.ones(2)), "is a NumPy array"),
    "ZIP": (archive, "is a ZIP archive (weights/model.pth)"),
    "a bomb": (bomb, "says that it holds 51,000,000 bytes"),
    "gzip": (lambda path: path.write_bytes(b"\x1f\x8b\x08aaaa"), "is packed by gzip"),
    "HDF5": (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n"), "is an HDF5 file"),
    "JSON": (lambda path: path.write_text('{"model_type": "videomae"}'), "is JSON"),
    "a page after blank lines": (lambda path: path.write_text("\n\n <HTML>"), "is a web page"),
    "a pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"),
    "nothing": (lambda path: path.write_bytes(b""), "is empty"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, kind: str) -> None:
    make, message = FOREIGN[kind]
    make(tmp_path / "w.pth")
    with pytest.raises(UserError) as caught:
        read_checkpoint(tmp_path / "w.pth")
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert "damaged" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_a_view_that_says_it_is_larger_than_the_file_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.zeros(1).expand(10**12)}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"says that w has 4,000,000,000,000 bytes"):
        read_checkpoint(tmp_path / "w.pth")
    torch.save({"inner": [torch.ones(3, device="meta")]}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="it is not read"):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_the_parts_of_a_file_are_read_by_their_index(tmp_path: Path, suffix: str) -> None:
    parts = {f"model-0000{number}-of-00002{suffix}": name for number, name in enumerate(WEIGHTS, start=1)}
    for file, name in parts.items():
        if suffix == ".bin":
            torch.save({name: WEIGHTS[name]}, tmp_path / file)
        else:
            safetensors.torch.save_file({name: WEIGHTS[name]}, tmp_path / file)
    index = tmp_path / f"model{suffix}.index.json"
    index.write_text(json.dumps({"weight_map": {name: file for file, name in parts.items()}}))
    digest = checkpoint_digest(index)
    raw = read_checkpoint(index, digest)
    assert all(torch.equal(raw[name], tensor) for name, tensor in WEIGHTS.items())
    assert weights_in(tmp_path) == [index.name]
    with pytest.raises(UserError, match="is part 2 of 2") as caught:
        whole_kind_of(tmp_path / f"model-00002-of-00002{suffix}")
    assert str(index) in caught.value.hint
    last = tmp_path / f"model-00002-of-00002{suffix}"
    last.write_bytes(last.read_bytes() + b" ")
    assert checkpoint_digest(index) != digest
    last.unlink()
    with pytest.raises(UserError, match="1 are not beside it"):
        parts_of(index)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"weight_map": {"a": "../x"}}', '{"weight_map": {"a": 3}}'])
def test_an_index_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "w.index.json").write_text(content)
    with pytest.raises(UserError, match=r"w\.index\.json"):
        read_checkpoint(tmp_path / "w.index.json")


def test_a_folder_names_the_weights_in_it(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(UserError, match=r"is a folder, not a file; in it are model\.safetensors"):
        kind_of(tmp_path)
