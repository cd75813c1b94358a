import math
from datetime import timedelta

import pytest

from ingest.tests.wire.building import NOW, NOW_MS, sent
from ingest.wire.events import Event, ViewLeft
from ingest.wire.limits import INT32_MAX, Limits, Note
from ingest.wire.values import JsonValue


def event(**fields: JsonValue) -> Event:
    (found,) = sent(events=[{"key": "k", **fields}]).events
    return found


@pytest.mark.rule("events.keys")
@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("buy", "buy"),
        ("in.app", "in.app"),
        ("a..b$c", "abc"),
        ("system.users", "users"),
        ("a\0b", "ab"),
        (5, "5"),
        (True, "true"),
        (["a"], '["a"]'),
        ("x" * 127, "x" * 127),
    ],
)
def test_keys_are_clean(written: JsonValue, key: str) -> None:
    assert [e.key for e in sent(events=[{"key": written}]).events] == [key]


@pytest.mark.rule("events.keys", "events.reserved")
@pytest.mark.parametrize(
    ("item", "note"),
    [
        ({"key": "x" * 128}, Note.EVENT_KEY_TOO_LONG),
        ({"key": ""}, Note.EVENT_KEY_MISSING),
        ({"key": "$$"}, Note.EVENT_KEY_MISSING),
        ({"key": None}, Note.EVENT_KEY_MISSING),
        ({}, Note.EVENT_KEY_MISSING),
        (None, Note.EVENT_UNREADABLE),
        ("k", Note.EVENT_UNREADABLE),
        ([], Note.EVENT_UNREADABLE),
        ({"key": "[CLY]_session"}, Note.EVENT_KEY_RESERVED),
        ({"key": "[CLY]_crash"}, Note.EVENT_KEY_RESERVED),
        ({"key": "[CLY]_push_sent"}, Note.EVENT_KEY_RESERVED),
        ({"key": "[CLY]_new"}, Note.EVENT_KEY_RESERVED),
    ],
)
def test_a_bad_event_loses_only_itself(item: JsonValue, note: Note) -> None:
    request = sent(events=[{"key": "before"}, item, {"key": "after"}])
    assert [e.key for e in request.events] == ["before", "after"]
    assert request.notes == {note: 1}


@pytest.mark.rule("events.unreadable")
@pytest.mark.parametrize("events", ["{", "nonsense", "{}", "1", "[" * 5000, '[{"key":NaN}]'])
def test_unreadable_events_lose_nothing_else(events: str) -> None:
    request = sent(events=events, session_duration="10", metrics={"_os": "iOS"})
    assert request.events == ()
    assert request.session_seconds == 10
    assert request.facts is not None
    assert request.notes == {Note.EVENTS_UNREADABLE: 1}


@pytest.mark.rule("events.count")
@pytest.mark.parametrize(
    ("count", "meant"),
    [
        (3, 3),
        ("3", 3),
        (2.9, 2),
        (0, 1),
        (-4, 1),
        (None, 1),
        ("many", 1),
        (True, 1),
        ([2], 1),
        (10**30, INT32_MAX),
        ("1e99", INT32_MAX),
        ("1e999", 1),
    ],
)
def test_count_is_a_whole_number_and_one_without(count: JsonValue, meant: int) -> None:
    assert event(count=count).count == meant


@pytest.mark.rule("events.count")
def test_missing_count_is_one() -> None:
    assert event().count == 1


@pytest.mark.rule("events.sum")
@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (0, 0.0),
        (2.97, 2.97),
        ("2.5", 2.5),
        (-1, -1.0),
        (1.123456789, 1.12346),
        (None, None),
        ("", None),
        ("much", None),
        (True, None),
        ({}, None),
        (10**400, None),
        ("1e999", None),
        (1e300, None),
    ],
)
def test_sum_is_a_number_rounded_to_five_places_or_none(value: JsonValue, meant: float | None) -> None:
    assert event(sum=value).sum == meant


@pytest.mark.rule("events.missing_is_none")
def test_missing_sum_and_duration_are_not_zero() -> None:
    assert (event().sum, event().duration_seconds) == (None, None)


@pytest.mark.rule("events.duration")
@pytest.mark.parametrize(
    ("value", "meant"), [(12.5, 12.5), ("3", 3.0), (0, 0.0), (-1, None), ("x", None), (1e300, None)]
)
def test_duration_may_be_fractional(value: JsonValue, meant: float | None) -> None:
    assert event(dur=value).duration_seconds == meant


def test_a_number_beyond_a_double_loses_only_itself() -> None:
    (first, second) = sent(events='[{"key":"a","sum":1e999},{"key":"b","sum":2}]').events
    assert (first.sum, second.sum) == (None, 2.0)


@pytest.mark.rule("events.ids")
def test_ids_are_kept_as_sent() -> None:
    (found,) = sent(
        events=r'[{"key":"k","id":"mM1\/4x+=","pvid":"","cvid":"q+7","peid":"p"}]',
    ).events
    assert (found.event_id, found.current_view_id, found.previous_event_id) == ("mM1/4x+=", "q+7", "p")
    assert (found.view_id, found.previous_view_id) == ("", "")


@pytest.mark.rule("events.equal")
def test_equal_events_of_one_batch_are_two() -> None:
    assert len(sent(events=[{"key": "k", "timestamp": NOW_MS}] * 2).events) == 2


@pytest.mark.rule("limits.events")
def test_events_over_the_limit_are_dropped() -> None:
    request = sent(Limits(events=2), events=[{"key": "a"}, {"key": "b"}, {"key": "c"}])
    assert [e.key for e in request.events] == ["a", "b"]
    assert request.notes == {Note.EVENTS_OVER_LIMIT: 1}


@pytest.mark.rule("events.segmentation")
def test_segmentation_keeps_types_and_cleans_keys() -> None:
    assert event(
        segmentation={
            "$price": 1,
            "a.b": 2.5,
            "on": True,
            "off": False,
            "text": "1.2.3",
            "null": None,
            "nested": {"x": 1, "y": [1, {"z": "\0"}]},
            "list": ["a", 3, True, None, {"b": 1}, [1]],
            "": "no key",
            "$": "no key",
            "nul\0": "n\0ul",
        }
    ).segmentation == {
        "price": 1,
        "ab": 2.5,
        "on": True,
        "off": False,
        "text": "1.2.3",
        "nested": {"x": 1, "y": [1, {"z": ""}]},
        "list": ["a", "3", "true", '{"b":1}', "[1]"],
        "nul": "nul",
    }


@pytest.mark.rule("events.no_segmentation")
@pytest.mark.parametrize("segmentation", [None, {}, "", "{}"])
def test_missing_segmentation_is_fine(segmentation: JsonValue) -> None:
    request = sent(events=[{"key": "k", "segmentation": segmentation}])
    assert request.events[0].segmentation == {}
    assert request.notes == {}


@pytest.mark.parametrize("segmentation", [[], 5, "{", True])
def test_unreadable_segmentation_leaves_the_event(segmentation: JsonValue) -> None:
    request = sent(events=[{"key": "k", "segmentation": segmentation}])
    assert request.events[0].segmentation == {}
    assert request.notes == {Note.SEGMENTATION_UNREADABLE: 1}


@pytest.mark.rule("limits.segmentation")
def test_segmentation_limits() -> None:
    limits = Limits(segmentation_keys=2, segmentation_key=3, segmentation_value=4, segmentation_items=2)
    request = sent(
        limits, events=[{"key": "k", "segmentation": {"longer": "longer", "b": ["1", "2", "3"], "c": 1, "d": 1}}]
    )
    assert request.events[0].segmentation == {"lon": "long", "b": ["1", "2"]}
    assert request.notes == {
        Note.SEGMENTATION_KEY_UNUSABLE: 1,
        Note.SEGMENTATION_VALUE_CUT: 2,
        Note.SEGMENTATION_KEYS_OVER_LIMIT: 2,
    }


@pytest.mark.rule("events.view")
@pytest.mark.parametrize("visit", [1, "1", True])
def test_a_visited_view_is_an_event(visit: JsonValue) -> None:
    request = sent(
        events=[{"key": "[CLY]_view", "id": "v1", "pvid": "v0", "segmentation": {"name": "Home", "visit": visit}}]
    )
    (view,) = request.events
    assert (view.key, view.view_id, view.previous_view_id) == ("[CLY]_view", "v1", "v0")
    assert view.segmentation["name"] == "Home"
    assert view.is_view
    assert not view.is_custom
    assert request.views_left == ()


@pytest.mark.rule("events.view_left")
@pytest.mark.parametrize("visit", [{}, {"visit": 0}, {"visit": "0"}, {"visit": False}, {"visit": ""}])
def test_a_view_without_visit_is_only_time_spent(visit: dict[str, JsonValue]) -> None:
    request = sent(
        events=[
            {
                "key": "[CLY]_view",
                "id": "v1",
                "dur": "31.4",
                "timestamp": NOW_MS - 1000,
                "segmentation": {"name": "Home", **visit},
            }
        ]
    )
    assert request.events == ()
    left = ViewLeft(at=NOW - timedelta(seconds=1), view_id="v1", name="Home", seconds=31)
    assert request.views_left == (left,)


@pytest.mark.rule("events.view_left")
def test_idv_names_the_view_before_id_does() -> None:
    request = sent(
        events=[
            {"key": "[CLY]_view", "id": "e1", "segmentation": {"name": "A", "visit": 1, "_idv": "i1"}},
            {"key": "[CLY]_view", "id": "e2", "segmentation": {"name": "A", "_idv": "i1", "dur": 7}},
        ]
    )
    assert request.events[0].view_id == "i1"
    assert "_idv" not in request.events[0].segmentation
    assert [(left.view_id, left.seconds) for left in request.views_left] == [("i1", 7)]


@pytest.mark.rule("events.view_seconds")
@pytest.mark.parametrize("duration", [1732000000, 1732000000123, -5, "x", math.pi * 1e300])
def test_a_views_duration_that_is_a_timestamp_is_zero(duration: JsonValue) -> None:
    request = sent(events=[{"key": "[CLY]_view", "dur": duration, "segmentation": {"name": "Home"}}])
    assert request.views_left[0].seconds == 0
    assert request.notes == {Note.VIEW_SECONDS_UNUSABLE: 1}


@pytest.mark.rule("events.view_name")
def test_view_names_are_cut() -> None:
    (view,) = sent(events=[{"key": "[CLY]_view", "segmentation": {"name": "x" * 200, "visit": 1}}]).events
    assert view.segmentation["name"] == "x" * 128


def test_a_view_without_a_name_is_none_but_its_end_may_have_an_id() -> None:
    request = sent(
        events=[
            {"key": "[CLY]_view", "id": "v", "segmentation": {"visit": 1}},
            {"key": "[CLY]_view", "segmentation": {}},
            {"key": "[CLY]_view", "id": "v", "dur": 3},
        ]
    )
    assert request.events == ()
    assert [(left.view_id, left.name, left.seconds) for left in request.views_left] == [("v", "", 3)]
    assert request.notes == {Note.VIEW_NAME_MISSING: 2}


@pytest.mark.rule("events.orientation")
def test_orientation_is_a_fact_and_no_event() -> None:
    request = sent(
        events=[
            {"key": "[CLY]_orientation", "segmentation": {"mode": "portrait"}},
            {"key": "[CLY]_orientation", "segmentation": {"mode": "landscape"}},
            {"key": "[CLY]_orientation"},
        ]
    )
    assert request.events == ()
    assert request.facts is not None
    assert request.facts.orientation == "landscape"
    assert request.facts.platform is None


@pytest.mark.rule("events.rating")
def test_a_rating_says_undefined_for_what_it_does_not_say() -> None:
    (rating,) = sent(events=[{"key": "[CLY]_star_rating", "segmentation": {"rating": 4, "email": "a@b.c"}}]).events
    assert rating.segmentation == {
        "rating": 4,
        "email": "a@b.c",
        "platform": "undefined",
        "app_version": "undefined",
        "widget_id": "undefined",
    }


@pytest.mark.rule("events.nps")
@pytest.mark.parametrize(
    ("rating", "kind"), [(0, "detractor"), ("6", "detractor"), (7, "passive"), (8, "passive"), (9, "promoter")]
)
def test_nps_ratings_have_a_type(rating: JsonValue, kind: str) -> None:
    (nps,) = sent(events=[{"key": "[CLY]_nps", "segmentation": {"widget_id": "w", "rating": rating}}]).events
    assert (nps.key, nps.segmentation["type"]) == ("[CLY]_nps", kind)


@pytest.mark.rule("events.survey_shown")
@pytest.mark.parametrize(
    ("segmentation", "key"),
    [
        ({"shown": 1}, "[CLY]_survey_shown"),
        ({"shown": 1, "answ-1": "yes"}, "[CLY]_survey"),
        ({"closed": 1}, "[CLY]_survey"),
    ],
)
def test_a_survey_that_was_only_shown_has_its_own_key(segmentation: dict[str, JsonValue], key: str) -> None:
    assert [e.key for e in sent(events=[{"key": "[CLY]_survey", "segmentation": segmentation}]).events] == [key]


@pytest.mark.rule("events.push_action")
def test_a_push_action_needs_a_message() -> None:
    message_id = "65f0c0ffee65f0c0ffee65f0"
    request = sent(
        events=[
            {"key": "[CLY]_push_action", "segmentation": {"i": message_id, "b": "1", "p": "a"}},
            {"key": "[CLY]_push_action", "segmentation": {"i": message_id}},
            {"key": "[CLY]_push_action", "segmentation": {"i": "short", "b": 0}},
            {"key": "[CLY]_push_action", "segmentation": {"b": 0}},
            {"key": "[CLY]_push_action", "count": 2, "segmentation": {"i": message_id, "b": 0}},
        ]
    )
    assert [e.segmentation["b"] for e in request.events] == [1, 0]
    assert request.notes == {Note.PUSH_ACTION_UNUSABLE: 3}


def test_events_may_be_real_json_in_a_json_body() -> None:
    assert [
        e.key for e in sent(events=[{"key": "[CLY]_action", "segmentation": {"type": "click", "x": 1}}]).events
    ] == ["[CLY]_action"]
