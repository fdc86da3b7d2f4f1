from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.protocols.scaling.test_report import SATURATING, study
from tta_bench.protocols.scaling.curve import Saturation
from tta_bench.protocols.scaling.picture import DARK, INK, PAPER, draw


@pytest.mark.parametrize("accuracies", [{0: 0.3, **SATURATING}, {16: 0.5, 32: 0.5}])
def test_the_plot_is_svg_and_the_same_every_time(accuracies: dict[int, float], tmp_path: Path) -> None:
    found = study(accuracies)
    for name in ("one.svg", "other.svg"):
        draw(found, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    text = "".join(ElementTree.parse(tmp_path / "one.svg").getroot().itertext())
    assert "clips pre-trained on" in text
    assert ("without pre-training" in text) == (0 in accuracies)
    assert ("saturating curve" in text) == isinstance(found.fit, Saturation)


@pytest.mark.parametrize("accuracies", [{0: 0.3, **SATURATING}, {16: 0.5, 32: 0.5}])
def test_every_colour_has_one_for_the_dark(accuracies: dict[int, float], tmp_path: Path) -> None:
    draw(study(accuracies), tmp_path / "one.svg")
    drawn, _, rules = (tmp_path / "one.svg").read_text(encoding="utf-8").partition("<style>@media")
    assert rules.startswith("(prefers-color-scheme:dark){text{fill:" + DARK[INK])
    found = set(re.findall(r"(fill|stroke): (#[0-9a-f]{6})", drawn))
    assert {light for _, light in found} >= {INK, PAPER}
    for part, light in found:
        assert f'[style*="{part}: {light}"]{{{part}:{DARK[light]}!important}}' in rules
