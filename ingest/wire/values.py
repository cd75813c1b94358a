"""Strangers' values: JSON decoded, texts that PostgreSQL accepts, numbers that are numbers.

Coercion follows JavaScript where Countly's server does: SDKs send numbers and booleans as text, and texts as numbers.
"""

import json
import math
import re
from typing import Final, TypeAlias
from urllib.parse import unquote

import msgspec

from ingest.wire.limits import INT64_MAX, Limits

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_NUMBER: Final = re.compile(r"\s*[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,5})?\s*", re.ASCII)
_ESCAPE: Final = re.compile(
    r"\\\\"  # an escaped backslash, so that the u behind it is only a letter
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    r"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"  # half a pair
)
_HALF_PAIR_LENGTH: Final = 6
_DIGITS_OF_INT64: Final = len(str(INT64_MAX))
_ENCODED_JSON: Final = ("%7b", "%7B", "%5b", "%5B")
_FALSE_TEXTS: Final = frozenset(("", "0", "false"))
_BOOLEANS: Final[dict[JsonValue, bool]] = {"true": True, "1": True, "false": False, "0": False, 1: True, 0: False}


class UnreadableError(ValueError):
    """A value is not what its place asks for."""


def decode_json(text: str) -> JsonValue:
    """Decode JSON text.

    What only Countly's own parser would read is read too: half surrogate pairs (JavaScript cuts emoji in two) become
    U+FFFD, a number beyond a double becomes text, and text that is still percent-encoded (the Web SDK's uploads) is
    decoded first. Raises `UnreadableError`.
    """
    try:
        return _decode(text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        pass
    if text.startswith(_ENCODED_JSON):
        text = unquote(text, errors="replace")
    text = _ESCAPE.sub(_without_half_pair, text.lstrip("\ufeff"))
    try:
        return json.loads(  # type: ignore[no-any-return]
            text, parse_int=_number_or_text, parse_float=_number_or_text, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise UnreadableError from error


def _without_half_pair(escape: re.Match[str]) -> str:
    return "\\ufffd" if len(escape[0]) == _HALF_PAIR_LENGTH else escape[0]


def _number_or_text(digits: str) -> int | float | str:
    if len(digits) <= _DIGITS_OF_INT64 and digits.lstrip("-").isdigit():
        return int(digits)
    number = float(digits)
    return number if math.isfinite(number) else digits


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(name)


def read_object(value: JsonValue) -> dict[str, JsonValue]:
    """Read a structured parameter that must be an object: JSON text, or the object itself. Raises `UnreadableError`."""
    if isinstance(value, str):
        value = decode_json(value)
    if isinstance(value, dict):
        return value
    raise UnreadableError


def read_list(value: JsonValue) -> list[JsonValue]:
    """Read a structured parameter that must be an array: JSON text, or the array itself. Raises `UnreadableError`."""
    if isinstance(value, str):
        value = decode_json(value)
    if isinstance(value, list):
        return value
    raise UnreadableError


def is_absent(value: JsonValue) -> bool:
    """Tell whether a parameter says nothing."""
    return value is None or value in ("", "null", "undefined")


def is_truthy(value: JsonValue) -> bool:
    """Tell whether a switch is on. Text `0` and `false` are off, though Countly's server takes any text for on."""
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE_TEXTS
    return bool(value)


def without_nul(text: str) -> str:
    """Drop NUL characters, which PostgreSQL refuses in text and in jsonb."""
    return text.replace("\0", "") if "\0" in text else text


def as_text(value: JsonValue) -> str:
    """Give the text that JavaScript makes of a value; nothing for null and objects."""
    if isinstance(value, str):
        return without_nul(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number_text(value)
    if isinstance(value, list):
        return ",".join([as_text(item) for item in value if not isinstance(item, list)])
    return ""


def _number_text(value: int | float) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        if value.is_integer() and abs(value) <= INT64_MAX:
            return str(int(value))
        return repr(value)
    try:
        return str(value)
    except ValueError:  # Python writes out no integer of more than 4300 digits
        return "Infinity" if value > 0 else "-Infinity"


def as_number(value: JsonValue) -> int | float | None:
    """Give a finite number that a double or a bigint holds, from a number or from numeric text."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) < _DIGITS_OF_INT64 and value.isdecimal() and value.isascii():
            return int(value)  # nearly all there are
        if not _NUMBER.fullmatch(value):
            return None
        stripped = value.strip()
        value = int(stripped) if stripped.lstrip("+-").isdigit() else float(stripped)
    if isinstance(value, int):
        if -INT64_MAX <= value <= INT64_MAX:
            return value
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, float) and math.isfinite(value):
        return value
    return None


def as_integer(value: JsonValue) -> int | None:
    """Give the whole part of a number, or of numeric text."""
    if value is None:
        return None
    number = as_number(value)
    return None if number is None else int(number)


def as_boolean(value: JsonValue) -> bool | None:
    """Give true or false where a value says so plainly: bool, 0 or 1, or such text."""
    if isinstance(value, str):
        value = value.strip().lower()
    if isinstance(value, list | dict):
        return None
    return _BOOLEANS.get(value)


def clean_json(value: JsonValue, limits: Limits, text_length: int, depth: int = 0) -> JsonValue:
    """Make a value safe to keep as jsonb, its types untouched.

    Texts lose NUL and what is beyond `text_length`; numbers that neither a bigint nor a double holds become text; what
    is nested deeper than `limits.json_depth` becomes null.
    """
    if isinstance(value, str):
        return without_nul(value)[:text_length]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if -INT64_MAX <= value <= INT64_MAX else _number_text(value)[:text_length]
    if isinstance(value, float):
        return value if math.isfinite(value) else _number_text(value)
    if depth >= limits.json_depth:
        return None
    if isinstance(value, list):
        return [clean_json(item, limits, text_length, depth + 1) for item in value[: limits.json_items]]
    clean: dict[str, JsonValue] = {}
    for key, item in value.items():
        if len(clean) >= limits.json_items:
            break
        clean[without_nul(key)[: limits.custom_key]] = clean_json(item, limits, text_length, depth + 1)
    return clean


def json_text(value: JsonValue, limits: Limits) -> str:
    """Give a value as compact JSON text."""
    return _encode(clean_json(value, limits, limits.custom_value)).decode()
