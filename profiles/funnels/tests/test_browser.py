"""Funnels in a real browser: from a definition to its numbers, to the users behind one, to the reason of one."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from profiles.access.models import AppTotals
from profiles.funnels import services
from profiles.funnels.models import Funnel
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import People, make_event, make_people, make_user

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NOW = datetime.now(tz=UTC)


@pytest.fixture
def people() -> People:
    people = make_people()
    walks = {
        "Ada": ["view", "cart", "pay"],
        "Bora": ["view", "cart"],
        "Ceren": ["view", "pay"],
        "Deniz": ["pay"],
    }
    for number, (name, keys) in enumerate(walks.items()):
        user = make_user(people.app, f"device-{number}", name=name, is_identified=True, seen_at=NOW)
        for minute, key in enumerate(keys):
            plan = {"plan": "free" if name == "Ceren" else "pro"}
            make_event(user, key, NOW - timedelta(days=2) + minute * timedelta(minutes=1), plan)
    AppTotals.objects.create(app=people.app, shard=0, users=len(walks), identified=len(walks))
    return people


def test_from_a_definition_to_a_users_reason(open_page: OpenPage, people: People) -> None:
    page = open_page(people.alice, f"/apps/{people.app.public_id}/funnels/")
    page.get_by_role("link", name="New funnel").click()
    assert page.locator("#event-keys option[value=cart]").count() == 1
    page.get_by_label("Name").fill("Paid in a day")
    page.get_by_label("Conversion window").fill("1")
    page.get_by_label("Unit of the window").select_option(label="days")
    for number, key in enumerate(["pay", "view"], start=1):
        page.get_by_label(f"Event of step {number}").fill(key)
    page.get_by_role("button", name="Move step 2 up").click()
    page.locator(".step-conditions summary").nth(1).click()
    page.get_by_label("Key of condition 1 of step 2").fill("plan")
    page.get_by_label("Value of condition 1 of step 2").fill("pro")
    page.get_by_role("button", name="Save").last.click()

    funnel = Funnel.objects.get()
    assert [step.event_key for step in funnel.steps.all()] == ["view", "pay"]
    expect(page.locator("#report")).to_contain_text("Being computed over all history")
    assert not services.compute_batch(funnel.pk, funnel.revision, NOW, 100)
    expect(page.locator("#report")).not_to_contain_text("Being computed")
    expect(page.locator(".figures")).to_contain_text("33%")  # one of three
    assert_accessible(page)

    page.get_by_role("link", name="2 users who went no further than the step before").click()
    expect(page.locator("a.row-link")).to_have_count(2)
    expect(page.locator("#results")).to_contain_text("went no further than step 1 (view) of “Paid in a day”")
    page.get_by_role("link", name="Ceren").click()
    box = page.locator("#funnels")
    expect(box).to_contain_text("Not Completed")
    expect(box).to_contain_text("Did it, but plan was “free”; the step wants: plan is “pro”.")
