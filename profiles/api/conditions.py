"""Reads a query in MongoDB's style as a filter of the user list, which alone reaches the database.

Only what is named here can be asked: fields by Countly's short names, comparisons, $in, $nin, $exists, $regex of plain
texts, $and, $or, $nor, $not. Everything else is an error that names itself; a query that cannot be read never means
everybody. `$not` is pushed down to the conditions, and holds of unknown values too, as MongoDB's does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from django.db.models import Q

from profiles.directory.filters import kinds, tree
from profiles.directory.filters.fields import CUSTOM, Field, Scope, Where, checked, register
from profiles.directory.filters.kinds import Values
from profiles.directory.filters.tree import EVERYBODY, Condition, FilterError, Group, Node
from profiles.directory.standard import PERSON, USE

_LATEST_SECOND: Final = 253_402_300_000  # in the year 9999


class Kind(Enum):
    """What can be asked of a field."""

    TEXT = auto()
    NUMBER = auto()
    SECONDS = auto()
    TRUTH = auto()
    CUSTOM = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """A field that a query may name."""

    name: str
    kind: Kind


_TEXTS: Final = {
    "uid": "uid",
    "did": "device_id",
    "name": "name",
    "username": "username",
    "email": "email",
    "phone": "phone",
    "organization": "organization",
    "gender": "gender",
    "p": "platform",
    "pv": "platform_version",
    "av": "app_version",
    "d": "device",
    "dt": "device_type",
    "mnf": "manufacturer",
    "c": "carrier",
    "r": "resolution",
    "brw": "browser",
    "src": "source",
    "cc": "country",
    "rgn": "region",
    "cty": "city",
    "lo": "locale",
    "la": "language",
}
FIELDS: Final[Mapping[str, Asked]] = {
    **{short: Asked(name, Kind.TEXT) for short, name in _TEXTS.items()},
    "byear": Asked("birth_year", Kind.NUMBER),
    "sc": Asked("sessions", Kind.NUMBER),
    "tsd": Asked("seconds", Kind.NUMBER),
    "e": Asked("events", Kind.NUMBER),
    "engagement_score": Asked("engagement", Kind.NUMBER),
    "ls": Asked("last_seen_at", Kind.SECONDS),
    "lac": Asked("last_seen_at", Kind.SECONDS),
    "fs": Asked("first_seen_at", Kind.SECONDS),
    "fac": Asked("first_seen_at", Kind.SECONDS),
    "hasInfo": Asked("identified", Kind.TRUTH),
}

_ORDERS: Final = {"$gt": "greater", "$gte": "at_least", "$lt": "less", "$lte": "at_most"}
_CONTRARY: Final = {"greater": "at_most", "at_least": "less", "less": "at_least", "at_most": "greater"}
_SPECIAL: Final = re.compile(r"(?<!\\)[.*+?()\[\]{}|^$]|\\[A-Za-z0-9]")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def read_query(query: Mapping[str, Any] | None) -> Group:
    """Return the filter that a query asks for; raises FilterError, whose words are for the caller."""
    if not query:
        return EVERYBODY
    node = _object(query, is_not=False)
    # The way through the text holds it to what a filter may be: length, depth, number of conditions.
    return checked(tree.read(tree.write(node)))


def _object(query: Any, *, is_not: bool) -> Group:
    if not isinstance(query, Mapping):
        raise FilterError("A query is an object")
    members = [_member(name, value, is_not=is_not) for name, value in query.items()]
    return _flat(members, is_any=is_not)


def _flat(members: Sequence[Node], *, is_any: bool) -> Group:
    """Return a group as flat as it can be written: one of a single group is that group, an "or" in an "or" is one."""
    if len(members) == 1:
        return members[0] if isinstance(members[0], Group) else Group((members[0],))
    flat: list[Node] = []
    for member in members:
        if isinstance(member, Group) and (member.is_any is is_any or len(member.members) == 1):
            flat += member.members
        else:
            flat.append(member)
    return Group(tuple(flat), is_any=is_any)


def _member(name: str, value: Any, *, is_not: bool) -> Node:
    match name:
        case "$and" | "$or" | "$nor":
            if not isinstance(value, list) or not value:
                raise FilterError(f"{name} needs a list of queries")
            is_not ^= name == "$nor"
            members = [_object(one, is_not=is_not) for one in value]
            return _flat(members, is_any=(name != "$and") is not is_not)
        case "$not":
            return _object(value, is_not=not is_not)
        case _ if name.startswith("$"):
            raise FilterError(f"There is no operator {name[:40]}")
    return _field(name, value, is_not=is_not)


def find_field(name: str) -> Asked:
    """Return the field of a short name; raises FilterError."""
    short = name.removeprefix("up.")
    if short.startswith(CUSTOM):
        return Asked(short, Kind.CUSTOM)
    asked = FIELDS.get(short)
    if asked is None:
        raise FilterError(f"There is no field {name[:60]}")
    return asked


def _field(name: str, value: Any, *, is_not: bool) -> Node:
    asked = find_field(name)
    if not isinstance(value, Mapping):
        return _equals(asked, value, is_not=is_not)
    if not value:
        raise FilterError(f"{name[:60]}: an operator is missing")
    members = [
        _operator(asked, operator, operand, value, is_not=is_not)
        for operator, operand in value.items()
        if operator != "$options"
    ]
    return _flat(members, is_any=is_not)


def _operator(asked: Asked, operator: str, operand: Any, beside: Mapping[str, Any], *, is_not: bool) -> Node:
    match operator:
        case "$eq":
            return _equals(asked, operand, is_not=is_not)
        case "$ne":
            return _equals(asked, operand, is_not=not is_not)
        case "$in" | "$nin":
            if not isinstance(operand, list):
                raise FilterError(f"{operator} needs a list")
            is_not ^= operator == "$nin"
            if not operand:
                return _everybody(asked) if is_not else _nobody(asked)
            members = [_equals(asked, one, is_not=is_not) for one in operand]
            return _flat(members, is_any=not is_not)
        case "$exists":
            return _exists(asked, bool(operand) is not is_not)
        case "$regex":
            return _regex(asked, operand, beside.get("$options", ""), is_not=is_not)
        case "$not":
            if not isinstance(operand, Mapping):
                raise FilterError("$not needs an object of operators")
            return _field(asked.name if asked.kind is Kind.CUSTOM else _short(asked), operand, is_not=not is_not)
        case _ if operator in _ORDERS:
            return _order(asked, _ORDERS[operator], operand, is_not=is_not)
    raise FilterError(f"There is no operator {operator[:40]}")


def _short(asked: Asked) -> str:
    return next(short for short, one in FIELDS.items() if one is asked or one == asked)


def _equals(asked: Asked, value: Any, *, is_not: bool) -> Node:
    if value is None:
        return _exists(asked, is_not)
    match asked.kind:
        case Kind.TRUTH:
            if not isinstance(value, bool):
                raise FilterError(f"{_short(asked)} is true or false")
            return Condition(asked.name, "yes" if value is not is_not else "no")
        case Kind.NUMBER | Kind.SECONDS:
            return Condition(asked.name, "not_equals" if is_not else "equals", (_number(asked, value),))
        case Kind.CUSTOM:
            return Condition(asked.name, "is_not" if is_not else "is", (_text(value),))
        case Kind.TEXT:
            text = _text(value)
            if asked.name == "app_version":
                text = text.replace(":", ".")  # as Countly stores it
            return Condition(asked.name, "is_not" if is_not else "is", (text,))


def _order(asked: Asked, operator: str, value: Any, *, is_not: bool) -> Node:
    if asked.kind not in {Kind.NUMBER, Kind.SECONDS, Kind.CUSTOM}:
        raise FilterError(f"{_short(asked)} has no order")
    number = _number(asked, value)
    if not is_not:
        return Condition(asked.name, operator, (number,))
    return _or_unknown(asked, Condition(asked.name, _CONTRARY[operator], (number,)))


def _or_unknown(asked: Asked, condition: Condition) -> Group:
    return Group((condition, Condition(asked.name, "is_not_set")), is_any=True)


def _exists(asked: Asked, is_set: bool) -> Node:
    if asked.kind is Kind.TRUTH:
        return _everybody(asked) if is_set else _nobody(asked)
    return Condition(asked.name, "is_set" if is_set else "is_not_set")


def _everybody(asked: Asked) -> Group:
    return Group(tuple(Condition(asked.name, operator) for operator in _both(asked)), is_any=True)


def _nobody(asked: Asked) -> Group:
    return Group(tuple(Condition(asked.name, operator) for operator in _both(asked)))


def _both(asked: Asked) -> tuple[str, str]:
    return ("yes", "no") if asked.kind is Kind.TRUTH else ("is_set", "is_not_set")


def _regex(asked: Asked, pattern: Any, options: Any, *, is_not: bool) -> Node:
    """Read the patterns that are plain texts: anywhere, at the beginning (^), or all of it (^ and $)."""
    if not isinstance(pattern, str) or not isinstance(options, str) or set(options) - {"i"}:
        raise FilterError("$regex needs a text, and knows no option but i")
    if asked.kind not in {Kind.TEXT, Kind.CUSTOM}:
        raise FilterError(f"{_short(asked)} is no text for $regex")
    body = pattern.removeprefix(".*").removesuffix(".*")
    is_begin = body.startswith("^")
    is_end = body.endswith("$") and not body.endswith("\\$")
    body = body.removeprefix("^")
    body = body[:-1] if is_end else body
    if _SPECIAL.search(body) or (is_end and not is_begin):
        raise FilterError("$regex finds plain texts only: anywhere, after ^, or between ^ and $")
    text = _ESCAPED.sub(r"\1", body)
    if is_begin and is_end:
        return _equals(asked, text, is_not=is_not)
    if not text:
        return _exists(asked, not is_not)
    if is_not:
        raise FilterError("$not cannot be asked of a part of a text")
    if is_begin and asked.kind is Kind.CUSTOM:
        raise FilterError("A custom property can be searched anywhere, not from its beginning")
    return Condition(asked.name, "starts_with" if is_begin else "contains", (text,))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise FilterError("A value is a text, a number, true or false")
    return str(value)


def _number(asked: Asked, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FilterError(f"{asked.name.removeprefix(CUSTOM)}: a number is needed")
    if asked.kind is Kind.SECONDS and not 0 <= value <= _LATEST_SECOND:
        raise FilterError(f"{_short(asked)} is a moment in seconds since 1970")
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


# --- Fields that only programs ask for ----------------------------------------------------------


def _moment(column: str) -> Where:
    """Return the condition on a moment in whole seconds since 1970, as Countly keeps it."""

    def condition(operator: str, values: Values, scope: Scope) -> Q:
        path = scope.user + column
        if operator in {"is_set", "is_not_set"}:
            return Q(**{f"{path}__isnull": operator == "is_not_set"})
        start, *rest = (datetime.fromtimestamp(int(float(value)), tz=UTC) for value in values)
        after = (rest[0] if rest else start) + timedelta(seconds=1)
        conditions: dict[str, Callable[[], Q]] = {
            "equals": lambda: Q(**{f"{path}__gte": start, f"{path}__lt": after}),
            "between": lambda: Q(**{f"{path}__gte": start, f"{path}__lt": after}),
            "not_equals": lambda: (
                Q(**{f"{path}__lt": start}) | Q(**{f"{path}__gte": after}) | Q(**{f"{path}__isnull": True})
            ),
            "greater": lambda: Q(**{f"{path}__gte": after}),
            "at_least": lambda: Q(**{f"{path}__gte": start}),
            "less": lambda: Q(**{f"{path}__lt": start}),
            "at_most": lambda: Q(**{f"{path}__lt": after}),
        }
        return conditions[operator]()

    return condition


def _uid(operator: str, values: Values, scope: Scope) -> Q:
    path = f"{scope.user}uid"
    match operator:
        case "is_set" | "is_not_set":
            return Q(**{f"{path}__isnull": operator == "is_not_set"})
        case "is" | "is_not":
            found = Q(**{path: values[0]})
        case "contains":
            found = Q(**{f"{path}__contains": values[0]})
        case _:
            found = Q(**{f"{path}__startswith": values[0]})
    return ~found if operator == "is_not" else found


register(Field("uid", "User id", PERSON, kinds.TEXT, _uid, is_offered=False))
register(
    Field(
        "last_seen_at",
        "Last seen, in seconds since 1970",
        USE,
        kinds.NUMBER,
        _moment("activity__last_seen_at"),
        is_offered=False,
    )
)
register(
    Field(
        "first_seen_at",
        "First seen, in seconds since 1970",
        USE,
        kinds.NUMBER,
        _moment("activity__first_seen_at"),
        is_offered=False,
    )
)
