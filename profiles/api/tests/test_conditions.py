"""Queries in MongoDB's style: each finds whom MongoDB would find, and what cannot be asked is an error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from profiles.access.models import App
from profiles.api.conditions import FIELDS, read_query
from profiles.directory.audience import Audience, users_of
from profiles.directory.filters.tree import FilterError
from profiles.tests.factories import make_app, make_user

SEEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXTS = ["NO", "SE", "DE"]
NUMBERS = [0, 1, 5]

# --- What it means, in Python: the definition ---------------------------------------------------


def holds(query: dict[str, Any], document: dict[str, Any]) -> bool:
    """Tell whether a document fulfils a query, as MongoDB says it."""
    return all(_member_holds(name, value, document) for name, value in query.items())


def _member_holds(name: str, value: Any, document: dict[str, Any]) -> bool:
    if name == "$and":
        return all(holds(one, document) for one in value)
    if name == "$or":
        return any(holds(one, document) for one in value)
    if name == "$nor":
        return not any(holds(one, document) for one in value)
    held = document.get(name)
    if not isinstance(value, dict):
        return bool(held == value)
    return all(_operator_holds(operator, operand, held) for operator, operand in value.items())


def _operator_holds(operator: str, operand: Any, held: Any) -> bool:
    match operator:
        case "$eq":
            return bool(held == operand)
        case "$ne":
            return bool(held != operand)
        case "$in":
            return bool(held in operand)
        case "$nin":
            return bool(held not in operand)
        case "$exists":
            return bool((held is not None) == operand)
        case "$not":
            return not all(_operator_holds(name, value, held) for name, value in operand.items())
        case "$gt":
            return held is not None and held > operand
        case "$gte":
            return held is not None and held >= operand
        case "$lt":
            return held is not None and held < operand
    return held is not None and bool(held <= operand)


def documents(app: App) -> dict[str, dict[str, Any]]:
    """Make users of every kind, and return them as documents by device id."""
    found = {}
    for country in [None, *TEXTS]:
        for sessions in NUMBERS:
            for age in [None, *NUMBERS]:
                device = f"{country}-{sessions}-{age}"
                custom = {} if age is None else {"age": age}
                make_user(app, device, country=country, custom=custom, activity={"sessions_count": sessions})
                found[device] = {"did": device, "cc": country, "sc": sessions, "custom.age": age}
    return found


texts = st.sampled_from([*TEXTS, "XX"])
numbers = st.sampled_from([*NUMBERS, 3])
text_operators = st.one_of(
    texts,
    st.builds(lambda value: {"$eq": value}, texts),
    st.builds(lambda value: {"$ne": value}, texts),
    st.builds(lambda values: {"$in": values}, st.lists(texts, max_size=2)),
    st.builds(lambda values: {"$nin": values}, st.lists(texts, max_size=2)),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda value: {"$not": {"$eq": value}}, texts),
)
number_operators = st.one_of(
    numbers,
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$ne"]), numbers, min_size=1, max_size=2),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(lambda name, value: {"$not": {name: value}}, st.sampled_from(["$gt", "$lte"]), numbers),
)
fields = st.one_of(
    st.builds(lambda value: {"cc": value}, text_operators),
    st.builds(lambda value: {"sc": value}, number_operators),
    st.builds(lambda value: {"custom.age": value}, number_operators),
)
queries = st.recursive(
    fields,
    lambda inner: st.builds(
        lambda name, members: {name: members},
        st.sampled_from(["$and", "$or", "$nor"]),
        st.lists(inner, min_size=1, max_size=2),
    ),
    max_leaves=4,
)


@pytest.mark.django_db
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=queries)
def test_a_query_finds_whom_it_means(query: dict[str, Any], kinds_of_users: tuple[App, dict[str, Any]]) -> None:
    app, known = kinds_of_users
    try:
        meant = read_query(query)
    except FilterError as error:
        assume("levels" not in str(error))
        raise
    found = set(users_of(app, Audience(filter=meant)).values_list("device_id", flat=True))
    assert found == {device for device, document in known.items() if holds(query, document)}


@pytest.fixture
def kinds_of_users(db: None) -> tuple[App, dict[str, Any]]:
    app = make_app()
    return app, documents(app)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"ls": int(SEEN.timestamp())}, {"a"}),
        ({"ls": {"$gte": int(SEEN.timestamp())}}, {"a", "b"}),
        ({"ls": {"$gt": int(SEEN.timestamp())}}, {"b"}),
        ({"lac": {"$lt": int(SEEN.timestamp())}}, set()),
        ({"ls": {"$not": {"$gt": int(SEEN.timestamp())}}}, {"a", "never"}),
        ({"fs": {"$ne": int(SEEN.timestamp())}}, {"b", "never"}),
        ({"ls": {"$exists": False}}, {"never"}),
        ({"hasInfo": True}, {"a"}),
        ({"hasInfo": {"$ne": True}}, {"b", "never"}),
        ({"uid": "1"}, {"a"}),
        ({"up.av": "1:2"}, {"b"}),
        ({"name": {"$regex": "mar", "$options": "i"}}, {"a"}),
        ({"name": {"$regex": "^Mara Lind$"}}, {"a"}),
        ({"name": {"$regex": "^mara\\.", "$options": "i"}}, set()),
        ({"name": {"$regex": ".*ind.*"}}, {"a"}),
    ],
)
def test_single_queries(query: dict[str, Any], expected: set[str]) -> None:
    app = make_app()
    make_user(app, "a", seen_at=SEEN + timedelta(milliseconds=200), is_identified=True, name="Mara Lind")
    make_user(app, "b", seen_at=SEEN + timedelta(seconds=1), app_version="1.2")
    make_user(app, "never")
    found = set(users_of(app, Audience(filter=read_query(query))).values_list("device_id", flat=True))
    assert found == expected


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"$where": "1"}, r"\$where"),
        ({"cc": {"$function": "1"}}, r"\$function"),
        ({"password": "x"}, "password"),
        ({"cc": {"$in": "NO"}}, r"\$in"),
        ({"$or": []}, r"\$or"),
        ({"$and": {"cc": "NO"}}, r"\$and"),
        ({"cc": {}}, "cc"),
        ({"cc": {"$gt": 1}}, "cc"),
        ({"sc": "three"}, "sessions"),
        ({"sc": True}, "sessions"),
        ({"hasInfo": 1}, "hasInfo"),
        ({"name": {"$regex": "(a+)+$"}}, r"\$regex"),
        ({"name": {"$regex": "a", "$options": "x"}}, r"\$regex"),
        ({"cc": ["NO"]}, "value"),
        ({"ls": -1}, "ls"),
        ({"ls": 10**18}, "ls"),
        ({"$or": [{"cc": str(number)} for number in range(40)]}, "20"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_names_it(query: dict[str, Any], names: str) -> None:
    with pytest.raises(FilterError, match=names):
        read_query(query)


def test_an_empty_query_is_everybody() -> None:
    assert not read_query({})
    assert not read_query(None)


def test_all_fields_are_known_to_the_filter() -> None:
    for name in FIELDS:
        assert read_query({name: {"$exists": True}})
