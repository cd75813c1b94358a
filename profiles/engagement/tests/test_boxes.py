"""The box Engagement: right at any moment, and in its own words."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.template.loader import render_to_string
from hypothesis import given, strategies as st
from pytest_django import DjangoAssertNumQueries

from profiles.access.models import App, AppTotals
from profiles.engagement import services
from profiles.engagement.boxes import HISTORY_DAYS, engagement_box
from profiles.engagement.history import Day, history
from profiles.engagement.models import Engagement
from profiles.engagement.score import engagement
from profiles.tests.factories import make_app, make_day, make_user
from profiles.users.models import AppUser

NOW = datetime(2026, 11, 14, 10, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)

DAYS = st.dictionaries(st.integers(0, 40), st.tuples(st.integers(0, 5), st.integers(0, 600)), max_size=20)


@given(days=DAYS, lengths=st.integers(1, 30))
def test_history_is_the_score_of_what_was_known_on_each_day(days: dict[int, tuple[int, int]], lengths: int) -> None:
    rows = [Day(TODAY - ago * DAY, sessions, seconds) for ago, (sessions, seconds) in days.items()]

    def score_on(on: date) -> float:
        past = [row for row in rows if row.on <= on]
        by_day = {row.on: row.sessions for row in past}
        return engagement(sum(row.seconds for row in past), sum(by_day.values()), by_day, on).score

    total = history(sum(row.seconds for row in rows), sum(row.sessions for row in rows), rows, TODAY, lengths)
    assert [point.on for point in total] == [TODAY - ago * DAY for ago in range(lengths - 1, -1, -1)]
    assert [point.score for point in total] == [score_on(point.on) for point in total]


@pytest.fixture
def app(db: None) -> App:
    return make_app()


@pytest.fixture
def daily(app: App) -> AppUser:
    """Somebody who came once a day for two minutes, for three weeks up to today."""
    user = make_user(app, activity={"total_seconds": 21 * 120, "sessions_count": 21})
    for days in range(21):
        make_day(user, TODAY - days * DAY, sessions=1, seconds=120)
    return user


def test_daily_use_at_two_minutes(app: App, daily: AppUser) -> None:
    box = engagement_box(app, daily, NOW)
    assert (box.percent, box.score, box.max_score) == ("35%", "98", 280)
    assert [factor.value for factor in box.factors] == ["2 of 2 min", "7 of 20", "7 of 7"]
    assert [factor.share for factor in box.factors] == [1, 0.35, 1]
    assert box.falls_on == TODAY + DAY
    assert box.highest == "35%"
    assert len(box.history) == HISTORY_DAYS


def test_it_is_right_on_a_day_on_which_nothing_was_computed_yet(app: App, daily: AppUser) -> None:
    services.refresh([daily.id], NOW)
    box = engagement_box(app, daily, NOW + 3 * DAY)
    assert Engagement.objects.get().score == 98
    assert box.score == "32"


def test_somebody_who_stayed_away(app: App, daily: AppUser) -> None:
    box = engagement_box(app, daily, NOW + 30 * DAY)
    assert (box.percent, box.score, box.falls_on) == ("0%", "0", None)
    assert box.highest == "35%"


def test_somebody_who_never_did_anything(app: App) -> None:
    box = engagement_box(app, make_user(app), NOW)
    assert (box.percent, box.falls_on, box.rank) == ("0%", None, "")
    assert box.line == "M0 28.5H90"


@pytest.mark.parametrize(
    ("others", "rank"),
    [
        ([], ""),
        ([0, 1, 2, 280], "higher than 75% of users"),
        ([1] * 999 + [280], "higher than 99% of users"),
        ([1, 2], "the highest of all users"),
        ([280], "higher than 0% of users"),
    ],
)
def test_rank(app: App, daily: AppUser, others: list[float], rank: str) -> None:
    AppTotals.objects.create(app=app, shard=0, users=len(others) + 1)
    services.refresh([daily.id], NOW)
    Engagement.objects.bulk_create(
        Engagement(user_id=f"{n:032x}", app=app, score=score, on=TODAY, computed_at=NOW)
        for n, score in enumerate(others)
    )
    assert engagement_box(app, daily, NOW).rank == rank


def test_it_takes_four_queries(app: App, daily: AppUser, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(4):
        engagement_box(app, daily, NOW)


def test_the_line_falls_in_steps(app: App) -> None:
    user = make_user(app, activity={"total_seconds": 120, "sessions_count": 1})
    make_day(user, TODAY - 10 * DAY, sessions=1, seconds=120)
    # Up on the day, which is the 80th of 90, and down seven days later.
    assert engagement_box(app, user, NOW).line == "M0 28.5H79V1.5H86V28.5H90"


def test_the_drawing_has_no_style_and_says_what_it_shows(app: App, daily: AppUser) -> None:
    html = render_to_string(
        "engagement/_engagement.html",
        {
            "about": {"name": "engagement", "heading": "Engagement"},
            "app": app,
            "app_user": daily,
            "page_url": "/",
            "box": engagement_box(app, daily, NOW),
            "choices": type("Choices", (), {"query": lambda self, **_: ""})(),
        },
    )
    assert "style=" not in html
    assert 'stroke-dasharray="35.0 200"' in html
    assert "Engagement on the last 90 days: now 35%, at most 35%." in html
    assert "2 × 7 × 7 = 98 of 280, which is 35%." in html
    assert "Without another visit it falls on Sun 15 Nov." in html
