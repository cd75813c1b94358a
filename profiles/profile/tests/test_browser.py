"""The profile page in a real browser: choosing sessions, going back, searching, and no script at all."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import People, make_day, make_event, make_people, make_session, make_user
from profiles.users.models import AppUser

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def user(people: People) -> AppUser:
    """Make somebody with twenty sessions of one event each, named after the hours that they are ago."""
    custom = {f"name{index}": index for index in range(10)} | {"plan": "pro"}
    user = make_user(people.app, "device", seen_at=NOON, custom=custom, activity={"sessions_count": 20})
    for hours in range(20):
        start = NOON - timedelta(hours=hours)
        make_session(user, start)
        make_event(user, f"tap_{hours}_hours_ago", start + timedelta(seconds=5))
    make_day(user, NOON.date(), sessions=20, events=20)
    return user


def _address(people: People, user: AppUser) -> str:
    return f"/apps/{people.app.public_id}/users/{user.uid}/"


def test_choosing_a_session_changes_the_address_and_only_the_events(
    open_page: OpenPage, people: People, user: AppUser
) -> None:
    page = open_page(people.bob, _address(people, user))
    page.evaluate("document.querySelector('#session-history').dataset.mark = 'same'")
    events = page.locator("#event-timeline")
    expect(events).to_contain_text("tap_0_hours_ago")
    row = page.locator("#session-history tbody tr").nth(3)
    row.locator("a.row-link").click()
    expect(events).to_contain_text("tap_3_hours_ago")
    expect(events).not_to_contain_text("tap_0_hours_ago")
    expect(row).to_have_attribute("aria-current", "true")
    expect(page.locator("#session-history tr[aria-current]")).to_have_count(1)
    assert "session=" in page.url
    assert page.locator("#session-history").get_attribute("data-mark") == "same"

    page.reload()
    expect(events).to_contain_text("tap_3_hours_ago")
    page.go_back()
    expect(events).to_contain_text("tap_0_hours_ago")


def test_turning_the_page_of_sessions_keeps_the_chosen_one(open_page: OpenPage, people: People, user: AppUser) -> None:
    page = open_page(people.bob, _address(people, user))
    page.locator("#session-history tbody tr").nth(3).locator("a.row-link").click()
    expect(page.locator("#event-timeline")).to_contain_text("tap_3_hours_ago")
    chosen = page.url.split("session=")[1]
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#session-history tbody tr")).to_have_count(5)
    assert f"session={chosen}" in page.url
    page.reload()
    expect(page.locator("#event-timeline")).to_contain_text("tap_3_hours_ago")


def test_the_timeline_is_drawn_and_turns_to_weeks(open_page: OpenPage, people: People, user: AppUser) -> None:
    page = open_page(people.bob, _address(people, user))
    expect(page.locator("#timeline .uplot canvas")).to_have_count(1)
    page.get_by_role("link", name="Week", exact=True).click()
    expect(page.locator("#timeline")).to_contain_text("per week")
    expect(page.locator("#timeline .uplot canvas")).to_have_count(1)
    assert "unit=week" in page.url


def test_properties_are_found_while_one_types(open_page: OpenPage, people: People, user: AppUser) -> None:
    page = open_page(people.bob, _address(people, user))
    properties = page.locator("#custom-properties [data-property]")
    page.get_by_role("searchbox", name="Search properties").fill("PLA")
    expect(properties.filter(visible=True)).to_have_count(1)
    page.get_by_role("searchbox", name="Search properties").fill("zzz")
    expect(page.locator("#custom-properties [data-no-match]")).to_be_visible()


def test_everything_works_without_scripts(open_page: OpenPage, people: People, user: AppUser) -> None:
    page = open_page(people.bob, _address(people, user), script=False)
    expect(page.locator("#timeline svg.chart-still")).to_be_visible()
    page.locator("#session-history tbody tr").nth(3).locator("a.row-link").click()
    expect(page.locator("#event-timeline")).to_contain_text("tap_3_hours_ago")
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#session-history tbody tr")).to_have_count(5)
    page.get_by_role("link", name="Outside sessions").click()
    expect(page.locator("#event-timeline")).to_contain_text("Every event of this user belongs to a session.")
    page.get_by_role("searchbox", name="Search properties").fill("plan")
    page.get_by_role("searchbox", name="Search properties").press("Enter")
    expect(page.locator("#custom-properties [data-property]")).to_have_count(1)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_everybody_can_read_it(open_page: OpenPage, people: People, user: AppUser, width: int, dark: bool) -> None:
    page = open_page(people.bob, _address(people, user), width=width, dark=dark)
    expect(page.locator("#timeline .uplot canvas")).to_have_count(1)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_nothing_moves_while_it_loads(open_page: OpenPage, people: People, user: AppUser) -> None:
    page = open_page(people.bob, _address(people, user))
    page.reload()
    shift = page.evaluate(
        """() => new Promise((done) => {
            let sum = 0;
            new PerformanceObserver((list) => { for (const one of list.getEntries()) sum += one.value; })
                .observe({ type: "layout-shift", buffered: true });
            setTimeout(() => done(sum), 600);
        })"""
    )
    assert shift < 0.02
