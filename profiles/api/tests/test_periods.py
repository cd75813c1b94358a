"""Periods and buckets."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from profiles.api.periods import Bucket, PeriodError, read_period

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)  # 1 April in Oslo


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", date(2026, 4, 1), date(2026, 4, 1)),
        ("yesterday", date(2026, 3, 31), date(2026, 3, 31)),
        ("7days", date(2026, 3, 26), date(2026, 4, 1)),
        ("month", date(2026, 4, 1), date(2026, 4, 1)),
        ("prevMonth", date(2026, 3, 1), date(2026, 3, 31)),
        ("year", date(2026, 1, 1), date(2026, 4, 1)),
    ],
)
def test_days_are_those_of_the_time_zone(text: str, first: date, last: date) -> None:
    period = read_period(text, NOW, OSLO)
    assert period is not None
    assert (period.first, period.last) == (first, last)
    assert period.start.astimezone(OSLO).time() == period.end.astimezone(OSLO).time() == datetime.min.time()


def test_two_moments() -> None:
    period = read_period("[1770000000000, 1770000001000]", NOW, OSLO)
    assert period is not None
    assert period.start == datetime.fromtimestamp(1770000000, tz=UTC)
    assert datetime.fromtimestamp(1770000001, tz=UTC) < period.end
    since = read_period('{"since": 1770000000000}', NOW, OSLO)
    assert since is not None
    assert since.start == period.start
    assert read_period("", NOW, OSLO) is None


@pytest.mark.parametrize(
    "text", ["0days", "99999days", "fortnight", "[1]", "[2, 1]", "[-1, 5]", '["a", 1]', "{}", "[" * 9999]
)
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(PeriodError):
        read_period(text, NOW, OSLO)


def test_names_of_buckets() -> None:
    on = date(2027, 1, 3)
    names = {bucket: bucket.key(on, 4) for bucket in Bucket}
    assert names == {"hourly": "2027:1:3:4", "daily": "2027:1:3", "weekly": "2026:W53", "monthly": "2027:1"}
