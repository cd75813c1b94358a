"""Folds a batch of understood requests onto their users, in order, in memory.

Nothing is read or written here: `ingest.apply` brings the rows that the requests touch and takes away what came of
them. One method for each kind of thing that a request can say.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ingest.app_keys import KnownApp
from ingest.geography import place_of
from ingest.inbox import Waiting
from ingest.wire.crash import CrashReport
from ingest.wire.details import UserDetails
from ingest.wire.events import PUSH_ACTION, Event, ViewLeft
from ingest.wire.metrics import DIRECT
from ingest.wire.push_token import PushProvider
from ingest.wire.request import SdkRequest
from ingest.wire.values import as_integer
from profiles import pictures
from profiles.activity.services import POSITIONS, DayTotals, EventRow
from profiles.activity.sessions import NO_FACTS, SessionFacts, Signal
from profiles.activity.view_ends import ViewEnd
from profiles.crashes.fingerprint import CrashFacts
from profiles.crashes.services import Occurrence
from profiles.messages.opening import Opened
from profiles.users import keys, merging, properties
from profiles.users.memory import ConsentEntry, PropertyEntry
from profiles.users.services import Activity, new_profile
from profiles.users.tokens import TokenEntry

GPS_OUTLIVES_IP = timedelta(days=7)  # a place guessed from an address does not replace a measured one so young
_PROPERTY_LIMITS = properties.PropertyLimits()
_IDENTIFYING_ID = 0  # a device id that the developer supplied


@dataclass(slots=True)
class Understood:
    """A request that was understood, and whose it is."""

    waiting: Waiting
    request: SdkRequest
    app: KnownApp
    device_key: UUID
    user_id: UUID

    def row_id(self, position: int) -> int:
        """Return the id of a row that the request brings."""
        return self.waiting.id * POSITIONS + position


@dataclass(slots=True)
class Folded:
    """What came of a batch: rows to write, by kind."""

    activity: dict[UUID, Activity]
    profiles: dict[UUID, dict[str, Any]]
    changed_profiles: dict[UUID, None] = field(default_factory=dict)  # in order of first change
    new_users: Counter[tuple[int, int]] = field(default_factory=Counter)
    newly_identified: Counter[tuple[int, int]] = field(default_factory=Counter)
    signals: dict[UUID, list[Signal]] = field(default_factory=lambda: defaultdict(list))
    events: list[EventRow] = field(default_factory=list)
    visits: dict[UUID, list[EventRow]] = field(default_factory=lambda: defaultdict(list))
    view_ends: list[ViewEnd] = field(default_factory=list)
    days: dict[tuple[UUID, date, UUID, int], DayTotals] = field(default_factory=lambda: defaultdict(DayTotals))
    property_entries: list[PropertyEntry] = field(default_factory=list)
    consent_entries: list[ConsentEntry] = field(default_factory=list)
    token_entries: list[TokenEntry] = field(default_factory=list)
    openings: list[Opened] = field(default_factory=list)
    crashes: list[Occurrence] = field(default_factory=list)
    app_of_user: dict[UUID, int] = field(default_factory=dict)


def needs_profile(item: Understood, activity: Activity | None) -> bool:
    """Tell whether a request may change, or must read, more of its user than the hot row."""
    request = item.request
    return (
        activity is None
        or request.begin_session
        or request.facts is not None
        or request.details is not None
        or request.picture is not None
        or request.location is not None
        or bool(request.consent)
        or request.campaign is not None
        or request.health_check is not None
        or (request.device_id_type == _IDENTIFYING_ID and not activity.is_identified)
    )


class Folder:
    """Folds requests one by one; `folded` holds what came of them.

    `event_key_ids` names the number of every (app id, event key) of the batch, `device_names` what its device models
    are called.
    """

    def __init__(
        self,
        activity: dict[UUID, Activity],
        profiles: dict[UUID, dict[str, Any]],
        zones: Mapping[int, ZoneInfo],
        event_key_ids: Mapping[tuple[int, str], int],
        device_names: Mapping[str, str | None],
    ) -> None:
        self.folded = Folded(activity, profiles)
        self._zones = zones
        self._event_key_ids = event_key_ids
        self._device_names = device_names

    def fold(self, item: Understood) -> None:
        """Fold one request: device facts and place, session, details, consent, token, campaign, crash, events."""
        request = item.request
        activity = self._activity(item)
        profile = self.folded.profiles.get(item.user_id)
        self.folded.app_of_user[item.user_id] = item.app.id
        if not request.method and not request.no_meta:
            activity.see(request.at)
        place: dict[str, Any] = {}
        if profile is not None:
            self._facts(item, profile)
            place = self._place(item, profile)
        self._session(item, activity, profile, place)
        if profile is not None:
            self._details(item, activity, profile)
            self._consent(item, profile)
            self._campaign(item, profile)
        if request.token is not None:
            self._token(item)
        if request.crash is not None:
            self.folded.crashes.append(_occurrence(item, request.crash))
            activity.crashes_count += 1
        if request.events:
            self._events(item, activity)
        self.folded.view_ends += [_view_end(item, position, left) for position, left in enumerate(request.views_left)]

    def _activity(self, item: Understood) -> Activity:
        activity = self.folded.activity.get(item.user_id)
        if activity is None:
            activity = Activity(user_id=item.user_id, app_id=item.app.id)
            self.folded.activity[item.user_id] = activity
            self.folded.profiles[item.user_id] = new_profile(
                user_id=item.user_id,
                app_id=item.app.id,
                device_id=item.request.device_id,
                created_at=item.waiting.received_at,
            )
            self.folded.changed_profiles[item.user_id] = None
            self.folded.new_users[item.app.id, keys.shard_of(item.user_id)] += 1
        return activity

    def _identify(self, activity: Activity, profile: dict[str, Any]) -> None:
        if not activity.is_identified:
            activity.is_identified = True
            profile["is_identified"] = True
            self.folded.changed_profiles[activity.user_id] = None
            self.folded.newly_identified[activity.app_id, keys.shard_of(activity.user_id)] += 1

    def _change(self, profile: dict[str, Any], changes: Mapping[str, Any]) -> None:
        """Set columns of a profile, and write it only if one of them is another now."""
        for column, value in changes.items():
            if profile[column] != value:
                profile[column] = value
                self.folded.changed_profiles[profile["id"]] = None

    def _facts(self, item: Understood, profile: dict[str, Any]) -> None:
        """Take over what the device said of itself; facts older than those known only fill gaps."""
        request = item.request
        said: dict[str, Any] = {}
        if request.facts is not None:
            said = {name: value for name, value in asdict(request.facts).items() if value is not None}
            if request.facts.source_channel == DIRECT and profile["source"] is not None:
                # Nobody sent them this time; who did at first is worth more.
                del said["source"], said["source_channel"]
            if "device" in said:
                said["device_name"] = self._device_names.get(said["device"])
        if request.device_id_type is not None:
            said["device_id_type"] = request.device_id_type
        if request.timezone_minutes is not None:
            said["timezone_offset_minutes"] = request.timezone_minutes
        if request.sdk_name and not request.no_meta:
            said["sdk_name"] = request.sdk_name
            said["sdk_version"] = request.sdk_version
        if not said:
            return
        known_at = profile["facts_at"]
        if known_at is not None and request.at < known_at:
            said = {name: value for name, value in said.items() if profile[name] is None}
            if "device" not in said:
                said.pop("device_name", None)  # it is the older device's
        elif request.facts is not None:
            said["facts_at"] = request.at
        self._change(profile, said)

    def _place(self, item: Understood, profile: dict[str, Any]) -> dict[str, Any]:
        """Return the place that was said; at the begin of a session its address tells what was not.

        Take it over, unless a newer one is known.
        """
        request, said = item.request, item.request.location
        known_at = profile["place_at"]
        is_late = known_at is not None and request.at < known_at
        place: dict[str, Any] = {}
        if said is not None and said.is_opted_out:
            place = dict.fromkeys(("country", "region", "city", "latitude", "longitude"))
        elif said is not None:
            country = said.country_code.upper() if said.country_code else None
            place = {
                name: value
                for name, value in (
                    ("country", country),
                    ("region", said.region),
                    ("city", said.city),
                    ("latitude", said.latitude),
                    ("longitude", said.longitude),
                )
                if value is not None
            }
        if request.begin_session and not (said is not None and said.is_opted_out):
            has_fresh_fix = (
                profile["latitude"] is not None
                and known_at is not None
                and not is_late
                and request.at - known_at < GPS_OUTLIVES_IP
            )
            if not has_fresh_fix:
                place = _with_place_of_address(item, profile, place)
        place = {name: value for name, value in place.items() if _keeps(item.app, name) or value is None}
        if place and not is_late:
            self._change(profile, place | {"place_at": request.at})
        return place

    def _session(
        self, item: Understood, activity: Activity, profile: Mapping[str, Any] | None, place: Mapping[str, Any]
    ) -> None:
        request = item.request
        seconds = request.session_seconds or 0
        if not (request.begin_session or request.end_session or seconds):
            return
        self.folded.signals[activity.user_id].append(
            Signal(
                at=request.at,
                id=item.waiting.id,
                begins=request.begin_session,
                seconds=seconds,
                ends=request.end_session,
                ignore_cooldown=request.ignore_cooldown,
                original_user_id=item.device_key,
                facts=_session_facts(request, profile, place)
                if request.begin_session and profile is not None
                else NO_FACTS,
            )
        )

    def _details(self, item: Understood, activity: Activity, profile: dict[str, Any]) -> None:
        """Fold named details and custom properties, and remember each value that they took."""
        details = _with_picture(item)
        if item.request.device_id_type == _IDENTIFYING_ID or (details is not None and details.stores_anything):
            self._identify(activity, profile)
        if details is None:
            return
        at_ms = _milliseconds(item)
        named = properties.apply(
            {name: profile[name] for name in properties.DETAILS if profile[name] is not None},
            profile["property_times"],
            [properties.Update(name, properties.Operation.SET, value, at_ms) for name, value in details.named.items()],
        )
        custom = properties.apply(
            profile["custom"],
            named.times,
            [properties.Update(change.name, change.operation, change.value, at_ms) for change in details.custom],
            prefix=properties.CUSTOM_PREFIX,
            limits=_PROPERTY_LIMITS,
        )
        self._change(
            profile,
            {name: named.values.get(name) for name in properties.DETAILS}
            | {"custom": custom.values, "property_times": custom.times},
        )
        for position, change in enumerate([*named.changes, *custom.changes]):
            self.folded.property_entries.append(
                PropertyEntry(
                    user_id=activity.user_id,
                    changed_at=item.request.at + timedelta(milliseconds=change.at_ms - at_ms),
                    id=item.row_id(position),
                    original_user_id=item.device_key,
                    received_at=item.waiting.received_at,
                    name=change.name,
                    value=change.value,
                )
            )
            if change.name in merging.FORMER_NAMES and isinstance(change.previous, str):
                former = merging.with_former_values(profile["former_values"], [change.previous])
                self._change(profile, {"former_values": former})

    def _consent(self, item: Understood, profile: dict[str, Any]) -> None:
        changes = {
            feature: given
            for feature, given in item.request.consent.items()
            if profile["consent"].get(feature) != given
        }
        if not changes:
            return
        self._change(profile, {"consent": profile["consent"] | changes})
        if changes.get("push") is False:
            self._forget_tokens(item)
        self.folded.consent_entries.append(
            ConsentEntry(
                user_id=item.user_id,
                changed_at=item.request.at,
                id=item.row_id(0),
                original_user_id=item.device_key,
                received_at=item.waiting.received_at,
                changes=changes,
            )
        )

    def _campaign(self, item: Understood, profile: dict[str, Any]) -> None:
        request = item.request
        if request.campaign is not None:
            self._change(
                profile,
                {"campaign": {"id": request.campaign.campaign_id, "user": request.campaign.campaign_user}},
            )
        if request.health_check is not None:
            self._change(profile, {"health": request.health_check})

    def _token(self, item: Understood) -> None:
        token = item.request.token
        if token is not None:
            self.folded.token_entries.append(
                TokenEntry(
                    user_id=item.user_id,
                    app_id=item.app.id,
                    original_user_id=item.device_key,
                    provider=token.provider.value,
                    environment=token.environment.value,
                    token=token.token,
                    locale=token.locale,
                    registered_at=item.request.at,
                )
            )

    def _forget_tokens(self, item: Understood) -> None:
        """Give up the user's tokens of every provider: push is not wanted any more."""
        self.folded.token_entries += [
            TokenEntry(
                user_id=item.user_id,
                app_id=item.app.id,
                original_user_id=item.device_key,
                provider=provider.value,
                environment="",
                token="",
                locale="",
                registered_at=item.request.at,
            )
            for provider in PushProvider
        ]

    def _events(self, item: Understood, activity: Activity) -> None:
        request = item.request
        zone = self._zones[item.app.id]
        for position, event in enumerate(request.events):
            row = self._event_row(item, position, event)
            self.folded.events.append(row)
            if event.is_view:
                self.folded.visits[item.user_id].append(row)
            elif event.key == PUSH_ACTION:
                self.folded.openings.append(_opened(item, event))
            on = event.at.astimezone(zone).date()
            self.folded.days[item.user_id, on, item.device_key, item.app.id].events += 1
        activity.events_count += len(request.events)

    def _event_row(self, item: Understood, position: int, event: Event) -> EventRow:
        return EventRow(
            user_id=item.user_id,
            occurred_at=event.at,
            id=item.row_id(position),
            original_user_id=item.device_key,
            received_at=item.waiting.received_at,
            app_id=item.app.id,
            key_id=self._event_key_ids[item.app.id, event.key],
            count=event.count,
            sum=event.sum,
            duration_seconds=event.duration_seconds,
            local_hour=event.hour,
            local_weekday=event.weekday,
            view_id=event.view_id or None,
            segmentation=event.segmentation or None,
        )


def _view_end(item: Understood, position: int, left: ViewLeft) -> ViewEnd:
    return ViewEnd(
        user_id=item.user_id,
        at=left.at,
        id=item.row_id(position),
        original_user_id=item.device_key,
        received_at=item.waiting.received_at,
        view_id=left.view_id,
        name=left.name,
        seconds=left.seconds,
    )


def _session_facts(request: SdkRequest, profile: Mapping[str, Any], place: Mapping[str, Any]) -> SessionFacts:
    """Return what a begin says itself, which may be older than what is known of the user, else what is known."""
    device = request.facts
    return SessionFacts(
        app_version=(device and device.app_version) or profile["app_version"],
        platform=(device and device.platform) or profile["platform"],
        device=(device and device.device) or profile["device"],
        country=place.get("country", profile["country"]),
        city=place.get("city", profile["city"]),
    )


def _keeps(app: KnownApp, part: str) -> bool:
    """Tell whether an app wants this part of a place known."""
    return app.keeps_country if part == "country" else app.keeps_city


def _with_place_of_address(item: Understood, profile: Mapping[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Return what was said of a place, with what the address tells beside it if the two do not contradict each other.

    A region and city that are guessed never stand beside a city or coordinates that were said.
    """
    found = place_of(item.request.ip) if item.request.ip else None
    if found is None or said.get("country", found.country) != found.country:
        return said
    guessed: dict[str, Any] = {"country": found.country}
    if found.city is not None and item.app.keeps_city and not {"region", "city", "latitude"} & said.keys():
        guessed |= {"region": found.region, "city": found.city}
    if all(profile[name] == value for name, value in guessed.items()):
        return said
    return dict.fromkeys(("region", "city", "latitude", "longitude")) | guessed | said


def _with_picture(item: Understood) -> UserDetails | None:
    """Return the details of a request; an uploaded picture is one of them, by the address where it is kept."""
    details, uploaded = item.request.details, item.request.picture
    address = (
        pictures.store(item.app.public_id, uploaded.content, owner=str(item.user_id)) if uploaded is not None else None
    )
    if address is None:
        return details
    named = details.named if details is not None else {}
    return UserDetails(named={**named, "picture": address}, custom=details.custom if details is not None else ())


def _opened(item: Understood, event: Event) -> Opened:
    """Return in the domain's words what an SDK says of a message: the wire has seen to id and button."""
    said = event.segmentation
    return Opened(
        app_id=item.app.id,
        user_id=item.user_id,
        device_key=item.device_key,
        message=str(said["i"]),
        button=as_integer(said["b"]) or 0,
        at=event.at,
    )


def _milliseconds(item: Understood) -> int:
    return int(item.request.at.timestamp() * 1000)


def _occurrence(item: Understood, report: CrashReport) -> Occurrence:
    """Return a crash in the domain's words: what was reported, less what was not said."""
    said = {name: value for name, value in asdict(report).items() if value not in (None, "", {})}
    return Occurrence(
        app_id=item.app.id,
        user_id=item.user_id,
        original_user_id=item.device_key,
        occurred_at=item.request.at,
        id=item.row_id(0),
        received_at=item.waiting.received_at,
        app_version=report.app_version,
        report=said,
        facts=CrashFacts(
            platform=report.os,
            error=report.error,
            name=report.name or report.type,
            is_fatal=report.is_fatal,
            is_os_independent=report.is_os_independent,
            is_javascript=report.is_javascript,
            executable_name=report.executable_name,
        ),
    )
