"""The analyst's browser, for tests of pages: Chromium, signed in, watched for complaints, and axe's rules.

A plugin of pytest (see the root conftest). Skipped where there is no Chromium: on Debian, `apt-get install chromium`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

if TYPE_CHECKING:
    from django.contrib.auth.models import User

_PATIENCE_MS = 20_000  # of an expectation: tests run beside each other, on small machines
_WCAG = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


class OpenPage(Protocol):
    """Open an address (from `/` on) as `user`, or as a stranger. `width` is in CSS pixels."""

    def __call__(
        self, user: User | None, address: str, *, script: bool = True, width: int = 1440, dark: bool = False
    ) -> Page: ...


def assert_accessible(page: Page) -> None:
    """Check the page as it stands now against WCAG 2.2, levels A and AA.

    Raises:
        AssertionError: with each violation, its elements and what axe says of them.
    """
    results = Axe().run(page, options=_WCAG)
    assert results.violations_count == 0, results.generate_report()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        reason = "tests in a browser need Chromium (Debian: apt-get install chromium)"
        if os.environ.get("REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One process of the browser for the tests of a module."""
    # Playwright keeps an event loop in this thread, beside which Django forbids queries unless told otherwise.
    expect.set_options(timeout=_PATIENCE_MS)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[OpenPage]:
    """Open pages; at the end of the test, none may have thrown an error or broken the content policy."""
    complaints: list[str] = []
    contexts = []

    def opened(user: User | None, address: str, *, script: bool = True, width: int = 1440, dark: bool = False) -> Page:
        context = browser.new_context(
            java_script_enabled=script,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        if user is not None:
            client = Client()
            client.force_login(user)
            cookie: Any = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
            context.add_cookies([cookie])
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        page.goto(live_server.url + address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
