"""Messages in a real browser: written with a live preview, sent, watched, read by everybody; and without scripts."""

from __future__ import annotations

import re
import threading
import time

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import expect

from profiles.access.models import AppTotals, Membership
from profiles.messages.tests.making import Ready, give_token, work
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import make_person, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

USERS = 30


@pytest.fixture
def alice(ready: Ready) -> User:
    """An analyst of an app whose users have tokens; the last of them is gone."""
    alice = make_person("alice")
    Membership.objects.create(user=alice, app=ready.app, role=Membership.Role.ADMIN)
    for number in range(USERS):
        user = make_user(ready.app, f"device-{number}", name=f"Elif {number}", is_identified=True)
        give_token(user, ("apns", "fcm")[number % 2], "dead" if number == USERS - 1 else "")
    AppTotals.objects.create(app=ready.app, shard=0, users=USERS, identified=USERS)
    return alice


def send_in_background() -> threading.Thread:
    """Send as a worker does, after a moment in which the page shows that nothing is sent yet."""

    def run() -> None:
        time.sleep(1.5)
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_message_is_written_sent_and_watched(open_page: OpenPage, ready: Ready, alice: User) -> None:
    base = f"/apps/{ready.app.public_id}"
    page = open_page(alice, f"{base}/users/?filter=name:contains:Elif")
    page.locator("#all-message").click()
    expect(page.locator("#ladder")).to_contain_text("Allow push")
    expect(page.locator("#ladder .ladder-providers")).to_contain_text("Google")
    page.get_by_role("textbox", name="Title", exact=True).fill("Kahve?")
    page.get_by_role("textbox", name="Text", exact=True).fill("Merhaba {first_name|dostum}")
    expect(page.locator(".push-android")).to_contain_text("Merhaba Elif")
    page.get_by_role("textbox", name="Text", exact=True).fill("Merhaba {first")
    expect(page.locator("#preview [role=alert]")).to_contain_text("is not closed")
    page.get_by_role("textbox", name="Text", exact=True).fill("Merhaba {first_name|dostum}")
    page.get_by_label("First button says").fill("Order")
    page.get_by_label("and opens").first.fill("kahve://order")
    expect(page.locator(".push-choices")).to_contain_text("Order")
    assert_accessible(page)

    page.get_by_role("button", name="Send or schedule").click()
    expect(page).to_have_url(re.compile(r"/messages/[0-9a-f]{24}/$"))
    expect(page.locator("#results .chip").first).to_have_text("Sending")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    thread = send_in_background()
    expect(page.locator("#results .chip").first).to_have_text("Sent", timeout=15_000)
    thread.join()
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.locator(".figures li").first).to_contain_text(str(USERS - 1))
    assert_accessible(page)
    page.locator(".figures li", has_text="failed").get_by_role("link").click()
    expect(page.locator("#results")).to_contain_text(f"Elif {USERS - 1}")


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1440, True)])
def test_everybody_can_read_it(open_page: OpenPage, ready: Ready, alice: User, width: int, dark: bool) -> None:
    message = ready.send()
    work()
    base = f"/apps/{ready.app.public_id}"
    for address in (
        f"{base}/messages/",
        f"{base}/messages/new/?everyone=1",
        message.get_absolute_url(),
        f"{base}/settings/push/",
    ):
        page = open_page(alice, address, width=width, dark=dark)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_it_works_without_scripts(open_page: OpenPage, ready: Ready, alice: User) -> None:
    page = open_page(alice, f"/apps/{ready.app.public_id}/messages/new/?everyone=1", script=False)
    page.get_by_role("textbox", name="Text", exact=True).fill("Merhaba {name|dostum}")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#preview")).to_contain_text("Merhaba Elif")
    page.get_by_role("button", name="Add a language").click()
    page.locator("[name=variants-0-locale]").fill("tr")
    page.locator("[name=variants-0-body]").fill("Selam")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("h1")).to_have_text("Merhaba dostum")
    page.get_by_role("button", name="Send or schedule").click()
    expect(page.locator("#results .chip").first).to_have_text("Sending")
    work()
    page.reload()
    expect(page.locator("#results .chip").first).to_have_text("Sent")
    expect(page.locator(".figures li").first).to_contain_text(str(USERS - 1))
