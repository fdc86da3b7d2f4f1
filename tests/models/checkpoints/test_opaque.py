from __future__ import annotations

import argparse
import datetime
import functools
import types
from collections import defaultdict, deque
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from torch.torch_version import TorchVersion

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.opaque import Opaque, stand_in
from tta_bench.models.checkpoints.read import read_checkpoint

BESIDE: dict[str, object] = {
    "a path": Path("out"),
    "a pure path in a namespace": argparse.Namespace(output=PurePosixPath("out"), lr=1e-3),
    "a simple namespace": types.SimpleNamespace(a=1),
    "a default dictionary": defaultdict(list, {"a": [1]}),
    "a queue": deque([1, 2], maxlen=3),
    "a date": {"at": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), "for": datetime.timedelta(1)},
    "a partial": functools.partial(int, base=2),
    "PyTorch's version": TorchVersion("2.1.0"),
    "NumPy's types": [np.float32, np.dtype("int8"), np.float64(0.5)],
    "a network of options": defaultdict(dict, {"a": {"b": Path("c")}}),
}


@pytest.mark.parametrize("kind", BESIDE)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_stands_beside_the_weights_is_read_past(tmp_path: Path, kind: str, zipped: bool) -> None:
    torch.save(
        {"model": {"w": torch.ones(2)}, "beside": BESIDE[kind]},
        tmp_path / "w.pth",
        _use_new_zipfile_serialization=zipped,
    )
    raw = read_checkpoint(tmp_path / "w.pth")
    assert torch.equal(raw["model"]["w"], torch.ones(2))


def test_parameters_in_another_kind_of_dictionary_are_kept(tmp_path: Path) -> None:
    torch.save({"model": defaultdict(torch.Tensor, {"w": torch.ones(2)})}, tmp_path / "w.pth")
    assert torch.equal(read_checkpoint(tmp_path / "w.pth")["model"]["w"], torch.ones(2))


@pytest.mark.parametrize(
    "name",
    ["os.system", "builtins.eval", "eval", "exec", "posix.system", "subprocess.Popen", "numpy.testing.runstring"],
)
def test_names_that_do_things_have_no_stand_in(name: str) -> None:
    assert stand_in(name) is None


def test_a_class_of_somebodys_own_is_refused_by_its_name(tmp_path: Path) -> None:
    torch.save({"model": {}, "net": torch.nn.Linear(1, 1)}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"unpickling it would use 'torch\.nn\.modules\.linear\.Linear'"):
        read_checkpoint(tmp_path / "w.pth")


def test_a_stand_in_holds_nothing() -> None:
    made = Opaque(1, two=2)
    made.__setstate__({"a": 1})
    assert not vars(made)
    assert stand_in("omegaconf.base.Metadata") is stand_in("pathlib.PosixPath") is Opaque
