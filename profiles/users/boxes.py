"""What the boxes about the user show: User details, Custom properties, Devices and tokens, Consents.

Plain functions from (app, user, now) to what a template draws; values are strangers' text, escaped there.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from profiles.access.models import App
from profiles.countries import country_name
from profiles.users import querysets
from profiles.users.models import AppUser, ConsentChange, DeviceToken, Identity, Merge, PropertyChange
from profiles.users.properties import CUSTOM_PREFIX, DETAILS, NEVER_SET
from profiles.users.values import Shown, plain_text, show
from profiles.wording import duration, grouped

PROPERTIES_AT_ONCE: Final = 100
PROPERTY_TEXT: Final = 90
EARLIER_AT_ONCE: Final = 10
ONLINE_WITHIN: Final = timedelta(minutes=5)

_DEVICE_ID_TYPES: Final = {
    0: "chosen by the developer",
    1: "made by the SDK",
    2: "made by the SDK (NSUUID)",
    3: "from the address",
    9: "temporary",
}
_GENDERS: Final = {"M": "Male", "F": "Female"}


def is_online(user: AppUser, now: datetime) -> bool:
    """Tell whether the user's session goes on: signalled lately and not reported as ended."""
    activity = user.activity
    if activity.last_seen_at is None or activity.session_id is None:
        return False
    return activity.session_ended_at is None and now - activity.last_seen_at < ONLINE_WITHIN


@dataclass(frozen=True)
class Earlier:
    """A value that a property had: when it was set, by the device's clock, and by what."""

    value: Shown
    at: datetime
    source: str
    is_deletion: bool


# --- User details -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fact:
    """A label and what is known: as text, or as a moment. Nothing is unknown."""

    label: str
    text: str = ""
    at: datetime | None = None
    is_code: bool = False
    is_copied: bool = False
    country: str = ""
    earlier: list[Earlier] = field(default_factory=list)


@dataclass(frozen=True)
class FactGroup:
    """Facts of one kind. `summary` is what a folded group says at once."""

    name: str
    facts: list[Fact]
    summary: str = ""
    is_open: bool = False


@dataclass(frozen=True)
class DetailsBox:
    """Everything that is known of a user but custom properties."""

    groups: list[FactGroup]


def details_box(app: App, user: AppUser, now: datetime) -> DetailsBox:
    """Read the details, in one query for what they were before."""
    earlier = _earlier(querysets.detail_changes(user.id, DETAILS), _present_details(user))
    person = _person(user, now, earlier)
    is_anybody = any(fact.text or fact.earlier for fact in person)
    return DetailsBox(
        [
            FactGroup("Person", person, "nothing sent yet", is_open=is_anybody),
            FactGroup("Activity", _activity(user), is_open=True),
            FactGroup("Place", _place(user), _joined([user.city, country_name(user.country)])),
            FactGroup("Device", _device(user), _joined([user.device_label, platform_of(user)])),
            FactGroup("App and SDK", _software(user), _joined([user.app_version, user.sdk_name])),
            FactGroup("Identifiers", _identifiers(user), f"uid {user.uid}"),
        ]
    )


def platform_of(user: AppUser) -> str:
    """Return the operating system and its version."""
    return " ".join(part for part in (user.platform, user.platform_version) if part)


def _present_details(user: AppUser) -> dict[str, Any]:
    return {name: getattr(user, name) for name in DETAILS}


def _person(user: AppUser, now: datetime, earlier: Mapping[str, list[Earlier]]) -> list[Fact]:
    born = "" if user.birth_year is None else f"{user.birth_year} ({now.year - user.birth_year})"
    gender = _GENDERS.get(user.gender or "", user.gender or "")
    shown = [
        ("Name", "name", user.name),
        ("E-mail", "email", user.email),
        ("Username", "username", user.username),
        ("Phone", "phone", user.phone),
        ("Organization", "organization", user.organization),
        ("Gender", "gender", gender),
        ("Born", "birth_year", born),
        ("Picture", "picture", user.picture),
    ]
    copied = {"email", "phone"}
    return [
        Fact(label, text or "", is_copied=name in copied and bool(text), earlier=earlier.get(name, []))
        for label, name, text in shown
    ]


def _activity(user: AppUser) -> list[Fact]:
    activity = user.activity
    average = activity.total_seconds / activity.sessions_count if activity.sessions_count else None
    return [
        Fact("First seen", at=activity.first_seen_at),
        Fact("Last seen", at=activity.last_seen_at),
        Fact("Sessions", grouped(activity.sessions_count)),
        Fact("Time spent", duration(activity.total_seconds)),
        Fact("Average session", "" if average is None else duration(average)),
        Fact("Events", grouped(activity.events_count)),
        Fact("Crashes", grouped(activity.crashes_count)),
    ]


def _place(user: AppUser) -> list[Fact]:
    point = "" if user.latitude is None or user.longitude is None else f"{user.latitude:.4f}, {user.longitude:.4f}"
    return [
        Fact("Country", country_name(user.country) or "", country=user.country or ""),
        Fact("Region", user.region or ""),
        Fact("City", user.city or ""),
        Fact("Coordinates", point, is_code=bool(point)),
        Fact("Place known since", at=user.place_at),
        Fact("Time zone", zone_text(user.timezone_offset_minutes)),
    ]


def _device(user: AppUser) -> list[Fact]:
    hinge = {True: "Yes", False: "No", None: ""}[user.has_hinge]
    browser = " ".join(part for part in (user.browser, user.browser_version) if part)
    return [
        Fact("Device", user.device_label),
        Fact("Model", user.device or "", is_code=True),
        Fact("Manufacturer", user.manufacturer or ""),
        Fact("Type", user.device_type or ""),
        Fact("Platform", platform_of(user)),
        Fact("Browser", browser),
        Fact("Resolution", user.resolution or ""),
        Fact("Density", user.density or ""),
        Fact("Orientation", user.orientation or ""),
        Fact("Foldable", hinge),
        Fact("Carrier", user.carrier or ""),
        Fact("Locale", user.locale or user.language or ""),
        Fact("Last reported", at=user.facts_at),
    ]


def _software(user: AppUser) -> list[Fact]:
    sdk = " ".join(part for part in (user.sdk_name, user.sdk_version) if part)
    facts = [
        Fact("App version", user.app_version or ""),
        Fact("Source", user.source or ""),
        Fact("Channel", user.source_channel or ""),
        Fact("SDK", sdk),
    ]
    facts += [Fact(f"Campaign {name}", plain_text(value)) for name, value in sorted(_objects(user.campaign).items())]
    facts += [Fact(f"SDK health {name}", plain_text(value)) for name, value in sorted(_objects(user.health).items())]
    return facts


def _identifiers(user: AppUser) -> list[Fact]:
    kind = "" if user.device_id_type is None else _DEVICE_ID_TYPES.get(user.device_id_type, str(user.device_id_type))
    return [
        Fact("uid", user.uid, is_code=True, is_copied=True),
        Fact("Device id", user.device_id, is_code=True, is_copied=True),
        Fact("Device id is", kind),
        Fact("User key", user.id.hex, is_code=True, is_copied=True),
        Fact("First contact", at=user.created_at),
    ]


def zone_text(offset_minutes: int | None) -> str:
    """Say an offset from UTC: UTC+5:30."""
    if offset_minutes is None:
        return ""
    hours, minutes = divmod(abs(offset_minutes), 60)
    sign = "−" if offset_minutes < 0 else "+"
    return f"UTC{sign}{hours}:{minutes:02d}" if minutes else f"UTC{sign}{hours}"


def _joined(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part)


def _objects(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


# --- Custom properties --------------------------------------------------------------------------


@dataclass(frozen=True)
class Property:
    """One custom property: its value, when it was first and last set, and what it was before."""

    name: str
    value: Shown
    search: str
    first_set_at: datetime | None
    last_set_at: datetime | None
    source: str
    earlier: list[Earlier]
    earlier_left_out: int


@dataclass(frozen=True)
class PropertyGroup:
    """Properties under a heading; the first group has none."""

    name: str
    properties: list[Property]


@dataclass(frozen=True)
class PropertiesBox:
    """A user's custom properties that match a search, and how many there are."""

    groups: list[PropertyGroup]
    total: int
    shown: int
    matching: int
    search: str

    @property
    def left_out(self) -> int:
        """Return how many that match are not shown."""
        return self.matching - self.shown


def properties_box(app: App, user: AppUser, now: datetime, *, search: str = "", is_all: bool = False) -> PropertiesBox:
    """Read the custom properties by name, in one query for their memory. PROPERTIES_AT_ONCE, unless all are wanted."""
    custom: dict[str, Any] = _objects(user.custom)
    words = search.casefold()
    names = [name for name in custom if not words or words in name.casefold() or words in _haystack(custom[name])]
    names.sort(key=lambda name: (_is_facebook(name), name.casefold(), name))
    shown = names if is_all else names[:PROPERTIES_AT_ONCE]
    changes = querysets.custom_changes(user.id) if shown else []
    by_name = _by_name(changes)
    earlier = _earlier(changes, {CUSTOM_PREFIX + name: value for name, value in custom.items()})
    groups: dict[str, list[Property]] = {}
    for name in shown:
        prop = _property(user, name, custom[name], by_name, earlier.get(CUSTOM_PREFIX + name, []))
        groups.setdefault("Facebook" if _is_facebook(name) else "", []).append(prop)
    return PropertiesBox(
        [PropertyGroup(name, properties) for name, properties in groups.items()],
        len(custom),
        len(shown),
        len(names),
        search,
    )


def _property(
    user: AppUser, name: str, value: Any, by_name: Mapping[str, list[PropertyChange]], earlier: list[Earlier]
) -> Property:
    times = _objects(user.property_times).get(CUSTOM_PREFIX + name)
    first, last = times if isinstance(times, list) and len(times) == 2 else (NEVER_SET, NEVER_SET)
    newest = by_name.get(CUSTOM_PREFIX + name)
    return Property(
        name,
        show(value, PROPERTY_TEXT),
        f"{name} {_haystack(value)}".casefold()[:400],
        _moment(first),
        _moment(last) or (newest[0].changed_at if newest else None),
        newest[0].get_source_display() if newest else "",
        earlier[:EARLIER_AT_ONCE],
        len(earlier[EARLIER_AT_ONCE:]),
    )


def _is_facebook(name: str) -> bool:
    return name.casefold().startswith(("fb_", "facebook"))


def _haystack(value: Any) -> str:
    return plain_text(value).casefold()


def _moment(milliseconds: Any) -> datetime | None:
    if not isinstance(milliseconds, int | float) or milliseconds == NEVER_SET:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _by_name(changes: Iterable[PropertyChange]) -> dict[str, list[PropertyChange]]:
    by_name: dict[str, list[PropertyChange]] = defaultdict(list)
    for change in changes:
        by_name[change.name].append(change)
    return by_name


def _earlier(changes: Iterable[PropertyChange], present: Mapping[str, Any]) -> dict[str, list[Earlier]]:
    """Return what each property was before, newest first: the change that made the present value is left out."""
    earlier: dict[str, list[Earlier]] = {}
    for name, of_name in _by_name(changes).items():
        is_present = bool(of_name) and of_name[0].value == present.get(name)
        earlier[name] = [
            Earlier(show(change.value), change.changed_at, change.get_source_display(), change.value is None)
            for change in of_name[is_present:]
        ]
    return earlier


# --- Devices and tokens -------------------------------------------------------------------------


@dataclass(frozen=True)
class Device:
    """A device id of the user: the one it is known by, or one that a merge brought in."""

    device_id: str
    joined_at: datetime | None
    how: str
    is_current: bool
    undone_at: datetime | None
    merge_id: int | None = None


@dataclass(frozen=True)
class Token:
    """Where a push message can be sent; the token itself is only hinted at."""

    provider: str
    environment: str
    hint: str
    locale: str
    registered_at: datetime
    last_registered_at: datetime
    disabled_reason: str


@dataclass(frozen=True)
class DevicesBox:
    """The identities and push tokens of a user."""

    devices: list[Device]
    tokens: list[Token]


def devices_box(app: App, user: AppUser, now: datetime) -> DevicesBox:
    """Read identities and tokens, in three queries."""
    merges = querysets.merges_into(user.id)
    identities = querysets.identities_of(user.id)
    current = Device(user.device_id, user.created_at, "first contact", is_current=True, undone_at=None)
    merged = [_merged_device(merge) for merge in merges]
    told = {merge.absorbed_device_id for merge in merges} | {user.device_id}
    merged += [_identity_device(identity) for identity in identities if identity.device_id not in told]
    return DevicesBox([current, *merged], [_token(token) for token in querysets.tokens_of(user.id)])


def _merged_device(merge: Merge) -> Device:
    how = merge.get_source_display()
    if merge.merged_by is not None:
        how = f"{how}, {merge.merged_by.get_username()}"
    return Device(
        merge.absorbed_device_id, merge.merged_at, how, is_current=False, undone_at=merge.undone_at, merge_id=merge.id
    )


def _identity_device(identity: Identity) -> Device:
    """A device id that came along when somebody was absorbed who had absorbed it."""
    return Device(identity.device_id, identity.until, "came with another device", is_current=False, undone_at=None)


def _token(token: DeviceToken) -> Token:
    hint = token.token if len(token.token) <= 16 else f"{token.token[:6]}…{token.token[-6:]}"
    return Token(
        token.get_provider_display(),
        token.get_environment_display(),
        hint,
        token.locale,
        token.registered_at,
        token.last_registered_at,
        token.disabled_reason,
    )


# --- Consents -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Consent:
    """One feature, whether it is allowed, and since when."""

    feature: str
    is_given: bool
    since: datetime | None


@dataclass(frozen=True)
class ConsentsBox:
    """What a user allows."""

    consents: list[Consent]


def consents_box(app: App, user: AppUser, now: datetime) -> ConsentsBox:
    """Read the consents by feature, in one query."""
    held = {str(feature): bool(value) for feature, value in _objects(user.consent).items()}
    changes = querysets.consent_changes(user.id) if held else []
    return ConsentsBox(
        [Consent(feature, is_given, _since(feature, is_given, changes)) for feature, is_given in sorted(held.items())]
    )


def _since(feature: str, is_given: bool, changes: list[ConsentChange]) -> datetime | None:
    for change in changes:
        if feature in _objects(change.changes):
            return change.changed_at if bool(change.changes[feature]) == is_given else None
    return None
