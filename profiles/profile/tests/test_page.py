"""The profile page: who may see it, what it says, how little it asks the database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from profiles.access.models import App
from profiles.activity.models import Event, Session
from profiles.identity.services import merge_by_hand
from profiles.profile.boxes import BOXES
from profiles.tests.factories import (
    People,
    make_crash,
    make_crash_group,
    make_day,
    make_event,
    make_funnel,
    make_people,
    make_property_change,
    make_session,
    make_user,
)
from profiles.users.models import AppUser, ConsentChange, DeviceToken, Merge

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

# A page of any size: session, person, app, user, the frame around the page, and the boxes; each box also costs three
# for its savepoint and its time limit.
PAGE_QUERIES = 80  # most of them savepoints and time limits: three a box
BOX_QUERIES_AT_MOST = 16


@pytest.fixture
def people() -> People:
    return make_people(timezone="Europe/Istanbul")


def _url(app: App, user: AppUser, rest: str = "") -> str:
    return f"/apps/{app.public_id}/users/{user.uid}/{rest}"


def _client(people: People, name: str = "bob") -> Client:
    client = Client()
    client.force_login(getattr(people, name))
    return client


def _get(people: People, user: AppUser, rest: str = "", **headers: str) -> str:
    response = _client(people).get(_url(people.app, user, rest), headers=headers)
    assert response.status_code == 200
    return response.content.decode()


def _rich_user(app: App, rows: int = 1) -> AppUser:
    """Make somebody with `rows` of everything that a box lists."""
    user = make_user(
        app,
        "rich-device",
        seen_at=NOON,
        is_identified=True,
        name="Elif Demirtaş",
        email="elif@kahve.test",
        country="TR",
        city="Izmir",
        device="iPhone 16 Pro",
        platform="iOS",
        platform_version="18.1",
        app_version="4.2.1",
        timezone_offset_minutes=60,
        custom={f"key{index:03d}": index for index in range(rows)} | {"fb_id": "1022"},
        consent={f"feature{index}": True for index in range(rows)},
        activity={"sessions_count": rows, "total_seconds": 90, "events_count": rows},
    )
    make_funnel(app, "First purchase", "tap", "purchase")
    group = make_crash_group(app, "NullPointerException", NOON)
    for index in range(rows):
        start = NOON - timedelta(hours=index)
        make_session(user, start, city="Izmir", country="TR", app_version="4.2.1")
        make_event(user, "tap", start + timedelta(seconds=42), {"sku": "A-118"})
        make_crash(user, group, start + timedelta(seconds=50))
        make_day(user, NOON.date() - timedelta(days=index), sessions=1, events=2)
        make_property_change(user, "custom.key000", index, start)
        make_property_change(user, "email", f"old{index}@kahve.test", start)
        ConsentChange.objects.create(
            user_id=user.id,
            changed_at=start,
            id=index,
            original_user_id=user.id,
            received_at=start,
            changes={f"feature{index}": True},
        )
        Merge.objects.create(
            user_id=user.id,
            id=index,
            app=app,
            absorbed_id=user.id,
            absorbed_device_id=f"old-device-{index}",
            merged_at=start,
            applied_at=start,
        )
        DeviceToken.objects.create(
            user_id=user.id,
            provider="fcm",
            token_key=f"{index:032x}",
            token="t" * 60,
            app=app,
            original_user_id=user.id,
            registered_at=start,
            last_registered_at=start,
        )
    return user


def test_alice_and_bob_see_the_page(people: People) -> None:
    user = _rich_user(people.app)
    for name in ("alice", "bob"):
        assert _client(people, name).get(_url(people.app, user)).status_code == 200


def test_charlie_does_not_learn_that_the_app_exists(people: People) -> None:
    user = _rich_user(people.app)
    client = _client(people, "charlie")
    for rest in ("", *(f"{box.name}/" for box in BOXES)):
        response = client.get(_url(people.app, user, rest), headers={"HX-Request": "true"})
        assert response.status_code == 404
        assert b"Elif" not in response.content


def test_somebody_who_is_not_signed_in_is_asked_to(people: People) -> None:
    user = _rich_user(people.app)
    response = Client().get(_url(people.app, user))
    assert response.status_code == 302
    assert "login" in response["Location"]


def test_an_unknown_uid_is_a_friendly_404(people: People) -> None:
    for uid in ("zzz", "0", "-", "x" * 300):
        response = _client(people).get(f"/apps/{people.app.public_id}/users/{uid}/")
        assert response.status_code == 404
        assert "No such user" in response.content.decode()


def test_a_user_of_another_app_is_not_found(people: People) -> None:
    _rich_user(people.app)
    other = App.objects.get(name="Charlie's")
    response = _client(people, "charlie").get(f"/apps/{other.public_id}/users/1/")
    assert response.status_code == 404


def test_the_page_names_the_person_and_every_box(people: People) -> None:
    page = _get(people, _rich_user(people.app))
    for words in ("Elif Demirtaş", "Identified", "Izmir, Türkiye", "iPhone 16 Pro, iOS 18.1", "elif@kahve.test"):
        assert words in page
    for heading in (
        "User details",
        "Engagement",
        "Custom properties",
        "Affected crashes",
        "Timeline",
        "Session history",
        "Event timeline",
        "Funnels",
    ):
        assert f">{heading}</h2>" in page
    assert "Not Completed" in page


def test_nothing_fails_in_a_rich_page(people: People) -> None:
    page = _get(people, _rich_user(people.app))
    assert page.count("data-box-error hidden") == len(BOXES)


def test_somebody_of_whom_nothing_is_known_has_a_whole_page(people: People) -> None:
    user = make_user(people.app, "bare-device")
    page = _get(people, user)
    assert page.count("data-box-error hidden") == len(BOXES)
    for words in ("Anonymous", "never seen", "No session yet", "No event yet", "No custom properties yet"):
        assert words in page


@pytest.mark.parametrize("rows", [1, 50])
def test_the_page_costs_the_same_for_one_row_and_for_fifty(people: People, rows: int) -> None:
    user = _rich_user(people.app, rows)
    client = _client(people)
    client.get(_url(people.app, user))  # remembers the app in the session
    with CaptureQueriesContext(connection) as queries:
        client.get(_url(people.app, user))
    assert len(queries) == PAGE_QUERIES, [query["sql"][:120] for query in queries]


@pytest.mark.parametrize("box", BOXES, ids=lambda box: box.name)
def test_each_box_stands_alone(people: People, box: object) -> None:
    name = box.name  # type: ignore[attr-defined]
    user = _rich_user(people.app, 3)
    client = _client(people)
    client.get(_url(people.app, user))
    with CaptureQueriesContext(connection) as queries:
        response = client.get(_url(people.app, user, f"{name}/"), headers={"HX-Request": "true"})
    html = response.content.decode()
    assert response.status_code == 200
    assert html.strip().startswith("<section") or f'id="{name}"' in html
    assert "<html" not in html
    assert "data-box-error hidden" in html
    assert len(queries) <= BOX_QUERIES_AT_MOST


def test_a_box_opened_by_itself_leads_to_the_page(people: People) -> None:
    user = _rich_user(people.app)
    response = _client(people).get(_url(people.app, user, "timeline/?unit=week"))
    assert response["Location"] == _url(people.app, user, "?unit=week#timeline")


def test_an_unknown_box_is_not_found(people: People) -> None:
    user = _rich_user(people.app)
    assert _client(people).get(_url(people.app, user, "nothing/")).status_code == 404


def test_strangers_text_is_never_markup(people: People) -> None:
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    user = make_user(
        people.app,
        bad,
        seen_at=NOON,
        name=bad,
        device=bad,
        city=bad,
        country=bad[:2],
        app_version=bad,
        custom={bad: bad, "list": [bad] * 20, "object": {bad: [bad]}, "long": bad * 50},
        consent={bad: True},
        campaign={bad: bad},
        picture="javascript:alert(1)",
    )
    session = make_session(user, NOON, city=bad, app_version=bad, device=bad, platform=bad)
    make_event(user, bad, NOON, {bad: bad, "o": {bad: bad}}, sum=1.5)
    make_event(user, "[CLY]_view", NOON, {"name": bad})
    make_crash(user, make_crash_group(people.app, bad, NOON, culprit=bad), NOON, app_version=bad)
    make_property_change(user, f"custom.{bad}", bad, NOON)
    for query in (f"?session={session.id}", f"?property={bad}", "?session=all"):
        page = _get(people, user, query)
        assert page.count("data-box-error hidden") == len(BOXES)
        for evil in ("<script>alert", "<img src=x", "</script><script>"):
            assert evil not in page


def test_no_inline_style_or_script_is_drawn(people: People) -> None:
    page = _get(people, _rich_user(people.app, 3))
    assert " style=" not in page
    assert "<style" not in page
    assert " onclick" not in page


def test_the_newest_session_is_chosen_at_first(people: People) -> None:
    user = _rich_user(people.app, 2)
    newest = Session.objects.filter(user_id=user.id).latest("started_at")
    page = _get(people, user)
    assert f'data-session="{newest.id}" aria-current="true">' in page
    assert page.count('aria-current="true">\n        <th scope="row"><a class="row-link"') == 1


def test_choosing_a_session_is_a_link_that_shows_its_events(people: People) -> None:
    user = make_user(people.app, "d", seen_at=NOON)
    first = make_session(user, NOON)
    make_event(user, "first_tap", NOON + timedelta(seconds=5), {"sku": "A-118"})
    make_session(user, NOON + timedelta(hours=1))
    make_event(user, "second_tap", NOON + timedelta(hours=1, seconds=5))
    page = _get(people, user)
    assert "second_tap" in page
    assert "first_tap" not in page
    assert f'href="{_url(people.app, user)}?session={first.id}#event-timeline"' in page
    chosen = _get(people, user, f"?session={first.id}")
    assert "first_tap" in chosen
    assert "second_tap" not in chosen
    assert "A-118" in chosen
    part = _get(people, user, f"event-timeline/?session={first.id}", **{"HX-Request": "true"})
    assert "first_tap" in part


def test_a_chosen_session_of_long_ago_brings_its_page_of_the_history(people: People) -> None:
    user = make_user(people.app, "d", seen_at=NOON)
    sessions = [make_session(user, NOON - timedelta(hours=index)) for index in range(40)]
    page = _get(people, user, f"?session={sessions[30].id}")
    assert f'data-session="{sessions[30].id}" aria-current="true">' in page
    assert f'data-session="{sessions[0].id}"' not in page


def test_a_session_of_somebody_else_says_so(people: People) -> None:
    user, other = make_user(people.app, "one", seen_at=NOON), make_user(people.app, "other", seen_at=NOON)
    session = make_session(other, NOON)
    make_event(other, "secret_event", NOON)
    page = _get(people, user, f"?session={session.id}")
    assert "does not belong to this user" in page
    assert "secret_event" not in page


def test_a_crash_stands_where_it_happened_with_its_word_and_link(people: People) -> None:
    user = make_user(people.app, "d", seen_at=NOON)
    make_session(user, NOON, seconds=100)
    group = make_crash_group(people.app, "NullPointerException", NOON)
    make_event(user, "before_it", NOON + timedelta(seconds=10))
    make_crash(user, group, NOON + timedelta(seconds=20))
    make_event(user, "after_it", NOON + timedelta(seconds=30))
    box = _get(people, user, "event-timeline/", **{"HX-Request": "true"})
    assert box.index("before_it") < box.index("NullPointerException") < box.index("after_it")
    assert "Crash</span>" in box
    assert f"/crashes/{group.public_id}/" in box
    history = _get(people, user, "session-history/", **{"HX-Request": "true"})
    assert "1 crash" in history.replace('<span class="crash-word">', "")


def test_events_outside_of_sessions_are_reachable(people: People) -> None:
    user = make_user(people.app, "d", seen_at=NOON)
    make_session(user, NOON)
    make_event(user, "inside_tap", NOON)
    make_event(user, "background_sync", NOON + timedelta(hours=5))
    page = _get(people, user)
    assert "Outside sessions" in page
    assert "background_sync" not in page
    outside = _get(people, user, "?session=outside")
    assert "background_sync" in outside
    assert "inside_tap" not in outside
    everything = _get(people, user, "?session=all")
    assert everything.index("background_sync") < everything.index("inside_tap")


def test_without_any_session_all_events_are_shown(people: People) -> None:
    user = make_user(people.app, "d", seen_at=NOON, activity={"events_count": 1})
    make_event(user, "lonely_tap", NOON)
    assert "lonely_tap" in _get(people, user)


def test_a_long_session_is_paged_without_gap_or_repeat(people: People) -> None:
    user = make_user(people.app, "d", seen_at=NOON)
    session = make_session(user, NOON, seconds=1000)
    group = make_crash_group(people.app, "Boom", NOON)
    for index in range(230):
        make_event(user, f"event_{index:03d}", NOON + timedelta(seconds=index // 3))
    make_crash(user, group, NOON + timedelta(seconds=66))
    first = _get(people, user, f"event-timeline/?session={session.id}", **{"HX-Request": "true"})
    cursor = first.split("events=")[1].split('"')[0].split("#")[0].split("&")[0]
    second = _get(people, user, f"event-timeline/?session={session.id}&events={cursor}", **{"HX-Request": "true"})
    for index in range(230):
        assert (f"event_{index:03d}<" in first) + (f"event_{index:03d}<" in second) == 1
    assert (first + second).count("Boom") == 1
    assert "Session started" in first
    assert "Session started" not in second
    assert "Session ended" in second
    assert "Session ended" not in first


def test_each_time_can_be_read_by_the_apps_clock_or_the_users(people: People) -> None:
    user = _rich_user(people.app)
    assert "Europe/Istanbul" in _get(people, user)
    assert '<time datetime="2026-11-20T12:00:00+00:00">15:00</time>' in _get(people, user)
    by_user = _get(people, user, "?clock=user")
    assert "times in UTC+1" in by_user
    assert ">13:00</time>" in by_user


def test_the_timeline_counts_in_days_of_the_apps_zone(people: People) -> None:
    now = timezone.now()
    user = make_user(people.app, "d", seen_at=now)
    make_day(user, date(2026, 1, 5), sessions=3, events=7)
    box = _get(people, user, "timeline/?unit=month", **{"HX-Request": "true"})
    assert "January 2026" in box
    assert "7 events" in box
    assert "time zone Europe/Istanbul" in box


@pytest.mark.parametrize("unit", ["hour", "day", "week", "month", "nonsense"])
def test_the_timeline_has_every_unit(people: People, unit: str) -> None:
    user = _rich_user(people.app, 3)
    box = _get(people, user, f"timeline/?unit={unit}", **{"HX-Request": "true"})
    assert "data-box-error hidden" in box
    assert "As a table" in box


@pytest.mark.parametrize(
    "query",
    [
        "session=99999999999999999999999",
        "session=-1",
        "older=1.2",
        "older=9999999999999999999.1.0",
        "older=1.99999999999999999999.0",
        "newer=a.b.c",
        "events=..",
        "events=-99999999999999999.1.0",
        "unit=&clock=",
        "property=%27",
        "from=" + "x" * 5000,
        "at=٣",
    ],
)
def test_a_broken_address_shows_the_page_all_the_same(people: People, query: str) -> None:
    user = _rich_user(people.app, 2)
    assert _get(people, user, f"?{query}").count("data-box-error hidden") == len(BOXES)


def test_properties_are_searched_on_the_server_too(people: People) -> None:
    user = make_user(people.app, "d", custom={f"name{index}": index for index in range(20)} | {"Plan": "PRO"})
    box = _get(people, user, "custom-properties/?property=pro", **{"HX-Request": "true"})
    assert ">Plan<" in box
    assert ">name3<" not in box
    nothing = _get(people, user, "custom-properties/?property=zzz", **{"HX-Request": "true"})
    assert "No property matches" in nothing


def test_two_thousand_properties_are_shown_a_hundred_at_a_time(people: People) -> None:
    user = make_user(people.app, "d", custom={f"name{index:04d}": index for index in range(2000)})
    box = _get(people, user, "custom-properties/", **{"HX-Request": "true"})
    assert box.count("<li data-property") == 100
    assert "Show 1,900 more" in box
    everything = _get(people, user, "custom-properties/?properties=all", **{"HX-Request": "true"})
    assert everything.count("<li data-property") == 2000


def test_links_keep_the_list_that_one_came_from(people: People) -> None:
    user = _rich_user(people.app, 2)
    page = _get(people, user, "?from=tab%3Didentified%26q%3Delif&at=3")
    assert f'href="/apps/{people.app.public_id}/users/?tab=identified&amp;q=elif"' in page
    assert page.count("from=tab%3Didentified%26q%3Delif") > 5


def test_an_admin_undoes_a_merge_and_the_old_address_leads_to_the_survivor_meanwhile(people: People) -> None:
    survivor, absorbed = make_user(people.app, "phone", seen_at=NOON), make_user(people.app, "tablet", seen_at=NOON)
    make_event(absorbed, "tap", NOON)
    merge = merge_by_hand(survivor=survivor, absorbed=absorbed, merged_by=people.alice, now=NOON)
    assert _client(people).get(_url(people.app, absorbed))["Location"] == _url(people.app, survivor)
    assert f"merges/{merge.id}/undo/" in _get(people, survivor)
    address = _url(people.app, survivor, f"merges/{merge.id}/undo/")
    assert _client(people, "bob").post(address).status_code == 403
    assert _client(people, "charlie").post(address).status_code == 404
    assert "Undo this merge?" in _client(people, "alice").get(address).content.decode()
    assert _client(people, "alice").post(address).status_code == 302
    assert _get(people, absorbed)
    assert Event.objects.filter(user_id=absorbed.id).count() == 1
