"""Range partitions by time: what is named how, and making them ahead.

Each partitioned table has a first partition for everything older than the day it was installed minus a margin, so
that data from any past fits; the future is made ahead here, by a beat task and by the worker when it starts.
Raw SQL because Django has no partitions. Names are computed from dates alone, never from data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from django.db import connection

PARTITION_LOCK = 0x70617274  # "part": one maker at a time


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """A table split by `column` into one partition per `unit`, made `ahead` units before they are needed."""

    table: str
    unit: Literal["day", "month"]
    ahead: int

    def start_of(self, moment: date) -> date:
        """Return the first day of the partition that holds `moment`."""
        return moment.replace(day=1) if self.unit == "month" else moment

    def after(self, start: date) -> date:
        """Return the first day of the partition after the one that starts on `start`."""
        if self.unit == "day":
            return start + timedelta(days=1)
        return (start.replace(day=28) + timedelta(days=4)).replace(day=1)

    def name(self, start: date) -> str:
        """Return the partition's table name, such as profiles_event_2026_11."""
        return f"{self.table}_{start:%Y_%m}" if self.unit == "month" else f"{self.table}_{start:%Y_%m_%d}"

    def needed(self, now: datetime) -> Iterator[tuple[str, date, date]]:
        """Yield (name, from, to) of the current partition and those ahead."""
        start = self.start_of(now.astimezone(UTC).date())
        for _ in range(self.ahead + 1):
            end = self.after(start)
            yield self.name(start), start, end
            start = end


EVENTS = PartitionedTable("profiles_event", "month", ahead=2)


def existing(table: PartitionedTable) -> list[str]:
    """Return the names of the table's partitions, oldest name first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass ORDER BY 1",
            [table.table],
        )
        return [name for (name,) in cursor.fetchall()]


def ensure(table: PartitionedTable, now: datetime, *, since: datetime | None = None) -> list[str]:
    """Make what is missing from `since` (default: now) to ahead of now, and return the names made.

    The very first call also makes `<table>_before`, for everything older than its own first partition.
    """
    have = set(existing(table))
    ranges = list(table.needed(now))
    if since is not None:
        start = table.start_of(since.astimezone(UTC).date())
        while start < ranges[0][1]:
            end = table.after(start)
            ranges.append((table.name(start), start, end))
            start = end
        ranges.sort(key=lambda item: item[1])
    missing = [item for item in ranges if item[0] not in have]
    if not missing:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [PARTITION_LOCK])
        try:
            if not have:
                cursor.execute(
                    f'CREATE TABLE IF NOT EXISTS "{table.table}_before" PARTITION OF "{table.table}"'
                    f" FOR VALUES FROM (MINVALUE) TO ('{missing[0][1].isoformat()} 00:00:00+00')"
                )
            for name, start, end in missing:
                cursor.execute(
                    f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "{table.table}"'
                    f" FOR VALUES FROM ('{start.isoformat()} 00:00:00+00') TO ('{end.isoformat()} 00:00:00+00')"
                )
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [PARTITION_LOCK])
    return [name for name, _, _ in missing]


def drop_before(table: PartitionedTable, moment: datetime) -> list[str]:
    """Drop the partitions that hold nothing from `moment` on, and return their names. The first, open one stays."""
    day = moment.astimezone(UTC).date()
    old = [name for name in existing(table) if (start := _start_in(table, name)) and table.after(start) <= day]
    with connection.cursor() as cursor:
        for name in old:
            cursor.execute(f'DROP TABLE "{name}"')
    return old


def _start_in(table: PartitionedTable, name: str) -> date | None:
    """Return the first day of a partition by its name; None for the one that is open to the past."""
    form = f"{table.table}_%Y_%m" if table.unit == "month" else f"{table.table}_%Y_%m_%d"
    try:
        return datetime.strptime(name, form).replace(tzinfo=UTC).date()
    except ValueError:
        return None
