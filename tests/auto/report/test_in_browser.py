"""The report in a real browser: pictures load, tables sort, nothing is wider than a phone, and it prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monai_lwmisn.auto.report import write_report
from tests.auto.report.folder import auto_folder, change_metrics
from tests.browser import BROWSER, SCREENS

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="neither Chromium nor Chrome is installed")

HOSTILE = "<b onclick=alert(1)>'\"&amp; " + "a_very_long_name_without_any_space" * 4


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = auto_folder(tmp_path_factory.mktemp("report") / "out", names=["inside", HOSTILE], folds=3, title=HOSTILE)
    change_metrics(out, f1_50=0.862, aji=0.751)
    path = out / "folds" / "fold_0" / "evaluation" / "metrics.json"
    unreliable = {"latency_range_ms": [87.18, 152.81], "latency_reliable": False}
    path.write_text(json.dumps(json.loads(path.read_text()) | unreliable))
    return write_report(out)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["phone", "desk"])
def page(request: pytest.FixtureRequest, browser: Any, report: Path) -> Iterator[Any]:
    width, height = SCREENS[request.param]
    page = browser.new_page(viewport={"width": width, "height": height}, offline=True)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda failed: said.append(failed.url))
    page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
    page.goto(report.as_uri())
    yield page
    assert said == []
    page.close()


def test_pictures_load_and_nothing_is_wider_than_the_screen(page: Any) -> None:
    widths = page.evaluate("[...document.images].map(image => image.naturalWidth)")
    assert len(widths) == 15 and all(width > 0 for width in widths)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_heads_of_rows_are_not_broken_inside_words(page: Any) -> None:
    lines = """head => {
        const one = document.createRange();
        one.selectNodeContents(head);
        return new Set([...one.getClientRects()].map(line => line.top)).size;
    }"""
    assert page.locator("#network th").count() == 4 and "unreliable" in page.locator("#network").inner_text()
    for head in page.locator("#network th").all():
        assert head.evaluate(lines) <= 2
    width = page.locator("#decisions th", has_text="architecture.node_width")
    assert width.evaluate(lines) == 1


def test_the_table_of_cases_sorts(page: Any) -> None:
    def column(number: int) -> list[str]:
        return page.locator(f"#cases tbody tr > :nth-child({number})").all_inner_texts()

    def numbers() -> list[float]:
        return [float(text) for text in column(3) if text != "not defined"]

    heads = page.locator("#cases thead button")
    assert numbers() == sorted(numbers()) and len(numbers()) == 15
    heads.nth(2).click()
    assert numbers() == sorted(numbers(), reverse=True) and column(3)[-1] == "not defined"
    assert page.locator("#cases th[aria-sort=descending]").inner_text().startswith("Dice")
    heads.nth(0).click()
    assert [int(name.rsplit(" ")[-1]) for name in column(1)] == list(range(18))
    page.locator("#cases tbody a").first.click()
    assert page.locator("figure:target").count() == 1


def test_it_prints(browser: Any, report: Path) -> None:
    page = browser.new_page(offline=True)
    page.goto(report.as_uri())
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible() and page.locator("#cases figure").first.is_visible()
    # A4 without its margins, in CSS pixels: what is wider would be cut off on paper.
    page.set_viewport_size({"width": round((210 - 2 * 15) / 25.4 * 96), "height": 1000})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF-") and len(printed) > 50_000
    page.close()


def test_it_is_readable_without_scripts(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("#cases tbody tr").count() == 18 and page.locator("#cases button").count() == 0
    context.close()
