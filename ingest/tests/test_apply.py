"""What waits is applied exactly once, in order per user, and one poison request holds up nobody."""

import io
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from ingest import apply, inbox
from ingest.folding import Folder, Understood
from ingest.models import InboxRequest, IngestRequest
from ingest.tests.sending import START, apply_all, days_of, event_keys_of, send, user_of
from ingest.tests.tables import dump
from profiles.access.models import App, AppTotals
from profiles.access.services import create_app
from profiles.activity.models import Stale
from profiles.users.models import AppUser, UserActivity

pytestmark = pytest.mark.django_db

Verdict = IngestRequest.Verdict


@pytest.fixture
def app() -> App:
    return create_app(name="Kahve", timezone="Europe/Istanbul")


@pytest.fixture
def poison() -> Iterator[None]:
    """Make requests of the device `poison` impossible to fold."""
    fold = Folder.fold

    def fold_unless_poison(self: Folder, item: Understood) -> None:
        if item.request.device_id == "poison":
            raise ValueError("poison")
        fold(self, item)

    with mock.patch.object(Folder, "fold", fold_unless_poison):
        yield


class TestApplied:
    @pytest.mark.rule("order.parameters_together")
    def test_a_request_becomes_a_profile(self, app: App) -> None:
        send(app, "phone", 0, begin_session=1, metrics={"_os": "Android", "_app_version": "1.4.2"})
        send(app, "phone", 60, session_duration=60, events=[{"key": "buy"}, {"key": "share"}])
        assert apply_all() == 2
        user = user_of(app, "phone")
        assert (user.uid, user.platform, user.app_version, user.is_identified) == ("1", "Android", "1.4.2", False)
        assert (user.activity.sessions_count, user.activity.total_seconds, user.activity.events_count) == (1, 60, 2)
        assert user.activity.first_seen_at == START
        assert event_keys_of(app, user) == ["buy", "share"]
        assert days_of(app) == [("2026-03-10", 1, 2, 60)]

    @pytest.mark.rule("time.app_days")
    def test_a_day_is_a_day_of_the_app(self, app: App) -> None:
        send(app, "phone", 9.5 * 3600, events=[{"key": "late at night"}])
        apply_all()
        assert days_of(app) == [("2026-03-11", 0, 1, 0)]

    @pytest.mark.rule("order.arrival")
    def test_requests_of_one_user_are_applied_in_order(self, app: App) -> None:
        for number in range(20):
            send(app, "phone", number, user_details={"custom": {"n": number, "all": {"$push": number}}})
        apply_all(limit=7)
        assert user_of(app, "phone").custom == {"n": 19, "all": list(range(20))}

    @pytest.mark.rule("identity.uid")
    def test_uids_follow_first_contact(self, app: App) -> None:
        for device_id in ("c", "a", "b"):
            send(app, device_id, events=[{"key": "x"}])
        apply_all()
        assert [user_of(app, device_id).uid for device_id in ("c", "a", "b")] == ["1", "2", "3"]

    def test_totals_are_kept(self, app: App) -> None:
        send(app, "a")
        send(app, "b", user_details={"name": "Bo"})
        apply_all()
        totals = AppTotals.objects.filter(app=app)
        assert sum(t.users for t in totals) == AppUser.objects.filter(app=app).count() == 2
        assert sum(t.identified for t in totals) == UserActivity.objects.filter(is_identified=True).count() == 1

    def test_touched_users_are_marked_stale(self, app: App) -> None:
        send(app, "a")
        apply_all()
        assert set(Stale.objects.values_list("user_id", "kind")) == {
            (user_of(app, "a").id, Stale.Kind.ENGAGEMENT),
            (user_of(app, "a").id, Stale.Kind.FUNNELS),
        }

    @pytest.mark.parametrize("users", [1, 50])
    def test_a_batch_costs_the_same_number_of_statements(
        self, app: App, users: int, django_assert_num_queries: Any
    ) -> None:
        for number in range(users):
            device_id = f"device-{number}"
            send(
                app,
                device_id,
                0,
                begin_session=1,
                metrics={"_os": "iOS", "_device": "iPhone17,1"},
                events=[{"key": "x"}],
            )
            send(app, device_id, 5, end_session=1, session_duration=5, user_details={"custom": {"a": 1}})
        with django_assert_num_queries(29):
            apply.apply_waiting()


class TestExactlyOnce:
    @pytest.mark.rule("retries.once")
    def test_a_retry_changes_nothing(self, app: App) -> None:
        for _ in range(2):
            send(app, "phone", 0, begin_session=1, rr=_)
            send(app, "phone", 1, events=[{"key": "buy"}], checksum256="ff" * 32)
        apply_all()
        before = dump()
        send(app, "phone", 1, events=[{"key": "buy"}], rr=7)
        apply_all()
        after = dump()
        assert after == before
        assert IngestRequest.objects.filter(verdict=Verdict.DUPLICATE).count() == 3

    @pytest.mark.rule("retries.interleaved")
    def test_interleaved_retries_are_found(self, app: App) -> None:
        for _ in range(3):
            for number in range(5):
                send(app, "phone", number, events=[{"key": f"e{number}"}])
            apply_all()
        assert event_keys_of(app, user_of(app, "phone")) == ["e0", "e1", "e2", "e3", "e4"]

    @pytest.mark.rule("retries.another_device")
    def test_the_same_words_of_another_device_are_no_retry(self, app: App) -> None:
        for device_id in ("a", "b"):
            send(app, device_id, 0, events=[{"key": "buy"}])
        apply_all()
        assert not IngestRequest.objects.filter(verdict=Verdict.DUPLICATE).exists()

    @pytest.mark.rule("retries.unstamped")
    def test_without_a_stamp_nothing_is_taken_for_a_retry(self, app: App) -> None:
        for _ in range(2):
            send(app, "iot", None, events=[{"key": "measured"}])
        apply_all()
        assert user_of(app, "iot").activity.events_count == 2

    def test_a_batch_that_dies_before_its_commit_is_applied_by_the_next(self, app: App) -> None:
        send(app, "phone", 0, begin_session=1, events=[{"key": "x"}])
        with (
            mock.patch.object(inbox, "settle", side_effect=OperationalError("the server closed the connection")),
            pytest.raises(OperationalError),
        ):
            apply.apply_waiting()
        assert not AppUser.objects.exists()
        assert apply_all() == 1
        assert user_of(app, "phone").activity.events_count == 1


class TestPoison:
    def test_stands_alone_and_holds_up_nobody(self, app: App, poison: None) -> None:
        for number in range(30):
            send(app, f"device-{number}", number, events=[{"key": "x"}])
            if number in (3, 17):
                send(app, "poison", number)
        assert apply_all() == 32
        assert AppUser.objects.filter(app=app).count() == 30
        refused = IngestRequest.objects.filter(verdict=Verdict.REFUSED)
        assert {request.reason for request in refused} == {"failed_ValueError"}
        assert refused.count() == 2
        assert bytes(refused[0].body).startswith(b"app_key=")

    def test_is_applied_again_after_the_fault_was_mended(self, app: App) -> None:
        with mock.patch.object(Folder, "fold", side_effect=ValueError("a bug")):
            send(app, "phone", 0, events=[{"key": "x"}])
            apply_all()
        out = io.StringIO()
        call_command("replay", "--dry-run", stdout=out)
        assert out.getvalue().split() == ["1", "failed_ValueError"]
        call_command("replay", "--reason", "failed_ValueError", stdout=io.StringIO())
        assert apply_all() == 1
        assert user_of(app, "phone").activity.events_count == 1
        assert [request.verdict for request in IngestRequest.objects.all()] == [Verdict.APPLIED]

    def test_is_refused_when_it_waits_alone(self, app: App, poison: None) -> None:
        send(app, "poison")
        assert apply_all() == 1
        assert IngestRequest.objects.get().verdict == Verdict.REFUSED

    def test_a_fault_of_ours_refuses_nothing(self, app: App) -> None:
        for number in range(30):
            send(app, f"device-{number}")
        with (
            mock.patch.object(Folder, "fold", side_effect=RuntimeError("a bug")),
            pytest.raises(apply.SystemicFailureError),
        ):
            apply_all()
        assert InboxRequest.objects.count() == 30
        assert not IngestRequest.objects.exists()
        assert apply_all() == 30

    def test_a_lost_database_refuses_nothing(self, app: App) -> None:
        send(app, "phone")
        with (
            mock.patch.object(Folder, "fold", side_effect=OperationalError("gone")),
            pytest.raises(OperationalError),
        ):
            apply_all()
        assert InboxRequest.objects.count() == 1

    def test_what_is_no_request_is_refused_with_its_reason(self, app: App) -> None:
        arrival = inbox.Arrival(0, app.id, START, b"app_key=x", b"", "", "", "")
        inbox.append([arrival])
        apply_all()
        assert IngestRequest.objects.get().reason == "missing_device_id"


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_commit_comes_late_is_not_skipped() -> None:
    """Its id is lower than that of one that was applied before it could be seen."""
    app = create_app(name="Kahve")
    late = connection.copy()
    late.ensure_connection()
    late.set_autocommit(False)
    try:
        with late.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ingest_inboxrequest"
                " (shard, app_id, received_at, query, body, content_type, ip, user_agent)"
                " VALUES (1, %s, now(), %s, '', '', '', '')",
                [app.id, f"app_key={app.key}&device_id=late".encode()],
            )
        send(app, "early")
        assert apply_all() == 1
        late.commit()
    finally:
        late.close()
    assert apply_all() == 1
    assert {user.device_id for user in AppUser.objects.all()} == {"early", "late"}
