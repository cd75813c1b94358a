"""The drawing of crash-free users and sessions."""

from datetime import date, timedelta

from profiles.crashes.charts import HEIGHT, WIDTH, crash_free_chart
from profiles.crashes.crash_free import CrashFreeDay

FIRST = date(2026, 11, 1)


def day(n: int, users: int, crashed: int) -> CrashFreeDay:
    return CrashFreeDay(FIRST + timedelta(days=n), users, users * 2, crashed, 0)


def test_shares_stand_between_the_floor_and_all() -> None:
    chart = crash_free_chart([day(0, 100, 0), day(1, 100, 6), day(2, 100, 10)])
    assert chart.floor == "90%"
    [users] = chart.users
    heights = [float(point.split(",")[1]) for point in users.split()]
    assert heights == [3.0, 57.0, HEIGHT - 3]
    assert [place.x for place in chart.places] == ["3.0", f"{WIDTH / 2:.1f}", f"{WIDTH - 3:.1f}"]


def test_a_day_without_anybody_parts_the_line() -> None:
    chart = crash_free_chart([day(0, 5, 0), day(1, 0, 0), day(2, 5, 0)])
    assert [len(line.split()) for line in chart.users] == [1, 1]
    assert chart.floor == "99%"


def test_nothing_at_all() -> None:
    assert crash_free_chart([]).users == ()
    assert crash_free_chart([day(0, 0, 0)]).sessions == ()
