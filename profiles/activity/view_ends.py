"""The time that users spent in views: what says that a view was left is added to the visit that it ends.

An end names its visit by the view's id, or by its name alone: then it is that of the latest visit of that name up to
it. Either may arrive first. An end by id is kept only while its visit is missing; one by name as long as data may come
late, beside the visit that has its seconds, since a visit between the two would take them over.

Callers hold the lock of every user's shard.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from profiles.activity.models import KeptViewEnd
from profiles.activity.services import EventRow, file_view_ends
from profiles.bulk import array_literal

VIEW_KEY = "[CLY]_view"
VIEW_OPEN_AT_MOST = timedelta(days=1)
_OPEN_AT_MOST = f"{VIEW_OPEN_AT_MOST.total_seconds()} seconds"


@dataclass(slots=True, kw_only=True)
class ViewEnd:
    """A view that was left. `visit` is (time, id) of the event that has the seconds."""

    user_id: UUID
    at: datetime
    id: int
    original_user_id: UUID
    received_at: datetime
    view_id: str
    name: str
    seconds: int
    visit: tuple[datetime, int] | None = None


class ArrivingEnds:
    """The ends of views of one batch, and its visits: call `add_to_arriving` before these are filed, `settle` after.

    No statement for a batch without views; two at most for one with ends whose visits came before, else one.
    """

    def __init__(self, visits: Mapping[UUID, Sequence[EventRow]], ends: Sequence[ViewEnd]) -> None:
        self._visits = visits
        self._ends = ends
        self._elsewhere: list[ViewEnd] = []  # ends by id whose visit is not in the batch
        self._by_name: list[ViewEnd] = []

    def add_to_arriving(self) -> None:
        """Add seconds to visits that are about to be filed."""
        newest_first = {
            user_id: sorted(self._visits.get(user_id, ()), key=lambda row: (row.occurred_at, row.id), reverse=True)
            for user_id in {end.user_id for end in self._ends}
        }
        for end in self._ends:
            visit = _visit_of(end, newest_first[end.user_id])
            if visit is not None:
                visit.duration_seconds = (visit.duration_seconds or 0) + end.seconds or None
                end.visit = (visit.occurred_at, visit.id)
            if not end.view_id:
                self._by_name.append(end)
            elif visit is None:
                self._elsewhere.append(end)

    def settle(self) -> None:
        """Add seconds to visits filed before, keep the ends that wait, and give arrived visits what waited for them."""
        kept = self._by_name + _without_visit(self._elsewhere)
        file_view_ends(
            (e.user_id, e.at, e.id, e.original_user_id, e.received_at, e.view_id or None, e.name, e.seconds)
            + (e.visit or (None, None))
            for e in kept
        )
        news = [
            (user_id, row.occurred_at, row.view_id, str((row.segmentation or {}).get("name", "")))
            for user_id, rows in self._visits.items()
            for row in rows
        ]
        news += [(end.user_id, end.at, None, end.name) for end in self._by_name]
        if not news:
            return
        users, times, view_ids, names = zip(*news, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                _OF_NEWS + _GIVE_TO_VISITS,
                [
                    array_literal(users, "uuid"),
                    array_literal(times, "timestamptz"),
                    array_literal(view_ids, "text"),
                    array_literal(names, "text"),
                    _OPEN_AT_MOST,
                    _OPEN_AT_MOST,
                    *_GIVE_PARAMETERS,
                ],
            )


def _visit_of(end: ViewEnd, newest_first: Iterable[EventRow]) -> EventRow | None:
    for visit in newest_first:
        gap = end.at - visit.occurred_at
        if end.view_id:
            if visit.view_id == end.view_id and abs(gap) <= VIEW_OPEN_AT_MOST:
                return visit
        elif timedelta() <= gap <= VIEW_OPEN_AT_MOST and (visit.segmentation or {}).get("name") == end.name:
            return visit
    return None


# Finds each end's visit by (user, time) and adds the seconds; returns the places of the ends that have one. A phone's
# clock may have been put right while the view was open, so an id is looked for on both sides.
# Raw SQL: an UPDATE from a list of values joined laterally has no ORM.
_END_BY_ID = """
WITH ended AS (
    SELECT l.place, v.user_id, v.occurred_at, v.id, l.seconds
    FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::integer[])
        WITH ORDINALITY AS l (user_id, at, view_id, seconds, place),
    LATERAL (
        SELECT c.user_id, c.occurred_at, c.id
        FROM profiles_event c
        WHERE c.user_id = l.user_id AND c.view_id = l.view_id
            AND c.occurred_at BETWEEN l.at - %s::interval AND l.at + %s::interval
        ORDER BY c.occurred_at DESC, c.id DESC LIMIT 1
    ) v
), counted AS (
    UPDATE profiles_event e
    SET duration_seconds = nullif(coalesce(e.duration_seconds, 0) + visit.seconds, 0)
    FROM (SELECT user_id, occurred_at, id, sum(seconds) AS seconds FROM ended GROUP BY 1, 2, 3) visit
    WHERE e.user_id = visit.user_id AND e.occurred_at = visit.occurred_at AND e.id = visit.id
)
SELECT place FROM ended
"""


def _without_visit(ends: Sequence[ViewEnd]) -> list[ViewEnd]:
    """Add the seconds of ends by id to visits that are stored; return those ends that found none."""
    if not ends:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _END_BY_ID,
            [
                array_literal((end.user_id for end in ends), "uuid"),
                array_literal((end.at for end in ends), "timestamptz"),
                array_literal((end.view_id for end in ends), "text"),
                array_literal((end.seconds for end in ends), "integer"),
                _OPEN_AT_MOST,
                _OPEN_AT_MOST,
            ],
        )
        found = {place for (place,) in cursor.fetchall()}
    return [end for place, end in enumerate(ends, 1) if place not in found]


# The kept ends that visits, or ends by name, which have just been filed may concern: along the key, by user and time.
_OF_NEWS = """
WITH affected AS (
    SELECT DISTINCT ON (e.user_id, e.at, e.id) e.*
    FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[]) AS n (user_id, at, view_id, name)
    JOIN profiles_keptviewend e
        ON e.user_id = n.user_id AND e.at BETWEEN n.at - %s::interval AND n.at + %s::interval
    WHERE CASE WHEN e.view_id IS NULL THEN e.name = n.name AND e.at >= n.at
        ELSE e.view_id = n.view_id END
)"""
_OF_USERS = """
WITH affected AS (
    SELECT * FROM profiles_keptviewend
    WHERE user_id = ANY(%s::uuid[])
)"""
# Finds the visit of each affected end, and moves the seconds of those that have another one than before. Those by id
# wait no longer.
_GIVE_TO_VISITS = """, moved AS (
    SELECT a.user_id, a.at, a.id, a.view_id, a.seconds, a.visit_at, a.visit_id, v.occurred_at AS new_at, v.id AS new_id
    FROM affected a LEFT JOIN LATERAL (
        SELECT c.occurred_at, c.id
        FROM profiles_event c JOIN profiles_eventkey k ON k.id = c.key_id AND k.key = %s
        WHERE c.user_id = a.user_id AND c.occurred_at >= a.at - %s::interval
            AND c.occurred_at <= CASE WHEN a.view_id IS NULL THEN a.at ELSE a.at + %s::interval END
            AND (c.view_id = a.view_id OR (a.view_id IS NULL AND c.segmentation ->> 'name' = a.name))
        ORDER BY c.occurred_at DESC, c.id DESC LIMIT 1
    ) v ON true
    WHERE (a.visit_at, a.visit_id) IS DISTINCT FROM (v.occurred_at, v.id)
), counted AS (
    UPDATE profiles_event e
    SET duration_seconds = nullif(coalesce(e.duration_seconds, 0) + change.seconds, 0)
    FROM (
        SELECT user_id, at, id, sum(seconds) AS seconds
        FROM (
            SELECT user_id, new_at AS at, new_id AS id, seconds FROM moved WHERE new_id IS NOT NULL
            UNION ALL SELECT user_id, visit_at, visit_id, -seconds FROM moved WHERE visit_id IS NOT NULL
        ) given GROUP BY 1, 2, 3
    ) change
    WHERE e.user_id = change.user_id AND e.occurred_at = change.at AND e.id = change.id
), found AS (
    DELETE FROM profiles_keptviewend e USING moved
    WHERE e.user_id = moved.user_id AND e.at = moved.at AND e.id = moved.id AND moved.view_id IS NOT NULL
)
UPDATE profiles_keptviewend e SET visit_at = moved.new_at, visit_id = moved.new_id
FROM moved WHERE e.user_id = moved.user_id AND e.at = moved.at AND e.id = moved.id AND moved.view_id IS NULL
"""
_GIVE_PARAMETERS = (VIEW_KEY, _OPEN_AT_MOST, _OPEN_AT_MOST)


def settle_users(user_ids: Collection[UUID]) -> None:
    """Give the kept ends of users to their visits anew, after their histories were put together or taken apart."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_USERS + _GIVE_TO_VISITS, [array_literal(user_ids, "uuid"), *_GIVE_PARAMETERS])


# Takes the seconds of kept ends back from their visits, before the two may get different owners.
_RELEASE = """
WITH released AS (
    UPDATE profiles_keptviewend k SET visit_at = NULL, visit_id = NULL
    FROM (
        SELECT user_id, at, id, visit_at, visit_id FROM profiles_keptviewend
        WHERE user_id = ANY(%s::uuid[]) AND visit_id IS NOT NULL
    ) was
    WHERE k.user_id = was.user_id AND k.at = was.at AND k.id = was.id
    RETURNING k.user_id, was.visit_at, was.visit_id, k.seconds
)
UPDATE profiles_event e SET duration_seconds = nullif(coalesce(e.duration_seconds, 0) - back.seconds, 0)
FROM (SELECT user_id, visit_at, visit_id, sum(seconds) AS seconds FROM released GROUP BY 1, 2, 3) back
WHERE e.user_id = back.user_id AND e.occurred_at = back.visit_at AND e.id = back.visit_id
"""


def release(user_ids: Collection[UUID]) -> None:
    """Take the seconds of users' kept ends back; `settle_users` gives them again."""
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [array_literal(user_ids, "uuid")])


def forget_before(received_before: datetime) -> int:
    """Forget ends that have waited, or stood by, for longer than data comes late; return how many."""
    return KeptViewEnd.objects.filter(received_at__lt=received_before).delete()[0]
