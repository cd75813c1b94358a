"""The form that builds the filter: as plain pages first, then as the panel that htmx shows."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given, strategies as st

from profiles.directory.filters import tree
from profiles.directory.filters.tree import Condition, Group, read, write
from profiles.tests.factories import People, make_people, make_user

NOW = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
HTMX = {"HX-Request": "true"}

_conditions = st.builds(Condition, st.sampled_from("ab"), st.just("is"), st.tuples(st.sampled_from("xyz")))
_groups = st.recursive(
    _conditions,
    lambda nodes: st.builds(Group, st.lists(nodes, min_size=2, max_size=3).map(tuple), st.booleans()),
    max_leaves=6,
)


def _paths(node: tree.Node, at: tree.Path = ()) -> list[tree.Path]:
    here = [at] if at else []
    if isinstance(node, Condition):
        return here
    return here + [path for index, member in enumerate(node.members) for path in _paths(member, (*at, index))]


@given(_groups, st.data())
def test_what_is_replaced_stands_where_it_was_found_and_the_rest_stays(node: tree.Node, data: st.DataObject) -> None:
    group = node if isinstance(node, Group) else Group((node,))
    path = data.draw(st.sampled_from(_paths(tree.all_of(group))))
    new = Condition("new", "is", ("1",))
    found = tree.find(group, path)
    changed = tree.replaced(group, path, new)
    assert found is not None
    assert tree.find(changed, path) == new
    assert tree.replaced(changed, path, found) == tree.all_of(group)
    gone = {found} if isinstance(found, Condition) else set(found.conditions())
    rest = list(tree.all_of(group).conditions())
    for one in [found] if isinstance(found, Condition) else found.conditions():
        rest.remove(one)
    left = tree.replaced(group, path, None)
    assert sorted(map(str, left.conditions())) == sorted(map(str, rest)), gone


def test_an_alternative_stands_beside_a_condition_or_joins_its_group() -> None:
    both = read("platform:is:iOS,country:is:DE")
    third = Condition("country", "is", ("AT",))
    once = tree.with_alternative(both, (1,), third)
    assert write(once) == "platform:is:iOS,or(country:is:DE,country:is:AT)"
    twice = tree.with_alternative(once, (1,), Condition("country", "is", ("CH",)))
    assert write(twice) == "platform:is:iOS,or(country:is:DE,country:is:AT,country:is:CH)"
    assert write(tree.replaced(once, (1, 0), None)) == "platform:is:iOS,country:is:AT"
    only = read("or(country:is:DE,country:is:AT)")
    assert write(only.with_condition(third)) == "or(country:is:DE,country:is:AT),country:is:AT"


@pytest.fixture
def people() -> People:
    people = make_people()
    for number, country in enumerate(("DE", "DE", "TR")):
        make_user(
            people.app, f"device-{number}", seen_at=NOW, country=country, name=f"Elif {number}", custom={"plan": "pro"}
        )
    return people


@pytest.fixture
def bob(people: People) -> Client:
    client = Client()
    client.force_login(people.bob)
    return client


def _url(people: People) -> str:
    return reverse("directory:filter", args=[people.app.public_id])


def _filter_of(location: str) -> str:
    return parse_qs(urlsplit(location).query).get("filter", [""])[0]


@pytest.mark.django_db
def test_it_offers_the_fields_by_group_with_the_properties_that_users_have(bob: Client, people: People) -> None:
    page = bob.get(_url(people)).content.decode()
    for words in ("Behaviour", "Device and app", "Platform version", "Custom properties", "field=custom.plan"):
        assert words in page


@pytest.mark.django_db
def test_it_offers_values_that_users_have(bob: Client, people: People) -> None:
    box = bob.get(_url(people), {"field": "country"}).context["boxes"][0]
    assert box.options == (("DE", "Germany"), ("TR", "Türkiye"))
    assert bob.get(_url(people), {"field": "custom.plan"}).context["boxes"][0].options == (("pro", ""),)
    assert bob.get(_url(people), {"field": "email"}).context["boxes"][0].options == ()


@pytest.mark.django_db
def test_a_condition_is_added_changed_and_given_an_alternative(bob: Client, people: People) -> None:
    there = {"filter": "platform:is:iOS", "tab": "identified", "apply": "1", "field": "country", "operator": "is"}
    added = bob.get(_url(people), there | {"value": "DE"})["Location"]
    assert _filter_of(added) == "platform:is:iOS,country:is:DE"
    assert "tab=identified" in added
    changed = bob.get(_url(people), there | {"at": "0", "value": "TR"})["Location"]
    assert _filter_of(changed) == "country:is:TR"
    either = bob.get(_url(people), there | {"at": "0", "or": "1", "value": "TR"})["Location"]
    assert _filter_of(either) == "or(platform:is:iOS,country:is:TR)"


@pytest.mark.django_db
def test_htmx_gets_the_panel_and_then_the_list(bob: Client, people: People) -> None:
    asked = {"field": "country", "operator": "is", "value": "DE"}
    panel = bob.get(_url(people), asked, headers=HTMX)
    assert b"<!doctype" not in panel.content
    done = bob.get(_url(people), asked | {"apply": "1"}, headers=HTMX)
    there = json.loads(done["HX-Location"])
    assert (_filter_of(there["path"]), there["target"]) == ("country:is:DE", "#results")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"field": "sessions", "operator": "at_least", "value": "many"}, "“many” is not a number"),
        ({"field": "sessions", "operator": "between", "value": ["5", "2"]}, "must not be larger"),
        ({"field": "event", "operator": "did", "value": ["", "1", "30"]}, "Event: fill this in"),
        ({"field": "event", "operator": "did", "value": ["buy", "1.5", "30"]}, "is not a whole number"),
        ({"field": "first_seen", "operator": "before", "value": "soon"}, "is not a day such as"),
        ({"field": "country", "operator": "is", "value": ""}, "Value: fill this in"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    bob: Client, people: People, asked: dict[str, str | list[str]], words: str
) -> None:
    response = bob.get(_url(people), asked | {"apply": "1"})
    page = response.content.decode()
    assert response.status_code == 400
    assert words in page
    assert bob.get(_url(people), asked | {"apply": "1"}, headers=HTMX).status_code == 200  # or htmx would not show it
    values = asked["value"] if isinstance(asked["value"], list) else [asked["value"]]
    assert [box.value for box in response.context["boxes"]][: len(values)] == values


@pytest.mark.django_db
def test_an_unknown_field_and_place_are_taken_for_none(bob: Client, people: People) -> None:
    assert bob.get(_url(people), {"field": "nonsense"}).status_code == 400
    assert bob.get(_url(people), {"at": "7.x", "or": "1"}).context["form"].path == ()
