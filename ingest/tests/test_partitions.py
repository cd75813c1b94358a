"""Partitions: made ahead, dropped whole, open to the past."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from ingest.inbox import REQUESTS
from profiles.activity import partitions
from profiles.activity.partitions import EVENTS

NOW = datetime(2031, 12, 30, 23, 30, tzinfo=UTC)


class TestNames:
    def test_of_months_and_days(self) -> None:
        assert [name for name, _, _ in EVENTS.needed(NOW)] == [
            "profiles_event_2031_12",
            "profiles_event_2032_01",
            "profiles_event_2032_02",
        ]
        assert [start for _, start, _ in REQUESTS.needed(NOW)] == [
            date(2031, 12, 30),
            date(2031, 12, 31),
            date(2032, 1, 1),
            date(2032, 1, 2),
        ]

    def test_each_ends_where_the_next_begins(self) -> None:
        for table in (EVENTS, REQUESTS):
            ranges = list(table.needed(NOW))
            assert all(one[2] == other[1] for one, other in pairwise(ranges))


@pytest.mark.django_db
class TestUpkeep:
    @pytest.mark.parametrize("table", [EVENTS, REQUESTS], ids=["events", "requests"])
    def test_making_ahead_is_harmless_to_repeat(self, table: partitions.PartitionedTable) -> None:
        made = partitions.ensure(table, NOW)
        assert len(made) == table.ahead + 1
        assert partitions.ensure(table, NOW) == []
        assert set(made) <= set(partitions.existing(table))

    def test_old_days_are_dropped_whole_and_the_open_one_stays(self) -> None:
        partitions.ensure(REQUESTS, NOW)
        dropped = partitions.drop_before(REQUESTS, datetime(2032, 1, 1, 5, tzinfo=UTC))
        assert "ingest_request_2031_12_31" in dropped
        left = partitions.existing(REQUESTS)
        assert "ingest_request_2032_01_01" in left
        assert "ingest_request_before" in left
