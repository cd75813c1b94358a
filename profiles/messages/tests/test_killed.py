"""A sender that is killed, again and again, in the midst of a message: a process of its own, by SIGKILL."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from profiles.messages import sending
from profiles.messages.models import Message
from profiles.messages.tests.making import Ready, give_token, outcomes, work
from profiles.tests.factories import make_user

KILLS = 5
USERS = 900
SENDER = """
import django
django.setup()
from time import monotonic
from profiles.messages.tasks import work_once
while work_once(monotonic() + 60):
    pass
"""


def sender(ready: Ready) -> subprocess.Popen[bytes]:
    """Start a process that sends until nothing is due."""
    database = connection.settings_dict
    port = f"&port={database['PORT']}" if database["PORT"] else ""
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "countly_profiles.settings",
        "DATABASE_URL": f"postgresql:///{database['NAME']}?host={database['HOST']}&user={database['USER']}{port}",
        "SECRET_KEY": settings.SECRET_KEY,
        "PUSH_SECRET": settings.PUSH_SECRET,
        "PUSH_APNS_PRODUCTION": settings.PUSH_APNS_PRODUCTION,
        "PUSH_APNS_SANDBOX": settings.PUSH_APNS_SANDBOX,
        "PUSH_FCM": settings.PUSH_FCM,
        "PUSH_CA_FILE": settings.PUSH_CA_FILE,
    }
    root = Path(__file__).parents[3]
    return subprocess.Popen([sys.executable, "-W", "ignore", "-c", SENDER], env=environ, cwd=root)


@pytest.mark.django_db(transaction=True)
def test_a_sender_that_is_killed_loses_nothing_and_repeats_only_what_it_had_in_hand(ready: Ready) -> None:
    tokens = [give_token(make_user(ready.app, f"d{n}", uid=f"u{n}"), ("apns", "fcm")[n % 2]) for n in range(USERS)]
    book = ready.standin.book
    book.behaviour.answer_seconds = 0.05
    message = ready.send()

    for kill in range(KILLS):
        process = sender(ready)
        until = time.monotonic() + 60
        wanted = (kill + 1) * USERS // (KILLS + 2)
        while len(book.accepted) < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        assert process.poll() is None, "it was to be killed in the midst"
        process.kill()
        process.wait()
    work(60)

    message.refresh_from_db()
    assert message.state == Message.State.SENT
    assert outcomes(message) == {("sent", ""): USERS}
    assert set(ready.accepted()) == {token.token for token in tokens}
    # What was in hand is posted again as the same message, which takes the place of the first on the device.
    counts = book.counts()
    assert counts["accepted"] == USERS
    assert counts["repeats"] <= KILLS * sending.IN_HAND
    assert len({(one.token, one.id, one.collapse_id) for one in book.accepted}) == USERS
