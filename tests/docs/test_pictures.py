"""Pictures of the pages: those drawn from records are up to date, and pages that show a result have one."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
SHOW_RESULTS = (
    *("index", "quickstart", "own_data", "comparing", "anatomy", "troubleshooting", "frozen", "reaction", "boards"),
    *("scaling", "statistics", "add_a_backbone", "add_a_metric"),
)
"""Pages that show scores."""
spec = importlib.util.spec_from_file_location("pictures", REPOSITORY / ".ci" / "pictures.py")
assert spec is not None
assert spec.loader is not None
pictures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pictures)


@pytest.mark.parametrize("name", sorted(pictures.PICTURES))
def test_a_picture_is_what_is_drawn_from_the_records(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pictures.PICTURES[name]()
    assert (DOCS / name).stat().st_size < 20_000


@pytest.mark.parametrize("page", SHOW_RESULTS)
def test_a_page_that_shows_a_result_has_a_picture_that_is_there(page: str) -> None:
    found = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", (DOCS / f"{page}.md").read_text(encoding="utf-8"))
    assert found
    for words, address in found:
        assert len(words) > 10, "a reader who cannot see it has its words"
        assert (DOCS / address).is_file(), address
