"""Time cut into hours, days, weeks and months, and its drawing."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from profiles.activity import buckets, charts
from profiles.activity.buckets import Unit

LAST = date(2026, 11, 20)


def test_days_go_from_the_first_with_anything_to_the_last() -> None:
    rows = buckets.by_day({date(2026, 9, 1): (1, 2)}, LAST)
    assert len(rows) == 81
    assert (rows[0].label, rows[0].sessions, rows[0].events) == ("Tue 1 Sep 2026", 1, 2)
    assert rows[-1].label == "Fri 20 Nov 2026"


def test_a_new_user_has_a_month_of_days() -> None:
    assert len(buckets.by_day({LAST: (1, 1)}, LAST)) == buckets.FEWEST_DAYS
    assert len(buckets.by_day({}, LAST)) == buckets.FEWEST_DAYS


def test_a_day_that_has_begun_elsewhere_is_not_lost() -> None:
    assert buckets.by_day({LAST + timedelta(days=1): (1, 1)}, LAST)[-1].sessions == 1


def test_weeks_begin_on_monday_and_add_up() -> None:
    totals = {date(2026, 11, 15): (1, 1), date(2026, 11, 16): (2, 2), date(2026, 11, 20): (3, 3)}
    rows = buckets.by_week(totals, LAST)
    assert [row.sessions for row in rows[-2:]] == [1, 5]
    assert rows[-1].label == "Week of 16 Nov 2026"


def test_months_have_no_gap() -> None:
    rows = buckets.by_month({date(2024, 2, 29): (1, 1), date(2026, 11, 1): (2, 2)}, LAST)
    assert len(rows) == 34
    assert (rows[0].label, rows[-1].label) == ("February 2024", "November 2026")
    assert sum(row.sessions for row in rows) == 3


def test_the_hour_that_a_clock_change_repeats_is_two() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 0, tzinfo=UTC)  # two o'clock in summer
    rows = buckets.by_hour([(first, 1, 0), (first + timedelta(hours=1), 0, 5)], first, 3, berlin)
    assert [row.label[-5:] for row in rows] == ["02:00", "02:00", "03:00"]
    assert [(row.sessions, row.events) for row in rows] == [(1, 0), (0, 5), (0, 0)]


@pytest.mark.parametrize(
    ("first", "unit"),
    [(date(2026, 11, 16), Unit.DAY), (date(2026, 1, 1), Unit.WEEK), (date(2020, 1, 1), Unit.MONTH)],
)
def test_everything_is_shown_in_bars_that_can_be_told_apart(first: date, unit: Unit) -> None:
    assert buckets.unit_for(first, LAST) == unit


@pytest.mark.parametrize(
    ("largest", "top"), [(0, 2), (1, 2), (2, 2), (3, 4), (5, 6), (9, 10), (11, 20), (101, 200), (1000, 1000)]
)
def test_scales_end_at_round_numbers(largest: int, top: int) -> None:
    assert charts.scale_top(largest) == top


def test_something_is_never_drawn_as_nothing_and_nothing_never_as_something() -> None:
    chart = charts.draw(buckets.by_day({LAST: (1, 1_000_000), LAST - timedelta(days=1): (0, 1)}, LAST))
    small, large = chart.columns[-2:]
    assert small.events_bar is not None
    assert float(small.events_bar.height) > 0
    assert small.sessions_bar is None
    assert large.sessions_bar is not None
    assert all(column.events_bar is None for column in chart.columns[:-2])


def test_bars_stay_inside_of_the_drawing() -> None:
    totals = {LAST - timedelta(days=day): (day % 7, day % 31) for day in range(400)}
    chart = charts.draw(buckets.by_day(totals, LAST))
    for column in chart.columns:
        for bar in (column.events_bar, column.sessions_bar):
            if bar:
                assert float(bar.x) >= charts.LEFT
                assert float(bar.x) + float(bar.width) <= charts.WIDTH - charts.RIGHT + 0.1
                assert float(bar.y) >= charts.TOP
