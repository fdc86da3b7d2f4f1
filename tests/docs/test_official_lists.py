"""The table of official test lists in docs/statistics.md is what the code of the data sets makes of the lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tta_bench.data.datasets.find_clips import read_lines
from tta_bench.data.datasets.hmdb51 import LISTS, TEST, TRAIN, _read_flags, film_title
from tta_bench.data.datasets.ucf101 import _ucf101_sample
from tta_bench.metrics.paired import ALIKE, SHARES, design_effect, detectable_difference, group_size
from tta_bench.metrics.proportions import effective_groups

PAGE = Path(__file__).parents[2] / "docs" / "statistics.md"


class _AnyPath(dict[str, Path]):
    def __missing__(self, entry: str) -> Path:
        return Path(entry)


def ucf101(lists: Path, number: int) -> tuple[list[str], list[str]]:
    """Return the groups of the training list and of the test list."""
    classes = {line.split()[1]: k for k, line in enumerate(read_lines(lists / "classInd.txt"))}

    def groups(file: Path) -> list[str]:
        found = (_ucf101_sample(file, line, _AnyPath(), classes).group for line in read_lines(file))
        return [group for group in found if group is not None]

    return groups(lists / f"trainlist0{number}.txt"), groups(lists / f"testlist0{number}.txt")


def hmdb51(lists: Path, number: int) -> tuple[list[str], list[str]]:
    """Return the groups of the training list and of the test list."""
    sides: dict[str, list[str]] = {"0": [], TRAIN: [], TEST: []}
    for file in sorted(lists.glob(f"*_test_split{number}.txt")):
        for clip, flag in _read_flags(file):
            sides[flag].append(film_title(clip, file.name.removesuffix(f"_test_split{number}.txt")))
    return sides[TRAIN], sides[TEST]


def rows(shared: Path) -> Iterator[str]:
    """Yield the rows of the table."""
    for name, read, lists, apart in (
        ("UCF101", ucf101, shared / "ucf101" / "ucfTrainTestlist", SHARES[0]),
        ("HMDB51", hmdb51, shared / "hmdb51" / LISTS, SHARES[1]),
    ):
        for number in (1, 2, 3):
            train, test = read(lists, number)
            both, size = set(train) & set(test), group_size(np.array(test))
            effects = [design_effect(size, alike) for alike in ALIKE]
            shown = [100 * detectable_difference(len(test), apart, effect=effect) for effect in effects]
            cells = (
                f"{name}, split {number}",
                *(f"{len(test):,}", f"{len(set(test)):,}", f"{len(both):,}", f"{sum(g in both for g in test):,}"),
                *(f"{size:.2f}", f"{effective_groups(np.unique(test, return_counts=True)[1]):.0f}"),
                " / ".join(f"{len(test) / effect:,.0f}" for effect in effects),
                " to ".join(f"{points:.1f}" for points in shown),
            )
            yield f"| {' | '.join(cells)} |"


def test_the_table_of_official_lists_is_what_the_code_counts(shared: Path) -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    written = [line for line in page if line.startswith(("| UCF101, split", "| HMDB51, split"))]
    assert written == list(rows(shared))


@pytest.mark.parametrize(("clip", "name", "group"), [("A_run_run_u_0.avi", "run", "A_run"), ("b_sit_1", "sit", "b")])
def test_a_group_of_hmdb51_is_a_title_in_its_own_letters(clip: str, name: str, group: str) -> None:
    assert film_title(clip, name) == group
