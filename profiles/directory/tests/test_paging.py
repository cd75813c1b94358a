"""Every order, in both directions and both ways through the pages, against a sort in Python."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from profiles.access.models import App
from profiles.directory.audience import Audience
from profiles.directory.columns import find_sort
from profiles.directory.querysets import Matches, count_matches, read_neighbours, read_page
from profiles.directory.state import ListState, Tab
from profiles.engagement.models import Engagement
from profiles.tests.factories import make_app, make_user
from profiles.users.models import AppUser

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
USERS = 13
SIZE = 4

pytestmark = pytest.mark.django_db

VALUES: dict[str, Callable[[AppUser], Any]] = {
    "name": lambda user: (user.name or user.email or user.device_id).lower(),
    "device": lambda user: (user.device_name or user.device or "").lower() or None,
    "sessions": lambda user: user.activity.sessions_count,
    "last_seen": lambda user: user.activity.last_seen_at,
    "time_spent": lambda user: user.activity.total_seconds,
    "engagement": lambda user: user.engagement.score,
}


@pytest.fixture
def app() -> App:
    """An app of users with many ties and many unknown values; another app's user is never among them."""
    app = make_app()
    for number in range(USERS):
        user = make_user(
            app,
            f"device-{number}",
            seen_at=None if number % 4 == 3 else NOW - timedelta(hours=number % 3),
            is_identified=number % 3 == 0,
            name=f"{'EFG'[number % 3]}lif" if number % 3 == 0 else None,
            email="" if number % 2 else None,
            device=[None, "Pixel 8", "iPhone17,1"][number % 3],
            device_name="iPhone 16 Pro" if number == 5 else None,
            activity={"sessions_count": number % 4, "total_seconds": 60 * (number % 2)},
        )
        Engagement.objects.create(
            user=user, app=app, is_identified=user.is_identified, score=number % 5, on=NOW.date(), computed_at=NOW
        )
    make_user(make_app("Other"), "device-of-another-app", seen_at=NOW)
    return app


def _expected(app: App, state: ListState) -> list[UUID]:
    value = VALUES[state.sort_name]
    rows = AppUser.objects.filter(app=app, is_identified__in=state.tab.halves).select_related("activity", "engagement")
    users = [user for user in rows if state.search in (user.name or "").lower()]
    known = sorted((u for u in users if value(u) is not None), key=lambda u: (value(u), u.id))
    unknown = sorted((u for u in users if value(u) is None), key=lambda u: u.id)
    if state.is_descending:
        known.reverse()
        unknown.reverse()
    return [user.id for user in [*known, *unknown]]


def _walk(app: App, state: ListState) -> tuple[list[UUID], list[UUID]]:
    sort = find_sort(state.sort_name)
    assert sort is not None
    matches = count_matches(app, Audience.of(state)) if state.search else Matches(USERS, is_exact=True)
    forward: list[UUID] = []
    page = read_page(app, state, sort, matches, SIZE)
    assert page.previous is None
    while True:
        assert page.first_position == len(forward) + 1
        forward += [place.user_id for place in page.places]
        if page.next is None:
            break
        page = read_page(app, replace(state, after=page.next), sort, matches, SIZE)
    backward: list[UUID] = []
    page = read_page(app, replace(state, is_last_page=True), sort, matches, SIZE)
    assert page.next is None
    while True:
        backward = [*(place.user_id for place in page.places if place.user_id not in backward), *backward]
        if page.previous is None:
            break
        page = read_page(app, replace(state, before=page.previous), sort, matches, SIZE)
    return forward, backward


@pytest.mark.parametrize("tab", list(Tab))
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("name", VALUES)
def test_every_order_shows_each_user_once_in_both_directions(app: App, tab: Tab, sign: str, name: str) -> None:
    state = ListState(tab=tab, sort=f"{sign}{name}")
    expected = _expected(app, state)
    assert _walk(app, state) == (expected, expected)


@pytest.mark.parametrize("is_walked", [False, True])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("name", VALUES)
def test_a_search_keeps_the_order_however_it_is_run(
    app: App, sign: str, name: str, is_walked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_walked:
        monkeypatch.setattr("profiles.directory.querysets.COUNTED", 0)
    state = ListState(search="lif", sort=f"{sign}{name}")
    expected = _expected(app, state)
    assert len(expected) == 5
    assert _walk(app, state)[0] == expected


def test_the_way_back_ends_on_a_full_first_page(app: App) -> None:
    state = ListState()
    sort = find_sort("last_seen")
    assert sort is not None
    matches = Matches(USERS, is_exact=True)
    second = read_page(app, replace(state, after=read_page(app, state, sort, matches, 3).next), sort, matches, 4)
    assert second.previous is not None
    first = read_page(app, replace(state, before=second.previous), sort, matches, 4)
    assert len(first.places) == 4
    assert first.previous is None
    assert first.first_position == 1


def test_neighbours_are_those_of_the_list(app: App) -> None:
    for state in (ListState(), ListState(sort="device"), ListState(tab=Tab.ANONYMOUS, sort="-sessions")):
        sort = find_sort(state.sort_name)
        assert sort is not None
        users = {user.id: user for user in AppUser.objects.filter(app=app)}
        order = _expected(app, state)
        uids: list[str | None] = [None, *(users[key].uid for key in order), None]
        for position, key in enumerate(order, 1):
            assert read_neighbours(app, users[key], state, sort) == (uids[position - 1], uids[position + 1])
