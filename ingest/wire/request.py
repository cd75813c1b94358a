"""One SDK request, as received and as understood."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingest.wire.attribution import Campaign
from ingest.wire.crash import CrashReport
from ingest.wire.details import UserDetails
from ingest.wire.events import Event, ViewLeft
from ingest.wire.limits import Note
from ingest.wire.location import Location
from ingest.wire.metrics import DeviceFacts
from ingest.wire.parameters import UploadedPicture
from ingest.wire.push_token import PushToken
from ingest.wire.values import JsonValue


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
