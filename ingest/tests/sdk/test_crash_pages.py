"""Real crashes, thrown in Chromium and in Node, followed through the unchanged SDKs to the page of the crash."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from ingest.tests.sdk.conftest import FOLDER, Scenario, apply_all
from profiles.access.models import App, Membership
from profiles.crashes.models import Crash, CrashGroup
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import make_person

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SHOP = FOLDER / "shop"
# The SDK keeps silent for bots, and takes a headless browser for one.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
PAGE = b"""<!doctype html><title>Shop</title><button id="pay">Pay</button>
<script src="/countly.min.js"></script><script src="/assets/checkout.min.js?v=7"></script>"""


@pytest.fixture
def shop(node_modules: Path) -> Iterator[str]:
    """A shop of another origin, with the SDK and a minified script of its own."""
    files = {
        "/": (PAGE, "text/html; charset=utf-8"),
        "/countly.min.js": ((node_modules / "countly-sdk-web/lib/countly.min.js").read_bytes(), "text/javascript"),
        "/assets/checkout.min.js?v=7": ((SHOP / "checkout.min.js").read_bytes(), "text/javascript"),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content, kind = files.get(self.path, (b"", "text/plain"))
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def alice(app: App) -> User:
    alice = make_person("alice")
    Membership.objects.create(user=alice, app=app, role=Membership.Role.ADMIN)
    return alice


def crash_in_the_shop(browser: Browser, shop: str, server: LiveServer, app: App) -> None:
    """Let somebody look at the menu, begin to order and press Pay, which throws."""
    context = browser.new_context(user_agent=USER_AGENT)
    page = context.new_page()
    page.goto(shop)
    settings = {"app_key": app.key, "url": server.url, "device_id": "web-1", "app_version": "3.1", "interval": 50}
    page.evaluate(
        """(settings) => {
            Countly.init(settings);
            Countly.begin_session(true);
            Countly.track_errors({ theme: "dark" });
            Countly.user_details({ name: "Ayşe Yılmaz" });
            Countly.add_event({ key: "order_begun", segmentation: { item: "lokum" } });
            Countly.add_log("opened the cart");
        }""",
        settings,
    )
    wait_until_delivered(page)
    page.click("#pay")
    wait_until_delivered(page)
    context.close()


def wait_until_delivered(page: Page) -> None:
    page.evaluate("() => { window.quiet = 0; }")
    page.wait_for_function(
        """() => {
            const { getRequestQueue, getEventQueue } = Countly._internals;
            window.quiet = getRequestQueue().length + getEventQueue().length === 0 ? window.quiet + 1 : 0;
            return window.quiet > 6;
        }""",
        polling=60,
        timeout=20_000,
    )


def test_a_crash_of_a_minified_script_in_chromium(
    browser: Browser, shop: str, server: LiveServer, app: App, alice: User, open_page: OpenPage
) -> None:
    crash_in_the_shop(browser, shop, server, app)
    apply_all()
    group = CrashGroup.objects.get()
    assert group.is_fatal
    assert "Cannot read properties of undefined (reading 'percent')" in group.title

    page = open_page(alice, group.get_absolute_url())
    expect(page.locator(".steps-table")).to_contain_text("order_begun")
    expect(page.locator(".logs")).to_contain_text("opened the cart")
    expect(page.get_by_text("Upload what belongs to version")).to_contain_text("checkout.min.js")
    assert_accessible(page)

    page.get_by_role("link", name="Symbols", exact=True).click()
    page.set_input_files("#file", [str(SHOP / "checkout.min.js"), str(SHOP / "checkout.min.js.map")])
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("Uploaded: checkout.min.js")).to_be_visible()
    assert_accessible(page)

    page.goto(f"{server.url}{group.get_absolute_url()}")
    frames = page.locator(".frames.own .is-own")
    expect(frames.nth(0)).to_contain_text("totalOf cart.ts:9")
    expect(frames.nth(1)).to_contain_text("Checkout.payNow checkout.ts:7")
    expect(frames.nth(2)).to_contain_text("checkout.ts:12")
    expect(page.locator(".source .is-own")).to_contain_text("cart.voucher!.percent / 100")
    assert_accessible(page)

    page.get_by_role("link", name="show in the user list").click()
    expect(page.get_by_role("row").filter(has_text="Ayşe Yılmaz")).to_be_visible()
    page.get_by_role("link", name="Ayşe Yılmaz").first.click()
    expect(page.locator("#affected-crashes, [id*=affected-crashes]").first).to_contain_text(group.title[:40])


def test_an_uncaught_error_of_node(run_node: Scenario, app: App, alice: User, client: Client, tmp_path: Path) -> None:
    storage = str(tmp_path / "queue")
    run_node("crash", exit_code=1, storage=storage)
    run_node("online", storage=storage)
    apply_all()
    group = Crash.objects.get().group
    client.force_login(alice)
    page = client.get(group.get_absolute_url()).content.decode()
    assert "RangeError: no cups left" in page
    assert "node_sdk.js:" in page
    assert "about to fail" in page
    listed = client.get(f"/apps/{app.public_id}/crashes/").content.decode()
    assert group.public_id in listed
