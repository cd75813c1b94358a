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
_encode: Final = msgspec.json.Encoder().encode


class Skip(StrEnum):
    """Why an item of a bulk request is left out."""

    NOT_AN_OBJECT = "not_an_object"
    OVER_LIMIT = "over_limit"
    MISSING_APP_KEY = "missing_app_key"
    MISSING_DEVICE_ID = "missing_device_id"
    ZERO_IDFA = "zero_idfa"
    INVALID_PARAMETER = "invalid_parameter"


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One request of a bulk request. Its body is JSON with the app key in it: parse it as `ITEM_CONTENT_TYPE`."""

    position: int
    app_key: str
    device_id: str
    old_device_id: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """One item that is no request."""

    position: int
    reason: Skip


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
    common_app_key = as_text(values.get("app_key"))
    items: list[BulkItem] = []
    skipped: list[SkippedItem] = []
    for position, request in enumerate(requests):
        item = (
            Skip.OVER_LIMIT if position >= limits.bulk_items else _read_item(position, request, common_app_key, limits)
        )
        if isinstance(item, BulkItem):
            items.append(item)
        else:
            skipped.append(SkippedItem(position, item))
    return Bulk(
        items=tuple(items),
        skipped=tuple(skipped),
        is_signed="checksum256" in values or "checksum" in values,
        is_safe=is_truthy(values.get("safe_api_response")),
    )


def _read_item(position: int, request: JsonValue, common_app_key: str, limits: Limits) -> BulkItem | Skip:
    if not isinstance(request, dict):
        return Skip.NOT_AN_OBJECT
    values: dict[str, JsonValue] = {name: value for name, value in request.items() if value is not None}
    if not values.get("app_key"):
        values["app_key"] = common_app_key
    identity = identify(values, limits)
    if identity.refusal is not None:
        return _SKIPS.get(identity.refusal, Skip.INVALID_PARAMETER)
    return BulkItem(position, identity.app_key, identity.device_id, identity.old_device_id, _encode(values))
