from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tta_bench.errors import UserError
from tta_bench.models.checkpoints.copies import TOP, dictionaries, find_copy, outers

WANTED = {"stem.weight": torch.ones(2, 3), "stem.bias": torch.ones(2), "body.0.weight": torch.ones(4, 2)}
KEYS = ["model", "model_state_dict", "model_state", "state_dict_ema", "net", "weights", "params", "student", "encoder"]
PREFIXES = ["", "module.", "backbone.", "ema.", "net.", "module.backbone.", "_orig_mod.", "model._orig_mod."]


def network(value: float, prefix: str = "") -> dict[str, Tensor]:
    return {prefix + name: torch.full_like(tensor, value) for name, tensor in WANTED.items()}


def found(raw: dict[str, object], key: str = "") -> tuple[str, float, tuple[str, ...]]:
    copy, others = find_copy(raw, WANTED, dict, "w.pth", key)
    assert copy.fit == len(WANTED)
    return copy.label, copy.inside["stem.bias"][0].item(), others


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(KEYS), max_size=2), st.sampled_from(PREFIXES))
def test_a_copy_is_found_behind_any_keys_and_prefix(keys: list[str], prefix: str) -> None:
    raw: dict[str, object] = dict(network(3, prefix))
    for key in keys:
        raw = {key: raw, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}
    assert found(raw)[1:] == (3.0, ())


@pytest.mark.parametrize(
    ("raw", "labels"),
    [
        ({"model": network(1), "model_ema": network(2)}, ["model", "model_ema"]),
        ({"student": network(1, "module."), "teacher": network(2, "module.")}, ["student.module", "teacher.module"]),
        ({"state_dict": network(1, "a.") | network(2, "b.")}, ["state_dict.a", "state_dict.b"]),
        (network(1) | network(2, "ema."), [TOP, "ema"]),
    ],
)
def test_two_copies_that_differ_are_asked_for_and_each_can_be_chosen(raw: dict[str, object], labels: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        find_copy(raw, WANTED, dict, "w.pth")
    assert all(f"weights=w.pth:{label}" in caught.value.hint for label in labels)
    for value, label in enumerate(labels, start=1):
        other = labels[2 - value]
        assert found(raw, label) == (label, float(value), (other,))


def test_a_copy_that_is_the_same_is_none_to_ask_about() -> None:
    assert found({"model": network(5), "model_ema": network(5)})[2] == ()


def test_a_name_that_no_copy_has_is_answered_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"no copy of the network called 'ema'") as caught:
        find_copy({"model": network(1)}, WANTED, dict, "w.pth", "ema")
    assert "model" in caught.value.hint


def test_a_part_of_a_network_never_competes_with_the_whole() -> None:
    half = {"decoder.stem.weight": torch.zeros(2, 3), "decoder.stem.bias": torch.zeros(2)}
    assert found(half | network(1, "encoder."))[:2] == ("encoder", 1.0)
    smaller = {name: tensor[:1] for name, tensor in network(9).items()}
    assert found({"student": smaller, "teacher": network(1)})[:2] == ("teacher", 1.0)


def test_of_our_own_checkpoints_the_model_alone_is_looked_at() -> None:
    raw = {"format": "tta-bench", "model": network(1, "backbone."), "optimizer": {"moments": network(2)}}
    assert [key for key, _ in dictionaries(raw)] == ["model"]
    assert found(raw)[:2] == ("model.backbone", 1.0)


def test_the_shared_beginnings_of_a_wrappers_names_are_its_outer_prefixes() -> None:
    assert outers(["net.a.weight", "net.b.bias"]) == ["", "net."]
    assert outers(["m.net.a.weight", "m.net.b.c"]) == ["", "m.", "m.net."]
    assert outers(["conv.weight", "conv.bias"]) == [""]
    assert outers(["a.weight", "b.weight"]) == [""]
    wrapped = {f"net.{name}": tensor for name, tensor in WANTED.items()}
    for names in (network(2), network(2, "net."), network(2, "module.net.")):
        copy, _ = find_copy({"model": names}, wrapped, dict, "w.pth")
        assert copy.fit == len(WANTED)
