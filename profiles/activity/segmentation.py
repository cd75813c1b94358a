"""Conditions on an event's segmentation. Pure, and the definition: the database's form of them is tested against it.

Strangers' SDKs disagree on types, so a number and its text are alike. An array says what any of its items says.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from operator import ge, gt, le, lt
from typing import Any, Final, TypeAlias

Scalar: TypeAlias = str | int | float | bool

NUMERIC_TEXT: Final = r"-?[0-9]{1,15}(\.[0-9]{1,15})?"  # an expression that PostgreSQL reads alike
_NUMERIC_TEXT: Final = re.compile(NUMERIC_TEXT)


class Operator(StrEnum):
    """How a condition compares. The values are stored in funnels and stand in filters."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    GREATER = "greater"
    LESS = "less"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    IS_SET = "is_set"

    @property
    def words(self) -> str:
        """How it reads between a name and a value."""
        return _WORDS[self]


_WORDS: Final = {
    Operator.IS: "is",
    Operator.IS_NOT: "is not",
    Operator.CONTAINS: "contains",
    Operator.GREATER: ">",
    Operator.LESS: "<",
    Operator.AT_LEAST: "≥",
    Operator.AT_MOST: "≤",
    Operator.IS_SET: "is set",
}
_ORDERS: Final[dict[Operator, Callable[[float, float], bool]]] = {
    Operator.GREATER: gt,
    Operator.LESS: lt,
    Operator.AT_LEAST: ge,
    Operator.AT_MOST: le,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What one key of the segmentation must say; the value of `is_set` is not looked at.

    - is: the same text, or the same number or boolean, one of the two may be written as text;
    - is_not: not so, also where the key is missing;
    - contains: a text that contains the text in any case;
    - greater, less, at_least, at_most: numbers, or their texts;
    - is_set: the key is there, and not null.
    """

    name: str
    operator: Operator
    value: Scalar = ""

    def holds(self, segmentation: Mapping[str, Any] | None) -> bool:
        """Tell whether a segmentation fulfils this."""
        held = None if segmentation is None else segmentation.get(self.name)
        if self.operator == Operator.IS_NOT:
            return not _any(_is, held, self.value)
        if self.operator == Operator.IS:
            return _any(_is, held, self.value)
        if self.operator == Operator.CONTAINS:
            return _any(_contains, held, self.value)
        if self.operator == Operator.IS_SET:
            return held is not None
        order, bound = _ORDERS[self.operator], number_of(self.value)
        return bound is not None and _any(
            lambda item, _: (number := number_of(item)) is not None and order(number, bound), held, self.value
        )

    @property
    def text(self) -> str:
        """The condition in words: plan is “pro”."""
        if self.operator == Operator.IS_SET:
            return f"{self.name} is set"
        return f"{self.name} {self.operator.words} {shown(self.value)}"


def read_condition(stored: Mapping[str, Any]) -> Condition:
    """Return the condition that a funnel stores as an object of name, operator and value; raise ValueError."""
    value = stored.get("value", "")
    match stored:
        case {"name": str() as name, "operator": str() as operator} if isinstance(value, str | int | float | bool):
            return Condition(name, Operator(operator), value)
    raise ValueError("not a condition on segmentation")


def number_of(value: object) -> int | float | None:
    """Return a number, or what a text says as plain digits; None for all else, booleans included."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and _NUMERIC_TEXT.fullmatch(value):
        return float(value)
    return None


def shown(value: object) -> str:
    """Return a value as it reads in a sentence: texts in quotation marks, booleans as JSON has them."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or "empty"
    return f"“{value}”" if isinstance(value, str) else str(value)


def _any(compare: Callable[[Any, Scalar], bool], held: object, wanted: Scalar) -> bool:
    if isinstance(held, list):
        return any(compare(item, wanted) for item in held)
    return compare(held, wanted)


def _is(held: object, wanted: Scalar) -> bool:
    if isinstance(held, str) and isinstance(wanted, str):
        return held == wanted
    if isinstance(held, bool) or isinstance(wanted, bool):
        return isinstance(held, bool | str) and isinstance(wanted, bool | str) and _text(held) == _text(wanted)
    number, wanted_number = number_of(held), number_of(wanted)
    return number is not None and number == wanted_number


def _text(value: bool | str) -> str:
    return value if isinstance(value, str) else str(value).lower()


def _contains(held: object, wanted: Scalar) -> bool:
    return isinstance(held, str) and str(wanted).lower() in held.lower()
