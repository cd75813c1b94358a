"""Scores computed in the database: those of the pure rule, at every edge of a day, and right on every later day."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies as st
from pytest_django import DjangoAssertNumQueries

from profiles.access.models import App, AppTotals
from profiles.activity.models import DailyActivity, Stale
from profiles.activity.services import mark_stale
from profiles.activity.sessions import day_of
from profiles.engagement import score, services, tasks
from profiles.engagement.models import Engagement, EngagementDistribution
from profiles.engagement.querysets import apps_of_old_distribution, apps_to_roll_over, rank_of, shares_of_bands
from profiles.tests.factories import make_app, make_day, make_user
from profiles.users.models import AppUser, UserActivity

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 14, 10, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
RANDOM = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Kiritimati is at +14, Pago Pago at -11, Kathmandu at +5:45; New York leaves daylight saving time on 1 November 2026,
# Santiago entered it on 6 September at midnight, so that that day began at one o'clock.
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "America/New_York", "America/Santiago"]
MOMENTS = [
    NOW,
    *(
        datetime(year, month, day, hour, minute, tzinfo=UTC)
        for year, month, day in [(2026, 3, 8), (2026, 9, 6), (2026, 11, 1), (2026, 12, 31)]
        for hour, minute in [(0, 0), (3, 59), (4, 0), (5, 0), (9, 59), (10, 59), (11, 0), (18, 14), (18, 15), (23, 59)]
    ),
]

# How many days ago, sessions, events, and whether a merge brought the row.
ROWS = st.lists(
    st.tuples(st.integers(-1, 9), st.integers(0, 12), st.integers(0, 3), st.booleans()),
    max_size=12,
    unique_by=lambda row: (row[0], row[3]),
)
TOTALS = st.tuples(st.sampled_from([0, 1, 59, 90, 120, 333, 4000, 10**7]), st.sampled_from([0, 1, 2, 3, 7, 400]))


@contextmanager
def nothing_stays() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def make_totals(app: App, device_id: str, seconds: int, sessions: int) -> AppUser:
    return make_user(app, device_id, activity={"total_seconds": seconds, "sessions_count": sessions})


def stored(user: AppUser) -> Engagement:
    return Engagement.objects.get(user=user)


@RANDOM
@given(
    people=st.lists(st.tuples(TOTALS, ROWS, st.sampled_from(ZONES)), min_size=1, max_size=4),
    now=st.sampled_from(MOMENTS),
)
def test_the_database_scores_as_the_rule_does(
    people: list[tuple[tuple[int, int], list[tuple[int, int, int, bool]], str]], now: datetime
) -> None:
    with nothing_stays():
        expected = {}
        for number, ((seconds, sessions), rows, zone) in enumerate(people):
            app = make_app(timezone=zone)
            today = day_of(now, ZoneInfo(zone))
            user = make_totals(app, f"device-{number}", seconds, sessions)
            by_day: dict[date, int] = defaultdict(int)
            for days_ago, began, events, is_merged in sorted(rows, key=lambda row: not row[3]):
                day = make_day(user, today - days_ago * DAY, sessions=began, events=events)
                if is_merged:
                    DailyActivity.objects.filter(on=day.on, user_id=user.id, original_user_id=user.id).update(
                        original_user_id=uuid4()
                    )
                if began or events:
                    by_day[day.on] += began
            parts = score.engagement(seconds, sessions, by_day, today)
            expected[user.id] = (
                parts.score,
                *(factor.value for factor in parts.factors),
                today,
                score.changes_on(seconds, sessions, by_day, today),
            )
        services.refresh(list(expected), now)
        columns = ["score", "average_minutes", "sessions_7_days", "days_7_days", "on", "changes_on"]
        assert {row[0]: row[1:] for row in Engagement.objects.values_list("user_id", *columns)} == expected


@pytest.mark.parametrize(("zone", "is_counted"), [("Pacific/Kiritimati", False), ("Pacific/Pago_Pago", True)])
def test_the_week_is_the_apps_own(zone: str, *, is_counted: bool) -> None:
    """At 10:30 UTC it is already tomorrow in Kiritimati and still yesterday in Pago Pago."""
    user = make_totals(make_app(timezone=zone), "device-1", 120, 1)
    make_day(user, date(2026, 11, 7), sessions=1)
    services.refresh([user.id], datetime(2026, 11, 14, 10, 30, tzinfo=UTC))
    assert (stored(user).score > 0) == is_counted


def test_a_user_who_stays_away_falls_to_zero_day_by_day() -> None:
    user = make_totals(make_app(timezone="Asia/Kathmandu"), "device-1", 14 * 120, 14)
    for days_ago in range(7):
        make_day(user, TODAY - days_ago * DAY, sessions=2)
    services.refresh([user.id], NOW)
    scores = [stored(user).score]
    for days in range(1, 9):
        # A minute past midnight in Kathmandu, which is 18:15 of the day before in UTC.
        now = datetime(2026, 11, 13, 18, 16, tzinfo=UTC) + days * DAY
        for app_id in apps_to_roll_over(now):
            services.roll_over(app_id, now)
        assert not apps_to_roll_over(now)
        scores.append(stored(user).score)
    assert scores == [196, 144, 100, 64, 36, 16, 4, 0, 0]
    assert stored(user).changes_on is None


def test_midnight_leaves_alone_those_whose_score_stays() -> None:
    app = make_app()
    falls, stays = (make_totals(app, f"device-{n}", 120, 1) for n in range(2))
    make_day(falls, TODAY - 6 * DAY, sessions=1)
    make_day(stays, TODAY, sessions=1)
    services.refresh([falls.id, stays.id], NOW)
    services.roll_over(app.pk, NOW + DAY)
    assert (stored(falls).on, stored(falls).score) == (TODAY + DAY, 0)
    assert (stored(stays).on, stored(stays).score) == (TODAY, 2)


def test_an_interrupted_midnight_goes_on_where_it_was() -> None:
    app = make_app()
    for n in range(5):
        make_day(make_totals(app, f"device-{n}", 120, 1), TODAY - 6 * DAY, sessions=1)
    services.refresh(list(UserActivity.objects.values_list("user_id", flat=True)), NOW)
    assert [services.roll_over(app.pk, NOW + DAY, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert not Engagement.objects.filter(score__gt=0).exists()


def test_a_score_that_stays_is_not_written_again() -> None:
    user = make_totals(make_app(), "device-1", 120, 1)
    make_day(user, TODAY, sessions=1)
    services.refresh([user.id], NOW)
    services.refresh([user.id], NOW + timedelta(hours=1))
    assert stored(user).computed_at == NOW


def test_identified_is_copied() -> None:
    user = make_totals(make_app(), "device-1", 0, 0)
    services.refresh([user.id], NOW)
    UserActivity.objects.update(is_identified=True)
    services.refresh([user.id], NOW)
    assert stored(user).is_identified


def test_a_user_who_is_no_more_has_no_score() -> None:
    user = make_totals(make_app(), "device-1", 0, 0)
    services.refresh([user.id], NOW)
    UserActivity.objects.all().delete()
    services.refresh([user.id, uuid4()], NOW)
    assert not Engagement.objects.exists()


def mark(user: AppUser, since: datetime, kind: Stale.Kind = Stale.Kind.ENGAGEMENT) -> None:
    mark_stale(kind, [(user.id, user.app_id)], since)


def test_marks_are_taken_oldest_first_and_all_of_a_user_at_once() -> None:
    app = make_app()
    old, new = (make_totals(app, f"device-{n}", 0, 0) for n in range(2))
    mark(new, NOW)
    mark(old, NOW - 2 * DAY)
    mark(old, NOW)
    mark(old, NOW, Stale.Kind.FUNNELS)
    assert services.refresh_stale(NOW, limit=1) == 1
    assert list(Engagement.objects.values_list("user_id", flat=True)) == [old.id]
    assert set(Stale.objects.values_list("user_id", "kind")) == {
        (new.id, Stale.Kind.ENGAGEMENT),
        (old.id, Stale.Kind.FUNNELS),
    }


def test_a_computation_that_fails_leaves_the_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_totals(make_app(), "device-1", 0, 0)
    mark(user, NOW)
    monkeypatch.setattr("profiles.engagement.sql.REFRESH", "SELECT 1 / 0")
    with pytest.raises(Exception, match="division by zero"), transaction.atomic():
        services.refresh_stale(NOW)
    assert Stale.objects.count() == 1


def test_nothing_stale_costs_little(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(4):  # savepoint, lock, look, release
        assert services.refresh_stale(NOW) == 0


def test_queries_do_not_grow_with_users(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    app = make_app()
    users = [make_totals(app, f"device-{n}", 0, 0) for n in range(50)]
    for number in (1, 50):
        with django_assert_num_queries(5):
            services.refresh([user.id for user in users[:number]], NOW)


def test_tasks_do_it_all() -> None:
    user = make_totals(make_app(), "device-1", 120, 1)
    make_day(user, date.today() - 3 * DAY, sessions=1)  # noqa: DTZ011 (the tasks read the clock)
    AppTotals.objects.create(app=user.app, shard=0, users=1)
    mark(user, NOW)
    tasks.refresh_stale()
    tasks.roll_over_midnight()
    tasks.refresh_distributions()
    assert stored(user).score == 2
    assert EngagementDistribution.objects.get(app=user.app).users == 1


def make_scores(app: App, scores: list[float]) -> None:
    AppTotals.objects.create(app=app, shard=0, users=len(scores))
    Engagement.objects.bulk_create(
        Engagement(user_id=UUID(int=n), app=app, score=value, is_identified=bool(n % 2), on=TODAY, computed_at=NOW)
        for n, value in enumerate(scores)
    )


def share_below(app: App, score: float) -> float | None:
    rank = rank_of(app, score)
    return rank.share if rank else None


def test_rank_counts_the_others_with_a_lower_score() -> None:
    app = make_app()
    make_scores(app, [0, 0, 2, 2, 98])
    make_scores(make_app("Other"), [])
    assert [share_below(app, score) for score in (0, 2, 98)] == [0, 0.5, 1]


def test_nobody_to_compare_with() -> None:
    app = make_app()
    make_scores(app, [5])
    assert share_below(app, 5) is None


def test_rank_of_many_users_is_read_off_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiles.engagement.querysets.FEW_USERS", 10)
    app = make_app()
    make_scores(app, [0.0] * 50 + [2.0] * 30 + [float(n) for n in range(3, 23)])
    assert share_below(app, 2) is None
    services.refresh_distribution(app.pk, NOW)
    assert share_below(app, 0) == 0
    assert share_below(app, 2) == pytest.approx(0.5, abs=0.002)
    assert share_below(app, 2.5) == pytest.approx(0.8, abs=0.002)
    assert share_below(app, 280) == 1
    rank = rank_of(app, 2)
    assert rank is not None
    assert rank.counted_at == NOW
    assert shares_of_bands(app, [1, 3, 13]) == pytest.approx([0.5, 0.3, 0.1, 0.1], abs=0.002)


def test_a_distribution_of_nobody() -> None:
    app = make_app()
    services.refresh_distribution(app.pk, NOW)
    assert shares_of_bands(app, [1]) == []


def test_distributions_that_are_old_or_of_nobody_are_counted_again() -> None:
    apps = {name: make_app(name) for name in ("never", "old", "of nobody", "new", "without users")}
    for name, app in apps.items():
        AppTotals.objects.create(app=app, shard=0, users=0 if name == "without users" else 3)
    for name, minutes, users in [("old", 20, 3), ("of nobody", 1, 0), ("new", 1, 3)]:
        EngagementDistribution.objects.create(
            app=apps[name], users=users, quantiles=[], computed_at=NOW - timedelta(minutes=minutes)
        )
    due = apps_of_old_distribution(NOW - tasks.DISTRIBUTION_AGE)
    assert due == [apps[name].pk for name in ("never", "old", "of nobody")]
