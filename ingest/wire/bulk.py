"""A bulk request: many requests in one, taken apart so that each travels alone."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from ingest.wire.identity import identify
from ingest.wire.limits import DEFAULT_LIMITS, Limits
from ingest.wire.parameters import read_parameters
from ingest.wire.refusal import Refusal
from ingest.wire.values import JsonValue, UnreadableError, as_text, decode_json, is_truthy

ITEM_CONTENT_TYPE: Final = "application/json"
# What an item may leave to the request that it comes in.
_COMMON: Final = ("app_key", "populator")
_encode: Final = msgspec.json.Encoder().encode


class Skip(StrEnum):
    """Why an item of a bulk request is left out."""

    NOT_AN_OBJECT = "not_an_object"
    OVER_LIMIT = "over_limit"
    MISSING_APP_KEY = "missing_app_key"
    MISSING_DEVICE_ID = "missing_device_id"
    ZERO_IDFA = "zero_idfa"
    NOBODYS_DEVICE_ID = "nobodys_device_id"
    INVALID_PARAMETER = "invalid_parameter"


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One request of a bulk request. Its body is JSON with the app key in it: parse it as `ITEM_CONTENT_TYPE`."""

    position: int
    app_key: str
    device_id: str
    old_device_id: str | None
    is_invented: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """One item that is no request, as JSON; what is beyond the limit is one, an array."""

    position: int
    app_key: str
    reason: Skip
    body: bytes


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk request taken apart, in its own order."""

    items: tuple[BulkItem, ...]
    skipped: tuple[SkippedItem, ...]
    is_signed: bool
    is_safe: bool
    """`safe_api_response`: the sender wants its answer after the work, not before."""


_SKIPS: Final = {
    Refusal.MISSING_APP_KEY: Skip.MISSING_APP_KEY,
    Refusal.MISSING_DEVICE_ID: Skip.MISSING_DEVICE_ID,
    Refusal.ZERO_IDFA: Skip.ZERO_IDFA,
    Refusal.NOBODYS_DEVICE_ID: Skip.NOBODYS_DEVICE_ID,
}


def parse_bulk(query: bytes, body: bytes, content_type: str, limits: Limits = DEFAULT_LIMITS) -> Bulk | Refusal:
    """Take a bulk request apart. The app key may be each item's own, or one for all."""
    values = read_parameters(query, body, content_type).values
    requests = values.get("requests")
    if isinstance(requests, str):
        try:
            requests = decode_json(requests)
        except UnreadableError:
            requests = None
    if requests is None:
        return Refusal.MISSING_REQUESTS
    if not isinstance(requests, list):
        return Refusal.INVALID_REQUESTS
    common: dict[str, JsonValue] = {name: values[name] for name in _COMMON if name in values}
    items: list[BulkItem] = []
    skipped: list[SkippedItem] = []
    for position, request in enumerate(requests[: limits.bulk_items]):
        item = _read_item(position, request, common, limits)
        if isinstance(item, BulkItem):
            items.append(item)
        else:
            skipped.append(item)
    if len(requests) > limits.bulk_items:
        rest = _encode(requests[limits.bulk_items :])
        skipped.append(SkippedItem(limits.bulk_items, as_text(common.get("app_key")), Skip.OVER_LIMIT, rest))
    return Bulk(
        items=tuple(items),
        skipped=tuple(skipped),
        is_signed="checksum256" in values or "checksum" in values,
        is_safe=is_truthy(values.get("safe_api_response")),
    )


def _read_item(
    position: int, request: JsonValue, common: dict[str, JsonValue], limits: Limits
) -> BulkItem | SkippedItem:
    if not isinstance(request, dict):
        return SkippedItem(position, as_text(common.get("app_key")), Skip.NOT_AN_OBJECT, _encode(request))
    values: dict[str, JsonValue] = {name: value for name, value in request.items() if value is not None}
    values.update({name: value for name, value in common.items() if not values.get(name)})
    identity = identify(values, limits)
    if identity.refusal is not None:
        reason = _SKIPS.get(identity.refusal, Skip.INVALID_PARAMETER)
        return SkippedItem(position, identity.app_key, reason, _encode(values))
    return BulkItem(
        position,
        identity.app_key,
        identity.device_id,
        identity.old_device_id,
        identity.is_invented,
        _encode(values),
    )
