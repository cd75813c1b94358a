"""Whatever arrives first, the visit of a view or its end, the same seconds are on the same visit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings, strategies as st

from ingest.tasks import drop_old_requests
from ingest.tests.sending import apply_all, send, user_of
from profiles.access.models import App
from profiles.access.services import create_app
from profiles.activity.models import Event, KeptViewEnd
from profiles.identity.undoing import undo
from profiles.tests.factories import make_person
from profiles.users.models import Merge

pytestmark = pytest.mark.django_db

_one_at_a_time = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Sent = tuple[str, float, dict[str, Any]]


def visit(name: str, view_id: str = "", **more: Any) -> dict[str, Any]:
    return {"key": "[CLY]_view", "id": view_id, "segmentation": {"name": name, "visit": 1}, **more}


def left(name: str, view_id: str = "", seconds: float = 5) -> dict[str, Any]:
    return {"key": "[CLY]_view", "id": view_id, "dur": seconds, "segmentation": {"name": name}}


@pytest.fixture
def app() -> App:
    return create_app(name="Kahve")


def seconds_of(app: App) -> list[tuple[str, float | None]]:
    """Return names and seconds of the app's visits, in their order."""
    visits = Event.objects.filter(app=app, key__key="[CLY]_view").order_by("occurred_at", "id")
    return [((one.segmentation or {})["name"], one.duration_seconds) for one in visits]


def deliver(app: App, requests: list[Sent], batch: int = 1) -> None:
    for number, (device, at, parameters) in enumerate(requests, 1):
        send(app, device, at, **parameters)
        if number % batch == 0:
            apply_all()
    apply_all()


@pytest.mark.rule("events.view_left_early")
@pytest.mark.parametrize("view_id", ["v1", ""], ids=["by id", "by name"])
@pytest.mark.parametrize("batch", [1, 2])
def test_an_end_waits_for_its_visit(app: App, view_id: str, batch: int) -> None:
    deliver(
        app,
        [("d", 12, {"events": [left("Menu", view_id)]}), ("d", 2, {"events": [visit("Menu", view_id)]})],
        batch,
    )
    assert seconds_of(app) == [("Menu", 5)]
    assert KeptViewEnd.objects.count() == (0 if view_id else 1)


def test_it_takes_no_others_end(app: App) -> None:
    deliver(
        app,
        [
            ("d", 12, {"events": [left("Menu", "v1"), left("Cart"), left("Menu", "v2")]}),
            ("other", 2, {"events": [visit("Menu", "v1"), visit("Cart")]}),
            ("d", 13, {"events": [visit("Cart")]}),
            ("d", -86_400, {"events": [visit("Cart"), visit("Menu", "v1")]}),
        ],
    )
    assert {seconds for _, seconds in seconds_of(app)} == {None}


def test_a_clock_put_right_while_the_view_was_open_loses_nothing(app: App) -> None:
    deliver(app, [("d", 60, {"events": [visit("Menu", "v1")]}), ("d", 10, {"events": [left("Menu", "v1")]})])
    assert seconds_of(app) == [("Menu", 5)]


def test_a_visit_between_takes_the_seconds_over(app: App) -> None:
    requests: list[Sent] = [
        ("d", 0, {"events": [visit("Menu")]}),
        ("d", 20, {"events": [left("Menu")]}),
        ("d", 10, {"events": [visit("Menu")]}),
    ]
    deliver(app, requests)
    assert seconds_of(app) == [("Menu", None), ("Menu", 5)]


def test_an_end_by_id_that_found_its_visit_is_not_kept(app: App) -> None:
    deliver(app, [("d", 0, {"events": [visit("Menu", "v1")]}), ("d", 5, {"events": [left("Menu", "v1")]})])
    deliver(app, [("d", 10, {"events": [visit("Cart", "v2"), left("Cart", "v2")]})])
    assert not KeptViewEnd.objects.exists()


def test_ends_are_forgotten_when_raw_requests_are(app: App) -> None:
    deliver(app, [("d", 0, {"events": [left("Menu", "v1")]}), ("d", 5, {"events": [left("Menu", "v2")]})])
    KeptViewEnd.objects.filter(view_id="v1").update(received_at=datetime.now(tz=UTC) - timedelta(days=9))
    drop_old_requests()
    assert [end.view_id for end in KeptViewEnd.objects.all()] == ["v2"]


_views = st.lists(
    st.tuples(
        st.integers(0, 300),
        st.sampled_from(
            [
                visit("Menu"),
                visit("Cart"),
                visit("Menu", "v"),  # gets an id of its own below
                left("Menu", seconds=3),
                left("Menu", seconds=0),
                left("Cart", seconds=7),
                left("Menu", "v", seconds=11),
                left("Cart", "v", seconds=13),
            ]
        ),
        st.integers(0, 3),
    ),
    min_size=2,
    max_size=12,
    unique_by=lambda sent: sent[0],
)


def _requests(views: list[tuple[int, dict[str, Any], int]]) -> list[Sent]:
    """Number the ids, each of one visit and of any number of ends."""
    requests: list[Sent] = []
    visited: set[int] = set()
    for at, event, number in views:
        if event["id"] and "visit" in event["segmentation"]:
            if number in visited:
                continue
            visited.add(number)
        requests.append(("d", at, {"events": [event | {"id": event["id"] and f"v{number}"}]}))
    return requests


def _state(app: App) -> list[Any]:
    ends = KeptViewEnd.objects.filter(user_id=user_of(app, "d").id)
    return [seconds_of(app), sorted(ends.values_list("at", "view_id", "name", "seconds", "visit_at"), key=repr)]


@pytest.mark.rule("events.view_any_order")
@_one_at_a_time
@given(views=_views, data=st.data(), batch=st.integers(1, 12))
def test_seconds_of_views_do_not_depend_on_the_order_of_arrival(
    views: list[tuple[int, dict[str, Any], int]], data: st.DataObject, batch: int
) -> None:
    requests = _requests(views)
    in_order, shuffled = create_app(name="Kahve"), create_app(name="Kahve")
    deliver(in_order, sorted(requests, key=lambda sent: sent[1]))
    deliver(shuffled, data.draw(st.permutations(requests)), batch)
    assert _state(shuffled) == _state(in_order)


@_one_at_a_time
@given(views=_views, data=st.data(), batch=st.integers(1, 12))
def test_nor_when_two_devices_merge(
    views: list[tuple[int, dict[str, Any], int]], data: st.DataObject, batch: int
) -> None:
    """They are those of one device that had sent all of it."""
    requests = _requests(views)
    devices = data.draw(st.lists(st.sampled_from(["d", "old"]), min_size=len(requests), max_size=len(requests)))
    as_one, merged = create_app(name="Kahve"), create_app(name="Kahve")
    deliver(as_one, [*sorted(requests, key=lambda sent: sent[1]), ("d", 301, {})])
    of_two = [(device, at, parameters) for device, (_, at, parameters) in zip(devices, requests, strict=True)]
    deliver(merged, data.draw(st.permutations([*of_two, ("d", 301, {"old_device_id": "old"})])), batch)
    assert _state(merged) == _state(as_one)


def test_undone_the_ends_by_name_are_their_own_devices_again(app: App) -> None:
    alice: User = make_person("alice")
    deliver(
        app,
        [
            ("d", 0, {"events": [visit("Menu")]}),
            ("old", 10, {"events": [visit("Menu")]}),
            ("d", 20, {"events": [left("Menu")]}),
        ],
    )
    apart = seconds_of(app)
    deliver(app, [("d", 30, {"old_device_id": "old"})])
    assert (apart, seconds_of(app)) == ([("Menu", 5), ("Menu", None)], [("Menu", None), ("Menu", 5)])
    undo(app=app, merge=Merge.objects.get(), undone_by=alice, now=datetime.now(tz=UTC))
    assert seconds_of(app) == apart
