"""The one filter language: text and tree and back, refusals, and the database held to what conditions mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from profiles.access.models import App
from profiles.directory.filters import fields, kinds
from profiles.directory.filters.fields import Scope, checked, in_words, where
from profiles.directory.filters.tree import Condition, FilterError, Group, Node, read, write
from profiles.tests.factories import make_app, make_event, make_user
from profiles.users.models import AppUser, UserActivity
from profiles.wording import Clock

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
CLOCK = Clock(NOW, UTC)

_part = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8)
_any_condition = st.builds(Condition, _part, _part, st.lists(_part, max_size=3).map(tuple))


def _condition(field: str, operators: list[str], *values: Any) -> st.SearchStrategy[Condition]:
    return st.builds(Condition, st.just(field), st.sampled_from(operators), st.tuples(*values))


_text = st.sampled_from(["iOS", "Android", "o", "ANDR", "zz", "%"])
_number = st.integers(-1, 4).map(str)
_plan = st.sampled_from(["pro", "5", "5.0", "true", "p"])
_conditions = st.one_of(
    _condition("platform", ["is", "is_not", "contains", "starts_with"], _text),
    _condition("device", ["is", "is_not", "contains"], _text),
    _condition("device", ["is_set", "is_not_set"]),
    _condition("sessions", [*kinds.NUMBER_ORDERS, "not_equals"], _number),
    _condition("birth_year", ["at_least", "not_equals", "equals"], st.sampled_from(["1990", "2000"])),
    _condition("birth_year", ["between"], st.just("1985"), st.just("1995")),
    _condition("last_seen", ["last_days", "not_last_days"], st.integers(1, 4).map(str)),
    _condition("last_seen", ["before", "after"], st.sampled_from(["2026-11-21", "2026-11-22"])),
    _condition("last_seen", ["is_set", "is_not_set"]),
    _condition("identified", ["yes", "no"]),
    _condition("consent", ["given", "not_given"], st.sampled_from(["push", "events"])),
    _condition("custom.plan", ["is", "is_not", "contains"], _plan),
    _condition("custom.plan", ["greater", "at_most"], _number),
    _condition("custom.plan", ["is_set", "is_not_set"]),
    _condition("event", ["did", "did_not"], st.just("buy"), st.integers(1, 3).map(str), st.integers(0, 3).map(str)),
    _condition(
        "event", ["did"], st.just("buy"), st.just("1"), st.just("0"), st.just("sum"), st.just("greater"), _number
    ),
)


def _groups(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Group]:
    return st.builds(Group, st.lists(members, min_size=1, max_size=3).map(tuple), st.booleans())


_trees = _groups(st.one_of(_conditions, _groups(_conditions)))


@given(_groups(_any_condition))
def test_a_tree_survives_its_text(tree: Group) -> None:
    text = write(tree)
    if len(text) <= 1000:
        again = read(text)
        assert write(again) == text
        assert list(again.conditions()) == list(tree.conditions())


@pytest.mark.parametrize(
    "text",
    [
        "platform",
        "platform:is:iOS)",
        "or(platform:is:iOS",
        "x(platform:is:iOS)",
        "or(" * 5 + "a:b" + ")" * 5,
        ",".join(["a:b"] * 21),
        "a:b:" + "x" * 1000,
        "a:b:!",
        "a:b:\x00",
    ],
)
def test_it_refuses_what_is_no_filter(text: str) -> None:
    with pytest.raises(FilterError):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "nothing:is:iOS",
        "platform:larger:iOS",
        "platform:is:",
        "platform:is:a:b",
        "sessions:at_least:many",
        "sessions:between:5:1",
        "last_seen:before:yesterday",
        "last_seen:last_days:0",
        "event:did:buy:0:3",
        "event:did:buy:1:3:plan:larger:5",
        "custom.:is:x",
    ],
)
def test_it_refuses_what_no_field_understands(text: str) -> None:
    with pytest.raises(FilterError):
        checked(read(text))


def test_it_reads_in_words() -> None:
    text = "platform:is:iOS,or(country:is:DE,country:is:AT),event:did:buy:2:30:plan:is:pro"
    assert in_words(checked(read(text)), 1) == (
        "Platform is iOS and (Country is DE or Country is AT) and did buy 2 or more times where plan is “pro”"
        " in the last 30 days"
    )


def _people(app: App) -> dict[AppUser, list[kinds.Deed]]:
    plans: list[Any] = ["pro", 5, "5", True, ["x", "pro"], None, {"a": 1}, 2.5]
    people: dict[AppUser, list[kinds.Deed]] = {}
    for n in range(12):
        user = make_user(
            app,
            f"device-{n}",
            seen_at=None if n == 3 else NOW - timedelta(hours=17 * n),
            is_identified=n % 2 == 0,
            platform=["iOS", "Android", None, ""][n % 4],
            device=[None, "iOS", "Zz"][n % 3],
            device_name=["Android", None][n % 2],
            birth_year=[None, 1990, 2000][n % 3],
            custom={"plan": plans[n]} if n < len(plans) else {},
            consent={"push": n % 3 == 0} if n % 2 else {},
            activity={"sessions_count": n % 4},
        )
        people[user] = []
        for m in range(n % 4):
            at, facts = NOW - timedelta(hours=20 * m), {"sum": m}
            make_event(user, "buy" if m != 1 else "see", at, facts, count=1 + m % 2)
            people[user].append(kinds.Deed("buy" if m != 1 else "see", at, 1 + m % 2, facts))
    return people


def _holds(node: Node, user: AppUser, deeds: list[kinds.Deed]) -> bool:
    if isinstance(node, Group):
        return (any if node.is_any else all)(_holds(member, user, deeds) for member in node.members)
    operator, values = node.operator, node.values
    match node.field:
        case "platform":
            return kinds.text_holds(operator, values, [user.platform])
        case "device":
            return kinds.text_holds(operator, values, [user.device_name, user.device])
        case "sessions":
            return kinds.number_holds(operator, values, user.activity.sessions_count)
        case "birth_year":
            return kinds.number_holds(operator, values, user.birth_year)
        case "last_seen":
            return kinds.moment_holds(operator, values, user.activity.last_seen_at, CLOCK)
        case "identified":
            return user.is_identified == (operator == "yes")
        case "consent":
            return bool(user.consent.get(values[0])) == (operator == "given")
        case "event":
            return kinds.behaviour_holds(operator, values, deeds, CLOCK)
        case _:
            return kinds.property_holds("plan", operator, values, user.custom)


@pytest.mark.django_db
def test_the_database_finds_whom_a_filter_means() -> None:
    app = make_app()
    people = _people(app)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_trees)
    def compare(tree: Group) -> None:
        tree = checked(read(write(checked(tree))))
        meant = {user.id for user, deeds in people.items() if _holds(tree, user, deeds)}
        users = AppUser.objects.filter(where(tree, Scope(app.id, CLOCK)), app=app)
        assert set(users.values_list("id", flat=True)) == meant, write(tree)
        rows = UserActivity.objects.filter(where(tree, Scope(app.id, CLOCK, "user__", "user_id")), app=app)
        assert set(rows.values_list("user_id", flat=True)) == meant, write(tree)

    compare()


@pytest.mark.django_db
@pytest.mark.parametrize("field", fields.all_fields(), ids=lambda field: str(field.name))
def test_every_question_of_every_field_can_be_asked(field: fields.Field) -> None:
    app = make_app()
    samples = {
        "funnel": "0" * 32,
        "crash": "0" * 24,
        "message": "0" * 24,
        "text": "x",
        "number": "1",
        "whole": "1",
        "date": "2026-11-23",
        "segment": "is",
    }
    for operator in field.operators:
        values = tuple(samples[box.type] for box in operator.inputs)
        tree = checked(Group((Condition(field.name, operator.name, values),)))
        list(AppUser.objects.filter(where(tree, Scope(app.id, CLOCK)))[:1])
        assert in_words(tree, 1)
