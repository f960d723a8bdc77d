"""One browser for all tests of the page, beside their daemon."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ..daemon import Daemon
from .chromium import ARGS, CHROMIUM, installed

PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    if not installed():
        if os.environ.get("KLK_TEST_FULL"):
            pytest.fail("Chromium is missing: apt-get install chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    # Not longer than a module: Playwright's event loop runs in this thread, where no other can meanwhile.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page, and what it said and asked for behind its reader's back."""

    page: Page
    url: str
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def enter(self, link: str) -> None:
        """Opens a one-time link."""
        self.page.goto(link)
        self.live()

    def open(self, path: str = "/") -> None:
        """Opens a page, and waits until it is live."""
        self.page.goto(self.url + path)
        self.live()

    def live(self) -> None:
        """Waits until the stream has come."""
        self.page.locator('#vivo[data-estado="vivo"]').wait_for()


@pytest.fixture
def visit(browser: Browser, daemon: Daemon) -> Iterator[Visit]:
    """A new reader. At the end nothing must have gone wrong in the page, nor anything been asked of another host."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="es-VE")
    context.set_default_timeout(PATIENCE_MS)
    visit = Visit(context.new_page(), daemon.url)
    visit.page.on("console", lambda message: visit.console.append(f"{message.type}: {message.text}"))
    visit.page.on("pageerror", lambda error: visit.console.append(f"pageerror: {error}"))
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    yield visit
    context.close()
    assert visit.console == []
    assert [url for url in visit.requests if not url.startswith((daemon.url, "data:"))] == []
