"""Writes about crashes: occurrences in batches, rows that move when users merge.

Callers of `record` and `move` hold the lock of every user's shard. Raw SQL where a whole batch is one statement; the
reason is in `profiles.bulk`.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from profiles.access.models import App, new_public_id
from profiles.bulk import BulkTable, Part, array_literal
from profiles.crashes import alerts
from profiles.crashes.crash_free import Crashed, count_crashed, move_crashed
from profiles.crashes.fingerprint import CrashFacts, Fingerprint, fingerprint
from profiles.crashes.merging import keep_merges
from profiles.crashes.models import CrashAlert, CrashGroup
from profiles.crashes.versions import is_newer, newest

# What only the page of one occurrence reads; kept apart from what is counted over many.
LONG_TEXTS = ("error", "logs", "native_dump", "apple_report", "binary_images")

_CRASHES = BulkTable(
    "profiles_crash",
    {
        "user_id": "uuid",
        "occurred_at": "timestamptz",
        "id": "bigint",
        "original_user_id": "uuid",
        "received_at": "timestamptz",
        "app_id": "bigint",
        "group_id": "bigint",
        "app_version": "text",
        "report": "jsonb",
        "texts": "jsonb",
    },
    key=("user_id", "occurred_at", "id"),
    time="occurred_at",
)
_VERSIONS = BulkTable(
    "profiles_crashversion",
    {
        "group_id": "bigint",
        "app_version": "text",
        "count": "bigint",
        "first_at": "timestamptz",
        "last_at": "timestamptz",
    },
    key=("group_id", "app_version"),
    added=frozenset({"count"}),
    least=frozenset({"first_at"}),
    greatest=frozenset({"last_at"}),
)
_DAYS = BulkTable(
    "profiles_crashday",
    {"group_id": "bigint", "on": "date", "count": "integer"},
    key=("group_id", "on"),
    added=frozenset({"count"}),
)

# Not BulkTable: the version belongs to the later of both times.
_ADD_TO_USER = """
ON CONFLICT (user_id, group_id, original_user_id) DO UPDATE SET
    count = t.count + excluded.count,
    last_at = greatest(t.last_at, excluded.last_at),
    last_app_version =
        CASE WHEN excluded.last_at >= t.last_at THEN excluded.last_app_version ELSE t.last_app_version END
"""
_UPSERT_USERS = (
    """
INSERT INTO profiles_crashuser AS t (user_id, group_id, original_user_id, app_id, count, last_at, last_app_version)
SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::bigint[], %s::integer[], %s::timestamptz[], %s::text[])
"""
    + _ADD_TO_USER
)

# Of each fingerprint: its own group, the one that stands for it, and all that are merged into that.
_FIND_GROUPS = """
SELECT g.app_id, g.fingerprint, g.id, r.id, r.public_id,
    ARRAY(SELECT m.id FROM profiles_crashgroup m WHERE m.merged_into_id = r.id)
FROM unnest(%s::bigint[], %s::text[]) AS wanted (app_id, fingerprint)
JOIN profiles_crashgroup g ON g.app_id = wanted.app_id AND g.fingerprint = wanted.fingerprint
JOIN profiles_crashgroup r ON r.id = coalesce(g.merged_into_id, g.id)
"""

# A group that another worker is making at this moment is waited for, and found by the next _FIND_GROUPS.
_MAKE_GROUPS = """
INSERT INTO profiles_crashgroup (app_id, fingerprint, public_id, title, culprit, platform, is_fatal, first_seen_at,
    last_seen_at, state, resolved_version, latest_version, occurrences_count, users_count)
SELECT *, 'open', '', '', 0, 0
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::boolean[], %s::timestamptz[],
    %s::timestamptz[])
ON CONFLICT (app_id, fingerprint) DO NOTHING
RETURNING id
"""

# Primary key of profiles_crashuser: one probe for each pair of user and group of the batch.
_FIND_KNOWN_USERS = """
SELECT DISTINCT u.user_id, u.group_id
FROM unnest(%s::uuid[], %s::bigint[]) AS wanted (user_id, group_id)
JOIN profiles_crashuser u ON u.user_id = wanted.user_id AND u.group_id = wanted.group_id
"""

_UPDATE_GROUPS = """
UPDATE profiles_crashgroup g SET
    occurrences_count = g.occurrences_count + n.occurrences,
    users_count = g.users_count + n.users,
    first_seen_at = least(g.first_seen_at, n.first_at),  -- of null and a time: the time
    last_seen_at = greatest(g.last_seen_at, n.last_at),
    latest_version = n.latest_version,
    state = n.state
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[])
    AS n (id, occurrences, users, first_at, last_at, latest_version, state)
WHERE g.id = n.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One crash of one user, as ingest understood it."""

    app_id: int
    user_id: UUID
    original_user_id: UUID
    occurred_at: datetime
    id: int
    """Request id << 16 | position."""
    received_at: datetime
    app_version: str
    report: Mapping[str, Any]
    """The cleaned report; its `error` is the trace."""
    facts: CrashFacts


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a batch of crashes came to."""

    groups: dict[int, str]
    """Id of the occurrence to public id of its group."""
    new: tuple[int, ...] = ()
    """Ids of the groups that were never seen before."""
    reoccurred: tuple[int, ...] = ()
    """Ids of the groups that had been resolved and struck again in a newer version."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where crashes of a fingerprint go: filed under a group of their own, counted in the one that stands for it."""

    own_id: int
    group_id: int
    public_id: str
    members: tuple[int, ...]
    """All groups that are counted together, `group_id` among them."""


@dataclass(slots=True)
class _Hits:
    """What one batch adds to one group."""

    occurrences: int = 0
    versions: set[str] = field(default_factory=set)
    first_at: datetime | None = None
    last_at: datetime | None = None

    def add(self, occurrence: Occurrence) -> None:
        at = occurrence.occurred_at
        self.occurrences += 1
        self.versions.add(occurrence.app_version)
        self.first_at = at if self.first_at is None else min(self.first_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)


_GroupKey = tuple[int, str]


@transaction.atomic(savepoint=False)
def record(occurrences: Collection[Occurrence], *, lost_users: Iterable[int] = (), shard: int = 0) -> Recorded:
    """Record crashes of any number of apps and users: at most fifteen statements, whatever the number of crashes.

    `lost_users` names groups that count one user less after a merge, as `move` returned them; `shard` is the lowest
    that the caller holds. Adds to counters, so each occurrence may come only once. The groups' rows are locked in the
    order of their ids, by the last two statements: call it late in the transaction, and once.
    """
    lost = Counter(lost_users)
    if not occurrences:
        if lost:
            _update_groups({group_id: _Hits() for group_id in lost}, {group_id: -n for group_id, n in lost.items()})
        return Recorded({})
    keep_merges()
    prints = _fingerprints(occurrences)
    keys = [(one.app_id, prints[one.facts].digest) for one in occurrences]
    found, new = _groups(occurrences, prints, keys)
    places = [found[key] for key in keys]
    zones = _zones({one.app_id for one in occurrences})
    hits: dict[int, _Hits] = {}
    for one, place in zip(occurrences, places, strict=True):
        hits.setdefault(place.group_id, _Hits()).add(one)

    _insert_crashes(occurrences, places)
    new_users = _upsert_users(occurrences, places)
    _count_days(occurrences, places, zones)
    _count_versions(occurrences, places)
    count_crashed(
        [
            Crashed(one.user_id, one.original_user_id, one.app_id, one.occurred_at)
            for one in occurrences
            if one.facts.is_fatal
        ],
        zones,
        shard=shard,
    )
    new_users.subtract(lost)
    for group_id in lost:
        hits.setdefault(group_id, _Hits())
    reoccurred = _update_groups(hits, new_users)
    received_at = max(one.received_at for one in occurrences)
    alerts.note(CrashAlert.Reason.NEW, new, received_at)
    alerts.note(CrashAlert.Reason.REOCCURRED, reoccurred, received_at)
    return Recorded({one.id: place.public_id for one, place in zip(occurrences, places, strict=True)}, new, reoccurred)


def _count_days(occurrences: Iterable[Occurrence], places: Iterable[_Place], zones: Mapping[int, ZoneInfo]) -> None:
    days = Counter(
        (place.own_id, one.occurred_at.astimezone(zones[one.app_id]).date())
        for one, place in zip(occurrences, places, strict=True)
    )
    _DAYS.upsert(sorted((group_id, on, count) for (group_id, on), count in days.items()))


def _count_versions(occurrences: Iterable[Occurrence], places: Iterable[_Place]) -> None:
    versions: dict[tuple[int, str], _Hits] = {}
    for one, place in zip(occurrences, places, strict=True):
        versions.setdefault((place.own_id, one.app_version), _Hits()).add(one)
    _VERSIONS.upsert((*key, hit.occurrences, hit.first_at, hit.last_at) for key, hit in sorted(versions.items()))


def _fingerprints(occurrences: Iterable[Occurrence]) -> dict[CrashFacts, Fingerprint]:
    prints: dict[CrashFacts, Fingerprint] = {}
    for one in occurrences:
        if one.facts not in prints:
            prints[one.facts] = fingerprint(one.facts)
    return prints


def _zones(app_ids: Collection[int]) -> dict[int, ZoneInfo]:
    rows = App.objects.filter(id__in=app_ids).values_list("id", "timezone")
    return {app_id: ZoneInfo(name) for app_id, name in rows}


def _groups(
    occurrences: Iterable[Occurrence], prints: Mapping[CrashFacts, Fingerprint], keys: Sequence[_GroupKey]
) -> tuple[dict[_GroupKey, _Place], tuple[int, ...]]:
    """Return where the crashes of every fingerprint go, and the ids of the groups that were made for it."""
    groups = _find_groups(keys)
    firsts: dict[_GroupKey, Occurrence] = {}
    for one, key in zip(occurrences, keys, strict=True):
        if key not in groups and (key not in firsts or one.occurred_at < firsts[key].occurred_at):
            firsts[key] = one
    if not firsts:
        return groups, ()
    rows = [_new_group(key, firsts[key], prints[firsts[key].facts]) for key in sorted(firsts)]
    kinds = ("bigint", "text", "text", "text", "text", "text", "boolean", "timestamptz", "timestamptz")
    with connection.cursor() as cursor:
        cursor.execute(_MAKE_GROUPS, _arrays(rows, kinds))
        new = tuple(group_id for (group_id,) in cursor.fetchall())
    return groups | _find_groups(list(firsts)), new


def _new_group(key: _GroupKey, first: Occurrence, print_: Fingerprint) -> tuple[Any, ...]:
    facts = first.facts
    platform = facts.platform
    if facts.is_os_independent:
        platform = "JavaScript" if facts.is_javascript else "Any"
    at = first.occurred_at
    return (*key, new_public_id(), print_.title, print_.culprit, platform, facts.is_fatal, at, at)


def _find_groups(keys: Iterable[_GroupKey]) -> dict[_GroupKey, _Place]:
    with connection.cursor() as cursor:
        cursor.execute(_FIND_GROUPS, _arrays(sorted(set(keys)), ("bigint", "text")))
        return {
            (app_id, digest): _Place(own_id, group_id, public_id, (group_id, *merged))
            for app_id, digest, own_id, group_id, public_id, merged in cursor.fetchall()
        }


def _insert_crashes(occurrences: Iterable[Occurrence], places: Iterable[_Place]) -> None:
    rows = [
        (
            one.user_id,
            one.occurred_at,
            one.id,
            one.original_user_id,
            one.received_at,
            one.app_id,
            place.own_id,
            one.app_version,
            {name: value for name, value in one.report.items() if name not in LONG_TEXTS},
            {name: one.report[name] for name in LONG_TEXTS if one.report.get(name)},
        )
        for one, place in zip(occurrences, places, strict=True)
    ]
    rows.sort(key=lambda row: row[:3])
    _CRASHES.insert(rows)


def _upsert_users(occurrences: Iterable[Occurrence], places: Iterable[_Place]) -> Counter[int]:
    """Count the crashes of each user in each group; return by group how many users it had never hit before."""
    rows: dict[tuple[UUID, int, UUID], tuple[int, int, datetime, str]] = {}
    counted_in: dict[int, _Place] = {}
    for one, place in zip(occurrences, places, strict=True):
        counted_in[place.own_id] = place
        key = (one.user_id, place.own_id, one.original_user_id)
        _, count, last_at, version = rows.get(key, (one.app_id, 0, one.occurred_at, one.app_version))
        if one.occurred_at >= last_at:
            last_at, version = one.occurred_at, one.app_version
        rows[key] = (one.app_id, count + 1, last_at, version)
    pairs = {(user_id, counted_in[own_id].group_id) for user_id, own_id, _ in rows}
    # In any of the groups that are counted together.
    asked = {
        (user_id, member): counted_in[own_id].group_id
        for user_id, own_id, _ in rows
        for member in counted_in[own_id].members
    }
    kinds = ("uuid", "bigint", "uuid", "bigint", "integer", "timestamptz", "text")
    with connection.cursor() as cursor:
        cursor.execute(_FIND_KNOWN_USERS, _arrays(sorted(asked), ("uuid", "bigint")))
        known = {(user_id, asked[user_id, member]) for user_id, member in cursor.fetchall()}
        cursor.execute(_UPSERT_USERS, _arrays([(*key, *rows[key]) for key in sorted(rows)], kinds))
    return Counter(group_id for _, group_id in pairs - known)


def _update_groups(hits: Mapping[int, _Hits], new_users: Mapping[int, int]) -> tuple[int, ...]:
    """Move the totals; return the ids of the groups that were resolved and are not any more."""
    locked = (
        CrashGroup.objects.select_for_update(no_key=True)
        .filter(id__in=hits)
        .order_by("id")
        .values_list("id", "state", "resolved_version", "latest_version")
    )
    rows, reoccurred = [], []
    for group_id, state, resolved_version, latest_version in locked:
        hit = hits[group_id]
        if state == CrashGroup.State.RESOLVED and any(is_newer(version, resolved_version) for version in hit.versions):
            state = CrashGroup.State.REOCCURRED
            reoccurred.append(group_id)
        latest_version = newest([latest_version, *sorted(hit.versions)])
        totals = (hit.occurrences, new_users.get(group_id, 0), hit.first_at, hit.last_at)
        rows.append((group_id, *totals, latest_version, str(state)))
    kinds = ("bigint", "bigint", "bigint", "timestamptz", "timestamptz", "text", "text")
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_GROUPS, _arrays(rows, kinds))
    return tuple(reoccurred)


def _arrays(rows: Sequence[tuple[Any, ...]], kinds: Sequence[str]) -> list[str]:
    columns = zip(*rows, strict=True) if rows else ((),) * len(kinds)
    return [array_literal(values, kind) for values, kind in zip(columns, kinds, strict=True)]


# Both tables lead with user_id in their primary key. A row's user is its place (and on Citus its shard): it is
# written anew, never updated.
_MOVE_CRASHES = """
INSERT INTO profiles_crash (user_id, occurred_at, id, original_user_id, received_at, app_id, group_id, app_version,
    report, texts)
SELECT %s, occurred_at, id, original_user_id, received_at, app_id, group_id, app_version, report, texts
FROM profiles_crash WHERE user_id = %s
"""
_FIND_SHARED_GROUPS = """
SELECT coalesce(g.merged_into_id, g.id)
FROM profiles_crashuser u JOIN profiles_crashgroup g ON g.id = u.group_id WHERE u.user_id = %s
INTERSECT
SELECT coalesce(g.merged_into_id, g.id)
FROM profiles_crashuser u JOIN profiles_crashgroup g ON g.id = u.group_id WHERE u.user_id = %s
"""
_MOVE_USERS = (
    """
INSERT INTO profiles_crashuser AS t (user_id, group_id, original_user_id, app_id, count, last_at, last_app_version)
SELECT %s, group_id, original_user_id, app_id, count, last_at, last_app_version
FROM profiles_crashuser WHERE user_id = %s
"""
    + _ADD_TO_USER
)
_DELETE_CRASHES = "DELETE FROM profiles_crash WHERE user_id = %s"
_DELETE_USERS = "DELETE FROM profiles_crashuser WHERE user_id = %s"


@transaction.atomic(savepoint=False)
def move(absorbed_id: UUID, survivor_id: UUID) -> list[int]:
    """Give all crashes of one user to another one: nine statements. `original_user_id` keeps whose they were.

    Returns the ids of the groups that had hit both, to be given to `record` as `lost_users`: nothing is locked here.
    """
    keep_merges()
    move_crashed(absorbed_id, survivor_id)
    with connection.cursor() as cursor:
        cursor.execute(_MOVE_CRASHES, [survivor_id, absorbed_id])
        cursor.execute(_DELETE_CRASHES, [absorbed_id])
        cursor.execute(_FIND_SHARED_GROUPS, [absorbed_id, survivor_id])
        shared = [group_id for (group_id,) in cursor.fetchall()]
        cursor.execute(_MOVE_USERS, [survivor_id, absorbed_id])
        cursor.execute(_DELETE_USERS, [absorbed_id])
    return shared


_GROUPS_OF = """
SELECT u.user_id, coalesce(g.merged_into_id, g.id)
FROM profiles_crashuser u JOIN profiles_crashgroup g ON g.id = u.group_id WHERE u.user_id = ANY(%s::uuid[])
"""
_FORGET_COUNTS = "DELETE FROM profiles_crashuser WHERE user_id = ANY(%s::uuid[]) AND original_user_id = ANY(%s::uuid[])"
_COUNT_AGAIN = """
INSERT INTO profiles_crashuser (user_id, group_id, original_user_id, app_id, count, last_at, last_app_version)
SELECT user_id, group_id, original_user_id, min(app_id), count(*), max(occurred_at),
    (array_agg(app_version ORDER BY occurred_at DESC, id DESC))[1]
FROM profiles_crash
WHERE user_id = ANY(%s::uuid[]) AND original_user_id = ANY(%s::uuid[])
GROUP BY user_id, group_id, original_user_id
"""
_COUNT_OF_USER = "SELECT coalesce(sum(count), 0) FROM profiles_crashuser WHERE user_id = %s"


@transaction.atomic(savepoint=False)
def move_parts(owner: UUID, new_owner: UUID, parts: Collection[Part]) -> None:
    """Give parts of a user's crashes to another, and correct how many users each group hit.

    Locks the groups' rows, in the order of their ids: call it late in the transaction.
    """
    keep_merges()
    both = array_literal([owner, new_owner], "uuid")
    devices = array_literal({part.recorded_for for part in parts}, "uuid")
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS_OF, [both])
        before = Counter(group_id for _, group_id in set(cursor.fetchall()))
        _CRASHES.move(owner, new_owner, parts=parts)
        move_crashed(owner, new_owner, recorded_for={part.recorded_for for part in parts if part.is_whole})
        cursor.execute(_FORGET_COUNTS, [both, devices])
        cursor.execute(_COUNT_AGAIN, [both, devices])
        cursor.execute(_GROUPS_OF, [both])
        after = Counter(group_id for _, group_id in set(cursor.fetchall()))
    changed = {group_id: after[group_id] - before[group_id] for group_id in before | after}
    changed = {group_id: users for group_id, users in changed.items() if users}
    if changed:
        _update_groups({group_id: _Hits() for group_id in changed}, changed)


def count_of_user(user_id: UUID) -> int:
    """Return how many crashes of a user are counted."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_OF_USER, [user_id])
        return int(cursor.fetchone()[0])
