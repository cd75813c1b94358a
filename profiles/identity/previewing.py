"""What a merge by hand would make of two users, field by field, before anybody does it. Changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from profiles.identity.services import CannotMergeError, snapshot
from profiles.users import merging, services as user_services
from profiles.users.models import AppUser
from profiles.users.properties import DETAILS

_FACTS: Final = (
    *("platform", "platform_version", "app_version", "device_name", "device", "browser", "locale", "language"),
    *("country", "region", "city", "source"),
)
_ACTIVITY: Final = (
    *("sessions_count", "total_seconds", "events_count", "crashes_count", "first_seen_at", "last_seen_at"),
)


@dataclass(frozen=True, slots=True)
class FieldPreview:
    """A field of both users and of what they become. None: unknown."""

    name: str
    survivor: Any
    absorbed: Any
    merged: Any

    @property
    def differs(self) -> bool:
        """Whether a value of one of the two is lost."""
        return None not in (self.survivor, self.absorbed) and self.survivor != self.absorbed


def preview(survivor: AppUser, absorbed: AppUser) -> list[FieldPreview]:
    """Return every field that either of the two knows. Raises CannotMergeError. Two queries."""
    if survivor.id == absorbed.id:
        raise CannotMergeError("A user cannot be merged with itself.")
    ids = [survivor.id, absorbed.id]
    activity, profiles = user_services.load_activity(ids), user_services.load_profiles(ids)
    if not all(id in activity and id in profiles for id in ids):
        raise CannotMergeError("One of the two was merged or deleted meanwhile.")
    mine, theirs = (snapshot(profiles[id], activity[id]) for id in ids)
    merged = merging.merge(mine, theirs, survivor_id=survivor.id, survivor_device_id=survivor.device_id).fields
    return [
        row for row in _rows(mine, theirs, merged) if row.survivor not in (None, "") or row.absorbed not in (None, "")
    ]


def _rows(mine: Mapping[str, Any], theirs: Mapping[str, Any], merged: Mapping[str, Any]) -> Iterator[FieldPreview]:
    for name in ("device_id", *DETAILS, *_FACTS, *_ACTIVITY):
        yield FieldPreview(name.replace("_", " "), mine[name], theirs[name], merged[name])
    for name in sorted({*mine["custom"], *theirs["custom"]}):
        yield FieldPreview(name, mine["custom"].get(name), theirs["custom"].get(name), merged["custom"].get(name))
