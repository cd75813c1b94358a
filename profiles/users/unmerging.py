"""Which values two profiles have when their merge is undone. Pure; the other direction is `profiles.users.merging`.

Both go back to what they were, and keep what came since: a property goes to the one whose device set it, with the
value that it has. What a device says of itself (facts, place, campaign) and what cannot be told apart stays with the
survivor, whose profile it was meanwhile.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from profiles.users.properties import CUSTOM_PREFIX, DETAILS, NEVER_SET

# Columns that were taken over together, at the time in the first one.
_FACTS: Final = (
    "platform", "platform_version", "manufacturer", "device", "device_name", "device_type", "resolution", "density",
    "orientation", "has_hinge", "carrier", "locale", "language", "app_version", "browser", "browser_version", "source",
    "source_channel",
)  # fmt: skip
_DATED: Final = (("facts_at", _FACTS), ("place_at", ("country", "region", "city", "latitude", "longitude")))
# Not compared: put together below, or by who counts rows again.
_APART: Final = frozenset({"custom", "property_times", "consent", "former_values", "is_identified", *DETAILS})
_DEVELOPERS_ID: Final = 0  # a device id that the developer supplied: its user is identified


@dataclass(frozen=True, slots=True)
class LastSet:
    """The last value that a side's devices gave a property: None for deleted. `is_since`: after the merge."""

    name: str
    value: Any
    at_ms: int
    is_since: bool


@dataclass(frozen=True, slots=True)
class Side:
    """What the devices of one side said, newest for each property; consents in the order in which they came."""

    properties: Iterable[LastSet] = ()
    consents: Iterable[Mapping[str, bool]] = ()


def unmerge(
    now: Mapping[str, Any],
    merged: Mapping[str, Any],
    survivor_before: Mapping[str, Any],
    absorbed_before: Mapping[str, Any],
    survivor_side: Side,
    absorbed_side: Side,
    merged_at_ms: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns of survivor and absorbed, apart again. Counts and sessions are not decided here.

    `now` is the profile that both are, `merged` what the merge made of the two that were before: where it still says
    so, nothing came since.
    """
    survivor = {name: survivor_before[name] if _same(now, merged, name) else now[name] for name in now}
    for stamp, columns in _DATED:
        source = survivor_before if _same(now, merged, stamp) else now
        survivor |= {name: source[name] for name in (stamp, *columns)}
    absorbed = {name: absorbed_before[name] for name in now}
    is_survivor_told = _restore(survivor, survivor_before, survivor_side, merged)
    is_absorbed_told = _restore(absorbed, absorbed_before, absorbed_side, merged)
    is_survivor_told |= _keep_repeated(survivor, absorbed, now, merged, merged_at_ms)
    brought = set(_lines(merged)) - set(_lines(survivor_before))
    survivor["former_values"] = "\n".join(line for line in _lines(now) if line not in brought)
    survivor["is_identified"] = (
        survivor_before["is_identified"] or is_survivor_told or survivor["device_id_type"] == _DEVELOPERS_ID
    )
    absorbed["is_identified"] = absorbed_before["is_identified"] or is_absorbed_told
    return survivor, absorbed


def rejoin(was: Mapping[str, Any], living: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of one user who was away: what it was, and what its device said meanwhile on top."""
    columns = {name: was[name] if living[name] is None else living[name] for name in living}
    for stamp, dated in _DATED:
        if living[stamp] is None:
            columns |= {name: was[name] for name in (stamp, *dated)}
    values, times = _values(was), dict(was["property_times"])
    present = _values(living)
    for name, span in living["property_times"].items():
        first, last = times.get(name, (NEVER_SET, None))
        if last is None or span[1] >= last:
            values[name] = present.get(name)
            times[name] = [first if first != NEVER_SET else span[0], span[1]]
    lines = dict.fromkeys([*_lines(was), *_lines(living)])
    return (
        columns
        | _columns(values)
        | {
            "property_times": times,
            "consent": was["consent"] | living["consent"],
            "former_values": "\n".join(lines),
            "is_identified": was["is_identified"] or living["is_identified"],
            "first_seen_at": was["first_seen_at"] or living["first_seen_at"],
        }
    )


def _same(now: Mapping[str, Any], merged: Mapping[str, Any], name: str) -> bool:
    return name in _APART or bool(now[name] == merged[name])


def _restore(fields: dict[str, Any], before: Mapping[str, Any], side: Side, merged: Mapping[str, Any]) -> bool:
    """Put a side's properties and consents back, and what it said since on top; tell whether it told of itself."""
    values, together = _values(before), _values(merged)
    times = dict(before["property_times"])
    is_told = False
    for one in side.properties:
        first, last = times.get(one.name, (NEVER_SET, None))
        if last is None or one.at_ms > last or (one.at_ms == last and one.is_since):
            # What was deleted and had been nobody's before, was set since.
            is_told |= one.value is not None or together.get(one.name) is None
            values[one.name] = one.value
            times[one.name] = [one.at_ms if first == NEVER_SET and one.value is not None else first, one.at_ms]
    fields |= _columns(values) | {"property_times": times, "consent": dict(before["consent"])}
    for changes in side.consents:
        fields["consent"] |= changes
    fields["former_values"] = before["former_values"]
    return is_told


def _keep_repeated(
    survivor: dict[str, Any],
    absorbed: dict[str, Any],
    now: Mapping[str, Any],
    merged: Mapping[str, Any],
    merged_at_ms: int,
) -> bool:
    """Keep what was set since to what it was already: that left a time, and no change that says by whom.

    It is the survivor's, unless it is from before the merge and the absorbed user has that very value. Tells whether
    the survivor told of itself.
    """
    values, others = _values(survivor), _values(absorbed)
    present = _values(now)
    is_told = False
    for name, span in now["property_times"].items():
        known = (profile["property_times"].get(name) for profile in (merged, survivor, absorbed))
        if any(one is not None and span[1] <= one[1] for one in known):
            continue
        value = present.get(name)
        if span[1] <= merged_at_ms and value is not None and others.get(name) == value:
            absorbed["property_times"][name] = span
        else:
            values[name] = value
            survivor["property_times"][name] = span
            is_told |= value is not None
    survivor |= _columns(values)
    return is_told


def _values(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return details and custom properties under the names that changes have."""
    custom = {CUSTOM_PREFIX + name: value for name, value in profile["custom"].items()}
    return {name: profile[name] for name in DETAILS} | custom


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    start = len(CUSTOM_PREFIX)
    custom = {
        name[start:]: value for name, value in values.items() if name.startswith(CUSTOM_PREFIX) and value is not None
    }
    return {name: values[name] for name in DETAILS} | {"custom": custom}


def _lines(profile: Mapping[str, Any]) -> list[str]:
    return [line for line in profile["former_values"].split("\n") if line]
