"""The fields that a filter can ask about, and each question as a condition of the ORM.

Subjects above this one add theirs with `register`. What a condition means is `profiles.directory.filters.kinds`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any, TypeAlias

from django.db.models import Exists, OuterRef, Q, Sum, Value
from django.db.models.functions import Lower

from profiles.access import masking
from profiles.activity.models import Event, EventKey
from profiles.activity.segmentation_sql import Holds
from profiles.directory.filters import kinds
from profiles.directory.filters.kinds import Operator, Values
from profiles.directory.filters.tree import Condition, FilterError, Group, Node
from profiles.directory.search import SHORTEST_ANYWHERE
from profiles.directory.standard import DEVICE, PERSON, TEXTS, USE
from profiles.users.models import DeviceToken
from profiles.wording import Clock

CUSTOM = "custom."
_SEARCHED = frozenset({"name", "username", "email", "phone", "organization", "device_id"})
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Scope:
    """What rows are asked: those of one app; `user` leads from a row to its AppUser, `key` to the user's key."""

    app_id: int
    clock: Clock
    user: str = ""
    key: str = "id"


Where: TypeAlias = Callable[[str, Values, Scope], Q]
Choices: TypeAlias = Callable[[int], Sequence[tuple[str, str]]]  # of an app's id: values and their words
Say: TypeAlias = Callable[[Operator, Values, int], str]  # the last is the app's id


@dataclass(frozen=True, slots=True)
class Field:
    """A field: how it is called, under what it stands in the form, what can be asked of it."""

    name: str
    label: str
    section: str
    operators: tuple[Operator, ...]
    where: Where
    say: Say | None = None
    """The question in words, where they are not label, operator and values."""
    choices: Choices | None = None
    """What a box whose type is not one of every field's may hold."""
    is_offered: bool = True
    """Whether the form offers it; programs ask for others too."""

    def operator(self, name: str) -> Operator:
        """Return an operator by its name; raise FilterError."""
        for operator in self.operators:
            if operator.name == name:
                return operator
        raise FilterError(f"{self.label}: there is no question “{name}”")


_registry: dict[str, Field] = {}


def register(field: Field) -> None:
    """Add a field after those that are there. Once per name."""
    if field.name in _registry:
        raise ValueError(f"There is a field “{field.name}” already")
    _registry[field.name] = field


def all_fields() -> tuple[Field, ...]:
    """Return the fields that the form offers in every app, in the order they are shown in."""
    return tuple(field for field in _registry.values() if field.is_offered)


def find_field(name: str) -> Field:
    """Return a field by its name; any custom property is one. Raise FilterError, also for what is masked."""
    if not masking.current().shows(name):
        raise FilterError("Your role does not see the field that this filter asks for")
    if field := _registry.get(name):
        return field
    property_name = name.removeprefix(CUSTOM)
    if property_name == name or not 0 < len(property_name) <= LONGEST_NAME:
        raise FilterError(f"There is no field “{name[:60]}”")
    return Field(name, property_name, "Custom properties", kinds.PROPERTY, _property(property_name))


def checked(node: Group) -> Group:
    """Return a filter with its values as conditions keep them; raise FilterError for what no field understands."""
    return Group(tuple(_checked(member) for member in node.members), node.is_any)


def _checked(node: Node) -> Node:
    if isinstance(node, Group):
        return checked(node)
    operator = find_field(node.field).operator(node.operator)
    return Condition(node.field, node.operator, kinds.read_values(operator, node.values))


def in_words(node: Node, app_id: int) -> str:
    """Say a checked filter of an app."""
    if isinstance(node, Condition):
        field = find_field(node.field)
        operator = field.operator(node.operator)
        if field.say:
            return field.say(operator, node.values, app_id)
        asked = kinds.words(operator, node.values)
        return asked if field.operators is kinds.BEHAVIOUR else f"{field.label} {asked}"
    words = [in_words(part, app_id) for part in node.members]
    parts = [f"({text})" if isinstance(part, Group) else text for part, text in zip(node.members, words, strict=True)]
    return (" or " if node.is_any else " and ").join(parts)


def names(node: Node, field: str) -> bool:
    """Tell whether a filter asks about a field."""
    if isinstance(node, Condition):
        return node.field == field
    return any(names(member, field) for member in node.members)


def where(node: Node, scope: Scope) -> Q:
    """Return a checked filter as a condition on the rows of the scope."""
    if isinstance(node, Condition):
        return find_field(node.field).where(node.operator, node.values, scope)
    return reduce(or_ if node.is_any else and_, (where(member, scope) for member in node.members), Q())


def _text(*columns: str) -> Where:
    lookups = {"is": "exact", "contains": "icontains", "starts_with": "istartswith"}

    def condition(operator: str, values: Values, scope: Scope) -> Q:
        paths = [scope.user + column for column in columns]
        if operator in {"is_set", "is_not_set"}:
            known = reduce(or_, (Q(**{f"{path}__gt": ""}) for path in paths))
            return known if operator == "is_set" else _not(paths, known)
        found = reduce(or_, (Q(**{f"{path}__{lookups.get(operator, 'exact')}": values[0]}) for path in paths))
        if operator == "is" and len(values[0]) >= SHORTEST_ANYWHERE and set(columns) <= _SEARCHED:
            # What is equal is contained in the searched text, whose index then finds the few.
            found &= Q(**{f"{scope.user}search_text__contains": Lower(Value(values[0]))})
        return _not(paths, found) if operator == "is_not" else found

    return condition


def _not(paths: Sequence[str], found: Q) -> Q:
    """Return the contrary, which holds of unknown values too."""
    return ~found if len(paths) > 1 else ~found | Q(**{f"{paths[0]}__isnull": True})


def number(column: str, *, scale: float = 1) -> Where:
    """Return the condition on a numeric column that holds `scale` times what is asked in."""
    lookups = {"equals": "exact", "greater": "gt", "less": "lt", "at_least": "gte", "at_most": "lte"}

    def condition(operator: str, values: Values, scope: Scope) -> Q:
        path = scope.user + column
        if operator in {"is_set", "is_not_set"}:
            return Q(**{f"{path}__isnull": operator == "is_not_set"})
        numbers = [float(value) * scale for value in values]
        if operator == "between":
            return Q(**{f"{path}__gte": numbers[0], f"{path}__lte": numbers[1]})
        if operator == "not_equals":
            return Q(**{f"{path}__lt": numbers[0]}) | Q(**{f"{path}__gt": numbers[0]}) | Q(**{f"{path}__isnull": True})
        if operator == "equals":
            return Q(**{f"{path}__gte": numbers[0], f"{path}__lte": numbers[0]})
        return Q(**{f"{path}__{lookups[operator]}": numbers[0]})

    return condition


def _moment(column: str) -> Where:
    def condition(operator: str, values: Values, scope: Scope) -> Q:
        path = scope.user + column
        match operator:
            case "is_set" | "is_not_set":
                return Q(**{f"{path}__isnull": operator == "is_not_set"})
            case "last_days":
                return Q(**{f"{path}__gte": kinds.first_of(int(values[0]), scope.clock)})
            case "not_last_days":
                first = kinds.first_of(int(values[0]), scope.clock)
                return Q(**{f"{path}__lt": first}) | Q(**{f"{path}__isnull": True})
            case "before":
                return Q(**{f"{path}__lt": kinds.start_of(date.fromisoformat(values[0]), scope.clock)})
            case _:
                next_day = date.fromisoformat(values[0]) + timedelta(days=1)
                return Q(**{f"{path}__gte": kinds.start_of(next_day, scope.clock)})

    return condition


def _truth(column: str) -> Where:
    return lambda operator, _, scope: Q(**{scope.user + column: operator == "yes"})


def _property(name: str) -> Where:
    def condition(operator: str, values: Values, scope: Scope) -> Q:
        conditions = kinds.property_conditions(name, operator, values)
        held = reduce(and_, (Q(Holds(f"{scope.user}custom", one)) for one in conditions))
        return ~held if operator == "is_not_set" else held

    return condition


def _consent(operator: str, values: Values, scope: Scope) -> Q:
    given = Q(**{f"{scope.user}consent__contains": {values[0]: True}})
    return given if operator == "given" else ~given


def _push_token(operator: str, _: Values, scope: Scope) -> Q:
    has_token = Q(Exists(DeviceToken.objects.filter(user_id=OuterRef(scope.key), disabled_reason="")))
    return has_token if operator == "yes" else ~has_token


def _behaviour(operator: str, values: Values, scope: Scope) -> Q:
    key, times, days, *segment = values
    number = EventKey.objects.filter(app_id=scope.app_id, key=key).values("id")[:1]
    deeds: Any = Event.objects.filter(app_id=scope.app_id, key_id__in=number)
    if days != "0":
        deeds = deeds.filter(occurred_at__gte=kinds.first_of(int(days), scope.clock))
    if segment:
        deeds = deeds.filter(Holds("segmentation", kinds.segment_condition(segment)))
    doers = deeds.values("user_id").annotate(total=Sum("count")).filter(total__gte=int(times)).values("user_id")
    did = Q(**{f"{scope.key}__in": doers})
    return did if operator == "did" else ~did


register(Field("event", "Event", "Behaviour", kinds.BEHAVIOUR, _behaviour))
for _text_field in TEXTS:
    register(Field(_text_field.name, _text_field.label, _text_field.section, kinds.TEXT, _text(*_text_field.columns)))
for _field in (
    Field("birth_year", "Birth year", PERSON, kinds.NUMBER, number("birth_year")),
    Field("identified", "Identified:", PERSON, kinds.TRUTH, _truth("is_identified")),
    Field("push_token", "Has a push token:", DEVICE, kinds.TRUTH, _push_token),
    Field("consent", "Consent", PERSON, kinds.CONSENT, _consent),
    Field("sessions", "Sessions", USE, kinds.NUMBER, number("activity__sessions_count")),
    Field("seconds", "Time spent in seconds", USE, kinds.NUMBER, number("activity__total_seconds")),
    Field("events", "Events", USE, kinds.NUMBER, number("activity__events_count")),
    Field("crashes", "Crashes", USE, kinds.NUMBER, number("activity__crashes_count")),
    Field("first_seen", "First seen", USE, kinds.MOMENT, _moment("activity__first_seen_at")),
    Field("last_seen", "Last seen", USE, kinds.MOMENT, _moment("activity__last_seen_at")),
):
    register(_field)
