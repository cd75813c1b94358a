"""Merging two users by hand: found, shown field by field, done, noted, and undone."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from profiles.access.models import AppTotals, AuditEntry
from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import People, make_event, make_people, make_user
from profiles.users.models import AppUser

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("script", [True, False])
def test_two_become_one_and_two_again(open_page: OpenPage, script: bool) -> None:
    people: People = make_people()
    app = people.app
    mara = make_user(app, "phone", seen_at=NOON, name="Mara", is_identified=True, custom={"plan": "pro", "shoe": 39})
    other = make_user(app, "tablet", seen_at=NOON - timedelta(days=1), name="Mara Lind", custom={"plan": "free"})
    make_event(other, "buy", NOON - timedelta(days=1))
    AppTotals.objects.create(app=app, shard=0, users=2, identified=1)
    page = open_page(people.alice, f"/apps/{app.public_id}/users/{mara.uid}/", script=script)
    page.get_by_role("link", name="Merge with another user").click()
    page.get_by_label("The other user's id or device id").fill("nobody")
    page.get_by_role("button", name="Show what becomes of both").click()
    expect(page.get_by_role("alert")).to_have_text("No user has this id or device id.")
    page.get_by_label("The other user's id or device id").fill("tablet")
    page.get_by_role("button", name="Show what becomes of both").click()
    expect(page.locator("tr.is-changed")).to_have_count(5)
    expect(page.get_by_role("row", name="shoe")).to_contain_text("39")
    if script:
        assert_accessible(page)
    page.get_by_role("button", name="Merge the two").click()
    expect(page.get_by_text("The two are one now.")).to_be_visible()
    assert not AppUser.objects.filter(id=other.id).exists()
    assert AuditEntry.objects.filter(action="merged", subject=f"user {mara.uid}").count() == 1
    page.get_by_role("link", name="Undo…").click()
    if script:
        assert_accessible(page)
    page.get_by_role("button", name="Undo the merge").click()
    expect(page.get_by_text("The merge is undone")).to_be_visible()
    assert AppUser.objects.get(id=other.id).custom == {"plan": "free"}
    assert AppUser.objects.get(id=mara.id).custom == {"plan": "pro", "shoe": 39}


@pytest.mark.django_db
def test_nobody_is_merged_with_itself(client: object) -> None:
    people = make_people()
    user = make_user(people.app, "phone", seen_at=NOON)
    client.force_login(people.alice)  # type: ignore[attr-defined]
    answer = client.get(f"/apps/{people.app.public_id}/users/{user.uid}/merge/", {"with": user.uid})  # type: ignore[attr-defined]
    assert answer.status_code == 422
    assert b"A user cannot be merged with itself." in answer.content
