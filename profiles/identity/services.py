"""Merges two users into one, as a row that can be shown, explained and undone.

Above the subjects whose rows it moves. Whoever merges holds the locks of both users' shards, in one transaction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from profiles.access.models import App
from profiles.activity import recording, services as activity_services, view_ends
from profiles.activity.models import Stale
from profiles.crashes import services as crash_services
from profiles.users import keys, memory, merging, services as user_services, tokens
from profiles.users.locks import lock_shards
from profiles.users.models import AppUser, Identity, Merge
from profiles.users.services import Activity


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a merge did: whether there was anybody to absorb, and the crash groups that hit both users."""

    is_absorbed: bool
    lost_crash_users: Sequence[int] = ()


NOTHING_ABSORBED = Absorbed(is_absorbed=False)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# Until when a device is its survivor's where a person merged by hand: whatever it sends, until that is undone.
FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)


class CannotMergeError(Exception):
    """The two cannot become one; the words say why."""


def merge_for_sdk(
    *,
    app_id: int,
    request_id: int,
    survivor_id: UUID,
    survivor_device_id: str,
    absorbed_id: UUID,
    absorbed_device_id: str,
    merged_at: datetime,
    now: datetime,
) -> Absorbed:
    """Carry out the change of device id that an SDK asked for.

    What the old device stamped up to `merged_at` is the survivor's from now on, whether it came before or comes later.
    A survivor of whom nothing is known yet takes the absorbed user over as a whole, uid included: a renaming.
    About fifty statements; merges are few.
    """
    brought = _give_device(app_id, absorbed_id, absorbed_device_id, merged_at, survivor_id, request_id)
    if absorbed_id == survivor_id:
        return NOTHING_ABSORBED
    activity = user_services.load_activity([survivor_id, absorbed_id])
    if absorbed_id not in activity:
        return NOTHING_ABSORBED
    profiles = user_services.load_profiles([survivor_id, absorbed_id])
    absorbed = snapshot(profiles[absorbed_id], activity[absorbed_id])
    survivor = snapshot(profiles[survivor_id], activity[survivor_id]) if survivor_id in activity else None
    Merge.objects.create(
        user_id=survivor_id,
        id=request_id,
        app_id=app_id,
        absorbed_id=absorbed_id,
        absorbed_device_id=absorbed_device_id,
        absorbed_uid=absorbed["uid"],
        merged_at=merged_at,
        applied_at=now,
        brought=brought,
        survivor_before=_as_json(survivor),
        absorbed_before=_as_json(absorbed),
    )
    if survivor is not None:  # where the chain went on before this merge arrived, that is another device's user
        survivor_device_id = survivor["device_id"]
    return _absorb(app_id, survivor, absorbed, survivor_id, survivor_device_id, absorbed_id)


def merge_by_hand(*, survivor: AppUser, absorbed: AppUser, merged_by: AbstractBaseUser, now: datetime) -> Merge:
    """Make two users of an app one, for good: whatever the absorbed user's device sends later is the survivor's.

    Takes the locks of both users' shards. Raises CannotMergeError.
    """
    with transaction.atomic():
        lock_shards({keys.shard_of(survivor.id), keys.shard_of(absorbed.id)})
        ids = [survivor.id, absorbed.id]
        activity, profiles = user_services.load_activity(ids), user_services.load_profiles(ids)
        if survivor.id == absorbed.id:
            raise CannotMergeError("A user cannot be merged with itself.")
        if not all(id in activity and id in profiles for id in ids):
            raise CannotMergeError("One of the two was merged or deleted meanwhile.")
        before = [snapshot(profiles[id], activity[id]) for id in ids]
        merge_id = -((now - _EPOCH) // timedelta(microseconds=1))
        brought = _give_device(survivor.app_id, absorbed.id, absorbed.device_id, FOR_EVER, survivor.id, merge_id)
        merge = Merge.objects.create(
            user_id=survivor.id,
            id=merge_id,
            app_id=survivor.app_id,
            absorbed_id=absorbed.id,
            absorbed_device_id=absorbed.device_id,
            absorbed_uid=absorbed.uid,
            source=Merge.Source.MANUAL,
            merged_at=now,
            applied_at=now,
            brought=brought,
            survivor_before=_as_json(before[0]),
            absorbed_before=_as_json(before[1]),
            merged_by_id=merged_by.pk,
        )
        done = _absorb(survivor.app_id, before[0], before[1], survivor.id, survivor.device_id, absorbed.id)
        crash_services.record((), lost_users=done.lost_crash_users)
        mark_stale(survivor.app_id, ids, now)
        return merge


def mark_stale(app_id: int, ids: Sequence[UUID], now: datetime) -> None:
    """Say that scores and funnels of these users must be computed again."""
    for kind in (Stale.Kind.ENGAGEMENT, Stale.Kind.FUNNELS):
        activity_services.mark_stale(kind, [(id, app_id) for id in ids], now)


def _absorb(
    app_id: int,
    survivor: dict[str, Any] | None,
    absorbed: dict[str, Any],
    survivor_id: UUID,
    survivor_device_id: str,
    absorbed_id: UUID,
) -> Absorbed:
    """Move everything of the absorbed user to the survivor, and write the survivor as both are together."""
    merged = merging.merge(survivor, absorbed, survivor_id=survivor_id, survivor_device_id=survivor_device_id)
    ranges = [recording.range_of_signals(user_id) for user_id in (survivor_id, absorbed_id)]
    activity_services.move_history(absorbed_id, survivor_id)
    view_ends.settle_users([survivor_id])
    memory.move_memory(absorbed_id, survivor_id)
    tokens.move_tokens(absorbed_id, survivor_id)
    lost_crash_users = crash_services.move(absorbed_id, survivor_id)
    user_services.forget_user(absorbed_id)
    row = Activity(**{name: merged.fields[name] for name in user_services.ACTIVITY_COLUMNS})
    match ranges:
        case [(_, _) as own, (_, _) as others]:
            timezone = App.objects.values_list("timezone", flat=True).get(id=app_id)
            recording.fold_merged(row, own, others, ZoneInfo(timezone))
    user_services.save_profiles([{name: merged.fields[name] for name in user_services.PROFILE_COLUMNS}])
    user_services.save_activity([row])
    _count(app_id, survivor_id, survivor, absorbed_id, absorbed)
    return Absorbed(is_absorbed=True, lost_crash_users=lost_crash_users)


def _give_device(
    app_id: int, device_key: UUID, device_id: str, until: datetime, user_id: UUID, merge_id: int
) -> list[list[str]]:
    """Say that what a device stamped up to `until` belongs to a user, and likewise what belonged to its own user.

    Returns every identity that changed hands, as [device key, until].
    """
    theirs = Identity.objects.filter(user_id=device_key)
    brought = [[key.hex, at.isoformat()] for key, at in theirs.values_list("device_key", "until")]
    theirs.update(user_id=user_id)
    Identity.objects.update_or_create(
        device_key=device_key,
        until=until,
        defaults={"user_id": user_id, "app_id": app_id, "device_id": device_id, "merge_id": merge_id},
    )
    own = [device_key.hex, until.isoformat()]
    return brought if own in brought else [*brought, own]


def snapshot(profile: dict[str, Any], activity: Activity) -> dict[str, Any]:
    """Return both rows of a user as columns by name."""
    return {**profile, **{name: getattr(activity, name) for name in user_services.ACTIVITY_COLUMNS}}


def _as_json(snapshot: dict[str, Any] | None) -> Any:
    """Return a snapshot as plain JSON values: times in ISO 8601, keys as text."""
    return msgspec.to_builtins(snapshot)


def save(columns: dict[str, Any]) -> None:
    """Write both rows of a user."""
    user_services.save_profiles([{name: columns[name] for name in user_services.PROFILE_COLUMNS}])
    user_services.save_activity([Activity(**{name: columns[name] for name in user_services.ACTIVITY_COLUMNS})])


def _count(
    app_id: int, survivor_id: UUID, survivor: dict[str, Any] | None, absorbed_id: UUID, absorbed: dict[str, Any]
) -> None:
    """Take the absorbed user out of the app's totals; the survivor is counted as identified from now on."""
    users: Counter[tuple[int, int]] = Counter()
    identified: Counter[tuple[int, int]] = Counter()
    users[app_id, keys.shard_of(absorbed_id)] -= 1
    identified[app_id, keys.shard_of(absorbed_id)] -= int(absorbed["is_identified"])
    if survivor is None:
        users[app_id, keys.shard_of(survivor_id)] += 1
    identified[app_id, keys.shard_of(survivor_id)] += 1 - int(survivor is not None and survivor["is_identified"])
    user_services.count_users(users, identified)
