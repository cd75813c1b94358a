from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from profiles.users.properties import (
    NEVER_SET,
    Applied,
    Change,
    JsonValue,
    Note,
    Operation,
    PropertyLimits,
    Update,
    apply,
)

T = 1_732_000_000_000
ABSENT = object()


def fold(updates: Iterable[Update], limits: PropertyLimits | None = None) -> Applied:
    return apply({}, {}, updates, limits=limits)


def one(held: object, operation: Operation, value: JsonValue) -> tuple[object, list[Note]]:
    """Apply one operation to a held value and return the new value and the notes."""
    before = {} if held is ABSENT else {"x": held}
    applied = apply(before, {}, [Update("x", operation, value, T)], limits=PropertyLimits())  # type: ignore[arg-type]
    return applied.values.get("x", ABSENT), [note for _, note in applied.notes]


@pytest.mark.parametrize(
    ("held", "operation", "value", "expected"),
    [
        (ABSENT, Operation.SET, "pro", "pro"),
        ("pro", Operation.SET, ["a"], ["a"]),
        (["a"], Operation.SET, "pro", "pro"),
        ("pro", Operation.SET, 0, 0),
        ("pro", Operation.SET, False, False),
        ("pro", Operation.SET, None, ABSENT),
        ("pro", Operation.SET, "", ABSENT),
        (1, Operation.SET, True, True),
        ("pro", Operation.SET, {"a": {"b": [1]}}, {"a": {"b": [1]}}),
        ("pro", Operation.UNSET, None, ABSENT),
        (ABSENT, Operation.UNSET, None, ABSENT),
        (ABSENT, Operation.SET_ONCE, "2024", "2024"),
        ("2023", Operation.SET_ONCE, "2024", "2023"),
        (0, Operation.SET_ONCE, "2024", 0),
        (ABSENT, Operation.SET_ONCE, "", ABSENT),
        (ABSENT, Operation.INCREMENT, 5, 5),
        (2, Operation.INCREMENT, -3, -1),
        (2, Operation.INCREMENT, 0.5, 2.5),
        (ABSENT, Operation.MULTIPLY, -2.5, 0),
        (3, Operation.MULTIPLY, 2, 6),
        (ABSENT, Operation.MIN, 3, 3),
        (5, Operation.MIN, 3, 3),
        (2, Operation.MIN, 3, 2),
        (ABSENT, Operation.MAX, 3, 3),
        (5, Operation.MAX, 3, 5),
        (2, Operation.MAX, 3, 3),
        (ABSENT, Operation.PUSH, ["a", "a"], ["a", "a"]),
        (ABSENT, Operation.PUSH, "a", ["a"]),
        (["a"], Operation.PUSH, ["a", "b"], ["a", "a", "b"]),
        ("a", Operation.PUSH, ["b"], ["a", "b"]),
        (False, Operation.PUSH, ["b"], [False, "b"]),
        (["a"], Operation.PUSH, {"k": 1}, ["a", {"k": 1}]),
        (ABSENT, Operation.ADD_TO_SET, ["a", "a"], ["a"]),
        (["a"], Operation.ADD_TO_SET, ["b", "a"], ["a", "b"]),
        ("a", Operation.ADD_TO_SET, "a", ["a"]),
        ([1], Operation.ADD_TO_SET, [True, 1.0, "1"], [1, True, "1"]),
        ([{"a": 1}], Operation.ADD_TO_SET, [{"a": 1}, {"a": True}], [{"a": 1}, {"a": True}]),
        (["a", "b", "a"], Operation.PULL, ["a"], ["b"]),
        (["a"], Operation.PULL, "a", []),
        ([True, 1, [1]], Operation.PULL, [1, [True]], [True, [1]]),
        (ABSENT, Operation.PULL, ["a"], ABSENT),
    ],
)
def test_it_does(held: object, operation: Operation, value: JsonValue, expected: object) -> None:
    result, notes = one(held, operation, value)
    assert result == expected
    assert type(result) is type(expected)
    assert notes == []


@pytest.mark.parametrize(
    ("held", "operation", "value", "note"),
    [
        ("five", Operation.INCREMENT, 1, Note.INCOMPATIBLE),
        ("5", Operation.INCREMENT, 1, Note.INCOMPATIBLE),
        (True, Operation.INCREMENT, 1, Note.INCOMPATIBLE),
        (5, Operation.INCREMENT, True, Note.INCOMPATIBLE),
        (5, Operation.INCREMENT, "1", Note.INCOMPATIBLE),
        (ABSENT, Operation.MULTIPLY, "1", Note.INCOMPATIBLE),
        ([1], Operation.MULTIPLY, 2, Note.INCOMPATIBLE),
        ({"a": 1}, Operation.MIN, 1, Note.INCOMPATIBLE),
        (ABSENT, Operation.MAX, "1", Note.INCOMPATIBLE),
        ({"a": 1}, Operation.PUSH, ["b"], Note.INCOMPATIBLE),
        ({"a": 1}, Operation.ADD_TO_SET, ["b"], Note.INCOMPATIBLE),
        ("a", Operation.PULL, ["a"], Note.INCOMPATIBLE),
        (1e308, Operation.MULTIPLY, 10, Note.OUT_OF_RANGE),
        (1, Operation.INCREMENT, 10**400, Note.OUT_OF_RANGE),
        (1, Operation.INCREMENT, float("inf"), Note.OUT_OF_RANGE),
        (1, Operation.MAX, float("nan"), Note.OUT_OF_RANGE),
    ],
)
def test_it_ignores_what_does_not_fit(held: object, operation: Operation, value: JsonValue, note: Note) -> None:
    assert one(held, operation, value) == (held, [note])


def test_an_integer_beyond_64_bits_becomes_a_double() -> None:
    assert one(2**62, Operation.MULTIPLY, 4) == (float(2**64), [])


def test_one_bad_operation_does_not_lose_the_others() -> None:
    applied = fold(
        [
            Update("plan", Operation.SET, "pro", T),
            Update("plan", Operation.INCREMENT, 1, T),
            Update("logins", Operation.INCREMENT, 1, T),
        ]
    )
    assert applied.values == {"plan": "pro", "logins": 1}
    assert applied.notes == [("plan", Note.INCOMPATIBLE)]


def captured_call(at_ms: int) -> list[Update]:
    """Return the modifier call of the captured Node SDK traffic."""
    return [
        Update("plan", Operation.SET, "pro", at_ms),
        Update("signup", Operation.SET_ONCE, "2024-01-01", at_ms),
        Update("logins", Operation.INCREMENT, 1, at_ms),
        Update("credits", Operation.INCREMENT, 5, at_ms),
        Update("score", Operation.MULTIPLY, 2, at_ms),
        Update("high", Operation.MAX, 100, at_ms),
        Update("low", Operation.MIN, 3, at_ms),
        Update("tags", Operation.PUSH, ["a", "b"], at_ms),
        Update("cats", Operation.ADD_TO_SET, ["IT"], at_ms),
        Update("cats", Operation.PULL, ["old"], at_ms),
        Update("old_prop", Operation.UNSET, None, at_ms),
    ]


def test_the_captured_call_twice() -> None:
    first = fold(captured_call(T))
    assert first.values == {
        "plan": "pro",
        "signup": "2024-01-01",
        "logins": 1,
        "credits": 5,
        "score": 0,
        "high": 100,
        "low": 3,
        "tags": ["a", "b"],
        "cats": ["IT"],
    }
    second = apply(first.values, first.times, captured_call(T + 1000))
    assert second.values == first.values | {"logins": 2, "credits": 10, "tags": ["a", "b", "a", "b"]}
    assert {change.name for change in second.changes} == {"logins", "credits", "tags"}


# Memory


def test_it_remembers_first_and_last_set() -> None:
    applied = fold([Update("x", Operation.SET, v, T + v) for v in (1, 2, 3)])
    assert applied.times == {"x": [T + 1, T + 3]}
    assert applied.changes == [Change("x", 1, None, T + 1), Change("x", 2, 1, T + 2), Change("x", 3, 2, T + 3)]


def test_setting_the_same_value_is_no_change_but_moves_the_time() -> None:
    applied = fold([Update("x", Operation.SET, 1, T), Update("x", Operation.SET, 1, T + 5)])
    assert applied.changes == [Change("x", 1, None, T)]
    assert applied.times == {"x": [T, T + 5]}


def test_a_late_set_does_not_overwrite_a_newer_value_but_is_remembered() -> None:
    applied = fold([Update("x", Operation.SET, "new", T), Update("x", Operation.SET, "old", T - 5)])
    assert applied.values == {"x": "new"}
    assert applied.times == {"x": [T - 5, T]}
    assert applied.changes == [Change("x", "new", None, T), Change("x", "old", None, T - 5, is_late=True)]
    assert applied.notes == [("x", Note.LATE)]


def test_a_late_unset_does_not_delete_a_newer_value() -> None:
    applied = fold(
        [
            Update("x", Operation.SET, 1, T - 9),
            Update("x", Operation.SET, 2, T),
            Update("x", Operation.UNSET, None, T - 5),
        ]
    )
    assert applied.values == {"x": 2}
    assert applied.changes[-1] == Change("x", None, None, T - 5, is_late=True)


def test_a_late_set_does_not_bring_back_what_was_deleted_after_it() -> None:
    deleted = fold([Update("x", Operation.UNSET, None, T)])
    assert deleted.times == {"x": [NEVER_SET, T]}
    applied = apply(deleted.values, deleted.times, [Update("x", Operation.SET, "old", T - 1)])
    assert applied.values == {}
    assert applied.times == {"x": [T - 1, T]}
    assert apply(applied.values, applied.times, [Update("x", Operation.SET, "new", T)]).values == {"x": "new"}


@pytest.mark.parametrize(
    ("operation", "value"),
    [(Operation.INCREMENT, 1), (Operation.PUSH, ["a"]), (Operation.MAX, 1), (Operation.SET_ONCE, 1)],
)
def test_a_late_modifier_does_not_bring_back_what_was_deleted_after_it(operation: Operation, value: JsonValue) -> None:
    deleted = [Update("x", Operation.SET, 1, T - 9), Update("x", Operation.UNSET, None, T)]
    assert fold([*deleted, Update("x", operation, value, T - 1)]).values == {}
    assert fold([*deleted, Update("x", operation, value, T + 1)]).values != {}


def test_a_late_increment_counts_and_its_result_is_the_value_of_the_newest_time() -> None:
    applied = fold([Update("x", Operation.INCREMENT, 2, T), Update("x", Operation.INCREMENT, 3, T - 5)])
    assert applied.values == {"x": 5}
    assert applied.times == {"x": [T - 5, T]}
    assert applied.changes[-1] == Change("x", 5, 2, T)


def test_a_late_set_once_leaves_the_value_and_moves_the_first_time() -> None:
    applied = fold([Update("x", Operation.SET_ONCE, "b", T), Update("x", Operation.SET_ONCE, "a", T - 5)])
    assert applied.values == {"x": "b"}
    assert applied.times == {"x": [T - 5, T]}


def test_a_value_without_times_is_overwritten() -> None:
    assert apply({"x": 1}, {}, [Update("x", Operation.SET, 2, T)]).values == {"x": 2}
    assert apply({"x": 1}, {}, [Update("x", Operation.SET_ONCE, 2, T)]).times == {}


def test_details_and_custom_properties_share_the_times() -> None:
    details = apply({}, {}, [Update("name", Operation.SET, "Ann", T)])
    custom = apply(
        {}, details.times, [Update("name", Operation.SET, "x", T - 5)], prefix="custom.", limits=PropertyLimits()
    )
    assert custom.values == {"name": "x"}
    assert custom.times == {"name": [T, T], "custom.name": [T - 5, T - 5]}
    assert custom.changes == [Change("custom.name", "x", None, T - 5)]


# Limits


def test_new_names_over_the_limit_are_ignored_and_known_ones_are_not() -> None:
    limits = PropertyLimits(properties=2)
    sets = [Update(name, Operation.SET, 1, T) for name in "abc"]
    applied = fold([*sets, Update("c", Operation.PUSH, ["x"], T), Update("a", Operation.SET, 2, T)], limits)
    assert applied.values == {"a": 2, "b": 1}
    assert applied.notes == [("c", Note.TOO_MANY_PROPERTIES)] * 2
    assert "c" not in applied.times


def test_deleting_makes_room() -> None:
    limits = PropertyLimits(properties=1)
    updates = [
        Update("a", Operation.SET, 1, T),
        Update("a", Operation.UNSET, None, T),
        Update("b", Operation.SET, 1, T),
    ]
    assert fold(updates, limits).values == {"b": 1}


def test_arrays_are_trimmed() -> None:
    limits = PropertyLimits(items=3)
    letters: list[JsonValue] = list("abcde")
    assert fold([Update("x", Operation.SET, letters, T)], limits).values == {"x": ["a", "b", "c"]}
    pushed = fold([Update("x", Operation.SET, letters, T), Update("x", Operation.PUSH, ["d", "e"], T)], limits)
    assert pushed.values == {"x": ["c", "d", "e"]}
    assert pushed.notes == [("x", Note.ITEMS_TRIMMED)] * 2


def test_the_memory_of_deleted_names_is_bounded() -> None:
    updates = [Update(f"n{n}", Operation.UNSET, None, T + n) for n in range(500)]
    applied = fold([Update("kept", Operation.SET, 1, T), *updates], PropertyLimits(deletions=2))
    assert applied.times == {"kept": [T, T], "n499": [NEVER_SET, T + 499], "n498": [NEVER_SET, T + 498]}


# Against models

NAMES = st.sampled_from(["a", "b"])
SCALARS = st.one_of(st.integers(-3, 3), st.booleans(), st.sampled_from(["", "1", "z"]), st.none())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.just({"k": 1}))
NUMBERS = st.integers(-3, 3)
ARRAYS = st.lists(st.sampled_from([0, 1, True, "1", "z"]), max_size=3)


def updates_at(times: st.SearchStrategy[int]) -> st.SearchStrategy[Update]:
    numeric = [Operation.INCREMENT, Operation.MULTIPLY, Operation.MIN, Operation.MAX]
    listed = [Operation.PUSH, Operation.ADD_TO_SET, Operation.PULL]
    plain = [Operation.SET, Operation.UNSET, Operation.SET_ONCE]
    return st.one_of(
        st.builds(Update, NAMES, st.sampled_from(plain), VALUES, times),
        st.builds(Update, NAMES, st.sampled_from(numeric), NUMBERS, times),
        st.builds(Update, NAMES, st.sampled_from(listed), ARRAYS, times),
    )


ANY = st.lists(updates_at(st.integers(T, T + 9)), max_size=12)


def model(values: dict[str, JsonValue], update: Update) -> None:
    """Do one operation as the protocol's table words it, on data in order, with JSON text for equality."""
    name, wanted = update.name, update.value
    held = values.get(name)
    is_counted = isinstance(held, int | float) and not isinstance(held, bool)
    items = wanted if isinstance(wanted, list) else [wanted]
    array = held if isinstance(held, list) else [] if held is None else [held]
    match update.operation:
        case "set" | "unset":
            values.pop(name, None)
            if update.operation == "set" and wanted not in (None, ""):
                values[name] = wanted
        case "set_once" if held is None and wanted not in (None, ""):
            values[name] = wanted
        case "increment" if held is None or is_counted:
            values[name] = (held or 0) + wanted  # type: ignore[operator]
        case "multiply" if held is None or is_counted:
            values[name] = (held or 0) * wanted  # type: ignore[operator]
        case "min" | "max" if held is None or is_counted:
            candidates = [wanted] if held is None else [held, wanted]
            values[name] = sorted(candidates)[0 if update.operation == "min" else -1]  # type: ignore[type-var]
        case "push" if not isinstance(held, dict):
            values[name] = [*array, *items]
        case "add_to_set" if not isinstance(held, dict):
            added = list(array)
            for item in items:
                if repr(item) not in map(repr, added):
                    added.append(item)
            values[name] = added
        case "pull" if isinstance(held, list):
            values[name] = [item for item in held if repr(item) not in map(repr, items)]


@given(ANY)
def test_in_order_it_equals_the_reference_model(updates: list[Update]) -> None:
    expected: dict[str, JsonValue] = {}
    updates.sort(key=lambda update: update.at_ms)
    for update in updates:
        model(expected, update)
    assert repr(sorted(fold(updates).values.items())) == repr(sorted(expected.items()))


@given(ANY, st.integers(0, 12))
def test_folding_in_two_parts_is_folding_at_once(updates: list[Update], cut: int) -> None:
    whole = fold(updates)
    first = fold(updates[:cut])
    second = apply(first.values, first.times, updates[cut:])
    assert (second.values, second.times) == (whole.values, whole.times)
    assert first.changes + second.changes == whole.changes


@given(ANY)
def test_the_newest_change_is_the_present_value(updates: list[Update]) -> None:
    applied = fold(updates)
    for name in "ab":
        present = [change for change in applied.changes if change.name == name and not change.is_late]
        assert all(earlier.at_ms <= later.at_ms for earlier, later in pairwise(present))
        assert all(repr(earlier.value) == repr(later.previous) for earlier, later in pairwise(present))
        if present:
            assert repr(applied.values.get(name)) == repr(present[-1].value)


@given(ANY, ANY)
def test_its_arguments_stay_as_they_are(before: list[Update], updates: list[Update]) -> None:
    state = fold(before)
    copy = repr((state.values, state.times))
    apply(state.values, state.times, updates, limits=PropertyLimits(properties=1, items=1, deletions=0))
    assert repr((state.values, state.times)) == copy


@given(ANY, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_limits_hold(updates: list[Update], properties: int, items: int, deletions: int) -> None:
    items += 1
    applied = fold(updates, PropertyLimits(properties, items, deletions))
    assert len(applied.values) <= properties
    assert all(len(value) <= items for value in applied.values.values() if isinstance(value, list))
    assert len(applied.times.keys() - applied.values.keys()) <= deletions


PLAIN = st.lists(
    st.builds(Update, NAMES, st.sampled_from([Operation.SET, Operation.UNSET]), VALUES, st.integers(T, T + 10**6)),
    unique_by=lambda update: (update.name, update.at_ms),
    max_size=8,
)


@given(PLAIN.flatmap(lambda updates: st.tuples(st.just(updates), st.permutations(updates))))
def test_plain_sets_end_the_same_in_any_order_of_arrival(both: tuple[list[Update], list[Update]]) -> None:
    one_way, other_way = fold(both[0]), fold(both[1])
    assert (one_way.values, one_way.times) == (other_way.values, other_way.times)


@pytest.mark.parametrize("operation", [Operation.INCREMENT, Operation.MIN, Operation.MAX])
@given(data=st.data())
def test_commutative_modifiers_end_the_same_in_any_order(operation: Operation, data: st.DataObject) -> None:
    updates = data.draw(
        st.lists(st.builds(Update, st.just("x"), st.just(operation), NUMBERS, st.integers(T, T + 99)), max_size=6)
    )
    shuffled = data.draw(st.permutations(updates))
    one_way, other_way = fold(updates), fold(shuffled)
    assert (one_way.values, one_way.times) == (other_way.values, other_way.times)
