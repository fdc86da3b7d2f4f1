from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.boards.test_sections import PUBLISHED, success
from tests.boards.test_sections import some_entries as write_entries
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.web.build import Site, file_name, write_site

HOSTILE = (
    "<script>alert(1)",
    "](javascript:alert(1))",
    '"><img src=x onerror=y>',
    "x" * 10_000,
)


class Links(HTMLParser):
    """Elements and addresses of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    records = tmp_path / "records"
    records.mkdir()
    write_entries(records)
    collected = collect_entries([records], tmp_path, tmp_path)
    write_site(collected, {"ucf101_ft": PUBLISHED}, tmp_path, tmp_path / "pages")
    return tmp_path / "pages"


def test_there_is_a_page_for_each_board_record_and_backbone(site: Path) -> None:
    assert (site / "index.html").is_file()
    assert (site / "ucf101_ft.html").is_file()
    assert len(list((site / "records").glob("*.html"))) == 15
    assert {path.stem.partition("-")[0] for path in (site / "backbones").glob("*.html")} >= {"videomaev2_vit_b", "timm"}


def test_every_link_leads_to_a_page_and_nothing_is_fetched(site: Path) -> None:
    for path in site.rglob("*.html"):
        for tag, attributes in Links(path.read_text()).tags:
            address = attributes.get("href") or attributes.get("src")
            if address is None or address.startswith(("#", "data:")):
                continue
            if address.startswith("https://"):
                assert tag == "a"  # a source, which nobody asks before it is clicked on
            else:
                assert (path.parent / unquote(address)).is_file(), (path.name, address)


def test_the_same_records_give_the_same_bytes(site: Path, tmp_path: Path) -> None:
    collected = collect_entries([tmp_path / "records"], tmp_path, tmp_path)
    write_site(collected, {"ucf101_ft": PUBLISHED}, tmp_path, tmp_path / "again")
    for path in site.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(site)).read_bytes()


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_record_is_text(tmp_path: Path, text: str) -> None:
    records = tmp_path / "records"
    records.mkdir()
    success(records, 0.9, {"given": ("protocol=ucf101_ft", text)})
    collected = collect_entries([records], tmp_path, tmp_path)
    written = write_site(collected, {}, tmp_path, tmp_path / "pages")
    assert not collected.problems
    for path in written:
        content = path.read_text()
        assert "javascript:" not in content.replace("](javascript:", "")
        tags = Links(content).tags if path.suffix == ".html" else []
        assert [attributes for tag, attributes in tags if tag == "script"] in (
            [],
            [{"src": "assets/site.js", "defer": None}],
            [{"src": "../assets/site.js", "defer": None}],
        )
        assert not any(name.startswith("on") for _, attributes in tags for name in attributes)


def test_terminal_sequences_never_reach_a_page(site: Path) -> None:
    pages = Site(site)
    pages.write("x.html", "index.html", title="\x1b[31mred\x1b[0m <i>", nav=[("a\x07b", "x")], boards=[])
    content = (site / "x.html").read_text()
    assert "\x1b" not in content
    assert "\x07" not in content
    assert "red &lt;i&gt;" in content


def test_names_of_files_are_safe_and_stay_apart() -> None:
    assert file_name("videomaev2_vit_b") == "videomaev2_vit_b"
    assert file_name("timm/resnet18") != file_name("timm-resnet18")
    assert "/" not in file_name("../../etc/passwd")
    assert not file_name("..").startswith(".")
    assert len(file_name("x" * 10_000)) < 100
