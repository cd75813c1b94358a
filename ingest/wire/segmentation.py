"""Segmentation of one event, made clean."""

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.values import (
    JsonValue,
    UnreadableError,
    as_text,
    clean_json,
    is_absent,
    json_text,
    read_object,
    without_nul,
)


def read_segmentation(value: JsonValue, limits: Limits, notes: Notes) -> dict[str, JsonValue]:
    """Read `segmentation`: always a new dict.

    Keys lose a leading `$` and all dots; null says nothing. Texts, numbers and booleans stay what they are, an array
    becomes at most `limits.segmentation_items` texts, an object stays an object.
    """
    if is_absent(value):
        return {}
    try:
        pairs = read_object(value)
    except UnreadableError:
        notes.add(Note.SEGMENTATION_UNREADABLE)
        return {}
    clean: dict[str, JsonValue] = {}
    for raw_key, raw in pairs.items():
        if raw is None:
            continue
        key = _read_key(raw_key, limits, notes)
        if not key:
            continue
        if len(clean) >= limits.segmentation_keys and key not in clean:
            notes.add(Note.SEGMENTATION_KEYS_OVER_LIMIT)
            continue
        clean[key] = _read_value(raw, limits, notes)
    return clean


def _read_key(key: str, limits: Limits, notes: Notes) -> str:
    if "." in key or "$" in key:
        key = key.lstrip("$").replace(".", "")
    key = without_nul(key)
    if len(key) > limits.segmentation_key or not key:
        notes.add(Note.SEGMENTATION_KEY_UNUSABLE)
        return key[: limits.segmentation_key]
    return key


def _read_value(value: JsonValue, limits: Limits, notes: Notes) -> JsonValue:
    longest = limits.segmentation_value
    if isinstance(value, str):
        if len(value) > longest:
            notes.add(Note.SEGMENTATION_VALUE_CUT)
            value = value[:longest]
        return without_nul(value)
    if isinstance(value, list):
        if len(value) > limits.segmentation_items:
            notes.add(Note.SEGMENTATION_VALUE_CUT)
        return [_item_text(item, limits) for item in value[: limits.segmentation_items] if item is not None]
    return clean_json(value, limits, longest)


def _item_text(item: JsonValue, limits: Limits) -> str:
    text = json_text(item, limits) if isinstance(item, list | dict) else as_text(item)
    return text[: limits.segmentation_value]
