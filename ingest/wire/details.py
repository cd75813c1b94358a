"""User details: the named ones, and custom properties as a list of operations in the order in which they apply."""

from dataclasses import dataclass
from typing import Final

from ingest.wire.limits import Limits, Note, Notes
from ingest.wire.values import (
    JsonValue,
    UnreadableError,
    as_integer,
    as_number,
    as_text,
    clean_json,
    is_absent,
    read_object,
    without_nul,
)
from profiles.users.properties import Operation

_REMOVING: Final = (Operation.UNSET, Operation.PULL)
_NUMERIC: Final = (Operation.INCREMENT, Operation.MULTIPLY, Operation.MIN, Operation.MAX)
# In the order in which they apply when one property gets several of them. Java really sends $push and $pull together.
_MODIFIERS: Final = {
    "$setOnce": Operation.SET_ONCE,
    "$inc": Operation.INCREMENT,
    "$mul": Operation.MULTIPLY,
    "$min": Operation.MIN,
    "$max": Operation.MAX,
    "$push": Operation.PUSH,
    "$addToSet": Operation.ADD_TO_SET,
    "$pull": Operation.PULL,
}
_TEXTS: Final = ("name", "username", "email", "organization", "phone", "gender")
_PICTURE_SCHEMES: Final = ("http://", "https://")
_KEY_RUBBISH: Final = str.maketrans("", "", ".$\0")


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One operation on one custom property.

    `value` is a finite number for increment, multiply, min and max; a non-empty list for push, add_to_set and pull;
    None for unset; any JSON value but None and "" for set and set_once.
    """

    name: str
    operation: Operation
    value: JsonValue


@dataclass(frozen=True, slots=True)
class UserDetails:
    """What `user_details` asks for.

    `named` holds only what was sent, by the domain's names: name, username, email, organization, phone, gender, picture
    (texts) and birth_year (a number); None deletes.
    """

    named: dict[str, str | int | None]
    custom: tuple[PropertyChange, ...]

    @property
    def stores_anything(self) -> bool:
        """Tell whether anything is stored, not only deleted: that is what makes a user identified."""
        stores_named = any(value is not None for value in self.named.values())
        return stores_named or any(change.operation not in _REMOVING for change in self.custom)


def read_details(value: JsonValue, this_year: int, limits: Limits, notes: Notes) -> UserDetails | None:
    """Read `user_details`; None where nothing in it is to be done. Unknown top-level names are ignored."""
    if is_absent(value):
        return None
    try:
        sent = read_object(value)
    except UnreadableError:
        notes.add(Note.DETAILS_UNREADABLE)
        return None
    named: dict[str, str | int | None] = {}
    for name in _TEXTS:
        if name in sent:
            _read_named_text(named, name, sent[name], limits, notes)
    if "picture" in sent:
        _read_picture(named, sent["picture"], limits, notes)
    if "byear" in sent:
        _read_birth_year(named, sent["byear"], this_year, limits, notes)
    custom = _read_custom(sent.get("custom"), limits, notes)
    return UserDetails(named, custom) if named or custom else None


def _read_named_text(
    named: dict[str, str | int | None], name: str, value: JsonValue, limits: Limits, notes: Notes
) -> None:
    if isinstance(value, list | dict):
        notes.add(Note.DETAIL_UNUSABLE)
        return
    text = as_text(value)
    if len(text) > limits.detail:
        notes.add(Note.DETAIL_CUT)
        text = text[: limits.detail]
    named[name] = text or None


def _read_picture(named: dict[str, str | int | None], value: JsonValue, limits: Limits, notes: Notes) -> None:
    if value is None or value == "":
        named["picture"] = None
        return
    url = as_text(value)
    if url.lower().startswith(_PICTURE_SCHEMES) and len(url) <= limits.picture_url:
        named["picture"] = url
    else:
        notes.add(Note.DETAIL_UNUSABLE)


def _read_birth_year(
    named: dict[str, str | int | None], value: JsonValue, this_year: int, limits: Limits, notes: Notes
) -> None:
    if value is None or value == "":
        named["birth_year"] = None
        return
    year = as_integer(value)
    if year is not None and limits.earliest_birth_year <= year <= this_year:
        named["birth_year"] = year
    else:
        notes.add(Note.DETAIL_UNUSABLE)


def _read_custom(value: JsonValue, limits: Limits, notes: Notes) -> tuple[PropertyChange, ...]:
    if is_absent(value):
        return ()
    try:
        sent = read_object(value)
    except UnreadableError:
        notes.add(Note.CUSTOM_UNREADABLE)
        return ()
    if len(sent) > limits.custom_changes:
        notes.add(Note.CUSTOM_KEYS_OVER_LIMIT, len(sent) - limits.custom_changes)
    changes: list[PropertyChange] = []
    for raw_name, raw in list(sent.items())[: limits.custom_changes]:
        name = raw_name.translate(_KEY_RUBBISH)[: limits.custom_key]
        if len(raw_name) > limits.custom_key or not name:
            notes.add(Note.CUSTOM_KEY_UNUSABLE)
        if not name:
            continue
        if raw is None or raw == "":
            changes.append(PropertyChange(name, Operation.UNSET, None))
        elif isinstance(raw, dict) and any(key.startswith("$") for key in raw):
            changes.extend(_read_modifiers(name, raw, limits, notes))
        else:
            clean = _clean_value(raw, limits, notes)
            operation = Operation.UNSET if clean is None or clean == "" else Operation.SET
            changes.append(PropertyChange(name, operation, None if operation is Operation.UNSET else clean))
    return tuple(changes)


def _read_modifiers(name: str, raw: dict[str, JsonValue], limits: Limits, notes: Notes) -> list[PropertyChange]:
    changes: list[PropertyChange] = []
    unusable = sum(key not in _MODIFIERS for key in raw)
    for modifier, operation in _MODIFIERS.items():
        if modifier not in raw:
            continue
        operand: JsonValue
        if operation in _NUMERIC:
            operand = as_number(raw[modifier])
        elif operation is Operation.SET_ONCE:
            operand = _clean_value(raw[modifier], limits, notes)
        else:
            operand = _read_items(raw[modifier], limits, notes)
        if operand is None or operand in ("", []):
            unusable += 1
        else:
            changes.append(PropertyChange(name, operation, operand))
    if unusable:
        notes.add(Note.CUSTOM_MODIFIER_UNUSABLE, unusable)
    return changes


def _read_items(value: JsonValue, limits: Limits, notes: Notes) -> JsonValue:
    """Give the items that an array modifier names: an array of them, or one alone."""
    items = value if isinstance(value, list) else [value]
    if len(items) > limits.custom_items:
        notes.add(Note.CUSTOM_VALUE_CUT)
        items = items[: limits.custom_items]
    return [clean_json(item, limits, limits.custom_value, depth=1) for item in items if item is not None]


def _clean_value(value: JsonValue, limits: Limits, notes: Notes) -> JsonValue:
    if isinstance(value, str):
        if len(value) > limits.custom_value:
            notes.add(Note.CUSTOM_VALUE_CUT)
        return without_nul(value)[: limits.custom_value]
    if isinstance(value, list) and len(value) > limits.custom_items:
        notes.add(Note.CUSTOM_VALUE_CUT)
        value = value[: limits.custom_items]
    return clean_json(value, limits, limits.custom_value)
