from datetime import UTC, datetime, timedelta

import pytest

from ingest.tests.wire.building import NOW, NOW_MS, sent
from ingest.wire.clock import read_stamp
from ingest.wire.limits import DEFAULT_LIMITS, Note
from ingest.wire.values import JsonValue


@pytest.mark.rule("time.digits")
@pytest.mark.parametrize(
    ("stamp", "milliseconds"),
    [
        (1732000000, 1732000000000),
        (1732000000123, 1732000000123),
        ("1732000000", 1732000000000),
        ("1732000000123", 1732000000123),
        ("1732000000.5", 1732000000500),
        (1732000000.5, 1732000000500),
        ("1732000000123.7", 1732000000124),
        (" 1732000000 ", 1732000000000),
        ("1.732e9", 1732000000000),
        ("9999999999.7", None),  # eleven digits once rounded
        (173200000, None),
        (17320000001, None),
        (17320000001234, None),
        (61, None),
        (True, None),
        ("true", None),
        ("", None),
        (None, None),
        ("-1732000000", None),
        (-1732000000, None),
        ("1_732_000_000", None),
        ("١٧٣٢٠٠٠٠٠٠", None),
        ("0x6740A3C0", None),
        ("NaN", None),
        ("Infinity", None),
        ([1732000000], None),
        (10**400, None),
    ],
)
def test_a_stamp_has_ten_or_thirteen_digits(stamp: JsonValue, milliseconds: int | None) -> None:
    assert read_stamp(stamp) == milliseconds


@pytest.mark.rule("time.past")
def test_the_past_is_believed() -> None:
    request = sent(timestamp="1732000000500")
    assert request.at == request.stamped_at == datetime(2024, 11, 19, 7, 6, 40, 500_000, tzinfo=UTC)
    assert request.received_at == NOW
    assert request.skew == timedelta()
    assert request.notes == {}


def test_the_distant_past_is_clipped() -> None:
    request = sent(timestamp="1000000000")
    assert request.at == DEFAULT_LIMITS.earliest
    assert request.stamped_at == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert request.notes == {Note.TIMESTAMP_TOO_OLD: 1}


@pytest.mark.rule("time.unusable")
@pytest.mark.parametrize("stamp", ["61", "true", "soon"])
def test_an_unusable_stamp_means_server_time(stamp: str) -> None:
    request = sent(timestamp=stamp)
    assert request.at == NOW
    assert request.stamped_at is None
    assert request.notes == {Note.TIMESTAMP_UNUSABLE: 1}


@pytest.mark.rule("time.unusable")
def test_no_stamp_means_server_time() -> None:
    request = sent()
    assert (request.at, request.stamped_at, request.notes) == (NOW, None, {})


@pytest.mark.rule("time.future")
def test_a_clock_that_is_ahead_is_put_right_for_all_events() -> None:
    ahead = 3_600_000
    request = sent(
        timestamp=str(NOW_MS + ahead),
        events=[
            {"key": "before", "timestamp": NOW_MS + ahead - 90_000},
            {"key": "at", "timestamp": NOW_MS + ahead},
            {"key": "after", "timestamp": NOW_MS + ahead + 5_000},
            {"key": "silent"},
        ],
    )
    assert request.at == NOW
    assert request.stamped_at == NOW + timedelta(hours=1)
    assert request.skew == timedelta(hours=1)
    assert request.notes == {Note.TIMESTAMP_IN_FUTURE: 1}
    assert [e.at for e in request.events] == [NOW - timedelta(seconds=90), NOW, NOW, NOW]


@pytest.mark.rule("time.event")
def test_an_event_has_its_own_time_and_never_a_future_one() -> None:
    request = sent(
        timestamp="1732000000",
        events=[
            {"key": "own", "timestamp": 1732000005123},
            {"key": "seconds", "timestamp": 1732000006},
            {"key": "none"},
            {"key": "odd", "timestamp": "yesterday"},
            {"key": "future", "timestamp": NOW_MS + 10**9},
            {"key": "ancient", "timestamp": 1000000000},
        ],
    )
    start = datetime(2024, 11, 19, 7, 6, 40, tzinfo=UTC)
    assert [e.at for e in request.events] == [
        start + timedelta(seconds=5, milliseconds=123),
        start + timedelta(seconds=6),
        start,
        start,
        NOW,
        DEFAULT_LIMITS.earliest,
    ]
    assert request.notes == {Note.EVENT_TIME_UNUSABLE: 1}


@pytest.mark.rule("time.midnight")
@pytest.mark.parametrize(
    ("value", "hour"),
    [("0", 0), ("23", 23), ("24", 0), (9, 9), ("9.0", 9), ("25", None), ("-1", None), ("x", None), ("", None)],
)
def test_hour_twenty_four_is_midnight(value: JsonValue, hour: int | None) -> None:
    assert sent(hour=value).hour == hour


@pytest.mark.rule("time.sunday")
@pytest.mark.parametrize(("value", "weekday"), [("0", 0), ("6", 6), ("7", 0), ("8", None), ("-1", None), ("Mon", None)])
def test_sunday_is_day_zero(value: JsonValue, weekday: int | None) -> None:
    assert sent(dow=value).weekday == weekday


@pytest.mark.rule("time.event")
def test_an_event_has_its_own_hour_else_its_requests() -> None:
    own, other = sent(hour="9", dow="2", events=[{"key": "a", "hour": 24, "dow": 7}, {"key": "b", "hour": 99}]).events
    assert (own.hour, own.weekday) == (0, 0)
    assert (other.hour, other.weekday) == (9, 2)


@pytest.mark.rule("time.zone")
@pytest.mark.parametrize(
    ("value", "minutes"),
    [("120", 120), ("-720", -720), ("840", 840), ("0", 0), ("841", None), ("-721", None), ("UTC", None)],
)
def test_time_zones_are_minutes_east(value: JsonValue, minutes: int | None) -> None:
    request = sent(tz=value)
    assert request.timezone_minutes == minutes
    assert (Note.TIMEZONE_UNUSABLE in request.notes) is (minutes is None)
