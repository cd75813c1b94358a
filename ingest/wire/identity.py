"""Who a request is from: the few parameters that the HTTP path must know before it may answer."""

from dataclasses import dataclass
from hashlib import sha1
from typing import Final

from ingest.wire.limits import DEFAULT_LIMITS, Limits
from ingest.wire.parameters import read_some_parameters
from ingest.wire.refusal import Refusal
from ingest.wire.values import JsonValue, as_text, is_truthy

_ZERO_IDFA: Final = "00000000-0000-0000-0000-000000000000"
# What code writes where it has no id. As a user it would be everybody whose app has that fault, in one profile.
_NO_ID_AT_ALL: Final = frozenset(("undefined", "null", "(null)", "nil", "None", "NaN", "[object Object]"))
_SHORTEST_ZEROS: Final = 8  # of an id of nothing but zeros; "0" may well be somebody's row number
_OBJECT_ID_LENGTH: Final = 24
_WANTED: Final = frozenset(
    (
        "app_key",
        "device_id",
        "old_device_id",
        "checksum",
        "checksum256",
        "callback",
        "app_id",
        "user_id",
        "populator",
    )
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request, and whether it may have an effect at all."""

    app_key: str
    device_id: str
    old_device_id: str | None
    """None unless it asks for a merge: present, and other than `device_id`."""
    is_signed: bool
    callback: str
    """Name of the function that a JSONP answer calls; unchecked."""
    is_shortened: bool
    """`device_id` is not quite what was sent: that was too long."""
    is_invented: bool
    """`populator`: made up, to fill an app with something to look at."""
    refusal: Refusal | None


def peek(query: bytes, body: bytes, content_type: str, limits: Limits = DEFAULT_LIMITS) -> Identity:
    """Find out who a request is from without reading the rest of it."""
    return identify(read_some_parameters(query, body, content_type, _WANTED), limits)


def identify(values: dict[str, JsonValue], limits: Limits) -> Identity:
    """Find out who a request is from."""
    get = values.get
    app_key = _id_text(get("app_key"))
    sent_id = _id_text(get("device_id"))
    device_id = shorten_id(sent_id, limits)
    old_device_id = shorten_id(_id_text(get("old_device_id")), limits)
    refusal = None
    if not app_key:
        refusal = Refusal.MISSING_APP_KEY
    elif not device_id:
        refusal = Refusal.MISSING_DEVICE_ID
    elif device_id == _ZERO_IDFA:
        refusal = Refusal.ZERO_IDFA
    elif is_nobodys(device_id):
        refusal = Refusal.NOBODYS_DEVICE_ID
    elif "app_id" in values and not _is_object_id(values["app_id"]):
        refusal = Refusal.INVALID_APP_ID
    elif "user_id" in values and not _is_object_id(values["user_id"]):
        refusal = Refusal.INVALID_USER_ID
    return Identity(
        app_key=app_key,
        device_id=device_id,
        old_device_id=old_device_id if _is_another(old_device_id, device_id) else None,
        is_signed="checksum256" in values or "checksum" in values,
        callback=as_text(get("callback")),
        is_shortened=device_id is not sent_id,
        is_invented=is_truthy(get("populator")),
        refusal=refusal,
    )


def is_nobodys(device_id: str) -> bool:
    """Tell whether an id is none that a device or a person can have: a spelt-out nothing, blank, or all zeros."""
    if device_id in _NO_ID_AT_ALL:
        return True
    if device_id[:1] == "0":
        return len(device_id) >= _SHORTEST_ZEROS and not device_id.strip("0-")
    return device_id.isspace()


def _is_another(old_device_id: str, device_id: str) -> bool:
    return bool(old_device_id) and old_device_id != device_id and not is_nobodys(old_device_id)


def shorten_id(device_id: str, limits: Limits) -> str:
    """Cut a device id that is too long, and end it with its hash: two ids that only begin alike stay two."""
    if len(device_id) <= limits.device_id:
        return device_id
    tail = "~" + sha1(device_id.encode(), usedforsecurity=False).hexdigest()
    return device_id[: limits.device_id - len(tail)] + tail


def _id_text(value: JsonValue) -> str:
    """Give an id as text: 42 and "42" are one. As in JavaScript 0 and false are no id, and nothing nested is."""
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    return as_text(value) if value and isinstance(value, int | float) else ""


def _is_object_id(value: JsonValue) -> bool:
    text = as_text(value)
    return not text or len(text) == _OBJECT_ID_LENGTH
