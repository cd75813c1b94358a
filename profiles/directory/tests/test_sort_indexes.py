"""An order's own index: asked for, built beside the traffic, used, removed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from profiles.access.models import App, AppTotals, Membership
from profiles.directory.models import SortIndex
from profiles.directory.querysets import Matches, read_page
from profiles.directory.sort_indexes import MOST_INDEXES, ask_index, work_on_next
from profiles.directory.sorts import custom
from profiles.directory.state import ListState
from profiles.tests.factories import People, make_people, make_user

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
STATE = SortIndex.State


@pytest.fixture
def people() -> People:
    people = make_people()
    for number in range(30):
        make_user(people.app, f"device-{number}", seen_at=NOW, custom={"it's": number})
    AppTotals.objects.create(app=people.app, shard=0, users=30_000, identified=0)
    return people


@pytest.fixture
def bob(people: People) -> Client:
    Membership.objects.filter(user=people.bob).update(role=Membership.Role.ANALYST)
    client = Client()
    client.force_login(people.bob)
    return client


def _index_names() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'list_sort_%%'")
        return {name for (name,) in cursor.fetchall()}


def _plan(app: App) -> str:
    """Return what PostgreSQL would do for the query of a page, were a scan of the table out of the question."""
    plans: list[str] = []

    def explained(run: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "LIMIT" in sql:
            run(f"EXPLAIN {sql}", params, many, context)
            plans.extend(line for (line,) in context["cursor"].fetchall())
        return run(sql, params, many, context)

    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
    try:
        with connection.execute_wrapper(explained):
            page = read_page(app, ListState(sort="custom.it's"), custom("it's"), Matches(30, is_exact=True), 5)
        assert [place.value for place in page.places] == [0, 1, 2, 3, 4]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET ALL")
    return "\n".join(plans)


@pytest.mark.django_db(transaction=True)
def test_it_is_asked_for_built_used_and_removed(bob: Client, people: People) -> None:
    app = people.app
    list_url, url = (reverse(f"directory:{name}", args=[app.public_id]) for name in ("users", "indexes"))
    assert "Build an index" in bob.get(list_url, {"sort": "custom.it's"}).content.decode()
    assert "Build an index" not in bob.get(list_url).content.decode()
    bob.post(url, {"column": "custom.it's"})
    assert "is being built" in bob.get(list_url, {"sort": "custom.it's"}).content.decode()
    assert "Waiting" in bob.get(url).content.decode()
    assert work_on_next(NOW)
    index = SortIndex.objects.get()
    assert (index.state, index.ready_at) == (STATE.READY, NOW)
    assert _index_names() == {index.index_name}
    assert index.index_name in _plan(app)
    assert "An index" not in bob.get(list_url, {"sort": "custom.it's"}).content.decode()
    assert not work_on_next(NOW)
    SortIndex.objects.update(state=STATE.BUILDING)  # killed in the middle: begun anew
    assert work_on_next(NOW)
    bob.post(url, {"column": "custom.it's", "do": "remove"})
    assert work_on_next(NOW)
    assert not SortIndex.objects.exists()
    assert not _index_names()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("column", ["events", "first_seen", "country", "birth_year", "custom.plan"])
def test_every_order_without_one_can_have_one(people: People, column: str) -> None:
    ask_index(people.alice, people.app, column)
    assert work_on_next(NOW)
    assert SortIndex.objects.get().state == STATE.READY
    people.app.delete()
    work_on_next(NOW)
    assert not _index_names()  # none is left of an app that is no more


@pytest.mark.django_db
def test_what_needs_none_and_too_many_are_refused(bob: Client, people: People) -> None:
    url = reverse("directory:indexes", args=[people.app.public_id])
    assert "needs no index" in bob.post(url, {"column": "last_seen"}, follow=True).content.decode()
    for number in range(MOST_INDEXES + 1):
        page = bob.post(url, {"column": f"custom.{number}"}, follow=True).content.decode()
    assert f"at most {MOST_INDEXES} of them" in page
    assert SortIndex.objects.count() == MOST_INDEXES
