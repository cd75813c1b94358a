"""Which values two profiles of one person have when they become one.

Pure, and Countly's rules (its server's merge of app users) in the words of this project. What belongs to a profile
and is not in it - sessions, events, crashes, memory - moves by itself; nothing here knows of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from profiles.users.properties import CUSTOM_PREFIX, DETAILS, NEVER_SET

# Enough for the ids and e-mails of a person; a device that is shared by thousands must not make a row grow for ever.
FORMER_VALUES_CHARACTERS: Final = 2000

# Details by which a person is looked for, also by those that they had before.
FORMER_NAMES: Final = ("email", "username")

_SUMS: Final = frozenset({"sessions_count", "total_seconds", "events_count", "crashes_count"})
_EARLIEST: Final = frozenset({"first_seen_at", "created_at"})
_LATEST: Final = frozenset({"last_seen_at", "last_signal_at"})
_LATEST_SESSION: Final = (
    "session_id",
    "session_started_at",
    "session_last_signal_at",
    "session_ended_at",
    "session_seconds",
)
_PLACE: Final = ("country", "region", "city", "latitude", "longitude")
# One fact in several columns: never half from one device and half from another.
_TOGETHER: Final = (
    ("platform", "platform_version"),
    ("manufacturer", "device", "device_name", "device_type", "resolution", "density", "has_hinge"),
    ("locale", "language"),
    ("browser", "browser_version"),
    ("source", "source_channel"),
    ("sdk_name", "sdk_version"),
    _PLACE,
)


class Base(StrEnum):
    """Whose values win where the two differ."""

    SURVIVOR = "survivor"
    ABSORBED = "absorbed"


@dataclass(frozen=True, slots=True)
class Merged:
    """The columns of the survivor after the merge, and whose values won."""

    fields: dict[str, Any]
    base: Base


def base_of(survivor: Mapping[str, Any], absorbed: Mapping[str, Any]) -> Base:
    """Return whose values win: who began the later session; the absorbed where the survivor has begun none."""
    last, other = survivor.get("session_started_at"), absorbed.get("session_started_at")
    if last is None or (other is not None and last < other):
        return Base.ABSORBED
    return Base.SURVIVOR


def merge(
    survivor: Mapping[str, Any] | None, absorbed: Mapping[str, Any], *, survivor_id: UUID, survivor_device_id: str
) -> Merged:
    """Merge two profiles, given as columns by name; None, or no such column, means unknown.

    The columns are those of `AppUser` and `UserActivity`, together or either. The survivor, or the new user where there
    is no survivor yet (a renaming), keeps key, device id, and the uid if it has one. Then:

    - counts and seconds add up, first times are the earliest, last times the latest;
    - the present session is, as a whole, that of who began the later one;
    - of everything else the base's values win and the other's fill gaps: columns one by one, objects by their
      first-level keys, arrays by items. Columns that describe one thing are filled only if the two do not contradict;
    - who opted out of being located, and was heard of nowhere since, stays out;
    - a property that the base deleted after the other set it stays deleted;
    - the absorbed device id, and an e-mail and a username that lost, are kept for search;
    - the result is identified.
    """
    survivor = survivor or {}
    base_kind = base_of(survivor, absorbed)
    base, other = (survivor, absorbed) if base_kind == Base.SURVIVOR else (absorbed, survivor)
    columns = {**absorbed, **survivor}
    merged: dict[str, Any] = {name: _merge_column(name, base.get(name), other.get(name)) for name in columns}
    if base.get("session_started_at") is not None:
        merged |= {name: base.get(name) for name in _LATEST_SESSION if name in columns}
    for group in _TOGETHER:
        if any(_differ(base.get(name), other.get(name)) for name in group):
            merged |= {name: base.get(name) for name in group if name in columns}
    if (hidden_at := _place_hidden_at(base, other)) is not None:
        merged |= {name: None for name in _PLACE if name in columns} | {"place_at": hidden_at}
    merged |= {name: value for name, value in _merge_properties(base, other).items() if name in columns}
    former = [*_lines(survivor), *_lines(absorbed), absorbed.get("device_id")]
    former += [
        profile.get(name)
        for name in FORMER_NAMES
        for profile in (survivor, absorbed)
        if profile.get(name) != merged.get(name)
    ]
    identity = {
        "id": survivor_id,
        "user_id": survivor_id,
        "uid": survivor.get("uid") or absorbed.get("uid"),
        "device_id": survivor_device_id,
        "device_id_type": survivor.get("device_id_type"),
        "is_identified": True,
        "former_values": with_former_values("", (value for value in former if value)),
    }
    merged |= {name: value for name, value in identity.items() if name in columns}
    return Merged(merged, base_kind)


def with_former_values(known: str, values: Iterable[str]) -> str:
    """Add values, one a line, to those kept for search; the oldest give way where there are too many."""
    lines = dict.fromkeys([*known.split("\n"), *values])
    lines.pop("", None)
    kept: list[str] = []
    room = FORMER_VALUES_CHARACTERS
    for line in reversed(lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(reversed(kept))


def _place_hidden_at(*profiles: Mapping[str, Any]) -> Any:
    """Return when somebody opted out of being located, if neither of two profiles has heard of a place since."""
    placed = [profile for profile in profiles if profile.get("place_at") is not None]
    newest = max(placed, key=itemgetter("place_at"), default=None)
    if newest is None or any(newest.get(name) is not None for name in _PLACE):
        return None
    return newest["place_at"]


def _lines(profile: Mapping[str, Any]) -> list[str]:
    former: str = profile.get("former_values") or ""
    return former.split("\n")


def _merge_column(name: str, value: Any, second: Any) -> Any:
    if value is None or second is None:
        return second if value is None else value
    if name in _SUMS:
        return value + second
    if name in _EARLIEST:
        return min(value, second)
    if name in _LATEST:
        return max(value, second)
    if isinstance(value, dict) and isinstance(second, dict):
        return value | {key: item for key, item in second.items() if value.get(key) is None}
    if isinstance(value, list) and isinstance(second, list):
        return value + [item for item in second if item not in value]
    return value


def _differ(value: Any, second: Any) -> bool:
    return value is not None and second is not None and value != second


def _merge_properties(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Merge details, custom properties and their times.

    The last time is the later of both even where the older value won: what was stamped before either must not come
    back.
    """
    base_times: dict[str, list[int]] = base.get("property_times") or {}
    other_times: dict[str, list[int]] = other.get("property_times") or {}

    def merged_value(name: str, value: Any, second: Any) -> Any:
        if value is not None or second is None:
            return value
        deleted, filling = base_times.get(name), other_times.get(name)
        return None if deleted and filling and filling[1] <= deleted[1] else second

    merged = {name: merged_value(name, base.get(name), other.get(name)) for name in DETAILS}
    custom = dict(base.get("custom") or {})
    for name, second in (other.get("custom") or {}).items():
        value = merged_value(CUSTOM_PREFIX + name, custom.get(name), second)
        if value is not None:
            custom[name] = value
    times = {name: _merge_span(base_times.get(name), other_times.get(name)) for name in {**base_times, **other_times}}
    return {**merged, "custom": custom, "property_times": times}


def _merge_span(span: list[int] | None, second: list[int] | None) -> list[int]:
    if span is None or second is None:
        return span or second or []
    firsts = [first for first in (span[0], second[0]) if first != NEVER_SET]
    return [min(firsts, default=NEVER_SET), max(span[1], second[1])]
