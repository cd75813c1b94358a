"""The SDK lens: what became of a user's raw requests, and nothing personal for whom that is masked."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from ingest.lens import ROWS, lens_box
from ingest.tests.sending import START, apply_all, post, send, user_of
from profiles.access import masking
from profiles.access.masking import Masks
from profiles.activity.boxes import read_cursor
from profiles.activity.querysets import Cursor
from profiles.identity.services import merge_by_hand
from profiles.identity.undoing import undo
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import People, make_people
from profiles.users.models import AppUser, Merge


@pytest.fixture
def people(db: None) -> People:
    return make_people()


def _ada(people: People) -> AppUser:
    send(people.app, "ada-phone", 0, begin_session=1, sdk_name="java-native-android", sdk_version="24.1.0")
    send(people.app, "ada-phone", 5, user_details={"name": "Ada Lovelace", "email": "ada@example.org"})
    send(people.app, "ada-phone", 5, user_details={"name": "Ada Lovelace", "email": "ada@example.org"})
    send(people.app, "ada-phone", 9, events="[{")
    apply_all()
    send(people.app, "ada-phone", 12, end_session=1)
    send(people.app, "someone-else", 1, user_details={"name": "Eve"})
    return user_of(people.app, "ada-phone")


def test_each_verdict_with_its_reason(people: People) -> None:
    user = _ada(people)
    box = lens_box(people.app, user)
    assert [line.verdict for line in box.lines] == ["Waiting", "Partly applied", "Duplicate", "Applied", "Applied"]
    waiting, partly, duplicate, details, begin = box.lines
    assert waiting.settled_at is None
    assert partly.notes == ("events unreadable",)
    assert duplicate.reason == "The same request was applied before"
    assert "user details" in details.contents
    assert begin.sdk == "java-native-android 24.1.0"
    assert begin.stamped_at == START
    assert begin.is_late
    assert not begin.is_clock_ahead
    assert begin.waited
    sent = {one.name: one.value for one in details.parameters}
    assert '"name": "Ada Lovelace"' in sent["user_details"]
    assert sent["app_key"] == masking.DOTS


def test_a_clock_ahead_is_told(people: People) -> None:
    send(people.app, "early", ((timezone.now() + timedelta(hours=2)) - START).total_seconds(), begin_session=1)
    apply_all()
    (line,) = lens_box(people.app, user_of(people.app, "early")).lines
    assert line.is_clock_ahead
    assert line.arrived.startswith("−1:59:5")
    assert "the device's clock is ahead of ours" in line.notes


def test_who_may_not_see_a_field_sees_nothing_of_what_was_sent(people: People, client: Client) -> None:
    user = _ada(people)
    with masking.seeing(Masks({"email": masking.MASKED})):
        box = lens_box(people.app, user)
    told = repr(box)
    assert box.is_covered
    assert "java-native-android" in told
    assert "begin_session" in told
    for secret in ("Ada", "ada@", "ada-phone", people.app.key):
        assert secret not in told
    people.app.masks = {"viewer": {"email": masking.HIDDEN}}
    people.app.save()
    address = f"/apps/{people.app.public_id}/users/{user.uid}/sdk-lens/"
    client.force_login(people.bob)
    html = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "Your role sees no personal data" in html
    assert "ada@example.org" not in html
    client.force_login(people.alice)
    assert "ada@example.org" in client.get(address, headers={"HX-Request": "true"}).content.decode()
    client.force_login(people.charlie)
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 404


def test_pages_hold_every_request_once(people: People) -> None:
    for second in range(ROWS * 2 + 3):
        send(people.app, "busy", second, session_duration=1)
    apply_all()
    user, seen, text = user_of(people.app, "busy"), [], ""
    while True:
        box = lens_box(people.app, user, read_cursor(text))
        seen += [line.id for line in box.lines]
        text = box.older
        if not text:
            break
    assert len(seen) == len(set(seen)) == ROWS * 2 + 3
    assert seen == sorted(seen, reverse=True)


def test_requests_follow_merge_and_undo(people: People) -> None:
    send(people.app, "one", 0, begin_session=1)
    send(people.app, "two", 1, begin_session=1)
    apply_all()
    one, two = user_of(people.app, "one"), user_of(people.app, "two")
    merge_by_hand(survivor=one, absorbed=two, merged_by=people.alice, now=timezone.now())
    assert len(lens_box(people.app, one).lines) == 2
    undo(app=people.app, merge=Merge.objects.get(user_id=one.id), undone_by=people.alice, now=timezone.now())
    assert len(lens_box(people.app, one).lines) == 1
    assert len(lens_box(people.app, two).lines) == 1


def test_the_newest_are_found_along_the_key(people: People, django_assert_num_queries: object) -> None:
    user = _ada(people)
    with django_assert_num_queries(4):  # type: ignore[operator]
        lens_box(people.app, user)
    with django_assert_num_queries(3):  # type: ignore[operator]
        lens_box(people.app, user, Cursor(timezone.now(), 1))


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_developer_opens_a_request(open_page: OpenPage, people: People) -> None:
    user = _ada(people)
    assert post(people.app, "ada-phone", 20, events="<b>").status_code == 200
    for width, dark in ((1440, False), (390, True)):
        page = open_page(people.alice, f"/apps/{people.app.public_id}/users/{user.uid}/", width=width, dark=dark)
        lens = page.locator("#sdk-lens")
        lens.get_by_role("row").filter(has_text="user details").first.locator("summary").click()
        expect(lens.get_by_text("Ada Lovelace").first).to_be_visible()
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
