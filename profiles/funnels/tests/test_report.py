"""Reports: days, filters, trend; every number leads to its users; what takes long is counted in the background."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from profiles.access.models import App, AppTotals
from profiles.directory.filters import tree
from profiles.directory.filters.fields import checked, in_words
from profiles.funnels import counting, report, services, tasks
from profiles.funnels.charts import draw
from profiles.funnels.conditions import REACHED, condition
from profiles.funnels.models import Funnel, FunnelReport
from profiles.funnels.pages import ReportQuery
from profiles.funnels.report import EVERYTHING, Asked
from profiles.funnels.services import StepInput
from profiles.funnels.spans import ALWAYS, Span, Unit
from profiles.tests.factories import People, make_event, make_people, make_user
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 14, 10, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def app(people: People) -> App:
    return people.app


@pytest.fixture
def bob(people: People) -> Client:
    client = Client()
    client.force_login(people.bob)
    return client


def walk(app: App, device_id: str, *days: tuple[int, str], **fields: Any) -> AppUser:
    """Make a user who did these events, a letter each, so many days ago, a minute apart."""
    user = make_user(app, device_id, **fields)
    for days_ago, keys in days:
        for minute, key in enumerate(keys):
            make_event(user, key, NOW - days_ago * DAY + minute * MINUTE)
    return user


@pytest.fixture
def funnel(app: App) -> Funnel:
    """Make ten users who went different ways, and the funnel A, B, C with a window of an hour."""
    walk(app, "far", (0, "ABC"), platform="iOS")
    walk(app, "far long ago, near today", (40, "ABC"), (0, "A"), platform="iOS")
    walk(app, "twice", (3, "AB"), (1, "ABC"))
    walk(app, "half", (3, "AB"), platform="iOS")
    walk(app, "half long ago", (100, "AB"), (2, "A"))
    for n in range(3):
        walk(app, f"only entered {n}", (n, "AXB" if n == 2 else "A"), platform="iOS" if n else "Android")
    walk(app, "never entered", (0, "BC"))
    make_user(app, "did nothing")
    AppTotals.objects.update_or_create(app=app, shard=0, defaults={"users": 10})
    made = Funnel(app=app, name="Purchase", window_seconds=3600)
    services.create_funnel(made, [StepInput(key) for key in "ABC"])
    while services.compute_batch(made.pk, 1, NOW, 3):
        pass
    made.refresh_from_db()
    return made


def users_per_step(funnel: Funnel, asked: Asked = EVERYTHING) -> list[int]:
    return [step.users for step in report.count(funnel, asked, NOW).steps]


def test_a_user_counts_once_with_the_furthest_attempt_of_the_days(funnel: Funnel) -> None:
    assert users_per_step(funnel) == [8, 6, 3]
    assert users_per_step(funnel, Asked(Span(TODAY - 6 * DAY, None))) == [8, 4, 2]
    assert users_per_step(funnel, Asked(Span(TODAY - 3 * DAY, TODAY - 2 * DAY))) == [4, 3, 0]
    assert users_per_step(funnel, Asked(Span(None, TODAY - 30 * DAY))) == [2, 2, 1]
    assert users_per_step(funnel, Asked(Span(TODAY + DAY, None))) == [0, 0, 0]


def test_a_filter_of_the_list_narrows_it(funnel: Funnel) -> None:
    chosen = checked(tree.read("platform:is:iOS"))
    assert users_per_step(funnel, Asked(ALWAYS, chosen)) == [5, 4, 2]
    found = report.count(funnel, Asked(ALWAYS, chosen), NOW)
    assert (found.population, found.not_entered) == (5, 0)


def number_of_users(bob: Client, address: str) -> int:
    """Follow a link to the user list, and return how many it finds."""
    response = bob.get(address)
    assert response.status_code == 200
    assert not response.context["state"].filter_error
    assert response.context["state"].filter
    count: int = response.context["matches"].count
    assert count == len(response.context["rows"])
    return count


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?days=7",
        "?from=2026-11-11&until=2026-11-12",
        "?filter=platform:is:iOS",
        "?days=7&filter=platform:is_not:iOS",
    ],
)
def test_every_number_leads_to_as_many_users(funnel: Funnel, bob: Client, query: str) -> None:
    numbers = bob.get(funnel.get_absolute_url() + query).context["page"].numbers
    followed = [
        (numbers.entered_url, numbers.report.entered),
        (numbers.completed_url, numbers.report.completed),
        (numbers.not_completed_url, numbers.report.entered - numbers.report.completed),
        (numbers.not_entered_url, numbers.report.not_entered),
    ]
    for row in numbers.rows:
        followed.append((row.users_url, row.report.users))
        if row.dropped_url:
            followed.append((row.dropped_url, row.report.dropped))
    for bucket in numbers.trend:
        if bucket.entered:
            followed += [(bucket.entered_url, bucket.entered), (bucket.completed_url, bucket.completed)]
    assert sum(number for _, number in followed)
    for address, number in followed:
        assert number_of_users(bob, address) == number, address


def test_the_list_says_the_condition_in_words(funnel: Funnel, bob: Client) -> None:
    found = condition(REACHED, funnel, Span(date(2026, 11, 1), None), 2)
    text = "reached step 2 (B) of “Purchase”, begun since 2026-11-01"
    assert in_words(checked(tree.Group((found,))), funnel.app_id) == text
    address = f"/apps/{funnel.app.public_id}/users/?filter=funnel:reached:{funnel.public_id}:2:2026-11-01:"
    assert text in bob.get(address).content.decode()


def test_a_funnel_of_another_app_finds_nobody_and_is_not_named(funnel: Funnel, people: People) -> None:
    charlie = Client()
    charlie.force_login(people.charlie)
    theirs = App.objects.exclude(pk=funnel.app_id).get()
    walk(theirs, "device-1", (0, "A"))
    for operator in ("reached:{}:1", "dropped:{}:1", "completed:{}", "not_completed:{}", "not_entered:{}"):
        address = f"/apps/{theirs.public_id}/users/?filter=funnel:{operator.format(funnel.public_id)}"
        response = charlie.get(address)
        assert response.context["matches"].count == 0
        assert "Purchase" not in response.content.decode()
        assert "funnel that is no more" in response.content.decode()
    assert charlie.get(funnel.get_absolute_url()).status_code == 404


@pytest.mark.parametrize("wrong", ["reached:abc", "reached:abc:x", "completed:", "reached:abc:1:yesterday", "what:abc"])
def test_a_condition_that_is_none_is_refused(app: App, bob: Client, wrong: str) -> None:
    response = bob.get(f"/apps/{app.public_id}/users/?filter=funnel:{wrong}")
    assert "not applied" in response.content.decode()


def test_the_trend_is_by_the_day_on_which_attempts_began(funnel: Funnel) -> None:
    found = report.count(funnel, Asked(Span(TODAY - 3 * DAY, None)), NOW)
    assert found.unit is Unit.DAY
    assert [(column.span.first, column.entered, column.completed) for column in found.trend] == [
        (TODAY - 3 * DAY, 2, 0),
        (TODAY - 2 * DAY, 2, 0),
        (TODAY - 1 * DAY, 2, 1),
        (TODAY, 3, 1),
    ]
    everything = report.count(funnel, EVERYTHING, NOW)
    assert everything.unit is Unit.WEEK
    assert sum(column.completed for column in everything.trend) == 3
    assert report.count(funnel, Asked(Span(None, TODAY - 400 * DAY)), NOW).trend == ()


def test_units_cover_every_day_once() -> None:
    for unit, days in [(Unit.DAY, 62), (Unit.WEEK, 63), (Unit.MONTH, 421)]:
        assert Unit.fitting(days) is unit
        first, last = date(2025, 12, 17), date(2026, 3, 3)
        covered = [start + n * DAY for start, end in unit.buckets(first, last) for n in range((end - start).days + 1)]
        assert covered == [covered[0] + n * DAY for n in range(len(covered))]
        assert covered[0] <= first
        assert covered[-1] >= last


def test_an_address_says_what_is_asked() -> None:
    read = ReportQuery.read({"from": "2026-11-09", "until": "2026-11-02", "filter": "platform:is:iOS"}, TODAY)
    assert read.span == Span(date(2026, 11, 2), date(2026, 11, 9))
    assert read.query_string() == "from=2026-11-02&until=2026-11-09&filter=platform:is:iOS"
    assert read.query_string(days=7) == "days=7&filter=platform:is:iOS"
    assert ReportQuery.read(parse_single(read.query_string(days=7)), TODAY).span == Span(TODAY - 6 * DAY, None)
    wrong = ReportQuery.read({"days": "0", "from": "soon", "filter": "nothing"}, TODAY)
    assert (wrong.span, wrong.query_string()) == (ALWAYS, "")
    assert wrong.filter_error
    asked = Asked(read.span, read.chosen)
    assert Asked.read(str(asked)) == asked
    assert Asked.read(str(EVERYTHING)) == EVERYTHING


def parse_single(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(f"?{query}").query).items()}


def test_a_chart_of_nothing_is_none() -> None:
    assert draw([]) is None
    assert draw([(0, 0, "1 Nov", "")]) is None
    chart = draw([(4, 1, "1 Nov", "/a"), (0, 0, "2 Nov", "/b")])
    assert chart is not None
    assert chart.buckets[1].entered_bar is None
    assert [number for _, number in chart.lines] == [0, 2, 4]


# What takes long


def slow(monkeypatch: pytest.MonkeyPatch, *, seconds: float) -> None:
    """Let counting take so long in the database."""
    swift = report.count

    def wait_and_count(*args: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [seconds])
        return swift(*args)

    monkeypatch.setattr(counting, "count", wait_and_count)


def test_what_takes_too_long_for_a_page_is_counted_in_the_background(
    funnel: Funnel, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, seconds=0.2)
    monkeypatch.setattr(counting, "STATEMENT_SECONDS", 0.05)
    response = bob.get(funnel.get_absolute_url())
    assert response.context["page"].numbers is None
    assert "Being counted" in response.content.decode()
    assert "every 1500ms" in response.content.decode()
    bob.get(funnel.get_absolute_url())
    assert FunnelReport.objects.get().wanted_at == NOW
    tasks.count_wanted_reports()
    assert FunnelReport.objects.get().wanted_at is None
    numbers = bob.get(funnel.get_absolute_url()).context["page"].numbers
    assert [row.report.users for row in numbers.rows] == [8, 6, 3]
    assert numbers.rows[1].gap == "1 m 00 s"
    assert [bucket.entered for bucket in numbers.trend if bucket.entered] == [
        column.entered for column in report.count(funnel, EVERYTHING, NOW).trend if column.entered
    ]


def test_kept_numbers_are_shown_while_newer_ones_are_counted(
    funnel: Funnel, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow(monkeypatch, seconds=0.2)
    monkeypatch.setattr(counting, "KEPT_FROM_SECONDS", 0.1)
    assert not counting.counted(funnel, EVERYTHING, NOW).is_awaited
    walk(app, "new", (0, "A"))
    services.recompute_users(app, list(AppUser.objects.values_list("id", flat=True)))
    soon = counting.counted(funnel, EVERYTHING, NOW + timedelta(seconds=5))
    assert (soon.counted_at, soon.report and soon.report.entered) == (NOW, 8)
    monkeypatch.setattr(counting, "STATEMENT_SECONDS", 0.05)
    later = counting.counted(funnel, EVERYTHING, NOW + DAY)
    assert (later.is_awaited, later.counted_at, later.report and later.report.entered) == (True, NOW, 8)
    assert counting.count_wanted(NOW + DAY)
    assert not counting.count_wanted(NOW + DAY)
    newest = counting.counted(funnel, EVERYTHING, NOW + DAY)
    assert (newest.is_awaited, newest.report and newest.report.entered) == (False, 9)


def test_numbers_of_a_former_definition_are_not_shown(funnel: Funnel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "KEPT_FROM_SECONDS", 0.0)
    counting.counted(funnel, EVERYTHING, NOW)
    services.change_funnel(funnel, [StepInput("A"), StepInput("B")])
    slow(monkeypatch, seconds=0.2)
    monkeypatch.setattr(counting, "STATEMENT_SECONDS", 0.05)
    assert counting.counted(funnel, EVERYTHING, NOW).report is None
    services.change_funnel(funnel, [StepInput("A"), StepInput("C")])
    counting.forget_old(NOW)
    assert not FunnelReport.objects.exists()


def test_the_list_of_funnels_takes_what_is_kept(funnel: Funnel, bob: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"/apps/{funnel.app.public_id}/funnels/"
    [row] = bob.get(address).context["rows"]
    assert (row.entered, row.completed, row.conversion) == (8, 3, 3 / 8)

    def too_slow(*_args: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.2)")

    monkeypatch.setattr(counting, "count_ends", too_slow)
    monkeypatch.setattr(counting, "STATEMENT_SECONDS", 0.05)
    page = bob.get(address).content.decode()
    assert "being counted" in page
    assert "every 2s" in page
    tasks.count_wanted_reports()
    [row] = bob.get(address).context["rows"]
    assert (row.entered, row.completed) == (8, 3)


def test_queries_of_a_report(
    funnel: Funnel, app: App, bob: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    bob.get(funnel.get_absolute_url())
    for _ in range(2):
        with django_assert_num_queries(24):
            bob.get(funnel.get_absolute_url())
        for n in range(20):
            walk(app, f"more {n} {_}", (n, "ABC"))
        services.recompute_users(app, list(AppUser.objects.values_list("id", flat=True)))
