"""Every limit of the wire, and the notes that say what was cut or dropped because of one.

Nothing here is ever an error for the SDK: what is over a limit is dropped silently and noted beside the request.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of what a stranger sends is kept. Lengths are in characters unless the name says otherwise."""

    # Identity. Countly has no limit here; PostgreSQL's index rows end at 2704 bytes, four for each character at worst.
    device_id: int = 512
    sdk_text: int = 100

    # Time. Nothing was measured by an SDK before Countly's first one.
    earliest: datetime = datetime(2010, 1, 1, tzinfo=UTC)
    # Countly's `session_duration_limit` (old servers: 120), and what it makes of a negative one.
    session_seconds: int = 86_400
    negative_session_seconds: int = 30

    # Events. Keys: Countly drops events at 128 characters and more. The rest: Countly's `event_segmentation_limit`,
    # `array_list_limit`, and the view name limit of its views plugin.
    event_key: int = 127
    segmentation_keys: int = 100
    segmentation_key: int = 128
    segmentation_items: int = 10
    view_name: int = 128
    # SDKs cut at 256, Countly does not: survey comments are longer.
    segmentation_value: int = 1024
    # An event's place in its request is a 16-bit number. SDKs send 100 at most, importers more.
    events: int = 50_000
    event_id: int = 128
    # Countly: a view's duration of ten digits is a timestamp that an SDK mistook.
    view_seconds: int = 999_999_999
    # Keeps sums of many durations and amounts finite.
    number: float = 1e100

    # Metrics, and other short texts of the device.
    metric: int = 256
    source: int = 100
    place: int = 100

    # User details. SDKs cut values at 256 and pictures at 4096; `custom_prop_limit` and `custom_set_limit` are
    # Countly's. How many custom properties a profile may have is for the profile to decide: a request cannot know the
    # others.
    detail: int = 256
    picture_url: int = 4096
    custom_properties: int = 20
    custom_items: int = 50
    custom_key: int = 128
    custom_value: int = 1024
    # One request may name this many custom properties.
    custom_changes: int = 200
    earliest_birth_year: int = 1850

    # Any JSON value that is kept as it came. PostgreSQL and every reader of it recurse.
    json_depth: int = 8
    json_items: int = 200

    # Crashes. SDKs send 30 lines of 200 characters for each of 50 threads at most; native dumps and image lists are
    # larger.
    crash_text: int = 256
    crash_stack: int = 300_000
    crash_logs: int = 50_000
    crash_dump: int = 1_000_000
    crash_custom_keys: int = 100
    crash_custom_value: int = 1024

    # The rest. Countly knows about twenty consent features.
    consent_features: int = 100
    token: int = 4096
    campaign: int = 256
    picture_bytes: int = 10 * 1024 * 1024
    bulk_items: int = 50_000


DEFAULT_LIMITS = Limits()


class Note(StrEnum):
    """What a request lost on its way in. Slugs: they are stored, counted and shown."""

    PARAMETER_REPEATED = "parameter_repeated"
    DEVICE_ID_SHORTENED = "device_id_shortened"
    TIMESTAMP_UNUSABLE = "timestamp_unusable"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    TIMESTAMP_TOO_OLD = "timestamp_too_old"
    TIMEZONE_UNUSABLE = "timezone_unusable"
    IP_ADDRESS_UNUSABLE = "ip_address_unusable"
    SESSION_SECONDS_NEGATIVE = "session_seconds_negative"
    SESSION_SECONDS_OVER_LIMIT = "session_seconds_over_limit"

    EVENTS_UNREADABLE = "events_unreadable"
    EVENTS_OVER_LIMIT = "events_over_limit"
    EVENT_UNREADABLE = "event_unreadable"
    EVENT_KEY_MISSING = "event_key_missing"
    EVENT_KEY_TOO_LONG = "event_key_too_long"
    EVENT_KEY_RESERVED = "event_key_reserved"
    EVENT_TIME_UNUSABLE = "event_time_unusable"
    EVENT_NUMBER_UNUSABLE = "event_number_unusable"
    VIEW_NAME_MISSING = "view_name_missing"
    VIEW_SECONDS_UNUSABLE = "view_seconds_unusable"
    PUSH_ACTION_UNUSABLE = "push_action_unusable"
    SEGMENTATION_UNREADABLE = "segmentation_unreadable"
    SEGMENTATION_KEYS_OVER_LIMIT = "segmentation_keys_over_limit"
    SEGMENTATION_KEY_UNUSABLE = "segmentation_key_unusable"
    SEGMENTATION_VALUE_CUT = "segmentation_value_cut"

    METRICS_UNREADABLE = "metrics_unreadable"
    METRIC_CUT = "metric_cut"
    METRIC_UNUSABLE = "metric_unusable"

    DETAILS_UNREADABLE = "details_unreadable"
    DETAIL_CUT = "detail_cut"
    DETAIL_UNUSABLE = "detail_unusable"
    CUSTOM_UNREADABLE = "custom_unreadable"
    CUSTOM_KEYS_OVER_LIMIT = "custom_keys_over_limit"
    CUSTOM_KEY_UNUSABLE = "custom_key_unusable"
    CUSTOM_VALUE_CUT = "custom_value_cut"
    CUSTOM_MODIFIER_UNUSABLE = "custom_modifier_unusable"
    PICTURE_UNUSABLE = "picture_unusable"

    CRASH_UNREADABLE = "crash_unreadable"
    CRASH_WITHOUT_ERROR = "crash_without_error"
    CRASH_WITHOUT_APP_VERSION = "crash_without_app_version"
    CRASH_WITHOUT_OS = "crash_without_os"
    CRASH_TEXT_CUT = "crash_text_cut"
    CRASH_CUSTOM_OVER_LIMIT = "crash_custom_over_limit"

    LOCATION_UNUSABLE = "location_unusable"
    CONSENT_UNREADABLE = "consent_unreadable"
    CONSENT_UNUSABLE = "consent_unusable"
    TOKEN_UNUSABLE = "token_unusable"  # noqa: S105 - a slug
    HEALTH_CHECK_UNREADABLE = "health_check_unreadable"


class Notes(dict[Note, int]):
    """How often each thing happened while one request was read."""

    def add(self, note: Note, times: int = 1) -> None:
        """Count a note."""
        self[note] = self.get(note, 0) + times
