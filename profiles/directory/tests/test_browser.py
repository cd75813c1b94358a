"""The user list in a real browser: fragments, history, keys, a phone, and no script at all."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from profiles.access.models import AppTotals, Membership
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import People, make_people, make_user

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
USERS = 60

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def people() -> People:
    people = make_people()
    for number in range(USERS):
        make_user(
            people.app,
            f"device-{number:02}",
            seen_at=NOON - timedelta(hours=number),
            is_identified=number % 2 == 0,
            name=f"Elif {number:02}" if number % 2 == 0 else None,
            activity={"sessions_count": number},
        )
    AppTotals.objects.create(app=people.app, shard=0, users=USERS, identified=USERS // 2)
    return people


def test_tab_sort_and_search_go_together_and_back(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url())
    page.get_by_role("link", name="Identified").click()
    expect(page).to_have_url(re.compile(r"\?tab=identified$"))
    page.get_by_role("link", name="Sessions").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Sessions")
    expect(page.locator("a.row-link").first).to_contain_text("Elif 58")
    page.keyboard.press("/")
    page.keyboard.type("elif 1")  # 10 to 18, and Elif 00 by the uid 1
    expect(page.locator(".pager")).to_contain_text("of 6")
    expect(page).to_have_url(re.compile(r"tab=identified&q=elif\+1&sort=-sessions$"))
    expect(page.locator("#search")).to_be_focused()
    expect(page.locator("#live")).to_have_text("6 users, sorted by sessions, descending")
    expect(page.locator("#results")).to_have_count(1)
    page.go_back()
    expect(page.locator(".pager")).to_contain_text("of 30")
    expect(page.locator("#search")).to_have_value("")


def test_keys_walk_the_rows(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url())
    for key in "jjkj":
        page.keyboard.press(key)
    expect(page.locator("a.row-link").nth(1)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("a.row-link").nth(1).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/users/2/\?from=&at=2$"))
    expect(page.locator("a[rel=next]")).to_be_visible()
    page.wait_for_load_state()  # keys are heard when the scripts have run
    page.keyboard.press("]")
    expect(page).to_have_url(re.compile(r"/users/3/\?from=&at=3$"))


def test_pages_turn(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url())
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".pager")).to_contain_text("51–60 of 60")
    page.get_by_role("link", name="Previous").click()
    expect(page.locator(".pager")).to_contain_text("1–50 of 60")


def test_the_theme_turns_and_stays(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url())
    page.get_by_role("button", name="Change theme").click()
    page.get_by_role("button", name="Change theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_phone_has_a_menu_and_no_sideways_scrolling(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url(), width=390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()


def test_it_works_without_scripts(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url(), script=False)
    page.get_by_role("link", name="Identified").click()
    page.locator("#search").fill("elif 1")
    page.locator("#search").press("Enter")
    page.get_by_role("link", name="Name", exact=True).click()
    expect(page).to_have_url(re.compile(r"tab=identified&q=elif\+1&sort=name$"))
    expect(page.locator(".pager")).to_contain_text("1–6 of 6")


@pytest.mark.parametrize("script", [True, False])
def test_ticked_rows_are_exported(open_page: OpenPage, people: People, script: bool) -> None:
    Membership.objects.filter(user=people.bob).update(role=Membership.Role.ANALYST)
    page = open_page(people.bob, people.app.get_absolute_url(), script=script)
    page.get_by_label("Select Elif 00").check()
    page.get_by_label("Select Elif 02").check()
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("heading", name="2 users that are selected")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download 2 rows").click()
    rows = download.value.path().read_text().splitlines()
    assert [row.split(",")[1] for row in rows] == ["Name", "Elif 00", "Elif 02"]
    if script:
        expect(page.locator("#export-progress")).to_contain_text("All 2 rows are sent")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_everybody_can_read_it(open_page: OpenPage, people: People, width: int, dark: bool) -> None:
    page = open_page(people.bob, people.app.get_absolute_url(), width=width, dark=dark)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width
