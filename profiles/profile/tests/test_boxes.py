"""A box that fails, fails alone."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client

from profiles.profile import boxes
from profiles.profile.boxes import BOXES, Asked
from profiles.tests.factories import make_people, make_user

pytestmark = pytest.mark.django_db


def _raises(asked: Asked) -> object:
    raise KeyError(asked.user.uid)


def _breaks_the_transaction(asked: Asked) -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    return None


def _takes_too_long(asked: Asked) -> object:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(20)")
    return None


@pytest.mark.parametrize(
    ("load", "words"),
    [
        (_raises, "This part could not be loaded."),
        (_breaks_the_transaction, "This part could not be loaded."),
        (_takes_too_long, "This part took too long."),
    ],
)
def test_a_box_that_fails_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch, load: Callable[[Asked], object], words: str
) -> None:
    broken = tuple(replace(box, load=load) if box.name == "timeline" else box for box in BOXES)
    monkeypatch.setattr(boxes, "BOXES", broken)
    monkeypatch.setattr(boxes, "BOX_SECONDS", 0.3)
    people = make_people()
    user = make_user(people.app, "some-device", custom={"plan": "pro"})
    client = Client()
    client.force_login(people.bob)
    response = client.get(f"/apps/{people.app.public_id}/users/{user.uid}/")
    page = response.content.decode()
    assert response.status_code == 200
    assert page.count("data-box-error hidden") == len(BOXES) - 1
    assert words in page
    assert f"/users/{user.uid}/timeline/" in page  # where to try again
    assert "some-device" in page
    assert ">plan<" in page


def test_boxes_that_no_time_is_left_for_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "PAGE_SECONDS", 0)
    people = make_people()
    user = make_user(people.app, "some-device")
    client = Client()
    client.force_login(people.bob)
    page = client.get(f"/apps/{people.app.public_id}/users/{user.uid}/").content.decode()
    assert page.count("left for later") == len(BOXES)
