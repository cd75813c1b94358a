"""How a value of any JSON type reads on screen: what to show at once, and what only on demand. Pure.

Values are strangers' text: this decides where to cut, the templates escape.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

TEXT_AT_ONCE: Final = 120  # characters; more is behind "show all"
ITEMS_AT_ONCE: Final = 12  # of a list
_SHORTEST_EXPONENT: Final = 10**15  # from here on Python writes a float as 1e+15
TEXT_AT_MOST: Final = 20_000  # characters of one value that a page carries at all


class Kind(StrEnum):
    """The types of JSON, in the page's words."""

    BOOLEAN = "yes or no"
    NUMBER = "number"
    TEXT = "text"
    LIST = "list"
    OBJECT = "object"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as shown: `text` at once; `full` is the whole of what was cut or folded, empty where nothing was."""

    kind: Kind
    text: str
    full: str = ""
    items: tuple["Shown", ...] = ()
    left_out: int = 0

    @property
    def is_true(self) -> bool:
        """Tell whether this is the boolean true."""
        return self.kind == Kind.BOOLEAN and self.text == "true"


def show(value: Any, at_once: int = TEXT_AT_ONCE) -> Shown:
    """Return how a JSON value reads, its text cut after `at_once` characters."""
    if value is None:
        return Shown(Kind.NOTHING, "null")
    if isinstance(value, bool):
        return Shown(Kind.BOOLEAN, "true" if value else "false")
    if isinstance(value, int | float):
        return Shown(Kind.NUMBER, number_text(value))
    if isinstance(value, str):
        return _text(Kind.TEXT, value, at_once)
    if isinstance(value, list):
        items = tuple(show(item, at_once // 2) for item in value[:ITEMS_AT_ONCE])
        left_out = len(value) - len(items)
        return Shown(Kind.LIST, plain_text(value), _json(value) if left_out else "", items, left_out)
    size = len(value)
    return Shown(Kind.OBJECT, "1 key" if size == 1 else f"{size} keys", _json(value))


def number_text(number: int | float) -> str:
    """Say a number as the SDK meant it: 5.0 is 5, and sums of cents end where cents do."""
    if abs(number) >= _SHORTEST_EXPONENT:
        return str(number)
    # The sixteenth digit of a double is where binary fractions show.
    return str(int(number)) if float(number).is_integer() else f"{number:.15g}"


def plain_text(value: Any) -> str:
    """Return a value as one line of text, for searching and for names of things."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(not isinstance(item, list | dict) for item in value):
        return ", ".join(plain_text(item) for item in value)
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return number_text(value)


def _text(kind: Kind, text: str, at_once: int) -> Shown:
    if len(text) <= at_once:
        return Shown(kind, text)
    return Shown(kind, text[:at_once].rstrip() + "…", text[:TEXT_AT_MOST])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)[:TEXT_AT_MOST]
