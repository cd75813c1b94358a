"""Django admin: apps, members, API keys."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from profiles.access import api_keys
from profiles.access.models import ApiKey, App, UidCounter
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
