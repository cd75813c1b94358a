from typing import Any

import pytest
from hypothesis import given, strategies as st

from profiles.activity.segmentation import Condition, Operator, Scalar, number_of, read_condition, shown


@pytest.mark.parametrize(
    ("held", "operator", "wanted", "expected"),
    [
        ("pro", Operator.IS, "pro", True),
        ("Pro", Operator.IS, "pro", False),
        (5, Operator.IS, 5, True),
        (5, Operator.IS, 5.0, True),
        (5, Operator.IS, "5", True),
        ("5", Operator.IS, 5, True),
        ("5.0", Operator.IS, 5, True),
        ("5.0", Operator.IS, "5", False),
        ("five", Operator.IS, 5, False),
        (True, Operator.IS, True, True),
        (True, Operator.IS, "true", True),
        ("false", Operator.IS, False, True),
        (True, Operator.IS, 1, False),
        (1, Operator.IS, True, False),
        (["a", "b"], Operator.IS, "b", True),
        (["a", 5], Operator.IS, "5", True),
        ([["a"]], Operator.IS, "a", False),
        ({"a": 1}, Operator.IS, "a", False),
        (None, Operator.IS, "", False),
        ("", Operator.IS, "", True),
        ("pro", Operator.IS_NOT, "pro", False),
        ("free", Operator.IS_NOT, "pro", True),
        (None, Operator.IS_NOT, "pro", True),
        (["pro", "x"], Operator.IS_NOT, "pro", False),
        ("Premium plan", Operator.CONTAINS, "PLAN", True),
        ("Premium", Operator.CONTAINS, "plan", False),
        (["a", "my plan"], Operator.CONTAINS, "plan", True),
        (125, Operator.CONTAINS, "2", False),
        ("125", Operator.CONTAINS, 2, True),
        (5, Operator.GREATER, 4, True),
        (5, Operator.GREATER, 5, False),
        (5, Operator.AT_LEAST, 5, True),
        (5, Operator.LESS, 5, False),
        (5, Operator.AT_MOST, 5, True),
        ("5.5", Operator.GREATER, "5", True),
        (["1", 9], Operator.GREATER, 5, True),
        ("five", Operator.GREATER, 4, False),
        (True, Operator.GREATER, 0, False),
        (5, Operator.GREATER, "four", False),
        (None, Operator.LESS, 4, False),
        (0, Operator.IS_SET, "", True),
        (False, Operator.IS_SET, "", True),
        ([], Operator.IS_SET, "", True),
        (None, Operator.IS_SET, "", False),
    ],
)
def test_condition(held: Any, operator: Operator, wanted: Scalar, expected: bool) -> None:
    assert Condition("x", operator, wanted).holds({"x": held}) == expected


def test_a_missing_key_is_like_null() -> None:
    for operator in Operator:
        condition = Condition("x", operator, "a")
        assert condition.holds({}) == condition.holds(None) == condition.holds({"x": None})


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
SCALARS = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4))


@given(JSON, SCALARS)
def test_any_value_meets_any_condition(held: Any, wanted: Scalar) -> None:
    holds = {operator: Condition("x", operator, wanted).holds({"x": held}) for operator in Operator}
    assert holds[Operator.IS] != holds[Operator.IS_NOT]
    if not isinstance(held, list):
        assert holds[Operator.AT_LEAST] == (
            holds[Operator.GREATER] or (holds[Operator.AT_LEAST] and not holds[Operator.LESS])
        )
        assert not (holds[Operator.GREATER] and holds[Operator.LESS])
    shown(held)


@pytest.mark.parametrize("text", ["1e5", " 5", "5\n", "0x10", "inf", "nan", "1_000", "５", "1" * 16, ".5", "5.", ""])
def test_only_plain_digits_are_a_number(text: str) -> None:
    assert number_of(text) is None


def test_it_reads_what_funnels_store() -> None:
    assert read_condition({"name": "plan", "operator": "is", "value": "pro"}) == Condition("plan", Operator.IS, "pro")
    assert read_condition({"name": "plan", "operator": "is_set"}) == Condition("plan", Operator.IS_SET)


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"name": "x"},
        {"name": "x", "operator": "like"},
        {"name": 1, "operator": "is"},
        {"name": "x", "operator": "is", "value": []},
    ],
)
def test_it_rejects_what_is_no_condition(stored: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a"):
        read_condition(stored)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition("plan", Operator.IS, "pro"), "plan is “pro”"),
        (Condition("price", Operator.AT_LEAST, 9.5), "price ≥ 9.5"),
        (Condition("is_new", Operator.IS_NOT, True), "is_new is not true"),
        (Condition("plan", Operator.IS_SET), "plan is set"),
    ],
)
def test_it_says_itself_in_words(condition: Condition, text: str) -> None:
    assert condition.text == text
