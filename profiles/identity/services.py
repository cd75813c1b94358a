"""Merges two users into one, as a row that can be shown, explained and undone.

Above the subjects whose rows it moves. The caller holds the locks of both users' shards; everything here is in its
transaction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from profiles.activity import services as activity_services
from profiles.crashes import services as crash_services
from profiles.users import keys, memory, merging, services as user_services, tokens
from profiles.users.models import Identity, Merge
from profiles.users.services import Activity


@dataclass(frozen=True, slots=True)
class Absorbed:
    """What a merge did: whether there was anybody to absorb, and the crash groups that hit both users."""

    is_absorbed: bool
    lost_crash_users: Sequence[int] = ()


NOTHING_ABSORBED = Absorbed(is_absorbed=False)


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
    _give_device(app_id, absorbed_id, absorbed_device_id, merged_at, survivor_id, request_id)
    if absorbed_id == survivor_id:
        return NOTHING_ABSORBED
    activity = user_services.load_activity([survivor_id, absorbed_id])
    if absorbed_id not in activity:
        return NOTHING_ABSORBED
    profiles = user_services.load_profiles([survivor_id, absorbed_id])
    absorbed = _snapshot(profiles[absorbed_id], activity[absorbed_id])
    survivor = _snapshot(profiles[survivor_id], activity[survivor_id]) if survivor_id in activity else None
    Merge.objects.create(
        user_id=survivor_id,
        id=request_id,
        app_id=app_id,
        absorbed_id=absorbed_id,
        absorbed_device_id=absorbed_device_id,
        merged_at=merged_at,
        applied_at=now,
        survivor_before=_as_json(survivor),
        absorbed_before=_as_json(absorbed),
    )
    merged = merging.merge(survivor, absorbed, survivor_id=survivor_id, survivor_device_id=survivor_device_id)
    activity_services.move_history(absorbed_id, survivor_id)
    memory.move_memory(absorbed_id, survivor_id)
    tokens.move_tokens(absorbed_id, survivor_id)
    lost_crash_users = crash_services.move(absorbed_id, survivor_id)
    user_services.forget_user(absorbed_id)
    _save(merged.fields)
    _count(app_id, survivor_id, survivor, absorbed_id, absorbed)
    return Absorbed(is_absorbed=True, lost_crash_users=lost_crash_users)


def _give_device(app_id: int, device_key: UUID, device_id: str, until: datetime, user_id: UUID, merge_id: int) -> None:
    """Say that what a device stamped up to `until` belongs to a user, and likewise what belonged to its own user."""
    Identity.objects.filter(user_id=device_key).update(user_id=user_id)
    Identity.objects.update_or_create(
        device_key=device_key,
        until=until,
        defaults={"user_id": user_id, "app_id": app_id, "device_id": device_id, "merge_id": merge_id},
    )


def _snapshot(profile: dict[str, Any], activity: Activity) -> dict[str, Any]:
    """Return both rows of a user as columns by name."""
    return {**profile, **{name: getattr(activity, name) for name in user_services.ACTIVITY_COLUMNS}}


def _as_json(snapshot: dict[str, Any] | None) -> Any:
    """Return a snapshot as plain JSON values: times in ISO 8601, keys as text."""
    return msgspec.to_builtins(snapshot)


def _save(columns: dict[str, Any]) -> None:
    """Write both rows of the survivor."""
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
