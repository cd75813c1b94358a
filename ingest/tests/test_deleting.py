"""Deleting users: nothing of them is left in any table, numbers follow, and late data does not bring them back."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models
from django.test import Client
from PIL import Image
from pytest_django.fixtures import Settings

from ingest.models import IngestRequest
from ingest.tests.sending import START, apply_all, event_keys_of, send, user_of
from ingest.tests.tables import dump
from profiles import pictures
from profiles.access.models import App, AppTotals, AuditEntry
from profiles.crashes.models import CrashGroup
from profiles.directory.audience import Audience
from profiles.funnels.models import Funnel
from profiles.funnels.services import StepInput, create_funnel, refresh_stale
from profiles.messages.composing import compose_batch
from profiles.messages.models import Message
from profiles.privacy import erasures, hiding
from profiles.privacy.holdings import holdings
from profiles.privacy.models import Erasure, Tombstone
from profiles.profile import notes
from profiles.tests.factories import People, make_people
from profiles.users.models import AppUser

pytestmark = pytest.mark.django_db

CRASH = {"_os": "Android", "_app_version": "1.0", "_error": "java.lang.Boom: x\n\tat a.b(C.java:1)", "_nonfatal": False}
# What would betray that a person was here, wherever it is left.
TRACES = [
    "Ayşe",
    "ayse@kahve.test",
    "ayse-phone",
    "ayse-old-phone",
    "secret-token-of-ayse",
    "ayse-segment",
    "ayse-view",
    "Bursa",
]


@pytest.fixture
def people() -> People:
    return make_people()


def send_rich(app: App, device: str, at: float = 0) -> None:
    """Send everything that an SDK can say of somebody."""
    metrics = {"_os": "Android", "_device": "Pixel 8", "_app_version": "1.0"}
    send(app, device, at, begin_session=1, metrics=metrics, country_code="TR", city="Bursa", location="40.2,29.1")
    details = {"name": "Ayşe", "email": "ayse@kahve.test", "custom": {"plan": "pro"}}
    send(app, device, at + 1, user_details=details)
    send(app, device, at + 2, events=[{"key": "buy", "segmentation": {"a": "ayse-segment"}}, {"key": "look"}])
    send(app, device, at + 3, crash=CRASH)
    send(app, device, at + 3, events=[{"key": "[CLY]_view", "dur": 3, "segmentation": {"name": "ayse-view"}}])
    send(app, device, at + 4, token_session=1, android_token="secret-token-of-ayse", test_mode=0)
    send(app, device, at + 5, consent={"events": True, "crashes": True})
    send(app, device, at + 60, session_duration=60, end_session=1)


def make_rich(people: People) -> AppUser:
    """Make somebody with rows in every table, a merged device among them, beside somebody else with the same."""
    app = people.app
    create_funnel(Funnel(app=app, name="Buys"), [StepInput("buy"), StepInput("look")])
    send_rich(app, "ayse-old-phone")
    apply_all()
    send_rich(app, "ayse-phone", 1000)
    send(app, "ayse-phone", 1100, old_device_id="ayse-old-phone")
    send(app, "other-phone", 0, begin_session=1, user_details={"name": "Bora"}, crash=CRASH)
    apply_all()
    refresh_stale()
    message = Message.objects.create(
        app=app,
        state=Message.State.SENDING,
        content={},
        audience=[["everyone", "1"]],
        created_at=datetime.now(tz=UTC),
        created_by="author",
    )
    compose_batch(message.pk, datetime.now(tz=UTC))
    hiding.hide(app.pk, [user_of(app, "ayse-phone").id], reason="by rule", now=START)
    notes.write(app, user_of(app, "ayse-phone"), "Met at the fair", by=people.alice, now=datetime.now(tz=UTC))
    return user_of(app, "ayse-phone")


def delete(people: People, *uids: str) -> Erasure:
    erasure = erasures.ask(people.app, Audience(picked=uids), by=people.alice, now=datetime.now(tz=UTC))
    while erasures.work():
        pass
    erasure.refresh_from_db()
    return erasure


def everything() -> str:
    """Return all tables as text, raw requests included."""
    raw = [bytes(part).decode() for row in IngestRequest.objects.values_list("query", "body") for part in row]
    return json.dumps(dump(), ensure_ascii=False) + "".join(raw)


def test_nothing_is_left_in_any_table(people: People) -> None:
    user = make_rich(people)
    before = everything()
    assert all(trace in before for trace in TRACES), "the test sends too little"
    held = {one.holding.table: one.rows for one in erasures.held_on(people.app, Audience(picked=(user.uid,)))}
    empty = {holding.table for holding in holdings()} - set(held) - {"profiles_stale", "profiles_engagement"}
    assert not empty, "a rich user has rows in every table"

    erasure = delete(people, user.uid)

    after = everything()
    for trace in [*TRACES, str(user.id), user.id.hex]:
        assert trace not in after, trace
    assert erasure.rows["profiles_event"] == held["profiles_event"]
    assert erasure.rows["profiles_appuser"] == 1
    assert (erasure.users_done, erasure.asked, erasure.fault) == (1, [], "")
    assert [one.name for one in AppUser.objects.filter(app=people.app)] == ["Bora"]


def test_numbers_follow(people: People) -> None:
    user = make_rich(people)
    group = CrashGroup.objects.get()
    assert (group.users_count, group.occurrences_count) == (2, 3)
    delete(people, user.uid)
    group.refresh_from_db()
    assert (group.users_count, group.occurrences_count) == (1, 1)
    assert sum(day.count for day in group.days.all()) == sum(one.count for one in group.versions.all()) == 1
    totals = AppTotals.objects.filter(app=people.app).aggregate(u=models.Sum("users"), i=models.Sum("identified"))
    assert totals == {"u": 1, "i": 1}


def test_every_column_that_could_name_a_user_is_known() -> None:
    """A new table with a user in it is found by `holdings`, or it is named here with the reason why it need not be."""
    others = {
        "original_user_id": "whose it was first: beside user_id, which finds the row",
        "absorbed_id": "merges: they are found by the survivor, undone ones by this",
        "token_key": "a digest, beside user_id",
        "digest": "raw requests: of their own content",
        "device": "tombstones: a keyed digest",
        "upto": "positions of work, random to whoever has no user",
        "computed_upto": "positions of work",
        "composed_upto": "positions of work",
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE a.atttypid = 'uuid'::regtype AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND a.attnum > 0 AND NOT a.attisdropped"
        )
        pairs = [(table, column) for table, column in cursor.fetchall()]
    # Of a table that is known by one column, others beside it find nothing more.
    found = {holding.table for holding in holdings()}
    unknown = {(table, column) for table, column in pairs if table not in found and column not in others}
    assert not unknown, f"say in holdings or here how {unknown} are deleted with their user"


@pytest.mark.parametrize("late_data", ["drop", "fresh"])
def test_late_data_of_an_offline_sdk(people: People, late_data: str) -> None:
    App.objects.filter(pk=people.app.pk).update(late_data=late_data)
    user = make_rich(people)
    delete(people, user.uid)
    for device in ("ayse-phone", "ayse-old-phone"):
        send_rich(people.app, device, 500)  # recorded before the deletion, sent after it
    apply_all()
    found = list(AppUser.objects.filter(app=people.app).exclude(name="Bora"))
    if late_data == "drop":
        assert found == []
        assert all(trace not in everything() for trace in TRACES)
        assert IngestRequest.objects.filter(reason="user_deleted").count() == 16
    else:
        assert {one.device_id for one in found} == {"ayse-phone", "ayse-old-phone"}
        assert all((one.name, one.email, one.custom, one.is_identified) == (None, None, {}, False) for one in found)
        assert event_keys_of(people.app, found[0]) == ["buy", "look"]


def test_who_uses_the_app_again_begins_anew(people: People) -> None:
    user = make_rich(people)
    delete(people, user.uid)
    later = (datetime.now(tz=UTC) + timedelta(seconds=1) - START).total_seconds()
    Tombstone.objects.update(until=datetime.now(tz=UTC) - timedelta(seconds=2))
    send(people.app, "ayse-phone", later - 2, begin_session=1)
    apply_all()
    again = user_of(people.app, "ayse-phone")
    assert again.uid != user.uid
    assert again.activity.sessions_count == 1


def test_a_device_that_went_on_after_its_merge_is_somebody_else(people: People) -> None:
    app = people.app
    send(app, "shared", 0, begin_session=1)
    send(app, "survivor", 100, old_device_id="shared")
    send(app, "shared", 200, begin_session=1)
    apply_all()
    delete(people, user_of(app, "survivor").uid)
    send(app, "shared", 50, events=[{"key": "before the merge"}])
    send(app, "shared", 250, events=[{"key": "after it"}])
    apply_all()
    assert event_keys_of(app, user_of(app, "shared")) == ["after it"]


def test_the_picture_goes_too(
    people: People, settings: Settings, tmp_path: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    png = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(png, "PNG")
    send(people.app, "phone", 0, begin_session=1)
    apply_all()
    user = user_of(people.app, "phone")
    url = pictures.store(people.app.public_id, png.getvalue(), owner=str(user.id))
    AppUser.objects.filter(pk=user.pk).update(picture=url)
    with django_capture_on_commit_callbacks(execute=True):
        delete(people, user.uid)
    assert not list((tmp_path / "pictures" / people.app.public_id).iterdir())


def test_a_killed_worker_leaves_a_deletion_that_goes_on(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        send(people.app, f"phone-{number}", 0, begin_session=1)
    apply_all()
    monkeypatch.setattr(erasures, "USERS_PER_BATCH", 2)
    erasure = erasures.ask(people.app, Audience(), by=people.alice, now=datetime.now(tz=UTC))
    erasures.work()
    with monkeypatch.context() as patch:
        patch.setattr(erasures, "add_rows", lambda *_: 1 / 0)  # dies in the middle of a batch
        with pytest.raises(ZeroDivisionError):
            erasures.work()
    assert AppUser.objects.filter(app=people.app).count() == 3
    erasure.refresh_from_db()
    assert (erasure.users_done, erasure.finished_at) == (2, None)
    send(people.app, "came-later", 0, begin_session=1)
    apply_all()
    while erasures.work():
        pass
    assert [user.device_id for user in AppUser.objects.filter(app=people.app)] == ["came-later"]
    erasure.refresh_from_db()
    assert (erasure.users_done, erasure.fraction) == (5, 1)


def test_alice_deletes_a_user_by_typing_the_device_id(client: Client, people: People) -> None:
    user = make_rich(people)
    client.force_login(people.alice)
    address = f"/apps/{people.app.public_id}/list/delete/"
    page = client.get(address, {"user": user.uid}).content.decode()
    assert "ayse-phone" in page
    assert "Events" in page
    page = client.post(address, {"user": user.uid, "expected": "ayse-phone", "typed": "no"}).content.decode()
    assert "Nobody was deleted" in page
    assert not Erasure.objects.exists()
    answer = client.post(address, {"user": user.uid, "expected": "ayse-phone", "typed": "ayse-phone"})
    receipt = answer["Location"]
    assert "hx-trigger" in client.get(receipt).content.decode()
    while erasures.work():
        pass
    page = client.get(receipt, headers={"hx-request": "true"}).content.decode()
    assert "Receipt" in page
    assert "hx-trigger" not in page
    assert not any(trace in page for trace in TRACES)
    assert AuditEntry.objects.get(action="deleted").subject == f"user {user.uid}"
    assert "done" in client.get(f"/apps/{people.app.public_id}/settings/privacy/").content.decode()


def test_a_filter_that_cannot_be_read_deletes_nobody(client: Client, people: People) -> None:
    make_rich(people)
    client.force_login(people.alice)
    address = f"/apps/{people.app.public_id}/list/delete/"
    for asked in ({}, {"everyone": "1", "filter": "nonsense::"}, {"user": ""}):
        assert client.post(address, asked | {"typed": "", "expected": ""}).status_code == 400
    assert client.post(address, {"user": "zzz", "typed": "", "expected": ""}).status_code == 200
    assert not Erasure.objects.exists()


def exported(client: Client, people: People, user: AppUser) -> dict[str, bytes]:
    """Download a user's zip as Alice, and return its files."""
    client.force_login(people.alice)
    answer = client.post(f"/apps/{people.app.public_id}/users/{user.uid}/export/")
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def test_an_export_holds_every_table_that_a_deletion_empties(client: Client, people: People) -> None:
    user = make_rich(people)
    files = exported(client, people, user)
    held = {one.holding.label.replace(" ", "_") for one in erasures.held_on(people.app, Audience(picked=(user.uid,)))}
    assert {name.rpartition(".")[0] for name in files} - {"README"} == held
    text = b"".join(files.values()).decode()
    assert all(trace in text for trace in TRACES)
    assert "Bora" not in text
    assert len(json.loads(files["ingest_requests.json"])) == 17
    events = json.loads(files["events.json"])
    assert [event["key_key"] for event in events].count("buy") == 2
    assert len(list(csv.reader(io.StringIO(files["events.csv"].decode())))) == len(events) + 1
    assert AuditEntry.objects.get(action="exported").subject == f"user {user.uid}"


def test_no_cell_of_an_export_is_a_formula(client: Client, people: People) -> None:
    send(people.app, "phone", 0, user_details={"name": "=HYPERLINK(1)", "username": "+cmd", "email": "@a"})
    apply_all()
    files = exported(client, people, user_of(people.app, "phone"))
    for name, content in files.items():
        if name.endswith(".csv"):
            for row in csv.reader(io.StringIO(content.decode())):
                assert not [cell for cell in row if cell.startswith(("=", "+", "@"))], name
    assert "'=HYPERLINK(1)" in files["app_users.csv"].decode()
