"""What an operation does to a property of a user, and the property's memory: when it was first and last set.

Pure: state and operations in, new state and recorded changes out. Countly documents the operations (its server's code
is closed); they follow MongoDB's operators of the same names. Custom properties and the named details share the rules.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
PropertyTimes: TypeAlias = dict[str, list[int]]  # name to [first set, last set or deleted], ms of device time

DETAILS: Final = ("name", "username", "email", "organization", "phone", "gender", "birth_year", "picture")
CUSTOM_PREFIX: Final = "custom."
NEVER_SET: Final = 0  # first set of a property of which only a deletion is known

_INT64: Final = 2**63


class Operation(StrEnum):
    """What can be done to a property, in the order in which the operations of one request on one property apply."""

    SET = "set"
    UNSET = "unset"
    SET_ONCE = "set_once"
    INCREMENT = "increment"
    MULTIPLY = "multiply"
    MIN = "min"
    MAX = "max"
    PUSH = "push"
    ADD_TO_SET = "add_to_set"
    PULL = "pull"


class Note(StrEnum):
    """Why an operation did nothing, or less than it asked for."""

    LATE = "late"
    INCOMPATIBLE = "incompatible"
    OUT_OF_RANGE = "out_of_range"
    TOO_MANY_PROPERTIES = "too_many_properties"
    ITEMS_TRIMMED = "items_trimmed"


@dataclass(frozen=True, slots=True)
class PropertyLimits:
    """How much a profile may hold.

    Countly's `custom_prop_limit` is 20, or 50 where its documentation swaps it with `custom_set_limit`: `properties` is
    the larger, because what is dropped is lost. `items` is `custom_set_limit`. `deletions` bounds the memory of deleted
    names, which a stranger could make grow for ever.
    """

    properties: int = 50
    items: int = 50
    deletions: int = 50


@dataclass(frozen=True, slots=True)
class Update:
    """One operation on one property.

    `value` is a finite number for increment, multiply, min and max; a list, or one item, for push, add_to_set and pull;
    nothing for unset. A set to None or "" deletes, as Countly documents; 0 and False are values.
    """

    name: str
    operation: Operation
    value: JsonValue
    at_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """A value that a property took at a device's time; None: it was deleted, or before, did not exist.

    A late change is one that the property had already left behind when it arrived: history, not the present value. Of
    the changes that are not late, the newest is the present value.
    """

    name: str
    value: JsonValue
    previous: JsonValue
    at_ms: int
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """The state after the updates, what changed in it in order, and (name, note) of what was not done as asked."""

    values: dict[str, JsonValue]
    times: PropertyTimes
    changes: list[Change]
    notes: list[tuple[str, Note]]


def apply(
    values: Mapping[str, JsonValue],
    times: Mapping[str, list[int]],
    updates: Iterable[Update],
    *,
    prefix: str = "",
    limits: PropertyLimits | None = None,
) -> Applied:
    """Fold updates, in their order, onto a user's properties. The arguments stay as they are.

    `times`, and the names in the answer's `times`, changes and notes, lead with `prefix`, so that details and custom
    properties share one dictionary; times of other prefixes pass through. Without limits (details) nothing is cut.

    Memory, for operations that arrive late, that is stamped before the property's last time:
    - set and unset change nothing: the newer value, or the newer deletion, stands;
    - set_once looks only at whether the property exists;
    - the others apply to a property that exists, because their effects add up in any order, but never bring back one
      that was deleted after them.
    An operation that does not fit the held value (an increment of a text) is ignored alone.
    """
    folding = _Folding(dict(values), dict(times), prefix, limits)
    for update in updates:
        folding.fold(update)
    if limits:
        folding.forget_oldest_deletions(limits.deletions)
    return Applied(folding.values, folding.times, folding.changes, folding.notes)


class _Refused(Exception):  # noqa: N818 - not an error, an answer
    def __init__(self, note: Note) -> None:
        self.note = note


class _Folding:
    """State half way through `apply`."""

    def __init__(
        self, values: dict[str, JsonValue], times: PropertyTimes, prefix: str, limits: PropertyLimits | None
    ) -> None:
        self.values = values
        self.times = times
        self.prefix = prefix
        self.limits = limits
        self.changes: list[Change] = []
        self.notes: list[tuple[str, Note]] = []

    def fold(self, update: Update) -> None:
        operation, value = update.operation, update.value
        is_deletion = operation == Operation.UNSET or value is None or value == ""
        if operation in (Operation.SET, Operation.UNSET):
            if is_deletion:
                self._delete(update.name, update.at_ms)
            else:
                self._set(update.name, value, update.at_ms)
        elif operation == Operation.SET_ONCE:
            if update.name in self.values:
                if self._is_late(update.name, update.at_ms):
                    self._remember(update.name, update.at_ms, is_set_last=False)
            elif not is_deletion:
                self._set(update.name, value, update.at_ms)
        else:
            self._modify(update)

    def forget_oldest_deletions(self, kept: int) -> None:
        if len(self.times) <= kept:
            return
        start = len(self.prefix)
        deleted = [key for key in self.times if key.startswith(self.prefix) and key[start:] not in self.values]
        if len(deleted) > kept:
            deleted.sort(key=lambda key: (self.times[key][1], key), reverse=True)
            for key in deleted[kept:]:
                del self.times[key]

    def _set(self, name: str, value: JsonValue, at_ms: int) -> None:
        previous = self.values.get(name)
        if self._is_late(name, at_ms):
            self._remember(name, at_ms, is_set_last=False)
            self._note(name, Note.LATE)
            if not _same(value, previous):
                self.changes.append(Change(self.prefix + name, value, None, at_ms, is_late=True))
            return
        if self._is_full(name):
            return
        self._store(name, self._trimmed(name, value, keep_newest=False), at_ms)

    def _delete(self, name: str, at_ms: int) -> None:
        key = self.prefix + name
        first = self.times[key][0] if key in self.times else NEVER_SET
        if self._is_late(name, at_ms):
            self._note(name, Note.LATE)
            if first != NEVER_SET and first < at_ms and name in self.values:
                self.changes.append(Change(key, None, None, at_ms, is_late=True))
            return
        if name in self.values:
            self.changes.append(Change(key, None, self.values.pop(name), at_ms))
        self.times[key] = [first, at_ms]

    def _modify(self, update: Update) -> None:
        name = update.name
        held = self.values.get(name)
        if held is None:
            if update.operation == Operation.PULL:
                return
            if self._is_late(name, update.at_ms):
                self._note(name, Note.LATE)
                return
        try:
            value = _MODIFIERS[update.operation](held, update.value)
        except _Refused as refused:
            self._note(name, refused.note)
            return
        if self._is_full(name):
            return
        self._store(name, self._trimmed(name, value, keep_newest=True), update.at_ms)

    def _store(self, name: str, value: JsonValue, at_ms: int) -> None:
        previous = self.values.get(name)
        self._remember(name, at_ms, is_set_last=True)
        if previous is None or not _same(value, previous):
            self.values[name] = value
            key = self.prefix + name
            # A late modifier adds to the newest value, so what it makes is the value of the newest time.
            self.changes.append(Change(key, value, previous, self.times[key][1]))

    def _remember(self, name: str, at_ms: int, *, is_set_last: bool) -> None:
        key = self.prefix + name
        first, last = self.times.get(key, (NEVER_SET, at_ms))
        first = at_ms if first == NEVER_SET else min(first, at_ms)
        self.times[key] = [first, max(last, at_ms) if is_set_last else last]

    def _is_late(self, name: str, at_ms: int) -> bool:
        span = self.times.get(self.prefix + name)
        return span is not None and at_ms < span[1]

    def _is_full(self, name: str) -> bool:
        if self.limits is None or name in self.values or len(self.values) < self.limits.properties:
            return False
        self._note(name, Note.TOO_MANY_PROPERTIES)
        return True

    def _trimmed(self, name: str, value: JsonValue, *, keep_newest: bool) -> JsonValue:
        if self.limits is None or not isinstance(value, list) or len(value) <= self.limits.items:
            return value
        self._note(name, Note.ITEMS_TRIMMED)
        return value[-self.limits.items :] if keep_newest else value[: self.limits.items]

    def _note(self, name: str, note: Note) -> None:
        self.notes.append((self.prefix + name, note))


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Compare as JSON does: true is not 1, but 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    return one == other


def _number(value: JsonValue) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(Note.INCOMPATIBLE)
    return _in_range(value)


def _in_range(number: int | float) -> int | float:
    """Return the number as JSON's readers can take it: a 64-bit integer, or a finite double."""
    try:
        if isinstance(number, int) and -_INT64 <= number < _INT64:
            return number
        number = float(number)
    except OverflowError:
        raise _Refused(Note.OUT_OF_RANGE) from None
    if not math.isfinite(number):
        raise _Refused(Note.OUT_OF_RANGE)
    return number


def _increment(held: JsonValue, by: JsonValue) -> JsonValue:
    return _in_range(_number(0 if held is None else held) + _number(by))


def _multiply(held: JsonValue, by: JsonValue) -> JsonValue:
    factor = _number(by)
    return 0 if held is None else _in_range(_number(held) * factor)


def _min(held: JsonValue, bound: JsonValue) -> JsonValue:
    return _number(bound) if held is None else min(_number(held), _number(bound))


def _max(held: JsonValue, bound: JsonValue) -> JsonValue:
    return _number(bound) if held is None else max(_number(held), _number(bound))


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _array(held: JsonValue) -> list[JsonValue]:
    """Return the array to add to: a scalar becomes one, an object cannot."""
    if isinstance(held, dict):
        raise _Refused(Note.INCOMPATIBLE)
    return [] if held is None else _items(held)


def _push(held: JsonValue, added: JsonValue) -> JsonValue:
    return _array(held) + _items(added)


def _add_to_set(held: JsonValue, added: JsonValue) -> JsonValue:
    array = list(_array(held))
    for item in _items(added):
        if not any(_same(item, known) for known in array):
            array.append(item)
    return array


def _pull(held: JsonValue, removed: JsonValue) -> JsonValue:
    if not isinstance(held, list):
        raise _Refused(Note.INCOMPATIBLE)
    return [item for item in held if not any(_same(item, value) for value in _items(removed))]


_MODIFIERS: Final[dict[Operation, Callable[[JsonValue, JsonValue], JsonValue]]] = {
    Operation.INCREMENT: _increment,
    Operation.MULTIPLY: _multiply,
    Operation.MIN: _min,
    Operation.MAX: _max,
    Operation.PUSH: _push,
    Operation.ADD_TO_SET: _add_to_set,
    Operation.PULL: _pull,
}
