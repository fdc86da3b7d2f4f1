from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tta_bench.engine.training_state import read_state, save_state, state_digest
from tta_bench.errors import UserError
from tta_bench.models.checkpoints.read import save_checkpoint

MINE = "a" * 64
VALUES = torch.linspace(0, 1, 3000)


def state(**more: Any) -> dict[str, Any]:
    model = {"weight": VALUES.reshape(30, 100), "half": VALUES.bfloat16(), "count": torch.tensor(3)}
    return {"training": MINE, "step": 2, "model": model, "optimizer": {"state": [model["weight"] * 2]}} | more


def test_a_state_is_read_as_it_was_saved(tmp_path: Path) -> None:
    save_state(tmp_path / "checkpoint.pt", state(classes=["a", "b"]))
    read = read_state(tmp_path / "checkpoint.pt", MINE)
    assert state_digest(read) == state_digest(state(classes=["a", "b"]))
    assert read["classes"] == ["a", "b"]


def test_one_of_an_earlier_version_has_no_digest(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint.pt", state())
    assert read_state(tmp_path / "checkpoint.pt", MINE)["step"] == 2


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (state(training="b" * 64), "is the checkpoint of another training \\(bbbbbbbb, not aaaaaaaa\\)"),
        ({"model": {}, "step": 1}, "of another training \\(it names none"),
        ({"training": MINE, "model": {}, "optimizer": None}, "step, model or optimizer is missing"),
        (state(step="three"), "step, model or optimizer is missing"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused_by_name(tmp_path: Path, content: dict[str, Any], found: str) -> None:
    path = tmp_path / "checkpoint.pt"
    save_state(path, content)
    with pytest.raises(UserError, match=found) as refused:
        read_state(path, MINE)
    assert str(path) in refused.value.message
    assert "Delete it, or say --resume never" in refused.value.hint


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.floats(0, 1), st.integers(1, 200), st.sampled_from(["zeros", "flip", "cut"]))
def test_damaged_bytes_are_refused_or_do_not_matter(tmp_path: Path, place: float, count: int, kind: str) -> None:
    path = tmp_path / "checkpoint.pt"
    save_state(path, state())
    content = bytearray(path.read_bytes())
    at = int(place * (len(content) - 1))
    if kind == "cut":
        del content[max(1, at) :]
    else:
        for k in range(at, min(len(content), at + count)):
            content[k] = 0 if kind == "zeros" else content[k] ^ 0x10
    path.write_bytes(content)
    try:
        model = read_state(path, MINE)["model"]
    except UserError as error:
        said = str(error)
    else:
        assert state_digest(model) == state_digest(state()["model"])
        return
    assert str(path) in said
    assert "--resume never" in said


@pytest.mark.parametrize("change", [{"step": 3}, {"model": {"weight": VALUES}}, {"more": 1}, {"optimizer": None}])
def test_any_change_of_a_state_changes_its_digest(change: dict[str, Any]) -> None:
    assert state_digest(state() | change) != state_digest(state())


def test_a_swapped_tensor_or_type_changes_a_digest() -> None:
    one = {"a": torch.tensor([1.0]), "b": torch.tensor([2.0])}
    assert state_digest(one) != state_digest({"a": one["b"], "b": one["a"]})
    assert state_digest({"a": torch.tensor([1.0])}) != state_digest({"a": torch.tensor([1.0], dtype=torch.float64)})
    assert state_digest({"a": 1}) != state_digest({"a": True})
