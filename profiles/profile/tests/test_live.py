"""What arrives while somebody reads: behind a pill, then in place; and links between profile and stream."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from profiles.tests.browser import OpenPage, assert_accessible
from profiles.tests.factories import People, make_day, make_event, make_people, make_session, make_user
from profiles.users.models import AppUser

LONG_AGO = timezone.now() - timedelta(days=2)


def _user(people: People, sessions: int = 12) -> AppUser:
    user = make_user(people.app, "device", seen_at=LONG_AGO, name="Mara Lind", activity={"sessions_count": sessions})
    for hours in range(sessions):
        start = LONG_AGO - timedelta(hours=hours)
        make_session(user, start)
        make_event(user, f"tap_{hours}", start + timedelta(seconds=5), {"n": hours})
    make_day(user, LONG_AGO.date(), sessions=sessions, events=sessions)
    return user


def _happens_now(user: AppUser) -> None:
    now = timezone.now()
    make_session(user, now)
    make_event(user, "came_just_now", now, received_at=now)
    user.activity.last_seen_at, user.activity.session_id = now, 1
    user.activity.session_ended_at = None
    user.activity.save()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_rows_arrive_in_place_and_the_choice_stays(open_page: OpenPage) -> None:
    people = make_people()
    user = _user(people)
    page = open_page(people.bob, f"/apps/{people.app.public_id}/users/{user.uid}/")
    page.wait_for_load_state()
    page.evaluate("window.isSame = true")
    history, events = page.locator("#session-history tbody tr"), page.locator("#event-timeline")
    expect(page.locator("#online .chip")).to_have_count(0)
    _happens_now(user)
    pill = page.locator("[data-news]")
    expect(pill).to_have_text("2 new")
    expect(page.locator("[data-live]")).to_have_attribute("aria-live", "polite")
    expect(page.locator("#online .chip")).to_have_text("online")
    expect(history).to_have_count(12)
    assert_accessible(page)
    pill.click()
    expect(history).to_have_count(13)
    expect(events).to_contain_text("tap_0")
    expect(events).not_to_contain_text("came_just_now")
    expect(page.locator("#session-history tr[aria-current]")).to_have_count(1)
    expect(history.nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator("#timeline .uplot canvas")).to_have_count(1)
    expect(pill).to_have_count(0)
    assert page.evaluate("window.isSame") is True
    history.first.locator("a.row-link").click()
    expect(events).to_contain_text("came_just_now")
    user.activity.last_seen_at = LONG_AGO
    user.activity.save()
    expect(page.locator("#online .chip")).to_have_count(0)
    expect(pill).to_have_count(0)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_stream_takes_new_rows_in(open_page: OpenPage) -> None:
    people = make_people()
    user = _user(people)
    page = open_page(people.bob, f"/apps/{people.app.public_id}/users/{user.uid}/stream/?kind=events")
    page.wait_for_load_state()
    page.evaluate("window.isSame = true")
    rows = page.locator("table.stream tr.is-event")
    expect(rows).to_have_count(12)
    _happens_now(user)
    page.locator("[data-news]").click()
    expect(rows).to_have_count(13)
    expect(rows.first).to_contain_text("came_just_now")
    expect(page.locator("table.stream tr.is-day").first).to_contain_text(str(timezone.now().year))
    expect(page.locator("[data-news]")).to_have_count(0)
    assert page.evaluate("window.isSame") is True


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_without_scripts_a_link_looks_for_news(open_page: OpenPage) -> None:
    people = make_people()
    user = _user(people)
    page = open_page(people.bob, f"/apps/{people.app.public_id}/users/{user.uid}/stream/?kind=events", script=False)
    _happens_now(user)
    page.get_by_role("link", name="Look for news").click()
    expect(page.locator("table.stream tr.is-event").first).to_contain_text("came_just_now")
    assert page.url.endswith("?kind=events")


@pytest.mark.django_db
def test_profile_and_stream_keep_clock_and_list(client: Client) -> None:
    people = make_people()
    user = _user(people)
    user.timezone_offset_minutes = 330
    user.save()
    client.force_login(people.bob)
    profile = f"/apps/{people.app.public_id}/users/{user.uid}/"
    kept = "clock=user&from=tab%3Dall&at=3"
    shown = kept.replace("&", "&amp;")
    assert f'href="{profile}stream/?{shown}"' in client.get(f"{profile}?{kept}&unit=week").content.decode()
    html = client.get(f"{profile}stream/?{kept}&kind=sessions").content.decode()
    assert f'href="{profile}?{shown}"' in html
    assert f"&amp;{shown}" in html.split("Session started")[0]
    assert '<input type="hidden" name="from" value="tab=all">' in html
    assert f'href="{profile}?session=' in html
