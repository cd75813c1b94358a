"""The form that adds a condition to a list's filter or changes one: what it asks, what is typed, what is wrong with it.

It is kept in the address too, so that it works as plain links and forms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.http import QueryDict

from profiles.access import masking
from profiles.access.models import App
from profiles.directory.filters import kinds, tree
from profiles.directory.filters.fields import CUSTOM, Field, all_fields, checked, find_field, in_words
from profiles.directory.filters.kinds import Operator, Suggests, Values
from profiles.directory.filters.tree import Condition, FilterError, Group, Path
from profiles.directory.state import ListState
from profiles.directory.suggestions import offered, property_names

AT, ALTERNATIVE, FIELD, PROPERTY, OPERATOR, VALUE, APPLY = "at", "or", "field", "property", "operator", "value", "apply"


@dataclass(frozen=True, slots=True)
class Box:
    """One box of the form, with what it may hold: a list to choose from, or what is offered while typing."""

    name: str
    label: str
    type: str
    value: str
    is_optional: bool
    options: tuple[tuple[str, str], ...]
    is_choice: bool
    decides_others: bool
    """Whether what other boxes offer depends on what is typed here."""


@dataclass(frozen=True, slots=True)
class ConditionForm:
    """A condition in the making. `path` says where it goes: in place of what stands there, or as its alternative."""

    state: ListState
    path: Path
    is_alternative: bool
    field: Field | None
    operator: Operator | None
    typed: Values
    error: str

    @property
    def is_change(self) -> bool:
        """Whether a condition that is there is changed."""
        return bool(self.path) and not self.is_alternative

    def fields(self) -> list[tuple[str, str]]:
        """Return what the form carries along: the list, and the place."""
        place = [(AT, ".".join(str(index) for index in self.path))] if self.path else []
        return [*self.state.fields(), *place, *([(ALTERNATIVE, "1")] if self.is_alternative else [])]

    def applied(self) -> ListState:
        """Return the list with the condition; raise FilterError, for the person who typed."""
        if self.field is None or self.operator is None:
            raise FilterError("Choose what to filter by")
        condition = Condition(self.field.name, self.operator.name, kinds.read_values(self.operator, self.typed))
        filter_ = self.state.filter
        if self.is_alternative:
            chosen = tree.with_alternative(filter_, self.path, condition)
        elif self.path:
            chosen = tree.replaced(filter_, self.path, condition)
        else:
            chosen = filter_.with_condition(condition)
        return self.state.filtered(checked(tree.read(tree.write(chosen))))


def read_form(state: ListState, parameters: QueryDict) -> ConditionForm:
    """Read the form of an address; what is not there falls back to a new condition."""
    path = _path(parameters.get(AT, ""))
    there = tree.find(state.filter, path)
    is_alternative = ALTERNATIVE in parameters and there is not None
    typed = tuple(value.replace("\x00", "") for value in parameters.getlist(VALUE))
    name, operator_name, error = parameters.get(FIELD, ""), parameters.get(OPERATOR, ""), ""
    if not name and (key := parameters.get(PROPERTY, "").strip().replace("\x00", "")):
        name = CUSTOM + key
    if there is None:
        path = ()
    elif isinstance(there, Condition) and not is_alternative and not name and FIELD not in parameters:
        name, operator_name, typed = there.field, there.operator, there.values
    field: Field | None = None
    try:
        field = find_field(name) if name else None
    except FilterError as fault:
        error = str(fault)
    operator = None
    if field:
        operator = next((one for one in field.operators if one.name == operator_name), field.operators[0])
    return ConditionForm(state, path, is_alternative, field, operator, typed, error)


def boxes(app: App, form: ConditionForm) -> list[Box]:
    """Return the boxes of the question, with what they offer. A query for each that offers something."""
    if form.field is None or form.operator is None:
        return []
    typed = form.typed or tuple(box.default for box in form.operator.inputs)
    return [
        _box(app, form.field, box, number, typed[number] if number < len(typed) else box.default, typed)
        for number, box in enumerate(form.operator.inputs)
    ]


def _box(app: App, field: Field, box: kinds.Input, number: int, value: str, typed: Values) -> Box:
    options: Sequence[tuple[str, str]] = ()
    is_choice = True
    if box.type == "segment":
        options = [(operator.name, operator.words) for operator in kinds.SEGMENT_OPERATORS]
    elif field.choices and box.type not in kinds.BASIC_TYPES:
        options = field.choices(app.pk)
        if value and value not in dict(options):
            options = [(value, "the one that it is now"), *options]
    else:
        is_choice = False
        options = offered(app, field, box.suggests, typed) if box.suggests else ()
    kind = box.type if box.type in kinds.BASIC_TYPES else "text"
    return Box(
        f"value-{number}", box.label, kind, value, box.is_optional, tuple(options), is_choice, box.suggests in _DECIDING
    )


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of the filter as it stands above the list: a condition, or a group of chips of which any must hold."""

    words: str
    path: str
    members: tuple["Chip", ...]
    is_any: bool
    query_without: str


def chips(app: App, state: ListState) -> tuple[Chip, ...]:
    """Return the parts of a list's filter, and with each the address of the list without it."""
    base = tree.all_of(state.filter)
    return tuple(_chip(app, state, member, (index,)) for index, member in enumerate(base.members))


def _chip(app: App, state: ListState, node: tree.Node, path: Path) -> Chip:
    without = state.filtered(tree.replaced(state.filter, path, None)).query_string()
    written = ".".join(str(index) for index in path)
    if isinstance(node, Group):
        members = tuple(_chip(app, state, member, (*path, index)) for index, member in enumerate(node.members))
        return Chip("", written, members, node.is_any, without)
    return Chip(in_words(node, app.pk), written, (), False, without)


def field_groups(app: App) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what whoever looks can ask about, by section: the names and labels of its fields. One query."""
    seen = [field for field in all_fields() if masking.current().shows(field.name)]
    fields = sorted(seen, key=lambda field: _SECTIONS.get(field.section, len(_SECTIONS)))
    groups = [
        (section, [(field.name, field.label.rstrip(":")) for field in members])
        for section, members in groupby(fields, key=lambda field: field.section)
    ]
    custom = [(CUSTOM + name, name) for name in property_names(app)]
    return [*groups, ("Custom properties", custom)] if custom else groups


_DECIDING = {Suggests.EVENT, Suggests.SEGMENT}
_SECTIONS = {name: number for number, name in enumerate(("Behaviour", "Use", "Device and app", "Place", "Person"))}


def _path(text: str) -> Path:
    parts = text.split(".") if text else []
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdigit() for part in parts) else ()
