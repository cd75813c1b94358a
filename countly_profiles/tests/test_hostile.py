"""Strangers' text in every field that an SDK can set, and in every parameter of a page: shown as text, and harmless."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from playwright.sync_api import Dialog

from ingest.tests.sending import apply_all, post, send, user_of
from profiles.access.models import App
from profiles.crashes.models import CrashGroup
from profiles.funnels.models import Funnel
from profiles.funnels.services import StepInput, create_funnel, refresh_stale
from profiles.tests.browser import OpenPage
from profiles.tests.factories import People, make_people
from profiles.users.models import AppUser

ATTACKS = [
    "<script>alert('{n}')</script>",
    "\"><img src=x onerror=alert('{n}')>",
    "'><svg/onload=alert('{n}')>",
    "</script><script>alert('{n}')</script>",
    "javascript:alert('{n}')",
    "{{{{7*7}}}}{{% debug %}}${{alert('{n}')}}",
    "<a href=javascript:alert('{n}')>x</a>\u202e\u0000<iframe srcdoc='<script>parent.alert(1)</script>'>",
]


METRICS = ["os", "os_version", "device", "device_type", "manufacturer", "carrier", "resolution", "density", "locale"]
METRICS += ["app_version", "browser", "browser_version", "store", "orientation"]


def attack(name: str) -> str:
    """Return all attacks in one text, which says where it was put in."""
    return " ".join(ATTACKS).format(n=name)


def send_hostile(app: App, device: str) -> None:
    """Fill every field that an SDK can set."""
    metrics = {f"_{name}": attack(name)[:250] for name in METRICS}
    place = {"country_code": attack("country"), "city": attack("city"), "location": attack("location")}
    sdk = {"sdk_name": attack("sdk"), "sdk_version": attack("sdkv")}
    send(app, device, 0, begin_session=1, metrics=metrics, **place, **sdk)
    details: dict[str, Any] = {
        name: attack(name) for name in ("name", "username", "email", "organization", "phone", "gender")
    }
    details["picture"] = "javascript:alert('picture')"
    details["custom"] = {
        attack("key"): attack("value"),
        "list": [attack("item")],
        "object": {attack("inner"): attack("inner value")},
        "__proto__": {"polluted": "yes"},
        "constructor": {"prototype": {"polluted": "yes"}},
        "fb_link": "javascript:alert('facebook')",
    }
    send(app, device, 1, user_details=details)
    send(
        app,
        device,
        2,
        user_details={"picture": "data:image/svg+xml,<svg onload=alert('svg')>", "name": attack("name2")},
    )
    events: list[dict[str, Any]] = [
        {"key": attack("event"), "segmentation": {attack("segment"): attack("segment value"), "__proto__": "x"}},
        {"key": "[CLY]_view", "segmentation": {"name": attack("view"), "visit": 1, "segment": attack("platform")}},
        {"key": "[CLY]_nps", "segmentation": {"comment": attack("comment"), "rating": "5"}},
        {"key": "buy"},
    ]
    send(app, device, 3, events=events)
    crash: dict[str, Any] = {
        "_error": f"{attack('error')}: {attack('trace')}\n\tat {attack('frame')}(C.java:1)",
        "_name": attack("crash name"),
        "_os": attack("crash os")[:100],
        "_app_version": attack("crash version")[:100],
        "_logs": attack("logs"),
        "_view": attack("crash view"),
        "_custom": {attack("crash key"): attack("crash value")},
        "_nonfatal": False,
    }
    send(app, device, 4, crash=crash)
    send(app, device, 5, token_session=1, android_token=attack("token"), test_mode=0, locale=attack("token locale"))
    send(
        app, device, 6, consent={attack("consent"): True}, campaign_id=attack("campaign"), campaign_user=attack("cuser")
    )
    send(app, device, 7, old_device_id=attack("old device"))


@pytest.fixture
def people() -> People:
    people = make_people()
    App.objects.filter(pk=people.app.pk).update(name=attack("app")[:100])
    people.app.refresh_from_db()
    create_funnel(
        Funnel(app=people.app, name=attack("funnel")[:100]), [StepInput(attack("step")[:100]), StepInput("buy")]
    )
    send_hostile(people.app, attack("device")[:100])
    post(people.app, "refused", 0, crash="{not json", user_details=attack("unreadable"))
    apply_all()
    refresh_stale()
    return people


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_nothing_of_it_runs_in_a_browser(open_page: OpenPage, people: People) -> None:
    User.objects.filter(pk=people.alice.pk).update(is_superuser=True, is_staff=True)
    user = AppUser.objects.filter(app=people.app, name__isnull=False).first()
    assert user is not None
    group, funnel = CrashGroup.objects.get(), Funnel.objects.get()
    base = f"/apps/{people.app.public_id}/"
    columns = "name,device,email,phone,organization,place,app_version,custom.list,custom.object"
    addresses = [
        f"{base}users/?columns={columns}&q=%3Cscript%3Ealert(1)%3C/script%3E",
        f"{base}users/?columns={columns}",
        f"{base}users/{user.uid}/",
        f"{base}crashes/",
        f"{base}crashes/{group.public_id}/",
        f"{base}funnels/",
        f"{base}funnels/{funnel.public_id}/",
        f"{base}list/delete/?user={user.uid}",
        f"{base}settings/",
        f"{base}settings/audit/?subject=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
    ]
    dialogs: list[str] = []

    def ran(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page = open_page(people.alice, addresses[0])
    page.on("dialog", ran)
    for address in addresses:
        page.goto(page.url.split("/apps/")[0] + address)
        page.wait_for_timeout(400)
        assert "alert(" in page.content(), f"{address} shows nothing of it"
        assert page.evaluate("({}).polluted === undefined && Object.polluted === undefined"), address
        assert page.locator("script:not([src]):not([type='application/json'])").count() == 0, address
        assert page.locator("iframe, object, embed, [onerror], [onload], a[href^='javascript:']").count() == 0, address
    assert dialogs == []


INJECTIONS = [
    "'",
    "';DROP TABLE profiles_appuser;--",
    "1 OR 1=1",
    "\\",
    "%",
    "%s",
    "\x00",
    "{{7*7}}",
    "../../etc/passwd",
]


@pytest.mark.django_db
@pytest.mark.parametrize("injected", INJECTIONS)
def test_no_parameter_reaches_sql_or_breaks_a_page(client: Client, injected: str) -> None:
    people = make_people()
    send(people.app, "phone", 0, begin_session=1, user_details={"name": "Ada"})
    apply_all()
    client.force_login(people.alice)
    uid = user_of(people.app, "phone").uid
    base = f"/apps/{people.app.public_id}/"
    names = ["actor", "subject", "action", "version", "days"]
    names += [
        "q",
        "sort",
        "tab",
        "filter",
        "columns",
        "after",
        "before",
        "from",
        "session",
        "events",
        "clock",
        "unit",
        "search",
    ]
    for page in ("users/", f"users/{uid}/", "crashes/", "funnels/", "settings/audit/"):
        answer = client.get(base + page, dict.fromkeys(names, injected))
        assert answer.status_code in (200, 302, 400, 404), f"{page} {injected!r}"
    filters = [f"name:is:{injected}", f"custom.{injected}:is:x", f"event:did:{injected}:1:7", f"{injected}:is:x"]
    for text in filters:
        assert client.get(f"{base}users/", {"filter": text, "sort": f"custom.{injected}"}).status_code in (200, 400), (
            text
        )
    assert client.get(f"{base}users/{injected.replace(chr(0), '%00')}/").status_code in (400, 404)
    assert AppUser.objects.filter(app=people.app).count() == 1


@pytest.mark.django_db
class TestPollution:
    def test_a_forged_host_leads_nobody_elsewhere(self, client: Client) -> None:
        people = make_people()
        client.force_login(people.alice)
        for headers in ({"host": "evil.test"}, {"host": "localhost", "x-forwarded-host": "evil.test"}):
            answer = client.post(
                f"/apps/{people.app.public_id}/settings/members/", {"note": "x", "role": "viewer"}, headers=headers
            )
            assert b"evil.test" not in answer.content
        assert client.get("/login/", headers={"host": "evil.test"}).status_code == 400

    def test_a_forged_address_is_not_believed(self, client: Client) -> None:
        make_people()
        client.post("/login/", {"username": "bob", "password": "?"}, headers={"x-forwarded-for": "6.6.6.6"})
        client.force_login(User.objects.create_superuser("root"))
        assert "6.6.6.6" not in client.get("/audit/").content.decode()

    def test_a_parameter_sent_twice_is_one_parameter(self) -> None:
        people = make_people()
        answer = post(people.app, "phone", 0, begin_session=1)
        assert answer.status_code == 200
        client = Client()
        body = f"app_key={people.app.key}&device_id=a&device_id=b&begin_session=1&timestamp=1767225600000"
        assert client.post("/i", body, content_type="application/x-www-form-urlencoded").status_code in (200, 400)
        apply_all()
        assert AppUser.objects.filter(app=people.app, device_id__in=["a", "b"]).count() <= 1


@pytest.mark.django_db
def test_an_svg_as_a_picture_is_no_picture(client: Client) -> None:
    people = make_people()
    svg = b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    name = '"><img src=x onerror=alert(1)>.png'
    send(people.app, "phone", 0, begin_session=1)
    client.post(
        "/i",
        {
            "app_key": people.app.key,
            "device_id": "phone",
            "timestamp": str(int(datetime(2026, 3, 10, 13, tzinfo=UTC).timestamp() * 1000)),
            "user_details": json.dumps({"picturePath": name, "name": "Ada"}),
            "user_pictures": SimpleUploadedFile(name, svg, content_type="image/png"),
        },
    )
    apply_all()
    user = user_of(people.app, "phone")
    assert (user.name, user.picture) == ("Ada", None)


@pytest.mark.django_db
def test_every_page_forbids_what_was_not_meant(client: Client) -> None:
    people = make_people()
    client.force_login(people.alice)
    for address in ("/login/", people.app.get_absolute_url(), "/nothing/here/", "/account/keys/"):
        answer = client.get(address)
        policy = answer["Content-Security-Policy"]
        assert re.search(r"script-src 'self'(;|$)", policy), address
        assert "unsafe" not in policy
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert part in policy, address
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
