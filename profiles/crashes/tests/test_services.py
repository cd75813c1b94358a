"""Batches of crashes: groups, totals, users, states and merges."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Count, Sum
from django.test.utils import CaptureQueriesContext

from profiles.access.models import App
from profiles.access.services import create_app
from profiles.crashes.handling import hide, reopen, resolve
from profiles.crashes.models import Crash, CrashDay, CrashGroup, CrashUser
from profiles.crashes.services import Occurrence, move, record
from profiles.crashes.tests.conftest import NOW, NPE, OTHER, Make
from profiles.users.keys import user_key

BOB = UUID(int=2)
CAROL = UUID(int=3)


def test_it_makes_a_group_with_its_totals(app: App, user: UUID, occurrence: Make) -> None:
    first = NOW - timedelta(days=2)
    batch = [occurrence(), occurrence(of=BOB, at=first, version="0.9"), occurrence(version="1.0.1"), occurrence(OTHER)]

    recorded = record(batch)

    group = CrashGroup.objects.get(culprit="CheckoutFragment.onPay")
    assert group.title == "NullPointerException: Attempt to read from field on a null object reference"
    assert (group.app, group.platform, group.is_fatal, group.state) == (app, "Android", True, "open")
    assert (group.occurrences_count, group.users_count) == (3, 2)
    assert (group.first_seen_at, group.last_seen_at) == (first, NOW)
    assert group.latest_version == "1.0.1"
    other = CrashGroup.objects.get(culprit="Cart.first")
    assert recorded.groups == {
        batch[0].id: group.public_id,
        batch[1].id: group.public_id,
        batch[2].id: group.public_id,
        batch[3].id: other.public_id,
    }
    assert set(recorded.new) == {group.pk, other.pk}


def test_it_keeps_each_occurrence_with_its_long_texts_apart(user: UUID, occurrence: Make) -> None:
    record([occurrence(logs="one\ttwo\nthree \\ four", custom={"screen": "«pay»"}, ram_total=7600)])

    crash = Crash.objects.get()
    assert (crash.user_id, crash.original_user_id, crash.occurred_at) == (user, user, NOW)
    assert crash.report["custom"] == {"screen": "«pay»"}
    assert "error" not in crash.report
    assert crash.texts == {"error": NPE, "logs": "one\ttwo\nthree \\ four"}


def test_it_adds_to_what_is_there(user: UUID, occurrence: Make) -> None:
    record([occurrence(), occurrence(of=BOB)])
    recorded = record(
        [
            occurrence(of=BOB, at=NOW - timedelta(days=9), version="0.1"),
            occurrence(of=CAROL, at=NOW + timedelta(hours=1), version="1.1"),
        ]
    )

    group = CrashGroup.objects.get()
    assert recorded.new == ()
    assert (group.occurrences_count, group.users_count) == (4, 3)
    assert (group.first_seen_at, group.last_seen_at) == (NOW - timedelta(days=9), NOW + timedelta(hours=1))
    bob = CrashUser.objects.get(user_id=BOB)
    assert (bob.count, bob.last_at, bob.last_app_version) == (2, NOW, "1.0")


def test_it_counts_a_user_once_whatever_device_sent_it(user: UUID, occurrence: Make) -> None:
    record([occurrence(), occurrence(sent_by=BOB)])
    record([occurrence(sent_by=CAROL)])

    assert CrashGroup.objects.get().users_count == 1
    assert CrashUser.objects.count() == 3


def test_it_counts_days_of_the_apps_time_zone(occurrence: Make) -> None:
    late_in_london = NOW.replace(hour=21, minute=30)  # half past midnight in Istanbul
    record([occurrence(at=late_in_london), occurrence(), occurrence()])
    record([occurrence(at=late_in_london)])

    days = dict(CrashDay.objects.values_list("on", "count"))
    assert days == {date(2026, 11, 20): 2, date(2026, 11, 21): 2}


def test_it_parts_fatal_and_handled_and_apps(app: App, occurrence: Make) -> None:
    other_app = create_app(name="Other", timezone="UTC")
    record(
        [occurrence(), occurrence(is_fatal=False), occurrence(in_app=other_app, of=user_key(other_app.public_id, "x"))]
    )

    assert CrashGroup.objects.count() == 3
    assert CrashGroup.objects.values("fingerprint").distinct().count() == 2


def test_a_resolved_group_comes_back_only_in_a_newer_version(occurrence: Make) -> None:
    record([occurrence(version="1.2")])
    group = CrashGroup.objects.get()
    resolve(group=group)
    assert (group.state, group.resolved_version) == ("resolved", "1.2")

    assert record([occurrence(version="1.2"), occurrence(version="1.1.9")]).reoccurred == ()
    group.refresh_from_db()
    assert group.state == CrashGroup.State.RESOLVED

    assert record([occurrence(version="1.1"), occurrence(version="1.10")]).reoccurred == (group.pk,)
    group.refresh_from_db()
    assert (group.state, group.latest_version) == (CrashGroup.State.REOCCURRED, "1.10")


def test_a_hidden_group_stays_hidden_and_counts_on(occurrence: Make) -> None:
    record([occurrence()])
    group = CrashGroup.objects.get()
    hide(group=group)
    record([occurrence(version="9")])
    group.refresh_from_db()
    assert (group.state, group.occurrences_count) == (CrashGroup.State.HIDDEN, 2)

    reopen(group=group)
    group.refresh_from_db()
    assert (group.state, group.resolved_version) == (CrashGroup.State.OPEN, "")


@pytest.mark.parametrize("crashes", [1, 50])
def test_a_batch_costs_the_same_at_any_size(occurrence: Make, crashes: int) -> None:
    batch = [occurrence(f"{OTHER}\n\tat com.shop.X.f{n % 5}(X.kt:1)", of=UUID(int=n)) for n in range(crashes)]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        record(batch)
    # keep merges, find, make, find again, time zones, COPY, known users, users, days, versions, crashed, lock, update,
    # and the alerts of what is new
    assert len(queries) == 14


def test_nothing_to_record_asks_nothing(db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert record([]).groups == {}
    assert len(queries) == 0


def test_a_merge_moves_everything_and_counts_the_user_once(user: UUID, occurrence: Make) -> None:
    record([occurrence(), occurrence(of=BOB), occurrence(OTHER, of=BOB, at=NOW + timedelta(hours=1))])

    record([], lost_users=move(BOB, user))

    assert set(Crash.objects.values_list("user_id", "original_user_id")) == {(user, user), (user, BOB)}
    assert Crash.objects.count() == 3
    assert set(CrashUser.objects.values_list("user_id", flat=True)) == {user}
    totals = dict(CrashGroup.objects.values_list("culprit", "users_count"))
    assert totals == {"CheckoutFragment.onPay": 1, "Cart.first": 1}


def test_a_merge_adds_to_rows_of_the_same_device(user: UUID, occurrence: Make) -> None:
    record([occurrence(sent_by=BOB, version="1.0"), occurrence(of=BOB, at=NOW + timedelta(hours=1), version="1.1")])

    record([occurrence(of=CAROL)], lost_users=move(BOB, user))

    row = CrashUser.objects.get(user_id=user)
    assert (row.count, row.last_at, row.last_app_version) == (2, NOW + timedelta(hours=1), "1.1")
    assert CrashGroup.objects.get().users_count == 2


def test_a_merge_without_crashes_changes_nothing(user: UUID, occurrence: Make) -> None:
    record([occurrence()])
    assert move(BOB, user) == []
    assert CrashGroup.objects.get().users_count == 1


@pytest.mark.django_db(transaction=True)
def test_workers_that_record_the_same_groups_at_once_lose_nothing(app: App, occurrence: Make) -> None:
    workers, batches, size, groups = 3, 4, 60, 12
    shares = [
        [
            [
                occurrence(
                    f"E: x\n\tat com.shop.A.f{(n * 7 + worker * 3) % groups}(A.kt:1)",
                    of=UUID(int=worker * 10_000 + batch * 100 + n),
                )
                for n in range(size)
            ]
            for batch in range(batches)
        ]
        for worker in range(workers)
    ]

    def work(share: list[list[Occurrence]]) -> None:
        try:
            for batch in share:
                record(batch)
        finally:
            connection.close()

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, shares))

    everything = workers * batches * size
    totals = CrashGroup.objects.aggregate(
        crashes=Sum("occurrences_count"), users=Sum("users_count"), groups=Count("pk")
    )
    assert totals == {"crashes": everything, "users": everything, "groups": groups}
    assert CrashDay.objects.aggregate(crashes=Sum("count")) == {"crashes": everything}
    assert Crash.objects.count() == everything
