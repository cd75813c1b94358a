from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from profiles.access.models import App, AppTotals
from profiles.engagement.models import Engagement
from profiles.tests.factories import People, make_day, make_people, make_user
from profiles.users.models import AppUser

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
HTMX = {"HX-Request": "true"}

# Session, person, app; the list: layout, views, totals, page, rows, days, role for its actions.
QUERIES_OF_FRAGMENT = 10
# And the frame: apps, crashes, totals, last seen of both halves, inbox.
QUERIES_OF_PAGE = QUERIES_OF_FRAGMENT + 6

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people() -> People:
    return make_people(timezone="Europe/Istanbul")


@pytest.fixture
def alice(people: People) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


def _url(app: App, query: str = "") -> str:
    return reverse("directory:users", args=[app.public_id]) + (f"?{query}" if query else "")


def _fill(app: App, number: int) -> list[AppUser]:
    users = []
    for n in range(number):
        user = make_user(
            app,
            f"device-{n:03}",
            seen_at=NOW - timedelta(hours=n + 1),
            is_identified=n % 2 == 0,
            name=f"Elif {n}" if n % 2 == 0 else None,
            device="Pixel 8",
            platform="Android",
            platform_version="15",
            activity={"sessions_count": n, "total_seconds": 200 * n},
        )
        make_day(user, NOW.date(), sessions=2)
        Engagement.objects.create(
            user=user, app=app, is_identified=user.is_identified, score=98, on=NOW.date(), computed_at=NOW
        )
        users.append(user)
    _count(app)
    return users


def _count(app: App) -> None:
    users = AppUser.objects.filter(app=app)
    AppTotals.objects.update_or_create(
        app=app,
        shard=0,
        defaults={"users": users.count(), "identified": users.filter(is_identified=True).count()},
    )


def test_it_works(alice: Client, people: People) -> None:
    _fill(people.app, 3)
    response = alice.get(_url(people.app))
    page = response.content.decode()
    assert response.status_code == 200
    for words in ("All", "Identified", "Anonymous", "Elif 0", "Pixel 8", "Android 15", "6 m 40 s", "1 h ago", "35%"):
        assert words in page
    assert "<caption>Users of Kahve</caption>" in page
    assert 'aria-sort="descending"' in page
    assert "23 Nov 2026, 20:30:00 (Europe/Istanbul)" in page
    assert "<b>1–3</b> of 3" in page


def test_a_viewer_may_read_and_a_stranger_learns_nothing(people: People) -> None:
    client = Client()
    assert client.get(_url(people.app)).status_code == 302
    for person, status in ((people.alice, 200), (people.bob, 200), (people.charlie, 404)):
        client.force_login(person)
        assert client.get(_url(people.app)).status_code == status
        assert client.get(_url(people.app), headers=HTMX).status_code == status


@pytest.mark.parametrize("number", [1, 50])
def test_its_queries_do_not_grow_with_its_rows(alice: Client, people: People, number: int) -> None:
    _fill(people.app, number)
    alice.get(_url(people.app))
    for headers, expected in (({}, QUERIES_OF_PAGE), (HTMX, QUERIES_OF_FRAGMENT)):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            alice.get(_url(people.app), headers=headers)
        assert len(queries) == expected, [query["sql"][:160] for query in queries]


def test_a_fragment_names_the_address_that_shows_the_same(alice: Client, people: People) -> None:
    _fill(people.app, 3)
    response = alice.get(_url(people.app, "tab=identified&q=&sort=-last_seen"), headers=HTMX)
    assert response["HX-Push-Url"] == _url(people.app, "tab=identified")
    assert "HX-Request" in response["Vary"]
    page = response.content.decode()
    assert "<html" not in page
    assert 'id="results"' in page
    assert 'id="tabs"' in page


def test_history_gets_the_whole_page(alice: Client, people: People) -> None:
    response = alice.get(_url(people.app), headers=HTMX | {"HX-History-Restore-Request": "true"})
    assert "<html" in response.content.decode()


def test_tabs_split_the_users(alice: Client, people: People) -> None:
    _fill(people.app, 5)
    shown = {
        tab: [row.user.uid for row in alice.get(_url(people.app, f"tab={tab}")).context["rows"]]
        for tab in ("all", "identified", "anonymous")
    }
    assert [len(shown[tab]) for tab in ("all", "identified", "anonymous")] == [5, 3, 2]
    assert set(shown["identified"]).isdisjoint(shown["anonymous"])


def test_pages_follow_their_links(alice: Client, people: People) -> None:
    _fill(people.app, 120)
    seen: list[str] = []
    url: str = _url(people.app)
    ranges = []
    while url:
        context = alice.get(url).context
        seen += [row.user.uid for row in context["rows"]]
        ranges.append(context["pager"].range)
        url = context["list_url"] + context["pager"].next if context["pager"].next else ""
    assert len(seen) == len(set(seen)) == 120
    assert ranges == ["1–50", "51–100", "101–120"]
    last = alice.get(_url(people.app, "before=end")).context
    assert last["pager"].range == "71–120"


def test_a_search_that_finds_very_many_says_so(alice: Client, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiles.directory.querysets.COUNTED", 2)
    _fill(people.app, 6)
    page = alice.get(_url(people.app, "q=elif")).content.decode()
    assert "of 2+" in page


def test_no_data_ever_shows_the_lines_to_paste(alice: Client, people: People) -> None:
    page = alice.get(_url(people.app)).content.decode()
    assert "No data yet" in page
    assert people.app.key in page
    assert "http://testserver" in page


def test_it_tells_the_waiting_page_when_the_first_user_is_there(alice: Client, people: People) -> None:
    assert alice.get(_url(people.app, "waiting"), headers=HTMX).status_code == 204
    _fill(people.app, 1)
    assert alice.get(_url(people.app, "waiting"), headers=HTMX)["HX-Refresh"] == "true"


def test_no_match_offers_to_clear_the_search(alice: Client, people: People) -> None:
    _fill(people.app, 1)
    page = alice.get(_url(people.app, "q=nobody")).content.decode()
    assert "Nobody matches “nobody”" in page
    assert "Clear search" in page


def test_scores_that_are_not_computed_yet_say_so(alice: Client, people: People) -> None:
    _fill(people.app, 2)
    Engagement.objects.all().delete()
    assert "Still computing" in alice.get(_url(people.app, "sort=-engagement")).content.decode()
    assert "Elif 0" in alice.get(_url(people.app)).content.decode()


def test_strangers_words_stay_words(alice: Client, people: People) -> None:
    make_user(
        people.app,
        "x",
        seen_at=NOW,
        is_identified=True,
        name="<script>alert(1)</script>",
        email='"><img src=x>',
        device="<b>",
        platform="<i>",
        picture="javascript:alert(1)",
    )
    _count(people.app)
    page = alice.get(_url(people.app, "q=%3Cscript%3E")).content.decode()
    for markup in ("<script>alert", "<img src=x", "<b><", "<i>", "javascript:"):
        assert markup not in page


def test_it_needs_no_inline_style_or_script(alice: Client, people: People) -> None:
    _fill(people.app, 2)
    page = alice.get(_url(people.app)).content.decode()
    assert " style=" not in page
    assert "<style" not in page
    assert "onclick" not in page
    assert page.count("<script") == page.count("<script src=")


@pytest.mark.parametrize(
    "query",
    [
        "sort=nonsense",
        "sort=-",
        "after=W10",
        "sort=sessions&after=WzEsIngiLCIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwNyJd",
        "tab=x&before=y",
    ],
)
def test_it_handles_addresses_that_somebody_made_up(alice: Client, people: People, query: str) -> None:
    _fill(people.app, 2)
    response = alice.get(_url(people.app, query))
    assert response.status_code == 200
    assert len(response.context["rows"]) == 2


def test_a_profile_knows_the_list_it_was_opened_from(alice: Client, people: People) -> None:
    users = _fill(people.app, 5)
    page = alice.get(_url(people.app, "tab=identified")).content.decode()
    assert f"{_url(people.app)}{users[2].uid}/?from=tab%3Didentified&amp;at=2" in page
    address = reverse("directory:neighbours", args=[people.app.public_id, users[2].uid])
    links = alice.get(f"{address}?from=tab%3Didentified&at=2").content.decode()
    assert "2 of 3" in links
    assert f'rel="prev" href="{_url(people.app)}{users[0].uid}/?from=tab%3Didentified&amp;at=1"' in links
    assert f'rel="next" href="{_url(people.app)}{users[4].uid}/?from=tab%3Didentified&amp;at=3"' in links


def test_one_can_step_without_scripts(alice: Client, people: People) -> None:
    users = _fill(people.app, 3)
    step = reverse("directory:step", args=[people.app.public_id, users[1].uid, "next"])
    there = urlsplit(alice.get(f"{step}?at=2")["Location"])
    assert there.path == f"{_url(people.app)}{users[2].uid}/"
    assert parse_qs(there.query)["at"] == ["3"]
    end = reverse("directory:step", args=[people.app.public_id, users[2].uid, "next"])
    assert urlsplit(alice.get(end)["Location"]).path == _url(people.app)


def test_neighbours_of_nobody_are_not_found(alice: Client, people: People) -> None:
    assert alice.get(reverse("directory:neighbours", args=[people.app.public_id, "zzz"])).status_code == 404


@pytest.mark.parametrize("sort", ["", "name", "device", "-sessions", "last_seen", "-engagement"])
def test_a_filter_narrows_every_order(alice: Client, people: People, sort: str) -> None:
    users = _fill(people.app, 7)
    text = "identified:yes,or(sessions:equals:2,sessions:equals:4)"
    response = alice.get(_url(people.app, f"filter={text}&sort={sort}"))
    assert {row.user.id for row in response.context["rows"]} == {users[2].id, users[4].id}
    page = response.content.decode()
    _, group = response.context["chips"]
    assert (group.is_any, [chip.words for chip in group.members]) == (True, ["Sessions = 2", "Sessions = 4"])
    assert "of 2" in page


def test_a_filter_that_finds_nobody_can_be_cleared(alice: Client, people: People) -> None:
    _fill(people.app, 2)
    page = alice.get(_url(people.app, "filter=platform:is:iOS&tab=identified")).content.decode()
    assert "Nobody matches this filter" in page
    assert f'href="{_url(people.app)}?tab=identified"' in page


def test_a_filter_that_cannot_be_read_says_so(alice: Client, people: People) -> None:
    _fill(people.app, 2)
    page = alice.get(_url(people.app, "filter=platform:larger:1")).content.decode()
    assert "is not applied: Platform: there is no question" in page
