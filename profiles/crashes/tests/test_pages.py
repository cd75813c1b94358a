"""The crash list, the page of a group, and who may see and change what."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from profiles.access.models import App, Membership
from profiles.activity.models import AppDay
from profiles.crashes.handling import hide, resolve
from profiles.crashes.models import CrashGroup
from profiles.crashes.occurrences import OCCURRENCES_PAGE, USERS_PAGE
from profiles.crashes.querysets import PAGE_SIZE
from profiles.crashes.services import record
from profiles.crashes.tests.conftest import NOW, OTHER, Make
from profiles.tests.factories import People, make_people, make_user
from profiles.users.models import AppUser

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        yield


@pytest.fixture
def people(db: None) -> People:
    return make_people(timezone="Europe/Istanbul")


@pytest.fixture
def app(people: People) -> App:
    return people.app


@pytest.fixture
def someone(app: App) -> AppUser:
    return make_user(app, "alices-phone", seen_at=NOW, name="Ayşe Yılmaz", is_identified=True)


@pytest.fixture
def user(someone: AppUser) -> UUID:
    return someone.id


@pytest.fixture
def alice(client: Client, people: People) -> Client:
    client.force_login(people.alice)
    return client


@pytest.fixture
def bob(people: People) -> Client:
    client = Client()
    client.force_login(people.bob)
    return client


@pytest.fixture
def charlie(people: People) -> Client:
    client = Client()
    client.force_login(people.charlie)
    return client


def list_url(app: App, query: str = "") -> str:
    return f"/apps/{app.public_id}/crashes/{query}"


def page_of(client: Client, url: str, **headers: Any) -> str:
    response = client.get(url, headers=headers or None)
    assert response.status_code == 200
    return response.content.decode()


def titles(html: str) -> list[str]:
    return [
        part.split('"', 1)[0].partition(":")[0]
        for part in html.split('class="row-link crash-title"')[1:]
        for part in [part.split('title="')[1]]
    ]


# --- The list -----------------------------------------------------------------------------------


def test_the_list_works(alice: Client, app: App, occurrence: Make) -> None:
    record([occurrence(version="4.2.1"), occurrence(of=UUID(int=7)), occurrence(OTHER, is_fatal=False)])
    html = page_of(alice, list_url(app))
    assert "NullPointerException: Attempt to read from field" in html
    assert "CheckoutFragment.onPay" in html
    assert "4.2.1" in html
    assert ">fatal</span>" in html
    assert ">handled</span>" in html
    assert "2 in the last 14 days" in html
    assert "<caption>Crash groups of Kahve: open</caption>" in html


def test_the_list_of_an_app_without_crashes(alice: Client, app: App) -> None:
    assert "No crash yet" in page_of(alice, list_url(app))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["NullPointerException", "IllegalStateException"]),
        ("?kind=handled", ["IllegalStateException"]),
        ("?kind=fatal", ["NullPointerException"]),
        ("?platform=Android", ["NullPointerException", "IllegalStateException"]),
        ("?platform=iOS", []),
        ("?q=onpay", ["NullPointerException"]),
        ("?q=cart+empty", ["IllegalStateException"]),
        ("?q=100%25", []),
        ("?sort=last_seen", ["IllegalStateException", "NullPointerException"]),
        ("?sort=-occurrences", ["IllegalStateException", "NullPointerException"]),
        ("?sort=users", ["NullPointerException", "IllegalStateException"]),
        ("?sort=nonsense&after=x&before=%0A&state=what&kind=q", ["NullPointerException", "IllegalStateException"]),
        ("?state=resolved", []),
        ("?state=all", ["NullPointerException", "IllegalStateException"]),
    ],
)
def test_the_list_filters_and_sorts(alice: Client, app: App, occurrence: Make, query: str, expected: list[str]) -> None:
    earlier = NOW - timedelta(days=1)
    handled = [occurrence(OTHER, is_fatal=False, at=earlier, of=UUID(int=n)) for n in range(3)]
    record([occurrence(), *handled])
    assert titles(page_of(alice, list_url(app, query))) == expected


def test_the_list_has_a_tab_for_each_state(alice: Client, app: App, occurrence: Make) -> None:
    record([occurrence(), occurrence(OTHER)])
    resolve(group=CrashGroup.objects.get(culprit="CheckoutFragment.onPay"))
    assert titles(page_of(alice, list_url(app))) == ["IllegalStateException"]
    assert titles(page_of(alice, list_url(app, "?state=resolved"))) == ["NullPointerException"]
    hide(group=CrashGroup.objects.get(culprit="Cart.first"))
    assert "Nothing is open" in page_of(alice, list_url(app))
    assert titles(page_of(alice, list_url(app, "?state=hidden"))) == ["IllegalStateException"]
    assert titles(page_of(alice, list_url(app, "?state=all"))) == ["NullPointerException"]


@pytest.mark.parametrize("sort", ["-last_seen", "last_seen", "-occurrences", "users"])
def test_the_list_pages_by_key_there_and_back(alice: Client, app: App, occurrence: Make, sort: str) -> None:
    number = 2 * PAGE_SIZE + 7
    record(
        [
            occurrence(f"java.lang.E{n:03}: x\n\tat com.shop.A.f{n}(A.kt:1)", at=NOW - timedelta(minutes=n % 9))
            for n in range(number)
        ]
    )
    seen: list[list[str]] = []
    url: str | None = list_url(app, f"?sort={sort}")
    while url:
        html = page_of(alice, url)
        seen.append(titles(html))
        url = _link(html, "page-next")
        last = html
    assert sorted(title for page in seen for title in page) == [f"E{n:03}" for n in range(number)]
    back = page_of(alice, _link(last, "page-previous") or "")
    assert titles(back) == seen[-2]
    assert titles(page_of(alice, _link(back, "page-previous") or "")) == seen[0]


def _link(html: str, id_: str) -> str | None:
    if f'<a class="button" id="{id_}"' not in html:
        return None
    return html.split(f'id="{id_}" href="')[1].split('"')[0].replace("&amp;", "&")


def test_htmx_gets_the_results_alone(alice: Client, app: App, occurrence: Make) -> None:
    record([occurrence()])
    response = alice.get(list_url(app, "?q=onpay"), headers={"HX-Request": "true"})
    html = response.content.decode()
    assert "<html" not in html
    assert response["HX-Push-Url"] == list_url(app, "?q=onpay")
    assert 'id="results"' in html


@pytest.mark.parametrize("number", [1, 50])
def test_the_list_costs_the_same_at_any_length(alice: Client, app: App, occurrence: Make, number: int) -> None:
    record([occurrence(f"E: x\n\tat com.shop.A.f{n}(A.kt:1)", of=UUID(int=n)) for n in range(number)])
    with CaptureQueriesContext(connection) as queries:
        page_of(alice, list_url(app), **{"HX-Request": "true"})
    # session, person, app, remembering the app (with a savepoint); overview, groups, days
    assert len([query for query in queries if "profiles_crash" in query["sql"]]) == 5


# --- One group ----------------------------------------------------------------------------------


def test_the_page_of_a_group_works(alice: Client, app: App, someone: AppUser, occurrence: Make) -> None:
    record(
        [
            occurrence(version="1.0", at=NOW - timedelta(hours=3), os_version="13", battery="80"),
            occurrence(
                version="1.1",
                os_version="14",
                device="Pixel 8",
                manufacturer="Google",
                ram_current="1900",
                ram_total="7600",
                battery=17,
                is_online=True,
                orientation="portrait",
                running_seconds=75,
                logs="opened cart\ntapped pay",
                custom={"screen": "checkout"},
            ),
        ]
    )
    group = CrashGroup.objects.get()
    html = page_of(alice, group.get_absolute_url())
    for expected in (
        "CheckoutFragment.onPay",
        "CheckoutFragment.kt:42",
        "1 frame of the system and libraries · Activity.performResume",
        "Google Pixel 8",
        "1.9 GB of 7.4 GB (25%)",
        "tapped pay",
        "checkout",
        "1 m 15 s",
        "Ayşe Yılmaz",
        f"/apps/{app.public_id}/users/{someone.uid}/",
        "2 in the last 42 days",
        "<caption>Users whom this crash hit, the last one first</caption>",
    ):
        assert expected in html, expected


def test_an_earlier_occurrence_can_be_chosen(alice: Client, occurrence: Make) -> None:
    record([occurrence(logs="the new one"), occurrence(at=NOW - timedelta(hours=3), logs="the old one")])
    url = CrashGroup.objects.get().get_absolute_url()
    html = page_of(alice, url)
    assert "the new one" in html
    assert "the old one" not in html
    older = html.split('class="row-link" href="')[2].split('"')[0]
    assert "the old one" in page_of(alice, url + older)
    assert "the new one" in page_of(alice, url + "?occurrence=99999999999999999999.7")


def test_strangers_texts_stay_texts(alice: Client, app: App, occurrence: Make) -> None:
    trace = f"{HOSTILE}: {HOSTILE}\n\tat com.shop.A.f(A.kt:1)"
    record(
        [
            occurrence(
                trace,
                version=HOSTILE,
                logs=HOSTILE,
                device=HOSTILE,
                os_version=HOSTILE,
                orientation=HOSTILE,
                custom={HOSTILE: HOSTILE, "list": [HOSTILE], "object": {"a": None}},
            )
        ]
    )
    for url in (list_url(app), CrashGroup.objects.get().get_absolute_url()):
        html = page_of(alice, url)
        assert HOSTILE not in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    "report",
    [
        {"custom": ["not", "an", "object"]},
        {"custom": "text", "battery": "much", "ram_total": 0, "ram_current": 5},
        {"battery": 1e300, "disk_total": "1e400", "running_seconds": -5, "is_online": "maybe"},
        {"battery_current": 50, "battery_total": 0, "orientation": None},
    ],
)
def test_odd_reports_do_not_break_the_page(alice: Client, occurrence: Make, report: dict[str, Any]) -> None:
    record([occurrence(**report)])
    page_of(alice, CrashGroup.objects.get().get_absolute_url())


def test_occurrences_page_by_key_there_and_back(alice: Client, occurrence: Make) -> None:
    number = 2 * OCCURRENCES_PAGE + 3
    record([occurrence(at=NOW - timedelta(minutes=n // 4)) for n in range(number)])
    url = CrashGroup.objects.get().get_absolute_url()
    seen: list[list[str]] = []
    query: str | None = ""
    while query is not None:
        html = page_of(alice, url + query)
        seen.append(_chosen(html))
        query = _foot_link(html, "older")
    assert len({position for page in seen for position in page}) == number
    assert sum(map(len, seen)) == number
    back = page_of(alice, url + (_foot_link(html, "newer") or ""))
    assert _chosen(back) == seen[-2]


def _chosen(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('class="row-link" href="?occurrence=')[1:]]


def _foot_link(html: str, name: str) -> str | None:
    parts = html.split(f'href="?{name}=')
    return f"?{name}={parts[1].split('#')[0]}" if len(parts) > 1 else None


def test_affected_users_page_by_key(alice: Client, app: App, occurrence: Make) -> None:
    people = [make_user(app, f"device-{n}", name=f"Person {n:02}") for n in range(USERS_PAGE + 5)]
    record([occurrence(of=person.id, at=NOW - timedelta(minutes=n // 3)) for n, person in enumerate(people)])
    url = CrashGroup.objects.get().get_absolute_url()
    first = page_of(alice, url)
    table = first.split('id="users"')[1]
    assert "Person 00" in table
    second = page_of(alice, url + "?users=" + table.split('href="?users=')[1].split("#")[0]).split('id="users"')[1]
    for person in people:
        assert (str(person.name) in table) is not (str(person.name) in second.split("</tbody>")[0])


@pytest.mark.parametrize("number", [1, 50])
def test_the_page_costs_the_same_at_any_size(alice: Client, app: App, occurrence: Make, number: int) -> None:
    people = [make_user(app, f"device-{n}") for n in range(number)]
    record([occurrence(of=person.id, custom={"k": n}) for n, person in enumerate(people)])
    url = CrashGroup.objects.get().get_absolute_url()
    page_of(alice, url)
    with CaptureQueriesContext(connection) as queries:
        page_of(alice, url)
    # session, person, app; group, occurrence, occurrences, hit users, their names, facts, days, names; the frame's own
    subject = [q["sql"] for q in queries if "profiles_crash" in q["sql"] or '"profiles_appuser"' in q["sql"]]
    assert len(subject) == 14  # the frame counts open groups, too


# --- Who may --------------------------------------------------------------------------------------


def test_charlie_sees_nothing(charlie: Client, app: App, occurrence: Make) -> None:
    record([occurrence()])
    group = CrashGroup.objects.get()
    assert charlie.get(list_url(app)).status_code == 404
    assert charlie.get(group.get_absolute_url()).status_code == 404
    assert charlie.post(f"{group.get_absolute_url()}state/", {"action": "hide"}).status_code == 404


def test_a_stranger_is_asked_to_sign_in(app: App, occurrence: Make) -> None:
    assert Client().get(list_url(app)).status_code == 302


def test_a_group_is_not_found_below_another_app(charlie: Client, occurrence: Make) -> None:
    record([occurrence()])
    own = App.objects.get(name="Charlie's")
    assert charlie.get(list_url(own, f"{CrashGroup.objects.get().public_id}/")).status_code == 404


def test_bob_reads_but_changes_nothing(bob: Client, app: App, occurrence: Make) -> None:
    record([occurrence()])
    group = CrashGroup.objects.get()
    assert "Resolve" not in page_of(bob, group.get_absolute_url())
    assert bob.post(f"{group.get_absolute_url()}state/", {"action": "hide"}).status_code == 403
    group.refresh_from_db()
    assert group.state == CrashGroup.State.OPEN


def test_an_analyst_resolves_hides_and_reopens(bob: Client, people: People, occurrence: Make) -> None:
    Membership.objects.filter(user=people.bob).update(role=Membership.Role.ANALYST)
    record([occurrence(version="1.4")])
    group = CrashGroup.objects.get()
    url = f"{group.get_absolute_url()}state/"

    assert "Resolved. A crash in a version newer than 1.5" in _change(bob, url, "resolve", " 1.5 ")
    assert _state(group) == ("resolved", "1.5")
    assert "Open again" in _change(bob, url, "reopen")
    assert _state(group) == ("open", "")
    assert "newer than 1.4" in _change(bob, url, "resolve")
    assert "Hidden from the list" in _change(bob, url, "hide")
    assert _state(group)[0] == "hidden"
    assert "Nothing was changed" in _change(bob, url, "explode")
    assert bob.get(url).status_code == 405


def _change(client: Client, url: str, action: str, version: str = "") -> str:
    response = client.post(url, {"action": action, "version": version}, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def _state(group: CrashGroup) -> tuple[str, str]:
    group.refresh_from_db()
    return group.state, group.resolved_version


def test_the_list_says_how_many_were_spared(alice: Client, app: App, occurrence: Make) -> None:
    AppDay.objects.create(app=app, on=NOW.date(), shard=3, users=3, sessions=10)
    AppDay.objects.create(app=app, on=NOW.date(), shard=4, users=1, sessions=0)
    record([occurrence()])
    page = page_of(alice, list_url(app))
    assert "<dt>Crash-free users</dt><dd>75.00%</dd>" in page
    assert "<dt>Crash-free sessions</dt><dd>100.00%</dd>" in page
