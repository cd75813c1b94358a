"""The demo app: gone with one click, and for good."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from countly_profiles import first_start
from profiles.access.models import App
from profiles.privacy import app_erasure

pytestmark = pytest.mark.django_db


def test_the_demo_goes_with_one_click_and_does_not_come_back(client: Client) -> None:
    first_start.ensure_demo_app()
    demo = App.objects.get()
    client.force_login(User.objects.create_superuser("root"))
    assert "Remove the demo" in client.get(demo.get_absolute_url()).content.decode()
    client.post(f"/apps/{demo.public_id}/settings/erase/", {"kind": "delete"})
    while app_erasure.work(datetime.now(tz=UTC) + timedelta(seconds=20)):
        pass
    assert not App.objects.exists()
    assert first_start.ensure_demo_app() == first_start.NO_DEMO
    assert "Make one" in client.get("/").content.decode()
