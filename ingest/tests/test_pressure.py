"""What SDKs are told when nothing more can be taken."""

from collections.abc import Iterator
from typing import Any

import pytest

from ingest import pressure
from ingest.models import InboxRequest
from ingest.tests.sending import post, send
from profiles.access.models import App

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    pressure.forget()
    yield
    pressure.forget()


@pytest.fixture
def an_app() -> App:
    return App.objects.create(name="Kahve")


def test_a_full_inbox_asks_sdks_to_come_later(an_app: App, settings: Any) -> None:
    settings.MOST_WAITING = 2
    for number in range(3):
        send(an_app, f"phone-{number}", begin_session=1)
    pressure.forget()
    assert post(an_app, "phone-9", begin_session=1).status_code == 503
    assert InboxRequest.objects.count() == 3
    InboxRequest.objects.all().delete()
    pressure.forget()
    send(an_app, "phone-9", begin_session=1)


def test_a_nearly_full_disk_asks_sdks_to_come_later(
    an_app: App, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MIN_FREE_DISK_BYTES = 1000
    monkeypatch.setattr(pressure, "_free_bytes", lambda: 999)
    answer = post(an_app, "phone-1", begin_session=1)
    assert (answer.status_code, answer.content) == (503, b'{"result":"Try again later"}')
    assert not InboxRequest.objects.exists()


def test_it_is_not_looked_at_for_every_request(an_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def look() -> pressure.Pressure:
        looks.append(1)
        return pressure.Pressure.NONE

    monkeypatch.setattr(pressure, "look", look)
    for number in range(5):
        send(an_app, f"phone-{number}", begin_session=1)
    assert len(looks) == 1
