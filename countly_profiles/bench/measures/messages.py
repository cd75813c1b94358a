"""How fast messages are composed and sent, by one process, to a stand-in in another that verifies each post."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from countly_profiles.bench import places
from countly_profiles.bench.figures import Figure
from countly_profiles.bench.run import Run
from profiles.access.models import App
from profiles.messages import accounts, composing, sending, tasks
from profiles.messages.content import Content, Text, to_json
from profiles.messages.credentials import AppleKey, GoogleAccount
from profiles.messages.models import Delivery, Message, MessageTotal
from profiles.users.keys import user_key
from profiles.users.models import AppUser, DeviceToken
from profiles.users.tokens import token_key

_ANSWER_SECONDS = 0.03  # what a provider's answers take


def measure(run: Run) -> Iterator[Figure]:
    """Compose for everybody, send, and compare what was accepted with what the tables say."""
    run.end_instance()
    count = round(run.choose(10_000, 2_000))
    with places.database(), _standin() as known:
        app = App.objects.create(name="Bench")
        now = datetime.now(tz=UTC)
        apple = known["apple"]
        key = AppleKey(apple["key_id"], apple["team_id"], apple["topic"], apple["key"]["private"])
        accounts.store(app, key, "", now)
        accounts.store(app, GoogleAccount.read(known["firebase"]), "", now)
        run.tell(f"messages: {count} users with a token each")
        _seed(app, count, now)
        message = Message.objects.create(
            app=app,
            state=Message.State.SENDING,
            content=to_json(Content((Text("Kahve?", "Merhaba {name|there}, {custom.tier|new}"),))),
            audience=[["everyone", "1"]],
            created_at=now,
            created_by="bench",
            began_at=datetime.now(tz=UTC),
        )
        started = time.monotonic()
        while composing.compose_batch(message.pk, datetime.now(tz=UTC)):
            pass
        composed = time.monotonic() - started
        started = time.monotonic()
        while tasks.work_once(time.monotonic() + 60):
            pass
        sent_in = time.monotonic() - started
        sent = Delivery.objects.filter(message=message, state=Delivery.State.SENT).count()
        counted = sum(MessageTotal.objects.filter(message=message, outcome="sent").values_list("count", flat=True))
    beside = f"{count} users with a token, half Apple's and half Google's"
    yield Figure("messages: composing", composed, "s", beside)
    beside = f"one process, {sending.IN_HAND} in hand, the stand-in answers after {_ANSWER_SECONDS * 1000:.0f} ms"
    yield Figure("messages: sending", count / sent_in, "deliveries/s", beside)
    is_right = sent == counted == count
    yield Figure("messages: content right", int(is_right), "1 or 0", f"{sent} sent, {counted} by the totals")


@contextmanager
def _standin() -> Iterator[dict[str, Any]]:
    """Run the stand-in in a process of its own, and let this process's settings lead to it."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "profiles.messages.standin", directory, str(_ANSWER_SECONDS)]
        root = Path(settings.BASE_DIR)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as process:  # noqa: S603 - our own
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            known: dict[str, Any] = json.loads(process.stdout.readline())
            for name, value in known["environment"].items():
                setattr(settings, name, value)
            settings.PUSH_TOKEN_HOSTS = [known["environment"]["PUSH_TOKEN_HOSTS"]]
            try:
                yield known
            finally:
                process.stdin.close()
                process.terminate()


def _seed(app: App, count: int, now: datetime) -> None:
    users, tokens = [], []
    for number in range(count):
        device = f"device-{number}"
        key = user_key(app.public_id, device)
        users.append(AppUser(id=key, app=app, uid=str(number), device_id=device, created_at=now, name=f"Elif {number}"))
        provider = "apns" if number % 2 else "fcm"
        token = "f0" + secrets.token_hex(31)
        tokens.append(
            DeviceToken(
                user_id=key,
                token_key=token_key(provider, token),
                provider=provider,
                token=token,
                app=app,
                original_user_id=key,
                registered_at=now,
                last_registered_at=now,
            )
        )
    AppUser.objects.bulk_create(users, batch_size=2_000)
    DeviceToken.objects.bulk_create(tokens, batch_size=2_000)
