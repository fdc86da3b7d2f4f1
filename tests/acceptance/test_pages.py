"""The web pages of boards, in a real browser: they work from a file, ask nobody, and can be used by everybody."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.ucf101_size import write_results
from tta_bench.boards.collect import collect_entries
from tta_bench.boards.published import quote_published
from tta_bench.boards.standing import word_of
from tta_bench.boards.web import scatter
from tta_bench.boards.web.build import write_site
from tta_bench.boards.web.labels import Box
from tta_bench.boards.web.report import write_report
from tta_bench.boards.write import official_folder
from tta_bench.protocols.scaling.picture import draw
from tta_bench.protocols.scaling.report import Point, as_json, markdown, summarize
from tta_bench.protocols.scaling.run import FIGURES, PLOT, TABLE
from tta_bench.records.schema import Record
from tta_bench.records.verify import Kept

pytestmark = pytest.mark.acceptance

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VIEWS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 420)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the pages of the committed boards."""
    folder, official = tmp_path_factory.mktemp("pages"), official_folder()
    collected = collect_entries([official / "records"], official, official)
    write_site(collected, quote_published(official / "published").published, official, folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a browser of this machine."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a page that may neither complain nor ask for anything outside of its folder."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened, strange = context.new_page(), []
    opened.on("console", lambda message: strange.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: strange.append(str(error)))
    opened.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else strange.append(asked.url))
    yield opened
    context.close()
    assert strange == []


def column(page: Any, key: str) -> list[str]:
    """Return the words of the rows that are seen, in the first table's column."""
    table = page.locator("table.sortable").first
    number = table.locator("thead th").evaluate_all(f"heads => heads.findIndex(h => h.dataset.key === '{key}')")
    return [row.locator("td").nth(number).inner_text() for row in table.locator("tbody tr:visible").all()]


def test_a_board_is_sorted_filtered_and_leads_to_a_record(page: Any, site: Path) -> None:
    page.goto((site / "index.html").as_uri())
    page.get_by_role("link", name="ucf101_ft: embedded sample").first.click()
    scores = [float(words) for words in column(page, "score")]
    assert scores == sorted(scores, reverse=True)
    page.get_by_role("button", name="top-1 %").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert [float(words) for words in column(page, "score")] == sorted(scores)
    assert page.locator("th[aria-sort=ascending]").count() == 1
    page.get_by_label("Search").first.fill("resnet50")
    assert column(page, "backbone") == ["resnet50"]
    page.get_by_label("Search").first.fill("")
    page.get_by_label("modality").first.select_option("image")
    assert "videomaev2_vit_tiny" not in column(page, "backbone")
    page.get_by_label("modality").first.select_option("")
    page.get_by_role("link", name="1/0", exact=True).first.click()
    assert page.get_by_role("heading", level=1).inner_text().endswith("on ucf101_ft, split 1, seed 0")
    assert page.get_by_text("tta-bench run").count() == 1


def test_names_of_a_picture_of_cost_cover_neither_each_other_nor_a_dot(page: Any) -> None:
    pick = random.Random(0)
    names = ("timm/mobilenetv3_small_050", "MMM_WWW", "videomaev2_vit_tiny", "Swin3D-Large@@@@", "illi", "resnet50")
    boxes = """() => [...document.querySelectorAll("text:not(.dim), circle")].map(one => {
        const box = one.getBBox(), edge = one.tagName === "text" ? 1 : 0;
        return [one.tagName, box.x, box.y + edge, box.x + box.width, box.y + box.height - edge];
    })"""
    for count in range(2, 20):
        points = [
            scatter.Point(pick.choice(names), 10 ** pick.random(), pick.uniform(0.1, 0.3), 0.1, 0.4)
            for _ in range(count)
        ]
        page.set_content(scatter.scatter(points, "top1", "hours"))
        found = [(kind, Box(*edges)) for kind, *edges in page.evaluate(boxes)]
        assert [kind for kind, _ in found].count("text") >= min(count, 8)
        for (kind, one), (other_kind, other) in combinations(found, 2):
            assert "text" not in (kind, other_kind) or not one.meets(other)


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_pages_are_accessible_and_fit_a_telephone(browser: Any, site: Path, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    records = sorted((site / "records").glob("*.html"))
    shown = [site / "index.html", site / "ucf101_ft.html", site / "sample-ucf101_ft.html", records[0], records[-3]]
    for path in [*shown, *sorted((site / "backbones").glob("*.html"))[:1]]:
        page.goto(path.as_uri())
        found = axe.run(page).response["violations"]
        assert [(path.name, rule["id"], rule["nodes"][0]["html"]) for rule in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto((site / "sample-ucf101_ft.html").as_uri())
    box = page.locator("td.score").first.bounding_box()
    assert box["x"] + box["width"] <= width
    context.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return reports of committed runs: fine-tuned, probed, of reactions, and of a scaling study."""
    folder, records = tmp_path_factory.mktemp("reports"), official_folder() / "records"
    kinds = {"ucf101_ft": 2, "ucf101_linear": 1, "abaw_eri": 2}
    files = {kind: sorted(records.glob(f"{kind}__*.json"))[:count] for kind, count in kinds.items()}
    tuned = [file.stem for file in files["ucf101_ft"]]
    points = [Point(size, 0, 0.5, 0.6, stem, np.arange(96) % 2 > 0) for size, stem in zip((16, 32), tuned, strict=True)]
    found = summarize(points, np.arange(96) // 6, title="A study", steps=1, batch=16, then="ucf101_ft")
    study = folder / "study"
    study.mkdir()
    (study / TABLE).write_text(markdown(found))
    (study / FIGURES).write_text(json.dumps(as_json(found)))
    draw(found, study / PLOT)
    for kind, those in files.items():
        write_report(those, folder, lambda record: {}, folder / f"{kind}.html")
    assert "A study" in (folder / "ucf101_ft.html").read_text()
    return sorted(folder.glob("*.html"))


@pytest.mark.parametrize(("scheme", "width"), VIEWS)
def test_reports_are_accessible_and_fit_a_telephone(browser: Any, reports: list[Path], scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    for path in reports:
        page.goto(path.as_uri())
        found = axe.run(page).response["violations"]
        assert [(path.name, rule["id"], rule["nodes"][0]["html"]) for rule in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_a_thousand_records(page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ranked(record: Record, folder: Path, kept: Kept) -> str | None:
        return "rescored" if word_of(record, folder, kept) == "arithmetic" else None  # they have no predictions

    monkeypatch.setattr("tta_bench.boards.collect.word_of", ranked)
    (tmp_path / "published").mkdir()
    count = write_results(tmp_path / "records", backbones=112)
    collected = collect_entries([tmp_path / "records"], tmp_path, tmp_path)
    started = time.process_time()
    written = write_site(collected, {}, tmp_path, tmp_path / "pages")
    seconds = time.process_time() - started
    board = tmp_path / "pages" / "ucf101_ft.html"
    loaded = board.stat().st_size + sum(path.stat().st_size for path in (tmp_path / "pages" / "assets").iterdir())
    page.goto(board.as_uri())
    sort = (
        "() => { const head = document.querySelectorAll('table.sortable thead button')[2];"
        "const before = performance.now(); head.click(); document.body.offsetHeight;"
        "return performance.now() - before; }"
    )
    milliseconds = min(page.evaluate(sort) for _ in range(3))
    print(
        f"\n{count:,} records: {len(written):,} files in {seconds:.1f} s of processor time, "
        f"{loaded / 1e6:.2f} MB to load a board, a sort in {milliseconds:.0f} ms"
    )
    assert count >= 1000
    assert len(column(page, "rank")) == 112
    assert loaded < 2_000_000
