"""Countly's Web SDK, unchanged, in Chromium on a page of another origin: what it was told is what the profile holds."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from ingest import app_keys
from ingest.models import InboxRequest, IngestRequest
from ingest.tests.sdk.conftest import FOLDER, apply_all
from profiles import pictures
from profiles.access.models import App
from profiles.activity.models import Event, Session
from profiles.crashes.models import Crash
from profiles.users.keys import user_key
from profiles.users.models import AppUser, Merge, UserActivity

pytestmark = [pytest.mark.slow, pytest.mark.browser]

DEVICE = "web-1"
# The SDK keeps silent for bots, and takes a headless browser for one.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
_DELIVER_MILLISECONDS = 20_000

OpenPage = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def site(node_modules: Path) -> Iterator[str]:
    """A site of another origin: one page for every path. (Only pages that really are local may call a local server.)"""
    script = (node_modules / "countly-sdk-web/lib/countly.min.js").read_bytes()
    html = (FOLDER / "web_page.html").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_script = self.path == "/countly.min.js"
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(script if is_script else html)

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
def open_page(site: str, chromium: str) -> OpenPage:
    """Open a page that has the SDK, not yet started. The database is out of reach meanwhile: Playwright runs a loop."""

    @contextmanager
    def opened(user_agent: str = USER_AGENT) -> Iterator[Page]:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            try:
                context = browser.new_context(
                    user_agent=user_agent, locale="tr-TR", viewport={"width": 1280, "height": 720}
                )
                page = context.new_page()
                page.goto(f"{site}/menu")
                yield page
                context.close()
            finally:
                browser.close()

    return opened


def start(page: Page, server: LiveServer, app: App, **options: Any) -> None:
    """Start the SDK as a page does."""
    settings = {
        "app_key": app.key,
        "url": server.url,
        "device_id": DEVICE,
        "app_version": "2.0",
        "country_code": "DE",
        "city": "Köln",
        "ip_address": "91.0.12.7",
        "interval": 50,
        "fail_timeout": 1,
        "session_update": 600,
        **options,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    page.evaluate("(settings) => { Countly.init(settings); }", given)


def wait_until_delivered(page: Page) -> None:
    """Wait until the queues are empty, and stay so for a while."""
    page.evaluate("() => { window.quiet = 0; }")
    page.wait_for_function(
        """() => {
            const { getRequestQueue, getEventQueue } = Countly._internals;
            window.quiet = getRequestQueue().length + getEventQueue().length === 0 ? window.quiet + 1 : 0;
            return window.quiet > 6;
        }""",
        polling=60,
        timeout=_DELIVER_MILLISECONDS,
    )


def user(app: App, device_id: str = DEVICE) -> AppUser:
    return AppUser.objects.get(app_id=app.pk, device_id=device_id)


def activity(app: App, device_id: str = DEVICE) -> UserActivity:
    return UserActivity.objects.get(user_id=user(app, device_id).id)


def events(app: App, key: str, device_id: str = DEVICE) -> list[Event]:
    return list(Event.objects.filter(user_id=user(app, device_id).id, key__key=key).order_by("occurred_at", "id"))


def test_a_visit(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app)
        page.evaluate(
            """() => {
                Countly.begin_session(true);
                Countly.track_pageview();
                Countly.track_errors({ build: "7" });
                Countly.start_event("brewing");
                Countly.start_event("given_up");
                Countly.add_event({
                    key: "purchase", count: 2, sum: 7.5, dur: 10,
                    segmentation: { item: "Türk Kahvesi & 'lokum'", tags: ["a", "b", 3], nested: { x: 1 }, gift: true },
                });
                Countly.user_details({
                    name: "Jürgen Weiß", username: "juergen", email: "j@example.com", organization: "Rösterei",
                    phone: "+49 555", picture: "https://example.com/p.png", gender: "M", byear: 1980,
                    custom: { plan: "free", n: 5, list: ["x"] },
                });
                Countly.add_log("opened the menu");
            }"""
        )
        wait_until_delivered(page)
        page.evaluate("() => { try { undefined.price(); } catch (error) { Countly.log_error(error); } }")
        page.wait_for_timeout(1200)
        page.evaluate(
            """() => {
                Countly.end_event({ key: "brewing", segmentation: { method: "filter" } });
                Countly.cancel_event("given_up");
                Countly.end_event("given_up");
                Countly.track_pageview("/checkout");
                Countly.session_duration(60);
                setTimeout(() => { throw new RangeError("no cups left"); }, 1);
            }"""
        )
        page.wait_for_timeout(200)
        wait_until_delivered(page)
    assert apply_all() > 5
    profile = user(app)
    details = [profile.name, profile.username, profile.email, profile.organization, profile.phone]
    assert details == ["Jürgen Weiß", "juergen", "j@example.com", "Rösterei", "+49 555"]
    assert (profile.picture, profile.gender, profile.birth_year) == ("https://example.com/p.png", "M", 1980)
    assert profile.custom == {"plan": "free", "n": 5, "list": ["x"]}
    assert profile.is_identified
    assert (profile.platform, profile.device_type, profile.app_version) == ("Linux", "desktop", "2.0")
    assert profile.browser
    assert profile.resolution == "1280x720"
    assert (profile.locale, profile.language) == ("tr-TR", "tr")
    assert (profile.country, profile.city) == ("DE", "Köln")
    assert (profile.sdk_name, profile.sdk_version) == ("javascript_native_web", "26.1.1")
    assert set(profile.health) >= {"el", "wl", "sc", "em"}
    active = activity(app)
    assert (active.sessions_count, active.total_seconds, active.crashes_count) == (1, 60, 2)
    assert Session.objects.get(user_id=profile.id).duration_seconds == 60
    [purchase] = events(app, "purchase")
    assert (purchase.count, purchase.sum, purchase.duration_seconds) == (2, 7.5, 10)
    assert purchase.segmentation == {
        "item": "Türk Kahvesi & 'lokum'",
        "tags": ["a", "b", "3"],  # items of an array become text, as Countly has it
        "nested": {"x": 1},
        "gift": True,
    }
    [brewing] = events(app, "brewing")
    assert brewing.segmentation == {"method": "filter"}
    assert brewing.duration_seconds in (1, 2, 3)
    assert events(app, "given_up") == []
    views = events(app, "[CLY]_view")
    assert [(view.segmentation or {})["name"] for view in views] == ["/menu", "/checkout"]
    assert views[0].duration_seconds in (1, 2, 3)
    handled, unhandled = Crash.objects.filter(user_id=profile.id).order_by("occurred_at")
    assert (handled.group.is_fatal, unhandled.group.is_fatal) == (False, True)
    assert "opened the menu" in str(handled.texts)
    assert "RangeError: no cups left" in str(unhandled.texts)
    verdicts = set(IngestRequest.objects.values_list("verdict", flat=True))
    assert verdicts == {IngestRequest.Verdict.APPLIED}


def test_a_session_that_the_sdk_keeps_alive(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app, session_update=1, use_session_cookie=False)
        page.evaluate("() => { Countly.track_sessions(); }")
        page.wait_for_timeout(2600)
        page.evaluate("() => { Countly.end_session(); }")
        page.wait_for_timeout(200)
        wait_until_delivered(page)
    apply_all()
    session = Session.objects.get(user_id=user(app).id)
    assert session.duration_seconds in (2, 3, 4)
    assert session.ended_at is not None
    assert activity(app).total_seconds == session.duration_seconds


def test_modifiers(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app)
        page.evaluate(
            """() => {
                const data = Countly.userData;
                for (const [plan, by] of [["free", 5], ["pro", 7]]) {
                    data.set("plan", plan);
                    data.set("gone", "soon");
                    data.set_once("first_seen", plan);
                    data.increment("logins");
                    data.increment_by("points", by);
                    data.multiply("score", 2);
                    data.max("highest", by * 10);
                    data.min("lowest", by);
                    data.push("history", plan);
                    data.push_unique("tags", "coffee");
                    data.save();
                }
                data.unset("gone");
                data.pull("history", "free");
                data.save();
            }"""
        )
        wait_until_delivered(page)
    apply_all()
    assert user(app).custom == {
        "plan": "pro",
        "first_seen": "free",
        "logins": 2,
        "points": 12,
        "score": 0,
        "highest": 70,
        "lowest": 5,
        "history": ["pro"],
        "tags": ["coffee"],
    }


def test_a_visitor_signs_in_and_out(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app, device_id=None)
        page.evaluate("() => { Countly.begin_session(true); Countly.add_event({ key: 'looked' }); }")
        wait_until_delivered(page)
        generated = page.evaluate("() => Countly.get_device_id()")
        page.evaluate("() => { Countly.change_id('customer 42', true); Countly.add_event({ key: 'bought' }); }")
        wait_until_delivered(page)
        page.evaluate("() => { Countly.change_id('the next one', false); Countly.add_event({ key: 'waited' }); }")
        wait_until_delivered(page)
    apply_all()
    assert set(AppUser.objects.values_list("device_id", flat=True)) == {"customer 42", "the next one"}
    [looked] = events(app, "looked", "customer 42")
    assert looked.original_user_id == user_key(app.public_id, generated)
    assert len(events(app, "bought", "customer 42")) == 1
    assert Merge.objects.get().absorbed_device_id == generated
    assert len(events(app, "waited", "the next one")) == 1
    assert activity(app, "customer 42").sessions_count == 1


def test_a_second_page_goes_on_with_the_session(open_page: OpenPage, site: str, server: LiveServer, app: App) -> None:
    with open_page() as page:
        for path in ("/menu", "/cart"):
            page.goto(f"{site}{path}")
            start(page, server, app)
            page.evaluate("() => { Countly.track_sessions(); Countly.track_pageview(); }")
            wait_until_delivered(page)
    apply_all()
    assert activity(app).sessions_count == 1
    assert [(view.segmentation or {})["name"] for view in events(app, "[CLY]_view")] == ["/menu", "/cart"]


def test_a_queue_waits_for_the_network(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        page.context.set_offline(True)
        start(page, server, app)
        page.evaluate("() => { Countly.begin_session(true); Countly.add_event({ key: 'in_the_tunnel' }); }")
        page.wait_for_timeout(700)
        waiting = page.evaluate("() => Countly._internals.getRequestQueue().length")
        page.context.set_offline(False)
        wait_until_delivered(page)
    assert waiting >= 2
    apply_all()
    assert activity(app).sessions_count == 1
    assert len(events(app, "in_the_tunnel")) == 1


def test_consent(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app, require_consent=True)
        page.evaluate(
            """() => {
                Countly.add_event({ key: "not_allowed_yet" });
                Countly.add_consent(["sessions", "events", "users"]);
                Countly.begin_session(true);
                Countly.add_event({ key: "allowed" });
            }"""
        )
        page.wait_for_timeout(1500)
        wait_until_delivered(page)
    apply_all()
    given = {feature for feature, is_given in user(app).consent.items() if is_given}
    assert given == {"sessions", "events", "users"}
    assert len(events(app, "allowed")) == 1
    assert not Event.objects.filter(app_id=app.pk, key__key="not_allowed_yet").exists()


def test_what_the_sdk_tracks_by_itself(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app)
        page.evaluate(
            """() => {
                document.body.innerHTML = `<a id="beans" href="#beans">Beans</a>
                    <form id="order" onsubmit="return false"><input name="cups"><button>Order</button></form>`;
                Countly.begin_session(true);
                Countly.track_clicks();
                Countly.track_links();
                Countly.track_forms();
                Countly.recordDirectAttribution("spring", "visitor 7");
                Countly.report_trace({
                    type: "network", name: "/beans", stz: 1, etz: 2, apm_metrics: { response_time: 30 },
                });
            }"""
        )
        page.click("#beans")
        page.click("#order button")
        page.wait_for_timeout(300)
        wait_until_delivered(page)
        page.evaluate("() => { Countly.enable_offline_mode(); Countly.add_event({ key: 'unsent' }); }")
        page.wait_for_timeout(300)
        page.evaluate("() => { Countly.disable_offline_mode('web-1'); }")
        page.wait_for_timeout(300)
        wait_until_delivered(page)
    apply_all()
    clicks = events(app, "[CLY]_action")
    assert {(click.segmentation or {})["type"] for click in clicks} == {"click"}
    [link] = events(app, "linkClick")
    assert str((link.segmentation or {})["href"]).endswith("#beans")
    [form] = events(app, "formSubmit")
    assert "order" in str(form.segmentation)
    assert len(events(app, "unsent")) == 1
    assert activity(app).sessions_count == 1


def test_consent_is_withdrawn(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app, require_consent=True)
        page.evaluate("() => { Countly.add_consent(['sessions', 'events']); Countly.add_event({ key: 'allowed' }); }")
        page.wait_for_timeout(1500)
        # This SDK reports what was withdrawn only along with the next consent that is given.
        page.evaluate("() => { Countly.remove_consent(['events']); Countly.add_event({ key: 'not_any_more' }); }")
        page.evaluate("() => { Countly.add_consent(['users']); }")
        page.wait_for_timeout(1500)
        wait_until_delivered(page)
    apply_all()
    given = {feature for feature, is_given in user(app).consent.items() if is_given}
    assert (given, len(events(app, "allowed"))) == ({"sessions", "users"}, 1)
    assert not Event.objects.filter(app_id=app.pk, key__key="not_any_more").exists()


def test_reads(open_page: OpenPage, server: LiveServer, app: App) -> None:
    with open_page() as page:
        start(page, server, app)
        fetch = "new Promise((resolve) => Countly.fetch_remote_config((error, found) => resolve([!!error, found])))"
        configuration = page.evaluate(f"() => {fetch}")
        ask = "new Promise((resolve) => Countly.get_available_feedback_widgets((found, e) => resolve([found, !!e])))"
        feedback = page.evaluate(f"() => {ask}")
    assert configuration == [False, {}]
    assert feedback == [[], False]
    apply_all()
    assert activity(app).sessions_count == 0


def test_signed_requests_and_a_picture(
    open_page: OpenPage, server: LiveServer, app: App, tmp_path: Path, settings: Settings
) -> None:
    settings.MEDIA_ROOT = tmp_path
    app.salt = "sodiumchloride"
    app.save()
    app_keys.forget()
    with open_page() as page:
        start(page, server, app, salt="sodiumchloride")
        page.evaluate(
            """() => {
                Countly.begin_session(true);
                Countly.user_details({ name: "it's ~me~ (here)! & 100 %" });
                const drawing = document.createElement("canvas");
                return new Promise((resolve) => drawing.toBlob((blob) => {
                    Countly.uploadUserProfilePicture(new File([blob], "me.png", { type: "image/png" }));
                    resolve();
                }));
            }"""
        )
        page.wait_for_timeout(400)
        wait_until_delivered(page)
    assert InboxRequest.objects.filter(content_type__startswith="multipart/").count() == 1
    apply_all()
    assert user(app).name == "it's ~me~ (here)! & 100 %"
    assert pictures.load(app.public_id, pictures.name_in(user(app).picture)) is not None
    assert activity(app).sessions_count == 1


def test_a_bot_leaves_neither_sessions_nor_events(open_page: OpenPage, server: LiveServer, app: App) -> None:
    """It asks for its settings and reports its health, before it has found out its device id: it is nobody."""
    with open_page(user_agent=USER_AGENT.replace("Chrome/", "HeadlessChrome/")) as page:
        start(page, server, app)
        page.evaluate("() => { Countly.begin_session(true); Countly.add_event({ key: 'crawled' }); }")
        page.wait_for_timeout(600)
    apply_all()
    assert not AppUser.objects.exists()
    assert {row.reason for row in IngestRequest.objects.all()} == {"nobodys_device_id"}
    assert not Event.objects.filter(app_id=app.pk).exists()
