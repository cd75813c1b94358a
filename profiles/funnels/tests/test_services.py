"""Completions follow the events and the definitions, whatever was killed and whatever came late."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries

from profiles.access.models import App, AppTotals
from profiles.activity.happenings import VIEW_KEY
from profiles.activity.models import Event, Stale
from profiles.activity.services import mark_stale
from profiles.funnels import services, tasks
from profiles.funnels.models import Funnel, FunnelCompletion, FunnelStep
from profiles.funnels.querysets import completions, event_key_suggestions, users_of, waiting_funnels
from profiles.funnels.report import EVERYTHING, count, median_gaps
from profiles.funnels.services import StepInput
from profiles.funnels.spans import ALWAYS
from profiles.funnels.words import SESSION
from profiles.tests.factories import make_app, make_event, make_session, make_user
from profiles.users.models import AppUser, UserActivity

pytestmark = pytest.mark.django_db

T = datetime(2026, 11, 14, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def make_funnel(app: App, *keys: str, **fields: Any) -> Funnel:
    funnel = Funnel(app=app, name="Purchase", **fields)
    services.create_funnel(funnel, [StepInput(key) for key in keys])
    return funnel


def walk(app: App, device_id: str, *keys: str) -> AppUser:
    """Make a user who did these events, a minute apart."""
    user = make_user(app, device_id)
    for minute, key in enumerate(keys):
        make_event(user, key, T + minute * MINUTE)
    return user


def reached(funnel: Funnel) -> dict[UUID, int]:
    return dict(FunnelCompletion.objects.filter(funnel=funnel).values_list("user_id", "steps_reached"))


def compute(funnel: Funnel, limit: int = 100) -> int:
    """Compute over all history, and return in how many batches."""
    batches = 1
    while services.compute_batch(funnel.pk, funnel.revision, T, limit):
        batches += 1
    funnel.refresh_from_db()
    return batches


def versions() -> list[tuple[str]]:
    """Return what changes with each writing of a row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT ctid::text, xmin::text FROM profiles_funnelcompletion")
        rows: list[tuple[str]] = cursor.fetchall()
        return rows


def count_users(*apps: tuple[App, int]) -> None:
    for app, users in apps:
        AppTotals.objects.update_or_create(app=app, shard=0, defaults={"users": users})


def test_a_new_funnel_is_computed_over_all_history() -> None:
    app = make_app()
    two, one = walk(app, "two", "A", "B"), walk(app, "one", "A", "X")
    walk(app, "none", "B")
    funnel = make_funnel(app, "A", "B")
    assert waiting_funnels() == [(funnel.pk, 1)]
    tasks.compute_waiting_funnels()
    funnel.refresh_from_db()
    assert reached(funnel) == {two.id: 2, one.id: 1}
    assert (funnel.computed_revision, funnel.computed_users) == (1, 3)
    assert waiting_funnels() == []
    completion = FunnelCompletion.objects.get(user_id=two.id)
    assert completion.step_times == [T, T + MINUTE]


@pytest.mark.parametrize("users_of_others", [0, 100], ids=["by-ranges", "by-lists"])
def test_a_computation_that_was_killed_goes_on(users_of_others: int) -> None:
    app, other = make_app(), make_app("Other")
    users = [walk(app, f"device-{n}", "A") for n in range(7)]
    walk(other, "device-1", "A")
    count_users((app, 7), (other, users_of_others))
    funnel = make_funnel(app, "A")
    assert services.compute_batch(funnel.pk, 1, T, 3)
    funnel.refresh_from_db()
    assert funnel.computed_users == 3
    assert funnel.computed_upto == sorted(user.id for user in users)[2]
    assert len(reached(funnel)) == 3
    assert compute(funnel, 3) == 2
    assert funnel.computed_users == 7
    assert Funnel.objects.get().computed_upto is None
    assert reached(funnel) == dict.fromkeys((user.id for user in users), 1)


def test_a_batch_that_fails_leaves_progress_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    walk(app, "device-1", "A")
    funnel = make_funnel(app, "A")

    def fail(*_args: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(services, "recompute", fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        services.compute_batch(funnel.pk, 1, T, 1)
    funnel.refresh_from_db()
    assert (funnel.computed_users, funnel.computed_upto, funnel.computed_revision) == (0, None, 0)


def test_an_edited_funnel_starts_again_and_the_old_run_ends() -> None:
    app = make_app()
    user = walk(app, "device-1", "A", "C", "B")
    funnel = make_funnel(app, "A", "B")
    compute(funnel)
    services.change_funnel(funnel, [StepInput("A"), StepInput("B"), StepInput("C")])
    assert (funnel.revision, funnel.computed_users) == (2, 0)
    assert not services.compute_batch(funnel.pk, 1, T, 1)
    compute(funnel)
    assert reached(funnel) == {user.id: 2}


def test_a_new_name_computes_nothing() -> None:
    funnel = make_funnel(make_app(), "A")
    funnel.name = "Another"
    services.change_funnel(funnel, [StepInput("A")])
    funnel.refresh_from_db()
    assert (funnel.name, funnel.revision) == ("Another", 1)


@pytest.mark.parametrize(
    "changes",
    [{"window_seconds": 60}, {"is_same_session": True}],
    ids=["window", "same-session"],
)
def test_another_option_computes_again(changes: dict[str, Any]) -> None:
    funnel = make_funnel(make_app(), "A")
    for name, value in changes.items():
        setattr(funnel, name, value)
    services.change_funnel(funnel, [StepInput("A")])
    assert Funnel.objects.get().revision == 2


def test_another_filter_computes_again() -> None:
    funnel = make_funnel(make_app(), "A")
    services.change_funnel(funnel, [StepInput("A", [{"name": "plan", "operator": "is", "value": "pro"}])])
    assert Funnel.objects.get().revision == 2


def mark(*users: AppUser) -> None:
    mark_stale(Stale.Kind.FUNNELS, [(user.id, user.app_id) for user in users], T)


def test_marked_users_are_computed_in_all_funnels_of_their_apps() -> None:
    app, other = make_app(), make_app("Other")
    mine, theirs = walk(app, "device-1", "A", "B"), walk(other, "device-1", "A")
    first, second = make_funnel(app, "A", "B"), make_funnel(app, "B")
    foreign = make_funnel(other, "A")
    mark(mine, theirs)
    tasks.refresh_stale_funnels()
    assert [reached(funnel) for funnel in (first, second, foreign)] == [{mine.id: 2}, {mine.id: 1}, {theirs.id: 1}]
    assert not Stale.objects.exists()


def test_a_late_event_changes_the_whole_row() -> None:
    app = make_app()
    user = walk(app, "device-1", "A", "B")
    funnel = make_funnel(app, "A", "B", "C")
    compute(funnel)
    make_event(user, "A", T - MINUTE)
    make_event(user, "C", T + 9 * MINUTE)
    services.recompute_users(app, [user.id])
    completion = FunnelCompletion.objects.get()
    assert completion.step_times == [T - MINUTE, T + MINUTE, T + 9 * MINUTE]


def test_a_user_whose_events_left_has_no_row() -> None:
    app = make_app()
    user = walk(app, "device-1", "A", "B")
    funnel = make_funnel(app, "A", "B")
    compute(funnel)
    Event.objects.all().delete()
    services.recompute_users(app, [user.id])
    assert reached(funnel) == {}


def test_what_is_right_is_not_written_again() -> None:
    app = make_app()
    user = walk(app, "device-1", "A")
    compute(make_funnel(app, "A"))
    before = versions()
    services.recompute_users(app, [user.id])
    assert versions() == before


def test_computing_again_also_takes_away_users_who_are_no_more() -> None:
    app = make_app()
    walk(app, "device-1", "A")
    funnel = make_funnel(app, "A")
    count_users((app, 1))
    compute(funnel)
    Event.objects.all().delete()
    UserActivity.objects.all().delete()
    services.start_again(funnel)
    compute(funnel)
    assert reached(funnel) == {}


def test_a_funnel_that_is_none_stops_no_other() -> None:
    app = make_app()
    user = walk(app, "device-1", "A")
    make_funnel(app)
    broken = make_funnel(app, "A")
    FunnelStep.objects.filter(funnel=broken).update(filters=[{"name": "x", "operator": "sounds like"}])
    good = make_funnel(app, "A")
    services.recompute_users(app, [user.id])
    assert list(FunnelCompletion.objects.values_list("funnel_id", flat=True)) == [good.pk]


def test_an_event_that_was_never_sent_matches_nobody() -> None:
    app = make_app()
    walk(app, "device-1", "A")
    funnel = make_funnel(app, "never sent", "A")
    compute(funnel)
    assert reached(funnel) == {}


def test_sessions_may_be_steps() -> None:
    app = make_app()
    user = make_user(app)
    make_session(user, T)
    make_session(user, T + MINUTE)
    funnel = make_funnel(app, SESSION, SESSION)
    compute(funnel)
    assert reached(funnel) == {user.id: 2}


def test_completions_of_a_deleted_funnel_are_forgotten() -> None:
    app = make_app()
    for n in range(3):
        walk(app, f"device-{n}", "A")
    kept, deleted = make_funnel(app, "A"), make_funnel(app, "A")
    compute(kept)
    compute(deleted)
    deleted_id = deleted.pk
    deleted.delete()
    tasks.forget_deleted_funnels()
    assert not FunnelCompletion.objects.filter(funnel_id=deleted_id).exists()
    assert len(reached(kept)) == 3


def test_queries_do_not_grow_with_users(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    app = make_app()
    users = [walk(app, f"device-{n}", "A") for n in range(20)]
    make_funnel(app, "A", "B")
    make_funnel(app, "B")
    for number in (1, 20):
        # Savepoint, lock, funnels, steps, event keys, settings, the statement, release.
        with django_assert_num_queries(8):
            services.recompute_users(app, [user.id for user in users[:number]])


def test_report_of_a_funnel() -> None:
    app = make_app()
    for n, keys in enumerate(["ABC", "AB", "AB", "AXXB", "A", "B"]):
        walk(app, f"device-{n}", *keys)
    funnel = make_funnel(app, "A", "B", "C")
    compute(funnel)
    count_users((app, 6))
    steps = count(funnel, EVERYTHING, T).steps
    assert [step.users for step in steps] == [5, 4, 1]
    assert [step.share_of_first for step in steps] == [1, 0.8, 0.2]
    assert [step.share_of_previous for step in steps] == [None, 0.8, 0.25]
    assert [step.dropped for step in steps] == [0, 1, 3]
    assert [step.median_gap for step in steps] == [None, MINUTE, MINUTE]
    assert users_of(app) == 6


def test_report_of_nobody() -> None:
    funnel = make_funnel(make_app(), "A", "B")
    assert [(step.users, step.share_of_first, step.median_gap) for step in count(funnel, EVERYTHING, T).steps] == [
        (0, None, None)
    ] * 2


def test_gaps_of_many_users_are_measured_on_some(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    for n in range(30):
        walk(app, f"device-{n}", "A", "B")
    funnel = make_funnel(app, "A", "B")
    compute(funnel)
    monkeypatch.setattr("profiles.funnels.report.MEDIAN_SAMPLE", 10)
    assert median_gaps(completions(funnel.pk, ALWAYS), 30) == {1: MINUTE}


def test_suggestions_begin_with_what_the_sdk_sends_itself() -> None:
    app = make_app()
    walk(app, "device-1", "b", "a", VIEW_KEY)
    assert event_key_suggestions(app) == [SESSION, VIEW_KEY, "[CLY]_crash", "a", "b"]
