"""Crashes as the boxes about activity read them: the one place where these two subjects meet."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse

from profiles.access.models import App
from profiles.activity.happenings import CRASH_ORDER, Chip, Happening, Kind
from profiles.activity.querysets import (
    Cursor,
    Span,
    array_of_ends,
    array_of_starts,
    from_position,
    in_span,
    until_position,
)
from profiles.crashes.models import Crash, CrashGroup
from profiles.users.values import show

CRASHES_COUNTED = 1000  # of one session

# As the count of events: reads the crashes' primary key from each span's start and stops at the limit. Raw SQL because
# the ORM has no way to count a limited subquery per row.
_COUNT_PER_SPAN = """
SELECT counted.n
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS span (start, stop, position)
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (
        SELECT FROM profiles_crash
        WHERE user_id = %(user_id)s AND occurred_at >= span.start AND occurred_at < span.stop
        LIMIT %(limit)s
    ) AS rows_up_to_limit
) AS counted
ORDER BY span.position
"""

# As the events outside of sessions: walks the spans and each one's crashes by the primary key, in the order asked for.
_IN_SPANS = """
SELECT found.*
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS span (start, stop, position)
CROSS JOIN LATERAL (
    SELECT c.user_id, c.occurred_at, c.id, c.received_at, c.group_id, c.app_version
    FROM profiles_crash c
    WHERE c.user_id = %(user_id)s AND c.occurred_at >= span.start AND c.occurred_at < span.stop
      AND (c.occurred_at, c.id) < (%(at)s::timestamptz, %(id)s)
    ORDER BY c.occurred_at DESC, c.id DESC
    LIMIT %(limit)s
) AS found
ORDER BY span.position, found.occurred_at DESC, found.id DESC
LIMIT %(limit)s
"""
_COLUMNS_IN_SPANS = ("user_id", "occurred_at", "id", "received_at", "group_id", "app_version")
_LARGEST_ID = 2**63 - 1


class CrashIncidents:
    """Reads an app's crashes for `profiles.activity.boxes.Incidents`. Never the reports: they can be large."""

    def __init__(self, app: App) -> None:
        self._app = app

    def counts(self, user_id: UUID, spans: Sequence[Span]) -> list[int]:
        """Return how many crashes each closed span holds. One query."""
        if not spans:
            return []
        values: dict[str, str | int] = {
            "starts": array_of_starts(spans),
            "ends": array_of_ends(spans),
            "user_id": str(user_id),
            "limit": CRASHES_COUNTED,
        }
        with connection.cursor() as cursor:
            cursor.execute(_COUNT_PER_SPAN, values)
            return [n for (n,) in cursor.fetchall()]

    def of_span(self, user_id: UUID, span: Span, after: Cursor | None, limit: int) -> list[Happening]:
        """Return the crashes of a span, oldest first. One query."""
        found = _crashes(user_id).filter(in_span(span), from_position(after, CRASH_ORDER))
        return [self._happening(crash) for crash in found.order_by("occurred_at", "id")[:limit]]

    def newest(self, user_id: UUID, before: Cursor | None, limit: int) -> list[Happening]:
        """Return the newest crashes. One query."""
        found = _crashes(user_id).filter(until_position(before, CRASH_ORDER))
        return [self._happening(crash) for crash in found.order_by("-occurred_at", "-id")[:limit]]

    def of_spans(self, user_id: UUID, spans: Sequence[Span], before: Cursor | None, limit: int) -> list[Happening]:
        """Return the crashes in any of the spans, which are newest first and apart, newest first. Two queries."""
        if not spans:
            return []
        values: dict[str, str | int] = {
            "starts": array_of_starts(spans),
            "ends": array_of_ends(spans),
            "user_id": str(user_id),
            "at": before.at.isoformat() if before else "infinity",
            "id": before.id if before else _LARGEST_ID,
            "limit": limit,
        }
        with connection.cursor() as cursor:
            cursor.execute(_IN_SPANS, values)
            # `raw()` cannot make them, as the key is composite.
            found = [Crash.from_db(connection.alias, _COLUMNS_IN_SPANS, list(row)) for row in cursor.fetchall()]
        groups = CrashGroup.objects.select_related("merged_into").in_bulk({crash.group_id for crash in found})
        for crash in found:
            crash.group = groups[crash.group_id]
        return [self._happening(crash) for crash in found]

    def _happening(self, crash: Crash) -> Happening:
        group = crash.group.merged_into or crash.group
        facts = {"fatal": group.is_fatal, "app": crash.app_version, "at": group.culprit}
        return Happening(
            kind=Kind.CRASH,
            at=crash.occurred_at,
            id=crash.id,
            order=CRASH_ORDER,
            name=group.title,
            url=reverse("crashes:group", args=[self._app.public_id, group.public_id]),
            is_fatal=group.is_fatal,
            received_at=crash.received_at,
            chips=tuple(Chip(name, show(value)) for name, value in facts.items() if value != ""),
        )


def _crashes(user_id: UUID) -> QuerySet[Crash]:
    return Crash.objects.filter(user_id=user_id).select_related("group__merged_into").defer("report", "texts")
