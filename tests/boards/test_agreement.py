from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from tests.records.some_records import DIGEST, some_identity, some_predictions, write_success
from tta_bench.boards.agreement import Agreement, agreement, measured, spearman, tier_key
from tta_bench.boards.collect import collect_entries
from tta_bench.records.identity import ProtocolRef


@given(arrays(np.int64, st.tuples(st.integers(1, 3), st.integers(3, 8)), elements=st.integers(0, 5)), st.integers(0, 9))
def test_the_correlation_is_scipys(x: np.ndarray[tuple[int, int], np.dtype[np.int64]], seed: int) -> None:
    y = np.random.default_rng(seed).permutation(x.astype(float), axis=1)
    for row, a, b in zip(spearman(x.astype(float), y), x, y, strict=True):
        if len(set(a)) == 1:
            assert np.isnan(row)
        else:
            assert row == pytest.approx(spearmanr(a, b).statistic, abs=1e-12)


def boards(folder: Path, orders: dict[str, list[float]]) -> Agreement:
    """Write a record for each protocol and backbone, and return the agreement of the two protocols."""
    for protocol, accuracies in orders.items():
        for number, accuracy in enumerate(accuracies):
            identity = some_identity(
                protocol=ProtocolRef(name=protocol, version=1, sha256=DIGEST, score="top1"), backbone=f"net{number}"
            )
            write_success(folder, some_predictions(accuracy), keep_predictions=True, identity=identity)
    found = collect_entries([folder], folder / "boards", folder / "none")
    assert not found.problems
    first, second = (measured(found.entries[tier_key(name, "full")]) for name in orders)
    return agreement(first, second, "full")


def test_equal_and_turned_orders(tmp_path: Path) -> None:
    rising = [0.2, 0.4, 0.6, 0.8, 0.95]
    same = boards(tmp_path / "a", {"ucf101_knn": rising, "ucf101_ft": rising})
    assert (same.rho, same.with_groups, len(same.pairs)) == (pytest.approx(1), True, 5)
    assert same.low is not None
    assert same.high == pytest.approx(1)
    turned = boards(tmp_path / "b", {"ucf101_knn": rising, "ucf101_ft": rising[::-1]})
    assert turned.rho == pytest.approx(-1)
    assert turned.low == pytest.approx(-1)


def test_of_fewer_than_three_nothing_can_be_said(tmp_path: Path) -> None:
    few = boards(tmp_path / "a", {"ucf101_knn": [0.2, 0.4, 0.6], "ucf101_ft": [0.2, 0.4]})
    assert (few.rho, len(few.pairs)) == (None, 2)
    alike = boards(tmp_path / "b", {"ucf101_knn": [0.2, 0.4, 0.6], "ucf101_ft": [1.0, 1.0, 1.0]})
    assert (alike.rho, len(alike.pairs)) == (None, 3)


def test_without_outcomes_the_interval_is_over_backbones_alone(tmp_path: Path) -> None:
    nothing = agreement([], [], "sample")
    assert nothing == Agreement("sample", (), None, None, None, False)
