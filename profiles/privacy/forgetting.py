"""Deletes everything that is held on some users, in the caller's transaction, and counts what it was.

Raw SQL, because the tables are found at run time (`holdings`) and their rows must not travel: one DELETE a table, along
the index that leads with the column. Table and column names are those of our models.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from profiles import pictures
from profiles.access.models import App
from profiles.bulk import array_literal
from profiles.crashes import forgetting as crash_numbers
from profiles.privacy import tombstones
from profiles.privacy.holdings import Holding, holdings
from profiles.privacy.tombstones import Span
from profiles.users.keys import shard_of
from profiles.users.locks import lock_shards
from profiles.users.models import AppUser, Identity, Merge, PropertyChange
from profiles.users.services import count_users

_PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted: how many users, and how many rows by table."""

    users: int
    rows: Counter[str]


@transaction.atomic
def forget(app: App, user_ids: Collection[UUID], now: datetime, *, may_come_back: bool = False) -> Forgotten:
    """Delete users of an app and all that is held on them; who is not there (any more) is passed over.

    Their devices get tombstones, unless `may_come_back`. Waits for the locks of their shards and holds them. The
    number of statements is fixed, whatever the number of users. Raises what the storage of pictures raises.
    """
    lock_shards({shard_of(key) for key in user_ids})
    users = {user.id: user for user in AppUser.objects.filter(app=app, id__in=user_ids).only("id", "is_identified")}
    ids = list(users)
    if not ids:
        return Forgotten(0, Counter())
    spans = _spans(ids, now)
    others, devices = _devices(ids, spans, now)
    stored = _pictures_of(ids)
    crash_numbers.forget_users(ids)
    rows = Counter({"profiles_merge": _forget_undone_merges(ids)})
    for holding in holdings():
        rows[holding.table] += _delete(holding, devices.keys() - others, devices)
        rows[holding.table] += _delete_of_merged(holding, spans)
    count_users(
        _minus((app.pk, shard_of(key)) for key in ids),
        _minus((app.pk, shard_of(key)) for key, user in users.items() if user.is_identified),
    )
    if not may_come_back:
        tombstones.put(app.pk, spans)
    pictures.forget(app.public_id, stored)  # before the commit: if the storage fails, nothing is called deleted
    return Forgotten(len(ids), +rows)


def _minus(places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    return {place: -number for place, number in Counter(places).items()}


def _spans(user_ids: Collection[UUID], now: datetime) -> list[tuple[UUID, Span]]:
    """Return which data of which devices is theirs: all of their own since somebody else took what was before, and
    what merged devices stamped up to the merge.
    """
    mine = list(Identity.objects.filter(user_id__in=user_ids).values_list("device_key", "until", "user_id"))
    keys = {*user_ids, *(device for device, _, _ in mine)}
    ends: dict[UUID, list[datetime]] = {key: [] for key in keys}
    for device, until in Identity.objects.filter(device_key__in=keys).values_list("device_key", "until"):
        ends[device].append(until)
    spans: list[tuple[UUID, Span]] = [(key, (max(ends[key], default=None), now)) for key in user_ids]
    for device, until, _ in mine:
        spans.append((device, (max((end for end in ends[device] if end < until), default=None), until)))
    return spans


def devices_of(user_ids: Collection[UUID], now: datetime) -> dict[UUID, datetime]:
    """Return the keys of users' devices, and up to when each one's raw requests are theirs."""
    return _devices(user_ids, _spans(user_ids, now), now)[1]


def _devices(
    user_ids: Collection[UUID], spans: Collection[tuple[UUID, Span]], now: datetime
) -> tuple[set[UUID], dict[UUID, datetime]]:
    """Return who of the devices went on as somebody else after a merge, and up to when raw requests are these users':
    of those up to the merge, of the others to the end.
    """
    others = set(AppUser.objects.filter(id__in={key for key, _ in spans}).values_list("id", flat=True)) - set(user_ids)
    return others, {key: until if key in others else now for key, (_, until) in spans}


def _pictures_of(user_ids: Collection[UUID]) -> set[str]:
    """Return the names of the pictures that are kept of users, present and former."""
    values = {
        *AppUser.objects.filter(id__in=user_ids).values_list("picture", flat=True),
        *PropertyChange.objects.filter(user_id__in=user_ids, name=_PICTURE).values_list("value", flat=True),
    }
    return {name for value in values if isinstance(value, str) and (name := pictures.name_in(value))}


def _forget_undone_merges(user_ids: Collection[UUID]) -> int:
    """Delete merges of which the absorbed user lives again: they hold a snapshot of somebody else's row."""
    return Merge.objects.filter(absorbed_id__in=user_ids).exclude(undone_at=None).delete()[0]


def _delete_of_merged(holding: Holding, spans: Collection[tuple[UUID, Span]]) -> int:
    """Delete rows that stayed with a user who was merged into one of these, up to the merge; return how many."""
    if not holding.identity_time:
        return 0
    ends = [(key, since, until) for key, (since, until) in spans]
    keys, since, until = zip(*ends, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            f'DELETE FROM "{holding.table}" r'  # noqa: S608 - a table of ours
            " USING unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS d (key, since, until)"
            f' WHERE r."{holding.column}" = d.key AND (d.since IS NULL OR r."{holding.identity_time}" > d.since)'
            f' AND r."{holding.identity_time}" <= d.until',
            [array_literal(keys, "uuid"), array_literal(since, "timestamptz"), array_literal(until, "timestamptz")],
        )
        return int(cursor.rowcount)


def _delete(holding: Holding, user_ids: Collection[UUID], devices: Mapping[UUID, datetime]) -> int:
    """Delete the rows of one table, and return how many they were."""
    users = array_literal(user_ids, "uuid")
    with connection.cursor() as cursor:
        if holding.is_by_device:
            cursor.execute(
                f'DELETE FROM "{holding.table}" r'  # noqa: S608 - a table of ours
                " USING unnest(%s::uuid[], %s::timestamptz[]) AS d (key, until)"
                f' WHERE r."{holding.column}" = d.key'
                " AND (r.user_id = ANY(%s::uuid[]) OR coalesce(r.stamped_at, r.received_at) <= d.until)",
                [array_literal(devices.keys(), "uuid"), array_literal(devices.values(), "timestamptz"), users],
            )
        else:
            cursor.execute(
                f'DELETE FROM "{holding.table}" WHERE "{holding.column}" = ANY(%s::uuid[])',  # noqa: S608 - as above
                [users],
            )
        return int(cursor.rowcount)
