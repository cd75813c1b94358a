"""Whatever the order in which requests arrive, and however batches are cut, the same profile comes of them."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from ingest.models import IngestRequest
from ingest.tests.sending import apply_all, days_of, send, sessions_of, user_of
from ingest.tests.tables import RECEIPTS, dump
from profiles.access.models import App
from profiles.access.services import create_app
from profiles.activity.models import AppDay, DailyActivity, Event, Session, SessionSignal
from profiles.activity.sessions import Signal, rebuild
from profiles.users.models import AppUser, UserActivity

pytestmark = pytest.mark.django_db

_one_at_a_time = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

Sent = tuple[float, dict[str, Any]]

_signals = st.lists(
    st.tuples(
        st.integers(0, 600),
        st.sampled_from(
            [
                {"begin_session": 1},
                {"session_duration": 60},
                {"end_session": 1},
                {"end_session": 1, "session_duration": 5},
                {"begin_session": 1, "ignore_cooldown": 1},
                {"events": [{"key": "x"}]},
            ]
        ),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda sent: sent[0],
)


def _state(app: App) -> dict[str, Any]:
    row = UserActivity.objects.get(app=app)
    return {
        "sessions": sessions_of(app),
        "days": days_of(app),
        "hot row": [row.sessions_count, row.total_seconds, row.events_count, row.first_seen_at, row.last_seen_at],
        "present": [row.session_started_at, row.session_ended_at, row.session_seconds],
    }


def _deliver(requests: list[Sent], batch: int) -> dict[str, Any]:
    app = create_app(name="Kahve")
    for number, (at, parameters) in enumerate(requests, 1):
        send(app, "phone", at, **parameters)
        if number % batch == 0:
            apply_all()
    apply_all()
    return _state(app)


@pytest.mark.rule("sessions.any_order")
@_one_at_a_time
@given(signals=_signals, data=st.data(), batch=st.integers(1, 12))
def test_sessions_do_not_depend_on_the_order_of_arrival(signals: list[Sent], data: st.DataObject, batch: int) -> None:
    in_order = _deliver(sorted(signals, key=lambda sent: sent[0]), len(signals))
    assert _deliver(data.draw(st.permutations(signals)), batch) == in_order


@_one_at_a_time
@given(signals=_signals)
def test_kept_totals_are_those_of_the_rows(signals: list[Sent]) -> None:
    app = create_app(name="Kahve")
    for at, parameters in signals:
        send(app, "phone", at, **parameters)
        apply_all()
    row = UserActivity.objects.get(app=app)
    days = DailyActivity.objects.filter(app=app)
    assert row.sessions_count == Session.objects.filter(app=app).count() == sum(day.sessions for day in days)
    assert row.events_count == Event.objects.filter(app=app).count() == sum(day.events for day in days)
    assert row.total_seconds == sum(day.seconds for day in days)
    assert row.total_seconds >= sum(session.duration_seconds for session in Session.objects.filter(app=app))


class TestSessionRules:
    """The cases of Countly's protocol, through the door and into the tables."""

    @pytest.mark.rule("sessions.table")
    @pytest.mark.parametrize(
        ("requests", "sessions", "total_seconds"),
        [
            pytest.param(
                [
                    (0, {"begin_session": 1}),
                    (60, {"session_duration": 60}),
                    (120, {"session_duration": 60}),
                    (150, {"session_duration": 30, "end_session": 1}),
                ],
                [(0, 150, True)],
                150,
                id="begin, pings, end",
            ),
            pytest.param(
                [(0, {"begin_session": 1}), (60, {"session_duration": 60}), (3600, {"begin_session": 1})],
                [(0, 60, False), (3600, 0, False)],
                60,
                id="no end, another begin",
            ),
            pytest.param(
                [(0, {"begin_session": 1}), (50, {"end_session": 1}), (64, {"begin_session": 1})],
                [(0, 0, False)],
                0,
                id="14 seconds after an end",
            ),
            pytest.param(
                [(0, {"begin_session": 1}), (50, {"end_session": 1}), (65, {"begin_session": 1})],
                [(0, 0, True), (65, 0, False)],
                0,
                id="15 seconds after an end",
            ),
            pytest.param(
                [
                    (0, {"begin_session": 1}),
                    (50, {"end_session": 1}),
                    (55, {"begin_session": 1, "ignore_cooldown": 1}),
                ],
                [(0, 0, True), (55, 0, False)],
                0,
                id="ignore_cooldown",
            ),
            pytest.param([(0, {"session_duration": 60})], [], 60, id="a ping before any begin"),
            pytest.param(
                [(0, {"end_session": 1}), (5, {"begin_session": 1})],
                [(5, 0, False)],
                0,
                id="a stray end swallows no begin",
            ),
            pytest.param(
                [(0, {"begin_session": 1, "session_duration": 7})], [(0, 7, False)], 7, id="a begin with seconds"
            ),
            pytest.param([(0, {"begin_session": 0})], [], 0, id="begin_session=0"),
            pytest.param(
                [(0, {"begin_session": 1}), (9, {"session_duration": -1})], [(0, 30, False)], 30, id="negative seconds"
            ),
        ],
    )
    def test_it_makes_the_sessions(
        self, requests: list[Sent], sessions: list[tuple[float, int, bool]], total_seconds: int
    ) -> None:
        state = _deliver(requests, len(requests))
        assert state["sessions"] == sessions
        assert state["hot row"][:2] == [len(sessions), total_seconds]

    @pytest.mark.rule("sessions.offline")
    def test_offline_for_an_hour_delivered_at_once(self) -> None:
        state = _deliver(
            [
                (0, {"begin_session": 1}),
                (60, {"session_duration": 60}),
                (75, {"session_duration": 15, "end_session": 1}),
                (3600, {"begin_session": 1}),
            ],
            4,
        )
        assert state["sessions"] == [(0, 75, True), (3600, 0, False)]


_histories = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.one_of(
            st.fixed_dictionaries({"old_device_id": st.sampled_from(["a", "b", "c"])}),
            st.sampled_from(
                [
                    {"begin_session": 1},
                    {"session_duration": 10},
                    {"events": [{"key": "x"}]},
                    {"user_details": {"name": "Bo"}},
                    {"user_details": {"custom": {"n": {"$inc": 1}}}},
                    {"crash": {"_error": "Error: x\n at y (z.js:1:1)", "_os": "web", "_app_version": "1"}},
                ]
            ),
        ),
    ),
    min_size=1,
    max_size=10,
)


@pytest.mark.rule("merge.loses_nothing")
@_one_at_a_time
@given(history=_histories, batch=st.integers(1, 10))
def test_merges_lose_nothing_however_batches_are_cut(history: list[tuple[str, dict[str, Any]]], batch: int) -> None:
    one_by_one, cut = create_app(name="Kahve"), create_app(name="Kahve")
    for app, size in ((one_by_one, 1), (cut, batch)):
        for at, (device_id, parameters) in enumerate(history):
            send(app, device_id, at, **parameters)
            if (at + 1) % size == 0:
                apply_all()
        apply_all()
        assert Event.objects.filter(app=app).count() == sum("events" in parameters for _, parameters in history)
        assert sum(row.crashes_count for row in UserActivity.objects.filter(app=app)) == sum(
            "crash" in parameters for _, parameters in history
        )
    assert _people(cut) == _people(one_by_one)


@pytest.mark.rule("retries.interleaved")
@_one_at_a_time
@given(history=_histories, data=st.data())
def test_retries_in_any_order_change_nothing(history: list[tuple[str, dict[str, Any]]], data: st.DataObject) -> None:
    app = create_app(name="Kahve")
    for at, (device_id, parameters) in enumerate(history):
        send(app, device_id, at, **parameters)
    apply_all()
    before = dump()
    for at in data.draw(st.permutations(range(len(history)))):
        device_id, parameters = history[at]
        send(app, device_id, at, **parameters)
    apply_all()
    after = dump()
    assert {t: rows for t, rows in after.items() if t not in RECEIPTS} == before
    assert IngestRequest.objects.filter(app=app, verdict=IngestRequest.Verdict.DUPLICATE).count() == len(history)


_two_devices = st.lists(
    st.tuples(
        st.integers(0, 120).map(lambda number: number * 5),
        st.sampled_from(["phone", "elif"]),
        st.sampled_from(
            [
                {"begin_session": 1},
                {"session_duration": 10},
                {"end_session": 1},
                {"begin_session": 1, "ignore_cooldown": 1},
            ]
        ),
    ),
    min_size=2,
    max_size=14,
    unique_by=lambda sent: sent[0],
)


@pytest.mark.rule("merge.sessions")
@_one_at_a_time
@given(signals=_two_devices, data=st.data(), batch=st.integers(1, 15))
def test_sessions_of_two_who_merge_do_not_depend_on_the_order_of_arrival(
    signals: list[tuple[int, str, dict[str, Any]]], data: st.DataObject, batch: int
) -> None:
    """They are those of one device that had sent all of it."""
    merge = (601, "elif", {"old_device_id": "phone"})
    as_one = _deliver([(at, parameters) for at, _, parameters in sorted(signals, key=lambda sent: sent[0])], 15)
    app = create_app(name="Kahve")
    for number, (at, device_id, parameters) in enumerate(data.draw(st.permutations([*signals, merge])), 1):
        send(app, device_id, at, **parameters)
        if number % batch == 0:
            apply_all()
    apply_all()
    together = _state(app)
    assert together["sessions"] == as_one["sessions"]
    assert together["present"] == as_one["present"]
    assert together["hot row"][:3] == as_one["hot row"][:3]
    days = DailyActivity.objects.filter(app=app)
    assert sum(day.sessions for day in days) == len(as_one["sessions"])
    assert sum(day.seconds for day in days) == together["hot row"][1]
    assert sum(day.sessions for day in AppDay.objects.filter(app=app)) == len(as_one["sessions"])


@_one_at_a_time
@given(history=_histories, batch=st.integers(1, 10))
def test_total_seconds_are_those_of_sessions_and_of_what_came_before_any(
    history: list[tuple[str, dict[str, Any]]], batch: int
) -> None:
    app = create_app(name="Kahve")
    for at, (device_id, parameters) in enumerate(history):
        send(app, device_id, at, **parameters)
        if (at + 1) % batch == 0:
            apply_all()
    apply_all()
    for row in UserActivity.objects.filter(app=app):
        signals = SessionSignal.objects.filter(user_id=row.user_id)
        columns = ("at", "id", "begins", "seconds", "ends", "ignore_cooldown", "original_user_id")
        folded = rebuild(Signal(*values) for values in signals.values_list(*columns))
        stored = Session.objects.filter(user_id=row.user_id).order_by("started_at", "id")
        assert [(s.id, s.duration_seconds) for s in stored] == [(s.id, s.duration_seconds) for s in folded.sessions]
        in_sessions = sum(session.duration_seconds for session in folded.sessions)
        assert row.total_seconds == in_sessions + folded.orphan_seconds
        assert row.sessions_count == len(folded.sessions)


def _people(app: App) -> list[tuple[Any, ...]]:
    return sorted(
        (
            user.device_id,
            user.is_identified,
            user.name or "",
            str(user.custom),
            user.activity.sessions_count,
            user.activity.total_seconds,
            user.activity.events_count,
            user.activity.crashes_count,
            Event.objects.filter(user_id=user.id).count(),
            sum(day.events for day in DailyActivity.objects.filter(user_id=user.id)),
        )
        for user in AppUser.objects.filter(app=app).select_related("activity")
    )


@pytest.mark.rule("merge.any_tree")
@_one_at_a_time
@given(parents=st.lists(st.integers(0, 3), min_size=1, max_size=4), data=st.data(), batch=st.integers(1, 12))
def test_any_tree_of_merges_ends_in_one_user(parents: list[int], data: st.DataObject, batch: int) -> None:
    """Device n + 1 is merged into an earlier one, after all that were merged into it."""
    devices = range(len(parents) + 1)
    requests: list[tuple[str, float, dict[str, Any]]] = [
        (f"device {n}", n * 100, {"begin_session": 1, "events": [{"key": f"event {n}"}]}) for n in devices
    ]
    for n, parent in enumerate(parents, 1):
        merged_at = 1000 - n  # so that the later devices, which may hang on this one, are merged before
        requests.append((f"device {min(parent, n - 1)}", merged_at, {"old_device_id": f"device {n}"}))
    retries = data.draw(st.lists(st.sampled_from(requests), max_size=4), "retries")
    app = create_app(name="Kahve")
    for number, (device_id, at, parameters) in enumerate(data.draw(st.permutations([*requests, *retries])), 1):
        send(app, device_id, at, **parameters)
        if number % batch == 0:
            apply_all()
    apply_all()
    [user] = AppUser.objects.filter(app=app)
    assert user.device_id == "device 0"
    row = UserActivity.objects.get(app=app)
    assert (row.sessions_count, row.events_count) == (len(devices), len(devices))
    keys = Event.objects.filter(user_id=user.id).values_list("key__key", flat=True)
    assert sorted(keys) == [f"event {n}" for n in devices]


@pytest.mark.rule("merge.late_data")
def test_data_stamped_before_a_merge_belongs_to_the_survivor_in_either_order() -> None:
    for orders in ([0, 1, 2], [1, 0, 2], [1, 2, 0]):
        app = create_app(name="Kahve")
        requests: list[tuple[str, float, dict[str, Any]]] = [
            ("phone", 0, {"events": [{"key": "x"}]}),
            ("elif", 10, {"old_device_id": "phone"}),
            ("phone", 20, {"events": [{"key": "somebody else"}]}),
        ]
        for number in orders:
            device_id, at, parameters = requests[number]
            send(app, device_id, at, **parameters)
            apply_all()
        assert user_of(app, "elif").activity.events_count == 1
        assert user_of(app, "phone").activity.events_count == 1


@pytest.mark.rule("sessions.facts")
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_a_session_that_arrives_late_has_the_version_and_the_country_of_its_begin(order: list[int]) -> None:
    app = create_app(name="Kahve")
    begins = [("1.0", "Pixel 7", "TR"), ("2.0", "Pixel 8", "LV"), ("3.0", "Pixel 9", "DE")]
    for number in order:
        version, device, country = begins[number]
        metrics = {"_os": "Android", "_device": device, "_app_version": version}
        send(app, "d", number * 3600, begin_session=1, metrics=metrics, country_code=country)
        apply_all()
    facts = Session.objects.filter(app=app).order_by("started_at").values_list("app_version", "device", "country")
    assert list(facts) == begins
    assert (user_of(app, "d").app_version, user_of(app, "d").country) == ("3.0", "DE")


def test_so_has_one_that_was_part_of_another_until_late_data_came() -> None:
    app = create_app(name="Kahve")
    for at, version, more in ((0, "1.0", {}), (60, "", {"end_session": 1}), (70, "2.0", {})):
        begin = {"begin_session": 1, "metrics": {"_app_version": version}} if version else {}
        send(app, "d", at, **begin, **more)
    apply_all()
    assert sessions_of(app) == [(0, 0, False)]
    send(app, "d", 40, end_session=1)  # it had ended long before the second begin
    apply_all()
    assert list(Session.objects.filter(app=app).order_by("id").values_list("app_version", flat=True)) == ["1.0", "2.0"]
