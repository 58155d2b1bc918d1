"""The documentation site: it builds without a broken link, needs no other host, and fits a phone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.browser import BROWSER, SCREENS

ROOT = Path(__file__).parent.parent
TITLES = (
    *("Start here", "Your own pictures", "Your own volumes", "Bundles", "Slicer", "Label", "How it works"),
    *("Settings", "Results", "For developers"),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "html"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


def test_every_subject_has_its_place(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    named = [re.sub(r"\s+", " ", text).strip() for text in re.findall(r'class="md-ellipsis">([^<]+)<', page)]
    assert [title for title in TITLES if title in named] == list(TITLES)


def test_links_between_the_repository_and_its_documents_lead_to_pages(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="inputs/#data-sets"' in page and 'href="contributing/"' in page and "docs/" not in page
    assert 'href="../notebooks/pictures.ipynb"' in (site / "pictures" / "index.html").read_text(encoding="utf-8")
    assert (site / "notebooks" / "pictures.ipynb").is_file()
    assert 'href="../commands/#the-split"' in (site / "method" / "index.html").read_text(encoding="utf-8")


def test_no_page_loads_from_another_host(site: Path) -> None:
    foreign = re.compile(r'<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//|<link[^>]*\shref="(?:https?:)?//')
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    assert [page for page in pages if foreign.search(page.read_text(encoding="utf-8"))] == []


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.skipif(BROWSER is None, reason="neither Chromium nor Chrome is installed")
@pytest.mark.parametrize("screen", SCREENS)
def test_pages_fit_the_screen_and_the_search_finds(address: str, screen: str) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    width, height = SCREENS[screen]
    said: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(240_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        # A page that is left before all is loaded aborts the rest, which is no error.
        page.on("requestfailed", lambda failed: None if "ABORTED" in failed.failure else said.append(failed.url))
        page.on("response", lambda answer: said.append(answer.url) if answer.status >= 400 else None)
        page.on("request", lambda asked: said.append(asked.url) if not asked.url.startswith(address) else None)
        for place in ("", "pictures/", "settings/", "slicer/", "results/", "results/compare/"):
            page.goto(f"{address}/{place}")
            assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)"), place
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), place
        page.goto(f"{address}/")
        if screen == "desk":
            page.locator(".md-search__input").press_sequentially("folds")
            page.locator(".md-search-result__item").first.wait_for()
        browser.close()
    assert said == []
