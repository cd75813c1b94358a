"""Django admin: apps, members, API keys."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from profiles.access import api_keys
from profiles.access.models import ApiKey, App, AuditEntry, SecondFactor, UidCounter
from profiles.tests.factories import make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("model", ["app", "membership", "apikey", "crashgroup"])
def test_lists_open(admin: Client, model: str) -> None:
    make_app()
    assert admin.get(f"/admin/profiles/{model}/").status_code == 200


def test_an_app_made_here_can_take_users(admin: Client) -> None:
    form = {"name": "New", "key": "k" * 40, "salt": "", "timezone": "Asia/Kathmandu", "late_data": "drop"}
    inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert admin.post("/admin/profiles/app/add/", form | inline).status_code == 302
    app = App.objects.get(name="New")
    assert UidCounter.objects.filter(app=app).exists()


def test_a_time_zone_that_does_not_exist_is_refused(admin: Client) -> None:
    inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    answer = admin.post("/admin/profiles/app/add/", {"name": "New", "key": "k", "timezone": "Mars/Base"} | inline)
    assert answer.status_code == 200
    assert "time zone" in answer.content.decode()


def test_keys_are_revoked(admin: Client) -> None:
    api_keys.create(user=User.objects.get())
    key = ApiKey.objects.get()
    admin.post("/admin/profiles/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_changes_here_stand_in_the_audit_log(admin: Client) -> None:
    dora = User.objects.create_user("dora")
    SecondFactor.objects.create(user=dora, secret="sealed", confirmed_at=datetime.now(tz=UTC))
    form = {"action": "take_second_factor_away", "_selected_action": [dora.pk]}
    admin.post("/admin/auth/user/", form)
    assert not SecondFactor.objects.exists()
    admin.post("/admin/auth/user/", {"action": "delete_selected", "_selected_action": [dora.pk], "post": "yes"})
    assert not User.objects.filter(username="dora").exists()
    said = AuditEntry.objects.filter(actor_name="root").values_list("action", "subject").order_by("id")
    assert list(said)[-2:] == [
        ("credentials_changed", "second factor of dora taken away"),
        ("administered", f"user {dora.pk}"),
    ]
