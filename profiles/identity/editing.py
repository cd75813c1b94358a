"""Changes of users that people and programs make, beside what SDKs send: each value is remembered as theirs.

Details and custom properties follow the SDKs' rules (`profiles.users.properties`), at the server's time.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from profiles.access.models import App
from profiles.identity.services import mark_stale
from profiles.users import keys, memory, merging, properties, services
from profiles.users.locks import lock_shards
from profiles.users.memory import PropertyEntry
from profiles.users.models import PropertyChange
from profiles.users.properties import CUSTOM_PREFIX, DETAILS, JsonValue, Operation, PropertyLimits, Update
from profiles.users.services import Activity

FACTS: Final = (
    *("platform", "platform_version", "app_version", "device", "carrier", "resolution", "manufacturer"),
    *("locale", "language", "country", "region", "city", "source", "browser"),
)
_LIMITS: Final = PropertyLimits()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change: details, operations on custom properties, and facts (columns of AppUser in FACTS)."""

    details: Mapping[str, JsonValue] = field(default_factory=dict)
    custom: Sequence[tuple[str, Operation, JsonValue]] = ()
    facts: Mapping[str, str | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.details or self.custom or self.facts)

    @property
    def identifies(self) -> bool:
        """Whether it says who somebody is; a deletion alone does not."""
        named = any(value not in (None, "") for value in self.details.values())
        return named or any(operation is not Operation.UNSET for _, operation, _ in self.custom)


@transaction.atomic
def create(app: App, device_id: str, edit: Edit, *, source: PropertyChange.Source, now: datetime) -> UUID | None:
    """Create the user of a device, with what is known; None where there is that user already."""
    key = keys.user_key(app.public_id, device_id)
    lock_shards({keys.shard_of(key)})
    if key in services.load_activity([key]):
        return None
    activity = Activity(user_id=key, app_id=app.pk)
    profile = services.new_profile(user_id=key, app_id=app.pk, device_id=device_id, created_at=now)
    entries = _apply(profile, edit, source, now)
    activity.is_identified = profile["is_identified"] = edit.identifies
    place = app.pk, keys.shard_of(key)
    services.count_users({place: 1}, {place: 1} if edit.identifies else {})
    services.give_uids([profile])
    services.save_activity([activity])
    services.save_profiles([profile])
    memory.remember_properties(entries)
    mark_stale(app.pk, [key], now)
    return key


@transaction.atomic
def change(app: App, user_ids: Collection[UUID], edit: Edit, *, source: PropertyChange.Source, now: datetime) -> int:
    """Change users of an app alike, and return how many there were. Waits for the locks of their shards."""
    lock_shards({keys.shard_of(key) for key in user_ids})
    activity = services.load_activity(user_ids)
    profiles = [one for one in services.load_profiles(activity).values() if one["app_id"] == app.pk]
    identified: Counter[tuple[int, int]] = Counter()
    entries: list[PropertyEntry] = []
    for profile in profiles:
        entries += _apply(profile, edit, source, now)
        of_user = activity[profile["id"]]
        if edit.identifies and not of_user.is_identified:
            of_user.is_identified = profile["is_identified"] = True
            identified[app.pk, keys.shard_of(of_user.user_id)] += 1
    services.count_users({}, identified)
    services.save_activity(activity[profile["id"]] for profile in profiles)
    services.save_profiles(profiles)
    memory.remember_properties(entries)
    mark_stale(app.pk, [profile["id"] for profile in profiles], now)
    return len(profiles)


def _apply(profile: dict[str, Any], edit: Edit, source: PropertyChange.Source, now: datetime) -> list[PropertyEntry]:
    """Change a profile in memory, and return what is to be remembered of it."""
    at_ms = (now - _EPOCH) // timedelta(milliseconds=1)
    named = properties.apply(
        {name: profile[name] for name in DETAILS if profile[name] is not None},
        profile["property_times"],
        [Update(name, Operation.SET, value, at_ms) for name, value in edit.details.items()],
    )
    custom = properties.apply(
        profile["custom"],
        named.times,
        [Update(name, operation, value, at_ms) for name, operation, value in edit.custom],
        prefix=CUSTOM_PREFIX,
        limits=_LIMITS,
    )
    profile.update({name: named.values.get(name) for name in DETAILS})
    profile.update(edit.facts, custom=custom.values, property_times=custom.times)
    changes = [*named.changes, *custom.changes]
    former = [
        change.previous
        for change in changes
        if change.name in merging.FORMER_NAMES and isinstance(change.previous, str)
    ]
    if former:
        profile["former_values"] = merging.with_former_values(profile["former_values"], former)
    # Below zero, where no request's id is; unlike those of any other moment.
    first_id = -((now - _EPOCH) // timedelta(microseconds=1)) << 8
    return [
        PropertyEntry(
            user_id=profile["id"],
            changed_at=now,
            id=first_id + position,
            original_user_id=profile["id"],
            received_at=now,
            name=change.name,
            value=change.value,
            source=source.value,
        )
        for position, change in enumerate(changes)
    ]
