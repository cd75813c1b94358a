"""Resets and deletions of apps: nothing of one is left, nothing of another is touched, a kill tears nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from ingest.models import InboxRequest
from ingest.tests.sending import apply_all, post, send, user_of
from ingest.tests.tables import dump
from ingest.tests.test_deleting import make_rich, send_rich
from profiles.access.models import App, AppErasure, AuditEntry, Membership
from profiles.crashes.models import CrashGroup
from profiles.funnels.models import Funnel
from profiles.privacy import app_erasure
from profiles.tests.factories import People, make_app, make_people
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

LATER = timedelta(seconds=20)
OUTLIVES = {"profiles_auditentry", "profiles_apperasure"}


@pytest.fixture
def people() -> People:
    return make_people()


def finish(now: datetime | None = None) -> None:
    """Work until nothing is left to do."""
    at = now or datetime.now(tz=UTC) + LATER
    while app_erasure.work(at):
        pass


def ask(people: People, kind: AppErasure.Kind) -> AppErasure:
    return app_erasure.ask(people.app, kind, by=people.alice, now=datetime.now(tz=UTC))


def rows_naming(app_id: int, public_id: str) -> set[str]:
    return {
        table
        for table, rows in dump().items()
        for row in rows
        if (f'"app_id": {app_id},' in row or f'"app_id": {app_id}}}' in row or public_id in row)
    }


def test_a_deleted_app_leaves_nothing_but_its_receipt(people: People) -> None:
    other = make_app("Other", owner=people.alice)
    send_rich(other, "neighbour")
    make_rich(people)
    app_id, public_id = people.app.pk, people.app.public_id
    send(people.app, "still-waiting", 0, begin_session=1)
    neighbours = rows_naming(other.pk, other.public_id)
    ask(people, AppErasure.Kind.DELETE)
    assert post(people.app, "late", 0, begin_session=1).status_code == 400
    finish()
    assert not App.objects.filter(pk=app_id).exists()
    assert rows_naming(app_id, public_id) <= OUTLIVES
    assert not InboxRequest.objects.filter(app_id=app_id).exists()
    assert rows_naming(other.pk, other.public_id) == neighbours
    receipt = AppErasure.objects.get()
    assert (receipt.stage, receipt.users_done, receipt.rows["profiles_appuser"]) == ("done", 2, 2)
    assert AuditEntry.objects.get(action="app_deleted").subject == "Kahve"


def test_a_reset_app_keeps_people_funnels_and_key_and_takes_data_again(people: People) -> None:
    make_rich(people)
    ask(people, AppErasure.Kind.RESET)
    finish()
    app = App.objects.get(pk=people.app.pk)
    assert (app.erasing, app.key) == ("", people.app.key)
    assert not AppUser.objects.filter(app=app).exists()
    assert not CrashGroup.objects.filter(app=app).exists()
    assert Funnel.objects.filter(app=app).exists()
    assert Membership.objects.filter(app=app).count() == 2
    send(app, "ayse-phone", 0, begin_session=1)
    apply_all()
    assert user_of(app, "ayse-phone").activity.sessions_count == 1


def test_it_waits_for_the_doors_and_goes_on_after_a_kill(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        send(people.app, f"phone-{number}", 0, begin_session=1)
    apply_all()
    erasure = ask(people, AppErasure.Kind.RESET)
    assert not app_erasure.work(datetime.now(tz=UTC))
    monkeypatch.setattr(app_erasure, "USERS_PER_BATCH", 2)
    now = datetime.now(tz=UTC) + LATER
    app_erasure.work(now)
    app_erasure.work(now)
    with monkeypatch.context() as patch:
        patch.setattr(app_erasure, "add_rows", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            app_erasure.work(now)
    erasure.refresh_from_db()
    assert (erasure.stage, erasure.users_done) == ("users", 2)
    assert AppUser.objects.filter(app=people.app).count() == 3
    finish(now)
    erasure.refresh_from_db()
    assert (erasure.users_done, erasure.fraction) == (5, 1)


def test_the_name_has_to_be_typed_and_asking_twice_is_asking_once(client: Client, people: People) -> None:
    client.force_login(people.alice)
    address = f"/apps/{people.app.public_id}/settings/erase/"
    assert "Nothing was deleted" in client.post(address, {"kind": "delete", "typed": "kahve"}).content.decode()
    assert not AppErasure.objects.exists()
    for _ in range(2):
        page = client.post(address, {"kind": "delete", "typed": "Kahve"}, follow=True).content.decode()
    assert AppErasure.objects.count() == 1
    assert "under way" in page
    assert "being deleted" in client.get(f"/apps/{people.app.public_id}/settings/").content.decode()
    client.force_login(people.bob)
    assert "Kahve" not in client.get("/erasures/").content.decode()
