from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tta_bench.errors import UserError
from tta_bench.protocols.reaction.temporal import PaddedSequence, masked_mean, temporal_head

KINDS = ("mean", "gru", "transformer")


def head(kind: str, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return temporal_head(kind, features=6, width=8, layers=2, heads=2, dropout=dropout).eval()


def filled(sequences: list[Tensor], longest: int, filler: float) -> PaddedSequence:
    values = torch.full((len(sequences), longest, 6), filler)
    for row, sequence in zip(values, sequences, strict=True):
        row[: len(sequence)] = sequence
    return PaddedSequence(values, torch.tensor([len(sequence) for sequence in sequences]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_what_fills_a_sequence_up_does_not_matter(kind: str, training: bool) -> None:
    sequences = [torch.randn(length, 6) for length in (5, 1, 3)]
    model = head(kind).train(training)
    together = model(filled(sequences, 5, 0.0))
    torch.testing.assert_close(model(filled(sequences, 9, 1e3)), together)
    alone = torch.cat([model(filled([sequence], len(sequence), 0.0)) for sequence in sequences])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)
    assert together.shape == (3, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_sequence_is_taken_and_gives_finite_numbers_and_gradients(kind: str) -> None:
    model = head(kind)
    vectors = model(filled([torch.randn(4, 6), torch.zeros(0, 6)], 4, 0.0))
    assert vectors.isfinite().all()
    vectors[0].sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(("kind", "matters"), [("mean", False), ("gru", True), ("transformer", True)])
def test_the_order_of_time_matters_to_all_but_the_mean(kind: str, matters: bool) -> None:
    sequence = torch.randn(5, 6)
    model = head(kind)
    forwards, backwards = (model(filled([x], 5, 0.0)) for x in (sequence, sequence.flip(0)))
    assert torch.allclose(forwards, backwards, atol=1e-5) is not matters


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_is_near_float32(kind: str) -> None:
    model, batch = head(kind), filled([torch.randn(4, 6), torch.randn(2, 6)], 4, 0.0)
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        rough = model(batch).float()
    torch.testing.assert_close(rough, model(batch), rtol=0.1, atol=0.05)


def test_the_mean_of_nothing_is_zero() -> None:
    assert masked_mean(PaddedSequence(torch.ones(1, 3, 2), torch.tensor([0]))).tolist() == [[0.0, 0.0]]


def test_what_cannot_be_built_is_said() -> None:
    with pytest.raises(UserError, match="transformer"):
        temporal_head("transfomer", 6, 8, 2, 2, 0.0)
    with pytest.raises(ValueError, match="evenly"):
        temporal_head("transformer", 6, 8, 2, 3, 0.0)
