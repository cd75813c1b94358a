"""One stream: every kind in one order, each row on one page alone, and news of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from playwright.sync_api import expect

from profiles.access import masking
from profiles.activity.boxes import moment_text, read_cursor
from profiles.profile.stream import Part, read_stream
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import (
    People,
    make_crash,
    make_crash_group,
    make_event,
    make_people,
    make_property_change,
    make_session,
    make_user,
)
from profiles.users.models import AppUser, ConsentChange, Merge

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def people(db: None) -> People:
    return make_people()


@pytest.fixture
def user(people: People) -> AppUser:
    """Make somebody with some of every kind, much of it at the same times."""
    user = make_user(people.app, "device", seen_at=NOON, name="Mara Lind")
    group = make_crash_group(people.app, "IOError", NOON)
    for minutes in range(12):
        at = NOON + timedelta(minutes=minutes // 3)
        make_event(user, "buy" if minutes % 2 else "[CLY]_view", at, {"name": "Cart"})
        make_property_change(user, "custom.plan", f"p{minutes}", at)
        if minutes % 4 == 0:
            make_session(user, at)
            make_crash(user, group, at)
    ConsentChange.objects.create(
        user_id=user.id, changed_at=NOON, id=1, original_user_id=user.id, received_at=NOON, changes={"push": False}
    )
    Merge.objects.create(
        user_id=user.id,
        id=2,
        app=people.app,
        absorbed_id=user.id,
        absorbed_device_id="phone",
        merged_at=NOON,
        applied_at=NOON,
    )
    return user


@pytest.mark.parametrize("rows", [1, 3, 7, 100])
def test_every_row_is_on_one_page_alone_and_in_order(people: People, user: AppUser, rows: int) -> None:
    found, text = [], ""
    while True:
        page = read_stream(people.app, user, tuple(Part), before=read_cursor(text), rows=rows)
        found += [row.happening for row in page.rows]
        text = page.next
        if not text:
            break
    assert len(found) == 12 + 12 + 3 + 3 + 1 + 1
    assert len({(one.at, one.id, one.order) for one in found}) == len(found)
    assert found == sorted(found, key=lambda one: (one.at, one.id, one.order), reverse=True)


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ((Part.VIEWS,), 6),
        ((Part.EVENTS,), 6),
        ((Part.EVENTS, Part.VIEWS), 12),
        ((Part.CRASHES, Part.SESSIONS), 6),
        ((Part.PROPERTIES,), 12),
        ((Part.CONSENTS, Part.MERGES), 2),
    ],
)
def test_kinds_are_chosen(people: People, user: AppUser, parts: tuple[Part, ...], count: int) -> None:
    assert len(read_stream(people.app, user, parts).rows) == count


def test_events_are_narrowed_by_name(people: People, user: AppUser) -> None:
    rows = read_stream(people.app, user, (Part.EVENTS, Part.VIEWS), name="buy").rows
    assert [row.happening.key for row in rows] == ["buy"] * 6


def test_what_is_masked_stays_masked(people: People, user: AppUser) -> None:
    people.app.masks = {"viewer": {"custom": "masked", "device_id": "masked"}}
    people.app.save()
    browser = Client()
    browser.force_login(people.bob)
    with masking.seeing(masking.NOTHING):
        text = browser.get(f"/apps/{people.app.public_id}/users/{user.uid}/stream/").content.decode()
    assert "p11" not in text
    assert "phone" not in text
    assert "plan was set" in text


def test_a_page_costs_the_same_number_of_queries(
    people: People, user: AppUser, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        read_stream(people.app, user, tuple(Part))


def test_news_are_counted_from_when_the_page_was_made(people: People, user: AppUser) -> None:
    browser = Client()
    browser.force_login(people.bob)
    address = f"/apps/{people.app.public_id}/users/{user.uid}/news/"
    since = moment_text(NOON + timedelta(minutes=2))
    assert "4 new" not in browser.get(address, {"since": moment_text(NOON + timedelta(hours=1))}).content.decode()
    make_event(user, "buy", NOON + timedelta(minutes=5))
    late = NOON + timedelta(minutes=9)
    make_event(user, "buy", NOON - timedelta(minutes=5), received_at=late)
    assert "5 new" in browser.get(address, {"since": since}).content.decode()
    assert browser.get(address, {"since": "nonsense"}).status_code == 200


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("script", [True, False])
def test_somebody_reads_the_stream(people: People, user: AppUser, open_page: OpenPage, script: bool) -> None:
    page = open_page(people.bob, f"/apps/{people.app.public_id}/users/{user.uid}/", script=script)
    page.get_by_role("link", name="Stream").click()
    rows = page.locator("table.events tbody tr:not(.is-day)")
    expect(rows).to_have_count(32)
    for name in ("Events", "Views", "Properties", "Consents", "Merges", "Sessions"):
        page.get_by_label(name, exact=True).uncheck()
    page.get_by_role("button", name="Show").click()
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("IOError")
    if script:
        assert_accessible(page)
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(page.url.partition("?")[0])
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert_accessible(page)
