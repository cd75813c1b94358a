"""An analyst's day in a real browser: from half an e-mail to the next user of a saved list."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from profiles.access.models import AppTotals, Membership
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import People, make_event, make_people, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def people() -> People:
    """Twelve users; those with even numbers are identified, of iOS and in Germany, and bought twice but for two."""
    people = make_people()
    Membership.objects.filter(user=people.bob).update(role=Membership.Role.ANALYST)
    now = timezone.now()
    for number in range(12):
        is_wanted = number % 2 == 0
        user = make_user(
            people.app,
            f"device-{number:02}",
            seen_at=now - timedelta(hours=number),
            is_identified=is_wanted,
            name=f"Elif {number:02}" if is_wanted else None,
            email=f"elif.{number:02}@kahve.example" if is_wanted else None,
            platform="iOS" if is_wanted else "Android",
            country="DE" if is_wanted else "TR",
            custom={"plan": "pro"},
            activity={"total_seconds": 100 * number},
        )
        for times in range(2 if number >= 4 else 1):
            make_event(user, "purchase", now - timedelta(days=1, minutes=times))
    AppTotals.objects.create(app=people.app, shard=0, users=12, identified=6)
    return people


def test_the_whole_day(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url())
    # Somebody by half an e-mail.
    page.keyboard.press("/")
    page.keyboard.type("f.08@kah")
    expect(page.locator("a.row-link")).to_have_count(1)
    expect(page.locator("a.row-link")).to_contain_text("Elif 08")
    page.locator("#search").fill("")
    expect(page.locator(".pager")).to_contain_text("of 12")
    # Identified, by time spent.
    page.get_by_role("link", name="Identified").click()
    expect(page.locator(".pager")).to_contain_text("of 6")
    page.get_by_role("link", name="Time spent").click()
    expect(page.locator("a.row-link").first).to_contain_text("Elif 10")
    # On iOS, in Germany, who bought twice.
    for field, value in (("Platform", "iOS"), ("Country", "DE")):
        page.locator("#add-filter").click()
        page.get_by_label("Find a field").fill(field)
        page.get_by_role("link", name=field, exact=True).click()
        expect(page.locator(f"#value-0-offered option[value={value}]")).to_have_count(1)
        page.get_by_label("Value").fill(value)
        page.keyboard.press("Enter")
        expect(page.locator(".filter-chips")).to_contain_text(f"{field} is {value}")
    page.locator("#add-filter").click()
    page.get_by_label("Find a field").fill("event")
    page.get_by_role("link", name="Event", exact=True).click()
    page.locator("#value-0").fill("purchase")
    page.get_by_label("Times, at least").fill("two")
    page.get_by_role("button", name="Add to the filter").click()
    expect(page.get_by_role("alert").filter(has_text="whole number")).to_be_visible()
    expect(page.locator("#value-0")).to_have_value("purchase")
    page.wait_for_load_state("networkidle")  # what the event offers has arrived, too
    page.get_by_label("Times, at least").fill("2")
    assert_accessible(page)
    expect(page.get_by_label("Times, at least")).to_have_value("2")
    page.get_by_role("button", name="Add to the filter").click()
    expect(page.locator(".pager")).to_contain_text("of 4")
    expect(page.locator("#panel")).to_be_empty()
    # How they spread, and another column.
    page.get_by_role("link", name="Breakdown").click()
    expect(page.locator("#panel")).to_contain_text("All 4 users were counted")
    assert_accessible(page)
    page.get_by_role("link", name="Columns").click()
    page.get_by_role("button", name="plan").click()
    expect(page.locator(".users-table thead")).to_contain_text("plan")
    expect(page.locator("#panel")).to_contain_text("Shown, in this order")
    assert_accessible(page)
    page.get_by_role("link", name="Close").click()
    # The view is kept, and is a tab from now on.
    page.get_by_role("link", name="Save view").click()
    page.get_by_label("Name").fill("Buyers")
    page.get_by_label("Begin with it").check()
    page.get_by_role("button", name="Save the view").click()
    expect(page.locator(".tab[aria-current]")).to_have_text("Buyers")
    expect(page.locator(".pager")).to_contain_text("of 4")
    saved = page.url
    # Exported as shown.
    page.get_by_role("link", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download 4 rows").click()
    rows = download.value.path().read_text().splitlines()
    assert rows[0].endswith("plan")
    assert [row.split(",")[1] for row in rows[1:]] == ["Elif 10", "Elif 08", "Elif 06", "Elif 04"]
    # The third person, and the next one; and back at the list.
    page.goto(saved)
    for key in "jjj":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Elif 06")
    expect(page.locator("a[rel=next]")).to_be_visible()
    page.wait_for_load_state()  # keys are heard when the scripts have run
    page.keyboard.press("]")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Elif 04")
    page.goto(page.url.split("/apps/")[0] + "/")
    expect(page).to_have_url(re.compile("sort=-time_spent"))
    expect(page.locator(".tab[aria-current]")).to_have_text("Buyers")
    # A condition is taken out again.
    page.get_by_role("link", name="Remove Platform is iOS").click()
    expect(page.locator(".filter-chips")).not_to_contain_text("iOS")


def test_a_filter_is_built_on_a_phone_and_without_scripts(open_page: OpenPage, people: People) -> None:
    page = open_page(people.bob, people.app.get_absolute_url(), script=False, width=390)
    page.locator("#add-filter").click()
    page.get_by_role("link", name="Country", exact=True).click()
    page.get_by_label("Value").fill("DE")
    page.get_by_role("button", name="Add to the filter").click()
    page.get_by_role("link", name="or …").click()
    page.get_by_role("link", name="Sessions", exact=True).click()
    page.get_by_label("Question").select_option("between")
    page.get_by_role("button", name="Choose").click()
    page.get_by_label("From").fill("900")
    page.get_by_label("to", exact=True).fill("1000")
    page.get_by_role("button", name="Add as an alternative").click()
    expect(page.locator(".filter-chips")).to_contain_text("Sessions is between 900 and 1000")
    expect(page.locator(".pager")).to_contain_text("of 6")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("dark", [False, True])
def test_the_panels_can_be_read_on_a_phone(open_page: OpenPage, people: People, dark: bool) -> None:
    page = open_page(people.bob, people.app.get_absolute_url(), width=390, dark=dark)
    for link in ("#add-filter", "#tool-breakdown", "#tool-columns", "#tool-views"):
        page.locator(link).click()
        expect(page.locator("#panel [data-close-panel]").first).to_be_visible()
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.locator("#panel [data-close-panel]").first.click()
        expect(page.locator("#panel")).to_be_empty()
