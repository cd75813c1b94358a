"""What can be asked of a value, by its kind: the operators, what they need, when they hold. Pure, and the definition:
the database's form (`profiles.directory.filters.fields`) is tested against it.

The last N days are today and the days before it, in the app's time zone, as the engagement score counts them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import Any, Final, TypeAlias

from profiles.activity import segmentation
from profiles.directory.filters.tree import FilterError
from profiles.wording import Clock

LONGEST_VALUE: Final = 200
MOST_DAYS: Final = 3650
MOST_TIMES: Final = 1_000_000
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?")

_WHOLE: Final = re.compile(r"[0-9]{1,15}")

BASIC_TYPES: Final = frozenset({"text", "number", "whole", "date"})

Values: TypeAlias = tuple[str, ...]
Compare: TypeAlias = Callable[[float, float], bool]

NUMBER_ORDERS: Final[Mapping[str, Compare]] = {
    "equals": eq,
    "greater": gt,
    "less": lt,
    "at_least": ge,
    "at_most": le,
}


class Suggests(StrEnum):
    """What is offered while somebody types into a box."""

    VALUE = "value"  # of the field, as users have it
    EVENT = "event"
    SEGMENT = "segment"  # of the event in the first box
    SEGMENT_VALUE = "segment_value"
    FEATURE = "feature"  # of consent


@dataclass(frozen=True, slots=True)
class Input:
    """One box of the form: how it is labelled, what it takes, and by what name the list of what it may hold goes.

    `type` is text, number, whole (a number), date, or segment (an operator of a segment); any other is one of the
    field's choices.
    """

    label: str
    type: str = "text"
    default: str = ""
    is_optional: bool = False
    suggests: Suggests | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """A question that can be asked, in words, and the boxes that it needs."""

    name: str
    words: str
    inputs: tuple[Input, ...] = ()


_TEXT_VALUE: Final = (Input("Value", suggests=Suggests.VALUE),)
_NUMBER_VALUE: Final = (Input("Number", "number"),)
_BETWEEN: Final = (Input("From", "number"), Input("to", "number"))
_SET: Final = (Operator("is_set", "is set"), Operator("is_not_set", "is not set"))

TEXT: Final = (
    Operator("is", "is", _TEXT_VALUE),
    Operator("is_not", "is not", _TEXT_VALUE),
    Operator("contains", "contains", _TEXT_VALUE),
    Operator("starts_with", "starts with", _TEXT_VALUE),
    *_SET,
)
NUMBER: Final = (
    Operator("at_least", "≥", _NUMBER_VALUE),
    Operator("at_most", "≤", _NUMBER_VALUE),
    Operator("equals", "=", _NUMBER_VALUE),
    Operator("not_equals", "≠", _NUMBER_VALUE),
    Operator("greater", ">", _NUMBER_VALUE),
    Operator("less", "<", _NUMBER_VALUE),
    Operator("between", "is between", _BETWEEN),
    *_SET,
)
MOMENT: Final = (
    Operator("last_days", "in the last", (Input("Days", "whole", "7"),)),
    Operator("not_last_days", "not in the last", (Input("Days", "whole", "7"),)),
    Operator("before", "before", (Input("Day", "date"),)),
    Operator("after", "after", (Input("Day", "date"),)),
    *_SET,
)
TRUTH: Final = (Operator("yes", "yes"), Operator("no", "no"))
PROPERTY: Final = (
    Operator("is", "is", _TEXT_VALUE),
    Operator("is_not", "is not", _TEXT_VALUE),
    Operator("contains", "contains", _TEXT_VALUE),
    Operator("greater", ">", _NUMBER_VALUE),
    Operator("less", "<", _NUMBER_VALUE),
    Operator("at_least", "≥", _NUMBER_VALUE),
    Operator("at_most", "≤", _NUMBER_VALUE),
    Operator("between", "is between", _BETWEEN),
    *_SET,
)
CONSENT: Final = (
    Operator("given", "given for", (Input("Feature", suggests=Suggests.FEATURE),)),
    Operator("not_given", "not given for", (Input("Feature", suggests=Suggests.FEATURE),)),
)
_SEGMENT: Final = tuple(
    Operator(operator.value, operator.words) for operator in segmentation.Operator
)  # of a condition on what the event carried
_BEHAVIOUR_INPUTS: Final = (
    Input("Event", suggests=Suggests.EVENT),
    Input("Times, at least", "whole", "1"),
    Input("In the last days (0: ever)", "whole", "30"),
    Input("Where segment", is_optional=True, suggests=Suggests.SEGMENT),
    Input("Segment’s operator", "segment", "is", is_optional=True),
    Input("Segment’s value", is_optional=True, suggests=Suggests.SEGMENT_VALUE),
)
BEHAVIOUR: Final = (
    Operator("did", "did", _BEHAVIOUR_INPUTS),
    Operator("did_not", "did not do", _BEHAVIOUR_INPUTS),
)
SEGMENT_OPERATORS: Final = _SEGMENT


def read_values(operator: Operator, typed: Sequence[str]) -> Values:
    """Return what was typed as a condition keeps it, one text a box; raise FilterError."""
    values = [text.strip() for text in typed]
    if len(values) > len(operator.inputs) and any(values[len(operator.inputs) :]):
        raise FilterError(f"“{operator.words}” needs {len(operator.inputs)} values at most")
    values = (values + [""] * len(operator.inputs))[: len(operator.inputs)]
    read = [_read_value(box, text) for box, text in zip(operator.inputs, values, strict=True)]
    if operator.name == "between" and float(read[0]) > float(read[1]):
        raise FilterError("“From” must not be larger than “to”")
    if operator.name in {"last_days", "not_last_days"} and not 1 <= int(read[0]) <= MOST_DAYS:
        raise FilterError(f"Days: 1 to {MOST_DAYS}")
    if operator in BEHAVIOUR:
        return _read_behaviour(read)
    return tuple(read)


def _read_value(box: Input, text: str) -> str:
    if not text:
        if box.is_optional:
            return ""
        raise FilterError(f"{box.label}: fill this in")
    if len(text) > LONGEST_VALUE:
        raise FilterError(f"{box.label}: at most {LONGEST_VALUE} characters")
    if box.type == "number" and not _NUMBER.fullmatch(text):
        raise FilterError(f"{box.label}: “{text}” is not a number such as 3 or 2.5")
    if box.type == "whole":
        if not _WHOLE.fullmatch(text):
            raise FilterError(f"{box.label}: “{text}” is not a whole number such as 3")
        return str(int(text))
    if box.type == "date":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise FilterError(f"{box.label}: “{text}” is not a day such as 2026-11-23") from None
    return text


def _read_behaviour(read: Sequence[str]) -> Values:
    key, times, days, name, operator, value = read
    if not 1 <= int(times) <= MOST_TIMES:
        raise FilterError(f"Times: 1 to {MOST_TIMES}")
    if int(days) > MOST_DAYS:
        raise FilterError(f"Days: 0 to {MOST_DAYS}")
    if not name:
        if value:
            raise FilterError("Where segment: name the segment that has this value")
        return (key, times, days)
    if operator not in {one.name for one in _SEGMENT}:
        raise FilterError(f"Operator: there is no “{operator}”")
    if not value and operator != segmentation.Operator.IS_SET:
        raise FilterError("Segment’s value: fill this in")
    return (key, times, days, name, operator, value) if value else (key, times, days, name, operator)


def words(operator: Operator, values: Values) -> str:
    """Say operator and values as they stand after a field's name."""
    if operator in BEHAVIOUR:
        key, times, days, *segment = values
        text = f"{operator.words} {key}"
        if times != "1":
            text += f" {times} or more times"
        if segment:
            text += f" where {segment_condition(segment).text}"
        return text + (f" in the last {days} days" if days != "0" else "")
    if operator.name in {"last_days", "not_last_days"}:
        return f"{operator.words} {values[0]} day{'s' if values[0] != '1' else ''}"
    if operator.name == "between":
        return f"{operator.words} {values[0]} and {values[1]}"
    return " ".join((operator.words, *values))


def segment_condition(parts: Sequence[str]) -> segmentation.Condition:
    """Return the condition on an event's segmentation: name, operator, and where it has one, value."""
    name, operator, *value = parts
    return segmentation.Condition(name, segmentation.Operator(operator), value[0] if value else "")


def start_of(day: date, clock: Clock) -> datetime:
    """Return the moment at which a day begins in the clock's zone."""
    return datetime.combine(day, time.min, tzinfo=clock.zone).astimezone(UTC)


def first_of(days: int, clock: Clock) -> datetime:
    """Return when the last N days began."""
    return start_of(clock.today - timedelta(days=days - 1), clock)


def property_conditions(name: str, operator: str, values: Values) -> tuple[segmentation.Condition, ...]:
    """Return what must hold of the custom properties, all of it; of `is_not_set` its contrary."""
    typed = segmentation.Operator
    if operator == "between":
        return (
            segmentation.Condition(name, typed.AT_LEAST, values[0]),
            segmentation.Condition(name, typed.AT_MOST, values[1]),
        )
    if operator == "is_not_set":
        return (segmentation.Condition(name, typed.IS_SET),)
    return (segmentation.Condition(name, typed(operator), values[0] if values else ""),)


# --- When a condition holds ---------------------------------------------------------------------


def text_holds(operator: str, values: Values, held: Sequence[str | None]) -> bool:
    """Tell it of a text, or of any of several that stand for one. Case counts in `is`, not in `contains`."""
    known = [text for text in held if text]
    match operator:
        case "is":
            return values[0] in known
        case "is_not":
            return values[0] not in known
        case "contains":
            return any(values[0].upper() in text.upper() for text in known)
        case "starts_with":
            return any(text.upper().startswith(values[0].upper()) for text in known)
        case "is_set":
            return bool(known)
        case _:
            return not known


def number_holds(operator: str, values: Values, held: float | None) -> bool:
    """Tell it of a number. An unknown one is neither larger nor smaller, and is not equal."""
    if operator in {"is_set", "is_not_set"}:
        return (held is not None) == (operator == "is_set")
    if operator == "not_equals":
        return held != float(values[0])
    if held is None:
        return False
    if operator == "between":
        return float(values[0]) <= held <= float(values[1])
    return NUMBER_ORDERS[operator](held, float(values[0]))


def moment_holds(operator: str, values: Values, held: datetime | None, clock: Clock) -> bool:
    """Tell it of a moment. One that is unknown is not in the last days, and neither before nor after."""
    match operator:
        case "is_set":
            return held is not None
        case "is_not_set":
            return held is None
        case "last_days":
            return held is not None and held >= first_of(int(values[0]), clock)
        case "not_last_days":
            return held is None or held < first_of(int(values[0]), clock)
        case "before":
            return held is not None and held < start_of(date.fromisoformat(values[0]), clock)
        case _:
            return held is not None and held >= start_of(date.fromisoformat(values[0]) + timedelta(days=1), clock)


def property_holds(name: str, operator: str, values: Values, held: Mapping[str, Any]) -> bool:
    """Tell it of the custom properties."""
    all_hold = all(condition.holds(held) for condition in property_conditions(name, operator, values))
    return all_hold != (operator == "is_not_set")


@dataclass(frozen=True, slots=True)
class Deed:
    """An event as a condition on behaviour sees it."""

    key: str
    at: datetime
    count: int
    segmentation: Mapping[str, Any] | None


def behaviour_holds(operator: str, values: Values, deeds: Sequence[Deed], clock: Clock) -> bool:
    """Tell it of what somebody did. An event that the SDK counted three times was done three times."""
    key, times, days, *segment = values
    total = sum(
        deed.count
        for deed in deeds
        if deed.key == key
        and (days == "0" or deed.at >= first_of(int(days), clock))
        and (not segment or segment_condition(segment).holds(deed.segmentation))
    )
    return (total >= int(times)) == (operator == "did")
