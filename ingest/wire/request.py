"""One SDK request, as received and as understood."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from ingest.wire.attribution import Campaign, read_campaign
from ingest.wire.clock import read_clock
from ingest.wire.consent import read_consent
from ingest.wire.crash import CrashReport, read_crash
from ingest.wire.details import UserDetails, read_details
from ingest.wire.digest import digest_of
from ingest.wire.events import Event, ViewLeft, read_events
from ingest.wire.identity import identify
from ingest.wire.limits import DEFAULT_LIMITS, INT32_MAX, Limits, Note, Notes
from ingest.wire.location import Location, read_location
from ingest.wire.metrics import DeviceFacts, device_facts, read_metrics
from ingest.wire.parameters import Parameters, UploadedPicture, find_picture, read_parameters
from ingest.wire.push_token import PushToken, read_token
from ingest.wire.refusal import Refusal
from ingest.wire.user_agent import UNKNOWN_AGENT, UserAgent, is_browser, read_user_agent
from ingest.wire.values import (
    JsonValue,
    UnreadableError,
    as_integer,
    as_text,
    clean_json,
    is_absent,
    is_truthy,
    read_object,
)

_DEVICE_ID_TYPES: Final = range(100)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it came in: what is kept in the inbox, and what every replay starts from."""

    query: bytes
    """After the question mark, still encoded. An absolute-form target as a whole is fine too."""
    body: bytes
    content_type: str
    ip: str | None
    """Address of the client, proxies already seen through."""
    user_agent: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkRequest:
    """One request, in the domain's words. Times are aware and in UTC; None and empty: not said."""

    app_key: str
    device_id: str
    received_at: datetime
    at: datetime
    """When it happened: the device's stamp without its skew, or `received_at` where there is no usable stamp."""

    old_device_id: str | None = None
    """Never equal to `device_id`."""
    device_id_type: int | None = None
    """0: given by the developer, 1: made by the SDK, 2: NSUUID, 3: from a URL, 9: temporary."""
    method: str = ""

    stamped_at: datetime | None = None
    """What the device's clock said."""
    skew: timedelta = timedelta()
    """How far the device's clock is ahead of ours, never negative; already taken off every time here."""
    hour: int | None = None
    weekday: int | None = None
    """0 = Sunday."""
    timezone_minutes: int | None = None
    """East of UTC."""

    sdk_name: str = ""
    sdk_version: str = ""
    queued_requests: int | None = None
    ip: str | None = None

    begin_session: bool = False
    session_seconds: int | None = None
    """Seconds since the last ping, an increment; never 0."""
    end_session: bool = False
    ignore_cooldown: bool = False
    no_meta: bool = False
    """Activity times, SDK and last request of the profile stay untouched."""

    facts: DeviceFacts | None = None
    events: tuple[Event, ...] = ()
    views_left: tuple[ViewLeft, ...] = ()
    details: UserDetails | None = None
    picture: UploadedPicture | None = None
    crash: CrashReport | None = None
    location: Location | None = None
    consent: dict[str, bool] = field(default_factory=dict)
    token: PushToken | None = None
    campaign: Campaign | None = None
    health_check: dict[str, JsonValue] | None = None

    digest: bytes | None = None
    """16 bytes, equal for retries of one request; None where a retry cannot be told from a second request."""
    notes: dict[Note, int] = field(default_factory=dict)


def parse(raw: RawRequest, limits: Limits = DEFAULT_LIMITS) -> SdkRequest | Refusal:
    """Understand one request. Never raises: what cannot be read is left out, and noted; each parameter stands alone."""
    parameters = read_parameters(raw.query, raw.body, raw.content_type)
    values = parameters.values
    identity = identify(values, limits)
    if identity.refusal is not None:
        return identity.refusal
    notes = Notes()
    if parameters.repeated:
        notes.add(Note.PARAMETER_REPEATED, parameters.repeated)
    if identity.is_shortened:
        notes.add(Note.DEVICE_ID_SHORTENED)
    get = values.get
    clock = read_clock(values, raw.received_at, limits, notes)
    metrics = read_metrics(get("metrics"), notes)
    begin_session = is_truthy(get("begin_session"))
    # Only these two look at the user agent.
    agent = _read_agent(metrics, raw.user_agent) if begin_session or "crash" in values else UNKNOWN_AGENT
    event_list = read_events(get("events"), clock, limits, notes)
    return SdkRequest(
        app_key=identity.app_key,
        device_id=identity.device_id,
        received_at=raw.received_at,
        at=clock.at,
        old_device_id=identity.old_device_id,
        device_id_type=_read_device_id_type(get("t")),
        method=as_text(get("method"))[: limits.sdk_text],
        stamped_at=clock.stamped_at,
        skew=clock.skew,
        hour=clock.hour,
        weekday=clock.weekday,
        timezone_minutes=clock.timezone_minutes,
        sdk_name=as_text(get("sdk_name"))[: limits.sdk_text],
        sdk_version=as_text(get("sdk_version"))[: limits.sdk_text],
        queued_requests=_read_queue_length(get("rr")),
        ip=_read_ip(get("ip_address"), raw.ip, notes),
        begin_session=begin_session,
        session_seconds=_read_session_seconds(get("session_duration"), limits, notes),
        end_session=is_truthy(get("end_session")),
        ignore_cooldown=is_truthy(get("ignore_cooldown")),
        no_meta=is_truthy(get("no_meta")),
        facts=device_facts(
            metrics,
            agent,
            is_begin=begin_session,
            orientation=event_list.orientation,
            limits=limits,
            notes=notes,
        ),
        events=event_list.events,
        views_left=event_list.views_left,
        details=read_details(get("user_details"), raw.received_at.year, limits, notes),
        picture=_find_picture(parameters, limits, notes),
        crash=read_crash(get("crash"), agent, limits, notes),
        location=read_location(values, limits, notes),
        consent=read_consent(get("consent"), limits, notes),
        token=read_token(values, limits, notes),
        campaign=read_campaign(values, limits),
        health_check=_read_health_check(get("hc"), limits, notes),
        digest=digest_of(parameters),
        notes=notes,
    )


def _read_agent(metrics: dict[str, JsonValue], header: str) -> UserAgent:
    """Read the user agent that the Web SDK puts into metrics, else a browser's header.

    Any other header is a native SDK's, which knows its device better itself.
    """
    sent = metrics.get("_ua")
    if isinstance(sent, str) and sent:
        return read_user_agent(sent)
    return read_user_agent(header) if is_browser(header) else UNKNOWN_AGENT


def _read_device_id_type(value: JsonValue) -> int | None:
    device_id_type = as_integer(value)
    return device_id_type if device_id_type in _DEVICE_ID_TYPES else None


def _read_queue_length(value: JsonValue) -> int | None:
    length = as_integer(value)
    return None if length is None else max(0, min(length, INT32_MAX))


def _read_session_seconds(value: JsonValue, limits: Limits, notes: Notes) -> int | None:
    """Read `session_duration`. Old clients send negative ones; Countly gives these half a minute."""
    seconds = as_integer(value)
    if not seconds:
        return None
    if seconds < 0:
        notes.add(Note.SESSION_SECONDS_NEGATIVE)
        return limits.negative_session_seconds
    if seconds > limits.session_seconds:
        notes.add(Note.SESSION_SECONDS_OVER_LIMIT)
        return limits.session_seconds
    return seconds


def _read_ip(value: JsonValue, connection: str | None, notes: Notes) -> str | None:
    if is_absent(value):
        return connection
    try:
        return str(ip_address(as_text(value).strip()))
    except ValueError:
        notes.add(Note.IP_ADDRESS_UNUSABLE)
        return connection


def _find_picture(parameters: Parameters, limits: Limits, notes: Notes) -> UploadedPicture | None:
    if not parameters.files:
        return None
    picture = find_picture(parameters.files, limits.picture_bytes)
    if picture is None:
        notes.add(Note.PICTURE_UNUSABLE)
    return picture


def _read_health_check(value: JsonValue, limits: Limits, notes: Notes) -> dict[str, JsonValue] | None:
    if is_absent(value):
        return None
    try:
        clean = clean_json(read_object(value), limits, limits.custom_value)
    except UnreadableError:
        clean = None
    if isinstance(clean, dict):
        return clean
    notes.add(Note.HEALTH_CHECK_UNREADABLE)
    return None
